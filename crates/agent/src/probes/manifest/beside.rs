//! What lies beside a manifest that it does not list, counted a piece at each look.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::list::List;

/// How many files are counted.
const MAX_WALKED: usize = 200_000;
/// How many bytes the paths of waiting folders may have in all.
const MAX_PENDING_BYTES: usize = 16 * 1024 * 1024;

/// The count, and how far the next one has come.
#[derive(Default)]
pub(super) struct Beside {
    last: Option<usize>,
    walk: Option<Walk>,
}

struct Walk {
    /// Folders that were not gone through yet, below the manifest's.
    folders: Vec<PathBuf>,
    /// The lengths of their paths.
    pending: usize,
    walked: usize,
    extra: usize,
}

/// Why there is no count.
enum Uncounted {
    Unread(io::Error),
    TooMany,
}

impl From<io::Error> for Uncounted {
    fn from(e: io::Error) -> Self {
        Self::Unread(e)
    }
}

impl Beside {
    /// Goes on until then, to the end of a folder at least. Gives the last whole count; none before it, and where there are
    /// too many to count, or a folder cannot be read.
    pub(super) fn look(&mut self, manifest: &Path, list: &List, until: Instant) -> Option<usize> {
        let begin = || Walk { folders: vec![PathBuf::new()], pending: 0, walked: 0, extra: 0 };
        let mut walk = self.walk.take().unwrap_or_else(begin);
        while let Some(folder) = walk.folders.pop() {
            walk.pending -= folder.as_os_str().len();
            match walk.folder(manifest, &folder, list) {
                Ok(()) => {}
                // It went away meanwhile.
                Err(Uncounted::Unread(e)) if e.kind() == io::ErrorKind::NotFound => {}
                Err(_) => {
                    self.last = None;
                    return None;
                }
            }
            if Instant::now() >= until && !walk.folders.is_empty() {
                self.walk = Some(walk);
                return self.last;
            }
        }
        self.last = Some(walk.extra);
        self.last
    }
}

impl Walk {
    fn folder(&mut self, manifest: &Path, folder: &Path, list: &List) -> Result<(), Uncounted> {
        let (beside, own) = (manifest.with_file_name(""), manifest.file_name().unwrap_or_default());
        let signature = [own.as_encoded_bytes(), b".minisig"].concat();
        let is_own = |name: &OsStr| name == own || name.as_encoded_bytes() == signature;
        for entry in std::fs::read_dir(beside.join(folder))? {
            let entry = entry?;
            self.walked += 1;
            let path = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                self.pending += path.as_os_str().len();
                self.folders.push(path);
            } else if !(folder.as_os_str().is_empty() && is_own(&entry.file_name())) {
                self.extra += usize::from(path.to_str().is_none_or(|path| !list.lists(path)));
            }
            if self.walked > MAX_WALKED || self.pending > MAX_PENDING_BYTES {
                return Err(Uncounted::TooMany);
            }
        }
        Ok(())
    }
}
