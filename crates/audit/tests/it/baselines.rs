//! Baselines that change: who signed what, what it weakened, and that it moves no verdict on the time before.

use serde_json::{Value, json};
use writ_audit::compare::model::{BaselineChange, FrameworkRow};
use writ_audit::compare::{Comparison, Evidence, Verdict, compare};
use writ_audit::report::terminal::{self, Look};
use writ_audit::report::{html, json as json_report};
use writ_audit::{Archive, Period};
use writ_evidence::records::SwitchOutcome;
use writ_policy::diff::Effect;
use writ_policy::outcome::Outcome;
use writ_trust::minisign::{SecretKey, signature_file_name};
use writ_trust::time::Time;

use crate::world::*;

const PLAIN: Look = Look { colour: false, width: None };

fn later(minutes: i64) -> Time {
    morning().plus_millis(minutes * MINUTE)
}

fn all(world: &World, now: Time) -> Comparison {
    let c = compare(&world.archive(), &site(), None, now).unwrap();
    assert!(c.verification.ok, "{:#?}", c.verification.problems);
    c
}

/// Another signature beside a release.
fn sign_too(world: &World, serial: u64, key: &SecretKey) {
    let folder = format!("releases/clinic-001/1-{serial}");
    let bytes = std::fs::read(world.path().join(&folder).join("release.json")).unwrap();
    let signature = key.sign(&bytes, "release", "x").unwrap().to_string();
    let name = signature_file_name("release.json", key.key_id());
    world.write(&format!("{folder}/{name}"), signature.as_bytes());
}

/// The switch to a release and an hour under it.
fn obeyed(world: &mut World, serial: u64, from: i64) {
    let release = world.release.unwrap();
    world.switched(serial, SwitchOutcome::AdoptedWithoutClosure, release, later(from));
    world.vector(later(from), later(from + 60), |_, _| {});
}

/// A laxer threshold, a check less often, one that is gone, and a new title.
fn laxer(p: &mut Value) {
    p["checks"]["file.motd"]["expect"] = json!({ "mode": { "in": ["0644", "0666"] } });
    p["checks"]["file.audit"]["every"] = "1h".into();
    p["checks"].as_object_mut().unwrap().remove("file.tls");
    p["controls"]["164.312(e)(1)"]["checks"] = json!(["file.motd"]);
    p["settings"]["title"] = "Lakeside <Family> Practice".into();
}

