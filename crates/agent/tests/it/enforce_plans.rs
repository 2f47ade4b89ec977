//! Plans as an enforcer takes them: whoever writes them is hostile. In this process, by a simulated clock.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use writ_agent::clock::{Clock, Simulated};
use writ_agent::config::Config;
use writ_agent::enforce::driver::{Driver, Units};
use writ_agent::enforce::engine::Engine;
use writ_agent::watch::{Message, Topic};
use writ_evidence::Kind;
use writ_evidence::bundle::Vantage;
use writ_policy::policy::Policy;
use writ_trust::digest::Digest;

use crate::network::looks;
use crate::support::{Site, chmod, mode, now, said, until};

/// The file whose mode is checked.
pub fn right(site: &Site) -> PathBuf {
    site.path("target/motd")
}

/// A policy of which the rule's runbook and one other change something else, one gives the mode back, and a fourth is judged by
/// another check. The paths are those of this site, and replaced by [`site`].
pub fn policy(site: &Site, review: &str) -> Value {
    let mut policy = site.policy();
    site.file_check(&mut policy, "motd");
    site.file_check(&mut policy, "other");
    let runbook = |name: &str, check: &str| {
        let mut runbook = policy["runbooks"]["RB-motd"].clone();
        runbook["steps"][0]["parameters"]["path"] = format!("TARGET/{name}").into();
        runbook["verify"] = json!([check]);
        runbook
    };
    let runbooks = json!({
        "RB-motd": runbook("elsewhere", "file.motd"), "RB-useless": runbook("elsewhere", "file.motd"),
        "RB-right": runbook("motd", "file.motd"), "RB-foreign": runbook("motd", "file.other"),
        "RB-other": runbook("other", "file.other"),
    });
    policy["runbooks"] = runbooks;
    policy["rules"]["L1-motd"]["attempts"] = 1.into();
    let policy = Policy::parse(&Site::policy_bytes(&policy)).unwrap();
    let mut policy = serde_json::to_value(&policy).unwrap();
    policy["settings"]["time_zone"] = json!("Etc/UTC");
    policy["settings"]["planner"] = json!({ "enabled": true, "review": review });
    policy
}

/// A site that obeys this, with a place for plans and time for them.
pub fn site(policy: &Value) -> Site {
    let site = Site::new();
    site.configure("plan_within = \"10m\"\n");
    publish(&site, 1, policy);
    for name in ["motd", "other", "elsewhere"] {
        fs::write(site.path("target").join(name), "").unwrap();
        chmod(&site.path("target").join(name), 0o644);
    }
    fs::create_dir_all(site.path("plan/plans")).unwrap();
    site
}

pub fn publish(site: &Site, serial: u64, policy: &Value) {
    let mut policy = policy.clone();
    let target = site.path("target");
    for check in policy["checks"].as_object_mut().unwrap().values_mut() {
        let path = check["probe"]["file"]["path"].as_str().map(|path| Path::new(path).file_name().unwrap().to_owned());
        if let Some(name) = path {
            check["probe"]["file"]["path"] = target.join(name).display().to_string().into();
        }
    }
    for runbook in policy["runbooks"].as_object_mut().unwrap().values_mut() {
        let path = runbook["steps"][0]["parameters"]["path"].as_str().unwrap();
        let path = path.replace("TARGET", &target.display().to_string());
        runbook["steps"][0]["parameters"]["path"] = path.into();
    }
    site.publish(serial, &policy);
}

/// A site, its enforcer in this process, and the time in which both live.
pub struct Life {
    pub site: Site,
    time: Arc<Simulated>,
    driver: Driver,
}

impl Life {
    pub fn new(policy: &Value) -> Self {
        let site = site(policy);
        let time = Simulated::starting(now());
        let driver = driver(&site, &time);
        let mut life = Self { site, time, driver };
        life.act();
        life
    }

    fn act(&mut self) {
        // What a look at a check brings about is looked at in turn.
        for _ in 0..4 {
            assert!(self.driver.act(&mut std::iter::empty()));
        }
        self.driver.quiet();
    }

    pub fn seconds(&mut self, seconds: u64) {
        self.time.advance(Duration::from_secs(seconds));
        self.act();
    }

