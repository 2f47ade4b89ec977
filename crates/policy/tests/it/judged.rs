//! Mistakes that take more than one place to make.

use proptest::prelude::*;
use serde_json::{Value, json};
use writ_policy::validate::{Level, gives_away, redacted};

use crate::world::{findings, policy, seal, told};

/// The sound policy after some changes.
fn changed(change: impl FnOnce(&mut Value)) -> Value {
    let mut policy = policy();
    change(&mut policy);
    seal(&mut policy);
    policy
}

/// Adds a check with a probe that cannot look yet, named by the control.
fn with_scanner(policy: &mut Value) {
    let mut check = policy["checks"]["motd"].clone();
    check["probe"] = json!({ "scanner": { "token": { "secret": "x" } } });
    check["expect"] = json!({ "age_seconds": { "le": 86_400 } });
    policy["checks"]["scan"] = check;
    policy["controls"]["A"]["checks"] = json!(["motd", "shadow", "scan"]);
}

/// A rule below `R1` that answers the same, and more.
fn with_lower_rule(policy: &mut Value, lower: Value, higher: Value) {
    policy["rules"].as_object_mut().unwrap().remove("R2");
    for (id, given) in [("R1", higher), ("R3", lower)] {
        let mut rule = policy["rules"]["R1"].clone();
        rule.as_object_mut().unwrap().extend(given.as_object().unwrap().clone());
        policy["rules"][id] = rule;
    }
}

#[test]
fn a_rule_that_never_has_its_turn_is_told() {
    let (narrow, wide) = (json!({ "mode": { "ne": "0644" } }), json!(null));
    let people = json!({ "to": "L3", "why": "w" });
    for (lower, higher, expected) in [
        // Severity high allows two attempts.
        (
            json!({ "when": { "check": "motd", "observation": narrow } }),
            json!({ "attempts": 2, "when": { "check": "motd", "observation": wide } }),
            true,
        ),
        (json!({ "when": { "check": "motd", "observation": narrow } }), json!({ "attempts": 2 }), true),
        // It has its turn after the first attempt of the other.
        (json!({}), json!({ "attempts": 1 }), false),
        // People are called at the first failure, whatever the attempts.
        (json!({}), json!({ "attempts": 1, "run": null, "escalate": people }), true),
        // What the lower one answers is not all that the higher one answers.
        (json!({ "when": { "check": "motd", "observation": wide } }), json!({ "attempts": 3 }), false),
        (
            json!({ "when": { "check": "motd", "observation": { "exists": { "eq": false } } } }),
            json!({ "attempts": 3 }),
            false,
        ),
        // Another check.
        (json!({ "when": { "check": "shadow", "observation": wide } }), json!({ "attempts": 3 }), false),
    ] {
        let policy = changed(|policy| {
            with_lower_rule(policy, lower.clone(), higher.clone());
            policy["rules"]["R1"]["priority"] = json!(2);
        });
        let shadowed = told(&policy).contains(&"shadowed-rule rules.R3.priority".to_owned());
        assert_eq!(shadowed, expected, "{lower} below {higher}: {:?}", told(&policy));
    }
}

#[test]
fn a_rule_for_all_failures_hides_one_whose_observation_every_failure_has() {
    let policy = changed(|policy| {
        policy["checks"]["motd"]["expect"] = json!({ "size_bytes": { "le": 10 } });
        let any = json!({ "when": { "check": "motd", "observation": null } });
        let above = json!({ "attempts": 3, "when": { "check": "motd", "observation": { "size_bytes": { "gt": 9 } } } });
        with_lower_rule(policy, any, above);
        policy["rules"]["R1"]["priority"] = json!(2);
    });
    // A failing check was seen to have more than 10 bytes, as far as it was seen at all.
    assert_eq!(told(&policy), Vec::<String>::new());
}

