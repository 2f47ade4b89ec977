//! An observation that one predicate accepts and another does not: the proof that the two differ.
//!
//! Both are taken apart into alternatives of clauses, each of which is about one field; for each field a value is looked
//! for among the constants that the predicates name and their neighbours. What is found is evaluated before it is
//! believed, so a witness is always right; that none is found proves nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Serialize, Serializer};

use super::samples;
use crate::observation::{Observation, Value};
use crate::predicate::{Clause, Op, Predicate, Truth};
use crate::validate::natural_range;

/// The most alternatives that a predicate is taken apart into; further ones are not looked at.
const MOST_ALTERNATIVES: usize = 128;
/// The most clauses in all alternatives of one predicate together.
const MOST_LITERALS: usize = 20_000;
/// The most values that are tried for one field.
const MOST_VALUES: usize = 96;
/// The most times that a clause is evaluated before the search is given up.
const MOST_STEPS: u32 = 200_000;
/// The most fields that are put into words.
const MOST_SHOWN: usize = 4;
/// The longest name or value that is put into words whole, in characters.
const LONGEST_SHOWN: usize = 60;

/// What a probe could see: fields with their values, none for one that it does not see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness(BTreeMap<String, Option<Value>>);

impl Witness {
    /// The fields that matter, in order of name.
    pub fn fields(&self) -> impl Iterator<Item = (&str, Option<&Value>)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_ref()))
    }

    /// As a probe would report it.
    pub fn observation(&self) -> Observation {
        let mut seen = Observation::new();
        self.0.iter().filter_map(|(name, value)| Some((name, value.clone()?))).for_each(|(n, v)| seen.set(n, v));
        seen
    }
}

impl Serialize for Witness {
    /// An object of fields; null stands for one that is not seen.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, value)) in self.fields().take(MOST_SHOWN).enumerate() {
            f.write_str(if i == 0 { "" } else { " and " })?;
            match value {
                Some(value) => write!(f, "{} = {}", shortened(name), shortened(&value.to_string()))?,
                None => write!(f, "{} not seen", shortened(name))?,
            }
        }
        match self.0.len().saturating_sub(MOST_SHOWN) {
            0 if self.0.is_empty() => f.write_str("nothing seen at all"),
            0 => Ok(()),
            more => write!(f, " and {more} more fields"),
        }
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// An observation that makes `accepts` true and `refuses` not true, if one is found.
pub fn find(accepts: &Predicate, refuses: &Predicate) -> Option<Witness> {
    let values = candidates(accepts, refuses);
    let (yes, no) = (alternatives(accepts, Want::True), alternatives(refuses, Want::NotTrue));
    let mut steps = MOST_STEPS;
    // What is seen says more than what is not: alternatives that need an unseen field come last.
    for seen_only in [true, false] {
        for a in &yes {
            for b in &no {
                let chosen = choose(a, b, &values, seen_only, &mut steps)?;
                let Some(witness) = chosen.map(Witness) else { continue };
                let seen = witness.observation();
                if accepts.evaluate(&seen) == Truth::True && refuses.evaluate(&seen) != Truth::True {
                    return Some(witness);
                }
            }
        }
    }
    None
}

/// What is wanted of an evaluation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Want {
    True,
    NotTrue,
    False,
    NotFalse,
}

impl Want {
    fn holds(self, truth: Truth) -> bool {
        match self {
            Self::True => truth == Truth::True,
            Self::NotTrue => truth != Truth::True,
            Self::False => truth == Truth::False,
            Self::NotFalse => truth != Truth::False,
        }
    }

    /// What is then wanted of what `not` stands before.
    fn negated(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::NotTrue => Self::NotFalse,
            Self::NotFalse => Self::NotTrue,
        }
    }
}

type Literal<'a> = (&'a Clause, Want);

/// Alternatives, each of which gives what is wanted when all of its literals do.
fn alternatives(predicate: &Predicate, want: Want) -> Vec<Vec<Literal<'_>>> {
    // Every part of an `all` must be true for it to be true, and must not be false for it not to be.
    let every = matches!(want, Want::True | Want::NotFalse);
    match predicate {
        Predicate::Clause(clause) => vec![vec![(clause, want)]],
        Predicate::Not(part) => alternatives(part, want.negated()),
        Predicate::All(parts) if every => product(parts, want),
        Predicate::Any(parts) if !every => product(parts, want),
        Predicate::All(parts) | Predicate::Any(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(alternatives(part, want));
                bound(&mut all);
            }
            all
        }
    }
}

fn product(parts: &[Predicate], want: Want) -> Vec<Vec<Literal<'_>>> {
    let mut all: Vec<Vec<Literal<'_>>> = vec![Vec::new()];
    for part in parts {
        let next = alternatives(part, want);
        all = all
            .iter()
            .flat_map(|left| next.iter().map(|right| left.iter().chain(right).copied().collect()))
            .take(MOST_ALTERNATIVES)
            .collect();
        bound(&mut all);
    }
    all
}

/// Leaves out what is too much. Fewer alternatives are found in, never wrong ones.
fn bound(all: &mut Vec<Vec<Literal<'_>>>) {
    let mut literals = 0;
    let fits = all.iter().take(MOST_ALTERNATIVES).take_while(|one| {
        literals += one.len();
        literals <= MOST_LITERALS
    });
    let fits = fits.count();
    all.truncate(fits);
}

