//! What evidence teaches: signatures, statistics, states, and that nothing else counts.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};
use writ_audit::costs::Costs;
use writ_audit::learn::{
    Decisions, Figures, Gathering, Library, Parts, Pattern, State, broken, narrowing, parameters, signature, terms,
};
use writ_audit::report::openmetrics;
use writ_audit::report::packet::csv;
use writ_audit::report::packet::review::{Cadence, review};
use writ_audit::report::packet::span::Span;
use writ_audit::report::packet::walk::walk;
use writ_audit::{Archive, Folder, Options};
use writ_evidence::identifier::Salt;
use writ_policy::observation::Observation;
use writ_policy::predicate::{Predicate, Truth};
use writ_policy::runbook::Runbook;
use writ_trust::digest::Digest;

use crate::learn_world::*;
use crate::world::*;

/// The usual policy, with a check of two terms that no rule answers and three runbooks that look at it.
fn policy(name: &str, edit: impl FnOnce(&mut Value)) -> Vec<u8> {
    policy_json(|policy| {
        policy["appliance"] = name.into();
        policy["checks"]["file.audit"]["expect"] = json!({ "mode": { "eq": "0644" }, "size_bytes": { "ge": 1 } });
        for (n, id) in ["RB-A", "RB-B", "RB-C"].iter().enumerate() {
            let mut runbook = policy["runbooks"]["RB-FILE-001"].clone();
            runbook["verify"] = json!(["file.audit"]);
            runbook["steps"][0]["parameters"]["path"] = format!("/etc/audit-{n}").into();
            policy["runbooks"][*id] = runbook;
        }
        edit(policy);
    })
}

const NAMES: [&str; 3] = ["front-desk", "back-office", "lab"];

fn fleet() -> Fleet {
    Fleet::new(&NAMES.map(|name| (name, policy(name, |_| {}))))
}

/// An incident of the check with two terms, which the usual wrong observation breaks the first of.
fn told<'t>(on: &'t str, at: i64, ran: &'t [(&'t str, &'t str)], ended: Ended) -> Told<'t> {
    Told { on, check: "file.audit", seen: wrong(), at, ran, ended }
}

const HELPED: &[(&str, &str)] = &[("RB-A", "helped")];

/// Five heals on three appliances.
fn five() -> Fleet {
    let mut fleet = fleet();
    for (n, on) in (0..).zip(["front-desk", "back-office", "lab", "front-desk", "lab"]) {
        fleet.tell(&told(on, 10 + 5 * n, HELPED, Ended::ByPlan));
    }
    fleet
}

fn learned(fleet: &Fleet) -> Library {
    learned_with(fleet, &Decisions::default())
}

fn learned_with(fleet: &Fleet, decisions: &Decisions) -> Library {
    Library::gather(&fleet.world.archive(), None, &Figures::default(), decisions).0
}

fn only(library: &Library) -> &Pattern {
    let [pattern] = &library.patterns[..] else { panic!("{:#?}", library.patterns) };
    pattern
}

