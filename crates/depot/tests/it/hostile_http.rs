//! More requests that nobody well-meaning sends: framing by which two readers of one stream come to read two requests,
//! JSON that two parsers read differently, and signatures that are almost right.

use crate::hostile_requests::*;
use crate::world::*;

const ROOT: &str = "PUT /publish/trust/2 HTTP/1.1\r\nhost: depot\r\n";

fn line(name: &str, bytes: impl Into<Vec<u8>>, comes: Comes) -> Case {
    raw(name, bytes, comes)
}

/// A request whose headers are these lines.
fn headed(name: &str, lines: &str, comes: Comes) -> Case {
    raw(name, format!("GET /health HTTP/1.1\r\nhost: depot\r\n{lines}\r\n\r\n"), comes)
}

/// What is odd, and understood by all in one way.
pub fn odd_lines() -> Vec<Case> {
    let (bad, fine) = (Status(400), Status(200));
    let sixty_five: String = (0..64).map(|n| format!("x-{n}: 1\r\n")).collect();
    vec![
        line("HTTP/0.9", "GET /health\r\n\r\n", bad),
        line("HTTP/1.0 without a host", "GET /health HTTP/1.0\r\n\r\n", fine),
        line("HTTP/1.2", "GET /health HTTP/1.2\r\n\r\n", bad),
        line("http/1.1 in small letters", "GET /health http/1.1\r\n\r\n", bad),
        line("a method in small letters", "get /health HTTP/1.1\r\nhost: depot\r\n\r\n", Status(405)),
        line("a method that is no token", "G@T /health HTTP/1.1\r\nhost: depot\r\n\r\n", bad),
        line("no method", " /health HTTP/1.1\r\nhost: depot\r\n\r\n", bad),
        line("no address", "GET HTTP/1.1\r\nhost: depot\r\n\r\n", bad),
        line("two spaces", "GET  /health HTTP/1.1\r\nhost: depot\r\n\r\n", bad),
        line("a tab for a space", "GET\t/health HTTP/1.1\r\nhost: depot\r\n\r\n", bad),
        line("an address with a space", "GET /hea lth HTTP/1.1\r\nhost: depot\r\n\r\n", bad),
        line("an address without a slash", "GET health HTTP/1.1\r\nhost: depot\r\n\r\n", Status(404)),
        line("an address in full", "GET http://other/health HTTP/1.1\r\nhost: depot\r\n\r\n", fine),
        line("the address of everything", "OPTIONS * HTTP/1.1\r\nhost: depot\r\n\r\n", Status(404)),
        line("the address of another machine", "CONNECT other:443 HTTP/1.1\r\nhost: depot\r\n\r\n", Status(404)),
        line("a fragment", "GET /health#x HTTP/1.1\r\nhost: depot\r\n\r\n", fine),
        line("a parameter of a path", "GET /health;x=1 HTTP/1.1\r\nhost: depot\r\n\r\n", Status(404)),
        line("backslashes", "GET /nar\\..\\..\\depot.sqlite HTTP/1.1\r\nhost: depot\r\n\r\n", Status(404)),
        line("encoded twice", "GET /nar/%252e%252e%252fdepot.sqlite HTTP/1.1\r\nhost: depot\r\n\r\n", Status(404)),
        line("UTF-8 that is too long", "GET /nar/%c0%ae%c0%ae%c0%af HTTP/1.1\r\nhost: depot\r\n\r\n", bad),
        line("half an escape", "GET /nar/%2 HTTP/1.1\r\nhost: depot\r\n\r\n", Status(404)),
        line(
            "an address that is not ASCII",
            b"GET /nar/\xc3\xa9 HTTP/1.1\r\nhost: depot\r\n\r\n".to_vec(),
            Status(404),
        ),
        line("an address that is not UTF-8", b"GET /nar/\xff\xfe HTTP/1.1\r\nhost: depot\r\n\r\n".to_vec(), bad),
        line("line feeds alone", "GET /health HTTP/1.1\nhost: depot\n\n", fine),
        line("a carriage return alone", "GET /health HTTP/1.1\r\nhost: depot\r\nx: a\rb: c\r\n\r\n", bad),
        line("carriage returns alone", "GET /health HTTP/1.1\rhost: depot\r\r", bad),
        line("empty lines before", "\r\n\r\nGET /health HTTP/1.1\r\nhost: depot\r\n\r\n", fine),
        headed("a header without a name", ": x", bad),
        headed("a header without a colon", "x", bad),
        headed("a space before the colon", "x : a", bad),
        headed("a first header that goes on", " x: a", bad),
        headed("NUL in a header", "x: a\0b", bad),
        headed("NUL in the name of a header", "x\0: a", bad),
        headed("an escape in a header", "x: \u{1b}[31m", bad),
        headed("a header that is not ASCII", "x: \u{e9}", fine),
        headed("two hosts", "host: other", bad),
        headed("65 headers", sixty_five.trim_end(), Status(431)),
        headed(
            "another version is asked for",
            "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__",
            fine,
        ),
        headed(
            "a web socket is asked for",
            "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: AAAA",
            fine,
        ),
        headed("host is said to be of this connection alone", "connection: host, close", fine),
        headed("another method by a header", "x-http-method-override: DELETE", fine),
        headed("another address by a header", "x-original-url: /metrics", fine),
        headed("a content encoding without content", "content-encoding: gzip", Status(415)),
        headed("content encodings", "content-encoding: gzip, br", Status(415)),
    ]
}

