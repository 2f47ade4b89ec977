//! `writ-depot mend`: what was altered comes back as the log names it, and nothing else does.

use std::fs;

use super::*;

/// An audit folder with the bundles of the depot, as archives hold them.
fn audit_folder(at: &Path) -> PathBuf {
    let folder = at.join(format!("evidence/{SITE}/{}", public(FRONT_DESK).fingerprint()));
    fs::create_dir_all(&folder).unwrap();
    for sequence in 1..=5 {
        let bundle = bundle(sequence);
        let name = format!("{sequence}-EB-20261120-{sequence:04}.json");
        fs::write(folder.join(&name), &bundle.document.0).unwrap();
        fs::write(folder.join(format!("{name}.minisig")), &bundle.signatures[0].0).unwrap();
    }
    folder
}

fn mend(at: &Path) -> Command {
    let mut mend = command("mend", &at.join("data"));
    mend.arg("--json").arg("--from").arg(at.join("audit")).arg("--quarantine").arg(at.join("quarantine"));
    mend
}

/// A copy of a depot's folder in which something was done, with an audit folder beside it.
fn altered(whole: &Path, sql: &str) -> TempDir {
    let at = tempfile::tempdir().unwrap();
    let data = at.path().join("data");
    assert!(Command::new("cp").arg("-a").arg(whole).arg(&data).status().unwrap().success());
    audit_folder(&at.path().join("audit"));
    tamper(&data, sql);
    at
}

const ALTER: &str = "UPDATE evidence SET document = x'7b7d' WHERE sequence = 2;
    UPDATE evidence SET signature = (SELECT signature FROM evidence WHERE sequence = 1) WHERE sequence = 4;
    UPDATE evidence SET document = x'7b7d', digest = x'44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'
        WHERE sequence = 5";

#[test]
fn altered_bundles_come_back_and_what_was_there_is_kept() {
    let (_dir, whole) = stopped();
    let at = altered(&whole, ALTER);
    let data = at.path().join("data");
    assert_eq!(fsck(&data, 1)["problems"]["damage"], 4, "one of them by its digest too");
    let done = ran(&mut mend(at.path())).expect(0).json();
    assert_eq!((done["mended"].as_array().unwrap().len(), &done["sound"]), (3, &true.into()), "{done}");
    assert_eq!(codes(&fsck(&data, 0)), [""; 0]);
    // What was there, and what was done.
    let kept = at.path().join("quarantine").join(done["mended"][0]["path"].as_str().unwrap());
    assert_eq!(fs::read(&kept).unwrap(), b"{}");
    let record = fs::read_dir(at.path().join("quarantine")).unwrap().map(|entry| entry.unwrap().path());
    let record = record.into_iter().find(|path| path.extension().is_some_and(|e| e == "json")).unwrap();
    let record: Value = serde_json::from_slice(&fs::read(record).unwrap()).unwrap();
    assert_eq!(record, done);
    // Nothing is altered any more, and evidence refuses changes as before.
    let again = ran(&mut mend(at.path())).expect(0).json();
    assert_eq!(again["mended"], Value::Array(vec![]), "{again}");
    let connection = rusqlite::Connection::open(data.join("depot.sqlite")).unwrap();
    let refused = connection.execute("UPDATE evidence SET document = x'7b7d'", []).unwrap_err().to_string();
    assert!(refused.contains("evidence is not changed"), "{refused}");
}

#[test]
fn nothing_comes_in_that_the_log_does_not_name() {
    let (_dir, whole) = stopped();
    let at = altered(&whole, ALTER);
    let folder = audit_folder(&at.path().join("audit"));
    let name = |sequence: u64| folder.join(format!("{sequence}-EB-20261120-{sequence:04}.json"));
    // Another bundle, well signed; one with another's signature; none.
    let other = signed(bundle_text("front-desk", FRONT_DESK, 2, "another"), &[FRONT_DESK]);
    fs::write(name(2), &other.document.0).unwrap();
    fs::write(format!("{}.minisig", name(2).display()), &other.signatures[0].0).unwrap();
    fs::write(format!("{}.minisig", name(4).display()), &signed(bundle(4).document.0, &[STRANGER]).signatures[0].0)
        .unwrap();
    fs::remove_file(name(5)).unwrap();
    let before = fs::read(at.path().join("data/depot.sqlite")).unwrap();
    let done = ran(&mut mend(at.path())).expect(1).json();
    assert_eq!((done["mended"].as_array().unwrap().len(), done["left"].as_array().unwrap().len()), (0, 3), "{done}");
    assert!(done["left"][0]["why"].as_str().unwrap().contains("that the log names either"), "{done}");
    assert_eq!(fs::read(at.path().join("data/depot.sqlite")).unwrap(), before);
    // Where the log is damaged, nobody can judge a bundle by it.
    for sql in ["DELETE FROM entries WHERE idx = 6", "UPDATE roots SET envelope = x'7b7d'"] {
        let at = altered(&whole, sql);
        let said = ran(&mut mend(at.path())).expect(1).stderr;
        assert!(said.contains("restore a backup"), "{said}");
    }
    let mut within = command("mend", &at.path().join("data"));
    within.arg("--from").arg(at.path().join("audit")).arg("--quarantine").arg(at.path().join("data/quarantine"));
    assert!(ran(&mut within).expect(1).stderr.contains("not within the data directory"));
}

#[test]
fn an_entry_that_was_led_to_another_bundle_brings_nothing_there() {
    let (_dir, whole) = stopped();
    let at = altered(
        &whole,
        "UPDATE entries SET evidence = (SELECT id FROM evidence WHERE sequence = 3)
            WHERE evidence = (SELECT id FROM evidence WHERE sequence = 2)",
    );
    let before = fs::read(at.path().join("data/depot.sqlite")).unwrap();
    let done = ran(&mut mend(at.path())).expect(1).json();
    assert_eq!((&done["mended"], &done["sound"]), (&Value::Array(vec![]), &false.into()), "{done}");
    assert_eq!(fs::read(at.path().join("data/depot.sqlite")).unwrap(), before, "the good bundle is as it was");
}

#[test]
fn a_mending_that_is_killed_leaves_one_database_or_the_other() {
    let (_dir, whole) = stopped();
    let kills = killed_everywhere(
        || altered(&whole, ALTER),
        |at| mend(at.path()),
        |at| {
            ran(&mut mend(at.path())).expect(0);
            assert_eq!(fsck(&at.path().join("data"), 0)["checked"]["bundles"], 5);
        },
    );
    assert_eq!(kills, 3);
}
