//! Answering one item.

use std::collections::BTreeMap;

use writ_policy::declared::Severity;
use writ_policy::policy::Policy;
use writ_trust::ids::ApplianceId;
use writ_trust::role::Role;

use super::items::{Item, Measure};
use super::{Answer, CheckAnswer, DAY, DutyAnswer, Facts, State, people};
use crate::compare::Verdict;
use crate::compare::model::{CheckFinding, IncidentFinding, IncidentStatus};
use crate::words::{of as count, when};

/// What one question came to, and why.
type Part = (State, String);

/// The answer to an item.
pub fn of(facts: &Facts<'_>, item: &Item) -> Answer {
    let (mut parts, checks) = if item.asks_checks() { by_checks(facts, item) } else { (Vec::new(), Vec::new()) };
    parts.extend(item.measures.iter().flat_map(|measure| by_measure(facts, *measure)));
    if item.rests_on_policies() {
        parts.extend(unread(facts));
    }
    let duties = people::of(facts, item);
    let mut says: Vec<String> = parts.iter().map(|(_, says)| says.clone()).collect();
    let told = if item.is_automated() { people::stands } else { people::says };
    says.extend(duties.iter().map(told));
    let state = if item.is_automated() {
        worst(&parts)
    } else {
        let (state, why) = by_people(facts, item, &duties);
        says.extend(why);
        state
    };
    Answer {
        ids: item.ids.to_vec(),
        title: item.title.to_owned(),
        automated: item.is_automated(),
        state,
        says,
        checks,
        duties,
    }
}

/// The worst of all parts; what does not apply counts only where nothing else does.
fn worst(parts: &[Part]) -> State {
    let applying = parts.iter().map(|(state, _)| *state).filter(|state| *state != State::NotApplicable);
    applying.min().unwrap_or(State::NotApplicable)
}

/// The appliances whose policy cannot be read here: what is asked of them is not known, so nothing of it is well.
fn unread(facts: &Facts<'_>) -> Vec<Part> {
    let unread = facts.orders.iter().filter(|(_, policy)| policy.is_none());
    unread
        .map(|(appliance, _)| {
            (State::NotMet, format!("the policy of {appliance} cannot be read here: it is not assessable"))
        })
        .collect()
}

/// What people did for an item that machines do not answer, and what is to be known beside its duties.
fn by_people(facts: &Facts<'_>, item: &Item, duties: &[DutyAnswer]) -> (State, Vec<String>) {
    let last = people::last_of_item(facts, item);
    let mut says: Vec<String> = unread(facts).into_iter().map(|(_, says)| says).collect();
    let Some(worst) = duties.iter().map(|duty| duty.state).min() else {
        // A duty that cannot be read may ask for it.
        let state = if says.is_empty() { State::NoDuty } else { State::NotMet };
        says.push(match last {
            Some(last) => format!("{}; no duty of the policy says how often", people::tell(&last)),
            None => "no duty of the policy asks for it, and nobody attested it".to_owned(),
        });
        return (state, says);
    };
    // What is attested of the item alone is told, and does no duty, which may ask for more.
    let alone = last.filter(|last| duties.iter().all(|duty| duty.last.as_ref() != Some(last)));
    says.extend(alone.map(|last| format!("the item without a duty: {}", people::tell(&last))));
    (worst, says)
}

fn wanted(item: &Item, policy: &Policy) -> Vec<String> {
    let cites = |cites: &[String]| {
        cites.iter().filter_map(|cite| cite.strip_prefix("catalogue:")).any(|id| item.checks.cite.contains(&id))
    };
    let own = policy.checks.iter().filter(|(id, check)| {
        item.checks.named.contains(&id.as_str())
            || item.checks.probes.contains(&check.probe.name.as_str())
            || cites(&check.cites)
    });
    own.map(|(id, _)| id.clone()).collect()
}

