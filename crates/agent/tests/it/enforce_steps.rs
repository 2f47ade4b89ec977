//! What becomes of steps that fail, that take too long and that print what must not leave, and what a dry run says beforehand.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use writ_evidence::Kind;
use writ_evidence::incident::{Action, ActionResult};
use writ_policy::policy::upgrade;
use writ_trust::time::Time;

use crate::support::{Site, chmod, mode, now, until};

fn restore(id: &str, path: &Path, mode: &str, undo: &Value) -> Value {
    json!({ "id": id, "step": "file.restore", "parameters": { "path": path, "mode": mode }, "timeout": "10s", "undo": undo })
}

/// What was done for a check, by its closing bundle.
fn actions(site: &Site, check: &str) -> Vec<Action> {
    let of = |incident: &writ_evidence::incident::Incident| incident.check == check;
    let closed = site.incidents().closed.into_values().find(|bundle| bundle.incident.as_ref().is_some_and(of));
    closed.unwrap_or_else(|| panic!("{check} is not closed")).actions_taken
}

fn results(actions: &[Action]) -> Vec<(&str, ActionResult, bool)> {
    actions.iter().map(|action| (action.action.split(':').next().unwrap(), action.result, action.undo)).collect()
}

#[test]
fn taking_back_goes_on_whatever_one_of_it_comes_to_and_is_for_what_was_done() {
    use ActionResult::{Failed, Ok};
    let site = Site::new();
    let mut policy = site.policy();
    let never = site.path("never");
    assert!(Command::new("mkfifo").arg(&never).status().unwrap().success());
    let missing = site.path("missing/file");
    let undo = |path: &Path| json!({ "step": "file.restore", "parameters": { "path": path, "mode": "0640" }, "timeout": "10s" });
    // nft waits for a ruleset that nobody writes, and would wait for ever.
    let waits = |timeout: &str| json!({ "step": "nftables.load", "parameters": { "file": never }, "timeout": timeout });
    let late = |undo: Value| {
        let mut step = waits("1s");
        (step["id"], step["undo"]) = ("waits".into(), undo);
        step
    };
    let names = ["undo-fails", "undo-waits", "step-waits"];
    let [a, b, c] = names.map(|name| site.file_check(&mut policy, name));
    let marks = ["a", "b"].map(|name| site.path("target").join(name));
    for mark in &marks {
        fs::write(mark, "").unwrap();
        chmod(mark, 0o600);
    }
    let steps = [
        json!([
            restore("first", &a, "0600", &undo(&a)),
            restore("second", &marks[0], "0644", &undo(&missing)),
            restore("breaks", &missing, "0644", &Value::Null),
        ]),
        json!([
            restore("first", &b, "0600", &undo(&b)),
            restore("second", &marks[0], "0644", &waits("1s")),
            restore("breaks", &missing, "0644", &Value::Null),
        ]),
        json!([restore("first", &c, "0600", &undo(&c)), late(undo(&marks[1]))]),
    ];
    for (name, steps) in names.iter().zip(steps) {
        policy["runbooks"][format!("RB-{name}")]["steps"] = steps;
        policy["checks"][format!("file.{name}")]["severity"] = "medium".into();
        policy["rules"][format!("L1-{name}")]["attempts"] = 1.into();
    }
    site.publish(1, &policy);
    for path in [&a, &b, &c] {
        chmod(path, 0o666);
    }
    site.once_is(1);
    for path in [&a, &b, &c] {
        assert_eq!(mode(path), 0o640, "the first step is taken back: {}", path.display());
        chmod(path, 0o644);
    }
    assert_eq!(mode(&marks[1]), 0o600, "a step that did not come to its end is not taken back itself");
    site.once_is(0);

    let of = actions(&site, "file.undo-fails");
    let taken_back = [("second", Failed, true), ("first", Ok, true)];
    let done = [("first", Ok, false), ("second", Ok, false), ("breaks", Failed, false)];
    assert_eq!(results(&of), [&done[..], &taken_back[..]].concat());
    assert!(of[3].error_message.as_ref().unwrap().contains("No such file"), "{:?}", of[3]);
    let of = actions(&site, "file.undo-waits");
    assert_eq!(results(&of), [&done[..], &taken_back[..]].concat());
    assert!(of[3].error_message.as_ref().unwrap().contains("was killed: it had not finished within 1000 ms"));
    let of = actions(&site, "file.step-waits");
    assert_eq!(results(&of), [("first", Ok, false), ("waits", Failed, false), ("first", Ok, true)]);
    assert!(of[1].error_message.as_ref().unwrap().contains("was killed"), "{:?}", of[1]);
}

