//! Laws that hold for any policy, however broken.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use writ_policy::diff::{diff, diff_json};
use writ_policy::policy::Policy;

use crate::world::{findings, policy, seal};

/// Values that documents do not expect where they stand.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z.é0-9(]{0,6}".prop_map(Value::from),
        prop::sample::select(vec!["eq", "le", "any", "not", "motd", "A", "5m", "0644", "file"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec(("(eq|le|in|any|all|not|mode|exists|size_bytes|[a-z]{1,4})", inner), 0..3)
                .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Every place of a document, as pointers.
fn places(value: &Value, at: String, all: &mut Vec<String>) {
    let mut below = |key: &str, value: &Value| {
        let key = key.replace('~', "~0").replace('/', "~1");
        all.push(format!("{at}/{key}"));
        places(value, format!("{at}/{key}"), all);
    };
    match value {
        Value::Object(object) => object.iter().for_each(|(key, value)| below(key, value)),
        Value::Array(list) => list.iter().enumerate().for_each(|(i, value)| below(&i.to_string(), value)),
        _ => {}
    }
}

/// The sound policy with some places overwritten or taken away.
fn mutated() -> impl Strategy<Value = Value> {
    let mut all = Vec::new();
    places(&policy(), String::new(), &mut all);
    prop::collection::vec((prop::sample::select(all), prop::option::of(anything())), 0..4).prop_map(|edits| {
        let mut policy = policy();
        for (pointer, value) in edits {
            match (policy.pointer_mut(&pointer), value) {
                (Some(place), Some(value)) => *place = value,
                (Some(place), None) => drop(place.take()),
                _ => {}
            }
        }
        seal(&mut policy);
        policy
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn validation_never_panics_and_says_the_same_twice(policy in mutated()) {
        prop_assert_eq!(findings(&policy), findings(&policy));
    }

    #[test]
    fn what_validation_passes_can_be_enforced(policy in mutated()) {
        if findings(&policy).is_empty() {
            let parsed = Policy::parse(&serde_json::to_vec(&policy).unwrap());
            prop_assert!(parsed.is_ok(), "{:?}", parsed.err());
        }
    }

    #[test]
    fn an_integer_passes_where_documents_can_carry_it(
        pointer in prop::sample::select(vec![
            "/checks/shadow/prefer/size_bytes/le", "/rules/R1/priority", "/runbooks/B/steps/0/parameters/count",
        ]),
        near in -3i64..=3,
        negative in any::<bool>(),
    ) {
        let number = ((1i64 << 53) + near) * if negative { -1 } else { 1 };
        let mut policy = policy();
        *policy.pointer_mut(pointer).unwrap() = number.into();
        seal(&mut policy);
        let found = findings(&policy);
        // Nothing has fewer than no bytes.
        let possible = !(negative && pointer.contains("size_bytes"));
        prop_assert_eq!(found.is_empty(), near <= 0 && possible, "{}: {:?}", number, found);
        let read = Policy::parse(&serde_json::to_vec(&policy).unwrap());
        prop_assert_eq!(read.is_ok(), near <= 0, "{}", number);
    }

    #[test]
    fn every_finding_leads_to_a_place_or_to_its_parent(policy in mutated()) {
        for finding in findings(&policy) {
            let parent = &finding.path[..finding.path.len().saturating_sub(1)];
            let there = parent.iter().try_fold(&policy, |value, key| match value {
                Value::Array(list) => list.get(key.parse::<usize>().ok()?),
                _ => value.get(key),
            });
            // What is missing may stand in something that is null.
            prop_assert!(there.is_some() || finding.code.starts_with("missing"), "{:?}", finding);
        }
    }

    #[test]
    fn nothing_differs_from_itself(policy in mutated()) {
        prop_assert!(diff_json(&policy, &policy).is_empty());
        if let Ok(parsed) = Policy::parse(&serde_json::to_vec(&policy).unwrap()) {
            prop_assert!(diff(&parsed, &parsed).is_empty());
        }
    }

    #[test]
    fn a_diff_read_backwards_is_the_opposite(a in mutated(), b in mutated()) {
        use writ_policy::diff::Effect;
        let (there, back) = (diff_json(&a, &b), diff_json(&b, &a));
        prop_assert_eq!(there.changes.len(), back.changes.len());
        for (x, y) in there.changes.iter().zip(&back.changes) {
            prop_assert_eq!(&x.path, &y.path);
            prop_assert_eq!((&x.before, &x.after), (&y.after, &y.before));
            let fits = match (x.effect, y.effect) {
                // What loses here and gains there loses in both directions.
                (Effect::Weaker, other) | (other, Effect::Weaker) => other != Effect::Same,
                (Effect::Stronger, _) | (_, Effect::Stronger) => false,
                (there, back) => there == back,
            };
            prop_assert!(fits, "{:?} {:?}", x, y.effect);
        }
    }
}
