//! Orders come into the inbox as the depot has them, and leave it when the depot has them no more.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use writ_agent::sync::schedule::Job;
use writ_trust::json as strict;
use writ_trust::order::MAX_ORDER;
use writ_wire::Signed;

use super::world::*;
use crate::support::key;

fn order(n: u8) -> Value {
    json!({
        "schema": "writ.order.v1", "site": SITE, "id": format!("{n:032x}"), "audience": { "appliances": [APPLIANCE] },
        "action": "rescan", "reason": "a test", "issued_at": now(), "expires_at": now().plus_millis(3_600_000),
    })
}

fn signed(order: &Value, who: u8) -> Signed {
    Signed::by(strict::canonical(order), &key(who), "t").unwrap()
}

fn here(world: &World) -> BTreeMap<String, Vec<u8>> {
    world.tree(&format!("orders/{SITE}"))
}

#[test]
fn orders_come_with_their_signatures_and_go_with_the_depots() {
    let world = World::new();
    world.publish_serial(1);
    world.carry();
    assert!(here(&world).is_empty() && !world.depot().asked.iter().any(|asked| asked.contains("orders")));

    let mut twice = signed(&order(1), ORDER);
    // A signature that counts nowhere is not carried along.
    twice.signatures.extend(signed(&order(1), STRANGER).signatures);
    world.depot().orders = vec![twice.clone(), signed(&order(2), ORDER)];
    world.carry();
    let found = here(&world);
    let id = key(ORDER).public_key().key_id();
    let names = [1, 2].map(|n| [format!("{n:032x}.json"), format!("{n:032x}.json.{id}.minisig")]).concat();
    assert_eq!(found.keys().collect::<Vec<_>>(), names.iter().collect::<Vec<_>>());
    assert_eq!(found[&names[0]], twice.document.0, "byte for byte");
    let asked = |world: &World| world.depot().asked.iter().filter(|asked| asked.contains("orders")).count();
    assert_eq!(asked(&world), 1);
    world.carry();
    assert_eq!(asked(&world), 1, "what is here is not fetched again");

    world.depot().orders.remove(0);
    world.carry();
    assert_eq!(here(&world).len(), 2);
    world.depot().orders.clear();
    std::fs::write(world.inbox(&format!("orders/{SITE}/rubbish")), "x").unwrap();
    world.carry();
    assert!(here(&world).is_empty());
}

#[test]
fn what_nobody_may_order_is_not_carried_and_keeps_nothing_back() {
    let foreign = |order: &mut Value| order["site"] = "clinic-002".into();
    let expired = |order: &mut Value| {
        order["issued_at"] = json!(now().plus_millis(-7_200_000));
        order["expires_at"] = json!(now().plus_millis(-1));
    };
    let odd = |order: &mut Value| order["action"] = "rollback".into();
    let unsigned = signed(&order(1), STRANGER);
    let bad: [(Signed, &str); 4] = [
        (unsigned, "signature-threshold"),
        (edited(foreign), "site"),
        (edited(expired), "expiry"),
        (edited(odd), "document"),
    ];
    let world = World::new();
    world.publish_serial(1);
    world.carry();
    for (bad, rule) in bad {
        world.depot().orders = vec![bad, signed(&order(2), ORDER)];
        assert_eq!(world.refused(Job::Orders), rule);
        let found = here(&world);
        assert!(found.len() == 2 && found.keys().all(|name| name.starts_with(&format!("{:032x}", 2))), "{rule}");
    }
}

#[test]
fn what_cannot_be_read_in_the_inbox_keeps_no_check_in_and_no_other_order_back() {
    let world = World::new();
    world.publish_serial(1);
    world.carry();
    let all = [1, 2, 3].map(|n| signed(&order(n), ORDER));
    let [first, second, third] = [1, 2, 3].map(|n| format!("{n:032x}.json"));
    let at = |name: &str| world.inbox(&format!("orders/{SITE}/{name}"));
    std::fs::write(at(&first), vec![b' '; MAX_ORDER + 1]).unwrap();
    std::fs::create_dir(at(&second)).unwrap();
    std::fs::create_dir(at("rubbish")).unwrap();
    world.depot().orders = all.to_vec();
    let jobs: Vec<Job> = world.once().troubles.iter().map(|(job, _)| *job).collect();
    assert_eq!(jobs, [Job::Orders], "the second one cannot be put there; the check-in went well");
    let found = here(&world);
    assert!(found[&first] == all[0].document.0 && found[&third] == all[2].document.0);

    std::fs::remove_dir(at(&second)).unwrap();
    world.carry();
    assert_eq!(here(&world)[&second], all[1].document.0, "fetched again");
}

fn edited(edit: impl FnOnce(&mut Value)) -> Signed {
    let mut order = order(1);
    edit(&mut order);
    signed(&order, ORDER)
}
