//! Taking up generations: look at what is offered, make it durable, then adopt it or have it switched to.

use tracing::{error, info};
use writ_evidence::bundle::ReleaseRef;
use writ_evidence::records::{GenerationRef, StateAt, Switch, SwitchOutcome, SwitchState};
use writ_policy::settings::maintenance::Work;
use writ_trust::digest::Digest;
use writ_trust::floor::Floor;
use writ_trust::release::Generation as Entry;
use writ_trust::root_chain::TrustChain;

use super::accept::{AcceptError, Before};
use super::engine::Engine;
use super::generation::{self, Generation, GenerationError};
use super::refused::Refused;
use super::running::Running;
use super::sitelog::offered::{self, Head};
use super::state::{Point, ToldSwitch};
use crate::crash_point;
use crate::switch::State as Stage;

impl Engine {
    /// Reads the folder of releases, and does what is due: accept, start a switch, take up what a switch came to.
    /// True when something else is obeyed afterwards.
    pub fn poll_releases(&mut self) -> bool {
        let before = self.state.running;
        let switch_waits = match self.look_and_accept() {
            Ok((chain, floor)) => {
                self.say_expired(&chain, &floor);
                self.advance(&chain, &floor)
            }
            Err(e) => {
                self.say_once(e.to_string());
                false
            }
        };
        self.let_switch_wait(switch_waits);
        self.resume_switch();
        self.vouch();
        before != self.state.running
    }

    /// What the folder of releases would come to, without accepting anything: what would be obeyed is looked by from now
    /// on, in memory. Gives what would be refused.
    pub fn preview_releases(&mut self) -> (Vec<String>, Option<String>) {
        let (mut refused, mut would_refuse) = (Vec::new(), Vec::new());
        let mut would = None;
        let looked = self.acceptor.chain(&mut refused).and_then(|(chain, _)| {
            let running = self.state.running.map(|r| (r.release, r.digest));
            let floor = self.acceptor.floor(&chain, running)?;
            self.know_log(&chain)?;
            let (kept, lost) = (self.site_log.kept.as_ref(), self.running_is_lost());
            if let Head::Refused(head) =
                offered::head(self.acceptor.folder(), &chain, &self.identity.site, kept, self.clock.now())
            {
                would_refuse.push(head);
            }
            let (running, now) = (self.running_entry(), self.clock.now());
            Ok(self.acceptor.look(&chain, &Before { floor: &floor, kept, lost, running, now }))
        });
        refused.append(&mut would_refuse);
        match looked {
            Ok(look) => {
                refused.extend(look.refused);
                if let Some(candidate) = look.accepted {
                    would = Some(self.preview(&candidate.generation));
                    let before = self.running.take();
                    self.running = Some(Running::adopt(candidate.generation, before));
                }
            }
            Err(e) => refused.push(Refused::unable(&e)),
        }
        self.context.expected_toplevel = self.running.as_ref().and_then(|r| r.generation.toplevel()).map(str::to_owned);
        (refused.into_iter().map(|refused| refused.message).collect(), would)
    }

    fn preview(&self, generation: &Generation) -> String {
        let point = generation.point();
        let policy = match &generation.policy {
            Ok(_) => String::new(),
            Err(e) => format!("; {e}"),
        };
        match generation.toplevel() {
            Some(toplevel) if !self.runs(toplevel) => {
                let window = self
                    .window_of(generation, Work::Switch)
                    .map(|(_, opens)| format!(", in the maintenance window: {opens}"));
                format!("release {point} would be switched to{}: {toplevel}{policy}", window.unwrap_or_default())
            }
            _ => format!("release {point} would be adopted{policy}"),
        }
    }

    fn look_and_accept(&mut self) -> Result<(TrustChain, Floor), AcceptError> {
        let mut refused = Vec::new();
        let (chain, roots) = self.acceptor.chain(&mut refused)?;
        let running = self.state.running.map(|r| (r.release, r.digest));
        let mut floor = self.acceptor.floor(&chain, running)?;
        if let Err(e) = self.know_log(&chain) {
            self.judge_freshness(&floor);
            return Err(e);
        }
        self.look_at_head(&chain, &roots, &mut refused);
        let lost = self.running_is_lost() || self.waiting_is_lost(&floor);
        let (kept, at) = (self.site_log.kept.as_ref(), self.clock.now());
        let running = self.running_entry();
        let look = self.acceptor.look(&chain, &Before { floor: &floor, kept, lost, running, now: at });
        refused.extend(look.refused);
        let stored = look.accepted.map(|candidate| {
            let newer = self.acceptor.store(&candidate, &roots, &chain, kept, at)?;
            Ok::<_, AcceptError>((candidate.accepted.floor, newer))
        });
        self.offered = look.offered;
        self.refuse(&refused);
        if let Some(waiting) = look.waiting {
            info!("{waiting}");
        }
        if let Some((raised, newer)) = stored.transpose()? {
            floor = raised;
            if let Some(newer) = newer {
                self.take_up_checkpoint(&chain, newer);
            }
        }
        self.judge_freshness(&floor);
        Ok((chain, floor))
    }

