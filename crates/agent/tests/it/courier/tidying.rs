//! The inbox does not grow: the current release and the one before stay, with all they name.

use std::fs;

use super::world::*;

#[test]
fn two_releases_stay_with_all_they_name() {
    let world = World::new();
    let shared = world.store_path("shared", b"in every release".repeat(50), false);
    for serial in 1..=4 {
        let system = world.store_path(&format!("system-{serial}"), format!("system {serial}").into_bytes(), true);
        world.publish_closure(serial, &[system, shared.clone()]);
        world.carry();
        assert!(world.has(serial));
    }
    assert!(world.has(3) && !world.has(2) && !world.has(1));
    assert_eq!(world.tree("documents").len(), 4, "two policies, two closures");
    let cache = world.tree("cache");
    assert_eq!(cache.keys().filter(|name| name.ends_with(".narinfo")).count(), 3, "{:?}", cache.keys());
    assert_eq!(cache.keys().filter(|name| name.starts_with("nar/")).count(), 3);
    // What does not belong there leaves too.
    for odd in ["documents/x.json", "cache/x.narinfo", "cache/nar/x.nar", "cache/partial/x", "receipts/x"] {
        fs::write(world.inbox(odd), "x").unwrap();
    }
    world.bundles([1]);
    world.carry();
    assert_eq!(world.tree("documents").len() + world.tree("cache").len(), 4 + cache.len());
    assert_eq!(world.receipts(), [1]);
}

/// What was taken up may wait for a maintenance window while newer releases come whose time has not.
#[test]
fn releases_to_come_do_not_push_out_the_one_whose_time_has_come() {
    let world = World::new();
    let publish = |serial: u64, not_before: i64| {
        let mut release = world.release(serial);
        let system = world.store_path(&format!("system-{serial}"), format!("system {serial}").into_bytes(), true);
        let closure = world.closure(&[system]);
        release["generations"][APPLIANCE]["closure"] = closure;
        release["generations"][APPLIANCE]["not_before"] = serde_json::to_value(now().plus_millis(not_before)).unwrap();
        world.publish(&release);
        world.carry();
        assert!(world.has(serial));
    };
    for (serial, not_before) in [(1, -60_000), (2, -60_000), (3, 86_400_000), (4, 86_400_000), (5, 86_400_000)] {
        publish(serial, not_before);
    }
    let kept: Vec<bool> =
        (1..=5).map(|serial| world.inbox(&format!("releases/clinic-001/1-{serial}")).exists()).collect();
    assert_eq!(kept, [true, true, false, true, true]);
    assert!(world.has(2) && world.tree("cache").keys().filter(|name| name.starts_with("nar/")).count() == 4);
}

#[test]
fn leftovers_of_a_crash_are_removed() {
    let world = World::new();
    world.publish_serial(1);
    world.carry();
    let folders = [
        "trust",
        "documents",
        "receipts",
        "cache",
        "cache/nar",
        "releases/clinic-001/1-1",
        "releases/clinic-001/1-2",
        "log/clinic-001/1",
        "log/clinic-001/1/tile/0",
    ];
    let leftovers = folders.map(|folder| world.inbox(folder).join(".x.json.writ-tmp"));
    for path in &leftovers {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "half").unwrap();
    }
    // A crash came before the release itself.
    fs::write(world.inbox("releases/clinic-001/1-2/release.receipt.json"), "{}").unwrap();
    world.carry();
    for path in &leftovers {
        assert!(!path.exists(), "{}", path.display());
    }
    assert!(!world.inbox("releases/clinic-001/1-2").exists());
}
