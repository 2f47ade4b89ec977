//! What is left of what a key signed after it was revoked: as much as the site's log is proven to have held before.

use std::collections::BTreeSet;
use std::fs;

use serde_json::json;
use writ_audit::problem::{Code, Problem, Weight};
use writ_audit::verify::VerifyReport;
use writ_audit::{Archive, Folder, Options};

use crate::log_world::*;
use crate::world::*;

/// Who signs when the first signer's key is gone.
const SECOND_SIGNER: u8 = 4;

/// Adds root 2, which revokes the signer of everything so far as of a time.
fn revoke_signer(world: &World, revoked_at: &str, also_the_log: bool) {
    revoke_signer_and(world, revoked_at, |root| {
        if also_the_log {
            root["keys"][1]["revoked_at"] = "2026-11-25T00:00:00Z".into();
        }
    });
}

/// The same, with another change of the root; its second key is the log's.
fn revoke_signer_and(world: &World, revoked_at: &str, change: impl FnOnce(&mut serde_json::Value)) {
    let mut root = logged_root(2, &[ORIGIN]);
    root["keys"][0]["revoked_at"] = revoked_at.into();
    change(&mut root);
    root["keys"].as_array_mut().unwrap().push(json!({
        "public_key": key(SECOND_SIGNER).public_key().line(), "name": "second", "roles": ["trust", "release"], "sites": [],
        "valid_from": "2026-01-01T00:00:00Z", "valid_until": "2030-01-01T00:00:00Z", "revoked_at": null
    }));
    world.write_root(&root, 2, &[&signer(), &key(SECOND_SIGNER)]);
}

fn of_releases(report: &VerifyReport) -> Vec<&Problem> {
    let told = |p: &&Problem| p.code == Code::Revoked && p.path.ends_with("release.json");
    report.problems.list.iter().filter(told).collect()
}

#[track_caller]
fn stands(report: &VerifyReport, stands: bool) {
    let told = of_releases(report);
    assert_eq!((report.ok, told.len()), (stands, 1), "{:#?}", report.problems);
    assert_eq!(told[0].weight, if stands { Weight::Note } else { Weight::Bad });
    let words = if stands { "by the word of the log's own key" } else { "a thief could have made it" };
    assert!(told[0].consequence.contains(words), "{told:#?}");
}

#[test]
fn a_release_that_the_log_held_before_stands() {
    // The first bundle saw it in the log at 2026-11-23T06:00:00Z.
    for (revoked_at, proven) in
        [("2026-11-25T00:00:00Z", true), ("2026-11-23T06:00:01Z", true), ("2026-11-23T06:00:00Z", false)]
    {
        let world = World::logged();
        revoke_signer(&world, revoked_at, false);
        stands(&world.verify(), proven);
        // Nobody takes what a thief could have made for the newest release.
        assert_eq!(world.archive().sites[&site()].newest_sound().is_some(), proven, "{revoked_at}");
    }
    // The word of a log key that is itself revoked is nobody's.
    let world = World::logged();
    revoke_signer(&world, "2026-11-25T00:00:00Z", true);
    stands(&world.verify(), false);
}

#[test]
fn the_entries_prove_it_without_a_receipt_and_a_receipt_without_the_entries() {
    let world = World::logged();
    revoke_signer(&world, "2026-11-25T00:00:00Z", false);
    let receipt = world.path().join("releases/clinic-001/1-1/release.receipt.json");
    let kept = fs::read(&receipt).unwrap();
    fs::remove_file(&receipt).unwrap();
    stands(&world.verify(), true);
    fs::write(&receipt, &kept).unwrap();
    fs::remove_dir_all(world.path().join(world.log().path("tile/entries"))).unwrap();
    let verify = || {
        let options = Options { trust: world.trust(), site: None, without_entries: true, now: None };
        writ_audit::verify::verify(Folder::open(world.path()).unwrap(), &options)
    };
    stands(&verify(), true);
    fs::remove_file(&receipt).unwrap();
    stands(&verify(), false);
    // A receipt whose proof leads elsewhere proves nothing.
    let other = fs::read(world.path().join(world.place(&world.sealed[4]).replace(".json", ".receipt.json"))).unwrap();
    fs::write(&receipt, other).unwrap();
    let report = verify();
    assert!(of_releases(&report).iter().any(|p| p.weight == Weight::Bad), "{:#?}", report.problems);
}

#[test]
fn a_release_by_a_stolen_key_that_the_log_first_held_afterwards_does_not() {
    let mut world = World::logged();
    // Dated back by the thief; the log took it in two days after the theft.
    world.log.as_mut().unwrap().now = at("2026-11-27T00:00:00Z");
    world.release(2, &policy_json(|_| {}), |r| r["issued_at"] = "2026-11-22T07:00:00Z".into());
    world.write_log();
    revoke_signer(&world, "2026-11-25T00:00:00Z", false);
    let report = world.verify();
    let bad: Vec<&str> = report.problems.list.iter().filter(|p| p.weight == Weight::Bad).map(|p| &*p.path).collect();
    assert_eq!(bad, ["releases/clinic-001/1-2/release.json"], "{:#?}", report.problems);
    let notes: Vec<&str> = of_releases(&report).iter().map(|p| &*p.path).collect();
    assert_eq!(notes.len(), 2, "and the one before it stands: {notes:?}");
}

