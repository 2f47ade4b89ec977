//! Delivering evidence: in order, with proof, once; again only to a depot that lost it.

use std::fs;

use writ_agent::sync::once::{Report, run};
use writ_agent::sync::schedule::Job;
use writ_wire::log_batch::{LogBatch, LogBatchSchema};
use writ_wire::receipts::Reason;

use super::world::*;
use crate::support::key;

/// What the report says of a delivery that left something.
fn stays(report: &Report) -> String {
    let [(Job::Deliver, trouble)] = &report.troubles[..] else { panic!("{report:?}") };
    trouble.to_string()
}

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
    let left = stays(&run(&mut courier).unwrap());
    assert!(left.contains("does not take 2 (conflict, unknown-key)"), "{left}");
    let delivered = [1, 2, 4, 5, 6, 7, 8, 9, 10, 11];
    assert_eq!(world.receipts(), delivered);
    assert_eq!(world.status()["refused"], 2);
    let asked = world.depot().batches.len();
    stays(&run(&mut courier).unwrap());
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
    let left = stays(&world.once());
    assert!(left.contains("does not take 3 (unknown-key)"), "{left}");
    assert_eq!((world.receipts(), world.depot().batches.len()), (vec![], 1));
    let status = world.status();
    assert_eq!((&status["waiting"], &status["refused"]), (&3.into(), &3.into()));
    assert!(status["jobs"]["delivery"]["problem"].is_string(), "{status}");
    assert_eq!(world.command().arg("--once").output().unwrap().status.code(), Some(1));
}

#[test]
fn more_refused_bundles_than_anybody_counts_hold_up_nothing() {
    let world = World::new();
    world.bundles(1..=1_030);
    world.depot().refuse = (1..=1_020).map(|n| (n, Reason::UnknownKey)).collect();
    stays(&world.once());
    assert_eq!(world.receipts(), (1_021..=1_030).collect::<Vec<_>>());
    assert_eq!(world.depot().batches.iter().sum::<usize>(), 1_030, "each was sent once");
}

#[test]
fn what_cannot_be_read_is_said_and_holds_up_nothing() {
    let world = World::new();
    world.bundles(1..=4);
    for n in [1, 4] {
        fs::write(world.path(&format!("spool/outbox/{n}-EB-20261123-{n:04}.json")), "{").unwrap();
    }
    let left = stays(&world.once());
    assert!(left.contains("2 cannot be read: ") && left.contains("1-EB-20261123-0001.json"), "{left}");
    assert_eq!(world.receipts(), [2, 3]);
    assert_eq!(world.status()["unreadable"], 2);
    world.bundles([4, 5]);
    fs::write(world.path("spool/outbox").join(key(OWN).public_key().fingerprint()), "no folder").unwrap();
    stays(&world.once());
    assert_eq!(world.receipts(), [2, 3, 4, 5]);
    world.bundles([1]);
    world.carry();
    assert_eq!(world.status()["unreadable"], 0);
}

#[test]
fn bundles_of_an_earlier_key_are_carried_and_their_receipts_follow_them() {
    let mut world = World::new();
    world.bundles(1..=3);
    world.carry();
    world.bundles([4]);
    let old = world.change_key();
    // The new chain uses the same names again.
    for n in 1..=2 {
        world.bundle(n, "by the next key");
    }
    world.carry();
    assert_eq!(world.receipts(), [1, 2]);
    assert_eq!(world.receipts_of(&old, LOG), [1, 2, 3, 4]);
    assert_eq!(world.depot().batches, [3, 2, 1], "the new ones first, and none twice");
    world.carry();
    assert_eq!(world.depot().batches.len(), 3);
    // The enforcer removes what was delivered.
    fs::remove_file(world.path("spool/outbox").join(&old).join("1-EB-20261123-0001.json")).unwrap();
    world.carry();
    assert_eq!(world.receipts_of(&old, LOG), [2, 3, 4]);
    fs::remove_dir_all(world.path("spool/outbox").join(&old)).unwrap();
    world.carry();
    assert!(!world.inbox("receipts").join(&old).exists());
    assert_eq!(world.receipts(), [1, 2]);
}

/// A depot that does not take an earlier key any more must not cost what was proven under it.
#[test]
fn receipts_of_an_earlier_key_stay_when_its_bundles_are_put_aside() {
    let mut world = World::new();
    world.bundles(1..=3);
    let mut courier = world.courier();
    run(&mut courier).unwrap();
    let old = world.change_key();
    world.vouch();
    world.depot().refuse = (1..=9).map(|n| (n, Reason::RevokedKey)).collect();
    assert!(run(&mut courier).unwrap().troubles.is_empty());
    assert_eq!(world.receipts_of(&old, LOG), [1, 2, 3]);
    assert_eq!(world.depot().batches, [3]);
}

