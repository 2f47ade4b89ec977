//! What `writ audit fetch` keeps when it is lied to, killed, or cut off from power.

use std::fs;
use std::process::{Command, Stdio};

use writ_trust::log::checkpoint::{Checkpoint, SignedCheckpoint};
use writ_trust::minisign::SecretKey;
use writ_wire::evidence_page::EvidencePage;
use writ_wire::releases::LoggedRelease;
use writ_wire::{Blob, Signed};

use crate::depot::{Depot, Line, ORIGIN, now};
use crate::desk::{Desk, SITE};
use crate::fetch::{arguments, verified, with_evidence};

/// Signature files that are none of anybody's, under the names of true ones.
fn exchanged(signed: &mut Signed) {
    for signature in &mut signed.signatures {
        let text = String::from_utf8(signature.0.clone()).unwrap();
        // The key id stays, what follows it does not hold.
        let line = text.lines().nth(1).unwrap();
        let middle = line.len() / 2;
        let other = if line.as_bytes()[middle] == b'A' { 'B' } else { 'A' };
        let altered = format!("{}{other}{}", &line[..middle], &line[middle + 1..]);
        *signature = Blob(text.replacen(line, &altered, 1).into_bytes());
    }
}

#[test]
fn a_lie_about_signatures_leaves_nothing_behind() {
    let (desk, depot, _appliance) = with_evidence(3);
    let line = Line::to(&depot);
    // Of bundles.
    line.lie(|target, code, body| match EvidencePage::parse(&body) {
        Ok(mut page) if target.contains("/bundles?") => {
            page.bundles.iter_mut().for_each(|bundle| exchanged(&mut bundle.bundle));
            (code, page.canonical())
        }
        _ => (code, body),
    });
    let (_, said) = desk.expect(&arguments(&line.url), 1);
    assert!(said.contains("gives it unsigned"), "{said}");
    assert!(!desk.path(&format!("audit/evidence/{SITE}")).exists());
    line.honest();
    desk.ok(&arguments(&line.url));
    verified(&desk, 0);
    // Of a release.
    fs::remove_dir_all(desk.path("audit")).unwrap();
    line.lie(|target, code, body| {
        if target.ends_with("/1-1") {
            let mut logged = LoggedRelease::parse(&body).unwrap();
            exchanged(&mut logged.release);
            return (code, logged.canonical());
        }
        (code, body)
    });
    let (_, said) = desk.expect(&arguments(&line.url), 1);
    assert!(said.contains("without the signatures that it takes"), "{said}");
    assert!(!desk.names("audit").iter().any(|name| name.contains("/release.json")));
    line.honest();
    desk.ok(&arguments(&line.url));
    verified(&desk, 0);
}

#[test]
fn a_release_that_nobody_signed_is_not_taken_from_a_list() {
    // A site that has no log yet.
    let desk = Desk::logged();
    fs::remove_dir_all(desk.path("releases/trust")).unwrap();
    let keys = ["alice.pub:trust,release", "cache-1.pub:cache", "depot-log.pub:log", "reader.pub:read"];
    let keys: Vec<String> = keys.iter().flat_map(|key| ["--key".to_owned(), format!("keys/{key}")]).collect();
    let init =
        ["trust", "init", "--out", "releases/trust/1.json", "--threshold", "trust=1", "--threshold", "release=1"];
    desk.ok(&init.into_iter().chain(keys.iter().map(String::as_str)).collect::<Vec<_>>());
    desk.sign_root(1);
    fs::copy(desk.path("releases/trust/1.json"), desk.path("first-root.json")).unwrap();
    let depot = Depot::start(&desk, "depot");
    desk.release_to("draft-1", &depot.url);
    let line = Line::to(&depot);
    line.lie(|target, code, body| match LoggedRelease::parse(&body) {
        Ok(mut logged) if target.ends_with("/1-1") => {
            logged.release.signatures.clear();
            (code, logged.canonical())
        }
        _ => (code, body),
    });
    let (_, said) = desk.expect(&arguments(&line.url), 1);
    assert!(said.contains("the depot lists it and gives it without the signatures"), "{said}");
    line.honest();
    desk.ok(&arguments(&line.url));
    verified(&desk, 0);
}

