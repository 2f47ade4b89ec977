//! One log's files: `checkpoint`, `tile/<level>/…`, `tile/entries/…`, `restart.json`.

use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use writ_trust::log::tile::{EntryBundle, FULL, MAX_BUNDLE, MAX_TILE, Tile, TileError, Tiles};
use writ_trust::minisign::{Signature, signature_file_name};
use writ_wire::Signed;

/// How often a reader looks again when a file was replaced by a wider one under its hands.
const TRIES: usize = 4;

/// The folder of one log.
#[derive(Debug, Clone)]
pub struct LogFiles {
    folder: PathBuf,
}

/// Why a log's file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LogFileError {
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is not there.
    #[error("{}: not there", .0.display())]
    Absent(PathBuf),
    /// It is there and not what it should be.
    #[error(transparent)]
    Tile(#[from] TileError),
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> LogFileError {
    let path = path.to_owned();
    move |source| LogFileError::Io { path, source }
}

impl LogFiles {
    /// The files in this folder, which may not exist yet.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The bytes of a tile, exactly as wide as asked for; `None` if there is none so wide.
    pub fn read_tile(&self, tile: &Tile) -> Result<Option<Vec<u8>>, LogFileError> {
        let read = self.widest(&tile.path(), &tile.full().path(), tile.width, MAX_TILE)?;
        let needed = usize::from(tile.width) * 32;
        Ok(read.filter(|bytes| bytes.len() >= needed).map(|mut bytes| {
            bytes.truncate(needed);
            bytes
        }))
    }

    /// The bytes of a bundle of entries, exactly as wide as asked for; `None` if there is none so wide.
    pub fn read_bundle(&self, bundle: &EntryBundle) -> Result<Option<Vec<u8>>, LogFileError> {
        let Some(bytes) = self.widest(&bundle.path(), &bundle.full().path(), bundle.width, MAX_BUNDLE)? else {
            return Ok(None);
        };
        // An entry more than there is: every wider bundle begins with this one.
        Ok(bundle.decode(&bytes).ok().map(|entries| EntryBundle::encode(&entries)))
    }

    /// Reads a tile or the narrowest that there is of those that are wider. Only the full one and the newest partial one
    /// are kept; a partial one is the beginning of every wider one.
    fn widest(&self, exact: &str, full: &str, width: u16, limit: usize) -> Result<Option<Vec<u8>>, LogFileError> {
        for _ in 0..TRIES {
            for path in [exact, full] {
                let path = self.folder.join(path);
                match writ_durable::read_bounded(&path, limit) {
                    Ok(bytes) => return Ok(Some(bytes)),
                    Err(e) if is_absent(&e) => {}
                    Err(e) => return Err(io_error(&path)(e)),
                }
            }
            let partials = self.folder.join(format!("{full}.p"));
            let Some(wider) = widths(&partials)?.into_iter().filter(|found| *found >= width).min() else {
                continue;
            };
            match writ_durable::read_bounded(&partials.join(wider.to_string()), limit) {
                Ok(bytes) => return Ok(Some(bytes)),
                Err(e) if is_absent(&e) => {}
                Err(e) => return Err(io_error(&partials)(e)),
            }
        }
        Ok(None)
    }

    /// Writes a tile. Of the one that was so wide `before`, what is there stays, and only its name changes: new files for every
    /// few entries would cost the file system more than the entries.
    pub fn write_tile(&self, tile: &Tile, before: Option<u16>, bytes: &[u8]) -> Result<(), LogFileError> {
        let narrower = before.map(|width| (Tile { width, ..*tile }.path(), usize::from(width) * 32));
        self.widen(narrower, &tile.path(), &tile.full().path(), tile.width, bytes)
    }

    /// Writes a bundle of entries, of which so many were there `before`, in the same way.
    pub fn write_bundle<E: AsRef<[u8]>>(
        &self,
        bundle: &EntryBundle,
        before: Option<u16>,
        entries: &[E],
    ) -> Result<(), LogFileError> {
        let bytes = EntryBundle::encode(entries);
        let narrower = before.map(|width| {
            let begun: usize = entries.iter().take(width.into()).map(|entry| 2 + entry.as_ref().len()).sum();
            (EntryBundle { width, ..*bundle }.path(), begun)
        });
        self.widen(narrower, &bundle.path(), &bundle.full().path(), bundle.width, &bytes)
    }

    /// Writes a file by adding to the narrower one where that is there whole, and anew where it is not. Nothing narrower is
    /// left beside it. Readers cut what they are given, so that they may look at any time.
    fn widen(
        &self,
        narrower: Option<(String, usize)>,
        path: &str,
        full: &str,
        width: u16,
        bytes: &[u8],
    ) -> Result<(), LogFileError> {
        if let Some((narrower, begun)) = narrower
            && self.add(&narrower, begun, path, bytes)?
        {
            // The folder of partial ones is empty now.
            return if width == FULL { self.keep_only(full, FULL) } else { Ok(()) };
        }
        self.write(path, bytes)?;
        self.keep_only(full, width)
    }

    /// Adds what comes after the first `begun` bytes to a file that has those and no others, and renames it. False where there
    /// is no such file: a power cut, a full disk or an end in between leaves one that is not as its name says.
    fn add(&self, narrower: &str, begun: usize, path: &str, bytes: &[u8]) -> Result<bool, LogFileError> {
        let (narrower, path) = (self.folder.join(narrower), self.folder.join(path));
        let file = match std::fs::OpenOptions::new().write(true).open(&narrower) {
            Err(e) if is_absent(&e) => return Ok(false),
            opened => opened.map_err(io_error(&narrower))?,
        };
        if file.metadata().map_err(io_error(&narrower))?.len() != begun as u64 {
            return Ok(false);
        }
        file.write_all_at(&bytes[begun..], begun as u64).map_err(io_error(&narrower))?;
        std::fs::rename(&narrower, &path).map_err(io_error(&path))?;
        Ok(true)
    }

    /// Writes the checkpoint: from now on readers look for the tiles of its size.
    pub fn write_checkpoint(&self, note: &str) -> Result<(), LogFileError> {
        self.write("checkpoint", note.as_bytes())
    }

    /// Writes the document that began the log, and its signatures.
    pub fn write_restart(&self, restart: &Signed) -> Result<(), LogFileError> {
        self.write("restart.json", &restart.document.0)?;
        for signature in &restart.signatures {
            if let Ok(parsed) = Signature::parse(&signature.0) {
                self.write(&signature_file_name("restart.json", parsed.key_id()), &signature.0)?;
            }
        }
        Ok(())
    }

    /// Removes partial tiles and bundles of a place, all but the one of this width (none is kept beside a full one).
    fn keep_only(&self, full: &str, width: u16) -> Result<(), LogFileError> {
        let partials = self.folder.join(format!("{full}.p"));
        if width == FULL {
            return match std::fs::remove_dir_all(&partials) {
                Err(e) if !is_absent(&e) => Err(io_error(&partials)(e)),
                _ => Ok(()),
            };
        }
        for other in widths(&partials)?.into_iter().filter(|found| *found != width) {
            let path = partials.join(other.to_string());
            std::fs::remove_file(&path).map_err(io_error(&path))?;
        }
        Ok(())
    }

    /// Makes everything written here survive a power cut.
    pub fn flush(&self) -> Result<(), LogFileError> {
        let folder = std::fs::File::open(&self.folder).map_err(io_error(&self.folder))?;
        rustix::fs::syncfs(folder).map_err(|e| io_error(&self.folder)(e.into()))
    }

    /// Replaces a file by a whole one. Not fsynced: what a power cut takes is derived again from the database.
    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), LogFileError> {
        let path = self.folder.join(path);
        let mut temporary = path.clone().into_os_string();
        temporary.push(writ_durable::TEMPORARY_SUFFIX);
        let temporary = PathBuf::from(temporary);
        let written = match std::fs::write(&temporary, bytes) {
            Err(e) if is_absent(&e) => {
                let folder = path.parent().unwrap_or(&self.folder);
                std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&temporary, bytes))
            }
            written => written,
        };
        written.and_then(|()| std::fs::rename(&temporary, &path)).map_err(|e| {
            let _ = std::fs::remove_file(&temporary);
            io_error(&path)(e)
        })
    }
}

