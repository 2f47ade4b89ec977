//! Every small change of a document: a member or entry less, a member more, a value of another type, and texts that look
//! like what was there and are not.

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// What was done, and the document that it gave.
pub struct Mutation {
    /// A JSON pointer to what was changed.
    pub pointer: String,
    /// What became of it.
    pub change: String,
    /// Whether a member of an object was removed.
    pub member_removed: bool,
    /// The [`shape`] of what was replaced, or of what it was taken from or put into.
    was: String,
    pub document: Value,
}

impl Mutation {
    /// In words.
    pub fn what(&self) -> String {
        format!("{} {}", self.pointer, self.change)
    }

    /// Where it is without places in lists, what it does, and to what: changes that have this in common test the same.
    pub fn kind(&self) -> (String, String, String) {
        let names: Vec<&str> = self.pointer.split('/').filter(|name| name.parse::<usize>().is_err()).collect();
        (names.join("/"), self.change.clone(), self.was.clone())
    }
}

/// What a value is made of: lists that differ only in how often something is in them are the same.
fn shape(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "bool".to_owned(),
        Value::Number(_) => "number".to_owned(),
        Value::String(_) => "text".to_owned(),
        Value::Array(entries) => format!("{:?}", entries.iter().map(shape).collect::<BTreeSet<_>>()),
        Value::Object(members) => format!("{:?}", members.iter().map(|(k, v)| (k, shape(v))).collect::<Vec<_>>()),
    }
}

/// What no member of a document is all of.
const OTHERS: [&str; 8] = ["null", "true", "1", "1.5", "\"x\"", "\"\"", "[]", "{}"];
/// Further ones of numbers, and of lists and objects: where none may be, none of these is let in that those above are not.
const NUMBERS: [&str; 1] = ["-1"];
const CONTAINERS: [&str; 2] = ["[1]", "{\"unexpected\":1}"];

/// What looks like an instant, a duration or a digest and is none, or only just is one.
const INSTANTS: [&str; 11] = [
    "2026-99-99T99:99:99Z",
    "2026-13-01T00:00:00Z",
    "2026-02-29T00:00:00Z",
    "2028-02-29T00:00:00Z",
    "2026-04-31T00:00:00Z",
    "2026-11-23T24:00:00Z",
    "2026-11-23T12:60:00Z",
    "1969-12-31T23:59:59Z",
    "2026-11-23T12:00:00+00:00",
    "2026-11-23 12:00:00Z",
    "2026-11-23T12:00:00.1234567890Z",
];
const DURATIONS: [&str; 14] = [
    "99999999999999999999d",
    "1001y",
    "1000y",
    "52143w",
    "365001d",
    "365000d",
    "8760001h",
    "525600001m",
    "31536000001s",
    "31536000000001ms",
    "0007h",
    "1.5h",
    "-1h",
    "1H",
];
const DIGESTS: [&str; 3] = [
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85",
    "sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
    "sha512:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
];

/// Texts that are nearly of the kind of a value.
fn near(value: &Value) -> &'static [&'static str] {
    let Some(text) = value.as_str() else { return &[] };
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    if text.ends_with('Z') && text.as_bytes().get(10) == Some(&b'T') {
        &INSTANTS
    } else if text.starts_with("sha256:") {
        &DIGESTS
    } else if unit.len() < text.len() && ["ms", "s", "m", "h", "d", "w", "y"].contains(&unit) {
        &DURATIONS
    } else {
        &[]
    }
}

/// How many parts of a document differ in where they are, without places in lists, or in what they are made of.
pub fn parts(document: &Value) -> usize {
    fn walk(path: &str, value: &Value, found: &mut BTreeSet<(String, String)>) {
        found.insert((path.to_owned(), shape(value)));
        match value {
            Value::Object(members) => {
                members.iter().for_each(|(key, value)| walk(&format!("{path}/{key}"), value, found))
            }
            Value::Array(entries) => entries.iter().for_each(|entry| walk(path, entry, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    walk("", document, &mut found);
    found.len()
}

/// All changes of the part of a document that a JSON pointer leads to, one of each [kind](Mutation::kind).
pub fn below(document: &Value, part: &str) -> Vec<Mutation> {
    let mut all = Changes { document, seen: BTreeSet::new(), mutations: Vec::new() };
    let mut pointers = vec![part.to_owned()];
    while let Some(pointer) = pointers.pop() {
        let value = document.pointer(&pointer).unwrap();
        let was = shape(value);
        let inner: Vec<String> = match value {
            Value::Object(members) => members.keys().map(|key| key.replace('~', "~0").replace('/', "~1")).collect(),
            Value::Array(entries) => (0..entries.len()).map(|i| i.to_string()).collect(),
            _ => Vec::new(),
        };
        pointers.extend(inner.iter().rev().map(|key| format!("{pointer}/{key}")));
        if value.is_object() {
            all.add((&pointer, "/unexpected"), "added".to_owned(), &was, |value| value["unexpected"] = json!(1));
        }
        for key in inner {
            all.add((&pointer, &format!("/{key}")), "removed".to_owned(), &was, |value| remove(value, &key));
        }
        let others = OTHERS.iter().chain(if value.is_number() { &NUMBERS[..] } else { &[] });
        let others = others.chain(if value.is_array() || value.is_object() { &CONTAINERS[..] } else { &[] });
        let others = others.map(|other| serde_json::from_str::<Value>(other).unwrap());
        for other in others.chain(near(value).iter().map(|text| Value::from(*text))) {
            if &other != value {
                all.add((&pointer, ""), format!("is {other}"), &was, |value| *value = other);
            }
        }
    }
    all.mutations
}

struct Changes<'a> {
    document: &'a Value,
    seen: BTreeSet<(String, String, String)>,
    mutations: Vec<Mutation>,
}

impl Changes<'_> {
    /// Changes the value at a pointer; what is said to be changed is at both together.
    fn add(&mut self, (at, below): (&str, &str), change: String, was: &str, act: impl FnOnce(&mut Value)) {
        let mut mutation = Mutation {
            pointer: format!("{at}{below}"),
            member_removed: change == "removed" && self.document.pointer(at).unwrap().is_object(),
            change,
            was: was.to_owned(),
            document: Value::Null,
        };
        if self.seen.insert(mutation.kind()) {
            mutation.document = self.document.clone();
            act(mutation.document.pointer_mut(at).unwrap());
            self.mutations.push(mutation);
        }
    }
}

fn remove(value: &mut Value, key: &str) {
    match value {
        Value::Object(members) => {
            members.remove(&key.replace("~1", "/").replace("~0", "~"));
        }
        Value::Array(entries) => {
            entries.remove(key.parse().unwrap());
        }
        _ => {}
    }
}
