//! Requests that nobody well-meaning sends: each has its documented status, and nothing of it is applied.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use crate::client::{Connection, get};
use crate::daemon::{Daemon, Start};
use crate::hostile_http::{odd_framing, odd_json, odd_lines, odd_ranges, odd_signatures};
use crate::hostile_requests::*;
use crate::logs::odd_logs_and_notices;
use crate::provision::odd_claims;
use crate::world::*;

fn comes(address: SocketAddr, case: &Case) -> Comes {
    let mut connection = Connection::open(address);
    let _ = connection.send(&case.bytes);
    if case.ends {
        connection.shutdown_write();
    }
    connection.answer(false).map_or(Ended, |answer| Status(answer.status))
}

#[test]
fn every_hostile_request_has_its_status_and_changes_nothing() {
    let dir = folder();
    std::fs::create_dir_all(dir.path().join("data/cache/nar")).unwrap();
    std::fs::write(dir.path().join("data/cache/nar/ten.nar"), b"0123456789").unwrap();
    let depot = Start::new(dir.path()).start();
    let address = depot.address;
    publish(address, &release(1, None));
    let before = (checkpoint(address), files(dir.path()));
    let tables = [
        odd_http(),
        odd_lines(),
        odd_framing(),
        odd_addresses(),
        odd_ranges("/nar/ten.nar"),
        odd_bodies(),
        odd_json(),
        odd_callers(),
        odd_signatures(),
        odd_requests(),
        odd_logs_and_notices(),
        odd_claims(),
    ];
    let cases: Vec<Case> = tables.into_iter().flatten().collect();
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert!(names.len() == cases.len() && cases.len() >= 300, "{} of {}", names.len(), cases.len());
    assert!(!cases.iter().any(|case| matches!(case.comes, Status(500..))), "a fault of ours is no answer");
    let mut wrong = Vec::new();
    for case in &cases {
        let found = comes(address, case);
        if found != case.comes {
            wrong.push(format!("{}: {found:?} instead of {:?}", case.name, case.comes));
        }
        assert_eq!(get(address, "/health").status, 200, "after {}", case.name);
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(get(address, "/ready").status, 200);
    assert_eq!((checkpoint(address), files(dir.path())), before, "something was applied");
    let told = reader().get(address, "/metrics").text();
    assert!(told.contains("writ_depot_requests_total{endpoint=\"/health\",status=\"200\"}"), "{told}");
    assert!(!told.contains("status=\"5"), "{told}");
    // Bodies and files that are remembered have 64 MiB; the rest is the program.
    let most = memory(&depot);
    assert!(most < 192 * 1024, "{most} kB");
    assert!(depot.stop().success());
}

/// The most memory that a depot ever had resident, in kB (proc(5), `VmHWM`).
fn memory(depot: &Daemon) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", depot.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Whoever stands in front of a depot may see one request where the depot sees two.
#[test]
fn nothing_behind_a_refused_request_is_read_as_another() {
    let dir = folder();
    let depot = Start::new(dir.path()).arguments(&["--header-timeout", "2s"]).start();
    let address = depot.address;
    let behind = "GET /metrics HTTP/1.1\r\nhost: depot\r\n\r\n";
    let put = "PUT /publish/trust/2 HTTP/1.1\r\nhost: depot\r\n";
    for framing in [
        "content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
        "transfer-encoding: identity, chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
        "content-length: 0\r\ncontent-length: 44\r\n\r\n",
        "transfer-encoding : chunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\n0x5\r\nabcde\r\n0\r\n\r\n",
    ] {
        let mut connection = Connection::open(address);
        let _ = connection.send(format!("{put}{framing}{behind}").as_bytes());
        let first = connection.answer(false).map(|answer| answer.status);
        assert!(matches!(first, Some(400) | None), "{framing:?}: {first:?}");
        let second = connection.answer(false).map(|answer| answer.status);
        assert_eq!(second, None, "{framing:?}: a request was read out of the body of another");
    }
    let told = get(address, "/metrics").text();
    assert!(!told.contains("endpoint=\"/metrics\""), "{told}");
}

#[test]
fn every_answer_has_a_number_that_the_log_has_as_well() {
    let dir = folder();
    std::fs::create_dir_all(dir.path().join("data/cache/nar")).unwrap();
    std::fs::write(dir.path().join("data/cache/nar/ten.nar"), b"0123456789").unwrap();
    let depot = Start::new(dir.path()).environment("WRIT_LOG", "debug").start();
    let address = depot.address;
    publish(address, &release(1, None));
    let unsound = front_desk().submit(address, vec![signed(b"{}".to_vec(), &[STRANGER])]);
    assert_eq!((unsound.status, unsound.header("content-type")), (422, Some("application/json")));
    let own = crate::client::request(address, "GET", "/health", &[("x-request-id", "mine")], b"");
    let answers =
        [get(address, "/health"), own, get(address, "/nothing"), front_desk().get(address, "/agent/sync"), unsound];
    let mut ids = BTreeSet::new();
    for answer in &answers {
        let id = answer.header("x-request-id").expect("a number").to_owned();
        assert!(id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
        let status = format!("status={}", answer.status);
        let log = depot.log();
        assert!(log.lines().any(|line| line.contains(&id) && line.contains(&status)), "{id} {status}: {log}");
        ids.insert(id);
    }
    // What is remembered is answered before anything else is looked at.
    for _ in 0..2 {
        ids.extend(get(address, "/nar/ten.nar").header("x-request-id").map(str::to_owned));
    }
    assert_eq!(ids.len(), answers.len() + 2, "each has its own");
}

/// The names of all files, without those of the database, which grow and shrink.
fn files(dir: &std::path::Path) -> Vec<String> {
    fn walk(dir: &std::path::Path, names: &mut Vec<String>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => walk(&path, names),
                false => names.push(path.display().to_string()),
            }
        }
    }
    let mut names = Vec::new();
    walk(&dir.join("data"), &mut names);
    names.retain(|name| !name.contains("depot.sqlite"));
    names.sort();
    names
}