#[test]
fn five_heals_on_three_appliances_are_one_candidate() {
    let fleet = five();
    let verified = fleet.world.verify();
    assert!(verified.ok, "{:#?}", verified.problems);
    let library = learned(&fleet);
    let pattern = only(&library);
    assert_eq!((pattern.check.as_str(), pattern.runbook.as_str()), ("file.audit", "RB-A"));
    assert_eq!(pattern.conditions, [r#"{"mode":{"eq":"0644"}}"#], "the term that was broken, and not what was seen");
    assert_eq!((pattern.occurrences, pattern.successes, pattern.failures, pattern.success_permille), (5, 5, 0, 1000));
    assert_eq!((pattern.state, pattern.mean_ms), (State::Eligible, 2 * 60_000));
    assert_eq!(pattern.first_seen, morning().plus_millis(10 * MINUTE));
    assert_eq!(pattern.last_seen, morning().plus_millis(30 * MINUTE));
    assert_eq!(pattern.sites, ["clinic-001"]);
    assert_eq!(pattern.appliances, ["clinic-001/back-office", "clinic-001/front-desk", "clinic-001/lab"]);
    let [share] = &pattern.shares[..] else { panic!("{:?}", pattern.shares) };
    assert_eq!((share.occurrences, share.success_permille), (5, 1000));
    assert!(pattern.bundles.len() == 5 && pattern.bundles[0].starts_with("clinic-001/back-office/EB-2026"));
    assert!(pattern.id.len() == 12 && pattern.signature.to_string().starts_with(&format!("sha256:{}", pattern.id)));
    assert_eq!(pattern.rule_id(), format!("L1-LEARNED-{}", pattern.id.to_uppercase()));
    assert_eq!((library.tiers.l2, library.tiers.l1, library.tiers.open), (5, 0, 0));
    let calls = library.calls;
    assert_eq!((calls.made, calls.failed, calls.input_tokens, calls.microdollars), (5, 0, 500, 6000));
    assert_eq!((library.verified, library.excluded, library.not_judged), (true, 0, 0));
    assert_eq!(library.find(&pattern.id[..4])[0], pattern);
    assert_eq!(library.find(&pattern.rule_id())[0], pattern);
    assert!(library.find("").is_empty() && library.find("zz").is_empty());
    let rejected = learned_with(&fleet, &Decisions { rejected: [pattern.id.clone()].into() });
    assert_eq!(only(&rejected).state, State::Rejected);
}

#[test]
fn of_a_plan_of_several_runbooks_the_last_is_the_success() {
    let mut fleet = fleet();
    let ran: &[_] = &[("RB-A", "failed"), ("RB-B", "helped"), ("RB-C", "not-run")];
    fleet.tell(&told("lab", 10, ran, Ended::ByPlan));
    // Interrupted: nobody knows. Ended by people: it did not help. Still open: what failed has failed.
    fleet.tell(&told("lab", 20, &[("RB-A", "interrupted")], Ended::ByPeople));
    fleet.tell(&told("lab", 30, &[("RB-B", "failed")], Ended::ByPeople));
    fleet.tell(&told("lab", 40, &[("RB-C", "failed")], Ended::No));
    let library = learned(&fleet);
    let count = |runbook: &str| {
        let of = library.patterns.iter().filter(|p| p.runbook == runbook);
        of.map(|p| (p.successes, p.failures)).collect::<Vec<_>>()
    };
    assert_eq!((count("RB-A"), count("RB-B"), count("RB-C")), (vec![(0, 1)], vec![(1, 1)], vec![(0, 1)]));
    assert!(library.patterns.iter().all(|p| p.state == State::Pending));
    assert_eq!((library.tiers.l2, library.tiers.l3, library.tiers.open), (1, 2, 1));
}

#[test]
fn what_is_broken_otherwise_or_runs_otherwise_is_another_pattern() {
    let mut fleet = fleet();
    fleet.tell(&told("lab", 10, HELPED, Ended::ByPlan));
    let empty = Observation::new().with("mode", "0644").with("size_bytes", 0);
    fleet.tell(&Told { seen: empty, ..told("lab", 20, HELPED, Ended::ByPlan) });
    let both = Observation::new().with("mode", "0666").with("size_bytes", 0);
    fleet.tell(&Told { seen: both, ..told("lab", 30, HELPED, Ended::ByPlan) });
    // What evidence holds as a keyed hash can break anything, or nothing.
    let hashed = Observation::new().with("mode", Salt::new([7; 32]).hash("0600")).with("size_bytes", 7);
    fleet.tell(&Told { seen: hashed, ..told("lab", 40, HELPED, Ended::ByPlan) });
    // The same runbook by name does something else since the next release.
    let changed = |name| {
        policy(name, |policy| {
            policy["runbooks"]["RB-A"]["steps"][0]["parameters"]["path"] = "/etc/other".into();
            policy["runbooks"]["RB-B"]["title"] = "The same in other words".into();
        })
    };
    fleet.tell(&told("lab", 50, &[("RB-B", "helped")], Ended::ByPlan));
    fleet.release(&NAMES.map(|name| (name, changed(name))));
    fleet.tell(&told("lab", 60, HELPED, Ended::ByPlan));
    fleet.tell(&told("lab", 70, &[("RB-B", "helped")], Ended::ByPlan));
    let library = learned(&fleet);
    let mut conditions: Vec<_> =
        library.patterns.iter().filter(|p| p.runbook == "RB-A").map(|p| p.conditions.len()).collect();
    conditions.sort_unstable();
    assert_eq!(conditions, [0, 1, 1, 1, 2]);
    let same: Vec<u64> = library.patterns.iter().filter(|p| p.runbook == "RB-B").map(|p| p.occurrences).collect();
    assert_eq!(same, [2], "a title does nothing");
}

#[test]
fn only_evidence_that_verified_counts_and_the_rest_is_told() {
    let fleet = five();
    // A bundle of the lab was altered: the incident that it closed is not known to have ended.
    let folder = fleet.folder("lab");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "json"));
    files.sort();
    let closing = &files[3];
    let text = std::fs::read_to_string(closing).unwrap();
    std::fs::write(closing, text.replace("service:writ-enforce", "service:writ-enforcf")).unwrap();
    let library = learned(&fleet);
    assert!(!library.verified);
    assert_eq!(only(&library).occurrences, 4, "{:#?}", library.patterns);
    assert_eq!(only(&library).state, State::Pending);
    // The same chain twice: what is told after the fork has two histories.
    let twice = five();
    let folder = twice.folder("lab");
    std::fs::copy(folder.join(files[3].file_name().unwrap()), folder.join("9-EB-20261123-0009.json")).unwrap();
    let report = twice.world.verify();
    assert!(!report.ok);
    let library = learned(&twice);
    let counted: u64 = library.patterns.iter().map(|p| p.occurrences).sum();
    assert!(!library.verified);
    assert_eq!(counted + library.excluded, 5, "each is counted once or told to be left out: {:#?}", library.patterns);
}

