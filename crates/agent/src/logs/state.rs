//! Where reading a source ended: one file for each, replaced whole.
//!
//! A batch is laid out in three steps: where reading ends with it, and its digest, are written beside where reading began;
//! the batch is laid out; what was written beside becomes what counts. Each is on the disk before the next. A start that
//! finds the first step done looks for the batch of that digest: with it reading goes on behind it, without it from before
//! it. The newest batch of a source is never removed from the spool, so that this can always be told.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tracing::warn;
use writ_trust::digest::Digest;
use writ_trust::ids::LogSourceId;
use writ_trust::json;
use writ_trust::time::Time;
use writ_wire::log_batch::{LogBatch, MAX_BATCH, file_name, parse_file_name};

use super::files::FileCursor;
use crate::crash_point;

/// The largest state of a source, in bytes.
const MAX_STATE: usize = 256 * 1024;

/// Where reading ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// In the journal, by its own word for the place.
    #[serde(default)]
    pub journal: Option<String>,
    /// In each file.
    #[serde(default)]
    pub files: BTreeMap<PathBuf, FileCursor>,
}

/// A batch that was made, and where reading ended with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// Its number.
    pub number: u64,
    /// The digest of its exact bytes.
    pub digest: Digest,
    /// Until when it has what the source said.
    pub to: Time,
    /// Where reading goes on.
    pub cursor: Cursor,
    /// How many lines were left out of all batches until then.
    pub dropped: u64,
}

/// What is known of one source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The newest batch that lies in the spool.
    #[serde(default)]
    pub newest: Option<Made>,
    /// One that is being laid out.
    #[serde(default)]
    pub next: Option<Made>,
}

/// A source's state, and its files.
#[derive(Debug)]
pub struct Kept {
    path: PathBuf,
    folder: PathBuf,
    state: State,
    /// What was known is gone: reading begins anew, and something may be said twice.
    pub forgotten: bool,
}

impl Kept {
    /// What is known of a source whose batches lie in `folder`.
    pub fn load(state_dir: &Path, folder: &Path, source: &LogSourceId) -> io::Result<Self> {
        let path = state_dir.join(format!("{source}.json"));
        let mut kept = Self { path, folder: folder.to_owned(), state: State::default(), forgotten: false };
        match writ_durable::read_bounded(&kept.path, MAX_STATE) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(state) => kept.state = state,
                Err(e) => {
                    warn!("{}: {e}; where reading ended is forgotten", kept.path.display());
                    kept.recall()?;
                }
            },
            Err(e) if e.kind() == io::ErrorKind::NotFound => kept.recall()?,
            Err(e) => return Err(e),
        }
        if let Some(next) = kept.state.next.take() {
            let laid = writ_durable::read_bounded(&folder.join(file_name(next.number)), MAX_BATCH);
            if laid.is_ok_and(|bytes| Digest::of(&bytes) == next.digest) {
                kept.state.newest = Some(next);
            }
        }
        Ok(kept)
    }

    /// Without a state the chain goes on from the newest batch in the spool.
    fn recall(&mut self) -> io::Result<()> {
        let names = match std::fs::read_dir(&self.folder) {
            Ok(names) => names,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(e),
        };
        let numbers = names.filter_map(|entry| parse_file_name(entry.ok()?.file_name().to_str()?));
        let Some(number) = numbers.max() else { return Ok(()) };
        let bytes = writ_durable::read_bounded(&self.folder.join(file_name(number)), MAX_BATCH)?;
        let batch = LogBatch::judge(&bytes).map_err(io::Error::other)?;
        let (digest, cursor) = (Digest::of(&bytes), Cursor::default());
        self.state.newest = Some(Made { number, digest, to: batch.to, cursor, dropped: 0 });
        self.forgotten = true;
        Ok(())
    }

    /// The newest batch.
    pub fn newest(&self) -> Option<&Made> {
        self.state.newest.as_ref()
    }

    /// Where reading goes on.
    pub fn cursor(&self) -> Cursor {
        self.newest().map(|made| made.cursor.clone()).unwrap_or_default()
    }

    /// Lays out a batch, in the three steps.
    pub fn lay(&mut self, made: Made, packed: &[u8]) -> io::Result<()> {
        self.state.next = Some(made);
        self.write()?;
        crash_point!("logs-announced");
        let Some(made) = self.state.next.take() else { return Ok(()) };
        writ_durable::replace(&self.folder.join(file_name(made.number)), packed, 0o640)?;
        crash_point!("logs-laid");
        self.state.newest = Some(made);
        self.forgotten = false;
        self.write()?;
        crash_point!("logs-kept");
        Ok(())
    }

    fn write(&self) -> io::Result<()> {
        writ_durable::replace(&self.path, &json::canonical(&self.state), 0o600)
    }
}
