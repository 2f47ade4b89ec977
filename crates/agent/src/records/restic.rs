//! restic(1): what a repository holds, whether it is whole, and restoring from it. Read from its JSON output, which an
//! owner of the repository may have made up.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Instant;

use serde::Deserialize;
use writ_trust::time::Time;
use writ_wire::record::{Facts, Record, Repository};

use super::program::{Program, ProgramError, Take, password};
use super::repository::{self, Opening, Snapshot, time};
use super::restore::{Archive, Entry, Lines};
use super::{Run, bounded};

/// The largest list of snapshots that is read.
const MAX_LIST: usize = 32 * 1024 * 1024;
/// How many locks are looked at.
const MOST_LOCKS: usize = 20;
/// How many sizes are asked for in one run.
const MOST_SIZES: usize = 8;
/// How old a lock is that nobody renews: restic renews them every five minutes, and calls this stale itself.
const STALE_MILLIS: i64 = 30 * 60 * 1000;

/// A repository and how it is opened.
pub struct Restic {
    program: Program,
    /// Whether its password could be read, or why not.
    secret: Result<(), String>,
    host: Option<String>,
    tags: Vec<String>,
}

impl Restic {
    /// Opens nothing yet.
    pub fn new(opening: Opening) -> Self {
        let secret = password(&opening.password_file);
        let secrets = secret.iter().cloned().collect();
        // By the environment: arguments can be seen by everybody on the machine.
        let environment = vec![
            ("RESTIC_REPOSITORY", OsString::from(opening.repository)),
            ("RESTIC_PASSWORD_FILE", opening.password_file.into_os_string()),
        ];
        let deadline = Instant::now() + opening.limit;
        let program = Program { path: opening.program, environment, deadline, secrets };
        Self { program, secret: secret.map(drop), host: opening.host, tags: opening.tags }
    }

    /// What the repository holds now.
    pub fn look(&self, name: &str, before: Option<&Record>, mut run: Run, now: impl Fn() -> Time) -> Record {
        let snapshots = match self.snapshots() {
            Ok(snapshots) => snapshots,
            Err(reasons) => {
                reasons.into_iter().for_each(|reason| run.note(reason));
                return run.end(name, now(), false, Facts::Restic(Repository::default()));
            }
        };
        let mut groups = repository::groups(&snapshots, &mut run);
        repository::recall_sizes(&mut groups, before);
        for group in groups.iter_mut().filter(|group| group.size_bytes.is_none()).take(MOST_SIZES) {
            group.size_bytes = self.size(&group.newest);
        }
        let locked = match self.is_locked(now()) {
            Ok(locked) => Some(locked),
            Err(reason) => {
                run.note(format!("the locks: {reason}"));
                None
            }
        };
        run.end(name, now(), true, Facts::Restic(Repository { reachable: true, groups, locked }))
    }

    /// Whether the repository is whole; `how` is what restic(1) is to read, for instance `--read-data-subset=5%`.
    pub fn check(
        &self,
        name: &str,
        how: &[String],
        before: Option<&Record>,
        mut run: Run,
        now: impl Fn() -> Time,
    ) -> Record {
        let mut arguments = vec!["check"];
        arguments.extend(how.iter().map(String::as_str));
        let whole = match self.secret.clone().map(|()| self.program.stream(&as_os(&arguments), &mut |_| Ok(()))) {
            Ok(Ok(ended)) if ended.status.success() => Some(true),
            Ok(Ok(ended)) => {
                ended.told().into_iter().for_each(|line| run.note(line));
                // Anything else (no network, a lock, a wrong password) says nothing of the repository.
                ended.complaint.contains("repository contains errors").then_some(false)
            }
            Ok(Err(e)) => {
                run.note(e.to_string());
                None
            }
            Err(reason) => {
                run.note(reason);
                None
            }
        };
        let facts = Facts::ResticCheck(repository::verified(whole, now(), before));
        run.end(name, now(), whole == Some(true), facts)
    }

    fn snapshots(&self) -> Result<Vec<Snapshot>, Vec<String>> {
        let mut arguments = vec!["snapshots", "--json", "--no-lock"];
        arguments.extend(self.host.iter().flat_map(|host| ["--host", host.as_str()]));
        let tags = self.tags.join(",");
        arguments.extend(if tags.is_empty() { vec![] } else { vec!["--tag", tags.as_str()] });
        let listed = self.output(&arguments)?;
        snapshots(&listed).map_err(|reason| vec![reason])
    }

    fn size(&self, id: &str) -> Option<u64> {
        #[derive(Deserialize)]
        struct Stats {
            total_size: u64,
        }
        if !is_id(id) {
            return None;
        }
        let said = self.output(&["stats", "--json", "--no-lock", "--mode", "restore-size", id]).ok()?;
        Some(serde_json::from_slice::<Stats>(&said).ok()?.total_size)
    }

    /// Whether anybody holds a lock who does not work any more, as restic itself judges it.
    fn is_locked(&self, now: Time) -> Result<bool, String> {
        let output = |arguments: &[&str]| self.output(arguments).map_err(|reasons| reasons.join("; "));
        let ids = output(&["list", "locks", "--no-lock"])?;
        let here = rustix::system::uname().nodename().to_string_lossy().into_owned();
        for id in String::from_utf8_lossy(&ids).lines().map(str::trim).filter(|id| is_id(id)).take(MOST_LOCKS) {
            // One that goes away meanwhile was held by somebody who works.
            let Ok(bytes) = output(&["cat", "lock", "--no-lock", id]) else { continue };
            if lock(&bytes)?.is_stale(now, &here, |pid| PathBuf::from(format!("/proc/{pid}")).exists()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Runs restic for what it writes.
    fn output(&self, arguments: &[&str]) -> Result<Vec<u8>, Vec<String>> {
        self.secret.clone().map_err(|reason| vec![reason])?;
        match self.program.collect(&as_os(arguments), MAX_LIST) {
            Ok((ended, output)) if ended.status.success() => Ok(output),
            Ok((ended, _)) => Err(ended.told()),
            Err(e) => Err(vec![e.to_string()]),
        }
    }

    fn streamed(&self, arguments: &[&OsStr], take: Take) -> Result<(), String> {
        match self.program.stream(arguments, take) {
            Ok(ended) if ended.status.success() => Ok(()),
            Ok(ended) => Err(ended.told().join("; ")),
            Err(ProgramError::Output { reason, .. }) => Err(reason),
            Err(e) => Err(e.to_string()),
        }
    }
}

impl Archive for Restic {
    fn newest(&self, now: Time) -> Result<Option<Snapshot>, String> {
        let mut snapshots = self.snapshots().map_err(|reasons| reasons.join("; "))?;
        snapshots.retain(|snapshot| snapshot.at <= now && is_id(&snapshot.id));
        Ok(snapshots.into_iter().max_by_key(|snapshot| snapshot.at))
    }

    fn list(&self, snapshot: &str, take: &mut dyn FnMut(Entry)) -> Result<(), String> {
        let mut lines = Lines::default();
        self.streamed(&as_os(&["ls", "--json", "--no-lock", snapshot]), &mut |piece| {
            lines.take(piece, &mut |line| entry(line).into_iter().for_each(&mut *take))
        })
    }

    fn restore(
        &self,
        snapshot: &str,
        path: &str,
        take: &mut dyn FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        self.streamed(&as_os(&["dump", "--no-lock", snapshot, path]), take)
    }
}

fn as_os<'a>(arguments: &'a [&'a str]) -> Vec<&'a OsStr> {
    arguments.iter().map(OsStr::new).collect()
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
