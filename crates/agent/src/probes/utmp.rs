//! Log-ins as the C library writes them: /var/log/wtmp and /var/log/btmp (utmp(5), `struct utmpx` of bits/utmpx.h) and
//! /var/log/lastlog (`struct lastlog`). In the machine's byte order, which is the little one where we run.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::{Unseen, reading};

/// Of the machines with 64 bits, aarch64 alone writes times of 64 bits (`__WORDSIZE_TIME64_COMPAT32` of bits/wordsize.h).
const WIDE: bool = cfg!(target_arch = "aarch64");
/// The size of a record, and where its time stands.
const RECORD: usize = if WIDE { 400 } else { 384 };
const TIME: usize = if WIDE { 344 } else { 340 };
/// How much of the end of a file is read: 21,845 records.
const MAX_READ: u64 = 21_845 * RECORD as u64;
/// The size of an entry of lastlog, whose place is the account's number.
pub(super) const LASTLOG: u64 = if WIDE { 296 } else { 292 };

/// A log-in of a user: USER_PROCESS.
const USER_PROCESS: i16 = 7;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    kind: i16,
    /// Whose.
    pub user: String,
    /// When, in seconds since 1970.
    pub at: i64,
}

impl Record {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let kind = i16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?);
        let user = bytes.get(44..76)?.split(|byte| *byte == 0).next()?;
        // Unsigned, it lasts until 2106.
        let at = u32::from_ne_bytes(bytes.get(TIME..TIME + 4)?.try_into().ok()?);
        Some(Self { kind, user: String::from_utf8_lossy(user).into_owned(), at: at.into() })
    }

    /// Whether it is the log-in of a user.
    pub(super) fn is_login(&self) -> bool {
        self.kind == USER_PROCESS && !self.user.is_empty()
    }
}

/// The records of a file's bytes; what is left over at the end is none.
pub(super) fn records(bytes: &[u8]) -> Vec<Record> {
    bytes.chunks_exact(RECORD).filter_map(Record::parse).collect()
}

/// The last records of a file; none when it does not exist.
pub(super) fn read(path: &Path) -> Result<Option<Vec<Record>>, Unseen> {
    let last = || -> io::Result<Option<Vec<u8>>> {
        let Some(mut file) = reading::open(path)? else { return Ok(None) };
        let length = file.metadata()?.len() / RECORD as u64 * RECORD as u64;
        file.seek(SeekFrom::Start(length.saturating_sub(MAX_READ)))?;
        let mut bytes = vec![];
        file.take(MAX_READ).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    };
    Ok(last().map_err(|e| Unseen::failed(path.display(), e))?.map(|bytes| records(&bytes)))
}

/// When an account logged in last, by lastlog, in seconds since 1970; none when it never did.
pub(super) fn last_login(lastlog: &File, uid: u32) -> Option<i64> {
    let mut time = [0; 4];
    lastlog.read_exact_at(&mut time, u64::from(uid) * LASTLOG).ok()?;
    Some(u32::from_ne_bytes(time).into()).filter(|seconds| *seconds != 0)
}

/// A record as the C library writes it, for tests.
#[cfg(test)]
pub(super) fn record(kind: i16, user: &str, at: u32) -> Vec<u8> {
    let mut bytes = vec![0; RECORD];
    bytes[..2].copy_from_slice(&kind.to_ne_bytes());
    bytes[44..44 + user.len()].copy_from_slice(user.as_bytes());
    bytes[TIME..TIME + 4].copy_from_slice(&at.to_ne_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_from_the_end_and_no_further() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("wtmp");
        assert_eq!(read(&path).unwrap(), None);
        let mut bytes = [record(7, "ann", 5), record(2, "reboot", 6)].concat();
        bytes.extend([1; 100]);
        std::fs::write(&path, &bytes).unwrap();
        let told: Vec<_> = read(&path).unwrap().unwrap().iter().map(|r| (r.user.clone(), r.at, r.is_login())).collect();
        assert_eq!(told, [("ann".to_owned(), 5, true), ("reboot".to_owned(), 6, false)]);
        // A file with a hole that is larger than any disk.
        let file = File::options().write(true).open(&path).unwrap();
        file.write_all_at(&record(7, "zoe", 9), (1 << 40) / RECORD as u64 * RECORD as u64).unwrap();
        let last = read(&path).unwrap().unwrap();
        assert_eq!((last.len(), last.last().unwrap().user.as_str()), (21_845, "zoe"));
    }

    #[test]
    fn lastlog_is_a_table_by_number() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lastlog");
        let mut entry = vec![0; 8];
        entry[..4].copy_from_slice(&77_u32.to_ne_bytes());
        let file = File::options().create(true).truncate(true).read(true).write(true).open(&path).unwrap();
        file.write_all_at(&entry, 1000 * LASTLOG).unwrap();
        assert_eq!(
            (last_login(&file, 1000), last_login(&file, 5), last_login(&file, u32::MAX)),
            (Some(77), None, None)
        );
    }
}
