//! Plans of several runbooks, what models were asked for them, and what people read of both.

use std::fs;

use serde_json::{Value, json};
use writ_evidence::incident::{ResolutionType, Tier};
use writ_evidence::records::PlanRecord;
use writ_evidence::{Bundle, Kind};
use writ_policy::observation::Value as Seen;
use writ_policy::policy::Policy;
use writ_trust::digest::Digest;

use crate::enforce_plans::{Life, never, plan, right};
use crate::support::{Site, chmod, until};

fn several(request: Digest, runbooks: &[&str]) -> Value {
    let mut plan = plan(request, runbooks[0]);
    plan["then"] = json!(runbooks[1..]);
    plan
}

/// What was told of plans, in order; not that people have it.
fn told(site: &Site) -> Vec<(PlanRecord, Bundle)> {
    let all = site.of_kind(Kind::Plan).into_iter().map(|bundle| (bundle.plan.clone().unwrap(), bundle));
    all.filter(|(plan, _)| plan.planner != "none").collect()
}

/// The same policy, which lets this model be asked.
fn with_model(mut policy: Value) -> Value {
    policy["settings"]["planner"]["model"] = json!({
        "url": "https://models.example/v1", "name": "small:8b", "key": null, "insecure": false, "deadline": "4s",
        "most_runbooks": 5,
        "budget": { "calls_per_hour": 6, "calls_per_day": 30, "microdollars_per_day": 100_000 },
        "price": { "input_microdollars_per_1000_tokens": 150, "output_microdollars_per_1000_tokens": 600 },
    });
    policy
}

fn call() -> Value {
    json!({
        "model": "small:8b", "prompt": Digest::of(b"prompt"), "asked": format!("SSN 219-09-9999 {}", "x ".repeat(9_000)),
        "answered": "MRN: 00123456", "outcome": "chosen", "input_tokens": 900, "output_tokens": 40,
        "cost_microdollars": 1_234, "took_ms": 800,
    })
}

#[test]
fn a_plan_of_two_runs_the_second_where_the_first_did_not_help() {
    let mut life = Life::asked(&with_model(never()));
    let (id, digest) = life.request();
    let mut both = several(digest, &["RB-useless", "RB-right"]);
    both["transcript"] = call();
    life.lay(&id, &both);
    assert!(life.is_healed() && life.requests().is_empty() && !life.with_people());
    let told = told(&life.site);
    let reasons: Vec<&str> = told.iter().map(|(plan, _)| plan.reason.as_str()).collect();
    let run = "RB-useless, then RB-right are run, one after the other until the check holds (why)";
    assert_eq!(reasons, [run, "RB-useless did not help, RB-right helped"]);
    for (plan, _) in &told {
        assert_eq!(plan.runbooks, ["RB-useless", "RB-right"]);
    }
    assert_eq!(told[1].1.artifacts.outputs["came_to"], "RB-useless: failed, RB-right: helped");

    // What the planner tells of a model is in the word on its plan, scrubbed and cut, and nowhere else.
    let call = told[0].0.transcript.as_ref().unwrap();
    assert!(!call.asked.contains("219-09-9999") && !call.answered.contains("00123456"), "{}", call.answered);
    assert!(call.asked.len() <= 8 * 1024 && call.asked.ends_with("[cut]"));
    assert_eq!((call.model.as_str(), call.cost_microdollars, call.output_tokens), ("small:8b", 1_234, Some(40)));
    assert!(told[1].0.transcript.is_none());

    let closed = life.site.incidents().closed.into_values().next().unwrap();
    let (incident, execution) = (closed.incident.as_ref().unwrap(), closed.execution.as_ref().unwrap());
    let planned = ["RB-useless did not help", "RB-right helped"].map(str::to_owned).to_vec();
    assert_eq!(incident.details["planned"], Seen::List(planned));
    assert_eq!(
        (&incident.details["model_calls"], &incident.details["model_microdollars"]),
        (&Seen::Int(1), &Seen::Int(1_234))
    );
    assert_eq!((execution.tier, execution.attempts, &execution.rule), (Some(Tier::L2), 3, &None));
    assert_eq!(closed.runbook.as_ref().unwrap().runbook_id, "RB-right");
    assert_eq!(closed.actions_taken.len(), 3, "of the rule and of both");

    // Each counts for itself: that another helped after it is no success of the first.
    chmod(&right(&life.site), 0o600);
    life.look();
    let requests = life.requests();
    let past = |n: usize| requests[0].1["allowed"][n]["past"].clone();
    assert_eq!((past(0), past(1)), (json!({ "helped": 1, "failed": 0 }), json!({ "helped": 0, "failed": 1 })));
}

