//! The hardware address of a network card, by which a new machine is told from others before it has a name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A MAC address (IEEE 802, EUI-48) of one card, written as Linux writes it: `00:00:5e:00:53:01`. There is one spelling.
///
/// Whoever claims one proves nothing by it: cards say whatever they are told to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddress([u8; 6]);

/// Why text is not a [`MacAddress`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a MAC address of one card: expected six pairs of lower-case hexadecimal digits as in 00:00:5e:00:53:01"
)]
pub struct MacAddressError(String);

impl MacAddress {
    /// Reads an address as people and labels write it: also in upper case, with hyphens, or with nothing between the pairs.
    ///
    /// # Errors
    /// As by [`FromStr`].
    pub fn from_label(text: &str) -> Result<Self, MacAddressError> {
        let digits: String = text.trim().chars().filter(|c| !matches!(c, ':' | '-')).collect();
        if digits.len() != 12 || !digits.is_ascii() {
            return Err(MacAddressError(text.chars().take(60).collect()));
        }
        let pairs: Vec<&str> = (0..6).map(|at| &digits[2 * at..2 * at + 2]).collect();
        pairs.join(":").to_ascii_lowercase().parse()
    }

    /// The six bytes.
    pub fn as_bytes(&self) -> &[u8; 6] {
        &self.0
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for MacAddress {
    type Err = MacAddressError;

    /// Reads the one spelling. An address of a group, or of nobody (all zero), is no card's.
    fn from_str(text: &str) -> Result<Self, MacAddressError> {
        let bad = || MacAddressError(text.chars().take(60).collect());
        let mut bytes = [0; 6];
        let mut pairs = text.split(':');
        for byte in &mut bytes {
            let pair = pairs.next().filter(|pair| pair.len() == 2).ok_or_else(bad)?;
            if !pair.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
                return Err(bad());
            }
            *byte = u8::from_str_radix(pair, 16).map_err(|_| bad())?;
        }
        if pairs.next().is_some() || bytes[0] & 1 == 1 || bytes == [0; 6] {
            return Err(bad());
        }
        Ok(Self(bytes))
    }
}

impl Serialize for MacAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MacAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_spelling() {
        let text = "00:00:5e:00:53:01";
        assert_eq!(text.parse::<MacAddress>().unwrap().to_string(), text);
        for bad in [
            "",
            "00:00:5E:00:53:01",
            "00-00-5e-00-53-01",
            "00005e005301",
            "00:00:5e:00:53",
            "00:00:5e:00:53:01:02",
            "00:00:5e:00:53:1",
            "0:000:5e:00:53:01",
            "00:00:5e:00:53:0g",
            "+0:00:5e:00:53:01",
            " 00:00:5e:00:53:01",
            "00:00:5e:00:53:01\n",
            "00:00:00:00:00:00",
            "ff:ff:ff:ff:ff:ff",
            "01:00:5e:00:53:01",
            "00:00:5e:00:53:é",
        ] {
            assert!(bad.parse::<MacAddress>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn labels_are_read_as_they_are_printed() {
        let address: MacAddress = "00:00:5e:00:53:01".parse().unwrap();
        for label in ["00:00:5E:00:53:01", "00-00-5E-00-53-01", "00005E005301", " 00:00:5e:00:53:01 "] {
            assert_eq!(MacAddress::from_label(label), Ok(address), "{label}");
        }
        for bad in ["", "00:00:5e:00:53", "éééééé", "00005E0053012", "01:00:5e:00:53:01", "g0005e005301"] {
            assert!(MacAddress::from_label(bad).is_err(), "{bad:?}");
        }
    }
}
