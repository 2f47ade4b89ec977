//! What a site log holds (`writ.log-entry.v1`): small records that name a document by its digest, never the document.

use serde::{Deserialize, Serialize};

use super::tile::MAX_ENTRY;
use crate::digest::Digest;
use crate::ids::{ApplianceId, SiteId};
use crate::json::{self, JsonError};
use crate::minisign::PublicKey;
use crate::numbers::{Epoch, Serial, TrustVersion};
use crate::order::OrderId;
use crate::time::Time;

/// The `schema` member of an entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntrySchema {
    /// `writ.log-entry.v1`
    #[default]
    #[serde(rename = "writ.log-entry.v1")]
    V1,
}

/// One entry of a site's log. Times are the log's own and prove nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::large_enum_variant, reason = "one is looked at at a time, and most are evidence")]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LogEntry {
    /// A release became active.
    Release {
        /// Always `writ.log-entry.v1`.
        schema: EntrySchema,
        /// The site.
        site: SiteId,
        /// Epoch of the release.
        epoch: Epoch,
        /// Serial of the release.
        serial: Serial,
        /// Digest of the release before it; null for the first.
        previous: Option<Digest>,
        /// Digest of the exact bytes of the release.
        digest: Digest,
        /// When it was logged.
        time: Time,
    },
    /// A bundle was taken in.
    Evidence {
        /// Always `writ.log-entry.v1`.
        schema: EntrySchema,
        /// The site.
        site: SiteId,
        /// `EB-YYYYMMDD-NNNN`.
        id: String,
        /// The appliance that says it is speaking.
        appliance: ApplianceId,
        /// The key that signed.
        public_key: PublicKey,
        /// Number in the key's chain.
        sequence: u64,
        /// Digest of the bundle before it in the chain; null for the first.
        previous: Option<Digest>,
        /// Digest of the exact bytes of the bundle.
        digest: Digest,
        /// When it was logged.
        time: Time,
    },
    /// A trust root became known.
    Trust {
        /// Always `writ.log-entry.v1`.
        schema: EntrySchema,
        /// The site.
        site: SiteId,
        /// Version of the root.
        version: TrustVersion,
        /// Digest of the exact bytes of the root.
        digest: Digest,
        /// When it was logged.
        time: Time,
    },
    /// An order was taken in.
    Order {
        /// Always `writ.log-entry.v1`.
        schema: EntrySchema,
        /// The site.
        site: SiteId,
        /// The order's id.
        id: OrderId,
        /// Digest of the exact bytes of the order.
        digest: Digest,
        /// When it was logged.
        time: Time,
    },
    /// This log continues one that was lost: its first entry.
    Restart {
        /// Always `writ.log-entry.v1`.
        schema: EntrySchema,
        /// The site.
        site: SiteId,
        /// Digest of the exact bytes of the restart document.
        digest: Digest,
        /// When it was logged.
        time: Time,
    },
}

/// [`LogEntry::Evidence`] with its members in the order of RFC 8785 §3.2.3. Strings are escaped there as `serde_json` does it.
#[derive(Serialize)]
struct Ordered<'a> {
    appliance: &'a ApplianceId,
    digest: &'a Digest,
    id: &'a str,
    previous: Option<&'a Digest>,
    public_key: &'a PublicKey,
    schema: &'a EntrySchema,
    sequence: u64,
    site: &'a SiteId,
    time: &'a Time,
    #[serde(rename = "type")]
    sort: &'a str,
}

/// Why bytes are not an entry.
#[derive(Debug, thiserror::Error)]
#[error("not an entry of a site log: {0}")]
pub struct EntryError(#[from] JsonError);

impl LogEntry {
    /// Reads an entry of at most [`MAX_ENTRY`] bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, EntryError> {
        // What is internally tagged would be read out of a list as well.
        if bytes.trim_ascii_start().starts_with(b"[") {
            return Err(JsonError::Shape(serde::de::Error::custom("a list, expected an object")).into());
        }
        Ok(json::parse(bytes, MAX_ENTRY)?)
    }

    /// The RFC 8785 bytes, which are what is hashed.
    pub fn canonical(&self) -> Vec<u8> {
        match self {
            // Nearly all entries are these, each made while others wait for it: members that stand in order need no sorting.
            Self::Evidence { schema, site, id, appliance, public_key, sequence, previous, digest, time } => {
                let (sort, previous) = ("evidence", previous.as_ref());
                let sequence = *sequence;
                let ordered =
                    Ordered { appliance, digest, id, previous, public_key, schema, sequence, site, time, sort };
                serde_json::to_vec(&ordered).expect("string keys, and strings and integers under them")
            }
            Self::Release { .. } | Self::Trust { .. } | Self::Order { .. } | Self::Restart { .. } => {
                json::canonical(self)
            }
        }
    }

    /// The site.
    pub fn site(&self) -> &SiteId {
        match self {
            Self::Release { site, .. }
            | Self::Evidence { site, .. }
            | Self::Trust { site, .. }
            | Self::Order { site, .. }
            | Self::Restart { site, .. } => site,
        }
    }

    /// The digest of what was logged.
    pub fn digest(&self) -> Digest {
        match self {
            Self::Release { digest, .. }
            | Self::Evidence { digest, .. }
            | Self::Trust { digest, .. }
            | Self::Order { digest, .. }
            | Self::Restart { digest, .. } => *digest,
        }
    }

    /// When the log says that it took it in.
    pub fn time(&self) -> Time {
        match self {
            Self::Release { time, .. }
            | Self::Evidence { time, .. }
            | Self::Trust { time, .. }
            | Self::Order { time, .. }
            | Self::Restart { time, .. } => *time,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::minisign::SecretKey;

    proptest! {
        #[test]
        fn members_in_order_are_what_sorting_them_gives(
            id in any::<String>(), sequence in 0..=(1_u64 << 53), seed in any::<u8>(), first in any::<bool>(), millis in 0..4_000_000_000_000_i64,
        ) {
            let entry = LogEntry::Evidence {
                schema: EntrySchema::V1,
                site: "clinic-001".parse().unwrap(),
                id,
                appliance: "front-desk".parse().unwrap(),
                public_key: SecretKey::generate(&[seed; 40]).public_key(),
                sequence,
                previous: (!first).then(|| Digest::of(&[seed])),
                digest: Digest::of(b"bundle"),
                time: Time::from_unix_millis(millis),
            };
            prop_assert_eq!(entry.canonical(), json::canonical(&entry));
        }
    }
}
