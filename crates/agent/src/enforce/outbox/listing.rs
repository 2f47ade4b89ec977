//! What is in the outbox, read a few entries at a time.

use std::collections::BTreeMap;
use std::fs::{self, DirEntry, ReadDir};
use std::io;
use std::path::{Path, PathBuf};

use writ_evidence::BundleId;
use writ_evidence::chain::{file_name, parse_file_name};

use super::round::Item;
#[cfg(doc)]
use super::round::OWN;

/// What a file of any size takes up at least, and in what it is counted.
const BLOCK: u64 = 4096;

/// A listing under way.
#[derive(Debug)]
pub struct Listing {
    outbox: PathBuf,
    entries: ReadDir,
    /// The chains found; the last one's folder is being read.
    chains: Vec<Chain>,
    /// Folders of earlier keys that are still to be read.
    folders: Vec<String>,
    others: u64,
}

/// The bundles of one key.
#[derive(Debug, Default)]
struct Chain {
    folder: String,
    bundles: BTreeMap<u64, (BundleId, u64)>,
    signatures: BTreeMap<u64, (BundleId, u64)>,
}

/// All that is there.
#[derive(Debug, Default)]
pub struct Listed {
    /// Where the chains are in the outbox, by [`Item::chain`]: the own one ([`OWN`]) at the top, those of earlier keys in
    /// folders named by their fingerprints.
    pub folders: Vec<String>,
    /// The bundles.
    pub items: Vec<Item>,
    /// Signatures without a bundle, what a removal that was cut short left: the names of the bundles, within the outbox.
    pub orphans: Vec<String>,
    /// The room that everything takes, in bytes; also what is neither.
    pub total: u64,
}

/// The file of a bundle within the outbox, or that of its receipt within the receipts, given its name there.
pub fn within(folder: &str, name: String) -> String {
    if folder.is_empty() { name } else { format!("{folder}/{name}") }
}

impl Listing {
    /// Begins to read.
    pub fn begin(outbox: &Path) -> io::Result<Self> {
        let (outbox, entries) = (outbox.to_owned(), fs::read_dir(outbox)?);
        Ok(Self { outbox, entries, chains: vec![Chain::default()], folders: Vec::new(), others: 0 })
    }

    /// Reads one more entry; false when there is none.
    pub fn advance(&mut self) -> bool {
        match self.entries.next() {
            None => self.next_folder(),
            // What cannot be read is not counted, and looked at again in the next round.
            Some(entry) => {
                let _ = entry.and_then(|entry| self.take(&entry));
                true
            }
        }
    }

    fn next_folder(&mut self) -> bool {
        let Some(folder) = self.folders.pop() else { return false };
        if let Ok(entries) = fs::read_dir(self.outbox.join(&folder)) {
            self.entries = entries;
            self.chains.push(Chain { folder, ..Chain::default() });
        }
        true
    }

    fn take(&mut self, entry: &DirEntry) -> io::Result<()> {
        let metadata = entry.metadata()?;
        let (name, size) = (entry.file_name(), room(metadata.len()));
        let name = name.to_str().unwrap_or_default();
        let (at_the_top, chain) = (self.chains.len() == 1, self.chains.last_mut());
        if metadata.is_dir() {
            if at_the_top && is_fingerprint(name) {
                self.folders.push(name.to_owned());
                return Ok(());
            }
            for inner in fs::read_dir(entry.path())? {
                self.others += room(inner?.metadata()?.len());
            }
            return Ok(());
        }
        let signature_of = name.strip_suffix(".minisig").and_then(parse_file_name);
        match (chain, parse_file_name(name), signature_of) {
            (Some(chain), Some((sequence, id)), _) => drop(chain.bundles.insert(sequence, (id, size))),
            (Some(chain), None, Some((sequence, id))) => drop(chain.signatures.insert(sequence, (id, size))),
            _ => self.others += size,
        }
        Ok(())
    }

    /// What was found.
    pub fn end(self) -> Listed {
        let mut listed = Listed { total: self.others, ..Listed::default() };
        for (at, chain) in self.chains.into_iter().enumerate() {
            let Chain { folder, bundles, mut signatures } = chain;
            for (sequence, (id, size)) in bundles {
                let bytes = size + signatures.remove(&sequence).map_or(0, |(_, size)| size);
                listed.total += bytes;
                listed.items.push(Item { chain: at, sequence, id, bytes, proven: false });
            }
            listed.total += signatures.values().map(|(_, size)| size).sum::<u64>();
            let orphans = signatures.into_iter().map(|(sequence, (id, _))| within(&folder, file_name(sequence, id)));
            listed.orphans.extend(orphans);
            listed.folders.push(folder);
        }
        listed
    }
}

/// Whether it is the name of a folder for the bundles of an earlier key.
fn is_fingerprint(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
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
        let earlier = "0f".repeat(32);
        fs::create_dir(dir.path().join(&earlier)).unwrap();
        put(&format!("{earlier}/7-EB-20261122-0007.json"), 10);
        put(&format!("{earlier}/7-EB-20261122-0007.json.minisig"), 10);
        put(&format!("{earlier}/8-EB-20261122-0008.json.minisig"), 10);
        let mut listing = Listing::begin(dir.path()).unwrap();
        while listing.advance() {}
        let listed = listing.end();
        let found: Vec<(usize, u64, u64)> =
            listed.items.iter().map(|item| (item.chain, item.sequence, item.bytes / BLOCK)).collect();
        assert_eq!(found, [(0, 7, 3), (0, 8, 1), (1, 7, 2)]);
        assert_eq!(listed.folders, ["", &earlier]);
        let orphans = ["9-EB-20261123-0009.json".to_owned(), format!("{earlier}/8-EB-20261122-0008.json")];
        assert_eq!(listed.orphans, orphans);
        assert_eq!(listed.total / BLOCK, 3 + 1 + 1 + 1 + 1 + 2 + 1);
    }
}
