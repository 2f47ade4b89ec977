//! `catalog`: the controls of baselines, by family of safeguards.
//!
//! The words of the rule books themselves are not in it: a control has the title that its rule book gives it, and what shows it
//! here. What a check expects, and how often it looks, are parameters, which a profile sets where a site asks for something else.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use writ_policy::check::Check;
use writ_policy::control::{self, Coverage, Requirement};
use writ_policy::duty::Duty;
use writ_trust::time::Time;

use super::common::{BackMatter, Link, Metadata, Property, Resource, Rlink};
use super::text::{line, markup, paragraphs, token};
use super::uuid::Uuid;

/// `catalog`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Catalog {
    /// Its UUID.
    pub uuid: Uuid,
    /// About it.
    pub metadata: Metadata,
    /// One group for each baseline.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
    /// The frameworks that controls have other ids in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub back_matter: Option<BackMatter>,
}

/// `group`: a baseline, or a family of safeguards of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// Its id, a token.
    pub id: String,
    /// `baseline` or `family`.
    pub class: &'static str,
    /// Its title, as markup.
    pub title: String,
    /// The families of a baseline.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
    /// The controls of a family.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<Control>,
}

/// `control`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Control {
    /// The token of its id.
    pub id: String,
    /// How the rule book puts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<&'static str>,
    /// Its title, as markup.
    pub title: String,
    /// What its checks expect, for those that no control before it names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<Parameter>,
    /// Its id as the rule book writes it, and what we say of it.
    pub props: Vec<Property>,
    /// Its ids in other frameworks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// What it asks for, and what shows it.
    pub parts: Vec<Part>,
}

/// `parameter`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Parameter {
    /// Its id, a token.
    pub id: String,
    /// What it is, as markup.
    pub label: String,
    /// What it is where nobody sets it.
    pub values: Vec<String>,
}

/// `part`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// Its id, a token.
    pub id: String,
    /// What sort.
    pub name: &'static str,
    /// Whose name that is; OSCAL's own where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ns: Option<&'static str>,
    /// Properties.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub props: Vec<Property>,
    /// What it says, as markup.
    pub prose: String,
    /// Its parts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// A baseline to be written down.
#[derive(Debug, Clone)]
pub struct Baseline<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its title.
    pub title: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Controls by id.
    pub controls: BTreeMap<&'a str, &'a control::Control>,
    /// Checks by id.
    pub checks: BTreeMap<&'a str, &'a Check>,
    /// Duties by id.
    pub duties: BTreeMap<&'a str, &'a Duty>,
}

/// Names and versions of baselines in one line, `hipaa 2026.2, hardening 2026.1`.
pub fn versions<'a>(baselines: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let each = baselines.into_iter().map(|(name, version)| format!("{name} {version}"));
    each.collect::<Vec<_>>().join(", ")
}

/// The token of a control's statement, which findings are about.
pub fn statement_id(control: &str) -> String {
    format!("{}_smt", token(control))
}

/// The token of the parameter that holds how often a check looks.
pub fn every_id(check: &str) -> String {
    format!("every.{}", token(check))
}

/// The token of the parameter that holds what a check expects.
pub fn expect_id(check: &str) -> String {
    format!("expect.{}", token(check))
}

/// The catalogue of some baselines. Two that have one control make a document with faults: one of them is to be chosen.
pub fn catalog(baselines: &[Baseline<'_>], now: Time) -> Catalog {
    let version = versions(baselines.iter().map(|b| (b.name, b.version)));
    let titles: Vec<&str> = baselines.iter().map(|b| b.title).collect();
    let mut metadata = Metadata::new(&titles.join(", "), &version, now);
    metadata.remarks = Some(
        "The words of the rule books are not in this catalogue: a control has its title there, and what shows it here."
            .to_owned(),
    );
    let mut writer = Writer { baselines, placed: BTreeSet::new(), frameworks: BTreeSet::new() };
    let groups = baselines.iter().map(|baseline| writer.baseline(baseline)).collect();
    let resources = writer.frameworks.iter().map(|name| framework(name)).collect();
    Catalog { uuid: Uuid::default(), metadata, groups, back_matter: BackMatter::of(resources) }
}

struct Writer<'a> {
    baselines: &'a [Baseline<'a>],
    /// Checks whose parameters are there already.
    placed: BTreeSet<String>,
    /// Frameworks that something links to.
    frameworks: BTreeSet<String>,
}

