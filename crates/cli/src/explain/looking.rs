//! What a check looks at: its probe, the parameters it is called with, and the fields that are judged.

use std::collections::BTreeSet;

use serde::{Serialize, Serializer};
use serde_json::Value as Json;
use writ_policy::check::Check;
use writ_policy::schema::{Class, FieldSchema, ProbeSchema};

use super::Asked;
use super::page::Page;
use super::predicate::{FigureRef, Place, figures, named};
use crate::library::words;

/// A parameter as it is given.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its value; a secret and a program by name.
    pub value: Json,
    /// What it means; none where no schema has it.
    pub about: Option<String>,
    /// The figures of its value.
    pub figures: Vec<FigureRef>,
}

/// A field of the observation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Field {
    /// Its name, with its unit.
    pub name: String,
    /// Its type with its unit, in words.
    pub kind: String,
    /// The unit that its name tells.
    pub unit: Option<&'static str>,
    /// Which values of that type it can have, in words; none where all can be.
    pub values: Option<String>,
    /// What may happen to it; in JSON `plain`, `identifier` or `text`.
    #[serde(serialize_with = "by_name")]
    pub class: Class,
    /// What it means.
    pub about: String,
}

fn by_name<S: Serializer>(class: &Class, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(words::class_name(*class))
}

impl Field {
    /// A field of a schema.
    pub fn of(schema: &FieldSchema) -> Self {
        Self {
            name: schema.name.to_owned(),
            kind: words::kind_of(schema),
            unit: words::unit(schema.name),
            values: schema.values.words(),
            class: schema.class,
            about: schema.about.to_owned(),
        }
    }

    /// What there is to say of it, in one text.
    pub fn words(&self) -> String {
        let values = self.values.as_ref().map(|values| format!(", {values}")).unwrap_or_default();
        format!("{}{values}: {}{}", self.kind, self.about, words::class_note(self.class))
    }
}

/// How a check looks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Looking {
    /// The probe.
    pub probe: String,
    /// What it looks at; none where this version knows no such probe.
    pub about: Option<String>,
    /// Whether this version can look with it.
    pub observed: bool,
    /// What it is called with.
    pub parameters: Vec<Parameter>,
    /// The fields that the check judges.
    pub fields: Vec<Field>,
}

/// How a check looks.
pub fn looking(asked: &Asked<'_>, place: &Place<'_>, check: &Check) -> Looking {
    let name = check.probe.name.as_str();
    let schema = asked.library.registry.probes.get(name);
    let about = |parameter: &str| {
        let known = schema?.parameters.iter().find(|p| p.name == parameter)?;
        Some(known.about.to_owned())
    };
    let parameters = check.probe.parameters.iter().map(|(parameter, value)| Parameter {
        name: parameter.clone(),
        value: value.clone(),
        about: about(parameter),
        figures: figures(asked, place, &["probe", name], std::slice::from_ref(parameter)),
    });
    Looking {
        probe: name.to_owned(),
        about: schema.map(|schema| schema.about.to_owned()),
        observed: schema.is_some() && !asked.library.registry.unobserved(name),
        parameters: parameters.collect(),
        fields: schema.map(|schema| judged(schema, check)).unwrap_or_default(),
    }
}

fn judged(schema: &ProbeSchema, check: &Check) -> Vec<Field> {
    let clauses = check.expect.clauses().into_iter().chain(check.prefer.iter().flat_map(|p| p.clauses()));
    let names: BTreeSet<&str> = clauses.map(|clause| clause.field.as_str()).collect();
    names.into_iter().filter_map(|name| schema.field(name)).map(Field::of).collect()
}

impl Looking {
    /// Prints it.
    pub fn print(&self, page: &mut Page) {
        page.section("Looks at");
        match &self.about {
            Some(about) => page.text(2, &format!("{about} (probe {})", self.probe)),
            None => page.text(2, &format!("probe {}, which this version does not know", self.probe)),
        }
        if !self.observed {
            page.text(2, "Not observed by this version: until a newer one can look, the check is not assessable.");
        }
        if !self.parameters.is_empty() {
            page.text(2, "called with");
        }
        let given = self.parameters.iter().map(|parameter| {
            let about = parameter.about.as_ref().map(|about| format!(": {about}")).unwrap_or_default();
            let figures = named(&parameter.figures).map(|named| format!(", figure {named}")).unwrap_or_default();
            (parameter.name.clone(), format!("= {}{figures}{about}", words::parameter(&parameter.value)))
        });
        page.rows(4, &given.collect::<Vec<_>>());
        page.text(2, "and judges");
        let judged = self.fields.iter().map(|field| (field.name.clone(), field.words()));
        page.rows(4, &judged.collect::<Vec<_>>());
    }
}
