//! What each change comes to.

use serde_json::json;

use super::*;

fn policy() -> Json {
    json!({
        "baselines": {"hipaa": "1"},
        "controls": {"A": {"severity": "high", "coverage": "automated", "checks": ["c"], "declared_at": {"line": 1}}},
        "checks": {"c": {"every": "5m", "severity": "high", "probe": {"file": {"path": "/a"}}, "prefer": null,
            "expect": {"mode": {"eq": "0644"}, "age": {"le": 26}}}},
        "rules": {"r": {"when": {"check": "c", "observation": null}, "run": "b", "attempts": 3}},
        "runbooks": {"b": {"steps": [{"id": "x"}]}},
        "exceptions": {"e": {"check": "c", "expires": "2027-01-01T00:00:00Z"}},
        "settings": {"sla": {"high": "1h"}, "retention": {"evidence": "6y"}, "probation": {"checks": null},
            "escalation": {"l1_failures": {"high": 2}}, "evidence_budget_mb": 512},
    })
}

/// Replaces what a pointer names; null removes it.
fn edited(pointer: &str, value: Json) -> Json {
    let mut policy = policy();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = policy.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    if value == json!("gone") {
        parent.remove(key)
    } else {
        parent.insert(key.to_owned(), value)
    };
    policy
}

#[test]
fn each_change_has_its_effect_and_its_opposite() {
    for (pointer, value, path) in [
        ("/checks/c", json!("gone"), "checks.c"),
        ("/controls/A", json!("gone"), "controls.A"),
        ("/exceptions/f", json!({"check": "c"}), "exceptions.f"),
        ("/exceptions/e/expires", json!("2028-01-01T00:00:00Z"), "exceptions.e.expires"),
        ("/checks/c/every", json!("1h"), "checks.c.every"),
        ("/checks/c/severity", json!("low"), "checks.c.severity"),
        ("/checks/c/expect/age/le", json!(30), "checks.c.expect.age.le"),
        ("/checks/c/expect/mode", json!("gone"), "checks.c.expect.mode"),
        ("/controls/A/checks", json!([]), "controls.A.checks"),
        ("/settings/sla/high", json!("4h"), "settings.sla.high"),
        ("/settings/retention/evidence", json!("1y"), "settings.retention.evidence"),
        ("/settings/probation/checks", json!(["c"]), "settings.probation.checks"),
        ("/settings/evidence_budget_mb", json!(1), "settings.evidence_budget_mb"),
    ] {
        let (before, after) = (policy(), edited(pointer, value));
        let there = diff_json(&before, &after);
        assert_eq!(there.changes.len(), 1, "{there:?}");
        assert_eq!(there.changes[0].path.join("."), path);
        assert_eq!(there.changes[0].effect, Effect::Weaker, "{path}");
        assert!(there.weakens());
        let back = diff_json(&after, &before);
        assert_eq!(back.changes[0].effect, Effect::Stronger, "{path}, back");
        assert_eq!(
            (&back.changes[0].before, &back.changes[0].after),
            (&there.changes[0].after, &there.changes[0].before)
        );
    }
}

#[test]
fn predicates_are_compared_by_what_they_allow() {
    for (before, after, effect) in [
        (json!({"n": {"le": 26}}), json!({"any": [{"n": {"le": 26}}, {"n": {"ge": 0}}]}), Effect::Weaker),
        (
            json!({"any": [{"a": {"eq": 1}}, {"b": {"eq": 1}}]}),
            json!({"any": [{"b": {"eq": 1}}, {"a": {"eq": 1}}]}),
            Effect::Same,
        ),
        (json!({"s": {"in": ["x", "y"]}}), json!({"s": {"in": ["x"]}}), Effect::Stronger),
        (json!({"s": {"in": ["x", "y"]}}), json!({"s": {"eq": "x"}}), Effect::Stronger),
        (json!({"s": {"matches": "x"}}), json!({"s": {"matches": "y"}}), Effect::Weaker),
        (json!({"l": {"subset_of": ["x"]}}), json!({"l": {"subset_of": ["x", "y"]}}), Effect::Weaker),
        (json!({"l": {"superset_of": ["x"]}}), json!({"l": {"superset_of": ["x", "y"]}}), Effect::Stronger),
        (json!({"n": {"ge": 5}}), json!({"n": {"ge": 3, "ne": 4}}), Effect::Weaker),
        (json!({"n": {"ge": 5}}), json!({"n": {"ge": 3, "ne": 6}}), Effect::Weaker),
    ] {
        let (a, b) = (edited("/checks/c/expect", before.clone()), edited("/checks/c/expect", after.clone()));
        let effects: BTreeSet<Effect> = diff_json(&a, &b).changes.iter().map(|c| c.effect).collect();
        assert_eq!(effects, BTreeSet::from([effect]), "{before} → {after}");
    }
}

