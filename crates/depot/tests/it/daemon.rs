//! The real `writ-depot`, on a port of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A running depot; killed when dropped.
pub struct Daemon {
    child: Child,
    pub address: SocketAddr,
    pub log: PathBuf,
}

/// How to start one.
pub struct Start<'a> {
    pub dir: &'a Path,
    pub data: PathBuf,
    pub arguments: Vec<String>,
    pub environment: Vec<(String, String)>,
}

/// Waits until something is so. The limit only ends a test that hangs.
pub fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(180);
    loop {
        let asked = Instant::now();
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < deadline, "still not: {what}");
        // Where it takes long to look, it is looked less often: what is waited for needs the processor.
        std::thread::sleep((asked.elapsed() * 4).clamp(Duration::from_millis(5), Duration::from_millis(250)));
    }
}

impl<'a> Start<'a> {
    /// On `dir/data`, with `dir/trust.json` and `dir/log.key`.
    pub fn new(dir: &'a Path) -> Self {
        Self { dir, data: dir.join("data"), arguments: Vec::new(), environment: Vec::new() }
    }

    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|a| (*a).to_owned()));
        self
    }

    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn command(&self, address_file: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_writ-depot"));
        command.arg("serve").arg("--trust").arg(self.dir.join("trust.json"));
        command.arg("--data").arg(&self.data).arg("--log-key").arg(self.dir.join("log.key"));
        command.args(["--listen", "127.0.0.1:0", "--address-file"]).arg(address_file);
        // Limits that would slow a test down, unless it is about them.
        for unlimited in ["--extra-writes", "--batches"] {
            if !self.arguments.iter().any(|argument| argument.starts_with(unlimited)) {
                command.args([unlimited, "0"]);
            }
        }
        if !self.arguments.iter().any(|argument| argument == "--database") {
            command.args(crate::server::arguments(&self.data));
        }
        command.args(&self.arguments).envs(self.environment.iter().map(|(n, v)| (n, v))).stdin(Stdio::null());
        // Nobody who waits for the end of our output waits for a depot.
        command.stdout(Stdio::null());
        command
    }

    /// Starts it and waits until it listens.
    pub fn start(self) -> Daemon {
        match self.try_start() {
            Ok(daemon) => daemon,
            Err((status, log)) => panic!("{status}: {log}"),
        }
    }

    /// Starts it; an error when it ends instead of listening.
    pub fn try_start(self) -> Result<Daemon, (ExitStatus, String)> {
        // In a folder of its own: the depot may write there, and may not where its trust root is.
        let addresses = self.dir.join("addresses");
        std::fs::create_dir_all(&addresses).unwrap();
        let address_file = addresses.join(format!("address-{}", unique()));
        let log = self.dir.join(format!("depot-{}.log", unique()));
        let mut command = self.command(&address_file);
        command.stderr(std::fs::File::create(&log).unwrap());
        let mut child = command.spawn().unwrap();
        let told = until("the depot to listen or to end", || {
            if let Ok(text) = std::fs::read_to_string(&address_file) {
                return Some(Ok(text.trim().parse().unwrap()));
            }
            child.try_wait().unwrap().map(Err)
        });
        match told {
            Ok(address) => Ok(Daemon { child, address, log }),
            Err(status) => Err((status, std::fs::read_to_string(&log).unwrap())),
        }
    }
}

/// Kills at every passage of a crash point, from the first, until one is not reached any more; returns how many there were.
/// Several at a time: each mostly waits for the second in which it was killed to pass.
pub fn until_not_killed(killed_at: fn(u64) -> bool) -> usize {
    const AT_ONCE: u64 = 6;
    let mut kills = 0;
    for first in (1..).step_by(usize::try_from(AT_ONCE).unwrap()) {
        let killed: Vec<bool> = std::thread::scope(|scope| {
            let threads: Vec<_> = (first..first + AT_ONCE).map(|at| scope.spawn(move || killed_at(at))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        kills += killed.iter().filter(|killed| **killed).count();
        if killed.contains(&false) {
            break;
        }
    }
    kills
}

pub fn unique() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

impl Daemon {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop and waits until it has.
    pub fn stop(mut self) -> ExitStatus {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
        until("the depot to stop", || self.child.try_wait().unwrap())
    }

    /// How it ended, once it has.
    pub fn ended(&mut self) -> ExitStatus {
        until("the depot to end", || self.child.try_wait().unwrap())
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{}", std::fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}
