//! The folder of releases: what it offers. All of it is hostile; nothing here decides, [`super::accept`] does.

use std::io;
use std::path::{Path, PathBuf};

use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::json::{MAX_DOCUMENT, MAX_SIGNATURE};
use writ_trust::log::receipt::MAX_RECEIPT;
use writ_trust::order::MAX_ORDER;
use writ_trust::refusal::Rule;
use writ_trust::threshold::MAX_SIGNATURES;

use super::hostile;
use super::state::Point;

/// How many releases above the floor are looked at, from the newest down: hostile ones must not hide a good one, nor keep
/// the appliance busy.
pub const MOST_OFFERS: usize = 16;
/// How many orders are looked at.
pub const MOST_ORDERS: usize = 64;
/// How many trust roots are walked at once.
const MOST_ROOTS: u64 = 1_000;

/// A signed document with its signature files.
#[derive(Debug, Clone)]
pub struct Signed {
    /// Its exact bytes.
    pub bytes: Vec<u8>,
    /// The signature files beside it.
    pub signatures: Vec<Vec<u8>>,
}

/// An order that lies in the folder.
#[derive(Debug)]
pub struct Offered {
    /// The name of its file, which says nothing.
    pub name: String,
    /// The order, or why it cannot be read.
    pub signed: io::Result<Signed>,
}

/// A folder that holds releases.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The folder at this place, there or not.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Where a site's releases are.
    pub fn releases(&self, site: &SiteId) -> PathBuf {
        self.root.join("releases").join(site.as_str())
    }

    /// The binary cache.
    pub fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// The releases at or above a floor, by what their folders are called, the newest first.
    pub fn offers(&self, site: &SiteId, floor: Option<Point>) -> Vec<Point> {
        let mut points: Vec<Point> = hostile::names(&self.releases(site))
            .iter()
            .filter_map(|name| parse_point(name))
            .filter(|point| floor.is_none_or(|floor| *point >= floor))
            .collect();
        points.sort_unstable_by(|a, b| b.cmp(a));
        points.truncate(MOST_OFFERS);
        points
    }

    /// Where a site's orders are.
    pub fn orders_of(&self, site: &SiteId) -> PathBuf {
        self.root.join("orders").join(site.as_str())
    }

    /// The orders of a site, by the names of their files, as many as are looked at. Each is read when it is asked for: all of
    /// them with all their signatures are more than an appliance has to hold at once.
    pub fn orders(&self, site: &SiteId) -> impl Iterator<Item = Offered> + use<> {
        let folder = self.orders_of(site);
        let all = hostile::names(&folder);
        let mut names: Vec<String> = all.iter().filter(|name| name.ends_with(".json")).cloned().collect();
        names.sort_unstable();
        names.into_iter().take(MOST_ORDERS).filter_map(move |name| {
            let signed = read_signed_within(&folder, &name, &all, MAX_ORDER).transpose()?;
            Some(Offered { name, signed })
        })
    }

    /// Reads a release. `None` while it is not there or not yet signed.
    pub fn release(&self, site: &SiteId, point: Point) -> io::Result<Option<Signed>> {
        read_signed(&self.releases(site).join(point.to_string()), "release.json")
    }

    /// Reads the receipt beside a release. `None` when there is none.
    pub fn receipt(&self, site: &SiteId, point: Point) -> io::Result<Option<Vec<u8>>> {
        let path = self.releases(site).join(point.to_string()).join("release.receipt.json");
        absent(hostile::read(&path, MAX_RECEIPT))
    }

    /// Where the log of this number of a site is, from 1.
    pub fn log(&self, site: &SiteId, number: usize) -> PathBuf {
        self.root.join("log").join(site.as_str()).join(number.to_string())
    }

    /// Reads the restart that leads to the log of this number, from 2. `None` when it is not there.
    pub fn restart(&self, site: &SiteId, number: usize) -> io::Result<Option<Signed>> {
        read_signed(&self.log(site, number), "restart.json")
    }

    /// Where the receipts for bundles are.
    pub fn receipts(&self) -> PathBuf {
        self.root.join("receipts")
    }

    /// The courier's public key.
    pub fn courier_key(&self) -> PathBuf {
        self.root.join("courier.pub")
    }

    /// Reads a trust root. `None` when it is not there.
    pub fn root(&self, version: u64) -> io::Result<Option<Signed>> {
        read_signed(&self.root.join("trust"), &format!("{version}.json"))
    }

    /// Reads a document that a release names, of at most `size` bytes. `None` while it is not there.
    pub fn document(&self, digest: &Digest, size: u64) -> io::Result<Option<Vec<u8>>> {
        let path = self.root.join("documents").join(format!("{}.json", digest.hex()));
        absent(hostile::read(&path, usize::try_from(size).unwrap_or(MAX_DOCUMENT).min(MAX_DOCUMENT)))
    }
}

