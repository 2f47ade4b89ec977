//! Checks: one probe, what is expected of what it sees, and how often to look.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use writ_trust::time::Span;

use crate::declared::{DeclaredAt, Severity};
use crate::predicate::Predicate;

/// A probe by name with its parameters, written `{ "<name>": { <parameters> } }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeCall {
    /// The probe's name, for instance `file`.
    pub name: String,
    /// Its parameters, judged by the probe's schema.
    pub parameters: Map<String, Json>,
}

impl Serialize for ProbeCall {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = Map::new();
        object.insert(self.name.clone(), Json::Object(self.parameters.clone()));
        object.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ProbeCall {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Map::<String, Json>::deserialize(deserializer)?;
        let mut entries = object.into_iter();
        match (entries.next(), entries.next()) {
            (Some((name, Json::Object(parameters))), None) => Ok(Self { name, parameters }),
            _ => Err(serde::de::Error::custom(
                "a probe is one name with its parameters, as in { file = { path = …; }; }",
            )),
        }
    }
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What it checks, in words.
    pub title: String,
    /// How it looks.
    pub probe: ProbeCall,
    /// What must hold.
    pub expect: Predicate,
    /// What should hold: a violation is a warning, not a failure.
    pub prefer: Option<Predicate>,
    /// How often it looks, at least.
    pub every: Span,
    /// `self`, or the machine it is about.
    pub target: String,
    /// Severity of an incident that it opens.
    pub severity: Severity,
    /// What rule books say of this very setting, as `framework:id`.
    pub cites: Vec<String>,
    /// Where it is declared.
    pub declared_at: DeclaredAt,
}
