//! borg(1), version 1.2 to 1.4: what a repository holds, whether it is whole, and restoring from it. Archives have no tags
//! there: a group is of those whose name begins with a prefix and a dash.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Deserialize;
use writ_trust::time::Time;
use writ_wire::record::{Facts, Record, Repository};

use super::program::{Program, ProgramError, Take, password};
use super::repository::{self, Opening, Snapshot, time};
use super::restore::{Archive, Entry, Lines};
use super::{Run, bounded};

/// The largest list of archives that is read.
const MAX_LIST: usize = 32 * 1024 * 1024;
/// The largest roster of locks that is read.
const MAX_ROSTER: usize = 64 * 1024;
/// How many sizes are asked for in one run.
const MOST_SIZES: usize = 8;
/// The exit code of borg for "done, but": warnings.
const WARNINGS: i32 = 1;

/// A repository and how it is opened.
pub struct Borg {
    program: Program,
    /// Whether its password could be read, or why not.
    secret: Result<(), String>,
    repository: String,
    host: Option<String>,
    prefixes: Vec<String>,
}

impl Borg {
    /// Opens nothing yet.
    pub fn new(opening: Opening) -> Self {
        let secret = password(&opening.password_file);
        let secrets: Vec<String> = secret.iter().cloned().collect();
        let environment = vec![
            ("BORG_REPO", OsString::from(&opening.repository)),
            ("BORG_PASSPHRASE", OsString::from(secrets.concat())),
            // Without it borg writes the times of wherever the machine stands, and does not say where that is.
            ("TZ", OsString::from("UTC")),
        ];
        let deadline = Instant::now() + opening.limit;
        let program = Program { path: opening.program, environment, deadline, secrets };
        Self {
            program,
            secret: secret.map(drop),
            repository: opening.repository,
            host: opening.host,
            prefixes: opening.tags,
        }
    }

    /// What the repository holds now.
    pub fn look(&self, name: &str, before: Option<&Record>, mut run: Run, now: impl Fn() -> Time) -> Record {
        let snapshots = match self.snapshots() {
            Ok(snapshots) => snapshots,
            Err(reasons) => {
                reasons.into_iter().for_each(|reason| run.note(reason));
                return run.end(name, now(), false, Facts::Borg(Repository::default()));
            }
        };
        let mut groups = repository::groups(&snapshots, &mut run);
        repository::recall_sizes(&mut groups, before);
        for group in groups.iter_mut().filter(|group| group.size_bytes.is_none()).take(MOST_SIZES) {
            group.size_bytes = self.size(&group.newest);
        }
        let locked = self.is_locked();
        run.end(name, now(), true, Facts::Borg(Repository { reachable: true, groups, locked }))
    }

    /// Whether the repository is whole; `how` is what borg(1) is to read besides, for instance `--verify-data`.
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
                // Anything else (no network, a lock, a wrong passphrase) says nothing of the repository.
                let damaged = ["errors found", ", problems found"].iter().any(|words| ended.complaint.contains(words));
                damaged.then_some(false)
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
        let facts = Facts::BorgCheck(repository::verified(whole, now(), before));
        run.end(name, now(), whole == Some(true), facts)
    }

    fn snapshots(&self) -> Result<Vec<Snapshot>, Vec<String>> {
        let listed = self.output(&["list", "--bypass-lock", "--json", "--format", "{hostname}"])?;
        archives(&listed, self.host.as_deref(), &self.prefixes).map_err(|reason| vec![reason])
    }

    fn size(&self, name: &str) -> Option<u64> {
        #[derive(Deserialize)]
        struct Info {
            archives: Vec<Archived>,
        }
        #[derive(Deserialize)]
        struct Archived {
            stats: Stats,
        }
        #[derive(Deserialize)]
        struct Stats {
            original_size: u64,
        }
        let said = self.output(&["info", "--bypass-lock", "--json", &format!("::{name}")]).ok()?;
        let info: Info = serde_json::from_slice(&said).ok()?;
        Some(info.archives.first()?.stats.original_size)
    }

    /// Whether a process of this machine holds a lock and is gone. Of a repository elsewhere nobody here can tell.
    fn is_locked(&self) -> Option<bool> {
        let folder = Path::new(&self.repository);
        if !folder.is_absolute() {
            return None;
        }
        let here = rustix::system::uname().nodename().to_string_lossy().into_owned();
        match writ_durable::read_bounded(&folder.join("lock.roster"), MAX_ROSTER) {
            Ok(bytes) => holders(&bytes).map(|holders| {
                let gone = |pid: i64| !PathBuf::from(format!("/proc/{pid}")).exists();
                holders.iter().any(|(host, pid)| host.split('@').next() == Some(&here) && gone(*pid))
            }),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Some(false),
            Err(_) => None,
        }
    }

    /// Runs borg for what it writes.
    fn output(&self, arguments: &[&str]) -> Result<Vec<u8>, Vec<String>> {
        self.secret.clone().map_err(|reason| vec![reason])?;
        match self.program.collect(&as_os(arguments), MAX_LIST) {
            Ok((ended, output)) if ended.status.success() => Ok(output),
            Ok((ended, _)) => Err(ended.told()),
            Err(e) => Err(vec![e.to_string()]),
        }
    }

    fn streamed(&self, arguments: &[&str], take: Take) -> Result<(), String> {
        match self.program.stream(&as_os(arguments), take) {
            Ok(ended) if ended.status.success() || ended.status.code() == Some(WARNINGS) => Ok(()),
            Ok(ended) => Err(ended.told().join("; ")),
            Err(ProgramError::Output { reason, .. }) => Err(reason),
            Err(e) => Err(e.to_string()),
        }
    }
}

