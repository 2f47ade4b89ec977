//! Verdicts and their arithmetic.

use serde_json::json;
use writ_audit::Period;
use writ_audit::compare::model::{CheckFinding, ControlFinding, IncidentStatus};
use writ_audit::compare::{Comparison, Verdict, compare};
use writ_evidence::records::SwitchOutcome;
use writ_policy::outcome::Outcome;
use writ_trust::time::Time;

use crate::attesting::{attest, day, statement};
use crate::world::*;

fn evening() -> Time {
    morning().plus_millis(DAY)
}

fn judge(world: &World, now: Time) -> Comparison {
    compare(&world.archive(), &site(), None, now).unwrap()
}

fn control<'a>(c: &'a Comparison, id: &str) -> &'a ControlFinding {
    c.controls.iter().find(|f| f.control == id).unwrap()
}

fn check<'a>(c: &'a Comparison, id: &str) -> &'a CheckFinding {
    c.checks.iter().find(|f| f.check == id).unwrap()
}

const INTEGRITY: &str = "164.312(c)(1)";
const AUDIT: &str = "164.312(b)";
const TRANSMISSION: &str = "164.312(e)(1)";

#[test]
fn a_day_with_one_healed_drift() {
    let c = judge(&World::day(), evening());
    assert!(c.verification.ok && c.is_fine());
    assert_eq!(control(&c, INTEGRITY).verdict, Verdict::Demonstrated);
    assert_eq!(control(&c, AUDIT).verdict, Verdict::PartlyDemonstrated, "partial never plainly");
    assert_eq!(control(&c, "164.310(a)(1)").verdict, Verdict::Procedural);
    assert_eq!(control(&c, "164.310(d)(1)").verdict, Verdict::Inherited);
    assert_eq!((c.score.met, c.score.of, c.score.percent()), (3, 3, Some(100)));
    let motd = check(&c, "file.motd");
    let a = &motd.arithmetic;
    assert_eq!((a.runs, a.scheduled, a.failures, a.seconds_in_failure), (24 * 12, 24 * 12, 1, 43));
    assert_eq!((a.longest_gap_seconds, a.allowed_gap_seconds), (300, 2 * 300 + 3600));
    assert_eq!(a.healed_by.get("L1"), Some(&1));
    assert_eq!(motd.declared_at.to_string(), "baselines/hipaa/technical.nix:60");
    assert_eq!(motd.observed.as_ref().unwrap().values, good());
    assert_eq!(motd.numbers["size_bytes"].max, 120);
    assert_eq!(motd.reasons, ["it failed once, 43 s in all, and holds again"]);
    assert_eq!(c.incident_summary.mean_millis, Some(42_500));
    let incident = &c.incidents[0];
    assert_eq!((incident.status, incident.sla_met, incident.tier), (IncidentStatus::Resolved, Some(true), Some("L1")));
    assert_eq!(incident.rule_declared_at.as_ref().unwrap().line, 90);
    assert!(incident.story.last().unwrap().contains("was resolved by the appliance (L1)"), "{:?}", incident.story);
}

#[test]
fn silence_is_no_evidence() {
    // Up to the limit it is fine; past it, it is not.
    let allowed = 2 * 300 + 3600;
    let last_run = evening().plus_millis(-MINUTE);
    let c = judge(&World::day(), last_run.plus_millis(allowed * 1000));
    assert_eq!(control(&c, INTEGRITY).verdict, Verdict::Demonstrated);
    let c = judge(&World::day(), last_run.plus_millis(allowed * 1000 + 1000));
    assert_eq!(control(&c, INTEGRITY).verdict, Verdict::NoEvidence);
    assert!(!c.is_fine());
    assert_eq!((c.score.met, c.score.of), (0, 3));
    // A hole in the middle counts as much as one at the end.
    let mut world = World::new();
    world.started(morning());
    for hour in [0, 1, 2, 6, 7] {
        let from = morning().plus_millis(hour * HOUR);
        world.vector(from, from.plus_millis(HOUR), |_, _| {});
    }
    let c = judge(&world, morning().plus_millis(8 * HOUR));
    assert_eq!(check(&c, "file.motd").verdict, Verdict::NoEvidence);
    assert_eq!(check(&c, "file.motd").arithmetic.longest_gap_seconds, 3 * 3600 + 300);
    // And so does one within a vector, and a check that never ran although others did.
    let mut world = World::new();
    world.started(morning());
    world.vector(morning(), morning().plus_millis(HOUR), |check, entry| {
        if check == "file.tls" {
            (entry.runs, entry.first_at, entry.last_at) = (0, None, None);
        } else {
            entry.longest_gap_seconds = 5000;
        }
    });
    let c = judge(&world, morning().plus_millis(HOUR));
    assert_eq!(check(&c, "file.motd").verdict, Verdict::NoEvidence);
    assert_eq!(check(&c, "file.tls").reasons, ["nothing shows that it was ever looked at"]);
    assert_eq!(control(&c, TRANSMISSION).verdict, Verdict::NoEvidence);
}

