//! The chain: what is sealed verifies, and nothing else does.

use proptest::prelude::*;
use writ_evidence::chain::{
    Authentic, ChainError, ChainState, SealError, Sealed, VerifyError, authenticate, follow, parse_file_name, resume,
    seal,
};
use writ_evidence::{Draft, Kind};
use writ_policy::outcome::Outcome;
use writ_trust::digest::Digest;
use writ_trust::time::Time;

use crate::bundles::{appliance, at, change, closed, key, noon, opened, sign_anyway, site, started, who};

fn chain(drafts: impl IntoIterator<Item = (Draft, Time)>) -> Vec<Sealed> {
    let mut state = ChainState::new();
    let mut out = Vec::new();
    for (draft, now) in drafts {
        let sealed = seal(draft, &state, &key(1), now).unwrap();
        state = sealed.next;
        out.push(sealed);
    }
    out
}

fn verify(sealed: &Sealed) -> Result<Authentic, VerifyError> {
    authenticate(&sealed.bytes, sealed.signature_text.as_bytes(), &who(&key(1)).speaker())
}

#[test]
fn a_whole_chain_verifies_and_each_bundle_names_the_one_before() {
    let sealed = chain([(started(), noon()), (opened(), noon()), (closed(), noon().plus_millis(50))]);
    let mut state = ChainState::new();
    for s in &sealed {
        state = follow(&state, &verify(s).unwrap()).unwrap();
        assert_eq!(parse_file_name(&s.file_name()), Some((s.sequence, s.bundle_id)));
    }
    assert_eq!(state, sealed[2].next);
    assert_eq!(sealed[2].bundle.chain.previous, Some(Digest::of(&sealed[1].bytes)));
    assert_eq!(sealed[2].bundle_id.to_string(), "EB-20261123-0003");
    let text = String::from_utf8(sealed[2].bytes.clone()).unwrap();
    assert!(text.contains("patient: [scrubbed:name]"), "sealing scrubs: {text}");
    assert!(sealed[2].signature_text.contains("trusted comment: site=clinic-001 appliance=front-desk sequence=3\n"));
}

#[test]
fn a_date_never_goes_back() {
    let days = ["2026-11-23T12:00:00Z", "2026-11-22T12:00:00Z", "2026-11-24T00:00:00Z"];
    let sealed = chain(days.map(|day| (started(), at(day))));
    let ids: Vec<String> = sealed.iter().map(|s| s.bundle_id.to_string()).collect();
    assert_eq!(ids, ["EB-20261123-0001", "EB-20261123-0002", "EB-20261124-0003"]);
    let mut state = ChainState::new();
    for s in &sealed {
        state = follow(&state, &verify(s).unwrap()).unwrap();
    }
}

#[test]
fn the_first_bundle_must_tell_of_a_start() {
    let error = seal(opened(), &ChainState::new(), &key(1), noon()).unwrap_err();
    assert!(matches!(error, SealError::FirstNotStarted(Kind::IncidentOpened)));
}

#[test]
fn who_speaks_is_decided_by_the_release() {
    let [sealed] = &chain([(started(), noon())])[..] else { unreachable!() };
    let signature = sealed.signature_text.as_bytes();
    let by = |speaker| authenticate(&sealed.bytes, signature, &speaker);
    let (mine, other) = (who(&key(1)), who(&key(2)));
    assert!(matches!(by(other.speaker()), Err(VerifyError::OtherKey { .. })));
    let elsewhere = "clinic-002".parse().unwrap();
    let mut speaker = mine.speaker();
    speaker.site = &elsewhere;
    assert!(matches!(by(speaker), Err(VerifyError::ForeignSite { .. })));
    let neighbour = "back-office".parse().unwrap();
    let mut speaker = mine.speaker();
    speaker.appliance = &neighbour;
    assert!(matches!(by(speaker), Err(VerifyError::ForeignAppliance { .. })));
    assert_eq!((site().as_str(), appliance().as_str()), ("clinic-001", "front-desk"));
}

#[test]
fn a_signed_lie_is_still_refused() {
    let [sealed] = &chain([(started(), noon())])[..] else { unreachable!() };
    let me = who(&key(1));
    let judge = |bundle: &writ_evidence::Bundle| {
        let (bytes, signature) = sign_anyway(bundle, &key(1));
        authenticate(&bytes, signature.as_bytes(), &me.speaker())
    };
    let mut bundle = sealed.bundle.clone();
    bundle.public_key = key(2).public_key();
    assert!(matches!(judge(&bundle), Err(VerifyError::ForeignKey)));
    let mut bundle = sealed.bundle.clone();
    bundle.schema = "writ.bundle.v3".into();
    assert!(matches!(judge(&bundle), Err(VerifyError::OtherSchema(_))));
    let mut bundle = sealed.bundle.clone();
    bundle.bundle_id.number = 9;
    assert!(matches!(judge(&bundle), Err(VerifyError::Invalid(_))));
    let (_, signature) = sign_anyway(&sealed.bundle, &key(1));
    for junk in [&b"{}"[..], b"", b"[]", b"{\"schema\":\"writ.bundle.v1\"}"] {
        let signature_of_junk = key(1).sign(junk, "x", "y").unwrap().to_string();
        let error = authenticate(junk, signature_of_junk.as_bytes(), &me.speaker()).unwrap_err();
        assert!(matches!(error, VerifyError::Malformed(_)), "{error}");
        assert!(matches!(authenticate(junk, signature.as_bytes(), &me.speaker()), Err(VerifyError::BadSignature(_))));
    }
    assert!(matches!(authenticate(&sealed.bytes, b"", &me.speaker()), Err(VerifyError::SignatureFile(_))));
    assert!(matches!(authenticate(&vec![b' '; 1 << 21], b"", &me.speaker()), Err(VerifyError::TooLarge(_))));
}

