//! `writ watch`, on the real depot and over a line that lies.

use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;

use serde_json::Value;
use writ_trust::log::checkpoint::{Checkpoint, SignedCheckpoint};
use writ_trust::log::note::Note;
use writ_trust::log::tile::{EntryBundle, Tile};
use writ_trust::log::tree::{Hash, leaf_hash, node_hash};
use writ_wire::heartbeats::Heartbeats;
use writ_wire::releases::Releases;

use crate::depot::{Appliance, Depot, Line, ORIGIN, SECOND, now, wait};
use crate::desk::{Desk, SITE};
use crate::export_schema::reports::held;

const MINUTE: i64 = 60_000;

/// A desk whose site has one appliance.
fn one_appliance() -> Desk {
    let desk = Desk::logged();
    fs::remove_dir_all(desk.path(&format!("flake/hosts/{SITE}/back-office"))).unwrap();
    desk.commit("flake");
    desk
}

/// A depot with a release, evidence, and an appliance that lives.
fn alive() -> (Desk, Depot, Appliance) {
    let desk = one_appliance();
    let depot = Depot::start(&desk, "depot");
    desk.release_to("draft-1", &depot.url);
    let mut appliance = Appliance::new(&desk, &depot.url);
    appliance.obey(&desk, 1);
    appliance.deliver(2);
    appliance.beat(now(), Some(4));
    (desk, depot, appliance)
}

fn arguments<'a>(url: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let common = ["watch", "--depot", url, "--site", SITE, "--read-key", "keys/reader.key"];
    let rest = ["--trust", "first-root.json", "--state", "state"];
    [&common[..], &rest[..], more].concat()
}

/// The findings of one look, as `code subject`, and the whole report.
#[track_caller]
fn look(desk: &Desk, url: &str, more: &[&str]) -> (BTreeSet<String>, Value) {
    let output = desk.run(&arguments(url, &[&["--json"], more].concat()));
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap().to_owned();
    let findings = report["findings"].as_array().unwrap();
    let named = findings.iter().map(|f| format!("{} {}", text(f, "code"), text(f, "subject"))).collect::<BTreeSet<_>>();
    assert_eq!(output.status.code(), Some(i32::from(!named.is_empty())), "{report}");
    (named, report)
}

#[track_caller]
fn finds(desk: &Desk, url: &str, expected: &[&str]) -> Value {
    let (named, report) = look(desk, url, &[]);
    assert_eq!(named, expected.iter().map(|e| (*e).to_owned()).collect(), "{report}");
    report
}

#[test]
fn all_is_well_and_said() {
    let (desk, depot, _appliance) = alive();
    let report = finds(&desk, &depot.url, &[]);
    assert_eq!(report["schema"], "writ.watch.v1");
    assert_eq!((&report["release"]["point"], &report["log"]["size"]), (&"1-1".into(), &4.into()));
    assert_eq!(report["appliances"][0]["release"], "1-1");
    let shown = desk.ok(&arguments(&depot.url, &[]));
    assert!(shown.contains("all is well") && shown.contains("front-desk") && shown.contains(ORIGIN), "{shown}");
    assert_eq!(finds(&desk, &depot.url, &[])["log"]["number"], 1);
    held("watch-v1", &[&report], 40);
}

#[test]
fn silence_is_noticed() {
    let desk = one_appliance();
    let depot = Depot::start(&desk, "depot");
    let (named, nothing) = look(&desk, &depot.url, &[]);
    assert!(named.contains("release-missing release"));
    desk.release_to("draft-1", &depot.url);
    finds(&desk, &depot.url, &["never-heard front-desk"]);
    let appliance = Appliance::new(&desk, &depot.url);
    appliance.beat(now().plus_millis(-20 * MINUTE), None);
    let report = finds(&desk, &depot.url, &["silent front-desk"]);
    assert!(report["findings"][0]["what"].as_str().unwrap().contains("20 min"), "{report}");
    assert!(look(&desk, &depot.url, &["--max-age", "1h"]).0.is_empty());
    appliance.beat(now(), None);
    finds(&desk, &depot.url, &[]);
    held("watch-v1", &[&nothing, &report], 60);
}