#[test]
fn a_change_says_what_it_weakens_and_who_signed_it() {
    let mut world = World::under(root_json(1, &[&signer(), &key(4)]));
    world.release(1, &policy_json(|_| {}), |_| {});
    world.started(morning());
    world.vector(morning(), later(60), |_, _| {});
    world.release(2, &policy_json(laxer), |_| {});
    sign_too(&world, 2, &key(4));
    // A key that no trust root has vouches for nothing.
    sign_too(&world, 2, &key(9));
    obeyed(&mut world, 2, 60);
    // The same policy again.
    world.release(3, &policy_json(laxer), |_| {});
    obeyed(&mut world, 3, 120);
    let c = all(&world, later(180));
    let [first, second, third] = &c.changes[..] else { panic!("{:#?}", c.changes) };
    let points = |change: &BaselineChange| (change.from.clone(), change.to.clone(), change.at);
    assert_eq!(points(first), (None, "1-1".into(), morning()));
    assert_eq!(points(second), (Some("1-1".into()), "1-2".into(), later(60)));
    assert_eq!(points(third), (Some("1-2".into()), "1-3".into(), later(120)));
    let signers = |change: &BaselineChange| change.signed_by.iter().map(|s| s.name.clone()).collect::<Vec<_>>();
    assert_eq!(
        (signers(first), signers(second)),
        (vec!["signer-0".to_owned()], vec!["signer-0".into(), "signer-1".into()])
    );
    assert_eq!(second.signed_by[1].key_id, key(4).key_id().to_string());
    assert!(first.entries.is_empty() && third.entries.is_empty() && !first.weakens && !third.weakens);
    assert!(second.weakens);
    let weaker: Vec<&str> = second.entries.iter().filter(|e| e.weakens).map(|e| e.what.as_str()).collect();
    for part in ["checks.\"file.motd\".expect.mode", "checks.\"file.audit\".every", "checks.\"file.tls\": removed"] {
        assert!(weaker.iter().any(|what| what.contains(part)), "{part}: {weaker:#?}");
    }
    let order: Vec<Effect> = second.entries.iter().map(|e| e.effect).collect();
    assert!(order.is_sorted() && order.len() > weaker.len(), "{order:?}");

    let text = terminal::comparison(&c, PLAIN);
    assert!(text.contains("1-1 → 1-2, signed by signer-0 ("), "{text}");
    assert!(text.contains("WEAKENS PROTECTION\n  weaker   checks."), "{text}");
    assert_eq!(text.matches("WEAKENS PROTECTION").count(), 1);
    assert!(text.contains("the policy is the same"), "{text}");
    let page = html::render(&c).unwrap();
    assert!(page.contains(
        "<h3>front-desk: from release 1-1 to 1-2 <span class=\"pill failed\">weakens protection</span></h3>"
    ));
    assert!(page.contains("Lakeside &#60;Family&#62; Practice") && !page.contains("<Family>"));
    let json: Value = serde_json::from_str(&json_report::render(&c).unwrap()).unwrap();
    assert_eq!(
        (&json["changes"][1]["weakens"], &json["changes"][1]["entries"][0]["effect"]),
        (&true.into(), &"weaker".into())
    );
    // A period tells of its own changes only.
    let hour = |n: i64| Period { from: later(n * 60 + 1), to: later(n * 60 + 60) };
    let archive = world.archive();
    let evidence = Evidence::gather(&archive, &site()).unwrap();
    assert!(evidence.over(Some(hour(0)), later(180)).changes.is_empty());
    assert!(evidence.at(later(90), later(180)).changes.is_empty());
}

#[test]
fn a_policy_that_is_not_known_is_never_said_to_weaken_nothing() {
    let mut world = World::new();
    world.started(morning());
    world.vector(morning(), later(60), |_, _| {});
    let policy = policy_json(laxer);
    world.release(2, &policy, |_| {});
    obeyed(&mut world, 2, 60);
    world.write(&format!("documents/{}.json", writ_trust::digest::Digest::of(&policy).hex()), b"{}");
    let c = compare(&world.archive(), &site(), None, later(120)).unwrap();
    let [_, change] = &c.changes[..] else { panic!("{:#?}", c.changes) };
    assert_eq!((change.entries.len(), change.entries[0].effect), (1, Effect::Unclear));
    assert!(change.entries[0].what.contains("release 1-2 is not known"), "{:?}", change.entries);
}

/// Everything that a comparison says, but for what is said of the folder as a whole: that tells of all that is in it.
fn said(archive: &Archive, now: Time) -> Vec<String> {
    let evidence = Evidence::gather(archive, &site()).unwrap();
    let period = Period { from: morning(), to: later(120) };
    let all = [evidence.over(Some(period), now), evidence.at(later(70), now), evidence.at(later(100), now)];
    let json = |c: &Comparison| {
        let mut json: Value = serde_json::from_str(&json_report::render(c).unwrap()).unwrap();
        json.as_object_mut().unwrap().remove("verification").unwrap();
        serde_json::to_string_pretty(&json).unwrap()
    };
    all.iter().map(json).collect()
}

