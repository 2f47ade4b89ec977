//! A plan that was accepted, what its runbooks came to, and what is told of it. Pure.
//!
//! A plan of several runbooks is one plan: they run one after the other, the check is looked at after each, and the first that
//! helps ends it. What ran stays in [`Chosen::ran`], in the same write as what runs next, so that nothing of it is forgotten and
//! nothing runs twice, whatever is killed when.

use serde::{Deserialize, Serialize};
use writ_evidence::records::Transcript;
use writ_trust::digest::Digest;
use writ_wire::plan_verdict::PlanResult;

use super::planning::Open;

/// How many plans of an incident are remembered for people, the newest.
const MOST_ACCOUNTS: usize = 20;
/// The longest word on what came of one, in characters.
const LONGEST: usize = 500;

/// A plan that may be carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// The runbook whose turn it is.
    pub runbook: String,
    /// Those that have their turn after it, for as long as the check fails.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub then: Vec<String>,
    /// Those that ran before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ran: Vec<Ran>,
    /// Who chose it.
    pub planner: String,
    /// The digest of the request.
    pub request: Digest,
    /// The digest of the plan.
    pub plan: Digest,
}

impl Chosen {
    /// Every runbook that it names, in order.
    pub fn runbooks(&self) -> Vec<String> {
        let ran = self.ran.iter().map(|ran| &ran.runbook);
        ran.chain([&self.runbook]).chain(&self.then).cloned().collect()
    }

    /// What ran, as the beginning of a sentence that goes on; empty where nothing did.
    pub(super) fn so_far(&self) -> String {
        self.ran.iter().map(|ran| format!("{}, ", ran.in_words())).collect()
    }
}

/// A runbook of a plan that ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// The runbook.
    pub runbook: String,
    /// What it came to.
    pub result: PlanResult,
}

impl Ran {
    /// The same in words.
    pub fn in_words(&self) -> String {
        let Self { runbook, result } = self;
        match result {
            PlanResult::Helped => format!("{runbook} helped"),
            PlanResult::Failed => format!("{runbook} did not help"),
            PlanResult::Interrupted => format!("{runbook} was interrupted, and did not help so far"),
        }
    }
}

/// What became of one plan of an incident, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The number of its request.
    pub number: u32,
    /// Who planned, as far as that is known.
    pub planner: Option<String>,
    /// The runbooks that were named, in order.
    pub runbooks: Vec<String>,
    /// Those that ran, and what each came to.
    pub ran: Vec<Ran>,
    /// The last word on it.
    pub word: String,
}

/// One word about a plan, for evidence and for whoever planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The number of the request.
    pub number: u32,
    /// Its digest.
    pub request: Option<Digest>,
    /// The digest of the plan.
    pub plan: Option<Digest>,
    /// Who planned, as far as that is known.
    pub planner: Option<String>,
    /// The runbooks that were named, in order.
    pub runbooks: Vec<String>,
    /// Those that ran, and what each came to.
    pub ran: Vec<Ran>,
    /// The runbooks that were offered, in the word on a request.
    pub offered: Vec<String>,
    /// Whether it may be carried out.
    pub allowed: bool,
    /// The rule that it broke.
    pub rule: Option<&'static str>,
    /// The same in words.
    pub message: String,
    /// What came of it, once it was carried out.
    pub result: Option<PlanResult>,
    /// What a language model was asked for it, in the word on a request.
    pub transcript: Option<Box<Transcript>>,
}

impl Told {
    pub(super) fn of(chosen: &Chosen, number: u32, message: String) -> Self {
        Self {
            number,
            request: Some(chosen.request),
            plan: Some(chosen.plan),
            planner: Some(chosen.planner.clone()),
            runbooks: chosen.runbooks(),
            ran: chosen.ran.clone(),
            offered: Vec::new(),
            allowed: true,
            rule: None,
            message,
            result: None,
            transcript: None,
        }
    }

    pub(super) fn refused(number: u32, open: &Open, rule: &'static str, message: String) -> Self {
        Self {
            number,
            request: open.request,
            plan: None,
            planner: None,
            runbooks: Vec::new(),
            ran: Vec::new(),
            offered: open.allowed.clone(),
            allowed: false,
            rule: Some(rule),
            message,
            result: None,
            transcript: None,
        }
    }
}

/// Keeps the last word on a plan among those on others.
pub(super) fn note(accounts: &mut Vec<Account>, told: &Told) {
    let account = Account {
        number: told.number,
        planner: told.planner.clone(),
        runbooks: told.runbooks.clone(),
        ran: told.ran.clone(),
        word: told.message.chars().take(LONGEST).collect(),
    };
    match accounts.iter_mut().find(|known| known.number == told.number) {
        Some(known) => *known = account,
        None => accounts.push(account),
    }
    let beyond = accounts.len().saturating_sub(MOST_ACCOUNTS);
    accounts.drain(..beyond);
}
