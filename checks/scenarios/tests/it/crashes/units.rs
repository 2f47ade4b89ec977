//! The same with systemd: enforcer and switch are units in a container, killed together in the middle of a switch.

use std::fs;
use std::time::Duration;

use writ_scenarios::appliance::Appliance;
use writ_scenarios::{outbox, run};
use writ_trust::floor::Floor;
use writ_trust::minisign::PublicKey;

use super::stop_at;
use crate::clinic::Clinic;
use crate::house::evidence;

/// Points that a driver passes in these states, whether it begins a switch or takes one up: when the candidate is activated, and
/// before its window.
const IN_TESTING: u64 = 10;
const IN_PROBATION: u64 = 12;

#[test]
fn both_units_killed_in_the_middle_of_a_switch() {
    let clinic = Clinic::new();
    let appliance = clinic.boot(&clinic.root("killed"));
    super::only_drivers_stop(&appliance);
    clinic.start(&appliance);
    let after = outbox::last_sequence(&appliance.outbox()).unwrap();
    let policy = "hosts/clinic-001/front-desk/policy.nix";
    clinic.desk.edit(policy, "pollSeconds = 30;", "pollSeconds = 20;").unwrap();
    clinic.desk.commit("The connector polls every 20 seconds").unwrap();
    stop_at(&appliance, IN_TESTING);
    clinic.desk.release().unwrap();

    // A driver stands still when it is killed: on a busy machine it would be in another state before the signal comes.
    assert_eq!(await_stopped(&appliance), "testing");
    stop_at(&appliance, IN_PROBATION);
    kill(&appliance);
    assert_eq!(await_stopped(&appliance), "probation");
    appliance.run("systemctl", &["unset-environment", "WRIT_STOP_AT"]).unwrap();
    kill(&appliance);
    // Two interruptions are allowed for; then it is taken up again and comes to its end.
    let of_release_2 = |f: &outbox::Found| f.text(&["kind"]) == "switch" && f.json["switch"]["to"]["serial"] == 2;
    let switch = appliance.await_bundle(after, "the end of the switch", of_release_2).unwrap();
    assert_eq!(switch.text(&["switch", "outcome"]), "committed", "{}\n{}", switch.json, appliance.last_words());
    let healthy = || {
        let unit = run::any(&mut appliance.run_as_unit("systemctl", &["is-active", "ehr-connector.service"]))?;
        Ok(unit.status.success().then_some(()))
    };
    appliance.await_inside("the connector of release 2", healthy).unwrap();
    let conf = fs::read_to_string(appliance.container.path("/etc/ehr/connector.conf")).unwrap();
    assert!(conf.contains("poll_seconds = 20"), "{conf}");
    appliance.run("systemctl", &["stop", "writ-enforce.service"]).unwrap();

    let floor = Floor::parse(&fs::read(appliance.state().join("floor")).unwrap()).unwrap();
    assert_eq!(floor.release.unwrap().serial.get(), 2);
    let timers = appliance.run("systemctl", &["list-units", "--all", "--no-legend", "writ-switch*"]).unwrap();
    assert!(timers.trim().is_empty(), "left behind: {timers}");
    let key = PublicKey::parse(&fs::read_to_string(clinic.desk.keys().join("front-desk.pub")).unwrap()).unwrap();
    let chain = evidence::read(&appliance.outbox(), "clinic-001", "front-desk", &key);
    chain.open_incidents();
    let told = outbox::read(&appliance.outbox()).unwrap().iter().filter(|f| of_release_2(f)).count();
    assert_eq!(told, 1, "the switch is told once");
}

fn await_stopped(appliance: &Appliance) -> String {
    let waited = run::wait("the driver to stop", Duration::from_secs(90), || Ok(super::stopped(appliance)));
    waited.unwrap_or_else(|e| panic!("{e}\n{}", appliance.last_words()))
}

/// Both, as an out-of-memory killer would.
fn kill(appliance: &Appliance) {
    for unit in ["writ-switch-2.service", "writ-enforce.service"] {
        // The driver may have ended in this very moment.
        let _ = appliance.run("systemctl", &["kill", "--signal=KILL", unit]);
    }
}