impl Archive for Borg {
    fn newest(&self, now: Time) -> Result<Option<Snapshot>, String> {
        let mut snapshots = self.snapshots().map_err(|reasons| reasons.join("; "))?;
        let wanted = |snapshot: &Snapshot| self.prefixes.is_empty() || !snapshot.tags.is_empty();
        snapshots.retain(|snapshot| snapshot.at <= now && wanted(snapshot));
        Ok(snapshots.into_iter().max_by_key(|snapshot| snapshot.at))
    }

    fn list(&self, archive: &str, take: &mut dyn FnMut(Entry)) -> Result<(), String> {
        let mut lines = Lines::default();
        let format = "{type}{path}{size}{mtime}";
        self.streamed(
            &["list", "--bypass-lock", "--json-lines", "--format", format, &format!("::{archive}")],
            &mut |piece| lines.take(piece, &mut |line| entry(line).into_iter().for_each(&mut *take)),
        )
    }

    fn restore(
        &self,
        archive: &str,
        path: &str,
        take: &mut dyn FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        // Archived paths have no slash in front; `pp:` says that it is a path and no pattern.
        let path = format!("pp:{}", path.trim_start_matches('/'));
        self.streamed(&["extract", "--bypass-lock", "--stdout", &format!("::{archive}"), &path], take)
    }
}

fn as_os<'a>(arguments: &'a [&'a str]) -> Vec<&'a OsStr> {
    arguments.iter().map(OsStr::new).collect()
}

/// Reads `borg list --json --format {hostname}`: `{"archives":[{"name":"…","hostname":"…","time":"…",…}],…}`, with the
/// prefix of each as its tag. Those of other machines are left out, and names that could not go back as an argument.
///
/// # Errors
/// Why it is none.
pub fn archives(bytes: &[u8], host: Option<&str>, prefixes: &[String]) -> Result<Vec<Snapshot>, String> {
    #[derive(Deserialize)]
    struct Listing {
        archives: Vec<Listed>,
    }
    #[derive(Deserialize)]
    struct Listed {
        name: String,
        time: String,
        #[serde(default)]
        hostname: String,
    }
    let listing: Listing = serde_json::from_slice(bytes).map_err(|e| bounded(&format!("its list of archives: {e}")))?;
    let ours = |listed: &Listed| host.is_none_or(|host| listed.hostname == host) && !listed.name.contains("::");
    let read = |Listed { name, time: at, .. }: Listed| {
        let at = utc(&at).map_err(|reason| bounded(&format!("its list of archives: {reason}")))?;
        let named = |prefix: &&String| name.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.starts_with('-'));
        Ok(Snapshot { tags: prefixes.iter().filter(named).cloned().collect(), id: name, at })
    };
    listing.archives.into_iter().filter(ours).map(read).collect()
}

/// A time of borg, which writes no zone: that of `TZ`, UTC.
fn utc(text: &str) -> Result<Time, String> {
    time(text).or_else(|_| time(&format!("{text}Z")))
}

