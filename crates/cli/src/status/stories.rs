//! Incidents told from their bundles: the open ones from the state and the bundle that opened each, the last closed ones from
//! the newest bundles on this machine.
//!
//! After weeks without a depot the outbox holds tens of thousands of bundles: only names are listed, and only the newest
//! files are read, up to bounds. A bundle that this appliance did not sign tells nothing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs;

use writ_agent::enforce::hostile;
use writ_agent::enforce::incident::{Account, By, Incident, Open, Phase, Ran};
use writ_agent::enforce::state::{Pending, State};
use writ_audit::{story, words};
use writ_evidence::bundle::MAX_BUNDLE;
use writ_evidence::chain::{Speaker, authenticate, file_name, parse_file_name};
use writ_evidence::incident::ResolutionStatus;
use writ_evidence::{Bundle, BundleId, Kind};
use writ_policy::policy::Policy;
use writ_trust::json::MAX_SIGNATURE;
use writ_trust::text::escaped;

use super::report::{Cause, Incidents, Standing, Story};
use crate::doctor::appliance::{Appliance, times};

/// How many closed incidents are told.
const MOST_CLOSED: usize = 10;
/// How many open incidents are told, the newest first; the others are causes and failing checks.
const MOST_OPEN: usize = 200;
/// How many names of the outbox are looked at.
const MOST_NAMES: usize = 400_000;
/// How many bundles are read in search of closed incidents, and how many bytes of them: a vector of posture has 60 KB, and
/// there is one each hour.
const MOST_FILES: usize = 500;
const MOST_BYTES: usize = 16 << 20;
/// What only the closing bundle of an incident has, in its canonical form.
const CLOSING: &[u8] = br#""kind":"incident-closed""#;
/// The most sentences of a story, and the most characters of each.
const MOST_SENTENCES: usize = 60;
const MOST_CHARACTERS: usize = 1_000;

/// All that is told.
pub fn told(seen: &Appliance, causes: &[Cause]) -> Incidents {
    let Some(state) = &seen.enforcer.state else {
        return Incidents { open: Vec::new(), closed: Vec::new(), left_out: None };
    };
    let shelf = Shelf { seen, state };
    let mut all: Vec<&Incident> = state.incidents.values().collect();
    all.sort_by_key(|incident| Reverse((incident.detected_at, incident.id)));
    let open = all.iter().take(MOST_OPEN).map(|incident| shelf.open(incident, causes)).collect();
    let untold = all.len().saturating_sub(MOST_OPEN);
    let (closed, older) = shelf.closed();
    let open_left = (untold > 0).then(|| format!("{} more are open", words::of(untold as u64, "incident")));
    let left_out: Vec<String> = open_left.into_iter().chain(older).collect();
    Incidents { open, closed, left_out: (!left_out.is_empty()).then(|| left_out.join("; ")) }
}

/// The bundles on this machine.
struct Shelf<'a> {
    seen: &'a Appliance,
    state: &'a State,
}

