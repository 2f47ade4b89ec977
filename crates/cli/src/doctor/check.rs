//! One check: what it asks, what was seen, what answers it, and where that stands.

use std::time::Instant;

use serde::Serialize;
use writ_agent::enforce::incident::Phase;
use writ_agent::enforce::scan;
use writ_agent::probes::{self, ProbeContext};
use writ_evidence::id::IncidentId;
use writ_policy::declared::Severity;
use writ_policy::observation::Observation;
use writ_policy::outcome::{Outcome, judge};
use writ_policy::rule::Rule;
use writ_trust::text::one_line;
use writ_trust::time::Time;

use super::appliance::Appliance;
use super::finding::{Finding, Question};
use super::healing::{Case, MOST_REASONS};
use super::{applicable, healing};
use crate::failure::{Failure, Outcome as Answer};

/// The account of one check.
#[derive(Debug, Serialize)]
pub struct Account {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// How bad it is when it fails.
    pub severity: Severity,
    /// The probe that looks.
    pub probe: String,
    /// Whether this version can look with that probe.
    pub observed: bool,
    /// What must hold, in words.
    pub expects: String,
    /// What should hold, in words.
    pub prefers: Option<String>,
    /// The last outcome; null when it has not run yet.
    pub outcome: Option<Outcome>,
    /// When it ran last, as far as that is written down: up to half a minute behind.
    pub ran_at: Option<Time>,
    /// Why it is not passed.
    pub reasons: Vec<String>,
    /// What was seen, in the form that evidence may hold.
    pub observation: Observation,
    /// The exception that lifts it.
    pub exception: Option<String>,
    /// The controls that rest on it.
    pub controls: Vec<String>,
    /// The rules for it, in the order in which they are tried.
    pub rules: Vec<Answering>,
    /// The open incident.
    pub incident: Option<Open>,
    /// With `--look`: what a look just now came to.
    pub looked: Option<Looked>,
}

/// A rule for the check.
#[derive(Debug, Serialize)]
pub struct Answering {
    /// Its id.
    pub rule: String,
    /// Whether it answers what was last seen.
    pub matches: bool,
    /// The runbook that it runs.
    pub runs: Option<String>,
    /// Why it leaves it to people.
    pub leaves: Option<String>,
    /// How often it may be tried for one incident.
    pub attempts: u32,
    /// How often it was tried in vain for the one that is open.
    pub failed: u32,
    /// Until when the circuit breaker stops it.
    pub stopped_until: Option<Time>,
}

/// The open incident.
#[derive(Debug, Serialize)]
pub struct Open {
    /// Its id.
    pub id: IncidentId,
    /// When it was detected.
    pub since: Time,
    /// `waiting`, `attempting` or `escalated`.
    pub phase: &'static str,
    /// Runs of runbooks.
    pub attempts: u64,
    /// When the site's SLA wants it resolved.
    pub due_at: Option<Time>,
}

/// A look just now.
#[derive(Debug, Serialize)]
pub struct Looked {
    /// What it came to.
    pub outcome: Outcome,
    /// Why it is not passed.
    pub reasons: Vec<String>,
    /// What was seen; it stays on this screen.
    pub observation: Observation,
}

/// The account of a check of the policy that is enforced, and what there is to say about it.
pub fn account(seen: &Appliance, id: &str, look: bool) -> Answer<(Account, Vec<Finding>)> {
    let (Some(policy), Some(state)) = (seen.enforcer.policy(), seen.enforcer.state.as_ref()) else {
        return Err(Failure::could_not(format!("there is no policy here, so nothing is known of `{}`", one_line(id)))
            .at(seen.config.state_dir.display())
            .next("`writ doctor` without a check says why"));
    };
    let Some((id, check)) = policy.checks.get_key_value(id) else {
        let failure = Failure::could_not(format!("the policy of this appliance has no check `{}`", one_line(id)));
        return Err(failure.nearest(id, policy.checks.keys().map(String::as_str), || {
            "`writ doctor --format json` lists those that fail; a check of a baseline or rule family that the site does \
             not use is not here"
                .to_owned()
        }));
    };
    let case = Case { seen, policy, state, id, check };
    let looked = if look { Some(look_now(seen, &case)?) } else { None };
    let found = match case.is_announced() {
        true => Some(unobserved(&case)),
        false => case.trouble().or_else(|| applicable::one(&case)),
    };
    let mut found: Vec<Finding> = found.or_else(|| holds(&case)).into_iter().collect();
    found.extend(looked.as_ref().and_then(|looked| differs(&case, looked)));
    Ok((of(&case, looked), found))
}

