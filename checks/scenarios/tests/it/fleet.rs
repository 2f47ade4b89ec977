//! Three appliances, each a machine with its own systemd, are given releases ring by ring: the first at once, the second by
//! time, the third when people have signed that. And a bad release is stopped at the first.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use writ_scenarios::appliance::{Appliance, Supply};
use writ_scenarios::container;
use writ_scenarios::depot::Depot;
use writ_scenarios::flake::{copy, repository};
use writ_scenarios::network::{HUB, Network};
use writ_scenarios::outbox::Found;
use writ_scenarios::run;
use writ_scenarios::workshop::{SIGNERS, SITE, Workshop};
use writ_trust::release::Release;
use writ_trust::time::Time;

use crate::house::{Ran, ran};

const NAMES: [&str; 3] = ["front-desk", "back-office", "ward"];
const DEPOT: &str = "http://127.0.0.1:8080";
/// The rings of the good release. The second has its turn while the test looks on.
const RINGS: &str = r#"  rings = [
    { name = "canary"; appliances = [ "front-desk" ]; }
    { name = "second"; after = "6s"; appliances = [ "back-office" ]; }
    { name = "rest"; after = "promotion"; appliances = "others"; }
  ];
"#;

/// A desk with a small site of three, whose releases go through a depot.
struct Fleet {
    // In the order in which they go: the appliances and the depot before the network that they stand in.
    appliances: Vec<Appliance>,
    _depot: Depot,
    network: Network,
    desk: Workshop,
    _dir: tempfile::TempDir,
}

/// Replaces the desk's policy by that of the fleet.
fn lay(desk: &Workshop) {
    let (flake, own) = (desk.flake(), repository().join("checks/scenarios/fleet"));
    for folder in ["baselines", "rules"] {
        fs::remove_dir_all(flake.join(folder)).unwrap();
        fs::create_dir_all(flake.join(folder)).unwrap();
    }
    fs::write(flake.join("baselines/default.nix"), "{ house = ./house; }\n").unwrap();
    copy(&own.join("house.nix"), &flake.join("baselines/house/default.nix")).unwrap();
    copy(&own.join("baseline.nix"), &flake.join("baselines/house/service.nix")).unwrap();
    fs::write(flake.join("rules/default.nix"), "{ families = { }; runbooks = [ ]; }\n").unwrap();
    let site = flake.join("hosts").join(SITE);
    copy(&own.join("site.nix"), &site.join("site.nix")).unwrap();
    for name in NAMES {
        let _ = fs::remove_dir_all(site.join(name));
        copy(&own.join("system.nix"), &site.join(name).join("system.nix")).unwrap();
        fs::write(site.join(name).join("policy.nix"), "{ writ, ... }: writ.appliance { }\n").unwrap();
    }
}

