//! The drill of docs/drill-key-compromise.md, command by command, with a real depot, courier and enforcer. What it printed is
//! its transcript.

use std::collections::VecDeque;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use writ_scenarios::depot::Depot;
use writ_scenarios::flake::repository;
use writ_scenarios::proxy::Proxy;
use writ_scenarios::run;
use writ_trust::minisign::signature_file_name;
use writ_wire::{Blob, MAX_ENVELOPE, Signed, paths};

use crate::distribution::courier::Courier;
use crate::house::daemon::{Daemon, PATIENCE};
use crate::house::releases::sign;
use crate::house::*;

const PEOPLE: [(&str, u8); 4] = [("alice", ALICE), ("bob", BOB), ("carol", NEIGHBOUR), ("alice-2", NEXT_TRUST)];
/// What stands in the page for the time of the theft.
const STOLEN: &str = "2026-11-27T16:00:00Z";
/// How a command ends that says no.
const SAYS_NO: &str = "# says no";
/// The new key of the appliance that was stolen.
const REPLACED: u8 = 13;

/// The commands of the page, section by section.
fn sections() -> VecDeque<(String, Vec<String>)> {
    let page = fs::read_to_string(repository().join("docs/drill-key-compromise.md")).unwrap();
    let mut sections = VecDeque::new();
    for section in page.split("\n## ").skip(1) {
        let title = section.lines().next().unwrap().to_owned();
        let fenced = section.split("```\n").skip(1).step_by(2);
        let commands: Vec<String> = fenced.flat_map(str::lines).map(str::to_owned).collect();
        assert!(commands.iter().all(|line| line.starts_with("writ ")), "{title}: {commands:?}");
        sections.push_back((title, commands));
    }
    sections
}

/// The words of a command line: single quotes hold words together.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

struct Drill {
    // In the order in which they go.
    courier: Option<Courier>,
    enforcer: Option<Daemon>,
    proxy: Proxy,
    depot: Option<Depot>,
    house: House,
    sections: VecDeque<(String, Vec<String>)>,
    stolen: String,
    transcript: String,
}

impl Drill {
    /// Keys, a small policy of one file, and nothing else yet.
    fn new() -> Self {
        let house = House::new();
        house.furnish(1);
        for folder in ["keys", "desk", "inbox", "outbox", "presence", "sync", "store"] {
            fs::create_dir_all(house.path(folder)).unwrap();
        }
        let more = [("depot-log", LOG), ("reader", READER), ("front-desk", APPLIANCE), ("front-desk-old", APPLIANCE)];
        for (name, who) in PEOPLE.into_iter().chain(more) {
            // Open, so that nobody is asked for a passphrase.
            let path = house.path(&format!("keys/{name}.key"));
            fs::write(&path, secret(who).to_open_file().as_bytes()).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
            fs::write(house.path(&format!("keys/{name}.pub")), public(who).to_file()).unwrap();
        }
        lay(&house);
        let releases = |folder: &str| format!("releases = \"{}\"", house.path(folder).display());
        let enforce = house.configuration().replace(&releases("releases"), &releases("inbox"));
        fs::write(house.path("etc/enforce.toml"), format!("{enforce}heartbeat = \"200ms\"\n")).unwrap();
        let nowhere = "127.0.0.1:1".parse().unwrap();
        let proxy = Proxy::start("127.0.0.1:0", nowhere, || Ok(())).unwrap();
        let (courier, enforcer, depot) = (None, None, None);
        let (stolen, transcript) = (STOLEN.to_owned(), String::new());
        Self { courier, enforcer, proxy, depot, house, sections: sections(), stolen, transcript }
    }

    fn desk(&self) -> PathBuf {
        self.house.path("desk")
    }

    /// Runs the next section's first commands, all of them if none is named, and gives what each printed.
    fn play(&mut self, upto: Option<usize>) -> Vec<Ran> {
        let (title, mut commands) = self.sections.pop_front().unwrap();
        let rest = commands.split_off(upto.unwrap_or(commands.len()));
        if !rest.is_empty() {
            self.sections.push_front((title.clone(), rest));
        }
        self.transcript += &format!("## {title}\n");
        commands.iter().map(|line| self.command(line)).collect()
    }

