//! Asking logind who is logged in (org.freedesktop.login1(5)).

use std::collections::HashMap;

use zbus::zvariant::{OwnedObjectPath, OwnedValue};

use super::{Bus, BusError, PROPERTIES};

const LOGIN: &str = "org.freedesktop.login1";
const LOGIN_PATH: &str = "/org/freedesktop/login1";
const LOGIN_MANAGER: &str = "org.freedesktop.login1.Manager";
const LOGIN_SESSION: &str = "org.freedesktop.login1.Session";

/// A match rule for a signal by which logind tells of its sessions.
pub(super) fn session_rule(member: &str) -> String {
    format!("type='signal',sender='{LOGIN}',interface='{LOGIN_MANAGER}',member='{member}'")
}

/// A session of logind (org.freedesktop.login1(5)).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Session {
    /// Whose it is.
    pub user: String,
    /// `user`, `greeter`, `manager` …
    pub class: String,
    /// `online`, `active` or `closing`.
    pub state: String,
    /// Whether it came over the network.
    pub remote: bool,
    /// When it began, in microseconds since 1970.
    pub since: u64,
    /// Since when it is idle, in microseconds since 1970; none when it is not.
    pub idle_since: Option<u64>,
}

impl Session {
    fn of(user: String, properties: &HashMap<String, OwnedValue>) -> Self {
        let text =
            |name: &str| properties.get(name).and_then(|v| v.downcast_ref::<&str>().ok()).unwrap_or("").to_owned();
        let truth = |name: &str| properties.get(name).and_then(|v| v.downcast_ref::<bool>().ok()).unwrap_or(false);
        let number = |name: &str| properties.get(name).and_then(|v| v.downcast_ref::<u64>().ok()).unwrap_or(0);
        let idle_since = truth("IdleHint").then(|| number("IdleSinceHint"));
        let (class, state, since) = (text("Class"), text("State"), number("Timestamp"));
        Self { user, class, state, remote: truth("Remote"), since, idle_since }
    }
}

impl Bus {
    /// The sessions that logind has, at most `most` of them; those that end while they are asked for are left out.
    ///
    /// # Errors
    /// See [`BusError`].
    pub fn sessions(&mut self, most: usize) -> Result<Vec<Session>, BusError> {
        let reply = self.ask(LOGIN, LOGIN_PATH, LOGIN_MANAGER, "ListSessions", &())?;
        let listed: Vec<(String, u32, String, String, OwnedObjectPath)> = reply.body().deserialize()?;
        let mut sessions = Vec::new();
        for (_, _, user, _, path) in listed.into_iter().take(most) {
            let reply = match self.ask(LOGIN, path.as_str(), PROPERTIES, "GetAll", &(LOGIN_SESSION)) {
                Err(BusError::Bus(zbus::Error::MethodError(..))) => continue,
                other => other?,
            };
            let properties: HashMap<String, OwnedValue> = reply.body().deserialize()?;
            sessions.push(Session::of(user, &properties));
        }
        Ok(sessions)
    }
}
