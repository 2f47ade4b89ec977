//! Whether a program runs, without disturbing it: nothing is locked, nothing is sent.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// How much of a file of /proc is read at most, in bytes.
const MOST: u64 = 1024 * 1024;

/// The process that holds a lock (flock(2)) on a file, as proc(5) tells in `/proc/locks`.
pub fn holder(lock: &Path) -> Option<u32> {
    let inode = fs::symlink_metadata(lock).ok()?.ino();
    let mut text = String::new();
    File::open("/proc/locks").ok()?.take(MOST).read_to_string(&mut text).ok()?;
    text.lines().find_map(|line| held(line, inode))
}

/// Reads `1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF`. One that is waited for has an arrow behind its number.
fn held(line: &str, inode: u64) -> Option<u32> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [_, "FLOCK", _, _, pid, place, ..] = words[..] else { return None };
    (place.rsplit(':').next()?.parse() == Ok(inode)).then(|| pid.parse().ok())?
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
    fn who_holds_a_lock_is_found_and_not_disturbed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(holder(file.path()), None);
        flock(file.as_file(), FlockOperation::NonBlockingLockExclusive).unwrap();
        assert_eq!(holder(file.path()), Some(std::process::id()));
        assert_eq!(holder(Path::new("/nonexistent")), None);
        for (line, pid) in [
            ("1: FLOCK  ADVISORY  WRITE 1234 08:01:77 0 EOF", Some(1234)),
            ("1: -> FLOCK  ADVISORY  WRITE 1234 08:01:77 0 EOF", None),
            ("1: POSIX  ADVISORY  WRITE 1234 08:01:77 0 EOF", None),
            ("1: FLOCK  ADVISORY  WRITE 1234 08:01:78 0 EOF", None),
            ("1: FLOCK", None),
            ("", None),
        ] {
            assert_eq!(held(line, 77), pid, "{line}");
        }
    }

    #[test]
    fn a_number_that_another_program_has_now_is_not_ours() {
        assert!(!runs(std::process::id(), "writ-sync") && !runs(u32::MAX, "writ-sync"));
    }
}
