//! Duties: what people do for a control, how often, and what they attach as evidence.

use std::fmt;

use serde::{Deserialize, Serialize};
use writ_trust::time::Span;

use crate::declared::DeclaredAt;

/// When a duty is due: at least one of `every` and `on`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cadence {
    /// How often, at least.
    pub every: Option<Span>,
    /// The event that makes it due, in words.
    pub on: Option<String>,
    /// How soon after that event.
    pub within: Option<Span>,
}

impl fmt::Display for Cadence {
    /// In words, such as `every 365d and on hire within 30d`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(every) = &self.every {
            write!(f, "every {every}")?;
        }
        if let Some(on) = &self.on {
            write!(f, "{}on {on}", if self.every.is_some() { " and " } else { "" })?;
        }
        self.within.as_ref().map_or(Ok(()), |within| write!(f, " within {within}"))
    }
}

/// One duty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Duty {
    /// What is done, in words.
    pub title: String,
    /// When it is due.
    pub cadence: Cadence,
    /// The day on which it is usually done, in words.
    pub day: Option<String>,
    /// Who does it, as a role.
    pub by: String,
    /// What is attached as evidence that it was done.
    pub attach: String,
    /// Where the demand comes from: identifiers of a catalogue or rule book.
    pub source: Vec<String>,
    /// Where it is declared.
    pub declared_at: DeclaredAt,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cadence_reads_as_people_say_it() {
        for (cadence, words) in [
            (json!({"every": "91d", "on": null, "within": null}), "every 91d"),
            (json!({"every": null, "on": "disposal", "within": null}), "on disposal"),
            (json!({"every": null, "on": "notice of departure", "within": "1h"}), "on notice of departure within 1h"),
            (json!({"every": "365d", "on": "hire", "within": "30d"}), "every 365d and on hire within 30d"),
        ] {
            let cadence: Cadence = serde_json::from_value(cadence).unwrap();
            assert_eq!(cadence.to_string(), words);
        }
    }
}
