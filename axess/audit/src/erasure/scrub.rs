//! Taking a person out of one event.

use crate::{JsonPayload, chain::canonical};
use axess_events::AuthEventEnvelope;
use axess_identity::UserId;
use bytes::Bytes;
use serde_json::{Map, Value};
use std::collections::HashMap;
use uuid::Uuid;

/// Characters of a UUID with hyphens, and without.
const UUID_CHARS: usize = 36;
const SIMPLE_CHARS: usize = 32;
/// By how many characters names are looked up.
const START_CHARS: usize = 4;
/// What tells which event it is, and is never text about a person.
const FIXED: [&str; 4] = ["event_id", "event_type", "occurred_at", "tenant_id"];
/// What says where a person was, and with what.
const TRACES: [&str; 2] = ["client_ip", "user_agent"];
/// The events that vouch for the log: they name nobody, and must stay as they are.
const VOUCHERS: [&str; 2] = ["AuditSubjectErased", "AuditEventsDeleted"];

/// Whom to take out, and what to put there.
#[derive(Debug, Default)]
pub(super) struct Subjects {
    ids: HashMap<Uuid, UserId>,
    /// Other names, in lower case, by how they begin; the longer ones first.
    names: HashMap<Vec<char>, Vec<(Vec<char>, UserId)>>,
}

/// An event without the subjects.
pub(super) struct Scrubbed {
    /// Its canonical bytes.
    pub(super) event: Bytes,
    /// The pseudonym of one of the subjects that were in it.
    pub(super) pseudonym: UserId,
}

