//! The same in figures, as OpenMetrics text: what the rules of `writ export alerts` stand on. docs/metrics.md lists them.
//!
//! No site, no person and no path is in a label: whoever collects adds the machine. An outcome that nobody looks at any more
//! is exported as `not-assessable`: a dead enforcer must not stay green.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use writ_agent::enforce::incident::Incident;
use writ_agent::enforce::scan::exception;
use writ_evidence::incident::Tier;
use writ_policy::declared::Severity;
use writ_policy::outcome::Outcome;
use writ_policy::policy::Policy;
use writ_trust::time::Time;

use super::appliance::Appliance;
use super::finding::{Finding, Question};
use super::healing::Case;

/// Every metric: its name, and what it is. All are gauges.
pub const METRICS: &[(&str, &str)] = &[
    ("writ_doctor_at_seconds", "When these figures were made, as seconds since 1970"),
    (
        "writ_doctor_findings",
        "Causes of which writ doctor says that something is wrong, by question and code; 0 as none",
    ),
    ("writ_courier_configured", "Whether a courier brings releases here; without one its figures are not there"),
    ("writ_log_named", "Whether the trust root names a log for this site; without one its age is not there"),
    ("writ_enforcer_up", "Whether the enforcer runs"),
    ("writ_enforcer_status_age_seconds", "Since when the enforcer has said nothing; infinite when it never did"),
    ("writ_event_source_up", "Whether a source of events tells the enforcer at once; 0 where there is polling alone"),
    ("writ_event_source_missing", "What a source of events cannot watch, so that it is polled"),
    ("writ_event_source_dropped", "Events that a source did not tell, as there were too many, since the start"),
    ("writ_check_outcome", "1 for the last outcome of each check; not-assessable when nobody looks"),
    ("writ_incidents_open", "Open incidents by severity"),
    ("writ_incidents_overdue", "Open incidents that the site's SLA wanted resolved by now"),
    (
        "writ_incident_escalated_age_seconds",
        "How long the oldest incident that people have is theirs, by severity; 0 without one",
    ),
    ("writ_checkin_age_seconds", "Since when the courier has not checked in; infinite when it never did"),
    ("writ_sync_failures", "The most failures in a row of any job of the courier; infinite when it says nothing"),
    ("writ_evidence_waiting", "Bundles that were not delivered yet"),
    ("writ_outbox_bytes", "The room that the outbox takes"),
    ("writ_outbox_undelivered_bytes", "Of that, what was not found delivered: it cannot be had elsewhere"),
    ("writ_outbox_budget_bytes", "The room that the outbox may take"),
    ("writ_release_expires_seconds", "How long the release that is obeyed is still good for; negative after its end"),
    ("writ_root_expires_seconds", "How long the newest trust root is still good for; negative after its end"),
    (
        "writ_log_checkpoint_age_seconds",
        "Since when the site's log has not said that a checkpoint is its head; before it ever did, since it is named",
    ),
];

const SEVERITIES: [Severity; 4] = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

/// What a figure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    Number(i64),
    Never,
}

/// The text, ended as OpenMetrics wants it. A metric of which nothing can be said has no sample: that is for `absent()`.
pub fn text(seen: &Appliance, findings: &[Finding]) -> String {
    let samples = samples(seen, findings);
    let mut text = String::new();
    for (name, about) in METRICS {
        let Some(lines) = samples.get(name).filter(|lines| !lines.is_empty()) else { continue };
        // Writing to a string does not fail.
        let _ = writeln!(text, "# TYPE {name} gauge\n# HELP {name} {about}");
        for (labels, value) in lines {
            let _ = match value {
                Value::Number(n) => writeln!(text, "{name}{labels} {n}"),
                Value::Never => writeln!(text, "{name}{labels} +Inf"),
            };
        }
    }
    text + "# EOF\n"
}

type Samples = BTreeMap<&'static str, Vec<(String, Value)>>;

fn samples(seen: &Appliance, findings: &[Finding]) -> Samples {
    let mut samples = Samples::new();
    let mut put = |name: &'static str, value: Value| samples.entry(name).or_default().push((String::new(), value));
    put("writ_doctor_at_seconds", Value::Number(seen.now.unix_millis() / 1000));
    put("writ_courier_configured", Value::Number(seen.courier.is_some().into()));
    put("writ_enforcer_up", Value::Number(seen.enforcer.runs.into()));
    let status = seen.enforcer.status.as_ref();
    put("writ_enforcer_status_age_seconds", since(seen, status.map(|status| status.at)));
    if let Some(courier) = &seen.courier {
        put("writ_checkin_age_seconds", since(seen, courier.checked_in()));
        let failures = i64::try_from(courier.failures()).unwrap_or(i64::MAX);
        put("writ_sync_failures", if courier.status.is_ok() { Value::Number(failures) } else { Value::Never });
        if let (Ok(theirs), Some(own)) = (&courier.status, status) {
            put("writ_evidence_waiting", number(theirs.waiting.saturating_add(own.evidence.waiting)));
        }
    }
    if let Some(outbox) = status.map(|status| &status.outbox) {
        outbox.bytes.into_iter().for_each(|bytes| put("writ_outbox_bytes", number(bytes)));
        outbox.undelivered.into_iter().for_each(|bytes| put("writ_outbox_undelivered_bytes", number(bytes)));
        outbox.budget.into_iter().for_each(|bytes| put("writ_outbox_budget_bytes", number(bytes)));
    }
    if let Some(running) = &seen.enforcer.running {
        put("writ_release_expires_seconds", until(seen, running.generation.release.expires_at));
    }
    if let Some(offer) = &seen.offer {
        offer.root.into_iter().for_each(|(_, ends, _)| put("writ_root_expires_seconds", until(seen, ends)));
        put("writ_log_named", Value::Number(offer.log.is_some().into()));
        offer.log.into_iter().for_each(|(_, heard)| put("writ_log_checkpoint_age_seconds", since(seen, Some(heard))));
    }
    overdue(seen).into_iter().for_each(|n| put("writ_incidents_overdue", n));
    samples.insert("writ_incident_escalated_age_seconds", escalated(seen));
    for (name, standing) in status.filter(|_| seen.enforcer.runs).into_iter().flat_map(|status| &status.sources) {
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let mut put = |metric: &'static str, value: Value| {
            samples.entry(metric).or_default().push((format!("{{source=\"{plain}\"}}"), value));
        };
        put("writ_event_source_up", Value::Number(standing.polling.is_none().into()));
        put("writ_event_source_missing", number(standing.missing));
        put("writ_event_source_dropped", number(standing.dropped));
    }
    samples.insert("writ_doctor_findings", causes(findings));
    samples.insert("writ_check_outcome", outcomes(seen));
    if let Some(open) = seen.enforcer.state.as_ref().map(|state| &state.incidents) {
        samples.insert("writ_incidents_open", by_severity(open.values()));
    }
    samples
}

