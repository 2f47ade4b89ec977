//! Following the journal with `journalctl --follow` for lines that begin in a certain way.
//!
//! Anybody may write to the journal, whatever and however much. So nothing of a line is kept but its first bytes, no line says
//! more than "look again", and it says so only now and then; who writes more than is read in time is not read to the end: the
//! program is ended, and begins anew after a rest, at the end of the journal.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use tracing::{debug, warn};

use super::source::Source;
use crate::command::{self, SEARCH_PATH};
use crate::probes::{Pattern, Watch};

/// How much of a line is kept.
const KEPT: usize = 256;
/// How much is read at once.
const CHUNK: usize = 16 * 1024;
/// How many bytes may come at once, and how many in a second in the long run.
const MOST_BYTES: u64 = 1024 * 1024;
const BYTES_A_SECOND: u64 = 64 * 1024;
/// How long the journal is not followed after more than that.
const REST: Duration = Duration::from_secs(30);
/// How often one pattern tells at once, and how long it takes until it may once more: its check reads a journal, which takes long.
const MOST_TOLD: u32 = 2;
const TELL_EVERY: Duration = Duration::from_secs(30);

/// Where journals are (systemd-journald.service(8)).
const FOLDERS: [&str; 2] = ["/run/log/journal", "/var/log/journal"];

/// A journal that is followed.
pub(super) struct Journal {
    program: PathBuf,
    patterns: BTreeMap<Pattern, Told>,
    rest: Duration,
    child: Option<Following>,
    rests_until: Option<Instant>,
    line: Line,
    bytes: u64,
    refilled: Instant,
    dropped: u64,
}

struct Following {
    child: Child,
    output: Arc<OwnedFd>,
}

/// The line that is being read.
#[derive(Default)]
struct Line {
    begins: Vec<u8>,
    judged: bool,
}

/// How often a pattern may tell.
struct Told {
    left: u32,
    since: Instant,
    /// Something is to be told as soon as it may be.
    owed: bool,
}