#[test]
fn clients_are_told_a_phrase_and_a_number_and_nothing_more() {
    let dir = folder();
    let depot = Start::new(dir.path()).start();
    let answer = Caller { key: STRANGER, delegation: None }.get(depot.address, "/agent/sync");
    let text = answer.text();
    let id = text.strip_prefix("401 Unauthorized (").and_then(|rest| rest.strip_suffix(")\n")).unwrap();
    assert!(depot.log().contains(id) && depot.log().contains("not known here"), "{}", depot.log());
    let odd = crate::client::request(depot.address, "GET", "/%0a%1b[31mx", &[], b"");
    assert_eq!(odd.status, 404);
    assert!(!depot.log().contains('\u{1b}'));
}

#[test]
fn what_was_taken_once_is_not_taken_again() {
    let dir = folder();
    let depot = Start::new(dir.path()).start();
    let address = depot.address;
    publish(address, &release(1, None));
    let body = batch(vec![bundle(1)]);
    let desk = front_desk();
    let signed_headers = desk.headers("POST", &submit_target(), &body, now());
    let pairs: Vec<(&str, &str)> = signed_headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let send = |address| crate::client::request(address, "POST", &submit_target(), &pairs, &body).status;
    assert_eq!(send(address), 200);
    assert_eq!(send(address), 401, "replayed");
    depot.kill();
    let depot = Start::new(dir.path()).start();
    assert_eq!(send(depot.address), 401, "replayed to the next process");
    receipts(desk.submit(depot.address, vec![bundle(1)]), &[bundle(1)]);
    // An older heartbeat of the appliance, in a request of its own.
    let check_in = |at| {
        let heartbeat = heartbeat(FRONT_DESK, "front-desk", at);
        let body = writ_wire::check_in::CheckIn { schema: writ_wire::check_in::CheckInSchema::V1, heartbeat };
        desk.request(depot.address, "POST", "/agent/checkin", &body.canonical()).status
    };
    let at = now();
    assert_eq!((check_in(at), check_in(at), check_in(at.plus_millis(-1))), (200, 200, 409));
}

