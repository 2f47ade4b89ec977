//! The auditor's rounds, by their units: each does its work with what systemd hands it, what people must look at is told at once, and what
//! could not be done is tried again and told in the end.

use std::fs;

use writ_scenarios::run;

use super::World;

const STATE: &str = "/var/lib/writ-audit";

fn unit(round: &str) -> String {
    format!("writ-audit-{round}-clinic-vm.service")
}

impl World {
    /// Runs a round to its end; gives how that was, by systemd, and what was said.
    fn round(&self, round: &str) -> (String, String) {
        let unit = unit(round);
        run::any(&mut self.container.command("systemctl", &["start", &unit])).unwrap();
        let properties = ["Result", "ExecMainStatus", "SubState"];
        let state = self.properties(&unit, &properties).lines().collect::<Vec<_>>().join(" ");
        (state, self.container.journal(&unit))
    }

    /// What was told of, by the name of the unit.
    fn told(&self) -> Vec<String> {
        let said = fs::read_to_string(self.container.path("/var/told")).unwrap_or_default();
        said.lines().map(str::to_owned).collect()
    }
}

/// Every round once, and how rounds go wrong.
pub fn works(world: &World) {
    let at = |inside: &str| world.container.path(inside);
    let telling = "[Service]\nType=oneshot\nExecStart=/bin/sh -c \"echo %i >> /var/told\"\n";
    fs::write(at("/etc/systemd/system/told@.service"), telling).unwrap();
    world.container.run("systemctl", &["daemon-reload"]).unwrap();

    let (state, said) = world.round("night");
    assert!(state.contains("Result=success") && said.contains("Verified OK"), "{state}\n{said}");
    assert!(at(STATE).join("clinic-vm.checkpoint").is_file(), "no checkpoint is kept: {said}");
    assert!(at(STATE).join("folder/evidence/clinic-vm").is_dir(), "{said}");
    // Again: the log goes on from the checkpoint that was kept.
    let (state, said) = world.round("night");
    assert!(state.contains("Result=success"), "{state}\n{said}");

    let (state, said) = world.round("sample");
    assert!(state.contains("Result=success") && said.contains("3 of 3 bundles verified"), "{state}\n{said}");
    assert!(at(STATE).join("folder/attestations/clinic-vm").is_dir(), "nothing was attested: {said}");

    // Its policy has no check of backups: the checklist says so, and that is told at once, and not tried again.
    let (state, said) = world.round("checklist");
    assert!(state.contains("ExecMainStatus=1") && state.contains("SubState=failed"), "{state}\n{said}");
    assert!(said.contains("daily checklist") && said.contains("NO CHECK"), "{said}");
    world.until("that the checklist is told", || world.told().contains(&unit("checklist")));

    // Nothing was asked last month, when nothing was here: the packet says so, is made, and is told.
    let (state, said) = world.round("monthly");
    assert!(state.contains("ExecMainStatus=1") && state.contains("SubState=failed"), "{state}\n{said}");
    assert!(said.contains("not judged: desk of clinic-vm"), "{said}");
    world.until("that the packet is told", || world.told().contains(&unit("monthly")));
    let packets = || fs::read_dir(at(STATE).join("packets")).unwrap().map(|entry| entry.unwrap().path());
    let [packet] = &packets().collect::<Vec<_>>()[..] else { panic!("{said}") };
    assert!(packet.join("SHA256SUMS").is_file() && fs::read_dir(packet).unwrap().count() >= 4, "{said}");
    // A second run finds it there, and says the same of it.
    let (state, said) = world.round("monthly");
    assert!(state.contains("ExecMainStatus=1") && said.contains("is there already"), "{state}\n{said}");
    assert_eq!(packets().count(), 1);

    let (state, said) = world.round("restore-test");
    assert!(
        state.contains("ExecMainStatus=1") && said.contains("there is no bundle of clinic-vm of this time"),
        "{state}\n{said}"
    );

    cannot(world);
    // Every timer stands, with a next time.
    let rounds = ["night", "checklist", "sample", "monthly", "quarterly", "restore-test"];
    for timer in rounds.map(|round| unit(round).replace(".service", ".timer")) {
        world.start(&timer);
        let next = world.properties(&timer, &["NextElapseUSecRealtime", "Persistent"]);
        assert!(next.contains("Persistent=yes") && !next.contains("Realtime=\n"), "{timer}: {next}");
        world.container.run("systemctl", &["stop", &timer]).unwrap();
    }
}

/// Where evidence cannot be fetched nothing is made of what is there, whatever the fetch says: it is tried again, and told when that was
/// in vain. With less patience than the unit has.
fn cannot(world: &World) {
    let unit = unit("quarterly");
    let folder = world.container.path(&format!("/etc/systemd/system/{unit}.d"));
    fs::create_dir_all(&folder).unwrap();
    let different = "[Service]\nRestartSec=100ms\nExecStartPre=\nExecStartPre=/bin/sh -c \"echo tried; exit 1\"\n";
    fs::write(folder.join("test.conf"), different).unwrap();
    world.container.run("systemctl", &["daemon-reload"]).unwrap();
    world.round("quarterly");
    world.until("that the quarter is told", || world.told().contains(&unit));
    let said = world.container.journal(&unit);
    assert_eq!(said.lines().filter(|line| *line == "tried").count(), 5, "{said}");
    let made = fs::read_dir(world.container.path(STATE).join("packets")).unwrap().count();
    assert_eq!(made, 1, "nothing is made of evidence that is not all there");
}
