//! The table of requests that nobody well-meaning sends, and what each comes to.

use writ_trust::digest::Digest;
use writ_trust::ids::ApplianceId;
use writ_trust::order::{Audience, Order, OrderAction};
use writ_wire::courier::{self, Delegation};
use writ_wire::evidence_batch::{EvidenceBatch, EvidenceBatchSchema};
use writ_wire::timestamp::Timestamp;
use writ_wire::{Blob, Signed};

use crate::world::*;

/// What a request comes to: a status, or the end of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comes {
    Status(u16),
    /// No answer: the connection is ended.
    Ended,
}

pub use Comes::{Ended, Status};

/// One request.
pub struct Case {
    pub name: String,
    pub bytes: Vec<u8>,
    /// Nothing more will come.
    pub ends: bool,
    pub comes: Comes,
}

pub fn raw(name: &str, bytes: impl Into<Vec<u8>>, comes: Comes) -> Case {
    Case { name: name.to_owned(), bytes: bytes.into(), ends: false, comes }
}

fn cut(name: &str, bytes: impl Into<Vec<u8>>, comes: Comes) -> Case {
    Case { ends: true, ..raw(name, bytes, comes) }
}

fn plain(method: &str, target: &str, status: u16) -> Case {
    let length = if matches!(method, "PUT" | "POST") { "content-length: 0\r\n" } else { "" };
    let text = format!("{method} {target} HTTP/1.1\r\nhost: depot\r\n{length}\r\n");
    raw(&format!("{method} {target:.60}"), text, Status(status))
}

pub fn with(name: &str, method: &str, target: &str, headers: &[(String, String)], body: &[u8], status: u16) -> Case {
    let mut text = format!("{method} {target} HTTP/1.1\r\nhost: depot\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() || matches!(method, "PUT" | "POST") {
        text += &format!("content-length: {}\r\n", body.len());
    }
    raw(name, [text.as_bytes(), b"\r\n", body].concat(), Status(status))
}

