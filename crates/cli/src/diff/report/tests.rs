//! What a report comes to, and that all forms of it say the same.

use serde_json::{Value, json};

use super::super::compare::{ExceptionOf, KeyChange, Lists, Located};
use super::super::{human, json as report_json, markdown};
use super::*;

fn changed(effect: Effect, path: &[&str], before: Value, after: Option<Value>) -> Located {
    let path = path.iter().map(|key| (*key).to_owned()).collect();
    let change = Change { path, before: Some(before), after, effect, why: None, entries: None, witness: None };
    Located { change, at: None, reason: None, override_removed: false, others: Vec::new() }
}

fn weaker(path: &[&str], before: Value, after: Option<Value>) -> Located {
    changed(Effect::Weaker, path, before, after)
}

fn name(name: &str) -> Name {
    ("s".to_owned(), name.to_owned())
}

fn fate(status: Status) -> Fate {
    Fate { status, key: None, system_type: None }
}

fn report(appliances: Vec<(Name, Fate)>, groups: Vec<Group>) -> Report {
    let revision = || Revision { name: "x".to_owned(), revision: None, commit: None };
    let compared = Compared { appliances: appliances.into_iter().collect(), groups, exceptions: Vec::new() };
    Report {
        from: revision(),
        to: revision(),
        compared,
        closures: BTreeMap::new(),
        figures: Vec::new(),
        rings: Vec::new(),
    }
}

#[test]
fn the_gravest_is_told_first_and_the_same_loss_once() {
    let checks = ["controls", "A", "checks"];
    let groups = vec![
        Group {
            appliances: vec![name("a")],
            changes: vec![
                weaker(&["checks", "c", "every"], json!("5m"), Some(json!("1h"))),
                weaker(&checks, json!(["x", "y"]), Some(json!(["y"]))),
                weaker(&["checks", "c", "expect", "n", "ge"], json!(5), Some(json!(4))),
            ],
        },
        Group {
            appliances: vec![name("b")],
            changes: vec![
                weaker(&checks, json!(["x", "z"]), Some(json!(["z"]))),
                weaker(&["checks", "d"], json!({}), None),
            ],
        },
    ];
    let of = |name: Name| (name, fate(Status::Changed));
    let report = report(vec![of(name("a")), of(name("b"))], groups);
    let told: Vec<(String, usize)> =
        report.weaknesses().into_iter().map(|one| (one.what.to_string(), one.appliances.len())).collect();
    let told: Vec<(&str, usize)> = told.iter().map(|(what, of)| (what.as_str(), *of)).collect();
    assert_eq!(
        told,
        [
            ("checks.d: removed", 1),
            ("checks.c.expect.n.ge: 5 → 4", 1),
            ("controls.A.checks: -\"x\"", 2),
            ("checks.c.every: \"5m\" → \"1h\"", 1),
        ]
    );
    assert_eq!((report.totals().of.weaker, report.totals().weaker_appliances), (5, 2));
}

fn exception(id: &str, event: Event, effect: Effect) -> ExceptionOf {
    let text = |text: &str| text.to_owned();
    let (id, lifts, expires) = (text(id), text("c"), text("2027-03-01T00:00:00Z"));
    let (approved_by, reason) = (text("R"), text("Why."));
    let (approved_at, approval, approval_unchanged) = (text("2026-11-01T00:00:00Z"), text("sha256:a"), false);
    let change = ExceptionChange {
        id,
        event,
        effect,
        lifts,
        expires,
        approved_by,
        approved_at,
        approval,
        approval_unchanged,
        reason,
        changes: Vec::new(),
        at: Some("hosts/s/site.nix:7".to_owned()),
    };
    ExceptionOf { change, appliances: vec![name("a")] }
}

