//! Checklists: every item is answered from evidence or by people, and nothing is silently well.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use writ_audit::attest::{FAILED, ITEM, RESULT, Statement};
use writ_audit::checklist::{Answer, Checklist, Rhythm, State, checklist};
use writ_policy::outcome::Outcome;

use crate::attesting::{attest, attest_root, statement};
use crate::world::*;

/// The policy with checks that answer items, and duties.
fn furnished(policy: &mut Json) {
    *policy = writ_policy::policy::upgrade(policy.take());
    let duty = |title: &str, every: &str, source: &str| {
        json!({ "title": title, "cadence": { "every": every, "on": null, "within": null }, "day": null, "by": "security official",
            "attach": "The list", "source": [source], "declared_at": { "file": "baselines/hipaa/duties.nix", "line": 9 } })
    };
    policy["duties"] = json!({
        "access.review": duty("Review access", "31d", "CK-09"),
        "restore.test": duty("Read evidence back", "31d", "CK-28"),
        "of.its-own": duty("Something that no checklist has", "30d", "XX-01"),
        "access.audit": duty("Audit access", "92d", "CK-13"),
    });
    policy["controls"]["164.310(a)(1)"]["duties"] =
        json!(["access.review", "restore.test", "of.its-own", "access.audit"]);
    policy["checks"]["file.motd"]["cites"] = json!(["catalogue:CK-02"]);
    policy["checks"]["file.tls"]["cites"] = json!(["catalogue:CK-03", "catalogue:XX-01"]);
}

fn world_with(edit: impl FnOnce(&mut Json)) -> World {
    let mut world = World::under(attest_root(|_| {}));
    let policy = policy_json(|policy| {
        furnished(policy);
        edit(policy);
    });
    world.release(1, &policy, |release| {
        release["generations"]["front-desk"]["policy"]["schema"] = "writ.policy.v2".into();
    });
    world
}

fn lived() -> World {
    let mut world = world_with(|_| {});
    world.live();
    world
}

/// The evening of the day that was lived.
const EVENING: &str = "2026-11-24T06:30:00Z";

fn list(world: &World, rhythm: Rhythm, now: &str) -> Checklist {
    let (list, report) = checklist(&world.archive(), &site(), rhythm, at(now)).unwrap();
    assert_eq!(list.verified, report.ok, "{:#?}", report.problems);
    list
}

#[track_caller]
fn item<'a>(list: &'a Checklist, id: &str) -> &'a Answer {
    let found = list.items.iter().find(|item| item.ids.contains(&id));
    found.unwrap_or_else(|| panic!("no {id}: {:#?}", list.items))
}

#[test]
fn the_daily_list_is_answered_by_verdicts_and_incidents() {
    let world = lived();
    let daily = list(&world, Rhythm::Daily, EVENING);
    assert!(daily.is_fine(), "{:#?}", daily.items);
    for id in ["CK-01", "CK-02", "CK-03", "CK-04"] {
        assert_eq!((item(&daily, id).state, item(&daily, id).automated), (State::Met, true), "{id}");
    }
    let backups = item(&daily, "CK-02");
    assert_eq!((backups.checks[0].check.as_str(), backups.checks[0].evidence.is_empty()), ("file.motd", false));
    // Hours later it was not heard any more, and what was to be looked at since was not.
    let late = list(&world, Rhythm::Daily, "2026-11-24T12:00:00Z");
    assert!(!late.is_fine());
    assert_eq!((item(&late, "CK-01").state, item(&late, "CK-02").state), (State::NotMet, State::NotMet));
    assert!(item(&late, "CK-01").says[0].contains("was last heard 2026-11-24 06:00:00 UTC"), "{late:#?}");
}

#[test]
fn an_item_without_a_check_says_so_and_a_critical_incident_is_seen() {
    let mut world = world_with(|policy| policy["checks"]["file.tls"]["cites"] = json!([]));
    world.live();
    let daily = list(&world, Rhythm::Daily, EVENING);
    let signatures = item(&daily, "CK-03");
    assert_eq!((signatures.state, daily.is_fine()), (State::NoCheck, false));
    assert!(signatures.says[0].contains("no check of front-desk's policy answers it"), "{signatures:?}");
    assert_eq!(item(&daily, "CK-04").state, State::Met);
    world.open("file.tls", at("2026-11-24T06:10:00Z"));
    let daily = list(&world, Rhythm::Daily, EVENING);
    let critical = item(&daily, "CK-04");
    assert!(critical.state == State::NotMet && critical.says[0].contains("INC-20261124-0002 (file.tls on front-desk)"));
}

