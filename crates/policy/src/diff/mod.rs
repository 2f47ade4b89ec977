//! What differs between two policies, value by value, and whether that weakens or strengthens protection.
//!
//! Where things are declared and digests of parts are left out: they change with every edit and protect nothing.

mod effect;
mod predicate;

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value as Json};

use crate::policy::Policy;

/// What a change does to protection, as far as that can be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Something that was shown, healed or kept is so no longer, or later, or less.
    Weaker,
    /// Cannot be decided from the two values.
    Unclear,
    /// The opposite of weaker.
    Stronger,
    /// Another way to say the same.
    Same,
}

/// One changed value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Keys from the policy's root.
    pub path: Vec<String>,
    /// What stood there; none when it is new.
    pub before: Option<Json>,
    /// What stands there now; none when it is gone.
    pub after: Option<Json>,
    /// What it does to protection.
    pub effect: Effect,
}

/// Every changed value, in order of path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// The changes.
    pub changes: Vec<Change>,
}

impl Diff {
    /// Whether nothing changed that this crate looks at.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Whether anything became weaker.
    pub fn weakens(&self) -> bool {
        self.changes.iter().any(|change| change.effect == Effect::Weaker)
    }
}

/// Fields that name or place a thing, and protect nothing.
const IGNORED: [&str; 5] = ["schema", "site", "appliance", "declared_at", "rules_version"];

/// What differs between two policies of one appliance.
pub fn diff(before: &Policy, after: &Policy) -> Diff {
    // A policy is plain data: writing it as JSON cannot fail, and if it did, nothing would be hidden but the change.
    let json = |policy| serde_json::to_value(policy).unwrap_or_default();
    diff_json(&json(before), &json(after))
}

/// The same for documents, for instance of a version that this crate cannot parse whole.
pub fn diff_json(before: &Json, after: &Json) -> Diff {
    let mut changes = Vec::new();
    compare(&mut Vec::new(), before, after, &mut changes);
    Diff { changes }
}

fn compare(path: &mut Vec<String>, before: &Json, after: &Json, changes: &mut Vec<Change>) {
    if before == after {
        return;
    }
    let keys: Vec<&str> = path.iter().map(String::as_str).collect();
    match (before, after) {
        (Json::Object(_), Json::Object(_)) if effect::is_predicate(&keys) => {
            predicate::compare(path, before, after, changes);
        }
        // A probe of another kind is another probe, not parameters that come and go.
        (Json::Object(a), Json::Object(b)) if keys.last() != Some(&"probe") || a.keys().eq(b.keys()) => {
            each(path, a, b, changes);
        }
        _ => {
            let effect = effect::of(&keys, Some(before), Some(after));
            let (before, after) = (Some(before.clone()), Some(after.clone()));
            changes.push(Change { path: path.clone(), before, after, effect });
        }
    }
}

