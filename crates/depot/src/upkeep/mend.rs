//! `writ-depot mend`: bundles that were altered come back as the signed log names them, out of an audit folder.
//!
//! Rows of evidence refuse every change, and go on to: what is changed is a copy of the database, which takes the place of the
//! database in one rename. What was there is laid into a quarantine first.

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::Args;
use rusqlite::{Connection, params};
use serde::Serialize;
use writ_durable::crash_point;
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::json::{MAX_DOCUMENT, MAX_SIGNATURE};
use writ_trust::log::entry::LogEntry;
use writ_trust::minisign::{PublicKey, Signature};
use writ_trust::time::Time;

use super::fsck::{self, Code};
use super::{Answer, Outcome, UpkeepError, backup, migrate, require_data, tell};
use crate::clock;
use crate::database::DatabaseOptions;
use crate::folders::Folders;
use crate::store::{Connection as _, StoreError, from_sql};

/// What must be sound, for a bundle is judged by it.
const JUDGES: [Code; 6] = [
    Code::DatabaseDamaged,
    Code::SchemaAltered,
    Code::RootBroken,
    Code::ReleaseBroken,
    Code::LogRoot,
    Code::CheckpointUnsigned,
];
/// The trigger that refuses changes of evidence.
const TRIGGER: &str = "evidence_is_not_changed";

/// What the command line takes.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    /// The data directory; nothing may serve it meanwhile
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Which database
    #[command(flatten)]
    pub database: DatabaseOptions,
    /// An audit folder that has the bundles: of `writ audit unpack` or `writ audit fetch`
    #[arg(long, value_name = "DIR")]
    pub from: PathBuf,
    /// Where what was altered is kept, with a record of what was done; made if it is not there
    #[arg(long, value_name = "DIR")]
    pub quarantine: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// What came of it, `writ.depot-mended.v1`; also kept in the quarantine.
#[derive(Debug, Clone, Serialize)]
struct Done {
    schema: &'static str,
    /// When it was found.
    at: Time,
    from: PathBuf,
    mended: Vec<Mended>,
    /// What is still altered, and why.
    left: Vec<Left>,
    /// Whether nothing is damaged since.
    sound: bool,
}

/// A bundle that came back.
#[derive(Debug, Clone, Serialize)]
struct Mended {
    /// Where it is in an audit folder, and so in the quarantine.
    path: String,
    /// The digest of what was there.
    was: Digest,
    /// The digest that the log names.
    digest: Digest,
}

/// A bundle that did not.
#[derive(Debug, Clone, Serialize)]
struct Left {
    path: String,
    why: String,
}

/// A row that is not what the log names.
struct Altered {
    row: i64,
    path: String,
    key: PublicKey,
    digest: Digest,
    document: Vec<u8>,
    signature: Vec<u8>,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome<Answer> {
        let done = self.mend()?;
        if self.json {
            tell::json(&done);
        } else {
            for Mended { path, .. } in &done.mended {
                tell::line(&format!(
                    "{path}: is again what the log names; what was there is in {}",
                    self.quarantine.display()
                ));
            }
            done.left.iter().for_each(|left| tell::line(&format!("NOT MENDED: {}: {}", left.path, left.why)));
            let (mended, left) = (done.mended.len(), done.left.len());
            let sound = if done.sound { "sound" } else { "NOT SOUND: `writ-depot fsck` says what is damaged" };
            tell::line(&format!("{mended} bundles mended, {left} are still altered; {sound}"));
        }
        Ok(if done.left.is_empty() && done.sound { Answer::Yes } else { Answer::No })
    }

    fn mend(&self) -> Outcome<Done> {
        let (folders, place) = require_data(&self.data, &self.database)?;
        if place.file().is_none() {
            return Err(UpkeepError::Refused(
                "--database: what is mended is a copy of SQLite's file, and PostgreSQL has none: back this depot up, restore that \
                 without --database into a new directory, mend it there, and restore a backup of it with --database"
                    .to_owned(),
            ));
        }
        writ_durable::create_directories(&self.quarantine).map_err(UpkeepError::io(&self.quarantine))?;
        backup::apart(&self.data, &self.quarantine, "--quarantine", "what was altered")?;
        let _alone = folders.lock_alone()?;
        let at = clock::now();
        refuse_unjudged(&fsck::check_locked(&folders, &place, false)?)?;
        let from = Connection::open(folders.database())?;
        (&from as &dyn crate::store::Connection).require_current()?;
        let (mut mended, mut left, mut back) = (Vec::new(), Vec::new(), Vec::new());
        for altered in altered(&from)? {
            match self.original(&altered) {
                Ok((document, signature)) => {
                    self.isolate(&altered)?;
                    let (path, was) = (altered.path.clone(), Digest::of(&altered.document));
                    mended.push(Mended { path, was, digest: altered.digest });
                    back.push((altered, document, signature));
                }
                Err(why) => left.push(Left { path: altered.path, why }),
            }
        }
        crash_point!("mend-isolated");
        if back.is_empty() {
            from.close().map_err(|(_, error)| error)?;
        } else {
            replace(&folders, from, &back)?;
        }
        let sound = fsck::check_locked(&folders, &place, false)?.ok;
        let done = Done { schema: "writ.depot-mended.v1", at, from: self.from.clone(), mended, left, sound };
        if !(done.mended.is_empty() && done.left.is_empty()) {
            let record = self.quarantine.join(format!("mended-{}.json", at.unix_millis()));
            writ_durable::create(&record, &writ_trust::json::canonical(&done), 0o640)
                .map_err(UpkeepError::io(&record))?;
        }
        Ok(done)
    }

