//! Every key that a chain of trust roots ever listed: from which root on, and by which root its time was ended.

use serde::{Deserialize, Serialize};

use crate::ids::SiteId;
use crate::minisign::PublicKey;
use crate::numbers::TrustVersion;
use crate::release::nullable;
use crate::role::Role;
use crate::root::{TrustKey, TrustRoot};
use crate::time::Time;

/// What a key is at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Use {
    /// Its time has not come.
    NotYet,
    /// It counts.
    InUse,
    /// Its time is over: what it signed then keeps verifying.
    Retired,
    /// It was revoked: what it signed counts only where it is proven older.
    Revoked,
}

/// One key's life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyHistory {
    /// The key.
    pub public_key: PublicKey,
    /// Its name in the newest root.
    pub name: String,
    /// What it may, or might, do.
    pub roles: Vec<Role>,
    /// Where; empty means everywhere.
    pub sites: Vec<SiteId>,
    /// From when it counted.
    pub valid_from: Time,
    /// Until when it counted.
    pub valid_until: Time,
    /// As of when it was revoked.
    #[serde(deserialize_with = "nullable")]
    pub revoked_at: Option<Time>,
    /// The first root that lists it.
    pub first_root: TrustVersion,
    /// The root that ended its time early, or revoked it; null where its time just runs.
    #[serde(deserialize_with = "nullable")]
    pub ended_by_root: Option<TrustVersion>,
}

impl KeyHistory {
    /// What the key is at an instant.
    pub fn is(&self, at: Time) -> Use {
        if self.revoked_at.is_some() {
            Use::Revoked
        } else if at < self.valid_from {
            Use::NotYet
        } else if at >= self.valid_until {
            Use::Retired
        } else {
            Use::InUse
        }
    }

    fn new(key: &TrustKey, root: TrustVersion) -> Self {
        let TrustKey { public_key, name, roles, sites, valid_from, valid_until, revoked_at } = key.clone();
        let ended_by_root = revoked_at.map(|_| root);
        Self { public_key, name, roles, sites, valid_from, valid_until, revoked_at, first_root: root, ended_by_root }
    }

    fn follow(&mut self, key: &TrustKey, root: TrustVersion) {
        if key.revoked_at != self.revoked_at || key.valid_until < self.valid_until {
            self.ended_by_root = Some(root);
        } else if key.valid_until > self.valid_until && key.revoked_at.is_none() {
            self.ended_by_root = None;
        }
        let (first_root, ended_by_root) = (self.first_root, self.ended_by_root);
        *self = Self { first_root, ended_by_root, ..Self::new(key, root) };
    }
}

/// The lives of all keys, in the order in which they were first listed. The roots come oldest first.
pub fn of<'a>(roots: impl IntoIterator<Item = &'a TrustRoot>) -> Vec<KeyHistory> {
    let mut all: Vec<KeyHistory> = Vec::new();
    for root in roots {
        for key in &root.keys {
            match all.iter_mut().find(|known| known.public_key == key.public_key) {
                Some(known) => known.follow(key, root.version),
                None => all.push(KeyHistory::new(key, root.version)),
            }
        }
    }
    all
}
