//! Whom the depot knows, by what was published: trust roots, releases, the keys that they name.
//!
//! One directory is never changed: whoever publishes makes a new one, so that a request sees one state from begin to end.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::log::checkpoint::log_keys;
use writ_trust::minisign::{KeyId, PublicKey};
use writ_trust::numbers::{Epoch, Serial};
use writ_trust::role::Role;
use writ_trust::root_chain::{ChainError, TrustChain};
use writ_trust::time::Time;
use writ_wire::Signed;

use crate::store::releases::StoredRelease;

/// Everything that was published.
#[derive(Debug, Clone)]
pub struct Directory {
    /// Counts the changes: equal numbers mean equal directories.
    pub generation: u64,
    /// The trust roots.
    pub chain: TrustChain,
    /// Their exact bytes and signatures, oldest first.
    pub roots: Vec<Arc<Signed>>,
    sites: BTreeMap<SiteId, Arc<Site>>,
}

/// What was published for one site.
#[derive(Debug, Clone, Default)]
pub struct Site {
    /// The releases that are or were active, oldest first.
    pub releases: Vec<Arc<StoredRelease>>,
    /// The one that is pending.
    pub pending: Option<Arc<StoredRelease>>,
    /// By the keys' ids, ascending.
    by_id: Vec<Arc<ApplianceKey>>,
    keys: HashMap<[u8; 32], Arc<ApplianceKey>>,
    documents: BTreeSet<Digest>,
}

/// A key that published releases name for an appliance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplianceKey {
    /// The site.
    pub site: SiteId,
    /// The appliance that the newest release that names the key gives it to.
    pub appliance: ApplianceId,
    /// Every appliance that any release gave it to.
    pub appliances: Vec<ApplianceId>,
    /// The key.
    pub key: PublicKey,
    /// Whether the newest release revokes it.
    pub revoked: bool,
}

/// Where the active releases put a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// None names it for an appliance.
    Unknown,
    /// It is this appliance's.
    Named(SiteId, ApplianceId),
    /// That of this site revokes it.
    Revoked(SiteId),
}

impl Site {
    /// The release that appliances are given.
    pub fn active(&self) -> Option<&Arc<StoredRelease>> {
        self.releases.last()
    }

    /// One release that is or was active.
    pub fn release(&self, epoch: Epoch, serial: Serial) -> Option<&Arc<StoredRelease>> {
        self.releases.iter().find(|r| r.release.point() == (epoch, serial))
    }

    /// The keys of the site with this id. Ids are arbitrary, so there may be several.
    pub fn keys_with_id(&self, id: KeyId) -> &[Arc<ApplianceKey>] {
        let from = self.by_id.partition_point(|known| known.key.key_id() < id);
        let to = self.by_id.partition_point(|known| known.key.key_id() <= id);
        &self.by_id[from..to]
    }

    /// What the site's releases say of a key, by its 32 bytes.
    pub fn key(&self, key: &[u8; 32]) -> Option<&Arc<ApplianceKey>> {
        self.keys.get(key)
    }

    /// Whether a release that is or was active names a document.
    pub fn names(&self, document: &Digest) -> bool {
        self.documents.contains(document)
    }

    fn rebuild(&mut self) {
        let mut keys: BTreeMap<[u8; 32], ApplianceKey> = BTreeMap::new();
        self.documents.clear();
        for stored in &self.releases {
            for (appliance, generation) in &stored.release.generations {
                self.documents.insert(generation.policy.digest);
                self.documents.extend(generation.closure.as_ref().map(|closure| closure.digest));
                let key = keys.entry(*generation.public_key.ed25519()).or_insert_with(|| ApplianceKey {
                    site: stored.release.site.clone(),
                    appliance: appliance.clone(),
                    appliances: Vec::with_capacity(1),
                    key: generation.public_key.clone(),
                    revoked: false,
                });
                key.appliance = appliance.clone();
                if !key.appliances.contains(appliance) {
                    key.appliances.push(appliance.clone());
                }
            }
        }
        if let Some(newest) = self.releases.last() {
            for key in keys.values_mut() {
                key.revoked = newest.release.revocation(&key.key).is_some();
            }
        }
        self.keys = keys.into_iter().map(|(bytes, key)| (bytes, Arc::new(key))).collect();
        self.by_id = self.keys.values().cloned().collect();
        self.by_id.sort_by_key(|known| known.key.key_id());
    }
}