/// Bodies whose end two readers could see in two places.
pub fn odd_framing() -> Vec<Case> {
    let bad = Status(400);
    let put = |name: &str, lines: &str, body: &str| line(name, format!("{ROOT}{lines}\r\n\r\n{body}"), bad);
    let chunked = |name: &str, body: &str| put(name, "transfer-encoding: chunked", body);
    let smuggled = "GET /metrics HTTP/1.1\r\nhost: depot\r\n\r\n";
    let long = "x".repeat(40_000);
    let trailers: String = (0..2_000).map(|n| format!("x-{n}: {n}\r\n")).collect();
    vec![
        put(
            "chunks and a length, and a request behind",
            "transfer-encoding: chunked\r\ncontent-length: 4",
            &format!("0\r\n\r\n{smuggled}"),
        ),
        put("chunked twice", "transfer-encoding: chunked, chunked", "0\r\n\r\n"),
        put("chunked in two headers", "transfer-encoding: chunked\r\ntransfer-encoding: chunked", "0\r\n\r\n"),
        put("identity", "transfer-encoding: identity", ""),
        put("chunked is not the last", "transfer-encoding: chunked, identity", "0\r\n\r\n"),
        put("almost chunked", "transfer-encoding: xchunked", "0\r\n\r\n"),
        put("chunked with a vertical tab", "transfer-encoding: \u{b}chunked", "0\r\n\r\n"),
        put("chunked in quotes", "transfer-encoding: \"chunked\"", "0\r\n\r\n"),
        line("chunks by HTTP/1.0", "PUT /publish/trust/2 HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", bad),
        put("the same length twice", "content-length: 2\r\ncontent-length: 2", "{}"),
        put("two lengths in one", "content-length: 2, 2", "{}"),
        put("a length with a sign", "content-length: +2", "{}"),
        put("a length in hexadecimal", "content-length: 0x2", "{}"),
        put("a length with a fraction", "content-length: 2.0", "{}"),
        put("no length", "content-length: ", "{}"),
        put("a length beyond numbers", "content-length: 99999999999999999999999", "{}"),
        chunked("a negative chunk", "-1\r\n{}\r\n0\r\n\r\n"),
        chunked("a chunk with a sign", "+2\r\n{}\r\n0\r\n\r\n"),
        chunked("a chunk with 0x", "0x2\r\n{}\r\n0\r\n\r\n"),
        chunked("a chunk beyond numbers", "fffffffffffffffff\r\n{}"),
        chunked("a chunk without a length", "\r\n{}\r\n0\r\n\r\n"),
        chunked("a chunk without an end", "2\r\n{}0\r\n\r\n"),
        chunked("a chunk that ends too late", "2\r\n{}x\r\n0\r\n\r\n"),
        chunked("line feeds between chunks", "2\n{}\n0\n\n"),
        chunked("a chunk with a long extension", &format!("2;{long}\r\n{{}}\r\n0\r\n\r\n")),
        chunked("endless trailers", &format!("2\r\n{{}}\r\n0\r\n{trailers}\r\n")),
        chunked("a trailer that is none", "2\r\n{}\r\n0\r\nbad trailer\r\n\r\n"),
        line(
            "GET in chunks",
            "GET /health HTTP/1.1\r\nhost: depot\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
            bad,
        ),
        line(
            "waits to be told to send far too much",
            format!("{ROOT}content-length: 9000000000\r\nexpect: 100-continue\r\n\r\n"),
            Status(413),
        ),
        line("expects what there is not", format!("{ROOT}content-length: 2\r\nexpect: 200-ok\r\n\r\n{{}}"), bad),
        line(
            "a body for a method that has none",
            "DELETE /health HTTP/1.1\r\nhost: depot\r\ncontent-length: 2\r\n\r\nhi",
            Status(405),
        ),
    ]
}

