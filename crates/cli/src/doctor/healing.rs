//! Is what fails repaired? And if it is not: why not.

use writ_agent::enforce::incident::{By, Incident, L2_SAYS, NO_PLANNER, NOT_FOR_PLANNERS, Phase, TO_PEOPLE};
use writ_agent::enforce::scan::{exception, left_to_people, matching};
use writ_agent::enforce::state::{State, incident_key};
use writ_agent::enforce::ticket::contacts;
use writ_agent::enforce::windows::runbook_waits;
use writ_agent::probes;
use writ_agent::zone::Zone;
use writ_audit::words::{of, when};
use writ_evidence::posture::Seen;
use writ_policy::check::Check;
use writ_policy::observation::Observation;
use writ_policy::outcome::Outcome;
use writ_policy::policy::Policy;
use writ_policy::rule::Rule;
use writ_trust::text::one_line;
use writ_trust::time::Time;

use super::appliance::{Appliance, times};
use super::finding::{Finding, Question};

/// The last reasons that are told in one line.
pub const MOST_REASONS: usize = 3;

fn wrong(code: &'static str, check: &str, what: impl Into<String>, next: impl Into<String>) -> Finding {
    Finding::wrong(Question::Healing, code, check, what, next)
}

fn note(code: &'static str, check: &str, what: impl Into<String>, next: impl Into<String>) -> Finding {
    Finding::note(Question::Healing, code, check, what, next)
}

/// What is known of one check.
pub struct Case<'a> {
    /// The appliance.
    pub seen: &'a Appliance,
    /// The policy that is enforced.
    pub policy: &'a Policy,
    /// What the enforcer knows.
    pub state: &'a State,
    /// Its id.
    pub id: &'a str,
    /// The check.
    pub check: &'a Check,
}

/// Every check that fails or cannot be judged, and every rule that is stopped. Checks that this version has no way to look
/// at are one finding together.
pub fn findings(seen: &Appliance) -> Vec<Finding> {
    let (Some(policy), Some(state)) = (seen.enforcer.policy(), seen.enforcer.state.as_ref()) else { return Vec::new() };
    let mut found = Vec::new();
    let (mut unobserved, mut unlooked) = (0, 0);
    for (id, check) in &policy.checks {
        let case = Case { seen, policy, state, id, check };
        if case.is_announced() {
            *(if probes::is_network(&check.probe.name) { &mut unlooked } else { &mut unobserved }) += 1;
        } else if let Some(finding) = case.trouble() {
            found.push(finding);
        }
    }
    found.extend(stopped(seen, policy, state));
    found.extend(pauses(seen, state));
    if unobserved > 0 {
        let what = format!(
            "{unobserved} of {} checks are not observed by this version: they are not passed, and nothing heals them",
            policy.checks.len()
        );
        found.push(note("not-observed", "checks", what, "a newer version looks at more; until then people do"));
    }
    if unlooked > 0 {
        let what = format!(
            "{unlooked} of {} checks are looked at over the network by writ-probe, which has not looked: they are not passed",
            policy.checks.len()
        );
        let next = "`systemctl start writ-probe`; if it runs, `journalctl -u writ-probe -n 50` says what is in its way";
        found.push(note("not-observed", "writ-probe", what, next));
    }
    found
}

/// Rules that the circuit breaker has stopped.
fn stopped(seen: &Appliance, policy: &Policy, state: &State) -> Vec<Finding> {
    let limit = &policy.settings.circuit_breaker;
    let one = |id: &String| {
        let until = state.breaker.stopped_until(id, seen.now, limit)?;
        let what = format!(
            "it answered {} or more within {} and is stopped until {}: what it repairs keeps breaking",
            of(limit.fires.into(), "incident"),
            limit.within,
            when(until)
        );
        let next =
            "find what breaks it again and again; the closing bundles of its incidents say what was seen each time";
        Some(wrong("breaker", &format!("rule {id}"), what, next))
    };
    policy.rules.keys().filter_map(one).collect()
}

