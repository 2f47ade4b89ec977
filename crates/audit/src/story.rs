//! A bundle told in plain words.

use writ_evidence::Bundle;
use writ_evidence::incident::{
    Action, ActionResult, Artifacts, Escalation, Execution, Incident, ResolutionStatus, ResolutionType, Tier,
    Verification,
};
use writ_evidence::posture::Posture;
use writ_evidence::records::{
    GenerationRef, OrderPhase, Pause, PauseMeans, PausePhase, PlanRecord, StartReason, Started, Switch, SwitchOutcome,
    Transcript,
};
use writ_policy::declared::Severity;
use writ_policy::observation::{Observation, Value};
use writ_trust::time::Time;
use writ_wire::plan::was_asked;

use crate::words::{dollars, lasting, lasting_millis, of, when};

/// What a bundle tells, sentence by sentence.
pub fn tell(bundle: &Bundle) -> Vec<String> {
    if let Some(incident) = &bundle.incident {
        return match &bundle.execution {
            None => opened(bundle, incident),
            Some(execution) => closed(bundle, incident, execution),
        };
    }
    let told = [
        bundle.posture.as_ref().map(posture),
        bundle.switch.as_ref().map(switch),
        bundle.pause.as_ref().map(pause),
        bundle.started.as_ref().map(started),
    ];
    told.into_iter().flatten().next().unwrap_or_else(|| record(bundle))
}

/// That a check began to fail: when, which one, on which machine, how bad it is.
pub fn failed(at: Time, check: &str, host: &str, severity: Severity) -> String {
    format!("At {} the check {check} failed on {host} (severity {severity}).", when(at))
}

/// Why a check failed.
pub fn why(reasons: &[String]) -> String {
    format!("Why: {}.", reasons.join("; "))
}

fn opened(bundle: &Bundle, incident: &Incident) -> Vec<String> {
    let mut told = vec![failed(incident.detected_at, &incident.check, &incident.hostname, incident.severity)];
    if let Some(Value::List(reasons)) = incident.details.get("reasons") {
        told.push(why(reasons));
    } else if let Some(before) = bundle.drift.as_ref().and_then(|d| d.before.as_ref()) {
        told.push(format!("Seen: {}.", values(before)));
    }
    for (name, value) in incident.details.iter().filter(|(name, _)| *name != "reasons") {
        told.push(format!("{name}: {}.", plain(value)));
    }
    told
}

/// What ended an incident, for those who have just read what began it.
pub fn tell_end(bundle: &Bundle) -> Vec<String> {
    tell(bundle).into_iter().skip(1).collect()
}

fn closed(bundle: &Bundle, incident: &Incident, execution: &Execution) -> Vec<String> {
    let mut told = vec![format!(
        "The check {} had failed on {} at {} (severity {}).",
        incident.check,
        incident.hostname,
        when(incident.detected_at),
        incident.severity
    )];
    told.extend(execution.escalations.iter().map(went_up));
    if let Some(runbook) = &bundle.runbook {
        let by = match (&execution.rule, incident.details.get("planner")) {
            (Some(rule), _) => format!("Rule {rule} ran "),
            (None, Some(planner)) => format!("A plan of {} ran ", plain(planner)),
            (None, None) => "Ran ".to_owned(),
        };
        let times = match execution.attempts {
            0 | 1 => String::new(),
            n => format!(", in {n} attempts"),
        };
        told.push(format!("{by}runbook {} version {}{times}.", runbook.runbook_id, runbook.runbook_version));
    }
    told.extend(planned(incident));
    told.extend(bundle.actions_taken.iter().map(action));
    if bundle.actions_taken.is_empty() {
        told.push("The appliance ran nothing for it.".to_owned());
    }
    told.extend(bundle.verification.iter().map(verified));
    let end = match bundle.outputs.map(|o| o.resolution_status) {
        Some(ResolutionStatus::Success) => "resolved",
        Some(ResolutionStatus::Partial) => "resolved in part",
        _ => "closed without success",
    };
    let by = match (execution.resolution_type, execution.tier) {
        (ResolutionType::Auto, Some(tier)) => format!("by the appliance ({})", tier.as_str()),
        (ResolutionType::Auto, None) => "by itself".to_owned(),
        (ResolutionType::Manual, _) => "by people, or by something that is not the appliance".to_owned(),
        (ResolutionType::Partial, tier) => {
            format!(
                "by the appliance and people{}",
                tier.map(|t: Tier| format!(" ({})", t.as_str())).unwrap_or_default()
            )
        }
    };
    let sla = if execution.sla_met { "within" } else { "beyond" };
    told.push(format!(
        "Incident {} was {end} {by} at {}, {} after it was detected, {sla} the {} that the site allows itself.",
        incident.incident_id,
        when(execution.timestamp_end),
        lasting_millis(took_millis(incident, execution)),
        lasting(execution.sla_target_seconds)
    ));
    told
}

