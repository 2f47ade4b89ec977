//! The next trust root after one of its keys is replaced or revoked. Nothing is ever taken off the list: what was signed in the
//! past keeps being judged by the entry that its key had then.

use std::collections::BTreeSet;

use crate::ids::SiteId;
use crate::minisign::{KeyId, PublicKey};
use crate::numbers::NumberError;
use crate::role::Role;
use crate::root::{RootError, TrustKey, TrustRoot};
use crate::time::Time;

const DAY_MILLIS: i64 = 86_400_000;
/// When a key is due to be replaced: 365 days after it began to count (catalogue KY-15).
pub const ROTATE_AFTER_MILLIS: i64 = 365 * DAY_MILLIS;
/// From which age on people are reminded: 330 days (catalogue KY-14, MA-07).
pub const REMIND_AFTER_MILLIS: i64 = 330 * DAY_MILLIS;

/// The key that takes over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Successor {
    /// The key.
    pub public_key: PublicKey,
    /// Its name in the trust root.
    pub name: String,
    /// Until when it counts.
    pub valid_until: Time,
}

/// Why a key cannot be replaced or revoked so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RotationError {
    /// The root does not list the key.
    #[error("key {0} is not in the trust root")]
    Unknown(KeyId),
    /// The root lists the new key already.
    #[error("the new key {0} is in the trust root already: a key comes only once, make another")]
    Known(KeyId),
    /// The key was revoked before.
    #[error("key {key} is revoked as of {at} already")]
    Revoked {
        /// Which key.
        key: KeyId,
        /// As of when.
        at: Time,
    },
    /// The key's time is over.
    #[error("key {key} counted only until {until}: it has nothing left to hand on")]
    Ended {
        /// Which key.
        key: KeyId,
        /// Until when it counted.
        until: Time,
    },
    /// The new key would begin before the old one did.
    #[error("key {key} counts only from {from}: another cannot take over before that")]
    NotBegun {
        /// Which key.
        key: KeyId,
        /// From when it counts.
        from: Time,
    },
    /// A key cannot take over in the past.
    #[error("{at} is past: what was signed since would be by a key that no longer counted")]
    Past {
        /// When it should take over.
        at: Time,
    },
    /// A revocation lies ahead.
    #[error("{at} has not come: a revoked key counts for nothing from the moment on in which it is revoked")]
    Ahead {
        /// As of when it should be revoked.
        at: Time,
    },
    /// Too few keys would be left.
    #[error("at {at} only {present} of the {needed} keys that it takes for the role {role} would count{}", site_of(.site))]
    Shortfall {
        /// Which role.
        role: Role,
        /// The site for which they are too few, if it is about one.
        site: Option<SiteId>,
        /// The threshold.
        needed: u32,
        /// How many would count.
        present: usize,
        /// When.
        at: Time,
    },
    /// There is no next version.
    #[error("there is no next version: {0}")]
    Version(#[from] NumberError),
    /// Nobody would accept the root.
    #[error("nobody would accept the root: {0}")]
    Root(String),
}

impl From<RootError> for RotationError {
    fn from(error: RootError) -> Self {
        Self::Root(error.to_string())
    }
}

fn site_of(site: &Option<SiteId>) -> String {
    site.as_ref().map(|site| format!(" at site {site}")).unwrap_or_default()
}

/// A key's place between its beginning and its replacement, at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyAge {
    /// Whole days since it began to count; 0 before that.
    pub days: i64,
    /// Whole days until it is due to be replaced; negative when that is past.
    pub due_in_days: i64,
    /// Whole days until it stops counting; negative when that is past.
    pub ends_in_days: i64,
    /// Whether it counts at that instant.
    pub counts: bool,
}

impl KeyAge {
    /// The age by what the register says: a file's own dates are nobody's word.
    pub fn of(key: &TrustKey, now: Time) -> Self {
        let due = key.valid_from.plus_millis(ROTATE_AFTER_MILLIS);
        let days = |millis: i64| millis.div_euclid(DAY_MILLIS);
        Self {
            days: days(now.millis_since(key.valid_from).max(0)),
            due_in_days: days(due.millis_since(now)),
            ends_in_days: days(key.valid_until.millis_since(now)),
            counts: key.revoked_at.is_none() && key.within_validity(now).is_ok(),
        }
    }

    /// Whether the key counts and is older than this, in milliseconds: time to replace it.
    pub fn is_over(key: &TrustKey, now: Time, remind_after_millis: i64) -> bool {
        Self::of(key, now).counts && now.millis_since(key.valid_from) > remind_after_millis
    }
}

