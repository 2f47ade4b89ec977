//! The terms of an expectation, and which of them an observation breaks.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use writ_evidence::identifier::is_hash;
use writ_policy::diff::normal;
use writ_policy::observation::{Observation, Value};
use writ_policy::predicate::{Op, Predicate, Truth};
use writ_trust::json;

/// One part of what a check expects that has to hold by itself.
#[derive(Debug, Clone)]
pub struct Term {
    /// The part, in its normal form.
    pub predicate: Predicate,
    /// The RFC 8785 form of that.
    pub text: String,
    /// The fields whose values it compares.
    fields: BTreeSet<String>,
}

impl Term {
    fn of(predicate: Predicate) -> Self {
        let compared = predicate.clauses().into_iter().filter(|clause| clause.op != Op::Exists);
        let fields = compared.map(|clause| clause.field.clone()).collect();
        Self { text: text_of(&predicate), fields, predicate }
    }

    /// Whether what was seen is against it. Of what evidence holds as a keyed hash nobody can tell.
    fn is_broken(&self, seen: &Observation) -> bool {
        let hidden = |field: &String| seen.get(field).is_some_and(is_hidden);
        self.predicate.evaluate(seen) == Truth::False && !self.fields.iter().any(hidden)
    }
}

fn is_hidden(value: &Value) -> bool {
    match value {
        Value::Text(text) => is_hash(text),
        Value::List(items) => items.iter().any(|item| is_hash(item)),
        Value::Bool(_) | Value::Int(_) => false,
    }
}

fn text_of(predicate: &Predicate) -> String {
    // The canonical form of JSON is text.
    String::from_utf8(json::canonical(&predicate.to_json())).unwrap_or_default()
}

/// The parts of an expectation that all have to hold, in order of their text and each once, however it was written.
pub fn terms(expect: &Predicate) -> Vec<Term> {
    let parts = match normal(expect) {
        Predicate::All(parts) => parts,
        one => vec![one],
    };
    let mut terms: Vec<Term> = parts.into_iter().map(Term::of).collect();
    terms.sort_by(|a, b| a.text.cmp(&b.text));
    terms.dedup_by(|a, b| a.text == b.text);
    terms
}

/// The texts of the terms that an observation, in the form that evidence holds, is against.
pub fn broken(terms: &[Term], seen: &Observation) -> BTreeSet<String> {
    terms.iter().filter(|term| term.is_broken(seen)).map(|term| term.text.clone()).collect()
}

/// What observations have in common that break these terms, as a rule's `when.observation`; none where that is so whenever the
/// check fails, because the expectation has no other terms, or where nothing is known.
///
/// # Errors
/// One of them is no term of this expectation, which has changed since.
pub fn narrowing<'b>(
    expect: &Predicate,
    broken: impl IntoIterator<Item = &'b String>,
) -> Result<Option<Predicate>, String> {
    let terms = terms(expect);
    let mut parts = Vec::new();
    for text in broken {
        let Some(term) = terms.iter().find(|term| term.text == *text) else { return Err(text.clone()) };
        parts.push(Predicate::Not(Box::new(term.predicate.clone())));
    }
    let always = parts.is_empty() || (parts.len() == 1 && terms.len() == 1);
    Ok((!always).then(|| normal(&Predicate::All(parts))))
}

/// A term as people read it: `mode eq "0640"`; the text itself where it cannot be read.
pub fn in_words(text: &str) -> String {
    let read = serde_json::from_str::<Json>(text).ok().and_then(|json| Predicate::from_json(&json).ok());
    read.map_or_else(|| text.to_owned(), |predicate| predicate.to_string())
}
