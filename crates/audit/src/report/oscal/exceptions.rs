//! Exceptions, as risks that somebody accepted for a while.

use writ_policy::exception::Exception;
use writ_trust::time::Time;

use super::assessment::{MitigatingFactor, Origin, Remediation, Risk, Task, Timing};
use super::common::{Party, Property};
use super::text::{markup, paragraphs, stamp};
use super::uuid::Uuid;
use crate::compare::Verdict;
use crate::compare::model::{Comparison, ExceptionFinding};

/// What an exception says, as properties.
pub fn properties(id: &str, exception: &Exception) -> Vec<Property> {
    let lifts = [("lifts-control", &exception.control), ("lifts-check", &exception.check)];
    let lifts = lifts.into_iter().filter_map(|(name, what)| Some(Property::ours(name, what.as_ref()?)));
    let fixed = [
        Property::ours("exception", id),
        Property::ours("owner", &exception.owner),
        Property::ours("approved-by", &exception.approved_by),
        Property::ours("approved-at", exception.approved_at),
        Property::ours("approval-digest", exception.approval),
        Property::ours("expires", exception.expires),
        Property::ours("declared-at", &exception.declared_at),
    ];
    fixed.into_iter().chain(lifts).collect()
}

/// What an exception says, as markup.
pub fn prose(exception: &Exception) -> String {
    paragraphs([
        format!("Reason: {}", markup(&exception.reason)),
        format!("Risk: {}", markup(&exception.risk)),
        format!("Done instead: {}", markup(&exception.compensating)),
        format!("{} owns the risk; {} approved it.", markup(&exception.owner), markup(&exception.approved_by)),
    ])
}

/// The people that exceptions name, each once.
pub fn parties(c: &Comparison) -> Vec<Party> {
    let names = c.exceptions.iter().flat_map(|e| [&e.exception.owner, &e.exception.approved_by]);
    let mut parties: Vec<Party> = names.map(|name| Party::person(c.site.as_str(), name)).collect();
    parties.sort_by_key(|party| party.uuid);
    parties.dedup_by_key(|party| party.uuid);
    parties
}

/// The UUID of an exception's risk.
pub fn risk_uuid(c: &Comparison, id: &str) -> Uuid {
    Uuid::of("exception", &[c.site.as_str(), id])
}

/// The risk that an exception accepts. Of one that nobody's approval covers any more the risk is open for as long as what it
/// lifted is not shown.
pub fn risk(c: &Comparison, finding: &ExceptionFinding) -> Risk {
    let exception = &finding.exception;
    let uuid = risk_uuid(c, &finding.id);
    let site = c.site.as_str();
    let persons = [&exception.owner, &exception.approved_by].map(|name| Party::person(site, name).uuid);
    let lifted = exception.control.as_deref().or(exception.check.as_deref()).unwrap_or_default();
    let status = match (finding.in_force, is_shown(c, finding)) {
        (true, _) => "deviation-approved",
        (false, true) => "closed",
        (false, false) => "open",
    };
    Risk {
        uuid,
        title: markup(format!("Exception {}: {lifted} is lifted", finding.id)),
        description: markup(&exception.reason),
        statement: markup(&exception.risk),
        props: properties(&finding.id, exception),
        status,
        origins: persons.into_iter().map(Origin::party).collect(),
        mitigating_factors: vec![MitigatingFactor {
            uuid: Uuid::of("compensating", &[site, &finding.id]),
            description: markup(&exception.compensating),
        }],
        deadline: Some(stamp(exception.expires)),
        remediations: vec![ends(c, finding)],
        related_observations: Vec::new(),
    }
}

/// Whether everything that an exception lifts is wholly shown without it.
fn is_shown(c: &Comparison, finding: &ExceptionFinding) -> bool {
    let exception = &finding.exception;
    let controls = c.controls.iter().filter(|control| exception.control.as_deref() == Some(control.control.as_str()));
    let checks = c.checks.iter().filter(|check| exception.check.as_deref() == Some(check.check.as_str()));
    let mut verdicts: Vec<Verdict> = controls.map(|control| control.verdict_without_exceptions).collect();
    verdicts.extend(checks.map(|check| check.verdict_without_exceptions));
    c.verification.ok && !verdicts.is_empty() && verdicts.into_iter().all(|verdict| verdict == Verdict::Demonstrated)
}

/// That an exception ends: the milestone of every one.
fn ends(c: &Comparison, finding: &ExceptionFinding) -> Remediation {
    let ids: [&str; 2] = [c.site.as_str(), &finding.id];
    let exception = &finding.exception;
    let task = |name: &str, title: &str, at: Time| Task {
        uuid: Uuid::of(name, &ids),
        kind: "milestone",
        title: title.to_owned(),
        timing: Some(Timing::at(at)),
        associated_activities: Vec::new(),
    };
    Remediation {
        uuid: Uuid::of("exception-ends", &ids),
        lifecycle: "planned",
        title: "Do without the exception".to_owned(),
        description: format!(
            "{} makes what is lifted hold again, or has the exception approved anew, before it ends: from then on it counts as if \
             there were none.",
            markup(&exception.owner)
        ),
        tasks: vec![
            task("exception-approved", "The exception was approved", exception.approved_at),
            task("exception-expires", "The exception ends, and what it lifts counts again", exception.expires),
        ],
    }
}
