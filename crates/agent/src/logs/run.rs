//! One run: every source from where the one before ended.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::PathBuf;

use rustix::fs::{FlockOperation, flock};
use tracing::{info, warn};
use writ_trust::digest::Digest;
use writ_trust::ids::LogSourceId;
use writ_trust::text::one_line;
use writ_trust::time::Time;
use writ_wire::log_batch::{LogBatch, LogBatchSchema, parse_file_name};

use super::batch::Lines;
use super::config::{Config, Filter, Source};
use super::files;
use super::journal::{self, From};
use super::state::{Cursor, Kept, Made};
use super::status::{SourceStatus, Status};
use crate::command;
use writ_confine::Enforced;

/// The most batches of a source in one run: what is left is for the next.
const MOST_BATCHES: usize = 16;
/// How much of a source may lie in the spool, in bytes. Beyond it the source is not read: what it says stays where it is.
const MOST_WAITING: u64 = 64 * 1024 * 1024;

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A file or folder of its own.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another one is at work.
    #[error("{}: another writ-logs is at work", .0.display())]
    Running(PathBuf),
}

/// Makes the folders and takes the lock, which is held for as long as what is given back lives.
pub fn prepare(config: &Config) -> Result<File, RunError> {
    let at = |path: PathBuf| move |source| RunError::Io { path, source };
    let state = &config.state_dir;
    writ_durable::create_directories(state).map_err(at(state.clone()))?;
    let path = state.join("lock");
    let lock = File::options().create(true).truncate(false).write(true).open(&path).map_err(at(path.clone()))?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Err(RunError::Running(path)),
        Err(e) => return Err(at(path)(e.into())),
    }
    // A file that a kill left half written is nobody's.
    let _ = writ_durable::remove_leftovers(state);
    for source in config.sources.keys() {
        let folder = config.folder(source);
        writ_durable::create_directories(&folder).map_err(at(folder.clone()))?;
        let _ = writ_durable::remove_leftovers(&folder);
    }
    Ok(lock)
}

/// Reads every source; what is in the way of one does not keep the others from being read.
pub fn run(config: &Config, now: &dyn Fn() -> Time, confined: Enforced) -> Status {
    let mut sources = BTreeMap::new();
    for (name, source) in &config.sources {
        let mut status = SourceStatus::default();
        if let Err(e) = carry(config, name, source, now, &mut status) {
            status.problem = Some(one_line(e));
        }
        match &status.problem {
            Some(problem) => warn!(source = %name, "{problem}"),
            None => info!(source = %name, batch = status.number, lines = status.lines, more = status.more, "carried"),
        }
        sources.insert(name.clone(), status);
    }
    Status { schema: "writ.logs-status.v1".to_owned(), at: now(), sources, confined }
}

fn carry(
    config: &Config,
    name: &LogSourceId,
    source: &Source,
    now: &dyn Fn() -> Time,
    status: &mut SourceStatus,
) -> io::Result<()> {
    let folder = config.folder(name);
    let mut kept = Kept::load(&config.state_dir, &folder, name)?;
    status.tell(&kept);
    for _ in 0..MOST_BATCHES {
        if waiting(&folder)? > MOST_WAITING {
            status.more = true;
            return Err(io::Error::other(
                "too much of it waits in the spool already: it is read again when that was sent",
            ));
        }
        let began = now();
        let mut reading =
            Reading { config, lines: Lines::default(), cursor: kept.cursor(), more: false, problems: Vec::new() };
        if kept.forgotten {
            reading.lines.lost("where reading ended was forgotten: some lines may be here twice, others not at all");
        }
        reading.read(source, kept.newest().map(|made| made.to));
        let Reading { lines, cursor, more, problems, .. } = reading;
        status.problem = problems.first().map(one_line);
        let before = kept.newest();
        // What is left, or could not be read, may be older than now.
        let whole = !more && status.problem.is_none();
        let so_far =
            if whole { began } else { lines.newest.or(before.map(|made| made.to)).unwrap_or(began).min(began) };
        if status.problem.is_some() && lines.count == 0 && lines.dropped == 0 {
            // Nobody knows what it said: a batch would claim that it said nothing.
            return Ok(());
        }
        let batch = LogBatch {
            schema: LogBatchSchema::V1,
            source: name.clone(),
            number: before.map_or(1, |made| made.number + 1),
            previous: before.map(|made| made.digest),
            from: before.map(|made| made.to).or(lines.oldest).unwrap_or(so_far).min(so_far),
            to: so_far,
            lines: lines.count,
            dropped: lines.dropped,
        };
        let packed = batch.pack(&lines.text);
        let dropped = before.map_or(0, |made| made.dropped) + lines.dropped;
        let made = Made { number: batch.number, digest: Digest::of(&packed), to: batch.to, cursor, dropped };
        kept.lay(made, &packed)?;
        status.lines += lines.count;
        status.left_out += lines.dropped;
        status.more = more;
        status.tell(&kept);
        if !more || status.problem.is_some() {
            break;
        }
    }
    Ok(())
}

