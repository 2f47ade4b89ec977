//! `drift`: the checks that fail now, by the last evidence.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use writ_audit::compare::model::{CheckFinding, IncidentStatus};
use writ_audit::compare::{Comparison, Verdict};
use writ_policy::declared::Severity;
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};

use super::{Tool, schema};
use crate::answer::{Answer, Refusal};
use crate::arguments::{Cursor, Limit, read};
use crate::desk::Desk;
use crate::page::{Wanted, part};
use crate::reading::Reading;

/// The most checks of which nothing is known that are named.
const UNKNOWN: usize = 20;

pub const TOOL: Tool = Tool {
    name: "drift",
    title: "Checks that fail now",
    description: "The checks of a site that do not hold, by the last signed evidence that verified: what was expected and what was \
        seen, which controls that touches, the open incident, and the runbooks of the signed policy that are judged by the check. An \
        empty list says that nothing is known to fail; not_known tells of what nothing shows either way, and basis.not_judged of \
        appliances that nobody could judge.",
    schema: || {
        schema::object(
            [
                ("site", schema::site()),
                ("appliance", schema::appliance("Only this appliance, as in front-desk")),
                ("severity", schema::severity()),
                ("limit", schema::limit()),
                ("cursor", schema::cursor()),
            ],
            &[],
        )
    },
    reads_only: true,
    run,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    site: Option<SiteId>,
    #[serde(default)]
    appliance: Option<ApplianceId>,
    #[serde(default)]
    severity: Option<Severity>,
    #[serde(default)]
    limit: Option<Limit>,
    #[serde(default)]
    cursor: Option<Cursor>,
}

fn run(desk: &Desk, _: &str, arguments: Map<String, Value>) -> Result<Answer, Refusal> {
    let asked: Asked = read(arguments)?;
    let (reading, of) = desk.read(asked.site.as_ref(), None)?;
    let wanted = |check: &&CheckFinding| {
        asked.appliance.as_ref().is_none_or(|name| *name == check.appliance)
            && asked.severity.is_none_or(|severity| severity == check.severity)
    };
    let checks = || reading.comparison.checks.iter().filter(wanted);
    // Without exceptions this verdict says that the last run failed, and nothing else.
    let mut failing: Vec<&CheckFinding> =
        checks().filter(|check| check.verdict_without_exceptions == Verdict::Failed).collect();
    // The worst first.
    failing.sort_by_key(|check| std::cmp::Reverse(check.severity));
    let open = |check: &&CheckFinding| matches!(check.verdict, Verdict::NoEvidence | Verdict::NotAssessable);
    let unknown: Vec<&CheckFinding> = checks().filter(open).collect();
    let mut answer = Answer::resting_on(TOOL.name, &reading.basis());
    let (known, all) = (failing.len(), checks().count());
    answer.say(format!("{known} of {all} checks fail by their last run; of {} nobody knows.", unknown.len()));
    let brief =
        |check: &&CheckFinding| json!({ "appliance": check.appliance, "check": check.check, "reasons": check.reasons });
    let named: Vec<Value> = unknown.iter().take(UNKNOWN).map(brief).collect();
    answer.put("not_known", &json!({ "count": unknown.len(), "first": named }));
    let of = Digest::of(format!("{of} {:?} {:?}", asked.appliance, asked.severity).as_bytes());
    let wanted = Wanted { cursor: asked.cursor.as_ref(), limit: asked.limit };
    answer.put_part("failing", part(&failing, wanted, &of, |check| tell(&reading, check))?);
    Ok(answer)
}

fn tell(reading: &Reading, check: &CheckFinding) -> Value {
    let comparison = &reading.comparison;
    let touches = comparison.controls.iter().filter(|control| {
        control.checks.iter().any(|at| comparison.checks.get(*at).is_some_and(|one| std::ptr::eq(one, check)))
    });
    let controls: Vec<&String> = touches.map(|control| &control.control).collect();
    let policy = reading.policy(&check.appliance);
    let runbooks = policy.into_iter().flat_map(|policy| &policy.runbooks);
    let runbooks: Vec<Value> = runbooks
        .filter(|(_, runbook)| runbook.verify.contains(&check.check))
        .map(|(id, runbook)| json!({ "runbook": id, "title": runbook.title }))
        .collect();
    json!({
        "appliance": check.appliance,
        "check": check.check,
        "title": check.title,
        "target": check.target,
        "severity": check.severity,
        "expects": check.expects,
        "declared_at": check.declared_at,
        "excepted": check.verdict == Verdict::Excepted,
        "exceptions": check.exceptions,
        "reasons": check.reasons,
        "observed": check.observed,
        "controls": controls,
        "open_incident": open_incident(comparison, check),
        "runbooks": runbooks,
        "evidence": check.evidence,
    })
}

fn open_incident(comparison: &Comparison, check: &CheckFinding) -> Option<String> {
    let mut all = comparison.incidents.iter().rev().filter(|incident| incident.status == IncidentStatus::Open);
    let found = all.find(|incident| incident.appliance == check.appliance && incident.check == check.check);
    found.map(|incident| incident.incident_id.to_string())
}
