//! Pulling from an honest depot: everything comes, in the right order, and nothing comes twice.

use std::fs;

use writ_agent::sync::once;
use writ_trust::log::checkpoint::Checkpoint;
use writ_trust::log::note::Note;
use writ_trust::log::proof::{self, Nodes, verify_consistency};
use writ_trust::log::receipt::Receipt;
use writ_trust::log::tile::{Tile, TileError, TileNodes, Tiles};
use writ_trust::log::tree::Hash;

use super::world::*;

/// The tiles in an inbox, as an enforcer reads them.
struct Inbox(std::path::PathBuf);

#[derive(Debug)]
struct Missing(#[expect(dead_code, reason = "shown by a failing test")] String);

impl From<TileError> for Missing {
    fn from(error: TileError) -> Self {
        Self(error.to_string())
    }
}

impl Tiles for Inbox {
    type Error = Missing;

    fn tile(&mut self, tile: &Tile) -> Result<Vec<u8>, Missing> {
        let folder = self.0.join(format!("{}.p", tile.full().path()));
        let wider = fs::read_dir(&folder).into_iter().flatten().filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            name.parse::<u16>().ok().filter(|width| *width >= tile.width)
        });
        let path = wider.min().map_or_else(|| self.0.join(tile.full().path()), |width| folder.join(width.to_string()));
        fs::read(&path).map_err(|e| Missing(format!("{}: {e}", path.display())))
    }
}

fn head(world: &World) -> Checkpoint {
    let note = fs::read(world.inbox("log/clinic-001/1/checkpoint")).unwrap();
    Checkpoint::parse(&Note::parse(&note).unwrap().text).unwrap()
}

/// Whether an enforcer that has seen so much of the log finds its way to the head in the inbox.
fn leads_on(world: &World, from: u64) -> bool {
    let head = head(world);
    let mut nodes = TileNodes::new(Inbox(world.inbox("log/clinic-001/1")), head.size);
    let mut prove = || -> Result<(Hash, Vec<Hash>), Missing> {
        Ok((proof::root_at(&mut nodes, from)?, proof::consistency(&mut nodes, from, head.size)?))
    };
    prove().is_ok_and(|(root, path)| verify_consistency(from, &root, head.size, &head.root, &path).is_ok())
}

#[test]
fn a_new_appliance_is_given_all_it_needs() {
    let world = World::new();
    world.depot().roots.push(world.root(2, &[ORIGIN]));
    world.publish_serial(1);
    world.carry();
    assert!(world.has(1));
    assert!(world.inbox("trust/2.json").exists());
    assert_eq!(head(&world).size, 1);
    let status = world.status();
    assert_eq!(
        (&status["release"], &status["trust_version"], &status["log_size"]),
        (&"1-1".into(), &2.into(), &1.into())
    );
    assert_eq!(world.depot().heartbeats.len(), 1);
}

#[test]
fn what_is_there_is_not_asked_for_again() {
    let world = World::new();
    world.publish_serial(1);
    let mut courier = world.courier();
    for _ in 0..2 {
        assert!(writ_agent::sync::once::run(&mut courier).unwrap().troubles.is_empty());
    }
    let documents = world.depot().asked_for("/documents/");
    assert_eq!(documents, 1);
    drop(courier);
    let before = world.tree("");
    world.carry();
    assert_eq!(
        (world.depot().asked_for("/documents/"), world.tree("").len()),
        (1, before.len()),
        "also after a restart"
    );
}

#[test]
fn long_chains_of_roots_are_walked() {
    let world = World::new();
    for version in 2..=40 {
        let root = world.root(version, &[ORIGIN]);
        world.depot().roots.push(root);
    }
    world.carry();
    assert!(world.inbox("trust/40.json").exists());
    assert_eq!(world.depot().asked_for("/agent/sync?trust=33&"), 1);
    world.carry();
    assert_eq!(world.depot().asked_for("/agent/sync?trust=40&"), 1, "a restart knows the chain from the inbox");
}

