//! Pairs of predicates: what the change from one to the other does, and what proves it.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::Effect::{Same, Stronger, Unclear, Weaker};
use super::{Change, Effect, Witness, diff_section};
use crate::observation::Observation;
use crate::predicate::{Predicate, Truth};

/// The changes when a check's `expect` changes so.
fn changes(before: &Json, after: &Json) -> Vec<Change> {
    let check = |expect: &Json| json!({ "c": { "expect": expect } });
    diff_section("checks", &check(before), &check(after))
}

fn one(before: &Json, after: &Json) -> Change {
    let mut changes = changes(before, after);
    assert_eq!(changes.len(), 1, "{before} → {after}: {changes:?}");
    changes.remove(0)
}

/// Judges pairs: before, after, what the change does, and what proves it.
fn judged(pairs: &[(Json, Json, Effect, &str)]) {
    for (before, after, effect, proof) in pairs {
        let change = one(before, after);
        assert_eq!(change.effect, *effect, "{before} → {after}: {change:?}");
        let witness = change.witness.as_ref().map(ToString::to_string).unwrap_or_default();
        assert_eq!(witness, *proof, "{before} → {after}");
        if let Some(witness) = &change.witness {
            let accepts = |json: &Json| Predicate::from_json(json).unwrap().evaluate(&witness.observation());
            let passes_now = accepts(after) == Truth::True && accepts(before) != Truth::True;
            let failed = accepts(before) == Truth::False && accepts(after) != Truth::False;
            assert!(passes_now || failed, "{before} → {after}");
        }
        assert_eq!(change.why.is_some(), matches!(effect, Weaker | Unclear), "{change:?}");
    }
}

#[test]
fn numbers_are_judged_and_proved() {
    let day = |hours: i64| hours * 3600;
    judged(&[
        (json!({"age": {"le": day(26)}}), json!({"age": {"le": day(50)}}), Weaker, "age = 180000"),
        (json!({"age": {"le": 26}}), json!({"age": {"lt": 27}}), Same, ""),
        (json!({"age": {"le": 26}}), json!({"age": {"le": 25}}), Stronger, ""),
        (json!({"age": {"le": 26}}), json!({"age": {"le": 26, "ge": 0}}), Stronger, ""),
        (json!({"age_seconds": {"le": 26}}), json!({"age_seconds": {"le": 26, "ge": 0}}), Stronger, ""),
        // A clock that is ahead makes things of the future.
        (json!({"age_seconds": {"le": 26, "ge": 0}}), json!({"age_seconds": {"le": 26}}), Weaker, "age_seconds = -1"),
        (
            json!({"available_percent": {"ge": 15}}),
            json!({"available_percent": {"ge": 10}}),
            Weaker,
            "available_percent = 10",
        ),
        // What is not seen was unknown, and fails now.
        (json!({"available_percent": {"ge": 0}}), json!({"available_percent": {"exists": true}}), Stronger, ""),
        (json!({"available_percent": {"le": 100}}), json!({"available_percent": {"ge": 0}}), Same, ""),
        (json!({"used_percent": {"le": 80}}), json!({"used_percent": {"le": 300}}), Weaker, "used_percent = 300"),
        (
            json!({"valid_for_seconds": {"ge": 0}}),
            json!({"valid_for_seconds": {"exists": true}}),
            Weaker,
            "valid_for_seconds = -1",
        ),
        (json!({"n": {"eq": 5}}), json!({"n": {"ge": 5}}), Weaker, "n = 6"),
        (json!({"n": {"ge": 5}}), json!({"n": {"eq": 5}}), Stronger, ""),
        (json!({"n": {"eq": 5}}), json!({"n": {"eq": 6}}), Weaker, "n = 6"),
        (json!({"n": {"ne": 5}}), json!({"n": {"ne": 6}}), Weaker, "n = 5"),
        (json!({"n": {"ge": 5}}), json!({"n": {"ge": 3, "ne": 4}}), Weaker, "n = 3"),
        // What is gained elsewhere does not hide what is lost.
        (json!({"n": {"ge": 5}}), json!({"n": {"ge": 3, "ne": 6}}), Weaker, "n = 3"),
        (json!({"n": {"ge": 5}}), json!({"n": {"exists": true}}), Weaker, "n = 4"),
        (json!({"n": {"ge": 5}}), json!({}), Weaker, "n = 4"),
        (json!({}), json!({"n": {"ge": 5}}), Stronger, ""),
        (json!({"b": {"eq": true}}), json!({"b": {"ne": false}}), Same, ""),
        (json!({"b": {"eq": true}}), json!({"b": {"eq": false}}), Weaker, "b = false"),
        (json!({"b": {"eq": true}}), json!({"b": {"exists": true}}), Weaker, "b = false"),
    ]);
}

