//! A whole life: nobody thought of an incident, a language model chooses what helps, five times on three appliances; that becomes a
//! candidate, the candidate a rule, the rule a release; and the sixth time nobody is asked.

use std::process::Command;

use serde_json::Value;
use writ_scenarios::Time;
use writ_scenarios::endpoint::Endpoint;
use writ_scenarios::flake::SITE;
use writ_scenarios::learning::{APPLIANCES, CHECK, HELPS, Learner, Learning, USELESS};
use writ_scenarios::outbox::Found;

use crate::house::{needs_root, ran};

/// Who heals how often by a plan.
const HEALS: [usize; 3] = [2, 2, 1];

#[test]
fn what_a_model_finds_out_five_times_is_a_rule_the_sixth_time() {
    needs_root();
    let dir = tempfile::Builder::new().prefix("writ-life-").tempdir().unwrap();
    let endpoint = Endpoint::start().unwrap();
    endpoint.prefers(&[HELPS]);
    let clinic = Learning::open(dir.path(), &endpoint).unwrap();
    let appliances = APPLIANCES.map(|name| clinic.start(name).unwrap());
    for appliance in &appliances {
        appliance.await_release(1).unwrap();
    }
    novel(&appliances, &endpoint);
    let pattern = candidate(&clinic, &appliances);
    promoted(&clinic, &pattern);

    clinic.desk.commit("A notice that nobody can read is put back").unwrap();
    clinic.desk.release().unwrap();
    for appliance in &appliances {
        appliance.await_release(2).unwrap();
    }
    let before = endpoint.calls();
    let closed = appliances[2].breaks_and_heals().unwrap();
    assert_eq!((closed.text(&["execution", "tier"]), closed.json["execution"]["attempts"].as_u64()), ("L1", Some(1)));
    let rule = closed.text(&["execution", "rule"]);
    assert!(rule.starts_with("L1-LEARNED-"), "{}", closed.json);
    assert_eq!(closed.text(&["runbook", "runbook_id"]), HELPS);
    assert_eq!(closed.text(&["outputs", "resolution_status"]), "success");
    assert_eq!(endpoint.calls(), before, "nobody is asked");
    println!("the sixth time: {rule}, verified {} ms after it was detected, and no call", verified_ms(&closed));
    verify(&clinic, &appliances);
    let status = ran(&mut learn(&clinic, &["status"]));
    let status: Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!((&status["patterns"][0]["state"], &status["patterns"][0]["rule"]), (&"promoted".into(), &rule.into()));
    assert_eq!(status["rules"][0]["resolved"], 1, "{status:#}");
}

/// Nobody thought of it: each time the model is asked, once, and chooses what helps, which the fixed rule would not have.
fn novel(appliances: &[Learner; 3], endpoint: &Endpoint) {
    for (appliance, times) in appliances.iter().zip(HEALS) {
        for _ in 0..times {
            let calls = endpoint.calls();
            let closed = appliance.breaks_and_heals().unwrap();
            assert_eq!(closed.text(&["execution", "tier"]), "L2", "{}", closed.json);
            assert_eq!(closed.text(&["runbook", "runbook_id"]), HELPS);
            assert_eq!(closed.text(&["outputs", "resolution_status"]), "success");
            assert_eq!(endpoint.calls(), calls + 1);
            println!("by a plan: verified {} ms after it was detected", verified_ms(&closed));
        }
    }
    let asked = endpoint.asked().pop().unwrap();
    assert!(asked.head.starts_with("POST /v1/chat/completions HTTP/1.1"), "{}", asked.head);
    let question = asked.json();
    assert_eq!(question["model"], "chooser-1");
    let offered = question["response_format"]["json_schema"]["schema"].to_string();
    assert!(offered.contains(HELPS) && offered.contains(USELESS), "{offered}");
}

/// Of the evidence comes a candidate, and no other; gives its id.
fn candidate(clinic: &Learning, appliances: &[Learner; 3]) -> String {
    verify(clinic, appliances);
    let found = ran(&mut learn(clinic, &["candidates"]));
    assert_eq!(found.code, Some(0), "{}{}", found.stdout, found.stderr);
    let found: Value = serde_json::from_str(&found.stdout).unwrap();
    let patterns = found["patterns"].as_array().unwrap();
    let [pattern] = &patterns[..] else { panic!("one candidate: {found:#}") };
    assert_eq!((&pattern["check"], &pattern["runbook"]), (&CHECK.into(), &HELPS.into()), "{pattern:#}");
    assert_eq!((&pattern["occurrences"], &pattern["successes"]), (&5.into(), &5.into()), "{pattern:#}");
    assert_eq!((&pattern["success_permille"], &pattern["state"]), (&1000.into(), &"eligible".into()), "{pattern:#}");
    assert_eq!(pattern["appliances"].as_array().unwrap().len(), 3, "{pattern:#}");
    assert_eq!(pattern["bundles"].as_array().unwrap().len(), 5, "{pattern:#}");
    assert_eq!((&found["calls"]["made"], &found["calls"]["failed"]), (&5.into(), &0.into()), "{found:#}");
    assert_eq!((&found["tiers"]["l1"], &found["tiers"]["l2"]), (&0.into(), &5.into()), "{found:#}");
    pattern["id"].as_str().unwrap().to_owned()
}

/// The candidate becomes a file of the flake, which holds, and shows where it changes what.
fn promoted(clinic: &Learning, pattern: &str) {
    let done = ran(&mut learn(clinic, &["promote", pattern]));
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    let done: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!((&done["decision"], &done["sites"]), (&"promoted".into(), &serde_json::json!([SITE])), "{done:#}");
    let checked = clinic.desk.check().unwrap();
    assert_eq!(checked.status.code(), Some(0), "{}", writ_scenarios::run::both(&checked));
    let diff = ran(&mut clinic.desk.writ(["diff", "flake", "--from", "HEAD"]));
    assert_eq!(diff.code, Some(0), "{}{}", diff.stdout, diff.stderr);
    assert!(diff.stdout.contains("L1-LEARNED-"), "{}", diff.stdout);
}

/// Gathers the evidence there is, which verifies.
fn verify(clinic: &Learning, appliances: &[Learner; 3]) {
    let outboxes = appliances.each_ref().map(Learner::outbox);
    clinic.desk.collect(&outboxes, &clinic.desk.dir.join("audit")).unwrap();
    let mut verify = clinic.desk.writ(["audit", "verify", "audit", "--trust"]);
    let verified = ran(verify.arg(clinic.desk.first_root()));
    assert_eq!(verified.code, Some(0), "{}{}", verified.stdout, verified.stderr);
}

/// `writ learn` on what was gathered, for the flake, from the first trust root.
fn learn(clinic: &Learning, words: &[&str]) -> Command {
    let mut command = clinic.desk.writ(["learn"]);
    command.args(words).args(["--audit", "audit", "--flake", "flake", "--json", "--trust"]);
    command.arg(clinic.desk.first_root());
    command
}

/// From detection to the look that decided.
fn verified_ms(closed: &Found) -> i64 {
    let at = |text: &str| text.parse::<Time>().unwrap();
    let verified = closed.json["verification"].as_array().unwrap().last().unwrap();
    at(verified["at"].as_str().unwrap()).millis_since(at(closed.text(&["incident", "detected_at"])))
}