impl Writer<'_> {
    fn baseline(&mut self, baseline: &Baseline<'_>) -> Group {
        let mut families: BTreeMap<&str, Vec<(&str, &control::Control)>> = BTreeMap::new();
        for (id, control) in &baseline.controls {
            families.entry(family(&control.declared_at.file)).or_default().push((id, control));
        }
        let id = format!("baseline.{}", token(baseline.name));
        let groups = families
            .into_iter()
            .map(|(family, controls)| Group {
                id: format!("family.{}.{}", token(baseline.name), token(family)),
                class: "family",
                title: markup(family),
                groups: Vec::new(),
                controls: controls.into_iter().map(|(id, control)| self.control(baseline, id, control)).collect(),
            })
            .collect();
        Group { id, class: "baseline", title: markup(baseline.title), groups, controls: Vec::new() }
    }

    fn check<'b>(&'b self, own: &'b Baseline<'b>, id: &str) -> Option<&'b Check> {
        let others = || self.baselines.iter().find_map(|b| b.checks.get(id).copied());
        own.checks.get(id).copied().or_else(others)
    }

    fn control(&mut self, baseline: &Baseline<'_>, id: &str, control: &control::Control) -> Control {
        let mut params = Vec::new();
        for check_id in &control.checks {
            let Some((every, expect)) = self.check(baseline, check_id).map(parameters_of) else { continue };
            if self.placed.insert(check_id.clone()) {
                let about = markup(check_id);
                let every_label = format!("how often {about} looks, at least");
                params.push(Parameter { id: every_id(check_id), label: every_label, values: vec![every] });
                let expect_label = format!("what {about} expects");
                params.push(Parameter { id: expect_id(check_id), label: expect_label, values: vec![expect] });
            }
        }
        self.frameworks.extend(control.maps.keys().cloned());
        Control {
            id: token(id),
            class: control.requirement.map(requirement),
            title: markup(&control.title),
            params,
            props: vec![
                Property::oscal("label", id),
                Property::ours("coverage", coverage(control.coverage)),
                Property::ours("severity", control.severity),
                Property::ours("declared-at", &control.declared_at),
            ],
            links: links(&control.maps),
            parts: self.parts(baseline, id, control),
        }
    }

    fn parts(&self, baseline: &Baseline<'_>, id: &str, control: &control::Control) -> Vec<Part> {
        let asks = format!("{}: {} of {}.", markup(&control.title), markup(id), markup(baseline.title));
        let mut parts = vec![part(statement_id(id), "statement", asks)];
        let left_out = control.not_assessed.as_deref().map(|text| format!("Left out by the checks: {}", markup(text)));
        let procedure = control.procedure.as_deref().map(|text| format!("What people do: {}", markup(text)));
        let guidance = paragraphs(procedure.into_iter().chain(left_out));
        if !guidance.is_empty() {
            parts.push(part(format!("{}_gdn", token(id)), "guidance", guidance));
        }
        let mut objectives: Vec<Part> =
            control.checks.iter().map(|check| check_part(id, check, self.check(baseline, check))).collect();
        objectives
            .extend(control.duties.iter().map(|duty| duty_part(id, duty, baseline.duties.get(duty.as_str()).copied())));
        if !objectives.is_empty() {
            let all = part(
                format!("{}_obj", token(id)),
                "assessment-objective",
                "Determine whether all of this holds.".to_owned(),
            );
            parts.push(Part { parts: objectives, ..all });
        }
        parts
    }
}

/// What a check's parameters say: how often it looks, what it expects.
pub fn parameters_of(check: &Check) -> (String, String) {
    (line(&check.every), line(&check.expect))
}

fn part(id: String, name: &'static str, prose: String) -> Part {
    Part { id, name, ns: None, props: Vec::new(), prose, parts: Vec::new() }
}

