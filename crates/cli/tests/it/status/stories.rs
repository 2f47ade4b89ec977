//! Incidents told from their bundles, however full the outbox is.

use std::fs;

use serde_json::json;

use super::says;
use crate::doctor::house::{House, run};

/// What waited for the disk is on it: the state holds no bundle any more.
fn settle(house: &House) {
    house.edit_state("state.json", |state| state["tail"] = json!([]));
}

/// The outbox's files.
fn outbox(house: &House) -> Vec<String> {
    let names = fs::read_dir(house.path("spool/outbox")).unwrap();
    names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn what_was_healed_and_what_is_open_are_stories() {
    let house = House::new();
    let mut policy = house.policy();
    policy["settings"]["circuit_breaker"] = json!({ "fires": 12, "within": "1h" });
    house.add_rule(&mut policy, true, 3);
    let mut enforcer = house.enforcing(&policy);
    house.break_it();
    run(&mut enforcer, &policy);
    let report =
        says(&house, 0, "well", &["incidents 0 open; the last one that was closed:", "· file.motd: healed after "]);
    let closed = &report["incidents"]["closed"][0];
    assert_eq!((&closed["standing"], &closed["attempts"]), (&json!("resolved"), &json!(1)), "{closed}");
    let told = closed["told"].to_string();
    for words in [
        "The check file.motd had failed",
        "ran runbook RB-FILE-001",
        "Step 1, ",
        "passes",
        "was resolved by the appliance",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    // Many that were closed: the last ten, the newest first.
    for _ in 0..12 {
        house.break_it();
        run(&mut enforcer, &policy);
    }
    let report = says(&house, 1, "needs-person", &[]);
    let (open, closed) = (&report["incidents"]["open"], report["incidents"]["closed"].as_array().unwrap());
    assert_eq!((open.as_array().unwrap().len(), closed.len()), (1, 10), "the breaker left one to people: {report}");
    assert!(closed.windows(2).all(|two| two[0]["incident_id"].as_str() > two[1]["incident_id"].as_str()), "{closed:?}");
    let told = open[0]["told"].to_string();
    for words in ["the check file.motd failed on ", "Why: mode eq", "it went up to L3", "People have it"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert_eq!(open[0]["next"], report["causes"][0]["next"]);
    // The bundle that opened it was delivered long ago and is gone: the state tells it.
    let opened = outbox(&house);
    settle(&house);
    opened.iter().for_each(|name| fs::remove_file(house.path("spool/outbox").join(name)).unwrap());
    let report = says(&house, 1, "needs-person", &["the check file.motd failed on front-desk"]);
    assert_eq!(report["incidents"]["closed"], json!([]));
}

#[test]
fn a_full_outbox_is_not_gone_through() {
    let house = House::new();
    let mut policy = house.policy();
    policy["settings"]["circuit_breaker"] = json!({ "fires": 12, "within": "1h" });
    house.add_rule(&mut policy, true, 3);
    let mut enforcer = house.enforcing(&policy);
    house.break_it();
    run(&mut enforcer, &policy);
    assert_eq!(says(&house, 0, "well", &[])["incidents"]["closed"].as_array().unwrap().len(), 1);
    settle(&house);
    // Thousands of newer bundles that tell of no incident: the closed one is beyond what is read, and that is said.
    for n in 1_000..3_000 {
        fs::write(house.path(&format!("spool/outbox/{n}-EB-20991231-{n}.json")), b"{}").unwrap();
    }
    let all = outbox(&house).iter().filter(|name| name.ends_with(".json")).count();
    let report = says(&house, 0, "well", &["left out: ", "older bundles on this machine left unread"]);
    assert_eq!(report["incidents"]["closed"], json!([]));
    let left_out = report["incidents"]["left_out"].as_str().unwrap();
    assert!(left_out.starts_with(&writ_audit::words::thousands(all as u64 - 500)), "{left_out} of {all}");
}

/// What this appliance did not sign tells nothing, whatever it says.
#[test]
fn a_bundle_of_a_stranger_is_no_story() {
    let house = House::new();
    let mut policy = house.policy();
    policy["settings"]["circuit_breaker"] = json!({ "fires": 12, "within": "1h" });
    house.add_rule(&mut policy, true, 3);
    let mut enforcer = house.enforcing(&policy);
    house.break_it();
    run(&mut enforcer, &policy);
    settle(&house);
    let own = outbox(&house).into_iter().filter(|name| name.ends_with(".json"));
    let is_closing = |name: &String| {
        fs::read_to_string(house.path("spool/outbox").join(name)).unwrap().contains("\"kind\":\"incident-closed\"")
    };
    let closing = own.clone().find(is_closing).unwrap();
    let text = fs::read_to_string(house.path("spool/outbox").join(&closing)).unwrap();
    fs::write(house.path("spool/outbox").join(&closing), text.replace("file.motd", "file.meek")).unwrap();
    let report = says(&house, 0, "well", &["1 bundle in the outbox not signed by this appliance, so not told"]);
    assert_eq!(report["incidents"]["closed"], json!([]));
}
