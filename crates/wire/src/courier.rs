//! The delegation (`writ.courier.v1`): an appliance says which key its courier signs requests with.
//!
//! The courier is an ordinary process that anybody may have taken over, so it must not hold the appliance's key, which
//! signs evidence. It makes a key of its own, and the enforcer vouches for that one for a week at a time.

use serde::{Deserialize, Serialize};
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::json::{MAX_DOCUMENT, MAX_SIGNATURE};
use writ_trust::minisign::{PublicKey, SecretKey, SignError};
use writ_trust::time::Time;

use crate::blob::Blob;
use crate::shape::document;
use crate::signed::Signed;
use crate::statement::StatementError;

/// The request header that carries a delegation: `<base64 document>.<base64 signature file>`.
pub const HEADER: &str = "writ-courier";
/// The longest value of [`HEADER`] that is read, in bytes; real ones have about 1,200.
pub const MAX_HEADER: usize = 8 * 1024;
/// How long a delegation lasts: 7 days, in milliseconds.
pub const LIFETIME_MILLIS: i64 = 7 * 86_400_000;
/// How far the clocks of an appliance and of whoever judges may differ, in milliseconds.
pub const SKEW_MILLIS: i64 = 300_000;

/// What an appliance says of its courier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delegation {
    /// Always `writ.courier.v1`.
    pub schema: DelegationSchema,
    /// The appliance's site.
    pub site: SiteId,
    /// The appliance.
    pub appliance: ApplianceId,
    /// The appliance's own key, which signs this.
    pub public_key: PublicKey,
    /// The key that the courier signs requests with.
    pub courier_key: PublicKey,
    /// From when it counts.
    pub issued_at: Time,
    /// Until when it counts: at most [`LIFETIME_MILLIS`] later.
    pub expires_at: Time,
}

document!(Delegation, DelegationSchema, DELEGATION_SCHEMA, "writ.courier.v1", MAX_DOCUMENT);

/// Why a header does not carry a delegation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// It is longer than any delegation.
    #[error("the header {HEADER} has {0} bytes: expected at most {MAX_HEADER}")]
    TooLong(usize),
    /// It is not two pieces of base64.
    #[error("the header {HEADER} is not a document and a signature file in base64 with a dot between them")]
    Form,
}

impl Delegation {
    /// Vouches for a courier's key from `now` on for [`LIFETIME_MILLIS`], with the appliance's own key.
    pub fn make(
        site: &SiteId,
        appliance: &ApplianceId,
        key: &SecretKey,
        courier_key: &PublicKey,
        now: Time,
    ) -> Result<Signed, SignError> {
        let delegation = Self {
            schema: DelegationSchema::V1,
            site: site.clone(),
            appliance: appliance.clone(),
            public_key: key.public_key(),
            courier_key: courier_key.clone(),
            issued_at: now,
            expires_at: now.plus_millis(LIFETIME_MILLIS),
        };
        Signed::by(delegation.canonical(), key, &format!("courier site={site} appliance={appliance}"))
    }

    /// Judges a delegation under the appliance's key at an instant: signature first, then shape, key and dates.
    ///
    /// Whoever has several appliances finds the key by what [`Delegation::parse`] reads, and proves it here.
    pub fn verify(signed: &Signed, key: &PublicKey, now: Time) -> Result<Self, StatementError> {
        signed.verify_single(key)?;
        let delegation = Self::parse(&signed.document.0)?;
        let Self { issued_at, expires_at, .. } = delegation;
        if delegation.public_key.ed25519() != key.ed25519() {
            return Err(StatementError::OtherKey);
        }
        if !(1..=LIFETIME_MILLIS).contains(&expires_at.millis_since(issued_at)) {
            return Err(StatementError::Lifetime { issued_at, expires_at, days: LIFETIME_MILLIS / 86_400_000 });
        }
        if now < issued_at.plus_millis(-SKEW_MILLIS) {
            return Err(StatementError::NotYet { issued_at, now });
        }
        if now >= expires_at {
            return Err(StatementError::Expired { expires_at, now });
        }
        Ok(delegation)
    }
}

/// The value of [`HEADER`] for a signed delegation with one signature.
pub fn to_header(signed: &Signed) -> String {
    let signature = signed.signatures.first().map(Blob::encode).unwrap_or_default();
    format!("{}.{signature}", signed.document.encode())
}

