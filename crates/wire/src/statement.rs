//! What an appliance says with its own key, apart from evidence: one signature, one speaker.

use writ_trust::document::DocumentError;
use writ_trust::text::one_line;
use writ_trust::time::Time;

use crate::signed::SignedError;

/// Why what claims to be an appliance's statement does not count.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// The signature does not hold.
    #[error("{0}")]
    Signed(#[from] SignedError),
    /// Signed, but not the document that it should be.
    #[error("signed, but {}", one_line(.0))]
    Document(#[from] DocumentError),
    /// It names another key than the one that signed it.
    #[error("it names another public key than the one that signed it")]
    OtherKey,
    /// It lasts longer than such a statement may, or ends before it begins.
    #[error("it is for {issued_at} to {expires_at}: expected at most {} days", .days)]
    Lifetime {
        /// From when.
        issued_at: Time,
        /// Until when.
        expires_at: Time,
        /// The longest allowed.
        days: i64,
    },
    /// It is from the future.
    #[error("it counts from {issued_at} on and it is {now}")]
    NotYet {
        /// From when.
        issued_at: Time,
        /// The instant judged by.
        now: Time,
    },
    /// Its time is over.
    #[error("it counted until {expires_at} and it is {now}")]
    Expired {
        /// Until when.
        expires_at: Time,
        /// The instant judged by.
        now: Time,
    },
}
