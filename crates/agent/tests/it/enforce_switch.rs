//! The enforcer and the switch together, on the real Nix of this machine: from a published closure to the generation that
//! is obeyed, and back.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use writ_agent::switch::{Journal, read_journal};
use writ_evidence::records::SwitchOutcome;
use writ_evidence::{Bundle, Kind};
use writ_nix::closure::closure_of;
use writ_nix::tool::Nix;

use crate::support::{Site, chmod, mode, until};

#[allow(dead_code, clippy::duplicate_mod, reason = "shared with the tests of the switch alone")]
#[path = "switch/world.rs"]
mod world;

use world::World;

/// A site whose appliance runs generation one, by its profile, and obeys release 1 that says so.
fn site(world: &World) -> (Site, Value) {
    let site = Site::new();
    configure(&site, world);
    let mut policy = site.policy();
    site.file_check(&mut policy, "motd");
    publish(&site, 1, &policy, &world.one);
    site.once_is(0);
    (site, policy)
}

fn configure(site: &Site, world: &World) {
    let at = |path: &Path| path.display().to_string();
    fs::write(site.path("etc/enforce.toml"), "").unwrap();
    site.configure_profile(
        &world.profile(),
        &format!("gc_roots = {:?}\nfallback_window = \"50ms\"\n", at(&world.path("roots"))),
    );
}

fn publish(site: &Site, serial: u64, policy: &Value, toplevel: &str) {
    let mut closure = closure_of(&Nix::default(), Path::new(toplevel)).unwrap();
    closure.programs.insert("slow".into(), format!("{toplevel}/bin/switch-to-configuration"));
    let mut release = site.release(serial);
    release.closure = Some(serde_json::to_value(&closure).unwrap());
    release.policy_schema = if policy["schema"] == "writ.policy.v1" { "writ.policy.v1" } else { "writ.policy.v9" };
    let bytes = if release.policy_schema == "writ.policy.v1" {
        Site::policy_bytes(policy)
    } else {
        writ_trust::json::canonical(policy)
    };
    let bytes = site.release_bytes(&release, &bytes);
    site.put(&format!("1-{serial}"), &bytes, &site.release_key);
}

fn told(journal: &Journal) -> bool {
    journal.is_over() && journal.acknowledged
}

fn switches(site: &Site) -> Vec<(u64, SwitchOutcome)> {
    let bundles = site.of_kind(Kind::Switch).into_iter();
    bundles.map(|b| b.switch.unwrap()).map(|s| (s.to.serial.get(), s.outcome)).collect()
}

#[test]
fn a_new_closure_is_switched_to_and_a_broken_one_goes_back() {
    let world = World::new();
    let (site, mut policy) = site(&world);
    assert_eq!(switches(&site), [(1, SwitchOutcome::Committed)], "it runs already: nothing is activated");
    let daemon = site.daemon();
    until("it runs", || site.log().contains("watching").then_some(()));

    let more = site.file_check(&mut policy, "more");
    publish(&site, 2, &policy, &world.two);
    until("switched", || (switches(&site).len() == 2).then_some(()));
    assert_eq!(switches(&site)[1], (2, SwitchOutcome::Committed));
    assert_eq!(world.profile_target().as_ref(), Some(&world.two));
    chmod(&more, 0o600);
    until("the new policy is enforced", || (mode(&more) == 0o644).then_some(()));

    // Release 3 brings back system one, whose activation now breaks what release 3 checks.
    world.write("break-one", "");
    policy["checks"]["state.ok"] = world.policy()["checks"]["state.ok"].clone();
    publish(&site, 3, &policy, &world.one);
    until("rolled back", || (switches(&site).len() == 3).then_some(()));
    assert_eq!(switches(&site)[2], (3, SwitchOutcome::RolledBack));
    assert_eq!(world.profile_target().as_ref(), Some(&world.two));
    let after = site.bundles().into_iter().rfind(|b| b.kind == Kind::Switch).unwrap().chain.sequence;
    until("what is so now is said", || {
        let later = site.of_kind(Kind::Posture).into_iter().filter(|b| b.chain.sequence > after);
        later.filter_map(|b| b.posture).find(|p| matches!(p, writ_evidence::posture::Posture::Snapshot(_)))
    });
    let last = site.of_kind(Kind::Switch).pop().unwrap();
    let reason = last.switch.as_ref().unwrap().reason.clone().unwrap();
    assert_eq!(reason.matches("state.ok").count(), 1, "{reason}");
    assert_eq!(last.release.unwrap().serial.get(), 2, "the old generation is obeyed on");
    chmod(&more, 0o600);
    until("and enforced", || (mode(&more) == 0o644).then_some(()));
    until("acknowledged", || read_journal(&site.path("state")).unwrap().filter(told));
    assert_eq!(daemon.stop(), Some(0));

    // A restart neither tries release 3 again nor tells of it twice.
    site.once_is(0);
    assert_eq!(switches(&site).len(), 3);
}

