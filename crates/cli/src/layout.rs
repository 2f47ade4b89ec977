//! The folder that releases live in; drafts have the same shape, so that publishing is copying.
//!
//! ```text
//! trust/<version>.json                 with .<key id>.minisig beside
//! releases/<site>/<epoch>-<serial>/    release.json with .<key id>.minisig, and release.receipt.json where there is a log
//! documents/<hex of digest>.json       policies and closures
//! cache/                               a Nix binary cache
//! log/<site>/<n>/                      of each of the site's logs: checkpoint, tiles of hashes, restart.json
//! ```

use std::path::{Path, PathBuf};

use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::log::receipt::MAX_RECEIPT;
use writ_trust::numbers::{Epoch, Serial};
use writ_trust::release::Release;

use crate::failure::{Failure, Outcome};
use crate::files;
use crate::signatures::{self, SignatureFile};

/// The name of a release's document.
pub const RELEASE_FILE: &str = "release.json";
/// The name of the receipt beside it, by which the site's log proves that it has the release.
pub const RECEIPT_FILE: &str = "release.receipt.json";

/// A folder of releases, published or drafted.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

/// A release as it was read: exact bytes and the signature files beside it. Nothing is verified.
pub struct ReleaseFiles {
    /// Where `release.json` is.
    pub path: PathBuf,
    /// Its exact bytes.
    pub bytes: Vec<u8>,
    /// The signature files beside it.
    pub signatures: Vec<SignatureFile>,
    /// The receipt of the site's log beside it, if there is one.
    pub receipt: Option<Vec<u8>>,
}

impl Layout {
    /// The folder with this root.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The trust roots.
    pub fn trust(&self) -> PathBuf {
        self.root.join("trust")
    }

    /// The binary cache.
    pub fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// The folder of all documents.
    pub fn documents(&self) -> PathBuf {
        self.root.join("documents")
    }

    /// One document.
    pub fn document(&self, digest: &Digest) -> PathBuf {
        self.documents().join(format!("{}.json", digest.hex()))
    }

    /// The folder of a site's releases.
    pub fn site(&self, site: &SiteId) -> PathBuf {
        self.root.join("releases").join(site.as_str())
    }

    /// The folder of one release.
    pub fn release(&self, site: &SiteId, (epoch, serial): (Epoch, Serial)) -> PathBuf {
        self.site(site).join(format!("{epoch}-{serial}"))
    }

    /// The folder of one of a site's logs, by its number from 1.
    pub fn log(&self, site: &SiteId, number: u64) -> PathBuf {
        self.root.join("log").join(site.as_str()).join(number.to_string())
    }

    /// In a draft: the release before, as the drafter had it.
    pub fn previous(&self, site: &SiteId) -> PathBuf {
        self.root.join("previous").join(site.as_str()).join(RELEASE_FILE)
    }

    /// In a draft: links that keep the built systems in the store.
    pub fn system_link(&self, site: &SiteId, appliance: &str) -> PathBuf {
        self.root.join("systems").join(site.as_str()).join(appliance)
    }

    /// The sites that have releases here.
    pub fn sites(&self) -> Outcome<Vec<SiteId>> {
        let paths = files::list(&self.root.join("releases"))?;
        Ok(paths.iter().filter_map(|path| files::name_of(path).parse().ok()).collect())
    }

    /// Epoch and serial of a site's releases, oldest first.
    pub fn points(&self, site: &SiteId) -> Outcome<Vec<(Epoch, Serial)>> {
        let mut points: Vec<_> =
            files::list(&self.site(site))?.iter().filter_map(|path| point(&files::name_of(path))).collect();
        points.sort_unstable();
        Ok(points)
    }

    /// The newest release of a site, if there is one.
    pub fn newest(&self, site: &SiteId) -> Outcome<Option<(Epoch, Serial)>> {
        Ok(self.points(site)?.pop())
    }

    /// Reads one release.
    pub fn read(&self, site: &SiteId, point: (Epoch, Serial)) -> Outcome<ReleaseFiles> {
        ReleaseFiles::read(&self.release(site, point).join(RELEASE_FILE))
    }

    /// Reads one document of at most the size that documents have.
    pub fn read_document(&self, digest: &Digest, what: &str) -> Outcome<Vec<u8>> {
        files::read_shared(&self.document(digest), MAX_DOCUMENT, what)
    }
}

impl ReleaseFiles {
    /// Reads a `release.json` and the signatures beside it.
    pub fn read(path: &Path) -> Outcome<Self> {
        let bytes = files::read_shared(path, MAX_DOCUMENT, "the release")?;
        let receipt = files::read_if_there(&path.with_file_name(RECEIPT_FILE), MAX_RECEIPT, "the receipt")?;
        Ok(Self { path: path.to_owned(), bytes, signatures: signatures::of(path)?, receipt })
    }

    /// The release that the bytes hold; unverified.
    pub fn parse(&self) -> Outcome<Release> {
        Release::parse(&self.bytes)
            .map_err(|e| Failure::refused("this is not a usable release").at(self.path.display()).because(e))
    }

    /// The digest of the exact bytes.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }
}

/// `<epoch>-<serial>`
pub fn point(name: &str) -> Option<(Epoch, Serial)> {
    let (epoch, serial) = name.split_once('-')?;
    Some((epoch.parse().ok()?, serial.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_ordered_by_number_not_by_text() {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout::new(directory.path());
        let site: SiteId = "clinic-001".parse().unwrap();
        assert_eq!(layout.newest(&site).unwrap(), None);
        for name in ["1-2", "1-10", "1-9", "01-99", "1-99-old", ".1-11.writ-tmp", "note"] {
            std::fs::create_dir_all(layout.site(&site).join(name)).unwrap();
        }
        let newest = layout.newest(&site).unwrap().unwrap();
        assert_eq!((newest.0.get(), newest.1.get()), (1, 10));
        assert_eq!(layout.sites().unwrap(), [site]);
    }
}
