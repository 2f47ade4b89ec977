//! For Prometheus: the figures of one comparison as OpenMetrics text, each with its site. docs/metrics.md lists them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::compare::model::Comparison;
use crate::costs::Costs;
use crate::learn::{Library, Pattern, State};
use crate::report::packet::tally::Tally;

/// The most patterns that have a figure of their own, the least successful first.
const PATTERNS: usize = 200;

/// What a comparison, what is learned from the same evidence, and what its tiers cost come to together.
pub struct Figures<'f> {
    /// The comparison.
    pub comparison: &'f Comparison,
    /// What is learned from all evidence of the site.
    pub library: &'f Library,
    /// What the tiers cost in the period of the comparison.
    pub costs: &'f Costs,
}

/// Every metric: its name, and what it is. All are gauges, over the period that was compared; those of patterns over all evidence.
pub const METRICS: &[(&str, &str)] = &[
    ("writ_audited_at_seconds", "The end of the period that was compared, in seconds since 1970"),
    ("writ_audit_verified", "Whether the evidence verified"),
    ("writ_l1_resolution_percent", "The share of ended incidents that rules resolved by themselves"),
    (
        "writ_rule_success_percent",
        "The share of ended incidents that a rule resolved, of those on which it was tried; of a learned rule that ran often enough, \
         over all evidence",
    ),
    ("writ_sla_met_percent", "The share of incidents that were resolved in the time that the site allows itself"),
    ("writ_mttr_seconds", "The mean time to repair of resolved incidents"),
    ("writ_incidents_any_ended", "Whether any incident ended within the period; without one its shares are not there"),
    ("writ_incidents_unresolved", "Incidents that ended without being resolved"),
    ("writ_evidence_bundles", "Bundles of the period"),
    ("writ_evidence_bytes", "Bytes of the bundles of the period, with their signatures"),
    ("writ_evidence_before_bytes", "The same of the time before, as long as the period"),
    ("writ_score_percent", "The share of controls that are shown or excepted, of those that machines decide"),
    ("writ_target_score_percent", "The share of checks of one machine that are shown or excepted"),
    ("writ_tier_share_percent", "The share of ended incidents that each tier resolved"),
    ("writ_planner_calls", "Calls of language models, by whether a runbook was chosen"),
    ("writ_planner_cost_microdollars", "What these calls cost, in millionths of a US dollar"),
    ("writ_learning_patterns", "Patterns, by how far each has come"),
    ("writ_learning_candidates_pending", "Patterns that wait for somebody to promote or to reject them"),
    ("writ_learning_any_judged", "Whether any pattern was seen often enough for its success to say something"),
    (
        "writ_pattern_success_percent",
        "The share of its incidents in which a pattern helped, of those seen often enough",
    ),
];

