//! Which key spoke for which appliance, and when it stopped: read out of verified releases.

use std::collections::BTreeMap;

use crate::ids::{ApplianceId, SiteId};
use crate::minisign::PublicKey;
use crate::numbers::{Epoch, Serial};
use crate::release::{Release, RevokedKey};

/// One key's time with one appliance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// The site.
    pub site: SiteId,
    /// The appliance.
    pub appliance: ApplianceId,
    /// The key.
    pub public_key: PublicKey,
    /// Epoch and serial of the first release that gives the appliance this key.
    pub first: (Epoch, Serial),
    /// Epoch and serial of the last one.
    pub last: (Epoch, Serial),
}

/// Every appliance key that a set of releases names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyRegister {
    records: BTreeMap<(SiteId, ApplianceId, [u8; 32]), KeyRecord>,
    revoked: BTreeMap<(SiteId, [u8; 32]), RevokedKey>,
}

impl KeyRegister {
    /// The register of these releases, in any order. They must have been verified.
    pub fn from_releases<'a>(releases: impl IntoIterator<Item = &'a Release>) -> Self {
        let mut register = Self::default();
        for release in releases {
            register.add(release);
        }
        register
    }

    fn add(&mut self, release: &Release) {
        let point = release.point();
        for (appliance, generation) in &release.generations {
            let public_key = generation.public_key.clone();
            let key = (release.site.clone(), appliance.clone(), *public_key.ed25519());
            let fresh = || KeyRecord {
                site: release.site.clone(),
                appliance: appliance.clone(),
                public_key,
                first: point,
                last: point,
            };
            let record = self.records.entry(key).or_insert_with(fresh);
            record.first = record.first.min(point);
            record.last = record.last.max(point);
        }
        for revoked in &release.revoked_appliance_keys {
            let key = (release.site.clone(), *revoked.public_key.ed25519());
            let kept = self.revoked.entry(key).or_insert_with(|| revoked.clone());
            if revoked.revoked_at < kept.revoked_at {
                *kept = revoked.clone();
            }
        }
    }

    /// Every record, by site, appliance and key.
    pub fn records(&self) -> impl Iterator<Item = &KeyRecord> {
        self.records.values()
    }

    /// The record of a key with an appliance, if any release ever gave it to that appliance.
    pub fn record(&self, site: &SiteId, appliance: &ApplianceId, key: &PublicKey) -> Option<&KeyRecord> {
        self.records.get(&(site.clone(), appliance.clone(), *key.ed25519()))
    }

    /// The records of the key with this fingerprint at a site (more than one if an appliance was renamed).
    pub fn by_fingerprint<'a>(
        &'a self,
        site: &'a SiteId,
        fingerprint: &'a str,
    ) -> impl Iterator<Item = &'a KeyRecord> + 'a {
        self.records.values().filter(move |r| r.site == *site && r.public_key.fingerprint() == fingerprint)
    }

    /// The revocation of a key at a site, the earliest if releases disagree.
    pub fn revocation(&self, site: &SiteId, key: &PublicKey) -> Option<&RevokedKey> {
        self.revoked.get(&(site.clone(), *key.ed25519()))
    }
}

/// The key by which an appliance signs while this release runs: the only one that its bundles may be verified with.
pub fn appliance_key<'r>(release: &'r Release, appliance: &ApplianceId) -> Option<&'r PublicKey> {
    release.generations.get(appliance).map(|generation| &generation.public_key)
}
