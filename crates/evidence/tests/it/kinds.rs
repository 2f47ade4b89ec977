//! Which kind needs which part.

use writ_evidence::chain::{ChainState, SealError, seal};
use writ_evidence::flat::flat;
use writ_evidence::incident::{Change, ResolutionStatus};
use writ_evidence::validate::ValidationError;
use writ_evidence::{Draft, Kind};
use writ_policy::outcome::Outcome;

use crate::bundles::{appliance, change, closed, key, noon, opened, site, started};

fn refused(draft: Draft) -> String {
    let state = seal(started(), &ChainState::new(), &key(1), noon()).unwrap().next;
    match seal(draft, &state, &key(1), noon()) {
        Err(SealError::Invalid(error)) => error.to_string(),
        other => panic!("expected a refusal, got {other:?}"),
    }
}

fn with(mut draft: Draft, edit: impl FnOnce(&mut Draft)) -> Draft {
    edit(&mut draft);
    draft
}

#[test]
fn every_kind_needs_its_own_part_and_no_other() {
    for kind in Kind::ALL {
        let empty = Draft::new(kind, &site(), &appliance());
        assert!(refused(empty).contains("needs `"), "{kind}");
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
    }
    assert!(refused(with(opened(), |d| d.outputs = closed().outputs)).contains("must leave `outputs` null"));
    assert!(refused(with(opened(), |d| d.posture = change(Outcome::Pass, noon()).posture)).contains("`posture`"));
    assert!(refused(with(change(Outcome::Pass, noon()), |d| d.change = Some(Change::Intended))).contains("`change`"));
}

#[test]
fn what_follows_from_something_else_must_follow() {
    let edit = |e: fn(&mut Draft)| refused(with(closed(), e));
    assert!(edit(|d| d.verification.clear()).contains("`verification`"));
    assert!(edit(|d| d.verification[0].outcome = Outcome::Fail).contains("`verification` comes to failed"));
    assert!(edit(|d| d.outputs.as_mut().unwrap().resolution_status = ResolutionStatus::Partial).contains("partial"));
    assert!(edit(|d| d.execution.as_mut().unwrap().mttr_seconds = 0).contains("1 s apart"));
    assert!(edit(|d| d.execution.as_mut().unwrap().sla_met = false).contains("1 s of 3600 s"));
    assert!(edit(|d| d.runbook = None).contains("`runbook`"));
    assert!(edit(|d| d.runbook.as_mut().unwrap().steps_executed = 2).contains("2 of 1"));
    assert!(
        refused(with(opened(), |d| d.incident.as_mut().unwrap().opened_by = Some("EB-20261123-0001".parse().unwrap())))
            .contains("opened_by")
    );
}

#[test]
fn every_length_is_bounded() {
    assert!(refused(with(opened(), |d| d.target = "x".repeat(257))).contains("`target` is 257 long"));
    assert!(refused(with(opened(), |d| d.affected.users = vec![String::new(); 4097])).contains("affected.users"));
    assert!(refused(with(opened(), |d| d.last_checkpoint = Some("x".repeat(8193)))).contains("last_checkpoint"));
    let long = refused(with(opened(), |d| {
        d.incident.as_mut().unwrap().details.insert("k".repeat(300), true.into());
    }));
    assert!(long.contains("incident.details"), "{long}");
}

#[test]
fn bad_documents_are_refused_by_name() {
    let sealed = seal(started(), &ChainState::new(), &key(1), noon()).unwrap();
    let good = serde_json::to_value(&sealed.bundle).unwrap();
    let parse = |edit: &dyn Fn(&mut serde_json::Value)| {
        let mut value = good.clone();
        edit(&mut value);
        serde_json::from_value::<writ_evidence::Bundle>(value).map_err(|e| e.to_string())
    };
    assert!(parse(&|_| {}).is_ok());
    let bad: [(&str, serde_json::Value, &str); 16] = [
        ("extra", true.into(), "unknown field `extra`"),
        ("bundle_id", "EB-20261123-1".into(), "not a bundle id"),
        ("kind", "incident".into(), "unknown variant"),
        ("client_id", "Clinic".into(), "site name"),
        ("appliance", "../x".into(), "appliance name"),
        ("public_key", "RWabc".into(), "not a public key"),
        ("generated_at", "yesterday".into(), "not a time"),
        ("chain", serde_json::json!({"sequence": -1, "previous": null}), "invalid value"),
        ("chain", serde_json::json!({"sequence": 1, "previous": "sha256:0"}), "not a digest"),
        ("chain", serde_json::json!({"sequence": 1, "previous": null, "x": 1}), "unknown field"),
        ("release", serde_json::json!({"epoch": 0, "serial": 1}), "epoch"),
        ("vantage", "moon".into(), "unknown variant"),
        ("clock", serde_json::Value::Null, "invalid type"),
        ("started", serde_json::json!({"why": "bored"}), "unknown variant"),
        ("actions_taken", serde_json::json!([{}]), "missing field"),
        ("target", 1.into(), "invalid type"),
    ];
    for (field, value, expected) in bad {
        let error = parse(&|v| v[field] = value.clone()).unwrap_err();
        assert!(error.contains(expected), "{field}: {error}");
    }
    // A newer tag than what it holds asks for would keep old readers from what they could read.
    for schema in ["writ.bundle.v2", "writ.bundle.v3", ""] {
        let bundle = writ_evidence::Bundle { schema: schema.into(), ..sealed.bundle.clone() };
        assert!(
            matches!(bundle.validate(), Err(ValidationError::Schema { expected: "writ.bundle.v1", .. })),
            "{schema}"
        );
    }
}

#[test]
fn the_flat_form_has_the_names_of_the_catalogue() {
    let first = seal(started(), &ChainState::new(), &key(1), noon()).unwrap();
    let sealed = seal(closed(), &first.next, &key(1), noon()).unwrap();
    let flat = flat(&sealed.bundle, sealed.digest, &sealed.signature_text, &[]);
    let keys: Vec<&str> = flat.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "actions_taken",
        "artifacts",
        "bundle_id",
        "bundle_version",
        "client_id",
        "evidence_bundle_hash",
        "execution",
        "generated_at",
        "incident",
        "outputs",
        "runbook",
        "signatures",
        "storage_locations",
    ];
    assert_eq!(keys, expected);
    assert_eq!(flat["evidence_bundle_hash"], sealed.digest.to_string());
    assert_eq!(flat["execution"].as_object().unwrap().len(), 7);
    assert_eq!(flat["incident"].as_object().unwrap().len(), 7);
    assert_eq!(flat["actions_taken"][0].as_object().unwrap().len(), 9);
    assert_eq!(flat["outputs"]["resolution_status"], "success");
}
