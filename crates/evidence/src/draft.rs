//! What is to be said, before it has a place in the chain.

use std::collections::BTreeMap;

use writ_policy::observation::{Observation, Value};
use writ_trust::ids::{ApplianceId, SiteId};

use crate::bundle::{Clock, Kind, ReleaseRef, Vantage};
use crate::incident::{
    Action, Affected, Artifacts, Change, Drift, Execution, Incident, Outputs, RunbookRef, Verification,
};
use crate::posture::Posture;
use crate::records::{
    Attestation, ClockStep, LogExtract, OrderRecord, Pause, PlanRecord, Refused, RestoreTest, Started, Switch, Thinned,
    Transcript,
};
use crate::scrub::scrub;
use crate::validate::{MAX_ITEMS, MAX_NAME, MAX_TEXT};

/// A bundle without number, time, key and chain: [`seal`](crate::chain::seal) adds those. The fields are those of
/// [`Bundle`](crate::Bundle).
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each field is documented in `Bundle`")]
pub struct Draft {
    pub kind: Kind,
    pub client_id: SiteId,
    pub appliance: ApplianceId,
    pub target: String,
    pub vantage: Vantage,
    pub release: Option<ReleaseRef>,
    pub last_checkpoint: Option<String>,
    pub clock: Clock,
    pub change: Option<Change>,
    pub incident: Option<Incident>,
    pub affected: Affected,
    pub drift: Option<Drift>,
    pub runbook: Option<RunbookRef>,
    pub execution: Option<Execution>,
    pub actions_taken: Vec<Action>,
    pub verification: Vec<Verification>,
    pub artifacts: Artifacts,
    pub outputs: Option<Outputs>,
    pub posture: Option<Posture>,
    pub switch: Option<Switch>,
    pub pause: Option<Pause>,
    pub started: Option<Started>,
    pub refused: Option<Refused>,
    pub thinned: Option<Thinned>,
    pub order: Option<OrderRecord>,
    pub restore_test: Option<RestoreTest>,
    pub clock_step: Option<ClockStep>,
    pub logs: Option<LogExtract>,
    pub plan: Option<PlanRecord>,
    pub attestation: Option<Attestation>,
}

impl Draft {
    /// An empty draft of a kind, about the appliance itself.
    pub fn new(kind: Kind, site: &SiteId, appliance: &ApplianceId) -> Self {
        Self {
            kind,
            client_id: site.clone(),
            appliance: appliance.clone(),
            target: "self".to_owned(),
            vantage: Vantage::Host,
            release: None,
            last_checkpoint: None,
            clock: Clock::default(),
            change: None,
            incident: None,
            affected: Affected::default(),
            drift: None,
            runbook: None,
            execution: None,
            actions_taken: Vec::new(),
            verification: Vec::new(),
            artifacts: Artifacts::default(),
            outputs: None,
            posture: None,
            switch: None,
            pause: None,
            started: None,
            refused: None,
            thinned: None,
            order: None,
            restore_test: None,
            clock_step: None,
            logs: None,
            plan: None,
            attestation: None,
        }
    }

    /// Scrubs every free text and cuts what is longer than a bundle may hold, so that neither a chatty program nor PHI
    /// in its output can get in. Sealing does this; doing it twice changes nothing.
    pub(crate) fn tidy(&mut self) {
        self.tidy_incident();
        for action in &mut self.actions_taken {
            text(&mut action.stdout_excerpt);
            text(&mut action.stderr_excerpt);
            action.error_message.iter_mut().for_each(text);
        }
        self.verification.iter_mut().for_each(tidy_verification);
        let Artifacts { log_excerpts, checksums: _, configurations, outputs } = &mut self.artifacts;
        texts(log_excerpts);
        configurations.values_mut().chain(outputs.values_mut()).for_each(text);
        match &mut self.posture {
            Some(Posture::Change(change)) => {
                texts(&mut change.reasons);
                observation(&mut change.observation);
            }
            Some(Posture::Vector(vector)) => vector.checks.values_mut().for_each(|e| texts(&mut e.reasons)),
            Some(Posture::Snapshot(snapshot)) => {
                for seen in snapshot.checks.values_mut() {
                    texts(&mut seen.reasons);
                    observation(&mut seen.observation);
                }
            }
            Some(Posture::Summary(summary)) => {
                for differing in summary.changed.values_mut() {
                    texts(&mut differing.runs.reasons);
                    differing.seen.iter_mut().for_each(observation);
                }
            }
            None => {}
        }
        self.tidy_records();
    }

    fn tidy_incident(&mut self) {
        if let Some(incident) = &mut self.incident {
            values(&mut incident.details);
        }
        if let Some(drift) = &mut self.drift {
            drift.before.iter_mut().chain(&mut drift.after).for_each(observation);
        }
        if let Some(execution) = &mut self.execution {
            execution.escalations.iter_mut().for_each(|e| text(&mut e.reason));
        }
    }

    fn tidy_records(&mut self) {
        if let Some(switch) = &mut self.switch {
            switch.reason.iter_mut().for_each(text);
            switch.probation.iter_mut().for_each(tidy_verification);
        }
        if let Some(started) = &mut self.started {
            texts(&mut started.recovered);
        }
        if let Some(test) = &mut self.restore_test {
            texts(&mut test.problems);
        }
        if let Some(order) = &mut self.order {
            text(&mut order.action);
            text(&mut order.result);
            order.reason.iter_mut().for_each(text);
        }
        let singles = [
            self.pause.as_mut().map(|p| &mut p.reason),
            self.refused.as_mut().map(|r| &mut r.message),
            self.thinned.as_mut().map(|t| &mut t.reason),
            self.clock_step.as_mut().map(|c| &mut c.cause),
            self.plan.as_mut().map(|p| &mut p.reason),
            self.attestation.as_mut().map(|a| &mut a.statement),
        ];
        singles.into_iter().flatten().for_each(text);
        if let Some(call) = self.plan.as_mut().and_then(|plan| plan.transcript.as_mut()) {
            let Transcript { model, prompt: _, asked, answered, outcome, .. } = call;
            [&mut *model, asked, answered, &mut *outcome].into_iter().for_each(text);
            [model, outcome].into_iter().for_each(name);
        }
    }
}

