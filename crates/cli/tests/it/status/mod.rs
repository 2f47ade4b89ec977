//! `writ status` on folders that the real writers of them left: what it says, and how it ends.

mod hostile;
pub mod serving;
mod stories;
mod watching;

use serde_json::{Value, json};
use writ_agent::clock::now;
use writ_agent::enforce::pause::Pause;
use writ_agent::enforce::state::State;
use writ_agent::switch;
use writ_agent::sync::schedule::Job;

use crate::doctor::all_done;
use crate::doctor::house::{House, check, run};
use crate::doctor::syncing::{journal, unreachable};

/// The report as JSON; the words for people end with the same code, and have these.
#[track_caller]
pub fn says(house: &House, code: i32, state: &str, words: &[&str]) -> Value {
    let people = house.status(&[]);
    assert_eq!(people.code, Some(code), "{}{}", people.stdout, people.stderr);
    // Lines are broken wherever words allow it.
    let text = people.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    words.iter().for_each(|words| assert!(text.contains(words), "{words}: {}", people.stdout));
    let said = house.status(&["--json"]);
    assert_eq!(said.code, Some(code), "{}{}", said.stdout, said.stderr);
    let report = said.json();
    assert_eq!((&report["schema"], &report["state"]), (&json!("writ.status.v1"), &json!(state)), "{}", said.stdout);
    report
}

#[test]
fn a_well_appliance_fits_one_screen() {
    let mut house = House::new();
    let _enforcer = house.enforcing(&house.policy());
    house.courier(&all_done(), |status| (status.waiting, status.clock_offset_ms) = (2, Some(-250)));
    let report = says(
        &house,
        0,
        "well",
        &[
            "clinic-001/front-desk A clinic, 20",
            "well: nothing needs anybody",
            "release 1-7, issued 20",
            "enforcer runs, heard ",
            "courier runs, checked in 0 s ago, pulled 0 s ago; depot https://depot.example",
            "evidence 2 bundles for the depot; no receipts here, the newest bundle is number ",
            "clock 250 ms ahead of the depot's; times here are UTC; the site is in UTC",
            "pauses none",
            "runbooks none runs",
            "controls of 1: 1 holds",
            "checks of 1: 1 hold",
            "incidents 0 open; none closed lately",
        ],
    );
    assert!(house.status(&[]).stdout.lines().count() <= 20, "{}", house.status(&[]).stdout);
    assert_eq!(
        (&report["controls"][0]["verdict"], &report["checks"][0]["outcome"], &report["stale"]),
        (&json!("holds"), &json!("pass"), &json!(false))
    );
    assert_eq!((&report["release"]["point"], &report["courier"]["runs"]), (&json!("1-7"), &json!(true)));
    // What is written for the page is what is printed.
    let file = house.path("status.json");
    let said = house.status(&["--json", "--out", file.to_str().unwrap()]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), ""), "{}", said.stderr);
    let written: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!((&written["state"], &written["checks"]), (&report["state"], &report["checks"]));
}

#[test]
fn what_fails_is_with_people_or_in_hand() {
    let house = House::new();
    let mut policy = house.policy();
    policy["settings"]["circuit_breaker"] = json!({ "fires": 9, "within": "1h" });
    house.add_rule(&mut policy, false, 3);
    let mut enforcer = house.enforcing(&policy);
    house.break_it();
    run(&mut enforcer, &policy);
    // It was tried, and rests: nobody has to do anything.
    let report = says(
        &house,
        0,
        "in-hand",
        &[
            "in hand: 1 thing, and nothing needs a person now",
            "rests until",
            "164.312(c)(1): Integrity: failed (file.motd)",
        ],
    );
    assert_eq!(report["causes"][0]["waits"], true, "{report}");
    assert_eq!(report["controls"][0]["not_holding"], json!(["file.motd"]));
    let check = &report["checks"][0];
    assert_eq!((&check["outcome"], &check["since"]), (&json!("fail"), &report["incidents"]["open"][0]["detected_at"]));
    // What only people can mend needs one, whether or not somebody writes the file.
    let house = House::new();
    let policy = house.policy();
    let mut enforcer = house.enforcing(&policy);
    house.break_it();
    run(&mut enforcer, &policy);
    let report = says(
        &house,
        1,
        "needs-person",
        &["1 thing needs a person", "✗ file.motd:", "do: repair it by", "first contact"],
    );
    assert_eq!(report["causes"][0]["code"], "no-rule", "{report}");
    let written = house.status(&["--json", "--out", house.path("status.json").to_str().unwrap()]);
    assert_eq!(written.code, Some(0), "{}", written.stderr);
}