#[test]
fn each_break_of_the_chain_has_its_name() {
    let all = chain((0..4).map(|i| (if i == 0 { started() } else { change(Outcome::Fail, noon()) }, noon())));
    let authentic: Vec<Authentic> = all.iter().map(|s| verify(s).unwrap()).collect();
    assert_eq!(follow(&all[0].next, &authentic[2]), Err(ChainError::Gap { expected: 2, found: 3 }));
    assert_eq!(follow(&all[2].next, &authentic[1]), Err(ChainError::Repeated { expected: 4, found: 2 }));
    assert!(follow(&resume(&authentic[2]), &authentic[3]).is_ok());
    // The same number sealed twice: a second history.
    let fork = seal(change(Outcome::Pass, noon()), &all[1].next, &key(1), noon().plus_millis(1)).unwrap();
    let forked = Authentic { digest: fork.digest, bundle: fork.bundle };
    assert!(matches!(follow(&resume(&forked), &authentic[3]), Err(ChainError::Fork { .. })));
    // A date that goes back, and a chain that begins in the middle.
    let mut early = authentic[1].clone();
    early.bundle.bundle_id.date = "20261122".parse().unwrap();
    assert!(matches!(follow(&all[0].next, &early), Err(ChainError::Date { .. })));
    let mut first = authentic[1].clone();
    first.bundle.chain.sequence = 1;
    assert_eq!(follow(&ChainState::new(), &first), Err(ChainError::FirstNotStarted(Kind::Posture)));
}

#[test]
fn chain_state_survives_a_restart_as_json() {
    let sealed = chain([(started(), noon())]);
    let text = serde_json::to_string(&sealed[0].next).unwrap();
    assert_eq!(serde_json::from_str::<ChainState>(&text).unwrap(), sealed[0].next);
    assert!(serde_json::from_str::<ChainState>(r#"{"next_sequence":1,"extra":2}"#).is_err());
    let again = authenticate(&sealed[0].bytes, sealed[0].signature_text.as_bytes(), &who(&key(1)).speaker()).unwrap();
    assert_eq!(resume(&again), sealed[0].next);
}

#[test]
fn long_output_is_cut_and_sealing_stays_possible() {
    let mut draft = closed();
    draft.actions_taken[0].stdout_excerpt = "é".repeat(20_000);
    draft.verification[0].reasons = vec!["x".into(); 10_000];
    draft.drift.as_mut().unwrap().before = Some(huge());
    let first = seal(started(), &ChainState::new(), &key(1), noon()).unwrap();
    let sealed = seal(draft, &first.next, &key(1), noon()).unwrap();
    assert!(sealed.bundle.actions_taken[0].stdout_excerpt.ends_with("[cut]"));
    assert_eq!(sealed.bundle.verification[0].reasons.len(), 4096);
}

fn huge() -> writ_policy::observation::Observation {
    writ_policy::observation::Observation::new()
        .with("list", vec!["p".to_owned(); 5_000])
        .with("text", "y".repeat(9_000))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn numbers_only_rise_whatever_the_clock_does(hours in prop::collection::vec(0i64..24 * 400, 1..12)) {
        let times = hours.iter().map(|h| noon().plus_millis((h - 4800) * 3_600_000));
        let sealed = chain(times.map(|now| (started(), now)));
        let mut state = ChainState::new();
        for (i, s) in sealed.iter().enumerate() {
            prop_assert_eq!(s.sequence, i as u64 + 1);
            prop_assert_eq!(s.bundle_id.number, s.sequence);
            prop_assert!(i == 0 || s.bundle_id > sealed[i - 1].bundle_id);
            state = follow(&state, &verify(s).unwrap()).unwrap();
        }
    }

    #[test]
    fn any_flipped_byte_is_found(position in any::<prop::sample::Index>(), bit in 0u8..8) {
        let [first, sealed] = &chain([(started(), noon()), (opened(), noon())])[..] else { unreachable!() };
        let mut bytes = sealed.bytes.clone();
        bytes[position.index(sealed.bytes.len())] ^= 1 << bit;
        let me = who(&key(1));
        prop_assert!(authenticate(&bytes, sealed.signature_text.as_bytes(), &me.speaker()).is_err());
        prop_assert!(authenticate(&first.bytes, sealed.signature_text.as_bytes(), &me.speaker()).is_err());
        // Everything of the signature file but its untrusted comment counts.
        let second_line = sealed.signature_text.find('\n').unwrap() + 1;
        let mut signature = sealed.signature_text.clone().into_bytes();
        let at = second_line + position.index(signature.len() - second_line - 1);
        signature[at] ^= 1 << (bit % 7);
        prop_assert!(authenticate(&sealed.bytes, &signature, &me.speaker()).is_err());
    }
}
