//! Following a file of lines across rotation.
//!
//! A file is known again by its inode and its first bytes. One that is not at its path any more, or was cut, is looked for
//! beside it (`name.1`, `name-20261127`): it is read to its end first, then those that were renamed after it, by the time of
//! their last change, then the one at the path. What is packed already cannot be followed, and that is told.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{CWD, Mode, OFlags};
use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;

use super::batch::{LONGEST, Lines};

/// By how many of its first bytes a file is known again.
const HEAD: u64 = 256;
/// How few of them tell a copy from any other file.
const LEAST_HEAD: u64 = 32;
/// The most bytes that are read of one file at a time.
const MOST_READ: u64 = 64 * 1024 * 1024;
/// The most names beside a file that are looked at, and the most of them that are opened.
const MOST_NAMES: usize = 100_000;
/// See [`MOST_NAMES`].
const MOST_BESIDE: usize = 1_000;

/// Where reading a file ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileCursor {
    inode: u64,
    /// How far it was read, in bytes: to the end of a line, but for one that is longer than any may be.
    offset: u64,
    /// The first `head_length` bytes.
    head: Digest,
    head_length: u64,
    /// In the middle of such a line.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    skipping: bool,
}

/// What reading a file came to.
#[derive(Debug)]
pub struct Read {
    /// Where it ended.
    pub cursor: Option<FileCursor>,
    /// Whether there is more.
    pub more: bool,
    /// Why it did not come to the end. What was read until then counts.
    pub problem: Option<io::Error>,
}

impl Read {
    fn to(cursor: Option<FileCursor>) -> Self {
        Self { cursor, more: false, problem: None }
    }

    fn is_over(&self) -> bool {
        self.more || self.problem.is_some()
    }
}

/// One file that is open.
struct Opened {
    file: File,
    inode: u64,
    length: u64,
    changed: SystemTime,
}

impl Opened {
    /// A regular file, and never through a link: whoever writes logs may not choose what is read.
    fn at(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = File::from(rustix::fs::openat(CWD, path, flags, Mode::empty())?);
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let changed = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        Ok(Self { inode: metadata.ino(), length: metadata.len(), changed, file })
    }

    fn head(&self, length: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(length.min(HEAD)).unwrap_or(0)];
        self.file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// Whether this is the file of a cursor.
    fn is_that_of(&self, cursor: &FileCursor) -> bool {
        self.inode == cursor.inode && self.begins_like(cursor)
    }

    /// Whether this is a copy of the file of a cursor. Files that only begin alike are told apart by where they lie: at the path
    /// itself there is no copy.
    fn is_copy_of(&self, cursor: &FileCursor) -> bool {
        cursor.head_length >= LEAST_HEAD && self.begins_like(cursor)
    }

    fn begins_like(&self, cursor: &FileCursor) -> bool {
        let head = || self.head(cursor.head_length).is_ok_and(|head| Digest::of(&head) == cursor.head);
        self.length >= cursor.offset && head()
    }
}

/// Reads what came into a file since the cursor, and what came into those that it was before.
pub fn read(path: &Path, cursor: Option<FileCursor>, lines: &mut Lines) -> io::Result<Read> {
    let here = match Opened::at(path) {
        Ok(here) => Some(here),
        Err(e) if e.kind() == io::ErrorKind::NotFound => None,
        Err(e) => return Err(e),
    };
    let by = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let Some(cursor) = cursor else {
        let Some(here) = here else { return Ok(Read::to(None)) };
        return read_one(&here, Place::default(), true, &by, lines);
    };
    if let Some(here) = here.as_ref().filter(|here| here.is_that_of(&cursor)) {
        return read_one(here, Place::of(&cursor), true, &by, lines);
    }
    let mut last = Read::to(Some(cursor.clone()));
    match since(path, here.as_ref().map(|here| here.inode), &cursor) {
        Some(turned) => {
            last = read_turned(&turned, &cursor, &by, lines);
            if last.is_over() {
                return Ok(last);
            }
        }
        None if here.is_some() => lines.lost(&format!(
            "{by} was replaced or cut, and what it was is not beside it: what came into it last may be missing"
        )),
        // It is gone, and nothing has come in its place yet.
        None => return Ok(last),
    }
    let Some(here) = here else { return Ok(last) };
    Ok(read_one(&here, Place::default(), true, &by, lines).unwrap_or_else(|e| Read { problem: Some(e), ..last }))
}

