//! `assessment-results`: what a site's evidence of a period comes to, control by control.

use std::collections::BTreeMap;

use serde::Serialize;
use writ_trust::digest::Digest;
use writ_trust::time::Time;

use super::assessment::{
    AssessmentAssets, Evidence, Observation, Origin, RelatedObservation, RelatedRisk, ReviewedControls, Risk, Subject,
    SystemComponent, appliance_uuid,
};
use super::basis::Basis;
use super::catalog::{coverage, statement_id, versions};
use super::common::{BackMatter, Metadata, Property, Resource, Rlink};
use super::plan::AssessmentPlan;
use super::text::{markup, paragraphs, stamp};
use super::uuid::Uuid;
use super::{Model, exceptions};
use crate::compare::Verdict;
use crate::compare::model::{CheckFinding, Comparison, ControlFinding, Link};
use crate::report::doubt;
use crate::words::{lasting, of, when};

/// `assessment-results`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct AssessmentResults {
    /// Its UUID.
    pub uuid: Uuid,
    /// About it.
    pub metadata: Metadata,
    /// The plan's file.
    pub import_ap: Import,
    /// The period.
    pub results: [Assessed; 1],
    /// The bundles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub back_matter: Option<BackMatter>,
}

/// `import-ap`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Import {
    /// A file beside this one.
    pub href: &'static str,
    /// What it is to be.
    pub remarks: String,
}

/// `result`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Assessed {
    /// Its UUID.
    pub uuid: Uuid,
    /// Of what, as markup.
    pub title: String,
    /// What came of it, as markup.
    pub description: String,
    /// The beginning of the period.
    pub start: Time,
    /// Its end, not included.
    pub end: Time,
    /// In figures.
    pub props: Vec<Property>,
    /// The appliances, and this program.
    pub local_definitions: Definitions,
    /// All controls of the site.
    pub reviewed_controls: ReviewedControls,
    /// One for each check of each appliance.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub observations: Vec<Observation>,
    /// One for each exception.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub risks: Vec<Risk>,
    /// One for each control.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// What must be known, as markup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remarks: Option<String>,
}

/// What a document of results defines for itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Definitions {
    /// The appliances.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<SystemComponent>,
    /// This program.
    pub assessment_assets: AssessmentAssets,
}

impl Definitions {
    /// The appliances of a comparison.
    pub fn of(c: &Comparison) -> Self {
        let components = c.appliances.iter().map(|a| {
            let (release, why) = (a.release.as_deref(), a.not_assessable.as_deref());
            SystemComponent::appliance(c.site.as_str(), &a.appliance, release, why)
        });
        Self { components: components.collect(), assessment_assets: AssessmentAssets::ours() }
    }
}

/// `finding`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Finding {
    /// Its UUID.
    pub uuid: Uuid,
    /// The control, as markup.
    pub title: String,
    /// The verdict and why, as markup.
    pub description: String,
    /// Properties.
    pub props: Vec<Property>,
    /// By whom.
    pub origins: [Origin; 1],
    /// What it is about, and what that comes to.
    pub target: Target,
    /// The checks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related_observations: Vec<RelatedObservation>,
    /// The exceptions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related_risks: Vec<RelatedRisk>,
}

/// `finding-target`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Target {
    /// Always `statement-id`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The control's statement.
    pub target_id: String,
    /// What it comes to.
    pub status: TargetStatus,
    /// Whether it applies, and how far anything is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub implementation_status: Option<ImplementationStatus>,
}

/// What a control comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TargetStatus {
    /// `satisfied` or `not-satisfied`.
    pub state: &'static str,
    /// `pass`, `fail` or `other`.
    pub reason: &'static str,
    /// Our word for it.
    pub remarks: String,
}

/// `implementation-status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImplementationStatus {
    /// `not-applicable`, `alternative` or `partial`.
    pub state: &'static str,
}

/// The bundles of a comparison, by their paths, with the digests of their bytes where those could be read.
pub type Digests = BTreeMap<String, Digest>;

