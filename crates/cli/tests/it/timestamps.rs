//! `writ log timestamp` and `writ log witness`: the real depot, a real authority of time, and those that lie.

use std::fs;
use std::sync::Arc;

use serde_json::Value;
use writ_client::{Client, Settings};
use writ_trust::log::checkpoint::{Checkpoint, SignedCheckpoint};
use writ_trust::log::note::{Note, NoteKey};
use writ_trust::minisign::{SecretKey, SecretKeyFile};
use writ_trust::timestamp::Token;
use writ_wire::paths;
use writ_wire::timestamp::Timestamp;

use crate::depot::{Appliance, Depot, Line, ORIGIN, now};
use crate::desk::{Desk, PASSPHRASE, SITE};
use crate::export_schema::reports::held;
use crate::tsa::{Key, Tsa};
use crate::tsa_server::{Answer, Server};

const WITNESS: &str = "witness.example.org";
const KEY: &[&str] = &["--key", "keys/witness.key", "--key-passphrase-file", "pass"];

/// A depot with a release and evidence, whose second root lists an authority and a witness.
fn listed(tsa: &Tsa) -> (Desk, Depot, Appliance) {
    let desk = Desk::logged();
    let depot = Depot::start(&desk, "depot");
    desk.release_to("draft-1", &depot.url);
    let mut appliance = Appliance::new(&desk, &depot.url);
    appliance.obey(&desk, 1);
    appliance.deliver(2);
    fs::copy(tsa.path("ca.pem"), desk.path("tsa.pem")).unwrap();
    desk.key("witness");
    let witness = format!("{WITNESS}=keys/witness.pub");
    let next = ["trust", "next", "--from", "releases/trust", "--tsa", "example=tsa.pem", "--witness", &witness];
    desk.ok(&next);
    desk.sign_root(2);
    desk.ok(&["trust", "publish", "releases/trust", "--depot", &depot.url]);
    (desk, depot, appliance)
}

/// The key of the witness.
fn opened(desk: &Desk) -> SecretKey {
    let text = fs::read_to_string(desk.path("keys/witness.key")).unwrap();
    SecretKeyFile::parse(&text).unwrap().unlock(PASSPHRASE.as_bytes()).unwrap()
}

fn honest(tsa: &Arc<Tsa>) -> Server {
    let tsa = tsa.clone();
    Server::start(move |query| Answer::Bytes(tsa.reply(query)))
}

fn common<'a>(verb: &'a str, url: &'a str, state: &'a str) -> Vec<&'a str> {
    let common = ["log", verb, "--depot", url, "--site", SITE, "--read-key", "keys/reader.key"];
    [&common[..], &["--trust", "first-root.json", "--state", state]].concat()
}

fn stamp<'a>(url: &'a str, tsa: &'a str) -> Vec<&'a str> {
    [&common("timestamp", url, "stamping")[..], &["--tsa", tsa]].concat()
}

fn witness(url: &str) -> Vec<&str> {
    [&common("witness", url, "witnessing")[..], KEY, &["--name", WITNESS]].concat()
}

fn watch<'a>(url: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let common = ["watch", "--depot", url, "--site", SITE, "--read-key", "keys/reader.key", "--json"];
    [&common[..], &["--trust", "first-root.json", "--state", "watching"], more].concat()
}

/// What a look finds of those who are not the log.
fn found(desk: &Desk, url: &str, more: &[&str]) -> (Vec<String>, Value) {
    let output = desk.run(&watch(url, more));
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    let codes = report["findings"].as_array().unwrap().iter();
    let named = codes.map(|f| format!("{} {}", f["code"].as_str().unwrap(), f["subject"].as_str().unwrap()));
    let outside = named.filter(|name| name.starts_with("timestamp") || name.starts_with("witness"));
    (outside.collect(), report)
}

fn fetch(desk: &Desk, url: &str) -> Value {
    desk.ok(&crate::fetch::arguments(url));
    crate::fetch::verified(desk, 0).1
}

