//! Batches of logs and notices: stored before they are acknowledged, once, and nothing that is none.

use std::net::SocketAddr;

use writ_trust::digest::Digest;
use writ_wire::log_batch::{LogBatch, LogBatchSchema, MAX_BATCH};
use writ_wire::log_receipt::LogReceipt;
use writ_wire::log_sources::LogSources;
use writ_wire::notice::{Notice, NoticeEvent, NoticeSchema};
use writ_wire::notices::{NoticeReceipt, Notices};
use writ_wire::{Signed, paths};

use crate::daemon::Start;
use crate::hostile_requests::{Case, headers, with};
use crate::world::*;

/// A batch of one line that ended so many milliseconds ago.
pub fn batch(source: &str, number: u64, ended: i64) -> LogBatch {
    LogBatch {
        schema: LogBatchSchema::V1,
        source: source.parse().unwrap(),
        number,
        previous: (number > 1).then(|| Digest::of(b"the one before")),
        from: now().plus_millis(-ended - 300_000),
        to: now().plus_millis(-ended),
        lines: 1,
        dropped: 0,
    }
}

pub fn packed(batch: &LogBatch) -> Vec<u8> {
    batch.pack(b"{\"text\":\"a line\"}\n")
}

fn target(source: &str, number: u64) -> String {
    paths::log_batch_submit(&site(), &source.parse().unwrap(), number).to_string()
}

fn notice(number: u64, who: u8, appliance: &str) -> Signed {
    let notice = Notice {
        schema: NoticeSchema::V1,
        site: site(),
        appliance: appliance.parse().unwrap(),
        public_key: public(who),
        number,
        at: now(),
        event: NoticeEvent::Opened,
        incident_id: None,
        check: None,
        title: "t".into(),
        severity: None,
        target: "self".into(),
        controls: vec![],
        route: vec![],
        due_at: None,
        answer_by: None,
        reasons: vec![],
    };
    notice.sign(&secret(who)).unwrap()
}

#[test]
fn a_batch_is_kept_under_its_digest_and_its_delay_is_measured() {
    let dir = folder();
    let depot = Start::new(dir.path()).start();
    publish(depot.address, &release(1, None));
    let (first, second) = (batch("audit", 1, 720_000), batch("audit", 2, 420_000));
    let send = |address, batch: &LogBatch| {
        let answer = front_desk().request(address, "POST", &target("audit", batch.number), &packed(batch));
        LogReceipt::parse(&answer.expect(200)).unwrap()
    };
    let receipt = send(depot.address, &first);
    assert_eq!((receipt.number, receipt.digest), (1, Digest::of(&packed(&first))));
    assert!((719..800).contains(&receipt.delay_seconds), "{receipt:?}");
    send(depot.address, &second);
    let delay = |address| metric(address, "writ_depot_log_delay_seconds");
    assert!((419..719).contains(&delay(depot.address)), "the newest of a source counts");
    assert!(depot.stop().success());

    // After a start all of it is there; sent again, it is the same.
    let depot = Start::new(dir.path()).start();
    assert!((419..719).contains(&delay(depot.address)));
    let again = send(depot.address, &first);
    assert_eq!((again.received_at, again.digest), (receipt.received_at, receipt.digest));
    let sources = LogSources::parse(&reader().get(depot.address, &format!("/api/logs/sites/{SITE}")).expect(200));
    let sources = sources.unwrap().sources;
    assert_eq!((sources.len(), sources[0].number, sources[0].to), (1, 2, second.to));
    assert_eq!(sources[0].public_key, public(FRONT_DESK));
    let get = |digest| reader().get(depot.address, &paths::log_batch(&site(), &digest).to_string());
    assert_eq!(get(receipt.digest).expect(200), packed(&first));
    assert_eq!(get(Digest::of(b"another")).status, 404);
}

/// In milliseconds.
const YEAR: i64 = 365 * 86_400_000;

