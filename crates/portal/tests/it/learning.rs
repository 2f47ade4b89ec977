//! What the portal shows of what is learned, for people and for programs.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde_json::Value;
use writ_audit::learn::{MAX_BUNDLES, Pattern, State};
use writ_portal::read::learned::{Learned, PATTERNS, Together};
use writ_trust::digest::Digest;

use crate::client::Browser;
use crate::inside::{AUDITOR, Clinics, Inside, OPERATOR, noon};

const HOSTILE: &str = "<script>alert(1)</script>\"'&\u{202e}\u{1b}[31m\n<img src=x onerror=alert(1)>";

fn program(browser: &Browser, path: &str) -> Value {
    let answer = browser.get(path);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")), "{path}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    serde_json::from_slice(&answer.body).unwrap()
}

/// Whether each document is valid by a schema of checks/schemas, by a judge that is not ours.
fn valid(schema: &str, documents: &[&Value]) -> Vec<bool> {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../checks/schemas");
    let file = schemas.join(format!("{schema}.json"));
    let lines: String = documents.iter().map(|document| format!("{}\n", serde_json::json!([file, document]))).collect();
    let mut python = Command::new("/usr/bin/python3");
    let mut child = python.arg(schemas.join("judge.py")).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(|line| line == "yes").collect()
}

/// A document without one of its members.
fn without(document: &Value, member: &str) -> Value {
    let mut document = document.clone();
    document.as_object_mut().unwrap().remove(member).unwrap();
    document
}

