//! What the records of a repository of backups have in common, whatever program made it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use writ_trust::time::Time;
use writ_wire::record::{Facts, Group, MOST_ENTRIES, Record, Repository, Verified};

use super::program::{Program, ProgramError, Take, password};
use super::restore::{Archive, Entry, Lines};
use super::{Run, without_names};

/// The largest list of snapshots that is read.
const MAX_LIST: usize = 32 * 1024 * 1024;
/// How many sizes are asked for in one run.
const MOST_SIZES: usize = 8;
/// The longest tag and the longest id that are kept.
const LONGEST_NAME: usize = 100;

/// How a repository is opened.
pub struct Opening {
    /// The program.
    pub program: PathBuf,
    /// Its address.
    pub repository: String,
    /// The file with its password.
    pub password_file: PathBuf,
    /// Only snapshots of this machine.
    pub host: Option<String>,
    /// Which snapshots: of restic those with all these tags, of borg those whose name begins with one of these and a dash.
    pub tags: Vec<String>,
    /// How long all of it may take.
    pub limit: Duration,
}

/// One snapshot of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its id.
    pub id: String,
    /// When it was made.
    pub at: Time,
    /// Its tags.
    pub tags: Vec<String>,
}

/// What a program that makes backups has of its own: its words, and how its answers are read. An owner of the repository may
/// have made those up.
pub trait Dialect {
    /// What its environment tells it of the repository; passwords go there too, as arguments can be seen by everybody.
    fn environment(&self, opening: &Opening, password: &str) -> Vec<(&'static str, OsString)>;
    /// What the record of a look holds.
    fn looked(&self, repository: Repository) -> Facts;
    /// What the record of a verification holds.
    fn verified(&self, verified: Verified) -> Facts;
    /// What it complains of a repository that is damaged. Anything else (no network, a lock, a wrong password) says nothing of
    /// the repository.
    fn damaged(&self) -> &'static [&'static str];
    /// The exit code of "done, but": warnings.
    fn warnings(&self) -> Option<i32>;
    /// How it lists snapshots.
    fn snapshots(&self, opening: &Opening) -> Vec<String>;
    /// Reads that list.
    ///
    /// # Errors
    /// Why it is none.
    fn read_snapshots(&self, bytes: &[u8], opening: &Opening) -> Result<Vec<Snapshot>, String>;
    /// Whether a restore may be of this snapshot.
    fn is_ours(&self, snapshot: &Snapshot, opening: &Opening) -> bool;
    /// How it tells the size of a snapshot; none of an id that cannot go back to it.
    fn size(&self, id: &str) -> Option<Vec<String>>;
    /// Reads that size, in bytes.
    fn read_size(&self, bytes: &[u8]) -> Option<u64>;
    /// How it lists the files of a snapshot, one a line.
    fn files(&self, id: &str) -> Vec<String>;
    /// One such line, when it is a regular file.
    fn read_file(&self, line: &[u8]) -> Option<Entry>;
    /// How it restores one file to its standard output.
    fn restore(&self, id: &str, path: &str) -> Vec<String>;
    /// Whether anybody holds a lock who does not work any more; none where nobody here can tell.
    ///
    /// # Errors
    /// Why it could not be asked.
    fn is_locked(&self, backups: &Backups, now: Time) -> Result<Option<bool>, String>;
}

/// A repository and how it is opened.
pub struct Backups {
    dialect: &'static dyn Dialect,
    program: Program,
    /// Whether its password could be read, or why not.
    secret: Result<(), String>,
    pub(super) opening: Opening,
}

impl Backups {
    /// Opens nothing yet.
    pub fn new(dialect: &'static dyn Dialect, opening: Opening) -> Self {
        let secret = password(&opening.password_file);
        let environment = dialect.environment(&opening, secret.as_deref().unwrap_or_default());
        let secrets = secret.iter().cloned().chain(credentials(&opening.repository)).collect();
        let deadline = Instant::now() + opening.limit;
        let program = Program { path: opening.program.clone(), environment, deadline, secrets };
        Self { dialect, program, secret: secret.map(drop), opening }
    }

