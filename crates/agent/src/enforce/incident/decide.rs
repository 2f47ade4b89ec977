//! What is done about a failing check: a rule, then a planner's choice, then people. Pure.

use writ_evidence::incident::{Escalation, Tier};
use writ_trust::time::Time;

use super::allowed::{Candidate, Circumstances, Hold};
use super::planning::{self, By, Next};
use super::{Act, Incident, L2_SAYS, Phase, TO_PEOPLE};

/// What to do about a failing check that waits: try a rule, rest, have a planner choose, or hand it to people.
pub(super) fn decide(incident: &mut Incident, at: Time, allowed: &Circumstances) -> Vec<Act> {
    if let Some(hold) = &allowed.hold {
        incident.phase = Phase::Waiting(None);
        // Who waits in line is about to have its turn.
        return match hold {
            Hold::InLine => Vec::new(),
            _ => withdraw(incident, "plan-held", "healing is suspended"),
        };
    }
    let mut acts = Vec::new();
    match planning::next(incident, allowed) {
        Next::Waits => return acts,
        Next::Runs(runbook) => return vec![attempt(incident, at, By::Plan(runbook))],
        Next::Fails(told) => acts.push(Act::Plan(told)),
        Next::Nothing => {}
    }
    acts.extend(by_rules(incident, at, allowed));
    acts
}

fn by_rules(incident: &mut Incident, at: Time, allowed: &Circumstances) -> Option<Act> {
    let failed: u32 = incident.failures.values().sum();
    if failed > 0 && failed >= allowed.l1_failures {
        let reason = format!("{failed} attempts of L1 failed, as many as {} severity allows", incident.severity);
        return Some(hand_over(incident, at, &reason, allowed, true));
    }
    if allowed.rules.is_empty() {
        return Some(hand_over(incident, at, "no rule answers it", allowed, true));
    }
    let Some(candidate) = next_rule(incident, allowed) else {
        let reason = format!("{failed} attempts of L1 failed, as many as its rules allow");
        return Some(hand_over(incident, at, &reason, allowed, true));
    };
    // Before the breaker, which stops what runs too often: this runs nothing.
    if let Some(why) = &candidate.escalate {
        let reason = format!("rule {}: {why}", candidate.rule);
        return Some(hand_over(incident, at, &reason, allowed, candidate.planner_may));
    }
    if let Some(why) = &candidate.tripped {
        return Some(hand_over(incident, at, why, allowed, false));
    }
    if let Some((opens, _)) = &candidate.window {
        // Then it is looked at, however rarely its check runs.
        incident.phase = Phase::Waiting(*opens);
        return None;
    }
    if let Some(until) = incident.rests.get(&candidate.rule).filter(|until| **until > at) {
        incident.phase = Phase::Waiting(Some(*until));
        return None;
    }
    incident.rule = Some(candidate.rule.clone());
    Some(attempt(incident, at, By::Rule(candidate.rule.clone())))
}

/// The rule whose turn it is: the first that was not tried as often as it may be.
pub fn next_rule<'a>(incident: &Incident, allowed: &'a Circumstances) -> Option<&'a Candidate> {
    let failures = |c: &Candidate| incident.failures.get(&c.rule).copied().unwrap_or(0);
    allowed.rules.iter().find(|c| c.escalate.is_some() || failures(c) < c.attempts)
}

fn attempt(incident: &mut Incident, at: Time, by: By) -> Act {
    incident.attempts += 1;
    incident.worked_since.get_or_insert(at);
    incident.phase = Phase::Attempting { rule: by.name(), since: at };
    if let Some(plan) = &mut incident.plan {
        plan.ran = by.tier() == Tier::L2;
        if let (true, Some(chosen)) = (plan.ran, &plan.chosen) {
            plan.planner = Some(chosen.planner.clone());
        }
    }
    Act::Attempt(by)
}

/// What no rule is of use for goes to a planner, where one may be asked, or else to people.
fn hand_over(incident: &mut Incident, at: Time, reason: &str, allowed: &Circumstances, planner_may: bool) -> Act {
    if planner_may && let Some(asked) = planning::ask(incident, at, reason, &allowed.l2) {
        return asked;
    }
    let why = planning::why_not(incident, &allowed.l2, planner_may);
    escalate(incident, at, format!("{reason}{L2_SAYS}{why}{TO_PEOPLE}"))
}

pub(super) fn escalate(incident: &mut Incident, at: Time, reason: String) -> Act {
    incident.phase = Phase::Escalated;
    tell(incident, at, reason)
}

/// Nobody is notified but by the ticket, which names whom to call: the record must not claim that somebody was told.
pub(super) fn tell(incident: &mut Incident, at: Time, reason: String) -> Act {
    incident.escalations.push(Escalation { to: Tier::L3, at, reason: reason.clone(), notified: Vec::new() });
    Act::Ticket(reason)
}

/// Takes back what a planner was asked and what it chose.
pub(super) fn withdraw(incident: &mut Incident, rule: &'static str, why: &str) -> Vec<Act> {
    let told = incident.plan.as_mut().and_then(|plan| plan.withdraw(rule, why));
    told.map(Act::Plan).into_iter().collect()
}