fn tidy_verification(verification: &mut Verification) {
    texts(&mut verification.reasons);
}

/// Scrubs, then cuts, so that the cut cannot hide the label by which something is recognised.
fn text(text: &mut String) {
    let scrubbed = scrub(text);
    if scrubbed.len() > MAX_TEXT {
        *text = cut(&scrubbed, MAX_TEXT);
    } else if scrubbed != *text {
        *text = scrubbed.into_owned();
    }
}

/// Cuts what is bounded as a name: scrubbed, it may be longer than it was when it was judged.
fn name(name: &mut String) {
    if name.len() > MAX_NAME {
        *name = cut(name, MAX_NAME);
    }
}

fn cut(text: &str, most: usize) -> String {
    const MARK: &str = "[cut]";
    let mut end = most - MARK.len();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{MARK}", &text[..end])
}

fn texts(list: &mut Vec<String>) {
    list.iter_mut().for_each(text);
    if list.len() > MAX_ITEMS {
        list.truncate(MAX_ITEMS - 1);
        list.push("[cut]".to_owned());
    }
}

fn values(map: &mut BTreeMap<String, Value>) {
    for value in map.values_mut() {
        match value {
            Value::Text(s) => text(s),
            Value::List(items) => texts(items),
            Value::Bool(_) | Value::Int(_) => {}
        }
    }
}

/// Bounds an observation. Its text fields were scrubbed by class when it was converted for evidence.
fn observation(observation: &mut Observation) {
    let long = |value: &Value| match value {
        Value::Text(s) => s.len() > MAX_TEXT,
        Value::List(items) => items.len() > MAX_ITEMS || items.iter().any(|s| s.len() > MAX_TEXT),
        Value::Bool(_) | Value::Int(_) => false,
    };
    if observation.iter().all(|(_, value)| !long(value)) {
        return;
    }
    let shorten = |s: &String| if s.len() > MAX_TEXT { cut(s, MAX_TEXT) } else { s.clone() };
    let mut out = Observation::new();
    for (name, value) in observation.iter() {
        let value = match value {
            Value::Text(s) => Value::Text(shorten(s)),
            Value::List(items) if items.len() > MAX_ITEMS => {
                let kept = items.iter().take(MAX_ITEMS - 1).map(shorten);
                Value::List(kept.chain(["[cut]".to_owned()]).collect())
            }
            Value::List(items) => Value::List(items.iter().map(shorten).collect()),
            Value::Bool(_) | Value::Int(_) => value.clone(),
        };
        out.set(name, value);
    }
    *observation = out;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever tells of a call has no key: its texts are scrubbed whatever it says of them, and a bundle stays small.
    #[test]
    fn every_text_of_a_transcript_is_cut_and_scrubbed() {
        let (site, appliance) = ("clinic-001".parse().unwrap(), "front-desk".parse().unwrap());
        let mut draft = Draft::new(Kind::Plan, &site, &appliance);
        let long = format!("SSN 219-09-9999 {}", "word ".repeat(MAX_TEXT));
        draft.plan = Some(PlanRecord {
            incident_id: "INC-20261123-0007".parse().unwrap(),
            planner: "p/1".into(),
            runbooks: Vec::new(),
            allowed: false,
            reason: "SSN 219-09-9999".into(),
            transcript: Some(Transcript {
                model: format!("SSN 219-09-9999 {}", "a@b.co,".repeat(18)),
                prompt: writ_trust::digest::Digest::of(b""),
                asked: long.clone(),
                answered: long,
                outcome: "timeout,".repeat(MAX_NAME),
                input_tokens: None,
                output_tokens: None,
                cost_microdollars: 0,
                took_ms: 0,
            }),
        });
        draft.tidy();
        let plan = draft.plan.unwrap();
        let call = plan.transcript.unwrap();
        for text in [&call.asked, &call.answered] {
            assert!(text.len() <= MAX_TEXT && text.ends_with("[cut]"));
        }
        for name in [&call.model, &call.outcome] {
            assert!(name.len() <= MAX_NAME && name.ends_with("[cut]"), "no bundle holds it: {name}");
        }
        for text in [&plan.reason, &call.model, &call.asked, &call.answered] {
            assert!(!text.contains("219-09-9999"), "{text}");
        }
    }

    /// An order that names many checks is told all the same.
    #[test]
    fn every_text_of_an_order_is_cut_and_scrubbed() {
        let (site, appliance) = ("clinic-001".parse().unwrap(), "front-desk".parse().unwrap());
        let mut draft = Draft::new(Kind::Order, &site, &appliance);
        let long = format!("SSN 219-09-9999 {}", "word ".repeat(MAX_TEXT));
        draft.order = Some(OrderRecord {
            digest: writ_trust::digest::Digest::of(b""),
            action: long.clone(),
            carried_out: false,
            result: long.clone(),
            phase: None,
            id: None,
            reason: Some(long),
            signers: Vec::new(),
        });
        draft.tidy();
        let order = draft.order.unwrap();
        for text in [order.action, order.result, order.reason.unwrap()] {
            assert!(text.len() <= MAX_TEXT && text.ends_with("[cut]") && !text.contains("219-09-9999"));
        }
    }
}