/// Reads the file of a cursor and those that came after it, as far as it goes: what was read is not to be said again.
fn read_turned(turned: &[Opened], cursor: &FileCursor, by: &str, lines: &mut Lines) -> Read {
    let (mut place, mut last) = (Place::of(cursor), Read::to(Some(cursor.clone())));
    for opened in turned {
        match read_one(opened, std::mem::take(&mut place), false, by, lines) {
            Ok(read) => last = read,
            Err(e) => last.problem = Some(e),
        }
        if last.is_over() {
            break;
        }
    }
    last
}

/// The files beside this one, from that of the cursor on, in the order in which they were changed last.
fn since(path: &Path, here: Option<u64>, cursor: &FileCursor) -> Option<Vec<Opened>> {
    let (folder, name) = (path.parent()?, path.file_name()?.as_bytes());
    let names = std::fs::read_dir(folder).ok()?.take(MOST_NAMES).filter_map(|entry| {
        let other = entry.ok()?.file_name();
        is_turn_of(name, other.as_bytes()).then(|| folder.join(other))
    });
    let opened = names.take(MOST_BESIDE).filter_map(|path: PathBuf| Opened::at(&path).ok());
    let mut beside: Vec<Opened> = opened.filter(|opened| Some(opened.inode) != here).collect();
    beside.sort_by_key(|opened| opened.changed);
    let same = beside.iter().rposition(|opened| opened.is_that_of(cursor));
    if let Some(first) = same {
        return Some(beside.split_off(first));
    }
    // The file was copied and cut: everything that it was is in the copy, and what lies beside that was read before.
    let copy = beside.iter().rposition(|opened| opened.is_copy_of(cursor))?;
    Some(vec![beside.swap_remove(copy)])
}

/// Whether a file was of this name before: by a number or a date behind it. Any other that begins alike is another log, and one
/// that is packed cannot be read.
fn is_turn_of(name: &[u8], other: &[u8]) -> bool {
    let Some([first, rest @ ..]) = other.strip_prefix(name) else { return false };
    let joint = |byte: &u8| matches!(byte, b'.' | b'-' | b'_');
    joint(first) && rest.first().is_some_and(u8::is_ascii_digit) && rest.iter().all(|b| b.is_ascii_digit() || joint(b))
}

/// Where in a file.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    offset: u64,
    skipping: bool,
}

impl Place {
    fn of(cursor: &FileCursor) -> Self {
        Self { offset: cursor.offset, skipping: cursor.skipping }
    }
}

