//! The one predicate language: baselines, rule matches and verification are all predicates over observations.
//!
//! ```json
//! { "age_seconds": { "le": 93600 }, "any": [ { "mode": { "in": ["0600", "0640"] } }, { "exists": { "eq": false } } ] }
//! ```
//!
//! Several keys are AND. `any` and `all` take lists of predicates, `not` takes one. Evaluation has three values: a field
//! that was not seen is unknown, so a check that looked at nothing never passes (Kleene's strong logic).

use std::fmt;

use regex::Regex;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value as Json};

use crate::observation::{Observation, Value};

/// The longest `matches` pattern, in bytes.
pub const MAX_PATTERN: usize = 1000;

/// Operators, with the name each has in documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Less than (integers).
    Lt,
    /// At most (integers).
    Le,
    /// Greater than (integers).
    Gt,
    /// At least (integers).
    Ge,
    /// One of a list.
    In,
    /// None of a list.
    NotIn,
    /// The list holds, or the string contains, this string.
    Contains,
    /// The whole string matches this regular expression.
    Matches,
    /// The field was seen (true) or not (false).
    Exists,
    /// Every item of the list is in this list.
    SubsetOf,
    /// Every item of this list is in the list.
    SupersetOf,
}

impl Op {
    /// Every operator.
    pub const ALL: [Self; 13] = [
        Self::Eq,
        Self::Ne,
        Self::Lt,
        Self::Le,
        Self::Gt,
        Self::Ge,
        Self::In,
        Self::NotIn,
        Self::Contains,
        Self::Matches,
        Self::Exists,
        Self::SubsetOf,
        Self::SupersetOf,
    ];

    /// The name in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Lt => "lt",
            Self::Le => "le",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::In => "in",
            Self::NotIn => "not_in",
            Self::Contains => "contains",
            Self::Matches => "matches",
            Self::Exists => "exists",
            Self::SubsetOf => "subset_of",
            Self::SupersetOf => "superset_of",
        }
    }

    /// The operator of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|op| op.as_str() == name)
    }
}

/// Why JSON is not a predicate. `path` leads to the offending key, for instance `["any", "0", "mode", "equals"]`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("predicate: {}: {message}", path.join("."))]
pub struct PredicateError {
    /// Keys (and list positions) from the predicate's root to the offending place.
    pub path: Vec<String>,
    /// What is wrong there.
    pub message: String,
    /// The name that is not known, when that is what is wrong.
    pub unknown: Option<String>,
}

/// One comparison of one field.
#[derive(Debug, Clone)]
pub struct Clause {
    /// The observation field.
    pub field: String,
    /// The operator.
    pub op: Op,
    /// What it is compared with.
    pub operand: Value,
    pattern: Option<Regex>,
}

/// A predicate: a tree of clauses.
#[derive(Debug, Clone)]
pub enum Predicate {
    /// Every part holds; true when there is none.
    All(Vec<Predicate>),
    /// At least one part holds; false when there is none.
    Any(Vec<Predicate>),
    /// The part does not hold.
    Not(Box<Predicate>),
    /// One comparison.
    Clause(Clause),
}

/// The three values of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// Holds.
    True,
    /// Does not hold.
    False,
    /// A field that it needs was not seen, or is of another type.
    Unknown,
}

impl Truth {
    fn of(b: bool) -> Self {
        if b { Self::True } else { Self::False }
    }

    fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
        }
    }
}

impl Predicate {
    /// Reads a predicate from its JSON form.
    pub fn from_json(json: &Json) -> Result<Self, PredicateError> {
        read(json, &mut Vec::new())
    }

    /// The JSON form: what [`Predicate::from_json`] reads back as an equal predicate.
    pub fn to_json(&self) -> Json {
        let mut object = Map::new();
        write(self, &mut object);
        Json::Object(object)
    }

    /// Evaluates over an observation.
    pub fn evaluate(&self, observation: &Observation) -> Truth {
        match self {
            Self::All(parts) => fold(parts, observation, Truth::False, Truth::True),
            Self::Any(parts) => fold(parts, observation, Truth::True, Truth::False),
            Self::Not(part) => part.evaluate(observation).not(),
            Self::Clause(clause) => clause.evaluate(observation),
        }
    }

    /// The parts that do not hold, one line each: what was expected and what was seen.
    pub fn explain(&self, observation: &Observation) -> Vec<String> {
        match self {
            Self::All(parts) => parts.iter().flat_map(|part| part.explain(observation)).collect(),
            _ if self.evaluate(observation) == Truth::True => Vec::new(),
            Self::Clause(clause) => vec![match observation.get(&clause.field) {
                Some(seen) => format!("{clause}, seen {seen}"),
                None => format!("{clause}, but {} was not seen", clause.field),
            }],
            _ => vec![format!("{self} does not hold")],
        }
    }