#[test]
fn an_appliance_that_never_answered_has_no_evidence() {
    let world = World::new();
    let c = judge(&world, evening());
    assert_eq!(control(&c, INTEGRITY).verdict, Verdict::NoEvidence);
    assert_eq!(c.appliances[0].last_heard, None);
    assert!(c.verification.problems.list.iter().any(|p| p.what.contains("there is no evidence of it")));
}

/// A period in hours from the first word of the appliance on.
fn hours(world: &World, from: i64, to: i64) -> Comparison {
    let period = Period { from: morning().plus_millis(from * HOUR), to: morning().plus_millis(to * HOUR) };
    compare(&world.archive(), &site(), Some(period), evening()).unwrap()
}

#[test]
fn what_an_appliance_says_later_ends_no_silence_before() {
    let said = |world: &World| {
        let c = hours(world, -12, -1);
        assert_eq!(control(&c, INTEGRITY).verdict, Verdict::NoEvidence);
        assert_eq!((c.appliances[0].not_assessable.as_ref(), c.appliances[0].last_heard), (None, None));
        assert!(c.changes.is_empty() && !c.is_fine());
        (c.verdicts, c.matrix, c.score)
    };
    assert_eq!(said(&World::new()), said(&World::day()));
    // Where it speaks in the end, the silence before counts as much.
    let c = hours(&World::day(), -12, 1);
    let motd = check(&c, "file.motd");
    assert_eq!((motd.verdict, motd.arithmetic.longest_gap_seconds), (Verdict::NoEvidence, 12 * 3600 + 60));
    let [change] = &c.changes[..] else { panic!("{:#?}", c.changes) };
    assert_eq!((&change.from, change.at), (&None, morning()), "it obeyed nothing before");
    // Nothing was asked before it was given anything.
    assert!(hours(&World::day(), -36, -25).controls.is_empty());
}

#[test]
fn an_appliance_is_given_a_release_once_it_is_issued_and_its_own_time_has_come() {
    let shortly = morning().plus_millis(-10 * MINUTE);
    let with = |edit: &dyn Fn(&mut serde_json::Value)| {
        let mut world = World::empty();
        world.release(1, &policy_json(|_| {}), |release| edit(release));
        world
    };
    let issued = |release: &mut serde_json::Value| release["issued_at"] = json!(shortly);
    let waited = |release: &mut serde_json::Value| release["generations"]["front-desk"]["not_before"] = json!(shortly);
    for edit in [&issued as &dyn Fn(&mut serde_json::Value), &waited] {
        let mut world = with(edit);
        world.live();
        let c = hours(&world, -12, 24);
        assert_eq!(control(&c, INTEGRITY).verdict, Verdict::Demonstrated, "{:?}", control(&c, INTEGRITY).reasons);
        assert_eq!(check(&c, "file.motd").arithmetic.asked_for_seconds, 24 * 3600 + 600);
    }
    // Held until people promote it, it was given nothing.
    let held = with(&|release| release["generations"]["front-desk"]["not_before"] = json!("9999-01-01T00:00:00Z"));
    let c = judge(&held, evening());
    assert!(c.controls.is_empty() && !c.is_fine());
    assert!(c.appliances[0].not_assessable.as_ref().unwrap().contains("nothing was asked of it"));
}

#[test]
fn before_its_first_word_the_newest_release_that_was_given_asks() {
    let mut world = World::new();
    let less = policy_json(|p| {
        p["checks"].as_object_mut().unwrap().remove("file.tls");
        p["controls"]["164.312(e)(1)"]["checks"] = json!(["file.motd"]);
    });
    world.release(2, &less, |release| release["issued_at"] = json!(morning().plus_millis(-6 * HOUR)));
    world.live();
    let asked = |from: i64, to: i64| {
        let c = hours(&world, from, to);
        assert!(c.verification.ok, "{:#?}", c.verification.problems);
        (c.appliances[0].release.clone().unwrap(), c.checks.len(), c.retired_checks.len())
    };
    assert_eq!(asked(-20, -7), ("1-1".to_owned(), 3, 0));
    assert_eq!(asked(-20, -1), ("1-2".to_owned(), 2, 1));
    assert_eq!(asked(-5, 24), ("1-2".to_owned(), 2, 0));
}

