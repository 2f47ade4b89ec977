//! A site with its policy, an appliance that says things, and a notifier that never sends: what it would send is looked at.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Value, json};
use writ_notify::book::{Book, Seeming, World};
use writ_notify::incident::{Incident, Said};
use writ_notify::link::Links;
use writ_notify::message::{Message, Page, Way};
use writ_notify::rules::Moment;
use writ_policy::policy::Policy;
use writ_policy::settings::maintenance::{Day, LocalMinute};
use writ_trust::digest::Digest;
use writ_trust::json as strict;
use writ_trust::minisign::SecretKey;
use writ_trust::time::Time;
use writ_wire::notice::{Notice, NoticeEvent, NoticeSchema};

/// The policy of the example that the demo plays.
const GOLDEN: &[u8] = include_bytes!("../../../../checks/golden/policy.json");
pub const SITE: &str = "clinic-001";
pub const DESK: &str = "front-desk";

/// At noon, at the site.
pub fn noon() -> Time {
    "2026-11-23T17:00:00Z".parse().unwrap()
}

pub struct Clinic {
    pub policy: Rc<Policy>,
    pub book: Book,
    /// Minutes since noon.
    pub minute: i64,
    pub key: SecretKey,
    number: u64,
}

impl Clinic {
    pub fn new() -> Self {
        Self::with(|_| ())
    }

    /// With these settings.
    pub fn with(change: impl FnOnce(&mut Value)) -> Self {
        let mut policy: Value = serde_json::from_slice(GOLDEN).unwrap();
        let settings = &mut policy["settings"];
        settings["contacts"]["stand-in"]["email"] = json!("stand-in@msp.example");
        settings["contacts"]["manager"]["email"] = json!("manager@msp.example");
        // Beside the ladder nothing is told, unless a test wants that.
        settings["notify"] = json!({});
        settings["sla"]["critical"] = json!("12h");
        settings["sla"]["high"] = json!("24h");
        change(settings);
        let policy = Policy::parse(&strict::canonical(&policy)).unwrap();
        let mut book = Book::default();
        book.begun.insert(SITE.to_owned());
        Self { policy: Rc::new(policy), book, minute: 0, key: SecretKey::generate(&[1; 40]), number: 0 }
    }

    pub fn now(&self) -> Time {
        noon().plus_millis(self.minute * 60_000)
    }

    pub fn moment(&self) -> Moment {
        let minute = u32::try_from((12 * 60 + self.minute).rem_euclid(1440)).unwrap();
        Moment { now: self.now(), local: LocalMinute { day: Day::Mon, minute } }
    }

    pub fn notice(&mut self, event: NoticeEvent, id: &str, severity: &str) -> Notice {
        self.number += 1;
        Notice {
            schema: NoticeSchema::V1,
            site: SITE.parse().unwrap(),
            appliance: DESK.parse().unwrap(),
            public_key: self.key.public_key(),
            number: self.number,
            at: self.now(),
            event,
            incident_id: Some(id.to_owned()),
            check: Some("access.firewall".into()),
            title: "The firewall is loaded".into(),
            severity: Some(severity.into()),
            target: "self".into(),
            controls: vec!["164.312(e)(1)".into()],
            route: vec!["primary on-call: Kim Lee".into()],
            due_at: Some(self.now().plus_millis(12 * 3_600_000)),
            answer_by: None,
            reasons: vec![format!("{event:?} of the test")],
        }
    }

    pub fn take(&mut self, notice: &Notice) {
        let moment = self.moment();
        self.book.take(notice, &Digest::of(&notice.canonical()), &self.policy, moment).unwrap();
    }

    pub fn says(&mut self, event: NoticeEvent, id: &str, severity: &str) {
        let notice = self.notice(event, id, severity);
        self.take(&notice);
    }

    fn with_world<T>(&mut self, act: impl FnOnce(&mut Book, &World<'_>) -> T) -> T {
        let moment = self.moment();
        let policy = Rc::clone(&self.policy);
        let at = |site: &str, _: &str| (site == SITE).then_some((&*policy, moment));
        let links = Links::new(Some("https://ack.example"), [9; 32]);
        act(&mut self.book, &World { at: &at, links: &links, now: moment.now })
    }

    pub fn seem(&mut self, all: &[Seeming], judged: bool) {
        self.with_world(|book, world| book.seem(SITE, all, &|_: &Incident| judged, world));
    }

    /// What the newest release says: under which key the desk speaks, or that there is none.
    pub fn released(&mut self, fingerprint: Option<String>) {
        let speakers: BTreeMap<String, String> =
            fingerprint.into_iter().map(|fingerprint| (DESK.to_owned(), fingerprint)).collect();
        self.with_world(|book, world| book.gone(SITE, &speakers, world));
    }

    pub fn hear(&mut self, name: &str, by: &str, report: bool) {
        let said = Said { at: self.now(), by: by.into(), how: "command".into(), note: None };
        self.with_world(|book, world| {
            let keys = book.named(name);
            assert!(!keys.is_empty(), "{name}");
            book.hear(&keys, &said, report, world);
        });
    }

    pub fn lost(&mut self, message: &Message) {
        self.with_world(|book, world| book.lost(message, world));
    }

    /// Time goes by until then; what is told at it.
    pub fn at(&mut self, minute: i64) -> Vec<Message> {
        self.minute = minute;
        self.with_world(|book, world| book.tick(world));
        std::mem::take(&mut self.book.queue)
    }

    /// What is told from now until then, looking every minute: `minute kind target`.
    pub fn until(&mut self, minute: i64) -> Vec<String> {
        let mut told = Vec::new();
        for minute in self.minute..=minute {
            for message in self.at(minute) {
                told.push(format!("{minute} {}", line(&message)));
            }
        }
        told
    }

    pub fn incident(&self, id: &str) -> &Incident {
        &self.book.incidents[&format!("{SITE}/{DESK}/{id}")]
    }
}

/// `kind target`.
pub fn line(message: &Message) -> String {
    match &message.way {
        Way::Mail { to } => format!("{} {}", message.kind, to.split('@').next().unwrap()),
        Way::Webhook { channel, .. } => format!("{} {channel}", message.kind),
        Way::Pager { channel, page, .. } => format!(
            "{} {channel}",
            match page {
                Page::Trigger => "trigger",
                Page::Acknowledge => "acknowledge",
                Page::Resolve => "resolve",
            }
        ),
    }
}

pub fn lines(messages: &[Message]) -> Vec<String> {
    messages.iter().map(line).collect()
}

pub fn channel(kind: &str, events: &[&str]) -> Value {
    let (address, secret) = match kind {
        "email" => (json!("desk@msp.example"), Value::Null),
        "webhook" => (json!("https://hooks.example/x"), Value::Null),
        _ => (Value::Null, json!("pager-key")),
    };
    json!({ "kind": kind, "address": address, "secret": secret, "severities": ["critical", "high", "medium", "low"], "events": events })
}
