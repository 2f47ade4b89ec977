//! The trust root: whose keys may do what, and how many of them it takes (`writ.trust.v1`).

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::digest::hex;
use crate::document::{self, DocumentError};
use crate::ids::SiteId;
use crate::json;
use crate::minisign::{KeyId, PublicKey};
use crate::numbers::{Epoch, TrustVersion};
use crate::release::nullable;
use crate::role::Role;
use crate::text::one_line;
use crate::time::Time;

/// The schema of [`TrustRoot`].
pub const TRUST_SCHEMA: &str = "writ.trust.v1";

/// The `schema` member of a trust root.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrustSchema {
    /// `writ.trust.v1`
    #[default]
    #[serde(rename = "writ.trust.v1")]
    V1,
}

/// One version of the trust root. Read it with [`TrustRoot::parse`]; trust it only through a chain that leads to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustRoot {
    /// Always `writ.trust.v1`.
    pub schema: TrustSchema,
    /// Its number: each root is one more than the one before.
    pub version: TrustVersion,
    /// The epoch that releases under this root must name; never falls from root to root.
    pub epoch: Epoch,
    /// Every key there is and ever was: old ones stay, so that old evidence keeps verifying.
    pub keys: Vec<TrustKey>,
    /// How many different keys of a role it takes; 1 for a role that is not named. `trust` and `release` must be.
    pub thresholds: BTreeMap<Role, u32>,
    /// The origins of each site's log, oldest first; a restarted log appends one. A site without is not logged.
    pub log_origins: BTreeMap<SiteId, Vec<String>>,
    /// Verifier keys of witnesses, `name+hash+base64` (C2SP signed-note).
    pub witnesses: Vec<String>,
    /// Whose timestamps (RFC 3161) count.
    pub timestamp_authorities: Vec<TimestampAuthority>,
    /// From this instant on nothing new is accepted under this root.
    pub expires_at: Time,
}

/// One key of a trust root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustKey {
    /// The key.
    pub public_key: PublicKey,
    /// Whose it is; for a cache key the name that Nix knows it by.
    pub name: String,
    /// What it may do.
    pub roles: Vec<Role>,
    /// Where it may do it; empty means everywhere.
    pub sites: Vec<SiteId>,
    /// From when it counts.
    pub valid_from: Time,
    /// Until when it counts.
    pub valid_until: Time,
    /// From when what it signed does not count unless proven older. A key with this set never counts for anything new.
    #[serde(deserialize_with = "nullable")]
    pub revoked_at: Option<Time>,
}

/// An authority for RFC 3161 timestamps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimestampAuthority {
    /// What people call it.
    pub name: String,
    /// Its certificate, DER in base64: of an authority that signs those that make timestamps, or of one that makes them. Tokens by
    /// those that no root lists any more count no more.
    pub certificate: String,
}

impl TimestampAuthority {
    /// Its certificate, DER.
    pub fn der(&self) -> Option<Vec<u8>> {
        STANDARD.decode(&self.certificate).ok()
    }
}

/// Why a key does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyProblem {
    /// It has not the role.
    #[error("it has not the role {0}")]
    NotForRole(Role),
    /// It is for other sites.
    #[error("it is not for site {0}")]
    NotForSite(SiteId),
    /// Its time has not come.
    #[error("it counts only from {0}")]
    NotYetValid(Time),
    /// Its time is over.
    #[error("it counted only until {0}")]
    Expired(Time),
    /// It was revoked.
    #[error("it was revoked as of {0}")]
    Revoked(Time),
}

/// Why bytes are not a trust root.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// Not JSON of the root's schema.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// One key is listed twice.
    #[error("public key {0} is listed twice: one signer would be counted twice")]
    RepeatedKey(String),
    /// Two keys have one id.
    #[error("key id {0} is listed twice: signatures could not say which key made them; make a new key")]
    RepeatedKeyId(KeyId),
    /// Two cache keys have one name.
    #[error("cache key name {0:?} is listed twice: Nix would use only one of them")]
    RepeatedCacheName(String),
    /// A key's name is unusable.
    #[error("key {key} is named {}: expected {expected}", one_line(format!("{name:?}")))]
    Name {
        /// Which key.
        key: KeyId,
        /// Its name.
        name: String,
        /// What a name must be.
        expected: &'static str,
    },
    /// A key lists a role or a site twice, or has no role.
    #[error("key {0} needs at least one role, and may list no role and no site twice")]
    Lists(KeyId),
    /// A trust key is limited to sites.
    #[error("key {0} has the role trust and is limited to sites: a root is for all sites")]
    TrustKeyForSites(KeyId),
    /// A key's validity ends before it begins.
    #[error("key {0}: valid_until is not after valid_from")]
    Lifetime(KeyId),
    /// A needed threshold is missing.
    #[error("no threshold for the role {0}: it must be named")]
    NoThreshold(Role),
    /// A threshold is zero.
    #[error("the threshold for the role {0} is 0: anybody could sign")]
    ZeroThreshold(Role),
    /// A threshold that the keys cannot meet.
    #[error("the threshold for the role {role} is {needed}, but only {present} usable keys have it{}", at(.site))]
    Unsatisfiable {
        /// Which role.
        role: Role,
        /// The threshold.
        needed: u32,
        /// How many unrevoked keys have the role.
        present: usize,
        /// The site for which they are too few, if it is about one.
        site: Option<SiteId>,
    },
    /// A log origin, witness or timestamp authority is not as it must be.
    #[error("{what} {}: expected {expected}", one_line(format!("{found:?}")))]
    Entry {
        /// `log origin`, `witness` or `timestamp authority`.
        what: &'static str,
        /// The entry.
        found: String,
        /// What it must be.
        expected: &'static str,
    },
}

