use crate::problem::Problem;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// How deep a body may be: an object in a list in a list is three.
const MAX_DEPTH: usize = 12;

/// How many members or entries a body may have in all.
const MAX_NODES: usize = 4_096;

/// Reads one JSON text: bounded in depth and count, and no member twice.
pub(super) fn parse(body: &[u8]) -> Result<Value, Problem> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Problem::invalid("", "the body is empty, and JSON is needed"));
    }
    let mut nodes = 0;
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = Node { depth: 0, nodes: &mut nodes }.deserialize(&mut reader);
    read.and_then(|value| reader.end().map(|()| value)).map_err(|error| fault(&error))
}

/// Says where the text is wrong. serde's own words may repeat what was sent, so only those of ours and of the grammar.
fn fault(error: &serde_json::Error) -> Problem {
    let place = format!("line {}, column {}", error.line(), error.column());
    let text = error.to_string();
    let known = [TOO_DEEP, TOO_MANY, TWICE].into_iter().find(|known| text.starts_with(known));
    match (known, error.classify()) {
        (Some(known), _) => Problem::invalid("", format!("{known} ({place})")),
        (None, serde_json::error::Category::Eof) => {
            Problem::invalid("", format!("the JSON ends early ({place})"))
        }
        _ => Problem::invalid("", format!("the body is not JSON ({place})")),
    }
}

const TOO_DEEP: &str = "the JSON is nested too deeply";
const TOO_MANY: &str = "the JSON has too many members";
const TWICE: &str = "a member is there twice";

struct Node<'a> {
    depth: usize,
    nodes: &'a mut usize,
}

impl Node<'_> {
    fn child<E: Error>(&mut self) -> Result<Node<'_>, E> {
        *self.nodes += 1;
        if *self.nodes > MAX_NODES {
            return Err(E::custom(TOO_MANY));
        }
        Ok(Node { depth: self.depth + 1, nodes: self.nodes })
    }

    fn enter<E: Error>(&self) -> Result<(), E> {
        if self.depth >= MAX_DEPTH { Err(E::custom(TOO_DEEP)) } else { Ok(()) }
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
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

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Value, A::Error> {
        self.enter()?;
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(self.child()?)? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Value, A::Error> {
        self.enter()?;
        let mut values = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(self.child()?)?;
            if values.insert(name, value).is_some() {
                return Err(A::Error::custom(TWICE));
            }
        }
        Ok(values.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refusal(body: &str) -> String {
        parse(body.as_bytes()).unwrap_err().json()["detail"].as_str().unwrap().to_owned()
    }

    #[test]
    fn what_is_ambiguous_or_huge_is_refused() {
        assert_eq!(refusal(" \n"), "the body is empty, and JSON is needed");
        assert_eq!(refusal("{\"a\": 1"), "the JSON ends early (line 1, column 7)");
        assert_eq!(refusal("{\"a\": 1} {}"), "the body is not JSON (line 1, column 10)");
        assert_eq!(refusal(r#"{"a": 1, "a": 2}"#), "a member is there twice (line 1, column 16)");
        assert_eq!(refusal(r#"[{"\u0061": 1, "a": 2}]"#), "a member is there twice (line 1, column 22)");
        assert!(refusal(&"[".repeat(200)).starts_with("the JSON is nested too deeply"));
        assert!(refusal(&format!("[{}1]", "1,".repeat(5_000))).starts_with("the JSON has too many members"));
        assert!(!refusal("{\"password\": hunter2}").contains("hunter2"));
        assert_eq!(refusal("nonsense"), "the body is not JSON (line 1, column 2)");
        assert!(parse(b"{\"a\": \"\xff\"}").is_err());
        assert!(parse("[".repeat(MAX_DEPTH).as_bytes()).is_err());
        let deep = format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
        assert!(parse(deep.as_bytes()).is_ok());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let ours = parse(&body);
            if ours.is_ok() {
                prop_assert!(serde_json::from_slice::<Value>(&body).is_ok());
            }
        }

        #[test]
        fn what_is_read_is_what_was_written(text in ".*", number in any::<i64>(), flag in any::<bool>()) {
            let value = serde_json::json!({"a": [text, number, flag, null], "b": {"c": 0.5}});
            prop_assert_eq!(parse(value.to_string().as_bytes()).unwrap(), value);
        }
    }
}
