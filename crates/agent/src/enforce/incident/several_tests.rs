//! Plans of several runbooks, and what models cost.

use writ_trust::digest::Digest;
use writ_wire::plan_verdict::PlanResult;

use super::planning_tests::{asked, by_plan, incident, plans, several, told, with, written};
use super::tests::{at, failing, holds, tried};
use super::*;

/// Every runbook of a plan, and how it ends.
fn ran(told: &Told) -> Vec<(&str, PlanResult)> {
    told.ran.iter().map(|ran| (ran.runbook.as_str(), ran.result)).collect()
}

/// A policy that lets plans of three runbooks be made, and an incident for which one was chosen.
fn three() -> (Circumstances, State) {
    let policy = with(Plans { l2_failures: 3, ..plans(&["RB-B", "RB-C", "RB-D", "RB-E"]) });
    let (state, acts) = step(asked(&policy), several(&["RB-B", "RB-C", "RB-D"]), at(2), &policy);
    assert!(told(&acts).allowed && told(&acts).message.starts_with("RB-B, then RB-C, then RB-D are run, one after"));
    let (state, acts) = step(state, failing(Severity::High), at(3), &policy);
    assert_eq!(acts, [by_plan("RB-B")]);
    (policy, state)
}

#[test]
fn runbooks_of_a_plan_run_one_after_the_other_until_one_helps() {
    let (policy, state) = three();
    let (state, acts) = step(state, tried(Outcome::Fail), at(4), &policy);
    assert_eq!(acts, [by_plan("RB-C")], "nothing is told before the plan is over");
    let planning = incident(&state).plan.as_ref().unwrap();
    assert_eq!((planning.failures, &planning.tried[..]), (0, &["RB-B".to_owned()][..]));
    let (state, acts) = step(state, tried(Outcome::Pass), at(5), &policy);
    assert_eq!(state, State::Quiet);
    let over = told(&acts);
    assert_eq!(ran(over), [("RB-B", PlanResult::Failed), ("RB-C", PlanResult::Helped)]);
    assert_eq!(
        (&over.runbooks[..], over.result),
        (&["RB-B", "RB-C", "RB-D"].map(String::from)[..], Some(PlanResult::Helped))
    );
    assert_eq!(over.message, "RB-B did not help, RB-C helped; RB-D is not run");
    let Some(Act::Closed(closing)) = acts.last() else { panic!("{acts:?}") };
    assert_eq!((closing.resolution, closing.tier), (ResolutionType::Auto, Some(Tier::L2)));
    let accounts = &closing.incident.plan.as_ref().unwrap().accounts;
    assert_eq!((accounts.len(), &accounts[0].word), (1, &over.message));
}

#[test]
fn only_when_its_last_runbook_did_not_help_has_a_plan_failed_and_that_once() {
    let (policy, state) = three();
    let (state, _) = step(state, tried(Outcome::Fail), at(4), &policy);
    let (state, _) = step(state, tried(Outcome::Fail), at(5), &policy);
    let (state, acts) = step(state, tried(Outcome::Fail), at(6), &policy);
    assert_eq!((told(&acts).result, acts.last()), (Some(PlanResult::Failed), Some(&Act::Ask)));
    let planning = incident(&state).plan.as_ref().unwrap();
    assert_eq!((planning.failures, planning.tried.len()), (1, 3));
    let open = planning.open.as_ref().unwrap();
    assert_eq!((&open.allowed[..], open.most_runbooks), (&["RB-E".to_owned()][..], 2), "fewer are left to fail");
}

