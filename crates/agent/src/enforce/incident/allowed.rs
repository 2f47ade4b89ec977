//! What the signed policy and the moment allow about a failing check.

use writ_trust::time::Time;

use crate::enforce::flap::Flap;

/// Why nothing may be healed now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hold {
    /// An exception is in force: the check does not count, and opens no incident.
    Exception(String),
    /// A new generation is on trial: its own probation judges, and opens no incident here.
    Switch,
    /// People suspended healing of the check.
    Pause,
    /// Others run that the rule has to wait for.
    InLine,
}

/// A rule that matches the failing check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its id.
    pub rule: String,
    /// How often it may be tried for one incident.
    pub attempts: u32,
    /// How long it rests after it failed, in milliseconds.
    pub cooldown_ms: i64,
    /// Why it may not run, and people have to look: the circuit breaker stopped it, or its turn never came.
    pub tripped: Option<String>,
    /// Why it hands the incident on; none when it runs a runbook.
    pub escalate: Option<String>,
    /// Whether a planner may choose before people have what it hands on.
    pub planner_may: bool,
    /// The maintenance window that its runbook has to wait for: when it opens, where it ever does, and that in words.
    pub window: Option<(Option<Time>, String)>,
}

/// Whether a planner may choose a runbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum L2 {
    /// No, for this reason.
    Off(String),
    /// Yes.
    On(Plans),
}

impl Default for L2 {
    fn default() -> Self {
        Self::Off(NO_PLANNER.to_owned())
    }
}

/// Why nobody is asked where the policy does not want it.
pub const NO_PLANNER: &str = "the policy enables no planner";

/// Why nobody is asked where a rule leaves it to people, or was stopped.
pub const NOT_FOR_PLANNERS: &str = "not for a planner";

/// What a planner may choose, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plans {
    /// After how many failed plans people have it.
    pub l2_failures: u32,
    /// How long an answer is waited for, in milliseconds.
    pub within_ms: i64,
    /// Whether people look at a plan before it is carried out: then it is a proposal, and nothing runs.
    pub review_first: bool,
    /// The runbooks that may be chosen.
    pub choices: Vec<Choice>,
}

/// A runbook that a planner may choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Its id.
    pub runbook: String,
    /// The rules that run it: it is not chosen where one of them has tried it.
    pub rules: Vec<String>,
    /// Why it may not run.
    pub tripped: Option<String>,
    /// As for [`Candidate`].
    pub window: Option<(Option<Time>, String)>,
}

impl Choice {
    /// Whether it may run now.
    pub fn is_free(&self) -> bool {
        self.tripped.is_none() && self.window.is_none()
    }
}

/// What the signed policy and the moment allow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// Why nothing may be healed now, if so.
    pub hold: Option<Hold>,
    /// The rules that match, the highest priority first.
    pub rules: Vec<Candidate>,
    /// After how many failed attempts an incident of this severity is escalated.
    pub l1_failures: u32,
    /// What a planner may do when they are of no use.
    pub l2: L2,
    /// That the check flaps, if it fails now.
    pub flap: Option<Flap>,
}

impl Circumstances {
    /// The rule that may run when nothing can be recorded and so nothing is counted: the highest that the breaker has not
    /// stopped, unless one above it leaves the check to others.
    pub fn unrecorded(&self) -> Option<&str> {
        if self.hold.is_some() {
            return None;
        }
        let mut rules = self.rules.iter().take_while(|c| c.escalate.is_none());
        rules.find(|c| c.tripped.is_none() && c.window.is_none()).map(|c| c.rule.as_str())
    }

    /// The same, but what this was about to run may not, for this reason.
    pub fn without(mut self, stopped: &super::By, why: &str) -> Self {
        match (stopped, &mut self.l2) {
            (super::By::Rule(rule), _) => {
                for candidate in self.rules.iter_mut().filter(|candidate| candidate.rule == *rule) {
                    candidate.tripped = Some(why.to_owned());
                }
            }
            (super::By::Plan(runbook), L2::On(plans)) => {
                for choice in plans.choices.iter_mut().filter(|choice| choice.runbook == *runbook) {
                    choice.tripped = Some(why.to_owned());
                }
            }
            (super::By::Plan(_), L2::Off(_)) => {}
        }
        self
    }
}
