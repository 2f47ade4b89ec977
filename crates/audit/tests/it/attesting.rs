//! What people attach: signed by keys with the role attest, in chains of their own, and attacked.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value as Json, json};
use writ_audit::attest::{AttestError, DUTY, FAILED, ITEM, RESULT, Statement, draft, speaker, standing};
use writ_audit::checklist::{attested, last_done};
use writ_audit::problem::Code;
use writ_audit::verify::VerifyReport;
use writ_audit::{Archive, Folder, Options};
use writ_evidence::chain::{Sealed, seal};
use writ_evidence::records::RestoreTest;
use writ_evidence::{Draft, Kind};
use writ_trust::digest::Digest;
use writ_trust::minisign::SecretKey;

use crate::world::*;

/// The key of somebody who attests.
pub fn sam() -> SecretKey {
    key(60)
}

/// A root that lists that key.
pub fn attest_root(edit: impl FnOnce(&mut Json)) -> Json {
    let mut root = root_json(1, &[&signer()]);
    let mut entry = json!({
        "public_key": sam().public_key().line(), "name": "Sam Okafor", "roles": ["attest"], "sites": [],
        "valid_from": "2026-01-01T00:00:00Z", "valid_until": "2030-01-01T00:00:00Z", "revoked_at": null
    });
    edit(&mut entry);
    root["keys"].as_array_mut().unwrap().push(entry);
    root
}

/// The usual day under that root.
pub fn day(edit: impl FnOnce(&mut Json)) -> World {
    let mut world = World::under(attest_root(edit));
    world.release(1, &policy_json(|_| {}), |_| {});
    world.live();
    world
}

pub fn statement(duty: &str) -> Statement {
    Statement {
        control: "164.310(a)(1)".into(),
        statement: "The list of keys was reviewed".into(),
        from: morning(),
        until: morning().plus_millis(91 * DAY),
        attachments: BTreeMap::from([("keys.csv".to_owned(), Digest::of(b"keys"))]),
        facts: BTreeMap::from([(DUTY.to_owned(), duty.to_owned())]),
    }
}

fn folder_of(world: &World) -> PathBuf {
    world.path().join(format!("attestations/clinic-001/{}", sam().public_key().fingerprint()))
}

/// Attests as the command does.
pub fn attest(world: &World, statement: Statement, now: &str) -> Sealed {
    let folder = Folder::open(world.path()).unwrap();
    let standing = standing(&world.archive(), &folder, &site(), &sam().public_key(), at(now)).unwrap();
    let sealed = seal(draft(&site(), &standing, statement), &standing.state, &sam(), at(now)).unwrap();
    put(world, &sealed);
    sealed
}

fn put(world: &World, sealed: &Sealed) {
    let path = folder_of(world).join(sealed.file_name());
    let path = path.strip_prefix(world.path()).unwrap().display().to_string();
    world.write(&path, &sealed.bytes);
    world.write(&format!("{path}.minisig"), sealed.signature_text.as_bytes());
}

#[track_caller]
fn first(report: &VerifyReport, code: Code, words: &str) {
    let found = report.problems.first_bad().unwrap_or_else(|| panic!("nothing bad: {:#?}", report.problems));
    assert!(found.code == code && found.path.starts_with("attestations/"), "{found:?}");
    assert!(found.what.contains(words), "{found:?}");
}

#[test]
fn attestations_verify_and_are_told() {
    let world = day(|_| {});
    let first = attest(&world, statement("review.keys"), "2026-11-24T09:00:00Z");
    let second = attest(&world, statement("review.keys"), "2026-11-25T09:00:00Z");
    assert_eq!((first.sequence, second.sequence, second.bundle.chain.previous), (1, 2, Some(first.digest)));
    let report = world.verify();
    assert!(report.ok, "{:#?}", report.problems);
    assert_eq!(report.bundles, 30);
    let chain = report.chains.iter().find(|chain| chain.appliance == speaker(&sam().public_key()).unwrap()).unwrap();
    assert_eq!((chain.bundles, chain.last), (2, Some(2)));
    let told = attested(&world.archive(), &site(), at("2026-11-25T09:00:00Z"));
    assert_eq!(told.iter().map(|one| one.digest).collect::<Vec<_>>(), [first.digest, second.digest]);
    let said = told[0].bundle.attestation.as_ref().unwrap();
    assert_eq!((said.by.as_str(), &said.attachments[..]), ("Sam Okafor", &[Digest::of(b"keys")][..]));
    assert_eq!(told[0].fact(DUTY), Some("review.keys"));
}