    /// The bundle as the log names it, with a signature that holds.
    fn original(&self, altered: &Altered) -> Result<(Vec<u8>, Vec<u8>), String> {
        let read = |path: PathBuf, most| {
            writ_durable::read_bounded(&path, most).map_err(|e| format!("{}: {e}", path.display()))
        };
        let document = read(self.from.join(&altered.path), MAX_DOCUMENT)?;
        let signature = read(self.from.join(format!("{}.minisig", altered.path)), MAX_SIGNATURE)?;
        if Digest::of(&document) != altered.digest {
            return Err(format!("{} does not have the bytes that the log names either", self.from.display()));
        }
        let parsed = Signature::parse(&signature).map_err(|e| e.to_string())?;
        altered.key.verify_strict(&document, &parsed).map_err(|e| e.to_string())?;
        Ok((document, signature))
    }

    /// Keeps what was there.
    fn isolate(&self, altered: &Altered) -> Outcome<()> {
        let path = self.quarantine.join(&altered.path);
        let beside = self.quarantine.join(format!("{}.minisig", altered.path));
        let keep = || {
            writ_durable::create_directories(path.parent().unwrap_or(&self.quarantine))?;
            writ_durable::replace(&path, &altered.document, 0o640)?;
            writ_durable::replace(&beside, &altered.signature, 0o640)
        };
        keep().map_err(UpkeepError::io(&path))
    }
}

/// A bundle is judged by the log, the releases and the roots: where those are damaged nothing is put back.
fn refuse_unjudged(report: &fsck::Report) -> Outcome<()> {
    match report.problems.list.iter().find(|problem| JUDGES.contains(&problem.code)) {
        Some(problem) => Err(UpkeepError::Refused(format!(
            "{}: {}: what bundles are judged by is damaged itself, so nothing is put back: restore a backup",
            problem.path, problem.what
        ))),
        None => Ok(()),
    }
}

/// The rows of bundles that are not what their entries name. Which row an entry is of may have been altered as well: only that of its
/// own site, key and sequence is, and of any other nothing is put into it.
fn altered(connection: &Connection) -> Outcome<Vec<Altered>> {
    let sql = "SELECT v.id, v.digest, v.document, v.signature, e.entry, v.sequence, k.site, k.public_key
        FROM entries e JOIN evidence v ON v.id = e.evidence JOIN keys k ON k.id = v.key ORDER BY v.id, e.log";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut all: Vec<Altered> = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, stored, document): (i64, Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (signature, entry): (Vec<u8>, Vec<u8>) = (row.get(3)?, row.get(4)?);
        let entry = LogEntry::parse(&entry).map_err(|e| StoreError::damaged("an entry of a log", e))?;
        let LogEntry::Evidence { site, id: bundle, public_key, sequence, digest, .. } = entry else { continue };
        let (own, of, key): (i64, String, Vec<u8>) = (row.get(5)?, row.get(6)?, row.get(7)?);
        if from_sql(own) != sequence || of != site.as_str() || key[..] != public_key.ed25519()[..] {
            continue;
        }
        let signed = Signature::parse(&signature).is_ok_and(|s| public_key.verify_strict(&document, &s).is_ok());
        let is_whole = signed && Digest::of(&document) == digest && stored[..] == digest.as_bytes()[..];
        // A log that began anew names it a second time. A name that leads elsewhere is none.
        let is_plain = bundle.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_whole && is_plain && all.last().is_none_or(|last| last.row != id) {
            let path = path(&site, &public_key, sequence, &bundle);
            all.push(Altered { row: id, path, key: public_key, digest, document, signature });
        }
    }
    Ok(all)
}

/// As audit folders name it.
fn path(site: &SiteId, key: &PublicKey, sequence: u64, bundle: &impl std::fmt::Display) -> String {
    format!("evidence/{site}/{}/{sequence}-{bundle}.json", key.fingerprint())
}

/// Changes a copy, and puts it in place.
fn replace(folders: &Folders, from: Connection, back: &[(Altered, Vec<u8>, Vec<u8>)]) -> Outcome<()> {
    let copy = migrate::copy_of(folders, &from, "mending")?;
    let mut connection = Connection::open(&copy)?;
    let expected = connection.expected_schema()?;
    let trigger = expected.get(TRIGGER).ok_or_else(|| StoreError::damaged("the schema", "it has no such trigger"))?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(&format!("DROP TRIGGER {TRIGGER}"))?;
    for (altered, document, signature) in back {
        let sql = "UPDATE evidence SET digest = ?, document = ?, signature = ? WHERE id = ?";
        transaction.execute(sql, params![altered.digest.as_bytes(), document, signature, altered.row])?;
    }
    transaction.execute_batch(trigger)?;
    transaction.commit()?;
    if connection.schema()? != expected {
        return Err(StoreError::damaged("the mended copy", "its tables and triggers are not as they are made").into());
    }
    connection.close().map_err(|(_, error)| error)?;
    crash_point!("mend-copied");
    migrate::same_rows(&from, &copy)?;
    migrate::close(folders, from)?;
    put(&copy, folders).map_err(UpkeepError::io(&folders.database()))?;
    crash_point!("mend-placed");
    Ok(())
}

fn put(copy: &Path, folders: &Folders) -> std::io::Result<()> {
    File::open(copy)?.sync_all()?;
    std::fs::rename(copy, folders.database())?;
    writ_durable::sync_directory(folders.root())
}
