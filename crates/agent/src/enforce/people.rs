//! Handing incidents to people: whom a ticket calls next, and the notices that say so.
//!
//! A notice is committed with the state that it tells of, and laid into the spool afterwards, again after a crash and
//! always with the same bytes. Nobody is told by that yet: whoever carries notices tells people.

use std::fs;

use tracing::{info, warn};
use writ_evidence::incident::Tier;
use writ_policy::declared::Severity;
use writ_policy::policy::Policy;
use writ_policy::settings::{NotifyEvent, Review};
use writ_trust::text::one_line;
use writ_trust::time::Time;
use writ_wire::notice::{Notice, NoticeEvent, NoticeSchema};

use super::engine::Engine;
use super::escalation::{self, Acknowledged, BUSINESS_DAYS, Due, END_OF_BUSINESS, People};
use super::hostile;
use super::incident::Incident;
use super::state::PendingNotice;
use super::ticket::contacts;

/// How many notices lie in the spool at most; the oldest go first.
const MOST_NOTICES: usize = 1_000;
/// How many wait in the state at most, where the spool takes none.
const MOST_PENDING: usize = 256;
/// How many reasons a notice tells, and how much of each, in characters.
const REASONS: (usize, usize) = (16, 500);

/// What a notice about an incident says besides the incident.
struct Word {
    event: NoticeEvent,
    route: Vec<String>,
    answer_by: Option<Time>,
    reasons: Vec<String>,
}

impl Engine {
    /// Begins with people where an incident goes to them for the first time.
    pub(super) fn begin_with_people(&self, incident: &mut Incident) {
        let at = self.clock.now();
        let end_of_day = || self.zone.next(at, BUSINESS_DAYS, END_OF_BUSINESS);
        incident.people.get_or_insert_with(|| escalation::begin(incident.severity, at, end_of_day()));
    }

    /// No number is told twice, also where a version that knows of no notices wrote the state in between.
    pub(super) fn recall_notices(&mut self) {
        let numbers = hostile::names(&self.config.notices_dir());
        let highest = numbers.iter().filter_map(|name| name.strip_suffix(".json")?.parse::<u64>().ok()).max();
        self.state.notice_number = self.state.notice_number.max(highest.unwrap_or(0));
    }

    /// Calls whom it is time to call, and tells how it stands.
    pub(super) fn see_to_people(&mut self) {
        let now = self.clock.now();
        let end_of_day = || self.zone.next(now, BUSINESS_DAYS, END_OF_BUSINESS);
        let mut told = Vec::new();
        let Some(policy) = self.running.as_ref().and_then(|running| Some(&running.policy.as_ref()?.1)) else { return };
        for incident in self.state.incidents.values_mut() {
            let route = contacts(&policy.settings.escalation, incident.severity);
            let most = u32::try_from(route.len()).unwrap_or(u32::MAX);
            if incident.people.is_none() && incident.is_with_people() {
                // It was handed over by a version that called nobody.
                incident.people = Some(escalation::begin(incident.severity, now, end_of_day()));
            }
            let Some(people) = &mut incident.people else { continue };
            while let Some(due) = people.take(incident.severity, most, &policy.settings.escalation, now) {
                told.push((incident.id.to_string(), due));
            }
        }
        if told.is_empty() {
            return;
        }
        for (id, due) in told {
            let Some(incident) = self.state.incidents.values().find(|i| i.id.to_string() == id).cloned() else {
                continue;
            };
            self.tell_people(&incident, due);
            self.write_ticket(&incident);
        }
        self.commit();
    }

    fn tell_people(&mut self, incident: &Incident, due: Due) {
        let Some(policy) = self.policy() else { return };
        let escalation = &policy.settings.escalation;
        let route = contacts(escalation, incident.severity);
        let called = |n: u32| route.get(n as usize).map(|line| (*line).to_owned());
        let answer_by = |n: u32| called(n + 1).map(|_| self.clock.now().plus(&escalation.no_answer));
        let why = incident.escalations.last().map(|escalation| escalation.reason.clone());
        let word = match due {
            Due::Call(0) => Word {
                event: NoticeEvent::Escalated,
                route: called(0).into_iter().collect(),
                answer_by: answer_by(0),
                reasons: why.into_iter().collect(),
            },
            Due::Call(n) => Word {
                event: NoticeEvent::Unanswered,
                route: called(n).into_iter().collect(),
                answer_by: answer_by(n),
                reasons: vec![format!("nobody answered within {}: the next contact is called", escalation.no_answer)],
            },
            Due::Update => {
                let n = incident.people.as_ref().map_or(0, |people| people.called);
                Word {
                    event: NoticeEvent::Update,
                    route: (0..n).filter_map(called).collect(),
                    answer_by: None,
                    reasons: vec![standing(incident)],
                }
            }
        };
        info!(incident = %incident.id, event = ?word.event, route = ?word.route, "people are told");
        self.notice(incident, word);
    }

