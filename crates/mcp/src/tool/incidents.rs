//! `incidents`: what failed and what came of it.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use writ_audit::compare::model::{IncidentFinding, IncidentStatus};
use writ_evidence::IncidentId;
use writ_policy::declared::Severity;
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};

use super::{Tool, schema};
use crate::answer::{Answer, Refusal};
use crate::arguments::{Cursor, Limit, Name, PeriodText, read};
use crate::desk::Desk;
use crate::page::{Wanted, part};

pub const TOOL: Tool = Tool {
    name: "incidents",
    title: "Incidents and what came of them",
    description: "The incidents of a site within a period, the newest first, by signed evidence that verified: what failed, who or \
        what resolved it at which tier, how long that took, the story sentence by sentence, and the bundles that show it.",
    schema: || {
        schema::object(
            [
                ("site", schema::site()),
                ("period", schema::period()),
                ("status", schema::one_of(&["open", "closed"], "Only those that are open, or that ended")),
                ("severity", schema::severity()),
                ("appliance", schema::appliance("Only of this appliance")),
                ("check", schema::name("Only of this check, as in backup.job")),
                ("incident", schema::incident("Only this incident, as in INC-20261123-0007")),
                ("limit", schema::limit()),
                ("cursor", schema::cursor()),
            ],
            &[],
        )
    },
    reads_only: true,
    run,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Open,
    Closed,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    site: Option<SiteId>,
    #[serde(default)]
    period: Option<PeriodText>,
    #[serde(default)]
    status: Option<Status>,
    #[serde(default)]
    severity: Option<Severity>,
    #[serde(default)]
    appliance: Option<ApplianceId>,
    #[serde(default)]
    check: Option<Name>,
    #[serde(default)]
    incident: Option<IncidentId>,
    #[serde(default)]
    limit: Option<Limit>,
    #[serde(default)]
    cursor: Option<Cursor>,
}

impl Asked {
    fn wants(&self, incident: &IncidentFinding) -> bool {
        self.status.is_none_or(|status| (status == Status::Open) == (incident.status == IncidentStatus::Open))
            && self.severity.is_none_or(|severity| severity == incident.severity)
            && self.appliance.as_ref().is_none_or(|name| *name == incident.appliance)
            && self.check.as_ref().is_none_or(|name| name.as_str() == incident.check)
            && self.incident.is_none_or(|id| id == incident.incident_id)
    }
}

fn run(desk: &Desk, _: &str, arguments: Map<String, Value>) -> Result<Answer, Refusal> {
    let asked: Asked = read(arguments)?;
    let (reading, of) = desk.read(asked.site.as_ref(), asked.period.as_ref())?;
    let all = &reading.comparison.incidents;
    let found: Vec<&IncidentFinding> = all.iter().rev().filter(|incident| asked.wants(incident)).collect();
    let open = found.iter().filter(|incident| incident.status == IncidentStatus::Open).count();
    let mut answer = Answer::resting_on(TOOL.name, &reading.basis());
    answer.say(format!("{} incidents, {open} of them open.", found.len()));
    answer.put("summary", &reading.comparison.incident_summary);
    let filters = (asked.status, asked.severity, &asked.appliance, &asked.check, asked.incident);
    let of = Digest::of(format!("{of} {filters:?}").as_bytes());
    let wanted = Wanted { cursor: asked.cursor.as_ref(), limit: asked.limit };
    answer.put_part("incidents", part(&found, wanted, &of, |incident| json!(incident))?);
    Ok(answer)
}
