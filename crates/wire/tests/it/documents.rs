//! Every document round-trips, and is refused when anything of its shape is wrong.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use writ_trust::document::DocumentError;
use writ_wire::asks::Asks;
use writ_wire::backup_sample::BackupSample;
use writ_wire::check_in::{CheckIn, CheckInReply};
use writ_wire::claim::Claim;
use writ_wire::claims::{ClaimReceipt, Claims};
use writ_wire::courier::Delegation;
use writ_wire::evidence_batch::EvidenceBatch;
use writ_wire::evidence_page::EvidencePage;
use writ_wire::heartbeat::Heartbeat;
use writ_wire::heartbeats::Heartbeats;
use writ_wire::looks::Look;
use writ_wire::placement::Placement;
use writ_wire::plan::Plan;
use writ_wire::plan_request::PlanRequest;
use writ_wire::plan_verdict::PlanVerdict;
use writ_wire::proposal::Proposal;
use writ_wire::publication::Publication;
use writ_wire::receipts::{Reason, Receipts};
use writ_wire::record::Record;
use writ_wire::releases::{LoggedRelease, Releases};
use writ_wire::sync::Sync;
use writ_wire::{Blob, MAX_ENVELOPE, Signed};

/// Members that may be left out.
const OPTIONAL: [&str; 4] = ["incident", "model", "then", "transcript"];

/// A reader of one document: its canonical form again, or why it is refused.
type Reader = fn(&[u8]) -> Result<Vec<u8>, String>;

fn public_key() -> String {
    writ_trust::minisign::SecretKey::generate(&[9; 40]).public_key().line()
}

fn signed() -> Value {
    json!({ "document": "e30=", "signatures": ["AAAA"] })
}

fn digest() -> String {
    writ_trust::digest::Digest::of(b"").to_string()
}

