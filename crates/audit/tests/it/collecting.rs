//! Gathering an audit folder.

use writ_audit::collect::collect;
use writ_audit::verify::verify;
use writ_audit::{Folder, Options};
use writ_trust::log::checkpoint::{Checkpoint, SignedCheckpoint};

use crate::log_world::DEPOT;
use crate::world::*;

#[test]
fn gathering_is_incremental_and_overwrites_nothing() {
    let world = World::day();
    let outbox = world.path().join(format!("evidence/clinic-001/{}", device().public_key().fingerprint()));
    let temp = tempfile::tempdir().unwrap();
    let to = temp.path().join("audit");
    let outboxes = [outbox.clone()];
    let gather = || collect(Some(world.path()), &outboxes, &[], &to).unwrap();
    let held_back = std::fs::read(world.signature(28)).unwrap();
    std::fs::remove_file(world.signature(28)).unwrap();
    let done = gather();
    // Root, release and their signatures, one document, 27 signed bundles.
    assert_eq!((done.copied, done.present, done.waiting), (2 + 2 + 1 + 54, 0, 1), "{done:#?}");
    std::fs::write(world.signature(28), held_back).unwrap();
    let done = gather();
    assert_eq!((done.copied, done.present, done.waiting), (2, 59, 0));
    let report = verify(
        Folder::open(&to).unwrap(),
        &Options { trust: world.trust(), site: None, without_entries: false, now: None },
    );
    assert!(report.ok && report.bundles == 28, "{:#?}", report.problems);
    // A bundle that changed afterwards, one under another name, and a link are left out.
    let mut bytes = std::fs::read(world.file(2)).unwrap();
    bytes.push(b' ');
    std::fs::write(world.file(2), bytes).unwrap();
    std::fs::copy(world.file(4), outbox.join("9-EB-20261123-0009.json")).unwrap();
    let done = gather();
    let why: Vec<&str> = done.refused.iter().map(|r| r.why.as_str()).collect();
    assert_eq!(done.refused.len(), 2, "{why:?}");
    assert!(
        why.iter().any(|w| w.contains("nothing was overwritten"))
            && why.iter().any(|w| w.contains("under another name"))
    );
    let report = verify(
        Folder::open(&to).unwrap(),
        &Options { trust: world.trust(), site: None, without_entries: false, now: None },
    );
    assert!(report.ok, "{:#?}", report.problems);
}

#[test]
fn logs_and_receipts_are_gathered_too() {
    let world = World::logged();
    let outbox = world.path().join(format!("evidence/clinic-001/{}", device().public_key().fingerprint()));
    let temp = tempfile::tempdir().unwrap();
    let to = temp.path().join("audit");
    // As an appliance has it: receipts not beside the bundles but with the courier.
    for n in 1..=28 {
        let name = world.sealed[n - 1].file_name().replace(".json", ".receipt.json");
        std::fs::create_dir_all(world.path().join("receipts")).unwrap();
        std::fs::rename(outbox.join(&name), world.path().join("receipts").join(&name)).unwrap();
    }
    world.log().cut(20).write(&world);
    // Some are of an earlier key: in folders of its own.
    let fingerprint = device().public_key().fingerprint();
    for (folder, number) in [(outbox.clone(), 3), (world.path().join("receipts"), 4)] {
        std::fs::create_dir(folder.join(&fingerprint)).unwrap();
        let name = world.sealed[number].file_name();
        for entry in std::fs::read_dir(&folder).unwrap() {
            let from = entry.unwrap().path();
            let file = from.file_name().unwrap().to_str().unwrap().to_owned();
            if file.starts_with(name.trim_end_matches(".json")) {
                std::fs::rename(&from, folder.join(&fingerprint).join(file)).unwrap();
            }
        }
    }
    let gather = || collect(Some(world.path()), std::slice::from_ref(&outbox), &[], &to).unwrap();
    let done = gather();
    assert!(done.refused.is_empty(), "{done:#?}");
    let checked = || {
        verify(
            Folder::open(&to).unwrap(),
            &Options { trust: world.trust(), site: None, without_entries: false, now: None },
        )
    };
    assert!(!checked().ok, "the log is shorter than what was seen of it");
    world.write_log();
    // A later receipt for the same, and another checkpoint of the same state.
    let mut log = world.log().clone();
    let again = log.receipt(8);
    world.write(&format!("receipts/{}", world.sealed[6].file_name().replace(".json", ".receipt.json")), &again);
    let done = gather();
    assert!(done.refused.is_empty(), "{done:#?}");
    let report = checked();
    assert!(report.ok && report.problems.notes == 0, "{:#?}", report.problems);
    assert_eq!((report.receipts, report.logs[0].receipts), (28, 29));
    assert!(to.join("log/clinic-001/1/checkpoint.20").is_file(), "the older checkpoint is kept");
    assert_eq!(gather().copied, 0);
    // An older state does not replace a newer one; another history is kept beside, and found.
    world.log().rewritten(3).cut(21).write(&world);
    gather();
    let report = checked();
    let found = report.problems.first_bad().unwrap();
    assert!(found.path.ends_with("log/clinic-001/1/checkpoint.21"), "{found:#?}");
    let swapped = world.path().join("receipts").join(world.sealed[0].file_name().replace(".json", ".receipt.json"));
    std::fs::write(&swapped, again).unwrap();
    let done = gather();
    assert!(done.refused.iter().any(|refused| refused.why.contains("under another name")), "{done:#?}");
}

