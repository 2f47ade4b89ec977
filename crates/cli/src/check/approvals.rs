//! Exceptions and the documents that people signed for them: where one lies beside the file that declares the exception,
//! under its id, it must be the one whose digest is the approval.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};
use writ_policy::delta::Delta;
use writ_policy::validate::{Level, Part};
use writ_trust::digest::Digest;

use super::cache::plain;
use super::locate::{Wanted, locate};
use super::mistake::Mistake;
use super::source::Sources;
use super::told::placed;

/// The most bytes of a document that is compared.
const LARGEST: usize = 16 << 20;

/// An exception whose document is another one than the one that was approved.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Differing {
    /// The exception.
    id: String,
    /// The file that declares it, relative to the root, and the line.
    declared_at: (String, u32),
    /// The document, relative to the root.
    document: String,
    /// The digest that was approved.
    stated: String,
    /// The digest of the document; none where it cannot be read.
    found: Option<Digest>,
}

/// Such exceptions of each site, each with the appliances that have it.
pub type BySite = BTreeMap<String, BTreeMap<Differing, BTreeSet<String>>>;

/// Compares the exceptions of every site of an evaluation.
pub fn of_sites(root: &Path, delta: &Delta) -> BySite {
    let mut all = BySite::new();
    for (site, said) in &delta.sites {
        let everyone: BTreeSet<String> = said.appliances.keys().map(|name| format!("{site}/{name}")).collect();
        let own = said.appliances.iter().filter_map(|(name, its)| {
            let text = its.policy.as_ref()?.set.get("exceptions")?;
            Some((text, BTreeSet::from([format!("{site}/{name}")])))
        });
        for (text, appliances) in std::iter::once((&said.exceptions, everyone)).chain(own) {
            for one in differing(root, &parsed(text)) {
                all.entry(site.clone()).or_default().entry(one).or_default().extend(appliances.clone());
            }
        }
    }
    all
}

fn parsed(text: &RawValue) -> Map<String, Json> {
    serde_json::from_str(text.get()).unwrap_or_default()
}

/// Compares the exceptions of one policy, a section of it.
pub fn differing(root: &Path, exceptions: &Map<String, Json>) -> Vec<Differing> {
    exceptions.iter().filter_map(|(id, exception)| compared(root, id, exception)).collect()
}

fn compared(root: &Path, id: &str, exception: &Json) -> Option<Differing> {
    let at = exception.get("declared_at")?;
    let file = at.get("file").and_then(Json::as_str)?;
    let line = at.get("line").and_then(Json::as_u64).and_then(|line| u32::try_from(line).ok()).unwrap_or(1);
    let document = file.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/")) + id + ".md";
    // Nothing outside of the tree is looked at, whatever an exception is called.
    let inside = |path: &str| Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    if id.contains(['/', '\0']) || !inside(&document) {
        return None;
    }
    let path = root.join(&document);
    std::fs::symlink_metadata(&path).ok()?;
    let stated = exception.get("approval").and_then(Json::as_str)?.to_owned();
    let found = plain(&path, LARGEST).map(|(bytes, _)| Digest::of(&bytes));
    let same = found.is_some_and(|found| found.to_string() == stated);
    (!same).then(|| Differing { id: id.to_owned(), declared_at: (file.to_owned(), line), document, stated, found })
}

impl Differing {
    /// What is wrong, in a sentence.
    pub fn message(&self) -> String {
        match self.found {
            Some(_) => format!("{} is not the document that was approved", self.document),
            None => format!("{} cannot be compared with what was approved", self.document),
        }
    }

    /// What would be right.
    fn expected(&self) -> String {
        match self.found {
            Some(_) => "the document of this digest".to_owned(),
            None => format!("a plain file of at most {} MiB, of this digest", LARGEST >> 20),
        }
    }

    fn help(&self) -> String {
        let found =
            self.found.map(|found| format!("{} is of {found}, the approval of {}: ", self.document, self.stated));
        let found = found.unwrap_or_default();
        format!("{found}put back what was signed, or have what lies there approved by name, and at a new time")
    }

    /// Where it is declared.
    pub fn declared_at(&self) -> String {
        format!("{}:{}", self.declared_at.0, self.declared_at.1)
    }

    /// The same with its place.
    pub fn mistake(&self, appliances: BTreeSet<String>, sources: &Sources) -> Mistake {
        let path = ["exceptions", &self.id, "approval"].map(str::to_owned).to_vec();
        let (file, line) = &self.declared_at;
        let place = sources.get(file).map(|source| {
            let wanted = Wanted { line: *line, column: None, path: &path, part: Part::Value, text: Some(&self.stated) };
            placed(file, &source, locate(&source, &wanted))
        });
        Mistake {
            code: "approval-differs".to_owned(),
            severity: Level::Error,
            message: self.message(),
            expected: Some(self.expected()),
            nearest: None,
            help: Some(self.help()),
            path,
            place,
            related: Vec::new(),
            appliances,
        }
    }
}
