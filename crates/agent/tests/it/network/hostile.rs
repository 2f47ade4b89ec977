//! Whoever writes looks/ is taken for hostile, and gains nothing by what lies there.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::time::Instant;

use serde_json::{Value, json};

use super::looks::{CHECK, file, lay, look, outcome, reason, site};
use crate::support::{Site, now, until};

fn broken(site: &Site, look: &Value, rule: &str) {
    lay(site, look);
    let said = reason(site);
    let begins = format!("reachable: what writ-probe wrote does not count: rule {rule}: ");
    assert!(said.starts_with(&begins), "expected {rule}: {said}");
}

#[test]
fn a_look_that_lies_does_not_count_and_names_the_rule() {
    let site = site();
    site.once_is(1);
    let good = look(json!({ "seen": { "reachable": false } }), now());
    let with = |field: &str, value: Value| {
        let mut look = good.clone();
        look[field] = value;
        look
    };
    lay(&site, &good);
    assert_eq!(outcome(&site)["outcome"], "fail", "the others differ from one that counts");
    broken(&site, &with("check", "file.motd".into()), "look-check");
    broken(&site, &with("call", json!(writ_trust::digest::Digest::of(b"x"))), "look-call");
    broken(&site, &with("ended_at", json!(now().plus_millis(60_000))), "look-times");
    broken(&site, &with("ended_at", json!(now().plus_millis(-3_600_000))), "look-times");
    broken(&site, &with("result", json!({ "seen": { "mode": "0644", "reachable": true } })), "look-schema");
    broken(&site, &with("result", json!({ "not_applicable": "nothing to see" })), "look-shape");
    broken(&site, &with("result", json!({ "seen": { "reachable": vec!["x"; 300] } })), "look-bounds");
    broken(&site, &with("schema", "writ.look.v9".into()), "look-shape");
    let mut old = with("began_at", json!(now().plus_millis(-86_400_000)));
    old["ended_at"] = old["began_at"].clone();
    lay(&site, &old);
    assert!(reason(&site).starts_with("reachable: writ-probe last looked at "), "{}", reason(&site));
    assert!(site.incidents().opened.is_empty());
}

#[test]
fn a_look_that_is_no_file_is_not_read() {
    let site = site();
    site.once_is(1);
    let unreadable = |what: &str| {
        let said = reason(&site);
        assert!(said.contains("rule look-unreadable: "), "{what}: {said}");
        let _ = fs::remove_file(file(&site)).or_else(|_| fs::remove_dir(file(&site)));
    };
    symlink("/etc/passwd", file(&site)).unwrap();
    unreadable("a link");
    rustix::fs::mknodat(rustix::fs::CWD, file(&site), rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    unreadable("a pipe");
    fs::create_dir(file(&site)).unwrap();
    unreadable("a folder");
    symlink("/dev/zero", file(&site)).unwrap();
    unreadable("a device");
    // A gibibyte, of which nothing is on the disk.
    File::create(file(&site)).unwrap().set_len(1 << 30).unwrap();
    let began = Instant::now();
    unreadable("a gibibyte");
    assert!(began.elapsed().as_secs() < 60);
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    fs::write(file(&site), deep).unwrap();
    assert!(reason(&site).contains("rule look-shape: "));
}

/// One that speaks for checks of this machine, for checks that there are not, and for a name that leads elsewhere.
#[test]
fn nobody_speaks_for_what_is_not_looked_at_over_the_network() {
    let site = site();
    site.once_is(1);
    for n in 0..1_000 {
        fs::write(site.path("looks").join(format!("no-such-check-{n}.json")), "{}").unwrap();
    }
    let mut forged = look(json!({ "seen": { "exists": false, "mode": "0777" } }), now());
    forged["check"] = "file.motd".into();
    fs::write(site.path("looks/file.motd.json"), forged.to_string()).unwrap();
    lay(&site, &look(json!({ "seen": { "reachable": true } }), now()));
    site.once_is(0);
    assert!(site.incidents().opened.is_empty());
}

/// A stream of looks, good and bad, in a daemon: what is so at the end is what counts, and nothing was run meanwhile.
#[test]
fn a_flood_of_looks_keeps_nobody_from_anything() {
    let site = site();
    let daemon = site.daemon();
    until("it watches", || site.log().contains("watching").then_some(()));
    for n in 0..2_000_u32 {
        fs::write(site.path("looks").join(format!("x{n}.json")), "{").unwrap();
        lay(&site, &look(json!({ "seen": { "reachable": n % 2 == 0 } }), now()));
    }
    lay(&site, &look(json!({ "seen": { "reachable": false } }), now()));
    let motd = site.path("target/motd");
    crate::support::chmod(&motd, 0o600);
    until("this machine is healed meanwhile", || (crate::support::mode(&motd) == 0o644).then_some(()));
    until("the last look counts", || {
        let incidents = site.incidents();
        let open =
            |check: &str| incidents.opened.iter().any(|(id, c)| c == check && !incidents.closed.contains_key(id));
        open(CHECK).then_some(())
    });
    let acted_on = || site.incidents().closed.values().filter(|b| !b.actions_taken.is_empty()).count();
    until("the healing is told", || (acted_on() > 0).then_some(()));
    assert_eq!(daemon.stop(), Some(0));
    assert_eq!(acted_on(), 1, "only what was seen on this machine was acted on");
}
