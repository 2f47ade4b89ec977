//! Hostile and broken input: one line that names the rule, counted, in evidence once, and what runs is untouched.

use std::fs;

use serde_json::{Value, json};
use writ_evidence::Kind;
use writ_trust::digest::Digest;
use writ_trust::minisign::signature_file_name;

use crate::support::{Site, chmod, key, mode, now, until};

const DAY: i64 = 86_400_000;

/// A site that obeys release 10.
fn obeying() -> (Site, Value) {
    let site = Site::new();
    let mut policy = site.policy();
    site.file_check(&mut policy, "motd");
    site.publish(10, &policy);
    site.once_is(0);
    (site, policy)
}

/// Scans twice and expects one refusal by this rule, and release 10 obeyed as before.
fn refused(site: &Site, rule: &str) -> String {
    let floor = fs::read(site.state("floor")).unwrap();
    chmod(&site.path("target/motd"), 0o600);
    let said = site.once_is(0);
    site.once_is(0);
    assert_eq!(mode(&site.path("target/motd")), 0o644, "{rule}: enforcement goes on");
    let refusals: Vec<_> = site.of_kind(Kind::Refused).into_iter().map(|b| (b.refused.unwrap(), b.release)).collect();
    assert_eq!(refusals.len(), 1, "{rule}: {refusals:?}");
    let (refusal, release) = &refusals[0];
    assert_eq!(refusal.rule, rule, "{}", refusal.message);
    assert!(!refusal.message.contains('\n'));
    assert_eq!(release.unwrap().serial.get(), 10, "{rule}: the running generation is untouched");
    assert_eq!(fs::read(site.state("floor")).unwrap(), floor, "{rule}: the floor is untouched");
    let status: Value = serde_json::from_slice(&fs::read(site.state("status.json")).unwrap()).unwrap();
    assert_eq!(status["release"], "1-10");
    assert!(status["refused_total"].as_u64().unwrap() >= 1, "{rule}: counted");
    said
}

#[test]
fn every_unfit_release_is_refused_by_its_rule() {
    let (site, policy) = obeying();
    drop(site);
    let policy_bytes = Site::policy_bytes(&policy);
    type Change = fn(&mut crate::support::Release);
    let cases: [(&str, Change); 8] = [
        ("site", |r| r.site = "clinic-002"),
        ("entry", |r| r.appliance = "back-office"),
        ("own-key", |r| r.public_key = key(9).public_key().line()),
        ("epoch", |r| r.epoch = 2),
        ("trust-version", |r| r.trust_version = 2),
        ("floor", |r| r.serial = 9),
        ("floor-bytes", |r| r.serial = 10),
        ("expiry", |r| (r.issued_at, r.expires_at) = (now().plus_millis(-2 * DAY), now().plus_millis(-DAY))),
    ];
    for (rule, change) in cases {
        let (site, _) = obeying();
        let mut release = site.release(11);
        change(&mut release);
        let bytes = site.release_bytes(&release, &policy_bytes);
        site.put("1-11", &bytes, &site.release_key);
        refused(&site, rule);
    }
}

#[test]
fn signatures_are_judged_before_anything_else() {
    let (site, policy) = obeying();
    let bytes = site.release_bytes(&site.release(11), &Site::policy_bytes(&policy));
    site.put("1-11", &bytes, &key(77));
    refused(&site, "signature-threshold");

    let (site, _) = obeying();
    site.put("1-11", &bytes, &site.release_key);
    let mut altered = bytes.clone();
    *altered.last_mut().unwrap() = b' ';
    fs::write(site.release_dir("1-11").join("release.json"), altered).unwrap();
    refused(&site, "signature-threshold");

    let (site, _) = obeying();
    fs::create_dir_all(site.release_dir("1-11")).unwrap();
    fs::write(site.release_dir("1-11").join("release.json"), &bytes).unwrap();
    refused(&site, "signature-threshold");
}

