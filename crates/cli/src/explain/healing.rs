//! What answers a failing check: rules in the order in which they are tried, their runbooks, and people after them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value as Json};
use writ_policy::predicate::Predicate;
use writ_policy::rule::{Rule, Tier};
use writ_policy::runbook::Runbook;
use writ_policy::validate::validate;

use super::Asked;
use super::escalation::{self, Escalation, escalations};
use super::page::Page;
use super::predicate::{Place, Told, told};
use super::subject::same;
use crate::library::sites::{Name, Policy, each};
use crate::library::words;

/// One step of a runbook.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// Its name within the runbook.
    pub id: String,
    /// Its type.
    pub step: String,
    /// What that does; none where this version knows no such step.
    pub about: Option<String>,
    /// Its parameters.
    pub parameters: Map<String, Json>,
    /// How long it may take.
    pub timeout: String,
    /// What takes it back when a later step fails.
    pub undo: Option<String>,
}

/// A runbook.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Steps {
    /// Its id.
    pub id: String,
    /// What it does.
    pub title: String,
    /// Its version.
    pub version: String,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// The checks that decide whether it helped.
    pub verify: Vec<String>,
}

/// A rule as an answer to a check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// Its id.
    pub id: String,
    /// What it answers.
    pub title: String,
    /// The family that it is of; none where a site or an appliance declares it.
    pub family: Option<String>,
    /// Of several that match, the highest is tried first.
    pub priority: i64,
    /// How often it may be tried for one incident.
    pub attempts: u32,
    /// How long it rests after it was tried in vain.
    pub cooldown: String,
    /// What must be seen, for it to answer; none when any failure does.
    pub when: Option<Told>,
    /// The runbook that it runs.
    pub run: Option<Steps>,
    /// Who is called instead, `L2` or `L3`.
    pub to: Option<&'static str>,
    /// Why no runbook can help.
    pub why: Option<String>,
    /// Why it never runs where it is in force, if another always answers first.
    pub shadowed: Option<String>,
    /// Whether it is in force elsewhere with other values.
    pub variant: bool,
    /// The appliances in question where it answers.
    pub appliances: Vec<Name>,
}

/// All that answers a check.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Healing {
    /// In order of trial.
    pub rules: Vec<Answer>,
    /// When people have it, by appliances; empty where no policy in question has the check.
    pub people: Vec<Escalation>,
}

/// The runbook of this id, as a policy in question or else the tree has it.
pub fn steps(asked: &Asked<'_>, id: &str) -> Option<Steps> {
    let in_force = asked.policies().find_map(|(_, policy)| policy.runbooks.get(id).map(AsRef::as_ref));
    let runbook = in_force.or_else(|| asked.library.catalogue.runbooks.get(id))?;
    Some(steps_of(asked, id, runbook))
}

/// A runbook in words.
pub fn steps_of(asked: &Asked<'_>, id: &str, runbook: &Runbook) -> Steps {
    let about = |step: &str| asked.library.registry.steps.get(step).map(|schema| schema.about.to_owned());
    let steps = runbook.steps.iter().map(|step| Step {
        id: step.id.clone(),
        step: step.step.clone(),
        about: about(&step.step),
        parameters: step.parameters.clone(),
        timeout: step.timeout.to_string(),
        undo: step.undo.as_ref().map(|undo| call(&undo.step, &undo.parameters)),
    });
    Steps {
        id: id.to_owned(),
        title: runbook.title.clone(),
        version: runbook.version.clone(),
        steps: steps.collect(),
        verify: runbook.verify.clone(),
    }
}

/// A step as it is called: `exec program=writ.program "check-backup-logs"`.
fn call(step: &str, parameters: &Map<String, Json>) -> String {
    let given: Vec<String> =
        parameters.iter().map(|(name, value)| format!(" {name}={}", words::parameter(value))).collect();
    format!("{step}{}", given.concat())
}

/// Everything that answers a check, in order of trial.
pub fn healing(asked: &Asked<'_>, id: &str) -> Healing {
    let mut rules: Vec<Answer> = Vec::new();
    for (family, rule_id, rule) in asked.library.catalogue.rules().filter(|(_, _, rule)| rule.when.check == id) {
        let in_force = answers(asked, rule_id, Some(family));
        let idle = || vec![answer(asked, rule_id, Some(family), rule, Vec::new())];
        rules.extend(if in_force.is_empty() { idle() } else { in_force });
    }
    for (_, policy) in asked.policies() {
        for (rule_id, _) in policy.rules.iter().filter(|(_, rule)| rule.when.check == id) {
            if !rules.iter().any(|known| known.id == *rule_id) {
                rules.extend(answers(asked, rule_id, None));
            }
        }
    }
    rules.sort_by(|a, b| b.priority.cmp(&a.priority).then_with(|| a.id.cmp(&b.id)));
    if let Some((_, policy)) = asked.policies().find(|(_, policy)| policy.checks.contains_key(id)) {
        shade(asked, policy, &mut rules);
    }
    Healing { rules, people: escalations(asked, id) }
}

/// Says of rules that never run why, as `writ check` finds it.
fn shade(asked: &Asked<'_>, policy: &Policy, rules: &mut [Answer]) {
    // Of one rule there is nothing to find.
    if rules.len() < 2 {
        return;
    }
    let json = serde_json::json!({
        "checks": each(&policy.checks).collect::<BTreeMap<_, _>>(),
        "rules": each(&policy.rules).collect::<BTreeMap<_, _>>(),
        "settings": &*policy.settings,
    });
    for finding in validate(&json, &asked.library.registry, asked.now) {
        let of = |rule: &&mut Answer| finding.path.get(1) == Some(&rule.id);
        if let Some(rule) = rules.iter_mut().find(of).filter(|_| finding.code == "shadowed-rule") {
            rule.shadowed = Some(finding.message.clone());
        }
    }
}