impl Journal {
    /// Follows the journal of this machine.
    pub fn follow(patterns: impl IntoIterator<Item = Pattern>) -> io::Result<Self> {
        if !FOLDERS.iter().any(|folder| Path::new(folder).is_dir()) {
            return Err(io::Error::new(io::ErrorKind::NotFound, "there is no journal on this machine"));
        }
        let program = command::find("journalctl")
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "there is no journalctl in the system's path"))?;
        Self::with(program, patterns, REST)
    }

    /// Follows what a program prints, and rests this long after too much of it.
    pub(super) fn with(
        program: PathBuf,
        patterns: impl IntoIterator<Item = Pattern>,
        rest: Duration,
    ) -> io::Result<Self> {
        let now = Instant::now();
        let told = |pattern| (pattern, Told { left: MOST_TOLD, since: now, owed: false });
        let mut journal = Self {
            program,
            patterns: patterns.into_iter().map(told).collect(),
            rest,
            child: None,
            rests_until: None,
            line: Line::default(),
            bytes: MOST_BYTES,
            refilled: now,
            dropped: 0,
        };
        journal.start()?;
        Ok(journal)
    }

    /// Starts the program at the end of the journal.
    fn start(&mut self) -> io::Result<()> {
        let mut arguments: Vec<OsString> =
            ["--follow", "--lines=0", "--quiet", "--no-pager", "--output=cat"].map(Into::into).into();
        let programs = self.patterns.keys().flat_map(|pattern| pattern.programs);
        arguments.extend(programs.map(|name| OsString::from(format!("SYSLOG_IDENTIFIER={name}"))));
        let mut child = Command::new(&self.program)
            .args(arguments)
            .env_clear()
            .env("PATH", SEARCH_PATH)
            .env("LC_ALL", "C.UTF-8")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let output = child.stdout.take().map(OwnedFd::from).ok_or_else(|| io::Error::other("no pipe"))?;
        rustix::io::ioctl_fionbio(&output, true)?;
        (self.line, self.rests_until) = (Line::default(), None);
        self.child = Some(Following { child, output: Arc::new(output) });
        Ok(())
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.refilled);
        let millis = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        let earned = millis.saturating_mul(BYTES_A_SECOND) / 1000;
        if earned > 0 {
            (self.bytes, self.refilled) = (self.bytes.saturating_add(earned).min(MOST_BYTES), now);
        }
    }

    /// Reads what has come, at most one chunk of it; true when there was too much.
    fn read(&mut self) -> io::Result<bool> {
        let Some(following) = &self.child else { return Ok(false) };
        let mut buffer = [0_u8; CHUNK];
        let read = match rustix::io::read(&following.output, &mut buffer) {
            Ok(0) => return Err(self.ended()),
            Ok(read) => read,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(false),
            Err(e) => return Err(e.into()),
        };
        for part in buffer[..read].split_inclusive(|byte| *byte == b'\n') {
            self.take_part(part);
        }
        self.bytes = self.bytes.saturating_sub(read as u64);
        Ok(self.bytes == 0)
    }

    fn ended(&mut self) -> io::Error {
        let status = self.child.take().map(|mut following| following.end());
        let how =
            status.and_then(Result::ok).map_or_else(|| "in an unknown way".to_owned(), |status| status.to_string());
        io::Error::other(format!("{} has ended: {how}", self.program.display()))
    }

    /// Takes a part of a line. One is judged when it has ended, or is longer than what is kept of it.
    fn take_part(&mut self, part: &[u8]) {
        let room = KEPT - self.line.begins.len();
        self.line.begins.extend(&part[..part.len().min(room)]);
        let ends = part.last() == Some(&b'\n');
        if !self.line.judged && (ends || self.line.begins.len() == KEPT) {
            self.line.judged = true;
            for (pattern, told) in &mut self.patterns {
                if pattern.fits(&self.line.begins) {
                    // Who owes already tells once for both.
                    self.dropped += u64::from(told.owed);
                    told.owed = true;
                }
            }
        }
        if ends {
            self.line.begins.clear();
            self.line.judged = false;
        }
    }

    /// What is to be told and may be.
    fn tell(&mut self, now: Instant) -> Vec<Watch> {
        let mut told = Vec::new();
        for (pattern, state) in &mut self.patterns {
            if state.left < MOST_TOLD && now.saturating_duration_since(state.since) >= TELL_EVERY {
                (state.left, state.since) = (state.left + 1, now);
            }
            if state.owed && state.left > 0 {
                if state.left == MOST_TOLD {
                    state.since = now;
                }
                (state.left, state.owed) = (state.left - 1, false);
                told.push(Watch::Journal(*pattern));
            }
        }
        told
    }

    /// Does not listen any longer for a while. What is missed meanwhile may have been anything.
    fn rest(&mut self, now: Instant) {
        warn!("more comes to the journal than is read of it: it is not followed for {} s", self.rest.as_secs());
        if let Some(mut following) = self.child.take() {
            let _ = following.end();
        }
        self.dropped += 1;
        self.patterns.values_mut().for_each(|told| told.owed = true);
        self.rests_until = Some(now + self.rest);
    }
}

impl Source for Journal {
    fn descriptor(&self) -> Option<Arc<OwnedFd>> {
        self.child.as_ref().map(|following| Arc::clone(&following.output))
    }

    fn take(&mut self, now: Instant) -> io::Result<Vec<Watch>> {
        self.refill(now);
        if self.rests_until.is_some_and(|until| now >= until) {
            debug!("the journal is followed again");
            self.start()?;
        }
        if self.read()? {
            self.rest(now);
        }
        Ok(self.tell(now))
    }

    fn due(&self) -> Option<Instant> {
        let owed = self.patterns.values().filter(|told| told.owed).map(|told| match told.left {
            0 => told.since + TELL_EVERY,
            _ => told.since,
        });
        owed.chain(self.rests_until).min()
    }

    fn dropped(&self) -> u64 {
        self.dropped
    }
}

impl Following {
    /// Ends the program, and waits until it has.
    fn end(&mut self) -> io::Result<std::process::ExitStatus> {
        let _ = self.child.kill();
        self.child.wait()
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

#[cfg(test)]
mod tests;
