//! `writ-depot backup` and `restore`.

use std::fs;
use std::path::Path;

use writ_trust::log::note::{Note, NoteKey};
use writ_trust::log::witness::CosignatureName;

use super::*;

fn backup(data: &Path, to: &Path) -> Command {
    let mut backup = command("backup", data);
    backup.arg("--json").arg("--to").arg(to);
    backup
}

fn restore(from: &Path, data: &Path) -> Command {
    let mut restore = command("restore", data);
    restore.arg("--json").arg("--from").arg(from);
    restore
}

/// What is served after a restore is what was backed up.
#[track_caller]
fn assert_whole(dir: &Path, data: &Path, bundles: u64) {
    assert_eq!(fsck(data, 0)["checked"]["bundles"], bundles);
    let depot = Start { data: data.to_owned(), ..Start::new(dir) }.start();
    let all: Vec<_> = (1..=bundles).map(bundle).collect();
    let again = receipts(front_desk().submit(depot.address, all.clone()), &all);
    assert_eq!(again.held, bundles);
    assert_eq!(checkpoint(depot.address).checkpoint.size, 2 + bundles, "nothing is logged twice");
}

#[test]
fn a_backup_of_a_running_depot_is_restored_whole() {
    let (dir, depot) = used();
    let at = |name: &str| dir.path().join(name);
    let (data, to) = (at("data"), at("backup"));
    let first = ran(&mut backup(&data, &to)).expect(0).json();
    assert_eq!((&first["logs"][0]["size"], &first["files"]), (&7.into(), &3.into()), "{first}");
    // Only what is new is copied the next time, and what the database was before goes.
    let more: Vec<_> = (6..=8).map(bundle).collect();
    receipts(front_desk().submit(depot.address, more.clone()), &more);
    let second = ran(&mut backup(&data, &to)).expect(0).json();
    let manifest: Value = serde_json::from_slice(&fs::read(to.join("backup.json")).unwrap()).unwrap();
    assert_eq!(second["copied"], manifest["database"]["size"], "{second}");
    let objects = walk(&to.join("objects"));
    assert_eq!(objects.len(), 3, "{objects:?}");
    // It is lost as a whole.
    depot.kill();
    fs::remove_dir_all(&data).unwrap();
    // The top of a new disk is as good as empty.
    fs::create_dir_all(data.join("lost+found")).unwrap();
    let restored = ran(&mut restore(&to, &data)).expect(0).json();
    assert_eq!(restored["fsck"]["ok"], true, "{restored}");
    let full = ran(&mut restore(&to, &data)).expect(1).stderr;
    assert!(full.contains("not empty") && full.contains("nothing was changed"), "{full}");
    assert_whole(dir.path(), &data, 8);
}