/// An appliance that a release names no longer: what was asked of it ends when that was issued, and nothing that came before is moved.
#[test]
fn what_is_asked_of_an_appliance_ends_with_the_release_that_names_it_no_longer() {
    let policy = policy_json(|p| p["appliance"] = json!("back-office"));
    let beside = |release: &mut serde_json::Value| {
        let mut other = release["generations"]["front-desk"].clone();
        other["public_key"] = key(7).public_key().line().into();
        other["policy"]["digest"] = json!(writ_trust::digest::Digest::of(&policy));
        other["policy"]["size"] = policy.len().into();
        release["generations"]["back-office"] = other;
    };
    let issued = |hours: i64| {
        move |release: &mut serde_json::Value| release["issued_at"] = json!(morning().plus_millis(hours * HOUR))
    };
    let mut world = World::empty();
    world.write(&format!("documents/{}.json", writ_trust::digest::Digest::of(&policy).hex()), &policy);
    world.release(1, &policy_json(|_| {}), beside);
    world.live();
    let before = hours(&world, 0, 11);
    assert_eq!(control(&before, INTEGRITY).verdict, Verdict::NoEvidence, "the back office never answered");
    // The back office goes after twelve hours; the front desk keeps to what it had.
    world.release(2, &policy_json(|_| {}), issued(12));
    let names = |c: &Comparison| c.appliances.iter().map(|a| a.appliance.to_string()).collect::<Vec<_>>();
    let again = hours(&world, 0, 11);
    assert_eq!(
        (again.verdicts.clone(), names(&again)),
        (before.verdicts.clone(), names(&before)),
        "nothing of before is moved"
    );
    let c = hours(&world, 13, 24);
    assert_eq!((names(&c), control(&c, INTEGRITY).verdict), (vec!["front-desk".to_owned()], Verdict::Demonstrated));
    assert!(c.verification.ok && c.is_fine(), "{:#?}", c.verification.problems);
    // Over both, its silence counts as long as it was asked.
    let c = hours(&world, 10, 24);
    let motd = c.checks.iter().find(|f| f.check == "file.motd" && f.appliance.as_str() == "back-office").unwrap();
    assert_eq!((motd.verdict, motd.arithmetic.asked_for_seconds), (Verdict::NoEvidence, 2 * 3600));
    let [change] = &c.changes[..] else { panic!("{:#?}", c.changes) };
    assert_eq!((change.to.as_str(), change.at, change.weakens), ("1-2", morning().plus_millis(12 * HOUR), true));
    assert!(change.entries[0].what.contains("names this appliance no longer"), "{:?}", change.entries);

    // One that speaks on is told, and asked nothing; what it says is verified all the same.
    let mut world = World::new();
    world.live();
    world.release(2, &policy_json(|_| {}), |release| {
        issued(12)(release);
        release["generations"] = json!({});
    });
    let c = hours(&world, 13, 24);
    let why = c.appliances[0].not_assessable.as_ref().unwrap();
    assert!(why.contains("release 1-2 names it no longer") && c.controls.is_empty() && !c.is_fine(), "{why}");
    assert!(c.verification.ok && c.verification.bundles > 20, "{:#?}", c.verification.problems);
    assert_eq!(check(&hours(&world, 0, 24), "file.motd").arithmetic.asked_for_seconds, 12 * 3600);
    // Named again, it goes on with what it obeys.
    world.release(3, &policy_json(|_| {}), issued(18));
    assert_eq!(check(&hours(&world, 0, 24), "file.motd").arithmetic.asked_for_seconds, 18 * 3600);
    assert_eq!(control(&hours(&world, 19, 24), INTEGRITY).verdict, Verdict::Demonstrated);
    assert_eq!(hours(&world, 0, 24).changes.len(), 2, "its first release, and that it was left out");
}

#[test]
fn what_is_said_at_the_very_end_is_heard_where_that_is_now() {
    let world = World::day();
    let last = |now: Time| {
        let period = Period { from: morning(), to: evening() };
        compare(&world.archive(), &site(), Some(period), now).unwrap().appliances[0].last_heard
    };
    assert_eq!(last(evening()), Some(evening()), "the day's snapshot");
    assert_eq!(last(evening().plus_millis(1)), Some(evening().plus_millis(-HOUR)), "it belongs to the period after");
}

