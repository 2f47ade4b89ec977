//! What held at an instant: by the runs around it, under the policy in force then.

use serde_json::json;
use writ_audit::Period;
use writ_audit::compare::model::{CheckFinding, ControlFinding, IncidentStatus};
use writ_audit::compare::{Comparison, Evidence, Verdict};
use writ_audit::report::terminal::{self, Look};
use writ_audit::report::{html, json as json_report};
use writ_evidence::records::SwitchOutcome;
use writ_policy::outcome::Outcome;
use writ_trust::time::Time;

use crate::world::*;

const INTEGRITY: &str = "164.312(c)(1)";

fn later(minutes: i64) -> Time {
    morning().plus_millis(minutes * MINUTE)
}

fn held(world: &World, at: Time, now: Time) -> Comparison {
    let archive = world.archive();
    let found = Evidence::gather(&archive, &site()).unwrap().at(at, now);
    assert!(found.verification.ok, "{:#?}", found.verification.problems);
    found
}

fn check<'a>(c: &'a Comparison, id: &str) -> &'a CheckFinding {
    c.checks.iter().find(|f| f.check == id).unwrap()
}

fn control<'a>(c: &'a Comparison, id: &str) -> &'a ControlFinding {
    c.controls.iter().find(|f| f.control == id).unwrap()
}

#[test]
fn a_failure_is_seen_at_the_instants_that_it_covers() {
    let (world, evening) = (World::day(), morning().plus_millis(DAY));
    let drift = later(90);
    let c = held(&world, drift.plus_millis(20_000), evening);
    assert_eq!(c.instant, Some(drift.plus_millis(20_000)));
    let motd = check(&c, "file.motd");
    assert_eq!((motd.verdict, control(&c, INTEGRITY).verdict), (Verdict::Failed, Verdict::Failed));
    assert_eq!(motd.reasons, ["it does not hold at that instant"]);
    let a = &motd.arithmetic;
    assert_eq!((a.failures, a.seconds_in_failure), (1, 20));
    assert_eq!((a.first_at, a.last_at), (Some(drift), Some(drift.plus_millis(42_500))));
    let [incident] = &c.incidents[..] else { panic!("{:#?}", c.incidents) };
    assert_eq!((incident.status, incident.closed_at), (IncidentStatus::Open, None));
    assert!(!incident.story.iter().any(|told| told.contains("resolved")), "{:?}", incident.story);

    let before = held(&world, drift.plus_millis(-1), evening);
    assert_eq!(check(&before, "file.motd").verdict, Verdict::Demonstrated);
    let healed = held(&world, drift.plus_millis(42_500), evening);
    let motd = check(&healed, "file.motd");
    assert_eq!((motd.verdict, motd.arithmetic.failures), (Verdict::Demonstrated, 0));
    assert!(before.incidents.is_empty() && healed.incidents.is_empty());
    assert_eq!(motd.observed.as_ref().unwrap().values, good());
}

#[test]
fn there_must_be_evidence_on_both_sides() {
    let (world, evening) = (World::day(), morning().plus_millis(DAY));
    let c = held(&world, morning().plus_millis(30_000), evening);
    assert_eq!(check(&c, "file.motd").reasons, ["nothing shows that it was looked at before"]);
    assert_eq!(check(&c, "file.motd").verdict, Verdict::NoEvidence);
    // The end of what is known stands for the next run, until that is overdue.
    let last = evening.plus_millis(-MINUTE / 2);
    assert_eq!(check(&held(&world, last, evening), "file.motd").verdict, Verdict::Demonstrated);
    let allowed = (2 * 300 + 3600) * 1000;
    let due = evening.plus_millis(-MINUTE + allowed);
    assert_eq!(check(&held(&world, last, due), "file.motd").verdict, Verdict::Demonstrated);
    let overdue = held(&world, last, due.plus_millis(1000));
    assert_eq!(check(&overdue, "file.motd").verdict, Verdict::NoEvidence);
    assert!(
        check(&overdue, "file.motd").reasons[0].contains("around that instant it was not looked at for 70 min 01 s")
    );

    let mut holes = World::new();
    holes.started(morning());
    for hour in [0, 1, 2, 6, 7] {
        let from = later(hour * 60);
        holes.vector(from, from.plus_millis(HOUR), |_, _| {});
    }
    let now = later(8 * 60);
    let c = held(&holes, later(200), now);
    let a = &check(&c, "file.motd").arithmetic;
    assert_eq!(
        (check(&c, "file.motd").verdict, control(&c, INTEGRITY).verdict),
        (Verdict::NoEvidence, Verdict::NoEvidence)
    );
    assert_eq!((a.longest_gap_seconds, a.allowed_gap_seconds), (3 * 3600 + 300, 2 * 300 + 3600));
    assert_eq!((a.first_at, a.last_at), (Some(later(176)), Some(later(361))));
    for minute in [30, 120, 175, 176, 361, 400] {
        assert_eq!(check(&held(&holes, later(minute), now), "file.motd").verdict, Verdict::Demonstrated, "{minute}");
    }
}