/// What the runbooks of plans came to, in order, and what asking a language model for them cost.
fn planned(incident: &Incident) -> Vec<String> {
    let mut told = Vec::new();
    if let Some(Value::List(came_to)) = incident.details.get("planned") {
        told.push(format!("Of what was planned, {}.", came_to.join(", ")));
    }
    if let (Some(Value::Int(calls)), Some(Value::Int(cost))) =
        (incident.details.get("model_calls"), incident.details.get("model_microdollars"))
    {
        let cost = dollars(u64::try_from(*cost).unwrap_or(0));
        told.push(format!("A language model was asked {} for it, for {cost}.", times(*calls)));
    }
    told
}

fn times(count: i64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

/// Milliseconds from detection to the end; 0 when the clock went back in between.
pub fn took_millis(incident: &Incident, execution: &Execution) -> u64 {
    u64::try_from(execution.timestamp_end.millis_since(incident.detected_at)).unwrap_or(0)
}

/// That an incident went up a tier.
pub fn went_up(up: &Escalation) -> String {
    let told_to = if up.notified.is_empty() {
        "nobody could be told".to_owned()
    } else {
        format!("told to {}", up.notified.join(", "))
    };
    if up.to == Tier::L2 {
        return format!("At {} a planner was asked (L2): {}.", when(up.at), up.reason);
    }
    format!("At {} it went up to {}: {}; {told_to}.", when(up.at), up.to.as_str(), up.reason)
}

/// A step of a runbook that was run.
pub fn action(action: &Action) -> String {
    let what = match action.result {
        ActionResult::Ok => format!("done in {} ms", action.duration_ms),
        ActionResult::Failed => "failed".to_owned(),
        ActionResult::Skipped => "not run".to_owned(),
    };
    let code = action.exit_code.filter(|c| *c != 0).map(|c| format!(", exit code {c}")).unwrap_or_default();
    let why = action.error_message.as_ref().map(|m| format!(": {m}")).unwrap_or_default();
    let undo = if action.undo { " (undoing)" } else { "" };
    format!("Step {}{undo}, {}: {what}{code}{why}.", action.step, action.action)
}

fn verified(v: &Verification) -> String {
    let why = if v.reasons.is_empty() { String::new() } else { format!(" ({})", v.reasons.join("; ")) };
    format!("Looked again at {}: {} {}{why}.", when(v.at), v.check, outcome(v.outcome))
}

fn outcome(outcome: writ_policy::outcome::Outcome) -> &'static str {
    use writ_policy::outcome::Outcome;
    match outcome {
        Outcome::Pass => "passes",
        Outcome::Warn => "holds, but not as preferred",
        Outcome::Fail => "fails",
        Outcome::NotApplicable => "does not apply",
        Outcome::NotAssessable => "cannot be decided",
    }
}

fn posture(posture: &Posture) -> Vec<String> {
    match posture {
        Posture::Change(change) => {
            let before = change.from.map(|o| format!(", before it {}", outcome(o))).unwrap_or_default();
            let why =
                if change.reasons.is_empty() { String::new() } else { format!(" ({})", change.reasons.join("; ")) };
            let mut told =
                vec![format!("At {} the check {} {}{why}{before}.", when(change.at), change.check, outcome(change.to))];
            if change.observation.iter().next().is_some() {
                told.push(format!("Seen: {}.", values(&change.observation)));
            }
            told
        }
        Posture::Vector(vector) => {
            let runs: u64 = vector.checks.values().map(|e| e.runs).sum();
            let not = vector.checks.iter().filter(|(_, e)| !e.outcome.holds());
            let not: Vec<String> = not.map(|(id, e)| format!("{id} {}", outcome(e.outcome))).collect();
            let rest = if not.is_empty() { "all hold".to_owned() } else { format!("not all hold: {}", not.join(", ")) };
            vec![format!(
                "From {} to {} {} checks ran {runs} times; {rest}.",
                when(vector.from),
                when(vector.to),
                vector.checks.len()
            )]
        }
        Posture::Summary(summary) => {
            let (steady, changed) = (summary.steady.runs.len(), summary.changed.len());
            let runs: u64 = summary.steady.runs.iter().chain(summary.changed.values().map(|c| &c.runs.runs)).sum();
            let all = steady + changed;
            let mut told = vec![format!(
                "From {} to {} {all} checks ran {runs} times; {steady} of them as bundle {} and those before it told.",
                when(summary.from),
                when(summary.to),
                summary.after.sequence
            )];
            for (id, differing) in &summary.changed {
                let seen = differing.seen.as_ref().map(|seen| format!("; {}", values(seen))).unwrap_or_default();
                told.push(format!("{id} {}{seen}.", outcome(differing.runs.outcome)));
            }
            told
        }
        Posture::Snapshot(snapshot) => {
            let mut told = vec![format!("What {} checks last saw:", snapshot.checks.len())];
            for (id, seen) in &snapshot.checks {
                let at = seen.at.map_or_else(
                    || "has not run yet".to_owned(),
                    |at| format!("{} at {}", outcome(seen.outcome), when(at)),
                );
                told.push(format!("{id} {at}; {}.", values(&seen.observation)));
            }
            told
        }
    }
}

