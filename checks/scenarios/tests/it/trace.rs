//! What reaches the disk, and when, by what the kernel was asked: the floor is on disk before anything of a release runs.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use rustix::process::Signal;
use writ_scenarios::binaries;

use crate::house::House;
use crate::house::systems::System;

/// One system call that ended well, as `strace -y` tells it.
struct Call {
    name: String,
    text: String,
}

#[test]
fn the_floor_is_on_disk_before_anything_is_activated() {
    let house = House::new();
    house.furnish(1);
    house.publish(&house.release_with(5, System { name: "five", ..System::default() }));
    let log = house.path("trace");
    let mut strace = Command::new("strace");
    strace.args([
        "-f",
        "-y",
        "-qq",
        "-s",
        "300",
        "-e",
        "trace=fsync,fdatasync,rename,renameat,renameat2,link,linkat,execve",
    ]);
    strace.arg("-o").arg(&log).arg(binaries::folder().unwrap().join("writ-enforce"));
    strace.arg("--config").arg(house.path("etc/enforce.toml"));
    let mut daemon = house.spawn(strace);
    house.wait_for("release 1-5", || house.obeys().as_deref() == Some("1-5"));
    for pid in house.processes("writ-enforce") {
        rustix::process::kill_process(pid, Signal::TERM).unwrap();
    }
    daemon.wait();

    let calls = calls(&fs::read_to_string(&log).unwrap());
    let state = house.path("state").display().to_string();
    let outbox = house.outbox().display().to_string();
    let stored = |document: &str| replaced(&calls, 0, &format!("{state}/generations/1-5"), document);
    let documents = ["policy.json", "closure.json", "release.json"].map(stored);
    let floor = replaced(&calls, 0, &state, "floor");
    let activated = position(&calls, 0, |c| {
        c.name == "execve" && c.text.contains("/bin/switch-to-configuration\"") && c.text.contains("\"test\"")
    });
    assert!(documents.iter().all(|at| *at < floor), "the documents are on disk before the floor names them");
    assert!(floor < activated, "the floor is on disk (call {floor}) before the activation (call {activated})");

    // The journal, too: a state is on disk before it is acted on.
    let mut journal = 0;
    for state_entered in ["verified", "imported", "testing"] {
        journal = replaced(&calls, journal, &state, "switch.json") + 1;
        assert!(journal <= activated, "{state_entered} is in the journal before the activation");
    }

    // A bundle is shown only when the state that knows of it is on disk.
    let first_state = replaced(&calls, 0, &state, "state.json");
    let first = format!("{outbox}/1-");
    let into_place =
        |c: &Call| ["rename", "link"].iter().any(|verb| c.name.starts_with(verb)) && c.text.contains(&first);
    let shown = position(&calls, 0, into_place);
    assert!(first_state < shown, "the state is on disk (call {first_state}) before a bundle is shown (call {shown})");
    // A bundle leaves the state only when it and its name are on disk.
    let bundle = calls[shown..].iter().find(|c| into_place(c) && !c.text.contains(".minisig")).unwrap();
    let file = bundle.text.split('"').nth(3).unwrap();
    let synced = position(&calls, shown, |c| is_sync(c, file) || is_sync(c, bundle.text.split('"').nth(1).unwrap()));
    position(&calls, synced, |c| is_sync(c, &outbox));
}

/// Where a file was written for good: its bytes fsynced, renamed into place, its folder fsynced; the last of the three.
fn replaced(calls: &[Call], from: usize, folder: &str, name: &str) -> usize {
    let target = format!("\"{folder}/{name}\"");
    let renamed = position(calls, from, |c| c.name.starts_with("rename") && c.text.contains(&target));
    let temporary = calls[renamed].text.split('"').nth(1).unwrap().to_owned();
    let synced = calls[..renamed].iter().rposition(|c| is_sync(c, &temporary));
    assert!(synced.is_some(), "{target} was renamed before its bytes were fsynced");
    position(calls, renamed, |c| is_sync(c, folder))
}

fn is_sync(call: &Call, path: &str) -> bool {
    matches!(call.name.as_str(), "fsync" | "fdatasync") && call.text.contains(&format!("<{path}>"))
}

fn position(calls: &[Call], from: usize, wanted: impl Fn(&Call) -> bool) -> usize {
    let found = calls[from..].iter().position(wanted);
    let text = || calls.iter().map(|c| format!("{} {}\n", c.name, c.text)).collect::<String>();
    from + found.unwrap_or_else(|| panic!("a call is missing after {from} in:\n{}", text()))
}

/// The calls that succeeded, in the order in which they ended.
fn calls(log: &str) -> Vec<Call> {
    let mut unfinished: BTreeMap<&str, String> = BTreeMap::new();
    let mut calls = Vec::new();
    for line in log.lines() {
        let Some((pid, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        if let Some(begun) = rest.strip_suffix("<unfinished ...>") {
            unfinished.insert(pid, begun.to_owned());
            continue;
        }
        let whole = match rest.strip_prefix("<... ").and_then(|r| r.split_once(" resumed>")) {
            Some((_, end)) => unfinished.remove(pid).unwrap_or_default() + end,
            None => rest.to_owned(),
        };
        // strace pads short lines so that results stand in one column.
        let succeeded = whole.rsplit_once('=').is_some_and(|(_, result)| result.trim() == "0");
        if let (true, Some((name, text))) = (succeeded, whole.split_once('(')) {
            calls.push(Call { name: name.to_owned(), text: text.to_owned() });
        }
    }
    calls
}

/// The judge itself: a floor that was renamed without its bytes or its folder being on disk is found.
#[test]
fn a_missing_fsync_is_found() {
    let whole = "7 fsync(5</s/.floor.tmp>) = 0\n7 rename(\"/s/.floor.tmp\", \"/s/floor\") = 0\n\
                 7 fsync(5</s> <unfinished ...>\n8 fsync(6</other>) = 0\n7 <... fsync resumed>)           = 0\n";
    assert_eq!(replaced(&calls(whole), 0, "/s", "floor"), 3);
    for missing in ["7 fsync(5</s/.floor.tmp>) = 0\n", "7 <... fsync resumed>)           = 0\n"] {
        let spoilt = whole.replace(missing, "");
        assert!(std::panic::catch_unwind(|| replaced(&calls(&spoilt), 0, "/s", "floor")).is_err(), "{spoilt}");
    }
}
