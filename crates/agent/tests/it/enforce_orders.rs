//! Orders, carried out by the real enforcer: once, told twice, and refused by the rule that they break.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;

use serde_json::{Value, json};
use writ_evidence::incident::{ResolutionType, Tier};
use writ_evidence::posture::Posture;
use writ_evidence::records::{OrderPhase, OrderRecord, PauseMeans, PausePhase};
use writ_evidence::{Bundle, Kind};
use writ_trust::json as strict;
use writ_trust::minisign::signature_file_name;

use crate::support::{APPLIANCE, Daemon, ORDER_KEYS, SITE, Site, chmod, key, mode, now, until};

const ALICE: u8 = ORDER_KEYS[0];
const BOB: u8 = ORDER_KEYS[1];
const CYD: u8 = ORDER_KEYS[2];

fn order(n: u8, action: Value) -> Value {
    json!({
        "schema": "writ.order.v1", "site": SITE, "id": format!("{n:032x}"), "audience": { "appliances": [APPLIANCE] },
        "action": action, "reason": "a test asks", "issued_at": now(), "expires_at": now().plus_millis(3_600_000),
    })
}

fn folder(site: &Site) -> PathBuf {
    site.path("releases/orders").join(SITE)
}

/// Puts an order, signed by these, where the enforcer looks for it; its signatures first.
fn put_as(site: &Site, name: &str, order: &[u8], signed: &[u8], signers: &[u8]) {
    fs::create_dir_all(folder(site)).unwrap();
    for who in signers {
        let signature = key(*who).sign(signed, "test", "test").unwrap().to_string();
        fs::write(folder(site).join(signature_file_name(name, key(*who).key_id())), signature).unwrap();
    }
    writ_durable::replace(&folder(site).join(name), order, 0o644).unwrap();
}

fn put(site: &Site, order: &Value, signers: &[u8]) {
    let bytes = strict::canonical(order);
    put_as(site, &format!("{}.json", order["id"].as_str().unwrap()), &bytes, &bytes, signers);
}

fn told(site: &Site, n: u8) -> Vec<(OrderRecord, Bundle)> {
    let id = format!("{n:032x}");
    let of = |bundle: Bundle| Some((bundle.order.clone()?, bundle));
    let mut told: Vec<_> = site.of_kind(Kind::Order).into_iter().filter_map(of).collect();
    told.retain(|(record, _)| record.id.as_ref().is_some_and(|own| own.as_str() == id));
    told
}

/// Waits for the end of an order, which was told to be taken once and to be over once.
fn completed(site: &Site, n: u8) -> (OrderRecord, Bundle) {
    until("the end of an order", || {
        told(site, n).into_iter().find(|(record, _)| record.phase == Some(OrderPhase::Completed))
    });
    let all = told(site, n);
    let phases: Vec<_> = all.iter().map(|(record, _)| record.phase.unwrap()).collect();
    assert_eq!(phases, [OrderPhase::Acknowledged, OrderPhase::Completed]);
    assert!(!all[0].0.carried_out && all[0].0.signers.len() == 2 && all[0].0.reason.as_deref() == Some("a test asks"));
    all.into_iter().nth(1).unwrap()
}

/// A site that watches two files; nobody but an order runs the runbook for a third.
fn site() -> (Site, PathBuf) {
    let site = Site::new();
    let mut policy = site.policy();
    site.file_check(&mut policy, "motd");
    site.file_check(&mut policy, "hosts");
    let mut other = site.policy();
    let third = site.file_check(&mut other, "third");
    policy["runbooks"]["RB-third"] = other["runbooks"]["RB-third"].clone();
    policy["runbooks"]["RB-third"]["verify"] = json!(["file.hosts"]);
    site.publish(1, &policy);
    site.once_is(0);
    (site, third)
}

