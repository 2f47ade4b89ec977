//! The flat form of the catalogue, for those who expect its names and nothing else.
//!
//! `evidence_bundle_hash` is the digest of the exact bytes that were signed, not of this form: this form is a view.

use serde_json::{Value as Json, json};
use writ_trust::digest::Digest;

use crate::bundle::Bundle;

/// The flat form of a bundle.
///
/// `digest` is that of its exact bytes, `signature` the text of its minisign file, `storage_locations` where copies are
/// kept, as far as a receipt says so. Parts that the bundle's kind does not have are null.
pub fn flat(bundle: &Bundle, digest: Digest, signature: &str, storage_locations: &[String]) -> Json {
    let incident = bundle.incident.as_ref().map(|i| {
        json!({
            "incident_id": i.incident_id, "event_type": i.event_type, "severity": i.severity,
            "detected_at": i.detected_at, "hostname": i.hostname, "details": i.details,
            "hipaa_controls": i.hipaa_controls,
        })
    });
    let execution = bundle.execution.as_ref().map(|e| {
        json!({
            "timestamp_start": e.timestamp_start, "timestamp_end": e.timestamp_end, "operator": e.operator,
            "mttr_seconds": e.mttr_seconds, "sla_target_seconds": e.sla_target_seconds, "sla_met": e.sla_met,
            "resolution_type": e.resolution_type,
        })
    });
    let actions: Vec<Json> = bundle
        .actions_taken
        .iter()
        .map(|a| {
            json!({
                "step": a.step, "action": a.action, "script_hash": a.script_hash, "result": a.result,
                "exit_code": a.exit_code, "timestamp": a.timestamp, "stdout_excerpt": a.stdout_excerpt,
                "stderr_excerpt": a.stderr_excerpt, "error_message": a.error_message,
            })
        })
        .collect();
    json!({
        "bundle_id": bundle.bundle_id,
        "bundle_version": bundle.bundle_version,
        "client_id": bundle.client_id,
        "generated_at": bundle.generated_at,
        "incident": incident,
        "runbook": bundle.runbook,
        "execution": execution,
        "actions_taken": actions,
        "artifacts": bundle.artifacts,
        "outputs": bundle.outputs,
        "evidence_bundle_hash": digest,
        "signatures": { "minisign": { "public_key": bundle.public_key, "signature": signature } },
        "storage_locations": storage_locations,
    })
}
