//! Exceptions: a control or check that a site lives without for a while, and who answers for it.

use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;
use writ_trust::time::Time;

use crate::declared::DeclaredAt;

/// One exception. It names a control or a check, never both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// The control it lifts.
    pub control: Option<String>,
    /// The check it lifts.
    pub check: Option<String>,
    /// Why it is needed.
    pub reason: String,
    /// What may happen because of it.
    pub risk: String,
    /// What is done instead.
    pub compensating: String,
    /// Who owns the risk.
    pub owner: String,
    /// Who approved it: one of the site's approvers.
    pub approved_by: String,
    /// Digest of the approval document.
    pub approval: Digest,
    /// When it was approved.
    pub approved_at: Time,
    /// When it ends: from then on the check counts again.
    pub expires: Time,
    /// Where it is declared.
    pub declared_at: DeclaredAt,
}

impl Exception {
    /// Whether it is in force at an instant: from its approval until it expires.
    pub fn in_force(&self, now: Time) -> bool {
        self.approved_at <= now && now < self.expires
    }
}
