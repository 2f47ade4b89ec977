//! What counts as delivered: no receipt removes a bundle unless the site's log, in the history that was verified here, has it.

use std::fs;
use std::path::Path;

use writ_evidence::{Bundle, Kind};
use writ_trust::digest::Digest;

use crate::enforce_outbox::{DAY, missing, name_of, names_in, refusals, spoken, there};
use crate::site_log::{Log, ORIGIN, SECOND, THIRD, heard_at, receipt_path};
use crate::support::{Site, chmod, key, now};

#[test]
fn no_hostile_receipt_removes_a_bundle() {
    type Spoil = fn(&Site, &mut Log, &[Bundle], &Path);
    let cases: [(&str, Spoil); 10] = [
        ("receipt", |site, log, bundles, path| {
            let other = log.deliver(site, &bundles[3]);
            fs::rename(other, path).unwrap();
        }),
        ("receipt", |_, _, _, path| {
            let mut bytes = fs::read(path).unwrap();
            let place = bytes.windows(10).position(|w| w == b"\"proof\":[\"").unwrap() + 12;
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            fs::write(path, bytes).unwrap();
        }),
        ("receipt-key", |site, log, bundles, _| {
            log.key = key(77);
            log.deliver(site, &bundles[2]);
        }),
        ("receipt", |site, log, bundles, _| {
            log.origin = "log.example/other";
            log.deliver(site, &bundles[2]);
        }),
        ("receipt", |site, log, bundles, path| {
            let mut forged = bundles[2].clone();
            forged.public_key = key(9).public_key();
            let digest = Digest::of(&fs::read(site.path("outbox").join(name_of(&forged))).unwrap());
            let index = log.bundle(&forged, digest);
            fs::write(path, log.receipt(index).canonical()).unwrap();
        }),
        ("receipt", |_, log, bundles, path| {
            let index = log.bundle(&bundles[2], Digest::of(b"another bundle of that number"));
            fs::write(path, log.receipt(index).canonical()).unwrap();
        }),
        ("receipt", |_, _, _, path| fs::write(path, &fs::read(path).unwrap()[..100]).unwrap()),
        ("size", |_, _, _, path| fs::write(path, vec![b' '; 1 << 20]).unwrap()),
        ("readable", |site, _, _, path| {
            fs::rename(path, site.path("elsewhere")).unwrap();
            std::os::unix::fs::symlink(site.path("elsewhere"), path).unwrap();
        }),
        ("readable", |_, _, _, path| {
            fs::remove_file(path).unwrap();
            let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR);
            rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, 0).unwrap();
        }),
    ];
    for (rule, spoil) in cases {
        let (site, mut log, bundles) = spoken(40, [Kind::Posture; 4]);
        let path = log.deliver(&site, &bundles[2]);
        spoil(&site, &mut log, &bundles, &path);
        site.once_is(0);
        site.once_is(0);
        assert!(there(&site).contains_key(&3), "{rule}");
        let refusals = refusals(&site);
        assert_eq!(refusals.len(), 1, "{rule}: {refusals:?}");
        assert_eq!((refusals[0].what.as_str(), refusals[0].rule.as_str()), ("receipt", rule), "{refusals:?}");
    }
}

/// As after a key of the log was revoked: every receipt is as good as none.
#[test]
fn hundreds_of_receipts_that_do_not_count_remove_nothing_and_are_one_refusal_for_each_cause() {
    let (site, mut log, bundles) = spoken(60, [Kind::Posture; 300]);
    log.key = key(77);
    for bundle in &bundles[..200] {
        log.deliver(&site, bundle);
    }
    for bundle in &bundles[200..] {
        let path = log.deliver(&site, bundle);
        fs::write(path, format!("{{\"of\": {}}}", bundle.chain.sequence)).unwrap();
    }
    for round in 1..=3_u64 {
        site.once_is(0);
        let found = there(&site);
        assert!(missing(&found).is_empty() && found.len() > 300);
        let mut told: Vec<(String, u64)> = refusals(&site).into_iter().map(|r| (r.rule, r.count)).collect();
        told.sort();
        assert_eq!(told, [("receipt".to_owned(), 1), ("receipt-key".to_owned(), 1)]);
        assert_eq!(site.status()["refused_total"], 2 * round, "one a round and cause");
    }
    assert!(refusals(&site).iter().any(|refused| refused.message.contains("200 receipts do not count, the first:")));
    // Sent again, and proven by a key that counts: then none is left, and the next would be told of.
    log.key = key(4);
    bundles.iter().for_each(|bundle| drop(log.deliver(&site, bundle)));
    site.once_is(0);
    assert_eq!(missing(&there(&site)).len(), bundles.len());
    assert!(!site.status()["refusals"].to_string().contains("receipt"));
}

