//! Check-ins: a heartbeat counts by the appliance's own signature, whoever carries it, and once more is the same as once.

use std::net::SocketAddr;

use writ_trust::digest::Digest;
use writ_trust::time::Time;
use writ_wire::check_in::{CheckIn, CheckInReply, CheckInSchema};
use writ_wire::heartbeat::Heartbeat;
use writ_wire::heartbeats::Heartbeats;
use writ_wire::{Blob, Signed};

use crate::client::{Answer, request};
use crate::daemon::Start;
use crate::world::*;

/// A heartbeat in a request that nobody signed.
fn carry(address: SocketAddr, heartbeat: &Signed) -> Answer {
    let body = CheckIn { schema: CheckInSchema::V1, heartbeat: heartbeat.clone() }.canonical();
    request(address, "POST", "/agent/checkin", &[], &body)
}

fn kept(address: SocketAddr) -> Vec<Signed> {
    let beats = reader().get(address, &format!("/api/heartbeats/{SITE}")).expect(200);
    Heartbeats::parse(&beats).unwrap().heartbeats
}

/// A heartbeat whose signature file says something else for its trusted comment.
fn with_another_comment(heartbeat: &Signed) -> Signed {
    let text = String::from_utf8(heartbeat.signatures[0].0.clone()).unwrap();
    let altered: Vec<String> = text
        .lines()
        .map(|line| {
            line.strip_prefix("trusted comment: ").map_or(line.to_owned(), |_| "trusted comment: of others".into())
        })
        .collect();
    Signed { signatures: vec![Blob((altered.join("\n") + "\n").into_bytes())], ..heartbeat.clone() }
}

#[test]
fn a_heartbeat_counts_whoever_carries_it() {
    let dir = folder();
    let depot = Start::new(dir.path()).start();
    let address = depot.address;
    publish(address, &release(1, None));
    let at = now();
    let first = heartbeat(FRONT_DESK, "front-desk", at);
    let reply = CheckInReply::parse(&carry(address, &first).expect(200)).unwrap();
    assert_eq!((reply.serial, reply.held), (Some(serial(1)), 0));
    assert_eq!(kept(address), std::slice::from_ref(&first));
    // By another appliance's courier, and by somebody who only reads: it is the same heartbeat.
    let next = heartbeat(FRONT_DESK, "front-desk", at.plus_millis(1));
    let body = CheckIn { schema: CheckInSchema::V1, heartbeat: next.clone() }.canonical();
    for caller in [courier("back-room", BACK_ROOM), reader()] {
        caller.request(address, "POST", "/agent/checkin", &body).expect(200);
    }
    assert_eq!(kept(address), [next]);
    assert_eq!(carry(address, &first).status, 409, "the appliance has said something newer");
}

#[test]
fn who_repeats_a_heartbeat_takes_nothing_of_the_appliances_allowance() {
    let dir = folder();
    let depot = Start::new(dir.path()).arguments(&["--extra-writes=1"]).start();
    let address = depot.address;
    publish(address, &release(1, None));
    let at = now();
    let beat = |later| heartbeat(FRONT_DESK, "front-desk", at.plus_millis(later));
    carry(address, &beat(2)).expect(200);
    for _ in 0..20 {
        assert_eq!((carry(address, &beat(2)).status, carry(address, &beat(1)).status), (200, 409));
    }
    let forged = signed(beat(9).document.0, &[STRANGER]);
    assert_eq!(carry(address, &forged).status, 422);
    assert_eq!(carry(address, &beat(3)).status, 200, "the one beyond the scheduled one is there");
    assert_eq!(carry(address, &beat(4)).status, 429);
}

#[test]
fn who_did_not_sign_it_and_whose_key_does_not_count_is_refused() {
    let dir = folder();
    let depot = Start::new(dir.path()).start();
    let address = depot.address;
    let mut first = release(1, None);
    publish(address, &first);
    let at = now();
    let good = heartbeat(FRONT_DESK, "front-desk", at);
    let none = Signed { signatures: vec![], ..good.clone() };
    let twice = Signed { signatures: [&good.signatures[..], &good.signatures[..]].concat(), ..good.clone() };
    let altered = String::from_utf8(good.document.0.clone()).unwrap().replace("\"sequence\":0", "\"sequence\":9");
    let altered = Signed { document: Blob(altered.into_bytes()), ..good.clone() };
    for (what, heartbeat, status) in [
        ("no signature", none, 422),
        ("two signatures", twice, 422),
        ("altered", altered, 422),
        ("by a stranger's key", signed(good.document.0.clone(), &[STRANGER]), 422),
        ("of another appliance's name", heartbeat(FRONT_DESK, "back-room", at), 401),
        ("of a key that no release names", heartbeat(STRANGER, "front-desk", at), 401),
        ("of tomorrow", heartbeat(FRONT_DESK, "front-desk", at.plus_millis(86_400_000)), 422),
        ("no heartbeat", signed(b"{}".to_vec(), &[FRONT_DESK]), 422),
    ] {
        assert_eq!(carry(address, &heartbeat).status, status, "{what}");
    }
    assert_eq!(kept(address), []);
    carry(address, &good).expect(200);

    let previous = Digest::of(&first.canonical());
    first = release(2, Some(previous));
    first.generations.remove(&"front-desk".parse().unwrap());
    first.revoked_appliance_keys.push(revoked(FRONT_DESK));
    publish(address, &first);
    for at in [at, at.plus_millis(1)] {
        assert_eq!(carry(address, &heartbeat(FRONT_DESK, "front-desk", at)).status, 401, "a revoked key's");
    }
}

#[test]
fn who_alters_the_comment_alters_nothing_for_those_who_read() {
    let dir = folder();
    let depot = Start::new(dir.path()).start();
    let address = depot.address;
    publish(address, &release(1, None));
    let at: Time = now();
    let vandalised = with_another_comment(&heartbeat(FRONT_DESK, "front-desk", at));
    carry(address, &vandalised).expect(200);
    assert_eq!(kept(address), std::slice::from_ref(&vandalised));
    let read = Heartbeat::verify(&vandalised, &public(FRONT_DESK)).expect("nothing is decided by the comment");
    assert_eq!(read.at, at);
    // It is the appliance's heartbeat of that instant; its own file comes again with the next.
    let next = heartbeat(FRONT_DESK, "front-desk", at.plus_millis(1));
    carry(address, &next).expect(200);
    assert_eq!(kept(address), [next]);
}
