//! Checkpoints that the auditor brings: kept from last time, or by somebody else.

use writ_audit::archive::KeptCheckpoint;
use writ_audit::problem::{Code, Problem, Weight};
use writ_audit::verify::VerifyReport;
use writ_audit::{Archive, Folder, Options};
use writ_trust::digest::{Digest, hex};
use writ_trust::log::checkpoint::SignedCheckpoint;

use crate::log_world::*;
use crate::world::*;

const NAME: &str = "last-year.checkpoint";

fn verify(world: &World, notes: &[&str]) -> VerifyReport {
    let kept = |note: &&str| KeptCheckpoint { name: NAME.into(), note: note.as_bytes().to_vec() };
    world.archive().with_kept(notes.iter().map(kept).collect()).walk(&mut |_| {})
}

#[track_caller]
fn bad(report: &VerifyReport, code: Code) -> Problem {
    let found = report.problems.first_bad().unwrap_or_else(|| panic!("nothing bad: {:#?}", report.problems));
    assert!(!report.ok && !found.consequence.is_empty());
    assert_eq!(found.code, code, "{:#?}", report.problems);
    found.clone()
}

#[test]
fn beginnings_of_the_log_hold() {
    let world = World::logged();
    let [older, head] = [world.log().cut(7), world.log().clone()].map(|log| log.signed().note);
    let report = verify(&world, &[&older, &head]);
    assert!(report.ok && report.problems.list.is_empty(), "{:#?}", report.problems);
    let seen: Vec<_> = report.witnesses.iter().map(|w| (w.path.as_str(), w.log, w.size, w.holds)).collect();
    assert_eq!(seen, [(NAME, 1, 7, true), (NAME, 1, 30, true)]);
    assert_eq!(report.logs[0].logs[0].note.as_deref(), Some(head.as_str()), "what is to be kept for next time");
    assert!(verify(&world, &[]).witnesses.is_empty());
}

/// Only the last entry, which no bundle had seen: nothing in the folder contradicts it.
#[test]
fn an_entry_that_was_rewritten_since_is_known_by_what_was_kept() {
    let mut world = World::logged();
    let mut before = world.log().cut(29);
    before.push(&trust_entry(1, Digest::of(b"another")));
    world.snapshot(morning().plus_millis(DAY));
    world.write_log();
    assert!(verify(&world, &[]).ok, "{:#?}", verify(&world, &[]).problems);
    let report = verify(&world, &[&before.signed().note]);
    let found = bad(&report, Code::Forked);
    assert_eq!((found.path.as_str(), report.problems.bad), (NAME, 1), "{:#?}", report.problems);
    for root in [before, world.log().cut(30)].map(|log| hex(&log.checkpoint().root[..8])) {
        assert!(found.what.contains(&root), "both roots are named: {found:#?}");
    }
    assert!(!report.witnesses[0].holds);
}

#[test]
fn a_log_that_is_shorter_than_what_was_kept_is_truncated() {
    let world = World::logged();
    let head = world.log().signed();
    std::fs::remove_dir_all(world.path().join("log")).unwrap();
    std::fs::remove_dir_all(world.path().join("evidence")).unwrap();
    let short = world.log().cut(2);
    short.write(&world);
    assert!(verify(&world, &[]).ok, "{:#?}", verify(&world, &[]).problems);
    let report = verify(&world, &[&head.note]);
    let found = bad(&report, Code::Truncated);
    assert_eq!(found.path, "log/clinic-001/1/checkpoint");
    for root in [&head.checkpoint, &short.checkpoint()].map(|checkpoint| hex(&checkpoint.root[..8])) {
        assert!(found.what.contains(&root) && found.what.contains(NAME), "both roots are named: {found:#?}");
    }
}

#[test]
fn what_is_no_checkpoint_of_a_log_here_is_refused() {
    let world = World::logged();
    let head = world.log().checkpoint();
    for (note, code) in [
        ("nonsense".to_owned(), Code::Malformed),
        (Log::new(1, "log.example/elsewhere").signed().note, Code::Foreign),
        (SignedCheckpoint::sign(head, &key(9), morning()).note, Code::Altered),
        (world.log().signed().note.replacen("\n30\n", "\n29\n", 1), Code::Altered),
    ] {
        let report = verify(&world, &[&note]);
        assert_eq!(bad(&report, code).path, NAME, "{note}");
        assert!(report.witnesses.is_empty());
    }
    // Of a site that is not judged.
    let options = Options { trust: world.trust(), site: Some("clinic-009".parse().unwrap()), ..Options::default() };
    let kept = KeptCheckpoint { name: NAME.into(), note: world.log().signed().note.into_bytes() };
    let archive = Archive::open(Folder::open(world.path()).unwrap(), &options).with_kept(vec![kept]);
    let report = archive.walk(&mut |_| {});
    assert!(report.problems.list.iter().any(|p| p.code == Code::Foreign && p.path == NAME), "{:#?}", report.problems);
}

#[test]
fn what_cannot_be_compared_is_said() {
    let world = World::logged();
    let older = world.log().cut(7).signed().note;
    std::fs::remove_dir_all(world.path().join(world.log().path("tile"))).unwrap();
    let options = Options { trust: world.trust(), without_entries: true, ..Options::default() };
    let kept = KeptCheckpoint { name: NAME.into(), note: older.into_bytes() };
    let archive = Archive::open(Folder::open(world.path()).unwrap(), &options).with_kept(vec![kept]);
    let report = archive.walk(&mut |_| {});
    let told = report.problems.list.iter().find(|p| p.code == Code::NotCovered);
    let told = told.unwrap_or_else(|| panic!("{:#?}", report.problems));
    assert_eq!((told.weight, told.path.as_str(), report.witnesses[0].holds), (Weight::Bad, NAME, false));
    assert!(!report.ok, "what somebody asked to have held does not hold");
    // The newest one can be held, without entries too.
    let kept = KeptCheckpoint { name: NAME.into(), note: world.log().signed().note.into_bytes() };
    let archive = Archive::open(Folder::open(world.path()).unwrap(), &options).with_kept(vec![kept]);
    let report = archive.walk(&mut |_| {});
    assert!(report.ok && report.witnesses[0].holds, "{:#?}", report.problems);
}

/// Of the log before, in a folder gathered from an appliance's inbox: that there is no checkpoint of it is a note, and what was given
/// is held against nothing.
#[test]
fn what_is_of_a_log_that_is_not_here_does_not_hold() {
    let world = crate::log_restarts::restarted(28, 30);
    let mut older = Log::new(1, ORIGIN);
    older.push_bytes(world.log().entries[1].clone());
    for gone in ["log/clinic-001/1", "log/clinic-001/2/tile"] {
        std::fs::remove_dir_all(world.path().join(gone)).unwrap();
    }
    let options = Options { trust: world.trust(), without_entries: true, ..Options::default() };
    let kept = KeptCheckpoint { name: NAME.into(), note: older.signed().note.into_bytes() };
    let archive = Archive::open(Folder::open(world.path()).unwrap(), &options).with_kept(vec![kept]);
    let report = archive.walk(&mut |_| {});
    let told = report.problems.list.iter().find(|p| p.code == Code::NotCovered && p.path == NAME);
    let told = told.unwrap_or_else(|| panic!("{:#?}", report.problems));
    assert_eq!((told.weight, report.ok), (Weight::Bad, false));
    assert!(told.what.contains("of log 1 no checkpoint"), "{told:#?}");
}
