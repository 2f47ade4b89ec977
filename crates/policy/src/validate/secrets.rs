//! Secrets: each that is named is one that the site keeps, and none stands in the clear.
//!
//! What is found in the clear is never repeated: neither message nor path holds it.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value as Json;

use super::COMMON_SECTIONS;
use super::context::{Context, ITEMS, Item, strings};
use super::finding::{Finding, one_of};

/// One kind of key or password.
struct Shape {
    /// What people call it.
    name: &'static str,
    /// Every one of them holds one of these: policies are long, and hardly a text does.
    marks: &'static [&'static str],
    /// What it looks like.
    pattern: &'static str,
}

/// What keys and passwords look like.
const SHAPES: [Shape; 5] = [
    Shape {
        name: "a private key",
        marks: &["PRIVATE KEY"],
        pattern: r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----",
    },
    // Bech32 is written in capitals or in small letters, never mixed.
    Shape {
        name: "an age key",
        marks: &["SECRET-KEY-", "secret-key-"],
        pattern: r"(AGE-SECRET-KEY-(PQ-)?1[0-9A-Z]{20,}|age-secret-key-(pq-)?1[0-9a-z]{20,})",
    },
    // The first six bytes: Ed25519, scrypt or no encryption, BLAKE2b.
    Shape {
        name: "a minisign secret key",
        marks: &["RWRTY0Iy", "RWQAAEIy"],
        pattern: r"RW(RTY0Iy|QAAEIy)[A-Za-z0-9+/=]{20,}",
    },
    Shape { name: "an access key of AWS", marks: &["AKIA"], pattern: r"\bAKIA[0-9A-Z]{16}\b" },
    Shape { name: "an address with a password", marks: &["://"], pattern: r"://[^/\s:@]{1,200}:[^/\s@]{1,200}@" },
];

static PATTERNS: LazyLock<Vec<(Regex, &'static Shape)>> =
    LazyLock::new(|| SHAPES.iter().filter_map(|shape| Some((Regex::new(shape.pattern).ok()?, shape))).collect());

/// The patterns that a text may match.
fn candidates(text: &str) -> impl Iterator<Item = &'static (Regex, &'static Shape)> {
    let marked = SHAPES.iter().any(|shape| shape.marks.iter().any(|mark| text.contains(mark)));
    marked.then(|| PATTERNS.iter()).into_iter().flatten()
}

/// What a text gives away, in words; none when it holds nothing that looks like a key or a password.
pub fn gives_away(text: &str) -> Option<&'static str> {
    candidates(text).find(|(pattern, _)| pattern.is_match(text)).map(|(_, shape)| shape.name)
}

/// The text without what it gives away, each such part as long a row of `*`, so that columns stay.
pub fn redacted(text: &str) -> Cow<'_, str> {
    candidates(text).fold(Cow::Borrowed(text), |text, (pattern, _)| {
        let starred = pattern.replace_all(&text, |found: &regex::Captures<'_>| "*".repeat(found[0].len()));
        match starred {
            Cow::Borrowed(_) => text,
            Cow::Owned(starred) => Cow::Owned(starred),
        }
    })
}

/// What a text holds that looks like a key or a password: where, and what it is in words; in order.
pub fn secrets_in(text: &str) -> Vec<(Range<usize>, &'static str)> {
    let found = |(pattern, shape): &'static (Regex, &'static Shape)| {
        pattern.find_iter(text).map(|found| (found.range(), shape.name)).collect::<Vec<_>>()
    };
    let mut all: Vec<_> = candidates(text).flat_map(found).collect();
    all.sort_by_key(|(range, _)| range.start);
    all
}

/// The error for a value that stands in the clear; `what` names its place.
pub fn in_clear(path: Vec<String>, what: &str) -> Finding {
    Finding::error("secret-in-clear", path, format!("{what} stands in the clear"))
        .expected("writ.secret \"name\"")
        .help("whoever reads the repository or its history has it: replace it, and give the new one to the site's secrets")
}

/// Texts of controls, checks, rules, runbooks and duties that look like keys or passwords.
pub fn common(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for section in ITEMS.into_iter().filter(|section| COMMON_SECTIONS.contains(section)) {
        items(context, section, findings);
    }
}

