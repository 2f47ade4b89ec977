//! A private PostgreSQL, of Debian's package as `cargo xtask test` unpacks it, and a database for each data directory.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError, mpsc};

use postgres::{Client, NoTls};
use tempfile::TempDir;
use writ_trust::digest::Digest;

use crate::daemon::until;

/// Says that every depot of these tests has its database in PostgreSQL.
const EVERYWHERE: &str = "WRIT_TEST_ON_POSTGRESQL";
const NOBODY: u32 = 65_534;
/// Who owns the server, and who owns the depots' databases.
const OWNER: &str = "owner";
pub const DEPOT: &str = "depot";
pub const PASSWORD: &str = "not a secret of anybody";

/// A server of ours; ended when dropped.
pub struct Server {
    pub dir: TempDir,
    pub port: u16,
    child: Option<Child>,
    made: Mutex<BTreeSet<String>>,
}

fn peer() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers/postgresql");
    assert!(folder.join(".unpacked").exists(), "{}: not there: `cargo xtask test` unpacks it", folder.display());
    folder.canonicalize().unwrap()
}

/// A program of the package. As root it runs as nobody, for root may not run a server; it ends with this process in any case.
fn program(name: &str, dir: &Path) -> Command {
    let peer = peer();
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if rustix::process::geteuid().is_root() {
        let id = NOBODY.to_string();
        command.args(["--reuid", &id, "--regid", &id, "--clear-groups"]);
    }
    command.arg(peer.join("usr/lib/postgresql/15/bin").join(name)).arg("-D").arg(dir.join("data"));
    let libraries = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"].map(|folder| peer.join(folder));
    command.env("LD_LIBRARY_PATH", libraries.map(|path| path.display().to_string()).join(":"));
    command.current_dir(dir).env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// Starts a program from a thread that lasts as long as this process: what ends with its parent ends with the thread that began it.
fn spawn(command: Command) -> Child {
    type Wanted = (Command, mpsc::Sender<Child>);
    static SPAWNER: OnceLock<Mutex<mpsc::Sender<Wanted>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, wanted) = mpsc::channel::<Wanted>();
        std::thread::spawn(move || {
            for (mut command, started) in wanted {
                started.send(command.spawn().unwrap()).unwrap();
            }
        });
        Mutex::new(sender)
    });
    let (sender, started) = mpsc::channel();
    spawner.lock().unwrap().send((command, sender)).unwrap();
    started.recv().unwrap()
}

impl Server {
    /// Makes and starts one.
    pub fn new() -> Self {
        Self::with(&[])
    }

    /// The same, with settings of its own.
    pub fn with(settings: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(dir.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let mut initdb = program("initdb", dir.path());
        initdb.args(["-U", OWNER, "--auth-local=trust", "--auth-host=scram-sha-256", "--no-sync"]);
        initdb.args(["--locale=C", "--encoding=UTF8", "--no-instructions"]);
        let made = initdb.output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Self { dir, port, child: None, made: Mutex::new(BTreeSet::new()) };
        server.start(settings);
        let role = format!("CREATE ROLE {DEPOT} LOGIN PASSWORD '{PASSWORD}'");
        server.owner("postgres").batch_execute(&role).unwrap();
        server
    }

    pub fn start(&mut self, settings: &[&str]) {
        let mut command = program("postgres", self.dir.path());
        command.arg("-k").arg(self.dir.path()).args(["-p", &self.port.to_string()]);
        command.args(["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=300", "-c", "shared_buffers=64MB"]);
        settings.iter().for_each(|setting| {
            command.args(["-c", setting]);
        });
        let log = self.dir.path().join("log");
        command.stderr(std::fs::File::options().create(true).append(true).open(&log).unwrap());
        let mut child = spawn(command);
        until("PostgreSQL to take connections", || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("PostgreSQL did not start: {status}: {}", std::fs::read_to_string(&log).unwrap());
            }
            self.connect("postgres", OWNER).ok()
        });
        self.child = Some(child);
    }

    /// Ends it at once, as a power cut does, or in order.
    pub fn stop(&mut self, signal: &str) {
        let Some(mut child) = self.child.take() else { return };
        let _ = Command::new("kill").args([signal, &child.id().to_string()]).status();
        child.wait().unwrap();
        // Killed, its own processes end after it.
        until("nobody listens any more", || self.connect("postgres", OWNER).is_err().then_some(()));
    }

    fn connect(&self, database: &str, user: &str) -> Result<Client, postgres::Error> {
        let mut config = postgres::Config::new();
        config.host_path(self.dir.path()).port(self.port).dbname(database).user(user).connect(NoTls)
    }

    /// A connection as the owner of the server.
    pub fn owner(&self, database: &str) -> Client {
        self.connect(database, OWNER).unwrap()
    }

    /// A connection as the owner of the tables.
    pub fn depot(&self, database: &str) -> Client {
        self.connect(database, DEPOT).unwrap()
    }

    /// Makes a database, unless it is there; gives its name.
    pub fn database(&self, name: &str) -> String {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.insert(name.to_owned()) {
            self.owner("postgres").batch_execute(&format!("CREATE DATABASE {name} OWNER {DEPOT}")).unwrap();
        }
        name.to_owned()
    }

    /// How a command line names a database, by the server's socket.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{DEPOT}@/{database}?host={}&port={}", self.dir.path().display(), self.port)
    }

    /// Ends every connection of depots to a database, whatever they are doing.
    pub fn terminate(&self, database: &str) -> i64 {
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE datname = $1 AND application_name = 'writ-depot'";
        self.owner("postgres").query_one(sql, &[&database]).unwrap().get(0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The server that tests share for which any will do.
pub fn shared() -> &'static Server {
    static SHARED: OnceLock<Server> = OnceLock::new();
    SHARED.get_or_init(Server::new)
}

/// The name of the database that belongs to a data directory.
pub fn name_of(data: &Path) -> String {
    format!("d{}", &Digest::of(data.as_os_str().as_encoded_bytes()).hex()[..20])
}

/// Whether every depot of these tests has its database in PostgreSQL.
pub fn is_everywhere() -> bool {
    std::env::var_os(EVERYWHERE).is_some()
}

/// The arguments that name the database of a data directory: none where that is SQLite's.
pub fn arguments(data: &Path) -> Vec<String> {
    if !is_everywhere() {
        return Vec::new();
    }
    let server = shared();
    vec!["--database".to_owned(), server.url(&server.database(&name_of(data)))]
}
