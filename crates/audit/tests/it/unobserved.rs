//! Checks that the appliance's version could not look at: no part of a report counts them as met.

use serde_json::json;
use writ_audit::compare::{Comparison, Verdict, compare};
use writ_audit::report::terminal::{self, Look};
use writ_audit::report::{html, json as json_report};
use writ_policy::outcome::Outcome;

use crate::world::*;

const NOT_OBSERVED: &str = "not observed: this version has the schema of probe `windows_defender` but cannot look yet";

/// An hour in which `file.tls`, one of the two checks of 164.312(e)(1), has a probe that is only announced.
fn comparison() -> Comparison {
    let mut world = World::empty();
    let blind = |policy: &mut serde_json::Value| {
        policy["checks"]["file.tls"]["probe"] = json!({ "windows_defender": {} });
        policy["checks"]["file.tls"]["expect"] = json!({ "enabled": { "eq": true } });
    };
    world.release(1, &policy_json(blind), |_| {});
    world.started(morning());
    let until = morning().plus_millis(HOUR);
    world.vector(morning(), until, |check, entry| {
        if check == "file.tls" {
            (entry.outcome, entry.reasons) = (Outcome::NotAssessable, vec![NOT_OBSERVED.to_owned()]);
            (entry.observation, entry.not_assessed) = (None, entry.runs);
            entry.numbers.clear();
        }
    });
    compare(&world.archive(), &site(), None, until).unwrap()
}

#[test]
fn a_control_with_a_check_that_holds_and_one_that_is_not_observed_is_not_assessable() {
    let c = comparison();
    assert!(c.verification.ok, "{:#?}", c.verification.problems);
    let control = c.controls.iter().find(|control| control.control == "164.312(e)(1)").unwrap();
    assert_eq!((control.verdict, control.verdict_without_exceptions), (Verdict::NotAssessable, Verdict::NotAssessable));
    assert!(control.reasons.iter().any(|reason| reason.contains(NOT_OBSERVED)), "{:?}", control.reasons);
    let verdict = |id: &str| c.checks.iter().find(|check| check.check == id).unwrap().verdict;
    assert_eq!((verdict("file.motd"), verdict("file.tls")), (Verdict::Demonstrated, Verdict::NotAssessable));

    // The other two that machines decide are met; this one is asked for all the same.
    assert_eq!((c.score.met, c.score.of), (2, 3));
    assert_eq!((c.score_without_exceptions.met, c.score_without_exceptions.of), (2, 3));
    assert!(!c.is_fine());
}

#[test]
fn every_report_says_why() {
    let c = comparison();
    let text = terminal::comparison(&c, Look { colour: false, width: Some(200) });
    for report in [text, json_report::render(&c).unwrap(), html::render(&c).unwrap()] {
        assert!(report.contains("not observed: this version has the schema of probe"), "{report}");
    }
}

#[test]
fn what_failed_stands_above_what_nobody_could_decide() {
    let mut world = World::empty();
    world.release(1, &policy_json(|_| {}), |_| {});
    world.started(morning());
    let until = morning().plus_millis(HOUR);
    world.vector(morning(), until, |check, entry| match check {
        "file.audit" => (entry.outcome, entry.reasons) = (Outcome::NotAssessable, vec![NOT_OBSERVED.to_owned()]),
        "file.tls" => (entry.outcome, entry.failed) = (Outcome::Fail, 12),
        _ => {}
    });
    let c = compare(&world.archive(), &site(), None, until).unwrap();
    let page = html::render(&c).unwrap();
    let list = page.split("What needs attention").nth(1).unwrap().split("</ul>").next().unwrap();
    let verdicts: Vec<&str> = list.split("pill ").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(verdicts, ["failed", "not-assessable"], "{list}");
    // By their names alone they would stand the other way round.
    let order: Vec<usize> = ["164.312(e)(1)", "164.312(b)"].iter().filter_map(|id| list.find(id)).collect();
    assert!(order.len() == 2 && order[0] < order[1], "{list}");
}