#[test]
fn the_policy_of_the_instant_judges() {
    let mut world = World::new();
    world.started(morning());
    world.vector(morning(), later(60), |_, _| {});
    let less = policy_json(|p| {
        p["checks"].as_object_mut().unwrap().remove("file.tls");
        p["controls"]["164.312(e)(1)"]["checks"] = json!(["file.motd"]);
        p["checks"]["file.motd"]["severity"] = "low".into();
    });
    world.release(2, &less, |_| {});
    let now = world.release.unwrap();
    world.switched(2, SwitchOutcome::AdoptedWithoutClosure, now, later(60));
    world.vector(later(60), later(120), |_, _| {});
    let first = held(&world, later(59), later(120));
    assert_eq!((first.appliances[0].release.as_deref(), first.checks.len()), (Some("1-1"), 3));
    let second = held(&world, later(60), later(120));
    assert_eq!((second.appliances[0].release.as_deref(), second.checks.len()), (Some("1-2"), 2));
    assert_eq!(second.appliances[0].signed_by[0].name, "signer-0");
    assert!(second.retired_checks.is_empty());
    // Before it spoke it was to obey the newest that it was given; before it was given anything, nothing was asked.
    let silent = held(&world, morning().plus_millis(-HOUR), later(120));
    assert_eq!((silent.appliances[0].release.as_deref(), silent.checks.len()), (Some("1-2"), 2));
    assert_eq!(silent.appliances[0].not_assessable, None);
    assert!(second.appliances[0].obeyed && !silent.appliances[0].obeyed);
    let told = terminal::comparison(&silent, Look { colour: false, width: None });
    assert!(
        told.contains("front-desk was given release 1-2, signed by signer-0 (") && !told.contains("obeyed release"),
        "{told}"
    );
    assert!(told.contains("; nothing tells whether it obeys it\n"), "{told}");
    assert_eq!(check(&silent, "file.motd").reasons, ["nothing shows that it was looked at before"]);
    assert_eq!(control(&silent, INTEGRITY).verdict, Verdict::NoEvidence);
    let none = held(&world, morning().plus_millis(-2 * DAY), later(120));
    assert!(none.controls.is_empty() && !none.is_fine());
}

/// Three hours of posture, in the second of which some runs fail, and these changes are told of.
fn some_failed(changes: &[(i64, Outcome)]) -> World {
    let mut world = World::new();
    world.started(morning());
    for hour in 0..3 {
        for (minute, to) in changes.iter().filter(|(minute, _)| minute / 60 == hour) {
            world.change("file.motd", *to, &[], later(*minute));
        }
        world.vector(later(hour * 60), later(hour * 60 + 60), |check, entry| {
            entry.failed = if check == "file.motd" && hour == 1 { 6 } else { 0 };
        });
    }
    world
}

#[test]
fn failures_that_are_only_summed_up_across_an_instant_count() {
    let verdicts = |changes: &[(i64, Outcome)]| {
        let world = some_failed(changes);
        [60, 70, 90, 110, 116].map(|minute| check(&held(&world, later(minute), later(180)), "file.motd").verdict)
    };
    let (holds, fails) = (Verdict::Demonstrated, Verdict::Failed);
    // Nobody tells which of the runs from minute 61 to 116 failed; the last did not.
    assert_eq!(verdicts(&[]), [holds, fails, fails, fails, holds]);
    assert_eq!(verdicts(&[(80, Outcome::Fail), (100, Outcome::Pass)]), [holds, holds, fails, holds, holds]);
    // Told of in part: it held again, and nothing tells since when it had not.
    assert_eq!(verdicts(&[(100, Outcome::Pass)]), [holds, fails, fails, holds, holds]);
    let c = held(&some_failed(&[]), later(90), later(180));
    assert_eq!(check(&c, "file.motd").reasons, ["it does not hold at that instant"]);
    assert_eq!(check(&c, "file.tls").verdict, Verdict::Demonstrated);
}

