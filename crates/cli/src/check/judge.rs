//! Judging policies. Appliances share most of what they must obey, so a base is judged once for all who have it as it is,
//! and whatever else is the same word for word is judged once too.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Result, Value as Json};
use writ_policy::delta::{Base, Delta, Overlay, Own, Site};
use writ_policy::schema::Registry;
use writ_policy::validate::{COMMON_SECTIONS, Context, Finding, LeftOut, Scope, shape, validate_scope};
use writ_trust::digest::Digest;
use writ_trust::time::Time;

use super::left_outs::LeftOuts;

/// What policies are judged by.
pub struct Judge<'a> {
    /// Every probe and step.
    registry: &'a Registry,
    /// The instant at which exceptions are judged.
    now: Time,
    /// Whether what will be a mistake soon is told.
    soon: bool,
    /// The bases that were judged, by their text and by the names that were left out.
    bases: Mutex<HashMap<(Digest, LeftOut), Arc<Judged>>>,
}

/// Ids of checks, each with whether this version has only the schema of its probe.
pub type Checks = BTreeSet<(String, bool)>;

/// A finding, the text at its path, and the appliances that have it: places in [`Found::subjects`].
pub struct Shared {
    /// The finding.
    pub finding: Finding,
    /// What stands at its path, where that is a string.
    pub text: Option<String>,
    /// Who has it.
    pub of: Vec<usize>,
}

/// One appliance with a policy.
pub struct Subject {
    /// Its site.
    pub site: String,
    /// Its name.
    pub appliance: String,
    /// The checks of its base, which many appliances have.
    pub checks: Arc<Checks>,
    /// The checks that it has, or has otherwise, beside those.
    pub own_checks: Checks,
    /// For how long what was found of it is true.
    pub holds: Holds,
}

impl Holds {
    /// Whether it holds at an instant.
    pub fn at(self, now: Time) -> bool {
        self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|until| now < until)
    }

    /// The time within which both hold.
    pub fn and(self, other: Self) -> Self {
        let until = match (self.until, other.until) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Self { from: self.from.max(other.from), until }
    }
}

impl Subject {
    fn new(site: &str, appliance: &str) -> Self {
        Self {
            site: site.to_owned(),
            appliance: appliance.to_owned(),
            checks: Arc::default(),
            own_checks: Checks::new(),
            holds: Holds::default(),
        }
    }
}

/// The time within which the calendar says what it says now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holds {
    /// From this instant on; none: always before.
    pub from: Option<Time>,
    /// Before this instant; none: for ever.
    pub until: Option<Time>,
}

/// What validation found in the policies of one evaluation.
#[derive(Default)]
pub struct Found {
    /// The appliances that were judged.
    pub subjects: Vec<Subject>,
    /// What they have.
    pub findings: Vec<Shared>,
}

/// Sections that policies share, and what is wrong with them whatever else the policies say.
struct Judged {
    sections: Map<String, Json>,
    findings: Vec<(Finding, Option<String>)>,
    checks: Arc<Checks>,
    /// What is wrong with a `rules_version`, by its text.
    versions: Mutex<HashMap<String, Option<Finding>>>,
}

/// A section, or a part of one, by its text.
type Texts<'a> = BTreeMap<&'a str, &'a str>;

/// What a policy is made of apart from what [`OwnKey`] has: which base, which of the names left out, what it sets and
/// drops, and its `rules_version`.
#[derive(PartialEq, Eq, Hash)]
struct CommonKey<'a> {
    base: &'a str,
    left_out: usize,
    set: Texts<'a>,
    drop: Texts<'a>,
    rules_version: &'a str,
}

/// Exceptions, what is changed of them, settings, programs, secrets, and those that are sealed: empty where none are.
type OwnKey<'a> = [&'a str; 7];

/// The appliances of each key, by what they have for themselves.
type Owners<'a> = HashMap<OwnKey<'a>, Vec<usize>>;

struct Group<'a> {
    key: CommonKey<'a>,
    owners: Owners<'a>,
}

impl Judged {
    /// Those of its sections that an overlay changes.
    fn under(&self, overlay: &Overlay) -> Map<String, Json> {
        let changed = |(name, section): (&String, &Json)| {
            let items = section.as_object().filter(|_| !overlay.leaves(name))?;
            Some((name.clone(), Json::Object(overlay.over(name, items))))
        };
        self.sections.iter().filter_map(changed).collect()
    }

