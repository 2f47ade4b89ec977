//! `reboot.json`: how far the boot of a candidate has come. A file of its own beside the journal, so that an agent that knows
//! nothing of boots, such as the candidate's own, reads the journal as ever, and has this driver go on.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use writ_trust::json::{self, MAX_DOCUMENT};
use writ_trust::numbers::{Epoch, Serial};
use writ_trust::time::Time;

use super::machine::Stage;
use crate::switch::journal::{Journal, JournalError};

/// The schema of [`Record`].
pub const SCHEMA: &str = "writ.reboot.v1";
/// Its file in the state directory.
pub const FILE: &str = "reboot.json";

/// How far the boot of one release's system has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Always `writ.reboot.v1`.
    pub schema: String,
    /// The release's epoch.
    pub epoch: Epoch,
    /// The release's serial.
    pub serial: Serial,
    /// The system.
    pub candidate: String,
    /// How far it is.
    pub stage: Stage,
    /// The boot of the machine in which that was entered (`/proc/sys/kernel/random/boot_id`).
    pub boot_id: String,
    /// When it was entered.
    pub at: Time,
    /// Why it is not booted; null where it is, or will be.
    pub why: Option<String>,
}

impl Record {
    /// The record that belongs to a journal. One that cannot be read is none: the switch then takes itself for interrupted.
    pub fn of(journal: &Journal) -> Option<Self> {
        let record = Self::read(&journal.request.state_dir)?;
        let request = &journal.request;
        let same =
            (record.epoch, record.serial, &record.candidate) == (request.epoch, request.serial, &request.toplevel);
        same.then_some(record)
    }

    /// The record in a state directory.
    pub fn read(state_dir: &Path) -> Option<Self> {
        let path = state_dir.join(FILE);
        let bytes = match writ_durable::read_bounded(&path, MAX_DOCUMENT) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return None,
            Err(e) => {
                tracing::warn!("{}: cannot be read: {e}", path.display());
                return None;
            }
        };
        let parsed = json::parse_value(&bytes, MAX_DOCUMENT).map_err(|e| e.to_string());
        let record = parsed.and_then(|value| serde_json::from_value::<Self>(value).map_err(|e| e.to_string()));
        match record {
            Ok(record) if record.schema == SCHEMA => Some(record),
            Ok(record) => {
                tracing::warn!("{}: schema {:?} is not {SCHEMA:?}", path.display(), record.schema);
                None
            }
            Err(e) => {
                tracing::warn!("{}: {e}", path.display());
                None
            }
        }
    }

    /// Writes it durably.
    pub fn write(&self, state_dir: &Path) -> Result<(), JournalError> {
        let path = state_dir.join(FILE);
        crate::crash_point!("switch.before-reboot-record");
        writ_durable::replace(&path, &json::canonical(self), 0o600)
            .map_err(|source| JournalError::Unwritable { path, source })?;
        crate::crash_point!("switch.after-reboot-record");
        Ok(())
    }

    /// Removes it.
    pub fn remove(state_dir: &Path) -> io::Result<()> {
        writ_durable::remove(&state_dir.join(FILE))
    }
}