#[test]
fn the_enforcer_finds_its_way_from_wherever_it_is() {
    let world = World::new();
    world.publish_serial(1);
    world.carry();
    for (grow, enforcer) in [(299, 1), (1, 300), (700, 300), (66_000, 300), (5, 1001), (300, 67_006)] {
        world.depot().log().fill(grow);
        world.beat(Some(enforcer));
        world.carry();
        assert!(leads_on(&world, enforcer), "from {enforcer} to {}", head(&world).size);
    }
    assert_eq!(world.status()["log_size"], head(&world).size);
    let files = world.tree("log").len();
    assert!(files < 30, "tiles that were of use once do not stay: {files}");
}

#[test]
fn tiles_that_went_bad_here_are_fetched_again() {
    let world = World::new();
    world.publish_serial(1);
    world.depot().log().fill(299);
    world.beat(Some(1));
    world.carry();
    for name in world.tree("log/clinic-001/1/tile").keys() {
        let path = world.inbox("log/clinic-001/1/tile").join(name);
        let mut bytes = fs::read(&path).unwrap();
        bytes[3] ^= 1;
        fs::write(&path, bytes).unwrap();
    }
    world.depot().log().fill(1);
    world.carry();
    assert!(leads_on(&world, 1));
}

#[test]
fn the_same_head_signed_anew_is_carried() {
    let world = World::new();
    world.publish_serial(1);
    world.carry();
    let path = world.inbox("log/clinic-001/1/checkpoint");
    let first = fs::read(&path).unwrap();
    // The time in a cosignature is in whole seconds.
    crate::support::until("a new signature", || {
        world.carry();
        (fs::read(&path).unwrap() != first).then_some(())
    });
    assert_eq!(head(&world).size, 1);
}

#[test]
fn a_release_before_its_time_is_carried_and_one_after_it_is_not() {
    let world = World::new();
    let mut release = world.release(1);
    release["generations"][APPLIANCE]["not_before"] = serde_json::json!(now().plus_millis(86_400_000));
    world.publish(&release);
    world.carry();
    assert!(world.has(1));
    let mut release = world.release(2);
    release["issued_at"] = serde_json::json!(now().plus_millis(-86_400_000));
    release["expires_at"] = serde_json::json!(now().plus_millis(-60_000));
    world.publish(&release);
    assert_eq!(world.refused(writ_agent::sync::schedule::Job::Sync), "expiry");
    assert!(!world.has(2));
}

#[test]
fn a_log_that_began_anew_is_followed_by_its_restart() {
    use writ_trust::digest::Digest;
    use writ_trust::log::entry::{EntrySchema, LogEntry};
    use writ_trust::log::restart::{LastKnown, LogRestart, RestartSchema};

    let world = World::new();
    world.publish_serial(1);
    world.bundles(1..=5);
    world.carry();
    let lost = head(&world);
    let root = world.root(2, &[ORIGIN, SECOND_ORIGIN]);
    let restart = LogRestart {
        schema: RestartSchema::V1,
        site: SITE.parse().unwrap(),
        origin: SECOND_ORIGIN.into(),
        previous: LastKnown { origin: lost.origin, size: lost.size, root: lost.root },
        issued_at: now(),
        reason: "the disk was lost".into(),
    };
    let signed = writ_wire::Signed::by(restart.canonical(), &secret(TRUST), "t").unwrap();
    {
        let mut depot = world.depot();
        depot.roots.push(root);
        depot.logs.push(super::log::Log::new(SECOND_ORIGIN));
        depot.held.clear();
        let digest = Digest::of(&signed.document.0);
        let entry = LogEntry::Restart { schema: EntrySchema::V1, site: SITE.parse().unwrap(), digest, time: now() };
        depot.log().push(&entry);
        depot.relog_release();
        // A depot that forgets its restart is no use.
        depot.restarts.clear();
    }
    let report = world.once();
    assert!(!report.troubles.is_empty());
    world.depot().restarts.insert(2, signed);
    world.bundles(6..=6);
    world.carry();
    assert!(world.inbox("log/clinic-001/2/restart.json").exists());
    assert_eq!(world.depot().held.len(), 6, "the new log has all of the evidence again");
    assert_eq!(world.receipts(), [1, 2, 3, 4, 5, 6]);
    assert!(world.has(1));
    assert!(!world.inbox("log/clinic-001/1/tile").exists());
}