#[test]
fn only_what_names_a_duty_and_came_out_well_does_it() {
    let world = day(|_| {});
    let with = |facts: &[(&str, &str)]| {
        let facts = facts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Statement { facts, ..statement("") }
    };
    let done = attest(&world, with(&[(DUTY, "review.keys")]), "2026-11-24T09:00:00Z");
    // Another duty, the item of a checklist alone, one that failed, a statement on the same control.
    attest(&world, with(&[(DUTY, "review.doors")]), "2026-11-24T10:00:00Z");
    attest(&world, with(&[(ITEM, "CK-28")]), "2026-11-24T11:00:00Z");
    attest(&world, with(&[(DUTY, "review.keys"), (RESULT, FAILED)]), "2026-11-24T12:00:00Z");
    attest(&world, with(&[]), "2026-11-24T13:00:00Z");
    let last = |until: &str| {
        let told = attested(&world.archive(), &site(), at(until));
        last_done(&told, "review.keys").map(|last| (last.digest, last.at))
    };
    assert_eq!(last("2026-11-25T00:00:00Z"), Some((done.digest, at("2026-11-24T09:00:00Z"))));
    assert_eq!(last("2026-11-24T08:59:59Z"), None, "what is yet to come is not known");
}

#[test]
fn what_is_dated_after_now_is_told() {
    let world = day(|_| {});
    let sealed = attest(&world, statement("review.keys"), "2026-11-24T09:00:00Z");
    let notes = |now: &str| {
        let options = Options { trust: world.trust(), now: Some(at(now)), ..Options::default() };
        let report = Archive::open(Folder::open(world.path()).unwrap(), &options).walk(&mut |_| {});
        assert!(report.ok, "{:#?}", report.problems);
        let ahead =
            |p: &&writ_audit::problem::Problem| p.code == Code::ClockDoubtful && p.path.contains("attestations");
        report.problems.list.iter().filter(ahead).map(|p| p.path.clone()).collect::<Vec<_>>()
    };
    assert_eq!(notes("2026-11-24T08:56:00Z"), Vec::<String>::new());
    let told = notes("2026-11-24T08:00:00Z");
    assert!(told.len() == 1 && told[0].ends_with(&sealed.file_name()), "{told:?}");
}

#[test]
fn each_way_to_forge_one_is_found() {
    let damaged = |edit: &dyn Fn(&World, &Sealed)| {
        let world = day(|_| {});
        let sealed = attest(&world, statement("review.keys"), "2026-11-24T09:00:00Z");
        attest(&world, statement("review.keys"), "2026-11-25T09:00:00Z");
        edit(&world, &sealed);
        let report = world.verify();
        // Nothing of what appliances wrote is touched by it.
        assert!(report.bundles >= 28, "{report:#?}");
        report
    };
    let file = |world: &World, sealed: &Sealed| folder_of(world).join(sealed.file_name());
    first(&damaged(&|world, sealed| fs::write(file(world, sealed), "{}").unwrap()), Code::Altered, "does not fit");
    let unsigned = damaged(&|world, sealed| {
        fs::remove_file(folder_of(world).join(format!("{}.minisig", sealed.file_name()))).unwrap();
    });
    first(&unsigned, Code::Unsigned, "not there");
    first(&damaged(&|world, sealed| fs::remove_file(file(world, sealed)).unwrap()), Code::Missing, "missing before it");
    let renamed = damaged(&|world, sealed| {
        let other = folder_of(world).join("7-EB-20261124-0007.json");
        for more in ["", ".minisig"] {
            let from = format!("{}{more}", file(world, sealed).display());
            fs::copy(from, format!("{}{more}", other.display())).unwrap();
        }
    });
    first(&renamed, Code::OutOfOrder, "another one");
    // Somebody's key that no root gives the role, and somebody's whose time was over.
    let stranger = damaged(&|world, _| {
        let other = folder_of(world).with_file_name(key(61).public_key().fingerprint());
        fs::rename(folder_of(world), other).unwrap();
    });
    first(&stranger, Code::UnknownKey, "role attest");
    let world = day(|key| key["valid_until"] = "2026-11-24T10:00:00Z".into());
    attest(&world, statement("review.keys"), "2026-11-24T09:00:00Z");
    assert!(world.verify().ok);
    let folder = Folder::open(world.path()).unwrap();
    let late = standing(&world.archive(), &folder, &site(), &sam().public_key(), at("2026-11-24T11:00:00Z"));
    assert!(matches!(late, Err(AttestError::Unfit { .. })), "{late:?}");
}

