//! Policy in words: predicates, parameters, numbers with their units, citations.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use writ_audit::words::{lasting, lasting_millis, thousands};
use writ_policy::control::{Coverage, Requirement};
pub use writ_policy::diff::parameter;
use writ_policy::observation::Value;
use writ_policy::predicate::{Clause, Op, Predicate};
use writ_policy::schema::{Class, FieldSchema, Kind};
use writ_policy::values::Values;
use writ_trust::text::escaped;

/// One line of a predicate in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// How deep it stands within `any`, `all` and `not`, from 0.
    pub depth: usize,
    /// What it says.
    pub text: String,
    /// The clause that it tells of; none for what joins clauses.
    pub clause: Option<At>,
}

/// A clause within its predicate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    /// The keys that lead to it from the predicate's root.
    pub path: Vec<String>,
    /// What it compares with.
    pub operand: Value,
}

/// A predicate, line by line: every line at one depth must hold, unless the line above them says otherwise.
pub fn predicate(predicate: &Predicate) -> Vec<Line> {
    let mut lines = Vec::new();
    walk(predicate, 0, &mut Vec::new(), &mut lines);
    lines
}

fn walk(predicate: &Predicate, depth: usize, path: &mut Vec<String>, lines: &mut Vec<Line>) {
    let mut joint = |text: &str| lines.push(Line { depth, text: text.to_owned(), clause: None });
    match predicate {
        Predicate::All(parts) => parts.iter().for_each(|part| walk(part, depth, path, lines)),
        Predicate::Any(parts) => {
            joint("any one of:");
            for (i, part) in parts.iter().enumerate() {
                path.extend(["any".to_owned(), i.to_string()]);
                let several = matches!(part, Predicate::All(inner) if inner.len() > 1);
                if several {
                    lines.push(Line { depth: depth + 1, text: "all of:".to_owned(), clause: None });
                }
                walk(part, depth + 1 + usize::from(several), path, lines);
                path.truncate(path.len() - 2);
            }
        }
        Predicate::Not(part) => {
            joint("not:");
            path.push("not".to_owned());
            walk(part, depth + 1, path, lines);
            path.pop();
        }
        Predicate::Clause(one) => {
            let path = path.iter().cloned().chain([one.field.clone(), one.op.as_str().to_owned()]).collect();
            lines.push(Line { depth, text: clause(one), clause: Some(At { path, operand: one.operand.clone() }) });
        }
    }
}

/// One comparison: `age_seconds is at most 93,600 (26 h)`.
pub fn clause(clause: &Clause) -> String {
    let Clause { field, op, operand, .. } = clause;
    let said = match (op, operand) {
        (Op::Exists, Value::Bool(true)) => return format!("{field} was seen"),
        (Op::Exists, _) => return format!("{field} was not seen"),
        (Op::Eq, _) => "is",
        (Op::Ne, _) => "is not",
        (Op::Lt, _) => "is below",
        (Op::Le, _) => "is at most",
        (Op::Gt, _) => "is above",
        (Op::Ge, _) => "is at least",
        (Op::In, _) => "is one of",
        (Op::NotIn, _) => "is none of",
        (Op::Contains, _) => "contains",
        (Op::Matches, _) => "matches",
        (Op::SubsetOf, _) => "holds nothing but",
        (Op::SupersetOf, _) => "holds all of",
    };
    format!("{field} {said} {}", observed(field, operand))
}

