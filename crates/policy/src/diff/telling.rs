//! A change in words, for whoever shows it to people: where it is, what stood there, what stands there now.

use std::borrow::Cow;

use serde_json::Value as Json;
use writ_trust::text::escaped;

use super::{Change, Words};
use crate::predicate::Predicate;
use crate::validate::{gives_away, path_text, redacted};

/// The longest value that is shown whole, in characters.
const LONGEST: usize = 60;
/// The longest predicate that is shown whole, in characters.
const LONGEST_PREDICATE: usize = 120;
/// The most entries of a list that are shown as those that it loses and gains.
const MOST_ENTRIES: usize = 8;

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
        let given: Vec<String> = given.map(|(name, value)| format!(" {name}={}", parameter(value))).collect();
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
    escaped(redacted(text))
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

/// A parameter as Nix writes it, a secret and a program by name.
pub fn parameter(value: &Json) -> String {
    let quoted = |text: &str| format!("\"{}\"", escaped(text));
    match value {
        Json::String(text) => quoted(text),
        Json::Array(items) => format!("[ {} ]", items.iter().map(parameter).collect::<Vec<_>>().join(" ")),
        Json::Object(call) => match call.iter().next() {
            Some((kind, Json::String(name))) if call.len() == 1 => format!("writ.{} {}", escaped(kind), quoted(name)),
            _ => escaped(value),
        },
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
