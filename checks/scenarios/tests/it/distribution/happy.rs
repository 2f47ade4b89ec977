//! The truth: releases in, evidence out in order, and an auditor who needs to believe nobody.

use std::fs;

use serde_json::Value;
use writ_scenarios::proxy::Asked;

use super::line::Line;
use super::requests::ask;
use crate::house::{program, ran};

pub fn path() {
    let line = Line::running();
    line.house.break_file(0);
    line.settle();
    line.publish();
    line.settle();
    let places = places(&line);
    assert!(places.len() >= 4 && places.is_sorted(), "the log has the evidence in another order: {places:?}");
    for path in ["/health", "/ready", "/metrics"] {
        let (status, body) =
            ask(&line, &Asked { method: "GET".into(), target: path.into(), headers: vec![], body: vec![] });
        assert_eq!(status, 200, "{path}: {body}");
        assert!(path != "/metrics" || body.contains("writ_depot_"), "{path}: {body}");
    }
    let audit = line.house.path("audit");
    let trust = line.house.path("etc/trust.json");
    let mut fetch = program("writ");
    fetch.args(["audit", "fetch", "--depot", &line.depot.url(), "--site", &line.house.site, "--read-key"]);
    fetch.arg(line.house.path("etc/reader.key")).arg("--trust").arg(&trust).arg("--to").arg(&audit);
    let fetched = ran(&mut fetch);
    assert_eq!(fetched.code, Some(0), "{}{}", fetched.stdout, fetched.stderr);
    let verified = ran(program("writ").args(["audit", "verify"]).arg(&audit).arg("--trust").arg(&trust));
    assert_eq!(verified.code, Some(0), "{}{}", verified.stdout, verified.stderr);
    assert!(verified.stdout.contains("Verified OK"), "{}", verified.stdout);
    let again = ran(&mut fetch);
    assert_eq!(again.code, Some(0), "a second fetch: {}", again.stderr);
}

/// The places in the log, in the order of the bundles' numbers.
fn places(line: &Line) -> Vec<u64> {
    let number = |name: &String| name.split('-').next().unwrap().parse::<u64>().unwrap();
    let mut names: Vec<String> = line.standing().receipts.into_iter().collect();
    names.sort_by_key(number);
    let place = |name: &String| {
        let bytes = fs::read(line.house.path("inbox/receipts").join(name)).unwrap();
        serde_json::from_slice::<Value>(&bytes).unwrap()["index"].as_u64().unwrap()
    };
    names.iter().map(place).collect()
}