fn by_checks(facts: &Facts<'_>, item: &Item) -> (Vec<Part>, Vec<CheckAnswer>) {
    let all = &facts.comparison.checks;
    let (mut parts, mut checks) = (Vec::new(), Vec::new());
    let readable = facts.orders.iter().filter_map(|(appliance, policy)| Some((*appliance, (*policy)?)));
    for (appliance, policy) in readable {
        let wanted = wanted(item, policy);
        if wanted.is_empty() && item.checks.required {
            parts.push((State::NoCheck, format!("no check of {appliance}'s policy answers it")));
        }
        for check in wanted {
            let Some(finding) = all.iter().find(|f| f.appliance == *appliance && f.check == check) else {
                let says = format!("{check} on {appliance}: no bundle of the time says that it was asked for");
                parts.push((State::NotMet, says));
                continue;
            };
            parts.push((state_of(finding.verdict), told(finding)));
            checks.push(CheckAnswer {
                appliance: appliance.clone(),
                check,
                verdict: finding.verdict,
                why: finding.reasons.clone(),
                evidence: finding.evidence.clone(),
            });
        }
    }
    if facts.orders.is_empty() && item.checks.required {
        parts.push((State::NoCheck, "no release was issued by then that names an appliance".to_owned()));
    }
    (parts, checks)
}

fn state_of(verdict: Verdict) -> State {
    match verdict {
        Verdict::Demonstrated | Verdict::PartlyDemonstrated | Verdict::Excepted => State::Met,
        Verdict::Failed | Verdict::NoEvidence | Verdict::NotAssessable => State::NotMet,
        Verdict::NotApplicable | Verdict::Procedural | Verdict::Inherited => State::NotApplicable,
    }
}

/// A verdict in one line, with the figures whose course is asked about.
fn told(finding: &CheckFinding) -> String {
    let figures: Vec<String> = finding
        .numbers
        .iter()
        .filter(|(name, _)| name.ends_with("_percent"))
        .map(|(name, range)| format!("{name} {} to {}, last {}", range.min, range.max, range.last))
        .collect();
    let figures = if figures.is_empty() { String::new() } else { format!("; {}", figures.join("; ")) };
    format!("{}{figures}", finding.line())
}

fn by_measure(facts: &Facts<'_>, measure: Measure) -> Vec<Part> {
    let open = |i: &&IncidentFinding| i.status == IncidentStatus::Open;
    match measure {
        Measure::Heard => heard(facts),
        Measure::Bundles => bundles(facts),
        Measure::NoneCriticalOpen => {
            none(facts, "critical incident is open", |i| open(&i) && i.severity == Severity::Critical)
        }
        Measure::NoneOverdue => none(facts, "incident is open for longer than the site allows itself", |i| {
            open(&i) && i.sla_met == Some(false)
        }),
        Measure::NoneFailed => none(facts, "incident was closed without success", |i| {
            matches!(i.status, IncidentStatus::Unresolved | IncidentStatus::PartlyResolved)
        }),
        Measure::NoneLate => {
            none(facts, "incident took longer than the site allows itself", |i| i.sla_met == Some(false))
        }
        Measure::NoneByPeople => none(facts, "incident had to be resolved by people", |i| {
            i.resolution.is_some_and(|resolution| resolution != "auto")
        }),
        Measure::NoneRecurring => vec![recurring(facts)],
        Measure::NoneEnding { days } => ending(facts, days),
        Measure::KeysYounger { days } => keys(facts, days),
    }
}

/// That no incident of the time is so, or which are.
fn none(facts: &Facts<'_>, what: &str, is_so: impl Fn(&IncidentFinding) -> bool) -> Vec<Part> {
    let found: Vec<&IncidentFinding> = facts.comparison.incidents.iter().filter(|i| is_so(i)).collect();
    if found.is_empty() {
        return vec![(State::Met, format!("no {what}"))];
    }
    let named: Vec<String> =
        found.iter().take(MOST).map(|i| format!("{} ({} on {})", i.incident_id, i.check, i.appliance)).collect();
    let more = found.len().saturating_sub(MOST);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    vec![(State::NotMet, format!("not so for {}{more}", named.join(", ")))]
}

/// How many things of one sort are named.
const MOST: usize = 12;

