use proptest::prelude::*;
use writ_trust::digest::Digest;
use writ_wire::plan_verdict::PlanResult;

use super::tests::{allowed, at, failing, holds, reason_of, rule, to_people, tried};
use super::*;
use crate::enforce::flap::Flap;

fn choice(runbook: &str) -> Choice {
    Choice { runbook: runbook.into(), rules: Vec::new(), tripped: None, window: None }
}

pub(super) fn plans(choices: &[&str]) -> Plans {
    let choices = choices.iter().map(|runbook| choice(runbook)).collect();
    Plans { l2_failures: 2, within_ms: 5_000, review_first: false, choices }
}

/// One rule that may be tried once, and these runbooks for a planner.
pub(super) fn with(plans: Plans) -> Circumstances {
    Circumstances { l2: L2::On(plans), ..allowed(vec![rule("L1-A", 1, 0)]) }
}

fn plan(runbook: &str) -> Event {
    several(&[runbook])
}

/// A plan of several runbooks.
pub(super) fn several(runbooks: &[&str]) -> Event {
    let plan = Digest::of(runbooks.concat().as_bytes());
    let runbooks = runbooks.iter().map(|&runbook| runbook.to_owned()).collect();
    Event::Planned(Answer::Plan { planner: "p/1".into(), runbooks, reason: "why".into(), plan, transcript: None })
}

fn refused() -> Event {
    let (message, transcript) = ("no plan".into(), None);
    Event::Planned(Answer::Refused { rule: "plan-shape", message, plan: None, transcript })
}

/// As the driver does when it writes a request.
pub(super) fn written(mut state: State) -> State {
    if let State::Open(incident) = &mut state
        && let Some(open) = incident.plan.as_mut().and_then(|plan| plan.open.as_mut())
    {
        open.request = Some(Digest::of(b"request"));
    }
    state
}

/// An incident whose only rule was of no use, and for which a planner was asked.
pub(super) fn asked(policy: &Circumstances) -> State {
    let (state, acts) = step(State::Quiet, failing(Severity::High), at(0), policy);
    assert_eq!(acts, [Act::Opened, Act::Attempt("L1-A".into())]);
    let (state, acts) = step(state, tried(Outcome::Fail), at(1), policy);
    assert_eq!(acts, [Act::Ask]);
    written(state)
}

pub(super) fn incident(state: &State) -> &Incident {
    let State::Open(incident) = state else { panic!("it is open") };
    incident
}

pub(super) fn told(acts: &[Act]) -> &Told {
    acts.iter().find_map(|act| if let Act::Plan(told) = act { Some(told) } else { None }).expect("a word about a plan")
}

pub(super) fn by_plan(runbook: &str) -> Act {
    Act::Attempt(By::Plan(runbook.into()))
}

#[test]
fn a_plan_that_helps_closes_it_as_the_second_tier() {
    let policy = with(plans(&["RB-B", "RB-C"]));
    let state = asked(&policy);
    let open = incident(&state).plan.as_ref().unwrap().open.as_ref().unwrap();
    assert_eq!((open.allowed.as_slice(), open.until), (&["RB-B".to_owned(), "RB-C".to_owned()][..], at(6)));
    assert!(!incident(&state).is_with_people());
    let (state, acts) = step(state, failing(Severity::High), at(2), &policy);
    assert_eq!(acts, [], "an answer is waited for");
    let (state, acts) = step(state, plan("RB-B"), at(3), &policy);
    assert!(told(&acts).allowed && acts.len() == 1, "{acts:?}");
    let (state, acts) = step(state, failing(Severity::High), at(4), &policy);
    assert_eq!(acts, [by_plan("RB-B")]);
    let (state, acts) = step(state, tried(Outcome::Pass), at(5), &policy);
    assert_eq!((state, told(&acts).result), (State::Quiet, Some(PlanResult::Helped)));
    let Some(Act::Closed(closing)) = acts.last() else { panic!("{acts:?}") };
    assert_eq!((closing.resolution, closing.tier), (ResolutionType::Auto, Some(Tier::L2)));
    assert_eq!(closing.incident.plan.as_ref().unwrap().planner.as_deref(), Some("p/1"));
    assert_eq!(closing.incident.escalations[0].to, Tier::L2);
}