impl Directory {
    /// The directory of a chain of roots and of stored releases, which are in ascending order for each site.
    pub fn new(chain: TrustChain, roots: Vec<Signed>, releases: Vec<StoredRelease>) -> Self {
        let roots = roots.into_iter().map(Arc::new).collect();
        let mut directory = Self { generation: 0, chain, roots, sites: BTreeMap::new() };
        let mut sites: BTreeMap<SiteId, Site> = BTreeMap::new();
        for stored in releases {
            let site = sites.entry(stored.release.site.clone()).or_default();
            match stored.active {
                true => site.releases.push(Arc::new(stored)),
                false => site.pending = Some(Arc::new(stored)),
            }
        }
        for (name, site) in sites {
            directory.set(name, site);
        }
        directory
    }

    /// What was published for a site; a site of which nothing was is empty.
    pub fn site(&self, site: &SiteId) -> Arc<Site> {
        self.sites.get(site).cloned().unwrap_or_default()
    }

    /// Every site of which something was published.
    pub fn sites(&self) -> impl Iterator<Item = (&SiteId, &Arc<Site>)> {
        self.sites.iter()
    }

    /// Where the active releases put a key.
    pub fn standing(&self, key: &PublicKey) -> Standing {
        let active = self.sites.values().filter_map(|site| Some((site, &site.active()?.release)));
        let mut named = Standing::Unknown;
        for (site, release) in active {
            if release.revocation(key).is_some() {
                return Standing::Revoked(release.site.clone());
            }
            let Some(known) = site.key(key.ed25519()) else { continue };
            let entry = release.generations.get(&known.appliance);
            if entry.is_some_and(|entry| entry.public_key == *key) && named == Standing::Unknown {
                named = Standing::Named(release.site.clone(), known.appliance.clone());
            }
        }
        named
    }

    /// The key with this fingerprint, if it may read at this instant.
    pub fn reader(&self, fingerprint: &str, now: Time) -> Option<&PublicKey> {
        let keys = self.chain.newest().keys.iter();
        let mut fit = keys.filter(|key| key.counts_now(Role::Read, None, now).is_ok());
        fit.find(|key| key.public_key.fingerprint() == fingerprint).map(|key| &key.public_key)
    }

    /// Whether a key may read what a site has.
    pub fn may_read(&self, key: &PublicKey, site: &SiteId, now: Time) -> bool {
        let entry = self.chain.newest().entry_of(key);
        entry.is_some_and(|entry| entry.counts_now(Role::Read, Some(site), now).is_ok())
    }

    /// The log that a site's entries go to, by the newest root: its number from 1 and its origin.
    pub fn current_log(&self, site: &SiteId) -> Option<(u64, &str)> {
        let origins = self.chain.newest().origins(site);
        origins.last().map(|origin| (origins.len() as u64, origin.as_str()))
    }

    /// Whether a key may sign a site's log at this instant.
    pub fn may_log(&self, key: &PublicKey, site: &SiteId, now: Time) -> bool {
        log_keys(self.chain.newest(), site, now).iter().any(|known| known.ed25519() == key.ed25519())
    }

    /// This directory and one more trust root.
    pub fn with_root(&self, signed: Signed) -> Result<Self, ChainError> {
        let mut next = self.clone();
        next.chain.extend(&signed.document.0, &signed.signatures)?;
        next.roots.push(Arc::new(signed));
        next.generation += 1;
        Ok(next)
    }

    /// This directory with another pending release of its site.
    #[must_use]
    pub fn with_pending(&self, pending: StoredRelease) -> Self {
        let mut next = self.clone();
        let name = pending.release.site.clone();
        let mut site = (*next.site(&name)).clone();
        site.pending = Some(Arc::new(pending));
        next.sites.insert(name, Arc::new(site));
        next.generation += 1;
        next
    }

    /// This directory without the pending release of a site.
    #[must_use]
    pub fn without_pending(&self, name: &SiteId) -> Self {
        let mut next = self.clone();
        let site = Site { pending: None, ..(*next.site(name)).clone() };
        next.sites.insert(name.clone(), Arc::new(site));
        next.generation += 1;
        next
    }

    /// This directory with the pending release of a site made active.
    #[must_use]
    pub fn with_active(&self, name: &SiteId) -> Self {
        let mut next = self.clone();
        let mut site = (*next.site(name)).clone();
        if let Some(pending) = site.pending.take() {
            site.releases.push(Arc::new(StoredRelease { active: true, ..(*pending).clone() }));
        }
        next.set(name.clone(), site);
        next.generation += 1;
        next
    }

    fn set(&mut self, name: SiteId, mut site: Site) {
        site.rebuild();
        self.sites.insert(name, Arc::new(site));
    }
}
