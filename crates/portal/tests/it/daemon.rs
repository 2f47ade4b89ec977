//! The real `writ-portal`, on a port of its own.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process};
use writ_trust::time::Time;

use crate::client::Browser;
use crate::folder::{Laid, Plan};

/// Waits until something is so. The limit only ends a test that hangs.
pub fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < deadline, "still not: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Time::from_unix_millis(i64::try_from(since.as_millis()).unwrap())
}

/// A running portal; killed when dropped.
struct Daemon {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
}

impl Daemon {
    fn start(dir: &Path, folder: &Path, arguments: &[&str]) -> Self {
        let (file, log) = (dir.join("address"), dir.join("log"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_writ-portal"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--look", "100ms", "--address-file"]).arg(&file);
        command.arg("--folder").arg(folder).arg("--trust").arg(folder.join("trust/1.json")).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(&log).unwrap());
        let mut child = command.spawn().unwrap();
        let address = until("an address", || {
            assert!(child.try_wait().unwrap().is_none(), "{}", fs::read_to_string(&log).unwrap());
            fs::read_to_string(&file).ok()?.trim().parse().ok()
        });
        Self { child, address, log }
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn stop(mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.child.wait().unwrap().code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn on_a_laptop_a_link_is_printed_and_what_is_added_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("audit");
    let laid = Laid::begin(&folder, now()).unwrap();
    laid.site(&Plan::quiet("clinic-001", now())).unwrap();
    let daemon = Daemon::start(dir.path(), &folder, &[]);
    let link =
        until("a link", || daemon.said().split_whitespace().find(|word| word.contains("/login/")).map(str::to_owned));
    let browser = Browser::sign_in(daemon.address, &link);
    until("the first site", || browser.get("/").text().contains("/site/clinic-001").then_some(()));
    assert!(browser.page("/site/clinic-001").contains("Verified."));
    assert!(!browser.page("/").contains("clinic-002"));
    laid.site(&Plan::quiet("clinic-002", now())).unwrap();
    until("the second site", || browser.get("/").text().contains("/site/clinic-002").then_some(()));
    // More evidence of a site that was read already.
    let before = browser.page("/site/clinic-001/bundles");
    fs::remove_dir_all(folder.join("evidence/clinic-001")).unwrap();
    laid.site(&Plan { healed: 2, ..Plan::quiet("clinic-001", now()) }).unwrap();
    until("the incidents", || browser.get("/site/clinic-001/incidents").text().contains("INC-").then_some(()));
    assert_ne!(before, browser.page("/site/clinic-001/bundles"));
    assert!(!daemon.said().contains("ERROR"), "{}", daemon.said());
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn links_are_printed_on_the_machine_and_a_signal_reads_who_may_sign_in() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("audit");
    Laid::begin(&folder, now()).unwrap().site(&Plan::quiet("clinic-001", now())).unwrap();
    let (config, state) = (dir.path().join("portal.toml"), dir.path().join("state"));
    let person = |address: &str| format!("[[users]]\naddress = \"{address}\"\nrole = \"operator\"\n");
    let url = "url = \"https://portal.msp.example\"\n";
    fs::write(&config, format!("{url}{}", person("kim@msp.example"))).unwrap();
    let paths = [config.to_str().unwrap(), state.to_str().unwrap()];
    let daemon = Daemon::start(dir.path(), &folder, &["--behind-proxy", "--config", paths[0], "--state", paths[1]]);
    let link = |user: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_writ-portal"));
        command.args(["link", "--user", user, "--config", paths[0], "--state", paths[1]]).output().unwrap()
    };
    let made = link("kim@msp.example");
    let text = String::from_utf8(made.stdout).unwrap();
    assert!(text.starts_with("https://portal.msp.example/login/"), "{text}");
    let browser = Browser::sign_in(daemon.address, text.trim());
    assert!(browser.cookie.as_ref().unwrap().starts_with("__Host-writ="));
    assert_eq!(browser.get("/").status, 200);
    assert_eq!(browser.get("/").header("strict-transport-security"), Some("max-age=63072000"));
    let nobody = link("jo@msp.example");
    assert_eq!(nobody.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("names nobody"));
    fs::write(&config, format!("{url}{}", person("jo@msp.example"))).unwrap();
    daemon.signal(Signal::HUP);
    until("signed out", || (browser.get("/").status == 303).then_some(()));
    let text = String::from_utf8(link("jo@msp.example").stdout).unwrap();
    assert_eq!(Browser::sign_in(daemon.address, text.trim()).get("/views").status, 200);
    // Another address is not taken: hosts and cookies are those of the one that it began with.
    fs::write(&config, format!("url = \"https://elsewhere.msp.example\"\n{}", person("jo@msp.example"))).unwrap();
    daemon.signal(Signal::HUP);
    until("that it is told", || daemon.said().contains("https://elsewhere.msp.example now: restart").then_some(()));
    // A link leads to where the portal is found now, and says what is to come.
    let early = link("jo@msp.example");
    let (to, note) = (String::from_utf8(early.stdout).unwrap(), String::from_utf8(early.stderr).unwrap());
    assert!(to.starts_with("https://portal.msp.example/login/"), "{to}");
    assert!(note.contains("says https://elsewhere.msp.example now"), "{note}");
    assert_eq!(Browser::sign_in(daemon.address, to.trim()).get("/").status, 200);
    let elsewhere = fs::read(&config).unwrap();
    // One that cannot be read changes nothing.
    fs::write(&config, "nonsense").unwrap();
    daemon.signal(Signal::HUP);
    until("that it stays", || daemon.said().contains("the configuration stays as it was").then_some(()));
    let tokens: Vec<&str> = text.trim().rsplit('/').take(1).collect();
    assert!(!daemon.said().contains(tokens[0]), "no token in the log");
    assert_eq!(daemon.stop(), Some(0));
    // Where none serves, the next one will be found where the configuration says.
    fs::write(&config, elsewhere).unwrap();
    let next = link("jo@msp.example");
    let to = String::from_utf8(next.stdout).unwrap();
    assert!(to.starts_with("https://elsewhere.msp.example/login/") && next.stderr.is_empty(), "{to}");
}

