use proptest::prelude::*;

use super::*;
use crate::enforce::flap::Flap;

pub(super) fn at(seconds: i64) -> Time {
    Time::from_unix_millis(1_795_444_856_000 + seconds * 1000)
}

fn id(number: u64) -> IncidentId {
    IncidentId { date: writ_evidence::id::Date::of(at(0)), number }
}

pub(super) fn failing(severity: Severity) -> Event {
    Event::Fails(Failing {
        check: "file.motd".into(),
        target: "self".into(),
        severity,
        seen: Observation::new().with("mode", "0600"),
        reasons: vec!["mode eq \"0644\", seen \"0600\"".into()],
        next_id: id(1),
    })
}

pub(super) fn run(outcome: Outcome) -> Verification {
    verification("file.motd", at(0), outcome, &Observation::new(), &[])
}

pub(super) fn tried(outcome: Outcome) -> Event {
    Event::Tried { work: Work::default(), verification: vec![run(outcome)], after: Observation::new() }
}

pub(super) fn holds() -> Event {
    Event::Holds(run(Outcome::Pass), Observation::new())
}

pub(super) fn rule(name: &str, attempts: u32, cooldown_s: i64) -> Candidate {
    Candidate {
        rule: name.into(),
        attempts,
        cooldown_ms: cooldown_s * 1000,
        tripped: None,
        escalate: None,
        planner_may: false,
        window: None,
    }
}

pub(super) fn to_people(name: &str, why: &str) -> Candidate {
    Candidate { escalate: Some(why.into()), ..rule(name, 1, 3600) }
}

pub(super) fn allowed(rules: Vec<Candidate>) -> Circumstances {
    Circumstances { rules, l1_failures: 3, ..Circumstances::default() }
}

fn without_planner() -> String {
    format!("{L2_SAYS}{NO_PLANNER}{TO_PEOPLE}")
}

pub(super) fn reason_of(acts: &[Act]) -> &str {
    acts.iter().find_map(|a| if let Act::Ticket(reason) = a { Some(reason.as_str()) } else { None }).expect("a ticket")
}

#[test]
fn a_drift_that_its_rule_heals_opens_and_closes_once() {
    let policy = allowed(vec![rule("L1-A", 3, 0)]);
    let (state, acts) = step(State::Quiet, failing(Severity::High), at(0), &policy);
    assert_eq!(acts, [Act::Opened, Act::Attempt("L1-A".into())]);
    let (state, acts) = step(state, tried(Outcome::Pass), at(1), &policy);
    assert_eq!(state, State::Quiet);
    let [Act::Closed(closing)] = &acts[..] else { panic!("{acts:?}") };
    assert_eq!((closing.resolution, closing.tier), (ResolutionType::Auto, Some(Tier::L1)));
    assert_eq!(closing.status(), ResolutionStatus::Success);
}

#[test]
fn failed_attempts_rest_then_escalate_and_people_close_it() {
    let policy = allowed(vec![rule("L1-A", 2, 60)]);
    let (state, _) = step(State::Quiet, failing(Severity::High), at(0), &policy);
    let (state, acts) = step(state, tried(Outcome::Fail), at(1), &policy);
    assert_eq!(acts, []);
    let State::Open(incident) = &state else { panic!() };
    assert_eq!(incident.phase, Phase::Waiting(Some(at(61))));
    let (state, acts) = step(state, failing(Severity::High), at(30), &policy);
    assert_eq!(acts, [], "it rests");
    let (state, acts) = step(state, failing(Severity::High), at(61), &policy);
    assert_eq!(acts, [Act::Attempt("L1-A".into())]);
    let (state, acts) = step(state, tried(Outcome::NotAssessable), at(62), &policy);
    assert!(reason_of(&acts).ends_with(&without_planner()), "{acts:?}");
    let (state, acts) = step(state, failing(Severity::High), at(999), &policy);
    assert_eq!(acts, [], "an escalated incident is left to people");
    let (state, acts) = step(state, holds(), at(1000), &policy);
    assert_eq!(state, State::Quiet);
    let [Act::Closed(closing)] = &acts[..] else { panic!("{acts:?}") };
    assert_eq!((closing.resolution, closing.tier), (ResolutionType::Manual, Some(Tier::L3)));
}