fn generation(generation: &GenerationRef) -> String {
    format!("{}-{}", generation.epoch, generation.serial)
}

fn switch(switch: &Switch) -> Vec<String> {
    let to = generation(&switch.to);
    let from = switch.from.as_ref().map(generation);
    let origin = from.as_ref().map(|f| format!(" from release {f}")).unwrap_or_default();
    let back = from.as_deref().unwrap_or("what ran before");
    let why = switch.reason.as_ref().map(|r| format!(": {r}")).unwrap_or_default();
    let what = match switch.outcome {
        SwitchOutcome::Committed => format!("Switched{origin} to release {to} and kept it."),
        SwitchOutcome::AdoptedWithoutClosure => {
            format!("Adopted the policy of release {to}{origin}; it brings no system.")
        }
        SwitchOutcome::RolledBack => format!("Tried release {to}{origin} and went back to {back}{why}."),
        SwitchOutcome::RollbackFailed => format!("Tried release {to}{origin}, and going back to {back} FAILED{why}."),
        SwitchOutcome::SetAside => {
            format!("Set release {to} aside after {} attempts; {back} goes on{why}.", switch.attempts)
        }
    };
    let states: Vec<String> = switch.states.iter().map(|s| format!("{} {}", s.state.as_str(), when(s.at))).collect();
    let mut told = vec![what];
    if !states.is_empty() {
        told.push(format!("Its journal: {}.", states.join(", ")));
    }
    told.extend(switch.probation.iter().filter(|v| !v.outcome.holds()).map(verified));
    told
}

fn pause(pause: &Pause) -> Vec<String> {
    let checks = if pause.checks.is_empty() { "every check".to_owned() } else { pause.checks.join(", ") };
    let means = match pause.means {
        PauseMeans::Order => format!("by signed order {}", pause.reference),
        PauseMeans::BreakGlass => format!("by break-glass code {}", pause.reference),
    };
    vec![match pause.phase {
        PausePhase::Begun => format!(
            "Healing of {checks} was suspended {means} ({}) from {} until {}: {}.",
            pause.by,
            when(pause.from),
            when(pause.until),
            pause.reason
        ),
        PausePhase::Expired => {
            format!("The pause of {checks}, begun {}, ended by itself at {}.", when(pause.from), when(pause.until))
        }
        PausePhase::Ended => {
            format!("The pause of {checks}, begun {}, was ended by {} before its time.", when(pause.from), pause.by)
        }
    }]
}

fn started(started: &Started) -> Vec<String> {
    let why = match started.why {
        StartReason::FirstStart => "for the first time with this key",
        StartReason::Boot => "because the machine booted",
        StartReason::Restart => "again",
        StartReason::Once => "for one scan",
        StartReason::Recovery => "after it was killed or the power was cut",
    };
    let enforcing = started.enforcing.map_or_else(
        || "it had no accepted release yet".to_owned(),
        |r| format!("enforcing release {}-{}", r.epoch, r.serial),
    );
    let mut told = vec![format!("The enforcer (version {}) started {why}, {enforcing}.", started.agent_version)];
    if started.reimaged {
        told.push("The machine had been installed anew.".to_owned());
    }
    if let Some(end) = &started.previous_chain {
        told.push(format!(
            "It continues for key {}, which ended with bundle {}.",
            end.public_key.key_id(),
            end.sequence
        ));
    }
    told.extend(started.recovered.iter().map(|line| format!("Found unfinished: {line}.")));
    told
}

