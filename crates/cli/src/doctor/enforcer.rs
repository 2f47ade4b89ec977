//! What the enforcer left on the disk: its state, its status, what it obeys, the journal of its switch.

use std::io::ErrorKind;

use writ_agent::config::Config;
use writ_agent::enforce::incident::{By, Phase};
use writ_agent::enforce::posture::Book;
use writ_agent::enforce::running::Running;
use writ_agent::enforce::state::{self, State, StateError};
use writ_agent::switch::{self, Journal};
use writ_policy::policy::Policy;
use writ_trust::acceptance::Identity;

use super::process;
use crate::appliance_state::{self, Incident, STATUS, Status};
use crate::failure::{Failure, Outcome as Answer};

/// The program.
const PROGRAM: &str = "writ-enforce";

/// The enforcer.
pub struct Enforcer {
    /// Whether a process holds its lock.
    pub runs: bool,
    /// What it knows; none when it never started, or when it is damaged.
    pub state: Option<State>,
    /// Why what it knows cannot be read.
    pub damage: Option<String>,
    /// Its status; none when it never wrote one that can be read.
    pub status: Option<Status>,
    /// What is obeyed.
    pub running: Option<Running>,
    /// Why what is obeyed cannot be read back.
    pub lost: Option<String>,
    /// The last run of each check, up to half a minute behind.
    pub book: Option<Book>,
    /// The switch under way, or the last one; or why its journal cannot be read.
    pub journal: Result<Option<Journal>, String>,
}

impl Enforcer {
    /// Reads all of it. What is not there or is damaged is a finding of others; what may not be read is a failure.
    pub fn read(config: &Config) -> Answer<Self> {
        let status = appliance_state::status(&config.state_dir).ok();
        let (state, damage) = match State::load(&config.state_dir) {
            Ok(state) => {
                let newer = newer(config);
                (state.map(|state| brought_up(state, status.as_ref(), newer)), None)
            }
            Err(StateError::Unreadable { path, source }) if source.kind() == ErrorKind::PermissionDenied => {
                return Err(Failure::could_not("cannot read what the enforcer knows")
                    .at(path.display())
                    .because(source)
                    .next("it is root's: run this as root"));
            }
            Err(e) => (None, Some(e.to_string())),
        };
        let identity = state.as_ref().and_then(|state| identity(config, state));
        let (running, lost) = match state.as_ref().and_then(|state| state.running).zip(identity) {
            None => (None, None),
            Some((at, identity)) => match Running::load(&config.state_dir, &identity, &at) {
                Ok(running) => (Some(running), None),
                Err(e) => (None, Some(e.to_string())),
            },
        };
        Ok(Self {
            runs: process::is_held(&config.state_dir.join("lock"), PROGRAM),
            book: appliance_state::book(&config.state_dir),
            journal: switch::read_journal(&config.state_dir).map_err(|e| e.to_string()),
            status,
            state,
            damage,
            running,
            lost,
        })
    }

    /// The policy that is enforced.
    pub fn policy(&self) -> Option<&Policy> {
        Some(&self.running.as_ref()?.policy.as_ref()?.1)
    }

    /// Whether the documents of what is obeyed could not be read back.
    pub fn running_is_lost(&self) -> bool {
        self.running.is_none() && self.state.as_ref().is_some_and(|state| state.running.is_some())
    }

    /// Whether a generation is on trial: nothing is healed.
    pub fn on_trial(&self) -> bool {
        matches!(&self.journal, Ok(Some(journal)) if journal.suspends_healing())
    }
}

/// Brings the state up to what the status says that came after it: the end of an attempt that did not help, and first
/// outcomes, are written with the next change only. Where the disk took no evidence, later outcomes too are in the status
/// alone.
fn brought_up(mut state: State, status: Option<&Status>, newer: bool) -> State {
    let Some(status) = status else { return state };
    for (check, outcome) in &status.outcomes {
        let known = state.outcomes.entry(check.clone()).or_insert(*outcome);
        if newer {
            *known = *outcome;
        }
    }
    for incident in state.incidents.values_mut() {
        let Phase::Attempting { rule, since } = &incident.phase else { continue };
        let later = status.open_incidents.iter().find(|open| open.incident_id == incident.id && *since <= status.at);
        if let Some(Incident { phase: phase @ Phase::Waiting(_), .. }) = later {
            if let By::Rule(rule) = By::of(rule) {
                *incident.failures.entry(rule).or_default() += 1;
            }
            incident.phase = phase.clone();
        }
    }
    state
}

/// Whether the status was written after the state, or with it.
fn newer(config: &Config) -> bool {
    let written = |name: &str| std::fs::metadata(config.state_dir.join(name)).and_then(|data| data.modified()).ok();
    written(STATUS).zip(written(state::FILE)).is_some_and(|(status, state)| status >= state)
}

/// Who this appliance is; the key is the one that its evidence is signed with.
pub fn identity(config: &Config, state: &State) -> Option<Identity> {
    let public_key = state.public_key.clone()?;
    Some(Identity { site: config.site.clone(), appliance: config.appliance.clone(), public_key })
}
