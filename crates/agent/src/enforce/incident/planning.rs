//! The second tier: what a planner was asked, what it answered, and what came of that. Pure.
//!
//! ```text
//! rules are of no use ─▶ asked ─ a plan that may be carried out ─▶ chosen ─▶ its runbook runs ─▶ helped: Quiet
//!                          │ no answer in time, or one that is refused            │ did not help
//!                          └──────────────────▶ a failed plan ◀──────────────────┘
//!                                                  │ fewer than `l2_failures`: asked again; else people
//! ```
//!
//! Whoever plans can name a runbook that was offered, once for each request, before its time is up. A restart, a pause, a trial and
//! a new policy take back what was asked and what was chosen; that is no failed plan, and whoever is asked then is asked anew.

use std::fmt;

use serde::{Deserialize, Serialize};
use writ_evidence::incident::{Escalation, Tier};
use writ_trust::digest::Digest;
use writ_trust::time::Time;
use writ_wire::plan_verdict::PlanResult;

use super::allowed::{Choice, Circumstances, L2, NOT_FOR_PLANNERS};
use super::{Act, Incident, Phase};

/// Before the name of a runbook, where otherwise the name of a rule stands: no rule is named so.
const PLAN: &str = "plan:";

/// What has a runbook run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// This rule.
    Rule(String),
    /// A plan that named this runbook.
    Plan(String),
}

impl By {
    /// What a name stands for, see [`By::name`].
    pub fn of(name: &str) -> Self {
        match name.strip_prefix(PLAN) {
            Some(runbook) => Self::Plan(runbook.to_owned()),
            None => Self::Rule(name.to_owned()),
        }
    }

    /// The rule, or `plan:` and the runbook: what attempts are counted and stopped by.
    pub fn name(&self) -> String {
        match self {
            Self::Rule(rule) => rule.clone(),
            Self::Plan(runbook) => format!("{PLAN}{runbook}"),
        }
    }

    /// Its tier.
    pub fn tier(&self) -> Tier {
        match self {
            Self::Rule(_) => Tier::L1,
            Self::Plan(_) => Tier::L2,
        }
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(rule) => write!(f, "rule {rule}"),
            Self::Plan(runbook) => write!(f, "a plan (runbook {runbook})"),
        }
    }
}

impl From<&str> for By {
    fn from(rule: &str) -> Self {
        Self::Rule(rule.to_owned())
    }
}

/// How far an incident has come with planners.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planning {
    /// How many requests there were; no number is used twice.
    pub number: u32,
    /// The request that waits for its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<Open>,
    /// The plan that is carried out, or about to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen: Option<Chosen>,
    /// The runbooks that plans had run in vain.
    #[serde(default)]
    pub tried: Vec<String>,
    /// How many plans failed.
    #[serde(default)]
    pub failures: u32,
    /// Why the last of them did.
    #[serde(default)]
    pub last: Option<String>,
    /// Who made the last plan that was carried out.
    #[serde(default)]
    pub planner: Option<String>,
    /// Whether the runbook that ran last was a plan's.
    #[serde(default)]
    pub ran: bool,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// When it was asked.
    pub asked_at: Time,
    /// When an answer comes too late.
    pub until: Time,
    /// The runbooks that were offered.
    pub allowed: Vec<String>,
    /// Whether what is chosen is only proposed to people.
    pub review_first: bool,
    /// The digest that an answer has to name; set when the request is written, in the same write as this.
    pub request: Option<Digest>,
}

/// A plan that may be carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// The runbook.
    pub runbook: String,
    /// Who chose it.
    pub planner: String,
    /// The digest of the request.
    pub request: Digest,
    /// The digest of the plan.
    pub plan: Digest,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Somebody named a runbook.
    Plan {
        /// Who.
        planner: String,
        /// Which.
        runbook: String,
        /// Why.
        reason: String,
        /// The digest of what was read.
        plan: Digest,
    },
    /// Something came that is no answer to it.
    Refused {
        /// The rule that it broke.
        rule: &'static str,
        /// What is wrong.
        message: String,
        /// The digest of what was read, if anything could be.
        plan: Option<Digest>,
    },
    /// Nothing came in time.
    None,
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
    /// The runbook that was named.
    pub runbook: Option<String>,
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
}

