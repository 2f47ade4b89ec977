//! Timestamps of an authority that is openssl, and what is refused of them.

use std::sync::LazyLock;

use proptest::prelude::*;
use writ_trust::root::TimestampAuthority;
use writ_trust::timestamp::{AuthorityId, Stamped, TimestampError, Token, request};

use crate::tsa::{Key, Tsa};

const NOTE: &[u8] = b"log.example/clinic-001\n7\nAAAA\n\n\xe2\x80\x94 a signature\n";

/// One authority for all that need no other.
static TSA: LazyLock<Tsa> = LazyLock::new(|| Tsa::new(Key::P256));
/// An answer of it.
static ANSWER: LazyLock<Vec<u8>> = LazyLock::new(|| TSA.stamp_at(NOTE, "20261124070000Z"));

fn judge(response: &[u8], bytes: &[u8], authorities: &[TimestampAuthority]) -> Result<Stamped, TimestampError> {
    Token::parse(response)?.verify(bytes, authorities)
}

#[test]
fn what_openssl_stamps_is_accepted_by_both() {
    for key in [Key::Rsa, Key::P256, Key::P384] {
        let tsa = Tsa::new(key);
        for digest in ["sha256", "sha384", "sha512"] {
            let response = tsa.stamp(NOTE, digest);
            assert!(tsa.openssl_verifies(&response, NOTE));
            let authority = tsa.authority();
            let stamped = judge(&response, NOTE, std::slice::from_ref(&authority)).unwrap();
            assert_eq!(stamped.authority, "example");
            assert_eq!(stamped.by.millis_since(stamped.at), 1500, "the accuracy that it states");
            assert_eq!(stamped.name.authority, AuthorityId::of(&authority.der().unwrap()));
            assert_eq!(stamped.name.to_string()[..8], stamped.at.date_digits());
            // Whoever lists the very certificate needs no authority above it.
            assert_eq!(judge(&response, NOTE, &[tsa.itself()]).unwrap().authority, "itself");
        }
    }
}

#[test]
fn our_requests_are_answered_with_their_nonce() {
    let (query, nonce) = request(NOTE, [0xff; 16]);
    let response = TSA.reply(&query);
    let stamped = judge(&response, NOTE, &[TSA.authority()]).unwrap();
    assert_eq!((nonce.len(), stamped.nonce), (16, Some(nonce)));
    assert!(TSA.openssl_verifies(&response, NOTE));
    // Drawn as it may, the number is never one with fewer bytes.
    assert_eq!(request(NOTE, [0; 16]).1.len(), 16);
}

#[test]
fn the_time_in_it_is_that_of_openssl() {
    let stamped = judge(&ANSWER, NOTE, &[TSA.authority()]).unwrap();
    assert_eq!(stamped.at.to_string(), "2026-11-24T07:00:00Z");
    assert_eq!((stamped.by, stamped.nonce), (stamped.at, None));
    assert!(TSA.openssl_verifies(&ANSWER, NOTE));
}

#[test]
fn every_forgery_is_refused_by_its_name() {
    let (own, other) = ([TSA.authority()], Tsa::new(Key::P256));
    assert_eq!(judge(&ANSWER, b"something else", &own), Err(TimestampError::Imprint));
    assert_eq!(judge(&ANSWER, NOTE, &[]), Err(TimestampError::UnknownAuthority));
    assert_eq!(judge(&ANSWER, NOTE, &[other.authority(), other.itself()]), Err(TimestampError::UnknownAuthority));
    // Whoever may not sign others is an authority for itself alone, whatever it signed.
    let listed = TimestampAuthority { name: "no CA".into(), ..other.itself() };
    assert_eq!(judge(&ANSWER, NOTE, &[listed]), Err(TimestampError::UnknownAuthority));
    assert_eq!(judge(&TSA.stamp(NOTE, "sha1"), NOTE, &own), Err(TimestampError::Hash("what was stamped")));
    for purpose in ["servers", "loose", "both"] {
        // `openssl ts` would not sign with these, and whoever has the key does not ask it.
        let wrong = Tsa::made(Key::P256, purpose, "20200101000000Z", "20400101000000Z");
        let response = wrong.stamp_at(NOTE, "20261124070000Z");
        assert_eq!(judge(&response, NOTE, &[wrong.authority()]), Err(TimestampError::Purpose), "{purpose}");
    }
    // Another time in the same token, and another token under the same signature.
    let mut later = ANSWER.clone();
    let place = later.windows(15).position(|window| window == b"20261124070000Z").unwrap();
    later[place..place + 15].copy_from_slice(b"20261124060000Z");
    assert!(matches!(judge(&later, NOTE, &own), Err(TimestampError::Signature(_))));
    let mut flipped = ANSWER.clone();
    *flipped.last_mut().unwrap() ^= 1;
    assert!(matches!(judge(&flipped, NOTE, &own), Err(TimestampError::Signature(_))));
    assert!(!TSA.openssl_verifies(&later, NOTE) && !TSA.openssl_verifies(&flipped, NOTE));
}

#[test]
fn what_was_stamped_while_the_certificate_was_valid_stays_good() {
    // It ended long ago, as every certificate does in the end.
    let past = Tsa::made(Key::P256, "timestamps", "20210101000000Z", "20220101000000Z");
    let judged = |time: &str| judge(&past.stamp_at(NOTE, time), NOTE, &[past.authority()]);
    assert_eq!(judged("20210601000000Z").unwrap().at.to_string(), "2021-06-01T00:00:00Z");
    for outside in ["20201231235959Z", "20220101000001Z", "20261124070000Z"] {
        assert!(matches!(judged(outside), Err(TimestampError::Validity { .. })), "{outside}");
        let itself = judge(&past.stamp_at(NOTE, outside), NOTE, &[past.itself()]);
        assert!(matches!(itself, Err(TimestampError::Validity { .. })), "{outside}: {itself:?}");
    }
    // Nor after the authority above it has ended.
    let response = TSA.stamp_at(NOTE, "20410101000000Z");
    assert!(matches!(judge(&response, NOTE, &[TSA.authority()]), Err(TimestampError::Validity { .. })));
}

#[test]
fn an_answer_that_grants_nothing_says_why() {
    // Not a request at all: openssl answers with `rejection`.
    let refused = Token::parse(&TSA.reply(&[0x30, 0x03, 0x02, 0x01, 0x01])).unwrap_err();
    assert!(matches!(refused, TimestampError::Refused { status: 2, .. }), "{refused}");
    assert!(matches!(Token::parse(&[0; 40_000]), Err(TimestampError::TooLarge(40_000))));
    for bad in [&b""[..], b"<html>", &ANSWER[..ANSWER.len() - 1], &[&ANSWER[..], b"x"].concat()] {
        assert!(matches!(Token::parse(bad), Err(TimestampError::Malformed(_))));
    }
}

proptest! {
    /// No change of an answer breaks the reader, and none leads to another time or to other bytes.
    #[test]
    fn no_change_of_a_token_breaks_the_reader_or_forges(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = ANSWER.clone();
        for (place, byte) in &changes {
            let place = place.index(bytes.len());
            bytes[place] = *byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(stamped) = judge(&bytes, NOTE, &[TSA.authority()]) {
            prop_assert_eq!(stamped.at.to_string(), "2026-11-24T07:00:00Z");
        }
    }
}
