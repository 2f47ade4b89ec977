//! What a depot answers a batch of evidence with (`writ.receipts.v1`): its proof that the log has each bundle.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use writ_trust::digest::Digest;

use crate::MAX_ENVELOPE;
use crate::blob::Blob;
use crate::shape::document;

/// The receipts of one batch, all under one checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipts {
    /// Always `writ.receipts.v1`.
    pub schema: ReceiptsSchema,
    /// The signed note under which every proof below leads.
    pub checkpoint: Blob,
    /// One per bundle that is held now.
    pub receipts: Vec<BundleReceipt>,
    /// One per bundle that is not.
    pub refused: Vec<RefusedBundle>,
    /// The last sequence up to which the depot holds every bundle of this appliance's key; 0 for none.
    pub held: u64,
    /// The highest sequence that the depot holds of this appliance's key; 0 for none.
    pub newest: u64,
}

document!(Receipts, ReceiptsSchema, RECEIPTS_SCHEMA, "writ.receipts.v1", MAX_ENVELOPE);

/// Where one bundle stands in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleReceipt {
    /// The digest of the bundle's exact bytes.
    pub digest: Digest,
    /// The exact bytes of its entry in the log.
    pub entry: Blob,
    /// The index of that entry.
    pub index: u64,
    /// The hashes (32 bytes each) that lead from the entry to the checkpoint.
    pub proof: Vec<Blob>,
}

/// A bundle that the depot did not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusedBundle {
    /// The digest of the bundle's exact bytes.
    pub digest: Digest,
    /// Why.
    pub reason: Reason,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $reason:ident $name:literal),* $(,)?) => {
        /// Why a depot does not take a bundle.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[$doc])* $reason,)*
            /// A reason that this version does not know; a depot never gives it.
            Other,
        }

        impl Reason {
            /// Every reason that a depot gives.
            pub const ALL: &[Self] = &[$(Self::$reason),*];

            /// The reason's name: lower-case words with hyphens.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$reason => $name,)*
                    Self::Other => "other",
                }
            }

            fn named(name: &str) -> Self {
                match name {
                    $($name => Self::$reason,)*
                    _ => Self::Other,
                }
            }
        }
    };
}

reasons! {
    /// Another bundle of the same key and sequence is held.
    Conflict "conflict",
    /// Its bytes are not those of a bundle.
    Malformed "malformed",
    /// It does not carry exactly one signature that holds.
    Signature "signature",
    /// No published release names its key for this site and appliance.
    UnknownKey "unknown-key",
    /// The newest release revokes its key.
    RevokedKey "revoked-key",
    /// It speaks for another site or appliance than the one that sends it.
    OtherSpeaker "other-speaker",
    /// It is larger than a bundle may be.
    TooLarge "too-large",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Reason {
    /// A word of a newer depot reads as [`Reason::Other`], so that one refused bundle does not cost the others' receipts.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::named(&String::deserialize(deserializer)?))
    }
}
