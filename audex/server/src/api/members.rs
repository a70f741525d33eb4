use crate::problem::Problem;
use audex_policy::nearest;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

/// The members of an object that was sent: a body, a form or a query.
///
/// Each is taken once; what is left over is unknown.
///
/// Every fault names its member.
///
/// ```
/// use audex_server::api::{FromMembers, Members};
/// use audex_server::problem::Problem;
///
/// struct Comment(String);
///
/// impl FromMembers for Comment {
///     fn from_members(members: &mut Members) -> Result<Self, Problem> {
///         Ok(Self(members.text("comment", 2_000)?.unwrap_or_default()))
///     }
/// }
///
/// let members = |json: &str| Members::new(serde_json::from_str(json).unwrap());
/// assert_eq!(members(r#"{"comment": "agreed"}"#).unwrap().read::<Comment>().unwrap().0, "agreed");
/// let fault = members(r#"{"coment": "agreed"}"#).unwrap().read::<Comment>().err().unwrap();
/// assert_eq!(fault.json()["detail"], "there is no `coment`: did you mean `comment`?");
/// ```
#[derive(Debug)]
pub struct Members {
    values: Map<String, Value>,
    known: Vec<&'static str>,
    /// As in `[2].`, before the names of an entry of a list.
    place: String,
}

/// What can be read from the members of an object.
pub trait FromMembers: Sized {
    /// Takes the members that it knows.
    ///
    /// # Errors
    ///
    /// A [`Problem`] that names the member at fault.
    fn from_members(members: &mut Members) -> Result<Self, Problem>;
}

impl Members {
    /// Takes an object.
    ///
    /// # Errors
    ///
    /// A [`Problem`] for anything else.
    pub fn new(value: Value) -> Result<Self, Problem> {
        Self::at(String::new(), value)
    }

    /// Takes the object at a place, as in `[2].`.
    pub(super) fn at(place: String, value: Value) -> Result<Self, Problem> {
        match value {
            Value::Object(values) => Ok(Self { values, known: Vec::new(), place }),
            _ => {
                let field = place.trim_end_matches('.');
                Err(Problem::invalid(field, "a JSON object is needed, as in {\"name\": \"value\"}"))
            }
        }
    }

    /// Takes the pairs of a query or a form.
    ///
    /// # Errors
    ///
    /// A [`Problem`] where a name is there twice.
    pub fn of_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, Problem> {
        let mut values = Map::new();
        for (name, value) in pairs {
            let name: String = name.chars().take(MAX_NAME).collect();
            if values.insert(name.clone(), Value::String(value)).is_some() {
                return Err(Problem::invalid(&name, format!("`{name}` is there twice")));
            }
        }
        Ok(Self { values, known: Vec::new(), place: String::new() })
    }

    /// Reads all of it.
    ///
    /// # Errors
    ///
    /// A [`Problem`] that names the member at fault, which may be one that nobody knows.
    pub fn read<T: FromMembers>(mut self) -> Result<T, Problem> {
        let read = T::from_members(&mut self)?;
        match self.values.keys().next() {
            Some(name) => Err(self.unknown(name)),
            None => Ok(read),
        }
    }

