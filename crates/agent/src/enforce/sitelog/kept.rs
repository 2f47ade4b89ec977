//! The newest checkpoint that this appliance verified: the file `checkpoint` in the state directory.
//!
//! It is on the disk before the floor is raised and before a bundle names it, and an older one never replaces it.

use std::io;
use std::path::{Path, PathBuf};

use writ_trust::ids::SiteId;
use writ_trust::log::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint, log_keys_ever};
use writ_trust::log::freshness;
use writ_trust::log::note::{MAX_NOTE, Note, NoteKey};
use writ_trust::minisign::PublicKey;
use writ_trust::root_chain::TrustChain;
use writ_trust::text::one_line;
use writ_trust::time::Time;

/// Its file in the state directory.
pub const FILE: &str = "checkpoint";

/// Why what is there cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: the newest checkpoint of the site's log that was verified here: {problem}", path.display())]
pub struct KeptError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong, in one line.
    pub problem: String,
}

/// Reads it back; none when there is none. Strictly: it must be a checkpoint of a log that the newest root lists for the
/// site, signed by a key that could ever sign for that, so that one flipped bit is found.
pub fn read(state_dir: &Path, chain: &TrustChain, site: &SiteId) -> Result<Option<SignedCheckpoint>, KeptError> {
    let path = state_dir.join(FILE);
    let bytes = match writ_durable::read_bounded(&path, MAX_NOTE) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(KeptError { path, problem: format!("cannot be read: {e}") }),
    };
    judge(&bytes, chain, site).map(Some).map_err(|problem| KeptError { path, problem })
}

fn judge(bytes: &[u8], chain: &TrustChain, site: &SiteId) -> Result<SignedCheckpoint, String> {
    let damaged = |e: CheckpointError| format!("damaged: {}", one_line(e));
    let note = Note::parse(bytes).map_err(|e| damaged(e.into()))?;
    let origin = Checkpoint::parse(&note.text).map_err(damaged)?.origin;
    if !chain.newest().origins(site).contains(&origin) {
        let origin = one_line(&origin);
        return Err(format!("it is of the log {origin}, which trust root {} does not list", chain.newest().version));
    }
    SignedCheckpoint::verify(bytes, &origin, &log_keys_ever(chain, site)).map_err(damaged)
}

/// Keeps a checkpoint, durably.
pub fn write(state_dir: &Path, checkpoint: &SignedCheckpoint) -> io::Result<()> {
    writ_durable::replace(&state_dir.join(FILE), checkpoint.note.as_bytes(), 0o644)
}

/// The same note with no other signature lines than one of the log's own key and its latest time: what else there is,
/// whoever carries the note could have written, and it would be in every bundle from then on.
pub fn own_lines(signed: SignedCheckpoint, keys: &[PublicKey]) -> SignedCheckpoint {
    let Ok(note) = Note::parse(signed.note.as_bytes()) else { return signed };
    let text_end = note.text.len() + 1;
    let keys: Vec<NoteKey> = keys.iter().map(|key| NoteKey::new(&signed.checkpoint.origin, key)).collect();
    let lines = signed.note[text_end..].split_inclusive('\n').zip(&note.lines);
    let (mut own, mut latest) = (None, None);
    for (text, line) in lines {
        let alone = Note { text: note.text.clone(), lines: vec![line.clone()] };
        if own.is_none() && keys.iter().any(|key| key.signed(&alone)) {
            own = Some(text);
        }
        if latest.is_none() && keys.iter().any(|key| key.cosigned(&alone).is_some_and(|at| Some(at) == signed.fresh_at))
        {
            latest = Some(text);
        }
    }
    let kept = [Some(&signed.note[..text_end]), own, latest].into_iter().flatten().collect();
    SignedCheckpoint { note: kept, ..signed }
}

