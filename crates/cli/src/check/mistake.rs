//! A mistake with its place in the source: what is printed, counted and written as JSON.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use writ_policy::validate::{Level, path_text, redacted};
use writ_trust::text::escaped;

/// The code of the mistake whose value is never shown.
pub const SECRET: &str = "secret-in-clear";

/// A place in a source file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Relative to the root of the tree.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// First byte and length of what is meant, within one line; the length is 0 when the file could not be read, and where
    /// something is missing behind a token.
    pub start: usize,
    /// See `start`.
    pub length: usize,
    /// The length in characters.
    pub width: u32,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mistake {
    /// Stable name of the kind of mistake.
    pub code: String,
    /// Whether it stands in the way of a release.
    pub severity: Level,
    /// One sentence.
    pub message: String,
    /// What would be right.
    pub expected: Option<String>,
    /// The nearest right name.
    pub nearest: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
    /// Keys from the policy's root.
    pub path: Vec<String>,
    /// Where.
    pub place: Option<Place>,
    /// Other places that explain it.
    pub related: Vec<(Place, String)>,
    /// The appliances whose policy has it, as `site/appliance`; none when it belongs to the tree.
    pub appliances: BTreeSet<String>,
}

impl Mistake {
    /// By place; what has none comes last. Nothing that is printed is left to the order in which mistakes were found.
    fn order(&self) -> impl Ord + use<> {
        let first = (self.place.is_none(), self.place.clone(), self.severity, self.code.clone(), self.message.clone());
        let texts = [&self.expected, &self.nearest, &self.help].map(Clone::clone);
        (first, self.path.clone(), texts, self.related.clone())
    }

    fn line(&self) -> Option<u32> {
        self.place.as_ref().map(|place| place.line)
    }

    /// What is wrong and what would be right, a line for each.
    pub fn sentence(&self) -> String {
        let mut text = self.message.clone();
        if let Some(expected) = &self.expected {
            text.push_str(&format!("\nexpected {expected}"));
        }
        if let Some(name) = &self.nearest {
            text.push_str(&format!("\ndid you mean `{name}`?"));
        }
        if let Some(help) = &self.help {
            text.push_str(&format!("\n{help}"));
        }
        text
    }

    /// Its path; the last key as it was probably meant.
    fn meant(&self) -> Vec<&str> {
        let misspelt = self.nearest.as_deref().filter(|_| self.code == "unknown-field");
        let keys = self.path.len() - usize::from(misspelt.is_some() && !self.path.is_empty());
        self.path[..keys].iter().map(String::as_str).chain(misspelt).collect()
    }

    /// Whether some of these appliances have it, too: what belongs to the tree, all may have.
    fn is_for(&self, appliances: &BTreeSet<String>) -> bool {
        self.appliances.is_empty() || !self.appliances.is_disjoint(appliances)
    }

    fn file(&self) -> &str {
        self.place.as_ref().map_or("", |place| place.file.as_str())
    }

    /// Without what gives away a key or a password, and without what a terminal would obey: a mistake may quote the value
    /// that stands in its place.
    pub fn redacted(mut self) -> Self {
        let texts = [Some(&mut self.message), self.expected.as_mut(), self.nearest.as_mut(), self.help.as_mut()];
        let labels = self.related.iter_mut().map(|(_, label)| label);
        for text in texts.into_iter().flatten().chain(&mut self.path).chain(labels) {
            *text = escaped(redacted(text));
        }
        self
    }

    /// Without the length of what must not be known.
    fn shortened(mut self) -> Self {
        if self.code == SECRET {
            self.place.iter_mut().for_each(|place| place.width = place.width.min(1));
        }
        self
    }

    /// The same mistake, seen from another appliance.
    fn is_same(&self, other: &Self) -> bool {
        self.place == other.place && self.code == other.code && self.message == other.message && self.path == other.path
    }

    /// Whether this, found by validation, says again what Nix's constructors said of the same value.
    fn repeats(&self, told: &Self) -> bool {
        if self.code == told.code && self.message == told.message && self.line() == told.line() {
            return self.file() == told.file();
        }
        let shorter = self.path.len().min(told.path.len());
        self.file() == told.file() && shorter >= 3 && self.path[..shorter] == told.path[..shorter]
    }
}

/// What validation says of names that are listed in a field, and the field: where that is wrong itself, the names are not.
const LISTED: [(&str, &str); 4] = [
    ("unknown-approver", "approvers"),
    ("unknown-contact", "contacts"),
    ("unknown-program", "programs"),
    ("unknown-secret", "secrets"),
];

/// What validation says of an item because of one of its fields: where that is wrong itself, something else stands in its
/// place.
const OF_FIELDS: [(&str, &str); 5] = [
    ("control-checks", "coverage"),
    ("control-duties", "coverage"),
    ("control-not-assessed", "coverage"),
    ("control-procedure", "coverage"),
    ("unused-check", "controls"),
];

