//! JSON of others: strict where two readers could read it differently, and no further. Pure.
//!
//! [`writ_trust::json`] takes integers alone, for what is signed; servers of models write fractions of seconds beside their answer.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use writ_trust::text::one_line;

/// The deepest nesting of arrays and objects.
const MAX_DEPTH: usize = 32;
/// The most values of all kinds.
const MAX_VALUES: usize = 20_000;

/// Reads an object of at most `limit` bytes that has no duplicate keys; what is not asked for is passed over. Numbers that are
/// none (NaN, infinities) are no JSON.
pub fn parse<T: DeserializeOwned>(bytes: &[u8], limit: usize) -> Result<T, String> {
    if bytes.len() > limit {
        return Err(format!("{} bytes is more than the {limit} allowed", bytes.len()));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| format!("not UTF-8 after byte {}", e.valid_up_to()))?;
    // A list of its values would be read as a struct too.
    if !text.trim_start().starts_with('{') {
        return Err("it is no object".to_owned());
    }
    let mut left = MAX_VALUES;
    let mut reader = serde_json::Deserializer::from_str(text);
    Judge { left: &mut left, depth: 0 }.deserialize(&mut reader).map_err(one_line)?;
    reader.end().map_err(one_line)?;
    serde_json::from_str(text).map_err(one_line)
}

/// Judges one value and what is in it, and keeps nothing but the keys of the objects that are open.
struct Judge<'l> {
    left: &'l mut usize,
    depth: usize,
}

impl Judge<'_> {
    fn inside<E: de::Error>(&self) -> Result<usize, E> {
        if self.depth < MAX_DEPTH {
            Ok(self.depth + 1)
        } else {
            Err(E::custom(format!("nested deeper than {MAX_DEPTH}")))
        }
    }
}

impl<'de> DeserializeSeed<'de> for Judge<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        *self.left =
            self.left.checked_sub(1).ok_or_else(|| de::Error::custom(format!("more than {MAX_VALUES} values")))?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Judge<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let depth = self.inside()?;
        while seq.next_element_seed(Judge { left: &mut *self.left, depth })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let depth = self.inside()?;
        let mut keys = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            map.next_value_seed(Judge { left: &mut *self.left, depth })?;
            if !keys.insert(key) {
                return Err(de::Error::custom("a key that is there twice"));
            }
        }
        Ok(())
    }
}

/// A number of tokens, where a whole one stands there; none where anything else does, or nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count(pub Option<u64>);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_u64<E: de::Error>(self, n: u64) -> Result<Count, E> {
                Ok(Count(Some(n)))
            }

            fn visit_i64<E: de::Error>(self, n: i64) -> Result<Count, E> {
                Ok(Count(u64::try_from(n).ok()))
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Count, E> {
                Ok(Count(None))
            }

            fn visit_bool<E: de::Error>(self, _: bool) -> Result<Count, E> {
                Ok(Count(None))
            }

            fn visit_str<E: de::Error>(self, _: &str) -> Result<Count, E> {
                Ok(Count(None))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Count, E> {
                Ok(Count(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Count, A::Error> {
                while seq.next_element::<de::IgnoredAny>()?.is_some() {}
                Ok(Count(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Count, A::Error> {
                while map.next_entry::<de::IgnoredAny, de::IgnoredAny>()?.is_some() {}
                Ok(Count(None))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Probe {
        #[serde(default)]
        n: Count,
    }

    fn read(text: &str) -> Result<Count, String> {
        parse::<Probe>(text.as_bytes(), 100_000).map(|probe| probe.n)
    }

    #[test]
    fn fractions_pass_and_what_two_readers_could_read_differently_does_not() {
        assert_eq!(read(r#"{"n": 3, "timings": {"ms": 12.5}, "x": [1e3, -1, true, null, "a"]}"#), Ok(Count(Some(3))));
        for odd in ["-1", "1.0", "1e3", "\"3\"", "true", "null", "[1]", r#"{"a":1}"#] {
            assert_eq!(read(&format!("{{\"n\": {odd}}}")), Ok(Count(None)), "{odd}");
        }
        assert_eq!(read("{}"), Ok(Count(None)));
        let deep = format!("{{\"x\": {}{}}}", "[".repeat(40), "]".repeat(40));
        let many = format!("{{\"x\": [{}]}}", vec!["1"; 20_000].join(","));
        for bad in [
            "",
            "[]",
            "3",
            "[3]",
            "{\"n\": 1} x",
            "{\"n\": 1",
            "{\"n\": 1, \"n\": 1}",
            "{\"x\": {\"b\": 1, \"\\u0062\": 2}}",
            "{\"n\": NaN}",
            "{\"n\": Infinity}",
            "{\"x\": 1e999}",
            &deep,
            &many,
        ] {
            assert!(read(bad).is_err(), "{bad:.60}");
        }
        assert!(parse::<Probe>(b"{}", 1).unwrap_err().contains("more than the 1"));
        assert!(parse::<Probe>(b"{\"\xff\": 1}", 100).unwrap_err().contains("UTF-8"));
    }
}
