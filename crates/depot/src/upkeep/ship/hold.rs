//! One object on its way into the bucket: stored once, and counted only when it was read back as locked and whole.

use std::fs::File;
use std::path::Path;

use writ_bucket::{Bucket, BucketError, Content, Digests, Put, Stored};
use writ_trust::time::Time;

use super::ledger::Object;

/// What the bucket has where something is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Nothing.
    Absent,
    /// It, locked as long as it must be, until then.
    Held(Time),
    /// Something of its size, locked as long as it must be, of which the server says no digest.
    Unread(Time),
    /// Something else.
    Other(String),
    /// It, and not held as it must be.
    Loose(String),
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Store it.
    Store,
    /// Read all of it, and compare.
    Read,
    /// It is there and held: count it.
    Count(Time),
    /// It cannot be counted.
    Refuse(Finding),
}

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing was done yet.
    Begun,
    /// It was stored, or something was there.
    Put,
    /// All of it was read, and was the same.
    Compared,
}

/// What a server says of an object, held against what it is to be.
pub fn judge(stored: Option<&Stored>, content: &Content, until: Time) -> Finding {
    let Some(stored) = stored else { return Finding::Absent };
    let is = stored.is(content);
    if is == Some(false) {
        return Finding::Other(format!("{} bytes that are not those of here", stored.size));
    }
    let Some(lock) = &stored.lock else {
        return Finding::Loose("it is not locked: whoever has a key of the bucket can remove it".to_owned());
    };
    if !lock.holds_until(until) {
        return Finding::Loose(format!(
            "it is locked in the mode {} until {}, and must be in COMPLIANCE until {until}",
            lock.mode, lock.until
        ));
    }
    if is.is_none() { Finding::Unread(lock.until) } else { Finding::Held(lock.until) }
}

/// What follows from what was found.
pub fn step(state: State, found: Finding) -> Step {
    match (state, found) {
        (State::Begun, Finding::Absent) => Step::Store,
        (State::Begun | State::Put, Finding::Unread(_)) => Step::Read,
        (State::Compared, Finding::Unread(until)) | (_, Finding::Held(until)) => Step::Count(until),
        (_, found) => Step::Refuse(found),
    }
}

/// Why an object is not counted.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// The bucket did not do what it was asked for.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// The file here cannot be read.
    #[error("{0}")]
    Local(std::io::Error),
    /// Something else has its key.
    #[error("the bucket has something else of that name: {0}")]
    Other(String),
    /// It is not held as it must be.
    #[error("{0}")]
    Loose(String),
}

/// What is to be in the bucket.
pub struct Wanted<'a> {
    /// Its key.
    pub key: &'a str,
    /// The file here.
    pub file: &'a Path,
    /// What is in it.
    pub content: Content,
    /// Its media type.
    pub kind: &'a str,
    /// Until when it must be locked.
    pub until: Time,
}

/// Stores it where nothing is yet, and reads back what is there.
pub fn hold(bucket: &Bucket, wanted: &Wanted<'_>) -> Result<Object, HoldError> {
    let Wanted { key, file, content, kind, until } = wanted;
    let mut state = State::Begun;
    loop {
        let stored = bucket.head(key, None)?;
        match step(state, judge(stored.as_ref(), content, *until)) {
            Step::Store => {
                let mut body = File::open(file).map_err(HoldError::Local)?;
                // Whoever was there first is looked at next.
                let (Put::Stored | Put::Occupied) = bucket.put(key, &mut body, content, kind, *until)?;
                state = State::Put;
            }
            Step::Read => {
                let version = stored.and_then(|stored| stored.version);
                let found = read(bucket, key, version.as_deref(), content.size)?;
                if found != Some(*content) {
                    return Err(HoldError::Other("it has other bytes".to_owned()));
                }
                state = State::Compared;
            }
            Step::Count(until) => {
                return Ok(object(key, content, stored.and_then(|stored| stored.version), until));
            }
            Step::Refuse(Finding::Loose(why)) => return Err(HoldError::Loose(why)),
            Step::Refuse(Finding::Other(why)) => return Err(HoldError::Other(why)),
            Step::Refuse(_) => {
                return Err(HoldError::Loose("it was stored, and is not there when it is read back".to_owned()));
            }
        }
    }
}