#[test]
fn what_a_rule_has_tried_is_not_offered() {
    let mut plans = plans(&["RB-A", "RB-B"]);
    plans.choices[0].rules = vec!["L1-A".into()];
    let state = asked(&with(plans));
    assert_eq!(incident(&state).plan.as_ref().unwrap().open.as_ref().unwrap().allowed, ["RB-B"]);
}

#[test]
fn so_many_failed_plans_and_people_have_it() {
    let policy = with(plans(&["RB-B", "RB-C", "RB-D"]));
    let (state, _) = step(asked(&policy), plan("RB-B"), at(2), &policy);
    let (state, _) = step(state, failing(Severity::High), at(3), &policy);
    let (state, acts) = step(state, tried(Outcome::Fail), at(4), &policy);
    assert_eq!((told(&acts).result, acts.last()), (Some(PlanResult::Failed), Some(&Act::Ask)));
    let open = incident(&state).plan.as_ref().unwrap().open.clone().unwrap();
    assert_eq!(open.allowed, ["RB-C", "RB-D"], "what was tried is not offered again");
    let (state, acts) = step(written(state), Event::Planned(Answer::None), at(9), &policy);
    assert_eq!(told(&acts).rule, Some("plan-deadline"));
    let (state, acts) = step(state, failing(Severity::High), at(10), &policy);
    assert!(reason_of(&acts).contains("2 plans failed, as many as the policy allows"), "{acts:?}");
    assert_eq!(incident(&state).phase, Phase::Escalated);
    let (_, acts) = step(state, holds(), at(11), &policy);
    assert!(matches!(&acts[..], [Act::Closed(closing)] if closing.tier == Some(Tier::L3)), "{acts:?}");
}

#[test]
fn what_was_interrupted_counts_and_may_be_chosen_again() {
    let policy = with(plans(&["RB-B"]));
    let (state, _) = step(asked(&policy), plan("RB-B"), at(2), &policy);
    let (state, _) = step(state, failing(Severity::High), at(3), &policy);
    let work = Work { interrupted: true, ..Work::default() };
    let interrupted = |outcome| Event::Tried {
        work: work.clone(),
        verification: vec![super::tests::run(outcome)],
        after: Observation::new(),
    };
    let (_, acts) = step(state.clone(), interrupted(Outcome::Pass), at(4), &policy);
    assert_eq!(told(&acts).result, Some(PlanResult::Helped), "the re-scan decides");
    let (state, acts) = step(state, interrupted(Outcome::Fail), at(4), &policy);
    assert_eq!((told(&acts).result, acts.last()), (Some(PlanResult::Interrupted), Some(&Act::Ask)));
    let planning = incident(&state).plan.as_ref().unwrap();
    assert_eq!((planning.failures, planning.open.as_ref().unwrap().allowed.as_slice()), (1, &["RB-B".to_owned()][..]));
}

#[test]
fn what_no_planner_may_choose_is_refused_and_counts_as_a_failed_plan() {
    for (event, second, rule) in [
        (plan("RB-X"), 2, "plan-runbook"),
        (plan("RB-B"), 7, "plan-deadline"),
        (refused(), 2, "plan-shape"),
        (Event::Planned(Answer::None), 6, "plan-deadline"),
    ] {
        let policy = with(plans(&["RB-B"]));
        let (state, acts) = step(asked(&policy), event, at(second), &policy);
        assert_eq!((told(&acts).allowed, told(&acts).rule), (false, Some(rule)));
        let planning = incident(&state).plan.as_ref().unwrap();
        assert!(planning.failures == 1 && planning.chosen.is_none() && planning.open.is_none(), "{rule}");
        let (state, acts) = step(state, plan("RB-B"), at(second), &policy);
        assert_eq!(acts, [], "{rule}: it was answered, once");
        let (_, acts) = step(state, failing(Severity::High), at(second + 1), &policy);
        assert_eq!(acts, [Act::Ask], "{rule}");
    }
}

