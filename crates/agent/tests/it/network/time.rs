//! The probe of time servers, against real ones (chronyd) of which one is five seconds off.

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value as Json, json};
use writ_agent::network::tls::trust::Authorities;
use writ_policy::observation::{Observation, Value};

use super::endpoints::{failure, seen_by};
use super::looks;
use crate::support::{Site, now, until};

/// A time server, ended when dropped.
struct Chronyd {
    child: Child,
    port: u16,
}

impl Drop for Chronyd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A chronyd on loopback that sets no clock; `more` says where it has the time from.
fn chronyd(dir: &Path, name: &str, more: &str) -> Chronyd {
    let program = std::env::var("WRIT_TEST_CHRONYD").unwrap_or_else(|_| "/usr/sbin/chronyd".into());
    assert!(
        Path::new(&program).exists(),
        "no {program}: run `cargo xtask test`, which unpacks one, or name it in WRIT_TEST_CHRONYD"
    );
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let at = |what: &str| dir.join(format!("{name}.{what}")).display().to_string();
    let text = format!(
        "port {port}\nbindaddress 127.0.0.1\nallow 127.0.0.1\ncmdport 0\nbindcmdaddress /\npidfile {}\nlocal stratum 8\n{more}\n",
        at("pid")
    );
    fs::write(at("conf"), text).unwrap();
    let log = fs::File::create(at("log")).unwrap();
    let mut command = Command::new(program);
    command.args(["-d", "-x", "-U", "-u", "root", "-f", &at("conf")]);
    let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
    Chronyd { child, port }
}

fn ask(servers: &[&Chronyd]) -> Observation {
    let servers: Vec<String> = servers.iter().map(|server| format!("127.0.0.1:{}", server.port)).collect();
    seen_by("ntp", json!({ "servers": servers, "skew_most_ms": 200 }), Authorities::public())
}

fn int(seen: &Observation, field: &str) -> i64 {
    let Some(Value::Int(number)) = seen.get(field) else { panic!("{field} in {seen:?}") };
    *number
}

#[test]
fn two_outvote_one_and_one_against_one_is_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let good = chronyd(dir.path(), "good", "");
    let also = chronyd(dir.path(), "also", "");
    until("both tell the time", || (int(&ask(&[&good, &also]), "answered_count") == 2).then_some(()));
    // It believes the good one, and that this is five seconds behind.
    let off = format!("server 127.0.0.1 port {} iburst minpoll -4 maxpoll -4 offset 5", good.port);
    let off = chronyd(dir.path(), "off", &off);
    until("one of three is off", || {
        let seen = ask(&[&good, &also, &off]);
        let three = int(&seen, "answered_count") == 3;
        (three && int(&seen, "agreeing_count") == 2 && int(&ask(&[&good, &off]), "agreeing_count") == 1).then_some(())
    });
    let three = ask(&[&good, &also, &off]);
    assert_eq!(three.get("quorum"), Some(&true.into()), "{three:?}");
    assert!(int(&three, "skew_ms") < 200, "{three:?}");
    let mut agreeing = vec![format!("127.0.0.1:{}", good.port), format!("127.0.0.1:{}", also.port)];
    agreeing.sort();
    assert_eq!(three.get("agreeing"), Some(&agreeing.into()));
    let two = ask(&[&good, &off]);
    assert_eq!((two.get("quorum"), two.get("offset_ms")), (Some(&false.into()), None), "{two:?}");
    assert_eq!(ask(&[&good]).get("quorum"), Some(&false.into()), "one alone is none");
    drop(also);
    let without = ask(&[&good, &off]);
    assert_eq!(int(&without, "asked_count"), 2);
}

#[test]
fn who_is_no_time_server_tells_no_time() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let gone = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let servers = json!([silent.local_addr().unwrap().to_string(), gone.to_string()]);
    let seen = seen_by("ntp", json!({ "servers": servers }), Authorities::public());
    assert_eq!((int(&seen, "asked_count"), int(&seen, "answered_count")), (2, 0));
    assert_eq!((seen.get("quorum"), seen.get("offset_ms")), (Some(&false.into()), None));
    assert!(failure("ntp", json!({ "servers": [] })).contains("expected 1 to 16"));
    assert!(failure("ntp", json!({ "servers": ["a:b"] })).contains("is no address"));
    assert!(failure("ntp", json!({ "servers": ["a.example"], "skew_most_ms": -1 })).contains("expected 0 to 60000"));
}

/// Servers that nobody had the time to ask did not fail to agree; and what is of this machine is not said of them.
#[test]
fn no_quorum_is_a_fact_only_when_every_server_was_asked() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let servers = json!({ "servers": [silent.local_addr().unwrap().to_string(), "127.0.0.1:1"] });
    let look = |parameters: Json, limit: u64| {
        let deadline = std::time::Instant::now() + std::time::Duration::from_millis(limit);
        let resolver = writ_agent::network::dns::Resolver::of_this_machine();
        let sight = writ_agent::network::Sight { now: now(), deadline, resolver, authorities: Authorities::public() };
        writ_agent::network::look("ntp", parameters.as_object().unwrap(), &sight)
    };
    let said = look(servers, 50).unwrap_err();
    assert!(said.contains("no time to ask every one"), "{said}");
    assert!(look(json!({ "servers": ["127.255.255.255"] }), 60_000).is_err());
}

/// What was seen of the time stands in every bundle after it, until it is seen no more.
#[test]
fn evidence_says_what_is_known_of_the_clock() {
    let site = Site::new();
    let mut policy = site.policy();
    site.file_check(&mut policy, "motd");
    let mut check = policy["checks"]["file.motd"].clone();
    let parameters = json!({ "servers": ["a.example", "b.example"] });
    check["probe"] = json!({ "ntp": parameters });
    check["expect"] = json!({ "quorum": { "eq": true }, "skew_ms": { "le": 1000 } });
    policy["checks"][looks::CHECK] = check;
    site.publish(1, &policy);
    fs::create_dir(site.path("looks")).unwrap();
    let look = |seen: Json| {
        let mut look = looks::look(json!({ "seen": seen }), now());
        look["call"] = json!(writ_wire::asks::call_digest("ntp", parameters.as_object().unwrap()));
        looks::lay(&site, &look);
    };
    let good = json!({
        "asked_count": 2, "answered_count": 2, "agreeing_count": 2, "quorum": true, "offset_ms": -12, "skew_ms": 12,
        "agreeing": ["a.example", "b.example", "evil.example"],
    });
    look(good);
    site.once_is(0);
    let clock = site.bundles().pop().unwrap().clock;
    assert_eq!(
        (clock.sources, clock.offset_ms, clock.quorum),
        (vec!["a.example".into(), "b.example".into()], Some(-12), true)
    );
    look(json!({ "asked_count": 2, "answered_count": 1, "agreeing_count": 1, "quorum": false }));
    site.once_is(1);
    let clock = site.bundles().pop().unwrap().clock;
    assert_eq!((clock.sources.len(), clock.offset_ms, clock.quorum), (0, None, false));
}