/// The next root, in which a new key has the roles of an old one from `at` on; the old one counts `overlap_millis` longer, and
/// not beyond what it did before.
pub fn rotate(
    root: &TrustRoot,
    old: &PublicKey,
    new: &Successor,
    at: Time,
    overlap_millis: i64,
    now: Time,
) -> Result<TrustRoot, RotationError> {
    if at < now {
        return Err(RotationError::Past { at });
    }
    let mut next = successor_of(root)?;
    let entry = entry_of(&mut next, old)?;
    let key = entry.public_key.key_id();
    if let Some(at) = entry.revoked_at {
        return Err(RotationError::Revoked { key, at });
    }
    if entry.valid_until <= now {
        return Err(RotationError::Ended { key, until: entry.valid_until });
    }
    if at <= entry.valid_from {
        return Err(RotationError::NotBegun { key, from: entry.valid_from });
    }
    entry.valid_until = entry.valid_until.min(at.plus_millis(overlap_millis.max(0)));
    let (changed, end) = (entry.clone(), entry.valid_until);
    add(&mut next, new, &changed, at)?;
    for instant in [now, at] {
        enough(root, &next, &changed, instant, false)?;
    }
    // At the end of the old key; where the new one begins later than that, the time between is this change's own.
    enough(root, &next, &changed, end, end < at)?;
    next.validate()?;
    Ok(next)
}

/// The next root, in which a key is revoked as of `at`; a new key, if there is one, has its roles from `now` on.
///
/// An earlier revocation stands; one may be moved to an earlier time.
pub fn revoke(
    root: &TrustRoot,
    old: &PublicKey,
    at: Time,
    new: Option<&Successor>,
    now: Time,
) -> Result<TrustRoot, RotationError> {
    if at > now {
        return Err(RotationError::Ahead { at });
    }
    let mut next = successor_of(root)?;
    let entry = entry_of(&mut next, old)?;
    let key = entry.public_key.key_id();
    if let Some(before) = entry.revoked_at.filter(|before| *before <= at) {
        return Err(RotationError::Revoked { key, at: before });
    }
    entry.revoked_at = Some(at);
    let changed = entry.clone();
    if let Some(new) = new {
        add(&mut next, new, &changed, now)?;
    }
    enough(root, &next, &changed, now, false)?;
    next.validate()?;
    Ok(next)
}

fn successor_of(root: &TrustRoot) -> Result<TrustRoot, RotationError> {
    Ok(TrustRoot { version: root.version.next()?, ..root.clone() })
}

fn entry_of<'r>(root: &'r mut TrustRoot, key: &PublicKey) -> Result<&'r mut TrustKey, RotationError> {
    let found = root.keys.iter_mut().find(|entry| entry.public_key.ed25519() == key.ed25519());
    found.ok_or_else(|| RotationError::Unknown(key.key_id()))
}

/// Lists a new key with the roles and sites of an old one.
fn add(root: &mut TrustRoot, new: &Successor, old: &TrustKey, valid_from: Time) -> Result<(), RotationError> {
    if root.entry_of(&new.public_key).is_some() {
        return Err(RotationError::Known(new.public_key.key_id()));
    }
    let Successor { public_key, name, valid_until } = new.clone();
    let (roles, sites) = (old.roles.clone(), old.sites.clone());
    root.keys.push(TrustKey { public_key, name, roles, sites, valid_from, valid_until, revoked_at: None });
    Ok(())
}

/// Whether of each role and site of the changed key enough keys count at an instant (one, where the root names no threshold), or
/// at least as many as under the root before: what was too few without a change is not its fault, unless it is said to be. Of
/// what the changed key does not serve, nothing is otherwise than before.
fn enough(
    before: &TrustRoot,
    next: &TrustRoot,
    changed: &TrustKey,
    at: Time,
    at_fault: bool,
) -> Result<(), RotationError> {
    for role in &changed.roles {
        let needed = next.threshold(*role);
        let served = |site: &Option<SiteId>| changed.serves(*role, site.as_ref()).is_ok();
        for site in sites_of([before, next], *role).into_iter().filter(served) {
            let counting = |root: &TrustRoot| present(root, *role, site.as_ref(), at);
            let present = counting(next);
            if present < needed as usize && (at_fault || present < counting(before)) {
                return Err(RotationError::Shortfall { role: *role, site, needed, present, at });
            }
        }
    }
    Ok(())
}

/// The sites that keys of a role are limited to in either root, each by itself, and all others: of the last key of a site, only
/// the root before tells.
fn sites_of(roots: [&TrustRoot; 2], role: Role) -> BTreeSet<Option<SiteId>> {
    let keys = roots.into_iter().flat_map(|root| &root.keys);
    let keys = keys.filter(|key| key.roles.contains(&role) && key.revoked_at.is_none());
    let sites: BTreeSet<Option<SiteId>> = keys.flat_map(|key| key.sites.iter().cloned().map(Some)).collect();
    // As in the check of a root by itself: keys that are limited to sites say which sites there are.
    if sites.is_empty() { [None].into() } else { sites }
}

/// How many keys count for a role at an instant.
pub fn present(root: &TrustRoot, role: Role, site: Option<&SiteId>, at: Time) -> usize {
    root.keys.iter().filter(|key| key.counts_now(role, site, at).is_ok()).count()
}