#[test]
fn a_pause_a_restart_and_a_new_policy_take_it_back_and_nobody_has_failed() {
    let policy = with(plans(&["RB-B"]));
    let paused = Circumstances { hold: Some(Hold::Pause), ..policy.clone() };
    let chosen = || step(asked(&policy), plan("RB-B"), at(2), &policy).0;
    let restart = || Event::Withdrawn("plan-restart", "the enforcer started anew".into());
    for (state, event, allowed, said) in [
        (chosen(), failing(Severity::High), &paused, true),
        (chosen(), restart(), &policy, true),
        (chosen(), Event::PolicyChanged, &policy, true),
        (asked(&policy), failing(Severity::High), &policy, false),
        (asked(&policy), restart(), &policy, false),
        (asked(&policy), Event::PolicyChanged, &policy, false),
    ] {
        let waits = !said && matches!(event, Event::Fails(_));
        let changed = matches!(event, Event::PolicyChanged);
        let (state, acts) = step(state, event, at(3), allowed);
        assert_eq!(acts.iter().any(|act| matches!(act, Act::Plan(told) if !told.allowed)), said);
        let (state, acts) = step(state, plan("RB-B"), at(3), &policy);
        if waits {
            assert!(told(&acts).allowed);
            continue;
        }
        assert_eq!(acts, [], "what comes then was asked by nobody");
        assert_eq!(incident(&state).plan.as_ref().unwrap().failures, 0);
        let (state, acts) = step(state, failing(Severity::High), at(4), &policy);
        // Under another policy rules begin anew.
        assert_eq!(acts, [if changed { Act::Attempt("L1-A".into()) } else { Act::Ask }]);
        assert_eq!(
            incident(&state).plan.as_ref().unwrap().number,
            if changed { 1 } else { 2 },
            "no number is used twice"
        );
    }
}

#[test]
fn who_waits_for_a_turn_keeps_the_plan_and_who_may_not_run_has_failed() {
    let policy = with(plans(&["RB-B"]));
    let (state, _) = step(asked(&policy), plan("RB-B"), at(2), &policy);
    let in_line = Circumstances { hold: Some(Hold::InLine), ..policy.clone() };
    let (state, acts) = step(state, failing(Severity::High), at(3), &in_line);
    assert_eq!(acts, []);
    let closed = |change: fn(&mut Choice)| {
        let mut plans = plans(&["RB-B"]);
        change(&mut plans.choices[0]);
        with(plans)
    };
    let (_, acts) = step(state.clone(), failing(Severity::High), at(4), &policy);
    assert_eq!(acts, [by_plan("RB-B")]);
    let window = closed(|choice| choice.window = Some((Some(at(600)), "Sunday 02:00".into())));
    let stopped = closed(|choice| choice.tripped = Some("stopped".into()));
    for (policy, why) in
        [(window, "wait for a maintenance window: Sunday 02:00"), (stopped, "RB-B cannot run: stopped")]
    {
        let (state, acts) = step(state.clone(), failing(Severity::High), at(5), &policy);
        assert_eq!((told(&acts).rule, told(&acts).message.contains(why)), (Some("plan-stopped"), true), "{acts:?}");
        assert!(reason_of(&acts).contains("1 plan failed, and no runbook is left"), "{acts:?}");
        assert_eq!(incident(&state).phase, Phase::Escalated, "people have it, however long the window stays closed");
    }
}

#[test]
fn a_plan_that_had_not_begun_when_its_check_held_again_is_taken_back() {
    let policy = with(plans(&["RB-B"]));
    let chosen = step(asked(&policy), plan("RB-B"), at(2), &policy).0;
    for event in [holds(), Event::Gone(super::tests::run(Outcome::NotApplicable))] {
        let (state, acts) = step(chosen.clone(), event.clone(), at(3), &policy);
        assert_eq!((state, told(&acts).allowed, told(&acts).rule), (State::Quiet, false, Some("plan-moot")));
        assert!(
            matches!(&acts[..], [Act::Plan(_), Act::Closed(closing)] if closing.tier != Some(Tier::L2)),
            "{acts:?}"
        );
        let (_, acts) = step(asked(&policy), event, at(3), &policy);
        assert!(matches!(&acts[..], [Act::Closed(_)]), "of a request nobody was told that it is carried out: {acts:?}");
    }
}

