//! A policy diff for people: one line for each change, what weakens protection first.

use std::borrow::Cow;

use serde_json::Value as Json;
use writ_policy::diff::{Change, Diff, Effect, Words};
use writ_policy::predicate::Predicate;
use writ_policy::validate::{gives_away, path_text, redacted};

use crate::library::words;
use crate::screen;

/// The longest value that is shown whole, in characters.
const LONGEST: usize = 60;
/// The longest predicate that is shown whole, in characters.
const LONGEST_PREDICATE: usize = 120;
/// The most entries of a list that are shown as those that it loses and gains.
const MOST_ENTRIES: usize = 8;

/// The changes of one appliance's policy as lines, each indented by two spaces; none when nothing changed.
pub fn lines(diff: &Diff) -> Vec<String> {
    let mut changes: Vec<&Change> = diff.changes.iter().collect();
    changes.sort_by_key(|change| change.effect);
    changes.into_iter().map(line).collect()
}

/// The counts in a few words, such as `2 weaker, 1 stronger, 3 other changes`.
pub fn summary(diff: &Diff) -> String {
    let count = |wanted: &[Effect]| diff.changes.iter().filter(|change| wanted.contains(&change.effect)).count();
    let parts: Vec<String> = [
        (count(&[Effect::Weaker]), "weaker"),
        (count(&[Effect::Stronger]), "stronger"),
        (count(&[Effect::Unclear, Effect::Same]), "otherwise changed"),
    ]
    .into_iter()
    .filter(|(n, _)| *n > 0)
    .map(|(n, what)| format!("{n} {what}"))
    .collect();
    if parts.is_empty() { "unchanged".to_owned() } else { parts.join(", ") }
}

fn line(change: &Change) -> String {
    let why = change.why.as_deref().map(|why| screen::paint(screen::DIM, &format!(" ({})", safe(why))));
    format!("  {} {}{}", effect(change.effect), told(change), why.unwrap_or_default())
}

/// The word for an effect, in its colour, eight columns wide.
pub fn effect(effect: Effect) -> String {
    let (style, word) = match effect {
        Effect::Weaker => (screen::RED, "weaker"),
        Effect::Stronger => (screen::GREEN, "stronger"),
        Effect::Unclear => (screen::YELLOW, "unclear"),
        Effect::Same => (screen::DIM, "reworded"),
    };
    screen::paint(style, &format!("{word:<8}"))
}

/// A change in a sentence: where it is, as Nix writes that, and what it is.
pub fn told(change: &Change) -> Words {
    let (path, what) = (safe(&path_text(&change.path)), what(change));
    // A value belongs to its path.
    let value = what.is_quote().then(|| Words::default().quote(format!("{path}: {what}")));
    value.unwrap_or_else(|| Words::default().quote(path).ours(": ").then(&what))
}

/// What a change is: what was added or removed, or the value before and after.
pub fn what(change: &Change) -> Words {
    let with = |word: &str, value: &Json| match detail(&change.path, value) {
        Some(detail) => Words::from(word).ours(" (").quote(detail).ours(")"),
        None => Words::from(word),
    };
    if let Some([was, is]) = &change.entries {
        return listed(was, is);
    }
    if let ["runbooks", _, "steps"] = change.path.iter().map(String::as_str).collect::<Vec<_>>()[..]
        && let (Some(was), Some(is)) = (steps(&change.before), steps(&change.after))
    {
        // What differs and has no words.
        let json = |value: &Option<Json>| value.clone().unwrap_or_default();
        let same = || Words::default().quote(differing(&json(&change.before), &json(&change.after)));
        return if was == is { same() } else { listed(&was, &is) };
    }
    match (&change.before, &change.after) {
        (None, Some(after)) => with("added", after),
        (Some(before), None) => with("removed", before),
        (Some(before), Some(after)) => {
            Words::default().quote(match (worded(&change.path, before), worded(&change.path, after)) {
                (None, None) => differing(before, after),
                (words, now) => {
                    let words = words.unwrap_or_else(|| text(before));
                    between(&words, &now.unwrap_or_else(|| text(after)), LONGEST_PREDICATE)
                }
            })
        }
        (None, None) => Words::default(),
    }
}