impl Shelf<'_> {
    fn open(&self, incident: &Incident, causes: &[Cause]) -> Story {
        let bundle = incident.opened_by.and_then(|id| self.authentic(&file_name(id.number, id), self.read(id)?));
        let mut told = match &bundle {
            Some(bundle) => story::tell(bundle),
            // It was delivered and has left the outbox; the state says the same with fewer words.
            None => {
                let host = self.seen.config.appliance.to_string();
                let host = if incident.target == "self" { &host } else { &incident.target };
                let first = story::failed(incident.detected_at, &incident.check, host, incident.severity);
                vec![first, story::why(&incident.reasons)]
            }
        };
        told.extend(incident.escalations.iter().map(story::went_up));
        told.extend(incident.actions.iter().map(story::action));
        told.extend(incident.plan.iter().flat_map(|plan| &plan.accounts).map(planned));
        let policy = self.seen.enforcer.policy();
        let (standing, now) = stands(incident, policy, self.seen);
        told.push(now);
        let cause = causes.iter().find(|cause| cause.subject == escaped(&incident.check));
        let sla = policy.and_then(|policy| policy.settings.sla.get(&incident.severity));
        Story {
            incident_id: incident.id,
            check: escaped(&incident.check),
            severity: incident.severity,
            detected_at: incident.detected_at,
            closed_at: None,
            standing,
            attempts: incident.attempts,
            due_at: sla.map(|span| incident.detected_at.plus(span)),
            told: tidy(told),
            next: cause.map(|cause| cause.next.clone()),
        }
    }

    /// The last ones that were closed, and what was not looked at.
    fn closed(&self) -> (Vec<Story>, Option<String>) {
        let (mut stories, mut bytes, mut strangers) = (Vec::new(), 0, 0_u64);
        let tail = self.state.tail.iter().rev().filter_map(|pending| parse_file_name(&pending.name));
        let (mut names, mut more, all) = self.newest();
        names.extend(tail);
        names.sort_unstable_by_key(|(sequence, id)| Reverse((*sequence, *id)));
        names.dedup();
        for (at, (sequence, id)) in names.iter().enumerate() {
            if stories.len() >= MOST_CLOSED || bytes >= MOST_BYTES {
                more += names.len() - at;
                break;
            }
            let Some(content) = self.read(*id) else { continue };
            bytes += content.0.len();
            if !content.0.windows(CLOSING.len()).any(|part| part == CLOSING) {
                continue;
            }
            match self.authentic(&file_name(*sequence, *id), content) {
                Some(bundle) => stories.extend(of_closing(&bundle)),
                None => strangers += 1,
            }
        }
        let older =
            (more > 0).then(|| format!("{} on this machine left unread", words::of(more as u64, "older bundle")));
        let foreign = (strangers > 0).then(|| {
            format!("{} in the outbox not signed by this appliance, so not told", words::of(strangers, "bundle"))
        });
        let unlisted =
            (!all).then(|| format!("files of the outbox beyond the first {MOST_NAMES}, newer ones among them maybe"));
        let left_out: Vec<String> = older.into_iter().chain(foreign).chain(unlisted).collect();
        (stories, (!left_out.is_empty()).then(|| left_out.join("; ")))
    }

    /// The newest bundles in the outbox, how many there are beside them, and whether those are all.
    fn newest(&self) -> (Vec<(u64, BundleId)>, usize, bool) {
        let Ok(entries) = fs::read_dir(&self.seen.config.outbox_dir) else { return (Vec::new(), 0, true) };
        let names = entries.map(|entry| entry.ok().and_then(|entry| entry.file_name().into_string().ok()));
        newest_of(names, MOST_NAMES)
    }

    /// A bundle and its signature, from the state where it waits for the disk, or from the outbox.
    fn read(&self, id: BundleId) -> Option<(Vec<u8>, Vec<u8>)> {
        let name = file_name(id.number, id);
        let waiting = |pending: &&Pending| pending.name == name;
        if let Some(pending) = self.state.tail.iter().find(waiting) {
            return Some((pending.bundle.clone().into_bytes(), pending.signature.clone().into_bytes()));
        }
        let folder = &self.seen.config.outbox_dir;
        let bytes = hostile::read(&folder.join(&name), MAX_BUNDLE).ok()?;
        let signature = hostile::read(&folder.join(format!("{name}.minisig")), MAX_SIGNATURE).unwrap_or_default();
        Some((bytes, signature))
    }

    fn authentic(&self, name: &str, (bytes, signature): (Vec<u8>, Vec<u8>)) -> Option<Bundle> {
        let public_key = self.state.public_key.as_ref()?;
        let speaker = Speaker { site: &self.seen.config.site, appliance: &self.seen.config.appliance, public_key };
        let bundle = authenticate(&bytes, &signature, &speaker).ok()?.bundle;
        (file_name(bundle.chain.sequence, bundle.bundle_id) == name).then_some(bundle)
    }
}

/// The newest bundles by their names, how many there are beside them, and whether no more names were left.
fn newest_of(
    mut names: impl Iterator<Item = Option<String>>,
    most_names: usize,
) -> (Vec<(u64, BundleId)>, usize, bool) {
    let mut newest = BinaryHeap::new();
    let mut beside = 0;
    for name in names.by_ref().take(most_names) {
        let Some((sequence, id)) = name.as_deref().and_then(parse_file_name) else { continue };
        newest.push(Reverse((sequence, id)));
        if newest.len() > MOST_FILES {
            newest.pop();
            beside += 1;
        }
    }
    (newest.into_iter().map(|Reverse(one)| one).collect(), beside, names.next().is_none())
}

/// How an open incident stands, and the sentence that says so.
fn stands(incident: &Incident, policy: Option<&Policy>, seen: &Appliance) -> (Standing, String) {
    let tried = match incident.attempts {
        0 => String::new(),
        n => format!(" It was tried {}.", times(n)),
    };
    match &incident.phase {
        Phase::Attempting { rule, since } => {
            let since = words::when(*since);
            let told = match By::of(rule) {
                By::Plan(runbook) => {
                    let which = which_of_plan(incident);
                    format!("Runbook {runbook}, which a planner chose{which}, works on it since {since}.")
                }
                By::Rule(rule) => {
                    let by = policy.and_then(|policy| policy.rules.get(&rule)?.run.as_deref());
                    let by = by.map_or_else(String::new, |runbook| format!(" by runbook {runbook}"));
                    format!("Rule {rule} works on it{by} since {since}.")
                }
            };
            (Standing::BeingHealed, told)
        }
        Phase::Waiting(Some(until)) if *until > seen.now => {
            (Standing::Waiting, format!("It waits until {} and is tried then.{tried}", words::when(*until)))
        }
        Phase::Waiting(_) if asked(incident).is_some() => {
            (Standing::Waiting, format!("A planner is asked to choose a runbook, and its answer is waited for.{tried}"))
        }
        Phase::Waiting(_) => (Standing::Waiting, format!("It is worked on with its next run.{tried}")),
        Phase::Escalated => {
            (Standing::WithPeople, format!("People have it; it closes by itself when the check holds.{tried}"))
        }
    }
}