    /// Every clause with the path of keys that leads to it.
    pub fn clauses(&self) -> Vec<&Clause> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::clauses).collect(),
            Self::Not(part) => part.clauses(),
            Self::Clause(clause) => vec![clause],
        }
    }
}

fn fold(parts: &[Predicate], observation: &Observation, decisive: Truth, otherwise: Truth) -> Truth {
    let mut result = otherwise;
    for part in parts {
        match part.evaluate(observation) {
            truth if truth == decisive => return decisive,
            Truth::Unknown => result = Truth::Unknown,
            _ => {}
        }
    }
    result
}

impl Clause {
    fn evaluate(&self, observation: &Observation) -> Truth {
        self.judge(observation.get(&self.field))
    }

    /// Evaluates for a value of its field; none when that was not seen.
    pub(crate) fn judge(&self, seen: Option<&Value>) -> Truth {
        if self.op == Op::Exists {
            return Truth::of(self.operand == Value::Bool(seen.is_some()));
        }
        let Some(seen) = seen else { return Truth::Unknown };
        match (self.op, seen, &self.operand) {
            (Op::Eq, a, b) if same_kind(a, b) => Truth::of(a == b),
            (Op::Ne, a, b) if same_kind(a, b) => Truth::of(a != b),
            (Op::Lt, Value::Int(a), Value::Int(b)) => Truth::of(a < b),
            (Op::Le, Value::Int(a), Value::Int(b)) => Truth::of(a <= b),
            (Op::Gt, Value::Int(a), Value::Int(b)) => Truth::of(a > b),
            (Op::Ge, Value::Int(a), Value::Int(b)) => Truth::of(a >= b),
            (Op::In, Value::Text(a), Value::List(b)) => Truth::of(b.contains(a)),
            (Op::NotIn, Value::Text(a), Value::List(b)) => Truth::of(!b.contains(a)),
            (Op::Contains, Value::List(a), Value::Text(b)) => Truth::of(a.contains(b)),
            (Op::Contains, Value::Text(a), Value::Text(b)) => Truth::of(a.contains(b.as_str())),
            (Op::Matches, Value::Text(a), _) => {
                self.pattern.as_ref().map_or(Truth::Unknown, |p| Truth::of(p.is_match(a)))
            }
            (Op::SubsetOf, Value::List(a), Value::List(b)) => Truth::of(a.iter().all(|x| b.contains(x))),
            (Op::SupersetOf, Value::List(a), Value::List(b)) => Truth::of(b.iter().all(|x| a.contains(x))),
            _ => Truth::Unknown,
        }
    }
}

fn same_kind(a: &Value, b: &Value) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b)
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.field, self.op.as_str(), self.operand)
    }
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, parts: &[Predicate], joint: &str| {
            for (i, part) in parts.iter().enumerate() {
                write!(f, "{}{part}", if i == 0 { "" } else { joint })?;
            }
            Ok(())
        };
        match self {
            Self::All(parts) => list(f, parts, " and "),
            Self::Any(parts) => {
                f.write_str("(")?;
                list(f, parts, " or ")?;
                f.write_str(")")
            }
            Self::Not(part) => write!(f, "not ({part})"),
            Self::Clause(clause) => clause.fmt(f),
        }
    }
}

impl PartialEq for Predicate {
    fn eq(&self, other: &Self) -> bool {
        self.to_json() == other.to_json()
    }
}

impl Eq for Predicate {}

