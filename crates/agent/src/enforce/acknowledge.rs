//! `writ-enforce ack`: somebody says that they have seen an incident, so that nobody else is called for it.
//!
//! It lifts nothing and heals nothing, so it takes no code: the folder of requests is root's.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use writ_trust::json;
use writ_trust::time::Time;

use super::engine::Engine;
use super::requests::{Answer, MAX_REQUEST, RequestError, STALE_MILLIS, ask};

/// The schema of an acknowledgement.
pub const SCHEMA: &str = "writ.ack-request.v1";

/// That somebody has seen an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledgement {
    schema: String,
    asked_at: Time,
    incident: String,
    by: String,
}

impl Acknowledgement {
    /// That `by` has seen this incident.
    pub fn new(incident: String, by: String, now: Time) -> Self {
        Self { schema: SCHEMA.to_owned(), asked_at: now, incident, by }
    }

    /// Reads one; none where it is something else.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        json::parse(bytes, MAX_REQUEST).ok().filter(|read: &Self| read.schema == SCHEMA)
    }

    /// Puts it where the enforcer finds it, and waits for its answer.
    pub fn ask(&self, requests: &Path, wait: Duration) -> Result<Answer, RequestError> {
        ask(&json::canonical(self), requests, wait)
    }
}

impl Engine {
    pub(super) fn judge_acknowledgement(&mut self, asked: &Acknowledgement) -> Answer {
        let age = self.clock.now().millis_since(asked.asked_at);
        let came_to = match (0..=STALE_MILLIS).contains(&age) {
            true => self.acknowledge(&asked.incident, &asked.by),
            false => Err(format!("it was asked at {}: ask again", asked.asked_at)),
        };
        match came_to {
            Ok(message) => Answer { granted: true, message },
            Err(message) => Answer { granted: false, message },
        }
    }
}
