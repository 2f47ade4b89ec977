//! Servers that lie, are slow, or say too much: each answer is taken within its bounds, by name, or refused.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use writ_trust::time::Time;

use crate::{Address, Bucket, BucketError, Content, Credentials, Put, Settings, digests};

/// Answers each request with what `answer` makes of its first line, and tells of its head.
fn server(answer: impl Fn(&str, &mut TcpStream) + Send + 'static) -> (Bucket, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (tell, heads) = channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                    break;
                }
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                head.push_str(&line);
            }
            let _ = reader.take(length).read_to_end(&mut Vec::new());
            let first = head.lines().next().unwrap_or_default().to_owned();
            let _ = tell.send(head);
            answer(&first, &mut stream);
        }
    });
    (bucket(&endpoint), heads)
}

fn bucket(endpoint: &str) -> Bucket {
    let at: Address = "s3://evidence/depot".parse().unwrap();
    let settings = Settings {
        endpoint: endpoint.to_owned(),
        region: "eu-central-1".to_owned(),
        ca_file: None,
        allow_http: false,
        patience: Duration::from_millis(300),
    };
    let by = Credentials::parse("aws_access_key_id = AKIA\naws_secret_access_key = s3cr3t-of-tests").unwrap();
    Bucket::new(&at, &settings, by).unwrap()
}

fn saying(status: &str, headers: &str, body: &str) -> (Bucket, Receiver<String>) {
    let whole =
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}", body.len());
    server(move |_, stream| {
        let _ = stream.write_all(whole.as_bytes());
    })
}

fn until() -> Time {
    "2032-11-28T00:00:00Z".parse().unwrap()
}

fn abc() -> Content {
    digests(&mut &b"abc"[..]).unwrap()
}

fn put(bucket: &Bucket) -> Result<Put, BucketError> {
    bucket.put("evidence/a.tar.gz", &mut &b"abc"[..], &abc(), "application/gzip", until())
}

/// What an error says: one line, and nothing of the secret.
#[track_caller]
fn said<T: std::fmt::Debug>(result: Result<T, BucketError>) -> String {
    let text = result.unwrap_err().to_string();
    assert!(!text.contains("s3cr3t") && text.lines().count() == 1 && text.len() < 1000, "{text}");
    text
}

#[test]
fn a_put_says_all_that_a_lock_takes() {
    let (bucket, heads) = saying("200 OK", "", "");
    assert_eq!(put(&bucket).unwrap(), Put::Stored);
    let head = heads.recv_timeout(Duration::from_secs(60)).unwrap();
    assert!(head.starts_with("PUT /evidence/depot/evidence/a.tar.gz HTTP/1.1\r\n"), "{head}");
    let lines: Vec<&str> = head.lines().collect();
    for line in [
        "if-none-match: *",
        "content-length: 3",
        "content-md5: kAFQmDzST7DWlj99KOF/cg==",
        "x-amz-object-lock-mode: COMPLIANCE",
        "x-amz-object-lock-retain-until-date: 2032-11-28T00:00:00Z",
        "x-amz-content-sha256: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    ] {
        assert!(lines.contains(&line), "{line}: {head}");
    }
    let signed = "SignedHeaders=content-md5;content-type;host;if-none-match;x-amz-checksum-sha256;x-amz-content-sha256;\
                  x-amz-date;x-amz-object-lock-mode;x-amz-object-lock-retain-until-date,Signature=";
    assert!(head.contains(signed), "{head}");
    assert!(!head.contains("s3cr3t"), "{head}");
    let (bucket, _) = saying("412 Precondition Failed", "", "<Error><Code>PreconditionFailed</Code></Error>");
    assert_eq!(put(&bucket).unwrap(), Put::Occupied);
}

