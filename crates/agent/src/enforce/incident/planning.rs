//! The second tier: what a planner was asked, what it answered, and what came of that. Pure.
//!
//! ```text
//! rules are of no use ─▶ asked ─ a plan that may be carried out ─▶ chosen ─▶ its runbook runs ─▶ helped: Quiet
//!                          │ no answer in time, or one that is refused   ▲ more of it │ did not help
//!                          │                                             └────────────┤ none is left
//!                          └──────────────────▶ a failed plan ◀───────────────────────┘
//!                                                  │ fewer than `l2_failures`: asked again; else people
//! ```
//!
//! Whoever plans can name runbooks that were offered, once for each request, before its time is up. A restart, a pause, a trial and
//! a new policy take back what was asked and what was chosen, and whoever is asked then is asked anew. That is no failed plan, unless
//! a runbook of it ran, and so did not help.

use std::fmt;

use serde::{Deserialize, Serialize};
use writ_evidence::incident::{Escalation, Tier};
use writ_evidence::records::Transcript;
use writ_evidence::scrub::scrub;
use writ_trust::digest::Digest;
use writ_trust::time::Time;
use writ_wire::plan::{MAX_RUNBOOKS, repeated, was_asked};
use writ_wire::plan_verdict::PlanResult;

use super::allowed::{Choice, Circumstances, L2, NOT_FOR_PLANNERS};
use super::planned::{Account, Chosen, Ran, Told, note};
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
    /// What became of its plans, the newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<Account>,
    /// How often a language model was asked, as planners told.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub calls: u64,
    /// What that cost, in millionths of a US dollar.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cost_microdollars: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
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
    /// The most runbooks that one plan may name. An older version asked for one.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub most_runbooks: u32,
}

fn one() -> u32 {
    1
}

fn is_one(number: &u32) -> bool {
    *number == 1
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Somebody named runbooks.
    Plan {
        /// Who.
        planner: String,
        /// Which, in order; at least one.
        runbooks: Vec<String>,
        /// Why.
        reason: String,
        /// The digest of what was read.
        plan: Digest,
        /// What a language model was asked for it.
        transcript: Option<Box<Transcript>>,
    },
    /// Something came that is no answer to it.
    Refused {
        /// The rule that it broke.
        rule: &'static str,
        /// What is wrong.
        message: String,
        /// The digest of what was read, if anything could be.
        plan: Option<Digest>,
        /// As above, where that could be read.
        transcript: Option<Box<Transcript>>,
    },
    /// Nothing came in time.
    None,
}

impl Planning {
    fn failed(&mut self, why: String) {
        self.failures += 1;
        self.last = Some(why);
    }

    /// Remembers what is told of a plan.
    fn told(&mut self, told: Told) -> Told {
        note(&mut self.accounts, &told);
        if let Some(call) = told.transcript.as_ref().filter(|call| was_asked(&call.outcome)) {
            self.calls = self.calls.saturating_add(1);
            self.cost_microdollars = self.cost_microdollars.saturating_add(call.cost_microdollars);
        }
        told
    }

    fn has_tried(&mut self, runbook: &str) {
        if !self.tried.iter().any(|tried| tried == runbook) {
            self.tried.push(runbook.to_owned());
        }
    }

    /// Notes that what a plan had run was of no use after all: nothing is told of that plan any more.
    pub(super) fn was_in_vain(&mut self, runbook: &str, why: &str) {
        let why = format!("{runbook} {why}");
        if let Some(account) = self.accounts.last_mut().filter(|account| account.runbooks.iter().any(|r| r == runbook))
        {
            account.word.clone_from(&why);
        }
        self.failed(why);
        self.has_tried(runbook);
    }

    /// Takes back what was asked and what was chosen. Says so of a plan of which was said that it may be carried out. One of which
    /// something ran has failed: that did not help.
    pub(super) fn withdraw(&mut self, rule: &'static str, why: &str) -> Option<Told> {
        self.open = None;
        let chosen = self.chosen.take()?;
        let message = format!("{}{} is not run: {why}", chosen.so_far(), chosen.runbook);
        if !chosen.ran.is_empty() {
            self.failed(message.clone());
        }
        let told = Told { allowed: false, rule: Some(rule), ..Told::of(&chosen, self.number, message) };
        Some(self.told(told))
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
    // As many as could be tried one by one; a model that the policy names has a bound of its own.
    let most_runbooks = bounded(plans.l2_failures - failures);
    planning.open = Some(Open { asked_at: at, until, allowed, review_first, request: None, most_runbooks });
    incident.phase = Phase::Waiting(None);
    if !incident.escalations.iter().any(|known| known.to == Tier::L2) {
        let (reason, notified) = (reason.to_owned(), Vec::new());
        incident.escalations.push(Escalation { to: Tier::L2, at, reason, notified });
    }
    Some(Act::Ask)
}

/// How many runbooks one plan may name where the policy says so many.
pub fn bounded(most: u32) -> u32 {
    most.clamp(1, u32::try_from(MAX_RUNBOOKS).unwrap_or(u32::MAX))
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
        let message = format!("{}{} cannot run: {why}", chosen.so_far(), chosen.runbook);
        let told = Told { allowed: false, rule: Some("plan-stopped"), ..Told::of(chosen, planning.number, message) };
        planning.chosen = None;
        planning.failed(told.message.clone());
        return Next::Fails(planning.told(told));
    }
    Next::Runs(chosen.runbook.clone())
}

