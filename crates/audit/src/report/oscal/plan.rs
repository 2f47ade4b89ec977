//! `assessment-plan`: what one release has appliances look at, how often, and what people do beside them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use writ_policy::check::Check;
use writ_policy::duty::Duty;
use writ_policy::policy::Policy;
use writ_trust::digest::Digest;
use writ_trust::history::PastRelease;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::time::{Span, Time};

use super::assessment::{
    Activity, AssessmentAssets, AssociatedActivity, ReviewedControls, Subjects, SystemComponent, Task, Timing,
    appliance_uuid,
};
use super::basis::Basis;
use super::common::{BackMatter, Metadata, Property, Resource, Rlink};
use super::text::{markup, paragraphs};
use super::uuid::Uuid;
use crate::archive::Archive;
use crate::verify::VerifyReport;

/// `assessment-plan`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct AssessmentPlan {
    /// Its UUID.
    pub uuid: Uuid,
    /// About it.
    pub metadata: Metadata,
    /// The release, which stands for a plan of the system's security.
    pub import_ssp: Import,
    /// Appliances and activities.
    pub local_definitions: Definitions,
    /// All controls of the release.
    pub reviewed_controls: ReviewedControls,
    /// The appliances.
    pub assessment_subjects: [Subjects; 1],
    /// This program.
    pub assessment_assets: AssessmentAssets,
    /// One for each activity: when, and on which appliances.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<Task>,
    /// The release and its policies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub back_matter: Option<BackMatter>,
}

/// `import-ssp`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Import {
    /// `#` and the UUID of the release.
    pub href: String,
    /// Why.
    pub remarks: &'static str,
}

/// What a plan defines for itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Definitions {
    /// The appliances.
    pub components: Vec<SystemComponent>,
    /// One for each check and each duty. Where appliances ask for one check in different ways, one for each of those.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub activities: Vec<Activity>,
}

/// The plan of one verified release of an archive, as of `now`; none where the release names no appliance. `report` is what
/// verifying the folder came to.
pub fn plan(archive: &Archive, past: &PastRelease, report: &VerifyReport, now: Time) -> Option<AssessmentPlan> {
    let release = &past.release;
    let site = &release.site;
    let name = format!("{}-{}", release.epoch, release.serial);
    let policies: BTreeMap<&ApplianceId, Option<&Policy>> =
        release.generations.iter().map(|(id, g)| (id, archive.policies.get(&g.policy.digest))).collect();
    if policies.is_empty() {
        return None;
    }
    let known = || policies.iter().filter_map(|(appliance, policy)| Some((*appliance, (*policy)?)));
    let title = known().next().map_or_else(|| site.to_string(), |(_, policy)| policy.settings.title.clone());
    let mut metadata = Metadata::new(&format!("Assessment plan of {title} ({site}), release {name}"), &name, now);
    let unread = policies.iter().filter(|(_, policy)| policy.is_none()).map(|(appliance, _)| {
        format!("The policy of {appliance} is missing, altered or of an unknown schema: nothing of it is in this plan.")
    });
    Basis::new(report, unread).told_in(&mut metadata);
    metadata.props.push(Property::ours("release", &name));
    let controls: BTreeSet<&str> = known().flat_map(|(_, policy)| policy.controls.keys()).map(String::as_str).collect();
    let (activities, tasks) = activities(site, &known().collect::<Vec<_>>());
    let resources = resources(past, &name);
    Some(AssessmentPlan {
        uuid: Uuid::default(),
        metadata,
        import_ssp: Import {
            href: resources[0].href(),
            remarks: "There is no plan of the system's security beside it: the signed release and its policies say what each \
                      appliance runs and obeys.",
        },
        local_definitions: Definitions {
            components: policies
                .iter()
                .map(|(appliance, policy)| {
                    let unread = policy.is_none().then_some("Its policy could not be read.");
                    SystemComponent::appliance(site.as_str(), appliance, Some(&name), unread)
                })
                .collect(),
            activities,
        },
        reviewed_controls: ReviewedControls::of(controls),
        assessment_subjects: [Subjects::components(policies.keys().map(|a| appliance_uuid(site.as_str(), a)))],
        assessment_assets: AssessmentAssets::ours(),
        tasks,
        back_matter: BackMatter::of(resources),
    })
}

/// The release, and then its policies, each once.
fn resources(past: &PastRelease, name: &str) -> Vec<Resource> {
    let release = &past.release;
    let site = release.site.as_str();
    let path = format!("releases/{site}/{name}/release.json");
    let signers = past.signers.iter().map(|signer| Property::ours("signed-by", &signer.name));
    let itself = Resource {
        uuid: Uuid::of("release", &[site, &past.digest.to_string()]),
        title: markup(format!("Release {name} of {site}")),
        description: None,
        props: signers.collect(),
        rlinks: vec![Rlink::json(&path, Some(past.digest))],
    };
    let digests: BTreeSet<Digest> = release.generations.values().map(|g| g.policy.digest).collect();
    let policy = |digest: Digest| Resource {
        uuid: Uuid::of("policy", &[&digest.to_string()]),
        title: "A policy of the release".to_owned(),
        description: None,
        props: Vec::new(),
        rlinks: vec![Rlink::json(&format!("documents/{}.json", digest.hex()), Some(digest))],
    };
    std::iter::once(itself).chain(digests.into_iter().map(policy)).collect()
}