    /// What is wrong with a `rules_version` beside its rules and runbooks.
    fn version(&self, text: &str) -> Result<Option<Finding>> {
        if let Some(known) = locked(&self.versions).get(text) {
            return Ok(known.clone());
        }
        let finding = rules_version(&Sections::of(&self.sections), text)?;
        locked(&self.versions).insert(text.to_owned(), finding.clone());
        Ok(finding)
    }
}

/// The sections of a base, and what stands in their place.
struct Sections<'a> {
    changed: Map<String, Json>,
    base: &'a Map<String, Json>,
}

impl<'a> Sections<'a> {
    /// Those of a base as they are.
    fn of(base: &'a Map<String, Json>) -> Self {
        Self { changed: Map::new(), base }
    }

    fn get(&self, name: &str) -> Option<&Json> {
        self.changed.get(name).or_else(|| self.base.get(name))
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn items<'j>(sections: &'j Map<String, Json>, name: &str) -> Option<&'j Map<String, Json>> {
    sections.get(name)?.as_object()
}

impl<'a> Judge<'a> {
    /// A judge that has seen nothing yet.
    pub fn new(registry: &'a Registry, now: Time, soon: bool) -> Self {
        Self { registry, now, soon, bases: Mutex::default() }
    }

    /// Judges every policy of an evaluation; `left_out` has the names that are no mistakes of a site.
    pub fn policies(&self, delta: &Delta, left_out: &LeftOuts) -> Result<Found> {
        self.policies_of(delta, left_out, &|_, _| true)
    }

    /// Judges the policies of the appliances that `wanted` names by site and appliance, and of all others what they share
    /// as it is.
    pub fn policies_of(&self, delta: &Delta, left_out: &LeftOuts, wanted: &Wanted<'_>) -> Result<Found> {
        let mut found = Found::default();
        let mut sharing: BTreeMap<&str, Vec<(usize, &Own)>> = BTreeMap::new();
        let mut groups: HashMap<CommonKey<'_>, Owners<'_>> = HashMap::new();
        for (site, said) in &delta.sites {
            for (appliance, its) in &said.appliances {
                let (Some(base), Some(own)) = (&its.base, &its.policy) else { continue };
                if !wanted(site, appliance) {
                    sharing.entry(base).or_default().push((found.subjects.len(), own));
                    found.subjects.push(Subject::new(site, appliance));
                    continue;
                }
                let key = common_key(base, own, left_out.of(site));
                groups.entry(key).or_default().entry(own_key(said, own)).or_default().push(found.subjects.len());
                found.subjects.push(Subject::new(site, appliance));
            }
        }
        let mut bases: HashMap<(&str, usize), Arc<Judged>> = HashMap::new();
        for (key, owners) in groups {
            let names = left_out.get(key.left_out);
            let known = bases.get(&(key.base, key.left_out)).cloned();
            let base = match known {
                Some(known) => known,
                None => self.base(delta.bases.get(key.base).ok_or_else(|| no_base(key.base))?, names)?,
            };
            bases.insert((key.base, key.left_out), Arc::clone(&base));
            self.group(Group { key, owners }, &base, names, &mut found)?;
        }
        for (key, of) in sharing {
            let base = self.base(delta.bases.get(key).ok_or_else(|| no_base(key))?, left_out.get(0))?;
            found.findings.extend(base.findings.iter().filter_map(|(finding, text)| of_those(finding, text, &of)));
        }
        Ok(found)
    }

    /// A base, judged now or before.
    fn base(&self, base: &Base, left_out: &LeftOut) -> Result<Arc<Judged>> {
        let texts = [&base.controls, &base.checks, &base.rules, &base.runbooks, &base.duties];
        let digests: Vec<u8> = texts.iter().flat_map(|text| *Digest::of(text.get().as_bytes()).as_bytes()).collect();
        let key = (Digest::of(&digests), left_out.clone());
        let known = locked(&self.bases).get(&key).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let sections = base.sections()?;
        let judged = Arc::new(Judged {
            findings: self.common(&Sections::of(&sections), left_out),
            checks: Arc::new(checks(items(&sections, "checks"), self.registry)),
            sections,
            versions: Mutex::default(),
        });
        locked(&self.bases).insert(key, Arc::clone(&judged));
        Ok(judged)
    }

    fn common(&self, sections: &Sections<'_>, left_out: &LeftOut) -> Vec<(Finding, Option<String>)> {
        let nothing = Map::new();
        let findings = validate_scope(&self.context(sections, &nothing, left_out), Scope::Common);
        let texts: Vec<Option<String>> =
            findings.iter().map(|finding| text(|name| sections.get(name), finding)).collect();
        findings.into_iter().zip(texts).collect()
    }

