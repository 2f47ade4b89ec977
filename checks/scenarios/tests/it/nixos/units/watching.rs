//! Who tells people, and who has others vouch for a log, by their units. On the depot's own machine, for there is but one.

use std::fs;

use writ_scenarios::run;

use super::World;

const NOTIFY: &str = "writ-notify.service";

/// Each does its work with what systemd hands it, as far as there is somebody to do it with.
pub fn works(world: &World) {
    let at = |inside: &str| world.container.path(inside);
    world.start(NOTIFY);
    world.until("the notifier's first look", || at("/var/lib/writ-notify/state.json").exists());
    let status = world.status(NOTIFY);
    for line in ["NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000"] {
        assert!(status.contains(line), "{line}: {status}");
    }
    assert!(status.contains("\nUid:\t995\t"), "{status}");
    for (folder, writable) in [("/var/lib/writ-notify", true), ("/var/lib", false), ("/etc", false)] {
        assert_eq!(world.writable(NOTIFY, folder), writable, "{folder}");
    }
    world.container.run("systemctl", &["stop", NOTIFY]).unwrap();
    let said = world.container.journal(NOTIFY);
    assert!(!said.contains("error:"), "{said}");

    let witness = "writ-witness-clinic-vm.service";
    world.start(witness);
    let said = world.container.journal(witness);
    assert!(said.contains("of clinic-vm at ") && said.contains("as witness.example"), "{said}");
    let cosigned = fs::read_dir(at("/var/lib/writ/depot/log/clinic-vm/1/cosignatures")).unwrap().count();
    assert!(cosigned >= 1, "the depot has no cosignature: {said}");

    // The trust root lists no authority: so it is said, by the newest root that the depot has, and tried again later.
    let timestamp = "writ-timestamp-clinic-vm.service";
    let tried = run::any(&mut world.container.command("systemctl", &["start", timestamp])).unwrap();
    let said = world.container.journal(timestamp);
    assert!(!tried.status.success() && said.contains("lists no timestamp authority"), "{said}");
    assert!(at("/var/lib/writ-timestamp/clinic-vm/roots").is_dir());
    let again = world.properties(timestamp, &["SubState"]);
    assert!(again.contains("auto-restart"), "{again}");
    world.container.run("systemctl", &["stop", timestamp]).unwrap();
}
