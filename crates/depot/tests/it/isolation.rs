//! What one site does is nobody else's loss: the keys of one site may be stolen, or its appliances mad.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::release::Release;
use writ_wire::check_in::{CheckIn, CheckInSchema};
use writ_wire::courier;
use writ_wire::courier::Delegation;
use writ_wire::evidence_batch::{EvidenceBatch, EvidenceBatchSchema};
use writ_wire::heartbeat::Heartbeat;
use writ_wire::receipts::Receipts;
use writ_wire::{Signed, publication::Publication};

use crate::client::{Connection, put, request};
use crate::daemon::{Start, until};
use crate::world::*;

const MAD: &str = "clinic-001";
const CALM: &str = "clinic-002";
/// The appliances of the one site, all of whose keys are in bad hands.
const STOLEN: [u8; 4] = [101, 102, 103, 104];
/// The appliance of the other.
const OURS: u8 = 111;

fn name(who: u8) -> ApplianceId {
    format!("appliance-{who}").parse().unwrap()
}

/// The courier of an appliance of a site.
fn courier_of(site: &str, who: u8) -> Caller {
    let signed = Delegation::make(&site.parse().unwrap(), &name(who), &secret(who), &public(COURIER), now()).unwrap();
    Caller { key: COURIER, delegation: Some(courier::to_header(&signed)) }
}

fn publish_for(address: SocketAddr, site: &str, appliances: &[u8]) {
    let site: SiteId = site.parse().unwrap();
    let generations = appliances.iter().map(|who| (name(*who), generation(*who, None))).collect();
    let release = Release { site: site.clone(), generations, ..release(1, None) };
    let envelope = signed(release.canonical(), &[RELEASE]).canonical();
    let state = Publication::parse(&put(address, &format!("/publish/releases/{site}"), &envelope).expect(200)).unwrap();
    if !state.missing.documents.is_empty() {
        put(address, &format!("/publish/documents/{}", writ_trust::digest::Digest::of(POLICY)), POLICY).expect(200);
    }
}

/// A depot with both sites, each with a log.
fn depot(dir: &std::path::Path, arguments: &[&str]) -> crate::daemon::Daemon {
    let depot = Start::new(dir).arguments(arguments).start();
    publish_for(depot.address, MAD, &STOLEN);
    publish_for(depot.address, CALM, &[OURS]);
    depot
}

fn two_sites() -> tempfile::TempDir {
    let mut root = root();
    root.log_origins = [MAD, CALM].map(|site| (site.parse().unwrap(), vec![format!("log.example/{site}")])).into();
    folder_with(&root)
}

fn bundle_of(site: &str, who: u8, sequence: u64, filling: &str) -> Signed {
    let text = String::from_utf8(bundle_text(name(who).as_str(), who, sequence, filling)).unwrap();
    signed(text.replace(&format!("\"{SITE}\""), &format!("\"{site}\"")).into_bytes(), &[who])
}

fn batch_of(bundles: Vec<Signed>) -> Vec<u8> {
    EvidenceBatch { schema: EvidenceBatchSchema::V1, bundles }.canonical()
}

fn beat_of(site: &str, who: u8, sequence: u64) -> Vec<u8> {
    let signed = heartbeat(who, name(who).as_str(), now());
    let told = Heartbeat::parse(&signed.document.0).unwrap();
    // Each is newer than the one before, also within one millisecond.
    let at = told.at.plus_millis(i64::try_from(sequence % 1000).unwrap());
    let heartbeat = Heartbeat { site: site.parse().unwrap(), sequence, at, ..told };
    CheckIn { schema: CheckInSchema::V1, heartbeat: heartbeat.sign(&secret(who)).unwrap() }.canonical()
}

fn submit_of(site: &str) -> String {
    format!("/api/evidence/sites/{site}/submit")
}