#[test]
fn combinations_are_judged_and_proved() {
    let day = |hours: i64| hours * 3600;
    judged(&[
        (
            json!({"age_seconds": {"le": day(26)}}),
            json!({"any": [{"age_seconds": {"le": day(26)}}, {"age_seconds": {"ge": 0}}]}),
            Weaker,
            "age_seconds = 93601",
        ),
        (json!({"n": {"ge": 5}}), json!({"any": []}), Stronger, ""),
        (json!({"n": {"ge": 5}}), json!({"all": []}), Weaker, "n = 4"),
        (json!({"n": {"ge": 5}}), json!({"not": {"n": {"lt": 5}}}), Same, ""),
        (json!({"n": {"ge": 5}}), json!({"not": {"n": {"gt": 5}}}), Weaker, "n = 4"),
        (json!({"n": {"ge": 5}}), json!({"any": [{"n": {"ge": 5}}, {"m": {"eq": 1}}]}), Weaker, "m = 1 and n = 4"),
        (
            json!({"all": [{"n": {"ge": 5}}, {"m": {"ge": 5}}]}),
            json!({"any": [{"n": {"ge": 5}}, {"m": {"ge": 5}}]}),
            Weaker,
            "m = 5 and n = 4",
        ),
        (
            json!({"any": [{"a": {"eq": 1}}, {"b": {"eq": 1}}]}),
            json!({"any": [{"b": {"eq": 1}}, {"a": {"eq": 1}}]}),
            Same,
            "",
        ),
        (
            json!({"all": [{"a": {"eq": 1}}, {"b": {"eq": 1}}]}),
            json!({"all": [{"b": {"eq": 1}}, {"a": {"eq": 1}}]}),
            Same,
            "",
        ),
        (json!({"any": [{"a": {"eq": 1}}, {"a": {"eq": 2}}]}), json!({"any": [{"a": {"eq": 2}}]}), Stronger, ""),
    ]);
}