/// A value of an observation field, with its unit where its name tells one.
pub fn observed(field: &str, value: &Value) -> String {
    match value {
        Value::Bool(b) => b.to_string(),
        Value::Int(n) => number(field, *n),
        Value::Text(text) => quoted(text),
        Value::List(items) if items.is_empty() => "nothing".to_owned(),
        Value::List(items) => items.iter().map(|item| quoted(item)).collect::<Vec<_>>().join(", "),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

fn number(field: &str, n: i64) -> String {
    let plain = if n < 0 { n.to_string() } else { thousands(n.unsigned_abs()) };
    let said = match (u64::try_from(n), unit(field)) {
        (_, Some("percent")) => return format!("{plain} %"),
        (_, Some("days")) => return format!("{plain} {}", if n == 1 { "day" } else { "days" }),
        (_, Some("bits")) => return format!("{plain} bits"),
        (Ok(n), Some("seconds")) => lasting(n),
        (Ok(n), Some("ms")) => lasting_millis(n),
        (Ok(n), Some("bytes")) => bytes(n),
        _ => return plain,
    };
    // `90 s` says all that `90 (90 s)` says.
    if said.starts_with(&format!("{plain} ")) { said } else { format!("{plain} ({said})") }
}

/// A size in the greatest unit that leaves at least one of it.
fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let Some(i) = (0..UNITS.len()).rev().find(|i| n >= 1 << (10 * (i + 1))) else { return format!("{n} bytes") };
    let tenths = n / (1 << (10 * (i + 1))) * 10 + n % (1 << (10 * (i + 1))) * 10 / (1 << (10 * (i + 1)));
    if tenths.is_multiple_of(10) {
        format!("{} {}", tenths / 10, UNITS[i])
    } else {
        format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[i])
    }
}

/// The unit that a field's name ends in.
pub fn unit(field: &str) -> Option<&'static str> {
    const UNITS: [&str; 7] = ["seconds", "days", "ms", "bytes", "percent", "count", "bits"];
    let last = field.rsplit('_').next()?;
    UNITS.into_iter().find(|unit| *unit == last && field.len() > last.len())
}

/// A field's type with its unit: `an integer, in seconds`.
pub fn kind_of(field: &FieldSchema) -> String {
    match (field.kind, unit(field.name)) {
        (Kind::Int, Some("count")) | (_, None) => field.kind.as_str().to_owned(),
        (_, Some(unit)) => format!("{}, in {}", field.kind.as_str(), unit),
    }
}

/// Which values of its type a field or a parameter can have, to be put behind the type; nothing where all can be.
pub fn values_note(values: Values) -> String {
    values.words().map(|words| format!(", {words}")).unwrap_or_default()
}

/// The name of a class in JSON.
pub fn class_name(class: Class) -> &'static str {
    match class {
        Class::Plain => "plain",
        Class::Identifier => "identifier",
        Class::Text => "text",
    }
}

/// What a class means for whoever reads a field's description, to be put behind it; nothing for a plain one.
pub fn class_note(class: Class) -> &'static str {
    match class {
        Class::Plain => "",
        Class::Identifier => "; leaves the appliance only as a keyed hash",
        Class::Text => "; free text, scrubbed before it is kept: no predicate may use it",
    }
}

/// How far machines can show a control.
pub fn coverage(coverage: Coverage) -> &'static str {
    match coverage {
        Coverage::Automated => "automated: its checks show all of it",
        Coverage::Partial => "partial: its checks show a part of it",
        Coverage::Procedural => "procedural: people do it",
        Coverage::Inherited => "inherited: somebody else provides it",
    }
}

/// How a rule book puts a demand.
pub fn requirement(requirement: Requirement) -> &'static str {
    match requirement {
        Requirement::Standard => "standard",
        Requirement::Required => "required",
        Requirement::Addressable => "addressable",
    }
}

/// Where a figure comes from: its sources, or that it is our own; empty where nothing is said.
pub fn basis(ours: bool, source: &[String]) -> String {
    let asks = source.join(", ");
    match (ours, source.is_empty()) {
        (true, true) => "our own choice: no source gives it".to_owned(),
        (true, false) => format!("our own choice: {asks} asks for one and gives none"),
        (false, _) => asks,
    }
}

/// A text that begins a sentence.
pub fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Any JSON value in one line, a string bare and empty things in words.
pub fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => escaped(text),
        Json::Null => "nothing".to_owned(),
        other => parameter(other),
    }
}

/// Citations of the form `framework:id`, by framework: `catalogue LM-13 · NIST-800-53 AC-17, AC-6`.
pub fn cites(cites: &[String]) -> String {
    let mut by: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for cite in cites {
        let (framework, id) = cite.split_once(':').unwrap_or(("", cite));
        by.entry(framework).or_default().push(id);
    }
    joined(by.into_iter().map(|(framework, ids)| (framework, ids.join(", "))))
}