#[test]
fn from_the_head_of_the_log_to_what_an_auditor_verifies() {
    let tsa = Arc::new(Tsa::new(Key::Rsa));
    let (desk, depot, mut appliance) = listed(&tsa);
    let server = honest(&tsa);
    let (named, _) = found(&desk, &depot.url, &[]);
    assert_eq!(named, ["timestamp-late example", &format!("witness-silent {WITNESS}")]);
    let said = desk.ok(&stamp(&depot.url, &server.url));
    assert!(said.contains("example stamped") && said.contains(SITE), "{said}");
    let said = desk.ok(&witness(&depot.url));
    assert!(said.contains("cosigned") && said.contains(WITNESS), "{said}");
    let (named, report) = found(&desk, &depot.url, &[]);
    assert!(named.is_empty(), "{report}");
    assert_eq!(report["log"]["external"][0]["kind"], "timestamp");
    held("watch-v1", &[&report], 40);
    let own = NoteKey::new(WITNESS, &opened(&desk).public_key());
    let report = fetch(&desk, &depot.url);
    let external = report["logs"][0]["logs"][0]["external"].as_array().unwrap();
    assert_eq!(external.len(), 2, "{report}");
    held("verification-v1", &[&report], 100);
    let folder = format!("audit/log/{SITE}/1/timestamps");
    let names = desk.names(&folder);
    assert_eq!(names.len(), 2, "{names:?}");
    let (note, token) = (desk.read(&format!("{folder}/{}", names[0])), desk.read(&format!("{folder}/{}", names[1])));
    assert!(tsa.openssl_verifies(&token, &note), "openssl verifies what the auditor has");
    let head = desk.read(&format!("audit/log/{SITE}/1/checkpoint"));
    assert!(own.cosigned(&Note::parse(&head).unwrap()).is_some(), "it came with the head");
    // One of each day: a second run changes nothing, and the log goes on.
    appliance.deliver(1);
    let said = desk.ok(&stamp(&depot.url, &server.url));
    let same_day = said.contains("has one of that day by it already");
    assert_eq!(same_day, desk.names(&format!("depot/log/{SITE}/1/timestamps")).len() == 2, "{said}");
    desk.ok(&witness(&depot.url));
    fetch(&desk, &depot.url);
    // By the clock of a look that allows less.
    let (named, _) = found(&desk, &depot.url, &["--max-timestamp-age", "1ms", "--max-witness-age", "1ms"]);
    assert_eq!(named, ["timestamp-late example", &format!("witness-silent {WITNESS}")]);
}

#[test]
fn every_lie_of_an_authority_is_a_clear_error() {
    let tsa = Arc::new(Tsa::new(Key::P256));
    let (desk, depot, _appliance) = listed(&tsa);
    let server = honest(&tsa);
    let stranger = Tsa::new(Key::P256);
    let (one, other) = (tsa.clone(), tsa.clone());
    let arguments = [&stamp(&depot.url, &server.url)[..], &["--tsa-patience", "200ms"]].concat();
    type Habit = Box<dyn Fn(&[u8]) -> Answer + Send>;
    let lies: Vec<(Habit, i32, &str)> = vec![
        (
            Box::new(move |_| Answer::Bytes(one.stamp(b"something else", "sha256"))),
            1,
            "the timestamp of something else",
        ),
        (Box::new(move |query| Answer::Bytes(stranger.reply(query))), 1, "no timestamp authority of the trust root"),
        (Box::new(move |query| Answer::Bytes(other.reply(&other_nonce(query)))), 1, "its nonce is not the one"),
        (Box::new(|_| Answer::Bytes(b"<html>".to_vec())), 1, "not a timestamp"),
        (Box::new(|_| Answer::Status(503)), 2, "503"),
        (Box::new(|_| Answer::Endless), 2, "32768"),
        (Box::new(|_| Answer::Never), 2, "did not answer"),
    ];
    for (lie, code, why) in lies {
        server.now(lie);
        let (out, err) = desk.expect(&arguments, code);
        assert!(err.contains(why) && err.contains("next"), "{why}: {out}{err}");
    }
    // Of another time than it can be.
    let (note, late) = (desk.read("stamping/log/1.checkpoint"), tsa.clone());
    server.now(move |query| Answer::Bytes(late.stamp_with(&note, "20210101000000Z", Some(&nonce(query)))));
    let (_, err) = desk.expect(&arguments, 1);
    assert!(err.contains("one of the two clocks is wrong"), "{err}");
    assert!(!desk.path(&format!("depot/log/{SITE}/1/timestamps")).exists(), "nothing was stored");
    // It is down; the next run covers what this one would have.
    let gone = desk.could_not(&stamp(&depot.url, "http://127.0.0.1:9/"));
    assert!(gone.contains("the next run stamps the newest checkpoint"), "{gone}");
    let again = tsa.clone();
    server.now(move |query| Answer::Bytes(again.reply(query)));
    desk.ok(&arguments);
    // Of two, the one that works is stored, and the other is told of.
    let two = [&arguments[..], &["--tsa", "http://127.0.0.1:9/"]].concat();
    let (out, err) = desk.expect(&two, 2);
    assert!(out.contains("example stamped") && err.contains("127.0.0.1:9"), "{out}{err}");
}

/// The number in a request, and the same request with another.
fn nonce(query: &[u8]) -> Vec<u8> {
    // Before the last three bytes, which ask for the certificates.
    query[query.len() - 19..query.len() - 3].to_vec()
}

fn other_nonce(query: &[u8]) -> Vec<u8> {
    let mut query = query.to_vec();
    let place = query.len() - 4;
    query[place] ^= 1;
    query
}

