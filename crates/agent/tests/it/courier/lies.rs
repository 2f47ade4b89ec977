//! A depot that lies: each lie is refused by name, changes nothing in the inbox, delivers nothing, and is over when it ends.

use serde_json::{Value, json};
use writ_agent::sync::schedule::Job;
use writ_trust::digest::Digest;
use writ_trust::log::note::Note;
use writ_wire::Blob;

use super::depot::Answer;
use super::log::Log;
use super::world::*;

const SYNC: &str = "/agent/sync";

/// What a lie does to a document.
type Change = Box<dyn Fn(&mut Value) + Send>;

fn flip(value: &mut Value) {
    let mut bytes = Blob::decode(value.as_str().unwrap()).unwrap().0;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    *value = Blob(bytes).encode().into();
}

/// What the enforcer looks at; of the log's head what is signed, as it is signed anew all the time.
fn offered(world: &World) -> Vec<(String, Vec<u8>)> {
    let mut tree = world.tree("");
    tree.retain(|name, _| !name.starts_with("cache/partial"));
    for (name, bytes) in &mut tree {
        if name.ends_with("checkpoint") {
            *bytes = Note::parse(bytes).unwrap().text.into_bytes();
        }
    }
    tree.into_iter().collect()
}

/// A world in which release 1 and some evidence were carried, and release 2 and more evidence wait.
fn carried() -> World {
    let world = World::new();
    world.publish_serial(1);
    world.bundles(1..=5);
    world.carry();
    world
}

/// Refused by this rule, with nothing changed; and then the depot is honest and all is well.
fn refuses_sync(world: &World, rule: &str) {
    let before = offered(world);
    assert_eq!(world.refused(Job::Sync), rule);
    assert!(before == offered(world), "the inbox has changed by a lie: {rule}");
    world.depot().is_honest();
}

#[test]
fn answers_that_are_none() {
    let world = carried();
    for body in [&b""[..], b"{}", b"null", b"\xff\xfe", b"{\"schema\":\"writ.sync.v2\"}", &b"[".repeat(100_000)] {
        let body = body.to_vec();
        world.depot().lies(move |path, answer| {
            if path == SYNC {
                answer.body.clone_from(&body);
            }
        });
        refuses_sync(&world, "sync-document");
    }
    world.depot().lies(altered(SYNC, |sync| sync["site"] = "clinic-002".into()));
    refuses_sync(&world, "sync-site");
    for status in [302, 400, 401, 404, 429, 500, 503] {
        world.depot().lies(move |_, answer| *answer = Answer::status(status));
        let report = world.once();
        assert!(report.troubles.iter().any(|(job, _)| *job == Job::Sync), "{report:?}");
        world.depot().is_honest();
    }
    world.carry();
}

#[test]
fn roots_that_do_not_follow() {
    let world = carried();
    let good = serde_json::to_value(world.root(2, &[ORIGIN])).unwrap();
    let forged = writ_wire::Signed::by(world.root(2, &[ORIGIN]).document.0, &secret(STRANGER), "t").unwrap();
    let third = serde_json::to_value(world.root(3, &[ORIGIN])).unwrap();
    let altered_root = {
        let mut root = good.clone();
        flip(&mut root["document"]);
        root
    };
    let dropped = serde_json::to_value(world.root(2, &["log.example/mine"])).unwrap();
    let nameless = json!({ "document": good["document"], "signatures": [] });
    for roots in [json!([forged]), json!([third]), json!([altered_root]), json!([dropped]), json!([nameless])] {
        world.depot().lies(altered(SYNC, move |sync| sync["roots"] = roots.clone()));
        refuses_sync(&world, "trust-chain");
    }
    let first =
        json!({ "document": Blob(std::fs::read(world.path("etc/trust.json")).unwrap()).encode(), "signatures": [] });
    let many = json!(vec![good.clone(); 17]);
    for roots in [many, json!([first]), json!(vec![first.clone(); 16])] {
        world.depot().lies(altered(SYNC, move |sync| sync["roots"] = roots.clone()));
        refuses_sync(&world, "trust-chain");
    }
    world.depot().lies(altered(SYNC, move |sync| sync["roots"] = json!(vec![good.clone(); 16])));
    assert_eq!(world.refused(Job::Sync), "trust-chain", "the first of them is taken, and then there is no end");
    world.depot().is_honest();
    world.carry();
}