impl Tiles for LogFiles {
    type Error = LogFileError;

    fn tile(&mut self, tile: &Tile) -> Result<Vec<u8>, LogFileError> {
        self.read_tile(tile)?.ok_or_else(|| LogFileError::Absent(self.folder.join(tile.path())))
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The widths of the partial tiles in a folder.
fn widths(partials: &Path) -> Result<Vec<u16>, LogFileError> {
    let entries = match std::fs::read_dir(partials) {
        Ok(entries) => entries,
        Err(e) if is_absent(&e) => return Ok(Vec::new()),
        Err(e) => return Err(io_error(partials)(e)),
    };
    let mut widths = Vec::new();
    for entry in entries {
        let name = entry.map_err(io_error(partials))?.file_name();
        widths.extend(name.to_str().and_then(|name| name.parse::<u16>().ok()));
    }
    Ok(widths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wider_tile_serves_for_every_narrower_one() {
        let dir = tempfile::tempdir().unwrap();
        let files = LogFiles::new(dir.path().join("clinic-001/1"));
        let tile = |width| Tile { level: 0, index: 0, width };
        assert_eq!(files.read_tile(&tile(1)).unwrap(), None);
        let bytes: Vec<u8> = (0..7 * 32).map(|n| u8::try_from(n % 251).unwrap()).collect();
        files.write_tile(&tile(3), None, &bytes[..96]).unwrap();
        files.write_tile(&tile(7), Some(3), &bytes).unwrap();
        assert_eq!(widths(&files.folder.join("tile/0/000.p")).unwrap(), [7]);
        assert_eq!(files.read_tile(&tile(3)).unwrap().unwrap(), bytes[..96]);
        assert_eq!(files.read_tile(&tile(7)).unwrap().unwrap(), bytes);
        assert_eq!(files.read_tile(&tile(8)).unwrap(), None);
        let full: Vec<u8> = bytes.iter().copied().chain([9; MAX_TILE]).take(MAX_TILE).collect();
        files.write_tile(&tile(FULL), Some(7), &full).unwrap();
        assert!(!files.folder.join("tile/0/000.p").exists());
        assert_eq!(files.read_tile(&tile(200)).unwrap().unwrap(), full[..6400]);
        let bundle = |width| EntryBundle { index: 0, width };
        let entries = [&b"one"[..], b"two", b"three"];
        files.write_bundle(&bundle(1), None, &entries[..1]).unwrap();
        files.write_bundle(&bundle(3), Some(1), &entries).unwrap();
        assert_eq!(files.read_bundle(&bundle(2)).unwrap().unwrap(), EntryBundle::encode(&entries[..2]));
        assert_eq!(files.read_bundle(&bundle(3)).unwrap().unwrap(), EntryBundle::encode(&entries));
        assert_eq!(files.read_bundle(&bundle(4)).unwrap(), None);
    }

    #[test]
    fn what_is_not_as_its_name_says_is_written_anew() {
        let dir = tempfile::tempdir().unwrap();
        let files = LogFiles::new(dir.path().join("clinic-001/1"));
        let (two, five) = (Tile { level: 0, index: 3, width: 2 }, Tile { level: 0, index: 3, width: 5 });
        let bytes = [7; 5 * 32];
        let path = files.folder.join(two.path());
        // Gone; shorter than it says; longer: somebody ended after adding and before renaming.
        for left in [None, Some(63), Some(96)] {
            files.write_tile(&two, None, &bytes[..64]).unwrap();
            match left {
                None => std::fs::remove_file(&path).unwrap(),
                Some(length) => std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length).unwrap(),
            }
            files.write_tile(&five, Some(2), &bytes).unwrap();
            assert_eq!(std::fs::read(files.folder.join(five.path())).unwrap(), bytes, "{left:?}");
            assert_eq!(widths(&files.folder.join("tile/0/003.p")).unwrap(), [5], "{left:?}");
        }
    }
}
