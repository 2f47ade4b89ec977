//! Running another program: no shell, a fixed environment, a time limit, bounded output.
//!
//! A child gets its own process group. When the time is up, and also when the child itself has ended, whatever is left
//! of that group is killed: nothing that a step starts outlives the step's timeout (services belong to systemd).

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::process::{Pid, PidfdFlags, Signal};

use crate::cancel::Cancel;

/// Where programs are looked for, and the children's `PATH`.
pub const SEARCH_PATH: &str = "/run/current-system/sw/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What a program came to.
#[derive(Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// The first bytes of its standard output.
    pub stdout: Vec<u8>,
    /// The first bytes of its standard error.
    pub stderr: Vec<u8>,
    /// Whether either was longer than the limit.
    pub truncated: bool,
}

/// Why a program did not come to an end of its own.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It could not be started.
    #[error("cannot start {program}: {source}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It was killed because its time was up.
    #[error("{program} was killed: it had not finished within {} ms", limit.as_millis())]
    TimedOut {
        /// The program.
        program: String,
        /// How long it was given.
        limit: Duration,
        /// The first bytes of its standard output.
        stdout: Vec<u8>,
        /// The first bytes of its standard error.
        stderr: Vec<u8>,
    },
    /// It was killed because it was told to end.
    #[error("{program} was killed: it was told to end before it had finished")]
    Cancelled {
        /// The program.
        program: String,
        /// The first bytes of its standard output.
        stdout: Vec<u8>,
        /// The first bytes of its standard error.
        stderr: Vec<u8>,
    },
    /// It could not be watched.
    #[error("cannot follow {program}: {source}")]
    Follow {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
}

/// The first program of this name in [`SEARCH_PATH`].
pub fn find(name: &str) -> Option<PathBuf> {
    SEARCH_PATH.split(':').map(|dir| Path::new(dir).join(name)).find(|path| is_executable(path))
}

fn is_executable(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

/// Runs a program to its end, keeping at most `limit` bytes of each of its two outputs.
///
/// Its standard input is empty, its directory is `/`, its environment is [`SEARCH_PATH`] and `LC_ALL=C.UTF-8`.
///
/// # Errors
/// See [`CommandError`]; a program that ends with a failure of its own is not an error here.
pub fn run(program: &Path, args: &[&OsStr], timeout: Duration, limit: usize) -> Result<Output, CommandError> {
    run_unless(None, program, args, timeout, limit)
}

/// The same, but ends the program and what is left of its group as soon as the word is said.
///
/// # Errors
/// See [`CommandError`].
pub fn run_unless(
    cancel: Option<&Cancel>,
    program: &Path,
    args: &[&OsStr],
    timeout: Duration,
    limit: usize,
) -> Result<Output, CommandError> {
    run_given(None, cancel, program, args, timeout, limit)
}

/// The same, with this as its standard input: what a program is told that neither its arguments nor its environment may show.
/// At most 64 KiB.
///
/// # Errors
/// See [`CommandError`].
pub fn run_given(
    input: Option<&[u8]>,
    cancel: Option<&Cancel>,
    program: &Path,
    args: &[&OsStr],
    timeout: Duration,
    limit: usize,
) -> Result<Output, CommandError> {
    let deadline = Instant::now() + timeout;
    let name = || program.display().to_string();
    let input = stdin(input).map_err(|source| CommandError::Start { program: name(), source })?;
    let mut child = Command::new(program)
        .args(args)
        .env_clear()
        .env("PATH", SEARCH_PATH)
        .env("LC_ALL", "C.UTF-8")
        .current_dir("/")
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|source| CommandError::Start { program: name(), source })?;
    let followed = follow(&mut child, deadline, cancel, limit);
    kill_group(&child);
    let status = child.wait();
    match (followed, status) {
        (Ok((Ended::ByItself, [out, err])), Ok(status)) => {
            Ok(Output { status, truncated: out.truncated || err.truncated, stdout: out.kept, stderr: err.kept })
        }
        (Ok((Ended::TimeUp, [out, err])), Ok(_)) => {
            Err(CommandError::TimedOut { program: name(), limit: timeout, stdout: out.kept, stderr: err.kept })
        }
        (Ok((Ended::Cancelled, [out, err])), Ok(_)) => {
            Err(CommandError::Cancelled { program: name(), stdout: out.kept, stderr: err.kept })
        }
        (Err(source), _) | (_, Err(source)) => Err(CommandError::Follow { program: name(), source }),
    }
}

