//! A large body into a file, from where the last attempt broke off.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

use ureq::http::header::{CONTENT_RANGE, RANGE};
use ureq::http::{Method, Response, StatusCode};
use writ_wire::paths::Target;

use crate::answer::{self, header};
use crate::client::{Client, Sent};
use crate::error::Error;

/// What came of a download.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Downloaded {
    /// How long the file is now, in bytes.
    pub size: u64,
    /// How many of them came in this attempt.
    pub received: u64,
}

impl Client {
    /// Appends to `file` what it lacks of a body of at most `limit` bytes; a depot that does not continue sends all of it
    /// again, and is asked for that when the file is longer than the body. On an error the file keeps what came, for the next
    /// attempt. That the bytes are the right ones is for the caller to check, and to start anew if they are not; nothing is
    /// fsynced here.
    pub fn download(&self, target: &Target, file: &mut File, limit: u64) -> Result<Downloaded, Error> {
        let name = target.to_string();
        let local = |source: io::Error| Error::Local { target: name.clone(), source };
        let too_large = || Error::TooLarge { target: name.clone(), limit };
        let mut from = file.seek(SeekFrom::End(0)).map_err(local)?;
        if from > limit {
            return Err(too_large());
        }
        let range = format!("bytes={from}-");
        let headers = if from > 0 { vec![(RANGE.as_str(), range.as_str())] } else { Vec::new() };
        let mut response = self.send(Method::GET, target, Sent::Nothing, &headers, limit)?;
        if from > 0 && response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            if total(&response) == Some(from) {
                return Ok(Downloaded { size: from, received: 0 });
            }
            // What is there is of something else: it would never be continued.
            response = self.send(Method::GET, target, Sent::Nothing, &[], limit)?;
            from = 0;
        }
        let response = if from > 0 && response.status() == StatusCode::PARTIAL_CONTENT {
            let (begin, whole) = continued(&response).ok_or_else(|| Error::Malformed {
                target: name.clone(),
                why: "a part was sent without saying which".into(),
            })?;
            if begin != from {
                let why = format!("the part from byte {begin} was sent, that from {from} was asked for");
                return Err(Error::Malformed { target: name, why });
            }
            if whole.is_some_and(|whole| whole > limit) {
                return Err(too_large());
            }
            response
        } else {
            let response = self.expect(response, target, StatusCode::OK)?;
            file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0))).map_err(local)?;
            from = 0;
            response
        };
        let received = answer::read(response, &name, limit - from, &self.timeouts, |piece| file.write_all(piece));
        let received = received.map_err(|error| match error {
            // The bound is that of the whole, whatever was left to come.
            Error::TooLarge { .. } => too_large(),
            other => other,
        })?;
        Ok(Downloaded { size: from + received, received })
    }
}

/// Begin and, if told, whole length of the part in an answer: `bytes 5-9/10`, `bytes 5-9/*`.
fn continued<B>(response: &Response<B>) -> Option<(u64, Option<u64>)> {
    let (part, whole) = header(response, CONTENT_RANGE.as_str())?.strip_prefix("bytes ")?.split_once('/')?;
    let (begin, end) = part.split_once('-')?;
    let (begin, end): (u64, u64) = (begin.parse().ok()?, end.parse().ok()?);
    let whole: Option<u64> = if whole == "*" { None } else { Some(whole.parse().ok()?) };
    (begin <= end && whole.is_none_or(|whole| end < whole)).then_some((begin, whole))
}

/// The whole length that an unsatisfiable range is answered with: `bytes */10`.
fn total<B>(response: &Response<B>) -> Option<u64> {
    header(response, CONTENT_RANGE.as_str())?.strip_prefix("bytes */")?.parse().ok()
}
