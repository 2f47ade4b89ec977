//! Who looked at what: JSON lines in files that only grow, each on the disk before the page that it tells of leaves.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use writ_trust::time::Time;

use crate::access::users::{Role, User};

/// When a file is large enough that the next one begins, in bytes.
const FILE: u64 = 16 * 1024 * 1024;
/// How many views wait to be written, and how many are written at once, at most.
const WAITING: usize = 1024;
/// How many of the newest views are held in memory for the page about them.
pub const RECENT: usize = 1000;
/// How much of the newest file is read at the start for those, in bytes.
const TAIL: u64 = 512 * 1024;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// A page was looked at, or bytes were downloaded.
    Viewed,
    /// A link to sign in was mailed.
    LinkSent,
    /// It could not be mailed.
    LinkNotSent,
    /// Somebody signed in.
    SignedIn,
    /// Somebody signed out.
    SignedOut,
}

impl What {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewed => "viewed",
            Self::LinkSent => "was sent a link",
            Self::LinkNotSent => "could not be sent a link",
            Self::SignedIn => "signed in",
            Self::SignedOut => "signed out",
        }
    }
}

/// One line of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// When.
    pub at: Time,
    /// Who.
    pub user: String,
    /// What they are.
    pub role: Role,
    /// What they did.
    pub what: What,
    /// The path of the page, with its query, at most 300 characters; of a link never its token.
    pub page: String,
    /// The status of the answer: what was refused is here too.
    pub status: u16,
    /// From which address.
    pub source: String,
    /// The number that the answer and the log have.
    pub request: String,
}

impl View {
    /// Something that somebody did.
    pub fn of(user: &User, what: What, at: Time, page: &str, status: u16, source: &str, request: &str) -> Self {
        Self {
            at,
            user: user.address.clone(),
            role: user.role,
            what,
            page: writ_trust::text::one_line(page),
            status,
            source: source.to_owned(),
            request: request.to_owned(),
        }
    }
}

/// Why a view was not recorded, and so no page is sent.
#[derive(Debug, thiserror::Error)]
pub enum TrailError {
    /// Too many wait.
    #[error("too many views wait to be written")]
    Full,
    /// The file cannot be written.
    #[error("the record of views cannot be written")]
    Failed,
}

type Entry = (View, oneshot::Sender<bool>);

/// The record.
#[derive(Debug)]
pub struct Trail {
    sender: SyncSender<Entry>,
    recent: Arc<Mutex<VecDeque<View>>>,
}

impl Trail {
    /// Goes on with the record in a state directory, of so many files at most.
    ///
    /// # Errors
    /// When the newest file cannot be read or written.
    pub fn open(state: &Path, files: u32) -> io::Result<Self> {
        writ_durable::create_directories(state)?;
        let mut writer = Writer::open(state, files as usize)?;
        let recent = Arc::new(Mutex::new(writer.tail()?));
        let (sender, receiver) = sync_channel::<Entry>(WAITING);
        let held = recent.clone();
        std::thread::Builder::new().name("views".to_owned()).spawn(move || writer.run(&receiver, &held))?;
        Ok(Self { sender, recent })
    }

    /// Records a view; when this has returned it is on the disk.
    ///
    /// # Errors
    /// [`TrailError`]
    pub async fn record(&self, view: View) -> Result<(), TrailError> {
        let done = self.begin(view)?;
        if done.await.unwrap_or(false) { Ok(()) } else { Err(TrailError::Failed) }
    }

    /// The same for a thread that may wait.
    ///
    /// # Errors
    /// [`TrailError`]
    pub fn record_blocking(&self, view: View) -> Result<(), TrailError> {
        let done = self.begin(view)?;
        if done.blocking_recv().unwrap_or(false) { Ok(()) } else { Err(TrailError::Failed) }
    }

    fn begin(&self, view: View) -> Result<oneshot::Receiver<bool>, TrailError> {
        let (done, written) = oneshot::channel();
        self.sender.try_send((view, done)).map_err(|_| TrailError::Full)?;
        Ok(written)
    }

    /// The newest views, newest first.
    pub fn recent(&self) -> Vec<View> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
    }
}

/// What writes the files.
struct Writer {
    folder: PathBuf,
    most: usize,
    number: u64,
    file: File,
    length: u64,
}

fn name(number: u64) -> String {
    format!("views-{number:06}.jsonl")
}

