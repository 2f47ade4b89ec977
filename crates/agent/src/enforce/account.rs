//! When posture is told, and in which form: the account of all runs, and the snapshot that the next ones build on.

use writ_evidence::chain::SealError;
use writ_evidence::posture::TellingRef;
use writ_evidence::{BundleId, Draft};
use writ_trust::time::Time;

use super::engine::Engine;
use super::posture::Told;
use super::state::SnapshotMark;
use crate::crash_point;
use crate::evidence_writer::MANY_WAITING;

impl Engine {
    /// The account and the snapshot, when they are due. A new policy has its first snapshot once every check has run.
    pub(super) fn tell_posture(&mut self) {
        let Some((policy_of, policy)) = self.running.as_ref().and_then(|r| r.policy.as_ref()) else { return };
        let at = self.clock.now();
        let policy_of = *policy_of;
        let checks: Vec<String> = policy.checks.keys().cloned().collect();
        let (network, host): (Vec<String>, Vec<String>) =
            checks.iter().cloned().partition(|check| self.is_network(check));
        let account_due = at.millis_since(self.book.from) >= policy.settings.posture.vector.millis();
        let fresh = |at: Option<Time>| at.is_some_and(|at| self.fresh_since.is_none_or(|since| at >= since));
        let all_ran = checks.iter().all(|check| self.book.last(check).is_some_and(|seen| fresh(seen.at)));
        let of_policy = self.state.snapshot.filter(|mark| mark.policy == policy_of && self.fresh_since.is_none());
        let snapshot_due = all_ran
            && (self.book.told.is_none()
                || of_policy.is_none_or(|mark| at.millis_since(mark.at) >= policy.settings.posture.snapshot.millis()));
        // A clock that was set back makes them due again when it has caught up; nothing is lost, the book sums on.
        if !(account_due || snapshot_due) || self.state.waiting() >= MANY_WAITING {
            return;
        }
        // The account first: it builds on the snapshot before.
        if account_due {
            self.tell_runs(&host, of_policy.is_some(), at);
            // A bundle has one vantage. These are few, and told in full.
            self.tell_from_network(&network, &|engine, checks| {
                engine.teller().vector(engine.book.vector(checks.iter().map(String::as_str), at))
            });
            self.state.vector_to = Some(at);
        }
        if snapshot_due {
            self.tell_whole(&host, &network, SnapshotMark { at, policy: policy_of });
        }
        self.state.posture_told = self.book.told.as_ref().map(|told| told.last);
        self.commit();
        crash_point!("posture told, book not turned");
        if account_due {
            self.book.turn(at);
        }
        self.save_book();
    }

    /// What every check saw when it last ran, in full, whether it is due or not; false where the disk takes nothing.
    pub(super) fn tell_snapshot_now(&mut self) -> bool {
        let Some((policy_of, policy)) = self.running.as_ref().and_then(|r| r.policy.as_ref()) else { return false };
        if self.state.waiting() >= MANY_WAITING {
            return false;
        }
        let mark = SnapshotMark { at: self.clock.now(), policy: *policy_of };
        let checks: Vec<String> = policy.checks.keys().cloned().collect();
        let (network, host): (Vec<String>, Vec<String>) = checks.into_iter().partition(|check| self.is_network(check));
        self.tell_whole(&host, &network, mark);
        self.state.posture_told = self.book.told.as_ref().map(|told| told.last);
        self.commit();
        self.save_book();
        true
    }

    fn tell_whole(&mut self, host: &[String], network: &[String], mark: SnapshotMark) {
        self.tell_snapshot(host);
        self.tell_from_network(network, &|engine, checks| {
            engine.teller().snapshot(engine.book.snapshot(checks.iter().map(String::as_str)))
        });
        self.state.snapshot = Some(mark);
        self.fresh_since = None;
    }

    /// All runs until now: what differs from what was told, or, where there is nothing to build on, everything.
    fn tell_runs(&mut self, checks: &[String], may_build: bool, at: Time) {
        let policy = self.policy().filter(|_| may_build);
        let summary = policy.and_then(|policy| {
            let of_host = checks.iter().filter_map(|id| policy.checks.get_key_value(id));
            self.book.summary(of_host, at)
        });
        self.book.told = None;
        if let Some((summary, mut told)) = summary {
            let draft = self.teller().summary(summary);
            match self.writer.seal(&mut self.state, draft, self.clock.now()) {
                Ok(BundleId { .. }) => {
                    told.last = self.last_sealed().unwrap_or(told.last);
                    self.book.told = Some(told);
                    return;
                }
                // So much has changed that it is better told anew.
                Err(SealError::TooLarge(_)) => {}
                Err(e) => return self.say_once(format!("posture could not be sealed: {e}")),
            }
        }
        self.seal_split(checks, &|engine, checks| {
            engine.teller().vector(engine.book.vector(checks.iter().map(String::as_str), at))
        });
    }

    fn tell_from_network(&mut self, checks: &[String], draft: &dyn Fn(&Self, &[String]) -> Draft) {
        if let Some(first) = checks.first() {
            self.seal_split(checks, &|engine, checks| engine.seen_from(first, draft(engine, checks)));
        }
    }

    fn tell_snapshot(&mut self, checks: &[String]) {
        let first = self.state.chain.next_sequence;
        let of = |engine: &Self, checks: &[String]| engine.book.snapshot(checks.iter().map(String::as_str));
        self.seal_split(checks, &|engine, checks| engine.teller().snapshot(of(engine, checks)));
        let last = self.last_sealed().filter(|last| last.sequence >= first);
        self.book.told = last.map(|last| Told::by(&of(self, checks), first, last));
    }

    /// The newest bundle of the chain.
    fn last_sealed(&self) -> Option<TellingRef> {
        let chain = &self.state.chain;
        Some(TellingRef { sequence: chain.next_sequence.checked_sub(1)?, digest: chain.previous? })
    }

    /// Seals a draft about checks, in as many bundles as it takes.
    fn seal_split(&mut self, checks: &[String], draft: &dyn Fn(&Self, &[String]) -> Draft) {
        let whole = draft(self, checks);
        match self.writer.seal(&mut self.state, whole, self.clock.now()) {
            Err(SealError::TooLarge(_)) if checks.len() > 1 => {
                let (first, second) = checks.split_at(checks.len() / 2);
                self.seal_split(first, draft);
                self.seal_split(second, draft);
            }
            Err(e) => self.say_once(format!("posture could not be sealed: {e}")),
            Ok(BundleId { .. }) => {}
        }
    }
}
