//! `writ audit compare`, on what a real enforcer wrote under releases that were really signed.

use std::process::Command;

use serde_json::{Value, json};
use writ_agent::clock::now;
use writ_trust::digest::Digest;
use writ_trust::time::Time;

use crate::doctor::house::{House, release_key, run};

/// What `writ audit` answers in the house: its exit code, standard output and standard error.
fn writ(house: &House, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writ"));
    command.current_dir(house.path("")).arg("audit").args(arguments).env("NO_COLOR", "1").env("COLUMNS", "200");
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn compared(house: &House, arguments: &[&str]) -> (i32, String, String) {
    writ(house, &[&["compare", "audit", "--trust", "etc/trust.json"], arguments].concat())
}

fn gather(house: &House) {
    let (code, _, said) =
        writ(house, &["collect", "--releases", "spool/inbox", "--outbox", "spool/outbox", "--to", "audit"]);
    assert_eq!(code, 0, "{said}");
}

/// The comparison of this time, but for what it says of the folder as a whole.
fn said(house: &House, arguments: &[&str]) -> Value {
    let (_, out, complained) = compared(house, &[arguments, &["--json"]].concat());
    let mut json: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {complained}"));
    assert_eq!(json["verification"]["ok"], true, "{json:#}");
    json.as_object_mut().unwrap().remove("verification");
    json
}

fn after(instant: Time) -> Time {
    loop {
        let now = now();
        if now > instant {
            return now;
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_threshold_that_changes_later_moves_nothing_and_who_weakened_it_is_told() {
    let house = House::new();
    let (policy, begin) = (house.policy(), now());
    let mut engine = house.enforcing(&policy);
    let until = after(now());
    gather(&house);
    let (period, later) = (format!("{begin}..{until}"), until.plus_millis(1000).to_string());
    let at = until.to_string();
    let of_period = ["--period", &period, "--now", &later];
    let of_instant = ["--at", &at, "--now", &later];
    let before = [said(&house, &of_period), said(&house, &of_instant)];
    let [change] = &before[0]["changes"].as_array().unwrap()[..] else { panic!("{}", before[0]) };
    assert_eq!(
        (&change["from"], &change["to"], &change["signed_by"][0]["name"]),
        (&Value::Null, &"1-7".into(), &"release-1".into())
    );
    assert_eq!(before[1]["checks"][0]["verdict"], "demonstrated", "{:#}", before[1]);

    after(until.plus_millis(1));
    let mut laxer = policy.clone();
    laxer["checks"]["file.motd"]["expect"] = json!({ "mode": { "in": ["0644", "0666"] } });
    laxer["checks"]["file.motd"]["every"] = "4h".into();
    let path = house.path(&format!("spool/inbox/releases/{}/1-7/release.json", crate::doctor::house::SITE));
    let previous = Digest::of(&std::fs::read(path).unwrap());
    let release = house.release(8, &laxer, |release| {
        release["previous"] = json!(previous);
        release["issued_at"] = json!(now());
    });
    house.put(8, &release, &release_key());
    assert!(engine.poll_releases(), "release 1-8 is obeyed");
    house.break_it();
    run(&mut engine, &laxer);
    gather(&house);
    assert_eq!(said(&house, &of_period), before[0]);
    // Of the instant the next run after it is told: there is one now.
    let then = said(&house, &of_instant);
    assert!(before[1]["checks"][0]["arithmetic"]["last_at"].is_null());
    assert!(then["checks"][0]["arithmetic"]["last_at"].is_string(), "{then:#}");
    for part in ["appliances", "verdicts", "matrix", "score", "baselines"] {
        assert_eq!(then[part], before[1][part], "{part}");
    }

    let (since, soon) = (format!("{begin}.."), now().plus_millis(5000).to_string());
    let all = said(&house, &["--period", &since, "--now", &soon]);
    let change = all["changes"].as_array().unwrap().last().unwrap();
    assert_eq!((&change["from"], &change["to"], &change["weakens"]), (&"1-7".into(), &"1-8".into(), &true.into()));
    let (_, text, _) = compared(&house, &["--period", &since, "--now", &soon, "--matrix", "--html", "report.html"]);
    for part in [
        "1-7 → 1-8, signed by release-1 (",
        "WEAKENS PROTECTION",
        "weaker   checks.\"file.motd\".every: \"1h\" → \"4h\"",
        "By framework",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let row = text.lines().find(|line| line.contains("HIPAA")).unwrap();
    assert!(row.contains("164.312(c)(1)") && row.contains("demonstrated"), "{text}");
    let page = std::fs::read_to_string(house.path("report.html")).unwrap();
    assert!(page.contains("weakens protection") && page.contains("id=\"frameworks\"") && !page.contains("<script"));
}

#[test]
fn an_instant_is_over_and_no_period() {
    let house = House::new();
    let policy = house.policy();
    drop(house.enforcing(&policy));
    gather(&house);
    let (code, _, complained) = compared(&house, &["--at", "9000-01-01T00:00:00Z"]);
    assert_eq!(code, 2);
    assert!(complained.contains("still to come") && complained.contains("--at"), "{complained}");
    let (code, _, complained) = compared(&house, &["--at", "2026-01-01T00:00:00Z", "--period", "2026"]);
    assert!(code == 2 && complained.contains("cannot be used with"), "{complained}");
    let (code, _, complained) = compared(&house, &["--at", "yesterday"]);
    assert!(code == 2 && complained.contains("--at"), "{complained}");
    let (code, text, _) = compared(&house, &["--at", "2026-01-01T00:00:00Z"]);
    assert!(code == 1 && text.contains("nothing was asked of it"), "{text}");
}
