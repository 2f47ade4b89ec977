//! Reports: the same evidence gives the same bytes, and they do not change unnoticed.
//!
//! `WRIT_BLESS=1 cargo test -p writ-audit` writes the golden files anew; look at the difference before you keep it.

use std::path::Path;

use serde_json::json;
use writ_audit::compare::{Comparison, compare};
use writ_audit::report::terminal::{self, Look};
use writ_audit::report::{html, json as json_report};
use writ_evidence::Kind;
use writ_evidence::records::{Pause, PauseMeans, PausePhase, Refused, SwitchOutcome};
use writ_policy::outcome::Outcome;

use crate::world::*;

/// The policy as one of the newer schema, where a control that people carry out says when, by whom, and what is attached.
fn with_duties(policy: &mut serde_json::Value) {
    *policy = writ_policy::policy::upgrade(policy.take());
    let duty = |title: &str, cadence: serde_json::Value, attach: &str| {
        json!({ "title": title, "cadence": cadence, "day": null, "by": "practice owner", "attach": attach, "source": [],
            "declared_at": { "file": "baselines/hipaa/duties.nix", "line": 9 } })
    };
    let quarterly = json!({ "every": "91d", "on": null, "within": null });
    let on_a_move = json!({ "every": null, "on": "a move", "within": "1d" });
    policy["duties"] = json!({
        "review.keys": duty("Review who holds a key", quarterly, "The signed list <of keys>"),
        "doors.moved": duty("Change the locks", on_a_move, "The locksmith's bill"),
        "of.nobody": duty("A duty that no control names", json!({ "every": "1d", "on": null, "within": null }), "Nothing"),
    });
    policy["controls"]["164.310(a)(1)"]["duties"] = json!(["review.keys", "doors.moved"]);
}

/// A day in which everything happens that a report can tell of.
pub fn eventful() -> World {
    let mut world = World::empty();
    let policy = |tls: &'static str| {
        policy_json(|p| {
            p["exceptions"] = json!({ "EX-001": exception("file.audit", "2027-01-01T00:00:00Z") });
            p["checks"]["file.tls"]["severity"] = tls.into();
            with_duties(p);
        })
    };
    world.release(1, &policy("critical"), |_| {});
    world.started(morning());
    let drift = morning().plus_millis(90 * MINUTE);
    world.vector(morning(), morning().plus_millis(HOUR), |_, _| {});
    let opened = world.open("file.motd", drift);
    world.close("file.motd", opened, drift, drift.plus_millis(42_500));
    world.change(
        "file.audit",
        Outcome::Fail,
        &["mode eq \"0644\", seen \"0666\" <script>alert(1)</script>"],
        drift.plus_millis(HOUR),
    );
    let mut draft = world.draft(Kind::Pause);
    draft.pause = Some(Pause {
        phase: PausePhase::Begun,
        means: PauseMeans::BreakGlass,
        reference: "code 3".into(),
        by: "id:0123456789abcdef0123456789abcdef".into(),
        reason: "replacing the disk".into(),
        checks: vec!["file.audit".into()],
        from: drift.plus_millis(2 * HOUR),
        until: drift.plus_millis(3 * HOUR),
    });
    world.seal(draft, drift.plus_millis(2 * HOUR));
    let mut draft = world.draft(Kind::Refused);
    draft.refused = Some(Refused {
        rule: "signature-threshold".into(),
        message: "1 of 2 keys signed".into(),
        what: "release".into(),
        digest: None,
        count: 3,
    });
    world.seal(draft, drift.plus_millis(3 * HOUR));
    let asked = world.release.unwrap();
    world.switched(2, SwitchOutcome::RolledBack, asked, drift.plus_millis(4 * HOUR));
    for hour in 1..24 {
        let from = morning().plus_millis(hour * HOUR);
        if hour == 20 {
            world.release(2, &policy("low"), |_| {});
            let asked = world.release.unwrap();
            world.switched(2, SwitchOutcome::AdoptedWithoutClosure, asked, from);
        }
        world.vector(from, from.plus_millis(HOUR), |check, entry| match check {
            "file.audit" if hour > 1 => (entry.outcome, entry.failed) = (Outcome::Fail, 12),
            "file.tls" => (entry.outcome, entry.reasons) = (Outcome::NotApplicable, vec!["no such key here".into()]),
            _ => {}
        });
    }
    world
}

