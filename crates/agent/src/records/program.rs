//! Running the programs that records are made of: with the environment of the unit, without a shell, with a time limit, and
//! with an output that is read while it comes, as it may be larger than memory.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::process::{Pid, PidfdFlags, Signal};

use super::bounded;
use crate::secrets::redact::{Cut, Redactor};

/// How much of what a program complains is kept, from its end.
const KEPT_COMPLAINT: usize = 16 * 1024;
/// How many lines of it are told.
const TOLD_LINES: usize = 5;

/// A program and what all its runs have in common.
pub struct Program {
    /// The program.
    pub path: PathBuf,
    /// What its environment has besides that of this process.
    pub environment: Vec<(&'static str, OsString)>,
    /// When its time is up.
    pub deadline: Instant,
    /// What must not be told, wherever it says it.
    pub secrets: Vec<String>,
}

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// The end of what it wrote to its standard error, without secrets.
    pub complaint: String,
}

impl Ended {
    /// The last lines of its complaint, or how it ended when it made none.
    pub fn told(&self) -> Vec<String> {
        let lines: Vec<&str> = self.complaint.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if lines.is_empty() {
            return vec![self.status.to_string()];
        }
        lines[lines.len().saturating_sub(TOLD_LINES)..].iter().map(|line| bounded(line)).collect()
    }
}

/// Why a program came to no end of its own.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It could not be started.
    #[error("cannot start {program}: {source}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It was killed because its time was up.
    #[error("{program} was killed: its time was up")]
    TimedOut {
        /// The program.
        program: String,
    },
    /// It was killed because of what it wrote.
    #[error("{program} was killed: {reason}")]
    Output {
        /// The program.
        program: String,
        /// What is wrong with its output.
        reason: String,
    },
    /// It could not be followed.
    #[error("cannot follow {program}: {source}")]
    Follow {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
}

/// Takes what a program writes, piece by piece; an error ends the program.
pub type Take<'t> = &'t mut dyn FnMut(&[u8]) -> Result<(), String>;

impl Program {
    /// Runs it, handing over what it writes to its standard output.
    ///
    /// # Errors
    /// See [`ProgramError`]; a program that ends with a failure of its own is not an error here.
    pub fn stream(&self, arguments: &[&OsStr], take: Take) -> Result<Ended, ProgramError> {
        let program = self.path.display().to_string();
        let mut child = Command::new(&self.path)
            .args(arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|source| ProgramError::Start { program: program.clone(), source })?;
        let mut complaint = Vec::new();
        let followed = follow(&mut child, self.deadline, take, &mut complaint);
        if let Ok(pid) = pid(&child) {
            let _ = rustix::process::kill_process_group(pid, Signal::KILL);
        }
        let status = child.wait();
        match (followed, status) {
            (Ok(()), Ok(status)) => Ok(Ended { status, complaint: self.without_secrets(&complaint) }),
            (Err(Stopped::TimeUp), _) => Err(ProgramError::TimedOut { program }),
            (Err(Stopped::Output(reason)), _) => Err(ProgramError::Output { program, reason }),
            (Err(Stopped::Io(source)), _) | (_, Err(source)) => Err(ProgramError::Follow { program, source }),
        }
    }

    /// Runs it, and keeps what it writes, which must not be more than `limit` bytes.
    ///
    /// # Errors
    /// See [`Program::stream`].
    pub fn collect(&self, arguments: &[&OsStr], limit: usize) -> Result<(Ended, Vec<u8>), ProgramError> {
        let mut kept = Vec::new();
        let ended = self.stream(arguments, &mut |piece| {
            if kept.len() + piece.len() > limit {
                return Err(format!("it wrote more than {limit} bytes"));
            }
            kept.extend_from_slice(piece);
            Ok(())
        })?;
        Ok((ended, kept))
    }

