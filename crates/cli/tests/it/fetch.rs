//! `writ audit fetch`, from the real depot and over a line that lies.

use std::fs;

use serde_json::Value;
use writ_evidence::Kind;
use writ_evidence::log_drop::{LogsDropped, RULE};
use writ_evidence::records::{LogExtract, Refused};
use writ_trust::digest::Digest;
use writ_trust::log::checkpoint::{Checkpoint, SignedCheckpoint};
use writ_wire::evidence_page::EvidencePage;
use writ_wire::log_batch::{LogBatch, LogBatchSchema};

use crate::depot::{Appliance, Depot, Line, ORIGIN, SECOND, now};
use crate::desk::{Desk, SITE};
use crate::export_schema::reports::held;

/// A depot with a release and some evidence of one appliance.
pub fn with_evidence(count: usize) -> (Desk, Depot, Appliance) {
    let desk = Desk::logged();
    let depot = Depot::start(&desk, "depot");
    desk.release_to("draft-1", &depot.url);
    let mut appliance = Appliance::new(&desk, &depot.url);
    appliance.obey(&desk, 1);
    (0..count).step_by(100).for_each(|done| drop(appliance.deliver((count - done).min(100))));
    (desk, depot, appliance)
}

pub fn arguments(url: &str) -> Vec<&str> {
    vec![
        "audit",
        "fetch",
        "--depot",
        url,
        "--site",
        SITE,
        "--read-key",
        "keys/reader.key",
        "--trust",
        "first-root.json",
        "--to",
        "audit",
    ]
}

pub fn verified(desk: &Desk, code: i32) -> (String, Value) {
    let (out, _) = desk.expect(&["audit", "verify", "audit", "--trust", "first-root.json", "--json"], code);
    let report: Value = serde_json::from_str(&out).unwrap();
    (report["problems"]["list"].to_string(), report)
}

#[test]
fn a_folder_is_fetched_verified_and_brought_up_to_date() {
    let (desk, depot, mut appliance) = with_evidence(3);
    let said: Value = serde_json::from_str(&desk.ok(&[&arguments(&depot.url)[..], &["--json"]].concat())).unwrap();
    assert_eq!((&said["logs"][0]["size"], &said["logs"][0]["before"]), (&5.into(), &0.into()), "{said}");
    // Everything counts against the bound, also the tiles that are computed here.
    let written = desk.files("audit").into_iter().filter(|(name, _)| !name.starts_with(".fetch/"));
    let written: usize = written.filter(|(name, _)| !name.ends_with("/checkpoint")).map(|(_, bytes)| bytes.len()).sum();
    assert_eq!(said["bytes"], written);
    let (problems, report) = verified(&desk, 0);
    assert_eq!(report["logs"][0]["state"], "verified", "{problems}");
    assert_eq!((&report["bundles"], &report["logs"][0]["unlogged"]), (&3.into(), &0.into()));
    held("fetched-v1", &[&said], 15);
    held("verification-v1", &[&report], 100);
    let names = desk.names("audit");
    // Nothing new: nothing changes but perhaps the time in the checkpoint, and then the earlier one is kept beside it, for ever.
    let at = |name: &str| fs::read(desk.path(&format!("audit/log/{SITE}/1/{name}"))).ok();
    let first = at("checkpoint").unwrap();
    for _ in 0..2 {
        assert!(desk.ok(&arguments(&depot.url)).contains("0 of them new"));
        let kept = at("checkpoint.5");
        assert!(if at("checkpoint").unwrap() == first { kept.is_none() } else { kept.unwrap() == first });
        let now: Vec<String> =
            desk.names("audit").into_iter().filter(|name| !name.ends_with("/checkpoint.5")).collect();
        assert_eq!(now, names);
        verified(&desk, 0);
    }
    // More evidence, another release, a tile that is filled on the way.
    appliance.deliver(100);
    desk.retitle("Two");
    desk.release_to("draft-2", &depot.url);
    appliance.obey(&desk, 2);
    appliance.deliver(100);
    appliance.deliver(100);
    assert!(desk.ok(&arguments(&depot.url)).contains("306 entries, 301 of them new"));
    let (problems, report) = verified(&desk, 0);
    assert_eq!((&report["bundles"], &report["log"]), (&303.into(), &"verified".into()), "{problems}");
    let names = desk.names("audit");
    let log = |name: &str| format!("log/{SITE}/1/{name}");
    assert!(names.iter().any(|name| name.ends_with(&log("checkpoint.5"))), "{names:?}");
    assert!(names.iter().any(|name| name.ends_with(&log("tile/1/000.p/1"))), "{names:?}");
    assert!(!names.iter().any(|name| name.ends_with(&log("tile/0/000.p/5"))), "what grew is not kept twice");
    // The receipts that come with the folder say what an appliance would hear.
    assert_eq!(report["logs"][0]["receipts"], 2);
}

