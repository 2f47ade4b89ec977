//! What a depot takes from itself: this test program starts itself again, takes on its sandbox, and tries what is forbidden.

use std::fs;
use std::io;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::Parser as _;
use serde_json::{Value, json};
use writ_depot::options::{Cli, Command as Asked};
use writ_depot::sandbox;

use crate::daemon::Start;
use crate::world::*;

/// Tells the second start where to try.
const WHERE: &str = "WRIT_TEST_CONFINED_DIR";
/// Says which Landlock an old kernel has, where these tests run on one.
const OLD_KERNEL: &str = "WRIT_TEST_LANDLOCK";

/// What came of an attempt: `ok`, or the system's error.
fn came<T>(result: io::Result<T>) -> Value {
    match result {
        Ok(_) => "ok".into(),
        Err(e) => match e.kind() {
            io::ErrorKind::PermissionDenied => "denied".into(),
            _ => e.to_string().into(),
        },
    }
}

/// Not a test of its own: what the next one starts, in a process that ends with it.
#[test]
#[ignore = "started by the other test of this file"]
fn inside() {
    let Some(dir) = std::env::var_os(WHERE).map(PathBuf::from) else { return };
    let ports = fs::read_to_string(dir.join("ports")).unwrap();
    let [own, others, database, is_given] = ports.split(' ').collect::<Vec<_>>()[..] else { panic!("{ports}") };
    let path = |name: &str| dir.join(name).display().to_string();
    let listen = format!("127.0.0.1:{own}");
    let (trust, data, key) = (path("trust.json"), path("data"), path("log.key"));
    let (cert, cert_key) = (path("live/cert.pem"), path("live/key.pem"));
    let line = ["writ-depot", "serve", "--trust", &trust, "--data", &data, "--log-key", &key, "--listen", &listen];
    let url = format!("postgres://depot@127.0.0.1:{database}/writ");
    let named = ["--database", &url].into_iter().filter(|_| is_given == "true");
    let line = line.into_iter().chain(["--tls-cert", &cert, "--tls-key", &cert_key]).chain(named);
    let Asked::Serve(options) = Cli::parse_from(line).command else { panic!("another command") };
    let results = fs::File::create(dir.join("results")).unwrap();
    let enforced = sandbox::of_server(&options).apply();
    let attempts = json!({
        "read_trust": came(fs::read(&options.trust)),
        "read_key": came(fs::read(&options.log_key)),
        "read_signature": came(fs::read(dir.join("trust.json.0123456789ABCDEF.minisig"))),
        "write_data": came(fs::write(options.data.join("x"), "x")),
        "move_within_data": came(fs::rename(options.data.join("x"), options.data.join("documents/x"))),
        "write_linked": came(fs::write(options.data.join("cache/x"), "x")),
        "listen_there": came(TcpListener::bind(&listen)),
        "read_renewed": came(fs::read(dir.join("archive/cert2.pem"))),
        "read_renewed_in_place": came(fs::read(dir.join("live/key2.pem"))),
        "write_renewed": came(fs::write(dir.join("live/key2.pem"), "x")),
        "write_trust": came(fs::write(&options.trust, "x")),
        "read_elsewhere": came(fs::read(dir.join("secret"))),
        "write_elsewhere": came(fs::write(dir.join("elsewhere"), "x")),
        "read_passwd": came(fs::read("/etc/passwd")),
        "run": came(Command::new("/bin/true").status()),
        "run_own": came(fs::copy("/proc/self/exe", options.data.join("program")).and_then(|_| Command::new(options.data.join("program")).status())),
        "connect": came(TcpStream::connect(format!("127.0.0.1:{others}"))),
        "connect_database": came(TcpStream::connect(format!("127.0.0.1:{database}"))),
        "listen_elsewhere": came(TcpListener::bind("127.0.0.1:0")),
        "udp": came(UdpSocket::bind("127.0.0.1:0").map(drop)),
    });
    serde_json::to_writer(results, &json!({ "enforced": enforced, "attempts": attempts })).unwrap();
}

