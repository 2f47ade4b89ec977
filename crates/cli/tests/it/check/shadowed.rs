//! `shadowed-rule` says that a rule never runs: so no history of an incident may choose it.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use writ_agent::enforce::incident::{
    Act, Candidate, Circumstances, Event, Failing, Hold, State, Work, step, verification,
};
use writ_agent::enforce::scan::matching;
use writ_evidence::id::{Date, IncidentId};
use writ_policy::declared::Severity;
use writ_policy::observation::Observation;
use writ_policy::outcome::{Outcome, Probed, judge};
use writ_policy::policy::Policy;
use writ_policy::validate::validate;
use writ_trust::digest::Digest;
use writ_trust::time::Time;

const CHECK: &str = "file.motd";

fn golden() -> Value {
    serde_json::from_str(include_str!("../../../../../checks/golden/policy.json")).unwrap()
}

/// Something that the observation of a file may satisfy, over few values, so that predicates meet.
fn clause() -> impl Strategy<Value = (&'static str, Value)> {
    let size = (prop::sample::select(vec!["lt", "le", "gt", "ge", "eq", "ne"]), 0i64..5)
        .prop_map(|(op, n)| ("size_bytes", json!({ op: n })));
    let mode = (prop::sample::select(vec!["eq", "ne"]), prop::sample::select(vec!["0600", "0644"]))
        .prop_map(|(op, mode)| ("mode", json!({ op: mode })));
    let modes = prop::sample::select(vec![json!(["0600"]), json!(["0600", "0644"])])
        .prop_map(|modes| ("mode", json!({ "in": modes })));
    let exists = any::<bool>().prop_map(|seen| ("owner", json!({ "exists": seen })));
    prop_oneof![3 => size, 2 => mode, 1 => modes, 1 => exists]
}

fn predicate() -> impl Strategy<Value = Value> {
    let all = prop::collection::vec(clause(), 1..3)
        .prop_map(|clauses| Value::Object(clauses.into_iter().map(|(k, v)| (k.to_owned(), v)).collect::<Map<_, _>>()));
    let all = all.boxed();
    prop_oneof![
        4 => all.clone(),
        1 => prop::collection::vec(all, 1..3).prop_map(|parts| json!({ "any": parts })),
    ]
}

fn rule() -> impl Strategy<Value = Value> {
    (prop::option::weighted(0.7, predicate()), 1u32..5, prop::bool::weighted(0.15), 0i64..6, 0u32..2).prop_map(
        |(observation, attempts, escalates, priority, cooldown)| {
            let escalate = escalates.then(|| json!({ "to": "L3", "why": "w" }));
            json!({ "title": "t", "when": { "check": CHECK, "observation": observation },
                "run": (!escalates).then_some("RB"), "escalate": escalate, "priority": priority,
                "attempts": if escalates { 1 } else { attempts }, "cooldown": format!("{}s", 1 + cooldown * 3),
                "controls": ["A"], "declared_at": { "file": "a.nix", "line": 1 } })
        },
    )
}

/// A policy of one check and some rules for it.
fn policy() -> impl Strategy<Value = Value> {
    (predicate(), prop::collection::vec(rule(), 2..5), 1u32..4).prop_map(|(expect, rules, allowed)| {
        let mut policy = golden();
        let place = json!({ "file": "a.nix", "line": 1 });
        for section in ["controls", "duties", "exceptions"] {
            policy[section] = json!({});
        }
        policy["checks"] = json!({ CHECK: { "title": "t", "probe": { "file": { "path": "/etc/motd" } }, "expect": expect,
            "prefer": null, "every": "5m", "target": "self", "severity": "high", "cites": [], "declared_at": place } });
        policy["rules"] = rules.into_iter().enumerate().map(|(i, rule)| (format!("R{i}"), rule)).collect();
        policy["runbooks"] = json!({ "RB": { "title": "t", "version": "1", "verify": [CHECK], "declared_at": place,
            "steps": [{ "id": "a", "step": "systemd.start", "parameters": { "unit": "a.service" }, "timeout": "1s",
                "undo": null }] } });
        policy["settings"]["escalation"]["l1_failures"]["high"] = allowed.into();
        let hashed = json!({ "rules": policy["rules"], "runbooks": policy["runbooks"] });
        policy["rules_version"] = Digest::of(&writ_trust::json::canonical(&hashed)).to_string().into();
        policy
    })
}

fn seen() -> impl Strategy<Value = Observation> {
    let size = prop::option::weighted(0.9, 0i64..5);
    let mode = prop::option::weighted(0.9, prop::sample::select(vec!["0600", "0644", "0777"]));
    (size, mode, any::<bool>()).prop_map(|(size, mode, owner)| {
        let mut seen = Observation::new();
        size.into_iter().for_each(|n| seen.set("size_bytes", n));
        mode.into_iter().for_each(|mode| seen.set("mode", mode));
        owner.then(|| seen.set("owner", "root"));
        seen
    })
}