fn check_part(control: &str, id: &str, check: Option<&Check>) -> Part {
    let prose = match check {
        Some(check) => format!(
            "{}. Expected: {{{{ insert: param, {} }}}}; looked at every {{{{ insert: param, {} }}}}.",
            markup(&check.title),
            expect_id(id),
            every_id(id)
        ),
        None => format!("{}, which none of these baselines declares.", markup(id)),
    };
    let props = check.map(|check| Property::ours("declared-at", &check.declared_at));
    Part {
        props: std::iter::once(Property::ours("check", id)).chain(props).collect(),
        ..part(format!("{}_obj.chk.{}", token(control), token(id)), "assessment-objective", prose)
    }
}

fn duty_part(control: &str, id: &str, duty: Option<&Duty>) -> Part {
    let prose = match duty {
        Some(duty) => format!(
            "{}: {}, by {}. Attached: {}.",
            markup(&duty.title),
            markup(&duty.cadence),
            markup(&duty.by),
            markup(&duty.attach)
        ),
        None => format!("{}, which this baseline does not declare.", markup(id)),
    };
    Part {
        props: vec![Property::ours("duty", id)],
        ..part(format!("{}_obj.dty.{}", token(control), token(id)), "assessment-objective", prose)
    }
}

/// There is one file for each family of safeguards.
fn family(file: &str) -> &str {
    file.rsplit('/').next().and_then(|name| name.strip_suffix(".nix")).unwrap_or(file)
}

/// How far machines can show a control, in one word.
pub fn coverage(coverage: Coverage) -> &'static str {
    match coverage {
        Coverage::Automated => "automated",
        Coverage::Partial => "partial",
        Coverage::Procedural => "procedural",
        Coverage::Inherited => "inherited",
    }
}

fn requirement(requirement: Requirement) -> &'static str {
    match requirement {
        Requirement::Standard => "standard",
        Requirement::Required => "required",
        Requirement::Addressable => "addressable",
    }
}

/// Frameworks that are known by name: their title, and where their own catalogue is, if there is one.
const FRAMEWORKS: &[(&str, &str, Option<&str>)] = &[
    (
        NIST,
        "NIST SP 800-53, revision 5",
        Some(
            "https://raw.githubusercontent.com/usnistgov/oscal-content/main/nist.gov/SP800-53/rev5/json/NIST_SP-800-53_rev5_catalog.json",
        ),
    ),
    ("soc2", "SOC 2: Trust Services Criteria of the AICPA", None),
    ("sop", "Standard operating procedures", None),
];
const NIST: &str = "nist-800-53";

fn framework_uuid(name: &str) -> Uuid {
    Uuid::of("framework", &[name])
}

fn framework(name: &str) -> Resource {
    let known = FRAMEWORKS.iter().find(|(known, _, _)| *known == name);
    let catalog = known.and_then(|(_, _, href)| *href);
    let rlink =
        catalog.map(|href| Rlink { href: href.to_owned(), media_type: Some("application/json"), hashes: Vec::new() });
    Resource {
        uuid: framework_uuid(name),
        title: known.map_or_else(|| markup(name), |(_, title, _)| markup(title)),
        description: None,
        props: vec![Property::ours("framework", name)],
        rlinks: rlink.into_iter().collect(),
    }
}

fn links(maps: &BTreeMap<String, Vec<String>>) -> Vec<Link> {
    let each = maps.iter().flat_map(|(framework, ids)| ids.iter().map(move |id| (framework, id)));
    let link = |(framework, id): (&String, &String)| Link {
        href: format!("#{}", framework_uuid(framework)),
        rel: "related",
        resource_fragment: Some(if framework == NIST { nist_id(id) } else { line(id) }),
        text: markup(format!("{framework} {id}")),
    };
    each.map(link).collect()
}

/// The id that NIST's own catalogue has: `CP-2(5)` is `cp-2.5`.
fn nist_id(id: &str) -> String {
    line(id.to_lowercase().replace('(', ".").replace(')', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_others() {
        assert_eq!([nist_id("CP-2(5)"), nist_id("CP-9")], ["cp-2.5", "cp-9"]);
        assert_eq!([family("baselines/hipaa/contingency.nix"), family("odd")], ["contingency", "odd"]);
        assert_eq!(statement_id("164.312(b)"), "c-164.312_b_smt");
    }
}