#[test]
fn a_clock_that_is_ahead_is_told_from_silence() {
    let (desk, depot, appliance) = alive();
    let line = Line::to(&depot);
    appliance.beat(now(), Some(4));
    finds(&desk, &line.url, &[]);
    // The depot takes no heartbeat from the future, so that one is on the line.
    let ahead = appliance.heartbeat(now().plus_millis(20 * MINUTE), Some(4));
    line.lie(
        move |target, code, body| {
            if target.starts_with("/api/heartbeats/") { (code, ahead.clone()) } else { (code, body) }
        },
    );
    finds(&desk, &line.url, &["clock-ahead front-desk"]);
}

#[test]
fn a_depot_that_is_gone_is_a_finding() {
    let (desk, depot, _appliance) = alive();
    let url = depot.url.clone();
    finds(&desk, &url, &[]);
    drop(depot);
    finds(&desk, &url, &["unreachable depot"]);
}

#[test]
fn what_the_log_shows_must_be_signed_fresh_and_go_on() {
    let (desk, depot, mut appliance) = alive();
    let line = Line::to(&depot);
    finds(&desk, &line.url, &[]);
    let key = || desk.open_key("depot-log");
    let replaced = |note: Vec<u8>| {
        line.lie(
            move |target, code, body| {
                if target.ends_with("/1/checkpoint") { (code, note.clone()) } else { (code, body) }
            },
        );
    };
    let honest = fs::read_to_string(desk.path("state/log/1.checkpoint")).unwrap();
    let checkpoint = Checkpoint::parse(&Note::parse(honest.as_bytes()).unwrap().text).unwrap();
    let old = SignedCheckpoint::sign(checkpoint.clone(), &key(), now().plus_millis(-180 * MINUTE));
    replaced(old.note.into_bytes());
    finds(&desk, &line.url, &["log-stale log"]);
    // A time that has not come is not fresh, and is not taken for the freshest either.
    let ahead = SignedCheckpoint::sign(checkpoint.clone(), &key(), now().plus_millis(600 * MINUTE));
    replaced(ahead.note.into_bytes());
    let report = finds(&desk, &line.url, &["log-stale log"]);
    assert!(report["findings"][0]["what"].as_str().unwrap().contains("has not come"), "{report}");
    assert_eq!(fs::read_to_string(desk.path("state/log/1.checkpoint")).unwrap(), honest);
    let fork = Checkpoint { root: [5; 32], ..checkpoint.clone() };
    replaced(SignedCheckpoint::sign(fork, &key(), now()).note.into_bytes());
    let report = finds(&desk, &line.url, &["log-forked log"]);
    assert!(report["findings"][0]["what"].as_str().unwrap().contains("keep both"), "{report}");
    assert!(desk.path("state/log/1.contradiction.4").exists());
    let short = Checkpoint { size: 1, ..checkpoint.clone() };
    replaced(SignedCheckpoint::sign(short, &key(), now()).note.into_bytes());
    finds(&desk, &line.url, &["log-forked log"]);
    replaced(SignedCheckpoint::sign(checkpoint, &desk.open_key("reader"), now()).note.into_bytes());
    finds(&desk, &line.url, &["log-broken log"]);
    line.lie(|target, code, body| if target.ends_with("/1/checkpoint") { (404, vec![]) } else { (code, body) });
    finds(&desk, &line.url, &["log-missing log"]);
    // It goes on, and tiles on the way are those of another tree.
    appliance.deliver(3);
    line.lie(|target, code, mut body| {
        if target.contains("/tile/0/") {
            let last = body.len() - 1;
            body[last] ^= 1;
        }
        (code, body)
    });
    finds(&desk, &line.url, &["log-broken log"]);
    line.honest();
    assert_eq!(finds(&desk, &line.url, &[])["log"]["size"], 7);
    appliance.beat(now(), Some(70));
    finds(&desk, &line.url, &["log-short front-desk"]);
}

