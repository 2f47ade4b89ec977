//! `writ-depot gc`: what nothing names goes, and nothing else.

use std::fs;

use super::*;

fn gc(data: &Path, more: &[&str]) -> Command {
    let mut gc = command("gc", data);
    gc.args(["--json", "--grace", "1ms"]).args(more);
    gc
}

#[test]
fn what_nothing_names_goes_and_nothing_else() {
    let (_dir, data) = stopped();
    let before = fs::read(document(&data)).unwrap();
    let hex = Digest::of(b"another document").hex();
    let unnamed = [
        format!("documents/{hex}.json"),
        "cache/0c5b8vw40dy178xlpddw65q9gf1h2186.narinfo".to_owned(),
        "cache/0c5b8vw40dy178xlpddw65q9gf1h2186.ls".to_owned(),
        "cache/nar/unnamed.nar".to_owned(),
        "uploads/.tmp1".to_owned(),
        "documents/.1-2.x.json.writ-tmp".to_owned(),
        "depot.sqlite.schema-2".to_owned(),
    ];
    unnamed.iter().for_each(|name| fs::write(data.join(name), "URL: nar/unnamed.nar\n").unwrap());
    // One that a narinfo waits for.
    fs::write(data.join("waiting/1c5b8vw40dy178xlpddw65q9gf1h2186.narinfo"), "URL: nar/waited-for.nar\n").unwrap();
    fs::write(data.join("cache/nar/waited-for.nar"), "x").unwrap();
    let young = ran(command("gc", &data).arg("--json")).expect(0).json();
    assert_eq!(young["removed"]["cache"], Value::Null, "they are too young: {young}");
    unnamed.iter().take(4).for_each(|name| assert!(data.join(name).exists(), "{name}"));
    fs::write(data.join(&unnamed[4]), "half").unwrap();
    fs::write(data.join(&unnamed[5]), "half").unwrap();
    let would = ran(&mut gc(&data, &["--dry-run"])).expect(0).json();
    unnamed.iter().for_each(|name| assert!(data.join(name).exists(), "{name}"));
    let went = ran(&mut gc(&data, &[])).expect(0).json();
    assert_eq!((&went["removed"], &went["files"]), (&would["removed"], &would["files"]));
    let count = |sort: &str| went["removed"][sort]["count"].as_u64().unwrap_or(0);
    assert_eq!([count("document"), count("cache"), count("temporary"), count("old-database")], [1, 3, 2, 1], "{went}");
    unnamed.iter().for_each(|name| assert!(!data.join(name).exists(), "{name}"));
    assert!(data.join("cache/nar/waited-for.nar").exists());
    assert_eq!(fs::read(document(&data)).unwrap(), before);
    // The policy of this world is none that says how long anything is kept.
    assert!(went["kept"][0]["why"].as_str().unwrap().contains("cannot be read here"), "{went}");
    assert_eq!(fsck(&data, 0)["checked"]["batches"], 1);
    assert_eq!(ran(&mut gc(&data, &[])).expect(0).json()["removed"], serde_json::json!({}));
}

#[test]
fn nothing_goes_while_somebody_serves_or_reads() {
    let (dir, depot) = used();
    let data = dir.path().join("data");
    let said = ran(&mut gc(&data, &[])).expect(2).stderr;
    assert!(said.contains("another writ-depot is running"), "{said}");
    ran(&mut gc(&data, &["--dry-run"])).expect(0);
    assert!(depot.stop().success());
    let reading = fs::File::open(data.join("readers")).unwrap();
    rustix::fs::flock(&reading, rustix::fs::FlockOperation::LockShared).unwrap();
    let said = ran(&mut gc(&data, &[])).expect(2).stderr;
    assert!(said.contains("a backup, an archive or a check is reading"), "{said}");
    drop(reading);
    ran(&mut gc(&data, &[])).expect(0);
    // The directory may be somebody else's, as of a mount point, with what the file system has at its top.
    std::os::unix::fs::chown(&data, Some(65_534), None).unwrap();
    fs::create_dir(data.join("lost+found")).unwrap();
    fs::write(data.join("lost+found/1.writ-tmp"), "x").unwrap();
    ran(&mut gc(&data, &[])).expect(0);
    assert_eq!(codes(&fsck(&data, 0)), [""; 0]);
    assert!(data.join("lost+found/1.writ-tmp").exists(), "it is not the depot's");
    // What another user makes beside a database, its owner could not use.
    std::os::unix::fs::chown(data.join("depot.sqlite"), Some(65_534), None).unwrap();
    let said = ran(&mut gc(&data, &[])).expect(2).stderr;
    assert!(said.contains("belongs to the user with the number 65534"), "{said}");
    ran(&mut command("fsck", &data)).expect(0);
}
