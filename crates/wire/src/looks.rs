//! What was seen over the network (`writ.look.v1`), in `looks/<check>.json` of the spool.
//!
//! Whoever writes it has no authority and no key. The enforcer takes it for what an unprivileged process says that it saw.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;
use writ_trust::time::Time;

use crate::shape::document;

/// The largest such document, in bytes.
pub const MAX_LOOK: usize = 64 * 1024;

/// One look at what one check asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look {
    /// Always `writ.look.v1`.
    pub schema: LookSchema,
    /// The check.
    pub check: String,
    /// What was asked, see [`crate::asks::call_digest`].
    pub call: Digest,
    /// When it began.
    pub began_at: Time,
    /// When it ended.
    pub ended_at: Time,
    /// What it came to.
    pub result: LookResult,
}

document!(Look, LookSchema, LOOK_SCHEMA, "writ.look.v1", MAX_LOOK);

/// What a look came to. There is no "does not apply": what does not apply is not counted by an audit, and that is not for an
/// unprivileged process to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LookResult {
    /// These fields were seen.
    Seen(BTreeMap<String, Fact>),
    /// It could not look, for this reason.
    Failed(String),
}

/// One observed value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Fact {
    /// True or false.
    Bool(bool),
    /// An integer, within ±2^53.
    Int(i64),
    /// A string.
    Text(String),
    /// A list of strings.
    List(Vec<String>),
}

/// The file in which the look for a check lies; none for an id that cannot be the name of one.
pub fn file_name(check: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let fits = !check.is_empty() && check.len() <= 200 && !check.starts_with('.') && check.chars().all(plain);
    fits.then(|| format!("{check}.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_ids_become_names_of_files() {
        assert_eq!(file_name("transmission.tls-versions").as_deref(), Some("transmission.tls-versions.json"));
        for odd in ["", ".", "..", ".hidden", "a/b", "../x", "a\0b", "ü", &*"x".repeat(201)] {
            assert_eq!(file_name(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn nobody_can_say_that_a_check_does_not_apply() {
        let look = |result: &str| {
            format!(
                "{{\"schema\":\"writ.look.v1\",\"check\":\"a\",\"call\":\"{}\",\"began_at\":\"2026-11-23T12:00:00Z\",\
                 \"ended_at\":\"2026-11-23T12:00:00Z\",\"result\":{result}}}",
                Digest::of(b"")
            )
        };
        assert!(Look::parse(look(r#"{"failed":"no route"}"#).as_bytes()).is_ok());
        for bad in [
            r#"{"not_applicable":"no"}"#,
            r#"{"seen":{},"failed":"x"}"#,
            "{}",
            "null",
            r#"{"seen":{"a":1.5}}"#,
            r#"{"seen":{"a":null}}"#,
            r#"{"seen":{"a":[1]}}"#,
            r#"{"seen":{"a":{}}}"#,
        ] {
            assert!(Look::parse(look(bad).as_bytes()).is_err(), "{bad}");
        }
    }
}
