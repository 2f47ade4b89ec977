//! People whom an incident reaches.

use serde::{Deserialize, Serialize};
use writ_trust::time::Span;

/// What somebody is called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Is called first.
    Primary,
    /// Is called when the first does not answer.
    Secondary,
    /// Answers for those who are called.
    Manager,
    /// Answers for security incidents.
    Security,
    /// Speaks with the clinic.
    Account,
    /// Is called outside of business hours.
    AfterHours,
    /// Somebody at the clinic.
    Clinic,
}

/// One contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// Who answers.
    pub person: String,
    /// What for.
    pub role: Role,
    /// Where to write to.
    pub email: Option<String>,
    /// Where to call.
    pub phone: Option<String>,
    /// How soon an answer can be expected.
    pub answers_within: Span,
}