    /// The name of its records.
    pub fn name(&self) -> String {
        Record::repository_name(&self.opening.repository)
    }

    /// What the repository holds now.
    pub fn look(&self, name: &str, before: Option<&Record>, mut run: Run, now: impl Fn() -> Time) -> Record {
        let snapshots = match self.snapshots() {
            Ok(snapshots) => snapshots,
            Err(reasons) => {
                reasons.into_iter().for_each(|reason| run.note(reason));
                return run.end(name, now(), false, self.dialect.looked(Repository::default()));
            }
        };
        let mut groups = groups(&snapshots, &mut run);
        recall_sizes(&mut groups, before);
        for group in groups.iter_mut().filter(|group| group.size_bytes.is_none()).take(MOST_SIZES) {
            let said = self.dialect.size(&group.newest).and_then(|asked| self.output(&asked).ok());
            group.size_bytes = said.and_then(|said| self.dialect.read_size(&said));
        }
        let locked = self.dialect.is_locked(self, now()).unwrap_or_else(|reason| {
            run.note(format!("the locks: {reason}"));
            None
        });
        run.end(name, now(), true, self.dialect.looked(Repository { reachable: true, groups, locked }))
    }

    /// Whether the repository is whole; `how` is what the program is to read, for instance `--read-data-subset=5%`.
    pub fn check(
        &self,
        name: &str,
        how: &[String],
        before: Option<&Record>,
        mut run: Run,
        now: impl Fn() -> Time,
    ) -> Record {
        let arguments: Vec<String> = ["check".to_owned()].into_iter().chain(how.iter().cloned()).collect();
        let ended = self
            .secret
            .clone()
            .and_then(|()| self.program.stream(&as_os(&arguments), &mut |_| Ok(())).map_err(|e| e.to_string()));
        let whole = match ended {
            Ok(ended) if ended.status.success() => Some(true),
            Ok(ended) => {
                ended.told().iter().for_each(|line| run.note(without_names(line)));
                self.dialect.damaged().iter().any(|words| ended.complaint.contains(words)).then_some(false)
            }
            Err(reason) => {
                run.note(reason);
                None
            }
        };
        let facts = self.dialect.verified(verified(whole, now(), before));
        run.end(name, now(), whole == Some(true), facts)
    }

    fn snapshots(&self) -> Result<Vec<Snapshot>, Vec<String>> {
        let listed = self.output(&self.dialect.snapshots(&self.opening))?;
        self.dialect.read_snapshots(&listed, &self.opening).map_err(|reason| vec![reason])
    }

    /// Runs the program for what it writes.
    pub(super) fn output(&self, arguments: &[String]) -> Result<Vec<u8>, Vec<String>> {
        self.secret.clone().map_err(|reason| vec![reason])?;
        match self.program.collect(&as_os(arguments), MAX_LIST) {
            Ok((ended, output)) if ended.status.success() => Ok(output),
            Ok((ended, _)) => Err(ended.told()),
            Err(e) => Err(vec![e.to_string()]),
        }
    }

    fn streamed(&self, arguments: &[String], take: Take) -> Result<(), String> {
        let is_done = |code: Option<i32>| code.is_some() && (code == Some(0) || code == self.dialect.warnings());
        match self.program.stream(&as_os(arguments), take) {
            Ok(ended) if is_done(ended.status.code()) => Ok(()),
            Ok(ended) => Err(ended.told().join("; ")),
            Err(ProgramError::Output { reason, .. }) => Err(reason),
            Err(e) => Err(e.to_string()),
        }
    }
}

impl Archive for Backups {
    fn newest(&self, now: Time) -> Result<Option<Snapshot>, String> {
        let mut snapshots = self.snapshots().map_err(|reasons| reasons.join("; "))?;
        snapshots.retain(|snapshot| snapshot.at <= now && self.dialect.is_ours(snapshot, &self.opening));
        Ok(snapshots.into_iter().max_by_key(|snapshot| snapshot.at))
    }

