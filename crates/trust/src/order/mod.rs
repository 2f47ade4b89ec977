//! Orders: what people ask of appliances besides releases (`writ.order.v1`), and the rules by which an appliance takes one.
//!
//! An order names its appliances, ends by itself within days, and is taken once: its id is the nonce. Signatures by the trust
//! root's `order` keys are detached minisign files, as those of a release are.

pub mod judge;
pub mod memory;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::digest::hex;
use crate::document::{self, DocumentError};
use crate::ids::{ApplianceId, SiteId};
use crate::json;
use crate::time::{Span, Time};

/// The schema of [`Order`].
pub const ORDER_SCHEMA: &str = "writ.order.v1";
/// The largest order, in bytes (64 KiB).
pub const MAX_ORDER: usize = 64 * 1024;
/// The longest life of an order, in milliseconds (7 days): so long its id has to be remembered.
pub const LONGEST_LIFE_MILLIS: i64 = 7 * 24 * 3_600_000;
/// The longest pause, in milliseconds (8 hours).
pub const LONGEST_PAUSE_MILLIS: i64 = 8 * 3_600_000;
/// How many appliances or checks an order names at most.
pub const MAX_NAMED: usize = 1_000;
/// The longest name of a runbook or check, in bytes.
const MAX_NAME: usize = 256;
/// The longest reason, in bytes.
const MAX_REASON: usize = 500;

/// The `schema` member of an order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderSchema {
    /// `writ.order.v1`
    #[default]
    #[serde(rename = "writ.order.v1")]
    V1,
}

/// What people ask of appliances of one site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Always `writ.order.v1`.
    pub schema: OrderSchema,
    /// The site.
    pub site: SiteId,
    /// Drawn at random for each order: no appliance takes two orders of one id.
    pub id: OrderId,
    /// Whom it is for.
    pub audience: Audience,
    /// What is to be done.
    pub action: OrderAction,
    /// Why, in one line of at most 500 bytes.
    pub reason: String,
    /// When it was made.
    pub issued_at: Time,
    /// From then on nobody takes it; at most 7 days after `issued_at`.
    pub expires_at: Time,
}

/// Whom an order is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// Every appliance of the site.
    All,
    /// These appliances, each once.
    Appliances(Vec<ApplianceId>),
}

impl Audience {
    /// Whether an appliance is meant.
    pub fn includes(&self, appliance: &ApplianceId) -> bool {
        match self {
            Self::All => true,
            Self::Appliances(named) => named.contains(appliance),
        }
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("every appliance of the site"),
            Self::Appliances(named) => {
                let named: Vec<&str> = named.iter().map(ApplianceId::as_str).collect();
                f.write_str(&named.join(", "))
            }
        }
    }
}

/// What is to be done. Nothing here reaches further than the signed policy of the appliance: it can be looked at, left alone
/// for a while, or have one of its own runbooks run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderAction {
    /// Run every check now.
    Rescan,
    /// Run every check now, and put what they see into evidence in full.
    Collect,
    /// Suspend healing of checks for a while.
    Pause(PauseOrder),
    /// Run a runbook of the policy, and look whether a check holds then.
    RunRunbook(RunbookOrder),
}

/// See [`OrderAction::Pause`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PauseOrder {
    /// The checks that are not to be healed, each once.
    pub checks: Vec<String>,
    /// For how long: from 1 s to 8 h.
    #[serde(rename = "for")]
    pub length: Span,
}

/// See [`OrderAction::RunRunbook`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunbookOrder {
    /// The runbook, as the policy calls it.
    pub runbook: String,
    /// The check that is looked at afterwards, besides those that the runbook names.
    pub check: String,
}

impl OrderAction {
    /// The word that documents and commands write.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Rescan => "rescan",
            Self::Collect => "collect",
            Self::Pause(_) => "pause",
            Self::RunRunbook(_) => "run-runbook",
        }
    }
}

impl fmt::Display for OrderAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rescan | Self::Collect => f.write_str(self.name()),
            Self::Pause(pause) => write!(f, "pause {} for {}", pause.checks.join(", "), pause.length),
            Self::RunRunbook(run) => write!(f, "run-runbook {} for {}", run.runbook, run.check),
        }
    }
}

