//! Where in the source what validation found stands.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use writ_policy::delta::{Delta, Override};
use writ_policy::validate::{Finding, Part};

use super::judge::{Found, Shared, Subject};
use super::locate::{Wanted, locate, locate_exactly};
use super::mistake::{Mistake, Place};
use super::source::Sources;
use super::told::placed;

/// The mistakes of every site in which something was found.
pub fn by_site(found: &Found, delta: &Delta, sources: &Sources) -> BTreeMap<String, Vec<Mistake>> {
    let mut mistakes: BTreeMap<String, Vec<Mistake>> = BTreeMap::new();
    for shared in &found.findings {
        locate_shared(shared, found, delta, sources, &mut mistakes);
    }
    mistakes
}

/// One mistake for each place that a finding has at a site: overrides and settings give appliances different ones.
fn locate_shared(
    shared: &Shared,
    found: &Found,
    delta: &Delta,
    sources: &Sources,
    mistakes: &mut BTreeMap<String, Vec<Mistake>>,
) {
    let finding = &shared.finding;
    let mut by_place: BTreeMap<(&str, Origin, Option<Origin>), BTreeSet<String>> = BTreeMap::new();
    for subject in shared.of.iter().filter_map(|i| found.subjects.get(*i)) {
        let name = format!("{}/{}", subject.site, subject.appliance);
        let (stands, caused) = (Origin::of(finding, delta, subject), Origin::beside(finding, delta, subject));
        by_place.entry((&subject.site, stands, caused)).or_default().insert(name);
    }
    let related = related(finding, sources);
    // Sites have most places in common.
    let mut places: HashMap<Origin, Option<Place>> = HashMap::new();
    for ((site, stands, caused), appliances) in by_place {
        let text = shared.text.as_deref();
        let mut place_of = |origin: &Origin, text: Option<&str>| {
            places.entry(origin.clone()).or_insert_with(|| origin.place(finding.part, text, sources)).clone()
        };
        let (place, mut related) = (place_of(&stands, text), related.clone());
        // Whoever wrote the override can mend it there; what it does not go together with was right before.
        let place = match caused.and_then(|origin| place_of(&origin, None)) {
            Some(caused) => {
                related.extend(place.map(|place| (place, "what it does not go together with".to_owned())));
                Some(caused)
            }
            None => place,
        };
        mistakes.entry(site.to_owned()).or_default().push(Mistake {
            code: finding.code.to_string(),
            severity: finding.severity,
            message: finding.message.clone(),
            expected: finding.expected.clone(),
            nearest: finding.nearest.clone(),
            help: finding.help.clone(),
            path: finding.path.clone(),
            place,
            related,
            appliances,
        });
    }
}

fn related(finding: &Finding, sources: &Sources) -> Vec<(Place, String)> {
    let located = finding.related.iter().filter_map(|related| {
        let path = related.path.clone();
        let at = Origin { file: related.at.file.clone(), line: related.at.line, column: None, path };
        // Of a whole item, the name is meant.
        let part = if related.path.len() > 2 { Part::Value } else { Part::Key };
        Some((at.place(part, None, sources)?, related.label.clone()))
    });
    located.collect()
}

/// Where to look for a finding's place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Origin {
    file: String,
    /// 0: anywhere below the file's root expression.
    line: u32,
    column: Option<u32>,
    path: Vec<String>,
}

impl Origin {
    fn of(finding: &Finding, delta: &Delta, subject: &Subject) -> Self {
        if let Some(added) = Self::added(finding, delta, subject) {
            return added;
        }
        let overrides = delta.overrides(&subject.site, &subject.appliance);
        let overridden = overrides.filter(|o| !o.path.is_empty() && finding.path.starts_with(&o.path)).last();
        let in_it = |o: &Override| match &finding.path[o.path.len()..] {
            [] if finding.part == Part::Key => Self::key_of(o, &finding.path),
            rest => Self::value_of(o, rest),
        };
        if let Some(place) = overridden.and_then(in_it) {
            return place;
        }
        match &finding.declared_at {
            Some(at) => Self { file: at.file.clone(), line: at.line, column: None, path: finding.path.clone() },
            None => {
                let mut path: Vec<String> = finding.path.iter().skip(1).cloned().collect();
                if path.starts_with(&["escalation".to_owned(), "contacts".to_owned()]) {
                    path.remove(0);
                }
                let file = delta.sites.get(&subject.site).map(|site| site.file.clone()).unwrap_or_default();
                Self { file, line: 0, column: None, path }
            }
        }
    }

    /// The override that changed another operator of the field whose operators contradict one another.
    fn beside(finding: &Finding, delta: &Delta, subject: &Subject) -> Option<Self> {
        let (_, field) = finding.path.split_last().filter(|_| finding.code == "impossible-predicate")?;
        let is_cause = |path: &[String]| path.len() == finding.path.len() && path.starts_with(field);
        let overrides = || delta.overrides(&subject.site, &subject.appliance);
        if overrides().any(|o| !o.path.is_empty() && finding.path.starts_with(&o.path)) {
            return None;
        }
        let one = overrides().filter(|o| is_cause(&o.path)).last()?;
        Self::value_of(one, &[])
    }

    /// The value that an override gives, and on through some keys of it.
    fn value_of(one: &Override, rest: &[String]) -> Option<Self> {
        let at = one.declared_at.as_ref()?;
        let path = one.path.iter().cloned().chain(["value".to_owned()]).chain(rest.iter().cloned()).collect();
        Some(Self { file: at.file.clone(), line: at.line, column: Some(at.column), path })
    }

    /// Where an override wrote the very keys that the finding is about: nothing stood there before.
    fn added(finding: &Finding, delta: &Delta, subject: &Subject) -> Option<Self> {
        let below = |path: &[String]| match finding.part {
            Part::Key => path.starts_with(&finding.path),
            Part::Value => path.len() > finding.path.len() && path.starts_with(&finding.path),
        };
        // An item as a whole is no override's.
        let is_inside = finding.path.len() > 2;
        let overrides = delta.overrides(&subject.site, &subject.appliance);
        let one = overrides.filter(|o| is_inside && o.replaced.is_null() && below(&o.path)).last()?;
        Self::key_of(one, &finding.path)
    }

    /// A key on the way to an override.
    fn key_of(one: &Override, path: &[String]) -> Option<Self> {
        let at = one.declared_at.as_ref()?;
        let path = std::iter::once("overrides".to_owned()).chain(path.iter().cloned()).collect();
        Some(Self { file: at.file.clone(), line: at.line, column: Some(at.column), path })
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
