//! Connecting to a program of this machine at its own socket (unix(7)).

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

/// Connects without waiting for a server whose queue is full.
///
/// # Errors
/// Whatever the system says, and `TimedOut` of one that takes no more connections.
pub(super) fn connect(socket: &Path) -> io::Result<UnixStream> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let descriptor: OwnedFd = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&descriptor, &SocketAddrUnix::new(socket)?).map_err(|e| match e {
        Errno::AGAIN => io::Error::new(io::ErrorKind::TimedOut, "it takes no more connections"),
        other => other.into(),
    })?;
    let stream = UnixStream::from(descriptor);
    stream.set_nonblocking(false)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_for_a_server_that_takes_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("socket");
        let address = SocketAddrUnix::new(&socket).unwrap();
        let server = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
        rustix::net::bind(&server, &address).unwrap();
        rustix::net::listen(&server, 0).unwrap();
        let waits = connect(&socket).unwrap();
        assert_eq!(connect(&socket).unwrap_err().kind(), io::ErrorKind::TimedOut);
        drop(waits);
        assert_eq!(connect(&dir.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
