//! Releases whose system harms the very enforcer that asked for them: every check may hold, and they are rolled back all
//! the same.

use std::fs;
use std::time::Duration;

use writ_scenarios::appliance::Appliance;
use writ_scenarios::outbox::{self, Found};
use writ_scenarios::run;

use crate::clinic::Clinic;

const SYSTEM: &str = "hosts/clinic-001/front-desk/system.nix";
const UNIT: &str = "hosts/clinic-001/front-desk/writ-enforce.service";

/// Gives the system this unit of the enforcer, and releases it.
fn release(clinic: &Clinic, unit: &str) {
    fs::write(clinic.desk.flake().join(UNIT), unit).unwrap();
    clinic.desk.git(&["add", UNIT]).unwrap();
    clinic.desk.commit("Another unit of the enforcer").unwrap();
    clinic.desk.release().unwrap();
}

fn switched(appliance: &Appliance, serial: u64) -> Found {
    let wanted = |f: &Found| f.text(&["kind"]) == "switch" && f.json["switch"]["to"]["serial"] == serial;
    appliance.await_bundle(0, &format!("the end of the switch to release {serial}"), wanted).unwrap()
}

/// What evidence says of a release that was refused, from an enforcer that is at work again.
fn rolled_back(appliance: &Appliance, serial: u64) {
    let told = switched(appliance, serial);
    assert_eq!(told.text(&["switch", "outcome"]), "rolled-back", "{}\n{}", told.json, appliance.last_words());
    let said = told.json.to_string();
    assert!(said.contains("the enforcer, which was at work before, does not keep running"), "{said}");
    let active = appliance.run("systemctl", &["is-active", "writ-enforce.service"]).unwrap();
    assert_eq!(active.trim(), "active");
}

#[test]
fn a_release_under_which_the_enforcer_does_not_live_is_rolled_back() {
    let clinic = Clinic::new();
    let appliance = clinic.front_desk("replaced");
    let good = fs::read_to_string(appliance.container.path("/etc/systemd/system/writ-enforce.service")).unwrap();
    let with_unit = "units.\"writ-enforce.service\" = builtins.readFile ./writ-enforce.service;\n  units.\"ehr";
    clinic.desk.edit(SYSTEM, "units.\"ehr", with_unit).unwrap();
    // From here on the unit is the system's own.
    release(&clinic, &good);
    let told = switched(&appliance, 2);
    assert_eq!(told.text(&["switch", "outcome"]), "committed", "{}\n{}", told.json, appliance.last_words());

    // It does not start.
    release(&clinic, &good.replace("/etc/writ/enforce.toml", "/etc/writ/no-such.toml"));
    rolled_back(&appliance, 3);

    // Another program in its place, which runs and runs.
    let other = "[Service]\nExecStart=/usr/bin/sleep infinity\nTimeoutStopSec=1s\n";
    release(&clinic, other);
    rolled_back(&appliance, 4);

    // Nobody is left to take up the switch: the timer does it. What it starts is started here before it is due.
    let another = other.replace("infinity", "1000000");
    release(&clinic, &another);
    await_probation(&appliance, 5);
    appliance.run("systemctl", &["kill", "--signal=KILL", "writ-switch-5.service"]).unwrap();
    appliance.run("systemctl", &["start", "writ-switch-rollback-5.service"]).unwrap();
    let told = switched(&appliance, 5);
    assert_eq!(told.text(&["switch", "outcome"]), "rolled-back", "{}\n{}", told.json, appliance.last_words());
    let told = outbox::read(&appliance.outbox()).unwrap();
    assert_eq!(told.iter().filter(|found| found.text(&["kind"]) == "switch").count(), 5, "each is told once");
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
