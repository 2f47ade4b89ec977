//! What a candidate must prove: looked at before it is activated, and again after its window.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use writ_policy::check::Check;
use writ_policy::closure::Closure;
use writ_policy::outcome::{self, Judgement, Outcome};
use writ_policy::policy::{Policy, PolicyError};
use writ_trust::digest::Digest;
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::time::{Span, Time};

use super::journal::{Activation, Judge, Verdict};
use super::request::Document;
use crate::command;
use crate::probes::{self, ProbeContext};

/// How long the candidate's own `writ-enforce check-policy` may take.
pub(super) const CHECK_POLICY_TIMEOUT: Duration = Duration::from_secs(60);
/// The symbol of the candidate's enforcer among the closure's programs.
const OWN_ENFORCER: &str = "writ-enforce";
/// The probe that looks at the very thing a switch moves: it cannot hold throughout one.
const MOVED_BY_SWITCH: &str = "nix_generation";

/// The new policy, as far as this version can read it.
pub enum NewPolicy {
    /// It can.
    Known(Box<Policy>),
    /// It is of a schema that only a newer version knows.
    Unknown(String),
}

/// The bytes of a document, which must be the ones that were verified.
pub fn read_document(document: &Document) -> Result<Vec<u8>, String> {
    let path = document.path.display();
    let bytes = writ_durable::read_bounded(&document.path, MAX_DOCUMENT).map_err(|e| format!("{path}: {e}"))?;
    let found = Digest::of(&bytes);
    if found == document.digest { Ok(bytes) } else { Err(format!("{path}: digest {found}, not {}", document.digest)) }
}

/// Reads the new policy. A schema that this version does not know is no error.
pub fn read_policy(document: &Document) -> Result<NewPolicy, String> {
    match Policy::parse(&read_document(document)?) {
        Ok(policy) => Ok(NewPolicy::Known(Box::new(policy))),
        Err(PolicyError::UnknownSchema { found }) => Ok(NewPolicy::Unknown(found)),
        Err(e) => Err(format!("{}: {e}", document.path.display())),
    }
}

impl NewPolicy {
    /// The policy, where this version can read it.
    pub fn known(&self) -> Option<&Policy> {
        match self {
            Self::Known(policy) => Some(policy),
            Self::Unknown(_) => None,
        }
    }

    /// How long the candidate is watched.
    pub fn window(&self, fallback: &Span) -> Span {
        match self {
            Self::Known(policy) => policy.settings.probation.window.clone(),
            Self::Unknown(_) => fallback.clone(),
        }
    }

    /// The checks that can count, by id: those that the policy names, or all; but not those that look at what the switch
    /// itself moves.
    fn checks(&self) -> BTreeMap<&str, &Check> {
        let Self::Known(policy) = self else { return BTreeMap::new() };
        let named = policy.settings.probation.checks.as_ref();
        policy
            .checks
            .iter()
            .filter(|(id, check)| check.probe.name != MOVED_BY_SWITCH && named.is_none_or(|names| names.contains(id)))
            .map(|(id, check)| (id.as_str(), check))
            .collect()
    }

    /// Looks at every check that can count.
    pub fn observe(&self, profile: &Path, expected: Option<&str>, now: Time) -> BTreeMap<String, Judgement> {
        let expected = expected.map(str::to_owned);
        let mut context = ProbeContext::new(now, Instant::now(), profile.to_owned(), expected);
        self.checks()
            .into_iter()
            .map(|(id, check)| (id.to_owned(), outcome::judge(check, probes::run(&check.probe, &mut context))))
            .collect()
    }

    /// The checks that must hold at the end: those that the policy names, whatever held before; else those that held.
    fn required(&self, before: &BTreeMap<String, Outcome>) -> Vec<String> {
        let Self::Known(policy) = self else { return vec![] };
        match &policy.settings.probation.checks {
            Some(_) => self.checks().keys().map(|id| (*id).to_owned()).collect(),
            None => before.iter().filter(|(_, outcome)| outcome.holds()).map(|(id, _)| id.clone()).collect(),
        }
    }
}

/// The outcomes alone, as the journal keeps them.
pub fn outcomes(judgements: &BTreeMap<String, Judgement>) -> BTreeMap<String, Outcome> {
    judgements.iter().map(|(id, judgement)| (id.clone(), judgement.outcome)).collect()
}

/// Judges a candidate after its window, by what was seen before and now.
pub fn judge(
    policy: &NewPolicy,
    before: &BTreeMap<String, Outcome>,
    after: &BTreeMap<String, Judgement>,
    activation: Option<&Activation>,
    own_enforcer: impl FnOnce() -> Option<Result<(), String>>,
) -> Verdict {
    let required = policy.required(before);
    if let NewPolicy::Unknown(schema) = policy {
        let unknown = format!("policy schema {schema:?} is not known to this version");
        return match own_enforcer() {
            Some(Ok(())) => {
                alone(Judge::OwnEnforcer, true, vec![unknown, "the candidate's own writ-enforce reads it".into()])
            }
            Some(Err(reason)) => alone(Judge::OwnEnforcer, false, vec![unknown, reason]),
            None => by_exit_code(activation, unknown),
        };
    }
    if required.is_empty() {
        return by_exit_code(activation, "no check held before, and none is named for probation".into());
    }
    let reasons: Vec<String> = required.iter().filter_map(|id| violation(id, after.get(id))).collect();
    Verdict { judged_by: Judge::ReScan, passed: reasons.is_empty(), reasons, after: outcomes(after), required }
}

fn violation(id: &str, judgement: Option<&Judgement>) -> Option<String> {
    match judgement {
        Some(judgement) if judgement.outcome.holds() => None,
        Some(judgement) => Some(format!("{id}: {}: {}", judgement.outcome.as_str(), judgement.reasons.join("; "))),
        None => Some(format!("{id}: was not looked at")),
    }
}

fn alone(judged_by: Judge, passed: bool, reasons: Vec<String>) -> Verdict {
    Verdict { judged_by, passed, reasons, after: BTreeMap::new(), required: vec![] }
}

fn by_exit_code(activation: Option<&Activation>, why: String) -> Verdict {
    let code = activation.and_then(|a| a.exit_code);
    let said = code.map_or("unknown".to_owned(), |code| code.to_string());
    alone(Judge::ExitCode, code == Some(0), vec![why, format!("the activation's exit code decides: {said}")])
}

/// Asks the candidate's own enforcer whether it can enforce the new policy; `None` when the closure brings none.
pub fn ask_own_enforcer(closure: &Closure, policy: &Path) -> Option<Result<(), String>> {
    let program = PathBuf::from(closure.programs.get(OWN_ENFORCER)?);
    let arguments = ["check-policy".as_ref(), policy.as_os_str()];
    Some(match command::run(&program, &arguments, CHECK_POLICY_TIMEOUT, 4096) {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(format!("the candidate's own writ-enforce refuses it ({}): {said}", output.status))
        }
        Err(e) => Err(e.to_string()),
    })
}