#[test]
fn the_depot_judges_what_it_is_brought() {
    let tsa = Arc::new(Tsa::new(Key::P256));
    let (desk, depot, _appliance) = listed(&tsa);
    let (site, stranger) = (SITE.parse().unwrap(), Tsa::new(Key::P256));
    let client = Client::new(&Settings::new(&depot.url)).unwrap();
    let put = |note: &str, response: Vec<u8>| {
        let document = Timestamp::new(note.as_bytes().to_vec(), response).canonical();
        client.put(&paths::publish_timestamp(&site), &document, 1024).map_err(|e| e.status().unwrap())
    };
    let note = String::from_utf8(fs::read(desk.path(&format!("depot/log/{SITE}/1/checkpoint"))).unwrap()).unwrap();
    let head = Checkpoint::parse(&Note::parse(note.as_bytes()).unwrap().text).unwrap();
    let log = desk.open_key("depot-log");
    let signed = |checkpoint: &Checkpoint, at| SignedCheckpoint::sign(checkpoint.clone(), &log, at).note;
    let good = |note: &str| tsa.stamp(note.as_bytes(), "sha256");
    // Nobody's, nobody's who is listed, of other bytes, by SHA-1.
    assert_eq!(put(&note, b"nothing".to_vec()), Err(422));
    assert_eq!(put(&note, stranger.stamp(note.as_bytes(), "sha256")), Err(403));
    assert_eq!(put(&note, good("other")), Err(422));
    assert_eq!(put(&note, tsa.stamp(note.as_bytes(), "sha1")), Err(422));
    // Of long ago, and of a head that was old by then.
    assert_eq!(put(&note, tsa.stamp_at(note.as_bytes(), "20210101000000Z")), Err(422));
    let old = signed(&head, now().plus_millis(-3 * 3_600_000));
    assert_eq!(put(&old, good(&old)), Err(422));
    // Of another log, by a stranger's key, of more than there is, of another history.
    let elsewhere = signed(&Checkpoint { origin: "log.example/other".into(), ..head.clone() }, now());
    assert_eq!(put(&elsewhere, good(&elsewhere)), Err(404));
    let forged = SignedCheckpoint::sign(head.clone(), &opened(&desk), now()).note;
    assert_eq!(put(&forged, good(&forged)), Err(403));
    let more = signed(&Checkpoint { size: head.size + 1, ..head.clone() }, now());
    assert_eq!(put(&more, good(&more)), Err(409));
    let fork = signed(&Checkpoint { root: [7; 32], ..head.clone() }, now());
    assert_eq!(put(&fork, good(&fork)), Err(409));
    assert!(!desk.path(&format!("depot/log/{SITE}/1/timestamps")).exists());
    assert!(put(&note, good(&note)).unwrap().starts_with(b"stored"));
    assert!(put(&note, good(&note)).unwrap().starts_with(b"held"));
    // Cosignatures: by nobody who is listed, of no plausible time, of another history.
    let own = NoteKey::new(WITNESS, &opened(&desk).public_key());
    let (witness, reader) = (opened(&desk), desk.open_key("reader"));
    let cosigned = |note: &str, key: &SecretKey, at| {
        let text = Note::parse(note.as_bytes()).unwrap().text;
        let by = NoteKey::new(WITNESS, &key.public_key());
        let note = format!("{note}{}", by.cosign(&text, key, at));
        client.put_text(&paths::publish_cosignature(&site), &note, 4096).map_err(|e| e.status().unwrap())
    };
    assert_eq!(cosigned(&note, &reader, now()), Err(403));
    assert_eq!(cosigned(&note, &witness, now().plus_millis(3_600_000)), Err(422));
    assert_eq!(cosigned(&note, &witness, now().plus_millis(-2 * 86_400_000)), Err(422));
    assert_eq!(cosigned(&fork, &witness, now()), Err(409));
    assert!(cosigned(&note, &witness, now()).unwrap().starts_with(b"stored"));
    assert!(cosigned(&note, &witness, now().plus_millis(-60_000)).unwrap().starts_with(b"held"));
    // A new process knows it still.
    drop(depot);
    let depot = Depot::start(&desk, "depot");
    let client = depot_reader(&desk, &depot.url);
    let served = client.get(&paths::log_checkpoint(&site, paths::Log::Current), 16384).unwrap();
    let served = Note::parse(&served).unwrap();
    assert_eq!(own.cosigned(&served).is_some(), served.text == Note::parse(note.as_bytes()).unwrap().text);
    assert!(SignedCheckpoint::verify(served.text.as_bytes(), ORIGIN, &[]).is_err(), "the text alone is no note");
}