/// The versions of trust roots to look for above one.
pub fn root_versions(above: u64) -> impl Iterator<Item = u64> {
    above.saturating_add(1)..=above.saturating_add(MOST_ROOTS)
}

/// Reads `<epoch>-<serial>`, in its one spelling.
pub fn parse_point(name: &str) -> Option<Point> {
    let (epoch, serial) = name.split_once('-')?;
    Some(Point { epoch: epoch.parse().ok()?, serial: serial.parse().ok()? })
}

/// Reads a document and every `<name>.minisig` and `<name>.<key id>.minisig` beside it.
pub fn read_signed(directory: &Path, name: &str) -> io::Result<Option<Signed>> {
    read_signed_within(directory, name, &hostile::names(directory), MAX_DOCUMENT)
}

/// As [`read_signed`], where it is known what is in the folder, of a document of at most `limit` bytes.
fn read_signed_within(directory: &Path, name: &str, all: &[String], limit: usize) -> io::Result<Option<Signed>> {
    let Some(bytes) = absent(hostile::read(&directory.join(name), limit))? else { return Ok(None) };
    let mut names: Vec<&String> = all.iter().filter(|n| is_signature(n, name)).collect();
    names.sort_unstable();
    let mut signatures: Vec<Vec<u8>> = Vec::new();
    // One more than allowed is enough for the rule that counts them.
    for file in names.iter().take(MAX_SIGNATURES + 1) {
        let signature = hostile::read(&directory.join(file), MAX_SIGNATURE)?;
        if !signatures.contains(&signature) {
            signatures.push(signature);
        }
    }
    Ok(Some(Signed { bytes, signatures }))
}

fn is_signature(file: &str, document: &str) -> bool {
    let Some(rest) = file.strip_prefix(document) else { return false };
    let id = rest.strip_suffix(".minisig").map(|rest| rest.strip_prefix('.').unwrap_or(rest));
    id.is_some_and(|id| id.is_empty() || (id.len() == 16 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F'))))
}

/// The rule that a document breaks which cannot be read: too large, or not a plain file.
pub fn unreadable(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::FileTooLarge { Rule::Size.name() } else { "readable" }
}

/// What is read, or `None` when it is not there.
pub fn absent<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_offers_come_first_and_strange_names_are_not_offers() {
        let dir = tempfile::tempdir().unwrap();
        let site: SiteId = "clinic-001".parse().unwrap();
        for name in ["1-9", "1-10", "2-1", "1-2", "01-3", "1-", "../x", "x", "1-99999999999999999999"] {
            let _ = std::fs::create_dir_all(dir.path().join("releases/clinic-001").join(name));
        }
        let folder = Folder::new(dir.path());
        let points = |floor: Option<&str>| -> Vec<String> {
            folder.offers(&site, floor.and_then(parse_point)).iter().map(ToString::to_string).collect()
        };
        assert_eq!(points(None), ["2-1", "1-10", "1-9", "1-2"]);
        assert_eq!(points(Some("1-10")), ["2-1", "1-10"]);
        assert!(folder.offers(&"clinic-002".parse().unwrap(), None).is_empty());
        assert!(folder.release(&site, parse_point("1-9").unwrap()).unwrap().is_none());
    }

    #[test]
    fn only_signatures_of_the_document_are_taken() {
        for good in ["release.json.minisig", "release.json.0123456789ABCDEF.minisig"] {
            assert!(is_signature(good, "release.json"), "{good}");
        }
        for bad in ["release.json", "x.minisig", "release.json.0123.minisig", "release.json.0123456789abcdef.minisig"] {
            assert!(!is_signature(bad, "release.json"), "{bad}");
        }
    }
}
