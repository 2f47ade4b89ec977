//! What is asked for changes within a period: each time is judged by what was asked for then.

use writ_audit::compare::model::{CheckFinding, ControlFinding};
use writ_audit::compare::{Comparison, Verdict, compare};
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
    let unknown = strict::canonical(&serde_json::json!({ "schema": "writ.policy.v9" }));
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
