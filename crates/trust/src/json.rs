//! Strict JSON in, RFC 8785 out.
//!
//! Every document is bounded, has no duplicate keys and holds integers only: two readers can then never disagree on what
//! was signed. Reading never requires canonical form; writing always produces it.
//!
//! Bytes are judged in a pass of their own, which keeps nothing of them, and are then read into the type that is wanted: whoever
//! sends them cannot choose how much memory that takes.

mod objects;

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::Serialize;
use serde_json::Value;

use self::objects::Objects;
use crate::text::one_line;

/// The largest document, in bytes (4 MiB).
pub const MAX_DOCUMENT: usize = 4 * 1024 * 1024;
/// The largest signature file, in bytes (16 KiB).
pub const MAX_SIGNATURE: usize = 16 * 1024;
/// The deepest nesting of arrays and objects.
pub const MAX_DEPTH: usize = 64;
/// The largest magnitude of an integer: 2^53, the last one that every JSON reader keeps exact (RFC 8785 §3.2.2.3).
pub const MAX_INTEGER: i64 = 1 << 53;

/// So many values, and so many arrays and objects among them, any input may have.
const FREE: usize = 16 * 1024;
/// An input of more values than [`FREE`] has at least so many bytes for each beyond; ours have 15 and more.
const BYTES_PER_VALUE: usize = 8;
/// An input of more arrays and objects than [`FREE`] has at least so many bytes for each beyond; ours have 40 and more.
const BYTES_PER_CONTAINER: usize = 32;

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
    /// The input is not JSON, or JSON that a document may not hold (duplicate key, float, too deep, too many values).
    #[error("not a valid document: {}", one_line(.0))]
    Syntax(#[source] serde_json::Error),
    /// The input is well-formed but not of the expected shape (unknown field, missing field, wrong type).
    #[error("not the expected shape: {}", one_line(.0))]
    Shape(#[source] serde_json::Error),
}

/// JSON of at most `limit` bytes that has no duplicate keys, no floats, no integer beyond 2^53, no nesting deeper than
/// [`MAX_DEPTH`], and no more values than its length explains.
#[derive(Debug)]
pub(crate) struct Strict<'a> {
    text: &'a str,
    /// The member `schema` at the top, where there is one and it is a string.
    pub(crate) schema: Option<Cow<'a, str>>,
}

impl<'a> Strict<'a> {
    /// Judges bytes of at most `limit`.
    pub(crate) fn judge(bytes: &'a [u8], limit: usize) -> Result<Self, JsonError> {
        if bytes.len() > limit {
            return Err(JsonError::TooLarge { size: bytes.len(), limit });
        }
        let text = std::str::from_utf8(bytes).map_err(|e| JsonError::NotUtf8(e.valid_up_to()))?;
        let mut walk = Walk {
            keys: Vec::new(),
            values_left: FREE + text.len() / BYTES_PER_VALUE,
            containers_left: FREE + text.len() / BYTES_PER_CONTAINER,
            schema: None,
        };
        let mut reader = serde_json::Deserializer::from_str(text);
        Judge { walk: &mut walk, depth: 0, is_schema: false }.deserialize(&mut reader).map_err(JsonError::Syntax)?;
        reader.end().map_err(JsonError::Syntax)?;
        Ok(Self { text, schema: walk.schema })
    }

    /// Reads what was judged.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, JsonError> {
        // That nothing follows was judged.
        T::deserialize(Objects(&mut serde_json::Deserializer::from_str(self.text))).map_err(JsonError::Shape)
    }
}

/// Parses bytes of at most `limit` bytes into a value that has no duplicate keys, no floats, no integer beyond 2^53 and
/// no nesting deeper than [`MAX_DEPTH`].
///
/// A [`Value`] can take twenty times the memory of its text. Where nobody is known to have signed the bytes, [`parse`] is the
/// one to use.
pub fn parse_value(bytes: &[u8], limit: usize) -> Result<Value, JsonError> {
    Strict::judge(bytes, limit)?.read()
}

/// Parses bytes strictly (see [`parse_value`]) into `T`, which should carry `#[serde(deny_unknown_fields)]`. Its structs are objects,
/// and no lists of their values; what is internally tagged (`#[serde(tag = …)]`) has to look for that itself.
pub fn parse<T: DeserializeOwned>(bytes: &[u8], limit: usize) -> Result<T, JsonError> {
    Strict::judge(bytes, limit)?.read()
}

