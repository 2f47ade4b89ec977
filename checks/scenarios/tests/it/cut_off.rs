//! A release whose system cuts the appliance off from its depot: every check may hold, and it is rolled back, for no later
//! release would ever come to mend it.

use writ_scenarios::appliance::{Appliance, Supply};
use writ_scenarios::container;
use writ_scenarios::depot::Depot;
use writ_scenarios::network::{HUB, Network};
use writ_scenarios::outbox::Found;
use writ_scenarios::run;
use writ_scenarios::workshop::Workshop;

const SYSTEM: &str = "hosts/clinic-001/front-desk/system.nix";
const LINK: &str = "/usr/sbin/ip link set host0";

/// Makes the link part of the system: what an activation says of it is so.
fn link(desk: &Workshop, from: &str, to: &str) {
    desk.edit(SYSTEM, from, to).unwrap();
    desk.commit("The link is another").unwrap();
}

fn switched(appliance: &Appliance, serial: u64) -> Found {
    let wanted = |f: &Found| f.text(&["kind"]) == "switch" && f.json["switch"]["to"]["serial"] == serial;
    appliance.await_bundle(0, &format!("the end of the switch to release {serial}"), wanted).unwrap()
}

#[test]
fn a_release_that_cuts_the_network_is_rolled_back() {
    crate::house::needs_root();
    container::available().expect("the scenarios boot containers: root and systemd-nspawn are needed");
    let dir = tempfile::Builder::new().prefix("writ-cut-").tempdir().unwrap();
    let mut desk = Workshop::open(&dir.path().join("desk")).unwrap();
    desk.logged = true;
    desk.make_keys().unwrap();
    for appliance in ["front-desk", "back-office"] {
        desk.enrol(appliance).unwrap();
    }
    link(&desk, "  prepare = ''\n", &format!("  prepare = ''\n    {LINK} up\n"));
    desk.make_trust_root().unwrap();
    let mut network = Network::new("cut").unwrap();
    let namespace = network.join("front-desk").unwrap();
    let _depot = Depot::start(&desk, &dir.path().join("depot"), "0.0.0.0:8080", Some(&network)).unwrap();
    let release = || desk.release_to_depot("http://127.0.0.1:8080", |writ| network.at_hub(writ)).unwrap();
    release();
    let supply = Supply::Depot { url: &format!("http://{HUB}:8080"), namespace: &namespace };
    let appliance = Appliance::boot(&desk, "front-desk", &dir.path().join("root"), supply).unwrap();
    appliance.start().unwrap();
    appliance.start_courier().unwrap();
    let first = switched(&appliance, 1);
    assert_eq!(first.text(&["switch", "outcome"]), "committed", "{}\n{}", first.json, appliance.last_words());

    // One that comes back by itself is kept: the courier reaches the depot again within the time it has.
    link(&desk, &format!("{LINK} up\n"), &format!("{LINK} down; {LINK} up\n"));
    release();
    let second = switched(&appliance, 2);
    assert_eq!(second.text(&["switch", "outcome"]), "committed", "{}\n{}", second.json, appliance.last_words());

    link(&desk, &format!("{LINK} down; {LINK} up\n"), &format!("{LINK} down\n"));
    release();
    let third = switched(&appliance, 3);
    assert_eq!(third.text(&["switch", "outcome"]), "rolled-back", "{}\n{}", third.json, appliance.last_words());
    let said = third.json.to_string();
    assert!(said.contains("the courier, which reached the depot before, does not any more"), "{said}");

    // Going back brought the network back, and the depot hears of it.
    let name = third.file.file_name().unwrap().to_str().unwrap().replace(".json", ".receipt.json");
    let receipt = appliance.inbox().join("receipts").join(name);
    appliance.await_inside("the receipt of what was told", || Ok(receipt.exists().then_some(()))).unwrap();
    let state = run::checked(&mut appliance.container.command("ip", &["-o", "link", "show", "host0"])).unwrap();
    assert!(state.contains("state UP"), "{state}");
}
