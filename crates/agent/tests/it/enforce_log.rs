//! Acceptance through the site log, and heads of the log: what continues is kept, what contradicts is refused by name.

use std::fs;
use std::os::unix::process::ExitStatusExt;

use serde_json::Value;
use writ_evidence::Kind;
use writ_evidence::records::Refused;
use writ_trust::log::checkpoint::SignedCheckpoint;

use crate::site_log::{Log, ORIGIN, SECOND, heard_at, put_receipt};
use crate::support::{Site, chmod, key, mode, now, until};

const HOUR: i64 = 3_600_000;

/// A site that obeys release 10, found in its log.
fn obeying() -> (Site, Value, Log) {
    let site = Site::logged_by(&[ORIGIN]);
    let mut policy = site.policy();
    site.file_check(&mut policy, "motd");
    let mut log = Log::new(ORIGIN, 1);
    log.others(5);
    log.publish(&site, 10, &policy);
    site.once_is(0);
    assert_eq!(obeyed(&site), 10);
    (site, policy, log)
}

fn obeyed(site: &Site) -> u64 {
    site.bundles().last().unwrap().release.map_or(0, |release| release.serial.get())
}

fn refusals(site: &Site) -> Vec<Refused> {
    site.of_kind(Kind::Refused).into_iter().map(|bundle| bundle.refused.unwrap()).collect()
}

fn rules(site: &Site) -> Vec<String> {
    refusals(site).into_iter().map(|refused| refused.rule).collect()
}

fn kept(site: &Site) -> String {
    fs::read_to_string(site.state("checkpoint")).unwrap_or_default()
}

/// Looks twice, and expects one refusal by this rule, release 10 obeyed as before, and the same checkpoint kept.
fn refused(site: &Site, what: &str, rule: &str) -> String {
    let (floor, before) = (fs::read(site.state("floor")).unwrap(), kept(site));
    chmod(&site.path("target/motd"), 0o600);
    site.once_is(0);
    site.once_is(0);
    assert_eq!(mode(&site.path("target/motd")), 0o644, "{rule}: enforcement goes on");
    let refusals = refusals(site);
    assert_eq!(refusals.len(), 1, "{rule}: {refusals:?}");
    assert_eq!((refusals[0].what.as_str(), refusals[0].rule.as_str()), (what, rule), "{}", refusals[0].message);
    assert_eq!(obeyed(site), 10, "{rule}");
    assert_eq!((fs::read(site.state("floor")).unwrap(), kept(site)), (floor, before), "{rule}: nothing moved");
    assert!(site.status()["refused_total"].as_u64().unwrap() >= 2, "{rule}: counted");
    refusals[0].message.clone()
}

#[test]
fn a_release_is_accepted_by_its_place_in_the_log_and_every_bundle_names_the_checkpoint() {
    let (site, policy, mut log) = obeying();
    let first = kept(&site);
    assert!(SignedCheckpoint::verify(first.as_bytes(), ORIGIN, &[key(4).public_key()]).is_ok());
    log.others(300);
    log.publish(&site, 11, &policy);
    site.once_is(0);
    assert_eq!(obeyed(&site), 11);
    assert!(refusals(&site).is_empty());
    let second = kept(&site);
    let said: Vec<Option<String>> = site.bundles().into_iter().map(|bundle| bundle.last_checkpoint).collect();
    assert_eq!(said.first(), Some(&None), "nothing was verified before the first look");
    assert_eq!(said.last(), Some(&Some(second)));
    assert!(said.contains(&Some(first)), "the second run began with what the first one kept");
    let status = site.status();
    assert_eq!((&status["log"]["checkpoint"]["size"], &status["log"]["fresh"]), (&307.into(), &true.into()));
}

#[test]
fn an_older_head_is_no_lie_and_replaces_nothing() {
    let (site, _, mut log) = obeying();
    let old = log.signed_at(now());
    log.others(40);
    log.show(&site);
    site.once_is(0);
    let newest = kept(&site);
    assert!(newest.starts_with(&format!("{ORIGIN}\n46\n")));
    log.show_head(&site, &old);
    site.once_is(0);
    assert_eq!(kept(&site), newest);
    assert!(refusals(&site).is_empty());
}