    /// Takes a text of at most this many bytes. `null` counts as absent.
    ///
    /// # Errors
    ///
    /// A [`Problem`] for anything else.
    pub fn text(&mut self, name: &'static str, most: usize) -> Result<Option<String>, Problem> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let Value::String(text) = value else {
            return Err(self.invalid(name, format!("`{name}` has to be a string")));
        };
        self.bounded(name, text, most).map(Some)
    }

    /// Takes a text that has to be there.
    ///
    /// # Errors
    ///
    /// As [`text`](Self::text), and where there is none.
    pub fn required_text(&mut self, name: &'static str, most: usize) -> Result<String, Problem> {
        let text = self.text(name, most)?;
        text.ok_or_else(|| self.missing(name))
    }

    /// Takes a list of texts, each of at most this many bytes; one text alone is a list of one.
    ///
    /// # Errors
    ///
    /// A [`Problem`] for anything else.
    pub fn texts(
        &mut self,
        name: &'static str,
        count: usize,
        most: usize,
    ) -> Result<Option<Vec<String>>, Problem> {
        let list = match self.take(name) {
            None => return Ok(None),
            Some(Value::Array(list)) => list,
            Some(value) => vec![value],
        };
        if list.len() > count {
            return Err(self.invalid(name, format!("`{name}` has more than {count} entries")));
        }
        let texts = list.into_iter().map(|value| match value {
            Value::String(text) => self.bounded(name, text, most),
            _ => Err(self.invalid(name, format!("`{name}` has to be a string, or a list of strings"))),
        });
        texts.collect::<Result<_, _>>().map(Some)
    }

    /// Takes a whole number, as JSON's or written as a text (a query has nothing else).
    ///
    /// # Errors
    ///
    /// A [`Problem`] for anything else.
    pub fn number(&mut self, name: &'static str) -> Result<Option<u64>, Problem> {
        let number = match self.take(name) {
            None => return Ok(None),
            Some(Value::Number(number)) => number.as_u64(),
            Some(Value::String(text)) => {
                // Not `+5`, which Rust takes.
                let digits = text.bytes().all(|byte| byte.is_ascii_digit());
                digits.then(|| text.parse().ok()).flatten()
            }
            Some(_) => None,
        };
        match number {
            Some(number) => Ok(Some(number)),
            None => {
                Err(self.invalid(name, format!("`{name}` has to be a whole number that is not negative")))
            }
        }
    }

    /// Takes a whole number within bounds.
    ///
    /// # Errors
    ///
    /// A [`Problem`] for anything else.
    pub fn number_in(
        &mut self,
        name: &'static str,
        bounds: std::ops::RangeInclusive<u64>,
    ) -> Result<Option<u64>, Problem> {
        match self.number(name)? {
            Some(number) if !bounds.contains(&number) => {
                let (first, last) = bounds.into_inner();
                Err(self.invalid(name, format!("`{name}` is from {first} to {last}")))
            }
            number => Ok(number),
        }
    }

    /// Takes yes or no.
    ///
    /// # Errors
    ///
    /// A [`Problem`] for anything else.
    pub fn flag(&mut self, name: &'static str) -> Result<Option<bool>, Problem> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(Value::String(text)) if text == "true" || text == "false" => Ok(Some(text == "true")),
            Some(_) => Err(self.invalid(name, format!("`{name}` is true or false"))),
        }
    }

    /// Takes a time of RFC 3339.
    ///
    /// # Errors
    ///
    /// A [`Problem`] for anything else.
    pub fn time(&mut self, name: &'static str) -> Result<Option<DateTime<Utc>>, Problem> {
        let Some(text) = self.text(name, MAX_NAME)? else { return Ok(None) };
        // In a query that was not escaped, a plus arrives as a space.
        let read = DateTime::parse_from_rfc3339(&text.replace(' ', "+"));
        let time = read.map_err(|_| {
            self.invalid(name, format!("`{name}` is a time with its zone, as in 2024-01-01T12:00:00Z"))
        })?;
        Ok(Some(time.to_utc()))
    }

    /// Takes anything.
    pub fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.values.remove(name).filter(|value| !value.is_null())
    }

    /// Says that a member is needed.
    pub fn missing(&self, name: &str) -> Problem {
        // What is left over may be what was meant.
        let meant = nearest(name, self.values.keys().map(String::as_str));
        let hint = meant.map(|other| format!(" (there is `{}`)", shown(other))).unwrap_or_default();
        self.invalid(name, format!("`{name}` is needed{hint}"))
    }

    /// Says what is wrong with a member.
    pub fn invalid(&self, name: &str, detail: impl Into<String>) -> Problem {
        Problem::invalid(&format!("{}{name}", self.place), detail)
    }

    fn bounded(&self, name: &str, text: String, most: usize) -> Result<String, Problem> {
        if text.len() > most {
            return Err(self.invalid(name, format!("`{name}` has more than {most} bytes")));
        }
        // PostgreSQL has no place for it, and nobody means it.
        if text.contains('\0') {
            return Err(self.invalid(name, format!("`{name}` has a NUL character")));
        }
        Ok(text)
    }

    fn unknown(&self, name: &str) -> Problem {
        let shown = shown(name);
        let detail = match (nearest(name, self.known.iter().copied()), self.known.is_empty()) {
            (Some(known), _) => format!("there is no `{shown}`: did you mean `{known}`?"),
            (None, true) => format!("there is no `{shown}`: nothing is expected here"),
            (None, false) => format!("there is no `{shown}` (one of {})", self.known.join(", ")),
        };
        self.invalid(&shown, detail)
    }
}

