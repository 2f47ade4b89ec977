//! Attacks on the site's log: receipts that prove nothing, another log, another history.

use std::fs;

use writ_trust::digest::Digest;
use writ_trust::log::checkpoint::{Checkpoint, SignedCheckpoint};
use writ_trust::log::entry::{EntrySchema, LogEntry};
use writ_trust::log::receipt::Receipt;
use writ_trust::log::tree::{Hash, leaf_hash, node_hash};
use writ_trust::role::Role;

use super::{Attack, attack};
use crate::house::releases::trust_key;
use crate::house::*;

const ORIGIN: &str = "log.example/clinic";
const SECOND: &str = "log.example/clinic/2";

pub const ALL: &[Attack] = &[
    attack("a release without the log's proof", "log-inclusion", "release", |h| logged(h, &[ORIGIN], |_| None)),
    attack("a receipt with one bit flipped", "log-inclusion", "release", |h| {
        logged(h, &[ORIGIN], |entry| {
            let mut receipt = receipt(ORIGIN, LOG, entry);
            receipt.proof[0][9] ^= 1;
            Some(receipt)
        });
    }),
    attack("the receipt of another release", "log-inclusion", "release", |h| {
        logged(h, &[ORIGIN], |entry| {
            let text = String::from_utf8(entry).unwrap().replace("\"serial\":6", "\"serial\":5");
            Some(receipt(ORIGIN, LOG, text.into_bytes()))
        });
    }),
    attack("a log kept by a stranger", "log-checkpoint", "release", |h| {
        logged(h, &[ORIGIN], |entry| Some(receipt(ORIGIN, STRANGER, entry)));
    }),
    attack("a log kept by one of the signers", "log-checkpoint", "release", |h| {
        logged(h, &[ORIGIN], |entry| Some(receipt(ORIGIN, ALICE, entry)));
    }),
    attack("another site's log", "log-checkpoint", "release", |h| {
        logged(h, &[ORIGIN], |entry| Some(receipt("log.example/other", LOG, entry)));
    }),
    attack("a split view: a history that contradicts the one seen", "log-consistency", "release", |h| {
        seen(h, [7; 32], 2);
        logged(h, &[ORIGIN], |entry| Some(receipt(ORIGIN, LOG, entry)));
    }),
    attack("a split view: a history that goes on from another beginning", "log-consistency", "release", |h| {
        seen(h, [7; 32], 1);
        logged(h, &[ORIGIN], |entry| {
            tile(h, &entry);
            Some(receipt(ORIGIN, LOG, entry))
        });
    }),
    attack("another log than the one seen, and no restart", "log-restart", "release", |h| {
        seen(h, [7; 32], 2);
        logged(h, &[ORIGIN, SECOND], |entry| Some(receipt(SECOND, LOG, entry)));
    }),
];

/// What the machine has seen of the first log, as it keeps it itself.
fn seen(house: &House, root: Hash, size: u64) {
    fs::write(house.path("state/checkpoint"), checkpoint(ORIGIN, LOG, root, size).note).unwrap();
}

fn checkpoint(origin: &str, key: u8, root: Hash, size: u64) -> SignedCheckpoint {
    SignedCheckpoint::sign(Checkpoint { origin: origin.into(), size, root }, &secret(key), now_plus(-1000))
}

/// Lays down the tile of the log of two entries, as a courier does.
fn tile(house: &House, entry: &[u8]) {
    let place = house.path("releases/log").join(&house.site).join("1/tile/0/000.p");
    fs::create_dir_all(&place).unwrap();
    fs::write(place.join("2"), [leaf_hash(b"the first entry"), leaf_hash(entry)].concat()).unwrap();
}

/// A receipt by a log of two entries, of which this is the second.
fn receipt(origin: &str, key: u8, entry: Vec<u8>) -> Receipt {
    let first = leaf_hash(b"the first entry");
    let root = node_hash(&first, &leaf_hash(&entry));
    Receipt { entry, index: 1, proof: vec![first], checkpoint: checkpoint(origin, key, root, 2).note }
}

/// Publishes release 6 under a root that names a log for the site, with what is made of its entry in the log.
fn logged(house: &House, origins: &[&str], made: impl FnOnce(Vec<u8>) -> Option<Receipt>) {
    let mut root = house.next_root();
    let origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
    root.log_origins.insert(house.site.parse().unwrap(), origins);
    root.keys.push(trust_key(LOG, "the depot", &[Role::Log]));
    house.put_root(&root, &[TRUST]);
    let release = house.release(6);
    let entry = LogEntry::Release {
        schema: EntrySchema::V1,
        site: house.site.parse().unwrap(),
        epoch: release.epoch,
        serial: release.serial,
        previous: release.previous,
        digest: Digest::of(&release.canonical()),
        time: now_plus(-1000),
    };
    if let Some(receipt) = made(entry.canonical()) {
        fs::write(house.place("1-6").join("release.receipt.json"), receipt.canonical()).unwrap();
    }
    house.publish(&release);
}
