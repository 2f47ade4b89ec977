//! An appliance as processes on this machine: keys known to the test, a folder of releases that the test may fill with
//! anything, and the real `writ-enforce` and `writ-switch` on folders of their own.

pub mod audit;
pub mod daemon;
pub mod evidence;
pub mod policy;
pub mod releases;
pub mod systems;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;
use writ_scenarios::lost_writes::Disk;
use writ_scenarios::{Time, binaries, run};
use writ_trust::minisign::{PublicKey, SecretKey};
use writ_trust::root::TrustRoot;

pub const TRUST: u8 = 1;
pub const ALICE: u8 = 2;
pub const BOB: u8 = 3;
pub const REVOKED: u8 = 4;
pub const LAPSED: u8 = 5;
pub const CACHE: u8 = 6;
pub const APPLIANCE: u8 = 7;
pub const NEIGHBOUR: u8 = 8;
pub const STRANGER: u8 = 9;
pub const NEXT_TRUST: u8 = 10;
pub const LOG: u8 = 11;
pub const READER: u8 = 12;

pub fn secret(who: u8) -> SecretKey {
    SecretKey::generate(&[who; 40])
}

pub fn public(who: u8) -> PublicKey {
    secret(who).public_key()
}

/// The time it is, give or take this many milliseconds.
pub fn now_plus(millis: i64) -> Time {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    // Whole seconds, as documents written by people have them.
    Time::from_unix_millis((i64::try_from(now).unwrap() + millis) / 1000 * 1000)
}

/// Where it is kept how often posture is told, if not each hour.
pub const ACCOUNT_EVERY: &str = "account-every";
pub const DAY: i64 = 86_400_000;

/// The suite writes the Nix store, mounts and boots: it fails without root, it never passes by skipping.
pub fn needs_root() {
    assert!(writ_scenarios::run::is_root(), "the scenario suite needs root: run it as root on a Debian machine");
}

/// A folder with everything that one appliance is.
pub struct House {
    /// Its disk, where it has one of its own.
    disk: Option<Disk>,
    dir: TempDir,
    /// The site: a name of its own, because links for Nix's garbage collector are machine-wide.
    pub site: String,
    /// The first trust root.
    pub root: TrustRoot,
}

