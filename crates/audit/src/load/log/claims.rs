//! What others say of a log: that it once had so many entries and this root. Each must be a beginning of the log shown.

use std::collections::{BTreeMap, BTreeSet};

use writ_trust::digest::hex;
use writ_trust::log::checkpoint::Checkpoint;
use writ_trust::log::tree::Hash;

use crate::problem::{Code, Problems};
use crate::words::of;

/// What follows when two histories of one log are found.
const SPLIT: &str = "the log was shown differently to different people: keep both and ask those who run it";

/// Who says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A checkpoint that the auditor brought.
    Given,
    /// An older checkpoint, kept beside the newest.
    Kept,
    /// What an authority of time stamped.
    Timestamp,
    /// What a witness cosigned.
    Witness,
    /// The order by which the next log took over.
    Restart,
    /// The receipt of a release.
    ReleaseReceipt,
    /// The receipt of a bundle.
    Receipt,
    /// The last checkpoint that an appliance had verified when it wrote a bundle.
    Seen,
}

impl Source {
    fn as_str(self) -> &'static str {
        match self {
            Self::Given => "a checkpoint that was given",
            Self::Kept => "an older checkpoint",
            Self::Timestamp => "a timestamp of the log",
            Self::Witness => "a witness of the log",
            Self::Restart => "the restart of the log",
            Self::ReleaseReceipt => "the receipt of a release",
            Self::Receipt => "the receipt of a bundle",
            Self::Seen => "the last checkpoint that the appliance had seen",
        }
    }
}

/// One statement, however often it is made.
#[derive(Debug)]
struct Claim {
    root: Hash,
    source: Source,
    path: String,
    again: u64,
}

/// The statements about one log, by size.
#[derive(Debug, Default)]
pub struct Claims(BTreeMap<u64, Vec<Claim>>);

/// What came of judging the statements about a log.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// How many receipts lead to a beginning of the log.
    pub receipts: u64,
    /// How many bundles name a beginning of the log as the last checkpoint seen.
    pub seen: u64,
}

impl Claims {
    /// Takes in a statement.
    pub fn add(&mut self, checkpoint: &Checkpoint, source: Source, path: &str) {
        let at_size = self.0.entry(checkpoint.size).or_default();
        match at_size.iter_mut().find(|claim| (claim.root, claim.source) == (checkpoint.root, source)) {
            Some(claim) => claim.again += 1,
            None => at_size.push(Claim { root: checkpoint.root, source, path: path.to_owned(), again: 0 }),
        }
    }

    /// The sizes that are spoken of.
    pub fn sizes(&self) -> BTreeSet<u64> {
        self.0.keys().copied().collect()
    }

    /// Holds the statements against the roots of the log's beginnings, as far as those are known; beyond, and where they
    /// are not known, at least against each other.
    pub fn judge(&self, roots: &BTreeMap<u64, Hash>, problems: &mut Problems) -> Held {
        let mut held = Held::default();
        for (size, claims) in &self.0 {
            let (root, others) = match roots.get(size) {
                Some(root) => (root, &claims[..]),
                None => (&claims[0].root, &claims[1..]),
            };
            for claim in others.iter().filter(|claim| claim.root != *root) {
                let other = match roots.get(size) {
                    Some(_) => "the log here".to_owned(),
                    None => format!("{} in {}", claims[0].source.as_str(), claims[0].path),
                };
                let what = format!(
                    "{} says that the first {} come to root {}; {other} has {}{}",
                    claim.source.as_str(),
                    of(*size, "entry"),
                    short(&claim.root),
                    short(root),
                    claim.others()
                );
                problems.bad(Code::Forked, &claim.path, what, SPLIT);
            }
            for claim in claims.iter().filter(|claim| roots.get(size) == Some(&claim.root)) {
                match claim.source {
                    Source::Receipt | Source::ReleaseReceipt => held.receipts += 1 + claim.again,
                    Source::Seen => held.seen += 1 + claim.again,
                    Source::Given | Source::Kept | Source::Restart | Source::Timestamp | Source::Witness => {}
                }
            }
        }
        held
    }

    /// Who speaks of more than `size` entries, if anybody does.
    pub fn beyond(&self, size: u64) -> Option<Beyond> {
        let (largest, claims) = self.0.last_key_value().filter(|(largest, _)| **largest > size)?;
        let claim = claims.first()?;
        let more = || self.0.range(size + 1..).flat_map(|(_, claims)| claims);
        let all: u64 = more().map(|claim| 1 + claim.again).sum();
        let also =
            if all > 1 { format!("; {} in all name more than is here", of(all, "statement")) } else { String::new() };
        let (source, entries) = (claim.source.as_str(), of(*largest, "entry"));
        let who = format!("{source} in {} names {entries}, with root {}{also}", claim.path, short(&claim.root));
        Some(Beyond { largest: *largest, who, given: more().any(|claim| claim.source == Source::Given) })
    }
}

/// Somebody who speaks of more entries than a log has here.
pub struct Beyond {
    /// The largest size that is spoken of.
    pub largest: u64,
    /// In words who does.
    pub who: String,
    /// Whether the auditor brought a checkpoint that does.
    pub given: bool,
}

impl Claim {
    fn others(&self) -> String {
        if self.again == 0 {
            String::new()
        } else {
            format!("; so {} more", if self.again == 1 { "says one".to_owned() } else { format!("say {}", self.again) })
        }
    }
}

/// A root as messages quote it.
pub fn short(root: &Hash) -> String {
    hex(&root[..8])
}