/// A folder from a depot whose log took over from another one.
fn taken_over() -> (Desk, Depot) {
    let (desk, depot, _appliance) = with_evidence(3);
    desk.ok(&arguments(&depot.url));
    desk.draft_restart(&format!("audit/log/{SITE}/1/checkpoint"));
    desk.sign_restart();
    desk.ok(&["log", "publish", "restart.json", "--trust", "releases/trust", "--depot", &depot.url]);
    desk.ok(&arguments(&depot.url));
    verified(&desk, 0);
    (desk, depot)
}

#[test]
fn an_order_whose_signer_was_revoked_is_asked_for_again() {
    let (desk, depot) = taken_over();
    desk.key("carol");
    // As of a time before which no log held anything.
    let revoke = ["--key", "keys/carol.pub:trust,release", "--revoke", "keys/alice.pub=2026-01-01T00:00:00Z"];
    desk.ok(&[&["trust", "next", "--from", "releases/trust"], &revoke[..]].concat());
    desk.sign_root(3);
    let carol = ["--key", "keys/carol.key", "--passphrase-file", "pass"];
    desk.ok(&[&["trust", "sign", "releases/trust/3.json"], &carol[..]].concat());
    let roots = fs::read(desk.path("restart.json")).unwrap();
    let line = Line::to(&depot);
    // The depot has the new root, and no more signatures than before.
    let root = Signed {
        document: Blob(desk.read("releases/trust/3.json")),
        signatures: desk
            .names("releases/trust")
            .iter()
            .filter(|name| name.starts_with("3.json."))
            .map(|name| Blob(desk.read(&format!("releases/trust/{name}"))))
            .collect(),
    };
    let shown = root.canonical();
    let root = shown.clone();
    line.lie(move |target, code, body| if target == "/trust/3" { (200, root.clone()) } else { (code, body) });
    let (_, said) = desk.expect(&arguments(&line.url), 1);
    assert!(said.contains("2/restart.json") && said.contains("0 of the 1"), "{said}");
    desk.ok(&[&["log", "sign", "restart.json", "--trust", "releases/trust"], &carol[..]].concat());
    let by_carol = format!("restart.json.{}.minisig", desk.key_id("carol"));
    let order = Signed { document: Blob(roots), signatures: vec![Blob(desk.read(&by_carol))] }.canonical();
    line.lie(move |target, code, body| match target {
        "/trust/3" => (200, shown.clone()),
        _ if target.ends_with("/2/restart") => (code, order.clone()),
        _ => (code, body),
    });
    desk.ok(&arguments(&line.url));
    let (problems, report) = verified(&desk, 1);
    assert!(!problems.contains("restart.json"), "{problems}");
    // The releases by a revoked key are another matter.
    assert!(problems.contains("revoked"), "{report}");
}

#[test]
fn a_log_that_was_taken_over_from_is_neither_forked_nor_withheld_unsaid() {
    let (desk, depot) = taken_over();
    let line = Line::to(&depot);
    let key = desk.open_key("depot-log");
    let offer = |size: u64, root: [u8; 32], key: &SecretKey| {
        let note =
            SignedCheckpoint::sign(Checkpoint { origin: ORIGIN.into(), size, root }, key, now()).note.into_bytes();
        line.lie(
            move |target, code, body| {
                if target.ends_with("/1/checkpoint") { (code, note.clone()) } else { (code, body) }
            },
        );
    };
    for (size, why) in [(5, "two histories"), (8, "tile")] {
        offer(size, [9; 32], &key);
        let said = desk.refused(&arguments(&line.url));
        assert!(said.contains("does not continue the one") && said.contains(why), "{said}");
        assert!(desk.path(&format!("audit/.fetch/refused/{SITE}-1-checkpoint.{size}")).exists());
    }
    // A true beginning, another one (of a depot that went on from an old copy for a while), and none at all: what is here
    // is more.
    for (size, root, refused) in [(0, writ_trust::log::tree::EMPTY_ROOT, false), (2, [9; 32], true)] {
        offer(size, root, &key);
        let (_, said) = desk.expect(&arguments(&line.url), 0);
        assert!(said.contains("is kept as it is here") && said.contains("no beginning") == refused, "{said}");
        assert_eq!(desk.path(&format!("audit/.fetch/refused/{SITE}-1-checkpoint.{size}")).exists(), refused);
    }
    line.lie(|target, code, body| if target.ends_with("/1/checkpoint") { (404, vec![]) } else { (code, body) });
    desk.ok(&arguments(&line.url));
    verified(&desk, 0);
    // Whoever never had it is told.
    fs::remove_dir_all(desk.path("audit")).unwrap();
    let (_, said) = desk.expect(&arguments(&line.url), 1);
    assert!(said.contains(&format!("log/{SITE}/1/checkpoint")) && said.contains("does not give it"), "{said}");
    let (_, report) = verified(&desk, 1);
    assert_eq!(report["log"], "not verified");
}

