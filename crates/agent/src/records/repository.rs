//! What the records of a repository of backups have in common, whatever program made it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use writ_trust::time::Time;
use writ_wire::record::{Facts, Group, MOST_ENTRIES, Record, Verified};

use super::Run;

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
