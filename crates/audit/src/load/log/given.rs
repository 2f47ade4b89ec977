//! Checkpoints that the auditor brings: kept from last time, or had from somebody else. Each must be a beginning of the log here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use std::collections::BTreeMap;
use writ_trust::ids::SiteId;
use writ_trust::log::checkpoint::Checkpoint;
use writ_trust::log::note::Note;
use writ_trust::log::tree::Hash;

use super::SiteLog;
use super::claims::Source;
use crate::archive::{Archive, KeptCheckpoint};
use crate::problem::{Code, Problems};
use crate::words::of;

/// What follows when one cannot be held against anything.
const CONSEQUENCE: &str = "nothing here was held against it";

/// One that holds by itself.
#[derive(Debug)]
pub struct Given {
    name: String,
    /// The index of its log.
    index: usize,
    checkpoint: Checkpoint,
}

/// A checkpoint that was given, and whether it is a beginning of the log here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Witnessed {
    /// The file that it was read from.
    pub path: String,
    /// The site.
    pub site: SiteId,
    /// The number of its log among the site's, from 1.
    pub log: usize,
    /// How many entries it names.
    pub size: u64,
    /// The root that it names, in base64.
    pub root: String,
    /// Whether the log here begins with these entries.
    pub holds: bool,
}

/// The log that a note claims to be of.
fn origin_of(kept: &KeptCheckpoint) -> Result<String, String> {
    let parsed = Note::parse(&kept.note).map_err(|error| error.to_string())?;
    Checkpoint::parse(&parsed.text).map(|checkpoint| checkpoint.origin).map_err(|error| error.to_string())
}

/// Tells of those that are of no log of the sites that are judged.
pub fn strangers(archive: &Archive, problems: &mut Problems) {
    let Some(chain) = &archive.chain else { return };
    for kept in &archive.kept {
        match origin_of(kept) {
            Err(what) => problems.bad(Code::Malformed, &kept.name, what, CONSEQUENCE),
            Ok(origin) if archive.sites.keys().any(|site| chain.newest().origins(site).contains(&origin)) => {}
            Ok(origin) => {
                let what =
                    format!("it is of the log {origin:?}, which the trust root names for no site that is judged");
                problems.bad(Code::Foreign, &kept.name, what, CONSEQUENCE);
            }
        }
    }
}

impl SiteLog<'_> {
    /// Takes in those of this site's logs.
    pub(super) fn take_given(&mut self, problems: &mut Problems) {
        for kept in &self.archive.kept {
            if !origin_of(kept).is_ok_and(|origin| self.origins.contains(&origin)) {
                continue;
            }
            match self.notes.judge(&kept.note) {
                Err(problem) => {
                    self.bad += 1;
                    problems.bad(problem.code, &kept.name, problem.what, CONSEQUENCE);
                }
                Ok((number, signed)) => {
                    let (name, checkpoint) = (kept.name.clone(), signed.checkpoint);
                    self.claims[number - 1].add(&checkpoint, Source::Given, &name);
                    self.given.push(Given { name, index: number - 1, checkpoint });
                }
            }
        }
    }

    /// Holds those of one log against the roots of its beginnings; `size` is how many entries it has here, null where no checkpoint
    /// of it is. Somebody asked for exactly this: what could not be held against anything does not hold.
    pub(super) fn judge_given(
        &mut self,
        index: usize,
        size: Option<u64>,
        roots: &BTreeMap<u64, Hash>,
        problems: &mut Problems,
    ) {
        for Given { name, checkpoint, .. } in self.given.iter().filter(|given| given.index == index) {
            let known = roots.get(&checkpoint.size);
            let what = match size {
                // That another root is known is told of where all are held against the log.
                _ if known.is_some() => None,
                None => Some(format!("of log {} no checkpoint that counts is here", index + 1)),
                Some(size) if checkpoint.size <= size => {
                    Some(format!("of the first {} too little is here", of(checkpoint.size, "entry")))
                }
                // The last log is told of as truncated; one that another took over from may end early, by order.
                Some(size) if index + 1 < self.origins.len() => {
                    Some(format!("it is of {}, and the log here ends with {size}", of(checkpoint.size, "entry")))
                }
                Some(_) => None,
            };
            if let Some(what) = what {
                problems.bad(Code::NotCovered, name, what, "whether the log here begins with it is not known");
            }
            self.witnessed.push(Witnessed {
                path: name.clone(),
                site: self.site.clone(),
                log: index + 1,
                size: checkpoint.size,
                root: STANDARD.encode(checkpoint.root),
                holds: known == Some(&checkpoint.root),
            });
        }
    }
}