/// The receipt is under an older checkpoint than the head: both are of one history.
#[test]
fn a_receipt_under_an_older_checkpoint_than_the_one_kept_counts() {
    let (site, policy, mut log) = obeying();
    let bytes = site.release_bytes(&site.release(11), &Site::policy_bytes(&policy));
    let index = log.release(&bytes);
    let receipt = log.receipt(index);
    log.others(600);
    log.show(&site);
    site.once_is(0);
    let newest = kept(&site);
    put_receipt(&site, 11, &receipt.canonical());
    site.put("1-11", &bytes, &site.release_key);
    site.once_is(0);
    assert_eq!(obeyed(&site), 11);
    assert_eq!(kept(&site), newest);
    assert!(refusals(&site).is_empty());
}

#[test]
fn every_bad_proof_of_a_release_is_refused_by_its_rule() {
    type Change = fn(&Site, &mut Log, Vec<u8>);
    let cases: [(&str, Change); 6] = [
        ("log-inclusion", |_, _, _| {}),
        ("log-inclusion", |site, log, bytes| {
            let index = log.release(&bytes);
            let mut receipt = log.receipt(index);
            receipt.proof[0][3] ^= 1;
            put_receipt(site, 11, &receipt.canonical());
        }),
        ("log-inclusion", |site, log, _| {
            let receipt = log.receipt(0);
            put_receipt(site, 11, &receipt.canonical());
        }),
        ("log-inclusion", |site, _, _| put_receipt(site, 11, &vec![b' '; 1 << 20])),
        ("log-checkpoint", |site, log, bytes| {
            let index = log.release(&bytes);
            log.key = key(77);
            let receipt = log.receipt(index);
            put_receipt(site, 11, &receipt.canonical());
        }),
        ("log-consistency", |site, _, bytes| {
            // Another history, in which the release is; its own tiles fit it.
            let mut forked = Log::new(ORIGIN, 1);
            forked.others(9);
            let index = forked.release(&bytes);
            let receipt = forked.receipt(index);
            forked.lay_tiles(&forked.folder(site));
            put_receipt(site, 11, &receipt.canonical());
        }),
    ];
    for (rule, change) in cases {
        let (site, policy, mut log) = obeying();
        let bytes = site.release_bytes(&site.release(11), &Site::policy_bytes(&policy));
        change(&site, &mut log, bytes.clone());
        site.put("1-11", &bytes, &site.release_key);
        refused(&site, "release", rule);
    }
}

#[test]
fn a_split_view_is_found_and_both_sides_of_it_are_in_evidence() {
    let (site, _, log) = obeying();
    let mut forked = Log::new(ORIGIN, 1);
    forked.others(9);
    forked.show(&site);
    let plan = site.command().arg("--plan").output().unwrap();
    assert!(String::from_utf8_lossy(&plan.stdout).contains("rule log-consistency"), "said beforehand too");
    let message = refused(&site, "log", "log-consistency");
    for side in [log.checkpoint(), forked.checkpoint()] {
        let whole = side.text().trim_end().replace('\n', " ");
        assert!(message.contains(&whole), "{message}\n lacks {whole}");
    }
    // The same lie with a fresh time is the same lie; a larger one is another.
    forked.show_at(&site, now().plus_millis(2_000));
    site.once_is(0);
    assert_eq!(refusals(&site).len(), 1);
    forked.others(1);
    forked.show(&site);
    site.once_is(0);
    assert_eq!(rules(&site), ["log-consistency", "log-consistency"]);
    assert!(site.status()["log"]["refused"].as_u64().unwrap() >= 4);
}

#[test]
fn bad_heads_are_refused_by_name() {
    let (site, _, log) = obeying();
    let stranger = SignedCheckpoint::sign(log.checkpoint(), &key(77), now());
    log.show_head(&site, &stranger);
    refused(&site, "log", "log-checkpoint");

    let (site, _, log) = obeying();
    fs::write(log.folder(&site).join("checkpoint"), vec![b'a'; 1 << 20]).unwrap();
    refused(&site, "log", "size");

    let (site, _, mut log) = obeying();
    log.others(3);
    log.show(&site);
    let tile = log.folder(&site).join("tile/0/000.p/9");
    let mut bytes = fs::read(&tile).unwrap();
    bytes[7] ^= 1;
    fs::write(&tile, bytes).unwrap();
    refused(&site, "log", "log-tiles");
}

