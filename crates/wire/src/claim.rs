//! The claim (`writ.claim.v1`): what a machine says that belongs nowhere yet, so that people may give it a place.
//!
//! Signed by the key that was born on it, and proving no more than that whoever says it has this key. Whose machine that is,
//! people find out by comparing the key's claim code with the machine's own screen.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::minisign::{PublicKey, SecretKey, SignError};
use writ_trust::time::Time;

use crate::courier::SKEW_MILLIS;
use crate::mac::MacAddress;
use crate::shape::{document, nullable};
use crate::signed::Signed;
use crate::statement::StatementError;

/// The largest claim, in bytes (2 KiB); real ones have about 1,200.
pub const MAX_CLAIM: usize = 2 * 1024;
/// The largest claim as it travels, with its signature, in bytes (4 KiB).
pub const MAX_SIGNED_CLAIM: usize = 4 * 1024;
/// How often a machine says it, in milliseconds.
pub const INTERVAL_MILLIS: i64 = 60_000;
/// The longest name of hardware or of a version, in bytes.
const MAX_NAME: usize = 80;

/// What a machine says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Always `writ.claim.v1`.
    pub schema: ClaimSchema,
    /// The card that it is known by.
    pub mac: MacAddress,
    /// The key that was born on it, which signs this.
    pub public_key: PublicKey,
    /// The key that it asks with where it belongs: an ordinary process asks, which must not hold the other.
    pub courier_key: PublicKey,
    /// What the firmware calls the machine.
    pub hardware: PlainName,
    /// When it was said, by the machine's clock.
    pub at: Time,
    /// The site that it was told it is for; null where nobody said.
    #[serde(deserialize_with = "nullable")]
    pub site: Option<SiteId>,
    /// The name that it was told it gets; null where nobody said.
    #[serde(deserialize_with = "nullable")]
    pub appliance: Option<ApplianceId>,
    /// The version of the program that says this.
    pub agent_version: PlainName,
    /// What its secrets are to be encrypted to: the exact bytes of secrets.pub and their one signature by `public_key`. Absent where
    /// the machine has no key for secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets: Option<Signed>,
}

document!(Claim, ClaimSchema, CLAIM_SCHEMA, "writ.claim.v1", MAX_CLAIM);

/// Up to 80 characters of printable ASCII: what a screen may show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlainName(String);

impl PlainName {
    /// What is fit of a text, however long; `unknown` where nothing is.
    pub fn of(text: &str) -> Self {
        let plain: String = text.trim().chars().filter(|c| matches!(c, ' '..='~')).take(MAX_NAME).collect();
        Self(if plain.is_empty() { "unknown".to_owned() } else { plain })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PlainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PlainName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let plain = (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(|b| matches!(b, b' '..=b'~'));
        if plain { Ok(Self(text)) } else { Err(de::Error::custom("expected 1 to 80 printable characters of ASCII")) }
    }
}

impl Claim {
    /// Signs a claim with the key that was born on the machine.
    pub fn sign(&self, key: &SecretKey) -> Result<Signed, SignError> {
        Signed::by(self.canonical(), key, &format!("claim mac={} at={}", self.mac, self.at))
    }

    /// Judges a claim under the key that it names, as of now: its bounds, shape, signature and age.
    pub fn verify(signed: &Signed, now: Time) -> Result<Self, StatementError> {
        let claim = Self::held(signed)?;
        if claim.at.millis_since(now) > SKEW_MILLIS {
            return Err(StatementError::NotYet { issued_at: claim.at, now });
        }
        if now.millis_since(claim.at) > SKEW_MILLIS {
            return Err(StatementError::Expired { expires_at: claim.at.plus_millis(SKEW_MILLIS), now });
        }
        Ok(claim)
    }

