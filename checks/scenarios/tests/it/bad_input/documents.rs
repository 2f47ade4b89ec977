//! Releases, trust roots, policies, closures and signature files.

use std::fs;

use writ_trust::digest::Digest;
use writ_trust::json::canonical;
use writ_trust::minisign::signature_file_name;
use writ_trust::release::ClosureRef;

use super::Verdicts;
use super::mutations::{self, Bad};
use crate::house::releases::sign;
use crate::house::*;

const TOPLEVEL: &str = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-system";

fn verify(house: &House) -> Ran {
    let root = house.path("etc/trust.json");
    ran(program("writ").arg("verify").arg(house.path("releases")).arg("--trust").arg(root))
}

/// Both who read releases: an operator, who gets a no, and an appliance, which says so and goes on.
fn both(house: &House, verdicts: &mut Verdicts, name: &str, rule: &str) {
    verdicts.refused(&format!("writ verify: {name}"), &verify(house), 1, &["FAILED"]);
    verdicts.refused(&format!("writ-enforce: {name}"), &house.once(), 0, &["WARN", rule]);
    assert_eq!(house.obeys().as_deref(), Some("1-5"), "{name}");
}

#[test]
fn bad_releases() {
    let house = House::enforcing(1);
    let mut verdicts = Verdicts::default();
    for Bad { name, bytes } in mutations::of(&house.release(6).canonical(), "writ.release.v1") {
        // Signed by those whose word counts: the signature is not what refuses it.
        house.put("1-6", &bytes, &[ALICE, BOB]);
        if name == "too large" {
            verdicts.refused("writ verify: too large", &verify(&house), 1, &["FAILED"]);
            verdicts.refused("writ-enforce: too large", &house.once(), 0, &["WARN", "rule size"]);
        } else {
            both(&house, &mut verdicts, name, "rule document");
        }
    }
    verdicts.all_well();
}

#[test]
fn bad_trust_roots() {
    let house = House::enforcing(1);
    let mut verdicts = Verdicts::default();
    let first = house.path("etc/first.json");
    for Bad { name, bytes } in mutations::of(&house.next_root().canonical(), "writ.trust.v1") {
        let file = house.path("releases/trust/2.json");
        fs::write(
            house.path("releases/trust").join(signature_file_name("2.json", public(TRUST).key_id())),
            sign(TRUST, &bytes),
        )
        .unwrap();
        fs::write(file, &bytes).unwrap();
        verdicts.refused(&format!("writ-enforce, as the next: {name}"), &house.once(), 0, &["WARN", "trust root 2"]);
        verdicts.refused(&format!("writ verify, as the next: {name}"), &verify(&house), code_of(name), &["error"]);
        fs::write(&first, &bytes).unwrap();
        let verify = ran(program("writ").arg("verify").arg(house.path("releases")).arg("--trust").arg(&first));
        verdicts.refused(&format!("writ verify, as the first: {name}"), &verify, code_of(name), &["error"]);
    }
    verdicts.all_well();
}

/// A file that is too large is not read, so nothing can be said of it.
fn code_of(name: &str) -> i32 {
    if name == "too large" { 2 } else { 1 }
}

/// A first root that is not one leaves an appliance with nothing to accept releases by.
#[test]
fn bad_first_roots() {
    let house = House::new();
    let mut verdicts = Verdicts::default();
    for Bad { name, bytes } in mutations::of(&house.root.canonical(), "writ.trust.v1") {
        fs::write(house.path("etc/trust.json"), bytes).unwrap();
        verdicts.refused(name, &house.once(), 2, &["the first trust root"]);
    }
    verdicts.all_well();
}

#[test]
fn bad_policies() {
    let house = House::enforcing(1);
    let mut verdicts = Verdicts::default();
    let file = house.path("policy.json");
    for Bad { name, bytes } in mutations::of(&house.policy_bytes(), "writ.policy.v1") {
        fs::write(&file, &bytes).unwrap();
        let alone = ran(program("writ-enforce").arg("check-policy").arg(&file));
        verdicts.refused(&format!("check-policy: {name}"), &alone, code_of(name), &["policy.json"]);
        if bytes.len() > writ_trust::json::MAX_DOCUMENT {
            // No release can name it: its size is beyond what a release may say.
            continue;
        }
        house.publish(&house.release_of(6, &bytes, None));
        // A schema that this version does not know is no mistake: what comes of it is told elsewhere.
        let unknown = name.contains("schema") || matches!(name, "null" | "an empty object" | "a list of it");
        match name {
            // A release cannot even say that a document has no bytes.
            "nothing" => both(&house, &mut verdicts, name, "rule document"),
            _ if unknown => {}
            _ => both(&house, &mut verdicts, name, "rule policy"),
        }
    }
    verdicts.all_well();
}

