//! The process that looks: by itself, and together with an enforcer.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};
use writ_agent::network::config::Config;
use writ_agent::network::daemon::{Folders, Looking};
use writ_confine::Enforced;

use super::looks;
use crate::support::{Site, said, until};

/// The user that nobody is: in its place the process runs, where the tests are root's.
const NOBODY: u32 = 65_534;

/// writ-probe on the spool of a site.
pub fn command(site: &Site) -> Command {
    let spool = fs::canonicalize(site.dir.path()).unwrap();
    fs::create_dir_all(spool.join("probe")).unwrap();
    let config = format!("spool = {:?}\nstate_dir = {:?}\n", spool.display(), spool.join("probe").display());
    fs::write(site.path("etc/probe.toml"), config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_writ-probe"));
    command.arg("--config").arg(site.path("etc/probe.toml")).env_remove("NOTIFY_SOCKET").env("WRIT_LOG", "debug");
    command
}

/// Lays out what to look at, as the enforcer does.
fn ask(site: &Site, asks: &Value) {
    let _ = fs::create_dir(site.path("asks"));
    let _ = fs::create_dir(site.path("looks"));
    let document = json!({
        "schema": "writ.asks.v1", "site": "clinic-001", "appliance": "front-desk", "release": null, "asks": asks,
    });
    fs::write(site.path("asks/.new"), document.to_string()).unwrap();
    fs::rename(site.path("asks/.new"), site.path("asks/asks.json")).unwrap();
}

fn reachable(address: &str) -> Value {
    json!({ "probe": "reachable", "parameters": { "address": address }, "every": "1h" })
}

fn once(site: &Site) -> Output {
    command(site).arg("--once").output().unwrap()
}

fn seen(path: &Path) -> Value {
    let look: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    look["result"].clone()
}

#[test]
fn it_looks_at_what_is_asked_for_once() {
    let site = Site::new();
    let output = once(&site);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    ask(&site, &json!({ "a": reachable(&address), "b": reachable(&address), "c": reachable("127.0.0.1:1") }));
    fs::write(site.path("looks/old.json"), "{}").unwrap();
    let output = once(&site);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    for (check, expected) in [("a", true), ("b", true), ("c", false)] {
        let result = seen(&site.path("looks").join(format!("{check}.json")));
        assert_eq!(result["seen"]["reachable"], expected, "{check}: {result}");
    }
    assert!(!site.path("looks/old.json").exists(), "what nobody asks for is removed");
    let status: Value = serde_json::from_slice(&fs::read(site.path("probe/status.json")).unwrap()).unwrap();
    assert_eq!((&status["checks"], &status["looks"], &status["problem"]), (&3.into(), &2.into(), &Value::Null));

    ask(&site, &json!({ "a": { "probe": "file", "parameters": { "path": "/etc/shadow" }, "every": "1h" } }));
    let output = once(&site);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("a: this version of writ-probe knows no probe `file`"), "{}", said(&output));
    assert!(seen(&site.path("looks/a.json"))["failed"].is_string());
}

/// A folder that is made anew while the process confines itself is another one, which it could not reach.
#[test]
fn folders_are_those_that_stood_before_it_was_confined() {
    let site = Site::new();
    ask(&site, &json!({}));
    drop(command(&site));
    let config = || Config::read(&site.path("etc/probe.toml")).unwrap();
    let folders = Folders::now(&config()).unwrap();
    fs::rename(site.path("looks"), site.path("before")).unwrap();
    fs::create_dir(site.path("looks")).unwrap();
    let ended = Looking::open(config(), folders, Enforced::default()).unwrap().once();
    assert!(ended.unwrap_err().to_string().contains("looks was made anew"));
}

