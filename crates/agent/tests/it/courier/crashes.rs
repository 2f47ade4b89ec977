//! Killed at every numbered point: nothing is lost, nothing is doubled, nothing half-written is left where it matters.

use std::os::unix::process::ExitStatusExt;

use super::world::*;

fn world() -> (World, Vec<Path_>) {
    let world = World::new();
    world.depot().roots.push(world.root(2, &[ORIGIN]));
    let paths = vec![
        world.store_path("system", b"system".repeat(1_000), true),
        world.store_path("tool", b"tool".to_vec(), false),
    ];
    world.publish_closure(1, &paths);
    world.bundles(1..=12);
    // Born in the test's own process, so that the enforcer can vouch for it before the program runs.
    drop(world.courier());
    (world, paths)
}

#[test]
fn a_kill_at_any_point_loses_nothing_and_doubles_nothing() {
    let (mut at, mut kills) = (0, 0);
    loop {
        at += 1;
        let (world, paths) = world();
        let killed = world.command().arg("--once").env("WRIT_CRASH_AT", at.to_string()).output().unwrap();
        let done = killed.status.signal() != Some(9);
        kills += u64::from(!done);
        if done {
            assert_eq!(killed.status.code(), Some(0), "{}", String::from_utf8_lossy(&killed.stderr));
        }
        for sequence in world.receipts() {
            assert!(world.depot().held.contains_key(&sequence), "point {at}: a receipt for what the depot has not");
        }
        if world.inbox("releases/clinic-001/1-1/release.json").exists() {
            assert!(world.has(1), "point {at}: a release before what it names");
            assert_eq!(world.tree("cache/nar").len(), 2, "point {at}");
        }
        let again = world.command().arg("--once").output().unwrap();
        assert_eq!(again.status.code(), Some(0), "point {at}: {}", String::from_utf8_lossy(&again.stderr));
        assert_eq!(world.receipts(), (1..=12).collect::<Vec<_>>(), "point {at}");
        assert_eq!(world.depot().held.len(), 12);
        assert_eq!(world.depot().log().size(), 13, "point {at}: one entry for the release, one for each bundle");
        assert!(world.has(1), "point {at}");
        assert!(world.tree("").keys().all(|name| !name.ends_with(".writ-tmp")), "point {at}");
        assert_eq!(world.tree("cache").len(), 2 * paths.len() + 1, "point {at}");
        if done {
            break;
        }
    }
    assert!(kills >= 24, "{kills} points");
}
