//! JSON objects without duplicate members, at any depth: two readers of one document must not see two different things.
//!
//! ```
//! use axess_jose::{Limits, json};
//! let twice = br#"{"iss":"https://a.example","iss":"https://b.example"}"#;
//! assert!(json::object(twice, Limits::default()).is_err());
//! ```

use crate::JoseError;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// How large a token or document may be.
///
/// ```
/// use axess_jose::{Jws, JoseError, Limits};
/// let limits = Limits { max_bytes: 8, ..Limits::default() };
/// assert!(matches!(Jws::parse("e30.e30.e30", limits), Err(JoseError::TooLarge)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of the whole.
    pub max_bytes: usize,
    /// How deep arrays and objects may be nested; at most 100.
    pub max_depth: usize,
}

impl Default for Limits {
    /// 32 KiB, 16 deep: an ID token with some hundred groups fits.
    fn default() -> Self {
        Self { max_bytes: 32 * 1024, max_depth: 16 }
    }
}

/// Parses one JSON object and nothing after it (RFC 8259, with the unique names of RFC 7493 §2.3).
///
/// # Errors
///
/// [`JoseError::TooLarge`] past `limits`' bytes; [`JoseError::Malformed`] when it is no object, has a member twice at any
/// depth, or is nested too deep.
pub fn object(bytes: &[u8], limits: Limits) -> Result<Map<String, Value>, JoseError> {
    if bytes.len() > limits.max_bytes {
        return Err(JoseError::TooLarge);
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let refuse = |_| JoseError::Malformed("no JSON object without duplicate members");
    let value = Strict { depth: limits.max_depth }.deserialize(&mut deserializer).map_err(refuse)?;
    deserializer.end().map_err(refuse)?;
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(JoseError::Malformed("no JSON object")),
    }
}

/// Reads any value; `depth` is how many levels may still open.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| E::custom("nested too deep"))?;
        Ok(Self { depth })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without duplicate members")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("no number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut all = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut all = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inner)?;
            if all.insert(name, value).is_some() {
                return Err(A::Error::custom("a member is there twice"));
            }
        }
        Ok(Value::Object(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_are_refused_at_any_depth() {
        for (text, good) in [
            (r#"{"a":1,"b":[{"c":null},{"c":-2.5}],"d":{"a":true}}"#, true),
            (r#"{"a":1,"a":1}"#, false),
            (r#"{"a":1,"\u0061":1}"#, false),
            (r#"{"a":{"b":1,"b":2}}"#, false),
            (r#"{"a":[{"b":1,"b":2}]}"#, false),
            (r#"{"a":1} {"b":2}"#, false),
            (r#"{"a":1}x"#, false),
            ("{\"a\":\"\\ud800\"}", false),
            (r#"[1]"#, false),
            (r#""text""#, false),
            ("null", false),
            (r#"{"a":1e999}"#, false),
            (r#"{"a":01}"#, false),
            (r#"{"a":1,}"#, false),
            ("{'a':1}", false),
            ("\u{feff}{}", false),
            ("", false),
        ] {
            let parsed = object(text.as_bytes(), Limits::default());
            assert_eq!(parsed.is_ok(), good, "{text}");
            if let Ok(parsed) = parsed {
                assert_eq!(Value::Object(parsed), serde_json::from_str::<Value>(text).unwrap());
            }
        }
        assert!(object(b"{\"a\":\"\xff\"}", Limits::default()).is_err(), "no UTF-8");
    }

    #[test]
    fn size_and_depth_are_bounded() {
        let limits = Limits { max_bytes: 64, max_depth: 3 };
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(object(nested(2).as_bytes(), limits).is_ok());
        assert!(matches!(object(nested(3).as_bytes(), limits), Err(JoseError::Malformed(_))));
        let long = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
        assert!(object(long(64).as_bytes(), limits).is_ok());
        assert!(matches!(object(long(65).as_bytes(), limits), Err(JoseError::TooLarge)));
        let deepest = Limits { max_bytes: 100_000, max_depth: usize::MAX };
        assert!(
            object(nested(20_000).as_bytes(), deepest).is_err(),
            "the stack is safe whatever the limit says"
        );
    }
}
