//! The files that findings link to.

use std::collections::BTreeMap;

use writ_trust::digest::Digest;
use writ_trust::json::MAX_DOCUMENT;

use crate::archive::Archive;
use crate::compare::model::{Comparison, Link};
use crate::folder::Folder;

impl Archive {
    /// The digests of the bundles that a comparison's checks and incidents link to, by path. One that cannot be read any more is
    /// not there: what was verified was read before.
    pub fn digests_of_links(&self, comparison: &Comparison) -> BTreeMap<String, Digest> {
        let of_checks = comparison.checks.iter().flat_map(|check| &check.evidence);
        let links = of_checks.chain(comparison.incidents.iter().flat_map(|incident| &incident.evidence));
        let mut digests = BTreeMap::new();
        for Link { path, .. } in links {
            if !digests.contains_key(path)
                && let Some(digest) = self.digest_at(path)
            {
                digests.insert(path.clone(), digest);
            }
        }
        digests
    }

    fn digest_at(&self, path: &str) -> Option<Digest> {
        let (folders, name) = path.rsplit_once('/')?;
        let mut below: Option<Folder> = None;
        for folder in folders.split('/') {
            below = Some(below.as_ref().unwrap_or(&self.folder).directory(folder).ok()??);
        }
        let bytes = below.as_ref().unwrap_or(&self.folder).read(name, MAX_DOCUMENT).ok()??;
        Some(Digest::of(&bytes))
    }
}
