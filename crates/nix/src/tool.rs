//! Running Nix's own programs: never through a shell, never with the machine's nix.conf, bounded in time and output.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal};
use writ_trust::text::one_line;

/// The most that is read of what a program writes, in bytes.
const MAX_OUTPUT: u64 = 64 * 1024 * 1024;
/// The most of an error message that is kept, in bytes from its end.
const MAX_MESSAGE: usize = 16 * 1024;
/// How long any one call may take: a first import of a whole system from a slow disk ends well within it.
const TIMEOUT: Duration = Duration::from_secs(2 * 3600);

/// How to call Nix on this machine.
#[derive(Debug, Clone, Default)]
pub struct Nix {
    /// Where `nix`, `nix-store` and `nix-env` are; the `PATH` when not given.
    pub bin_dir: Option<PathBuf>,
    /// The root whose `/nix/store` is meant, when not this machine's own: a disk that is being installed.
    pub root: Option<PathBuf>,
}

/// Why a call of Nix did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum NixError {
    /// The program could not be started.
    #[error("cannot start {program}: {source}; is Nix installed (Debian: nix-bin)?")]
    Start {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// The program could not be followed.
    #[error("cannot follow {program}: {source}")]
    Follow {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// The program did not end in time, and was killed.
    #[error("{program} did not end within {} s and was killed", limit.as_secs())]
    TimedOut {
        /// The program.
        program: String,
        /// How long it was given.
        limit: Duration,
    },
    /// The program failed.
    #[error("{program} failed ({status}): {message}")]
    Failed {
        /// The program and the beginning of its arguments.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it said.
        message: String,
    },
    /// The program wrote more than anything sensible.
    #[error("{program} wrote more than {MAX_OUTPUT} bytes")]
    TooMuch {
        /// The program.
        program: String,
    },
}

impl Nix {
    /// Runs one of Nix's programs to its end and returns what it wrote.
    ///
    /// The machine's nix.conf, the user's, and everything of Nix in the environment are ignored: what is allowed is
    /// what the arguments say.
    pub fn run<S: AsRef<OsStr>>(&self, program: &str, arguments: &[S]) -> Result<Vec<u8>, NixError> {
        let mut command = self.command(program);
        command.args(arguments).process_group(0);
        run(program, command, TIMEOUT)
    }

    /// Where a path of the store is on this machine's disk.
    pub fn on_disk(&self, store_path: &str) -> PathBuf {
        match &self.root {
            Some(root) => root.join(store_path.trim_start_matches('/')),
            None => PathBuf::from(store_path),
        }
    }

    /// One of Nix's programs with everything but its arguments.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = match &self.bin_dir {
            Some(dir) => Command::new(dir.join(program)),
            None => Command::new(program),
        };
        for variable in
            ["NIX_CONFIG", "NIX_PATH", "NIX_REMOTE", "NIX_STORE_DIR", "NIX_STATE_DIR", "NIX_USER_CONF_FILES"]
        {
            command.env_remove(variable);
        }
        // A folder that cannot exist, and an empty list: no configuration file at all.
        command.env("NIX_CONF_DIR", "/dev/null").env("NIX_USER_CONF_FILES", "").env("LC_ALL", "C.UTF-8");
        if let Some(root) = &self.root {
            let mut store = std::ffi::OsString::from("local?root=");
            store.push(root);
            command.env("NIX_REMOTE", store);
        }
        command.args(["--option", "build-users-group", "", "--option", "substituters", ""]);
        if program == "nix" {
            command.args(["--extra-experimental-features", "nix-command"]);
        }
        command
    }
}

