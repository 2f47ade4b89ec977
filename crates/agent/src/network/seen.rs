//! What counts of a look: it is of this check and of what the policy asks now, it was made in time, and it holds what the
//! probe's schema promises. Whoever wrote it is taken for hostile.

use std::io;
use std::path::Path;

use writ_policy::check::Check;
use writ_policy::observation::{Observation, Value};
use writ_policy::outcome::Probed;
use writ_policy::schema::ProbeSchema;
use writ_trust::text::one_line;
use writ_trust::time::{Span, Time};
use writ_wire::asks::{Ask, call_digest};
use writ_wire::looks::{Fact, Look, LookResult, MAX_LOOK, file_name};

use super::asks;
use crate::enforce::hostile;
use crate::probes::{self, NOT_OBSERVED, Parameters};

/// How many of its check's periods a look counts for.
const PERIODS: i64 = 3;
/// How far in the future it may have ended: two processes read one clock, not at one instant.
const AHEAD_MILLIS: i64 = 5_000;
/// The most entries of a list.
const MOST_ENTRIES: usize = 200;
/// The longest text, in bytes.
const LONGEST_TEXT: usize = 1024;

/// A rule that a look broke.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rule {rule}: {message}")]
pub struct Broken {
    /// The rule: `look-unreadable`, `look-shape`, `look-check`, `look-call`, `look-times`, `look-bounds`, `look-schema`.
    pub rule: &'static str,
    /// What is wrong, in one line.
    pub message: String,
}

/// Why a look does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unusable {
    /// There is none.
    None(String),
    /// There is one, and it is too old.
    Old(String),
    /// There is one, and it breaks a rule.
    Broken(Broken),
}

impl From<Broken> for Unusable {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

/// What was seen for a check, by the newest look in the folder.
pub fn seen(looks: &Path, id: &str, check: &Check, now: Time) -> Probed {
    let Some(schema) = probes::NETWORK.iter().find(|schema| schema.name == check.probe.name) else {
        return Probed::Failed(format!("{} is no probe of the network", check.probe.name));
    };
    // A call that will never be right says so, and is not waited for.
    if let Err(problem) = Parameters::checked(&check.probe.parameters, schema.parameters) {
        return Probed::Failed(one_line(format!("{}: {problem}", schema.name)));
    }
    match read(looks, id, check).and_then(|bytes| judge(&bytes, id, check, schema, now)) {
        Ok(Ok(observation)) => Probed::Seen(observation),
        Ok(Err(reason)) => Probed::Failed(format!("{}: {}", schema.name, one_line(reason))),
        Err(Unusable::None(why)) => Probed::Failed(format!("{NOT_OBSERVED}{why}")),
        Err(Unusable::Old(why)) => Probed::Failed(format!("{}: {why}", schema.name)),
        Err(Unusable::Broken(broken)) => {
            Probed::Failed(one_line(format!("{}: what writ-probe wrote does not count: {broken}", schema.name)))
        }
    }
}

fn read(looks: &Path, id: &str, check: &Check) -> Result<Vec<u8>, Unusable> {
    let nothing = |why: String| Unusable::None(why);
    let (Some(_), Some(name)) = (asks::ask(id, check), file_name(id)) else {
        return Err(nothing("the id of this check cannot be the name of a file".to_owned()));
    };
    match hostile::read(&looks.join(&name), MAX_LOOK) {
        Ok(bytes) => Ok(bytes),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            Err(nothing("writ-probe, which looks over the network, has not looked yet; see that it runs".to_owned()))
        }
        Err(e) => Err(Broken { rule: "look-unreadable", message: format!("looks/{name}: {e}") }.into()),
    }
}

