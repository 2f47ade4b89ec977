//! Check-ins forged and replayed by whoever overhears the courier, and by the courier itself: nothing of them is recorded.

use std::io::{Read, Write};
use std::net::TcpStream;

use writ_scenarios::proxy::Asked;
use writ_trust::digest::Digest;
use writ_trust::minisign::SecretKey;
use writ_wire::check_in::{CheckIn, CheckInSchema};
use writ_wire::heartbeat::Heartbeat;
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

    let mut unsigned = newest.clone();
    unsigned.headers.retain(|line| !name(line).starts_with("signature") && name(line) != courier::HEADER);
    let stranger = secret(STRANGER);
    // Whoever overheard it may say it again: it is what the appliance said, and was said.
    let repeated = [
        ("replayed", newest.clone()),
        ("replayed without its signatures", unsigned.clone()),
        ("replayed by a stranger", signed(newest, &stranger, newest.body.clone(), ours.clone())),
    ];
    for (what, asked) in repeated {
        assert_eq!(ask(&line, &asked).0, 200, "{what}");
        assert!(heartbeats(&line) == before, "{what}: something was recorded");
    }
    let later = |beat: Signed| {
        let mut said = Heartbeat::parse(&beat.document.0).unwrap();
        said.at = said.at.plus_millis(1);
        said.open_incidents += 1;
        said.canonical()
    };
    let by =
        |key: &SecretKey| with_heartbeat(newest, |beat| Signed::by(later(beat), key, "a trusted comment").unwrap());
    let lies: Vec<(&str, u16, Asked)> = vec![
        ("an older one replayed", 409, older.clone()),
        ("an older heartbeat in a new request", 409, signed(newest, &own, older.body.clone(), ours.clone())),
        ("a newer heartbeat that the courier signed itself", 422, signed(newest, &own, by(&own), ours.clone())),
        ("a newer heartbeat by a stranger", 422, Asked { body: by(&stranger), ..unsigned.clone() }),
        ("a newer heartbeat by a reader", 422, signed(newest, &secret(READER), by(&secret(READER)), None)),
        ("a newer heartbeat under the signature of the true one", 422, {
            let body = with_heartbeat(newest, |beat| Signed { document: later(beat.clone()).into(), ..beat });
            signed(newest, &own, body, ours.clone())
        }),
        ("a heartbeat with one bit flipped", 409, {
            let body = with_heartbeat(newest, |mut beat| {
                let text = String::from_utf8(beat.document.0).unwrap();
                beat.document.0 = text.replacen("\"open_incidents\":0", "\"open_incidents\":1", 1).into_bytes();
                beat
            });
            signed(newest, &own, body, ours)
        }),
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
