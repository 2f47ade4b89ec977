//! Values that a label stands before: `MRN: …`, `"birthDate":"…"`, `&last_name=…`, `<ssn>…</ssn>`, `Herr …`.

mod opening;
mod table;
mod values;
mod words;

use opening::Opening;
use table::{Class, LABELS, LONGEST, Label, OF_MACHINES};
use words::{Word, joins, words};

use super::found::Found;

/// How many words a label has at most.
const WORDS: usize = 6;
/// How far a container's key reaches, in bytes: in `"address":[{"text":…`, the key of `text` is what `address` says.
const REACH: usize = 2048;

/// The label that a whole name is, such as that of a column.
pub fn label_of(name: &str) -> Option<&'static str> {
    let words = words(name.trim());
    (0..words.len()).find_map(|at| match phrase(name, &words, at) {
        Some((label, last)) if last + 1 == words.len() && !label.sharp && (!label.not_of_machines || at == 0) => {
            Some(label.tag)
        }
        _ => None,
    })
}

/// Notes what stands behind every label of a text.
pub fn find(text: &str, found: &mut Found) {
    let words = words(text);
    let mut container: Option<(&'static str, usize)> = None;
    let mut at = 0;
    while at < words.len() {
        let Some((label, last)) = phrase(text, &words, at) else {
            at = generic(text, &words, at, container, found);
            continue;
        };
        let end = words[last].end;
        if label.not_of_machines && of_machine(text, &words, at) {
            at = last + 1;
            continue;
        }
        let opening = opening::read(text, words[at].start, end);
        if opening.container {
            container = Some((label.tag, end));
        }
        let past = take(text, label, end, &opening, found).unwrap_or(end);
        at = words[at..].iter().position(|w| w.start >= past).map_or(words.len(), |n| at + n);
    }
}

/// The longest label that begins at a word, and its last word.
fn phrase(text: &str, words: &[Word], at: usize) -> Option<(Label, usize)> {
    let mut squashed = String::new();
    let mut best = None;
    for last in at..words.len().min(at + WORDS) {
        if last > at && !joins(&text[words[last - 1].end..words[last].start]) {
            break;
        }
        squashed.push_str(&words[last].folded);
        if squashed.len() > *LONGEST {
            break;
        }
        let mut onwards = LABELS.range(squashed.clone()..);
        match onwards.next() {
            Some((name, label)) if *name == squashed => {
                // No label has digits right behind it, but for the one of `address1`.
                let digits = text[words[last].end..].bytes().take_while(u8::is_ascii_alphanumeric).take(2).count();
                best = if digits < 2 { Some((*label, last)) } else { best };
            }
            Some((name, _)) if name.starts_with(&squashed) => {}
            _ => break,
        }
    }
    best
}

fn of_machine(text: &str, words: &[Word], at: usize) -> bool {
    at > 0 && joins(&text[words[at - 1].end..words[at].start]) && OF_MACHINES.contains(&words[at - 1].folded.as_str())
}

/// Notes the value behind a label, all of a list, and returns where it ends.
fn take(text: &str, label: Label, end: usize, opening: &Opening, found: &mut Found) -> Option<usize> {
    if (label.strict || opening.at == end) && !opening.strict {
        return None;
    }
    if label.sharp && !text[end..].trim_start_matches(' ').starts_with('#') {
        return None;
    }
    let (start, end) = values::read(text, label.class, opening)?;
    found.add(start, end, label.tag, true);
    let mut past = end;
    // The other strings of `["…","…"]`.
    while let (true, Some(next)) = (opening.list, opening.next_string(text, past)) {
        let Some((start, end)) = values::read(text, label.class, &next) else { break };
        found.add(start, end, label.tag, true);
        past = end;
    }
    Some(past)
}

/// Keys that say nothing by themselves: `text`, `value`, `data` and `display` of FHIR, in the container that they are in.
fn generic(
    text: &str,
    words: &[Word],
    at: usize,
    container: Option<(&'static str, usize)>,
    found: &mut Found,
) -> usize {
    let word = &words[at];
    if !matches!(word.folded.as_str(), "text" | "value" | "data" | "display" | "line" | "id") {
        return at + 1;
    }
    let opening = opening::read(text, word.start, word.end);
    let near = container.filter(|(_, from)| word.start - from < REACH).map(|(tag, _)| tag);
    let label = match (word.folded.as_str(), near) {
        ("value", _) if !opening.in_element && sibling(text, word.start).is_some() => {
            Some((sibling(text, word.start).unwrap_or("id"), Class::Token))
        }
        ("line", _) => Some(("address", Class::Address)),
        ("data", Some("photo")) => Some(("photo", Class::Blob)),
        ("display", Some("name")) => Some(("name", Class::FullName)),
        ("id", Some("name")) => Some(("id", Class::Id)),
        ("id", _) if patient_resource(text, word.start) => Some(("id", Class::Id)),
        ("text", Some("address")) => Some(("address", Class::Address)),
        ("text", Some("name")) => Some(("name", Class::FullName)),
        _ => None,
    };
    let Some((tag, class)) = label.filter(|_| opening.strict && opening.quoted()) else { return at + 1 };
    let label = Label { tag, class, strict: true, not_of_machines: false, sharp: false };
    let past = take(text, label, word.end, &opening, found).unwrap_or(word.end);
    words[at..].iter().position(|w| w.start >= past.max(word.end)).map_or(words.len(), |n| at + n)
}

/// Whether the `id` at a place is that of a FHIR resource about a person.
fn patient_resource(text: &str, id: usize) -> bool {
    let before = text[..id].trim_end_matches(['"', ' ', ',', '\\']);
    ["\"Patient", "\"RelatedPerson", "\"Person"].iter().any(|resource| before.ends_with(resource))
}

/// What the other members of a JSON object say of its `value`: FHIR's `system` of a telecom or an identifier.
fn sibling(text: &str, value: usize) -> Option<&'static str> {
    let from = (0..=value.saturating_sub(240)).rev().find(|n| text.is_char_boundary(*n)).unwrap_or(0);
    let before = &text[from..value];
    let object = &before[before.rfind(['[', '}']).map_or(0, |n| n + 1)..];
    let holds = |words: &[&str]| words.iter().any(|w| object.contains(w));
    if holds(&["\"phone\"", "\"sms\"", "\"pager\""]) {
        Some("phone")
    } else if holds(&["\"fax\""]) {
        Some("fax")
    } else if holds(&["\"email\""]) {
        Some("email")
    } else if before.contains("\"identifier\"") || holds(&["\"system\": \"urn:", "\"system\":\"urn:"]) {
        Some("id")
    } else {
        None
    }
}