/// A standard input that holds this, and ends.
fn stdin(input: Option<&[u8]>) -> io::Result<Stdio> {
    let Some(bytes) = input else { return Ok(Stdio::null()) };
    let (reader, mut writer) = io::pipe()?;
    // A pipe takes 64 KiB before anybody reads (pipe(7)). Where it takes less, that is an error and no endless wait.
    rustix::fs::fcntl_setfl(&writer, OFlags::NONBLOCK)?;
    writer.write_all(bytes)?;
    Ok(reader.into())
}

enum Ended {
    ByItself,
    TimeUp,
    Cancelled,
}

/// One output of the child, read without blocking.
struct Stream {
    pipe: Option<File>,
    kept: Vec<u8>,
    limit: usize,
    truncated: bool,
}

impl Stream {
    fn new(pipe: Option<OwnedFd>, limit: usize) -> io::Result<Self> {
        if let Some(fd) = &pipe {
            rustix::fs::fcntl_setfl(fd, OFlags::NONBLOCK)?;
        }
        Ok(Self { pipe: pipe.map(File::from), kept: Vec::new(), limit, truncated: false })
    }

    /// Takes what is there now; what exceeds the limit is read, so that the child is not held up, and dropped.
    fn drain(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        // A child that writes without end must not keep us here: the caller looks at the clock between calls.
        for _ in 0..64 {
            let Some(pipe) = &mut self.pipe else { return Ok(()) };
            match pipe.read(&mut buffer) {
                Ok(0) => self.pipe = None,
                Ok(read) => {
                    let take = read.min(self.limit - self.kept.len());
                    self.kept.extend_from_slice(&buffer[..take]);
                    self.truncated |= take < read;
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

/// Reads both outputs until the child ends, the time is up, or the word is said.
fn follow(
    child: &mut Child,
    deadline: Instant,
    cancel: Option<&Cancel>,
    limit: usize,
) -> io::Result<(Ended, [Stream; 2])> {
    let ended = rustix::process::pidfd_open(pid(child)?, PidfdFlags::empty())?;
    let out = Stream::new(child.stdout.take().map(OwnedFd::from), limit)?;
    let err = Stream::new(child.stderr.take().map(OwnedFd::from), limit)?;
    let mut streams = [out, err];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok((Ended::TimeUp, streams));
        }
        if cancel.is_some_and(Cancel::is_cancelled) {
            return Ok((Ended::Cancelled, streams));
        }
        let child_ended = wait_for_any(&ended, &streams, cancel, left)?;
        for stream in &mut streams {
            stream.drain()?;
        }
        if child_ended {
            return Ok((Ended::ByItself, streams));
        }
    }
}

/// Waits until the child ends, writes, the word is said or the time is up; returns whether it has ended.
fn wait_for_any(ended: &OwnedFd, streams: &[Stream; 2], cancel: Option<&Cancel>, left: Duration) -> io::Result<bool> {
    let mut fds = vec![PollFd::new(ended, PollFlags::IN)];
    fds.extend(cancel.map(|cancel| PollFd::from_borrowed_fd(cancel.as_fd(), PollFlags::IN)));
    fds.extend(
        streams
            .iter()
            .filter_map(|s| s.pipe.as_ref())
            .map(|pipe| PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN)),
    );
    let timeout = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 3600, tv_nsec: 0 });
    match poll(&mut fds, Some(&timeout)) {
        Ok(_) => Ok(!fds[0].revents().is_empty()),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

fn pid(child: &Child) -> io::Result<Pid> {
    i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| io::Error::other("the child has no process id"))
}

/// Kills what is left of the child's group. The child is not yet waited for, so its id still stands for that group.
fn kill_group(child: &Child) {
    if let Ok(pid) = pid(child) {
        let _ = rustix::process::kill_process_group(pid, Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn shell(script: &str, timeout: Duration, limit: usize) -> Result<Output, CommandError> {
        run(Path::new("/bin/sh"), &[OsStr::new("-c"), OsStr::new(script)], timeout, limit)
    }

    const LONG: Duration = Duration::from_secs(30);

    /// Whether a process has ended within a bounded time; a zombie has.
    fn has_ended(pid: &str) -> bool {
        let deadline = Instant::now() + LONG;
        while Instant::now() < deadline {
            match fs::read_to_string(format!("/proc/{}/stat", pid.trim())) {
                Ok(stat) if !stat.contains(") Z ") => std::thread::yield_now(),
                _ => return true,
            }
        }
        false
    }

    #[test]
    fn both_outputs_and_the_exit_code_come_back() {
        let output = shell("echo out; echo err >&2; exit 3", LONG, 100).unwrap();
        assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"out\n"[..], &b"err\n"[..]));
        assert_eq!(output.status.code(), Some(3));
        assert!(!output.truncated);
    }

    #[test]
    fn what_is_handed_over_is_read_to_its_end() {
        let given = vec![b'x'; 32 * 1024];
        let run = |input| run_given(input, None, Path::new("/usr/bin/wc"), &[OsStr::new("-c")], LONG, 100).unwrap();
        assert_eq!(run(Some(&given)).stdout, b"32768\n");
        assert_eq!(run(None).stdout, b"0\n");
        // A program that does not read it ends all the same.
        let ignores = run_given(Some(&given), None, Path::new("/bin/true"), &[], LONG, 100).unwrap();
        assert!(ignores.status.success());
        let too_much = vec![b'x'; 1024 * 1024];
        let refused = run_given(Some(&too_much), None, Path::new("/bin/true"), &[], LONG, 100);
        assert!(matches!(refused, Err(CommandError::Start { .. })), "{refused:?}");
    }

    #[test]
    fn nothing_of_our_environment_is_passed_on() {
        let output = run(Path::new("/usr/bin/env"), &[], LONG, 4096).unwrap();
        let mut names: Vec<_> = output.stdout.split(|b| *b == b'\n').filter(|line| !line.is_empty()).collect();
        names.sort_unstable();
        assert_eq!(names, [b"LC_ALL=C.UTF-8", format!("PATH={SEARCH_PATH}").as_bytes()]);
    }

    #[test]
    fn output_is_bounded_and_the_program_still_ends() {
        let output = shell("head -c 3000000 /dev/zero; echo done >&2", LONG, 1000).unwrap();
        assert_eq!((output.stdout.len(), &output.stderr[..], output.truncated), (1000, &b"done\n"[..], true));
    }

    #[test]
    fn when_the_time_is_up_the_whole_group_is_killed() {
        let began = Instant::now();
        // The grandchild ignores polite signals and holds the outputs open.
        let script = "(trap '' TERM HUP INT; exec sleep 1000) & echo $!; wait";
        let error = shell(script, Duration::from_secs(1), 100).unwrap_err();
        let CommandError::TimedOut { stdout, .. } = &error else { panic!("{error}") };
        assert!(has_ended(&String::from_utf8_lossy(stdout)));
        assert!(began.elapsed() < LONG);
    }

    #[test]
    fn the_word_to_end_kills_the_whole_group() {
        let cancel = Cancel::new().unwrap();
        let said = cancel.clone();
        let dir = tempfile::tempdir().unwrap();
        let runs = dir.path().join("runs");
        let at = runs.display();
        let script = format!("(trap '' TERM HUP INT; exec sleep 1000) & echo $! >{at}.new; mv {at}.new {at}; wait");
        let told = std::thread::spawn(move || {
            while !runs.exists() {
                std::thread::yield_now();
            }
            said.cancel();
            fs::read_to_string(runs).unwrap()
        });
        let arguments = [OsStr::new("-c"), OsStr::new(&script)];
        let error = run_unless(Some(&cancel), Path::new("/bin/sh"), &arguments, LONG, 100).unwrap_err();
        assert!(matches!(error, CommandError::Cancelled { .. }), "{error}");
        assert!(has_ended(&told.join().unwrap()));
        let error = run_unless(Some(&cancel), Path::new("/bin/sh"), &arguments, LONG, 100).unwrap_err();
        assert!(matches!(error, CommandError::Cancelled { .. }), "what was said stays said: {error}");
    }

    #[test]
    fn a_program_that_writes_for_ever_is_killed_in_time() {
        let began = Instant::now();
        let error = shell("exec cat /dev/zero", Duration::from_secs(1), 100).unwrap_err();
        assert!(matches!(error, CommandError::TimedOut { .. }), "{error}");
        assert!(began.elapsed() < LONG);
    }

    #[test]
    fn what_is_left_behind_is_killed_at_the_end() {
        let output = shell("sleep 1000 & echo $!", LONG, 100).unwrap();
        assert!(output.status.success());
        assert!(has_ended(&String::from_utf8_lossy(&output.stdout)));
    }

    #[test]
    fn what_cannot_be_started_says_so() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for bad in [Path::new("/nowhere"), Path::new("/etc"), file.path(), Path::new("")] {
            let error = run(bad, &[], LONG, 100).unwrap_err();
            assert!(matches!(error, CommandError::Start { .. }), "{error}");
        }
        assert!(find("no-such-program-anywhere").is_none() && find("sh").is_some());
    }
}