/// Every document with a schema: a good one, and its reader.
fn documents() -> Vec<(&'static str, Value, Reader)> {
    macro_rules! reader {
        ($type:ty) => {
            |bytes| <$type>::parse(bytes).map(|d| d.canonical()).map_err(|e| e.to_string())
        };
    }
    let point = json!({ "epoch": 1, "serial": 2, "digest": digest() });
    let identity = json!({ "site": "clinic-001", "appliance": "front-desk", "public_key": public_key() });
    let with = |mut value: Value, more: Value| {
        let members = more.as_object().unwrap().clone();
        value.as_object_mut().unwrap().extend(members);
        value
    };
    vec![
        (
            "writ.claim.v1",
            json!({
                "mac": "00:00:5e:00:53:01", "public_key": public_key(), "courier_key": public_key(), "hardware": "HP t640",
                "at": "2026-11-28T05:00:00Z", "site": null, "appliance": "front-desk", "agent_version": "0.1.0",
            }),
            reader!(Claim),
        ),
        (
            "writ.claims.v1",
            json!({ "claims": [{
                "claim": signed(), "first_at": "2026-11-28T05:00:00Z", "last_at": "2026-11-28T05:01:00Z",
            }] }),
            reader!(Claims),
        ),
        ("writ.claim-receipt.v1", json!({ "digest": digest(), "others": 1 }), reader!(ClaimReceipt)),
        (
            "writ.placement.v1",
            json!({ "place": {
                "site": "clinic-001", "appliance": "front-desk", "roots": [signed()],
                "release": { "release": signed(), "receipt": null },
            } }),
            reader!(Placement),
        ),
        (
            "writ.sync.v1",
            json!({
                "site": "clinic-001", "roots": [signed()], "release": { "release": signed(), "receipt": null },
                "log": { "number": 1, "checkpoint": "AAAA", "restart": null }, "held": 3, "newest": 4,
            }),
            reader!(Sync),
        ),
        ("writ.checkin.v1", json!({ "heartbeat": signed() }), reader!(CheckIn)),
        (
            "writ.checkin-reply.v1",
            json!({
                "epoch": null, "serial": null, "trust_version": 1, "log_size": 0, "held": 0, "newest": 0,
                "now": "2026-11-23T12:00:00Z",
            }),
            reader!(CheckInReply),
        ),
        (
            "writ.backup-sample.v1",
            json!({
                "at": "2026-11-23T12:00:00Z",
                "files": [{ "path": "/srv/a", "digest": digest(), "modified_at": "2026-11-23T12:00:00Z" }],
            }),
            reader!(BackupSample),
        ),
        (
            "writ.record.v1",
            json!({
                "name": "records", "began_at": "2026-11-23T12:00:00Z", "ended_at": "2026-11-23T12:00:00Z", "ok": true,
                "facts": { "restic": { "reachable": true, "locked": null, "groups": [{
                    "tag": null, "count": 1, "newest_at": "2026-11-23T12:00:00Z", "oldest_at": "2026-11-23T12:00:00Z",
                    "newest": "9cdfbd1f", "size_bytes": null,
                }] } },
                "notes": ["fine"],
            }),
            reader!(Record),
        ),
        ("writ.evidence-batch.v1", json!({ "bundles": [signed()] }), reader!(EvidenceBatch)),
        (
            "writ.receipts.v1",
            json!({
                "checkpoint": "AAAA", "held": 1, "newest": 1,
                "receipts": [{ "digest": digest(), "entry": "AAAA", "index": 0, "proof": ["AAAA"] }],
                "refused": [{ "digest": digest(), "reason": "conflict" }],
            }),
            reader!(Receipts),
        ),
        (
            "writ.evidence-page.v1",
            json!({ "bundles": [{ "index": 7, "bundle": signed() }], "next": null }),
            reader!(EvidencePage),
        ),
        ("writ.releases.v1", json!({ "releases": [point] }), reader!(Releases)),
        ("writ.heartbeats.v1", json!({ "heartbeats": [signed()] }), reader!(Heartbeats)),
        (
            "writ.publication.v1",
            json!({
                "state": "pending", "epoch": 1, "serial": 2, "digest": digest(),
                "missing": { "documents": [digest()], "paths": ["0123456789abcdfghijklmnpqrsvwxyz"] },
            }),
            reader!(Publication),
        ),
        (
            "writ.heartbeat.v1",
            with(
                identity.clone(),
                json!({
                    "at": "2026-11-23T12:00:00Z", "release": point, "trust_version": 1, "sequence": 9,
                    "open_incidents": 0, "refused": 0, "log": { "number": 1, "origin": "o", "size": 2 },
                    "log_fresh_at": null, "agent_version": "0.1.0",
                }),
            ),
            reader!(Heartbeat),
        ),
        (
            "writ.asks.v1",
            json!({
                "site": "clinic-001", "appliance": "front-desk", "release": point,
                "asks": { "ehr.reachable": {
                    "probe": "reachable", "parameters": { "address": "ehr.example:443" }, "every": "5m",
                } },
            }),
            reader!(Asks),
        ),
        (
            "writ.look.v1",
            json!({
                "check": "ehr.reachable", "call": digest(), "began_at": "2026-11-23T12:00:00Z",
                "ended_at": "2026-11-23T12:00:01Z",
                "result": { "seen": { "reachable": true, "took_ms": 7, "seen_as": "x", "addresses": ["192.0.2.1"] } },
            }),
            reader!(Look),
        ),
        (
            "writ.plan-request.v1",
            json!({
                "id": "INC-20261123-0007-1", "site": "clinic-001", "appliance": "front-desk", "release": point,
                "asked_at": "2026-11-23T12:00:00Z", "expires_at": "2026-11-23T12:00:05Z", "check": "ehr.service",
                "title": "The records run", "severity": "high", "target": "self", "probe": "systemd_unit",
                "seen": { "observation": { "active": false }, "reasons": ["active eq true, seen false"] },
                "tried": [{ "runbook": "RB-A", "tier": "L1", "outcome": "failed" }],
                "allowed": [{
                    "runbook": "RB-B", "title": "Start it anew", "steps": ["systemd.restart"], "verify": ["ehr.service"],
                    "past": { "helped": 1, "failed": 0 },
                }],
                "model": {
                    "url": "https://models.example.org/v1", "name": "small:8b", "key": "planner", "deadline": "5s",
                    "most_runbooks": 3,
                    "budget": { "calls_per_hour": 10, "calls_per_day": 50, "microdollars_per_day": 1_000_000 },
                    "price": { "input_microdollars_per_1000_tokens": 150, "output_microdollars_per_1000_tokens": 600 },
                },
            }),
            reader!(PlanRequest),
        ),
        (
            "writ.plan.v1",
            json!({
                "request": digest(), "planner": "writ-planner/0.1.0", "runbook": "RB-B", "then": ["RB-C"],
                "reason": "it helped", "transcript": {
                    "model": "small:8b", "prompt": digest(), "asked": "why?", "answered": "{}", "outcome": "chosen",
                    "input_tokens": 900, "output_tokens": 40, "cost_microdollars": 1_234, "took_ms": 800,
                },
            }),
            reader!(Plan),
        ),
        (
            "writ.proposal.v1",
            json!({
                "id": "P-0123456789abcdef0123456789abcdef", "site": "clinic-001", "appliance": "front-desk",
                "incident": "INC-20261123-0007", "check": "ehr.service", "runbooks": ["RB-B"], "reason": "it helped",
                "proposed_by": "an assistant", "proposed_at": "2026-11-23T12:00:00Z",
            }),
            reader!(Proposal),
        ),
        (
            "writ.plan-verdict.v1",
            json!({
                "request": digest(), "plan": digest(), "allowed": true, "rule": null, "message": "RB-B is run",
                "result": "helped",
            }),
            reader!(PlanVerdict),
        ),
        (
            "writ.courier.v1",
            with(
                identity,
                json!({
                    "courier_key": public_key(), "issued_at": "2026-11-23T12:00:00Z",
                    "expires_at": "2026-11-30T12:00:00Z",
                }),
            ),
            reader!(Delegation),
        ),
    ]
}

