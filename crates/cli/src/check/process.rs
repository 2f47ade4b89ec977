//! Running a program with bounded time and bounded output.

use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What a program left behind.
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote on standard output.
    pub stdout: Vec<u8>,
    /// What it wrote on standard error, as far as it is kept.
    pub stderr: String,
}

/// Why there is no output.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It could not be started.
    #[error("{program} could not be started")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// Its output could not be read.
    #[error("the output of {program} could not be read")]
    Read {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It took too long.
    #[error("{program} took more than {seconds} s")]
    TooSlow {
        /// The program.
        program: String,
        /// The bound.
        seconds: u64,
    },
    /// It wrote too much.
    #[error("{program} wrote more than {limit} bytes")]
    TooMuch {
        /// The program.
        program: String,
        /// The bound.
        limit: u64,
    },
}

/// The most of standard error that is kept, in bytes.
const MOST_STDERR: u64 = 1 << 20;

/// Runs a command to its end, at most `time` long and with at most `limit` bytes on standard output.
pub fn run(mut command: Command, time: Duration, limit: u64) -> Result<Output, ProcessError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| ProcessError::Start { program: program.clone(), source })?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        // One byte more than the bound tells whether it was passed. A reader that stops early closes the pipe, and the
        // program ends on its next write.
        let out = scope.spawn(move || read(stdout, limit + 1));
        let err = scope.spawn(move || read(stderr, MOST_STDERR));
        let status = wait(&mut child, started, time);
        if status.is_none() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let failed = |source| ProcessError::Read { program: program.clone(), source };
        let joined = |result: thread::Result<io::Result<Vec<u8>>>| {
            result.unwrap_or_else(|_| Err(io::Error::other("the reader ended"))).map_err(failed)
        };
        let (stdout, stderr) = (joined(out.join())?, joined(err.join())?);
        if stdout.len() as u64 > limit {
            return Err(ProcessError::TooMuch { program: program.clone(), limit });
        }
        let status =
            status.ok_or_else(|| ProcessError::TooSlow { program: program.clone(), seconds: time.as_secs() })?;
        Ok(Output { status, stdout, stderr: String::from_utf8_lossy(&stderr).into_owned() })
    })
}

fn read(pipe: Option<impl Read>, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(limit).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// Waits for the end, or for the time to run out. The pause grows from 1 to 20 ms: short runs are answered at once.
fn wait(child: &mut Child, started: Instant, time: Duration) -> Option<ExitStatus> {
    let mut pause = Duration::from_millis(1);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if started.elapsed() < time => thread::sleep(pause),
            _ => return None,
        }
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn keeps_both_streams_and_the_status() {
        let output = run(shell("echo out; echo err >&2; exit 3"), Duration::from_secs(10), 100).unwrap();
        assert_eq!((output.stdout.as_slice(), output.stderr.as_str()), (&b"out\n"[..], "err\n"));
        assert_eq!(output.status.code(), Some(3));
    }

    #[test]
    fn too_much_and_too_slow_are_errors() {
        let many = run(shell("while :; do echo xxxxxxxxxxxxxxxx; done"), Duration::from_secs(10), 1000);
        assert!(matches!(many, Err(ProcessError::TooMuch { limit: 1000, .. })));
        let slow = run(shell("exec sleep 60"), Duration::from_millis(50), 1000);
        assert!(matches!(slow, Err(ProcessError::TooSlow { .. })));
        let gone = run(Command::new("/nonexistent/program"), Duration::from_secs(1), 1);
        assert!(matches!(gone, Err(ProcessError::Start { .. })));
    }
}