#[test]
fn what_is_withheld_is_said_and_asked_for_again() {
    let (desk, depot, mut appliance) = with_evidence(4);
    let line = Line::to(&depot);
    let second = "/2-EB-";
    line.lie(|target, code, body| match EvidencePage::parse(&body) {
        Ok(mut page) if target.contains("/bundles?") => {
            page.bundles.retain(|bundle| bundle.index != 3);
            (code, page.canonical())
        }
        _ => (code, body),
    });
    let (_, said) = desk.expect(&arguments(&line.url), 1);
    assert!(said.contains(second) && said.contains("does not give it"), "{said}");
    let (problems, _) = verified(&desk, 1);
    assert!(problems.contains("missing") && problems.contains(second), "{problems}");
    // One byte of a bundle.
    line.lie(|target, code, body| match EvidencePage::parse(&body) {
        Ok(mut page) if target.contains("/bundles?") => {
            page.bundles.iter_mut().for_each(|bundle| bundle.bundle.document.0[30] ^= 1);
            (code, page.canonical())
        }
        _ => (code, body),
    });
    let (_, said) = desk.expect(&arguments(&line.url), 1);
    assert!(said.contains(second) && said.contains("something else"), "{said}");
    line.honest();
    desk.ok(&arguments(&line.url));
    verified(&desk, 0);
    logs_that_are_withheld_or_were_dropped(&desk, &line.url, &mut appliance);
}

/// Batches of logs that bundles name: none of them is there, then all but one, then that one was dropped.
fn logs_that_are_withheld_or_were_dropped(desk: &Desk, url: &str, appliance: &mut Appliance) {
    let at = |number: u64| now().plus_millis(i64::try_from(number).unwrap() * 1000 - 60_000);
    let mut packed: Vec<Vec<u8>> = Vec::new();
    for number in 1..=4 {
        let previous = packed.last().map(|bytes| Digest::of(bytes));
        let (schema, source) = (LogBatchSchema::V1, "audit".parse().unwrap());
        let (from, to) = (at(number - 1), at(number));
        let batch = LogBatch { schema, source, number, previous, from, to, lines: 1, dropped: 0 };
        packed.push(batch.pack(format!("{{\"text\":\"{number}\"}}\n").as_bytes()));
    }
    let (first, last) = (LogBatch::judge(&packed[0]).unwrap(), LogBatch::judge(&packed[3]).unwrap());
    let digest = |number: usize| Digest::of(&packed[number - 1]);
    let (from, to, digest_of_all) = (first.from, last.to, digest(4));
    appliance.tell(Kind::Logs, |draft| {
        draft.logs = Some(LogExtract { source: "audit".into(), from, to, lines: 4, digest: digest_of_all });
    });
    let fetched = |missing: u64| {
        let said: Value = serde_json::from_str(&desk.ok(&[&arguments(url)[..], &["--json"]].concat())).unwrap();
        assert_eq!(said["log_batches_missing"], missing, "{said}");
    };
    // A depot that has none of them is not better than one that lacks one.
    fetched(1);
    assert!(verified(desk, 1).0.contains("dropped or withheld"));
    for number in [1, 3, 4] {
        appliance.send_logs(number, &packed[usize::try_from(number).unwrap() - 1]);
    }
    fetched(1);
    let (problems, report) = verified(desk, 1);
    assert!(problems.contains(&digest(2).to_string()), "{problems}");
    assert_eq!(report["log_sources"][0]["batches"], 2);
    let second = LogBatch::judge(&packed[1]).unwrap();
    appliance.tell(Kind::Refused, |draft| {
        let LogBatch { source, from, to, previous: before, .. } = second;
        let message = LogsDropped { source, from, to, batches: 1, lines: 1, before }.to_string();
        let (rule, what, digest) = (RULE.into(), "log-batch".into(), Some(digest(2)));
        draft.refused = Some(Refused { rule, message, what, digest, count: 1 });
    });
    fetched(0);
    let (problems, report) = verified(desk, 0);
    assert!(problems.contains("the appliance dropped 1 batches"), "{problems}");
    assert_eq!(report["log_sources"][0]["batches"], 3, "also the one before it");
}

