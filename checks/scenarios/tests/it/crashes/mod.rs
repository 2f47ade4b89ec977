//! Killed at every numbered point, and at thirty random moments, and without power at every point: no incident is lost or told twice, the chain holds, and
//! the floor never falls.

mod lost_path;
mod outage;
mod points;
mod power;
mod seeds;
mod units;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use writ_evidence::Kind;
use writ_scenarios::appliance::Appliance;
use writ_trust::floor::{Floor, FloorRelease};

use crate::house::House;

/// What the floor says; it is whole or not there.
fn floor(house: &House) -> Option<FloorRelease> {
    let bytes = house.state("floor");
    if bytes.is_empty() {
        return None;
    }
    Floor::parse(&bytes).unwrap_or_else(|e| panic!("the floor is damaged: {e}")).release
}

/// What must hold at the end: all is well, and evidence tells each thing once.
fn all_told_once(house: &House) {
    let chain = house.chain();
    let open = chain.open_incidents();
    assert!(open.is_empty(), "{open:?} are open at the end");
    assert!((0..house.files()).all(|n| house.is_whole(n)), "a file is not healed");
    let mut switches = BTreeMap::new();
    for bundle in chain.of(Kind::Switch) {
        let to = &bundle.switch.as_ref().unwrap().to;
        *switches.entry(to.serial).or_insert(0) += 1;
    }
    assert!(switches.values().all(|n| *n == 1), "a switch is told more than once: {switches:?}");
}

/// The driver of a switch alone is to stop at a point: the enforcer, a unit too, would hear the same. To be called before it is
/// started.
fn only_drivers_stop(appliance: &Appliance) {
    let of_the_enforcer = appliance.container.path("/etc/systemd/system/writ-enforce.service.d");
    fs::create_dir_all(&of_the_enforcer).unwrap();
    fs::write(of_the_enforcer.join("deaf.conf"), "[Service]\nUnsetEnvironment=WRIT_STOP_AT\n").unwrap();
}

/// Has drivers that are started from now on stop at this point.
fn stop_at(appliance: &Appliance, point: u64) {
    appliance.run("systemctl", &["set-environment", &format!("WRIT_STOP_AT={point}")]).unwrap();
}

/// The state of the switch when its driver has stopped at a point; none while it has not.
fn stopped(appliance: &Appliance) -> Option<String> {
    // Stopped by a signal is state `T` (proc_pid_stat(5)).
    let is_stopped = |pid: u32| {
        let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
    };
    if !appliance.container.processes("writ-switch").into_iter().any(is_stopped) {
        return None;
    }
    let journal = fs::read(appliance.state().join("switch.json")).unwrap();
    let journal: serde_json::Value = serde_json::from_slice(&journal).unwrap();
    Some(journal["course"]["state"].as_str().unwrap().to_owned())
}
