//! What the pages show, and what they do not.

use std::fs;

use writ_trust::digest::Digest;

use crate::client::Browser;
use crate::inside::{Clinics, Inside, OPERATOR, PEOPLE, crawl, noon};
use crate::world::{DAY, World, key, morning, policy_json};

#[test]
fn every_page_is_there_without_a_script() {
    let clinics = Clinics::new("");
    let inside = clinics.portal();
    let pages = crawl(&inside.signed_in(OPERATOR), 400);
    for wanted in [
        "/",
        "/checklists",
        "/exceptions",
        "/learning",
        "/procedures",
        "/procedures/audit",
        "/site/clinic-001",
        "/site/clinic-001/bundles",
        "/site/clinic-001/controls",
        "/site/clinic-001/controls/164.312(c)(1)",
        "/site/clinic-001/incidents",
        "/site/clinic-001/releases",
        "/site/clinic-001/releases/1-2",
        "/site/clinic-001/verification",
        "/views",
    ] {
        assert!(pages.iter().any(|(path, _)| path == wanted), "{wanted} is not linked");
    }
    assert!(pages.iter().any(|(path, _)| path.starts_with("/site/clinic-001/incidents/front-desk/INC-")));
    for (path, text) in &pages {
        assert!(!text.contains("<script") && !text.contains(" onclick="), "{path}");
        assert!(text.contains("<h1>") && text.contains("<title>") && text.contains("lang=\"en\""), "{path}");
        assert!(!text.contains("href=\"http") || path.starts_with("/procedures/"), "{path} leads elsewhere");
        assert!(!text.contains(" src="), "{path} loads something");
        assert!(!text.contains("style=\""), "{path}: a style that the policy forbids");
    }
}

fn page<'p>(pages: &'p [(String, String)], path: &str) -> &'p str {
    &pages.iter().find(|(found, _)| found == path).unwrap_or_else(|| panic!("{path}")).1
}

#[test]
fn pages_tell_what_the_evidence_says() {
    let clinics = Clinics::new("");
    let inside = clinics.portal();
    let pages = crawl(&inside.signed_in(OPERATOR), 400);
    let of = |path: &str| page(&pages, path);
    let fleet = of("/");
    let (first, second) = (fleet.find("/site/clinic-001").unwrap(), fleet.find("/site/clinic-002").unwrap());
    assert!(first < second, "the one with an open incident first");
    let site = of("/site/clinic-001");
    assert!(site.contains("Verified.") && site.contains("Open incidents") && site.contains("front-desk"), "{site}");
    let release = of("/site/clinic-001/releases/1-2");
    assert!(
        release.contains("signer (") && release.contains("checks.backup.job.severity") && release.contains("weaker"),
        "{release}"
    );
    assert!(release.contains("weaken protection"), "{release}");
    assert!(of("/site/clinic-001/releases/1-1").contains("Before it"), "the first has none before it");
    let learning = of("/learning");
    assert!(
        learning.contains("service_stopped") && learning.contains("candidate") && learning.contains("100\u{a0}%"),
        "{learning}"
    );
    assert!(of("/exceptions").contains("EX-2026-002") && of("/exceptions").contains("2027-03-01"));
    assert!(of("/checklists").contains("never") && of("/checklists").contains("due"));
    let control = of("/site/clinic-001/controls/164.308(a)(7)(ii)(A)");
    assert!(control.contains("Longest gap / allowed") && control.contains("baselines/hipaa/"), "{control}");
    let (_, story) =
        pages.iter().find(|(path, text)| path.contains("/incidents/front-desk/") && text.contains("L1")).unwrap();
    assert!(story.contains("was resolved by the appliance (L1)") && story.contains("/bundles/"), "{story}");
    for (path, text) in pages.iter().filter(|(path, _)| path.starts_with("/site/clinic-001")) {
        assert!(text.contains("was read and verified at 2026-11-23 17:00:00 UTC"), "{path}");
    }
    let (_, parts) = pages.iter().find(|(path, _)| path == "/checklists?page=2").expect("more than one part");
    assert!(parts.contains("Part 2 of"));
}

