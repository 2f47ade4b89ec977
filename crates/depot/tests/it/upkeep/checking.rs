//! `writ-depot fsck`: each kind of damage by its name, and nothing where there is none.

use std::fs::{self, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;

use super::*;
use crate::client::get;

#[test]
fn what_is_sound_is_sound_served_or_not() {
    let (dir, depot) = used();
    let data = dir.path().join("data");
    let report = fsck(&data, 0);
    assert_eq!((&report["served"], &report["ok"], codes(&report).len()), (&true.into(), &true.into(), 0), "{report}");
    assert_eq!((&report["checked"]["bundles"], &report["checked"]["entries"]), (&5.into(), &7.into()), "{report}");
    assert_eq!(ran(command("fsck", &data).arg("--repair")).expect(2).stderr.matches("another writ-depot").count(), 1);
    depot.kill();
    let report = fsck(&data, 0);
    assert_eq!((&report["served"], &report["checked"]["batches"]), (&false.into(), &1.into()), "{report}");
    let told = ran(&mut command("fsck", &data)).expect(0).stdout;
    assert!(told.contains("5 bundles") && told.contains("sound"), "{told}");
    // Elsewhere there is nothing to check.
    for nowhere in [dir.path(), Path::new("/nonexistent")] {
        let said = ran(&mut command("fsck", nowhere)).expect(2).stderr;
        assert!(said.contains("no data directory of a depot"), "{said}");
    }
}

/// Puts a file beside the log.
fn beside(data: &Path, name: &str, text: &str) {
    let path = data.join(format!("log/{SITE}/1/{name}"));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Each damage, with its code; `--repair` makes good what is derived, and touches nothing else.
#[test]
fn each_damage_has_its_name() {
    type Damage = fn(&Path);
    let (_dir, whole) = stopped();
    let tiles = format!("log/{SITE}/1/tile");
    assert!(whole.join(&tiles).is_dir());
    let cases: &[(&str, i32, i32, Damage)] = &[
        ("evidence-altered", 1, 1, |data| tamper(data, "UPDATE evidence SET document = x'7b7d' WHERE sequence = 2")),
        ("evidence-unsigned", 1, 1, |data| {
            tamper(data, "UPDATE evidence SET signature = (SELECT signature FROM evidence WHERE sequence = 1)");
        }),
        ("evidence-unknown-key", 1, 1, |data| tamper(data, "UPDATE keys SET public_key = zeroblob(32)")),
        ("entry-broken", 1, 1, |data| tamper(data, "UPDATE entries SET evidence = NULL WHERE idx = 3")),
        ("evidence-unlogged", 1, 1, |data| tamper(data, "UPDATE entries SET evidence = NULL WHERE idx = 3")),
        ("log-root", 1, 1, |data| tamper(data, "DELETE FROM entries WHERE idx = 6")),
        ("log-root", 1, 1, |data| tamper(data, "DELETE FROM entries WHERE idx = 1")),
        ("checkpoint-unsigned", 1, 1, |data| tamper(data, "UPDATE logs SET note = replace(note, 'log.example', 'x')")),
        ("root-broken", 1, 1, |data| tamper(data, "UPDATE roots SET envelope = x'7b7d'")),
        ("release-broken", 1, 1, |data| {
            let unsigned = signed(release(1, None).canonical(), &[STRANGER]).canonical();
            let hex: String = unsigned.iter().map(|byte| format!("{byte:02x}")).collect();
            tamper(data, &format!("UPDATE releases SET envelope = x'{hex}'"));
        }),
        ("schema-altered", 1, 1, |data| {
            let connection = rusqlite::Connection::open(data.join("depot.sqlite")).unwrap();
            connection.execute_batch("DROP TRIGGER evidence_is_not_changed").unwrap();
        }),
        ("database-damaged", 1, 1, |data| {
            let mut file = OpenOptions::new().write(true).open(data.join("depot.sqlite")).unwrap();
            file.seek(SeekFrom::Start(3 * 8192)).unwrap();
            file.write_all(&[0xff; 4096]).unwrap();
        }),
        ("database-damaged", 1, 1, |data| {
            let file = OpenOptions::new().write(true).open(data.join("depot.sqlite")).unwrap();
            file.set_len(file.metadata().unwrap().len() / 2).unwrap();
        }),
        ("database-damaged", 1, 1, |data| fs::write(data.join("depot.sqlite"), "a foreign file ".repeat(999)).unwrap()),
        ("document-missing", 1, 1, |data| fs::remove_file(document(data)).unwrap()),
        ("document-altered", 1, 1, |data| fs::write(document(data), "{}").unwrap()),
        ("batch-missing", 1, 1, |data| fs::remove_file(only_file(&data.join("logs"))).unwrap()),
        ("batch-altered", 1, 1, |data| fs::write(only_file(&data.join("logs")), "").unwrap()),
        ("timestamp-broken", 1, 1, |data| beside(data, "timestamps/20261128-0123456789abcdef.tsr", "no token")),
        ("timestamp-broken", 1, 1, |data| beside(data, "cosignatures/0123abcd-1795000000.checkpoint", "no note")),
        ("stray-file", 0, 0, |data| beside(data, "timestamps/notes.txt", "hm")),
        ("log-files", 1, 0, |data| fs::remove_dir_all(data.join(format!("log/{SITE}/1/tile"))).unwrap()),
        ("log-files", 1, 0, |data| {
            fs::write(data.join(format!("log/{SITE}/1/tile/entries/000.p/7")), [0; 40]).unwrap();
        }),
        ("log-files", 1, 0, |data| fs::write(data.join(format!("log/{SITE}/1/checkpoint")), "old\n").unwrap()),
        ("temporary-file", 0, 0, |data| fs::write(data.join("documents/.1-2.x.json.writ-tmp"), "half").unwrap()),
        ("temporary-file", 0, 0, |data| fs::write(data.join("uploads/.tmp123"), "half").unwrap()),
        ("stray-file", 0, 0, |data| fs::write(data.join("documents/notes.txt"), "hm").unwrap()),
        ("stray-file", 0, 0, |data| std::os::unix::fs::symlink("/etc/passwd", data.join("cache/x.narinfo")).unwrap()),
    ];
    for (number, (code, found, repaired, damage)) in cases.iter().enumerate() {
        let at = tempfile::tempdir().unwrap();
        let data = at.path().join("data");
        assert!(Command::new("cp").arg("-a").arg(&whole).arg(&data).status().unwrap().success());
        damage(&data);
        let report = fsck(&data, *found);
        assert!(codes(&report).contains(code), "{number}: {code}: {report:#}");
        for problem in report["problems"]["list"].as_array().unwrap() {
            let said = |name: &str| problem[name].as_str().is_some_and(|text| !text.is_empty());
            assert!(said("path") && said("what") && said("consequence"), "{problem}");
        }
        let report = ran(command("fsck", &data).args(["--repair", "--json"])).expect(*repaired).json();
        assert!(codes(&report).contains(code), "{number}: {code}: {report:#}");
        if matches!(*code, "log-files" | "temporary-file") {
            let report = fsck(&data, 0);
            assert_eq!(codes(&report), [""; 0], "{number}: {code}: {report:#}");
        }
    }
}

/// Said by everybody who can say it, before nothing more can be stored.
#[test]
fn a_disk_that_fills_is_told_two_days_before() {
    let (dir, data) = stopped();
    let free = || {
        let found = rustix::fs::statvfs(&data).unwrap();
        i64::try_from(found.f_bavail * found.f_frsize).unwrap()
    };
    let connection = rusqlite::Connection::open(data.join("depot.sqlite")).unwrap();
    let samples = |then: i64| {
        let at = now().unix_millis() - 12 * 3_600_000;
        connection.execute("INSERT OR REPLACE INTO free_space VALUES (?, ?)", [at, then]).unwrap();
    };
    let full_in = |text: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix("writ_depot_disk_full_seconds ")).unwrap();
        line.parse().unwrap()
    };
    // Half of what is free was used within twelve hours.
    samples(free() / 2 * 3);
    assert_eq!(codes(&fsck(&data, 0)), ["disk-filling"]);
    let depot = Start::new(dir.path()).start();
    let ready = get(depot.address, "/ready");
    assert!(ready.status == 200 && ready.text().contains("warning: at the rate of the last days"), "{}", ready.text());
    let left = full_in(&get(depot.address, "/metrics").text());
    assert!((60_000.0..120_000.0).contains(&left), "{left}");
    assert!(depot.stop().success());
    // A disk that does not fill says nothing. Meanwhile the depot noted what there is.
    connection.execute("DELETE FROM free_space WHERE at < ?", [now().unix_millis() - 3_600_000]).unwrap();
    let noted: i64 = connection.query_row("SELECT count(*) FROM free_space", [], |row| row.get(0)).unwrap();
    assert!(noted >= 1, "{noted}");
    assert_eq!(codes(&fsck(&data, 0)), [""; 0]);
    let depot = Start::new(dir.path()).start();
    assert_eq!(get(depot.address, "/ready").text(), "ready\n");
    assert!(full_in(&get(depot.address, "/metrics").text()).is_infinite());
}
