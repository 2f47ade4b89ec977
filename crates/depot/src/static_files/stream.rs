//! A part of a large file as a body, a piece at a time.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use rustix::io::{Errno, ReadWriteFlags};
use tokio::task::JoinHandle;

/// Bytes read at once.
const PIECE: u64 = 256 * 1024;

/// The bytes of a file from `start` up to `end`.
pub(super) fn body(file: Arc<File>, start: u64, end: u64) -> Body {
    Body::new(FileBody { file, at: start, end, reading: None })
}

struct FileBody {
    file: Arc<File>,
    at: u64,
    end: u64,
    /// A piece that has to come from the disk.
    reading: Option<JoinHandle<io::Result<Vec<u8>>>>,
}

impl FileBody {
    fn piece(&mut self, bytes: Vec<u8>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if bytes.is_empty() {
            // Shorter than it was: a file here is never cut, so the disk or a person did that.
            return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
        }
        self.at += bytes.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(bytes.into()))))
    }
}

impl hyper::body::Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(reading) = &mut self.reading {
            let read = ready!(Pin::new(reading).poll(context));
            self.reading = None;
            return match read {
                Ok(Ok(bytes)) => self.piece(bytes),
                Ok(Err(error)) => Poll::Ready(Some(Err(error))),
                Err(error) => Poll::Ready(Some(Err(io::Error::other(error)))),
            };
        }
        let left = self.end - self.at;
        if left == 0 {
            return Poll::Ready(None);
        }
        let size = usize::try_from(left.min(PIECE)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; size];
        // What is in the page cache is there at once; only the disk is worth another thread.
        let pieces = &mut [io::IoSliceMut::new(&mut bytes)];
        match rustix::io::preadv2(&*self.file, pieces, self.at, ReadWriteFlags::NOWAIT) {
            Ok(read) if read > 0 => {
                bytes.truncate(read);
                return self.piece(bytes);
            }
            Ok(_) | Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INTR) => {}
            Err(error) => return Poll::Ready(Some(Err(error.into()))),
        }
        let (file, at) = (self.file.clone(), self.at);
        self.reading = Some(tokio::task::spawn_blocking(move || {
            let mut filled = 0;
            while filled < bytes.len() {
                match file.read_at(&mut bytes[filled..], at + filled as u64)? {
                    0 => break,
                    read => filled += read,
                }
            }
            bytes.truncate(filled);
            Ok(bytes)
        }));
        self.poll_frame(context)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.end - self.at)
    }
}
