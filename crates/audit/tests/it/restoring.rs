//! Reading kept evidence back: each way in which a copy may be bad is found, also that of lacking something.

use std::fs;
use std::path::Path;

use writ_audit::restore::{Ask, Found, RestoreTest, test};
use writ_audit::{Archive, Folder, Options, Period};

use crate::world::*;

/// Tests a copy of the world's folder, all of its bundles or a few.
fn tested(world: &World, count: usize, copy: &Path, reference: Option<&Path>) -> RestoreTest {
    let options = Options { trust: world.trust(), ..Options::default() };
    let archive = Archive::open(Folder::open(copy).unwrap(), &options);
    let reference = reference.map(|path| Folder::open(path).unwrap());
    let period = Period::parse("2026-11", morning()).unwrap();
    let ask = Ask { seed: "dice-4412".parse().unwrap(), count, period, reference: reference.as_ref() };
    let taken = tempfile::tempdir().unwrap();
    test(&archive, &ask, taken.path()).unwrap()
}

fn copied(world: &World) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    let done = std::process::Command::new("cp").arg("-r").arg(world.path().join(".")).arg(copy.path()).status();
    assert!(done.unwrap().success());
    copy
}

#[test]
fn a_whole_copy_is_verified_bundle_by_bundle() {
    let world = World::logged();
    let copy = copied(&world);
    let five = tested(&world, 5, copy.path(), Some(world.path()));
    assert_eq!((five.line().as_str(), five.there, five.tested), ("5/5 bundles verified OK", 28, 5));
    assert!(five.bundles.iter().all(|one| one.ok && one.log == "proven" && one.same == Found::Ok));
    assert!(five.bundles.iter().all(|one| !one.summary.is_empty() && one.why.is_empty()));
    assert_eq!(five, tested(&world, 5, copy.path(), Some(world.path())), "the same seed draws the same");
    // Without a log and a reference that is said, and counts for nothing.
    let day = World::day();
    let bare = tested(&day, 40, day.path(), None);
    assert_eq!((bare.tested, bare.verified, bare.is_fine()), (28, 28, true));
    assert!(bare.bundles.iter().all(|one| one.log == "not configured" && one.same == Found::NotJudged));
}

#[test]
fn each_damage_of_a_copy_has_its_place() {
    let world = World::logged();
    let copy = copied(&world);
    let file =
        |sequence: usize, more: &str| copy.path().join(format!("{}{more}", world.place(&world.sealed[sequence - 1])));
    let mut bytes = fs::read(file(2, "")).unwrap();
    bytes.push(b' ');
    fs::write(file(2, ""), bytes).unwrap();
    fs::remove_file(file(3, ".minisig")).unwrap();
    fs::remove_file(file(4, "")).unwrap();
    // All of it: as if it had never been.
    for more in ["", ".minisig"] {
        fs::remove_file(file(5, more)).unwrap();
    }
    // Signed and valid, and not the one that is named.
    for more in ["", ".minisig"] {
        fs::copy(world.path().join(format!("{}{more}", world.place(&world.sealed[6]))), file(6, more)).unwrap();
    }
    // Signed by the appliance, and no bundle.
    fs::write(file(7, ""), "{}").unwrap();
    fs::write(file(7, ".minisig"), device().sign(b"{}", "x", "x").unwrap().to_string()).unwrap();
    let all = tested(&world, 40, copy.path(), Some(world.path()));
    assert_eq!((all.line().as_str(), all.there, all.is_fine()), ("22/28 bundles verified NOT OK", 28, false));
    let of = |sequence: usize| {
        let path = world.place(&world.sealed[sequence - 1]);
        let one = all.bundles.iter().find(|one| one.path == path).unwrap();
        assert!(!one.ok && !one.why.is_empty(), "{one:?}");
        (one.present, one.signature, one.schema, one.same)
    };
    use Found::{Failed, NotJudged, Ok};
    assert_eq!(of(2), (Ok, Failed, NotJudged, Failed));
    for absent in [3, 4, 5] {
        assert_eq!(of(absent), (Failed, NotJudged, NotJudged, NotJudged), "{absent}");
    }
    assert_eq!(of(6), (Ok, Ok, Failed, Failed));
    assert_eq!(of(7), (Ok, Ok, Failed, Failed));
    // Without the reference, the log of the copy still says what should be there.
    let alone = tested(&world, 40, copy.path(), None);
    assert_eq!((alone.there, alone.verified), (28, 22));
    // And without entries nobody knows of what is gone without a trace.
    fs::remove_dir_all(copy.path().join("log/clinic-001/1/tile")).unwrap();
    assert_eq!(tested(&world, 40, copy.path(), None).there, 26);
}

#[test]
fn nothing_of_another_time_is_drawn_and_nothing_at_all_is_not_well() {
    let world = World::day();
    let archive = world.archive();
    let taken = tempfile::tempdir().unwrap();
    let ask = |period: &str| {
        let period = Period::parse(period, morning()).unwrap();
        let ask = Ask { seed: "dice-4412".parse().unwrap(), count: 40, period, reference: None };
        test(&archive, &ask, taken.path()).unwrap()
    };
    assert_eq!(ask("2026-11-24").tested, 8, "what was written after midnight");
    let none = ask("2026-10");
    assert_eq!((none.tested, none.is_fine(), none.line().as_str()), (0, false, "0/0 bundles verified NOT OK"));
}
