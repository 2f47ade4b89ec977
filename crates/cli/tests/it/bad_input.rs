//! Malformed documents: each is refused with one clear error that names the file, and nothing is written.

use crate::desk::{Desk, SITE};

/// Twenty ways to spoil a JSON document that begins with `{` and has a `"schema"`.
fn spoiled(good: &str) -> Vec<(&'static str, Vec<u8>)> {
    let replace = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1).into_bytes()
    };
    // Schemas of other documents may stand inside, and in RFC 8785 they come first.
    let value: serde_json::Value = serde_json::from_str(good).unwrap();
    let schema = format!("\"schema\":{}", value["schema"]);
    vec![
        ("empty", Vec::new()),
        ("white space", b"   \n".to_vec()),
        ("null", b"null".to_vec()),
        ("array", b"[]".to_vec()),
        ("cut short", good.as_bytes()[..good.len() / 2].to_vec()),
        ("trailing bytes", format!("{good}x").into_bytes()),
        ("two documents", format!("{good}{good}").into_bytes()),
        ("not UTF-8", [good.as_bytes(), &[0xff]].concat()),
        ("byte order mark", format!("\u{feff}{good}").into_bytes()),
        ("NUL", [b"\0", good.as_bytes()].concat()),
        ("duplicate key", replace("{", "{\"schema\":\"x\",")),
        ("unknown field", replace("{", "{\"surprise\":1,")),
        ("no schema", replace(&schema, "\"scheme\":1")),
        ("newer schema", replace(&schema, &schema.replace(".v1", ".v2"))),
        ("another schema", replace(&schema, "\"schema\":\"writ.other.v1\"")),
        ("float", replace("{", "{\"surprise\":1.5,")),
        ("huge integer", replace("{", "{\"surprise\":99999999999999999999,")),
        ("deep", replace("{", &format!("{{\"surprise\":{}{},", "[".repeat(80), "]".repeat(80)))),
        ("too large", [good.as_bytes(), &vec![b' '; 5 * 1024 * 1024]].concat()),
        ("escape of a lone surrogate", replace("{", "{\"surprise\":\"\\ud800\",")),
    ]
}

#[test]
fn twenty_bad_releases() {
    let desk = Desk::published();
    let file = format!("releases/releases/{SITE}/1-1/release.json");
    let good = String::from_utf8(desk.read(&file)).unwrap();
    let cases = spoiled(&good);
    assert_eq!(cases.len(), 20);
    for (name, bytes) in cases {
        desk.put(&file, bytes);
        for command in [&["release", "show", "releases"][..], &["verify", "releases", "--trust", "first-root.json"]] {
            let output = desk.run(command);
            let code = output.status.code().unwrap();
            let said = [output.stdout, output.stderr].map(|b| String::from_utf8_lossy(&b).into_owned()).concat();
            assert!(code == 1 || code == 2, "{name}: exit {code}\n{said}");
            assert!(said.contains("1-1"), "{name} does not name the file:\n{said}");
        }
        let draft = ["release", "draft", "--flake", "flake", "--previous", "releases", "--to", "draft-2"];
        assert_ne!(desk.run(&draft).status.code(), Some(0), "{name}");
        assert!(!desk.path("draft-2").exists(), "{name}: a draft was left");
    }
}

#[test]
fn twenty_bad_trust_roots() {
    let desk = Desk::published();
    let good = String::from_utf8(desk.read("first-root.json")).unwrap();
    for (name, bytes) in spoiled(&good) {
        desk.put("bad-root.json", &bytes);
        let output = desk.run(&["verify", "releases", "--trust", "bad-root.json"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(matches!(output.status.code(), Some(1 | 2)), "{name}\n{said}");
        assert!(said.contains("bad-root.json"), "{name} does not name the file:\n{said}");
        let output =
            desk.run(&["trust", "sign", "bad-root.json", "--key", "keys/alice.key", "--passphrase-file", "pass"]);
        assert_ne!(output.status.code(), Some(0), "{name} was signed");
        assert_eq!(desk.names("").iter().filter(|n| n.starts_with("bad-root.json")).count(), 1, "{name} was signed");
    }
}

#[test]
fn twenty_bad_ledgers() {
    let desk = Desk::published();
    let good = String::from_utf8(desk.read("ledger.json")).unwrap();
    for (name, bytes) in spoiled(&good) {
        desk.put("ledger.json", &bytes);
        let said = desk.could_not(&["release", "draft", "--flake", "flake", "--previous", "releases", "--to", "d"]);
        assert!(said.contains("ledger.json"), "{name} does not name the file:\n{said}");
        assert!(!desk.path("d").exists(), "{name}: a draft was left");
        assert_eq!(desk.read("ledger.json"), bytes, "{name}: the ledger was touched");
    }
}

#[test]
fn bad_key_files() {
    let desk = Desk::ready(1);
    let key = String::from_utf8(desk.read("keys/alice.key")).unwrap();
    let (comment, line) = key.split_once('\n').unwrap();
    let line = line.trim_end();
    for (name, bytes) in [
        ("empty", String::new()),
        ("one line", line.to_owned()),
        ("three lines", format!("{key}more\n")),
        ("no comment", format!("hello\n{line}\n")),
        ("cut short", format!("{comment}\n{}\n", &line[..line.len() - 8])),
        ("not base64", format!("{comment}\n{}\n", line.replace('A', "!"))),
        ("another algorithm", format!("{comment}\nAAAA{}\n", &line[4..])),
        ("carriage returns", key.replace('\n', "\r\n")),
        ("long", format!("{comment}{}\n{line}\n", "x".repeat(3000))),
        ("unlimited memory", {
            use base64::Engine as _;
            use base64::engine::general_purpose::STANDARD;
            let mut bytes = STANDARD.decode(line).unwrap();
            bytes[46..54].copy_from_slice(&u64::MAX.to_le_bytes());
            format!("{comment}\n{}\n", STANDARD.encode(bytes))
        }),
    ] {
        desk.put("bad.key", bytes);
        let arguments = ["trust", "sign", "releases/trust/1.json", "--key", "bad.key", "--passphrase-file", "pass"];
        let said = desk.refused(&arguments);
        assert!(said.contains("bad.key"), "{name} does not name the file:\n{said}");
        assert!(!said.contains(&line[20..60]), "{name}: the key was quoted");
    }
}
