//! What an appliance keeps for itself: the journal of its switch and the state of its enforcer. A version must read what
//! the one before it wrote, and the other way round after a rollback.

use std::collections::BTreeMap;
use std::path::Path;

use writ_agent::enforce::incident::{Incident, Phase};
use writ_agent::enforce::pause;
use writ_agent::enforce::posture::{Book, Run};
use writ_agent::enforce::refused::Source;
use writ_agent::enforce::state::{Pending, Point, RunningRef, SnapshotMark, Standing, State, ToldSwitch};
use writ_agent::switch::journal::{self, Activation, Journal, Judge, SetAside, Step, Timer, Verdict};
use writ_agent::switch::machine;
use writ_agent::switch::request::{Document, Launch, SwitchRequest};
use writ_policy::declared::Severity;
use writ_policy::observation::Observation;
use writ_policy::outcome::Outcome;
use writ_trust::digest::Digest;
use writ_trust::json;

use super::Golden;
use super::bundles::chain;
use super::documents::{TOPLEVEL, release};
use super::keys::*;

pub fn all() -> Vec<Golden> {
    vec![
        Golden::new("switch.json", json::canonical(&switch()), |b| {
            let journal = through_a_folder(b, journal::FILE, Journal::read)?.ok_or("no journal")?;
            Ok(json::canonical(&journal))
        }),
        Golden::new("state.json", state().to_bytes(), |b| {
            let state = through_a_folder(b, writ_agent::enforce::state::FILE, State::load)?.ok_or("no state")?;
            Ok(state.to_bytes())
        }),
        Golden::new("posture.json", serde_json::to_vec(&book()).unwrap(), |b| {
            let book: Book = serde_json::from_slice(b).map_err(|e| e.to_string())?;
            serde_json::to_vec(&book).map_err(|e| e.to_string())
        }),
    ]
}

fn through_a_folder<T, E: std::fmt::Display>(
    bytes: &[u8],
    name: &str,
    read: fn(&Path) -> Result<T, E>,
) -> Result<T, String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), bytes).unwrap();
    read(folder.path()).map_err(|e| e.to_string())
}

fn request() -> SwitchRequest {
    let generations = Path::new("/var/lib/writ/enforce/generations/1-5");
    let document = |name: &str, text: &[u8]| Document { path: generations.join(name), digest: Digest::of(text) };
    SwitchRequest {
        site: as_("clinic-001"),
        appliance: as_("front-desk"),
        epoch: as_("1"),
        serial: as_("5"),
        release: Digest::of(&release().canonical()),
        toplevel: TOPLEVEL.into(),
        policy: document("policy.json", b"a policy"),
        closure: document("closure.json", b"a closure"),
        cache_dir: "/srv/releases/cache".into(),
        cache_keys: vec!["clinic-cache-1:AAAA".into()],
        state_dir: "/var/lib/writ/enforce".into(),
        profile: "/nix/var/nix/profiles/system".into(),
        activation: "bin/switch-to-configuration".into(),
        activation_timeout: as_("10m"),
        fallback_window: as_("60s"),
        gc_roots: "/nix/var/nix/gcroots/writ/clinic-001/front-desk".into(),
        launch: Launch::SystemdRun,
        switch_binary: Some("/nix/store/0123456789abcdfghijklmnpqrsvwxyz-writ/bin/writ-switch".into()),
        boot: writ_agent::config::Boot::default(),
        at_once: false,
    }
}