    /// The same of one that somebody has held since, whose age says nothing.
    pub fn held(signed: &Signed) -> Result<Self, StatementError> {
        let claim = Self::parse(&signed.document.0)?;
        signed.verify_single(&claim.public_key)?;
        // Nobody holds or hands on what another key signed; what the signature says that it is for, whoever takes it up judges.
        if let Some(secrets) = &claim.secrets {
            secrets.verify_single(&claim.public_key)?;
        }
        Ok(claim)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use writ_trust::json;

    fn key(n: u8) -> SecretKey {
        SecretKey::generate(&[n; 40])
    }

    fn now() -> Time {
        "2026-11-23T12:00:00Z".parse().unwrap()
    }

    fn claim() -> Claim {
        Claim {
            schema: ClaimSchema::V1,
            mac: "00:00:5e:00:53:01".parse().unwrap(),
            public_key: key(1).public_key(),
            courier_key: key(2).public_key(),
            hardware: PlainName::of("HP t640 Thin Client"),
            at: now(),
            site: None,
            appliance: None,
            agent_version: PlainName::of("0.1.0"),
            secrets: None,
        }
    }

    /// A recipients file as long as machines write them, signed as they sign it.
    fn secrets(who: u8) -> Signed {
        let file = format!("# {}\nage1{}\n", "x".repeat(140), "q".repeat(58));
        Signed::by(file.into_bytes(), &key(who), "recipient of this appliance's secrets").unwrap()
    }

    #[test]
    fn a_claim_counts_under_its_own_key_for_five_minutes() {
        let signed = claim().sign(&key(1)).unwrap();
        assert!(signed.canonical().len() < 2 * 1024, "{}", signed.canonical().len());
        let at = |seconds: i64| Claim::verify(&signed, now().plus_millis(seconds * 1000));
        assert_eq!(at(0).unwrap(), claim());
        assert!(at(300).is_ok() && at(-300).is_ok());
        assert!(matches!(at(301), Err(StatementError::Expired { .. })));
        assert!(matches!(at(-301), Err(StatementError::NotYet { .. })));
        assert!(matches!(Claim::verify(&claim().sign(&key(2)).unwrap(), now()), Err(StatementError::Signed(_))));
        let mut two = signed.clone();
        two.signatures.push(two.signatures[0].clone());
        assert!(matches!(Claim::verify(&two, now()), Err(StatementError::Signed(_))));
    }

    #[test]
    fn a_key_for_secrets_counts_under_the_claims_own_key() {
        let with = |secrets| Claim { secrets: Some(secrets), ..claim() }.sign(&key(1)).unwrap();
        let signed = with(secrets(1));
        assert_eq!(Claim::verify(&signed, now()).unwrap().secrets, Some(secrets(1)));
        assert!(!String::from_utf8(claim().canonical()).unwrap().contains("secrets"), "absent, as claims were before");
        let mut altered = secrets(1);
        altered.document.0.push(b'\n');
        let mut twice = secrets(1);
        twice.signatures.push(twice.signatures[0].clone());
        let unsigned = Signed { signatures: vec![], ..secrets(1) };
        for foreign in [secrets(2), altered, twice, unsigned] {
            assert!(matches!(Claim::held(&with(foreign)), Err(StatementError::Signed(_))));
        }
    }

    #[test]
    fn the_longest_claim_travels() {
        let long = PlainName::of(&"x".repeat(MAX_NAME));
        let name = "a".repeat(40);
        let longest = Claim {
            hardware: long.clone(),
            agent_version: long,
            site: Some(name.parse().unwrap()),
            appliance: Some(name.parse().unwrap()),
            secrets: Some(secrets(1)),
            ..claim()
        };
        let signed = longest.sign(&key(1)).unwrap();
        assert!(signed.document.0.len() <= MAX_CLAIM, "{}", signed.document.0.len());
        assert!(signed.canonical().len() <= MAX_SIGNED_CLAIM, "{}", signed.canonical().len());
        assert_eq!(Claim::verify(&signed, now()).unwrap(), longest);
    }

    #[test]
    fn what_a_screen_cannot_show_is_no_name() {
        assert_eq!(PlainName::of(" a\u{1b}[31mb\n").as_str(), "a[31mb");
        assert_eq!(PlainName::of("\u{1b}\n").as_str(), "unknown");
        assert_eq!(PlainName::of(&"x".repeat(200)).as_str().len(), 80);
        for bad in ["", "a\n", "a\u{1b}", "é", &"x".repeat(81)] {
            let mut value = json::parse_value(&claim().canonical(), MAX_CLAIM).unwrap();
            value["hardware"] = bad.into();
            assert!(Claim::parse(&json::canonical(&value)).is_err(), "{bad:?}");
        }
        assert!(Claim::parse(&vec![b' '; MAX_CLAIM + 1]).is_err());
    }
}