impl Told {
    fn of(chosen: &Chosen, number: u32, message: String) -> Self {
        Self {
            number,
            request: Some(chosen.request),
            plan: Some(chosen.plan),
            planner: Some(chosen.planner.clone()),
            runbook: Some(chosen.runbook.clone()),
            offered: Vec::new(),
            allowed: true,
            rule: None,
            message,
            result: None,
        }
    }

    fn refused(number: u32, open: &Open, rule: &'static str, message: String) -> Self {
        Self {
            number,
            request: open.request,
            plan: None,
            planner: None,
            runbook: None,
            offered: open.allowed.clone(),
            allowed: false,
            rule: Some(rule),
            message,
            result: None,
        }
    }
}

impl Planning {
    fn failed(&mut self, why: String) {
        self.failures += 1;
        self.last = Some(why);
    }

    /// Notes that what a plan had run was of no use.
    pub(super) fn was_in_vain(&mut self, runbook: &str, why: &str) {
        self.failed(format!("{runbook} {why}"));
        if !self.tried.iter().any(|tried| tried == runbook) {
            self.tried.push(runbook.to_owned());
        }
    }

    /// Takes back what was asked and what was chosen. Says so of a plan of which was said that it may be carried out.
    pub(super) fn withdraw(&mut self, rule: &'static str, why: &str) -> Option<Told> {
        self.open = None;
        let chosen = self.chosen.take()?;
        let message = format!("{} is not run: {why}", chosen.runbook);
        Some(Told { allowed: false, rule: Some(rule), ..Told::of(&chosen, self.number, message) })
    }
}

/// Has a planner asked, where the policy allows that, there is something to choose, and not too many plans have failed.
pub(super) fn ask(incident: &mut Incident, at: Time, reason: &str, l2: &L2) -> Option<Act> {
    let L2::On(plans) = l2 else { return None };
    let (failures, tried) = incident.plan.as_ref().map_or((0, &[][..]), |plan| (plan.failures, &plan.tried));
    let by_rules = |choice: &&Choice| choice.rules.iter().any(|rule| incident.failures.contains_key(rule));
    let free = plans.choices.iter().filter(|choice| choice.is_free() && !tried.contains(&choice.runbook));
    let free = free.filter(|choice| !by_rules(choice));
    let allowed: Vec<String> = free.map(|choice| choice.runbook.clone()).collect();
    if failures >= plans.l2_failures || allowed.is_empty() {
        return None;
    }
    let planning = incident.plan.get_or_insert_default();
    planning.number += 1;
    let (until, review_first) = (at.plus_millis(plans.within_ms), plans.review_first);
    planning.open = Some(Open { asked_at: at, until, allowed, review_first, request: None });
    incident.phase = Phase::Waiting(None);
    if !incident.escalations.iter().any(|known| known.to == Tier::L2) {
        let (reason, notified) = (reason.to_owned(), Vec::new());
        incident.escalations.push(Escalation { to: Tier::L2, at, reason, notified });
    }
    Some(Act::Ask)
}

/// Why no planner is asked, or asked no more.
pub(super) fn why_not(incident: &Incident, l2: &L2, may: bool) -> String {
    let plans = match l2 {
        L2::Off(why) => return why.clone(),
        L2::On(_) if !may => return NOT_FOR_PLANNERS.to_owned(),
        L2::On(plans) => plans,
    };
    let (failures, last) = incident.plan.as_ref().map_or((0, None), |plan| (plan.failures, plan.last.as_deref()));
    let last = last.map_or_else(String::new, |last| format!(" (the last: {last})"));
    let many = if failures == 1 { "1 plan".to_owned() } else { format!("{failures} plans") };
    match failures {
        0 => "no other runbook that may run is judged by this check".to_owned(),
        n if n >= plans.l2_failures => format!("{many} failed, as many as the policy allows{last}"),
        _ => format!("{many} failed, and no runbook is left to choose{last}"),
    }
}

/// What a plan that was chosen, or a request, means for a failing check.
pub(super) enum Next {
    /// Neither is there.
    Nothing,
    /// It waits.
    Waits,
    /// The runbook is to run.
    Runs(String),
    /// It may not run any more.
    Fails(Told),
}