#[test]
fn all_of_a_plan_is_judged_before_any_of_it_runs() {
    for (named, rule) in [
        (&["RB-B", "RB-X"][..], "plan-runbook"),
        (&["RB-B", "RB-C", "RB-B"], "plan-repeats"),
        (&["RB-B", "RB-C", "RB-D", "RB-E"], "plan-length"),
        (&[], "plan-length"),
    ] {
        let policy = with(Plans { l2_failures: 3, ..plans(&["RB-B", "RB-C", "RB-D", "RB-E"]) });
        let (state, acts) = step(asked(&policy), several(named), at(2), &policy);
        assert_eq!((told(&acts).allowed, told(&acts).rule), (false, Some(rule)), "{named:?}");
        let (_, acts) = step(state, failing(Severity::High), at(3), &policy);
        assert_eq!(acts, [Act::Ask], "{named:?}: nothing of it runs");
    }
    // A model that the policy names has a bound of its own, and one that is taken from an older version is one.
    let policy = with(plans(&["RB-B", "RB-C", "RB-D"]));
    for (most, allowed) in [(3, true), (2, false), (0, false)] {
        let mut state = asked(&policy);
        if let State::Open(incident) = &mut state {
            incident.plan.as_mut().unwrap().open.as_mut().unwrap().most_runbooks = most;
        }
        let (_, acts) = step(state, several(&["RB-B", "RB-C", "RB-D"]), at(2), &policy);
        assert_eq!(told(&acts).allowed, allowed, "{most}");
    }
    let mut kept = serde_json::to_value(incident(&asked(&policy))).unwrap();
    kept["plan"]["open"].as_object_mut().unwrap().remove("most_runbooks");
    let back: Incident = serde_json::from_value(kept).unwrap();
    assert_eq!(back.plan.unwrap().open.unwrap().most_runbooks, 1);
}

/// Whatever takes a plan back between two of its runbooks: what did not help has not helped.
#[test]
fn a_plan_that_is_cut_short_after_one_of_its_runbooks_has_failed() {
    let in_line = |policy: &Circumstances| Circumstances { hold: Some(Hold::InLine), ..policy.clone() };
    let between = || {
        let (policy, state) = three();
        let (state, acts) = step(state, tried(Outcome::Fail), at(4), &in_line(&policy));
        assert_eq!(acts, [], "the next waits for its turn");
        (policy, state)
    };
    let (policy, state) = between();
    let (_, acts) = step(state, failing(Severity::High), at(5), &policy);
    assert_eq!(acts, [by_plan("RB-C")]);
    let paused = Circumstances { hold: Some(Hold::Pause), ..policy.clone() };
    let mut stopped = policy.clone();
    if let L2::On(plans) = &mut stopped.l2 {
        plans.choices[1].tripped = Some("stopped".into());
    }
    let mut shut = policy.clone();
    if let L2::On(plans) = &mut shut.l2 {
        plans.choices[1].window = Some((Some(at(600)), "Sunday 02:00".into()));
    }
    let restart = Event::Withdrawn("plan-restart", "the enforcer started anew".into());
    for (event, allowed, rule, failures) in [
        (failing(Severity::High), &paused, "plan-held", 1),
        (failing(Severity::High), &stopped, "plan-stopped", 1),
        (failing(Severity::High), &shut, "plan-stopped", 1),
        (restart, &policy, "plan-restart", 1),
        (Event::PolicyChanged, &policy, "plan-policy", 0),
    ] {
        let (_, state) = between();
        let (state, acts) = step(state, event, at(5), allowed);
        let over = told(&acts);
        assert_eq!((over.allowed, over.rule, over.result), (false, Some(rule), None));
        assert_eq!(ran(over), [("RB-B", PlanResult::Failed)], "{rule}");
        assert_eq!(over.runbooks, ["RB-B", "RB-C", "RB-D"]);
        assert!(over.message.starts_with("RB-B did not help, RB-C "), "{}", over.message);
        let planning = incident(&state).plan.as_ref().unwrap();
        assert_eq!(planning.failures, failures, "{rule}");
        assert_eq!(planning.tried.contains(&"RB-B".to_owned()), failures > 0, "nothing runs twice under one policy");
        assert!(planning.chosen.is_none());
    }
    // It held by itself: nobody else is credited, and the rest is not run.
    let (policy, state) = between();
    let (_, acts) = step(state, holds(), at(5), &policy);
    assert_eq!(told(&acts).rule, Some("plan-moot"));
    let Some(Act::Closed(closing)) = acts.last() else { panic!("{acts:?}") };
    assert_eq!((closing.resolution, closing.tier), (ResolutionType::Partial, Some(Tier::L2)));
}

