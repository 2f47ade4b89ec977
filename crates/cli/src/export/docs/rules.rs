//! `rules.md` and `runbooks.md`: what answers a failing check, and how.

use serde_json::{Map, Value as Json};
use writ_policy::rule::{Rule, Tier};

use super::markdown::{Target, code, text};
use super::reference::{Reference, declared};
use crate::library::words;

/// The page of rules, by family.
pub fn page(reference: &Reference<'_>) -> String {
    let mut out =
        "# Rules\n\nWhat answers a failing check. Sites and appliances choose families; of the rules that match, \
                   the highest priority is tried first.\n"
            .to_owned();
    for (name, family) in &reference.library.catalogue.families {
        out += &format!("\n## {}\n\nThe family of {}{}.\n", text(name), code(&family.file), chosen(reference, name));
        if family.rules.is_empty() {
            out += "\nIt has no rule yet.\n";
        }
        for (id, rule) in &family.rules {
            out += &one(reference, id, rule);
        }
    }
    out
}

/// Who chooses a family, as the end of a sentence.
fn chosen(reference: &Reference<'_>, family: &str) -> String {
    let Some(counted) = reference.choices.counted(family) else { return String::new() };
    let named =
        reference.choices.named(family).map(|names| format!(": {}", text(&names.join(", ")))).unwrap_or_default();
    format!(", {counted}{named}")
}

fn one(reference: &Reference<'_>, id: &str, rule: &Rule) -> String {
    let links = &reference.links;
    let mut out = format!("\n{}\n", links.heading(3, Target::Rule, id, &rule.title));
    out += &format!("- Answers {}", links.link(Target::Check, &rule.when.check));
    match &rule.when.observation {
        Some(observation) => {
            out += ", only when\n";
            out += &reference.predicate(&rule.declared_at, &["rules", id, "when", "observation"], observation, 2);
        }
        None => out += "\n",
    }
    match (&rule.run, &rule.escalate) {
        (Some(run), _) => {
            let tried = words::attempts(rule.attempts, &rule.cooldown.to_string());
            out += &format!("- Runs {}, {tried}\n", links.link(Target::Runbook, run));
        }
        (None, Some(escalate)) => {
            let to = if escalate.to == Tier::L2 { "the second tier (L2)" } else { "people (L3)" };
            out += &format!("- Calls {to}: {}\n", text(&escalate.why));
        }
        (None, None) => {}
    }
    let controls = links.links(Target::Control, rule.controls.iter().map(String::as_str));
    out += &format!("- Priority {}; serves {controls}\n", rule.priority);
    out + &declared(&rule.declared_at)
}

/// The page of runbooks.
pub fn runbooks(reference: &Reference<'_>) -> String {
    let links = &reference.links;
    let mut out =
        "# Runbooks\n\nSteps with their timeouts, and the checks that decide whether they helped.\n".to_owned();
    for (id, runbook) in &reference.library.catalogue.runbooks {
        out += &format!("\n{}\n", links.heading(2, Target::Runbook, id, &runbook.title));
        let running = reference.library.catalogue.rules().filter(|(_, _, rule)| rule.run.as_ref() == Some(id));
        let running: Vec<&str> = running.map(|(_, rule, _)| rule).collect();
        out += &format!("- Version {}; run by {}\n", text(&runbook.version), links.links(Target::Rule, running));
        out += "- Steps\n";
        for (n, step) in runbook.steps.iter().enumerate() {
            let what = call(reference, &step.step, &step.parameters);
            out += &format!("  {}. {}: {what}, at most {}\n", n + 1, code(&step.id), step.timeout);
            if let Some(undo) = &step.undo {
                out += &format!("     - undone by {}\n", call(reference, &undo.step, &undo.parameters));
            }
        }
        let verify = links.links(Target::Check, runbook.verify.iter().map(String::as_str));
        out += &format!("- Helped when these hold again: {verify}\n");
        out += &format!("- Evidence names it by {}\n", code(&runbook.digest().to_string()));
        out += &declared(&runbook.declared_at);
    }
    out
}

fn call(reference: &Reference<'_>, step: &str, parameters: &Map<String, Json>) -> String {
    let given =
        parameters.iter().map(|(name, value)| format!(" {}", code(&format!("{name} = {}", words::parameter(value)))));
    format!("{}{}", reference.links.link(Target::Step, step), given.collect::<String>())
}
