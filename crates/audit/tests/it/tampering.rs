//! Fifty kinds of damage, done to copies of one sound folder: each is told of by a code and a path of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::num::NonZeroUsize;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use writ_audit::problem::{Code, Weight};
use writ_audit::verify::VerifyReport;
use writ_evidence::chain::{ChainState, Sealed};
use writ_evidence::posture::{Posture, Snapshot};
use writ_evidence::{Draft, Kind, seal};
use writ_trust::minisign::signature_file_name;
use writ_trust::text::one_line;
use writ_trust::timestamp::{AuthorityId, TimestampName};

use crate::log::flip;
use crate::log_world::*;
use crate::tampered_world::*;
use crate::timestamps::{self, witness_key};
use crate::tsa::{Key, Tsa};
use crate::world::*;

/// What is damaged, what must be told of first, and where.
type Row = (&'static str, Code, String, fn(&Base, &World));

fn path(world: &World, relative: &str) -> PathBuf {
    world.path().join(relative)
}

fn read(world: &World, relative: &str) -> Vec<u8> {
    fs::read(path(world, relative)).unwrap()
}

fn remove(world: &World, relative: &str) {
    fs::remove_file(path(world, relative)).unwrap();
}

/// A bundle with what lies beside it.
fn remove_bundle(base: &Base, world: &World, sequence: usize) {
    for path in [base.bundle(sequence), format!("{}.minisig", base.bundle(sequence)), base.receipt(sequence)] {
        remove(world, &path);
    }
}

/// Another bundle by the appliance's key, after one that is there.
fn another(base: &Base, after: usize, appliance: &str, date: Option<&str>) -> Sealed {
    let ChainState { next_sequence, previous, last_date } = base.world.sealed[after - 1].next;
    let last_date = date.map(|date| date.parse().unwrap()).or(last_date);
    let mut draft = Draft::new(Kind::Posture, &site(), &appliance.parse().unwrap());
    draft.posture = Some(Posture::Snapshot(Snapshot { checks: BTreeMap::new() }));
    let state = ChainState { next_sequence, previous, last_date };
    seal(draft, &state, &device(), base.world.sealed[after].bundle.generated_at).unwrap()
}

fn write_signed(world: &World, path: &str, bytes: &[u8], signer: u8) {
    world.write(path, bytes);
    world.write(&format!("{path}.minisig"), key(signer).sign(bytes, "x", "y").unwrap().to_string().as_bytes());
}

fn signature_of(document: &str) -> String {
    let (folder, name) = document.rsplit_once('/').unwrap();
    format!("{folder}/{}", signature_file_name(name, signer().key_id()))
}

/// The second log with two of its bundles the other way round, signed by the log's key.
fn swapped(world: &World) -> Log {
    let log = world.log();
    let mut other = log.cut(3);
    for index in [4, 3, 5, 6] {
        other.push_bytes(log.entries[index].clone());
    }
    other
}

fn evidence(base: &Base) -> Vec<Row> {
    let b = |n| base.bundle(n);
    let beside = |name: &str| format!("{}/{name}", base.evidence());
    vec![
        ("a byte of a bundle", Code::Altered, b(3), |base, world| flip(&path(world, &base.bundle(3)), 100)),
        ("the comment of a signature", Code::Altered, format!("{}.minisig", b(4)), |base, world| {
            let file = format!("{}.minisig", base.bundle(4));
            let text = String::from_utf8(read(world, &file)).unwrap();
            world.write(&file, text.replace("sequence=4", "sequence=5").as_bytes());
        }),
        ("a signature file that is none", Code::Altered, format!("{}.minisig", b(6)), |base, world| {
            world.write(&format!("{}.minisig", base.bundle(6)), b"nonsense");
        }),
        ("no signature", Code::Unsigned, b(5), |base, world| remove(world, &format!("{}.minisig", base.bundle(5)))),
        ("a bundle dropped in the middle", Code::Missing, b(8), |base, world| remove_bundle(base, world, 7)),
        ("a bundle dropped at the end", Code::Missing, b(BUNDLES), |base, world| remove_bundle(base, world, BUNDLES)),
        ("a bundle without its bytes", Code::Missing, b(10), |base, world| remove(world, &base.bundle(10))),
        ("two bundles swapped", Code::OutOfOrder, b(22), |base, world| {
            for end in ["", ".minisig"] {
                let [one, other] = [22, 23].map(|n| format!("{}{end}", base.bundle(n)));
                let bytes = read(world, &one);
                world.write(&one, &read(world, &other));
                world.write(&other, &bytes);
            }
        }),
        ("a bundle of another appliance", Code::Foreign, b(11), |base, world| {
            let other = another(base, 10, "back-office", None);
            assert_eq!(world.place(&other), base.bundle(11));
            write_signed(world, &base.bundle(11), &other.bytes, 2);
        }),
        ("a number used twice", Code::Forked, beside("12-EB-20261130-0012.json"), |base, world| {
            let other = another(base, 11, "front-desk", Some("20261130"));
            write_signed(world, &world.place(&other), &other.bytes, 2);
        }),
        ("another bundle in the place of one", Code::Forked, b(25), |base, world| {
            write_signed(world, &base.bundle(24), &another(base, 23, "front-desk", None).bytes, 2);
            remove(world, &base.receipt(24));
        }),
        ("a bundle signed by another key", Code::UnknownKey, b(19), |base, world| {
            write_signed(world, &base.bundle(19), &read(world, &base.bundle(19)), 7);
        }),
        ("a bundle under another name", Code::OutOfOrder, beside("17-EB-20261130-0017.json"), |base, world| {
            for end in [".json", ".json.minisig", ".receipt.json"] {
                let from = base.bundle(17).replace(".json", end);
                let to = format!("{}/17-EB-20261130-0017{end}", base.evidence());
                fs::rename(path(world, &from), path(world, &to)).unwrap();
            }
        }),
        ("a key twice in the JSON of a bundle", Code::Malformed, b(18), |base, world| {
            let text = String::from_utf8(read(world, &base.bundle(18))).unwrap();
            let twice = text.replacen('{', "{\"bundle_version\":\"9.9\",", 1);
            write_signed(world, &base.bundle(18), twice.as_bytes(), 2);
        }),
        ("a bundle of two mebibytes", Code::Malformed, b(16), |base, world| {
            world.write(&base.bundle(16), &vec![b' '; 2 << 20]);
        }),
        ("a symbolic link for a bundle", Code::Unreadable, b(15), |base, world| {
            remove(world, &base.bundle(15));
            symlink("/etc/hostname", path(world, &base.bundle(15))).unwrap();
        }),
        ("a very long name", Code::Unreadable, one_line(beside(&"x".repeat(220))), |base, world| {
            world.write(&format!("{}/{}", base.evidence(), "x".repeat(220)), b"x");
        }),
        ("a folder of a key that nobody named", Code::UnknownKey, folder_of(7), |base, world| {
            world.write(&format!("{}/1-EB-20261123-0001.json", folder_of(7)), &read(world, &base.bundle(1)));
        }),
        ("all evidence under another site", Code::Missing, b(1), |_, world| {
            fs::rename(path(world, "evidence/clinic-001"), path(world, "evidence/clinic-002")).unwrap();
        }),
        ("an altered receipt", Code::Altered, base.receipt(13), |base, world| {
            let mut receipt: serde_json::Value = serde_json::from_slice(&read(world, &base.receipt(13))).unwrap();
            receipt["index"] = 1.into();
            world.write(&base.receipt(13), receipt.to_string().as_bytes());
        }),
        ("the receipt of another bundle", Code::Foreign, base.receipt(14), |base, world| {
            world.write(&base.receipt(14), &read(world, &base.receipt(20)));
        }),
        ("a receipt that is none", Code::Malformed, base.receipt(21), |base, world| {
            world.write(&base.receipt(21), b"{}");
        }),
    ]
}

fn folder_of(n: u8) -> String {
    format!("evidence/clinic-001/{}", key(n).public_key().fingerprint())
}

fn orders(base: &Base) -> Vec<Row> {
    let release = |serial: u64| format!("releases/clinic-001/1-{serial}/release.json");
    vec![
        ("an altered release", Code::Altered, release(1), |_, world| {
            flip(&path(world, "releases/clinic-001/1-1/release.json"), 100);
        }),
        ("a release without signature", Code::Unsigned, release(2), |_, world| {
            remove(world, &signature_of("releases/clinic-001/1-2/release.json"));
        }),
        ("a release without its document", Code::Missing, release(1), |_, world| {
            remove(world, "releases/clinic-001/1-1/release.json");
        }),
        ("a release that is gone", Code::Missing, base.bundle(SECOND_LOG), |_, world| {
            fs::remove_dir_all(path(world, "releases/clinic-001/1-2")).unwrap();
        }),
        ("a release under another number", Code::OutOfOrder, release(3), |_, world| {
            fs::rename(path(world, "releases/clinic-001/1-2"), path(world, "releases/clinic-001/1-3")).unwrap();
        }),
        ("a release of which all signers are revoked", Code::Revoked, release(1), |base, world| {
            let mut root = base.root.clone();
            (root["version"], root["keys"][0]["revoked_at"]) = (4.into(), "2026-11-01T00:00:00Z".into());
            world.write_root(&root, 4, &[&signer(), &key(SPARE)]);
        }),
        ("an altered document", Code::Altered, base.policy(1), |base, world| flip(&path(world, &base.policy(1)), 50)),
        ("a missing document", Code::Missing, base.policy(2), |base, world| remove(world, &base.policy(2))),
        ("a link for the documents", Code::Unreadable, "documents".into(), |_, world| {
            fs::rename(path(world, "documents"), path(world, "elsewhere")).unwrap();
            symlink("elsewhere", path(world, "documents")).unwrap();
        }),
        ("another first root", Code::Altered, "trust/1.json".into(), |_, world| flip(&path(world, "trust/1.json"), 40)),
        ("an altered root", Code::Altered, "trust/2.json".into(), |_, world| {
            let text = String::from_utf8(read(world, "trust/2.json")).unwrap();
            world.write("trust/2.json", text.replace("2028-01-01", "2029-01-01").as_bytes());
        }),
        ("a root missing in the middle", Code::Missing, "trust/2.json".into(), |_, world| {
            remove(world, "trust/2.json")
        }),
        ("a root without signature", Code::Unsigned, "trust/3.json".into(), |_, world| {
            remove(world, &signature_of("trust/3.json"));
        }),
        ("an altered batch of logs", Code::Altered, base.batch.clone(), |base, world| {
            flip(&path(world, &base.batch), 40)
        }),
        ("a missing batch of logs", Code::Missing, base.bundle(NAMES_BATCH), |base, world| remove(world, &base.batch)),
    ]
}

fn logs(base: &Base) -> Vec<Row> {
    let log = |name: &str| base.world.log().path(name);
    let tile = log(&format!("tile/0/000.p/{}", base.world.log().size()));
    let stamped = |end: &str| log(&format!("timestamps/{}.{end}", base.stamp));
    vec![
        ("a removed tile", Code::Missing, tile.clone(), |_, world| {
            remove(world, &world.log().path(&format!("tile/0/000.p/{}", world.log().size())));
        }),
        ("an altered tile", Code::Altered, tile, |_, world| {
            flip(&path(world, &world.log().path(&format!("tile/0/000.p/{}", world.log().size()))), 40);
        }),
        ("an altered entry", Code::Altered, base.first.bundle_path(0), |base, world| {
            flip(&path(world, &base.first.bundle_path(0)), 60);
        }),
        ("no entries", Code::Missing, log("tile/entries"), |_, world| {
            fs::remove_dir_all(path(world, &world.log().path("tile/entries"))).unwrap();
        }),
        ("an altered checkpoint", Code::Altered, log("checkpoint"), |_, world| {
            flip(&path(world, &world.log().path("checkpoint")), 3);
        }),
        ("a checkpoint that the log did not sign", Code::Unsigned, log("checkpoint"), |_, world| {
            let text = world.log().checkpoint().text();
            let line = witness_key().cosign(&text, &timestamps::witness(), at("2026-11-24T13:00:00Z"));
            world.write(&world.log().path("checkpoint"), format!("{text}\n{line}").as_bytes());
        }),
        ("no checkpoint", Code::Missing, log("checkpoint"), |_, world| remove(world, &world.log().path("checkpoint"))),
        ("a log that ends early", Code::Truncated, log("checkpoint"), |_, world| {
            world.log().cut(world.log().size() - 2).write(world);
        }),
        ("a log in another order", Code::Forked, base.receipt(SECOND_LOG), |_, world| {
            fs::remove_dir_all(path(world, &world.log().path("tile"))).unwrap();
            swapped(world).write(world);
        }),
        ("a log that has one thing twice", Code::Repeated, base.bundle(SECOND_LOG), |_, world| {
            let mut log = world.log().clone();
            log.push_bytes(log.entries[3].clone());
            log.write(world);
        }),
        (
            "a log of a bundle that nobody has",
            Code::Missing,
            format!("{}/33-EB-20261124-0033.json", base.evidence()),
            |base, world| {
                let mut log = world.log().clone();
                log.push(&evidence_entry(&another_after_the_last(base)));
                log.write(world);
            },
        ),
        ("a restart without signature", Code::Unsigned, log("restart.json"), |_, world| {
            remove(world, &signature_of(&world.log().path("restart.json")));
        }),
        ("no restart", Code::Missing, log("restart.json"), |_, world| remove(world, &world.log().path("restart.json"))),
        ("an altered restart", Code::Altered, log("restart.json"), |_, world| {
            flip(&path(world, &world.log().path("restart.json")), 40);
        }),
        ("a forged token", Code::TokenForged, stamped("tsr"), |base, world| {
            let file = path(world, &world.log().path(&format!("timestamps/{}.tsr", base.stamp)));
            let last = fs::metadata(&file).unwrap().len() - 1;
            flip(&file, usize::try_from(last).unwrap());
        }),
        ("a token of nothing", Code::Missing, stamped("checkpoint"), |base, world| {
            remove(world, &world.log().path(&format!("timestamps/{}.checkpoint", base.stamp)));
        }),
        ("a token by a stranger", Code::TokenUnknownAuthority, log(&strangers_token("tsr")), |_, world| {
            let note = world.log().signed().note;
            let response = STRANGER.stamp_at(note.as_bytes(), "20261124140000Z");
            world.write(&world.log().path(&strangers_token("tsr")), &response);
            world.write(&world.log().path(&strangers_token("checkpoint")), note.as_bytes());
        }),
        ("a forged cosignature", Code::TokenForged, log(&cosignature()), |_, world| {
            let signed = world.log().signed();
            let forged = witness_key().cosign(&signed.checkpoint.text(), &key(41), at("2026-11-24T13:00:00Z"));
            world.write(&world.log().path(&cosignature()), format!("{}{forged}", signed.note).as_bytes());
        }),
    ]
}

/// The name that a cosignature of the witness has.
fn cosignature() -> String {
    let name = writ_trust::log::witness::CosignatureName::new(&witness_key(), at("2026-11-24T13:00:00Z"));
    format!("cosignatures/{name}.checkpoint")
}

static STRANGER: std::sync::LazyLock<Tsa> = std::sync::LazyLock::new(|| Tsa::new(Key::P256));

/// The name that a token by the authority would have that nobody lists.
fn strangers_token(end: &str) -> String {
    let who = AuthorityId::of(&STRANGER.authority().der().unwrap());
    format!("timestamps/{}.{end}", TimestampName::new(at("2026-11-24T14:00:00Z"), who))
}

fn another_after_the_last(base: &Base) -> Sealed {
    let mut draft = Draft::new(Kind::Posture, &site(), &front_desk());
    draft.posture = Some(Posture::Snapshot(Snapshot { checks: BTreeMap::new() }));
    seal(draft, &base.world.state, &device(), base.world.sealed[BUNDLES - 1].bundle.generated_at).unwrap()
}

/// What a report says, in the form that programs read.
fn json(report: &VerifyReport) -> String {
    serde_json::to_string_pretty(report).unwrap()
}

#[test]
fn each_kind_of_damage_has_its_own_code_and_path() {
    let base = Base::new();
    let sound = base.world.verify();
    assert!(sound.ok && sound.problems.notes == 0, "{:#?}", sound.problems);
    assert_eq!((sound.log, sound.bundles, sound.documents), ("verified", BUNDLES, 2));
    let rows: Vec<Row> = [evidence(&base), orders(&base), logs(&base)].into_iter().flatten().collect();
    let (mut seen, mut wrong) = (BTreeSet::new(), Vec::new());
    let world = base.copy();
    for (what, code, place, damage) in &rows {
        restore(base.world.path(), world.path());
        damage(&base, &world);
        let report = world.verify();
        let Some(found) = report.problems.first_bad() else {
            wrong.push(format!("{what}: nothing bad: {:#?}", report.problems));
            continue;
        };
        if (found.code, &found.path) != (*code, place) || report.ok || found.consequence.is_empty() {
            wrong.push(format!("{what}: not {code} {place}: {:#?}", report.problems));
        }
        assert!(seen.insert((found.code, found.path.clone())), "{what} is told of like another kind: {found:#?}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(rows.len() >= 50 && seen.len() == rows.len(), "{} kinds", rows.len());
    restore(base.world.path(), world.path());
    assert_eq!(json(&world.verify()), json(&sound), "and what is whole again is sound again");
}

#[test]
fn clocks_that_are_doubtful_are_said() {
    type Edit = fn(&World, &mut Draft);
    let rows: [(&str, Edit, &str); 5] = [
        ("far off", |_, draft| draft.clock.offset_ms = Some(-600_000), "off by -600000 ms"),
        ("no quorum", |_, draft| draft.clock.sources = vec!["a".into(), "b".into()], "did not agree"),
        (
            "behind",
            |world, draft| {
                let seen = world.log().signed_at(at("2026-11-24T07:05:01Z"));
                draft.last_checkpoint = Some(seen.note);
            },
            "a checkpoint that the log signed at",
        ),
        ("a second off", |_, draft| draft.clock.offset_ms = Some(1000), ""),
        ("ahead", |_, _| {}, "the log had it by"),
    ];
    for (what, edit, said) in rows {
        let mut world = World::logged();
        let mut draft = world.draft(Kind::Posture);
        draft.posture = Some(Posture::Snapshot(Snapshot { checks: BTreeMap::new() }));
        edit(&world, &mut draft);
        world.seal(draft, morning().plus_millis(DAY + HOUR));
        if what == "ahead" {
            let log = world.log.as_mut().unwrap();
            let head = std::mem::replace(&mut log.now, at("2026-11-24T06:54:59Z"));
            let receipt = log.receipt(30);
            log.now = head;
            world.write(&world.place(&world.sealed[28]).replace(".json", ".receipt.json"), &receipt);
        }
        world.write_log();
        let report = world.verify();
        let told: Vec<_> = report.problems.list.iter().filter(|p| p.code == Code::ClockDoubtful).collect();
        assert!(report.ok, "{what}: {:#?}", report.problems);
        if said.is_empty() {
            assert!(told.is_empty(), "{what}: {told:#?}");
            continue;
        }
        assert_eq!((told.len(), told[0].weight), (1, Weight::Note), "{what}: {:#?}", report.problems);
        assert!(told[0].what.contains(said) && told[0].path.contains("/29-EB-20261124-0029.json"), "{what}: {told:#?}");
    }
}

#[test]
fn what_nobody_but_the_log_vouches_for_is_said() {
    let base = Base::new();
    let mut world = base.copy();
    world.snapshot(at("2026-11-24T11:00:00Z"));
    world.snapshot(at("2026-11-24T12:00:00Z"));
    world.write_log();
    let report = world.verify();
    let told: Vec<_> = report.problems.list.iter().map(|p| (p.code, p.path.as_str(), p.weight)).collect();
    let place = world.log().path("timestamps");
    assert!(report.ok, "{:#?}", report.problems);
    assert_eq!(told, [(Code::NotCovered, place.as_str(), Weight::Note)], "{:#?}", report.problems);
    assert!(report.problems.list[0].what.starts_with("the last 2 entries were logged after the newest"));
}

/// Whatever a server may have written beside what is signed, and whatever came with it for the convenience of others.
#[test]
fn summaries_change_nothing() {
    let base = Base::new();
    let world = base.copy();
    let sound = json(&world.verify());
    for name in ["summary.json", "evidence-summary.json", "verify.json", ".fetch/refused/1", "fetched.json"] {
        world.write(name, b"{\"schema\":\"writ.evidence-summary.v1\",\"bundles\":9000,\"ok\":true}");
    }
    assert_eq!(json(&world.verify()), sound);
    // Within what is judged they are told of as strangers, and mean nothing.
    let places =
        ["evidence/clinic-001/summary.json", "releases/clinic-001/summary.json", "log/clinic-001/summary.json"];
    places.iter().for_each(|name| world.write(name, b"{\"bundles\":9000,\"ok\":true}"));
    let mut report = world.verify();
    let told: Vec<_> = report.problems.list.drain(..).map(|p| (p.code, p.path)).collect();
    let expected = places.map(|place| (Code::Unexpected, place.to_owned()));
    assert!(told.len() == 3 && expected.iter().all(|one| told.contains(one)), "{told:?}");
    report.problems.notes = 0;
    assert_eq!(json(&report), sound);
    // Receipts are for those who have no log: with it nothing else follows from them.
    let world = base.copy();
    for sequence in 1..=BUNDLES {
        remove(&world, &base.receipt(sequence));
    }
    let report = world.verify();
    assert!(report.ok && report.problems.list.is_empty(), "{:#?}", report.problems);
    assert_eq!((report.receipts, report.bundles, report.logs[0].unlogged), (0, BUNDLES, Some(0)));
}

/// Bundles come in the order of the chain, and the report is the same, whatever the number of threads.
#[test]
fn the_number_of_threads_changes_nothing() {
    let base = Base::new();
    let broken = base.copy();
    for sequence in [2, 9, 17, 18, 30] {
        flip(&path(&broken, &base.bundle(sequence)), 90);
        flip(&path(&broken, &base.receipt(sequence + 1)), 90);
    }
    for world in [&base.world, &broken] {
        let with = |jobs: usize| {
            let mut seen = Vec::new();
            let report = world
                .archive()
                .with_jobs(NonZeroUsize::new(jobs).unwrap())
                .walk(&mut |stored| seen.push((stored.path.to_owned(), stored.digest, stored.size)));
            (json(&report), seen)
        };
        let one = with(1);
        assert!(one.1.windows(2).all(|pair| pair[0].0 != pair[1].0));
        for jobs in [2, 3, 16, 1000] {
            assert_eq!(with(jobs), one, "{jobs} threads");
        }
    }
}
