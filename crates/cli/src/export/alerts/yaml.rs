//! The rules as Prometheus reads them. Every text is written as a JSON string, which YAML reads as it is.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Told;
use super::table::{Alert, Exported, Metric};
use crate::pages::page;

/// The file: rules in groups by who exports what they stand on, and one for each metric that is not there.
pub fn rules<'a>(
    baselines: impl Iterator<Item = &'a str>,
    told: &[Told<'_>],
    left_out: &[(&'static str, &'static str)],
    unexported: &[&Alert],
) -> String {
    let mut text = String::from(
        "# Rules for Prometheus, made by `writ export alerts`: change the figures of the baselines, not this file.\n",
    );
    text += &format!("# Figures of: {}\n", baselines.collect::<Vec<_>>().join(", "));
    for (alert, figure) in left_out {
        text += &format!("# {alert} is left out: none of these baselines has the figure {figure}\n");
    }
    if !unexported.is_empty() {
        let names = unexported.iter().map(|alert| alert.name).collect::<Vec<_>>().join(", ");
        text += &format!(
            "# No version exports yet what these stand on, so they are left out (--all writes them): {names}\n"
        );
    }
    text += "groups:\n";
    for (group, exported) in [
        ("writ-appliance", Exported::Doctor),
        ("writ-depot", Exported::Depot),
        ("writ-audit", Exported::Audit),
        ("writ-ship", Exported::Ship),
        ("writ-not-exported-yet", Exported::NotYet),
    ] {
        let of: Vec<&Told> = told.iter().filter(|(alert, _)| alert.metric.exported == exported).collect();
        if !of.is_empty() {
            text += &format!("  - name: {group}\n    rules:\n");
            of.iter().for_each(|rule| text += &one(rule));
        }
    }
    text + &absent(told)
}

fn one((alert, figure): &Told) -> String {
    let number = figure.as_ref().map(|figure| figure.number.to_string()).unwrap_or_default();
    let mut lines = vec![
        format!("alert: {}", alert.name),
        format!("expr: {}", quoted(&alert.expression.replace("{figure}", &number))),
        format!("for: {}", alert.wait),
    ];
    if let Some(severity) = alert.severity {
        lines.push(format!("labels: {{ severity: {severity} }}"));
    }
    lines.push("annotations:".to_owned());
    lines.push(format!("  summary: {}", quoted(alert.summary)));
    lines.push(format!("  next: {}", quoted(alert.next)));
    lines.extend(figure.as_ref().map(|figure| format!("  figure: {}", quoted(&figure.words()))));
    item(&lines)
}

/// A metric that nobody exports must not be a silence.
fn absent(told: &[Told]) -> String {
    let metrics: BTreeMap<&str, Metric> = told.iter().map(|(alert, _)| (alert.metric.name, alert.metric)).collect();
    let mut text = String::from("  - name: writ-not-measured\n    rules:\n");
    for Metric { name, exported, due_where } in metrics.into_values() {
        // Machine by machine where it is known who must have it.
        let expression =
            due_where.map_or_else(|| format!("absent({name})"), |due| format!("({due} == 1) unless {name}"));
        let next = match exported {
            Exported::Doctor => {
                concat!("have `writ doctor --format openmetrics` written for node_exporter: ", page!("metrics.md"))
            }
            Exported::Audit => {
                concat!("have `writ audit compare --openmetrics` run by a timer: ", page!("operations.md"))
            }
            Exported::Depot => concat!("have /metrics of writ-depot scraped: ", page!("metrics.md")),
            Exported::Ship => {
                concat!("have writ-depot ship --metrics written for node_exporter: ", page!("metrics.md"))
            }
            Exported::NotYet => "no version exports it yet; `writ export alerts` without --all leaves its rules out",
        };
        text += &item(&[
            "alert: WritNotMeasured".to_owned(),
            format!("expr: {expression}"),
            "for: 1h".to_owned(),
            format!("labels: {{ severity: warning, metric: {name} }}"),
            "annotations:".to_owned(),
            format!("  summary: {}", quoted(&format!("nobody exports {name}: the rules that stand on it are silent"))),
            format!("  next: {}", quoted(next)),
        ]);
    }
    text
}

fn item(lines: &[String]) -> String {
    let mark = |(n, line): (usize, &String)| format!("      {} {line}\n", if n == 0 { "-" } else { " " });
    lines.iter().enumerate().map(mark).collect()
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