#[test]
fn a_site_that_floods_takes_nothing_from_another() {
    let dir = two_sites();
    // The limits as they are for everybody.
    let depot = depot(dir.path(), &["--extra-writes=10", "--batches=120"]);
    let address = depot.address;
    let (done, sent, taken, refused) =
        (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let flood = |who: u8| {
        let mad = courier_of(MAD, who);
        let mut connection = Connection::open(address);
        let mut n = 0;
        while !done.load(Ordering::Relaxed) {
            n += 1;
            let answer = match n % 3 {
                0 => mad.request_on(&mut connection, "GET", "/agent/sync", b""),
                1 => mad.request_on(&mut connection, "POST", "/agent/checkin", &beat_of(MAD, who, n)),
                _ => {
                    let batch = batch_of((n * 10..n * 10 + 10).map(|n| bundle_of(MAD, who, n, "")).collect());
                    mad.request_on(&mut connection, "POST", &submit_of(MAD), &batch)
                }
            };
            match answer.map(|answer| answer.status) {
                Some(429) => refused.fetch_add(1, Ordering::Relaxed),
                Some(status) => {
                    assert!(status < 500, "{status}");
                    taken.fetch_add(1, Ordering::Relaxed)
                }
                // Answered before all of it was read: the connection is another one then.
                None => {
                    connection = Connection::open(address);
                    0
                }
            };
            sent.fetch_add(1, Ordering::Relaxed);
        }
    };
    let flood = &flood;
    std::thread::scope(|scope| {
        for who in STOLEN {
            scope.spawn(move || flood(who));
        }
        until("the flood", || (sent.load(Ordering::Relaxed) > 40).then_some(()));
        let calm = courier_of(CALM, OURS);
        for n in 1..=5 {
            assert_eq!(calm.request(address, "POST", "/agent/checkin", &beat_of(CALM, OURS, n)).status, 200);
            assert_eq!(calm.get(address, "/agent/sync").status, 200);
        }
        for n in 0..20 {
            let bundles: Vec<Signed> = (n * 5 + 1..=n * 5 + 5).map(|n| bundle_of(CALM, OURS, n, "")).collect();
            let answer = calm.request(address, "POST", &submit_of(CALM), &batch_of(bundles));
            let receipts = Receipts::parse(&answer.expect(200)).unwrap();
            assert_eq!((receipts.receipts.len(), receipts.refused.len(), receipts.held), (5, 0, n * 5 + 5));
        }
        // Until it has been told to wait, so that this was a flood beyond what one may.
        until("the flood to be held back", || (refused.load(Ordering::Relaxed) > 0).then_some(()));
        done.store(true, Ordering::Relaxed);
    });
    assert!(taken.load(Ordering::Relaxed) > 0);
    // All of it is in the calm site's own log, once.
    let summary = reader().get(address, &format!("/api/evidence/sites/{CALM}/summary")).expect(200);
    let summary: serde_json::Value = serde_json::from_slice(&summary).unwrap();
    assert_eq!(summary["bundles"], 100, "{summary}");
}

#[test]
fn the_keys_of_one_site_leave_memory_for_the_bodies_of_others() {
    let dir = two_sites();
    let depot = depot(dir.path(), &[]);
    let address = depot.address;
    // Almost all of a body each, and then nothing more: as much memory as one may have, for as long as one may.
    let large: Vec<u8> =
        batch_of(vec![bundle_of(MAD, STOLEN[0], 1, "")]).into_iter().chain(vec![b' '; 8_000_000]).collect();
    let hold = |who: u8| {
        let mut head =
            format!("POST {} HTTP/1.1\r\nhost: depot\r\ncontent-length: {}\r\n", submit_of(MAD), large.len());
        for (name, value) in courier_of(MAD, who).headers("POST", &submit_of(MAD), &large, now()) {
            head += &format!("{name}: {value}\r\n");
        }
        let mut connection = Connection::open(address);
        connection.send(format!("{head}\r\n").as_bytes()).unwrap();
        let _ = connection.send(&large[..large.len() - 1]);
        connection
    };
    let held: Vec<Connection> = STOLEN.iter().map(|who| hold(*who)).collect();
    until("the site to have all that it may", || {
        depot.log().contains("all memory that one site may have for bodies is in use").then_some(())
    });
    let calm = courier_of(CALM, OURS);
    let answer = calm.request(address, "POST", &submit_of(CALM), &batch_of(vec![bundle_of(CALM, OURS, 1, "")]));
    assert_eq!(Receipts::parse(&answer.expect(200)).unwrap().receipts.len(), 1);
    let large = batch_of(vec![bundle_of(CALM, OURS, 2, &"x".repeat(900_000))]);
    assert_eq!(calm.request(address, "POST", &submit_of(CALM), &large).status, 200, "a large one as well");
    drop(held);
}

#[test]
fn strangers_who_drip_large_bodies_silence_no_heartbeat() {
    let dir = two_sites();
    let depot = depot(dir.path(), &["--body-memory", "16"]);
    let address = depot.address;
    // There are 8 MiB for everybody who is not known, and each of these sends almost as much, and then nothing more.
    let almost = vec![b' '; 8 * 1024 * 1024 - 1];
    let hold = || {
        let mut connection = Connection::open(address);
        let length = almost.len() + 1;
        let head = format!("PUT /publish/releases/{CALM} HTTP/1.1\r\nhost: depot\r\ncontent-length: {length}\r\n\r\n");
        connection.send(head.as_bytes()).unwrap();
        let _ = connection.send(&almost);
        connection
    };
    let held: Vec<Connection> =
        std::thread::scope(|scope| [(); 3].map(|()| scope.spawn(hold)).map(|thread| thread.join().unwrap()).into());
    until("all memory to be in use", || depot.log().contains("all memory for bodies is in use").then_some(()));
    for n in 1..=20 {
        let answer = request(address, "POST", "/agent/checkin", &[], &beat_of(CALM, OURS, n));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    drop(held);
}

#[test]
fn an_appliance_fills_no_more_of_the_disk_than_it_may() {
    let dir = two_sites();
    let depot = depot(dir.path(), &["--daily-evidence", "1"]);
    let address = depot.address;
    let send = |site: &str, who: u8, sequence: u64| {
        let batch = batch_of(vec![bundle_of(site, who, sequence, &"x".repeat(600_000))]);
        courier_of(site, who).request(address, "POST", &submit_of(site), &batch)
    };
    assert_eq!(send(MAD, STOLEN[0], 1).status, 200);
    let second = send(MAD, STOLEN[0], 2);
    let after: u64 = second.header("retry-after").unwrap().parse().unwrap();
    assert!(second.status == 429 && (1..86_400).contains(&after), "{} {after}", second.status);
    assert_eq!(send(MAD, STOLEN[0], 1).status, 200, "what is here is told of again");
    assert_eq!((send(MAD, STOLEN[1], 1).status, send(CALM, OURS, 1).status), (200, 200), "others are not concerned");
}

#[test]
fn who_is_silent_for_longest_is_told_without_a_name() {
    let dir = two_sites();
    let depot = depot(dir.path(), &[]);
    let address = depot.address;
    let metric = |name: &str| -> i64 {
        let told = crate::client::get(address, "/metrics").text();
        let value = told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {name}: {told}")).parse().unwrap()
    };
    assert_eq!(metric("writ_depot_appliances"), i64::try_from(STOLEN.len()).unwrap() + 1);
    let issued = release(1, None).issued_at;
    let since_issued = now().millis_since(issued) / 1000;
    let age = metric("writ_depot_checkin_age_seconds");
    assert!((since_issued..=since_issued + 60).contains(&age), "one that was never heard of: {age}");
    let check_in = |site: &str, who: u8| {
        assert_eq!(
            courier_of(site, who).request(address, "POST", "/agent/checkin", &beat_of(site, who, 1)).status,
            200
        );
    };
    STOLEN.iter().for_each(|who| check_in(MAD, *who));
    assert!(metric("writ_depot_checkin_age_seconds") >= since_issued, "the calm site's is still missing");
    check_in(CALM, OURS);
    let age = metric("writ_depot_checkin_age_seconds");
    assert!((-1..60).contains(&age), "all were heard of: {age}");
}
