//! SARIF 2.1.0, the format that code scanning services read:
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>.
//!
//! [`log`], [`artifact`] and [`fingerprint`] are for every document of ours; [`findings`] makes the one of a comparison, where
//! what does not hold stands at the line of Nix that asked for it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use writ_policy::declared::{DeclaredAt, Severity};
use writ_trust::digest::Digest;

use super::uri;
use crate::compare::model::{CheckFinding, Comparison, ControlFinding, Verdict};
use crate::problem::Weight;

/// The schema that documents name.
const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json";
/// What paths are relative to.
const BASE: &str = "SRCROOT";

/// A document of one run. `invocation` says whether everything was looked at.
pub fn log(rules: Vec<Value>, invocation: Value, results: Vec<Value>) -> Value {
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "writ",
                "version": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": { BASE: { "description": { "text": "The root of the repository." } } },
            "invocations": [invocation],
            "results": results,
        }],
    })
}

/// An invocation, with what kept it from looking at everything: a service must not take what is not here for mended.
pub fn invocation(kept_from: Vec<String>) -> Value {
    if kept_from.is_empty() {
        return json!({ "executionSuccessful": true });
    }
    let said = kept_from.into_iter().map(|text| json!({ "level": "error", "message": { "text": text } }));
    json!({ "executionSuccessful": false, "toolExecutionNotifications": said.collect::<Vec<_>>() })
}

/// A file. `prefix` leads from the repository's root to the tree, and ends in `/` unless it is empty.
pub fn artifact(file: &str, prefix: &str) -> Value {
    json!({ "uri": uri::reference(&format!("{prefix}{file}")), "uriBaseId": BASE })
}

/// What is the same for as long as these things are: 64 hexadecimal digits.
pub fn fingerprint(of: &Value) -> String {
    Digest::of(of.to_string().as_bytes()).hex()
}

/// What does not hold, or was not shown, in a comparison: each such check of each appliance, and each control that no such check
/// speaks for. What an exception lifts is there and suppressed. A partly demonstrated control whose checks all hold is no result.
pub fn findings(c: &Comparison, prefix: &str) -> Value {
    let checks: Vec<&CheckFinding> =
        c.checks.iter().filter(|check| level(check.verdict, check.severity).is_some()).collect();
    let bad = |v: Verdict| matches!(v, Verdict::Failed | Verdict::NoEvidence | Verdict::NotAssessable);
    let spoken_for =
        |control: &ControlFinding| control.checks.iter().filter_map(|i| c.checks.get(*i)).any(|k| bad(k.verdict));
    let controls: Vec<&ControlFinding> = c.controls.iter().filter(|k| bad(k.verdict) && !spoken_for(k)).collect();
    let of_checks = checks
        .iter()
        .map(|k| (k.check.as_str(), rule(&k.check, &k.title, &format!("Expected: {}.", k.expects), k.severity)));
    let of_controls = controls.iter().map(|k| (k.control.as_str(), rule(&k.control, &k.title, &k.title, k.severity)));
    let rules: BTreeMap<&str, Value> = of_controls.chain(of_checks).collect();
    let index = |id: &str| rules.keys().position(|known| *known == id);
    let mut results: Vec<Value> = checks.iter().map(|k| check_result(c, k, index(&k.check), prefix)).collect();
    results.extend(controls.iter().map(|k| control_result(c, k, index(&k.control), prefix)));
    let mut document = log(rules.values().cloned().collect(), invocation(kept_from(c)), results);
    // One site's results never take the place of another's.
    document["runs"][0]["automationDetails"] = json!({ "id": format!("writ-audit/{}/", c.site) });
    document["runs"][0]["properties"] = json!({ "site": c.site, "period": c.period });
    document
}

/// What kept the comparison from judging everything.
fn kept_from(c: &Comparison) -> Vec<String> {
    let bad = c.verification.problems.list.iter().filter(|p| p.weight == Weight::Bad);
    let mut said: Vec<String> =
        bad.map(|p| format!("{} at {}: {}. {}.", p.code, p.path, p.what, p.consequence)).collect();
    if !c.verification.ok && said.is_empty() {
        said.push("the folder does not verify".to_owned());
    }
    said.extend(c.appliances.iter().filter_map(|a| Some(format!("{}: {}", a.appliance, a.not_assessable.as_ref()?))));
    said
}

/// How much a verdict weighs; none for one that nothing follows from.
fn level(verdict: Verdict, severity: Severity) -> Option<&'static str> {
    match verdict {
        Verdict::Failed | Verdict::Excepted => Some(of_severity(severity)),
        // That nothing is known is never as bad as that it does not hold.
        Verdict::NoEvidence | Verdict::NotAssessable if severity == Severity::Low => Some("note"),
        Verdict::NoEvidence | Verdict::NotAssessable => Some("warning"),
        Verdict::PartlyDemonstrated => Some("note"),
        Verdict::Demonstrated | Verdict::Procedural | Verdict::Inherited | Verdict::NotApplicable => None,
    }
}

fn of_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

fn rule(id: &str, title: &str, help: &str, severity: Severity) -> Value {
    json!({
        "id": id,
        "shortDescription": { "text": format!("{title}.") },
        "help": { "text": help },
        "defaultConfiguration": { "level": of_severity(severity) },
    })
}

fn locations(at: &DeclaredAt, prefix: &str) -> Value {
    let region = json!({ "startLine": at.line.max(1) });
    json!([{ "physicalLocation": { "artifactLocation": artifact(&at.file, prefix), "region": region } }])
}

fn check_result(c: &Comparison, check: &CheckFinding, index: Option<usize>, prefix: &str) -> Value {
    let mut result = json!({
        "ruleId": check.check,
        "ruleIndex": index,
        "level": level(check.verdict, check.severity),
        "message": { "text": format!("{}. Expected: {}.", check.line(), check.expects) },
        "locations": locations(&check.declared_at, prefix),
        "partialFingerprints": { "writFinding/v1": fingerprint(&json!([c.site, check.appliance, check.check])) },
        "properties": {
            "site": c.site,
            "appliance": check.appliance,
            "verdict": check.verdict.as_str(),
            "severity": check.severity,
            "bundles": check.evidence.iter().map(|link| &link.path).collect::<Vec<_>>(),
        },
    });
    if check.verdict == Verdict::Excepted {
        let lifting = c.exceptions.iter().filter(|e| check.exceptions.contains(&e.id));
        let suppressions = lifting.map(|e| {
            let exception = &e.exception;
            let why = format!(
                "{} (exception {}, approved by {}, until {})",
                exception.reason, e.id, exception.approved_by, exception.expires
            );
            json!({ "kind": "external", "status": "accepted", "justification": why })
        });
        result["suppressions"] = suppressions.collect();
    }
    result
}

fn control_result(c: &Comparison, control: &ControlFinding, index: Option<usize>, prefix: &str) -> Value {
    let reasons = if control.reasons.is_empty() { String::new() } else { format!(" ({})", control.reasons.join("; ")) };
    json!({
        "ruleId": control.control,
        "ruleIndex": index,
        "level": level(control.verdict, control.severity),
        "message": { "text": format!("{} {}: {}{reasons}.", control.control, control.title, control.verdict) },
        "locations": locations(&control.declared_at, prefix),
        "partialFingerprints": { "writFinding/v1": fingerprint(&json!([c.site, control.control])) },
        "properties": { "site": c.site, "verdict": control.verdict.as_str(), "severity": control.severity },
    })
}