    /// The enforcer ends and another one begins.
    pub fn restart(self) -> Self {
        let Self { site, time, driver: mut before } = self;
        before.engine().stop();
        // Who is started by what lies there is not kept at work by what nobody waits for.
        assert_eq!(fs::read_dir(site.path("plan/requests")).unwrap().count(), 0);
        // Its lock goes with it.
        drop(before);
        let driver = driver(&site, &time);
        let mut life = Self { site, time, driver };
        life.act();
        life
    }

    /// The file is changed, the rule's runbook does not help, and a planner is asked.
    pub fn asked(policy: &Value) -> Self {
        let mut life = Self::new(policy);
        chmod(&right(&life.site), 0o600);
        assert!(life.driver.take(Message::Changed(Topic::Check("file.motd".to_owned()))));
        life.time.advance(Duration::from_millis(20));
        life.act();
        life
    }

    /// The check is looked at anew.
    pub fn look(&mut self) {
        assert!(self.driver.take(Message::Changed(Topic::Check("file.motd".to_owned()))));
        self.seconds(1);
    }

    /// The ids of what is asked, and the requests.
    pub fn requests(&self) -> Vec<(String, Value)> {
        let Ok(entries) = fs::read_dir(self.site.path("plan/requests")) else { return Vec::new() };
        let read = |path: PathBuf| serde_json::from_slice::<Value>(&fs::read(path).unwrap()).unwrap();
        let all = entries.map(|entry| read(entry.unwrap().path()));
        all.map(|request| (request["id"].as_str().unwrap().to_owned(), request)).collect()
    }

    pub fn request(&self) -> (String, Digest) {
        let requests = self.requests();
        let [(id, _)] = &requests[..] else { panic!("one request: {requests:?}") };
        (id.clone(), Digest::of(&fs::read(self.site.path(&format!("plan/requests/{id}.json"))).unwrap()))
    }

    fn place(&self, id: &str) -> PathBuf {
        self.site.path(&format!("plan/plans/{id}.json"))
    }

    /// Lays a plan where the answer to a request is expected.
    pub fn lay(&mut self, id: &str, plan: &Value) {
        fs::write(self.site.path("plan/.plan"), plan.to_string()).unwrap();
        fs::rename(self.site.path("plan/.plan"), self.place(id)).unwrap();
        self.seconds(1);
    }

    /// By which rule the last plan was refused; empty when it was not.
    fn rule(&self) -> String {
        let mut told = self.site.of_kind(Kind::Plan).into_iter();
        let last = told.rfind(|bundle| bundle.plan.as_ref().unwrap().planner != "none").expect("a word about a plan");
        last.artifacts.outputs.get("rule").cloned().unwrap_or_default()
    }

    pub fn is_healed(&self) -> bool {
        mode(&right(&self.site)) == 0o644
    }

    pub fn with_people(&self) -> bool {
        fs::read_dir(self.site.state("tickets")).is_ok_and(|entries| entries.count() > 0)
    }
}

fn driver(site: &Site, time: &Arc<Simulated>) -> Driver {
    let config = Config::read(&site.path("etc/enforce.toml")).unwrap();
    let mut engine = Engine::open_at(config, Clock::Simulated(time.clone())).unwrap();
    engine.start(false);
    Driver::new(engine, Box::new(|_| ()), Units::default())
}

pub fn plan(request: Digest, runbook: &str) -> Value {
    json!({ "schema": "writ.plan.v1", "request": request, "planner": "test/1", "runbook": runbook, "reason": "why" })
}

pub fn never() -> Value {
    policy(&Site::new(), "never")
}

#[test]
fn what_is_asked_is_what_the_policy_allows_and_evidence_may_hold() {
    let life = Life::asked(&never());
    let requests = life.requests();
    let [(id, request)] = &requests[..] else { panic!("{requests:?}") };
    assert!(id.starts_with("INC-") && id.ends_with("-1"), "{id}");
    let offered: Vec<&str> =
        request["allowed"].as_array().unwrap().iter().map(|a| a["runbook"].as_str().unwrap()).collect();
    assert_eq!(offered, ["RB-right", "RB-useless"], "neither what was tried nor what another check judges");
    assert_eq!(request["tried"], json!([{ "runbook": "RB-motd", "tier": "L1", "outcome": "failed" }]));
    assert_eq!(request["seen"]["observation"]["mode"], "0600");
    assert_eq!((&request["check"], &request["release"]["serial"]), (&"file.motd".into(), &1.into()));
    assert!(!life.with_people() && !life.is_healed());
    let state: Value = serde_json::from_slice(&fs::read(life.site.state("state.json")).unwrap()).unwrap();
    let open = &state["incidents"]["file.motd@self"]["plan"]["open"];
    assert_eq!(open["request"], json!(life.request().1), "the request is durable");
}

