//! Schemas of probes and runbook steps: what they take and what they show.

use std::collections::{BTreeMap, BTreeSet};

use crate::observation::{Observation, Value};
use crate::validate::natural_range;
use crate::values::{Form, Values};

/// The type of a parameter or an observation field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// True or false.
    Bool,
    /// An integer.
    Int,
    /// A string.
    Text,
    /// A list of strings.
    List,
    /// A duration, as in `"5m"` (parameters only).
    Span,
    /// `writ.program "symbol"`: a program of the closure (parameters only).
    Program,
    /// `writ.secret "name"`: resolved on the appliance (parameters only).
    Secret,
}

impl Kind {
    /// The name people read in errors and help.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Int => "an integer",
            Self::Text => "a string",
            Self::List => "a list of strings",
            Self::Span => "a duration such as \"5m\"",
            Self::Program => "writ.program \"symbol\"",
            Self::Secret => "writ.secret \"name\"",
        }
    }
}

/// What may happen to a field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// May leave the appliance as it is.
    Plain,
    /// Names a person or a machine: leaves the appliance only as a keyed hash.
    Identifier,
    /// Free text: scrubbed before it is kept; no predicate may use it.
    Text,
}

/// One parameter of a probe or a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParameterSchema {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Whether it must be given.
    pub required: bool,
    /// Which values of that type it takes.
    pub values: Values,
    /// What it means, in one line.
    pub about: &'static str,
}

impl ParameterSchema {
    /// What it means, and which values it takes.
    pub fn told(&self) -> String {
        told(self.about, self.values)
    }

    /// It takes these alone.
    #[must_use]
    pub const fn one_of(mut self, values: &'static [&'static str]) -> Self {
        self.values = Values::Closed(values);
        self
    }

    /// It takes text of this form.
    #[must_use]
    pub const fn form(mut self, form: Form) -> Self {
        self.values = Values::Form(form);
        self
    }
}

/// One field of an observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldSchema {
    /// Its name, with its unit.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// What may happen to its value.
    pub class: Class,
    /// Which values of that type it can have.
    pub values: Values,
    /// What it means, in one line.
    pub about: &'static str,
}

impl FieldSchema {
    /// The probe shows these alone.
    #[must_use]
    pub const fn one_of(mut self, values: &'static [&'static str]) -> Self {
        self.values = Values::Closed(values);
        self
    }

    /// It shows these, as the program that they are from writes them up to a version, for instance `systemd 258`.
    #[must_use]
    pub const fn known(mut self, values: &'static [&'static str], version: &'static str) -> Self {
        self.values = Values::Known(values, version);
        self
    }

    /// It shows text of this form; of a list, such entries.
    #[must_use]
    pub const fn form(mut self, form: Form) -> Self {
        self.values = Values::Form(form);
        self
    }

    /// It shows integers from `least` to `most`.
    #[must_use]
    pub const fn between(mut self, least: i64, most: i64) -> Self {
        self.values = Values::Between(least, most);
        self
    }

    /// What it means, and which values it can have.
    pub fn told(&self) -> String {
        told(self.about, self.values)
    }

    /// Which values it can have: what it declares, and what the unit in its name says of integers.
    pub fn possible(&self) -> Values {
        if self.kind != Kind::Int {
            return self.values;
        }
        let (least, most) = natural_range(self.name);
        match self.values {
            Values::Between(from, to) => Values::Between(from.max(least), to.min(most)),
            _ if (least, most) == (i64::MIN, i64::MAX) => Values::Any,
            _ => Values::Between(least, most),
        }
    }
}

fn told(about: &str, values: Values) -> String {
    values.words().map_or_else(|| about.to_owned(), |words| format!("{about}; {words}"))
}

/// What a probe takes and shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeSchema {
    /// Its name in `probe.<name>`.
    pub name: &'static str,
    /// What it looks at, in one line.
    pub about: &'static str,
    /// What it takes.
    pub parameters: &'static [ParameterSchema],
    /// What it shows.
    pub observation: &'static [FieldSchema],
}

impl ProbeSchema {
    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&'static FieldSchema> {
        self.observation.iter().find(|f| f.name == name)
    }

    /// What an observation holds that this schema does not promise: fields that it has not, of another type, or with a
    /// value that they cannot have. A probe of a later version, or a later version of the program that it asks, may.
    pub fn unpromised<'o>(&self, seen: &'o Observation) -> Vec<(&'o str, &'o Value)> {
        let promised = |name: &str, value: &Value| {
            let kind = match value {
                Value::Bool(_) => Kind::Bool,
                Value::Int(_) => Kind::Int,
                Value::Text(_) => Kind::Text,
                Value::List(_) => Kind::List,
            };
            self.field(name).is_some_and(|field| field.kind == kind && field.possible().allow(value))
        };
        seen.iter().filter(|(name, value)| !promised(name, value)).collect()
    }
}

/// What a runbook step takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepSchema {
    /// Its name in `step`.
    pub name: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    /// What it takes.
    pub parameters: &'static [ParameterSchema],
}

/// Every probe and step that the agent knows.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    /// Probes by name.
    pub probes: BTreeMap<&'static str, ProbeSchema>,
    /// Steps by name.
    pub steps: BTreeMap<&'static str, StepSchema>,
    /// The probes, by name, of which the agent has only the schema: a check with one is never assessed.
    pub announced: BTreeSet<&'static str>,
    /// The probes, by name, that look over the network: what they see is told, and never acted on.
    pub network: BTreeSet<&'static str>,
}

impl Registry {
    /// Whether the agent knows this probe and cannot look with it. False for a probe that it does not know.
    pub fn unobserved(&self, probe: &str) -> bool {
        self.announced.contains(probe)
    }
}
