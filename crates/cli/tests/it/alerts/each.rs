//! Every rule fires where it should and is silent where it should not, as Prometheus itself evaluates it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::{judged, promtool, rules_of_repository};

/// Series of one machine: name, labels, values in promtool's notation, one each minute; of a case that is [`LONG`], one each
/// half hour.
type Series = &'static [(&'static str, &'static str, &'static str)];

/// A rule with the minute at which it is asked, a machine where it fires and one where it does not.
struct Case(&'static str, u32, Series, Series);

const FAILS: &str = "check=\"a\",outcome=\"fail\",announced=\"false\"";
const LONG: u32 = 25 * 60;

const CASES: &[Case] = &[
    Case(
        "WritCheckFailing",
        20,
        &[("writ_check_outcome", "severity=\"high\",excepted=\"false\",check=\"a\",outcome=\"fail\"", "1x60")],
        // An exception is in force: the check fails, and nobody is to be called.
        &[("writ_check_outcome", "severity=\"high\",excepted=\"true\",check=\"a\",outcome=\"fail\"", "1x60")],
    ),
    Case(
        "WritCheckFailingCritical",
        20,
        &[("writ_check_outcome", "severity=\"critical\",excepted=\"false\",check=\"a\",outcome=\"fail\"", "1x60")],
        &[("writ_check_outcome", "severity=\"critical\",excepted=\"true\",check=\"a\",outcome=\"fail\"", "1x60")],
    ),
    Case(
        "WritCheckWarning",
        20,
        &[("writ_check_outcome", "severity=\"high\",excepted=\"false\",check=\"a\",outcome=\"warn\"", "1x60")],
        &[("writ_check_outcome", "severity=\"high\",excepted=\"true\",check=\"a\",outcome=\"warn\"", "1x60")],
    ),
    Case(
        "WritCheckNotSeen",
        90,
        &[
            (
                "writ_check_outcome",
                "outcome=\"not-assessable\",announced=\"false\",excepted=\"false\",check=\"a\"",
                "1x99",
            ),
            ("writ_enforcer_up", "", "1x99"),
        ],
        // Nothing is seen because nobody looks: one alert of its own.
        &[
            (
                "writ_check_outcome",
                "outcome=\"not-assessable\",announced=\"false\",excepted=\"false\",check=\"a\"",
                "1x99",
            ),
            ("writ_enforcer_up", "", "0x99"),
        ],
    ),
    Case(
        "WritChecksUnknown",
        40,
        &[("writ_doctor_at_seconds", "", "0+60x60")],
        &[("writ_doctor_at_seconds", "", "0+60x60"), ("writ_check_outcome", FAILS, "1x60")],
    ),
    Case(
        "WritDoctorWrong",
        40,
        &[("writ_doctor_findings", "question=\"syncing\",code=\"refused\"", "1x60")],
        // A check that fails is told of by its own rule.
        &[
            ("writ_doctor_findings", "question=\"healing\",code=\"paused\"", "1x60"),
            ("writ_doctor_findings", "question=\"syncing\",code=\"none\"", "0x60"),
        ],
    ),
    Case(
        "WritDoctorWrongCritical",
        40,
        &[("writ_doctor_findings", "question=\"syncing\",code=\"no-policy\"", "1x60")],
        &[("writ_doctor_findings", "question=\"syncing\",code=\"refused\"", "1x60")],
    ),
    Case("WritEnforcerDown", 20, &[("writ_enforcer_up", "", "0x60")], &[("writ_enforcer_up", "", "1x60")]),
    Case(
        "WritEnforcerSilent",
        20,
        &[("writ_enforcer_status_age_seconds", "", "Inf+0x60")],
        &[("writ_enforcer_status_age_seconds", "", "30x60")],
    ),
    Case("WritFiguresOld", 20, &[("writ_doctor_at_seconds", "", "0x60")], &[("writ_doctor_at_seconds", "", "0+60x60")]),
    Case(
        "WritFiguresGone",
        45,
        &[("writ_doctor_at_seconds", "", "0+60x10")],
        &[("writ_doctor_at_seconds", "", "0+60x60")],
    ),
    Case(
        "WritCheckInMissed",
        20,
        &[("writ_checkin_age_seconds", "", "180x60")],
        &[("writ_checkin_age_seconds", "", "60x60")],
    ),
    Case(
        "WritSilent",
        20,
        &[("writ_checkin_age_seconds", "", "Inf+0x60")],
        &[("writ_checkin_age_seconds", "", "180x60")],
    ),
    Case("WritSyncFailing", 20, &[("writ_sync_failures", "", "4x60")], &[("writ_sync_failures", "", "3x60")]),
    Case("WritEvidenceLate", 90, &[("writ_evidence_waiting", "", "3x99")], &[("writ_evidence_waiting", "", "0x99")]),
    Case(
        "WritEvidenceNearlyFull",
        40,
        &[("writ_outbox_undelivered_bytes", "", "90x60"), ("writ_outbox_budget_bytes", "", "100x60")],
        // A full outbox of which all was delivered makes room by itself.
        &[
            ("writ_outbox_bytes", "", "100x60"),
            ("writ_outbox_undelivered_bytes", "", "1x60"),
            ("writ_outbox_budget_bytes", "", "100x60"),
        ],
    ),
    Case(
        "WritEvidenceFull",
        40,
        &[("writ_outbox_undelivered_bytes", "", "99x60"), ("writ_outbox_budget_bytes", "", "100x60")],
        &[
            ("writ_outbox_bytes", "", "100x60"),
            ("writ_outbox_undelivered_bytes", "", "1x60"),
            ("writ_outbox_budget_bytes", "", "100x60"),
        ],
    ),
    Case(
        "WritIncidentOverdue",
        20,
        &[("writ_incidents_overdue", "", "1x60")],
        &[("writ_incidents_overdue", "", "0x60")],
    ),
    Case(
        "WritEscalationUnresolved",
        20,
        &[("writ_incident_escalated_age_seconds", "severity=\"low\"", "9999x60")],
        &[("writ_incident_escalated_age_seconds", "severity=\"critical\"", "9999x60")],
    ),
    Case(
        "WritEscalationUnresolvedCritical",
        20,
        &[("writ_incident_escalated_age_seconds", "severity=\"high\"", "9999x60")],
        &[("writ_incident_escalated_age_seconds", "severity=\"low\"", "9999x60")],
    ),
    Case(
        "WritReleaseEnding",
        90,
        &[("writ_release_expires_seconds", "", "-60x99")],
        &[("writ_release_expires_seconds", "", "99999999x99")],
    ),
    Case(
        "WritTrustRootEnding",
        90,
        &[("writ_root_expires_seconds", "", "60x99")],
        &[("writ_root_expires_seconds", "", "99999999x99")],
    ),
    Case(
        "WritLogStale",
        20,
        &[("writ_log_checkpoint_age_seconds", "", "99999x60")],
        &[("writ_log_checkpoint_age_seconds", "", "60x60")],
    ),
    Case(
        "WritDepotRefuses",
        90,
        // The very first of its kind.
        &[("writ_depot_bundles_total", "outcome=\"conflict\",job=\"depot\"", "_x70 1x60")],
        &[
            ("writ_depot_bundles_total", "outcome=\"conflict\",job=\"depot\"", "0x130"),
            ("writ_depot_bundles_total", "outcome=\"new\",job=\"depot\"", "0+1x130"),
        ],
    ),
    Case(
        "WritDepotCannotStore",
        30,
        &[("writ_depot_commit_failures_total", "", "0x20 1x60")],
        &[("writ_depot_commit_failures_total", "", "1x80")],
    ),
    Case(
        "WritDepotDiskFilling",
        50,
        &[("writ_depot_disk_full_seconds", "", "90000x60")],
        &[("writ_depot_disk_full_seconds", "", "200000x60")],
    ),
    Case(
        "WritDepotMissesAppliance",
        20,
        &[("writ_depot_checkin_age_seconds", "", "601x60")],
        &[("writ_depot_checkin_age_seconds", "", "599x60")],
    ),
    Case(
        "WritDepotCertificateEnding",
        90,
        &[("writ_depot_tls_expires_seconds", "", "1209000x99")],
        // A proxy ends TLS.
        &[("writ_depot_tls_expires_seconds", "", "Inf+0x99")],
    ),
    Case(
        "WritDepotCertificateEndingCritical",
        20,
        &[("writ_depot_tls_expires_seconds", "", "-5x60")],
        &[("writ_depot_tls_expires_seconds", "", "1209601x60")],
    ),
    Case(
        "WritDepotCertificateUnfit",
        30,
        &[("writ_depot_tls_reload_failures_total", "", "0x20 1x60")],
        &[("writ_depot_tls_reload_failures_total", "", "1x80")],
    ),
    Case(
        "WritArchivesWaiting",
        50,
        &[("writ_ship_waiting_seconds", "", "93601x60")],
        &[("writ_ship_waiting_seconds", "", "90000x60")],
    ),
    Case("WritArchivesWrong", LONG, &[("writ_ship_problems", "", "1x60")], &[("writ_ship_problems", "", "0x60")]),
    Case(
        "WritArchivesUnknown",
        LONG,
        &[("writ_ship_at_seconds", "", "0x60")],
        &[("writ_ship_at_seconds", "", "0+1800x60")],
    ),
    Case("WritKeyOld", 90, &[("writ_key_age_seconds", "", "99999999x99")], &[("writ_key_age_seconds", "", "60x99")]),
    Case(
        "WritSigningKeyOld",
        90,
        &[("writ_depot_key_age_seconds", "", "28512001x99")],
        &[("writ_depot_key_age_seconds", "", "28511999x99")],
    ),
    Case(
        "WritIngestionLate",
        20,
        &[("writ_depot_log_delay_seconds", "", "700x60")],
        &[("writ_depot_log_delay_seconds", "", "60x60")],
    ),
    Case(
        "WritIngestionStopped",
        20,
        &[("writ_depot_log_delay_seconds", "", "9999x60")],
        &[("writ_depot_log_delay_seconds", "", "700x60")],
    ),
    Case("WritAuditFailed", 20, &[("writ_audit_verified", "", "0x60")], &[("writ_audit_verified", "", "1x60")]),
    Case(
        "WritAuditOld",
        LONG,
        &[("writ_audited_at_seconds", "", "-2940000x60")],
        &[("writ_audited_at_seconds", "", "0x60")],
    ),
    Case(
        "WritIncidentsUnresolved",
        20,
        &[("writ_incidents_unresolved", "", "2x60")],
        &[("writ_incidents_unresolved", "", "0x60")],
    ),
    Case(
        "WritL1ShareLow",
        LONG,
        &[("writ_l1_resolution_percent", "", "69x60")],
        &[("writ_l1_resolution_percent", "", "70x60")],
    ),
    Case(
        "WritCandidatesPending",
        LONG,
        &[("writ_learning_candidates_pending", "", "21x60")],
        &[("writ_learning_candidates_pending", "", "20x60")],
    ),
    Case(
        "WritLearnedPatternWeak",
        LONG,
        &[("writ_pattern_success_percent", "", "84x60")],
        &[("writ_pattern_success_percent", "", "85x60")],
    ),
    Case(
        "WritPatternWeak",
        LONG,
        &[("writ_rule_success_percent", "", "84x60")],
        &[("writ_rule_success_percent", "", "85x60")],
    ),
    Case("WritSlaMissed", LONG, &[("writ_sla_met_percent", "", "5x60")], &[("writ_sla_met_percent", "", "100x60")]),
    Case("WritMttrHigh", LONG, &[("writ_mttr_seconds", "", "99999x60")], &[("writ_mttr_seconds", "", "60x60")]),
];

/// Metrics that only some machines have: where they must be and are not, and where they need not be.
const MEASURED: [Case; 5] = [
    Case(
        "writ_checkin_age_seconds",
        90,
        &[("writ_courier_configured", "", "1x99")],
        &[("writ_courier_configured", "", "0x99")],
    ),
    Case(
        "writ_mttr_seconds",
        90,
        &[("writ_incidents_any_ended", "", "1x99")],
        &[("writ_incidents_any_ended", "", "0x99")],
    ),
    Case(
        "writ_pattern_success_percent",
        90,
        &[("writ_learning_any_judged", "", "1x99")],
        &[("writ_learning_any_judged", "", "0x99")],
    ),
    Case("writ_ship_problems", 90, &[("writ_ship_configured", "", "1x99")], &[("writ_ship_configured", "", "0x99")]),
    Case("writ_log_checkpoint_age_seconds", 90, &[("writ_log_named", "", "1x99")], &[("writ_log_named", "", "0x99")]),
];

/// What promtool is given: the series of every machine, and the questions about them.
#[derive(Default)]
struct Asked {
    series: String,
    questions: String,
}

impl Asked {
    fn put(&mut self, instance: &str, series: Series) {
        for (name, labels, values) in series {
            let comma = if labels.is_empty() { "" } else { "," };
            writeln!(
                self.series,
                "      - {{ series: '{name}{{{labels}{comma}instance=\"{instance}\"}}', values: '{values}' }}"
            )
            .unwrap();
        }
    }

    /// Two questions about one rule: how many machines fire, and whether the quiet one even waits. Machines are called by
    /// their case, so that all of them stand in one world: each more would evaluate every rule again.
    fn case(&mut self, alert: &str, more: &str, Case(case, at, fires, silent): &Case) {
        let (loud, quiet) = (format!("{case} fires"), format!("{case} is silent"));
        self.put(&loud, fires);
        self.put(&quiet, silent);
        let ask = |instance: &str, state: &str| {
            format!("count(ALERTS{{alertname=\"{alert}\",instance=\"{instance}\",alertstate{state}{more}}})")
        };
        let some = "[ { labels: '{}', value: 1 } ]";
        for (question, answer) in [(ask(&loud, "=\"firing\""), some), (ask(&quiet, "=~\".+\""), "[]")] {
            writeln!(self.questions, "      - {{ expr: '{question}', eval_time: {at}m, exp_samples: {answer} }}")
                .unwrap();
        }
    }
}

/// The cases of one world, asked in a folder with the rules: a sample each `sampled`, all rules evaluated each `evaluated`.
fn judge(folder: &Path, name: &str, asked: Asked, sampled: &str, evaluated: &str) {
    let Asked { series, questions } = asked;
    let text = format!(
        "rule_files: [ writ.rules.yml ]\nevaluation_interval: {evaluated}\ntests:\n  - interval: {sampled}\n    \
         input_series:\n{series}    promql_expr_test:\n{questions}"
    );
    fs::write(folder.join(name), text).unwrap();
    judged(promtool().args(["test", "rules", name]).current_dir(folder));
}

#[test]
fn every_rule_has_a_machine_where_it_fires_and_one_where_it_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let rules = rules_of_repository();
    let mut cases: BTreeMap<&str, &Case> = CASES.iter().map(|case| (case.0, case)).collect();
    assert_eq!(cases.len(), CASES.len());
    // What takes a day needs no look each minute.
    let (mut asked, mut long) = (Asked::default(), Asked::default());
    for alert in rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        if alert != "WritNotMeasured" {
            let case = cases.remove(alert).unwrap_or_else(|| panic!("{alert} has no case"));
            let world = if case.1 == LONG { &mut long } else { &mut asked };
            world.case(alert, "", case);
        }
    }
    assert!(cases.is_empty(), "{:?}", cases.keys());
    for case in &MEASURED {
        asked.case("WritNotMeasured", &format!(",metric=\"{}\"", case.0), case);
    }
    fs::write(dir.path().join("writ.rules.yml"), rules).unwrap();
    judge(dir.path(), "each.yml", asked, "1m", "5m");
    judge(dir.path(), "long.yml", long, "30m", "30m");
}
