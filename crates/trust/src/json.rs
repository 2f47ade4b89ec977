//! Strict JSON in, RFC 8785 out.
//!
//! Every document is bounded, has no duplicate keys and holds integers only: two readers can then never disagree on what
//! was signed. Reading never requires canonical form; writing always produces it.

use std::fmt;

use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::Serialize;
use serde_json::{Map, Number, Value};

/// The largest document, in bytes (4 MiB).
pub const MAX_DOCUMENT: usize = 4 * 1024 * 1024;
/// The largest signature file, in bytes (16 KiB).
pub const MAX_SIGNATURE: usize = 16 * 1024;
/// The deepest nesting of arrays and objects.
pub const MAX_DEPTH: usize = 64;
/// The largest magnitude of an integer: 2^53, the last one that every JSON reader keeps exact (RFC 8785 §3.2.2.3).
pub const MAX_INTEGER: i64 = 1 << 53;

/// Why bytes are not a document.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// The input is larger than its bound.
    #[error("{size} bytes is more than the {limit} allowed")]
    TooLarge {
        /// Size of the input in bytes.
        size: usize,
        /// The bound in bytes.
        limit: usize,
    },
    /// The input is not UTF-8.
    #[error("not UTF-8 after byte {0}")]
    NotUtf8(usize),
    /// The input is not JSON, or JSON that a document may not hold (duplicate key, float, too deep).
    #[error("not a valid document: {0}")]
    Syntax(#[source] serde_json::Error),
    /// The input is well-formed but not of the expected shape (unknown field, missing field, wrong type).
    #[error("not the expected shape: {0}")]
    Shape(#[source] serde_json::Error),
}

/// Parses bytes of at most `limit` bytes into a value that has no duplicate keys, no floats, no integer beyond 2^53 and
/// no nesting deeper than [`MAX_DEPTH`].
pub fn parse_value(bytes: &[u8], limit: usize) -> Result<Value, JsonError> {
    if bytes.len() > limit {
        return Err(JsonError::TooLarge { size: bytes.len(), limit });
    }
    let text = std::str::from_utf8(bytes).map_err(|e| JsonError::NotUtf8(e.valid_up_to()))?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Strict { depth: 0 }.deserialize(&mut reader).map_err(JsonError::Syntax)?;
    reader.end().map_err(JsonError::Syntax)?;
    Ok(value)
}

/// Parses bytes strictly (see [`parse_value`]) into `T`, which should carry `#[serde(deny_unknown_fields)]`.
pub fn parse<T: DeserializeOwned>(bytes: &[u8], limit: usize) -> Result<T, JsonError> {
    serde_json::from_value(parse_value(bytes, limit)?).map_err(JsonError::Shape)
}

/// The RFC 8785 (JSON Canonicalization Scheme) form of a document.
///
/// Documents hold string keys and integers only, for which canonicalisation cannot fail.
pub fn canonical<T: Serialize>(document: &T) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(document).expect("documents have string keys and finite numbers")
}

struct Strict {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

fn integer<E: de::Error>(n: i64) -> Result<Value, E> {
    if (-MAX_INTEGER..=MAX_INTEGER).contains(&n) {
        Ok(Value::Number(Number::from(n)))
    } else {
        Err(E::custom(format!("integer {n} is beyond 2^53")))
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value with integers only")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, b: bool) -> Result<Value, E> {
        Ok(Value::Bool(b))
    }

    fn visit_i64<E: de::Error>(self, n: i64) -> Result<Value, E> {
        integer(n)
    }

    fn visit_u64<E: de::Error>(self, n: u64) -> Result<Value, E> {
        integer(i64::try_from(n).unwrap_or(i64::MAX))
    }

    fn visit_f64<E: de::Error>(self, n: f64) -> Result<Value, E> {
        Err(E::custom(format!("{n} is not an integer; choose a unit that needs no fraction")))
    }

    fn visit_str<E: de::Error>(self, s: &str) -> Result<Value, E> {
        Ok(Value::String(s.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let depth = deeper(self.depth)?;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Strict { depth })? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let depth = deeper(self.depth)?;
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if object.contains_key(&key) {
                return Err(de::Error::custom(format!("duplicate key {key:?}")));
            }
            let value = map.next_value_seed(Strict { depth })?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

fn deeper<E: de::Error>(depth: usize) -> Result<usize, E> {
    if depth < MAX_DEPTH { Ok(depth + 1) } else { Err(E::custom(format!("nested deeper than {MAX_DEPTH}"))) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(text: &str) -> String {
        parse_value(text.as_bytes(), 1000).unwrap_err().to_string()
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        assert!(refused(r#"{"a":1,"a":2}"#).contains("duplicate key \"a\""));
        assert!(refused(r#"{"a":{"b":1,"\u0062":2}}"#).contains("duplicate key \"b\""));
        assert!(refused("1.5").contains("not an integer"));
        assert!(refused("1e3").contains("not an integer"));
        assert!(refused("-0.0").contains("not an integer"));
        assert!(refused("9007199254740993").contains("beyond 2^53"));
        assert!(refused("99999999999999999999999").contains("not an integer"));
        assert!(refused("{} {}").contains("trailing"));
        assert!(refused("").contains("EOF"));
        assert!(refused(&("[".repeat(65) + &"]".repeat(65))).contains("nested deeper"));
        assert!(refused(r#""\ud800""#).contains("hex escape"), "a lone surrogate");
        assert!(matches!(parse_value(b"\"\xff\"", 10), Err(JsonError::NotUtf8(1))));
        assert!(matches!(parse_value(b"[1,2]", 4), Err(JsonError::TooLarge { size: 5, limit: 4 })));
    }

    #[test]
    fn canonical_form_is_that_of_rfc_8785() {
        let value = parse_value(br#"{"b":[1,{"z":null,"a":"\u20ac\n"}],"a":9007199254740992}"#, 1000).unwrap();
        assert_eq!(
            canonical(&value),
            "{\"a\":9007199254740992,\"b\":[1,{\"a\":\"\u{20ac}\\n\",\"z\":null}]}".as_bytes()
        );
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            (-MAX_INTEGER..=MAX_INTEGER).prop_map(|n| Value::Number(n.into())),
            ".{0,12}".prop_map(Value::String),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
                prop::collection::btree_map(".{0,6}", inner, 0..5).prop_map(|m| Value::Object(m.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn canonical_form_reads_back_as_the_same_value(value in values()) {
            let bytes = canonical(&value);
            prop_assert_eq!(parse_value(&bytes, MAX_DOCUMENT).unwrap(), value.clone());
            prop_assert_eq!(canonical(&parse_value(&bytes, MAX_DOCUMENT).unwrap()), bytes);
        }

        #[test]
        fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_value(&bytes, 1000);
        }
    }
}
