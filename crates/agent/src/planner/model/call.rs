//! One call of a model's endpoint: `POST …/chat/completions`. No redirect is followed, no proxy asked, and all of it, with the whole
//! answer, takes no longer than it may.

use std::path::PathBuf;
use std::time::Duration;

use writ_client::{Ask, Error, Sending, Settings, Web};
use writ_policy::settings::{Endpoint, Place};
use writ_trust::text::one_line;

use super::answer::MAX_ANSWER;
use super::key::Key;
use super::outcome::Outcome;

/// What is called, and how.
pub struct Call<'a> {
    /// Where.
    pub endpoint: &'a Endpoint,
    /// Certificates (PEM) of the authorities that may vouch for its name, instead of the public web's.
    pub ca_file: Option<PathBuf>,
    /// The key, where it asks for one.
    pub key: Option<&'a Key>,
    /// What is sent.
    pub body: &'a [u8],
    /// How long all of it may take.
    pub within: Duration,
}

/// Why no answer came.
#[derive(Debug)]
pub struct Failed {
    /// By name.
    pub outcome: Outcome,
    /// In words, one line.
    pub why: String,
    /// Whether what was sent may have been read, and be paid for.
    pub is_paid: bool,
}

/// Calls, and gives the bytes of an answer that says of itself that it is one.
pub fn call(call: &Call<'_>) -> Result<Vec<u8>, Failed> {
    let unpaid = |outcome, why: String| Failed { outcome, why: one_line(why), is_paid: false };
    let Call { endpoint, ca_file, key, body, within } = call;
    let mut settings = Settings::new(endpoint.base());
    settings.ca_file.clone_from(ca_file);
    // The signed policy has judged it; where anything else were asked for, this machine would not.
    settings.allow_http = endpoint.place() != Place::Elsewhere;
    settings.timeouts.connect = *within;
    settings.timeouts.first_byte = *within;
    settings.timeouts.idle = *within;
    let web = Web::new(&settings).map_err(|e| unpaid(Outcome::Address, e.to_string()))?.within(*within);
    let mut headers = vec![("Content-Type", "application/json".to_owned()), ("Accept", "application/json".to_owned())];
    if let Some(key) = key {
        headers.push(("Authorization", key.header().to_string()));
    }
    let target = format!("{}/chat/completions", endpoint.path);
    let mut answer = Vec::new();
    let mut reader = *body;
    let asked = web.ask(
        Ask {
            method: "POST",
            target: &target,
            headers: &headers,
            sending: Sending::Stream(&mut reader, body.len() as u64),
            limit: MAX_ANSWER as u64,
        },
        &mut |piece| {
            answer.extend_from_slice(piece);
            Ok(())
        },
    );
    headers.iter_mut().for_each(|(_, value)| zeroize::Zeroize::zeroize(value));
    match asked {
        Ok(said) if said.status == 200 => Ok(answer),
        Ok(said) if (300..400).contains(&said.status) => {
            Err(unpaid(Outcome::Redirect, format!("it answered {} and sent elsewhere", said.status)))
        }
        Ok(said) => Err(unpaid(Outcome::HttpStatus, format!("it answered {}", said.status))),
        // The body is read once there is a connection and the head is sent; nobody answers to half of it.
        Err(error) => Err(failed(&error, reader.is_empty())),
    }
}

/// Whoever was sent all that was to be sent may have read it, whatever came of that: also who answers nothing, and hangs up.
fn failed(error: &Error, is_sent: bool) -> Failed {
    let outcome = match error {
        Error::Unreachable { .. } | Error::Local { .. } => Outcome::Unreachable,
        Error::TimedOut { .. } => Outcome::Timeout,
        Error::TooLarge { .. } => Outcome::TooLarge,
        Error::Malformed { .. } => Outcome::Malformed,
        Error::Refused { .. } => Outcome::HttpStatus,
    };
    Failed { outcome, why: one_line(error), is_paid: is_sent && outcome != Outcome::HttpStatus }
}
