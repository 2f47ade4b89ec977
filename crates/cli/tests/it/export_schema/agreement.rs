//! Schemas and parsers agree on every small change of every document.
//!
//! - What a parser accepts, the schema accepts. The one difference: a member that may be null is in every document that we
//!   write, and a schema asks for it; most parsers read a missing one as null, and as nothing else.
//! - What a parser refuses for its shape, the schema refuses.
//!
//! A schema may accept what a parser refuses for what it says (digests that do not fit, keys that are listed twice).

use std::fs;

use serde_json::Value;
use writ_evidence::bundle::{Bundle, MAX_BUNDLE};
use writ_evidence::posture::Posture;
use writ_evidence::validate::ValidationError;
use writ_policy::closure::{Closure, ClosureError};
use writ_policy::policy::{Policy, PolicyError};
use writ_policy::validate::{Level, validate};
use writ_trust::digest::Digest;
use writ_trust::json;
use writ_trust::log::entry::LogEntry;
use writ_trust::log::receipt::Receipt;
use writ_trust::log::restart::LogRestart;
use writ_trust::release::{Release, ReleaseError};
use writ_trust::root::{RootError, TrustRoot};

use super::judge::{judged, repository};
use super::mutations;

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
    let found = validate(&document, &writ_agent::probes::registry(), now);
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

/// Holds a schema to a parser on all small changes of a document; returns how many both refuse.
fn agree(schema: &str, parse: Parser, document: &Value) -> usize {
    agree_below(schema, parse, document, "")
}

/// As [`agree`], on all small changes of one part.
fn agree_below(schema: &str, parse: Parser, document: &Value, part: &str) -> usize {
    assert!(matches!(parse(document), Parsed::Accepted(_)), "{schema}: {:?}", parse(document));
    let mutations = mutations::below(document, part);
    let mut documents = vec![document.clone()];
    documents.extend(mutations.iter().map(|mutation| mutation.document.clone()));
    let verdicts = judged(schema, &documents);
    assert!(verdicts[0], "{schema}: the document itself is refused");
    let (mut refused, mut wrong) = (0, Vec::new());
    for (mutation, valid) in mutations.iter().zip(&verdicts[1..]) {
        match (parse(&mutation.document), valid) {
            (Parsed::Accepted(_), true) | (Parsed::Meaning(_), true) => {}
            (Parsed::Shape(_) | Parsed::Meaning(_), false) => refused += 1,
            (Parsed::Accepted(read), false) => {
                if !is_but_for_nulls(&mutation.document, &read) {
                    wrong.push(format!("{}: refused by the schema alone", mutation.what));
                }
            }
            (Parsed::Shape(why), true) => wrong.push(format!("{}: refused by the parser alone: {why}", mutation.what)),
        }
    }
    assert!(wrong.is_empty(), "{schema}, {} of {}:\n{}", wrong.len(), mutations.len(), wrong.join("\n"));
    refused
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
        name if name.starts_with("bundle-") => Some(("evidence-bundle-v1", bundle)),
        name => panic!("{name} has no schema"),
    }
}

#[test]
fn every_golden_file_is_valid() {
    let files = fs::read_dir(repository().join("checks/golden")).unwrap();
    let names = files.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut judged_files = 0;
    for name in names.filter(|name| name.ends_with(".json")) {
        if let Some((schema, parse)) = reader(&name) {
            let document = golden(&name);
            assert!(matches!(parse(&document), Parsed::Accepted(_)), "{name}: {:?}", parse(&document));
            assert_eq!(judged(schema, &[document]), [true], "{name}");
            judged_files += 1;
        }
    }
    assert!(judged_files >= 14, "{judged_files}");
}

#[test]
fn the_schemas_of_orders_agree_with_their_parsers() {
    for (name, least) in [("trust.json", 300), ("release.json", 200), ("closure.json", 50)] {
        let (schema, parse) = reader(name).unwrap();
        let refused = agree(schema, parse, &golden(name));
        assert!(refused >= least, "{name}: only {refused} are refused");
    }
}

#[test]
fn the_schemas_of_evidence_agree_with_their_parsers() {
    for kind in ["incident-closed", "started"] {
        let refused = agree("evidence-bundle-v1", bundle, &golden(&format!("bundle-{kind}.json")));
        assert!(refused >= 600, "{kind}: only {refused} are refused");
    }
    // What they have in common was changed above.
    for (kind, part) in [
        ("incident-opened", "incident"),
        ("incident-opened", "drift"),
        ("pause", "pause"),
        ("plan", "plan"),
        ("refused", "refused"),
        ("switch", "switch"),
        ("posture-change", "posture"),
    ] {
        let document = golden(&format!("bundle-{kind}.json"));
        let refused = agree_below("evidence-bundle-v1", bundle, &document, &format!("/{part}"));
        assert!(refused >= 20, "{kind}: only {refused} are refused");
    }
    for part in ["change", "snapshot", "vector"] {
        let refused = agree("posture-v1", posture, &golden(&format!("bundle-posture-{part}.json"))["posture"]);
        assert!(refused >= 40, "{part}: only {refused} are refused");
    }
}

/// Each kind of bundle that no golden file is of.
#[test]
fn the_other_kinds_of_evidence_have_schemas_too() {
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
            let refused = agree_below("evidence-bundle-v1", bundle, &document, &part);
            assert!(refused >= 11, "{kind}: only {refused} are refused");
        }
    }
}

#[test]
fn the_schemas_of_the_log_agree_with_their_parsers() {
    let digest = Digest::of(b"").to_string();
    let key = golden("release.json")["generations"]["front-desk"]["public_key"].clone();
    let (time, previous) = ("2026-11-23T12:00:00Z", Value::Null);
    let common = |kind: &str| serde_json::json!({"type": kind, "schema": "writ.log-entry.v1", "site": "clinic-001", "digest": digest, "time": time});
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
        let refused = agree("log-entry-v1", entry, &document);
        assert!(refused >= 40, "{kind}: only {refused} are refused");
    }
    let made =
        Receipt { entry: b"{}".to_vec(), index: 3, proof: vec![[7; 32], [8; 32]], checkpoint: "origin\n".into() };
    let document: Value = serde_json::from_slice(&made.canonical()).unwrap();
    let refused = agree("receipt-v1", receipt, &document);
    assert!(refused >= 40, "only {refused} are refused");
}

#[test]
fn the_schema_of_log_restarts_agrees_with_their_parser() {
    let document = serde_json::json!({
        "schema": "writ.log-restart.v1", "site": "clinic-001", "origin": "log.example/new", "reason": "The disk was lost.",
        "previous": { "origin": "log.example/old", "size": 7, "root": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" },
        "issued_at": "2026-11-23T12:00:00Z",
    });
    let refused = agree("log-restart-v1", restart, &document);
    assert!(refused >= 60, "only {refused} are refused");
}

/// One item of each section, so that there are not a hundred of each to change.
#[test]
fn the_schema_of_policies_agrees_with_both_of_their_readers() {
    let mut document = golden("policy.json");
    for section in ["controls", "checks", "rules", "runbooks", "duties", "exceptions"] {
        let items = document[section].as_object_mut().unwrap();
        // The richest one: what is null in it is not changed in what it would hold.
        let fullest = items.iter().max_by_key(|(_, item)| item.to_string().matches(':').count());
        let kept: Option<(String, Value)> = fullest.map(|(id, item)| (id.clone(), item.clone()));
        items.clear();
        items.extend(kept);
    }
    let refused = agree("policy-v2", policy, &document);
    assert!(refused >= 1000, "only {refused} are refused");
}
