//! The names of stored timestamps: the day of the token and the authority, so that there is one of each.

use std::fmt;
use std::str::FromStr;

use crate::digest::{Digest, hex};
use crate::time::Time;

/// Which authority: the first eight bytes of the SHA-256 of its certificate, as 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthorityId([u8; 8]);

impl AuthorityId {
    /// The id of the authority with this certificate (DER).
    pub fn of(certificate: &[u8]) -> Self {
        let mut id = [0; 8];
        id.copy_from_slice(&Digest::of(certificate).as_bytes()[..8]);
        Self(id)
    }
}

impl fmt::Display for AuthorityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// The name of a stored timestamp: `<YYYYMMDD of its time>-<authority>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimestampName {
    /// The day in UTC, as the number YYYYMMDD.
    pub day: u32,
    /// The authority.
    pub authority: AuthorityId,
}

/// Why text is not a [`TimestampName`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a timestamp: expected YYYYMMDD, a hyphen and 16 hexadecimal digits")]
pub struct TimestampNameError;

impl TimestampName {
    /// The name of a token of this time by this authority.
    pub fn new(at: Time, authority: AuthorityId) -> Self {
        Self { day: day_of(at), authority }
    }
}

/// The UTC day of a time, as the number YYYYMMDD.
fn day_of(at: Time) -> u32 {
    // Eight digits: years have four.
    at.date_digits().parse().unwrap_or(0)
}

impl fmt::Display for TimestampName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08}-{}", self.day, self.authority)
    }
}

impl FromStr for TimestampName {
    type Err = TimestampNameError;

    fn from_str(text: &str) -> Result<Self, TimestampNameError> {
        let bytes = text.as_bytes();
        if bytes.len() != 25 || bytes[8] != b'-' || !text.is_ascii() {
            return Err(TimestampNameError);
        }
        let day = text[..8].parse().map_err(|_| TimestampNameError)?;
        let mut id = [0; 8];
        for (byte, digits) in id.iter_mut().zip(bytes[9..].chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| TimestampNameError)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| TimestampNameError)?;
        }
        let name = Self { day, authority: AuthorityId(id) };
        // One spelling: no sign, no capital letters.
        if name.to_string() == text { Ok(name) } else { Err(TimestampNameError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_spelling() {
        let name = TimestampName::new("2026-11-28T23:59:59Z".parse().unwrap(), AuthorityId::of(b"x"));
        assert_eq!(name.to_string(), format!("20261128-{}", &Digest::of(b"x").hex()[..16]));
        assert_eq!(name.to_string().parse(), Ok(name));
        for bad in ["", "20261128", "20261128-2d711642b726b0", "+0261128-2d711642b726b044", "20261128-2D711642B726B044"]
        {
            assert!(bad.parse::<TimestampName>().is_err(), "{bad}");
        }
    }
}