#[test]
fn texts_and_lists_are_judged_and_proved() {
    judged(&[
        (json!({"s": {"eq": "x"}}), json!({"s": {"in": ["x"]}}), Same, ""),
        (json!({"s": {"eq": "x"}}), json!({"s": {"in": ["x", "y"]}}), Weaker, "s = \"y\""),
        (json!({"s": {"in": ["x", "y"]}}), json!({"s": {"in": ["y", "x"]}}), Same, ""),
        (json!({"s": {"in": ["x", "y"]}}), json!({"s": {"eq": "x"}}), Stronger, ""),
        (json!({"s": {"not_in": ["x", "y"]}}), json!({"s": {"not_in": ["x"]}}), Weaker, "s = \"y\""),
        (json!({"s": {"not_in": ["x"]}}), json!({"s": {"exists": true}}), Weaker, "s = \"x\""),
        (json!({"s": {"in": ["x"]}}), json!({"s": {"matches": ".*"}}), Weaker, "s = \"other\""),
        (json!({"s": {"matches": "x"}}), json!({"s": {"matches": "y"}}), Weaker, "s = \"y\""),
        (json!({"s": {"matches": "[a-c]{9}"}}), json!({"s": {"matches": "[a-d]{9}"}}), Weaker, "s = \"ddddddddd\""),
        (json!({"s": {"eq": "0644"}}), json!({"s": {"matches": "0[0-7]{3}"}}), Weaker, "s = \"0000\""),
        (json!({"s": {"matches": "0[0-7]{3}"}}), json!({"s": {"eq": "0644"}}), Stronger, ""),
        (json!({"s": {"matches": "0[0-7]{3}"}}), json!({"s": {"in": ["0644", "0600"]}}), Stronger, ""),
        (json!({"s": {"matches": "a.*b.*c"}}), json!({"s": {"matches": "a.*c"}}), Weaker, "s = \"ac\""),
        (json!({"s": {"matches": "(?i)x"}}), json!({"s": {"matches": "x|X"}}), Unclear, ""),
        // `contains` is about words of a list as well as about parts of a text.
        (json!({"s": {"contains": "x"}}), json!({"s": {"contains": "xy"}}), Weaker, "s = [\"xy\"]"),
        (json!({"l": {"contains": "x"}}), json!({"l": {"superset_of": ["x", "y"]}}), Weaker, "l = \"other\""),
        (json!({"l": {"subset_of": ["x"]}}), json!({"l": {"subset_of": ["x", "y"]}}), Weaker, "l = [\"x\", \"y\"]"),
        (json!({"l": {"subset_of": ["x", "y"]}}), json!({"l": {"subset_of": ["y", "x"]}}), Same, ""),
        (json!({"l": {"superset_of": ["x"]}}), json!({"l": {"superset_of": ["x", "y"]}}), Stronger, ""),
        (json!({"l": {"superset_of": ["x", "y"]}}), json!({"l": {"superset_of": ["x"]}}), Weaker, "l = [\"x\"]"),
        (json!({"l": {"eq": ["x"]}}), json!({"l": {"ne": ["x"]}}), Weaker, "l = []"),
        (json!({"s": {"exists": true}}), json!({"s": {"exists": false}}), Weaker, "s not seen"),
    ]);
}

#[test]
fn a_failure_that_becomes_unknown_is_weaker() {
    judged(&[
        (
            json!({"l": {"exists": true, "subset_of": ["admin"]}}),
            json!({"l": {"subset_of": ["admin"]}}),
            Weaker,
            "l not seen",
        ),
        (json!({"l": {"subset_of": ["a"]}}), json!({"l": {"exists": true, "subset_of": ["a"]}}), Stronger, ""),
        (json!({"free_bytes": {"exists": true}}), json!({"free_bytes": {"ge": 0}}), Weaker, "free_bytes not seen"),
        (json!({"mode": {"ge": 5}}), json!({"mode": {"eq": "0777"}}), Weaker, "mode = \"0777\""),
        (json!({"mode": {"eq": "0777"}}), json!({"mode": {"ge": 5}}), Weaker, "mode = 5"),
    ]);
    let change = one(&json!({"n": {"exists": true, "matches": "a.*"}}), &json!({"n": {"matches": "a.*"}}));
    assert_eq!(change.why.unwrap(), "does not fail any more with n not seen: nothing heals what cannot be judged");
}

#[test]
fn what_is_not_known_is_not_called_weaker_or_stronger() {
    let (a, b) =
        (json!({"s": {"matches": "(?i)x"}}), json!({"any": [{"s": {"matches": "(?i)x"}}, {"s": {"matches": "x|X"}}]}));
    let change = one(&a, &b);
    let why = "all that passed before passes; whether more does is not known";
    assert_eq!((change.effect, &*change.why.unwrap()), (Unclear, why));
    let digest = |c: &str| json!({"sha256": {"eq": c.repeat(64)}});
    let change = one(&digest("a"), &digest("b"));
    assert_eq!((change.effect, &*change.why.unwrap()), (Unclear, "another content is expected"));
    assert_eq!(one(&digest("a"), &json!({"sha256": {"exists": true}})).effect, Weaker);
}

