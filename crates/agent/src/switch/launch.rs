//! Starting what must outlive its starter: the driver, and the rollback timer.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use super::journal::{ProcessId, Timer};
use super::request::{Launch, SwitchRequest};
use crate::command;

/// How long systemd may take to start or stop a unit.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The program that drives.
const PROGRAM: &str = "writ-switch";

/// Why the driver or the timer could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The program is not where it should be.
    #[error("{PROGRAM} is not beside the running program ({0}): set switch_binary or install both together")]
    NoBinary(String),
    /// systemd could not start the unit.
    #[error("systemd-run {unit}: {message}")]
    Unit {
        /// The unit.
        unit: String,
        /// What it said.
        message: String,
    },
    /// The process could not be started.
    #[error("cannot start {}: {source}", program.display())]
    Process {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The program that drives: the one the request names, or `writ-switch` beside the running program, links followed, so
/// that it stays the old one whatever the profile comes to name.
pub fn binary(request: &SwitchRequest) -> Result<PathBuf, LaunchError> {
    if let Some(path) = &request.switch_binary {
        return Ok(path.clone());
    }
    let own = std::env::current_exe().map_err(|e| LaunchError::NoBinary(e.to_string()))?;
    let beside = own.with_file_name(PROGRAM);
    if beside.is_file() { Ok(beside) } else { Err(LaunchError::NoBinary(own.display().to_string())) }
}

/// Starts the driver of a request.
pub fn driver(request: &SwitchRequest) -> Result<(), LaunchError> {
    let program = binary(request)?;
    let arguments = arguments("run", request);
    match request.launch {
        Launch::SystemdRun => {
            let unit = format!("writ-switch-{}.service", request.serial);
            let about = "Writ: switching to another generation";
            // What is left of a killed driver must not block its successor, which has the same name.
            systemd_run(&unit, about, &["--property=TimeoutStopSec=2s"], &program, &arguments)
        }
        Launch::Process => detached(request, &program, &arguments).map(drop),
    }
}

/// Arms the rollback timer.
pub fn arm(request: &SwitchRequest, after: Duration) -> Result<Timer, LaunchError> {
    let program = binary(request)?;
    let mut arguments = arguments("rollback", request);
    match request.launch {
        Launch::SystemdRun => {
            let name = format!("writ-switch-rollback-{}", request.serial);
            let unit = format!("{name}.timer");
            disarm(&Timer::Unit(unit.clone()));
            let delay = format!("--on-active={}s", after.as_secs());
            let about = "Writ: roll back unless the switch is decided";
            systemd_run(&name, about, &[&delay, "--timer-property=AccuracySec=1s"], &program, &arguments)?;
            Ok(Timer::Unit(unit))
        }
        Launch::Process => {
            arguments.push("--after".into());
            arguments.push(format!("{}ms", after.as_millis()).into());
            detached(request, &program, &arguments).map(Timer::Process)
        }
    }
}

/// Disarms a rollback timer. One that is gone is fine; one that is firing right now finds the switch decided.
pub fn disarm(timer: &Timer) {
    match timer {
        Timer::Unit(unit) => {
            if let Some(systemctl) = command::find("systemctl") {
                let _ = command::run(&systemctl, &["stop".as_ref(), "--quiet".as_ref(), unit.as_ref()], TIMEOUT, 4096);
            }
        }
        Timer::Process(id) => id.signal(Signal::KILL),
    }
}

fn arguments(verb: &str, request: &SwitchRequest) -> Vec<OsString> {
    let serial = request.serial.to_string();
    vec![verb.into(), "--state-dir".into(), request.state_dir.clone().into(), "--serial".into(), serial.into()]
}

fn systemd_run(
    unit: &str,
    about: &str,
    options: &[&str],
    program: &Path,
    arguments: &[OsString],
) -> Result<(), LaunchError> {
    let failed = |message: String| LaunchError::Unit { unit: unit.to_owned(), message };
    let systemd_run = command::find("systemd-run").ok_or_else(|| failed("it is not installed".to_owned()))?;
    let (unit, about) = (format!("--unit={unit}"), format!("--description={about}"));
    let mut words: Vec<&std::ffi::OsStr> =
        vec!["--quiet".as_ref(), "--collect".as_ref(), unit.as_ref(), about.as_ref()];
    words.extend(options.iter().map(|o| std::ffi::OsStr::new(*o)));
    words.push(program.as_os_str());
    words.extend(arguments.iter().map(OsString::as_os_str));
    match command::run(&systemd_run, &words, TIMEOUT, 4096) {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
        Err(e) => Err(failed(e.to_string())),
    }
}

/// Starts a process that is not ours to wait for: it makes a session of its own, and writes into the state directory.
fn detached(request: &SwitchRequest, program: &Path, arguments: &[OsString]) -> Result<ProcessId, LaunchError> {
    let failed = |source| LaunchError::Process { program: program.to_owned(), source };
    let log = request.state_dir.join("switch.log");
    let log = File::options().append(true).create(true).open(log).map_err(failed)?;
    let mut child = Command::new(program)
        .args(arguments)
        .arg("--detach")
        .env("PATH", command::SEARCH_PATH)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log.try_clone().map_err(failed)?)
        .stderr(log)
        .spawn()
        .map_err(failed)?;
    let id = ProcessId::of(child.id().cast_signed()).ok_or_else(|| failed(io::Error::other("it ended at once")));
    // Somebody has to take note of its end while we live.
    std::thread::spawn(move || child.wait());
    id
}
