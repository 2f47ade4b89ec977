//! The release: what one site must run and obey, in one signed document (`writ.release.v1`).
//!
//! The schema is frozen and small on purpose: an agent that does not know a newer policy schema can still read which
//! closure brings the agent that does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::digest::Digest;
use crate::document::{self, DocumentError};
use crate::ids::{ApplianceId, SiteId};
use crate::json::{self, MAX_DOCUMENT};
use crate::minisign::PublicKey;
use crate::numbers::{Epoch, Serial, TrustVersion};
use crate::store_path::StorePath;
use crate::time::Time;

/// The schema of [`Release`].
pub const RELEASE_SCHEMA: &str = "writ.release.v1";
/// How long a release is valid when its author does not say otherwise: 180 days, in milliseconds.
pub const RELEASE_VALIDITY_MILLIS: i64 = 180 * 86_400_000;

/// 9999-01-01T00:00:00Z, in milliseconds since 1970.
const UNTIL_PROMOTED_MILLIS: i64 = 253_370_764_800_000;

/// The `not_before` of an appliance that waits until people sign a release that says otherwise: no release lasts so long, see
/// [`Release::is_held`].
pub fn until_promoted() -> Time {
    Time::from_unix_millis(UNTIL_PROMOTED_MILLIS)
}

/// The `schema` member of a release.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReleaseSchema {
    /// `writ.release.v1`
    #[default]
    #[serde(rename = "writ.release.v1")]
    V1,
}

/// One signed document per site: which generation each appliance runs. Read it with [`Release::parse`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Always `writ.release.v1`.
    pub schema: ReleaseSchema,
    /// The one site that this release is for.
    pub site: SiteId,
    /// The epoch of the trust root it was made under.
    pub epoch: Epoch,
    /// Its number within the epoch.
    pub serial: Serial,
    /// When it was made, as its signers say.
    pub issued_at: Time,
    /// From this instant on nobody newly accepts it.
    pub expires_at: Time,
    /// The digest of the site's release before this one; null for the first. Information for audits.
    #[serde(deserialize_with = "nullable")]
    pub previous: Option<Digest>,
    /// The sources it was evaluated from.
    pub source: Source,
    /// The version of the trust root it was made under.
    pub trust_version: TrustVersion,
    /// One entry per appliance of the site.
    pub generations: BTreeMap<ApplianceId, Generation>,
    /// Keys that no longer speak for an appliance; carried forward for ever.
    pub revoked_appliance_keys: Vec<RevokedKey>,
}

/// Where a release was evaluated from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The git commit, or null when the sources are in no repository.
    #[serde(deserialize_with = "nullable")]
    pub revision: Option<Revision>,
    /// The SHA-256 of the source tree as a NAR.
    pub nar_hash: Digest,
    /// Whether the tree had changes that the commit does not have.
    pub dirty: bool,
}

/// One appliance's entry in a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generation {
    /// The appliance's own key: what it signs its evidence with.
    pub public_key: PublicKey,
    /// Nix's name of the machine, as in `x86_64-linux`.
    pub system_type: SystemType,
    /// The policy document it obeys.
    pub policy: PolicyRef,
    /// The system it runs, or null when Writ does not manage the system.
    #[serde(deserialize_with = "nullable")]
    pub closure: Option<ClosureRef>,
    /// The appliance waits until this instant.
    pub not_before: Time,
}

/// Which policy document, by its exact bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyRef {
    /// The schema of the policy, which this crate does not know.
    pub schema: SchemaName,
    /// The digest of the document.
    pub digest: Digest,
    /// Its size in bytes, at most [`MAX_DOCUMENT`].
    pub size: u64,
}

/// Which closure document, by its exact bytes, and the system it brings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClosureRef {
    /// The store path of the system.
    pub toplevel: StorePath,
    /// The digest of the closure document.
    pub digest: Digest,
    /// Its size in bytes, at most [`MAX_DOCUMENT`].
    pub size: u64,
}

/// An appliance key that no longer counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokedKey {
    /// The key.
    pub public_key: PublicKey,
    /// Evidence not proven older than this instant does not count.
    pub revoked_at: Time,
    /// Why, in one line.
    pub reason: String,
}

impl Generation {
    /// Whether the other one has the same policy and the same system, whatever their times and keys: it changes nothing where
    /// this one is obeyed.
    pub fn brings_the_same_as(&self, other: &Self) -> bool {
        let Self { public_key: _, system_type, policy, closure, not_before: _ } = self;
        (system_type, policy, closure) == (&other.system_type, &other.policy, &other.closure)
    }
}

/// Reads a member that may be null but must be there (serde would take a missing one for null).
pub(crate) fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $valid:expr, $expected:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(NameError { found: text.chars().take(80).collect(), expected: $expected })
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

/// Why a string is not one of a release's names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not {expected}")]
pub struct NameError {
    found: String,
    expected: &'static str,
}