/// A kill while the second of three runs: it is found as interrupted, the first is not run again, and the third is not run.
#[test]
fn what_is_cut_off_in_the_middle_of_a_plan_ends_it() {
    let (policy, state) = three();
    let (state, _) = step(state, tried(Outcome::Fail), at(4), &policy);
    let back: Incident = serde_json::from_value(serde_json::to_value(incident(&state)).unwrap()).unwrap();
    let chosen = back.plan.as_ref().unwrap().chosen.as_ref().unwrap();
    assert_eq!((chosen.runbook.as_str(), &chosen.then[..]), ("RB-C", &["RB-D".to_owned()][..]));
    let work = Work { interrupted: true, ..Work::default() };
    let (verification, after) = (vec![super::tests::run(Outcome::Fail)], Observation::new());
    let event = Event::Tried { work, verification, after };
    let (state, acts) = step(State::Open(Box::new(back)), event, at(5), &policy);
    let over = told(&acts);
    assert_eq!(ran(over), [("RB-B", PlanResult::Failed), ("RB-C", PlanResult::Interrupted)]);
    assert_eq!(over.message, "RB-B did not help, RB-C was interrupted, and did not help so far; RB-D is not run");
    assert_eq!(acts.last(), Some(&Act::Ask));
    let planning = incident(&state).plan.as_ref().unwrap();
    let open = planning.open.as_ref().unwrap();
    assert_eq!((planning.failures, &open.allowed[..]), (1, &["RB-C", "RB-D", "RB-E"].map(String::from)[..]));
}

#[test]
fn what_a_model_cost_is_counted_by_incident_and_told_once() {
    let came = |outcome: &str, cost_microdollars| {
        Some(Box::new(writ_evidence::records::Transcript {
            model: "small:8b".into(),
            prompt: Digest::of(b"prompt"),
            asked: "why".into(),
            answered: String::new(),
            outcome: outcome.into(),
            input_tokens: None,
            output_tokens: None,
            cost_microdollars,
            took_ms: 5,
        }))
    };
    let call = |cost_microdollars| came("timeout", cost_microdollars);
    let policy = with(plans(&["RB-B", "RB-C"]));
    let (message, plan) = ("no plan".into(), Some(Digest::of(b"plan")));
    let bad = Event::Planned(Answer::Refused { rule: "plan-bounds", message, plan, transcript: call(7) });
    let (state, acts) = step(asked(&policy), bad, at(2), &policy);
    assert_eq!(told(&acts).transcript, call(7));
    let (state, _) = step(state, failing(Severity::High), at(3), &policy);
    let (planner, runbooks) = ("p/1".to_owned(), vec!["RB-B".to_owned()]);
    let good = Answer::Plan { planner, runbooks, reason: "why".into(), plan: Digest::of(b"2"), transcript: call(5) };
    let (state, acts) = step(written(state), Event::Planned(good), at(4), &policy);
    assert_eq!(told(&acts).transcript, call(5));
    let (state, _) = step(state, failing(Severity::High), at(5), &policy);
    let (_, acts) = step(state, tried(Outcome::Pass), at(6), &policy);
    assert!(told(&acts).transcript.is_none(), "in the verdict's bundle alone");
    let Some(Act::Closed(closing)) = acts.last() else { panic!("{acts:?}") };
    let plan = closing.incident.plan.as_ref().unwrap();
    assert_eq!((plan.calls, plan.cost_microdollars, plan.accounts.len()), (2, 12, 2));
    // Why no model was asked is told as well, and is no call.
    let (message, plan) = ("no plan".into(), Some(Digest::of(b"plan")));
    let none = Answer::Refused { rule: "plan-bounds", message, plan, transcript: came("no-key", 0) };
    let (state, acts) = step(asked(&policy), Event::Planned(none), at(2), &policy);
    assert_eq!(told(&acts).transcript, came("no-key", 0));
    assert_eq!(incident(&state).plan.as_ref().unwrap().calls, 0);
}