fn items(context: &Context<'_>, section: &'static str, findings: &mut Vec<Finding>) {
    for item in context.items(section) {
        if let Some(name) = gives_away(item.id) {
            findings.push(item.place(in_clear(vec![section.to_owned()], name)));
        }
        texts(item.value, &mut item.path(&[]), &mut |path, name| {
            findings.push(item.place(in_clear(path.to_vec(), name)))
        });
    }
}

/// Calls `found` for every text that gives something away, with its path and what it looks like; for a name, with the path
/// to what it is a name in.
fn texts(value: &Json, path: &mut Vec<String>, found: &mut dyn FnMut(&[String], &'static str)) {
    match value {
        Json::String(text) => {
            if let Some(name) = gives_away(text) {
                found(path, name);
            }
        }
        Json::Array(entries) => {
            for (i, entry) in entries.iter().enumerate() {
                path.push(i.to_string());
                texts(entry, path, found);
                path.pop();
            }
        }
        Json::Object(entries) => {
            for (key, entry) in entries {
                if let Some(name) = gives_away(key) {
                    found(path, name);
                }
                path.push(key.clone());
                texts(entry, path, found);
                path.pop();
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// The same for exceptions and settings, and every secret that is named although the site keeps none of that name.
pub fn own(context: &Context<'_>, findings: &mut Vec<Finding>) {
    items(context, "exceptions", findings);
    if let Some(settings) = context.whole("settings") {
        let mut path = vec!["settings".to_owned()];
        texts(settings, &mut path, &mut |path, name| findings.push(in_clear(path.to_vec(), name)));
    }
    for section in ["programs", "secrets"] {
        let mut path = vec![section.to_owned()];
        let names = context.whole(section).unwrap_or(&Json::Null);
        texts(names, &mut path, &mut |path, name| findings.push(in_clear(path.to_vec(), name)));
    }
    let Some(kept @ Json::Array(_)) = context.whole("secrets") else { return };
    for item in context.items("checks").chain(context.items("runbooks")) {
        named(item, item.value, &mut item.path(&[]), kept, findings);
    }
    for name in context.whole("sealed").and_then(Json::as_object).into_iter().flat_map(|sealed| sealed.keys()) {
        findings.extend(unknown(vec!["sealed".to_owned(), name.clone()], name, kept));
    }
    let channels = context.whole("settings").and_then(|s| s.get("notify")).and_then(Json::as_object);
    for (channel, value) in channels.into_iter().flatten() {
        if let Some(name) = value.get("secret").and_then(Json::as_str) {
            let path = ["settings", "notify", channel, "secret"].map(str::to_owned).to_vec();
            findings.extend(unknown(path, name, kept));
        }
    }
    let model = context.whole("settings").and_then(|s| s.pointer("/planner/model/key"));
    if let Some(name) = model.and_then(Json::as_str) {
        let path = ["settings", "planner", "model", "key"].map(str::to_owned).to_vec();
        findings.extend(unknown(path, name, kept));
    }
}

/// References to secrets anywhere in an item.
fn named(item: Item<'_>, value: &Json, path: &mut Vec<String>, kept: &Json, findings: &mut Vec<Finding>) {
    match value {
        Json::Object(entries) => {
            for (key, entry) in entries {
                path.push(key.clone());
                match entry.as_str().filter(|_| key == "secret" && entries.len() == 1) {
                    Some(name) => findings.extend(unknown(path.clone(), name, kept).map(|f| item.place(f))),
                    None => named(item, entry, path, kept, findings),
                }
                path.pop();
            }
        }
        Json::Array(entries) => {
            for (i, entry) in entries.iter().enumerate() {
                path.push(i.to_string());
                named(item, entry, path, kept, findings);
                path.pop();
            }
        }
        _ => {}
    }
}

fn unknown(path: Vec<String>, name: &str, kept: &Json) -> Option<Finding> {
    let known = || strings(Some(kept)).map(|(_, name)| name);
    if known().any(|known| known == name) {
        return None;
    }
    let message = format!("this site keeps no secret `{name}`");
    let expected =
        if known().next().is_none() { "a name in `secrets` of site.nix".to_owned() } else { one_of(known()) };
    Some(
        Finding::error("unknown-secret", path, message)
            .expected(expected)
            .nearest(name, known())
            .help("`secrets` in site.nix names what the site keeps"),
    )
}
