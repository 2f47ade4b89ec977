//! Large files straight from the page cache into the socket, by `sendfile(2)`.
//!
//! Hyper writes bodies from memory, and copying a NAR there costs more than all else that a cache does. So a body promises
//! pieces of a file: it hands hyper bytes that lie in one window of memory known to be nobody's content, and notes in the
//! connection's outlet which part of which file they stand for. The socket, when it is given bytes of that window, sends
//! that part instead. Promises are kept in the order in which they were made, which is the order in which hyper writes.
//!
//! This is for plain TCP; where TLS packs what is sent, files are read (`stream`).

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use rustix::io::{Errno, ReadWriteFlags};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// Bytes promised at once.
const PIECE: usize = 256 * 1024;

/// The window: bytes that lie here are never content, and are never read.
static WINDOW: [u8; PIECE] = [0; PIECE];

fn is_promise(bytes: &[u8]) -> bool {
    WINDOW.as_ptr_range().contains(&bytes.as_ptr())
}

/// A part of a file that was promised and not sent yet.
#[derive(Debug)]
struct Promise {
    file: Arc<File>,
    at: u64,
    left: usize,
}

/// What one connection has promised.
#[derive(Debug, Clone, Default)]
pub struct Outlet(Arc<Mutex<VecDeque<Promise>>>);

impl Outlet {
    fn promise(&self, file: Arc<File>, at: u64, size: usize) -> Bytes {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(Promise { file, at, left: size });
        Bytes::from_static(&WINDOW[..size])
    }

    /// Sends what stands first, at most `most` bytes of it.
    fn send(&self, stream: &TcpStream, most: usize) -> io::Result<usize> {
        let mut promises = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(first) = promises.front_mut() else {
            return Err(io::Error::other("bytes of the window that nothing was promised for"));
        };
        let sent = rustix::fs::sendfile(stream, &*first.file, Some(&mut first.at), first.left.min(most))?;
        if sent == 0 {
            // Shorter than it was: a file here is never cut, so the disk or a person did that.
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        first.left -= sent;
        if first.left == 0 {
            promises.pop_front();
        }
        Ok(sent)
    }
}

/// A socket that keeps what its outlet promised.
#[derive(Debug)]
pub struct Sending {
    stream: TcpStream,
    outlet: Outlet,
}

impl Sending {
    /// A socket and its outlet.
    pub fn new(stream: TcpStream, outlet: Outlet) -> Self {
        Self { stream, outlet }
    }

    fn poll_send(&self, context: &mut Context<'_>, most: usize) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_write_ready(context))?;
            match self.stream.try_io(Interest::WRITABLE, || self.outlet.send(&self.stream, most)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => return Poll::Ready(sent),
            }
        }
    }
}

impl AsyncRead for Sending {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Sending {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if is_promise(bytes) {
            return self.poll_send(context, bytes.len());
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = pieces.iter().position(|piece| !piece.is_empty()).unwrap_or(0);
        let pieces = &pieces[first..];
        let bare = pieces.iter().position(|piece| !piece.is_empty() && is_promise(piece)).unwrap_or(pieces.len());
        match pieces.first() {
            Some(promise) if bare == 0 => self.poll_send(context, promise.len()),
            _ => Pin::new(&mut self.stream).poll_write_vectored(context, &pieces[..bare]),
        }
    }

    fn is_write_vectored(&self) -> bool {
        // Otherwise hyper would copy what is in the window.
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The bytes of a file from `start` up to `end`, to be sent by this outlet's socket.
pub(super) fn body(outlet: Outlet, file: Arc<File>, start: u64, end: u64) -> axum::body::Body {
    axum::body::Body::new(Promised { outlet, file, at: start, end, reading: None })
}

struct Promised {
    outlet: Outlet,
    file: Arc<File>,
    at: u64,
    end: u64,
    /// A piece that has to come from the disk before it is promised.
    reading: Option<JoinHandle<io::Result<()>>>,
}

impl Promised {
    /// Whether begin and end of a piece are in the page cache; then the rest most likely is too.
    fn is_in_memory(&self, size: usize) -> bool {
        [self.at, self.at + size as u64 - 1].iter().all(|at| {
            let mut byte = [0];
            let read =
                rustix::io::preadv2(&*self.file, &mut [io::IoSliceMut::new(&mut byte)], *at, ReadWriteFlags::NOWAIT);
            // A file system that cannot tell is asked no further.
            matches!(read, Ok(_) | Err(Errno::OPNOTSUPP | Errno::NOSYS))
        })
    }
}

impl Body for Promised {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let size = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(PIECE);
        if size == 0 {
            return Poll::Ready(None);
        }
        if self.reading.is_none() && !self.is_in_memory(size) {
            // A socket that waits for a disk would make every other one wait too.
            let (file, at) = (self.file.clone(), self.at);
            self.reading = Some(tokio::task::spawn_blocking(move || file.read_at(&mut vec![0; size], at).map(drop)));
        }
        if let Some(reading) = &mut self.reading {
            let read = ready!(Pin::new(reading).poll(context));
            self.reading = None;
            match read {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Poll::Ready(Some(Err(error))),
                Err(error) => return Poll::Ready(Some(Err(io::Error::other(error)))),
            }
        }
        let promised = self.outlet.promise(self.file.clone(), self.at, size);
        self.at += size as u64;
        Poll::Ready(Some(Ok(Frame::data(promised))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.end - self.at)
    }
}
