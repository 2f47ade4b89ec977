//! What a notifier keeps on the disk: the book, a journal of what was sent, and answers that wait to be taken.
//!
//! The order is what makes that nothing is told twice: the book with its queue, durable; a line in the journal that a message is
//! about to go; the message; a line that it has gone. A kill between the last two is the only doubt, and then the message goes
//! again under the same name.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};
use writ_agent::enforce::hostile;
use writ_notify::book::Book;
use writ_trust::digest::Digest;
use writ_trust::json;
use writ_trust::text::one_line;
use writ_trust::time::Time;

use crate::failure::{Failure, Outcome};
use crate::{clock, files, random};

/// The largest book, in bytes (1 GiB). It is written here and by nobody else, and what its parts may hold is bounded one by one; a
/// notifier of a thousand sites, each of many appliances with 2,000 digests of notices, has hundreds of megabytes, and one that
/// could not read again what it wrote would tell nobody of anything.
const MAX_BOOK: usize = 1 << 30;
/// The largest journal, in bytes: with the next book it is put aside, and the one before it goes.
const MAX_JOURNAL: u64 = 4 << 20;
/// The largest answer, in bytes, and how many are taken at once.
const MAX_ANSWER: usize = 8 * 1024;
const ANSWERS: usize = 1_000;

/// The schema of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AnswerSchema {
    /// `writ.notify-ack.v1`
    #[default]
    #[serde(rename = "writ.notify-ack.v1")]
    V1,
}

/// Somebody's answer, on its way to the notifier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answered {
    /// Always `writ.notify-ack.v1`.
    pub schema: AnswerSchema,
    /// The incident, or what several were told as.
    pub name: String,
    /// Who.
    pub by: String,
    /// By which way.
    pub how: String,
    /// What they say besides.
    pub note: Option<String>,
    /// Whether they say that the report is given.
    pub report: bool,
    /// When.
    pub at: Time,
}

/// What became of a message, or who answered: a line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When.
    pub at: Time,
    /// `sending`, `sent`, `failed`, `lost`, `acknowledged` or `reported`.
    pub what: String,
    /// The message, or the incident.
    pub id: String,
    /// To whom, by whom or why.
    pub about: String,
}

/// Where the book lies.
fn book_path(folder: &Path) -> PathBuf {
    folder.join("state.json")
}

/// Reads the book of a folder as it stands, also while a notifier has it.
pub fn read(folder: &Path) -> Outcome<Book> {
    let path = book_path(folder);
    let Some(bytes) = files::read_if_there(&path, MAX_BOOK, "the state")? else { return Ok(Book::default()) };
    json::parse(&bytes, MAX_BOOK).map_err(|e| {
        Failure::could_not("the state is damaged")
            .at(path.display())
            .because(e)
            .next("restore it from a backup; without it, everybody is told again of what is open")
    })
}

/// Lays an answer where the notifier finds it. Given again, it takes the place of the one before.
///
/// Whoever answers may be root, and the notifier somebody else: then the file is made theirs, before it has the name by which
/// they find it.
pub fn answer(folder: &Path, answered: &Answered) -> Outcome<()> {
    let folder = folder.join("answers");
    files::make_directory(&folder)?;
    let what = format!("{}\n{}\n{}", answered.name, answered.by, answered.report);
    let name = format!("{}.json", &Digest::of(what.as_bytes()).hex()[..32]);
    // As writ-durable names what is not whole yet: it is no answer, and is removed if it is left behind.
    let drawn = u64::from_be_bytes(*random::bytes::<8>()?);
    let temporary = format!(".{}-{drawn}.{name}{}", std::process::id(), writ_durable::TEMPORARY_SUFFIX);
    let (temporary, path) = (folder.join(temporary), folder.join(name));
    let laid = lay(&folder, &temporary, &path, &json::canonical(answered)).inspect_err(|_| {
        let _ = std::fs::remove_file(&temporary);
    });
    laid.map_err(|e| Failure::could_not("cannot write an answer").at(path.display()).because(e))
}

fn lay(folder: &Path, temporary: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    // The folder is the notifier's: nothing that it put there is followed.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary)?;
    file.write_all(bytes)?;
    if rustix::process::geteuid().is_root() {
        let owner = std::fs::metadata(folder)?;
        std::os::unix::fs::fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
    }
    file.sync_all()?;
    std::fs::rename(temporary, path)?;
    writ_durable::sync_directory(folder)
}