fn metric(address: SocketAddr, name: &str) -> i64 {
    let text = String::from_utf8(crate::client::get(address, "/metrics").expect(200)).unwrap();
    let value = |line: &str| line.strip_prefix(name)?.trim().parse().ok();
    text.lines().find_map(value).unwrap_or_else(|| panic!("{name}: {text}"))
}

#[test]
fn batches_of_a_clock_that_was_ahead_are_kept_and_are_not_the_newest() {
    let dir = folder();
    let depot = Start::new(dir.path()).start();
    publish(depot.address, &release(1, None));
    let send = |batch: &LogBatch| {
        let target = target(batch.source.as_str(), batch.number);
        let answer = front_desk().request(depot.address, "POST", &target, &packed(batch));
        LogReceipt::parse(&answer.expect(200)).unwrap()
    };
    let before = batch("audit", 1, 600_000);
    send(&before);
    let ahead = send(&batch("audit", 2, -YEAR));
    assert_eq!(ahead.delay_seconds, 0);
    assert!((599..1_199).contains(&metric(depot.address, "writ_depot_log_delay_seconds")));
    let newest = |source: &str| {
        let answer = reader().get(depot.address, &format!("/api/logs/sites/{SITE}")).expect(200);
        let sources = LogSources::parse(&answer).unwrap().sources;
        sources.into_iter().find(|found| found.source.as_str() == source).unwrap()
    };
    assert_eq!((newest("audit").number, newest("audit").to), (1, before.to));
    // What comes after it counts again, and it is there for an audit.
    let after = batch("audit", 3, 30_000);
    send(&after);
    assert_eq!((newest("audit").number, newest("audit").to), (3, after.to));
    let bytes = reader().get(depot.address, &paths::log_batch(&site(), &ahead.digest).to_string());
    bytes.expect(200);
    // A source that begins with one is known by it, as of when it came, and may be one of so many.
    let first = send(&batch("access", 1, -YEAR));
    assert_eq!((newest("access").number, newest("access").to), (1, first.received_at));
}

#[test]
fn so_many_bytes_of_logs_in_a_day_and_what_is_known_costs_nothing() {
    let dir = folder();
    let depot = Start::new(dir.path()).arguments(&["--daily-logs", "1"]).start();
    publish(depot.address, &release(1, None));
    // Half of what hexadecimal digits take does not pack.
    let bytes = |number: u64| {
        let text: String = (0..12_000u64).map(|n| Digest::of(&(number << 32 | n).to_be_bytes()).hex()).collect();
        batch("audit", number, 0).pack(format!("{{\"text\":\"{text}\"}}\n").as_bytes())
    };
    let batches: Vec<Vec<u8>> = (1..=3).map(bytes).collect();
    let send = |number: usize| {
        let target = target("audit", number as u64);
        front_desk().request(depot.address, "POST", &target, &batches[number - 1])
    };
    for number in [1, 2, 1, 2] {
        send(number).expect(200);
    }
    let refused = send(3);
    let after: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!(refused.status == 429 && (3_600..86_400).contains(&after), "{} {after}", refused.status);
    let told = |outcome: &str| metric(depot.address, &format!("writ_depot_log_bytes_total{{outcome=\"{outcome}\"}}"));
    let size = |n: usize| i64::try_from(batches[n - 1].len()).unwrap();
    assert_eq!((told("new"), told("known")), (size(1) + size(2), size(1) + size(2)));
    assert_eq!(told("beyond-allowance"), size(3));
    let gone = reader().get(depot.address, &paths::log_batch(&site(), &Digest::of(&batches[2])).to_string());
    assert_eq!(gone.status, 404, "nothing of it was stored");
}

