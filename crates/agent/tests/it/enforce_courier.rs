//! A hostile courier: whatever it lays into the inbox, nothing is followed, nothing is waited for, the running generation stays,
//! and what was wrong is told by name.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::Value;
use writ_evidence::Kind;
use writ_trust::digest::Digest;

use crate::site_log::{Log, ORIGIN, put_receipt};
use crate::support::{SITE, Site, chmod, key, mode, until};

/// A site that obeys release 10 and is offered release 11, which is good in every way.
fn offered() -> (Site, Log) {
    let site = Site::logged_by(&[ORIGIN]);
    let mut policy = site.policy();
    site.file_check(&mut policy, "motd");
    let mut log = Log::new(ORIGIN, 1);
    log.others(5);
    log.publish(&site, 10, &policy);
    site.once_is(0);
    site.file_check(&mut policy, "more");
    log.publish(&site, 11, &policy);
    (site, log)
}

fn obeyed(site: &Site) -> u64 {
    site.bundles().last().unwrap().release.map_or(0, |release| release.serial.get())
}

fn refusals(site: &Site) -> Vec<(String, String)> {
    let refused = site.of_kind(Kind::Refused).into_iter().map(|bundle| bundle.refused.unwrap());
    refused.map(|refused| (refused.what, refused.rule)).collect()
}

/// Everything that a look reads, by what it is called in evidence.
fn places(site: &Site, log: &Log) -> Vec<(&'static str, PathBuf)> {
    let release = site.release_dir("1-11");
    let bytes: Value = serde_json::from_slice(&fs::read(release.join("release.json")).unwrap()).unwrap();
    let digest: Digest = bytes["generations"]["front-desk"]["policy"]["digest"].as_str().unwrap().parse().unwrap();
    let signature = format!("release.json.{}.minisig", site.release_key.key_id());
    vec![
        ("release", release.join("release.json")),
        ("release", release.join(signature)),
        ("release", release.join("release.receipt.json")),
        ("policy", site.path("releases/documents").join(format!("{}.json", digest.hex()))),
        ("log", log.folder(site).join("checkpoint")),
        ("log", log.folder(site).join("tile/0/000.p/7")),
        ("courier-key", site.path("releases/courier.pub")),
        ("trust-root", site.path("releases/trust/2.json")),
    ]
}

/// What the courier does with a file.
type Trick = fn(&Site, &Path);

const TRICKS: [(&str, Trick); 6] = [
    ("a pipe", |_, path| mknodat(CWD, path, FileType::Fifo, Mode::RUSR, 0).unwrap()),
    ("a link to a file of root's", |site, path| symlink(site.path("etc/key"), path).unwrap()),
    ("a link to an endless device", |_, path| symlink("/dev/zero", path).unwrap()),
    ("a huge file", |_, path| fs::File::create(path).unwrap().set_len(1 << 40).unwrap()),
    ("half a file", |site, path| {
        let whole = fs::read(site.path("original")).unwrap();
        fs::write(path, &whole[..whole.len() / 2]).unwrap();
    }),
    ("a folder", |_, path| fs::create_dir(path).unwrap()),
];

#[test]
fn no_kind_of_file_in_any_place_disturbs_what_runs() {
    let secret = || -> String { key(3).to_open_file().lines().last().unwrap().to_owned() };
    for at in 0..8 {
        for (trick, play) in TRICKS {
            let (site, log) = offered();
            fs::write(site.path("releases/courier.pub"), key(20).public_key().to_file()).unwrap();
            let root = site.root_bytes(2, &[ORIGIN]);
            site.put_signed("trust/2.json", &root, &site.trust_key);
            let (what, path) = places(&site, &log).swap_remove(at);
            let place = format!("{trick} as {}", path.display());
            fs::rename(&path, site.path("original")).unwrap();
            play(&site, &path);
            chmod(&site.path("target/motd"), 0o600);
            let said = site.once_is(0);
            site.once_is(0);
            assert_eq!(mode(&site.path("target/motd")), 0o644, "{place}");
            // Only the release with something wrong about it is held back.
            let expected =
                if matches!(what, "release" | "policy") || path.ends_with("tile/0/000.p/7") { 10 } else { 11 };
            assert_eq!(obeyed(&site), expected, "{place}: {said}");
            let refusals = refusals(&site);
            assert!(refusals.iter().any(|(found, _)| found == what), "{place}: {refusals:?}");
            assert!(refusals.iter().all(|(_, rule)| rule != "log-consistency"), "{place}: nobody is accused");
            assert!(refusals.len() <= 3, "{place}: told once: {refusals:?}");
            assert_eq!(site.path("presence/courier.json").exists(), what != "courier-key", "{place}");
            let evidence: String = site.bundles().iter().map(|b| serde_json::to_string(b).unwrap()).collect();
            assert!(!evidence.contains(&secret()) && !said.contains(&secret()), "{place}: a secret got out");
            // What is made good is taken up.
            if path.is_dir() {
                fs::remove_dir(&path).unwrap()
            } else {
                fs::remove_file(&path).unwrap()
            }
            fs::rename(site.path("original"), &path).unwrap();
            site.once_is(0);
            assert_eq!(obeyed(&site), 11, "{place}");
        }
    }
}

