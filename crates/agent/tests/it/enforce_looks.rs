//! Looks that take long, beside everything else that the enforcer has to do.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use writ_agent::clock::{Clock, Simulated};
use writ_agent::config::Config;
use writ_agent::enforce::driver::{Driver, Units};
use writ_agent::enforce::engine::Engine;
use writ_agent::watch::{Message, Topic};
use writ_evidence::Kind;

use crate::support::{Site, chmod, mode, now, until};

/// An SSH server that says what it is set to, says that it was asked, and takes a minute while a file says so. What it says of root is
/// in a file.
const SERVER: &str = r#"#!/bin/sh
echo $$ >> TARGET/asked
[ -e TARGET/hangs ] && exec sleep 60
echo "permitrootlogin $(cat TARGET/root)"
"#;

fn lines(path: PathBuf) -> Vec<String> {
    fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

fn asked(site: &Site) -> Vec<String> {
    lines(site.path("target/asked"))
}

fn runs(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// A policy that asks the same of one server so many times, and about one file.
fn ask_the_server(site: &Site, policy: &mut Value, checks: usize) {
    let target = site.path("target").display().to_string();
    let server = site.path("target/sshd");
    fs::write(&server, SERVER.replace("TARGET", &target)).unwrap();
    chmod(&server, 0o755);
    fs::write(site.path("target/config"), "").unwrap();
    fs::write(site.path("target/root"), "no\n").unwrap();
    for number in 0..checks {
        let name = format!("root{number:02}");
        site.file_check(policy, &name);
        let check = &mut policy["checks"][format!("file.{name}")];
        check["probe"] = json!({ "sshd": { "binary": server, "config": format!("{target}/config") } });
        check["expect"] = json!({ "permit_root_login": { "eq": "no" } });
        policy["runbooks"][format!("RB-{name}")]["steps"][0]["parameters"] =
            json!({ "path": site.path("target/root"), "mode": "0644" });
    }
    site.file_check(policy, "motd");
}

#[test]
fn a_probe_that_hangs_keeps_nobody_waiting_and_one_look_answers_all_who_ask_the_same() {
    let site = Site::new();
    let mut policy = site.policy();
    ask_the_server(&site, &mut policy, 22);
    fs::write(site.path("target/hangs"), "").unwrap();
    site.publish(1, &policy);
    let daemon = site.daemon();
    until("it runs", || site.log().contains("watching").then_some(()));
    let (motd, mut looks) = (site.path("target/motd"), 0);
    let pid = loop {
        let pid = until("the server is asked", || asked(&site).get(looks).cloned());
        chmod(&motd, 0o600);
        until("the file is healed", || (mode(&motd) == 0o644).then_some(()));
        if runs(&pid) {
            break pid;
        }
        // A probe ends what it started after ten seconds, and on a machine that is busy those may be over by now.
        looks = asked(&site).len();
        fs::write(site.path("target/config"), "# changed\n").unwrap();
    };
    assert_eq!(asked(&site).len(), looks + 1, "22 checks wait for one look");

    fs::remove_file(site.path("target/hangs")).unwrap();
    let pid = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    until("every check has been looked at", || (!site.of_kind(Kind::Posture).is_empty()).then_some(()));
    let looks = asked(&site).len() - looks;
    // One more where the runbook had ended before that look did: it had begun too early for anybody then.
    assert!((1..4).contains(&looks), "{looks} looks for 22 checks that ask the same");
    let all_closed = || (site.incidents().closed.len() == site.incidents().opened.len()).then_some(());
    until("what was healed is told", all_closed);
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn a_runbook_is_judged_by_a_slow_look_that_began_after_it() {
    let site = Site::new();
    let mut policy = site.policy();
    ask_the_server(&site, &mut policy, 1);
    policy["runbooks"]["RB-root00"]["steps"] = json!([{
        "id": "restore", "step": "file.restore", "timeout": "10s", "undo": null,
        "parameters": { "path": site.path("target/root"), "content": "no\n", "mode": "0644" },
    }]);
    site.publish(1, &policy);
    let daemon = site.daemon();
    until("it is told what is so", || (!site.of_kind(Kind::Posture).is_empty()).then_some(()));
    let before = asked(&site).len();
    assert_eq!((before, site.incidents().opened.len()), (1, 0), "it holds");
    fs::write(site.path("target/root"), "yes\n").unwrap();
    fs::write(site.path("target/config"), "# changed\n").unwrap();
    let closed = until("it is healed", || site.incidents().closed.into_values().next());
    assert_eq!(fs::read_to_string(site.path("target/root")).unwrap(), "no\n");
    assert_eq!(closed.execution.unwrap().attempts, 1, "no look from before the runbook spoke against it");
    assert!(asked(&site).len() >= before + 2, "one look that found it, and one that judged");
    assert_eq!(site.incidents().opened.len(), 1);
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn checks_that_something_always_happens_to_leave_everything_else_its_turn() {
    let site = Site::new();
    let mut policy = site.policy();
    site.file_check(&mut policy, "motd");
    site.publish(1, &policy);
    let time = Simulated::starting(now());
    let clock = Clock::Simulated(time.clone());
    let config = Config::read(&site.path("etc/enforce.toml")).unwrap();
    let mut engine = Engine::open_at(config, clock.clone()).unwrap();
    engine.start(false);
    let mut driver = Driver::new(engine, Box::new(|_| ()), Units::default());
    assert!(driver.act(&mut std::iter::empty()));
    // Each run of the check takes 30 ms, in which its file changes once more.
    let (mut runs, mut happens) = (0, false);
    let mut heard = std::iter::from_fn(|| {
        happens = !happens;
        if !happens || runs == 500 {
            return None;
        }
        runs += 1;
        time.advance(Duration::from_millis(30));
        Some(Message::Changed(Topic::Check("file.motd".to_owned())))
    });
    time.advance(Duration::from_secs(1));
    assert!(driver.take(Message::Changed(Topic::Check("file.motd".to_owned()))));
    assert!(driver.act(&mut heard));
    assert!((2..50).contains(&runs), "{runs} runs in one turn");
    assert!(driver.next() <= clock.instant(), "and the next one is due");
}