/// What is done on which appliances: the same where all that is said of it is the same.
type Grouped<'a, T> = BTreeMap<(&'a str, String), (&'a T, Vec<(&'a ApplianceId, &'a Policy)>)>;

fn grouped<'a, T: Serialize>(
    known: &[(&'a ApplianceId, &'a Policy)],
    of: impl Fn(&'a Policy) -> &'a BTreeMap<String, T>,
) -> Grouped<'a, T> {
    let mut all: Grouped<'a, T> = BTreeMap::new();
    for &(appliance, policy) in known {
        for (id, item) in of(policy) {
            // What cannot be written as JSON is in no policy; should it be, it stands for itself.
            let said = serde_json::to_vec(item).unwrap_or_default();
            let entry = all.entry((id.as_str(), Digest::of(&said).hex())).or_insert_with(|| (item, Vec::new()));
            entry.1.push((appliance, policy));
        }
    }
    all
}

fn activities(site: &SiteId, known: &[(&ApplianceId, &Policy)]) -> (Vec<Activity>, Vec<Task>) {
    let mut made: Vec<(Activity, Task)> = Vec::new();
    for ((id, said), (check, on)) in grouped(known, |policy| &policy.checks) {
        let controls: BTreeSet<&str> = on.iter().flat_map(|(_, policy)| policy.controls_of(id)).collect();
        let whole = check_activity(id, check, controls);
        made.push(finished(site, ("check", id, &said), whole, Some(&check.every), &on));
    }
    for ((id, said), (duty, on)) in grouped(known, |policy| &policy.duties) {
        let named =
            on.iter().flat_map(|(_, policy)| &policy.controls).filter(|(_, c)| c.duties.iter().any(|d| d == id));
        let controls: BTreeSet<&str> = named.map(|(control, _)| control.as_str()).collect();
        let whole = duty_activity(id, duty, controls);
        made.push(finished(site, ("duty", id, &said), whole, duty.cadence.every.as_ref(), &on));
    }
    made.into_iter().unzip()
}

/// An activity with its UUID, and its task.
fn finished(
    site: &SiteId,
    (kind, id, said): (&str, &str, &str),
    activity: Activity,
    every: Option<&Span>,
    on: &[(&ApplianceId, &Policy)],
) -> (Activity, Task) {
    let ids = [site.as_str(), kind, id, said];
    let uuid = Uuid::of("activity", &ids);
    let subjects = Subjects::components(on.iter().map(|(appliance, _)| appliance_uuid(site.as_str(), appliance)));
    let task = Task {
        uuid: Uuid::of("task", &ids),
        kind: "action",
        title: activity.title.clone(),
        timing: every.map(Timing::every),
        associated_activities: vec![AssociatedActivity { activity_uuid: uuid, subjects: vec![subjects] }],
    };
    (Activity { uuid, ..activity }, task)
}

fn related(controls: BTreeSet<&str>) -> Option<ReviewedControls> {
    (!controls.is_empty()).then(|| ReviewedControls::of(controls))
}

fn check_activity(id: &str, check: &Check, controls: BTreeSet<&str>) -> Activity {
    let preferred = check.prefer.as_ref().map(|prefer| format!("Preferred: {}.", markup(prefer)));
    let expected = format!(
        "The probe {} looks at {}, at least every {}. Expected: {}.",
        markup(&check.probe.name),
        if check.target == "self" { "the appliance itself".to_owned() } else { markup(&check.target) },
        markup(&check.every),
        markup(&check.expect)
    );
    let props = [
        Property::oscal("method", "TEST"),
        Property::ours("check", id),
        Property::ours("severity", check.severity),
        Property::ours("declared-at", &check.declared_at),
    ];
    Activity {
        uuid: Uuid::default(),
        title: markup(format!("{id}: {}", check.title)),
        description: paragraphs([markup(&check.title), expected].into_iter().chain(preferred)),
        props: props.into(),
        related_controls: related(controls),
    }
}

fn duty_activity(id: &str, duty: &Duty, controls: BTreeSet<&str>) -> Activity {
    let who = format!("By {}, {}.", markup(&duty.by), markup(&duty.cadence));
    let props = [
        Property::oscal("method", "EXAMINE"),
        Property::ours("duty", id),
        Property::ours("declared-at", &duty.declared_at),
    ];
    Activity {
        uuid: Uuid::default(),
        title: markup(format!("{id}: {}", duty.title)),
        description: paragraphs([markup(&duty.title), who, format!("Attached: {}.", markup(&duty.attach))]),
        props: props.into(),
        related_controls: related(controls),
    }
}