    /// Tells of an incident that opened, where a channel of the site asks for that.
    pub(super) fn notice_opened(&mut self, incident: &Incident) {
        if self.policy().is_some_and(|policy| asked(policy, NotifyEvent::IncidentOpened, incident.severity)) {
            let word = Word { event: NoticeEvent::Opened, route: Vec::new(), answer_by: None, reasons: Vec::new() };
            self.notice(incident, word);
        }
    }

    /// Tells of an incident that ended: those who were called for it, or a channel of the site that asks for that.
    pub(super) fn notice_closed(&mut self, incident: &Incident, by: &str) {
        let Some(policy) = self.policy() else { return };
        let called = incident.people.as_ref().map_or(0, |people| people.called) as usize;
        let review = look_after(policy, incident);
        if called == 0 && review.is_none() && !asked(policy, NotifyEvent::IncidentClosed, incident.severity) {
            return;
        }
        let route = contacts(&policy.settings.escalation, incident.severity);
        let told = called.max(usize::from(review.is_some()));
        let route = route.into_iter().take(told).map(str::to_owned).collect();
        let reasons = std::iter::once(format!("it holds again: {by}")).chain(review).collect();
        self.notice(incident, Word { event: NoticeEvent::Closed, route, answer_by: None, reasons });
    }

    /// Tells that somebody here has seen it: whoever calls people elsewhere stops, too. The name stays here.
    fn notice_acknowledged(&mut self, incident: &Incident) {
        let Some(policy) = self.policy() else { return };
        let called = incident.people.as_ref().map_or(0, |people| people.called) as usize;
        let route = contacts(&policy.settings.escalation, incident.severity);
        let route = route.into_iter().take(called).map(str::to_owned).collect();
        let reasons = vec![standing(incident)];
        self.notice(incident, Word { event: NoticeEvent::Acknowledged, route, answer_by: None, reasons });
    }

    /// Tells of a pause that began or ended.
    pub(super) fn notice_pause(&mut self, checks: &[String], what: String) {
        let number = self.state.notice_number + 1;
        let notice = Notice {
            schema: NoticeSchema::V1,
            site: self.identity.site.clone(),
            appliance: self.identity.appliance.clone(),
            public_key: self.identity.public_key.clone(),
            number,
            at: self.clock.now(),
            event: NoticeEvent::Paused,
            incident_id: None,
            check: None,
            title: "Healing is suspended by people".to_owned(),
            severity: None,
            target: "self".to_owned(),
            controls: Vec::new(),
            route: Vec::new(),
            due_at: None,
            answer_by: None,
            reasons: std::iter::once(what)
                .chain(checks.iter().take(REASONS.0).cloned())
                .map(|line| cut(&line))
                .collect(),
        };
        self.queue_notice(&notice);
    }

    fn notice(&mut self, incident: &Incident, word: Word) {
        let Some(policy) = self.policy() else { return };
        let check = policy.checks.get(&incident.check);
        let reasons = word.reasons.iter().chain(&incident.reasons).take(REASONS.0).map(|line| cut(line)).collect();
        let notice = Notice {
            schema: NoticeSchema::V1,
            site: self.identity.site.clone(),
            appliance: self.identity.appliance.clone(),
            public_key: self.identity.public_key.clone(),
            number: self.state.notice_number + 1,
            at: self.clock.now(),
            event: word.event,
            incident_id: Some(incident.id.to_string()),
            check: Some(incident.check.clone()),
            title: check.map_or_else(|| incident.check.clone(), |check| cut(&check.title)),
            severity: Some(incident.severity.to_string()),
            target: incident.target.clone(),
            controls: policy.controls_of(&incident.check).into_iter().map(str::to_owned).collect(),
            route: word.route,
            due_at: policy.settings.sla.get(&incident.severity).map(|span| incident.detected_at.plus(span)),
            answer_by: word.answer_by,
            reasons,
        };
        self.queue_notice(&notice);
    }

    /// Durable with the next commit.
    fn queue_notice(&mut self, notice: &Notice) {
        self.state.notice_number = notice.number;
        if self.state.notices.len() >= MOST_PENDING {
            self.state.notices.pop_front();
            self.say_once(
                "notices cannot be laid out: the oldest are dropped; tickets and evidence are not".to_owned(),
            );
        }
        let document = String::from_utf8(notice.canonical()).expect("canonical JSON is UTF-8");
        self.state.notices.push_back(PendingNotice { number: notice.number, document });
    }