#[test]
fn the_severity_limits_failures_over_all_rules_and_exhausted_rules_give_way() {
    let policy = Circumstances { l1_failures: 3, ..allowed(vec![rule("L1-A", 1, 0), rule("L1-B", 9, 0)]) };
    let (state, _) = step(State::Quiet, failing(Severity::Medium), at(0), &policy);
    let (state, acts) = step(state, tried(Outcome::Fail), at(1), &policy);
    assert_eq!(acts, [Act::Attempt("L1-B".into())]);
    let (state, acts) = step(state, tried(Outcome::Fail), at(2), &policy);
    assert_eq!(acts, [Act::Attempt("L1-B".into())]);
    let (_, acts) = step(state, tried(Outcome::Fail), at(3), &policy);
    assert!(reason_of(&acts).starts_with("3 attempts of L1 failed"), "{acts:?}");
}

#[test]
fn critical_tells_people_at_once_and_heals_meanwhile() {
    let (_, acts) = step(State::Quiet, failing(Severity::Critical), at(0), &allowed(vec![rule("L1-A", 3, 0)]));
    assert!(matches!(&acts[..], [Act::Opened, Act::Ticket(_), Act::Attempt(_)]), "{acts:?}");
}

#[test]
fn no_rule_and_a_tripped_breaker_go_to_people() {
    let (_, acts) = step(State::Quiet, failing(Severity::Low), at(0), &allowed(vec![]));
    assert!(reason_of(&acts).starts_with("no rule answers it"));
    let tripped = Candidate { tripped: Some("rule L1-A was stopped".into()), ..rule("L1-A", 3, 0) };
    let (_, acts) = step(State::Quiet, failing(Severity::Low), at(0), &allowed(vec![tripped]));
    assert!(reason_of(&acts).starts_with("rule L1-A was stopped"));
}

/// The rules that match, the highest first; what is done about a first failing run, and then after each failed attempt.
#[test]
fn a_rule_may_hand_it_to_people() {
    let stopped = |c: Candidate| Candidate { tripped: Some("stopped".into()), ..c };
    let a = || rule("A", 1, 0);
    let people = || to_people("P", "a disk is replaced by hand");
    let told = "rule P: a disk is replaced by hand; ";
    let cases: Vec<(&str, Vec<Candidate>, Vec<&str>)> = vec![
        ("alone", vec![people()], vec![told]),
        ("above a rule that would heal", vec![people(), a()], vec![told]),
        ("below one, when it was of no use", vec![a(), people()], vec!["attempt A", told]),
        ("above one that the breaker stopped", vec![people(), stopped(a())], vec![told]),
        ("below one that the breaker stopped", vec![stopped(a()), people()], vec!["stopped; "]),
        ("whatever the breaker says of it", vec![stopped(people())], vec![told]),
        ("whatever its attempts", vec![Candidate { attempts: 0, ..people() }], vec![told]),
    ];
    for (case, rules, expected) in cases {
        let policy = allowed(rules);
        let (mut state, mut acts) = step(State::Quiet, failing(Severity::High), at(0), &policy);
        for (n, expected) in expected.iter().enumerate() {
            let last = match acts.last() {
                Some(Act::Attempt(by)) => format!("attempt {}", by.name()),
                Some(Act::Ticket(reason)) => reason.clone(),
                other => panic!("{case}: {other:?}"),
            };
            assert!(last.starts_with(expected), "{case}: {last}");
            if matches!(acts.last(), Some(Act::Attempt(_))) {
                (state, acts) = step(state, tried(Outcome::Fail), at(n as i64), &policy);
            }
        }
        let State::Open(incident) = &state else { panic!("{case}") };
        assert_eq!((&incident.phase, incident.escalations.len()), (&Phase::Escalated, 1), "{case}");
        assert!(incident.escalations[0].reason.ends_with(TO_PEOPLE), "{case}");
        let (_, acts) = step(state, failing(Severity::High), at(99), &policy);
        assert_eq!(acts, [], "{case}: people have it");
    }
}

#[test]
fn a_rule_that_hands_it_to_people_waits_like_every_rule() {
    let rules = || vec![to_people("P", "why")];
    for hold in [Hold::Exception("EX-001".into()), Hold::Switch] {
        let held = Circumstances { hold: Some(hold), ..allowed(rules()) };
        assert_eq!(step(State::Quiet, failing(Severity::High), at(0), &held), (State::Quiet, vec![]));
    }
    let paused = Circumstances { hold: Some(Hold::Pause), ..allowed(rules()) };
    let (state, acts) = step(State::Quiet, failing(Severity::High), at(0), &paused);
    assert_eq!(acts, [Act::Opened]);
    let (state, acts) = step(state, failing(Severity::High), at(1), &allowed(rules()));
    assert!(reason_of(&acts).starts_with("rule P: why; "));
    let (_, acts) = step(state, holds(), at(2), &allowed(rules()));
    let [Act::Closed(closing)] = &acts[..] else { panic!("{acts:?}") };
    assert_eq!((closing.resolution, closing.tier), (ResolutionType::Manual, Some(Tier::L3)));
}