/// Whether `Nodes` of an inbox says what is missing rather than something wrong.
#[test]
fn an_empty_inbox_proves_nothing() {
    let world = World::new();
    let mut nodes = TileNodes::new(Inbox(world.inbox("log/clinic-001/1")), 5);
    assert!(nodes.node(0, 0).is_err());
}

/// A root by which the release key of until now was revoked and another one took over.
fn rotated(world: &World, version: u64) -> writ_wire::Signed {
    use serde_json::json;
    let mut root: serde_json::Value = serde_json::from_slice(&world.root(version, &[ORIGIN]).document.0).unwrap();
    let mut fresh = root["keys"][1].clone();
    root["keys"][1]["revoked_at"] = json!(now().plus_millis(-1_000));
    fresh["public_key"] = json!(secret(STRANGER).public_key().line());
    fresh["name"] = json!("release-2");
    root["keys"].as_array_mut().unwrap().push(fresh);
    writ_wire::Signed::by(writ_trust::json::canonical(&root), &secret(TRUST), "t").unwrap()
}

#[test]
fn the_release_that_is_here_is_not_judged_by_keys_that_came_after_it() {
    let world = World::new();
    world.publish_serial(1);
    world.carry();
    let root = rotated(&world, 2);
    {
        let mut depot = world.depot();
        depot.roots.push(root);
        depot.relog_release();
    }
    let before = fs::read(world.inbox("releases/clinic-001/1-1/release.receipt.json")).unwrap();
    world.carry();
    assert_eq!(world.status()["trust_version"], 2);
    let after = fs::read(world.inbox("releases/clinic-001/1-1/release.receipt.json")).unwrap();
    assert!(before != after, "its newer receipt is carried");
    // Anything else by the old key is as refused as ever.
    world.publish_serial(2);
    assert_eq!(world.refused(writ_agent::sync::schedule::Job::Sync), "signature-threshold");
}

#[test]
fn no_tile_is_asked_for_twice_in_one_pull() {
    let world = World::new();
    world.publish_serial(1);
    world.carry();
    world.depot().log().fill(700);
    world.beat(Some(1));
    world.depot().asked.clear();
    world.carry();
    let mut tiles = world.depot().asked.clone();
    tiles.retain(|path| path.contains("/tile/"));
    let asked = tiles.len();
    tiles.sort();
    tiles.dedup();
    assert!(asked > 0 && asked == tiles.len(), "{asked} requests for {tiles:?}");
    assert!(leads_on(&world, 1));
}

