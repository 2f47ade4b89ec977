//! What a depot gives an appliance that asks what is new (`writ.sync.v1`).

use serde::{Deserialize, Serialize};
use writ_trust::ids::SiteId;

use crate::MAX_ENVELOPE;
use crate::blob::Blob;
use crate::releases::LoggedRelease;
use crate::shape::{document, nullable};
use crate::signed::Signed;

/// The most trust roots in one answer; whoever needs more asks again.
pub const MAX_ROOTS: usize = 16;

/// What is new for an appliance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sync {
    /// Always `writ.sync.v1`.
    pub schema: SyncSchema,
    /// The appliance's site.
    pub site: SiteId,
    /// The trust roots after the one that the request named, ascending, at most [`MAX_ROOTS`].
    pub roots: Vec<Signed>,
    /// The newest active release; null before the first.
    #[serde(deserialize_with = "nullable")]
    pub release: Option<LoggedRelease>,
    /// The newest checkpoint of the site's log; null where there is no log.
    #[serde(deserialize_with = "nullable")]
    pub log: Option<LogHead>,
    /// The last sequence up to which the depot holds every bundle of this appliance's key; 0 for none.
    pub held: u64,
    /// The highest sequence that the depot holds of this appliance's key; 0 for none.
    pub newest: u64,
}

document!(Sync, SyncSchema, SYNC_SCHEMA, "writ.sync.v1", MAX_ENVELOPE);

/// Where the site's log stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogHead {
    /// Which of the site's logs, from 1.
    pub number: u64,
    /// The signed note.
    pub checkpoint: Blob,
    /// The document that ended the log before and began this one; null for the first.
    #[serde(deserialize_with = "nullable")]
    pub restart: Option<Signed>,
}
