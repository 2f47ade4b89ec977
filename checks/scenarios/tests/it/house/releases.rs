//! Making, signing and publishing releases with keys that the test holds: as their owners would, and as thieves would.

use std::fs;
use std::path::PathBuf;

use writ_trust::digest::Digest;
use writ_trust::minisign::signature_file_name;
use writ_trust::release::{ClosureRef, Generation, PolicyRef, Release, ReleaseSchema, Source};
use writ_trust::role::Role;
use writ_trust::root::{TrustKey, TrustRoot, TrustSchema};

use super::*;

/// A key's entry in a trust root: valid since yesterday, for a year.
pub fn trust_key(who: u8, name: &str, roles: &[Role]) -> TrustKey {
    TrustKey {
        public_key: public(who),
        name: name.into(),
        roles: roles.to_vec(),
        sites: vec![],
        valid_from: now_plus(-DAY),
        valid_until: now_plus(365 * DAY),
        revoked_at: None,
    }
}

/// The first trust root: one trust key, two release keys that must both sign, one revoked, one lapsed.
pub fn root() -> TrustRoot {
    let mut revoked = trust_key(REVOKED, "Rob", &[Role::Release]);
    revoked.revoked_at = Some(now_plus(-1000));
    let mut lapsed = trust_key(LAPSED, "Lea", &[Role::Release]);
    lapsed.valid_until = now_plus(-1000);
    TrustRoot {
        schema: TrustSchema::V1,
        version: "1".parse().unwrap(),
        epoch: "1".parse().unwrap(),
        keys: vec![
            trust_key(TRUST, "Ada", &[Role::Trust]),
            trust_key(ALICE, "Alice", &[Role::Release]),
            trust_key(BOB, "Bob", &[Role::Release]),
            revoked,
            lapsed,
            trust_key(CACHE, "test-cache-1", &[Role::Cache]),
        ],
        thresholds: [(Role::Trust, 1), (Role::Release, 2)].into(),
        log_origins: [].into(),
        witnesses: vec![],
        timestamp_authorities: vec![],
        expires_at: now_plus(300 * DAY),
    }
}

/// A signature file over some bytes.
pub fn sign(who: u8, bytes: &[u8]) -> Vec<u8> {
    secret(who).sign(bytes, "a trusted comment", "signature from writ").unwrap().to_string().into_bytes()
}

impl House {
    /// A release of the present policy, without a system.
    pub fn release(&self, serial: u64) -> Release {
        self.release_of(serial, &self.policy_bytes(), None)
    }

    /// A release of this policy and system; puts the policy where releases keep documents.
    pub fn release_of(&self, serial: u64, policy: &[u8], closure: Option<ClosureRef>) -> Release {
        let schema: serde_json::Value = serde_json::from_slice(policy).unwrap_or_default();
        let schema = schema["schema"].as_str().and_then(|s| s.parse().ok());
        let generation = Generation {
            public_key: public(APPLIANCE),
            system_type: "x86_64-linux".parse().unwrap(),
            policy: PolicyRef {
                schema: schema.unwrap_or_else(|| "writ.policy.v1".parse().unwrap()),
                digest: self.put_document(policy),
                size: policy.len() as u64,
            },
            closure,
            not_before: now_plus(-3000),
        };
        Release {
            schema: ReleaseSchema::V1,
            site: self.site.parse().unwrap(),
            epoch: self.root.epoch,
            serial: writ_trust::numbers::Serial::new(serial).unwrap(),
            issued_at: now_plus(-3000),
            expires_at: now_plus(180 * DAY),
            previous: self.newest_below(serial),
            source: Source { revision: None, nar_hash: Digest::of(b"the sources"), dirty: false },
            trust_version: "1".parse().unwrap(),
            generations: [("front-desk".parse().unwrap(), generation)].into(),
            revoked_appliance_keys: vec![],
        }
    }

    /// The digest of the newest release of the first epoch that was published below a serial.
    fn newest_below(&self, serial: u64) -> Option<Digest> {
        let release = |n: u64| self.path("releases/releases").join(&self.site).join(format!("1-{n}/release.json"));
        (1..serial).rev().find_map(|n| fs::read(release(n)).ok()).map(|bytes| Digest::of(&bytes))
    }

    /// Stores a document under its digest.
    pub fn put_document(&self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        fs::write(self.document(&digest), bytes).unwrap();
        digest
    }

    pub fn document(&self, digest: &Digest) -> PathBuf {
        self.path("releases/documents").join(format!("{}.json", digest.hex()))
    }

    /// The folder of a release, made if it is not there.
    pub fn place(&self, point: &str) -> PathBuf {
        let place = self.path("releases/releases").join(&self.site).join(point);
        fs::create_dir_all(&place).unwrap();
        place
    }

    /// Publishes a release as its signers would: both signatures, then the release in one rename.
    pub fn publish(&self, release: &Release) {
        self.put(&format!("{}-{}", release.epoch, release.serial), &release.canonical(), &[ALICE, BOB]);
    }

    /// Puts bytes into a release's place, signed by these.
    pub fn put(&self, point: &str, bytes: &[u8], signers: &[u8]) {
        let place = self.place(point);
        for who in signers {
            let name = signature_file_name("release.json", public(*who).key_id());
            fs::write(place.join(name), sign(*who, bytes)).unwrap();
        }
        fs::write(place.join("release.json.new"), bytes).unwrap();
        fs::rename(place.join("release.json.new"), place.join("release.json")).unwrap();
    }

    /// Puts a trust root into the folder of releases, signed by these.
    pub fn put_root(&self, root: &TrustRoot, signers: &[u8]) {
        let name = format!("{}.json", root.version);
        let folder = self.path("releases/trust");
        for who in signers {
            let signature = sign(*who, &root.canonical());
            fs::write(folder.join(signature_file_name(&name, public(*who).key_id())), signature).unwrap();
        }
        fs::write(folder.join(name), root.canonical()).unwrap();
    }

    /// The root after the first, otherwise the same.
    pub fn next_root(&self) -> TrustRoot {
        TrustRoot { version: "2".parse().unwrap(), ..self.root.clone() }
    }
}