#[test]
fn a_plan_runs_what_it_names_and_what_helped_is_remembered() {
    let mut life = Life::asked(&never());
    let (id, digest) = life.request();
    life.lay(&id, &plan(digest, "RB-useless"));
    assert!(!life.is_healed() && life.requests().len() == 1, "the next one is asked for");
    let (second, digest) = life.request();
    assert!(second.ends_with("-2"), "{second}");
    life.lay(&second, &plan(digest, "RB-right"));
    assert!(life.is_healed() && life.requests().is_empty() && !life.with_people());
    let told: Vec<String> =
        life.site.of_kind(Kind::Plan).iter().map(|b| b.plan.as_ref().unwrap().reason.clone()).collect();
    let expected = ["RB-useless is run (why)", "RB-useless did not help", "RB-right is run (why)", "RB-right helped"];
    assert_eq!(told, expected);
    // The same drift again: the one who is asked hears what came of it.
    chmod(&right(&life.site), 0o600);
    life.look();
    let requests = life.requests();
    let past = |n: usize| requests[0].1["allowed"][n]["past"].clone();
    assert_eq!((past(0), past(1)), (json!({ "helped": 1, "failed": 0 }), json!({ "helped": 0, "failed": 1 })));
}

#[test]
fn nothing_that_lies_there_runs_unless_it_is_a_plan_for_this_request() {
    let others = Life::asked(&never());
    let (_, of_another) = others.request();
    let with = |mut plan: Value, name: &str, value: Value| {
        plan[name] = value;
        plan
    };
    type Write<'a> = Box<dyn Fn(&Path, Digest) + 'a>;
    type Lie<'a> = (&'a str, Write<'a>);
    let text = |make: fn(Digest) -> Value| -> Write<'static> {
        Box::new(move |path: &Path, digest| fs::write(path, make(digest).to_string()).unwrap())
    };
    let lies: Vec<Lie<'_>> = vec![
        ("plan-runbook", text(|digest| plan(digest, "RB-foreign"))),
        ("plan-runbook", text(|digest| plan(digest, "RB-motd"))),
        ("plan-runbook", text(|digest| plan(digest, "../../etc/passwd"))),
        ("plan-request", Box::new(|path, _| fs::write(path, plan(of_another, "RB-right").to_string()).unwrap())),
        (
            "plan-shape",
            Box::new(|path, digest| {
                let future = with(plan(digest, "RB-right"), "made_at", json!("2099-01-01T00:00:00Z"));
                fs::write(path, future.to_string()).unwrap();
            }),
        ),
        ("plan-shape", Box::new(|path, _| fs::write(path, "[".repeat(10_000)).unwrap())),
        ("plan-bounds", text(|digest| plan(digest, &"x".repeat(1000)))),
        ("plan-unreadable", Box::new(|path, _| symlink("/etc/passwd", path).unwrap())),
        ("plan-unreadable", Box::new(|path, _| fs::create_dir(path).unwrap())),
        (
            "plan-unreadable",
            Box::new(|path, _| {
                rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
                    .unwrap();
            }),
        ),
        // A gibibyte, of which nothing is on the disk.
        ("plan-unreadable", Box::new(|path, _| File::create(path).unwrap().set_len(1 << 30).unwrap())),
    ];
    let mut life = Life::asked(&never());
    for pair in lies.chunks(2) {
        if life.requests().is_empty() {
            life = Life::asked(&never());
        }
        for (rule, lie) in pair {
            let (id, digest) = life.request();
            lie(&life.place(&id), digest);
            life.seconds(1);
            assert_eq!(life.rule(), *rule);
            assert!(!life.is_healed(), "{rule}");
            // What is right comes too late: each request is answered once.
            fs::create_dir_all(life.site.path("plan/plans")).unwrap();
            if fs::write(life.place(&id), plan(digest, "RB-right").to_string()).is_ok() {
                life.seconds(1);
            }
            assert!(!life.is_healed(), "{rule}");
        }
    }
    assert!(life.site.incidents().closed.is_empty());
}

