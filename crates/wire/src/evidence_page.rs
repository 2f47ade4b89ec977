//! Evidence on its way to an auditor (`writ.evidence-page.v1`).

use serde::{Deserialize, Serialize};

use crate::MAX_ENVELOPE;
use crate::shape::{document, nullable};
use crate::signed::Signed;

/// Bundles of a site in the order of its log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidencePage {
    /// Always `writ.evidence-page.v1`.
    pub schema: EvidencePageSchema,
    /// The bundles, by ascending index.
    pub bundles: Vec<LoggedBundle>,
    /// The index to ask for next; null when there is no more.
    #[serde(deserialize_with = "nullable")]
    pub next: Option<u64>,
}

document!(EvidencePage, EvidencePageSchema, EVIDENCE_PAGE_SCHEMA, "writ.evidence-page.v1", MAX_ENVELOPE);

/// One bundle and where the log has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoggedBundle {
    /// The index of its entry.
    pub index: u64,
    /// The bundle, with exactly one signature.
    pub bundle: Signed,
}