    fn command(&mut self, line: &str) -> Ran {
        let (line, code) = match line.split_once(SAYS_NO) {
            Some((line, _)) => (line.trim_end(), 1),
            None => (line, 0),
        };
        let url = self.depot.as_ref().map(Depot::url).unwrap_or_default();
        let line = line.replace("https://depot.example.org", &url).replace("clinic-001", &self.house.site);
        let line = line.replace(STOLEN, &self.stolen);
        let words = words(&line);
        let ran = ran(program("writ").args(&words[1..]).current_dir(self.desk()));
        self.transcript += &format!("$ {line}\n{}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.code, Some(code), "{}", self.transcript);
        ran
    }

    /// Brings up the depot, the courier and the enforcer with the first trust root.
    fn begin(&mut self) {
        let house = &self.house;
        fs::copy(self.desk().join("releases/trust/1.json"), house.path("etc/trust.json")).unwrap();
        let mut serve = program("writ-depot");
        serve.args(["serve", "--listen", "127.0.0.1:0", "--extra-writes", "0", "--batches", "0", "--data"]);
        serve.arg(house.path("depot")).arg("--trust").arg(house.path("etc/trust.json"));
        let depot =
            Depot::spawn(serve.arg("--log-key").arg(house.path("keys/depot-log.key")), &house.path("depot")).unwrap();
        self.proxy = Proxy::start("127.0.0.1:0", depot.address.parse().unwrap(), || Ok(())).unwrap();
        fs::write(house.path("etc/sync.toml"), Courier::configuration(house, &self.proxy)).unwrap();
        self.depot = Some(depot);
        self.start();
    }

    fn start(&mut self) {
        self.enforcer = Some(self.house.daemon());
        self.courier = Some(Courier::start(&self.house));
    }

    fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let mut polls = 0;
        let waited = run::wait(what, PATIENCE, || {
            polls += 1;
            if polls % 30 == 10
                && let Some(courier) = &self.courier
            {
                courier.hurry();
            }
            Ok(holds().then_some(()))
        });
        if let Err(e) = waited {
            let said = |name: &str| fs::read_to_string(self.house.path(name)).unwrap_or_default();
            panic!("{e}\n{}\n{}\n{}", self.transcript, said("courier.stderr"), said("daemon.stderr"));
        }
    }

    /// Waits until a release is obeyed and all evidence is delivered, some of which has seen it in the log.
    fn settle(&self, point: &str) {
        let courier = self.courier.as_ref().unwrap();
        courier.hurry();
        self.until(point, || self.house.obeys().as_deref() == Some(point));
        self.until("the delivery of all evidence", || {
            let state: Value = serde_json::from_slice(&self.house.state("state.json")).unwrap_or_default();
            state["snapshot"]["policy"] == state["running"]["release"] && self.delivered()
        });
    }

    fn delivered(&self) -> bool {
        let names = |folder: &str| -> Vec<String> {
            let entries = fs::read_dir(self.house.path(folder)).into_iter().flatten().flatten();
            entries
                .map(|entry| entry.file_name().into_string().unwrap())
                .filter(|name| name.ends_with(".json"))
                .collect()
        };
        let receipts = names("inbox/receipts");
        let bundles = names("outbox");
        !bundles.is_empty() && bundles.iter().all(|bundle| receipts.contains(&bundle.replace(".json", ".receipt.json")))
    }

    /// Whether the enforcer has stored a trust root.
    fn has_root(&self, version: u64) -> bool {
        self.house.path(&format!("state/trust/{version}.json")).exists()
    }

    /// A release that these keys signed, which nobody meant, sent to the depot; the status of the answer.
    fn thief_publishes(&self, serial: u64, signers: &[u8]) -> Option<u16> {
        let document = self.forged(serial);
        let signatures = signers.iter().map(|who| Blob(sign(*who, &document))).collect();
        let signed = Signed { document: Blob(document), signatures }.canonical();
        let client = writ_client::Client::new(&writ_client::Settings::new(self.depot.as_ref().unwrap().url())).unwrap();
        let target = paths::publish_release(&self.house.site.parse().unwrap());
        client.put(&target, &signed, MAX_ENVELOPE as u64).err().and_then(|error| error.status())
    }

    /// A copy of the newest release under another number.
    fn forged(&self, serial: u64) -> Vec<u8> {
        let newest = serial - 1;
        let path = format!("releases/releases/{}/1-{newest}/release.json", self.house.site);
        let before = fs::read(self.desk().join(path)).unwrap();
        let mut release: Value = serde_json::from_slice(&before).unwrap();
        release["serial"] = serial.into();
        release["previous"] = writ_trust::digest::Digest::of(&before).to_string().into();
        writ_trust::json::canonical(&release)
    }

