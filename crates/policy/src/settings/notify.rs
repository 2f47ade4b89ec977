//! Where notifications go, and of what.

use serde::{Deserialize, Serialize};

use crate::declared::Severity;

/// How a notification travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelKind {
    /// As mail.
    Email,
    /// To PagerDuty.
    Pagerduty,
    /// As a POST to an address.
    Webhook,
}

/// What a notification tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotifyEvent {
    /// A check failed.
    IncidentOpened,
    /// An incident went to people.
    Escalated,
    /// An incident ended.
    IncidentClosed,
    /// An exception ends soon.
    ExceptionExpiring,
    /// A release was accepted or refused.
    Release,
    /// An appliance was not heard from.
    Silence,
}

/// One channel. It names an address or a secret, never both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// How it travels.
    pub kind: ChannelKind,
    /// Where to.
    pub address: Option<String>,
    /// The name of the secret that says where to.
    pub secret: Option<String>,
    /// Incidents of these severities.
    pub severities: Vec<Severity>,
    /// What it tells of.
    pub events: Vec<NotifyEvent>,
}
