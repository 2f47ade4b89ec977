//! Documents of the schema before: what appliances and auditors have on disk stays readable.

use serde_json::{Value, json};
use writ_policy::policy::{Policy, PolicyError, SCHEMA, upgrade};
use writ_policy::validate::validate;

use crate::world::{now, policy, registry, seal};

/// Exactly as the version before wrote it.
const OLDER: &[u8] = include_bytes!("../data/policy-v1.json");

fn older() -> Value {
    serde_json::from_slice(OLDER).unwrap()
}

fn parse(policy: &Value) -> Result<Policy, PolicyError> {
    Policy::parse(&serde_json::to_vec(policy).unwrap())
}

#[test]
fn an_older_policy_is_read_and_means_what_it_meant() {
    let policy = Policy::parse(OLDER).unwrap();
    let older = older();
    assert_eq!(policy.schema, SCHEMA);
    assert_eq!(json!(policy.rules_version), older["rules_version"]);
    assert_eq!(json!(policy.settings.escalation.contacts), older["settings"]["escalation"]["contacts"]);
    assert!(policy.duties.is_empty() && policy.settings.contacts.is_empty() && !policy.settings.planner.enabled);
    for (id, runbook) in &policy.runbooks {
        // Evidence names runbooks by this digest, also evidence from before.
        assert_eq!(json!(runbook), older["runbooks"][id], "{id}");
    }
    for (id, rule) in &policy.rules {
        assert_eq!(json!(rule.run), older["rules"][id]["run"], "{id}");
    }
}

#[test]
fn what_is_upgraded_has_the_newer_shape() {
    let mut upgraded = upgrade(older());
    seal(&mut upgraded);
    let shape: Vec<_> = validate(&upgraded, &registry(), now())
        .into_iter()
        .filter(|f| ["missing-field", "unknown-field", "unknown-schema"].contains(&f.code.as_ref()))
        .collect();
    assert_eq!(shape, []);
}

#[test]
fn a_newer_policy_is_left_alone() {
    for other in [policy(), json!(null), json!([]), json!({ "schema": "writ.policy.v9" })] {
        assert_eq!(upgrade(other.clone()), other);
    }
}

#[test]
fn an_older_policy_with_newer_fields_is_refused_as_agents_of_that_time_refuse_it() {
    for (pointer, value, told) in [
        ("/secrets", json!([]), "secrets"),
        ("/rules/L1-FW-001/escalate", json!(null), "rules.\"L1-FW-001\".escalate"),
        ("/checks/access.ssh/cites", json!([]), "checks.\"access.ssh\".cites"),
        ("/settings/planner", json!({ "enabled": true, "review": "never" }), "settings.planner"),
        ("/settings/escalation/l2_failures", json!(9), "settings.escalation.l2_failures"),
    ] {
        let mut policy = older();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        policy.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(key.to_owned(), value);
        seal(&mut policy);
        match parse(&policy) {
            Err(PolicyError::Foreign { field }) => assert_eq!(field, told),
            other => panic!("{pointer}: {other:?}"),
        }
    }
}

#[test]
fn the_rules_of_an_older_policy_are_held_against_its_own_bytes() {
    let mut tampered = older();
    tampered["rules"]["L1-FW-001"]["attempts"] = json!(9);
    assert!(matches!(parse(&tampered), Err(PolicyError::RulesVersion { .. })));
    let mut unknown = older();
    unknown["schema"] = json!("writ.policy.v9");
    assert!(matches!(parse(&unknown), Err(PolicyError::UnknownSchema { .. })));
}
