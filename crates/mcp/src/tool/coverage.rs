//! `coverage`: what of the baseline machines can show, what they leave out, and what people do.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use writ_audit::compare::Comparison;
use writ_audit::compare::model::{ControlFinding, FrameworkRow};
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;

use super::{Tool, schema};
use crate::answer::{Answer, Refusal};
use crate::arguments::{Cursor, Limit, Name, PeriodText, read};
use crate::desk::Desk;
use crate::page::{Wanted, part};

pub const TOOL: Tool = Tool {
    name: "coverage",
    title: "What the baseline covers",
    description: "How far machines can show each control of a site's baseline (automated, partial, procedural, inherited), what their \
        checks leave out, what people do instead, and which appliances were heard of. Name a framework, such as hipaa, nist-800-53 or \
        soc2, to see the verdicts by its own ids.",
    schema: || {
        schema::object(
            [
                ("site", schema::site()),
                ("period", schema::period()),
                ("framework", schema::name("By the ids of this framework, as in hipaa")),
                ("limit", schema::limit()),
                ("cursor", schema::cursor()),
            ],
            &[],
        )
    },
    reads_only: true,
    run,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    site: Option<SiteId>,
    #[serde(default)]
    period: Option<PeriodText>,
    #[serde(default)]
    framework: Option<Name>,
    #[serde(default)]
    limit: Option<Limit>,
    #[serde(default)]
    cursor: Option<Cursor>,
}

fn run(desk: &Desk, _: &str, arguments: Map<String, Value>) -> Result<Answer, Refusal> {
    let asked: Asked = read(arguments)?;
    let (reading, of) = desk.read(asked.site.as_ref(), asked.period.as_ref())?;
    let comparison = &reading.comparison;
    let mut frameworks: Vec<&str> = comparison.matrix.iter().map(|row| row.framework.as_str()).collect();
    frameworks.dedup();
    if let Some(name) = asked.framework.as_ref().filter(|name| !frameworks.contains(&name.as_str())) {
        let there = frameworks.join(", ");
        return Err(Refusal::new(format!("no control is mapped to a framework {}; there are: {there}", name.as_str())));
    }
    let mut answer = Answer::resting_on(TOOL.name, &reading.basis());
    let counts = counts(comparison);
    let told: Vec<String> = counts.iter().map(|(coverage, count)| format!("{count} {coverage}")).collect();
    answer.say(format!("{} controls: {}.", comparison.controls.len(), told.join(", ")));
    answer.put("baselines", &comparison.baselines);
    answer.put("by_coverage", &counts);
    answer.put("frameworks", &frameworks);
    answer.put("checks", &comparison.checks.len());
    answer.put("appliances", &comparison.appliances);
    let of = Digest::of(format!("{of} {:?}", asked.framework).as_bytes());
    let wanted = Wanted { cursor: asked.cursor.as_ref(), limit: asked.limit };
    let rows = match &asked.framework {
        Some(name) => {
            let rows = comparison.matrix.iter().filter(|row| row.framework == name.as_str());
            let rows: Vec<&FrameworkRow> = rows.collect();
            part(&rows, wanted, &of, |row| json!(row))?
        }
        None => part(&comparison.controls, wanted, &of, tell)?,
    };
    answer.put_part("controls", rows);
    Ok(answer)
}

/// How many controls are covered how.
fn counts(comparison: &Comparison) -> BTreeMap<String, u64> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for control in &comparison.controls {
        let name = json!(control.coverage).as_str().unwrap_or_default().to_owned();
        *counts.entry(name).or_default() += 1;
    }
    counts
}

fn tell(control: &ControlFinding) -> Value {
    json!({
        "control": control.control,
        "title": control.title,
        "coverage": control.coverage,
        "checks": control.checks.len(),
        "verdict": control.verdict,
        "not_assessed": control.not_assessed,
        "procedure": control.procedure,
        "duties": control.duties,
    })
}
