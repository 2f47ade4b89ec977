//! How it stands with one secret on one appliance, as far as that can be told by who cannot decrypt it.

use serde::Serialize;
use writ_age::{FormatError, MAX_ARMORED, Recipient};
use writ_trust::digest::Digest;

use super::place::{Note, Place};

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is encrypted to the appliance's key.
    Current,
    /// The appliance has none of this name.
    Missing,
    /// It is encrypted to a key that the appliance has not.
    Stale,
    /// Nobody noted what it is encrypted to, or the file is another one than was noted.
    Unnoted,
    /// What lies there is no age file that an appliance could read.
    Unusable,
}

impl State {
    /// As JSON and people have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Missing => "missing",
            Self::Stale => "stale",
            Self::Unnoted => "unnoted",
            Self::Unusable => "unusable",
        }
    }
}

/// How it stands with a secret; its note, and why it cannot be used where it cannot. `recipient` is what the appliance can
/// decrypt now, if anything.
pub fn state(place: &Place, name: &str, recipient: Option<&Recipient>) -> (State, Option<Note>, Option<String>) {
    let file = place.age_file(name);
    if !place.is_there(&file) {
        return (State::Missing, None, None);
    }
    let note = place.note(name);
    let Some(bytes) = place.read(&file, MAX_ARMORED) else {
        let why = format!("it is no plain file of at most {} KiB", MAX_ARMORED / 1024);
        return (State::Unusable, note, Some(why));
    };
    if let Err(why) = usable(&bytes) {
        return (State::Unusable, note, Some(why.to_string()));
    }
    let Some(noted) = note.as_ref().filter(|note| note.digest == Digest::of(&bytes)) else {
        return (State::Unnoted, note, None);
    };
    let current = recipient.is_some_and(|recipient| recipient.to_string() == noted.recipient);
    (if current { State::Current } else { State::Stale }, note, None)
}

fn usable(bytes: &[u8]) -> Result<(), FormatError> {
    writ_age::inspect(&writ_age::dearmor(bytes)?)
}
