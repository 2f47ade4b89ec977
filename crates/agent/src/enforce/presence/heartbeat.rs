//! The heartbeat (`writ.heartbeat.v1`): every minute, and at the start.

use std::time::Instant;

use serde_json::json;
use tracing::debug;
use writ_trust::time::Time;
use writ_wire::heartbeat::{Heartbeat, HeartbeatSchema, LogPosition, Next, NextState};
use writ_wire::releases::ReleaseRef;

use crate::enforce::accept::Untaken;
use crate::enforce::engine::Engine;
use crate::enforce::running::Running;
use crate::enforce::state::Point;
use crate::switch::{self, State as Stage};

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
            next: self.next_release(),
        }
    }

    /// How it stands with the newest release that is known of and not obeyed.
    fn next_release(&self) -> Option<Next> {
        let next = |point: Point, state, at| {
            let Point { epoch, serial } = point;
            Next { epoch, serial, state, at, rule: None }
        };
        let offered = self.offered.as_ref().map(|offered| match &offered.why {
            Untaken::NotBefore(at) => next(offered.release, NextState::NotBefore, Some(*at)),
            Untaken::Incomplete => next(offered.release, NextState::Incomplete, None),
            Untaken::Refused(rule) => {
                Next { rule: Some(rule.clone()), ..next(offered.release, NextState::Refused, None) }
            }
        });
        let window = self.window_wait.as_ref().map(|wait| next(wait.release, NextState::Window, wait.until));
        let import = self.switch_waits.as_ref().map(|wait| next(wait.release, NextState::Incomplete, wait.until));
        let switch = switch::read_journal(&self.config.state_dir).ok().flatten().and_then(|journal| {
            let point = Point { epoch: journal.request.epoch, serial: journal.request.serial };
            let (state, at) = match journal.course.state {
                Stage::Committed => return None,
                Stage::RolledBack => (NextState::RolledBack, journal.finished_at),
                Stage::RollbackFailed => (NextState::RollbackFailed, journal.finished_at),
                Stage::SetAside => (NextState::SetAside, journal.finished_at),
                _ => (NextState::Switching, Some(journal.began_at)),
            };
            Some(next(point, state, at))
        });
        let obeyed = self.running.as_ref().map(|running| running.generation.point());
        // Of one release the first: a switch that waits is under way, too.
        let known = [offered, window, import, switch].into_iter().flatten().rev();
        let point = |next: &Next| Point { epoch: next.epoch, serial: next.serial };
        known.filter(|next| obeyed.is_none_or(|obeyed| point(next) > obeyed)).max_by_key(point)
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
