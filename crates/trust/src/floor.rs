//! The floor: what an appliance has accepted, below which it never goes again (`writ.floor.v1`).

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::document::{self, DocumentError};
use crate::ids::SiteId;
use crate::json;
use crate::numbers::{Epoch, Serial, TrustVersion};
use crate::release::nullable;
use crate::root_chain::TrustChain;
use crate::time::Time;

/// The schema of [`Floor`].
pub const FLOOR_SCHEMA: &str = "writ.floor.v1";

/// The `schema` member of a floor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FloorSchema {
    /// `writ.floor.v1`
    #[default]
    #[serde(rename = "writ.floor.v1")]
    V1,
}

/// What an appliance has accepted. It is fsynced before a release is activated, and only ever rises.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floor {
    /// Always `writ.floor.v1`.
    pub schema: FloorSchema,
    /// The appliance's site.
    pub site: SiteId,
    /// The newest release accepted; null before the first.
    #[serde(deserialize_with = "nullable")]
    pub release: Option<FloorRelease>,
    /// The newest trust root accepted.
    pub trust: FloorTrust,
    /// No instant before this one is believed. Comes only from signed times; null before the first.
    #[serde(deserialize_with = "nullable")]
    pub clock: Option<Time>,
}

/// The release in a [`Floor`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FloorRelease {
    /// Its epoch.
    pub epoch: Epoch,
    /// Its serial.
    pub serial: Serial,
    /// The digest of its exact bytes.
    pub digest: Digest,
}

/// The trust root in a [`Floor`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FloorTrust {
    /// Its version.
    pub version: TrustVersion,
    /// The digest of its exact bytes.
    pub digest: Digest,
}

impl Floor {
    /// The floor of an appliance that has accepted nothing yet but this chain of trust roots.
    pub fn initial(site: SiteId, chain: &TrustChain) -> Self {
        let trust = FloorTrust { version: chain.newest().version, digest: chain.newest_digest() };
        Self { schema: FloorSchema::V1, site, release: None, trust, clock: None }
    }

    /// Reads a floor.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        document::parse(bytes, FLOOR_SCHEMA)
    }

    /// The RFC 8785 bytes, which are what is stored.
    pub fn canonical(&self) -> Vec<u8> {
        json::canonical(self)
    }

    /// The instant to judge by: the clock's, or the floor's if the clock was set back before it.
    pub fn instant(&self, now: Time) -> Time {
        self.clock.map_or(now, |floor| floor.max(now))
    }

    /// This floor with its trust root raised to the newest of a chain, if that is newer.
    #[must_use]
    pub fn with_trust(mut self, chain: &TrustChain) -> Self {
        if chain.newest().version > self.trust.version {
            self.trust = FloorTrust { version: chain.newest().version, digest: chain.newest_digest() };
        }
        self
    }

    /// This floor with its clock raised to a signed time, if that is later.
    #[must_use]
    pub fn with_signed_time(mut self, time: Time) -> Self {
        self.clock = Some(self.instant(time));
        self
    }
}
