//! Finding bundles: "show me the backup remediation of October 15".

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use writ_evidence::bundle::Kind;
use writ_evidence::incident::{ResolutionStatus, Tier};
use writ_evidence::posture::Posture;
use writ_evidence::{Bundle, BundleId, IncidentId};
use writ_policy::declared::Severity;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::time::Time;

use crate::archive::{Archive, Stored};
use crate::period::Period;
use crate::story;
use crate::verify::VerifyReport;

/// What is sought. A field that is null or empty does not narrow the search.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// When the bundle was written.
    pub period: Option<Period>,
    /// The appliance.
    pub appliance: Option<ApplianceId>,
    /// The kind.
    pub kinds: Vec<Kind>,
    /// The event type of the incident.
    pub event_type: Option<String>,
    /// The control that the incident touches.
    pub control: Option<String>,
    /// The check that it is about.
    pub check: Option<String>,
    /// The severity of the incident.
    pub severity: Option<Severity>,
    /// Who resolved the incident: any of `auto`, `manual`, `partial`.
    pub resolution: Vec<String>,
    /// Only incidents that were closed without success, wholly or in part.
    pub failed: bool,
    /// Only incidents that were closed later than the site allows itself.
    pub sla_missed: bool,
    /// Only incidents that were closed within the time that the site allows itself.
    pub sla_met: bool,
    /// The runbook that was run.
    pub runbook: Option<String>,
    /// The incident that it is about.
    pub incident: Option<IncidentId>,
    /// What is in the sentences that it tells, whatever the case of letters.
    pub text: Option<String>,
}

/// A bundle that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Its id.
    pub bundle_id: BundleId,
    /// When it was written.
    pub generated_at: Time,
    /// The site.
    pub site: SiteId,
    /// The appliance.
    pub appliance: ApplianceId,
    /// The kind.
    pub kind: Kind,
    /// The event type of the incident.
    pub event_type: Option<String>,
    /// The machine on which the check failed.
    pub machine: Option<String>,
    /// The check that it is about.
    pub check: Option<String>,
    /// The incident that it is about.
    pub incident_id: Option<IncidentId>,
    /// The controls that the incident touches.
    pub controls: Vec<String>,
    /// The severity of the incident.
    pub severity: Option<Severity>,
    /// Who resolved the incident.
    pub resolution: Option<&'static str>,
    /// What the incident came to: `success`, `partial`, `failed`.
    pub resolution_status: Option<&'static str>,
    /// The tier that resolved it.
    pub tier: Option<&'static str>,
    /// The runbook that was run.
    pub runbook: Option<String>,
    /// Seconds from detection to the end.
    pub mttr_seconds: Option<u64>,
    /// How many the site allows itself.
    pub sla_target_seconds: Option<u64>,
    /// Whether that was kept.
    pub sla_met: Option<bool>,
    /// What it tells, in one sentence.
    pub summary: String,
    /// Its file, relative to the audit folder.
    pub path: String,
}

impl Filter {
    /// Whether a bundle is sought.
    pub fn matches(&self, bundle: &Bundle) -> bool {
        let incident = bundle.incident.as_ref();
        let execution = bundle.execution.as_ref();
        let of = |wanted: &Option<String>, is: &dyn Fn(&str) -> bool| wanted.as_deref().is_none_or(is);
        self.period.is_none_or(|p| p.contains(bundle.generated_at))
            && self.appliance.as_ref().is_none_or(|a| *a == bundle.appliance)
            && (self.kinds.is_empty() || self.kinds.contains(&bundle.kind))
            && of(&self.event_type, &|t| incident.is_some_and(|i| i.event_type == t))
            && of(&self.control, &|c| incident.is_some_and(|i| i.hipaa_controls.iter().any(|own| own == c)))
            && of(&self.check, &|c| tells_of(bundle, c))
            && self.severity.is_none_or(|s| incident.is_some_and(|i| i.severity == s))
            && (self.resolution.is_empty()
                || execution.is_some_and(|e| self.resolution.iter().any(|r| *r == e.resolution_type.as_str())))
            && (!self.failed || bundle.outputs.is_some_and(|o| o.resolution_status != ResolutionStatus::Success))
            && (!self.sla_missed || execution.is_some_and(|e| !e.sla_met))
            && (!self.sla_met || execution.is_some_and(|e| e.sla_met))
            && of(&self.runbook, &|r| bundle.runbook.as_ref().is_some_and(|ran| ran.runbook_id == r))
            && self.incident.is_none_or(|id| incident.is_some_and(|i| i.incident_id == id))
            && of(&self.text, &|words| has(bundle, words))
    }
}

/// Whether one of the sentences that a bundle tells has these words.
fn has(bundle: &Bundle, words: &str) -> bool {
    let words = words.to_lowercase();
    story::tell(bundle).iter().any(|sentence| sentence.to_lowercase().contains(&words))
}

/// Whether a bundle is about a check by itself. Vectors and snapshots are about all of them, which helps nobody.
fn tells_of(bundle: &Bundle, check: &str) -> bool {
    let change = matches!(&bundle.posture, Some(Posture::Change(c)) if c.check == check);
    let incident = bundle.incident.as_ref().is_some_and(|i| i.check == check);
    let pause = bundle.pause.as_ref().is_some_and(|p| p.checks.iter().any(|c| c == check));
    change || incident || pause || bundle.verification.iter().any(|v| v.check == check)
}