#[test]
fn what_is_no_answer_is_refused_by_name() {
    let list = |body: &str| saying("200 OK", "", body).0.versions("evidence/");
    for (body, why) in [
        ("", "no XML"),
        ("<html><body>hello</html>", "no XML"),
        ("<ListBucketResult></ListBucketResult>", "no list of versions"),
        ("<!DOCTYPE x [<!ENTITY a \"b\">]><ListVersionsResult/>", "no XML"),
        ("<ListVersionsResult><Version><Key>elsewhere/x</Key></Version></ListVersionsResult>", "without a key of ours"),
        ("<ListVersionsResult><Version/></ListVersionsResult>", "without a key of ours"),
        ("<ListVersionsResult><IsTruncated>true</IsTruncated></ListVersionsResult>", "not where"),
        (
            "<ListVersionsResult><IsTruncated>true</IsTruncated><NextKeyMarker>a</NextKeyMarker></ListVersionsResult>",
            "not where",
        ),
    ] {
        let text = said(list(body));
        assert!(text.contains(why), "{body}: {text}");
    }
    let (locked, _) = saying(
        "200 OK",
        "",
        "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>",
    );
    assert!(locked.locks().unwrap());
    for body in ["<ObjectLockConfiguration/>", "<Other><ObjectLockEnabled>Enabled</ObjectLockEnabled></Other>"] {
        assert!(!saying("200 OK", "", body).0.locks().unwrap(), "{body}");
    }
    let none = "<Error><Code>ObjectLockConfigurationNotFoundError</Code></Error>";
    assert!(!saying("404 Not Found", "", none).0.locks().unwrap());
    assert!(
        said(saying("404 Not Found", "", "<Error><Code>NoSuchBucket</Code></Error>").0.locks())
            .contains("NoSuchBucket")
    );
    // A lock whose end cannot be read is none that counts.
    let bad = "x-amz-object-lock-mode: COMPLIANCE\r\nx-amz-object-lock-retain-until-date: for ever\r\n";
    assert!(said(saying("200 OK", bad, "").0.head("a", None)).contains("until when"));
}

#[test]
fn no_redirect_is_followed_and_no_refusal_is_too_long() {
    let (bucket, heads) = saying("307 Temporary Redirect", "Location: http://127.0.0.1:1/elsewhere\r\n", "");
    let text = said(put(&bucket));
    assert!(text.contains("307") && text.contains("elsewhere: look at --endpoint"), "{text}");
    assert!(said(bucket.head("a", None)).contains("307"));
    assert_eq!(heads.try_iter().count(), 2, "nobody else was asked");
    let long = format!("<Error><Code>{0}</Code><Message>{0}</Message></Error>", "x".repeat(30_000));
    assert!(said(put(&saying("500 Internal Server Error", "", &long).0)).contains("answered 500 xxx"));
    let denied = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
    assert!(said(put(&saying("403 Forbidden", "", denied).0)).contains("/blob/main/docs/depot.md"));
}

#[test]
fn endless_and_slow_answers_end() {
    let endless = |head: &'static str| {
        server(move |_, stream| {
            let _ = stream.write_all(head.as_bytes());
            while stream.write_all(&[b'x'; 4096]).is_ok() {}
        })
        .0
    };
    let bucket = endless("HTTP/1.1 200 OK\r\n\r\n");
    let mut got = 0;
    let text = said(bucket.get("a", None, 10_000, &mut |piece| {
        got += piece.len();
        Ok(())
    }));
    assert!(text.contains("larger than the 10000 bytes") && got <= 10_000, "{text} {got}");
    assert!(said(bucket.versions("")).contains("larger than"));
    assert!(said(put(&bucket)).contains("larger than the 0 bytes"));
    // Of a refusal the beginning is enough.
    assert!(said(put(&endless("HTTP/1.1 500 Oh\r\n\r\n"))).contains("answered 500"));
    let silent = server(|_, _| std::thread::sleep(Duration::from_secs(3600))).0;
    let error = silent.head("a", None).unwrap_err();
    assert!(error.is_outage() && error.to_string().contains("timed out"), "{error}");
    let trickles = server(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        while stream.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    })
    .0;
    assert!(said(trickles.get("a", None, 1000, &mut |_| Ok(()))).contains("timed out"));
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = self::bucket(&format!("http://{gone}")).locks().unwrap_err();
    assert!(error.is_outage() && error.to_string().contains("cannot be reached"), "{error}");
}

#[test]
fn what_a_list_goes_on_with_is_asked_for() {
    let page = |key: &str, more: &str| {
        format!(
            "<ListVersionsResult>{more}<Version><Key>depot/{key}</Key><VersionId>1</VersionId></Version>\
             <DeleteMarker><Key>depot/{key}</Key><VersionId>0</VersionId></DeleteMarker></ListVersionsResult>"
        )
    };
    let next = "<IsTruncated>true</IsTruncated><NextKeyMarker>depot/a</NextKeyMarker><NextVersionIdMarker>1</NextVersionIdMarker>";
    let (first, second) = (page("a", next), page("b", "<IsTruncated>false</IsTruncated>"));
    let (bucket, heads) = server(move |line, stream| {
        let body = if line.contains("key-marker=depot%2Fa") { &second } else { &first };
        let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    });
    let found = bucket.versions("").unwrap();
    let found: Vec<(&str, bool)> = found.iter().map(|version| (version.key.as_str(), version.is_mark)).collect();
    assert_eq!(found, [("a", false), ("a", true), ("b", false), ("b", true)]);
    let lines: Vec<String> = heads.try_iter().map(|head| head.lines().next().unwrap().to_owned()).collect();
    assert_eq!(lines[0], "GET /evidence?max-keys=1000&prefix=depot%2F&versions= HTTP/1.1");
}
