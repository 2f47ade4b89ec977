//! The proof of one bundle, made anew, checked by hand and with other people's tools.

use std::fs;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use writ_audit::proof::{self, LogPlace, Named, Proof, commands};
use writ_audit::show::find;
use writ_trust::digest::Digest;
use writ_trust::log::checkpoint::SignedCheckpoint;
use writ_trust::log::entry::LogEntry;
use writ_trust::log::proof::verify_inclusion;
use writ_trust::log::tree::{Hash, leaf_hash};

use crate::log_world::*;
use crate::world::*;

fn proof_of(world: &World, sequence: usize) -> Proof {
    let archive = world.archive();
    let (found, _) = find(&archive, world.sealed[sequence - 1].bundle_id, None);
    proof::of(&archive, &found[0])
}

/// As anybody would check it, who has the depot's key and nothing of ours.
fn holds(place: &LogPlace, digest: Digest) -> bool {
    let hash = |text: &String| -> Hash { STANDARD.decode(text).unwrap().try_into().unwrap() };
    let entry = STANDARD.decode(&place.entry).unwrap();
    let path: Vec<Hash> = place.proof.iter().map(hash).collect();
    let signed = SignedCheckpoint::verify(place.checkpoint.as_bytes(), ORIGIN, &[depot().public_key()]).unwrap();
    assert_eq!((signed.checkpoint.size, signed.checkpoint.root), (place.size, hash(&place.root)));
    assert_eq!(leaf_hash(&entry), hash(&place.leaf));
    LogEntry::parse(&entry).unwrap().digest() == digest
        && verify_inclusion(&leaf_hash(&entry), place.index, place.size, &path, &hash(&place.root)).is_ok()
}

#[test]
fn each_bundle_of_a_log_has_a_proof_that_others_can_check() {
    let world = World::logged();
    for sequence in [1, 2, 17, 28] {
        let proof = proof_of(&world, sequence);
        let sealed = &world.sealed[sequence - 1];
        assert_eq!((proof.evidence_bundle_hash, proof.log), (sealed.digest, proof::PROVEN));
        let place = proof.place.as_ref().unwrap();
        // A trust root and a release come before the first bundle.
        assert_eq!((place.index, place.size, place.by, place.number), (sequence as u64 + 1, 30, "tiles", 1));
        assert!(holds(place, sealed.digest));
        assert_eq!((proof.chain.sequence, proof.chain.previous), (sealed.sequence, sealed.bundle.chain.previous));
        let Named::Releases { first, first_digest, last } = &proof.signed_by.named else { panic!("{proof:?}") };
        let release = world.release.unwrap().digest;
        assert_eq!((first.as_str(), *first_digest, last.as_str()), ("1-1", Some(release), "1-1"));
        assert_eq!(proof.signed_by.fingerprint, device().public_key().fingerprint());
        // Nobody but the log says when.
        assert_eq!(proof.held.iter().map(|held| held.kind).collect::<Vec<_>>(), ["log key"]);
    }
}

#[test]
fn without_entries_the_receipt_proves_it_and_without_a_log_nothing_does() {
    let world = World::logged();
    fs::remove_dir_all(world.path().join("log/clinic-001/1/tile")).unwrap();
    let proof = proof_of(&world, 5);
    let place = proof.place.as_ref().unwrap();
    assert_eq!((place.by, place.index, proof.log), ("receipt", 6, proof::PROVEN));
    assert!(holds(place, world.sealed[4].digest));
    // The receipt of another bundle proves nothing of this one.
    let receipt = |n: usize| world.path().join(world.place(&world.sealed[n - 1]).replace(".json", ".receipt.json"));
    fs::copy(receipt(4), receipt(5)).unwrap();
    let proof = proof_of(&world, 5);
    assert_eq!((proof.place, proof.log), (None, proof::NOT_PROVEN));
    let proof = proof_of(&World::day(), 5);
    assert_eq!((proof.place, proof.log, proof.held), (None, proof::NOT_CONFIGURED, vec![]));
}