/// A rule as it is in force, once for each way in which appliances have it.
fn answers(asked: &Asked<'_>, id: &str, family: Option<&str>) -> Vec<Answer> {
    let mut variants: Vec<(&Rule, Vec<Name>)> = Vec::new();
    for (name, policy) in asked.policies() {
        let Some(rule) = policy.rules.get(id) else { continue };
        match variants.iter_mut().find(|(known, _)| same(*known, rule.as_ref())) {
            Some((_, names)) => names.push(name.clone()),
            None => variants.push((rule, vec![name.clone()])),
        }
    }
    let variant = variants.len() > 1;
    let one = |(rule, names): (&Rule, Vec<Name>)| Answer { variant, ..answer(asked, id, family, rule, names) };
    variants.into_iter().map(one).collect()
}

fn answer(asked: &Asked<'_>, id: &str, family: Option<&str>, rule: &Rule, appliances: Vec<Name>) -> Answer {
    let place = Place { section: "rules", id, files: vec![rule.declared_at.file.clone()] };
    let narrowed = |observation: &Predicate| told(asked, &place, &["when", "observation"], observation);
    Answer {
        id: id.to_owned(),
        title: rule.title.clone(),
        family: family.map(str::to_owned),
        priority: rule.priority,
        attempts: rule.attempts,
        cooldown: rule.cooldown.to_string(),
        when: rule.when.observation.as_ref().map(narrowed),
        run: rule.run.as_ref().and_then(|run| steps(asked, run)),
        to: rule.escalate.as_ref().map(|escalate| tier(escalate.to)),
        why: rule.escalate.as_ref().map(|escalate| escalate.why.clone()),
        shadowed: None,
        variant: false,
        appliances,
    }
}

fn tier(tier: Tier) -> &'static str {
    match tier {
        Tier::L2 => "L2",
        Tier::L3 => "L3",
    }
}

impl Steps {
    /// Prints the steps and what decides whether they helped.
    pub fn print(&self, page: &mut Page, indent: usize) {
        for (n, step) in self.steps.iter().enumerate() {
            let what = call(&step.step, &step.parameters);
            page.labelled(indent, &format!("{}.", n + 1), 2, &format!("{}: {what}, at most {}", step.id, step.timeout));
            if let Some(undo) = &step.undo {
                page.dim(indent + 3, &format!("undone by {undo}"));
            }
        }
        if !self.verify.is_empty() {
            let hold = if self.verify.len() == 1 { "holds" } else { "hold" };
            page.text(indent, &format!("helped when {} {hold} again", self.verify.join(", ")));
        }
    }
}

impl Answer {
    /// Prints it; `everywhere` are the appliances that have the check.
    pub fn print(&self, page: &mut Page, place: Option<usize>, everywhere: &[Name]) {
        let how = match self.to {
            Some(_) => format!("priority {}", self.priority),
            None => format!("priority {}, {}", self.priority, words::attempts(self.attempts, &self.cooldown)),
        };
        let indent = if place.is_some() { 5 } else { 2 };
        if let Some(n) = place {
            page.labelled(2, &format!("{n}."), 2, &format!("{} {}", self.id, self.title));
        }
        page.dim(indent, &how);
        if let Some(shadowed) = &self.shadowed {
            page.text(indent, &format!("never runs: {shadowed}"));
        }
        if let Some(when) = &self.when {
            page.text(indent, "only when:");
            when.print(page, indent + 2);
        }
        match (&self.run, &self.to, &self.why) {
            (Some(run), _, _) => {
                page.text(indent, &format!("runs {} {}: {}", run.id, run.version, run.title));
                run.print(page, indent + 2);
            }
            (None, Some(to), Some(why)) => page.text(indent, &format!("calls {}: {why}", people(to))),
            _ => page.text(indent, "runs a runbook that nobody declares"),
        }
        self.print_where(page, indent, everywhere);
    }

    fn print_where(&self, page: &mut Page, indent: usize, everywhere: &[Name]) {
        if self.appliances.len() >= everywhere.len() {
            return;
        }
        match (self.appliances.is_empty(), &self.family) {
            (true, Some(family)) => {
                page.dim(indent, &format!("not in force anywhere in question (family {family} is not chosen)"));
            }
            (true, None) => page.dim(indent, "not in force anywhere in question"),
            (false, Some(family)) if !self.variant => {
                page.dim(indent, &format!("only where family {family} is chosen:"))
            }
            (false, _) => page.dim(indent, "only on:"),
        }
        page.names(indent + 2, &self.appliances);
    }
}

fn people(tier: &str) -> &'static str {
    if tier == "L2" { "the second tier (L2; people, where the site enables no planner)" } else { "people (L3)" }
}

impl Healing {
    /// Prints it; `everywhere` are the appliances that have the check.
    pub fn print(&self, page: &mut Page, everywhere: &[Name]) {
        page.section("When it fails");
        if self.rules.is_empty() && self.people.is_empty() {
            page.text(2, "No rule answers it: people have it at once.");
        }
        for (i, rule) in self.rules.iter().enumerate() {
            rule.print(page, Some(i + 1), everywhere);
        }
        escalation::print(&self.people, page);
    }
}
