//! Laws that hold for every input.

use proptest::collection::vec;
use proptest::prelude::*;
use writ_trust::floor::Floor;
use writ_trust::minisign::{KdfStrength, PublicKey, SecretKey, SecretKeyFile, Signature};
use writ_trust::refusal::Rule;
use writ_trust::release::Release;
use writ_trust::root::TrustRoot;

use crate::world::*;

fn random() -> impl Strategy<Value = [u8; 40]> {
    vec(any::<u8>(), 40).prop_map(|bytes| bytes.try_into().unwrap())
}

/// The bytes with one bit of one of them flipped.
fn flipped(bytes: &[u8], at: usize, bit: u8) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = at % bytes.len();
    bytes[at] ^= 1 << bit;
    bytes
}

fn holds(key: &PublicKey, document: &[u8], signature: &[u8]) -> bool {
    Signature::parse(signature).is_ok_and(|s| key.verify_strict(document, &s).is_ok())
}

const SIGNERS: [u8; 6] = [RELEASE_A, RELEASE_B, RELEASE_C, TRUST_A, CACHE, STRANGER];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_signature_holds_for_its_key_and_bytes_and_for_nothing_else(
        one in random(), other in random(), document in vec(any::<u8>(), 0..300), comment in "[ -~\t]{0,60}",
    ) {
        let key = SecretKey::generate(&one);
        let signature = key.sign(&document, &comment, "u").unwrap();
        let file = signature.to_string().into_bytes();
        prop_assert_eq!(&Signature::parse(&file).unwrap(), &signature);
        prop_assert!(holds(&key.public_key(), &document, &file));
        prop_assume!(one != other);
        prop_assert!(!holds(&SecretKey::generate(&other).public_key(), &document, &file));
    }

    #[test]
    fn any_flipped_bit_of_document_signature_or_trusted_comment_is_refused(
        one in random(), document in vec(any::<u8>(), 1..300), at in any::<usize>(), bit in 0u8..8,
    ) {
        let key = SecretKey::generate(&one);
        let untrusted = "u";
        let file = key.sign(&document, "site=clinic-001", untrusted).unwrap().to_string().into_bytes();
        prop_assert!(!holds(&key.public_key(), &flipped(&document, at, bit), &file));
        let altered = flipped(&file, at, bit);
        // Nothing covers the text of the untrusted comment, and nothing relies on it.
        let comment = "untrusted comment: ".len();
        let harmless = (comment..comment + untrusted.len()).contains(&(at % file.len()));
        prop_assert!(harmless || !holds(&key.public_key(), &document, &altered));
    }

    #[test]
    fn any_flipped_bit_of_a_public_key_is_refused(one in random(), at in any::<usize>(), bit in 0u8..8) {
        let key = SecretKey::generate(&one);
        let file = key.sign(b"document", "t", "u").unwrap().to_string().into_bytes();
        let altered = flipped(key.public_key().line().as_bytes(), at, bit);
        let parsed = String::from_utf8(altered).ok().and_then(|line| PublicKey::parse(&line).ok());
        prop_assert!(!parsed.is_some_and(|key| holds(&key, b"document", &file)));
    }

    #[test]
    fn any_flipped_bit_of_an_open_secret_key_is_refused(one in random(), at in any::<usize>(), bit in 0u8..8) {
        let file = SecretKey::generate(&one).to_open_file();
        let (_, line) = file.trim_end().split_once('\n').unwrap();
        let altered = flipped(line.as_bytes(), at, bit);
        let opened = String::from_utf8(altered).ok().and_then(|line| {
            SecretKeyFile::parse(&format!("untrusted comment: x\n{line}\n")).and_then(|f| f.open()).ok()
        });
        prop_assert!(opened.is_none());
    }

    #[test]
    fn keys_survive_their_files(one in random(), salt in any::<[u8; 32]>(), passphrase in vec(any::<u8>(), 0..40)) {
        let key = SecretKey::generate(&one);
        let locked = key.to_locked_file(&passphrase, &salt, KdfStrength::Weak).unwrap();
        let read = SecretKeyFile::parse(&locked).unwrap().unlock(&passphrase).unwrap();
        prop_assert_eq!(read.public_key(), key.public_key());
        let read = SecretKeyFile::parse(&key.to_open_file()).unwrap().open().unwrap();
        prop_assert_eq!(read.public_key(), key.public_key());
        let public = key.public_key();
        prop_assert_eq!(PublicKey::parse(&public.to_file()).unwrap(), public);
    }

    #[test]
    fn a_release_with_any_flipped_bit_is_refused_for_its_signatures(at in any::<usize>(), bit in 0u8..8) {
        let world = World::new();
        let bytes = world.release.canonical();
        let signatures = sign(&bytes, &world.signers);
        let refusal = world.judge_bytes(&flipped(&bytes, at, bit), &signatures).unwrap_err();
        prop_assert_eq!(refusal.rule(), Rule::Threshold);
    }

    #[test]
    fn the_order_of_signatures_does_not_matter_and_no_key_counts_twice(
        signers in vec(prop::sample::select(&SIGNERS[..]), 0..10).prop_shuffle(), turn in any::<usize>(),
    ) {
        let mut world = World::new();
        world.signers = signers.clone();
        let first = world.judge();
        let mut turned = signers.clone();
        turned.rotate_left(turn % signers.len().max(1));
        world.signers = turned;
        let second = world.judge();
        // An independent count: different release keys among the signers.
        let mut counted: Vec<u8> = signers.into_iter().filter(|s| [RELEASE_A, RELEASE_B, RELEASE_C].contains(s)).collect();
        counted.sort_unstable();
        counted.dedup();
        prop_assert_eq!(first.is_ok(), counted.len() >= 2);
        match (first, second) {
            (Ok(a), Ok(b)) => {
                prop_assert_eq!(a.signers.len(), counted.len());
                prop_assert_eq!(a, b);
            }
            (Err(a), Err(b)) => prop_assert_eq!(a.rule(), b.rule()),
            (a, b) => prop_assert!(false, "{a:?} {b:?}"),
        }
    }

    #[test]
    fn the_floor_never_falls_and_nothing_below_it_is_ever_accepted(
        steps in vec((1u64..12, 0i64..400, any::<bool>(), 0i64..500), 1..25),
    ) {
        let start = time("2026-11-20T08:00:00Z");
        let day = |n: i64| start.plus_millis(n * 86_400_000);
        let mut root = root();
        root.expires_at = day(300);
        let mut world = World::under(&root);
        world.floor = Floor::initial("clinic-001".parse().unwrap(), &world.chain);
        for (number, now, dirty, issued) in steps {
            world.release.serial = serial(number);
            world.release.source.dirty = dirty;
            (world.release.issued_at, world.release.expires_at) = (day(issued), day(issued + 180));
            world.now = day(now);
            let before = world.floor.clone();
            let Ok(accepted) = world.judge() else { continue };
            let after = accepted.floor.clone();
            let digest = accepted.digest;
            let (old, new) = (before.release, after.release.unwrap());
            prop_assert_eq!((new.serial, new.digest), (serial(number), digest));
            if let Some(old) = old {
                prop_assert!(new.serial > old.serial || (new.serial == old.serial && new.digest == old.digest));
                prop_assert_eq!(accepted.again, new.serial == old.serial);
            }
            prop_assert!(after.clock >= before.clock && after.trust.version >= before.trust.version);
            prop_assert!(after.clock.unwrap() < root.expires_at, "no signed time ends updates for good");
            prop_assert!(accepted.again || before.instant(world.now) < world.release.expires_at);
            prop_assert_eq!(Floor::parse(&after.canonical()).unwrap(), after.clone());
            world.floor = after;
        }
    }

    #[test]
    fn no_bytes_make_a_parser_panic(bytes in vec(any::<u8>(), 0..400), text in ".{0,200}") {
        let _ = (Signature::parse(&bytes), Release::parse(&bytes), TrustRoot::parse(&bytes), Floor::parse(&bytes));
        let _ = (PublicKey::parse(&text), SecretKeyFile::parse(&text));
        let lines = format!("untrusted comment: {text}\n{text}\ntrusted comment: {text}\n{text}\n");
        let _ = (Signature::parse(lines.as_bytes()), PublicKey::parse(&lines), SecretKeyFile::parse(&lines));
    }
}
