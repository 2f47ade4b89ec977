//! People who come and who are kept out: a real sshd with PAM, faillock and logind, in a container with a real systemd.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::json;
use writ_agent::command;
use writ_agent::dbus::{self, UnitEvent};
use writ_agent::probes::{self, ProbeContext, Watch};
use writ_agent::watch::Message;
use writ_agent::watch::account::{Account, Standing};
use writ_agent::watch::events::{Events, Wanted};
use writ_policy::check::ProbeCall;
use writ_policy::observation::Observation;

use super::checked;
use crate::peers;
use crate::probes::{int, list, seen};
use crate::support::now;

const UNIT: &str = "[Unit]\nAfter=dbus.socket systemd-journald.service systemd-logind.service\n\
    SuccessAction=exit-force\nFailureAction=exit-force\n\
    [Service]\nType=oneshot\nExecStart=/it --exact accounts::logins::inside_a_container --ignored --nocapture\n\
    StandardOutput=file:/said\nStandardError=file:/complained\n";

/// As faillock(8) would have it: a failure is counted, and whoever has three is kept out.
const PAM: &str = "auth required pam_faillock.so preauth deny=3\nauth [success=1 default=bad] pam_unix.so\n\
    auth [default=die] pam_faillock.so authfail deny=3\nauth sufficient pam_faillock.so authsucc deny=3\n\
    auth required pam_deny.so\naccount required pam_unix.so\nsession required pam_permit.so\nsession optional pam_systemd.so\n";

const SSHD: &str = "Port 2222\nListenAddress 127.0.0.1\nHostKey /etc/ssh/ssh_host_ed25519_key\nUsePAM yes\n\
    PasswordAuthentication yes\nKbdInteractiveAuthentication no\nPidFile none\nMaxAuthTries 6\n";