/// Reads one file from a place on. What has no end yet is left for the next time, unless nobody writes to it any more. An error
/// where nothing was read.
fn read_one(opened: &Opened, mut place: Place, grows: bool, by: &str, lines: &mut Lines) -> io::Result<Read> {
    let head = opened.head(opened.file.metadata()?.len())?;
    let mut reader = BufReader::with_capacity(64 * 1024, &opened.file);
    reader.seek(SeekFrom::Start(place.offset))?;
    let (mut line, begun, mut problem) = (Vec::new(), place.offset, None);
    let more = loop {
        if lines.is_full() || place.offset - begun >= MOST_READ {
            break true;
        }
        line.clear();
        let n = match (&mut reader).take(LONGEST as u64 + 1).read_until(b'\n', &mut line) {
            Ok(n) => n as u64,
            Err(e) => {
                problem = Some(e);
                break false;
            }
        };
        let ended = line.pop_if(|byte| *byte == b'\n').is_some();
        if n == 0 {
            break false;
        }
        if !ended && n > LONGEST as u64 {
            // Longer than any may be: it is passed over as far as it goes.
            lines.dropped += u64::from(!place.skipping);
            place = Place { offset: place.offset + n, skipping: true };
            continue;
        }
        if !ended && grows && !place.skipping {
            break false;
        }
        if !place.skipping {
            lines.add(None, by, &line);
        }
        place.offset += n;
        place.skipping = place.skipping && !ended;
    };
    let head_length = place.offset.min(head.len() as u64);
    let head = Digest::of(&head[..usize::try_from(head_length).unwrap_or(0)]);
    let cursor = FileCursor { inode: opened.inode, offset: place.offset, head, head_length, skipping: place.skipping };
    Ok(Read { cursor: Some(cursor), more, problem })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::*;

    /// A log file that is read again and again, and everything that was read of it.
    struct Log {
        dir: tempfile::TempDir,
        cursor: Option<FileCursor>,
        dropped: u64,
    }

    impl Log {
        fn new() -> Self {
            Self { dir: tempfile::tempdir().unwrap(), cursor: None, dropped: 0 }
        }

        fn at(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }

        fn append(&self, text: impl AsRef<[u8]>) {
            let mut file = File::options().append(true).create(true).open(self.at("a.log")).unwrap();
            file.write_all(text.as_ref()).unwrap();
        }

        fn read(&mut self) -> Vec<String> {
            let mut all = Vec::new();
            loop {
                let mut lines = Lines::default();
                let read = read(&self.at("a.log"), self.cursor.take(), &mut lines).unwrap();
                assert!(read.problem.is_none(), "{read:?}");
                self.cursor = read.cursor;
                self.dropped += lines.dropped;
                for line in String::from_utf8(lines.text).unwrap().lines() {
                    let entry: serde_json::Value = serde_json::from_str(line).unwrap();
                    all.push(entry["text"].as_str().unwrap().to_owned());
                }
                if !read.more {
                    return all;
                }
            }
        }
    }

    #[test]
    fn lines_come_once_and_when_they_are_whole() {
        let mut log = Log::new();
        assert!(log.read().is_empty() && log.cursor.is_none(), "it is not there yet");
        log.append("one\ntwo\nthr");
        assert_eq!(log.read(), ["one", "two"]);
        assert!(log.read().is_empty());
        log.append("ee\n\n");
        assert_eq!(log.read(), ["three", ""]);
    }

    #[test]
    fn a_file_is_followed_across_rotation_of_either_kind() {
        let mut log = Log::new();
        log.append("the first line, which is long enough to know the file by\n");
        assert_eq!(log.read().len(), 1);
        log.append("two\nlast without an end");
        fs::rename(log.at("a.log"), log.at("a.log.1")).unwrap();
        assert_eq!(log.read(), ["two", "last without an end"], "before there is a new one");
        log.append("three\n");
        assert_eq!(log.read(), ["three"]);
        // Twice between two looks.
        log.append("four\n");
        fs::rename(log.at("a.log.1"), log.at("a.log.3")).unwrap();
        fs::rename(log.at("a.log"), log.at("a.log.2")).unwrap();
        log.append("five\n");
        fs::rename(log.at("a.log"), log.at("a.log.1")).unwrap();
        let later = |name: &str, seconds: u64| {
            let time = SystemTime::now() + std::time::Duration::from_secs(seconds);
            File::options().append(true).open(log.at(name)).unwrap().set_modified(time).unwrap();
        };
        later("a.log.2", 10);
        later("a.log.1", 20);
        log.append("a line of the new file, which is long enough as well\n");
        assert_eq!(log.read(), ["four", "five", "a line of the new file, which is long enough as well"]);
        // Copied and cut, as logrotate's copytruncate does.
        log.append("six\n");
        fs::copy(log.at("a.log"), log.at("a.log-20261127")).unwrap();
        fs::write(log.at("a.log"), "").unwrap();
        log.append("seven\n");
        assert_eq!(log.read(), ["six", "seven"]);
        assert_eq!(log.dropped, 0);
    }

    #[test]
    fn another_log_whose_name_begins_alike_is_no_turn_of_this_one() {
        for turn in ["a.log.1", "a.log-20261127", "a.log.2026-11-27_12", "a.log_3", "a.log-20261127.1"] {
            assert!(is_turn_of(b"a.log", turn.as_bytes()), "{turn}");
        }
        for other in ["a.log", "a.log.audit", "a.log2", "a.log.", "a.log.-1", "a.log.1.gz", "a.log-1.xz", "b.log.1"] {
            assert!(!is_turn_of(b"a.log", other.as_bytes()), "{other}");
        }
        let mut log = Log::new();
        log.append("the first line, which is long enough to know the file by\n");
        log.read();
        fs::rename(log.at("a.log"), log.at("a.log.1")).unwrap();
        fs::write(log.at("a.log.audit"), "of another log\n").unwrap();
        log.append("two\n");
        assert_eq!(log.read(), ["two"]);
    }

    #[test]
    fn a_new_file_that_begins_like_the_old_one_is_a_new_file() {
        let mut log = Log::new();
        let header = format!("{}\n", "#".repeat(300));
        log.append(format!("{header}one\n"));
        log.read();
        log.append("two\n");
        fs::rename(log.at("a.log"), log.at("a.log.1")).unwrap();
        log.append(format!("{header}three, and longer than what there was\n"));
        assert_eq!(log.read(), ["two", header.trim(), "three, and longer than what there was"]);
        assert_eq!(log.dropped, 0);
    }

    #[test]
    fn what_was_read_before_an_error_is_not_said_again() {
        let log = Log::new();
        log.append("one\ntwo\n");
        let good = Opened::at(&log.at("a.log")).unwrap();
        let cursor = read_one(&good, Place::default(), false, "a.log", &mut Lines::default()).unwrap().cursor.unwrap();
        log.append("three\n");
        let mut lines = Lines::default();
        // One that no byte can be read of.
        let bad = Opened { file: File::options().write(true).open(log.at("a.log")).unwrap(), ..good };
        let turned = [Opened::at(&log.at("a.log")).unwrap(), bad];
        let read = read_turned(&turned, &cursor, "a.log", &mut lines);
        assert!(read.problem.is_some() && lines.count == 1, "{read:?}");
        let mut again = Lines::default();
        read_turned(&turned, &read.cursor.unwrap(), "a.log", &mut again);
        assert_eq!(again.count, 0);
    }

    #[test]
    fn what_cannot_be_followed_is_told() {
        let mut log = Log::new();
        log.append("one\n");
        log.read();
        log.append("two\n");
        fs::rename(log.at("a.log"), log.at("a.log.1.gz")).unwrap();
        log.append("three\n");
        let read = log.read();
        assert!(read[0].contains("may be missing") && read[1] == "three" && read.len() == 2, "{read:?}");
        assert_eq!(log.dropped, 1);
    }

    #[test]
    fn hostile_files_harm_nothing() {
        let mut log = Log::new();
        log.append([&b"before\n"[..], &vec![b'x'; 3 * LONGEST]].concat());
        assert_eq!((log.read(), log.dropped), (vec!["before".to_owned()], 1));
        log.append(vec![b'x'; LONGEST * 2]);
        assert_eq!((log.read().len(), log.dropped), (0, 1), "still the same line");
        log.append("\nafter\n\u{0}\u{1b}[31m\n");
        assert_eq!(log.read(), ["after", "\u{0}\u{1b}[31m"]);
        log.append(b"\xff\xfe\n");
        assert_eq!(log.read(), ["\u{fffd}\u{fffd}"]);
        fs::remove_file(log.at("a.log")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", log.at("a.log")).unwrap();
        assert!(read(&log.at("a.log"), None, &mut Lines::default()).is_err(), "a link is not followed");
        fs::remove_file(log.at("a.log")).unwrap();
        rustix::fs::mknodat(CWD, log.at("a.log"), rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        assert!(read(&log.at("a.log"), None, &mut Lines::default()).is_err(), "a pipe is not waited for");
    }
}
