//! restic(1): what a repository holds, whether it is whole, and restoring from it. Read from its JSON output, which an
//! owner of the repository may have made up.

use std::ffi::OsString;
use std::path::PathBuf;

use serde::Deserialize;
use writ_trust::time::Time;
use writ_wire::record::{Facts, Repository, Verified};

use super::bounded;
use super::repository::{Backups, Dialect, Opening, Snapshot, time, words};
use super::restore::Entry;

/// How many locks are looked at.
const MOST_LOCKS: usize = 20;
/// How old a lock is that nobody renews: restic renews them every five minutes, and calls this stale itself.
const STALE_MILLIS: i64 = 30 * 60 * 1000;

/// What restic has of its own.
pub struct Restic;

impl Dialect for Restic {
    fn environment(&self, opening: &Opening, _: &str) -> Vec<(&'static str, OsString)> {
        vec![
            ("RESTIC_REPOSITORY", OsString::from(&opening.repository)),
            ("RESTIC_PASSWORD_FILE", opening.password_file.clone().into_os_string()),
        ]
    }

    fn looked(&self, repository: Repository) -> Facts {
        Facts::Restic(repository)
    }

    fn verified(&self, verified: Verified) -> Facts {
        Facts::ResticCheck(verified)
    }

    fn damaged(&self) -> &'static [&'static str] {
        &["repository contains errors"]
    }

    fn warnings(&self) -> Option<i32> {
        None
    }

    fn snapshots(&self, opening: &Opening) -> Vec<String> {
        let mut arguments = words(&["snapshots", "--json", "--no-lock"]);
        arguments.extend(opening.host.iter().flat_map(|host| ["--host".to_owned(), host.clone()]));
        if !opening.tags.is_empty() {
            arguments.extend(["--tag".to_owned(), opening.tags.join(",")]);
        }
        arguments
    }

    fn read_snapshots(&self, bytes: &[u8], _: &Opening) -> Result<Vec<Snapshot>, String> {
        snapshots(bytes)
    }

    fn is_ours(&self, snapshot: &Snapshot, _: &Opening) -> bool {
        is_id(&snapshot.id)
    }

    fn size(&self, id: &str) -> Option<Vec<String>> {
        is_id(id).then(|| words(&["stats", "--json", "--no-lock", "--mode", "restore-size", id]))
    }

    fn read_size(&self, bytes: &[u8]) -> Option<u64> {
        #[derive(Deserialize)]
        struct Stats {
            total_size: u64,
        }
        Some(serde_json::from_slice::<Stats>(bytes).ok()?.total_size)
    }

    fn files(&self, id: &str) -> Vec<String> {
        words(&["ls", "--json", "--no-lock", id])
    }

    fn read_file(&self, line: &[u8]) -> Option<Entry> {
        entry(line)
    }

    fn restore(&self, id: &str, path: &str) -> Vec<String> {
        words(&["dump", "--no-lock", id, path])
    }

    /// As restic itself judges it.
    fn is_locked(&self, backups: &Backups, now: Time) -> Result<Option<bool>, String> {
        let output = |arguments: &[&str]| backups.output(&words(arguments)).map_err(|reasons| reasons.join("; "));
        let ids = output(&["list", "locks", "--no-lock"])?;
        let here = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let ids = String::from_utf8_lossy(&ids).into_owned();
        let ids: Vec<&str> = ids.lines().map(str::trim).filter(|id| is_id(id)).collect();
        for id in ids.iter().take(MOST_LOCKS) {
            // One that goes away meanwhile was held by somebody who works.
            let Ok(bytes) = output(&["cat", "lock", "--no-lock", id]) else { continue };
            if lock(&bytes)?.is_stale(now, &here, |pid| PathBuf::from(format!("/proc/{pid}")).exists()) {
                return Ok(Some(true));
            }
        }
        Ok((ids.len() <= MOST_LOCKS).then_some(false))
    }
}

