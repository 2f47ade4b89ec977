//! What people and programs read. Words of the policy, scrubbed and short: nothing here comes from a patient's record.

use std::fmt::Write as _;

use serde_json::{Value, json};
use writ_policy::settings::{Channel, ChannelKind};
use writ_trust::text::one_line;
use writ_trust::time::Time;

use crate::incident::{Clock, Incident, Kind, Word};
use crate::link::Links;
use crate::message::{Message, Page, Way, name_of};
use crate::rules::Rules;

/// The most of any text that is told, in characters.
const LONGEST: usize = 300;
/// The most reasons.
const REASONS: usize = 6;

/// A text of somebody else as it may be told: one line, without what could be of a patient, and not too long.
pub fn clean(text: &str) -> String {
    let cut: String = text.chars().take(4 * LONGEST).collect();
    one_line(writ_evidence::scrub::scrub(&cut)).chars().take(LONGEST).collect()
}

/// What is told, in a few words.
fn headline(incident: &Incident, kind: Kind) -> String {
    let lead = match kind {
        Kind::Opened | Kind::Call(_) => String::new(),
        Kind::Update(_) => "still open: ".to_owned(),
        Kind::Clock(Clock::Half) => "half of its time is gone: ".to_owned(),
        Kind::Clock(Clock::Near) => "due soon: ".to_owned(),
        Kind::Clock(Clock::Missed) => "OVERDUE: ".to_owned(),
        Kind::Acknowledged => "acknowledged: ".to_owned(),
        Kind::Resolved => "resolved: ".to_owned(),
        Kind::Report => "report overdue: ".to_owned(),
    };
    format!("[{}] {lead}{}/{}: {}", incident.severity, incident.site, incident.subject, incident.title)
}

/// What it means for whoever reads it.
fn lead(incident: &Incident, kind: Kind, rules: Rules<'_>) -> String {
    let named = |name: &String| match rules.contact(name) {
        Some(contact) => match &contact.phone {
            Some(phone) => format!("{} ({name}, {phone})", contact.person),
            None => format!("{} ({name})", contact.person),
        },
        None => name.clone(),
    };
    match kind {
        Kind::Opened => "It opened; nobody is called for it yet.".to_owned(),
        Kind::Call(n) => {
            let calls = &incident.told.calls;
            let call = calls.get(n as usize);
            let who = call.and_then(|call| call.contact.as_ref()).map_or_else(|| "nobody".to_owned(), named);
            let before = if n == 0 { "" } else { "Nobody answered so far. " };
            match incident.next_call(rules).and_then(|(at, next)| Some((at, next?.to_owned()))) {
                Some((at, next)) => format!("{before}Called: {who}. Without an answer by {at}: {}.", named(&next)),
                None => format!("{before}Called: {who}. Nobody else is left to be called."),
            }
        }
        Kind::Update(_) | Kind::Clock(_) => match &incident.acknowledged {
            Some(said) => format!("It is open. Acknowledged by {} at {}.", said.by, said.at),
            None => "It is open, and nobody has answered.".to_owned(),
        },
        Kind::Acknowledged => match &incident.acknowledged {
            Some(said) => {
                let note = said.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
                format!("{} has it since {}: nobody else is called{note}.", said.by, said.at)
            }
            None => "Somebody has it.".to_owned(),
        },
        Kind::Resolved => match &incident.ended {
            Some(ended) => format!("It ended at {}: {}.", ended.at, ended.how),
            None => "It ended.".to_owned(),
        },
        Kind::Report => "The report on it is overdue. When it is written: writ ack --report".to_owned(),
    }
}

fn text(incident: &Incident, kind: Kind, rules: Rules<'_>, link: Option<&str>) -> String {
    let mut out = format!("{}\n\n", lead(incident, kind, rules));
    let mut row = |name: &str, what: &str| {
        let _ = writeln!(out, "{name}: {what}");
    };
    row("What", &format!("{} ({}), {}", incident.title, incident.about, incident.severity));
    row("Where", &format!("{}/{}, {}", incident.site, incident.subject, incident.target));
    let due = incident.due_at.map(|due| format!("; to be resolved by {due}")).unwrap_or_default();
    row("Since", &format!("{}{due}", incident.opened_at));
    for reason in incident.reasons.iter().take(REASONS) {
        row("Why", reason);
    }
    if !incident.runbooks.is_empty() {
        row("Runbooks", &incident.runbooks.join(", "));
    }
    if !incident.controls.is_empty() {
        row("Controls", &incident.controls.join(", "));
    }
    row("Incident", &incident.key);
    if let Some(link) = link {
        let _ = write!(out, "\nAnswer: {link}\n");
    }
    out
}

