//! Posture that is told in summaries: judged as if everything had been told each hour, and never better.

use std::collections::BTreeMap;

use writ_audit::compare::model::CheckFinding;
use writ_audit::compare::{Comparison, Verdict, compare};
use writ_evidence::Kind;
use writ_evidence::posture::{Differing, Posture, Range, Seen, Snapshot, Steady, Summary, TellingRef, VectorEntry};
use writ_evidence::records::{Thinned, ThinnedRange};
use writ_policy::outcome::Outcome;
use writ_trust::time::Time;

use crate::world::*;

fn hour(n: i64) -> Time {
    morning().plus_millis(n * HOUR)
}

fn ids(world: &World) -> Vec<String> {
    world.policy.as_ref().unwrap().checks.keys().cloned().collect()
}

fn newest(world: &World) -> TellingRef {
    let last = world.sealed.last().unwrap();
    TellingRef { sequence: last.sequence, digest: last.digest }
}

/// A world in which everything was told at the beginning.
fn begun() -> World {
    let mut world = World::new();
    world.started(morning());
    world.snapshot(morning());
    world
}

/// The summary of an hour in which every check ran twelve times, these came to something else than was told last, and the
/// others did not.
fn summary(world: &World, n: i64, after: TellingRef, changed: &[(&str, Outcome)]) -> Summary {
    let (from, to) = (hour(n), hour(n + 1));
    let differing = |(id, outcome): &(&str, Outcome)| {
        let runs = VectorEntry {
            outcome: *outcome,
            reasons: vec![],
            observation: Some(good().digest()),
            runs: 12,
            failed: if *outcome == Outcome::Fail { 12 } else { 0 },
            not_assessed: 0,
            first_at: Some(from.plus_millis(MINUTE)),
            last_at: Some(to.plus_millis(-4 * MINUTE)),
            longest_gap_seconds: 300,
            numbers: BTreeMap::from([("size_bytes".to_owned(), Range::of(120))]),
        };
        ((*id).to_owned(), Differing { runs, seen: Some(good()) })
    };
    let changed: BTreeMap<_, _> = changed.iter().map(differing).collect();
    let all = ids(world);
    let steady = Steady::of(all.iter().filter(|id| !changed.contains_key(*id)).map(|id| (id.as_str(), 12)));
    Summary { from, to, after, steady, changed }
}

fn tell(world: &mut World, summary: Summary) {
    let (mut draft, to) = (world.draft(Kind::Posture), summary.to);
    draft.posture = Some(Posture::Summary(summary));
    world.seal(draft, to);
}

/// These hours, in which nothing changed.
fn quiet(world: &mut World, hours: std::ops::Range<i64>) {
    for n in hours {
        let next = summary(world, n, newest(world), &[]);
        tell(world, next);
    }
}

fn judge(world: &World, now: Time) -> Comparison {
    compare(&world.archive(), &site(), None, now).unwrap()
}

fn motd(c: &Comparison) -> &CheckFinding {
    c.checks.iter().find(|f| f.check == "file.motd").unwrap()
}

#[test]
fn a_quiet_day_is_demonstrated_and_every_run_counts() {
    let mut world = begun();
    quiet(&mut world, 0..24);
    let c = judge(&world, hour(24));
    assert!(c.verification.ok && c.is_fine());
    let (found, a) = (motd(&c), &motd(&c).arithmetic);
    assert_eq!(found.verdict, Verdict::Demonstrated);
    assert_eq!((a.runs, a.scheduled, a.failed_runs, a.failures), (24 * 12, 24 * 12, 0, 0));
    assert_eq!(a.longest_gap_seconds, 2 * 300, "a summary says no more than that");
    assert_eq!(found.observed.as_ref().unwrap().values, good());
    // Silence after it counts from its end.
    let allowed = 2 * 300 + 3600;
    assert_eq!(motd(&judge(&world, hour(24).plus_millis(allowed * 1000))).verdict, Verdict::Demonstrated);
    assert_eq!(motd(&judge(&world, hour(24).plus_millis(allowed * 1000 + 1000))).verdict, Verdict::NoEvidence);
}