#[test]
fn a_rule_of_the_newest_release_is_promoted_and_withdrawable_when_it_fails() {
    let mut fleet = five();
    let id = only(&learned(&fleet)).rule_id();
    let rule = id.clone();
    let with_rule = move |name: &str| {
        policy(name, |policy| {
            policy["rules"][&rule] = json!({ "title": "Learned", "when": { "check": "file.audit", "observation":
                { "mode": { "ne": "0644" } } }, "run": "RB-A", "priority": 40, "attempts": 1, "cooldown": "10m",
                "controls": ["164.312(b)"], "declared_at": { "file": "rules/learned/x.nix", "line": 1 } });
        })
    };
    fleet.release(&NAMES.map(|name| (name, with_rule(name))));
    let library = learned(&fleet);
    assert_eq!((only(&library).state, only(&library).rule.as_ref()), (State::Promoted, Some(&id)));
    assert_eq!((library.rules[0].tried, library.rules[0].withdrawable), (0, false));
    let by_rule = Ended::ByRule(Box::leak(id.clone().into_boxed_str()));
    for n in 0..4 {
        fleet.tell(&told("lab", 100 + 5 * n, &[], by_rule));
    }
    let library = learned(&fleet);
    assert_eq!((library.rules[0].tried, library.rules[0].resolved, library.tiers.l1), (4, 4, 4));
    // It ran in vain, as the steps say that were done, and people ended it.
    let name = only(&library).runbook.clone();
    fleet.tell(&told("lab", 130, &[(&name, "failed")], Ended::ByPeople));
    assert_eq!(learned(&fleet).rules[0].tried, 4, "that was a plan's run");
    // By the word of the bundle itself.
    for at in [140, 150] {
        fleet.ran_in_vain(&told("lab", at, &[], by_rule));
    }
    let library = learned(&fleet);
    let rule = &library.rules[0];
    assert_eq!((rule.tried, rule.resolved, rule.success_permille, rule.withdrawable), (6, 4, 666, true));
    assert_eq!(rule.pattern.as_deref(), Some(id.to_lowercase().trim_start_matches("l1-learned-")));
    assert_eq!(library.patterns[0].state, State::Withdrawable);
}

/// A learned rule for the check with two terms, as a policy has it.
fn rule(runbook: &str, priority: i64) -> Value {
    json!({ "title": "Learned", "when": { "check": "file.audit", "observation": null }, "run": runbook,
        "priority": priority, "attempts": 1, "cooldown": "10m", "controls": ["164.312(b)"], "declared_at": { "file": "rules/learned/x.nix", "line": 1 } })
}

