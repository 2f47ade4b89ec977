//! Each way against a server: mail by one that is not ours, the signature of a webhook judged by OpenSSL.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use writ_notify::channel::mail::Server;
use writ_notify::channel::post::Poster;
use writ_notify::channel::webhook::Secret;
use writ_notify::channel::{Unsent, pager, webhook};
use writ_notify::message::{Message, Page};
use writ_wire::notice::NoticeEvent::Escalated;
use zeroize::Zeroizing;

use crate::servers::{Mail, Sink, header};
use crate::world::Clinic;

/// With TLS, under a certificate of a CA of its own in the folder, for `writ` with `a secret`.
fn secured(folder: &Path, mode: &str) -> Mail {
    fs::create_dir_all(folder).unwrap();
    authority(folder);
    let at = |name: &str| folder.join(name).display().to_string();
    Mail::start(folder, &[mode, &at("leaf.pem"), &at("leaf.key"), "writ", "a secret"])
}

/// A CA and a leaf for `localhost`: `ca.pem`, `leaf.pem`, `leaf.key`.
fn authority(folder: &Path) {
    let openssl = |arguments: &str| {
        let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!("req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=ca -days 30"));
    openssl(&format!("req {key} -keyout leaf.key -out leaf.csr -subj /CN=localhost"));
    fs::write(folder.join("ext"), "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n").unwrap();
    openssl("x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out leaf.pem -days 30 -extfile ext");
}

fn message() -> Message {
    let mut clinic = Clinic::new();
    let mut notice = clinic.notice(Escalated, "INC-20261123-0007", "critical");
    notice.title = "Die Firewall der Praxis Müller ist geladen".into();
    clinic.take(&notice);
    clinic.at(0).remove(0)
}

fn server(mail: &Mail, scheme: &str, password: &str, ca: Option<&Path>) -> Server {
    let login = Some(("writ".to_owned(), Zeroizing::new(password.to_owned())));
    Server::new(&format!("{scheme}://localhost:{}", mail.port), "writ@msp.example", login, ca).unwrap()
}

#[test]
fn mail_goes_over_tls_with_a_password_or_not_at_all() {
    let scratch = tempfile::tempdir().unwrap();
    for (mode, scheme) in [("starttls", "smtp"), ("tls", "smtps")] {
        let folder = scratch.path().join(mode);
        let mail = secured(&folder, mode);
        let ca = folder.join("ca.pem");
        let message = message();
        server(&mail, scheme, "a secret", Some(&ca)).send(&message, "on-call@msp.example").unwrap();
        let taken = mail.mails().remove(0);
        assert_eq!((header(&taken, "x-rcpt"), header(&taken, "x-tls")), ("on-call@msp.example".into(), "True".into()));
        assert!(!["", "None", "False"].contains(&header(&taken, "x-user").as_str()), "{taken}");
        assert_eq!(header(&taken, "message-id"), format!("<{}@msp.example>", message.id));
        // As Python's own parser reads it.
        let script = "import email,email.policy,sys\nm=email.message_from_binary_file(sys.stdin.buffer,policy=email.policy.default)\n\
                      print(m['subject']);print(m.get_content());print(len(m.defects))";
        let mut python = Command::new("/usr/bin/python3");
        let file = fs::File::open(folder.join("0001.eml")).unwrap();
        let read = python.args(["-c", script]).stdin(file).env("PYTHONIOENCODING", "utf-8").output().unwrap();
        let read = String::from_utf8(read.stdout).unwrap();
        assert!(
            read.starts_with("[critical] clinic-001/front-desk: Die Firewall der Praxis Müller ist geladen\n"),
            "{read}"
        );
        assert!(read.contains("Called: Kim Lee") && read.trim_end().ends_with("\n0"), "{read}");

        let send = |server: &Server, to: &str| server.send(&message, to);
        let wrong = server(&mail, scheme, "another", Some(&ca));
        assert!(
            matches!(send(&wrong, "a@b"), Err(Unsent::Later { why, .. }) if why.contains("535") && !why.contains("another"))
        );
        let stranger = server(&mail, scheme, "a secret", None);
        assert!(matches!(send(&stranger, "a@b"), Err(Unsent::Later { why, .. }) if why.contains("TLS")));
        let right = server(&mail, scheme, "a secret", Some(&ca));
        assert!(matches!(send(&right, "nobody@msp.example"), Err(Unsent::Never(why)) if why.contains("550")));
        assert!(
            matches!(send(&right, "busy@msp.example"), Err(Unsent::Later { why, of_this: true, .. }) if why.contains("451"))
        );
        assert!(matches!(send(&right, "a b@msp.example"), Err(Unsent::Never(_))));
        assert_eq!(mail.mails().len(), 1);
    }
    // Where there is no STARTTLS nothing is said in the clear.
    let plain = Mail::plain(&scratch.path().join("plain"));
    let message = message();
    let refused = server(&plain, "smtp", "a secret", None).send(&message, "a@b");
    assert!(matches!(refused, Err(Unsent::Later { why, .. }) if why.contains("STARTTLS")));
    let gone = Server::new("smtp+plain://127.0.0.1:1", "writ@msp.example", None, None).unwrap();
    assert!(matches!(gone.send(&message, "a@b"), Err(Unsent::Later { of_this: false, .. })));
    assert!(plain.mails().is_empty());
}

