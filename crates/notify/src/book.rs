//! All that a notifier knows: the incidents of its sites, what it took of each appliance, and what is to be sent. Pure; the
//! driver writes it to the disk before it acts on it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use writ_policy::declared::Severity;
use writ_policy::policy::Policy;
use writ_policy::settings::ChannelKind;
use writ_trust::digest::Digest;
use writ_trust::time::Time;
use writ_wire::notice::{Notice, NoticeEvent};

use crate::digest::Flood;
use crate::incident::{Ended, Event, Incident, Key, Kind, Said, Source, Stage, Word};
use crate::link::Links;
use crate::message::{Message, Page, Way};
use crate::opening::{of_seeming, opened};
use crate::rules::{Moment, Rules};
use crate::seen::Seen;
use crate::tell::{self, clean};

/// The most incidents of one appliance that are known at once, so that one with a mad program or a stolen key takes no room from
/// the others; the oldest that ended go first.
const MOST: usize = 500;
/// The most findings of one site that are remembered after their end. One that is open is never refused: there is one at most of
/// each sort and subject.
const MOST_FINDINGS: usize = 5_000;
/// How many digits of a key's fingerprint tell two incidents apart that have one name.
const FINGERPRINT: usize = 8;
/// The most messages that wait; what comes beyond is dropped, and said.
const MOST_QUEUED: usize = 5_000;
/// The longest id of an incident.
const LONGEST_ID: usize = 64;

/// The schema of the state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum BookSchema {
    /// `writ.notify-state.v1`
    #[default]
    #[serde(rename = "writ.notify-state.v1")]
    V1,
}

/// All that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Book {
    /// Always `writ.notify-state.v1`.
    pub schema: BookSchema,
    /// The sites that were looked at before.
    pub begun: BTreeSet<String>,
    /// The incidents.
    pub incidents: BTreeMap<Key, Incident>,
    /// What was taken of each key, by its fingerprint.
    pub seen: BTreeMap<String, Seen>,
    /// Since when something is wrong that does not count yet.
    pub since: BTreeMap<String, Time>,
    /// What each appliance was last heard to obey.
    pub releases: BTreeMap<String, String>,
    /// What is to be sent.
    pub queue: Vec<Message>,
    /// What has gone where of late.
    pub flood: Flood,
    /// What was told as one.
    pub groups: BTreeMap<String, Vec<Key>>,
    /// The lines that did not work, by name.
    pub lines: BTreeMap<String, Resting>,
    /// How many messages found no room in the queue since this was read: whoever drives this says so.
    #[serde(skip)]
    pub dropped: u64,
}

/// A line that did not work: everything that goes by it waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resting {
    /// How often in a row.
    pub failures: u32,
    /// Until when it is left alone.
    pub until: Time,
    /// Why, in one line.
    pub why: String,
}

/// A policy, and the moment where it rules.
pub type Ruled<'a> = (&'a Policy, Moment);

/// What a tick needs of the world.
pub struct World<'a> {
    /// The policy and the moment at a site, for an appliance or what else it is about.
    pub at: &'a dyn Fn(&str, &str) -> Option<Ruled<'a>>,
    /// What makes links.
    pub links: &'a Links,
    /// Now.
    pub now: Time,
}

/// Something that is wrong as seen from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seeming {
    /// Its site.
    pub site: String,
    /// What it is about.
    pub subject: String,
    /// Its sort.
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// Who says so.
    pub source: Source,
    /// What it is, in words.
    pub title: String,
    /// What exactly.
    pub what: String,
    /// For how long it must be so before it counts, in milliseconds.
    pub settle: i64,
}

impl Seeming {
    /// How it is called while it may not count yet.
    fn prefix(&self) -> String {
        format!("{}/{}/{}-", self.site, self.subject, self.code)
    }

    /// Whether an incident is of this. Names do not say so: an exception's may begin with another's.
    fn is_of(&self, incident: &Incident) -> bool {
        incident.source != Source::Appliance
            && incident.site == self.site
            && incident.subject == self.subject
            && incident.about == self.code
    }
}

/// Why a notice is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoticeError {
    /// Its incident has no usable name.
    #[error("it names no incident as one is named")]
    Id,
    /// There are too many.
    #[error("{MOST} incidents of its appliance are open already")]
    TooMany,
}

