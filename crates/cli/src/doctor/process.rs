//! Whether a program runs, without disturbing it: nothing is locked, nothing is sent.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

/// How much of a process' status is read at most, in bytes.
const MOST: u64 = 64 * 1024;

/// Where a file is: its file system's device, major and minor, and its number there.
type Place = ((u32, u32), u64);

/// Whether a process of this program, which is root's or our own user's, holds a lock (flock(2)) on a file, as proc(5)
/// tells in `/proc/locks`. Whoever else locks a file of the same number elsewhere does not count.
pub fn is_held(lock: &Path, program: &str) -> bool {
    let Some(place) = place(lock) else { return false };
    let Ok(locks) = File::open("/proc/locks") else { return false };
    let counts = |pid: i64| match u32::try_from(pid) {
        Ok(pid) if pid > 0 => {
            status(pid).is_some_and(|text| is_of(&text, program, rustix::process::geteuid().as_raw()))
        }
        // The process is one of another namespace: nothing can be said of it.
        _ => true,
    };
    BufReader::new(locks).lines().map_while(Result::ok).filter_map(|line| holder(&line, place)).any(counts)
}

/// Where a file is, in the words of `/proc/locks`, which names the file system and not, as stat(2) may (btrfs, overlayfs),
/// a part of it.
fn place(path: &Path) -> Option<Place> {
    let flags = i32::try_from((OFlags::PATH | OFlags::NOFOLLOW).bits()).ok()?;
    let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    let data = file.metadata().ok()?;
    let own = (rustix::fs::major(data.dev()), rustix::fs::minor(data.dev()));
    Some((mounted(&file).unwrap_or(own), data.ino()))
}

/// The device of the file system that an open file is on, by the mount that it was opened through.
fn mounted(file: &File) -> Option<(u32, u32)> {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", file.as_raw_fd())).ok()?;
    let mount = info.lines().find_map(|line| line.strip_prefix("mnt_id:"))?.trim();
    let mounts = BufReader::new(File::open("/proc/self/mountinfo").ok()?).lines().map_while(Result::ok);
    mounts.into_iter().find_map(|line| device(&line, mount))
}

/// Reads `36 35 98:0 /mnt1 /mnt2 rw,noatime …` of the mount with this number.
fn device(line: &str, mount: &str) -> Option<(u32, u32)> {
    let mut words = line.split(' ');
    let device = (words.next() == Some(mount)).then(|| words.nth(1))??;
    let (major, minor) = device.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Who holds it, by `1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF`. One that is waited for has an arrow behind its number.
fn holder(line: &str, ((major, minor), inode): Place) -> Option<i64> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [_, "FLOCK", _, _, pid, place, ..] = words[..] else { return None };
    let parts: Vec<&str> = place.split(':').collect();
    let [found_major, found_minor, found] = parts[..] else { return None };
    let hexadecimal = |text| u32::from_str_radix(text, 16).ok();
    let is = hexadecimal(found_major) == Some(major)
        && hexadecimal(found_minor) == Some(minor)
        && found.parse() == Ok(inode);
    if is { pid.parse().ok() } else { None }
}

/// `/proc/<pid>/status`. Who owns the folder says nothing: any process may have it made root's (prctl(2), PR_SET_DUMPABLE).
fn status(pid: u32) -> Option<String> {
    let mut text = String::new();
    File::open(format!("/proc/{pid}/status")).and_then(|file| file.take(MOST).read_to_string(&mut text)).ok()?;
    Some(text)
}

/// Whether a status is of this program, run by root or by this user and by nobody else on their behalf.
fn is_of(status: &str, program: &str, user: u32) -> bool {
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
    let users: Vec<u32> = field("Uid").into_iter().flat_map(str::split_whitespace).flat_map(str::parse).collect();
    field("Name") == Some(program) && users.len() == 4 && users.iter().all(|id| [0, user].contains(id))
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
        let own = fs::read_to_string(format!("/proc/{}/comm", std::process::id())).unwrap();
        assert!(!is_held(file.path(), own.trim_end()));
        flock(file.as_file(), FlockOperation::NonBlockingLockExclusive).unwrap();
        assert!(is_held(file.path(), own.trim_end()) && !is_held(Path::new("/nonexistent"), own.trim_end()));
        assert!(!is_held(file.path(), "writ-enforce"), "another program holds it");
    }

    #[test]
    fn only_a_lock_on_that_very_file_counts() {
        for (line, is) in [
            ("1: FLOCK  ADVISORY  WRITE 1234 08:1f:77 0 EOF", Some(1234)),
            ("1: FLOCK  ADVISORY  WRITE -1 08:1f:77 0 EOF", Some(-1)),
            ("1: -> FLOCK  ADVISORY  WRITE 1234 08:1f:77 0 EOF", None),
            ("1: POSIX  ADVISORY  WRITE 1234 08:1f:77 0 EOF", None),
            ("1: FLOCK  ADVISORY  WRITE 1234 08:1f:78 0 EOF", None),
            // A file of the same number on a file system that anybody may write to.
            ("1: FLOCK  ADVISORY  WRITE 1234 00:1f:77 0 EOF", None),
            ("1: FLOCK  ADVISORY  WRITE 1234 08:01:77 0 EOF", None),
            ("1: FLOCK", None),
            ("", None),
        ] {
            assert_eq!(holder(line, ((8, 31), 77)), is, "{line}");
        }
        let mount = "36 35 98:7 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw";
        assert_eq!((device(mount, "36"), device(mount, "35"), device("", "36")), (Some((98, 7)), None, None));
    }

    #[test]
    fn only_root_and_this_user_run_it() {
        let status = |name: &str, users: &str| format!("Name:\t{name}\nUmask:\t0022\nUid:\t{users}\n");
        for (name, users, is) in [
            ("writ-enforce", "0\t0\t0\t0", true),
            ("writ-enforce", "7\t7\t7\t7", true),
            ("writ-enforce", "1000\t1000\t1000\t1000", false),
            ("writ-enforce", "1000\t0\t0\t0", false),
            ("writ-enforce", "", false),
            ("flock", "0\t0\t0\t0", false),
        ] {
            assert_eq!(is_of(&status(name, users), "writ-enforce", 7), is, "{name} {users}");
        }
    }

    #[test]
    fn a_number_that_another_program_has_now_is_not_ours() {
        assert!(!runs(std::process::id(), "writ-sync") && !runs(u32::MAX, "writ-sync"));
    }
}
