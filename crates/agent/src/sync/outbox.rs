//! The outbox: what the enforcer has to say, in order, and what of it was delivered.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use writ_evidence::bundle::MAX_BUNDLE;
use writ_evidence::chain::{file_name, parse_file_name};
use writ_evidence::id::BundleId;
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::json::MAX_SIGNATURE;
use writ_trust::minisign::PublicKey;
use writ_wire::{Blob, Signed};

use super::inbox::names;
use super::trouble::Trouble;

/// The most bytes of bundles in one batch, unless a single one has more: memory is scarce here.
const MAX_BATCH: usize = 512 * 1024;

/// A bundle by its place. Those of the key that the appliance has now come before those of earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The fingerprint of an earlier key, whose bundles lie in a folder of that name; `None` for the key of now.
    pub chain: Option<Digest>,
    /// The number in the key's chain.
    pub sequence: u64,
    /// The id.
    pub id: BundleId,
}

impl Place {
    /// The bundle's file.
    pub fn bundle_in(&self, outbox: &Path) -> PathBuf {
        folder(outbox, self.chain).join(file_name(self.sequence, self.id))
    }

    /// The file of its receipt.
    pub fn receipt_in(&self, receipts: &Path) -> PathBuf {
        folder(receipts, self.chain).join(format!("{}-{}.receipt.json", self.sequence, self.id))
    }
}

/// What lies in the outbox.
#[derive(Debug, Default)]
pub struct Outbox {
    /// The bundles that were not delivered, in order.
    pub waiting: BTreeSet<Place>,
    /// Those that were, in order.
    pub delivered: BTreeSet<Place>,
    /// Why the bundles of an earlier key cannot be listed; they are not among the others then.
    pub unlisted: Option<Trouble>,
}

impl Outbox {
    /// Looks at the outbox and at the receipts.
    pub fn scan(outbox: &Path, receipts: &Path) -> Result<Self, Trouble> {
        let mut found = Self::default();
        found.take(None, outbox, receipts)?;
        for chain in chains(outbox) {
            if let Err(trouble) = found.take(Some(chain), outbox, receipts) {
                found.unlisted = Some(trouble);
            }
        }
        Ok(found)
    }

    fn take(&mut self, chain: Option<Digest>, outbox: &Path, receipts: &Path) -> Result<(), Trouble> {
        let place = |(sequence, id)| Place { chain, sequence, id };
        let of_receipt = |name: &str| parse_file_name(&format!("{}.json", name.strip_suffix(".receipt.json")?));
        let receipts = folder(receipts, chain);
        let delivered = places(&receipts, |name| of_receipt(name).map(place)).map_err(Trouble::at(&receipts))?;
        let bundles = folder(outbox, chain);
        let all = places(&bundles, |name| parse_file_name(name).map(place)).map_err(Trouble::at(&bundles))?;
        let (delivered, waiting): (Vec<_>, Vec<_>) = all.into_iter().partition(|place| delivered.contains(place));
        self.delivered.extend(delivered);
        self.waiting.extend(waiting);
        Ok(())
    }

    /// Receipts that do not count make their bundles wait again.
    pub fn without(mut self, void: &BTreeSet<Place>) -> Self {
        let (again, delivered) = self.delivered.into_iter().partition(|place| void.contains(place));
        self.delivered = delivered;
        self.waiting.extend::<BTreeSet<Place>>(again);
        self
    }

    /// The highest sequence of the key of now that was delivered and is still here; 0 for none.
    pub fn newest_delivered(&self) -> u64 {
        self.delivered.iter().rfind(|place| place.chain.is_none()).map_or(0, |place| place.sequence)
    }
}

/// The earlier keys whose bundles or receipts have a folder here, by fingerprint.
pub fn chains(folder: &Path) -> BTreeSet<Digest> {
    let found = names(folder).into_iter().filter_map(|name| {
        let chain: Digest = format!("sha256:{name}").parse().ok()?;
        std::fs::symlink_metadata(folder.join(&name)).is_ok_and(|there| there.is_dir()).then_some(chain)
    });
    found.collect()
}

/// Where an earlier key has its own within a folder.
pub fn folder(folder: &Path, chain: Option<Digest>) -> PathBuf {
    chain.map_or_else(|| folder.to_owned(), |chain| folder.join(chain.hex()))
}

fn places(folder: &Path, parse: impl Fn(&str) -> Option<Place>) -> io::Result<BTreeSet<Place>> {
    let entries = match std::fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        other => other?,
    };
    let mut found = BTreeSet::new();
    for entry in entries {
        if let Some(place) = entry?.file_name().to_str().and_then(&parse) {
            found.insert(place);
        }
    }
    Ok(found)
}

/// One bundle, read.
#[derive(Debug)]
pub struct Bundle {
    /// Its place.
    pub place: Place,
    /// The digest of its exact bytes.
    pub digest: Digest,
    /// What it says of itself.
    pub header: Header,
    /// The bytes and the signature.
    pub signed: Signed,
}

/// As much of a bundle as a courier reads: who speaks, and as which one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Header {
    /// The site.
    pub client_id: SiteId,
    /// The appliance.
    pub appliance: ApplianceId,
    /// The key.
    pub public_key: PublicKey,
    /// The place in the key's chain.
    pub chain: HeaderLink,
}

/// See [`Header`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct HeaderLink {
    /// The number in the chain.
    pub sequence: u64,
}

