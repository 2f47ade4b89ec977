//! Small policies: files whose mode and content must stay, each with a rule that restores it.

use std::fs;

use serde_json::{Map, Value, json};
use writ_trust::digest::Digest;
use writ_trust::json::canonical;

use super::{ACCOUNT_EVERY, House};

pub fn content(n: usize) -> String {
    format!("file number {n}\n")
}

fn declared() -> Value {
    json!({ "file": "hosts/test/policy.nix", "line": 1 })
}

impl House {
    /// The policy of this appliance, as JSON to be spoilt.
    pub fn policy(&self) -> Value {
        let (mut checks, mut rules, mut runbooks) = (Map::new(), Map::new(), Map::new());
        for n in 0..self.files() {
            let path = self.file(n).display().to_string();
            let expect = json!({ "mode": { "eq": "0644" }, "sha256": { "eq": Digest::of(content(n).as_bytes()) } });
            checks.insert(format!("file.{n}"), self.check(json!({ "file": { "path": path } }), expect));
            rules.insert(format!("L1-FILE-{n}"), rule(&format!("file.{n}"), &format!("RB-FILE-{n}")));
            let parameters =
                json!({ "path": path, "content": content(n), "mode": "0644", "owner": "root", "group": "root" });
            runbooks.insert(format!("RB-FILE-{n}"), runbook(&format!("file.{n}"), "file.restore", parameters));
        }
        let ids: Vec<&String> = checks.keys().collect();
        let control = json!({
            "title": "Integrity", "coverage": "automated", "severity": "high", "maps": {}, "checks": ids,
            "procedure": null, "not_assessed": null, "declared_at": declared()
        });
        with_rules_version(json!({
            "schema": "writ.policy.v1", "site": self.site, "appliance": "front-desk",
            "baselines": { "test": "1" }, "controls": { "164.312(c)(1)": control },
            "checks": checks, "rules": rules, "runbooks": runbooks, "exceptions": {}, "settings": settings(&self.account_every()),
        }))
    }

    /// How often every run is accounted for.
    fn account_every(&self) -> String {
        fs::read_to_string(self.path(ACCOUNT_EVERY)).unwrap_or_else(|_| "1h".to_owned())
    }

    fn check(&self, probe: Value, expect: Value) -> Value {
        json!({
            "title": "A file stays as it is", "probe": probe, "expect": expect, "prefer": null, "every": "1h",
            "target": "self", "severity": "high", "declared_at": declared()
        })
    }

    pub fn policy_bytes(&self) -> Vec<u8> {
        canonical(&self.policy())
    }
}

/// Puts the digest of its rules and runbooks into a policy.
pub fn with_rules_version(mut policy: Value) -> Value {
    let covered = json!({ "rules": policy["rules"], "runbooks": policy["runbooks"] });
    policy["rules_version"] = json!(Digest::of(&canonical(&covered)));
    policy
}

fn rule(check: &str, run: &str) -> Value {
    json!({
        "title": "The file was altered", "when": { "check": check, "observation": null }, "run": run, "priority": 100,
        "attempts": 3, "cooldown": "1s", "controls": ["164.312(c)(1)"], "declared_at": declared()
    })
}

fn runbook(check: &str, step: &str, parameters: Value) -> Value {
    let steps = json!([{ "id": "restore", "step": step, "parameters": parameters, "timeout": "10s", "undo": null }]);
    json!({ "title": "Restore", "version": "1.0", "steps": steps, "verify": [check], "declared_at": declared() })
}

fn settings(account_every: &str) -> Value {
    json!({
        "title": "Test clinic", "time_zone": "UTC", "approvers": ["the owner"],
        "sla": { "critical": "15m", "high": "1h", "medium": "4h", "low": "24h" },
        "escalation": { "l1_failures": { "critical": 3, "high": 2, "medium": 3, "low": 3 }, "contacts": ["on-call@msp.example"] },
        "circuit_breaker": { "fires": 1000, "within": "1h" },
        "posture": { "vector": account_every, "snapshot": "24h" }, "retention": { "evidence": "6y", "logs": "365d" },
        "probation": { "window": "200ms", "checks": null }, "evidence_budget_mb": 512
    })
}
