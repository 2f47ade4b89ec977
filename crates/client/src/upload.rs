//! A body on its way out.

use std::io::{self, Read};

/// What is sent, in its exact length. Remembers when reading it failed on this machine, which is not the depot's fault.
pub(crate) struct Upload<'a> {
    source: Source<'a>,
    left: u64,
    failure: Option<io::Error>,
}

enum Source<'a> {
    Bytes(&'a [u8]),
    Stream(&'a mut dyn Read),
}

impl<'a> Upload<'a> {
    pub(crate) fn bytes(bytes: &'a [u8]) -> Self {
        Self { source: Source::Bytes(bytes), left: bytes.len() as u64, failure: None }
    }

    pub(crate) fn stream(reader: &'a mut dyn Read, size: u64) -> Self {
        Self { source: Source::Stream(reader), left: size, failure: None }
    }

    /// What failed on this machine, if anything did.
    pub(crate) fn into_failure(self) -> Option<io::Error> {
        self.failure
    }
}

impl Read for Upload<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let buffer = &mut buffer[..most];
        let result = match &mut self.source {
            Source::Bytes(bytes) => bytes.read(buffer),
            Source::Stream(reader) => reader.read(buffer),
        };
        match result {
            Ok(0) if most > 0 => {
                let early = || io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter while it was sent");
                self.failure = Some(early());
                Err(early())
            }
            Ok(count) => {
                self.left -= count as u64;
                Ok(count)
            }
            Err(e) => {
                self.failure = Some(io::Error::new(e.kind(), e.to_string()));
                Err(e)
            }
        }
    }
}