/// Judges the bytes of a look. Pure.
///
/// # Errors
/// Why it does not count; inside, why whoever looked saw nothing.
pub fn judge(
    bytes: &[u8],
    id: &str,
    check: &Check,
    schema: &ProbeSchema,
    now: Time,
) -> Result<Result<Observation, String>, Unusable> {
    let broken = |rule: &'static str, message: String| Broken { rule, message };
    let look = Look::parse(bytes).map_err(|e| broken("look-shape", one_line(e)))?;
    if look.check != id {
        return Err(broken("look-check", format!("it is of check {:?}", brief(&look.check))).into());
    }
    if look.call != call_digest(&check.probe.name, &check.probe.parameters) {
        // As it is after a new release, until writ-probe has looked again.
        return Err(broken("look-call", "it is of another call than the policy makes now".to_owned()).into());
    }
    times(&look, &check.every, now)?;
    let facts = match look.result {
        LookResult::Failed(reason) => return Ok(Err(brief(&reason))),
        LookResult::Seen(facts) => facts,
    };
    let observation = observation(facts)?;
    match schema.unpromised(&observation).first() {
        None => Ok(Ok(observation)),
        Some((field, value)) => {
            let message = format!("{} has no {} that is {}", schema.name, brief(field), brief(&value.to_string()));
            Err(broken("look-schema", message).into())
        }
    }
}

fn times(look: &Look, every: &Span, now: Time) -> Result<(), Unusable> {
    let broken = |message: String| Unusable::from(Broken { rule: "look-times", message });
    if look.began_at > look.ended_at {
        return Err(broken(format!("it began at {} and ended at {}", look.began_at, look.ended_at)));
    }
    let age = now.millis_since(look.ended_at);
    if age < -AHEAD_MILLIS {
        return Err(broken(format!("it ended at {}, which has not come", look.ended_at)));
    }
    if age > every.millis().saturating_mul(PERIODS) {
        let ended = look.ended_at;
        return Err(Unusable::Old(format!(
            "writ-probe last looked at {ended}, more than {PERIODS} times {every} ago; see that it runs"
        )));
    }
    Ok(())
}

fn observation(facts: impl IntoIterator<Item = (String, Fact)>) -> Result<Observation, Unusable> {
    let mut observation = Observation::new();
    for (field, fact) in facts {
        let texts: &[String] = match &fact {
            Fact::Bool(_) | Fact::Int(_) => &[],
            Fact::Text(text) => std::slice::from_ref(text),
            Fact::List(entries) => entries,
        };
        if texts.len() > MOST_ENTRIES || texts.iter().any(|text| text.len() > LONGEST_TEXT) {
            let message = format!(
                "{} has more than {MOST_ENTRIES} entries, or one of more than {LONGEST_TEXT} bytes",
                brief(&field)
            );
            return Err(Broken { rule: "look-bounds", message }.into());
        }
        observation.set(
            &field,
            match fact {
                Fact::Bool(value) => Value::Bool(value),
                Fact::Int(value) => Value::Int(value),
                Fact::Text(value) => Value::Text(value),
                Fact::List(value) => Value::List(value),
            },
        );
    }
    Ok(observation)
}

/// The beginning of a hostile text.
fn brief(text: &str) -> String {
    text.chars().take(200).collect()
}