#[test]
fn what_is_learned_is_told_to_people_and_to_programs() {
    let clinics = Clinics::new("");
    let inside = clinics.portal();
    let browser = inside.signed_in(OPERATOR);
    let page = browser.page("/learning");
    for words in [
        "resolved by a planner",
        "Candidates: 1 pattern",
        "100.0\u{a0}%",
        "writ learn promote ",
        "$0.006",
        "/learning/status",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(page.contains("L2, a planner: 50 % of ended incidents, promised 15 to 20 %."), "{page}");
    let status = program(&browser, "/learning/status");
    assert_eq!((&status["schema"], &status["sites"]), (&"writ.learning-status.v1".into(), &2.into()));
    assert_eq!(status["patterns"]["eligible"], 1, "{status}");
    assert_eq!(status["tiers"]["L2"]["resolved"], 6, "{status}");
    assert_eq!(status["tiers"]["L2"]["share_percent"], 50, "{status}");
    assert_eq!((&status["calls"]["made"], &status["calls"]["microdollars"]), (&6.into(), &6000.into()), "{status}");
    let candidates = program(&browser, "/learning/candidates");
    let [one] = &candidates["candidates"].as_array().unwrap()[..] else { panic!("{candidates}") };
    assert_eq!((&candidates["all"], &candidates["pages"]), (&1.into(), &1.into()));
    assert_eq!((&one["occurrences"], &one["sites"]), (&6.into(), &serde_json::json!(["clinic-001"])), "{one}");
    assert!(page.contains(one["id"].as_str().unwrap()));

    let broken = [without(&status, "tiers"), without(&status, "calls"), without(&status, "saved_millis")];
    let judged: Vec<&Value> = std::iter::once(&status).chain(&broken).collect();
    assert_eq!(valid("learning-status-v1", &judged), [true, false, false, false]);
    let mut broken = candidates.clone();
    broken["candidates"][0]["state"] = "x".into();
    assert_eq!(
        valid("learning-candidates-v1", &[&candidates, &broken, &without(&candidates, "all")]),
        [true, false, false]
    );

    // What somebody turned down waits no more, and is told as such.
    let rejected = tempfile::tempdir().unwrap();
    let file = rejected.path().join("rejected.json");
    std::fs::write(&file, format!("[{{\"id\":{},\"why\":\"no\"}}]", one["id"])).unwrap();
    let inside = Inside::rejecting(clinics.dir.path(), &clinics.trust, &file);
    let browser = inside.signed_in(OPERATOR);
    assert!(browser.page("/learning").contains("Rejected: 1 pattern"));
    assert_eq!(program(&browser, "/learning/candidates")["all"], 0);
}

#[test]
fn who_is_not_signed_in_hears_nothing_and_an_auditor_of_the_named_sites_alone() {
    let clinics = Clinics::new("");
    let inside = clinics.portal();
    let stranger = Browser::new(inside.address);
    for path in ["/learning", "/learning/status", "/learning/candidates"] {
        assert_eq!(stranger.get(path).status, 303, "{path}");
    }
    let auditor = inside.signed_in(AUDITOR);
    assert_eq!(program(&auditor, "/learning/status")["sites"], 1);
    assert!(!auditor.page("/learning").contains("clinic-002"));
    for bad in
        ["/learning/status?page=1", "/learning/candidates?page=0", "/learning/candidates?x=1", "/learning?page=a"]
    {
        assert_eq!(auditor.get(bad).status, 400, "{bad}");
    }
    for absent in ["/learning/candidates?page=2", "/learning?page=99", "/learning/x"] {
        assert_eq!(auditor.get(absent).status, 404, "{absent}");
    }
}

/// One pattern of many sites, added in no order: each name stands once, in order, and of bundles no more than a pattern holds.
#[test]
fn what_many_sites_saw_of_one_pattern_is_one_pattern() {
    let seen_at = |site: usize| Pattern {
        id: "0".to_owned(),
        signature: Digest::of(b"one"),
        check: "file.motd".to_owned(),
        incident_type: "drift".to_owned(),
        runbook: "RB-FILE-001".to_owned(),
        conditions: Vec::new(),
        parameters: Digest::of(b"none"),
        occurrences: 2,
        successes: 1,
        failures: 1,
        success_permille: 500,
        first_seen: noon(),
        last_seen: noon(),
        sites: vec![format!("site-{site:02}")],
        appliances: vec!["shared/desk".to_owned(), format!("site-{site:02}/desk")],
        shares: Vec::new(),
        mean_ms: 100,
        state: State::Pending,
        rule: None,
        bundles: vec![format!("bundle-{site:02}")],
    };
    let count = MAX_BUNDLES + 10;
    let each = |site| Learned { patterns: vec![seen_at(site)], ..Learned::default() };
    let sites: Vec<Learned> = (0..count).rev().map(each).collect();
    let together = Together::of(&sites);
    let [sum] = &together.patterns[..] else { panic!("{together:?}") };
    let named =
        |what: &str, most: usize| -> Vec<String> { (0..most).map(|site| format!("{what}-{site:02}")).collect() };
    assert_eq!((sum.occurrences, sum.successes, sum.success_permille), (2 * count as u64, count as u64, 500));
    assert_eq!((&sum.sites, &sum.bundles), (&named("site", count), &named("bundle", MAX_BUNDLES)));
    assert_eq!((sum.appliances.len(), sum.appliances[0].as_str()), (count + 1, "shared/desk"));
}

/// What a thousand sites teach is added up once; pages stay small; hostile words are words.
#[test]
fn a_thousand_patterns_are_shown_in_parts_and_names_are_no_markup() {
    let clinics = Clinics::new("");
    let inside = clinics.portal();
    let one = inside.portal.held.fleet().sites.values().next().unwrap().clone();
    let model: Pattern = one.learned.patterns[0].clone();
    let states = State::ALL;
    let many = (0..PATTERNS as u64 + 50).map(|n| Pattern {
        id: format!("{n:012x}"),
        signature: Digest::of(&n.to_be_bytes()),
        check: format!("{HOSTILE} {n}"),
        incident_type: HOSTILE.repeat(40),
        runbook: format!("RB-{HOSTILE}"),
        conditions: vec![HOSTILE.repeat(40)],
        sites: (0..900).map(|site| format!("practice-{site:04}")).collect(),
        occurrences: 5 + n,
        successes: 5 + n,
        state: if states[n as usize % 5] == State::Rejected { State::Rejected } else { State::Pending },
        ..model.clone()
    });
    let learned = Learned { patterns: many.collect(), ..(*one.learned).clone() };
    let mut summary = (*one).clone();
    summary.learned = Arc::new(learned);
    let held = &inside.portal.held;
    held.take(held.begin(), writ_portal::read::site::Read { summary, detail: None, documents: BTreeSet::new() }, false);
    held.publish(2, None, Some(noon()));
    let browser = inside.signed_in(OPERATOR);
    let first = browser.page("/learning");
    assert!(first.contains("Part 1 of 34: 1 to 30 of 1,000"), "{first}");
    for part in 1..=34 {
        let page = browser.page(&format!("/learning?page={part}"));
        assert!(page.len() <= 60_000, "{part}: {} bytes", page.len());
        for bad in ["<script", "<img", "\u{202e}", "\u{1b}", "onerror=alert(1)>"] {
            assert!(!page.contains(bad), "{bad} in part {part}");
        }
    }
    let candidates = program(&browser, "/learning/candidates?page=17");
    assert_eq!((&candidates["all"], &candidates["pages"]), (&840.into(), &17.into()));
    assert_eq!(candidates["candidates"].as_array().unwrap().len(), 40);
    // Added up once, for as long as nothing changes.
    let together = |fleet: &writ_portal::read::fleet::Fleet| {
        let access = inside.portal.access();
        fleet.together(&access.users.get(OPERATOR).unwrap())
    };
    let before = together(&held.fleet());
    held.publish(2, None, Some(noon()));
    assert!(Arc::ptr_eq(&before, &together(&held.fleet())));
    held.keep(|site| site.as_str() == "clinic-001");
    held.publish(1, None, Some(noon()));
    assert!(!Arc::ptr_eq(&before, &together(&held.fleet())));
}
