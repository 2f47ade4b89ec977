//! Time by others than the log: tokens of a real authority and cosignatures of a witness, what they prove, and what is forged.

use std::fs;
use std::sync::LazyLock;

use serde_json::{Value as Json, json};
use writ_audit::problem::{Code, Problem, Weight};
use writ_audit::report::terminal::{Look, verification};
use writ_audit::verify::VerifyReport;
use writ_trust::log::checkpoint::SignedCheckpoint;
use writ_trust::log::note::NoteKey;
use writ_trust::log::witness::CosignatureName;
use writ_trust::minisign::SecretKey;
use writ_trust::timestamp::{AuthorityId, TimestampName};

use crate::log_world::*;
use crate::tsa::{Key, Tsa};
use crate::world::*;

pub static TSA: LazyLock<Tsa> = LazyLock::new(|| Tsa::new(Key::P256));

pub const WITNESS: &str = "witness.example";

pub fn witness() -> SecretKey {
    key(40)
}

pub fn witness_key() -> NoteKey {
    NoteKey::new(WITNESS, &witness().public_key())
}

/// The root of the logged world, which lists an authority and a witness.
pub fn root(version: u64) -> Json {
    let mut root = logged_root(version, &[ORIGIN]);
    let authority = TSA.authority();
    root["timestamp_authorities"] = json!([{ "name": authority.name, "certificate": authority.certificate }]);
    root["witnesses"] = json!([witness_key().cosigner_key()]);
    root
}

/// The usual day under that root.
fn world() -> World {
    let mut world = World::under(root(1));
    world.begin_log(Log::new(1, ORIGIN));
    world.release(1, &policy_json(|_| {}), |_| {});
    world.live();
    world
}

/// Puts a token of this checkpoint beside the log; gives its name.
pub fn put_token(world: &World, signed: &SignedCheckpoint, time: &str, response: &[u8]) -> String {
    let text =
        format!("{}-{}-{}T{}:{}:{}Z", &time[..4], &time[4..6], &time[6..8], &time[8..10], &time[10..12], &time[12..14]);
    let name = TimestampName::new(at(&text), AuthorityId::of(&TSA.authority().der().unwrap())).to_string();
    world.write(&world.log().path(&format!("timestamps/{name}.checkpoint")), signed.note.as_bytes());
    world.write(&world.log().path(&format!("timestamps/{name}.tsr")), response);
    name
}

/// Stamps the log as it is.
pub fn stamp(world: &World, time: &str) -> String {
    let signed = world.log().signed();
    put_token(world, &signed, time, &TSA.stamp_at(signed.note.as_bytes(), time))
}

/// Has the witness cosign the log as it is.
pub fn cosign(world: &World, time: &str) {
    let (signed, time) = (world.log().signed(), at(time));
    let note = format!("{}{}", signed.note, witness_key().cosign(&signed.checkpoint.text(), &witness(), time));
    let name = CosignatureName::new(&witness_key(), time);
    world.write(&world.log().path(&format!("cosignatures/{name}.checkpoint")), note.as_bytes());
}

fn of(report: &VerifyReport, code: Code) -> Vec<&Problem> {
    report.problems.list.iter().filter(|p| p.code == code).collect()
}

#[test]
fn tokens_and_cosignatures_are_verified_and_shown() {
    let world = world();
    world.write_log();
    stamp(&world, "20261124080000Z");
    cosign(&world, "2026-11-24T09:00:00Z");
    let report = world.verify();
    assert!(report.ok, "{:#?}", report.problems);
    let external = &report.logs[0].logs[0].external;
    let size = world.log().size();
    let seen: Vec<_> = external.iter().map(|e| (e.kind, e.by.as_str(), e.at, e.size)).collect();
    let expected = [
        ("timestamp", "example", at("2026-11-24T08:00:00Z"), size),
        ("witness", WITNESS, at("2026-11-24T09:00:00Z"), size),
    ];
    assert_eq!(seen, expected);
    let shown = verification(&report, Look { colour: false, width: None });
    assert!(shown.contains("timestamp of log 1 of clinic-001 by example"), "{shown}");
    assert!(shown.contains(&format!("witness of log 1 of clinic-001 by {WITNESS}")), "{shown}");
    // What a bundle rests on names the earliest of them, and the log's own word beside it.
    let archive = world.archive();
    let (found, _) = writ_audit::show::find(&archive, world.sealed[3].bundle_id, None);
    let proof = writ_audit::proof::of(&archive, &found[0]);
    let held: Vec<_> = proof.held.iter().map(|held| (held.kind, held.at)).collect();
    assert_eq!((held.len(), held[0].0, held[1].0), (2, "external", "log key"), "{held:?}");
    assert!((at("2026-11-24T08:00:00Z")..at("2026-11-24T08:01:00Z")).contains(&held[0].1), "{held:?}");
}

