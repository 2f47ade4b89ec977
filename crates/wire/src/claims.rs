//! Claims that a depot holds (`writ.claims.v1`), for those who give machines their place, and the word that it holds one.

use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;
use writ_trust::time::Time;

use crate::MAX_ENVELOPE;
use crate::shape::document;
use crate::signed::Signed;

/// The claims of one card, or of all, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// Always `writ.claims.v1`.
    pub schema: ClaimsSchema,
    /// The claims.
    pub claims: Vec<HeldClaim>,
}

document!(Claims, ClaimsSchema, CLAIMS_SCHEMA, "writ.claims.v1", MAX_ENVELOPE);

/// A claim, and when the depot heard it. Only the claim itself is the machine's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldClaim {
    /// A [`crate::claim::Claim`].
    pub claim: Signed,
    /// When the depot first heard this key claim this card.
    pub first_at: Time,
    /// When it last did.
    pub last_at: Time,
}

/// That a depot holds a claim, until the machine says it again or an hour has passed. Proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimReceipt {
    /// Always `writ.claim-receipt.v1`.
    pub schema: ClaimReceiptSchema,
    /// The digest of the claim's exact bytes.
    pub digest: Digest,
    /// How many other keys claim the same card.
    pub others: u64,
}

document!(ClaimReceipt, ClaimReceiptSchema, CLAIM_RECEIPT_SCHEMA, "writ.claim-receipt.v1", 4 * 1024);