/// Pauses in force, also of checks that hold.
fn pauses(seen: &Appliance, state: &State) -> Vec<Finding> {
    let in_force = state.pauses.active.iter().filter(|pause| pause.in_force(seen.now));
    let of = |pause: &writ_agent::enforce::pause::Pause| {
        let checks = if pause.checks.is_empty() { "every check".to_owned() } else { pause.checks.join(", ") };
        let what = format!("healing of {checks} is paused until {}: {}", when(pause.until), one_line(&pause.reason));
        note("pause", "pause", what, "wait: it ends by itself")
    };
    in_force.map(of).collect()
}

impl Case<'_> {
    /// Whether this version has no way to look, or `writ-probe`, which would look over the network, never did.
    pub fn is_announced(&self) -> bool {
        if !probes::is_network(&self.check.probe.name) {
            return probes::named(&self.check.probe.name).is_none();
        }
        let unlooked = |last: &Seen| last.reasons.iter().any(|reason| reason.starts_with(probes::NOT_OBSERVED));
        self.outcome() == Some(Outcome::NotAssessable) && self.last().is_none_or(unlooked)
    }

    /// The last outcome; none when it has not run yet.
    pub fn outcome(&self) -> Option<Outcome> {
        self.state.outcomes.get(self.id).copied()
    }

    /// Why the last run was as it was, in one line.
    pub fn reasons(&self) -> String {
        let reasons = self.last().map(|last| last.reasons.as_slice());
        let reasons = reasons.or(self.incident().map(|incident| incident.reasons.as_slice())).unwrap_or_default();
        let told: Vec<String> = reasons.iter().take(MOST_REASONS).map(one_line).collect();
        match (told.is_empty(), reasons.len() > MOST_REASONS) {
            (true, _) => "its reasons are not written down yet".to_owned(),
            (false, true) => format!("{}; and more", told.join("; ")),
            (false, false) => told.join("; "),
        }
    }

    /// The open incident.
    pub fn incident(&self) -> Option<&Incident> {
        self.state.incidents.get(&incident_key(self.id, &self.check.target))
    }

    /// The last run, where it is written down: the book is written now and then, and may be behind the outcome.
    pub fn last(&self) -> Option<&Seen> {
        let last = self.seen.enforcer.book.as_ref().and_then(|book| book.last(self.id));
        last.filter(|last| Some(last.outcome) == self.outcome())
    }

    /// What was last seen, in the form that evidence may hold.
    pub fn observation(&self) -> Observation {
        let of_last = self.last().map(|last| &last.observation);
        of_last.or(self.incident().map(|incident| &incident.before)).cloned().unwrap_or_default()
    }

    /// The rules that answer what was last seen, in the order in which they are tried.
    pub fn rules(&self) -> Vec<(&str, &Rule)> {
        matching(self.policy, self.id, &self.observation())
    }

    /// Why it is not healed; nothing when there is nothing to heal.
    pub fn trouble(&self) -> Option<Finding> {
        match self.outcome() {
            Some(Outcome::Fail) => Some(self.failing()),
            Some(Outcome::NotAssessable) => Some(self.unjudged()),
            None => {
                let what = "it has not run since the policy came: nobody knows whether it holds";
                let next = match self.seen.enforcer.runs {
                    true => "wait: every check runs once after a policy comes",
                    false => "start writ-enforce: every check runs once then",
                };
                Some(note("not-run-yet", self.id, what, next))
            }
            Some(Outcome::Pass | Outcome::Warn) => self.flapping(),
            Some(Outcome::NotApplicable) => None,
        }
    }

    /// It holds, and its incident stays open: it came and went too often.
    fn flapping(&self) -> Option<Finding> {
        let incident = self.incident()?;
        let flapping = incident.flapping.as_ref()?;
        let until = flapping.ends().map_or_else(|| "for a while".to_owned(), |ends| format!("until {}", when(ends)));
        let what = format!(
            "it holds now and has failed again and again; incident {} stays open until it has held {until}",
            incident.id
        );
        Some(note(
            "flapping",
            self.id,
            what,
            "find what makes it come and go: bundles of its incidents say what was seen",
        ))
    }

    /// The window for which the runbook of the first rule waits.
    fn window(&self) -> Option<(&str, String)> {
        let (id, _) = self.rules().into_iter().next()?;
        let zone = Zone::of(&self.policy.settings.time_zone);
        Some((id, runbook_waits(self.policy, id, &zone, self.seen.now)?.1))
    }

    fn unjudged(&self) -> Finding {
        let what = format!("nobody knows whether it holds: {}", self.reasons());
        if exception(self.policy, self.id, self.seen.now).is_some() {
            return note("excepted", self.id, what, "nothing: an exception is in force");
        }
        let open = match self.incident() {
            Some(incident) => format!(" (incident {} stays open meanwhile)", incident.id),
            None => String::new(),
        };
        let next = format!("repair what the reason names, then `writ doctor {} --look`", self.id);
        wrong("not-assessable", self.id, format!("{what}{open}"), next)
    }

    fn failing(&self) -> Finding {
        let now = self.seen.now;
        let fails = format!("it fails: {}", self.reasons());
        if let Some(id) = exception(self.policy, self.id, now) {
            let until =
                self.policy.exceptions.get(&id).map_or_else(String::new, |e| format!(" until {}", when(e.expires)));
            return note(
                "excepted",
                self.id,
                format!("{fails}; exception {id} is in force{until}, so it is not healed"),
                "nothing: it does not count until then",
            );
        }
        if self.seen.enforcer.on_trial() {
            let next = "wait: the trial ends by itself (`writ-switch status`)";
            return wrong(
                "on-trial",
                self.id,
                format!("{fails}; a new generation is on trial, and nothing is healed meanwhile"),
                next,
            );
        }
        let Some(incident) = self.incident() else { return self.unopened(&fails) };
        if let Phase::Escalated = incident.phase {
            return self.escalated(&fails, incident);
        }
        if let Some(pause) = self.state.pauses.active.iter().find(|p| p.in_force(now) && p.covers(self.id)) {
            let what = format!(
                "{fails}; healing of it is paused until {} ({}), with {}: {}",
                when(pause.until),
                self.seen.left(pause.until),
                pause.reference,
                one_line(&pause.reason)
            );
            return wrong(
                "paused",
                self.id,
                what,
                "wait: the pause ends by itself and healing goes on; there is no other way to end it",
            );
        }
        self.waiting(&fails, incident)
    }

    fn unopened(&self, fails: &str) -> Finding {
        if self.state.unrecorded > 0 || self.seen.enforcer.status.as_ref().is_some_and(|s| s.disk_trouble.is_some()) {
            let what =
                format!("{fails}; disk and memory are full, so it is healed without an incident, or waits for room");
            return wrong(
                "no-room",
                self.id,
                what,
                "make room on the disk of the state folder and the outbox (`df -h`)",
            );
        }
        wrong(
            "just-seen",
            self.id,
            format!("{fails}; an incident opens with its next run"),
            "wait a moment and ask again",
        )
    }

    /// The rule that waits for its turn, and the checks for which runbooks run.
    fn in_line(&self) -> Option<(&str, String)> {
        let runbooks = &self.seen.enforcer.status.as_ref()?.runbooks;
        let waits = runbooks.waiting.iter().find(|waits| waits.check == self.id)?;
        let running: Vec<&str> = runbooks.running.iter().map(|asked| asked.check.as_str()).collect();
        Some((&waits.rule, running.join(", ")))
    }

    fn waiting(&self, fails: &str, incident: &Incident) -> Finding {
        let id = incident.id;
        match &incident.phase {
            Phase::Attempting { rule, since } => {
                let what = format!("{fails}; {} works on it since {} (incident {id})", By::of(rule), when(*since));
                wrong("being-healed", self.id, what, "wait: every step has a timeout")
            }
            _ if let Some(open) = incident.plan.as_ref().and_then(|plan| plan.open.as_ref()) => {
                let what = format!("{fails}; a planner is asked which runbook to run (incident {id})");
                let next = format!("wait: what has not answered by {} counts as a failed plan", when(open.until));
                wrong("being-planned", self.id, what, next)
            }
            Phase::Waiting(Some(until)) if *until > self.seen.now && self.window().is_none() => {
                let rule = incident.rule.as_deref().unwrap_or("its rule");
                let what = format!(
                    "{fails}; rule {rule} was tried {} and rests until {} (incident {id})",
                    times(incident.attempts),
                    when(*until)
                );
                let next = format!("wait {}: it is tried again then, or handed to people", self.seen.left(*until));
                wrong("rests", self.id, what, next)
            }
            _ => match self.in_line() {
                Some((rule, others)) => {
                    let what = format!("{fails}; rule {rule} waits for its turn (incident {id})");
                    wrong("in-line", self.id, what, format!("wait: what runs has to end first: {others}"))
                }
                None => match self.window() {
                    Some((rule, opens)) => {
                        let what =
                            format!("{fails}; rule {rule} waits for a maintenance window: {opens} (incident {id})");
                        wrong("window", self.id, what, "wait, or do by hand what its runbook would do")
                    }
                    None => {
                        let next = format!("wait: its next run is within {}", self.check.every);
                        let what = format!("{fails}; incident {id} is worked on with its next run");
                        wrong("next-run", self.id, what, next)
                    }
                },
            },
        }
    }

    fn escalated(&self, fails: &str, incident: &Incident) -> Finding {
        let reason = incident.escalations.last().map(|e| e.reason.as_str()).unwrap_or_default();
        let reason = reason.strip_suffix(TO_PEOPLE).unwrap_or(reason);
        // Where no planner is wanted, nothing is missing.
        let usual = [NO_PLANNER, NOT_FOR_PLANNERS].map(|usual| format!("{L2_SAYS}{usual}"));
        let reason = one_line(usual.iter().find_map(|usual| reason.strip_suffix(usual)).unwrap_or(reason));
        let ticket = self.seen.config.tickets_dir().join(format!("{}.json", incident.id));
        let what = format!("{fails}; people have it: {reason}");
        let due = self.due(incident);
        let late = if due.is_some_and(|due| due <= self.seen.now) { "it is overdue: " } else { "" };
        let by = due.map_or_else(String::new, |due| format!(" by {}", when(due)));
        let seen = match incident.people.as_ref().map(|people| (people.called, &people.acknowledged)) {
            Some((_, Some(acknowledged))) => format!("; acknowledged at {}", when(acknowledged.at)),
            Some((called, None)) if called > 0 => {
                format!(
                    "; {} called, nobody has answered (`writ-enforce ack {}`)",
                    of(called.into(), "contact"),
                    incident.id
                )
            }
            _ => String::new(),
        };
        let what = format!("{what}{seen}");
        let whom = self.first_contact(incident).map_or_else(String::new, |first| format!("; first contact: {first}"));
        let next = format!(
            "{late}repair it{by}; the ticket is {}{whom}. It closes by itself when the check holds",
            ticket.display()
        );
        wrong(self.why_people(incident), self.id, what, next)
    }

    /// Whom to call first: the site's route for this severity, or else its contacts in their order.
    fn first_contact(&self, incident: &Incident) -> Option<String> {
        contacts(&self.policy.settings.escalation, incident.severity).first().map(one_line)
    }

    /// The name of the reason for which people have it.
    fn why_people(&self, incident: &Incident) -> &'static str {
        let limit = self.policy.settings.escalation.l1_failures.get(&self.check.severity).copied().unwrap_or(3);
        let failed: u32 = incident.failures.values().sum();
        let rules = self.rules();
        let used_up = |(id, rule): &(&str, &Rule)| incident.failures.get(*id).copied().unwrap_or(0) >= rule.attempts;
        let reason = incident.escalations.last().map(|e| e.reason.as_str()).unwrap_or_default();
        if reason.contains(" was stopped: ") {
            "breaker"
        } else if let Some(plan) = incident.plan.as_ref().filter(|plan| plan.number > 0) {
            if plan.failures > 0 { "plans-failed" } else { "plan-proposed" }
        } else if rules.is_empty() {
            "no-rule"
        } else if rules
            .iter()
            .find(|rule| !used_up(rule))
            .is_some_and(|(_, rule)| left_to_people(self.check, rule).is_some())
        {
            "left-to-people"
        } else if failed > 0 && (failed >= limit || rules.iter().all(used_up)) {
            "attempts-used"
        } else {
            "with-people"
        }
    }

    /// When the site's SLA wants its incident resolved.
    pub fn due(&self, incident: &Incident) -> Option<Time> {
        self.policy.settings.sla.get(&incident.severity).map(|span| incident.detected_at.plus(span))
    }
}
