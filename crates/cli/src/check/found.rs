//! What validation finds in the policies of a report. Appliances share most of their sections word for word, so each
//! distinct text is parsed and judged once, and its findings count for all who have it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::thread;

use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};
use writ_policy::schema::Registry;
use writ_policy::validate::{Context, Finding, LeftOut, Part, Scope, shape, validate_scope};
use writ_trust::time::Time;

use super::locate::{Wanted, locate, locate_exactly};
use super::mistake::{Mistake, Place};
use super::report::{Override, Report, Sections, SiteReport};
use super::source::Sources;
use super::told::placed;

/// What policies are judged by.
pub struct Judge<'a> {
    /// Every probe and step.
    pub registry: &'a Registry,
    /// The instant at which exceptions are judged.
    pub now: Time,
    /// Names that are no mistakes.
    pub left_out: &'a LeftOut,
    /// Whether what will be a mistake soon is told.
    pub soon: bool,
}

impl Judge<'_> {
    fn context<'c>(&'c self, common: &'c Map<String, Json>, own: &'c Map<String, Json>) -> Context<'c> {
        Context { common, own, registry: self.registry, now: self.now, left_out: self.left_out }
    }
}

/// Validation's mistakes, and the distinct checks it saw.
pub struct Found {
    /// The mistakes, in no order.
    pub mistakes: Vec<Mistake>,
    /// The ids of all checks.
    pub checks: BTreeSet<String>,
    /// Of them, those whose probe this version cannot look with.
    pub unobserved: BTreeSet<String>,
}

/// One appliance with a policy.
struct Subject<'a> {
    site: &'a str,
    report: &'a SiteReport<'a>,
    appliance: &'a str,
    sections: &'a Sections<'a>,
    overrides: Vec<&'a Override>,
}

/// A finding, the text at its path, and the appliances that have it (as indices).
struct Shared {
    finding: Finding,
    text: Option<String>,
    of: Vec<usize>,
}

type CommonText<'a> = [&'a str; 6];
type OwnText<'a> = [&'a str; 4];

/// A group of appliances whose common sections are the same, by their own sections.
type Group<'a> = (CommonText<'a>, HashMap<OwnText<'a>, Vec<usize>>);

/// What a group has, and the ids of its checks, each with whether this version has only the schema of its probe.
type Judged = (Vec<Shared>, Vec<(String, bool)>);

