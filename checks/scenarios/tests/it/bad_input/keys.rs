//! Public keys.

use std::fs;

use super::Verdicts;
use crate::house::*;

#[test]
fn bad_public_keys() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.pub");
    let good = public(ALICE).to_file();
    let (comment, line) = good.trim_end().split_once('\n').unwrap();
    let of = |line: &str| format!("{comment}\n{line}\n");
    let bad: Vec<(&str, String)> = vec![
        ("nothing", String::new()),
        ("white space", "\n\n".to_owned()),
        ("a comment alone", format!("{comment}\n")),
        ("three lines", format!("{good}more\n")),
        ("two keys", good.repeat(2)),
        ("not base64", of("????")),
        ("half a key", of(&line[..28])),
        ("a longer key", of(&format!("{line}AAAA"))),
        ("no padding where there must be none", of(&format!("{line}=="))),
        ("base64 for web addresses", of(&line.replace(['+', '/'], "_").replacen('R', "-", 1))),
        ("another algorithm", of(&format!("AAAA{}", &line[4..]))),
        ("all zeros", of(&"A".repeat(56))),
        ("a key of small order", of(&small_order())),
        ("a secret key", secret(ALICE).to_open_file().replace("secret", "public")),
        ("a Nix key", "cache-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n".to_owned()),
        ("an SSH key", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAA alice\n".to_owned()),
        ("a PEM key", "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n".to_owned()),
        ("JSON", "{}".to_owned()),
        ("a comment for a terminal", format!("untrusted comment: \u{1b}[2J\n{}\n", &line[1..])),
        ("a line that ends nowhere", "x".repeat(10_000)),
        ("a zero byte", of(&line.replacen('A', "\0", 1).replacen(&line[9..10], "\0", 1))),
        ("Windows' line ends in odd places", good.replace('\n', "\r\r\n")),
    ];
    let mut verdicts = Verdicts::default();
    for (name, text) in bad {
        fs::write(&file, &text).unwrap();
        let out = folder.path().join("1.json");
        let mut init = program("writ");
        init.args(["trust", "init", "--threshold", "trust=1", "--threshold", "release=1", "--out"]).arg(&out);
        let init = ran(init.arg("--key").arg(format!("{}:trust,release", file.display())));
        // What is too large is not read at all.
        let code = if text.len() > 4096 { 2 } else { 1 };
        verdicts.refused(&format!("writ trust init: {name}"), &init, code, &["error"]);
        assert!(!out.exists(), "{name}: a trust root was written");
        // `keys show` also reads secret keys and signatures: only what is none of them is refused.
        if name != "a secret key" {
            let show = ran(program("writ").args(["keys", "show"]).arg(&file));
            verdicts.refused(&format!("writ keys show: {name}"), &show, 1, &["error"]);
        }
    }
    verdicts.all_well();
}

/// A well-formed file of a point that any signature could be made to fit: y = 1, the neutral element.
fn small_order() -> String {
    use std::process::{Command, Stdio};
    let mut bytes = b"Ed12345678".to_vec();
    bytes.push(1);
    bytes.extend([0; 31]);
    let mut base64 = Command::new("base64").arg("-w0").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut base64.stdin.take().unwrap(), &bytes).unwrap();
    String::from_utf8(base64.wait_with_output().unwrap().stdout).unwrap()
}