#[test]
fn one_who_serves_reads_its_own_and_asks_nobody() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("data")).unwrap();
    fs::create_dir(dir.path().join("data/documents")).unwrap();
    fs::create_dir(dir.path().join("large")).unwrap();
    std::os::unix::fs::symlink(dir.path().join("large"), dir.path().join("data/cache")).unwrap();
    // As certbot has them: links in one folder, all that ever were in another.
    for folder in ["live", "archive"] {
        fs::create_dir(dir.path().join(folder)).unwrap();
    }
    for file in ["archive/cert1.pem", "archive/cert2.pem", "live/key.pem", "live/key2.pem"] {
        fs::write(dir.path().join(file), "x").unwrap();
    }
    std::os::unix::fs::symlink("../archive/cert1.pem", dir.path().join("live/cert.pem")).unwrap();
    for file in ["trust.json", "trust.json.0123456789ABCDEF.minisig", "log.key", "secret"] {
        fs::write(dir.path().join(file), "x").unwrap();
    }
    let others = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let database = TcpListener::bind("127.0.0.1:0").unwrap();
    let [others, database] = [&others, &database].map(|listener| listener.local_addr().unwrap().port());
    for is_given in [false, true] {
        fs::write(dir.path().join("ports"), format!("{own} {others} {database} {is_given}")).unwrap();
        confined_reaches_its_own(dir.path(), is_given);
    }
}

/// Whether it reaches the port of its database too is for the command line to say.
fn confined_reaches_its_own(dir: &Path, database: bool) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "confined::inside", "--ignored", "--nocapture"]).env(WHERE, dir);
    let output = command.output().unwrap();
    let results: Value = serde_json::from_slice(&fs::read(dir.join("results")).unwrap())
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    let (enforced, came) = (&results["enforced"], &results["attempts"]);
    assert_eq!(enforced["seccomp"], true, "{enforced}");
    let has = enforced["landlock"].as_u64().unwrap_or(0);
    let known = std::env::var(OLD_KERNEL).map_or(6, |known| known.parse().expect("a version of Landlock, or 0"));
    assert!(has >= known, "this kernel has Landlock {has}, and {known} is asked for: {OLD_KERNEL}={has} says so");
    let granted =
        ["read_trust", "read_signature", "read_key", "write_data", "move_within_data", "write_linked", "listen_there"];
    for allowed in granted.into_iter().chain(["read_renewed", "read_renewed_in_place"]) {
        assert_eq!(came[allowed], "ok", "{allowed}: {came}");
    }
    let files = ["write_renewed", "write_trust", "read_elsewhere", "write_elsewhere", "read_passwd"]
        .map(|attempt| (attempt, 1));
    match database {
        true => assert_eq!(came["connect_database"], "ok", "{came}"),
        false if has >= 4 => assert_eq!(came["connect_database"], "denied", "{came}"),
        false => {}
    }
    let others = [("run", 0), ("run_own", 0), ("udp", 0), ("connect", 4), ("listen_elsewhere", 4)];
    for (denied, _) in files.into_iter().chain(others).filter(|(_, since)| has >= *since) {
        assert_eq!(came[denied], "denied", "{denied}: {came}");
    }
}

/// The filter of system calls of each thread of a process (proc(5), `Seccomp` of `status`).
fn filters(pid: u32) -> Vec<String> {
    let tasks = fs::read_dir(Path::new("/proc").join(pid.to_string()).join("task")).unwrap();
    let status = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("status")).ok());
    let line = |status: String| status.lines().find(|line| line.starts_with("Seccomp:")).map(str::to_owned);
    status.filter_map(line).collect()
}

#[test]
fn each_thread_of_a_depot_is_confined_and_systemd_hears_of_it() {
    let dir = folder();
    let socket = UnixDatagram::bind(dir.path().join("notify")).unwrap();
    let told = socket.local_addr().unwrap();
    let depot =
        Start::new(dir.path()).environment("NOTIFY_SOCKET", told.as_pathname().unwrap().to_str().unwrap()).start();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut said = [0; 64];
    let length = socket.recv(&mut said).unwrap();
    assert_eq!(said[..length].trim_ascii(), b"READY=1");
    let filters = filters(depot.pid());
    assert!(filters.len() > 2 && filters.iter().all(|line| line == "Seccomp:\t2"), "{filters:?}");
}