#[test]
fn what_fails_and_stays_so_fails_until_it_is_told_otherwise() {
    let mut world = begun();
    quiet(&mut world, 0..3);
    let fails = summary(&world, 3, newest(&world), &[("file.motd", Outcome::Fail)]);
    tell(&mut world, fails);
    quiet(&mut world, 4..6);
    let c = judge(&world, hour(6));
    let a = &motd(&c).arithmetic;
    assert_eq!((motd(&c).verdict, a.failed_runs, a.runs), (Verdict::Failed, 3 * 12, 6 * 12));
    let holds = summary(&world, 6, newest(&world), &[("file.motd", Outcome::Pass)]);
    tell(&mut world, holds);
    quiet(&mut world, 7..8);
    let c = judge(&world, hour(8));
    assert_eq!((motd(&c).arithmetic.failed_runs, motd(&c).arithmetic.failures), (36, 1));
    assert_ne!(motd(&c).verdict, Verdict::Failed);
}

#[test]
fn a_summary_that_builds_on_what_is_not_there_shows_nothing_until_the_next_snapshot() {
    let mut world = begun();
    quiet(&mut world, 0..12);
    // One bundle is gone, and the appliance said so: no hole in the chain, and no word of what it told.
    let gone = 5;
    std::fs::remove_file(world.file(gone)).unwrap();
    std::fs::remove_file(world.signature(gone)).unwrap();
    let mut draft = world.draft(Kind::Thinned);
    let range = ThinnedRange { first: 5, last: 5, digest: world.sealed[gone - 1].digest };
    draft.thinned = Some(Thinned { reason: "disk budget".into(), ranges: vec![range] });
    world.seal(draft, hour(12));
    let c = judge(&world, hour(12));
    assert!(c.verification.ok);
    assert_eq!(motd(&c).verdict, Verdict::NoEvidence, "{:?}", motd(&c).reasons);
    assert_eq!(motd(&c).arithmetic.runs, 2 * 12, "those before it count");
    world.snapshot(hour(12));
    quiet(&mut world, 12..14);
    assert_eq!(motd(&judge(&world, hour(14))).arithmetic.runs, 4 * 12, "and those after the next snapshot");
}

#[test]
fn a_summary_that_leaves_out_a_check_or_counts_another_shows_nothing() {
    for spoil in 0..4 {
        let mut world = begun();
        let mut told = summary(&world, 0, newest(&world), &[]);
        let all = ids(&world);
        match spoil {
            0 => told.steady = Steady::of(all.iter().skip(1).map(|id| (id.as_str(), 12))),
            1 => told.steady = Steady::of(all.iter().map(|id| id.as_str()).chain(["zz.new"]).map(|id| (id, 12))),
            2 => drop(told.steady.runs.pop()),
            _ => told.after.digest = world.sealed[0].digest,
        }
        tell(&mut world, told);
        let c = judge(&world, hour(1));
        assert_eq!(motd(&c).arithmetic.runs, 0, "{spoil}");
    }
}

#[test]
fn a_snapshot_may_stand_in_several_bundles() {
    let mut world = World::new();
    world.started(morning());
    let all = ids(&world);
    for part in all.chunks(2) {
        let seen = Seen { at: Some(morning()), outcome: Outcome::Pass, reasons: vec![], observation: good() };
        let checks = part.iter().map(|id| (id.clone(), seen.clone())).collect();
        let mut draft = world.draft(Kind::Posture);
        draft.posture = Some(Posture::Snapshot(Snapshot { checks }));
        world.seal(draft, morning());
    }
    quiet(&mut world, 0..2);
    let c = judge(&world, hour(2));
    assert!(c.checks.iter().all(|check| check.arithmetic.runs == 24), "{:?}", motd(&c).arithmetic);
}
