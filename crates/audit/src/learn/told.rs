//! What is kept of an incident while evidence streams by: small, whichever order its bundles come in, and once for each.

use std::collections::{BTreeMap, BTreeSet};

use writ_evidence::chain::parse_file_name;
use writ_evidence::incident::Tier;
use writ_evidence::{BundleId, IncidentId};
use writ_trust::digest::Digest;
use writ_trust::time::Time;

use crate::costs::Calls;

/// Values by number, each kept once.
#[derive(Debug)]
pub struct Names<T> {
    all: Vec<T>,
    numbers: BTreeMap<T, u32>,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self { all: Vec::new(), numbers: BTreeMap::new() }
    }
}

impl<T: Ord + Clone> Names<T> {
    /// The number of a value.
    pub fn number(&mut self, value: &T) -> u32 {
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        // No folder has as many bundles, and each brings a few at most.
        let number = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.all.push(value.clone());
        self.numbers.insert(value.clone(), number);
        number
    }

    /// The value of a number that [`Names::number`] gave.
    pub fn get(&self, number: u32) -> &T {
        &self.all[number as usize]
    }
}

/// Where a bundle lies: the number of its folder, and its place in the chain there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// Of the folder.
    pub folder: u32,
    /// In the chain.
    pub sequence: u64,
}

/// A path as folder and place in the chain; none of one that is no bundle's, nor what lies beside one.
pub fn split(path: &str) -> Option<(&str, u64)> {
    let (folder, name) = path.rsplit_once('/')?;
    let name = name.strip_suffix(".minisig").unwrap_or(name);
    let bundle = match name.strip_suffix(".receipt.json") {
        Some(bundle) => parse_file_name(&format!("{bundle}.json")),
        None => parse_file_name(name),
    };
    Some((folder, bundle?.0))
}

/// Which bundle says something. Of two that say the same thing the lesser counts, so that their order means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct By {
    /// When it was written.
    pub at: Time,
    /// Its digest.
    pub digest: Digest,
    /// Its id.
    pub id: BundleId,
}

/// How an incident showed itself: numbers of [`super::gather`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shown {
    /// When it was detected.
    pub detected_at: Time,
    /// What failed, and how; none where the policy that asked for it is not known.
    pub situation: Option<u32>,
}

/// A runbook as a policy had it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ran {
    /// Its id.
    pub runbook: String,
    /// What it does; none where that policy is not known, or has no such runbook.
    pub parameters: Option<Digest>,
}

/// How an incident ended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ending {
    /// Who resolved it; none where nobody did, or nobody knows.
    pub resolved_by: Option<Tier>,
    /// The runbook that ran last, where it is a plan's.
    pub last_run: Option<u32>,
    /// Milliseconds from detection.
    pub took_ms: u64,
    /// The rule that resolved it, or ran last.
    pub rule: Option<u32>,
    /// Rules whose runbooks ran for it, by what steps were done, with the names of these runbooks: numbers.
    pub ran_too: Vec<(u32, u32)>,
}

/// The enforcer's word on a runbook that a plan had run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Came {
    /// The check held after it.
    Helped,
    /// It did not.
    Failed,
}

/// All that is known of an incident.
#[derive(Debug, Default)]
pub struct Case {
    /// The first bundle that opened it, and how it showed itself.
    pub opened: Option<(By, Shown)>,
    /// The first bundle that closed it, how it had shown itself by that, and how it ended.
    pub closed: Option<(By, Shown, Ending)>,
    /// What came of the runbooks that plans had run for it: their numbers.
    pub outcomes: BTreeSet<(u32, Came)>,
    /// The calls of models for it, by the digest of what tells them apart: of one several bundles tell.
    pub calls: BTreeMap<Digest, Calls>,
    /// Where bundles about it lie, all of them.
    pub lies: BTreeSet<At>,
}

impl Case {
    /// Takes in a bundle that opened it.
    pub fn open(&mut self, by: By, shown: Shown) {
        if self.opened.as_ref().is_none_or(|(known, _)| by < *known) {
            self.opened = Some((by, shown));
        }
    }

    /// Takes in a bundle that closed it.
    pub fn close(&mut self, by: By, shown: Shown, ending: Ending) {
        if self.closed.as_ref().is_none_or(|(known, ..)| by < *known) {
            self.closed = Some((by, shown, ending));
        }
    }

    /// How it showed itself: as the bundle says that opened it, or else as the one does that closed it.
    pub fn shown(&self) -> Option<Shown> {
        let opened = self.opened.as_ref().map(|(_, shown)| *shown);
        let closed = self.closed.as_ref().map(|(_, shown, _)| *shown);
        match (opened, closed) {
            (Some(opened), Some(closed)) if opened.situation.is_none() => Some(closed),
            (opened, closed) => opened.or(closed),
        }
    }
}

/// Which incident: the number of the appliance, and the incident's id.
pub type Key = (u32, IncidentId);