/// What is seen next, whether the runbook's own verification holds besides, what the breaker stopped, and what else.
#[derive(Debug, Clone)]
struct Moment {
    seen: Observation,
    helped: bool,
    interrupted: bool,
    tripped: Option<usize>,
    hold: bool,
    policy_changed: bool,
    seconds: i64,
}

fn moment() -> impl Strategy<Value = Moment> {
    let rare = || prop::bool::weighted(0.1);
    (seen(), any::<bool>(), rare(), prop::option::weighted(0.1, 0usize..5), rare(), rare(), 0i64..9).prop_map(
        |(seen, helped, interrupted, tripped, hold, policy_changed, seconds)| Moment {
            seen,
            helped,
            interrupted,
            tripped,
            hold,
            policy_changed,
            seconds,
        },
    )
}

fn at(seconds: i64) -> Time {
    Time::from_unix_millis(1_795_444_856_000 + seconds * 1000)
}

/// What the policy allows when this is seen, as the enforcer finds it.
fn allowed(policy: &Policy, moment: &Moment) -> Circumstances {
    let stopped = moment.tripped.map(|i| format!("R{i}"));
    let rules = matching(policy, CHECK, &moment.seen).into_iter().map(|(id, rule)| Candidate {
        rule: id.to_owned(),
        attempts: rule.attempts,
        cooldown_ms: rule.cooldown.millis(),
        tripped: (stopped.as_deref() == Some(id)).then(|| "stopped".to_owned()),
        escalate: rule.escalate.as_ref().map(|escalate| escalate.why.clone()),
        planner_may: false,
        window: None,
    });
    let l1_failures = policy.settings.escalation.l1_failures.get(&Severity::High).copied().unwrap();
    let hold = moment.hold.then_some(Hold::Pause);
    Circumstances { hold, rules: rules.collect(), l1_failures, ..Circumstances::default() }
}

/// The rules that a history chooses.
fn chosen(policy: &Policy, history: &[Moment]) -> BTreeSet<String> {
    let (mut state, mut chosen, mut now) = (State::Quiet, BTreeSet::new(), 0);
    let mut attempting = false;
    for moment in history {
        now += moment.seconds;
        let allowed = allowed(policy, moment);
        let run = judge(&policy.checks[CHECK], Probed::Seen(moment.seen.clone()));
        let verified = || verification(CHECK, at(now), run.outcome, &moment.seen, &[]);
        let event = if attempting {
            // Another check of the runbook may fail although this one holds.
            let other = if moment.helped { Outcome::Pass } else { Outcome::Fail };
            let other = verification("another", at(now), other, &Observation::new(), &[]);
            let work = Work { interrupted: moment.interrupted, ..Work::default() };
            Event::Tried { work, verification: vec![verified(), other], after: moment.seen.clone() }
        } else if moment.policy_changed {
            Event::PolicyChanged
        } else {
            match run.outcome {
                Outcome::Fail => Event::Fails(Failing {
                    check: CHECK.into(),
                    target: "self".into(),
                    severity: Severity::High,
                    seen: moment.seen.clone(),
                    reasons: Vec::new(),
                    next_id: IncidentId { date: Date::of(at(0)), number: 1 },
                }),
                Outcome::Pass | Outcome::Warn => Event::Holds(verified(), moment.seen.clone()),
                _ => continue,
            }
        };
        let acts;
        (state, acts) = step(state, event, at(now), &allowed);
        attempting = false;
        for act in acts {
            if let Act::Attempt(by) = act {
                attempting = true;
                chosen.insert(by.name());
            }
        }
    }
    chosen
}

/// The rules that validation calls shadowed.
fn shadowed(policy: &Value) -> BTreeSet<String> {
    let found = validate(policy, &writ_agent::probes::registry(), at(0));
    found.into_iter().filter(|f| f.code == "shadowed-rule").map(|f| f.path[1].clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_shadowed_rule_is_never_chosen(policy in policy(), history in prop::collection::vec(moment(), 1..40)) {
        let parsed = Policy::parse(&serde_json::to_vec(&policy).unwrap()).unwrap();
        let (shadowed, chosen) = (shadowed(&policy), chosen(&parsed, &history));
        prop_assert!(shadowed.is_disjoint(&chosen), "{shadowed:?} are called shadowed, {chosen:?} were chosen");
    }
}

/// The law says nothing where hardly a rule is called shadowed, or hardly one is chosen.
#[test]
fn the_policies_of_the_law_have_shadowed_rules_and_rules_that_run() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let (mut hidden, mut ran) = (0, 0);
    for _ in 0..200 {
        let policy = policy().new_tree(&mut runner).unwrap().current();
        let history = prop::collection::vec(moment(), 1..40).new_tree(&mut runner).unwrap().current();
        let parsed = Policy::parse(&serde_json::to_vec(&policy).unwrap()).unwrap();
        hidden += shadowed(&policy).len();
        ran += chosen(&parsed, &history).len();
    }
    assert!(hidden > 20 && ran > 100, "{hidden} shadowed rules, {ran} that ran");
}
