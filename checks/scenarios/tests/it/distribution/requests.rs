//! Check-ins forged and replayed by whoever overhears the courier, and by the courier itself: nothing of them is recorded.

use std::io::{Read, Write};
use std::net::TcpStream;

use writ_scenarios::proxy::Asked;
use writ_trust::digest::Digest;
use writ_trust::minisign::SecretKey;
use writ_wire::check_in::{CheckIn, CheckInSchema};
use writ_wire::http::Request;
use writ_wire::http::sign::sign;
use writ_wire::{Signed, courier};

use super::forging::*;
use super::line::Line;
use crate::house::*;

/// Asks the depot, with nothing added; gives the status.
pub fn ask(line: &Line, asked: &Asked) -> (u16, String) {
    let mut depot = TcpStream::connect(&line.depot.address).unwrap();
    let mut head = format!("{} {} HTTP/1.1\r\n", asked.method, asked.target);
    let kept = |name: &str| !matches!(name, "connection" | "content-length");
    for header in asked.headers.iter().filter(|line| kept(&name(line))) {
        head.push_str(&format!("{header}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\nConnection: close\r\n\r\n", asked.body.len()));
    depot.write_all(head.as_bytes()).unwrap();
    depot.write_all(&asked.body).unwrap();
    let mut answer = Vec::new();
    depot.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    (status, answer.split_once("\r\n\r\n").unwrap_or_default().1.to_owned())
}

fn name(header: &str) -> String {
    header.split(':').next().unwrap_or_default().to_ascii_lowercase()
}

/// The same request signed by another key, with this body and this delegation.
fn signed(asked: &Asked, key: &SecretKey, body: Vec<u8>, delegation: Option<String>) -> Asked {
    let (path, query) = asked.target.split_once('?').map_or((&*asked.target, None), |(p, q)| (p, Some(q)));
    let request = Request { method: &asked.method, path, query };
    let digest = (!body.is_empty()).then(|| Digest::of(&body));
    let nonce = writ_trust::digest::Digest::of(format!("{:?}{body:?}", std::time::Instant::now()).as_bytes());
    let nonce: [u8; 16] = nonce.hex().as_bytes()[..16].try_into().unwrap();
    let headers = sign(&request, digest.as_ref(), key, now_plus(0), nonce);
    let mut lines: Vec<String> = headers.pairs().map(|(name, value)| format!("{name}: {value}")).collect();
    lines.extend(delegation.map(|value| format!("{}: {value}", courier::HEADER)));
    lines.extend(["Host: depot".to_owned(), "Content-Type: application/json".to_owned()]);
    Asked { headers: lines, body, ..asked.clone() }
}

/// What an auditor sees of the site's appliances.
fn heartbeats(line: &Line) -> String {
    let target = format!("/api/heartbeats/{}", line.house.site);
    let asked = Asked { method: "GET".into(), target, headers: vec![], body: vec![] };
    let (status, body) = ask(line, &signed(&asked, &secret(READER), vec![], None));
    assert_eq!(status, 200, "{body}");
    body
}

/// A check-in with another heartbeat.
fn with_heartbeat(asked: &Asked, heartbeat: impl FnOnce(Signed) -> Signed) -> Vec<u8> {
    let true_one = CheckIn::parse(&asked.body).unwrap().heartbeat;
    CheckIn { schema: CheckInSchema::V1, heartbeat: heartbeat(true_one) }.canonical()
}

pub fn forged() {
    let mut line = Line::running();
    // A courier that is quicker than its enforcer hands one heartbeat over twice, and may.
    line.until("check-ins with two heartbeats", || {
        let heard = line.heard(CHECK_IN);
        heard.first().zip(heard.last()).is_some_and(|(first, last)| first.0.body != last.0.body)
    });
    line.silence();
    let heard = line.heard(CHECK_IN);
    let (older, newest) = (&heard[0].0, &heard.last().unwrap().0);
    let own = line.courier_key();
    let delegation = newest.headers.iter().find(|line| name(line) == courier::HEADER).unwrap();
    let delegation = delegation.split_once(':').unwrap().1.trim().to_owned();
    let ours = Some(delegation.clone());
    let before = heartbeats(&line);

    let mut altered = newest.clone();
    altered.body.push(b' ');
    let mut elsewhere = newest.clone();
    elsewhere.target.push_str("?again");
    let mut unsigned = newest.clone();
    unsigned.headers.retain(|line| !name(line).starts_with("signature"));
    let mut alone = newest.clone();
    alone.headers.retain(|line| name(line) != courier::HEADER);
    let stranger = secret(STRANGER);
    let body = newest.body.clone();
    let lies: Vec<(&str, u16, Asked)> = vec![
        ("replayed", 401, newest.clone()),
        ("an older one replayed", 401, older.clone()),
        ("its body altered", 401, altered),
        ("sent elsewhere", 401, elsewhere),
        ("without its signature", 401, unsigned),
        ("without its delegation", 401, alone),
        (
            "signed by a stranger under the courier's delegation",
            401,
            signed(newest, &stranger, body.clone(), ours.clone()),
        ),
        ("signed by a stranger", 401, signed(newest, &stranger, body.clone(), None)),
        ("signed by a reader", 403, signed(newest, &secret(READER), body.clone(), None)),
        ("under a delegation that a stranger made", 401, {
            let vouched = courier::from_header(&delegation).unwrap().document.0;
            let made = Signed::by(vouched, &stranger, "a trusted comment").unwrap();
            signed(newest, &own, body.clone(), Some(courier::to_header(&made)))
        }),
        ("a heartbeat that the courier signed itself", 422, {
            let body = with_heartbeat(newest, |beat| Signed::by(beat.document.0, &own, "a trusted comment").unwrap());
            signed(newest, &own, body, ours.clone())
        }),
        ("a heartbeat with one bit flipped", 422, {
            let body = with_heartbeat(newest, |mut beat| {
                let text = String::from_utf8(beat.document.0).unwrap();
                beat.document.0 = text.replacen("\"open_incidents\":0", "\"open_incidents\":1", 1).into_bytes();
                beat
            });
            signed(newest, &own, body, ours.clone())
        }),
        ("an older heartbeat in a new request", 409, signed(newest, &own, older.body.clone(), ours)),
    ];
    for (what, expected, asked) in lies {
        let (status, said) = ask(&line, &asked);
        assert_eq!(status, expected, "{what}: {said}");
        assert!(said.len() < 200 && !said.contains("key"), "{what}: the answer tells too much: {said}");
        assert!(heartbeats(&line) == before, "{what}: something was recorded");
    }
    line.start_courier();
    line.publish();
    line.settle();
    line.until("a newer heartbeat", || heartbeats(&line) != before);
}