#[test]
fn what_has_two_sides_is_unclear_on_one() {
    for (pointer, value) in [
        ("/rules/r", json!("gone")),
        ("/rules/r/attempts", json!(2)),
        ("/controls/A/coverage", json!("procedural")),
        ("/settings/escalation/l1_failures/high", json!(9)),
    ] {
        let (before, after) = (policy(), edited(pointer, value));
        let effects = |a: &Json, b: &Json| diff_json(a, b).changes.iter().map(|c| c.effect).collect::<Vec<_>>();
        assert_eq!(effects(&before, &after), [Effect::Weaker], "{pointer}");
        assert_eq!(effects(&after, &before), [Effect::Unclear], "{pointer}, back");
    }
}

#[test]
fn a_severity_that_a_channel_does_not_tell_is_not_stronger() {
    let with = |severity: &str, told: Json| {
        let mut policy = edited("/checks/c/severity", json!(severity));
        policy["settings"]["notify"] = json!({"desk": {"severities": told}});
        policy
    };
    for (told, effect) in [
        (json!(["low"]), Effect::Unclear),
        (json!(["low", "high"]), Effect::Stronger),
        (json!([]), Effect::Stronger),
        (json!(null), Effect::Stronger),
    ] {
        let diff = diff_json(&with("low", told.clone()), &with("high", told.clone()));
        assert_eq!(diff.changes.len(), 1);
        assert_eq!(diff.changes[0].effect, effect, "{told}");
    }
}

#[test]
fn to_call_people_instead_of_healing_is_weaker_once() {
    let rule = |run: Json, escalate: Json| json!({ "r": { "when": {"check": "c"}, "run": run, "escalate": escalate } });
    let (heals, calls) = (rule(json!("b"), json!(null)), rule(json!(null), json!({"severity": "high"})));
    let effects = |a: &Json, b: &Json| diff_section("rules", a, b).iter().map(|c| c.effect).collect::<Vec<_>>();
    assert_eq!(effects(&heals, &calls), [Effect::Unclear, Effect::Weaker]);
    assert_eq!(effects(&calls, &heals), [Effect::Unclear, Effect::Unclear]);
}

#[test]
fn an_item_may_have_the_name_of_a_field() {
    for name in ["schema", "site", "appliance", "declared_at", "rules_version"] {
        for parent in ["/checks", "/controls", "/rules", "/settings/contacts", "/settings/notify"] {
            let mut before = policy();
            before["settings"]["contacts"] = json!({});
            before["settings"]["notify"] = json!({});
            let mut after = before.clone();
            after.pointer_mut(parent).unwrap()[name] = json!({"title": "New"});
            assert_eq!(diff_json(&before, &after).changes.len(), 1, "{parent}/{name}");
            assert_eq!(diff_json(&after, &before).changes[0].effect, Effect::Weaker, "{parent}/{name}");
        }
        let mut after = policy();
        after["checks"]["c"]["expect"][name] = json!({"eq": 1});
        assert_eq!(diff_json(&after, &policy()).changes[0].effect, Effect::Weaker, "a field {name}");
    }
}

#[test]
fn places_and_digests_are_no_changes() {
    assert!(diff_json(&policy(), &edited("/controls/A/declared_at", json!({"line": 2}))).is_empty());
    assert!(diff_json(&policy(), &policy()).is_empty());
}

