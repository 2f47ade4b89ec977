//! What a look at a depot finds wrong.

use serde::Serialize;
use writ_trust::text::one_line;

/// The sort of a finding. Programs may rely on these words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The depot does not answer, or does not want to.
    Unreachable,
    /// A trust root does not continue the chain, or one seen before is gone.
    TrustBroken,
    /// The newest trust root ends soon, or has ended.
    TrustExpires,
    /// A key of the newest trust root is old enough to be replaced.
    KeyOld,
    /// A key of the newest trust root stops counting soon.
    KeyEnds,
    /// The trust root names a log, and the depot has none.
    LogMissing,
    /// The log's head is not signed as it should be, or its tiles are not those of its tree.
    LogBroken,
    /// The log does not continue what was seen of it.
    LogForked,
    /// Nobody has said for long that this is the log's head.
    LogStale,
    /// The log that is shown is shorter than the one that an appliance saw.
    LogShort,
    /// More came into the log than one look goes through.
    LogUnread,
    /// No timestamp of the log by an authority that the trust root lists is new enough.
    TimestampLate,
    /// A timestamp that is shown does not hold.
    TimestampBroken,
    /// No cosignature by a witness that the trust root lists is new enough.
    WitnessSilent,
    /// The release that is shown does not hold.
    ReleaseBroken,
    /// The log has a newer release than the one that is shown.
    ReleaseHidden,
    /// An older release is shown than before, or none.
    ReleaseBack,
    /// No release was published yet.
    ReleaseMissing,
    /// The release ends soon, or has ended.
    ReleaseExpires,
    /// An appliance was not heard of at all.
    NeverHeard,
    /// An appliance was not heard of for long.
    Silent,
    /// A heartbeat does not hold.
    HeartbeatBroken,
    /// An older heartbeat is shown than before.
    HeartbeatBack,
    /// An appliance's clock is ahead.
    ClockAhead,
    /// An appliance has heard of no fresh head of the log for long.
    ApplianceStale,
}

impl Code {
    /// The word that reports write.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TrustBroken => "trust-broken",
            Self::TrustExpires => "trust-expires",
            Self::KeyOld => "key-old",
            Self::KeyEnds => "key-ends",
            Self::LogMissing => "log-missing",
            Self::LogBroken => "log-broken",
            Self::LogForked => "log-forked",
            Self::LogStale => "log-stale",
            Self::LogShort => "log-short",
            Self::LogUnread => "log-unread",
            Self::TimestampLate => "timestamp-late",
            Self::TimestampBroken => "timestamp-broken",
            Self::WitnessSilent => "witness-silent",
            Self::ReleaseBroken => "release-broken",
            Self::ReleaseHidden => "release-hidden",
            Self::ReleaseBack => "release-back",
            Self::ReleaseMissing => "release-missing",
            Self::ReleaseExpires => "release-expires",
            Self::NeverHeard => "never-heard",
            Self::Silent => "silent",
            Self::HeartbeatBroken => "heartbeat-broken",
            Self::HeartbeatBack => "heartbeat-back",
            Self::ClockAhead => "clock-ahead",
            Self::ApplianceStale => "appliance-stale",
        }
    }
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its sort.
    pub code: Code,
    /// What it is about: `depot`, `trust`, `log`, `release`, the id of a key, a timestamp authority, a witness, or an appliance.
    pub subject: String,
    /// What is wrong, in one line.
    pub what: String,
}

/// The findings of one look.
#[derive(Debug, Default)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    /// Adds one.
    pub fn add(&mut self, code: Code, subject: impl std::fmt::Display, what: impl std::fmt::Display) {
        // What is quoted may come from an enemy: one line, no control characters.
        self.0.push(Finding { code, subject: one_line(subject), what: one_line(what) });
    }
}
