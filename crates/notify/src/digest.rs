//! A flood becomes one message: whoever got several within minutes gets what comes next as one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::json;
use writ_policy::declared::Severity;
use writ_trust::time::Time;

use crate::incident::Key;
use crate::link::Links;
use crate::message::{Message, Page, Way, name_of};

/// How many messages one place gets singly within [`WITHIN`].
pub const SINGLES: usize = 5;
/// Within how long, in milliseconds (10 minutes).
pub const WITHIN: i64 = 600_000;
/// The most that one message of many names.
const NAMED: usize = 40;

/// What has gone where of late, and what is held back.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Flood {
    /// When each place was last told something.
    pub told: BTreeMap<String, Vec<Time>>,
    /// What is for a place that had enough.
    pub held: Vec<Message>,
}

/// What comes of messages.
#[derive(Debug, Default)]
pub struct Gathered {
    /// What is sent.
    pub messages: Vec<Message>,
    /// What several were told as one: the incidents by its name.
    pub groups: BTreeMap<String, Vec<Key>>,
}

impl Flood {
    /// Sends messages on, or several of them as one, or holds them back until there is more. What calls for something critical
    /// never waits, nor does what stands beside it.
    pub fn gather(&mut self, new: Vec<Message>, links: &Links, now: Time) -> Gathered {
        let recent = |at: &Time| (0..WITHIN).contains(&now.millis_since(*at));
        for times in self.told.values_mut() {
            times.retain(recent);
        }
        self.told.retain(|_, times| !times.is_empty());
        let mut out = Gathered::default();
        // Each with its place in the order in which they were made; what several became stands where the first of them stood.
        let mut ordered: Vec<(usize, Message)> = Vec::new();
        let mut by_place: BTreeMap<String, (usize, Vec<Message>)> = BTreeMap::new();
        for (n, message) in std::mem::take(&mut self.held).into_iter().chain(new).enumerate() {
            if message.may_be_gathered() {
                by_place.entry(message.way.target()).or_insert_with(|| (n, Vec::new())).1.push(message);
            } else {
                ordered.push((n, message));
            }
        }
        for (place, (n, messages)) in by_place {
            let told = self.told.entry(place).or_default();
            let room = SINGLES.saturating_sub(told.len());
            if messages.len() <= room {
                told.extend(messages.iter().map(|_| now));
                ordered.extend(messages.into_iter().map(|message| (n, message)));
            } else if room > 0 || messages.iter().any(Message::is_urgent) {
                told.push(now);
                let one = one(messages, links, now, &mut out.groups);
                ordered.extend(one.map(|message| (n, message)));
            } else {
                self.held.extend(messages);
            }
        }
        ordered.sort_by_key(|(n, _)| *n);
        out.messages = ordered.into_iter().map(|(_, message)| message).collect();
        out
    }
}

/// One message of many.
fn one(
    mut messages: Vec<Message>,
    links: &Links,
    now: Time,
    groups: &mut BTreeMap<String, Vec<Key>>,
) -> Option<Message> {
    if messages.len() < 2 {
        return messages.pop();
    }
    messages.sort_by_key(|message| (std::cmp::Reverse(message.severity), message.at));
    let id = name_of(messages.iter().map(|message| message.id.as_str()));
    let first = messages.first()?.clone();
    let keys: BTreeSet<Key> = messages.iter().flat_map(|message| message.keys.iter().cloned()).collect();
    let of = |severity: Severity| messages.iter().filter(|message| message.severity == severity).count();
    let counts: Vec<String> =
        Severity::ALL.into_iter().rev().filter(|s| of(*s) > 0).map(|s| format!("{} {s}", of(s))).collect();
    let subject = format!("[{}] {} messages at once: {}", first.severity, messages.len(), counts.join(", "));
    let mut text = format!("{subject}.\n\n");
    for message in messages.iter().take(NAMED) {
        let _ = writeln!(text, "{} ({})", message.subject, message.keys.join(", "));
    }
    if messages.len() > NAMED {
        let _ = writeln!(text, "and {} more: writ ack, without an incident, lists them", messages.len() - NAMED);
    }
    let answers = messages.iter().find_map(|message| message.contact.clone());
    let name = format!("group/{id}");
    if let Some(link) = links.make(&name, answers.as_deref().unwrap_or("somebody"), now) {
        let _ = write!(text, "\nAnswer all of them: {link}\n");
    }
    groups.insert(name.clone(), keys.iter().cloned().collect());
    let way = match first.way {
        Way::Pager { site, channel, secret, .. } => {
            Way::Pager { site, channel, secret, page: Page::Trigger, dedup_key: name }
        }
        other => other,
    };
    Some(Message {
        data: json!({ "schema": "writ.told.v1", "kind": "digest", "incidents": keys }),
        id,
        way,
        severity: first.severity,
        keys: keys.into_iter().collect(),
        contact: answers,
        kind: "digest".to_owned(),
        at: now,
        subject,
        text,
    })
}
