//! `reboot.json`: how far the boot of a candidate has come. A file of its own beside the journal, so that an agent that knows
//! nothing of boots, such as the candidate's own, reads the journal as ever, and has this driver go on.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use writ_trust::json::{self, MAX_DOCUMENT};
use writ_trust::numbers::{Epoch, Serial};
use writ_trust::time::Time;

use super::machine::Stage;
use crate::switch::actions::now;
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
    /// What may still be on the loader's partition, or told to the loader, and why it could not be taken back; that is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<String>,
}

impl Record {
    /// The record of a journal's release that enters a stage now.
    pub(super) fn new(journal: &Journal, stage: Stage, why: Option<String>) -> Self {
        let request = &journal.request;
        Self {
            schema: SCHEMA.to_owned(),
            epoch: request.epoch,
            serial: request.serial,
            candidate: request.toplevel.clone(),
            stage,
            boot_id: super::boot_id(&request.boot),
            at: now(),
            why,
            left: None,
        }
    }

    /// The record that belongs to a journal. One that cannot be read is none: the switch then takes itself for interrupted.
    pub fn of(journal: &Journal) -> Option<Self> {
        Self::read(&journal.request.state_dir).filter(|record| record.is_of(journal))
    }

    /// Whether it is about a journal's release.
    pub fn is_of(&self, journal: &Journal) -> bool {
        let request = &journal.request;
        (self.epoch, self.serial, &self.candidate) == (request.epoch, request.serial, &request.toplevel)
    }

    /// The record in a state directory. One that cannot be read is none.
    pub fn read(state_dir: &Path) -> Option<Self> {
        Self::load(state_dir).unwrap_or_else(|why| {
            tracing::warn!("{why}");
            None
        })
    }

    /// The same.
    ///
    /// # Errors
    /// Why it cannot be read, as text.
    pub(super) fn load(state_dir: &Path) -> Result<Option<Self>, String> {
        let path = state_dir.join(FILE);
        let bytes = match writ_durable::read_bounded(&path, MAX_DOCUMENT) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(format!("{}: cannot be read: {e}", path.display())),
        };
        let parsed = json::parse_value(&bytes, MAX_DOCUMENT).map_err(|e| e.to_string());
        let record = parsed.and_then(|value| serde_json::from_value::<Self>(value).map_err(|e| e.to_string()));
        match record {
            Ok(record) if record.schema == SCHEMA => Ok(Some(record)),
            Ok(record) => {
                let found: String = record.schema.chars().take(60).collect();
                Err(format!("{}: schema {found:?} is not {SCHEMA:?}", path.display()))
            }
            Err(e) => Err(format!("{}: {e}", path.display())),
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

    /// Writes that it is tried now to take back what is left, before it is: whoever is killed amidst that is not followed at once.
    pub(super) fn tried_now(&self, state_dir: &Path) -> Result<Self, JournalError> {
        let tried = Self { at: now(), ..self.clone() };
        tried.write(state_dir)?;
        Ok(tried)
    }

    /// Removes it.
    pub fn remove(state_dir: &Path) -> io::Result<()> {
        writ_durable::remove(&state_dir.join(FILE))
    }
}
