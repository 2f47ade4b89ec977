//! Following the switch to another system: starting it, having it go on, taking up its end.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use tracing::{info, warn};
use writ_evidence::bundle::ReleaseRef;
use writ_evidence::incident::Verification;
use writ_evidence::records::{GenerationRef, StateAt, Switch, SwitchOutcome, SwitchState};
use writ_trust::digest::Digest;
use writ_trust::root_chain::TrustChain;
use writ_trust::time::Time;

use super::engine::Engine;
use super::generation::{self, Generation};
use super::refused::Refused;
use super::state::{Point, ToldSwitch};
use crate::crash_point;
use crate::switch::journal::Journal;
use crate::switch::machine::State as Stage;
use crate::switch::request::{self, Document, SwitchRequest};
use crate::switch::{self, Resumed};

/// How often a switch that nobody drives is looked for.
const RESUME_EVERY: Duration = Duration::from_secs(5);

/// The journal of the switch cannot be read, and that was said.
pub(super) struct Unreadable;

/// A switch that waits for what its import lacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub(super) release: Point,
    tries: u32,
    pub(super) until: Option<Time>,
    reason: String,
}

impl Engine {
    /// Takes up what a running switch came to, without looking at the folder of releases.
    pub fn poll_switch(&mut self) -> bool {
        let before = self.state.running;
        self.resume_switch();
        let _ = self.follow_switch();
        before != self.state.running
    }

    /// Whether a switch was started and its end is not taken up yet.
    pub fn switch_under_way(&self) -> bool {
        self.switch_under_way
    }

    /// Whether a switch rests: nothing of it is activated, and it is not tried again for a while.
    pub fn switch_rests(&self) -> bool {
        self.switch_waits.as_ref().is_some_and(|waiting| waiting.until.is_some_and(|until| until > self.clock.now()))
    }

    /// The status file's account of a switch that waits; null when none does.
    pub(super) fn switch_status(&self) -> serde_json::Value {
        let account = |waiting: &Waiting| {
            let Waiting { release, tries, until, reason } = waiting;
            json!({ "release": release.to_string(), "tries": tries, "waits_until": until, "reason": reason })
        };
        self.switch_waits.as_ref().map_or(serde_json::Value::Null, account)
    }

    pub(super) fn start_switch(&mut self, chain: &TrustChain, generation: &Generation, toplevel: String) {
        let point = generation.point();
        let Some(closure) = &generation.entry.closure else { return };
        let directory = generation::directory(&self.config.state_dir, point);
        let document = |name: &str, digest: Digest| Document { path: directory.join(name), digest };
        let asked = SwitchRequest {
            site: self.identity.site.clone(),
            appliance: self.identity.appliance.clone(),
            epoch: point.epoch,
            serial: point.serial,
            release: generation.digest,
            toplevel,
            policy: document("policy.json", generation.entry.policy.digest),
            closure: document("closure.json", closure.digest),
            cache_dir: self.acceptor.folder().cache(),
            cache_keys: chain.newest().nix_public_keys(&self.identity.site, self.clock.now()),
            state_dir: self.config.state_dir.clone(),
            profile: self.config.profile.clone(),
            activation: self.config.activation.clone(),
            activation_timeout: self.config.activation_timeout.clone(),
            fallback_window: self.config.fallback_window.clone(),
            gc_roots: self.gc_roots(),
            launch: self.config.switch_command.into(),
            switch_binary: None,
            boot: self.config.boot.clone(),
            at_once: self.running.is_none(),
        };
        match switch::start(&asked, self.clock.now()) {
            Ok(()) => {
                self.switch_under_way = true;
                self.resumed_at = Some(self.clock.instant());
                info!(release = %point, toplevel = %asked.toplevel, "switch started");
            }
            Err(e) => self.say_once(format!("the switch to release {point} cannot be started: {e}")),
        }
    }

    fn gc_roots(&self) -> PathBuf {
        let default = || request::default_gc_roots(&self.identity.site, &self.identity.appliance);
        self.config.gc_roots.clone().unwrap_or_else(default)
    }