#[test]
fn tiles_that_are_not_there_yet_are_waited_for_not_called_a_fork() {
    let (site, policy, mut log) = obeying();
    log.publish(&site, 11, &policy);
    let tiles = log.folder(&site).join("tile");
    fs::rename(&tiles, site.path("away")).unwrap();
    let before = kept(&site);
    site.once_is(0);
    assert_eq!((obeyed(&site), kept(&site)), (10, before));
    assert!(refusals(&site).is_empty());
    fs::rename(site.path("away"), &tiles).unwrap();
    site.once_is(0);
    assert_eq!(obeyed(&site), 11);
}

#[test]
fn a_new_log_is_followed_by_the_order_of_the_trust_keys_and_by_nothing_less() {
    let (site, policy, lost) = obeying();
    site.put_signed("trust/2.json", &site.root_bytes(2, &[ORIGIN, SECOND]), &site.trust_key);
    let mut log = Log::new(SECOND, 2);
    log.others(1);
    log.show(&site);
    refused(&site, "log", "log-restart");
    log.take_over(&site, &lost.checkpoint(), &site.release_key);
    site.once_is(0);
    assert_eq!(rules(&site), ["log-restart"], "the same head, refused by the same rule");

    log.take_over(&site, &lost.checkpoint(), &site.trust_key);
    site.once_is(0);
    assert!(kept(&site).starts_with(&format!("{SECOND}\n1\n")));
    // The roots that name the log were kept with it: the folder may vanish.
    fs::rename(site.path("releases"), site.path("away")).unwrap();
    site.once_is(0);
    assert_eq!(site.bundles().last().unwrap().last_checkpoint.as_deref(), Some(kept(&site).as_str()));
    fs::rename(site.path("away"), site.path("releases")).unwrap();
    log.publish(&site, 11, &policy);
    site.once_is(0);
    assert_eq!(obeyed(&site), 11);
    assert_eq!(site.status()["log"]["checkpoint"]["number"], 2);
}

#[test]
fn a_restart_that_rewrites_what_was_seen_is_a_fork() {
    let (site, _, lost) = obeying();
    site.put_signed("trust/2.json", &site.root_bytes(2, &[ORIGIN, SECOND]), &site.trust_key);
    let mut log = Log::new(SECOND, 2);
    log.others(1);
    let mut other = lost.checkpoint();
    other.root[0] ^= 1;
    log.take_over(&site, &other, &site.trust_key);
    log.show(&site);
    let message = refused(&site, "log", "log-consistency");
    assert!(message.contains(&other.text().trim_end().replace('\n', " ")), "{message}");
}

#[test]
fn a_damaged_checkpoint_stops_acceptance_and_nothing_else() {
    let (site, policy, mut log) = obeying();
    let good = kept(&site);
    log.publish(&site, 11, &policy);
    for bad in [good.replace("\n6\n", "\n7\n"), String::new(), good.replace(ORIGIN, "log.example/other")] {
        fs::write(site.state("checkpoint"), &bad).unwrap();
        chmod(&site.path("target/motd"), 0o600);
        let said = site.once_is(0);
        assert!(said.contains("checkpoint") && said.contains("nothing is accepted until it is restored"), "{said}");
        assert_eq!((mode(&site.path("target/motd")), obeyed(&site)), (0o644, 10));
        assert_eq!(kept(&site), bad, "nothing takes its place");
        assert_eq!(site.bundles().last().unwrap().last_checkpoint, None);
    }
    fs::write(site.state("checkpoint"), &good).unwrap();
    site.once_is(0);
    assert_eq!(obeyed(&site), 11);
}

#[test]
fn a_log_that_was_never_heard_of_is_told_of_after_a_day() {
    let site = Site::new();
    site.publish(10, &site.policy());
    site.once_is(0);
    site.put_signed("trust/2.json", &site.root_bytes(2, &[ORIGIN]), &site.trust_key);
    site.once_is(0);
    assert!(rules(&site).is_empty());
    assert_eq!(site.status()["log"]["fresh"], false);
    let mut state: Value = serde_json::from_slice(&fs::read(site.state("state.json")).unwrap()).unwrap();
    assert!(state["log_since"].is_string());
    state["log_since"] = now().plus_millis(-25 * HOUR).to_string().into();
    fs::write(site.state("state.json"), writ_trust::json::canonical(&state)).unwrap();
    site.once_is(0);
    site.once_is(0);
    assert_eq!(rules(&site), ["log-freshness"]);
    // What a courier brings at last makes it well.
    let mut log = Log::new(ORIGIN, 1);
    log.others(2);
    log.show(&site);
    site.once_is(0);
    assert_eq!(rules(&site), ["log-freshness", "log-freshness"]);
    assert_eq!(site.status()["log"]["fresh"], true);
}

