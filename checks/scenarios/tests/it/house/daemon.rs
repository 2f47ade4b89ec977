//! `writ-enforce` as a daemon, watched and killed.

use std::fs::{self, File};
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use writ_scenarios::run;

use super::House;

/// How long anything that the programs do by themselves may take.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running enforcer; killed when dropped.
pub struct Daemon {
    child: Child,
    said: PathBuf,
    socket: UnixDatagram,
}

impl House {
    /// Starts the daemon and waits until it says that it is ready.
    pub fn daemon(&self) -> Daemon {
        let mut daemon = self.spawn(self.enforcer());
        daemon.await_ready();
        daemon
    }

    /// Starts a command that is the daemon, or ends in it, without waiting.
    pub fn spawn(&self, mut command: Command) -> Daemon {
        let socket = self.path("notify.sock");
        let _ = fs::remove_file(&socket);
        let listening = UnixDatagram::bind(&socket).unwrap();
        let said = self.path("daemon.stderr");
        let file = File::options().create(true).append(true).open(&said).unwrap();
        command.env("NOTIFY_SOCKET", &socket).stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
        let child = command.spawn().unwrap();
        Daemon { child, said, socket: listening }
    }

    /// The processes that work on this house's state, by their command lines.
    pub fn processes(&self, program: &str) -> Vec<Pid> {
        let own = self.path("").display().to_string();
        let of = |entry: io::Result<fs::DirEntry>| {
            let pid: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).into_owned();
            let first = line.split('\0').next()?;
            let named = Path::new(first).file_name()?.to_str()? == program;
            (named && line.contains(own.trim_end_matches('/'))).then(|| Pid::from_raw(pid)).flatten()
        };
        fs::read_dir("/proc").unwrap().filter_map(of).collect()
    }

    /// Kills every process of a program that works on this house; gives how many there were.
    pub fn kill_all(&self, program: &str) -> usize {
        let killed = |pid: &Pid| rustix::process::kill_process(*pid, Signal::KILL).is_ok();
        self.processes(program).iter().filter(|pid| killed(pid)).count()
    }

    /// Waits until something holds; the error carries what the daemon said.
    pub fn wait_for(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let waited = run::wait(what, PATIENCE, || Ok(holds().then_some(())));
        if let Err(e) = waited {
            let said = fs::read_to_string(self.path("daemon.stderr")).unwrap_or_default();
            panic!("{e}; the enforcer said:\n{said}");
        }
    }
}

impl Daemon {
    fn await_ready(&mut self) {
        self.socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let start = Instant::now();
        let mut buffer = [0; 4096];
        while start.elapsed() < PATIENCE {
            match self.socket.recv(&mut buffer) {
                Ok(n) if buffer[..n].split(|b| *b == b'\n').any(|line| line == b"READY=1") => return,
                _ => assert!(self.ended().is_none(), "the daemon ended before it was ready:\n{}", self.said()),
            }
        }
        panic!("the daemon did not become ready:\n{}", self.said());
    }

    /// What it said on standard error so far, over all starts.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.said).unwrap_or_default()
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        run::wait("the daemon's end", PATIENCE, || Ok(self.child.try_wait()?)).unwrap()
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// As a power cut would.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// As systemd would.
    pub fn stop(mut self) -> ExitStatus {
        let _ = rustix::process::kill_process(self.pid(), Signal::TERM);
        self.wait()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
