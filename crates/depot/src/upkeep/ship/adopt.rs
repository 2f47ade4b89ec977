//! A day that the bucket has in other bytes than those here: made at another time, under another checkpoint, as after a spool or a
//! depot was lost. It is the same day when both hold the same bundles and the same part of the log.

use std::collections::BTreeMap;

use writ_bucket::{Bucket, BucketError, Content};
use writ_trust::digest::Digest;
use writ_trust::time::Time;
use writ_wire::day_archive::{DayArchive, LogPart, MAX_DAY_ARCHIVE};

use super::hold::{self, Finding, HoldError};
use super::ledger::Object;

/// Counts what the bucket has, if it is the same day, whole and locked.
pub fn adopt(bucket: &Bucket, keys: &[String; 2], own: &DayArchive, until: Time) -> Result<[Object; 2], HoldError> {
    let [archive, manifest] = keys;
    let other = |why: &str| HoldError::Other(why.to_owned());
    let mut bytes = Vec::new();
    let there = bucket.get(manifest, None, MAX_DAY_ARCHIVE as u64, &mut |piece| {
        bytes.extend_from_slice(piece);
        Ok(())
    })?;
    if !there {
        return Err(other("an archive without the document about it"));
    }
    let theirs = DayArchive::parse(&bytes).map_err(|e| HoldError::Other(e.to_string()))?;
    same_day(own, &theirs).map_err(HoldError::Other)?;
    let about = content_of(&bytes);
    let manifest = counted(bucket, manifest, &about, until)?;
    let stored = bucket.head(archive, None)?.ok_or_else(|| other("a document without its archive"))?;
    let found = hold::read(bucket, archive, stored.version.as_deref(), theirs.size)?;
    match found.filter(|found| (found.sha256, found.size) == (theirs.digest, theirs.size)) {
        Some(content) => Ok([counted(bucket, archive, &content, until)?, manifest]),
        None => Err(other("an archive that is not the one that its document names")),
    }
}

fn counted(bucket: &Bucket, key: &str, content: &Content, until: Time) -> Result<Object, HoldError> {
    let stored = bucket.head(key, None)?;
    match hold::judge(stored.as_ref(), content, until) {
        Finding::Held(lock) | Finding::Unread(lock) => {
            Ok(hold::object(key, content, stored.and_then(|stored| stored.version), lock))
        }
        Finding::Loose(why) => Err(HoldError::Loose(why)),
        Finding::Other(why) => Err(HoldError::Other(why)),
        Finding::Absent => {
            Err(BucketError::Malformed { what: key.to_owned(), why: "it comes and goes".to_owned() }.into())
        }
    }
}

fn content_of(bytes: &[u8]) -> Content {
    // Reading from memory does not fail.
    writ_bucket::digests(&mut &bytes[..]).unwrap_or(Content { size: 0, sha256: Digest::of(bytes), md5: [0; 16] })
}

/// What of an archive does not depend on when it was made: bundles with their signatures, releases, documents.
fn lasting(archive: &DayArchive) -> BTreeMap<&str, Digest> {
    let depends =
        |path: &str| path.starts_with("log/") || path.starts_with("trust/") || path.ends_with(".receipt.json");
    archive.files.iter().filter(|(path, _)| !depends(path)).map(|(path, digest)| (path.as_str(), *digest)).collect()
}

fn same_day(own: &DayArchive, theirs: &DayArchive) -> Result<(), String> {
    let parts = |archive: &DayArchive| -> Vec<(u64, String, u64, u64)> {
        let part = |part: &LogPart| (part.number, part.origin.clone(), part.from, part.to);
        archive.logs.iter().map(part).collect()
    };
    if (&own.site, &own.day) != (&theirs.site, &theirs.day) {
        return Err(format!("its document is of {} {}", theirs.site, theirs.day));
    }
    if parts(own) != parts(theirs) {
        return Err(
            "another part of the log than is here: which of them is true `writ audit verify` says of each".to_owned()
        );
    }
    let (here, there) = (lasting(own), lasting(theirs));
    let differs = here.iter().find(|(path, digest)| there.get(**path) != Some(digest)).map(|(path, _)| *path);
    let differs = differs.or_else(|| there.keys().find(|path| !here.contains_key(**path)).copied());
    match differs {
        Some(path) => Err(format!("{} differs: one of the two was altered", writ_trust::text::one_line(path))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use writ_wire::day_archive::DayArchiveSchema;

    use super::*;

    fn archive() -> DayArchive {
        let files = [
            ("evidence/clinic-001/ab/1-EB-20261128-0001.json", "a bundle"),
            ("evidence/clinic-001/ab/1-EB-20261128-0001.receipt.json", "its receipt"),
            ("log/clinic-001/1/checkpoint", "a checkpoint"),
            ("trust/1.json", "a root"),
        ];
        DayArchive {
            schema: DayArchiveSchema::V1,
            site: "clinic-001".parse().unwrap(),
            day: "2026-11-28".to_owned(),
            archive: "clinic-001-2026-11-28.tar.gz".to_owned(),
            digest: Digest::of(b"an archive"),
            size: 10,
            logs: vec![LogPart { number: 1, origin: "log.example".to_owned(), from: 2, to: 9, checkpoint: 9 }],
            bundles: 1,
            files: files.map(|(path, text)| (path.to_owned(), Digest::of(text.as_bytes()))).into(),
        }
    }

    fn changed(change: impl FnOnce(&mut DayArchive)) -> DayArchive {
        let mut archive = archive();
        change(&mut archive);
        archive
    }

    #[test]
    fn a_day_is_the_same_whatever_checkpoint_it_was_made_under() {
        let later = changed(|archive| {
            archive.logs[0].checkpoint = 900;
            archive.digest = Digest::of(b"another");
            for path in ["log/clinic-001/1/checkpoint", "evidence/clinic-001/ab/1-EB-20261128-0001.receipt.json"] {
                archive.files.insert(path.to_owned(), Digest::of(b"of later"));
            }
            archive.files.insert("trust/2.json".to_owned(), Digest::of(b"the next root"));
        });
        assert_eq!(same_day(&archive(), &later), Ok(()));
        for other in [
            changed(|archive| archive.day = "2026-11-27".to_owned()),
            changed(|archive| archive.logs[0].to = 10),
            changed(|archive| archive.logs[0].origin = "log.other".to_owned()),
            changed(|archive| {
                let path = "evidence/clinic-001/ab/1-EB-20261128-0001.json".to_owned();
                archive.files.insert(path, Digest::of(b"another"));
            }),
            changed(|archive| archive.files.retain(|path, _| !path.starts_with("evidence/"))),
            changed(|archive| {
                archive.files.insert("evidence/x.json".to_owned(), Digest::of(b"more"));
            }),
        ] {
            assert!(same_day(&archive(), &other).is_err(), "{other:?}");
        }
    }
}
