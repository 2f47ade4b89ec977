//! Changed predicates: field by field where both are plain, as a whole otherwise.

use serde_json::{Map, Value as Json};

use super::normal::normal;
use super::witness::{self, Witness};
use super::{Change, Effect, Words};
use crate::predicate::Predicate;
use crate::validate::implies_naturally as implies;

/// What a predicate is for, by where it stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// What must hold: who lets more pass protects less.
    Expect,
    /// What should hold; the same, of warnings.
    Prefer,
    /// What a rule answers: who answers less protects less.
    Answer,
}

impl Role {
    fn of(path: &[String]) -> Self {
        match (path.first().map(String::as_str), path.last().map(String::as_str)) {
            (Some("checks"), Some("prefer")) => Self::Prefer,
            (Some("checks"), _) => Self::Expect,
            _ => Self::Answer,
        }
    }
}

/// Compares two predicates that differ.
pub fn compare(path: &[String], before: &Json, after: &Json, changes: &mut Vec<Change>) {
    let (Json::Object(a), Json::Object(b)) = (before, after) else { return };
    let combined = |o: &Map<String, Json>| o.keys().any(|k| matches!(k.as_str(), "any" | "all" | "not"));
    let role = Role::of(path);
    if combined(a) || combined(b) {
        changes.push(judged(role, path.to_vec(), (Some(before), Some(after)), (before, after)));
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
        if role != Role::Answer && is_another_content(field, x, y) {
            let path = [path, &[field.clone(), "eq".to_owned()]].concat();
            let value = |ops: Option<&Json>| ops.and_then(|ops| ops.get("eq")).cloned();
            let why = Some("another content is expected".into());
            changes.push(Change {
                path,
                before: value(x),
                after: value(y),
                effect: Effect::Unclear,
                why,
                entries: None,
                witness: None,
            });
            continue;
        }
        let alone = |ops: Option<&Json>| {
            ops.map_or_else(|| Json::Object(Map::new()), |ops| serde_json::json!({ field.as_str(): ops }))
        };
        let whole = (&alone(x), &alone(y));
        let mut keys = [path, std::slice::from_ref(field)].concat();
        let change = match single_operator(x, y) {
            Some(op) => {
                keys.push(op.to_owned());
                let value = |ops: Option<&'_ Json>| ops.and_then(|ops| ops.get(op)).cloned();
                judged(role, keys, (value(x).as_ref(), value(y).as_ref()), whole)
            }
            None => judged(role, keys, (x, y), whole),
        };
        changes.push(change);
    }
}

/// Whether one digest takes the place of another, as with every new version of a file: neither is more than the other.
fn is_another_content(field: &str, x: Option<&Json>, y: Option<&Json>) -> bool {
    let named = field == "sha256" || field.ends_with("_sha256");
    let digest = |ops: Option<&Json>| ops.and_then(|ops| ops.get("eq")).is_some_and(Json::is_string);
    named && single_operator(x, y) == Some("eq") && digest(x) && digest(y)
}

/// The operator, when both sides have only that one.
fn single_operator<'a>(x: Option<&'a Json>, y: Option<&Json>) -> Option<&'a str> {
    let (x, y) = (x?.as_object()?, y?.as_object()?);
    let (name, _) = x.iter().next().filter(|_| x.len() == 1 && y.len() == 1)?;
    y.contains_key(name).then_some(name)
}

/// A change between `shown` values, judged by the predicates that they make.
fn judged(role: Role, path: Vec<String>, shown: (Option<&Json>, Option<&Json>), whole: (&Json, &Json)) -> Change {
    let (before, after) = (shown.0.cloned(), shown.1.cloned());
    let (effect, why, witness) = match (Predicate::from_json(whole.0), Predicate::from_json(whole.1)) {
        (Ok(a), Ok(b)) if role == Role::Answer => decided(role, &b, &a),
        (Ok(a), Ok(b)) => decided(role, &a, &b),
        _ => (Effect::Unclear, Some("one of the two is no predicate".into()), None),
    };
    Change { path, before, after, effect, why, entries: None, witness }
}

