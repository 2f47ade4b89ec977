//! The logs: their entries against the signed root and against what they name, and their files against both.

use std::time::Duration;

use writ_trust::digest::Digest;
use writ_trust::log::checkpoint::{SignedCheckpoint, log_keys_ever};
use writ_trust::log::entry::LogEntry;
use writ_trust::log::tile::{EntryBundle, FULL};
use writ_trust::log::tree::{Frontier, leaf_hash};

use super::{Code, Look};
use crate::directory::Directory;
use crate::sitelog::{LogFiles, OpenLog, tiles_lead_to_root};
use crate::store::checkpoints::{self, StoredLog};
use crate::store::{Row, StoreError, from_sql, to_sql, values};
use crate::upkeep::Outcome;

/// How often, and after what wait, files are looked at again that a serving depot may be writing.
const TRIES: u32 = 40;
const WAIT: Duration = Duration::from_millis(50);
/// How many entries are read at a time.
const AT_ONCE: i64 = 1024;

impl Look<'_> {
    /// Every log of every site.
    pub(super) fn logs(&mut self, directory: &Directory) -> Outcome<()> {
        for stored in checkpoints::all(self.connection)? {
            self.checked.logs += 1;
            let path = format!("log/{}/{}", stored.site, stored.number);
            let sound = self.entries(&stored)?;
            let keys = log_keys_ever(&directory.chain, &stored.site);
            match SignedCheckpoint::verify(stored.note.as_bytes(), &stored.origin, &keys) {
                Ok(signed) if (signed.checkpoint.size, signed.checkpoint.root) == (stored.size, stored.root) => {}
                Ok(_) => {
                    let what = "the signed checkpoint is of another size or root than the log's row";
                    self.problems.add(Code::LogRoot, self.in_database(&path), what);
                }
                Err(error) => {
                    self.problems.add(
                        Code::CheckpointUnsigned,
                        self.in_database(format_args!("{path}/checkpoint")),
                        error,
                    );
                }
            }
            if sound {
                self.log_files(&stored, &path)?;
            }
            self.times(directory, &stored, &path)?;
        }
        Ok(())
    }

    /// Whether the entries of a log come to its root.
    fn entries(&mut self, stored: &StoredLog) -> Outcome<bool> {
        let sql = "SELECT e.idx, e.entry, v.digest, v.sequence, k.public_key, r.digest FROM entries e
            LEFT JOIN evidence v ON v.id = e.evidence LEFT JOIN keys k ON k.id = v.key LEFT JOIN releases r ON r.id = e.release
            WHERE e.log = ? AND e.idx >= ? ORDER BY e.idx LIMIT ?";
        let path = self.in_database(format_args!("log/{}/{}", stored.site, stored.number));
        let mut frontier = Frontier::new();
        loop {
            let rows = self.connection.rows(sql, values![stored.id, to_sql(frontier.size()), AT_ONCE])?;
            if rows.is_empty() {
                break;
            }
            for mut row in rows {
                let index = from_sql(row.get(0)?);
                let entry: Vec<u8> = row.get(1)?;
                if index != frontier.size() {
                    self.problems.add(Code::LogRoot, &path, format!("entry {} is not there", frontier.size()));
                    return Ok(false);
                }
                frontier.push(leaf_hash(&entry), &mut |_, _, _| {});
                self.checked.entries += 1;
                if let Err(why) = goes_with(row, &entry, stored)? {
                    self.problems.add(Code::EntryBroken, format!("{path}, entry {index}"), why);
                }
            }
        }
        let comes = (frontier.size(), frontier.root()) == (stored.size, stored.root);
        if !comes {
            let what =
                format!("its {} entries do not come to the root of {} that was signed", frontier.size(), stored.size);
            self.problems.add(Code::LogRoot, &path, what);
        }
        Ok(comes)
    }

    fn log_files(&mut self, stored: &StoredLog, path: &str) -> Outcome<()> {
        let files = LogFiles::new(self.folders.log(&stored.site, stored.number));
        let mut wrong = self.wrong(stored, &files)?;
        for _ in 0..if self.served { TRIES } else { 0 } {
            if wrong.is_none() {
                break;
            }
            std::thread::sleep(WAIT);
            wrong = self.wrong(stored, &files)?;
        }
        let Some(wrong) = wrong else { return Ok(()) };
        if self.repair {
            let stored = StoredLog { flushed: 0, ..stored.clone() };
            OpenLog::recover(self.connection, &stored, files)?;
            self.problems.repaired(Code::LogFiles, path, wrong);
        } else {
            self.problems.add(Code::LogFiles, path, wrong);
        }
        Ok(())
    }

    /// What is wrong with the files of a log, if anything is. A depot that serves may have written more than is known here.
    fn wrong(&self, stored: &StoredLog, files: &LogFiles) -> Outcome<Option<String>> {
        let folder = self.folders.log(&stored.site, stored.number);
        let head = std::fs::read(folder.join("checkpoint")).ok();
        if head.as_deref() != Some(stored.note.as_bytes()) && !(self.served && head.is_some()) {
            return Ok(Some("its checkpoint is not the newest one".to_owned()));
        }
        match tiles_lead_to_root(files, stored.size, &stored.root) {
            Ok(true) => {}
            Ok(false) => return Ok(Some("its tiles do not come to the root".to_owned())),
            Err(error) => return Ok(Some(error.to_string())),
        }
        let mut at = 0;
        while let Some(bundle) = EntryBundle::holding(at, stored.size) {
            let to = at + u64::from(bundle.width);
            let entries = checkpoints::entries(self.connection, stored.id, at, to)?;
            match files.read_bundle(&bundle) {
                Ok(Some(bytes)) if bytes == EntryBundle::encode(&entries) => {}
                Ok(_) => return Ok(Some(format!("{} does not hold the entries", bundle.path()))),
                Err(error) => return Ok(Some(error.to_string())),
            }
            at = (bundle.index + 1) * u64::from(FULL);
        }
        Ok(None)
    }
}

/// Whether an entry goes with what its row names.
fn goes_with(mut row: Row, entry: &[u8], stored: &StoredLog) -> Result<Result<(), String>, StoreError> {
    let (evidence, release): (Option<Vec<u8>>, Option<Vec<u8>>) = (row.get(2)?, row.get(5)?);
    let (held, key): (Option<i64>, Option<Vec<u8>>) = (row.get(3)?, row.get(4)?);
    let parsed = match LogEntry::parse(entry) {
        Ok(parsed) => parsed,
        Err(error) => return Ok(Err(error.to_string())),
    };
    if *parsed.site() != stored.site {
        return Ok(Err(format!("it is of site {}", parsed.site())));
    }
    let same = |digest: &Digest, there: &Option<Vec<u8>>| there.as_deref() == Some(&digest.as_bytes()[..]);
    let goes = match &parsed {
        LogEntry::Evidence { digest, sequence, public_key, .. } => {
            let key = key.as_deref() == Some(&public_key.ed25519()[..]);
            key && held.map(from_sql) == Some(*sequence) && same(digest, &evidence)
        }
        LogEntry::Release { digest, .. } => same(digest, &release),
        LogEntry::Trust { .. } | LogEntry::Order { .. } | LogEntry::Restart { .. } => true,
    };
    Ok(if goes { Ok(()) } else { Err("what it names is not what is here".to_owned()) })
}
