//! The policy library, the baselines and the rules of this version, for a tree that begins.

use std::path::{Path, PathBuf};

/// The file by which a tree is known.
const ENTRY: &str = "modules/policy/evaluate.nix";
/// The folders of a tree that a site is judged with.
pub const FOLDERS: [&str; 3] = ["modules/policy", "baselines", "rules"];

/// Where the library, baselines and rules of a new site come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Library {
    /// The tree that it is added to.
    Tree(PathBuf),
    /// This program: the tree begins with the site.
    Embedded,
}

/// The root of the tree that a folder is in.
pub fn tree_above(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().find(|folder| folder.join(ENTRY).is_file()).map(Path::to_owned)
}