/// Judges every policy of the reports.
pub fn findings(reports: &[Report<'_>], judge: &Judge<'_>, sources: &Sources) -> Result<Found, serde_json::Error> {
    let subjects = subjects(reports);
    let mut groups: HashMap<CommonText<'_>, HashMap<OwnText<'_>, Vec<usize>>> = HashMap::new();
    for (i, subject) in subjects.iter().enumerate() {
        let s = subject.sections;
        let common = [s.controls, s.checks, s.rules, s.runbooks, s.duties, s.rules_version].map(RawValue::get);
        let own = [s.exceptions, s.settings, s.programs, s.secrets].map(RawValue::get);
        groups.entry(common).or_default().entry(own).or_default().push(i);
    }
    let groups: Vec<Group<'_>> = groups.into_iter().collect();
    let mut found = Found { mistakes: Vec::new(), checks: BTreeSet::new(), unobserved: BTreeSet::new() };
    for result in in_parallel(&groups, |group| judge_group(group, judge)) {
        let (shared, checks) = result?;
        for (id, unobserved) in checks {
            if unobserved {
                found.unobserved.insert(id.clone());
            }
            found.checks.insert(id);
        }
        for one in shared {
            found.mistakes.extend(mistakes(&one, &subjects, sources));
        }
    }
    Ok(found)
}

fn subjects<'a>(reports: &'a [Report<'a>]) -> Vec<Subject<'a>> {
    let mut subjects = Vec::new();
    for (site, report) in reports.iter().flat_map(|report| &report.sites) {
        for (appliance, said) in &report.appliances {
            let Some(sections) = &said.policy else { continue };
            let overrides = report.overrides.iter().chain(&said.overrides).collect();
            subjects.push(Subject { site, report, appliance, sections, overrides });
        }
    }
    subjects
}

/// Runs `work` over the items on all processors, in order of the items.
fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let processors = thread::available_parallelism().map_or(1, usize::from).min(items.len()).max(1);
    if processors == 1 {
        return items.iter().map(work).collect();
    }
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> = items
            .chunks(items.len().div_ceil(processors))
            .map(|chunk| scope.spawn(move || chunk.iter().map(work).collect::<Vec<R>>()))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

fn judge_group((texts, owners): &Group<'_>, judge: &Judge<'_>) -> Result<Judged, serde_json::Error> {
    let names = ["controls", "checks", "rules", "runbooks", "duties", "rules_version"];
    let common = parsed(&names, texts)?;
    let everyone: Vec<usize> = owners.values().flatten().copied().collect();
    let mut shared = Vec::new();
    let nothing = Map::new();
    let findings = validate_scope(&judge.context(&common, &nothing), Scope::Common)
        .into_iter()
        .chain(shape::rules_version(&common));
    shared.extend(findings.map(|finding| Shared { text: text(&common, &finding), finding, of: everyone.clone() }));
    for (texts, of) in owners {
        let own = parsed(&["exceptions", "settings", "programs", "secrets"], texts)?;
        let mut findings = validate_scope(&judge.context(&common, &own), Scope::Own);
        if judge.soon {
            findings.extend(validate_scope(&judge.context(&common, &own), Scope::Soon));
        }
        for finding in findings {
            let text = text(&own, &finding).or_else(|| text(&common, &finding));
            shared.push(Shared { text, finding, of: of.clone() });
        }
    }
    Ok((shared, checks(&common, judge.registry)))
}

/// The ids of the checks, each with whether this version has only the schema of its probe.
fn checks(common: &Map<String, Json>, registry: &Registry) -> Vec<(String, bool)> {
    let unobserved = |check: &Json| {
        // The call is one name with its parameters; another form is a finding, and no reason to stop counting.
        let call = check.get("probe").and_then(Json::as_object);
        call.is_some_and(|call| call.keys().any(|name| registry.unobserved(name)))
    };
    let checks = common.get("checks").and_then(Json::as_object).into_iter().flatten();
    checks.map(|(id, check)| (id.clone(), unobserved(check))).collect()
}

fn parsed(names: &[&str], texts: &[&str]) -> Result<Map<String, Json>, serde_json::Error> {
    names.iter().zip(texts).map(|(name, text)| Ok(((*name).to_owned(), serde_json::from_str(text)?))).collect()
}

/// The string that stands at a finding's path.
fn text(policy: &Map<String, Json>, finding: &Finding) -> Option<String> {
    let (first, rest) = finding.path.split_first()?;
    let value = rest.iter().try_fold(policy.get(first)?, |value, key| match value {
        Json::Array(entries) => entries.get(key.parse::<usize>().ok()?),
        _ => value.get(key),
    })?;
    value.as_str().map(str::to_owned)
}

/// One mistake for each place that a finding has: overrides and settings give appliances different ones.
fn mistakes(shared: &Shared, subjects: &[Subject<'_>], sources: &Sources) -> Vec<Mistake> {
    let mut by_place: BTreeMap<Origin, BTreeSet<String>> = BTreeMap::new();
    for subject in shared.of.iter().filter_map(|i| subjects.get(*i)) {
        let name = format!("{}/{}", subject.site, subject.appliance);
        by_place.entry(Origin::of(&shared.finding, subject)).or_default().insert(name);
    }
    let finding = &shared.finding;
    by_place
        .into_iter()
        .map(|(origin, appliances)| Mistake {
            code: finding.code.to_string(),
            severity: finding.severity,
            message: finding.message.clone(),
            expected: finding.expected.clone(),
            nearest: finding.nearest.clone(),
            help: finding.help.clone(),
            path: finding.path.clone(),
            place: origin.place(finding.part, shared.text.as_deref(), sources),
            related: finding
                .related
                .iter()
                .filter_map(|related| {
                    let path = related.path.clone();
                    let at = Origin { file: related.at.file.clone(), line: related.at.line, column: None, path };
                    // Of a whole item, the name is meant.
                    let part = if related.path.len() > 2 { Part::Value } else { Part::Key };
                    Some((at.place(part, None, sources)?, related.label.clone()))
                })
                .collect(),
            appliances,
        })
        .collect()
}

/// Where to look for a finding's place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Origin {
    file: String,
    /// 0: anywhere below the file's root expression.
    line: u32,
    column: Option<u32>,
    path: Vec<String>,
}

impl Origin {
    fn of(finding: &Finding, subject: &Subject<'_>) -> Self {
        let overridden =
            subject.overrides.iter().rev().find(|o| !o.path.is_empty() && finding.path.starts_with(&o.path));
        if let Some((changed, at)) = overridden.and_then(|o| Some((o, o.declared_at.as_ref()?))) {
            let (mut path, rest) = (changed.path.clone(), &finding.path[changed.path.len()..]);
            path.push("value".to_owned());
            path.extend(rest.iter().cloned());
            return Self { file: at.file.clone(), line: at.line, column: Some(at.column), path };
        }
        match &finding.declared_at {
            Some(at) => Self { file: at.file.clone(), line: at.line, column: None, path: finding.path.clone() },
            None => {
                let mut path: Vec<String> = finding.path.iter().skip(1).cloned().collect();
                if path.starts_with(&["escalation".to_owned(), "contacts".to_owned()]) {
                    path.remove(0);
                }
                Self { file: subject.report.file.clone(), line: 0, column: None, path }
            }
        }
    }

    fn place(&self, part: Part, text: Option<&str>, sources: &Sources) -> Option<Place> {
        let Some(source) = sources.get(&self.file) else {
            let line = self.line.max(1);
            return Some(Place { file: self.file.clone(), line, column: 1, start: 0, length: 0, width: 0 });
        };
        let wanted = Wanted { line: self.line.max(1), column: self.column, path: &self.path, part, text };
        let range = if self.line == 0 {
            locate_exactly(&source, &wanted).unwrap_or_else(|| source.line(1))
        } else {
            locate(&source, &wanted)
        };
        Some(placed(&self.file, &source, range))
    }
}
