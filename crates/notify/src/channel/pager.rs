//! PagerDuty's Events API v2: `trigger`, `acknowledge`, `resolve`, held together by `dedup_key`. Sent again, an event changes
//! nothing more.

use serde_json::{Value, json};
use writ_policy::declared::Severity;

use super::Unsent;
use super::post::Poster;
use crate::message::{Message, Page};

/// Where events go, unless an account is served elsewhere.
pub const URL: &str = "https://events.pagerduty.com/v2/enqueue";
/// The longest `dedup_key` and `summary`, in characters, as their reference says.
const DEDUP_KEY: usize = 255;
const SUMMARY: usize = 1024;

/// The event of a message.
pub fn event(routing_key: &str, page: Page, dedup_key: &str, message: &Message) -> Value {
    let action = match page {
        Page::Trigger => "trigger",
        Page::Acknowledge => "acknowledge",
        Page::Resolve => "resolve",
    };
    let dedup_key: String = dedup_key.chars().take(DEDUP_KEY).collect();
    let mut event = json!({ "routing_key": routing_key, "event_action": action, "dedup_key": dedup_key });
    if page == Page::Trigger {
        let severity = match message.severity {
            Severity::Critical => "critical",
            Severity::High => "error",
            Severity::Medium => "warning",
            Severity::Low => "info",
        };
        let source = message.keys.first().map_or("writ", |key| key.rsplit_once('/').map_or(key, |(source, _)| source));
        event["payload"] = json!({
            "summary": message.subject.chars().take(SUMMARY).collect::<String>(),
            "source": source,
            "severity": severity,
            "timestamp": message.at,
            "custom_details": message.data,
        });
    }
    event
}

/// Sends a message.
///
/// # Errors
/// [`Unsent`]
pub fn send(
    poster: &Poster,
    url: &str,
    routing_key: &str,
    page: Page,
    dedup_key: &str,
    message: &Message,
) -> Result<(), Unsent> {
    let event = event(routing_key.trim(), page, dedup_key, message);
    poster.post(url, &[], &serde_json::to_vec(&event).unwrap_or_default())
}