#[test]
fn orders_are_carried_out_once_and_told() {
    let (site, third) = site();
    let daemon = site.daemon();
    put(&site, &order(1, json!("rescan")), &[ALICE, BOB]);
    let (rescan, _) = completed(&site, 1);
    assert!(rescan.carried_out && rescan.result.contains("2 checks were looked at: 0 fail"), "{}", rescan.result);
    until("a full scan in the status", || (site.status()["counters"]["full_scans"] == 1).then_some(()));

    let mut all = order(2, json!("collect"));
    all["audience"] = "all".into();
    put(&site, &all, &[BOB, CYD]);
    let (collect, end) = completed(&site, 2);
    let snapshot =
        site.bundles().into_iter().rev().find(|bundle| matches!(bundle.posture, Some(Posture::Snapshot(_)))).unwrap();
    let number = snapshot.chain.sequence;
    assert!(collect.carried_out && collect.result.contains(&format!("bundles {number} to {number} hold")));
    assert_eq!(number + 1, end.chain.sequence);

    let pause = json!({ "pause": { "checks": ["file.motd"], "for": "1h" } });
    put(&site, &order(3, pause), &[ALICE, CYD]);
    assert!(completed(&site, 3).0.carried_out);
    let paused = site.of_kind(Kind::Pause).pop().unwrap().pause.unwrap();
    let signed = told(&site, 3)[0].0.digest;
    assert_eq!(
        (paused.means, paused.phase, &paused.reference),
        (PauseMeans::Order, PausePhase::Begun, &signed.to_string())
    );
    assert_eq!((paused.checks, paused.reason.as_str()), (vec!["file.motd".to_owned()], "a test asks"));

    chmod(&third, 0o600);
    let run = |runbook: &str, check: &str| json!({ "run-runbook": { "runbook": runbook, "check": check } });
    put(&site, &order(4, run("RB-third", "file.hosts")), &[ALICE, BOB, CYD]);
    let all = until("the end of an order", || {
        let all = told(&site, 4);
        (all.len() == 2).then_some(all)
    });
    let (record, bundle) = &all[1];
    assert!(record.carried_out && record.result.contains("then file.hosts: pass"), "{}", record.result);
    assert_eq!((mode(&third), bundle.runbook.as_ref().unwrap().steps_executed), (0o644, 1));
    assert_eq!((bundle.actions_taken.len(), bundle.verification.len()), (1, 1));

    let many: Vec<String> = (0..100).map(|n| format!("file.{}-{n}", "nowhere".repeat(15))).collect();
    for (n, action, why) in [
        (5, run("RB-nowhere", "file.hosts"), "no runbook RB-nowhere"),
        (6, run("RB-third", "file.nowhere"), "no check file.nowhere"),
        (7, run("RB-motd", "file.motd"), "paused"),
        (8, json!({ "pause": { "checks": ["file.nowhere"], "for": "1h" } }), "no check"),
        (10, run("RB-motd", "file.hosts"), "paused healing of file.motd"),
        // Longer than a text of a bundle may be.
        (11, json!({ "pause": { "checks": many, "for": "1h" } }), "no check"),
    ] {
        put(&site, &order(n, action), &[ALICE, BOB]);
        let (declined, _) = completed(&site, n);
        assert!(!declined.carried_out && declined.result.contains(why), "{n}: {}", declined.result);
    }
    assert_eq!(daemon.stop(), Some(0));
    // They still lie there: nothing is done or told again.
    let before = site.of_kind(Kind::Order).len();
    let daemon = site.daemon();
    put(&site, &order(9, json!("rescan")), &[ALICE, BOB]);
    completed(&site, 9);
    assert_eq!(site.of_kind(Kind::Order).len(), before + 2);
    let refused: Vec<_> =
        site.of_kind(Kind::Refused).into_iter().map(|bundle| bundle.refused.unwrap().message).collect();
    assert!(refused.is_empty(), "{refused:?}");
    drop(daemon);
}

/// What no rule answers is with people; when they order a runbook that helps, the incident ends as theirs.
#[test]
fn an_incident_that_an_ordered_runbook_heals_was_resolved_by_people() {
    let site = Site::new();
    let mut policy = site.policy();
    let path = site.file_check(&mut policy, "motd");
    policy["rules"] = json!({});
    site.publish(1, &policy);
    site.once_is(0);
    let daemon = site.daemon();
    until("it watches", || site.log().contains("watching").then_some(()));
    chmod(&path, 0o600);
    until("people have it", || fs::read_dir(site.state("tickets")).ok()?.next().map(drop));
    let run = json!({ "run-runbook": { "runbook": "RB-motd", "check": "file.motd" } });
    put(&site, &order(1, run), &[ALICE, BOB]);
    let (record, bundle) = completed(&site, 1);
    assert!(record.carried_out && record.result.contains("then file.motd: pass"), "{}", record.result);
    assert_eq!(bundle.runbook.unwrap().runbook_id, "RB-motd");
    let closed = until("the incident ends", || site.incidents().closed.into_values().next());
    let execution = closed.execution.unwrap();
    assert_eq!((execution.resolution_type, execution.tier), (ResolutionType::Manual, Some(Tier::L3)));
    assert_eq!((execution.attempts, closed.runbook), (0, None), "the order's bundle has what was run");
    let ticket = fs::read_dir(site.state("tickets")).unwrap().next().unwrap().unwrap().path();
    let ticket: Value = serde_json::from_slice(&fs::read(ticket).unwrap()).unwrap();
    assert_eq!((&ticket["status"], &ticket["resolution"]), (&"closed".into(), &"manual".into()));
    assert_eq!(daemon.stop(), Some(0));
}