#[test]
fn where_people_look_first_a_plan_is_a_proposal() {
    let policy = with(Plans { review_first: true, ..plans(&["RB-B"]) });
    let (state, acts) = step(asked(&policy), plan("RB-B"), at(2), &policy);
    assert_eq!((told(&acts).allowed, told(&acts).rule), (false, Some("plan-review")));
    assert!(reason_of(&acts).contains("p/1 proposes runbook RB-B (why)"), "{acts:?}");
    assert_eq!(incident(&state).phase, Phase::Escalated);
    let (_, acts) = step(state, failing(Severity::High), at(3), &policy);
    assert_eq!(acts, []);
    let policy = with(Plans { review_first: true, ..plans(&["RB-B", "RB-C"]) });
    let (_, acts) = step(asked(&policy), several(&["RB-C", "RB-B"]), at(2), &policy);
    assert_eq!(told(&acts).runbooks, ["RB-C", "RB-B"]);
    assert!(reason_of(&acts).contains("p/1 proposes runbooks RB-C, then RB-B (why)"), "{acts:?}");
}

#[test]
fn what_is_not_for_a_planner_goes_to_people_at_once() {
    let on = L2::On(plans(&["RB-B"]));
    let stopped = Candidate { tripped: Some("rule L1-A was stopped".into()), ..rule("L1-A", 3, 0) };
    for (rules, l2, says) in [
        (vec![], L2::default(), NO_PLANNER),
        (vec![], L2::Off("it was seen over the network only".into()), "over the network"),
        (vec![to_people("P", "by hand")], on.clone(), "not for a planner"),
        (vec![stopped], on.clone(), "not for a planner"),
        (vec![], L2::On(plans(&[])), "no other runbook"),
    ] {
        let (_, acts) = step(State::Quiet, failing(Severity::High), at(0), &Circumstances { l2, ..allowed(rules) });
        assert!(reason_of(&acts).contains(says), "{says}: {acts:?}");
    }
    let handed = Candidate { planner_may: true, ..to_people("P", "diagnose it") };
    for rules in [vec![], vec![handed]] {
        let policy = Circumstances { l2: on.clone(), ..allowed(rules) };
        let (_, acts) = step(State::Quiet, failing(Severity::High), at(0), &policy);
        assert_eq!(acts, [Act::Opened, Act::Ask]);
        let (_, acts) = step(State::Quiet, failing(Severity::Critical), at(0), &policy);
        assert!(matches!(&acts[..], [Act::Opened, Act::Ticket(_), Act::Ask]), "people are told at once: {acts:?}");
    }
}

#[test]
fn a_check_that_flaps_holds_its_plan_to_account() {
    let flap = Flap { incidents: 4, within: "1h".into(), steady_ms: 5_000 };
    let policy = with(plans(&["RB-B"]));
    let opening = Circumstances { flap: Some(flap), ..policy.clone() };
    let (state, _) = step(State::Quiet, failing(Severity::Low), at(0), &opening);
    let (state, _) = step(state, tried(Outcome::Fail), at(1), &policy);
    let (state, _) = step(written(state), plan("RB-B"), at(2), &policy);
    let (state, acts) = step(state, failing(Severity::Low), at(3), &policy);
    assert_eq!(acts, [by_plan("RB-B")]);
    let work = Work { runbook: Some(runbook("RB-B")), ..Work::default() };
    let (verification, after) = (vec![super::tests::run(Outcome::Pass)], Observation::new());
    let (state, _) = step(state, Event::Tried { work, verification, after }, at(4), &policy);
    let (lasting, acts) = step(state.clone(), holds(), at(9), &policy);
    assert_eq!(lasting, State::Quiet);
    assert!(matches!(&acts[..], [Act::Closed(closing)] if closing.tier == Some(Tier::L2)), "{acts:?}");
    let (_, acts) = step(state, failing(Severity::Low), at(6), &policy);
    assert!(reason_of(&acts).contains("RB-B helped for a while only"), "{acts:?}");
}

fn runbook(id: &str) -> RunbookRef {
    RunbookRef {
        runbook_id: id.into(),
        runbook_version: "1".into(),
        runbook_hash: Digest::of(b""),
        steps_total: 1,
        steps_executed: 1,
    }
}

