//! Releases that are not kept, on one machine, one after the other: by what they do to it, or by what is lacking. Evidence tells each
//! once, and a release that was refused is not tried again.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use writ_scenarios::appliance::Appliance;
use writ_scenarios::outbox::{self, Found};
use writ_scenarios::run;

use crate::clinic::Clinic;

const SYSTEM: &str = "hosts/clinic-001/front-desk/system.nix";
const POLICY: &str = "hosts/clinic-001/front-desk/policy.nix";
const SITE: &str = "hosts/clinic-001/site.nix";
const UNIT: &str = "hosts/clinic-001/front-desk/writ-enforce.service";
/// The configuration that is checked becomes one that nobody can write to.
const FREEZE: &str = "mount --bind /etc/ehr /etc/ehr && mount -o remount,ro,bind /etc/ehr";

#[test]
fn releases_that_are_not_kept_are_told_once_and_not_tried_again() {
    let clinic = Clinic::new();
    let appliance = clinic.front_desk("refused");
    let good = fs::read_to_string(appliance.container.path("/etc/systemd/system/writ-enforce.service")).unwrap();
    waits_for_a_path(&clinic, &appliance, &good);
    harms_the_enforcer(&clinic, &appliance, &good);
    fails_its_checks(&clinic, &appliance, &good);
    cannot_be_gone_back_from(&clinic, &appliance);

    let told = outbox::read(&appliance.outbox()).unwrap();
    let switches = told.iter().filter(|found| found.text(&["kind"]) == "switch");
    let outcomes: Vec<_> = switches.map(|f| (serial(f), f.text(&["switch", "outcome"]))).collect();
    let (kept, back) = ("committed", "rolled-back");
    let expected =
        [(1, kept), (2, kept), (3, back), (4, back), (5, back), (6, back), (7, "rollback-failed"), (8, kept)];
    assert_eq!(outcomes, expected, "each is told once");
}

fn serial(switch: &Found) -> u64 {
    switch.json["switch"]["to"]["serial"].as_u64().unwrap()
}

fn release(clinic: &Clinic, why: &str) {
    clinic.desk.commit(why).unwrap();
    clinic.desk.release().unwrap();
}

/// Gives the system this unit of the enforcer, and releases it.
fn release_unit(clinic: &Clinic, unit: &str) {
    fs::write(clinic.desk.flake().join(UNIT), unit).unwrap();
    clinic.desk.git(&["add", UNIT]).unwrap();
    release(clinic, "Another unit of the enforcer");
}

/// The end of the switch to a release, as evidence tells it.
fn ended(appliance: &Appliance, serial: u64, outcome: &str) -> Found {
    let wanted = |f: &Found| f.text(&["kind"]) == "switch" && self::serial(f) == serial;
    let told = appliance.await_bundle(0, &format!("the end of the switch to release {serial}"), wanted).unwrap();
    assert_eq!(told.text(&["switch", "outcome"]), outcome, "{}\n{}", told.json, appliance.last_words());
    told
}

/// From here on the enforcer's unit is the system's own.
fn waits_for_a_path(clinic: &Clinic, appliance: &Appliance, good: &str) {
    let with_unit = "units.\"writ-enforce.service\" = builtins.readFile ./writ-enforce.service;\n  units.\"ehr";
    clinic.desk.edit(SYSTEM, "units.\"ehr", with_unit).unwrap();
    clinic.desk.edit(SITE, "probation.window = \"5s\"", "probation.window = \"1s\"").unwrap();
    appliance.run("systemctl", &["stop", "writ-enforce.service"]).unwrap();
    release_unit(clinic, good);
    let (there, away) = (nar_of(clinic, 2), clinic.root("nar"));
    fs::rename(&there, &away).unwrap();
    appliance.run("systemctl", &["start", "writ-enforce.service"]).unwrap();
    let waits = |f: &Found| f.text(&["refused", "rule"]) == "import-waits";
    let told = appliance.await_bundle(0, "a word that it waits", waits).unwrap();
    let said = told.text(&["refused", "message"]);
    assert!(said.contains("release 1-2") && said.contains(there.file_name().unwrap().to_str().unwrap()), "{said}");
    fs::rename(away, there).unwrap();
    ended(appliance, 2, "committed");
}

/// The NAR of the system that a release brings for the front desk.
fn nar_of(clinic: &Clinic, serial: u64) -> PathBuf {
    let folder = clinic.desk.releases();
    let file = folder.join(format!("releases/clinic-001/1-{serial}/release.json"));
    let release: serde_json::Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let toplevel = release["generations"]["front-desk"]["closure"]["toplevel"].as_str().unwrap();
    let name = Path::new(toplevel).file_name().unwrap().to_str().unwrap();
    let narinfo = fs::read_to_string(folder.join(format!("cache/{}.narinfo", &name[..32]))).unwrap();
    folder.join("cache").join(narinfo.lines().find_map(|line| line.strip_prefix("URL: ")).unwrap())
}