#[test]
fn an_appliances_inbox_has_heads_and_receipts_and_says_so() {
    let world = World::logged();
    let outbox = world.path().join(format!("evidence/clinic-001/{}", device().public_key().fingerprint()));
    let temp = tempfile::tempdir().unwrap();
    let to = temp.path().join("audit");
    // What a courier brings of the log: the head, and tiles of hashes.
    let entries = world.path().join("log/clinic-001/1/tile/entries");
    let aside = temp.path().join("entries");
    std::fs::rename(&entries, &aside).unwrap();
    let gather = |outboxes: &[std::path::PathBuf]| collect(Some(world.path()), outboxes, &[], &to).unwrap();
    gather(std::slice::from_ref(&outbox));
    let verified = |without_entries| {
        verify(Folder::open(&to).unwrap(), &Options { trust: world.trust(), site: None, without_entries, now: None })
    };
    // Unless it is asked for, that is bad: entries may have been taken out to hide what was dropped.
    let strict = verified(false);
    assert_eq!((strict.ok, strict.log), (false, "not verified"), "{:#?}", strict.problems);
    let checked = || verified(true);
    let report = checked();
    assert!(report.ok, "{:#?}", report.problems);
    assert_eq!((report.log, report.logs[0].state), ("without entries", "without entries"));
    // By the tiles, each is a beginning of the log.
    assert_eq!((report.logs[0].receipts, report.logs[0].last_checkpoints, report.logs[0].unlogged), (29, 28, None));
    assert!(report.problems.list.iter().any(|p| p.path == "log/clinic-001/1/tile/entries"), "{:#?}", report.problems);
    // Without them each stands by itself, and two histories are found all the same.
    std::fs::remove_dir_all(to.join("log/clinic-001/1/tile")).unwrap();
    let report = checked();
    assert_eq!((report.ok, report.logs[0].receipts, report.log), (true, 1, "without entries"));
    let name = world.sealed[8].file_name().replace(".json", ".receipt.json");
    let place = to.join(format!("evidence/clinic-001/{}/{name}", device().public_key().fingerprint()));
    let good = std::fs::read(&place).unwrap();
    std::fs::write(&place, world.log().rewritten(2).cut(20).receipt(10)).unwrap();
    assert_eq!((checked().ok, checked().log), (false, "not verified"));
    std::fs::write(&place, good).unwrap();
    // With the entries, later, everything is judged.
    std::fs::rename(&aside, &entries).unwrap();
    gather(&[]);
    let report = checked();
    assert!(report.ok, "{:#?}", report.problems);
    assert_eq!((report.log, report.logs[0].unlogged), ("verified", Some(0)));
}

#[test]
fn a_checkpoint_that_nobody_signed_or_without_entries_takes_no_place() {
    let world = World::logged();
    let temp = tempfile::tempdir().unwrap();
    let to = temp.path().join("audit");
    let outbox = world.path().join(format!("evidence/clinic-001/{}", device().public_key().fingerprint()));
    collect(Some(world.path()), &[outbox], &[], &to).unwrap();
    let head = std::fs::read(to.join("log/clinic-001/1/checkpoint")).unwrap();
    // A courier's folder of which everything was written by whoever.
    let inbox = tempfile::tempdir().unwrap();
    let log = inbox.path().join("log/clinic-001/1");
    std::fs::create_dir_all(&log).unwrap();
    let larger = Checkpoint { size: 900, ..world.log().checkpoint() };
    for by in [9, DEPOT] {
        let note = SignedCheckpoint::sign(larger.clone(), &key(by), morning()).note;
        std::fs::write(log.join("checkpoint"), &note).unwrap();
        std::fs::write(log.join("checkpoint.900"), &note).unwrap();
        let done = collect(Some(inbox.path()), &[], &[], &to).unwrap();
        assert_eq!(done.refused.len(), if by == DEPOT { 0 } else { 2 }, "{done:#?}");
        assert_eq!(std::fs::read(to.join("log/clinic-001/1/checkpoint")).unwrap(), head);
        let report = verify(
            Folder::open(&to).unwrap(),
            &Options { trust: world.trust(), site: None, without_entries: false, now: None },
        );
        // What the log's own key signed is a statement about it: more than is here.
        assert_eq!(report.ok, by != DEPOT, "{:#?}", report.problems);
    }
}
