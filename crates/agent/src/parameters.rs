//! Parameters of probes and runbook steps: what a signed policy gave, read by type.
//!
//! `writ check` judges them against the schemas before anything is signed; the appliance judges them again, because a
//! policy may be older or newer than the agent that reads it. Nothing here panics, whatever the policy says.

use std::path::Path;

use serde_json::{Map, Value};
use writ_policy::schema::{Kind, ParameterSchema};
use writ_trust::text::one_line;
use writ_trust::time::Span;

/// The longest path the kernel takes, in bytes.
const LONGEST_PATH: usize = 4096;

/// The parameters of one call.
#[derive(Debug, Clone, Copy)]
pub struct Parameters<'a>(&'a Map<String, Value>);

impl<'a> Parameters<'a> {
    /// Parameters that a schema allows: every name known, every required one there, every type right.
    ///
    /// # Errors
    /// One line that names the parameter and what was expected.
    pub fn checked(given: &'a Map<String, Value>, schema: &[ParameterSchema]) -> Result<Self, String> {
        for (name, value) in given {
            let Some(known) = schema.iter().find(|p| p.name == name) else {
                let names: Vec<_> = schema.iter().map(|p| p.name).collect();
                let known = if names.is_empty() { "it takes none".into() } else { names.join(", ") };
                return Err(format!("unknown parameter {:?}; known: {known}", one_line(name)));
            };
            if !fits(value, known.kind) {
                return Err(format!(
                    "parameter {name} is {}, expected {}",
                    one_line(brief(value)),
                    known.kind.as_str()
                ));
            }
        }
        match schema.iter().find(|p| p.required && !given.contains_key(p.name)) {
            Some(missing) => Err(format!("parameter {} is missing: {}", missing.name, missing.about)),
            None => Ok(Self(given)),
        }
    }

    /// Parameters that no schema has judged; the getters below still check the type of what they return.
    pub fn unchecked(given: &'a Map<String, Value>) -> Self {
        Self(given)
    }

    /// A string, if given.
    pub fn optional_text(&self, name: &str) -> Result<Option<&'a str>, String> {
        self.optional(name, Kind::Text, Value::as_str)
    }

    /// A string.
    pub fn text(&self, name: &str) -> Result<&'a str, String> {
        required(name, self.optional_text(name)?)
    }

    /// An integer, if given.
    pub fn optional_int(&self, name: &str) -> Result<Option<i64>, String> {
        self.optional(name, Kind::Int, Value::as_i64)
    }

    /// True or false, if given.
    pub fn optional_bool(&self, name: &str) -> Result<Option<bool>, String> {
        self.optional(name, Kind::Bool, Value::as_bool)
    }

    /// A list of strings, if given.
    pub fn optional_list(&self, name: &str) -> Result<Option<Vec<&'a str>>, String> {
        self.optional(name, Kind::List, |value| value.as_array()?.iter().map(Value::as_str).collect())
    }

    /// A duration, if given.
    pub fn optional_span(&self, name: &str) -> Result<Option<Span>, String> {
        self.optional(name, Kind::Span, |value| value.as_str()?.parse().ok())
    }

    /// A duration.
    pub fn span(&self, name: &str) -> Result<Span, String> {
        required(name, self.optional_span(name)?)
    }

    /// The symbol of a program of the closure (`writ.program "symbol"`), if given.
    pub fn optional_program(&self, name: &str) -> Result<Option<&'a str>, String> {
        self.optional(name, Kind::Program, symbol)
    }

    /// The name of a secret (`writ.secret "name"`), if given.
    pub fn optional_secret(&self, name: &str) -> Result<Option<&'a str>, String> {
        self.optional(name, Kind::Secret, secret)
    }

    /// An absolute path without `..`, if given.
    pub fn optional_path(&self, name: &str) -> Result<Option<&'a Path>, String> {
        self.optional_text(name)?.map(|text| plain_path(name, text)).transpose()
    }

    /// An absolute path without `..`.
    pub fn path(&self, name: &str) -> Result<&'a Path, String> {
        plain_path(name, self.text(name)?)
    }

    fn optional<T>(&self, name: &str, kind: Kind, read: impl Fn(&'a Value) -> Option<T>) -> Result<Option<T>, String> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        match read(value) {
            Some(value) => Ok(Some(value)),
            None => Err(format!("parameter {name} is {}, expected {}", one_line(brief(value)), kind.as_str())),
        }
    }
}

fn required<T>(name: &str, value: Option<T>) -> Result<T, String> {
    value.ok_or_else(|| format!("parameter {name} is missing"))
}

fn brief(value: &Value) -> String {
    value.to_string().chars().take(80).collect()
}

fn secret(value: &Value) -> Option<&str> {
    let object = value.as_object().filter(|o| o.len() == 1)?;
    object.get("secret")?.as_str()
}

fn symbol(value: &Value) -> Option<&str> {
    let object = value.as_object().filter(|o| o.len() == 1)?;
    object.get("program")?.as_str()
}

fn fits(value: &Value, kind: Kind) -> bool {
    match kind {
        Kind::Bool => value.is_boolean(),
        Kind::Int => value.as_i64().is_some(),
        Kind::Text => value.is_string(),
        Kind::List => value.as_array().is_some_and(|items| items.iter().all(Value::is_string)),
        Kind::Span => value.as_str().is_some_and(|text| text.parse::<Span>().is_ok()),
        Kind::Program => symbol(value).is_some(),
        Kind::Secret => secret(value).is_some(),
    }
}

/// A path that means the same wherever it is read from: absolute, without `..`, without NUL; as [`Form::AbsolutePath`], and no
/// longer than the kernel takes.
///
/// [`Form::AbsolutePath`]: writ_policy::values::Form::AbsolutePath
fn plain_path<'a>(name: &str, text: &'a str) -> Result<&'a Path, String> {
    let path = Path::new(text);
    let problem = if !text.starts_with('/') {
        "is not absolute"
    } else if text.split('/').any(|part| part == "..") {
        "contains \"..\""
    } else if text.contains('\0') {
        "contains a NUL character"
    } else if text.len() > LONGEST_PATH {
        "is longer than 4096 bytes"
    } else {
        return Ok(path);
    };
    Err(format!(
        "parameter {name}: the path {:?} {problem}; expected an absolute path such as \"/etc/motd\"",
        one_line(text)
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use writ_policy::values::Form;

    use super::*;

    proptest! {
        /// What `writ check` takes for a path is one here, and nothing else is.
        #[test]
        fn a_path_is_what_the_form_says(text in "(/?(\\.{0,3}|[a-z.]{0,3}|\n|ß|\\x00)){0,5}") {
            prop_assert_eq!(Form::AbsolutePath.allows(&text), plain_path("path", &text).is_ok());
        }
    }
}
