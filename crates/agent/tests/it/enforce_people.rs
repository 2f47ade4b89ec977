//! Incidents that people have, and checks that come and go, over hours: by a simulated clock.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use writ_agent::clock::{Clock, Simulated};
use writ_agent::config::Config;
use writ_agent::enforce::acknowledge::Acknowledgement;
use writ_agent::enforce::driver::{Driver, Units};
use writ_agent::enforce::engine::Engine;
use writ_agent::watch::{Message, Topic};
use writ_evidence::Kind;
use writ_evidence::incident::ResolutionType;
use writ_policy::observation::Value as Seen;
use writ_policy::policy::Policy;
use writ_wire::notice::{Notice, NoticeEvent};
use writ_wire::{Blob, Signed};

use crate::support::{Site, chmod, mode, now};

/// A site, its enforcer in this process, and the time in which both live.
struct Life {
    site: Site,
    time: Arc<Simulated>,
    driver: Driver,
}

impl Life {
    /// A site with a check of this severity of the file `motd`, which has a rule or not, and this policy otherwise.
    fn new(severity: &str, rule: bool, change: impl Fn(&mut Value)) -> Self {
        let site = Site::new();
        let mut policy = site.policy();
        site.file_check(&mut policy, "motd");
        policy["checks"]["file.motd"]["severity"] = json!(severity);
        if !rule {
            policy["rules"] = json!({});
            policy["runbooks"] = json!({});
        }
        let policy = Policy::parse(&Site::policy_bytes(&policy)).unwrap();
        let mut policy = serde_json::to_value(&policy).unwrap();
        policy["settings"]["time_zone"] = json!("America/New_York");
        let contact = |person: &str| json!({ "person": person, "role": "primary", "email": null, "phone": null, "answers_within": "15m" });
        policy["settings"]["contacts"] = json!({ "first": contact("A"), "second": contact("B") });
        policy["settings"]["escalation"]["route"][severity] = json!(["first", "second"]);
        policy["settings"]["escalation"]["contacts"] = json!(["primary first: A", "primary second: B"]);
        change(&mut policy);
        site.publish(1, &policy);
        let time = Simulated::starting(now());
        let mut engine =
            Engine::open_at(Config::read(&site.path("etc/enforce.toml")).unwrap(), Clock::Simulated(time.clone()))
                .unwrap();
        engine.start(false);
        fs::create_dir_all(site.state("requests")).unwrap();
        let driver = Driver::new(engine, Box::new(|_| ()), Units::default());
        let mut life = Self { site, time, driver };
        life.act();
        life
    }

    fn act(&mut self) {
        assert!(self.driver.act(&mut std::iter::empty()));
        self.driver.quiet();
    }

    /// The file is changed, and the enforcer hears of it.
    fn change(&mut self, to: u32) {
        chmod(&self.motd(), to);
        assert!(self.driver.take(Message::Changed(Topic::Check("file.motd".to_owned()))));
        self.time.advance(Duration::from_millis(20));
        self.act();
    }

    fn time_now(&self) -> writ_trust::time::Time {
        Clock::Simulated(self.time.clone()).now()
    }

    fn motd(&self) -> PathBuf {
        self.site.path("target/motd")
    }

    /// So many minutes go by, one after the other.
    fn minutes(&mut self, minutes: u32) {
        for _ in 0..minutes {
            self.time.advance(Duration::from_secs(60));
            self.act();
        }
    }

    /// All notices in the spool; fails unless each is signed by the appliance, and they are numbered without a gap.
    fn notices(&self) -> Vec<Notice> {
        let key = self.site.appliance_key.public_key();
        (1..)
            .map_while(|number: u64| {
                let document = fs::read(self.site.path(&format!("notices/{number}.json"))).ok()?;
                let signature = fs::read(self.site.path(&format!("notices/{number}.json.minisig"))).unwrap();
                let signed = Signed { document: Blob(document), signatures: vec![Blob(signature)] };
                let notice = Notice::verify(&signed, &key).unwrap();
                assert_eq!(notice.number, number);
                Some(notice)
            })
            .collect()
    }

    fn told(&self) -> Vec<(NoticeEvent, Vec<String>)> {
        self.notices().into_iter().map(|notice| (notice.event, notice.route)).collect()
    }

    fn ticket(&self) -> Value {
        let entries = fs::read_dir(self.site.state("tickets")).unwrap();
        let path = entries.map(|entry| entry.unwrap().path()).next().expect("one ticket");
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }

    /// `writ-enforce ack` asks; the enforcer answers.
    fn acknowledge(&mut self, incident: &str) -> (bool, String) {
        let asked =
            Acknowledgement::new(incident.to_owned(), "Kim Lee".to_owned(), Clock::Simulated(self.time.clone()).now());
        let requests = self.site.state("requests");
        let person = std::thread::spawn(move || asked.ask(&requests, Duration::from_secs(60)).unwrap());
        while !person.is_finished() {
            assert!(self.driver.take(Message::Changed(Topic::Requests)));
        }
        let answer = person.join().unwrap();
        (answer.granted, answer.message)
    }
}

const FIRST: &str = "primary first: A";
const SECOND: &str = "primary second: B";

