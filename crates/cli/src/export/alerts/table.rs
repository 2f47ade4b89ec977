//! The rules, in the order in which they are written. Adding one is a line here, and a metric that docs/metrics.md lists.

use crate::pages::page;

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

const fn doctor(name: &'static str) -> Metric {
    Metric { name, exported: Exported::Doctor, due_where: None }
}

/// A metric that only an appliance with a courier has.
const fn of_courier(name: &'static str) -> Metric {
    Metric { due_where: Some("writ_courier_configured"), ..doctor(name) }
}

const fn depot(name: &'static str) -> Metric {
    Metric { name, exported: Exported::Depot, due_where: None }
}

const fn audit(name: &'static str) -> Metric {
    Metric { name, exported: Exported::Audit, due_where: None }
}

/// What is beside whether the evidence verified.
const fn of_audit(name: &'static str) -> Metric {
    Metric { due_where: Some("writ_audit_verified"), ..audit(name) }
}

/// A figure over incidents, which there is only where one ended.
const fn of_incidents(name: &'static str) -> Metric {
    Metric { due_where: Some("writ_incidents_any_ended"), ..audit(name) }
}

/// A metric of whoever sends archives to a bucket.
const fn ship(name: &'static str) -> Metric {
    Metric { name, exported: Exported::Ship, due_where: Some("writ_ship_configured") }
}

const fn not_yet(name: &'static str) -> Metric {
    Metric { name, exported: Exported::NotYet, due_where: None }
}

const fn at_most(id: &'static str) -> Option<Figure> {
    Some(Figure { id, strict: Strict::Smaller })
}

const fn at_least(id: &'static str) -> Option<Figure> {
    Some(Figure { id, strict: Strict::Larger })
}

const OUTCOME: Metric = doctor("writ_check_outcome");
const FINDINGS: Metric = doctor("writ_doctor_findings");
const ON_THE_APPLIANCE: &str = "on the appliance: writ doctor";