/// Whoever keeps a root back does not bring to life again what it revoked.
#[test]
fn the_root_that_orders_were_judged_by_is_never_forgotten() {
    let (site, _) = site();
    let mut root: Value = serde_json::from_slice(&site.root_bytes(2, &[])).unwrap();
    let stolen = key(BOB).public_key().line();
    let mut keys = root["keys"].as_array_mut().unwrap().iter_mut();
    keys.find(|key| key["public_key"] == stolen.as_str()).unwrap()["revoked_at"] = json!(now());
    site.put_signed("trust/2.json", &strict::canonical(&root), &site.trust_key);
    let daemon = site.daemon();
    put(&site, &order(1, json!("rescan")), &[ALICE, BOB]);
    until("the refusal", || {
        let refused = site.of_kind(Kind::Refused).pop()?.refused.unwrap();
        (refused.rule == "signature-threshold").then_some(())
    });
    let floor: Value = serde_json::from_slice(&fs::read(site.state("floor")).unwrap()).unwrap();
    assert_eq!(floor["trust"]["version"], 2);

    fs::remove_dir_all(site.path("releases/trust")).unwrap();
    put(&site, &order(2, json!("rescan")), &[ALICE, BOB]);
    put(&site, &order(3, json!("rescan")), &[ALICE, CYD]);
    completed(&site, 3);
    assert!(told(&site, 1).is_empty() && told(&site, 2).is_empty());
    assert_eq!(daemon.stop(), Some(0));

    // Nor when the root that was stored is lost too: then nothing is judged.
    fs::remove_dir_all(site.state("trust")).unwrap();
    put(&site, &order(4, json!("rescan")), &[ALICE, CYD]);
    let daemon = site.daemon();
    let said = "orders cannot be judged: rule trust-floor";
    until("it is said", || site.log().contains(said).then_some(()));
    assert!(told(&site, 4).is_empty());
    assert_eq!(daemon.stop(), Some(0));
}

/// A runbook may not run more often than the policy's circuit breaker lets one rule answer.
#[test]
fn the_circuit_breaker_stops_orders_too() {
    let site = Site::new();
    let mut policy = site.policy();
    site.file_check(&mut policy, "motd");
    policy["settings"]["circuit_breaker"] = json!({ "fires": 2, "within": "1h" });
    site.publish(1, &policy);
    site.once_is(0);
    let _daemon = site.daemon();
    for n in 1..=3 {
        let run = json!({ "run-runbook": { "runbook": "RB-motd", "check": "file.motd" } });
        put(&site, &order(n, run), &[ALICE, BOB]);
        let (record, _) = completed(&site, n);
        assert_eq!(record.carried_out, n < 3, "{n}: {}", record.result);
    }
}

