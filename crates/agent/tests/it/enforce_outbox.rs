//! The outbox within its bounds: what was delivered goes, what was not is thinned at last, and every removal is told.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use writ_evidence::chain::{self, ChainState, Speaker, file_name};
use writ_evidence::posture::{OutcomeChange, Posture};
use writ_evidence::records::{Refused, StartReason, Started};
use writ_evidence::{Bundle, Draft, Kind};
use writ_policy::observation::Observation;
use writ_policy::outcome::Outcome;
use writ_trust::digest::Digest;
use writ_trust::time::Time;

use crate::site_log::{Log, ORIGIN, receipt_path};
use crate::support::{APPLIANCE, SITE, Site, chmod, key, mode, now, until};

pub const DAY: i64 = 86_400_000;

/// A bundle of this kind, with this much in it.
fn draft(kind: Kind, at: Time, size: usize) -> Draft {
    let mut draft = Draft::new(kind, &SITE.parse().unwrap(), &APPLIANCE.parse().unwrap());
    let filler = vec!["x".repeat(1000); size / 1000];
    match kind {
        Kind::Started => {
            draft.started = Some(Started {
                why: StartReason::FirstStart,
                previous_chain: None,
                reimaged: false,
                enforcing: None,
                agent_version: "0".to_owned(),
                recovered: Vec::new(),
            });
        }
        Kind::Refused => {
            draft.refused = Some(Refused {
                rule: "size".to_owned(),
                message: "m".to_owned(),
                what: "release".to_owned(),
                digest: None,
                count: 1,
            });
        }
        _ => {
            draft.posture = Some(Posture::Change(OutcomeChange {
                check: "file.motd".to_owned(),
                from: None,
                to: Outcome::Pass,
                at,
                reasons: filler,
                observation: Observation::new(),
            }));
        }
    }
    draft
}

/// A site whose appliance has spoken: bundles of these kinds, one an hour from so many days ago on. Its state is lost, so
/// it continues from them.
pub fn spoken(days_ago: i64, kinds: impl IntoIterator<Item = Kind>) -> (Site, Log, Vec<Bundle>) {
    let site = Site::logged_by(&[ORIGIN]);
    let outbox = site.path("outbox");
    fs::create_dir_all(&outbox).unwrap();
    let (mut state, mut at, mut bundles) = (ChainState::new(), now().plus_millis(-days_ago * DAY), Vec::new());
    for kind in [Kind::Started].into_iter().chain(kinds) {
        let sealed = writ_evidence::seal(draft(kind, at, 3000), &state, &site.appliance_key, at).unwrap();
        fs::write(outbox.join(sealed.file_name()), &sealed.bytes).unwrap();
        fs::write(outbox.join(format!("{}.minisig", sealed.file_name())), &sealed.signature_text).unwrap();
        state = sealed.next;
        at = at.plus_millis(3_600_000);
        bundles.push(sealed.bundle);
    }
    let mut log = Log::new(ORIGIN, 1);
    log.publish(&site, 1, &site.policy());
    // What it takes in from here on it took in long ago.
    log.behind = 31 * DAY;
    (site, log, bundles)
}

/// What is in the outbox by number; every bundle has its signature and holds, and no signature is left alone.
pub fn there(site: &Site) -> BTreeMap<u64, (Bundle, Digest)> {
    let outbox = site.path("outbox");
    let (site_id, appliance) = (SITE.parse().unwrap(), APPLIANCE.parse().unwrap());
    let public_key = site.appliance_key.public_key();
    let speaker = Speaker { site: &site_id, appliance: &appliance, public_key: &public_key };
    let names: BTreeSet<String> = names_in(&outbox).into_iter().filter(|name| !name.starts_with('.')).collect();
    let mut found = BTreeMap::new();
    for name in &names {
        if let Some(bundle) = name.strip_suffix(".minisig") {
            assert!(names.contains(bundle), "{name} is alone");
            continue;
        }
        let signature = fs::read(outbox.join(format!("{name}.minisig"))).unwrap_or_else(|e| panic!("{name}: {e}"));
        let authentic = chain::authenticate(&fs::read(outbox.join(name)).unwrap(), &signature, &speaker).unwrap();
        found.insert(authentic.bundle.chain.sequence, (authentic.bundle, authentic.digest));
    }
    found
}