    /// What the release that is obeyed has for this appliance.
    fn running_entry(&self) -> Option<&Entry> {
        self.running.as_ref().map(|running| &running.generation.entry)
    }

    /// Whether the documents of what is obeyed could not be read back.
    fn running_is_lost(&self) -> bool {
        self.running.is_none() && self.state.running.is_some()
    }

    /// Whether the documents of what was accepted and is not obeyed yet cannot be read back.
    fn waiting_is_lost(&self, floor: &Floor) -> bool {
        let Some(accepted) = floor.release else { return false };
        let point = Point { epoch: accepted.epoch, serial: accepted.serial };
        self.state.running.is_none_or(|running| running.release != point) && self.load(point, accepted.digest).is_err()
    }

    /// "When the running release has expired: keep enforcing, say so loudly."
    fn say_expired(&mut self, chain: &TrustChain, floor: &Floor) {
        let instant = floor.instant(self.clock.now());
        let Some(generation) = self.running.as_ref().map(|r| &r.generation) else { return };
        let mut expired = Vec::new();
        if instant >= generation.release.expires_at {
            let message = format!(
                "release {} expired at {}: it is enforced on; release again",
                generation.point(),
                generation.release.expires_at
            );
            expired.push(Refused::new("running-release", "expiry", message, Some(generation.digest)).keyed());
        }
        if chain.is_expired(instant) {
            let message = format!(
                "trust root {} expired at {}: nothing new is accepted; sign a newer root",
                chain.newest().version,
                chain.newest().expires_at
            );
            expired.push(Refused::new("trust-root", "trust-expiry", message, Some(chain.newest_digest())).keyed());
        }
        self.refuse(&expired);
    }

    /// Goes from what is accepted to what is obeyed. True when a switch has to wait for runbooks that are under way.
    fn advance(&mut self, chain: &TrustChain, floor: &Floor) -> bool {
        let Ok(followed) = self.follow_switch() else { return false };
        let Some(accepted) = floor.release else { return false };
        let point = Point { epoch: accepted.epoch, serial: accepted.serial };
        self.window_wait.take_if(|wait| wait.release != point);
        let Ok(ended) = self.supersede_switch(point) else { return false };
        let journal = ended.or(followed);
        if self.state.running.is_some_and(|running| running.release == point) {
            self.window_wait = None;
            self.take_up_own(point, accepted.digest);
            return false;
        }
        if journal.as_ref().is_some_and(|j| j.is_set_aside(point.epoch, point.serial) || !j.is_over()) {
            return false;
        }
        let generation = match self.load(point, accepted.digest) {
            Ok(generation) => generation,
            Err(e) => {
                self.say_once(format!("accepted release {point} cannot be read back: {e}"));
                return false;
            }
        };
        // Where going back failed, what is obeyed may not run whole: it is activated too.
        let whole = journal.is_none_or(|journal| journal.course.state != Stage::RollbackFailed);
        match generation.toplevel().map(str::to_owned) {
            None => self.adopt_at_once(generation, SwitchOutcome::AdoptedWithoutClosure),
            Some(toplevel) if whole && self.runs(&toplevel) => self.adopt_at_once(generation, SwitchOutcome::Committed),
            Some(_) if self.waits_for_window(&generation, Work::Switch) => {}
            Some(_) if self.switch_has_to_wait() => return true,
            Some(toplevel) => self.start_switch(chain, &generation, toplevel),
        }
        false
    }

    /// Reads back the generation of a release with this digest.
    pub(super) fn load(&self, point: Point, accepted: Digest) -> Result<Generation, GenerationError> {
        let documents = generation::load(&self.config.state_dir, point)?;
        let generation = Generation::read(&documents, &self.identity.site, &self.identity.appliance)?;
        let found = generation.digest;
        if found == accepted { Ok(generation) } else { Err(GenerationError::Altered { found, accepted }) }
    }