/// It is the delivery that a bundle is kept after for a while, not its own date; and the log's time that says how long.
#[test]
fn age_counts_from_the_delivery_and_by_the_log_s_time() {
    let (site, mut log, bundles) = spoken(40, [Kind::Posture; 4]);
    log.deliver(&site, &bundles[1]);
    log.behind = 29 * DAY;
    log.deliver(&site, &bundles[2]);
    site.once_is(0);
    assert_eq!(missing(&there(&site)), [2]);

    // The clock says that 31 days went by since the delivery; the log spoke 5 days ago.
    let (site, mut log, bundles) = spoken(40, [Kind::Posture; 4]);
    site.once_is(0);
    log.deliver(&site, &bundles[1]);
    let word = now().plus_millis(-5 * DAY);
    heard_at(&site, &log.signed_at(word));
    log.show_at(&site, word);
    site.once_is(0);
    assert!(missing(&there(&site)).is_empty());
    // It was found delivered: the tiles are needed no more when the time has come.
    fs::remove_dir_all(log.folder(&site).join("tile")).unwrap();
    log.show_head(&site, &log.signed_at(now()));
    site.once_is(0);
    assert_eq!(missing(&there(&site)), [2]);
}

/// A log's key may sign what it likes: only the history that was verified here counts.
#[test]
fn a_receipt_of_another_history_or_of_one_that_cannot_be_told_removes_nothing() {
    // The same size, another root.
    let (site, mut log, bundles) = spoken(40, [Kind::Posture; 4]);
    let mut forked = Log::new(ORIGIN, 1);
    forked.behind = 31 * DAY;
    forked.deliver(&site, &bundles[1]);
    log.show(&site);
    site.once_is(0);
    site.once_is(0);
    assert!(missing(&there(&site)).is_empty());
    let told = refusals(&site);
    assert_eq!((told.len(), told[0].what.as_str(), told[0].rule.as_str()), (1, "log", "log-consistency"), "{told:?}");
    for side in [log.checkpoint(), forked.checkpoint()] {
        assert!(told[0].message.contains(&side.text().trim_end().replace('\n', " ")), "{}", told[0].message);
    }

    // A larger one with tiles of its own.
    let (site, _, bundles) = spoken(40, [Kind::Posture; 4]);
    let mut forked = Log::new(ORIGIN, 1);
    forked.behind = 31 * DAY;
    forked.others(5);
    site.once_is(0);
    forked.deliver(&site, &bundles[1]);
    site.once_is(0);
    assert!(missing(&there(&site)).is_empty());
    assert!(refusals(&site).iter().all(|refused| refused.rule == "log-consistency") && !refusals(&site).is_empty());

    // Tiles that have not come are waited for.
    let (site, mut log, bundles) = spoken(40, [Kind::Posture; 4]);
    site.once_is(0);
    log.deliver(&site, &bundles[1]);
    let tiles = log.folder(&site).join("tile");
    fs::rename(&tiles, site.path("away")).unwrap();
    site.once_is(0);
    assert!(missing(&there(&site)).is_empty() && refusals(&site).is_empty());
    fs::rename(site.path("away"), &tiles).unwrap();
    site.once_is(0);
    assert_eq!(missing(&there(&site)), [2]);
}