fn complete(schema: &str, mut body: Value) -> Value {
    body["schema"] = schema.into();
    body
}

fn read(reader: Reader, value: &Value) -> Result<Vec<u8>, String> {
    reader(serde_json::to_string(value).unwrap().as_bytes())
}

#[test]
fn documents_read_as_they_are_written() {
    for (schema, body, reader) in documents() {
        let value = complete(schema, body);
        let canonical = read(reader, &value).unwrap_or_else(|e| panic!("{schema}: {e}"));
        assert_eq!(serde_json::from_slice::<Value>(&canonical).unwrap(), value, "{schema}");
        assert_eq!(reader(&canonical).unwrap(), canonical, "{schema}");
    }
}

#[test]
fn a_document_with_anything_missing_added_or_of_another_type_is_refused() {
    for (schema, body, reader) in documents() {
        let value = complete(schema, body);
        let names: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        for name in names {
            let mut missing = value.clone();
            missing.as_object_mut().unwrap().remove(&name);
            assert_eq!(read(reader, &missing).is_ok(), OPTIONAL.contains(&name.as_str()), "{schema} without {name}");
            let mut other = value.clone();
            other[&name] = json!({ "unheard": "of" });
            assert!(read(reader, &other).is_err(), "{schema} with another {name}");
        }
        let mut added = value.clone();
        added["unheard"] = "of".into();
        assert!(read(reader, &added).is_err(), "{schema} with a member too many");
        let mut newer = value.clone();
        newer["schema"] = "writ.other.v9".into();
        assert!(read(reader, &newer).unwrap_err().contains("a newer writ reads it"), "{schema}");
    }
}