#[test]
fn two_failed_plans_are_enough_and_silence_is_one() {
    let mut life = Life::asked(&never());
    let (first, digest) = life.request();
    // Thousands of files that nobody asked for, and a plan of a time that has not come.
    for n in 0..3_000 {
        fs::write(life.site.path(&format!("plan/plans/INC-20991231-{n:04}-1.json")), "{").unwrap();
    }
    life.seconds(601);
    assert_eq!(life.rule(), "plan-deadline");
    let (second, _) = life.request();
    life.lay(&first, &plan(digest, "RB-right"));
    assert!(!life.is_healed(), "it comes too late");
    life.lay(&second, &plan(digest, "RB-right"));
    assert_eq!(
        life.site.of_kind(Kind::Plan).iter().rev().nth(1).unwrap().artifacts.outputs["rule"],
        "plan-request",
        "nor does it answer the next one"
    );
    assert!(life.requests().is_empty() && life.with_people() && !life.is_healed());
    let reason = life.site.of_kind(Kind::Plan).pop().unwrap().plan.unwrap().reason;
    assert!(reason.contains("L2: 2 plans failed, as many as the policy allows"), "{reason}");
    life.seconds(3_600);
    assert!(life.requests().is_empty() && !life.is_healed(), "people have it");
}

#[test]
fn a_restart_and_a_new_policy_ask_anew() {
    let life = Life::asked(&never());
    let (first, digest) = life.request();
    fs::write(life.site.path("plan/plans/INC-20991231-0001-1.json"), "{").unwrap();
    let mut life = life.restart();
    assert_eq!(fs::read_dir(life.site.path("plan/plans")).unwrap().count(), 0, "what nobody reads goes");
    let (second, renewed) = life.request();
    assert!(first.ends_with("-1") && second.ends_with("-2") && digest != renewed);
    life.lay(&first, &plan(digest, "RB-right"));
    assert!(!life.is_healed(), "of before the restart");
    publish(&life.site, 2, &never());
    life.seconds(61);
    // Under another policy the rule has its turn again, and rests.
    life.seconds(61);
    let (third, of_policy) = life.request();
    assert!(third.ends_with("-3") && of_policy != renewed, "{third}");
    life.lay(&second, &plan(renewed, "RB-right"));
    assert!(!life.is_healed(), "of another policy");
    life.lay(&third, &plan(of_policy, "RB-right"));
    assert!(life.is_healed());
    assert_eq!(life.site.incidents().closed.len(), 1);
}

#[test]
fn people_look_first_where_the_site_wants_it() {
    let mut life = Life::asked(&policy(&Site::new(), "before"));
    let (id, digest) = life.request();
    life.lay(&id, &plan(digest, "RB-right"));
    assert!(!life.is_healed() && life.with_people() && life.requests().is_empty());
    let plans = life.site.of_kind(Kind::Plan);
    assert_eq!(plans[0].artifacts.outputs["rule"], "plan-review");
    let reason = &plans[1].plan.as_ref().unwrap().reason;
    assert!(reason.contains("test/1 proposes runbook RB-right (why)"), "{reason}");
}

#[test]
fn a_critical_one_is_told_to_people_at_once_and_planned_meanwhile() {
    let mut policy = never();
    policy["checks"]["file.motd"]["severity"] = json!("critical");
    let mut life = Life::asked(&policy);
    assert!(life.with_people());
    let (id, digest) = life.request();
    life.lay(&id, &plan(digest, "RB-right"));
    assert!(life.is_healed() && life.site.incidents().closed.len() == 1);
}