pub fn headers(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub fn batch(bundles: Vec<Signed>) -> Vec<u8> {
    EvidenceBatch { schema: EvidenceBatchSchema::V1, bundles }.canonical()
}

/// Requests whose first lines and headers are odd.
pub fn odd_http() -> Vec<Case> {
    let many: String = (0..100).map(|n| format!("x-{n}: 1\r\n")).collect();
    let large = "a".repeat(200_000);
    vec![
        cut("nothing", "", Ended),
        raw("not HTTP", "hello\r\n\r\n", Status(400)),
        raw("a TLS hello", [0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0], Status(400)),
        raw("NUL in the path", "GET /\0 HTTP/1.1\r\n\r\n", Status(400)),
        raw("HTTP/9.9", "GET /health HTTP/9.9\r\n\r\n", Status(400)),
        raw("HTTP/2 without being asked", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Ended),
        raw("a space in a header's name", "GET /health HTTP/1.1\r\nbad name: 1\r\n\r\n", Status(400)),
        raw("a line break in a header", "GET /health HTTP/1.1\r\nx: a\n b\r\n\r\n", Status(400)),
        cut("a head cut off", "GET /health HTTP/1.1\r\nho", Ended),
        raw("100 headers", format!("GET /health HTTP/1.1\r\n{many}\r\n"), Status(431)),
        raw("a large header", format!("GET /health HTTP/1.1\r\nx: {large}\r\n\r\n"), Status(431)),
        raw("a long path", format!("GET /{large} HTTP/1.1\r\n\r\n"), Status(431)),
        raw(
            "two lengths",
            "PUT /publish/trust/2 HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx",
            Status(400),
        ),
        raw("a length that is none", "PUT /publish/trust/2 HTTP/1.1\r\ncontent-length: -1\r\n\r\n", Status(400)),
        raw(
            "a length and chunks",
            "PUT /publish/trust/2 HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            Status(400),
        ),
        raw("an unknown encoding", "PUT /publish/trust/2 HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n", Status(400)),
        raw(
            "a chunk that is none",
            "PUT /publish/trust/2 HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
            Status(400),
        ),
        cut(
            "chunks cut off",
            "PUT /publish/trust/2 HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
            Status(400),
        ),
        cut("a body cut off", "PUT /publish/trust/2 HTTP/1.1\r\ncontent-length: 50\r\n\r\n{", Status(400)),
        raw("GET with a body", "GET /health HTTP/1.1\r\ncontent-length: 2\r\n\r\nhi", Status(400)),
    ]
}

/// Addresses that lead nowhere, and methods that addresses do not have.
pub fn odd_addresses() -> Vec<Case> {
    let digest = Digest::of(b"");
    let mut cases = vec![
        plain("DELETE", "/health", 405),
        plain("POST", "/health", 405),
        plain("TRACE", "/health", 405),
        plain("CONNECT", "/health", 405),
        plain("BREW", "/health", 405),
        plain("GET", "/agent/checkin", 405),
        plain("PUT", "/agent/sync", 405),
        plain("DELETE", &format!("/publish/releases/{SITE}"), 405),
        plain("PUT", "/nix-cache-info", 405),
        plain("PUT", "/nar/x.nar", 405),
        plain("DELETE", &format!("/api/evidence/sites/{SITE}/bundles"), 405),
        plain("GET", "//health", 404),
        plain("GET", "/health/", 404),
        plain("GET", "/trust/1.json/", 404),
        plain("GET", "/trust/0", 404),
        plain("GET", "/trust/01", 404),
        plain("GET", "/trust/99999999999999999999", 404),
        plain("GET", "/trust/..%2f..%2fdepot.sqlite", 404),
        plain("GET", "/nar/..%2f..%2fdepot.sqlite", 404),
        plain("GET", "/nar/%2e%2e", 404),
        plain("GET", "/nar/../../depot.sqlite", 404),
        plain("GET", "/nar/.hidden", 404),
        plain("GET", "/nar/%00", 404),
        plain("GET", "/%2e%2e.narinfo", 404),
        plain("GET", "/..%2fdepot.sqlite", 404),
        plain("GET", "/depot.sqlite", 404),
        plain("GET", "/%ff.narinfo", 400),
        plain("PUT", "/publish/trust/x", 404),
        plain("PUT", "/publish/releases/..", 404),
        plain("PUT", "/publish/releases/CLINIC", 404),
        plain("PUT", &format!("/publish/documents/{digest}"), 404),
        plain("PUT", "/publish/documents/..%2f..%2fx", 404),
        plain("PUT", "/publish/nar/..%2fx", 404),
        plain("PUT", "/publish/nar/x.nar", 404),
        plain("PUT", "/publish/narinfo/00000000000000000000000000000000", 404),
        plain("PUT", "/publish/narinfo/..%2f..%2f..%2f..%2f..%2f..%2fetcx", 404),
    ];
    cases.extend([
        plain("PUT", "/publish/trust/2", 400),
        plain("PUT", &format!("/publish/releases/{SITE}"), 400),
        plain("PUT", &format!("/publish/restart/{SITE}"), 400),
        plain("PUT", &format!("/publish/orders/{SITE}"), 400),
        plain("GET", &format!("/publish/orders/{SITE}"), 405),
        plain("PUT", "/publish/orders/..%2fx", 404),
        plain("PUT", &format!("/publish/timestamps/{SITE}"), 400),
        plain("GET", &format!("/publish/timestamps/{SITE}"), 405),
        plain("PUT", "/publish/timestamps/..%2fx", 404),
        plain("PUT", &format!("/publish/cosignatures/{SITE}"), 422),
        plain("GET", &format!("/publish/cosignatures/{SITE}"), 405),
        plain("PUT", "/publish/cosignatures/CLINIC", 404),
        plain("POST", &format!("/log/{SITE}/timestamps"), 405),
        plain("POST", &format!("/api/orders/{SITE}"), 405),
        plain("GET", &format!("/api/orders/{SITE}"), 401),
        plain("GET", "/api/orders/CLINIC", 404),
    ]);
    cases
}

/// Bodies that are too large, packed, or not what they should be.
pub fn odd_bodies() -> Vec<Case> {
    let target = format!("/publish/releases/{SITE}");
    let gzip = headers(&[("content-encoding", "gzip")]);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let many = Signed { document: Blob(release(9, None).canonical()), signatures: vec![Blob(b"x".to_vec()); 1000] };
    let mut next = root();
    next.version = next.version.next().unwrap();
    let mut cases = vec![
        // 10 MiB of zeros in 10 KiB, if anybody unpacked it.
        with("a bomb", "PUT", &target, &gzip, &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], 415),
        with("a packed batch", "POST", &submit_target(), &headers(&[("content-encoding", "zstd")]), b"x", 415),
        with("identity is an encoding", "PUT", &target, &headers(&[("content-encoding", "identity")]), b"x", 415),
        with("not JSON", "PUT", &target, &[], b"release", 400),
        with("not an envelope", "PUT", &target, &[], b"{}", 400),
        with("an envelope and more", "PUT", &target, &[], b"{\"document\":\"\",\"signatures\":[],\"x\":1}", 400),
        with("a key twice", "PUT", &target, &[], b"{\"document\":\"\",\"document\":\"\",\"signatures\":[]}", 400),
        with("not base64", "PUT", &target, &[], b"{\"document\":\"!\",\"signatures\":[]}", 400),
        with("deep", "PUT", &target, &[], deep.as_bytes(), 400),
        with("not UTF-8", "PUT", &target, &[], b"\xff\xfe", 400),
        with("a thousand signatures", "PUT", &target, &[], &many.canonical(), 422),
        with("unsigned", "PUT", &target, &[], &signed(release(9, None).canonical(), &[]).canonical(), 403),
        with(
            "a stranger's release",
            "PUT",
            &target,
            &[],
            &signed(release(9, None).canonical(), &[STRANGER]).canonical(),
            403,
        ),
        with("signed nonsense", "PUT", &target, &[], &signed(b"nonsense".to_vec(), &[RELEASE]).canonical(), 422),
        with(
            "a root by one of two",
            "PUT",
            "/publish/trust/2",
            &[],
            &signed(next.canonical(), &[TRUST_A]).canonical(),
            403,
        ),
        with(
            "one signer twice",
            "PUT",
            "/publish/trust/2",
            &[],
            &signed(next.canonical(), &[TRUST_A, TRUST_A]).canonical(),
            403,
        ),
        with(
            "a root under another number",
            "PUT",
            "/publish/trust/3",
            &[],
            &signed(next.canonical(), &[TRUST_A, TRUST_B]).canonical(),
            422,
        ),
        with(
            "another first root",
            "PUT",
            "/publish/trust/1",
            &[],
            &signed(next.canonical(), &[TRUST_A, TRUST_B]).canonical(),
            409,
        ),
        with(
            "a restart by a stranger",
            "PUT",
            &format!("/publish/restart/{SITE}"),
            &[],
            &signed(b"{}".to_vec(), &[STRANGER]).canonical(),
            403,
        ),
        with(
            "a restart that is none",
            "PUT",
            &format!("/publish/restart/{SITE}"),
            &[],
            &signed(b"{}".to_vec(), &[TRUST_A, TRUST_B]).canonical(),
            422,
        ),
    ];
    cases.extend(odd_orders());
    cases.extend(odd_times());
    // Said to be far too large: refused before a byte of it is read.
    let head = format!("PUT {target} HTTP/1.1\r\nhost: depot\r\ncontent-length: 9000000000\r\n\r\n");
    cases.push(raw("9 GB announced", head, Status(413)));
    let mut chunked =
        format!("PUT {target} HTTP/1.1\r\nhost: depot\r\ntransfer-encoding: chunked\r\n\r\n").into_bytes();
    for _ in 0..9 {
        chunked.extend(b"100000\r\n");
        chunked.extend(vec![b' '; 1024 * 1024]);
        chunked.extend(b"\r\n");
    }
    cases.push(raw("9 MiB in chunks", chunked, Status(413)));
    cases
}