#[test]
fn each_forged_token_has_its_code() {
    let response = |world: &World| TSA.stamp_at(world.log().signed().note.as_bytes(), "20261124080000Z");
    // Of another site: the hash in it is of other bytes.
    let other = TSA.stamp_at(b"log.example/clinic-002\n1\nAAAA\n\n", "20261124080000Z");
    let mut flipped = response(&world());
    *flipped.last_mut().unwrap() ^= 1;
    for (what, bytes) in [("replayed", other), ("flipped", flipped), ("not one", b"no token".to_vec())] {
        let world = world();
        world.write_log();
        put_token(&world, &world.log().signed(), "20261124080000Z", &bytes);
        let report = world.verify();
        let told = of(&report, Code::TokenForged);
        assert_eq!((report.ok, told.len(), told[0].weight), (false, 1, Weight::Bad), "{what}: {:#?}", report.problems);
        assert!(told[0].path.starts_with("log/clinic-001/1/timestamps/20261124-"), "{told:#?}");
    }
    // Under the name of another day.
    let world = world();
    world.write_log();
    put_token(&world, &world.log().signed(), "20261125080000Z", &response(&world));
    assert_eq!(of(&world.verify(), Code::TokenForged).len(), 1);
    // What was stamped was lost.
    let name = stamp(&world, "20261125080000Z");
    fs::remove_file(world.path().join(world.log().path(&format!("timestamps/{name}.checkpoint")))).unwrap();
    assert_eq!(of(&world.verify(), Code::Missing).len(), 1);
}

#[test]
fn an_authority_that_nobody_lists_counts_for_nothing() {
    let stranger = Tsa::new(Key::P256);
    let signed = |world: &World| world.log().signed();
    let put = |world: &World| {
        let response = stranger.stamp_at(signed(world).note.as_bytes(), "20261124080000Z");
        put_token(world, &signed(world), "20261124080000Z", &response)
    };
    let world = world();
    world.write_log();
    put(&world);
    let report = world.verify();
    let told = of(&report, Code::TokenUnknownAuthority);
    assert_eq!((report.ok, told.len(), told[0].weight), (false, 1, Weight::Bad), "{:#?}", report.problems);
    // Where the root lists none, it is of no matter, and said.
    let world = World::logged();
    put(&world);
    let report = world.verify();
    let told = of(&report, Code::TokenUnknownAuthority);
    assert_eq!((report.ok, told.len(), told[0].weight), (true, 1, Weight::Note), "{:#?}", report.problems);
    // One that was listed once and is not any more: its key was stolen.
    let world = self::world();
    world.write_log();
    stamp(&world, "20261124080000Z");
    world.write_root(&logged_root(2, &[ORIGIN]), 2, &[&signer()]);
    let report = world.verify();
    let told = of(&report, Code::TokenUnknownAuthority);
    assert_eq!((report.ok, told.len(), told[0].weight), (true, 1, Weight::Note), "{:#?}", report.problems);
    assert!(told[0].what.contains("lists no more") && report.logs[0].logs[0].external.is_empty());
}

#[test]
fn days_without_a_token_are_told_of() {
    let mut world = world();
    world.write_log();
    // An authority is listed, and never spoke.
    let report = world.verify();
    let told = of(&report, Code::TokenMissing);
    assert_eq!((report.ok, told.len(), told[0].weight), (false, 1, Weight::Bad), "{:#?}", report.problems);
    // A day in between is made good by the next.
    stamp(&world, "20261124080000Z");
    stamp(&world, "20261126080000Z");
    stamp(&world, "20261130080000Z");
    let report = world.verify();
    let told: Vec<_> = of(&report, Code::TokenMissing).iter().map(|p| (p.weight, p.what.clone())).collect();
    let expected = [
        (Weight::Note, "no timestamp of 2026-11-25".to_owned()),
        (Weight::Note, "no timestamp of the 3 days from 2026-11-27 to 2026-11-29".to_owned()),
    ];
    assert!(report.ok, "{:#?}", report.problems);
    assert_eq!(told, expected);
    // What comes after the last one is not.
    world.log.as_mut().unwrap().now = at("2026-12-02T08:00:01Z");
    world.write_log();
    let report = world.verify();
    let bad: Vec<_> = of(&report, Code::TokenMissing).into_iter().filter(|p| p.weight == Weight::Bad).collect();
    assert_eq!((report.ok, bad.len()), (false, 1), "{:#?}", report.problems);
    assert!(bad[0].what.contains("the newest timestamp is of 2026-11-30T08:00:00Z"), "{bad:#?}");
}

#[test]
fn what_was_stamped_must_be_a_beginning_of_the_log() {
    let mut world = world();
    let shown = world.log().rewritten(5);
    stamp(&world, "20261124080000Z");
    cosign(&world, "2026-11-24T09:00:00Z");
    world.log = Some(shown);
    world.write_log();
    let report = world.verify();
    assert!(!report.ok);
    let forked: Vec<&str> = of(&report, Code::Forked).iter().map(|p| p.what.as_str()).collect();
    assert!(forked.iter().any(|what| what.starts_with("a timestamp of the log says")), "{forked:#?}");
    assert!(forked.iter().any(|what| what.starts_with("a witness of the log says")), "{forked:#?}");
}