    /// What it complained, without passwords: the secrets that are known, and those within addresses.
    fn without_secrets(&self, complaint: &[u8]) -> String {
        let cut = if complaint.len() >= KEPT_COMPLAINT { Cut::FRONT } else { Cut::default() };
        let redactor = Redactor::of(self.secrets.iter().map(String::as_bytes));
        let mut text = String::from_utf8_lossy(&redactor.bytes(complaint, cut)).into_owned();
        // Those that are too short to be looked for in other forms.
        for secret in &self.secrets {
            text = text.replace(secret.as_str(), "…");
        }
        without_credentials(&text)
    }
}

/// A text without what stands between `//` and `@` in addresses.
fn without_credentials(text: &str) -> String {
    let mut told = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("//") {
        let (before, after) = rest.split_at(at + 2);
        told.push_str(before);
        rest = after;
        // What holds them ends with the host: at white space, or where a path begins.
        let end = after.find(|c: char| c.is_whitespace() || c == '/').unwrap_or(after.len());
        if let Some(host) = after[..end].rfind('@') {
            told.push('…');
            rest = &after[host..];
        }
    }
    told.push_str(rest);
    told
}

enum Stopped {
    TimeUp,
    Output(String),
    Io(io::Error),
}

impl From<io::Error> for Stopped {
    fn from(e: io::Error) -> Self {
        Self::Io(e)
    }
}

/// Reads both outputs until the child ends or its time is up.
fn follow(child: &mut Child, deadline: Instant, take: Take, complaint: &mut Vec<u8>) -> Result<(), Stopped> {
    let ended = rustix::process::pidfd_open(pid(child)?, PidfdFlags::empty()).map_err(io::Error::from)?;
    let mut out = pipe(child.stdout.take().map(OwnedFd::from))?;
    let mut err = pipe(child.stderr.take().map(OwnedFd::from))?;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Stopped::TimeUp);
        }
        let over = wait(&ended, [&out, &err], left)?;
        drain(&mut out, take)?;
        drain(&mut err, &mut |piece| {
            complaint.extend_from_slice(piece);
            let surplus = complaint.len().saturating_sub(KEPT_COMPLAINT);
            complaint.drain(..surplus);
            Ok(())
        })?;
        if over && empty(&mut out, take)? {
            return Ok(());
        }
    }
}

fn pipe(fd: Option<OwnedFd>) -> Result<Option<File>, Stopped> {
    if let Some(fd) = &fd {
        rustix::fs::fcntl_setfl(fd, OFlags::NONBLOCK).map_err(io::Error::from)?;
    }
    Ok(fd.map(File::from))
}

/// Waits until the child ends or writes, or the time is up; returns whether it has ended.
fn wait(ended: &OwnedFd, pipes: [&Option<File>; 2], left: Duration) -> Result<bool, Stopped> {
    let mut fds = vec![PollFd::new(ended, PollFlags::IN)];
    fds.extend(pipes.into_iter().flatten().map(|pipe| PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN)));
    let timeout = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 3600, tv_nsec: 0 });
    match poll(&mut fds, Some(&timeout)) {
        Ok(_) => Ok(!fds[0].revents().is_empty()),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(e) => Err(Stopped::Io(e.into())),
    }
}