#[test]
fn pauses_trials_and_runbooks_are_told() {
    let house = House::new();
    let mut policy = house.policy();
    house.add_rule(&mut policy, true, 3);
    drop(house.enforcing(&policy));
    let pause = Pause {
        checks: vec!["file.motd".into()],
        from: now(),
        until: now().plus_millis(1_800_000),
        means: writ_evidence::records::PauseMeans::BreakGlass,
        reference: "code 1".into(),
        by: "an engineer".into(),
        reason: "the printer\nis being replaced".into(),
    };
    let mut state = State::load(&house.path("state")).unwrap().unwrap();
    state.pauses.active.push(pause);
    std::fs::write(house.path("state/state.json"), state.to_bytes()).unwrap();
    let mut enforcer = house.enforcer();
    house.break_it();
    run(&mut enforcer, &policy);
    let told = "by an engineer with code 1: the printer\\u{a}is being replaced";
    let report = says(&house, 0, "in-hand", &["pauses file.motd until 20", told]);
    assert_eq!(report["pauses"][0]["by"], "an engineer", "{report}");
    // A generation on trial: nothing is healed meanwhile, and that ends by itself.
    journal(&house, |j| (j.course.state, j.course.activated) = (switch::State::Probation, true));
    let report =
        says(&house, 0, "in-hand", &["switch to 1-7: probation since 20", "on trial: nothing is healed meanwhile"]);
    assert_eq!((&report["switch"]["on_trial"], &report["switch"]["state"]), (&json!(true), &json!("probation")));
    std::fs::remove_file(house.path("state/switch.json")).unwrap();
    house.edit_state("status.json", |status| {
        let asked = |check: &str, rule: &str| json!([{ "check": check, "rule": rule }]);
        status["runbooks"] =
            json!({ "running": asked("backup.recent", "L1-BACKUP-001"), "waiting": asked("file.motd", "L1-FILE-001") });
    });
    let words = "runbooks running: L1-BACKUP-001 for backup.recent; in line: L1-FILE-001 for file.motd";
    says(&house, 0, "in-hand", &[words]);
}

#[test]
fn it_works_when_the_depot_is_gone() {
    let mut house = House::new();
    let _enforcer = house.enforcing(&house.policy());
    let all = Job::ALL.map(|job| (job, Err(unreachable().into())));
    house.courier(&all, |status| status.waiting = 4321);
    let report = says(
        &house,
        1,
        "needs-person",
        &["[depot-unreachable]", "never checked in, never pulled", "1 failure in a row", "4,321 bundles for the depot"],
    );
    assert_eq!(report["controls"][0]["verdict"], "holds", "what is looked at here needs no depot: {report}");
}