/// What is wrong, counted; each question has a sample, so that a machine without any is told from one that is silent.
fn causes(findings: &[Finding]) -> Vec<(String, Value)> {
    let mut counts: BTreeMap<(Question, &str), i64> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| finding.is_wrong()) {
        *counts.entry((finding.question, finding.code)).or_default() += 1;
    }
    for question in Question::ALL {
        if !counts.keys().any(|(of, _)| *of == question) {
            counts.insert((question, "none"), 0);
        }
    }
    let labels = |question: Question, code| format!("{{question=\"{}\",code=\"{code}\"}}", question.name());
    counts.into_iter().map(|((question, code), n)| (labels(question, code), Value::Number(n))).collect()
}

/// Open incidents that somebody has to resolve: no exception lifts their check.
fn incidents(seen: &Appliance) -> Option<(Vec<&Incident>, &Policy)> {
    let (state, policy) = (seen.enforcer.state.as_ref()?, seen.enforcer.policy()?);
    let counts = |incident: &&Incident| exception(policy, &incident.check, seen.now).is_none();
    Some((state.incidents.values().filter(counts).collect(), policy))
}

fn overdue(seen: &Appliance) -> Option<Value> {
    let (open, policy) = incidents(seen)?;
    let due = |incident: &&&Incident| {
        let span = policy.settings.sla.get(&incident.severity);
        span.is_some_and(|span| incident.detected_at.plus(span) <= seen.now)
    };
    Some(Value::Number(open.iter().filter(due).count() as i64))
}

fn escalated(seen: &Appliance) -> Vec<(String, Value)> {
    let Some((open, _)) = incidents(seen) else { return Vec::new() };
    let oldest = |severity: Severity| {
        // Also one that is worked on meanwhile: of a critical one people are told at once.
        let of = open.iter().filter(|incident| incident.severity == severity);
        let with_people = of.filter_map(|incident| incident.escalations.iter().find(|e| e.to == Tier::L3));
        let at = with_people.map(|e| e.at).min();
        (format!("{{severity=\"{severity}\"}}"), at.map_or(Value::Number(0), |at| since(seen, Some(at))))
    };
    SEVERITIES.map(oldest).into()
}

fn by_severity<'a>(open: impl Iterator<Item = &'a Incident>) -> Vec<(String, Value)> {
    let mut counts: BTreeMap<Severity, i64> = SEVERITIES.map(|severity| (severity, 0)).into();
    open.for_each(|incident| *counts.entry(incident.severity).or_default() += 1);
    counts.into_iter().map(|(severity, n)| (format!("{{severity=\"{severity}\"}}"), Value::Number(n))).collect()
}

fn outcomes(seen: &Appliance) -> Vec<(String, Value)> {
    let (Some(policy), Some(state)) = (seen.enforcer.policy(), &seen.enforcer.state) else { return Vec::new() };
    let of = |(id, check): (&String, &writ_policy::check::Check)| {
        let case = Case { seen, policy, state, id, check };
        let outcome = case.outcome().filter(|_| seen.enforcer.runs).unwrap_or(Outcome::NotAssessable);
        let (severity, announced) = (check.severity, case.is_announced());
        let excepted = exception(policy, id, seen.now).is_some();
        let labels = format!(
            "{{check=\"{}\",severity=\"{severity}\",outcome=\"{}\",announced=\"{announced}\",excepted=\"{excepted}\"}}",
            label(id),
            outcome.as_str()
        );
        (labels, Value::Number(1))
    };
    policy.checks.iter().map(of).collect()
}

/// A label's value, as OpenMetrics wants it.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn number(n: u64) -> Value {
    Value::Number(i64::try_from(n).unwrap_or(i64::MAX))
}

/// Seconds since then; what lies a little ahead is now, for a clock may have been set back. What lies far ahead would be now
/// for ever: it never was.
fn since(seen: &Appliance, then: Option<Time>) -> Value {
    then.filter(|then| !seen.is_to_come(*then))
        .map_or(Value::Never, |then| Value::Number((seen.now.millis_since(then) / 1000).max(0)))
}

fn until(seen: &Appliance, then: Time) -> Value {
    Value::Number(then.millis_since(seen.now).div_euclid(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_prometheus_wants_them_and_none_is_twice() {
        let mut names: Vec<&str> = METRICS.iter().map(|(name, _)| *name).collect();
        assert!(names.iter().all(|n| n.starts_with("writ_") && n.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), METRICS.len());
        assert_eq!(label("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }
}