/// What is to be done about a failing check that planners have been asked about.
pub(super) fn next(incident: &mut Incident, allowed: &Circumstances) -> Next {
    let Some(planning) = &mut incident.plan else { return Next::Nothing };
    if planning.open.is_some() {
        incident.phase = Phase::Waiting(None);
        return Next::Waits;
    }
    let Some(chosen) = &planning.chosen else { return Next::Nothing };
    let choices = if let L2::On(plans) = &allowed.l2 { &plans.choices[..] } else { &[] };
    let choice = choices.iter().find(|choice| choice.runbook == chosen.runbook);
    let stopped = match choice {
        // It was offered as one that waits for nothing.
        Some(Choice { window: Some((_, opens)), tripped: None, .. }) => {
            Some(format!("it has to wait for a maintenance window: {opens}"))
        }
        Some(choice) => choice.tripped.clone(),
        None => Some("it is not among what may be chosen any more".to_owned()),
    };
    if let Some(why) = stopped {
        let message = format!("{} cannot run: {why}", chosen.runbook);
        let told = Told { allowed: false, rule: Some("plan-stopped"), ..Told::of(chosen, planning.number, message) };
        planning.chosen = None;
        planning.failed(told.message.clone());
        return Next::Fails(told);
    }
    Next::Runs(chosen.runbook.clone())
}

/// Judges what came of the request that is open. Gives what is to be said, and the runbook and the reason where people have
/// to look first.
pub(super) fn answered(planning: &mut Planning, answer: Answer, at: Time) -> Option<(Told, Option<String>)> {
    let open = planning.open.take()?;
    let told = match answer {
        Answer::None => Told::refused(planning.number, &open, "plan-deadline", "no plan came in time".to_owned()),
        Answer::Refused { rule, message, plan } => {
            Told { plan, ..Told::refused(planning.number, &open, rule, message) }
        }
        Answer::Plan { planner, runbook, reason, plan } => match broken(planning, &open, &runbook, at) {
            Some((rule, message)) => {
                let told = Told::refused(planning.number, &open, rule, message);
                Told { plan: Some(plan), planner: Some(planner), runbook: Some(runbook), ..told }
            }
            None => {
                let request = open.request?;
                let chosen = Chosen { runbook, planner, request, plan };
                return Some(accepted(planning, chosen, &reason, &open));
            }
        },
    };
    planning.failed(told.message.clone());
    Some((told, None))
}

/// The rule that a plan breaks although it answers the request.
fn broken(planning: &Planning, open: &Open, runbook: &String, at: Time) -> Option<(&'static str, String)> {
    match () {
        () if at > open.until => Some(("plan-deadline", format!("it came after {}", open.until))),
        () if !open.allowed.contains(runbook) => {
            Some(("plan-runbook", format!("{runbook} is none of the runbooks that were offered")))
        }
        () if planning.tried.contains(runbook) => Some(("plan-tried", format!("{runbook} was tried already"))),
        () => None,
    }
}

fn accepted(planning: &mut Planning, chosen: Chosen, reason: &str, open: &Open) -> (Told, Option<String>) {
    let Chosen { runbook, planner, .. } = &chosen;
    let told = |message| Told { offered: open.allowed.clone(), ..Told::of(&chosen, planning.number, message) };
    if open.review_first {
        let message = format!("people look at plans first: {runbook} is proposed to them ({reason})");
        let proposal = format!("{planner} proposes runbook {runbook} ({reason}), and people look at plans first");
        return (Told { allowed: false, rule: Some("plan-review"), ..told(message) }, Some(proposal));
    }
    let told = told(format!("{runbook} is run ({reason})"));
    planning.chosen = Some(chosen);
    (told, None)
}

/// What a plan that was carried out came to.
pub(super) fn carried_out(planning: &mut Planning, result: PlanResult) -> Option<Told> {
    let chosen = planning.chosen.take()?;
    let message = match result {
        PlanResult::Helped => format!("{} helped", chosen.runbook),
        PlanResult::Failed => format!("{} did not help", chosen.runbook),
        PlanResult::Interrupted => format!("{} was interrupted, and did not help so far", chosen.runbook),
    };
    match result {
        PlanResult::Helped => {}
        // It counts, but nobody knows what it would have come to: it may be chosen again.
        PlanResult::Interrupted => planning.failed(message.clone()),
        PlanResult::Failed => planning.was_in_vain(&chosen.runbook, "did not help"),
    }
    Some(Told { result: Some(result), ..Told::of(&chosen, planning.number, message) })
}
