//! Exceptions count for their time, and no more.

use serde_json::{Value, json};
use writ_audit::compare::model::{CheckFinding, ControlFinding};
use writ_audit::compare::{Comparison, Verdict, compare};
use writ_evidence::records::SwitchOutcome;
use writ_policy::outcome::Outcome;
use writ_trust::time::Time;

use crate::world::*;

const INTEGRITY: &str = "164.312(c)(1)";
/// The time within which a failure of this severity is to be mended, in minutes.
const SLA: i64 = 60;

fn later(minutes: i64) -> Time {
    morning().plus_millis(minutes * MINUTE)
}

/// An exception of the check from one minute to another.
fn between(from: i64, to: i64) -> impl Fn(&mut Value) {
    move |p| {
        let mut e = exception("file.motd", &later(to).to_string());
        e["approved_at"] = later(from).to_string().into();
        p["exceptions"] = json!({ "EX-001": e });
    }
}

/// Hours up to the end, in which the check fails from one minute on, and holds again from another on.
fn world(edit: impl Fn(&mut Value), fails: i64, holds: Option<i64>, hours: i64) -> World {
    let mut world = World::empty();
    world.release(1, &policy_json(edit), |_| {});
    world.started(morning());
    for hour in 0..hours {
        let within = |minute: i64| (hour * 60..hour * 60 + 60).contains(&minute);
        if within(fails) {
            world.change("file.motd", Outcome::Fail, &["mode"], later(fails));
        }
        if let Some(holds) = holds.filter(|minute| within(*minute)) {
            world.change("file.motd", Outcome::Pass, &[], later(holds));
        }
        let end = hour * 60 + 60;
        let failing = fails < end && holds.is_none_or(|holds| holds >= end);
        world.vector(later(hour * 60), later(end), |check, entry| {
            if check == "file.motd" && failing {
                (entry.outcome, entry.failed) = (Outcome::Fail, 6);
            }
        });
    }
    world
}

fn judge(world: &World, minute: i64) -> Comparison {
    let c = compare(&world.archive(), &site(), None, later(minute)).unwrap();
    assert!(c.verification.ok, "{:#?}", c.verification.problems);
    c
}

fn motd(c: &Comparison) -> &CheckFinding {
    c.checks.iter().find(|f| f.check == "file.motd").unwrap()
}

fn integrity(c: &Comparison) -> &ControlFinding {
    c.controls.iter().find(|f| f.control == INTEGRITY).unwrap()
}

#[test]
fn one_that_began_within_a_failure_counts_from_then_on() {
    // Approved half an hour after it began to fail: within the time that a failure may last anyway.
    let c = judge(&world(between(90, 100_000), 60, None, 4), 240);
    let a = &motd(&c).arithmetic;
    assert_eq!((motd(&c).verdict, motd(&c).verdict_without_exceptions), (Verdict::Excepted, Verdict::Failed));
    assert_eq!((a.excepted_seconds, &a.excepted_by[..]), (150 * 60 + 1, &["EX-001".to_owned()][..]));
    assert_eq!(c.exceptions[0].in_force_seconds, 150 * 60 + 1);
    let sums = &integrity(&c).arithmetic;
    assert_eq!((sums.excepted_seconds, sums.seconds_in_failure, sums.failures), (9001, 3 * 3600 + 1, 1));
    // Approved when it had failed for longer than that: nobody had accepted it, and it has not held since.
    let c = judge(&world(between(60 + SLA + 1, 100_000), 60, None, 4), 240);
    assert_eq!(motd(&c).verdict, Verdict::Failed);
    assert!(motd(&c).reasons[0].contains("failed for 61 min outside of any exception"), "{:?}", motd(&c).reasons);
    assert_eq!(integrity(&c).verdict, Verdict::Failed);
    assert!(motd(&c).arithmetic.excepted_seconds > 0);
}

#[test]
fn one_that_expired_counts_until_then() {
    let c = judge(&world(between(-1000, 120), 60, None, 4), 240);
    assert_eq!((motd(&c).verdict, motd(&c).arithmetic.excepted_seconds), (Verdict::Failed, 3600));
    assert!(!c.exceptions[0].in_force && c.exceptions[0].in_force_seconds == 7200);
    // Mended soon after it expired: the time outside of it is what counts.
    let c = judge(&world(between(-1000, 120), 60, Some(140), 4), 240);
    assert_eq!(motd(&c).verdict, Verdict::Demonstrated, "{:?}", motd(&c).reasons);
    assert!(
        motd(&c).reasons.iter().any(|r| r.contains("1 h of its time in failure were excepted by EX-001")),
        "{:?}",
        motd(&c).reasons
    );
    let c = judge(&world(between(-1000, 120), 60, Some(120 + SLA + 1), 4), 240);
    assert_eq!(motd(&c).verdict, Verdict::PartlyDemonstrated);
    assert_eq!(motd(&c).verdict_without_exceptions, Verdict::PartlyDemonstrated);
}

#[test]
fn one_that_no_obeyed_policy_had_yet_lifts_nothing() {
    let mut world = world(|_| {}, 30, None, 2);
    // Written long before, by its own word, and released when all was over.
    world.release(2, &policy_json(between(-1000, 100_000)), |_| {});
    let release = world.release.unwrap();
    world.switched(2, SwitchOutcome::AdoptedWithoutClosure, release, later(120));
    world.vector(later(120), later(180), |check, entry| {
        if check == "file.motd" {
            (entry.outcome, entry.failed) = (Outcome::Fail, 12);
        }
    });
    let c = judge(&world, 180);
    assert_eq!(motd(&c).verdict, Verdict::Failed, "{:?}", motd(&c).reasons);
    assert_eq!((motd(&c).arithmetic.excepted_seconds, c.exceptions[0].in_force_seconds), (3601, 3601));
}

#[test]
fn silence_outside_of_one_is_no_evidence() {
    let quiet = |edit: &dyn Fn(&mut Value)| {
        let mut world = World::empty();
        world.release(1, &policy_json(|p| edit(p)), |_| {});
        world.started(morning());
        world.vector(morning(), later(60), |_, _| {});
        world.vector(later(300), later(360), |_, _| {});
        let c = judge(&world, 360);
        (motd(&c).verdict, motd(&c).verdict_without_exceptions)
    };
    assert_eq!(quiet(&between(-1000, 100_000)), (Verdict::Excepted, Verdict::NoEvidence));
    // What is left of the silence is no longer than is allowed.
    assert_eq!(quiet(&between(120, 280)).0, Verdict::Excepted);
    assert_eq!(quiet(&between(180, 280)).0, Verdict::NoEvidence);
    assert_eq!(quiet(&between(-1000, 120)).0, Verdict::NoEvidence);
}

#[test]
fn one_for_a_control_counts_for_its_time_and_for_that_control() {
    let of_control = |from: i64| {
        move |p: &mut Value| {
            between(from, 100_000)(p);
            let e = &mut p["exceptions"]["EX-001"];
            (e["check"], e["control"]) = (json!(null), json!(INTEGRITY));
        }
    };
    let c = judge(&world(of_control(90), 60, None, 4), 240);
    assert_eq!((integrity(&c).verdict, motd(&c).verdict), (Verdict::Excepted, Verdict::Failed));
    assert_eq!((integrity(&c).arithmetic.excepted_seconds, motd(&c).arithmetic.excepted_seconds), (9001, 0));
    let c = judge(&world(of_control(180), 60, None, 4), 240);
    assert_eq!(integrity(&c).verdict, Verdict::Failed);
}
