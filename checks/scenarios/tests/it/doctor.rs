//! What a support engineer is told on an appliance whose depot was unplugged, whose healing is paused, and where a rule was
//! stopped: with the real depot, courier and enforcer.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::distribution::line::Line;
use crate::house::{House, Ran, program, ran};

fn doctor(house: &House, arguments: &[&str]) -> Ran {
    ran(program("writ").args(["doctor", "--config"]).arg(house.path("etc/enforce.toml")).args(arguments))
}

/// The findings with this code, as `subject: what; next`.
fn found(house: &House, code: &str) -> Vec<String> {
    let said = doctor(house, &["--format", "json"]);
    let report: Value =
        serde_json::from_str(&said.stdout).unwrap_or_else(|e| panic!("{e}: {}{}", said.stdout, said.stderr));
    let findings = report["findings"].as_array().unwrap().iter().filter(|finding| finding["code"] == code);
    let text = |finding: &Value| {
        let part = |name: &str| finding[name].as_str().unwrap().to_owned();
        format!("{}: {}; {}", part("subject"), part("what"), part("next"))
    };
    findings.map(text).collect()
}

/// A line without anybody between the courier and the depot, with two files under watch and a break-glass code.
fn line() -> Line {
    let mut line = Line::laid();
    let house = &line.house;
    house.furnish(2);
    fs::write(house.path("code"), "open sesame\n").unwrap();
    let mut make = program("writ-enforce");
    make.arg("pause-code").arg("--out").arg(house.path("etc/pause-code")).arg("--code-file").arg(house.path("code"));
    assert_eq!(ran(&mut make).code, Some(0));
    let edit = |name: &str, change: &dyn Fn(String) -> String| {
        fs::write(house.path(name), change(fs::read_to_string(house.path(name)).unwrap())).unwrap();
    };
    edit("etc/enforce.toml", &|text| {
        format!("{text}pause_code_file = \"{}\"\n", house.path("etc/pause-code").display())
    });
    let proxy = format!("http://{}", line.proxy.address());
    edit("etc/sync.toml", &|text| text.replace(&proxy, &line.depot.url()));
    line.publish_policy(|policy| policy["settings"]["circuit_breaker"] = json!({ "fires": 1, "within": "1h" }));
    line.start();
    line.settle();
    line
}

#[test]
fn a_support_engineer_is_told_why() {
    let line = line();
    let house = &line.house;
    line.until("doctor to find nothing wrong", || doctor(house, &[]).code == Some(0));
    let well = doctor(house, &[]).stdout;
    assert!(well.contains("the enforcer and the courier run") && well.contains("nothing is wrong"), "{well}");

    // A rule that has helped once within the hour is stopped by this policy.
    house.break_file(0);
    line.until("healing", || house.is_whole(0));
    line.settle();
    house.break_file(0);
    line.until("the breaker", || found(house, "breaker").len() == 2);
    let breaker = found(house, "breaker");
    assert!(breaker[0].contains("people have it: rule L1-FILE-0 was stopped"), "{breaker:?}");
    assert!(breaker[1].contains("keeps breaking"), "{breaker:?}");

    let mut pause = program("writ-enforce");
    pause.arg("pause").arg("--config").arg(house.path("etc/enforce.toml"));
    pause.args(["--checks", "file.1", "--for", "1h", "--reason", "the vendor is on the phone", "--code-file"]);
    assert_eq!(ran(pause.arg(house.path("code"))).code, Some(0));
    house.break_file(1);
    line.until("the pause", || !found(house, "paused").is_empty());
    assert!(found(house, "paused")[0].contains("the vendor is on the phone"), "{:?}", found(house, "paused"));
    let one = doctor(house, &["file.1", "--look"]);
    assert_eq!(one.code, Some(1), "{}{}", one.stdout, one.stderr);
    assert!(one.stdout.contains("[paused]") && one.stdout.contains("now       fail"), "{}", one.stdout);

    assert!(found(house, "depot-unreachable").is_empty());
    kill_process(Pid::from_raw(line.depot.pid().cast_signed()).unwrap(), Signal::KILL).unwrap();
    line.until("the depot to be missed", || !found(house, "depot-unreachable").is_empty());
    let missed = found(house, "depot-unreachable");
    assert!(
        missed.len() == 1 && missed[0].contains("cannot be reached") && missed[0].contains("check-in was"),
        "{missed:?}"
    );
    let people = doctor(house, &[]);
    assert_eq!(people.code, Some(1), "{}", people.stdout);
    for words in ["[depot-unreachable]", "[paused]", "[breaker]", "things wrong"] {
        assert!(people.stdout.contains(words), "{words}: {}", people.stdout);
    }
    // Colour is for terminals.
    assert!(!people.stdout.contains('\u{1b}'));
}