/// The results of a comparison, as of `now`.
pub fn results(c: &Comparison, digests: &Digests, now: Time) -> AssessmentResults {
    let version = versions(c.baselines.iter().map(|(name, version)| (name.as_str(), version.as_str())));
    let mut metadata = Metadata::new(&format!("Assessment results of {} ({})", c.title, c.site), &version, now);
    let basis = basis(c);
    basis.told_in(&mut metadata);
    metadata.parties = exceptions::parties(c);
    let site = c.site.as_str();
    let [from, to] = [c.period.from, c.period.to].map(|at| at.to_string());
    let assessed = Assessed {
        uuid: Uuid::of("result", &[site, &from, &to]),
        title: markup(format!("{site} from {} to {}", when(c.period.from), when(c.period.to))),
        description: told(c),
        start: stamp(c.period.from),
        end: stamp(c.period.to),
        props: figures(c),
        local_definitions: Definitions::of(c),
        reviewed_controls: ReviewedControls::of(c.controls.iter().map(|control| control.control.as_str())),
        observations: c.checks.iter().map(|check| observation(c, check)).collect(),
        risks: c.exceptions.iter().map(|e| exceptions::risk(c, e)).collect(),
        findings: c.controls.iter().map(|control| finding(c, control)).collect(),
        remarks: basis.said(),
    };
    let links = c.checks.iter().flat_map(|check| &check.evidence);
    AssessmentResults {
        uuid: Uuid::default(),
        metadata,
        import_ap: Import {
            href: AssessmentPlan::FILE,
            remarks: "The plan of the release in force; `writ export oscal assessment-plan` makes it.".to_owned(),
        },
        results: [assessed],
        back_matter: BackMatter::of(resources(site, links, digests)),
    }
}

/// What a comparison rests on.
pub fn basis(c: &Comparison) -> Basis {
    let unjudged =
        c.appliances.iter().filter_map(|a| Some(format!("{}: {}.", a.appliance, a.not_assessable.as_ref()?)));
    Basis::new(&c.verification, unjudged)
}

fn told(c: &Comparison) -> String {
    let counts = c.verdicts.iter().filter(|(_, n)| **n > 0).map(|(verdict, n)| format!("{n} {verdict}"));
    paragraphs([
        markup(format!("Controls: {}.", counts.collect::<Vec<_>>().join(", "))),
        "`satisfied` is said of what is wholly demonstrated, and of nothing else: what is demonstrated in part, excepted, done by \
         people, provided by others, not applicable, not assessable or without evidence is `not-satisfied`, with the reason \
         `other` and our own word beside it."
            .to_owned(),
    ])
}

fn figures(c: &Comparison) -> Vec<Property> {
    let share = |score: &crate::compare::model::Score| format!("{} of {}", score.met, score.of);
    vec![
        Property::ours("verified", c.verification.ok),
        Property::ours("controls-met", share(&c.score)),
        Property::ours("controls-met-without-exceptions", share(&c.score_without_exceptions)),
        Property::ours("incidents-detected", c.incident_summary.detected),
        Property::ours("incidents-open", c.incident_summary.open),
        Property::ours("incidents-sla-missed", c.incident_summary.sla_missed),
    ]
}

/// A resource for each bundle that something links to, once.
pub fn resources<'a>(site: &str, links: impl Iterator<Item = &'a Link>, digests: &Digests) -> Vec<Resource> {
    let each: BTreeMap<&str, &Link> = links.map(|link| (link.path.as_str(), link)).collect();
    let resource = |(path, link): (&str, &Link)| {
        let digest = digests.get(path).copied();
        let unread = digest.is_none().then(|| "It could not be read again: its digest is not known.".to_owned());
        Resource {
            uuid: bundle_uuid(site, path),
            title: markup(format!("Evidence bundle {}", link.bundle_id)),
            description: unread,
            props: vec![Property::ours("bundle-id", link.bundle_id)],
            rlinks: vec![Rlink::json(path, digest)],
        }
    };
    each.into_iter().map(resource).collect()
}

fn bundle_uuid(site: &str, path: &str) -> Uuid {
    Uuid::of("bundle", &[site, path])
}

/// References to bundles.
pub fn evidence(site: &str, links: &[Link]) -> Vec<Evidence> {
    let one = |link: &Link| Evidence {
        href: format!("#{}", bundle_uuid(site, &link.path)),
        description: markup(format!("Evidence bundle {} at {}", link.bundle_id, link.path)),
    };
    links.iter().map(one).collect()
}

fn observation_uuid(c: &Comparison, check: &CheckFinding) -> Uuid {
    let [from, to] = [c.period.from, c.period.to].map(|at| at.to_string());
    Uuid::of("observation", &[c.site.as_str(), &from, &to, check.appliance.as_str(), &check.check])
}

