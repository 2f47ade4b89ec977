//! writ-planner as a process: alone, and with an enforcer.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use writ_evidence::Kind;
use writ_evidence::incident::{ResolutionType, Tier};
use writ_policy::observation::Value as Seen;

use crate::enforce_plans::{policy, right, site};
use crate::support::{Site, chmod, mode, now, said, until};

/// writ-planner on the spool of a site.
pub fn command(site: &Site) -> Command {
    let spool = fs::canonicalize(site.dir.path()).unwrap();
    let config = format!("spool = {:?}\nstate_dir = {:?}\n", spool.display(), spool.join("planner").display());
    fs::write(site.path("etc/planner.toml"), config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_writ-planner"));
    command.arg("--config").arg(site.path("etc/planner.toml")).env("WRIT_LOG", "debug");
    command
}

pub struct Running(pub Child);

impl Running {
    /// Stops it with SIGTERM and gives its exit code.
    fn stop(mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_raw(self.0.id() as i32).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.0.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn start(site: &Site) -> Running {
    fs::create_dir_all(site.path("plan/requests")).unwrap();
    let log = fs::File::options().create(true).append(true).open(site.path("planner.log")).unwrap();
    Running(command(site).stdout(Stdio::null()).stderr(log).spawn().unwrap())
}

fn status(site: &Site) -> Option<Value> {
    serde_json::from_slice(&fs::read(site.path("planner/status.json")).ok()?).ok()
}

/// A request of this number, in which one runbook has helped before.
fn request(number: u32, expires_in_ms: i64) -> (String, Value) {
    let id = format!("INC-20261123-0001-{number}");
    let allowed = |runbook: &str, past: Value| json!({ "runbook": runbook, "title": "t", "steps": ["file.restore"], "verify": ["c"], "past": past });
    let document = json!({
        "schema": "writ.plan-request.v1", "id": id, "site": "clinic-001", "appliance": "front-desk", "release": null,
        "asked_at": now(), "expires_at": now().plus_millis(expires_in_ms), "check": "c", "title": "t",
        "severity": "high", "target": "self", "probe": "file", "seen": { "observation": {}, "reasons": [] },
        "tried": [], "allowed": [allowed("RB-A", Value::Null), allowed("RB-B", json!({ "helped": 1, "failed": 0 }))],
    });
    (id, document)
}

fn lay(site: &Site, name: &str, request: &Value) -> PathBuf {
    fs::write(site.path("plan/.request"), request.to_string()).unwrap();
    fs::rename(site.path("plan/.request"), site.path(&format!("plan/requests/{name}.json"))).unwrap();
    site.path(&format!("plan/plans/{name}.json"))
}

#[test]
fn it_answers_what_is_asked_and_says_what_it_cannot_answer() {
    let site = Site::new();
    let once = || command(&site).arg("--once").output().unwrap();
    let output = once();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(
        said(&output).contains("plan/requests") && said(&output).contains("writ-enforce makes"),
        "{}",
        said(&output)
    );
    fs::create_dir_all(site.path("plan/requests")).unwrap();
    fs::create_dir_all(site.path("plan/plans")).unwrap();
    let (id, good) = request(1, 60_000);
    let plan = lay(&site, &id, &good);
    let (late, expired) = request(2, -1);
    let none = lay(&site, &late, &expired);
    assert_eq!(once().status.code(), Some(0));
    let read: Value = serde_json::from_slice(&fs::read(&plan).unwrap()).unwrap();
    assert_eq!(read["runbook"], "RB-B", "{read}");
    assert!(!none.exists(), "nobody waits for it");
    let status = status(&site).unwrap();
    assert_eq!((&status["plans"], &status["problem"]), (&1.into(), &Value::Null));
    assert_eq!(status["confined"]["seccomp"], true, "{status}");

    lay(&site, "INC-20261123-0001-3", &good);
    let output = once();
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("it says that it is INC-20261123-0001-1"), "{}", said(&output));
    fs::write(site.path("plan/requests/INC-20261123-0001-3.json"), vec![b' '; 300 * 1024]).unwrap();
    assert!(said(&once()).contains("larger than the 262144 bytes allowed"));
}

#[test]
fn it_is_woken_by_a_request_and_ends_when_nothing_is_asked() {
    let site = Site::new();
    fs::create_dir_all(site.path("plan/plans")).unwrap();
    let running = start(&site);
    until("it runs", || status(&site));
    let second = command(&site).output().unwrap();
    assert!(said(&second).contains("another writ-planner works with this state"), "{}", said(&second));
    let (id, good) = request(1, 600_000);
    let plan = lay(&site, &id, &good);
    until("the plan", || plan.exists().then_some(()));
    assert_eq!(running.stop(), Some(0));
    fs::remove_file(site.path(&format!("plan/requests/{id}.json"))).unwrap();
    let output = command(&site).args(["--idle", "1ms"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let help = said(&Command::new(env!("CARGO_BIN_EXE_writ-planner")).arg("--help").output().unwrap());
    for taught in ["Examples:", "--once", "--idle", "SIGHUP", "Exit codes", "plan/plans/", "review"] {
        assert!(help.contains(taught), "{taught}: {help}");
    }
    fs::write(site.path("etc/bad.toml"), "spol = 1\n").unwrap();
    let mut mistaken = Command::new(env!("CARGO_BIN_EXE_writ-planner"));
    let output = mistaken.arg("--config").arg(site.path("etc/bad.toml")).output().unwrap();
    assert!(output.status.code() == Some(2) && said(&output).contains("spol"), "{}", said(&output));
}

/// Both programs, and nothing in between: the rule's runbook does not help, the planner's choice does, and the evidence says so.
#[test]
fn what_rules_cannot_heal_is_healed_by_a_plan() {
    let site = site(&policy(&Site::new(), "after"));
    let planner = start(&site);
    let daemon = site.daemon();
    until("it watches", || site.log().contains("watching").then_some(()));
    chmod(&right(&site), 0o600);
    let closed = until("it is healed, and told", || site.incidents().closed.into_values().next());
    assert_eq!(mode(&right(&site)), 0o644);
    let execution = closed.execution.unwrap();
    assert_eq!((execution.tier, execution.resolution_type), (Some(Tier::L2), ResolutionType::Auto));
    assert_eq!((execution.rule, execution.escalations.len()), (None, 1));
    assert_eq!(execution.escalations[0].to, Tier::L2);
    assert_eq!(closed.runbook.unwrap().runbook_id, "RB-right");
    let details = closed.incident.unwrap().details;
    let by = format!("writ-planner/{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(details["planner"], Seen::Text(by.clone()));
    assert!(!details.contains_key("ticket"));
    let plans = site.of_kind(Kind::Plan);
    let last = plans.last().unwrap();
    assert_eq!(last.artifacts.outputs["result"], "helped");
    let verdict = &plans[plans.len() - 2];
    let record = verdict.plan.as_ref().unwrap();
    assert!(record.allowed && record.planner == by && record.runbooks == ["RB-right"], "{record:?}");
    assert_eq!(verdict.artifacts.outputs["offered"], "RB-right, RB-useless");
    assert_eq!(verdict.artifacts.checksums["plan"], last.artifacts.checksums["plan"]);
    assert_eq!(fs::read_dir(site.path("plan/requests")).unwrap().count(), 0, "nothing is asked any more");
    let request = &verdict.artifacts.outputs["request"];
    let said: Value =
        serde_json::from_slice(&fs::read(site.path(&format!("plan/verdicts/{request}.json"))).unwrap()).unwrap();
    assert_eq!((&said["allowed"], &said["result"]), (&true.into(), &"helped".into()));
    let notice = until("people hear what was run", || fs::read(site.path("notices/1.json")).ok());
    let notice: Value = serde_json::from_slice(&notice).unwrap();
    assert!(notice["reasons"][1].as_str().unwrap().contains("chose runbook RB-right"), "{notice}");
    assert_eq!(daemon.stop(), Some(0));
    assert_eq!(planner.stop(), Some(0));
}

/// A site whose file has drifted, with somebody who plans.
fn drifted() -> (Site, Running) {
    let site = site(&policy(&Site::new(), "never"));
    let planner = start(&site);
    chmod(&right(&site), 0o600);
    (site, planner)
}

/// The passages of crash points from the first question to a planner on, by number and name.
fn passages() -> Vec<(u64, String)> {
    let (site, _planner) = drifted();
    let done = site.command().arg("--once").env("WRIT_CRASH_LOG", site.path("passages")).output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    let log = fs::read_to_string(site.path("passages")).unwrap();
    let all = log.lines().map(|line| line.split_once(' ').unwrap());
    let all = all.map(|(number, name)| (number.parse().unwrap(), name.to_owned()));
    all.skip_while(|(_, name): &(u64, String)| !name.starts_with("a plan is asked for")).collect()
}

/// A kill at any point of all that: no incident is lost, none is told twice, and nothing runs twice for one plan.
#[test]
fn a_kill_while_a_plan_is_made_and_carried_out_loses_nothing() {
    let mut points = passages();
    if std::env::var_os("WRIT_ALL_KILLS").is_none() {
        let telling = ["a plan is asked for", "attempt is durable", "runbook done"];
        points.retain(|(_, name)| telling.iter().any(|telling| name.starts_with(telling)));
    }
    assert!(points.len() >= 3, "{points:?}");
    for (at, name) in points {
        let (site, _planner) = drifted();
        let killed = site.command().arg("--once").env("WRIT_CRASH_AT", at.to_string()).output().unwrap();
        assert_eq!(killed.status.code(), None, "{name}: {}", said(&killed));
        let before = site.bundles();
        site.once_is(0);
        assert_eq!(site.bundles()[..before.len()], before[..], "{name} changed what was said");
        let incidents = site.incidents();
        assert_eq!((incidents.opened.len(), incidents.closed.len()), (1, 1), "{name}");
        assert_eq!(mode(&right(&site)), 0o644, "{name}");
        let (ran, verdicts): (Vec<_>, Vec<_>) = site
            .of_kind(Kind::Plan)
            .into_iter()
            .filter(|bundle| bundle.plan.as_ref().unwrap().allowed)
            .partition(|bundle| bundle.artifacts.outputs.contains_key("result"));
        assert!(ran.len() <= verdicts.len() && verdicts.len() <= 2, "{name}");
        assert_eq!(fs::read_dir(site.path("plan/requests")).unwrap().count(), 0, "{name}");
    }
}