fn container(root: &Path) {
    let folders = ["etc/systemd/system/multi-user.target.wants", "etc/pam.d", "etc/ssh", "var/log", "home/ann", "peer"];
    for folder in folders.into_iter().chain(["run", "tmp", "proc", "sys", "dev", "root", "usr"]) {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    for link in ["bin", "sbin", "lib", "lib64"] {
        symlink(format!("usr/{link}"), root.join(link)).unwrap();
    }
    let write = |file: &str, mode: u32, text: &str| {
        let path = root.join(file);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    for file in ["nsswitch.conf", "os-release"] {
        fs::copy(Path::new("/etc").join(file), root.join("etc").join(file)).unwrap();
    }
    let own = fs::read_to_string("/etc/passwd").unwrap();
    let own =
        own.lines().filter(|line| !line.starts_with("ann:") && !line.starts_with("sshd:") && !line.contains(":1000:"));
    let own: String = own.map(|line| format!("{line}\n")).collect();
    write(
        "etc/passwd",
        0o644,
        &format!("{own}sshd:x:911:911::/run/sshd:/usr/sbin/nologin\nann:x:1000:1000::/home/ann:/bin/sh\n"),
    );
    let groups = fs::read_to_string("/etc/group").unwrap();
    write("etc/group", 0o644, &format!("{groups}ann:x:1000:\n"));
    let hash = checked(Command::new("openssl").args(["passwd", "-6", "right"]));
    // Set long ago, so that only a log-in can say that the account is used.
    write("etc/shadow", 0o600, &format!("root:*:15000:0:99999:7:::\nann:{}:15000:0:99999:7:::\n", hash.trim()));
    write("etc/pam.d/sshd", 0o644, PAM);
    write(
        "etc/pam.d/other",
        0o644,
        "auth required pam_deny.so\naccount required pam_deny.so\nsession required pam_permit.so\n",
    );
    write("etc/ssh/sshd_config", 0o600, SSHD);
    write("wrong", 0o755, "#!/bin/sh\necho wrong\n");
    write("right", 0o755, "#!/bin/sh\necho right\n");
    for file in ["btmp", "wtmp", "lastlog"] {
        write(&format!("var/log/{file}"), 0o600, "");
    }
    write("etc/machine-id", 0o644, "");
    write("etc/systemd/system/inner.service", 0o644, UNIT);
    symlink("../inner.service", root.join("etc/systemd/system/multi-user.target.wants/inner.service")).unwrap();
    symlink("/usr/lib/systemd/system/multi-user.target", root.join("etc/systemd/system/default.target")).unwrap();
    fs::copy(std::env::current_exe().unwrap(), root.join("it")).unwrap();
}

#[test]
fn people_who_come_and_who_are_kept_out() {
    assert!(rustix::process::geteuid().is_root(), "this test boots a container: run the suite as root");
    let nspawn = command::find("systemd-nspawn").expect("systemd-nspawn, which `cargo xtask test` installs");
    let peer = peers::folder("openssh");
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    container(&root);
    let machine = format!("--machine=writ-logins-{}", std::process::id());
    let directory = format!("--directory={}", root.display());
    let peer = format!("--bind-ro={}:/peer", peer.display());
    let arguments = [
        "-q",
        &directory,
        &machine,
        "--register=no",
        "--keep-unit",
        "--private-network",
        "--bind-ro=/usr:/usr",
        &peer,
        "--boot",
    ];
    let output = command::run(&nspawn, &arguments.map(AsRef::as_ref), Duration::from_secs(120), 1 << 20);
    let said = fs::read_to_string(root.join("said")).unwrap_or_default();
    let complained = fs::read_to_string(root.join("complained")).unwrap_or_default();
    let console = output.map(|o| format!("{}\n{}", o.status, String::from_utf8_lossy(&o.stdout)));
    assert!(said.contains("1 passed"), "{said}\n{complained}\n{console:?}");
}

/// A server in the foreground, killed when dropped.
struct Server(Child);

impl Server {
    fn start() -> Self {
        fs::create_dir_all("/run/sshd").unwrap();
        checked(Command::new("ssh-keygen").args([
            "-q",
            "-t",
            "ed25519",
            "-N",
            "",
            "-f",
            "/etc/ssh/ssh_host_ed25519_key",
        ]));
        let mut sshd = Command::new("/peer/usr/sbin/sshd");
        sshd.env("LD_LIBRARY_PATH", "/peer/usr/lib/x86_64-linux-gnu:/peer/lib/x86_64-linux-gnu");
        sshd.args(["-D", "-f", "/etc/ssh/sshd_config"]).stdin(Stdio::null());
        let server = Self(sshd.spawn().unwrap());
        wait_for("the server", || std::net::TcpStream::connect("127.0.0.1:2222").is_ok());
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ssh(password: &str, command: &str) -> Command {
    let mut ssh = Command::new("ssh");
    ssh.args([
        "-p",
        "2222",
        "-o",
        "StrictHostKeyChecking=no",
        "-o",
        "UserKnownHostsFile=/dev/null",
        "-o",
        "BatchMode=no",
    ]);
    ssh.args(["-o", "PreferredAuthentications=password", "-o", "NumberOfPasswordPrompts=3", "-o", "LogLevel=ERROR"]);
    ssh.args(["-tt", "ann@127.0.0.1", command]).env("SSH_ASKPASS", password).env("SSH_ASKPASS_REQUIRE", "force");
    ssh.stdin(Stdio::null());
    ssh
}

fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "{what} did not come");
        std::thread::yield_now();
    }
}

/// What tells of log-ins that fail and of sessions: the journal, and logind.
fn watched() -> (Events, Receiver<Message>) {
    let (sender, messages) = channel();
    let account = Account::default();
    let events = Events::new(sender.clone(), account.clone()).unwrap();
    let call = ProbeCall {
        name: "failed_logins".to_owned(),
        parameters: json!({ "window": "1h" }).as_object().unwrap().clone(),
    };
    let context = ProbeContext::new(now(), Instant::now(), "/nowhere".into(), None);
    let watches = probes::watch(&call, &context).into_iter().collect();
    events.set(Wanted { paths: Vec::new(), watches });
    assert_eq!(account.standings()["journal"], Standing::default());
    let tell = move |event| event != UnitEvent::Sessions || sender.send(Message::Happened(Watch::Sessions)).is_ok();
    dbus::watch_units(tell).unwrap();
    (events, messages)
}

fn await_event(messages: &Receiver<Message>, is: impl Fn(&Watch) -> bool) {
    while !matches!(messages.recv_timeout(Duration::from_secs(30)).unwrap(), Message::Happened(watch) if is(&watch)) {}
}

fn failed() -> Observation {
    seen("failed_logins", json!({ "window": "1h" }))
}

#[test]
#[ignore = "run by people_who_come_and_who_are_kept_out as a unit of its own"]
fn inside_a_container() {
    let _server = Server::start();
    assert_eq!((int(&failed(), "failed_count"), int(&failed(), "locked_count")), (0, 0));
    let activity = || seen("account_activity", json!({}));
    assert_eq!(list(&activity(), "dormant"), ["ann"]);
    assert_eq!(int(&seen("sessions", json!({})), "count"), 0);

    let (events, told_of) = watched();
    assert!(!ssh("/wrong", "true").status().unwrap().success());
    await_event(&told_of, |watch| matches!(watch, Watch::Journal(_)));
    let told = failed();
    assert_eq!((int(&told, "failed_count"), list(&told, "users")), (3, &["ann".to_owned()][..]), "{told:?}");
    assert_eq!((int(&told, "root_failed_count"), int(&told, "locked_count")), (0, 1), "{told:?}");
    assert_eq!(told.get("recorded"), Some(&true.into()));
    // The right password does not help whoever is locked out.
    assert!(!ssh("/right", "true").status().unwrap().success());
    // The journal alone tells as much.
    fs::remove_file("/var/log/btmp").unwrap();
    checked(Command::new("journalctl").arg("--sync"));
    wait_for("what sshd wrote to the journal", || int(&failed(), "failed_count") >= 3);

    fs::remove_file("/run/faillock/ann").unwrap();
    // Only whoever has a terminal is written down as logged in.
    let mut client = ssh("/right", "exec sleep 1000").spawn().unwrap();
    await_event(&told_of, |watch| *watch == Watch::Sessions);
    drop(events);
    wait_for("the session", || int(&seen("sessions", json!({})), "count") == 1);
    let sessions = seen("sessions", json!({}));
    assert_eq!((int(&sessions, "remote_count"), list(&sessions, "users")), (1, &["ann".to_owned()][..]));
    assert!(int(&sessions, "oldest_age_seconds") < 60, "{sessions:?}");
    wait_for("what sshd wrote to wtmp", || int(&activity(), "dormant_count") == 0);
    client.kill().unwrap();
    client.wait().unwrap();
    let last = checked(Command::new("last").args(["-f", "/var/log/wtmp", "ann"]));
    assert!(last.contains("127.0.0.1"), "{last}");
}
