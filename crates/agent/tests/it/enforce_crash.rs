//! Kills at every numbered crash point and at seeded random moments: no incident is lost, none is closed twice.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use writ_evidence::Kind;

use crate::support::{Incidents, Site, chmod, mode, until};

const KILLED: i32 = 9;

/// A site with two drifting files; the second one's runbook does not help, so that failed attempts are crossed too.
fn site() -> Site {
    let site = Site::new();
    let mut policy = site.policy();
    site.file_check(&mut policy, "motd");
    site.file_check(&mut policy, "hopeless");
    let elsewhere = site.path("target/elsewhere");
    std::fs::write(&elsewhere, "").unwrap();
    policy["runbooks"]["RB-hopeless"]["steps"][0]["parameters"]["path"] = elsewhere.display().to_string().into();
    policy["rules"]["L1-hopeless"]["cooldown"] = "0s".into();
    // Interrupted attempts count as failed ones; here there may be many.
    policy["checks"]["file.motd"]["severity"] = "low".into();
    policy["settings"]["escalation"]["l1_failures"]["low"] = 100.into();
    policy["rules"]["L1-motd"]["attempts"] = 100.into();
    site.publish(1, &policy);
    chmod(&site.path("target/motd"), 0o600);
    chmod(&site.path("target/hopeless"), 0o600);
    site
}

fn run_until_crash(site: &Site, at: u64) -> ExitStatus {
    site.command().arg("--once").env("WRIT_CRASH_AT", at.to_string()).output().unwrap().status
}

fn check_end(site: &Site, incidents: &Incidents, at: &str) {
    assert_eq!(incidents.opened.len(), 2, "{at}: {:?}", incidents.opened);
    assert_eq!(incidents.closed.len(), 1, "{at}");
    assert_eq!(incidents.closed.values().next().unwrap().incident.as_ref().unwrap().check, "file.motd", "{at}");
    assert_eq!(mode(&site.path("target/motd")), 0o644, "{at}");
    assert_eq!(site.of_kind(Kind::Plan).len(), 1, "{at}: escalated once");
    assert_eq!(site.of_kind(Kind::Switch).len(), 1, "{at}: adopted once");
    assert!(site.state("floor").is_file(), "{at}");
    let tickets = std::fs::read_dir(site.state("tickets")).unwrap().count();
    assert_eq!(tickets, 1, "{at}");
}

#[test]
fn a_kill_at_every_crash_point_of_a_first_run_loses_nothing() {
    let mut points = 0;
    loop {
        let site = site();
        let status = run_until_crash(&site, points + 1);
        if status.signal() != Some(KILLED) {
            assert_eq!(status.code(), Some(1));
            break;
        }
        points += 1;
        // What was put into the outbox before the kill verifies by itself.
        let before = site.bundles();
        site.once_is(1);
        let after = site.bundles();
        assert_eq!(after[..before.len()], before[..], "crash point {points} changed what was said");
        check_end(&site, &site.incidents(), &format!("crash point {points}"));
    }
    assert!(points > 40, "{points} crash points were crossed");
}

#[test]
fn kills_one_after_another_make_progress_and_lose_nothing() {
    let site = site();
    let mut kills = 0;
    // Each run is killed a little further on than the one before.
    for at in (1..).step_by(3) {
        if run_until_crash(&site, at).signal() != Some(KILLED) {
            break;
        }
        kills += 1;
    }
    assert!(kills > 3, "{kills}");
    site.once_is(1);
    check_end(&site, &site.incidents(), "after many kills");
}

/// A small generator (xorshift64*), so that a failing run can be repeated by its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }
}

#[test]
fn thirty_seeded_kills_of_the_daemon_lose_no_incident() {
    let seed = 20_261_123;
    let mut random = Random(seed);
    let site = Site::new();
    let mut policy = site.policy();
    let files = ["a", "b", "c"].map(|name| site.file_check(&mut policy, name));
    site.publish(1, &policy);
    site.once_is(0);
    let mut drifts = 0;
    for kill in 0..30 {
        let daemon = site.daemon();
        // Drift while it comes up, while it heals and while it writes, then kill it at any moment.
        for _ in 0..=random.below(3) {
            chmod(&files[random.below(3) as usize], 0o600 + random.below(8) as u32);
            drifts += 1;
            std::thread::sleep(Duration::from_micros(random.below(25_000)));
        }
        daemon.kill();
        let incidents = site.incidents();
        assert!(incidents.closed.len() <= incidents.opened.len(), "seed {seed}, kill {kill}");
    }
    let daemon = site.daemon();
    until("everything is healed and told", || {
        let incidents = site.incidents();
        let healed = files.iter().all(|file| mode(file) == 0o644);
        (healed && incidents.opened.len() == incidents.closed.len()).then_some(())
    });
    assert_eq!(daemon.stop(), Some(0));
    let incidents = site.incidents();
    assert!(!incidents.opened.is_empty() && incidents.opened.len() <= drifts, "{} of {drifts}", incidents.opened.len());
    assert!(site.of_kind(Kind::Started).len() >= 2);
}
