//! What a change of one value does to protection, by the table of [`super::scales`].

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::Value as Json;
use writ_trust::time::{Span, Time};

use super::scales::{Scale, row, undecided};
use super::{Effect, Words};
use crate::control::Coverage;
use crate::declared::Severity;

/// The effect when `before` became `after` (none means that it was not there), and why it weakens or cannot be decided.
pub fn of(path: &[&str], before: Option<&Json>, after: Option<&Json>) -> (Effect, Option<Words>) {
    let (effect, meaning) = judged(path, before, after);
    let why = match effect {
        Effect::Weaker => Some(meaning),
        Effect::Unclear => undecided(path),
        Effect::Stronger | Effect::Same => None,
    };
    (effect, why.map(Words::from))
}

/// The effect, and what it means where it weakens.
fn judged(path: &[&str], before: Option<&Json>, after: Option<&Json>) -> (Effect, &'static str) {
    let Some((_, scale, meaning)) = row(path) else { return (Effect::Unclear, "") };
    let effect = match scale {
        Scale::Presence => by_order(present(after).cmp(&present(before)), Effect::Unclear),
        Scale::Absence => by_order(present(before).cmp(&present(after)), Effect::Unclear),
        Scale::Subject => Effect::Weaker,
        Scale::Words => Effect::Same,
        Scale::Entries => entries(before, after),
        Scale::Route => route(before, after),
        Scale::LessOrEither | Scale::MoreOrEither => match compared(*scale, before, after) {
            Some(Ordering::Less) => Effect::Weaker,
            _ => Effect::Unclear,
        },
        _ => compared(*scale, before, after).map_or(Effect::Unclear, |order| by_order(order, Effect::Same)),
    };
    (effect, meaning)
}

fn present(value: Option<&Json>) -> bool {
    value.is_some_and(|value| !value.is_null())
}

/// From how much more protects after than before.
fn by_order(order: Ordering, equal: Effect) -> Effect {
    match order {
        Ordering::Less => Effect::Weaker,
        Ordering::Greater => Effect::Stronger,
        Ordering::Equal => equal,
    }
}

/// How much more `after` protects than `before`.
fn compared(scale: Scale, before: Option<&Json>, after: Option<&Json>) -> Option<Ordering> {
    let span = |v: &Json| v.as_str()?.parse::<Span>().ok().map(|span| span.millis());
    if matches!(scale, Scale::ShorterSpan | Scale::LongerSpan) && present(before) != present(after) {
        return Some(present(after).cmp(&present(before)));
    }
    let (before, after) = (before?, after?);
    fn both<T: Ord>(before: &Json, after: &Json, read: impl Fn(&Json) -> Option<T>) -> Option<Ordering> {
        Some(read(after)?.cmp(&read(before)?))
    }
    match scale {
        Scale::ShorterSpan => both(before, after, span).map(Ordering::reverse),
        Scale::LongerSpan => both(before, after, span),
        Scale::EarlierTime => both(before, after, |v| v.as_str()?.parse::<Time>().ok()).map(Ordering::reverse),
        Scale::Less | Scale::LessOrEither => both(before, after, Json::as_i64).map(Ordering::reverse),
        Scale::More | Scale::MoreOrEither => both(before, after, Json::as_i64),
        Scale::Severity => both(before, after, |v| serde_json::from_value::<Severity>(v.clone()).ok()),
        Scale::Coverage => both(before, after, by_machine).filter(|order| *order != Ordering::Equal),
        Scale::Review => both(before, after, |v| ["never", "after", "before"].iter().position(|name| v == name)),
        _ => None,
    }
}

/// Whether machines show anything of it. How much of it they are said to show is a claim, not protection.
fn by_machine(coverage: &Json) -> Option<bool> {
    let coverage = serde_json::from_value::<Coverage>(coverage.clone()).ok()?;
    Some(matches!(coverage, Coverage::Automated | Coverage::Partial))
}

fn texts(value: Option<&Json>) -> Option<Vec<&str>> {
    value?.as_array()?.iter().map(Json::as_str).collect()
}

fn entries(before: Option<&Json>, after: Option<&Json>) -> Effect {
    let read = |value| texts(value).map(|texts| texts.into_iter().collect::<BTreeSet<_>>());
    match (read(before), read(after)) {
        (Some(a), Some(b)) if b.is_superset(&a) => by_order(b.len().cmp(&a.len()), Effect::Same),
        (Some(_), Some(_)) | (None, Some(_)) => Effect::Weaker,
        (Some(_), None) => Effect::Stronger,
        (None, None) => Effect::Unclear,
    }
}

/// Who is called, one after the other; an empty list means all there are, in an order of their own.
fn route(before: Option<&Json>, after: Option<&Json>) -> Effect {
    let all = |value| texts(value).filter(|texts| !texts.is_empty());
    match (all(before), all(after)) {
        (Some(a), Some(b)) if b.starts_with(&a) => by_order(b.len().cmp(&a.len()), Effect::Same),
        (Some(a), Some(b)) if a.iter().any(|entry| !b.contains(entry)) => Effect::Weaker,
        (None, Some(_)) => Effect::Weaker,
        _ => Effect::Unclear,
    }
}