#[test]
fn without_a_record_only_what_would_run_anyway_runs() {
    let stopped = || Candidate { tripped: Some("stopped".into()), ..rule("S", 3, 0) };
    for (rules, runs) in [
        (vec![], None),
        (vec![rule("A", 3, 0), rule("B", 3, 0)], Some("A")),
        (vec![stopped(), rule("B", 3, 0)], Some("B")),
        (vec![to_people("P", "why"), rule("B", 3, 0)], None),
        (vec![rule("A", 3, 0), to_people("P", "why")], Some("A")),
        (vec![stopped(), to_people("P", "why"), rule("B", 3, 0)], None),
    ] {
        assert_eq!(allowed(rules.clone()).unrecorded(), runs);
        let held = Circumstances { hold: Some(Hold::Pause), ..allowed(rules) };
        assert_eq!(held.unrecorded(), None);
    }
}

#[test]
fn holds_keep_hands_off() {
    let held = |hold| Circumstances { hold: Some(hold), ..allowed(vec![rule("L1-A", 3, 0)]) };
    for hold in [Hold::Exception("EX-001".into()), Hold::Switch] {
        let (state, acts) = step(State::Quiet, failing(Severity::High), at(0), &held(hold));
        assert_eq!((state, acts), (State::Quiet, vec![]));
    }
    let (state, acts) = step(State::Quiet, failing(Severity::High), at(0), &held(Hold::Pause));
    assert_eq!(acts, [Act::Opened], "a pause stops healing, not seeing");
    let (_, acts) = step(state, failing(Severity::High), at(1), &allowed(vec![rule("L1-A", 3, 0)]));
    assert_eq!(acts, [Act::Attempt("L1-A".into())], "and healing resumes when it ends");
}

#[test]
fn who_waits_in_line_is_told_of_and_has_not_been_tried() {
    let in_line = Circumstances { hold: Some(Hold::InLine), ..allowed(vec![rule("L1-A", 3, 0)]) };
    let (state, acts) = step(State::Quiet, failing(Severity::High), at(0), &in_line);
    assert_eq!(acts, [Act::Opened]);
    let (again, acts) = step(state.clone(), failing(Severity::High), at(1), &in_line);
    assert_eq!((again, acts), (state.clone(), vec![]));
    let State::Open(incident) = &state else { panic!("it is open") };
    assert_eq!((incident.attempts, &incident.phase), (0, &Phase::Waiting(None)));
    let (_, acts) = step(state, failing(Severity::High), at(2), &allowed(vec![rule("L1-A", 3, 0)]));
    assert_eq!(acts, [Act::Attempt("L1-A".into())], "its turn has come");
}

#[test]
fn a_new_policy_may_answer_what_the_old_one_could_not() {
    let (state, _) = step(State::Quiet, failing(Severity::High), at(0), &allowed(vec![]));
    let (state, _) = step(state, Event::PolicyChanged, at(1), &allowed(vec![]));
    let (_, acts) = step(state, failing(Severity::High), at(2), &allowed(vec![rule("L1-NEW", 3, 0)]));
    assert_eq!(acts, [Act::Attempt("L1-NEW".into())]);
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    prop_oneof![Just(Outcome::Pass), Just(Outcome::Fail), Just(Outcome::NotAssessable), Just(Outcome::Warn)]
}

fn severities() -> impl Strategy<Value = Severity> {
    prop::sample::select(Severity::ALL.to_vec())
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => severities().prop_map(failing),
        2 => Just(holds()),
        3 => outcomes().prop_map(tried),
        1 => Just(Event::Gone(run(Outcome::NotApplicable))),
        1 => Just(Event::PolicyChanged),
        3 => super::planning_tests::answers(),
        1 => Just(Event::Withdrawn("plan-restart", "restart".to_owned())),
    ]
}