/// Reads what [`parse_value`] gave into `T`, as [`parse`] would.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, JsonError> {
    T::deserialize(Objects(value)).map_err(JsonError::Shape)
}

/// The RFC 8785 (JSON Canonicalization Scheme) form of a document.
///
/// Documents hold string keys and integers only, for which canonicalisation cannot fail.
pub fn canonical<T: Serialize>(document: &T) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(document).expect("documents have string keys and finite numbers")
}

/// What is kept while a text is judged.
struct Walk<'de> {
    /// The keys so far of the objects that are open, outermost first.
    keys: Vec<Cow<'de, str>>,
    values_left: usize,
    containers_left: usize,
    schema: Option<Cow<'de, str>>,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// Judges one value of a text and what is in it.
struct Judge<'w, 'de> {
    walk: &'w mut Walk<'de>,
    depth: usize,
    /// Whether this is the document's member `schema`.
    is_schema: bool,
}

impl<'de> DeserializeSeed<'de> for Judge<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.walk.values_left = self
            .walk
            .values_left
            .checked_sub(1)
            .ok_or_else(|| de::Error::custom("more values than a document of its length could need"))?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Judge<'_, 'de> {
    /// The depth of what is in this array or object.
    fn inside<E: de::Error>(&mut self) -> Result<usize, E> {
        let left = &mut self.walk.containers_left;
        *left = left
            .checked_sub(1)
            .ok_or_else(|| E::custom("more arrays and objects than a document of its length could need"))?;
        if self.depth < MAX_DEPTH {
            Ok(self.depth + 1)
        } else {
            Err(E::custom(format!("nested deeper than {MAX_DEPTH}")))
        }
    }
}

