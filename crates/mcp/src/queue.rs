//! The folder in which proposals wait for people. What is in it runs nothing.

use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use writ_wire::proposal::Proposal;

use crate::answer::Refusal;

/// How many proposals may wait.
pub const MOST: usize = 100;
/// How many entries of the folder are looked at.
const LOOKED_AT: usize = 10_000;

/// Where proposals wait.
pub struct Queue {
    folder: PathBuf,
    turn: Mutex<()>,
}

/// What came of a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It waits now.
    New,
    /// The same waits already.
    Waits,
    /// People have answered the same before.
    Answered,
}

/// Where `writ plan` writes down what people answered, within.
const ANSWERED: &str = "answered";

impl Queue {
    /// In a folder that is there.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, turn: Mutex::new(()) }
    }

    /// Puts a proposal where it waits, durably, unless the same waits already or was answered.
    ///
    /// # Errors
    /// When as many wait as may, or the folder cannot be used.
    pub fn put(&self, proposal: &Proposal) -> Result<Put, Refusal> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let unusable = |error: std::io::Error| Refusal::new(format!("the folder of proposals cannot be used: {error}"));
        let name = format!("{}.json", proposal.id);
        let path = self.folder.join(&name);
        // A link counts as being there, and is not followed.
        if fs::symlink_metadata(&path).is_ok() {
            return Ok(Put::Waits);
        }
        // Who was told no is not asked the same again and again.
        if fs::symlink_metadata(self.folder.join(ANSWERED).join(&name)).is_ok() {
            return Ok(Put::Answered);
        }
        let entries = fs::read_dir(&self.folder).map_err(unusable)?.take(LOOKED_AT);
        let waiting = entries.filter_map(Result::ok).filter(|entry| {
            entry.file_name().to_str().is_some_and(|name| name.starts_with("P-") && name.ends_with(".json"))
        });
        let waiting = waiting.count();
        if waiting >= MOST {
            return Err(Refusal::new(format!(
                "{waiting} proposals wait already, and no more than {MOST} may: people have to approve or reject some first"
            )));
        }
        let written = writ_durable::create(&path, &proposal.canonical(), 0o644).map_err(unusable)?;
        Ok(if written { Put::New } else { Put::Waits })
    }
}
