//! What a check came to: observation and predicates judged.

use serde::{Deserialize, Serialize};

use crate::check::Check;
use crate::observation::Observation;
use crate::predicate::Truth;

/// The outcome of one run of one check. Only `Pass` and `Warn` count as passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// What is expected, and what is preferred, holds.
    Pass,
    /// What is expected holds; what is preferred does not.
    Warn,
    /// What is expected does not hold.
    Fail,
    /// The check does not apply to this machine; the reason is always given.
    NotApplicable,
    /// The check could not be judged: the probe failed, or a field it needs was not there.
    NotAssessable,
}

impl Outcome {
    /// The name as documents write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::NotApplicable => "not-applicable",
            Self::NotAssessable => "not-assessable",
        }
    }

    /// Whether the check was seen to hold.
    pub fn holds(self) -> bool {
        matches!(self, Self::Pass | Self::Warn)
    }
}

/// What a probe came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probed {
    /// It saw this.
    Seen(Observation),
    /// It does not apply to this machine, for this reason.
    NotApplicable(String),
    /// It could not look, for this reason.
    Failed(String),
}

/// An outcome with what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The outcome.
    pub outcome: Outcome,
    /// Why, in one line each: the clauses that did not hold or could not be judged, or the probe's reason. Empty on pass.
    pub reasons: Vec<String>,
    /// What was seen; empty when nothing was.
    pub observation: Observation,
}

/// Judges what a probe came to by the check's `expect` and `prefer`.
pub fn judge(check: &Check, probed: Probed) -> Judgement {
    let observation = match probed {
        Probed::Seen(observation) => observation,
        Probed::NotApplicable(reason) => return unseen(Outcome::NotApplicable, reason),
        Probed::Failed(reason) => return unseen(Outcome::NotAssessable, reason),
    };
    let (outcome, reasons) = match check.expect.evaluate(&observation) {
        Truth::False => (Outcome::Fail, check.expect.explain(&observation)),
        Truth::Unknown => (Outcome::NotAssessable, check.expect.explain(&observation)),
        Truth::True => match &check.prefer {
            Some(prefer) if prefer.evaluate(&observation) != Truth::True => {
                (Outcome::Warn, prefer.explain(&observation))
            }
            _ => (Outcome::Pass, Vec::new()),
        },
    };
    Judgement { outcome, reasons, observation }
}

fn unseen(outcome: Outcome, reason: String) -> Judgement {
    Judgement { outcome, reasons: vec![reason], observation: Observation::new() }
}
