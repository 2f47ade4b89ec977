//! Releases that say what they must not, although enough people signed them.

use serde_json::{Value, json};
use writ_trust::ids::ApplianceId;
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::release::{Release, RevokedKey};

use super::{Attack, attack};
use crate::house::*;

pub const ALL: &[Attack] = &[
    attack("for another site", "site", "release", |h| edited(h, |r| r.site = "clinic-999".parse().unwrap())),
    attack("without an entry for this appliance", "entry", "release", |h| {
        edited(h, |r| {
            let entry = r.generations.remove(&me()).unwrap();
            r.generations.insert("back-office".parse().unwrap(), entry);
        });
    }),
    attack("with another machine's key", "own-key", "release", |h| {
        edited(h, |r| r.generations.get_mut(&me()).unwrap().public_key = public(NEIGHBOUR));
    }),
    attack("with this machine's key revoked", "own-key-revoked", "release", |h| {
        edited(h, |r| {
            let (public_key, reason) = (public(APPLIANCE), "stolen".to_owned());
            r.revoked_appliance_keys = vec![RevokedKey { public_key, revoked_at: now_plus(-5000), reason }];
            let mut other = r.generations.remove(&me()).unwrap();
            other.public_key = public(NEIGHBOUR);
            r.generations.insert("back-office".parse().unwrap(), other);
        });
    }),
    attack("made under a trust root that nobody has", "trust-version", "release", |h| {
        edited(h, |r| r.trust_version = "7".parse().unwrap());
    }),
    attack("of an epoch that no root has opened", "epoch", "release", |h| {
        let mut release = h.release(1);
        release.epoch = "2".parse().unwrap();
        h.put("2-1", &release.canonical(), &[ALICE, BOB]);
    }),
    attack("an older release under a newer name", "floor", "release", |h| {
        let older = h.release(3).canonical();
        h.put("1-9", &older, &[ALICE, BOB]);
    }),
    attack("other bytes under the serial that runs", "floor-bytes", "release", |h| {
        let mut release = h.release(5);
        release.source.dirty = true;
        h.publish(&release);
    }),
    attack("other bytes of the serial that runs under a newer name", "floor-bytes", "release", |h| {
        let mut release = h.release(5);
        release.source.dirty = true;
        h.put("1-6", &release.canonical(), &[ALICE, BOB]);
    }),
    attack("expired", "expiry", "release", |h| {
        edited(h, |r| {
            r.issued_at = now_plus(-2 * DAY);
            r.expires_at = now_plus(-1000);
        });
    }),
    attack("for a time to come", "not-before", "release", |h| {
        let mut policy = h.policy();
        policy["settings"]["title"] = json!("What is to come");
        let mut release = h.release_of(6, &writ_trust::json::canonical(&policy), None);
        release.generations.get_mut(&me()).unwrap().not_before = now_plus(DAY);
        h.put("1-6", &release.canonical(), &[ALICE, BOB]);
    }),
    attack("made after the trust root ends", "issued-at", "release", |h| {
        edited(h, |r| {
            r.issued_at = now_plus(310 * DAY);
            r.expires_at = now_plus(400 * DAY);
        });
    }),
    attack("larger than documents are", "size", "release", |h| {
        let mut bytes = h.release(6).canonical();
        bytes.resize(MAX_DOCUMENT + 1, b' ');
        h.put("1-6", &bytes, &[ALICE, BOB]);
    }),
    attack("with a key twice", "document", "release", |h| {
        text(h, |t| t.replacen("\"serial\":6", "\"serial\":6,\"serial\":6", 1));
    }),
    attack("with a key twice, deep inside", "document", "release", |h| {
        text(h, |t| t.replacen("\"dirty\":false", "\"dirty\":false,\"dirty\":true", 1));
    }),
    attack("with a float", "document", "release", |h| text(h, |t| t.replacen("\"serial\":6", "\"serial\":6.0", 1))),
    attack("with an exponent", "document", "release", |h| text(h, |t| t.replacen("\"serial\":6", "\"serial\":6e0", 1))),
    attack("with a number beyond 2^53", "document", "release", |h| {
        text(h, |t| t.replacen("\"serial\":6", "\"serial\":9007199254740993", 1));
    }),
    attack("with a member that nobody knows", "document", "release", |h| json(h, |r| r["command"] = json!("reboot"))),
    attack("without a member", "document", "release", |h| {
        json(h, |r| drop(r.as_object_mut().unwrap().remove("previous")));
    }),
    attack("of another schema", "document", "release", |h| json(h, |r| r["schema"] = json!("writ.release.v2"))),
    attack("cut short by its signers", "document", "release", |h| text(h, |t| t[..t.len() - 2].to_owned())),
    attack("with something after its end", "document", "release", |h| text(h, |t| format!("{t}{{}}"))),
    attack("nothing at all", "document", "release", |h| text(h, |_| String::new())),
    attack("nested without end", "document", "release", |h| {
        text(h, |_| format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)));
    }),
    attack("not UTF-8", "document", "release", |h| {
        let mut bytes = h.release(6).canonical();
        bytes[12] = 0xFF;
        h.put("1-6", &bytes, &[ALICE, BOB]);
    }),
    attack("with a path for an appliance's name", "document", "release", |h| {
        json(h, |r| r["generations"]["../../etc"] = r["generations"]["front-desk"].clone());
    }),
    attack("with a system outside the store", "document", "release", |h| {
        json(h, |r| {
            let digest = r["generations"]["front-desk"]["policy"]["digest"].clone();
            r["generations"]["front-desk"]["closure"] =
                json!({ "toplevel": "/nix/store/../../tmp/evil", "digest": digest, "size": 1 });
        });
    }),
];

fn me() -> ApplianceId {
    "front-desk".parse().unwrap()
}

/// Release 1-6 with something else in it, signed by both.
fn edited(house: &House, edit: impl FnOnce(&mut Release)) {
    let mut release = house.release(6);
    edit(&mut release);
    house.put("1-6", &release.canonical(), &[ALICE, BOB]);
}

fn json(house: &House, edit: impl FnOnce(&mut Value)) {
    let mut value = serde_json::to_value(house.release(6)).unwrap();
    edit(&mut value);
    house.put("1-6", &writ_trust::json::canonical(&value), &[ALICE, BOB]);
}

fn text(house: &House, edit: impl FnOnce(&str) -> String) {
    let text = String::from_utf8(house.release(6).canonical()).unwrap();
    house.put("1-6", edit(&text).as_bytes(), &[ALICE, BOB]);
}