impl Book {
    /// Takes a verified notice; each counts once.
    ///
    /// # Errors
    /// [`NoticeError`]
    pub fn take(
        &mut self,
        notice: &Notice,
        digest: &Digest,
        policy: &Policy,
        moment: Moment,
    ) -> Result<(), NoticeError> {
        let fingerprint = notice.public_key.fingerprint();
        if self.seen.get(&fingerprint).is_some_and(|seen| !seen.is_new(digest, notice.at)) {
            return Ok(());
        }
        let rules = Rules(&policy.settings);
        let Some(id) = &notice.incident_id else {
            self.saw(fingerprint, digest, notice.at);
            self.paused(notice, rules, moment.now);
            return Ok(());
        };
        let named = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if id.is_empty() || id.len() > LONGEST_ID || !id.bytes().all(named) {
            self.saw(fingerprint, digest, notice.at);
            return Err(NoticeError::Id);
        }
        let id = self.id_of(notice, id, &fingerprint);
        let key = format!("{}/{}/{id}", notice.site, notice.appliance);
        if !self.incidents.contains_key(&key) {
            let (site, appliance) = (notice.site.as_str(), notice.appliance.as_str());
            let of = |one: &Incident| one.source == Source::Appliance && one.site == site && one.subject == appliance;
            if !self.make_room(MOST, of) {
                // It is not taken, and counts when there is room.
                return Err(NoticeError::TooMany);
            }
            self.incidents.insert(key.clone(), opened(&key, &id, notice, policy));
        }
        self.saw(fingerprint.clone(), digest, notice.at);
        let Some(incident) = self.incidents.get_mut(&key) else { return Ok(()) };
        incident.speaker.get_or_insert(fingerprint);
        let reasons: Vec<String> = notice.reasons.iter().take(16).map(|reason| clean(reason)).collect();
        let first = reasons.first().cloned().unwrap_or_default();
        let events = match notice.event {
            NoticeEvent::Opened | NoticeEvent::Paused => vec![],
            NoticeEvent::Escalated => vec![Event::Standing(reasons), Event::Handed],
            // When the next is called is decided here: an answer is heard here, and by nobody else.
            NoticeEvent::Unanswered => vec![Event::Handed],
            NoticeEvent::Update => vec![Event::Handed, Event::Standing(reasons)],
            NoticeEvent::Acknowledged => vec![
                Event::Handed,
                Event::Acknowledged(Said {
                    at: notice.at,
                    by: "somebody at the appliance".into(),
                    how: "appliance".into(),
                    note: None,
                }),
            ],
            NoticeEvent::Closed => vec![Event::Ended(Ended { at: notice.at, how: first })],
        };
        for event in events {
            incident.step(event, rules, moment);
        }
        Ok(())
    }

    fn saw(&mut self, fingerprint: String, digest: &Digest, at: Time) {
        self.seen.entry(fingerprint).or_default().take(digest, at);
    }

    /// What an incident is called here: as its appliance calls it, unless that is what another key called another one. An
    /// appliance with a new key counts from the beginning.
    fn id_of(&self, notice: &Notice, id: &str, fingerprint: &str) -> String {
        let of = |id: &str| self.incidents.get(&format!("{}/{}/{id}", notice.site, notice.appliance));
        let anew = format!("{id}-{}", fingerprint.get(..FINGERPRINT).unwrap_or(fingerprint));
        let another = of(id).and_then(|known| known.speaker.as_deref()).is_some_and(|speaker| speaker != fingerprint);
        // The other one may be forgotten before this one has ended.
        if another || of(&anew).is_some() { anew } else { id.to_owned() }
    }

    /// Which key speaks for each appliance of a site, by the newest release: nobody says any more how it stands with the
    /// incidents of another key, so they end.
    pub fn gone(&mut self, site: &str, speakers: &BTreeMap<String, String>, world: &World<'_>) {
        let is_gone = |incident: &Incident| match (&incident.speaker, speakers.get(&incident.subject)) {
            (_, None) => true,
            (Some(speaker), Some(named)) => speaker != named,
            (None, Some(_)) => false,
        };
        let of_site = self.incidents.values_mut().filter(|incident| {
            incident.site == site && incident.source == Source::Appliance && incident.is_open() && is_gone(incident)
        });
        for incident in of_site {
            let Some((policy, moment)) = (world.at)(site, &incident.subject.clone()) else { continue };
            let how = "the newest release names its appliance, or that key, no more".to_owned();
            incident.step(Event::Ended(Ended { at: world.now, how }), Rules(&policy.settings), moment);
        }
    }