impl Fleet {
    /// Everything laid out, release 1-1 published, three machines up and obeying it.
    fn new() -> Self {
        crate::house::needs_root();
        container::available().expect("the scenarios boot containers: root and systemd-nspawn are needed");
        let dir = tempfile::Builder::new().prefix("writ-fleet-").tempdir().unwrap();
        let mut desk = Workshop::open(&dir.path().join("desk")).unwrap();
        desk.logged = true;
        lay(&desk);
        desk.make_keys().unwrap();
        NAMES.iter().for_each(|name| desk.enrol(name).unwrap());
        desk.commit("Three appliances").unwrap();
        desk.make_trust_root().unwrap();
        let mut network = Network::new("fleet").unwrap();
        let spaces = NAMES.map(|name| network.join(name).unwrap());
        let depot = Depot::start(&desk, &dir.path().join("depot"), "0.0.0.0:8080", Some(&network)).unwrap();
        let boot = |(name, namespace): (&&str, &String)| {
            let supply = Supply::Depot { url: &format!("http://{HUB}:8080"), namespace };
            let appliance = Appliance::boot(&desk, name, &dir.path().join(name), supply).unwrap();
            appliance.start().unwrap();
            appliance.start_courier().unwrap();
            appliance
        };
        // They come up while the desk makes their first release.
        let appliances = std::thread::scope(|scope| {
            let booting: Vec<_> = NAMES.iter().zip(&spaces).map(|one| scope.spawn(move || boot(one))).collect();
            desk.release_to_depot(DEPOT, |writ| network.at_hub(writ)).unwrap();
            booting.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let fleet = Self { appliances, _depot: depot, network, desk, _dir: dir };
        (0..3).for_each(|who| assert_eq!(fleet.switched(who, 1).text(&["switch", "outcome"]), "committed"));
        fleet
    }

    fn release(&self) {
        self.desk.release_to_depot(DEPOT, |writ| self.network.at_hub(writ)).unwrap();
    }

    /// The end of an appliance's switch to a release.
    fn switched(&self, who: usize, serial: u64) -> Found {
        let wanted = |f: &Found| f.text(&["kind"]) == "switch" && f.json["switch"]["to"]["serial"] == serial;
        let what = format!("{}: the end of the switch to release {serial}", NAMES[who]);
        self.appliances[who].await_bundle(0, &what, wanted).unwrap()
    }

    /// Whether an appliance has told of a switch to a release.
    fn has_switched(&self, who: usize, serial: u64) -> bool {
        let bundles = writ_scenarios::outbox::read(&self.appliances[who].outbox()).unwrap();
        bundles.iter().any(|f| f.text(&["kind"]) == "switch" && f.json["switch"]["to"]["serial"] == serial)
    }

    /// `writ fleet` at the hub.
    fn writ(&self, arguments: &[&str]) -> Command {
        let mut command = self.network.at_hub(self.desk.bin.join("writ"));
        command.current_dir(&self.desk.dir).env("NO_COLOR", "1").arg("fleet").args(arguments);
        command.args(["--depot", DEPOT, "--read-key", "keys/reader.key"]);
        command
    }

    fn status(&self, more: &[&str]) -> Ran {
        let common = ["status", "--flake", "flake", "--site", SITE, "--trust", "releases/trust/1.json"];
        ran(&mut self.writ(&[&common[..], more].concat()))
    }

    /// How the three stand.
    fn standings(&self) -> [String; 3] {
        let ran = self.status(&["--json"]);
        let report: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {}", ran.stderr));
        assert_eq!(ran.code, Some(i32::from(report["trouble"] != 0)), "{report}");
        let all = report["sites"][0]["appliances"].as_array().unwrap_or_else(|| panic!("{report}"));
        NAMES.map(|name| {
            let one = all.iter().find(|shown| shown["appliance"] == name).unwrap_or_else(|| panic!("{report}"));
            one["standing"].as_str().unwrap().to_owned()
        })
    }

    fn await_standings(&self, wanted: [&str; 3]) {
        let mut last = None;
        let stand = run::wait(&format!("the three to stand {wanted:?}"), Duration::from_secs(60), || {
            let now = self.standings();
            let reached = now == wanted;
            last = Some(now);
            Ok(reached.then_some(()))
        });
        stand.unwrap_or_else(|e| panic!("{e}: {last:?}"));
    }

    fn promote(&self, ring: &str, draft: &str) -> Ran {
        let common = ["promote", "--site", SITE, "--flake", "flake", "--previous", "releases"];
        ran(&mut self.writ(&[&common[..], &["--ring", ring, "--to", draft]].concat()))
    }
}

fn time(json: &Value) -> Time {
    json.as_str().unwrap().parse().unwrap()
}

/// A text in which times, lengths of time and digests are alike.
fn alike(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_whitespace() {
        let word: String = match word.strip_prefix("sha256:").or_else(|| word.strip_prefix("(sha256:")) {
            Some(_) => "DIGEST".to_owned(),
            None => word.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect(),
        };
        let mut last = ' ';
        for c in word.chars().filter(|c| !c.is_control()) {
            if c != '0' || last != '0' {
                out.push(c);
            }
            last = c;
        }
        out.push(' ');
    }
    out
}

/// The blocks of docs/fleet.md that show what commands print, as they begin with this command.
fn shown(command: &str) -> String {
    let page = fs::read_to_string(repository().join("docs/fleet.md")).unwrap();
    let block = page.split("```").find(|block| block.lines().any(|line| line == format!("$ {command}")));
    let block = block.unwrap_or_else(|| panic!("docs/fleet.md does not show {command}"));
    let printed: Vec<&str> = block.lines().skip_while(|line| !line.starts_with("$ ")).skip(1).collect();
    printed.join("\n")
}

#[track_caller]
fn as_the_page_says(command: &str, printed: &str) {
    let (page, real) = (alike(&shown(command)), alike(printed));
    assert!(real.contains(page.trim()), "docs/fleet.md, {command}, shows\n{page}\nand it is\n{real}\n{printed}");
}

#[test]
fn releases_go_ring_by_ring_and_a_bad_one_no_further_than_the_first() {
    let fleet = Fleet::new();
    let site = format!("hosts/{SITE}/site.nix");
    fleet.desk.edit(&site, "  probation =", &format!("{RINGS}  probation =")).unwrap();
    NAMES.iter().for_each(|name| {
        fleet.desk.edit(&format!("hosts/{SITE}/{name}/system.nix"), "sleep 1000001", "sleep 1000002").unwrap();
    });
    fleet.desk.commit("A better records service, ring by ring").unwrap();
    fleet.release();
    let committed = |who, serial| {
        let found = fleet.switched(who, serial);
        let words = fleet.appliances[who].last_words();
        assert_eq!(found.text(&["switch", "outcome"]), "committed", "{}\n{words}", found.json);
        found
    };
    committed(0, 2);
    let second = committed(1, 2);
    let file = fleet.desk.releases().join(format!("releases/{SITE}/1-2/release.json"));
    let release = Release::parse(&fs::read(&file).unwrap()).unwrap();
    let not_before = release.generations[&NAMES[1].parse().unwrap()].not_before;
    let verified = time(&second.json["switch"]["states"][0]["at"]);
    assert!(verified >= not_before, "{verified} is before {not_before}");
    fleet.await_standings(["current", "current", "held"]);
    as_the_page_says("writ fleet status --flake . …", &fleet.status(&[]).stdout);
    assert!(!fleet.has_switched(2, 2), "nobody has promoted it");

    let promoted = fleet.promote("rest", "draft-3");
    assert_eq!(promoted.code, Some(0), "{}{}", promoted.stdout, promoted.stderr);
    as_the_page_says("writ fleet promote --site clinic-001 --ring rest …", &promoted.stdout);
    fleet.desk.sign_draft("draft-3", &SIGNERS).unwrap();
    fleet.desk.publish_to_depot("draft-3", DEPOT, |writ: &Path| fleet.network.at_hub(writ)).unwrap();
    let third = committed(2, 3);
    assert_eq!(third.json["switch"]["from"]["serial"], 1, "{}", third.json);
    fleet.await_standings(["current", "current", "current"]);

    // Nothing keeps this one from being released; the first to try it finds out.
    fleet.desk.edit(&site, "after = \"6s\"", "after = \"24h\"").unwrap();
    NAMES.iter().for_each(|name| {
        fleet.desk.edit(&format!("hosts/{SITE}/{name}/system.nix"), "sleep 1000002", "false").unwrap();
    });
    fleet.desk.commit("A records service that nobody tried").unwrap();
    fleet.release();
    let bad = fleet.switched(0, 4);
    assert_eq!(bad.text(&["switch", "outcome"]), "rolled-back", "{}", bad.json);
    fleet.await_standings(["rolled-back", "waits", "held"]);
    let told = fleet.status(&[]);
    assert_eq!(told.code, Some(1), "{}", told.stdout);
    as_the_page_says("writ fleet status --flake . … # a bad release", &told.stdout);
    let refused = fleet.promote("second", "draft-5");
    assert_eq!(refused.code, Some(1), "{}", refused.stdout);
    as_the_page_says("writ fleet promote --site clinic-001 --ring second …", &refused.stderr);
    assert!(!fleet.desk.dir.join("draft-5").exists());
    // What is good runs everywhere.
    assert!(!fleet.has_switched(1, 4) && !fleet.has_switched(2, 4));
    for appliance in &fleet.appliances {
        let active = appliance.run("systemctl", &["is-active", "records.service"]).unwrap();
        assert_eq!(active.trim(), "active", "{}", appliance.name);
    }
}
