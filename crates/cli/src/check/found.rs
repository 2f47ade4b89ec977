//! Where in the source what validation found stands.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use writ_policy::delta::Delta;
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
    let mut by_place: BTreeMap<(&str, Origin), BTreeSet<String>> = BTreeMap::new();
    for subject in shared.of.iter().filter_map(|i| found.subjects.get(*i)) {
        let name = format!("{}/{}", subject.site, subject.appliance);
        by_place.entry((&subject.site, Origin::of(finding, delta, subject))).or_default().insert(name);
    }
    let related = related(finding, sources);
    // Sites have most places in common.
    let mut places: HashMap<Origin, Option<Place>> = HashMap::new();
    for ((site, origin), appliances) in by_place {
        let text = shared.text.as_deref();
        let place = places.entry(origin.clone()).or_insert_with(|| origin.place(finding.part, text, sources)).clone();
        mistakes.entry(site.to_owned()).or_default().push(Mistake {
            code: finding.code.to_string(),
            severity: finding.severity,
            message: finding.message.clone(),
            expected: finding.expected.clone(),
            nearest: finding.nearest.clone(),
            help: finding.help.clone(),
            path: finding.path.clone(),
            place,
            related: related.clone(),
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
                let file = delta.sites.get(&subject.site).map(|site| site.file.clone()).unwrap_or_default();
                Self { file, line: 0, column: None, path }
            }
        }
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
        let at = one.declared_at.as_ref()?;
        let path = std::iter::once("overrides".to_owned()).chain(finding.path.iter().cloned()).collect();
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
