//! Schemas and parsers agree on every small change of every document.
//!
//! - What a parser accepts, the schema accepts. The one difference: a member that may be null is in every document that we
//!   write, and a schema asks for it; most parsers read a missing one as null, and as nothing else.
//! - What a parser refuses for its shape, the schema refuses.
//!
//! A schema may accept what a parser refuses for what it says (digests that do not fit, keys that are listed twice).

use std::fs;
use std::sync::LazyLock;

use serde_json::Value;
use writ_evidence::bundle::{Bundle, MAX_BUNDLE};
use writ_evidence::posture::Posture;
use writ_evidence::validate::ValidationError;
use writ_policy::closure::{Closure, ClosureError};
use writ_policy::policy::{Policy, PolicyError};
use writ_policy::schema::Registry;
use writ_policy::validate::{Level, validate};
use writ_trust::digest::Digest;
use writ_trust::json;
use writ_trust::log::entry::LogEntry;
use writ_trust::log::receipt::Receipt;
use writ_trust::log::restart::LogRestart;
use writ_trust::release::{Release, ReleaseError};
use writ_trust::root::{RootError, TrustRoot};
use writ_wire::plan::Plan;
use writ_wire::plan_request::PlanRequest;
use writ_wire::plan_verdict::PlanVerdict;

use super::judge::{judged_by_many, repository};
use super::mutations::{self, Mutation};

/// What a parser says.
#[derive(Debug, PartialEq)]
pub enum Parsed {
    /// A document, in the form in which it would be written.
    Accepted(Value),
    /// Not of the shape.
    Shape(String),
    /// Of the shape, and still not one.
    Meaning(String),
}

type Parser = fn(&Value) -> Parsed;

fn accepted(canonical: Vec<u8>) -> Parsed {
    Parsed::Accepted(serde_json::from_slice(&canonical).unwrap())
}

fn bytes(document: &Value) -> Vec<u8> {
    serde_json::to_vec(document).unwrap()
}

fn trust(document: &Value) -> Parsed {
    match TrustRoot::parse(&bytes(document)) {
        Ok(root) => accepted(root.canonical()),
        Err(e @ (RootError::Document(_) | RootError::NoThreshold(_) | RootError::ZeroThreshold(_))) => {
            Parsed::Shape(e.to_string())
        }
        Err(e) => Parsed::Meaning(e.to_string()),
    }
}

fn release(document: &Value) -> Parsed {
    match Release::parse(&bytes(document)) {
        Ok(release) => accepted(release.canonical()),
        Err(e @ (ReleaseError::Document(_) | ReleaseError::Size { .. })) => Parsed::Shape(e.to_string()),
        Err(e) => Parsed::Meaning(e.to_string()),
    }
}

fn closure(document: &Value) -> Parsed {
    match Closure::parse(&bytes(document)) {
        Ok(closure) => accepted(json::canonical(&closure)),
        Err(e @ (ClosureError::Malformed(_) | ClosureError::UnknownSchema(_))) => Parsed::Shape(e.to_string()),
        Err(e) => Parsed::Meaning(e.to_string()),
    }
}

fn bundle(document: &Value) -> Parsed {
    let bundle: Bundle = match json::parse(&bytes(document), MAX_BUNDLE) {
        Ok(bundle) => bundle,
        Err(e) => return Parsed::Shape(e.to_string()),
    };
    match bundle.validate() {
        Ok(()) => accepted(json::canonical(&bundle)),
        Err(e @ (ValidationError::Contradiction { .. } | ValidationError::TooLong { .. })) => {
            Parsed::Meaning(e.to_string())
        }
        // Of an incident's own parts; the schema has those of a kind.
        Err(e @ ValidationError::Unexpected { field: "incident.opened_by", .. }) => Parsed::Meaning(e.to_string()),
        Err(e @ ValidationError::Missing { field: "runbook", .. }) => Parsed::Meaning(e.to_string()),
        Err(e) => Parsed::Shape(e.to_string()),
    }
}

fn posture(document: &Value) -> Parsed {
    match json::parse::<Posture>(&bytes(document), MAX_BUNDLE) {
        Ok(posture) => accepted(json::canonical(&posture)),
        Err(e) => Parsed::Shape(e.to_string()),
    }
}