/// A day in the log, which others saw, then bundles that came later and that others saw later, and a release that revokes the key.
fn stolen(saw: impl Fn(&World, bool)) -> World {
    let mut world = world();
    saw(&world, false);
    world.log.as_mut().unwrap().now = at("2026-11-26T12:00:00Z");
    for hour in 0..3 {
        world.snapshot(at("2026-11-26T12:00:00Z").plus_millis(hour * HOUR));
    }
    let policy = policy_json(|_| {});
    world.release(2, &policy, |r| {
        r["generations"]["front-desk"]["public_key"] = key(8).public_key().line().into();
        r["revoked_appliance_keys"] = json!([
            { "public_key": device().public_key().line(), "revoked_at": "2026-11-25T00:00:00Z", "reason": "stolen" }
        ]);
    });
    saw(&world, true);
    world.write_log();
    world
}

fn counted(world: &World) -> (u64, VerifyReport) {
    let mut last = 0;
    let report = world.archive().walk(&mut |stored| last = last.max(stored.bundle.chain.sequence));
    (last, report)
}

/// Root 2, which revokes the log's key long before anything here was logged.
fn revoke_log_key(world: &World) {
    let mut root = root(2);
    root["keys"][1]["revoked_at"] = "2026-11-01T00:00:00Z".into();
    world.write_root(&root, 2, &[&signer()]);
}

#[test]
fn external_time_stands_also_when_the_log_key_is_revoked() {
    let by_token = |world: &World, later: bool| {
        stamp(world, if later { "20261126180000Z" } else { "20261124080000Z" });
    };
    let by_witness = |world: &World, later: bool| {
        cosign(world, if later { "2026-11-26T18:00:00Z" } else { "2026-11-24T08:00:00Z" });
        // A token is there as well, and only of later.
        stamp(world, "20261126180000Z");
    };
    for (what, world) in [("tokens", stolen(by_token)), ("witness", stolen(by_witness))] {
        for revoked in [false, true] {
            if revoked {
                revoke_log_key(&world);
            }
            let (last, report) = counted(&world);
            // What was logged and stamped before stays good; what came later does not.
            assert_eq!(last, 28, "{what} {revoked}: {:#?}", report.problems);
            let chain = report.chains.iter().find_map(|chain| chain.revoked).unwrap();
            assert_eq!((chain.external, chain.log_key, chain.not_counted), (28, 0, 3), "{what} {revoked}");
            let told = report.problems.list.iter().find(|p| p.what.contains("stolen")).unwrap();
            assert!(told.what.contains("time: external of 28"), "{told:#?}");
        }
    }
}

#[test]
fn without_external_time_the_log_keys_word_counts_and_is_called_that() {
    // A token of after the revocation: that it was held before, only the log says.
    let world = stolen(|world, later| {
        if later {
            stamp(world, "20261126180000Z");
        }
    });
    let (last, report) = counted(&world);
    let chain = report.chains.iter().find_map(|chain| chain.revoked).unwrap();
    assert_eq!((last, chain.external, chain.log_key, chain.not_counted), (28, 0, 28, 3), "{:#?}", report.problems);
    let told = report.problems.list.iter().find(|p| p.what.contains("stolen")).unwrap();
    assert!(told.what.contains("time: log key of 28"), "{told:#?}");
    // And when that key is revoked, nothing does.
    revoke_log_key(&world);
    let (last, report) = counted(&world);
    assert_eq!(last, 0, "{:#?}", report.problems);
}

#[test]
fn a_forged_token_moves_nothing() {
    // Made by a stranger who dates back.
    let stranger = Tsa::new(Key::P256);
    let world = stolen(|world, later| {
        let signed = world.log().signed();
        if later {
            put_token(world, &signed, "20261124080000Z", &stranger.stamp_at(signed.note.as_bytes(), "20261124080000Z"));
            stamp(world, "20261126180000Z");
        }
    });
    revoke_log_key(&world);
    assert_eq!(counted(&world).0, 0);
}

#[test]
fn a_release_of_before_stands_by_external_time() {
    let world = world();
    world.write_log();
    stamp(&world, "20261124080000Z");
    let mut root = root(2);
    root["keys"][0]["revoked_at"] = "2026-11-25T00:00:00Z".into();
    root["keys"][1]["revoked_at"] = "2026-11-01T00:00:00Z".into();
    root["keys"].as_array_mut().unwrap().push(json!({
        "public_key": key(4).public_key().line(), "name": "second", "roles": ["trust", "release"], "sites": [],
        "valid_from": "2026-01-01T00:00:00Z", "valid_until": "2030-01-01T00:00:00Z", "revoked_at": null
    }));
    world.write_root(&root, 2, &[&signer(), &key(4)]);
    let report = world.verify();
    let told = report.problems.list.iter().find(|p| p.path.ends_with("release.json")).unwrap();
    assert_eq!((report.ok, told.weight), (true, Weight::Note), "{:#?}", report.problems);
    assert!(told.consequence.contains("(time: external)"), "{told:#?}");
}
