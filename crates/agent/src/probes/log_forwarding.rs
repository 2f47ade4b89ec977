//! `log_forwarding`: the way of logs to a second place, by what `writ-logs` and the courier say of themselves in their
//! status.json. Both are strangers: what they say is read with bounds, and is their word.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};
use writ_trust::ids::LogSourceId;
use writ_trust::time::Time;

use super::{Pace, Parameters, Probe, ProbeContext, Unseen, field, identifier, integer, unannounced};
use crate::enforce::hostile;
use crate::logs;
use crate::sync;
use crate::sync::logs::LogsStatus;

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch: unannounced, pace: Pace::Quick };

/// The name of the probe, for whoever gathers what it looks at.
pub const NAME: &str = SCHEMA.name;

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "log_forwarding",
    about: "the way of logs to a second place",
    parameters: &[],
    observation: &[
        field("configured", Kind::Bool, "whether there are sources of logs, and a courier that sends them"),
        field(
            "active",
            Kind::Bool,
            "whether sources were read, and the courier was at work, within a quarter of an hour",
        ),
        field(
            "tls_version",
            Kind::Text,
            "the only protocol that they are sent by, TLSv1.3; absent where they are sent plainly",
        ),
        field("verified", Kind::Bool, "whether the other end is verified by its certificate; likewise absent"),
        field(
            "last_sent_age_seconds",
            Kind::Int,
            "time since anything was sent; absent before the first, and where that lies in the future",
        ),
        field(
            "lag_seconds",
            Kind::Int,
            "age of the instant up to which everything that the sources said was sent; absent before each was sent once, and where that lies in the future",
        ),
        field("queued_bytes", Kind::Int, "how much waits"),
        field(
            "dropped_count",
            Kind::Int,
            "lines left out in the last run for their length, and dropped within the day for want of room",
        ),
        field("compression", Kind::Text, "how they are compressed"),
        identifier("targets", Kind::List, "where the logs go"),
    ],
};

/// How old a status may be of somebody who is at work, in milliseconds: three runs. What is that far in the future was said by
/// a clock that was set back since, and nobody knows how old it is.
const AT_WORK: i64 = 15 * 60_000;

/// What a courier says, as far as it is about logs.
#[derive(Deserialize)]
struct Courier {
    at: Option<Time>,
    depot: String,
    #[serde(default)]
    logs: LogsStatus,
}

/// What writ-logs says; of a source only what is asked for here.
#[derive(Deserialize)]
struct Sources {
    at: Time,
    sources: BTreeMap<LogSourceId, logs::status::SourceStatus>,
}

fn run(_: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    let status = |program: &str, file: &str| context.programs.join(program).join(file);
    let sources: Option<Sources> = said(&status("logs", logs::status::FILE), logs::status::MAX_STATUS)?;
    let courier: Option<Courier> = said(&status("sync", sync::status::FILE), sync::status::MAX_STATUS)?;
    let courier =
        courier.ok_or_else(|| Unseen::failed("writ-sync", "no courier has said anything yet, nor how logs are"))?;
    let Some(sources) = sources.filter(|said| !said.sources.is_empty()) else {
        return Ok(Observation::new().with("configured", false).with("active", false));
    };
    Ok(observe(&sources, &courier, context.logs_dropped, context.now))
}

fn observe(sources: &Sources, courier: &Courier, dropped: u64, now: Time) -> Observation {
    let age = |since: Time| Some(now.millis_since(since)).filter(|age| *age > -AT_WORK).map(|age| (age / 1000).max(0));
    let at_work = |at: Time| (-AT_WORK..AT_WORK).contains(&now.millis_since(at));
    let encrypted = courier.depot.starts_with("https://");
    let left_out = sources.sources.values().fold(0u64, |sum, source| sum.saturating_add(source.left_out));
    let mut seen = Observation::new()
        .with("configured", true)
        .with("active", at_work(sources.at) && courier.at.is_some_and(at_work))
        .with("queued_bytes", integer(courier.logs.waiting_bytes))
        .with("dropped_count", integer(left_out.saturating_add(dropped)))
        .with("compression", "gzip")
        .with("targets", vec![courier.depot.clone()]);
    if encrypted {
        seen.set("tls_version", "TLSv1.3");
        seen.set("verified", true);
    }
    if let Some(last) = courier.logs.sources.values().filter_map(|sent| age(sent.received_at)).min() {
        seen.set("last_sent_age_seconds", last);
    }
    let lags: Option<Vec<i64>> =
        sources.sources.keys().map(|source| age(courier.logs.sources.get(source)?.to)).collect();
    if let Some(lag) = lags.and_then(|lags| lags.into_iter().max()) {
        seen.set("lag_seconds", lag);
    }
    seen
}