/// A restart that was signed for another step of the same list says nothing of how far this log is known.
#[test]
fn a_restart_counts_only_for_the_step_that_it_is_for() {
    let (site, mut lost, bundles) = spoken(40, [Kind::Posture; 6]);
    bundles[..5].iter().for_each(|bundle| drop(lost.deliver(&site, bundle)));
    site.put_signed("trust/2.json", &site.root_bytes(2, &[ORIGIN, SECOND, THIRD]), &site.trust_key);
    let mut second = Log::new(SECOND, 2);
    second.others(90);
    let mut third = Log::new(THIRD, 3);
    third.others(1);
    third.take_over(&site, &second.checkpoint(), &site.trust_key);
    third.publish(&site, 2, &site.policy());
    // The order for the third log under the second one's number: it knows of 90 entries.
    fs::create_dir_all(second.folder(&site)).unwrap();
    for name in names_in(&third.folder(&site)).iter().filter(|name| name.starts_with("restart")) {
        fs::copy(third.folder(&site).join(name), second.folder(&site).join(name)).unwrap();
    }
    site.once_is(0);
    assert!(missing(&there(&site)).is_empty());
    second.take_over(&site, &lost.checkpoint(), &site.trust_key);
    site.once_is(0);
    assert_eq!(missing(&there(&site)), [1, 2, 3, 4, 5]);
}

/// Bundles of an earlier key lie in a folder of their own; they are delivered, and go, like the others.
#[test]
fn bundles_of_an_earlier_key_go_when_they_were_delivered() {
    let (site, mut log, bundles) = spoken(40, [Kind::Posture; 200]);
    let fingerprint = site.appliance_key.public_key().fingerprint();
    let before = site.once_is(0);
    assert!(!before.contains("the key changed"));
    fs::write(site.path("etc/key"), key(9).to_open_file().as_bytes()).unwrap();
    chmod(&site.path("etc/key"), 0o600);
    site.once();
    let folder = site.path("outbox").join(&fingerprint);
    let bundles_in = |folder: &Path| names_in(folder).iter().filter(|name| name.ends_with(".json")).count();
    let all = bundles_in(&folder);
    assert!(all > 200);
    for bundle in &bundles[..10] {
        // A receipt at the top is for the present key's bundle of that number.
        log.deliver(&site, bundle);
    }
    site.once();
    assert_eq!(bundles_in(&folder), all);
    for bundle in &bundles[..10] {
        let name = receipt_path(&site, bundle).file_name().unwrap().to_owned();
        log.lay_receipt(&site, bundle, &site.path("releases/receipts").join(&fingerprint).join(name));
    }
    site.once();
    assert_eq!(bundles_in(&folder), all - 10);
    assert_eq!(site.status()["outbox"]["removed"], 10);
    assert_eq!(names_in(&folder).len(), 2 * (all - 10), "with their signatures");
    // Over the budget the delivered ones go whatever their age, and what was not delivered stays.
    for bundle in &bundles[10..15] {
        let name = receipt_path(&site, bundle).file_name().unwrap().to_owned();
        log.behind = 0;
        log.lay_receipt(&site, bundle, &site.path("releases/receipts").join(&fingerprint).join(name));
    }
    site.configure("outbox_budget = \"1MiB\"\n");
    site.once();
    assert_eq!(bundles_in(&folder), all - 15);
}

/// What a lost log took in after what is known of it is lost with it: those bundles are needed again.
#[test]
fn receipts_of_a_lost_log_count_as_far_as_it_is_known() {
    let (site, mut lost, bundles) = spoken(40, [Kind::Posture; 6]);
    bundles[..3].iter().for_each(|bundle| drop(lost.deliver(&site, bundle)));
    let known = lost.checkpoint();
    bundles[3..5].iter().for_each(|bundle| drop(lost.deliver(&site, bundle)));
    site.put_signed("trust/2.json", &site.root_bytes(2, &[ORIGIN, SECOND]), &site.trust_key);
    let mut log = Log::new(SECOND, 2);
    log.behind = 31 * DAY;
    log.others(1);
    log.take_over(&site, &known, &site.trust_key);
    log.publish(&site, 2, &site.policy());
    site.once_is(0);
    assert_eq!(missing(&there(&site)), [1, 2, 3]);
    assert!(refusals(&site).iter().all(|refused| refused.message.contains("deliver the bundle again")));
    log.deliver(&site, &bundles[3]);
    site.once_is(0);
    assert_eq!(missing(&there(&site)), [1, 2, 3, 4]);
}
