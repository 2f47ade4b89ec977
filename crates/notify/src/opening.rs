//! What an incident is when it is first heard of.

use std::collections::BTreeSet;

use writ_policy::declared::Severity;
use writ_policy::policy::Policy;
use writ_trust::time::Time;
use writ_wire::notice::Notice;

use crate::book::Seeming;
use crate::incident::{Incident, Key, Source, Stage, Told};
use crate::rules::Rules;
use crate::tell::clean;

/// As an appliance says that there is one.
pub fn opened(key: &str, id: &str, notice: &Notice, policy: &Policy) -> Incident {
    let severity = notice.severity.as_deref().and_then(|name| Severity::ALL.into_iter().find(|s| s.as_str() == name));
    let check = notice.check.clone().unwrap_or_default();
    let answering = policy.rules.values().filter(|rule| rule.when.check == check);
    let runbooks: BTreeSet<String> = answering.filter_map(|rule| rule.run.clone()).collect();
    let severity = severity.unwrap_or(Severity::High);
    // A notice does not say when its incident opened, but when it is due.
    let due = notice.due_at;
    let sla = policy.settings.sla.get(&severity).map_or(0, writ_trust::time::Span::millis);
    Incident {
        key: key.to_owned(),
        site: notice.site.to_string(),
        subject: notice.appliance.to_string(),
        id: id.to_owned(),
        source: Source::Appliance,
        speaker: Some(notice.public_key.fingerprint()),
        severity,
        title: clean(&notice.title),
        about: clean(&check),
        target: clean(&notice.target),
        controls: notice.controls.iter().take(16).map(|control| clean(control)).collect(),
        runbooks: runbooks.into_iter().take(16).collect(),
        reasons: notice.reasons.iter().take(16).map(|reason| clean(reason)).collect(),
        opened_at: due.map_or(notice.at, |due| due.plus_millis(-sla).min(notice.at)),
        due_at: due,
        stage: Stage::Open,
        handed_at: None,
        acknowledged: None,
        ended: None,
        report_due: None,
        reported: None,
        told: Told::default(),
    }
}

/// As it seems from elsewhere.
pub fn of_seeming(one: &Seeming, key: Key, id: String, since: Time, rules: Rules<'_>) -> Incident {
    Incident {
        key,
        site: one.site.clone(),
        subject: one.subject.clone(),
        id,
        source: one.source,
        speaker: None,
        severity: one.severity,
        title: clean(&one.title),
        about: one.code.clone(),
        target: one.subject.clone(),
        controls: Vec::new(),
        runbooks: Vec::new(),
        reasons: vec![clean(&one.what)],
        opened_at: since,
        due_at: rules.due(one.severity, since).filter(|_| one.source != Source::Exception),
        stage: Stage::Open,
        handed_at: None,
        acknowledged: None,
        ended: None,
        report_due: None,
        reported: None,
        told: Told::default(),
    }
}