/// What a run of a program came to.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl House {
    /// A house with keys, a trust root, a configuration and nothing published.
    pub fn new() -> Self {
        Self::on(|_| None)
    }

    /// The same on a disk whose power can be cut.
    pub fn on_a_disk() -> Self {
        Self::on(|folder| Some(Disk::mounted(folder).unwrap()))
    }

    fn on(disk: impl FnOnce(&Path) -> Option<Disk>) -> Self {
        needs_root();
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let dir = tempfile::Builder::new().prefix("writ-house-").tempdir().unwrap();
        let site = format!("clinic-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let house = Self { disk: disk(dir.path()), dir, site, root: releases::root() };
        for folder in ["etc", "releases/trust", "releases/documents", "releases/cache", "target"] {
            fs::create_dir_all(house.path(folder)).unwrap();
        }
        fs::write(house.path("etc/trust.json"), house.root.canonical()).unwrap();
        house.write_key(APPLIANCE);
        fs::write(house.path("etc/enforce.toml"), house.configuration()).unwrap();
        house
    }

    /// A house in which release 1-5 runs, with this many files under watch.
    pub fn enforcing(files: usize) -> Self {
        let house = Self::new();
        house.furnish(files);
        house.publish(&house.release(5));
        let ran = house.once();
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert_eq!(house.obeys().as_deref(), Some("1-5"), "{}", ran.stderr);
        house
    }

    /// The disk whose power can be cut.
    pub fn disk(&self) -> &Disk {
        self.disk.as_ref().unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write_key(&self, who: u8) {
        let path = self.path("etc/appliance.key");
        fs::write(&path, secret(who).to_open_file().as_bytes()).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// The text of `enforce.toml`.
    pub fn configuration(&self) -> String {
        let at = |name: &str| self.path(name).display().to_string();
        format!(
            "site = \"{}\"\nappliance = \"front-desk\"\nreleases = \"{}\"\ntrust = \"{}\"\nkey = \"{}\"\nstate_dir = \"{}\"\n\
             outbox_dir = \"{}\"\nprofile = \"{}\"\nswitch_command = \"process\"\npoll_releases = \"100ms\"\n\
             fallback_window = \"300ms\"\n",
            self.site,
            at("releases"),
            at("etc/trust.json"),
            at("etc/appliance.key"),
            at("state"),
            at("outbox"),
            at("profile"),
        )
    }

    /// The files under watch: `target/file-N`, each with its content and mode.
    pub fn furnish(&self, files: usize) {
        for n in 0..files {
            fs::write(self.file(n), policy::content(n)).unwrap();
            fs::set_permissions(self.file(n), fs::Permissions::from_mode(0o644)).unwrap();
        }
        fs::write(self.path("files"), files.to_string()).unwrap();
    }

    pub fn files(&self) -> usize {
        fs::read_to_string(self.path("files")).map_or(0, |n| n.parse().unwrap())
    }

    pub fn file(&self, n: usize) -> PathBuf {
        self.path(&format!("target/file-{n}"))
    }

    /// Breaks a file: anybody may write it.
    pub fn break_file(&self, n: usize) {
        fs::set_permissions(self.file(n), fs::Permissions::from_mode(0o666)).unwrap();
    }

    pub fn is_whole(&self, n: usize) -> bool {
        let mode = fs::metadata(self.file(n)).map(|m| m.permissions().mode() & 0o7777);
        mode.is_ok_and(|m| m == 0o644) && fs::read(self.file(n)).is_ok_and(|b| b == policy::content(n).as_bytes())
    }

    /// `writ-enforce` with its configuration.
    pub fn enforcer(&self) -> Command {
        let mut command = program("writ-enforce");
        command.arg("--config").arg(self.path("etc/enforce.toml"));
        command
    }

    /// One look at the releases, one run of all checks.
    pub fn once(&self) -> Ran {
        ran(self.enforcer().arg("--once"))
    }

    pub fn outbox(&self) -> PathBuf {
        self.path("outbox")
    }

    /// What lies in a file of the state folder; empty when it is not there.
    pub fn state(&self, name: &str) -> Vec<u8> {
        fs::read(self.path("state").join(name)).unwrap_or_default()
    }

    /// Lets the appliance forget what it refused, so that it tells of the next refusal again.
    pub fn forget_refusals(&self) {
        let mut state: serde_json::Value = serde_json::from_slice(&self.state("state.json")).unwrap();
        state["refusals"] = serde_json::json!([]);
        fs::write(self.path("state/state.json"), serde_json::to_vec(&state).unwrap()).unwrap();
    }

    /// The release that is obeyed, as the state says.
    pub fn obeys(&self) -> Option<String> {
        let state: serde_json::Value = serde_json::from_slice(&self.state("state.json")).ok()?;
        let release = state.get("running")?.get("release")?;
        Some(format!("{}-{}", release.get("epoch")?, release.get("serial")?))
    }
}

impl Drop for House {
    fn drop(&mut self) {
        // Rollback timers of switches that were killed wait for minutes.
        self.kill_all("writ-enforce");
        self.kill_all("writ-switch");
        let _ = fs::remove_dir_all(Path::new("/nix/var/nix/gcroots/writ").join(&self.site));
    }
}

/// One of the programs under test, without colours and without what the developer's environment would tell it.
pub fn program(name: &str) -> Command {
    let mut command = Command::new(binaries::folder().unwrap().join(name));
    command.env("NO_COLOR", "1").env_remove("RUST_LOG").env_remove("NOTIFY_SOCKET");
    command
}

/// Runs a program to its end. A program that dies of a signal or panics is never what a test wants.
pub fn ran(command: &mut Command) -> Ran {
    let output = run::any(command).unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let ran = Ran { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) };
    assert!(!ran.stderr.contains("panicked at"), "{}\n{}", run::line(command), ran.stderr);
    ran
}
