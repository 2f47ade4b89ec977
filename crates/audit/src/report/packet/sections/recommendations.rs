//! What follows from the figures: each sentence from a rule, with the numbers that it is about.

use super::super::model::{Block, Section};
use super::super::site::Site;
use super::incidents::PROMISED;
use crate::compare::Verdict;
use crate::compare::model::{ControlFinding, IncidentStatus};
use crate::words::{of, when};

/// How many incidents of one check are a pattern.
const PATTERN: usize = 3;
/// Below which share a rule does not help enough, in percent, once it was tried so often.
const RULE: (u64, u64) = (90, 5);
/// How soon the end of an exception is near, in milliseconds: 30 days.
const NEAR: i64 = 30 * 86_400_000;
/// The most names in one sentence.
const NAMED: usize = 8;

/// The section.
pub fn section(site: &Site<'_>) -> Section {
    let mut section = Section::new("recommendations", "Recommendations");
    let mut all = controls(site);
    all.extend(incidents(site));
    all.extend(rules(site));
    all.extend(exceptions(site));
    all.extend(appliances(site));
    if !site.whole.verification.pinned {
        all.push("Give the trust root from outside of the folder (--trust) when this packet is made.".to_owned());
    }
    if all.is_empty() {
        section.say("None: nothing that these figures show asks for anything.");
    } else {
        let clean = all.iter().map(writ_trust::text::escaped);
        section.blocks.push(Block::List(clean.collect()));
    }
    section
}

fn named<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.collect();
    let more = names.len().saturating_sub(NAMED);
    let shown = names[..names.len() - more].join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

fn controls(site: &Site<'_>) -> Vec<String> {
    let with = |verdict: Verdict| -> Vec<&ControlFinding> {
        site.whole.controls.iter().filter(|c| c.verdict == verdict).collect()
    };
    let advice = [
        (Verdict::Failed, "Repair what fails", "the check's reasons say what was seen"),
        (Verdict::NoEvidence, "Find out why nothing was seen", "an appliance that is off or cut off shows nothing"),
        (Verdict::NotAssessable, "Make it possible to decide", "what was asked for could not be seen"),
    ];
    let told = advice.into_iter().map(|(verdict, what, hint)| (with(verdict), what, hint));
    told.filter(|(found, ..)| !found.is_empty())
        .map(|(found, what, hint)| format!("{what}: {} ({hint}).", named(found.iter().map(|c| c.control.as_str()))))
        .collect()
}

fn incidents(site: &Site<'_>) -> Vec<String> {
    let (tally, mut told) = (&site.tally, Vec::new());
    if tally.open > 0 {
        let open = site.whole.incidents.iter().filter(|i| i.status == IncidentStatus::Open);
        let ids: Vec<String> = open.map(|i| format!("{} ({})", i.incident_id, i.check)).collect();
        told.push(format!("Close what is open: {}.", named(ids.iter().map(String::as_str))));
    }
    let late = tally.judged - tally.in_time;
    if late > 0 {
        told.push(format!(
            "Find out why {} took longer than the site allows itself, or allow more time.",
            of(late, "incident")
        ));
    }
    for (n, (name, (low, high))) in PROMISED.into_iter().enumerate() {
        match tally.tier_percent(n) {
            Some(share) if n == 0 && share < low => told.push(format!(
                "{name}: {share} % of ended incidents, promised {low} to {high} %. Write rules for the checks under \
                 \"Incidents that needed people\"."
            )),
            Some(share) if n == 2 && share > high => {
                told.push(format!(
                    "{name}: {share} % of ended incidents, promised {low} to {high} %: too much is left to people."
                ));
            }
            _ => {}
        }
    }
    let mut checks: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    for incident in &site.whole.incidents {
        *checks.entry(&incident.check).or_default() += 1;
    }
    let mut often: Vec<(&str, usize)> = checks.into_iter().filter(|(_, n)| *n >= PATTERN).collect();
    often.sort_by_key(|(check, n)| (std::cmp::Reverse(*n), *check));
    if !often.is_empty() {
        let names: Vec<String> = often.iter().map(|(check, n)| format!("{check} ({n})")).collect();
        let names = named(names.iter().map(String::as_str));
        told.push(format!("Look for the cause of what comes back: {names}."));
    }
    told
}

fn rules(site: &Site<'_>) -> Vec<String> {
    let (least, tried) = RULE;
    let poor = site.whole.figures.rules.iter().filter(|rule| rule.tried >= tried && rule.percent < least);
    let poor =
        poor.map(|r| format!("Rule {} resolved {} of {} incidents: mend its runbook.", r.rule, r.resolved, r.tried));
    poor.collect()
}

fn exceptions(site: &Site<'_>) -> Vec<String> {
    let end = site.period().to;
    let near = site.whole.exceptions.iter().filter(|e| e.in_force && e.exception.expires.millis_since(end) < NEAR);
    let near = near.map(|e| {
        format!("Exception {} ends at {}: repair what it lifts, or approve it anew.", e.id, when(e.exception.expires))
    });
    near.collect()
}

fn appliances(site: &Site<'_>) -> Vec<String> {
    let mut told = Vec::new();
    for finding in &site.whole.appliances {
        match (&finding.not_assessable, &finding.release) {
            (Some(why), Some(_)) => told.push(format!(
                "Have {} judged: gather the document of its policy, or use a version of writ that knows its schema ({why}).",
                finding.appliance
            )),
            (Some(why), None) => told.push(format!("Do not take this packet's word on {}: {why}.", finding.appliance)),
            (None, _) => {}
        }
        if finding.bundles == 0 {
            told.push(format!("Nothing was heard of {} in the period: see whether it runs.", finding.appliance));
        } else if let (Some(release), Some(newest)) = (&finding.release, &finding.newest_release)
            && release != newest
        {
            let obeys = if finding.obeyed { "obeys" } else { "was given" };
            told.push(format!("{} {obeys} release {release}, and the newest is {newest}.", finding.appliance));
        }
    }
    told
}