/// What is sent at once.
#[derive(Debug, Default)]
pub struct Batch {
    /// The bundles, in order, all of one key.
    pub bundles: Vec<Bundle>,
    /// How many could not be read, and why the first of them could not.
    pub unreadable: u64,
    /// See `unreadable`.
    pub why: Option<Trouble>,
}

impl Batch {
    /// Reads the first of these bundles, at most `most`, as far as they fit one batch. One that is gone meanwhile or whose
    /// signature has not come yet is passed over; so is one that cannot be read. They hold up nothing, and are tried again
    /// the next time.
    pub fn read(outbox: &Path, places: impl Iterator<Item = Place>, most: usize) -> Self {
        let (mut batch, mut size) = (Self::default(), 0);
        for place in places {
            let other = batch.bundles.first().is_some_and(|first| first.place.chain != place.chain);
            if batch.bundles.len() >= most || other {
                break;
            }
            let bundle = match read(outbox, place) {
                Ok(Some(bundle)) => bundle,
                Ok(None) => continue,
                Err(trouble) => {
                    batch.unreadable += 1;
                    batch.why.get_or_insert(trouble);
                    continue;
                }
            };
            let length = bundle.signed.document.0.len();
            if !batch.bundles.is_empty() && size + length > MAX_BATCH {
                break;
            }
            size += length;
            batch.bundles.push(bundle);
        }
        batch
    }
}

fn read(outbox: &Path, place: Place) -> Result<Option<Bundle>, Trouble> {
    let path = place.bundle_in(outbox);
    let signature_path = path.with_extension("json.minisig");
    let read = |path: &Path, limit| match writ_durable::read_bounded(path, limit) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Trouble::at(path)(e)),
    };
    let Some(bytes) = read(&path, MAX_BUNDLE)? else { return Ok(None) };
    let Some(signature) = read(&signature_path, MAX_SIGNATURE)? else { return Ok(None) };
    let odd = |e: serde_json::Error| io::Error::new(io::ErrorKind::InvalidData, format!("not a bundle: {e}"));
    let header: Header = serde_json::from_slice(&bytes).map_err(|e| Trouble::at(&path)(odd(e)))?;
    let digest = Digest::of(&bytes);
    Ok(Some(Bundle {
        place,
        digest,
        header,
        signed: Signed { document: Blob(bytes), signatures: vec![Blob(signature)] },
    }))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn bundle(folder: &Path, n: u64, size: usize) {
        let key = writ_trust::minisign::SecretKey::generate(&[3; 40]).public_key().line();
        let text = format!(
            "{{\"schema\":\"x\",\"client_id\":\"clinic-001\",\"appliance\":\"front-desk\",\"public_key\":\"{key}\",\
             \"chain\":{{\"sequence\":{n},\"previous\":null}},\"fill\":\"{}\"}}",
            "x".repeat(size)
        );
        let name = format!("{n}-EB-20261123-{n:04}.json");
        fs::write(folder.join(&name), text).unwrap();
        fs::write(folder.join(format!("{name}.minisig")), "signature").unwrap();
    }

    #[test]
    fn what_has_a_receipt_was_delivered_and_strange_names_are_not_bundles() {
        let dir = tempfile::tempdir().unwrap();
        let (outbox, receipts) = (dir.path().join("outbox"), dir.path().join("receipts"));
        fs::create_dir(&receipts).unwrap();
        assert!(Outbox::scan(&outbox, &receipts).unwrap().waiting.is_empty(), "no outbox yet");
        fs::create_dir(&outbox).unwrap();
        for n in [1, 2, 9, 10, 11] {
            bundle(&outbox, n, 10);
        }
        for odd in
            ["x.json", "01-EB-20261123-0001.json", ".1-2.3-EB-20261123-0003.json.writ-tmp", "3-EB-20261123-0003.JSON"]
        {
            fs::write(outbox.join(odd), "").unwrap();
        }
        fs::write(receipts.join("1-EB-20261123-0001.receipt.json"), "").unwrap();
        fs::write(receipts.join("7-EB-20261123-0007.receipt.json"), "of one that is gone").unwrap();
        let scan = Outbox::scan(&outbox, &receipts).unwrap();
        let waiting: Vec<u64> = scan.waiting.iter().map(|place| place.sequence).collect();
        assert_eq!((waiting, scan.newest_delivered()), (vec![2, 9, 10, 11], 1), "in order of numbers, not of names");
    }

    #[test]
    fn batches_are_bounded_in_number_and_size() {
        let dir = tempfile::tempdir().unwrap();
        for n in 1..=6 {
            bundle(dir.path(), n, if n == 3 { 600_000 } else { 200_000 });
        }
        let numbers = |from: u64, most| -> Vec<u64> {
            let place = |n| Place { chain: None, sequence: n, id: format!("EB-20261123-{n:04}").parse().unwrap() };
            let batch = Batch::read(dir.path(), (from..=6).map(place), most);
            batch.bundles.iter().map(|b| b.header.chain.sequence).collect()
        };
        assert_eq!(numbers(1, 10), [1, 2]);
        assert_eq!(numbers(3, 10), [3], "one that is larger goes alone");
        assert_eq!(numbers(4, 1), [4]);
        fs::remove_file(dir.path().join("4-EB-20261123-0004.json.minisig")).unwrap();
        fs::remove_file(dir.path().join("5-EB-20261123-0005.json")).unwrap();
        assert_eq!(numbers(4, 10), [6], "what is not whole or gone is passed over");
        fs::write(dir.path().join("1-EB-20261123-0001.json"), "{").unwrap();
        assert_eq!(numbers(1, 2), [2], "and what is no bundle");
    }
}