/// The enforcer names no rule as the last once a plan has run: what the rule did before is told by its steps.
#[test]
fn a_rule_that_a_plan_comes_to_the_rescue_of_failed_and_one_that_shares_a_step_did_not_run() {
    let [in_vain, idle] = ["L1-LEARNED-0123456789AB", "L1-LEARNED-0123456789AC"];
    let with_rules = |name: &str| {
        policy(name, |policy| {
            let mut shared = policy["runbooks"]["RB-A"]["steps"][0].clone();
            shared["id"] = "shared".into();
            shared["parameters"]["path"] = "/etc/shared".into();
            for (id, runbook, priority) in [(in_vain, "RB-A", 40), (idle, "RB-C", 39)] {
                policy["runbooks"][runbook]["steps"].as_array_mut().unwrap().push(shared.clone());
                policy["rules"][id] = rule(runbook, priority);
            }
        })
    };
    let mut fleet = Fleet::new(&NAMES.map(|name| (name, with_rules(name))));
    for n in 0..5 {
        fleet.after_rules(&["RB-A"], &told("lab", 10 + 5 * n, &[("RB-B", "helped")], Ended::ByPlan));
    }
    let library = learned(&fleet);
    let ran: Vec<_> = library.rules.iter().map(|r| (r.rule.as_str(), r.tried, r.resolved, r.withdrawable)).collect();
    assert_eq!(ran, [(in_vain, 5, 0, true), (idle, 0, 0, false)]);
    // No plan ever had its runbook run: it has no pattern here, and reviews and alerts tell of it all the same.
    assert_eq!(only(&library).runbook, "RB-B");
    let archive = fleet.world.archive();
    let walked = walk(&archive, None, &Decisions::default()).unwrap();
    let later = morning().plus_millis(3 * HOUR);
    let made = review(&walked, Cadence::Week, &Span::week("2026-W48").unwrap(), later);
    assert_eq!(made.figures.iter().find(|figure| figure.id == "weak").unwrap().value, Some(1));
    let rules = csv::files(&made).into_iter().find(|file| file.name == "promoted-rules.csv").unwrap();
    assert!(rules.text.contains(&format!("writ learn withdraw {in_vain}")), "{}", rules.text);
    let evidence = &walked.sites[0].evidence;
    let comparison = evidence.over(None, later);
    let costs = Costs::of(&comparison, evidence);
    let figures = openmetrics::Figures { comparison: &comparison, library: &walked.library, costs: &costs };
    let text = openmetrics::text(&figures);
    let line = format!("writ_rule_success_percent{{site=\"clinic-001\",rule=\"{in_vain}\"}} 0\n");
    assert!(text.contains(&line), "{text}");
}

/// No plan runs for what a rule answers: that it is a rule does not make a pattern old.
#[test]
fn a_pattern_whose_rule_still_answers_is_not_to_be_cleared_out() {
    let mut fleet = five();
    let id = only(&learned(&fleet)).rule_id();
    let with_rule = |name: &str| policy(name, |policy| policy["rules"][&id] = rule("RB-A", 40));
    fleet.release(&NAMES.map(|name| (name, with_rule(name))));
    let week = 7 * DAY / MINUTE;
    fleet.tell(&told("lab", week, &[], Ended::ByRule(Box::leak(id.clone().into_boxed_str()))));
    let archive = fleet.world.archive();
    let walked = walk(&archive, None, &Decisions::default()).unwrap();
    let review = |week: &str| {
        let span = Span::week(week).unwrap();
        csv::files(&review(&walked, Cadence::Quarter, &span, morning().plus_millis(30 * DAY)))
    };
    let stale = |week: &str| review(week).iter().any(|file| file.name == "stale.csv");
    assert_eq!([stale("2026-W49"), stale("2026-W50")], [false, true]);
}

/// A rule that answers more than the pattern that it was made of is still of that one, whichever was seen first.
#[test]
fn a_rule_belongs_to_the_pattern_that_its_id_names() {
    let mut fleet = five();
    let id = only(&learned(&fleet)).id.clone();
    let empty = Observation::new().with("mode", "0644").with("size_bytes", 0);
    fleet.tell(&Told { seen: empty, ..told("lab", 60, HELPED, Ended::ByPlan) });
    let name_of_rule = format!("L1-LEARNED-{}", id.to_uppercase());
    let with_rule = |name: &str| policy(name, |policy| policy["rules"][&name_of_rule] = rule("RB-A", 40));
    fleet.release(&NAMES.map(|name| (name, with_rule(name))));
    let library = learned(&fleet);
    assert_eq!(library.patterns.iter().filter(|p| p.rule.as_ref() == Some(&name_of_rule)).count(), 2);
    assert_eq!(library.rules[0].pattern, Some(id));
}