#[test]
fn the_bytes_are_those_of_the_folder_and_minisign_takes_them() {
    let clinics = Clinics::new("");
    let inside = clinics.portal();
    let browser = inside.signed_in(OPERATOR);
    let file = clinics.bundles.last().unwrap();
    let path = format!(
        "/site/clinic-001/bundles/{}",
        file.strip_prefix("evidence/clinic-001/").unwrap().trim_end_matches(".json")
    );
    let told = browser.page(&path);
    let bytes = fs::read(clinics.dir.path().join(file)).unwrap();
    assert!(told.contains(&Digest::of(&bytes).to_string()) && told.contains("minisign -Vm"), "{told}");
    let raw = browser.get(&format!("{path}/raw"));
    assert_eq!(raw.body, bytes);
    assert_eq!(raw.header("content-type"), Some("application/octet-stream"));
    assert!(raw.header("content-disposition").unwrap().starts_with("attachment; filename=\""));
    let signature = browser.get(&format!("{path}/signature"));
    assert_eq!(signature.body, fs::read(clinics.dir.path().join(format!("{file}.minisig"))).unwrap());
    assert_eq!(browser.get(&format!("{path}/receipt")).status, 404, "there is no log here");
    // What the page says to type.
    let scratch = tempfile::tempdir().unwrap();
    let name = file.rsplit('/').next().unwrap();
    fs::write(scratch.path().join(name), &raw.body).unwrap();
    fs::write(scratch.path().join(format!("{name}.minisig")), &signature.body).unwrap();
    let command = told.split("<code>minisign").nth(1).and_then(|rest| rest.split("</code>").next()).unwrap();
    let ran = std::process::Command::new("sh")
        .arg("-c")
        .arg(format!("minisign{command}"))
        .current_dir(scratch.path())
        .output()
        .unwrap();
    assert!(ran.status.success(), "{command}: {}", String::from_utf8_lossy(&ran.stderr));
    let release = browser.get("/site/clinic-001/releases/1-3/raw");
    assert_eq!(release.body, fs::read(clinics.dir.path().join("releases/clinic-001/1-3/release.json")).unwrap());
}

#[test]
fn what_does_not_verify_is_not_shown_and_what_changes_later_neither() {
    let clinics = Clinics::new("");
    let at = |file: &str| clinics.dir.path().join(file);
    let path = |file: &str| {
        format!(
            "/site/clinic-001/bundles/{}",
            file.strip_prefix("evidence/clinic-001/").unwrap().trim_end_matches(".json")
        )
    };
    let forge = |file: &str| {
        let text = fs::read_to_string(at(file)).unwrap();
        fs::write(at(file), text.replacen("front-desk", "back-desks", 1)).unwrap();
    };
    let last = clinics.bundles.last().unwrap();
    forge(last);
    let inside = clinics.portal();
    let browser = inside.signed_in(OPERATOR);
    assert_eq!(browser.get(&path(last)).status, 404);
    assert!(browser.page("/site/clinic-001").contains("Not verified."));
    let problems = browser.page("/site/clinic-001/verification");
    assert!(problems.contains("altered") && problems.contains(last.as_str()), "{problems}");
    assert!(browser.page("/").contains("not verified"));
    // Verified, and changed since: its page is taken back.
    let first = &clinics.bundles[0];
    assert_eq!(browser.get(&path(first)).status, 200);
    forge(first);
    for what in ["", "/raw", "/signature"] {
        let refused = browser.get(&format!("{}{what}", path(first)));
        assert_eq!(refused.status, 409, "{what}");
        assert!(!refused.text().contains("back-desks"));
    }
    fs::remove_file(at(first)).unwrap();
    assert_eq!(browser.get(&path(first)).status, 409);
}

