//! `writ-depot migrate`, from the database that the version before made.

use std::fs;
use std::path::Path;

use writ_wire::Signed;

use super::*;

/// What a depot of schema 2 had after a release, five bundles, a heartbeat and a notice.
const SCHEMA_2: &str = include_str!("../../golden/schema-2.sql");

/// The schema that a depot has now.
const NEWEST: i64 = 4;

/// A data directory of the version before.
fn old() -> TempDir {
    let dir = folder();
    let data = dir.path().join("data");
    fs::create_dir_all(data.join("documents")).unwrap();
    fs::write(document(&data), POLICY).unwrap();
    let database = rusqlite::Connection::open(data.join("depot.sqlite")).unwrap();
    database.execute_batch(SCHEMA_2).unwrap();
    // The root of back then.
    let root: Vec<u8> = database.query_row("SELECT envelope FROM roots", [], |row| row.get(0)).unwrap();
    fs::write(dir.path().join("trust.json"), Signed::parse(&root).unwrap().document.0).unwrap();
    dir
}

fn schema_of(database: &Path) -> i64 {
    let connection = rusqlite::Connection::open(database).unwrap();
    connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

#[test]
fn an_old_database_is_migrated_when_that_is_asked_for() {
    let dir = old();
    let data = dir.path().join("data");
    let (status, said) = Start::new(dir.path()).try_start().err().unwrap();
    assert_eq!(status.code(), Some(2));
    assert!(said.contains("schema 2, of an earlier version") && said.contains("writ-depot migrate"), "{said}");
    for what in ["fsck", "gc"] {
        let said = ran(&mut command(what, &data)).expect(2).stderr;
        assert!(said.contains("writ-depot migrate"), "{what}: {said}");
    }
    assert_eq!(schema_of(&data.join("depot.sqlite")), 2, "nothing was changed");

    let held = |name: &str| {
        let file = fs::File::options().create(true).append(true).open(data.join(name)).unwrap();
        rustix::fs::flock(&file, rustix::fs::FlockOperation::LockShared).unwrap();
        file
    };
    for (name, why) in
        [("readers", "a backup, an archive or a check is reading"), ("lock", "another writ-depot is running")]
    {
        let held = held(name);
        let said = ran(&mut command("migrate", &data)).expect(2).stderr;
        assert!(said.contains(why), "{said}");
        drop(held);
    }
    let done = ran(command("migrate", &data).arg("--json")).expect(0).json();
    assert_eq!((&done["from"], &done["to"]), (&2.into(), &NEWEST.into()), "{done}");
    let kept = Path::new(done["kept"].as_str().unwrap());
    assert_eq!((schema_of(kept), schema_of(&data.join("depot.sqlite"))), (2, NEWEST));
    let again = ran(command("migrate", &data).arg("--json")).expect(0).json();
    assert_eq!(again["kept"], Value::Null, "{again}");
    ran(command("fsck", &data).arg("--repair")).expect(0);
    assert_eq!(fsck(&data, 0)["checked"]["bundles"], 5);
    let depot = Start::new(dir.path()).start();
    let bundles: Vec<_> = (1..=6).map(bundle).collect();
    let known = receipts(front_desk().submit(depot.address, bundles.clone()), &bundles);
    let places: Vec<u64> = known.receipts.iter().map(|receipt| receipt.index).collect();
    assert_eq!(places, [2, 3, 4, 5, 6, 7], "where the log had them, and the new one at its end");
    // Where there is nothing to do, nobody is waited for: a service asks before each start.
    let reading = held("readers");
    let again = ran(command("migrate", &data).arg("--json")).expect(0).json();
    assert_eq!((&again["from"], &again["kept"]), (&NEWEST.into(), &Value::Null), "{again}");
    drop(reading);
}

#[test]
fn a_newer_database_is_left_alone() {
    let (dir, data) = stopped();
    let connection = rusqlite::Connection::open(data.join("depot.sqlite")).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let (status, said) = Start::new(dir.path()).try_start().err().unwrap();
    assert!(status.code() == Some(2) && said.contains("schema 99, of a newer writ-depot"), "{said}");
    for what in ["migrate", "fsck", "gc"] {
        let said = ran(&mut command(what, &data)).expect(2).stderr;
        assert!(said.contains("schema 99"), "{what}: {said}");
    }
    let nothing = ran(&mut command("migrate", &dir.path().join("none"))).expect(0).stdout;
    assert!(nothing.contains("no database yet"), "{nothing}");
}

#[test]
fn a_migration_that_is_killed_leaves_the_old_or_the_new() {
    let kills = killed_everywhere(
        old,
        |dir| command("migrate", &dir.path().join("data")),
        |dir| {
            let data = dir.path().join("data");
            assert!([2, NEWEST].contains(&schema_of(&data.join("depot.sqlite"))));
            ran(&mut command("migrate", &data)).expect(0);
            ran(command("fsck", &data).arg("--repair")).expect(0);
            let report = fsck(&data, 0);
            assert_eq!((&report["checked"]["bundles"], codes(&report).len()), (&5.into(), 0), "{report}");
        },
    );
    assert_eq!(kills, 4);
}
