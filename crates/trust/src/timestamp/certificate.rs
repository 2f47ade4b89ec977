//! As much of a certificate (RFC 5280) as `webpki` does not tell: until when it is valid, what it is for, its key's identifier.

use super::der::{
    BOOLEAN, Element, GENERALIZED_TIME, INTEGER, OCTETS, OID, Reader, SEQUENCE, UTC_TIME, around, primitive,
};
use super::error::TimestampError;
use crate::time::Time;

/// id-ce-subjectKeyIdentifier, 2.5.29.14
const SUBJECT_KEY_ID: &[u8] = &[0x55, 0x1d, 0x0e];
/// id-ce-basicConstraints, 2.5.29.19
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
/// id-ce-extKeyUsage, 2.5.29.37
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
/// id-kp-timeStamping, 1.3.6.1.5.5.7.3.8
pub const TIMESTAMPING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08];

/// What a certificate says of itself. Nothing of that is proven by reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Certificate<'a> {
    /// All of its bytes.
    pub(super) der: &'a [u8],
    /// What is in its issuer's name.
    pub(super) issuer: &'a [u8],
    /// Its serial number.
    pub(super) serial: &'a [u8],
    /// The identifier of its key, if it has one.
    pub(super) key_id: Option<&'a [u8]>,
    /// From when it is valid.
    pub not_before: Time,
    /// Until when it is valid, that second too.
    pub not_after: Time,
    /// Whether it may sign others.
    pub is_authority: bool,
    /// Whether it is for timestamps alone, and says that critically (RFC 3161 §2.3).
    pub is_for_timestamps: bool,
}

impl<'a> Certificate<'a> {
    /// Reads a certificate, DER.
    pub fn parse(der: &'a [u8]) -> Result<Self, TimestampError> {
        let whole = Reader::only(der, SEQUENCE)?;
        let mut body = whole.inner().expect(SEQUENCE)?.inner();
        body.optional(around(0))?;
        let serial = body.expect(INTEGER)?.content;
        body.expect(SEQUENCE)?;
        let issuer = body.expect(SEQUENCE)?.content;
        let mut validity = body.expect(SEQUENCE)?.inner();
        let (not_before, not_after) = (time(&validity.next()?)?, time(&validity.next()?)?);
        validity.end()?;
        body.expect(SEQUENCE)?;
        body.expect(SEQUENCE)?;
        body.optional(primitive(1))?;
        body.optional(primitive(2))?;
        let mut certificate = Self {
            der,
            issuer,
            serial,
            key_id: None,
            not_before,
            not_after,
            is_authority: false,
            is_for_timestamps: false,
        };
        if let Some(extensions) = body.optional(around(3))? {
            let mut extensions = Reader::only(extensions.content, SEQUENCE)?.inner();
            while !extensions.is_empty() {
                certificate.extension(&extensions.expect(SEQUENCE)?)?;
            }
        }
        body.end()?;
        Ok(certificate)
    }

    fn extension(&mut self, extension: &Element<'a>) -> Result<(), TimestampError> {
        let mut parts = extension.inner();
        let id = parts.expect(OID)?.content;
        let critical = parts.optional(BOOLEAN)?.map(|critical| critical.boolean()).transpose()?.unwrap_or(false);
        let value = parts.expect(OCTETS)?.content;
        match id {
            SUBJECT_KEY_ID => self.key_id = Some(Reader::only(value, OCTETS)?.content),
            BASIC_CONSTRAINTS => {
                let mut constraints = Reader::only(value, SEQUENCE)?.inner();
                self.is_authority =
                    constraints.optional(BOOLEAN)?.map(|may| may.boolean()).transpose()?.unwrap_or(false);
            }
            EXTENDED_KEY_USAGE => {
                let mut uses = Reader::only(value, SEQUENCE)?.inner();
                let first = uses.expect(OID)?.content;
                self.is_for_timestamps = critical && first == TIMESTAMPING && uses.is_empty();
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether a time lies within its validity.
    pub fn is_valid_at(&self, at: Time) -> bool {
        // The last second belongs to it (RFC 5280 §4.1.2.5).
        (self.not_before..self.not_after.plus_millis(1000)).contains(&at)
    }
}

/// A time of a certificate: `YYMMDDhhmmssZ` until 2049, `YYYYMMDDhhmmssZ` after (RFC 5280 §4.1.2.5).
fn time(element: &Element) -> Result<Time, TimestampError> {
    match element.tag {
        UTC_TIME => {
            let text = std::str::from_utf8(element.content).map_err(|_| BAD_TIME)?;
            let century = if text.as_bytes().first().is_some_and(|digit| *digit >= b'5') { "19" } else { "20" };
            generalized(format!("{century}{text}").as_bytes())
        }
        GENERALIZED_TIME => generalized(element.content),
        _ => Err(BAD_TIME),
    }
}

const BAD_TIME: TimestampError = TimestampError::Malformed("a time that cannot be read");

/// A generalized time in UTC, perhaps with fractions of a second (RFC 3161 §2.4.2); to the millisecond before.
pub fn generalized(content: &[u8]) -> Result<Time, TimestampError> {
    let text = std::str::from_utf8(content).ok().and_then(|text| text.strip_suffix('Z')).ok_or(BAD_TIME)?;
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.len() != 14 || !digits(whole) || fraction.is_some_and(|f| f.is_empty() || f.len() > 9 || !digits(f)) {
        return Err(BAD_TIME);
    }
    let part = |from: usize, to: usize| &whole[from..to];
    let text =
        format!("{}-{}-{}T{}:{}:{}Z", part(0, 4), part(4, 6), part(6, 8), part(8, 10), part(10, 12), part(12, 14));
    let time: Time = text.parse().map_err(|_| BAD_TIME)?;
    let millis = fraction.map_or(0, |f| format!("{f:0<3}")[..3].parse().unwrap_or(0));
    Ok(time.plus_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        let at = |text: &str| generalized(text.as_bytes()).map(|time| time.to_string());
        assert_eq!(at("20261128120000Z").unwrap(), "2026-11-28T12:00:00Z");
        assert_eq!(at("20261128120000.5Z").unwrap(), "2026-11-28T12:00:00.5Z");
        assert_eq!(at("20261128120000.1239Z").unwrap(), "2026-11-28T12:00:00.123Z");
        for bad in
            ["", "Z", "20261128120000", "202611281200Z", "20261328120000Z", "20261128120000.Z", "2026112812000aZ"]
        {
            assert_eq!(at(bad), Err(BAD_TIME), "{bad}");
        }
        let utc = |text: &'static str| time(&Element { tag: UTC_TIME, content: text.as_bytes(), whole: &[] });
        assert_eq!(utc("491231235959Z").unwrap().to_string(), "2049-12-31T23:59:59Z");
        assert_eq!(utc("991231235959Z").unwrap().to_string(), "1999-12-31T23:59:59Z");
    }
}
