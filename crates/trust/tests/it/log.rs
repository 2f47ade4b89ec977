//! The site log: proofs of every shape, tiles as they lie in files, notes and documents altered.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use writ_trust::log::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
use writ_trust::log::entry::LogEntry;
use writ_trust::log::note::{Note, NoteKey};
use writ_trust::log::proof::{self, Nodes, verify_consistency, verify_inclusion};
use writ_trust::log::receipt::{Receipt, ReceiptError};
use writ_trust::log::restart::{LogRestart, RestartError};
use writ_trust::log::tile::{FULL, Tile, TileError, TileNodes, Tiles};
use writ_trust::log::tree::{EMPTY_ROOT, Frontier, Hash, leaf_hash, node_hash};

use crate::log_world::{Kept, Log, ORIGIN, at};
use crate::world::*;

/// RFC 6962 §2.1, word by word: the judge of everything below.
fn reference(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => EMPTY_ROOT,
        [leaf] => *leaf,
        many => {
            let split = many.len().next_power_of_two() / 2;
            node_hash(&reference(&many[..split]), &reference(&many[split..]))
        }
    }
}

fn grown(size: u64) -> (Vec<Hash>, Kept, Frontier) {
    let leaves: Vec<Hash> = (0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect();
    let (mut nodes, mut frontier) = (Kept::default(), Frontier::new());
    for leaf in &leaves {
        frontier.push(*leaf, &mut |level, index, hash| nodes.keep(level, index, hash));
    }
    (leaves, nodes, frontier)
}

#[test]
fn every_proof_of_every_small_tree_holds_and_nothing_else_does() {
    let (leaves, mut nodes, _) = grown(40);
    let roots: Vec<Hash> = (0..=leaves.len()).map(|n| reference(&leaves[..n])).collect();
    for size in 1..=40_u64 {
        let root = &roots[size as usize];
        assert_eq!(proof::root_at(&mut nodes, size).unwrap(), *root);
        for index in 0..size {
            let path = proof::inclusion(&mut nodes, index, size).unwrap();
            let leaf = &leaves[index as usize];
            verify_inclusion(leaf, index, size, &path, root).unwrap();
            assert!(verify_inclusion(leaf, (index + 1) % size, size, &path, root).is_err() || size == 1);
            assert!(verify_inclusion(leaf, size, size, &path, root).is_err());
            assert!(verify_inclusion(&[0; 32], index, size, &path, root).is_err());
            assert!(verify_inclusion(leaf, index, size, &[path.clone(), vec![[0; 32]]].concat(), root).is_err());
            if let Some((_, shorter)) = path.split_last() {
                assert!(verify_inclusion(leaf, index, size, shorter, root).is_err());
            }
        }
        for old in 0..=size {
            let path = proof::consistency(&mut nodes, old, size).unwrap();
            let old_root = &roots[old as usize];
            verify_consistency(old, old_root, size, root, &path).unwrap();
            assert!(verify_consistency(old, &[1; 32], size, root, &path).is_err());
            assert!(verify_consistency(old, old_root, size, &[1; 32], &path).is_err() || old == 0);
            assert!(verify_consistency(size + 1, old_root, size, root, &path).is_err());
            assert!(verify_consistency(old, old_root, size, root, &[path.clone(), vec![[0; 32]]].concat()).is_err());
            for at in 0..path.len() {
                let mut altered = path.clone();
                altered[at][31] ^= 1;
                assert!(verify_consistency(old, old_root, size, root, &altered).is_err());
                altered.remove(at);
                assert!(verify_consistency(old, old_root, size, root, &altered).is_err());
            }
        }
    }
}

/// Tiles made of the nodes that a growing tree completes, as a log writes them.
struct Files(HashMap<String, Vec<u8>>);

impl Tiles for Files {
    type Error = TileError;

    fn tile(&mut self, tile: &Tile) -> Result<Vec<u8>, TileError> {
        let wider = || self.0.get(&tile.full().path());
        let found = self.0.get(&tile.path()).or_else(wider).cloned();
        found.ok_or(TileError::Malformed { what: "a tile", size: 0, width: tile.width })
    }
}

fn files(size: u64, steps: &[u64]) -> Files {
    let (_, mut nodes, _) = grown(size);
    let mut files = HashMap::new();
    let mut old = 0;
    for new in steps.iter().copied().chain([size]) {
        for tile in Tile::added(old, new) {
            let first = tile.index * u64::from(FULL);
            let hashes = (first..first + u64::from(tile.width)).map(|n| nodes.node(tile.level * 8, n).unwrap());
            files.insert(tile.path(), hashes.flatten().collect());
        }
        old = new;
    }
    Files(files)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 8, ..ProptestConfig::default() })]

    #[test]
    fn proofs_read_from_tiles_are_those_of_the_tree(size in 1..20_000_u64, part in 0.0..1.0_f64, old in 0.0..1.0_f64) {
        let (index, old) = ((size as f64 * part) as u64, (size as f64 * old) as u64);
        let (_, mut kept, frontier) = grown(size);
        let mut tiles = TileNodes::new(files(size, &[old]), size);
        let path = proof::inclusion(&mut tiles, index, size).unwrap();
        prop_assert_eq!(&path, &proof::inclusion(&mut kept, index, size).unwrap());
        verify_inclusion(&leaf_hash(&index.to_be_bytes()), index, size, &path, &frontier.root()).unwrap();
        let path = proof::consistency(&mut tiles, old, size).unwrap();
        let old_root = proof::root_at(&mut tiles, old).unwrap();
        verify_consistency(old, &old_root, size, &frontier.root(), &path).unwrap();
        // Growing on from a stored tree comes to the same as never having stopped.
        let mut resumed = Frontier::resume(old, &mut tiles).unwrap();
        (old..size).for_each(|n| resumed.push(leaf_hash(&n.to_be_bytes()), &mut |_, _, _| {}));
        prop_assert_eq!(resumed, frontier);
    }

    #[test]
    fn hostile_notes_and_receipts_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in ".{0,200}") {
        let _ = Note::parse(&bytes);
        let _ = Note::parse(format!("{text}\n\n\u{2014} {text}\n").as_bytes());
        let _ = Checkpoint::parse(&text);
        let _ = Receipt::parse(&bytes);
        let _ = LogEntry::parse(&bytes);
    }
}