#[test]
fn the_weekly_list_counts_incidents() {
    let mut world = lived();
    let weekly = list(&world, Rhythm::Weekly, EVENING);
    for id in ["CK-05", "CK-17", "CK-19", "CK-20", "CK-21", "CK-22"] {
        assert_eq!(item(&weekly, id).state, State::Met, "{id}");
    }
    assert!(item(&weekly, "CK-17").says.iter().any(|says| says == "front-desk wrote 28 bundles"));
    // Nobody looks at patches there, and nobody is asked to read logs.
    assert_eq!((item(&weekly, "CK-06").state, item(&weekly, "CK-24").state), (State::NoCheck, State::NoDuty));
    let drift = at("2026-11-24T07:00:00Z");
    let opened = world.open("file.motd", drift);
    world.close("file.motd", opened, drift, drift.plus_millis(3 * HOUR));
    world.open("file.audit", at("2026-11-24T08:00:00Z"));
    let weekly = list(&world, Rhythm::Weekly, "2026-11-24T11:00:00Z");
    for (id, state) in [
        ("CK-05", State::NotMet),
        ("CK-19", State::Met),
        ("CK-20", State::NotMet),
        ("CK-21", State::NotMet),
        ("CK-22", State::Met),
    ] {
        assert_eq!(item(&weekly, id).state, state, "{id}: {:#?}", item(&weekly, id));
    }
    assert_eq!(item(&weekly, "CK-20").says[0], "file_drift (file.motd) on front-desk 2 times");
}

#[test]
fn what_people_do_is_due_until_they_attest_it() {
    let world = lived();
    let monthly = list(&world, Rhythm::Monthly, EVENING);
    let access = item(&monthly, "CK-09");
    assert_eq!((access.state, access.automated, access.duties[0].last.clone()), (State::Due, false, None));
    assert!(access.says[0].contains("never attested"), "{access:?}");
    assert_eq!(item(&monthly, "CK-28").state, State::Due);
    // A duty that belongs to no item is there all the same, and one of a quarter is not.
    let titles: Vec<&str> = monthly.items.iter().filter(|i| i.ids.is_empty()).map(|i| i.title.as_str()).collect();
    assert_eq!(titles, ["Something that no checklist has"]);
    let sealed = attest(&world, statement("access.review"), "2026-11-24T06:10:00Z");
    let monthly = list(&world, Rhythm::Monthly, EVENING);
    let access = item(&monthly, "CK-09");
    assert_eq!((access.state, access.duties[0].state), (State::Done, State::Done));
    let last = access.duties[0].last.as_ref().unwrap();
    assert_eq!((last.by.as_str(), last.digest), ("Sam Okafor", sealed.digest));
    assert_eq!(access.duties[0].next, Some(at("2026-12-25T06:10:00Z")));
    assert_eq!(item(&monthly, "CK-28").state, State::Due, "another duty was done");
    // Past that it is due again.
    let later = list(&world, Rhythm::Monthly, "2026-12-26T00:00:00Z");
    assert_eq!(item(&later, "CK-09").state, State::Due);
    // Such an item by itself changes nothing of what machines show.
    assert!(monthly.items.iter().any(|item| item.state == State::Due));
}

#[test]
fn what_a_program_did_for_an_item_is_told_and_does_no_duty() {
    let world = lived();
    let of_item = |id: &str, more: &[(&str, &str)]| {
        let mut facts: BTreeMap<String, String> =
            more.iter().map(|(name, fact)| ((*name).to_owned(), (*fact).to_owned())).collect();
        facts.insert(ITEM.to_owned(), id.to_owned());
        Statement { facts, ..statement("") }
    };
    let sealed = attest(&world, of_item("CK-28", &[]), "2026-11-24T06:10:00Z");
    let restored = item(&list(&world, Rhythm::Monthly, EVENING), "CK-28").clone();
    assert_eq!((restored.state, restored.duties[0].last.clone()), (State::Due, None));
    let told = format!("({}: The list of keys was reviewed)", sealed.bundle_id);
    assert!(restored.says[0].contains("never attested") && restored.says[1].contains(&told), "{restored:?}");
    // One that failed is not even told of as done.
    attest(&world, of_item("CK-13", &[(RESULT, FAILED)]), "2026-11-24T06:11:00Z");
    let audited = item(&list(&world, Rhythm::Quarterly, EVENING), "CK-13").clone();
    assert!(audited.state == State::Due && audited.says.len() == 1, "{audited:?}");
}

