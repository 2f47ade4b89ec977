//! `plan-of-action-and-milestones`: what is open in a period: incidents that nobody resolved, and exceptions.

use serde::Serialize;
use writ_trust::time::Time;

use super::assessment::{
    Observation, Origin, RelatedObservation, RelatedRisk, Remediation, Risk, Subject, Task, Timing, appliance_uuid,
};
use super::catalog::versions;
use super::common::{BackMatter, Metadata, Property};
use super::results::{Definitions, Digests, basis, evidence, resources};
use super::text::{line, markup, paragraphs, stamp};
use super::uuid::Uuid;
use super::{NAMESPACE, exceptions};
use crate::compare::model::{Comparison, ExceptionFinding, IncidentFinding, IncidentStatus, Link};
use crate::words::when;

/// `plan-of-action-and-milestones`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlanOfAction {
    /// Its UUID.
    pub uuid: Uuid,
    /// About it.
    pub metadata: Metadata,
    /// The site.
    pub system_id: SystemId,
    /// The appliances, and this program.
    pub local_definitions: Definitions,
    /// One for each incident.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub observations: Vec<Observation>,
    /// One for each item.
    pub risks: Vec<Risk>,
    /// What is open.
    pub poam_items: Vec<Item>,
    /// The bundles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub back_matter: Option<BackMatter>,
}

/// `system-id`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SystemId {
    /// Whose name it is.
    pub identifier_type: &'static str,
    /// The site.
    pub id: String,
}

/// `poam-item`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Item {
    /// Its UUID.
    pub uuid: Uuid,
    /// What it is, as markup.
    pub title: String,
    /// More about it, as markup.
    pub description: String,
    /// Properties.
    pub props: Vec<Property>,
    /// The incident.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related_observations: Vec<RelatedObservation>,
    /// Its risk.
    pub related_risks: [RelatedRisk; 1],
}

/// What is open at the end of a comparison's period, as of `now`; none where nothing is: OSCAL has no plan without an item.
pub fn plan_of_action(c: &Comparison, digests: &Digests, now: Time) -> Option<PlanOfAction> {
    let open: Vec<&IncidentFinding> = c.incidents.iter().filter(|incident| is_open(c, incident)).collect();
    let is_left = |e: &&ExceptionFinding| exceptions::risk(c, e).status != "closed";
    let lifted: Vec<&ExceptionFinding> = c.exceptions.iter().filter(is_left).collect();
    if open.is_empty() && lifted.is_empty() {
        return None;
    }
    let version = versions(c.baselines.iter().map(|(name, version)| (name.as_str(), version.as_str())));
    let title = format!("Plan of action and milestones of {} ({})", c.title, c.site);
    let mut metadata = Metadata::new(&title, &version, now);
    basis(c).told_in(&mut metadata);
    metadata.parties = exceptions::parties(c);
    let links: Vec<&Link> = open.iter().flat_map(|incident| &incident.evidence).collect();
    let risks = open.iter().map(|i| incident_risk(c, i)).chain(lifted.iter().map(|e| exceptions::risk(c, e)));
    let items = open.iter().map(|i| incident_item(c, i)).chain(lifted.iter().map(|e| exception_item(c, e)));
    Some(PlanOfAction {
        uuid: Uuid::default(),
        metadata,
        system_id: SystemId { identifier_type: NAMESPACE, id: line(&c.site) },
        local_definitions: Definitions::of(c),
        observations: open.iter().map(|incident| observation(c, incident)).collect(),
        risks: risks.collect(),
        poam_items: items.collect(),
        back_matter: BackMatter::of(resources(c.site.as_str(), links.into_iter(), digests)),
    })
}

/// Whether something is left to do: nobody closed it; or it was closed without success, and is the last of its check there.
fn is_open(c: &Comparison, incident: &IncidentFinding) -> bool {
    let later = |other: &IncidentFinding| {
        other.appliance == incident.appliance
            && other.check == incident.check
            && (other.detected_at, other.incident_id) > (incident.detected_at, incident.incident_id)
    };
    match incident.status {
        IncidentStatus::Open => true,
        IncidentStatus::Resolved => false,
        IncidentStatus::PartlyResolved | IncidentStatus::Unresolved => !c.incidents.iter().any(later),
    }
}

fn uuid(kind: &str, c: &Comparison, incident: &IncidentFinding) -> Uuid {
    Uuid::of(kind, &[c.site.as_str(), incident.appliance.as_str(), &incident.incident_id.to_string()])
}

fn title(incident: &IncidentFinding) -> String {
    markup(format!("{}: {} on {}", incident.incident_id, incident.check, incident.appliance))
}

