//! The site log, attacked: each sort of damage is found, by its code and its place.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use writ_audit::problem::{Code, Problem, Weight};
use writ_audit::verify::VerifyReport;
use writ_evidence::Kind;
use writ_evidence::posture::{Posture, Snapshot};
use writ_trust::digest::{Digest, hex};
use writ_trust::json as strict;
use writ_trust::log::checkpoint::SignedCheckpoint;
use writ_trust::log::entry::{EntrySchema, LogEntry};

use crate::log_world::*;
use crate::world::*;

/// The first bad thing must be this one, at this place.
#[track_caller]
pub fn first(report: &VerifyReport, code: Code, place: &str) -> Problem {
    let found = report.problems.first_bad().unwrap_or_else(|| panic!("nothing bad; notes: {:#?}", report.problems));
    assert!(!report.ok);
    assert_eq!((found.code, found.path.contains(place)), (code, true), "{:#?}", report.problems.list);
    assert!(!found.consequence.is_empty());
    assert_eq!(report.log, "not verified");
    found.clone()
}

/// Nothing is bad, and a note of this sort is at this place.
#[track_caller]
pub fn noted(report: &VerifyReport, code: Code, place: &str) -> Problem {
    assert!(report.ok, "{:#?}", report.problems);
    let found = report.problems.list.iter().find(|p| p.code == code && p.path.contains(place));
    found.unwrap_or_else(|| panic!("no such note: {:#?}", report.problems)).clone()
}