#[test]
fn as_of_the_past_neither_later_releases_nor_later_statements_are_known() {
    let mut world = lived();
    attest(&world, statement("access.review"), "2026-11-24T07:00:00Z");
    let policy = policy_json(|policy| {
        furnished(policy);
        policy["duties"].as_object_mut().unwrap().remove("access.review");
        policy["controls"]["164.310(a)(1)"]["duties"] = json!(["restore.test", "of.its-own", "access.audit"]);
    });
    world.release(2, &policy, |release| {
        release["issued_at"] = "2026-11-25T00:00:00Z".into();
        release["generations"]["front-desk"]["policy"]["schema"] = "writ.policy.v2".into();
    });
    let access = |now: &str| item(&list(&world, Rhythm::Monthly, now), "CK-09").state;
    assert_eq!(access("2026-11-24T06:59:59Z"), State::Due);
    assert_eq!(access("2026-11-24T07:00:00Z"), State::Done);
    assert_eq!(access("2026-11-25T00:00:00Z"), State::NoDuty);
}

#[test]
fn an_appliance_whose_policy_cannot_be_read_is_not_forgotten() {
    let mut world = lived();
    world.release(2, &writ_trust::json::canonical(&json!({ "schema": "writ.policy.v9" })), |release| {
        release["generations"]["front-desk"]["policy"]["schema"] = "writ.policy.v9".into();
    });
    let daily = list(&world, Rhythm::Daily, EVENING);
    assert!(daily.verified && !daily.is_fine(), "{daily:#?}");
    for id in ["CK-01", "CK-02", "CK-03"] {
        let found = item(&daily, id);
        assert_eq!(found.state, State::NotMet, "{found:?}");
        assert!(found.says.iter().any(|says| says.contains("the policy of front-desk cannot be read")), "{found:?}");
    }
    let monthly = list(&world, Rhythm::Monthly, EVENING);
    assert_eq!(item(&monthly, "CK-09").state, State::NotMet, "a duty that cannot be read may ask for it");
}

#[test]
fn keys_that_grow_old_and_exceptions_that_end_are_seen() {
    let mut world = world_with(|policy| {
        policy["exceptions"] = json!({ "EX-001": exception("file.audit", "2026-12-10T00:00:00Z") });
    });
    world.live();
    // The keys count from the first of January on.
    let keys = |now: &str| item(&list(&world, Rhythm::Monthly, now), "CK-27").state;
    assert_eq!((keys("2026-11-24T06:30:00Z"), keys("2026-11-29T00:00:00Z")), (State::Met, State::NotMet));
    let quarterly = list(&world, Rhythm::Quarterly, EVENING);
    let ending = item(&quarterly, "CK-36");
    assert!(ending.state == State::NotMet && ending.says[0].contains("EX-001 ends 2026-12-10"), "{ending:?}");
    assert_eq!(item(&quarterly, "CK-13").state, State::Due);
    assert_eq!(item(&list(&world, Rhythm::Annual, EVENING), "CK-40").state, State::Met);
    // When none counts any more, none is young either.
    let none = item(&list(&world, Rhythm::Annual, "2031-01-01T00:00:00Z"), "CK-40").clone();
    assert!(none.state == State::NotMet && none.says[0].contains("no key"), "{none:?}");
}

#[test]
fn a_folder_that_does_not_verify_is_never_fine() {
    let mut world = lived();
    world.change("file.motd", Outcome::Pass, &[], at("2026-11-24T06:20:00Z"));
    assert!(list(&world, Rhythm::Daily, EVENING).is_fine());
    std::fs::write(world.file(29), "{}").unwrap();
    let daily = list(&world, Rhythm::Daily, EVENING);
    assert!(!daily.is_fine() && daily.first_problem.as_ref().unwrap().starts_with("altered"), "{daily:?}");
    let unknown = "clinic-009".parse().unwrap();
    assert!(checklist(&world.archive(), &unknown, Rhythm::Daily, at(EVENING)).is_err());
}