#[test]
fn what_people_attest_moves_no_period() {
    let plain = judge(&day(|_| {}), evening());
    assert_eq!(plain.period, Period { from: morning(), to: evening().plus_millis(1) });
    for when in ["2026-11-20T09:00:00Z", "2026-11-25T09:00:00Z"] {
        let world = day(|_| {});
        attest(&world, statement("review.keys"), when);
        let c = judge(&world, evening());
        assert!(c.verification.ok, "{:#?}", c.verification.problems);
        assert_eq!((c.period, c.verdicts), (plain.period, plain.verdicts.clone()), "{when}");
    }
}

fn failing(edit: impl FnOnce(&mut serde_json::Value)) -> World {
    let mut world = World::empty();
    world.release(1, &policy_json(edit), |_| {});
    world.started(morning());
    world.vector(morning(), morning().plus_millis(HOUR), |_, _| {});
    world.open("file.motd", morning().plus_millis(HOUR));
    world.vector(morning().plus_millis(HOUR), morning().plus_millis(2 * HOUR), |check, entry| {
        if check == "file.motd" {
            (entry.outcome, entry.failed) = (Outcome::Fail, 12);
        }
    });
    world
}

#[test]
fn what_does_not_hold_has_failed() {
    let c = judge(&failing(|_| {}), morning().plus_millis(2 * HOUR));
    assert_eq!(control(&c, INTEGRITY).verdict, Verdict::Failed);
    assert_eq!(control(&c, TRANSMISSION).verdict, Verdict::Failed, "the worst of its checks");
    let a = &check(&c, "file.motd").arithmetic;
    // A millisecond more than the hour, rounded up: the last bundle was written as the period ended.
    assert_eq!((a.failures, a.failed_runs, a.seconds_in_failure), (1, 12, 3601));
    assert_eq!(c.incidents[0].status, IncidentStatus::Open);
    assert_eq!(c.incidents[0].sla_met, None, "an hour is allowed, and not over");
    let c = judge(&failing(|_| {}), morning().plus_millis(2 * HOUR + 1000));
    assert_eq!((c.incidents[0].sla_met, c.incident_summary.sla_missed), (Some(false), 1));
}

#[test]
fn exceptions_lift_and_end() {
    let now = morning().plus_millis(2 * HOUR);
    let with = |expires: &'static str| {
        move |p: &mut serde_json::Value| p["exceptions"] = json!({ "EX-001": exception("file.motd", expires) })
    };
    let c = judge(&failing(with("2027-01-01T00:00:00Z")), now);
    assert_eq!(control(&c, INTEGRITY).verdict, Verdict::Excepted);
    assert_eq!(control(&c, INTEGRITY).verdict_without_exceptions, Verdict::Failed);
    assert_eq!((c.score.met, c.score_without_exceptions.met), (3, 1));
    assert!(c.exceptions[0].in_force);
    assert_eq!(c.exceptions[0].changes, [INTEGRITY, TRANSMISSION]);
    let c = judge(&failing(with("2026-11-23T07:30:00Z")), now);
    assert_eq!(control(&c, INTEGRITY).verdict, Verdict::Failed, "expired, it counts again");
    assert!(!c.exceptions[0].in_force);
    // One for a control lifts that control only.
    let c = judge(
        &failing(|p| {
            let mut e = exception("x", "2027-01-01T00:00:00Z");
            (e["check"], e["control"]) = (json!(null), json!(INTEGRITY));
            p["exceptions"] = json!({ "EX-002": e });
        }),
        now,
    );
    assert_eq!(control(&c, INTEGRITY).verdict, Verdict::Excepted);
    assert_eq!(control(&c, TRANSMISSION).verdict, Verdict::Failed);
}

#[test]
fn an_exception_that_is_not_needed_changes_nothing() {
    let mut world = World::empty();
    let edit = |p: &mut serde_json::Value| {
        p["exceptions"] = json!({ "EX-001": exception("file.motd", "2027-01-01T00:00:00Z") })
    };
    world.release(1, &policy_json(edit), |_| {});
    world.started(morning());
    world.vector(morning(), morning().plus_millis(HOUR), |_, _| {});
    let c = judge(&world, morning().plus_millis(HOUR));
    assert_eq!(control(&c, INTEGRITY).verdict, Verdict::Demonstrated);
    assert!(c.exceptions[0].changes.is_empty());
}

#[test]
fn a_failure_longer_than_allowed_is_not_plainly_demonstrated() {
    let mut world = World::new();
    world.started(morning());
    let (from, to) = (morning().plus_millis(10 * MINUTE), morning().plus_millis(80 * MINUTE));
    let opened = world.open("file.motd", from);
    world.close("file.motd", opened, from, to);
    world.vector(morning(), morning().plus_millis(2 * HOUR), |_, e| e.runs = 24);
    let c = judge(&world, morning().plus_millis(2 * HOUR));
    assert_eq!(control(&c, INTEGRITY).verdict, Verdict::PartlyDemonstrated);
    assert_eq!((c.incidents[0].sla_met, c.incident_summary.sla_missed), (Some(false), 1));
}

