//! Runbooks that take long, beside everything else that the enforcer has to do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use writ_evidence::{Bundle, Kind};
use writ_policy::observation::Value as Seen;

use crate::support::{Daemon, Site, chmod, mode, until};

/// What a runbook runs: it says that it runs, and takes a minute unless a file says that it may be quick.
const SLOW: &str = r#"
echo $$ >> TARGET/started
[ -e TARGET/quick ] && exec chmod 0644 "$1"
exec sleep 60
"#;

/// A site with two checks whose runbooks run the same slow program, and one that heals at once. What it obeys names the
/// system that runs.
fn site() -> Site {
    let site = Site::new();
    let mut policy = site.policy();
    site.file_check(&mut policy, "motd");
    for name in ["slow", "second"] {
        let path = site.file_check(&mut policy, name);
        policy["runbooks"][format!("RB-{name}")]["steps"] = json!([{
            "id": "run", "step": "exec", "timeout": "5m", "undo": null,
            "parameters": { "program": { "program": "slow" }, "arguments": [path] },
        }]);
    }
    let slow = SLOW.replace("TARGET", &site.path("target").display().to_string());
    site.publish_with_programs(1, &policy, &[("slow", &slow)]);
    site
}

fn lines(path: PathBuf) -> Vec<String> {
    fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

fn begun(site: &Site) -> Vec<String> {
    lines(site.path("target/started"))
}

fn has_ended(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
}

/// A daemon in which the slow runbook of one check runs, and that of the other waits for it.
fn with_a_slow_one_and_one_in_line(site: &Site) -> (Daemon, String) {
    let daemon = site.daemon();
    until("it runs", || site.log().contains("watching").then_some(()));
    chmod(&site.path("target/slow"), 0o600);
    let pid = until("the slow runbook runs", || begun(site).pop());
    chmod(&site.path("target/second"), 0o600);
    until("the second one waits", || {
        let status: Value = serde_json::from_slice(&fs::read(site.state("status.json")).ok()?).unwrap();
        let runbooks = &status["runbooks"];
        let is =
            |name: &str, check: &str| runbooks[name].as_array().is_some_and(|l| l.len() == 1 && l[0]["check"] == check);
        (is("running", "file.slow") && is("waiting", "file.second")).then_some(())
    });
    (daemon, pid)
}

/// Why a dry run would do nothing about a check.
fn foreseen(site: &Site) -> impl Fn(&str) -> String + use<> {
    let output = site.command().args(["--plan", "--json"]).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    move |check| {
        let line = report["checks"].as_array().unwrap().iter().find(|line| line["check"] == check).unwrap();
        assert_eq!(line["would_run"], Value::Null, "{line}");
        line["held"]["why"].as_str().unwrap().to_owned()
    }
}

fn closed(site: &Site, check: &str) -> Option<Bundle> {
    let of = |bundle: &Bundle| bundle.incident.as_ref().is_some_and(|incident| incident.check == check);
    site.incidents().closed.into_values().find(of)
}

/// How many attempts an incident had, and how many of them were interrupted.
fn attempts(bundle: &Bundle) -> (u64, i64) {
    let interrupted = match bundle.incident.as_ref().unwrap().details.get("interrupted_attempts") {
        Some(Seen::Int(number)) => *number,
        _ => 0,
    };
    (bundle.execution.as_ref().unwrap().attempts, interrupted)
}

fn pause(site: &Site, checks: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writ-enforce"));
    command.arg("pause").arg("--config").arg(site.path("etc/enforce.toml"));
    command.args(["--checks", checks, "--for", "1h", "--reason", "repair", "--code-file"]).arg(site.path("code"));
    command.output().unwrap()
}

fn heartbeat(site: &Site) -> Option<Value> {
    let bytes = fs::read(site.path("presence/heartbeat.json")).ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[test]
fn while_a_runbook_takes_long_everything_else_goes_on() {
    let site = site();
    let code = site.path("etc/pause-code").display().to_string();
    site.configure(&format!("pause_code_file = {code:?}\nheartbeat = \"1s\"\n"));
    fs::write(site.path("code"), "open sesame\n").unwrap();
    let mut make = Command::new(env!("CARGO_BIN_EXE_writ-enforce"));
    make.args(["pause-code", "--out", &code, "--code-file"]).arg(site.path("code"));
    assert!(make.status().unwrap().success());
    let (daemon, pid) = with_a_slow_one_and_one_in_line(&site);
    assert_eq!(site.incidents().opened.len(), 2, "what waits and what runs is told");
    let held = foreseen(&site);
    assert!(held("file.slow").starts_with("rule L1-slow works on it since "), "{}", held("file.slow"));
    assert!(held("file.second").starts_with("it waits for its turn: 1 runbooks run"), "{}", held("file.second"));
    let ran = json!({ "runs": 1, "programs": 1 });
    assert_eq!((&site.status()["runbooks"]["within_hour"], &site.status()["runbooks"]["given_up"]), (&ran, &json!([])));

    let motd = site.path("target/motd");
    chmod(&motd, 0o600);
    until("another check is healed, and told", || closed(&site, "file.motd"));
    assert_eq!(mode(&motd), 0o644);
    let before = heartbeat(&site);
    until("the next heartbeat is laid out", || (heartbeat(&site) != before).then_some(()));
    assert_eq!(pause(&site, "file.motd").status.code(), Some(0), "a pause is answered");
    chmod(&motd, 0o600);
    until("and kept", || (site.incidents().opened.len() == 4).then_some(()));
    assert_eq!(mode(&motd), 0o600);

    assert!(!has_ended(&pid) && begun(&site).len() == 1, "all of it beside the runbook");
    assert_eq!(daemon.stop(), Some(0));
}

/// What waits in line is no attempt: only the one that ran was interrupted.
fn goes_on(site: &Site) {
    fs::write(site.path("target/quick"), "").unwrap();
    let daemon = site.daemon();
    let slow = until("the slow one is healed", || closed(site, "file.slow"));
    let second = until("and so is the one that waited", || closed(site, "file.second"));
    assert_eq!((attempts(&slow), attempts(&second)), ((2, 1), (1, 0)));
    assert_eq!(daemon.stop(), Some(0));
    assert_eq!(site.incidents().opened.len(), 2);
    let recovered = site.of_kind(Kind::Started).pop().unwrap().started.unwrap().recovered;
    assert_eq!(recovered.iter().filter(|line| line.contains("was interrupted")).count(), 1, "{recovered:?}");
}

#[test]
fn sigterm_ends_the_runbook_and_the_next_start_counts_it_as_interrupted() {
    let site = site();
    let (daemon, pid) = with_a_slow_one_and_one_in_line(&site);
    assert_eq!(daemon.stop(), Some(0));
    assert!(has_ended(&pid), "its process group was killed");
    goes_on(&site);
}

#[test]
fn after_sigkill_the_next_start_counts_the_runbook_as_interrupted() {
    let site = site();
    let (daemon, pid) = with_a_slow_one_and_one_in_line(&site);
    daemon.kill();
    // systemd would do this, by the unit's control group.
    let group = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
    rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
    goes_on(&site);
}

#[test]
fn who_waited_looks_again_before_its_turn() {
    let site = site();
    let (daemon, pid) = with_a_slow_one_and_one_in_line(&site);
    chmod(&site.path("target/second"), 0o644);
    until("it holds by other hands", || closed(&site, "file.second"));
    fs::write(site.path("target/quick"), "").unwrap();
    let slow = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
    rustix::process::kill_process(slow, rustix::process::Signal::KILL).unwrap();
    let healed = until("the slow one is tried again, and helps", || closed(&site, "file.slow"));
    assert_eq!((attempts(&healed), begun(&site).len()), ((2, 0), 2), "and the other one never ran");
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn a_check_that_a_new_policy_leaves_out_is_closed_when_its_runbook_ends() {
    let site = site();
    let (daemon, pid) = with_a_slow_one_and_one_in_line(&site);
    let mut policy = site.policy();
    site.file_check(&mut policy, "motd");
    let bytes = site.release_bytes(&site.release(2), &Site::policy_bytes(&policy));
    site.put("1-2", &bytes, &site.release_key);
    until("the policy is taken up", || closed(&site, "file.second"));
    assert!(closed(&site, "file.slow").is_none() && Path::new("/proc").join(&pid).exists());
    let slow = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
    rustix::process::kill_process(slow, rustix::process::Signal::KILL).unwrap();
    until("and this one is over with its runbook", || closed(&site, "file.slow"));
    assert_eq!(begun(&site).len(), 1);
    assert_eq!(daemon.stop(), Some(0));
    let state: Value = serde_json::from_slice(&fs::read(site.state("state.json")).unwrap()).unwrap();
    assert_eq!(state["incidents"], json!({}));
}
