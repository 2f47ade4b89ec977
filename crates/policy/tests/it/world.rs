//! A small registry and a policy without mistakes.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use writ_policy::schema::{Class, FieldSchema, Kind, ParameterSchema, ProbeSchema, Registry, StepSchema};
use writ_policy::validate::{Finding, path_text, validate};
use writ_policy::values::{Form, Values};
use writ_trust::digest::Digest;
use writ_trust::time::Time;

const fn parameter(name: &'static str, kind: Kind, required: bool) -> ParameterSchema {
    ParameterSchema { name, kind, required, values: Values::Any, about: "" }
}

const fn seen(name: &'static str, kind: Kind, class: Class) -> FieldSchema {
    FieldSchema { name, kind, class, values: Values::Any, about: "" }
}

const FILE: ProbeSchema = ProbeSchema {
    name: "file",
    about: "",
    parameters: &[parameter("path", Kind::Text, true), parameter("follow", Kind::Bool, false)],
    observation: &[
        seen("exists", Kind::Bool, Class::Plain),
        seen("mode", Kind::Text, Class::Plain),
        seen("size_bytes", Kind::Int, Class::Plain),
        seen("holders", Kind::List, Class::Identifier),
        seen("content", Kind::Text, Class::Text),
    ],
};

/// A probe that the agent has only the schema of.
const SCANNER: ProbeSchema = ProbeSchema {
    name: "scanner",
    about: "",
    parameters: &[parameter("token", Kind::Secret, false)],
    observation: &[seen("age_seconds", Kind::Int, Class::Plain), seen("offset_ms", Kind::Int, Class::Plain)],
};

const RESTORE: StepSchema = StepSchema {
    name: "file.restore",
    about: "",
    parameters: &[
        parameter("path", Kind::Text, true),
        parameter("password", Kind::Secret, false),
        parameter("source", Kind::Program, false),
        parameter("after", Kind::Span, false),
        parameter("names", Kind::List, false),
        parameter("count", Kind::Int, false),
        parameter("checks", Kind::List, false).form(Form::CheckId),
    ],
};

pub fn registry() -> Registry {
    Registry {
        probes: [("file", FILE), ("scanner", SCANNER)].into(),
        steps: [("file.restore", RESTORE)].into(),
        announced: ["scanner"].into(),
        network: BTreeSet::new(),
    }
}

pub fn now() -> Time {
    "2026-11-23T00:00:00Z".parse().unwrap()
}