#[test]
fn not_applicable_and_not_assessable_never_pass() {
    let judged = |outcome: Outcome| {
        let mut world = World::new();
        world.started(morning());
        world.vector(morning(), morning().plus_millis(HOUR), |check, entry| {
            if check == "file.tls" || check == "file.motd" && outcome == Outcome::NotApplicable {
                (entry.outcome, entry.reasons) = (outcome, vec!["because".into()]);
            }
        });
        judge(&world, morning().plus_millis(HOUR))
    };
    let c = judged(Outcome::NotApplicable);
    assert_eq!(control(&c, TRANSMISSION).verdict, Verdict::NotApplicable);
    assert_eq!(control(&c, TRANSMISSION).reasons.len(), 2);
    assert_eq!((c.score.met, c.score.of), (1, 1), "what does not apply is not counted at all");
    let c = judged(Outcome::NotAssessable);
    assert_eq!(control(&c, TRANSMISSION).verdict, Verdict::NotAssessable);
    assert!(!c.is_fine());
    let c = judged(Outcome::Warn);
    assert_eq!(control(&c, TRANSMISSION).verdict, Verdict::Demonstrated);
    assert!(check(&c, "file.tls").reasons[0].contains("not as preferred"));
}

#[test]
fn each_time_is_judged_by_the_policy_of_the_time() {
    let mut world = World::new();
    world.started(morning());
    world.vector(morning(), morning().plus_millis(HOUR), |_, _| {});
    world.change("file.tls", Outcome::Fail, &["mode"], morning().plus_millis(HOUR - 1));
    let less = policy_json(|p| {
        p["checks"].as_object_mut().unwrap().remove("file.tls");
        p["controls"]["164.312(e)(1)"]["checks"] = json!(["file.motd"]);
        p["checks"]["file.motd"]["every"] = "10m".into();
    });
    world.release(2, &less, |_| {});
    let now = world.release.unwrap();
    world.switched(2, SwitchOutcome::AdoptedWithoutClosure, now, morning().plus_millis(HOUR));
    world.vector(morning().plus_millis(HOUR), morning().plus_millis(2 * HOUR), |_, e| e.runs = 6);
    let c = judge(&world, morning().plus_millis(2 * HOUR));
    assert!(c.verification.ok, "{:#?}", c.verification.problems);
    assert_eq!(control(&c, TRANSMISSION).verdict, Verdict::Demonstrated);
    let retired = &c.retired_checks[0];
    assert_eq!(
        (retired.check.as_str(), retired.verdict),
        ("file.tls", Verdict::Failed),
        "dropping a check hides nothing"
    );
    assert_eq!(retired.until, morning().plus_millis(HOUR));
    assert_eq!(check(&c, "file.motd").arithmetic.runs, 18);
    assert_eq!((c.switches.len(), c.appliances[0].release.as_deref()), (1, Some("1-2")));
    // Asked about the first hour only, the first policy judges.
    let first = Period { from: morning(), to: morning().plus_millis(HOUR) };
    let c = compare(&world.archive(), &site(), Some(first), evening()).unwrap();
    assert_eq!(control(&c, TRANSMISSION).verdict, Verdict::Failed);
    assert!(c.retired_checks.is_empty() && c.switches.is_empty());
}

#[test]
fn what_did_not_verify_does_not_count() {
    let world = World::day();
    for n in 5..=20 {
        std::fs::write(world.file(n), "{}").unwrap();
    }
    let c = judge(&world, evening());
    assert!(!c.verification.ok && !c.is_fine());
    assert_eq!(check(&c, "file.motd").verdict, Verdict::NoEvidence);
}

#[test]
fn a_period_in_which_nothing_was_asked_is_not_fine() {
    let period = Some(Period { from: at("2026-01-01T00:00:00Z"), to: at("2026-02-01T00:00:00Z") });
    let c = compare(&World::day().archive(), &site(), period, evening()).unwrap();
    assert!(c.controls.is_empty() && !c.is_fine());
    assert!(c.appliances[0].not_assessable.as_ref().unwrap().contains("nothing was asked of it"));
}

#[test]
fn a_site_must_be_there() {
    let world = World::day();
    let other = "clinic-009".parse().unwrap();
    let error = compare(&world.archive(), &other, None, evening()).unwrap_err();
    assert_eq!(error.to_string(), "no verified release of site clinic-009 in this folder; there are clinic-001");
}