/// The steps of a runbook in words; none where one of them is no step.
fn steps(value: &Option<Json>) -> Option<Vec<String>> {
    let call = |name: &Json, parameters: &Json| -> Option<String> {
        let given = parameters.as_object().into_iter().flatten();
        let given: Vec<String> = given.map(|(name, value)| format!(" {name}={}", words::parameter(value))).collect();
        Some(format!("{}{}", name.as_str()?, given.concat()))
    };
    let one = |step: &Json| -> Option<String> {
        let (id, timeout) = (step["id"].as_str()?, step["timeout"].as_str()?);
        let undo = match &step["undo"] {
            Json::Null => String::new(),
            undo => {
                let most = undo["timeout"].as_str().map(|most| format!(", at most {most}")).unwrap_or_default();
                format!(", undone by {}{most}", call(&undo["step"], &undo["parameters"])?)
            }
        };
        Some(format!("{id}: {}, at most {timeout}{undo}", call(&step["step"], &step["parameters"])?))
    };
    value.as_ref()?.as_array()?.iter().map(one).collect()
}

/// What a list loses and gains, whose entries are said in words.
fn listed(was: &[String], is: &[String]) -> Words {
    let less = |from: &[String], other: &[String]| -> Vec<String> {
        from.iter().filter(|entry| !other.contains(entry)).map(|entry| safe(entry)).collect()
    };
    let signed = |sign: &str, entries: &[String]| -> Vec<String> {
        entries.iter().map(|entry| format!("{sign}{}", shortened_to(entry, 0, LONGEST_PREDICATE))).collect()
    };
    let (gone, new) = (less(was, is), less(is, was));
    match (gone.as_slice(), new.as_slice()) {
        ([], []) => Words::from("in another order, or another number of times"),
        ([gone], [new]) => Words::default().quote(between(gone, new, LONGEST_PREDICATE)),
        _ if gone.len() + new.len() <= MOST_ENTRIES => {
            let all = [signed("-", &gone), signed("+", &new)].concat();
            Words::default().quote(all.join(", "))
        }
        _ => Words::from(format!("{} go, {} come", gone.len(), new.len()).as_str()),
    }
}

/// Two values of a field that is a text, before and after.
pub fn values(before: Option<&str>, after: Option<&str>) -> String {
    let json = |value: Option<&str>| value.map_or(Json::Null, Json::from);
    between(&text(&json(before)), &text(&json(after)), LONGEST_PREDICATE)
}

/// A predicate, or what it says of one field, in words; none of any other value.
fn worded(path: &[String], value: &Json) -> Option<String> {
    let rest = match path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["checks", _, "expect" | "prefer", ref rest @ ..] | ["rules", _, "when", "observation", ref rest @ ..] => {
            rest.to_vec()
        }
        _ => return None,
    };
    let whole = match rest[..] {
        [] => value.clone(),
        [field] => serde_json::json!({ field: value }),
        _ => return None,
    };
    let predicate = Predicate::from_json(&whole).ok().filter(|_| value.is_object())?;
    let text = predicate.to_string();
    // Around the whole, brackets tell nothing.
    let bare = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')).filter(|t| !t.contains(['(', ')']));
    Some(safe(bare.unwrap_or(&text)))
}

/// Stars what looks like a key or a password in every text of a value; a text of several lines as a whole, since the lines
/// of a key do not look like one.
pub fn conceal(value: &mut Json) {
    match value {
        Json::String(text) if text.contains('\n') && gives_away(text).is_some() => "****".clone_into(text),
        Json::String(text) => {
            if let Cow::Owned(starred) = redacted(text) {
                *text = starred;
            }
        }
        Json::Array(items) => items.iter_mut().for_each(conceal),
        Json::Object(object) => object.values_mut().for_each(conceal),
        _ => {}
    }
}

/// Text of a policy, which may hold any character: in one line, as nothing that a terminal obeys, and without what looks
/// like a key or a password, since a difference is shown to more people than the file it is in.
pub fn safe(text: &str) -> String {
    writ_trust::text::escaped(redacted(text))
}

/// The same of a sentence: what it quotes is text of a policy.
pub fn safe_words(words: &Words) -> Words {
    words.pieces().into_iter().fold(Words::default(), |safely, (piece, quoted)| match quoted {
        true => safely.quote(safe(piece)),
        false => safely.ours(piece),
    })
}

/// What an added or removed value is, in brief: its title, or itself when it is small or a predicate.
fn detail(path: &[String], value: &Json) -> Option<String> {
    if let Some(words) = worded(path, value) {
        return Some(shortened_to(&words, 0, LONGEST_PREDICATE));
    }
    match value {
        Json::Object(item) => item.get("title").and_then(Json::as_str).map(|title| shortened(&safe(title), 0)),
        other => Some(shown(other)),
    }
}