fn properties(incident: &IncidentFinding) -> Vec<Property> {
    let mut props = vec![
        Property::ours("incident", incident.incident_id),
        Property::ours("check", &incident.check),
        Property::ours("severity", incident.severity),
        Property::ours("status", incident.status.as_str()),
        Property::ours("detected-at", incident.detected_at),
        Property::ours("attempts", incident.attempts),
    ];
    let known = [("rule", &incident.rule), ("runbook", &incident.runbook)];
    props.extend(known.into_iter().filter_map(|(name, what)| Some(Property::ours(name, what.as_ref()?))));
    props.extend(incident.sla_met.map(|met| Property::ours("sla-met", met)));
    props.extend(incident.check_declared_at.as_ref().map(|at| Property::ours("declared-at", at)));
    props.extend(incident.controls.iter().map(|control| Property::ours("control", control)));
    props
}

fn observation(c: &Comparison, incident: &IncidentFinding) -> Observation {
    let site = c.site.as_str();
    Observation {
        uuid: uuid("incident-observation", c, incident),
        title: title(incident),
        description: paragraphs(std::iter::once(title(incident)).chain(incident.story.iter().map(markup))),
        props: properties(incident),
        methods: ["TEST"],
        types: ["finding"],
        origins: [Origin::tool()],
        subjects: vec![Subject::component(appliance_uuid(site, &incident.appliance))],
        relevant_evidence: evidence(site, &incident.evidence),
        collected: stamp(incident.closed_at.unwrap_or(incident.detected_at)),
    }
}

/// When an incident is to be resolved: by the time that the site allows itself.
fn deadline(incident: &IncidentFinding) -> Option<Time> {
    let target = i64::try_from(incident.sla_target_seconds?).ok()?;
    Some(incident.detected_at.plus_millis(target.saturating_mul(1000)))
}

fn incident_risk(c: &Comparison, incident: &IncidentFinding) -> Risk {
    let controls = if incident.controls.is_empty() { "no control".to_owned() } else { incident.controls.join(", ") };
    let due = deadline(incident);
    let milestone = |at: Time| Task {
        uuid: uuid("incident-due", c, incident),
        kind: "milestone",
        title: "Resolved within the time that the site allows itself".to_owned(),
        timing: Some(Timing::at(at)),
        associated_activities: Vec::new(),
    };
    let what = match incident.status {
        IncidentStatus::Open => "Make the check hold again; the incident is closed when it is seen to hold.",
        IncidentStatus::Resolved | IncidentStatus::PartlyResolved | IncidentStatus::Unresolved => {
            "It was closed without success: look at it, and make the check hold again."
        }
    };
    let remediation = Remediation {
        uuid: uuid("incident-remediation", c, incident),
        lifecycle: "planned",
        title: "Resolve the incident".to_owned(),
        description: what.to_owned(),
        tasks: due.into_iter().map(milestone).collect(),
    };
    let tried = incident.attempts > 0 && incident.status == IncidentStatus::Open;
    Risk {
        uuid: uuid("incident-risk", c, incident),
        title: title(incident),
        description: paragraphs(incident.story.iter().map(markup).chain([markup(format!(
            "Detected {}; {}.",
            when(incident.detected_at),
            incident.status.as_str()
        ))])),
        statement: markup(format!("{} severity; it bears on {controls}.", incident.severity)),
        props: properties(incident),
        status: if tried { "remediating" } else { "open" },
        origins: vec![Origin::tool()],
        mitigating_factors: Vec::new(),
        deadline: due.map(stamp),
        remediations: vec![remediation],
        related_observations: vec![RelatedObservation { observation_uuid: uuid("incident-observation", c, incident) }],
    }
}

fn incident_item(c: &Comparison, incident: &IncidentFinding) -> Item {
    Item {
        uuid: uuid("incident-item", c, incident),
        title: title(incident),
        description: markup(format!("Detected {}; {}.", when(incident.detected_at), incident.status.as_str())),
        props: properties(incident),
        related_observations: vec![RelatedObservation { observation_uuid: uuid("incident-observation", c, incident) }],
        related_risks: [RelatedRisk { risk_uuid: uuid("incident-risk", c, incident) }],
    }
}

fn exception_item(c: &Comparison, finding: &ExceptionFinding) -> Item {
    let state = if finding.in_force { "in force" } else { "not in force at the end of the period" };
    Item {
        uuid: Uuid::of("exception-item", &[c.site.as_str(), &finding.id]),
        title: markup(format!("Exception {}", finding.id)),
        description: paragraphs([format!("The exception is {state}."), exceptions::prose(&finding.exception)]),
        props: exceptions::properties(&finding.id, &finding.exception),
        related_observations: Vec::new(),
        related_risks: [RelatedRisk { risk_uuid: exceptions::risk_uuid(c, &finding.id) }],
    }
}
