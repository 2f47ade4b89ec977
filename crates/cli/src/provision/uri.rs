//! What a claim's QR code says: `writ:claim/<mac>/<68 digits of the claim code>[/<site>[/<appliance>]]`, RFC 3986.
//!
//! Upper and lower case mean the same throughout, so that a QR code may hold it in its small alphabet of capitals.

use std::fmt;
use std::str::FromStr;

use writ_trust::claim_code::{ClaimCode, ClaimCodeError};
use writ_trust::ids::{ApplianceId, IdError, SiteId};
use writ_wire::mac::{MacAddress, MacAddressError};

/// What stands for a card that is not known.
const NO_CARD: &str = "-";
/// The beginning.
const SCHEME: &str = "writ:claim/";
/// The longest text that is read, in bytes.
const LONGEST: usize = 400;

/// A claim as it is scanned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimUri {
    /// The card that the machine is known by, if that is known.
    pub mac: Option<MacAddress>,
    /// The claim code of its key.
    pub code: ClaimCode,
    /// The site that it is for, if that is known.
    pub site: Option<SiteId>,
    /// The name that it gets there, if that is known.
    pub appliance: Option<ApplianceId>,
}

/// Why text is not a [`ClaimUri`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimUriError {
    /// It has another shape.
    #[error("not a claim: expected {SCHEME}MAC/CODE, perhaps with /SITE/APPLIANCE")]
    Form,
    /// The card is none.
    #[error(transparent)]
    Mac(#[from] MacAddressError),
    /// The code is none.
    #[error(transparent)]
    Code(#[from] ClaimCodeError),
    /// A name is none.
    #[error(transparent)]
    Name(#[from] IdError),
}

impl ClaimUri {
    /// As a QR code holds it: in capitals.
    pub fn for_qr(&self) -> String {
        self.to_string().to_ascii_uppercase()
    }
}

impl fmt::Display for ClaimUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mac = self.mac.map_or_else(|| NO_CARD.to_owned(), |mac| mac.to_string());
        write!(f, "{SCHEME}{mac}/{}", self.code.digits())?;
        let Some(site) = &self.site else { return Ok(()) };
        write!(f, "/{site}")?;
        self.appliance.as_ref().map_or(Ok(()), |appliance| write!(f, "/{appliance}"))
    }
}

impl FromStr for ClaimUri {
    type Err = ClaimUriError;

    fn from_str(text: &str) -> Result<Self, ClaimUriError> {
        if text.len() > LONGEST {
            return Err(ClaimUriError::Form);
        }
        let text = text.trim().to_ascii_lowercase();
        let rest = text.strip_prefix(SCHEME).ok_or(ClaimUriError::Form)?;
        let parts: Vec<&str> = rest.split('/').collect();
        let (mac, code, names) = match &parts[..] {
            [mac, code, names @ ..] if names.len() <= 2 => (*mac, *code, names),
            _ => return Err(ClaimUriError::Form),
        };
        let mac = if mac == NO_CARD { None } else { Some(mac.parse()?) };
        let site = names.first().map(|name| name.parse()).transpose()?;
        let appliance = names.get(1).map(|name| name.parse()).transpose()?;
        Ok(Self { mac, code: code.parse()?, site, appliance })
    }
}

#[cfg(test)]
mod tests {
    use writ_trust::minisign::SecretKey;

    use super::*;

    #[test]
    fn a_claim_is_scanned_as_it_was_shown() {
        let code = ClaimCode::of(&SecretKey::generate(&[1; 40]).public_key());
        let bare = ClaimUri { mac: None, code, site: None, appliance: None };
        let at_site = ClaimUri { site: Some("clinic-001".parse().unwrap()), ..bare.clone() };
        let whole = ClaimUri {
            mac: Some("00:00:5e:00:53:01".parse().unwrap()),
            appliance: Some("front-desk".parse().unwrap()),
            ..at_site.clone()
        };
        for uri in [bare, at_site, whole.clone()] {
            assert_eq!(uri.to_string().parse::<ClaimUri>(), Ok(uri.clone()));
            assert_eq!(uri.for_qr().parse::<ClaimUri>(), Ok(uri));
        }
        assert!(whole.to_string().ends_with("/clinic-001/front-desk"));
        let capitals = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || "$%*+-./: ".contains(c);
        assert!(whole.for_qr().chars().all(capitals), "the alphanumeric mode of ISO/IEC 18004 has it all");
        let long = format!("{}{}", whole, "a".repeat(400));
        for bad in ["", "writ:claim/", "http://x/", "writ:claim/-/00", "writ:claim/-/x/y/z/q", &long] {
            assert!(bad.parse::<ClaimUri>().is_err(), "{bad}");
        }
        for (from, to) in [("/clinic-001", "/c"), ("00:00:5e", "01:00:5e"), ("/clinic-001", "/a b c"), (":53:", ":g3:")]
        {
            assert!(whole.to_string().replace(from, to).parse::<ClaimUri>().is_err(), "{to}");
        }
    }
}