#[test]
fn oversized_and_strange_files_are_refused_without_being_read_whole() {
    let (site, _) = obeying();
    fs::create_dir_all(site.release_dir("1-11")).unwrap();
    let file = fs::File::create(site.release_dir("1-11").join("release.json")).unwrap();
    file.set_len(1 << 40).unwrap();
    refused(&site, "size");

    let (site, _) = obeying();
    fs::create_dir_all(site.release_dir("1-11")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", site.release_dir("1-11").join("release.json")).unwrap();
    refused(&site, "readable");
}

#[test]
fn a_signed_release_with_unfit_documents_is_refused() {
    let (site, mut policy) = obeying();
    policy["appliance"] = json!("back-office");
    site.publish(11, &policy);
    refused(&site, "policy-appliance");

    let (site, policy) = obeying();
    let mut bytes = Site::policy_bytes(&policy);
    let at = bytes.windows(9).position(|w| w == b"\"L1-motd\"").unwrap();
    bytes[at + 4] = b'M';
    let release = site.release_bytes(&site.release(11), &bytes);
    site.put("1-11", &release, &site.release_key);
    refused(&site, "policy-rules-version");

    let (site, policy) = obeying();
    let bytes = Site::policy_bytes(&policy);
    let release = site.release_bytes(&site.release(11), &bytes);
    site.put("1-11", &release, &site.release_key);
    let document = site.path("releases/documents").join(format!("{}.json", Digest::of(&bytes).hex()));
    let mut altered = bytes.clone();
    altered[5] ^= 1;
    fs::write(&document, altered).unwrap();
    refused(&site, "document-digest");

    let (site, _) = obeying();
    let release = site.release_bytes(&site.release(11), b"{\"schema\":\"writ.policy.v1\"}");
    site.put("1-11", &release, &site.release_key);
    refused(&site, "policy");
}

#[test]
fn a_hostile_release_does_not_hide_a_good_one_below_it() {
    let (site, mut policy) = obeying();
    site.file_check(&mut policy, "more");
    site.publish(11, &policy);
    let bytes = site.release_bytes(&site.release(12), &Site::policy_bytes(&policy));
    site.put("1-12", &bytes, &key(77));
    site.once_is(0);
    let last = site.bundles().last().unwrap().release.unwrap();
    assert_eq!(last.serial.get(), 11);
}

#[test]
fn missing_documents_are_waited_for_not_refused() {
    let (site, mut policy) = obeying();
    site.file_check(&mut policy, "more");
    let bytes = Site::policy_bytes(&policy);
    site.publish(11, &policy);
    let document = site.path("releases/documents").join(format!("{}.json", Digest::of(&bytes).hex()));
    fs::remove_file(&document).unwrap();
    site.once_is(0);
    assert!(site.of_kind(Kind::Refused).is_empty());
    fs::write(&document, &bytes).unwrap();
    site.once_is(0);
    assert_eq!(site.bundles().last().unwrap().release.unwrap().serial.get(), 11);
}

#[test]
fn a_policy_of_an_unknown_schema_leaves_the_old_one_in_force_and_says_so() {
    let (site, mut policy) = obeying();
    policy["schema"] = json!("writ.policy.v9");
    policy["checks"] = json!({ "novelty": true });
    let mut release = site.release(11);
    release.policy_schema = "writ.policy.v9";
    let bytes = site.release_bytes(&release, &strict_bytes(&policy));
    site.put("1-11", &bytes, &site.release_key);
    chmod(&site.path("target/motd"), 0o600);
    let said = site.once_is(0);
    assert!(said.contains("the policy enforced is that of release 1-10"), "{said}");
    assert_eq!(mode(&site.path("target/motd")), 0o644, "the old policy is enforced on");
    let refusal = site.of_kind(Kind::Refused).pop().unwrap().refused.unwrap();
    assert_eq!((refusal.rule.as_str(), refusal.what.as_str()), ("policy-schema", "policy"));
    // It survives a restart, and the folder of releases may vanish.
    fs::remove_dir_all(site.path("releases")).unwrap();
    chmod(&site.path("target/motd"), 0o600);
    site.once_is(0);
    assert_eq!(mode(&site.path("target/motd")), 0o644);
    assert_eq!(site.bundles().last().unwrap().release.unwrap().serial.get(), 11);
}

fn strict_bytes(value: &Value) -> Vec<u8> {
    writ_trust::json::canonical(value)
}

#[test]
fn without_the_folder_of_releases_enforcement_goes_on() {
    let (site, _) = obeying();
    fs::remove_dir_all(site.path("releases")).unwrap();
    let daemon = site.daemon();
    until("it runs", || site.log().contains("watching").then_some(()));
    chmod(&site.path("target/motd"), 0o600);
    until("healed", || (site.incidents().closed.len() == 1).then_some(()));
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn a_running_release_that_expired_is_enforced_on_and_said() {
    let site = Site::new();
    let mut policy = site.policy();
    site.file_check(&mut policy, "motd");
    let mut release = site.release(10);
    release.expires_at = now().plus_millis(1_500);
    let bytes = site.release_bytes(&release, &Site::policy_bytes(&policy));
    site.put("1-10", &bytes, &site.release_key);
    site.once_is(0);
    until("it expires", || (now() >= release.expires_at).then_some(()));
    chmod(&site.path("target/motd"), 0o600);
    site.once_is(0);
    assert_eq!(mode(&site.path("target/motd")), 0o644);
    let refusal = site.of_kind(Kind::Refused).pop().unwrap().refused.unwrap();
    assert_eq!((refusal.what.as_str(), refusal.rule.as_str()), ("running-release", "expiry"));
}

#[test]
fn a_newer_release_is_taken_up_by_the_running_daemon() {
    let (site, mut policy) = obeying();
    let daemon = site.daemon();
    until("it runs", || site.log().contains("watching").then_some(()));
    let more = site.file_check(&mut policy, "more");
    site.publish(11, &policy);
    until("adopted", || (site.of_kind(Kind::Switch).len() == 2).then_some(()));
    chmod(&more, 0o600);
    until("the new check heals", || (site.incidents().closed.len() == 1).then_some(()));
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn a_damaged_floor_stops_acceptance_and_nothing_else() {
    let (site, mut policy) = obeying();
    site.file_check(&mut policy, "more");
    site.publish(11, &policy);
    fs::write(site.state("floor"), "{}").unwrap();
    chmod(&site.path("target/motd"), 0o600);
    let said = site.once_is(0);
    assert!(said.contains("not a floor"), "{said}");
    assert_eq!(mode(&site.path("target/motd")), 0o644);
    assert_eq!(site.bundles().last().unwrap().release.unwrap().serial.get(), 10);
}

/// Whoever writes into the folder can have refused what they like, in every run of a timer: what needs a key is told all the
/// same.
#[test]
fn a_flood_is_bounded_across_runs_and_hides_nothing_that_nobody_makes_without_a_key() {
    let site = Site::new();
    let mut release = site.release(10);
    // Long enough for the first run on a busy machine: what has expired is not accepted any more.
    release.expires_at = now().plus_millis(6_000);
    let bytes = site.release_bytes(&release, &Site::policy_bytes(&site.policy()));
    site.put("1-10", &bytes, &site.release_key);
    for run in 0..4 {
        for n in 0..15 {
            site.put(&format!("1-{}", 20 + n), format!("{run} {n}").as_bytes(), &key(77));
        }
        site.once();
    }
    until("it expires", || (now() >= release.expires_at).then_some(()));
    site.once_is(0);
    let rules: Vec<String> =
        site.of_kind(Kind::Refused).into_iter().map(|bundle| bundle.refused.unwrap().rule).collect();
    let count = |rule: &str| rules.iter().filter(|found| *found == rule).count();
    assert_eq!((count("signature-threshold"), count("refusals-bounded"), count("expiry")), (32, 1, 1), "{rules:?}");
}

#[test]
fn a_signature_that_does_not_hold_never_takes_the_place_of_one_that_does() {
    let (site, policy) = obeying();
    site.put_signed("trust/2.json", &site.root_bytes(2, &[]), &site.trust_key);
    let forged = site.trust_key.sign(b"another root", "test", "test").unwrap().to_string();
    fs::write(site.path("releases/trust/2.json.minisig"), forged).unwrap();
    site.publish(11, &policy);
    site.once_is(0);
    let name = signature_file_name("2.json", site.trust_key.key_id());
    let stored = fs::read(site.state("trust").join(&name)).unwrap();
    assert_eq!(stored, fs::read(site.path("releases/trust").join(&name)).unwrap());
    assert_eq!(fs::read_dir(site.state("trust")).unwrap().count(), 2, "each key once, and the root");
}
