//! `controls`: what each control of the baseline comes to.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use writ_audit::compare::Comparison;
use writ_audit::compare::model::{CheckFinding, ControlFinding};
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;

use super::{Tool, schema};
use crate::answer::{Answer, Refusal};
use crate::arguments::{Cursor, Limit, Name, PeriodText, VerdictName, read};
use crate::desk::Desk;
use crate::page::{Wanted, part};

pub const TOOL: Tool = Tool {
    name: "controls",
    title: "Verdicts by control",
    description: "What each control of a site's baseline comes to over a period, by signed evidence that verified: demonstrated, \
        partly-demonstrated, failed, no-evidence and so on, with the reasons. Name one control to see each of its checks with numbers, \
        what was last observed, and the bundles that show it.",
    schema: || {
        schema::object(
            [
                ("site", schema::site()),
                ("period", schema::period()),
                ("control", schema::name("Only this control, with all of its checks, as in 164.312(c)(1)")),
                ("verdict", schema::verdict()),
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
    control: Option<Name>,
    #[serde(default)]
    verdict: Option<VerdictName>,
    #[serde(default)]
    limit: Option<Limit>,
    #[serde(default)]
    cursor: Option<Cursor>,
}

fn run(desk: &Desk, _: &str, arguments: Map<String, Value>) -> Result<Answer, Refusal> {
    let asked: Asked = read(arguments)?;
    let (reading, of) = desk.read(asked.site.as_ref(), asked.period.as_ref())?;
    let comparison = &reading.comparison;
    let wanted = |control: &&ControlFinding| {
        asked.control.as_ref().is_none_or(|name| name.as_str() == control.control)
            && asked.verdict.is_none_or(|verdict| verdict.0 == control.verdict)
    };
    let found: Vec<&ControlFinding> = comparison.controls.iter().filter(wanted).collect();
    if let (Some(name), []) = (asked.control.as_ref().filter(|_| asked.verdict.is_none()), &found[..]) {
        let why = format!("{} asks for no control {}", comparison.site, name.as_str());
        return Err(Refusal::new(format!("{why}: call controls without it to see which there are")));
    }
    let mut answer = Answer::resting_on(TOOL.name, &reading.basis());
    let score = comparison.score;
    answer.say(format!("{} of {} controls that machines decide are met.", score.met, score.of));
    answer.put("verdicts", &comparison.verdicts);
    answer.put("score", &score);
    answer.put("score_without_exceptions", &comparison.score_without_exceptions);
    let whole = asked.control.is_some();
    let of = Digest::of(format!("{of} {:?} {:?}", asked.control, asked.verdict).as_bytes());
    let wanted = Wanted { cursor: asked.cursor.as_ref(), limit: asked.limit };
    answer.put_part("controls", part(&found, wanted, &of, |control| tell(comparison, control, whole))?);
    Ok(answer)
}

fn tell(comparison: &Comparison, control: &ControlFinding, whole: bool) -> Value {
    let checks = control.checks.iter().filter_map(|at| comparison.checks.get(*at));
    let brief =
        |check: &CheckFinding| json!({ "appliance": check.appliance, "check": check.check, "verdict": check.verdict });
    let checks: Vec<Value> = checks.map(|check| if whole { json!(check) } else { brief(check) }).collect();
    let mut told = json!({
        "control": control.control,
        "title": control.title,
        "verdict": control.verdict,
        "verdict_without_exceptions": control.verdict_without_exceptions,
        "severity": control.severity,
        "coverage": control.coverage,
        "reasons": control.reasons,
        "exceptions": control.exceptions,
        "checks": checks,
    });
    if whole {
        told["declared_at"] = json!(control.declared_at);
        told["maps"] = json!(control.maps);
        told["not_assessed"] = json!(control.not_assessed);
        told["procedure"] = json!(control.procedure);
        told["duties"] = json!(control.duties);
        told["arithmetic"] = json!(control.arithmetic);
    }
    told
}
