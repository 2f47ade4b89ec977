//! `postgresql` asks a real server, which an ordinary user runs.

use std::fs;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use writ_agent::probes;
use writ_policy::outcome::Probed;

use super::{call, context, int, is_root, seen};
use crate::peers;
use crate::support::until;

const NOBODY: u32 = 65_534;

/// A server of ours; ended when dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn program(name: &str, dir: &Path) -> Command {
    let mut command = peers::command("postgresql", &format!("usr/lib/postgresql/15/bin/{name}"));
    command.uid(NOBODY).gid(NOBODY).current_dir(dir).env("LC_ALL", "C").stdout(Stdio::null()).stderr(Stdio::null());
    command.arg("-D").arg(dir.join("data"));
    command
}

fn start(dir: &Path) -> Server {
    let mut command = program("postgres", dir);
    command.arg("-k").arg(dir).args(["-c", "listen_addresses=", "-c", "fsync=off"]);
    let server = Server(command.spawn().unwrap());
    let deadline = Instant::now() + Duration::from_secs(60);
    // It listens before it takes anybody in, and says so until then.
    while !dir.join("data/postmaster.pid").exists()
        || !fs::read_to_string(dir.join("data/postmaster.pid")).unwrap_or_default().contains("ready")
    {
        assert!(Instant::now() < deadline, "the server does not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    server
}

#[test]
fn a_server_is_asked_by_its_socket() {
    assert!(is_root(), "the server knows root by the socket");
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(dir.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let mut initdb = program("initdb", dir.path());
    initdb.args(["-U", "owner", "--data-checksums", "--no-sync", "-A", "peer", "--locale=C", "--encoding=UTF8"]);
    assert!(initdb.status().unwrap().success());
    let parameters = json!({ "socket": dir.path() });
    let failed = || match probes::run(&call("postgresql", parameters.clone()), &mut context()) {
        Probed::Failed(reason) => reason,
        other => panic!("{other:?}"),
    };
    let server = start(dir.path());
    assert!(failed().contains("28000: role \"root\" does not exist"), "{}", failed());
    drop(server);
    // Killed, it left its socket behind; its own processes, which end after it, listen there until then.
    until("nobody listens any more", || {
        let refused = UnixStream::connect(dir.path().join(".s.PGSQL.5432")).err()?;
        (refused.kind() == io::ErrorKind::ConnectionRefused).then_some(())
    });
    assert_eq!(seen("postgresql", parameters.clone()).get("reachable"), Some(&false.into()));
    let mut single = peers::command("postgresql", "usr/lib/postgresql/15/bin/postgres");
    single.uid(NOBODY).gid(NOBODY).arg("--single").arg("-D").arg(dir.path().join("data")).arg("postgres");
    let mut single = single.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    single.stdin.take().unwrap().write_all(b"CREATE ROLE root LOGIN;\n").unwrap();
    assert!(single.wait().unwrap().success());

    let _server = start(dir.path());
    let answer = seen("postgresql", parameters.clone());
    assert_eq!(answer.get("reachable"), Some(&true.into()));
    assert_eq!((answer.get("data_checksums"), answer.get("tls")), (Some(&true.into()), Some(&false.into())));
    assert_eq!((int(&answer, "checksum_failure_count"), int(&answer, "superuser_count")), (0, 1));
    assert_eq!(answer.get("archive_age_seconds"), None);
    let other = json!({ "socket": dir.path(), "database": "none" });
    let Probed::Failed(reason) = probes::run(&call("postgresql", other), &mut context()) else { panic!() };
    assert!(reason.contains("3D000"), "{reason}");
}
