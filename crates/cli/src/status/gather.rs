//! The report of an appliance, put together from what `writ doctor` reads and from the bundles on this machine.

use writ_agent::enforce::incident::Incident;
use writ_agent::enforce::scan::exception;
use writ_agent::enforce::state::State as Known;
use writ_policy::outcome::Outcome as Came;
use writ_policy::policy::Policy;
use writ_trust::claim_code::ClaimCode;
use writ_trust::text::{escaped, one_line};
use writ_trust::time::Time;

use super::report::{
    Asked, Cause, Check, Clock, Courier, Enforcer, Outcome, Pause, Queue, Receipts, Release, Report, Runbooks, SCHEMA,
    State, Switch,
};
use super::{controls, stories};
use crate::doctor;
use crate::doctor::appliance::Appliance;
use crate::doctor::finding::Finding;
use crate::doctor::healing::{Case, MOST_REASONS};
use crate::doctor::running;

/// How many stretches of receipts are told, the newest ones.
const MOST_STRETCHES: usize = 20;
/// How many pauses are told.
const MOST_PAUSES: usize = 50;

/// The report.
pub fn report(seen: &Appliance) -> Report {
    let causes: Vec<Cause> = doctor::findings(seen).iter().filter(|finding| finding.is_wrong()).map(cause).collect();
    let silent = running::is_silent(seen);
    let stale = !seen.enforcer.runs || silent;
    let policy = seen.enforcer.policy();
    let state = match &causes[..] {
        [] => State::Well,
        causes if causes.iter().all(|cause| cause.waits) => State::InHand,
        _ => State::NeedsPerson,
    };
    let checks = checks(seen);
    Report {
        schema: SCHEMA.to_owned(),
        at: seen.now,
        site: seen.config.site.clone(),
        appliance: seen.config.appliance.clone(),
        title: policy.map(|policy| one_line(&policy.settings.title)),
        claim_code: own_code(seen),
        state,
        stale,
        release: release(seen),
        enforcer: Enforcer {
            runs: seen.enforcer.runs,
            silent: seen.enforcer.runs && silent,
            heard_at: seen.enforcer.status.as_ref().map(|status| status.at),
            polled: polled(seen),
        },
        courier: courier(seen),
        switch: switch(seen),
        controls: policy.map_or_else(Vec::new, |policy| controls::of(policy, &checks, stale, seen.now)),
        checks,
        incidents: stories::told(seen, &causes),
        queue: queue(seen),
        receipts: receipts(seen),
        clock: clock(seen),
        pauses: seen.enforcer.state.as_ref().map_or_else(Vec::new, |state| pauses(state, seen.now)),
        runbooks: runbooks(seen),
        causes,
    }
}

/// The claim code of the key that the enforcer signs with.
fn own_code(seen: &Appliance) -> Option<String> {
    let key = seen.enforcer.state.as_ref()?.public_key.as_ref()?;
    Some(ClaimCode::of(key).to_string())
}

fn cause(finding: &Finding) -> Cause {
    Cause {
        code: finding.code.to_owned(),
        subject: escaped(&finding.subject),
        what: escaped(&finding.what),
        next: escaped(&finding.next),
        waits: finding.waits(),
    }
}

fn release(seen: &Appliance) -> Option<Release> {
    let reference = seen.enforcer.state.as_ref()?.running?;
    let document = seen.enforcer.running.as_ref().map(|running| &running.generation.release);
    let expires_at = document.map(|release| release.expires_at);
    Some(Release {
        point: reference.release.to_string(),
        digest: reference.digest,
        issued_at: document.map(|release| release.issued_at),
        expires_at,
        expired: expires_at.is_some_and(|at| at <= seen.now),
        policy_of: reference.policy.map(|point| point.to_string()),
    })
}

fn courier(seen: &Appliance) -> Option<Courier> {
    let courier = seen.courier.as_ref()?;
    let status = courier.status.as_ref().ok();
    let done = |job: &str| status.and_then(|status| status.jobs.get(job)?.done_at);
    Some(Courier {
        runs: courier.runs,
        heard_at: status.and_then(|status| status.at),
        depot: escaped(&courier.config.depot),
        checked_in_at: courier.checked_in(),
        synced_at: done("sync"),
        delivered_at: done("delivery"),
        failures: courier.failures(),
    })
}

fn switch(seen: &Appliance) -> Option<Switch> {
    let journal = seen.enforcer.journal.as_ref().ok()?.as_ref().filter(|journal| !journal.is_over())?;
    Some(Switch {
        release: format!("{}-{}", journal.request.epoch, journal.request.serial),
        state: journal.course.state.as_str().to_owned(),
        began_at: journal.began_at,
        since: journal.history.last().map_or(journal.began_at, |step| step.at),
        on_trial: journal.suspends_healing(),
        note: one_line(journal.last_note()),
    })
}

