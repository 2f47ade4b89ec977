//! The machine that is broken: a container with programs of Debian's packages, the units and programs of modules/nixos, and the
//! policy of a theatre.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use writ_scenarios::appliance::{Appliance, Supply};
use writ_scenarios::container;
use writ_scenarios::outbox::Found;
use writ_scenarios::workshop::{SITE, Workshop};
use writ_tools::{peers, run};

use super::policy::{self, NAME};
use crate::nixos::machines;

/// Debian's packages, by the name of the folder that they are unpacked into.
const PEERS: [(&str, &[&str]); 5] = [
    ("openssh", &["openssh-server"]),
    ("chrony", &["chrony"]),
    ("restic", &["restic"]),
    ("clamav", &["clamav", "clamdscan"]),
    ("clamav-daemon", &["clamav-daemon"]),
];

/// What the packages' own installation would have made, and what NixOS makes of the modules before a unit starts.
const FURNISH: &str = "tests/it/library/furnish.sh";

/// What restic of the unpacked package is too old for (0.14): waiting for a lock came with 0.16.
const TOO_NEW: [&str; 2] = [" --retry-lock 15m", " --retry-lock=15m"];

pub struct Machine {
    // In the order in which they go.
    pub appliance: Appliance,
    desk: Workshop,
    _dir: TempDir,
}

impl Machine {
    /// Boots it and waits until it has switched to its first release.
    pub fn boot() -> Self {
        crate::house::needs_root();
        container::available().expect("the scenarios boot containers: root and systemd-nspawn are needed");
        let machines = machines(Path::new("/opt/writ"));
        let theatre = &machines[NAME];
        let dir = tempfile::Builder::new().prefix("writ-library-").tempdir().unwrap();
        let desk = Workshop::open(&dir.path().join("desk")).unwrap();
        policy::lay(&desk, &programs(theatre), &sshd(theatre));
        desk.make_keys().unwrap();
        desk.enrol(NAME).unwrap();
        desk.commit("A theatre that is broken").unwrap();
        desk.make_trust_root().unwrap();
        desk.release().unwrap();
        let appliance = Appliance::boot(&desk, NAME, &dir.path().join("root"), Supply::Folder).unwrap();
        let machine = Self { appliance, desk, _dir: dir };
        machine.furnish(theatre);
        machine.start(theatre);
        machine
    }

    fn furnish(&self, theatre: &Value) {
        let at = |inside: &str| self.appliance.container.path(inside);
        let peers = at("/opt/peers");
        for (name, packages) in PEERS {
            let unpacked = peers::unpack(name, packages).unwrap();
            fs::create_dir_all(peers.join(name).join("usr")).unwrap();
            // The container sees its own folder alone.
            for part in ["usr/bin", "usr/sbin", "usr/lib"].map(|part| unpacked.join(part)) {
                if part.is_dir() {
                    let mut copy = Command::new("cp");
                    run::checked(copy.arg("-r").arg(part).arg(peers.join(name).join("usr"))).unwrap();
                }
            }
        }
        for (name, text) in theatre["units"].as_object().unwrap() {
            if name.starts_with("writ-backup") || name.starts_with("writ-restore") || name.starts_with("writ-scan") {
                fs::write(at("/etc/systemd/system").join(name), here(text.as_str().unwrap())).unwrap();
            }
        }
        let script = at("/root/furnish.sh");
        fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(FURNISH), &script).unwrap();
        let unlock = at("/srv/clinic/backup-unlock");
        fs::write(&unlock, format!("#!/bin/bash\n{}", here(theatre["unlock"].as_str().unwrap()))).unwrap();
        fs::set_permissions(&unlock, fs::Permissions::from_mode(0o755)).unwrap();
        self.sh("bash /root/furnish.sh");
    }

    /// Starts the enforcer as the unit that the modules make of it, and waits for its first release.
    fn start(&self, theatre: &Value) {
        let unit = here(theatre["units"]["writ-enforce.service"].as_str().unwrap());
        self.appliance.container.start_unit("writ-enforce.service", &unit).unwrap();
        let wanted = |f: &Found| f.text(&["kind"]) == "switch";
        let switch = self.appliance.await_bundle(0, "the switch to release 1", wanted).unwrap();
        let outcome = switch.text(&["switch", "outcome"]);
        assert_eq!(outcome, "committed", "{}\n{}", switch.json, self.appliance.last_words());
    }

    /// The checks of its policy.
    pub fn checks(&self) -> Vec<String> {
        let mut command = Command::new("nix-instantiate");
        command.current_dir(self.desk.flake()).args(["--eval", "--strict", "--json", "--store", "dummy://"]);
        command.args(["modules/policy/evaluate.nix", "--arg", "root", "./.", "-A"]);
        command.arg(format!("policies.{SITE}.{NAME}.checks"));
        let checks: Value = serde_json::from_str(&run::checked(&mut command).unwrap()).unwrap();
        checks.as_object().unwrap().keys().cloned().collect()
    }

    /// Runs a script inside, as somebody at the keyboard would.
    #[track_caller]
    pub fn sh(&self, script: &str) -> String {
        self.appliance.run("sh", &["-c", script]).unwrap()
    }
}

/// A text of the modules, as it has to be on this machine.
fn here(text: &str) -> String {
    let text = TOO_NEW.iter().fold(text.to_owned(), |text, option| text.replace(option, ""));
    text.replace("/opt/writ/bin/", "/opt/writ/")
        .replace("/nix/store/restic/bin", "/usr/bin")
        .replace("/nix/store/clamav/bin", "/usr/bin")
        .replace("/nix/store/systemd/bin", "/usr/bin")
        .replace("/nix/store/00000000000000000000000000000000-backup-unlock", "/srv/clinic/backup-unlock")
}

/// The modules' programs.
fn programs(theatre: &Value) -> Value {
    let all = theatre["programs"].as_object().unwrap();
    all.iter().map(|(name, text)| (name.clone(), Value::from(here(text.as_str().unwrap())))).collect()
}

/// The settings of the SSH server that the modules ask for, as sshd_config(5) has them. The server of the unpacked package is
/// older than one of the ways to exchange keys.
fn sshd(theatre: &Value) -> String {
    let settings = theatre["asked"]["sshd"].as_object().unwrap();
    let word = |value: &Value| match value {
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Array(all) => {
            let known = all.iter().filter_map(Value::as_str).filter(|one| !one.starts_with("mlkem"));
            known.collect::<Vec<_>>().join(",")
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    settings.iter().map(|(name, value)| format!("{name} {}\n", word(value))).collect()
}