/// Judges what came of the request that is open. Gives what is to be said, and the runbooks and the reason where people have
/// to look first.
pub(super) fn answered(planning: &mut Planning, answer: Answer, at: Time) -> Option<(Told, Option<String>)> {
    let open = planning.open.take()?;
    let told = match answer {
        Answer::None => Told::refused(planning.number, &open, "plan-deadline", "no plan came in time".to_owned()),
        Answer::Refused { rule, message, plan, transcript } => {
            Told { plan, transcript, ..Told::refused(planning.number, &open, rule, message) }
        }
        Answer::Plan { planner, runbooks, reason, plan, transcript } => {
            match (broken(planning, &open, &runbooks, at), open.request) {
                (None, Some(request)) => {
                    let mut names = runbooks.into_iter();
                    let runbook = names.next()?;
                    let chosen = Chosen { runbook, then: names.collect(), ran: Vec::new(), planner, request, plan };
                    let (told, proposal) = accepted(planning, chosen, &reason, &open);
                    let told = planning.told(Told { transcript, ..told });
                    return Some((told, proposal));
                }
                (broken, _) => {
                    let unwritten = || ("plan-request", "its request was never written".to_owned());
                    let (rule, message) = broken.unwrap_or_else(unwritten);
                    let told = Told::refused(planning.number, &open, rule, scrub(&message).into_owned());
                    let runbooks = runbooks.iter().map(|runbook| named(runbook, &open)).collect();
                    Told { plan: Some(plan), planner: Some(planner), runbooks, transcript, ..told }
                }
            }
        }
    };
    planning.failed(told.message.clone());
    Some((planning.told(told), None))
}

/// The name of a runbook; what was not offered may be any text.
fn named(runbook: &String, open: &Open) -> String {
    if open.allowed.contains(runbook) { runbook.clone() } else { scrub(runbook).into_owned() }
}

/// The rule that a plan breaks although it answers the request. All of it is judged before any of it runs.
fn broken(planning: &Planning, open: &Open, runbooks: &[String], at: Time) -> Option<(&'static str, String)> {
    if at > open.until {
        return Some(("plan-deadline", format!("it came after {}", open.until)));
    }
    let (many, most) = (runbooks.len(), bounded(open.most_runbooks) as usize);
    if !(1..=most).contains(&many) {
        return Some(("plan-length", format!("it names {many} runbooks, and {most} may be named")));
    }
    if let Some(twice) = repeated(runbooks) {
        return Some(("plan-repeats", format!("it names {twice} twice")));
    }
    runbooks.iter().find_map(|runbook| match () {
        () if !open.allowed.contains(runbook) => {
            Some(("plan-runbook", format!("{runbook} is none of the runbooks that were offered")))
        }
        () if planning.tried.contains(runbook) => Some(("plan-tried", format!("{runbook} was tried already"))),
        () => None,
    })
}

fn accepted(planning: &mut Planning, chosen: Chosen, reason: &str, open: &Open) -> (Told, Option<String>) {
    let (named, many) = (chosen.runbooks().join(", then "), !chosen.then.is_empty());
    let told = |message| Told { offered: open.allowed.clone(), ..Told::of(&chosen, planning.number, message) };
    let runbooks = if many { "runbooks" } else { "runbook" };
    if open.review_first {
        let are = if many { "are" } else { "is" };
        let message = format!("people look at plans first: {named} {are} proposed to them ({reason})");
        let planner = &chosen.planner;
        let proposal = format!("{planner} proposes {runbooks} {named} ({reason}), and people look at plans first");
        return (Told { allowed: false, rule: Some("plan-review"), ..told(message) }, Some(proposal));
    }
    let until = if many { "are run, one after the other until the check holds" } else { "is run" };
    let told = told(format!("{named} {until} ({reason})"));
    planning.chosen = Some(chosen);
    (told, None)
}

/// What a runbook of a plan came to. Nothing is told before the plan is over: where it did not help and another one is left, that
/// one has its turn.
pub(super) fn carried_out(planning: &mut Planning, result: PlanResult) -> Option<Told> {
    let mut chosen = planning.chosen.take()?;
    chosen.ran.push(Ran { runbook: chosen.runbook.clone(), result });
    if result == PlanResult::Failed {
        planning.has_tried(&chosen.runbook);
        if !chosen.then.is_empty() {
            chosen.runbook = chosen.then.remove(0);
            planning.chosen = Some(chosen);
            return None;
        }
    }
    let words: Vec<String> = chosen.ran.iter().map(Ran::in_words).collect();
    let rest = match chosen.then.is_empty() {
        true => String::new(),
        false => format!("; {} not run", are(&chosen.then)),
    };
    let message = format!("{}{rest}", words.join(", "));
    if result != PlanResult::Helped {
        // What was interrupted counts too, but nobody knows what it would have come to: it may be chosen again.
        planning.failed(message.clone());
    }
    // The runbook that ran last stands in `ran` already.
    let runbooks = chosen.ran.iter().map(|ran| &ran.runbook).chain(&chosen.then).cloned().collect();
    let told = Told { runbooks, result: Some(result), ..Told::of(&chosen, planning.number, message) };
    Some(planning.told(told))
}

fn are(runbooks: &[String]) -> String {
    format!("{} {}", runbooks.join(", "), if runbooks.len() == 1 { "is" } else { "are" })
}