/// Who holds locks by `lock.roster`: `{"exclusive":[["host@id",pid,thread]],"shared":[…]}`; none when it cannot be read.
pub fn holders(bytes: &[u8]) -> Option<Vec<(String, i64)>> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Roster {
        exclusive: Vec<(String, i64, i64)>,
        shared: Vec<(String, i64, i64)>,
    }
    let Roster { exclusive, shared } = serde_json::from_slice(bytes).ok()?;
    Some(exclusive.into_iter().chain(shared).map(|(host, pid, _)| (host, pid)).collect())
}

/// One line of `borg list --json-lines`, when it is a regular file: `{"type":"-","path":"…","size":…,"mtime":"…",…}`.
pub fn entry(line: &[u8]) -> Option<Entry> {
    #[derive(Deserialize)]
    struct Item {
        r#type: String,
        path: String,
        size: u64,
        mtime: String,
    }
    let item: Item = serde_json::from_slice(line).ok().filter(|item: &Item| item.r#type == "-")?;
    Some(Entry { path: format!("/{}", item.path), size_bytes: item.size, modified_at: utc(&item.mtime).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of borg 1.2.4.
    const ARCHIVES: &[u8] = br#"{"archives":[{"archive":"user-1","barchive":"user-1","hostname":"front-desk","id":"11f08fc67da448fffd79ab064b3ee0c73618ac0cdc7522ced44a36d6d502ce7d","name":"user-1","start":"2026-11-27T15:10:57.000000","time":"2026-11-27T15:10:57.000000"},{"archive":"sys-2","barchive":"sys-2","hostname":"elsewhere","id":"0b8eafc05de8e490fba31b9dab1c9ff6f0e09b0cb20940cdbe57c03acf4ca8d7","name":"sys-2","start":"2026-11-27T15:10:57.000000","time":"2026-11-27T15:10:57.000000"}],"encryption":{"mode":"repokey-blake2"},"repository":{"id":"edaaae12","last_modified":"2026-11-27T15:10:57.000000","location":"/srv/borg"}}"#;

    #[test]
    fn archives_are_read_as_borg_lists_them() {
        let prefixes = ["user".to_owned(), "use".to_owned()];
        let all = archives(ARCHIVES, None, &prefixes).unwrap();
        let told: Vec<_> = all.iter().map(|a| (a.id.as_str(), a.tags.clone(), a.at.to_string())).collect();
        let at = "2026-11-27T15:10:57Z".to_owned();
        assert_eq!(told, [("user-1", vec!["user".to_owned()], at.clone()), ("sys-2", vec![], at)]);
        assert_eq!(archives(ARCHIVES, Some("front-desk"), &[]).unwrap().len(), 1);
        for bad in [&b""[..], b"[]", br#"{"archives":[{"name":"a","time":"x"}]}"#, &[b'['; 100_000]] {
            let said = archives(bad, None, &[]).unwrap_err();
            assert!(said.starts_with("its list of archives: "), "{said}");
        }
    }

    #[test]
    fn holders_of_locks_are_read() {
        let one = br#"{"exclusive": [["vm@3281355014145", 32755, 0]]}"#;
        assert_eq!(holders(one).unwrap(), [("vm@3281355014145".to_owned(), 32755)]);
        assert_eq!(holders(br#"{"shared":[["a",1,0]]}"#).unwrap().len(), 1);
        assert_eq!(holders(b"{}").unwrap(), []);
        assert!(holders(b"[1").is_none() && holders(br#"{"shared":[1]}"#).is_none());
    }

    #[test]
    fn only_regular_files_are_entries() {
        let file = br#"{"type": "-", "mode": "-rw-r--r--", "user": "root", "path": "live/sub/a b\nc", "healthy": true, "mtime": "2026-11-27T15:03:57.208725", "size": 3}"#;
        let read = entry(file).unwrap();
        assert_eq!((read.path.as_str(), read.size_bytes), ("/live/sub/a b\nc", 3));
        assert_eq!(read.modified_at, "2026-11-27T15:03:57.208Z".parse().unwrap());
        for other in [&br#"{"type":"d","path":"x","mtime":"2026-11-27T15:03:57.1","size":0}"#[..], b"", b"[]"] {
            assert!(entry(other).is_none());
        }
    }
}
