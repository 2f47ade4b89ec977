//! What is done to a data directory beside serving it: checking, backing up, restoring, clearing, migrating, archiving.
//!
//! Whatever removes or replaces something takes the lock that a serving depot has ([`crate::folders::Folders::lock_alone`]).
//! Whatever only reads goes beside it, and holds off those who remove.

pub mod archive;
pub mod backup;
pub mod content;
pub mod fsck;
pub mod gc;
pub mod manifest;
pub mod mend;
pub mod migrate;
pub mod restore;
pub mod ship;
mod tell;

use std::io;
use std::path::{Path, PathBuf};

use crate::database::DatabaseOptions;
use crate::folders::{Folders, FoldersError};
use crate::sitelog::{LogError, LogFileError};
use crate::store::{Place, StoreError};

/// What came of a command that ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// What was asked for is so: exit code 0.
    Yes,
    /// It is not, and why was told: exit code 1.
    No,
}

/// Why a command did not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum UpkeepError {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The data directory cannot be used.
    #[error(transparent)]
    Folders(#[from] FoldersError),
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A log cannot be read or made again.
    #[error(transparent)]
    Log(#[from] LogError),
    /// It could be done, and must not be.
    #[error("{0}")]
    Refused(String),
    /// What the command line names cannot be used.
    #[error("{0}")]
    Unusable(String),
}

impl From<rusqlite::Error> for UpkeepError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<LogFileError> for UpkeepError {
    fn from(error: LogFileError) -> Self {
        Self::Log(error.into())
    }
}

impl UpkeepError {
    /// For `map_err` where a file is read or written.
    pub fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    /// The exit code: 1 where it was refused, 2 where it could not be done.
    pub fn code(&self) -> u8 {
        match self {
            Self::Refused(_) => 1,
            _ => 2,
        }
    }
}

/// What commands come to.
pub type Outcome<T> = Result<T, UpkeepError>;

/// Requires that a folder is a depot's data directory; gives it and where its database is.
pub fn require_data(data: &Path, database: &DatabaseOptions) -> Outcome<(Folders, Place)> {
    let folders = Folders::new(data);
    if folders.restoring().exists() {
        return Err(FoldersError::Unfinished { path: data.to_owned() }.into());
    }
    let place = database.place(&folders)?;
    if !place.is_there() {
        let why = format!("no data directory of a depot: there is no {}", place.name());
        return Err(UpkeepError::Io { path: data.to_owned(), source: io::Error::new(io::ErrorKind::NotFound, why) });
    }
    Ok((folders, place))
}

/// What a file system has at its top, for root alone to look into.
pub const LOST_AND_FOUND: &str = "lost+found";

/// The files of a folder and those below it, as paths relative to it, sorted. No link is followed; what is no plain file or folder
/// is given too. A folder that is not there has none; of one that is the top of a file system, what that keeps there is left out.
pub fn files_below(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let (mut found, mut open) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(relative) = open.pop() {
        let path = folder.join(&relative);
        let entries = match std::fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(e) => return Err(UpkeepError::io(&path)(e)),
        };
        for entry in entries {
            let entry = entry.map_err(UpkeepError::io(&path))?;
            let name = relative.join(entry.file_name());
            match entry.file_type().map_err(UpkeepError::io(&path))?.is_dir() {
                true if name == Path::new(LOST_AND_FOUND) => {}
                true => open.push(name),
                false => found.push(name),
            }
        }
    }
    found.sort();
    Ok(found)
}
