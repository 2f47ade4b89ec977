//! The ways by which people are told, each with its bounds.

pub mod mail;
pub mod pager;
pub mod post;
pub mod webhook;

use std::time::Duration;

/// The longest that another side can ask to be waited for.
pub const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Why something was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsent {
    /// Not now; what was asked to be waited for, if anything was. It may have arrived where the answer was lost: what is sent
    /// again has the same name.
    #[error("{why}")]
    Later {
        /// What stood in the way, in one line.
        why: String,
        /// How long the other side asks to wait.
        wait: Option<Duration>,
        /// Whether it is this message or its recipient that stands in the way: what goes elsewhere by the same line need not wait.
        of_this: bool,
    },
    /// Never: the other side refuses it, or it cannot be made.
    #[error("{0}")]
    Never(String),
}

impl Unsent {
    /// Later, without being asked to wait.
    pub fn later(why: impl std::fmt::Display) -> Self {
        Self::Later { why: writ_trust::text::one_line(why), wait: None, of_this: false }
    }

    /// Never.
    pub fn never(why: impl std::fmt::Display) -> Self {
        Self::Never(writ_trust::text::one_line(why))
    }
}

/// How long a line rests after so many failures in a row: 5 s, doubled each time up to 5 minutes, of which `random` (any
/// number) takes off up to half, so that several notifiers do not come at the same moment.
pub fn rest(failures: u32, random: u64) -> Duration {
    let whole = 5_000_u64.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(300_000);
    Duration::from_millis(whole / 2 + random % (whole / 2 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_rests_longer_and_longer_within_bounds() {
        for random in [0, 1, 12_345, u64::MAX] {
            for failures in 0..100 {
                let millis = rest(failures, random).as_millis();
                assert!((2_500..=300_000).contains(&millis), "{failures} {millis}");
            }
        }
        assert!(rest(1, 0) < rest(2, 0) && rest(5, 0) < rest(6, 0));
        assert_eq!(rest(50, u64::MAX - 1).max(rest(50, 0)), rest(50, u64::MAX - 1));
    }
}