/// The folder, locked against another notifier.
pub struct Store {
    path: PathBuf,
    journal: File,
    /// The answers that this user may not read: each is told once.
    left: BTreeSet<PathBuf>,
    _lock: File,
}

impl Store {
    /// Opens the folder, and makes it if it is not there.
    pub fn open(path: &Path) -> Outcome<Self> {
        for folder in [path.to_owned(), path.join("sites"), path.join("answers")] {
            files::make_directory(&folder)?;
            let _ = writ_durable::remove_leftovers(&folder);
        }
        let failed = |e: std::io::Error| Failure::could_not("cannot lock the state").at(path.display()).because(e);
        let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path.join("lock"));
        let lock = lock.map_err(failed)?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|e| {
            let failure = failed(e.into());
            if e == rustix::io::Errno::WOULDBLOCK {
                failure.next("another notifier keeps its state there")
            } else {
                failure
            }
        })?;
        let journal = open_journal(path)?;
        Ok(Self { path: path.to_owned(), journal, left: BTreeSet::new(), _lock: lock })
    }

    /// Where a site's watch keeps what it saw.
    pub fn site(&self, site: &str) -> PathBuf {
        self.path.join("sites").join(site)
    }

    /// The key of links; made if there is none.
    pub fn key(&self) -> Outcome<[u8; 32]> {
        let path = self.path.join("link.key");
        if !path.exists() {
            files::create(&path, &random::bytes::<32>()?[..], 0o600, "the key of links")?;
        }
        let bytes = files::read(&path, 32, "the key of links")?;
        bytes.try_into().map_err(|_| {
            Failure::could_not("the key of links is damaged")
                .at(path.display())
                .next("remove it: links that were sent stop working")
        })
    }

    /// The book, without what the journal says has gone since it was written.
    pub fn book(&self) -> Outcome<Book> {
        let mut book = read(&self.path)?;
        let path = self.path.join("journal.jsonl");
        let bytes = files::read_if_there(&path, MAX_BOOK, "the journal")?.unwrap_or_default();
        for line in bytes.split(|byte| *byte == b'\n') {
            // The last line may be torn: what it would have said is in doubt, and is done again. So is what was lost: that the
            // next is to be called for it is in the book that was written after that, or in none.
            let Ok(line) = serde_json::from_slice::<Line>(line) else { continue };
            if line.what == "sent" {
                book.done(&line.id);
            }
        }
        Ok(book)
    }

    /// Makes the book durable.
    pub fn keep(&mut self, book: &Book) -> Outcome<()> {
        files::replace(&book_path(&self.path), &json::canonical(book), 0o600, "the state")?;
        writ_durable::crash_point!("notify-kept");
        let size = self.journal.metadata().map_or(0, |facts| facts.len());
        if size > MAX_JOURNAL {
            let path = self.path.join("journal.jsonl");
            let aside = std::fs::rename(&path, self.path.join("journal.1.jsonl"));
            aside.map_err(|e| Failure::could_not("cannot put the journal aside").at(path.display()).because(e))?;
            self.journal = open_journal(&self.path)?;
        }
        Ok(())
    }

    /// Writes a line of the journal, durable when this returns.
    pub fn note(&mut self, what: &str, id: &str, about: &str) -> Outcome<()> {
        let about = one_line(about).chars().take(500).collect();
        let line = Line { at: clock::now(), what: what.to_owned(), id: id.to_owned(), about };
        let mut bytes = json::canonical(&line);
        bytes.push(b'\n');
        let written = self.journal.write_all(&bytes).and_then(|()| self.journal.sync_data());
        written.map_err(|e| Failure::could_not("cannot write the journal").at(self.path.display()).because(e))
    }

    /// The answers that wait, each with its file. What is none is removed; what this user may not read is left and told: somebody
    /// answered, and has to hear that nobody knows.
    pub fn answers(&mut self) -> Outcome<Vec<(PathBuf, Answered)>> {
        let mut all = Vec::new();
        for path in files::list(&self.path.join("answers"))?.into_iter().take(ANSWERS) {
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let read = match hostile::read(&path, MAX_ANSWER) {
                Err(e) if e.kind() == ErrorKind::PermissionDenied => {
                    if self.left.insert(path.clone()) {
                        let why = format!("an answer cannot be read and waits: {}: {e}", path.display());
                        crate::screen::warning(&why);
                    }
                    continue;
                }
                // It was taken away meanwhile.
                Err(e) if e.kind() == ErrorKind::NotFound => continue,
                other => other.map_err(|e| e.to_string()),
            };
            self.left.remove(&path);
            match read.and_then(|bytes| json::parse::<Answered>(&bytes, MAX_ANSWER).map_err(|e| e.to_string())) {
                Ok(answered) => all.push((path, answered)),
                Err(why) => {
                    crate::screen::warning(&format!("an answer cannot be read, and is removed: {}", one_line(why)));
                    let _ = writ_durable::remove(&path);
                }
            }
        }
        Ok(all)
    }

    /// Whether somebody has answered since.
    pub fn is_answered(&self) -> bool {
        let entries = std::fs::read_dir(self.path.join("answers"));
        let is_answer = |entry: std::fs::DirEntry| {
            entry.file_name().to_string_lossy().ends_with(".json") && !self.left.contains(&entry.path())
        };
        entries.is_ok_and(|entries| entries.flatten().any(is_answer))
    }
}

