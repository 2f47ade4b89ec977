//! What can go wrong between here and a depot.

use std::io;
use std::time::Duration;

use writ_trust::text::one_line;

/// Why a request did not come to what was asked. Each message is one line.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There was no talking to the depot at all.
    #[error("{depot} cannot be reached: {}", one_line(.why))]
    Unreachable {
        /// Which depot.
        depot: String,
        /// What stood in the way.
        why: String,
    },
    /// The depot, or the line to it, was too slow.
    #[error("{target}: timed out {phase}")]
    TimedOut {
        /// What was asked for.
        target: String,
        /// During what.
        phase: &'static str,
    },
    /// The depot answered with another status than one of success. Redirects are among these: none is followed.
    #[error("{target}: answered {status}{}", said(.body))]
    Refused {
        /// What was asked for.
        target: String,
        /// The status.
        status: u16,
        /// How long the depot asks to wait, at most an hour.
        retry_after: Option<Duration>,
        /// The beginning of the answer's body.
        body: Vec<u8>,
    },
    /// The answer is larger than it may be.
    #[error("{target}: the answer is larger than the {limit} bytes allowed")]
    TooLarge {
        /// What was asked for.
        target: String,
        /// The bound.
        limit: u64,
    },
    /// The answer is not HTTP as it should be, or ended early.
    #[error("{target}: {}", one_line(.why))]
    Malformed {
        /// What was asked for.
        target: String,
        /// What is wrong.
        why: String,
    },
    /// What was to be sent or stored here could not be read or written. The depot has no part in it.
    #[error("{target}: on this machine: {source}")]
    Local {
        /// What was asked for.
        target: String,
        /// What happened.
        source: io::Error,
    },
}

/// The most of a refusal's body that is kept, in bytes.
pub(crate) const MAX_REFUSAL: u64 = 64 * 1024;
/// The longest wait that a depot can ask for.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// The beginning of a refusal's body as part of a message; nothing when it is not text.
fn said(body: &[u8]) -> String {
    match std::str::from_utf8(&body[..body.len().min(1000)]) {
        Ok(text) if !text.trim().is_empty() => format!(": {}", one_line(text.trim())),
        _ => String::new(),
    }
}

impl Error {
    /// The status that the depot refused with.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// What ureq says of a request that got no answer.
    pub(crate) fn of_request(error: ureq::Error, depot: &str, target: &str) -> Self {
        let (target, depot) = (target.to_owned(), depot.to_owned());
        match error {
            ureq::Error::Timeout(timeout) => Self::TimedOut { target, phase: phase(timeout) },
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
                Self::TimedOut { target, phase: "while talking to it" }
            }
            ureq::Error::LargeResponseHeader(..) => Self::Malformed { target, why: "its headers are too large".into() },
            error @ (ureq::Error::Protocol(_) | ureq::Error::Http(_) | ureq::Error::BodyStalled) => {
                Self::Malformed { target, why: format!("not a good answer: {error}") }
            }
            error => Self::Unreachable { depot, why: error.to_string() },
        }
    }

    /// What ureq says of a body that broke off after some bytes.
    pub(crate) fn of_body(error: io::Error, target: &str, received: u64) -> Self {
        let target = target.to_owned();
        match ureq::Error::from(error) {
            ureq::Error::Timeout(_) => Self::TimedOut { target, phase: "waiting for more of the answer" },
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
                Self::TimedOut { target, phase: "waiting for more of the answer" }
            }
            error => Self::Malformed { target, why: format!("the answer broke off after {received} bytes: {error}") },
        }
    }
}

fn phase(timeout: ureq::Timeout) -> &'static str {
    match timeout {
        ureq::Timeout::Resolve => "looking up its name",
        ureq::Timeout::Connect => "connecting",
        ureq::Timeout::SendRequest | ureq::Timeout::SendBody => "sending",
        ureq::Timeout::RecvResponse => "waiting for an answer",
        _ => "while talking to it",
    }
}
