//! The parsers of what this crate reads and did not write, in one list, beside those of probes ([`crate::probes::parsers()`]): what
//! the fuzzer throws bytes at. What is in here is for it alone.
//!
//! Each panics only when a promise is broken.

use std::sync::LazyLock;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use writ_policy::check::Check;
use writ_trust::digest::Digest;
use writ_trust::json::{self, MAX_DOCUMENT};
use writ_trust::time::Time;
use writ_wire::plan::Plan;
use writ_wire::plan_request::{ModelBudget, PlanRequest};

use crate::enforce::acknowledge::Acknowledgement;
use crate::enforce::code::Stored;
use crate::enforce::plans::judge::judge;
use crate::enforce::posture::Book;
use crate::enforce::requests::Request;
use crate::enforce::state::State;
use crate::enforce::{acknowledge, code, posture, requests, state};
use crate::network::address::{Address, Host};
use crate::network::dns::Resolver;
use crate::network::dns::message::{self, Kind};
use crate::network::ntp::packet;
use crate::network::tls::{answer, trust};
use crate::network::{reachable, seen};
use crate::planner::model::answer::{self as model_answer, MAX_ANSWER};
use crate::planner::model::budget::{self, Event, MAX_USE, Use};
use crate::planner::model::prompt::{Expected, prompt};
use crate::planner::select::select;
use crate::probes::Parser;
use crate::switch::boot::{asked, record};
use crate::switch::journal::{self, Journal};
use crate::{config, logs, network, planner, size, sync};