/// The record of an object that is held.
pub fn object(key: &str, content: &Content, version: Option<String>, until: Time) -> Object {
    let md5 = content.md5.iter().map(|byte| format!("{byte:02x}")).collect();
    Object { key: key.to_owned(), version, size: content.size, digest: content.sha256, md5, until }
}

/// What the bucket gives, of at most so many bytes; none where it gives nothing.
pub fn read(bucket: &Bucket, key: &str, version: Option<&str>, limit: u64) -> Result<Option<Content>, BucketError> {
    let mut digests = Digests::default();
    let there = bucket.get(key, version, limit, &mut |piece| {
        digests.update(piece);
        Ok(())
    })?;
    Ok(there.then(|| digests.content()))
}

#[cfg(test)]
mod tests {
    use writ_bucket::Lock;
    use writ_trust::digest::Digest;

    use super::*;

    fn content() -> Content {
        writ_bucket::digests(&mut &b"abc"[..]).unwrap()
    }

    fn at(year: u32) -> Time {
        format!("{year}-01-01T00:00:00Z").parse().unwrap()
    }

    fn stored(mode: &str, year: u32) -> Stored {
        let lock = Some(Lock { mode: mode.to_owned(), until: at(year) });
        Stored { size: 3, version: None, lock, sha256: Some(content().sha256), md5: None }
    }

    #[test]
    fn only_what_is_the_same_and_locked_long_enough_is_held() {
        let judged = |stored: &Stored| judge(Some(stored), &content(), at(2032));
        assert_eq!(judge(None, &content(), at(2032)), Finding::Absent);
        assert_eq!(judged(&stored("COMPLIANCE", 2032)), Finding::Held(at(2032)));
        assert_eq!(judged(&stored("COMPLIANCE", 2040)), Finding::Held(at(2040)));
        for loose in [
            stored("COMPLIANCE", 2031),
            stored("GOVERNANCE", 2032),
            stored("compliance", 2032),
            Stored { lock: None, ..stored("", 2032) },
        ] {
            assert!(matches!(judged(&loose), Finding::Loose(_)), "{loose:?}");
        }
        let good = stored("COMPLIANCE", 2032);
        let by_md5 = |md5| Stored { sha256: None, md5, ..good.clone() };
        assert_eq!(judged(&by_md5(Some(content().md5))), Finding::Held(at(2032)));
        assert_eq!(judged(&by_md5(None)), Finding::Unread(at(2032)));
        for other in [
            by_md5(Some([0; 16])),
            Stored { size: 4, ..good.clone() },
            Stored { sha256: Some(Digest::of(b"x")), md5: Some(content().md5), ..good.clone() },
        ] {
            assert!(matches!(judged(&other), Finding::Other(_)), "{other:?}");
        }
    }

    #[test]
    fn it_is_stored_once_and_counted_only_after_it_was_read_back() {
        use State::{Begun, Compared, Put};
        let held = || Finding::Held(at(2032));
        let unread = || Finding::Unread(at(2032));
        assert_eq!(step(Begun, Finding::Absent), Step::Store);
        assert_eq!((step(Begun, held()), step(Put, held())), (Step::Count(at(2032)), Step::Count(at(2032))));
        assert_eq!((step(Begun, unread()), step(Put, unread())), (Step::Read, Step::Read));
        assert_eq!(step(Compared, unread()), Step::Count(at(2032)));
        for state in [Put, Compared] {
            assert_eq!(step(state, Finding::Absent), Step::Refuse(Finding::Absent), "it is never stored twice");
        }
        for state in [Begun, Put, Compared] {
            for bad in [Finding::Other(String::new()), Finding::Loose(String::new())] {
                assert_eq!(step(state, bad.clone()), Step::Refuse(bad));
            }
        }
    }
}