#[test]
fn more_than_may_fail_may_not_be_named_and_nothing_of_it_runs() {
    let mut policy = never();
    policy["settings"]["escalation"]["l2_failures"] = json!(4);
    for (named, rule) in [
        (&["RB-right", "RB-foreign"][..], "plan-runbook"),
        (&["RB-right", "RB-right"], "plan-repeats"),
        (&["RB-right", "RB-useless", "1", "2", "3"], "plan-length"),
        (&["RB-right", "RB-useless", "1", "2", "3", "4"], "plan-bounds"),
    ] {
        let mut life = Life::asked(&policy);
        let (id, digest) = life.request();
        life.lay(&id, &several(digest, named));
        let (_, last) = told(&life.site).pop().unwrap();
        assert_eq!(last.artifacts.outputs["rule"], rule);
        assert!(!life.is_healed() && life.requests().len() == 1, "{rule}: nothing ran, and the next is asked for");
    }
}

#[test]
fn people_read_in_the_ticket_what_was_planned_and_what_it_came_to() {
    let mut policy = with_model(never());
    policy["runbooks"]["RB-vain"] = policy["runbooks"]["RB-useless"].clone();
    let mut life = Life::asked(&policy);
    let (id, digest) = life.request();
    let mut both = several(digest, &["RB-useless", "RB-vain"]);
    both["transcript"] = call();
    life.lay(&id, &both);
    assert!(!life.is_healed() && !life.with_people(), "it is one plan, and one may still fail");
    life.seconds(601);
    assert!(life.with_people());
    let ticket = fs::read_dir(life.site.state("tickets")).unwrap().next().unwrap().unwrap().path();
    let ticket: Value = serde_json::from_slice(&fs::read(ticket).unwrap()).unwrap();
    let plans = ticket["plans"].as_array().unwrap();
    assert_eq!(plans.len(), 2, "{ticket}");
    assert_eq!((&plans[0]["planner"], &plans[0]["runbooks"]), (&"test/1".into(), &json!(["RB-useless", "RB-vain"])));
    let ran = json!([{ "runbook": "RB-useless", "result": "failed" }, { "runbook": "RB-vain", "result": "failed" }]);
    assert_eq!((&plans[0]["ran"], &plans[1]["word"]), (&ran, &"no plan came in time".into()));
    assert_eq!((&ticket["model_calls"], &ticket["model_microdollars"]), (&1.into(), &1_234.into()));
}

/// A policy of which one runbook takes a minute unless a file says that it may be quick.
fn slow_site() -> Site {
    let site = Site::new();
    site.configure("plan_within = \"10m\"\n");
    let mut policy = site.policy();
    let path = site.file_check(&mut policy, "motd");
    let elsewhere = site.path("target/elsewhere");
    fs::write(&elsewhere, "").unwrap();
    policy["runbooks"]["RB-motd"]["steps"][0]["parameters"]["path"] = elsewhere.display().to_string().into();
    policy["runbooks"]["RB-vain"] = policy["runbooks"]["RB-motd"].clone();
    policy["runbooks"]["RB-slow"] = policy["runbooks"]["RB-motd"].clone();
    policy["runbooks"]["RB-slow"]["steps"] = json!([{
        "id": "run", "step": "exec", "timeout": "5m", "undo": null,
        "parameters": { "program": { "program": "slow" }, "arguments": [path] },
    }]);
    policy["rules"]["L1-motd"]["attempts"] = 1.into();
    let policy = Policy::parse(&Site::policy_bytes(&policy)).unwrap();
    let mut policy = serde_json::to_value(&policy).unwrap();
    policy["settings"]["planner"] = json!({ "enabled": true, "review": "never" });
    let target = site.path("target").display().to_string();
    let slow = format!("echo $$ >> {target}/started\n[ -e {target}/quick ] && exec chmod 0644 \"$1\"\nexec sleep 60");
    site.publish_with_programs(1, &policy, &[("slow", &slow)]);
    fs::create_dir_all(site.path("plan/plans")).unwrap();
    site
}

