//! Whose evidence does not count, because something about it is wrong.

use std::collections::BTreeSet;

use super::told::split;
use crate::problem::Weight;
use crate::verify::VerifyReport;

/// What a report says something bad about.
#[derive(Debug, Default)]
pub struct Doubts {
    /// Bundles: their folders, and their places in the chain.
    bundles: BTreeSet<(String, u64)>,
    /// Folders: everything in them.
    folders: BTreeSet<String>,
    /// More was wrong than was told: nothing counts.
    all: bool,
}

impl Doubts {
    /// Those of a report.
    pub fn of(report: &VerifyReport) -> Self {
        let bad = || report.problems.list.iter().filter(|problem| problem.weight == Weight::Bad);
        let mut doubts = Self { all: bad().count() < report.problems.bad, ..Self::default() };
        for problem in bad() {
            match split(&problem.path) {
                Some((folder, sequence)) => _ = doubts.bundles.insert((folder.to_owned(), sequence)),
                None => doubts.folders.extend(folder_of(&problem.path)),
            }
        }
        doubts
    }

    /// Whether a bundle counts, by its folder and its place in the chain.
    pub fn spare(&self, folder: &str, sequence: u64) -> bool {
        let within = |doubted: &String| folder == doubted || folder.starts_with(&format!("{doubted}/"));
        !self.all
            && !self.folders.iter().any(within)
            && (self.bundles.is_empty() || !self.bundles.contains(&(folder.to_owned(), sequence)))
    }
}

/// The folder of evidence that a path puts in doubt: itself, or that of the site whose log it is of. What is wrong with a release or
/// a document shows itself in what it is needed for.
fn folder_of(path: &str) -> Option<String> {
    let mut parts = path.split('/');
    match (parts.next()?, parts.next()) {
        ("evidence", _) => Some(path.to_owned()),
        ("log", Some(site)) => Some(format!("evidence/{site}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_path_puts_in_doubt() {
        let bundle = "evidence/a/ff/7-EB-20261127-0007.json";
        let doubts = Doubts {
            bundles: split(bundle).into_iter().map(|(folder, n)| (folder.to_owned(), n)).collect(),
            folders: ["evidence/b", "log/c/x", "releases/a/1-1"].into_iter().filter_map(folder_of).collect(),
            all: false,
        };
        assert_eq!(split(&format!("{bundle}.minisig")), split(bundle));
        for (folder, sequence, counts) in [
            ("evidence/a/ff", 7, false),
            ("evidence/a/ff", 8, true),
            ("evidence/a/fe", 7, true),
            ("evidence/b/ff", 1, false),
            ("evidence/bb/ff", 1, true),
            ("evidence/c/ff", 1, false),
        ] {
            assert_eq!(doubts.spare(folder, sequence), counts, "{folder} {sequence}");
        }
        assert!(!Doubts { all: true, ..Doubts::default() }.spare("evidence/a/ff", 8));
    }
}