#[test]
fn to_claim_more_is_not_to_protect_more() {
    let control = |coverage: &str, checks: &[&str]| json!({ "A": { "coverage": coverage, "checks": checks } });
    for (before, after, effects) in [
        (control("partial", &["c"]), control("automated", &["c"]), vec![("coverage", Effect::Unclear)]),
        (control("automated", &["c"]), control("partial", &["c"]), vec![("coverage", Effect::Unclear)]),
        (
            control("partial", &["c"]),
            control("automated", &["c", "d"]),
            vec![("checks", Effect::Stronger), ("coverage", Effect::Stronger)],
        ),
        (
            control("automated", &["c", "d"]),
            control("partial", &["c"]),
            vec![("checks", Effect::Weaker), ("coverage", Effect::Weaker)],
        ),
        (control("partial", &["c"]), control("procedural", &["c"]), vec![("coverage", Effect::Weaker)]),
        (control("procedural", &["c"]), control("inherited", &["c"]), vec![("coverage", Effect::Unclear)]),
        // A check that was exchanged for another does not count any more.
        (control("partial", &["c"]), control("partial", &["d"]), vec![("checks", Effect::Weaker)]),
    ] {
        let found: Vec<(String, Effect)> = diff_section("controls", &before, &after)
            .into_iter()
            .map(|change| (change.path.last().unwrap().clone(), change.effect))
            .collect();
        let wanted: Vec<(String, Effect)> =
            effects.into_iter().map(|(name, effect)| (name.to_owned(), effect)).collect();
        assert_eq!(found, wanted, "{before} → {after}");
    }
}

#[test]
fn a_new_rule_beside_another_may_take_its_place() {
    let rule = |check: &str| json!({ "when": { "check": check } });
    let before = json!({ "a": rule("c") });
    let after = json!({ "a": rule("c"), "b": rule("c"), "d": rule("e") });
    let changes = diff_section("rules", &before, &after);
    assert_eq!((changes[0].effect, changes[1].effect), (Effect::Unclear, Effect::Stronger), "{changes:?}");
    assert_eq!(changes[0].why.as_deref(), Some("another rule answers c already: priority decides which runs first"));
    // One that answers more may take the place of the other, too.
    let narrow = json!({ "a": rule("c"), "b": {"when": {"check": "c", "observation": {"n": {"le": 4}}}} });
    let wide = json!({ "a": rule("c"), "b": {"when": {"check": "c", "observation": {"n": {"le": 5}}}} });
    assert_eq!(diff_section("rules", &narrow, &wide)[0].effect, Effect::Unclear);
    assert_eq!(diff_section("rules", &wide, &narrow)[0].effect, Effect::Weaker);
    assert!(diff_section("rules", &after, &before).iter().all(|change| change.effect == Effect::Weaker));
}