#[test]
fn what_breaks_a_rule_is_refused_by_its_name_and_nothing_is_done() {
    let (site, _) = site();
    let daemon = site.daemon();
    let good = |n: u8| order(n, json!("rescan"));
    put(&site, &good(1), &[ALICE, BOB]);
    completed(&site, 1);

    let edited = |n: u8, edit: &dyn Fn(&mut Value)| {
        let mut order = good(n);
        edit(&mut order);
        order
    };
    put(&site, &good(10), &[]);
    put(&site, &good(11), &[ALICE]);
    put(&site, &good(12), &[1, 2]);
    let tampered = edited(13, &|o| o["action"] = "collect".into());
    put_as(&site, "13.json", &strict::canonical(&tampered), &strict::canonical(&good(13)), &[ALICE, BOB]);
    put(&site, &edited(14, &|o| o["site"] = "clinic-002".into()), &[ALICE, BOB]);
    put(&site, &edited(15, &|o| o["audience"] = json!({ "appliances": ["back-office"] })), &[ALICE, BOB]);
    let expired = |o: &mut Value| {
        o["issued_at"] = json!(now().plus_millis(-7_200_000));
        o["expires_at"] = json!(now().plus_millis(-1));
    };
    put(&site, &edited(16, &expired), &[ALICE, BOB]);
    put(&site, &edited(17, &|o| o["issued_at"] = json!(now().plus_millis(600_000))), &[ALICE, BOB]);
    put(&site, &edited(18, &|o| o["issued_at"] = json!(now().plus_millis(-3_000_000))), &[ALICE, BOB]);
    put(&site, &edited(19, &|o| o["action"] = "rollback".into()), &[ALICE, BOB]);
    // Of an order that was taken: its id again, and its very bytes under another name.
    put_as_both(&site, "20.json", &edited(1, &|o| o["action"] = "collect".into()));
    let first = fs::read(folder(&site).join(format!("{:032x}.json", 1))).unwrap();
    put_as(&site, "21.json", &first, &first, &[ALICE, BOB]);
    put_as(&site, "22.json", &vec![b' '; 70_000], b"", &[ALICE, BOB]);
    fs::create_dir(folder(&site).join("23.json")).unwrap();

    let wanted = BTreeMap::from([
        ("signature-threshold", 4),
        ("site", 1),
        ("audience", 1),
        ("expiry", 1),
        ("issued-at", 1),
        ("before-memory", 1),
        ("document", 1),
        ("replayed", 2),
        ("size", 1),
        ("readable", 1),
    ]);
    let rules = || {
        let mut rules = BTreeMap::new();
        for refused in site.of_kind(Kind::Refused).into_iter().map(|bundle| bundle.refused.unwrap()) {
            assert_eq!(refused.what, "order", "{refused:?}");
            *rules.entry(refused.rule).or_insert(0) += 1;
        }
        rules
    };
    let wanted: BTreeMap<String, i32> = wanted.into_iter().map(|(rule, n)| (rule.to_owned(), n)).collect();
    until("every refusal", || (rules().values().sum::<i32>() >= wanted.values().sum()).then_some(()));
    assert_eq!(rules(), wanted);

    // Taken away and brought again it is a replay; lying there all the time it is not.
    fs::remove_dir_all(folder(&site)).unwrap();
    put(&site, &good(2), &[ALICE, BOB]);
    completed(&site, 2);
    let before = rules()["replayed"];
    put_as(&site, "again.json", &first, &first, &[ALICE, BOB]);
    put(&site, &good(3), &[ALICE, BOB]);
    completed(&site, 3);
    // These bytes were refused as that before: once is enough.
    assert_eq!(rules()["replayed"], before);
    assert_eq!(site.of_kind(Kind::Order).len(), 6, "three orders, taken and over");
    assert_eq!(daemon.stop(), Some(0));
}

fn put_as_both(site: &Site, name: &str, order: &Value) {
    let bytes = strict::canonical(order);
    put_as(site, name, &bytes, &bytes, &[ALICE, BOB]);
}

/// A site with an order whose runbook writes a line each time that it runs.
fn counting() -> (Site, PathBuf) {
    let site = Site::new();
    let mut policy = site.policy();
    site.file_check(&mut policy, "motd");
    let lines = site.path("target/lines");
    policy["runbooks"]["RB-count"] = json!({
        "title": "count", "version": "1.0", "verify": [], "declared_at": policy["runbooks"]["RB-motd"]["declared_at"],
        "steps": [{ "id": "count", "step": "exec", "parameters": { "program": "count" }, "timeout": "10s", "undo": null }],
    });
    let script = format!("echo ran >> {}", lines.display());
    site.publish_with_programs(1, &policy, &[("count", &script)]);
    site.once_is(0);
    let run = json!({ "run-runbook": { "runbook": "RB-count", "check": "file.motd" } });
    // Before the daemon: it is taken at the first look.
    put(&site, &order(1, run), &[ALICE, BOB]);
    (site, lines)
}

#[test]
fn a_kill_at_any_crash_point_never_runs_an_order_twice() {
    let (mut killed, mut interrupted) = (0, 0);
    for at in 1.. {
        let (site, lines) = counting();
        let mut daemon: Daemon = site.daemon_with(&[("WRIT_CRASH_AT", at.to_string())]);
        // It is killed, or the order is over before it comes to that point.
        let over = until("a kill, or the end of the order", || {
            let status = daemon.child.try_wait().unwrap();
            match status {
                Some(status) => {
                    assert_eq!(status.signal(), Some(9), "{status}");
                    Some(false)
                }
                None => (told(&site, 1).len() == 2).then_some(true),
            }
        });
        drop(daemon);
        let _daemon = site.daemon();
        let (record, _) = completed(&site, 1);
        let ran = fs::read_to_string(&lines).unwrap_or_default().lines().count();
        assert!(ran <= 1, "crash point {at}: it ran {ran} times");
        assert!(ran == 1 || !record.carried_out, "crash point {at}: {}", record.result);
        interrupted += usize::from(record.result.contains("not begun again"));
        if over {
            break;
        }
        killed += 1;
    }
    assert!(killed > 10 && interrupted > 3, "{killed} kills, {interrupted} orders interrupted");
}