/// Opens the journal; a line that a kill left torn is ended.
fn open_journal(folder: &Path) -> Outcome<File> {
    let path = folder.join("journal.jsonl");
    let open = || {
        let mut file = OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(&path)?;
        let mut last = [b'\n'];
        if file.seek(SeekFrom::End(0))? > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        if last != [b'\n'] {
            file.write_all(b"\n")?;
        }
        writ_durable::sync_directory(folder)?;
        Ok(file)
    };
    open().map_err(|e: std::io::Error| Failure::could_not("cannot open the journal").at(path.display()).because(e))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn answered(note: &str) -> Answered {
        Answered {
            schema: AnswerSchema::V1,
            name: "clinic-001/front-desk/INC-1".to_owned(),
            by: "Kim Lee".to_owned(),
            how: "command".to_owned(),
            note: Some(note.to_owned()),
            report: false,
            at: clock::now(),
        }
    }

    #[test]
    fn an_answer_is_the_folder_owners_and_one_that_may_not_be_read_waits() {
        let scratch = tempfile::tempdir().unwrap();
        let mut store = Store::open(scratch.path()).unwrap();
        let folder = scratch.path().join("answers");
        // Somebody was killed before the answer was whole.
        std::fs::write(folder.join(".1-2.x.json.writ-tmp"), b"{").unwrap();
        assert!(store.answers().unwrap().is_empty() && !store.is_answered());
        answer(scratch.path(), &answered("first")).unwrap();
        let (path, _) = store.answers().unwrap().remove(0);
        let facts = std::fs::metadata(&path).unwrap();
        let owner = std::fs::metadata(&folder).unwrap();
        assert_eq!((facts.uid(), facts.gid(), facts.mode() & 0o777), (owner.uid(), owner.gid(), 0o600));
        // Root may read everything, and then nothing waits.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o0)).unwrap();
        if std::fs::read(&path).is_err() {
            assert!(store.is_answered());
            assert!(store.answers().unwrap().is_empty() && path.exists());
            assert!(!store.is_answered(), "nobody waits in a circle for it");
        }
        // Given again, it takes the place of what cannot be read.
        answer(scratch.path(), &answered("again")).unwrap();
        let all = store.answers().unwrap();
        assert_eq!((all.len(), all[0].1.note.as_deref()), (1, Some("again")));
        assert!(store.is_answered());
        std::fs::write(&path, b"{").unwrap();
        assert!(store.answers().unwrap().is_empty() && !path.exists(), "what is no answer goes");
    }

    #[test]
    fn what_was_lost_is_not_done_until_the_book_says_so() {
        let scratch = tempfile::tempdir().unwrap();
        let mut store = Store::open(scratch.path()).unwrap();
        let message = |id: &str| writ_notify::message::Message {
            id: id.to_owned(),
            way: writ_notify::message::Way::Mail { to: "a@b".to_owned() },
            severity: writ_policy::declared::Severity::High,
            keys: Vec::new(),
            contact: None,
            kind: "call-0".to_owned(),
            at: clock::now(),
            subject: String::new(),
            text: String::new(),
            data: serde_json::Value::Null,
        };
        let book = Book { queue: vec![message("gone"), message("refused")], ..Book::default() };
        store.keep(&book).unwrap();
        store.note("sent", "gone", "").unwrap();
        store.note("lost", "refused", "").unwrap();
        let left: Vec<String> = store.book().unwrap().queue.into_iter().map(|message| message.id).collect();
        assert_eq!(left, ["refused"]);
    }
}
