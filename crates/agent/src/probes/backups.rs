//! What the probes of backup repositories have in common: they read the records that `writ-record` left of one.

use std::path::PathBuf;

use writ_policy::observation::Observation;
use writ_trust::time::Time;
use writ_wire::record::{Facts, Group, Record, Verified};

use super::{ProbeContext, Unseen, Watch, integer};
use crate::records;

/// How old a record may be and still say whether the repository can be read, and whether it is locked. It is made every
/// five minutes.
const FRESH_MILLIS: i64 = 30 * 60 * 1000;

/// What the records of a repository show of the snapshots of one tag, or of all: those of `kind`, and of its verifications.
pub(super) fn look(
    context: &ProbeContext,
    kind: &str,
    address: &str,
    tag: Option<&str>,
) -> Result<Observation, Unseen> {
    let name = Record::repository_name(address);
    let read = |kind: &str| records::read(&context.records, kind, &name, context.now).map_err(Unseen::Failed);
    let looked = read(kind)?.map(|(record, _)| record);
    let checked = read(&format!("{kind}-check"))?.map(|(record, _)| record);
    let mut seen = match &looked {
        Some(record) => repository(record, tag, context.now),
        None => Observation::new().with("reachable", false).with(
            "last_error",
            format!("there is no record of this repository: `writ-record {kind} --repository …` has not run, or names it otherwise"),
        ),
    };
    if let Some(Facts::ResticCheck(Verified { whole, at }) | Facts::BorgCheck(Verified { whole, at })) =
        checked.as_ref().map(|record| &record.facts)
    {
        if let Some(whole) = whole {
            seen.set("check_ok", *whole);
        }
        if let Some(at) = at {
            seen.set("check_age_seconds", age(*at, context.now));
        }
    }
    let failed = [looked, checked].into_iter().flatten().find(|record| !record.ok);
    if let Some(said) = failed.map(|record| record.notes.join("; ")).filter(|said| !said.is_empty()) {
        seen.set("last_error", said);
    }
    Ok(seen)
}

fn repository(record: &Record, tag: Option<&str>, now: Time) -> Observation {
    let (Facts::Restic(repository) | Facts::Borg(repository)) = &record.facts else { return Observation::new() };
    let mut seen = Observation::new();
    if now.millis_since(record.ended_at) <= FRESH_MILLIS {
        seen.set("reachable", repository.reachable);
        if let Some(locked) = repository.locked {
            seen.set("locked", locked);
        }
    }
    if !repository.reachable {
        return seen;
    }
    let group = repository.groups.iter().find(|group| group.tag.as_deref() == tag);
    seen.set("snapshot_count", group.map_or(0, |group| integer(group.count)));
    if let Some(Group { newest_at, oldest_at, size_bytes, .. }) = group {
        seen.set("age_seconds", age(*newest_at, now));
        seen.set("oldest_age_seconds", age(*oldest_at, now));
        if let Some(size) = size_bytes {
            seen.set("size_bytes", integer(*size));
        }
    }
    seen
}

/// How long ago something was, in seconds; records of what is to come were refused before.
pub(super) fn age(at: Time, now: Time) -> i64 {
    now.millis_since(at).max(0) / 1000
}

