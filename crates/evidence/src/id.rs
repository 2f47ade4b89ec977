//! Names of bundles and incidents: `EB-YYYYMMDD-NNNN` and `INC-YYYYMMDD-NNNN`.
//!
//! The number has at least four digits and widens past 9999, so no id is ever used twice and a restart or a long life
//! needs no special case. A bundle's number is its sequence in the chain; its date never goes back.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use writ_trust::time::Time;

/// A UTC date as an id writes it, `YYYYMMDD`, from 1970 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(u32);

/// Why a string is not an id of bundle or incident, or not a date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {what}: expected {form}")]
pub struct IdError {
    text: String,
    what: &'static str,
    form: &'static str,
}

impl Date {
    /// The UTC date of an instant.
    pub fn of(time: Time) -> Self {
        // `date_digits` is eight digits for every instant a `Time` can hold.
        Self(time.date_digits().parse().unwrap_or(19_700_101))
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08}", self.0)
    }
}

impl FromStr for Date {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let bad = || IdError { text: text.chars().take(20).collect(), what: "a date", form: "YYYYMMDD" };
        if text.len() != 8 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad());
        }
        let iso = format!("{}-{}-{}T00:00:00Z", &text[..4], &text[4..6], &text[6..]);
        iso.parse::<Time>().map(Date::of).map_err(|_| bad())
    }
}

macro_rules! serde_as_text {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

serde_as_text!(Date);

macro_rules! numbered_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            /// The date in the id.
            pub date: Date,
            /// The number in the id, from 1.
            pub number: u64,
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "-{}-{:04}"), self.date, self.number)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let bad = || IdError {
                    text: text.chars().take(40).collect(),
                    what: $what,
                    form: concat!($prefix, "-YYYYMMDD-NNNN"),
                };
                let rest = text.strip_prefix(concat!($prefix, "-")).ok_or_else(bad)?;
                let (date, number) = rest.split_once('-').ok_or_else(bad)?;
                let plain = number.bytes().all(|b| b.is_ascii_digit());
                // Padded to four digits and no further: each id has exactly one spelling.
                let one_spelling = number.len() == 4 || (number.len() > 4 && !number.starts_with('0'));
                if !plain || !one_spelling || number.len() > 16 {
                    return Err(bad());
                }
                let number: u64 = number.parse().map_err(|_| bad())?;
                let date = date.parse().map_err(|_| bad())?;
                if number == 0 { Err(bad()) } else { Ok(Self { date, number }) }
            }
        }

        serde_as_text!($name);
    };
}

numbered_id! {
    /// The id of a bundle, `EB-YYYYMMDD-NNNN`, unique within one appliance key. Safe as a file name.
    BundleId, "EB", "a bundle id"
}
numbered_id! {
    /// The id of an incident, `INC-YYYYMMDD-NNNN`, unique within one appliance. Safe as a file name.
    IncidentId, "INC", "an incident id"
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_id_has_one_spelling() {
        let id: BundleId = "EB-20251101-0042".parse().unwrap();
        assert_eq!((id.date.to_string().as_str(), id.number), ("20251101", 42));
        assert_eq!(BundleId { number: 10_000, ..id }.to_string(), "EB-20251101-10000");
        for bad in [
            "",
            "EB-20251101-42",
            "EB-20251101-00042",
            "EB-20251101-0000",
            "EB-20251301-0001",
            "EB-20250230-0001",
            "EB-2025110-0001",
            "INC-20251101-0042",
            "EB-20251101-+042",
            "EB-20251101-0042/../x",
            "EB-20251101-99999999999999999",
        ] {
            assert!(bad.parse::<BundleId>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn ids_round_trip(millis in 0i64..253_402_300_799_999, number in 1u64..1_000_000_000) {
            let id = IncidentId { date: Date::of(Time::from_unix_millis(millis)), number };
            prop_assert_eq!(id.to_string().parse::<IncidentId>(), Ok(id));
        }
    }
}