fn entry(document: &Value) -> Parsed {
    match LogEntry::parse(&bytes(document)) {
        Ok(entry) => accepted(entry.canonical()),
        Err(e) => Parsed::Shape(e.to_string()),
    }
}

fn receipt(document: &Value) -> Parsed {
    match Receipt::parse(&bytes(document)) {
        Ok(receipt) => accepted(receipt.canonical()),
        Err(e) => Parsed::Shape(e.to_string()),
    }
}

fn restart(document: &Value) -> Parsed {
    match json::parse::<LogRestart>(&bytes(document), MAX_BUNDLE) {
        Ok(restart) => accepted(restart.canonical()),
        Err(e) => Parsed::Shape(e.to_string()),
    }
}

fn plan_request(document: &Value) -> Parsed {
    match PlanRequest::parse(&bytes(document)) {
        Ok(request) => accepted(request.canonical()),
        Err(e) => Parsed::Shape(e.to_string()),
    }
}

fn plan_answer(document: &Value) -> Parsed {
    match Plan::parse(&bytes(document)) {
        Ok(plan) => accepted(plan.canonical()),
        Err(e) => Parsed::Shape(e.to_string()),
    }
}

fn plan_verdict(document: &Value) -> Parsed {
    match PlanVerdict::parse(&bytes(document)) {
        Ok(verdict) => accepted(verdict.canonical()),
        Err(e) => Parsed::Shape(e.to_string()),
    }
}

/// The codes of findings that are about the shape of a document.
const SHAPE: [&str; 11] = [
    "missing-field",
    "missing-parameter",
    "operator-not-applicable",
    "unknown-field",
    "unknown-parameter",
    "unknown-probe",
    "unknown-schema",
    "unknown-step",
    "wrong-operand",
    "wrong-parameter",
    "wrong-type",
];

static REGISTRY: LazyLock<Registry> = LazyLock::new(writ_agent::probes::registry);

/// Policies have two readers: appliances, and `writ check`, which refuses more.
fn policy(document: &Value) -> Parsed {
    let mut document = document.clone();
    // Or every change of a rule would be refused for its digest alone.
    if let Some(members) = document.as_object_mut()
        && members.get("rules_version").and_then(Value::as_str).is_some_and(|d| d.parse::<Digest>().is_ok())
    {
        let hashed = serde_json::json!({ "rules": members.get("rules"), "runbooks": members.get("runbooks") });
        members.insert("rules_version".to_owned(), Digest::of(&json::canonical(&hashed)).to_string().into());
    }
    let parsed = match Policy::parse(&bytes(&document)) {
        Ok(policy) => policy,
        Err(e @ PolicyError::RulesVersion { .. }) => return Parsed::Meaning(e.to_string()),
        Err(e) => return Parsed::Shape(e.to_string()),
    };
    let now = "2026-11-23T12:00:00Z".parse().unwrap();
    let found = validate(&document, &REGISTRY, now);
    let shape = found.iter().find(|f| f.severity == Level::Error && SHAPE.contains(&f.code.as_ref()));
    match shape {
        Some(finding) => Parsed::Shape(format!("{}: {:?}", finding.code, finding.path)),
        None => Parsed::Accepted(serde_json::to_value(&parsed).unwrap()),
    }
}

/// Whether a document was read as it stands, but for members that it lacks and that are null.
fn is_but_for_nulls(document: &Value, read: &Value) -> bool {
    match (document, read) {
        (Value::Object(document), Value::Object(read)) => {
            document.keys().all(|key| read.contains_key(key))
                && read.iter().all(|(key, read)| match document.get(key) {
                    Some(stands) => is_but_for_nulls(stands, read),
                    None => read.is_null(),
                })
        }
        (Value::Array(document), Value::Array(read)) => {
            document.len() == read.len() && document.iter().zip(read).all(|(a, b)| is_but_for_nulls(a, b))
        }
        _ => document == read,
    }
}

