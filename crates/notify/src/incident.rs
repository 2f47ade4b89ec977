//! One incident and its people: who is called, who answered, who hears what. A pure machine.
//!
//! ```text
//! Open ──handed to people──▶ People ──somebody answers──▶ Acknowledged
//!   │                          │ one contact after the other      │
//!   └──────────────────────────┴───────── it ends ────────────────┴──▶ Resolved ──report given, or asked for──▶ forgotten
//! ```
//!
//! What happened comes in as an [`Event`] and only changes what is known; what follows from it is told at the next
//! [`Event::Tick`], so that in one round an incident which opened, was handed over and ended is told once, as ended.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use writ_policy::declared::Severity;
use writ_policy::settings::NotifyEvent;
use writ_trust::time::Time;

use crate::rules::{Moment, Rules};

/// `site/appliance/incident`.
pub type Key = String;

/// How long one that has ended is remembered at least, in milliseconds (7 days): for whoever still has its link.
const REMEMBERED: i64 = 7 * 86_400_000;
/// How long a report that nobody gave is remembered as missing, in milliseconds (30 days).
const ASKED_FOR: i64 = 30 * 86_400_000;

/// Who says that there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// An appliance, by notices.
    Appliance,
    /// A look from elsewhere: something is silent, or is not what it should be.
    Silence,
    /// A look from elsewhere: something of a release, the trust root or its keys.
    Release,
    /// The policy: an exception ends soon.
    Exception,
}

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Rules are at it; nobody is called.
    Open,
    /// People have it, and nobody has answered.
    People,
    /// Somebody has seen it: nobody else is called.
    Acknowledged,
    /// It has ended.
    Resolved,
}

/// Who said something, when, and by which way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// When.
    pub at: Time,
    /// Who, as they were named.
    pub by: String,
    /// `command`, `link` or `appliance`.
    pub how: String,
    /// What they said besides.
    #[serde(default)]
    pub note: Option<String>,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// When.
    pub at: Time,
    /// In one line.
    pub how: String,
}

/// That a contact was called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Whom, by name; none where a site has nobody.
    pub contact: Option<String>,
    /// When.
    pub at: Time,
    /// Whether it is known that it did not reach them: the next is called at once.
    #[serde(default)]
    pub lost: bool,
}

/// What was told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Told {
    /// That it opened.
    pub opened: bool,
    /// The contacts who were called, in order.
    pub calls: Vec<Call>,
    /// When those last heard how it stands.
    pub updated_at: Option<Time>,
    /// How often.
    pub updates: u32,
    /// How far its time had gone when that was last told: see [`Clock`].
    pub clock: u8,
    /// That somebody answered.
    pub acknowledged: bool,
    /// That it ended.
    pub resolved: bool,
    /// That its report is missing.
    pub report: bool,
    /// The contacts who heard of it without being called.
    pub contacts: BTreeSet<String>,
    /// The channels that were told anything, by name.
    pub channels: BTreeSet<String>,
    /// The pagers that rang, and under which key: `channel key`.
    pub pages: BTreeSet<(String, String)>,
}

/// How far the time has gone that a site gives an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Clock {
    /// Half of it.
    Half = 1,
    /// A tenth is left.
    Near = 2,
    /// All of it.
    Missed = 3,
}