    /// Lays a release before the enforcer as a hostile courier would, and waits until it is refused by name.
    fn thief_brings(&mut self, serial: u64, signers: &[u8]) {
        self.courier = None;
        let place = self.house.path(&format!("inbox/releases/{}/1-{serial}", self.house.site));
        fs::create_dir_all(&place).unwrap();
        let document = self.forged(serial);
        for who in signers {
            let name = signature_file_name("release.json", public(*who).key_id());
            fs::write(place.join(name), sign(*who, &document)).unwrap();
        }
        let said = || fs::read_to_string(self.house.path("daemon.stderr")).unwrap_or_default();
        let before = said().len();
        fs::write(place.join("release.json"), &document).unwrap();
        self.until("the refusal of the thief's release", || {
            said()[before..].lines().any(|line| line.contains("signature-threshold"))
        });
        fs::remove_dir_all(&place).unwrap();
        self.courier = Some(Courier::start(&self.house));
    }
}

/// The policy: one file that must stay as it is, checked by the repository's own library.
pub fn lay(house: &House) {
    let desk = house.path("desk");
    let modules = desk.join("modules");
    fs::create_dir_all(&modules).unwrap();
    let mut copy = Command::new("cp");
    run::checked(copy.arg("-r").arg(repository().join("modules/policy")).arg(&modules)).unwrap();
    let site = format!("hosts/{}", house.site);
    let write = |name: &str, text: &str| {
        let path = desk.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("baselines/default.nix", "{ small = ./small; }\n");
    write(
        "baselines/small/default.nix",
        r#"{ writ, ... }:
writ.baseline {
  title = "A small baseline";
  version = "1";
  files = [ ./files.nix ];
  settings = {
    sla = { critical = "15m"; high = "1h"; medium = "4h"; low = "24h"; };
    escalation.l1_failures = { critical = 3; high = 2; medium = 3; low = 3; };
    retention = { evidence = "6y"; logs = "365d"; };
  };
}
"#,
    );
    let file = r#"{ writ, ... }: {
  controls."A.1" = writ.control {
    title = "Files are as released";
    coverage = "automated";
    severity = "high";
    checks = [ "file.0" ];
  };
  checks."file.0" = writ.check {
    title = "A file";
    probe.file.path = "@file@";
    expect.mode.eq = "0644";
    every = "1h";
  };
}
"#;
    write("baselines/small/files.nix", &file.replace("@file@", &house.file(0).display().to_string()));
    write("rules/default.nix", "{ families = { }; runbooks = [ ]; }\n");
    write(
        &format!("{site}/site.nix"),
        r#"{ writ, ... }:
writ.site {
  title = "A clinic";
  time_zone = "America/New_York";
  baselines.small = "1";
  approvers = [ "Dr. Ruth Alvarez" ];
  contacts = [ "on-call@msp.example" ];
}
"#,
    );
    write(&format!("{site}/front-desk/policy.nix"), "{ writ, ... }:\nwrit.appliance { }\n");
    fs::copy(house.path("keys/front-desk.pub"), desk.join(format!("{site}/front-desk/key.pub"))).unwrap();
    git(&desk, &["init", "--quiet"]);
    commit(&desk);
}

pub fn git(desk: &Path, arguments: &[&str]) {
    run::checked(Command::new("git").arg("-C").arg(desk).args(arguments)).unwrap();
}

fn commit(desk: &Path) {
    git(desk, &["add", "baselines", "hosts", "modules", "rules"]);
    let who = ["-c", "user.name=drill", "-c", "user.email=drill@example", "-c", "commit.gpgsign=false"];
    git(desk, &[&who[..], &["commit", "--quiet", "--message", "change"]].concat());
}

/// The files of a verification that are told of as revoked, and how much each weighs.
fn revoked(report: &Value) -> Vec<(String, String)> {
    let list = report["problems"]["list"].as_array().unwrap().iter().filter(|p| p["code"] == "revoked");
    let text = |p: &Value, name: &str| p[name].as_str().unwrap().to_owned();
    list.map(|p| {
        (text(p, "path").rsplit_once("1-").map_or_else(|| text(p, "path"), |(_, n)| n.to_owned()), text(p, "weight"))
    })
    .collect()
}

