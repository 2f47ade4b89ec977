//! One way to write what can be written in several: reordered, nested and negated predicates become equal.

use std::collections::BTreeMap;

use crate::observation::Value;
use crate::predicate::{Op, Predicate};
use crate::validate::negated;

/// The same predicate in its normal form: without `not` where a clause has an opposite, without an `all` in an `all`,
/// every list of parts or of words in order and without repetitions.
pub fn normal(predicate: &Predicate) -> Predicate {
    form(predicate, true)
}

fn form(predicate: &Predicate, positive: bool) -> Predicate {
    match predicate {
        Predicate::Not(part) => form(part, !positive),
        Predicate::All(parts) => joined(parts, positive, positive),
        Predicate::Any(parts) => joined(parts, positive, !positive),
        Predicate::Clause(clause) => {
            let ordered = ordered(clause.op, &clause.operand).and_then(|operand| {
                let json = serde_json::json!({ clause.field.as_str(): { clause.op.as_str(): operand } });
                Predicate::from_json(&json).ok()
            });
            let clause = ordered.unwrap_or_else(|| predicate.clone());
            match &clause {
                _ if positive => clause,
                Predicate::Clause(inner) => {
                    negated(inner).map_or_else(|| Predicate::Not(Box::new(clause.clone())), Predicate::Clause)
                }
                _ => Predicate::Not(Box::new(clause)),
            }
        }
    }
}

/// Parts that are an `all`, or else an `any`, after the negation has been taken into them.
fn joined(parts: &[Predicate], positive: bool, all: bool) -> Predicate {
    let mut by_text: BTreeMap<String, Predicate> = BTreeMap::new();
    for part in parts.iter().map(|part| form(part, positive)) {
        let inner = match part {
            Predicate::All(inner) if all => inner,
            Predicate::Any(inner) if !all => inner,
            other => vec![other],
        };
        by_text.extend(inner.into_iter().map(|part| (part.to_json().to_string(), part)));
    }
    let mut parts: Vec<Predicate> = by_text.into_values().collect();
    match parts.len() {
        1 => parts.remove(0),
        _ if all => Predicate::All(parts),
        _ => Predicate::Any(parts),
    }
}

/// The operand in order, where order and repetitions mean nothing: lists that are compared as sets.
fn ordered(op: Op, operand: &Value) -> Option<Value> {
    let Value::List(items) = operand else { return None };
    matches!(op, Op::In | Op::NotIn | Op::SubsetOf | Op::SupersetOf).then(|| {
        let mut items = items.clone();
        items.sort();
        items.dedup();
        Value::List(items)
    })
}