#[test]
fn nodes_beyond_the_tree_are_refused() {
    let mut tiles = TileNodes::new(files(300, &[]), 300);
    tiles.node(0, 299).unwrap();
    tiles.node(8, 0).unwrap();
    for (level, index) in [(0, 300), (1, 150), (8, 1), (9, 0), (63, 0), (64, 1), (255, 0), (0, u64::MAX >> 1)] {
        assert!(matches!(tiles.node(level, index), Err(TileError::NoNode { .. })), "{level} {index}");
    }
}

/// The note of a checkpoint, the 4 bytes of key id, 8 of time and 64 of signature of its cosignature edited.
fn with_cosignature(signed: &SignedCheckpoint, edit: impl FnOnce(&mut Vec<u8>)) -> String {
    let (rest, packed) = signed.note.trim_end().rsplit_once(' ').unwrap();
    let mut bytes = STANDARD.decode(packed).unwrap();
    assert_eq!(bytes.len(), 76);
    edit(&mut bytes);
    format!("{rest} {}\n", STANDARD.encode(bytes))
}

#[test]
fn a_cosignature_of_a_time_that_cannot_be_written_is_passed_over() {
    let (_, log) = Log::world();
    let signed = log.signed();
    for (seconds, expected) in [
        (1_795_435_140, Some("2026-11-23T11:59:00Z")),
        (253_402_207_200, Some("9999-12-30T22:00:00Z")),
        (253_402_207_201, None),
        (253_402_300_799, None),
        (u64::MAX / 1000, None),
        (u64::MAX, None),
    ] {
        let text = format!("cosignature/v1\ntime {seconds}\n{}", signed.checkpoint.text());
        let note = with_cosignature(&signed, |packed| {
            packed[4..12].copy_from_slice(&seconds.to_be_bytes());
            packed[12..].copy_from_slice(&secret(LOG).sign_message(text.as_bytes()));
        });
        let verified = SignedCheckpoint::verify(note.as_bytes(), ORIGIN, &[public(LOG)]).unwrap();
        assert_eq!(verified.fresh_at.map(|at| at.to_string()).as_deref(), expected, "{seconds}");
    }
}