impl Serialize for Predicate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Predicate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_json(&Json::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

fn fail<T>(path: &[String], message: impl Into<String>) -> Result<T, PredicateError> {
    Err(PredicateError { path: path.to_vec(), message: message.into(), unknown: None })
}

fn within<T>(
    path: &mut Vec<String>,
    key: String,
    f: impl FnOnce(&mut Vec<String>) -> Result<T, PredicateError>,
) -> Result<T, PredicateError> {
    path.push(key);
    let result = f(path);
    path.pop();
    result
}

fn read(json: &Json, path: &mut Vec<String>) -> Result<Predicate, PredicateError> {
    let Json::Object(object) = json else { return fail(path, "expected an object of fields") };
    let mut parts = Vec::new();
    for (key, inner) in object {
        within(path, key.clone(), |path| {
            match key.as_str() {
                "all" => parts.push(Predicate::All(read_list(inner, path)?)),
                "any" => parts.push(Predicate::Any(read_list(inner, path)?)),
                "not" => parts.push(Predicate::Not(Box::new(read(inner, path)?))),
                field => parts.extend(read_field(field, inner, path)?),
            }
            Ok(())
        })?;
    }
    Ok(if parts.len() == 1 { parts.remove(0) } else { Predicate::All(parts) })
}

fn read_list(json: &Json, path: &mut Vec<String>) -> Result<Vec<Predicate>, PredicateError> {
    let Json::Array(items) = json else { return fail(path, "expected a list of predicates") };
    items.iter().enumerate().map(|(i, item)| within(path, i.to_string(), |path| read(item, path))).collect()
}

fn read_field(field: &str, json: &Json, path: &mut Vec<String>) -> Result<Vec<Predicate>, PredicateError> {
    let Json::Object(ops) = json else {
        return fail(path, "expected an operator, as in `field.eq = value`");
    };
    ops.iter()
        .map(|(name, operand)| {
            within(path, name.clone(), |path| {
                let Some(op) = Op::named(name) else {
                    return Err(PredicateError {
                        path: path.clone(),
                        message: format!("unknown operator {name:?}"),
                        unknown: Some(name.clone()),
                    });
                };
                read_clause(field, op, operand, path).map(Predicate::Clause)
            })
        })
        .collect()
}

fn read_clause(field: &str, op: Op, json: &Json, path: &[String]) -> Result<Clause, PredicateError> {
    let operand: Value = match serde_json::from_value(json.clone()) {
        Ok(operand) => operand,
        Err(_) => return fail(path, "expected a boolean, an integer, a string or a list of strings"),
    };
    let fits = match op {
        Op::Eq | Op::Ne => true,
        Op::Lt | Op::Le | Op::Gt | Op::Ge => matches!(operand, Value::Int(_)),
        Op::In | Op::NotIn | Op::SubsetOf | Op::SupersetOf => matches!(operand, Value::List(_)),
        Op::Contains | Op::Matches => matches!(operand, Value::Text(_)),
        Op::Exists => matches!(operand, Value::Bool(_)),
    };
    if !fits {
        let wanted = match op {
            Op::Lt | Op::Le | Op::Gt | Op::Ge => "an integer",
            Op::In | Op::NotIn | Op::SubsetOf | Op::SupersetOf => "a list of strings",
            Op::Exists => "true or false",
            _ => "a string",
        };
        return fail(path, format!("`{}` takes {wanted}, not {operand}", op.as_str()));
    }
    let pattern = match (op, &operand) {
        (Op::Matches, Value::Text(pattern)) => Some(compile(pattern).or_else(|message| fail(path, message))?),
        _ => None,
    };
    Ok(Clause { field: field.to_owned(), op, operand, pattern })
}

fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > MAX_PATTERN {
        return Err(format!("the pattern is longer than {MAX_PATTERN} bytes"));
    }
    regex::RegexBuilder::new(&format!("^(?:{pattern})$"))
        .size_limit(256 * 1024)
        .build()
        .map_err(|e| format!("not a regular expression: {e}"))
}

fn write(predicate: &Predicate, object: &mut Map<String, Json>) {
    let whole = |p: &Predicate| p.to_json();
    match predicate {
        Predicate::Clause(clause) => {
            let operand = serde_json::to_value(&clause.operand).expect("operands are plain JSON");
            object.insert(clause.field.clone(), serde_json::json!({ clause.op.as_str(): operand }));
        }
        Predicate::Any(parts) => {
            object.insert("any".into(), parts.iter().map(whole).collect());
        }
        Predicate::Not(part) => {
            object.insert("not".into(), whole(part));
        }
        Predicate::All(parts) => match flat(parts) {
            Some(merged) => object.extend(merged),
            None => {
                object.insert("all".into(), parts.iter().map(whole).collect());
            }
        },
    }
}