/// What became of a plan.
fn planned(account: &Account) -> String {
    let planner = account.planner.as_deref().unwrap_or("a planner");
    let named = if account.runbooks.is_empty() { "nothing".to_owned() } else { account.runbooks.join(", then ") };
    format!("Plan {}: {planner} named {named}: {}.", account.number, account.word)
}

/// Which runbook of its plan it is that runs, where that has several.
fn which_of_plan(incident: &Incident) -> String {
    let chosen = incident.plan.as_ref().and_then(|plan| plan.chosen.as_ref());
    let several = chosen.filter(|chosen| !chosen.ran.is_empty() || !chosen.then.is_empty());
    several.map_or_else(String::new, |chosen| {
        let before: Vec<String> = chosen.ran.iter().map(Ran::in_words).collect();
        let before = if before.is_empty() { String::new() } else { format!("; {}", before.join(", ")) };
        format!(" as number {} of {}{before}", chosen.ran.len() + 1, chosen.runbooks().len())
    })
}

/// The request that a planner is to answer.
fn asked(incident: &Incident) -> Option<&Open> {
    incident.plan.as_ref()?.open.as_ref()
}

fn of_closing(bundle: &Bundle) -> Option<Story> {
    let (incident, execution) = (bundle.incident.as_ref()?, bundle.execution.as_ref()?);
    if bundle.kind != Kind::IncidentClosed {
        return None;
    }
    Some(Story {
        incident_id: incident.incident_id,
        check: escaped(&incident.check),
        severity: incident.severity,
        detected_at: incident.detected_at,
        closed_at: Some(execution.timestamp_end),
        standing: match bundle.outputs.map(|outputs| outputs.resolution_status) {
            Some(ResolutionStatus::Success) => Standing::Resolved,
            Some(ResolutionStatus::Partial) => Standing::ResolvedInPart,
            _ => Standing::NotResolved,
        },
        attempts: execution.attempts,
        due_at: None,
        told: tidy(story::tell(bundle)),
        next: None,
    })
}

/// Sentences that command no terminal, and not too many or too long ones.
fn tidy(told: Vec<String>) -> Vec<String> {
    let left = told.len().saturating_sub(MOST_SENTENCES);
    let cut = |sentence: &String| match sentence.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{}…", escaped(&sentence[..end])),
        None => escaped(sentence),
    };
    // The end of a story says how it came out.
    let (first, last) = told.split_at(told.len() - 1.min(told.len()));
    let mut tidy: Vec<String> = first.iter().take(MOST_SENTENCES - 1).map(cut).collect();
    if left > 0 {
        tidy.push(format!("… {} are left out here; the bundle has them.", words::of(left as u64, "sentence")));
    }
    tidy.extend(last.iter().map(cut));
    tidy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_were_not_looked_at_are_told() {
        let name = |number: u64| {
            let id = format!("EB-20261123-{number:04}").parse().unwrap();
            Some(file_name(number, id))
        };
        let of = |most| newest_of([name(1), None, Some("x".into()), name(3)].into_iter(), most);
        let (newest, beside, all) = of(4);
        assert_eq!((newest.len(), beside, all), (2, 0, true));
        let (newest, _, all) = of(3);
        assert_eq!((newest.len(), all), (1, false), "the newest is among those that were left");
    }

    #[test]
    fn stories_are_bounded_and_keep_their_end() {
        let long: Vec<String> = (0..500).map(|n| format!("{n}\u{1b}{}", "x".repeat(5000))).collect();
        let told = tidy(long);
        assert_eq!(told.len(), MOST_SENTENCES + 1);
        assert!(told[0].starts_with("0\\u{1b}") && told.last().unwrap().starts_with("499\\u{1b}"));
        assert!(told[MOST_SENTENCES - 1].contains("440 sentences"), "{}", told[MOST_SENTENCES - 1]);
        assert!(told.iter().all(|sentence| sentence.chars().count() < MOST_CHARACTERS + 20));
        assert_eq!((tidy(Vec::new()).len(), tidy(vec!["a".into()])), (0, vec!["a".to_owned()]));
    }
}