#[test]
fn what_cannot_be_served_is_said_with_exit_code_2() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("audit");
    Laid::begin(&folder, now()).unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    fs::write(at("good.toml"), "[[users]]\naddress = \"a@b.example\"\nrole = \"operator\"\n").unwrap();
    fs::write(at("bad.toml"), "[[users]]\naddress = \"a@b.example\"\nrole = \"king\"\n").unwrap();
    fs::write(
        at("http.toml"),
        "url = \"http://portal.example\"\n[[users]]\naddress = \"a@b.example\"\nrole = \"operator\"\n",
    )
    .unwrap();
    fs::write(
        at("mail.toml"),
        "[mail]\nserver = \"x\"\nfrom = \"a@b\"\n[[users]]\naddress = \"a@b.example\"\nrole = \"operator\"\n",
    )
    .unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let (good_folder, trust) = (folder.to_str().unwrap(), folder.join("trust/1.json"));
    let trust = trust.to_str().unwrap();
    for (arguments, said) in [
        (vec!["--folder", good_folder, "--trust", trust, "--listen", "0.0.0.0:0"], "loopback only"),
        (vec!["--folder", good_folder, "--trust", trust, "--listen", &taken], "--listen"),
        (vec!["--folder", &at("absent"), "--trust", trust, "--listen", "127.0.0.1:0"], "absent"),
        (vec!["--folder", good_folder, "--trust", &at("absent"), "--listen", "127.0.0.1:0"], "absent"),
        (vec!["--folder", good_folder, "--trust", trust, "--config", &at("absent")], "absent"),
        (vec!["--folder", good_folder, "--trust", trust, "--config", &at("bad.toml")], "king"),
        (
            vec!["--folder", good_folder, "--trust", trust, "--listen", "127.0.0.1:0", "--config", &at("http.toml")],
            "https://",
        ),
        (vec!["--folder", good_folder, "--trust", trust, "--config", &at("mail.toml")], "mail server"),
        (
            vec![
                "--folder",
                good_folder,
                "--trust",
                trust,
                "--listen",
                "127.0.0.1:0",
                "--behind-proxy",
                "--state",
                &at("s"),
            ],
            "--config",
        ),
        (
            vec![
                "--folder",
                good_folder,
                "--trust",
                trust,
                "--behind-proxy",
                "--state",
                &at("s"),
                "--config",
                &at("good.toml"),
            ],
            "url of the portal",
        ),
        (vec!["--folder", good_folder], "--trust"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_writ-portal"));
        let ran = command.arg("serve").args(&arguments).output().unwrap();
        let told = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(2), "{arguments:?}: {told}");
        assert!(told.contains(said), "{arguments:?}: {told}");
    }
}
