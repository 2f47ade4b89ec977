//! A depot that comes back from an old copy: refused by whoever had seen more, until the trust keys begin its log anew.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use writ_scenarios::run;
use writ_trust::log::checkpoint::Checkpoint;
use writ_trust::log::entry::LogEntry;

use super::world::{Log, World};
use crate::house::*;

/// Delivered before the copy was made, after it, and said when the old copy was back.
const EARLY: usize = 150;
const LATE: usize = 130;
const NEW: usize = 20;

fn copy(world: &World, from: &str, to: &str) {
    let _ = fs::remove_dir_all(world.house.path(to));
    run::checked(Command::new("cp").arg("-a").arg(world.house.path(from)).arg(world.house.path(to))).unwrap();
}

/// The operator's way out, by the tool alone: a new log in the next trust root, the order that it takes over, published.
pub fn restart_log(world: &World) {
    let second = format!("{}/2", world.origin);
    let (trust, key) = (world.house.path("releases/trust"), world.house.path("etc/trust.key"));
    let restart = world.house.path("restart.json");
    let known = world.house.path("audit/log").join(&world.house.site).join("1/checkpoint");
    let path = |path: &std::path::Path| path.display().to_string();
    let writ = |arguments: &[&str]| {
        let ran = ran(program("writ").args(arguments));
        assert_eq!(ran.code, Some(0), "{arguments:?}: {}{}", ran.stdout, ran.stderr);
    };
    let (trust, key, restart, known) = (path(&trust), path(&key), path(&restart), path(&known));
    writ(&["trust", "next", "--from", &trust, "--log-origin", &format!("{}={second}", world.site)]);
    writ(&["trust", "sign", &format!("{trust}/2.json"), "--key", &key]);
    let reason = ["--reason", "the disk failed; restored from an old copy", "--out", &restart];
    let from = ["--trust", &trust, "--checkpoint", &known, "--origin", &second];
    writ(&[&["log", "restart", "--site", &world.house.site][..], &from[..], &reason[..]].concat());
    writ(&["log", "sign", &restart, "--trust", &trust, "--key", &key]);
    writ(&["log", "publish", &restart, "--trust", &trust, "--depot", &format!("http://{}", world.address)]);
}

/// Delivers, copies, delivers more, and puts the old copy back; gives the last checkpoint of the lost log.
fn restored(world: &mut World) -> (writ_scenarios::depot::Depot, Checkpoint) {
    let depot = world.depot();
    world.publish();
    world.enrol_courier();
    world.say(EARLY);
    world.carried();
    depot.stop().unwrap();
    copy(world, "depot", "backup");
    let depot = world.depot();
    world.say(LATE);
    world.carried();
    world.assert_audited();
    depot.stop().unwrap();
    copy(world, "backup", "depot");
    let lost = world.seen(&world.origin).unwrap();
    (world.depot(), lost)
}

#[test]
fn a_log_that_went_back_is_refused_by_name() {
    let mut world = World::new();
    let (_depot, lost) = restored(&mut world);
    world.say(NEW);
    // Nothing that this depot proves counts: not for the courier, not for an auditor.
    for _ in 0..2 {
        let ran = world.carry();
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        assert!(ran.stderr.contains("rule log-consistency"), "{}", ran.stderr);
        assert_eq!(world.delivered(), EARLY + LATE);
        assert_eq!(world.seen(&world.origin).unwrap(), lost);
    }
    let fetched = ran(&mut world.fetch());
    assert_eq!(fetched.code, Some(1), "{}{}", fetched.stdout, fetched.stderr);
}

/// The courier comes when the new log has begun: it walks the restart and sends what the depot has lost.
#[test]
fn the_trust_keys_begin_the_log_anew_and_it_is_refilled() {
    begun_anew(|_| {});
}

/// The courier comes before that too: the depot takes the bundles in and can prove nothing, and its numbers look whole
/// from then on.
#[test]
fn a_depot_that_took_bundles_in_before_its_new_log_is_refilled_too() {
    begun_anew(|world| {
        let ran = world.carry();
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    });
}

fn begun_anew(before: impl FnOnce(&mut World)) {
    let mut world = World::new();
    let (_depot, lost) = restored(&mut world);
    world.say(NEW);
    before(&mut world);
    restart_log(&world);
    world.carried();
    // What the depot had lost, and what is new, is proven by the new log.
    let second = format!("{}/2", world.origin);
    let log = Log::read(&world, 2);
    assert!(matches!(log.entries[0], LogEntry::Restart { .. }));
    for said in &world.said[EARLY..] {
        let receipt = world.receipt(said, &second);
        assert_eq!(log.entries[usize::try_from(receipt.index).unwrap()], receipt.entry);
    }
    let mut times = BTreeMap::new();
    for entry in &log.entries {
        if let LogEntry::Evidence { sequence, .. } = entry {
            *times.entry(*sequence).or_insert(0) += 1;
        }
    }
    assert!(times.values().all(|n| *n == 1), "{times:?}");
    // It is at rest: nothing is sent again and again.
    world.carried();
    assert_eq!(Log::read(&world, 2).head.size, log.head.size);
    // The auditor who had seen the lost log: everything is there, and how much of the log was known.
    let report = world.audit(0);
    println!("{report}");
    assert_eq!(report["bundles"], world.said.len() as u64, "{report}");
    assert!(report["logs"].to_string().contains(&lost.size.to_string()), "{report}");
}