/// The entries that a list loses and gains, where it is told by these: they are few, and do not look alike.
pub fn entries(before: &Json, after: &Json) -> Option<String> {
    let (Json::Array(a), Json::Array(b)) = (before, after) else { return None };
    let entries = |from: &[Json], other: &[Json], sign: &str| -> Vec<String> {
        from.iter().filter(|entry| !other.contains(entry)).map(|entry| format!("{sign}{}", shown(entry))).collect()
    };
    let (gone, new) = (entries(a, b, "-"), entries(b, a, "+"));
    let look_alike = gone.iter().any(|entry| new.iter().any(|other| other[1..] == entry[1..]));
    let changed = [gone, new].concat();
    (!changed.is_empty() && changed.len() <= MOST_ENTRIES && !look_alike).then(|| changed.join(" "))
}

fn differing(before: &Json, after: &Json) -> String {
    // Of nothing, and of what becomes nothing, the whole is told: an empty list may mean everything.
    let is_empty = |value: &Json| value.as_array().is_some_and(Vec::is_empty);
    let listed = entries(before, after).filter(|_| !is_empty(before) && !is_empty(after));
    listed.unwrap_or_else(|| between(&text(before), &text(after), LONGEST))
}

/// Two texts that differ, each of at most `longest` characters.
fn between(before: &str, after: &str, longest: usize) -> String {
    let short = |text, from| shortened_to(text, from, longest);
    let (short_before, short_after) = (short(before, 0), short(after, 0));
    if short_before != short_after {
        return format!("{short_before} → {short_after}");
    }
    // Both begin alike: shown from shortly before the first difference.
    let same = before.chars().zip(after.chars()).take_while(|(a, b)| a == b).count();
    let from = same.saturating_sub(longest / 3);
    format!("{} → {}", short(before, from), short(after, from))
}

/// A value in one line, as Nix writes it where that is as short.
fn shown(value: &Json) -> String {
    shortened(&text(value), 0)
}

/// A value in one line, whole.
fn text(value: &Json) -> String {
    let mut value = value.clone();
    conceal(&mut value);
    let text = match &value {
        Json::Null => "none".to_owned(),
        Json::Array(entries) if entries.is_empty() => "[ ]".to_owned(),
        Json::Array(entries) => format!("[ {} ]", entries.iter().map(Json::to_string).collect::<Vec<_>>().join(" ")),
        other => other.to_string(),
    };
    safe(&text)
}

/// At most [`LONGEST`] characters of a text and signs of what was left out, from a character on.
fn shortened(text: &str, from: usize) -> String {
    shortened_to(text, from, LONGEST)
}