#[test]
fn releases_do_not_vanish_or_end_unnoticed() {
    let (desk, depot, appliance) = alive();
    let line = Line::to(&depot);
    desk.retitle("Two");
    desk.release_to("draft-2", &depot.url);
    assert_eq!(finds(&desk, &line.url, &[])["release"]["point"], "1-2");
    line.lie(|target, code, body| match Releases::parse(&body) {
        Ok(mut list) if target.starts_with("/api/releases/") => {
            list.releases.pop();
            (code, list.canonical())
        }
        _ => (code, body),
    });
    finds(&desk, &line.url, &["release-hidden release"]);
    line.lie(|target, code, body| {
        let altered = String::from_utf8_lossy(&body).replacen("\"document\":\"e", "\"document\":\"f", 1).into_bytes();
        if target.starts_with("/api/releases/") { (code, altered) } else { (code, body) }
    });
    finds(&desk, &line.url, &["release-broken release"]);
    line.honest();
    let (named, _) = look(&desk, &line.url, &["--expires-within", "200d"]);
    assert!(named.contains("release-expires release") && !named.contains("trust-expires trust"), "{named:?}");
    let (named, _) = look(&desk, &line.url, &["--expires-within", "2y"]);
    assert!(named.contains("trust-expires trust"), "{named:?}");
    drop(appliance);
}

#[test]
fn heartbeats_are_the_appliances_own_and_never_older_ones() {
    let (desk, depot, appliance) = alive();
    let line = Line::to(&depot);
    finds(&desk, &line.url, &[]);
    let replaced = |body: Vec<u8>| {
        line.lie(
            move |target, code, honest| {
                if target.starts_with("/api/heartbeats/") { (code, body.clone()) } else { (code, honest) }
            },
        );
    };
    replaced(appliance.heartbeat(now().plus_millis(-2 * MINUTE), Some(4)));
    finds(&desk, &line.url, &["heartbeat-back front-desk"]);
    let mut altered = Heartbeats::parse(&appliance.heartbeat(now(), Some(4))).unwrap();
    let document = String::from_utf8(altered.heartbeats[0].document.0.clone()).unwrap();
    altered.heartbeats[0].document.0 = document.replace("\"refused\":0", "\"refused\":9").into_bytes();
    replaced(altered.canonical());
    let (named, _) = look(&desk, &line.url, &[]);
    assert!(named.contains("heartbeat-broken front-desk"), "{named:?}");
    replaced(b"{}".to_vec());
    finds(&desk, &line.url, &["heartbeat-broken depot"]);
    replaced(b"{\"heartbeats\":[],\"schema\":\"writ.heartbeats.v1\"}".to_vec());
    let report = finds(&desk, &line.url, &["never-heard front-desk"]);
    assert!(report["findings"][0]["what"].as_str().unwrap().contains("before, and is not now"), "{report}");
}

#[test]
fn trust_roots_are_walked_and_not_forgotten() {
    let (desk, depot, _appliance) = alive();
    let line = Line::to(&depot);
    desk.key("bob");
    desk.ok(&["trust", "next", "--from", "releases/trust", "--key", "keys/bob.pub:release"]);
    desk.sign_root(2);
    desk.retitle("Two");
    desk.release_to("draft-2", &depot.url);
    assert_eq!(finds(&desk, &line.url, &[])["trust"]["version"], 2);
    line.lie(|target, code, body| if target.starts_with("/trust/2") { (404, vec![]) } else { (code, body) });
    let report = look(&desk, &line.url, &[]);
    assert!(report.0.contains("trust-broken trust"), "{report:?}");
    // The others are still judged by what was seen.
    assert_eq!(report.1["release"]["point"], "1-2");
    // A depot that fails on the way is no liar, and what came before it failed is remembered.
    line.honest();
    for version in [3, 4] {
        desk.ok(&["trust", "next", "--from", "releases/trust"]);
        desk.sign_root(version);
    }
    desk.ok(&desk.publish_to("draft-2", &depot.url));
    line.lie(|target, code, body| if target == "/trust/4" { (503, vec![]) } else { (code, body) });
    let report = finds(&desk, &line.url, &["unreachable depot"]);
    assert_eq!(report["trust"]["version"], 3);
    assert!(desk.path("state/roots/3.json").exists());
}

