//! Archives of days, as a depot makes them, into an audit folder: unpacked into a folder of their own first, and gathered from there
//! by the rules by which everything is gathered. Nothing of them is believed: what it is worth is for `verify` to judge.

pub mod tar;

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use writ_trust::digest::Digest;
use writ_wire::day_archive::DayArchive;

use self::tar::{Files, TarError};
use crate::collect::{CollectError, Collected, collect_unpacked};

/// The folders that an archive has files in.
const FOLDERS: [&str; 5] = ["trust", "releases", "documents", "evidence", "log"];
/// The most bytes that an archive holds, unpacked (16 GiB): a day of a large site has some hundred megabytes.
pub const MAX_UNPACKED: u64 = 16 * 1024 * 1024 * 1024;

/// Why an archive is not gathered.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It is not one that can be read.
    #[error(transparent)]
    Tar(#[from] TarError),
    /// A file of it is not where an archive has files.
    #[error("{0} is nothing that an archive of a day has")]
    Stray(String),
    /// A file of it is there twice.
    #[error("{0} is in it twice")]
    Twice(String),
    /// It is not what the document beside it says.
    #[error("{path}: {why}, by the document about the archive")]
    Differs {
        /// The file.
        path: String,
        /// How.
        why: &'static str,
    },
    /// What it holds cannot be written.
    #[error("{}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// What was unpacked cannot be gathered.
    #[error(transparent)]
    Collect(#[from] CollectError),
}

/// Unpacks an archive into `scratch`, an empty folder of this call alone, and gathers what it holds into the audit folder `to`. With
/// the document about it, it must hold exactly the files that are named there.
pub fn gather(
    archive: &mut dyn Read,
    document: Option<&DayArchive>,
    scratch: &Path,
    to: &Path,
) -> Result<Collected, UnpackError> {
    let mut files = Files::new(GzDecoder::new(archive), MAX_UNPACKED);
    let mut seen = BTreeSet::new();
    while let Some((path, bytes)) = files.next_file()? {
        if !path.split('/').next().is_some_and(|first| FOLDERS.contains(&first)) {
            return Err(UnpackError::Stray(path));
        }
        if let Some(document) = document {
            match document.files.get(&path) {
                Some(digest) if *digest == Digest::of(&bytes) => {}
                Some(_) => return Err(UnpackError::Differs { path, why: "its bytes are other ones" }),
                None => return Err(UnpackError::Differs { path, why: "it is not in it" }),
            }
        }
        write(scratch, &path, &bytes)?;
        if !seen.insert(path.clone()) {
            return Err(UnpackError::Twice(path));
        }
    }
    if let Some(missing) = document.and_then(|document| document.files.keys().find(|path| !seen.contains(*path))) {
        return Err(UnpackError::Differs { path: missing.clone(), why: "it is in it, and not here" });
    }
    Ok(collect_unpacked(scratch, to)?)
}

fn write(scratch: &Path, relative: &str, bytes: &[u8]) -> Result<(), UnpackError> {
    let path = scratch.join(relative);
    let write = || {
        fs::create_dir_all(path.parent().unwrap_or(scratch))?;
        fs::write(&path, bytes)
    };
    write().map_err(|source| UnpackError::Write { path: path.clone(), source })
}