/// An order's id: 128 random bits, as 32 lower-case hexadecimal digits. Safe as a file name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(String);

impl OrderId {
    /// The id of 16 random bytes.
    pub fn from_random(random: [u8; 16]) -> Self {
        Self(hex(&random))
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a string is not an [`OrderId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an order's id: expected 32 lower-case hexadecimal digits")]
pub struct OrderIdError(String);

impl FromStr for OrderId {
    type Err = OrderIdError;

    fn from_str(text: &str) -> Result<Self, OrderIdError> {
        let valid = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if valid { Ok(Self(text.to_owned())) } else { Err(OrderIdError(text.chars().take(60).collect())) }
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for OrderId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for OrderId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Why bytes are not an order.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// Not JSON of the order's schema.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// It ends before it begins, or lives too long.
    #[error("expires_at {expires_at} is not after issued_at {issued_at}, by at most 7 days")]
    Lifetime {
        /// When it claims to be made.
        issued_at: Time,
        /// When it would end.
        expires_at: Time,
    },
    /// The reason is empty, too long or not one line.
    #[error("the reason is not one line of 1 to {MAX_REASON} bytes")]
    Reason,
    /// A list is empty, too long, or names something twice.
    #[error("{0} are not 1 to {MAX_NAMED}, each once")]
    List(&'static str),
    /// A name is empty, too long or not one line.
    #[error("the name of a {0} is not one line of 1 to {MAX_NAME} bytes")]
    Name(&'static str),
    /// A pause is too short or too long.
    #[error("a pause lasts from 1s to 8h, not {0}")]
    Pause(Span),
}

impl Order {
    /// Reads an order and checks what one document can be checked for by itself. Signatures are judged elsewhere, and before.
    pub fn parse(bytes: &[u8]) -> Result<Self, OrderError> {
        let order: Self = document::parse_within(bytes, ORDER_SCHEMA, MAX_ORDER)?;
        order.validate()?;
        Ok(order)
    }

    /// The RFC 8785 bytes, which are what we sign.
    pub fn canonical(&self) -> Vec<u8> {
        json::canonical(self)
    }

    /// The trusted comment that signers put on this order. It decides nothing.
    pub fn trusted_comment(&self) -> String {
        format!("site={} order={}", self.site, self.id)
    }

    /// Checks what serde cannot: lifetimes, lengths, what is named twice.
    pub fn validate(&self) -> Result<(), OrderError> {
        let Self { issued_at, expires_at, .. } = *self;
        let life = expires_at.millis_since(issued_at);
        if expires_at <= issued_at || life > LONGEST_LIFE_MILLIS {
            return Err(OrderError::Lifetime { issued_at, expires_at });
        }
        if !is_line(&self.reason, MAX_REASON) {
            return Err(OrderError::Reason);
        }
        if let Audience::Appliances(named) = &self.audience {
            each_once(named, "appliances")?;
        }
        match &self.action {
            OrderAction::Rescan | OrderAction::Collect => Ok(()),
            OrderAction::Pause(PauseOrder { checks, length }) => {
                each_once(checks, "checks")?;
                if !checks.iter().all(|check| is_line(check, MAX_NAME)) {
                    return Err(OrderError::Name("check"));
                }
                if !(1_000..=LONGEST_PAUSE_MILLIS).contains(&length.millis()) {
                    return Err(OrderError::Pause(length.clone()));
                }
                Ok(())
            }
            OrderAction::RunRunbook(RunbookOrder { runbook, check }) => {
                if !is_line(runbook, MAX_NAME) {
                    return Err(OrderError::Name("runbook"));
                }
                if is_line(check, MAX_NAME) { Ok(()) } else { Err(OrderError::Name("check")) }
            }
        }
    }
}

fn is_line(text: &str, limit: usize) -> bool {
    (1..=limit).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn each_once<T: Ord>(named: &[T], what: &'static str) -> Result<(), OrderError> {
    let different: std::collections::BTreeSet<&T> = named.iter().collect();
    if (1..=MAX_NAMED).contains(&named.len()) && different.len() == named.len() {
        Ok(())
    } else {
        Err(OrderError::List(what))
    }
}