/// The kinds that one or two sentences tell.
fn record(bundle: &Bundle) -> Vec<String> {
    if let Some(r) = &bundle.refused {
        let times = if r.count > 1 { format!(", {} times until now", r.count) } else { String::new() };
        return vec![
            format!("Refused a {} by rule {}{times}: {}.", r.what, r.rule, r.message),
            "What ran, ran on.".to_owned(),
        ];
    }
    if let Some(t) = &bundle.thinned {
        let ranges: Vec<String> = t.ranges.iter().map(|r| format!("{} to {}", r.first, r.last)).collect();
        return vec![format!("Removed bundles {} ({}).", ranges.join(", "), t.reason)];
    }
    if let Some(o) = &bundle.order {
        let named = o.id.as_ref().map_or_else(|| o.digest.to_string(), ToString::to_string);
        let done = match (o.phase, o.carried_out) {
            (Some(OrderPhase::Acknowledged), _) => "Took",
            (_, true) => "Carried out",
            (_, false) => "Declined",
        };
        let why = o.reason.iter().map(|reason| format!("It was made because: {reason}."));
        let mut told: Vec<String> =
            std::iter::once(format!("{done} order {named} ({}): {}.", o.action, o.result)).chain(why).collect();
        told.extend(bundle.actions_taken.iter().map(action));
        told.extend(bundle.verification.iter().map(verified));
        return told;
    }
    if let Some(t) = &bundle.restore_test {
        let end = if t.succeeded { "can be relied on" } else { "FAILED" };
        return vec![format!(
            "Restored a backup from {} to {}: {} files compared, {} wrong; it {end}.",
            when(t.started_at),
            when(t.ended_at),
            t.files_compared,
            t.files_wrong
        )];
    }
    if let Some(c) = &bundle.clock_step {
        return vec![format!("The clock went from {} to {} ({}).", when(c.before), when(c.after), c.cause)];
    }
    if let Some(l) = &bundle.logs {
        return vec![format!(
            "{} lines of logs of {} from {} to {}; the chain of its batches ends with {}.",
            l.lines,
            l.source,
            when(l.from),
            when(l.to),
            l.digest
        )];
    }
    if let Some(p) = &bundle.plan {
        let call = p.transcript.as_ref().map(call);
        return plan(p, &bundle.artifacts).into_iter().chain(call).collect();
    }
    if let Some(a) = &bundle.attestation {
        return vec![format!(
            "{} states for {} from {} until {}: {}.",
            a.by,
            a.control,
            when(a.from),
            when(a.until),
            a.statement
        )];
    }
    Vec::new()
}

/// What came of asking a planner, or that people have it.
fn plan(plan: &PlanRecord, artifacts: &Artifacts) -> Vec<String> {
    let PlanRecord { incident_id, planner, runbooks, allowed, reason, .. } = plan;
    let said = |name: &str| artifacts.outputs.get(name).map(String::as_str);
    if planner == "none" && runbooks.is_empty() {
        return vec![format!("Incident {incident_id} went to people: {reason}.")];
    }
    let chosen = runbooks.join(", ");
    match (said("result"), said("rule")) {
        (Some(_), _) => vec![format!("What {planner} chose for {incident_id} was run: {reason}.")],
        (None, Some(rule)) if runbooks.is_empty() => {
            vec![format!(
                "A planner was asked about {incident_id}, and what came counts as a failed plan, by rule {rule}: {reason}."
            )]
        }
        (None, Some(rule)) => {
            vec![format!("{planner} chose {chosen} for {incident_id}, which was refused by rule {rule}: {reason}.")]
        }
        (None, None) if *allowed => {
            vec![format!("{planner} chose {chosen} for {incident_id}, as the policy allows: {reason}.")]
        }
        (None, None) => vec![format!("{planner} planned {chosen} for {incident_id}: refused ({reason}).")],
    }
}

/// What a language model was asked, what it cost and how it came out; not the texts themselves.
fn call(call: &Transcript) -> String {
    if !was_asked(&call.outcome) {
        return format!("The model {} was not asked ({}). Nobody vouches for that.", call.model, call.outcome);
    }
    let tokens =
        |count: Option<u64>| count.map_or_else(|| "an unknown number of tokens".to_owned(), |count| of(count, "token"));
    format!(
        "The model {} was asked ({}): {} of question, {} of answer, {}, {} ms; the prompt is {}. Nobody vouches for that.",
        call.model,
        call.outcome,
        tokens(call.input_tokens),
        tokens(call.output_tokens),
        dollars(call.cost_microdollars),
        call.took_ms,
        call.prompt
    )
}

/// A value without quotes.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Bool(b) => if *b { "yes" } else { "no" }.to_owned(),
        Value::Int(n) => n.to_string(),
        Value::Text(s) => s.clone(),
        Value::List(items) if items.is_empty() => "none".to_owned(),
        Value::List(items) => items.join(", "),
    }
}

/// An observation as `field value` pairs.
pub fn values(observation: &Observation) -> String {
    let all: Vec<String> = observation.iter().map(|(name, value)| format!("{name} {}", plain(value))).collect();
    if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
}
