//! Whether several clauses about one field can hold at once.
//!
//! The answer "no" is always right; "perhaps" may be wrong. Nothing here follows regular expressions or substrings,
//! except by trying them on the few values that other clauses leave.

use std::collections::BTreeSet;

use crate::observation::{Observation, Value};
use crate::predicate::{Clause, Op, Predicate, Truth};

/// The most values of an integer range that are tried one by one.
const MOST_TRIED: i64 = 16;

/// Whether no observation makes all of these clauses, which are about any fields, true.
pub fn contradict(clauses: &[&Clause]) -> bool {
    let fields: BTreeSet<&str> = clauses.iter().map(|c| c.field.as_str()).collect();
    fields.into_iter().any(|field| {
        let own: Vec<&Clause> = clauses.iter().copied().filter(|c| c.field == field).collect();
        never(&own)
    })
}

/// The same for clauses about one field.
fn never(clauses: &[&Clause]) -> bool {
    let absent = clauses.iter().any(|c| c.op == Op::Exists && c.operand == Value::Bool(false));
    if absent {
        return clauses.iter().any(|c| c.op != Op::Exists || c.operand == Value::Bool(true));
    }
    if let Some(candidates) = candidates(clauses) {
        return !candidates.into_iter().any(|value| fits(clauses, value));
    }
    lists_disagree(clauses)
}

fn fits(clauses: &[&Clause], value: Value) -> bool {
    clauses.iter().all(|clause| {
        let mut observation = Observation::new();
        observation.set(&clause.field, value.clone());
        Predicate::Clause((*clause).clone()).evaluate(&observation) == Truth::True
    })
}

/// All values that could make the clauses true, when they are few.
fn candidates(clauses: &[&Clause]) -> Option<Vec<Value>> {
    if let Some(equal) = clauses.iter().find(|c| c.op == Op::Eq) {
        return Some(vec![equal.operand.clone()]);
    }
    if let Some(Value::List(listed)) = clauses.iter().find(|c| c.op == Op::In).map(|c| &c.operand) {
        return Some(listed.iter().cloned().map(Value::Text).collect());
    }
    if clauses.iter().any(|c| c.op == Op::Ne && matches!(c.operand, Value::Bool(_))) {
        return Some(vec![Value::Bool(true), Value::Bool(false)]);
    }
    let (least, most) = range(clauses)?;
    if least > most {
        return Some(Vec::new());
    }
    (most.saturating_sub(least) < MOST_TRIED).then(|| (least..=most).map(Value::Int).collect())
}

/// The integers that the bounds among the clauses leave; none when there is no bound.
fn range(clauses: &[&Clause]) -> Option<(i64, i64)> {
    let mut bounds = None;
    for clause in clauses {
        let Value::Int(n) = clause.operand else { continue };
        let (least, most) = bounds.unwrap_or((i64::MIN, i64::MAX));
        bounds = match clause.op {
            Op::Ge => Some((least.max(n), most)),
            Op::Gt => Some((least.max(n.saturating_add(1)), most)),
            Op::Le => Some((least, most.min(n))),
            Op::Lt => Some((least, most.min(n.saturating_sub(1)))),
            _ => bounds,
        };
    }
    bounds
}

/// Whether what a list must hold is outside of what it may hold.
fn lists_disagree(clauses: &[&Clause]) -> bool {
    clauses.iter().filter(|c| c.op == Op::SubsetOf).any(|limit| {
        let Value::List(allowed) = &limit.operand else { return false };
        clauses.iter().any(|clause| match (clause.op, &clause.operand) {
            (Op::SupersetOf, Value::List(needed)) => needed.iter().any(|item| !allowed.contains(item)),
            // `contains` on a string is about substrings; beside `subset_of` the field can only be a list.
            (Op::Contains, Value::Text(needed)) => !allowed.contains(needed),
            _ => false,
        })
    })
}

/// The most conjunctions that a predicate is taken apart into.
const MOST_BRANCHES: usize = 64;

