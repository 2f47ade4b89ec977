//! One mistake, one finding, at its path.

use serde_json::{Value, json};
use writ_policy::policy::Policy;
use writ_policy::validate::{Level, validate};

use crate::world::{edited, findings, now, policy, registry, told};

#[test]
fn a_sound_policy_has_no_findings() {
    assert_eq!(findings(&policy()), []);
    Policy::parse(&serde_json::to_vec(&policy()).unwrap()).unwrap();
}

/// Where, what stands there instead (none: nothing), and the finding: `code path`.
type Case = (&'static str, Option<Value>, &'static str);

fn cases() -> Vec<Case> {
    let some = |v: Value| Some(v);
    vec![
        ("/checks/motd/expcet", some(json!({})), "unknown-field checks.motd.expcet"),
        ("/checks/motd/every", None, "missing-field checks.motd.every"),
        ("/checks/motd/every", some(json!(5)), "wrong-type checks.motd.every"),
        ("/checks/motd/every", some(json!("999ms")), "out-of-bounds checks.motd.every"),
        ("/checks/motd/severity", some(json!("worst")), "wrong-type checks.motd.severity"),
        ("/checks/motd/probe", some(json!({})), "wrong-type checks.motd.probe"),
        ("/checks/motd/probe", some(json!({"fiel": {}})), "unknown-probe checks.motd.probe.fiel"),
        ("/checks/motd/probe/file/pth", some(json!("x")), "unknown-parameter checks.motd.probe.file.pth"),
        ("/checks/motd/probe/file/path", None, "missing-parameter checks.motd.probe.file.path"),
        ("/checks/motd/probe/file/follow", some(json!("yes")), "wrong-parameter checks.motd.probe.file.follow"),
        ("/checks/motd/expect", some(json!({})), "wrong-type checks.motd.expect"),
        ("/checks/motd/expect/mode", some(json!("0644")), "wrong-type checks.motd.expect.mode"),
        ("/checks/motd/expect/mode/equals", some(json!("0644")), "unknown-operator checks.motd.expect.mode.equals"),
        ("/checks/motd/expect/mdoe", some(json!({"eq": "0644"})), "unknown-observation checks.motd.expect.mdoe"),
        ("/checks/motd/expect/content", some(json!({"eq": "x"})), "text-field checks.motd.expect.content"),
        ("/checks/motd/expect/mode/le", some(json!(5)), "operator-not-applicable checks.motd.expect.mode.le"),
        ("/checks/motd/expect/mode/eq", some(json!(644)), "wrong-operand checks.motd.expect.mode.eq"),
        ("/checks/motd/expect/mode/matches", some(json!("(")), "wrong-operand checks.motd.expect.mode.matches"),
        ("/checks/motd/expect/mode/ne", some(json!("0644")), "impossible-predicate checks.motd.expect.mode.ne"),
        (
            "/checks/motd/expect/size_bytes",
            some(json!({"ge": 5, "le": 4})),
            "impossible-predicate checks.motd.expect.size_bytes.le",
        ),
        ("/checks/motd/expect/any", some(json!([])), "wrong-type checks.motd.expect.any"),
        (
            "/checks/shadow/expect/any/0/mode/in",
            some(json!([])),
            "impossible-predicate checks.shadow.expect.any.0.mode.in",
        ),
        (
            "/checks/shadow/expect/any/1/mode",
            some(json!({"eq": 1})),
            "wrong-operand checks.shadow.expect.any.1.mode.eq",
        ),
        ("/checks/lost", some(policy()["checks"]["motd"].clone()), "unused-check checks.lost"),
        ("/controls/A/checks/1", some(json!("shadwo")), "dangling-reference controls.A.checks.1"),
        ("/controls/A/coverage", some(json!("partial")), "control-not-assessed controls.A.not_assessed"),
        ("/controls/A/coverage", some(json!("inherited")), "control-procedure controls.A.procedure"),
        ("/controls/P/duties", some(json!([])), "control-duties controls.P.duties"),
        ("/controls/A/maps", some(json!({"soc2": "CC1"})), "wrong-type controls.A.maps.soc2"),
        ("/rules/R2/when/check", some(json!("mtod")), "dangling-reference rules.R2.when.check"),
        ("/rules/R2/when/observation/mode/eq", some(json!("0600")), "overlapping-rules rules.R2.priority"),
        ("/rules/R2/run", some(json!("C")), "dangling-reference rules.R2.run"),
        ("/rules/R2/controls/0", some(json!("B")), "dangling-reference rules.R2.controls.0"),
        ("/rules/R2/controls", some(json!([])), "rule-without-controls rules.R2.controls"),
        ("/rules/R2/attempts", some(json!(0)), "wrong-type rules.R2.attempts"),
        ("/runbooks/B/verify", some(json!([])), "runbook-without-verify runbooks.B.verify"),
        ("/runbooks/B/verify/0", some(json!("x")), "dangling-reference runbooks.B.verify.0"),
        ("/runbooks/B/steps", some(json!([])), "runbook-without-steps runbooks.B.steps"),
        ("/runbooks/B/steps/0/step", some(json!("file.retsore")), "unknown-step runbooks.B.steps.0.step"),
        ("/runbooks/B/steps/0/timeout", some(json!("2h")), "out-of-bounds runbooks.B.steps.0.timeout"),
        (
            "/runbooks/B/steps/0/parameters/checks",
            some(json!(["motd", "mtod"])),
            "dangling-reference runbooks.B.steps.0.parameters.checks.1",
        ),
        ("/runbooks/B/steps/0/undo/step", some(json!("x")), "unknown-step runbooks.B.steps.0.undo.step"),
        (
            "/runbooks/B/steps/0/parameters/password",
            some(json!("clear")),
            "secret-in-clear runbooks.B.steps.0.parameters.password",
        ),
        (
            "/runbooks/B/steps/0/parameters/source",
            some(json!("/bin/sh")),
            "wrong-parameter runbooks.B.steps.0.parameters.source",
        ),
        (
            "/runbooks/B/steps/0/parameters/after",
            some(json!("soon")),
            "wrong-parameter runbooks.B.steps.0.parameters.after",
        ),
        ("/runbooks/C", some(policy()["runbooks"]["B"].clone()), "unused-runbook runbooks.C"),
        ("/exceptions/E/check", some(json!(null)), "exception-subject exceptions.E"),
        ("/exceptions/E/control", some(json!("A")), "exception-subject exceptions.E"),
        ("/exceptions/E/check", some(json!("x")), "dangling-reference exceptions.E.check"),
        ("/exceptions/E/approved_by", some(json!("Rut")), "unknown-approver exceptions.E.approved_by"),
        ("/exceptions/E/expires", some(json!("2026-11-23T00:00:00Z")), "expired-exception exceptions.E.expires"),
        ("/exceptions/E/expires", some(json!("2026-08-01T00:00:00Z")), "exception-order exceptions.E.expires"),
        (
            "/exceptions/E/approved_at",
            some(json!("2026-12-01T00:00:00Z")),
            "exception-not-yet exceptions.E.approved_at",
        ),
        ("/exceptions/E/approval", some(json!("sha256:12")), "wrong-type exceptions.E.approval"),
        ("/exceptions/E/risk", some(json!(" ")), "wrong-type exceptions.E.risk"),
        ("/exceptions/E/expires", some(json!("2029-09-01T00:00:00Z")), "exception-too-long exceptions.E.expires"),
        (
            "/runbooks/B/steps/0/parameters/password/secret",
            some(json!("y")),
            "unknown-secret runbooks.B.steps.0.parameters.password.secret",
        ),
        ("/settings/notify/pager/secret", some(json!("y")), "unknown-secret settings.notify.pager.secret"),
        ("/settings/notify/pager/address", some(json!("a@example")), "wrong-value settings.notify.pager"),
        (
            "/runbooks/B/steps/0/parameters/source/program",
            some(json!("q")),
            "unknown-program runbooks.B.steps.0.parameters.source.program",
        ),
        (
            "/settings/escalation/route/high",
            some(json!(["onkall"])),
            "unknown-contact settings.escalation.route.high.0",
        ),
        ("/settings/time_zone", some(json!("America/NewYork")), "unknown-time-zone settings.time_zone"),
        ("/settings/contacts/on-call/phone", some(json!(null)), "contact-unreachable settings.contacts.\"on-call\""),
        ("/settings/contacts/on-call/phone", some(json!("Sam")), "wrong-address settings.contacts.\"on-call\".phone"),
        (
            "/settings/contacts/on-call/email",
            some(json!("sam at msp")),
            "wrong-address settings.contacts.\"on-call\".email",
        ),
        (
            "/settings/notify/pager",
            some(json!({"kind": "pagerduty", "address": "desk@x", "secret": null, "severities": ["low"],
                "events": ["escalated"]})),
            "wrong-address settings.notify.pager.address",
        ),
        ("/settings/maintenance/windows/0/to", some(json!("22:00")), "wrong-window settings.maintenance.windows.0.to"),
        (
            "/rules/R2/when/observation",
            some(json!({"exists": {"eq": true}, "mode": {"eq": "0644"}})),
            "rule-never-matches rules.R2.when.observation",
        ),
        ("/settings/sla/high", None, "missing-field settings.sla.high"),
        ("/settings/sla/urgent", some(json!("1m")), "unknown-field settings.sla.urgent"),
        ("/settings/probation/checks/0", some(json!("x")), "dangling-reference settings.probation.checks.0"),
        ("/settings/evidence_budget_mb", some(json!(-1)), "wrong-type settings.evidence_budget_mb"),
        ("/controls/A/requirement", some(json!("optional")), "wrong-type controls.A.requirement"),
        ("/controls/A/duties/0", some(json!("reveiw")), "dangling-reference controls.A.duties.0"),
        ("/checks/motd/cites", some(json!("AC-1")), "wrong-type checks.motd.cites"),
        ("/rules/R2/run", some(json!(null)), "rule-run rules.R2.escalate"),
        ("/rules/R2/escalate", some(json!({"to": "L3", "why": "w"})), "rule-run rules.R2.escalate"),
        ("/duties/review/cadence/every", some(json!(null)), "duty-cadence duties.review.cadence"),
        ("/duties/review/cadence/every", some(json!("monthly")), "wrong-type duties.review.cadence.every"),
        ("/programs", some(json!(["p", 1])), "wrong-type programs.1"),
        ("/secrets", None, "missing-field secrets"),
        ("/settings/tier", some(json!("gold")), "wrong-type settings.tier"),
        ("/settings/contacts/on-call/role", some(json!("boss")), "wrong-type settings.contacts.\"on-call\".role"),
        ("/settings/notify/pager/events/0", some(json!("noise")), "wrong-type settings.notify.pager.events.0"),
        ("/settings/maintenance/windows/0/to", some(json!("24:00")), "wrong-type settings.maintenance.windows.0.to"),
        ("/settings/planner/review", some(json!("later")), "wrong-type settings.planner.review"),
        ("/settings/planner/model/key", some(json!("y")), "unknown-secret settings.planner.model.key"),
        ("/settings/planner/model/key", None, "missing-field settings.planner.model.key"),
        ("/settings/planner/model/url", some(json!("http://10.0.0.4/v1")), "wrong-address settings.planner.model.url"),
        (
            "/settings/planner/model/url",
            some(json!("http://models.example")),
            "wrong-address settings.planner.model.url",
        ),
        (
            "/settings/planner/model/url",
            some(json!("https://models.example/v1?key=x")),
            "wrong-address settings.planner.model.url",
        ),
        (
            "/settings/planner/model/url",
            some(json!("https://a:hunter2@models.example")),
            "secret-in-clear settings.planner.model.url",
        ),
        ("/settings/planner/model/name", some(json!("a model")), "wrong-value settings.planner.model.name"),
        ("/settings/planner/model/deadline", some(json!("6s")), "out-of-bounds settings.planner.model.deadline"),
        ("/settings/planner/model/most_runbooks", some(json!(6)), "out-of-bounds settings.planner.model.most_runbooks"),
        ("/settings/planner/model/most_runbooks", some(json!(0)), "wrong-type settings.planner.model.most_runbooks"),
        (
            "/settings/planner/model/budget/calls_per_day",
            some(json!(1001)),
            "out-of-bounds settings.planner.model.budget.calls_per_day",
        ),
        (
            "/settings/planner/model/price/input_microdollars_per_1000_tokens",
            some(json!(-1)),
            "wrong-type settings.planner.model.price.input_microdollars_per_1000_tokens",
        ),
        ("/settings/planner/model/temperature", some(json!(1)), "unknown-field settings.planner.model.temperature"),
        ("/settings/escalation/route/low", None, "missing-field settings.escalation.route.low"),
        ("/settings/retention/online", some(json!(30)), "wrong-type settings.retention.online"),
        ("/site", some(json!("a")), "wrong-type site"),
        (
            "/checks/shadow/prefer/size_bytes/le",
            some(json!(-9007199254740993i64)),
            "out-of-bounds checks.shadow.prefer.size_bytes.le",
        ),
        ("/rules/R1/priority", some(json!(i64::MAX)), "out-of-bounds rules.R1.priority"),
        (
            "/runbooks/B/steps/0/parameters/count",
            some(json!(i64::MIN)),
            "out-of-bounds runbooks.B.steps.0.parameters.count",
        ),
        ("/schema", some(json!("writ.policy.v9")), "unknown-schema schema"),
        ("/rulez", some(json!({})), "unknown-field rulez"),
        ("/baselines", some(json!({"hipaa": 1})), "wrong-type baselines"),
    ]
}