/// Hands over what is there now, but not for ever: the caller looks at the clock between calls.
fn drain(pipe: &mut Option<File>, take: Take) -> Result<(), Stopped> {
    let mut buffer = [0; 64 * 1024];
    for _ in 0..64 {
        let Some(open) = pipe else { return Ok(()) };
        match open.read(&mut buffer) {
            Ok(0) => *pipe = None,
            Ok(read) => take(&buffer[..read]).map_err(Stopped::Output)?,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

/// Whether all that the child, which has ended, had written is handed over; what it left running may hold the pipe open.
fn empty(pipe: &mut Option<File>, take: Take) -> Result<bool, Stopped> {
    let mut buffer = [0; 64 * 1024];
    let Some(open) = pipe else { return Ok(true) };
    match open.read(&mut buffer) {
        Ok(0) => Ok(true),
        Ok(read) => take(&buffer[..read]).map_err(Stopped::Output).map(|()| false),
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(false),
        Err(e) => Err(e.into()),
    }
}

fn pid(child: &Child) -> io::Result<Pid> {
    let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    id.ok_or_else(|| io::Error::other("the child has no process id"))
}

/// The first line of a file of a password, as the programs that take it read it.
///
/// # Errors
/// Why it cannot be read; never what it holds.
pub fn password(file: &Path) -> Result<String, String> {
    const MAX_PASSWORD: usize = 64 * 1024;
    let bytes = writ_durable::read_bounded(file, MAX_PASSWORD)
        .map_err(|e| format!("the password in {}: {e}", file.display()))?;
    let text = String::from_utf8(bytes).map_err(|_| format!("the password in {}: it is no UTF-8", file.display()))?;
    let line = text.lines().next().unwrap_or("").to_owned();
    if line.is_empty() { Err(format!("the password in {}: it is empty", file.display())) } else { Ok(line) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(limit: Duration, secrets: &[&str]) -> Program {
        Program {
            path: "/bin/sh".into(),
            environment: vec![("WRIT_SAID", "hello".into())],
            deadline: Instant::now() + limit,
            secrets: secrets.iter().map(|s| (*s).to_owned()).collect(),
        }
    }

    const LONG: Duration = Duration::from_secs(30);

    fn script(text: &str) -> [&OsStr; 2] {
        [OsStr::new("-c"), OsStr::new(text)]
    }

    #[test]
    fn output_is_handed_over_whole_and_the_exit_code_comes_back() {
        let mut size = 0;
        let ended = shell(LONG, &[])
            .stream(&script("head -c 5000000 /dev/zero; echo oh >&2; exit 3"), &mut |piece| {
                size += piece.len();
                Ok(())
            })
            .unwrap();
        assert_eq!((size, ended.status.code(), ended.told()), (5_000_000, Some(3), vec!["oh".to_owned()]));
        let (ended, said) = shell(LONG, &[]).collect(&script("echo $WRIT_SAID; sleep 1000 & exit 0"), 100).unwrap();
        assert!(ended.status.success());
        assert_eq!(said, b"hello\n");
        assert_eq!(ended.told(), ["exit status: 0"]);
    }

    #[test]
    fn what_takes_too_long_or_writes_too_much_is_killed() {
        let hangs = shell(Duration::from_millis(200), &[]).collect(&script("sleep 1000"), 100);
        assert!(matches!(hangs, Err(ProgramError::TimedOut { .. })), "{hangs:?}");
        let floods = shell(LONG, &[]).collect(&script("exec cat /dev/zero"), 100_000);
        assert!(matches!(floods, Err(ProgramError::Output { .. })), "{floods:?}");
        let absent = Program { path: "/nowhere".into(), ..shell(LONG, &[]) }.collect(&[], 1);
        assert!(matches!(absent, Err(ProgramError::Start { .. })), "{absent:?}");
    }

    #[test]
    fn a_complaint_is_told_from_its_end_and_without_secrets() {
        let text = "for i in 1 2 3 4 5 6 7 8; do echo \"line $i\" >&2; done; \
                    echo 'Fatal: rest:https://ann:s3cret@host/x and the password open sesame' >&2";
        let ended = shell(LONG, &["open sesame"]).stream(&script(text), &mut |_| Ok(())).unwrap();
        let told = ended.told();
        assert_eq!(told.len(), TOLD_LINES);
        assert_eq!(told[4], "Fatal: rest:https://…@host/x and the password [scrubbed:secret]");
        assert_eq!(without_credentials("a//b@c//d e@f //"), "a//…@c//d e@f //");
    }

    #[test]
    fn a_password_is_the_first_line() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("password");
        std::fs::write(&file, "open sesame\nmore\n").unwrap();
        assert_eq!(password(&file).unwrap(), "open sesame");
        std::fs::write(&file, "\n").unwrap();
        assert!(password(&file).unwrap_err().contains("it is empty"));
        std::fs::write(&file, vec![b'x'; 100_000]).unwrap();
        let said = password(&file).unwrap_err();
        assert!(said.contains("larger") && !said.contains("xxx"), "{said}");
        assert!(password(&dir.path().join("none")).is_err());
    }
}
