//! The inbox: where the enforcer looks for what we bring. The same layout as a folder of releases.
//!
//! ```text
//! courier.pub                          our public key
//! trust/<version>.json                 with .<key id>.minisig beside
//! releases/<site>/<epoch>-<serial>/    release.json, its signatures, release.receipt.json
//! documents/<hex of digest>.json       policies and closures
//! cache/                               a Nix binary cache; cache/partial/ is ours
//! log/<site>/<number>/                 checkpoint, tile/…, restart.json
//! orders/<site>/<id>.json               with .<key id>.minisig beside
//! receipts/<sequence>-<bundle id>.receipt.json    of an earlier key's bundles in receipts/<fingerprint>/
//! ```
//!
//! What gives meaning to other files comes last: a document after its signatures, a release after everything it names.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::json::{MAX_DOCUMENT, MAX_SIGNATURE};
use writ_trust::log::receipt::MAX_RECEIPT;
use writ_trust::minisign::{KeyId, Prehash, Signature, signature_file_name};
use writ_trust::numbers::{Epoch, Serial, TrustVersion};
use writ_trust::order::OrderId;
use writ_trust::root::TrustRoot;
use writ_wire::releases::LoggedRelease;
use writ_wire::{Blob, Signed};

use super::trouble::Trouble;
use crate::crash_point;

/// The release's file, and its receipt beside it.
const RELEASE: &str = "release.json";
const RECEIPT: &str = "release.receipt.json";
/// The mode of what the enforcer reads.
const MODE: u32 = 0o644;

/// Epoch and serial of a release.
pub type Point = (Epoch, Serial);

/// The folder.
#[derive(Debug, Clone)]
pub struct Inbox {
    root: PathBuf,
    site: SiteId,
}

impl Inbox {
    /// The inbox at this place.
    pub fn new(root: PathBuf, site: SiteId) -> Self {
        Self { root, site }
    }

    /// Makes what is missing of it, and removes what a crash left half-written.
    pub fn prepare(&self) -> Result<(), Trouble> {
        let folders =
            [self.root.clone(), self.trust(), self.releases(), self.documents(), self.receipts(), self.orders()];
        for folder in folders.into_iter().chain([self.nars(), self.partial()]) {
            writ_durable::create_directories(&folder).map_err(Trouble::at(&folder))?;
            writ_durable::remove_leftovers(&folder).map_err(Trouble::at(&folder))?;
        }
        let cache = self.cache();
        writ_durable::remove_leftovers(&cache).map_err(Trouble::at(&cache))?;
        remove_leftovers_below(&self.releases())?;
        remove_leftovers_below(&self.logs())?;
        remove_leftovers_below(&self.receipts())?;
        remove_leftovers_below(&self.of_logs())?;
        self.write_if_other(&cache.join("nix-cache-info"), b"StoreDir: /nix/store\n")
    }

    fn trust(&self) -> PathBuf {
        self.root.join("trust")
    }

    /// Where the site's releases are.
    pub fn releases(&self) -> PathBuf {
        self.root.join("releases").join(self.site.as_str())
    }

    /// Where one release is.
    pub fn release_folder(&self, (epoch, serial): Point) -> PathBuf {
        self.releases().join(format!("{epoch}-{serial}"))
    }

    /// Where documents are.
    pub fn documents(&self) -> PathBuf {
        self.root.join("documents")
    }

    /// The binary cache.
    pub fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// The NARs of the binary cache.
    pub fn nars(&self) -> PathBuf {
        self.cache().join("nar")
    }

    /// What is not whole or not checked yet.
    pub fn partial(&self) -> PathBuf {
        self.cache().join("partial")
    }

    /// Where receipts are.
    pub fn receipts(&self) -> PathBuf {
        self.root.join("receipts")
    }

    /// Where the site's orders are.
    pub fn orders(&self) -> PathBuf {
        self.root.join("orders").join(self.site.as_str())
    }

    /// Puts an order here.
    pub fn write_order(&self, id: &OrderId, signed: &Signed, root: &TrustRoot) -> Result<(), Trouble> {
        self.write_signed(&self.orders(), &format!("{id}.json"), signed, root)
    }

    /// Where receipts of batches of logs are, in one folder for each source.
    pub fn of_logs(&self) -> PathBuf {
        self.root.join(crate::logs::FOLDER)
    }

    /// Where the site's logs are.
    pub fn logs(&self) -> PathBuf {
        self.root.join("log").join(self.site.as_str())
    }

    /// Where one of the site's logs is, by its number from 1.
    pub fn log(&self, number: usize) -> PathBuf {
        self.logs().join(number.to_string())
    }

    /// Writes a file durably unless it has these bytes already.
    pub fn write_if_other(&self, path: &Path, bytes: &[u8]) -> Result<(), Trouble> {
        if writ_durable::read_bounded(path, bytes.len()).is_ok_and(|there| there == bytes) {
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            writ_durable::create_directories(parent).map_err(Trouble::at(parent))?;
        }
        writ_durable::replace(path, bytes, MODE).map_err(Trouble::at(path))
    }

    /// Puts our public key where the enforcer looks for it.
    pub fn write_public_key(&self, text: &str) -> Result<(), Trouble> {
        crash_point!("sync-public-key");
        self.write_if_other(&self.root.join("courier.pub"), text.as_bytes())
    }