fn comparison() -> Comparison {
    compare(&eventful().archive(), &site(), None, morning().plus_millis(DAY)).unwrap()
}

fn golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("WRIT_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = expected.lines().zip(found.lines()).position(|(a, b)| a != b);
    assert!(expected == found, "{name} differs, first at line {:?}; see the head of this file", differs.map(|n| n + 1));
}

#[test]
fn json_is_golden() {
    let c = comparison();
    assert!(c.verification.ok, "{:#?}", c.verification.problems);
    golden("comparison.json", &json_report::render(&c).unwrap());
}

#[test]
fn html_is_golden_self_contained_and_escapes() {
    let page = html::render(&comparison()).unwrap();
    assert_eq!(page, html::render(&comparison()).unwrap());
    assert!(!page.contains("<script") && page.contains("&#60;script&#62;"));
    for outside in ["http://", "https://", "src=", "url(", "@import"] {
        assert!(!page.contains(outside), "{outside}");
    }
    // Every reference leads somewhere.
    for reference in page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(page.contains(&format!("id=\"{reference}\"")), "#{reference}");
    }
    // Every table says which of its cells are headers, and of what.
    assert!(!page.contains("<th>") && !page.contains("<th class"));
    golden("report.html", &page);
}

#[test]
fn terminal_is_golden() {
    let look = Look { colour: false, width: Some(120) };
    golden("comparison.txt", &terminal::comparison(&comparison(), look));
    let report = eventful().verify();
    let text = terminal::verification(&report, look);
    assert!(text.trim_end().lines().last().unwrap().starts_with("Verified OK ("), "{text}");
    golden("verification.txt", &text);
    let coloured = terminal::comparison(&comparison(), Look { colour: true, width: Some(120) });
    assert!(coloured.contains("\u{1b}["));
}

#[test]
fn logs_are_told_of() {
    let world = World::logged();
    let look = Look { colour: false, width: Some(120) };
    golden("verification-logged.txt", &terminal::verification(&world.verify(), look));
    let c = compare(&world.archive(), &site(), None, morning().plus_millis(DAY)).unwrap();
    let page = html::render(&c).unwrap();
    for part in ["The site's log is verified.", "up to its 30 entries", "1: <code>log.example/clinic-001</code>"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("not configured") && !page.contains("http://"));
    std::fs::remove_dir_all(world.path().join("log")).unwrap();
    let text = terminal::verification(&world.verify(), look);
    assert!(text.contains("NOT VERIFIED\n") || text.contains("NOT VERIFIED "), "{text}");
    assert!(text.contains("log of clinic-001: not verified"), "{text}");
}

#[test]
fn a_bad_folder_is_said_first() {
    let world = eventful();
    std::fs::write(world.file(3), "{}").unwrap();
    let c = compare(&world.archive(), &site(), None, morning().plus_millis(DAY)).unwrap();
    let page = html::render(&c).unwrap();
    assert!(page.contains("Not verified.") && page.contains("<b>altered</b>"));
    let text = terminal::verification(&c.verification, Look { colour: false, width: None });
    assert!(text.contains("NOT VERIFIED (1 bad; first: altered evidence/"), "{text}");
}

#[test]
fn every_report_tells_what_people_do_when_and_what_they_attach() {
    let c = comparison();
    let control = c.controls.iter().find(|control| control.control == "164.310(a)(1)").unwrap();
    let ids: Vec<&str> = control.duties.iter().map(|duty| duty.id.as_str()).collect();
    assert_eq!(ids, ["doors.moved", "review.keys"]);
    assert!(c.controls.iter().all(|control| control.control == "164.310(a)(1)" || control.duties.is_empty()));
    let text = terminal::comparison(&c, Look { colour: false, width: None });
    let told = "people: Review who holds a key, every 91d, by practice owner; attach: The signed list <of keys>";
    assert!(
        text.contains(told) && text.contains("on a move within 1d") && !text.contains("no control names"),
        "{text}"
    );
    let page = html::render(&c).unwrap();
    assert!(page.contains("The signed list &#60;of keys&#62;") && page.contains("<td>every 91d</td>"), "{page}");
    let json: serde_json::Value = serde_json::from_str(&json_report::render(&c).unwrap()).unwrap();
    let duty = &json["controls"][0]["duties"][1];
    assert_eq!((&duty["id"], &duty["cadence"]["every"]), (&"review.keys".into(), &"91d".into()), "{json:#}");
}
