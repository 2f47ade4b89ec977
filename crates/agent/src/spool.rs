//! Files that processes of an appliance lay out for one another.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Lays out a file whole, by a rename. It is of the moment and not fsynced: after a power cut it is made anew.
pub fn put(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = folder.join(format!(".{name}{}", writ_durable::TEMPORARY_SUFFIX));
    let written = || -> io::Result<()> {
        let mut options = OpenOptions::new();
        // Nothing in it is secret; who may look is for the folder to say.
        options.write(true).create(true).truncate(true).mode(0o644);
        options.open(&temporary)?.write_all(bytes)?;
        fs::rename(&temporary, folder.join(name))
    };
    written().inspect_err(|_| {
        let _ = fs::remove_file(&temporary);
    })
}
