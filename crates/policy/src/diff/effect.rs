//! What a change of one value does to protection. A table: the pattern of a path, and how its values compare.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::Value as Json;
use writ_trust::time::{Span, Time};

use super::Effect;
use crate::control::Coverage;
use crate::declared::Severity;

/// How two values of a path compare.
#[derive(Clone, Copy)]
enum Scale {
    /// To have it at all protects.
    Presence,
    /// To have it at all weakens.
    Absence,
    /// Longer durations protect less.
    ShorterSpan,
    /// Longer durations protect more.
    LongerSpan,
    /// Later instants protect less.
    EarlierTime,
    /// Greater numbers protect less.
    Less,
    /// Greater numbers protect more.
    More,
    /// Worse severities protect more: they are answered sooner.
    Severity,
    /// What machines show protects more than what people promise.
    Coverage,
    /// More entries protect more; null means all there are.
    Entries,
    /// Predicates, which `predicate.rs` compares; here one of them is missing.
    Predicate,
}

/// What is known; `*` stands for any key. Whatever is not here is unclear.
const SCALES: &[(&[&str], Scale)] = &[
    (&["baselines", "*"], Scale::Presence),
    (&["controls", "*"], Scale::Presence),
    (&["controls", "*", "severity"], Scale::Severity),
    (&["controls", "*", "coverage"], Scale::Coverage),
    (&["controls", "*", "checks"], Scale::Entries),
    (&["checks", "*"], Scale::Presence),
    (&["checks", "*", "expect"], Scale::Predicate),
    (&["checks", "*", "prefer"], Scale::Predicate),
    (&["checks", "*", "every"], Scale::ShorterSpan),
    (&["checks", "*", "severity"], Scale::Severity),
    (&["rules", "*"], Scale::Presence),
    (&["rules", "*", "when", "observation"], Scale::Predicate),
    (&["runbooks", "*", "verify"], Scale::Entries),
    (&["exceptions", "*"], Scale::Absence),
    (&["exceptions", "*", "expires"], Scale::EarlierTime),
    (&["settings", "sla", "*"], Scale::ShorterSpan),
    (&["settings", "escalation", "l1_failures", "*"], Scale::Less),
    (&["settings", "posture", "*"], Scale::ShorterSpan),
    (&["settings", "retention", "*"], Scale::LongerSpan),
    (&["settings", "probation", "window"], Scale::LongerSpan),
    (&["settings", "probation", "checks"], Scale::Entries),
    (&["settings", "evidence_budget_mb"], Scale::More),
];

fn scale(path: &[&str]) -> Option<Scale> {
    let fits = |pattern: &[&str]| {
        pattern.len() == path.len() && pattern.iter().zip(path).all(|(wanted, key)| *wanted == "*" || wanted == key)
    };
    SCALES.iter().find(|(pattern, _)| fits(pattern)).map(|(_, scale)| *scale)
}

/// Whether a predicate stands at a path.
pub fn is_predicate(path: &[&str]) -> bool {
    matches!(scale(path), Some(Scale::Predicate))
}

/// The effect when `before` became `after`; none means that it was not there.
pub fn of(path: &[&str], before: Option<&Json>, after: Option<&Json>) -> Effect {
    let Some(scale) = scale(path) else { return Effect::Unclear };
    let present = |value: Option<&Json>| value.is_some_and(|v| !v.is_null());
    let order = match scale {
        Scale::Presence => present(after).cmp(&present(before)),
        Scale::Absence => present(before).cmp(&present(after)),
        Scale::Predicate if path.first() == Some(&"checks") => present(after).cmp(&present(before)),
        Scale::Predicate => return Effect::Unclear,
        Scale::Entries => return entries(before, after),
        _ => match compared(scale, before, after) {
            Some(order) => order,
            None => return Effect::Unclear,
        },
    };
    match order {
        Ordering::Less => Effect::Weaker,
        Ordering::Greater => Effect::Stronger,
        Ordering::Equal if matches!(scale, Scale::Presence | Scale::Absence) => Effect::Unclear,
        Ordering::Equal => Effect::Same,
    }
}

/// How much more `after` protects than `before`.
fn compared(scale: Scale, before: Option<&Json>, after: Option<&Json>) -> Option<Ordering> {
    let (before, after) = (before?, after?);
    fn both<T: Ord>(before: &Json, after: &Json, read: impl Fn(&Json) -> Option<T>) -> Option<Ordering> {
        Some(read(after)?.cmp(&read(before)?))
    }
    let span = |v: &Json| v.as_str()?.parse::<Span>().ok().map(|span| span.millis());
    match scale {
        Scale::ShorterSpan => both(before, after, span).map(Ordering::reverse),
        Scale::LongerSpan => both(before, after, span),
        Scale::EarlierTime => both(before, after, |v| v.as_str()?.parse::<Time>().ok()).map(Ordering::reverse),
        Scale::Less => both(before, after, Json::as_i64).map(Ordering::reverse),
        Scale::More => both(before, after, Json::as_i64),
        Scale::Severity => both(before, after, |v| serde_json::from_value::<Severity>(v.clone()).ok()),
        Scale::Coverage => both(before, after, |v| serde_json::from_value::<Coverage>(v.clone()).ok().map(shown)),
        _ => None,
    }
}

/// How much of a control machines show.
fn shown(coverage: Coverage) -> u8 {
    match coverage {
        Coverage::Automated => 2,
        Coverage::Partial => 1,
        Coverage::Procedural | Coverage::Inherited => 0,
    }
}

fn entries(before: Option<&Json>, after: Option<&Json>) -> Effect {
    let read = |value: Option<&Json>| -> Option<BTreeSet<String>> {
        value?.as_array()?.iter().map(|entry| entry.as_str().map(str::to_owned)).collect()
    };
    match (read(before), read(after)) {
        (Some(a), Some(b)) => from_inclusion(b.is_superset(&a), a.is_superset(&b)),
        (None, Some(_)) => Effect::Weaker,
        (Some(_), None) => Effect::Stronger,
        (None, None) => Effect::Unclear,
    }
}

/// From "what protects now includes what protected before" and the reverse.
pub fn from_inclusion(now_includes_before: bool, before_includes_now: bool) -> Effect {
    match (now_includes_before, before_includes_now) {
        (true, true) => Effect::Same,
        (true, false) => Effect::Stronger,
        (false, true) => Effect::Weaker,
        (false, false) => Effect::Unclear,
    }
}