#[test]
fn a_log_takes_over_by_order_only() {
    let (desk, depot, appliance) = alive();
    let line = Line::to(&depot);
    finds(&desk, &line.url, &[]);
    desk.draft_restart("state/log/1.checkpoint");
    desk.sign_restart();
    desk.ok(&["log", "publish", "restart.json", "--trust", "releases/trust", "--depot", &depot.url]);
    appliance.beat(now(), None);
    line.lie(|target, code, body| if target.ends_with("/2/restart") { (404, vec![]) } else { (code, body) });
    let report = finds(&desk, &line.url, &["log-forked log"]);
    assert!(report["findings"][0]["what"].as_str().unwrap().contains("does not show the order"), "{report}");
    line.lie(|target, code, mut body| {
        if target.ends_with("/2/restart") {
            body[60] ^= 1;
        }
        (code, body)
    });
    finds(&desk, &line.url, &["log-forked log"]);
    line.honest();
    let report = finds(&desk, &line.url, &[]);
    assert_eq!((&report["log"]["number"], &report["release"]["point"]), (&2.into(), &"1-1".into()));
    finds(&desk, &line.url, &[]);
}

#[test]
fn two_logs_that_took_over_between_two_looks_are_both_asked_about() {
    let (desk, depot, appliance) = alive();
    let line = Line::to(&depot);
    finds(&desk, &line.url, &[]);
    let publish = ["log", "publish", "restart.json", "--trust", "releases/trust", "--depot", &depot.url];
    desk.draft_restart("state/log/1.checkpoint");
    desk.sign_restart();
    desk.ok(&publish);
    // The second one is lost as well.
    let fetch = ["audit", "fetch", "--depot", &depot.url, "--site", SITE, "--read-key", "keys/reader.key"];
    desk.ok(&[&fetch[..], &["--trust", "first-root.json", "--to", "audit"]].concat());
    fs::rename(desk.path("restart.json"), desk.path("second.json")).unwrap();
    let third = format!("{SECOND}/again");
    desk.ok(&["trust", "next", "--from", "releases/trust", "--log-origin", &format!("{SITE}={third}")]);
    desk.sign_root(3);
    let checkpoint = format!("audit/log/{SITE}/2/checkpoint");
    let restart = ["log", "restart", "--site", SITE, "--trust", "releases/trust", "--checkpoint", &checkpoint];
    desk.ok(&[&restart[..], &["--origin", &third, "--reason", "again", "--out", "restart.json"]].concat());
    desk.sign_restart();
    desk.ok(&publish);
    appliance.beat(now(), None);
    for missing in ["/2/restart", "/3/restart"] {
        line.lie(move |target, code, body| if target.ends_with(missing) { (404, vec![]) } else { (code, body) });
        finds(&desk, &line.url, &["log-forked log"]);
    }
    line.honest();
    assert_eq!(finds(&desk, &line.url, &[])["log"]["number"], 3);
}

/// A log that goes on after its first entries with one and the same, up to a size, a power of two: it need not be stored.
struct Endless {
    entries: Vec<Vec<u8>>,
    filler: Vec<u8>,
    /// By level: the leftmost node, and every other one.
    nodes: Vec<(Hash, Hash)>,
}

