//! The outbox: what the enforcer has to say, in order, and what of it was delivered.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use serde::Deserialize;
use tracing::warn;
use writ_evidence::bundle::MAX_BUNDLE;
use writ_evidence::chain::{file_name, parse_file_name};
use writ_evidence::id::BundleId;
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::json::MAX_SIGNATURE;
use writ_trust::log::receipt::{MAX_RECEIPT, Receipt};
use writ_trust::minisign::PublicKey;
use writ_wire::{Blob, Signed};

use super::trouble::Trouble;

/// The most bytes of bundles in one batch, unless a single one has more: memory is scarce here.
const MAX_BATCH: usize = 512 * 1024;

/// A bundle by its place: sequence and id.
pub type Place = (u64, BundleId);

/// What lies in the outbox.
#[derive(Debug, Default)]
pub struct Outbox {
    /// The bundles that were not delivered, in order.
    pub waiting: BTreeSet<Place>,
    /// Those that were, in order.
    pub delivered: BTreeSet<Place>,
}

impl Outbox {
    /// Looks at the outbox and at the receipts.
    pub fn scan(outbox: &Path, receipts: &Path) -> Result<Self, Trouble> {
        let delivered: BTreeSet<Place> =
            places(receipts, |name| parse_file_name(&format!("{}.json", name.strip_suffix(".receipt.json")?)))
                .map_err(Trouble::at(receipts))?;
        let all = match places(outbox, parse_file_name) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => BTreeSet::new(),
            other => other.map_err(Trouble::at(outbox))?,
        };
        let (delivered, waiting) = all.into_iter().partition(|place| delivered.contains(place));
        Ok(Self { waiting, delivered })
    }

    /// The highest sequence that was delivered and is still here; 0 for none.
    pub fn newest_delivered(&self) -> u64 {
        self.delivered.last().map_or(0, |place| place.0)
    }
}

/// The lowest sequence of a delivered bundle whose receipt is by another log than `origin`: one that was lost. What cannot be
/// read counts as such. `None` when all of them are by this one.
pub fn first_of_lost_log(receipts: &Path, delivered: &BTreeSet<Place>, origin: &str) -> Option<u64> {
    let by_this_log = |place: &Place| {
        let bytes = writ_durable::read_bounded(&receipts.join(receipt_name(*place)), MAX_RECEIPT).ok()?;
        let receipt = Receipt::parse(&bytes).ok()?;
        (receipt.checkpoint.split('\n').next() == Some(origin)).then_some(())
    };
    delivered.iter().find(|place| by_this_log(place).is_none()).map(|place| place.0)
}

fn places(folder: &Path, parse: impl Fn(&str) -> Option<Place>) -> io::Result<BTreeSet<Place>> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder)? {
        if let Some(place) = entry?.file_name().to_str().and_then(&parse) {
            found.insert(place);
        }
    }
    Ok(found)
}

/// The name of the receipt of a bundle.
pub fn receipt_name((sequence, id): Place) -> String {
    format!("{sequence}-{id}.receipt.json")
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

/// Reads the first of these bundles, at most `most`, as far as they fit one batch. One that is gone meanwhile, whose signature
/// has not come yet, or that cannot be read is passed over and holds up nothing: it is tried again the next time.
pub fn read_batch(outbox: &Path, places: impl Iterator<Item = Place>, most: usize) -> Vec<Bundle> {
    let (mut batch, mut size) = (Vec::new(), 0);
    for place in places {
        if batch.len() >= most {
            break;
        }
        let bundle = match read(outbox, place) {
            Ok(Some(bundle)) => bundle,
            Ok(None) => continue,
            Err(trouble) => {
                warn!(bundle = %place.1, "passed over: {trouble}");
                continue;
            }
        };
        let length = bundle.signed.document.0.len();
        if !batch.is_empty() && size + length > MAX_BATCH {
            break;
        }
        size += length;
        batch.push(bundle);
    }
    batch
}

fn read(outbox: &Path, place: Place) -> Result<Option<Bundle>, Trouble> {
    let path = outbox.join(file_name(place.0, place.1));
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
        let waiting: Vec<u64> = scan.waiting.iter().map(|place| place.0).collect();
        assert_eq!((waiting, scan.newest_delivered()), (vec![2, 9, 10, 11], 1), "in order of numbers, not of names");
    }

    #[test]
    fn batches_are_bounded_in_number_and_size() {
        let dir = tempfile::tempdir().unwrap();
        for n in 1..=6 {
            bundle(dir.path(), n, if n == 3 { 600_000 } else { 200_000 });
        }
        let numbers = |from: u64, most| -> Vec<u64> {
            let places = (from..=6).map(|n| (n, format!("EB-20261123-{n:04}").parse().unwrap()));
            read_batch(dir.path(), places, most).iter().map(|b| b.header.chain.sequence).collect()
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