fn checks(seen: &Appliance) -> Vec<Check> {
    let (Some(policy), Some(state)) = (seen.enforcer.policy(), seen.enforcer.state.as_ref()) else { return Vec::new() };
    let of = |(id, check)| check_of(&Case { seen, policy, state, id, check }, policy);
    policy.checks.iter().map(|(id, check)| (id.as_str(), check)).map(of).collect()
}

fn check_of(case: &Case, policy: &Policy) -> Check {
    let outcome = match case.outcome() {
        _ if case.is_announced() => Outcome::NotObserved,
        None => Outcome::NotRunYet,
        Some(Came::Pass) => Outcome::Pass,
        Some(Came::Warn) => Outcome::Warn,
        Some(Came::Fail) => Outcome::Fail,
        Some(Came::NotApplicable) => Outcome::NotApplicable,
        Some(Came::NotAssessable) => Outcome::NotAssessable,
    };
    let (last, incident) = (case.last(), case.incident());
    let reasons = match last {
        Some(last) => &last.reasons[..],
        None => incident.map_or(&[][..], |incident| &incident.reasons),
    };
    Check {
        id: escaped(case.id),
        title: one_line(&case.check.title),
        severity: case.check.severity,
        outcome,
        since: incident.map(|incident: &Incident| incident.detected_at),
        ran_at: last.and_then(|last| last.at),
        reasons: reasons.iter().take(MOST_REASONS).map(one_line).collect(),
        exception: exception(policy, case.id, case.seen.now).map(escaped),
    }
}

fn polled(seen: &Appliance) -> Vec<String> {
    let status = seen.enforcer.status.as_ref().filter(|_| seen.enforcer.runs);
    status.map_or_else(Vec::new, |status| status.polled().iter().map(escaped).collect())
}

fn queue(seen: &Appliance) -> Queue {
    let theirs = seen.courier.as_ref().and_then(|courier| courier.status.as_ref().ok());
    let status = seen.enforcer.status.as_ref();
    let outbox = status.map(|status| &status.outbox);
    Queue {
        undelivered: theirs.map(|status| status.waiting),
        refused: theirs.map_or(0, |status| status.refused.saturating_add(status.unreadable)),
        not_in_outbox: status.map_or(0, |status| status.evidence.waiting),
        undelivered_bytes: outbox.and_then(|outbox| outbox.undelivered),
        bytes: outbox.and_then(|outbox| outbox.bytes),
        budget_bytes: outbox.and_then(|outbox| outbox.budget),
        over_budget_bytes: outbox.map_or(0, |outbox| outbox.over_budget),
        disk_trouble: status.and_then(|status| status.disk_trouble.as_ref()).map(one_line),
    }
}

fn receipts(seen: &Appliance) -> Receipts {
    let log_heard_at = seen.offer.as_ref().and_then(|offer| offer.log).map(|(_, at)| at);
    let Some(state) = &seen.enforcer.state else { return Receipts { log_heard_at, ..Receipts::default() } };
    let proven = state.proven.own();
    Receipts {
        newest: state.chain.next_sequence.checked_sub(1).filter(|newest| *newest > 0),
        proven: proven[proven.len().saturating_sub(MOST_STRETCHES)..].to_vec(),
        log_heard_at,
    }
}

fn clock(seen: &Appliance) -> Clock {
    Clock {
        offset_ms: seen.courier.as_ref().and_then(|courier| courier.status.as_ref().ok()?.clock_offset_ms),
        behind_signed_ms: seen.offer.as_ref().map_or(0, |offer| offer.clock_behind.max(0)),
        time_zone: seen.enforcer.policy().map(|policy| escaped(&policy.settings.time_zone)),
    }
}

fn pauses(state: &Known, now: Time) -> Vec<Pause> {
    let in_force = state.pauses.active.iter().filter(|pause| pause.in_force(now)).take(MOST_PAUSES);
    let of = |pause: &writ_agent::enforce::pause::Pause| Pause {
        checks: pause.checks.iter().map(escaped).collect(),
        by: one_line(&pause.by),
        reference: one_line(&pause.reference),
        reason: one_line(&pause.reason),
        from: pause.from,
        until: pause.until,
    };
    in_force.map(of).collect()
}

fn runbooks(seen: &Appliance) -> Runbooks {
    // A dead enforcer runs nothing, whatever it last said.
    let Some(status) = seen.enforcer.status.as_ref().filter(|_| seen.enforcer.runs) else { return Runbooks::default() };
    let of = |asked: &crate::appliance_state::Asked| Asked { check: escaped(&asked.check), rule: escaped(&asked.rule) };
    Runbooks {
        running: status.runbooks.running.iter().map(of).collect(),
        waiting: status.runbooks.waiting.iter().map(of).collect(),
    }
}
