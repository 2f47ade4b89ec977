//! borg(1), version 1.2 to 1.4: what a repository holds, whether it is whole, and restoring from it. Archives have no tags
//! there: a group is of those whose name begins with a prefix and a dash.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use writ_trust::time::Time;
use writ_wire::record::{Facts, Repository, Verified};

use super::bounded;
use super::repository::{Backups, Dialect, Opening, Snapshot, time, words};
use super::restore::Entry;

/// The largest roster of locks that is read.
const MAX_ROSTER: usize = 64 * 1024;

/// What borg has of its own.
pub struct Borg;

impl Dialect for Borg {
    fn environment(&self, opening: &Opening, password: &str) -> Vec<(&'static str, OsString)> {
        vec![
            ("BORG_REPO", OsString::from(&opening.repository)),
            ("BORG_PASSPHRASE", OsString::from(password)),
            // Without it borg writes the times of wherever the machine stands, and does not say where that is.
            ("TZ", OsString::from("UTC")),
        ]
    }

    fn looked(&self, repository: Repository) -> Facts {
        Facts::Borg(repository)
    }

    fn verified(&self, verified: Verified) -> Facts {
        Facts::BorgCheck(verified)
    }

    fn damaged(&self) -> &'static [&'static str] {
        &["errors found", ", problems found"]
    }

    fn warnings(&self) -> Option<i32> {
        Some(1)
    }

    fn snapshots(&self, _: &Opening) -> Vec<String> {
        words(&["list", "--bypass-lock", "--json", "--format", "{hostname}"])
    }

    fn read_snapshots(&self, bytes: &[u8], opening: &Opening) -> Result<Vec<Snapshot>, String> {
        archives(bytes, opening.host.as_deref(), &opening.tags)
    }

    fn is_ours(&self, snapshot: &Snapshot, opening: &Opening) -> bool {
        opening.tags.is_empty() || !snapshot.tags.is_empty()
    }

    fn size(&self, id: &str) -> Option<Vec<String>> {
        Some(words(&["info", "--bypass-lock", "--json", &format!("::{id}")]))
    }

    fn read_size(&self, bytes: &[u8]) -> Option<u64> {
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
        let info: Info = serde_json::from_slice(bytes).ok()?;
        Some(info.archives.first()?.stats.original_size)
    }

    fn files(&self, id: &str) -> Vec<String> {
        words(&["list", "--bypass-lock", "--json-lines", "--format", "{type}{path}{size}{mtime}", &format!("::{id}")])
    }

    fn read_file(&self, line: &[u8]) -> Option<Entry> {
        entry(line)
    }

    fn restore(&self, id: &str, path: &str) -> Vec<String> {
        // Archived paths have no slash in front; `pp:` says that it is a path and no pattern.
        let path = format!("pp:{}", path.trim_start_matches('/'));
        words(&["extract", "--bypass-lock", "--stdout", &format!("::{id}"), &path])
    }

    /// Whether a process of this machine holds a lock and is gone. Of a repository elsewhere nobody here can tell.
    fn is_locked(&self, backups: &Backups, _: Time) -> Result<Option<bool>, String> {
        let folder = Path::new(&backups.opening.repository);
        if !folder.is_absolute() {
            return Ok(None);
        }
        let here = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Ok(match writ_durable::read_bounded(&folder.join("lock.roster"), MAX_ROSTER) {
            Ok(bytes) => holders(&bytes).map(|holders| {
                let gone = |pid: i64| !PathBuf::from(format!("/proc/{pid}")).exists();
                holders.iter().any(|(host, pid)| is_here(host, &here) && gone(*pid))
            }),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Some(false),
            Err(_) => None,
        })
    }
}

/// Whether a holder of a lock, `host.domain@number`, is this machine, which the kernel mostly knows without its domain.
fn is_here(holder: &str, here: &str) -> bool {
    let first = |name: &str| name.split(['@', '.']).next().unwrap_or_default().to_owned();
    first(holder) == first(here)
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
        for holder in ["front-desk@3281355014145", "front-desk.clinic.lan@3281355014145"] {
            assert!(is_here(holder, "front-desk") && is_here(holder, "front-desk.clinic.lan"), "{holder}");
            assert!(!is_here(holder, "front-desk-2") && !is_here(holder, "front"), "{holder}");
        }
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
