//! An answer's body, within bounds of size and time.

use std::io::{self, Read};
use std::time::Instant;

use ureq::Body;
use ureq::http::Response;
use ureq::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};

use crate::error::Error;
use crate::settings::Timeouts;

/// How much is read at once, in bytes.
const PIECE: usize = 16 * 1024;

/// The value of a header, if it is there once and is text.
pub(crate) fn header<'r, B>(response: &'r Response<B>, name: &str) -> Option<&'r str> {
    let mut values = response.headers().get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() { None } else { value.to_str().ok() }
}

/// Hands the body to `sink`, piece by piece: at most `limit` bytes, no slower than [`Timeouts::whole`] allows. Returns its
/// length in bytes.
pub(crate) fn read(
    response: Response<Body>,
    target: &str,
    limit: u64,
    timeouts: &Timeouts,
    mut sink: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<u64, Error> {
    let malformed = |why: String| Error::Malformed { target: target.to_owned(), why };
    let too_large = || Error::TooLarge { target: target.to_owned(), limit };
    if header(&response, CONTENT_ENCODING.as_str()).is_some_and(|encoding| encoding != "identity") {
        return Err(malformed("the answer is compressed, and that was not asked for".into()));
    }
    let announced: Option<u64> = header(&response, CONTENT_LENGTH.as_str()).and_then(|length| length.parse().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let (begun, most) = (Instant::now(), timeouts.whole(announced.unwrap_or(limit)));
    let mut reader = response.into_body().into_reader();
    let mut piece = vec![0; PIECE];
    let mut received = 0;
    loop {
        if begun.elapsed() > most {
            return Err(Error::TimedOut { target: target.to_owned(), phase: "as the answer came too slowly" });
        }
        let count = match reader.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(Error::of_body(e, target, received)),
        };
        received += count as u64;
        if received > limit {
            return Err(too_large());
        }
        sink(&piece[..count]).map_err(|source| Error::Local { target: target.to_owned(), source })?;
    }
    match announced {
        Some(length) if length != received => Err(malformed(format!("the answer has {received} of {length} bytes"))),
        _ => Ok(received),
    }
}