#[test]
fn figures_are_the_baselines() {
    let strict = Figures { occurrences_least: 6, ..Figures::default() };
    let fleet = five();
    let (library, _) = Library::gather(&fleet.world.archive(), Some(&site()), &strict, &Decisions::default());
    assert_eq!(only(&library).state, State::Pending);
    let usual = Figures::default();
    assert!(usual.suffices(9, 10) && !usual.suffices(8, 9) && !usual.suffices(4, 4) && usual.suffices(5, 5));
    assert!(usual.withdraws(5, 6) && !usual.withdraws(17, 20) && usual.withdraws(16, 20) && !usual.withdraws(0, 4));
    let all = Figures { occurrences_least: 0, success_least_percent: 0, withdraw_below_percent: 0 };
    assert!(!all.suffices(0, 0) && !all.withdraws(0, 0));
}

/// Everything of a folder that a walk hands out, several times, in another order.
fn shuffled(archive: &Archive, seed: u64, times: usize) -> Library {
    struct Kept {
        path: String,
        fingerprint: String,
        bundle: writ_evidence::Bundle,
        digest: Digest,
    }
    let mut kept = Vec::new();
    let report = archive.walk(&mut |stored| {
        let (path, fingerprint) = (stored.path.to_owned(), stored.fingerprint.to_owned());
        kept.push(Kept { path, fingerprint, bundle: stored.bundle, digest: stored.digest });
    });
    let mut order: Vec<usize> = (0..kept.len()).cycle().take(kept.len() * times).collect();
    order.sort_by_key(|n| Digest::of(&[&seed.to_be_bytes()[..], &n.to_be_bytes()].concat()));
    let mut gathering = Gathering::begin(archive);
    for n in order {
        let Kept { path, fingerprint, bundle, digest } = &kept[n];
        gathering.take(&writ_audit::archive::Stored {
            path,
            fingerprint,
            bundle: bundle.clone(),
            digest: *digest,
            signature: b"",
            size: 1,
        });
    }
    gathering.finish(&report, &Figures::default(), &Decisions::default())
}

#[test]
fn order_duplicates_and_threads_mean_nothing() {
    let mut fleet = five();
    let ran: &[_] = &[("RB-A", "failed"), ("RB-B", "helped")];
    fleet.tell(&told("lab", 100, ran, Ended::ByPlan));
    fleet.tell(&told("lab", 110, &[("RB-C", "failed")], Ended::No));
    let expected = learned(&fleet);
    let archive = fleet.world.archive();
    for seed in 0..4 {
        assert_eq!(shuffled(&archive, seed, 1 + seed as usize % 3), expected);
    }
    let options = Options { trust: fleet.world.trust(), ..Options::default() };
    let open = || Archive::open(Folder::open(fleet.world.path()).unwrap(), &options);
    for jobs in [1, 4] {
        let archive = open().with_jobs(jobs.try_into().unwrap());
        assert_eq!(Library::gather(&archive, None, &Figures::default(), &Decisions::default()).0, expected);
    }
    let printed = serde_json::to_value(&expected).unwrap();
    assert_eq!(
        (&printed["patterns"][0]["state"], &printed["patterns"][0]["occurrences"]),
        (&"pending".into(), &6.into())
    );
}

fn predicate(json: &Value) -> Predicate {
    Predicate::from_json(json).unwrap()
}

/// The terms of a check, in the order of `order`, nested and repeated as it says.
fn written(parts: &[Value], order: &[usize]) -> Predicate {
    let mut parts: Vec<Predicate> = order.iter().map(|n| predicate(&parts[n % parts.len()])).collect();
    let inner = parts.split_off(parts.len() / 2);
    parts.push(Predicate::All(inner));
    Predicate::All(parts)
}

fn parts() -> Vec<Value> {
    vec![
        json!({ "mode": { "in": ["0600", "0640"] } }),
        json!({ "size": { "ge": 1 } }),
        json!({ "any": [ { "a": { "eq": 1 } }, { "b": { "eq": "x" } } ] }),
        json!({ "not": { "c": { "matches": "x.*" } } }),
    ]
}

