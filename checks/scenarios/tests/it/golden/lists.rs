//! An object of a document is an object: nobody reads the same out of a list of its values.

use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::DeserializeOwned;
use writ_evidence::Bundle;
use writ_evidence::bundle::MAX_BUNDLE;
use writ_policy::closure::Closure;
use writ_policy::policy::Policy;
use writ_trust::json;
use writ_trust::order::Order;
use writ_trust::release::Release;
use writ_trust::root::TrustRoot;
use writ_wire::Signed;
use writ_wire::blob::Blob;

use super::{bundles, documents};

/// The text without its first string, and that string with its quotes.
fn string(text: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = text[1..].find(|c: char| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    text.split_at(end.unwrap() + 2)
}

/// Where the objects of a text without spaces begin.
fn objects(text: &str) -> Vec<usize> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some(next) = rest.find(['"', '{']) {
        rest = &rest[next..];
        if rest.starts_with('{') {
            found.push(text.len() - rest.len());
            rest = &rest[1..];
        } else {
            rest = string(rest).1;
        }
    }
    found
}

/// The text with the object that begins there as a list of its values, in their order.
fn with_a_list(text: &str, at: usize) -> String {
    let mut listed = format!("{}[", &text[..at]);
    let (mut depth, mut is_key, mut rest) = (1, true, &text[at + 1..]);
    while depth > 0 {
        if rest.starts_with('"') {
            let (one, after) = string(rest);
            rest = after;
            if depth == 1 && is_key {
                (is_key, rest) = (false, &rest[1..]);
            } else {
                listed.push_str(one);
            }
            continue;
        }
        let next = rest.chars().next().unwrap();
        match next {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            ',' => is_key = depth == 1,
            _ => {}
        }
        listed.push(if depth == 0 { ']' } else { next });
        rest = &rest[next.len_utf8()..];
    }
    listed + rest
}

/// The names of the members of the object that a text begins with.
fn members(text: &str) -> Vec<String> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<serde_json::Map<String, serde_json::Value>>();
    values.next().unwrap().unwrap().keys().cloned().collect()
}

fn around(text: &str, at: usize) -> String {
    text.chars().skip(at.saturating_sub(40)).take(200).collect()
}

/// Nowhere in a document does a list stand for an object, although what is derived would take some of them.
fn refuses<T: Serialize + DeserializeOwned + PartialEq>(name: &str, document: &T, parse: fn(&[u8]) -> Option<T>) {
    // In the order of declaration, which the canonical form has not.
    let text = serde_json::to_string(document).unwrap();
    assert!(
        parse(text.as_bytes()).as_ref() == Some(document),
        "{name} is not read from {} bytes of its own",
        text.len()
    );
    // Of objects with the same members, which are of one type, one is enough.
    let mut known = BTreeSet::new();
    let mut objects = objects(&text);
    objects.retain(|at| known.insert(members(&text[*at..])));
    let mut derived = 0;
    for at in &objects {
        let listed = with_a_list(&text, *at);
        derived += usize::from(serde_json::from_str::<T>(&listed).ok().as_ref() == Some(document));
        assert!(parse(listed.as_bytes()).as_ref() != Some(document), "{name} is read from …{}…", around(&listed, *at));
    }
    assert!(derived > 0, "{name}: none of {} lists would be taken without us", objects.len());
}

#[test]
fn no_list_stands_for_an_object() {
    assert_eq!(with_a_list(r#"{"a":{"b":"x\"{,","c":[1,{"d":2}]},"e":3}"#, 5), r#"{"a":["x\"{,",[1,{"d":2}]],"e":3}"#);
    let golden = |name: &str| std::fs::read(super::folder().join(name)).unwrap();
    refuses("a release", &documents::release(), |bytes| Release::parse(bytes).ok());
    refuses("a trust root", &documents::root(), |bytes| TrustRoot::parse(bytes).ok());
    let closure = Closure::parse(&golden("closure.json")).unwrap();
    refuses("a closure", &closure, |bytes| Closure::parse(bytes).ok());
    let policy = Policy::parse(&golden("policy.json")).unwrap();
    refuses("a policy", &policy, |bytes| Policy::parse(bytes).ok());
    let order = serde_json::json!({
        "schema": "writ.order.v1", "site": "clinic-001", "id": "000102030405060708090a0b0c0d0e0f", "audience": "all",
        "action": { "run-runbook": { "runbook": "RB-1", "check": "ssh.config" } }, "reason": "the vendor asks",
        "issued_at": "2026-11-23T11:00:00Z", "expires_at": "2026-11-24T11:00:00Z",
    });
    let order = Order::parse(order.to_string().as_bytes()).unwrap();
    refuses("an order", &order, |bytes| Order::parse(bytes).ok());
    for (name, one) in bundles::chain() {
        let bundle: Bundle = json::parse(&one.bytes, MAX_BUNDLE).unwrap();
        refuses(name, &bundle, |bytes| json::parse(bytes, MAX_BUNDLE).ok());
    }
    let [document, signature] = [golden("bundle-started.json"), golden("bundle-started.json.minisig")].map(Blob);
    refuses("an envelope", &Signed { document, signatures: vec![signature] }, |bytes| Signed::parse(bytes).ok());
}