/// A restart of the log whose signer was revoked afterwards is of the past for whoever has passed it.
#[test]
fn a_restart_that_no_longer_counts_stops_only_those_who_are_before_it() {
    use serde_json::json;
    use writ_trust::log::restart::{LastKnown, LogRestart, RestartSchema};
    use writ_wire::Signed;

    let world = World::new();
    world.publish_serial(1);
    world.carry();
    let lost = head(&world);
    let restart = LogRestart {
        schema: RestartSchema::V1,
        site: SITE.parse().unwrap(),
        origin: SECOND_ORIGIN.into(),
        previous: LastKnown { origin: lost.origin, size: lost.size, root: lost.root },
        issued_at: now(),
        reason: "the disk was lost".into(),
    };
    let signed = Signed::by(restart.canonical(), &secret(TRUST), "t").unwrap();
    let second = world.root(2, &[ORIGIN, SECOND_ORIGIN]);
    let mut root: serde_json::Value = serde_json::from_slice(&second.document.0).unwrap();
    {
        let mut depot = world.depot();
        depot.roots.push(second);
        depot.logs.push(super::log::Log::new(SECOND_ORIGIN));
        depot.relog_release();
        depot.restarts.insert(2, signed.clone());
    }
    world.carry();
    // The one holder of a trust key is replaced.
    root["version"] = json!(3);
    let mut fresh = root["keys"][0].clone();
    root["keys"][0]["revoked_at"] = json!(now().plus_millis(-1_000));
    fresh["public_key"] = json!(secret(STRANGER).public_key().line());
    fresh["name"] = json!("trust-2");
    root["keys"].as_array_mut().unwrap().push(fresh);
    let mut third = Signed::by(writ_trust::json::canonical(&root), &secret(TRUST), "t").unwrap();
    third.signatures.extend(Signed::by(third.document.0.clone(), &secret(STRANGER), "t").unwrap().signatures);
    world.depot().roots.push(third);
    world.publish_serial(2);
    world.carry();
    assert!(world.has(2), "news do not wait for an order that everybody here has followed");
    // An enforcer that is still before it needs an order that counts.
    world.beat(Some(lost.size));
    assert_eq!(world.refused(writ_agent::sync::schedule::Job::Sync), "log-restart");
    let mut merged = signed;
    merged.signatures.extend(Signed::by(restart.canonical(), &secret(STRANGER), "t").unwrap().signatures);
    world.depot().restarts.insert(2, merged);
    world.carry();
    let files = world.tree("log/clinic-001/2");
    assert_eq!(files.keys().filter(|name| name.ends_with(".minisig")).count(), 2, "{:?}", files.keys());
}

/// The enforcer removes nothing on the word of a receipt whose checkpoint it cannot find its way to.
#[test]
fn what_receipts_stand_on_can_be_proven_after_a_long_backlog_too() {
    let world = World::new();
    world.publish_serial(1);
    world.bundles(1..=730);
    world.carry();
    let sizes = || -> std::collections::BTreeSet<u64> {
        let files = fs::read_dir(world.inbox("receipts")).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap());
        let notes = files.map(|bytes| Note::parse(Receipt::parse(&bytes).unwrap().checkpoint.as_bytes()).unwrap());
        notes.map(|note| Checkpoint::parse(&note.text).unwrap().size).collect()
    };
    assert!(sizes().len() > 5, "{:?}", sizes());
    let missing = || sizes().into_iter().filter(|size| !leads_on(&world, *size)).collect::<Vec<_>>();
    world.carry();
    assert!(missing().is_empty(), "{:?}", missing());
    // A courier that begins anew reads it from the receipts.
    fs::remove_dir_all(world.inbox("log/clinic-001/1/tile")).unwrap();
    world.carry();
    world.publish_serial(2);
    world.carry();
    assert!(missing().is_empty(), "{:?}", missing());
}

/// It reads at its own pace, and says rarely how far it has come.
#[test]
fn an_enforcer_finds_its_way_from_any_head_that_lay_there() {
    let world = World::new();
    let mut courier = world.courier();
    let mut sizes = Vec::new();
    for serial in 1..=4 {
        world.publish_serial(serial);
        world.bundles(serial * 3..=serial * 3 + 2);
        for _ in 0..2 {
            let report = once::run(&mut courier).unwrap();
            assert!(report.troubles.is_empty(), "{:?}", report.troubles);
            let here = head(&world).size;
            let lost: Vec<_> = sizes.iter().filter(|size| **size < here && !leads_on(&world, **size)).collect();
            assert!(lost.is_empty(), "{lost:?} of {sizes:?}");
            sizes.push(here);
        }
    }
    assert!(sizes[0] < sizes[7], "{sizes:?}");
}
