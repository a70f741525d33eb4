//! Canonical JSON: one text for one value, so that a digest of the text is a digest of the value.

use axess_events::{AuditPayload, AuthEventEnvelope};
use axess_identity::EventId;
use bytes::Bytes;
use std::{borrow::Cow, cmp::Ordering};

/// The longest event, as canonical JSON, in bytes.
pub const MAX_EVENT_BYTES: usize = 192 * 1_024;

/// How deep objects and lists may nest in an event.
pub const MAX_EVENT_DEPTH: usize = 32;

/// Says why an event has no canonical form.
///
/// ```
/// use axess_audit::chain::{CanonicalError, check_canonical};
/// assert!(matches!(check_canonical(br#"{"b":1,"a":2}"#), Err(CanonicalError::Order)));
/// ```
#[derive(Debug, thiserror::Error)]
pub enum CanonicalError {
    /// The event cannot be written as JSON.
    #[error("the event cannot be written as JSON")]
    Json(#[source] serde_json::Error),
    /// The event is longer than [`MAX_EVENT_BYTES`].
    #[error("an event of the log is at most {MAX_EVENT_BYTES} bytes of JSON")]
    TooLong,
    /// The event nests deeper than [`MAX_EVENT_DEPTH`].
    #[error("an event of the log nests at most {MAX_EVENT_DEPTH} deep")]
    TooDeep,
    /// A field stands twice: a payload has a field of the envelope.
    #[error("a field stands twice in the event")]
    Duplicate,
    /// The fields are not sorted by code point.
    #[error("the fields of the event are not in order")]
    Order,
    /// The text is not JSON without white space, in serde_json's spelling.
    #[error("the event is not plain JSON")]
    Text,
    /// `event_id` or `event_type` is missing or not what it should be.
    #[error("the event has no id or no type")]
    Unnamed,
}

/// Returns the canonical bytes of an event: what the log commits to.
///
/// Fields are sorted by code point, there is no white space, and numbers and escapes are serde_json's.
///
/// # Errors
///
/// [`CanonicalError`] when the event is too long or too deep, or a payload has a field of the envelope.
pub fn canonical<P: AuditPayload>(envelope: &AuthEventEnvelope<P>) -> Result<Bytes, CanonicalError> {
    let text = serde_json::to_vec(envelope).map_err(CanonicalError::Json)?;
    if text.len() > MAX_EVENT_BYTES {
        return Err(CanonicalError::TooLong);
    }
    let mut sorted = Vec::with_capacity(text.len());
    let mut scanner = Scanner { rest: &text };
    scanner.sort(&mut sorted, 0)?;
    scanner.end()?;
    scan_event(&sorted)?;
    Ok(sorted.into())
}

/// Checks that bytes are the canonical form of an event.
///
/// # Errors
///
/// [`CanonicalError`] says what is not canonical.
pub fn check_canonical(event: &[u8]) -> Result<(), CanonicalError> {
    scan_event(event).map(|_| ())
}

/// What a scan of an event finds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventName<'a> {
    pub(crate) event_id: EventId,
    pub(crate) event_type: &'a str,
}

/// Checks that bytes are the canonical form of an event, and finds its name.
pub(crate) fn scan_event(event: &[u8]) -> Result<EventName<'_>, CanonicalError> {
    if event.len() > MAX_EVENT_BYTES {
        return Err(CanonicalError::TooLong);
    }
    let text = std::str::from_utf8(event).map_err(|_| CanonicalError::Text)?;
    let mut scanner = Scanner { rest: text.as_bytes() };
    let (mut id, mut kind) = (None, None);
    scanner.object(0, |key, value| match key {
        b"event_id" => id = Some(value),
        b"event_type" => kind = Some(value),
        _ => {}
    })?;
    scanner.end()?;
    let unquoted = |value| unquote(value).ok_or(CanonicalError::Unnamed);
    let event_id = super::wire::parse_uuid(unquoted(id)?).ok_or(CanonicalError::Unnamed)?;
    let event_type = std::str::from_utf8(unquoted(kind)?).map_err(|_| CanonicalError::Unnamed)?;
    Ok(EventName { event_id: EventId::from_uuid(event_id), event_type })
}