#[test]
fn a_persons_key_says_nothing_else_and_a_revoked_one_nothing() {
    let world = day(|_| {});
    let sealed = attest(&world, statement("review.keys"), "2026-11-24T09:00:00Z");
    let mut other = Draft::new(Kind::RestoreTest, &site(), &sealed.bundle.appliance);
    other.restore_test = Some(RestoreTest {
        check: "backup.restorable".into(),
        started_at: morning(),
        ended_at: morning(),
        backup_at: None,
        files_compared: 1,
        files_wrong: 0,
        succeeded: true,
        problems: vec![],
    });
    put(&world, &seal(other, &sealed.next, &sam(), at("2026-11-24T10:00:00Z")).unwrap());
    first(&world.verify(), Code::Foreign, "does nothing else");
    // As an appliance it does not count either.
    let folder = world.path().join("evidence/clinic-001").join(sam().public_key().fingerprint());
    fs::rename(folder_of(&world), folder).unwrap();
    let report = world.verify();
    assert_eq!(report.problems.first_bad().unwrap().code, Code::UnknownKey);

    let world = day(|key| key["revoked_at"] = "2026-11-26T00:00:00Z".into());
    let speaker = speaker(&sam().public_key()).unwrap();
    let mut own = Draft::new(Kind::Attestation, &site(), &speaker);
    let standing = writ_audit::attest::Standing {
        state: writ_evidence::ChainState::new(),
        name: "Sam Okafor".into(),
        speaker: speaker.clone(),
        folder: PathBuf::new(),
    };
    own.attestation = draft(&site(), &standing, statement("review.keys")).attestation;
    put(&world, &seal(own, &standing.state, &sam(), at("2026-11-24T10:00:00Z")).unwrap());
    let report = world.verify();
    assert!(report.ok && report.problems.list.iter().any(|p| p.code == Code::Revoked), "{:#?}", report.problems);
    assert!(attested(&world.archive(), &site(), at("2027-11-24T10:00:00Z")).is_empty());
}

#[test]
fn a_chain_that_does_not_hold_is_not_continued() {
    let world = day(|_| {});
    let sealed = attest(&world, statement("review.keys"), "2026-11-24T09:00:00Z");
    fs::write(folder_of(&world).join(sealed.file_name()), "{}").unwrap();
    let folder = Folder::open(world.path()).unwrap();
    let ask =
        |key: &SecretKey| standing(&world.archive(), &folder, &site(), &key.public_key(), at("2026-11-25T09:00:00Z"));
    assert!(matches!(ask(&sam()), Err(AttestError::Broken { .. })));
    assert!(matches!(ask(&key(61)), Err(AttestError::UnknownKey(_))));
    // The appliance's key and the signer's are no persons' here.
    assert!(matches!(ask(&signer()), Err(AttestError::Unfit { .. })));
    // Hostile names and links are told of, and nothing is followed.
    std::os::unix::fs::symlink("/etc", world.path().join("attestations/clinic-009")).unwrap();
    world.write("attestations/NOT A SITE/x", b"x");
    let report = world.verify();
    let unreadable = report.problems.list.iter().filter(|p| p.code == Code::Unreadable);
    assert_eq!(unreadable.count(), 2, "{:#?}", report.problems);
}
