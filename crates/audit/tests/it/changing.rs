//! What is asked for changes within a period: each time is judged by what was asked for then.

use serde_json::{Value, json};
use writ_audit::compare::model::{CheckFinding, ControlFinding};
use writ_audit::compare::{Comparison, Evidence, Verdict, compare};
use writ_evidence::posture::VectorEntry;
use writ_evidence::records::SwitchOutcome;
use writ_policy::outcome::Outcome;
use writ_trust::json as strict;
use writ_trust::time::Time;

use crate::world::*;

const INTEGRITY: &str = "164.312(c)(1)";

fn later(minutes: i64) -> Time {
    morning().plus_millis(minutes * MINUTE)
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

/// Hours of posture without a failure.
fn hours(world: &mut World, hours: std::ops::Range<i64>) {
    for hour in hours {
        world.vector(later(hour * 60), later(hour * 60 + 60), |_, _| {});
    }
}

/// A policy that nobody here can read, obeyed between two that are known.
#[test]
fn a_time_whose_policy_is_not_known_is_not_passed_over() {
    let mut world = World::new();
    let known = world.policy.clone();
    world.started(morning());
    hours(&mut world, 0..2);
    let unknown = strict::canonical(&json!({ "schema": "writ.policy.v9" }));
    world.release(2, &unknown, |release| {
        release["generations"]["front-desk"]["policy"]["schema"] = "writ.policy.v9".into();
    });
    world.policy = known;
    hours(&mut world, 2..5);
    world.release(3, &policy_json(|_| {}), |_| {});
    hours(&mut world, 5..7);
    let c = judge(&world, 7 * 60);
    assert_eq!((integrity(&c).verdict, c.appliances[0].release.as_deref()), (Verdict::Demonstrated, Some("1-3")));
    assert_eq!(motd(&c).verdict, Verdict::Demonstrated);
    let why = "the policy of release 1-2 is missing, altered or of an unknown schema: nothing there was judged for 3 h";
    assert_eq!(c.appliances[0].not_assessable.as_deref(), Some(why));
    assert!(!c.is_fine());
    let cases = writ_audit::report::junit::render(&c);
    assert!(cases.contains(why) && cases.contains("demonstrated, but front-desk was not judged"), "{cases}");
}

/// A policy that asks for less: every check once a day, and told of once a day at most.
fn lax(edit: impl Fn(&mut Value)) -> Vec<u8> {
    policy_json(|p| {
        p["checks"].as_object_mut().unwrap().values_mut().for_each(|check| check["every"] = "24h".into());
        p["settings"]["posture"]["vector"] = "24h".into();
        edit(p);
    })
}

/// Begins to obey another release at this minute.
fn obey(world: &mut World, serial: u64, policy: &[u8], minute: i64) {
    world.release(serial, policy, |_| {});
    let release = world.release.unwrap();
    world.switched(serial, SwitchOutcome::AdoptedWithoutClosure, release, later(minute));
}

#[test]
fn a_hole_is_judged_and_told_by_the_policy_of_its_time() {
    // Three hours of silence, and on the last day a policy that would allow it.
    let mut world = World::new();
    world.started(morning());
    hours(&mut world, 0..2);
    hours(&mut world, 5..7);
    let less_often = policy_json(|p| p["settings"]["posture"]["vector"] = "24h".into());
    obey(&mut world, 2, &less_often, 7 * 60);
    hours(&mut world, 7..8);
    let c = judge(&world, 8 * 60);
    assert_eq!(motd(&c).verdict, Verdict::NoEvidence, "{:?}", motd(&c).reasons);
    let told = "not looked at for 3 h 05 min, where 70 min are allowed";
    assert_eq!(motd(&c).reasons, [told]);
    let gap = |c: &Comparison| (motd(c).arithmetic.longest_gap_seconds, motd(c).arithmetic.allowed_gap_seconds);
    assert_eq!(gap(&c), (3 * 3600 + 300, 4200));

    // A longer time that is allowed is not told in its place.
    obey(&mut world, 3, &lax(|_| {}), 8 * 60);
    hours(&mut world, 30..31);
    let c = judge(&world, 31 * 60);
    assert_eq!((motd(&c).reasons[0].as_str(), gap(&c)), (told, (3 * 3600 + 300, 4200)));

    // Without the hole the longest is, beside what was allowed for it.
    let mut world = World::new();
    world.started(morning());
    hours(&mut world, 0..2);
    obey(&mut world, 2, &lax(|_| {}), 120);
    hours(&mut world, 22..23);
    let c = judge(&world, 23 * 60);
    assert_eq!((motd(&c).verdict, gap(&c)), (Verdict::Demonstrated, (20 * 3600 + 300, 3 * 86_400)));
    // So it is at the instants within, also at one before the laxer policy.
    let archive = world.archive();
    let then = Evidence::gather(&archive, &site()).unwrap().at(later(118), later(23 * 60));
    assert_eq!((motd(&then).verdict, gap(&then)), (Verdict::Demonstrated, (20 * 3600 + 300, 3 * 86_400)));
}

#[test]
fn what_an_exception_leaves_of_a_hole_is_judged_by_the_policy_of_its_time() {
    let until = |hour: i64| {
        move |p: &mut Value| {
            p["exceptions"] = json!({ "EX-001": exception("file.motd", &later(hour * 60).to_string()) })
        }
    };
    let verdict = |hour: i64| {
        let mut world = World::empty();
        world.release(1, &policy_json(until(hour)), |_| {});
        world.started(morning());
        hours(&mut world, 0..2);
        obey(&mut world, 2, &lax(until(hour)), 8 * 60);
        hours(&mut world, 12..13);
        motd(&judge(&world, 13 * 60)).verdict
    };
    // Four hours are left, of a day in which it is looked at once.
    assert_eq!(verdict(8), Verdict::Excepted);
    assert_eq!(verdict(6), Verdict::NoEvidence, "two hours are left under the stricter one");
}

#[test]
fn a_failure_is_judged_by_the_policy_of_its_time() {
    let slower = |p: &mut Value| {
        for severity in ["high", "medium"] {
            p["settings"]["sla"][severity] = "24h".into();
        }
    };
    let lower = |p: &mut Value| p["checks"]["file.motd"]["severity"] = "low".into();
    let excepted = |p: &mut Value| {
        slower(p);
        p["exceptions"] = json!({ "EX-001": exception("file.motd", "2027-01-01T00:00:00Z") });
    };
    // It fails for five hours, or on, where one is allowed, and in the end is obeyed what allows more.
    let judged = |mended: bool, end: &dyn Fn(&mut Value)| {
        let mut world = World::new();
        world.started(morning());
        hours(&mut world, 0..1);
        world.change("file.motd", Outcome::Fail, &["mode"], later(60));
        let fails = |check: &str, entry: &mut VectorEntry| {
            if check == "file.motd" {
                (entry.outcome, entry.failed) = (Outcome::Fail, 12);
            }
        };
        (1..6).for_each(|hour| world.vector(later(hour * 60), later(hour * 60 + 60), fails));
        if mended {
            world.change("file.motd", Outcome::Pass, &[], later(360));
        }
        hours(&mut world, 6..if mended { 7 } else { 6 });
        obey(&mut world, 2, &policy_json(end), 420);
        world.vector(later(420), later(480), |check, entry| {
            if !mended {
                fails(check, entry)
            }
        });
        let c = judge(&world, 480);
        (motd(&c).verdict, motd(&c).reasons[0].clone(), motd(&c).arithmetic.sla_seconds)
    };
    for end in [&slower as &dyn Fn(&mut Value), &lower] {
        let (verdict, why, sla) = judged(true, end);
        assert_eq!((verdict, sla), (Verdict::PartlyDemonstrated, Some(3600)));
        assert_eq!(why, "it failed for 5 h on end, where the site allows itself 1 h");
    }
    let (verdict, why, _) = judged(false, &excepted);
    assert_eq!(verdict, Verdict::Failed);
    assert!(why.starts_with("it failed for 6 h outside of any exception"), "{why}");
}