#[test]
fn releases_and_documents_are_those_that_are_named() {
    let (desk, depot, _appliance) = with_evidence(1);
    let line = Line::to(&depot);
    line.lie(|target, code, body| {
        if target.starts_with("/documents/") || target.ends_with("/1-1") { (404, Vec::new()) } else { (code, body) }
    });
    let (report, _) = desk.expect(&[&arguments(&line.url)[..], &["--json"]].concat(), 1);
    let report: Value = serde_json::from_str(&report).unwrap();
    let withheld = &report["withheld"][0];
    assert!(withheld["path"].as_str().unwrap().ends_with("1-1/release.json"), "{report}");
    assert!(withheld["why"].as_str().unwrap().starts_with("entry 1 of log 1 names it"), "{report}");
    held("fetched-v1", &[&report], 15);
    line.lie(
        |target, code, body| {
            if target.starts_with("/documents/") { (code, b"{}".to_vec()) } else { (code, body) }
        },
    );
    let (_, said) = desk.expect(&arguments(&line.url), 1);
    assert!(said.contains("documents/") && said.contains("something else"), "{said}");
    line.honest();
    desk.ok(&arguments(&line.url));
    verified(&desk, 0);
}

#[test]
fn a_log_that_does_not_go_on_is_refused_and_kept() {
    let (desk, depot, mut appliance) = with_evidence(3);
    let line = Line::to(&depot);
    desk.ok(&arguments(&line.url));
    let before = desk.files("audit/log");
    appliance.deliver(3);
    // Another history, signed by the log's own key: as whoever holds the depot can.
    let log_key = desk.open_key("depot-log");
    let forged = |size: u64| {
        let checkpoint = Checkpoint { origin: ORIGIN.into(), size, root: [9; 32] };
        SignedCheckpoint::sign(checkpoint, &log_key, now()).note.into_bytes()
    };
    for (size, why) in [
        (8, "not the log that was signed"),
        (5, "rule log-consistency"),
        (5, "two histories of one log exist"),
        (2, "became shorter"),
    ] {
        let note = forged(size);
        line.lie(
            move |target, code, body| {
                if target.ends_with("/1/checkpoint") { (code, note.clone()) } else { (code, body) }
            },
        );
        let said = desk.refused(&arguments(&line.url));
        assert!(said.contains("does not continue the one") && said.contains(why), "{said}");
        assert!(desk.path(&format!("audit/.fetch/refused/{SITE}-1-checkpoint.{size}")).exists());
    }
    // Entries that are not the ones committed to leave nothing behind, and the next run is clean.
    line.lie(|target, code, mut body| {
        if target.contains("/tile/entries/") {
            let last = body.len() - 1;
            body[last] ^= 1;
        }
        (code, body)
    });
    let said = desk.refused(&arguments(&line.url));
    assert!(said.contains("did not commit to"), "{said}");
    line.lie(|target, code, mut body| {
        if target.contains("/tile/entries/") {
            body.push(0);
        }
        (code, body)
    });
    desk.refused(&arguments(&line.url));
    line.lie(|target, code, mut body| {
        if target.ends_with("/1/checkpoint") {
            body[45] ^= 1;
        }
        (code, body)
    });
    assert!(desk.refused(&arguments(&line.url)).contains("head of the log does not hold"));
    line.lie(|target, code, body| if target.ends_with("/1/checkpoint") { (404, vec![]) } else { (code, body) });
    assert!(desk.refused(&arguments(&line.url)).contains("no such log"));
    assert_eq!(desk.files("audit/log"), before, "nothing was changed");
    line.honest();
    desk.ok(&arguments(&line.url));
    verified(&desk, 0);
}

#[test]
fn two_views_of_one_log_are_told_apart_by_proof() {
    let (desk, depot, _appliance) = with_evidence(3);
    desk.ok(&arguments(&depot.url));
    // The same keys, the same name, another history.
    let other = Depot::start(&desk, "other");
    let publish = ["release", "publish", "draft-1", "--trust", "releases/trust", "--depot", &other.url];
    desk.ok(&[&publish[..], &["--read-key", "keys/reader.key"]].concat());
    let mut appliance = Appliance::new(&desk, &other.url);
    appliance.obey(&desk, 1);
    appliance.deliver(9);
    let said = desk.refused(&arguments(&other.url));
    assert!(said.contains("rule log-consistency") && said.contains("does not begin with the one seen"), "{said}");
    desk.ok(&arguments(&depot.url));
    verified(&desk, 0);
}

#[test]
fn an_interrupted_fetch_is_taken_up_again() {
    let (desk, depot, _appliance) = with_evidence(5);
    let line = Line::to(&depot);
    line.lie(|target, code, body| if target.contains("/bundles?") { (503, vec![]) } else { (code, body) });
    let said = desk.could_not(&arguments(&line.url));
    assert!(said.contains("busy"), "{said}");
    line.lie(|target, code, body| {
        // The log is here already.
        assert!(!target.contains("/tile/"), "{target}");
        (code, body)
    });
    desk.ok(&arguments(&line.url));
    verified(&desk, 0);
    // Evidence that somebody altered in the folder meanwhile is not overwritten, and found.
    let folder = desk.path(&format!("audit/evidence/{SITE}"));
    let key = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let bundle =
        fs::read_dir(key).unwrap().map(|entry| entry.unwrap().path()).find(|p| p.to_string_lossy().ends_with(".json"));
    fs::write(bundle.unwrap(), "{}").unwrap();
    desk.ok(&arguments(&depot.url));
    assert!(verified(&desk, 1).0.contains("altered"));
}