/// A report with something of every kind.
fn everything() -> Report {
    let level = |effect, n: u32| changed(effect, &["checks", &format!("c{n}"), "every"], json!(n), Some(json!(n + 1)));
    let kinds = [Effect::Weaker, Effect::Unclear, Effect::Stronger, Effect::Same];
    let many = |of: &[usize]| {
        let effects = kinds.iter().zip(of).flat_map(|(effect, n)| vec![*effect; *n]);
        (0..).zip(effects).map(|(n, effect)| level(effect, n)).collect()
    };
    let groups = vec![
        Group { appliances: vec![name("a"), name("b")], changes: many(&[3, 1, 2, 1]) },
        Group { appliances: vec![name("b")], changes: many(&[4, 0, 0, 2]) },
        Group { appliances: vec![name("c")], changes: many(&[0, 1, 1, 1]) },
    ];
    let key = |before: Option<&str>| Some(KeyChange { before: before.map(str::to_owned), after: Some("k".to_owned()) });
    let machine = Some(("x86_64-linux".to_owned(), "aarch64-linux".to_owned()));
    let appliances = vec![
        (name("a"), Fate { key: key(None), ..fate(Status::Changed) }),
        (name("b"), Fate { key: key(Some("j")), system_type: machine, ..fate(Status::Changed) }),
        (name("c"), fate(Status::Changed)),
        (name("d"), fate(Status::Removed)),
        (name("e"), fate(Status::Removed)),
        (name("f"), fate(Status::Added)),
        (name("g"), fate(Status::Unchanged)),
    ];
    let mut report = report(appliances, groups);
    report.compared.exceptions = vec![
        exception("E1", Event::Opened, Effect::Weaker),
        exception("E2", Event::Changed { fields: vec!["reason".to_owned()] }, Effect::Unclear),
        exception("E3", Event::Shortened { days: 3 }, Effect::Stronger),
        exception("E4", Event::Closed, Effect::Stronger),
        exception("E5", Event::Removed, Effect::Same),
        exception("E6", Event::Ending { days: 3 }, Effect::Same),
    ];
    let moved = (0..9).map(|n| format!("checks.c{n}.every")).collect();
    let (before, after) = (Some(json!(1)), Some(json!(2)));
    report.figures = vec![FigureChange { baseline: "b".to_owned(), id: "f".to_owned(), before, after, moved }];
    let path = |path: &str| Some(format!("/nix/store/{path}"));
    report.closures = BTreeMap::from([
        (name("a"), Closure::Changed { before: path("x"), after: path("y"), files: Vec::new() }),
        (name("b"), Closure::Changed { before: path("x"), after: None, files: Vec::new() }),
        (name("c"), Closure::Unknown { why: "nobody knows".to_owned() }),
        (name("g"), Closure::Same { path: "/nix/store/x".to_owned() }),
    ]);
    report
}

#[test]
fn every_form_counts_what_it_lists() {
    let report = everything();
    let human: Vec<String> =
        human::lines(&report).iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect();
    let comment = markdown::render(&report);
    let document = report_json::value(&report).unwrap();
    // Two removed appliances are two lines; an exception that had ended and one that ends soon change nothing.
    let counts = Counts { weaker: 3 + 4 + 1 + 2, unclear: 1 + 1 + 1 + 2 + 1, stronger: 3 + 2, reworded: 1 + 2 + 1 };
    assert_eq!(report.totals().of, counts);
    let words =
        |words: &[&str]| human.iter().filter(|line| words.iter().any(|w| line.starts_with(&format!("  {w} ")))).count();
    let signs = |sign: &str| comment.lines().filter(|line| line.starts_with(&format!("- {sign} "))).count();
    let listed = Counts {
        weaker: words(&["weaker  ", "removed "]),
        unclear: words(&["unclear "]),
        stronger: words(&["stronger"]),
        reworded: words(&["reworded"]),
    };
    assert_eq!(listed, counts, "{human:#?}");
    let listed = Counts {
        weaker: signs("🔴"),
        unclear: signs("🟡 unclear"),
        stronger: signs("🟢"),
        reworded: signs("⚪ reworded"),
    };
    assert_eq!(listed, counts, "{comment}");
    for (word, n) in [("weaker", counts.weaker), ("unclear", counts.unclear), ("stronger", counts.stronger)] {
        assert_eq!(document["totals"][word], n, "{document:#}");
    }
    // A system that Nix cannot name is one more of which nobody knows.
    assert_eq!((&document["weaker"], &document["unclear"]), (&json!(true), &json!(counts.unclear + 1)));
    assert_eq!(document["sites"]["s"]["appliances"].as_object().unwrap().len(), 7);
    let last =
        "7 appliances compared: 10 weaker, 6 unclear, 5 stronger, 4 reworded, 2 systems change, 1 system unknown";
    assert_eq!(human.last().unwrap(), last);
    assert!(comment.contains(last), "{comment}");
}