/// Whether a checkpoint that was verified as a continuation of what is kept takes its place: it is of a newer log, or
/// larger, or its log said later that it is the head.
pub fn supersedes(new: &SignedCheckpoint, kept: Option<&SignedCheckpoint>, now: Time) -> bool {
    let Some(kept) = kept else { return true };
    if kept.checkpoint.origin != new.checkpoint.origin {
        return true;
    }
    // A time from the future is no better than none: else one wrong time would hide all right ones after it.
    let believed = |signed: &SignedCheckpoint| freshness::believed(signed.fresh_at, now);
    (new.checkpoint.size, believed(new)) > (kept.checkpoint.size, believed(kept))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use writ_trust::json::canonical;
    use writ_trust::minisign::SecretKey;

    use super::*;

    const ORIGIN: &str = "log.example/clinic-001";

    fn key(n: u8) -> SecretKey {
        SecretKey::generate(&[n; 40])
    }

    fn at(text: &str) -> Time {
        format!("2026-11-23T{text}Z").parse().unwrap()
    }

    fn site() -> SiteId {
        "clinic-001".parse().unwrap()
    }

    fn chain(origins: &[&str]) -> TrustChain {
        let entry = |n: u8, roles: &[&str]| {
            json!({ "public_key": key(n).public_key().line(), "name": "k", "roles": roles, "sites": [],
                    "valid_from": "2026-01-01T00:00:00Z", "valid_until": "2036-01-01T00:00:00Z", "revoked_at": null })
        };
        let root = json!({
            "schema": "writ.trust.v1", "version": 1, "epoch": 1,
            "keys": [entry(1, &["trust", "release"]), entry(2, &["log"])],
            "thresholds": { "trust": 1, "release": 1 }, "log_origins": { "clinic-001": origins },
            "witnesses": [], "timestamp_authorities": [], "expires_at": "2030-01-01T00:00:00Z",
        });
        TrustChain::pinned(&canonical(&root)).unwrap()
    }

    fn signed(origin: &str, size: u64, time: Time) -> SignedCheckpoint {
        let root = [u8::try_from(size).unwrap(); 32];
        SignedCheckpoint::sign(Checkpoint { origin: origin.into(), size, root }, &key(2), time)
    }

    #[test]
    fn it_is_read_back_as_written_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let chain = chain(&[ORIGIN]);
        assert!(read(dir.path(), &chain, &site()).unwrap().is_none());
        let checkpoint = signed(ORIGIN, 7, at("12:00:00"));
        write(dir.path(), &checkpoint).unwrap();
        assert_eq!(read(dir.path(), &chain, &site()).unwrap(), Some(checkpoint.clone()));
        let note = checkpoint.note.as_bytes();
        let end = checkpoint.checkpoint.text().len();
        for place in 0..end {
            let mut bytes = note.to_vec();
            bytes[place] ^= 1;
            std::fs::write(dir.path().join(FILE), bytes).unwrap();
            assert!(read(dir.path(), &chain, &site()).is_err(), "bit of byte {place}");
        }
        for bad in [&b""[..], &note[..end], &vec![b'a'; MAX_NOTE + 1]] {
            std::fs::write(dir.path().join(FILE), bad).unwrap();
            assert!(read(dir.path(), &chain, &site()).is_err());
        }
        write(dir.path(), &signed("log.example/other", 7, at("12:00:00"))).unwrap();
        let error = read(dir.path(), &chain, &site()).unwrap_err().to_string();
        assert!(error.contains("does not list") && error.contains("checkpoint"), "{error}");
    }

    #[test]
    fn only_the_log_s_own_lines_are_kept() {
        let good = signed(ORIGIN, 7, at("12:00:00"));
        let foreign = NoteKey::new("anybody", &key(9).public_key()).sign(&good.checkpoint.text(), &key(9));
        let forged = NoteKey::new(ORIGIN, &key(2).public_key()).sign("another text\n", &key(2));
        let older = signed(ORIGIN, 7, at("11:00:00"));
        let older_time = older.note.lines().last().unwrap();
        let stuffed = format!("{}{foreign}{forged}{older_time}\n{foreign}", good.note);
        let keys = [key(2).public_key()];
        let read = SignedCheckpoint::verify(stuffed.as_bytes(), ORIGIN, &keys).unwrap();
        assert_eq!(own_lines(read, &keys), good);
        assert_eq!(own_lines(good.clone(), &keys), good);
    }

    #[test]
    fn an_older_one_never_takes_the_place_of_a_newer() {
        let now = at("12:00:00");
        let kept = signed(ORIGIN, 7, at("11:00:00"));
        assert!(supersedes(&kept, None, now));
        assert!(supersedes(&signed(ORIGIN, 8, at("09:00:00")), Some(&kept), now), "larger");
        assert!(supersedes(&signed(ORIGIN, 7, at("11:30:00")), Some(&kept), now), "renewed");
        assert!(supersedes(&signed("log.example/2", 1, at("09:00:00")), Some(&kept), now), "of a newer log");
        for older in [signed(ORIGIN, 6, at("11:59:00")), signed(ORIGIN, 7, at("10:00:00")), kept.clone()] {
            assert!(!supersedes(&older, Some(&kept), now));
        }
        let future = signed(ORIGIN, 7, at("23:00:00"));
        assert!(!supersedes(&future, Some(&kept), now), "a time from the future is none");
        assert!(supersedes(&kept, Some(&future), now), "and yields to a right one");
    }
}
