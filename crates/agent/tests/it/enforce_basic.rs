//! The thin path: a released check, a drift, a heal, evidence that verifies.

use serde_json::Value;
use writ_evidence::Kind;
use writ_evidence::incident::{ResolutionStatus, ResolutionType, Tier};

use crate::support::{Site, chmod, mode, until};

#[test]
fn one_scan_heals_a_file_mode_and_proves_it() {
    let site = Site::new();
    let mut policy = site.policy();
    let path = site.file_check(&mut policy, "motd");
    site.publish(1, &policy);
    chmod(&path, 0o600);
    let said = site.once_is(0);
    assert!(said.contains("healed"), "{said}");
    assert_eq!(mode(&path), 0o644);

    let incidents = site.incidents();
    assert_eq!((incidents.opened.len(), incidents.closed.len()), (1, 1));
    let closed = incidents.closed.values().next().unwrap();
    let execution = closed.execution.as_ref().unwrap();
    assert_eq!((execution.resolution_type, execution.tier), (ResolutionType::Auto, Some(Tier::L1)));
    assert_eq!(closed.outputs.unwrap().resolution_status, ResolutionStatus::Success);
    assert_eq!(closed.actions_taken.len(), 1);
    assert_eq!(closed.release.unwrap().serial.get(), 1);
    let kinds: Vec<Kind> = site.bundles().iter().map(|b| b.kind).collect();
    assert_eq!(kinds, [Kind::Started, Kind::Switch, Kind::IncidentOpened, Kind::IncidentClosed, Kind::Posture]);
    assert!(!site.state("lock").metadata().unwrap().is_dir());
    assert!(site.state("running/release.json").is_file());
}

#[test]
fn the_daemon_sees_a_drift_at_once_and_heals_it() {
    let site = Site::new();
    let mut policy = site.policy();
    let path = site.file_check(&mut policy, "motd");
    site.publish(1, &policy);
    let daemon = site.daemon();
    until("the first snapshot", || site.of_kind(Kind::Posture).first().cloned());
    for drift in [0o600, 0o777, 0o000] {
        let before = site.incidents().closed.len();
        chmod(&path, drift);
        until("the incident is closed", || (site.incidents().closed.len() > before).then_some(()));
        assert_eq!(mode(&path), 0o644);
    }
    std::fs::remove_file(&path).unwrap();
    until("a ticket, as nothing is known of its content", || {
        std::fs::read_dir(site.state("tickets")).ok()?.next().map(|_| ())
    });
    std::fs::write(&path, "by hand").unwrap();
    until("people closed it", || (site.incidents().closed.len() == 4).then_some(()));
    let closed = site.incidents().closed.into_values().last().unwrap();
    assert_eq!(closed.execution.as_ref().unwrap().resolution_type, ResolutionType::Manual);
    assert_eq!(daemon.stop(), Some(0));
    let status: Value = serde_json::from_slice(&std::fs::read(site.state("status.json")).unwrap()).unwrap();
    assert_eq!(status["schema"], "writ.enforcer-status.v1");
}