/// A part of a document whose small changes a schema and a parser must judge alike.
struct Case {
    schema: &'static str,
    parse: Parser,
    document: Value,
    /// A JSON pointer; empty for the whole document.
    part: String,
    /// How many changes both must refuse, at least.
    least: usize,
}

impl Case {
    fn whole(schema: &'static str, parse: Parser, document: Value, least: usize) -> Self {
        Self { schema, parse, document, part: String::new(), least }
    }

    /// What is wrong, given the changes and what the schema says of each.
    fn judge(&self, mutations: &[Mutation], verdicts: &[bool]) -> Vec<String> {
        let (mut refused, mut wrong) = (0, Vec::new());
        for (mutation, valid) in mutations.iter().zip(verdicts) {
            match ((self.parse)(&mutation.document), valid) {
                (Parsed::Accepted(_), true) | (Parsed::Meaning(_), true) => {}
                (Parsed::Shape(_) | Parsed::Meaning(_), false) => refused += 1,
                (Parsed::Accepted(read), false) => {
                    if !is_but_for_nulls(&mutation.document, &read) {
                        wrong.push(format!("{}: refused by the schema alone", mutation.what()));
                    }
                }
                (Parsed::Shape(why), true) => {
                    wrong.push(format!("{}: refused by the parser alone: {why}", mutation.what()));
                }
            }
        }
        if refused < self.least {
            wrong.push(format!("only {refused} of {} are refused", mutations.len()));
        }
        wrong.into_iter().map(|wrong| format!("{} {}: {wrong}", self.schema, self.part)).collect()
    }
}

