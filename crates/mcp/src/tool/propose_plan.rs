//! `propose_plan`: the one tool that writes, a document that waits for people.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value};
use writ_evidence::IncidentId;
use writ_policy::policy::Policy;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_wire::plan::{MAX_NAME, MAX_RUNBOOKS};
use writ_wire::proposal::{Proposal, ProposalSchema};

use super::{Tool, schema};
use crate::answer::{Answer, Refusal};
use crate::arguments::{Name, Reason, read};
use crate::desk::Desk;
use crate::queue::Put;
use crate::reading::Reading;

pub const TOOL: Tool = Tool {
    name: "propose_plan",
    title: "Propose runbooks for people to decide on",
    description: "Queues a proposal to run runbooks of the signed policy for a failing check. It runs nothing and approves nothing: a \
        person reads it and may sign an order for it. Only runbooks that the newest verified release has and that are judged by that \
        very check are taken (see `drift`), at most five, without parameters. The same proposal twice is one.",
    schema: || {
        schema::object(
            [
                ("site", schema::site()),
                ("appliance", schema::appliance("The appliance, as in front-desk")),
                ("check", schema::name("The check that fails, as in backup.job")),
                ("runbooks", schema::runbooks()),
                ("reason", schema::reason()),
                ("incident", schema::incident("The incident that it is about, as in INC-20261123-0007")),
            ],
            &["site", "appliance", "check", "runbooks", "reason"],
        )
    },
    reads_only: false,
    run,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    site: SiteId,
    appliance: ApplianceId,
    check: Name,
    runbooks: Vec<Name>,
    reason: Reason,
    #[serde(default)]
    incident: Option<IncidentId>,
}

fn run(desk: &Desk, asker: &str, arguments: Map<String, Value>) -> Result<Answer, Refusal> {
    let Some(queue) = &desk.queue else { return Err(Refusal::new("nobody here takes proposals")) };
    let asked: Asked = read(arguments)?;
    let (reading, _) = desk.read(Some(&asked.site), None)?;
    let policy = reading.policy(&asked.appliance).ok_or_else(|| {
        let names: Vec<&str> = reading.policies().iter().map(|(name, _)| name.as_str()).collect();
        Refusal::new(format!(
            "no policy of {} verified in the newest release of {}; there are: {}",
            asked.appliance,
            asked.site,
            names.join(", ")
        ))
    })?;
    asked.judge(policy)?;
    asked.known_incident(&reading)?;
    let mut proposal = Proposal {
        schema: ProposalSchema::V1,
        id: String::new(),
        site: asked.site,
        appliance: asked.appliance,
        incident: asked.incident.map(|id| id.to_string()),
        check: asked.check.as_str().to_owned(),
        runbooks: asked.runbooks.iter().map(|runbook| runbook.as_str().to_owned()).collect(),
        reason: asked.reason.as_str().to_owned(),
        proposed_by: plain_name(asker),
        proposed_at: desk.now(),
    };
    proposal.id = proposal.id_of();
    let put = queue.put(&proposal)?;
    let mut answer = Answer::resting_on(TOOL.name, &reading.basis());
    answer.say(match put {
        Put::New => format!(
            "{} waits for a person. Nothing was run, and nothing runs unless somebody signs an order.",
            proposal.id
        ),
        Put::Waits => format!("{} waits for a person already. Nothing was run.", proposal.id),
        Put::Answered => format!(
            "People have answered {} before: it does not wait, and nothing was run. Say in the reason what is new.",
            proposal.id
        ),
    });
    answer.put("queued", &(put == Put::New));
    answer.put("proposal", &proposal);
    Ok(answer)
}

impl Asked {
    /// Whether the signed policy allows it: the check is there, and each runbook is judged by it.
    fn judge(&self, policy: &Policy) -> Result<(), Refusal> {
        let check = self.check.as_str();
        if !policy.checks.contains_key(check) {
            return Err(Refusal::new(format!("the signed policy of {} has no check {check}", self.appliance)));
        }
        let judged = |id: &str| policy.runbooks.get(id).is_some_and(|book| book.verify.iter().any(|by| by == check));
        if !(1..=MAX_RUNBOOKS).contains(&self.runbooks.len()) {
            return Err(Refusal::new(format!("a proposal names 1 to {MAX_RUNBOOKS} runbooks")));
        }
        let different: BTreeSet<&str> = self.runbooks.iter().map(Name::as_str).collect();
        if different.len() < self.runbooks.len() {
            return Err(Refusal::new("a proposal names no runbook twice"));
        }
        let Some(wrong) = self.runbooks.iter().map(Name::as_str).find(|id| !judged(id)) else { return Ok(()) };
        let allowed: Vec<&str> = policy.runbooks.keys().map(String::as_str).filter(|id| judged(id)).collect();
        let allowed = if allowed.is_empty() { "none".to_owned() } else { allowed.join(", ") };
        Err(Refusal::new(match policy.runbooks.contains_key(wrong) {
            true => format!("{wrong} is not judged by {check}; the runbooks that are: {allowed}"),
            false => format!("the signed policy has no runbook {wrong}; those that are judged by {check}: {allowed}"),
        }))
    }

    fn known_incident(&self, reading: &Reading) -> Result<(), Refusal> {
        let Some(id) = self.incident else { return Ok(()) };
        let check = self.check.as_str();
        let mut all = reading.comparison.incidents.iter();
        let known = all.any(|one| one.incident_id == id && one.appliance == self.appliance && one.check == check);
        let why = || Refusal::new(format!("no incident {id} of {check} on {} is known", self.appliance));
        if known { Ok(()) } else { Err(why()) }
    }
}

/// What a client calls itself, as the name that a document may hold.
fn plain_name(asker: &str) -> String {
    let name: String = asker.chars().map(|c| if c.is_ascii_graphic() { c } else { '-' }).take(MAX_NAME).collect();
    if name.is_empty() { "unnamed".to_owned() } else { name }
}
