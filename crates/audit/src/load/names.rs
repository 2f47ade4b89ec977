//! The bundles of a key, by the names of its files: of hundreds of thousands no name is kept.

use std::collections::BTreeMap;

use writ_evidence::BundleId;
use writ_evidence::chain::{file_name, parse_file_name};

use super::{path_in, stray};
use crate::folder::{Entry, EntryKind, Folder};
use crate::problem::{Code, Problems};

/// A bundle by the name of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    /// Its number in the chain.
    pub sequence: u64,
    /// Its id.
    pub id: BundleId,
    /// Whether there is a receipt beside it.
    pub receipted: bool,
}

/// What is there of a bundle.
#[derive(Debug, Default)]
struct Parts {
    bundle: bool,
    /// Something by the name of the bundle that is no file: it was told of.
    other: bool,
    receipt: bool,
}

/// Which part of which bundle a file is.
enum Part {
    Bundle,
    Signature,
    Receipt,
}

fn part_of(name: &str) -> Option<((u64, BundleId), Part)> {
    if let Some(bundle) = parse_file_name(name) {
        return Some((bundle, Part::Bundle));
    }
    let (bundle, part) = match (name.strip_suffix(".minisig"), name.strip_suffix(".receipt.json")) {
        (Some(bundle), _) => (parse_file_name(bundle)?, Part::Signature),
        (None, Some(bundle)) => (parse_file_name(&format!("{bundle}.json"))?, Part::Receipt),
        (None, None) => return None,
    };
    Some((bundle, part))
}

/// The bundles in the order of the chain, and how many receipts there are beside them. Tells of what belongs to nothing, and of
/// bundles of which only the signature or the receipt is here.
pub fn list(folder: &Folder, path: &str, problems: &mut Problems) -> (Vec<Name>, usize) {
    let mut found: BTreeMap<(u64, BundleId), Parts> = BTreeMap::new();
    let mut others: Vec<Entry> = Vec::new();
    let listed = folder.each(&mut |name, kind| {
        let part = part_of(name);
        if kind != EntryKind::File || part.is_none() {
            others.push(Entry { name: name.to_owned(), kind });
        }
        match part {
            Some((bundle, Part::Bundle)) => {
                let parts = found.entry(bundle).or_default();
                (parts.bundle, parts.other) = (kind == EntryKind::File, kind != EntryKind::File);
            }
            Some((bundle, part)) if kind == EntryKind::File => {
                found.entry(bundle).or_default().receipt |= matches!(part, Part::Receipt);
            }
            _ => {}
        }
    });
    if let Err(error) = listed {
        problems.bad(Code::Unreadable, path, error, "nothing in it was judged");
        return (Vec::new(), 0);
    }
    others.sort_by(|a, b| a.name.cmp(&b.name));
    others.iter().for_each(|entry| stray(entry, path, problems));
    let (mut names, mut receipts) = (Vec::with_capacity(found.len()), 0);
    for ((sequence, id), Parts { bundle, other, receipt }) in found {
        if bundle {
            names.push(Name { sequence, id, receipted: receipt });
        } else if !other {
            let what = "its signature or receipt is there, but not the bundle";
            problems.bad(Code::Missing, &path_in(path, &file_name(sequence, id)), what, "a bundle was removed");
            continue;
        }
        receipts += usize::from(receipt);
    }
    (names, receipts)
}