/// Nothing that nobody looks at any more is said to hold.
#[test]
fn an_enforcer_that_is_dead_silent_damaged_or_new() {
    let house = House::new();
    let report =
        says(&house, 1, "needs-person", &["no policy", "never heard", "controls none are known", "none is obeyed"]);
    assert_eq!((&report["causes"][0]["code"], &report["checks"]), (&json!("enforcer-never-started"), &json!([])));
    let enforcer = house.enforcing(&house.policy());
    house.edit_state("status.json", |status| status["at"] = "2026-01-01T00:00:00Z".into());
    let report = says(&house, 1, "needs-person", &["runs and is SILENT, heard ", "controls of 1: 1 not looked at"]);
    assert_eq!((&report["enforcer"]["silent"], &report["stale"]), (&json!(true), &json!(true)));
    drop(enforcer);
    let report = says(
        &house,
        1,
        "needs-person",
        &["does NOT run", "controls of 1: 1 not looked at", "164.312: 1 not looked at"],
    );
    assert_eq!((&report["checks"][0]["outcome"], &report["stale"]), (&json!("pass"), &json!(true)), "{report}");
    std::fs::write(house.path("state/state.json"), "{").unwrap();
    says(&house, 1, "needs-person", &["[state-damaged]", "controls none are known"]);
    // What may not be read at all is no answer.
    std::fs::write(house.path("etc/enforce.toml"), "site = 1\n").unwrap();
    let said = house.status(&[]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{}", said.stderr);
    assert!(said.stderr.contains("enforce.toml"), "{}", said.stderr);
}

/// A partial control never plainly holds, and what this version cannot look at is never passed. Many are told by family.
#[test]
fn controls_are_as_good_as_what_was_seen() {
    let house = House::new();
    let mut policy = house.policy();
    let control = policy["controls"]["164.312(c)(1)"].clone();
    let mut put = |id: &str, coverage: &str, checks: Value| {
        let mut one = control.clone();
        (one["coverage"], one["checks"]) = (json!(coverage), checks);
        match coverage {
            "partial" => one["not_assessed"] = json!("the rest"),
            "procedural" => one["procedure"] = json!("People do it."),
            _ => {}
        }
        policy["controls"][id] = one;
    };
    put("164.312(b)", "partial", json!(["file.motd"]));
    put("164.308(a)(2)", "procedural", json!([]));
    for n in 0..12 {
        put(&format!("164.310({n})"), "automated", json!(["file.motd", "windows.defender"]));
    }
    let unseen = check(json!({ "windows_defender": {} }), json!({ "enabled": { "eq": true } }));
    policy["checks"]["windows.defender"] = unseen;
    policy["duties"] = json!({});
    let _enforcer = house.enforcing(&policy);
    let report = says(
        &house,
        0,
        "well",
        &[
            "controls of 15: 1 holds, 1 holds in part, 12 not assessable, 1 procedural",
            "164.310: 12 not assessable: 164.310(0), 164.310(1), 164.310(10), 164.310(11), 8 more",
            "checks of 2: 1 hold, 1 are not observed by this version",
        ],
    );
    let verdict = |id: &str| {
        report["controls"].as_array().unwrap().iter().find(|control| control["id"] == id).unwrap()["verdict"].clone()
    };
    assert_eq!(
        ["164.312(b)", "164.312(c)(1)", "164.308(a)(2)", "164.310(3)"].map(verdict),
        ["holds-in-part", "holds", "procedural", "not-assessable"].map(Value::from)
    );
}

/// Many tickets of one family are one line.
#[test]
fn many_causes_are_told_by_family() {
    let house = House::new();
    let mut policy = house.policy();
    for n in 0..14 {
        let path = house.path(&format!("target/{n}"));
        std::fs::write(&path, "").unwrap();
        policy["checks"][format!("backup.{n:02}")] =
            check(json!({ "file": { "path": path } }), json!({ "mode": { "eq": "0000" } }));
    }
    let _enforcer = house.enforcing(&policy);
    let said = house.status(&[]);
    assert_eq!(said.code, Some(1), "{}", said.stdout);
    let text = said.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "14 things need a person",
        "✗ backup.*: 14 checks: backup.00, backup.01, backup.02, backup.03, 10 more [no-rule]",
        "`writ doctor` names each",
        "incidents 14 open",
        "11 more open",
    ] {
        assert!(text.contains(words), "{words}: {}", said.stdout);
    }
}

/// Words that are the same whenever it runs: what holds a digit, a path or a length of time is a mark.
fn words(text: &str) -> Vec<&str> {
    let varies = |word: &str| word.contains(|c: char| c.is_ascii_digit() || c == '/');
    let word = |word| {
        if varies(word) || ["s", "ms", "min", "h", "d"].contains(&word.trim_end_matches(',')) { "#" } else { word }
    };
    let mut words: Vec<&str> = text.split_whitespace().map(word).collect();
    words.dedup();
    words
}

/// The example of docs/appliance.md is what is printed.
#[test]
fn the_page_shows_what_is_printed() {
    let mut house = House::new();
    let mut policy = house.policy();
    policy["settings"]["circuit_breaker"] = json!({ "fires": 9, "within": "1h" });
    house.add_rule(&mut policy, true, 3);
    let hosts = house.path("target/hosts");
    std::fs::write(&hosts, "").unwrap();
    let mode = |mode| std::fs::set_permissions(&hosts, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    mode(0o644);
    policy["checks"]["file.hosts"] = check(json!({ "file": { "path": hosts } }), json!({ "mode": { "eq": "0644" } }));
    let mut partial = policy["controls"]["164.312(c)(1)"].clone();
    partial["title"] = "Audit controls".into();
    partial["checks"] = json!(["file.hosts"]);
    partial["coverage"] = "partial".into();
    partial["not_assessed"] = "The rest.".into();
    policy["controls"]["164.312(b)"] = partial;
    let mut enforcer = house.enforcing(&policy);
    house.break_it();
    run(&mut enforcer, &policy);
    mode(0o666);
    run(&mut enforcer, &policy);
    house.courier(&all_done(), |status| (status.waiting, status.clock_offset_ms) = (12, Some(-250)));
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let printed = house.status(&[]).stdout.replace(&format!("failed on {}", host.trim()), "failed on front-desk");
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/appliance.md");
    let page = std::fs::read_to_string(page).unwrap();
    let example = page.split_once("## At the box").unwrap().1.split("```").nth(1).unwrap();
    assert_eq!(words(example), words(&printed), "{printed}");
}