/// Text that is almost the JSON of an envelope.
pub fn odd_json() -> Vec<Case> {
    let target = format!("/publish/releases/{SITE}");
    let keys: String = (0..100_000).map(|n| format!("\"{n}\":0,")).collect();
    let sixteen: Vec<u8> = "{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let texts: Vec<(&str, Vec<u8>)> = vec![
        ("a mark of byte order", b"\xef\xbb\xbf{\"document\":\"\",\"signatures\":[]}".to_vec()),
        ("UTF-16", sixteen),
        ("a fraction", b"{\"document\":1.5,\"signatures\":[]}".to_vec()),
        ("not a number", b"{\"document\":NaN,\"signatures\":[]}".to_vec()),
        ("infinity", b"{\"document\":Infinity,\"signatures\":[]}".to_vec()),
        ("an exponent", b"{\"document\":1e999999,\"signatures\":[]}".to_vec()),
        ("a number of a million digits", [b"{\"document\":".to_vec(), vec![b'9'; 1_000_000], b"}".to_vec()].concat()),
        ("a leading zero", b"{\"document\":01,\"signatures\":[]}".to_vec()),
        ("a comma too many", b"{\"document\":\"\",\"signatures\":[],}".to_vec()),
        ("a comment", b"{/**/\"document\":\"\",\"signatures\":[]}".to_vec()),
        ("single quotes", b"{'document':'','signatures':[]}".to_vec()),
        ("two documents", b"{\"document\":\"\",\"signatures\":[]}{}".to_vec()),
        ("half a surrogate", b"{\"document\":\"\\ud800\",\"signatures\":[]}".to_vec()),
        ("an unknown escape", b"{\"document\":\"\\x41\",\"signatures\":[]}".to_vec()),
        ("a line break in a text", b"{\"document\":\"\n\",\"signatures\":[]}".to_vec()),
        ("NUL behind", b"{\"document\":\"\",\"signatures\":[]}\0".to_vec()),
        ("UTF-8 that is cut off", b"{\"document\":\"\xe2\x82\",\"signatures\":[]}".to_vec()),
        ("UTF-8 of a surrogate", b"{\"document\":\"\xed\xa0\x80\",\"signatures\":[]}".to_vec()),
        ("a key twice by an escape", b"{\"document\":\"\",\"docum\\u0065nt\":\"\",\"signatures\":[]}".to_vec()),
        ("100,000 keys", format!("{{{keys}\"document\":\"\"}}").into_bytes()),
        ("deep objects", [b"{\"a\":".repeat(50_000), b"0".to_vec(), b"}".repeat(50_000)].concat()),
        ("null for an envelope", b"null".to_vec()),
        ("base64 with a line break", b"{\"document\":\"e3\\n0=\",\"signatures\":[]}".to_vec()),
        ("base64 of addresses", b"{\"document\":\"_-_-\",\"signatures\":[]}".to_vec()),
        ("base64 without its end", b"{\"document\":\"e30\",\"signatures\":[]}".to_vec()),
        ("base64 with bits left over", b"{\"document\":\"e31=\",\"signatures\":[]}".to_vec()),
        ("a list for an envelope", b"[\"\",[]]".to_vec()),
    ];
    let xml = headers(&[("content-type", "text/xml"), ("accept", "application/xml")]);
    let mut cases: Vec<Case> =
        texts.into_iter().map(|(name, text)| with(name, "PUT", &target, &[], &text, 400)).collect();
    cases.push(with(
        "XML",
        "PUT",
        &target,
        &xml,
        b"<!DOCTYPE x [<!ENTITY y SYSTEM \"file:///etc/passwd\">]><x>&y;</x>",
        400,
    ));
    cases
}

