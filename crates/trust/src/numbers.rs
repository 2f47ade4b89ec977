//! The counters that only rise: epochs, serials and versions of the trust root.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::json::MAX_INTEGER;

/// Why a number is not an epoch, a serial or a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found} is not {what}: expected a whole number from 1 to 2^53")]
pub struct NumberError {
    found: String,
    what: &'static str,
}

macro_rules! counter {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// The first one.
            pub const FIRST: Self = Self(1);

            /// This number, if it is from 1 to 2^53.
            pub fn new(number: u64) -> Result<Self, NumberError> {
                if (1..=MAX_INTEGER.unsigned_abs()).contains(&number) {
                    Ok(Self(number))
                } else {
                    Err(NumberError { found: number.to_string(), what: $what })
                }
            }

            /// The number itself.
            pub fn get(self) -> u64 {
                self.0
            }

            /// The one after this one; an error past 2^53.
            pub fn next(self) -> Result<Self, NumberError> {
                Self::new(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = NumberError;

            /// Reads plain decimal digits without sign or leading zero, so that a number has one spelling.
            fn from_str(text: &str) -> Result<Self, NumberError> {
                let bad = || NumberError { found: format!("{:?}", text.chars().take(40).collect::<String>()), what: $what };
                if text.starts_with('0') || !text.bytes().all(|b| b.is_ascii_digit()) {
                    return Err(bad());
                }
                Self::new(text.parse().map_err(|_| bad())?)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_u64(self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(u64::deserialize(deserializer)?).map_err(de::Error::custom)
            }
        }
    };
}

counter! {
    /// The epoch of a trust root and of the releases made under it. Only a root raises it; serials restart in it.
    Epoch, "an epoch"
}
counter! {
    /// The number of a site's release within an epoch.
    Serial, "a serial"
}
counter! {
    /// The version of a trust root.
    TrustVersion, "a trust root's version"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_bounded_and_have_one_spelling() {
        assert_eq!("7".parse::<Serial>().unwrap().get(), 7);
        assert_eq!(Serial::new(1 << 53).unwrap().get(), 1 << 53);
        for bad in ["", "0", "07", "+7", "-1", " 7", "7 ", "9007199254740993", "99999999999999999999", "x"] {
            assert!(bad.parse::<Serial>().is_err(), "{bad:?}");
        }
        for bad in ["0", "-1", "1.0", "\"1\"", "9007199254740993", "null"] {
            assert!(serde_json::from_str::<Epoch>(bad).is_err(), "{bad}");
        }
        assert!(Serial::new(1 << 53).unwrap().next().is_err());
    }
}
