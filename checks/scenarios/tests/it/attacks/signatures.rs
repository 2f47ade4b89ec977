//! Attacks on who signed.

use std::fs;
use std::process::Command;

use writ_scenarios::run;
use writ_trust::minisign::{SecretKey, signature_file_name};

use super::{Attack, attack};
use crate::house::releases::sign;
use crate::house::*;

const RULE: &str = "signature-threshold";

pub const ALL: &[Attack] = &[
    attack("below the threshold", RULE, "release", |house| by(house, &[ALICE])),
    attack("not signed at all", RULE, "release", |house| by(house, &[])),
    attack("one signer, and a stranger", RULE, "release", |house| by(house, &[ALICE, STRANGER])),
    attack("one signer, and a revoked key", RULE, "release", |house| by(house, &[ALICE, REVOKED])),
    attack("one signer, and a key that is no longer valid", RULE, "release", |house| by(house, &[ALICE, LAPSED])),
    attack("one signer, and keys of other roles", RULE, "release", |house| by(house, &[ALICE, TRUST, CACHE])),
    attack("one signer, and the appliance's own key", RULE, "release", |house| by(house, &[ALICE, APPLIANCE])),
    attack("one signer twice", RULE, "release", |house| {
        by(house, &[ALICE]);
        let bytes = house.release(6).canonical();
        let again = secret(ALICE).sign(&bytes, "another comment", "another signature").unwrap().to_string();
        // Under the name of the other signer's file, too.
        let name = signature_file_name("release.json", public(BOB).key_id());
        fs::write(house.place("1-6").join(name), &again).unwrap();
        fs::write(house.place("1-6").join("release.json.minisig"), again).unwrap();
    }),
    attack("a stranger's signature under a signer's key id", RULE, "release", |house| {
        by(house, &[ALICE]);
        let mut random = [STRANGER; 40];
        random[32..].copy_from_slice(public(BOB).key_id().as_bytes());
        let forger = SecretKey::generate(&random);
        let forged = forger.sign(&house.release(6).canonical(), "c", "u").unwrap().to_string();
        fs::write(house.place("1-6").join(signature_file_name("release.json", forger.key_id())), forged).unwrap();
    }),
    attack("signatures of other bytes", RULE, "release", |house| {
        by(house, &[ALICE, BOB]);
        let mut release = house.release(6);
        release.source.dirty = true;
        fs::write(house.place("1-6").join("release.json"), release.canonical()).unwrap();
    }),
    attack("one byte of the release flipped", RULE, "release", |house| {
        by(house, &[ALICE, BOB]);
        let path = house.place("1-6").join("release.json");
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
    }),
    attack("the release cut short", RULE, "release", |house| {
        by(house, &[ALICE, BOB]);
        let path = house.place("1-6").join("release.json");
        let bytes = fs::read(&path).unwrap();
        fs::write(path, &bytes[..bytes.len() - 1]).unwrap();
    }),
    attack("a signature file cut short", RULE, "release", |house| {
        by(house, &[ALICE, BOB]);
        let path = house.place("1-6").join(signature_file_name("release.json", public(BOB).key_id()));
        let bytes = fs::read(&path).unwrap();
        fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    }),
    attack("the trusted comment altered", RULE, "release", |house| {
        by(house, &[ALICE, BOB]);
        let path = house.place("1-6").join(signature_file_name("release.json", public(BOB).key_id()));
        let text = fs::read_to_string(&path).unwrap().replace("a trusted comment", "a trusted remark");
        fs::write(path, text).unwrap();
    }),
    attack("a signature of the old kind, not prehashed", RULE, "release", legacy),
    attack("a signature that is a link", "readable", "release", |house| {
        by(house, &[ALICE, BOB]);
        let path = house.place("1-6").join(signature_file_name("release.json", public(BOB).key_id()));
        fs::rename(&path, house.path("elsewhere")).unwrap();
        std::os::unix::fs::symlink(house.path("elsewhere"), path).unwrap();
    }),
    attack("more signature files than anybody could need", "signature-count", "release", |house| {
        by(house, &[ALICE, BOB]);
        for n in 0..70_u64 {
            let file = format!("release.json.{n:016X}.minisig");
            fs::write(house.place("1-6").join(file), sign(STRANGER, format!("{n}").as_bytes())).unwrap();
        }
    }),
];

/// Release 1-6, signed by these.
fn by(house: &House, signers: &[u8]) {
    house.put("1-6", &house.release(6).canonical(), signers);
}

/// Bob's signature, made by minisign itself in its old form.
fn legacy(house: &House) {
    by(house, &[ALICE]);
    let key = house.path("bob.key");
    fs::write(&key, secret(BOB).to_open_file().as_bytes()).unwrap();
    let signature = house.place("1-6").join(signature_file_name("release.json", public(BOB).key_id()));
    let mut minisign = Command::new("minisign");
    minisign.args(["-S", "-l", "-W", "-s"]).arg(&key).arg("-x").arg(&signature);
    minisign.arg("-m").arg(house.place("1-6").join("release.json"));
    run::checked(&mut minisign).unwrap();
}