#[test]
fn what_an_older_version_finds_is_an_incident_that_it_knows() {
    let policy = with(plans(&["RB-B"]));
    let (state, _) = step(asked(&policy), plan("RB-B"), at(2), &policy);
    let (state, _) = step(state, failing(Severity::High), at(3), &policy);
    let kept = serde_json::to_value(incident(&state)).unwrap();
    assert_eq!(kept["phase"], serde_json::json!({ "attempting": { "rule": "plan:RB-B", "since": at(3) } }));
    let quiet = step(State::Quiet, failing(Severity::High), at(0), &allowed(vec![])).0;
    assert!(serde_json::to_value(incident(&quiet)).unwrap().get("plan").is_none(), "without planners nothing is new");
    let mut without = kept.clone();
    without.as_object_mut().unwrap().remove("plan");
    let back: Incident = serde_json::from_value(without).unwrap();
    let two = with(plans(&["RB-B", "RB-C"]));
    let (state, acts) = step(State::Open(Box::new(back)), tried(Outcome::Fail), at(4), &two);
    assert_eq!(acts, [Act::Ask], "and what it left is taken up");
    assert_eq!(incident(&state).plan.as_ref().unwrap().tried, ["RB-B"]);
    assert_eq!(By::of("plan:RB-B"), By::Plan("RB-B".into()));
}

/// What a policy may say of planners.
pub(super) fn tiers() -> impl Strategy<Value = L2> {
    let rarely = |why: &str| prop::option::weighted(0.1, Just(why.to_owned()));
    let choice = ("RB-[A-D]", rarely("stopped"), rarely("Sunday")).prop_map(|(runbook, tripped, window)| Choice {
        runbook,
        rules: Vec::new(),
        tripped,
        window: window.map(|opens| (Some(at(600)), opens)),
    });
    let on = (0u32..4, prop::bool::weighted(0.1), prop::collection::vec(choice, 0..4)).prop_map(
        |(l2_failures, review_first, choices)| L2::On(Plans { l2_failures, within_ms: 3_000, review_first, choices }),
    );
    prop_oneof![1 => Just(L2::default()), 5 => on]
}

/// What may come of a request.
pub(super) fn answers() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => "RB-[A-E]".prop_map(|runbook| plan(&runbook)),
        2 => prop::collection::vec("RB-[A-E]", 2..4).prop_map(|runbooks| {
            several(&runbooks.iter().map(String::as_str).collect::<Vec<_>>())
        }),
        1 => Just(Event::Planned(Answer::None)),
        1 => Just(refused()),
    ]
}

pub(super) fn is_free(allowed: &Circumstances, runbook: &str) -> bool {
    matches!(&allowed.l2, L2::On(plans) if plans.choices.iter().any(|c| c.runbook == *runbook && c.is_free()))
}

proptest! {
    /// Whatever is answered, and however often: under one policy no more runbooks of plans run than may be tried by plans that may
    /// fail; none that was not offered, none twice, none without an answer to a request of its own, and none after one that was
    /// told of as over.
    #[test]
    fn a_planner_has_nothing_run_but_what_was_offered(
        answers in prop::collection::vec(prop_oneof![3 => answers(), 2 => Just(failing(Severity::Medium)),
            2 => Just(tried(Outcome::Fail)), 1 => Just(Event::Withdrawn("plan-restart", "restart".to_owned()))], 0..60),
        most in 1u32..4,
    ) {
        let policy = with(Plans { l2_failures: most, ..plans(&["RB-A", "RB-B", "RB-C"]) });
        let (mut state, mut ran, mut accepted, mut asked) = (State::Quiet, Vec::new(), 0, 0);
        for (second, event) in std::iter::once(failing(Severity::Medium)).chain(answers).enumerate() {
            let (next, acts) = step(state, event, at(second as i64 / 8), &policy);
            state = written(next);
            for act in &acts {
                match act {
                    Act::Ask => asked += 1,
                    Act::Plan(told) if told.allowed && told.result.is_none() => accepted += 1,
                    Act::Attempt(By::Plan(runbook)) => {
                        prop_assert!(["RB-A", "RB-B", "RB-C"].contains(&runbook.as_str()) && !ran.contains(runbook));
                        ran.push(runbook.clone());
                    }
                    _ => {}
                }
            }
            prop_assert!(accepted <= asked && ran.len() <= accepted * most as usize);
            prop_assert!(ran.len() <= (most * (most + 1) / 2) as usize);
            if let State::Open(incident) = &state && let Some(planning) = &incident.plan {
                prop_assert!(planning.failures <= most);
                prop_assert!(planning.open.is_none() || planning.chosen.is_none());
                prop_assert!(ran.iter().filter(|name| !planning.tried.contains(*name)).count() <= 1);
                let back: Incident = serde_json::from_value(serde_json::to_value(&**incident).unwrap()).unwrap();
                prop_assert_eq!(&back, &**incident, "all of it is durable");
            }
        }
    }
}