impl SourceStatus {
    fn tell(&mut self, kept: &Kept) {
        if let Some(made) = kept.newest() {
            (self.number, self.to, self.dropped) = (made.number, Some(made.to), made.dropped);
        }
    }
}

/// How many bytes of batches lie in a folder.
fn waiting(folder: &std::path::Path) -> io::Result<u64> {
    let sizes = std::fs::read_dir(folder)?.filter_map(|entry| {
        let entry = entry.ok()?;
        parse_file_name(entry.file_name().to_str()?)?;
        Some(entry.metadata().ok()?.len())
    });
    Ok(sizes.sum())
}

/// A batch that is being read.
struct Reading<'a> {
    config: &'a Config,
    lines: Lines,
    cursor: Cursor,
    more: bool,
    problems: Vec<String>,
}

impl Reading<'_> {
    fn read(&mut self, source: &Source, before: Option<Time>) {
        if let Some(filter) = &source.journal
            && let Err(e) = self.journal(filter, before)
        {
            self.problems.push(format!("the journal cannot be read: {e}"));
        }
        self.cursor.files.retain(|path, _| source.files.contains(path));
        for path in &source.files {
            if self.lines.is_full() {
                self.more = true;
                return;
            }
            match files::read(path, self.cursor.files.get(path).cloned(), &mut self.lines) {
                Ok(read) => {
                    self.more |= read.more;
                    if let Some(cursor) = read.cursor {
                        self.cursor.files.insert(path.clone(), cursor);
                    }
                    self.problems.extend(read.problem.map(|e| format!("{}: {e}", path.display())));
                }
                Err(e) => self.problems.push(format!("{}: {e}", path.display())),
            }
        }
    }

    /// The journal from the last place on, or from the end of the batch before where there is none or it is of no use.
    fn journal(&mut self, filter: &Filter, before: Option<Time>) -> io::Result<()> {
        let program = self.config.journalctl.clone().or_else(|| command::find("journalctl"));
        let program = program.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "there is no journalctl"))?;
        let since = before.map_or(From::First, From::Time);
        let last = self.cursor.journal.clone();
        let from = last.as_deref().map_or(since, From::Cursor);
        let mut taken = journal::read(&program, filter, from, &mut self.lines)?;
        let lost =
            taken.cursor.is_none() && taken.problem.as_ref().is_some_and(|e| e.kind() != io::ErrorKind::TimedOut);
        if last.is_some() && lost {
            taken = journal::read(&program, filter, since, &mut self.lines)?;
            if taken.problem.is_none() {
                self.lines.lost("the last place that was read is not in the journal: some lines may be here twice, others not at all");
                self.cursor.journal = None;
            }
        }
        self.cursor.journal = taken.cursor.or_else(|| self.cursor.journal.take());
        self.more = taken.more;
        taken.problem.map_or(Ok(()), Err)
    }
}
