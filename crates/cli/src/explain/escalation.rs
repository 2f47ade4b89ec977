//! When people have an incident of a check, as the settings, the severity and the rules in force decide it.

use serde::Serialize;
use writ_policy::check::Check;
use writ_policy::declared::Severity;

use super::Asked;
use super::page::Page;
use crate::library::sites::{Name, Policy};

/// The failed attempts that are allowed where the settings name none for a severity: as the enforcer has it.
const ALLOWED: u32 = 3;

/// When people have it, on some appliances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Escalation {
    /// How bad a failure is there.
    pub severity: String,
    /// How many rules answer it there.
    pub rules: usize,
    /// Whether people are told before anything is tried.
    pub told_at_once: bool,
    /// After how many failed attempts it is left to people; 0 where nothing is tried.
    pub after_attempts: u32,
    /// Whether fewer may be made, because rules answer only some failures.
    pub at_most: bool,
    /// Within what time an incident is to be answered.
    pub answered_within: Option<String>,
    /// Whether no route names anybody for this severity: then it is everybody, in order of role.
    pub everybody: bool,
    /// The appliances.
    pub appliances: Vec<Name>,
}

/// When people have an incident of a check, once for each way in which appliances differ.
pub fn escalations(asked: &Asked<'_>, id: &str) -> Vec<Escalation> {
    let mut all: Vec<Escalation> = Vec::new();
    for (name, policy) in asked.policies() {
        let Some(check) = policy.checks.get(id) else { continue };
        let one = of(policy, id, check);
        match all.iter_mut().find(|known| Escalation { appliances: Vec::new(), ..(**known).clone() } == one) {
            Some(known) => known.appliances.push(name.clone()),
            None => all.push(Escalation { appliances: vec![name.clone()], ..one }),
        }
    }
    all
}

fn of(policy: &Policy, id: &str, check: &Check) -> Escalation {
    let mut rules: Vec<_> = policy.rules.values().filter(|rule| rule.when.check == id).collect();
    rules.sort_by_key(|rule| std::cmp::Reverse(rule.priority));
    // A rule that hands every failure to people ends what is tried before it.
    let tried = rules.iter().take_while(|rule| rule.escalate.is_none() || rule.when.observation.is_some());
    let tried: Vec<_> = tried.collect();
    let possible = tried.iter().filter(|rule| rule.escalate.is_none()).map(|rule| rule.attempts);
    let possible = possible.fold(0, u32::saturating_add);
    let settings = &policy.settings;
    let allowed = settings.escalation.l1_failures.get(&check.severity).copied().unwrap_or(ALLOWED);
    let after = possible.min(allowed.max(1));
    Escalation {
        severity: check.severity.to_string(),
        rules: rules.len(),
        told_at_once: check.severity == Severity::Critical || after == 0,
        after_attempts: after,
        at_most: after > 0 && tried.iter().any(|rule| rule.when.observation.is_some()),
        answered_within: settings.sla.get(&check.severity).map(ToString::to_string),
        everybody: settings.escalation.route.get(&check.severity).is_none_or(Vec::is_empty),
        appliances: Vec::new(),
    }
}

impl Escalation {
    fn sentence(&self) -> String {
        let most = if self.at_most { "at most " } else { "" };
        let attempts = format!("{most}{}", writ_audit::words::of(self.after_attempts.into(), "failed attempt"));
        let when = match (self.after_attempts, self.rules, self.told_at_once) {
            (0, 0, _) => "No rule in force answers it: people have it at once".to_owned(),
            (0, _, _) => "Nothing is tried: people have it at once".to_owned(),
            (_, _, true) => {
                format!("It is {}: people are told at once, and after {attempts} it is theirs", self.severity)
            }
            (_, _, false) => format!("After {attempts} people are called"),
        };
        let within = self.answered_within.as_ref().map(|within| format!("; to be answered within {within}"));
        let whom = format!(" No route is set for {}: it is told to everybody, in order of role.", self.severity);
        format!("{when}{}.{}", within.unwrap_or_default(), if self.everybody { whom.as_str() } else { "" })
    }
}

/// Prints them; where there is only one, it holds wherever the check applies.
pub fn print(all: &[Escalation], page: &mut Page) {
    for one in all {
        page.text(2, &one.sentence());
        if all.len() > 1 {
            page.names(4, &one.appliances);
        }
    }
}