/// A cache without the one path that is needed: it is said once, and a newer release needs no waiting for it.
#[test]
fn a_closure_that_cannot_be_imported_is_waited_for_and_a_newer_release_takes_its_place() {
    let world = World::new();
    let (site, policy) = site(&world);
    let mut closure = serde_json::to_value(closure_of(&Nix::default(), Path::new(&world.two)).unwrap()).unwrap();
    let paths = closure["paths"].as_array_mut().unwrap();
    let mut missing = paths[0].clone();
    missing["path"] = json!("/nix/store/00000000000000000000000000000000-missing");
    missing["references"] = json!([]);
    let top = paths.iter_mut().find(|path| path["path"] == json!(world.two)).unwrap();
    top["references"].as_array_mut().unwrap().insert(0, missing["path"].clone());
    paths.insert(0, missing);
    let mut release = site.release(2);
    release.closure = Some(closure);
    site.put("1-2", &site.release_bytes(&release, &Site::policy_bytes(&policy)), &site.release_key);
    site.once_is(0);
    site.once_is(0);
    let waits = |site: &Site| -> Vec<String> {
        let refused = site.of_kind(Kind::Refused).into_iter().filter_map(|bundle| bundle.refused);
        refused.filter(|refused| refused.rule == "import-waits").map(|refused| refused.message).collect()
    };
    assert_eq!(waits(&site).len(), 1, "{:?}", waits(&site));
    assert!(
        waits(&site)[0].contains("-missing") && waits(&site)[0].contains("release 1-2 waits"),
        "{:?}",
        waits(&site)
    );
    assert_eq!(site.status()["switch"]["release"], "1-2");
    assert_eq!(switches(&site), [(1, SwitchOutcome::Committed)], "nothing is set aside");
    let daemon = site.daemon();
    publish(&site, 3, &policy, &world.two);
    until("switched", || (switches(&site).len() == 3).then_some(()));
    assert_eq!(switches(&site)[1..], [(2, SwitchOutcome::SetAside), (3, SwitchOutcome::Committed)]);
    until("nothing waits", || site.status()["switch"].is_null().then_some(()));
    assert_eq!(daemon.stop(), Some(0));
    assert_eq!(waits(&site).len(), 1);
}

#[test]
fn a_closure_whose_policy_is_unknown_is_switched_to_under_the_old_policy() {
    let world = World::new();
    let (site, mut policy) = site(&world);
    policy["schema"] = json!("writ.policy.v9");
    policy["novelty"] = json!(1);
    publish(&site, 2, &policy, &world.two);
    chmod(&site.path("target/motd"), 0o600);
    let said = site.once_is(0);
    assert!(said.contains("the policy enforced is that of release 1-1"), "{said}");
    assert_eq!(switches(&site), [(1, SwitchOutcome::Committed), (2, SwitchOutcome::Committed)]);
    assert_eq!(world.profile_target().as_ref(), Some(&world.two));
    assert_eq!(mode(&site.path("target/motd")), 0o644);
    let refusal = site.of_kind(Kind::Refused).pop().unwrap().refused.unwrap();
    assert_eq!(refusal.rule, "policy-schema");
}

#[test]
fn kills_of_enforcer_and_switch_tell_of_one_switch() {
    let world = World::new();
    let (site, policy) = site(&world);
    publish(&site, 2, &policy, &world.two);
    // The driver that a killed enforcer started inherits the number, so both are killed on their ways.
    let mut kills = 0;
    for at in [3, 7, 9, 11, 14, 17, 20, 23] {
        let mut run = site.command();
        let mut run = run.arg("--once").env("WRIT_CRASH_AT", at.to_string()).spawn().unwrap();
        let killed = until("killed, or waiting for a driver that was killed", || {
            let journal = read_journal(&site.path("state")).ok().flatten();
            run.try_wait().unwrap().or_else(|| {
                journal.filter(|j| j.course.interruptions > 0).and_then(|_| {
                    let _ = run.kill();
                    run.wait().ok()
                })
            })
        });
        kills += u32::from(std::os::unix::process::ExitStatusExt::signal(&killed) == Some(9));
    }
    assert!(kills > 2, "{kills}");
    let daemon = site.daemon();
    until("it runs", || site.log().contains("watching").then_some(()));
    let journal = until("acknowledged", || read_journal(&site.path("state")).unwrap().filter(told));
    assert_eq!(daemon.stop(), Some(0));
    let (serial, outcome) = switches(&site)[1];
    assert_eq!((switches(&site).len(), serial), (2, 2), "told once");
    let kept = outcome == SwitchOutcome::Committed;
    assert_eq!(kept, journal.is_committed());
    assert_eq!(world.profile_target().as_ref(), Some(if kept { &world.two } else { &world.one }));
    let running = site.bundles().last().unwrap().release.unwrap().serial.get();
    assert_eq!(running, if kept { 2 } else { 1 });
}

