//! What carries the claim of a new machine, by its unit: it sends what root has signed, and can reach nothing else.

use std::fs;

use super::{World, texts};

const UNIT: &str = "writ-claim.service";
/// Where the other machine keeps what it would keep in /var/lib/writ.
const STATE: &str = "/var/lib/other";

/// A second machine claims from the container: root's side is what the script of first boot runs.
pub fn is_carried(world: &World) {
    let at = |inside: &str| world.container.path(inside);
    let unit = texts(&world.machines, "claiming", "units").find(|(name, _)| *name == UNIT).unwrap().1;
    // This container has an identity already, and its depot is no other machine.
    let unit =
        unit.replace("/etc/root.json", "/srv/trust/1.json").replace("https://depot.example", "http://127.0.0.1:8080");
    let unit = unit.replace("ConditionPathExists=!/var/lib/writ/appliance.key\n", "");
    fs::write(at("/etc/systemd/system").join(UNIT), unit).unwrap();
    world.container.run("systemctl", &["daemon-reload"]).unwrap();
    let card = at("/srv/root/sys/class/net/eth0");
    fs::create_dir_all(card.join("device")).unwrap();
    for (file, says) in [("address", "00:00:5e:00:53:01"), ("type", "1"), ("carrier", "1")] {
        fs::write(card.join(file), says).unwrap();
    }

    world.start(UNIT);
    let join = || {
        let depot = ["--depot", "http://127.0.0.1:8080", "--trust", "/srv/trust/1.json"];
        let own = ["provision", "join", "--once", "--state", STATE, "--root", "/srv/root"];
        let said = world.container.command("/opt/writ/bin/writ", &[&own[..], &depot].concat()).output().unwrap();
        String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr)
    };
    assert!(join().contains("no release names this machine yet"), "{}", join());
    let depot = ["--json", "--depot", "http://127.0.0.1:8080", "--read-key", "/srv/desk/keys/reader.key"];
    let listed = || {
        let list = ["provision", "mac", "00:00:5e:00:53:01"];
        world.container.run("/opt/writ/bin/writ", &[&list[..], &depot].concat()).unwrap_or_default()
    };
    world.until("the claim at the depot", || {
        // Signed anew, as the script does every five seconds, once there is a key to ask with.
        join();
        listed().contains("claim_code")
    });
    let status = world.status(UNIT);
    for line in ["NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000"] {
        assert!(status.contains(line), "{line}: {status}");
    }
    assert!(!status.contains("\nUid:\t0\t"), "{status}");
    for folder in ["/var/lib/writ", STATE, "/run/writ/claim", "/etc"] {
        assert!(!world.writable(UNIT, folder), "{folder} is its to write");
    }
    world.container.run("systemctl", &["stop", UNIT]).unwrap();
}