/// Whether no observation makes both predicates true. "No" may be wrong, "yes" never is.
pub fn disjoint(a: &Predicate, b: &Predicate) -> bool {
    let (Some(a), Some(b)) = (branches(a, true), branches(b, true)) else { return false };
    a.iter().all(|x| {
        b.iter().all(|y| {
            let both: Vec<&Clause> = x.iter().chain(y).collect();
            contradict(&both)
        })
    })
}

/// The most pairs of parts that are compared before an implication is given up.
const MOST_STEPS: u32 = 4_000;

/// Whether whatever makes `a` true makes `b` true. "No" may be wrong, "yes" never is: a field that `b` looks at and `a`
/// does not may not have been seen, so then the answer is "no".
pub fn implies(a: &Predicate, b: &Predicate) -> bool {
    implies_within(a, b, &mut MOST_STEPS.clone())
}

fn implies_within(a: &Predicate, b: &Predicate, steps: &mut u32) -> bool {
    let Some(left) = steps.checked_sub(1) else { return false };
    *steps = left;
    match (a, b) {
        (Predicate::Any(parts), _) => return parts.iter().all(|part| implies_within(part, b, steps)),
        (_, Predicate::All(parts)) => return parts.iter().all(|part| implies_within(a, part, steps)),
        (_, Predicate::Any(parts)) if parts.iter().any(|part| implies_within(a, part, steps)) => return true,
        (Predicate::All(parts), _) if parts.iter().any(|part| implies_within(part, b, steps)) => return true,
        (Predicate::Clause(a), Predicate::Clause(b)) if clause_implies(a, b) => return true,
        _ if a == b => return true,
        _ => {}
    }
    if let (Some(a), Some(b)) = (refuted(a), refuted(b)) {
        // Where the first is judged so is the second, and it cannot hold, or the first would.
        if kinds(&a) & !kinds(&b) == 0 && clause_implies(&b, &a) {
            return true;
        }
    }
    is_judged(b, a) && disjoint(a, &Predicate::Not(Box::new(b.clone())))
}