/// A machine that enforces a check whose runbook hangs as long as generation one runs, and does not help.
fn slow_site(world: &World, timeout: &str) -> (Site, Value) {
    let (site, mut policy) = site(world);
    site.file_check(&mut policy, "slow");
    policy["checks"]["file.slow"]["severity"] = json!("low");
    policy["runbooks"]["RB-slow"]["steps"] = json!([{
        "id": "run", "step": "exec", "timeout": timeout, "undo": null,
        "parameters": { "program": { "program": "slow" }, "arguments": ["slow"] },
    }]);
    publish(&site, 2, &policy, &world.one);
    world.write("wait-slow-one", "");
    (site, policy)
}

fn said(world: &World) -> Vec<String> {
    world.read("log").lines().map(str::to_owned).collect()
}

/// The bundle that closes the incident of a check.
fn closed(site: &Site, check: &str) -> Bundle {
    let of = |bundle: &Bundle| bundle.incident.as_ref().is_some_and(|incident| incident.check == check);
    until("closed", || site.incidents().closed.into_values().find(of))
}

#[test]
fn a_trial_cuts_off_a_long_runbook_and_nothing_begins_before_its_end() {
    let world = World::new();
    let (site, policy) = slow_site(&world, "1h");
    let daemon = site.daemon();
    until("it runs", || site.log().contains("watching checks=2").then_some(()));
    chmod(&site.path("target/slow"), 0o600);
    until("the runbook runs", || said(&world).contains(&"slow one".to_owned()).then_some(()));
    publish(&site, 3, &policy, &world.two);
    until("switched", || (switches(&site).len() == 3).then_some(()));
    assert_eq!(switches(&site)[2], (3, SwitchOutcome::Committed));
    let place = |line: &str| said(&world).iter().position(|said| said == line);
    let again = until("it is tried again", || place("slow two"));
    assert!(place("boot two").is_some_and(|decided| decided < again), "{:?}", said(&world));
    chmod(&site.path("target/slow"), 0o644);
    let closed = closed(&site, "file.slow");
    let interrupted = closed.incident.unwrap().details.get("interrupted_attempts").cloned();
    assert_eq!(interrupted, Some(writ_policy::observation::Value::Int(1)), "what was cut off is told");
    assert_eq!(closed.actions_taken[0].error_message.as_ref().map(|e| e.contains("told to end")), Some(true));
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn a_switch_waits_for_a_short_runbook() {
    let world = World::new();
    let (site, policy) = slow_site(&world, "1m");
    let daemon = site.daemon();
    until("it runs", || site.log().contains("watching checks=2").then_some(()));
    chmod(&site.path("target/slow"), 0o600);
    until("the runbook runs", || said(&world).contains(&"slow one".to_owned()).then_some(()));
    publish(&site, 3, &policy, &world.two);
    until("the switch waits", || site.log().contains("a switch waits until").then_some(()));
    chmod(&site.path("target/motd"), 0o600);
    until("what begins now waits too", || site.incidents().opened.values().any(|c| c == "file.motd").then_some(()));
    assert_eq!((mode(&site.path("target/motd")), read_journal(&site.path("state")).unwrap().is_none()), (0o600, true));
    fs::remove_file(world.path("wait-slow-one")).unwrap();
    until("switched", || (switches(&site).len() == 3).then_some(()));
    until("and healed after that", || (mode(&site.path("target/motd")) == 0o644).then_some(()));
    closed(&site, "file.motd");
    chmod(&site.path("target/slow"), 0o644);
    let slow = closed(&site, "file.slow");
    assert_eq!(slow.incident.unwrap().details.get("interrupted_attempts"), None, "nothing was cut off");
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn an_enforcer_that_starts_amidst_a_trial_begins_nothing_before_its_end() {
    let world = World::new();
    let (site, policy) = slow_site(&world, "1h");
    let daemon = site.daemon();
    until("it runs", || site.log().contains("watching checks=2").then_some(()));
    chmod(&site.path("target/slow"), 0o600);
    until("the runbook runs", || said(&world).contains(&"slow one".to_owned()).then_some(()));
    world.write("wait-test-two", "");
    publish(&site, 3, &policy, &world.two);
    until("the runbook is cut off", || site.log().contains("told to end").then_some(()));
    daemon.kill();
    let daemon = site.daemon();
    until("it knows of the trial", || {
        let status: Value = serde_json::from_slice(&fs::read(site.state("status.json")).ok()?).unwrap();
        (status["pid"] == daemon.child.id() && status["on_trial"] == json!(true)).then_some(())
    });
    fs::remove_file(world.path("wait-test-two")).unwrap();
    until("it is tried again", || said(&world).contains(&"slow two".to_owned()).then_some(()));
    assert_eq!(said(&world), ["slow one", "test two", "boot two", "slow two"]);
    chmod(&site.path("target/slow"), 0o644);
    let interrupted = closed(&site, "file.slow").incident.unwrap().details.get("interrupted_attempts").cloned();
    assert_eq!(interrupted, Some(writ_policy::observation::Value::Int(1)));
    assert_eq!(daemon.stop(), Some(0));
}