/// Timestamps and cosignatures of nobody.
fn odd_times() -> Vec<Case> {
    let (timestamps, cosignatures) = (format!("/publish/timestamps/{SITE}"), format!("/publish/cosignatures/{SITE}"));
    let put = |name: &str, target: &str, body: &[u8], status| with(name, "PUT", target, &[], body, status);
    let stamped = |note: &str, answer: &[u8]| Timestamp::new(note.as_bytes().to_vec(), answer.to_vec()).canonical();
    let note = "log.example/clinic-001\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n\u{2014} x AAAAAAAA\n";
    vec![
        put("a timestamp of another schema", &timestamps, b"{\"schema\":\"writ.timestamp.v2\"}", 400),
        put("a timestamp that is not JSON", &timestamps, b"0", 400),
        put("a timestamp without a token", &timestamps, &stamped(note, b""), 422),
        put("a token that never ends", &timestamps, &stamped(note, &[0x30, 0x80, 0x30, 0x80]), 422),
        put("a token within a token", &timestamps, &stamped(note, &[0x30; 3000]), 422),
        put("an authority that refuses", &timestamps, &stamped(note, &[0x30, 5, 0x30, 3, 2, 1, 2]), 422),
        put("a timestamp of 1 MiB", &timestamps, &vec![b' '; 1 << 20], 413),
        put("a cosignature that is no note", &cosignatures, b"hello", 422),
        put("a cosignature of no log", &cosignatures, note.replace("clinic-001", "clinic-009").as_bytes(), 404),
        put("a cosignature of a forged checkpoint", &cosignatures, note.as_bytes(), 403),
        put("a cosignature of 1 MiB", &cosignatures, &vec![b'a'; 1 << 20], 413),
        put("a cosignature that is not text", &cosignatures, &[0xff; 100], 422),
    ]
}

