//! Telling somebody: a command of the operator's choice, given the report.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal};

use super::report::Report;

/// How long the command may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs `sh -c COMMAND` with the report as JSON on its standard input.
pub fn run(command: &str, report: &Report) -> Result<(), String> {
    let text = serde_json::to_string_pretty(report).map_err(|e| e.to_string())? + "\n";
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|e| format!("cannot start sh: {e}"))?;
    let pid = Pid::from_child(&child);
    // In a thread of its own: a command that does not read must not hold this up.
    let input = child.stdin.take();
    let writer = std::thread::spawn(move || {
        if let Some(mut input) = input {
            let _ = input.write_all(text.as_bytes());
        }
    });
    let ended = rustix::process::pidfd_open(pid, PidfdFlags::empty()).and_then(|fd| {
        let limit = Timespec { tv_sec: i64::try_from(LIMIT.as_secs()).unwrap_or(60), tv_nsec: 0 };
        poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&limit))
    });
    if !matches!(ended, Ok(1..)) {
        let _ = rustix::process::kill_process_group(pid, Signal::KILL);
    }
    let status = child.wait().map_err(|e| format!("cannot follow it: {e}"))?;
    let _ = writer.join();
    match ended {
        Ok(1..) if status.success() => Ok(()),
        Ok(1..) => Err(format!("it ended with {status}")),
        Ok(_) => Err(format!("it was killed: it had not finished within {} s", LIMIT.as_secs())),
        Err(e) => Err(format!("cannot follow it: {e}")),
    }
}
