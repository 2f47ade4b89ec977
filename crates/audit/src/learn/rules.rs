//! Rules that are patterns, and what came of them.

use std::collections::{BTreeMap, BTreeSet};

use writ_policy::diff::normal;
use writ_policy::policy::Policy;
use writ_policy::predicate::Predicate;
use writ_policy::rule::Rule;
use writ_trust::digest::Digest;
use writ_trust::time::Time;

use super::gather::{Gathering, Situation};
use super::model::{Figures, ID_DIGITS, LearnedRule, RULE_PREFIX, permille};
use super::signature::parameters;
use super::terms::narrowing;
use super::told::Ending;

/// The policies of the newest releases whose signers still count, of those with the same rules and runbooks one.
pub fn in_force<'a>(gathered: &Gathering<'a>) -> Vec<&'a Policy> {
    let mut policies: BTreeMap<Digest, &Policy> = BTreeMap::new();
    for record in gathered.sites().filter_map(|site| gathered.archive.sites.get(site)) {
        let generations = record.newest_sound().into_iter().flat_map(|past| past.release.generations.values());
        for policy in generations.filter_map(|generation| gathered.archive.policies.get(&generation.policy.digest)) {
            policies.entry(policy.rules_version).or_insert(policy);
        }
    }
    policies.into_values().collect()
}

/// The rule of these policies that is a pattern: the one that was made of it, or any that runs the same for the same.
pub fn rule_of(
    in_force: &[&Policy],
    rule_id: &str,
    situation: &Situation,
    (runbook, does): (&str, Digest),
) -> Option<String> {
    if in_force.iter().any(|policy| policy.rules.contains_key(rule_id)) {
        return Some(rule_id.to_owned());
    }
    let same = |policy: &&Policy| {
        let answers = |rule: &Rule| rule.when.check == situation.check && rule.run.as_deref() == Some(runbook);
        let mut like = policy.rules.iter().filter(|(_, rule)| answers(rule)).peekable();
        // Most patterns are no rule: only where one may be is the rest worked out.
        like.peek()?;
        let check = policy.checks.get(&situation.check)?;
        let has = policy.runbooks.get(runbook).is_some_and(|runbook| parameters(runbook) == does);
        let narrowed = narrowing(&check.expect, &situation.broken).ok().filter(|_| has)?;
        let narrowed = narrowed.as_ref().map(normal);
        like.find(|(_, rule)| covers(rule, narrowed.as_ref())).map(|(id, _)| id.clone())
    };
    in_force.iter().find_map(same)
}

/// Whether a rule answers whatever a pattern does.
fn covers(rule: &Rule, narrowed: Option<&Predicate>) -> bool {
    match &rule.when.observation {
        None => true,
        Some(observation) => narrowed == Some(&normal(observation)),
    }
}

/// How often a rule ran, and helped.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    tried: u64,
    resolved: u64,
    last: Option<Time>,
}

/// What came of rules, by their ids.
#[derive(Debug, Default)]
pub struct Runs(BTreeMap<String, Run>);

impl Runs {
    /// Takes in an incident that ended. `by_plans` are the runbooks that plans had run for it.
    pub fn take(&mut self, gathered: &Gathering<'_>, ending: &Ending, at: Time, by_plans: &BTreeSet<&str>) {
        let word = |number: u32| gathered.words.get(number).as_str();
        let others = ending.ran_too.iter().filter(|(_, runbook)| !by_plans.contains(word(*runbook)));
        let ran: BTreeSet<u32> = others.map(|(rule, _)| *rule).chain(ending.rule).collect();
        for rule in ran {
            let resolved = ending.rule == Some(rule) && ending.is_by_rule();
            let run = self.0.entry(word(rule).to_owned()).or_default();
            run.tried += 1;
            run.resolved += u64::from(resolved);
            run.last = run.last.max(Some(at));
        }
    }

    /// The rules of these policies that were made of patterns, and those that are, as `known` says: their ids and those of patterns.
    pub fn of(&self, in_force: &[&Policy], known: &BTreeMap<String, String>, figures: &Figures) -> Vec<LearnedRule> {
        let mut rules: BTreeMap<&str, &Rule> = BTreeMap::new();
        for (id, rule) in in_force.iter().flat_map(|policy| &policy.rules) {
            if id.starts_with(RULE_PREFIX) || known.contains_key(id) {
                rules.entry(id).or_insert(rule);
            }
        }
        let learned = |(id, rule): (&str, &Rule)| {
            let Run { tried, resolved, last } = self.0.get(id).copied().unwrap_or_default();
            Some(LearnedRule {
                rule: id.to_owned(),
                // What its own id says comes first: only so is it known for one that was made of a pattern.
                pattern: pattern_of(id).or_else(|| known.get(id).cloned()),
                check: rule.when.check.clone(),
                runbook: rule.run.clone()?,
                tried,
                resolved,
                success_permille: permille(resolved, tried),
                last_seen: last,
                withdrawable: figures.withdraws(resolved, tried),
            })
        };
        rules.into_iter().filter_map(learned).collect()
    }
}

/// The id of the pattern that a rule was made of, by its own.
fn pattern_of(rule: &str) -> Option<String> {
    let digits = rule.strip_prefix(RULE_PREFIX)?;
    let is_id = digits.len() == ID_DIGITS && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F'));
    is_id.then(|| digits.to_ascii_lowercase())
}
