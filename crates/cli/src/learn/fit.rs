//! Whether a pattern fits a tree: that its check and its runbook are there as they were when it was seen.

use std::collections::BTreeSet;

use writ_audit::learn::{Pattern, narrowing, parameters, terms};
use writ_policy::check::Check;
use writ_policy::predicate::Predicate;
use writ_policy::runbook::Runbook;
use writ_trust::text::one_line;

use super::flake::Flake;
use super::rule_file::Rule;
use crate::failure::{Failure, Outcome};
use crate::library::Library;
use crate::library::sites::{Policy, each};

/// How often a rule that was learned is tried for one incident, and how long it rests in between: as those of Writ.
const ATTEMPTS: u32 = 2;
const COOLDOWN: &str = "10m";

/// The rule that a pattern becomes in a tree.
pub fn rule(flake: &Flake, pattern: &Pattern, priority: i64) -> Outcome<Rule> {
    for (what, text) in [("check", &pattern.check), ("runbook", &pattern.runbook)] {
        if text.chars().any(char::is_control) {
            let failure = Failure::refused(format!("the name of its {what} has a control character"));
            return Err(failure.because(one_line(text)).next("no rule is made of such a name"));
        }
    }
    let library = Library::open(flake.tree.clone(), None)?;
    let appliances = library.sites.by_name.values().flat_map(|site| site.appliances.values());
    let policies: Vec<&Policy> = appliances.filter_map(|appliance| appliance.policy.as_ref()).collect();
    let asked: Vec<(&Policy, &Check)> =
        policies.iter().filter_map(|policy| Some((*policy, policy.checks.get(&pattern.check)?.as_ref()))).collect();
    let Some((_, check)) = asked.first() else { return Err(no_check(pattern, &policies)) };
    runs(&library, &policies, pattern)?;
    Ok(Rule {
        title: format!("Learned, for when this does not hold: {}", check.title),
        observation: narrowed(&asked, pattern)?,
        priority,
        attempts: ATTEMPTS,
        cooldown: COOLDOWN.to_owned(),
        controls: controls(&asked, pattern)?,
    })
}

fn no_check(pattern: &Pattern, policies: &[&Policy]) -> Failure {
    let failure = Failure::refused(format!("no site of this tree has the check {}", one_line(&pattern.check)));
    let known = policies.iter().flat_map(|policy| policy.checks.keys()).map(String::as_str);
    failure.because("the pattern was seen under an older policy, or in another tree").nearest(
        &pattern.check,
        known,
        || "a rule for it would answer nothing: reject the pattern, or bring the check back".to_owned(),
    )
}

/// That the runbook is there, does what it did, and looks at the check afterwards.
fn runs(library: &Library, policies: &[&Policy], pattern: &Pattern) -> Outcome<()> {
    let name = one_line(&pattern.runbook);
    let of_sites = policies.iter().filter_map(|policy| policy.runbooks.get(&pattern.runbook));
    let there: Vec<&Runbook> =
        library.catalogue.runbooks.get(&pattern.runbook).into_iter().chain(of_sites.map(AsRef::as_ref)).collect();
    if there.is_empty() {
        let failure = Failure::refused(format!("this tree has no runbook {name}"));
        let known = library.catalogue.runbooks.keys().map(String::as_str);
        return Err(failure.because("the pattern was seen under an older policy, or in another tree").nearest(
            &pattern.runbook,
            known,
            || "what is in no runbook needs the runbook first, reviewed as any other".to_owned(),
        ));
    }
    let Some(same) = there.iter().find(|runbook| parameters(runbook) == pattern.parameters) else {
        let failure = Failure::refused(format!("the runbook {name} does something else by now"));
        return Err(failure
            .because(format!(
                "its steps or their parameters are not those of which the evidence tells ({})",
                pattern.parameters
            ))
            .next("wait for evidence of the runbook as it is: that is a pattern of its own"));
    };
    if same.verify.contains(&pattern.check) {
        return Ok(());
    }
    let failure =
        Failure::refused(format!("the runbook {name} does not look at {} afterwards", one_line(&pattern.check)));
    Err(failure.because("nobody would see whether it helped").next("name the check in its `verify`"))
}

/// What narrows the rule to the observations that the pattern is about.
fn narrowed(asked: &[(&Policy, &Check)], pattern: &Pattern) -> Outcome<Option<Predicate>> {
    // Of a check of one term it is known what was broken. Of several, a rule without conditions would answer what was never healed.
    if pattern.conditions.is_empty() && asked.iter().any(|(_, check)| terms(&check.expect).len() > 1) {
        let failure = Failure::refused(format!(
            "evidence does not tell which part of the check {} was broken",
            one_line(&pattern.check)
        ));
        return Err(failure
            .because(
                "it expects several things, and a rule for all of them is wider than what the runbook is known to heal",
            )
            .next("write a rule by hand that says what it answers, or reject the pattern"));
    }
    let all: Vec<_> = asked.iter().map(|(_, check)| narrowing(&check.expect, &pattern.conditions)).collect();
    // Where sites expect different things of it, the narrower word is the safer one.
    if let Some(narrow) = all.iter().flatten().flatten().next() {
        return Ok(Some(narrow.clone()));
    }
    if all.iter().any(Result::is_ok) {
        return Ok(None);
    }
    let gone = all.into_iter().find_map(Result::err).unwrap_or_default();
    let failure = Failure::refused(format!("the check {} expects something else by now", one_line(&pattern.check)));
    Err(failure
        .because(format!("the pattern is about this term, which it has no more: {}", one_line(gone)))
        .next("wait for evidence under what it expects now: that is a pattern of its own"))
}

/// The controls that the check supports wherever it is asked for.
fn controls(asked: &[(&Policy, &Check)], pattern: &Pattern) -> Outcome<Vec<String>> {
    let of = |policy: &Policy| -> BTreeSet<String> {
        let supported = each(&policy.controls).filter(|(_, control)| control.checks.contains(&pattern.check));
        supported.map(|(id, _)| id.clone()).collect()
    };
    let mut all = asked.iter().map(|(policy, _)| of(policy)).filter(|ids| !ids.is_empty());
    let first = all.next().unwrap_or_default();
    let shared = all.fold(first.clone(), |shared, ids| &shared & &ids);
    let controls = if shared.is_empty() { first } else { shared };
    if controls.is_empty() {
        let failure = Failure::refused(format!("the check {} supports no control", one_line(&pattern.check)));
        return Err(failure
            .because(
                "a rule names the controls it serves, so that whoever reads the evidence knows what the repair was for",
            )
            .next("name a control in the check, or the check in a control"));
    }
    Ok(controls.into_iter().collect())
}
