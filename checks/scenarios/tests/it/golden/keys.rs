//! Fixed keys, times and numbers.

use writ_trust::minisign::{PublicKey, SecretKey};
use writ_trust::time::Time;

pub const ALICE: u8 = 1;
pub const BOB: u8 = 2;
pub const CACHE: u8 = 3;
pub const FRONT_DESK: u8 = 4;
pub const BACK_OFFICE: u8 = 5;
pub const STOLEN: u8 = 6;

pub fn secret(who: u8) -> SecretKey {
    SecretKey::generate(&[who; 40])
}

pub fn public(who: u8) -> PublicKey {
    secret(who).public_key()
}

pub fn time(text: &str) -> Time {
    text.parse().unwrap()
}

pub fn noon() -> Time {
    time("2026-11-23T12:00:00Z")
}

/// Parses text into whatever newtype a field has.
pub fn as_<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}