/// Whether a mistake only follows from what a constructor said: of the list of names that it goes by, of the field of its
/// item, or of a parameter that stands beside the others.
fn follows(mistake: &Mistake, told: &[Mistake]) -> bool {
    let of = |table: &[(&str, &'static str)]| table.iter().find(|(code, _)| mistake.code == *code).map(|of| of.1);
    let (list, field) = (of(&LISTED), of(&OF_FIELDS));
    let is_parameter = mistake.code == "missing-parameter";
    let its_field = || mistake.path.iter().take(2).map(String::as_str).chain(field);
    let is_cause = |t: &&Mistake| {
        let meant = t.meant();
        let is_list = list.is_some() && meant.first().copied() == list;
        let is_field = field.is_some() && meant.iter().take(3).copied().eq(its_field());
        // Where a step is given what belongs into its parameters.
        let is_beside = is_parameter && t.code == "unknown-field" && t.path.len() > 3 && {
            let (name, step) = (t.path.last(), &t.path[..t.path.len() - 1]);
            mistake.path.starts_with(step) && mistake.path.last() == name
        };
        t.severity == Level::Error && (is_list || is_field || is_beside)
    };
    (list.is_some() || field.is_some() || is_parameter)
        && told.iter().filter(is_cause).any(|t| t.is_for(&mistake.appliances))
}

/// The mistakes of Nix's constructors and of validation in order of place, each once.
pub fn merge(told: Vec<Mistake>, found: Vec<Mistake>) -> Vec<Mistake> {
    let mut by_file: HashMap<&str, Vec<&Mistake>> = HashMap::new();
    for mistake in told.iter().filter(|m| m.severity == Level::Error) {
        by_file.entry(mistake.file()).or_default().push(mistake);
    }
    let again =
        |mistake: &Mistake| by_file.get(mistake.file()).is_some_and(|told| told.iter().any(|t| mistake.repeats(t)));
    let fresh: Vec<Mistake> = found.into_iter().filter(|m| !again(m) && !follows(m, &told)).collect();
    // What is known by its shape is told with its name; that it stands in the place of a secret says less.
    let secret = |m: &Mistake| (m.code == SECRET && m.place.is_some()).then(|| (m.file().to_owned(), m.line()));
    let named: BTreeSet<_> = fresh.iter().filter_map(secret).collect();
    let told = told.into_iter().filter(|m| secret(m).is_none_or(|at| !named.contains(&at)));
    let mut all: Vec<Mistake> = told.chain(fresh).map(Mistake::redacted).map(Mistake::shortened).collect();
    // A misspelt field is one mistake, not also a missing one.
    let misspelt: BTreeSet<(String, Vec<String>)> = all
        .iter()
        .filter(|m| m.code == "unknown-field")
        .filter_map(|m| {
            let meant = [&m.path[..m.path.len().checked_sub(1)?], &[m.nearest.clone()?]].concat();
            Some((m.file().to_owned(), meant))
        })
        .collect();
    all.retain(|m| m.code != "missing-field" || !misspelt.contains(&(m.file().to_owned(), m.path.clone())));
    all.sort_by_cached_key(Mistake::order);
    let mut merged: Vec<Mistake> = Vec::with_capacity(all.len());
    for mistake in all {
        match merged.last_mut().filter(|last| last.is_same(&mistake)) {
            Some(last) => last.appliances.extend(mistake.appliances),
            None => merged.push(mistake),
        }
    }
    without_twins(merged)
}

/// The most items of one mistake that are named.
const MOST_NAMED: usize = 3;

/// Mistakes that read alike, because one line makes several items, as one that names the items.
fn without_twins(mistakes: Vec<Mistake>) -> Vec<Mistake> {
    let alike = |a: &Mistake, b: &Mistake| a.place.is_some() && a.place == b.place && a.sentence() == b.sentence();
    let mut kept: Vec<(Mistake, BTreeSet<String>)> = Vec::with_capacity(mistakes.len());
    for mistake in mistakes {
        let item = path_text(&mistake.path[..mistake.path.len().min(2)]);
        match kept.last_mut().filter(|(last, _)| alike(last, &mistake)) {
            Some((last, items)) => {
                last.appliances.extend(mistake.appliances);
                items.insert(item);
            }
            None => kept.push((mistake, BTreeSet::from([item]))),
        }
    }
    kept.into_iter().map(|(mistake, items)| if items.len() > 1 { of_items(mistake, &items) } else { mistake }).collect()
}

/// A mistake that says which items have it.
fn of_items(mistake: Mistake, items: &BTreeSet<String>) -> Mistake {
    let mut named: Vec<&str> = items.iter().take(MOST_NAMED).map(String::as_str).collect();
    let more = format!("{} more", items.len().saturating_sub(MOST_NAMED));
    if items.len() > MOST_NAMED {
        named.push(&more);
    }
    let (last, first) = named.split_last().map_or(("", &[][..]), |(last, first)| (*last, first));
    let of = format!("this is of {} items: {} and {last}", items.len(), first.join(", "));
    let help = mistake.help.map_or_else(|| of.clone(), |help| format!("{help}; {of}"));
    Mistake { help: Some(help), ..mistake }
}
