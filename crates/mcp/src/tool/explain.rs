//! `explain`: what a check, a control, a rule or a runbook is, as it was signed and as a tree declares it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use writ_policy::policy::Policy;
use writ_trust::ids::{ApplianceId, SiteId};

use super::{Tool, schema};
use crate::answer::{Answer, Refusal};
use crate::arguments::{Name, read};
use crate::desk::Desk;
use crate::reading::Reading;

pub const TOOL: Tool = Tool {
    name: "explain",
    title: "What a check, control, rule or runbook is",
    description: "What something of the policy is and where it is declared (file and line): a check, control, rule, runbook, duty or \
        exception. `signed` has it as the newest verified release orders it; `tree` as the policy's sources declare it now, where the \
        server was started with them, with what it cites, what answers a failure in order, and how merging decided.",
    schema: || {
        schema::object(
            [
                ("id", schema::name("Its id, as in backup.recent, 164.312(c)(1), L1-BACKUP-001, RB-BACKUP-001")),
                ("site", schema::site()),
                ("appliance", schema::appliance("Only as this appliance has it")),
            ],
            &["id"],
        )
    },
    reads_only: true,
    run,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    id: Name,
    #[serde(default)]
    site: Option<SiteId>,
    #[serde(default)]
    appliance: Option<ApplianceId>,
}

fn run(desk: &Desk, _: &str, arguments: Map<String, Value>) -> Result<Answer, Refusal> {
    let asked: Asked = read(arguments)?;
    let id = asked.id.as_str();
    let (reading, _) = desk.read(asked.site.as_ref(), None)?;
    let signed = signed(&reading, id, asked.appliance.as_ref());
    let site = reading.site().as_str();
    let tree =
        desk.explain.as_ref().map(|explain| explain(id, Some(site), asked.appliance.as_ref().map(ApplianceId::as_str)));
    if signed.is_empty() && !matches!(tree, Some(Ok(_))) {
        let why = match tree {
            Some(Err(why)) => format!("; and in the tree: {why}"),
            _ => String::new(),
        };
        return Err(Refusal::new(format!("the newest verified release of {site} has nothing called {id}{why}")));
    }
    let mut answer = Answer::resting_on(TOOL.name, &reading.basis());
    answer.say(match signed.len() {
        0 => format!("No verified release of {site} has {id} yet: only the tree declares it."),
        _ => format!("{id}, as the newest verified release of {site} orders it."),
    });
    answer.put("signed", &signed);
    match tree {
        Some(Ok(explained)) => answer.put("tree", &explained),
        Some(Err(why)) => {
            answer.say(format!("The tree does not explain it: {why}"));
            answer.put("tree", &Value::Null);
        }
        None => answer.put("tree", &Value::Null),
    }
    Ok(answer)
}

/// What is called so in the policies that were signed: each definition once, with the appliances that have it.
fn signed(reading: &Reading, id: &str, only: Option<&ApplianceId>) -> Vec<Value> {
    let mut found: BTreeMap<String, (Value, Vec<&ApplianceId>)> = BTreeMap::new();
    for (appliance, policy) in reading.policies() {
        let wanted = only.is_none_or(|only| only == appliance);
        for told in policy.filter(|_| wanted).into_iter().flat_map(|policy| definitions(policy, id)) {
            found.entry(told.to_string()).or_insert_with(|| (told, Vec::new())).1.push(appliance);
        }
    }
    let told = found.into_values().map(|(mut told, appliances)| {
        told["appliances"] = json!(appliances);
        told
    });
    told.collect()
}

fn definitions(policy: &Policy, id: &str) -> Vec<Value> {
    let of =
        |kind: &str, found: Option<Value>| found.map(|definition| json!({ "kind": kind, "definition": definition }));
    let all = [
        of("check", policy.checks.get(id).map(|one| json!(one))),
        of("control", policy.controls.get(id).map(|one| json!(one))),
        of("rule", policy.rules.get(id).map(|one| json!(one))),
        of("runbook", policy.runbooks.get(id).map(|one| json!(one))),
        of("duty", policy.duties.get(id).map(|one| json!(one))),
        of("exception", policy.exceptions.get(id).map(|one| json!(one))),
    ];
    all.into_iter().flatten().collect()
}