fn unquote(value: Option<&[u8]>) -> Option<&[u8]> {
    value?.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

struct Scanner<'a> {
    rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    fn end(&self) -> Result<(), CanonicalError> {
        if self.rest.is_empty() { Ok(()) } else { Err(CanonicalError::Text) }
    }

    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn skip(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, &[]));
        self.rest = rest;
        taken
    }

    /// Takes `byte` if it is the next one.
    fn takes(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.skip(1);
        }
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), CanonicalError> {
        if self.takes(byte) { Ok(()) } else { Err(CanonicalError::Text) }
    }

    /// Checks one value whose objects are sorted.
    fn value(&mut self, depth: usize) -> Result<&'a [u8], CanonicalError> {
        let before = self.rest;
        match self.peek() {
            Some(b'{') => self.object(depth, |_, _| {})?,
            Some(b'[') => self.list(depth, |scanner| scanner.value(depth + 1).map(|_| ()))?,
            _ => self.scalar().map(|_| ())?,
        }
        before.get(..before.len() - self.rest.len()).ok_or(CanonicalError::Text)
    }

    fn object(
        &mut self,
        depth: usize,
        mut member: impl FnMut(&'a [u8], &'a [u8]),
    ) -> Result<(), CanonicalError> {
        deeper(depth)?;
        self.expect(b'{')?;
        if self.takes(b'}') {
            return Ok(());
        }
        let mut previous: Option<&[u8]> = None;
        loop {
            let key = self.string()?;
            match previous.map(|previous| key_order(previous, key)) {
                None | Some(Ordering::Less) => {}
                Some(Ordering::Equal) => return Err(CanonicalError::Duplicate),
                Some(Ordering::Greater) => return Err(CanonicalError::Order),
            }
            previous = Some(key);
            self.expect(b':')?;
            let value = self.value(depth + 1)?;
            member(key, value);
            if self.takes(b'}') {
                return Ok(());
            }
            self.expect(b',')?;
        }
    }

    fn list(
        &mut self,
        depth: usize,
        mut item: impl FnMut(&mut Self) -> Result<(), CanonicalError>,
    ) -> Result<(), CanonicalError> {
        deeper(depth)?;
        self.expect(b'[')?;
        if self.takes(b']') {
            return Ok(());
        }
        loop {
            item(self)?;
            if self.takes(b']') {
                return Ok(());
            }
            self.expect(b',')?;
        }
    }

    /// Copies one value with the members of its objects in order.
    fn sort(&mut self, out: &mut Vec<u8>, depth: usize) -> Result<(), CanonicalError> {
        match self.peek() {
            Some(b'{') => self.sort_object(out, depth),
            Some(b'[') => {
                out.push(b'[');
                let start = out.len();
                self.list(depth, |scanner| {
                    if out.len() > start {
                        out.push(b',');
                    }
                    scanner.sort(out, depth + 1)
                })?;
                out.push(b']');
                Ok(())
            }
            _ => {
                out.extend_from_slice(self.scalar()?);
                Ok(())
            }
        }
    }

    fn sort_object(&mut self, out: &mut Vec<u8>, depth: usize) -> Result<(), CanonicalError> {
        deeper(depth)?;
        self.expect(b'{')?;
        let mut members: Vec<(&[u8], Vec<u8>)> = Vec::new();
        while !self.takes(b'}') {
            if !members.is_empty() {
                self.expect(b',')?;
            }
            let key = self.string()?;
            self.expect(b':')?;
            let mut value = Vec::new();
            self.sort(&mut value, depth + 1)?;
            members.push((key, value));
        }
        members.sort_by(|(a, _), (b, _)| key_order(a, b));
        out.push(b'{');
        for (at, (key, value)) in members.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            out.push(b'"');
            out.extend_from_slice(key);
            out.extend_from_slice(b"\":");
            out.extend_from_slice(value);
        }
        out.push(b'}');
        Ok(())
    }

    fn scalar(&mut self) -> Result<&'a [u8], CanonicalError> {
        let before = self.rest;
        match self.peek() {
            Some(b'"') => self.string().map(|_| ())?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => {
                let word =
                    [&b"true"[..], b"false", b"null"].into_iter().find(|word| before.starts_with(word));
                self.skip(word.ok_or(CanonicalError::Text)?.len());
            }
        }
        before.get(..before.len() - self.rest.len()).ok_or(CanonicalError::Text)
    }

    /// Takes a string and returns what stands between its marks, escapes as they are.
    fn string(&mut self) -> Result<&'a [u8], CanonicalError> {
        self.expect(b'"')?;
        let before = self.rest;
        loop {
            let plain = self.rest.iter().position(|byte| *byte < b' ' || *byte == b'"' || *byte == b'\\');
            self.skip(plain.ok_or(CanonicalError::Text)?);
            match self.peek() {
                Some(b'"') => {
                    let text = before.get(..before.len() - self.rest.len()).ok_or(CanonicalError::Text)?;
                    self.skip(1);
                    return Ok(text);
                }
                Some(b'\\') => {
                    let length = escape(self.rest).ok_or(CanonicalError::Text)?.1;
                    self.skip(length);
                }
                _ => return Err(CanonicalError::Text),
            }
        }
    }

    fn number(&mut self) -> Result<(), CanonicalError> {
        self.takes(b'-');
        if !self.takes(b'0') {
            self.digits()?;
        }
        if self.takes(b'.') {
            self.digits()?;
        }
        if self.takes(b'e') {
            let _ = self.takes(b'-') || self.takes(b'+');
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), CanonicalError> {
        let count = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.skip(count);
        if count > 0 { Ok(()) } else { Err(CanonicalError::Text) }
    }
}