fn verified(drill: &Drill) -> Value {
    let ran = ran(program("writ")
        .args(["audit", "verify", "../audit", "--trust", "releases/trust/1.json", "--json"])
        .current_dir(drill.desk()));
    serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {}{}", ran.stdout, ran.stderr))
}

#[test]
fn the_compromise_of_a_key() {
    let mut drill = Drill::new();
    drill.play(Some(3));
    drill.begin();
    drill.play(Some(4));
    drill.settle("1-1");
    drill.play(Some(1));

    // The theft: what the log held until now it held before. The clock of the log has whole seconds.
    drill.stolen = now_plus(2_000).to_string();
    let stolen: writ_scenarios::Time = drill.stolen.parse().unwrap();
    drill.until("the theft", || now_plus(0) > stolen);
    drill.play(None);
    drill.settle("1-2");
    assert_eq!(drill.thief_publishes(3, &[ALICE]), Some(403), "one key of two is not enough, stolen or not");

    // 1 and 2: revoked and published.
    let drafted = drill.play(None);
    assert!(
        drafted[1].stdout.contains("why: ") && drafted[1].stdout.contains("laptop stolen from a car"),
        "{}",
        drill.transcript
    );
    drill.play(None);
    drill.until("root 2 on the appliance", || drill.has_root(2));
    // Bob was deceived; with Alice's key that would have been enough before.
    assert_eq!(drill.thief_publishes(3, &[ALICE, BOB]), Some(403));
    drill.thief_brings(3, &[ALICE, BOB]);
    assert_eq!(drill.house.obeys().as_deref(), Some("1-2"), "what runs goes on");

    // 3: it has arrived.
    let seen = drill.play(None);
    assert!(seen[0].stdout.contains("the chain holds up to version 2") && seen[1].stdout.contains("revoked as of"));
    assert!(seen[2].stdout.contains("release-broken"), "{}", seen[2].stdout);

    // 4: what was covered before stands, what was not does not.
    let audited = drill.play(None);
    assert!(audited[1].stdout.contains("revoked"), "{}", audited[1].stdout);
    let report = verified(&drill);
    let told = |n: &str, weight: &str| (format!("{n}/release.json"), weight.to_owned());
    assert_eq!(revoked(&report), [told("1", "note"), told("2", "bad")], "{report}");

    // 5 and 6: a release of two others, and a new key.
    drill.play(None);
    drill.settle("1-3");
    let aged = drill.play(None);
    assert!(aged[1].stdout.contains("3.json") && aged[5].stdout.contains("alice-2"), "{}", drill.transcript);
    drill.until("root 3 on the appliance", || drill.has_root(3));

    // 7: the appliance is another machine.
    drill.courier = None;
    drill.enforcer = None;
    drill.house.kill_all("writ-enforce");
    fs::write(drill.house.path("keys/front-desk.pub"), public(REPLACED).to_file()).unwrap();
    let own = format!("hosts/{}/front-desk/key.pub", drill.house.site);
    fs::copy(drill.house.path("keys/front-desk.pub"), drill.desk().join(own)).unwrap();
    commit(&drill.desk());
    drill.play(None);
    for folder in ["state", "inbox", "outbox", "sync", "presence"] {
        let _ = fs::remove_dir_all(drill.house.path(folder));
        if folder != "state" {
            fs::create_dir_all(drill.house.path(folder)).unwrap();
        }
    }
    drill.house.write_key(REPLACED);
    drill.start();
    drill.settle("1-4");

    // 8: everything verifies, and says what it relies on.
    let last = drill.play(None);
    assert!(last[0].stdout.contains("laptop stolen from a car") && last[1].stdout.contains("true: 1 key"));
    assert!(last[3].stdout.contains("Verified OK"), "{}", last[3].stdout);
    assert!(drill.sections.is_empty());
    let report = verified(&drill);
    let mut weights = revoked(&report);
    weights.sort();
    let old = public(APPLIANCE).fingerprint();
    assert_eq!(weights.len(), 3, "{report}");
    assert!(weights.iter().all(|(_, weight)| weight == "note"), "{weights:?}");
    let of_old =
        report["problems"]["list"].as_array().unwrap().iter().find(|p| p["path"].as_str().unwrap().ends_with(&old));
    let words = of_old.unwrap()["what"].as_str().unwrap();
    assert!(!words.contains(" 0 of its bundles") && !words.contains("before, 0 not"), "{words}");
    println!("{}", drill.transcript);
}