    /// Forgets what was taken of keys that no release names any more: nothing of theirs is taken again.
    pub fn forget(&mut self, named: &BTreeSet<String>) {
        self.seen.retain(|fingerprint, _| named.contains(fingerprint));
    }

    /// Healing was suspended by people, or goes on: those hear it who hear of incidents that people have.
    fn paused(&mut self, notice: &Notice, rules: Rules<'_>, now: Time) {
        let what = notice.reasons.first().map(|reason| clean(reason)).unwrap_or_default();
        let site = notice.site.to_string();
        self.say(
            &site,
            notice.appliance.as_str(),
            "pause",
            &format!("{}: {what}", clean(&notice.title)),
            &[writ_policy::settings::NotifyEvent::Escalated],
            rules,
            now,
        );
    }

    /// Tells the channels that ask for an event something that nobody has to answer.
    #[allow(clippy::too_many_arguments, reason = "what a message is made of")]
    fn say(
        &mut self,
        site: &str,
        subject: &str,
        kind: &str,
        what: &str,
        events: &[writ_policy::settings::NotifyEvent],
        rules: Rules<'_>,
        now: Time,
    ) {
        if !self.begun.contains(site) {
            return;
        }
        let severities = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
        let channels: BTreeMap<_, _> =
            severities.into_iter().flat_map(|severity| rules.channels(events, severity)).collect();
        for (name, channel) in channels {
            let way = match (channel.kind, &channel.address) {
                (ChannelKind::Email, Some(to)) => Way::Mail { to: to.clone() },
                (ChannelKind::Webhook, _) => Way::Webhook {
                    site: site.to_owned(),
                    channel: name.to_owned(),
                    address: channel.address.clone(),
                    secret: channel.secret.clone(),
                },
                _ => continue,
            };
            let subject_line = format!("{site}/{subject}: {what}");
            self.enqueue(Message {
                id: crate::message::name_of([site, subject, kind, what, &now.to_string(), &way.target()]),
                severity: Severity::Low,
                keys: Vec::new(),
                contact: None,
                kind: kind.to_owned(),
                at: now,
                text: format!("{subject_line}\n"),
                data: serde_json::json!({ "schema": "writ.told.v1", "kind": kind, "site": site, "appliance": subject, "title": what }),
                subject: subject_line,
                way,
            });
        }
    }

    /// Sees to it that there are fewer than so many of these incidents: the oldest that ended goes. Says whether there is room.
    fn make_room(&mut self, most: usize, of: impl Fn(&Incident) -> bool) -> bool {
        if self.incidents.values().filter(|incident| of(incident)).count() < most {
            return true;
        }
        let ended = self.incidents.values().filter(|one| of(one) && !one.is_open() && one.told.resolved);
        let oldest = ended.min_by_key(|incident| incident.opened_at).map(|incident| incident.key.clone());
        oldest.and_then(|oldest| self.incidents.remove(&oldest)).is_some()
    }

    /// A site was looked at for the first time: what had ended before is nobody's business any more.
    pub fn begin(&mut self, site: &str) {
        if self.begun.insert(site.to_owned()) {
            let ended = self.incidents.values_mut().filter(|incident| incident.site == site && !incident.is_open());
            ended.for_each(Incident::let_be);
        }
    }

    /// What an appliance obeys, by its last heartbeat: a change is told to the channels that ask for releases.
    pub fn obeys(&mut self, site: &str, appliance: &str, point: &str, rules: Rules<'_>, now: Time) {
        let before = self.releases.insert(format!("{site}/{appliance}"), point.to_owned());
        if let Some(before) = before.filter(|before| before != point) {
            let what = format!("it obeys release {point} now, and obeyed {before}");
            self.say(site, appliance, "release", &what, &[writ_policy::settings::NotifyEvent::Release], rules, now);
        }
    }