#[test]
fn under_another_trust_root_nothing_is_shown() {
    let clinics = Clinics::new("");
    let other = tempfile::tempdir().unwrap();
    let mut root: serde_json::Value = serde_json::from_slice(&fs::read(&clinics.trust).unwrap()).unwrap();
    root["keys"][0]["public_key"] = writ_trust::minisign::SecretKey::generate(&[9; 40]).public_key().line().into();
    let trust = other.path().join("root.json");
    fs::write(&trust, writ_trust::json::canonical(&root)).unwrap();
    let inside = Inside::over(clinics.dir.path(), &trust, noon(), PEOPLE);
    let browser = inside.signed_in(OPERATOR);
    let fleet = browser.page("/");
    assert!(fleet.contains("not judged") && !fleet.contains("front-desk"), "{fleet}");
    let site = browser.page("/site/clinic-001");
    assert!(site.contains("This site is not judged") && !site.contains("164.308"), "{site}");
    let verification = browser.page("/site/clinic-001/verification");
    assert!(verification.contains("bad"));
    // Not every look verifies the folder anew.
    fs::rename(clinics.dir.path().join("trust"), clinics.dir.path().join("elsewhere")).unwrap();
    assert_eq!(browser.page("/site/clinic-001/verification"), verification);
    for page in ["controls", "bundles", "incidents", "releases"] {
        assert_eq!(browser.get(&format!("/site/clinic-001/{page}")).status, 404, "{page}");
    }
}

#[test]
fn a_site_of_which_an_appliance_was_not_judged_is_not_told_as_shown() {
    let unknown = writ_trust::json::canonical(&serde_json::json!({ "schema": "writ.policy.v9" }));
    let mut world = World::empty();
    world.write(&format!("documents/{}.json", Digest::of(&unknown).hex()), &unknown);
    world.release(1, &policy_json(|_| {}), |release| {
        let mut other = release["generations"]["front-desk"].clone();
        other["public_key"] = key(7).public_key().line().into();
        other["policy"]["schema"] = "writ.policy.v9".into();
        other["policy"]["digest"] = Digest::of(&unknown).to_string().into();
        other["policy"]["size"] = unknown.len().into();
        release["generations"]["back-desk"] = other;
    });
    world.live();
    let trust = tempfile::tempdir().unwrap();
    let file = trust.path().join("root.json");
    fs::write(&file, writ_trust::json::canonical(&world.root)).unwrap();
    let inside = Inside::over(world.path(), &file, morning().plus_millis(DAY), PEOPLE);
    let browser = inside.signed_in(OPERATOR);
    let fleet = browser.page("/");
    assert!(fleet.contains("in part not judged") && fleet.contains("2, 1 silent, 1 not judged"), "{fleet}");
    assert!(fleet.contains(", of what was judged") && !fleet.contains("pill good"), "{fleet}");
    let site = browser.page("/site/clinic-001");
    assert!(site.contains("Verified.") && site.contains("In part not judged"), "{site}");
    assert!(
        site.contains("1 of 2 appliances could not be judged, or not all the time") && site.contains("back-desk: "),
        "{site}"
    );
    assert!(!site.contains("No control that machines decide"), "{site}");
}

#[test]
fn a_page_says_from_which_checkpoint() {
    let world = World::logged();
    let trust = tempfile::tempdir().unwrap();
    let file = trust.path().join("root.json");
    fs::write(&file, writ_trust::json::canonical(&world.root)).unwrap();
    let inside = Inside::over(world.path(), &file, morning().plus_millis(DAY), PEOPLE);
    let browser: Browser = inside.signed_in(OPERATOR);
    let site = browser.page("/site/clinic-001");
    assert!(site.contains("Its log is verified: checkpoint of log.example/clinic-001"), "{site}");
    let bundles = browser.page("/site/clinic-001/bundles");
    let link = bundles
        .split("href=\"")
        .filter_map(|rest| rest.split('"').next())
        .find(|href| href.contains("/bundles/"))
        .unwrap();
    assert!(browser.page(link).contains("receipt"));
    assert_eq!(browser.get(&format!("{link}/receipt")).status, 200);
}
