//! A log that was lost, and the one that took over from it.

use std::fs;

use writ_audit::problem::{Code, Problem};
use writ_trust::digest::Digest;
use writ_trust::json as strict;
use writ_trust::log::entry::{EntrySchema, LogEntry};

use crate::log::{first, flip, noted, without_receipts};
use crate::log_world::*;
use crate::world::*;

/// The usual day, then the log was lost when `known` entries of it were known, and a second took over.
pub fn restarted(known: u64, restored: u64) -> World {
    let mut world = World::logged();
    fs::remove_dir_all(world.path().join("log")).unwrap();
    world.log().cut(restored).write(&world);
    let first = world.log.take().unwrap();
    let root = logged_root(2, &[ORIGIN, SECOND]);
    world.write_root(&root, 2, &[&signer()]);
    let digest = world.write_restart(2, &restart_from(&first.cut(known).checkpoint()), &[signer()]);
    let mut second = Log::new(2, SECOND);
    second.push(&LogEntry::Restart { schema: EntrySchema::V1, site: site(), digest, time: morning() });
    second.push(&trust_entry(2, Digest::of(&strict::canonical(&root))));
    second.push_bytes(first.entries[1].clone());
    // The depot asks again for what it has lost.
    for entry in &first.entries[usize::try_from(restored).unwrap()..] {
        second.push_bytes(entry.clone());
    }
    world.log = Some(second);
    world.snapshot(morning().plus_millis(DAY + HOUR));
    world.write_log();
    world
}

#[test]
fn a_log_that_took_over_by_order_verifies_and_says_what_was_lost() {
    let world = restarted(28, 25);
    let report = world.verify();
    let found = noted(&report, Code::Restarted, "log/clinic-001/1/checkpoint");
    assert!(
        found.what.contains("ends with 25 entries") && found.consequence.contains("entries 25 to 29"),
        "{found:#?}"
    );
    let site = &report.logs[0];
    assert_eq!((site.state, site.unlogged), ("verified", Some(0)));
    assert_eq!((site.logs[0].size, site.logs[1].size, site.logs[1].entries.restarts), (Some(25), Some(9), 1));
    // More of it is here than was known.
    noted(&restarted(20, 30).verify(), Code::Restarted, "log/clinic-001/1/checkpoint");
    // Without the first log at all.
    fs::remove_dir_all(world.path().join("log/clinic-001/1")).unwrap();
    let report = world.verify();
    let found = crate::log::first(&report, Code::Missing, "log/clinic-001/1/checkpoint");
    assert!(found.consequence.contains("took over"), "{found:#?}");
    assert_eq!((report.logs[0].state, report.logs[0].unlogged), ("not verified", None));
}

#[test]
fn a_log_that_took_over_without_order_is_not_verified() {
    let order = "log/clinic-001/2/restart.json";
    let world = restarted(28, 25);
    let bytes = fs::read(world.path().join(order)).unwrap();
    flip(&world.path().join(order), 40);
    first(&world.verify(), Code::Altered, order);
    fs::write(world.path().join(order), &bytes).unwrap();
    let signature = format!("{order}.{}.minisig", signer().key_id());
    fs::remove_file(world.path().join(&signature)).unwrap();
    first(&world.verify(), Code::Unsigned, order);
    let by_depot = depot().sign(&bytes, "restart", "x").unwrap().to_string();
    fs::write(world.path().join(format!("{order}.{}.minisig", depot().key_id())), by_depot).unwrap();
    first(&world.verify(), Code::Altered, order);
    fs::remove_file(world.path().join(order)).unwrap();
    first(&world.verify(), Code::Missing, order);
    // It names another history of the first log than the one that is here.
    let world = restarted(20, 25);
    let mut lie = restart_from(&world.log().checkpoint());
    lie.previous.origin = ORIGIN.into();
    lie.previous.size = 20;
    world.write_restart(2, &lie, &[signer()]);
    let report = world.verify();
    first(&report, Code::Forked, order);
    // The log does not begin with the order.
    let world = restarted(20, 25);
    world.write_restart(2, &restart_from(&World::logged().log().cut(21).checkpoint()), &[signer()]);
    first(&world.verify(), Code::Forked, "log/clinic-001/2/tile/entries/000.p/");
    let mut world = restarted(20, 25);
    let mut other = Log::new(2, SECOND);
    world.log().entries[1..].iter().for_each(|entry| _ = other.push_bytes(entry.clone()));
    world.log = Some(other);
    without_receipts(&world);
    fs::remove_dir_all(world.path().join("log/clinic-001/2/tile")).unwrap();
    world.write_log();
    let report = world.verify();
    let begun = |p: &Problem| p.code == Code::OutOfOrder && p.what.contains("does not begin with its restart");
    assert!(report.problems.list.iter().any(begun), "{:#?}", report.problems);
}