/// Orders that no appliance would take.
fn odd_orders() -> Vec<Case> {
    let target = format!("/publish/orders/{SITE}");
    let good = || order(1, Audience::All);
    let both = [ORDER_A, ORDER_B];
    let put = |name: &str, document: Vec<u8>, signers: &[u8], status: u16| {
        with(name, "PUT", &target, &[], &signed(document, signers).canonical(), status)
    };
    let edited = |edit: &dyn Fn(&mut Order)| {
        let mut order = good();
        edit(&mut order);
        order.canonical()
    };
    let mut tampered = signed(good().canonical(), &both);
    tampered.document = Blob(edited(&|o| o.action = OrderAction::Collect));
    let many = Signed { signatures: vec![Blob(b"x".to_vec()); 1000], ..signed(good().canonical(), &both) };
    vec![
        put("an order that nobody signed", good().canonical(), &[], 403),
        put("an order by one of two", good().canonical(), &[ORDER_A], 403),
        put("an order by one twice", good().canonical(), &[ORDER_A, ORDER_A], 403),
        put("an order by release keys", good().canonical(), &[RELEASE, TRUST_A], 403),
        put("an order by a stranger", good().canonical(), &[ORDER_A, STRANGER], 403),
        with("an order that was tampered with", "PUT", &target, &[], &tampered.canonical(), 403),
        with("an order with a thousand signatures", "PUT", &target, &[], &many.canonical(), 422),
        put("an order that is none", b"{}".to_vec(), &both, 422),
        put("a release as an order", release(9, None).canonical(), &both, 422),
        put("an order of 70 KB", vec![b' '; 70_000], &both, 422),
        put("another site's order", edited(&|o| o.site = "clinic-002".parse().unwrap()), &both, 422),
        put(
            "an order that lives for a month",
            edited(&|o| o.expires_at = o.issued_at.plus_millis(30 * 86_400_000)),
            &both,
            422,
        ),
        put(
            "an order of yesterday",
            edited(&|o| {
                o.issued_at = o.issued_at.plus_millis(-86_400_000);
                o.expires_at = o.issued_at.plus_millis(1);
            }),
            &both,
            422,
        ),
        put(
            "an order of tomorrow",
            edited(&|o| {
                o.issued_at = o.issued_at.plus_millis(86_400_000);
                o.expires_at = o.issued_at.plus_millis(1);
            }),
            &both,
            422,
        ),
        put("an order for nobody", edited(&|o| o.audience = Audience::Appliances(vec![])), &both, 422),
    ]
}