#[test]
fn envelopes_without_a_schema_are_as_strict() {
    assert!(Signed::parse(br#"{"document":"e30=","signatures":[]}"#).is_ok());
    assert!(LoggedRelease::parse(br#"{"release":{"document":"e30=","signatures":[]},"receipt":null}"#).is_ok());
    for bad in [
        &b""[..],
        b"{}",
        br#"{"document":"e30=","signatures":[],"x":1}"#,
        br#"{"document":"e30","signatures":[]}"#,
        br#"{"document":"e30=","document":"e30=","signatures":[]}"#,
        br#"{"document":"e30=","signatures":"AAAA"}"#,
        b"\xff",
    ] {
        assert!(Signed::parse(bad).is_err(), "{}", String::from_utf8_lossy(bad));
    }
    assert!(LoggedRelease::parse(br#"{"release":{"document":"e30=","signatures":[]}}"#).is_err(), "no receipt member");
}

#[test]
fn what_is_too_large_is_refused_before_it_is_read() {
    let huge = format!("{{\"schema\":\"writ.sync.v1\",\"x\":\"{}\"}}", "A".repeat(MAX_ENVELOPE));
    assert!(matches!(Sync::parse(huge.as_bytes()), Err(DocumentError::Json(_))));
    let check_in = format!("{{\"schema\":\"writ.checkin.v1\",\"x\":\"{}\"}}", "A".repeat(64 * 1024));
    assert!(CheckIn::parse(check_in.as_bytes()).unwrap_err().to_string().contains("65536"));
    let mut signed = Signed { document: Blob(vec![0; 4 << 20]), signatures: vec![Blob(vec![0; 16 << 10]); 64] };
    signed.check_bounds().unwrap();
    signed.document.0.push(0);
    signed.check_bounds().unwrap_err();
    let mut signed = Signed { document: Blob(vec![]), signatures: vec![Blob(vec![0; (16 << 10) + 1])] };
    signed.check_bounds().unwrap_err();
    signed.signatures = vec![Blob(vec![]); 65];
    signed.check_bounds().unwrap_err();
}

/// What is small on the wire and large in memory ends before any of it is kept.
#[test]
fn a_body_of_tiny_things_is_refused_by_every_reader() {
    let full = |piece: &str| format!("{piece},").repeat((MAX_ENVELOPE - 200) / (piece.len() + 1)) + piece;
    for piece in [r#"{"":0}"#, "[]", r#""""#, "0", r#"{"document":"","signatures":[]}"#] {
        let tiny = full(piece);
        for body in [
            format!(r#"{{"document":"","signatures":[{tiny}]}}"#),
            format!(r#"{{"schema":"writ.evidence-batch.v1","bundles":[{tiny}]}}"#),
        ] {
            assert!(body.len() <= MAX_ENVELOPE);
            for error in [
                Signed::parse(body.as_bytes()).unwrap_err().to_string(),
                EvidenceBatch::parse(body.as_bytes()).unwrap_err().to_string(),
            ] {
                assert!(error.contains("than a document of its length could need"), "{piece}: {error}");
            }
        }
    }
    // What a depot is really sent: a hundred bundles, the head of a site's heartbeats.
    let bundle = Signed { document: Blob(vec![b'x'; 2_000]), signatures: vec![Blob(vec![b'x'; 300])] };
    let text = serde_json::to_string(&vec![bundle; 2_000]).unwrap();
    let heartbeats = format!(r#"{{"schema":"writ.heartbeats.v1","heartbeats":{text}}}"#);
    assert_eq!(Heartbeats::parse(heartbeats.as_bytes()).unwrap().heartbeats.len(), 2_000);
}

#[test]
fn a_reason_that_a_newer_depot_gives_does_not_cost_the_receipts() {
    for reason in Reason::ALL {
        let text = serde_json::to_string(reason).unwrap();
        assert_eq!(serde_json::from_str::<Reason>(&text).unwrap(), *reason);
    }
    assert_eq!(serde_json::from_str::<Reason>("\"moon-phase\"").unwrap(), Reason::Other);
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in vec(any::<u8>(), 0..300), at in any::<usize>(), byte in any::<u8>()) {
        for (schema, body, reader) in documents() {
            let _ = reader(&bytes);
            let mut altered = serde_json::to_vec(&complete(schema, body)).unwrap();
            let position = at % altered.len();
            altered[position] = byte;
            if let Ok(canonical) = reader(&altered) {
                prop_assert_eq!(reader(&canonical).unwrap(), canonical);
            }
        }
    }

    #[test]
    fn signed_envelopes_round_trip(document in vec(any::<u8>(), 0..300), files in vec(vec(any::<u8>(), 0..50), 0..5)) {
        let signed = Signed { document: Blob(document), signatures: files.into_iter().map(Blob).collect() };
        prop_assert_eq!(Signed::parse(&signed.canonical()).unwrap(), signed);
    }
}