pub fn flip(path: &Path, position: usize) {
    let mut bytes = fs::read(path).unwrap();
    let position = position % bytes.len();
    bytes[position] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn remove(world: &World, sequence: usize) {
    for path in [world.file(sequence), world.signature(sequence), receipt(world, sequence)] {
        fs::remove_file(path).unwrap();
    }
}

fn receipt(world: &World, sequence: usize) -> std::path::PathBuf {
    world.path().join(world.place(&world.sealed[sequence - 1]).replace(".json", ".receipt.json"))
}

/// A day long enough for full tiles and one above them.
fn long() -> World {
    let mut world = World::under(logged_root(1, &[ORIGIN]));
    world.begin_log(Log::new(1, ORIGIN));
    world.release(1, &policy_json(|_| {}), |_| {});
    world.started(morning());
    for n in 0..300 {
        world.snapshot(morning().plus_millis(n));
    }
    world.write_log();
    world
}

#[test]
fn a_logged_day_verifies() {
    let world = World::logged();
    let report = world.verify();
    assert!(report.ok, "{:#?}", report.problems);
    assert_eq!(report.problems.notes, 0, "{:#?}", report.problems);
    assert_eq!((report.log, report.bundles, report.receipts), ("verified", 28, 28));
    let site = &report.logs[0];
    // A trust root, a release and the bundles; a receipt for the release and for each bundle.
    assert_eq!((site.receipts, site.last_checkpoints, site.unlogged), (29, 28, Some(0)));
    let log = &site.logs[0];
    assert_eq!((log.size, log.sound, log.origin.as_str()), (Some(30), true, ORIGIN));
    assert_eq!((log.entries.evidence, log.entries.releases, log.entries.trust_roots), (28, 1, 1));
    assert_eq!(log.fresh_at, Some(at("2026-11-24T07:00:00Z")));
    assert!(log.verifier_keys[0].starts_with(&format!("{ORIGIN}+")));
}

#[test]
fn a_flipped_bit_of_a_tile_is_named() {
    let world = long();
    assert!(world.verify().ok, "{:#?}", world.verify().problems);
    for (tile, at) in [("tile/0/000", 40), ("tile/0/000", 8191), ("tile/0/001.p/47", 9), ("tile/1/000.p/1", 0)] {
        let path = world.log().path(tile);
        flip(&world.path().join(&path), at);
        let found = first(&world.verify(), Code::Altered, &path);
        assert!(
            found.what.contains(&format!("hash of entry {}", if tile.contains("001") { 256 } else { at / 32 }))
                || tile.contains("tile/1"),
            "{found:#?}"
        );
        flip(&world.path().join(&path), at);
    }
    let path = world.path().join(world.log().path("tile/0/000"));
    fs::remove_file(&path).unwrap();
    first(&world.verify(), Code::Missing, "tile/0/000");
    fs::write(&path, b"short").unwrap();
    first(&world.verify(), Code::Altered, "tile/0/000");
}

#[test]
fn a_flipped_bit_of_an_entry_is_named_with_its_number() {
    let world = World::logged();
    let path = world.log().bundle_path(0);
    let file = world.path().join(&path);
    let before = |index: usize| -> usize { world.log().entries[..index].iter().map(|entry| entry.len() + 2).sum() };
    for index in [0, 1, 7, 29] {
        flip(&file, before(index) + 30);
        let report = world.verify();
        let found = first(&report, Code::Altered, &path);
        assert!(found.what.contains(&format!("entry {index} ")), "{found:#?}");
        assert_eq!(report.problems.bad, 1, "one bad entry is one problem: {:#?}", report.problems);
        assert_eq!(report.logs[0].unlogged, None);
        flip(&file, before(index) + 30);
    }
    // A length: what follows cannot be told apart any more.
    flip(&file, before(3) + 1);
    first(&world.verify(), Code::Altered, &path);
    fs::remove_file(&file).unwrap();
    let report = world.verify();
    first(&report, Code::Missing, &path);
    assert_eq!(report.problems.bad, 1, "{:#?}", report.problems);
    fs::remove_file(world.path().join(world.log().path("tile/0/000.p/30"))).unwrap();
    first(&world.verify(), Code::Missing, "000.p/30");
}

#[test]
fn an_altered_checkpoint_counts_for_nothing() {
    let world = World::logged();
    let path = world.log().path("checkpoint");
    let note = fs::read(world.path().join(&path)).unwrap();
    for (position, code) in [(3, Code::Altered), (ORIGIN.len() + 1, Code::Altered), (ORIGIN.len() + 8, Code::Altered)] {
        flip(&world.path().join(&path), position);
        let report = world.verify();
        first(&report, code, &path);
        assert_eq!((report.logs[0].logs[0].size, report.logs[0].logs[0].sound), (None, false));
        fs::write(world.path().join(&path), &note).unwrap();
    }
    fs::write(world.path().join(&path), "nonsense").unwrap();
    first(&world.verify(), Code::Malformed, &path);
    let by_another = SignedCheckpoint::sign(world.log().checkpoint(), &key(9), morning());
    fs::write(world.path().join(&path), by_another.note).unwrap();
    first(&world.verify(), Code::Altered, &path);
    let of_another = Log::new(1, "log.example/elsewhere").signed();
    fs::write(world.path().join(&path), of_another.note).unwrap();
    first(&world.verify(), Code::Foreign, &path);
    fs::remove_file(world.path().join(&path)).unwrap();
    first(&world.verify(), Code::Missing, &path);
    fs::remove_dir_all(world.path().join("log")).unwrap();
    let report = world.verify();
    first(&report, Code::Missing, &path);
    assert_eq!(report.logs[0].unlogged, None);
}

#[test]
fn an_altered_receipt_is_found() {
    let world = World::logged();
    let path = receipt(&world, 5);
    let good = fs::read(&path).unwrap();
    let text = String::from_utf8(good.clone()).unwrap();
    // By another name, the line that tells the time is that of a witness, and means nothing.
    let name = text.match_indices("\u{2014} ").nth(1).unwrap().0 + "\u{2014} ".len();
    for position in (0..good.len()).filter(|at| at % 47 == 0 && !(name..name + ORIGIN.len()).contains(at)) {
        flip(&path, position);
        let report = world.verify();
        let found = report.problems.first_bad().unwrap_or_else(|| panic!("byte {position}"));
        assert!(found.path.ends_with("5-EB-20261123-0005.receipt.json"), "{found:#?}");
        let expected = [Code::Altered, Code::Malformed, Code::Foreign, Code::Unsigned];
        assert!(expected.contains(&found.code), "byte {position}: {found:#?}");
        flip(&path, position);
    }
    fs::copy(receipt(&world, 6), &path).unwrap();
    first(&world.verify(), Code::Foreign, "5-EB-20261123-0005.receipt.json");
    fs::write(&path, vec![b' '; 70_000]).unwrap();
    first(&world.verify(), Code::Malformed, "5-EB-20261123-0005.receipt.json");
    fs::remove_file(&path).unwrap();
    assert!(world.verify().ok, "the log has it all the same");
    let release = world.path().join("releases/clinic-001/1-1/release.receipt.json");
    fs::copy(receipt(&world, 6), &release).unwrap();
    first(&world.verify(), Code::Foreign, "1-1/release.receipt.json");
}

#[test]
fn evidence_that_was_dropped_is_missed() {
    let world = World::logged();
    // The end of the chain: nothing but the log can tell.
    remove(&world, 28);
    let found = first(&world.verify(), Code::Missing, "/28-EB-20261124-0028.json");
    assert!(found.what.contains("entry 29 of log/clinic-001/1 holds it"), "{found:#?}");
    remove(&world, 27);
    let report = world.verify();
    first(&report, Code::Missing, "/27-EB-");
    assert_eq!(report.problems.bad, 1, "what follows one another is told of once");
    // All of it.
    let world = World::logged();
    fs::remove_dir_all(world.path().join("evidence")).unwrap();
    first(&world.verify(), Code::Missing, "/1-EB-20261123-0001.json");
    // A release, and the newest trust root.
    let mut world = World::logged();
    world.release(2, &policy_json(|_| {}), |_| {});
    let second = Digest::of(b"root 2");
    world.log.as_mut().unwrap().push(&trust_entry(2, second));
    world.write_log();
    fs::remove_dir_all(world.path().join("releases/clinic-001/1-2")).unwrap();
    let report = world.verify();
    first(&report, Code::Missing, "releases/clinic-001/1-2/release.json");
    assert!(report.problems.list.iter().any(|p| p.code == Code::Missing && p.path == "trust/2.json"));
}

#[test]
fn what_is_in_no_log_is_said_and_bad_where_somebody_acknowledged_it() {
    let mut world = World::logged();
    let log = world.log.take();
    world.snapshot(morning().plus_millis(DAY + HOUR));
    world.snapshot(morning().plus_millis(DAY + 2 * HOUR));
    world.log = log;
    let report = world.verify();
    let found = noted(&report, Code::Unlogged, "/29-EB-");
    assert!(found.what.contains("2 bundles from 29 to 30"), "{found:#?}");
    assert_eq!(report.logs[0].unlogged, Some(2));
    // The appliance had stopped naming checkpoints.
    noted(&report, Code::OutOfOrder, "/29-EB-");
    fs::write(receipt(&world, 29), "{}").unwrap();
    let report = world.verify();
    first(&report, Code::Malformed, "/29-EB-20261124-0029.receipt.json");
    let acknowledged = |p: &Problem| p.code == Code::Unlogged && p.weight == Weight::Bad && p.path.contains("/29-EB-");
    assert!(report.problems.list.iter().any(acknowledged), "{:#?}", report.problems);
}

#[test]
fn releases_that_were_not_published_to_all_are_found() {
    let mut world = World::logged();
    let log = world.log.take();
    world.release(2, &policy_json(|_| {}), |_| {});
    noted(&world.verify(), Code::Unlogged, "1-2/release.json");
    world.snapshot(morning().plus_millis(DAY + HOUR));
    world.log = log;
    let found = first(&world.verify(), Code::Unlogged, "1-2/release.json");
    assert!(found.consequence.contains("obeyed"), "{found:#?}");
}

/// As if what was sealed had never been acknowledged: only the bundles themselves remember.
pub fn without_receipts(world: &World) {
    (1..=world.sealed.len())
        .filter(|n| receipt(world, *n).exists())
        .for_each(|n| fs::remove_file(receipt(world, n)).unwrap());
    let _ = fs::remove_file(world.path().join("releases/clinic-001/1-1/release.receipt.json"));
}

#[test]
fn a_rewritten_history_does_not_fit_what_was_seen() {
    // The files alone: the checkpoint still commits to what was there.
    let world = World::logged();
    let checkpoint = world.path().join(world.log().path("checkpoint"));
    let honest = fs::read(&checkpoint).unwrap();
    world.log().rewritten(12).write(&world);
    fs::write(&checkpoint, honest).unwrap();
    first(&world.verify(), Code::Altered, "log/clinic-001/1/checkpoint");
    // With a new checkpoint, as whoever holds the log's key can sign it: receipts say otherwise.
    world.log().rewritten(12).write(&world);
    let report = world.verify();
    let forked = |p: &&Problem| p.code == Code::Forked && p.path.ends_with(".receipt.json");
    let found = report.problems.list.iter().find(forked).unwrap_or_else(|| panic!("{:#?}", report.problems));
    assert!(found.path.contains("/11-EB-") && found.what.contains("first 13 entries"), "{found:#?}");
    // The bundle whose place was taken is in no log any more, though it has a receipt.
    assert_eq!(report.logs[0].unlogged, Some(0));
    // And without receipts the bundles still remember what their appliance saw.
    without_receipts(&world);
    let report = world.verify();
    let found = first(&report, Code::Forked, "/12-EB-20261123-0012.json");
    assert!(found.what.contains("first 13 entries") && found.what.contains("the log here has"), "{found:#?}");
    assert_eq!(report.logs[0].unlogged, Some(1));
}

#[test]
fn a_split_view_is_found_through_what_one_appliance_saw() {
    let mut world = World::logged();
    let other = world.log().rewritten(20);
    let mut draft = world.draft(Kind::Posture);
    draft.posture = Some(Posture::Snapshot(Snapshot { checks: BTreeMap::new() }));
    draft.last_checkpoint = Some(other.signed().note);
    world.seal(draft, morning().plus_millis(DAY + HOUR));
    world.write_log();
    let found = first(&world.verify(), Code::Forked, "/29-EB-20261124-0029.json");
    for root in [&other, &world.log().cut(30)].map(|log| hex(&log.checkpoint().root[..8])) {
        assert!(found.what.contains(&root), "both are named: {found:#?}");
    }
    assert!(found.consequence.contains("keep both"), "{found:#?}");
    // Two appliances that saw two logs contradict each other even where the log itself is withheld.
    fs::remove_dir_all(world.path().join("log")).unwrap();
    let report = world.verify();
    assert!(report.problems.list.iter().any(|p| p.code == Code::Forked), "{:#?}", report.problems);
}

#[test]
fn a_receipt_of_another_history_is_found() {
    let world = World::logged();
    let mut other = world.log().rewritten(2).cut(20);
    let index = 10;
    fs::write(receipt(&world, 9), other.receipt(index)).unwrap();
    let found = first(&world.verify(), Code::Forked, "/9-EB-20261123-0009.receipt.json");
    assert!(found.what.contains("first 20 entries"), "{found:#?}");
}

#[test]
fn a_log_shorter_than_what_was_seen_of_it_is_found() {
    let world = World::logged();
    fs::remove_dir_all(world.path().join("log")).unwrap();
    world.log().cut(25).write(&world);
    let found = first(&world.verify(), Code::Truncated, "log/clinic-001/1/checkpoint");
    assert!(found.what.contains("it ends with 25 entries") && found.what.contains("names 30 entries"), "{found:#?}");
    without_receipts(&world);
    let report = world.verify();
    let found = first(&report, Code::Truncated, "log/clinic-001/1/checkpoint");
    assert!(found.what.contains("/28-EB-20261124-0028.json names 29 entries"), "{found:#?}");
    // An older checkpoint kept from before is not forgotten either.
    let world = World::logged();
    let kept = world.log().signed().note;
    fs::remove_dir_all(world.path().join("log")).unwrap();
    fs::remove_dir_all(world.path().join("evidence")).unwrap();
    let short = world.log().cut(2);
    short.write(&world);
    assert!(world.verify().ok, "{:#?}", world.verify().problems);
    world.write(&short.path("checkpoint.30"), kept.as_bytes());
    first(&world.verify(), Code::Truncated, "log/clinic-001/1/checkpoint");
    world.write(&short.path("checkpoint.31"), kept.as_bytes());
    first(&world.verify(), Code::Foreign, "checkpoint.31");
}

#[test]
fn an_appliance_does_not_go_back_in_its_log() {
    let mut world = World::logged();
    let mut draft = world.draft(Kind::Posture);
    draft.posture = Some(Posture::Snapshot(Snapshot { checks: BTreeMap::new() }));
    draft.last_checkpoint = Some(world.log().cut(7).signed().note);
    world.seal(draft, morning().plus_millis(DAY + HOUR));
    world.write_log();
    let found = first(&world.verify(), Code::OutOfOrder, "/29-EB-20261124-0029.json");
    assert!(found.what.contains("had seen 29 of log 1"), "{found:#?}");
    // What is no checkpoint of the site's log at all.
    for (note, code) in [
        ("nonsense".to_owned(), Code::Malformed),
        (Log::new(1, "log.example/elsewhere").signed().note, Code::Foreign),
        (SignedCheckpoint::sign(world.log().checkpoint(), &key(9), morning()).note, Code::Altered),
    ] {
        let mut world = World::logged();
        let mut draft = world.draft(Kind::Posture);
        draft.posture = Some(Posture::Snapshot(Snapshot { checks: BTreeMap::new() }));
        draft.last_checkpoint = Some(note);
        world.seal(draft, morning().plus_millis(DAY + HOUR));
        world.write_log();
        first(&world.verify(), code, "/29-EB-20261124-0029.json");
    }
}

/// The usual day with one more entry in the log.
fn with_entry(entry: impl FnOnce(&World) -> Vec<u8>) -> VerifyReport {
    let mut world = World::logged();
    let bytes = entry(&world);
    world.log.as_mut().unwrap().push_bytes(bytes);
    world.write_log();
    world.verify()
}

#[test]
fn what_a_log_should_not_hold_is_named() {
    let edited = |edit: fn(&mut serde_json::Value)| {
        with_entry(|world| {
            let mut entry: serde_json::Value =
                serde_json::from_slice(&evidence_entry(&world.sealed[3]).canonical()).unwrap();
            edit(&mut entry);
            strict::canonical(&entry)
        })
    };
    let entries = "log/clinic-001/1/tile/entries/000.p/31";
    first(&with_entry(|_| b"{}".to_vec()), Code::Malformed, entries);
    first(&with_entry(|_| vec![0xff]), Code::Malformed, entries);
    let found = first(&edited(|_| {}), Code::Repeated, "/4-EB-20261123-0004.json");
    assert!(found.what.contains("as entries 5 and 30"), "{found:#?}");
    first(&edited(|e| e["site"] = "clinic-002".into()), Code::Foreign, entries);
    first(&edited(|e| e["public_key"] = key(7).public_key().line().into()), Code::UnknownKey, entries);
    first(&edited(|e| e["appliance"] = "back-office".into()), Code::Malformed, entries);
    first(&edited(|e| e["digest"] = Digest::of(b"x").to_string().into()), Code::Forked, "/4-EB-20261123-0004.json");
    let next = |e: &mut serde_json::Value| {
        e["sequence"] = 29.into();
        e["id"] = "EB-20261124-0029".into();
    };
    first(&edited(next), Code::Missing, "/29-EB-20261124-0029.json");
    let root = |version, bytes: &[u8]| trust_entry(version, Digest::of(bytes)).canonical();
    first(&with_entry(|_| root(1, b"another")), Code::Forked, "trust/1.json");
    first(&with_entry(|_| root(2, b"unseen")), Code::Missing, "trust/2.json");
    let restart =
        LogEntry::Restart { schema: EntrySchema::V1, site: site(), digest: Digest::of(b"r"), time: morning() };
    first(&with_entry(|_| restart.canonical()), Code::OutOfOrder, entries);
    let again = |world: &World| world.log().entries[1].clone();
    first(&with_entry(again), Code::OutOfOrder, entries);
}

#[test]
fn a_key_of_the_log_that_was_revoked_is_said() {
    let world = World::logged();
    let mut root = logged_root(2, &[ORIGIN]);
    root["keys"][1]["revoked_at"] = "2026-11-25T00:00:00Z".into();
    world.write_root(&root, 2, &[&signer()]);
    let found = noted(&world.verify(), Code::Revoked, "log/clinic-001/1/checkpoint");
    assert!(found.what.contains("2026-11-25"), "{found:#?}");
}

#[test]
fn only_the_logs_that_the_trust_root_names_count() {
    let world = World::day();
    Log::new(1, ORIGIN).write(&world);
    let report = world.verify();
    assert!(report.ok);
    assert_eq!((report.log, report.logs[0].state), ("not configured", "not configured"));
    let world = World::logged();
    Log::new(2, SECOND).write(&world);
    noted(&world.verify(), Code::Unexpected, "log/clinic-001/2");
    world.write("log/clinic-001/1/notes.txt", b"x");
    noted(&world.verify(), Code::Unexpected, "log/clinic-001/1/notes.txt");
    // A site of which nothing but a log is here.
    fs::remove_dir_all(world.path().join("evidence")).unwrap();
    fs::remove_dir_all(world.path().join("releases")).unwrap();
    assert!(!world.verify().ok);
}

#[test]
fn links_in_a_log_are_not_followed() {
    let world = World::logged();
    let tile = world.path().join(world.log().path("tile"));
    fs::rename(&tile, world.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink("../../../elsewhere", &tile).unwrap();
    let report = world.verify();
    first(&report, Code::Unreadable, "log/clinic-001/1/");
}

/// Puts something in the place of a bundle that the appliance's key signed in a schema that nobody here knows.
fn in_another_schema(world: &World, sequence: usize) {
    let bytes = br#"{"schema":"writ.bundle.v3"}"#;
    fs::write(world.file(sequence), bytes).unwrap();
    fs::write(world.signature(sequence), device().sign(bytes, "x", "x").unwrap().to_string()).unwrap();
}

#[test]
fn a_schema_that_is_not_known_does_not_hide_an_exchanged_bundle() {
    let world = World::logged();
    in_another_schema(&world, 5);
    fs::remove_file(receipt(&world, 5)).unwrap();
    let report = world.verify();
    let bad = |code: Code, place: &str| {
        report.problems.list.iter().any(|p| p.weight == Weight::Bad && p.code == code && p.path.contains(place))
    };
    assert!(bad(Code::Forked, "/5-EB-20261123-0005.json"), "{:#?}", report.problems);
    // The next one names what was there.
    assert!(bad(Code::Forked, "/6-EB-20261123-0006.json"), "{:#?}", report.problems);
    assert_eq!((report.ok, report.log), (false, "not verified"));
    // The receipt is of what was there, too.
    let world = World::logged();
    in_another_schema(&world, 28);
    let report = world.verify();
    let receipts = |p: &&Problem| p.code == Code::Foreign && p.path.ends_with("/28-EB-20261124-0028.receipt.json");
    assert!(report.problems.list.iter().any(|p| receipts(&p)), "{:#?}", report.problems);
}

#[test]
fn a_schema_that_is_not_known_takes_its_place_in_the_chain() {
    // Without a log: the end of a chain says nothing against it.
    let world = World::day();
    in_another_schema(&world, 28);
    let report = world.verify();
    noted(&report, Code::UnknownSchema, "/28-EB-20261124-0028.json");
    // In the middle the next one does, and a hole before it is a hole.
    in_another_schema(&world, 5);
    let bad = |code: Code, place: &str| {
        let all = world.verify().problems.list;
        assert!(all.iter().any(|p| p.code == code && p.path.contains(place)), "{all:#?}");
    };
    bad(Code::Forked, "/6-EB-20261123-0006.json");
    for gone in [3, 4] {
        fs::remove_file(world.file(gone)).unwrap();
        fs::remove_file(world.signature(gone)).unwrap();
    }
    bad(Code::Missing, "/5-EB-20261123-0005.json");
}

#[test]
fn a_site_that_is_missing_entirely_is_missed() {
    let mut root = logged_root(1, &[ORIGIN]);
    root["log_origins"]["clinic-002"] = serde_json::json!(["log.example/clinic-002"]);
    let mut world = World::under(root);
    world.begin_log(Log::new(1, ORIGIN));
    world.release(1, &policy_json(|_| {}), |_| {});
    world.live();
    world.write_log();
    let found = first(&world.verify(), Code::Missing, "releases/clinic-002");
    assert!(found.consequence.contains("--site"), "{found:#?}");
    let of = |site: &str| {
        let options = writ_audit::Options {
            trust: world.trust(),
            site: Some(site.parse().unwrap()),
            without_entries: false,
            now: None,
        };
        writ_audit::verify::verify(writ_audit::Folder::open(world.path()).unwrap(), &options)
    };
    assert!(of("clinic-001").ok, "{:#?}", of("clinic-001").problems);
    first(&of("clinic-002"), Code::Missing, "releases/clinic-002");
    // Also one that has no log.
    assert!(!of("clinic-003").ok);
}