    /// What is wrong as seen from elsewhere: what is new opens, and what is gone ends if `judged` says that it was looked at.
    pub fn seem(&mut self, site: &str, all: &[Seeming], judged: &dyn Fn(&Incident) -> bool, world: &World<'_>) {
        let now = world.now;
        let wanted: BTreeSet<String> = all.iter().map(Seeming::prefix).collect();
        let prefix = format!("{site}/");
        self.since.retain(|key, _| !key.starts_with(&prefix) || wanted.contains(key));
        for one in all {
            let since = *self.since.entry(one.prefix()).or_insert(now);
            let is_one = |incident: &Incident| incident.is_open() && one.is_of(incident);
            if now.millis_since(since) < one.settle || self.incidents.values().any(is_one) {
                continue;
            }
            // There is room for what is wrong now, also where nothing that ended can go.
            self.make_room(MOST_FINDINGS, |known| known.source != Source::Appliance && known.site == site);
            let Some((policy, moment)) = (world.at)(site, &one.subject) else { continue };
            let id = format!("{}-{}", one.code, since.unix_millis() / 1000);
            let key = format!("{site}/{}/{id}", one.subject);
            let mut incident = of_seeming(one, key.clone(), id, since, Rules(&policy.settings));
            if one.source != Source::Exception {
                incident.step(Event::Handed, Rules(&policy.settings), moment);
            }
            self.incidents.entry(key).or_insert(incident);
        }
        let gone = self.incidents.values_mut().filter(|incident| {
            incident.site == site && incident.source != Source::Appliance && incident.is_open() && judged(incident)
        });
        for incident in gone {
            let goes_on = all.iter().any(|one| one.is_of(incident));
            let policy = (world.at)(site, &incident.subject.clone());
            if let Some((policy, moment)) = policy.filter(|_| !goes_on) {
                let ended = Ended { at: now, how: "it is not so any more".to_owned() };
                incident.step(Event::Ended(ended), Rules(&policy.settings), moment);
            }
        }
    }

    /// The incidents that a name means: its own, its last part where that is of one alone, or those of a group.
    pub fn named(&self, name: &str) -> Vec<Key> {
        if let Some(keys) = self.groups.get(name) {
            return keys.clone();
        }
        if self.incidents.contains_key(name) {
            return vec![name.to_owned()];
        }
        self.incidents.values().filter(|incident| incident.id == name).map(|incident| incident.key.clone()).collect()
    }

    /// Somebody says something of incidents: that they have them, or that the report is given.
    pub fn hear(&mut self, keys: &[Key], said: &Said, report: bool, world: &World<'_>) {
        for key in keys {
            let Some(incident) = self.incidents.get_mut(key) else { continue };
            let Some((policy, moment)) = (world.at)(&incident.site.clone(), &incident.subject.clone()) else {
                continue;
            };
            let event = if report { Event::Reported(said.clone()) } else { Event::Acknowledged(said.clone()) };
            incident.step(event, Rules(&policy.settings), moment);
        }
    }

    /// Time goes by: who is to be told something now is put into the queue.
    pub fn tick(&mut self, world: &World<'_>) {
        self.silence();
        let mut told = Vec::new();
        let keys: Vec<Key> = self.incidents.keys().cloned().collect();
        for key in keys {
            let Some(incident) = self.incidents.get_mut(&key) else { continue };
            let Some((policy, moment)) = (world.at)(&incident.site.clone(), &incident.subject.clone()) else {
                continue;
            };
            let rules = Rules(&policy.settings);
            for word in incident.step(Event::Tick, rules, moment) {
                let Some(incident) = self.incidents.get(&key) else { break };
                told.extend(tell::messages(incident, &word, rules, world.links, world.now));
                told.extend(self.pages(&key, &word, rules, world.now));
                let Some(incident) = self.incidents.get_mut(&key) else { break };
                ring(incident, &told);
            }
        }
        let gathered = self.flood.gather(told, world.links, world.now);
        for message in gathered.messages {
            self.ring_as_one(&message);
            self.enqueue(message);
        }
        self.groups.extend(gathered.groups);
        self.incidents.retain(|_, incident| !incident.is_over(world.now));
        self.groups.retain(|_, keys| keys.iter().any(|key| self.incidents.contains_key(key)));
    }

