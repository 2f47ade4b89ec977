//! Where the blocks of procedures run: each page gets a copy of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use writ_scenarios::depot::Depot;
use writ_scenarios::{flake, run};

use super::blocks::Ground;
use super::folder;
use crate::house::{ALICE, BOB, LOG, NEIGHBOUR, NEXT_TRUST, READER, program, public, secret};

/// Whose keys lie at the desk; all but the last are in the trust root.
const KEYS: [(&str, u8, &str); 6] = [
    ("alice", ALICE, "trust,release"),
    ("bob", BOB, "trust,release"),
    ("carol", NEIGHBOUR, "trust,release"),
    ("depot-log", LOG, "log"),
    ("reader", READER, "read"),
    ("alice-2", NEXT_TRUST, ""),
];

/// The originals.
pub struct Grounds(TempDir);

/// A copy for one page.
pub struct Place(TempDir);

impl Place {
    /// Where the commands run.
    pub fn work(&self) -> PathBuf {
        self.0.path().join("work")
    }

    /// Where what they print is kept.
    pub fn scripts(&self) -> PathBuf {
        self.0.path().join("scripts")
    }
}

impl Grounds {
    /// Makes all three.
    pub fn lay() -> Self {
        let grounds = Self(tempfile::Builder::new().prefix("writ-pages-").tempdir().unwrap());
        for ground in [Ground::Auditor, Ground::Desk, Ground::Depot] {
            fs::create_dir_all(grounds.of(ground).join("work")).unwrap();
        }
        folder::lay(&grounds.of(Ground::Auditor).join("work"));
        desk(&grounds.of(Ground::Desk));
        depot(&grounds.of(Ground::Depot), &grounds.of(Ground::Desk));
        grounds
    }

    fn of(&self, ground: Ground) -> PathBuf {
        self.0.path().join(format!("{ground:?}"))
    }

    /// A copy of one of them.
    pub fn fresh(&self, ground: Ground) -> Place {
        let place = Place(tempfile::Builder::new().prefix("writ-page-").tempdir().unwrap());
        let mut all = std::process::Command::new("cp");
        run::checked(all.arg("-a").arg(self.of(ground).join(".")).arg(place.0.path())).unwrap();
        fs::create_dir_all(place.scripts()).unwrap();
        place
    }
}

/// A tree of policy, the keys outside of it, and the first trust root: two of three for roots and releases.
fn desk(to: &Path) {
    let work = to.join("work");
    flake::lay(&work).unwrap();
    flake::commit(&work, "The policies").unwrap();
    fs::create_dir_all(to.join("keys")).unwrap();
    let mut init = program("writ");
    init.args([
        "trust",
        "init",
        "--out",
        "releases/trust/1.json",
        "--threshold",
        "trust=2",
        "--threshold",
        "release=2",
    ]);
    init.args(["--log-origin", "clinic-001=log.example.org/clinic-001"]);
    for (name, who, roles) in KEYS {
        let key = to.join(format!("keys/{name}.key"));
        // Open, so that nobody is asked for a passphrase.
        fs::write(&key, secret(who).to_open_file().as_bytes()).unwrap();
        fs::set_permissions(key, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(to.join(format!("keys/{name}.pub")), public(who).to_file()).unwrap();
        if !roles.is_empty() {
            init.args(["--key", &format!("../keys/{name}.pub:{roles}")]);
        }
    }
    run::checked(init.current_dir(&work)).unwrap();
    for name in ["alice", "bob"] {
        let mut sign = program("writ");
        sign.args(["trust", "sign", "releases/trust/1.json", "--key", &format!("../keys/{name}.key")]);
        run::checked(sign.current_dir(&work)).unwrap();
    }
}

/// A depot's data directory, as it lies after a depot has served it: at the place that the pages name, below the work folder.
fn depot(to: &Path, desk: &Path) {
    let data = to.join("work/var/lib/writ/depot");
    fs::create_dir_all(data.parent().unwrap()).unwrap();
    fs::create_dir_all(to.join("work/mnt/backup")).unwrap();
    let mut serve = program("writ-depot");
    serve.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&data);
    serve
        .arg("--trust")
        .arg(desk.join("work/releases/trust/1.json"))
        .arg("--log-key")
        .arg(desk.join("keys/depot-log.key"));
    Depot::spawn(&mut serve, &to.join("served")).unwrap().stop().unwrap();
}