fn digest_of(expect: &Predicate, seen: &Observation) -> Digest {
    signature(&Parts {
        incident_type: "t",
        check: "c",
        broken: &broken(&terms(expect), seen),
        runbook: "R",
        parameters: Digest::of(b""),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// However an expectation is written, the same observation gives the same signature.
    #[test]
    fn a_signature_knows_no_order(order in Just((0..4).collect::<Vec<usize>>()).prop_shuffle(), again in 0_usize..4,
        mode in 0_usize..3, size in 0_i64..3, a in 0_i64..3, c in "[xy]{1,2}") {
        let mode = ["0600", "0640", "0644"][mode];
        let seen = Observation::new().with("mode", mode).with("size", size).with("a", a).with("b", "y").with("c", c.as_str());
        let plain = written(&parts(), &[0, 1, 2, 3]);
        let repeated = [order.clone(), vec![again]].concat();
        prop_assert_eq!(digest_of(&plain, &seen), digest_of(&written(&parts(), &order), &seen));
        prop_assert_eq!(digest_of(&plain, &seen), digest_of(&written(&parts(), &repeated), &seen));
        let mut turned = parts();
        turned[0] = json!({ "mode": { "in": ["0640", "0600", "0640"] } });
        turned[2]["any"].as_array_mut().unwrap().reverse();
        turned[3] = json!({ "not": { "all": [ { "not": { "not": { "c": { "matches": "x.*" } } } } ] } });
        prop_assert_eq!(digest_of(&plain, &seen), digest_of(&written(&turned, &order), &seen));
    }

    /// What narrows a rule holds exactly where the terms are broken that the pattern is about.
    #[test]
    fn a_rule_answers_what_its_pattern_is_about(size in 0_i64..3, a in 0_i64..3, mode in 0_usize..3, c in "[xy]") {
        let mode = ["0600", "0640", "0644"][mode];
        let seen = Observation::new().with("mode", mode).with("size", size).with("a", a).with("b", "y").with("c", c.as_str());
        let expect = written(&parts(), &[0, 1, 2, 3]);
        let broken = broken(&terms(&expect), &seen);
        match narrowing(&expect, &broken).unwrap() {
            Some(narrowed) => prop_assert_eq!(narrowed.evaluate(&seen), Truth::True),
            None => prop_assert!(broken.is_empty()),
        }
        for one in terms(&expect) {
            let narrowed = narrowing(&expect, [&one.text]).unwrap().unwrap();
            prop_assert_eq!(narrowed.evaluate(&seen) == Truth::True, broken.contains(&one.text));
        }
    }

    /// Other parts, another signature.
    #[test]
    fn different_things_have_different_signatures(words in prop::collection::btree_set("[a-c\"{},:]{1,4}", 2..6)) {
        let words: Vec<String> = words.into_iter().collect();
        let mut seen = BTreeSet::new();
        let all: BTreeSet<String> = words.iter().cloned().collect();
        for word in &words {
            let one = BTreeSet::from([word.clone()]);
            for broken in [&BTreeSet::new(), &one, &all] {
                for (incident_type, check, runbook) in [(word.as_str(), "x", "x"), ("x", word, "x"), ("x", "x", word)] {
                    let parameters = Digest::of(b"");
                    seen.insert(signature(&Parts { incident_type, check, broken, runbook, parameters }));
                }
            }
        }
        prop_assert_eq!(seen.len(), words.len() * 9);
    }
}

#[test]
fn parameters_are_what_a_runbook_does() {
    let runbook = |edit: &dyn Fn(&mut Value)| {
        let mut json: Value = serde_json::from_slice(&policy_json(|_| {})).unwrap();
        let runbook = &mut json["runbooks"]["RB-FILE-001"];
        edit(runbook);
        parameters(&serde_json::from_value::<Runbook>(runbook.take()).unwrap())
    };
    let plain = runbook(&|_| {});
    let same: [&dyn Fn(&mut Value); 4] = [
        &|r| r["title"] = "Other words".into(),
        &|r| r["version"] = "9".into(),
        &|r| r["steps"][0]["timeout"] = "20s".into(),
        &|r| r["steps"][0]["id"] = "other".into(),
    ];
    assert!(same.iter().all(|edit| runbook(edit) == plain));
    let other: [&dyn Fn(&mut Value); 4] = [
        &|r| r["steps"][0]["parameters"]["mode"] = "0600".into(),
        &|r| r["steps"][0]["step"] = "file.remove".into(),
        &|r| r["steps"][0]["undo"] = json!({ "step": "x", "parameters": {}, "timeout": "1s" }),
        &|r| {
            let step = r["steps"][0].clone();
            r["steps"].as_array_mut().unwrap().push(step);
        },
    ];
    let all: BTreeSet<Digest> = other.iter().map(|edit| runbook(edit)).chain([plain]).collect();
    assert_eq!(all.len(), 5);
}