#[test]
fn every_altered_byte_of_a_checkpoint_is_seen() {
    let (_, log) = Log::world();
    let signed = log.signed();
    let keys = [public(LOG)];
    let note = signed.note.as_bytes();
    assert_eq!(SignedCheckpoint::verify(note, ORIGIN, &keys).unwrap(), signed);
    let lines: Vec<&str> = signed.note.lines().collect();
    let first_signature_ends = signed.note.find(lines[5]).unwrap();
    for at in 0..first_signature_ends {
        let mut altered = note.to_vec();
        altered[at] ^= 1;
        assert!(SignedCheckpoint::verify(&altered, ORIGIN, &keys).is_err(), "byte {at}");
    }
    // The second line is the time: without it the checkpoint holds, and is not known to be fresh.
    let timeless = signed.note[..first_signature_ends].to_owned();
    assert_eq!(SignedCheckpoint::verify(timeless.as_bytes(), ORIGIN, &keys).unwrap().fresh_at, None);
    let altered = with_cosignature(&signed, |packed| *packed.last_mut().unwrap() ^= 1);
    assert_eq!(SignedCheckpoint::verify(altered.as_bytes(), ORIGIN, &keys).unwrap().fresh_at, None);
    let stranger = SignedCheckpoint::verify(note, ORIGIN, &[public(STRANGER)]).unwrap_err();
    assert!(matches!(stranger, CheckpointError::Unsigned { .. }));
    let other = SignedCheckpoint::verify(note, "log.example/other", &keys).unwrap_err();
    assert!(matches!(other, CheckpointError::Origin { .. }));
}

#[test]
fn lines_of_witnesses_are_kept_and_mean_nothing_to_us() {
    let (_, log) = Log::world();
    let signed = log.signed();
    let witness = NoteKey::new("witness.example/w1", &public(STRANGER));
    let note = format!("{}{}", signed.note, witness.cosign(&signed.checkpoint.text(), &secret(STRANGER), at()));
    let verified = SignedCheckpoint::verify(note.as_bytes(), ORIGIN, &[public(LOG)]).unwrap();
    assert_eq!((verified.checkpoint, verified.fresh_at), (signed.checkpoint, signed.fresh_at));
    assert_eq!(witness.cosigned(&Note::parse(note.as_bytes()).unwrap()), Some(at()));
    assert!(!witness.signed(&Note::parse(note.as_bytes()).unwrap()), "a cosignature is no signature");
}

#[test]
fn texts_that_are_no_checkpoints() {
    let root = "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo=";
    Checkpoint::parse(&format!("o\n5\n{root}\n")).unwrap();
    for bad in [
        String::new(),
        "o\n".into(),
        format!("o\n5\n{root}"),
        format!("o\n05\n{root}\n"),
        format!("o\n-1\n{root}\n"),
        format!("o\n+5\n{root}\n"),
        format!("\n5\n{root}\n"),
        format!("o\n5\n{root}=\n"),
        format!("o\n5\n{}\n", &root[4..]),
        format!("o\n5\n{root}\nextension\n"),
        format!("o\n18446744073709551615\n{root}\n"),
        format!("o\n5 \n{root}\n"),
    ] {
        assert!(Checkpoint::parse(&bad).is_err(), "{bad:?}");
    }
}