    /// Has a switch that nobody drives any more go on, but not at every turn: a driver needs a moment to come up.
    pub(super) fn resume_switch(&mut self) {
        if self.resumed_at.is_some_and(|at| self.clock.since(at) < RESUME_EVERY) {
            return;
        }
        self.resumed_at = Some(self.clock.instant());
        let journal = switch::read_journal(&self.config.state_dir).ok().flatten();
        if journal.is_some_and(|journal| self.import_waits_for_window(&journal)) {
            return;
        }
        match switch::resume(&self.config.state_dir) {
            Ok(Resumed::Launched) => info!("an interrupted switch goes on"),
            Ok(Resumed::Clearing) => info!("what the boot loader was told by the last switch is taken back"),
            Ok(Resumed::Nothing | Resumed::Running | Resumed::Resting(_)) => {}
            Err(e) => self.say_once(format!("an interrupted switch cannot be taken up: {e}")),
        }
    }

    /// Looks, before anything is healed, whether this start came amidst a trial. What came of a switch is taken up later.
    pub(super) fn recall_trial(&mut self) {
        let journal = switch::read_journal(&self.config.state_dir).ok().flatten();
        if journal.is_some_and(|journal| journal.suspends_healing()) {
            (self.switch_under_way, self.on_trial) = (true, true);
            self.trial_changed();
        }
    }

    /// Reads the journal of the switch: holds healing back while a generation is on trial, and takes up the end. Returns
    /// what it read, for who decides by it: read again, it may say more than was taken up.
    ///
    /// # Errors
    /// When there is a journal that cannot be read, which was said.
    pub(super) fn follow_switch(&mut self) -> Result<Option<Journal>, Unreadable> {
        let journal = switch::read_journal(&self.config.state_dir).map_err(|e| {
            self.say_once(format!("the journal of the switch cannot be read: {e}"));
            Unreadable
        })?;
        let Some(journal) = journal else { return Ok(None) };
        self.switch_under_way = !journal.is_over();
        let on_trial = journal.suspends_healing();
        if on_trial != self.on_trial {
            info!(on_trial, release = %journal_point(&journal), "a generation is on trial: healing rests until it is decided");
            self.on_trial = on_trial;
            // What failed meanwhile was not healed.
            self.rescan_wanted |= !on_trial;
            self.trial_changed();
        }
        self.take_up_waiting(&journal);
        if journal.is_over() && !journal.acknowledged {
            self.finish_switch(&journal);
        }
        Ok(Some(journal))
    }

    /// Says, once for each release, that its switch waits and for what.
    fn take_up_waiting(&mut self, journal: &Journal) {
        if !journal.course.waits_for_import() {
            // A driver that tries again has not succeeded yet.
            if journal.is_over() || journal.course.waits == 0 {
                self.switch_waits = None;
            }
            return;
        }
        let release = journal_point(journal);
        let (tries, reason) = (journal.course.waits, journal.last_note().to_owned());
        let waiting = Waiting { release, tries, until: journal.rests_until(self.clock.now()), reason };
        let known = self.switch_waits.as_ref().is_some_and(|known| (known.release, known.tries) == (release, tries));
        // What is imported and waits to be booted waits for a window, which is told as that.
        let waits_to_boot = journal.reboot_required && journal.before.is_none();
        if !known && !waits_to_boot {
            let message = format!(
                "rule import-waits: the switch to release {release} waits: {}; nothing was activated, and it is tried again, \
                 at least every 10 minutes, until it succeeds or a newer release comes",
                waiting.reason
            );
            let refused = Refused::new("switch", "import-waits", message, Some(journal.request.release));
            self.refuse(&[refused.keyed()]);
        }
        self.switch_waits = Some(waiting);
    }

