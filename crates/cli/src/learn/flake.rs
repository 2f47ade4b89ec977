//! The tree of policy, as far as learning is concerned: by which figures, what was decided, and where rules are written.

use std::path::{Path, PathBuf};

use writ_audit::learn::{Decisions, Figures, Pattern};

use super::rejected::{Entry, Rejected};
use crate::check::evaluate::{Sites, evaluate};
use crate::check::tree::Tree;
use crate::embedded::LIBRARY;
use crate::failure::{Failure, Outcome};
use crate::files;

/// The folder of rules that were learned.
pub const FOLDER: &str = "rules/learned";
/// The file that gathers them.
pub const RULES: &str = "rules/learned/rules.nix";
/// What was turned down.
pub const REJECTED: &str = "rules/learned/rejected.nix";
/// The largest of these files, in bytes.
const LARGEST: usize = 1 << 20;
/// What the file that gathers rules reads, so that they need not be named in it.
const GATHERS: &str = "builtins.readDir ./.";

/// A tree.
pub struct Flake {
    /// The tree.
    pub tree: Tree,
    /// What was turned down.
    pub rejected: Rejected,
}

impl Flake {
    /// The tree that a path is in, with what was turned down there.
    pub fn find(path: &Path) -> Outcome<Self> {
        let tree = Tree::find(path)?;
        let file = tree.root.join(REJECTED);
        let text = match files::read_if_there(&file, LARGEST, "what was rejected")? {
            Some(bytes) => String::from_utf8(bytes)
                .map_err(|e| Failure::refused("what was rejected is no text").at(REJECTED).because(e.utf8_error()))?,
            None => embedded(REJECTED).to_owned(),
        };
        let rejected = Rejected::parse(text).map_err(|why| {
            Failure::refused("what was rejected cannot be read")
                .at(REJECTED)
                .because(why)
                .next("it is a list of sets whose values stand there plainly, as rules/learned/README.md shows it")
        })?;
        Ok(Self { tree, rejected })
    }

    /// What people decided.
    pub fn decisions(&self) -> Decisions {
        Decisions { rejected: self.rejected.entries.iter().map(|entry| entry.id.clone()).collect() }
    }

    /// The entry that turns a pattern down.
    pub fn rejection(&self, pattern: &Pattern) -> Option<&Entry> {
        self.rejected.entries.iter().find(|entry| entry.id == pattern.id)
    }

    /// The figures of the tree's baselines, of several that have one the strictest.
    pub fn figures(&self) -> Outcome<Figures> {
        let evaluated = evaluate(&self.tree, Sites::These(&[]), &|delta, _| Ok(delta))?;
        let baselines = evaluated.parts.first().map(|part| &part.baselines);
        let strictest = |id: &str| {
            let figures = baselines.into_iter().flat_map(|all| all.values()).filter_map(|one| one.figures.get(id));
            figures.filter_map(|figure| figure.get("value").unwrap_or(figure).as_u64()).max()
        };
        let usual = Figures::default();
        Ok(Figures {
            occurrences_least: strictest("learning.occurrences_least").unwrap_or(usual.occurrences_least),
            success_least_percent: strictest("learning.success_least_percent").unwrap_or(usual.success_least_percent),
            withdraw_below_percent: strictest("learning.pattern_success_least_percent")
                .unwrap_or(usual.withdraw_below_percent),
        })
    }

    /// The file of a rule, from the root of the tree.
    pub fn file_of(rule: &str) -> String {
        format!("{FOLDER}/{rule}.nix")
    }

    /// A file of the tree.
    pub fn path(&self, file: &str) -> PathBuf {
        self.tree.root.join(file)
    }

    /// That a file beside the others would count.
    pub fn gathers(&self) -> Outcome<()> {
        let text = files::read_text(&self.path(RULES), LARGEST, "the list of learned rules")?;
        if text.contains(GATHERS) {
            return Ok(());
        }
        let failure = Failure::refused("the learned rules of this tree are named one by one, in a way of before");
        Err(failure
            .at(RULES)
            .because("a file that is written beside it would count for nothing")
            .next("take rules/learned/rules.nix over from this version of Writ: it gathers every file beside it"))
    }
}

/// A file of this version.
fn embedded(file: &str) -> &'static str {
    LIBRARY.iter().find(|(path, _)| *path == file).map_or("[ ]\n", |(_, text)| text)
}
