//! What the enforcer lays out for the courier: a heartbeat, and its word for the courier's key.
//!
//! Both are signed by the appliance's key, which the courier never holds. They are of the moment: written whole by a rename,
//! not fsynced, and made anew at the next start, so that neither costs an incident a wait for the disk.

use std::io;
use std::path::{Path, PathBuf};

use writ_trust::json::MAX_SIGNATURE;
use writ_wire::{Blob, Signed};

use crate::spool;

mod courier;
mod heartbeat;

pub(super) use courier::Vouched;
pub(super) use heartbeat::Beat;

/// The largest of these documents, in bytes.
const MAX_PRESENCE: usize = 64 * 1024;

/// What was laid out last.
#[derive(Debug, Default)]
pub struct Presence {
    beat: Beat,
    vouched: Option<Vouched>,
}

/// Lays out a signed document, the signature first: who finds a new document finds its signature. Between the two renames
/// the old document stands beside the new signature; whoever reads then sees that they do not fit and reads again. A folder
/// that is gone is made again.
fn put(folder: &Path, name: &str, signed: &Signed) -> io::Result<()> {
    if !folder.is_dir() {
        writ_durable::create_directories(folder)?;
    }
    let signature = signed.signatures.first().map_or(&[][..], |signature| &signature.0);
    spool::put(folder, &format!("{name}.minisig"), signature)?;
    spool::put(folder, name, &signed.document.0)
}

/// Whether a document and its signature are still there.
fn lies(folder: &Path, name: &str) -> bool {
    folder.join(name).is_file() && folder.join(format!("{name}.minisig")).is_file()
}

/// Reads back what was laid out before. Nothing of it is believed by that.
fn get(folder: &Path, name: &str) -> io::Result<Signed> {
    let at = |name: String| -> PathBuf { folder.join(name) };
    let document = writ_durable::read_bounded(&at(name.to_owned()), MAX_PRESENCE)?;
    let signature = writ_durable::read_bounded(&at(format!("{name}.minisig")), MAX_SIGNATURE)?;
    Ok(Signed { document: Blob(document), signatures: vec![Blob(signature)] })
}
