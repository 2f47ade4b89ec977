//! What plans of assessments, their results, and plans of action share.

use serde::Serialize;
use writ_trust::ids::ApplianceId;
use writ_trust::time::{Span, Time};

use super::common::Property;
use super::text::{markup, stamp, token};
use super::uuid::Uuid;

/// `system-component`: an appliance, or this program.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SystemComponent {
    /// Its UUID.
    pub uuid: Uuid,
    /// What sort.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Its name, as markup.
    pub title: String,
    /// What it is, as markup.
    pub description: String,
    /// Properties.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub props: Vec<Property>,
    /// Whether it runs.
    pub status: Status,
    /// What must be known of it, as markup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remarks: Option<String>,
}

/// The status of a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// `operational` or `other`.
    pub state: &'static str,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remarks: Option<&'static str>,
}

/// The UUID of an appliance, in every document about its site.
pub fn appliance_uuid(site: &str, appliance: &ApplianceId) -> Uuid {
    Uuid::of("appliance", &[site, appliance.as_str()])
}

impl SystemComponent {
    /// An appliance of a site. `remarks` say what must be known of it.
    pub fn appliance(site: &str, appliance: &ApplianceId, release: Option<&str>, remarks: Option<&str>) -> Self {
        let release = release.map(|release| Property::ours("release", release));
        Self {
            uuid: appliance_uuid(site, appliance),
            kind: "system",
            title: markup(appliance),
            description: format!("Appliance {} of site {}.", markup(appliance), markup(site)),
            props: release.into_iter().collect(),
            status: Status { state: "other", remarks: Some("Whether it runs is what its evidence tells.") },
            remarks: remarks.map(markup),
        }
    }

    /// This program, which judges.
    pub fn tool() -> Self {
        Self {
            uuid: Uuid::of("tool", &[TOOL]),
            kind: "software",
            title: TOOL.to_owned(),
            description: "Holds signed evidence against the signed policy that was in force, offline.".to_owned(),
            props: Vec::new(),
            status: Status { state: "operational", remarks: None },
            remarks: None,
        }
    }
}

const TOOL: &str = concat!("writ ", env!("CARGO_PKG_VERSION"));

/// `assessment-assets`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct AssessmentAssets {
    /// The programs.
    pub components: Vec<SystemComponent>,
    /// Where they run.
    pub assessment_platforms: Vec<Platform>,
}

impl AssessmentAssets {
    /// This program alone.
    pub fn ours() -> Self {
        let tool = SystemComponent::tool();
        let uses_components = vec![UsedComponent { component_uuid: tool.uuid }];
        let uuid = Uuid::of("platform", &[TOOL]);
        let platform = Platform { uuid, title: "The machine of whoever audits".to_owned(), uses_components };
        Self { components: vec![tool], assessment_platforms: vec![platform] }
    }
}

/// `assessment-platform`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Platform {
    /// Its UUID.
    pub uuid: Uuid,
    /// What it is, as markup.
    pub title: String,
    /// What runs there.
    pub uses_components: Vec<UsedComponent>,
}

/// A component that a platform uses.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct UsedComponent {
    /// Its UUID.
    pub component_uuid: Uuid,
}

/// `reviewed-controls`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReviewedControls {
    /// Which.
    pub control_selections: Vec<ControlSelection>,
}

/// Which controls.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ControlSelection {
    /// These.
    IncludeControls(Vec<ControlById>),
    /// All that there are.
    IncludeAll(Empty),
}

/// An object without members.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Empty {}

/// A control by its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ControlById {
    /// The token of its id.
    pub control_id: String,
}

impl ReviewedControls {
    /// The controls of these ids. OSCAL knows no selection of none: where there are none, that is all.
    pub fn of<'a>(ids: impl IntoIterator<Item = &'a str>) -> Self {
        let ids: Vec<ControlById> = ids.into_iter().map(|id| ControlById { control_id: token(id) }).collect();
        let selection = if ids.is_empty() {
            ControlSelection::IncludeAll(Empty {})
        } else {
            ControlSelection::IncludeControls(ids)
        };
        Self { control_selections: vec![selection] }
    }
}

/// `assessment-subject`: the components of these UUIDs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Subjects {
    #[serde(rename = "type")]
    kind: &'static str,
    include_subjects: Vec<Subject>,
}

impl Subjects {
    /// Some components.
    pub fn components(uuids: impl IntoIterator<Item = Uuid>) -> Self {
        Self { kind: "component", include_subjects: uuids.into_iter().map(Subject::component).collect() }
    }
}

/// `subject-reference`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Subject {
    subject_uuid: Uuid,
    #[serde(rename = "type")]
    kind: &'static str,
}

impl Subject {
    /// A component.
    pub fn component(uuid: Uuid) -> Self {
        Self { subject_uuid: uuid, kind: "component" }
    }
}

/// `origin`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Origin {
    actors: Vec<Actor>,
}