/// Weaker: something is accepted by `now` that `then` did not accept; or it failed, and is not judged any more, since only
/// a failure is healed. A change that also refuses more is weaker too, or else a second, harmless edit would hide the
/// first.
fn decided(role: Role, then: &Predicate, now: &Predicate) -> (Effect, Option<Words>, Option<Witness>) {
    let (then, now) = (&normal(then), &normal(now));
    let includes = |a: &Predicate, b: &Predicate| a == b || implies(a, b);
    let (still, no_more) = (includes(then, now), includes(now, then));
    let lost = |accepted: bool| if accepted { None } else { witness::find(then, now) };
    if let Some(witness) = (!no_more).then(|| witness::find(now, then)).flatten() {
        let why = said(role, &witness, lost(still).as_ref());
        return (Effect::Weaker, Some(why), Some(witness));
    }
    let failing = |predicate: &Predicate| normal(&Predicate::Not(Box::new(predicate.clone())));
    let (failed, fails) = (&failing(then), &failing(now));
    let still_fails = role != Role::Expect || includes(failed, fails);
    if let Some(witness) = (!still_fails).then(|| witness::find(failed, fails)).flatten() {
        let fails = Words::from("does not fail any more with ").quote(&witness);
        let why = fails.ours(": nothing heals what cannot be judged");
        return (Effect::Weaker, Some(why), Some(witness));
    }
    if no_more && still_fails {
        let refuses_more = lost(still).is_some() || role == Role::Expect && witness::find(fails, failed).is_some();
        return (if refuses_more { Effect::Stronger } else { Effect::Same }, None, None);
    }
    let why = match (still, role) {
        (true, Role::Answer) => "all that it answers was answered before; whether all that was still is, is not known",
        (true, _) if !no_more => "all that passed before passes; whether more does is not known",
        (_, _) if no_more => "nothing more passes; whether all that failed still fails is not known",
        _ => "neither includes the other, as far as can be decided",
    };
    (Effect::Unclear, Some(why.into()), None)
}

/// Whether a check warns of as much as before, or fails where it warned: what both of its predicates come to.
pub fn preferred(before: (&Json, &Json), after: (&Json, &Json)) -> Option<Effect> {
    let both = |(expect, prefer): (&Json, &Json)| {
        let parts = [expect, prefer].into_iter().filter(|value| !value.is_null()).map(Predicate::from_json);
        parts.collect::<Result<Vec<_>, _>>().ok().map(Predicate::All)
    };
    Some(decided(Role::Prefer, &both(before)?, &both(after)?).0)
}

fn said(role: Role, witness: &Witness, lost: Option<&Witness>) -> Words {
    let told = |before: &str| Words::from(before).quote(witness);
    match (role, lost) {
        (Role::Answer, None) => told("does not answer ").ours(" any more"),
        (Role::Answer, Some(lost)) => told("does not answer ").ours(" any more, but answers ").quote(lost),
        (Role::Expect, None) => told("passes with ").ours(" as well"),
        (Role::Expect, Some(lost)) => told("passes with ").ours(" as well, though no longer with ").quote(lost),
        (Role::Prefer, _) => told("does not warn of ").ours(" any more (a warning only)"),
    }
}

/// Appears or vanishes as a whole: a check's `prefer`, or what narrows a rule. Without one, everything passes.
pub fn appeared(path: &[String], before: Option<&Json>, after: Option<&Json>) -> Change {
    let everything = Json::Object(Map::new());
    let or_everything = |value: Option<&Json>| value.filter(|v| !v.is_null()).unwrap_or(&everything).clone();
    judged(Role::of(path), path.to_vec(), (before, after), (&or_everything(before), &or_everything(after)))
}