    /// Lets a newer release take the place of one whose switch waits; returns the journal of a switch that it ended.
    ///
    /// # Errors
    /// As of [`Self::follow_switch`].
    pub(super) fn supersede_switch(&mut self, newest: Point) -> Result<Option<Journal>, Unreadable> {
        let waiting = self.switch_waits.as_ref().map(|waiting| waiting.release);
        let Some(release) = waiting.filter(|release| *release < newest) else { return Ok(None) };
        match switch::supersede(&self.config.state_dir, &newest.to_string()) {
            Ok(true) => self.follow_switch(),
            Ok(false) => Ok(None),
            Err(e) => {
                self.say_once(format!("the switch to release {release} cannot be ended: {e}"));
                Ok(None)
            }
        }
    }

    fn finish_switch(&mut self, journal: &Journal) {
        let release = journal_point(journal);
        let told = ToldSwitch { release, began_at: journal.began_at };
        if self.state.told_switch != Some(told) {
            self.tell_switch(journal, told);
        }
        crash_point!("switch told, not acknowledged");
        if let Err(e) = switch::acknowledge(&self.config.state_dir, journal.request.serial) {
            self.say_once(format!("the end of the switch cannot be acknowledged: {e}"));
        }
    }

    fn tell_switch(&mut self, journal: &Journal, told: ToldSwitch) {
        let switch = record(journal, self.generation_ref());
        if journal.is_committed() {
            match self.load(told.release, journal.request.release) {
                Ok(generation) => return self.adopt(generation, switch, Some(told)),
                Err(e) => {
                    self.say_once(format!("release {} runs, but its documents cannot be read back: {e}", told.release))
                }
            }
        }
        warn!(release = %told.release, outcome = switch.outcome.as_str(), "switch over: {}", journal.last_note());
        self.state.told_switch = Some(told);
        let draft = self.teller().switched(switch);
        self.seal(draft);
        self.commit_now();
        // What was last seen is the trial of what is gone: look at everything again, and say what is so now.
        self.rescan_wanted = true;
        self.fresh_since = Some(self.clock.now());
    }
}

fn journal_point(journal: &Journal) -> Point {
    Point { epoch: journal.request.epoch, serial: journal.request.serial }
}

/// What a journal comes to as evidence.
fn record(journal: &Journal, from: Option<GenerationRef>) -> Switch {
    let asked = &journal.request;
    let stage = |state| match state {
        Stage::Fetched => Some(SwitchState::Fetched),
        Stage::Verified => Some(SwitchState::Verified),
        Stage::Imported => Some(SwitchState::Imported),
        Stage::Testing => Some(SwitchState::Testing),
        Stage::Probation => Some(SwitchState::Probation),
        Stage::Committed => Some(SwitchState::Committed),
        Stage::RolledBack => Some(SwitchState::RolledBack),
        // What came of it says the outcome; they are no states of the generation.
        Stage::RollbackFailed | Stage::SetAside => None,
    };
    let outcome = match journal.course.state {
        Stage::Committed => SwitchOutcome::Committed,
        Stage::RolledBack => SwitchOutcome::RolledBack,
        Stage::RollbackFailed => SwitchOutcome::RollbackFailed,
        _ => SwitchOutcome::SetAside,
    };
    let at = journal.finished_at.unwrap_or(journal.began_at);
    let probation = journal.verdict.iter().flat_map(|verdict| &verdict.after).map(|(check, outcome)| Verification {
        check: check.clone(),
        at,
        outcome: *outcome,
        observation: None,
        reasons: Vec::new(),
    });
    let mut reason = vec![journal.last_note().to_owned()];
    for line in journal.verdict.iter().flat_map(|verdict| &verdict.reasons) {
        if !reason.iter().any(|said| said.contains(line.as_str())) {
            reason.push(line.clone());
        }
    }
    Switch {
        from,
        to: GenerationRef { epoch: asked.epoch, serial: asked.serial, toplevel: asked.toplevel.parse().ok() },
        release: ReleaseRef { epoch: asked.epoch, serial: asked.serial, digest: asked.release },
        states: journal
            .history
            .iter()
            .filter_map(|step| Some(StateAt { state: stage(step.state)?, at: step.at }))
            .collect(),
        outcome,
        reason: (outcome != SwitchOutcome::Committed).then(|| reason.join("; ")),
        attempts: u64::from(journal.course.interruptions) + 1,
        probation: probation.collect(),
    }
}
