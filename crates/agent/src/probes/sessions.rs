//! `sessions`: who is logged in, since when, from ListSessions of org.freedesktop.login1(5) over D-Bus.

use std::collections::BTreeSet;
use std::path::PathBuf;

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};

use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, count, field, identifier, integer};
use crate::dbus::{BusError, Session};

/// How many sessions are looked at.
const MAX_SESSIONS: usize = 500;

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Slow };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "sessions",
    about: "who is logged in, since when",
    parameters: &[],
    observation: &[
        field("count", Kind::Int, "how many sessions"),
        field("oldest_age_seconds", Kind::Int, "how long the oldest has lasted; 0 without any"),
        field("longest_idle_seconds", Kind::Int, "how long the most idle has been idle; 0 without any"),
        field("remote_count", Kind::Int, "how many come over the network"),
        identifier("users", Kind::List, "whose they are"),
    ],
};

fn run(_: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    let sessions = context.bus.sessions(MAX_SESSIONS).map_err(|e| match e {
        BusError::NoSystemd => Unseen::NotApplicable(e.to_string()),
        other => Unseen::failed("logind", other),
    })?;
    Ok(observe(&sessions, context.now.unix_millis()))
}

fn watch(_: &Parameters, _: &ProbeContext) -> Vec<Watch> {
    // logind keeps a file of each there, and rewrites it where only its state changes.
    vec![Watch::Sessions, Watch::Path(PathBuf::from("/run/systemd/sessions"))]
}

/// What people's sessions come to: neither a greeter's nor those of a user's manager, nor those that are over and only
/// wait for their last process.
fn observe(sessions: &[Session], now: i64) -> Observation {
    let people: Vec<&Session> =
        sessions.iter().filter(|session| session.class.starts_with("user") && session.state != "closing").collect();
    let seconds_since = |micros: u64| (now - integer(micros / 1000)).max(0) / 1000;
    let oldest = people.iter().map(|session| seconds_since(session.since)).max();
    let idle = people.iter().filter_map(|session| session.idle_since).map(seconds_since).max();
    let users: BTreeSet<&String> = people.iter().map(|session| &session.user).collect();
    Observation::new()
        .with("count", count(people.len()))
        .with("oldest_age_seconds", oldest.unwrap_or(0))
        .with("longest_idle_seconds", idle.unwrap_or(0))
        .with("remote_count", count(people.iter().filter(|session| session.remote).count()))
        .with("users", users.into_iter().cloned().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    fn session(user: &str, class: &str, ago: u64, idle: Option<u64>) -> Session {
        let at = |seconds: u64| 1_800_000_000_000_000 - seconds * 1_000_000;
        let (state, idle_since) = ("active".into(), idle.map(at));
        Session { user: user.into(), class: class.into(), state, remote: idle.is_none(), since: at(ago), idle_since }
    }

    #[test]
    fn sessions_of_people_are_counted() {
        let mut closing = session("zoe", "user", 99_999, None);
        closing.state = "closing".into();
        let all = [
            session("ann", "user", 7200, Some(60)),
            session("ann", "user-early", 60, None),
            session("gdm", "greeter", 90_000, Some(90_000)),
            session("ann", "manager", 90_000, None),
            closing,
        ];
        let seen = observe(&all, NOW);
        assert_eq!(SCHEMA.unpromised(&seen), []);
        let shown: Vec<String> = SCHEMA.observation.iter().map(|f| seen.get(f.name).unwrap().to_string()).collect();
        assert_eq!(shown, ["2", "7200", "60", "1", r#"["ann"]"#]);
        let none = observe(&[], NOW);
        assert_eq!((none.get("count"), none.get("oldest_age_seconds")), (Some(&0.into()), Some(&0.into())));
    }

    proptest! {
        #[test]
        fn no_times_panic(since in any::<u64>(), idle in any::<Option<u64>>(), user in ".*", now in any::<i32>()) {
            let odd = Session { since, idle_since: idle, user, class: "user".into(), ..Session::default() };
            prop_assert!(SCHEMA.unpromised(&observe(&[odd], i64::from(now) * 1000)).is_empty());
        }
    }
}