/// Two hours, in the second of which a check fails and is mended a little late; and another appliance that never answers.
fn two_hours() -> World {
    let mut world = World::empty();
    let neighbour = |release: &mut Value| {
        let mut generation = release["generations"]["front-desk"].clone();
        generation["public_key"] = key(7).public_key().line().into();
        let policy = neighbours_policy(|_| {});
        generation["policy"]["digest"] = json!(writ_trust::digest::Digest::of(&policy));
        generation["policy"]["size"] = policy.len().into();
        release["generations"]["back-office"] = generation;
    };
    let policy = neighbours_policy(|_| {});
    world.write(&format!("documents/{}.json", writ_trust::digest::Digest::of(&policy).hex()), &policy);
    world.release(1, &policy_json(|_| {}), neighbour);
    world.started(morning());
    world.vector(morning(), later(60), |_, _| {});
    let opened = world.open("file.motd", later(65));
    world.close("file.motd", opened, later(65), later(80));
    world.vector(later(60), later(120), |_, _| {});
    world
}

fn neighbours_policy(edit: impl FnOnce(&mut Value)) -> Vec<u8> {
    policy_json(|p| {
        p["appliance"] = "back-office".into();
        edit(p);
    })
}

#[test]
fn what_is_released_after_a_period_moves_no_verdict_on_it() {
    let stricter = |p: &mut Value| {
        for id in ["file.motd", "file.audit", "file.tls"] {
            p["checks"][id]["every"] = "1m".into();
            p["checks"][id]["severity"] = "critical".into();
            p["checks"][id]["expect"] = json!({ "mode": { "eq": "0600" } });
        }
        p["settings"]["sla"]["critical"] = "1m".into();
        p["settings"]["posture"]["vector"] = "10m".into();
        p["settings"]["title"] = "Another practice".into();
    };
    let excused = |p: &mut Value| p["exceptions"] = json!({ "EX-001": exception("file.motd", "2027-01-01T00:00:00Z") });
    let now = later(600);
    let before = said(&two_hours().archive(), now);
    assert!(before[0].contains("\"seconds_in_failure\": 900") && before[0].contains("\"newest_release\": \"1-1\""));
    for change in [&laxer as &dyn Fn(&mut Value), &stricter, &excused] {
        let mut world = two_hours();
        let all_of_both = |release: &mut Value| {
            release["issued_at"] = later(121).to_string().into();
            // A third appliance is there from now on.
            let mut third = release["generations"]["front-desk"].clone();
            third["public_key"] = key(8).public_key().line().into();
            let policy = policy_json(|p| p["appliance"] = "x-ray".into());
            third["policy"]["digest"] = json!(writ_trust::digest::Digest::of(&policy));
            third["policy"]["size"] = policy.len().into();
            release["generations"]["x-ray"] = third;
        };
        let third = policy_json(|p| p["appliance"] = "x-ray".into());
        world.write(&format!("documents/{}.json", writ_trust::digest::Digest::of(&third).hex()), &third);
        world.release(2, &policy_json(|p| change(p)), all_of_both);
        assert!(world.verify().ok, "{:#?}", world.verify().problems);
        assert_eq!(said(&world.archive(), now), before, "released");
        // And obeyed, with evidence that is another.
        let release = world.release.unwrap();
        world.switched(2, SwitchOutcome::AdoptedWithoutClosure, release, later(125));
        world.vector(later(125), later(180), |_, entry| (entry.outcome, entry.failed) = (Outcome::Fail, 3));
        assert_eq!(said(&world.archive(), now), before, "obeyed");
        // Of the time after it, it says something.
        let c = compare(&world.archive(), &site(), None, later(180)).unwrap();
        assert_eq!(c.appliances.len(), 3);
        // Two releases are obeyed, and the second names the one that never answered no longer.
        let told: Vec<_> = c.changes.iter().map(|change| (change.appliance.as_str(), change.at)).collect();
        assert_eq!(told, [("front-desk", morning()), ("back-office", later(121)), ("front-desk", later(125))]);
    }
}

#[test]
fn a_period_that_is_not_over_is_judged_up_to_now() {
    let world = World::day();
    let archive = world.archive();
    let evidence = Evidence::gather(&archive, &site()).unwrap();
    let now = morning().plus_millis(DAY);
    let month = Period::parse("2026-11", now).unwrap();
    let c = evidence.over(Some(Period { from: morning(), ..month }), now);
    assert_eq!((c.period.to, c.is_fine()), (now, true), "{:#?}", c.controls);
}

