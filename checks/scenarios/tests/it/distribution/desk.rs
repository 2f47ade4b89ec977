//! The desk: makes releases and puts them into the depot, request by request, as `writ release publish --depot` does.

use std::fs;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use writ_trust::json::canonical;
use writ_trust::release::Release;
use writ_wire::publication::{Publication, State};
use writ_wire::{Blob, MAX_ENVELOPE, Signed, paths};

use super::line::Line;
use crate::house::releases::sign;
use crate::house::systems::System;
use crate::house::*;

impl Line {
    /// Publishes the next release, which has a policy document of its own; gives its serial.
    pub fn publish(&self) -> u64 {
        let release = self.next();
        let serial = release.serial.get();
        self.put(&release);
        self.good.store(serial, Ordering::Relaxed);
        serial
    }

    /// Publishes the next release with a change of its policy.
    pub fn publish_policy(&self, change: impl FnOnce(&mut Value)) {
        let serial = self.published.load(Ordering::Relaxed) + 1;
        let mut policy = self.house.policy();
        change(&mut policy);
        self.put(&self.house.release_of(serial, &canonical(&policy), None));
        self.good.store(serial, Ordering::Relaxed);
    }

    /// Publishes the next release with a change that makes it one which the appliance must not take.
    pub fn publish_bad(&self, change: impl FnOnce(&mut Release)) {
        let mut release = self.next();
        change(&mut release);
        self.put(&release);
    }

    /// Publishes the next release with a system in it.
    pub fn publish_system(&self, name: &str) -> Release {
        let serial = self.published.load(Ordering::Relaxed) + 1;
        let closure = self.house.system(System { name, ..System::default() });
        let release = self.house.release_of(serial, &self.policy(serial), Some(closure));
        self.put(&release);
        self.good.store(serial, Ordering::Relaxed);
        release
    }

    fn next(&self) -> Release {
        let serial = self.published.load(Ordering::Relaxed) + 1;
        self.house.release_of(serial, &self.policy(serial), None)
    }

    /// The policy of a release.
    pub fn policy(&self, serial: u64) -> Vec<u8> {
        let mut policy = self.house.policy();
        policy["settings"]["title"] = json!(format!("Test clinic at release {serial}"));
        canonical(&policy)
    }

    fn put(&self, release: &Release) {
        self.put_signed(release, &[ALICE, BOB]);
    }

    /// Publishes the next release, signed by these.
    pub fn publish_signed(&self, signers: &[u8]) {
        // Its signers' keys may have begun a moment ago.
        let release = Release { issued_at: now_plus(0), ..self.next() };
        self.put_signed(&release, signers);
        self.good.store(release.serial.get(), Ordering::Relaxed);
    }

    /// Sends the next release, signed by these, to the depot, which must not take it; gives the status of its answer.
    pub fn refused_there(&self, signers: &[u8]) -> Option<u16> {
        let release = self.next();
        let document = release.canonical();
        let signatures = signers.iter().map(|who| Blob(sign(*who, &document))).collect();
        let signed = Signed { document: Blob(document), signatures }.canonical();
        let answer = self.client().put(&paths::publish_release(&release.site), &signed, MAX_ENVELOPE as u64);
        answer.err().and_then(|error| error.status())
    }

    fn put_signed(&self, release: &Release, signers: &[u8]) {
        let document = release.canonical();
        // The desk's own folder, where the next release finds its predecessor.
        self.house.put(&format!("{}-{}", release.epoch, release.serial), &document, signers);
        self.published.store(release.serial.get(), Ordering::Relaxed);
        let signatures = signers.iter().map(|who| Blob(sign(*who, &document))).collect();
        let signed = Signed { document: Blob(document), signatures };
        let (client, most) = (self.client(), MAX_ENVELOPE as u64);
        let target = paths::publish_release(&release.site);
        let answer = client.put(&target, &signed.canonical(), most).unwrap();
        let mut state = Publication::parse(&answer).unwrap();
        for digest in state.missing.documents {
            let bytes = fs::read(self.house.document(&digest)).unwrap();
            let target = paths::publish_document(&digest);
            client.put_stream(&target, &mut &bytes[..], bytes.len() as u64, most).unwrap();
        }
        state = Publication::parse(&client.get(&target, most).unwrap()).unwrap();
        for part in state.missing.paths {
            let cache = self.house.path("releases/cache");
            let narinfo = fs::read(cache.join(format!("{}.narinfo", part.as_str()))).unwrap();
            let target = paths::publish_narinfo(&part);
            client.put_stream(&target, &mut &narinfo[..], narinfo.len() as u64, most).unwrap();
            let text = String::from_utf8(narinfo).unwrap();
            let url = text.lines().find_map(|line| line.strip_prefix("URL: ")).unwrap();
            let nar = fs::read(cache.join(url)).unwrap();
            let target = paths::publish_nar(url).unwrap();
            client.put_stream(&target, &mut &nar[..], nar.len() as u64, most).unwrap();
        }
        let state = Publication::parse(&client.get(&target, most).unwrap()).unwrap();
        assert!(matches!(state.state, State::Active), "{:?} is missing", state.missing);
    }
}