/// Reads the value of [`HEADER`]; nothing in it is proven by that.
pub fn from_header(value: &str) -> Result<Signed, HeaderError> {
    if value.len() > MAX_HEADER {
        return Err(HeaderError::TooLong(value.len()));
    }
    let (document, signature) = value.split_once('.').ok_or(HeaderError::Form)?;
    let piece = |text, limit| match Blob::decode(text) {
        Ok(blob) if (1..=limit).contains(&blob.0.len()) => Ok(blob),
        _ => Err(HeaderError::Form),
    };
    Ok(Signed { document: piece(document, MAX_HEADER)?, signatures: vec![piece(signature, MAX_SIGNATURE)?] })
}

#[cfg(test)]
mod tests {
    use writ_trust::minisign::SecretKey;

    use super::*;

    fn key(n: u8) -> SecretKey {
        SecretKey::generate(&[n; 40])
    }

    fn now() -> Time {
        "2026-11-23T12:00:00Z".parse().unwrap()
    }

    fn made() -> Signed {
        let (site, appliance) = ("clinic-001".parse().unwrap(), "front-desk".parse().unwrap());
        Delegation::make(&site, &appliance, &key(1), &key(2).public_key(), now()).unwrap()
    }

    /// A delegation with something changed, signed again.
    fn changed(change: impl FnOnce(&mut Delegation)) -> Signed {
        let mut delegation = Delegation::parse(&made().document.0).unwrap();
        change(&mut delegation);
        Signed::by(delegation.canonical(), &key(1), "t").unwrap()
    }

    #[test]
    fn a_courier_is_vouched_for_through_a_header() {
        let value = to_header(&made());
        assert!(value.len() < 1_300 && value.is_ascii(), "{}", value.len());
        let read = from_header(&value).unwrap();
        assert_eq!(read, made());
        let delegation = Delegation::verify(&read, &key(1).public_key(), now()).unwrap();
        assert_eq!(delegation.courier_key, key(2).public_key());
    }

    #[test]
    fn what_the_appliance_did_not_sign_or_not_for_now_is_refused() {
        let own = key(1).public_key();
        let at = |hours: i64| Delegation::verify(&made(), &own, now().plus_millis(hours * 3_600_000));
        assert!(at(0).is_ok() && at(167).is_ok());
        assert!(matches!(at(168), Err(StatementError::Expired { .. })));
        assert!(matches!(at(-1), Err(StatementError::NotYet { .. })));
        let judged = |signed: &Signed| Delegation::verify(signed, &own, now()).unwrap_err();
        assert!(matches!(judged(&changed(|d| d.public_key = key(3).public_key())), StatementError::OtherKey));
        let long = changed(|d| d.expires_at = d.expires_at.plus_millis(1));
        assert!(matches!(judged(&long), StatementError::Lifetime { .. }));
        let backwards = changed(|d| d.expires_at = d.issued_at);
        assert!(matches!(judged(&backwards), StatementError::Lifetime { .. }));
        let mut twice = made();
        twice.signatures.push(twice.signatures[0].clone());
        assert!(matches!(judged(&twice), StatementError::Signed(crate::signed::SignedError::NotOne(2))));
        let mut flipped = made();
        flipped.document.0[20] ^= 1;
        assert!(matches!(judged(&flipped), StatementError::Signed(_)));
        let foreign = Signed::by(made().document.0, &key(3), "t").unwrap();
        assert!(matches!(judged(&foreign), StatementError::Signed(_)));
        let other = Signed::by(b"{\"schema\":\"writ.heartbeat.v1\"}".to_vec(), &key(1), "t").unwrap();
        assert!(matches!(judged(&other), StatementError::Document(_)));
    }

    #[test]
    fn bad_headers_are_refused() {
        let good = to_header(&made());
        let long = "A".repeat(MAX_HEADER + 1);
        for bad in ["", ".", "AAAA", "AAAA.", ".AAAA", "AAAA.AAAA.AAAA", "A A.AAAA", "AAA.AAAA", &good[1..], &long] {
            assert!(from_header(bad).is_err(), "{bad:.60}");
        }
    }
}
