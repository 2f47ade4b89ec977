//! `switch.boot.json`: what of a [request](SwitchRequest) is about booting. A file of its own beside the journal: a version that knows
//! nothing of boots, such as that of the system which is switched to, reads no journal that holds it.

use std::path::Path;

use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;
use writ_trust::json::{self, MAX_DOCUMENT};
use writ_trust::numbers::{Epoch, Serial};

use crate::config::Boot;
use crate::switch::journal::JournalError;
use crate::switch::request::SwitchRequest;

/// The schema of [`Asked`].
pub const SCHEMA: &str = "writ.switch-boot.v1";
/// Its file in the state directory.
pub const FILE: &str = "switch.boot.json";

/// What one switch was asked about booting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Always `writ.switch-boot.v1`.
    pub schema: String,
    /// The release's epoch.
    pub epoch: Epoch,
    /// The release's serial.
    pub serial: Serial,
    /// The release's digest.
    pub release: Digest,
    /// As in the request.
    pub boot: Boot,
    /// As in the request.
    pub at_once: bool,
}

/// Writes it for a switch that is about to begin; where nothing is asked that is not usual, there is none.
pub(in crate::switch) fn write(request: &SwitchRequest) -> Result<(), JournalError> {
    let path = request.state_dir.join(FILE);
    if is_usual(request) && path.exists() {
        return writ_durable::remove(&path).map_err(|source| JournalError::Unwritable { path, source });
    }
    keep(request)
}

/// Sees to it that what is not usual is there before the journal is written, which does not hold it: the journal of an older version did.
/// Nothing is written that is there already, and nothing ever removed.
pub(in crate::switch) fn keep(request: &SwitchRequest) -> Result<(), JournalError> {
    if is_usual(request) {
        return Ok(());
    }
    let path = request.state_dir.join(FILE);
    let bytes = json::canonical(&Asked {
        schema: SCHEMA.to_owned(),
        epoch: request.epoch,
        serial: request.serial,
        release: request.release,
        boot: request.boot.clone(),
        at_once: request.at_once,
    });
    if writ_durable::read_bounded(&path, MAX_DOCUMENT).is_ok_and(|found| found == bytes) {
        return Ok(());
    }
    writ_durable::replace(&path, &bytes, 0o600).map_err(|source| JournalError::Unwritable { path, source })
}

fn is_usual(request: &SwitchRequest) -> bool {
    request.boot.is_usual() && !request.at_once
}

/// Adds it to the request that was read from a journal. Of another release's, and of what cannot be read, nothing is taken.
pub(in crate::switch) fn recall(request: &mut SwitchRequest, state_dir: &Path) {
    let path = state_dir.join(FILE);
    let bytes = match writ_durable::read_bounded(&path, MAX_DOCUMENT) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return,
        Err(e) => return tracing::warn!("{}: cannot be read: {e}", path.display()),
    };
    match json::parse::<Asked>(&bytes, MAX_DOCUMENT) {
        Ok(asked) if asked.schema == SCHEMA => {
            if (asked.epoch, asked.serial, asked.release) == (request.epoch, request.serial, request.release) {
                (request.boot, request.at_once) = (asked.boot, asked.at_once);
            }
        }
        Ok(_) => tracing::warn!("{}: its schema is not {SCHEMA:?}", path.display()),
        Err(e) => tracing::warn!("{}: {e}", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use super::*;
    use crate::switch::actions::now;
    use crate::switch::journal::{self, Journal};

    fn unusual(state_dir: &Path) -> SwitchRequest {
        let boot = Boot { esp: Some("/efi".into()), ..Boot::default() };
        SwitchRequest { boot, at_once: true, ..SwitchRequest::of_tests(state_dir) }
    }

    fn read(state_dir: &Path) -> Journal {
        Journal::read(state_dir).unwrap().unwrap()
    }

    #[test]
    fn what_the_journal_of_an_older_version_held_survives_being_written_again() {
        let dir = tempfile::tempdir().unwrap();
        let asked = unusual(dir.path());
        let mut value = serde_json::to_value(Journal::begin(asked.clone(), None, None, now())).unwrap();
        value["request"]["boot"] = serde_json::to_value(&asked.boot).unwrap();
        value["request"]["at_once"] = true.into();
        let file = dir.path().join(journal::FILE);
        fs::write(&file, value.to_string()).unwrap();
        // Beside it lies what another switch was asked.
        write(&SwitchRequest { serial: "9".parse().unwrap(), at_once: false, ..asked.clone() }).unwrap();
        for _ in 0..2 {
            let journal = read(dir.path());
            assert_eq!((&journal.request.boot, journal.request.at_once), (&asked.boot, true));
            journal.write().unwrap();
        }
        assert!(!fs::read_to_string(&file).unwrap().contains("at_once"), "other versions could not read it");
    }

    #[test]
    fn a_journal_writes_it_once_and_removes_it_never() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(FILE);
        Journal::begin(SwitchRequest::of_tests(dir.path()), None, None, now()).write().unwrap();
        assert!(!file.exists(), "nothing is unusual");
        Journal::begin_in_writing(unusual(dir.path()), None, None, now()).unwrap();
        let first = fs::metadata(&file).unwrap().ino();
        read(dir.path()).write().unwrap();
        assert_eq!(fs::metadata(&file).unwrap().ino(), first, "it says so already");
        Journal::begin(SwitchRequest::of_tests(dir.path()), None, None, now()).write().unwrap();
        assert!(file.exists());
        Journal::begin_in_writing(SwitchRequest::of_tests(dir.path()), None, None, now()).unwrap();
        assert!(!file.exists(), "only a switch that begins does away with what an earlier one was asked");
    }
}
