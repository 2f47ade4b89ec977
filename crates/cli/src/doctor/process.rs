//! Whether a program runs, without disturbing it: nothing is locked, nothing is sent.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// How much of a file of /proc is read at most, in bytes.
const MOST: u64 = 1024 * 1024;

/// Whether a process holds a lock (flock(2)) on a file, as proc(5) tells in `/proc/locks`.
pub fn is_held(lock: &Path) -> bool {
    let Ok(inode) = fs::symlink_metadata(lock).map(|data| data.ino()) else { return false };
    let mut text = String::new();
    let read = File::open("/proc/locks").and_then(|file| file.take(MOST).read_to_string(&mut text));
    read.is_ok() && text.lines().any(|line| holds(line, inode))
}

/// Reads `1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF`. One that is waited for has an arrow behind its number; the
/// process may be one of another namespace, so its number says nothing here.
fn holds(line: &str, inode: u64) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [_, "FLOCK", _, _, _, place, ..] = words[..] else { return false };
    place.rsplit(':').next().is_some_and(|found| found.parse() == Ok(inode))
}

/// Whether there is a process of this number that runs this program.
pub fn runs(pid: u32, program: &str) -> bool {
    let mut name = String::new();
    let read = File::open(format!("/proc/{pid}/comm")).and_then(|file| file.take(64).read_to_string(&mut name));
    read.is_ok() && name.trim_end() == program
}

#[cfg(test)]
mod tests {
    use rustix::fs::{FlockOperation, flock};

    use super::*;

    #[test]
    fn a_held_lock_is_found_and_not_disturbed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(!is_held(file.path()));
        flock(file.as_file(), FlockOperation::NonBlockingLockExclusive).unwrap();
        assert!(is_held(file.path()) && !is_held(Path::new("/nonexistent")));
        for (line, is) in [
            ("1: FLOCK  ADVISORY  WRITE 1234 08:01:77 0 EOF", true),
            ("1: FLOCK  ADVISORY  WRITE -1 08:01:77 0 EOF", true),
            ("1: -> FLOCK  ADVISORY  WRITE 1234 08:01:77 0 EOF", false),
            ("1: POSIX  ADVISORY  WRITE 1234 08:01:77 0 EOF", false),
            ("1: FLOCK  ADVISORY  WRITE 1234 08:01:78 0 EOF", false),
            ("1: FLOCK", false),
            ("", false),
        ] {
            assert_eq!(holds(line, 77), is, "{line}");
        }
    }

    #[test]
    fn a_number_that_another_program_has_now_is_not_ours() {
        assert!(!runs(std::process::id(), "writ-sync") && !runs(u32::MAX, "writ-sync"));
    }
}
