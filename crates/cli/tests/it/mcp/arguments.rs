//! Hostile arguments of tools, long lists, and of the command itself.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use super::Clinic;
use super::session::Session;

#[test]
fn hostile_arguments_are_refused_by_their_shape() {
    let clinic = Clinic::new();
    let mut session = Session::open(&clinic.arguments(&[]));
    for (tool, arguments) in [
        ("controls", json!({ "site": "../../etc" })),
        ("controls", json!({ "site": "clinic-001/../.." })),
        ("controls", json!({ "site": "clinic-002" })),
        ("controls", json!({ "site": 1 })),
        ("controls", json!({ "period": "never" })),
        ("controls", json!({ "period": "9".repeat(65) })),
        ("controls", json!({ "period": "2026-13" })),
        ("controls", json!({ "control": "no such" })),
        ("controls", json!({ "control": "no.such" })),
        ("controls", json!({ "verdict": "FAILED" })),
        ("controls", json!({ "limit": 0 })),
        ("controls", json!({ "limit": 1e99 })),
        ("controls", json!({ "cursor": "1-ffffffffffff" })),
        ("controls", json!({ "cursor": "'; drop table" })),
        ("controls", json!({ "command": "rm -rf /" })),
        ("drift", json!({ "appliance": "a\u{0}b" })),
        ("drift", json!({ "severity": ["high"] })),
        ("incidents", json!({ "status": "all" })),
        ("incidents", json!({ "incident": "INC-2026" })),
        ("incidents", json!({ "check": "x".repeat(1_000) })),
        ("evidence", json!({})),
        ("evidence", json!({ "bundle": "../../../etc/passwd" })),
        ("evidence", json!({ "bundle": "EB-20261123-9999" })),
        ("evidence", json!({ "bundle": "EB-20261123-0001\u{1b}[2J" })),
        ("coverage", json!({ "framework": "iso" })),
        ("explain", json!({ "id": "" })),
        ("explain", json!({ "id": "no.such.thing" })),
        ("explain", json!({ "id": "../../../etc/passwd" })),
        ("explain", json!({ "id": { "a": "b" } })),
    ] {
        let why = session.refusal(tool, arguments.clone());
        assert!(!why.contains('\u{1b}') && !why.contains('\u{0}') && !why.contains("root:"), "{arguments}: {why}");
    }
    // What is no call at all is answered as such, and what has no shape of a message without its id.
    for params in [json!({ "name": "drift", "arguments": [1] }), json!({ "name": 5 }), json!([]), json!({})] {
        session.send(&json!({ "jsonrpc": "2.0", "id": "odd", "method": "tools/call", "params": params }).to_string());
        let answer = session.receive();
        assert!(answer["error"]["code"].is_i64() && answer["result"].is_null(), "{params}: {answer}");
    }
    // Whoever has read an answer may use its id again.
    for _ in 0..200 {
        session.send(&json!({ "jsonrpc": "2.0", "id": "again", "method": "ping" }).to_string());
        assert_eq!(session.receive()["id"], "again");
    }
    session.lives();
}

#[test]
fn long_lists_come_in_parts_of_one_reading() {
    let clinic = Clinic::new();
    let mut session = Session::open(&clinic.arguments(&[]));
    let mut found = Vec::new();
    let mut asked = json!({ "limit": 2 });
    loop {
        let part = session.get("controls", asked.clone());
        assert!(part["controls"].as_array().unwrap().len() <= 2 && part["total"] == 5);
        found
            .extend(part["controls"].as_array().unwrap().iter().map(|one| one["control"].as_str().unwrap().to_owned()));
        let Some(next) = part["next_cursor"].as_str() else { break };
        asked = json!({ "limit": 2, "cursor": next });
    }
    assert!(found.len() == 5 && found.is_sorted(), "{found:?}");
    let next = session.get("controls", json!({ "limit": 2 }))["next_cursor"].as_str().unwrap().to_owned();
    // The same list, otherwise asked for, is another one.
    let why = session.refusal("controls", json!({ "limit": 2, "cursor": next, "verdict": "failed" }));
    assert!(why.contains("another list"), "{why}");
}

#[test]
fn what_cannot_be_served_is_said() {
    let clinic = Clinic::new();
    let open = clinic.beside("open.token");
    fs::write(&open, "0123456789abcdef0123456789abcdef\n").unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    let short = clinic.beside("short.token");
    fs::write(&short, "short\n").unwrap();
    fs::set_permissions(&short, fs::Permissions::from_mode(0o600)).unwrap();
    let (open, short) = (open.display().to_string(), short.display().to_string());
    for (arguments, said) in [
        (vec!["--listen", "0.0.0.0:0"], "in the clear"),
        (vec!["--listen", "0.0.0.0:0", "--behind-proxy"], "--token-file"),
        (vec!["--listen", "127.0.0.1:0", "--token-file", &open], "others can read it"),
        (vec!["--listen", "127.0.0.1:0", "--token-file", &short], "32 to 512"),
        (vec!["--token-file", &short], "--listen"),
        (vec!["--flake", "/nonexistent"], "cannot be read"),
        (vec!["--period", "0s"], "longer than nothing"),
        (vec!["--proposals", "/dev/null/x"], "cannot make this directory"),
    ] {
        let ran = clinic.writ(&arguments).output().unwrap();
        let why = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(ran.status.code() == Some(2) && why.contains(said) && ran.stdout.is_empty(), "{arguments:?}: {why}");
    }
    // Without a root from outside of the folder nothing is shown.
    let mut writ = std::process::Command::new(env!("CARGO_BIN_EXE_writ"));
    let ran = writ.args(["mcp", "--audit"]).arg(clinic.world.path()).output().unwrap();
    assert!(ran.status.code() == Some(2) && String::from_utf8_lossy(&ran.stderr).contains("--trust"));
}