/// A value for each field that gives all literals what they want; the outer none when the steps are used up.
#[allow(clippy::option_option, reason = "no choice here, and no choice any more, are two things")]
fn choose(
    a: &[Literal<'_>],
    b: &[Literal<'_>],
    values: &BTreeMap<&str, Vec<Option<Value>>>,
    seen_only: bool,
    steps: &mut u32,
) -> Option<Option<BTreeMap<String, Option<Value>>>> {
    let mut by_field: BTreeMap<&str, Vec<Literal<'_>>> = BTreeMap::new();
    for literal in a.iter().chain(b) {
        by_field.entry(&literal.0.field).or_default().push(*literal);
    }
    let mut chosen = BTreeMap::new();
    for (field, literals) in by_field {
        let candidates = values.get(field).map_or(&[][..], Vec::as_slice);
        let mut fitting = None;
        for value in candidates.iter().filter(|value| value.is_some() || !seen_only) {
            *steps = steps.checked_sub(u32::try_from(literals.len()).unwrap_or(u32::MAX))?;
            if literals.iter().all(|(clause, want)| want.holds(clause.judge(value.as_ref()))) {
                fitting = Some(value);
                break;
            }
        }
        let Some(value) = fitting else { return Some(None) };
        chosen.insert(field.to_owned(), value.clone());
    }
    Some(Some(chosen))
}

/// What each field might be: the constants it is compared with, their neighbours, something else, and not seen.
fn candidates<'a>(accepts: &'a Predicate, refuses: &'a Predicate) -> BTreeMap<&'a str, Vec<Option<Value>>> {
    let mut by_field: BTreeMap<&str, Vec<&Clause>> = BTreeMap::new();
    // Those of what is to be accepted first: they are the values that people wrote and mean.
    for clause in accepts.clauses().into_iter().chain(refuses.clauses()) {
        by_field.entry(&clause.field).or_default().push(clause);
    }
    by_field.into_iter().map(|(field, clauses)| (field, values(field, &clauses))).collect()
}

fn values(field: &str, clauses: &[&Clause]) -> Vec<Option<Value>> {
    let (least, most) = natural_range(field);
    let mut found: Vec<Value> = Vec::new();
    let (mut further, mut texts, mut patterns, mut lists) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for clause in clauses {
        match (&clause.operand, clause.op) {
            (_, Op::Exists) => {}
            (Value::Bool(b), _) => {
                found.push(Value::Bool(*b));
                further.push(Value::Bool(!b));
            }
            (Value::Int(n), _) => {
                found.push(Value::Int(*n));
                further.extend([n.saturating_add(1), n.saturating_sub(1)].map(Value::Int));
            }
            (Value::List(items), Op::In | Op::NotIn) => texts.extend(items.iter().cloned()),
            (Value::List(items), _) => lists.push(items.clone()),
            (Value::Text(text), Op::Contains) => {
                texts.push(text.clone());
                lists.push(vec![text.clone()]);
            }
            (Value::Text(pattern), Op::Matches) => patterns.extend(samples::of(pattern).into_iter().map(Value::Text)),
            (Value::Text(text), _) => texts.push(text.clone()),
        }
    }
    let about_text = |clause: &&Clause| matches!(clause.op, Op::In | Op::NotIn | Op::Matches);
    let only_exists = clauses.iter().all(|clause| clause.op == Op::Exists);
    if !texts.is_empty() || only_exists || clauses.iter().any(about_text) {
        let other = unlike(&texts);
        further.extend([Value::Text(other), Value::Text(String::new())]);
        further.extend(patterns);
        found.extend(texts.into_iter().map(Value::Text));
    }
    further.extend(lists_like(&lists).into_iter().map(Value::List));
    found.extend(lists.into_iter().map(Value::List));
    let natural = |value: &Value| !matches!(value, Value::Int(n) if *n < least || *n > most);
    let mut known = BTreeSet::new();
    let all = found.into_iter().chain(further).filter(natural).filter(|value| known.insert(value.clone()));
    all.take(MOST_VALUES).map(Some).chain([None]).collect()
}

/// A word that is none of these.
fn unlike(texts: &[String]) -> String {
    let mut word = "other".to_owned();
    while texts.iter().any(|text| text.contains(&word)) {
        word.push('-');
    }
    word
}

/// Lists on the borders of what clauses about lists tell apart.
fn lists_like(lists: &[Vec<String>]) -> Vec<Vec<String>> {
    if lists.is_empty() {
        return Vec::new();
    }
    let all: Vec<String> = lists.iter().flatten().cloned().collect::<BTreeSet<_>>().into_iter().collect();
    let other = unlike(&all);
    let with_other = |list: &[String]| list.iter().cloned().chain([other.clone()]).collect::<Vec<_>>();
    let mut found: Vec<Vec<String>> = all.iter().take(MOST_VALUES / 4).map(|item| vec![item.clone()]).collect();
    for list in lists {
        for left_out in 0..list.len().min(MOST_VALUES / 4) {
            found.push(list.iter().enumerate().filter(|(i, _)| *i != left_out).map(|(_, x)| x.clone()).collect());
        }
        found.push(with_other(list));
    }
    found.extend([with_other(&all), with_other(&[]), all, Vec::new()]);
    found
}