name! {
    /// A git commit: 40 or 64 lower-case hexadecimal digits.
    Revision,
    |text| matches!(text.len(), 40 | 64) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')),
    "a git commit: expected 40 or 64 lower-case hexadecimal digits"
}
name! {
    /// Nix's name of a machine, as in `x86_64-linux`.
    SystemType,
    |text| (1..=40).contains(&text.len())
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_')),
    "a system type: expected up to 40 of a-z, 0-9, `_` and `-`, as in x86_64-linux"
}
name! {
    /// The name of a document's schema, as in `writ.policy.v1`.
    SchemaName,
    |text| (1..=60).contains(&text.len())
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.')),
    "a schema: expected up to 60 of a-z, 0-9, `.` and `-`, as in writ.policy.v1"
}

/// Why bytes are not a release.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// Not JSON of the release's schema.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The release ends before it begins.
    #[error("expires_at {expires_at} is not after issued_at {issued_at}")]
    Lifetime {
        /// When it claims to be made.
        issued_at: Time,
        /// When it would end.
        expires_at: Time,
    },
    /// Two appliances have one key, so nobody could tell their evidence apart.
    #[error("appliances {first} and {second} have the same public key: each needs its own")]
    SharedKey {
        /// The one appliance.
        first: ApplianceId,
        /// The other.
        second: ApplianceId,
    },
    /// A generation is given to a key that the same release revokes.
    #[error("appliance {0}'s public key is among revoked_appliance_keys: enrol its new key")]
    RevokedEntry(ApplianceId),
    /// One key is revoked twice.
    #[error("key {0} is revoked twice: keep the earlier entry")]
    RevokedTwice(String),
    /// The reason of a revocation is empty, too long or not one line.
    #[error("the reason for revoking key {0} is not one line of 1 to 500 bytes")]
    Reason(String),
    /// A named document is empty or larger than a document may be.
    #[error("appliance {appliance}'s {document} document has {size} bytes: expected 1 to {MAX_DOCUMENT}")]
    Size {
        /// Whose entry.
        appliance: ApplianceId,
        /// `policy` or `closure`.
        document: &'static str,
        /// The size that the release names.
        size: u64,
    },
}

impl Release {
    /// Reads a release and checks what one document can be checked for by itself. Signatures are judged elsewhere, and
    /// before.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReleaseError> {
        let release: Self = document::parse(bytes, RELEASE_SCHEMA)?;
        release.validate()?;
        Ok(release)
    }

    /// The RFC 8785 bytes, which are what we sign.
    pub fn canonical(&self) -> Vec<u8> {
        json::canonical(self)
    }

    /// The trusted comment that signers put on this release. It decides nothing.
    pub fn trusted_comment(&self) -> String {
        format!("site={} epoch={} serial={}", self.site, self.epoch, self.serial)
    }

    /// What orders the releases of a site.
    pub fn point(&self) -> (Epoch, Serial) {
        (self.epoch, self.serial)
    }

    /// Whether one of its generations is never accepted by this release: its time comes when the release has ended. Only a newer
    /// release can promote it.
    pub fn is_held(&self, generation: &Generation) -> bool {
        generation.not_before >= self.expires_at
    }

    /// The revocation of a key (by its 32 bytes; ids are arbitrary), if this release lists one.
    pub fn revocation(&self, key: &PublicKey) -> Option<&RevokedKey> {
        self.revoked_appliance_keys.iter().find(|r| r.public_key.ed25519() == key.ed25519())
    }

    /// Checks what serde cannot: lifetimes, sizes, keys used twice.
    pub fn validate(&self) -> Result<(), ReleaseError> {
        let Self { issued_at, expires_at, .. } = *self;
        if expires_at <= issued_at {
            return Err(ReleaseError::Lifetime { issued_at, expires_at });
        }
        let mut revoked = BTreeSet::new();
        for RevokedKey { public_key, reason, .. } in &self.revoked_appliance_keys {
            if !revoked.insert(*public_key.ed25519()) {
                return Err(ReleaseError::RevokedTwice(public_key.line()));
            }
            if reason.is_empty() || reason.len() > 500 || reason.chars().any(char::is_control) {
                return Err(ReleaseError::Reason(public_key.line()));
            }
        }
        let mut owners = BTreeMap::new();
        for (appliance, generation) in &self.generations {
            let key = *generation.public_key.ed25519();
            if let Some(first) = owners.insert(key, appliance) {
                return Err(ReleaseError::SharedKey { first: first.clone(), second: appliance.clone() });
            }
            if revoked.contains(&key) {
                return Err(ReleaseError::RevokedEntry(appliance.clone()));
            }
            let closure = generation.closure.as_ref().map(|c| ("closure", c.size));
            for (document, size) in [Some(("policy", generation.policy.size)), closure].into_iter().flatten() {
                if !(1..=MAX_DOCUMENT as u64).contains(&size) {
                    return Err(ReleaseError::Size { appliance: appliance.clone(), document, size });
                }
            }
        }
        Ok(())
    }
}