/// The text, ended as OpenMetrics wants it. A figure that there is none of has no sample.
pub fn text(all: &Figures<'_>) -> String {
    let Figures { comparison: c, library, costs } = *all;
    let figures = &c.figures;
    let tally = Tally::of(&c.incidents);
    let judged = judged(library);
    let mut text = String::new();
    for (name, about) in METRICS {
        let site = &c.site;
        let of_site = |value: Option<u64>| value.map(|value| vec![(format!("{{site=\"{site}\"}}"), value)]);
        let samples = match *name {
            "writ_audited_at_seconds" => of_site(u64::try_from(c.period.to.unix_millis() / 1000).ok()),
            "writ_audit_verified" => of_site(Some(u64::from(c.verification.ok))),
            "writ_l1_resolution_percent" => of_site(figures.l1_percent),
            "writ_rule_success_percent" => Some(rules(c, library)),
            "writ_sla_met_percent" => of_site(figures.sla_met_percent),
            "writ_mttr_seconds" => of_site(figures.mttr_seconds),
            "writ_incidents_any_ended" => of_site(Some(u64::from(figures.closed > 0))),
            "writ_incidents_unresolved" => of_site(Some(figures.unresolved)),
            "writ_evidence_bundles" => of_site(Some(figures.bundles)),
            "writ_evidence_bytes" => of_site(Some(figures.bytes)),
            "writ_evidence_before_bytes" => of_site(Some(figures.bytes_before)),
            "writ_score_percent" => of_site(c.score.percent()),
            "writ_target_score_percent" => Some(targets(c)),
            "writ_tier_share_percent" => Some(tiers(c, &tally)),
            "writ_planner_calls" => Some(calls(c, costs)),
            "writ_planner_cost_microdollars" => of_site(Some(costs.calls.microdollars)),
            "writ_learning_patterns" => Some(states(c, library)),
            "writ_learning_candidates_pending" => of_site(Some(library.candidates().count() as u64)),
            "writ_learning_any_judged" => of_site(Some(u64::from(!judged.is_empty()))),
            "writ_pattern_success_percent" => Some(patterns(c, &judged)),
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

/// The success of rules. Where a plan helps after a rule that did not, evidence names no rule as the last: what learning counts knows
/// that such a rule ran all the same, so of those rules that it judges its word is taken.
fn rules(c: &Comparison, library: &Library) -> Vec<(String, u64)> {
    let mut shares: BTreeMap<&str, u64> = c.figures.rules.iter().map(|r| (r.rule.as_str(), r.percent)).collect();
    let often = library.figures.occurrences_least.max(1);
    for rule in library.rules.iter().filter(|rule| rule.tried >= often) {
        // Rounded down, as every share is.
        shares.insert(&rule.rule, u64::from(rule.success_permille / 10));
    }
    let one = |(rule, share): (&str, u64)| (format!("{{site=\"{}\",rule=\"{}\"}}", c.site, escaped(rule)), share);
    shares.into_iter().map(one).collect()
}

fn targets(c: &Comparison) -> Vec<(String, u64)> {
    let one = |t: &crate::compare::model::TargetFigures| {
        let target = escaped(&t.target);
        Some((format!("{{site=\"{}\",appliance=\"{}\",target=\"{target}\"}}", c.site, t.appliance), t.percent?))
    };
    c.figures.targets.iter().filter_map(one).collect()
}

fn tiers(c: &Comparison, tally: &Tally) -> Vec<(String, u64)> {
    let one =
        |(n, tier): (usize, &str)| Some((format!("{{site=\"{}\",tier=\"{tier}\"}}", c.site), tally.tier_percent(n)?));
    ["L1", "L2", "L3"].into_iter().enumerate().filter_map(one).collect()
}

fn calls(c: &Comparison, costs: &Costs) -> Vec<(String, u64)> {
    let calls = &costs.calls;
    let one = |(outcome, n): (&str, u64)| (format!("{{site=\"{}\",outcome=\"{outcome}\"}}", c.site), n);
    [("chosen", calls.made.saturating_sub(calls.failed)), ("nothing", calls.failed)].map(one).into()
}

fn states(c: &Comparison, library: &Library) -> Vec<(String, u64)> {
    let one = |state: State| {
        let count = library.patterns.iter().filter(|pattern| pattern.state == state).count();
        (format!("{{site=\"{}\",state=\"{}\"}}", c.site, state.as_str()), count as u64)
    };
    State::ALL.map(one).into()
}

/// The patterns whose success says something, the least successful first. What was rejected needs nobody.
fn judged(library: &Library) -> Vec<&Pattern> {
    let often = library.figures.occurrences_least.max(1);
    let judged = |pattern: &&Pattern| pattern.occurrences >= often && pattern.state != State::Rejected;
    let mut judged: Vec<&Pattern> = library.patterns.iter().filter(judged).collect();
    judged.sort_by_key(|pattern| (pattern.success_permille, pattern.signature));
    judged.truncate(PATTERNS);
    judged
}

fn patterns(c: &Comparison, judged: &[&Pattern]) -> Vec<(String, u64)> {
    let one = |pattern: &&Pattern| {
        let (check, runbook) = (escaped(&pattern.check), escaped(&pattern.runbook));
        let labels = format!(
            "{{site=\"{}\",pattern=\"{}\",check=\"{check}\",runbook=\"{runbook}\"}}",
            c.site,
            escaped(&pattern.id)
        );
        // Rounded down, as every share is.
        (labels, u64::from(pattern.success_permille / 10))
    };
    judged.iter().map(one).collect()
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
