//! A whole machine without power: a container with systemd as pid 1 and a Nix store of its own, all on one disk, ended in
//! the middle of a switch; what no program waited for is lost, `/run` is empty, and it boots again.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use writ_scenarios::appliance::Appliance;
use writ_scenarios::lost_writes::Disk;
use writ_scenarios::{outbox, run};
use writ_trust::floor::Floor;
use writ_trust::minisign::PublicKey;

use crate::clinic::Clinic;
use crate::house::evidence;

/// Of the points that a driver passes, which are tried by default: each begins another state of the switch.
const SOME: [u64; 2] = [13, 15];

/// A machine on a disk of its own, in which release 1 runs and release 2 is published.
struct Machine {
    clinic: Clinic,
    disk: Disk,
    root: PathBuf,
    _folder: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let clinic = Clinic::new();
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::mounted(folder.path()).unwrap();
        let root = folder.path().join("machine");
        let appliance = clinic.boot(&root);
        super::only_drivers_stop(&appliance);
        appliance.start().unwrap();
        let switch = appliance.await_bundle(0, "the switch to release 1", |f| f.text(&["kind"]) == "switch").unwrap();
        assert_eq!(switch.text(&["switch", "outcome"]), "committed", "{}", appliance.last_words());
        disk.save().unwrap();
        appliance.container.cut().unwrap();
        let policy = "hosts/clinic-001/front-desk/policy.nix";
        clinic.desk.edit(policy, "pollSeconds = 30;", "pollSeconds = 20;").unwrap();
        clinic.desk.commit("The connector polls every 20 seconds").unwrap();
        clinic.desk.release().unwrap();
        Self { clinic, disk, root, _folder: folder }
    }

    /// Boots, as a boot loader does: what the profile names is activated before anything else.
    fn boot(&self) -> Appliance {
        let appliance = self.clinic.boot(&self.root);
        let activate = "/nix/var/nix/profiles/system/bin/switch-to-configuration";
        appliance.run(activate, &["test"]).unwrap_or_else(|e| panic!("the system of the profile is damaged: {e:#}"));
        appliance
    }

    /// Boots what was saved and lets the driver of the switch come to a point; gives the state that the switch was in.
    /// `None` when it came to its end before.
    fn stopped_at(&self, at: u64) -> Option<(Appliance, String)> {
        self.disk.restore().unwrap();
        let appliance = self.boot();
        super::stop_at(&appliance, at);
        appliance.start().unwrap();
        let stopped = run::wait("the driver to stop", Duration::from_secs(90), || {
            let state = super::stopped(&appliance);
            Ok(if state.is_some() || switches(&appliance).contains(&2) { Some(state) } else { None })
        });
        match stopped.unwrap_or_else(|e| panic!("{e:#}\n{}", appliance.last_words())) {
            Some(state) => Some((appliance, state)),
            None => {
                appliance.container.cut().unwrap();
                None
            }
        }
    }

    /// Cuts the power, boots again and waits: release 2 comes to run, and is told once.
    fn outage(&self, appliance: Appliance, place: &str) {
        appliance.container.cut().unwrap();
        self.disk.cut().unwrap();
        let appliance = self.boot();
        appliance.start().unwrap();
        let of_release_2 = |f: &outbox::Found| f.text(&["kind"]) == "switch" && f.json["switch"]["to"]["serial"] == 2;
        let switch = appliance.await_bundle(0, "the end of the switch", of_release_2);
        let switch = switch.unwrap_or_else(|e| panic!("{place}: {e:#}"));
        let words = appliance.last_words();
        assert_eq!(switch.text(&["switch", "outcome"]), "committed", "{place}: {}\n{words}", switch.json);
        let healthy = || {
            let unit = run::any(&mut appliance.run_as_unit("systemctl", &["is-active", "ehr-connector.service"]))?;
            Ok(unit.status.success().then_some(()))
        };
        appliance.await_inside("the connector of release 2", healthy).unwrap();
        let conf = fs::read_to_string(appliance.container.path("/etc/ehr/connector.conf")).unwrap();
        assert!(conf.contains("poll_seconds = 20"), "{place}: {conf}");
        appliance.run("systemctl", &["stop", "writ-enforce.service"]).unwrap();
        appliance.run("nix-store", &["--verify", "--check-contents"]).unwrap_or_else(|e| panic!("{place}: {e:#}"));
        let floor = Floor::parse(&fs::read(appliance.state().join("floor")).unwrap()).unwrap();
        assert_eq!(floor.release.unwrap().serial.get(), 2, "{place}");
        assert_eq!(switches(&appliance), [1, 2], "{place}: each switch is told once");
        let text = fs::read_to_string(self.clinic.desk.keys().join("front-desk.pub")).unwrap();
        let chain = evidence::read(&appliance.outbox(), "clinic-001", "front-desk", &PublicKey::parse(&text).unwrap());
        assert_eq!(chain.bundles.len() as u64, outbox::last_sequence(&appliance.outbox()).unwrap(), "{place}");
        appliance.container.cut().unwrap();
    }
}

/// The serials whose switches evidence tells of, in order.
fn switches(appliance: &Appliance) -> Vec<u64> {
    let told = outbox::read(&appliance.outbox()).unwrap_or_default();
    told.iter().filter_map(|found| found.json["switch"]["to"]["serial"].as_u64()).collect()
}

#[test]
fn a_machine_without_power_in_the_middle_of_a_switch() {
    let machine = Machine::new();
    let mut states = BTreeSet::new();
    if std::env::var_os("WRIT_ALL_KILLS").is_none() {
        for at in SOME {
            let (appliance, state) = machine.stopped_at(at).unwrap_or_else(|| panic!("point {at} is not reached"));
            machine.outage(appliance, &format!("point {at}, {state}"));
            states.insert(state);
        }
        assert_eq!(states.len(), SOME.len(), "{states:?}");
        return;
    }
    let points = (1..).map_while(|at| {
        let (appliance, state) = machine.stopped_at(at)?;
        println!("point {at}: {state}");
        machine.outage(appliance, &format!("point {at}, {state}"));
        states.insert(state);
        Some(at)
    });
    assert!(points.count() >= 15);
    let all = ["committed", "imported", "probation", "testing", "verified"];
    assert_eq!(states.iter().map(String::as_str).collect::<Vec<_>>(), all);
}