/// AND of parts as one object, unless two of them need the same key.
fn flat(parts: &[Predicate]) -> Option<Map<String, Json>> {
    let mut merged = Map::new();
    for part in parts {
        let mut one = Map::new();
        write(part, &mut one);
        for (key, value) in one {
            match (merged.get_mut(&key), value) {
                (None, value) => {
                    merged.insert(key, value);
                }
                (Some(Json::Object(ops)), Json::Object(more)) if key != "not" => {
                    for (op, operand) in more {
                        if ops.insert(op, operand).is_some() {
                            return None;
                        }
                    }
                }
                _ => return None,
            }
        }
    }
    Some(merged)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn predicate(json: Json) -> Predicate {
        Predicate::from_json(&json).unwrap()
    }

    fn seen() -> Observation {
        Observation::new()
            .with("mode", "0644")
            .with("age_seconds", 10)
            .with("exists", true)
            .with("options", vec!["ro".to_owned(), "nosuid".to_owned()])
    }

    #[test]
    fn every_operator_holds_and_fails() {
        for (good, bad) in [
            (json!({"mode": {"eq": "0644"}}), json!({"mode": {"eq": "0600"}})),
            (json!({"mode": {"ne": "0600"}}), json!({"mode": {"ne": "0644"}})),
            (json!({"age_seconds": {"lt": 11}}), json!({"age_seconds": {"lt": 10}})),
            (json!({"age_seconds": {"le": 10}}), json!({"age_seconds": {"le": 9}})),
            (json!({"age_seconds": {"gt": 9}}), json!({"age_seconds": {"gt": 10}})),
            (json!({"age_seconds": {"ge": 10}}), json!({"age_seconds": {"ge": 11}})),
            (json!({"mode": {"in": ["0644"]}}), json!({"mode": {"in": []}})),
            (json!({"mode": {"not_in": []}}), json!({"mode": {"not_in": ["0644"]}})),
            (json!({"options": {"contains": "ro"}}), json!({"options": {"contains": "rw"}})),
            (json!({"mode": {"matches": "0[0-7]{3}"}}), json!({"mode": {"matches": "064"}})),
            (json!({"mode": {"exists": true}}), json!({"mode": {"exists": false}})),
            (json!({"options": {"subset_of": ["ro", "nosuid", "x"]}}), json!({"options": {"subset_of": ["ro"]}})),
            (json!({"options": {"superset_of": ["ro"]}}), json!({"options": {"superset_of": ["rw"]}})),
        ] {
            assert_eq!(predicate(good.clone()).evaluate(&seen()), Truth::True, "{good}");
            assert_eq!(predicate(bad.clone()).evaluate(&seen()), Truth::False, "{bad}");
            assert_eq!(predicate(bad.clone()).explain(&seen()).len(), 1, "{bad}");
        }
    }

    #[test]
    fn what_was_not_seen_is_unknown_and_negating_it_does_not_help() {
        for json in [json!({"size": {"eq": 1}}), json!({"not": {"size": {"eq": 1}}}), json!({"mode": {"eq": 1}})] {
            assert_eq!(predicate(json.clone()).evaluate(&seen()), Truth::Unknown, "{json}");
        }
        assert_eq!(
            predicate(json!({"any": [{"size": {"eq": 1}}, {"exists": {"eq": true}}]})).evaluate(&seen()),
            Truth::True
        );
        assert_eq!(predicate(json!({"size": {"eq": 1}, "mode": {"eq": "x"}})).evaluate(&seen()), Truth::False);
    }

    #[test]
    fn mistakes_name_their_place() {
        for (json, place, word) in [
            (json!({"mode": {"equals": "0644"}}), "mode.equals", "unknown operator"),
            (json!({"mode": "0644"}), "mode", "operator"),
            (json!({"any": {"mode": {"eq": "x"}}}), "any", "list"),
            (json!({"any": [{"mode": {"lt": "x"}}]}), "any.0.mode.lt", "integer"),
            (json!({"mode": {"matches": "("}}), "mode.matches", "regular expression"),
            (json!({"mode": {"eq": null}}), "mode.eq", "expected a boolean"),
            (json!({"mode": {"eq": 1.5}}), "mode.eq", "expected a boolean"),
            (json!([]), "", "object"),
        ] {
            let error = Predicate::from_json(&json).unwrap_err();
            assert_eq!(error.path.join("."), place, "{json}");
            assert!(error.message.contains(word), "{error}");
        }
    }

    fn predicates() -> impl Strategy<Value = Predicate> {
        let leaf = ("[abc]", prop_oneof![Just("eq"), Just("le"), Just("gt")], -3i64..3)
            .prop_map(|(f, op, n)| predicate(json!({f: {op: n}})));
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Predicate::All),
                prop::collection::vec(inner.clone(), 0..4).prop_map(Predicate::Any),
                inner.prop_map(|p| Predicate::Not(Box::new(p))),
            ]
        })
    }

    proptest! {
        #[test]
        fn json_form_keeps_the_meaning(p in predicates(), a in -3i64..3, b in prop::option::of(-3i64..3)) {
            let mut observation = Observation::new().with("a", a);
            if let Some(b) = b {
                observation.set("b", b);
            }
            let again = Predicate::from_json(&p.to_json()).unwrap();
            prop_assert_eq!(again.evaluate(&observation), p.evaluate(&observation));
        }

        #[test]
        fn seeing_more_never_turns_a_verdict_around(p in predicates(), a in -3i64..3, b in -3i64..3) {
            let less = Observation::new().with("a", a);
            let more = less.clone().with("b", b);
            let before = p.evaluate(&less);
            prop_assert!(before == Truth::Unknown || before == p.evaluate(&more));
        }

        #[test]
        fn explanations_are_empty_exactly_when_it_holds(p in predicates(), a in -3i64..3) {
            let observation = Observation::new().with("a", a);
            prop_assert_eq!(p.explain(&observation).is_empty(), p.evaluate(&observation) == Truth::True);
        }
    }
}