/// A policy without mistakes.
pub fn policy() -> Value {
    let at = |line: u32| json!({ "file": "a.nix", "line": line });
    let mut policy = json!({
        "schema": "writ.policy.v2", "site": "clinic-001", "appliance": "front-desk", "baselines": { "hipaa": "2026.1" },
        "controls": {
            "A": { "title": "a", "coverage": "automated", "severity": "high", "requirement": "required",
                "maps": { "soc2": ["CC1"] }, "checks": ["motd", "shadow"], "duties": ["review"], "procedure": null, "not_assessed": null, "declared_at": at(1) },
            "P": { "title": "p", "coverage": "procedural", "severity": "low", "requirement": null, "maps": {}, "checks": [],
                "duties": ["review"], "procedure": "p", "not_assessed": null, "declared_at": at(9) },
        },
        "checks": {
            "motd": { "title": "m", "probe": { "file": { "path": "/etc/motd" } }, "expect": { "mode": { "eq": "0644" }, "exists": { "eq": true } },
                "prefer": null, "every": "5m", "target": "self", "severity": "high",
                "cites": ["nist-800-53:CM-6"], "declared_at": at(2) },
            "shadow": { "title": "s", "probe": { "file": { "path": "/etc/shadow" } },
                "expect": { "any": [ { "mode": { "in": ["0640"] } }, { "exists": { "eq": false } } ] },
                "prefer": { "size_bytes": { "le": 9 } }, "every": "5m", "target": "self", "severity": "high",
                "cites": [], "declared_at": at(3) },
        },
        "rules": {
            "R1": { "title": "r", "when": { "check": "motd", "observation": { "mode": { "ne": "0644" } } }, "run": "B", "escalate": null,
                "priority": 1, "attempts": 3, "cooldown": "1h", "controls": ["A"], "declared_at": at(4) },
            "R2": { "title": "r", "when": { "check": "motd", "observation": { "exists": { "eq": false }, "mode": { "eq": "0644" } } },
                "run": "B", "escalate": null, "priority": 1, "attempts": 3, "cooldown": "1h", "controls": ["A"], "declared_at": at(5) },
        },
        "runbooks": {
            "B": { "title": "b", "version": "1", "verify": ["motd"], "declared_at": at(6), "steps": [
                { "id": "one", "step": "file.restore", "timeout": "10s",
                    "parameters": { "path": "/etc/motd", "password": { "secret": "x" }, "source": { "program": "p" },
                        "after": "5m", "names": ["a"], "count": 1 },
                    "undo": { "step": "file.restore", "parameters": { "path": "/a" }, "timeout": "1s" } },
            ] },
        },
        "duties": {
            "review": { "title": "r", "cadence": { "every": "91d", "on": null, "within": null }, "day": null, "by": "b",
                "attach": "a", "source": ["CK-01"], "declared_at": at(8) },
        },
        "exceptions": {
            "E": { "control": null, "check": "motd", "reason": "r", "risk": "r", "compensating": "c", "owner": "o",
                "approved_by": "Ruth", "approval": Digest::of(b"").to_string(), "approved_at": "2026-09-01T00:00:00Z",
                "expires": "2027-03-01T00:00:00Z", "declared_at": at(7) },
        },
        "programs": ["p"], "secrets": ["x"],
        "settings": {
            "title": "t", "time_zone": "Etc/UTC", "tier": "essential", "approvers": ["Ruth"],
            "contacts": { "on-call": { "person": "Kim", "role": "primary", "email": null, "phone": "112",
                "answers_within": "15m" } },
            "notify": { "pager": { "kind": "pagerduty", "address": null, "secret": "x", "severities": ["critical"],
                "events": ["escalated"] } },
            "maintenance": { "windows": [ { "days": ["sun"], "from": "22:00", "to": "02:00", "allows": ["switch"] } ] },
            "planner": { "enabled": false, "review": "before", "model": {
                "url": "https://models.example/v1", "name": "small-1", "key": "x", "insecure": false, "deadline": "4s",
                "most_runbooks": 3,
                "budget": { "calls_per_hour": 6, "calls_per_day": 30, "microdollars_per_day": 100_000 },
                "price": { "input_microdollars_per_1000_tokens": 150, "output_microdollars_per_1000_tokens": 600 },
            } },
            "sla": { "critical": "15m", "high": "1h", "medium": "4h", "low": "24h" },
            "escalation": { "l1_failures": { "critical": 3, "high": 2, "medium": 3, "low": 3 }, "l2_failures": 2,
                "no_answer": "30m", "acknowledge": "15m", "updates": { "critical": "2h", "high": "4h" }, "report": "72h",
                "route": { "critical": ["on-call"], "high": [], "medium": [], "low": [] }, "contacts": ["c"] },
            "circuit_breaker": { "fires": 5, "within": "1h" }, "posture": { "vector": "1h", "snapshot": "24h" },
            "retention": { "evidence": "6y", "logs": "365d", "application_logs": "1y", "audit_logs": null,
                "configuration": null, "reports": null, "online": "30d" }, "probation": { "window": "5s", "checks": ["motd"] },
            "evidence_budget_mb": 512,
        },
    });
    seal(&mut policy);
    policy
}

/// Puts the right `rules_version` in.
pub fn seal(policy: &mut Value) {
    let hashed = json!({ "rules": policy["rules"], "runbooks": policy["runbooks"] });
    policy["rules_version"] = json!(Digest::of(&writ_trust::json::canonical(&hashed)).to_string());
}

/// The policy with one value replaced, or removed by null where `value` is none.
pub fn edited(pointer: &str, value: Option<Value>) -> Value {
    let mut policy = policy();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match (policy.pointer_mut(parent).unwrap_or_else(|| panic!("{pointer}")), value) {
        (Value::Object(object), Some(value)) => drop(object.insert(key.to_owned(), value)),
        (Value::Object(object), None) => assert!(object.remove(key).is_some(), "{pointer}"),
        (Value::Array(list), Some(value)) => list[key.parse::<usize>().unwrap()] = value,
        _ => panic!("{pointer}"),
    }
    seal(&mut policy);
    policy
}

/// The codes and paths of the findings of a policy.
pub fn told(policy: &Value) -> Vec<String> {
    findings(policy).iter().map(|f| format!("{} {}", f.code, path_text(&f.path))).collect()
}

pub fn findings(policy: &Value) -> Vec<Finding> {
    validate(policy, &registry(), now())
}