/// What somebody says of themselves; none where they never said anything.
fn said<T: DeserializeOwned>(path: &Path, limit: usize) -> Result<Option<T>, Unseen> {
    match hostile::read(path, limit) {
        Ok(bytes) => parse(&bytes).map(Some).map_err(|e| Unseen::failed(path.display(), e)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Unseen::failed(path.display(), e)),
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(bytes)
}

/// Of any bytes as both statuses, for the list of parsers.
pub(super) fn observe_bytes(bytes: &[u8]) -> Result<Observation, serde_json::Error> {
    Ok(observe(&parse(bytes)?, &parse(bytes)?, 0, Time::from_unix_millis(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-27T12:10:00Z";
    const SOURCES: &str = r#"{"schema":"writ.logs-status.v1","at":"2026-11-27T12:05:00Z","sources":{
        "audit":{"number":7,"to":"2026-11-27T12:05:00Z","lines":3,"left_out":1,"dropped":9,"more":false,"problem":null},
        "access":{"number":2,"to":"2026-11-27T12:05:00Z","lines":0,"left_out":0,"dropped":0,"more":false,"problem":null}}}"#;
    const COURIER: &str = r#"{"at":"2026-11-27T12:09:30Z","pid":7,"depot":"https://depot.example","logs":{"waiting":1,
        "waiting_bytes":312,"refused":0,"sources":{
        "audit":{"number":7,"to":"2026-11-27T12:05:00Z","received_at":"2026-11-27T12:05:10Z","delay_seconds":10},
        "access":{"number":1,"to":"2026-11-27T11:59:00Z","received_at":"2026-11-27T12:00:10Z","delay_seconds":70}}}}"#;

    fn look(sources: &str, courier: &str) -> Result<Observation, Unseen> {
        let dir = tempfile::tempdir().unwrap();
        let mut context = ProbeContext::new(NOW.parse().unwrap(), std::time::Instant::now(), "/".into(), None);
        context.programs = dir.path().to_owned();
        for (folder, text) in [("logs", sources), ("sync", courier)] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
            if !text.is_empty() {
                std::fs::write(dir.path().join(folder).join("status.json"), text).unwrap();
            }
        }
        let none = serde_json::Map::new();
        run(&Parameters::checked(&none, &[]).unwrap(), &mut context)
    }

    #[test]
    fn what_both_say_is_put_together() {
        let seen = look(SOURCES, COURIER).unwrap();
        let wanted = Observation::new()
            .with("configured", true)
            .with("active", true)
            .with("verified", true)
            .with("tls_version", "TLSv1.3")
            .with("queued_bytes", 312)
            .with("dropped_count", 1)
            .with("compression", "gzip")
            .with("targets", vec!["https://depot.example".to_owned()])
            .with("last_sent_age_seconds", 290)
            .with("lag_seconds", 660);
        assert_eq!(seen, wanted);
    }

    #[test]
    fn what_is_not_known_is_not_said() {
        let none = r#"{"at":"2026-11-27T12:05:00Z","sources":{}}"#;
        for sources in ["", none] {
            let seen = look(sources, COURIER).unwrap();
            assert_eq!(seen, Observation::new().with("configured", false).with("active", false));
        }
        assert!(look(SOURCES, "").is_err(), "only a courier knows what was sent");
        let silent = look(SOURCES, &COURIER.replace("12:09:30", "11:09:30")).unwrap();
        assert_eq!(silent.get("active"), Some(&false.into()));
        let future = look(&SOURCES.replace("\"at\":\"2026-11-27", "\"at\":\"2027-11-27"), COURIER).unwrap();
        assert_eq!(future.get("active"), Some(&false.into()));
        let ahead = "2027-11-27T12:05:00Z";
        let set_back = COURIER.replace("2026-11-27T12:05:00Z", ahead).replace("2026-11-27T12:05:10Z", ahead);
        let set_back = look(SOURCES, &set_back).unwrap();
        assert_eq!(set_back.get("lag_seconds"), None, "nobody knows how old what was sent of one source is");
        assert_eq!(set_back.get("last_sent_age_seconds"), Some(&590.into()), "of the other");
        let seconds = look(SOURCES, &COURIER.replace("12:05:10Z", "12:10:09Z")).unwrap();
        assert_eq!(seconds.get("last_sent_age_seconds"), Some(&0.into()), "the depot's clock is a little ahead");
        let plain = look(SOURCES, &COURIER.replace("https", "http")).unwrap();
        assert_eq!((plain.get("tls_version"), plain.get("verified")), (None, None));
        let never = look(&SOURCES.replace("\"access\"", "\"firewall\""), COURIER).unwrap();
        assert_eq!(never.get("lag_seconds"), None, "a source of which nothing was sent yet");
        assert!(look("{", COURIER).is_err() && look(SOURCES, "[]").is_err());
        assert!(look(&" ".repeat(300 * 1024), COURIER).is_err());
    }
}