/// Holds schemas to parsers on all small changes of parts of documents.
fn agree(cases: &[Case]) {
    let changed: Vec<Vec<Mutation>> = cases.iter().map(|case| mutations::below(&case.document, &case.part)).collect();
    let documents = cases.iter().zip(&changed).flat_map(|(case, mutations)| {
        let mutated = mutations.iter().map(|mutation| &mutation.document);
        std::iter::once(&case.document).chain(mutated).map(|document| (case.schema, document))
    });
    let verdicts = judged_by_many(documents);
    let mut verdicts = verdicts.as_slice();
    let mut wrong = Vec::new();
    for (case, mutations) in cases.iter().zip(&changed) {
        let (of_case, rest) = verdicts.split_at(1 + mutations.len());
        verdicts = rest;
        let parsed = (case.parse)(&case.document);
        assert!(matches!(parsed, Parsed::Accepted(_)) && of_case[0], "{} {}: {parsed:?}", case.schema, case.part);
        wrong.extend(case.judge(mutations, &of_case[1..]));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn golden(name: &str) -> Value {
    serde_json::from_slice(&fs::read(repository().join("checks/golden").join(name)).unwrap()).unwrap()
}

/// The schema and the parser of each golden file; none for what an appliance keeps for itself.
fn reader(name: &str) -> Option<(&'static str, Parser)> {
    match name {
        "closure.json" => Some(("closure-v1", closure)),
        "policy.json" => Some(("policy-v2", policy)),
        "release.json" => Some(("release-v1", release)),
        "trust.json" => Some(("trust-v1", trust)),
        "floor.json" | "posture.json" | "state.json" | "switch.json" => None,
        "bundle-posture-summary.json" => Some(("evidence-bundle-v2", bundle)),
        name if name.starts_with("bundle-") => Some(("evidence-bundle-v1", bundle)),
        name => panic!("{name} has no schema"),
    }
}

#[test]
fn every_golden_file_is_valid() {
    let files = fs::read_dir(repository().join("checks/golden")).unwrap();
    let names = files.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files = Vec::new();
    for name in names.filter(|name| name.ends_with(".json")) {
        if let Some((schema, parse)) = reader(&name) {
            let document = golden(&name);
            assert!(matches!(parse(&document), Parsed::Accepted(_)), "{name}: {:?}", parse(&document));
            files.push((schema, document));
        }
    }
    assert!(files.len() >= 14, "{}", files.len());
    let verdicts = judged_by_many(files.iter().map(|(schema, document)| (*schema, document)));
    assert_eq!(verdicts, vec![true; files.len()]);
}

#[test]
fn the_schemas_of_orders_agree_with_their_parsers() {
    let cases = [("trust.json", 120), ("release.json", 120), ("closure.json", 35)].map(|(name, least)| {
        let (schema, parse) = reader(name).unwrap();
        Case::whole(schema, parse, golden(name), least)
    });
    agree(&cases);
}

#[test]
fn the_schemas_of_evidence_agree_with_their_parsers() {
    let file = |name: &str| golden(&format!("bundle-{name}.json"));
    let mut cases: Vec<Case> = ["incident-closed", "started"]
        .map(|kind| Case::whole("evidence-bundle-v1", bundle, file(kind), 400))
        .into_iter()
        .collect();
    // What they have in common was changed above.
    for (kind, part) in [
        ("incident-opened", "incident"),
        ("incident-opened", "drift"),
        ("pause", "pause"),
        ("plan", "plan"),
        ("plan-chosen", "plan"),
        ("refused", "refused"),
        ("switch", "switch"),
        ("posture-change", "posture"),
    ] {
        cases.push(Case { part: format!("/{part}"), ..Case::whole("evidence-bundle-v1", bundle, file(kind), 14) });
    }
    for part in ["change", "snapshot", "vector"] {
        let document = file(&format!("posture-{part}"))["posture"].take();
        cases.push(Case::whole("posture-v1", posture, document, 28));
    }
    let summary = file("posture-summary");
    cases.push(Case { part: "/posture".into(), ..Case::whole("evidence-bundle-v2", bundle, summary, 28) });
    agree(&cases);
}

/// Each kind of bundle that no golden file is of.
#[test]
fn the_other_kinds_of_evidence_have_schemas_too() {
    let mut cases = Vec::new();
    let (from, until, digest) = ("2026-11-23T12:00:00Z", "2026-11-23T13:00:00Z", Digest::of(b"").to_string());
    for (kind, field, part) in [
        (
            "order",
            "order",
            serde_json::json!({"digest": digest, "action": "pause", "carried_out": true, "result": "done"}),
        ),
        (
            "thinned",
            "thinned",
            serde_json::json!({"reason": "full", "ranges": [{"first": 2, "last": 3, "digest": digest}]}),
        ),
        (
            "restore-test",
            "restore_test",
            serde_json::json!({"check": "backup.restore", "started_at": from, "ended_at": until, "backup_at": null,
                "files_compared": 3, "files_wrong": 0, "succeeded": true, "problems": []}),
        ),
        (
            "clock",
            "clock_step",
            serde_json::json!({"before": from, "after": until, "cause": "chronyd", "offsets_ms": [-1, 5, 2]}),
        ),
        (
            "logs",
            "logs",
            serde_json::json!({"source": "auth", "from": from, "to": until, "lines": 3, "digest": digest}),
        ),
        (
            "attestation",
            "attestation",
            serde_json::json!({"control": "164.310(a)(1)", "by": "Sam", "statement": "seen", "from": from, "until": until,
                "attachments": [digest]}),
        ),
    ] {
        let mut document = golden("bundle-started.json");
        document["kind"] = kind.into();
        document["started"] = Value::Null;
        document[field] = part;
        for part in [format!("/{field}"), "/kind".to_owned()] {
            cases.push(Case { part, ..Case::whole("evidence-bundle-v1", bundle, document.clone(), 8) });
        }
    }
    agree(&cases);
}

#[test]
fn the_schemas_of_plans_agree_with_their_parsers() {
    let digest = Digest::of(b"").to_string();
    let request = serde_json::json!({
        "schema": "writ.plan-request.v1", "id": "INC-20261123-0007-1", "site": "clinic-001", "appliance": "front-desk",
        "release": { "epoch": 1, "serial": 2, "digest": digest }, "asked_at": "2026-11-23T12:00:00Z",
        "expires_at": "2026-11-23T12:00:05Z", "check": "ehr.service", "title": "The records run", "severity": "high",
        "target": "self", "probe": "systemd_unit",
        "seen": { "observation": { "active": false, "restarts": 3, "names": ["a"] }, "reasons": ["it does not run"] },
        "tried": [{ "runbook": "RB-A", "tier": "L1", "outcome": "failed" }],
        "allowed": [{
            "runbook": "RB-B", "title": "Start it anew", "steps": ["systemd.restart"], "verify": ["ehr.service"],
            "past": { "helped": 1, "failed": 0 },
        }],
        "model": {
            "url": "https://models.example.org/v1", "name": "small:8b", "key": "planner", "deadline": "5s", "most_runbooks": 3,
            "budget": { "calls_per_hour": 10, "calls_per_day": 50, "microdollars_per_day": 1_000_000 },
            "price": { "input_microdollars_per_1000_tokens": 150, "output_microdollars_per_1000_tokens": 600 },
        },
    });
    let plan = serde_json::json!({
        "schema": "writ.plan.v1", "request": digest, "planner": "p/1", "runbook": "RB-B", "then": ["RB-C"],
        "reason": "it helped before", "transcript": {
            "model": "small:8b", "prompt": digest, "asked": "why?", "answered": "{}", "outcome": "chosen",
            "input_tokens": 900, "output_tokens": 40, "cost_microdollars": 1_234, "took_ms": 800,
        },
    });
    let verdict = serde_json::json!({
        "schema": "writ.plan-verdict.v1", "request": digest, "plan": digest, "allowed": true, "rule": null,
        "message": "RB-B is run", "result": "helped",
    });
    agree(&[
        Case::whole("plan-request-v1", plan_request, request, 100),
        Case::whole("plan-v1", plan_answer, plan, 20),
        Case::whole("plan-verdict-v1", plan_verdict, verdict, 20),
    ]);
}

#[test]
fn the_schemas_of_the_log_agree_with_their_parsers() {
    let digest = Digest::of(b"").to_string();
    let key = golden("release.json")["generations"]["front-desk"]["public_key"].clone();
    let (time, previous) = ("2026-11-23T12:00:00Z", Value::Null);
    let common = |kind: &str| serde_json::json!({"type": kind, "schema": "writ.log-entry.v1", "site": "clinic-001", "digest": digest, "time": time});
    let mut cases = Vec::new();
    for (kind, own) in [
        ("release", serde_json::json!({"epoch": 1, "serial": 5, "previous": previous})),
        (
            "evidence",
            serde_json::json!({"id": "EB-20261123-0001", "appliance": "front-desk", "public_key": key, "sequence": 1, "previous": digest}),
        ),
        ("trust", serde_json::json!({"version": 2})),
        ("restart", serde_json::json!({})),
    ] {
        let mut document = common(kind);
        document.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        cases.push(Case::whole("log-entry-v1", entry, document, 28));
    }
    let made =
        Receipt { entry: b"{}".to_vec(), index: 3, proof: vec![[7; 32], [8; 32]], checkpoint: "origin\n".into() };
    let document: Value = serde_json::from_slice(&made.canonical()).unwrap();
    cases.push(Case::whole("receipt-v1", receipt, document, 28));
    agree(&cases);
}

#[test]
fn the_schema_of_log_restarts_agrees_with_their_parser() {
    let document = serde_json::json!({
        "schema": "writ.log-restart.v1", "site": "clinic-001", "origin": "log.example/new", "reason": "The disk was lost.",
        "previous": { "origin": "log.example/old", "size": 7, "root": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" },
        "issued_at": "2026-11-23T12:00:00Z",
    });
    agree(&[Case::whole("log-restart-v1", restart, document, 42)]);
}

/// One item of each section, so that there are not a hundred of each to change: the one that says the most.
#[test]
fn the_schema_of_policies_agrees_with_both_of_their_readers() {
    let mut document = golden("policy.json");
    for section in ["controls", "checks", "rules", "runbooks", "duties", "exceptions"] {
        let items = document[section].as_object_mut().unwrap();
        // What is null in it is not changed in what it would hold.
        let fullest = items.iter().max_by_key(|(_, item)| mutations::parts(item));
        let kept: Option<(String, Value)> = fullest.map(|(id, item)| (id.clone(), item.clone()));
        items.clear();
        items.extend(kept);
    }
    agree(&[Case::whole("policy-v2", policy, document, 700)]);
}
