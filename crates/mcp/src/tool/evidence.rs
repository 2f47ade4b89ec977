//! `evidence`: one bundle with what it rests on, and the commands by which anybody checks it.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use writ_audit::{proof, story};
use writ_evidence::BundleId;
use writ_trust::ids::{ApplianceId, SiteId};

use super::{Tool, schema};
use crate::answer::{Answer, Refusal};
use crate::arguments::read;
use crate::desk::Desk;
use crate::reading::Held;

pub const TOOL: Tool = Tool {
    name: "evidence",
    title: "A bundle of evidence with its proof",
    description: "One signed bundle that verified: what it says, its story in plain sentences, and its proof made anew: the key and the \
        release that names it, its place in the key's chain and in the site's log with the inclusion proof, and the commands by which \
        anybody checks the same without this program, from within the audit folder.",
    schema: || {
        schema::object(
            [
                ("site", schema::site()),
                ("bundle", schema::bundle()),
                ("appliance", schema::appliance("The appliance, where several have used the id")),
            ],
            &["bundle"],
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
    bundle: BundleId,
    #[serde(default)]
    appliance: Option<ApplianceId>,
}

fn run(desk: &Desk, _: &str, arguments: Map<String, Value>) -> Result<Answer, Refusal> {
    let asked: Asked = read(arguments)?;
    let (reading, _) = desk.read(asked.site.as_ref(), None)?;
    let is_it =
        |held: &&Held| held.id == asked.bundle && asked.appliance.as_ref().is_none_or(|name| *name == held.appliance);
    let found: Vec<&Held> = reading.bundles.iter().filter(is_it).collect();
    let held = match found[..] {
        [held] => held,
        [] => return Err(Refusal::new(format!("no bundle {} of {} verified", asked.bundle, reading.site()))),
        _ => {
            let names: Vec<&str> = found.iter().map(|held| held.appliance.as_str()).collect();
            let which = names.join(", ");
            return Err(Refusal::new(format!(
                "several appliances have a bundle {}: name one of {which}",
                asked.bundle
            )));
        }
    };
    let shown = reading.shown(held).inspect_err(|_| desk.forget(reading.site()))?;
    let proof = proof::of(&reading.archive, &shown);
    let mut answer = Answer::resting_on(TOOL.name, &reading.basis());
    let place = match &proof.place {
        Some(place) => format!("entry {} of {} in the log {}, proven anew", place.index, place.size, place.origin),
        None => proof.log.to_owned(),
    };
    answer.say(format!("{} by {} verified; in the site's log: {place}.", proof.bundle_id, proof.appliance));
    answer.put("story", &story::tell(&shown.bundle));
    answer.put("proof", &proof);
    let commands = proof::commands(&proof).into_iter();
    let commands: Vec<Value> = commands.map(|(what, lines)| json!({ "checks": what, "lines": lines })).collect();
    answer.put("commands", &commands);
    answer.put("bundle", &shown.bundle);
    Ok(answer)
}