    /// Whether a system is the one that runs: by what is obeyed, or by the profile where nothing is obeyed yet.
    fn runs(&self, toplevel: &str) -> bool {
        match &self.running {
            Some(running) if running.generation.toplevel().is_some() => running.generation.toplevel() == Some(toplevel),
            _ => std::fs::canonicalize(&self.config.profile).is_ok_and(|path| path.to_str() == Some(toplevel)),
        }
    }

    /// Documents that were lost may be there again, and a newer version of the enforcer may know the policy that an older
    /// one could not read.
    fn take_up_own(&mut self, point: Point, accepted: Digest) {
        let Some(running) = &self.running else {
            match self.load(point, accepted) {
                Ok(generation) => self.adopt_at_once(generation, SwitchOutcome::Committed),
                Err(e) => self.say_once(format!("release {point} is obeyed, but cannot be read back: {e}")),
            }
            return;
        };
        let own = running.generation.policy.is_ok();
        let enforced = running.policy.as_ref().map(|(point, _)| *point);
        if own && enforced != Some(running.generation.point()) {
            let generation = running.generation.clone();
            self.adopt_at_once(generation, SwitchOutcome::Committed);
        }
    }

    fn adopt_at_once(&mut self, generation: Generation, outcome: SwitchOutcome) {
        let at = self.clock.now();
        let switch = Switch {
            from: self.generation_ref(),
            to: reference(&generation),
            release: release_ref(&generation),
            states: vec![StateAt { state: SwitchState::Verified, at }, StateAt { state: SwitchState::Committed, at }],
            outcome,
            reason: None,
            attempts: 1,
            probation: Vec::new(),
        };
        self.adopt(generation, switch, None);
    }

    pub(super) fn generation_ref(&self) -> Option<GenerationRef> {
        self.running.as_ref().map(|running| reference(&running.generation))
    }

    /// Obeys a generation from now on: one write of the state, with the bundle that tells of it.
    pub(super) fn adopt(&mut self, generation: Generation, switch: Switch, told: Option<ToldSwitch>) {
        let point = generation.point();
        let unreadable = generation.policy.as_ref().err().map(|e| {
            let message = format!("release {point}: {e}; the policy that was enforced before stays in force");
            Refused::new("policy", "policy-schema", message, Some(generation.entry.policy.digest)).keyed()
        });
        let before = self.running.take();
        self.running = Some(Running::adopt(generation, before));
        self.context.expected_toplevel = self.running.as_ref().and_then(|r| r.generation.toplevel()).map(str::to_owned);
        self.state.running = self.running.as_ref().map(Running::reference);
        if told.is_some() {
            self.state.told_switch = told;
        }
        let draft = self.teller().switched(switch);
        self.seal(draft);
        crash_point!("adopted in memory, not durable");
        self.commit_now();
        crash_point!("adopted");
        info!(release = %point, "obeyed from now on");
        self.refuse(unreadable.as_slice());
        let kept: Vec<Point> = self.state.running.iter().flat_map(|r| [Some(r.release), r.policy]).flatten().collect();
        if let Err(e) = generation::link_running(&self.config.state_dir, point) {
            error!("the link to what is obeyed cannot be made: {e}");
        }
        generation::forget_others(&self.config.state_dir, &kept);
        self.policy_changed();
    }

    /// A new policy: incidents of checks that it no longer has are over, others may have a rule now.
    pub(super) fn policy_changed(&mut self) {
        self.fresh_since = Some(self.clock.now());
        self.take_up_settings();
        let Some(policy) = self.policy() else { return };
        let known: std::collections::BTreeSet<String> = policy.checks.keys().cloned().collect();
        self.book.keep_only(|check| known.contains(check));
        self.state.outcomes.retain(|check, _| known.contains(check));
        self.forget_runs();
        let open: Vec<(String, String)> =
            self.state.incidents.iter().map(|(key, incident)| (key.clone(), incident.check.clone())).collect();
        for (key, check) in open {
            self.policy_changed_for(&key, &check);
        }
        self.said.clear();
    }
}

pub(super) fn reference(generation: &Generation) -> GenerationRef {
    let point = generation.point();
    GenerationRef {
        epoch: point.epoch,
        serial: point.serial,
        toplevel: generation.entry.closure.as_ref().map(|closure| closure.toplevel.clone()),
    }
}

pub(super) fn release_ref(generation: &Generation) -> ReleaseRef {
    let point = generation.point();
    ReleaseRef { epoch: point.epoch, serial: point.serial, digest: generation.digest }
}