    /// Judges the appliances whose common sections are the same.
    fn group(&self, group: Group<'_>, base: &Judged, left_out: &LeftOut, found: &mut Found) -> Result<()> {
        let Group { key, owners } = group;
        let overlay = overlay(&key.set, &key.drop)?;
        let changed = COMMON_SECTIONS.iter().any(|section| !overlay.leaves(section));
        let sections = Sections { changed: base.under(&overlay), base: &base.sections };
        let mut findings = match changed {
            true => self.common(&sections, left_out),
            false => base.findings.clone(),
        };
        let version = match overlay.leaves("rules") && overlay.leaves("runbooks") {
            true => base.version(key.rules_version)?,
            false => rules_version(&sections, key.rules_version)?,
        };
        findings.extend(version.map(|finding| (finding, None)));
        let everyone: Vec<usize> = owners.values().flatten().copied().collect();
        let shared = findings.into_iter().map(|(finding, text)| Shared { finding, text, of: everyone.clone() });
        found.findings.extend(shared);
        let (of_base, of_own) = self.checks(base, &overlay);
        for (texts, of) in owners {
            let own = own_sections(&texts)?;
            self.own(&sections, &own, left_out, &of, &mut found.findings);
            let holds = holds(items(&own, "exceptions"), self.now);
            for i in of {
                let Some(subject) = found.subjects.get_mut(i) else { continue };
                subject.checks = Arc::clone(&of_base);
                subject.own_checks = of_own.clone();
                subject.holds = holds;
            }
        }
        Ok(())
    }

    /// What is wrong with what some appliances have for themselves.
    fn own(
        &self,
        sections: &Sections<'_>,
        own: &Map<String, Json>,
        left_out: &LeftOut,
        of: &[usize],
        found: &mut Vec<Shared>,
    ) {
        let context = self.context(sections, own, left_out);
        let mut findings = validate_scope(&context, Scope::Own);
        if self.soon {
            findings.extend(validate_scope(&context, Scope::Soon));
        }
        found.extend(findings.into_iter().map(|finding| Shared {
            text: text(|name| own.get(name).or_else(|| sections.get(name)), &finding),
            finding,
            of: of.to_vec(),
        }));
    }

    /// The checks of a base, and those that an overlay adds; all are the overlay's where it drops some.
    fn checks(&self, base: &Judged, overlay: &Overlay) -> (Arc<Checks>, Checks) {
        if overlay.drop.get("checks").is_some_and(|drop| !drop.is_empty()) {
            let left = items(&base.sections, "checks").map(|below| overlay.over("checks", below));
            return (Arc::default(), checks(left.as_ref(), self.registry));
        }
        (Arc::clone(&base.checks), checks(overlay.set.get("checks"), self.registry))
    }

    fn context<'c>(
        &'c self,
        sections: &'c Sections<'_>,
        own: &'c Map<String, Json>,
        left_out: &'c LeftOut,
    ) -> Context<'c> {
        let (common, base) = (&sections.changed, Some(sections.base));
        Context { common, base, own, registry: self.registry, now: self.now, left_out }
    }
}

/// A finding of a base as one of those who have the section that it is in as it is; none where nobody has.
fn of_those(finding: &Finding, text: &Option<String>, of: &[(usize, &Own)]) -> Option<Shared> {
    let section = finding.path.first()?;
    let leaves = |own: &Own| !own.set.contains_key(section) && !own.drop.contains_key(section);
    let of: Vec<usize> = of.iter().filter(|(_, own)| leaves(own)).map(|(subject, _)| *subject).collect();
    let shared = || Shared { finding: finding.clone(), text: text.clone(), of: of.clone() };
    (!of.is_empty()).then(shared)
}

/// What an appliance and its site say for themselves, as text: what its policy has beside what it shares with others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnTexts<'a> {
    set: Texts<'a>,
    drop: Texts<'a>,
    own: OwnKey<'a>,
}

/// What an appliance says for itself; none of one without a policy.
pub fn own<'a>(delta: &'a Delta, site: &str, appliance: &str) -> Option<OwnTexts<'a>> {
    let said = delta.sites.get(site)?;
    let policy = said.appliances.get(appliance)?.policy.as_ref()?;
    let key = common_key("", policy, 0);
    Some(OwnTexts { set: key.set, drop: key.drop, own: own_key(said, policy) })
}

/// Whether an appliance is meant, by its site and its name.
pub type Wanted<'a> = dyn Fn(&str, &str) -> bool + 'a;