impl<'de> Visitor<'de> for Judge<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value with integers only")
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: de::Error>(self, n: i64) -> Result<(), E> {
        if (-MAX_INTEGER..=MAX_INTEGER).contains(&n) {
            Ok(())
        } else {
            Err(E::custom(format!("integer {n} is beyond 2^53")))
        }
    }

    fn visit_u64<E: de::Error>(self, n: u64) -> Result<(), E> {
        self.visit_i64(i64::try_from(n).unwrap_or(i64::MAX))
    }

    fn visit_f64<E: de::Error>(self, n: f64) -> Result<(), E> {
        Err(E::custom(format!("{n} is not an integer; choose a unit that needs no fraction")))
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<(), E> {
        if self.is_schema {
            self.walk.schema = Some(Cow::Borrowed(text));
        }
        Ok(())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        if self.is_schema {
            self.walk.schema = Some(Cow::Owned(text.to_owned()));
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        let depth = self.inside()?;
        while seq.next_element_seed(Judge { walk: &mut *self.walk, depth, is_schema: false })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let depth = self.inside()?;
        let first = self.walk.keys.len();
        while let Some(Key(key)) = map.next_key()? {
            let is_schema = depth == 1 && key == "schema";
            self.walk.keys.push(key);
            map.next_value_seed(Judge { walk: &mut *self.walk, depth, is_schema })?;
        }
        // Objects within have taken their keys away again.
        let keys = &mut self.walk.keys[first..];
        if !keys.is_sorted_by(|a, b| a < b) {
            keys.sort_unstable();
            if let Some(pair) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err(de::Error::custom(format!("duplicate key {:?}", pair[0])));
            }
        }
        self.walk.keys.truncate(first);
        Ok(())
    }
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

    /// What is judged and read afterwards is what one pass over a tree of values accepted.
    fn reference(value: &Value, depth: usize) -> bool {
        match value {
            Value::Number(n) => n.as_i64().is_some_and(|n| (-MAX_INTEGER..=MAX_INTEGER).contains(&n)),
            Value::Array(items) => depth < MAX_DEPTH && items.iter().all(|item| reference(item, depth + 1)),
            Value::Object(members) => depth < MAX_DEPTH && members.values().all(|item| reference(item, depth + 1)),
            _ => true,
        }
    }

    #[test]
    fn duplicates_are_found_in_any_order_and_at_any_depth() {
        for text in [
            r#"{"b":1,"a":2,"b":3}"#,
            r#"{"a":{"x":1,"y":2},"c":{"y":1},"b":[{"x":1}],"a":0}"#,
            r#"[{"a":{"b":{"c":1,"d":[{"c":1}],"c":2}}}]"#,
            r#"{"":1,"z":2,"":3}"#,
        ] {
            assert!(refused(text).contains("duplicate key"), "{text}");
        }
        let fine = r#"{"b":{"b":{"b":1,"a":2},"a":1},"a":[{"b":1},{"b":1}]}"#;
        assert_eq!(parse_value(fine.as_bytes(), 1000).unwrap(), serde_json::from_str::<Value>(fine).unwrap());
        let key = format!(r#"{{"{0}":1,"{0}":2}}"#, "k\\n".repeat(10_000));
        let error = parse_value(key.as_bytes(), MAX_DOCUMENT).unwrap_err().to_string();
        assert!(error.len() < 400 && !error.contains('\n'), "{error}");
    }

    #[test]
    fn what_is_tiny_in_bytes_and_huge_in_memory_is_refused() {
        const LIMIT: usize = 8 * 1024 * 1024;
        let full = |piece: &str| format!("[{0}{1}]", format!("{piece},").repeat(LIMIT / (piece.len() + 1) - 2), piece);
        for (piece, why) in [
            (r#"{"":0}"#, "more arrays and objects than"),
            ("{}", "more arrays and objects than"),
            ("[]", "more arrays and objects than"),
            (r#"[{"":[]}]"#, "more arrays and objects than"),
            ("0", "more values than"),
            (r#""""#, "more values than"),
            ("null", "more values than"),
        ] {
            let error = parse_value(full(piece).as_bytes(), LIMIT).unwrap_err();
            assert!(matches!(&error, JsonError::Syntax(_)) && error.to_string().contains(why), "{piece}: {error}");
        }
    }

    #[test]
    fn as_dense_as_documents_are_at_any_size_is_accepted() {
        // A predicate, a posture entry: the densest of what `checks/golden` holds.
        for piece in [r#"{"field":"used_percent","op":"le","value":90}"#, r#"{"name":"disk-root","state":"ok"}"#] {
            let text = format!("[{0}{1}]", format!("{piece},").repeat(MAX_DOCUMENT / (piece.len() + 1) - 1), piece);
            assert!(text.len() > MAX_DOCUMENT - 100);
            Strict::judge(text.as_bytes(), MAX_DOCUMENT).unwrap();
        }
        let long = format!("[{}0]", "0,".repeat(FREE - 100));
        Strict::judge(long.as_bytes(), MAX_DOCUMENT).unwrap();
    }

    #[test]
    fn the_schema_is_the_one_at_the_top() {
        let schema = |text: &str| Strict::judge(text.as_bytes(), 1000).unwrap().schema.map(Cow::into_owned);
        assert_eq!(schema(r#"{"a":{"schema":"inner"},"schema":"writ.x.v1"}"#).as_deref(), Some("writ.x.v1"));
        assert_eq!(schema(r#"{"\u0073chema":"writ\u002ex.v1"}"#).as_deref(), Some("writ.x.v1"));
        for none in [
            r#"{"a":{"schema":"inner"}}"#,
            r#"{"schema":1}"#,
            r#"{"schema":["x"]}"#,
            r#"["schema"]"#,
            "1",
            "\"schema\"",
        ] {
            assert_eq!(schema(none), None, "{none}");
        }
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
        fn documents_and_nothing_else_are_accepted(value in values(), text in "[\\[\\]{}\",:0-9.e\\-a ]{0,30}", wrapped in 0..70_usize) {
            let deep = format!("{}{value}{}", "[".repeat(wrapped), "]".repeat(wrapped));
            for text in [deep, text] {
                let expected = serde_json::from_str::<Value>(&text).ok();
                match parse_value(text.as_bytes(), MAX_DOCUMENT) {
                    Ok(read) => {
                        prop_assert!(reference(&read, 0));
                        prop_assert_eq!(Some(read), expected);
                    }
                    Err(error) => prop_assert!(
                        expected.is_none_or(|value| !reference(&value, 0)) || error.to_string().contains("duplicate"),
                        "{}: {}", text, error
                    ),
                }
            }
        }

        #[test]
        fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_value(&bytes, 1000);
        }
    }
}