fn at(site: &Option<SiteId>) -> String {
    site.as_ref().map(|site| format!(" at site {site}")).unwrap_or_default()
}

impl TrustKey {
    /// Whether the key has a role, at a site where that matters.
    pub fn serves(&self, role: Role, site: Option<&SiteId>) -> Result<(), KeyProblem> {
        if !self.roles.contains(&role) {
            return Err(KeyProblem::NotForRole(role));
        }
        match site {
            Some(site) if !self.sites.is_empty() && !self.sites.contains(site) => {
                Err(KeyProblem::NotForSite(site.clone()))
            }
            _ => Ok(()),
        }
    }

    /// Whether an instant lies within the key's validity: from `valid_from`, before `valid_until`.
    pub fn within_validity(&self, instant: Time) -> Result<(), KeyProblem> {
        if instant < self.valid_from {
            Err(KeyProblem::NotYetValid(self.valid_from))
        } else if instant >= self.valid_until {
            Err(KeyProblem::Expired(self.valid_until))
        } else {
            Ok(())
        }
    }

    /// Whether the key counts for something new at this instant.
    ///
    /// A revoked key never does, not even before `revoked_at`: setting a clock back must not bring a stolen key back.
    pub fn counts_now(&self, role: Role, site: Option<&SiteId>, now: Time) -> Result<(), KeyProblem> {
        self.serves(role, site)?;
        match self.revoked_at {
            Some(at) => Err(KeyProblem::Revoked(at)),
            None => self.within_validity(now),
        }
    }

    /// The key as Nix's `trusted-public-keys` lists it: `name:base64`.
    pub fn nix_public_key(&self) -> String {
        format!("{}:{}", self.name, STANDARD.encode(self.public_key.ed25519()))
    }
}

impl TrustRoot {
    /// Reads a trust root and checks what one root can be checked for by itself.
    pub fn parse(bytes: &[u8]) -> Result<Self, RootError> {
        let root: Self = document::parse(bytes, TRUST_SCHEMA)?;
        root.validate()?;
        Ok(root)
    }

    /// The RFC 8785 bytes, which are what we sign.
    pub fn canonical(&self) -> Vec<u8> {
        json::canonical(self)
    }

    /// How many different keys of a role it takes.
    pub fn threshold(&self, role: Role) -> u32 {
        self.thresholds.get(&role).copied().unwrap_or(1)
    }

    /// The key that signatures name by this id.
    pub fn key(&self, id: KeyId) -> Option<&TrustKey> {
        self.keys.iter().find(|key| key.public_key.key_id() == id)
    }

    /// The entry of a key, found by its 32 bytes.
    pub fn entry_of(&self, key: &PublicKey) -> Option<&TrustKey> {
        self.keys.iter().find(|entry| entry.public_key.ed25519() == key.ed25519())
    }

    /// What Nix must trust at a site at this instant: the `cache` keys, as `trusted-public-keys` lists them.
    pub fn nix_public_keys(&self, site: &SiteId, now: Time) -> Vec<String> {
        let usable = |key: &&TrustKey| key.counts_now(Role::Cache, Some(site), now).is_ok();
        self.keys.iter().filter(usable).map(TrustKey::nix_public_key).collect()
    }

    /// The origins of a site's log; empty if the site is not logged.
    pub fn origins(&self, site: &SiteId) -> &[String] {
        self.log_origins.get(site).map_or(&[], Vec::as_slice)
    }

