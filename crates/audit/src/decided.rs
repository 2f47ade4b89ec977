//! What people turned down, as the flake's `rules/learned/rejected.nix` has it, written as JSON.

use serde::Deserialize;
use writ_trust::json::{self, JsonError};

use crate::learn::{Decisions, ID_DIGITS};

/// The largest list of rejected patterns, in bytes.
pub const MAX_REJECTED: usize = 1024 * 1024;
/// The most patterns that it names.
const MOST: usize = 10_000;

/// One of them; why and by whom it was is for people.
#[derive(Deserialize)]
struct Rejected {
    id: String,
}

/// Why a list of rejected patterns is of no use.
#[derive(Debug, thiserror::Error)]
pub enum RejectedError {
    /// It is no such JSON.
    #[error("it is no list of rejected patterns, which each have an `id`: {0}")]
    Malformed(#[from] JsonError),
    /// It names too many.
    #[error("it names more than {MOST} patterns")]
    TooMuch,
    /// What one of them, counted from 1, has is no pattern's id: it would turn nothing down.
    #[error("entry {0} names no pattern: an id is {ID_DIGITS} hexadecimal digits")]
    NoPattern(usize),
}

/// The id of a pattern as evidence has it, however somebody wrote its digits; none where it is no such id.
pub fn pattern_id(text: &str) -> Option<String> {
    let is_id = text.len() == ID_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| text.to_ascii_lowercase())
}

/// What `nix eval --json --file rules/learned/rejected.nix` prints: a list of objects, of which each has an `id`.
///
/// # Errors
/// [`RejectedError`]
pub fn rejected(bytes: &[u8]) -> Result<Decisions, RejectedError> {
    let list: Vec<Rejected> = json::parse(bytes, MAX_REJECTED)?;
    if list.len() > MOST {
        return Err(RejectedError::TooMuch);
    }
    let ids = (1..).zip(&list).map(|(n, one)| pattern_id(&one.id).ok_or(RejectedError::NoPattern(n)));
    Ok(Decisions { rejected: ids.collect::<Result<_, _>>()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_rejected_patterns_is_read_and_nothing_else() {
        let of =
            |text: &str| rejected(text.as_bytes()).map(|decisions| decisions.rejected.into_iter().collect::<Vec<_>>());
        assert_eq!(of("[]").unwrap(), Vec::<String>::new());
        let two = "[{\"id\":\"0123456789AB\",\"why\":\"no\"},{\"id\":\"ba9876543210\",\"rejected_at\":null}]";
        assert_eq!(of(two).unwrap(), ["0123456789ab", "ba9876543210"]);
        let long = format!("[{{\"id\":\"{}\"}}]", "a".repeat(13));
        for bad in [
            "",
            "{}",
            "[1]",
            "[{}]",
            "[{\"id\":1}]",
            "[{\"id\":\"a\",\"id\":\"b\"}]",
            "[{\"id\":\"0123456789ab\"}] ]",
            &long,
            "[{\"id\":\"0123456789xy\"}]",
        ] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }
}
