//! A flushed packet filter, healed by the enforcer's own unit. Nothing here reaches in with rights that units lack: the
//! flush and the looks are transient units, and so is nothing of the healing.

use std::fs;

use writ_scenarios::appliance::Appliance;
use writ_scenarios::{outbox, run};
use writ_trust::digest::Digest;

use crate::clinic::Clinic;

fn ruleset(appliance: &Appliance) -> String {
    run::checked(&mut appliance.run_as_unit("nft", &["-s", "list", "ruleset"])).unwrap()
}

#[test]
fn a_flushed_ruleset_is_loaded_again_by_the_unit() {
    let clinic = Clinic::shared();
    let appliance = clinic.front_desk("nft");
    let before = ruleset(&appliance);
    assert!(before.contains("policy drop"), "{before}");
    let after = outbox::last_sequence(&appliance.outbox()).unwrap();
    run::checked(&mut appliance.run_as_unit("nft", &["flush", "ruleset"])).unwrap();

    let of = |kind: &'static str| {
        move |f: &outbox::Found| f.text(&["kind"]) == kind && f.text(&["incident", "check"]) == "access.firewall"
    };
    let opened = appliance.await_bundle(after, "the incident", of("incident-opened")).unwrap();
    let closed = appliance.await_bundle(after, "the end of the incident", of("incident-closed")).unwrap();
    assert_eq!(Digest::of(ruleset(&appliance).as_bytes()), Digest::of(before.as_bytes()));

    assert_ne!(opened.text(&["drift", "before", "ruleset_sha256"]), Digest::of(before.as_bytes()).to_string());
    assert_eq!(closed.text(&["drift", "after", "ruleset_sha256"]), Digest::of(before.as_bytes()).to_string());
    assert_eq!(closed.text(&["runbook", "runbook_id"]), "RB-FW-001");
    assert_eq!(closed.text(&["outputs", "resolution_status"]), "success");
    assert_eq!(closed.text(&["execution", "resolution_type"]), "auto");
    let actions = closed.json["actions_taken"].as_array().unwrap();
    assert_eq!(actions.len(), 1);
    assert_eq!(
        (actions[0]["action"].as_str(), actions[0]["result"].as_str()),
        (Some("load: nftables.load"), Some("ok"))
    );
    assert_own_machine(&appliance);
}

/// The enforcer is a unit of the container, in the container's network namespace and without IP sockets: what it loaded
/// it loaded where the packets are.
fn assert_own_machine(appliance: &Appliance) {
    let show = |property: &str| {
        let value = appliance.run("systemctl", &["show", "--value", "-p", property, "writ-enforce.service"]).unwrap();
        value.trim().to_owned()
    };
    let pid = show("MainPID");
    let own = appliance.run("readlink", &["/proc/1/ns/net", &format!("/proc/{pid}/ns/net")]).unwrap();
    let namespaces: Vec<&str> = own.lines().collect();
    assert!(namespaces.len() == 2 && namespaces[0] == namespaces[1], "{own}");
    let here = fs::read_link("/proc/self/ns/net").unwrap();
    assert_ne!(namespaces[0], here.to_str().unwrap(), "the container shares this machine's network");
    let mut families: Vec<String> = show("RestrictAddressFamilies").split(' ').map(str::to_owned).collect();
    families.sort();
    assert_eq!(families, ["AF_NETLINK", "AF_UNIX"]);
    assert_eq!(show("PrivateNetwork"), "no");
}