/// A journal in which every member holds something.
fn switch() -> Journal {
    let previous = "/nix/store/zyxwvsrqpnmlkjihgfdcba9876543210-system-front-desk";
    let mut journal = Journal::begin(request(), Some(previous.into()), None, noon());
    let states = [
        machine::State::Imported,
        machine::State::Testing,
        machine::State::Probation,
        machine::State::Committed,
        machine::State::RolledBack,
        machine::State::RollbackFailed,
        machine::State::SetAside,
        machine::State::Fetched,
    ];
    journal.history.extend(states.into_iter().map(|state| Step { state, at: noon(), note: "as planned".into() }));
    journal.course.state = machine::State::RolledBack;
    journal.course.activated = true;
    journal.course.interruptions = 1;
    journal.finished_at = Some(noon().plus_millis(6_500));
    journal.before = Some(BTreeMap::from([("access.firewall".into(), Outcome::Pass)]));
    journal.activation =
        Some(Activation { exit_code: Some(4), millis: 812, output: "could not start a unit\n".into() });
    journal.verdict = Some(Verdict {
        judged_by: Judge::ReScan,
        passed: false,
        reasons: vec!["access.firewall held before and fails now".into()],
        after: BTreeMap::from([("access.firewall".into(), Outcome::Fail)]),
        required: vec!["access.firewall".into()],
    });
    journal.reboot_required = true;
    journal.timer = Some(Timer::Unit("writ-switch-5-rollback.timer".into()));
    journal.set_aside = vec![SetAside {
        epoch: as_("1"),
        serial: as_("5"),
        release: Digest::of(&release().canonical()),
        at: noon(),
        reason: "access.firewall held before and fails now".into(),
    }];
    journal.acknowledged = true;
    journal
}

/// A state in which every member holds something.
fn state() -> State {
    // What came into the chain later changes no state of before.
    let (_, last) = chain().into_iter().find(|(name, _)| *name == "posture-summary").unwrap();
    let point = Point { epoch: as_("1"), serial: as_("5") };
    let mut state = State::new(last.next);
    state.public_key = Some(public(FRONT_DESK));
    let bundle = String::from_utf8(last.bytes.clone()).unwrap();
    let (name, signature) = (last.file_name(), last.signature_text);
    state.tail.push_back(Pending { name, bundle, signature, standing: Standing::Committed });
    state.incidents.insert("ehr.connector-config@self".into(), incident());
    state.incident_number = 7;
    state.incident_date = Some(as_("20261123"));
    state.outcomes = BTreeMap::from([("capacity.disk".into(), Outcome::Warn)]);
    let limit = writ_policy::settings::CircuitBreaker { fires: 5, within: as_("1h") };
    state.breaker.fired("L1-EHR-001", as_("INC-20261123-0007"), noon(), &limit);
    state.pauses.active = vec![pause::Pause {
        checks: vec!["capacity.disk".into()],
        from: noon(),
        until: noon().plus_millis(60_000),
        means: writ_evidence::records::PauseMeans::BreakGlass,
        reference: "break-glass code".into(),
        by: "local".into(),
        reason: "maintenance".into(),
    }];
    state.pauses.wrong_codes = 1;
    state.pauses.not_before = Some(noon());
    state.count_refusal(Some(Digest::of(b"an old release")), "release", "floor", Source::Anybody);
    let digest = Digest::of(&release().canonical());
    state.running = Some(RunningRef { release: point, digest, policy: Some(point) });
    state.told_switch = Some(ToldSwitch { release: point, began_at: noon() });
    state.vector_to = Some(noon());
    state.snapshot = Some(SnapshotMark { at: noon(), policy: point });
    state.boot_id = "00000000-0000-4000-8000-000000000000".into();
    state.stopped = true;
    state.unrecorded = 2;
    state.answered.push_back("request-1".into());
    state
}

fn incident() -> Incident {
    Incident {
        id: as_("INC-20261123-0007"),
        check: "ehr.connector-config".into(),
        target: "self".into(),
        severity: Severity::High,
        detected_at: noon(),
        opened_by: Some(as_("EB-20261123-0004")),
        before: Observation::new().with("mode", "0666"),
        reasons: vec!["mode is \"0666\"".into()],
        phase: Phase::Attempting { rule: "L1-EHR-001".into(), since: noon() },
        attempts: 2,
        interrupted: 1,
        failures: BTreeMap::from([("L1-EHR-001".into(), 1)]),
        rests: BTreeMap::from([("L1-EHR-001".into(), noon())]),
        worked_since: Some(noon()),
        rule: Some("L1-EHR-001".into()),
        runbook: None,
        actions: vec![],
        escalations: vec![],
        people: None,
        plan: None,
        flapping: None,
        intended: false,
    }
}

fn book() -> Book {
    let mut book = Book::new(noon());
    let seen = Observation::new().with("available_percent", 42).with("path", "/");
    book.take("capacity.disk", &Run { at: noon(), outcome: Outcome::Pass, reasons: vec![], seen });
    book
}