#[test]
fn releases_that_break_a_rule() {
    let world = carried();
    let with = |serial: u64, change: &dyn Fn(&mut Value)| {
        let mut release = world.release(serial);
        change(&mut release);
        release
    };
    let own = |release: &mut Value, what: &str, value: Value| release["generations"][APPLIANCE][what] = value;
    let stranger = secret(STRANGER).public_key().line();
    let cases: Vec<(&str, Value)> = vec![
        ("site", with(2, &|r| r["site"] = "clinic-002".into())),
        ("entry", with(2, &|r| r["generations"] = json!({}))),
        ("own-key", with(2, &|r| own(r, "public_key", stranger.clone().into()))),
        ("epoch", with(2, &|r| r["epoch"] = 2.into())),
        ("trust-version", with(2, &|r| r["trust_version"] = 9.into())),
        ("floor-bytes", with(1, &|r| r["previous"] = json!(Digest::of(b"another")))),
        ("document", with(2, &|r| r["surplus"] = true.into())),
    ];
    let active = world.depot().release.clone();
    let size = world.depot().logs[0].size();
    for (rule, release) in cases {
        // Logged as it is, so that the rule itself is what stops it. What is not even a release cannot be logged.
        let bytes = writ_trust::json::canonical(&release);
        let signed = writ_wire::Signed::by(bytes.clone(), &secret(RELEASE), "t").unwrap();
        if rule == "document" {
            let signed = serde_json::to_value(&signed).unwrap();
            world.depot().lies(altered(SYNC, move |sync| sync["release"]["release"] = signed.clone()));
        } else {
            world.publish(&release);
        }
        assert_eq!(world.refused(Job::Sync), rule, "{release}");
        let mut depot = world.depot();
        depot.is_honest();
        // The log has grown by it, and does not shrink: only the release goes.
        depot.release.clone_from(&active);
    }
    assert!(world.depot().logs[0].size() > size);
    world.carry();
    assert!(!world.has(2));
}

#[test]
fn releases_that_the_signers_did_not_sign() {
    let world = carried();
    world.publish_serial(2);
    world.depot().lies(altered(SYNC, |sync| flip(&mut sync["release"]["release"]["document"])));
    // The head of the log has moved on and is carried; the release is not.
    assert_eq!(world.refused(Job::Sync), "signature-threshold");
    world.depot().lies(altered(SYNC, |sync| sync["release"]["release"]["signatures"] = json!([])));
    refuses_sync(&world, "signature-threshold");
    world.depot().lies(altered(SYNC, |sync| sync["release"]["release"]["signatures"] = json!(["AAAA", "AAAA"])));
    refuses_sync(&world, "signature-threshold");
    world.depot().lies(altered(SYNC, |sync| sync["release"]["release"]["signatures"] = json!(vec!["AAAA"; 65])));
    refuses_sync(&world, "size");
    assert!(!world.has(2));
    world.carry();
    assert!(world.has(2));
}

#[test]
fn rollback_and_withholding() {
    let world = carried();
    let old = world.depot().release.clone();
    world.publish_serial(2);
    world.carry();
    world.depot().release = old;
    refuses_sync(&world, "floor");
    assert!(world.has(2));
    world.depot().release = None;
    world.carry();
    assert!(world.has(2), "what is not shown any more stays");
}

#[test]
fn documents_that_are_not_the_ones() {
    let world = carried();
    world.publish_serial(2);
    for change in [
        |answer: &mut Answer| answer.body[0] ^= 1,
        |answer: &mut Answer| answer.body.push(b'x'),
        |answer: &mut Answer| answer.body.truncate(answer.body.len() - 1),
        |answer: &mut Answer| answer.body.clear(),
    ] {
        world.depot().lies(move |path, answer| {
            if path.starts_with("/documents/") {
                change(answer);
            }
        });
        let report = world.once();
        assert!(matches!(&report.troubles[0], (Job::Sync, _)), "{report:?}");
        assert!(!world.has(2));
    }
    world.depot().is_honest();
    world.carry();
    assert!(world.has(2));
}

#[test]
fn a_release_without_its_proof() {
    let world = carried();
    let other = Blob(world.depot().logs[0].receipt(1, &secret(LOG), now())).encode();
    world.publish_serial(2);
    // The head goes before: what changes from here on is the release alone.
    world.depot().lies(altered(SYNC, |sync| sync["release"]["receipt"] = Value::Null));
    assert_eq!(world.refused(Job::Sync), "log-inclusion");
    let lies: Vec<(&str, Change)> = vec![
        ("log-inclusion", Box::new(|receipt| *receipt = Value::Null)),
        ("log-inclusion", Box::new(|receipt| *receipt = "AAAA".into())),
        ("log-inclusion", Box::new(move |receipt| *receipt = other.clone().into())),
        ("log-checkpoint", Box::new(|receipt| in_receipt(receipt, |r| r["checkpoint"] = "not a note".into()))),
        (
            "log-checkpoint",
            Box::new(|receipt| {
                in_receipt(receipt, |r| {
                    let text = r["checkpoint"].as_str().unwrap().replace("\n6\n", "\n7\n").replace("\n7\n", "\n8\n");
                    r["checkpoint"] = text.into();
                })
            }),
        ),
        ("log-inclusion", Box::new(|receipt| in_receipt(receipt, |r| flip(&mut r["entry"])))),
        ("log-inclusion", Box::new(|receipt| in_receipt(receipt, |r| r["index"] = 3.into()))),
        ("log-inclusion", Box::new(|receipt| in_receipt(receipt, |r| flip(&mut r["proof"][0])))),
    ];
    for (rule, lie) in lies {
        world.depot().lies(altered(SYNC, move |sync| lie(&mut sync["release"]["receipt"])));
        refuses_sync(&world, rule);
        assert!(!world.has(2));
    }
    world.carry();
    assert!(world.has(2));
}