/// The request that is open, and its digest.
fn request(site: &Site, number: u32) -> (String, Digest, Value) {
    until("a planner is asked", || {
        let entries = fs::read_dir(site.path("plan/requests")).ok()?;
        let mut names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let name = names.find(|name| name.ends_with(&format!("-{number}.json")) && !name.starts_with('.'))?;
        let bytes = fs::read(site.path("plan/requests").join(&name)).ok()?;
        Some((name, Digest::of(&bytes), serde_json::from_slice(&bytes).ok()?))
    })
}

fn lay(site: &Site, name: &str, plan: &Value) {
    fs::write(site.path("plan/.plan"), plan.to_string()).unwrap();
    fs::rename(site.path("plan/.plan"), site.path("plan/plans").join(name)).unwrap();
}

/// The daemon is killed while the second runbook of a plan runs: what the first came to is not forgotten, neither is run again by
/// itself, and the plan is over.
#[test]
fn a_kill_between_the_runbooks_of_a_plan_forgets_nothing_and_runs_nothing_twice() {
    let site = slow_site();
    let begun = || fs::read_to_string(site.path("target/started")).unwrap_or_default();
    let daemon = site.daemon();
    until("it watches", || site.log().contains("watching").then_some(()));
    chmod(&right(&site), 0o600);
    let (name, digest, _) = request(&site, 1);
    lay(&site, &name, &several(digest, &["RB-vain", "RB-slow"]));
    let pid = until("the second runs", || begun().lines().next().map(str::to_owned));
    let state: Value = serde_json::from_slice(&fs::read(site.state("state.json")).unwrap()).unwrap();
    let chosen = &state["incidents"]["file.motd@self"]["plan"]["chosen"];
    assert_eq!(chosen["ran"], json!([{ "runbook": "RB-vain", "result": "failed" }]), "{chosen}");
    assert_eq!(state["past_runs"]["file.motd"]["RB-vain"], json!({ "helped": 0, "failed": 1 }));
    daemon.kill();
    let slow = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
    let _ = rustix::process::kill_process(slow, rustix::process::Signal::KILL);

    let daemon = site.daemon();
    let (name, digest, second) = request(&site, 2);
    assert_eq!(begun().lines().count(), 1, "it is not begun again by itself");
    let offered: Vec<&str> =
        second["allowed"].as_array().unwrap().iter().map(|one| one["runbook"].as_str().unwrap()).collect();
    assert_eq!(offered, ["RB-slow"], "what did not help is not offered again");
    let (record, over) = told(&site).pop().unwrap();
    assert_eq!(over.artifacts.outputs["came_to"], "RB-vain: failed, RB-slow: interrupted");
    assert_eq!(record.reason, "RB-vain did not help, RB-slow was interrupted, and did not help so far");
    fs::write(site.path("target/quick"), "").unwrap();
    lay(&site, &name, &plan(digest, "RB-slow"));
    let closed = until("it is healed", || site.incidents().closed.into_values().next());
    let execution = closed.execution.as_ref().unwrap();
    assert_eq!((execution.resolution_type, execution.tier), (ResolutionType::Auto, Some(Tier::L2)));
    assert_eq!(begun().lines().count(), 2);
    assert_eq!(told(&site).len(), 4, "each plan is told of twice");
    assert_eq!(daemon.stop(), Some(0));
}