    /// Lays what was committed into the spool, where others may read it. What is forgotten here is forgotten on the disk with
    /// the next commit; until then it would be laid out again, with the same bytes.
    pub(super) fn lay_notices(&mut self) {
        if self.state.notices.is_empty() || !self.writer.is_written() {
            return;
        }
        let folder = self.config.notices_dir();
        while let Some(pending) = self.state.notices.front() {
            let laid = Notice::parse(pending.document.as_bytes()).map_err(|e| e.to_string()).and_then(|notice| {
                let signed = notice.sign(self.writer.key()).map_err(|e| e.to_string())?;
                let name = format!("{}.json", pending.number);
                let signature = signed.signatures.first().map_or(&[][..], |signature| &signature.0);
                let put = |name: String, bytes: &[u8]| writ_durable::replace(&folder.join(name), bytes, 0o640);
                writ_durable::create_directories(&folder)
                    .and_then(|()| put(format!("{name}.minisig"), signature))
                    .and_then(|()| put(name, &signed.document.0))
                    .map_err(|e| format!("{}: {e}", folder.display()))
            });
            if let Err(e) = laid {
                return self.say_once(format!("a notice cannot be laid out: {e}"));
            }
            self.state.notices.pop_front();
        }
        self.thin_notices();
    }

    /// The oldest notices go when nobody has taken them: what they told is in tickets and evidence.
    fn thin_notices(&mut self) {
        let folder = self.config.notices_dir();
        let number = |name: &String| name.strip_suffix(".json")?.parse::<u64>().ok();
        let mut numbers: Vec<u64> = hostile::names(&folder).iter().filter_map(number).collect();
        numbers.sort_unstable();
        let Some(many) = numbers.len().checked_sub(MOST_NOTICES + 1) else { return };
        for old in &numbers[..=many] {
            let _ = fs::remove_file(folder.join(format!("{old}.json")));
            let _ = fs::remove_file(folder.join(format!("{old}.json.minisig")));
        }
        warn!(removed = many + 1, "nobody takes notices: the oldest are removed");
    }

    /// Somebody says that they have seen an incident: nobody else is called. Says what came of it; an error says why not.
    pub(super) fn acknowledge(&mut self, id: &str, by: &str) -> Result<String, String> {
        let (at, by) = (self.clock.now(), self.salt.hash(by));
        let Some(incident) = self.state.incidents.values_mut().find(|incident| incident.id.to_string() == id) else {
            return Err(format!("no incident {} is open", one_line(id)));
        };
        let Some(people) = &mut incident.people else {
            return Err(format!("incident {id} is not with people: it is healed by rules"));
        };
        if let Some(before) = &people.acknowledged {
            return Ok(format!("incident {id} was acknowledged at {} already", before.at));
        }
        people.acknowledged = Some(Acknowledged { at, by });
        let incident = incident.clone();
        info!(incident = id, "acknowledged");
        self.notice_acknowledged(&incident);
        self.write_ticket(&incident);
        Ok(format!("incident {id} is acknowledged: nobody else is called for it"))
    }

    /// When somebody is called or told next.
    pub(super) fn next_call(&self) -> Option<Time> {
        let policy = self.policy()?;
        let escalation = &policy.settings.escalation;
        let next = |incident: &Incident| {
            let route = contacts(escalation, incident.severity).len();
            incident.people.as_ref()?.next(incident.severity, u32::try_from(route).unwrap_or(u32::MAX), escalation)
        };
        self.state.incidents.values().filter_map(next).map(|(at, _)| at).min()
    }
}

/// What people are to look at where the site wants them to look at plans after they were carried out.
fn look_after(policy: &Policy, incident: &Incident) -> Option<String> {
    let (plan, runbook) = (incident.plan.as_ref()?, incident.runbook.as_ref()?);
    let planner = plan.planner.as_ref()?;
    let wanted = policy.settings.planner.review == Review::After && incident.last_tier() == Tier::L2;
    // The plan that ran last may have had others run before.
    let ran = plan.accounts.iter().rfind(|account| !account.ran.is_empty());
    let before: Vec<&str> = ran.iter().flat_map(|account| &account.ran).map(|ran| ran.runbook.as_str()).collect();
    let chose = match &before[..] {
        [] | [_] => format!("runbook {}", runbook.runbook_id),
        several => format!("runbooks {}", several.join(", then ")),
    };
    wanted.then(|| format!("look at what was run: {planner} chose {chose}"))
}

/// Whether a channel of the site asks for an event of this severity.
fn asked(policy: &Policy, event: NotifyEvent, severity: Severity) -> bool {
    let of = |severities: &[Severity]| severities.is_empty() || severities.contains(&severity);
    policy.settings.notify.values().any(|channel| channel.events.contains(&event) && of(&channel.severities))
}

/// How an incident stands, for those who were called.
fn standing(incident: &Incident) -> String {
    let answered = match incident.people.as_ref().and_then(|people: &People| people.acknowledged.as_ref()) {
        Some(acknowledged) => format!("acknowledged at {}", acknowledged.at),
        None => "not acknowledged by anybody".to_owned(),
    };
    format!("it is open since {}, {answered}; runbooks were run {} times", incident.detected_at, incident.attempts)
}

fn cut(line: &str) -> String {
    one_line(line).chars().take(REASONS.1).collect()
}
