//! Bundles in an audit folder.

use std::fs;
use std::path::PathBuf;

use writ_trust::json::canonical;

use super::Verdicts;
use super::mutations::{self, Bad};
use crate::house::releases::sign;
use crate::house::*;

/// A house with evidence, gathered for an audit.
fn gathered() -> (House, PathBuf) {
    let house = House::enforcing(1);
    house.break_file(0);
    assert_eq!(house.once().code, Some(0));
    fs::copy(house.path("etc/trust.json"), house.path("releases/trust/1.json")).unwrap();
    let name = writ_trust::minisign::signature_file_name("1.json", public(TRUST).key_id());
    fs::write(house.path("releases/trust").join(name), sign(TRUST, &house.root.canonical())).unwrap();
    let mut collect = program("writ");
    collect.args(["audit", "collect", "--releases"]).arg(house.path("releases"));
    let done = ran(collect.arg("--outbox").arg(house.outbox()).arg("--to").arg(house.path("audit")));
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let audit = house.path("audit");
    (house, audit)
}

fn verify(house: &House) -> Ran {
    let mut verify = program("writ");
    verify.args(["audit", "verify"]).arg(house.path("audit")).arg("--trust").arg(house.path("etc/trust.json"));
    ran(&mut verify)
}

#[test]
fn bad_bundles() {
    let (house, audit) = gathered();
    assert_eq!(verify(&house).code, Some(0), "{}", verify(&house).stdout);
    let evidence = audit.join("evidence").join(&house.site).join(public(APPLIANCE).fingerprint());
    let mut files: Vec<PathBuf> = fs::read_dir(&evidence).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "json"));
    files.sort();
    let last = files.last().unwrap();
    let name = last.file_name().unwrap().to_str().unwrap();
    let signature = evidence.join(format!("{name}.minisig"));
    let (good, good_signature) = (fs::read(last).unwrap(), fs::read(&signature).unwrap());
    let mut verdicts = Verdicts::default();
    for Bad { name: how, bytes } in mutations::of(&good, "writ.bundle.v1") {
        fs::write(last, &bytes).unwrap();
        // A stolen key signs whatever it is given.
        fs::write(&signature, sign(APPLIANCE, &bytes)).unwrap();
        verdicts.refused(&format!("signed: {how}"), &verify(&house), 1, &["first bad", name]);
        fs::write(&signature, &good_signature).unwrap();
        verdicts.refused(&format!("not signed: {how}"), &verify(&house), 1, &["first bad", name]);
    }
    fs::write(last, &good).unwrap();
    let mut moved: serde_json::Value = serde_json::from_slice(&good).unwrap();
    moved["chain"]["previous"] = serde_json::json!(writ_trust::digest::Digest::of(b"another"));
    fs::write(last, canonical(&moved)).unwrap();
    fs::write(&signature, sign(APPLIANCE, &canonical(&moved))).unwrap();
    verdicts.refused("another chain", &verify(&house), 1, &["first bad", name]);
    verdicts.all_well();
}