/// The clause that is false, not unknown, exactly when this predicate is true; none where there is no such clause.
fn refuted(predicate: &Predicate) -> Option<Clause> {
    match predicate {
        Predicate::Clause(clause) => negated(clause),
        Predicate::Not(part) => match part.as_ref() {
            Predicate::Clause(clause) => Some(clause.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// What a field may be, as bits: not seen, and each kind of value.
mod kind {
    pub const UNSEEN: u8 = 1;
    pub const BOOL: u8 = 2;
    pub const INT: u8 = 4;
    pub const TEXT: u8 = 8;
    pub const LIST: u8 = 16;
    pub const ALL: u8 = 31;
}

/// Of what a clause says yes or no; of anything else it is unknown.
fn kinds(clause: &Clause) -> u8 {
    match (clause.op, &clause.operand) {
        (Op::Exists, _) => kind::ALL,
        (Op::Eq | Op::Ne, Value::Bool(_)) => kind::BOOL,
        (Op::Eq | Op::Ne, Value::Int(_)) | (Op::Lt | Op::Le | Op::Gt | Op::Ge, _) => kind::INT,
        (Op::Eq | Op::Ne, Value::Text(_)) | (Op::In | Op::NotIn | Op::Matches, _) => kind::TEXT,
        (Op::Eq | Op::Ne, Value::List(_)) | (Op::SubsetOf | Op::SupersetOf, _) => kind::LIST,
        (Op::Contains, _) => kind::TEXT | kind::LIST,
    }
}

/// Whether every clause of `b` is true or false, not unknown, whenever `a` is true: its field was seen, and as a value of
/// a kind that the clause is about. "No" may be wrong, "yes" never is.
fn is_judged(b: &Predicate, a: &Predicate) -> bool {
    let Some(branches) = branches(a, true) else { return false };
    let holds_for = |clause: &Clause| match (clause.op, &clause.operand) {
        (Op::Exists, Value::Bool(false)) => kind::UNSEEN,
        (Op::Exists, _) => kind::ALL & !kind::UNSEEN,
        _ => kinds(clause),
    };
    let clauses = b.clauses();
    branches.iter().all(|branch| {
        clauses.iter().all(|clause| {
            let own = branch.iter().filter(|one| one.field == clause.field);
            own.fold(kind::ALL, |left, one| left & holds_for(one)) & !kinds(clause) == 0
        })
    })
}

/// As [`implies`], knowing what [`natural_range`] knows of the integers that `a` looks at.
pub fn implies_naturally(a: &Predicate, b: &Predicate) -> bool {
    let mut parts: Vec<Predicate> = Vec::new();
    for field in always_seen(a) {
        let (least, most) = natural_range(&field);
        let known = [(least != i64::MIN, "ge", least), (most != i64::MAX, "le", most)];
        for (_, op, bound) in known.into_iter().filter(|(is_known, ..)| *is_known) {
            // A field that is always seen, or else the clause would say that it is.
            parts.extend(Predicate::from_json(&serde_json::json!({ field.as_str(): { op: bound } })));
        }
    }
    if parts.is_empty() {
        return implies(a, b);
    }
    // Each alternative with what is known, since an implication from alternatives is shown one by one.
    let knowing = |part: &Predicate| Predicate::All([std::slice::from_ref(part), &parts].concat());
    match a {
        Predicate::Any(alternatives) => implies(&Predicate::Any(alternatives.iter().map(knowing).collect()), b),
        _ => implies(&knowing(a), b),
    }
}

/// The integers that a field can be, by the unit in its name: a percentage, a size and a number are never negative.
/// Durations and ages are left alone: time that is left may be negative, and so is the age of what a clock that is ahead
/// has written.
pub fn natural_range(field: &str) -> (i64, i64) {
    const COUNTED: [&str; 4] = ["_percent", "_count", "_bytes", "_bits"];
    let least = if COUNTED.iter().any(|unit| field.ends_with(unit)) { 0 } else { i64::MIN };
    // What is used may be more than all there is, where a budget is meant; what is left may not.
    (least, if field.ends_with("available_percent") { 100 } else { i64::MAX })
}

/// What no values need to be tried for: the same clause, and lists that include each other.
fn clause_implies(a: &Clause, b: &Clause) -> bool {
    if a.field != b.field {
        return false;
    }
    let passes = |value: &Value| b.judge(Some(value)) == Truth::True;
    match (a.op, &a.operand, b.op, &b.operand) {
        (Op::Eq, value, ..) => passes(value),
        (Op::In, Value::List(texts), ..) => texts.iter().all(|text| passes(&Value::Text(text.clone()))),
        (Op::SubsetOf, Value::List(a), Op::SubsetOf, Value::List(b)) => a.iter().all(|item| b.contains(item)),
        (Op::SupersetOf, Value::List(a), Op::SupersetOf, Value::List(b)) => b.iter().all(|item| a.contains(item)),
        (Op::SupersetOf, Value::List(a), Op::Contains, Value::Text(b)) => a.contains(b),
        (Op::NotIn, Value::List(a), Op::NotIn, Value::List(b)) => b.iter().all(|item| a.contains(item)),
        _ => a.op == b.op && a.operand == b.operand,
    }
}

/// Fields that were seen whenever the predicate is true.
fn always_seen(predicate: &Predicate) -> BTreeSet<String> {
    match predicate {
        Predicate::Clause(clause) if clause.op == Op::Exists && clause.operand == Value::Bool(false) => BTreeSet::new(),
        Predicate::Clause(clause) => BTreeSet::from([clause.field.clone()]),
        Predicate::All(parts) => parts.iter().flat_map(always_seen).collect(),
        Predicate::Any(parts) => {
            let mut sets = parts.iter().map(always_seen);
            let first = sets.next().unwrap_or_default();
            sets.fold(first, |all, set| all.intersection(&set).cloned().collect())
        }
        Predicate::Not(_) => BTreeSet::new(),
    }
}

/// A predicate (or its negation) as alternatives of clauses that hold at once; clauses that cannot be negated are left
/// out, which only widens it. None when there are too many alternatives.
fn branches(predicate: &Predicate, positive: bool) -> Option<Vec<Vec<Clause>>> {
    match predicate {
        Predicate::Not(part) => branches(part, !positive),
        Predicate::All(parts) if positive => product(parts, positive),
        Predicate::Any(parts) if !positive => product(parts, positive),
        Predicate::All(parts) | Predicate::Any(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(branches(part, positive)?);
                if all.len() > MOST_BRANCHES {
                    return None;
                }
            }
            Some(all)
        }
        Predicate::Clause(clause) if positive => Some(vec![vec![clause.clone()]]),
        Predicate::Clause(clause) => Some(vec![negated(clause).into_iter().collect()]),
    }
}

fn product(parts: &[Predicate], positive: bool) -> Option<Vec<Vec<Clause>>> {
    let mut all: Vec<Vec<Clause>> = vec![Vec::new()];
    for part in parts {
        let next = branches(part, positive)?;
        if all.len().saturating_mul(next.len()) > MOST_BRANCHES {
            return None;
        }
        all = all.iter().flat_map(|x| next.iter().map(|y| x.iter().chain(y).cloned().collect())).collect();
    }
    Some(all)
}

/// The clause that holds exactly when this one is false (not unknown), where there is one.
pub fn negated(clause: &Clause) -> Option<Clause> {
    let (op, operand) = match (clause.op, &clause.operand) {
        (Op::Eq, v) => (Op::Ne, v.clone()),
        (Op::Ne, v) => (Op::Eq, v.clone()),
        (Op::Lt, v) => (Op::Ge, v.clone()),
        (Op::Le, v) => (Op::Gt, v.clone()),
        (Op::Gt, v) => (Op::Le, v.clone()),
        (Op::Ge, v) => (Op::Lt, v.clone()),
        (Op::In, v) => (Op::NotIn, v.clone()),
        (Op::NotIn, v) => (Op::In, v.clone()),
        (Op::Exists, Value::Bool(b)) => (Op::Exists, Value::Bool(!b)),
        _ => return None,
    };
    let json = serde_json::json!({ clause.field.as_str(): { op.as_str(): operand } });
    match Predicate::from_json(&json) {
        Ok(Predicate::Clause(clause)) => Some(clause),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn predicate(json: serde_json::Value) -> Predicate {
        Predicate::from_json(&json).unwrap()
    }

    #[test]
    fn tells_what_cannot_hold_at_once() {
        for (a, b) in [
            (json!({"n": {"le": 4}}), json!({"n": {"ge": 5}})),
            (json!({"n": {"lt": 5}}), json!({"n": {"gt": 4}})),
            (json!({"n": {"eq": 5}}), json!({"n": {"gt": 5}})),
            (json!({"s": {"eq": "a"}}), json!({"s": {"ne": "a"}})),
            (json!({"s": {"in": ["a", "b"]}}), json!({"s": {"not_in": ["a", "b", "c"]}})),
            (json!({"s": {"in": ["a", "b"]}}), json!({"s": {"matches": "[c-z]"}})),
            (json!({"b": {"eq": true}}), json!({"b": {"eq": false}})),
            (json!({"b": {"ne": true}}), json!({"b": {"ne": false}})),
            (json!({"s": {"exists": false}}), json!({"s": {"eq": "a"}})),
            (json!({"l": {"subset_of": ["a"]}}), json!({"l": {"contains": "b"}})),
            (json!({"l": {"subset_of": ["a"]}}), json!({"l": {"superset_of": ["a", "b"]}})),
            (json!({"any": [{"n": {"le": 4}}, {"n": {"ge": 9}}]}), json!({"n": {"gt": 4, "lt": 9}})),
            (json!({"not": {"n": {"le": 4}}}), json!({"n": {"le": 4}})),
            (json!({"not": {"any": [{"n": {"eq": 1}}, {"n": {"eq": 2}}]}}), json!({"n": {"ge": 1, "le": 2}})),
        ] {
            assert!(disjoint(&predicate(a.clone()), &predicate(b.clone())), "{a} {b}");
            assert!(disjoint(&predicate(b.clone()), &predicate(a.clone())), "{b} {a}");
        }
    }

    #[test]
    fn leaves_open_what_may_hold_at_once() {
        for (a, b) in [
            (json!({"n": {"le": 5}}), json!({"n": {"ge": 5}})),
            (json!({"n": {"le": 4}}), json!({"m": {"ge": 5}})),
            (json!({"s": {"matches": "a"}}), json!({"s": {"matches": "b"}})),
            (json!({"s": {"contains": "a"}}), json!({"s": {"contains": "b"}})),
            (json!({}), json!({"n": {"ge": 5}})),
        ] {
            assert!(!disjoint(&predicate(a.clone()), &predicate(b.clone())), "{a} {b}");
        }
    }

    fn any_predicate() -> impl Strategy<Value = Predicate> {
        let number = ("[abt]", prop::sample::select(vec!["eq", "ne", "lt", "le", "gt", "ge"]), -3i64..3)
            .prop_map(|(f, op, n)| predicate(json!({f: {op: n}})));
        let text = (prop::sample::select(vec!["in", "not_in"]), prop::collection::vec("[xy]", 0..3))
            .prop_map(|(op, list)| predicate(json!({"t": {op: list}})));
        let exists = ("[abt]", any::<bool>()).prop_map(|(f, b)| predicate(json!({f: {"exists": b}})));
        prop_oneof![number, text, exists].prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Predicate::All),
                prop::collection::vec(inner.clone(), 0..3).prop_map(Predicate::Any),
                inner.prop_map(|p| Predicate::Not(Box::new(p))),
            ]
        })
    }

    #[test]
    fn what_is_not_judged_is_not_implied() {
        for (a, b) in [
            (json!({"n": {"eq": "0777"}}), json!({"n": {"ge": 5}})),
            (
                json!({"all": [{"any": [{"n": {"exists": true}}, {"n": {"ge": 9}}]}, {}]}),
                json!({"any": [{"n": {"ge": 5}}, {"n": {"lt": 5}}]}),
            ),
            (json!({"not": {"l": {"contains": "x"}}}), json!({"not": {"l": {"superset_of": ["x"]}}})),
            (json!({"n": {"exists": false}}), json!({"n": {"lt": 5}})),
        ] {
            assert!(!implies(&predicate(a.clone()), &predicate(b.clone())), "{a} {b}");
        }
        for (a, b) in [
            (json!({"not": {"l": {"subset_of": ["x", "y"]}}}), json!({"not": {"l": {"subset_of": ["x"]}}})),
            (json!({"not": {"s": {"matches": "[xy]"}}}), json!({"s": {"not_in": ["x", "y"]}})),
            (json!({"not": {"s": {"matches": "[xy]"}}}), json!({"not": {"s": {"matches": "[xy]"}}})),
        ] {
            assert!(implies(&predicate(a.clone()), &predicate(b.clone())), "{a} {b}");
        }
    }

    proptest! {
        #[test]
        fn what_is_called_implied_holds(
            p in any_predicate(),
            q in any_predicate(),
            a in prop::option::of(-4i64..4),
            b in prop::option::of(-4i64..4),
            t in prop::option::of("[xyz]"),
        ) {
            let mut seen = Observation::new();
            a.into_iter().for_each(|a| seen.set("a", a));
            b.into_iter().for_each(|b| seen.set("b", b));
            t.into_iter().for_each(|t| seen.set("t", t));
            if p.evaluate(&seen) == Truth::True && implies(&p, &q) {
                prop_assert_eq!(q.evaluate(&seen), Truth::True);
            }
        }

        #[test]
        fn what_is_called_disjoint_never_holds_at_once(
            p in any_predicate(),
            q in any_predicate(),
            a in prop::option::of(-4i64..4),
            b in prop::option::of(-4i64..4),
            t in prop::option::of("[xyz]"),
        ) {
            let mut seen = Observation::new();
            a.into_iter().for_each(|a| seen.set("a", a));
            b.into_iter().for_each(|b| seen.set("b", b));
            t.into_iter().for_each(|t| seen.set("t", t));
            let both = p.evaluate(&seen) == Truth::True && q.evaluate(&seen) == Truth::True;
            prop_assert!(!(both && disjoint(&p, &q)));
        }
    }
}
