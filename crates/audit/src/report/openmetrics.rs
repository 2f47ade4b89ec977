//! For Prometheus: the figures of one comparison as OpenMetrics text, each with its site. docs/metrics.md lists them.

use std::fmt::Write as _;

use crate::compare::model::Comparison;

/// Every metric: its name, and what it is. All are gauges, over the period that was compared.
pub const METRICS: &[(&str, &str)] = &[
    ("writ_audited_at_seconds", "The end of the period that was compared, in seconds since 1970"),
    ("writ_audit_verified", "Whether the evidence verified"),
    ("writ_l1_resolution_percent", "The share of ended incidents that rules resolved by themselves"),
    ("writ_rule_success_percent", "The share of ended incidents that a rule resolved, of those on which it was tried"),
    ("writ_sla_met_percent", "The share of incidents that were resolved in the time that the site allows itself"),
    ("writ_mttr_seconds", "The mean time to repair of resolved incidents"),
    ("writ_incidents_any_ended", "Whether any incident ended within the period; without one its shares are not there"),
    ("writ_incidents_unresolved", "Incidents that ended without being resolved"),
    ("writ_evidence_bundles", "Bundles of the period"),
    ("writ_evidence_bytes", "Bytes of the bundles of the period, with their signatures"),
    ("writ_evidence_before_bytes", "The same of the time before, as long as the period"),
    ("writ_score_percent", "The share of controls that are shown or excepted, of those that machines decide"),
    ("writ_target_score_percent", "The share of checks of one machine that are shown or excepted"),
];

/// The text, ended as OpenMetrics wants it. A figure that there is none of has no sample.
pub fn text(c: &Comparison) -> String {
    let figures = &c.figures;
    let mut text = String::new();
    for (name, about) in METRICS {
        let site = &c.site;
        let of_site = |value: Option<u64>| value.map(|value| vec![(format!("{{site=\"{site}\"}}"), value)]);
        let samples = match *name {
            "writ_audited_at_seconds" => of_site(u64::try_from(c.period.to.unix_millis() / 1000).ok()),
            "writ_audit_verified" => of_site(Some(u64::from(c.verification.ok))),
            "writ_l1_resolution_percent" => of_site(figures.l1_percent),
            "writ_rule_success_percent" => Some(rules(c)),
            "writ_sla_met_percent" => of_site(figures.sla_met_percent),
            "writ_mttr_seconds" => of_site(figures.mttr_seconds),
            "writ_incidents_any_ended" => of_site(Some(u64::from(figures.closed > 0))),
            "writ_incidents_unresolved" => of_site(Some(figures.unresolved)),
            "writ_evidence_bundles" => of_site(Some(figures.bundles)),
            "writ_evidence_bytes" => of_site(Some(figures.bytes)),
            "writ_evidence_before_bytes" => of_site(Some(figures.bytes_before)),
            "writ_score_percent" => of_site(c.score.percent()),
            "writ_target_score_percent" => Some(targets(c)),
            _ => None,
        };
        let samples = samples.unwrap_or_default();
        if samples.is_empty() {
            continue;
        }
        // Writing to a string does not fail.
        let _ = writeln!(text, "# TYPE {name} gauge\n# HELP {name} {about}");
        for (labels, value) in samples {
            let _ = writeln!(text, "{name}{labels} {value}");
        }
    }
    text + "# EOF\n"
}

fn rules(c: &Comparison) -> Vec<(String, u64)> {
    let one = |r: &crate::compare::model::RuleFigures| {
        (format!("{{site=\"{}\",rule=\"{}\"}}", c.site, escaped(&r.rule)), r.percent)
    };
    c.figures.rules.iter().map(one).collect()
}

fn targets(c: &Comparison) -> Vec<(String, u64)> {
    let one = |t: &crate::compare::model::TargetFigures| {
        let target = escaped(&t.target);
        Some((format!("{{site=\"{}\",appliance=\"{}\",target=\"{target}\"}}", c.site, t.appliance), t.percent?))
    };
    c.figures.targets.iter().filter_map(one).collect()
}

/// A label's value (OpenMetrics 1.0, "Escaping").
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_quoted() {
        assert_eq!(escaped("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }
}