#[test]
fn roots_are_walked_and_never_forgotten() {
    let (desk, depot, _appliance) = with_evidence(1);
    let line = Line::to(&depot);
    desk.key("bob");
    desk.ok(&["trust", "next", "--from", "releases/trust", "--key", "keys/bob.pub:release"]);
    desk.sign_root(2);
    desk.retitle("Two");
    desk.release_to("draft-2", &depot.url);
    line.lie(|target, code, mut body| {
        if target == "/trust/2" {
            let middle = body.len() / 2;
            body[middle] ^= 1;
        }
        (code, body)
    });
    let said = desk.refused(&arguments(&line.url));
    assert!(said.contains("trust root 2 does not continue the chain"), "{said}");
    line.honest();
    desk.ok(&arguments(&line.url));
    verified(&desk, 0);
    line.lie(|target, code, body| if target == "/trust/2" { (404, vec![]) } else { (code, body) });
    let said = desk.refused(&arguments(&line.url));
    assert!(said.contains("an earlier fetch got a newer one"), "{said}");
}

#[test]
fn a_log_that_took_over_is_fetched_with_its_order() {
    let desk = Desk::logged();
    drop(Depot::start(&desk, "depot"));
    let copy = desk.files("depot");
    let depot = Depot::start(&desk, "depot");
    desk.release_to("draft-1", &depot.url);
    let mut appliance = Appliance::new(&desk, &depot.url);
    appliance.obey(&desk, 1);
    appliance.deliver(3);
    desk.ok(&arguments(&depot.url));
    // The depot is lost; a copy from before anything was published is all there is.
    drop(depot);
    fs::remove_dir_all(desk.path("depot")).unwrap();
    for (name, bytes) in copy {
        let path = desk.path("restored").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    desk.draft_restart(&format!("audit/log/{SITE}/1/checkpoint"));
    let depot = Depot::start(&desk, "restored");
    let publish = ["log", "publish", "restart.json", "--trust", "releases/trust", "--depot", &depot.url];
    assert!(desk.refused(&publish).contains("0 of the 1"));
    desk.sign_restart();
    assert!(desk.ok(&publish).contains("begins with it"));
    desk.ok(&publish);
    // It is given the release again, and the evidence that it lost.
    let again = ["release", "publish", "draft-1", "--trust", "releases/trust", "--depot", &depot.url];
    desk.ok(&[&again[..], &["--read-key", "keys/reader.key"]].concat());
    let restored = Appliance::new(&desk, &depot.url);
    let lost = appliance.sealed.iter().map(|sealed| writ_wire::Signed {
        document: writ_wire::Blob(sealed.bytes.clone()),
        signatures: vec![writ_wire::Blob(sealed.signature_text.clone().into_bytes())],
    });
    restored.submit(lost.collect());
    let (said, warned) = desk.expect(&arguments(&depot.url), 0);
    assert!(said.contains(&format!("log 2 {SECOND}")), "{said}");
    assert!(warned.contains("became shorter") && warned.contains("is kept as it is here"), "{warned}");
    let (problems, report) = verified(&desk, 0);
    assert_eq!((&report["log"], &report["logs"][0]["unlogged"]), (&"verified".into(), &0.into()), "{problems}");
    assert_eq!(report["logs"][0]["logs"][1]["entries"]["restarts"], 1);
}

#[test]
fn what_cannot_be_run_is_said() {
    let (desk, depot, _appliance) = with_evidence(1);
    let with = |from: &str, to: &str| {
        let mut all: Vec<String> = arguments(&depot.url).into_iter().map(str::to_owned).collect();
        let at = all.iter().position(|argument| argument == from).unwrap();
        all[at + 1] = to.into();
        all
    };
    let run =
        |arguments: Vec<String>, code| desk.expect(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), code).1;
    assert!(run(with("--trust", "keys/alice.pub"), 1).contains("not a usable trust root"));
    assert!(run(with("--trust", "absent"), 2).contains("absent"));
    assert!(run(with("--read-key", "keys/depot-log.key"), 2).contains("role"));
    assert!(run(with("--site", "Clinic"), 2).contains("--site"));
    assert!(run(with("--depot", "http://127.0.0.1:1"), 2).contains("cannot be reached"));
    assert!(run(with("--site", "clinic-009"), 2).contains("nothing of a site clinic-009"));
}