/// Says that an event cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(super) enum ScrubError {
    #[error("the event cannot be read")]
    Read(#[from] serde_json::Error),
    #[error("the event cannot be written")]
    Write(#[from] crate::chain::CanonicalError),
}

impl Subjects {
    pub(super) fn add(&mut self, user_id: UserId, pseudonym: UserId) {
        self.ids.insert(user_id.as_uuid(), pseudonym);
    }

    /// Adds another name of a subject: an address, a login name. Nothing but white space is no name.
    pub(super) fn add_name(&mut self, name: &str, pseudonym: UserId) {
        let name: Vec<char> = name.trim().chars().flat_map(char::to_lowercase).collect();
        if !name.is_empty() {
            let start = name.iter().copied().take(START_CHARS).collect();
            let same_start = self.names.entry(start).or_default();
            // An address before the name it begins with.
            let place = same_start.partition_point(|(known, _)| known.len() >= name.len());
            same_start.insert(place, (name, pseudonym));
        }
    }

    /// Returns where the longest name that begins here ends, and whose it is.
    fn name_at(&self, chars: &[char], at: usize) -> Option<(usize, UserId)> {
        if self.names.is_empty() || begins_inside(chars, at) {
            return None;
        }
        let lower = chars.get(at..)?.iter().copied().flat_map(char::to_lowercase);
        let mut start: Vec<char> = lower.take(START_CHARS).collect();
        while !start.is_empty() {
            let names = self.names.get(&start).map(Vec::as_slice).unwrap_or_default();
            let hit = names.iter().find_map(|(name, pseudonym)| Some((end_of(name, chars, at)?, *pseudonym)));
            if hit.is_some() {
                return hit;
            }
            start.pop();
        }
        None
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.names.is_empty()
    }

    pub(super) fn pseudonym(&self, user_id: UserId) -> Option<UserId> {
        self.ids.get(&user_id.as_uuid()).copied()
    }

    /// Tells whether a text names a subject.
    pub(super) fn are_in(&self, text: &str) -> bool {
        self.replaced(text).is_some()
    }

    /// Returns the event without the subjects; `None` when it names none of them.
    pub(super) fn scrub(&self, event: &[u8]) -> Result<Option<Scrubbed>, ScrubError> {
        let mut event: Map<String, Value> = serde_json::from_slice(event)?;
        let kind = event.get("event_type").and_then(Value::as_str).unwrap_or_default();
        if VOUCHERS.contains(&kind) {
            return Ok(None);
        }
        let mut found = None;
        let mut about = false;
        for (name, value) in &mut event {
            if FIXED.contains(&name.as_str()) || name == "client_ip" {
                continue;
            }
            if let Some(pseudonym) = self.replace(value) {
                about |= name == "actor" || name.ends_with("user_id") || name.ends_with("principal_uid");
                found = found.or(Some(pseudonym));
            }
        }
        let address = event.get("client_ip").and_then(Value::as_str).and_then(|ip| self.replaced(ip));
        found = found.or(address.as_ref().map(|(_, pseudonym)| *pseudonym));
        if address.is_some() {
            event.remove("client_ip");
        }
        let Some(pseudonym) = found else { return Ok(None) };
        if about {
            for trace in TRACES {
                event.remove(trace);
            }
        }
        let envelope: AuthEventEnvelope<JsonPayload> = serde_json::from_value(Value::Object(event))?;
        Ok(Some(Scrubbed { event: canonical(&envelope)?, pseudonym }))
    }

    /// Replaces the subjects in a value and what is in it; returns the pseudonym of one of them.
    fn replace(&self, value: &mut Value) -> Option<UserId> {
        match value {
            Value::String(text) => {
                let (new, pseudonym) = self.replaced(text)?;
                *text = new;
                Some(pseudonym)
            }
            Value::Array(items) => items.iter_mut().fold(None, |found, item| self.replace(item).or(found)),
            Value::Object(fields) => {
                let mut found = None;
                for (name, mut field) in std::mem::take(fields) {
                    found = self.replace(&mut field).or(found);
                    let renamed = self.replaced(&name);
                    found = found.or(renamed.as_ref().map(|(_, pseudonym)| *pseudonym));
                    fields.insert(renamed.map_or(name, |(new, _)| new), field);
                }
                found
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => None,
        }
    }

    /// Returns a text without the subjects, and the pseudonym of one of them; `None` when it names none.
    pub(super) fn replaced(&self, text: &str) -> Option<(String, UserId)> {
        let (mut out, mut found) = (String::with_capacity(text.len()), None);
        let mut rest = text;
        let mut plain = 0;
        // Names are not looked for inside a UUID: "cafe" may be a part of one.
        while let Some(after) = rest.get(plain..) {
            let id = uuid_at(after);
            let pseudonym = id.and_then(|(id, length)| Some((*self.ids.get(&id)?, length)));
            match (pseudonym, id) {
                (Some((pseudonym, length)), _) => {
                    self.push_plain(&mut out, &mut found, rest.get(..plain).unwrap_or_default());
                    out.push_str(&pseudonym.to_string());
                    found = found.or(Some(pseudonym));
                    rest = after.get(length..).unwrap_or_default();
                    plain = 0;
                }
                (None, Some((_, UUID_CHARS))) => {
                    self.push_plain(&mut out, &mut found, rest.get(..plain).unwrap_or_default());
                    out.push_str(after.get(..UUID_CHARS).unwrap_or_default());
                    rest = after.get(UUID_CHARS..).unwrap_or_default();
                    plain = 0;
                }
                (None, _) => match after.chars().next() {
                    Some(c) => plain += c.len_utf8(),
                    None => break,
                },
            }
        }
        self.push_plain(&mut out, &mut found, rest);
        found.map(|pseudonym| (out, pseudonym))
    }

    fn push_plain(&self, out: &mut String, found: &mut Option<UserId>, text: &str) {
        let chars: Vec<char> = text.chars().collect();
        let mut at = 0;
        while let Some(c) = chars.get(at) {
            match self.name_at(&chars, at) {
                Some((end, pseudonym)) => {
                    out.push_str(&pseudonym.to_string());
                    *found = found.or(Some(pseudonym));
                    at = end;
                }
                None => {
                    out.push(*c);
                    at += 1;
                }
            }
        }
    }
}

/// Returns the UUID a text begins with, and its length.
fn uuid_at(text: &str) -> Option<(Uuid, usize)> {
    if !text.as_bytes().first()?.is_ascii_hexdigit() {
        return None;
    }
    let hyphens = |head: &&str| head.as_bytes().get(8) == Some(&b'-');
    if let Some(id) = text.get(..UUID_CHARS).filter(hyphens).and_then(|head| Uuid::try_parse(head).ok()) {
        return Some((id, UUID_CHARS));
    }
    let id = text.get(..SIMPLE_CHARS).and_then(|head| Uuid::try_parse(head).ok())?;
    Some((id, SIMPLE_CHARS))
}

/// Tells whether a name that begins here would begin in the middle of a longer one.
fn begins_inside(chars: &[char], at: usize) -> bool {
    let back = |steps| at.checked_sub(steps).and_then(|place| chars.get(place));
    is_word(chars.get(at)) && (is_word(back(1)) || (joins(back(1)) && is_word(back(2))))
}

/// Tells whether a name that ends here would end in the middle of a longer one.
fn ends_inside(chars: &[char], end: usize) -> bool {
    let last = end.checked_sub(1).and_then(|last| chars.get(last));
    is_word(last) && (is_word(chars.get(end)) || (joins(chars.get(end)) && is_word(chars.get(end + 1))))
}

fn is_word(c: Option<&char>) -> bool {
    c.is_some_and(|c| c.is_alphanumeric())
}

/// Tells whether a character joins the parts of an address: "bob" is not in "bob.smithson@example.com".
fn joins(c: Option<&char>) -> bool {
    matches!(c, Some('.' | '_' | '+' | '@'))
}

/// Returns where a name that begins here ends, if it is there, whatever its case, and does not end in the middle of a word.
fn end_of(name: &[char], chars: &[char], start: usize) -> Option<usize> {
    let mut wanted = name.iter();
    let mut end = start;
    while wanted.len() > 0 {
        for lower in chars.get(end)?.to_lowercase() {
            if wanted.next() != Some(&lower) {
                return None;
            }
        }
        end += 1;
    }
    (!ends_inside(chars, end)).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subjects() -> (Subjects, UserId, UserId) {
        let user = UserId::from_parts(7, [0xca; 10]);
        let pseudonym = UserId::from_uuid(uuid::Builder::from_custom_bytes([9; 16]).into_uuid());
        let mut subjects = Subjects::default();
        subjects.add(user, pseudonym);
        subjects.add_name(" Bob@Example.com ", pseudonym);
        subjects.add_name("bob", pseudonym);
        (subjects, user, pseudonym)
    }

    #[test]
    fn ids_and_names_are_found_in_every_spelling() {
        let (subjects, user, pseudonym) = subjects();
        let [hyphens, simple] = [user.to_string(), user.as_uuid().simple().to_string()];
        for (text, want) in [
            (format!("User::\"{hyphens}\""), format!("User::\"{pseudonym}\"")),
            (hyphens.to_uppercase(), pseudonym.to_string()),
            (format!("x{simple}y"), format!("x{pseudonym}y")),
            (format!("ö{hyphens}{hyphens}"), format!("ö{pseudonym}{pseudonym}")),
            ("mailto:BOB@example.COM?".to_owned(), format!("mailto:{pseudonym}?")),
            ("bob, Bob; xbob bobby".to_owned(), format!("{pseudonym}, {pseudonym}; xbob bobby")),
            (
                "to bob. bob@example.com. bob's".to_owned(),
                format!("to {pseudonym}. {pseudonym}. {pseudonym}'s"),
            ),
        ] {
            assert_eq!(subjects.replaced(&text), Some((want.clone(), pseudonym)), "{text}");
            assert_eq!(subjects.replaced(&want), None, "{want}");
        }
        for kept in [
            "",
            "bobsled",
            "bob.smith@example.com",
            "a.bob@example.com",
            "a+bob@example.com",
            "bob@example.com.test",
            "0-0",
            "00000000-0000-7000-8000-000000000001",
            "İbob",
        ] {
            assert_eq!(subjects.replaced(kept), None, "{kept}");
        }
    }

    #[test]
    fn a_name_is_not_found_inside_an_id() {
        let (mut subjects, _, pseudonym) = subjects();
        subjects.add_name("0909", pseudonym);
        assert_eq!(subjects.replaced(&pseudonym.to_string()), None);
        assert!(subjects.are_in("a 0909 b"));
    }

    #[test]
    fn many_names_are_told_apart() {
        let (mut subjects, _, _) = subjects();
        let stand_in = |n: u8| UserId::from_uuid(uuid::Builder::from_custom_bytes([n; 16]).into_uuid());
        for n in 0..20_000_u32 {
            subjects.add_name(&format!("user{n}@example.com"), stand_in(u8::try_from(n % 250).unwrap()));
        }
        let text = "from USER17@example.com to user19999@example.com, not user17@example.com.test";
        let want = format!("from {} to {}, not user17@example.com.test", stand_in(17), stand_in(249));
        assert_eq!(subjects.replaced(text), Some((want, stand_in(17))));
    }
}