#[test]
fn what_nobody_can_observe_decides_nothing() {
    assert_eq!(told(&changed(with_scanner)), Vec::<String>::new());
    let policy = changed(|policy| {
        with_scanner(policy);
        policy["settings"]["probation"]["checks"] = json!(["motd", "scan"]);
        policy["runbooks"]["B"]["verify"] = json!(["motd", "scan"]);
    });
    assert_eq!(
        told(&policy),
        ["verify-unobserved runbooks.B.verify.1", "probation-unobserved settings.probation.checks.1"]
    );
    // A runbook that is only run for a check which cannot be observed never runs, and may name it.
    let policy = changed(|policy| {
        with_scanner(policy);
        for rule in ["R1", "R2"] {
            policy["rules"][rule]["when"] = json!({ "check": "scan", "observation": null });
        }
        policy["rules"]["R2"]["priority"] = json!(2);
        policy["rules"]["R2"]["attempts"] = json!(1);
        policy["runbooks"]["B"]["verify"] = json!(["scan"]);
    });
    assert_eq!(told(&policy), Vec::<String>::new());
}

#[test]
fn doubtful_units_are_warnings_and_wrong_ones_say_what_would_be_right() {
    let scanning = |expect: Value| {
        changed(|policy| {
            with_scanner(policy);
            policy["checks"]["scan"]["expect"] = expect;
        })
    };
    let doubtful = scanning(json!({ "age_seconds": { "le": 26 } }));
    assert_eq!(told(&doubtful), ["unit-doubtful checks.scan.expect.age_seconds.le"]);
    assert_eq!(findings(&doubtful)[0].severity, Level::Warning);
    assert_eq!(told(&scanning(json!({ "age_seconds": { "le": 300 } }))), Vec::<String>::new());
    assert_eq!(told(&scanning(json!({ "age_seconds": { "ge": 26 } }))), Vec::<String>::new());
    let wrong = findings(&scanning(json!({ "age_seconds": { "le": "26h" } })));
    assert_eq!(wrong[0].help.as_deref(), Some("writ.inSeconds \"26h\" is 93600"));
    let wrong = findings(&scanning(json!({ "offset_ms": { "le": "1s" } })));
    assert_eq!(wrong[0].help.as_deref(), Some("1s are 1000 milliseconds"));
}

#[test]
fn a_check_of_many_controls_of_one_baseline_is_asked_about() {
    let shared = |files: [&str; 4]| {
        changed(|policy| {
            for (i, file) in files.into_iter().enumerate() {
                let mut control = policy["controls"]["A"].clone();
                control["declared_at"]["file"] = json!(file);
                policy["controls"][format!("A{i}")] = control;
            }
            policy["controls"].as_object_mut().unwrap().remove("A");
            for rule in ["R1", "R2"] {
                policy["rules"][rule]["controls"] = json!(["A0"]);
            }
        })
    };
    let of_one = shared(["baselines/a/x.nix", "baselines/a/y.nix", "baselines/a/x.nix", "baselines/a/x.nix"]);
    assert_eq!(told(&of_one), ["check-shared-widely checks.motd", "check-shared-widely checks.shadow"]);
    assert_eq!(findings(&of_one)[0].related.len(), 4);
    let of_two = shared(["baselines/a/x.nix", "baselines/a/y.nix", "baselines/a/x.nix", "baselines/b/x.nix"]);
    assert_eq!(told(&of_two), Vec::<String>::new());
}

/// Things that must never stand in a policy, made here so that no scanner takes this file for a leak.
fn planted() -> Vec<String> {
    let row = |n: usize| "A".repeat(n);
    vec![
        format!("-----BEGIN {} KEY-----", "OPENSSH PRIVATE"),
        format!("-----BEGIN {} KEY BLOCK-----", "PGP PRIVATE"),
        format!("AGE-SECRET-{}1{}", "KEY-", row(58)),
        format!("RWRTY0Iy{}", row(200)),
        format!("RWQAAEIy{}", row(200)),
        format!("AK{}{}", "IA", row(16)),
        format!("rest:https://clinic:{}@backup.example/", "hunter2"),
    ]
}