#[test]
fn bad_closures() {
    let house = House::enforcing(1);
    let mut verdicts = Verdicts::default();
    let good = serde_json::json!({
        "schema": "writ.closure.v1", "toplevel": TOPLEVEL, "store_dir": "/nix/store", "programs": {},
        "paths": [{ "path": TOPLEVEL, "nar_hash": Digest::of(b"a system"), "nar_size": 120, "references": [] }]
    });
    for Bad { name, bytes } in mutations::of(&canonical(&good), "writ.closure.v1") {
        if bytes.len() > writ_trust::json::MAX_DOCUMENT {
            continue;
        }
        let digest = house.put_document(&bytes);
        let named = ClosureRef { toplevel: TOPLEVEL.parse().unwrap(), digest, size: bytes.len() as u64 };
        house.publish(&house.release_of(6, &house.policy_bytes(), Some(named)));
        both(&house, &mut verdicts, name, if bytes.is_empty() { "rule document" } else { "rule closure" });
    }
    verdicts.all_well();
}

#[test]
fn bad_signature_files() {
    let house = House::enforcing(1);
    let mut verdicts = Verdicts::default();
    house.publish(&house.release(6));
    let file = house.place("1-6").join(signature_file_name("release.json", public(BOB).key_id()));
    let good = fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = good.lines().collect();
    let [untrusted, signature, trusted, global] = lines[..] else { panic!("{good}") };
    let of = |lines: &[&str]| format!("{}\n", lines.join("\n"));
    let with = |line: usize, new: &str| {
        let mut lines = lines.clone();
        lines[line] = new;
        of(&lines)
    };
    let bad: Vec<(&str, String)> = vec![
        ("nothing", String::new()),
        ("one line", of(&[untrusted])),
        ("two lines", of(&[untrusted, signature])),
        ("three lines", of(&[untrusted, signature, trusted])),
        ("five lines", format!("{good}more\n")),
        ("twice the file", good.repeat(2)),
        ("no untrusted comment", of(&[signature, trusted, global])),
        ("another first word", with(0, "comment: x")),
        ("another third word", with(2, "comment: x")),
        ("no signature", with(1, "")),
        ("not base64", with(1, "!!!!")),
        ("half a signature", with(1, &signature[..signature.len() / 2])),
        ("a longer signature", with(1, &format!("{signature}AAAA"))),
        ("another algorithm", with(1, &format!("AAAA{}", &signature[4..]))),
        ("the old algorithm", with(1, &format!("RWQ{}", &signature[3..]))),
        ("a changed signature", with(1, &signature.replace(&signature[60..64], "AAAA"))),
        ("no global signature", with(3, "")),
        ("a global signature that is not base64", with(3, "????")),
        ("half a global signature", with(3, &global[..global.len() / 2])),
        ("a changed global signature", with(3, &global.replace(&global[40..44], "AAAA"))),
        ("a changed trusted comment", with(2, &format!("{trusted}!"))),
        ("a trusted comment for a terminal", with(2, "trusted comment: \u{1b}[2Jall is well")),
        ("a trusted comment without end", with(2, &format!("trusted comment: {}", "x".repeat(12_000)))),
        ("Windows' line ends in odd places", good.replace('\n', "\r\r\n")),
        ("a public key", public(BOB).to_file()),
        ("JSON", "{}".to_owned()),
    ];
    for (name, text) in bad {
        fs::write(&file, text).unwrap();
        both(&house, &mut verdicts, name, "rule signature-threshold");
        // The appliance has seen these bytes refused for this reason; the next one is to be told again.
        house.forget_refusals();
    }
    verdicts.all_well();
}

/// What a hostile document calls its members must not reach a terminal, where it could be obeyed.
#[test]
fn no_document_speaks_to_the_terminal() {
    let house = House::enforcing(1);
    let hostile = |good: &[u8]| [b"{\"\\u001b[2J\\u0007\":1,", &good[1..]].concat();
    let (writ, enforce) = (program("writ"), program("writ-enforce"));
    let on_a_terminal = |program: &std::process::Command, arguments: String| {
        let line = format!("{} {arguments}", program.get_program().display());
        let ran = ran(std::process::Command::new("script").args(["-qec", &line, "/dev/null"]));
        assert!(ran.stdout.contains("[2J"), "{line}: something else is refused: {}", ran.stdout);
        assert!(!ran.stdout.contains("\u{1b}[2J") && !ran.stdout.contains('\u{7}'), "{line}: {:?}", ran.stdout);
    };
    let verify =
        format!("verify {} --trust {}", house.path("releases").display(), house.path("etc/trust.json").display());
    house.put("1-6", &hostile(&house.release(6).canonical()), &[ALICE, BOB]);
    on_a_terminal(&writ, verify.clone());
    house.publish(&house.release_of(6, &hostile(&house.policy_bytes()), None));
    on_a_terminal(&writ, verify.clone());
    let closure = hostile(b"{\"schema\":\"writ.closure.v1\"}");
    let named = ClosureRef {
        toplevel: TOPLEVEL.parse().unwrap(),
        digest: house.put_document(&closure),
        size: closure.len() as u64,
    };
    house.publish(&house.release_of(6, &house.policy_bytes(), Some(named)));
    on_a_terminal(&writ, verify);
    let file = house.path("hostile.json");
    fs::write(&file, hostile(&house.policy_bytes())).unwrap();
    on_a_terminal(&enforce, format!("check-policy {}", file.display()));
    fs::write(&file, hostile(&house.root.canonical())).unwrap();
    on_a_terminal(&writ, format!("trust show {}", file.display()));
}