#[test]
fn a_preference_that_becomes_a_demand_is_no_loss() {
    let check = |expect: i64, prefer: Json| json!({ "c": { "expect": {"n": {"ge": expect}}, "prefer": prefer } });
    let effects =
        |a: Json, b: Json| -> Vec<Effect> { diff_section("checks", &a, &b).iter().map(|c| c.effect).collect() };
    assert_eq!(effects(check(10, json!({"n": {"ge": 20}})), check(20, json!(null))), [Stronger, Same]);
    assert_eq!(effects(check(10, json!({"n": {"ge": 20}})), check(15, json!(null))), [Stronger, Weaker]);
    assert_eq!(effects(check(20, json!(null)), check(10, json!({"n": {"ge": 20}}))), [Weaker, Stronger]);
}

#[test]
fn a_long_value_is_shortened_in_words_only() {
    let change = one(&json!({"s": {"eq": "x"}}), &json!({"s": {"in": ["x", "y".repeat(70_000)]}}));
    assert!(change.why.unwrap().len() < 200);
    assert!(serde_json::to_string(&change.witness).unwrap().len() > 70_000);
}

#[test]
fn rules_and_preferences_have_their_own_direction() {
    let rule = |observation: Json| json!({ "r": { "when": { "check": "c", "observation": observation } } });
    let of = |a: Json, b: Json| {
        let mut changes = diff_section("rules", &rule(a), &rule(b));
        assert_eq!(changes.len(), 1);
        changes.remove(0)
    };
    let narrowed = of(json!(null), json!({"state": {"eq": "failed"}}));
    assert_eq!(narrowed.effect, Effect::Weaker);
    assert_eq!(narrowed.why.unwrap(), "does not answer state = \"other\" any more");
    assert_eq!(of(json!({"n": {"le": 4}}), json!({"n": {"le": 5}})).effect, Effect::Stronger);
    assert_eq!(of(json!({"n": {"le": 4}}), json!(null)).effect, Effect::Stronger);
    let moved = of(json!({"n": {"eq": 4}}), json!({"n": {"eq": 5}}));
    assert_eq!(moved.why.unwrap(), "does not answer n = 4 any more, but answers n = 5");

    let prefer = |prefer: Json| json!({ "c": { "prefer": prefer } });
    let gone = diff_section("checks", &prefer(json!({"n": {"ge": 20}})), &prefer(json!(null))).remove(0);
    assert_eq!(
        (gone.effect, &*gone.why.unwrap()),
        (Effect::Weaker, "does not warn of n = 19 any more (a warning only)")
    );
    let new = diff_section("checks", &prefer(json!(null)), &prefer(json!({"n": {"ge": 20}}))).remove(0);
    assert_eq!(new.effect, Effect::Stronger);
}

#[test]
fn predicates_of_any_size_are_judged_soon() {
    let wide = |n: usize, from: i64| -> Json {
        let fields: serde_json::Map<String, Json> = (0..n).map(|i| (format!("f{i}"), json!({"ge": from}))).collect();
        json!({ "not": { "any": [fields.clone(), { "all": [fields, { "any": [] }] }] } })
    };
    let deep = |n: i64| {
        (0..n).fold(json!({"n": {"le": n}}), |p, i| json!({"any": [p, {"all": [{"m": {"ne": i}}, {"n": {"ne": i}}]}]}))
    };
    let broad = |n: i64| -> Json {
        json!({ "all": (0..n).map(|i| json!({"any": [{"a": {"eq": i}}, {"b": {"eq": i}}, {"c": {"ne": i}}]})).collect::<Vec<_>>() })
    };
    for (before, after) in [(wide(1_000, 1), wide(1_000, 2)), (deep(20), deep(19)), (broad(100), broad(101))] {
        // Whatever the answer is, it comes: the bounds on steps hold, or this test never ends.
        assert!(!changes(&before, &after).is_empty());
    }
}