#[test]
fn settings_have_their_directions() {
    let settings = json!({
        "title": "A", "tier": "essential", "approvers": ["a"],
        "planner": {"enabled": false, "review": "before",
            "model": {"url": "https://models.example/v1", "key": "k", "insecure": false, "deadline": "4s", "budget": {"calls_per_day": 9}}},
        "contacts": {"k": {"person": "K", "answers_within": "15m"}, "l": {"person": "L", "answers_within": "15m"}},
        "escalation": {"l2_failures": 2, "no_answer": "30m", "acknowledge": "15m", "updates": {"high": "4h"}, "report": "72h",
            "route": {"high": ["k"], "low": []}, "contacts": ["K"]},
        "notify": {"n": {"severities": ["high"], "events": ["escalated"]}},
        "quiet_hours": {"from": "22:00", "to": "07:00", "severities": ["low"]},
        "retention": {"logs": "1y", "online": "30d", "reports": null}, "maintenance": {"windows": []},
        "circuit_breaker": {"fires": 5, "within": "1h"}, "probation": {"window": "5m", "checks": null},
    });
    for (pointer, value, effect) in [
        ("/title", json!("B"), Effect::Same),
        ("/tier", json!("enterprise"), Effect::Unclear),
        ("/approvers", json!(["a", "b"]), Effect::Unclear),
        ("/planner/enabled", json!(true), Effect::Unclear),
        ("/planner/review", json!("after"), Effect::Weaker),
        ("/planner/model", json!(null), Effect::Stronger),
        ("/planner/model/url", json!("https://others.example/v1"), Effect::Unclear),
        ("/planner/model/key", json!(null), Effect::Unclear),
        ("/planner/model/insecure", json!(true), Effect::Unclear),
        ("/planner/model/budget/calls_per_day", json!(90), Effect::Unclear),
        ("/contacts/k/answers_within", json!("1h"), Effect::Weaker),
        ("/contacts/k/person", json!("M"), Effect::Unclear),
        ("/escalation/l2_failures", json!(1), Effect::Stronger),
        ("/escalation/no_answer", json!("1h"), Effect::Weaker),
        ("/escalation/acknowledge", json!("5m"), Effect::Stronger),
        ("/escalation/updates/high", json!("8h"), Effect::Weaker),
        ("/escalation/report", json!("80h"), Effect::Weaker),
        ("/escalation/route/high", json!(["k", "l"]), Effect::Stronger),
        ("/escalation/route/high", json!(["l"]), Effect::Weaker),
        ("/escalation/route/high", json!(["l", "k"]), Effect::Unclear),
        // An empty route is everybody: those who were called are so still, and others after them.
        ("/escalation/route/high", json!([]), Effect::Stronger),
        ("/escalation/route/low", json!(["l"]), Effect::Weaker),
        ("/escalation/route/low", json!(["k", "l"]), Effect::Same),
        ("/notify/n/severities", json!(["high", "low"]), Effect::Stronger),
        ("/quiet_hours/from", json!("20:00"), Effect::Unclear),
        ("/quiet_hours/severities", json!(["low", "high"]), Effect::Unclear),
        ("/notify/n/events", json!([]), Effect::Weaker),
        ("/retention/logs", json!("2y"), Effect::Stronger),
        ("/retention/online", json!(null), Effect::Weaker),
        ("/retention/reports", json!("1y"), Effect::Stronger),
        ("/maintenance/windows", json!([{"days": ["sun"]}]), Effect::Unclear),
        ("/circuit_breaker/fires", json!(1), Effect::Unclear),
        ("/probation/window", json!("1m"), Effect::Weaker),
    ] {
        let mut after = settings.clone();
        *after.pointer_mut(pointer).unwrap() = value.clone();
        let changes = diff_section("settings", &settings, &after);
        assert_eq!(changes.len(), 1, "{pointer}: {changes:?}");
        assert_eq!(changes[0].effect, effect, "{pointer} = {value}");
        let empty = |value: &Option<Json>| *value == Some(json!([]));
        let everybody = pointer.contains("/route/") && (empty(&changes[0].before) || empty(&changes[0].after));
        let told = everybody || matches!(effect, Effect::Weaker | Effect::Unclear);
        assert_eq!(changes[0].why.is_some(), told, "{pointer}");
    }
    // Whoever had none tells a model from now on.
    let mut none = settings.clone();
    none["planner"].as_object_mut().unwrap().remove("model");
    let changes = diff_section("settings", &none, &settings);
    assert_eq!((changes.len(), changes[0].effect), (1, Effect::Weaker), "{changes:?}");
    assert_eq!(changes[0].why.as_deref(), Some("what fails is told to a language model"));
    // Another first one: sooner or later than before, nobody knows.
    let mut after = settings.clone();
    after["contacts"]["l"]["role"] = json!("primary");
    after["escalation"]["route"]["high"] = json!([]);
    let changes = diff_section("settings", &settings, &after);
    let route = changes.iter().find(|change| change.path.ends_with(&["high".to_owned()])).unwrap();
    assert_eq!(route.effect, Effect::Unclear);
    assert!(route.why.as_ref().unwrap().contains("everybody"), "{route:?}");
    // What tickets say follows from the contacts, and is told once.
    let mut after = settings.clone();
    after["contacts"]["k"]["person"] = json!("M");
    after["escalation"]["contacts"] = json!(["M"]);
    assert_eq!(diff_section("settings", &settings, &after).len(), 1);
    after["contacts"] = settings["contacts"].clone();
    assert_eq!(diff_section("settings", &settings, &after)[0].path, ["settings", "escalation", "contacts"]);
}

#[test]
fn a_contact_that_nothing_can_reach_is_nobody() {
    let contact = |email: Option<&str>, phone: Option<&str>| json!({"person": "K", "role": "primary", "email": email, "phone": phone});
    let of = |email, phone| json!({"contacts": {"k": contact(email, phone)}});
    let both = of(Some("k@x"), Some("112"));
    for (before, after, wanted) in [
        (&both, of(None, Some("112")), (Effect::Weaker, "one way less")),
        (&both, of(None, None), (Effect::Weaker, "nobody can reach")),
        (&of(Some("k@x"), None), of(None, None), (Effect::Weaker, "nobody can reach")),
        (&both, of(Some("l@x"), Some("112")), (Effect::Unclear, "leads elsewhere")),
        (&of(None, None), both.clone(), (Effect::Stronger, "")),
        (&json!({"contacts": {}}), both.clone(), (Effect::Stronger, "")),
        (&json!({"contacts": {}}), of(None, None), (Effect::Unclear, "how to reach")),
    ] {
        let changes = diff_section("settings", before, &after);
        assert!(!changes.is_empty());
        for change in changes {
            assert_eq!(change.effect, wanted.0, "{change:?}");
            assert!(change.why.clone().unwrap_or_default().contains(wanted.1), "{change:?}");
        }
    }
}