/// Every check may hold, and they are rolled back all the same.
fn harms_the_enforcer(clinic: &Clinic, appliance: &Appliance, good: &str) {
    let gone_back = |serial: u64| {
        let said = ended(appliance, serial, "rolled-back").json.to_string();
        assert!(said.contains("the enforcer, which was at work before, does not keep running"), "{said}");
        let active = appliance.run("systemctl", &["is-active", "writ-enforce.service"]).unwrap();
        assert_eq!(active.trim(), "active");
    };
    // It does not start.
    release_unit(clinic, &good.replace("/etc/writ/enforce.toml", "/etc/writ/no-such.toml"));
    gone_back(3);

    // Another program in its place, which runs and runs.
    let other = "[Service]\nExecStart=/usr/bin/sleep infinity\nTimeoutStopSec=1s\n";
    release_unit(clinic, other);
    gone_back(4);

    // Nobody is left to take up the switch: the timer does it. What it starts is started here before it is due.
    release_unit(clinic, &other.replace("infinity", "1000000"));
    await_probation(appliance, 5);
    appliance.run("systemctl", &["kill", "--signal=KILL", "writ-switch-5.service"]).unwrap();
    appliance.run("systemctl", &["start", "writ-switch-rollback-5.service"]).unwrap();
    ended(appliance, 5, "rolled-back");
}

fn await_probation(appliance: &Appliance, serial: u64) {
    let journal = appliance.state().join("switch.json");
    let there = || {
        let json: serde_json::Value = serde_json::from_slice(&fs::read(&journal)?).unwrap_or_default();
        Ok((json["request"]["serial"] == serial && json["course"]["state"] == "probation").then_some(()))
    };
    let waited = run::wait("probation", Duration::from_secs(90), there);
    waited.unwrap_or_else(|e| panic!("{e}\n{}", appliance.last_words()));
}

/// The connector's program ends at once: evaluation cannot know that.
fn fails_its_checks(clinic: &Clinic, appliance: &Appliance, good: &str) {
    clinic.desk.edit(POLICY, "command = \"httpd -f", "command = \"false httpd -f").unwrap();
    release_unit(clinic, good);
    let told = ended(appliance, 6, "rolled-back");
    let reason = told.text(&["switch", "reason"]);
    assert!(reason.contains("probation failed: ehr.connector-service: fail"), "{reason}");
    let active = appliance.run("systemctl", &["is-active", "ehr-connector.service"]).unwrap();
    assert_eq!(active.trim(), "active");
    // Offered to one who starts anew, it is not tried again.
    appliance.run("systemctl", &["restart", "writ-enforce.service"]).unwrap();
    let said = run::any(&mut appliance.container.command("/opt/writ/writ", &["doctor"])).unwrap();
    let said = run::both(&said);
    assert!(said.contains("[release-set-aside]") && said.contains("release 1-6"), "{said}");
}

/// What it leaves behind stops the activation of what was there before. A person takes that away; then the next release brings the
/// very system that was obeyed all the while, and it is activated all the same.
fn cannot_be_gone_back_from(clinic: &Clinic, appliance: &Appliance) {
    clinic.desk.edit(POLICY, "pollSeconds = 30;", "pollSeconds = 20;").unwrap();
    clinic.desk.edit(SYSTEM, "  prepare = ''\n", &format!("  prepare = ''\n    {FREEZE}\n")).unwrap();
    release(clinic, "A connector that polls more often, and that nobody tried");
    let told = ended(appliance, 7, "rollback-failed");
    let reason = told.text(&["switch", "reason"]);
    assert!(reason.contains("Read-only file system"), "{reason}");
    let conf = || fs::read_to_string(appliance.container.path("/etc/ehr/connector.conf")).unwrap();
    assert!(conf().contains("poll_seconds = 20"), "what was there before did not come back: this shows nothing");

    appliance.run("umount", &["/etc/ehr"]).unwrap();
    clinic.desk.edit(SYSTEM, &format!("    {FREEZE}\n"), "").unwrap();
    clinic.desk.edit(POLICY, "pollSeconds = 20;", "pollSeconds = 30;").unwrap();
    clinic.desk.edit(POLICY, "command = \"false httpd -f", "command = \"httpd -f").unwrap();
    release(clinic, "Back to what worked");
    let told = ended(appliance, 8, "committed");
    assert_eq!(told.json["switch"]["from"]["toplevel"], told.json["switch"]["to"]["toplevel"], "{}", told.json);
    assert!(told.json["switch"]["states"].to_string().contains("testing"), "{}", told.json);
    assert!(conf().contains("poll_seconds = 30"));
    let active = appliance.run("systemctl", &["is-active", "ehr-connector.service"]).unwrap();
    assert_eq!(active.trim(), "active");
}
