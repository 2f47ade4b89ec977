//! An order, from two people to the evidence: the real `writ`, `writ-depot`, `writ-sync` and `writ-enforce`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use writ_client::{Client, Settings};
use writ_evidence::Kind;
use writ_evidence::records::OrderPhase;
use writ_trust::order::Order;
use writ_wire::{Blob, Signed, paths};

use crate::delivery::world::World;
use crate::house::releases::sign;
use crate::house::*;

/// The enforcer takes from the inbox, and lays into the outbox of the spool.
fn on_the_spool(world: &World) {
    let at = |name: &str| world.house.path(name).display().to_string();
    let enforce = world.house.configuration();
    let enforce = enforce.replace(&at("releases"), &at("spool/inbox")).replace(&at("outbox"), &at("spool/outbox"));
    fs::create_dir_all(world.house.path("spool/notices")).unwrap();
    fs::write(world.house.path("etc/enforce.toml"), enforce).unwrap();
}

/// `writ order` with a trust root.
fn order(world: &World, words: &[&str]) -> Command {
    let mut command = program("writ");
    command.arg("order").args(words).arg("--trust").arg(world.house.path("releases/trust"));
    command.current_dir(world.house.path(""));
    command
}

fn key(world: &World, who: &str) -> String {
    world.house.path(&format!("etc/{who}.key")).display().to_string()
}

/// What was told of an order, in the order of the chain.
fn told(world: &World, id: &str) -> Vec<(OrderPhase, bool)> {
    let chain = evidence::read(&world.house.path("spool/outbox"), &world.house.site, "front-desk", &public(APPLIANCE));
    let of = |bundle: &writ_evidence::Bundle| {
        bundle.order.clone().filter(|o| o.id.as_ref().is_some_and(|o| o.as_str() == id))
    };
    chain.of(Kind::Order).filter_map(of).map(|order| (order.phase.unwrap(), order.carried_out)).collect()
}

#[test]
fn two_of_three_people_order_and_the_appliance_obeys_once_and_says_so() {
    let (world, _depot) = World::running();
    on_the_spool(&world);
    let url = format!("http://{}", world.address);
    let _daemon = world.house.daemon();
    // The courier makes its key; the enforcer may vouch for it while it still looks.
    let _ = world.carry();
    world.house.wait_for("the word for the courier", || world.house.path("spool/presence/courier.json").exists());
    world.carried();
    world.house.wait_for("the release to be obeyed", || world.house.obeys().is_some());

    let file = world.house.path("order.json").display().to_string();
    let site = world.house.site.clone();
    let new = ["new", "run-runbook", "--runbook", "RB-FILE-0", "--check", "file.0", "--appliance", "front-desk"];
    let mut made = order(&world, &new);
    made.args(["--site", &site, "--reason", "the vendor asks", "--to", &file, "--key", &key(&world, "alice")]);
    let made = ran(&mut made);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    assert!(made.stdout.contains("signed by 1 of 2"), "{}", made.stdout);
    let publish = || ran(order(&world, &["publish", &file]).args(["--depot", &url]));
    let early = publish();
    assert_eq!(early.code, Some(1), "{}", early.stdout);
    assert!(early.stderr.contains("1 of 2 order keys signed"), "{}", early.stderr);
    let shown = ran(&mut order(&world, &["show", &file]));
    assert_eq!(shown.code, Some(1), "{}", shown.stdout);
    let stranger = ran(order(&world, &["sign", &file]).args(["--key", &key(&world, "reader")]));
    assert_eq!(stranger.code, Some(1), "a key without the role: {}", stranger.stdout);
    let signed = ran(order(&world, &["sign", &file]).args(["--key", &key(&world, "cyd")]));
    assert_eq!(signed.code, Some(0), "{}", signed.stderr);
    assert!(signed.stdout.contains("all the signatures"), "{}", signed.stdout);
    let published = publish();
    assert_eq!(published.code, Some(0), "{}", published.stderr);

    let asked = Order::parse(&fs::read(&file).unwrap()).unwrap();
    world.carried();
    let wanted = [(OrderPhase::Acknowledged, false), (OrderPhase::Completed, true)];
    world.house.wait_for("the end of the order", || told(&world, asked.id.as_str()) == wanted);
    world.carried();

    // The auditor, who has only the depot, is told by the appliance's evidence.
    world.audit(0);
    let audit = world.house.path("audit").display().to_string();
    let shown = ran(order(&world, &["show", &file]).args(["--audit", &audit, "--json"]));
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap_or_else(|e| panic!("{e}: {}", shown.stderr));
    assert_eq!((&shown["holds"], &shown["told"][0]["state"]), (&true.into(), &"carried-out".into()), "{shown}");

    // What is not signed so does not come by way of the depot; and what is laid past it is refused.
    let bytes = fs::read(&file).unwrap();
    let put = |document: &[u8], signers: &[u8]| {
        let signatures = signers.iter().map(|who| Blob(sign(*who, document))).collect();
        let envelope = Signed { document: Blob(document.to_vec()), signatures }.canonical();
        let client = Client::new(&Settings::new(&url)).unwrap();
        client.put(&paths::publish_order(&world.site), &envelope, 10_000).map(drop).map_err(|e| e.status())
    };
    let other = Order { id: "00000000000000000000000000000001".parse().unwrap(), ..asked.clone() }.canonical();
    assert_eq!(
        (put(&other, &[]), put(&other, &[21]), put(&other, &[21, STRANGER])),
        (Err(Some(403)), Err(Some(403)), Err(Some(403)))
    );
    assert_eq!(put(&bytes, &[22, 23]), Ok(()), "the same again");
    let orders: PathBuf = world.house.path("spool/inbox/orders").join(&site);
    fs::write(orders.join("other.json"), &other).unwrap();
    // A copy of what was taken, under another name.
    for who in [21, 23] {
        let name = writ_trust::minisign::signature_file_name("copy.json", public(who).key_id());
        fs::write(orders.join(name), sign(who, &bytes)).unwrap();
    }
    fs::write(orders.join("copy.json"), &bytes).unwrap();
    world.house.wait_for("two refusals", || {
        let chain =
            evidence::read(&world.house.path("spool/outbox"), &world.house.site, "front-desk", &public(APPLIANCE));
        let rules: Vec<String> = chain.of(Kind::Refused).filter_map(|b| Some(b.refused.clone()?.rule)).collect();
        rules.contains(&"signature-threshold".to_owned()) && rules.contains(&"replayed".to_owned())
    });
    assert_eq!(told(&world, asked.id.as_str()), wanted, "and done once");
}
