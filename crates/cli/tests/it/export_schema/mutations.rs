//! Every small change of a document: a member or entry less, a member more, a value of another type.

use serde_json::{Value, json};

/// What was done, and the document that it gave.
pub struct Mutation {
    pub what: String,
    /// Whether a member of an object was removed.
    pub member_removed: bool,
    pub document: Value,
}

/// What no member of a document is all of.
const OTHERS: [&str; 11] = ["null", "true", "1", "-1", "1.5", "\"x\"", "\"\"", "[]", "{}", "[1]", "{\"unexpected\":1}"];

/// All changes of the part of a document that a JSON pointer leads to.
pub fn below(document: &Value, part: &str) -> Vec<Mutation> {
    let mut mutations = Vec::new();
    let mut pointers = vec![part.to_owned()];
    while let Some(pointer) = pointers.pop() {
        let value = document.pointer(&pointer).unwrap();
        let inner: Vec<String> = match value {
            Value::Object(members) => members.keys().map(|key| key.replace('~', "~0").replace('/', "~1")).collect(),
            Value::Array(entries) => (0..entries.len()).map(|i| i.to_string()).collect(),
            _ => Vec::new(),
        };
        pointers.extend(inner.iter().map(|key| format!("{pointer}/{key}")));
        if value.is_object() {
            let added = changed(document, &pointer, |v| v["unexpected"] = json!(1));
            mutations.push(Mutation {
                what: format!("{pointer}/unexpected added"),
                member_removed: false,
                document: added,
            });
        }
        let member_removed = value.is_object();
        for key in inner {
            let document = changed(document, &pointer, |value| remove(value, &key));
            mutations.push(Mutation { what: format!("{pointer}/{key} removed"), member_removed, document });
        }
        for other in OTHERS.map(|other| serde_json::from_str::<Value>(other).unwrap()) {
            if &other != value {
                let what = format!("{pointer} is {other}");
                let document = changed(document, &pointer, |value| *value = other);
                mutations.push(Mutation { what, member_removed: false, document });
            }
        }
    }
    mutations
}

fn changed(document: &Value, pointer: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut document = document.clone();
    change(document.pointer_mut(pointer).unwrap());
    document
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
