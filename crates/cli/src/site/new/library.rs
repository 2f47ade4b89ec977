//! The policy library, the baselines and the rules of this version, for a tree that begins.

use std::path::PathBuf;

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
