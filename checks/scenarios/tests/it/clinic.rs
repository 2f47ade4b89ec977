//! A clinic as its people keep it: a flake, keys, a trust root and release 1, all made with `writ`. It takes seconds to
//! make, so tests that only read it share one; the last of them clears it away.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};

use tempfile::TempDir;
use writ_scenarios::appliance::{Appliance, Supply};
use writ_scenarios::container;
use writ_scenarios::workshop::Workshop;

/// A desk with release 1 published.
pub struct Clinic {
    pub desk: Workshop,
    dir: TempDir,
}

impl Clinic {
    /// A clinic of one's own, to be changed.
    pub fn new() -> Self {
        crate::house::needs_root();
        let dir = tempfile::Builder::new().prefix("writ-clinic-").tempdir().unwrap();
        let desk = Workshop::open(&dir.path().join("desk")).unwrap();
        desk.make_keys().unwrap();
        for appliance in ["front-desk", "back-office"] {
            desk.enrol(appliance).unwrap();
        }
        desk.commit("Two appliances join the clinic").unwrap();
        desk.make_trust_root().unwrap();
        desk.release().unwrap();
        Self { desk, dir }
    }

    /// The clinic that several tests read.
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Clinic>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let clinic = Arc::new(Self::new());
            *shared = Arc::downgrade(&clinic);
            clinic
        })
    }

    /// Boots the front desk in a container called `name`, and waits until it has switched to release 1.
    pub fn front_desk(&self, name: &str) -> Appliance {
        let appliance = self.boot(&self.root(name));
        self.start(&appliance);
        appliance
    }

    /// The root of a machine of this clinic.
    pub fn root(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Starts the appliance and waits until release 1 runs.
    pub fn start(&self, appliance: &Appliance) {
        appliance.start().unwrap();
        let switch = appliance.await_bundle(0, "the switch to release 1", |f| f.text(&["kind"]) == "switch").unwrap();
        assert_eq!(switch.text(&["switch", "outcome"]), "committed", "{}\n{}", switch.json, appliance.last_words());
    }

    /// Boots the front desk on this root; nothing of ours is started.
    pub fn boot(&self, root: &Path) -> Appliance {
        container::available().expect("the scenarios boot containers: root and systemd-nspawn are needed");
        Appliance::boot(&self.desk, "front-desk", root, Supply::Folder).unwrap()
    }
}
