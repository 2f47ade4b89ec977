//! The policy library that this version is built with. Of this one it is known that it reads baselines, rules, and of each
//! site what lies in its folder, and nothing else; of another one it is not.

use std::collections::BTreeMap;
use std::path::Path;

use writ_trust::digest::Digest;

use super::content::{Content, digest};
use crate::embedded::LIBRARY;

/// Its folder in a tree.
pub const FOLDER: &str = "modules/policy";

/// The digest of its files, in the order of their paths in a tree.
fn known() -> Digest {
    let files: BTreeMap<_, _> =
        LIBRARY.iter().filter(|(name, _)| Path::new(name).starts_with(FOLDER)).copied().collect();
    digest(files.into_iter().map(|(name, text)| (name, text.as_bytes())))
}

/// The digest of the library of a tree, if it is this one.
pub fn of_tree(content: &Content) -> Option<Digest> {
    let files = content.files.iter().filter(|(name, _)| !name.ends_with('/'));
    let theirs = digest(files.map(|(name, bytes)| (name.as_str(), bytes.as_slice())));
    (theirs == known()).then_some(theirs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_of_this_repository_is_the_one() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
        let mut content = Content::read(&root, FOLDER).unwrap();
        assert!(of_tree(&content).is_some());
        content.files.get_mut("modules/policy/lib.nix").unwrap().push(b'\n');
        assert_eq!(of_tree(&content), None);
    }
}