/// Changes a receipt that travels as base64.
fn in_receipt(receipt: &mut Value, change: impl FnOnce(&mut Value)) {
    let bytes = Blob::decode(receipt.as_str().unwrap()).unwrap().0;
    let mut value: Value = serde_json::from_slice(&bytes).unwrap();
    change(&mut value);
    *receipt = Blob(serde_json::to_vec(&value).unwrap()).encode().into();
}

#[test]
fn heads_of_the_log_that_do_not_count() {
    let world = carried();
    let size = world.depot().logs[0].size();
    let fork = |entries: u64| {
        let mut fork = Log::new(ORIGIN);
        fork.fill(entries);
        Blob(fork.note(&secret(LOG), now()).into_bytes()).encode()
    };
    let mut elsewhere = Log::new(SECOND_ORIGIN);
    elsewhere.fill(3);
    let note = |who: u8, log: &Log| Blob(log.note(&secret(who), now()).into_bytes()).encode();
    let honest = world.depot().logs[0].clone();
    let cases = [
        ("log-checkpoint", note(STRANGER, &honest)),
        ("log-checkpoint", note(LOG, &elsewhere)),
        ("log-checkpoint", Blob(b"garbage".to_vec()).encode()),
        ("log-checkpoint", String::new()),
        ("log-consistency", fork(size)),
    ];
    for (rule, checkpoint) in cases {
        world.depot().lies(altered(SYNC, move |sync| sync["log"]["checkpoint"] = checkpoint.clone().into()));
        refuses_sync(&world, rule);
    }
    for (rule, lie) in [
        ("log-checkpoint", json!(null)),
        ("log-checkpoint", json!({ "number": 2, "checkpoint": "AAAA", "restart": null })),
    ] {
        world.depot().lies(altered(SYNC, move |sync| sync["log"] = lie.clone()));
        refuses_sync(&world, rule);
    }
    // A fork that has grown, with tiles to match: the tiles prove that it never was the log that was seen.
    for entries in [size + 1, size + 300] {
        let mut other = Log::new(ORIGIN);
        other.fill(entries);
        let honest = std::mem::replace(&mut world.depot().logs[0], other);
        let before = offered(&world);
        assert_eq!(world.refused(Job::Sync), "log-consistency");
        assert!(before == offered(&world));
        world.depot().logs[0] = honest;
    }
    world.carry();
}

#[test]
fn tiles_that_are_not_the_log_s() {
    let world = carried();
    world.depot().log().fill(300);
    for change in [
        |answer: &mut Answer| answer.body[40] ^= 1,
        |answer: &mut Answer| answer.body.truncate(31),
        |answer: &mut Answer| answer.body.clear(),
        |answer: &mut Answer| *answer = Answer::status(404),
    ] {
        world.depot().lies(move |path, answer| {
            if path.contains("/tile/") {
                change(answer);
            }
        });
        refuses_sync(&world, "log-tiles");
    }
    // One that only the enforcer's way goes through: what was fetched for ours is not laid there either.
    world.depot().log().fill(400);
    world.beat(Some(300));
    world.depot().lies(|path, answer| {
        if path.contains("/tile/0/001") {
            answer.body[40] ^= 1;
        }
    });
    refuses_sync(&world, "log-tiles");
    world.depot().lies(|path, answer| {
        if path.contains("/tile/") {
            answer.body = vec![7; 9_000];
        }
    });
    let report = world.once();
    assert!(matches!(&report.troubles[0], (Job::Sync, _)), "{report:?}");
    world.depot().is_honest();
    world.carry();
}