    /// A pager that was held back does not ring any more for what needs nobody since; nor is it told to stop.
    fn silence(&mut self) {
        let Self { flood, incidents, .. } = self;
        flood.held.retain(|message| {
            let Way::Pager { channel, page: Page::Trigger, dedup_key, .. } = &message.way else { return true };
            let needs = |one: &Incident| matches!(one.stage, Stage::Open | Stage::People);
            if message.keys.iter().any(|key| incidents.get(key).is_some_and(needs)) {
                return true;
            }
            for key in &message.keys {
                if let Some(incident) = incidents.get_mut(key) {
                    incident.told.pages.retain(|(name, rang)| name != channel || rang != dedup_key);
                }
            }
            false
        });
    }

    /// A pager rings once for several: they stop it together.
    fn ring_as_one(&mut self, message: &Message) {
        let Way::Pager { channel, page: Page::Trigger, dedup_key, .. } = &message.way else { return };
        for key in &message.keys {
            if let Some(incident) = self.incidents.get_mut(key) {
                incident.told.pages.retain(|(rang, _)| rang != channel);
                incident.told.pages.insert((channel.clone(), dedup_key.clone()));
            }
        }
    }

    /// What pagers are to do: they ring once, and stop when nothing that they rang for needs anybody any more.
    fn pages(&self, key: &Key, word: &Word, rules: Rules<'_>, now: Time) -> Vec<Message> {
        let Some(incident) = self.incidents.get(key) else { return Vec::new() };
        let mut all = Vec::new();
        let pagers = word.channels.iter().filter_map(|name| rules.0.notify.get_key_value(name));
        for (name, channel) in pagers.filter(|(_, channel)| channel.kind == ChannelKind::Pagerduty) {
            let rang = incident.told.pages.iter().find(|(rang, _)| rang == name).map(|(_, key)| key.clone());
            let with = |rang: &str, needs: &dyn Fn(&Incident) -> bool| {
                let same = |other: &&Incident| other.told.pages.iter().any(|(n, k)| n == name && k == rang);
                self.incidents.values().filter(same).any(needs)
            };
            let page = match (word.kind, rang) {
                (Kind::Opened | Kind::Call(_), None) => Some((Page::Trigger, key.clone())),
                (Kind::Acknowledged, Some(rang))
                    if !with(&rang, &|one| matches!(one.stage, Stage::Open | Stage::People)) =>
                {
                    Some((Page::Acknowledge, rang))
                }
                (Kind::Resolved, Some(rang)) if !with(&rang, &Incident::is_open) => Some((Page::Resolve, rang)),
                _ => None,
            };
            let page = page.map(|(page, rang)| tell::page(incident, word.kind, name, channel, page, &rang, now));
            all.extend(page);
        }
        all
    }

    fn enqueue(&mut self, message: Message) {
        if self.queue.iter().any(|queued| queued.id == message.id) {
            return;
        }
        self.queue.push(message);
        if self.queue.len() > MOST_QUEUED {
            // What matters least goes, and of that the oldest news.
            let least = self.queue.iter().enumerate().min_by_key(|(_, queued)| (queued.severity, queued.at));
            if let Some(at) = least.map(|(at, _)| at) {
                self.queue.remove(at);
            }
            self.dropped += 1;
        }
    }

    /// Takes a message out of the queue: it was sent, or never will be.
    pub fn done(&mut self, id: &str) -> Option<Message> {
        let at = self.queue.iter().position(|message| message.id == id)?;
        Some(self.queue.remove(at))
    }

    /// A message never reaches anybody: if it called somebody, the next is called at once.
    pub fn lost(&mut self, message: &Message, world: &World<'_>) {
        let Some(contact) =
            message.contact.as_ref().filter(|_| message.kind.starts_with("call-") || message.kind == "digest")
        else {
            return;
        };
        for key in &message.keys {
            let Some(incident) = self.incidents.get_mut(key) else { continue };
            let Some((policy, moment)) = (world.at)(&incident.site.clone(), &incident.subject.clone()) else {
                continue;
            };
            incident.step(Event::Lost(contact.clone()), Rules(&policy.settings), moment);
        }
    }
}

/// Remembers under which keys pagers ring.
fn ring(incident: &mut Incident, told: &[Message]) {
    let of_this = told.iter().filter(|message| message.keys.contains(&incident.key));
    let rings: Vec<_> = of_this
        .filter_map(|message| match &message.way {
            Way::Pager { channel, page: Page::Trigger, dedup_key, .. } => Some((channel.clone(), dedup_key.clone())),
            _ => None,
        })
        .collect();
    incident.told.pages.extend(rings);
}