#[test]
fn a_webhook_is_signed_as_openssl_judges_it() {
    let (sink, message, poster) = (Sink::start(), message(), Poster::new(None).unwrap());
    let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let now = "2026-11-28T04:33:53Z".parse().unwrap();
    webhook::send(&poster, &format!("{}/hook?x=1", sink.url), &secret, &message, now).unwrap();
    let came = sink.came().remove(0);
    assert_eq!(came.target, "POST /hook?x=1");
    assert_eq!(header(&came.head, "webhook-id"), message.id);
    assert_eq!(header(&came.head, "webhook-timestamp"), "1795840433");
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("signed");
    fs::write(&file, [format!("{}.1795840433.", message.id).as_bytes(), &came.body].concat()).unwrap();
    let hex = "31f290f6bf06298aab4f08d43c3f082cf648a362da2da4b0";
    let judged = Command::new("sh")
        .args([
            "-c",
            &format!("openssl dgst -sha256 -mac HMAC -macopt hexkey:{hex} -binary {} | base64", file.display()),
        ])
        .output()
        .unwrap();
    let judged = String::from_utf8(judged.stdout).unwrap();
    assert_eq!(header(&came.head, "webhook-signature"), format!("v1,{}", judged.trim()));
    let body: Value = serde_json::from_slice(&came.body).unwrap();
    assert_eq!((&body["type"], &body["data"]["severity"]), (&"writ.call".into(), &"critical".into()), "{body}");
    assert_eq!(body["data"]["schema"], "writ.told.v1");
}

#[test]
fn a_pager_that_is_busy_is_asked_again_and_one_that_refuses_is_not() {
    let (sink, message, poster) = (Sink::start(), message(), Poster::new(None).unwrap());
    let send = |page| pager::send(&poster, &sink.url, "routing-key\n", page, &message.keys[0], &message);
    sink.answer(&[
        "429 x\r\nRetry-After: 7",
        "500 x",
        "503 x\r\nRetry-After: 999999",
        "400 x",
        "302 x\r\nLocation: http://127.0.0.1:1/",
    ]);
    let later = |wait: Option<u64>| move |sent| matches!(sent, Err(Unsent::Later { wait: w, .. }) if w == wait.map(Duration::from_secs));
    assert!(later(Some(7))(send(Page::Trigger)) && later(None)(send(Page::Trigger)));
    assert!(later(Some(3600))(send(Page::Trigger)), "an hour at most");
    assert!(matches!(send(Page::Trigger), Err(Unsent::Never(why)) if why.contains("400") && why.contains("became")));
    assert!(later(None)(send(Page::Trigger)), "no redirect is followed");
    assert!(
        matches!(Poster::new(None).unwrap().post("http://127.0.0.1:1/secret", &[], b""), Err(Unsent::Later { why, .. }) if !why.contains("secret"))
    );
    for page in [Page::Trigger, Page::Acknowledge, Page::Resolve] {
        assert_eq!(send(page), Ok(()));
    }
    let events: Vec<Value> = sink.came().iter().map(|came| serde_json::from_slice(&came.body).unwrap()).collect();
    let last: Vec<&Value> = events[5..].iter().map(|event| &event["event_action"]).collect();
    assert_eq!(last, ["trigger", "acknowledge", "resolve"]);
    for event in &events {
        assert_eq!(event["routing_key"], "routing-key");
        assert_eq!(event["dedup_key"], "clinic-001/front-desk/INC-20261123-0007");
    }
    let payload = &events[0]["payload"];
    assert_eq!((&payload["severity"], &payload["source"]), (&"critical".into(), &"clinic-001/front-desk".into()));
    assert!(payload["summary"].as_str().unwrap().chars().count() <= 1024 && events[6]["payload"].is_null());
}