/// What a look just now shows as wrong, and the enforcer does not know of yet.
fn differs(case: &Case, looked: &Looked) -> Option<Finding> {
    let bad = |outcome: &Outcome| matches!(outcome, Outcome::Fail | Outcome::NotAssessable);
    if case.is_announced() || !bad(&looked.outcome) || case.outcome().as_ref().is_some_and(bad) {
        return None;
    }
    let last =
        case.outcome().map_or("it has not run yet".to_owned(), |o| format!("its last run came to {}", o.as_str()));
    let reasons: Vec<String> = looked.reasons.iter().take(MOST_REASONS).map(one_line).collect();
    let what = format!("a look just now came to {} ({}), and {last}", looked.outcome.as_str(), reasons.join("; "));
    if let Some(exception) = scan::exception(case.policy, case.id, case.seen.now) {
        let what = format!("{what}; exception {exception} is in force");
        return Some(Finding::note(
            Question::Healing,
            "look-differs",
            case.id,
            what,
            "nothing: an exception is in force",
        ));
    }
    let next = format!(
        "its next run is within {} while writ-enforce runs; `systemctl kill --signal=SIGUSR1 writ-enforce` has every check run now",
        case.check.every
    );
    Some(Finding::wrong(Question::Healing, "look-differs", case.id, what, next))
}

fn unobserved(case: &Case) -> Finding {
    let what = format!("it is not judged: {}", case.reasons());
    let next = match probes::is_network(&case.check.probe.name) {
        true => "`systemctl start writ-probe`; until then an audit counts it as not assessable",
        false => "a newer version looks; until then people do, and an audit counts it as not assessable",
    };
    Finding::note(Question::Healing, "not-observed", case.id, what, next)
}

fn holds(case: &Case) -> Option<Finding> {
    let what = match case.outcome()? {
        Outcome::Warn => format!("it holds, with a warning: {}", case.reasons()),
        outcome => format!("its last outcome is {}: there is nothing to heal", outcome.as_str()),
    };
    Some(Finding::note(Question::Healing, "holds", case.id, what, ""))
}

/// Looks as the enforcer does. That changes nothing, and the enforcer does not hear of it.
fn look_now(seen: &Appliance, case: &Case) -> Answer<Looked> {
    let probe = &case.check.probe.name;
    if probes::looks_back(probe) {
        return Err(Failure::could_not(format!("a single look says nothing of `{}`", one_line(case.id)))
            .because(format!("its probe {probe} measures over a window, from looks that only writ-enforce has made"))
            .next("leave --look out: what the enforcer last saw is shown"));
    }
    let expected = seen.enforcer.running.as_ref().and_then(|r| r.generation.toplevel()).map(str::to_owned);
    let mut context = ProbeContext::new(seen.now, Instant::now(), seen.config.profile.clone(), expected);
    let judged = judge(case.check, scan::look(case.id, case.check, &seen.config.looks_dir(), &mut context));
    Ok(Looked { outcome: judged.outcome, reasons: judged.reasons, observation: judged.observation })
}

fn of(case: &Case, looked: Option<Looked>) -> Account {
    let healing::Case { seen, policy, state, id, check } = *case;
    let last = case.last();
    let reasons = last.map(|last| &last.reasons).or(case.incident().map(|incident| &incident.reasons));
    let now_matching: Vec<&str> = case.rules().into_iter().map(|(id, _)| id).collect();
    let mut rules: Vec<(&String, &Rule)> = policy.rules.iter().filter(|(_, rule)| rule.when.check == id).collect();
    rules.sort_by_key(|(_, rule)| std::cmp::Reverse(rule.priority));
    let incident = case.incident();
    let answering = |(id, rule): (&String, &Rule)| Answering {
        rule: id.clone(),
        matches: now_matching.contains(&id.as_str()),
        runs: rule.run.clone(),
        leaves: scan::left_to_people(check, rule),
        attempts: rule.attempts,
        failed: incident.and_then(|i| i.failures.get(id)).copied().unwrap_or(0),
        stopped_until: state.breaker.stopped_until(id, seen.now, &policy.settings.circuit_breaker),
    };
    Account {
        id: id.to_owned(),
        title: check.title.clone(),
        severity: check.severity,
        probe: check.probe.name.clone(),
        observed: !case.is_announced(),
        expects: check.expect.to_string(),
        prefers: check.prefer.as_ref().map(ToString::to_string),
        outcome: case.outcome(),
        ran_at: last.map_or(incident.map(|incident| incident.detected_at), |last| last.at),
        reasons: reasons.cloned().unwrap_or_default(),
        observation: case.observation(),
        exception: scan::exception(policy, id, seen.now),
        controls: policy.controls_of(id).into_iter().map(str::to_owned).collect(),
        rules: rules.into_iter().map(answering).collect(),
        incident: incident.map(|incident| Open {
            id: incident.id,
            since: incident.detected_at,
            phase: match incident.phase {
                Phase::Waiting(_) => "waiting",
                Phase::Attempting { .. } => "attempting",
                Phase::Escalated => "escalated",
            },
            attempts: incident.attempts,
            due_at: case.due(incident),
        }),
        looked,
    }
}