/// Where the policy enables none, where none is installed, and for what is seen over the network only.
#[test]
fn nobody_is_asked_who_may_not_be() {
    let mut off = never();
    off["settings"]["planner"]["enabled"] = json!(false);
    for (policy, installed, says) in [(off, true, "enables no planner"), (never(), false, "no planner is installed")] {
        let mut life = Life::new(&policy);
        if !installed {
            fs::remove_dir(life.site.path("plan/plans")).unwrap();
        }
        chmod(&right(&life.site), 0o600);
        assert!(life.driver.take(Message::Changed(Topic::Check("file.motd".to_owned()))));
        life.seconds(1);
        assert!(life.with_people() && !life.site.path("plan/requests").exists());
        let reason = life.site.of_kind(Kind::Plan).pop().unwrap().plan.unwrap().reason;
        assert!(reason.contains(says), "{reason}");
    }
    let mut policy = never();
    let mut check = policy["checks"]["file.motd"].clone();
    check["probe"] = json!({ "reachable": { "address": "ehr.example:443" } });
    check["expect"] = json!({ "reachable": { "eq": true } });
    policy["checks"][looks::CHECK] = check;
    policy["runbooks"]["RB-right"]["verify"] = json!(["file.motd", looks::CHECK]);
    let mut life = Life::new(&policy);
    fs::create_dir_all(life.site.path("looks")).unwrap();
    looks::lay(&life.site, &looks::look(json!({ "seen": { "reachable": false } }), now()));
    assert!(life.driver.take(Message::Changed(Topic::Check(looks::CHECK.to_owned()))));
    life.seconds(1);
    let told = life.site.of_kind(Kind::Plan).pop().unwrap();
    let reason = &told.plan.as_ref().unwrap().reason;
    assert!(told.vantage == Vantage::Network && reason.contains("seen over the network only"), "{reason}");
    assert!(life.requests().is_empty());
}

#[test]
fn while_healing_is_paused_nothing_is_asked_and_no_plan_counts() {
    let site = site(&never());
    let code = site.path("etc/pause-code").display().to_string();
    site.configure(&format!("plan_within = \"10m\"\npause_code_file = {code:?}\n"));
    fs::write(site.path("code"), "open sesame\n").unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_writ-enforce"));
        command.args(arguments).arg("--code-file").arg(site.path("code")).output().unwrap()
    };
    assert!(run(&["pause-code", "--out", &code]).status.success());
    let daemon = site.daemon();
    until("it watches", || site.log().contains("watching").then_some(()));
    chmod(&right(&site), 0o600);
    let requests = || fs::read_dir(site.path("plan/requests")).map_or(0, Iterator::count);
    let name = until("a planner is asked", || {
        let entry = fs::read_dir(site.path("plan/requests")).ok()?.next()?.unwrap();
        entry.file_name().into_string().ok().filter(|name| !name.starts_with('.'))
    });
    let digest = Digest::of(&fs::read(site.path("plan/requests").join(&name)).unwrap());
    let config = site.path("etc/enforce.toml").display().to_string();
    let paused = run(&["pause", "--config", &config, "--checks", "file.motd", "--for", "1h", "--reason", "repair"]);
    assert_eq!(paused.status.code(), Some(0), "{}", said(&paused));
    until("it is taken back", || (requests() == 0).then_some(()));
    fs::write(site.path("plan/plans").join(&name), plan(digest, "RB-right").to_string()).unwrap();
    chmod(&site.path("target/other"), 0o600);
    until("others are healed meanwhile", || (site.incidents().closed.len() == 1).then_some(()));
    assert_eq!(mode(&right(&site)), 0o600);
    assert_eq!((requests(), site.of_kind(Kind::Plan).len()), (0, 0));
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn a_dry_run_tells_what_a_planner_could_choose() {
    let site = site(&policy(&Site::new(), "after"));
    site.once_is(0);
    chmod(&right(&site), 0o600);
    let output = site.command().arg("--plan").output().unwrap();
    let text = said(&output);
    assert!(text.contains("would run RB-motd of rule L1-motd"), "{text}");
    let tells = "a planner would choose among RB-right, RB-useless; people look at it after it ran";
    assert!(text.contains(tells), "{text}");
    assert!(!site.path("plan/requests").exists() && mode(&right(&site)) == 0o600);
    let json = site.command().args(["--plan", "--json"]).output().unwrap();
    let report: Value = serde_json::from_slice(&json.stdout).unwrap();
    let line = report["checks"].as_array().unwrap().iter().find(|line| line["check"] == "file.motd").unwrap();
    assert_eq!(line["would_plan"], json!({ "runbooks": ["RB-right", "RB-useless"], "review": "after" }));
}