#[test]
fn slow_clients_are_not_waited_for() {
    let dir = folder();
    let start = Start::new(dir.path()).arguments(&[
        "--header-timeout",
        "300ms",
        "--idle-timeout",
        "300ms",
        "--body-timeout",
        "700ms",
        "--connections",
        "8",
    ]);
    let depot = start.start();
    let address = depot.address;
    // More than there are places, each sending a byte now and then, until each was ended or answered.
    let slow = |first: &'static [u8]| {
        move || {
            let mut connection = Connection::open(address);
            let _ = connection.send(first);
            for _ in 0..1000 {
                if connection.send(b"a").is_err() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            connection.answer(false).map(|answer| answer.status)
        }
    };
    let head = slow(b"GET /health HTTP/1.1\r\nx: ");
    let body = slow(b"PUT /publish/trust/2 HTTP/1.1\r\nhost: depot\r\ncontent-length: 100000\r\n\r\n");
    let threads: Vec<_> = (0..8).flat_map(|_| [std::thread::spawn(head), std::thread::spawn(body)]).collect();
    let answers: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(answers.iter().all(|answer| matches!(answer, None | Some(408))), "{answers:?}");
    let mut silent = Connection::open(address);
    silent.send(b"PUT /publish/trust/2 HTTP/1.1\r\nhost: depot\r\ncontent-length: 10\r\n\r\n").unwrap();
    assert_eq!(silent.answer(false).map(|answer| answer.status), Some(408));
    assert_eq!(get(address, "/health").status, 200);
}

#[test]
fn what_is_announced_and_not_sent_takes_nothing_from_others() {
    let dir = folder();
    let depot = Start::new(dir.path()).arguments(&["--body-memory", "16", "--idle-timeout", "1s"]).start();
    let address = depot.address;
    publish(address, &release(1, None));
    let announce = |sent: usize| {
        let mut connection = Connection::open(address);
        let head = format!("PUT /publish/releases/{SITE} HTTP/1.1\r\nhost: d\r\ncontent-length: 8388608\r\n\r\n");
        connection.send(head.as_bytes()).unwrap();
        let _ = connection.send(&vec![b' '; sent]);
        connection
    };
    // There are 8 MiB for everybody who is not known: announced by many, they are still there.
    let announced: Vec<_> = (0..20).map(|_| announce(10)).collect();
    let envelope = signed(release(1, None).canonical(), &[RELEASE]).canonical();
    assert_eq!(crate::client::put(address, &format!("/publish/releases/{SITE}"), &envelope).status, 200);
    drop(announced);
    // Really sent they count: some hear that there is no memory. Who is known is not concerned.
    let statuses: Vec<_> = std::thread::scope(|scope| {
        let sending: Vec<_> =
            (0..20).map(|_| scope.spawn(|| announce(2 * 1024 * 1024).answer(false).map(|a| a.status))).collect();
        receipts(front_desk().submit(address, vec![bundle(1)]), &[bundle(1)]);
        sending.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    // One whose answer was overtaken by the end of the connection hears nothing.
    assert!(statuses.iter().all(|status| matches!(status, None | Some(503 | 408))), "{statuses:?}");
    let log = depot.log();
    let refused = |line: &&str| line.contains("status=503") && line.contains("all memory for bodies is in use");
    assert!(log.lines().any(|line| refused(&line)), "{statuses:?} {log}");
    assert_eq!(get(address, "/health").status, 200);
}

#[test]
fn an_appliance_that_writes_too_often_waits() {
    let dir = folder();
    let depot = Start::new(dir.path()).arguments(&["--extra-writes=3", "--batches=5"]).start();
    let address = depot.address;
    publish(address, &release(1, None));
    let desk = front_desk();
    let mut at = now();
    let mut check_in = || {
        at = at.plus_millis(1);
        let heartbeat = heartbeat(FRONT_DESK, "front-desk", at);
        let body = writ_wire::check_in::CheckIn { schema: writ_wire::check_in::CheckInSchema::V1, heartbeat };
        desk.request(address, "POST", "/agent/checkin", &body.canonical())
    };
    let answers: Vec<_> = (0..5).map(|_| check_in().status).collect();
    assert_eq!(answers, [200, 200, 200, 200, 429], "one that is scheduled, and three more");
    let after: u64 = check_in().header("retry-after").unwrap().parse().unwrap();
    assert!((1..=101).contains(&after), "{after}");
    let batches: Vec<_> = (1..=6).map(|n| desk.submit(address, vec![bundle(n)]).status).collect();
    assert_eq!(batches, [200, 200, 200, 200, 200, 429]);
    assert_eq!(courier("back-room", BACK_ROOM).get(address, "/agent/sync").status, 200, "others are not concerned");
}
