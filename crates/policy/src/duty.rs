//! Duties: what people do for a control, how often, and what they attach as evidence.

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
