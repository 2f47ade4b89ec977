//! What is held of a site whose pages are being looked at: its comparison, its releases and policies, and which bytes verified.

use std::collections::BTreeMap;
use std::path::Path;

use writ_audit::archive::Stored;
use writ_audit::compare::Comparison;
use writ_audit::{Archive, Folder};
use writ_evidence::bundle::{Kind, MAX_BUNDLE};
use writ_evidence::{Bundle, BundleId};
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::json::{MAX_DOCUMENT, MAX_SIGNATURE};
use writ_trust::time::Time;

use crate::fault::Fault;

/// A bundle that verified: what its bytes were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its file, relative to the audit folder.
    pub path: String,
    /// Its id.
    pub id: BundleId,
    /// What it tells.
    pub kind: Kind,
    /// The appliance.
    pub appliance: ApplianceId,
    /// When it was written.
    pub at: Time,
    /// What it is about: an incident or a check.
    pub about: String,
    /// Digest of its exact bytes.
    pub digest: Digest,
    /// Digest of its signature file.
    pub signature: Digest,
}

impl Held {
    /// That of a bundle that was just verified.
    pub fn of(stored: &Stored<'_>) -> Self {
        let bundle = &stored.bundle;
        let incident =
            bundle.incident.as_ref().map(|incident| format!("{} ({})", incident.incident_id, incident.check));
        let change = match &bundle.posture {
            Some(writ_evidence::posture::Posture::Change(change)) => Some(change.check.clone()),
            _ => None,
        };
        Self {
            path: stored.path.to_owned(),
            id: bundle.bundle_id,
            kind: bundle.kind,
            appliance: bundle.appliance.clone(),
            at: bundle.generated_at,
            about: incident.or(change).unwrap_or_default(),
            digest: stored.digest,
            signature: Digest::of(stored.signature),
        }
    }
}

/// A site, whole.
pub struct Detail {
    /// The site.
    pub site: SiteId,
    /// When it was read.
    pub read_at: Time,
    /// What it comes to.
    pub comparison: Comparison,
    /// Its releases and their policies.
    pub archive: Archive,
    /// Its bundles by file, as `<fingerprint>/<name>`.
    pub bundles: BTreeMap<String, Held>,
    /// The keys of those, newest first.
    pub newest: Vec<String>,
    /// Where the audit folder is.
    pub folder: std::path::PathBuf,
}

/// The bytes of a bundle, of its signature, and of the log's receipt beside it.
pub struct Raw {
    /// What it says.
    pub bundle: Bundle,
    /// Its exact bytes.
    pub bytes: Vec<u8>,
    /// Its signature file.
    pub signature: Vec<u8>,
    /// The log's receipt, where there is one. What it says was judged with the log.
    pub receipt: Option<Vec<u8>>,
}

impl Detail {
    /// A bundle that verified, by its key's fingerprint and its name.
    ///
    /// # Errors
    /// [`Fault::NotFound`]
    pub fn held(&self, fingerprint: &str, name: &str) -> Result<&Held, Fault> {
        self.bundles.get(&format!("{fingerprint}/{name}.json")).ok_or(Fault::NotFound)
    }

    /// The bytes of a bundle, as they were verified.
    ///
    /// # Errors
    /// [`Fault::Changed`] where the folder has others now.
    pub fn raw(&self, held: &Held) -> Result<Raw, Fault> {
        let changed = || Fault::Changed(held.path.clone());
        let (folder, file) = held.path.rsplit_once('/').ok_or_else(changed)?;
        let folder = open(&self.folder, folder).ok_or_else(changed)?;
        let read = |name: &str, limit| folder.read(name, limit).ok().flatten();
        let bytes = read(file, MAX_BUNDLE).filter(|bytes| Digest::of(bytes) == held.digest).ok_or_else(changed)?;
        let signature = read(&format!("{file}.minisig"), MAX_SIGNATURE);
        let signature = signature.filter(|bytes| Digest::of(bytes) == held.signature).ok_or_else(changed)?;
        let bundle = writ_trust::json::parse(&bytes, MAX_BUNDLE).map_err(|_| changed())?;
        let receipt = file.strip_suffix(".json").and_then(|name| read(&format!("{name}.receipt.json"), MAX_DOCUMENT));
        Ok(Raw { bundle, bytes, signature, receipt })
    }

    /// The bytes of a release, as they were verified, and its signature files by name.
    ///
    /// # Errors
    /// [`Fault::Changed`] where the folder has others now.
    pub fn release(&self, name: &str, digest: &Digest) -> Result<Vec<u8>, Fault> {
        let path = format!("releases/{}/{name}", self.site);
        let changed = || Fault::Changed(path.clone());
        let folder = open(&self.folder, &path).ok_or_else(changed)?;
        let bytes = folder.read("release.json", MAX_DOCUMENT).ok().flatten();
        bytes.filter(|bytes| Digest::of(bytes) == *digest).ok_or_else(changed)
    }
}

/// A folder below the audit folder, opened step by step and never through a symbolic link.
fn open(root: &Path, path: &str) -> Option<Folder> {
    let mut folder = Folder::open(root).ok()?;
    for name in path.split('/') {
        folder = folder.directory(name).ok().flatten()?;
    }
    Some(folder)
}
