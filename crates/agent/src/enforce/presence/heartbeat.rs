//! The heartbeat (`writ.heartbeat.v1`): every minute, and at the start.

use std::time::Instant;

use serde_json::json;
use tracing::debug;
use writ_trust::time::Time;
use writ_wire::heartbeat::{Heartbeat, HeartbeatSchema, LogPosition};
use writ_wire::releases::ReleaseRef;

use crate::enforce::engine::Engine;
use crate::enforce::running::Running;

/// Its file.
const FILE: &str = "heartbeat.json";

/// When the heart beat last.
#[derive(Debug, Default)]
pub struct Beat {
    due: Option<Instant>,
    at: Option<Time>,
}

impl Engine {
    /// When the next heartbeat is due; nothing before the first.
    pub fn next_beat(&self) -> Option<Instant> {
        self.presence.beat.due
    }

    /// Lays out a heartbeat when one is due.
    pub fn beat_if_due(&mut self) {
        let due = self.presence.beat.due;
        if due.is_none_or(|due| self.clock.instant() >= due) {
            self.beat();
        }
    }

    /// Lays out a heartbeat now.
    pub fn beat(&mut self) {
        let at = self.clock.now();
        self.presence.beat.due = Some(self.clock.instant() + self.config.heartbeat.duration());
        let folder = self.config.presence_dir();
        let laid = match self.heartbeat(at).sign(self.writer.key()) {
            Ok(signed) => super::put(&folder, FILE, &signed).map_err(|e| e.to_string()),
            Err(e) => Err(e.to_string()),
        };
        match laid {
            Ok(()) => {
                self.presence.beat.at = Some(at);
                debug!("heartbeat");
            }
            Err(e) => self.say_once(format!("{}: the heartbeat cannot be laid out: {e}", folder.display())),
        }
    }

    fn heartbeat(&self, at: Time) -> Heartbeat {
        let release = self.running.as_ref().map(Running::release_ref);
        let kept = self.site_log.kept.as_ref();
        Heartbeat {
            schema: HeartbeatSchema::V1,
            site: self.identity.site.clone(),
            appliance: self.identity.appliance.clone(),
            public_key: self.identity.public_key.clone(),
            at,
            release: release.map(|r| ReleaseRef { epoch: r.epoch, serial: r.serial, digest: r.digest }),
            trust_version: self.site_log.trust_version,
            sequence: self.state.chain.next_sequence - 1,
            open_incidents: self.state.incidents.len() as u64,
            refused: self.refusals.count(),
            log: kept.map(|kept| LogPosition {
                number: self.site_log.kept_number as u64,
                origin: kept.checkpoint.origin.clone(),
                size: kept.checkpoint.size,
            }),
            log_fresh_at: kept.and(self.state.log_heard_at),
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// The status file's account of what is laid out for the courier.
    pub(in crate::enforce) fn presence_status(&self) -> serde_json::Value {
        let vouched = self.presence.vouched.as_ref();
        json!({
            "folder": self.config.presence_dir(),
            "heartbeat_at": self.presence.beat.at,
            "courier": vouched.map(|vouched| json!({
                "key": vouched.key.fingerprint(), "issued_at": vouched.issued_at, "expires_at": vouched.expires_at,
            })),
        })
    }
}
