//! What is done by the clock.

use std::time::Duration;

use tracing::info;
use writ_evidence::records::PausePhase;
use writ_trust::time::Time;

use super::engine::Engine;
use super::lanes;

/// How often the posture book is written at most.
const SAVE_BOOK_EVERY: Duration = Duration::from_secs(30);

impl Engine {
    /// Does what is due by the clock.
    pub fn tick(&mut self) {
        self.watch_clock();
        self.resume_attempts();
        self.attempts.note(lanes::Event::Tick);
        self.take_turns();
        self.end_pauses();
        self.act_on_orders();
        self.tend_plans();
        self.watch_window();
        self.see_to_people();
        self.lay_notices();
        self.see_to_logs();
        self.tell_posture();
        if self.clock.since(self.book_saved) >= SAVE_BOOK_EVERY {
            self.save_book();
        }
        self.retry_commit();
        self.catch_up_tickets();
        if !self.is_full() {
            self.tell_unrecorded();
            self.again.extend(std::mem::take(&mut self.unrecorded));
        }
    }

    fn end_pauses(&mut self) {
        let over = self.state.pauses.expire(self.clock.now());
        if over.is_empty() {
            return;
        }
        for pause in &over {
            info!(checks = ?pause.checks, "a pause is over: healing goes on");
            let draft = self.teller().paused(pause, PausePhase::Expired);
            self.seal(draft);
            self.notice_pause(&pause.checks, "a pause is over: healing goes on".to_owned());
        }
        self.commit();
        let open: Vec<String> = self.state.incidents.values().map(|incident| incident.check.clone()).collect();
        self.again.extend(open);
    }

    /// When something is due by the clock.
    pub fn next_tick(&self) -> Option<Time> {
        let settings = self.policy().map(|policy| &policy.settings.posture);
        let vector = settings.map(|posture| self.book.from.plus(&posture.vector));
        let snapshot = settings.zip(self.state.snapshot).map(|(posture, mark)| mark.at.plus(&posture.snapshot));
        [vector, snapshot, self.state.pauses.next_end(), self.window_opens(), self.next_call(), self.next_answer()]
            .into_iter()
            .flatten()
            .min()
    }
}
