//! One bundle of every kind that this version writes, byte for byte: changed bytes mean a new schema version.
//!
//! `WRIT_BLESS=1 cargo test -p writ-evidence` writes the files anew; that is for a new schema only.

use std::collections::BTreeMap;
use std::path::Path;

use writ_evidence::chain::{ChainState, authenticate, seal};
use writ_evidence::incident::{Change, Escalation, Tier, Verification};
use writ_evidence::posture::{
    Differing, Posture, Range, Seen, Snapshot, Steady, Summary, TellingRef, Vector, VectorEntry,
};
use writ_evidence::records::*;
use writ_evidence::{Draft, Kind};
use writ_policy::observation::Observation;
use writ_policy::outcome::Outcome;
use writ_trust::digest::Digest;

use crate::bundles::*;

fn draft(kind: Kind, edit: impl FnOnce(&mut Draft)) -> Draft {
    let mut draft = Draft::new(kind, &site(), &appliance());
    draft.release = Some(release());
    edit(&mut draft);
    draft
}

fn postures() -> [Draft; 3] {
    let entry = VectorEntry {
        outcome: Outcome::Warn,
        reasons: vec!["available_percent ge 15, seen 12".into()],
        observation: Some(Digest::of(b"observation")),
        runs: 60,
        failed: 0,
        not_assessed: 1,
        first_at: Some(noon()),
        last_at: Some(noon().plus_millis(3_540_000)),
        longest_gap_seconds: 61,
        numbers: BTreeMap::from([("available_percent".into(), Range { min: 11, max: 14, last: 12 })]),
    };
    let differing = Differing { runs: entry.clone(), seen: Some(Observation::new().with("available_percent", 12)) };
    let checks = BTreeMap::from([("capacity.disk".to_owned(), entry)]);
    let vector = Vector { from: noon(), to: noon().plus_millis(3_600_000), checks };
    let seen = Seen {
        at: None,
        outcome: Outcome::NotApplicable,
        reasons: vec!["no systemd on this host".into()],
        observation: Observation::new(),
    };
    let snapshot = Snapshot { checks: BTreeMap::from([("audit.journal-service".to_owned(), seen)]) };
    let summary = Summary {
        from: noon(),
        to: noon().plus_millis(3_600_000),
        after: TellingRef { sequence: 7, digest: Digest::of(b"seventh") },
        steady: Steady::of([("audit.journal-service", 60), ("firewall.ruleset", 720)]),
        changed: BTreeMap::from([("capacity.disk".to_owned(), differing)]),
    };
    [Posture::Vector(vector), Posture::Snapshot(snapshot), Posture::Summary(summary)]
        .map(|p| draft(Kind::Posture, |d| d.posture = Some(p)))
}

fn switched() -> Draft {
    let generation = |serial: &str, name: &str| GenerationRef {
        epoch: "1".parse().unwrap(),
        serial: serial.parse().unwrap(),
        toplevel: Some(format!("/nix/store/0c5b8vw40dy178xlpddw65q9gf1h2186-{name}").parse().unwrap()),
    };
    let failed = Verification {
        check: "ehr.connector-service".into(),
        at: noon(),
        outcome: Outcome::Fail,
        observation: None,
        reasons: vec!["active_state eq \"active\", seen \"failed\"".into()],
    };
    draft(Kind::Switch, |d| {
        d.change = Some(Change::Intended);
        d.switch = Some(Switch {
            from: Some(generation("1", "system-1")),
            to: generation("2", "system-2"),
            release: release(),
            states: vec![
                StateAt { state: SwitchState::Testing, at: noon() },
                StateAt { state: SwitchState::RolledBack, at: noon().plus_millis(5_000) },
            ],
            outcome: SwitchOutcome::RolledBack,
            reason: Some("ehr.connector-service failed in probation".into()),
            attempts: 1,
            probation: vec![failed],
        });
    })
}

fn paused() -> Draft {
    draft(Kind::Pause, |d| {
        d.pause = Some(Pause {
            phase: PausePhase::Begun,
            means: PauseMeans::BreakGlass,
            reference: "break-glass".into(),
            by: "local operator".into(),
            reason: "replacing the disk".into(),
            checks: vec!["capacity.disk".into()],
            from: noon(),
            until: noon().plus_millis(3_600_000),
        });
    })
}

fn refused() -> Draft {
    draft(Kind::Refused, |d| {
        d.refused = Some(Refused {
            rule: "threshold".into(),
            message: "rule threshold: 1 of 2 release keys signed".into(),
            what: "release".into(),
            digest: Some(Digest::of(b"refused")),
            count: 1,
        });
    })
}

fn thinned() -> Draft {
    let ranges = vec![ThinnedRange { first: 2, last: 9, digest: Digest::of(b"ninth") }];
    draft(Kind::Thinned, |d| d.thinned = Some(Thinned { reason: "over the disk budget of 512 MB".into(), ranges }))
}

fn escalated() -> Draft {
    let mut draft = closed();
    let execution = draft.execution.as_mut().unwrap();
    execution.escalations = vec![Escalation {
        to: Tier::L3,
        at: noon(),
        reason: "2 attempts failed; L2 is not configured".into(),
        notified: vec!["on-call@msp.example".into()],
    }];
    draft
}

#[test]
fn bundles_are_golden() {
    let [vector, snapshot, summary] = postures();
    let all = [
        ("started", started()),
        ("incident-opened", opened()),
        ("incident-closed", closed()),
        ("incident-closed-escalated", escalated()),
        ("posture-change", change(Outcome::Fail, noon())),
        ("posture-vector", vector),
        ("posture-snapshot", snapshot),
        ("switch", switched()),
        ("pause", paused()),
        ("refused", refused()),
        ("thinned", thinned()),
        ("posture-summary", summary),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let bless = std::env::var_os("WRIT_BLESS").is_some();
    let mut state = ChainState::new();
    for (name, draft) in all {
        let sealed = seal(draft, &state, &key(1), noon()).unwrap();
        state = sealed.next;
        for (end, bytes) in [("json", &sealed.bytes[..]), ("json.minisig", sealed.signature_text.as_bytes())] {
            let path = folder.join(format!("{name}.{end}"));
            if bless {
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(&path, bytes).unwrap();
            }
            let golden = std::fs::read(&path).unwrap_or_default();
            assert!(golden == bytes, "{name}.{end} differs from its golden file: {}", String::from_utf8_lossy(bytes));
        }
        authenticate(&sealed.bytes, sealed.signature_text.as_bytes(), &who(&key(1)).speaker()).unwrap();
    }
}