fn shortened_to(text: &str, from: usize, longest: usize) -> String {
    let (start, left) = (if from == 0 { "" } else { "…" }, text.chars().skip(from));
    if left.clone().count() <= longest {
        return format!("{start}{}", left.collect::<String>());
    }
    format!("{start}{}…", left.take(longest - 1).collect::<String>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use writ_policy::diff::diff_json;

    use super::*;

    #[test]
    fn what_weakens_comes_first_with_its_values() {
        let before = json!({
            "checks": {"disk.root": {"title": "Space", "expect": {"free": {"ge": 15}}}, "x": {"title": "Gone"}},
            "controls": {"A": {"checks": ["a", "b"]}},
        });
        let after = json!({
            "checks": {"disk.root": {"title": "Room", "expect": {"free": {"ge": 10}}}},
            "controls": {"A": {"checks": ["a", "c"]}, "B": {"title": "New"}},
        });
        let diff = diff_json(&before, &after);
        let plain: Vec<String> =
            lines(&diff).iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect();
        assert_eq!(
            plain,
            [
                "  weaker   checks.\"disk.root\".expect.free.ge: 15 → 10 (passes with free = 10 as well)",
                "  weaker   checks.x: removed (Gone) (nothing looks at this any more)",
                "  weaker   controls.A.checks: -\"b\" +\"c\" (a check does not count for it any more)",
                "  stronger controls.B: added (New)",
                "  reworded checks.\"disk.root\".title: \"Space\" → \"Room\"",
            ]
        );
        assert_eq!(summary(&diff), "3 weaker, 1 stronger, 1 otherwise changed");
        assert_eq!(summary(&Diff::default()), "unchanged");
    }

    #[test]
    fn clauses_that_come_and_go_are_shown() {
        let check = |expect: Json, prefer: Json| json!({"checks": {"c": {"expect": expect, "prefer": prefer}}});
        let before = check(json!({"a": {"eq": 1}}), json!(null));
        let after = check(json!({"a": {"eq": 1}, "b": {"ge": 2}}), json!({"n": {"ge": 20}}));
        let plain = |diff: &Diff| -> Vec<String> {
            lines(diff).iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect()
        };
        assert_eq!(
            plain(&diff_json(&before, &after)),
            ["  stronger checks.c.expect.b: added (b ge 2)", "  stronger checks.c.prefer: none → n ge 20"]
        );
        assert!(plain(&diff_json(&after, &before))[0].starts_with("  weaker   checks.c.expect.b: removed (b ge 2)"));
    }

    #[test]
    fn steps_are_told_as_they_are_called() {
        let step = |timeout: &str| {
            let parameters = json!({ "path": "/etc/motd", "mode": "0644" });
            json!({ "id": "restore", "step": "file.restore", "parameters": parameters, "timeout": timeout, "undo": null })
        };
        let exec = json!({ "id": "look", "step": "exec", "parameters": { "program": { "program": "p" } }, "timeout": "1m",
            "undo": { "step": "systemd.start", "parameters": { "unit": "x.service" } } });
        let told = |before: Json, after: Json| {
            let of = |steps: Json| json!({ "runbooks": { "R": { "steps": steps } }, "rules": { "r": { "run": "R" } } });
            told(&diff_json(&of(before), &of(after)).changes[0]).to_string()
        };
        let call = "file.restore mode=\"0644\" path=\"/etc/motd\"";
        assert_eq!(
            told(json!([step("10s")]), json!([step("20s")])),
            format!("runbooks.R.steps: restore: {call}, at most 10s → restore: {call}, at most 20s")
        );
        assert_eq!(
            told(json!([step("10s")]), json!([step("10s"), exec])),
            "runbooks.R.steps: +look: exec program=writ.program \"p\", at most 1m, undone by systemd.start unit=\"x.service\""
        );
        assert_eq!(
            told(json!([step("10s"), exec]), json!([exec, step("10s")])),
            "runbooks.R.steps: in another order, or another number of times"
        );
        let undone = |most: &str| {
            let undo = json!({ "step": "systemd.start", "parameters": { "unit": "x.service" }, "timeout": most });
            json!([{ "id": "look", "step": "systemd.stop", "parameters": {}, "timeout": "1m", "undo": undo }])
        };
        let told_undone = told(undone("10s"), undone("10m"));
        assert!(told_undone.contains("undone by systemd.start unit=\"x.service\", at most 10m"), "{told_undone}");
        // Of what steps have no words for, the values are told.
        let noted =
            |note: &str| json!([{ "id": "a", "step": "exec", "parameters": {}, "timeout": "1m", "note": note }]);
        assert!(told(noted("old"), noted("new")).contains("old"), "{}", told(noted("old"), noted("new")));
        // What is no step is told as it stands.
        assert!(told(json!([step("10s")]), json!(["restore"])).starts_with("runbooks.R.steps: -{"));
    }

    #[test]
    fn a_list_that_becomes_empty_is_told_whole() {
        for (before, after, told) in [
            (json!(["a", "b"]), json!([]), "[ \"a\" \"b\" ] → [ ]"),
            (json!([]), json!(["a"]), "[ ] → [ \"a\" ]"),
            (json!(["a", "b"]), json!(["b"]), "-\"a\""),
        ] {
            assert_eq!(differing(&before, &after), told);
        }
    }

    #[test]
    fn long_values_never_look_alike() {
        let long = "The same words at the beginning of both, and more of them than one line shows of a value";
        for (before, after) in [
            (json!(format!("{long}.")), json!(format!("{long}!"))),
            (json!(long), json!(format!("{long} with an end"))),
            (json!(format!("{long} {long} 1 {long}")), json!(format!("{long} {long} 2 {long}"))),
            (json!({"a": long, "b": 1}), json!({"a": long, "b": 2})),
            (json!([format!("{long} 1")]), json!([format!("{long} 2")])),
        ] {
            let line = differing(&before, &after);
            let (left, right) = line.split_once(" → ").unwrap();
            assert_ne!(left, right, "{line}");
            assert!(line.chars().count() < 3 * LONGEST, "{line}");
        }
    }
}
