//! `writ verify`.

use std::fs;

use serde_json::Value;

use crate::desk::{Desk, SITE};

const VERIFY: [&str; 4] = ["verify", "releases", "--trust", "first-root.json"];

fn two_releases() -> Desk {
    let desk = Desk::published();
    desk.retitle("Two");
    desk.release("draft-2");
    desk
}

fn file(number: &str) -> String {
    format!("releases/releases/{SITE}/{number}/release.json")
}

#[test]
fn it_says_what_holds_and_what_was_not_looked_at() {
    let desk = two_releases();
    let shown = desk.ok(&VERIFY);
    for part in [
        "verified      clinic-001 1-2: signed by alice under trust root 1",
        "verified      clinic-001: 2 releases",
        "verified      clinic-001 1-2 front-desk: acceptable now",
        "not verified  clinic-001 1-2 front-desk: that the site's log includes it: not configured",
        "not verified  trust: that first-root.json is the root you were given",
    ] {
        assert!(shown.contains(part), "no {part:?} in\n{shown}");
    }
    let json: Value = serde_json::from_str(&desk.ok(&[&VERIFY[..], &["--json"]].concat())).unwrap();
    assert_eq!((&json["schema"], &json["holds"]), (&"writ.verify.v1".into(), &true.into()));
    let one = desk.ok(&[&VERIFY[..], &["--site", SITE, "--appliance", "front-desk"]].concat());
    assert!(!one.contains("back-office"), "{one}");
    let alone = desk.ok(&["verify", &file("1-2"), "--trust", "first-root.json"]);
    assert!(alone.contains("only one release was given") && alone.contains("policy sha256:"), "{alone}");
    fs::create_dir(desk.path("stick")).unwrap();
    for name in desk.names(&format!("releases/releases/{SITE}/1-2")) {
        fs::copy(desk.path(&format!("releases/releases/{SITE}/1-2/{name}")), desk.path(&format!("stick/{name}")))
            .unwrap();
    }
    let alone = desk.ok(&["verify", "stick/release.json", "--trust", "first-root.json"]);
    assert!(alone.contains("its documents: they are not beside it"), "{alone}");
}

/// Every alteration fails, and the output names the place.
#[test]
fn every_alteration_is_named() {
    let desk = two_releases();
    let old: Value = serde_json::from_slice(&desk.read(&file("1-1"))).unwrap();
    let policy = old["generations"]["front-desk"]["policy"]["digest"].as_str().unwrap().replace("sha256:", "");
    let policy = format!("releases/documents/{policy}.json");
    let failed = |place: &str, why: &str| {
        let (shown, _) = desk.expect(&VERIFY, 1);
        let line = shown.lines().find(|l| l.starts_with("FAILED") && l.contains(place) && l.contains(why));
        assert!(line.is_some(), "no FAILED {place:?} {why:?} in\n{shown}");
    };
    for (target, place, why) in [
        (file("1-2"), "clinic-001 1-2", "altered"),
        (format!("{}.minisig", file("1-1")), "", ""),
        (policy.clone(), "clinic-001 1-1 front-desk", "it was altered"),
    ] {
        let good = desk.read(&target);
        desk.flip(&target);
        if !why.is_empty() {
            failed(place, why);
        } else {
            // The same signature stands under its key's id: one of two copies may go.
            desk.ok(&VERIFY);
        }
        desk.put(&target, good);
    }
    let kept = desk.read(&policy);
    fs::remove_file(desk.path(&policy)).unwrap();
    failed("clinic-001 1-1 front-desk", "cannot read the policy");
    desk.put(&policy, kept);

    let site = format!("releases/releases/{SITE}");
    fs::rename(desk.path(&format!("{site}/1-1")), desk.path("kept")).unwrap();
    failed("clinic-001", "not among the releases given");
    fs::rename(desk.path("kept"), desk.path(&format!("{site}/1-7"))).unwrap();
    failed("clinic-001 1-7", "stands under another number");
    fs::rename(desk.path(&format!("{site}/1-7")), desk.path(&format!("{site}/1-1"))).unwrap();
    desk.ok(&VERIFY);
}

#[test]
fn an_unreadable_release_is_a_finding_among_others() {
    let desk = two_releases();
    for (unreadable, other) in [("1-1", "1-2"), ("1-2", "1-1")] {
        let kept = desk.read(&file(unreadable));
        for too_large in [false, true] {
            fs::remove_file(desk.path(&file(unreadable))).unwrap();
            if too_large {
                desk.put(&file(unreadable), vec![b' '; 5 << 20]);
            } else {
                fs::create_dir(desk.path(&file(unreadable))).unwrap();
            }
            let (shown, _) = desk.expect(&VERIFY, 1);
            assert!(
                shown.contains(&format!("FAILED        clinic-001 {unreadable}: cannot read the release")),
                "{shown}"
            );
            assert!(shown.contains(&format!("clinic-001 {other}: signed by alice")), "{shown}");
            if !too_large {
                fs::remove_dir(desk.path(&file(unreadable))).unwrap();
            }
            desk.put(&file(unreadable), &kept);
        }
    }
    desk.ok(&VERIFY);
}

#[test]
fn only_the_given_root_is_trusted() {
    let (desk, other) = (Desk::published(), Desk::of_others());
    fs::copy(other.path("first-root.json"), desk.path("other-root.json")).unwrap();
    let said = desk.refused(&["verify", "releases", "--trust", "other-root.json"]);
    assert!(said.contains("1.json") && said.contains("does not continue"), "{said}");
    // A whole folder of somebody else's, in place of ours.
    fs::remove_dir_all(desk.path("releases/trust")).unwrap();
    fs::create_dir(desk.path("releases/trust")).unwrap();
    let (shown, _) = desk.expect(&["verify", "releases", "--trust", "other-root.json"], 1);
    assert!(shown.contains("FAILED") && shown.contains("no signature over these bytes"), "{shown}");
    desk.ok(&VERIFY);
}

#[test]
fn time_is_judged() {
    let desk = Desk::published();
    let at = |time: &'static str, code| desk.expect(&[&VERIFY[..], &["--at", time]].concat(), code).0;
    assert!(at("2099-01-01T00:00:00Z", 1).contains("root 1 expired"));
    assert!(at("2099-01-01T00:00:00Z", 1).contains("rule trust-expiry"));
    assert!(at("2000-01-01T00:00:00Z", 1).contains("counts only from"));
    desk.could_not(&[&VERIFY[..], &["--at", "yesterday"]].concat());
}

#[test]
fn what_is_not_there_is_no_success() {
    let desk = Desk::published();
    desk.could_not(&["verify", "nowhere", "--trust", "first-root.json"]);
    desk.could_not(&["verify", "keys", "--trust", "first-root.json"]);
    desk.could_not(&["verify", "releases", "--trust", "nowhere.json"]);
    desk.could_not(&[&VERIFY[..], &["--site", "clinic-009"]].concat());
    desk.could_not(&[&VERIFY[..], &["--appliance", "front-desk"]].concat());
    let (shown, _) = desk.expect(&[&VERIFY[..], &["--site", SITE, "--appliance", "nobody"]].concat(), 1);
    assert!(shown.contains("no entry for nobody"), "{shown}");
    let (shown, _) = desk.expect(&["verify", &file("1-1"), "--trust", "first-root.json", "--site", "clinic-002"], 1);
    assert!(shown.contains("not of clinic-002"), "{shown}");
    desk.could_not(&["release", "show", "keys"]);
}
