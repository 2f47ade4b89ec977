//! Changed predicates: field by field where both are plain, as a whole otherwise.

use serde_json::{Map, Value as Json};

use super::{Change, Effect, effect};
use crate::predicate::Predicate;
use crate::validate::implies;

/// Compares two predicates that differ.
pub fn compare(path: &[String], before: &Json, after: &Json, changes: &mut Vec<Change>) {
    let (Json::Object(a), Json::Object(b)) = (before, after) else { return };
    let combined = |o: &Map<String, Json>| o.keys().any(|k| matches!(k.as_str(), "any" | "all" | "not"));
    let narrows = path.first().is_some_and(|section| section == "checks");
    let judge = |a: &Json, b: &Json| if narrows { of(a, b) } else { Effect::Unclear };
    if combined(a) || combined(b) {
        changes.push(change(path, &[], Some(before), Some(after), judge(before, after)));
        return;
    }
    let mut fields: Vec<&String> = a.keys().chain(b.keys()).collect();
    fields.sort();
    fields.dedup();
    for field in fields {
        let (x, y) = (a.get(field), b.get(field));
        if x == y {
            continue;
        }
        let alone = |ops: Option<&Json>| {
            ops.map_or_else(|| Json::Object(Map::new()), |ops| serde_json::json!({ field.as_str(): ops }))
        };
        let effect = judge(&alone(x), &alone(y));
        match single_operator(x, y) {
            Some(op) => {
                let value = |ops: Option<&'_ Json>| ops.and_then(|ops| ops.get(op)).cloned();
                let keys: Vec<String> = path.iter().cloned().chain([field.clone(), op.to_owned()]).collect();
                changes.push(Change { path: keys, before: value(x), after: value(y), effect });
            }
            None => changes.push(change(path, &[field], x, y, effect)),
        }
    }
}

/// The operator, when both sides have only that one.
fn single_operator<'a>(x: Option<&'a Json>, y: Option<&Json>) -> Option<&'a str> {
    let (x, y) = (x?.as_object()?, y?.as_object()?);
    let (name, _) = x.iter().next().filter(|_| x.len() == 1 && y.len() == 1)?;
    y.contains_key(name).then_some(name)
}

fn change(path: &[String], more: &[&str], before: Option<&Json>, after: Option<&Json>, effect: Effect) -> Change {
    let path = path.iter().cloned().chain(more.iter().map(|k| (*k).to_owned())).collect();
    Change { path, before: before.cloned(), after: after.cloned(), effect }
}

/// Weaker: whatever passed before passes now, and not the other way round.
fn of(before: &Json, after: &Json) -> Effect {
    let (Ok(a), Ok(b)) = (Predicate::from_json(before), Predicate::from_json(after)) else { return Effect::Unclear };
    effect::from_inclusion(implies(&b, &a), implies(&a, &b))
}