fn each(path: &mut Vec<String>, before: &Map<String, Json>, after: &Map<String, Json>, changes: &mut Vec<Change>) {
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for key in keys.into_iter().filter(|key| !IGNORED.contains(&key.as_str())) {
        path.push(key.clone());
        match (before.get(key), after.get(key)) {
            (Some(a), Some(b)) => compare(path, a, b, changes),
            (a, b) => {
                let keys: Vec<&str> = path.iter().map(String::as_str).collect();
                let effect = effect::of(&keys, a, b);
                changes.push(Change { path: path.clone(), before: a.cloned(), after: b.cloned(), effect });
            }
        }
        path.pop();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy() -> Json {
        json!({
            "baselines": {"hipaa": "1"},
            "controls": {"A": {"severity": "high", "coverage": "automated", "checks": ["c"], "declared_at": {"line": 1}}},
            "checks": {"c": {"every": "5m", "severity": "high", "probe": {"file": {"path": "/a"}}, "prefer": null,
                "expect": {"mode": {"eq": "0644"}, "age": {"le": 26}}}},
            "rules": {"r": {"when": {"check": "c", "observation": null}, "run": "b", "attempts": 3}},
            "runbooks": {"b": {"steps": [{"id": "x"}]}},
            "exceptions": {"e": {"check": "c", "expires": "2027-01-01T00:00:00Z"}},
            "settings": {"sla": {"high": "1h"}, "retention": {"evidence": "6y"}, "probation": {"checks": null},
                "escalation": {"l1_failures": {"high": 2}}, "evidence_budget_mb": 512},
        })
    }

    /// Replaces what a pointer names; null removes it.
    fn edited(pointer: &str, value: Json) -> Json {
        let mut policy = policy();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = policy.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        if value == json!("gone") {
            parent.remove(key)
        } else {
            parent.insert(key.to_owned(), value)
        };
        policy
    }

    #[test]
    fn each_change_has_its_effect_and_its_opposite() {
        for (pointer, value, path) in [
            ("/checks/c", json!("gone"), "checks.c"),
            ("/controls/A", json!("gone"), "controls.A"),
            ("/rules/r", json!("gone"), "rules.r"),
            ("/exceptions/f", json!({"check": "c"}), "exceptions.f"),
            ("/exceptions/e/expires", json!("2028-01-01T00:00:00Z"), "exceptions.e.expires"),
            ("/checks/c/every", json!("1h"), "checks.c.every"),
            ("/checks/c/severity", json!("low"), "checks.c.severity"),
            ("/checks/c/expect/age/le", json!(30), "checks.c.expect.age.le"),
            ("/checks/c/expect/mode", json!("gone"), "checks.c.expect.mode"),
            ("/controls/A/checks", json!([]), "controls.A.checks"),
            ("/controls/A/coverage", json!("procedural"), "controls.A.coverage"),
            ("/settings/sla/high", json!("4h"), "settings.sla.high"),
            ("/settings/retention/evidence", json!("1y"), "settings.retention.evidence"),
            ("/settings/escalation/l1_failures/high", json!(9), "settings.escalation.l1_failures.high"),
            ("/settings/probation/checks", json!(["c"]), "settings.probation.checks"),
            ("/settings/evidence_budget_mb", json!(1), "settings.evidence_budget_mb"),
        ] {
            let (before, after) = (policy(), edited(pointer, value));
            let there = diff_json(&before, &after);
            assert_eq!(there.changes.len(), 1, "{there:?}");
            assert_eq!(there.changes[0].path.join("."), path);
            assert_eq!(there.changes[0].effect, Effect::Weaker, "{path}");
            assert!(there.weakens());
            let back = diff_json(&after, &before);
            assert_eq!(back.changes[0].effect, Effect::Stronger, "{path}, back");
            assert_eq!(
                (&back.changes[0].before, &back.changes[0].after),
                (&there.changes[0].after, &there.changes[0].before)
            );
        }
    }

    #[test]
    fn predicates_are_compared_by_what_they_allow() {
        for (before, after, effect) in [
            (json!({"n": {"le": 26}}), json!({"any": [{"n": {"le": 26}}, {"n": {"ge": 0}}]}), Effect::Weaker),
            (
                json!({"any": [{"a": {"eq": 1}}, {"b": {"eq": 1}}]}),
                json!({"any": [{"b": {"eq": 1}}, {"a": {"eq": 1}}]}),
                Effect::Same,
            ),
            (json!({"s": {"in": ["x", "y"]}}), json!({"s": {"in": ["x"]}}), Effect::Stronger),
            (json!({"s": {"in": ["x", "y"]}}), json!({"s": {"eq": "x"}}), Effect::Stronger),
            (json!({"s": {"matches": "x"}}), json!({"s": {"matches": "y"}}), Effect::Unclear),
            (json!({"l": {"subset_of": ["x"]}}), json!({"l": {"subset_of": ["x", "y"]}}), Effect::Weaker),
            (json!({"l": {"superset_of": ["x"]}}), json!({"l": {"superset_of": ["x", "y"]}}), Effect::Stronger),
            (json!({"n": {"ge": 5}}), json!({"n": {"ge": 3, "ne": 4}}), Effect::Weaker),
            (json!({"n": {"ge": 5}}), json!({"n": {"ge": 3, "ne": 6}}), Effect::Unclear),
        ] {
            let (a, b) = (edited("/checks/c/expect", before.clone()), edited("/checks/c/expect", after.clone()));
            let effects: BTreeSet<Effect> = diff_json(&a, &b).changes.iter().map(|c| c.effect).collect();
            assert_eq!(effects, BTreeSet::from([effect]), "{before} → {after}");
        }
    }

    #[test]
    fn places_and_digests_are_no_changes() {
        assert!(diff_json(&policy(), &edited("/controls/A/declared_at", json!({"line": 2}))).is_empty());
        assert!(diff_json(&policy(), &policy()).is_empty());
    }
}
