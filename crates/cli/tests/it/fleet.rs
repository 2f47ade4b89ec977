//! `writ fleet`, on the real depot: who has what, and letting a ring have it.

use std::fs;

use serde_json::Value;
use writ_trust::numbers::{Epoch, Serial};
use writ_trust::release::{Release, until_promoted};
use writ_trust::time::Time;
use writ_wire::heartbeat::{Next, NextState};

use crate::depot::{Appliance, Depot, now};
use crate::desk::{Desk, SITE};
use crate::export_schema::reports::held;

const DAY: i64 = 86_400_000;
const RINGS: &str = r#"[
    { name = "canary"; appliances = [ "front-desk" ]; }
    { name = "second"; after = "24h"; appliances = [ "back-office" ]; }
    { name = "rest"; after = "promotion"; appliances = "others"; }
  ]"#;

/// A site of three that all obey release 1-1, by a depot, and has rings since.
struct Fleet {
    desk: Desk,
    depot: Depot,
    appliances: [Appliance; 3],
}

impl Fleet {
    fn new() -> Self {
        let desk = Desk::logged();
        let ward = desk.path(&format!("flake/hosts/{SITE}/ward"));
        fs::create_dir_all(&ward).unwrap();
        fs::write(ward.join("policy.nix"), "{ writ, ... }: writ.appliance { }\n").unwrap();
        desk.admit("flake");
        let depot = Depot::start(&desk, "depot");
        desk.release_to("draft-1", &depot.url);
        let mut appliances =
            ["front-desk", "back-office", "ward"].map(|name| Appliance::named(&desk, &depot.url, name));
        for appliance in &mut appliances {
            appliance.obey(&desk, 1);
            appliance.beat(now(), None);
        }
        let baselines = "baselines.small = \"1\";";
        desk.edit(&format!("hosts/{SITE}/site.nix"), baselines, &format!("{baselines}\n  rings = {RINGS};"));
        Self { desk, depot, appliances }
    }

    fn release(&self, serial: u64) -> Release {
        Release::parse(&self.desk.read(&format!("releases/releases/{SITE}/1-{serial}/release.json"))).unwrap()
    }

    fn not_before(&self, serial: u64) -> [Time; 3] {
        let release = self.release(serial);
        ["front-desk", "back-office", "ward"].map(|name| release.generations[&name.parse().unwrap()].not_before)
    }

    /// An appliance obeys a release, and says so.
    fn obeys(&mut self, who: usize, serial: u64) {
        self.appliances[who].next = None;
        self.appliances[who].obey(&self.desk, serial);
        self.appliances[who].beat(now(), None);
    }

    /// An appliance says how it stands with a release that it does not obey.
    fn tells(&mut self, who: usize, serial: u64, state: NextState) {
        let serial = Serial::new(serial).unwrap();
        self.appliances[who].next = Some(Next { epoch: Epoch::FIRST, serial, state, at: Some(now()), rule: None });
        self.appliances[who].beat(now(), None);
    }

    fn reading(&self) -> Vec<&str> {
        vec!["--depot", &self.depot.url, "--read-key", "keys/reader.key"]
    }

    /// The report, and how each of the three stands.
    #[track_caller]
    fn status(&self, more: &[&str]) -> (Value, [String; 3]) {
        let common = ["fleet", "status", "--flake", "flake", "--trust", "first-root.json", "--json"];
        let output = self.desk.run(&[&common[..], &self.reading(), more].concat());
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
        assert_eq!(output.status.code(), Some(i32::from(report["trouble"] != 0)), "{report}");
        let stands = |name: &str| {
            let all = report["sites"][0]["appliances"].as_array().unwrap();
            let one = all.iter().find(|shown| shown["appliance"] == name);
            one.map(|shown| shown["standing"].as_str().unwrap().to_owned()).unwrap_or_default()
        };
        let standings = ["front-desk", "back-office", "ward"].map(stands);
        (report, standings)
    }

    fn promote<'a>(&'a self, whom: &[&'a str], draft: &'a str) -> Vec<&'a str> {
        let common = ["fleet", "promote", "--site", SITE, "--flake", "flake", "--previous", "releases", "--to", draft];
        [&common[..], whom, &self.reading()].concat()
    }

    /// Signs and publishes; gives what the signer was shown.
    fn publish(&self, draft: &str) -> String {
        let shown = self.desk.sign(draft, "alice");
        self.desk.ok(&self.desk.publish_to(draft, &self.depot.url));
        shown
    }
}

