//! What tools are asked with: each argument bounded, and none that a tool does not know.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use writ_audit::compare::Verdict;
use writ_trust::json;
use writ_wire::plan::{MAX_NAME, MAX_REASON};

use crate::answer::Refusal;

/// The most entries of one answer.
pub const MOST: u64 = 100;
/// How many there are where nobody says.
pub const USUAL: usize = 25;
/// The longest period, in bytes: two times with `..` between.
pub const LONGEST_PERIOD: usize = 64;
/// The longest cursor, in bytes.
pub const LONGEST_CURSOR: usize = 32;

/// Reads the arguments of a call.
///
/// # Errors
/// What is missing, unknown, or not what it should be.
pub fn read<T: DeserializeOwned>(arguments: Map<String, Value>) -> Result<T, Refusal> {
    json::from_value(Value::Object(arguments)).map_err(|error| Refusal::new(format!("the arguments are {error}")))
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $why:expr, $fits:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                let fits: fn(&str) -> bool = $fits;
                if fits(&text) { Ok(Self(text)) } else { Err($why) }
            }
        }
    };
}

text!(
    /// The name of a check, a control, a rule, a runbook.
    Name,
    format!("a name is 1 to {MAX_NAME} visible ASCII characters without a space"),
    |text| (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
);
text!(
    /// A period as people write it; whether it is one is judged with the time that it is.
    PeriodText,
    format!("a period is 1 to {LONGEST_PERIOD} visible ASCII characters"),
    |text| (1..=LONGEST_PERIOD).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
);
text!(
    /// Where to go on in a list.
    Cursor,
    "a cursor is what an answer gave as next_cursor".to_owned(),
    |text| (1..=LONGEST_CURSOR).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
);
text!(
    /// Why, in words for people.
    Reason,
    format!("a reason is words for people, of at most {MAX_REASON} bytes and without control characters"),
    |text| {
        let plain = text.chars().all(|c| c == '\n' || crate::plain::visible(c.encode_utf8(&mut [0; 4])).len() == c.len_utf8());
        !text.trim().is_empty() && text.len() <= MAX_REASON && plain
    }
);

/// How many entries of a list are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
pub struct Limit(usize);

impl TryFrom<u64> for Limit {
    type Error = String;

    fn try_from(limit: u64) -> Result<Self, String> {
        let fits = (1..=MOST).contains(&limit).then(|| usize::try_from(limit).ok()).flatten();
        fits.map(Self).ok_or_else(|| format!("a limit is 1 to {MOST}"))
    }
}

impl Limit {
    /// As many as are wanted.
    pub fn of(limit: Option<Self>) -> usize {
        limit.map_or(USUAL, |limit| limit.0)
    }
}

/// A verdict by its name for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct VerdictName(pub Verdict);

impl TryFrom<String> for VerdictName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let found = Verdict::ALL.into_iter().find(|verdict| verdict.slug() == text);
        let all = || Verdict::ALL.map(Verdict::slug).join(", ");
        found.map(Self).ok_or_else(|| format!("a verdict is one of {}", all()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        #[serde(default)]
        name: Option<Name>,
        #[serde(default)]
        reason: Option<Reason>,
        #[serde(default)]
        limit: Option<Limit>,
        #[serde(default)]
        verdict: Option<VerdictName>,
    }

    fn asked(value: Value) -> Result<Asked, Refusal> {
        read(value.as_object().unwrap().clone())
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let good =
            asked(json!({ "name": "164.308(a)(7)(ii)(A)", "reason": "a\nb", "limit": 100, "verdict": "no-evidence" }));
        let good = good.unwrap();
        assert_eq!(good.name.unwrap().as_str(), "164.308(a)(7)(ii)(A)");
        assert_eq!((Limit::of(good.limit), Limit::of(None)), (100, USUAL));
        assert_eq!(good.verdict.unwrap().0, Verdict::NoEvidence);
        assert_eq!(good.reason.unwrap().as_str(), "a\nb");
        for bad in [
            json!({ "name": "" }),
            json!({ "name": "a b" }),
            json!({ "name": "a\u{0}" }),
            json!({ "name": "x".repeat(129) }),
            json!({ "name": 5 }),
            json!({ "name": ["a"] }),
            json!({ "reason": " " }),
            json!({ "reason": "a\u{1b}[2J" }),
            json!({ "reason": "a\u{e0041}" }),
            json!({ "reason": "x".repeat(MAX_REASON + 1) }),
            json!({ "limit": 0 }),
            json!({ "limit": 101 }),
            json!({ "limit": -1 }),
            json!({ "limit": 1.5 }),
            json!({ "verdict": "fine" }),
            json!({ "unknown": true }),
        ] {
            assert!(asked(bad.clone()).is_err(), "{bad}");
        }
    }
}
