//! Every rule of verification, attacked.

use std::os::unix::fs::symlink;

use writ_audit::problem::{Code, Weight};
use writ_audit::verify::{VerifyReport, verify};
use writ_audit::{Folder, Options, Trust};
use writ_evidence::records::{SwitchOutcome, Thinned, ThinnedRange};
use writ_evidence::{Kind, seal};
use writ_trust::digest::Digest;
use writ_trust::json as strict;

use crate::world::*;

/// The first bad thing must be this one, at this place.
fn first(report: &VerifyReport, code: Code, place: &str) {
    let found = report.problems.first_bad().unwrap_or_else(|| panic!("nothing bad; notes: {:#?}", report.problems));
    assert!(!report.ok);
    assert_eq!((found.code, found.path.contains(place)), (code, true), "{:#?}", report.problems.list);
    assert!(!found.consequence.is_empty());
}

fn flip(path: &std::path::Path, position: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    let position = position % bytes.len();
    bytes[position] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_clean_folder_verifies() {
    let world = World::day();
    let report = world.verify();
    assert!(report.ok, "{:#?}", report.problems);
    assert_eq!((report.bundles, report.documents, report.pinned), (28, 1, true));
    assert_eq!(report.problems.notes, 0, "{:#?}", report.problems);
    assert_eq!((report.log, report.receipts), ("not configured", 0));
    assert_eq!((report.chains[0].first, report.chains[0].last), (Some(1), Some(28)));
}

#[test]
fn an_unpinned_root_is_said_loudly() {
    let world = World::day();
    let report = verify(Folder::open(world.path()).unwrap(), &Options::default());
    assert!(report.ok && !report.pinned);
    assert_eq!(report.problems.list[0].code, Code::Unpinned);
    assert_eq!(report.problems.list[0].weight, Weight::Note);
    // With a digest it is pinned; with another digest nothing is judged.
    let root = std::fs::read(world.path().join("trust/1.json")).unwrap();
    let by = |digest| {
        let options = Options { trust: Trust::Digest(digest), site: None, without_entries: false, now: None };
        verify(Folder::open(world.path()).unwrap(), &options)
    };
    assert!(by(Digest::of(&root)).ok && by(Digest::of(&root)).pinned);
    let other = by(Digest::of(b"other"));
    first(&other, Code::Missing, "trust");
    assert_eq!(other.bundles, 0);
}

#[test]
fn a_root_that_is_not_the_given_one_is_found() {
    let world = World::day();
    flip(&world.path().join("trust/1.json"), 40);
    first(&world.verify(), Code::Altered, "trust/1.json");
    let unpinned = verify(Folder::open(world.path()).unwrap(), &Options::default());
    assert!(!unpinned.ok);
}

#[test]
fn later_roots_must_follow() {
    let world = World::day();
    let second = root_json(2, &[&signer(), &key(9)]);
    world.write_root(&second, 2, &[&signer()]);
    assert!(world.verify().ok);
    world.write_root(&root_json(3, &[&signer(), &key(9), &key(7)]), 3, &[&key(7)]);
    first(&world.verify(), Code::Altered, "trust/3.json");
    std::fs::remove_file(world.path().join("trust/2.json")).unwrap();
    first(&world.verify(), Code::Missing, "trust/2.json");
    let world = World::day();
    world.write_root(&second, 2, &[]);
    first(&world.verify(), Code::Unsigned, "trust/2.json");
}

#[test]
fn releases_and_documents_are_judged() {
    let release = "releases/clinic-001/1-1/release.json";
    let world = World::day();
    flip(&world.path().join(release), 100);
    first(&world.verify(), Code::Altered, release);
    let world = World::day();
    std::fs::remove_file(world.path().join(release)).unwrap();
    first(&world.verify(), Code::Missing, release);
    let world = World::day();
    let name = format!("{release}.{}.minisig", signer().key_id());
    std::fs::remove_file(world.path().join(name)).unwrap();
    first(&world.verify(), Code::Unsigned, release);
    let world = World::day();
    std::fs::rename(world.path().join("releases/clinic-001/1-1"), world.path().join("releases/clinic-001/1-2"))
        .unwrap();
    first(&world.verify(), Code::OutOfOrder, "1-2/release.json");
    for (edit, code) in [(true, Code::Altered), (false, Code::Missing)] {
        let world = World::day();
        let document = std::fs::read_dir(world.path().join("documents")).unwrap().next().unwrap().unwrap().path();
        if edit {
            flip(&document, 50)
        } else {
            std::fs::remove_file(&document).unwrap()
        }
        first(&world.verify(), code, "documents/");
    }
    let mut world = World::new();
    world.release(2, b"{\"schema\":\"writ.policy.v1\"}", |_| {});
    first(&world.verify(), Code::Malformed, "documents/");
    let mut world = World::new();
    world.release(2, &policy_json(|p| p["appliance"] = "back-office".into()), |_| {});
    first(&world.verify(), Code::Foreign, "documents/");
}

#[test]
fn the_history_of_releases_is_judged() {
    let policy = policy_json(|_| {});
    let mut world = World::new();
    world.release(2, &policy, |_| {});
    assert!(world.verify().ok);
    world.release(4, &policy, |_| {});
    assert!(world.verify().ok, "serials may skip, links may not");
    world.release(5, &policy, |r| r["previous"] = Digest::of(b"elsewhere").to_string().into());
    first(&world.verify(), Code::Forked, "1-5");
    let mut world = World::new();
    world.release(2, &policy, |_| {});
    world.release(3, &policy, |_| {});
    std::fs::remove_dir_all(world.path().join("releases/clinic-001/1-2")).unwrap();
    first(&world.verify(), Code::Missing, "1-3");
    // A copy of one serial with other content, beside it under a wrong name.
    let mut world = World::new();
    world.release(2, &policy, |r| r["serial"] = 1.into());
    first(&world.verify(), Code::OutOfOrder, "1-2");
    assert!(world.verify().problems.list.iter().any(|p| p.code == Code::Forked));
}

#[test]
fn each_byte_of_a_bundle_counts() {
    let world = World::day();
    let size = std::fs::metadata(world.file(3)).unwrap().len() as usize;
    for position in (0..size).step_by(97) {
        flip(&world.file(3), position);
        let report = world.verify();
        first(&report, Code::Altered, "/3-EB-");
        assert_eq!((report.problems.bad, report.bundles), (1, 27), "one bad bundle is one problem");
        flip(&world.file(3), position);
    }
    flip(&world.signature(3), 120);
    first(&world.verify(), Code::Altered, "/3-EB-");
}

#[test]
fn bundles_that_are_gone_are_missed() {
    let world = World::day();
    std::fs::remove_file(world.signature(4)).unwrap();
    first(&world.verify(), Code::Unsigned, "/4-EB-");
    let world = World::day();
    std::fs::remove_file(world.file(4)).unwrap();
    first(&world.verify(), Code::Missing, "/4-EB-");
    std::fs::remove_file(world.signature(4)).unwrap();
    first(&world.verify(), Code::Missing, "/5-EB-");
    let world = World::day();
    for n in 1..=3 {
        std::fs::remove_file(world.file(n)).unwrap();
        std::fs::remove_file(world.signature(n)).unwrap();
    }
    first(&world.verify(), Code::Missing, "/4-EB-");
}

#[test]
fn another_key_is_not_the_appliances() {
    // Signed by somebody else, in the appliance's place.
    let world = World::day();
    let bytes = std::fs::read(world.file(3)).unwrap();
    std::fs::write(world.signature(3), key(7).sign(&bytes, "x", "y").unwrap().to_string()).unwrap();
    first(&world.verify(), Code::UnknownKey, "/3-EB-");
    // A whole folder of a key that no release names.
    let world = World::day();
    let from = world.path().join(format!("evidence/clinic-001/{}", device().public_key().fingerprint()));
    std::fs::rename(&from, from.with_file_name(key(7).public_key().fingerprint())).unwrap();
    let report = world.verify();
    first(&report, Code::UnknownKey, "evidence/clinic-001/");
    assert_eq!(report.bundles, 0);
}

#[test]
fn two_histories_are_told_apart() {
    let mut world = World::day();
    // The key was copied: bundle 5 again, with other content, under an id of another day.
    let copy =
        writ_evidence::chain::ChainState { last_date: Some("20261124".parse().unwrap()), ..world.sealed[3].next };
    let other = seal(world.draft(Kind::Posture).clone_with_change(), &copy, &device(), morning()).unwrap();
    let path = world.place(&other);
    world.write(&path, &other.bytes);
    world.write(&format!("{path}.minisig"), other.signature_text.as_bytes());
    first(&world.verify(), Code::Forked, "/5-EB-20261124-0005");
    // A bundle replaced by another validly signed one: the next no longer fits.
    let world2 = World::day();
    let other =
        seal(world2.draft(Kind::Posture).clone_with_change(), &world2.sealed[3].next, &device(), morning()).unwrap();
    std::fs::write(world2.file(5), &other.bytes).unwrap();
    std::fs::write(world2.signature(5), &other.signature_text).unwrap();
    first(&world2.verify(), Code::Forked, "/6-EB-");
    world.sealed.clear();
}

trait WithChange {
    fn clone_with_change(self) -> Self;
}

impl WithChange for writ_evidence::Draft {
    fn clone_with_change(mut self) -> Self {
        self.posture = Some(writ_evidence::posture::Posture::Snapshot(writ_evidence::posture::Snapshot {
            checks: std::collections::BTreeMap::new(),
        }));
        self
    }
}

#[test]
fn names_and_places_must_be_their_own() {
    let world = World::day();
    let moved = world.file(3).with_file_name("3-EB-20261124-0003.json");
    std::fs::rename(world.file(3), &moved).unwrap();
    std::fs::rename(world.signature(3), format!("{}.minisig", moved.display())).unwrap();
    first(&world.verify(), Code::OutOfOrder, "/3-EB-20261124-0003");
    // Evidence of one site laid into another's folder.
    let world = World::day();
    std::fs::create_dir_all(world.path().join("evidence/clinic-002")).unwrap();
    let fingerprint = device().public_key().fingerprint();
    std::fs::rename(
        world.path().join(format!("evidence/clinic-001/{fingerprint}")),
        world.path().join(format!("evidence/clinic-002/{fingerprint}")),
    )
    .unwrap();
    first(&world.verify(), Code::UnknownKey, "evidence/clinic-002/");
}

#[test]
fn links_devices_and_strangers_are_never_opened() {
    let world = World::day();
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::remove_file(world.file(3)).unwrap();
    symlink(secret.path(), world.file(3)).unwrap();
    first(&world.verify(), Code::Unreadable, "/3-EB-");
    let world = World::day();
    symlink("/etc", world.path().join("evidence/clinic-003")).unwrap();
    first(&world.verify(), Code::Unreadable, "evidence/clinic-003");
    let world = World::day();
    std::fs::rename(world.path().join("documents"), world.path().join("elsewhere")).unwrap();
    symlink("elsewhere", world.path().join("documents")).unwrap();
    first(&world.verify(), Code::Unreadable, "documents");
    let world = World::day();
    let folder = world.file(1).parent().unwrap().to_owned();
    std::fs::write(folder.join("notes.txt"), "x").unwrap();
    std::fs::write(folder.join("a\u{1b}[31mred"), "x").unwrap();
    let report = world.verify();
    assert_eq!(report.problems.notes, 1);
    assert!(report.problems.list.iter().all(|p| !p.path.contains('\u{1b}')), "{:#?}", report.problems);
    let world = World::day();
    std::fs::write(world.file(3), vec![b' '; 2 << 20]).unwrap();
    first(&world.verify(), Code::Malformed, "/3-EB-");
}

#[test]
fn what_ran_must_be_what_was_signed() {
    let lie = |edit: fn(&mut writ_evidence::Draft)| {
        let mut world = World::new();
        world.started(morning());
        let opened = world.open("file.motd", morning());
        let mut draft = world.closing("file.motd", opened, morning(), morning().plus_millis(1000));
        edit(&mut draft);
        world.seal(draft, morning().plus_millis(1000));
        world.verify()
    };
    assert!(lie(|_| {}).ok);
    first(&lie(|d| d.runbook.as_mut().unwrap().runbook_hash = Digest::of(b"other")), Code::NotAsOrdered, "/3-EB-");
    first(&lie(|d| d.runbook.as_mut().unwrap().runbook_id = "RB-OWN-001".into()), Code::NotAsOrdered, "/3-EB-");
    first(&lie(|d| d.actions_taken[0].script_hash = Digest::of(b"rm -rf /")), Code::NotAsOrdered, "/3-EB-");
    first(&lie(|d| d.release.as_mut().unwrap().digest = Digest::of(b"unsigned")), Code::Missing, "/3-EB-");
    let serial = |d: &mut writ_evidence::Draft| d.release.as_mut().unwrap().serial = "7".parse().unwrap();
    first(&lie(serial), Code::Malformed, "/3-EB-");
    let opened_by = |d: &mut writ_evidence::Draft| {
        d.incident.as_mut().unwrap().opened_by = Some("EB-20261123-0001".parse().unwrap());
    };
    first(&lie(opened_by), Code::Malformed, "/3-EB-");
}

#[test]
fn a_runbook_of_the_release_before_may_have_run_for_an_incident_that_outlived_it() {
    let mut world = World::new();
    world.started(morning());
    let opened = world.open("file.motd", morning());
    let draft = world.closing("file.motd", opened, morning(), morning().plus_millis(2000));
    world.release(2, &policy_json(|p| p["runbooks"]["RB-FILE-001"]["version"] = "2.0".into()), |_| {});
    let asked = world.release.unwrap();
    world.switched(2, SwitchOutcome::AdoptedWithoutClosure, asked, morning().plus_millis(1000));
    let draft = writ_evidence::Draft { release: world.release, ..draft };
    world.seal(draft, morning().plus_millis(2000));
    assert!(world.verify().ok, "{:#?}", world.verify().problems);
    // For an incident that began later it is not the signed one.
    let opened = world.open("file.motd", morning().plus_millis(3000));
    let mut late = world.closing("file.motd", opened, morning().plus_millis(3000), morning().plus_millis(4000));
    late.runbook = world.sealed[3].bundle.runbook.clone();
    world.seal(late, morning().plus_millis(4000));
    first(&world.verify(), Code::NotAsOrdered, "/6-EB-");
}

#[test]
fn an_incident_is_opened_and_closed_once() {
    let mut world = World::new();
    world.started(morning());
    let opened = world.open("file.motd", morning());
    world.close("file.motd", opened, morning(), morning().plus_millis(10));
    world.close("file.motd", opened, morning(), morning().plus_millis(20));
    first(&world.verify(), Code::Forked, "/4-EB-");
    let mut world = World::new();
    world.started(morning());
    world.close("file.motd", (9, 0), morning(), morning().plus_millis(10));
    first(&world.verify(), Code::Missing, "/2-EB-");
}

#[test]
fn an_appliance_does_not_go_back_unsaid() {
    let policy = policy_json(|_| {});
    let mut world = World::new();
    let old = world.release.unwrap();
    world.started(morning());
    world.release(2, &policy, |_| {});
    let new = world.release.unwrap();
    world.switched(2, SwitchOutcome::Committed, new, morning().plus_millis(1000));
    world.release = Some(old);
    world.snapshot(morning().plus_millis(2000));
    first(&world.verify(), Code::OutOfOrder, "/3-EB-");
    let mut world = World::new();
    let old = world.release.unwrap();
    world.started(morning());
    world.release(2, &policy, |_| {});
    let new = world.release.replace(old).unwrap();
    world.switched(2, SwitchOutcome::RolledBack, new, morning().plus_millis(1000));
    world.snapshot(morning().plus_millis(2000));
    assert!(world.verify().ok, "a rollback that says so is no lie");
}

#[test]
fn what_was_thinned_and_said_is_no_hole() {
    let mut world = World::day();
    let gone = |world: &World, n: usize| {
        std::fs::remove_file(world.file(n)).unwrap();
        std::fs::remove_file(world.signature(n)).unwrap();
    };
    let mut draft = world.draft(Kind::Thinned);
    let digest = world.sealed[7].digest;
    draft.thinned =
        Some(Thinned { reason: "disk budget".into(), ranges: vec![ThinnedRange { first: 6, last: 8, digest }] });
    world.seal(draft, morning().plus_millis(2 * DAY));
    (6..=8).for_each(|n| gone(&world, n));
    let report = world.verify();
    assert!(report.ok, "{:#?}", report.problems);
    assert_eq!(report.problems.list[0].code, Code::Thinned);
    gone(&world, 9);
    first(&world.verify(), Code::Missing, "/10-EB-");
}

#[test]
fn a_revoked_appliance_key_does_not_count() {
    let mut world = World::day();
    let policy = policy_json(|_| {});
    world.release(2, &policy, |r| {
        r["generations"]["front-desk"]["public_key"] = key(8).public_key().line().into();
        r["revoked_appliance_keys"] = serde_json::json!([
            { "public_key": device().public_key().line(), "revoked_at": "2026-11-25T00:00:00Z", "reason": "stolen" }
        ]);
    });
    let report = world.verify();
    assert!(report.ok, "{:#?}", report.problems);
    assert!(report.problems.list.iter().any(|p| p.code == Code::Revoked && p.consequence.contains("not counted")));
    let mut counted = 0;
    world.archive().walk(&mut |_| counted += 1);
    assert_eq!(counted, 0);
}

#[test]
fn a_new_key_names_the_end_of_the_old_chain() {
    use writ_evidence::chain::ChainState;
    use writ_evidence::records::{ChainEnd, StartReason, Started};
    let mut world = World::day();
    let old = world.sealed.last().unwrap().clone();
    world.release(2, &policy_json(|_| {}), |r| {
        r["generations"]["front-desk"]["public_key"] = key(8).public_key().line().into();
    });
    let mut draft = world.draft(Kind::Started);
    draft.started = Some(Started {
        why: StartReason::FirstStart,
        previous_chain: Some(ChainEnd {
            public_key: device().public_key(),
            sequence: old.sequence,
            digest: old.digest,
        }),
        reimaged: true,
        enforcing: world.release,
        agent_version: "0.1.0".into(),
        recovered: vec![],
    });
    let sealed = seal(draft, &ChainState::new(), &key(8), morning().plus_millis(2 * DAY)).unwrap();
    let folder = format!("evidence/clinic-001/{}", key(8).public_key().fingerprint());
    world.write(&format!("{folder}/{}", sealed.file_name()), &sealed.bytes);
    world.write(&format!("{folder}/{}.minisig", sealed.file_name()), sealed.signature_text.as_bytes());
    let report = world.verify();
    assert!(report.ok, "{:#?}", report.problems);
    let last = world.sealed.len();
    std::fs::remove_file(world.file(last)).unwrap();
    std::fs::remove_file(world.signature(last)).unwrap();
    first(&world.verify(), Code::Missing, &key(8).public_key().fingerprint());
}

#[test]
fn a_policy_of_an_unknown_schema_is_not_assessable_not_bad() {
    let mut world = World::new();
    world.release(2, &strict::canonical(&serde_json::json!({ "schema": "writ.policy.v9" })), |r| {
        r["generations"]["front-desk"]["policy"]["schema"] = "writ.policy.v9".into();
    });
    let report = world.verify();
    assert!(report.ok, "{:#?}", report.problems);
    assert!(report.problems.list.iter().any(|p| p.code == Code::UnknownSchema));
}

#[test]
fn nothing_at_all_is_not_verified() {
    let temp = tempfile::tempdir().unwrap();
    let report = verify(Folder::open(temp.path()).unwrap(), &Options::default());
    first(&report, Code::Missing, "trust");
}