impl Endless {
    fn new(entries: Vec<Vec<u8>>, filler: Vec<u8>, levels: u32) -> Self {
        let mut leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        leaves.resize(256, leaf_hash(&filler));
        let mut nodes = vec![(leaves[0], leaf_hash(&filler))];
        for level in 0..levels {
            let (left, other) = nodes[level as usize];
            // The first 256 leaves are a tree of their own; beyond there is nothing but the filler.
            let left = if level < 8 {
                leaves = leaves.chunks(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
                leaves[0]
            } else {
                node_hash(&left, &other)
            };
            nodes.push((left, node_hash(&other, &other)));
        }
        Self { entries, filler, nodes }
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint { origin: ORIGIN.into(), size: 1 << (self.nodes.len() - 1), root: self.nodes.last().unwrap().0 }
    }

    /// A file of it, by its path in the log.
    fn file(&self, path: &str) -> Option<Vec<u8>> {
        if let Some(bundle) = EntryBundle::parse(path) {
            let mut entries = if bundle.index == 0 { self.entries.clone() } else { Vec::new() };
            entries.resize(256, self.filler.clone());
            return Some(EntryBundle::encode(&entries));
        }
        let tile = Tile::parse(path)?;
        let (left, other) = self.nodes[usize::from(tile.level) * 8];
        let mut hashes = vec![other; usize::from(tile.width)];
        if tile.index == 0 {
            hashes[0] = left;
            if tile.level == 0 {
                hashes.iter_mut().zip(&self.entries).for_each(|(hash, entry)| *hash = leaf_hash(entry));
            }
        }
        Some(hashes.concat())
    }
}

#[test]
fn a_log_without_end_does_not_keep_a_look_from_ending() {
    let (desk, depot, appliance) = alive();
    let line = Line::to(&depot);
    finds(&desk, &line.url, &[]);
    let fetch = ["audit", "fetch", "--depot", &depot.url, "--site", SITE, "--read-key", "keys/reader.key"];
    desk.ok(&[&fetch[..], &["--trust", "first-root.json", "--to", "audit"]].concat());
    let bytes = desk.read(&format!("audit/log/{SITE}/1/tile/entries/000.p/4"));
    let entries = EntryBundle { index: 0, width: 4 }.decode(&bytes).unwrap();
    let entries: Vec<Vec<u8>> = entries.into_iter().map(<[u8]>::to_vec).collect();
    let filler = entries[3].clone();
    // Whoever holds the log's key can sign it.
    let endless = Endless::new(entries, filler, 52);
    let note = SignedCheckpoint::sign(endless.checkpoint(), &desk.open_key("depot-log"), now()).note.into_bytes();
    line.lie(move |target, code, body| {
        let file = target.strip_prefix(&format!("/log/{SITE}/1/"));
        match file {
            Some("checkpoint") => (200, note.clone()),
            Some(path) => endless.file(path).map_or((404, Vec::new()), |bytes| (200, bytes)),
            None => (code, body),
        }
    });
    appliance.beat(now(), Some(4));
    let searched = || {
        let kept: Value = serde_json::from_slice(&desk.read("state/release.json")).unwrap();
        kept["size"].as_u64().unwrap()
    };
    let report = finds(&desk, &line.url, &["log-unread log"]);
    assert!(report["findings"][0]["what"].as_str().unwrap().contains("too much at once"), "{report}");
    assert_eq!(report["release"]["point"], "1-1");
    let first = searched();
    assert!(first > 60_000 && first < 70_000, "{first}");
    // The next look goes on from there.
    finds(&desk, &line.url, &["log-unread log"]);
    assert!(searched() > 2 * first - 1000, "{}", searched());
}

#[test]
fn somebody_is_told_once_per_change() {
    let (desk, depot, appliance) = alive();
    let line = Line::to(&depot);
    let notes = || fs::read_to_string(desk.path("notes")).unwrap_or_default().matches("writ.watch.v1").count();
    let watch = |code: i32, command: &str| {
        desk.expect(&arguments(&line.url, &["--notify-command", command]), code);
        notes()
    };
    let command = "cat >> notes";
    assert_eq!(watch(0, command), 0, "nothing to tell");
    let gone = |target: &str, code, body| if target.ends_with("/1/checkpoint") { (404, vec![]) } else { (code, body) };
    line.lie(gone);
    assert_eq!(watch(1, command), 1);
    assert_eq!(watch(1, command), 1, "not again");
    line.honest();
    appliance.beat(now(), Some(99));
    assert_eq!(watch(1, command), 2, "another finding");
    appliance.beat(now(), Some(4));
    assert_eq!(watch(0, command), 3, "all is well again");
    line.lie(gone);
    let (_, said) = desk.expect(&arguments(&line.url, &["--notify-command", "cat >> notes; exit 3"]), 1);
    assert!(said.contains("did not work") && said.contains('3'), "{said}");
    assert_eq!(watch(1, command), 5, "what did not work is tried again");
}

#[test]
fn it_goes_on_looking() {
    let (desk, depot, appliance) = alive();
    let more = ["--every", "1s", "--notify-command", "cat >> notes", "--json"];
    let mut child =
        desk.command(&arguments(&depot.url, &more)).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let notes = || fs::read_to_string(desk.path("notes")).unwrap_or_default();
    wait(|| desk.path("state/heartbeats.json").exists().then_some(()));
    // Another one on the same state is kept out.
    assert!(desk.could_not(&arguments(&depot.url, &[])).contains("another watch"));
    appliance.beat(now(), Some(99));
    wait(|| notes().contains("log-short").then_some(()));
    appliance.beat(now(), Some(4));
    wait(|| notes().contains("\"findings\": []").then_some(()));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn what_cannot_be_run_is_said() {
    let (desk, depot, _appliance) = alive();
    finds(&desk, &depot.url, &[]);
    for (file, bad) in [("release.json", "{}"), ("heartbeats.json", ""), ("log/1.checkpoint", "x")] {
        let good = desk.read(&format!("state/{file}"));
        desk.put(&format!("state/{file}"), bad);
        let said = desk.could_not(&arguments(&depot.url, &[]));
        assert!(said.contains("state"), "{said}");
        desk.put(&format!("state/{file}"), good);
    }
    let mut other = arguments(&depot.url, &[]);
    let trust = other.iter().position(|argument| *argument == "first-root.json").unwrap();
    other[trust] = "keys/alice.pub";
    assert!(desk.refused(&other).contains("not a usable trust root"));
    assert!(desk.could_not(&arguments(&depot.url, &["--every", "0s"])).contains("--every"));
    assert!(desk.could_not(&arguments("depot", &[])).contains("not a depot's address"));
    finds(&desk, &depot.url, &[]);
}

/// A root in which a key is 331 days old and another ends in a week; nothing else is wrong.
#[test]
fn keys_that_are_old_or_end_are_told_of() {
    let desk = one_appliance();
    let mut root: Value = serde_json::from_slice(&desk.read("releases/trust/1.json")).unwrap();
    let day = 24 * 60 * MINUTE;
    for key in root["keys"].as_array_mut().unwrap() {
        match key["name"].as_str().unwrap() {
            "alice" => key["valid_from"] = serde_json::json!(now().plus_millis(-331 * day)),
            "cache-1" => key["valid_until"] = serde_json::json!(now().plus_millis(7 * day)),
            _ => {}
        }
    }
    desk.put("releases/trust/1.json", writ_trust::json::canonical(&root));
    desk.sign_root(1);
    fs::copy(desk.path("releases/trust/1.json"), desk.path("first-root.json")).unwrap();
    let depot = Depot::start(&desk, "depot");
    let (old, ends) = (format!("key-old {}", desk.key_id("alice")), format!("key-ends {}", desk.key_id("cache-1")));
    let (named, report) = look(&desk, &depot.url, &[]);
    let of_keys: BTreeSet<String> = named.into_iter().filter(|name| name.starts_with("key-")).collect();
    assert_eq!(of_keys, BTreeSet::from([old, ends]), "{report}");
    let said = |code: &str| {
        let all = report["findings"].as_array().unwrap();
        all.iter().find(|f| f["code"] == code).unwrap()["what"].as_str().unwrap().to_owned()
    };
    assert!(said("key-old").contains("alice is 331 days old") && said("key-ends").contains("cache-1"), "{report}");
    let (named, report) = look(&desk, &depot.url, &["--remind-keys", "340d", "--expires-within", "3d"]);
    assert!(!named.iter().any(|name| name.starts_with("key-")), "{report}");
    let age = depot_metric(&depot.url, "writ_depot_key_age_seconds");
    assert!((331 * 86_400..331 * 86_400 + 600).contains(&age), "{age}");
}

fn depot_metric(url: &str, name: &str) -> i64 {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: depot\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("{name}: {text}")).trim().parse().unwrap()
}