pub fn names_in(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

pub fn missing(found: &BTreeMap<u64, (Bundle, Digest)>) -> Vec<u64> {
    let last = *found.keys().last().unwrap();
    (1..=last).filter(|n| !found.contains_key(n)).collect()
}

/// The chain can be followed from one end to the other: what is missing was told as thinned, with the digest that the next
/// bundle names. As an audit judges it.
fn follows(found: &BTreeMap<u64, (Bundle, Digest)>) {
    let told: Vec<_> =
        found.values().filter_map(|(bundle, _)| bundle.thinned.as_ref()).flat_map(|t| &t.ranges).collect();
    let mut before: Option<Digest> = None;
    let mut at = 1;
    for (sequence, (bundle, digest)) in found {
        while at < *sequence {
            let range = told.iter().find(|range| range.first == at && range.last < *sequence);
            let range = range.unwrap_or_else(|| panic!("bundle {at} is gone, and nothing tells of it"));
            (at, before) = (range.last + 1, Some(range.digest));
        }
        assert_eq!(bundle.chain.previous, before, "bundle {sequence}");
        (at, before) = (at + 1, Some(*digest));
    }
}

pub fn refusals(site: &Site) -> Vec<Refused> {
    there(site).into_values().filter_map(|(bundle, _)| bundle.refused).filter(|r| r.what != "release").collect()
}

#[test]
fn what_was_delivered_and_is_old_goes_and_nothing_else() {
    // Two days in the past that are old enough, then younger ones.
    let (site, mut log, bundles) = spoken(33, [Kind::Posture; 120]);
    let young = now().plus_millis(-30 * DAY).to_string()[..10].to_owned();
    let old = |bundle: &Bundle| bundle.generated_at.to_string()[..10] < *young;
    assert!(bundles.iter().any(|b| !old(b)) && bundles.iter().filter(|b| old(b)).count() > 40);
    for bundle in bundles.iter().filter(|bundle| bundle.chain.sequence % 5 != 0) {
        log.deliver(&site, bundle);
    }
    site.once_is(0);
    let expected: Vec<u64> =
        bundles.iter().filter(|b| old(b) && b.chain.sequence % 5 != 0).map(|b| b.chain.sequence).collect();
    assert_eq!(missing(&there(&site)), expected);
    assert_eq!(site.status()["outbox"]["removed"], expected.len());
    // Those without a receipt go when it has come, under another key of the same log as well.
    log.key = key(4);
    bundles.iter().filter(|b| b.chain.sequence % 5 == 0).for_each(|bundle| drop(log.deliver(&site, bundle)));
    site.once_is(0);
    assert_eq!(missing(&there(&site)).len(), bundles.iter().filter(|b| old(b)).count());
    assert!(refusals(&site).is_empty());
}

pub fn name_of(bundle: &Bundle) -> String {
    file_name(bundle.chain.sequence, bundle.bundle_id)
}

#[test]
fn over_budget_the_oldest_delivered_ones_go_before_their_time() {
    let (site, mut log, bundles) = spoken(9, [Kind::Posture; 200]);
    site.configure("outbox_budget = \"1MiB\"\n");
    bundles[20..].iter().for_each(|bundle| drop(log.deliver(&site, bundle)));
    site.once_is(0);
    let gone = missing(&there(&site));
    assert_eq!(gone.first(), Some(&21), "those before were not delivered");
    assert!(gone.windows(2).all(|pair| pair[1] == pair[0] + 1) && (60..100).contains(&gone.len()), "{gone:?}");
    let status = site.status();
    assert_eq!((&status["outbox"]["budget"], &status["outbox"]["thinned"]), (&(1 << 20).into(), &0.into()));
    site.once_is(0);
    assert!(site.status()["outbox"]["bytes"].as_u64().unwrap() <= 1 << 20);
}

/// Posture with a refusal after every ninth.
fn mixed(count: usize) -> impl Iterator<Item = Kind> {
    (0..count).map(|n| if n % 10 == 9 { Kind::Refused } else { Kind::Posture })
}

#[test]
fn what_was_not_delivered_is_thinned_and_the_chain_holds_across() {
    let (site, _, bundles) = spoken(30, mixed(500));
    site.configure("outbox_budget = \"1MiB\"\n");
    site.once_is(0);
    let found = there(&site);
    let gone = missing(&found);
    assert!(gone.len() > 350, "{}", gone.len());
    assert!(bundles.iter().filter(|b| b.kind != Kind::Posture).all(|b| found.contains_key(&b.chain.sequence)));
    assert!(gone.last().unwrap() - gone.first().unwrap() < gone.len() as u64 * 10 / 8, "the oldest");
    follows(&found);
    let told = found.values().filter(|(bundle, _)| bundle.kind == Kind::Thinned).count();
    assert_eq!(told, 2, "at most 256 by one bundle");
    assert_eq!(site.status()["outbox"]["thinned"], gone.len());
    assert_eq!(site.status()["outbox"]["over_budget"], 0);
    site.once_is(0);
    assert_eq!(missing(&there(&site)), gone, "and that is enough for now");
}

/// A courier that delivered some of what is thinned, without a receipt coming back: an audit of the rest still holds.
#[test]
fn a_part_of_what_was_thinned_may_be_elsewhere() {
    let (site, _, _) = spoken(30, mixed(300));
    let before = there(&site);
    site.configure("outbox_budget = \"1MiB\"\n");
    site.once_is(0);
    let mut found = there(&site);
    let gone = missing(&found);
    for keep in [&gone[..20], &gone[gone.len() - 7..], &gone[30..31]].concat() {
        found.insert(keep, before[&keep].clone());
    }
    follows(&found);
}

#[test]
fn where_nothing_can_go_it_is_said_and_everything_goes_on() {
    let (site, mut log, bundles) = spoken(9, [Kind::Refused; 200]);
    let mut policy = site.policy();
    let file = site.file_check(&mut policy, "motd");
    log.publish(&site, 2, &policy);
    site.configure("outbox_budget = \"1MiB\"\n");
    chmod(&file, 0o600);
    let said = site.once_is(0);
    assert!(said.contains("nothing more in it may be removed"), "{said}");
    assert_eq!(mode(&file), 0o644);
    let found = there(&site);
    assert!(missing(&found).is_empty() && found.len() > bundles.len());
    assert!(site.status()["outbox"]["over_budget"].as_u64().unwrap() > 0);
}

#[test]
fn a_running_daemon_keeps_house_and_heals_meanwhile() {
    let (site, mut log, bundles) = spoken(40, mixed(400));
    let mut policy = site.policy();
    let file = site.file_check(&mut policy, "motd");
    log.publish(&site, 2, &policy);
    bundles[..100].iter().for_each(|bundle| drop(log.deliver(&site, bundle)));
    site.configure("outbox_budget = \"1MiB\"\n");
    let daemon = site.daemon();
    until("it runs", || site.log().contains("watching").then_some(()));
    chmod(&file, 0o600);
    until("healed", || (mode(&file) == 0o644).then_some(()));
    until("house is kept", || {
        let status: serde_json::Value = serde_json::from_slice(&fs::read(site.state("status.json")).ok()?).unwrap();
        let outbox = &status["outbox"];
        (outbox["removed"] == 100 && outbox["thinned"].as_u64() > Some(0)).then_some(())
    });
    assert_eq!(daemon.stop(), Some(0));
    let mut found = there(&site);
    assert!((1..=100).all(|n| !found.contains_key(&n)));
    let delivered = bundles[..100].iter().map(|bundle| (bundle.chain.sequence, bundle.clone()));
    // The depot has those.
    found.extend(delivered.map(|(n, bundle)| (n, (bundle.clone(), Digest::of(&writ_trust::json::canonical(&bundle))))));
    follows(&found);
}

/// A kill at any step of a removal leaves no bundle without its signature and nothing untold, and the next run ends it.
#[test]
fn a_kill_between_any_two_steps_loses_nothing_that_was_not_told() {
    let world = || {
        let (site, mut log, bundles) = spoken(40, mixed(165));
        bundles[..12].iter().for_each(|bundle| drop(log.deliver(&site, bundle)));
        site.configure("outbox_budget = \"1MiB\"\n");
        (site, bundles)
    };
    let ended =
        |site: &Site, bundles: &[Bundle], at: &str| {
            let mut found = there(site);
            assert!((1..=12).all(|n| !found.contains_key(&n)), "{at}");
            assert!(found.len() < 130, "{at}: {}", found.len());
            found.extend(bundles[..12].iter().map(|bundle| {
                (bundle.chain.sequence, (bundle.clone(), Digest::of(&writ_trust::json::canonical(bundle))))
            }));
            follows(&found);
            let told: Vec<u64> = found
                .values()
                .filter_map(|(bundle, _)| bundle.thinned.as_ref())
                .flat_map(|thinned| thinned.ranges.iter().map(|range| range.first))
                .collect();
            assert_eq!(told.iter().collect::<BTreeSet<_>>().len(), told.len(), "{at}: told once");
        };
    let (site, bundles) = world();
    let passages = site.path("passages");
    let status = site.command().arg("--once").env("WRIT_CRASH_LOG", &passages).status().unwrap();
    assert_eq!(status.code(), Some(0));
    ended(&site, &bundles, "undisturbed");
    let passages = fs::read_to_string(&passages).unwrap();
    let mut by_name: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for (n, name) in passages.lines().filter_map(|line| line.split_once(' ')) {
        by_name.entry(name).or_default().push(n.parse().unwrap());
    }
    for name in [
        "bundle removed, its signature not",
        "removal of bundles durable, signatures there",
        "signatures removed",
        "thinning told, not durable",
        "thinning durable, nothing removed",
    ] {
        let at = &by_name[name];
        for point in BTreeSet::from([at[0], at[at.len() / 2], at[at.len() - 1]]) {
            let (site, bundles) = world();
            let killed = site.command().arg("--once").env("WRIT_CRASH_AT", point.to_string()).output().unwrap();
            assert_eq!(killed.status.signal(), Some(9), "{name}");
            for file in names_in(&site.path("outbox")).iter().filter(|file| file.ends_with(".json")) {
                assert!(
                    site.path("outbox").join(format!("{file}.minisig")).is_file(),
                    "{name}: {file} has no signature"
                );
            }
            site.once_is(0);
            ended(&site, &bundles, name);
        }
    }
}

#[test]
fn signatures_without_a_bundle_are_cleared_away() {
    let (site, mut log, bundles) = spoken(3, [Kind::Posture; 5]);
    site.once_is(0);
    let lone = site.path("outbox").join(format!("{}.minisig", name_of(&bundles[2])));
    log.deliver(&site, &bundles[2]);
    fs::remove_file(lone.with_extension("")).unwrap();
    site.once_is(0);
    assert!(!lone.exists());
    assert_eq!(missing(&there(&site)), [3]);
    assert!(receipt_path(&site, &bundles[2]).exists(), "receipts are the courier's");
}
