//! Making lies of a depot's true answers.

use serde_json::Value;
use writ_scenarios::Time;
use writ_scenarios::proxy::{Answer, Asked, Said};
use writ_trust::log::checkpoint::{Checkpoint, SignedCheckpoint};
use writ_wire::Blob;

use super::line::{Line, ORIGIN};
use crate::house::{LOG, public, secret};

pub const SYNC: &str = "/agent/sync";
pub const CHECK_IN: &str = "/agent/checkin";
pub const SUBMIT: &str = "/submit";

/// An answer with another body and nothing that would let it be asked for conditionally.
pub fn with_body(answer: &Answer, body: Vec<u8>) -> Answer {
    let mut headers = answer.headers.clone();
    headers.retain(|line| !line.to_ascii_lowercase().starts_with("etag:"));
    Answer { status: "HTTP/1.1 200 OK".into(), headers, body }
}

/// The JSON of an answer.
pub fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

impl Line {
    /// Has every good JSON answer to paths that hold `path` changed like this.
    pub fn forge(&self, path: &'static str, forge: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.lie(move |asked: &Asked, answer: &Answer| {
            if !asked.target.contains(path) || answer.code() != 200 {
                return None;
            }
            let mut body: Value = serde_json::from_slice(&answer.body).ok()?;
            forge(&mut body);
            Some(Said::Answer(with_body(answer, serde_json::to_vec(&body).unwrap())))
        });
    }

    /// Has the answers to paths that hold `path` replaced by this, whatever they were.
    pub fn replay(&self, path: &'static str, said: &Answer) {
        let said = said.clone();
        self.lie(move |asked, answer| {
            asked.target.contains(path).then(|| Said::Answer(with_body(answer, said.body.clone())))
        });
    }

    /// The newest true answer to paths that hold `path`.
    pub fn last(&self, path: &str) -> Answer {
        self.heard(path).last().unwrap_or_else(|| panic!("nothing was overheard of {path}")).1.clone()
    }

    /// The oldest.
    pub fn first(&self, path: &str) -> Answer {
        self.heard(path).first().unwrap_or_else(|| panic!("nothing was overheard of {path}")).1.clone()
    }
}

/// Flips one bit in the middle of what a base64 member holds.
pub fn flip(member: &mut Value) {
    change(member, |mut bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        bytes
    });
}

/// Changes what a base64 member holds.
pub fn change(member: &mut Value, how: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    let Some(Ok(Blob(bytes))) = member.as_str().map(Blob::decode) else { return };
    *member = Blob(how(bytes)).encode().into();
}

/// The checkpoint in a note, signed anew with the log's own key: another root, or another time, or both.
pub fn resigned(note: &[u8], root: Option<[u8; 32]>, at: Option<Time>) -> Vec<u8> {
    let Ok(truth) = SignedCheckpoint::verify(note, ORIGIN, &[public(LOG)]) else { return note.to_vec() };
    let checkpoint = Checkpoint { root: root.unwrap_or(truth.checkpoint.root), ..truth.checkpoint };
    let at = at.or(truth.fresh_at).unwrap_or(Time::from_unix_millis(0));
    SignedCheckpoint::sign(checkpoint, &secret(LOG), at).note.into_bytes()
}