fn circumstances() -> impl Strategy<Value = Circumstances> {
    let hold = prop_oneof![
        5 => Just(None),
        1 => Just(Some(Hold::Exception("EX-001".into()))),
        1 => Just(Some(Hold::Switch)),
        1 => Just(Some(Hold::Pause)),
        1 => Just(Some(Hold::InLine)),
    ];
    let rarely = |why: &str| prop::option::weighted(0.1, Just(why.to_owned()));
    let candidate = ("[AB]", 0u32..4, 0i64..5, rarely("stopped"), rarely("by hand"), rarely("Sunday")).prop_map(
        |(rule, attempts, s, tripped, escalate, window)| {
            let cooldown_ms = s * 1000;
            Candidate {
                rule,
                attempts,
                cooldown_ms,
                tripped,
                escalate,
                planner_may: attempts % 2 == 0,
                window: window.map(|opens| (Some(at(600)), opens)),
            }
        },
    );
    let flap = prop::option::weighted(0.3, Just(flap()));
    (hold, prop::collection::vec(candidate, 0..3), 0u32..4, super::planning_tests::tiers(), flap)
        .prop_map(|(hold, rules, l1_failures, l2, flap)| Circumstances { hold, rules, l1_failures, l2, flap })
}

fn flap() -> Flap {
    Flap { incidents: 4, within: "1h".into(), steady_ms: 5_000 }
}

/// A check of which nobody knew for a while whether it holds has not held for that while.
#[test]
fn what_was_not_seen_is_no_time_in_which_a_check_held() {
    let flapping = Circumstances { flap: Some(flap()), ..allowed(vec![rule("L1-A", 9, 0)]) };
    let (state, _) = step(State::Quiet, failing(Severity::Medium), at(0), &flapping);
    let (state, _) = step(state, tried(Outcome::Pass), at(1), &flapping);
    let State::Open(incident) = &state else { panic!("it is steady at once") };
    let steady = incident.flapping.as_ref().unwrap().steady_ms / 1000;
    let (state, acts) = step(state, Event::Unknown, at(2), &flapping);
    assert_eq!(acts, []);
    let (state, acts) = step(state, holds(), at(steady + 10), &flapping);
    assert_eq!(acts, []);
    let (state, acts) = step(state, holds(), at(2 * steady + 20), &flapping);
    let [Act::Closed(closing)] = &acts[..] else { panic!("{acts:?}") };
    assert_eq!((state, closing.resolution), (State::Quiet, ResolutionType::Auto));
    // Of one that fails then, what the rule did has not lasted.
    let (state, _) = step(State::Quiet, failing(Severity::Medium), at(0), &flapping);
    let (state, _) = step(state, tried(Outcome::Pass), at(1), &flapping);
    let (state, _) = step(state, Event::Unknown, at(2), &flapping);
    let (State::Open(incident), _) = step(state, failing(Severity::Medium), at(3), &flapping) else { panic!() };
    assert_eq!((incident.failures.get("L1-A"), incident.flapping.unwrap().again), (Some(&1), 1));
}

/// What is seen of a check that flaps is one incident: it is healed on until that has not lasted too often, and it ends
/// when the check has held for a while.
#[test]
fn an_incident_of_a_check_that_flaps_stays_open_until_it_has_held_for_a_while() {
    let flapping = || Circumstances { flap: Some(flap()), ..allowed(vec![rule("L1-A", 9, 0)]) };
    let (mut state, acts) = step(State::Quiet, failing(Severity::Medium), at(0), &flapping());
    assert!(matches!(&acts[..], [Act::Opened, Act::Ticket(why), Act::Attempt(_)] if why.contains("flaps")), "{acts:?}");
    let allowed = allowed(vec![rule("L1-A", 9, 0)]);
    for round in 1..=3 {
        let acts;
        (state, acts) = step(state, tried(Outcome::Pass), at(round * 10), &allowed);
        assert_eq!(acts, [], "it holds, and nobody knows for how long");
        let acts_held;
        (state, acts_held) = step(state, holds(), at(round * 10 + 4), &allowed);
        assert_eq!(acts_held, []);
        let again;
        (state, again) = step(state, failing(Severity::Medium), at(round * 10 + 5), &allowed);
        match round {
            3 => assert!(
                matches!(&again[..], [Act::Ticket(why)] if why.starts_with("3 attempts of L1 failed")),
                "{again:?}"
            ),
            _ => assert!(matches!(&again[..], [Act::Attempt(_)]), "{again:?}"),
        }
    }
    let State::Open(incident) = &state else { panic!("closed without holding") };
    assert_eq!((&incident.phase, incident.flapping.as_ref().unwrap().again), (&Phase::Escalated, 3));
    let (state, acts) = step(state, holds(), at(100), &allowed);
    assert_eq!(acts, []);
    let (state, acts) = step(state, holds(), at(104), &allowed);
    assert_eq!(acts, []);
    let (state, acts) = step(state, holds(), at(105), &allowed);
    assert!(matches!(&acts[..], [Act::Closed(closing)] if closing.resolution == ResolutionType::Manual), "{acts:?}");
    assert_eq!(state, State::Quiet);
    let (state, _) = step(State::Quiet, failing(Severity::Low), at(0), &flapping());
    let (state, _) = step(state, tried(Outcome::Pass), at(1), &allowed);
    let (_, acts) = step(state, holds(), at(6), &allowed);
    assert!(matches!(&acts[..], [Act::Closed(closing)] if closing.resolution == ResolutionType::Auto), "{acts:?}");
}