    /// Writes a signed document: the signatures that hold under the root's keys, then the document.
    fn write_signed(&self, folder: &Path, name: &str, signed: &Signed, root: &TrustRoot) -> Result<(), Trouble> {
        for (key, signature) in sound(root, signed) {
            self.write_if_other(&folder.join(signature_file_name(name, key)), &signature.0)?;
        }
        crash_point!("sync-signed");
        self.write_if_other(&folder.join(name), &signed.document.0)
    }

    /// Keeps a trust root that continues the chain.
    pub fn write_root(&self, root: &TrustRoot, signed: &Signed) -> Result<(), Trouble> {
        self.write_signed(&self.trust(), &format!("{}.json", root.version), signed, root)
    }

    /// Reads a trust root that was kept.
    pub fn root(&self, version: TrustVersion) -> Result<Option<Signed>, Trouble> {
        read_signed(&self.trust(), &format!("{version}.json"))
    }

    /// Keeps the restart by which log `number` began.
    pub fn write_restart(&self, number: usize, root: &TrustRoot, signed: &Signed) -> Result<(), Trouble> {
        self.write_signed(&self.log(number), "restart.json", signed, root)
    }

    /// Reads a restart that was kept.
    pub fn restart(&self, number: usize) -> Result<Option<Signed>, Trouble> {
        read_signed(&self.log(number), "restart.json")
    }

    /// The releases that are here, the newest first.
    pub fn points(&self) -> Vec<Point> {
        let mut points: Vec<Point> = names(&self.releases())
            .iter()
            .filter_map(|name| name.split_once('-'))
            .filter_map(|(epoch, serial)| Some((epoch.parse().ok()?, serial.parse().ok()?)))
            .filter(|point| self.release_folder(*point).join(RELEASE).exists())
            .collect();
        points.sort_unstable_by(|a, b| b.cmp(a));
        points
    }

    /// The exact bytes of a release that is here.
    pub fn release(&self, point: Point) -> Result<Option<Vec<u8>>, Trouble> {
        read(&self.release_folder(point).join(RELEASE), MAX_DOCUMENT)
    }

    /// The exact bytes of the receipt beside a release.
    pub fn receipt(&self, point: Point) -> Result<Option<Vec<u8>>, Trouble> {
        read(&self.release_folder(point).join(RECEIPT), MAX_RECEIPT)
    }

    /// Replaces the receipt beside a release.
    pub fn write_receipt(&self, point: Point, receipt: &[u8]) -> Result<(), Trouble> {
        crash_point!("sync-release-receipt");
        self.write_if_other(&self.release_folder(point).join(RECEIPT), receipt)
    }

    /// Puts a release here, everything that it names being here already.
    pub fn write_release(&self, point: Point, logged: &LoggedRelease, root: &TrustRoot) -> Result<(), Trouble> {
        if let Some(receipt) = &logged.receipt {
            self.write_receipt(point, &receipt.0)?;
        }
        self.write_signed(&self.release_folder(point), RELEASE, &logged.release, root)
    }

    /// Where a document is, or would be.
    pub fn document(&self, digest: &Digest) -> PathBuf {
        self.documents().join(format!("{}.json", digest.hex()))
    }
}

/// The names in a folder that are UTF-8; none when there is no such folder.
pub fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

/// Removes what a crash left half-written in the folders in a folder. They lie at most a few deep.
fn remove_leftovers_below(folder: &Path) -> Result<(), Trouble> {
    for name in names(folder) {
        let inner = folder.join(name);
        if fs::symlink_metadata(&inner).is_ok_and(|metadata| metadata.is_dir()) {
            writ_durable::remove_leftovers(&inner).map_err(Trouble::at(&inner))?;
            remove_leftovers_below(&inner)?;
        }
    }
    Ok(())
}

/// Reads a file; `None` when it is not there.
pub fn read(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, Trouble> {
    match writ_durable::read_bounded(path, limit) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Trouble::at(path)(e)),
    }
}

fn read_signed(folder: &Path, name: &str) -> Result<Option<Signed>, Trouble> {
    let Some(document) = read(&folder.join(name), MAX_DOCUMENT)? else { return Ok(None) };
    let mut signatures = Vec::new();
    for file in names(folder) {
        let is_signature = file.strip_prefix(name).is_some_and(|rest| rest.ends_with(".minisig"));
        if let Some(bytes) = is_signature.then(|| read(&folder.join(&file), MAX_SIGNATURE)).transpose()?.flatten() {
            signatures.push(Blob(bytes));
        }
    }
    Ok(Some(Signed { document: Blob(document), signatures }))
}

/// The signatures that hold, each key's once: others would only be carried along, and one of them could take the place of a
/// good one by naming its key.
fn sound<'s>(root: &TrustRoot, signed: &'s Signed) -> Vec<(KeyId, &'s Blob)> {
    let prehash = Prehash::of(&signed.document.0);
    let mut found: Vec<(KeyId, &Blob)> = Vec::new();
    for blob in &signed.signatures {
        let Ok(signature) = Signature::parse(&blob.0) else { continue };
        let id = signature.key_id();
        let holds = root.key(id).is_some_and(|key| key.public_key.verify_prehashed(&prehash, &signature).is_ok());
        if holds && !found.iter().any(|(there, _)| *there == id) {
            found.push((id, blob));
        }
    }
    found
}
