//! What is in the outbox, read a few entries at a time.

use std::collections::BTreeMap;
use std::fs::{self, DirEntry, ReadDir};
use std::io;
use std::path::Path;

use writ_evidence::BundleId;
use writ_evidence::chain::parse_file_name;

use super::round::Item;

/// What a file of any size takes up at least, and in what it is counted.
const BLOCK: u64 = 4096;

/// A listing under way.
#[derive(Debug)]
pub struct Listing {
    entries: ReadDir,
    bundles: BTreeMap<u64, (BundleId, u64)>,
    signatures: BTreeMap<u64, (BundleId, u64)>,
    others: u64,
}

/// All that is there.
#[derive(Debug, Default)]
pub struct Listed {
    /// The bundles.
    pub items: Vec<Item>,
    /// Signatures without a bundle: what a removal that was cut short left.
    pub orphans: Vec<(u64, BundleId)>,
    /// The room that everything takes, in bytes; also what is neither, such as the bundles of an earlier key.
    pub total: u64,
}

impl Listing {
    /// Begins to read.
    pub fn begin(outbox: &Path) -> io::Result<Self> {
        let (bundles, signatures) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { entries: fs::read_dir(outbox)?, bundles, signatures, others: 0 })
    }

    /// Reads one more entry; false when there is none.
    pub fn advance(&mut self) -> bool {
        match self.entries.next() {
            None => return false,
            // What cannot be read is not counted, and looked at again in the next round.
            Some(entry) => {
                let _ = entry.and_then(|entry| self.take(&entry));
            }
        }
        true
    }

    fn take(&mut self, entry: &DirEntry) -> io::Result<()> {
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            for inner in fs::read_dir(entry.path())? {
                self.others += room(inner?.metadata()?.len());
            }
            return Ok(());
        }
        let (name, size) = (entry.file_name(), room(metadata.len()));
        let name = name.to_str().unwrap_or_default();
        let signature_of = name.strip_suffix(".minisig").and_then(parse_file_name);
        match (parse_file_name(name), signature_of) {
            (Some((sequence, id)), _) => drop(self.bundles.insert(sequence, (id, size))),
            (None, Some((sequence, id))) => drop(self.signatures.insert(sequence, (id, size))),
            (None, None) => self.others += size,
        }
        Ok(())
    }

    /// What was found.
    pub fn end(self) -> Listed {
        let Self { bundles, mut signatures, others, .. } = self;
        let mut total = others;
        let item = |(sequence, (id, size)): (u64, (BundleId, u64))| {
            let signature = signatures.remove(&sequence).map_or(0, |(_, size)| size);
            let bytes = size + signature;
            total += bytes;
            Item { sequence, id, bytes }
        };
        let items = bundles.into_iter().map(item).collect();
        total += signatures.values().map(|(_, size)| size).sum::<u64>();
        let orphans = signatures.into_iter().map(|(sequence, (id, _))| (sequence, id)).collect();
        Listed { items, orphans, total }
    }
}

fn room(length: u64) -> u64 {
    length.div_ceil(BLOCK).max(1) * BLOCK
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundles_orphans_and_all_else_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, length: usize| fs::write(dir.path().join(name), vec![b'a'; length]).unwrap();
        put("7-EB-20261123-0007.json", 5000);
        put("7-EB-20261123-0007.json.minisig", 300);
        put("8-EB-20261123-0008.json", 1);
        put("9-EB-20261123-0009.json.minisig", 1);
        put("9-EB-20261123-9.json", 1);
        fs::create_dir(dir.path().join("abc")).unwrap();
        put("abc/1-EB-20261123-0001.json", 10);
        let mut listing = Listing::begin(dir.path()).unwrap();
        while listing.advance() {}
        let listed = listing.end();
        let found: Vec<(u64, u64)> = listed.items.iter().map(|item| (item.sequence, item.bytes / BLOCK)).collect();
        assert_eq!(found, [(7, 3), (8, 1)]);
        assert_eq!(listed.orphans, [(9, "EB-20261123-0009".parse().unwrap())]);
        assert_eq!(listed.total / BLOCK, 3 + 1 + 1 + 1 + 1);
    }
}