/// Runs a command for at most `limit`, and returns what it wrote on standard output, which is bounded too. When its time
/// is over it is killed: with its children if it leads a process group; if not, a terminal's Ctrl-C reaches it as well.
pub(crate) fn run(program: &str, mut command: Command, limit: Duration) -> Result<Vec<u8>, NixError> {
    let named = || program.to_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|source| NixError::Start { program: named(), source })?;
    let out = child.stdout.take().map(|pipe| collect(pipe, MAX_OUTPUT));
    let err = child.stderr.take().map(|pipe| collect_end(pipe, MAX_MESSAGE));
    let ended = wait_until(&child, Instant::now() + limit);
    if !matches!(ended, Ok(true)) {
        kill_group(&child);
        let _ = child.kill();
    }
    let status = child.wait();
    let (out, err) = (join(out), join(err));
    let follow = |source| NixError::Follow { program: named(), source };
    if !ended.map_err(follow)? {
        return Err(NixError::TimedOut { program: named(), limit });
    }
    let status = status.map_err(follow)?;
    let (out, err) = (out.map_err(follow)?, err.map_err(follow)?);
    if !status.success() {
        let arguments: Vec<_> = command.get_args().map(|a| a.to_string_lossy().into_owned()).collect();
        let message = String::from_utf8_lossy(&err).trim().to_owned();
        let program = format!("{program} {}", one_line(arguments.join(" ")));
        return Err(NixError::Failed { program, status, message });
    }
    if out.len() as u64 > MAX_OUTPUT { Err(NixError::TooMuch { program: named() }) } else { Ok(out) }
}

/// Reads a pipe to its end on a thread of its own, keeping at most `limit` bytes and one more.
fn collect(mut pipe: impl Read + Send + 'static, limit: u64) -> JoinHandle<io::Result<Vec<u8>>> {
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        (&mut pipe).take(limit + 1).read_to_end(&mut kept)?;
        // Read on, or the program would hang on a full pipe.
        io::copy(&mut pipe, &mut io::sink())?;
        Ok(kept)
    })
}

/// Reads a pipe to its end on a thread of its own, keeping the last `limit` bytes: Nix tells of every path it copies
/// before it says what went wrong.
fn collect_end(mut pipe: impl Read + Send + 'static, limit: usize) -> JoinHandle<io::Result<Vec<u8>>> {
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        while (&mut pipe).take(limit as u64).read_to_end(&mut kept)? > 0 {
            kept.drain(..kept.len().saturating_sub(limit));
        }
        Ok(kept)
    })
}

fn join(reader: Option<JoinHandle<io::Result<Vec<u8>>>>) -> io::Result<Vec<u8>> {
    match reader.map(JoinHandle::join) {
        Some(Ok(read)) => read,
        Some(Err(_)) => Err(io::Error::other("reading the program's output panicked")),
        None => Ok(Vec::new()),
    }
}

fn pid(child: &Child) -> io::Result<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or_else(|| io::Error::other("no process id"))
}

/// Waits until the child ends (true) or the deadline has passed (false).
fn wait_until(child: &Child, deadline: Instant) -> io::Result<bool> {
    let ended = rustix::process::pidfd_open(pid(child)?, PidfdFlags::empty())?;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        let timeout = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 3600, tv_nsec: 0 });
        match poll(&mut [PollFd::new(&ended, PollFlags::IN)], Some(&timeout)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => return Ok(true),
            Err(e) => return Err(e.into()),
        }
    }
}

fn kill_group(child: &Child) {
    if let Ok(pid) = pid(child) {
        let _ = rustix::process::kill_process_group(pid, Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).process_group(0);
        command
    }

    #[test]
    fn a_program_that_does_not_end_is_killed_with_its_children() {
        let began = Instant::now();
        let result = run("sh", shell("sleep 1000 & sleep 1000"), Duration::from_millis(50));
        assert!(matches!(result, Err(NixError::TimedOut { .. })), "{result:?}");
        assert!(began.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn a_program_without_a_group_is_killed_too() {
        let mut command = Command::new("sleep");
        command.arg("1000");
        let result = run("sleep", command, Duration::from_millis(50));
        assert!(matches!(result, Err(NixError::TimedOut { .. })), "{result:?}");
    }

    #[test]
    fn failures_say_what_the_program_said() {
        let result = run("sh", shell("echo no such thing >&2; exit 3"), TIMEOUT);
        assert!(result.unwrap_err().to_string().contains("no such thing"));
        let mut chatty =
            shell("i=0; while [ $i -lt 3000 ]; do echo copying $i >&2; i=$((i+1)); done; echo the end >&2; exit 1");
        chatty.args(vec!["/nix/store/x"; 500]);
        let error = run("sh", chatty, TIMEOUT).unwrap_err().to_string();
        assert!(error.ends_with("the end"), "{error}");
        assert!(error.len() < MAX_MESSAGE + 2_000, "{}", error.len());
        let nix = Nix { bin_dir: Some("/nonexistent".into()), root: None };
        assert!(matches!(nix.run("nix", &["--version"]), Err(NixError::Start { .. })));
    }
}