#[test]
fn what_people_change_while_they_have_healing_suspended_is_intended() {
    for (hold, intended) in [(Some(Hold::Pause), true), (Some(Hold::InLine), false), (None, false)] {
        let allowed = Circumstances { hold, ..allowed(vec![rule("L1-A", 3, 0)]) };
        let (State::Open(incident), _) = step(State::Quiet, failing(Severity::Low), at(0), &allowed) else {
            panic!("it opened")
        };
        assert_eq!(incident.intended, intended);
    }
}

#[test]
fn a_runbook_that_waits_for_a_window_is_not_tried_and_nothing_is_given_up() {
    let waiting = Candidate { window: Some((Some(at(7_200)), "Sunday 02:00 Etc/UTC".into())), ..rule("L1-A", 3, 0) };
    let closed = allowed(vec![waiting]);
    let (state, acts) = step(State::Quiet, failing(Severity::Low), at(0), &closed);
    assert_eq!(acts, [Act::Opened]);
    assert_eq!(closed.unrecorded(), None);
    let State::Open(incident) = &state else { panic!("it is open") };
    assert_eq!(incident.phase, Phase::Waiting(Some(at(7_200))), "it is looked at when the window opens");
    let (_, acts) = step(state, failing(Severity::Low), at(1), &allowed(vec![rule("L1-A", 3, 0)]));
    assert_eq!(acts, [Act::Attempt("L1-A".into())]);
}

proptest! {
    /// Whatever happens in whatever order: an incident is opened and closed in turn, an attempt runs only for an open
    /// incident that is not being worked on, and nothing is attempted when something holds it back.
    #[test]
    fn every_incident_ends_at_most_once(happenings in prop::collection::vec((events(), circumstances()), 0..60)) {
        let (mut state, mut open, mut attempting) = (State::Quiet, false, false);
        for (second, (event, allowed)) in happenings.into_iter().enumerate() {
            let was_tried = matches!(event, Event::Tried { .. }) && attempting;
            let (next, acts) = step(state, event, at(second as i64), &allowed);
            attempting &= !was_tried;
            for act in &acts {
                match act {
                    Act::Opened => { prop_assert!(!open); open = true; }
                    Act::Closed(closing) => {
                        prop_assert!(open && !attempting);
                        prop_assert!(!closing.verification.is_empty());
                        open = false;
                    }
                    Act::Ticket(_) => prop_assert!(open),
                    Act::Ask => prop_assert!(open && !attempting && allowed.hold.is_none()),
                    Act::Plan(_) => {}
                    Act::Attempt(by) => {
                        prop_assert!(open && !attempting && allowed.hold.is_none());
                        let runs = |c: &Candidate| c.tripped.is_none() && c.escalate.is_none() && c.window.is_none();
                        let may = match by {
                            By::Rule(rule) => allowed.rules.iter().any(|c| c.rule == *rule && runs(c)),
                            By::Plan(runbook) => super::planning_tests::is_free(&allowed, runbook),
                        };
                        prop_assert!(may);
                        attempting = true;
                    }
                }
            }
            prop_assert_eq!(open, matches!(next, State::Open(_)));
            if let State::Open(incident) = &next {
                prop_assert_eq!(attempting, matches!(incident.phase, Phase::Attempting { .. }));
                prop_assert!(u64::from(incident.failures.values().sum::<u32>()) <= incident.attempts);
            }
            state = next;
        }
    }

    /// With rules that never help, people get it after a bounded number of attempts.
    #[test]
    fn nothing_is_tried_for_ever(severity in severities(), limit in 1u32..6, attempts in 1u32..6) {
        let policy = Circumstances { l1_failures: limit, ..allowed(vec![rule("A", attempts, 0), rule("B", attempts, 0)]) };
        let (mut state, mut acts) = step(State::Quiet, failing(severity), at(0), &policy);
        let mut tries = 0;
        while acts.iter().any(|a| matches!(a, Act::Attempt(_))) {
            tries += 1;
            prop_assert!(tries <= limit.min(2 * attempts));
            (state, acts) = step(state, tried(Outcome::Fail), at(tries.into()), &policy);
        }
        let State::Open(incident) = state else { panic!("closed without holding") };
        prop_assert_eq!(incident.phase, Phase::Escalated);
    }
}