fn observation(c: &Comparison, check: &CheckFinding) -> Observation {
    let site = c.site.as_str();
    let numbers = &check.arithmetic;
    let arithmetic = format!(
        "{} of {} due in {}; longest gap {} of {} allowed; failed {}, {} in all, {} at most",
        of(numbers.runs, "run"),
        numbers.scheduled,
        lasting(numbers.asked_for_seconds),
        lasting(numbers.longest_gap_seconds),
        lasting(numbers.allowed_gap_seconds),
        of(numbers.failures, "time"),
        lasting(numbers.seconds_in_failure),
        lasting(numbers.longest_failure_seconds)
    );
    let props = [
        Property::ours("check", &check.check),
        Property::ours("target", &check.target),
        Property::ours("verdict", check.verdict),
        Property::ours("verdict-without-exceptions", check.verdict_without_exceptions),
        Property::ours("severity", check.severity),
        Property::ours("every", &check.every),
        Property::ours("expects", &check.expects),
        Property::ours("declared-at", &check.declared_at),
        Property::ours("bundles", check.bundles),
    ];
    Observation {
        uuid: observation_uuid(c, check),
        title: markup(format!("{} on {}", check.check, check.appliance)),
        description: paragraphs([markup(&check.title), markup(check.line()), markup(arithmetic)]),
        props: props.into(),
        methods: ["TEST"],
        types: ["control-objective"],
        origins: [Origin::tool()],
        subjects: vec![Subject::component(appliance_uuid(site, &check.appliance))],
        relevant_evidence: evidence(site, &check.evidence),
        collected: stamp(numbers.last_at.unwrap_or(c.period.to)),
    }
}

fn finding(c: &Comparison, control: &ControlFinding) -> Finding {
    let [from, to] = [c.period.from, c.period.to].map(|at| at.to_string());
    let id = control.control.as_str();
    let mut props = vec![
        Property::oscal("label", id),
        Property::ours("verdict", control.verdict),
        Property::ours("verdict-without-exceptions", control.verdict_without_exceptions),
        Property::ours("coverage", coverage(control.coverage)),
        Property::ours("severity", control.severity),
        Property::ours("declared-at", &control.declared_at),
    ];
    props.extend(control.duties.iter().map(|duty| Property::ours("duty", &duty.id)));
    let reasons = control.reasons.iter().map(markup);
    let people = control.procedure.as_deref().map(|text| format!("People do it: {}", markup(text)));
    let left = control.not_assessed.as_deref().map(|text| format!("Left out by the checks: {}", markup(text)));
    let verdict = markup(format!("{}: {}.", control.title, control.verdict));
    Finding {
        uuid: Uuid::of("finding", &[c.site.as_str(), &from, &to, id]),
        title: markup(format!("{id} {}", control.title)),
        description: paragraphs(std::iter::once(verdict).chain(reasons).chain(people).chain(left)),
        props,
        origins: [Origin::tool()],
        target: Target {
            kind: "statement-id",
            target_id: statement_id(id),
            status: status(c, control),
            implementation_status: implementation(control.verdict),
        },
        related_observations: related(
            control.checks.iter().filter_map(|i| c.checks.get(*i)).map(|k| observation_uuid(c, k)),
        ),
        related_risks: control
            .exceptions
            .iter()
            .map(|id| RelatedRisk { risk_uuid: exceptions::risk_uuid(c, id) })
            .collect(),
    }
}

fn related(uuids: impl Iterator<Item = Uuid>) -> Vec<RelatedObservation> {
    uuids.map(|observation_uuid| RelatedObservation { observation_uuid }).collect()
}

/// What a control comes to in OSCAL's words. No verdict but the best may become `satisfied`, and none where anything of the folder
/// is in doubt.
fn status(c: &Comparison, control: &ControlFinding) -> TargetStatus {
    let doubt = doubt::on_controls(c).map(|doubt| format!("but {doubt}"));
    let (state, reason) = match (control.verdict, &doubt) {
        (Verdict::Demonstrated, None) => ("satisfied", "pass"),
        (Verdict::Failed, _) => ("not-satisfied", "fail"),
        (
            Verdict::Demonstrated
            | Verdict::PartlyDemonstrated
            | Verdict::Excepted
            | Verdict::NoEvidence
            | Verdict::NotAssessable
            | Verdict::Procedural
            | Verdict::Inherited
            | Verdict::NotApplicable,
            _,
        ) => ("not-satisfied", "other"),
    };
    let doubt = doubt.filter(|_| control.verdict == Verdict::Demonstrated);
    let words = std::iter::once(control.verdict.to_string()).chain(doubt);
    TargetStatus { state, reason, remarks: markup(words.collect::<Vec<_>>().join(", ")) }
}

fn implementation(verdict: Verdict) -> Option<ImplementationStatus> {
    let state = match verdict {
        Verdict::NotApplicable => "not-applicable",
        Verdict::Inherited | Verdict::Procedural => "alternative",
        Verdict::PartlyDemonstrated => "partial",
        Verdict::Failed | Verdict::NoEvidence | Verdict::NotAssessable | Verdict::Excepted | Verdict::Demonstrated => {
            return None;
        }
    };
    Some(ImplementationStatus { state })
}