#[test]
fn every_form_heads_its_lists_with_the_same_counts() {
    let report = everything();
    let human: Vec<String> =
        human::lines(&report).iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect();
    let comment = markdown::render(&report);
    let document = report_json::value(&report).unwrap();
    for (place, title, marked) in
        [(0, "s/a, s/b", "<code>s/a</code>, <code>s/b</code>"), (1, "s/b", "<code>s/b</code>")]
    {
        let words = Counts::of_group(&report.compared.groups[place]).words();
        assert!(human.contains(&format!("{title} ({words})")), "{human:#?}");
        let summary = format!("<summary>In {marked} ({words})</summary>");
        assert!(comment.contains(&summary), "{summary}: {comment}");
        let counts: Counts = Counts::of_group(&report.compared.groups[place]);
        assert_eq!(document["groups"][place]["counts"], serde_json::to_value(counts).unwrap());
    }
    // Few are not counted.
    assert!(human.contains(&"s/c".to_owned()) && comment.contains("**In `s/c`**"), "{comment}");
    // The other lists are counted by their entries.
    assert!(human.contains(&"exceptions (6)".to_owned()), "{human:#?}");
    assert!(comment.contains("<summary>Exceptions (6)</summary>"), "{comment}");
    assert_eq!(document["exceptions"].as_array().unwrap().len(), 6);
    assert!(human.contains(&"appliances (6)".to_owned()) && comment.contains("<summary>Appliances (6)</summary>"));
    // What is left out of a line is said.
    assert!(human.iter().any(|line| line.ends_with("checks.c5.every and 3 more")), "{human:#?}");
    assert!(comment.contains("`checks.c5.every` and 3 more"), "{comment}");
}

#[test]
fn the_verdict_leaves_no_change_uncounted() {
    let mut report = everything();
    // The same words of another appliance, whose override has a reason of its own.
    let mut again = weaker(&["checks", "c0", "every"], json!(0), Some(json!(1)));
    again.reason = Some("Because.".to_owned());
    report.compared.groups.push(Group { appliances: vec![name("g")], changes: vec![again] });
    let weaker = report.totals().of.weaker;
    assert_eq!(report.weaknesses().iter().map(|one| one.changes).sum::<usize>(), weaker);
    let told: Vec<usize> = report.weaknesses().iter().map(|one| one.changes).collect();
    let more = |shown: usize| weaker - told.iter().take(shown).sum::<usize>();
    let human = human::lines(&report);
    assert!(human.contains(&format!("  and {} more changes", more(3))), "{human:#?}");
    let comment = markdown::render(&report);
    assert!(comment.contains(&format!(" {} more changes weaken it.**", more(1))), "{comment}");
    assert!(comment.contains(&format!("\n- and {} more below\n", more(5))), "{comment}");
}

#[test]
fn no_form_shows_what_looks_like_a_secret() {
    let (key, lines) = ("AKIAIOSFODNN7EXAMPLE", "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n");
    let url = format!("https://user:hunter2hunter2@host.example and {key}");
    let mut one = weaker(&["checks", "c", "title"], json!(key), Some(json!({ "a": [lines, url] })));
    one.change.why = Some(Words::default().quote(&url));
    one.reason = Some(url.clone());
    one.others = vec![Lists { appliances: vec!["s/b".to_owned()], before: json!([key]), after: json!([lines]) }];
    let mut report = report(vec![(name("a"), fate(Status::Changed))], Vec::new());
    report.compared.groups = vec![Group { appliances: vec![name("a")], changes: vec![one] }];
    report.figures = vec![FigureChange {
        baseline: "b".to_owned(),
        id: "f".to_owned(),
        before: None,
        after: Some(json!(url)),
        moved: vec![],
    }];
    let forms =
        [human::lines(&report).concat(), markdown::render(&report), report_json::value(&report).unwrap().to_string()];
    for form in forms {
        assert!(form.contains("****"), "{form}");
        for secret in [key, "hunter2", "MIIEvQ"] {
            assert!(!form.contains(secret), "{secret}: {form}");
        }
    }
}