/// The numbers of the files that are there, oldest first.
fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        let file = entry?.file_name();
        let number: Option<u64> =
            file.to_str().and_then(|name| name.strip_prefix("views-")?.strip_suffix(".jsonl")?.parse().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn open(folder: &Path, number: u64) -> io::Result<(File, u64)> {
    let mut file =
        OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(folder.join(name(number)))?;
    let length = file.seek(SeekFrom::End(0))?;
    writ_durable::sync_directory(folder)?;
    Ok((file, length))
}

impl Writer {
    fn open(folder: &Path, most: usize) -> io::Result<Self> {
        let number = numbers(folder)?.last().copied().unwrap_or(1);
        let (file, length) = open(folder, number)?;
        let mut writer = Self { folder: folder.to_owned(), most, number, file, length };
        writer.end_line()?;
        Ok(writer)
    }

    /// What a power cut left of a line stays, as a line of its own.
    fn end_line(&mut self) -> io::Result<()> {
        if self.length == 0 {
            return Ok(());
        }
        let mut last = [0];
        self.file.seek(SeekFrom::End(-1))?;
        self.file.read_exact(&mut last)?;
        if last != *b"\n" {
            self.write(b"\n")?;
        }
        Ok(())
    }

    /// The newest views of the newest file.
    fn tail(&mut self) -> io::Result<VecDeque<View>> {
        let from = self.length.saturating_sub(TAIL);
        self.file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        (&self.file).take(TAIL).read_to_end(&mut bytes)?;
        let lines = bytes.split(|byte| *byte == b'\n').rev();
        let newest = lines.filter_map(|line| serde_json::from_slice::<View>(line).ok()).take(RECENT);
        let mut views: VecDeque<View> = newest.collect();
        views.make_contiguous().reverse();
        Ok(views)
    }

    fn run(mut self, entries: &Receiver<Entry>, recent: &Mutex<VecDeque<View>>) {
        while let Ok(first) = entries.recv() {
            let batch: Vec<Entry> = std::iter::once(first).chain(entries.try_iter().take(WAITING)).collect();
            let written = self.append(&batch);
            if let Err(error) = &written {
                tracing::error!(%error, "the record of views cannot be written: no page is shown until it can");
            } else {
                let mut recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
                recent.extend(batch.iter().map(|(view, _)| view.clone()));
                let over = recent.len().saturating_sub(RECENT);
                recent.drain(..over);
            }
            for (_, done) in batch {
                let _ = done.send(written.is_ok());
            }
        }
    }

    fn append(&mut self, batch: &[Entry]) -> io::Result<()> {
        if self.length >= FILE {
            self.next_file()?;
        }
        let mut lines = Vec::new();
        for (view, _) in batch {
            serde_json::to_writer(&mut lines, view).map_err(io::Error::other)?;
            lines.push(b'\n');
        }
        let before = self.length;
        let written = self.write(&lines).and_then(|()| self.file.sync_data());
        if written.is_err() {
            // Half a line must not stand before the next one.
            let _ = self.file.set_len(before);
            self.length = before;
        }
        written
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn next_file(&mut self) -> io::Result<()> {
        self.number += 1;
        (self.file, self.length) = open(&self.folder, self.number)?;
        let numbers = numbers(&self.folder)?;
        for old in &numbers[..numbers.len().saturating_sub(self.most)] {
            fs::remove_file(self.folder.join(name(*old)))?;
            tracing::warn!("{} was removed: there are {} files of views", name(*old), self.most);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(n: usize) -> View {
        let user = User { address: "kim@msp.example".into(), role: Role::Operator, sites: Default::default() };
        View::of(&user, What::Viewed, Time::from_unix_millis(n as i64), &format!("/{n}"), 200, "127.0.0.1", "0")
    }

    #[test]
    fn what_was_recorded_is_there_after_a_restart_and_half_a_line_stays_alone() {
        let scratch = tempfile::tempdir().unwrap();
        let trail = Trail::open(scratch.path(), 4).unwrap();
        for n in 0..3 {
            trail.record_blocking(view(n)).unwrap();
        }
        drop(trail);
        let file = scratch.path().join(name(1));
        let mut text = fs::read_to_string(&file).unwrap();
        assert_eq!(text.lines().count(), 3);
        text.push_str("{\"at\":\"2026");
        fs::write(&file, &text).unwrap();
        let trail = Trail::open(scratch.path(), 4).unwrap();
        trail.record_blocking(view(3)).unwrap();
        let pages: Vec<String> = trail.recent().into_iter().map(|view| view.page).collect();
        assert_eq!(pages, ["/3", "/2", "/1", "/0"]);
        assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 5);
    }

    #[test]
    fn files_are_bounded_in_size_and_number() {
        let scratch = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(scratch.path(), 2).unwrap();
        for n in 0..4 {
            let (done, _) = oneshot::channel();
            writer.length = FILE;
            writer.append(&[(view(n), done)]).unwrap();
        }
        assert_eq!(numbers(scratch.path()).unwrap(), [4, 5]);
    }
}
