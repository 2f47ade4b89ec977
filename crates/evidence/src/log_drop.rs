//! How an appliance says that it dropped batches of logs before they were delivered: a bundle of kind `refused` with the
//! rule [`RULE`], the digest of the last one that went, and a message in the words of [`LogsDropped`]. By both, whoever follows
//! the chain knows which batches went, and goes on with the one before them.

use std::fmt;

use writ_trust::digest::Digest;
use writ_trust::ids::LogSourceId;
use writ_trust::time::Time;

/// The rule that such a bundle names.
pub const RULE: &str = "logs-dropped";

/// Batches that were dropped: so many of one source, each the one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogsDropped {
    /// The source.
    pub source: LogSourceId,
    /// Where the first of them begins.
    pub from: Time,
    /// Where the last of them ends.
    pub to: Time,
    /// How many.
    pub batches: u64,
    /// The lines in them.
    pub lines: u64,
    /// The batch that the first of them names as the one before it; none where it is the first of a chain.
    pub before: Option<Digest>,
}

impl fmt::Display for LogsDropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, from, to, batches, lines, before } = self;
        write!(
            f,
            "logs of {source} from {from} to {to}: {batches} batches, {lines} lines; dropped undelivered, for want of room; \
             before them: "
        )?;
        match before {
            Some(digest) => digest.fmt(f),
            None => f.write_str("none"),
        }
    }
}

impl LogsDropped {
    /// Reads such a message; none when it is another.
    pub fn parse(message: &str) -> Option<Self> {
        let (source, rest) = message.strip_prefix("logs of ")?.split_once(" from ")?;
        let (from, rest) = rest.split_once(" to ")?;
        let (to, rest) = rest.split_once(": ")?;
        let (batches, rest) = rest.split_once(" batches, ")?;
        let (lines, rest) = rest.split_once(" lines; ")?;
        let (_, before) = rest.split_once("before them: ")?;
        let read = Self {
            source: source.parse().ok()?,
            from: from.parse().ok()?,
            to: to.parse().ok()?,
            batches: batches.parse().ok()?,
            lines: lines.parse().ok()?,
            before: if before == "none" { None } else { Some(before.parse().ok()?) },
        };
        (read.to_string() == message).then_some(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scrub::scrub;

    #[test]
    fn what_was_written_is_read_also_after_scrubbing() {
        let dropped = LogsDropped {
            source: "audit".parse().unwrap(),
            from: "2026-11-27T12:00:00Z".parse().unwrap(),
            to: "2026-11-28T12:05:00.250Z".parse().unwrap(),
            batches: 289,
            lines: 123_456_789,
            before: Some(Digest::of(b"288")),
        };
        let message = dropped.to_string();
        for dropped in [LogsDropped { before: None, ..dropped.clone() }, dropped] {
            let message = dropped.to_string();
            assert_eq!(scrub(&message), message);
            assert_eq!(LogsDropped::parse(&message), Some(dropped));
        }
        for bad in
            ["", "logs of x", &message.replace("audit", "A"), &format!("{message}."), &message.replace("289", "+289")]
        {
            assert_eq!(LogsDropped::parse(bad), None, "{bad}");
        }
    }
}