#[test]
fn each_kind_of_key_is_known_and_what_is_public_is_none() {
    for secret in planted() {
        assert!(gives_away(&secret).is_some(), "{}", &secret[..12]);
        assert!(!redacted(&format!("a {secret} b")).contains(&secret[8..]), "{}", &secret[..12]);
        assert_eq!(redacted(&format!("a {secret} b")).len(), secret.len() + 4);
    }
    for public in [
        "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3",
        "https://backup.example:8000/a@b",
        "-----BEGIN CERTIFICATE-----",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI",
        "postgres://backup@localhost/records",
    ] {
        assert_eq!(gives_away(public), None, "{public}");
        assert_eq!(redacted(public), public);
    }
}

/// Every place of the policy where a text stands, as pointers.
fn texts(value: &Value, at: &str, all: &mut Vec<String>) {
    match value {
        Value::String(_) => all.push(at.to_owned()),
        Value::Array(list) => list.iter().enumerate().for_each(|(i, v)| texts(v, &format!("{at}/{i}"), all)),
        Value::Object(object) => {
            // Places are no texts of people.
            let own = object.iter().filter(|(k, _)| *k != "declared_at");
            own.for_each(|(k, v)| texts(v, &format!("{at}/{k}"), all));
        }
        _ => {}
    }
}

/// Every place of the policy where an object with names in it stands, as pointers.
fn objects(value: &Value, at: &str, all: &mut Vec<String>) {
    match value {
        Value::Array(list) => list.iter().enumerate().for_each(|(i, v)| objects(v, &format!("{at}/{i}"), all)),
        Value::Object(object) if !object.is_empty() && !at.ends_with("/declared_at") => {
            all.push(at.to_owned());
            object.iter().for_each(|(k, v)| objects(v, &format!("{at}/{}", k.replace('/', "~1")), all));
        }
        _ => {}
    }
}

/// The secret is found, and what says so does not hold it.
fn shown_nowhere(policy: &Value, secret: &str, pointer: &str) -> Result<(), TestCaseError> {
    let found = findings(policy);
    prop_assert!(found.iter().any(|f| f.code == "secret-in-clear"), "{pointer}: {found:?}");
    for finding in found.iter().filter(|f| f.code == "secret-in-clear") {
        prop_assert!(!format!("{finding:?}").contains(&secret[8..]), "{pointer}");
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_key_in_the_clear_is_found_wherever_it_stands_and_never_repeated(
        at in any::<prop::sample::Index>(),
        which in any::<prop::sample::Index>(),
    ) {
        let sections =
            ["controls", "checks", "rules", "runbooks", "duties", "exceptions", "settings", "programs", "secrets"];
        let mut all = Vec::new();
        sections.iter().for_each(|section| texts(&policy()[section], &format!("/{section}"), &mut all));
        let secret = planted()[which.index(planted().len())].clone();
        let pointer = at.get(&all);
        let policy = changed(|policy| *policy.pointer_mut(pointer).unwrap() = json!(secret));
        shown_nowhere(&policy, &secret, pointer)?;
    }

    #[test]
    fn nor_is_one_that_stands_as_a_name(at in any::<prop::sample::Index>(), which in any::<prop::sample::Index>()) {
        let sections = ["controls", "checks", "rules", "runbooks", "duties", "exceptions", "settings"];
        let mut all = Vec::new();
        sections.iter().for_each(|section| objects(&policy()[section], &format!("/{section}"), &mut all));
        let secret = planted()[which.index(planted().len())].clone();
        let pointer = at.get(&all);
        let policy = changed(|policy| {
            let object = policy.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
            let last = object.keys().next_back().unwrap().clone();
            let value = object.remove(&last).unwrap();
            object.insert(secret.clone(), value);
        });
        shown_nowhere(&policy, &secret, pointer)?;
    }
}
