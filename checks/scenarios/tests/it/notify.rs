//! From a file that was altered to somebody's mailbox: the real `writ-enforce`, `writ-sync`, `writ-depot`, `writ notify`, and a mail
//! server that is not ours. Somebody answers by the link, and nobody else is called.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use writ_policy::policy::Policy;
use writ_scenarios::flake::repository;

use crate::delivery::world::World;
use crate::house::policy::with_rules_version;
use crate::house::*;

/// A process; ended when dropped.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The policy of the house with people, and without a rule: who alters the file has people called.
fn with_people(house: &House) -> Vec<u8> {
    let policy = Policy::parse(&house.policy_bytes()).unwrap();
    let mut policy = serde_json::to_value(policy).unwrap();
    (policy["rules"], policy["runbooks"]) = (json!({}), json!({}));
    let contact = |person: &str, role: &str, email: &str| json!({ "person": person, "role": role, "email": email, "phone": null, "answers_within": "15m" });
    policy["settings"]["contacts"] = json!({
        "on-call": contact("Kim Lee", "primary", "on-call@msp.example"),
        "boss": contact("Paula Brandt", "manager", "boss@msp.example"),
    });
    policy["settings"]["escalation"]["contacts"] =
        json!(["primary on-call: Kim Lee, on-call@msp.example", "manager boss: Paula Brandt, boss@msp.example"]);
    policy["settings"]["escalation"]["route"]["high"] = json!(["on-call"]);
    writ_trust::json::canonical(&with_rules_version(policy))
}

fn mails(folder: &PathBuf) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == "eml")).collect();
    paths.sort();
    paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn an_altered_file_calls_somebody_who_answers_by_the_link_and_hears_the_end() {
    let world = World::new();
    let house = &world.house;
    let policy = with_people(house);
    house.publish(&house.release_of(1, &policy, None));
    let _depot = world.depot();
    world.publish();
    let at = |name: &str| house.path(name).display().to_string();
    let enforce =
        house.configuration().replace(&at("releases"), &at("spool/inbox")).replace(&at("outbox"), &at("spool/outbox"));
    fs::create_dir_all(house.path("spool/notices")).unwrap();
    fs::write(house.path("etc/enforce.toml"), enforce).unwrap();
    let _daemon = house.daemon();
    let _ = world.carry();
    house.wait_for("the word for the courier", || house.path("spool/presence/courier.json").exists());
    world.carried();
    house.wait_for("the release to be obeyed", || house.obeys().is_some());

    let folder = house.path("mail");
    fs::create_dir_all(&folder).unwrap();
    let mut server = Command::new("/usr/bin/python3");
    server.arg(repository().join("checks/mail/smtpd.py")).arg(&folder).arg("plain").stdout(Stdio::piped());
    let mut server = Ends(server.spawn().unwrap());
    let mut port = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut port).unwrap();
    let notify = |more: &[&str]| {
        let mut notify = program("writ");
        notify.args(["notify", "--depot", &format!("http://{}", world.address), "--site", &house.site]);
        notify.arg("--read-key").arg(house.path("etc/reader.key")).arg("--trust").arg(house.path("etc/trust.json"));
        notify.arg("--state").arg(house.path("notifier"));
        notify.args(["--smtp", &format!("smtp+plain://127.0.0.1:{}", port.trim()), "--from", "writ@msp.example"]);
        notify.args(more);
        notify
    };
    let mut once = notify(&["--once"]);
    let first = ran(&mut once);
    assert_eq!(first.code, Some(0), "{}", first.stderr);

    house.break_file(0);
    house.wait_for("a notice", || house.path("spool/notices/1.json").exists());
    world.carried();
    let mut stays = notify(&["--every", "1s", "--listen", "127.0.0.1:0", "--link-base", "https://ack.example"]);
    let mut stays = Ends(stays.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let mut listens = String::new();
    BufReader::new(stays.0.stdout.take().unwrap()).read_line(&mut listens).unwrap();
    house.wait_for("mail", || !mails(&folder).is_empty());
    let mail = mails(&folder).remove(0);
    assert!(mail.contains("X-Rcpt: on-call@msp.example") && mail.contains("A file stays as it is"), "{mail}");
    let link = mail.lines().find_map(|line| line.strip_prefix("Answer: https://ack.example")).unwrap();
    let address = listens.trim().trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "POST {link} HTTP/1.1\r\nHost: ack.example\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let state = || -> Value { serde_json::from_slice(&fs::read(house.path("notifier/state.json")).unwrap()).unwrap() };
    house.wait_for("the answer to be taken", || {
        state()["incidents"].as_object().unwrap().values().any(|incident| incident["stage"] == "acknowledged")
    });
    drop(stays);

    // An hour later nobody else was called.
    let mut later = state();
    for (_, incident) in later["incidents"].as_object_mut().unwrap() {
        for call in incident["told"]["calls"].as_array_mut().unwrap() {
            let at: writ_scenarios::Time = call["at"].as_str().unwrap().parse().unwrap();
            call["at"] = at.plus_millis(-3_600_000).to_string().into();
        }
    }
    fs::write(house.path("notifier/state.json"), later.to_string()).unwrap();
    assert_eq!(ran(&mut once).code, Some(0));
    assert_eq!(mails(&folder).len(), 1, "{:?}", mails(&folder));

    // Somebody mends it, the appliance sees that, and they hear of it.
    house.furnish(1);
    let closed = || {
        let entries = fs::read_dir(house.path("spool/notices")).unwrap().map(|entry| entry.unwrap().path());
        let read = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
        entries.map(read).any(|text| text.contains("\"event\":\"closed\""))
    };
    house.wait_for("the end", closed);
    world.carried();
    assert_eq!(ran(&mut once).code, Some(0));
    let all = mails(&folder);
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(all[1].contains("resolved: ") && all[1].contains("X-Rcpt: on-call@msp.example"), "{}", all[1]);
}