#[test]
fn a_time_at_which_the_log_key_did_not_count_proves_nothing() {
    for (valid_from, proven) in [("2026-11-24T07:00:00Z", true), ("2026-11-24T07:00:01Z", false)] {
        let world = World::logged();
        revoke_signer_and(&world, "2026-11-25T00:00:00Z", |root| root["keys"][1]["valid_from"] = valid_from.into());
        stands(&world.verify(), proven);
    }
}

#[test]
fn a_clock_that_was_behind_proves_nothing() {
    let mut world = World::logged();
    // Days later the depot's clock is back at the 20th, before what it said of a smaller log.
    world.log.as_mut().unwrap().now = at("2026-11-20T00:00:00Z");
    world.release(2, &policy_json(|_| {}), |_| {});
    world.write_log();
    revoke_signer(&world, "2026-11-22T00:00:00Z", false);
    let report = world.verify();
    let weights: Vec<Weight> = of_releases(&report).iter().map(|p| p.weight).collect();
    assert_eq!(weights, [Weight::Bad, Weight::Bad], "{:#?}", report.problems);
}

/// A day in the log, then bundles that came later, and a release that revokes the appliance's key.
fn stolen(revoked_at: &str) -> World {
    let mut world = World::logged();
    world.log.as_mut().unwrap().now = at("2026-11-26T12:00:00Z");
    for hour in 0..3 {
        world.snapshot(at("2026-11-26T12:00:00Z").plus_millis(hour * HOUR));
    }
    let policy = policy_json(|_| {});
    world.release(2, &policy, |r| {
        r["generations"]["front-desk"]["public_key"] = key(8).public_key().line().into();
        r["revoked_appliance_keys"] = json!([
            { "public_key": device().public_key().line(), "revoked_at": revoked_at, "reason": "stolen" }
        ]);
    });
    world.write_log();
    world
}

fn counted(world: &World) -> (BTreeSet<u64>, VerifyReport) {
    let mut counted = BTreeSet::new();
    let report = world.archive().walk(&mut |stored| {
        counted.insert(stored.bundle.chain.sequence);
    });
    (counted, report)
}

#[test]
fn of_a_stolen_appliance_key_what_the_log_held_before_counts() {
    for (revoked_at, last) in [
        ("2026-11-23T06:00:00Z", 0),
        ("2026-11-24T08:00:00Z", 28),
        ("2026-11-26T12:00:00Z", 28),
        ("2026-11-27T00:00:00Z", 31),
    ] {
        let world = stolen(revoked_at);
        let (counted, report) = counted(&world);
        assert_eq!(counted, (1..=last).collect(), "{revoked_at}");
        assert!(report.ok, "{:#?}", report.problems);
        let told = report.problems.list.iter().find(|p| p.code == Code::Revoked).unwrap();
        let words = format!("{last} of its bundles a log is proven to have held before, {} not", 31 - last);
        assert!(told.what.contains(&words) && told.what.contains("stolen"), "{told:#?}");
        assert_eq!(told.consequence.contains("not counted"), last < 31, "{told:#?}");
        // Without receipts, as a folder that was fetched is, but for the one that no other checkpoint of that time covers.
        for sealed in &world.sealed {
            fs::remove_file(world.path().join(world.place(sealed).replace(".json", ".receipt.json"))).unwrap();
        }
        let (again, report) = self::counted(&world);
        let last = if last == 28 { 27 } else { last };
        assert_eq!((again, report.ok), ((1..=last).collect(), true), "{revoked_at}: {:#?}", report.problems);
    }
}

#[test]
fn a_log_that_does_not_hold_proves_nothing() {
    let world = stolen("2026-11-26T12:00:00Z");
    for sealed in &world.sealed {
        fs::remove_file(world.path().join(world.place(sealed).replace(".json", ".receipt.json"))).unwrap();
    }
    // Neither its entries nor their hashes come to what its key signed.
    crate::log::flip(&world.path().join(world.log().path("tile/0/000.p/34")), 40);
    crate::log::flip(&world.path().join(world.log().bundle_path(0)), 40);
    let (counted, report) = counted(&world);
    assert_eq!((counted.len(), report.ok), (0, false), "{:#?}", report.problems);
}

#[test]
fn the_archive_knows_the_time_zone_of_a_site() {
    let world = World::logged();
    let archive: Archive = world.archive();
    assert_eq!(archive.time_zone(&site()), Some("America/New_York"));
    assert_eq!(archive.time_zone(&"clinic-999".parse().unwrap()), None);
}
