//! A log that was lost and begins anew (`writ.log-restart.v1`), by order of the holders of the trust keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::checkpoint::Checkpoint;
use super::tree::Hash;
use crate::document::{self, DocumentError};
use crate::ids::SiteId;
use crate::json;
use crate::role::Role;
use crate::root_chain::TrustChain;
use crate::threshold::{MAX_SIGNATURES, Tally};
use crate::time::Time;

/// The schema of [`LogRestart`].
pub const RESTART_SCHEMA: &str = "writ.log-restart.v1";

/// The `schema` member of a restart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RestartSchema {
    /// `writ.log-restart.v1`
    #[default]
    #[serde(rename = "writ.log-restart.v1")]
    V1,
}

/// The newest checkpoint that is known of a lost log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastKnown {
    /// The lost log's origin.
    pub origin: String,
    /// Its entries, as far as they are known.
    pub size: u64,
    /// The root of its tree at that size.
    #[serde(serialize_with = "encode", deserialize_with = "decode")]
    pub root: Hash,
}

/// That a site's log continues under another origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogRestart {
    /// Always `writ.log-restart.v1`.
    pub schema: RestartSchema,
    /// The site.
    pub site: SiteId,
    /// The origin of the new log; the trust root lists it right after the lost one.
    pub origin: String,
    /// What is known of the lost log.
    pub previous: LastKnown,
    /// When it was made, as its signers say.
    pub issued_at: Time,
    /// Why, for people.
    pub reason: String,
}

/// Why a restart does not count.
#[derive(Debug, thiserror::Error)]
pub enum RestartError {
    /// Too many signatures to look at.
    #[error("{0} signatures over one log restart: expected at most {MAX_SIGNATURES}")]
    TooManySignatures(usize),
    /// Not signed by enough trust keys.
    #[error("signed by {found} of the {needed} trust keys that it takes")]
    BelowThreshold {
        /// How many signed.
        found: usize,
        /// How many it takes.
        needed: u32,
        /// What came of each signature.
        tally: Tally,
    },
    /// Not the document.
    #[error("signed, but not a log restart: {0}")]
    Document(#[from] DocumentError),
    /// For another site.
    #[error("for site {found}, expected {expected}")]
    Site {
        /// The site it is for.
        found: SiteId,
        /// The site asked about.
        expected: SiteId,
    },
    /// The trust root does not list the two origins one after the other.
    #[error("the trust root does not list the log {to:?} right after {from:?}")]
    Origins {
        /// The lost log.
        from: String,
        /// The new log.
        to: String,
    },
}

impl LogRestart {
    /// The RFC 8785 bytes, which are what is signed.
    pub fn canonical(&self) -> Vec<u8> {
        json::canonical(self)
    }

    /// What is known of the lost log, as a checkpoint.
    pub fn last_known(&self) -> Checkpoint {
        let LastKnown { origin, size, root } = &self.previous;
        Checkpoint { origin: origin.clone(), size: *size, root: *root }
    }

    /// Judges a restart of a site's log: signed by the threshold of the newest root's `trust` keys, and the step that the
    /// root lists.
    pub fn verify<S: AsRef<[u8]>>(
        bytes: &[u8],
        signatures: &[S],
        chain: &TrustChain,
        site: &SiteId,
    ) -> Result<Self, RestartError> {
        if signatures.len() > MAX_SIGNATURES {
            return Err(RestartError::TooManySignatures(signatures.len()));
        }
        let root = chain.newest();
        let tally = Tally::count(root, bytes, signatures, |key| {
            key.serves(Role::Trust, None)?;
            key.revoked_at.map_or(Ok(()), |at| Err(crate::root::KeyProblem::Revoked(at)))
        });
        if !tally.meets(root, Role::Trust) {
            let (found, needed) = (tally.signers.len(), root.threshold(Role::Trust));
            return Err(RestartError::BelowThreshold { found, needed, tally });
        }
        let restart: Self = document::parse(bytes, RESTART_SCHEMA)?;
        if restart.site != *site {
            return Err(RestartError::Site { found: restart.site, expected: site.clone() });
        }
        let step = [&restart.previous.origin, &restart.origin];
        if !root.origins(site).windows(2).any(|pair| [&pair[0], &pair[1]] == step) {
            return Err(RestartError::Origins { from: restart.previous.origin, to: restart.origin });
        }
        Ok(restart)
    }
}

fn encode<S: Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(hash))
}

fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
    let text = String::deserialize(deserializer)?;
    let hash = STANDARD.decode(text).ok().and_then(|hash| hash.try_into().ok());
    hash.ok_or_else(|| de::Error::custom("expected a hash in base64"))
}