/// Requests of somebody who is not who they say, or may not do that.
pub fn odd_callers() -> Vec<Case> {
    let (desk, auditor) = (front_desk(), reader());
    let one = batch(vec![bundle(1)]);
    let submit = submit_target();
    let signed_by =
        |caller: &Caller, method: &str, target: &str, body: &[u8]| caller.headers(method, target, body, now());
    let without = |name: &str, mut headers: Vec<(String, String)>| {
        headers.retain(|(found, _)| found != name);
        headers
    };
    let with_value = |name: &str, headers: Vec<(String, String)>, change: &dyn Fn(&str) -> String| {
        let changed = headers.into_iter().map(|(found, value)| {
            let value = if found == name { change(&value) } else { value };
            (found, value)
        });
        changed.collect::<Vec<_>>()
    };
    let good = || signed_by(&desk, "POST", &submit, &one);
    let at = |seconds: i64| desk.headers("POST", &submit, &one, now().plus_millis(seconds * 1000));
    let delegated = |change: &dyn Fn(&mut Delegation), by: u8| {
        let name: ApplianceId = "front-desk".parse().unwrap();
        let made = Delegation::make(&site(), &name, &secret(FRONT_DESK), &public(COURIER), now()).unwrap();
        let mut delegation = Delegation::parse(&made.document.0).unwrap();
        change(&mut delegation);
        let again = Signed::by(delegation.canonical(), &secret(by), "t").unwrap();
        Caller { key: COURIER, delegation: Some(courier::to_header(&again)) }
    };
    let elsewhere = "/api/evidence/sites/clinic-002/submit";
    let mut twice = good();
    twice.extend(good().into_iter().filter(|(name, _)| name == "signature"));
    let week = 8 * 86_400_000;
    let mut cases = vec![
        with("nobody", "POST", &submit, &[], &one, 401),
        with("nobody syncs", "GET", "/agent/sync", &[], b"", 401),
        with("nobody reads the log", "GET", &format!("/log/{SITE}/checkpoint"), &[], b"", 401),
        with("nobody reads timestamps", "GET", &format!("/log/{SITE}/timestamps"), &[], b"", 401),
        with("nobody reads a document", "GET", &format!("/documents/{}", Digest::of(POLICY)), &[], b"", 401),
        with("no signature", "POST", &submit, &without("signature", good()), &one, 401),
        with("no input", "POST", &submit, &without("signature-input", good()), &one, 401),
        with("no digest", "POST", &submit, &without("content-digest", good()), &one, 401),
        with("two signatures", "POST", &submit, &twice, &one, 401),
        with("a body that was not signed", "POST", &submit, &good(), &batch(vec![bundle(2)]), 401),
        with("a body where none was signed", "POST", &submit, &signed_by(&desk, "POST", &submit, b""), &one, 401),
        with("signed for another method", "POST", &submit, &signed_by(&desk, "PUT", &submit, &one), &one, 401),
        with("signed for another path", "POST", &submit, &signed_by(&desk, "POST", elsewhere, &one), &one, 401),
        with(
            "signed for another query",
            "GET",
            "/agent/sync?trust=1",
            &signed_by(&desk, "GET", "/agent/sync?trust=2", b""),
            b"",
            401,
        ),
        with("too old", "POST", &submit, &at(-400), &one, 401),
        with("of the future", "POST", &submit, &at(400), &one, 401),
        with(
            "a flipped signature",
            "POST",
            &submit,
            &with_value("signature", good(), &|v| v.replacen("=:", "=:A", 1)),
            &one,
            401,
        ),
        with(
            "another algorithm",
            "POST",
            &submit,
            &with_value("signature-input", good(), &|v| v.replace("ed25519", "hmac-sha256")),
            &one,
            401,
        ),
        with(
            "another tag",
            "POST",
            &submit,
            &with_value("signature-input", good(), &|v| v.replace("writ-v1", "writ-v2")),
            &one,
            401,
        ),
        with(
            "a second created",
            "POST",
            &submit,
            &with_value("signature-input", good(), &|v| format!("{v};created=1")),
            &one,
            401,
        ),
        with(
            "nothing covered",
            "POST",
            &submit,
            &with_value("signature-input", good(), &|v| v.replace("\"@path\" ", "")),
            &one,
            401,
        ),
        with(
            "a long input",
            "POST",
            &submit,
            &with_value("signature-input", good(), &|v| v.to_owned() + &"a".repeat(5000)),
            &one,
            401,
        ),
        with(
            "the appliance's own key",
            "POST",
            &submit,
            &Caller { key: FRONT_DESK, delegation: None }.headers("POST", &submit, &one, now()),
            &one,
            401,
        ),
        with(
            "a stranger",
            "POST",
            &submit,
            &Caller { key: STRANGER, delegation: None }.headers("POST", &submit, &one, now()),
            &one,
            401,
        ),
        with(
            "another courier's delegation",
            "POST",
            &submit,
            &Caller { key: STRANGER, ..front_desk() }.headers("POST", &submit, &one, now()),
            &one,
            401,
        ),
        with("a reader sends evidence", "POST", &submit, &signed_by(&auditor, "POST", &submit, &one), &one, 403),
        with("a reader syncs", "GET", "/agent/sync", &signed_by(&auditor, "GET", "/agent/sync", b""), b"", 403),
        with("another site", "POST", elsewhere, &signed_by(&desk, "POST", elsewhere, &one), &one, 403),
        with(
            "another site's log",
            "GET",
            "/log/clinic-002/checkpoint",
            &signed_by(&desk, "GET", "/log/clinic-002/checkpoint", b""),
            b"",
            403,
        ),
    ];
    for (name, caller) in [
        ("a delegation by a stranger", delegated(&|_| {}, STRANGER)),
        ("a delegation by another appliance", delegated(&|_| {}, BACK_ROOM)),
        (
            "a delegation that ended",
            delegated(
                &|d| (d.issued_at, d.expires_at) = (now().plus_millis(-week), now().plus_millis(-1000)),
                FRONT_DESK,
            ),
        ),
        ("a delegation for a year", delegated(&|d| d.expires_at = now().plus_millis(365 * 86_400_000), FRONT_DESK)),
        ("a delegation of the future", delegated(&|d| d.issued_at = now().plus_millis(3_600_000), FRONT_DESK)),
        ("a delegation at another site", delegated(&|d| d.site = "clinic-002".parse().unwrap(), FRONT_DESK)),
        (
            "a delegation of another appliance's name",
            delegated(&|d| d.appliance = "back-room".parse().unwrap(), FRONT_DESK),
        ),
        ("a delegation that is none", Caller { key: COURIER, delegation: Some("AAAA.AAAA".to_owned()) }),
        ("a delegation without a dot", Caller { key: COURIER, delegation: Some("AAAA".to_owned()) }),
        ("a long delegation", Caller { key: COURIER, delegation: Some("A".repeat(9000)) }),
    ] {
        cases.push(with(name, "POST", &submit, &caller.headers("POST", &submit, &one, now()), &one, 401));
    }
    cases
}

