//! Bundles in an audit folder.

use std::fs;
use std::path::PathBuf;

use writ_trust::json::canonical;

use super::Verdicts;
use super::mutations::{self, Bad};
use crate::house::releases::sign;
use crate::house::*;

fn verify(house: &House) -> Ran {
    ran(&mut house.audit("verify"))
}

#[test]
fn bad_bundles() {
    let (house, audit) = House::gathered();
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
        match how {
            // Some later version may know it: it is not counted, and not held against anybody.
            "another schema" | "a schema with a line break" => {
                verdicts.refused(&format!("signed: {how}"), &verify(&house), 0, &["unknown-schema", name]);
            }
            _ => verdicts.refused(&format!("signed: {how}"), &verify(&house), 1, &["NOT VERIFIED", name]),
        }
        fs::write(&signature, &good_signature).unwrap();
        verdicts.refused(&format!("not signed: {how}"), &verify(&house), 1, &["NOT VERIFIED", name]);
    }
    fs::write(last, &good).unwrap();
    let mut moved: serde_json::Value = serde_json::from_slice(&good).unwrap();
    moved["chain"]["previous"] = serde_json::json!(writ_trust::digest::Digest::of(b"another"));
    fs::write(last, canonical(&moved)).unwrap();
    fs::write(&signature, sign(APPLIANCE, &canonical(&moved))).unwrap();
    verdicts.refused("another chain", &verify(&house), 1, &["NOT VERIFIED", name]);
    verdicts.all_well();
}
