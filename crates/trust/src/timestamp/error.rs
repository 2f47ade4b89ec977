//! Why an answer of an authority proves nothing.

use super::MAX_RESPONSE;
use crate::time::Time;

/// Why an answer of an authority proves nothing. Each message is one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// Too large to be looked at.
    #[error("{0} bytes is more than the {MAX_RESPONSE} that an answer of a timestamp authority may have")]
    TooLarge(usize),
    /// Not the structure of RFC 3161, or not in DER.
    #[error("not a timestamp (RFC 3161): {0}")]
    Malformed(&'static str),
    /// The authority says no.
    #[error("the timestamp authority refused (status {status}): {}", crate::text::one_line(.text))]
    Refused {
        /// Its `PKIStatus`.
        status: u64,
        /// What it says.
        text: String,
    },
    /// A hash that is not accepted, SHA-1 for one.
    #[error("{0} is of a hash that is not accepted: expected SHA-256, SHA-384 or SHA-512")]
    Hash(&'static str),
    /// It is of other bytes.
    #[error("it is the timestamp of something else: the hash in it is not that of these bytes")]
    Imprint,
    /// It answers another request.
    #[error("it answers another request: its nonce is not the one that was sent")]
    Nonce,
    /// It is of another time than it can be.
    #[error("it says that it is {at}, and here it is {now}: one of the two clocks is wrong")]
    Clock {
        /// The time in it.
        at: Time,
        /// The reader's clock.
        now: Time,
    },
    /// No certificate is there for who signed it.
    #[error("the certificate of whoever signed it is neither in it nor in the trust root")]
    NoSigner,
    /// The signature does not hold, or it is not over this token.
    #[error("its signature does not hold: {0}")]
    Signature(&'static str),
    /// The certificate is not one for timestamps.
    #[error("its certificate is not for timestamps alone (extendedKeyUsage: critical, timeStamping)")]
    Purpose,
    /// Nobody whom the trust root lists vouches for it.
    #[error("no timestamp authority of the trust root vouches for the certificate that signed it")]
    UnknownAuthority,
    /// It was signed outside of a certificate's validity.
    #[error("it is of {at}, when {whose} was not valid: that was from {from} until {until}")]
    Validity {
        /// The time in it.
        at: Time,
        /// Whose validity.
        whose: &'static str,
        /// From when it was valid.
        from: Time,
        /// Until when it was valid.
        until: Time,
    },
    /// The path of certificates to the authority does not hold.
    #[error("its certificate does not lead to the authority: {0}")]
    Path(String),
}