/// The most characters of a name that are repeated.
const MAX_NAME: usize = 40;

/// A name that somebody sent, fit for an answer.
fn shown(name: &str) -> String {
    let visible = name.chars().map(|one| if one.is_ascii_graphic() && one != '`' { one } else { '?' });
    visible.take(MAX_NAME).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Debug)]
    struct Two;

    impl FromMembers for Two {
        fn from_members(members: &mut Members) -> Result<Self, Problem> {
            members.required_text("allow", 10)?;
            members.number_in("limit", 1..=100)?;
            members.texts("resources", 2, 3)?;
            members.flag("all")?;
            Ok(Self)
        }
    }

    fn fault(value: Value) -> (String, String) {
        let problem = Members::new(value).and_then(Members::read::<Two>).unwrap_err();
        let text = |name: &str| problem.json()[name].as_str().unwrap().to_owned();
        (text("field"), text("detail"))
    }

    #[test]
    fn each_fault_names_its_member() {
        let cases = [
            (json!([]), "", "a JSON object is needed, as in {\"name\": \"value\"}"),
            (json!({}), "allow", "`allow` is needed"),
            (json!({"alow": "x"}), "allow", "`allow` is needed (there is `alow`)"),
            (json!({"allow": 1}), "allow", "`allow` has to be a string"),
            (json!({"allow": "12345678901"}), "allow", "`allow` has more than 10 bytes"),
            (json!({"allow": "\0"}), "allow", "`allow` has a NUL character"),
            (json!({"allow": "a", "limit": 0}), "limit", "`limit` is from 1 to 100"),
            (
                json!({"allow": "a", "limit": "+5"}),
                "limit",
                "`limit` has to be a whole number that is not negative",
            ),
            (
                json!({"allow": "a", "limit": 1.5}),
                "limit",
                "`limit` has to be a whole number that is not negative",
            ),
            (
                json!({"allow": "a", "resources": ["a", "b", "c"]}),
                "resources",
                "`resources` has more than 2 entries",
            ),
            (
                json!({"allow": "a", "resources": [1]}),
                "resources",
                "`resources` has to be a string, or a list of strings",
            ),
            (json!({"allow": "a", "all": "yes"}), "all", "`all` is true or false"),
            (
                json!({"allow": "a", "resource": "b"}),
                "resource",
                "there is no `resource`: did you mean `resources`?",
            ),
            (
                json!({"allow": "a", "zebra\n`": 1}),
                "zebra??",
                "there is no `zebra??` (one of allow, limit, resources, all)",
            ),
        ];
        for (value, field, detail) in cases {
            assert_eq!(fault(value), (field.to_owned(), detail.to_owned()));
        }
    }

    #[test]
    fn a_query_names_nothing_twice() {
        let pairs = |pairs: &[(&str, &str)]| {
            Members::of_pairs(pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())))
        };
        assert!(pairs(&[("allow", "a"), ("limit", "5")]).unwrap().read::<Two>().is_ok());
        assert_eq!(pairs(&[("a", "1"), ("a", "1")]).unwrap_err().json()["detail"], "`a` is there twice");
    }

    #[test]
    fn null_is_as_good_as_absent() {
        assert!(Members::new(json!({"allow": "a", "limit": null})).unwrap().read::<Two>().is_ok());
    }
}
