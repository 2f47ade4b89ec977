//! Releases whose time has not come: what runs goes on, what came before them is not taken up, and the heartbeat says so.

use std::fs;

use serde_json::{Value, json};
use writ_evidence::Kind;
use writ_trust::release::until_promoted;
use writ_trust::time::Time;
use writ_wire::heartbeat::{Heartbeat, Next, NextState};

use crate::enforce_presence::heartbeat;
use crate::support::{Site, now, until};

const DAY: i64 = 86_400_000;

/// A site that obeys release 10, and two other policies.
fn obeying() -> (Site, Value, [Value; 2]) {
    let site = Site::new();
    let mut policy = site.policy();
    site.file_check(&mut policy, "motd");
    site.publish(10, &policy);
    site.once_is(0);
    let others = ["another", "a third"].map(|title| {
        let mut other = policy.clone();
        other["settings"]["title"] = json!(title);
        other
    });
    (site, policy, others)
}

fn publish(site: &Site, serial: u64, policy: &Value, not_before: Time) {
    let mut release = site.release(serial);
    release.not_before = not_before;
    let bytes = site.release_bytes(&release, &Site::policy_bytes(policy));
    site.put(&format!("1-{serial}"), &bytes, &site.release_key);
}

fn refusals(site: &Site) -> Vec<String> {
    site.of_kind(Kind::Refused).into_iter().map(|bundle| bundle.refused.unwrap().rule).collect()
}

#[test]
fn a_generation_that_runs_is_taken_up_under_a_newer_number_whatever_its_time() {
    let (site, policy, _) = obeying();
    publish(&site, 11, &policy, until_promoted());
    site.once_is(0);
    assert_eq!((site.status()["release"].as_str(), refusals(&site)), (Some("1-11"), vec![]));
    let floor: Value = serde_json::from_slice(&fs::read(site.state("floor")).unwrap()).unwrap();
    assert_eq!(floor["release"]["serial"], 11);
    // What runs does not end with the release that it came with.
    let release: Value = serde_json::from_slice(&fs::read(site.state("running/release.json")).unwrap()).unwrap();
    assert_eq!(release["serial"], 11);
}

#[test]
fn a_release_whose_time_has_not_come_is_waited_for_and_told() {
    let (site, _, [other, _]) = obeying();
    let floor = fs::read(site.state("floor")).unwrap();
    publish(&site, 11, &other, now().plus_millis(DAY));
    site.once_is(0);
    site.once_is(0);
    assert_eq!(fs::read(site.state("floor")).unwrap(), floor);
    assert_eq!((site.status()["release"].as_str(), refusals(&site)), (Some("1-10"), vec!["not-before".to_owned()]));
}

#[test]
fn what_people_signed_last_takes_the_place_of_what_was_not_taken_up() {
    let (site, policy, [bad, mended]) = obeying();
    let bytes = fs::read(site.state("floor")).unwrap();
    // The time of 11 has come, and 12 was signed since: 11 is not what people want any more.
    publish(&site, 11, &bad, now().plus_millis(-1000));
    publish(&site, 12, &mended, now().plus_millis(DAY));
    site.once_is(0);
    assert_eq!((site.status()["release"].as_str(), refusals(&site)), (Some("1-10"), vec!["not-before".to_owned()]));
    assert_eq!(fs::read(site.state("floor")).unwrap(), bytes, "nothing was accepted");
    // Its documents are read again from where they lie, whatever waits above.
    fs::remove_dir_all(site.state("generations/1-10")).unwrap();
    site.once_is(0);
    assert!(site.state("generations/1-10/policy.json").exists() && site.status()["release"] == "1-10");
    // Withdrawn: the policy that runs, under a number above both.
    publish(&site, 13, &policy, until_promoted());
    site.once_is(0);
    assert_eq!(site.status()["release"], "1-13");
    for serial in [12, 13] {
        fs::remove_dir_all(site.release_dir(&format!("1-{serial}"))).unwrap();
    }
    site.once_is(0);
    assert_eq!(site.status()["release"], "1-13", "11 lies below the floor");
}

#[test]
fn the_heartbeat_says_how_it_stands_with_what_is_not_obeyed() {
    let (site, policy, [other, third]) = obeying();
    site.configure("heartbeat = \"100ms\"\n");
    let daemon = site.daemon();
    let next = |what: &str, wanted: &dyn Fn(&Heartbeat) -> Option<Next>| until(what, || wanted(&heartbeat(&site)));
    until("a heartbeat with a release", || heartbeat(&site).release);
    assert_eq!(heartbeat(&site).next, None);
    let to_come = now().plus_millis(DAY);
    publish(&site, 11, &other, to_come);
    let waits = next("it waits", &|beat| beat.next.clone());
    assert_eq!((waits.serial.get(), waits.state, waits.at), (11, NextState::NotBefore, Some(to_come)));
    // A signed release whose policy is another appliance's.
    let mut foreign = third.clone();
    foreign["appliance"] = json!("back-office");
    publish(&site, 12, &foreign, now().plus_millis(-1000));
    let refused = next("it refuses", &|beat| beat.next.clone().filter(|next| next.serial.get() == 12));
    assert_eq!((refused.state, refused.rule.as_deref()), (NextState::Refused, Some("policy-appliance")));
    // What nobody signed is not told as that.
    fs::create_dir_all(site.release_dir("1-99")).unwrap();
    fs::write(site.release_dir("1-99").join("release.json"), "{}").unwrap();
    publish(&site, 13, &policy, now().plus_millis(-1000));
    until("it obeys again", || heartbeat(&site).release.filter(|release| release.serial.get() == 13));
    until("nothing is to come", || heartbeat(&site).next.is_none().then_some(()));
    assert_eq!(daemon.stop(), Some(0));
}