/// Ids go back to restic as arguments: nothing but a digest in hexadecimal is one.
fn is_id(id: &str) -> bool {
    (8..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Reads `restic snapshots --json`: `[{"time":"…","hostname":"…","tags":["…"],"id":"…",…}]`, or `null` for none.
///
/// # Errors
/// Why it is none.
pub fn snapshots(bytes: &[u8]) -> Result<Vec<Snapshot>, String> {
    #[derive(Deserialize)]
    struct Listed {
        id: String,
        time: String,
        #[serde(default)]
        tags: Option<Vec<String>>,
    }
    let listed: Option<Vec<Listed>> =
        serde_json::from_slice(bytes).map_err(|e| bounded(&format!("its list of snapshots: {e}")))?;
    let read = |Listed { id, time: at, tags }: Listed| {
        let at = time(&at).map_err(|reason| bounded(&format!("its list of snapshots: {reason}")))?;
        Ok(Snapshot { id, at, tags: tags.unwrap_or_default() })
    };
    listed.unwrap_or_default().into_iter().map(read).collect()
}

/// A lock as `restic cat lock` writes it.
#[derive(Debug, Deserialize)]
pub struct Lock {
    time: String,
    hostname: String,
    pid: i64,
}

/// Reads a lock.
///
/// # Errors
/// Why it is none.
pub fn lock(bytes: &[u8]) -> Result<Lock, String> {
    serde_json::from_slice(bytes).map_err(|e| bounded(&format!("a lock: {e}")))
}

impl Lock {
    /// Whether nobody who holds it works any more: it is not renewed, or its process on this machine is gone.
    fn is_stale(&self, now: Time, here: &str, is_alive: impl Fn(i64) -> bool) -> bool {
        let old = time(&self.time).is_ok_and(|at| now.millis_since(at) > STALE_MILLIS);
        old || (self.hostname == here && !is_alive(self.pid))
    }
}

/// One line of `restic ls --json`, when it is a regular file: `{"type":"file","path":"…","size":…,"mtime":"…",…}`.
pub fn entry(line: &[u8]) -> Option<Entry> {
    #[derive(Deserialize)]
    struct Node {
        r#type: String,
        path: String,
        #[serde(default)]
        size: u64,
        mtime: String,
    }
    let node: Node = serde_json::from_slice(line).ok().filter(|node: &Node| node.r#type == "file")?;
    Some(Entry { modified_at: time(&node.mtime).ok()?, path: node.path, size_bytes: node.size })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of restic 0.14.0.
    const SNAPSHOTS: &[u8] = br#"[{"time":"2026-11-27T15:04:03.839977552Z","tree":"f33aa95ae016d7d9301eaa2baa02493dd16ba56c4f2e40e1d166ad8a6521710a","paths":["/srv"],"hostname":"front-desk","username":"root","tags":["user"],"id":"9cdfbd1fc8b4d37fd290f408b7a99a407915f92dfa59c1832156c82415662cdc","short_id":"9cdfbd1f"},{"time":"2026-11-27T16:04:05.191933222+01:00","tree":"17edc0e3db54506c380e223a8db23fdb61d75b562c9f3dbca7256078d6755d92","paths":["/etc"],"hostname":"front-desk","username":"root","id":"fa44f78eafb2269aec1d3a93bb007128620e335d025d1a7d650d85a7139cfec0","short_id":"fa44f78e"}]"#;
    const LOCK: &[u8] = br#"{"time":"2026-11-27T15:04:03.839977552Z","exclusive":false,"hostname":"front-desk","username":"root","pid":4711,"uid":0,"gid":0}"#;

    fn at(text: &str) -> Time {
        time(text).unwrap()
    }

    #[test]
    fn snapshots_are_read_as_restic_lists_them() {
        let read = snapshots(SNAPSHOTS).unwrap();
        assert_eq!((read.len(), read[0].tags.as_slice(), read[1].tags.len()), (2, &["user".to_owned()][..], 0));
        assert_eq!(read[1].at, at("2026-11-27T15:04:05.191Z"));
        assert_eq!(snapshots(b"null").unwrap(), []);
        assert_eq!(snapshots(b"[]").unwrap(), []);
        for bad in [&b""[..], b"{}", b"[1]", br#"[{"id":"a"}]"#, br#"[{"id":"a","time":"x"}]"#, &[b'['; 100_000]] {
            let said = snapshots(bad).unwrap_err();
            assert!(said.starts_with("its list of snapshots: ") && said.len() < 600, "{said}");
        }
    }

    #[test]
    fn a_lock_is_stale_when_nobody_renews_it_or_its_process_is_gone() {
        let read = lock(LOCK).unwrap();
        let soon = at("2026-11-27T15:10:00Z");
        assert!(!read.is_stale(soon, "front-desk", |pid| pid == 4711));
        assert!(read.is_stale(soon, "front-desk", |_| false));
        assert!(!read.is_stale(soon, "elsewhere", |_| false), "of another machine only time tells");
        assert!(read.is_stale(at("2026-11-27T15:34:10Z"), "front-desk", |_| true));
        for bad in [&b""[..], b"[]", br#"{"time":1}"#] {
            assert!(lock(bad).is_err());
        }
    }

    #[test]
    fn only_regular_files_are_entries() {
        let file = br#"{"name":"a","type":"file","path":"/srv/a\nb","uid":0,"gid":0,"size":3000,"mode":420,"mtime":"2026-11-27T15:04:03.1Z","struct_type":"node"}"#;
        let entry = entry(file).unwrap();
        assert_eq!((entry.path.as_str(), entry.size_bytes), ("/srv/a\nb", 3000));
        for other in [
            &br#"{"name":"a","type":"dir","path":"/srv/a","mtime":"2026-11-27T15:04:03.1Z"}"#[..],
            br#"{"time":"2026-11-27T15:04:03Z","struct_type":"snapshot"}"#,
            br#"{"type":"file","path":"/x","size":-1,"mtime":"2026-11-27T15:04:03.1Z"}"#,
            br#"{"type":"file","path":"/x","size":1,"mtime":"never"}"#,
            b"",
        ] {
            assert!(super::entry(other).is_none(), "{}", String::from_utf8_lossy(other));
        }
    }

    #[test]
    fn nothing_but_a_digest_goes_back_as_an_id() {
        assert!(is_id("9cdfbd1f"));
        for bad in ["", "latest", "--help", "9cdfbd1g", "9cdf:/etc", &"a".repeat(65)] {
            assert!(!is_id(bad), "{bad}");
        }
    }
}