const PARSERS: &[Parser] = &[
    ("address", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Some(host @ Host::Name(name)) = Host::parse(&text).as_ref() {
            assert_eq!(Host::parse(name).as_ref(), Some(host));
        }
        forget((Address::parse(&text, None), Address::parse(&text, Some(443))));
    }),
    ("age-file", |bytes| {
        let file = writ_age::dearmor(bytes);
        if let Ok(file) = &file {
            assert_eq!(writ_age::dearmor(writ_age::armor(file).as_bytes()).as_ref(), Ok(file));
        }
        let file = file.as_deref().unwrap_or(bytes);
        let opened = writ_age::open(file, &writ_age::Identity::generate(&[1; 32]));
        assert!(opened.is_err() || writ_age::inspect(file).is_ok());
    }),
    ("dns-answer", |bytes| {
        let id = u16::from_be_bytes(*bytes.first_chunk().unwrap_or(&[0, 0]));
        for kind in [Kind::A, Kind::Aaaa] {
            let Ok(answer) = message::answer(bytes, id, "ehr.example", kind) else { continue };
            // Each takes ten bytes at least before its address.
            assert!(answer.addresses.len() <= bytes.len() / 10);
            assert!(answer.addresses.iter().all(|address| address.is_ipv4() == (kind == Kind::A)));
        }
    }),
    ("enforce-toml", |bytes| forget(config::Config::parse(bytes))),
    ("hosts", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let resolver = Resolver::from_files(&text, &text);
        let servers = resolver.servers().map_or(1, <[_]>::len);
        assert!((1..=3).contains(&servers), "{servers} servers");
    }),
    ("logs-toml", |bytes| forget(logs::config::Config::parse(bytes))),
    ("look", |bytes| {
        let (check, now) = (&*CHECK, Time::from_unix_millis(1_763_899_200_000));
        if let Ok(Ok(observation)) = seen::judge(bytes, "ehr", check, &reachable::SCHEMA, now) {
            assert_eq!(reachable::SCHEMA.unpromised(&observation), []);
        }
    }),
    ("model-answer", |bytes| {
        let expected = Expected { request: "r".to_owned(), offered: vec!["RB-A".into(), "RB-B".into()], most: 1 };
        let read = model_answer::read(bytes, &expected, bytes.len());
        if let Ok((runbooks, _)) = read.choice {
            assert!(runbooks.len() == 1 && expected.offered.contains(&runbooks[0]), "{runbooks:?}");
        }
        assert!(read.said.len() <= MAX_ANSWER * 3);
    }),
    ("ntp-answer", |bytes| {
        // Of an answer the nonce stands where ours would.
        let nonce = bytes.get(24..32).and_then(|nonce| nonce.try_into().ok()).unwrap_or_default();
        for now in [1_763_899_200.0, 2_085_978_496.0, 4_294_967_296.0] {
            if let Ok(sample) = packet::sample(bytes, nonce, now, now + 0.02) {
                assert!(sample.offset.is_finite() && (0.0..10.0).contains(&sample.uncertainty), "{sample:?}");
            }
        }
    }),
    ("plan", |bytes| {
        // The request that it claims to answer: the rest of it is judged too.
        let plan = Plan::parse(bytes).ok();
        let request = plan.as_ref().map_or_else(|| Digest::of(bytes), |plan| plan.request);
        let model = plan.and_then(|plan| Some(plan.transcript?.model));
        forget(judge(Ok(bytes.to_vec()), request, model.as_deref()));
    }),
    ("plan-request", |bytes| {
        let request = PlanRequest::parse(bytes);
        assert!(request.iter().filter_map(select).all(|plan| plan.excess() != Some("reason")));
        let Ok(request) = request else { return };
        let Some(prompt) = request.model.as_ref().and_then(|model| prompt(&request, model)) else { return };
        assert!(prompt.asked.len() <= 128 * 1024 && prompt.asked.matches("</seen>").count() <= 1);
    }),
    ("planner-toml", |bytes| forget(planner::config::Config::parse(bytes))),
    ("probe-toml", |bytes| forget(network::config::Config::parse(bytes))),
    ("size", |bytes| forget(String::from_utf8_lossy(bytes).parse::<size::Size>())),
    ("sync-toml", |bytes| forget(sync::config::Config::parse(bytes))),
    ("tls-answer", |bytes| {
        let all = answer::read(bytes);
        for part in [bytes.len() / 2, bytes.len().saturating_sub(1)] {
            let before = answer::read(&bytes[..part]);
            assert!(before == Ok(None) || before == all, "{before:?} became {all:?}");
        }
    }),
    ("tls-certificate", |bytes| forget(trust::valid_for(bytes, Time::from_unix_millis(0)))),
    (acknowledge::SCHEMA, kept::<Acknowledgement>),
    (state::SCHEMA, kept::<State>),
    (budget::SCHEMA, |bytes| {
        kept::<Use>(bytes);
        let Ok(used) = Use::parse(bytes) else { return };
        let budget = ModelBudget { calls_per_hour: 9, calls_per_day: 9, microdollars_per_day: 9 };
        let (after, decision) = budget::step(used, Event::Wanted { budget, at_most: 1 }, 7);
        assert!(decision.is_err() || (after.made() <= 9 && after.spent() <= 9), "{after:?}");
        assert!(after.canonical().len() <= MAX_USE || decision.is_err());
    }),
    (code::SCHEMA, kept::<Stored>),
    (requests::SCHEMA, kept::<Request>),
    (posture::SCHEMA, kept::<Book>),
    (journal::SCHEMA, kept::<Journal>),
    (record::SCHEMA, kept::<record::Record>),
    (asked::SCHEMA, kept::<asked::Asked>),
];

static CHECK: LazyLock<Check> = LazyLock::new(|| {
    let check = json!({
        "title": "t", "probe": { "reachable": { "address": "ehr.example:443" } },
        "expect": { "reachable": { "eq": true } }, "prefer": null, "every": "5m", "target": "self",
        "severity": "high", "cites": [], "declared_at": { "file": "a.nix", "line": 1 },
    });
    serde_json::from_value(check).expect("a check")
});

/// For parsers of which no more is promised than that they come to an end.
fn forget<T>(_: T) {}

/// What is read can be written and read again, and is the same.
fn kept<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    let Ok(read) = json::parse::<T>(bytes, MAX_DOCUMENT) else { return };
    let written = json::canonical(&read);
    let again: T = json::parse(&written, usize::MAX).expect("what was written can be read");
    assert_eq!(json::canonical(&again), written, "it changed when it was read again");
}

/// Every parser of this crate that is not of a probe.
pub fn parsers() -> &'static [Parser] {
    PARSERS
}
