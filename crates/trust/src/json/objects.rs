//! Reading in which a struct is an object and nothing else.
//!
//! What serde derives for a struct takes a list as well, of the values in the order of their declaration (serde.rs, "Implementing
//! Deserialize", `visit_seq`). No other reader reads such a list as the same document, and neither does the next version of this one
//! after two members have changed places.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor};

/// Around a deserializer, and around whatever it gives and is given on the way: down to the last value, a struct is an object.
pub struct Objects<T>(pub T);

/// Around what makes a struct: it is told of an object, and refuses everything else.
struct Object<V>(V);

/// Hands a call on, with the visitor wrapped.
macro_rules! hands_on {
    ($($method:ident)*) => {
        $(
            #[inline]
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
                self.0.$method(Objects(visitor))
            }
        )*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Objects<D> {
    type Error = D::Error;

    hands_on! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
        deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf deserialize_option
        deserialize_unit deserialize_seq deserialize_map deserialize_identifier deserialize_ignored_any
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_struct(name, fields, Object(visitor))
    }

    #[inline]
    fn deserialize_unit_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_unit_struct(name, Objects(visitor))
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_newtype_struct(name, Objects(visitor))
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple(length, Objects(visitor))
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple_struct(name, length, Objects(visitor))
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_enum(name, variants, Objects(visitor))
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

/// Hands a value on.
macro_rules! says {
    ($($method:ident: $kind:ty,)*) => {
        $(
            #[inline]
            fn $method<E: Error>(self, value: $kind) -> Result<V::Value, E> {
                self.0.$method(value)
            }
        )*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Objects<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    says! {
        visit_bool: bool,
        visit_i64: i64,
        visit_i128: i128,
        visit_u64: u64,
        visit_u128: u128,
        visit_f64: f64,
        visit_str: &str,
        visit_borrowed_str: &'de str,
        visit_string: String,
        visit_bytes: &[u8],
        visit_borrowed_bytes: &'de [u8],
        visit_byte_buf: Vec<u8>,
    }

    #[inline]
    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_none()
    }

    #[inline]
    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }

    #[inline]
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Objects(deserializer))
    }

    #[inline]
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.0.visit_newtype_struct(Objects(deserializer))
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Objects(access))
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Objects(access))
    }

    #[inline]
    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        self.0.visit_enum(Objects(access))
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Object<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)?;
        f.write_str(" as an object")
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Objects(access))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Objects<A> {
    type Error = A::Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Objects(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Objects<A> {
    type Error = A::Error;

    /// A key is text, and no struct.
    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_key_seed(seed)
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(Objects(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Objects<S> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Objects(deserializer))
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for Objects<A> {
    type Error = A::Error;
    type Variant = Objects<A::Variant>;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let (variant, content) = self.0.variant_seed(seed)?;
        Ok((variant, Objects(content)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Objects<A> {
    type Error = A::Error;

    #[inline]
    fn unit_variant(self) -> Result<(), A::Error> {
        self.0.unit_variant()
    }

    #[inline]
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.0.newtype_variant_seed(Objects(seed))
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.0.tuple_variant(length, Objects(visitor))
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.0.struct_variant(fields, Object(visitor))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::super::{MAX_DOCUMENT, from_value, parse, parse_value};

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        a: u64,
        b: Option<String>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(transparent)]
    struct Around(Inner);

    #[derive(Debug, PartialEq, Deserialize)]
    struct Newtype(Inner);

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Choice {
        Plain,
        One(Inner),
        Two(u64, Inner),
        Named { inner: Inner },
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        inner: Inner,
        option: Option<Inner>,
        list: Vec<Inner>,
        map: BTreeMap<String, Inner>,
        around: Around,
        newtype: Newtype,
        pair: (i64, Inner),
        choices: Vec<Choice>,
        value: serde_json::Value,
    }

    const OBJECT: &str = r#"{"a":7,"b":"x"}"#;
    const LIST: &str = r#"[7,"x"]"#;
    const PLACES: &str = r#"{"inner":§,"option":§,"list":[§],"map":{"k":§},"around":§,"newtype":§,"pair":[-1,§],
        "choices":["plain",{"one":§},{"two":[1,§]},{"named":{"inner":§}}],"value":{"a":[1,{"b":null}],"c":true}}"#;

    /// With the list at one place, or at none.
    fn with_list_at(place: usize) -> String {
        let parts: Vec<&str> = PLACES.split('§').collect();
        let fill = |at: usize| match at {
            at if at + 1 == parts.len() => "",
            at if at == place => LIST,
            _ => OBJECT,
        };
        parts.iter().enumerate().map(|(at, part)| format!("{part}{}", fill(at))).collect()
    }

    #[test]
    fn a_list_is_no_struct_wherever_it_stands() {
        let count = PLACES.matches('§').count();
        assert_eq!(count, 10);
        let good = with_list_at(usize::MAX);
        let read: Outer = parse(good.as_bytes(), MAX_DOCUMENT).unwrap();
        assert_eq!(read, serde_json::from_str(&good).unwrap());
        assert_eq!(read, from_value(parse_value(good.as_bytes(), MAX_DOCUMENT).unwrap()).unwrap());
        for place in 0..count {
            let listed = with_list_at(place);
            // What is derived takes it, and for the same.
            assert_eq!(serde_json::from_str::<Outer>(&listed).unwrap(), read, "{place}");
            let error = parse::<Outer>(listed.as_bytes(), MAX_DOCUMENT).unwrap_err().to_string();
            assert!(error.contains("invalid type: sequence, expected struct Inner as an object"), "{place}: {error}");
            let value = parse_value(listed.as_bytes(), MAX_DOCUMENT).unwrap();
            assert!(from_value::<Outer>(value).unwrap_err().to_string().contains("Inner as an object"), "{place}");
        }
        let named = good.replace(&format!(r#"{{"inner":{OBJECT}}}}}],"value""#), &format!(r#"[{OBJECT}]}}],"value""#));
        assert_ne!(named, good);
        assert_eq!(serde_json::from_str::<Outer>(&named).unwrap(), read);
        let error = parse::<Outer>(named.as_bytes(), MAX_DOCUMENT).unwrap_err().to_string();
        assert!(error.contains("sequence, expected struct variant Choice::Named as an object"), "{error}");
        assert!(parse::<Inner>(LIST.as_bytes(), 100).is_err() && parse::<Inner>(OBJECT.as_bytes(), 100).is_ok());
    }

    #[test]
    fn what_is_no_struct_is_read_as_before() {
        type All =
            (bool, i8, i64, u8, u64, char, String, (), Option<u8>, Option<u8>, [u8; 2], BTreeMap<u8, Vec<String>>);
        let text = r#"[true,-1,-2,3,4,"é","a\nb",null,null,5,[6,7],{"8":["x","y"]}]"#;
        assert_eq!(parse::<All>(text.as_bytes(), 1000).unwrap(), serde_json::from_str::<All>(text).unwrap());
        assert_eq!(
            parse_value(text.as_bytes(), 1000).unwrap(),
            serde_json::from_str::<serde_json::Value>(text).unwrap()
        );
        let shape = parse::<Inner>(br#"{"a":"7"}"#, 100).unwrap_err().to_string();
        assert!(shape.contains("invalid type: string \"7\", expected u64 at line 1 column 8"), "{shape}");
        assert!(parse::<Inner>(br#"{"a":7,"c":1}"#, 100).unwrap_err().to_string().contains("unknown field `c`"));
    }
}