#[test]
fn thousands_of_files_in_every_folder_end_a_look_all_the_same() {
    let (site, log) = offered();
    let good = site.release_dir("1-11");
    let fill = |folder: &Path, name: &dyn Fn(u32) -> String, bytes: &[u8]| {
        fs::create_dir_all(folder).unwrap();
        (0..4000).for_each(|n| fs::write(folder.join(name(n)), bytes).unwrap());
    };
    fill(&good, &|n| format!("release.json.{n:016X}.minisig"), b"x");
    fill(&log.folder(&site).join("tile/0/000.p"), &|n| format!("{n}x"), b"x");
    fill(&log.folder(&site), &|n| format!("restart.json.{n:016X}.minisig"), b"x");
    fill(&site.path("releases/documents"), &|n| format!("{n:064x}.json"), b"x");
    fill(&site.path("releases/receipts"), &|n| format!("{n}-EB-20261123-{n:04}.receipt.json"), b"x");
    fill(&site.path("releases/trust"), &|n| format!("{}.json", n + 3), b"x");
    for serial in 100..3000 {
        fs::create_dir_all(site.release_dir(&format!("1-{serial}"))).unwrap();
        fs::write(site.release_dir(&format!("1-{serial}")).join("release.json"), format!("{serial}")).unwrap();
    }
    chmod(&site.path("target/motd"), 0o600);
    let daemon = site.daemon();
    until("healed", || (mode(&site.path("target/motd")) == 0o644).then_some(()));
    // Names that change at every look must not fill the outbox with refusals.
    let mut round = 0;
    let mut change = || {
        round += 1;
        for serial in 2980..3000 {
            let path = site.release_dir(&format!("1-{serial}")).join("release.json");
            writ_durable::replace(&path, format!("{serial} {round}").as_bytes(), 0o644).unwrap();
        }
    };
    until("the flood is told", || {
        change();
        refusals(&site).iter().any(|(_, rule)| rule == "refusals-bounded").then_some(())
    });
    change();
    chmod(&site.path("target/motd"), 0o600);
    until("healed again", || (site.incidents().closed.len() == 2).then_some(()));
    assert_eq!(daemon.stop(), Some(0));
    assert_eq!(refusals(&site).len(), 33, "bounded");
    assert_eq!(obeyed(&site), 10);
}

/// Files change while they are read: what is obeyed was whole and signed at every moment.
#[test]
fn swapping_files_under_a_look_gets_nothing_in() {
    let (site, log) = offered();
    let swaps: Vec<(PathBuf, Vec<u8>, Vec<u8>)> = places(&site, &log)
        .into_iter()
        .filter(|(what, _)| !matches!(*what, "courier-key" | "trust-root"))
        .map(|(_, path)| {
            let good = fs::read(&path).unwrap();
            let mut bad = good.clone();
            let middle = bad.len() / 2;
            bad[middle] ^= 1;
            (path, good, bad)
        })
        .collect();
    let stop = AtomicBool::new(false);
    let daemon = std::thread::scope(|scope| {
        let swapper = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for (path, good, bad) in &swaps {
                    // In place and by a rename, half and whole.
                    fs::write(path, &bad[..bad.len() / 3]).unwrap();
                    fs::write(path, bad).unwrap();
                    fs::write(path.with_extension("swap"), good).unwrap();
                    fs::rename(path.with_extension("swap"), path).unwrap();
                }
            }
        });
        let daemon = site.daemon();
        for round in 0..20 {
            until("it runs", || site.log().contains("watching").then_some(()));
            chmod(&site.path("target/motd"), 0o600);
            until("healed", || (site.incidents().closed.len() == round + 1).then_some(()));
        }
        stop.store(true, Ordering::Relaxed);
        swapper.join().unwrap();
        daemon
    });
    until("what is good is taken up", || (obeyed(&site) == 11).then_some(()));
    assert_eq!(daemon.stop(), Some(0));
    let releases: Vec<Value> =
        site.bundles().iter().filter_map(|b| Some(serde_json::to_value(b.release.as_ref()?).unwrap())).collect();
    let good =
        |serial: u64| Digest::of(&fs::read(site.release_dir(&format!("1-{serial}")).join("release.json")).unwrap());
    assert!(releases.iter().all(|release| {
        let serial = release["serial"].as_u64().unwrap();
        release["digest"] == good(serial).to_string()
    }));
    assert!(refusals(&site).iter().all(|(_, rule)| rule != "log-consistency"), "{:?}", refusals(&site));
}

/// The inbox itself may be exchanged for a link, or go.
#[test]
fn the_inbox_may_vanish_or_lead_elsewhere() {
    let (site, _) = offered();
    fs::rename(site.path("releases"), site.path("away")).unwrap();
    site.once_is(0);
    symlink(site.path("etc"), site.path("releases")).unwrap();
    site.once_is(0);
    assert_eq!(obeyed(&site), 10);
    fs::remove_file(site.path("releases")).unwrap();
    fs::rename(site.path("away"), site.path("releases")).unwrap();
    put_receipt(&site, 11, b"{}");
    site.once_is(0);
    assert_eq!(refusals(&site), [("release".to_owned(), "log-inclusion".to_owned())]);
    assert!(site.path("releases/releases").join(SITE).is_dir());
}
