//! What happened when: `timeline.json`.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde::Serialize;
use writ_scenarios::outbox::Found;

/// One thing that happened to the appliance.
#[derive(Debug, Clone, Serialize)]
pub struct Event {
    /// What was done to it.
    pub what: String,
    /// When, in milliseconds since 1970.
    pub broken_at: u64,
    /// From then until it was detected.
    pub detected_ms: Option<i64>,
    /// From then until the last step of the healing ended.
    pub healed_ms: Option<i64>,
    /// From then until the re-scan had passed.
    pub verified_ms: Option<i64>,
    /// The bundle that tells it.
    pub bundle_id: String,
    /// What came of it, as the bundle says.
    pub outcome: String,
}

/// All of them, in order.
#[derive(Default)]
pub struct Timeline {
    events: Vec<Event>,
}

/// Milliseconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}

/// A time of a bundle in milliseconds after `start`.
pub fn after(start: u64, text: &str) -> Option<i64> {
    let time: writ_scenarios::Time = text.parse().ok()?;
    Some(time.unix_millis() - i64::try_from(start).ok()?)
}

impl Timeline {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what the closing bundle of an incident tells of something that was broken at `broken_at`.
    pub fn incident(&mut self, what: &str, broken_at: u64, closed: &Found) -> Event {
        let verified = closed.json["verification"].as_array().and_then(|v| v.last()).and_then(|v| v["at"].as_str());
        let event = Event {
            what: what.to_owned(),
            broken_at,
            detected_ms: after(broken_at, closed.text(&["incident", "detected_at"])),
            healed_ms: last_action(closed).and_then(|t| after(broken_at, t)),
            verified_ms: verified.and_then(|t| after(broken_at, t)),
            bundle_id: closed.text(&["bundle_id"]).to_owned(),
            outcome: closed.text(&["outputs", "resolution_status"]).to_owned(),
        };
        self.events.push(event.clone());
        event
    }

    /// Adds what a `switch` bundle tells of a release published at `published_at`.
    pub fn switch(&mut self, what: &str, published_at: u64, switch: &Found) -> Event {
        let at = after(published_at, switch.text(&["generated_at"]));
        let event = Event {
            what: what.to_owned(),
            broken_at: published_at,
            detected_ms: None,
            healed_ms: None,
            verified_ms: at,
            bundle_id: switch.text(&["bundle_id"]).to_owned(),
            outcome: switch.text(&["switch", "outcome"]).to_owned(),
        };
        self.events.push(event.clone());
        event
    }

    /// Writes `timeline.json`.
    pub fn write(&self, path: &Path) -> Result<()> {
        std::fs::write(path, serde_json::to_vec_pretty(&self.events)?).with_context(|| path.display().to_string())
    }
}

fn last_action(closed: &Found) -> Option<&str> {
    closed.json["actions_taken"].as_array()?.last()?["timestamp"].as_str()
}
