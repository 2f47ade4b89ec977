//! The figures of the chosen baselines: of two that have one, the stricter.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use writ_policy::nearest::nearest;
use writ_trust::time::Span;

use super::table::{Figure, Strict};
use crate::failure::{Failure, Outcome};

/// What of the report is read.
#[derive(Deserialize)]
struct Report {
    baselines: BTreeMap<String, Baseline>,
    findings: Vec<Finding>,
}

#[derive(Deserialize)]
struct Baseline {
    version: String,
    figures: BTreeMap<String, Declared>,
}

/// A figure as it is declared.
#[derive(Deserialize)]
struct Declared {
    value: Value,
}

#[derive(Deserialize)]
struct Finding {
    severity: String,
    message: String,
}

/// The figures.
pub struct Figures {
    /// By baseline, `name version`.
    baselines: BTreeMap<String, BTreeMap<String, Value>>,
}

/// A figure that was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen<'a> {
    /// The figure.
    pub figure: Figure,
    /// As the baseline writes it.
    pub written: &'a Value,
    /// As a number: seconds of a span.
    pub number: i64,
    /// The baseline that it is of, with its version.
    pub of: &'a str,
}

impl Figures {
    /// The figures of these baselines, or of all; from the report of a tree.
    pub fn choose(report: &[u8], names: &[String]) -> Outcome<Self> {
        let report: Report = serde_json::from_slice(report)
            .map_err(|e| Failure::could_not("the tree's report is not as expected").because(e))?;
        if let Some(mistake) = report.findings.iter().find(|finding| finding.severity == "error") {
            return Err(Failure::refused("the tree has mistakes")
                .because(&mistake.message)
                .next("`writ check` shows all of them with their places"));
        }
        if let Some(unknown) = names.iter().find(|name| !report.baselines.contains_key(*name)) {
            let near = nearest(unknown, report.baselines.keys().map(String::as_str));
            let known: Vec<&str> = report.baselines.keys().map(String::as_str).collect();
            let next =
                near.map_or_else(|| format!("there are: {}", known.join(", ")), |n| format!("did you mean `{n}`?"));
            return Err(
                Failure::refused(format!("there is no baseline `{}`", writ_trust::text::one_line(unknown))).next(next)
            );
        }
        let chosen = |name: &String| names.is_empty() || names.contains(name);
        let baselines = report.baselines.into_iter().filter(|(name, _)| chosen(name));
        let values = |figures: BTreeMap<String, Declared>| figures.into_iter().map(|(id, f)| (id, f.value)).collect();
        Ok(Self {
            baselines: baselines.map(|(name, b)| (format!("{name} {}", b.version), values(b.figures))).collect(),
        })
    }

    /// The baselines, with their versions.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.baselines.keys().map(String::as_str)
    }

    /// A figure; none where no baseline has it as a number or a span.
    pub fn of(&self, figure: Figure) -> Option<Chosen<'_>> {
        let all = self.baselines.iter().filter_map(|(of, figures)| {
            let written = figures.get(figure.id)?;
            Some(Chosen { figure, written, number: number(written)?, of })
        });
        match figure.strict {
            Strict::Smaller => all.min_by_key(|chosen| chosen.number),
            Strict::Larger => all.max_by_key(|chosen| chosen.number),
        }
    }
}

fn number(figure: &Value) -> Option<i64> {
    match figure {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse::<Span>().ok().map(|span| span.seconds()),
        _ => None,
    }
}

impl Chosen<'_> {
    /// `checkin.warning = 2m (hipaa 2026.2)`.
    pub fn words(&self) -> String {
        let written = self.written.as_str().map_or_else(|| self.written.to_string(), str::to_owned);
        format!("{} = {written} ({})", self.figure.id, self.of)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(report: &Value, names: &[&str]) -> Outcome<Figures> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Figures::choose(report.to_string().as_bytes(), &names)
    }

    #[test]
    fn the_stricter_of_two_counts() {
        let baseline = |figures: Value| json!({ "version": "1", "title": "t", "figures": figures });
        let report = json!({ "findings": [], "baselines": {
            "a": baseline(json!({ "x": { "value": "2m" }, "y": { "value": 70 }, "z": { "value": "text" } })),
            "b": baseline(json!({ "x": { "value": "90s", "unit": "span" }, "y": { "value": 80 } })),
        } });
        let figure = |id, strict| Figure { id, strict };
        let both = of(&report, &[]).unwrap();
        let chosen = |figures: &Figures, id, strict| figures.of(figure(id, strict)).map(|c| (c.number, c.words()));
        assert_eq!(chosen(&both, "x", Strict::Smaller), Some((90, "x = 90s (b 1)".into())));
        assert_eq!(chosen(&both, "y", Strict::Larger), Some((80, "y = 80 (b 1)".into())));
        assert_eq!(chosen(&both, "z", Strict::Larger), None);
        assert_eq!(chosen(&of(&report, &["a"]).unwrap(), "x", Strict::Smaller), Some((120, "x = 2m (a 1)".into())));
        assert!(of(&report, &["c"]).is_err());
        let mistaken = json!({ "findings": [{ "severity": "error", "message": "m" }], "baselines": {} });
        assert!(of(&mistaken, &[]).is_err());
    }
}