#[test]
fn help_teaches_and_mistakes_are_named() {
    let mut help = Command::new(env!("CARGO_BIN_EXE_writ-probe"));
    let text = said(&help.arg("--help").output().unwrap());
    for taught in ["Examples:", "--once", "SIGHUP", "Exit codes", "ca_file", "looks/"] {
        assert!(text.contains(taught), "{taught}: {text}");
    }
    let site = Site::new();
    ask(&site, &json!({}));
    let mut command = command(&site);
    fs::write(site.path("etc/probe.toml"), "spol = 1\n").unwrap();
    let output = command.output().unwrap();
    assert!(output.status.code() == Some(2) && said(&output).contains("spol"), "{}", said(&output));
    fs::remove_file(site.path("etc/probe.toml")).unwrap();
    let text = said(&command.output().unwrap());
    assert_eq!(text.matches("No such file").count(), 1, "{text}");
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(site: &Site) -> Running {
    let log = fs::File::options().create(true).append(true).open(site.path("probe.log")).unwrap();
    Running(command(site).stdout(Stdio::null()).stderr(log).spawn().unwrap())
}

#[test]
fn it_takes_up_what_is_asked_anew_and_stops_when_it_is_told() {
    let site = Site::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    ask(&site, &json!({ "a": reachable(&address) }));
    let mut running = start(&site);
    until("the first look", || site.path("looks/a.json").exists().then_some(()));
    let second =
        Command::new(env!("CARGO_BIN_EXE_writ-probe")).arg("--config").arg(site.path("etc/probe.toml")).output();
    assert!(said(&second.unwrap()).contains("another writ-probe works with this state"));
    ask(&site, &json!({ "b": reachable("127.0.0.1:1") }));
    until("the next one", || site.path("looks/b.json").exists().then_some(()));
    assert!(!site.path("looks/a.json").exists());
    let pid = rustix::process::Pid::from_raw(running.0.id() as i32).unwrap();
    fs::remove_file(site.path("looks/b.json")).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    until("a look that was asked for by a signal", || site.path("looks/b.json").exists().then_some(()));
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(running.0.wait().unwrap().code(), Some(0));
}

/// Whoever is confined to a folder cannot see another one of that name: it says so, and is started again.
#[test]
fn it_ends_when_a_folder_is_made_anew() {
    let site = Site::new();
    ask(&site, &json!({ "a": reachable("127.0.0.1:1") }));
    let mut running = start(&site);
    until("the first look", || site.path("looks/a.json").exists().then_some(()));
    fs::rename(site.path("looks"), site.path("old")).unwrap();
    fs::create_dir(site.path("looks")).unwrap();
    ask(&site, &json!({ "b": reachable("127.0.0.1:1") }));
    assert_eq!(running.0.wait().unwrap().code(), Some(2));
    let log = fs::read_to_string(site.path("probe.log")).unwrap();
    assert!(log.contains("looks was made anew"), "{log}");
}

/// The two processes together: what is asked for is looked at, what was seen is judged, and told.
#[test]
fn an_enforcer_and_one_who_looks_for_it() {
    let site = Site::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut policy = site.policy();
    site.file_check(&mut policy, "motd");
    let mut check = policy["checks"]["file.motd"].clone();
    check["probe"] = json!({ "reachable": { "address": address } });
    check["expect"] = json!({ "reachable": { "eq": true } });
    check["every"] = "1s".into();
    policy["checks"][looks::CHECK] = check;
    site.publish(1, &policy);
    fs::create_dir(site.path("looks")).unwrap();
    let enforcer = site.daemon();
    until("it says what it wants to be looked at", || site.path("asks/asks.json").exists().then_some(()));
    let _running = start(&site);
    let outcome = || {
        let status = fs::read(site.state("status.json")).ok()?;
        let status: Value = serde_json::from_slice(&status).unwrap();
        status["outcomes"][looks::CHECK].as_str().map(str::to_owned)
    };
    until("it holds", || (outcome()? == "pass").then_some(()));
    drop(listener);
    until("its incident opens", || (site.incidents().opened.len() == 1).then_some(()));
    drop(TcpListener::bind(&address).map(|listener| {
        until("its incident closes", || (site.incidents().closed.len() == 1).then_some(()));
        drop(listener);
    }));
    assert_eq!(enforcer.stop(), Some(0));
}

#[test]
fn it_runs_as_nobody_with_nothing_but_its_two_folders() {
    use std::os::unix::fs::{PermissionsExt as _, chown};
    use std::os::unix::process::CommandExt as _;

    if !rustix::process::geteuid().is_root() {
        eprintln!("not run: only root becomes somebody else");
        return;
    }
    let site = Site::new();
    ask(&site, &json!({ "a": reachable("127.0.0.1:1") }));
    let mut command = command(&site);
    for folder in ["looks", "probe"] {
        chown(site.path(folder), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    fs::set_permissions(site.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let output = command.arg("--once").uid(NOBODY).gid(NOBODY).output();
    // Where the tests are built may be closed to everybody else: then there is nothing to be shown.
    match output {
        Ok(output) => assert_eq!(output.status.code(), Some(0), "{}", said(&output)),
        Err(e) => assert_eq!(e.kind(), std::io::ErrorKind::PermissionDenied),
    }
}