#[test]
fn an_exception_is_told_apart_from_its_approval() {
    let (now, soon) = ("2026-11-23T00:00:00Z".parse().unwrap(), "30d".parse().unwrap());
    let one = |expires: &str, approval: &str| json!({"e": {"check": "c", "expires": expires, "approval": approval}});
    let before = one("2027-03-01T00:00:00Z", "sha256:a");
    let unchanged = |after: &Json| {
        let changes = exceptions(&before, after, now, &soon);
        (changes[0].event.clone(), changes[0].approval_unchanged)
    };
    assert_eq!(unchanged(&one("2027-06-01T00:00:00Z", "sha256:a")), (Event::Extended { days: 92 }, true));
    assert_eq!(unchanged(&one("2027-06-01T00:00:00Z", "sha256:b")), (Event::Extended { days: 92 }, false));
    assert!(!exceptions(&json!({}), &before, now, &soon)[0].approval_unchanged);
}

#[test]
fn exceptions_are_told_as_a_calendar() {
    let now = "2026-11-23T00:00:00Z".parse().unwrap();
    let soon = "30d".parse().unwrap();
    let one = |expires: &str| json!({ "check": "c", "expires": expires, "approved_by": "R", "reason": "because" });
    let events = |a: &Json, b: &Json| -> Vec<(Event, Effect)> {
        exceptions(a, b, now, &soon).into_iter().map(|change| (change.event, change.effect)).collect()
    };
    let (none, march, june) =
        (json!({}), json!({"e": one("2027-03-01T00:00:00Z")}), json!({"e": one("2027-06-01T00:00:00Z")}));
    let (past, december) = (json!({"e": one("2026-11-22T00:00:00Z")}), json!({"e": one("2026-12-10T12:00:00Z")}));
    let mut other = march.clone();
    other["e"]["check"] = json!("d");
    let mut reworded = march.clone();
    reworded["e"]["approved_by"] = json!("S");
    let sooner = reworded.clone();
    let never = json!({"e": one("9999-99-99T00:00:00Z")});
    let mut elsewhere = never.clone();
    elsewhere["e"]["check"] = json!("d");
    let mut moved = march.clone();
    moved["e"]["declared_at"] = json!({"file": "x", "line": 3});
    for (before, after, wanted) in [
        (&none, &march, vec![(Event::Opened, Effect::Weaker)]),
        (&march, &june, vec![(Event::Extended { days: 92 }, Effect::Weaker)]),
        (&june, &march, vec![(Event::Shortened { days: 92 }, Effect::Stronger)]),
        (&june, &sooner, vec![(Event::Shortened { days: 92 }, Effect::Unclear)]),
        (&past, &march, vec![(Event::Reopened, Effect::Weaker)]),
        (&march, &none, vec![(Event::Closed, Effect::Stronger)]),
        (&past, &none, vec![(Event::Removed, Effect::Same)]),
        (&march, &other, vec![(Event::Redirected { from: "c".to_owned() }, Effect::Weaker)]),
        (&march, &reworded, vec![(Event::Changed { fields: vec!["approved_by".to_owned()] }, Effect::Unclear)]),
        (&december, &december, vec![(Event::Ending { days: 18 }, Effect::Same)]),
        (&march, &march, vec![]),
        (&march, &moved, vec![]),
        (&past, &past, vec![]),
        (&json!(null), &json!({"e": 5}), vec![(Event::Opened, Effect::Weaker)]),
        (&json!({"e": 5}), &json!({"e": 6}), vec![(Event::Changed { fields: vec![] }, Effect::Weaker)]),
        (&march, &never, vec![(Event::Changed { fields: vec!["expires".to_owned()] }, Effect::Weaker)]),
        (&never, &march, vec![(Event::Changed { fields: vec!["expires".to_owned()] }, Effect::Unclear)]),
        (&never, &elsewhere, vec![(Event::Redirected { from: "c".to_owned() }, Effect::Weaker)]),
        (&never, &never, vec![]),
    ] {
        assert_eq!(events(before, after), wanted, "{before} → {after}");
    }
}