#[test]
fn each_mistake_is_one_finding_at_its_path() {
    for (pointer, value, expected) in cases() {
        let found = told(&edited(pointer, value.clone()));
        assert_eq!(found.join(", "), expected, "{pointer} {value:?}");
    }
}

#[test]
fn findings_say_where_the_item_is_and_what_was_meant() {
    let found = findings(&edited("/controls/A/checks/1", Some(json!("shadwo"))));
    assert_eq!(found[0].declared_at.as_ref().unwrap().to_string(), "a.nix:1");
    assert_eq!(found[0].nearest.as_deref(), Some("shadow"));
    let found = findings(&edited("/rules/R2/when/observation", Some(json!(null))));
    assert_eq!(found[0].related[0].at.to_string(), "a.nix:4");
    assert_eq!(found[0].severity, Level::Error);
}

#[test]
fn what_is_no_policy_at_all_has_findings_too() {
    for value in [json!(null), json!([]), json!("x"), json!({}), json!({"checks": []}), json!({"rules": {"R": 1}})] {
        assert!(!validate(&value, &registry(), now()).is_empty(), "{value}");
    }
}

#[test]
fn a_tampered_rules_version_is_told() {
    let mut policy = policy();
    policy["rules"]["R1"]["attempts"] = json!(4);
    assert_eq!(findings(&policy)[0].code, "rules-version");
}