/// What is told of a bundle in one row.
pub fn row(stored: &Stored<'_>) -> Row {
    let bundle = &stored.bundle;
    let (incident, execution) = (bundle.incident.as_ref(), bundle.execution.as_ref());
    let change = match &bundle.posture {
        Some(Posture::Change(change)) => Some(change.check.clone()),
        _ => None,
    };
    let story = story::tell(bundle);
    // The last sentence of a closed incident says how it ended; the first of anything else says what happened.
    let summary = if execution.is_some() { story.last() } else { story.first() };
    Row {
        bundle_id: bundle.bundle_id,
        generated_at: bundle.generated_at,
        site: bundle.client_id.clone(),
        appliance: bundle.appliance.clone(),
        kind: bundle.kind,
        event_type: incident.map(|i| i.event_type.clone()),
        machine: incident.map(|i| i.hostname.clone()),
        check: incident.map(|i| i.check.clone()).or(change),
        incident_id: incident.map(|i| i.incident_id),
        controls: incident.map(|i| i.hipaa_controls.clone()).unwrap_or_default(),
        severity: incident.map(|i| i.severity),
        resolution: execution.map(|e| e.resolution_type.as_str()),
        resolution_status: bundle.outputs.map(|o| o.resolution_status.as_str()),
        tier: execution.and_then(|e| e.tier).map(Tier::as_str),
        runbook: bundle.runbook.as_ref().map(|ran| ran.runbook_id.clone()),
        mttr_seconds: execution.map(|e| e.mttr_seconds),
        sla_target_seconds: execution.map(|e| e.sla_target_seconds),
        sla_met: execution.map(|e| e.sla_met),
        summary: summary.cloned().unwrap_or_default(),
        path: stored.path.to_owned(),
    }
}

/// Every verified bundle that is sought, in order of time.
pub fn query(archive: &Archive, filter: &Filter) -> (Vec<Row>, VerifyReport) {
    let mut rows = Vec::new();
    let report = archive.walk(&mut |stored| {
        if filter.matches(&stored.bundle) {
            rows.push(row(&stored));
        }
    });
    rows.sort_by(|a, b| {
        (a.generated_at, &a.appliance, a.bundle_id.number).cmp(&(b.generated_at, &b.appliance, b.bundle_id.number))
    });
    (rows, report)
}

/// Incidents of one sort on one machine that came more than once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recurring {
    /// The site.
    pub site: SiteId,
    /// The appliance that told of them.
    pub appliance: ApplianceId,
    /// What sort of event.
    pub event_type: String,
    /// The machine.
    pub machine: String,
    /// The checks that failed.
    pub checks: Vec<String>,
    /// How many incidents.
    pub times: u64,
    /// The first bundle of them.
    pub first: Time,
    /// The last.
    pub last: Time,
    /// How many of those that were closed were so without success.
    pub failed: u64,
    /// How many of those that were closed took longer than the site allows itself.
    pub sla_missed: u64,
    /// The incidents.
    pub incidents: Vec<IncidentId>,
}

/// Incidents that came more than once on one machine, the most frequent first. Ids are dated sequences, so that it is the sort of
/// event and the machine by which one is known again.
pub fn recurring(rows: &[Row]) -> Vec<Recurring> {
    let mut groups: BTreeMap<(&SiteId, &ApplianceId, &str, &str), Vec<&Row>> = BTreeMap::new();
    for row in rows {
        if let (Some(event), Some(machine), Some(_)) = (&row.event_type, &row.machine, row.incident_id) {
            groups.entry((&row.site, &row.appliance, event, machine)).or_default().push(row);
        }
    }
    let one = |((site, appliance, event, machine), rows): ((&SiteId, &ApplianceId, &str, &str), Vec<&Row>)| {
        let incidents: BTreeSet<IncidentId> = rows.iter().filter_map(|row| row.incident_id).collect();
        let checks: BTreeSet<&String> = rows.iter().filter_map(|row| row.check.as_ref()).collect();
        let times = || rows.iter().map(|row| row.generated_at);
        let (first, last) = (times().min()?, times().max()?);
        let failed = rows.iter().filter(|row| row.resolution_status.is_some_and(|status| status != "success"));
        (incidents.len() > 1).then(|| Recurring {
            site: site.clone(),
            appliance: appliance.clone(),
            event_type: event.to_owned(),
            machine: machine.to_owned(),
            checks: checks.into_iter().cloned().collect(),
            times: incidents.len() as u64,
            first,
            last,
            failed: failed.count() as u64,
            sla_missed: rows.iter().filter(|row| row.sla_met == Some(false)).count() as u64,
            incidents: incidents.into_iter().collect(),
        })
    };
    let mut found: Vec<Recurring> = groups.into_iter().filter_map(one).collect();
    // Where as many came, the order of names stays.
    found.sort_by_key(|group| std::cmp::Reverse(group.times));
    found
}
