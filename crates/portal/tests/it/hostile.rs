//! Requests that nobody well-meaning sends, and words in evidence that are markup somewhere.

use std::net::SocketAddr;

use crate::client::raw;
use crate::inside::{Clinics, OPERATOR, crawl};

/// What comes of a request: a status, or that the connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comes {
    Status(u16),
    /// An answer or the end of the connection: which one is the library's affair.
    Refused,
}
use Comes::{Refused, Status};

/// A name, the first line, further headers and a body.
type Case = (&'static str, String, Comes);

fn get(host: &str, path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n{more}connection: close\r\n\r\n")
}

fn post(host: &str, path: &str, more: &str, body: &str) -> String {
    let kind = "content-type: application/x-www-form-urlencoded\r\n";
    format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\n{kind}{more}connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

const OURS: &str = "sec-fetch-site: same-origin\r\n";

/// Of somebody who is not signed in.
fn of_strangers(host: &str) -> Vec<Case> {
    let long = "x".repeat(5000);
    let headers: String = (0..70).map(|n| format!("x-{n}: 1\r\n")).collect();
    let address = "address=kim%40msp.example";
    vec![
        ("no cookie", get(host, "/", ""), Status(303)),
        ("a cookie that is none", get(host, "/", "cookie: writ=x\r\n"), Status(303)),
        ("a token that was never given", get(host, "/", &format!("cookie: writ={}\r\n", "a".repeat(43))), Status(303)),
        ("two cookies", get(host, "/", "cookie: writ=a; writ=b\r\n"), Status(303)),
        ("a cookie that is not ASCII", get(host, "/", "cookie: writ=\u{e9}\r\n"), Status(303)),
        ("a page that there is not", get(host, "/nothing", ""), Status(404)),
        ("another host", get("evil.example", "/", ""), Status(421)),
        ("another host by an absolute address", get(host, "http://evil.example/", ""), Status(421)),
        ("two hosts", get(host, "/", "host: other\r\n"), Status(400)),
        ("no host", "GET / HTTP/1.1\r\n\r\n".to_owned(), Status(421)),
        ("a method that it has not", format!("DELETE / HTTP/1.1\r\nhost: {host}\r\n{OURS}\r\n"), Status(405)),
        ("a method of nobody", format!("BREW / HTTP/1.1\r\nhost: {host}\r\n\r\n"), Status(403)),
        ("no method", format!(" / HTTP/1.1\r\nhost: {host}\r\n\r\n"), Status(400)),
        ("HTTP/0.9", "GET /\r\n\r\n".to_owned(), Status(400)),
        ("too many headers", get(host, "/", &headers), Status(431)),
        ("a header that is too long", get(host, "/", &format!("x: {}\r\n", "x".repeat(40_000))), Refused),
        ("an address that is too long", get(host, &format!("/{}", "x".repeat(40_000)), ""), Refused),
        ("NUL in a header", get(host, "/", "x: a\0b\r\n"), Status(400)),
        ("a carriage return in a header", get(host, "/", "x: a\rset-cookie: b\r\n"), Status(400)),
        ("a body with GET", format!("GET /health HTTP/1.1\r\nhost: {host}\r\ncontent-length: 1\r\n\r\nx"), Status(400)),
        ("a packed body", post(host, "/sign-in", &format!("{OURS}content-encoding: gzip\r\n"), address), Status(415)),
        (
            "a length and chunks",
            format!(
                "POST /sign-in HTTP/1.1\r\nhost: {host}\r\n{OURS}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
            ),
            Refused,
        ),
        (
            "two lengths",
            format!("POST /sign-in HTTP/1.1\r\nhost: {host}\r\n{OURS}content-length: 1\r\ncontent-length: 2\r\n\r\nab"),
            Refused,
        ),
        ("a form from nowhere", post(host, "/sign-in", "", address), Status(403)),
        ("a form from elsewhere", post(host, "/sign-in", "origin: https://evil.example\r\n", address), Status(403)),
        (
            "a form from elsewhere, as the browser says",
            post(host, "/sign-in", "sec-fetch-site: cross-site\r\n", address),
            Status(403),
        ),
        (
            "a form from another host of the same site",
            post(host, "/sign-in", "sec-fetch-site: same-site\r\n", address),
            Status(403),
        ),
        (
            "an origin that begins as ours",
            post(host, "/sign-in", &format!("origin: http://{host}.evil.example\r\n"), address),
            Status(403),
        ),
        ("an origin of another port", post(host, "/sign-in", "origin: http://127.0.0.1:1\r\n", address), Status(403)),
        ("no field", post(host, "/sign-in", OURS, ""), Status(400)),
        ("an empty address", post(host, "/sign-in", OURS, "address="), Status(400)),
        ("two addresses", post(host, "/sign-in", OURS, "address=a%40b&address=c%40d"), Status(400)),
        ("another field", post(host, "/sign-in", OURS, "address=a%40b&x=y"), Status(400)),
        ("half an escape", post(host, "/sign-in", OURS, "address=%4"), Status(400)),
        ("no UTF-8", post(host, "/sign-in", OURS, "address=%ff"), Status(400)),
        ("a long address", post(host, "/sign-in", OURS, &format!("address={}", "x".repeat(321))), Status(400)),
        ("a large form", post(host, "/sign-in", OURS, &format!("address={long}")), Status(413)),
        (
            "a form that is JSON",
            format!(
                "POST /sign-in HTTP/1.1\r\nhost: {host}\r\n{OURS}content-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}"
            ),
            Status(400),
        ),
        (
            "a link with fields",
            post(host, &format!("/login/{}", "a".repeat(43)), OURS, "next=//evil.example"),
            Status(400),
        ),
        ("signing out of nothing", post(host, "/sign-out", OURS, ""), Status(303)),
        ("signing out by a link", get(host, "/sign-out", ""), Status(405)),
    ]
}

/// Of somebody who is signed in.
fn of_guests(host: &str, cookie: &str) -> Vec<Case> {
    let get = |path: &str| get(host, path, &format!("cookie: {cookie}\r\n"));
    let key = "0".repeat(64);
    vec![
        ("a site that is no name", get("/site/CLINIC"), Status(404)),
        ("a site above", get("/site/../views"), Status(404)),
        ("a site above, encoded", get("/site/..%2f..%2fetc%2fpasswd"), Status(404)),
        ("a bundle above", get("/site/clinic-001/bundles/..%2f..%2ftrust/1"), Status(404)),
        (
            "a bundle above, as a name",
            get(&format!("/site/clinic-001/bundles/{key}/..%2f..%2f..%2ftrust%2f1")),
            Status(404),
        ),
        (
            "a file that is no bundle",
            get(&format!("/site/clinic-001/bundles/{key}/1-EB-20261123-0001.json.minisig/raw")),
            Status(404),
        ),
        ("bytes that are no name", get("/site/clinic-001/bundles/%ff/%fe"), Status(400)),
        ("NUL in a name", get("/site/clinic-001/controls/%00"), Status(404)),
        ("a control with markup", get("/site/clinic-001/controls/%3Cscript%3E"), Status(404)),
        ("a release of nobody", get("/site/clinic-001/releases/..%2f1-1/raw"), Status(404)),
        ("a part that is none", get("/?page=0"), Status(400)),
        ("a part beyond", get("/?page=99999"), Status(404)),
        ("a part without a number", get("/?page=x"), Status(400)),
        ("two parts", get("/?page=1&page=2"), Status(400)),
        ("another question", get("/?sort=x"), Status(400)),
        ("a procedure above", get("/procedures/..%2fREADME"), Status(404)),
        ("a line break in the address", get("/site/clinic-001%0d%0aset-cookie:%20a=b"), Status(404)),
    ]
}

fn judge(address: SocketAddr, cases: &[Case]) {
    for (name, request, comes) in cases {
        let answer = raw(address, request.as_bytes());
        let status = answer.as_ref().map(|answer| answer.status);
        match comes {
            Status(wanted) => assert_eq!(status, Some(*wanted), "{name}: {answer:?}"),
            Refused => assert!(status.is_none_or(|status| (400..500).contains(&status)), "{name}: {answer:?}"),
        }
        let Some(answer) = answer else { continue };
        assert!(!answer.head.contains("evil"), "{name}: {}", answer.head);
        // What our own code answers has all of its headers, and nothing of the request.
        if answer.header("x-request-id").is_some() {
            assert!(
                answer.header("content-security-policy").unwrap().starts_with("default-src 'none'; style-src 'self'"),
                "{name}"
            );
            for (header, value) in [
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "no-referrer"),
                ("cache-control", "no-store"),
                ("x-frame-options", "DENY"),
            ] {
                assert_eq!(answer.header(header), Some(value), "{name}");
            }
            assert!(!answer.text().contains("<script") && !answer.text().contains("passwd"), "{name}");
        }
    }
}

#[test]
fn requests_that_nobody_well_meaning_sends() {
    let clinics = Clinics::new("");
    let inside = clinics.portal();
    let host = inside.address.to_string();
    let browser = inside.signed_in(OPERATOR);
    let cookie = browser.cookie.clone().unwrap();
    let (strangers, guests) = (of_strangers(&host), of_guests(&host, &cookie));
    assert!(strangers.len() + guests.len() >= 55);
    judge(inside.address, &strangers);
    judge(inside.address, &guests);
    // A form that is ours by every sign, and one that pretends, of somebody who is signed in.
    let out = |more: &str| post(&host, "/sign-out", &format!("cookie: {cookie}\r\n{more}"), "");
    assert_eq!(raw(inside.address, out("origin: https://evil.example\r\n").as_bytes()).unwrap().status, 403);
    assert_eq!(browser.get("/").status, 200, "still signed in");
    assert_eq!(raw(inside.address, out(&format!("origin: http://{host}\r\n")).as_bytes()).unwrap().status, 303);
    assert_eq!(browser.get("/").status, 303);
    assert_eq!(raw(inside.address, b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").unwrap().text(), "ok\n");
}

#[test]
fn words_in_policies_and_evidence_stay_words() {
    let words = "</title><script>alert(1)</script>\" onmouseover=\"x' & <img src=x>";
    let clinics = Clinics::new(words);
    let inside = clinics.portal();
    let pages = crawl(&inside.signed_in(OPERATOR), 400);
    let told: Vec<&String> = pages.iter().filter(|(_, text)| text.contains("alert(1)")).map(|(path, _)| path).collect();
    for wanted in [
        "/",
        "/exceptions",
        "/checklists",
        "/site/clinic-001",
        "/site/clinic-001/controls",
        "/site/clinic-001/releases/1-1",
    ] {
        let is_told = told.iter().any(|path| *path == wanted) || wanted.ends_with("1-1");
        assert!(is_told, "{wanted} does not tell it");
    }
    assert!(told.iter().any(|path| path.contains("/incidents/front-desk/")), "{told:?}");
    assert!(told.iter().any(|path| path.contains("/bundles/")), "{told:?}");
    for (path, text) in &pages {
        for bad in ["<script", "<img", "onmouseover=\"x", "</title><"] {
            assert!(!text.contains(bad), "{path}: {bad}");
        }
        assert_eq!(text.matches("<title>").count(), 1, "{path}");
    }
}