#[test]
fn a_release_goes_ring_by_ring_and_each_promotion_is_signed() {
    let mut fleet = Fleet::new();
    fleet.desk.retitle("A better clinic");
    let drafted = fleet.desk.draft("draft-2");
    for line in [
        "ring canary (at once): at once: front-desk",
        "ring second (after 24h): not before",
        "ring rest (once promoted): once promoted: ward",
    ] {
        assert!(drafted.contains(line), "{line}: {drafted}");
    }
    let shown = fleet.publish("draft-2");
    assert!(shown.contains("ring rest (once promoted): once promoted: ward"), "{shown}");
    let issued_at = fleet.release(2).issued_at;
    assert_eq!(fleet.not_before(2), [issued_at, issued_at.plus_millis(DAY), until_promoted()]);
    let (report, stand) = fleet.status(&[]);
    assert_eq!(stand, ["due", "waits", "held"], "{report}");
    let people = ["fleet", "status", "--flake", "flake", "--trust", "first-root.json"];
    let text = fleet.desk.ok(&[&people[..], &fleet.reading()].concat());
    for words in ["ring second, after 24h", "ring rest, once promoted", "waits to be promoted", "nobody is late"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");

    // Nobody goes before those who are to try it.
    let said = fleet.desk.refused(&fleet.promote(&["--ring", "rest"], "draft-3"));
    assert!(said.contains("front-desk (ring canary)") && said.contains("back-office (ring second)"), "{said}");
    assert!(!fleet.desk.path("draft-3").exists(), "nothing was written");
    fleet.obeys(0, 2);
    let said = fleet.desk.refused(&fleet.promote(&["--ring", "rest"], "draft-3"));
    assert!(!said.contains("front-desk (ring canary)") && said.contains("waits until"), "{said}");
    // Who has it already, or is nobody, is not promoted.
    assert!(
        fleet.desk.refused(&fleet.promote(&["--appliance", "front-desk"], "draft-3")).contains("nobody of these waits")
    );
    assert!(fleet.desk.refused(&fleet.promote(&["--ring", "secnod"], "draft-3")).contains("did you mean `second`?"));
    assert!(fleet.desk.refused(&fleet.promote(&["--appliance", "wrad"], "draft-3")).contains("did you mean `ward`?"));
    assert!(fleet.desk.could_not(&fleet.promote(&[], "draft-3")).contains("--ring"));

    let said = fleet.desk.ok(&fleet.promote(&["--ring", "second"], "draft-3"));
    assert!(said.contains("promotes ring second: back-office") && said.contains("policy: as before"), "{said}");
    // Whoever signs hears of it, also where the draft does not say so.
    let (file, kept) = (fleet.desk.path("draft-3/promotions"), fleet.desk.path("promotions"));
    fs::rename(&file, &kept).unwrap();
    let sign = fleet.desk.sign_arguments("draft-3", "keys/alice.key");
    let (_, warned) = fleet.desk.expect(&sign.each_ref().map(String::as_str), 0);
    assert!(warned.contains("says nothing of a promotion: back-office"), "{warned}");
    fs::rename(&kept, &file).unwrap();
    let (shown, said) = fleet.desk.expect(&sign.each_ref().map(String::as_str), 0);
    assert!(shown.contains("promotes ring second: back-office") && !said.contains("nothing of a promotion"), "{said}");
    fleet.publish("draft-3");
    let promoted = fleet.release(3);
    assert_eq!(fleet.not_before(3), [issued_at, promoted.issued_at, until_promoted()], "the others as before");
    let documents = |release: &Release| release.generations.values().map(|one| one.policy.clone()).collect::<Vec<_>>();
    assert_eq!((documents(&promoted), &promoted.source), (documents(&fleet.release(2)), &fleet.release(2).source));
    // The canary has the very same under the number before.
    let (report, stand) = fleet.status(&[]);
    assert_eq!(stand, ["current", "due", "held"], "{report}");
    fleet.obeys(1, 3);
    fleet.desk.ok(&fleet.promote(&["--all"], "draft-4"));
    fleet.publish("draft-4");
    assert!(fleet.not_before(4)[2] <= now());
    fleet.obeys(2, 4);
    assert_eq!(fleet.status(&[]).1, ["current", "current", "current"]);
    // What changes for nobody puts nobody off; what changes for one goes by its ring again.
    fleet.desk.release_to("draft-5", &fleet.depot.url);
    assert_eq!(fleet.not_before(5), fleet.not_before(4));
    fleet.desk.edit(&format!("hosts/{SITE}/ward/policy.nix"), "{ }", "{ system_type = \"aarch64-linux\"; }");
    fleet.desk.release_to("draft-6", &fleet.depot.url);
    assert_eq!(fleet.not_before(6), [fleet.not_before(4)[0], fleet.not_before(4)[1], until_promoted()]);
}

#[test]
fn who_has_not_kept_a_release_stops_the_others_until_people_say_anyway() {
    let mut fleet = Fleet::new();
    fleet.desk.retitle("A worse clinic");
    fleet.desk.draft("draft-2");
    fleet.publish("draft-2");
    fleet.tells(0, 2, NextState::RolledBack);
    let (report, stand) = fleet.status(&[]);
    assert_eq!(stand, ["rolled-back", "waits", "held"], "{report}");
    assert_eq!((&report["trouble"], &report["sites"][0]["counts"]["rolled-back"]), (&1.into(), &1.into()), "{report}");
    let next = &report["sites"][0]["appliances"][0]["next"];
    assert_eq!((&next["release"], &next["state"]), (&"1-2".into(), &"rolled-back".into()), "{report}");
    held("fleet-v1", &[&report], 60);
    let only = fleet.status(&["--only", "rolled-back"]);
    assert_eq!(only.1, ["rolled-back", "", ""], "{}", only.0);
    let people = ["fleet", "status", "--site", SITE, "--trust", "first-root.json"];
    let (text, _) = fleet.desk.expect(&[&people[..], &fleet.reading()].concat(), 1);
    assert!(text.contains("rolled 1-2 back at"), "{text}");

    let said = fleet.desk.refused(&fleet.promote(&["--ring", "second"], "draft-3"));
    assert!(said.contains("front-desk (ring canary): rolled 1-2 back at") && said.contains("--anyway"), "{said}");
    assert!(
        fleet.desk.could_not(&fleet.promote(&["--ring", "second", "--anyway", " "], "draft-3")).contains("a reason")
    );
    let anyway = ["--ring", "second", "--anyway", "the vendor mended the canary by hand"];
    let said = fleet.desk.ok(&fleet.promote(&anyway, "draft-3"));
    for words in ["against it: front-desk (ring canary): rolled 1-2 back", "and anyway, for: the vendor mended"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    // What was tampered with in the draft is no promotion.
    let file = format!("draft-3/promotions/{SITE}.json");
    let written = fleet.desk.read(&file);
    fleet.desk.put(&file, "{}");
    let sign = fleet.desk.sign_arguments("draft-3", "keys/alice.key");
    let said = fleet.desk.refused(&sign.each_ref().map(String::as_str));
    assert!(said.contains("what the draft says of its promotion cannot be read"), "{said}");
    fleet.desk.put(&file, written);
    let shown = fleet.publish("draft-3");
    assert!(shown.contains("and anyway, for: the vendor mended the canary by hand"), "{shown}");

    // Another commit says nothing of this release's rings.
    fleet.desk.retitle("Another clinic");
    let said = fleet.desk.refused(&fleet.promote(&["--ring", "rest"], "draft-4"));
    assert!(said.contains("git worktree add"), "{said}");
}

#[test]
fn the_silent_the_unheard_and_sites_that_are_not_there_are_told() {
    let fleet = Fleet::new();
    // The depot keeps the newest; the others are silent by a limit that has passed.
    let (report, stand) = fleet.status(&["--max-age", "1ms"]);
    assert_eq!(stand, ["silent", "silent", "silent"], "{report}");
    fleet.desk.retitle("A clinic with a new ward");
    let other = fleet.desk.path(&format!("flake/hosts/{SITE}/night-desk"));
    fs::create_dir_all(&other).unwrap();
    fs::write(other.join("policy.nix"), "{ writ, ... }: writ.appliance { }\n").unwrap();
    fleet.desk.admit("flake");
    fleet.desk.release_to("draft-2", &fleet.depot.url);
    let (report, _) = fleet.status(&["--site", SITE, "--site", "clinic-999"]);
    assert_eq!(report["sites"][0]["counts"]["never-heard"], 1, "{report}");
    assert!(report["sites"][1]["problem"].is_string(), "{report}");
    assert_eq!(report["trouble"], 2, "{report}");
    held("fleet-v1", &[&report], 40);
    let gone = ["fleet", "status", "--site", SITE, "--trust", "first-root.json", "--read-key", "keys/reader.key"];
    fleet.desk.could_not(&[&gone[..], &["--depot", "http://127.0.0.1:1"]].concat());
}