#[test]
fn one_contact_after_the_other_is_called_until_somebody_answers_and_all_hear_the_end() {
    use NoticeEvent::{Acknowledged, Closed, Escalated, Unanswered, Update};
    let mut life = Life::new("critical", false, |_| ());
    life.change(0o600);
    let call = |event, names: &[&str]| (event, names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    assert_eq!(life.told(), [call(Escalated, &[FIRST])]);
    let first = life.notices().remove(0);
    assert_eq!(first.severity.as_deref(), Some("critical"));
    assert!(first.reasons[0].contains("no rule answers it") && first.reasons[1].contains("0600"), "{first:?}");
    assert_eq!(first.answer_by.unwrap().millis_since(first.at), 30 * 60_000);
    life.minutes(29);
    assert_eq!(life.told().len(), 1);
    life.minutes(1);
    assert_eq!(life.told()[1..], [call(Unanswered, &[SECOND])]);
    assert_eq!((&life.ticket()["called"], &life.ticket()["acknowledged_at"]), (&json!(2), &Value::Null));

    let id = life.ticket()["incident_id"].as_str().unwrap().to_owned();
    let (granted, message) = life.acknowledge("INC-20200101-0009");
    assert!(!granted && message.contains("no incident"), "{message}");
    assert!(life.acknowledge(&id).0);
    assert!(life.acknowledge(&id).1.contains("already"));
    assert_ne!(life.ticket()["acknowledged_at"], Value::Null);
    life.minutes(1);
    assert_eq!(life.told()[2..], [call(Acknowledged, &[FIRST, SECOND])], "once, and without the name");
    assert!(!life.notices()[2].reasons.iter().any(|reason| reason.contains("Kim")));
    life.minutes(89);
    assert_eq!(life.told()[3..], [call(Update, &[FIRST, SECOND])], "two hours after the first call");
    life.change(0o644);
    assert_eq!(life.told()[4..], [call(Closed, &[FIRST, SECOND])]);
    life.minutes(300);
    assert_eq!(life.told().len(), 5, "it is over");
    life.driver.engine().stop();
    let closed = life.site.incidents().closed.into_values().next().unwrap();
    let details = closed.incident.unwrap().details;
    assert_eq!(details.get("contacts_called"), Some(&Seen::Int(2)));
    let by = details.get("acknowledged_by").unwrap().to_string();
    assert!(details.contains_key("acknowledged_at") && !by.contains("Kim"), "{by}");
}

#[test]
fn low_severity_is_told_at_the_end_of_the_business_day_of_the_site() {
    let mut life = Life::new("low", false, |_| ());
    life.change(0o600);
    assert_eq!(life.told(), []);
    assert_eq!(life.ticket()["called"], json!(0), "the ticket is there meanwhile");
    let due: writ_trust::time::Time = serde_json::from_value(life.ticket()["next_word_at"].clone()).unwrap();
    let minutes = u32::try_from(due.millis_since(life.time_now()) / 60_000).unwrap();
    assert!(minutes < 4 * 24 * 60, "{due}");
    life.time.advance(Duration::from_secs(u64::from(minutes) * 60));
    life.act();
    assert_eq!(life.told(), []);
    life.minutes(1);
    assert_eq!(life.told().len(), 1);
    let at = due.to_string();
    assert!(["T21:00:00", "T22:00:00"].iter().any(|five| at.contains(five)), "17:00 in New York: {at}");
}

#[test]
fn nobody_is_told_of_what_a_rule_heals_unless_a_channel_asks_for_it() {
    let mut life = Life::new("high", true, |_| ());
    life.change(0o600);
    assert_eq!((life.told(), mode(&life.motd())), (vec![], 0o644));
    let mut life = Life::new("high", true, |policy| {
        policy["settings"]["notify"]["desk"] = json!({ "kind": "email", "address": "desk@example.org", "secret": null,
            "severities": ["high"], "events": ["incident-opened", "incident-closed"] });
    });
    life.change(0o600);
    let told: Vec<NoticeEvent> = life.told().into_iter().map(|(event, _)| event).collect();
    assert_eq!(told, [NoticeEvent::Opened, NoticeEvent::Closed]);
}

#[test]
fn a_check_that_comes_and_goes_is_one_incident_until_it_has_held_for_a_while() {
    let mut life = Life::new("high", false, |policy| {
        policy["settings"]["circuit_breaker"] = json!({ "fires": 2, "within": "1h" });
    });
    for _ in 0..2 {
        life.change(0o600);
        life.change(0o644);
        life.minutes(1);
    }
    assert_eq!(life.site.incidents().closed.len(), 2);
    for _ in 0..5 {
        life.change(0o600);
        life.change(0o644);
        life.minutes(5);
    }
    let (opened, closed) = (life.site.incidents().opened.len(), life.site.incidents().closed.len());
    assert_eq!((opened, closed), (3, 2), "the third one is still open");
    let state: Value = serde_json::from_slice(&fs::read(life.site.state("state.json")).unwrap()).unwrap();
    assert!(
        state["incidents"]["file.motd@self"]["flapping"]["holds_since"].is_string(),
        "a restart knows of it: {state}"
    );
    let why = |bundle: writ_evidence::Bundle| bundle.plan.unwrap().reason;
    let told = life.site.of_kind(Kind::Plan).into_iter().map(why).filter(|reason| reason.contains("flaps")).count();
    assert_eq!(told, 1, "people are told once");
    life.minutes(24);
    assert_eq!(life.site.incidents().closed.len(), 2);
    life.minutes(2);
    let closed = life.site.incidents().closed;
    assert_eq!(closed.len(), 3, "half an hour, and so the breaker's time by its number");
    let last = closed.into_values().max_by_key(|bundle| bundle.chain.sequence).unwrap();
    assert_eq!(last.incident.unwrap().details.get("failed_again"), Some(&Seen::Int(4)));
    assert_eq!(last.execution.unwrap().resolution_type, ResolutionType::Manual);
}
