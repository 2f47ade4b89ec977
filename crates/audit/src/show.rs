//! Finding one bundle by its id.

use writ_evidence::{Bundle, BundleId};
use writ_trust::digest::Digest;
use writ_trust::ids::ApplianceId;

use crate::archive::Archive;
use crate::verify::VerifyReport;

/// A verified bundle, by itself.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Its file, relative to the audit folder.
    pub path: String,
    /// What it says.
    pub bundle: Bundle,
    /// Digest of its exact bytes.
    pub digest: Digest,
    /// Its signature file.
    pub signature: String,
}

/// The verified bundles with an id: more than one where several appliances have used it, none where it did not verify.
pub fn find(archive: &Archive, id: BundleId, appliance: Option<&ApplianceId>) -> (Vec<Shown>, VerifyReport) {
    let mut found = Vec::new();
    let report = archive.walk(&mut |stored| {
        if stored.bundle.bundle_id == id && appliance.is_none_or(|a| *a == stored.bundle.appliance) {
            found.push(Shown {
                path: stored.path.to_owned(),
                digest: stored.digest,
                signature: String::from_utf8_lossy(stored.signature).into_owned(),
                bundle: stored.bundle,
            });
        }
    });
    (found, report)
}