fn any_predicate() -> impl Strategy<Value = Json> {
    let number = ("[ab]", prop::sample::select(vec!["eq", "ne", "lt", "le", "gt", "ge"]), -3i64..3)
        .prop_map(|(f, op, n)| json!({f: {op: n}}));
    let text = (prop::sample::select(vec!["in", "not_in"]), prop::collection::vec("[xy]", 0..3))
        .prop_map(|(op, list)| json!({"t": {op: list}}));
    let list = (prop::sample::select(vec!["subset_of", "superset_of"]), prop::collection::vec("[xy]", 0..3))
        .prop_map(|(op, list)| json!({"l": {op: list}}));
    let exists = ("[abtl]", any::<bool>()).prop_map(|(f, b)| json!({f: {"exists": b}}));
    prop_oneof![number, text, list, exists].prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|parts| json!({"all": parts})),
            prop::collection::vec(inner.clone(), 0..3).prop_map(|parts| json!({"any": parts})),
            inner.prop_map(|part| json!({"not": part})),
        ]
    })
}

/// Every observation of a small world.
fn world() -> Vec<Observation> {
    let numbers: Vec<Option<i64>> = [None].into_iter().chain((-4..=3).map(Some)).collect();
    let texts = [None, Some("x"), Some("y"), Some("z")];
    let lists: [Option<&[&str]>; 6] =
        [None, Some(&[]), Some(&["x"]), Some(&["y"]), Some(&["x", "y"]), Some(&["x", "y", "z"])];
    let mut all = Vec::new();
    for a in &numbers {
        for b in &numbers {
            for t in texts {
                for l in lists {
                    let mut seen = Observation::new();
                    a.iter().for_each(|a| seen.set("a", *a));
                    b.iter().for_each(|b| seen.set("b", *b));
                    t.into_iter().for_each(|t| seen.set("t", t));
                    l.into_iter().for_each(|l| seen.set("l", l.iter().map(|x| (*x).to_owned()).collect::<Vec<_>>()));
                    all.push(seen);
                }
            }
        }
    }
    all
}

fn reordered(json: &Json) -> Json {
    match json {
        Json::Array(items) => items.iter().rev().map(reordered).collect(),
        Json::Object(object) => Json::Object(object.iter().map(|(k, v)| (k.clone(), reordered(v))).collect()),
        other => other.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Weaker exactly when something passes that did not, or failed and is not judged: proved by a witness, and refuted by trying everything.
    #[test]
    fn weaker_is_what_lets_something_pass(before in any_predicate(), after in any_predicate()) {
        // A predicate that never changes its value is compared as a whole only when it combines.
        let (before, after) = (json!({"all": [before]}), json!({"all": [after]}));
        prop_assume!(before != after);
        let change = one(&before, &after);
        let (a, b) = (Predicate::from_json(&before).unwrap(), Predicate::from_json(&after).unwrap());
        let passes = |p: &Predicate, seen: &Observation| p.evaluate(seen) == Truth::True;
        let lets_pass = world().iter().any(|seen| passes(&b, seen) && !passes(&a, seen));
        let refuses = world().iter().any(|seen| passes(&a, seen) && !passes(&b, seen));
        let fails = |p: &Predicate, seen: &Observation| p.evaluate(seen) == Truth::False;
        let unheals = world().iter().any(|seen| fails(&a, seen) && !fails(&b, seen));
        match change.effect {
            Effect::Weaker => {
                let seen = change.witness.as_ref().map(Witness::observation);
                prop_assert!(seen.is_some(), "{} {}", before, after);
                let seen = seen.unwrap_or_default();
                let passes_now = passes(&b, &seen) && !passes(&a, &seen);
                let failed = fails(&a, &seen) && !fails(&b, &seen);
                prop_assert!(passes_now || failed, "{} {}", before, after);
            }
            Effect::Stronger | Effect::Same | Effect::Unclear => {
                prop_assert!(!lets_pass && !unheals, "{:?}: {} {}", change.effect, before, after);
            }
        }
        if change.effect == Effect::Same {
            prop_assert!(!refuses, "{} {}", before, after);
        }
    }

    #[test]
    fn order_means_nothing(predicate in any_predicate()) {
        let effects: BTreeSet<Effect> = changes(&predicate, &reordered(&predicate)).iter().map(|c| c.effect).collect();
        prop_assert!(effects.is_subset(&BTreeSet::from([Effect::Same])), "{}: {:?}", predicate, effects);
    }
}
