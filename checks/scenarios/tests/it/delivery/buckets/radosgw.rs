//! Ceph's radosgw, of Debian's packages as `cargo xtask test --all` unpacks them: one monitor, one store of objects in memory, and
//! the server of buckets, which lives by the clock of its test. Nothing of it is installed, and nothing is kept.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use writ_scenarios::run;
use writ_tools::{peers, phase};

use super::super::clocks::Clock;
use super::{ID, SECRET, Started};

/// How long each step may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// What it is told: no authority of its own but S3's, one copy of everything, and no waiting for others to agree.
const SETTINGS: &str = "
fsid = 5cb9d3a4-6d9a-4c0e-8f0c-3f1f3c1a7a11
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
admin socket =
pid file =
log to stderr = false
err to stderr = true
mon allow pool size one = true
mon data avail warn = 1
mon data avail crit = 0
mon tick interval = 1
paxos min wait = 0.01
paxos propose interval = 0.02
osd objectstore = memstore
osd crush chooseleaf type = 0
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
rados mon op timeout = 100
rados osd op timeout = 100
rgw rados pool pg num min = 1
rgw override bucket index max shards = 1
rgw dynamic resharding = false
rgw enable usage log = false
";

/// The packages, and the folder of one cluster.
struct Cluster {
    peer: PathBuf,
    folder: PathBuf,
}

impl Cluster {
    /// A program of the packages, with its own libraries.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.peer.join("usr/bin").join(name));
        let own = self.peer.join("usr/lib/x86_64-linux-gnu/ceph");
        command.env("LD_LIBRARY_PATH", format!("{}:{}", own.display(), peers::libraries(&self.peer)));
        command.arg("-c").arg(self.folder.join("ceph.conf")).current_dir(&self.folder).stdin(Stdio::null());
        command
    }

    fn configure(&self, monitor: u16) {
        let (at, libraries) = (self.folder.display(), self.peer.join("usr/lib/x86_64-linux-gnu"));
        let libraries = libraries.display();
        let places = format!(
            "mon host = [v2:127.0.0.1:{monitor}]\nmon data = {at}/mon\nosd data = {at}/osd\nkeyring = {at}/none\nrun dir = {at}\n\
             crash dir = {at}/crash\nlog file = {at}/$name.log\nplugin dir = {libraries}/ceph\n\
             osd class dir = {libraries}/rados-classes\nerasure code dir = {libraries}/ceph/erasure-code\n"
        );
        fs::write(self.folder.join("ceph.conf"), format!("[global]\n{places}{SETTINGS}")).unwrap();
        for folder in ["mon", "osd", "crash"] {
            fs::create_dir(self.folder.join(folder)).unwrap();
        }
    }

    fn begin(&self, command: &mut Command) -> Child {
        let said = File::options().create(true).append(true).open(self.folder.join("said")).unwrap();
        command.stdout(said.try_clone().unwrap()).stderr(said).spawn().unwrap()
    }

    /// Waits until something answers at a port; ends the test where the process ends before.
    fn answers(&self, what: &str, process: &mut Child, port: u16) {
        let up = run::wait(what, PATIENCE, || match process.try_wait()? {
            Some(status) => anyhow::bail!("{what} ended with {status}"),
            None => Ok(TcpStream::connect(("127.0.0.1", port)).ok()),
        });
        up.map(drop).unwrap_or_else(|e| panic!("{e:#}: {}", self.said()));
    }

    /// The ends of everything that it said.
    fn said(&self) -> String {
        let files =
            fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
        let end = |path: &Path| {
            let text = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
            text.lines().rev().take(15).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
        };
        let logs = files.filter(|path| path.ends_with("said") || path.extension().is_some_and(|e| e == "log"));
        logs.map(|path| format!("\n{}:\n{}", path.display(), end(&path))).collect()
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Starts all of it; the server of buckets at a port, or at any with 0.
pub fn start(port: u16, clock: &Clock) -> Started {
    let peer = phase::root().join("target/peers/ceph").canonicalize();
    let peer = peer.expect("no target/peers/ceph: run `cargo xtask test --all`, which unpacks it");
    let folder = tempfile::Builder::new().prefix("writ-ceph-").tempdir().unwrap();
    let cluster = Cluster { peer, folder: folder.path().to_owned() };
    let (monitor, port) = (free_port(), if port == 0 { free_port() } else { port });
    cluster.configure(monitor);
    let mut started = Started { processes: Vec::new(), port, _folder: Some(folder) };

    let at = |name: &str| cluster.folder.join(name);
    let address = format!("[v2:127.0.0.1:{monitor}]");
    let mut monmap = cluster.program("monmaptool");
    monmap.args(["--create", "--fsid", "5cb9d3a4-6d9a-4c0e-8f0c-3f1f3c1a7a11", "--addv", "a", &address]);
    run::checked(monmap.arg(at("monmap"))).unwrap();
    // With one store that is known before it comes.
    run::checked(cluster.program("osdmaptool").args(["--createsimple", "1"]).arg(at("osdmap"))).unwrap();
    let mut make = cluster.program("ceph-mon");
    make.args(["-i", "a", "--mkfs"]).arg("--monmap").arg(at("monmap")).arg("--osdmap").arg(at("osdmap"));
    run::checked(&mut make).unwrap_or_else(|e| panic!("{e:#}: {}", cluster.said()));
    let mut mon = cluster.begin(cluster.program("ceph-mon").args(["-i", "a", "-f"]));
    cluster.answers("the monitor", &mut mon, monitor);
    started.processes.push(mon);

    run::checked(cluster.program("ceph-osd").args(["-i", "0", "--mkfs"]))
        .unwrap_or_else(|e| panic!("{e:#}: {}", cluster.said()));
    started.processes.push(cluster.begin(cluster.program("ceph-osd").args(["-i", "0", "-f"])));

    let mut user = cluster.program("radosgw-admin");
    user.args(["user", "create", "--uid", "writ", "--display-name", "writ", "--access-key", ID, "--secret", SECRET]);
    run::checked(&mut user).unwrap_or_else(|e| panic!("{e:#}: {}", cluster.said()));
    let mut gateway = cluster.program("radosgw");
    gateway.args(["-n", "client.rgw", "-f"]).arg(format!("--rgw-frontends=beast endpoint=127.0.0.1:{port}"));
    let mut gateway = cluster.begin(clock.of(&mut gateway));
    cluster.answers("radosgw", &mut gateway, port);
    started.processes.push(gateway);
    started
}