fn deeper(depth: usize) -> Result<(), CanonicalError> {
    if depth < MAX_EVENT_DEPTH { Ok(()) } else { Err(CanonicalError::TooDeep) }
}

/// Reads the escape at the start of `text`: what it stands for and how long it is. Each character has one spelling.
fn escape(text: &[u8]) -> Option<(u8, usize)> {
    match text.get(1)? {
        b'"' => Some((b'"', 2)),
        b'\\' => Some((b'\\', 2)),
        b'b' => Some((8, 2)),
        b't' => Some((b'\t', 2)),
        b'n' => Some((b'\n', 2)),
        b'f' => Some((12, 2)),
        b'r' => Some((b'\r', 2)),
        b'u' => {
            let [b'0', b'0', high @ (b'0' | b'1'), low] = text.get(2..6)? else { return None };
            let low = match low {
                b'0'..=b'9' => low - b'0',
                b'a'..=b'f' => low - b'a' + 10,
                _ => return None,
            };
            let code = (high - b'0') * 16 + low;
            (!matches!(code, 8 | 9 | 10 | 12 | 13)).then_some((code, 6))
        }
        _ => None,
    }
}

/// Compares two keys by code point; UTF-8 sorts as its code points do.
fn key_order(a: &[u8], b: &[u8]) -> Ordering {
    plain(a).cmp(&plain(b))
}

fn plain(key: &[u8]) -> Cow<'_, [u8]> {
    if !key.contains(&b'\\') {
        return Cow::Borrowed(key);
    }
    let (mut out, mut rest) = (Vec::with_capacity(key.len()), key);
    while let Some((first, others)) = rest.split_first() {
        match escape(rest).filter(|_| *first == b'\\') {
            Some((byte, length)) => {
                out.push(byte);
                rest = rest.get(length..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = others;
            }
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests;