#[test]
fn failures_that_are_only_summed_up_are_never_plainly_demonstrated() {
    let until = |world: &World, minute: i64| {
        let (archive, to) = (world.archive(), later(minute));
        let period = Period { from: morning(), to };
        let c = Evidence::gather(&archive, &site()).unwrap().over(Some(period), later(180));
        let motd = check(&c, "file.motd");
        (motd.verdict, motd.reasons.join("; "))
    };
    let verdicts = |changes: &[(i64, Outcome)]| {
        let world = some_failed(changes);
        [60, 70, 90, 180].map(|minute| until(&world, minute).0)
    };
    let (holds, partly) = (Verdict::Demonstrated, Verdict::PartlyDemonstrated);
    // At the minutes 70 and 90 it is seen to fail, so no period that ends there may be told as without a failure.
    assert_eq!(verdicts(&[]), [holds, partly, partly, partly]);
    assert_eq!(until(&some_failed(&[]), 180).1, "6 runs failed, and nothing tells when");
    assert_eq!(verdicts(&[(100, Outcome::Pass)]), [holds, partly, partly, partly]);
    // Told of: between these minutes.
    let told = some_failed(&[(80, Outcome::Fail), (100, Outcome::Pass)]);
    assert_eq!([70, 180].map(|minute| until(&told, minute).0), [holds, holds]);
    // What fails while a generation is on trial is told by the switch.
    let mut trial = World::new();
    trial.started(morning());
    let first = trial.release;
    trial.release(2, &policy_json(|_| {}), |_| {});
    let second = std::mem::replace(&mut trial.release, first).unwrap();
    for hour in 0..3 {
        if hour == 1 {
            trial.switched(2, SwitchOutcome::RolledBack, second, later(90));
        }
        trial.vector(later(hour * 60), later(hour * 60 + 60), |_, entry| entry.failed = if hour == 1 { 1 } else { 0 });
    }
    assert_eq!(until(&trial, 180).0, holds);
}

#[test]
fn an_exception_counts_at_the_instants_in_which_it_was_in_force() {
    let mut world = World::empty();
    let edit = |p: &mut serde_json::Value| {
        let mut e = exception("file.motd", "2026-11-23T08:00:00Z");
        e["approved_at"] = "2026-11-23T07:30:00Z".into();
        p["exceptions"] = json!({ "EX-001": e });
    };
    world.release(1, &policy_json(edit), |_| {});
    world.started(morning());
    world.vector(morning(), later(60), |_, _| {});
    world.open("file.motd", later(60));
    for hour in [1, 2] {
        world.vector(later(hour * 60), later(hour * 60 + 60), |check, entry| {
            if check == "file.motd" {
                (entry.outcome, entry.failed) = (Outcome::Fail, 12);
            }
        });
    }
    let at = |minute: i64| held(&world, later(minute), later(180));
    for (minute, verdict) in [
        (75, Verdict::Failed),
        (89, Verdict::Failed),
        (90, Verdict::Excepted),
        (119, Verdict::Excepted),
        (120, Verdict::Failed),
    ] {
        let c = at(minute);
        assert_eq!(check(&c, "file.motd").verdict, verdict, "{minute}");
        assert_eq!(check(&c, "file.motd").verdict_without_exceptions, Verdict::Failed, "{minute}");
        assert_eq!(c.exceptions[0].in_force, verdict == Verdict::Excepted, "{minute}");
    }
    let a = at(105);
    let a = &check(&a, "file.motd").arithmetic;
    assert_eq!(
        (a.seconds_in_failure, a.excepted_seconds, &a.excepted_by[..]),
        (45 * 60, 15 * 60, &["EX-001".to_owned()][..])
    );
}

#[test]
fn reports_of_an_instant_tell_of_the_instant() {
    let c = held(&World::day(), later(90).plus_millis(20_000), morning().plus_millis(DAY));
    let text = terminal::comparison(&c, Look { colour: false, width: None });
    for part in [
        "as of 2026-11-23 07:30:20 UTC",
        "Incidents that were open",
        "Next run after",
        "obeyed release 1-1, signed by signer-0",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("mean time to repair"), "{text}");
    let page = html::render(&c).unwrap();
    assert!(page.contains("<dt>As of</dt><dd>2026-11-23 07:30:20 UTC</dd>") && page.contains("Last run at or before"));
    assert!(page.contains("--at 2026-11-23T07:30:20Z"), "{page}");
    let json: serde_json::Value = serde_json::from_str(&json_report::render(&c).unwrap()).unwrap();
    assert_eq!(json["instant"], "2026-11-23T07:30:20Z");
}