#[test]
fn receipts_by_a_log_key_that_was_revoked_are_made_anew() {
    use serde_json::json;
    let world = World::new();
    world.publish_serial(1);
    world.bundles(1..=3);
    let mut courier = world.courier();
    run(&mut courier).unwrap();
    let mut root: serde_json::Value = serde_json::from_slice(&world.root(2, &[ORIGIN]).document.0).unwrap();
    let mut fresh = root["keys"][2].clone();
    root["keys"][2]["revoked_at"] = json!(now().plus_millis(-1_000));
    fresh["public_key"] = json!(secret(STRANGER).public_key().line());
    fresh["name"] = json!("log-2");
    root["keys"].as_array_mut().unwrap().push(fresh);
    {
        let mut depot = world.depot();
        let signed = writ_wire::Signed::by(writ_trust::json::canonical(&root), &secret(TRUST), "t").unwrap();
        depot.roots.push(signed);
        depot.log_key = secret(STRANGER);
        depot.relog_release();
    }
    world.bundles([4]);
    assert!(run(&mut courier).unwrap().troubles.is_empty());
    assert_eq!(world.receipts_of("", STRANGER), [1, 2, 3, 4]);
    assert_eq!(world.depot().held.len(), 4);
    let sent = world.depot().batches.iter().sum::<usize>();
    assert_eq!(sent, 3 + 4);
    drop(courier);
    // Nor does one count that went bad here.
    fs::write(world.inbox("receipts/2-EB-20261123-0002.receipt.json"), "{").unwrap();
    world.carry();
    assert_eq!(world.receipts_of("", STRANGER), [1, 2, 3, 4]);
    assert_eq!(world.depot().batches.iter().sum::<usize>(), sent + 1);
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
    assert_eq!(world.depot().batches[0], 1, "new evidence goes before old");
    assert_eq!(world.depot().held.len(), 31);
    let batches = world.depot().batches.clone();
    assert_eq!(batches.iter().sum::<usize>(), 23, "{batches:?}");
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
    let batches = world.depot().batches.clone();
    assert_eq!(batches.iter().sum::<usize>(), 30, "{batches:?}");
    // Neither a restart nor praise in between makes its word count for more.
    drop(courier);
    let mut number = 0_u64;
    world.depot().lies(altered("/agent/checkin", move |reply| {
        number += 1;
        reply["held"] = ((number % 2) << 53).into();
        reply["newest"] = ((number % 2) << 53).into();
    }));
    for _ in 0..5 {
        world.carry();
    }
    let batches = world.depot().batches.clone();
    assert_eq!(batches.iter().sum::<usize>(), 30, "{batches:?}");
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

/// The first batch of a source, without a line.
fn first_batch() -> LogBatch {
    LogBatch {
        schema: LogBatchSchema::V1,
        source: "audit".parse().unwrap(),
        number: 1,
        previous: None,
        from: now(),
        to: now(),
        lines: 0,
        dropped: 0,
    }
}

#[test]
fn a_link_in_the_place_of_a_folder_of_logs_leads_nowhere() {
    let world = World::new();
    let (folder, elsewhere) = (world.path("spool/logs/audit"), world.path("elsewhere"));
    fs::create_dir_all(world.path("spool/logs")).unwrap();
    fs::create_dir_all(&elsewhere).unwrap();
    fs::write(elsewhere.join("1.jsonl.gz"), first_batch().pack(b"")).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &folder).unwrap();
    world.carry();
    let receipt = world.inbox("logs/audit/1.json");
    assert_eq!((receipt.exists(), &world.status()["logs"]["waiting"]), (false, &0.into()));
    fs::remove_file(&folder).unwrap();
    fs::rename(&elsewhere, &folder).unwrap();
    world.carry();
    assert!(receipt.exists());
}

#[test]
fn an_inbox_that_takes_no_receipt_is_no_fault_of_the_batches() {
    let world = World::new();
    let batch = first_batch();
    let folder = world.path("spool/logs/audit");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("1.jsonl.gz"), batch.pack(b"")).unwrap();
    // One that lies under another's number, and one that is none: these are.
    fs::write(folder.join("2.jsonl.gz"), batch.pack(b"")).unwrap();
    fs::write(folder.join("3.jsonl.gz"), b"none").unwrap();
    let mut courier = world.courier();
    fs::create_dir_all(world.inbox("")).unwrap();
    fs::write(world.inbox("logs"), b"in the way").unwrap();
    let logs = |report: &Report| {
        let trouble = report.troubles.iter().find(|(job, _)| *job == Job::Logs).map(|(_, trouble)| trouble.to_string());
        trouble.unwrap()
    };
    let failed = run(&mut courier).unwrap();
    assert!(logs(&failed).contains("inbox/logs"), "{failed:?}");
    fs::remove_file(world.inbox("logs")).unwrap();
    let report = run(&mut courier).unwrap();
    assert!(logs(&report).starts_with("2 batches"), "{report:?}");
    assert!(world.inbox("logs/audit/1.json").exists(), "it did not rest for hours");
}
