//! One message to one place, as it lies in the queue: whole, so that what is sent again is the same.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use writ_policy::declared::Severity;
use writ_trust::time::Time;

use crate::incident::Key;

/// What a pager is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Page {
    /// Ring.
    Trigger,
    /// Somebody has seen it.
    Acknowledge,
    /// It is over.
    Resolve,
}

/// How a message travels, and where to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "lowercase")]
pub enum Way {
    /// As mail.
    Mail {
        /// The address.
        to: String,
    },
    /// As a signed POST.
    Webhook {
        /// The site whose channel it is.
        site: String,
        /// Its name.
        channel: String,
        /// Where to; none where a secret says so.
        address: Option<String>,
        /// The name of that secret.
        secret: Option<String>,
    },
    /// To PagerDuty.
    Pager {
        /// The site whose channel it is.
        site: String,
        /// Its name.
        channel: String,
        /// The name of the secret that is its routing key.
        secret: Option<String>,
        /// What it is to do.
        page: Page,
        /// What its messages have in common, at most 255 characters.
        dedup_key: String,
    },
}

impl Way {
    /// What a message waits behind when something does not work: all mail goes by one server.
    pub fn line(&self) -> String {
        match self {
            Self::Mail { .. } => "mail".to_owned(),
            Self::Webhook { site, channel, .. } => format!("webhook {site}/{channel}"),
            Self::Pager { site, channel, .. } => format!("pager {site}/{channel}"),
        }
    }

    /// Whom it reaches.
    pub fn target(&self) -> String {
        match self {
            Self::Mail { to } => format!("mail {to}"),
            other => other.line(),
        }
    }
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its own name, the same whenever it is made of the same: receivers tell by it what they have already.
    pub id: String,
    /// How it travels.
    pub way: Way,
    /// How bad what it tells of is.
    pub severity: Severity,
    /// What it tells of.
    pub keys: Vec<Key>,
    /// The contact whom it calls.
    pub contact: Option<String>,
    /// What it is: [`crate::incident::Kind::name`], or `digest`.
    pub kind: String,
    /// When it was made.
    pub at: Time,
    /// What it is about, in one line.
    pub subject: String,
    /// What a person reads.
    pub text: String,
    /// What a program reads.
    pub data: Value,
}

impl Message {
    /// Whether it calls somebody for what is critical: that never waits.
    pub fn is_urgent(&self) -> bool {
        self.severity == Severity::Critical && self.kind.starts_with("call-")
    }

    /// Whether several of it may be told as one.
    pub fn may_be_gathered(&self) -> bool {
        matches!(self.way, Way::Mail { .. } | Way::Pager { page: Page::Trigger, .. })
    }
}

/// A name made of parts: 32 hex digits.
pub fn name_of<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    hash.update(b"writ-notify-message-v1");
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    writ_trust::digest::hex(&hash.finalize()[..16])
}