    fn list(&self, snapshot: &str, take: &mut dyn FnMut(Entry)) -> Result<(), String> {
        let mut lines = Lines::default();
        self.streamed(&self.dialect.files(snapshot), &mut |piece| {
            lines.take(piece, &mut |line| self.dialect.read_file(line).into_iter().for_each(&mut *take))
        })
    }

    fn restore(
        &self,
        snapshot: &str,
        path: &str,
        take: &mut dyn FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        self.streamed(&self.dialect.restore(snapshot, path), take)
    }
}

/// Arguments, of words.
pub(super) fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn as_os(arguments: &[String]) -> Vec<&OsStr> {
    arguments.iter().map(OsStr::new).collect()
}

/// What an address holds that must not be told: what stands between `//` and the last `@`, where a password is in it.
fn credentials(address: &str) -> Vec<String> {
    let user = address.split_once("//").and_then(|(_, rest)| rest.rsplit_once('@')).map(|(user, _)| user);
    let password = user.and_then(|user| user.split_once(':')).map(|(_, password)| password).filter(|p| !p.is_empty());
    // The longer of them first: it holds the other.
    user.filter(|_| password.is_some()).into_iter().chain(password).map(str::to_owned).collect()
}

/// A time as programs write it: RFC 3339 with any offset and any fraction, in whole milliseconds.
///
/// # Errors
/// That it is none.
pub fn time(text: &str) -> Result<Time, String> {
    let bad = || format!("{text:?} is no time");
    if text.len() > 64 {
        return Err(bad());
    }
    let stamp: jiff::Timestamp = text.parse().map_err(|_| bad())?;
    Ok(Time::from_unix_millis(stamp.as_millisecond()))
}

/// Sums up snapshots: all of them, then those of each tag. One of a time that has not come counts for nothing, as it would
/// look fresh for ever; it is noted.
pub fn groups(snapshots: &[Snapshot], run: &mut Run) -> Vec<Group> {
    let mut by_tag: BTreeMap<Option<&str>, Group> = BTreeMap::new();
    for snapshot in snapshots {
        if snapshot.at > run.began_at.plus_millis(5_000) {
            run.note(format!("snapshot {} is of {}, which has not come: it is not counted", snapshot.id, snapshot.at));
            continue;
        }
        if snapshot.id.len() > LONGEST_NAME {
            run.note("a snapshot has an id of more than 100 characters: it is not counted");
            continue;
        }
        let tags = snapshot.tags.iter().map(String::as_str).filter(|tag| tag.len() <= LONGEST_NAME).map(Some);
        for tag in [None].into_iter().chain(tags) {
            // All of them first: None is the least.
            if by_tag.len() >= MOST_ENTRIES && !by_tag.contains_key(&tag) {
                continue;
            }
            by_tag.entry(tag).and_modify(|group| add(group, snapshot)).or_insert_with(|| first(tag, snapshot));
        }
    }
    by_tag.into_values().collect()
}

fn first(tag: Option<&str>, Snapshot { id, at, .. }: &Snapshot) -> Group {
    let (newest_at, oldest_at) = (*at, *at);
    Group { tag: tag.map(str::to_owned), count: 1, newest_at, oldest_at, newest: id.clone(), size_bytes: None }
}

fn add(group: &mut Group, Snapshot { id, at, .. }: &Snapshot) {
    group.count += 1;
    group.oldest_at = group.oldest_at.min(*at);
    if *at >= group.newest_at {
        group.newest_at = *at;
        group.newest.clone_from(id);
    }
}

/// The size of each newest snapshot that the record before knows already: asking costs a walk through the snapshot.
pub fn recall_sizes(groups: &mut [Group], before: Option<&Record>) {
    let Some(Facts::Restic(known) | Facts::Borg(known)) = before.map(|record| &record.facts) else { return };
    for group in groups {
        let same = known.groups.iter().find(|old| old.newest == group.newest);
        group.size_bytes = same.and_then(|old| old.size_bytes);
    }
}