fn heard(facts: &Facts<'_>) -> Vec<Part> {
    let mut parts = Vec::new();
    for finding in &facts.comparison.appliances {
        let appliance = &finding.appliance;
        // One that the release has no orders for is not waited for, and of one whose orders cannot be read that is told.
        let Some(Some(policy)) = facts.orders.get(appliance) else { continue };
        let allowed = 2 * policy.settings.posture.vector.millis();
        parts.push(match finding.last_heard {
            None => (State::NotMet, format!("{appliance} was not heard in this time")),
            Some(at) if facts.now.millis_since(at) > allowed => (
                State::NotMet,
                format!(
                    "{appliance} was last heard {}: it tells something every {}",
                    when(at),
                    policy.settings.posture.vector
                ),
            ),
            Some(at) => (State::Met, format!("{appliance} was last heard {}", when(at))),
        });
    }
    if parts.is_empty() {
        parts.push((State::NotMet, "no appliance has orders that can be read".to_owned()));
    }
    parts
}

fn bundles(facts: &Facts<'_>) -> Vec<Part> {
    let report = &facts.comparison.verification;
    let mut parts = vec![match report.problems.first_bad() {
        None if report.ok => (State::Met, "everything in the folder verifies".to_owned()),
        first => {
            let first = first.map(|p| format!(": {} {}: {}", p.code, p.path, p.what)).unwrap_or_default();
            (State::NotMet, format!("the folder does not verify{first}"))
        }
    }];
    for finding in &facts.comparison.appliances {
        let says = format!("{} wrote {}", finding.appliance, count(finding.bundles, "bundle"));
        parts.push((if finding.bundles > 0 { State::Met } else { State::NotMet }, says));
    }
    parts
}

fn recurring(facts: &Facts<'_>) -> Part {
    let mut groups: BTreeMap<(&str, &ApplianceId, &str), u64> = BTreeMap::new();
    for i in &facts.comparison.incidents {
        *groups.entry((&i.event_type, &i.appliance, &i.check)).or_default() += 1;
    }
    let again = groups.into_iter().filter(|(_, times)| *times > 1);
    let again: Vec<String> = again
        .map(|((event, appliance, check), times)| format!("{event} ({check}) on {appliance} {times} times"))
        .collect();
    match again.is_empty() {
        true => (State::Met, "no incident came again on one machine".to_owned()),
        false => (State::NotMet, again.join("; ")),
    }
}

fn ending(facts: &Facts<'_>, days: i64) -> Vec<Part> {
    let until = facts.now.plus_millis(days * DAY);
    let in_force: Vec<_> = facts.comparison.exceptions.iter().filter(|e| e.in_force).collect();
    let ending = in_force.iter().filter(|e| e.exception.expires <= until);
    let mut parts: Vec<Part> =
        ending.map(|e| (State::NotMet, format!("{} ends {}", e.id, when(e.exception.expires)))).collect();
    if parts.is_empty() {
        let of = count(in_force.len() as u64, "exception");
        parts.push((State::Met, format!("{of} in force, and none of them ends within {days} days")));
    }
    parts
}

/// How old the keys are that people and logs sign with and that count now.
fn keys(facts: &Facts<'_>, days: i64) -> Vec<Part> {
    let Some(chain) = &facts.archive.chain else { return vec![(State::NotMet, "no trust root holds".to_owned())] };
    let signs = |role: &Role| matches!(role, Role::Trust | Role::Release | Role::Order | Role::Log | Role::Attest);
    let counts = chain.newest().keys.iter().filter(|key| {
        key.revoked_at.is_none() && key.within_validity(facts.now).is_ok() && key.roles.iter().any(signs)
    });
    let (old, young): (Vec<_>, Vec<_>) = counts.partition(|key| facts.now.millis_since(key.valid_from) > days * DAY);
    let mut parts: Vec<Part> = old
        .iter()
        .map(|key| {
            let age = facts.now.millis_since(key.valid_from) / DAY;
            (State::NotMet, format!("key {} of {} is {age} days old", key.public_key.key_id(), key.name))
        })
        .collect();
    if parts.is_empty() && young.is_empty() {
        parts.push((State::NotMet, "no key of people or logs counts now".to_owned()));
    } else if parts.is_empty() {
        parts.push((
            State::Met,
            format!("{} that count, none older than {days} days", count(young.len() as u64, "key")),
        ));
    }
    parts
}
