//! Timestamps and cosignatures: whether each is of its log, and what its name says.

use writ_trust::log::checkpoint::{SignedCheckpoint, log_keys_ever};
use writ_trust::log::note::Note;
use writ_trust::log::witness::CosignatureName;
use writ_trust::root::TimestampAuthority;
use writ_trust::timestamp::{TimestampError, Token};
use writ_wire::Blob;
use writ_wire::timestamp::Timestamp;

use super::{Code, Look};
use crate::directory::Directory;
use crate::sitelog::{COSIGNATURES, LogFileError, TIMESTAMPS, TimeFiles};
use crate::store::checkpoints::StoredLog;

impl Look<'_> {
    /// Those of one log. Who is listed no more made what is here all the same: that it counts no more is for auditors to say.
    pub(super) fn times(&mut self, directory: &Directory, stored: &StoredLog, path: &str) -> Result<(), LogFileError> {
        let files = TimeFiles::new(self.folders.log(&stored.site, stored.number));
        let roots = || directory.chain.roots();
        let authorities: Vec<TimestampAuthority> =
            roots().flat_map(|root| root.timestamp_authorities.iter().cloned()).collect();
        let keys = log_keys_ever(&directory.chain, &stored.site);
        for name in files.timestamps()? {
            self.checked.timestamps += 1;
            let Some(Timestamp { checkpoint: Blob(checkpoint), response: Blob(response), .. }) =
                files.read_timestamp(&name)?
            else {
                continue;
            };
            let judged = Token::parse(&response).and_then(|token| token.verify(&checkpoint, &authorities));
            let wrong = match judged {
                Ok(stamped) if stamped.name == name => None,
                Ok(stamped) => Some(format!("it is {}, under another name", stamped.name)),
                Err(TimestampError::UnknownAuthority) => None,
                Err(error) => Some(error.to_string()),
            };
            let signed = || SignedCheckpoint::verify(&checkpoint, &stored.origin, &keys).err();
            if let Some(why) = wrong.or_else(|| signed().map(|error| error.to_string())) {
                self.problems.add(Code::TimestampBroken, format!("{path}/{TIMESTAMPS}/{name}.tsr"), why);
            }
        }
        for name in files.cosignatures()? {
            self.checked.cosignatures += 1;
            let Some(note) = files.read_cosignature(&name)? else { continue };
            let wrong = match SignedCheckpoint::verify(&note, &stored.origin, &keys) {
                Ok(_) if is_named(&note, &name) => continue,
                Ok(_) => "it has no cosignature of that witness and time".to_owned(),
                Err(error) => error.to_string(),
            };
            self.problems.add(Code::TimestampBroken, format!("{path}/{COSIGNATURES}/{name}.checkpoint"), wrong);
        }
        Ok(())
    }
}

/// Whether a note has a line by that witness with that time.
fn is_named(note: &[u8], name: &CosignatureName) -> bool {
    let lines = Note::parse(note).map(|note| note.lines).unwrap_or_default();
    lines.iter().any(|line| line.id == name.witness && line.signature.starts_with(&name.seconds.to_be_bytes()))
}