/// What a program reads: `writ.told.v1`.
fn data(incident: &Incident, kind: Kind) -> Value {
    json!({
        "schema": "writ.told.v1",
        "kind": kind.name(),
        "incident": incident.key,
        "site": incident.site,
        "appliance": incident.subject,
        "incident_id": incident.id,
        "check": incident.about,
        "title": incident.title,
        "severity": incident.severity,
        "target": incident.target,
        "controls": incident.controls,
        "runbooks": incident.runbooks,
        "reasons": incident.reasons.iter().take(REASONS).collect::<Vec<_>>(),
        "opened_at": incident.opened_at,
        "due_at": incident.due_at,
        "called": incident.called(),
        "acknowledged_by": incident.acknowledged.as_ref().map(|said| &said.by),
        "ended_at": incident.ended.as_ref().map(|ended| ended.at),
    })
}

/// Whether somebody can still answer what is told.
fn asks(kind: Kind, incident: &Incident) -> bool {
    incident.acknowledged.is_none() && !matches!(kind, Kind::Resolved | Kind::Report | Kind::Acknowledged)
}

/// The messages of a word, but for those to pagers.
pub fn messages(incident: &Incident, word: &Word, rules: Rules<'_>, links: &Links, now: Time) -> Vec<Message> {
    let mut all: Vec<Message> = Vec::new();
    let mut add = |way: Way, contact: Option<&str>, answers: Option<&str>| {
        let target = way.target();
        // Several contacts, and a channel, may have one mailbox.
        if all.iter().any(|message| message.way.target() == target) {
            return;
        }
        let link = answers.filter(|_| asks(word.kind, incident)).and_then(|name| links.make(&incident.key, name, now));
        all.push(Message {
            text: text(incident, word.kind, rules, link.as_deref()),
            contact: contact.map(str::to_owned),
            ..message(incident, word.kind, way, now)
        });
    };
    for name in &word.contacts {
        if let Some(to) = rules.contact(name).and_then(|contact| contact.email.clone()) {
            add(Way::Mail { to }, Some(name), Some(name));
        }
    }
    for (name, channel) in word.channels.iter().filter_map(|name| rules.0.notify.get_key_value(name)) {
        match channel.kind {
            ChannelKind::Email => {
                if let Some(to) = channel.address.clone() {
                    add(Way::Mail { to }, None, Some(name));
                }
            }
            ChannelKind::Webhook => add(webhook(incident, name, channel), None, None),
            ChannelKind::Pagerduty => {}
        }
    }
    all
}

fn webhook(incident: &Incident, name: &str, channel: &Channel) -> Way {
    Way::Webhook {
        site: incident.site.clone(),
        channel: name.to_owned(),
        address: channel.address.clone(),
        secret: channel.secret.clone(),
    }
}

/// A message to a pager.
pub fn page(
    incident: &Incident,
    kind: Kind,
    name: &str,
    channel: &Channel,
    page: Page,
    key: &str,
    now: Time,
) -> Message {
    let way = Way::Pager {
        site: incident.site.clone(),
        channel: name.to_owned(),
        secret: channel.secret.clone(),
        page,
        dedup_key: key.to_owned(),
    };
    message(incident, kind, way, now)
}

fn message(incident: &Incident, kind: Kind, way: Way, now: Time) -> Message {
    let opened = incident.opened_at.to_string();
    Message {
        id: name_of([incident.key.as_str(), &opened, &kind.name(), &way.target()]),
        severity: incident.severity,
        keys: vec![incident.key.clone()],
        contact: None,
        kind: kind.name(),
        at: now,
        subject: headline(incident, kind),
        text: String::new(),
        data: data(incident, kind),
        way,
    }
}
