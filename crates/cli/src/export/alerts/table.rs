//! What a rule is, and all of them, in the order in which they are written. Adding one is an entry in a file of [`ALL`], and a
//! metric that docs/metrics.md lists.

use super::{appliance, audit as audits, depot as depots, ship as shippers};

/// Who exports a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exported {
    /// `writ doctor --format openmetrics`, on every appliance.
    Doctor,
    /// `/metrics` of `writ-depot`.
    Depot,
    /// `writ audit compare --openmetrics`, wherever somebody audits.
    Audit,
    /// `writ-depot ship --metrics`.
    Ship,
    /// Nobody: no version does.
    NotYet,
}

/// A metric that rules stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name, as it is scraped.
    pub name: &'static str,
    /// Who exports it.
    pub exported: Exported,
    /// The metric that is 1 where this one must be there; without one, somebody must export it.
    pub due_where: Option<&'static str>,
}

/// Which of two values of a figure is the stricter one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strict {
    /// The smaller: what is measured must stay below.
    Smaller,
    /// The larger: what is measured must stay above.
    Larger,
}

/// A figure of a baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figure {
    /// Its id.
    pub id: &'static str,
    /// Which of two is the stricter.
    pub strict: Strict,
}

/// One rule.
#[derive(Debug, Clone, Copy)]
pub struct Alert {
    /// Its name.
    pub name: &'static str,
    /// The expression; `{figure}` stands for the figure's number.
    pub expression: &'static str,
    /// How long it must hold before anybody is told, in Prometheus' words.
    pub wait: &'static str,
    /// `critical` or `warning`; none where the series says it itself, by the check's severity.
    pub severity: Option<&'static str>,
    /// The figure.
    pub figure: Option<Figure>,
    /// The metric.
    pub metric: Metric,
    /// What is so, for people.
    pub summary: &'static str,
    /// What to do next.
    pub next: &'static str,
}

pub(super) const fn doctor(name: &'static str) -> Metric {
    Metric { name, exported: Exported::Doctor, due_where: None }
}

/// A metric that only an appliance with a courier has.
pub(super) const fn of_courier(name: &'static str) -> Metric {
    Metric { due_where: Some("writ_courier_configured"), ..doctor(name) }
}

pub(super) const fn depot(name: &'static str) -> Metric {
    Metric { name, exported: Exported::Depot, due_where: None }
}

pub(super) const fn audit(name: &'static str) -> Metric {
    Metric { name, exported: Exported::Audit, due_where: None }
}

/// What is beside whether the evidence verified.
pub(super) const fn of_audit(name: &'static str) -> Metric {
    Metric { due_where: Some("writ_audit_verified"), ..audit(name) }
}

/// A figure over incidents, which there is only where one ended.
pub(super) const fn of_incidents(name: &'static str) -> Metric {
    Metric { due_where: Some("writ_incidents_any_ended"), ..audit(name) }
}

/// A figure over patterns, which there is only where one was seen often enough.
pub(super) const fn of_patterns(name: &'static str) -> Metric {
    Metric { due_where: Some("writ_learning_any_judged"), ..audit(name) }
}

/// A metric of whoever sends archives to a bucket.
pub(super) const fn ship(name: &'static str) -> Metric {
    Metric { name, exported: Exported::Ship, due_where: Some("writ_ship_configured") }
}

pub(super) const fn not_yet(name: &'static str) -> Metric {
    Metric { name, exported: Exported::NotYet, due_where: None }
}

pub(super) const fn at_most(id: &'static str) -> Option<Figure> {
    Some(Figure { id, strict: Strict::Smaller })
}

pub(super) const fn at_least(id: &'static str) -> Option<Figure> {
    Some(Figure { id, strict: Strict::Larger })
}

/// The rules, by who says what they stand on.
const ALL: [&[Alert]; 4] = [appliance::ALERTS, depots::ALERTS, shippers::ALERTS, audits::ALERTS];

/// Every rule.
pub fn alerts() -> impl Iterator<Item = &'static Alert> {
    ALL.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use writ_audit::report::openmetrics;

    use super::*;
    use crate::doctor::METRICS;

    #[test]
    fn every_rule_stands_on_its_metric_and_on_its_figure() {
        let names: BTreeSet<&str> = alerts().map(|alert| alert.name).collect();
        assert_eq!(names.len(), alerts().count());
        for alert in alerts() {
            assert!(alert.expression.contains(alert.metric.name), "{}", alert.name);
            assert_eq!(alert.expression.contains("{figure}"), alert.figure.is_some(), "{}", alert.name);
            let doctors = METRICS.iter().any(|(name, _)| *name == alert.metric.name);
            assert_eq!(doctors, alert.metric.exported == Exported::Doctor, "{}", alert.name);
            let audits = openmetrics::METRICS.iter().any(|(name, _)| *name == alert.metric.name);
            assert_eq!(audits, alert.metric.exported == Exported::Audit, "{}", alert.name);
        }
    }

    #[test]
    fn every_metric_of_doctor_is_watched() {
        // Open incidents and the whole outbox are counted for people who look: each incident is an alert by its check, and
        // what was delivered makes room by itself. Two say where others must be. Where nothing tells at once there is polling,
        // which finds the same.
        let others = ["writ_incidents_open", "writ_outbox_bytes", "writ_courier_configured", "writ_log_named"];
        let polled = ["writ_event_source_up", "writ_event_source_missing", "writ_event_source_dropped"];
        let watched = alerts().map(|alert| alert.metric.name);
        let watched: BTreeSet<&str> = watched.chain(others).chain(polled).collect();
        let without: Vec<_> = METRICS.iter().filter(|(name, _)| !watched.contains(name)).collect();
        assert!(without.is_empty(), "{without:?}");
    }

    /// Every metric that is listed for people is one that is known here, and the other way round.
    #[test]
    fn the_page_lists_every_metric() {
        let page = include_str!("../../../../../docs/metrics.md");
        let exported = METRICS.iter().chain(openmetrics::METRICS).map(|(name, _)| *name);
        for name in alerts().map(|alert| alert.metric.name).chain(exported) {
            let listed = page.contains(&format!("`{name}`")) || page.contains(&format!("`{name}{{"));
            assert!(listed, "docs/metrics.md does not list {name}");
        }
        for alert in alerts() {
            assert!(page.contains(&format!("`{}`", alert.name)), "docs/metrics.md does not list {}", alert.name);
        }
    }
}