/// It is in no database, and in every backup.
#[test]
fn what_others_say_of_a_log_is_restored_too() {
    let (dir, data) = stopped();
    let head = fs::read_to_string(data.join(format!("log/{SITE}/1/checkpoint"))).unwrap();
    let text = Note::parse(head.as_bytes()).unwrap().text;
    let (witness, at) = (secret(STRANGER), now());
    let witness_key = NoteKey::new("witness.example", &witness.public_key());
    let note = format!("{head}{}", witness_key.cosign(&text, &witness, at));
    let name = format!("log/{SITE}/1/cosignatures/{}.checkpoint", CosignatureName::new(&witness_key, at));
    fs::create_dir_all(data.join(&name).parent().unwrap()).unwrap();
    fs::write(data.join(&name), &note).unwrap();
    assert_eq!(fsck(&data, 0)["checked"]["cosignatures"], 1);
    let to = dir.path().join("backup");
    ran(&mut backup(&data, &to)).expect(0);
    fs::remove_dir_all(&data).unwrap();
    let data = dir.path().join("restored");
    ran(&mut restore(&to, &data)).expect(0);
    assert_eq!(fs::read_to_string(data.join(&name)).unwrap(), note);
    assert_eq!(fsck(&data, 0)["checked"]["cosignatures"], 1);
    // It is given with the head that it is of, by a depot that knows no such witness as well: who reads it judges it.
    let depot = Start { data, ..Start::new(dir.path()) }.start();
    let served = Note::parse(checkpoint(depot.address).note.as_bytes()).unwrap();
    assert_eq!(witness_key.cosigned(&served).is_some(), served.text == text);
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn what_is_no_sound_backup_is_refused_by_name() {
    let (dir, data) = stopped();
    let at = |name: &str| dir.path().join(name);
    for within in [data.clone(), data.join("backup"), dir.path().to_owned()] {
        let said = ran(&mut backup(&data, &within)).expect(1).stderr;
        assert!(said.contains("not within the data directory"), "{said}");
    }
    let _ = fs::remove_dir_all(data.join("backup"));
    let nothing = ran(&mut restore(&at("nothing"), &at("new"))).expect(1).stderr;
    assert!(nothing.contains("no finished backup"), "{nothing}");
    let to = at("backup");
    ran(&mut backup(&data, &to)).expect(0);
    let whole = fs::read_to_string(to.join("backup.json")).unwrap();
    for (from, into, why) in [
        ("\"documents/", "\"../documents/", "no path of a depot's files"),
        ("\"documents/", "\"/documents/", "no path of a depot's files"),
        ("writ.depot-backup.v1", "writ.depot-backup.v9", "not the manifest"),
        ("{", "", "not the manifest"),
        ("\"database_schema\":4", "\"database_schema\":99", "newer writ-depot"),
    ] {
        fs::write(to.join("backup.json"), whole.replacen(from, into, 1)).unwrap();
        let said = ran(&mut restore(&to, &at("new")));
        assert!(said.code.is_some_and(|code| code > 0) && said.stderr.contains(why), "{}", said.stderr);
        assert!(!at("new/depot.sqlite").exists());
    }
    fs::write(to.join("backup.json"), &whole).unwrap();
    // Each object: altered, cut short, gone.
    for object in walk(&to.join("objects")) {
        let bytes = fs::read(&object).unwrap();
        let mut altered = bytes.clone();
        altered[0] ^= 1;
        for damaged in [Some(&altered[..]), Some(&bytes[..bytes.len() / 2]), None] {
            match damaged {
                Some(damaged) => fs::write(&object, damaged).unwrap(),
                None => fs::remove_file(&object).unwrap(),
            }
            let said = ran(&mut restore(&to, &at("new"))).expect(1).stderr;
            assert!(said.contains("backup is damaged") || said.contains("backup lacks"), "{said}");
        }
        fs::write(&object, bytes).unwrap();
    }
    // What was begun is not served, and goes on when it can.
    let unfinished = Start { data: at("new"), ..Start::new(dir.path()) }.try_start().err().unwrap();
    assert!(unfinished.1.contains("restore into this data directory was interrupted"), "{}", unfinished.1);
    ran(&mut restore(&to, &at("new"))).expect(0);
    assert_whole(dir.path(), &at("new"), 5);
}

/// The backup is the one before or the new one, and the next one mends what was left.
#[test]
fn a_backup_that_is_killed_leaves_one_that_can_be_restored() {
    let (_dir, data) = stopped();
    let prepare = || {
        let at = tempfile::tempdir().unwrap();
        ran(&mut backup(&data, &at.path().join("backup"))).expect(0);
        at
    };
    let kills = killed_everywhere(
        prepare,
        |at| backup(&data, &at.path().join("backup")),
        |at| {
            let restored = ran(&mut restore(&at.path().join("backup"), &at.path().join("data"))).expect(0).json();
            assert_eq!(restored["fsck"]["checked"]["bundles"], 5);
            ran(&mut backup(&data, &at.path().join("backup"))).expect(0);
        },
    );
    assert_eq!(kills, 3);
}

#[test]
fn a_restore_that_is_killed_goes_on() {
    let (dir, data) = stopped();
    let to = dir.path().join("backup");
    ran(&mut backup(&data, &to)).expect(0);
    let kills = killed_everywhere(
        || tempfile::tempdir().unwrap(),
        |at| restore(&to, &at.path().join("data")),
        |at| {
            let (mark, data) = (at.path().join("data/restoring"), at.path().join("data"));
            if mark.exists() {
                ran(&mut command("fsck", &data)).expect(2);
                ran(&mut restore(&to, &data)).expect(0);
            }
            assert_eq!(fsck(&data, 0)["checked"]["bundles"], 5);
        },
    );
    assert_eq!(kills, 4);
}