#[test]
fn notices_are_kept_once_and_listed() {
    let dir = folder();
    let depot = Start::new(dir.path()).start();
    publish(depot.address, &release(1, None));
    let target = paths::notices(&site()).to_string();
    let sent: Vec<Signed> = (1..=3).map(|number| notice(number, FRONT_DESK, "front-desk")).collect();
    for signed in sent.iter().chain(&sent[..1]) {
        let answer = front_desk().request(depot.address, "POST", &target, &signed.canonical()).expect(200);
        assert_eq!(NoticeReceipt::parse(&answer).unwrap().digest, Digest::of(&signed.document.0));
    }
    let listed = Notices::parse(&reader().get(depot.address, &target).expect(200)).unwrap();
    assert_eq!(listed.notices, sent);
}

#[test]
fn an_appliance_has_so_many_sources_and_no_more() {
    let dir = folder();
    let depot = Start::new(dir.path()).start();
    publish(depot.address, &release(1, None));
    let send = |source: &str| {
        let bytes = packed(&batch(source, 1, 0));
        front_desk().request(depot.address, "POST", &target(source, 1), &bytes).status
    };
    for n in 0..32 {
        assert_eq!(send(&format!("source-{n}")), 200);
    }
    assert_eq!((send("one-more"), send("source-7")), (422, 200));
}

/// Requests about logs and notices that nobody well-meaning sends.
pub fn odd_logs_and_notices() -> Vec<Case> {
    let (desk, auditor) = (front_desk(), reader());
    let good = packed(&batch("audit", 1, 0));
    let post = |name: &str, target: &str, body: &[u8], status| {
        with(name, "POST", target, &desk.headers("POST", target, body, now()), body, status)
    };
    let log = |name: &str, body: &[u8], status| post(name, &target("audit", 1), body, status);
    let notices = paths::notices(&site()).to_string();
    let told = |name: &str, body: &[u8], status| post(name, &notices, body, status);
    let elsewhere = "/api/logs/sites/clinic-002/audit/1";
    vec![
        log("no batch", b"", 422),
        log("plain text", b"{\"schema\":\"writ.log-batch.v1\"}\n", 422),
        log("half a batch", &good[..good.len() / 2], 422),
        log("two batches", &[&good[..], &good[..]].concat(), 422),
        log("a bomb of logs", &batch("audit", 1, 0).pack(&vec![b'\n'; 64 * 1024 * 1024]), 422),
        log("too large", &vec![0; MAX_BATCH + 1], 413),
        log("of another source", &packed(&batch("access", 1, 0)), 422),
        log("of another number", &packed(&batch("audit", 2, 0)), 422),
        log("more lines than it says", &LogBatch { lines: 1, ..batch("audit", 1, 0) }.pack(b"{}\n{}\n"), 422),
        post("a source that is none", "/api/logs/sites/clinic-001/a%2f..%2fb/1", &good, 404),
        post("a number that is none", "/api/logs/sites/clinic-001/audit/x", &good, 404),
        post("logs of another site", elsewhere, &good, 403),
        with("logs of nobody", "POST", &target("audit", 1), &[], &good, 401),
        with(
            "logs packed once more",
            "POST",
            &target("audit", 1),
            &[desk.headers("POST", &target("audit", 1), &good, now()), headers(&[("content-encoding", "gzip")])]
                .concat(),
            &good,
            415,
        ),
        with(
            "logs of a reader",
            "POST",
            &target("audit", 1),
            &auditor.headers("POST", &target("audit", 1), &good, now()),
            &good,
            403,
        ),
        with("a batch for nobody", "GET", &paths::log_batch(&site(), &Digest::of(b"")).to_string(), &[], b"", 401),
        with("sources for nobody", "GET", &format!("/api/logs/sites/{SITE}"), &[], b"", 401),
        told("not a notice", b"{}", 400),
        told("an unsigned notice", &signed(b"{}".to_vec(), &[]).canonical(), 422),
        told("another's notice", &notice(1, BACK_ROOM, "back-room").canonical(), 422),
        told("a notice under another name", &notice(1, FRONT_DESK, "back-room").canonical(), 422),
        told("a large notice", &vec![b' '; 200 * 1024], 413),
        with("notices for nobody", "GET", &notices, &[], b"", 401),
    ]
}
