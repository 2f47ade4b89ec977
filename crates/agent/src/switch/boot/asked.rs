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
    let written = if request.boot.is_usual() && !request.at_once {
        if path.exists() { writ_durable::remove(&path) } else { Ok(()) }
    } else {
        let asked = Asked {
            schema: SCHEMA.to_owned(),
            epoch: request.epoch,
            serial: request.serial,
            release: request.release,
            boot: request.boot.clone(),
            at_once: request.at_once,
        };
        writ_durable::replace(&path, &json::canonical(&asked), 0o600)
    };
    written.map_err(|source| JournalError::Unwritable { path, source })
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
