//! Evidence on its way to a depot (`writ.evidence-batch.v1`).

use serde::{Deserialize, Serialize};

use crate::MAX_ENVELOPE;
use crate::shape::document;
use crate::signed::Signed;

/// The most bundles in one batch.
pub const MAX_BUNDLES: usize = 100;

/// Bundles of one appliance, in the order of their sequence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceBatch {
    /// Always `writ.evidence-batch.v1`.
    pub schema: EvidenceBatchSchema,
    /// The bundles, at most [`MAX_BUNDLES`], each with exactly one signature.
    pub bundles: Vec<Signed>,
}

document!(EvidenceBatch, EvidenceBatchSchema, EVIDENCE_BATCH_SCHEMA, "writ.evidence-batch.v1", MAX_ENVELOPE);