/// The files beneath a folder that hold a text, but for those that people wrote.
fn files_with(site: &Site, text: &str) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![site.dir.path().to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() && path != site.path("store") {
                folders.push(path);
            } else if fs::read(&path).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(text)) {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn what_a_program_prints_of_a_patient_is_nowhere_to_be_found() {
    const NUMBER: &str = "123-45-6789";
    let site = Site::new();
    let mut policy = site.policy();
    let path = site.file_check(&mut policy, "motd");
    let mut other = policy["runbooks"]["RB-motd"].clone();
    other["steps"][0]["parameters"]["path"] = json!(site.path("target"));
    policy["runbooks"]["RB-other"] = other;
    policy["runbooks"]["RB-motd"]["steps"] = json!([{
        "id": "print", "step": "exec", "timeout": "10s", "undo": null, "parameters": { "program": { "program": "print" } },
    }]);
    policy["checks"]["file.motd"]["severity"] = "medium".into();
    policy["rules"]["L1-motd"]["attempts"] = 1.into();
    let mut policy = upgrade(policy);
    policy["settings"]["planner"] = json!({ "enabled": true, "review": "after" });
    let print = format!("echo 'SSN {NUMBER} on file'; echo 'no record of SSN {NUMBER}' >&2; exit 3");
    site.publish_with_programs(1, &policy, &[("print", &print)]);
    fs::create_dir_all(site.path("plan/plans")).unwrap();
    site.configure("plan_within = \"10m\"\n");
    let daemon = site.daemon();
    until("it runs", || site.log().contains("watching").then_some(()));
    chmod(&path, 0o600);
    let requests = || fs::read_dir(site.path("plan/requests")).into_iter().flatten().count();
    until("a planner is asked", || (requests() == 1).then_some(()));
    assert_eq!(files_with(&site, NUMBER), Vec::<PathBuf>::new(), "state, log and request, while it is open");
    assert_eq!(daemon.stop(), Some(0));
    // Nobody answers, so people have it.
    site.configure("plan_within = \"100ms\"\n");
    let said = site.once_is(1);
    assert_eq!(fs::read_dir(site.state("tickets")).unwrap().count(), 1);
    assert_eq!(site.status()["open_incidents"][0]["attempts"], 1);
    assert_eq!(files_with(&site, NUMBER), Vec::<PathBuf>::new(), "ticket and status");
    chmod(&path, 0o644);
    let said = said + &site.once_is(0);
    assert!(!said.contains(NUMBER), "{said}");
    assert_eq!(files_with(&site, NUMBER), Vec::<PathBuf>::new(), "evidence");
    let printed = &actions(&site, "file.motd")[0];
    assert_eq!(printed.exit_code, Some(3));
    assert_eq!(printed.stdout_excerpt, "SSN [scrubbed:ssn] on file\n");
    assert_eq!(printed.stderr_excerpt, "no record of SSN [scrubbed:ssn]\n");
}

/// A window for scans of everything, two hours from now.
fn window_later() -> Value {
    let time = |hours: i64| now().plus_millis(hours * 3_600_000).to_string()[11..16].to_owned();
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    json!({ "days": days, "from": time(2), "to": time(3), "allows": ["scan"] })
}

/// What a dry run says of each check, in one line each.
fn foreseen(site: &Site) -> impl Fn(&str) -> String + use<> {
    let output = site.command().args(["--plan", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    move |check| {
        let id = format!("file.{check}");
        let line = report["checks"].as_array().unwrap().iter().find(|line| line["check"] == *id).unwrap();
        assert_eq!(line["outcome"], "fail", "{line}");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut said: Vec<String> =
            line["would_tell"].as_array().into_iter().flatten().map(|why| format!("tell: {}", text(why))).collect();
        if let Some(held) = line["held"].as_object() {
            let until = held.get("until").map(|until| until.as_str().unwrap().parse::<Time>().unwrap());
            let until = if until.is_some_and(|until| until > now()) { " (until later)" } else { "" };
            said.push(format!("held: {}{until}", text(&held["why"])));
        }
        if let Some(people) = line["would_escalate"].as_object() {
            said.push(format!("people: {}", text(&people["why"])));
        }
        if let Some(run) = line["would_run"].as_object() {
            let lacks = run.get("lacks").map_or_else(String::new, |lacks| format!(" lacks {lacks}"));
            let window = run.get("window").map_or("", |_| " in a window");
            let back =
                if run["steps"].to_string().contains("; taken back, if a later one fails, by ") { " undo" } else { "" };
            said.push(format!("run: {}{lacks}{window}{back}", text(&run["runbook"])));
        }
        said.join("; ")
    }
}

/// Says that an enforcer is at work, which is this process, and of which the status file says this.
fn at_work(site: &Site, runbooks: &Value) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let started = stat.rsplit(')').next().unwrap().split_whitespace().nth(19).unwrap().to_owned();
    fs::write(site.state("lock"), format!("{} {started}\n", std::process::id())).unwrap();
    fs::write(site.state("status.json"), json!({ "runbooks": runbooks }).to_string()).unwrap();
}

#[test]
fn a_dry_run_says_what_would_be_done_and_why_nothing_would() {
    let site = Site::new();
    let mut policy = site.policy();
    let before = ["stopped", "rests", "people"];
    let after = ["runs", "critical", "no-rule", "paused", "window", "lacks"];
    let paths = before.iter().chain(&after).map(|name| (*name, site.file_check(&mut policy, name)));
    let paths: std::collections::BTreeMap<&str, PathBuf> = paths.collect();
    let elsewhere = site.path("target/elsewhere");
    fs::write(&elsewhere, "").unwrap();
    for name in ["rests", "people"] {
        policy["runbooks"][format!("RB-{name}")]["steps"][0]["parameters"]["path"] = json!(elsewhere);
        policy["checks"][format!("file.{name}")]["severity"] = "medium".into();
        policy["rules"][format!("L1-{name}")]["cooldown"] = "1h".into();
    }
    policy["rules"]["L1-people"]["attempts"] = 1.into();
    for name in ["critical", "paused"] {
        policy["checks"][format!("file.{name}")]["severity"] = "critical".into();
    }
    policy["rules"].as_object_mut().unwrap().remove("L1-no-rule");
    policy["runbooks"]["RB-window"]["steps"] = json!([
        { "id": "scan", "step": "scan.run", "parameters": { "scan": "full" }, "timeout": "1h", "undo": null }
    ]);
    let exec =
        |symbol: &str| json!({ "step": "exec", "parameters": { "program": { "program": symbol } }, "timeout": "10s" });
    let mut step = exec("missing");
    (step["id"], step["undo"]) = ("run".into(), exec("gone"));
    policy["runbooks"]["RB-lacks"]["steps"] = json!([step]);
    policy["settings"]["circuit_breaker"]["fires"] = 1.into();
    let mut policy = upgrade(policy);
    policy["settings"]["time_zone"] = "Etc/UTC".into();
    policy["settings"]["maintenance"]["windows"] = json!([window_later()]);
    site.publish(1, &policy);
    before.iter().for_each(|name| chmod(&paths[name], 0o600));
    site.once_is(1);
    after.iter().chain(["stopped"].iter()).for_each(|name| chmod(&paths[name], 0o600));
    let mut state: Value = serde_json::from_slice(&fs::read(site.state("state.json")).unwrap()).unwrap();
    state["pauses"]["active"] = json!([{
        "checks": ["file.paused"], "from": now(), "until": now().plus_millis(3_600_000), "reference": "r", "by": "b",
        "reason": "the vendor is on the phone",
    }]);
    fs::write(site.state("state.json"), state.to_string()).unwrap();

    let said = foreseen(&site);
    let whole = |check: &str, expected: &str| assert_eq!(said(check), expected, "{check}");
    whole("runs", "run: RB-runs");
    let critical = "tell: critical: people are told at once, healing goes on meanwhile";
    whole("critical", &format!("{critical}; run: RB-critical"));
    whole("no-rule", "people: no rule answers it; L2: the policy enables no planner");
    whole(
        "paused",
        &format!("{critical}; held: people have paused healing of it: the vendor is on the phone (until later)"),
    );
    whole("rests", "held: rule L1-rests did not help and rests before its next attempt (until later)");
    whole("window", "run: RB-window in a window");
    whole("lacks", r#"run: RB-lacks lacks ["gone","missing"] undo"#);
    assert!(said("people").starts_with("held: people have it (INC-"), "{}", said("people"));
    assert!(said("people").contains("1 attempts of L1 failed, as many as its rules allow"), "{}", said("people"));
    assert!(
        said("stopped").contains("people: rule L1-stopped was stopped: it answered 1 incidents"),
        "{}",
        said("stopped")
    );

    // What the daemon alone knows. Without one at work, nothing of it is so any more.
    at_work(&site, &json!({ "within_hour": { "runs": 120, "programs": 30 } }));
    let full =
        "people: rule L1-runs could not run: 120 runbooks of all rules ran within an hour, which is all that may; L2: ";
    assert!(foreseen(&site)("runs").starts_with(full), "{}", foreseen(&site)("runs"));
    for waiting in [json!([]), json!([{ "check": "file.runs", "rule": "L1-runs" }])] {
        at_work(&site, &json!({ "held": true, "waiting": waiting }));
        assert!(foreseen(&site)("runs").starts_with("held: it waits for its turn: "), "{}", foreseen(&site)("runs"));
    }
    fs::write(site.state("lock"), "").unwrap();
    fs::write(site.state("switch.json"), "{").unwrap();
    let said = foreseen(&site);
    for check in before.iter().chain(&after) {
        assert!(said(check).starts_with("held: a new generation is on trial"), "{check}: {}", said(check));
    }
    assert_eq!(site.of_kind(Kind::IncidentOpened).len(), before.len(), "it only says so");
}
