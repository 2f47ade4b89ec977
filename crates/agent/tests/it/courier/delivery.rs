//! Delivering evidence: in order, with proof, once; again only to a depot that lost it.

use std::fs;

use writ_agent::sync::once::run;
use writ_agent::sync::schedule::Job;
use writ_wire::receipts::Reason;

use super::world::*;

#[test]
fn evidence_is_delivered_in_order_and_proven() {
    let world = World::new();
    world.publish_serial(1);
    world.bundles(1..=25);
    world.carry();
    assert_eq!(world.receipts(), (1..=25).collect::<Vec<_>>());
    assert_eq!(world.depot().batches, [10, 10, 5]);
    let depot = world.depot();
    let indices: Vec<u64> = depot.held.values().map(|(_, index)| *index).collect();
    assert!(indices.is_sorted(), "{indices:?}");
    drop(depot);
    assert_eq!(world.status()["delivered"], 25);
    world.carry();
    assert_eq!(world.depot().batches.len(), 3, "nothing is sent twice");
}

#[test]
fn a_backlog_goes_in_larger_batches() {
    let world = World::new();
    world.bundles(1..=230);
    world.carry();
    assert_eq!(world.depot().batches, [100, 100, 10, 10, 10]);
    assert_eq!(world.receipts().len(), 230);
}

#[test]
fn large_bundles_do_not_make_large_batches() {
    let world = World::new();
    for n in 1..=4 {
        world.bundle(n, &"x".repeat(300_000));
    }
    world.bundle(5, &"x".repeat(1_000_000));
    world.carry();
    assert_eq!(world.depot().batches, [1, 1, 1, 1, 1]);
}

#[test]
fn what_the_depot_does_not_take_rests_and_holds_up_nothing() {
    let world = World::new();
    world.bundles(1..=12);
    world.depot().refuse = [(3, Reason::Conflict), (12, Reason::UnknownKey)].into();
    let mut courier = world.courier();
    assert!(run(&mut courier).unwrap().troubles.is_empty());
    let delivered = [1, 2, 4, 5, 6, 7, 8, 9, 10, 11];
    assert_eq!(world.receipts(), delivered);
    assert_eq!(world.status()["refused"], 2);
    let asked = world.depot().batches.len();
    run(&mut courier).unwrap();
    assert_eq!(world.depot().batches.len(), asked, "it is left alone for a while");
    world.depot().refuse.clear();
    drop(courier);
    world.carry();
    assert_eq!(world.receipts().len(), 12, "and tried again after a restart");
}

#[test]
fn a_batch_of_which_nothing_is_taken_is_an_answer_too() {
    let world = World::new();
    world.bundles(1..=3);
    world.depot().refuse = (1..=3).map(|n| (n, Reason::UnknownKey)).collect();
    world.carry();
    assert_eq!((world.receipts(), world.depot().batches.len()), (vec![], 1));
}

#[test]
fn a_restored_depot_is_refilled_from_what_it_holds() {
    let world = World::new();
    world.bundles(1..=30);
    world.carry();
    // An old copy of the depot: the log as it was, and it says so.
    {
        let mut depot = world.depot();
        depot.held.retain(|sequence, _| *sequence <= 8);
        depot.batches.clear();
    }
    world.bundles([31]);
    world.carry();
    assert_eq!(world.depot().held.len(), 31);
    assert_eq!(world.depot().batches.iter().sum::<usize>(), 23, "{:?}", world.depot().batches);
    assert_eq!(world.receipts().len(), 31);
    world.carry();
    assert_eq!(world.depot().batches.iter().sum::<usize>(), 23);
}

#[test]
fn a_loss_that_new_evidence_hides_is_found_by_the_gap() {
    let world = World::new();
    world.bundles(1..=20);
    let mut courier = world.courier();
    run(&mut courier).unwrap();
    world.depot().held.retain(|sequence, _| *sequence <= 8);
    world.bundles([21]);
    // Delivered before any check-in could tell.
    let vouched = courier.vouched().unwrap();
    while courier.deliver(&vouched).unwrap() == writ_agent::sync::schedule::Ending::More {}
    assert_eq!(world.depot().held.len(), 21);
}

#[test]
fn a_depot_that_always_says_it_lost_everything_is_refilled_once() {
    let world = World::new();
    world.bundles(1..=15);
    let mut courier = world.courier();
    run(&mut courier).unwrap();
    world.depot().lies(altered("/agent/checkin", |reply| {
        reply["held"] = 0.into();
        reply["newest"] = 0.into();
    }));
    for _ in 0..5 {
        run(&mut courier).unwrap();
    }
    assert_eq!(world.depot().batches.iter().sum::<usize>(), 30, "{:?}", world.depot().batches);
}

#[test]
fn without_a_log_nothing_can_prove_a_delivery() {
    let world = World::with_origins(&[]);
    world.publish_serial(1);
    world.bundles(1..=2);
    let report = world.once();
    let [(Job::Deliver, trouble)] = &report.troubles[..] else { panic!("{report:?}") };
    assert!(trouble.to_string().contains("names no log"), "{trouble}");
    assert_eq!(world.depot().batches, [0_usize; 0]);
    let release = world.inbox("releases/clinic-001/1-1");
    assert!(release.join("release.json").exists() && !release.join("release.receipt.json").exists());
}

#[test]
fn what_the_enforcer_removes_meanwhile_is_no_trouble() {
    let world = World::new();
    world.bundles(1..=5);
    fs::remove_file(world.path("spool/outbox/3-EB-20261123-0003.json")).unwrap();
    fs::remove_file(world.path("spool/outbox/4-EB-20261123-0004.json.minisig")).unwrap();
    world.carry();
    assert_eq!(world.receipts(), [1, 2, 5]);
    fs::remove_file(world.path("spool/outbox/1-EB-20261123-0001.json")).unwrap();
    world.carry();
    assert!(!world.inbox("receipts/1-EB-20261123-0001.receipt.json").exists(), "its receipt goes with it");
    assert_eq!(world.receipts(), [2, 5]);
}