fn depot_reader(desk: &Desk, url: &str) -> Client {
    Client::new(&Settings::new(url)).unwrap().signed_by(writ_client::Signer::new(desk.open_key("reader")))
}

#[test]
fn a_witness_refuses_a_log_that_is_shown_differently_and_keeps_both() {
    let tsa = Arc::new(Tsa::new(Key::P256));
    let (desk, depot, mut appliance) = listed(&tsa);
    let line = Line::to(&depot);
    desk.ok(&witness(&line.url));
    let seen = desk.read("witnessing/log/1.checkpoint");
    // Another history of as many entries, signed by the log's own key.
    let head = Checkpoint::parse(&Note::parse(&seen).unwrap().text).unwrap();
    let fork = Checkpoint { root: [7; 32], ..head.clone() };
    let fork = SignedCheckpoint::sign(fork, &desk.open_key("depot-log"), now()).note;
    let shown = fork.clone();
    line.lie(
        move |target, code, body| {
            if target.ends_with("/checkpoint") { (200, shown.clone().into_bytes()) } else { (code, body) }
        },
    );
    for arguments in [
        witness(&line.url),
        [&common("timestamp", &line.url, "witnessing")[..], &["--tsa", "http://127.0.0.1:9/"]].concat(),
    ] {
        let refused = desk.refused(&arguments);
        assert!(refused.contains("SHOWN DIFFERENTLY") && refused.contains("keep"), "{refused}");
    }
    assert_eq!(desk.read("witnessing/log/1.checkpoint"), seen, "what was seen stays");
    assert_eq!(desk.read(&format!("witnessing/log/1.contradiction.{}", head.size)), fork.into_bytes());
    line.honest();
    appliance.deliver(1);
    desk.ok(&witness(&line.url));
    // One that the root does not list cosigns nothing.
    let other = [&common("witness", &depot.url, "other")[..], KEY, &["--name", "another"]].concat();
    let refused = desk.refused(&other);
    assert!(refused.contains("does not list this witness"), "{refused}");
}

#[test]
fn a_root_lists_authorities_and_witnesses() {
    let tsa = Tsa::new(Key::P256);
    let desk = Desk::logged();
    fs::copy(tsa.path("ca.pem"), desk.path("tsa.pem")).unwrap();
    fs::copy(tsa.path("tsa.pem"), desk.path("signer.pem")).unwrap();
    let wrong = Tsa::made(Key::P256, "servers", "20200101000000Z", "20400101000000Z");
    fs::copy(wrong.path("tsa.pem"), desk.path("server.pem")).unwrap();
    let past = Tsa::made(Key::P256, "timestamps", "20200101000000Z", "20210101000000Z");
    fs::copy(past.path("tsa.pem"), desk.path("past.pem")).unwrap();
    desk.put("two.pem", [fs::read(tsa.path("ca.pem")).unwrap(), fs::read(tsa.path("tsa.pem")).unwrap()].concat());
    let key = NoteKey::new(WITNESS, &desk.open_key("reader").public_key()).cosigner_key();
    let next = |more: &[&str], code| {
        let (out, err) = desk.expect(&[&["trust", "next", "--from", "releases/trust"], more].concat(), code);
        out + &err
    };
    for (option, why) in [
        ("example=server.pem", "neither sign other certificates nor timestamps"),
        ("example=past.pem", "valid from 2020-01-01"),
        ("example=two.pem", "not exactly one certificate"),
        ("example=first-root.json", "not exactly one certificate"),
        ("example=keys/alice.pub", "not exactly one certificate"),
    ] {
        assert!(next(&["--tsa", option], 1).contains(why), "{option}");
    }
    assert!(next(&["--tsa", "tsa.pem"], 2).contains("NAME=FILE"));
    assert!(next(&["--witness", "nobody"], 2).contains("NAME=FILE"));
    assert!(next(&["--drop-tsa", "nobody"], 1).contains("lists no timestamp authority of this name"));
    next(&["--tsa", "example=tsa.pem", "--tsa", "itself=signer.pem", "--witness", &key], 0);
    desk.sign_root(2);
    let shown = desk.ok(&["trust", "show", "releases/trust/2.json"]);
    assert!(shown.contains("timestamp authority example (") && shown.contains(&format!("witness {key}")), "{shown}");
    next(&["--drop-tsa", "itself", "--drop-witness", WITNESS], 0);
    let shown = desk.ok(&["trust", "show", "releases/trust/3.json"]);
    assert!(shown.contains("timestamp authority example (") && !shown.contains("itself"), "{shown}");
    assert!(!shown.contains("witness"), "{shown}");
    // A token by the one that is listed as itself counts by its own certificate.
    let response = tsa.stamp(b"x", "sha256");
    assert!(Token::parse(&response).unwrap().verify(b"x", &[tsa.itself()]).is_ok());
}