/// `origin-actor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Actor {
    #[serde(rename = "type")]
    kind: &'static str,
    actor_uuid: Uuid,
}

impl Origin {
    /// This program.
    pub fn tool() -> Self {
        Self { actors: vec![Actor { kind: "tool", actor_uuid: Uuid::of("tool", &[TOOL]) }] }
    }

    /// Somebody.
    pub fn party(uuid: Uuid) -> Self {
        Self { actors: vec![Actor { kind: "party", actor_uuid: uuid }] }
    }
}

/// `task`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Task {
    /// Its UUID.
    pub uuid: Uuid,
    /// `action` or `milestone`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// What is done, as markup.
    pub title: String,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timing: Option<Timing>,
    /// What is done in it, and on what.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub associated_activities: Vec<AssociatedActivity>,
}

/// An activity of a task.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct AssociatedActivity {
    /// Which.
    pub activity_uuid: Uuid,
    /// On what.
    pub subjects: Vec<Subjects>,
}

/// When a task is done.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Timing {
    /// Again and again.
    AtFrequency {
        /// How many of the unit lie between.
        period: u64,
        /// `days`, `hours`, `minutes` or `seconds`.
        unit: &'static str,
    },
    /// Until this instant.
    OnDate {
        /// The instant.
        date: Time,
    },
}

impl Timing {
    /// As often as a span says: in the greatest unit that has no rest, and never less than a second.
    pub fn every(span: &Span) -> Self {
        let seconds = u64::try_from(span.millis()).unwrap_or(0).div_ceil(1000).max(1);
        let units = [(86_400, "days"), (3_600, "hours"), (60, "minutes")];
        let (length, unit) =
            units.into_iter().find(|(length, _)| seconds.is_multiple_of(*length)).unwrap_or((1, "seconds"));
        Self::AtFrequency { period: seconds / length, unit }
    }

    /// At an instant.
    pub fn at(time: Time) -> Self {
        Self::OnDate { date: stamp(time) }
    }
}

/// `observation`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Observation {
    /// Its UUID.
    pub uuid: Uuid,
    /// Of what, as markup.
    pub title: String,
    /// What was seen, as markup.
    pub description: String,
    /// Properties.
    pub props: Vec<Property>,
    /// How it was made.
    pub methods: [&'static str; 1],
    /// What sort.
    pub types: [&'static str; 1],
    /// By whom.
    pub origins: [Origin; 1],
    /// On what.
    pub subjects: Vec<Subject>,
    /// The bundles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub relevant_evidence: Vec<Evidence>,
    /// When the last of it was seen.
    pub collected: Time,
}

/// `relevant-evidence`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// `#` and the UUID of the resource.
    pub href: String,
    /// What it is, as markup.
    pub description: String,
}

/// `risk`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Risk {
    /// Its UUID.
    pub uuid: Uuid,
    /// What it is, as markup.
    pub title: String,
    /// Why it is there, as markup.
    pub description: String,
    /// What may happen, as markup.
    pub statement: String,
    /// Properties.
    pub props: Vec<Property>,
    /// `open`, `remediating`, `deviation-approved` or `closed`.
    pub status: &'static str,
    /// Who says so.
    pub origins: Vec<Origin>,
    /// What is done meanwhile.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mitigating_factors: Vec<MitigatingFactor>,
    /// Until when something must be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Time>,
    /// What is to be done.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remediations: Vec<Remediation>,
    /// What was seen of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related_observations: Vec<RelatedObservation>,
}

/// `mitigating-factor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MitigatingFactor {
    /// Its UUID.
    pub uuid: Uuid,
    /// What it is, as markup.
    pub description: String,
}

/// `response`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Remediation {
    /// Its UUID.
    pub uuid: Uuid,
    /// `planned` or `completed`.
    pub lifecycle: &'static str,
    /// What it is, as markup.
    pub title: String,
    /// What is done, as markup.
    pub description: String,
    /// Milestones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<Task>,
}

/// `related-observation`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RelatedObservation {
    /// Which.
    pub observation_uuid: Uuid,
}

/// `associated-risk`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RelatedRisk {
    /// Which.
    pub risk_uuid: Uuid,
}

/// `activity`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Activity {
    /// Its UUID.
    pub uuid: Uuid,
    /// What is done, as markup.
    pub title: String,
    /// More about it, as markup.
    pub description: String,
    /// Properties.
    pub props: Vec<Property>,
    /// The controls that it supports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub related_controls: Option<ReviewedControls>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequencies_keep_what_a_span_says() {
        for (span, period, unit) in [
            ("26h", 26, "hours"),
            ("48h", 2, "days"),
            ("5m", 5, "minutes"),
            ("90s", 90, "seconds"),
            ("1ms", 1, "seconds"),
        ] {
            assert_eq!(Timing::every(&span.parse().unwrap()), Timing::AtFrequency { period, unit }, "{span}");
        }
    }
}