#[test]
fn a_log_that_was_not_heard_of_for_a_day_is_said_once_and_that_it_is_fresh_again() {
    let (site, _, mut log) = obeying();
    heard_at(&site, &log.signed_at(now().plus_millis(-25 * HOUR)));
    log.show_at(&site, now().plus_millis(-25 * HOUR));
    let daemon = site.daemon();
    until("it is said", || (rules(&site) == ["log-freshness"]).then_some(()));
    until("the status says it", || (site.status()["log"]["fresh"] == false).then_some(()));
    chmod(&site.path("target/motd"), 0o600);
    until("healed meanwhile", || (site.incidents().closed.len() == 1).then_some(()));
    log.show(&site);
    until("fresh again", || (site.status()["log"]["fresh"] == true).then_some(()));
    let said = refusals(&site);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].message.contains("more than 24 h ago") && said[1].message.contains("fresh again"), "{said:?}");
    assert_eq!(daemon.stop(), Some(0));
}

/// A log's key may say any time: the floor's clock does not move by it.
#[test]
fn the_log_s_time_never_raises_the_clock_floor() {
    let (site, policy, mut log) = obeying();
    let clock = |site: &Site| -> Value {
        let floor: Value = serde_json::from_slice(&fs::read(site.state("floor")).unwrap()).unwrap();
        floor["clock"].clone()
    };
    let before = clock(&site);
    log.others(1);
    log.show_at(&site, now().plus_millis(20 * 365 * 24 * HOUR));
    site.once_is(0);
    assert_eq!(clock(&site), before);
    assert_eq!(site.status()["log"]["fresh"], true, "by the word before");
    log.publish(&site, 11, &policy);
    site.once_is(0);
    assert_eq!(obeyed(&site), 11, "updates go on");
    assert_eq!(site.status()["log"]["fresh"], true);
}

#[test]
fn a_time_that_has_not_come_is_no_word_at_all() {
    let (site, _, mut log) = obeying();
    let old = log.signed_at(now().plus_millis(-25 * HOUR));
    heard_at(&site, &old);
    log.show_at(&site, now().plus_millis(HOUR));
    site.once_is(0);
    assert_eq!((rules(&site), kept(&site)), (vec!["log-freshness".to_owned()], old.note));
}

/// A head without its time says nothing new of when the log was heard of, and unsays nothing.
#[test]
fn a_larger_head_without_a_time_does_not_make_the_log_stale() {
    let (site, _, mut log) = obeying();
    for _ in 0..3 {
        log.others(1);
        let mut head = log.signed_at(now());
        head.note.truncate(head.note.trim_end().rfind('\n').unwrap() + 1);
        log.lay_tiles(&log.folder(&site));
        log.show_head(&site, &head);
        site.once_is(0);
        assert!(!kept(&site).is_empty() && kept(&site) == head.note, "it is kept");
        assert_eq!(site.status()["log"]["fresh"], true);
        log.others(1);
        log.show(&site);
        site.once_is(0);
    }
    assert!(rules(&site).is_empty(), "{:?}", rules(&site));
}

#[test]
fn a_kill_at_every_crash_point_of_a_look_leaves_a_checkpoint_and_a_floor_that_agree() {
    let mut points = 0;
    loop {
        let (site, policy, mut log) = obeying();
        log.others(20);
        log.publish(&site, 11, &policy);
        let killed = site.command().arg("--once").env("WRIT_CRASH_AT", (points + 1).to_string()).output().unwrap();
        if killed.status.signal() != Some(9) {
            break;
        }
        points += 1;
        let sizes = |site: &Site| kept(site).lines().nth(1).unwrap().parse::<u64>().unwrap();
        assert!([6, 27].contains(&sizes(&site)), "point {points}");
        site.once_is(0);
        assert_eq!((obeyed(&site), sizes(&site)), (11, 27), "point {points}");
        assert!(refusals(&site).is_empty(), "point {points}");
        let said: Vec<u64> = site
            .bundles()
            .iter()
            .filter_map(|bundle| bundle.last_checkpoint.as_ref()?.lines().nth(1)?.parse().ok())
            .collect();
        assert!(said.is_sorted(), "point {points}: {said:?}");
    }
    assert!(points > 15, "{points}");
}