    /// Checks what serde cannot: repeated keys, names, thresholds that can be met.
    pub fn validate(&self) -> Result<(), RootError> {
        let (mut keys, mut ids, mut cache_names) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for key in &self.keys {
            if !keys.insert(key.public_key.ed25519()) {
                return Err(RootError::RepeatedKey(key.public_key.line()));
            }
            if !ids.insert(key.public_key.key_id()) {
                return Err(RootError::RepeatedKeyId(key.public_key.key_id()));
            }
            key.validate()?;
            if key.roles.contains(&Role::Cache) && !cache_names.insert(&key.name) {
                return Err(RootError::RepeatedCacheName(key.name.clone()));
            }
        }
        for role in [Role::Trust, Role::Release] {
            if !self.thresholds.contains_key(&role) {
                return Err(RootError::NoThreshold(role));
            }
        }
        for (role, needed) in &self.thresholds {
            self.check_threshold(*role, *needed)?;
        }
        self.validate_others()
    }

    fn check_threshold(&self, role: Role, needed: u32) -> Result<(), RootError> {
        if needed == 0 {
            return Err(RootError::ZeroThreshold(role));
        }
        let usable: Vec<&TrustKey> =
            self.keys.iter().filter(|k| k.roles.contains(&role) && k.revoked_at.is_none()).collect();
        let sites: BTreeSet<&SiteId> = usable.iter().flat_map(|k| &k.sites).collect();
        let wanted: Vec<Option<&SiteId>> =
            if sites.is_empty() { vec![None] } else { sites.into_iter().map(Some).collect() };
        for site in wanted {
            let present = usable.iter().filter(|k| k.serves(role, site).is_ok()).count();
            if present < needed as usize {
                return Err(RootError::Unsatisfiable { role, needed, present, site: site.cloned() });
            }
        }
        Ok(())
    }

    fn validate_others(&self) -> Result<(), RootError> {
        for origins in self.log_origins.values() {
            let mut seen = BTreeSet::new();
            for origin in origins {
                if !is_note_name(origin) || !seen.insert(origin) {
                    let expected = "a note's key name (no white space, no `+`), once per site";
                    return Err(RootError::Entry { what: "log origin", found: origin.clone(), expected });
                }
            }
        }
        let mut seen = BTreeSet::new();
        for witness in &self.witnesses {
            if !is_verifier_key(witness) || !seen.insert(witness) {
                let expected = "a note's verifier key, `name+8 hexadecimal digits+base64`, once";
                return Err(RootError::Entry { what: "witness", found: witness.clone(), expected });
            }
        }
        let mut seen = BTreeSet::new();
        for TimestampAuthority { name, certificate } in &self.timestamp_authorities {
            let der = STANDARD.decode(certificate).is_ok_and(|bytes| bytes.first() == Some(&0x30));
            if !is_name(name) || !der || !seen.insert(certificate) {
                let expected = "a name and a certificate (DER in base64), once";
                return Err(RootError::Entry { what: "timestamp authority", found: name.clone(), expected });
            }
        }
        Ok(())
    }
}

impl TrustKey {
    fn validate(&self) -> Result<(), RootError> {
        let key = self.public_key.key_id();
        let name = |expected| Err(RootError::Name { key, name: self.name.clone(), expected });
        if !is_name(&self.name) {
            return name("one line of 1 to 100 bytes");
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if self.roles.contains(&Role::Cache) && !self.name.bytes().all(plain) {
            return name("a cache key's name of letters, digits, `.`, `_` and `-`");
        }
        let roles: BTreeSet<_> = self.roles.iter().collect();
        let sites: BTreeSet<_> = self.sites.iter().collect();
        if roles.is_empty() || roles.len() != self.roles.len() || sites.len() != self.sites.len() {
            return Err(RootError::Lists(key));
        }
        if self.roles.contains(&Role::Trust) && !self.sites.is_empty() {
            return Err(RootError::TrustKeyForSites(key));
        }
        if self.valid_until <= self.valid_from {
            return Err(RootError::Lifetime(key));
        }
        Ok(())
    }
}

fn is_name(text: &str) -> bool {
    (1..=100).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// Whether text can name a key of a signed note (C2SP signed-note: no white space, no plus sign).
fn is_note_name(text: &str) -> bool {
    is_name(text) && !text.chars().any(|c| c.is_whitespace() || c == '+')
}

/// Whether text is a verifier key: `name+hash+base64(algorithm byte and 32 bytes of Ed25519)`, the hash being the first
/// four bytes of SHA-256(name, line feed, algorithm byte and key) (C2SP signed-note).
fn is_verifier_key(text: &str) -> bool {
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else { return false };
    let Ok(key) = STANDARD.decode(key) else { return false };
    let covered = [name.as_bytes(), b"\n", &key].concat();
    let expected = hex(&crate::digest::Digest::of(&covered).as_bytes()[..4]);
    is_note_name(name) && key.len() == 33 && hash == expected
}
