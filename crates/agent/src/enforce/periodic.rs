//! What is done by the clock: posture vectors and snapshots, the end of pauses.

use std::time::Duration;

use tracing::info;
use writ_evidence::chain::SealError;
use writ_evidence::records::PausePhase;
use writ_evidence::{BundleId, Draft};
use writ_trust::time::Time;

use super::engine::{Engine, now};
use super::lanes;
use super::state::SnapshotMark;
use crate::crash_point;
use crate::evidence_writer::MANY_WAITING;

/// How often the posture book is written at most.
const SAVE_BOOK_EVERY: Duration = Duration::from_secs(30);

impl Engine {
    /// Does what is due by the clock.
    pub fn tick(&mut self) {
        self.resume_attempts();
        self.attempts.note(lanes::Event::Tick);
        self.take_turns();
        self.end_pauses();
        self.tell_posture();
        if self.book_saved.elapsed() >= SAVE_BOOK_EVERY {
            self.save_book();
        }
        self.retry_commit();
        self.catch_up_tickets();
        if !self.is_full() {
            self.again.extend(std::mem::take(&mut self.unrecorded));
        }
    }

    fn end_pauses(&mut self) {
        let over = self.state.pauses.expire(now());
        if over.is_empty() {
            return;
        }
        for pause in &over {
            info!(checks = ?pause.checks, "a pause is over: healing goes on");
            let draft = self.teller().paused(pause, PausePhase::Expired);
            self.seal(draft);
        }
        self.commit();
        let open: Vec<String> = self.state.incidents.values().map(|incident| incident.check.clone()).collect();
        self.again.extend(open);
    }

    /// The vector and the snapshot, when they are due. A new policy has its first snapshot once every check has run.
    fn tell_posture(&mut self) {
        let Some((policy_of, policy)) = self.running.as_ref().and_then(|r| r.policy.as_ref()) else { return };
        let at = now();
        let policy_of = *policy_of;
        let checks: Vec<String> = policy.checks.keys().cloned().collect();
        let vector_due = at.millis_since(self.book.from) >= policy.settings.posture.vector.millis();
        let fresh = |at: Option<Time>| at.is_some_and(|at| self.fresh_since.is_none_or(|since| at >= since));
        let all_ran = checks.iter().all(|check| self.book.last(check).is_some_and(|seen| fresh(seen.at)));
        let snapshot_due = all_ran
            && (self.fresh_since.is_some()
                || self.state.snapshot.is_none_or(|mark| {
                    mark.policy != policy_of || at.millis_since(mark.at) >= policy.settings.posture.snapshot.millis()
                }));
        // A clock that was set back makes them due again when it has caught up; nothing is lost, the book sums on.
        if !(vector_due || snapshot_due) || self.state.waiting() >= MANY_WAITING {
            return;
        }
        if snapshot_due {
            self.seal_by_vantage(&checks, &|engine, checks| {
                engine.teller().snapshot(engine.book.snapshot(checks.iter().map(String::as_str)))
            });
            self.state.snapshot = Some(SnapshotMark { at, policy: policy_of });
            self.fresh_since = None;
        }
        if vector_due {
            self.seal_by_vantage(&checks, &|engine, checks| {
                engine.teller().vector(engine.book.vector(checks.iter().map(String::as_str), at))
            });
            self.state.vector_to = Some(at);
        }
        self.commit();
        crash_point!("posture told, book not turned");
        if vector_due {
            self.book.turn(at);
        }
        self.save_book();
    }

    /// Seals a draft about checks, apart for those that are looked at over the network: a bundle has one vantage.
    fn seal_by_vantage(&mut self, checks: &[String], draft: &dyn Fn(&Self, &[String]) -> Draft) {
        let (network, host): (Vec<_>, Vec<_>) = checks.iter().cloned().partition(|check| self.is_network(check));
        // Where there is nothing at all, that is what the host says.
        if !host.is_empty() || network.is_empty() {
            self.seal_split(&host, draft);
        }
        if let Some(first) = network.first() {
            self.seal_split(&network, &|engine, checks| engine.seen_from(first, draft(engine, checks)));
        }
    }

    /// Seals a draft about checks, in as many bundles as it takes.
    fn seal_split(&mut self, checks: &[String], draft: &dyn Fn(&Self, &[String]) -> Draft) {
        let whole = draft(self, checks);
        match self.writer.seal(&mut self.state, whole, now()) {
            Err(SealError::TooLarge(_)) if checks.len() > 1 => {
                let (first, second) = checks.split_at(checks.len() / 2);
                self.seal_split(first, draft);
                self.seal_split(second, draft);
            }
            Err(e) => self.say_once(format!("posture could not be sealed: {e}")),
            Ok(BundleId { .. }) => {}
        }
    }

    /// When something is due by the clock.
    pub fn next_tick(&self) -> Option<Time> {
        let settings = self.policy().map(|policy| &policy.settings.posture);
        let vector = settings.map(|posture| self.book.from.plus(&posture.vector));
        let snapshot = settings.zip(self.state.snapshot).map(|(posture, mark)| mark.at.plus(&posture.snapshot));
        [vector, snapshot, self.state.pauses.next_end()].into_iter().flatten().min()
    }
}