/// What the last verification that came to an end found: this one, or, when it came to none, the one before.
pub fn verified(whole: Option<bool>, at: Time, before: Option<&Record>) -> Verified {
    match (whole, before.map(|record| &record.facts)) {
        (Some(whole), _) => Verified { whole: Some(whole), at: Some(at) },
        (None, Some(Facts::ResticCheck(last) | Facts::BorgCheck(last))) => last.clone(),
        (None, _) => Verified::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        time(text).unwrap()
    }

    fn snapshot(id: &str, when: &str, tags: &[&str]) -> Snapshot {
        Snapshot { id: id.into(), at: at(when), tags: tags.iter().map(|tag| (*tag).to_owned()).collect() }
    }

    #[test]
    fn a_password_in_an_address_is_known_whatever_is_in_it() {
        assert_eq!(credentials("rest:https://ann:pa/s@s@host:8000/x"), ["ann:pa/s@s", "pa/s@s"]);
        for none in ["/srv/backup", "sftp:ann@host:x", "ssh://ann@host/./x", "rest:https://host/x", "s3:https://:@host"]
        {
            assert!(credentials(none).is_empty(), "{none}");
        }
    }

    #[test]
    fn times_are_read_with_any_offset() {
        assert_eq!(at("2026-11-27T16:04:03.839977552+01:00"), "2026-11-27T15:04:03.839Z".parse().unwrap());
        for bad in ["", "yesterday", "2026-11-27", "2026-13-27T00:00:00Z", &"9".repeat(100)] {
            assert!(time(bad).is_err(), "{bad}");
        }
        // Before 1970, and beyond what documents hold: the nearest that they do.
        assert_eq!(at("1812-01-01T00:00:00Z"), Time::from_unix_millis(0));
    }

    #[test]
    fn snapshots_are_summed_up_by_tag_and_those_to_come_are_not_counted() {
        let mut run = Run::begin(at("2026-11-27T12:00:00Z"));
        let all = [
            snapshot("a", "2026-11-25T00:00:00Z", &["user"]),
            snapshot("c", "2026-11-27T00:00:00Z", &["system", "nightly"]),
            snapshot("b", "2026-11-26T00:00:00Z", &["user"]),
            snapshot("z", "2026-11-28T00:00:00Z", &["user"]),
        ];
        let groups = groups(&all, &mut run);
        let told: Vec<_> = groups.iter().map(|g| (g.tag.as_deref(), g.count, g.newest.as_str())).collect();
        assert_eq!(told, [(None, 3, "c"), (Some("nightly"), 1, "c"), (Some("system"), 1, "c"), (Some("user"), 2, "b")]);
        assert_eq!((groups[0].oldest_at, groups[3].oldest_at), (all[0].at, all[0].at));
        assert_eq!(run.notes.len(), 1, "{:?}", run.notes);
        assert!(run.notes[0].contains("snapshot z"));
    }

    #[test]
    fn a_repository_with_countless_tags_is_summed_up_within_bounds() {
        let mut run = Run::begin(at("2026-11-27T12:00:00Z"));
        let tags: Vec<String> = (0..1000).map(|n| format!("t{n}")).chain(["x".repeat(1000)]).collect();
        let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
        let groups = groups(&[snapshot("a", "2026-11-25T00:00:00Z", &tags)], &mut run);
        assert_eq!(groups.len(), MOST_ENTRIES);
        assert!(groups[0].tag.is_none() && groups.iter().all(|g| g.count == 1));
    }

    #[test]
    fn a_verification_that_came_to_no_end_keeps_the_last_that_did() {
        let (before, now) = (at("2026-11-26T00:00:00Z"), at("2026-11-27T00:00:00Z"));
        let last = Run::begin(before).end(
            "x",
            before,
            true,
            Facts::ResticCheck(Verified { whole: Some(true), at: Some(before) }),
        );
        assert_eq!(verified(None, now, Some(&last)).at, Some(before));
        assert_eq!(verified(Some(false), now, Some(&last)), Verified { whole: Some(false), at: Some(now) });
        assert_eq!(verified(None, now, None), Verified::default());
    }
}