/// Identifiers in other frameworks, in the same form.
pub fn maps(maps: &BTreeMap<String, Vec<String>>) -> String {
    joined(maps.iter().map(|(framework, ids)| (framework.as_str(), ids.join(", "))))
}

fn joined<'a>(all: impl Iterator<Item = (&'a str, String)>) -> String {
    // The catalogue is a list of ours; the others are called by initials.
    let called =
        |framework: &str| if framework == "catalogue" { framework.to_owned() } else { framework.to_uppercase() };
    all.map(|(framework, ids)| format!("{} {ids}", called(framework)).trim().to_owned()).collect::<Vec<_>>().join(" · ")
}

/// How often a rule tries, and how long it rests in between: `3 attempts, 1h of rest after each in vain`.
pub fn attempts(attempts: u32, cooldown: &str) -> String {
    match attempts {
        1 => format!("1 attempt, then {cooldown} of rest"),
        several => format!("{several} attempts, {cooldown} of rest after each in vain"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(json: Json) -> Vec<String> {
        let read = Predicate::from_json(&json).unwrap();
        predicate(&read).into_iter().map(|line| format!("{}{}", "  ".repeat(line.depth), line.text)).collect()
    }

    #[test]
    fn predicates_read_aloud() {
        for (json, lines) in [
            (json!({"age_seconds": {"le": 93_600}}), &["age_seconds is at most 93,600 (26 h)"][..]),
            (json!({"used_percent": {"le": 95}}), &["used_percent is at most 95 %"]),
            (json!({"size_bytes": {"lt": 1_610_612_736}}), &["size_bytes is below 1,610,612,736 (1.5 GiB)"]),
            (json!({"offset_ms": {"gt": -5}}), &["offset_ms is above -5"]),
            (json!({"age_seconds": {"ge": 90}}), &["age_seconds is at least 90 s"]),
            (json!({"modes": {"subset_of": []}}), &["modes holds nothing but nothing"]),
            (json!({"mode": {"in": ["0600", "0640"]}}), &["mode is one of \"0600\", \"0640\""]),
            (json!({"name": {"eq": "a\u{1b}[31m"}}), &["name is \"a\\u{1b}[31m\""]),
            (
                json!({"any": [{"mode": {"eq": "0640"}, "owner": {"eq": "root"}}, {"exists": {"exists": false}}]}),
                &["any one of:", "  all of:", "    mode is \"0640\"", "    owner is \"root\"", "  exists was not seen"],
            ),
            (
                json!({"not": {"locked": {"eq": true}}, "n_count": {"ge": 2}}),
                &["n_count is at least 2", "not:", "  locked is true"],
            ),
        ] {
            assert_eq!(told(json.clone()), lines, "{json}");
        }
    }

    #[test]
    fn a_clause_knows_its_keys() {
        let read = Predicate::from_json(&json!({"any": [{"a": {"eq": 1}}, {"not": {"b": {"le": 2}}}]})).unwrap();
        let paths: Vec<String> = predicate(&read).into_iter().filter_map(|l| Some(l.clause?.path.join("."))).collect();
        assert_eq!(paths, ["any.0.a.eq", "any.1.not.b.le"]);
    }

    #[test]
    fn citations_are_grouped() {
        let all = ["nist-800-53:AC-17", "catalogue:LM-13", "nist-800-53:AC-6", "bare"].map(str::to_owned);
        assert_eq!(cites(&all), "bare · catalogue LM-13 · NIST-800-53 AC-17, AC-6");
        assert_eq!(parameter(&json!({"secret": "backup"})), "writ.secret \"backup\"");
        assert_eq!(parameter(&json!(["a", 1])), "[ \"a\" 1 ]");
    }

    #[test]
    fn sizes_and_units() {
        assert_eq!([512, 2048, 1_572_864, 5 << 40].map(bytes), ["512 bytes", "2 KiB", "1.5 MiB", "5 TiB"]);
        assert_eq!((unit("age_seconds"), unit("seconds"), unit("mode")), (Some("seconds"), None, None));
    }
}