fn no_base(key: &str) -> serde_json::Error {
    serde::de::Error::custom(format!("there is no base {key:?}"))
}

fn common_key<'a>(base: &'a str, own: &'a Own, left_out: usize) -> CommonKey<'a> {
    fn common(of: &BTreeMap<String, Box<RawValue>>) -> Texts<'_> {
        let texts = of.iter().filter(|(section, _)| COMMON_SECTIONS.contains(&section.as_str()));
        texts.map(|(section, text)| (section.as_str(), text.get())).collect()
    }
    let rules_version = own.rules_version.get();
    CommonKey { base, left_out, set: common(&own.set), drop: common(&own.drop), rules_version }
}

fn own_key<'a>(site: &'a Site, own: &'a Own) -> OwnKey<'a> {
    let of = |part: &'a BTreeMap<String, Box<RawValue>>| part.get("exceptions").map_or("", |text| text.get());
    let settings = own.settings.as_ref().or(site.settings.as_ref()).map_or("null", |text| text.get());
    let sealed = own.sealed.as_ref().map_or("", |text| text.get());
    [site.exceptions.get(), of(&own.set), of(&own.drop), settings, own.programs.get(), site.secrets.get(), sealed]
}

fn overlay(set: &Texts<'_>, drop: &Texts<'_>) -> Result<Overlay> {
    fn each<'t>(of: &Texts<'t>) -> impl Iterator<Item = (&'t str, &'t str)> {
        of.iter().map(|(section, text)| (*section, *text))
    }
    Overlay::parse(each(set), each(drop))
}

fn own_sections(
    [exceptions, set, drop, settings, programs, secrets, sealed]: &OwnKey<'_>,
) -> Result<Map<String, Json>> {
    fn part<'t>(text: &'t str) -> Texts<'t> {
        if text.is_empty() { Texts::new() } else { Texts::from([("exceptions", text)]) }
    }
    let below: Map<String, Json> = serde_json::from_str(exceptions)?;
    let exceptions = overlay(&part(set), &part(drop))?.over("exceptions", &below);
    let mut own = Map::from_iter([("exceptions".to_owned(), Json::Object(exceptions))]);
    for (name, text) in [("settings", settings), ("programs", programs), ("secrets", secrets), ("sealed", sealed)] {
        if !text.is_empty() {
            own.insert(name.to_owned(), serde_json::from_str(text)?);
        }
    }
    Ok(own)
}

/// The finding that `rules_version` is not the digest of what it should be.
fn rules_version(sections: &Sections<'_>, text: &str) -> Result<Option<Finding>> {
    let mut stated: Map<String, Json> = ["rules", "runbooks"]
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), sections.get(name)?.clone())))
        .collect();
    stated.insert("rules_version".to_owned(), serde_json::from_str(text)?);
    Ok(shape::rules_version(&stated))
}

/// The ids of the checks, each with whether this version has only the schema of its probe.
fn checks(section: Option<&Map<String, Json>>, registry: &Registry) -> Checks {
    let unobserved = |check: &Json| {
        // The call is one name with its parameters; another form is a finding, and no reason to stop counting.
        let call = check.get("probe").and_then(Json::as_object);
        call.is_some_and(|call| call.keys().any(|name| registry.unobserved(name)))
    };
    section.into_iter().flatten().map(|(id, check)| (id.clone(), unobserved(check))).collect()
}

/// The string that stands at a finding's path.
fn text<'j>(section: impl Fn(&str) -> Option<&'j Json>, finding: &Finding) -> Option<String> {
    let (first, rest) = finding.path.split_first()?;
    let value = rest.iter().try_fold(section(first)?, |value, key| match value {
        Json::Array(entries) => entries.get(key.parse::<usize>().ok()?),
        _ => value.get(key),
    })?;
    value.as_str().map(str::to_owned)
}

/// From when on the calendar says of these exceptions what it says now, and until when: every time that stands in one
/// may change what is said.
fn holds(exceptions: Option<&Map<String, Json>>, now: Time) -> Holds {
    let mut holds = Holds::default();
    let items = exceptions.into_iter().flat_map(|items| items.values());
    let times = items.filter_map(Json::as_object).flat_map(|item| item.values()).filter_map(Json::as_str);
    for time in times.filter_map(|text| text.parse::<Time>().ok()) {
        if time <= now {
            holds.from = holds.from.max(Some(time));
        } else {
            holds.until = Some(holds.until.map_or(time, |until| until.min(time)));
        }
    }
    holds
}