/// Requests of somebody known, that are wrong all the same.
pub fn odd_requests() -> Vec<Case> {
    let (desk, auditor, submit) = (front_desk(), reader(), submit_target());
    let post = |name: &str, target: &str, body: &[u8], status| {
        with(name, "POST", target, &desk.headers("POST", target, body, now()), body, status)
    };
    let read = |target: &str, status| {
        with(&format!("reads {target}"), "GET", target, &auditor.headers("GET", target, b"", now()), b"", status)
    };
    let beat = |at, who, name: &str| {
        let heartbeat = heartbeat(who, name, at);
        writ_wire::check_in::CheckIn { schema: writ_wire::check_in::CheckInSchema::V1, heartbeat }.canonical()
    };
    let check_in = "/agent/checkin";
    let huge = vec![b' '; 8 * 1024 * 1024 + 1];
    vec![
        post("no bundles", &submit, &batch(vec![]), 400),
        post("101 bundles", &submit, &batch((1..=101).map(bundle).collect()), 400),
        post("a batch of another schema", &submit, b"{\"schema\":\"writ.evidence-batch.v2\",\"bundles\":[]}", 400),
        post("not a batch", &submit, b"[]", 400),
        post("more than 8 MiB", &submit, &huge, 413),
        post("a bundle by a stranger alone", &submit, &batch(vec![signed(b"{}".to_vec(), &[STRANGER])]), 422),
        post("a check-in of 100 KiB", check_in, &vec![b' '; 100 * 1024], 413),
        post("not a check-in", check_in, b"{}", 400),
        post("a heartbeat under another name", check_in, &beat(now(), FRONT_DESK, "back-room"), 401),
        post("a heartbeat of tomorrow", check_in, &beat(now().plus_millis(86_400_000), FRONT_DESK, "front-desk"), 422),
        read(&format!("/log/{SITE}/tile/0/999"), 404),
        read(&format!("/log/{SITE}/tile/0/000.p/200"), 404),
        read(&format!("/log/{SITE}/tile/0/..%2f..%2f..%2fdepot.sqlite"), 404),
        read(&format!("/log/{SITE}/tile/9/000"), 404),
        read(&format!("/log/{SITE}/2/checkpoint"), 404),
        read(&format!("/log/{SITE}/1/restart"), 404),
        read(&format!("/log/{SITE}/x/checkpoint"), 404),
        read("/log/clinic-009/checkpoint", 404),
        read(&format!("/log/{SITE}/2/timestamps"), 404),
        read(&format!("/log/{SITE}/timestamps/20261128-0123456789abcdef"), 404),
        read(&format!("/log/{SITE}/1/timestamps/..%2fcheckpoint"), 404),
        read(&format!("/log/{SITE}/1/timestamps/20261128-0123456789ABCDEF"), 404),
        read(&format!("/log/{SITE}/1/cosignatures/0123abcd-1795000000"), 404),
        read(&format!("/log/{SITE}/1/cosignatures/..%2f..%2fdepot.sqlite"), 404),
        read("/log/clinic-009/timestamps", 404),
        read(&format!("/documents/{}", Digest::of(b"unknown")), 404),
        read("/documents/sha256:..%2f..", 404),
        read(&format!("/api/releases/{SITE}/1-99"), 404),
        read(&format!("/api/releases/{SITE}/x"), 404),
        read(&format!("/api/evidence/sites/{SITE}/bundles?log=1&from=x"), 400),
        read(&format!("/api/evidence/sites/{SITE}/bundles?log=1&from=1&from=2"), 400),
        read(&format!("/api/evidence/sites/{SITE}/bundles?from=99999999999999999999999"), 400),
    ]
}
