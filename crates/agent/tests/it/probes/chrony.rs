//! `chrony` asks a real chronyd, which keeps no clock and follows another one on loopback.

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use writ_policy::observation::Observation;

use super::{int, is_root, list, seen};
use crate::peers;

/// A chronyd of ours, which keeps no clock; ended when dropped.
pub struct Daemon(Child);

impl Daemon {
    pub fn start(dir: &Path, name: &str, config: &str) -> Self {
        let (file, pid) = (dir.join(name), dir.join(format!("{name}.pid")));
        fs::write(&file, format!("{config}pidfile {}\n", pid.display())).unwrap();
        let mut command = peers::command("chrony", "usr/sbin/chronyd");
        command.args(["-x", "-d", "-u", "root", "-f"]).arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port of loopback that nobody has.
fn port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_clock_that_is_kept_is_told_from_one_that_is_not() {
    assert!(is_root(), "chronyd wants to be started by root");
    let dir = tempfile::tempdir().unwrap();
    let (time, commands) = (port(), port());
    let look = || -> Observation {
        let binary = peers::program("chrony", "usr/bin/chronyc");
        seen("chrony", json!({ "binary": binary, "host": "127.0.0.1", "port": commands }))
    };
    let nobody = look();
    assert_eq!((nobody.get("synchronised"), int(&nobody, "source_count")), (Some(&false.into()), 0));
    let local =
        format!("local stratum 8\nallow 127.0.0.1\nbindaddress 127.0.0.1\nport {time}\ncmdport 0\nbindcmdaddress /\n");
    let source = Daemon::start(dir.path(), "source", &local);
    let follow = format!(
        "server 127.0.0.1 port {time} iburst minpoll -2 maxpoll -2\nport 0\ncmdport {commands}\nbindcmdaddress 127.0.0.1\n"
    );
    let _follower = Daemon::start(dir.path(), "follower", &follow);
    let deadline = Instant::now() + Duration::from_secs(60);
    let kept = loop {
        let seen = look();
        if seen.get("synchronised") == Some(&true.into()) && int(&seen, "source_count") == 1 {
            break seen;
        }
        assert!(Instant::now() < deadline, "{seen:?}");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!((int(&kept, "stratum"), kept.get("leap_status")), (9, Some(&"normal".into())));
    assert!((0..1000).contains(&int(&kept, "offset_ms")), "{kept:?}");
    assert_eq!(list(&kept, "sources"), ["127.0.0.1"]);
    drop(source);
}