/// One incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Its name here.
    pub key: Key,
    /// Its site.
    pub site: String,
    /// The appliance, or what else it is about.
    pub subject: String,
    /// Its own name: `INC-…` as evidence has it, or one that was made here.
    pub id: String,
    /// Who says so.
    pub source: Source,
    /// The fingerprint of the key under which its appliance says so; none where no appliance does, or an older version did not
    /// write it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speaker: Option<String>,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about, in words of the policy.
    pub title: String,
    /// The check, or the sort of finding.
    pub about: String,
    /// The machine.
    pub target: String,
    /// The controls that it touches.
    pub controls: Vec<String>,
    /// The runbooks that the policy has for it.
    #[serde(default)]
    pub runbooks: Vec<String>,
    /// Why, and how it stands.
    pub reasons: Vec<String>,
    /// When it opened.
    pub opened_at: Time,
    /// When the site wants it resolved.
    pub due_at: Option<Time>,
    /// How far it has come.
    pub stage: Stage,
    /// When people got it, by the clock here.
    #[serde(default)]
    pub handed_at: Option<Time>,
    /// Who answered.
    #[serde(default)]
    pub acknowledged: Option<Said>,
    /// How it ended.
    #[serde(default)]
    pub ended: Option<Ended>,
    /// When the report on it is due.
    #[serde(default)]
    pub report_due: Option<Time>,
    /// Who gave it.
    #[serde(default)]
    pub reported: Option<Said>,
    /// What was told.
    #[serde(default)]
    pub told: Told,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// People have it.
    Handed,
    /// How it stands.
    Standing(Vec<String>),
    /// Somebody has seen it.
    Acknowledged(Said),
    /// It ended.
    Ended(Ended),
    /// A call is known not to have reached this contact.
    Lost(String),
    /// The report was given.
    Reported(Said),
    /// Time went by.
    Tick,
}

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It opened.
    Opened,
    /// This one is called, from 0.
    Call(u32),
    /// How it stands, from 1.
    Update(u32),
    /// Its time runs out.
    Clock(Clock),
    /// Somebody answered.
    Acknowledged,
    /// It ended.
    Resolved,
    /// Its report is missing.
    Report,
}

impl Kind {
    /// Its name; no two words of one incident have the same.
    pub fn name(self) -> String {
        match self {
            Self::Opened => "opened".to_owned(),
            Self::Call(n) => format!("call-{n}"),
            Self::Update(n) => format!("update-{n}"),
            Self::Clock(clock) => format!("clock-{}", clock as u8),
            Self::Acknowledged => "acknowledged".to_owned(),
            Self::Resolved => "resolved".to_owned(),
            Self::Report => "report".to_owned(),
        }
    }
}

/// That somebody is to be told something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// What.
    pub kind: Kind,
    /// Whom, by name of contact.
    pub contacts: Vec<String>,
    /// Where, by name of channel.
    pub channels: Vec<String>,
}

impl Incident {
    /// Whether it still goes on.
    pub fn is_open(&self) -> bool {
        self.stage != Stage::Resolved
    }

    /// Takes what happened; at a tick says who is to be told what. What is said is done: it is not said again.
    pub fn step(&mut self, event: Event, rules: Rules<'_>, moment: Moment) -> Vec<Word> {
        match event {
            Event::Tick => return self.tick(rules, moment),
            Event::Standing(reasons) if self.is_open() => self.reasons = reasons,
            Event::Handed if self.is_open() => self.hand(moment.now),
            Event::Acknowledged(said) if self.is_open() && self.acknowledged.is_none() => {
                self.acknowledged = Some(said);
                self.stage = Stage::Acknowledged;
            }
            Event::Ended(ended) if self.is_open() => self.end(ended, rules),
            Event::Lost(contact) if self.stage == Stage::People => {
                let called = self.told.calls.iter_mut().find(|call| call.contact.as_deref() == Some(&contact));
                called.into_iter().for_each(|call| call.lost = true);
            }
            Event::Reported(said) if self.reported.is_none() => self.reported = Some(said),
            // It comes too late, or again.
            _ => {}
        }
        Vec::new()
    }

    fn hand(&mut self, now: Time) {
        self.handed_at.get_or_insert(now);
        if self.stage == Stage::Open {
            self.stage = Stage::People;
        }
    }

    fn end(&mut self, ended: Ended, rules: Rules<'_>) {
        let theirs = self.handed_at.is_some() && self.source == Source::Appliance;
        self.report_due = theirs.then(|| ended.at.plus(&rules.0.escalation.report));
        self.ended = Some(ended);
        self.stage = Stage::Resolved;
    }