#[test]
fn receipts_are_read_as_written_and_bad_ones_refused_in_one_line() {
    let (_, mut log) = Log::world();
    let bytes = log.receipt(2);
    let receipt = Receipt::parse(&bytes).unwrap();
    assert_eq!(receipt.canonical(), bytes);
    let verified = receipt.verify(ORIGIN, &[public(LOG)]).unwrap();
    assert!(matches!(verified.entry, LogEntry::Evidence { sequence: 2, .. }));
    let text = String::from_utf8(bytes.clone()).unwrap();
    for (from, to) in [
        ("\"index\":2", "\"index\":-1"),
        ("\"index\":2", "\"index\":2.0"),
        ("\"index\":2", "\"index\":2,\"index\":2"),
        ("\"schema\":\"writ.receipt.v1\"", "\"schema\":\"writ.receipt.v2\""),
        ("\"proof\":[", "\"proof\":[\"AA==\","),
        ("\"proof\":[", "\"proof\":[7,"),
        ("{\"checkpoint\"", "{\"extra\":1,\"checkpoint\""),
        ("\"entry\":\"", "\"entry\":\"*"),
    ] {
        let bad = text.replacen(from, to, 1);
        assert_ne!(bad, text, "{from}");
        assert_one_line(&Receipt::parse(bad.as_bytes()).unwrap_err().to_string());
    }
    assert!(matches!(Receipt::parse(&vec![b' '; 70_000]), Err(ReceiptError::TooLarge(_))));
    let flipped = Receipt { entry: receipt.entry.iter().map(|b| b ^ 1).collect(), ..receipt };
    assert!(matches!(flipped.verify(ORIGIN, &[public(LOG)]), Err(ReceiptError::Proof { .. })));
}

#[test]
fn entries_are_read_as_written_and_bad_ones_refused() {
    let (_, mut log) = Log::restarted_world();
    log.evidence(7);
    log.order(7);
    for entry in &log.entries {
        assert_eq!(LogEntry::parse(entry).unwrap().canonical(), *entry);
    }
    let order = String::from_utf8(log.entries.pop().unwrap()).unwrap();
    assert!(LogEntry::parse(order.replace("\"id\":\"", "\"id\":\"../").as_bytes()).is_err());
    let text = String::from_utf8(log.entries.pop().unwrap()).unwrap();
    for (from, to) in [
        ("\"type\":\"evidence\"", "\"type\":\"rumour\""),
        ("\"type\":\"evidence\"", "\"type\":\"release\""),
        ("{", "{\"more\":1,"),
        ("\"sequence\":8", "\"sequence\":8.5"),
        ("\"sequence\":8", "\"sequence\":8,\"sequence\":9"),
        ("writ.log-entry.v1", "writ.log-entry.v2"),
    ] {
        let bad = text.replacen(from, to, 1);
        assert_ne!(bad, text, "{from}");
        assert!(LogEntry::parse(bad.as_bytes()).is_err(), "{bad}");
    }
    assert!(LogEntry::parse(&vec![b' '; 5_000]).is_err());
}

#[test]
fn restarts_take_the_threshold_of_the_trust_keys() {
    let (world, log) = Log::restarted_world();
    let bytes = log.restart().canonical();
    let verify = |bytes: &[u8], signers: &[u8]| {
        LogRestart::verify(bytes, &sign(bytes, signers), &world.chain, &world.release.site)
    };
    assert_eq!(verify(&bytes, &[TRUST_A, TRUST_B]).unwrap(), log.restart());
    for signers in [&[][..], &[TRUST_A], &[TRUST_A, TRUST_A], &[TRUST_A, RELEASE_A], &[LOG, STRANGER]] {
        assert!(matches!(verify(&bytes, signers), Err(RestartError::BelowThreshold { .. })));
    }
    let altered = |edit: &dyn Fn(&mut LogRestart)| {
        let mut restart = log.restart();
        edit(&mut restart);
        verify(&restart.canonical(), &[TRUST_A, TRUST_B]).unwrap_err()
    };
    assert!(matches!(altered(&|r| r.site = "clinic-002".parse().unwrap()), RestartError::Site { .. }));
    assert!(matches!(altered(&|r| r.origin = "log.example/nowhere".into()), RestartError::Origins { .. }));
    let back = |r: &mut LogRestart| std::mem::swap(&mut r.origin, &mut r.previous.origin);
    assert!(matches!(altered(&back), RestartError::Origins { .. }));
    assert!(matches!(verify(b"{}", &[TRUST_A, TRUST_B]), Err(RestartError::Document(_))));
}
