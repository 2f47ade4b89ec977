//! Reading kept evidence back: each way in which a copy may be bad is found, also that of lacking something.

use std::fs;
use std::path::Path;

use writ_audit::restore::{Ask, Found, KnownBy, RestoreTest, test};
use writ_audit::{Archive, Folder, Options, Period};
use writ_trust::digest::Digest;

use crate::log_world::*;
use crate::world::*;

/// Tests a copy of the world's folder, all of its bundles or a few.
fn tested(world: &World, count: usize, copy: &Path, reference: Option<&Path>) -> RestoreTest {
    tested_without(world, count, copy, reference, &[])
}

/// The same, where something could not be taken into the copy.
fn tested_without(
    world: &World,
    count: usize,
    copy: &Path,
    reference: Option<&Path>,
    left_out: &[String],
) -> RestoreTest {
    let options = Options { trust: world.trust(), ..Options::default() };
    let archive = Archive::open(Folder::open(copy).unwrap(), &options);
    let reference = reference.map(|path| Folder::open(path).unwrap());
    let period = Period::parse("2026-11", morning()).unwrap();
    let (seed, reference) = ("dice-4412".parse().unwrap(), reference.as_ref());
    let ask = Ask { seed, count, period, reference, left_out, now: at("2026-11-24T09:00:00Z") };
    test(&archive, &ask).unwrap()
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
    assert_eq!((bare.sites[0].known_by, bare.is_good(&bare.sites[0])), (KnownBy::Copy, false));
    assert!(bare.line().ends_with("OK; which there should be is known by the copy alone"), "{}", bare.line());
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

/// Every bundle that is drawn is good, and the copy is not.
#[test]
fn what_makes_a_copy_bad_besides_its_bundles_is_said() {
    let world = World::logged();
    let copy = copied(&world);
    let (path, from) = (copy.path(), Some(world.path()));
    let said = |five: &RestoreTest| (five.tested, five.verified, five.is_fine(), five.is_good(&five.sites[0]));
    let whole = tested(&world, 5, path, from);
    assert_eq!((said(&whole), whole.sites[0].known_by), ((5, 5, true, true), KnownBy::LogAndReference));
    assert_eq!(tested(&world, 5, path, None).sites[0].known_by, KnownBy::Log);
    // An archive that was refused.
    let refused = tested_without(&world, 5, path, from, &["clinic-001-2026-11-23.tar.gz".to_owned()]);
    assert_eq!(said(&refused), (5, 5, false, false));
    assert_eq!(refused.line(), "5/5 bundles verified NOT OK; 1 file left out: clinic-001-2026-11-23.tar.gz");
    assert_eq!(refused.line_of(&refused.sites[0]), "5/5 bundles verified NOT OK; 1 file left out");
    // A document that is not the one that was signed.
    let document = fs::read_dir(path.join("documents")).unwrap().next().unwrap().unwrap().path();
    let kept = fs::read(&document).unwrap();
    fs::write(&document, "{}").unwrap();
    let altered = tested(&world, 5, path, from);
    assert_eq!(said(&altered), (5, 5, false, false));
    assert!(altered.line().contains("NOT OK; ") && altered.line().contains(" of the copy: "), "{}", altered.line());
    fs::write(&document, kept).unwrap();
    // Entries that are gone: the receipts still prove what is drawn, and nobody knows what else there should be.
    let entries = path.join(world.log().bundle_path(6));
    let bytes = fs::read(&entries).unwrap();
    fs::remove_file(&entries).unwrap();
    let bare = tested(&world, 5, path, None);
    assert_eq!((said(&bare), bare.sites[0].known_by), ((5, 5, false, false), KnownBy::Copy));
    assert_eq!(said(&tested(&world, 5, path, from)), (5, 5, true, true), "the reference tells");
    // Entries that are not those of the log: then it proves nothing.
    let mut other = bytes;
    let at = other.len() / 2;
    other[at] ^= 1;
    fs::write(&entries, other).unwrap();
    let wrong = tested(&world, 5, path, from);
    assert!(!wrong.is_fine() && wrong.sites[0].wrong.len() == 1, "{wrong:?}");
    assert_eq!(wrong.sites[0].known_by, KnownBy::Reference);
    // Some of them are gone and the rest comes to the root: somebody took them out.
    let mut long = world.log().clone();
    for _ in 0..300 {
        long.push(&trust_entry(1, Digest::of(b"again")));
    }
    fs::remove_dir_all(world.path().join("log")).unwrap();
    long.write(&world);
    assert!(tested(&world, 5, world.path(), None).is_fine());
    fs::remove_file(world.path().join(long.bundle_path(300))).unwrap();
    let torn = tested(&world, 5, world.path(), from);
    assert_eq!((said(&torn), torn.sites[0].known_by), ((5, 5, false, false), KnownBy::Reference));
}

/// A copy that is whole in itself, and was made before the time that is tested was over.
#[test]
fn a_log_that_ends_within_the_time_tells_not_what_came_after() {
    let world = World::logged();
    let ends = morning();
    let said = |now: &str, reference: bool| {
        let archive = world.archive();
        let reference = reference.then(|| Folder::open(world.path()).unwrap());
        let period = Period::parse("2026-11", morning()).unwrap();
        let (seed, reference) = ("dice-4412".parse().unwrap(), reference.as_ref());
        let all = test(&archive, &Ask { seed, count: 5, period, reference, left_out: &[], now: at(now) }).unwrap();
        assert_eq!(all.sites[0].log_until, Some(ends));
        (all.is_fine(), all.is_good(&all.sites[0]), all.sites[0].wrong.clone())
    };
    assert_eq!(said("2026-11-25T05:00:00Z", false), (true, true, vec![]));
    assert_eq!(said("2026-12-01T05:00:00Z", true), (true, true, vec![]), "the reference tells");
    let (fine, good, wrong) = said("2026-12-01T05:00:00Z", false);
    assert!(!fine && !good);
    assert_eq!(wrong, [format!("the log here ends at {ends}, and there is no reference for what came after")]);
}

#[test]
fn nothing_of_another_time_is_drawn_and_nothing_at_all_is_not_well() {
    let world = World::day();
    let archive = world.archive();
    let ask = |period: &str| {
        let period = Period::parse(period, morning()).unwrap();
        let (seed, now) = ("dice-4412".parse().unwrap(), morning());
        let ask = Ask { seed, count: 40, period, reference: None, left_out: &[], now };
        test(&archive, &ask).unwrap()
    };
    assert_eq!(ask("2026-11-24").tested, 8, "what was written after midnight");
    let none = ask("2026-10");
    assert_eq!((none.tested, none.is_fine()), (0, false));
    assert!(none.line().starts_with("0/0 bundles verified NOT OK"), "{}", none.line());
}