/// The receipt beside it holds by itself, and the log that is here says otherwise.
#[test]
fn a_log_that_was_altered_proves_nothing() {
    let world = World::logged();
    let proven = |world: &World| proof_of(world, 5).place.map(|place| place.by);
    let entries = world.path().join(world.log().bundle_path(6));
    let mut bytes = fs::read(&entries).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(&entries, bytes).unwrap();
    fs::remove_file(world.path().join(world.log().path("tile/0/000.p/30"))).unwrap();
    assert_eq!(proven(&world), None);
    assert_eq!(proof_of(&world, 5).log, proof::NOT_PROVEN);
    // Only once its entries are gone is the receipt what there is.
    fs::remove_file(&entries).unwrap();
    assert_eq!(proven(&world), Some("receipt"));
    // A checkpoint that nobody signed.
    let head = world.path().join(world.log().path("checkpoint"));
    fs::write(&head, fs::read_to_string(&head).unwrap().replacen("\n30\n", "\n31\n", 1)).unwrap();
    assert_eq!(proven(&world), None);
    // A log that is sound to its end and does not hold it.
    let world = World::logged();
    fs::remove_dir_all(world.path().join("log")).unwrap();
    world.log().cut(4).write(&world);
    assert_eq!(proven(&world), None);
}

/// In the archives of some days the log is there from those days on: what is not here is said by nothing but the receipts.
#[test]
fn of_a_log_that_is_here_in_part_the_receipt_proves_what_no_entry_contradicts() {
    let world = World::logged();
    let mut long = world.log().clone();
    for _ in 0..300 {
        long.push(&trust_entry(1, Digest::of(b"again")));
    }
    fs::remove_dir_all(world.path().join("log")).unwrap();
    long.write(&world);
    let by = |sequence: usize| proof_of(&world, sequence).place.map(|place| place.by);
    assert_eq!(by(5), Some("tiles"));
    for path in ["tile/entries/000", "tile/0/000"] {
        fs::remove_file(world.path().join(long.path(path))).unwrap();
    }
    assert_eq!(by(5), Some("receipt"));
    // Another one is in its place.
    let mut others = long.entries[..256].to_vec();
    others.swap(6, 7);
    world.write(&long.path("tile/entries/000"), &writ_trust::log::tile::EntryBundle::encode(&others));
    assert_eq!((by(5), by(4)), (None, None), "the entries come to another root");
    for path in ["tile/entries/001.p/74", "tile/0/001.p/74"] {
        fs::remove_file(world.path().join(long.path(path))).unwrap();
    }
    assert_eq!((by(5), by(4)), (None, Some("receipt")));
}

/// The commands that are printed are those that work.
#[test]
fn what_is_printed_for_anybody_works_with_their_tools() {
    let world = World::logged();
    let proof = proof_of(&world, 4);
    let scratch = tempfile::tempdir().unwrap();
    let own = |line: &str| line.replace("/tmp/", &format!("{}/", scratch.path().display()));
    let run = |lines: &[String]| {
        let script: String = lines.iter().map(|line| own(line) + "\n").collect();
        let mut shell = Command::new("sh");
        let output = shell.args(["-euc", &script]).current_dir(world.path()).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    };
    let all = commands(&proof);
    assert_eq!(all.len(), 3);
    for (what, lines) in &all {
        let (good, text) = run(lines);
        assert!(good, "{what}: {text}");
    }
    let digest = proof.evidence_bundle_hash.hex();
    assert!(run(&all[1].1).1.starts_with(&digest));
    fs::write(world.file(4), "{}").unwrap();
    for (what, lines) in [&all[0], &all[2]] {
        assert!(!run(lines).0, "{what}");
    }
    assert!(!run(&all[1].1).1.starts_with(&digest));
}