/// Every rule.
pub const ALERTS: &[Alert] = &[
    Alert {
        name: "WritCheckFailing",
        expression: "writ_check_outcome{outcome=\"fail\",severity!=\"critical\",excepted!=\"true\"} == 1",
        // The time that a repair and the scan after it may take.
        wait: "5m",
        severity: None,
        figure: None,
        metric: OUTCOME,
        summary: "check {{ $labels.check }} fails and was not repaired",
        next: "on the appliance: writ doctor {{ $labels.check }}",
    },
    Alert {
        name: "WritCheckFailingCritical",
        expression: "writ_check_outcome{outcome=\"fail\",severity=\"critical\",excepted!=\"true\"} == 1",
        wait: "0m",
        severity: Some("critical"),
        figure: None,
        metric: OUTCOME,
        summary: "critical check {{ $labels.check }} fails",
        next: "on the appliance: writ doctor {{ $labels.check }}",
    },
    Alert {
        name: "WritCheckWarning",
        expression: "writ_check_outcome{outcome=\"warn\",excepted!=\"true\"} == 1",
        wait: "5m",
        severity: Some("warning"),
        figure: None,
        metric: OUTCOME,
        summary: "check {{ $labels.check }} holds, with a warning",
        next: "on the appliance: writ doctor {{ $labels.check }}",
    },
    Alert {
        name: "WritCheckNotSeen",
        // While the enforcer does not run, that is one cause, and WritEnforcerDown tells of it.
        expression: "writ_check_outcome{outcome=\"not-assessable\",announced=\"false\",excepted!=\"true\"} == 1 \
                     unless ignoring(check,severity,outcome,announced,excepted) (writ_enforcer_up == 0)",
        wait: "1h",
        severity: Some("warning"),
        figure: None,
        metric: OUTCOME,
        summary: "nobody knows whether check {{ $labels.check }} holds",
        next: "on the appliance: writ doctor {{ $labels.check }}",
    },
    Alert {
        name: "WritChecksUnknown",
        expression: "writ_doctor_at_seconds unless ignoring(check,severity,outcome,announced,excepted) writ_check_outcome",
        wait: "15m",
        severity: Some("critical"),
        figure: None,
        metric: OUTCOME,
        summary: "nothing is known of any check on this appliance: it has no policy that it could read",
        next: ON_THE_APPLIANCE,
    },
    Alert {
        name: "WritDoctorWrong",
        // Checks that fail have rules of their own; a rule that is stopped has none, and its check may hold meanwhile.
        expression: "writ_doctor_findings{question!=\"healing\"} > 0 or writ_doctor_findings{code=\"breaker\"} > 0",
        wait: "15m",
        severity: Some("warning"),
        figure: None,
        metric: FINDINGS,
        summary: "writ doctor finds {{ $labels.code }}",
        next: ON_THE_APPLIANCE,
    },
    Alert {
        name: "WritDoctorWrongCritical",
        expression: "writ_doctor_findings{code=~\"no-policy|state-damaged|documents-lost|cannot-accept|log-consistency\
                     |rollback-failed|journal-damaged|disk-trouble\"} > 0",
        wait: "2m",
        severity: Some("critical"),
        figure: None,
        metric: FINDINGS,
        summary: "writ doctor finds {{ $labels.code }}: it needs people now",
        next: ON_THE_APPLIANCE,
    },
    Alert {
        name: "WritEnforcerDown",
        expression: "writ_enforcer_up == 0",
        wait: "2m",
        severity: Some("critical"),
        figure: None,
        metric: doctor("writ_enforcer_up"),
        summary: "writ-enforce does not run: nothing is looked at, nothing is repaired",
        next: "systemctl start writ-enforce; journalctl -u writ-enforce",
    },
    Alert {
        name: "WritEnforcerSilent",
        expression: "writ_enforcer_status_age_seconds > {figure}",
        wait: "0m",
        severity: Some("warning"),
        figure: at_most("checkin.critical"),
        metric: doctor("writ_enforcer_status_age_seconds"),
        summary: "writ-enforce has said nothing for {{ $value | humanizeDuration }}: it hangs, or a step takes long",
        next: ON_THE_APPLIANCE,
    },
    Alert {
        name: "WritFiguresOld",
        expression: "time() - writ_doctor_at_seconds > {figure}",
        wait: "0m",
        // Nothing else that is exported can be believed any more.
        severity: Some("critical"),
        figure: at_most("checkin.critical"),
        metric: doctor("writ_doctor_at_seconds"),
        summary: "the figures of this appliance were made {{ $value | humanizeDuration }} ago: what they say is over",
        next: concat!("see the timer that writes them: ", page!("metrics.md")),
    },
    Alert {
        name: "WritFiguresGone",
        expression: "last_over_time(writ_doctor_at_seconds[1d]) unless writ_doctor_at_seconds",
        wait: "10m",
        severity: Some("critical"),
        figure: None,
        metric: doctor("writ_doctor_at_seconds"),
        summary: "the figures of this appliance do not come any more",
        next: concat!(
            "see that the machine and its node_exporter run, and the timer that writes the figures: ",
            page!("metrics.md")
        ),
    },
    Alert {
        name: "WritCheckInMissed",
        expression: "writ_checkin_age_seconds > {figure}",
        wait: "0m",
        severity: Some("warning"),
        figure: at_most("checkin.warning"),
        metric: of_courier("writ_checkin_age_seconds"),
        summary: "the appliance missed a check-in",
        next: ON_THE_APPLIANCE,
    },
    Alert {
        name: "WritSilent",
        expression: "writ_checkin_age_seconds > {figure}",
        wait: "0m",
        severity: Some("critical"),
        figure: at_most("checkin.critical"),
        metric: of_courier("writ_checkin_age_seconds"),
        summary: "the appliance has not checked in for {{ $value | humanizeDuration }}",
        next: ON_THE_APPLIANCE,
    },
    Alert {
        name: "WritSyncFailing",
        expression: "writ_sync_failures > {figure}",
        wait: "0m",
        severity: Some("warning"),
        figure: at_most("sync.failures_most"),
        metric: of_courier("writ_sync_failures"),
        summary: "the courier failed {{ $value }} times in a row",
        next: ON_THE_APPLIANCE,
    },
    Alert {
        name: "WritEvidenceLate",
        expression: "writ_evidence_waiting > 0",
        wait: "1h",
        severity: Some("warning"),
        figure: None,
        metric: of_courier("writ_evidence_waiting"),
        summary: "there has been evidence that is not delivered for an hour",
        next: ON_THE_APPLIANCE,
    },
    Alert {
        name: "WritEvidenceNearlyFull",
        expression: "100 * writ_outbox_undelivered_bytes / writ_outbox_budget_bytes > {figure}",
        wait: "15m",
        severity: Some("warning"),
        figure: at_most("evidence.warning.above_percent"),
        metric: doctor("writ_outbox_undelivered_bytes"),
        summary: "{{ $value | humanize }} % of the room for evidence is taken by what is not delivered",
        next: "see why nothing is delivered (writ doctor), or give it more room (outbox_budget)",
    },
    Alert {
        name: "WritEvidenceFull",
        expression: "100 * writ_outbox_undelivered_bytes / writ_outbox_budget_bytes > {figure}",
        wait: "5m",
        severity: Some("critical"),
        figure: at_most("evidence.critical.above_percent"),
        metric: doctor("writ_outbox_budget_bytes"),
        summary: "{{ $value | humanize }} % of the room for evidence is taken by what is not delivered: posture will be thinned",
        next: "see why nothing is delivered (writ doctor), or give it more room (outbox_budget)",
    },
    Alert {
        name: "WritIncidentOverdue",
        expression: "writ_incidents_overdue > 0",
        wait: "0m",
        severity: Some("critical"),
        figure: None,
        metric: doctor("writ_incidents_overdue"),
        summary: "{{ $value }} incidents are open for longer than the site's SLA allows",
        next: "on the appliance: writ doctor; the tickets say whom to call",
    },
    Alert {
        name: "WritEscalationUnresolved",
        expression: "writ_incident_escalated_age_seconds{severity=~\"medium|low\"} > {figure}",
        wait: "0m",
        severity: Some("warning"),
        figure: at_most("escalation.no_answer"),
        metric: doctor("writ_incident_escalated_age_seconds"),
        summary: "people have had an incident for {{ $value | humanizeDuration }}, and it is not resolved",
        next: "on the appliance: writ doctor; the tickets say whom to call next",
    },
    Alert {
        name: "WritEscalationUnresolvedCritical",
        expression: "writ_incident_escalated_age_seconds{severity=~\"critical|high\"} > {figure}",
        wait: "0m",
        severity: Some("critical"),
        figure: at_most("escalation.no_answer"),
        metric: doctor("writ_incident_escalated_age_seconds"),
        summary: "people have had an incident for {{ $value | humanizeDuration }}, and it is not resolved",
        next: "on the appliance: writ doctor; the tickets say whom to call next",
    },
    Alert {
        name: "WritReleaseEnding",
        expression: "writ_release_expires_seconds < {figure}",
        wait: "1h",
        severity: Some("warning"),
        figure: at_least("release.renew_before"),
        metric: doctor("writ_release_expires_seconds"),
        summary: "the release that is obeyed ends in {{ $value | humanizeDuration }}",
        next: "writ release draft",
    },
    Alert {
        name: "WritTrustRootEnding",
        expression: "writ_root_expires_seconds < {figure}",
        wait: "1h",
        severity: Some("warning"),
        figure: at_least("release.renew_before"),
        metric: doctor("writ_root_expires_seconds"),
        summary: "the trust root ends in {{ $value | humanizeDuration }}: after that nothing new is accepted",
        next: "writ trust draft",
    },
    Alert {
        name: "WritLogStale",
        expression: "writ_log_checkpoint_age_seconds > {figure}",
        wait: "0m",
        severity: Some("warning"),
        figure: at_most("log.fresh"),
        metric: Metric { due_where: Some("writ_log_named"), ..doctor("writ_log_checkpoint_age_seconds") },
        summary: "the site's log was not heard of for {{ $value | humanizeDuration }}: news may be withheld",
        next: ON_THE_APPLIANCE,
    },
    Alert {
        name: "WritDepotRefuses",
        // The first of a kind is an increase where the depot counts it from 0; where it does not, its counter is new.
        expression: "sum without (job) (increase(writ_depot_bundles_total{outcome!~\"new|known\"}[1h])) > 0 or sum without (job) \
                     (writ_depot_bundles_total{outcome!~\"new|known\"} unless writ_depot_bundles_total offset 1h) > 0",
        wait: "0m",
        severity: Some("warning"),
        figure: None,
        metric: depot("writ_depot_bundles_total"),
        summary: "the depot refused evidence: {{ $labels.outcome }}",
        next: "see the depot's log for which appliance, and why",
    },
    Alert {
        name: "WritDepotCannotStore",
        expression: "increase(writ_depot_commit_failures_total[15m]) > 0",
        wait: "0m",
        severity: Some("critical"),
        figure: None,
        metric: depot("writ_depot_commit_failures_total"),
        summary: "the depot cannot store what it is given",
        next: "see its disk and its log",
    },
    Alert {
        name: "WritDepotDiskFilling",
        // Two days, in which somebody can make room.
        expression: "writ_depot_disk_full_seconds < 172800",
        wait: "30m",
        severity: Some("critical"),
        figure: None,
        metric: depot("writ_depot_disk_full_seconds"),
        summary: "the depot's disk is full in {{ $value | humanizeDuration }}, at the rate of the last days",
        next: concat!("give it a larger disk, or see what writ-depot gc --dry-run would remove: ", page!("depot.md")),
    },
    Alert {
        name: "WritDepotMissesAppliance",
        expression: "writ_depot_checkin_age_seconds > {figure}",
        wait: "0m",
        severity: Some("critical"),
        figure: at_most("checkin.critical"),
        metric: depot("writ_depot_checkin_age_seconds"),
        summary: "an appliance with orders has not checked in for {{ $value | humanizeDuration }}",
        next: "writ watch says which, and of what site",
    },
    Alert {
        name: "WritDepotCertificateEnding",
        // Programs that renew certificates do so a month before the end.
        expression: "writ_depot_tls_expires_seconds < 1209600",
        wait: "1h",
        severity: Some("warning"),
        figure: None,
        metric: depot("writ_depot_tls_expires_seconds"),
        summary: "the depot's certificate ends in {{ $value | humanizeDuration }}",
        next: concat!("renew it; the depot takes it up by itself: ", page!("operations.md")),
    },
    Alert {
        name: "WritDepotCertificateEndingCritical",
        expression: "writ_depot_tls_expires_seconds < 259200",
        wait: "0m",
        severity: Some("critical"),
        figure: None,
        metric: depot("writ_depot_tls_expires_seconds"),
        summary: "the depot's certificate ends in {{ $value | humanizeDuration }}: no appliance talks to it after that",
        next: concat!("renew it now; the depot takes it up by itself: ", page!("operations.md")),
    },
    Alert {
        name: "WritDepotCertificateUnfit",
        expression: "increase(writ_depot_tls_reload_failures_total[15m]) > 0",
        wait: "0m",
        severity: Some("warning"),
        figure: None,
        metric: depot("writ_depot_tls_reload_failures_total"),
        summary: "the certificate that lies ready for the depot is of no use, and the one before serves on",
        next: "the depot's log says why",
    },
    Alert {
        name: "WritArchivesWaiting",
        // A day has ended, and one more.
        expression: "writ_ship_waiting_seconds > 93600",
        wait: "30m",
        severity: Some("critical"),
        figure: None,
        metric: ship("writ_ship_waiting_seconds"),
        summary: "an archive has not come into its bucket for {{ $value | humanizeDuration }} after its day",
        next: concat!("run writ-depot ship, which says why: what waits is kept until then: ", page!("depot.md")),
    },
    Alert {
        name: "WritArchivesWrong",
        expression: "writ_ship_problems > 0",
        wait: "3h",
        severity: Some("warning"),
        figure: None,
        metric: ship("writ_ship_problems"),
        summary: "{{ $value }} things went wrong again and again when archives were sent to their bucket",
        next: concat!("run writ-depot ship, which says what: ", page!("depot.md")),
    },
    Alert {
        name: "WritArchivesUnknown",
        // Three rounds of an hour.
        expression: "time() - writ_ship_at_seconds > 10800",
        wait: "0m",
        severity: Some("warning"),
        figure: None,
        metric: ship("writ_ship_at_seconds"),
        summary: "nobody has tried for {{ $value | humanizeDuration }} to send archives to their bucket",
        next: concat!("see the timer of writ-depot ship: ", page!("depot.md")),
    },
    Alert {
        name: "WritKeyOld",
        expression: "writ_key_age_seconds > {figure}",
        wait: "1h",
        severity: Some("warning"),
        figure: at_most("key.warning"),
        metric: not_yet("writ_key_age_seconds"),
        summary: "the appliance's key is {{ $value | humanizeDuration }} old",
        next: "plan its rotation",
    },
    Alert {
        name: "WritSigningKeyOld",
        expression: "writ_depot_key_age_seconds > {figure}",
        wait: "1h",
        severity: Some("warning"),
        figure: at_most("key.warning"),
        metric: depot("writ_depot_key_age_seconds"),
        summary: "a key of the trust root is {{ $value | humanizeDuration }} old",
        next: "writ keys age says which, and writ keys rotate replaces it",
    },
    Alert {
        name: "WritIngestionLate",
        expression: "writ_depot_log_delay_seconds > {figure}",
        wait: "5m",
        severity: Some("warning"),
        figure: at_most("ingestion.warning"),
        metric: depot("writ_depot_log_delay_seconds"),
        summary: "the logs that are farthest behind are {{ $value | humanizeDuration }} behind",
        next: "GET /api/logs/sites/<site> of the depot says whose; on that appliance: writ-logs, and writ doctor",
    },
    Alert {
        name: "WritIngestionStopped",
        expression: "writ_depot_log_delay_seconds > {figure}",
        wait: "0m",
        severity: Some("critical"),
        figure: at_most("ingestion.critical"),
        metric: depot("writ_depot_log_delay_seconds"),
        summary: "the logs that are farthest behind are {{ $value | humanizeDuration }} behind",
        next: "GET /api/logs/sites/<site> of the depot says whose; on that appliance: writ-logs, and writ doctor",
    },
    Alert {
        name: "WritAuditFailed",
        expression: "writ_audit_verified == 0",
        wait: "0m",
        severity: Some("critical"),
        figure: None,
        metric: audit("writ_audit_verified"),
        summary: "{{ $labels.site }}: the evidence does not verify",
        next: "writ audit verify says which bundle, and where",
    },
    Alert {
        name: "WritAuditOld",
        // A month, and the days until somebody has the time.
        expression: "time() - writ_audited_at_seconds > 3024000",
        wait: "0m",
        severity: Some("warning"),
        figure: None,
        metric: of_audit("writ_audited_at_seconds"),
        summary: "{{ $labels.site }}: nobody has compared the evidence for {{ $value | humanizeDuration }}",
        next: concat!("writ audit fetch, then writ audit compare: ", page!("operations.md")),
    },
    Alert {
        name: "WritIncidentsUnresolved",
        expression: "writ_incidents_unresolved > 0",
        wait: "0m",
        severity: Some("warning"),
        figure: None,
        metric: of_audit("writ_incidents_unresolved"),
        summary: "{{ $labels.site }}: {{ $value }} incidents of the period ended without being resolved",
        next: "writ audit compare says which",
    },
    Alert {
        name: "WritL1ShareLow",
        expression: "writ_l1_resolution_percent < {figure}",
        wait: "1d",
        severity: Some("warning"),
        figure: at_least("tier.l1.share_least_percent"),
        metric: of_incidents("writ_l1_resolution_percent"),
        summary: "{{ $labels.site }}: rules resolve only {{ $value }} % of incidents",
        next: "see which incidents people resolve, and whether a rule could",
    },
    Alert {
        name: "WritCandidatesPending",
        expression: "writ_learning_candidates_pending > {figure}",
        wait: "1d",
        severity: Some("warning"),
        figure: at_most("learning.candidates_most"),
        metric: not_yet("writ_learning_candidates_pending"),
        summary: "{{ $value }} learned patterns wait for a review",
        next: "review them: rules/learned/README.md",
    },
    Alert {
        name: "WritPatternWeak",
        expression: "writ_rule_success_percent < {figure}",
        wait: "1d",
        severity: Some("warning"),
        figure: at_least("learning.pattern_success_least_percent"),
        metric: of_incidents("writ_rule_success_percent"),
        summary: "{{ $labels.site }}: rule {{ $labels.rule }} helps in only {{ $value }} % of cases",
        next: "review it: rules/learned/README.md",
    },
    Alert {
        name: "WritSlaMissed",
        expression: "writ_sla_met_percent < {figure}",
        wait: "1d",
        severity: Some("warning"),
        figure: at_least("sla.met_least_percent"),
        metric: of_incidents("writ_sla_met_percent"),
        summary: "{{ $labels.site }}: only {{ $value }} % of incidents were resolved within the SLA",
        next: "writ audit compare says which were late",
    },
    Alert {
        name: "WritMttrHigh",
        expression: "writ_mttr_seconds > {figure}",
        wait: "1d",
        severity: Some("warning"),
        figure: at_most("repair.mttr"),
        metric: of_incidents("writ_mttr_seconds"),
        summary: "{{ $labels.site }}: repairs take {{ $value | humanizeDuration }} on average",
        next: "writ audit compare says which took long",
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use writ_audit::report::openmetrics;

    use super::*;
    use crate::doctor::METRICS;

    #[test]
    fn every_rule_stands_on_its_metric_and_on_its_figure() {
        let names: BTreeSet<&str> = ALERTS.iter().map(|alert| alert.name).collect();
        assert_eq!(names.len(), ALERTS.len());
        for alert in ALERTS {
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
        let alerts = ALERTS.iter().map(|alert| alert.metric.name);
        let watched: BTreeSet<&str> = alerts.chain(others).chain(polled).collect();
        let without: Vec<_> = METRICS.iter().filter(|(name, _)| !watched.contains(name)).collect();
        assert!(without.is_empty(), "{without:?}");
    }

    /// Every metric that is listed for people is one that is known here, and the other way round.
    #[test]
    fn the_page_lists_every_metric() {
        let page = include_str!("../../../../../docs/metrics.md");
        let exported = METRICS.iter().chain(openmetrics::METRICS).map(|(name, _)| *name);
        for name in ALERTS.iter().map(|alert| alert.metric.name).chain(exported) {
            let listed = page.contains(&format!("`{name}`")) || page.contains(&format!("`{name}{{"));
            assert!(listed, "docs/metrics.md does not list {name}");
        }
        for alert in ALERTS {
            assert!(page.contains(&format!("`{}`", alert.name)), "docs/metrics.md does not list {}", alert.name);
        }
    }
}