/// A look at what was asked for, as writ-probe writes it.
pub fn look(check: &str, ask: &Ask, began_at: Time, ended_at: Time, seen: Result<&Observation, &str>) -> Look {
    let fact = |value: &Value| match value {
        Value::Bool(value) => Fact::Bool(*value),
        Value::Int(value) => Fact::Int(*value),
        Value::Text(value) => Fact::Text(value.clone()),
        Value::List(value) => Fact::List(value.clone()),
    };
    let result = match seen {
        Ok(observation) => LookResult::Seen(observation.iter().map(|(name, v)| (name.to_owned(), fact(v))).collect()),
        Err(reason) => LookResult::Failed(brief(reason)),
    };
    let (schema, check, call) = (writ_wire::looks::LookSchema::V1, check.to_owned(), ask.call());
    Look { schema, check, call, began_at, ended_at, result }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::network::reachable::SCHEMA;

    fn check() -> Check {
        serde_json::from_value(json!({
            "title": "t", "probe": { "reachable": { "address": "ehr.example:443" } },
            "expect": { "reachable": { "eq": true } }, "prefer": null, "every": "5m", "target": "self",
            "severity": "high", "cites": [], "declared_at": { "file": "a.nix", "line": 1 },
        }))
        .unwrap()
    }

    fn now() -> Time {
        "2026-11-23T12:00:00Z".parse().unwrap()
    }

    fn good() -> Json {
        let check = check();
        let ask = asks::ask("ehr", &check).unwrap();
        let seen = Observation::new().with("reachable", true).with("connect_ms", 7);
        serde_json::to_value(look("ehr", &ask, now().plus_millis(-10), now(), Ok(&seen))).unwrap()
    }

    fn judged(look: &Json) -> Result<Result<Observation, String>, Unusable> {
        judge(look.to_string().as_bytes(), "ehr", &check(), &SCHEMA, now())
    }

    fn rule(change: impl FnOnce(&mut Json)) -> &'static str {
        let mut look = good();
        change(&mut look);
        match judged(&look) {
            Err(Unusable::Broken(broken)) => broken.rule,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_was_asked_for_and_seen_in_time_counts() {
        let seen = Observation::new().with("reachable", true).with("connect_ms", 7);
        assert_eq!(judged(&good()), Ok(Ok(seen)));
        let mut failed = good();
        failed["result"] = json!({ "failed": "no\nroute" });
        assert_eq!(judged(&failed), Ok(Err("no\nroute".to_owned())));
    }

    #[test]
    fn each_lie_breaks_its_rule() {
        let at = |millis: i64| json!(now().plus_millis(millis));
        assert_eq!(rule(|look| look["check"] = "other".into()), "look-check");
        assert_eq!(rule(|look| look["call"] = json!(writ_trust::digest::Digest::of(b""))), "look-call");
        assert_eq!(rule(|look| look["began_at"] = at(1)), "look-times");
        assert_eq!(rule(|look| look["ended_at"] = at(5_001)), "look-times");
        assert_eq!(rule(|look| look["result"] = json!({ "seen": { "mode": "0644" } })), "look-schema");
        assert_eq!(rule(|look| look["result"] = json!({ "seen": { "reachable": "yes" } })), "look-schema");
        assert_eq!(rule(|look| look["result"] = json!({ "seen": { "connect_ms": -1 } })), "look-schema");
        assert_eq!(rule(|look| look["result"] = json!({ "seen": { "x": vec!["y"; 201] } })), "look-bounds");
        assert_eq!(rule(|look| look["result"] = json!({ "seen": { "x": "y".repeat(1025) } })), "look-bounds");
        assert_eq!(rule(|look| look["result"] = json!({ "not_applicable": "no" })), "look-shape");
        assert_eq!(rule(|look| look["more"] = 1.into()), "look-shape");
    }

    #[test]
    fn one_that_is_old_says_since_when() {
        let mut look = good();
        (look["began_at"], look["ended_at"]) = (json!(now().plus_millis(-900_001)), json!(now().plus_millis(-900_001)));
        assert!(matches!(judged(&look), Err(Unusable::Old(why)) if why.contains("see that it runs")));
        look["ended_at"] = json!(now().plus_millis(-900_000));
        assert!(matches!(judged(&look), Ok(Ok(_))));
    }

    proptest! {
        /// Whatever is written, what counts is within the schema.
        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>(), at in any::<usize>(), with in any::<u8>()) {
            let check = check();
            let _ = judge(&bytes, "ehr", &check, &SCHEMA, now());
            let mut bytes = good().to_string().into_bytes();
            let at = at % bytes.len();
            bytes[at] = with;
            if let Ok(Ok(seen)) = judge(&bytes, "ehr", &check, &SCHEMA, now()) {
                prop_assert!(SCHEMA.unpromised(&seen).is_empty());
            }
        }
    }
}