    fn tick(&mut self, rules: Rules<'_>, moment: Moment) -> Vec<Word> {
        let mut words = Vec::new();
        if !self.is_open() {
            words.extend(self.resolved(rules));
        }
        if rules.waits(self.severity, moment).is_some() {
            return words;
        }
        match self.stage {
            Stage::Open => words.extend(self.opened(rules)),
            Stage::People => words.extend(self.call(rules, moment.now)),
            Stage::Acknowledged => words.extend(self.answered()),
            Stage::Resolved => words.extend(self.report(rules, moment.now)),
        }
        if self.is_open() && !self.told.calls.is_empty() {
            // The last of several that became due while nobody was there to tell them says it all.
            let clock = self.clock(moment.now);
            words.extend(clock.or_else(|| self.update(rules, moment.now)));
        }
        words
    }

    /// Whom it concerns as soon as it is there.
    fn events(&self) -> &'static [NotifyEvent] {
        match (self.source, self.told.opened) {
            (Source::Appliance, false) if self.stage == Stage::Open => &[NotifyEvent::IncidentOpened],
            (Source::Appliance, false) => &[NotifyEvent::IncidentOpened, NotifyEvent::Escalated],
            (Source::Appliance, true) => &[NotifyEvent::Escalated],
            (Source::Silence, _) => &[NotifyEvent::Silence, NotifyEvent::Escalated],
            (Source::Release, _) => &[NotifyEvent::Release, NotifyEvent::Escalated],
            (Source::Exception, _) => &[NotifyEvent::ExceptionExpiring],
        }
    }

    fn channels(&mut self, rules: Rules<'_>) -> Vec<String> {
        let asked = rules.channels(self.events(), self.severity);
        let names: Vec<String> = asked.into_iter().map(|(name, _)| name.to_owned()).collect();
        self.told.channels.extend(names.iter().cloned());
        names
    }

    fn opened(&mut self, rules: Rules<'_>) -> Option<Word> {
        if self.told.opened {
            return None;
        }
        let channels = self.channels(rules);
        self.told.opened = true;
        let mut contacts = Vec::new();
        if channels.is_empty() && self.source == Source::Exception {
            // Nobody asks to be told, and somebody has to be: the first who is called for anything else.
            contacts.extend(rules.route(self.severity).first().map(|(name, _)| (*name).to_owned()));
        }
        self.told.contacts.extend(contacts.iter().cloned());
        let somebody = !(channels.is_empty() && contacts.is_empty());
        somebody.then_some(Word { kind: Kind::Opened, contacts, channels })
    }

    /// When the next contact is called, and who that is; none where everybody was.
    pub fn next_call<'r>(&self, rules: Rules<'r>) -> Option<(Time, Option<&'r str>)> {
        let handed = self.handed_at.filter(|_| self.stage == Stage::People)?;
        let calls = &self.told.calls;
        let is_new = |name: &str| !calls.iter().any(|call| call.contact.as_deref() == Some(name));
        let route = rules.route(self.severity);
        let next = route.iter().map(|(name, _)| *name).find(|name| is_new(name));
        let Some((first, last)) = calls.first().zip(calls.last()) else { return Some((handed, next)) };
        let patience = last.contact.as_ref().and_then(|name| rules.contact(name)).map_or(0, |c| rules.patience(c));
        let after = |millis| last.at.plus_millis(if last.lost { 0 } else { millis });
        let on_route = next.map(|name| (after(patience), Some(name)));
        let manager = rules.manager(self.severity).map(|(name, _)| name).filter(|name| is_new(name));
        let manager = manager.map(|name| (first.at.plus_millis(rules.no_answer()), Some(name)));
        // At the same moment the route decides.
        [on_route, manager].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    fn call(&mut self, rules: Rules<'_>, now: Time) -> Option<Word> {
        let (_, contact) = self.next_call(rules).filter(|(at, _)| *at <= now)?;
        let contact = contact.map(str::to_owned);
        let n = u32::try_from(self.told.calls.len()).unwrap_or(u32::MAX);
        let channels = self.channels(rules);
        self.told.opened = true;
        let mail = |name: &String| rules.contact(name).is_some_and(|contact| contact.email.is_some());
        let mut contacts: Vec<String> = contact.iter().cloned().collect();
        if !contacts.iter().all(mail) {
            // Who can only be called by telephone is called by those who were told before.
            contacts.extend(self.called());
        }
        let lost = !contacts.iter().any(mail) && channels.is_empty();
        if n == 0 {
            // Who is called first hears how it stands by that.
            self.told.updated_at = Some(now);
            self.told.clock = self.gone(now).map_or(0, |clock| clock as u8);
        }
        self.told.calls.push(Call { contact, at: now, lost });
        Some(Word { kind: Kind::Call(n), contacts, channels })
    }

    /// The contacts who were called, in order.
    pub fn called(&self) -> Vec<String> {
        self.told.calls.iter().filter_map(|call| call.contact.clone()).collect()
    }

    fn answered(&mut self) -> Option<Word> {
        let said = self.acknowledged.as_ref()?;
        let told = !self.told.calls.is_empty() || !self.told.channels.is_empty();
        if self.told.acknowledged || !told {
            return None;
        }
        let contacts = self.called().into_iter().filter(|name| *name != said.by).collect();
        self.told.acknowledged = true;
        Some(Word { kind: Kind::Acknowledged, contacts, channels: self.told.channels.iter().cloned().collect() })
    }

    fn update(&mut self, rules: Rules<'_>, now: Time) -> Option<Word> {
        let (every, since) = rules.updates(self.severity).zip(self.told.updated_at)?;
        if now < since.plus_millis(every) {
            return None;
        }
        self.told.updated_at = Some(now);
        self.told.updates += 1;
        Some(self.to_all(Kind::Update(self.told.updates)))
    }

    fn gone(&self, now: Time) -> Option<Clock> {
        let (opened, due) = (self.opened_at, self.due_at?);
        let (all, gone) = (due.millis_since(opened), now.millis_since(opened));
        match gone {
            _ if now >= due => Some(Clock::Missed),
            _ if gone >= all - all / 10 => Some(Clock::Near),
            _ if gone >= all / 2 => Some(Clock::Half),
            _ => None,
        }
    }

    fn clock(&mut self, now: Time) -> Option<Word> {
        let clock = self.gone(now).filter(|clock| *clock as u8 > self.told.clock)?;
        self.told.clock = clock as u8;
        Some(self.to_all(Kind::Clock(clock)))
    }

    fn to_all(&self, kind: Kind) -> Word {
        Word { kind, contacts: self.called(), channels: self.told.channels.iter().cloned().collect() }
    }

    fn resolved(&mut self, rules: Rules<'_>) -> Option<Word> {
        if std::mem::replace(&mut self.told.resolved, true) {
            return None;
        }
        let mut word = self.to_all(Kind::Resolved);
        word.contacts.extend(self.told.contacts.iter().cloned());
        if self.source == Source::Appliance {
            let asked = rules.channels(&[NotifyEvent::IncidentClosed], self.severity);
            word.channels.extend(asked.into_iter().map(|(name, _)| name.to_owned()));
        }
        word.channels.sort();
        word.channels.dedup();
        (!(word.contacts.is_empty() && word.channels.is_empty())).then_some(word)
    }

    fn report(&mut self, rules: Rules<'_>, now: Time) -> Option<Word> {
        let due = self.report_due.filter(|due| *due <= now)?;
        if self.told.report || self.reported.is_some() || now.millis_since(due) > ASKED_FOR {
            return None;
        }
        self.told.report = true;
        let first = self.called().into_iter().next();
        let first = first.or_else(|| rules.route(self.severity).first().map(|(name, _)| (*name).to_owned()));
        let manager = rules.manager(self.severity).map(|(name, _)| name.to_owned());
        let mut word = self.to_all(Kind::Report);
        word.contacts = first.into_iter().chain(manager).collect();
        word.contacts.dedup();
        Some(word)
    }

    /// Nobody is told anything of it any more: it had ended before anybody looked.
    pub fn let_be(&mut self) {
        self.told.resolved = true;
        self.report_due = None;
    }

    /// Whether nothing can come of it any more.
    pub fn is_over(&self, now: Time) -> bool {
        let Some(ended) = self.ended.as_ref().filter(|_| self.told.resolved) else { return false };
        let asked = self.report_due.is_some_and(|due| self.reported.is_none() && now.millis_since(due) <= ASKED_FOR);
        !asked && now.millis_since(ended.at) > REMEMBERED
    }
}
