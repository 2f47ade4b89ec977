//! Releases that a depot holds: the list (`writ.releases.v1`) and one of them with its proof.

use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;
use writ_trust::json::{self, JsonError};
use writ_trust::numbers::{Epoch, Serial};

use crate::MAX_ENVELOPE;
use crate::blob::Blob;
use crate::shape::{document, nullable};
use crate::signed::Signed;

/// The releases of a site that were made active, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Releases {
    /// Always `writ.releases.v1`.
    pub schema: ReleasesSchema,
    /// The releases, ascending.
    pub releases: Vec<ReleaseRef>,
}

document!(Releases, ReleasesSchema, RELEASES_SCHEMA, "writ.releases.v1", MAX_ENVELOPE);

/// Which release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRef {
    /// Its epoch.
    pub epoch: Epoch,
    /// Its serial within the epoch.
    pub serial: Serial,
    /// The digest of its exact bytes.
    pub digest: Digest,
}

/// One release as its signers signed it, and the log's proof of it. Travels by itself, and inside [`crate::sync::Sync`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoggedRelease {
    /// The release.
    pub release: Signed,
    /// The exact bytes of its `writ.receipt.v1`; null where the site has no log.
    #[serde(deserialize_with = "nullable")]
    pub receipt: Option<Blob>,
}

impl LoggedRelease {
    /// Reads one that travels by itself, of at most [`MAX_ENVELOPE`] bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        json::parse(bytes, MAX_ENVELOPE)
    }

    /// The RFC 8785 bytes, which are what we write.
    pub fn canonical(&self) -> Vec<u8> {
        json::canonical(self)
    }
}