fn row<'a>(c: &'a Comparison, framework: &str, id: &str) -> &'a FrameworkRow {
    c.matrix.iter().find(|row| (row.framework.as_str(), row.id.as_str()) == (framework, id)).unwrap()
}

#[test]
fn the_matrix_has_the_worst_of_each_id_and_says_procedural_of_what_only_people_do() {
    let maps = |p: &mut Value| {
        let mut map = |control: &str, soc2: &[&str], nist: &[&str]| {
            p["controls"][control]["maps"] = json!({ "soc2": soc2, "nist-800-53": nist, "sop": ["SOP-001"] });
        };
        map("164.312(c)(1)", &["CC7.1", "CC7.1"], &["SI-7"]);
        map("164.312(b)", &["CC7.2"], &["AU-2"]);
        map("164.310(a)(1)", &["CC6.4"], &["PE-3"]);
        map("164.310(d)(1)", &["CC6.5"], &["PE-3", "PE-11"]);
        map("164.312(e)(1)", &["CC7.2"], &["SI-7"]);
        p["exceptions"] = json!({ "EX-001": exception("file.tls", "2027-01-01T00:00:00Z") });
    };
    let mut world = World::empty();
    world.release(1, &policy_json(maps), |_| {});
    world.started(morning());
    world.vector(morning(), later(60), |check, entry| {
        if check == "file.tls" {
            (entry.outcome, entry.failed) = (Outcome::Fail, 12);
        }
    });
    let c = all(&world, later(60));
    let verdicts = |framework: &str, id: &str| {
        let row = row(&c, framework, id);
        (row.verdict, row.verdict_without_exceptions)
    };
    assert_eq!(verdicts("soc2", "CC7.1"), (Verdict::Demonstrated, Verdict::Demonstrated));
    assert_eq!(row(&c, "soc2", "CC7.1").controls, ["164.312(c)(1)"], "named twice, it stands there once");
    assert_eq!(verdicts("soc2", "CC7.2"), (Verdict::Excepted, Verdict::Failed));
    assert_eq!(row(&c, "nist-800-53", "SI-7").controls, ["164.312(c)(1)", "164.312(e)(1)"]);
    assert_eq!(verdicts("nist-800-53", "SI-7"), (Verdict::Excepted, Verdict::Failed));
    assert_eq!(verdicts("soc2", "CC6.4"), (Verdict::Procedural, Verdict::Procedural));
    assert_eq!(
        verdicts("nist-800-53", "PE-3"),
        (Verdict::Procedural, Verdict::Procedural),
        "people, and somebody else"
    );
    assert_eq!(verdicts("nist-800-53", "PE-11"), (Verdict::Inherited, Verdict::Inherited));
    assert_eq!(verdicts("hipaa", "164.312(e)(1)"), (Verdict::Excepted, Verdict::Failed));
    let of = |framework: &str| c.matrix.iter().filter(|row| row.framework == framework).count();
    assert_eq!((of("hipaa"), of("soc2"), of("nist-800-53"), of("sop")), (5, 4, 4, 0));
    let nist: Vec<&str> =
        c.matrix.iter().filter(|row| row.framework == "nist-800-53").map(|row| row.id.as_str()).collect();
    assert_eq!(nist, ["AU-2", "PE-3", "PE-11", "SI-7"]);

    let text = terminal::matrix(&c, PLAIN);
    let line = text.lines().find(|line| line.contains("CC7.2")).unwrap();
    assert!(line.contains("SOC 2") && line.contains("excepted") && line.contains("failed"), "{text}");
    let page = html::render(&c).unwrap();
    assert!(page.contains("<caption>Verdicts by id of NIST SP 800-53</caption>"), "{page}");
    assert!(page.contains("<th scope=\"row\" class=\"keep\">PE-11</th><td><span class=\"pill inherited\">"), "{page}");
}
