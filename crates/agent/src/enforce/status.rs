//! `status.json`: what is so now, for people and tools on this machine. Not evidence.

use serde_json::json;
use tracing::error;

use super::engine::Engine;
use super::sitelog::freshness::Freshness;
use super::state::State;
use crate::switch::boot;

/// What the status file was last written about: when this changes, it is written anew soon.
pub(super) type Mark = (u64, usize, u64, bool, usize, Option<bool>, (usize, usize), u64);

impl Engine {
    /// Whether the status file no longer says what is so.
    pub fn status_is_old(&self) -> bool {
        self.status_of != Some(self.status_mark())
    }

    fn status_mark(&self) -> Mark {
        let State { chain, refused_total, outcomes, .. } = &self.state;
        let fresh = self.site_log.freshness.map(Freshness::is_fresh);
        (
            chain.next_sequence,
            self.state.waiting(),
            *refused_total,
            self.on_trial,
            outcomes.len(),
            fresh,
            self.attempts.count(),
            self.sources.changes(),
        )
    }

    /// Writes `status.json`.
    pub fn write_status(&mut self) {
        self.status_of = Some(self.status_mark());
        let incidents: Vec<_> = self
            .state
            .incidents
            .values()
            .map(|incident| {
                json!({
                    "incident_id": incident.id, "check": incident.check, "severity": incident.severity,
                    "detected_at": incident.detected_at, "phase": incident.phase, "attempts": incident.attempts,
                    "people": incident.people, "plan": incident.plan, "flapping": incident.flapping,
                })
            })
            .collect();
        let (running, at) = (self.running.as_ref(), self.clock.now());
        let status = json!({
            "schema": "writ.enforcer-status.v1",
            "at": at,
            "pid": std::process::id(),
            "site": self.identity.site, "appliance": self.identity.appliance,
            "release": running.map(|r| r.generation.point().to_string()),
            "release_digest": running.map(|r| r.generation.digest),
            "policy_of": running.and_then(|r| r.policy.as_ref()).map(|(point, _)| point.to_string()),
            "expires_at": running.map(|r| r.generation.release.expires_at),
            "expired": running.is_some_and(|r| at >= r.generation.release.expires_at),
            "on_trial": self.on_trial,
            "switch": self.switch_status(),
            "window": self.window_status(),
            "reboot_pending": boot::pending(&self.config.boot, &self.config.state_dir),
            "boot_entry_left": if self.switch_under_way { None } else { boot::left(&self.config.state_dir) },
            "time_zone": self.zone.called(),
            "outcomes": self.state.outcomes,
            "open_incidents": incidents,
            "runbooks": self.attempts.status(),
            "pauses": self.state.pauses.active,
            "notices": { "number": self.state.notice_number, "waiting": self.state.notices.len() },
            "refused_total": self.state.refused_total,
            "refusals": self.state.refusals,
            "log": self.log_status(),
            "presence": self.presence_status(),
            "evidence": { "next_sequence": self.state.chain.next_sequence, "waiting": self.state.waiting() },
            "outbox": self.outbox_status(),
            "disk_trouble": self.writer.trouble(),
            "unrecorded": self.state.unrecorded,
            "counters": self.counters,
            "confined": self.confined,
            "sources": self.sources.standings(),
        });
        let path = self.config.state_dir.join("status.json");
        let temporary = self.config.state_dir.join(format!(".status.json{}", writ_durable::TEMPORARY_SUFFIX));
        let bytes = serde_json::to_vec_pretty(&status).unwrap_or_default();
        // Renamed but not fsynced: after a power cut it is written anew anyway.
        let written = std::fs::write(&temporary, bytes).and_then(|()| std::fs::rename(&temporary, &path));
        if let Err(e) = written
            && self.writer.trouble().is_none()
        {
            error!("status.json cannot be written: {e}");
        }
    }
}
