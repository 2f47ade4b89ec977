//! Gathering an audit folder out of a releases folder and appliances' outboxes and spools of logs. What is there already stays; nothing is
//! ever overwritten by something else. The one thing that grows, a log's checkpoint, leaves its older self beside it.

mod log;
mod log_batches;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use writ_evidence::BundleId;
use writ_evidence::bundle::MAX_BUNDLE;
use writ_evidence::chain::{file_name, parse_file_name};
use writ_trust::ids::SiteId;
use writ_trust::json::{self, MAX_DOCUMENT, MAX_SIGNATURE};
use writ_trust::log::receipt::MAX_RECEIPT;
use writ_trust::minisign::PublicKey;
use writ_wire::log_batch::MAX_BATCH;

use self::log_batches::Wanted;
use crate::folder::{EntryKind, Folder, FolderError};

/// Why gathering had to stop.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// A folder could not be read.
    #[error(transparent)]
    Read(#[from] FolderError),
    /// A file could not be written.
    #[error("{path}: {source}")]
    Write {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What came of gathering.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Collected {
    /// Files that are new in the audit folder.
    pub copied: usize,
    /// Files that were there already, byte for byte.
    pub present: usize,
    /// What was left out, and why: nothing of it was written.
    pub refused: Vec<Refused>,
    /// Bundles whose signature is not there yet: they come the next time.
    pub waiting: usize,
    /// How many times bundles lead to a batch of logs that is in none of the folders, where any were given.
    pub log_batches_missing: usize,
}

/// A file that was left out.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub why: String,
}

/// Gathers into `to`. Signatures are not judged here: that is for `verify`, which anybody can repeat.
pub fn collect(
    releases: Option<&Path>,
    outboxes: &[PathBuf],
    spools: &[PathBuf],
    to: &Path,
) -> Result<Collected, CollectError> {
    let mut collector = Collector { to, done: Collected::default(), made: BTreeSet::new(), wanted: Wanted::default() };
    if let Some(path) = releases {
        let folder = Folder::open(path)?;
        for part in ["trust", "documents"] {
            if let Some(folder) = folder.directory(part)? {
                collector.copy_files(&folder, Path::new(part))?;
            }
        }
        if let Some(sites) = folder.directory("releases")? {
            collector.releases(&sites)?;
        }
        if let Some(sites) = folder.directory("log")? {
            collector.logs(&sites)?;
        }
        if let Some(receipts) = folder.directory("receipts")? {
            collector.receipts(&receipts)?;
        }
    }
    for outbox in outboxes {
        collector.outbox(&Folder::open(outbox)?)?;
    }
    collector.log_batches(spools)?;
    Ok(collector.done)
}

/// Gathers what an archive of a day holds, which was unpacked into a folder.
pub fn collect_unpacked(from: &Path, to: &Path) -> Result<Collected, CollectError> {
    let mut outboxes = Vec::new();
    if let Some(sites) = Folder::open(from)?.directory("evidence")? {
        for site in sites.entries()?.into_iter().filter(|e| e.kind == EntryKind::Directory) {
            if let Some(folder) = sites.directory(&site.name)? {
                outboxes.extend(keys_of(&folder)?.iter().map(|keys| keys.path().to_owned()));
            }
        }
    }
    collect(Some(from), &outboxes, &[], to)
}

struct Collector<'a> {
    to: &'a Path,
    done: Collected,
    made: BTreeSet<PathBuf>,
    wanted: Wanted,
}

/// The part of a bundle that says where it belongs. Other fields are left alone: a later version may have more.
#[derive(Deserialize)]
struct Header {
    bundle_id: BundleId,
    client_id: SiteId,
    public_key: PublicKey,
    chain: Link,
}

#[derive(Deserialize)]
struct Link {
    sequence: u64,
}