/// The records of a repository.
pub(super) fn watch(context: &ProbeContext, kind: &str, address: &str) -> Vec<Watch> {
    let name = Record::repository_name(address);
    let path = |kind: &str| context.records.join(Record::file_name_of(kind, &name));
    let files: [PathBuf; 2] = [path(kind), path(&format!("{kind}-check"))];
    files.map(Watch::Path).into()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use writ_wire::record::Repository;

    use super::*;
    use crate::records::Run;

    fn at(text: &str) -> Time {
        text.parse().unwrap()
    }

    fn context(folder: &std::path::Path) -> ProbeContext {
        let mut context = ProbeContext::new(at("2026-11-27T12:00:00Z"), Instant::now(), "/nowhere".into(), None);
        context.records = folder.to_owned();
        context
    }

    fn group(tag: Option<&str>, count: u64, newest: &str) -> Group {
        let (tag, newest_at) = (tag.map(str::to_owned), at(newest));
        let size_bytes = tag.is_none().then_some(60_003);
        Group { tag, count, newest_at, oldest_at: at("2026-11-01T12:00:00Z"), newest: "9cdfbd1f".into(), size_bytes }
    }

    fn keep(context: &ProbeContext, ended: &str, ok: bool, facts: Facts, note: &str) {
        let mut run = Run::begin(at(ended));
        if !note.is_empty() {
            run.note(note);
        }
        records::keep(&context.records, &run.end(&Record::repository_name("/b"), at(ended), ok, facts)).unwrap();
    }

    #[test]
    fn a_repository_is_seen_by_tag_and_by_age() {
        let dir = tempfile::tempdir().unwrap();
        let context = context(dir.path());
        let groups = vec![group(None, 3, "2026-11-27T11:00:00Z"), group(Some("user"), 2, "2026-11-26T12:00:00Z")];
        let facts = Facts::Restic(Repository { reachable: true, groups, locked: Some(false) });
        keep(&context, "2026-11-27T11:55:00Z", true, facts.clone(), "");
        let verified = Verified { whole: Some(true), at: Some(at("2026-11-27T04:00:00Z")) };
        keep(&context, "2026-11-27T04:00:00Z", true, Facts::ResticCheck(verified), "");
        let all = look(&context, "restic", "/b", None).unwrap();
        let expected = Observation::new()
            .with("reachable", true)
            .with("locked", false)
            .with("snapshot_count", 3)
            .with("age_seconds", 3_600)
            .with("oldest_age_seconds", 26 * 86_400)
            .with("size_bytes", 60_003)
            .with("check_ok", true)
            .with("check_age_seconds", 8 * 3_600);
        assert_eq!(all, expected);
        let user = look(&context, "restic", "/b", Some("user")).unwrap();
        assert_eq!((user.get("age_seconds"), user.get("snapshot_count")), (Some(&86_400.into()), Some(&2.into())));
        let none = look(&context, "restic", "/b", Some("logs")).unwrap();
        assert_eq!((none.get("age_seconds"), none.get("snapshot_count")), (None, Some(&0.into())));

        // A look that is long past says nothing of now; what it found grows old by itself.
        keep(&context, "2026-11-27T11:00:00Z", true, facts, "");
        let stale = look(&context, "restic", "/b", None).unwrap();
        assert_eq!((stale.get("reachable"), stale.get("locked")), (None, None));
        assert_eq!(stale.get("age_seconds"), Some(&3_600.into()));
    }

    #[test]
    fn what_cannot_be_read_is_told_and_what_was_never_looked_at_too() {
        let dir = tempfile::tempdir().unwrap();
        let context = context(dir.path());
        let never = look(&context, "restic", "/b", None).unwrap();
        assert_eq!((never.get("reachable"), never.get("age_seconds")), (Some(&false.into()), None));
        assert!(never.get("last_error").unwrap().to_string().contains("writ-record restic"), "{never:?}");
        keep(&context, "2026-11-27T11:55:00Z", false, Facts::Restic(Repository::default()), "Fatal: no route to host");
        let unreachable = look(&context, "restic", "/b", None).unwrap();
        let expected = Observation::new().with("reachable", false).with("last_error", "Fatal: no route to host");
        assert_eq!(unreachable, expected);
        assert!(look(&context, "borg", "/b", None).unwrap().get("reachable").is_some());
        let damaged = context.records.join(Record::file_name_of("restic-check", &Record::repository_name("/b")));
        std::fs::write(damaged, "{").unwrap();
        assert!(matches!(look(&context, "restic", "/b", None), Err(Unseen::Failed(_))));
    }
}
