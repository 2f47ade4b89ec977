//! One driver at a time, and one at the boot loader: locks on files of the state directory, which end with the process that
//! holds them.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, PidfdFlags, Signal};

use super::SwitchError;
use super::journal::ProcessId;

/// The journal's lock in the state directory.
const FILE: &str = "switch.lock";
/// The boot loader's.
const LOADER: &str = "switch.loader.lock";
/// How often a lock that is waited for is tried.
const RETRY: Duration = Duration::from_millis(20);

/// The right to write the journal, or to touch what the boot loader reads, held until dropped.
#[derive(Debug)]
pub struct Hold {
    _file: File,
}

impl Hold {
    /// Takes the journal's lock, waiting for at most `patience`.
    pub fn take(state_dir: &Path, patience: Duration) -> Result<Self, SwitchError> {
        Self::of(state_dir, FILE, patience)
    }

    /// Takes the boot loader's lock. Who has it does not wait for the journal's: who waits for this one may have that.
    pub fn of_loader(state_dir: &Path, patience: Duration) -> Result<Self, SwitchError> {
        Self::of(state_dir, LOADER, patience)
    }

    fn of(state_dir: &Path, name: &str, patience: Duration) -> Result<Self, SwitchError> {
        let path = state_dir.join(name);
        let failed = |source| SwitchError::Lock { path: path.clone(), source };
        writ_durable::create_directories(state_dir).map_err(failed)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(&path).map_err(failed)?;
        let deadline = Instant::now() + patience;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < deadline => std::thread::sleep(RETRY),
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    let holder = holder(&path).map_or_else(|| "unknown".to_owned(), |id| id.pid.to_string());
                    return Err(SwitchError::Running(holder));
                }
                Err(e) => return Err(failed(e.into())),
            }
        }
        write_holder(&mut file).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

fn write_holder(file: &mut File) -> io::Result<()> {
    let me = ProcessId::of(std::process::id().cast_signed()).ok_or_else(|| io::Error::other("/proc is not there"))?;
    file.rewind()?;
    file.set_len(0)?;
    writeln!(file, "{} {}", me.pid, me.started)
}

fn holder(path: &Path) -> Option<ProcessId> {
    let mut text = String::new();
    File::open(path).ok()?.take(100).read_to_string(&mut text).ok()?;
    let (pid, started) = text.trim().split_once(' ')?;
    Some(ProcessId { pid: pid.parse().ok()?, started: started.parse().ok()? })
}

/// Kills the driver that holds the lock, if any, and what it has started, such as an activation that hangs. All of them
/// are stopped first: none may go on, or start another, because of what happens to the rest.
pub fn kill_holder(state_dir: &Path) {
    let path: PathBuf = state_dir.join(FILE);
    let Some(driver) = holder(&path) else { return };
    driver.signal(Signal::STOP);
    let mut family = vec![driver];
    loop {
        let found: Vec<_> = descendants(driver.pid).into_iter().filter(|p| !family.contains(p)).collect();
        if found.is_empty() {
            break;
        }
        found.iter().for_each(|p| p.signal(Signal::STOP));
        family.extend(found);
    }
    // The driver last: whoever watches it finds nothing left of it.
    family.iter().rev().for_each(|p| p.signal(Signal::KILL));
}

/// The children of a process, their children, and so on.
fn descendants(pid: i32) -> Vec<ProcessId> {
    let processes = procfs::process::all_processes().into_iter().flatten();
    let all: Vec<_> = processes.filter_map(|p| p.ok()?.stat().ok()).collect();
    let mut family = vec![pid];
    let mut found = Vec::new();
    while let Some(parent) = family.pop() {
        for child in all.iter().filter(|p| p.ppid == parent && p.pid != parent) {
            family.push(child.pid);
            found.push(ProcessId { pid: child.pid, started: child.starttime });
        }
    }
    found
}

impl ProcessId {
    /// The process of this number, if there is one.
    pub fn of(pid: i32) -> Option<Self> {
        let stat = procfs::process::Process::new(pid).ok()?.stat().ok()?;
        Some(Self { pid, started: stat.starttime })
    }

    /// Sends a signal to exactly this process, and to no later one of the same number. Never to the caller itself.
    pub fn signal(self, signal: Signal) {
        if self.pid == std::process::id().cast_signed() {
            return;
        }
        let Some(pid) = Pid::from_raw(self.pid) else { return };
        // The descriptor is opened first: from then on the number cannot pass to another process unnoticed.
        let Ok(handle) = rustix::process::pidfd_open(pid, PidfdFlags::empty()) else { return };
        if Self::of(self.pid) == Some(self) {
            let _ = rustix::process::pidfd_send_signal(&handle, signal);
        }
    }
}