impl Collector<'_> {
    fn releases(&mut self, sites: &Folder) -> Result<(), CollectError> {
        for site in sites.entries()?.into_iter().filter(|e| e.kind == EntryKind::Directory) {
            if site.name.parse::<SiteId>().is_err() {
                self.refuse(sites.path().join(&site.name), "not the name of a site");
                continue;
            }
            let Some(folder) = sites.directory(&site.name)? else { continue };
            for release in folder.entries()?.into_iter().filter(|e| e.kind == EntryKind::Directory) {
                if let Some(inner) = folder.directory(&release.name)? {
                    self.copy_files(&inner, &Path::new("releases").join(&site.name).join(&release.name))?;
                }
            }
        }
        Ok(())
    }

    /// Copies every document and signature of a folder.
    fn copy_files(&mut self, from: &Folder, to: &Path) -> Result<(), CollectError> {
        for entry in from.entries()? {
            let path = from.path().join(&entry.name);
            let limit = if entry.name.ends_with(".minisig") { MAX_SIGNATURE } else { MAX_DOCUMENT };
            let wanted = entry.name.ends_with(".json") || entry.name.ends_with(".minisig");
            match entry.kind {
                EntryKind::File if wanted => match from.read(&entry.name, limit) {
                    Ok(Some(bytes)) => self.write(&to.join(&entry.name), &bytes, &path)?,
                    Ok(None) => {}
                    Err(error) => self.refuse(path, error),
                },
                EntryKind::File | EntryKind::Directory => {}
                EntryKind::Other => {
                    self.refuse(path, "a symbolic link, a device, or a name that this layout does not use")
                }
            }
        }
        Ok(())
    }

    /// An outbox, and within it one folder for each earlier key, by its fingerprint.
    fn outbox(&mut self, outbox: &Folder) -> Result<(), CollectError> {
        self.bundles(outbox)?;
        keys_of(outbox)?.iter().try_for_each(|earlier| self.bundles(earlier))
    }

    fn bundles(&mut self, outbox: &Folder) -> Result<(), CollectError> {
        let entries = outbox.entries()?;
        let names: BTreeSet<&str> = entries.iter().map(|e| e.name.as_str()).collect();
        for entry in &entries {
            let Some((sequence, id)) = parse_file_name(&entry.name) else { continue };
            let path = outbox.path().join(&entry.name);
            if entry.kind != EntryKind::File {
                self.refuse(path, "not a plain file");
                continue;
            }
            let signature_name = format!("{}.minisig", entry.name);
            if !names.contains(signature_name.as_str()) {
                self.done.waiting += 1;
                continue;
            }
            let bytes = match outbox.read(&entry.name, MAX_BUNDLE) {
                Ok(Some(bytes)) => bytes,
                Ok(None) => continue,
                Err(error) => {
                    self.refuse(path, error);
                    continue;
                }
            };
            let (site, place) = match place_of(&bytes, sequence, id) {
                Ok(place) => place,
                Err(why) => {
                    self.refuse(path, why);
                    continue;
                }
            };
            self.wanted.note(site, &bytes);
            self.bundle(outbox, &place, &entry.name, &bytes, &signature_name)?;
        }
        Ok(())
    }

    fn bundle(
        &mut self,
        outbox: &Folder,
        place: &Path,
        name: &str,
        bytes: &[u8],
        signature_name: &str,
    ) -> Result<(), CollectError> {
        match outbox.read(signature_name, MAX_SIGNATURE) {
            // The signature first: a bundle without one would look like a forgery.
            Ok(Some(signature)) => {
                self.write(&place.join(signature_name), &signature, &outbox.path().join(signature_name))?;
                self.write(&place.join(name), bytes, &outbox.path().join(name))?;
            }
            Ok(None) => self.done.waiting += 1,
            Err(error) => self.refuse(outbox.path().join(signature_name), error),
        }
        let receipt = name.replace(".json", ".receipt.json");
        if let Ok(Some(bytes)) = outbox.read(&receipt, MAX_RECEIPT) {
            self.write(&place.join(&receipt), &bytes, &outbox.path().join(&receipt))?;
        }
        Ok(())
    }

    fn write(&mut self, relative: &Path, bytes: &[u8], source: &Path) -> Result<(), CollectError> {
        let path = self.to.join(relative);
        let failed = |source| CollectError::Write { path: path.clone(), source };
        if let Some(parent) = path.parent()
            && self.made.insert(parent.to_owned())
        {
            writ_durable::create_directories(parent).map_err(failed)?;
        }
        if writ_durable::create(&path, bytes, 0o644).map_err(failed)? {
            self.done.copied += 1;
        } else if is_receipt(relative)
            || writ_durable::read_bounded(&path, MAX_BATCH.max(MAX_DOCUMENT)).map_err(failed)? == bytes
        {
            // A receipt under a later checkpoint shows no more than the one that is there.
            self.done.present += 1;
        } else {
            let why = format!("{} is there already, with other content: nothing was overwritten", path.display());
            self.refuse(source.to_owned(), why);
        }
        Ok(())
    }

    fn refuse(&mut self, path: PathBuf, why: impl std::fmt::Display) {
        self.done.refused.push(Refused { path, why: why.to_string() });
    }
}

/// The folders within one that are named by the fingerprint of a key: 64 hexadecimal digits.
fn keys_of(folder: &Folder) -> Result<Vec<Folder>, CollectError> {
    let named = |name: &str| name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit());
    let all = folder.entries()?.into_iter().filter(|e| e.kind == EntryKind::Directory && named(&e.name));
    Ok(all.map(|e| folder.directory(&e.name)).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

fn is_receipt(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(".receipt.json"))
}

/// The site of a bundle and the folder in which it belongs, if it is what its name says.
fn place_of(bytes: &[u8], sequence: u64, id: BundleId) -> Result<(SiteId, PathBuf), String> {
    let value = json::parse_value(bytes, MAX_BUNDLE).map_err(|e| e.to_string())?;
    let header: Header = serde_json::from_value(value).map_err(|e| format!("not a bundle: {e}"))?;
    if (header.chain.sequence, header.bundle_id) != (sequence, id) {
        return Err(format!("it is {}, under another name", file_name(header.chain.sequence, header.bundle_id)));
    }
    let place = Path::new("evidence").join(header.client_id.as_str()).join(header.public_key.fingerprint());
    Ok((header.client_id, place))
}
