//! The laws of merging baselines, tried by Nix on random ones: order and grouping decide nothing, and what holds of a
//! merged predicate is what holds of both.

use std::path::Path;
use std::process::Command;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};
use writ_policy::observation::Observation;
use writ_policy::predicate::{Predicate, Truth};

const TRIPLES: usize = 300;
const PAIRS: usize = 600;

fn list() -> impl Strategy<Value = Value> {
    prop::collection::vec("[abcd]", 1..4).prop_map(Value::from)
}

/// One operator of one field, `n` being a number, `s` a string and `l` a list.
fn clause() -> impl Strategy<Value = (String, String, Value)> {
    let number = (prop::sample::select(vec!["lt", "le", "gt", "ge"]), -3i64..9).prop_map(|(op, n)| ("n", op, json!(n)));
    let text = (prop::sample::select(vec!["in", "not_in"]), list()).prop_map(|(op, list)| ("s", op, list));
    let entries =
        (prop::sample::select(vec!["subset_of", "superset_of"]), list()).prop_map(|(op, list)| ("l", op, list));
    let equal = "[abcd]".prop_map(|text| ("s", "eq", json!(text)));
    prop_oneof![3 => number, 2 => text, 2 => entries, 1 => equal]
        .prop_map(|(field, op, value)| (field.to_owned(), op.to_owned(), value))
}

fn predicate() -> impl Strategy<Value = Value> {
    prop::collection::vec(clause(), 1..4).prop_map(|clauses| {
        let mut fields: Map<String, Value> = Map::new();
        for (field, op, value) in clauses {
            fields.entry(field).or_insert_with(|| json!({}))[op] = value;
        }
        Value::Object(fields)
    })
}

fn severity() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["critical", "high", "medium", "low"])
}

fn span() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["30s", "60s", "1m", "5m", "300s", "1h", "26h", "1d", "24h"])
}

fn check() -> impl Strategy<Value = Value> {
    let own = (predicate(), prop::option::of(predicate()), span(), prop::option::of(severity()));
    let cites = prop::sample::subsequence(vec!["x:1", "x:2"], 0..=2);
    let controls = prop::sample::subsequence(vec!["A1", "A2", "A3"], 0..=3);
    (own, cites, controls).prop_map(|((expect, prefer, every, severity), cites, controls)| {
        json!({ "title": "t", "probe": { "file": { "path": "/x" } }, "expect": expect, "prefer": prefer, "every": every,
            "target": "self", "severity": severity, "cites": cites, "controls": controls, "nixos": {},
            "declared_at": null })
    })
}

fn control() -> impl Strategy<Value = Value> {
    let names = prop::sample::subsequence(vec!["c1", "c2"], 0..=2);
    (severity(), names, prop::sample::subsequence(vec!["CC1", "CC2"], 1..=2)).prop_map(|(severity, checks, maps)| {
        json!({ "title": "t", "coverage": "automated", "severity": severity, "requirement": null,
            "maps": { "soc2": maps }, "checks": checks, "duties": [], "procedure": null, "not_assessed": null,
            "declared_at": null })
    })
}

fn duty() -> impl Strategy<Value = Value> {
    (prop::option::of(span()), prop::option::of(span()), prop::sample::subsequence(vec!["S1", "S2"], 0..=2)).prop_map(
        |(every, within, source)| {
            json!({ "title": "t", "cadence": { "every": every, "on": "hire", "within": within }, "day": null, "by": "b",
                "attach": "a", "source": source, "declared_at": null })
        },
    )
}

fn baseline() -> impl Strategy<Value = Value> {
    let of = |id: &'static str, item: BoxedStrategy<Value>| prop::collection::btree_map(id, item, 0..3);
    (of("c[12]", check().boxed()), of("A[12]", control().boxed()), of("d[12]", duty().boxed()))
        .prop_map(|(checks, controls, duties)| json!({ "checks": checks, "controls": controls, "duties": duties }))
}

fn sample<T>(runner: &mut TestRunner, strategy: impl Strategy<Value = T>, count: usize) -> Vec<T> {
    let strategy = prop::collection::vec(strategy, count..=count);
    strategy.new_tree(runner).unwrap().current()
}

fn observation() -> impl Strategy<Value = Observation> {
    let number = prop::option::weighted(0.9, -5i64..11);
    let text = prop::option::weighted(0.9, "[abcde]");
    let entries = prop::option::weighted(0.9, prop::collection::vec("[abcde]", 0..4));
    (number, text, entries).prop_map(|(number, text, entries)| {
        let mut seen = Observation::new();
        number.into_iter().for_each(|n| seen.set("n", n));
        text.into_iter().for_each(|s| seen.set("s", s));
        entries.into_iter().for_each(|l| seen.set("l", l));
        seen
    })
}

/// What Nix says of the cases.
fn evaluate(cases: &Value) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cases.json");
    std::fs::write(&file, cases.to_string()).unwrap();
    let laws = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../checks/policy/laws.nix");
    let output = Command::new("nix-instantiate")
        .args(["--store", "dummy://", "--eval", "--strict", "--json"])
        .arg(laws)
        .args(["--arg", "cases"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn neither_order_nor_grouping_of_baselines_decides_anything() {
    let triples = prop::collection::vec(baseline(), 3..=3);
    let triples = sample(&mut TestRunner::deterministic(), triples, TRIPLES);
    let said = evaluate(&json!({ "triples": triples, "pairs": [] }));
    let broken = said["broken"].as_array().unwrap();
    assert!(broken.is_empty(), "{} of {TRIPLES} cases, the first: {:#}", broken.len(), broken[0]);
    let agreeing = said["agreeing"].as_u64().unwrap();
    assert!(agreeing > TRIPLES as u64 / 3, "only {agreeing} of {TRIPLES} triples could be compared");
}

#[test]
fn a_merged_predicate_holds_exactly_where_both_do() {
    let mut runner = TestRunner::deterministic();
    let pairs = sample(&mut runner, (predicate(), predicate()), PAIRS);
    let seen = sample(&mut runner, observation(), 200);
    let said = evaluate(&json!({ "triples": [], "pairs": pairs }));
    let mut merged_pairs = 0;
    for ((a, b), merged) in pairs.iter().zip(said["merged"].as_array().unwrap()) {
        if merged.is_null() {
            continue;
        }
        merged_pairs += 1;
        let read = |json: &Value| Predicate::from_json(json).unwrap();
        let (merged_holds, a_holds, b_holds) = (read(merged), read(a), read(b));
        for seen in &seen {
            let holds = |predicate: &Predicate| predicate.evaluate(seen) == Truth::True;
            assert_eq!(holds(&merged_holds), holds(&a_holds) && holds(&b_holds), "{a} and {b} gave {merged}: {seen:?}");
        }
    }
    assert!(merged_pairs > PAIRS / 2, "only {merged_pairs} of {PAIRS} pairs could be merged");
}