#[test]
fn receipts_of_which_anything_is_wrong() {
    let world = carried();
    world.bundles(6..=8);
    let mut fork = Log::new(ORIGIN);
    fork.fill(40);
    let fork = Blob(fork.note(&secret(LOG), now()).into_bytes()).encode();
    let forged = Blob(world.depot().logs[0].note(&secret(STRANGER), now()).into_bytes()).encode();
    let old = Blob(world.depot().logs[0].note(&secret(LOG), now()).into_bytes()).encode();
    let first = |change: fn(&mut Value)| -> Change { Box::new(move |answer| change(&mut answer["receipts"][0])) };
    let lies: Vec<(&str, Change)> = vec![
        ("log-inclusion", first(|r| flip(&mut r["entry"]))),
        ("log-inclusion", first(|r| flip(&mut r["proof"][0]))),
        ("log-inclusion", first(|r| r["proof"] = json!([]))),
        ("log-inclusion", first(|r| r["proof"] = json!(["AAAA"]))),
        ("log-inclusion", first(|r| r["proof"] = json!(vec![Blob(vec![0; 32]).encode(); 65]))),
        ("log-inclusion", first(|r| r["index"] = json!(r["index"].as_u64().unwrap() + 1))),
        ("log-inclusion", first(|r| r["index"] = json!(1_u64 << 53))),
        // The proof of one for another: it holds, and is of something else.
        (
            "log-inclusion",
            Box::new(|answer| {
                let (digest, mut other) = (answer["receipts"][0]["digest"].clone(), answer["receipts"][1].clone());
                other["digest"] = digest;
                answer["receipts"][0] = other;
            }),
        ),
        ("receipts", Box::new(|answer| drop(answer["receipts"].as_array_mut().unwrap().pop()))),
        ("receipts", Box::new(|answer| answer["receipts"] = json!([]))),
        (
            "receipts",
            Box::new(|answer| {
                let again = answer["receipts"][0].clone();
                answer["receipts"].as_array_mut().unwrap().push(again);
            }),
        ),
        (
            "receipts",
            Box::new(|answer| {
                let digest = answer["receipts"][0]["digest"].clone();
                answer["refused"] = json!([{ "digest": digest, "reason": "conflict" }]);
            }),
        ),
        (
            "receipts",
            Box::new(|answer| {
                answer["refused"] = json!([{ "digest": Digest::of(b"of nobody"), "reason": "conflict" }]);
            }),
        ),
        ("receipts", Box::new(|answer| answer["schema"] = "writ.receipts.v2".into())),
        ("log-checkpoint", Box::new(move |answer| answer["checkpoint"] = forged.clone().into())),
        ("log-checkpoint", Box::new(|answer| flip(&mut answer["checkpoint"]))),
        ("log-checkpoint", Box::new(|answer| answer["checkpoint"] = "".into())),
        ("log-inclusion", Box::new(move |answer| answer["checkpoint"] = fork.clone().into())),
        ("log-inclusion", Box::new(move |answer| answer["checkpoint"] = old.clone().into())),
    ];
    for (number, (rule, lie)) in lies.into_iter().enumerate() {
        world.depot().lies(altered(SUBMIT, move |answer| lie(answer)));
        assert_eq!(world.refused(Job::Deliver), rule, "lie {number}");
        assert_eq!(world.receipts(), [1, 2, 3, 4, 5], "lie {number}: of such an answer nothing counts");
        world.depot().is_honest();
    }
    world.carry();
    assert_eq!(world.receipts(), (1..=8).collect::<Vec<_>>());
    assert_eq!(world.depot().held.len(), 8, "none was doubled by all that sending");
}

#[test]
fn receipts_under_another_history_of_the_log() {
    let world = carried();
    world.bundles([6]);
    // The whole depot shows another log: the receipts hold under its checkpoint, and it does not continue what was seen.
    let mut other = Log::new(ORIGIN);
    other.fill(world.depot().logs[0].size() + 3);
    let honest = std::mem::replace(&mut world.depot().logs[0], other);
    let report = world.once();
    let rules: Vec<_> = report.troubles.iter().map(|(job, trouble)| (*job, trouble.rule())).collect();
    assert_eq!(rules, [(Job::Sync, Some("log-consistency")), (Job::Deliver, Some("log-consistency"))]);
    assert_eq!(world.receipts(), [1, 2, 3, 4, 5]);
    let mut depot = world.depot();
    depot.logs[0] = honest;
    depot.held.remove(&6);
    drop(depot);
    world.carry();
    assert_eq!(world.receipts(), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn check_ins_answered_with_garbage() {
    let world = carried();
    for body in ["", "{}", "\u{0}", "{\"schema\":\"writ.checkin-reply.v1\"}"] {
        world.depot().lies(move |path, answer| {
            if path == "/agent/checkin" {
                answer.body = body.into();
            }
        });
        assert_eq!(world.refused(Job::CheckIn), "check-in-reply");
    }
    world.depot().lies(|path, answer| {
        if path == "/agent/checkin" {
            answer.body = vec![b'x'; 1 << 20];
        }
    });
    let report = world.once();
    assert!(matches!(&report.troubles[..], [(Job::CheckIn, _)]), "{report:?}");
}