/// Signed requests in which one thing is not as it should be.
pub fn odd_signatures() -> Vec<Case> {
    let (desk, submit) = (front_desk(), submit_target());
    let one = batch(vec![bundle(1)]);
    let changed = |name: &str, header: &str, change: &dyn Fn(&str) -> String| {
        let signed = desk.headers("POST", &submit, &one, now());
        let headers: Vec<(String, String)> = signed
            .into_iter()
            .map(|(found, value)| (found.clone(), if found == header { change(&value) } else { value }))
            .collect();
        with(name, "POST", &submit, &headers, &one, 401)
    };
    let input = |name: &str, change: &dyn Fn(&str) -> String| changed(name, "signature-input", change);
    let signature = |name: &str, value: &str| changed(name, "signature", &|_| value.to_owned());
    let digest = |name: &str, value: &str| changed(name, "content-digest", &|_| value.to_owned());
    let nothing = "A".repeat(86) + "==";
    vec![
        input("another label", &|v| v.replacen("writ=", "sig1=", 1)),
        input("two labels", &|v| format!("{v}, other=(\"@method\");created=1")),
        input("no components", &|v| format!("writ=(){}", v.split_once(')').map_or("", |(_, rest)| rest))),
        input("an open list", &|v| v.replacen(')', "", 1)),
        input("an unknown component", &|v| v.replacen("\"@method\"", "\"@method\" \"@authority\"", 1)),
        input("a component twice", &|v| v.replacen("\"@method\"", "\"@method\" \"@method\"", 1)),
        input("a component with a parameter", &|v| v.replacen("\"@method\"", "\"@method\";req", 1)),
        input("created as a text", &|v| v.replacen("created=", "created=\"1\";x=", 1)),
        input("created before time", &|v| v.replacen("created=", "created=-", 1)),
        input("created beyond numbers", &|v| v.replacen("created=", "created=99999999999999999999", 1)),
        input("created with a fraction", &|v| v.replacen("created=", "created=1.", 1)),
        input("not created", &|v| v.replacen(";created=", ";made=", 1)),
        input("no key", &|v| v.replacen(";keyid=", ";key=", 1)),
        input("a key of nobody", &|v| v.replacen("keyid=\"", "keyid=\"00", 1)),
        input("no nonce", &|v| v.replacen(";nonce=", ";once=", 1)),
        input("a nonce that is none", &|v| v.replacen("nonce=\"", "nonce=\"!", 1)),
        input("an open quote", &|v| v.trim_end_matches('"').to_owned()),
        input("a quote within", &|v| v.replacen("keyid=\"", "keyid=\"\\\"", 1)),
        input("expires", &|v| format!("{v};expires=1")),
        input("a tab in the input", &|v| v.replacen(';', ";\t", 1)),
        signature("an empty signature", ""),
        signature("a signature of nothing", "writ=::"),
        signature("a signature of 63 bytes", &format!("writ=:{}:", "A".repeat(84))),
        signature("a signature of zeros", &format!("writ=:{nothing}:")),
        signature("a signature of another label", &format!("sig1=:{nothing}:")),
        signature("a signature that is no base64", &format!("writ=:{}:", "!".repeat(88))),
        changed("a signature whose second half is too large", "signature", &|v| {
            // The order of the group added to S (RFC 8032 §5.1.7): the same point, and another signature.
            v.chars()
                .rev()
                .enumerate()
                .map(|(n, c)| if n == 4 { '8' } else { c })
                .collect::<Vec<_>>()
                .into_iter()
                .rev()
                .collect()
        }),
        digest("another kind of digest", "sha-512=:AAAA:"),
        digest("an empty digest", ""),
        digest("a digest that is short", "sha-256=:AAAA:"),
        digest("two digests", &format!("sha-256=:{0}:, sha-256=:{0}:", "A".repeat(43) + "=")),
    ]
}

/// Parts of files that are not there. The file has ten bytes.
pub fn odd_ranges(file: &str) -> Vec<Case> {
    let asked =
        |name: &str, range: &str, status: u16| with(name, "GET", file, &headers(&[("range", range)]), b"", status);
    let many = format!("bytes={}", vec!["0-0"; 2_000].join(","));
    vec![
        asked("beyond the end", "bytes=10-", 416),
        asked("far beyond the end", "bytes=99999999999999999999-", 416),
        asked("backwards", "bytes=5-2", 200),
        asked("the last nothing", "bytes=-0", 416),
        asked("not a range", "bytes=x-y", 200),
        asked("another unit", "items=0-1", 200),
        asked("2,000 ranges", &many, 200),
        asked("ranges that overlap", "bytes=0-5,1-6,2-7", 200),
        with(
            "a range of a tag that is another",
            "GET",
            file,
            &headers(&[("range", "bytes=0-0"), ("if-range", "\"x\"")]),
            b"",
            200,
        ),
        with("a list of tags", "GET", file, &headers(&[("if-none-match", &"\"x\",".repeat(2_000))]), b"", 200),
    ]
}