/// Everything of a folder but what a fetch remembers for itself.
fn fetched(desk: &Desk) -> Vec<(String, Vec<u8>)> {
    desk.files("audit").into_iter().filter(|(name, _)| !name.starts_with(".fetch/")).collect()
}

#[test]
fn a_fetch_that_is_killed_anywhere_goes_on_to_the_same_folder() {
    let (desk, depot, mut appliance) = with_evidence(3);
    desk.ok(&arguments(&depot.url));
    fs::rename(desk.path("audit"), desk.path("before")).unwrap();
    (0..3).for_each(|_| drop(appliance.deliver(90)));
    let again = || {
        let _ = fs::remove_dir_all(desk.path("audit"));
        for (name, bytes) in desk.files("before") {
            let path = desk.path("audit").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    };
    again();
    desk.ok(&arguments(&depot.url));
    let whole = fetched(&desk);
    let mut killed = 0;
    for (call, moments) in [
        ("rename", &[1, 2, 3, 4, 5, 6, 8, 9, 100, 400, 560][..]),
        ("unlink", &[1, 2, 3, 4, 5]),
        ("syncfs", &[1, 2, 3]),
        ("fsync", &[1, 2, 3, 4]),
        ("rmdir", &[1, 2, 3]),
    ] {
        for nth in moments {
            again();
            let inject = format!("inject={call}:signal=KILL:when={nth}");
            let status = Command::new("strace")
                .args(["-f", "-qq", "-o", "/dev/null", "-e", &inject, env!("CARGO_BIN_EXE_writ")])
                .args(arguments(&depot.url))
                .current_dir(desk.path(""))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .expect("strace is installed");
            killed += usize::from(!status.success());
            desk.ok(&arguments(&depot.url));
            let there = fetched(&desk);
            let names = |all: &[(String, Vec<u8>)]| all.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
            assert_eq!(names(&there), names(&whole), "{inject}");
            assert!(there == whole, "{inject}: another content");
        }
    }
    verified(&desk, 0);
    assert!(killed > 12, "only {killed} runs were killed");
}

#[test]
fn what_a_power_cut_left_empty_is_fetched_again() {
    let (desk, depot, _appliance) = with_evidence(5);
    let line = Line::to(&depot);
    // The log came, and half of the evidence.
    line.lie(|target, code, body| match EvidencePage::parse(&body) {
        Ok(mut page) if target.contains("/bundles?") => {
            page.bundles.retain(|bundle| bundle.index != 3);
            (code, page.canonical())
        }
        _ => (code, body),
    });
    desk.expect(&arguments(&line.url), 1);
    for (name, _) in fetched(&desk) {
        let late = ["/3-EB-", "/4-EB-", "/documents/"].iter().any(|part| name.contains(part));
        if late || name.starts_with("documents/") {
            fs::write(desk.path("audit").join(name), "").unwrap();
        }
    }
    line.honest();
    desk.ok(&arguments(&line.url));
    verified(&desk, 0);
    // Also what was staged of the log.
    let staged = format!("audit/.fetch/log/{SITE}/1/tile/entries");
    fs::remove_dir_all(desk.path(&format!("audit/log/{SITE}"))).unwrap();
    fs::create_dir_all(desk.path(&format!("{staged}/000.p"))).unwrap();
    desk.put(&format!("{staged}/000.p/7"), "");
    desk.ok(&arguments(&line.url));
    verified(&desk, 0);
}
