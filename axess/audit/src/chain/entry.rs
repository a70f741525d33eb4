use super::{
    json::{self, CanonicalError, MAX_EVENT_BYTES},
    keys::{AuditMacKey, KeyId},
    link::{Line, Link, LinkFields, LogId, commitment, link_hash},
    wire::{Reader, parse_chain},
};
use axess_core::store::AuditScope;
use axess_identity::EventId;

/// The longest line of a log, without the line feed, in bytes.
pub const MAX_LINE_BYTES: usize = MAX_EVENT_BYTES + 1_024;

/// `,"hash":"` 43 `","mac":"` 43 `"}`
const TAIL_BYTES: usize = 9 + 43 + 9 + 43 + 2;

/// One entry of a log, read from its line.
///
/// A line has one spelling: fields in this order, no white space, the event in canonical form. What is parsed is well
/// formed, not yet true: [`holds`](Self::holds) compares the hash, and a [`Verifier`](super::Verifier) the chain.
///
/// ```
/// use axess_audit::chain::{AuditKeys, Entry, LogId, seal};
/// use axess_core::store::AuditScope;
/// use axess_rng::{MockRng, random_array};
///
/// let rng = MockRng::new(1);
/// let (log, keys) = (LogId::generate(&rng), AuditKeys::generate(&rng));
/// let event = br#"{"event_id":"00000000-0000-7000-8000-000000000001","event_type":"FundsTransferred"}"#;
/// let (line, head) = seal(log, AuditScope::System, None, event, random_array(&rng), &keys);
///
/// let entry = Entry::parse(line.trim_ascii_end()).unwrap();
/// assert_eq!((entry.event(), entry.link()), (&event[..], head));
/// assert!(entry.holds(log) && entry.mac_holds(log, &keys.mac));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    scope: AuditScope,
    seq: u64,
    prev: [u8; 32],
    key: KeyId,
    rewritten: Option<([u8; 32], u64)>,
    salt: [u8; 16],
    event: &'a [u8],
    event_id: EventId,
    event_type: &'a str,
    hash: [u8; 32],
    mac: [u8; 32],
}

/// Says why a line is not an entry.
///
/// ```
/// use axess_audit::chain::{Entry, LineError};
/// assert!(matches!(Entry::parse(b"{}"), Err(LineError::Field("v"))));
/// ```
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The line is longer than any line of a log.
    #[error("the line is longer than any line of a log")]
    TooLong,
    /// A field is missing, in another place, or not spelled as it must be.
    #[error("the field \"{0}\" is missing or not as it must be")]
    Field(&'static str),
    /// The event is not in canonical form.
    #[error("the event is not in canonical form")]
    Event(#[source] CanonicalError),
    /// The MAC was taken out of the line.
    #[error("the line has no MAC")]
    NoMac,
}

impl<'a> Entry<'a> {
    /// Reads a line, without its line feed.
    ///
    /// Any bytes are safe to pass.
    ///
    /// # Errors
    ///
    /// [`LineError`] names the first field that is not as it must be.
    pub fn parse(line: &'a [u8]) -> Result<Self, LineError> {
        if line.len() > MAX_LINE_BYTES {
            return Err(LineError::TooLong);
        }
        let mut reader = Reader::new(line);
        let (scope, seq) = place(&mut reader)?;
        let prev = field(&mut reader, "prev", r#","prev":""#, Reader::bytes)?;
        let key = field(&mut reader, "key", r#","key":""#, Reader::bytes)?;
        let mut rewritten = None;
        if reader.literal(r#","commitment":""#).is_some() {
            let original = reader.bytes().ok_or(LineError::Field("commitment"))?;
            let voucher = field(&mut reader, "erased", r#","erased":"#, Reader::number)?;
            rewritten = Some((original, voucher));
        }
        let salt = field(&mut reader, "salt", r#","salt":""#, Reader::bytes)?;
        reader.literal(r#","event":"#).ok_or(LineError::Field("event"))?;
        let Some((hash, mac)) = split_tail(&mut reader) else { return Err(tail_error(line)) };
        let event = reader.rest();
        let name = json::scan_event(event).map_err(LineError::Event)?;
        Ok(Self {
            scope,
            seq,
            prev,
            key: KeyId::from_bytes(key),
            rewritten,
            salt,
            event,
            event_id: name.event_id,
            event_type: name.event_type,
            hash,
            mac,
        })
    }

    /// Reads what a line says of its place, when only that much of it is well formed.
    #[must_use]
    pub fn place_of(line: &[u8]) -> Option<(AuditScope, u64)> {
        place(&mut Reader::new(line)).ok()
    }

    /// Returns whose chain it is in.
    #[must_use]
    pub fn scope(&self) -> AuditScope {
        self.scope
    }

    /// Returns its place in the chain.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Returns the hash of the entry before it, as the line states it.
    #[must_use]
    pub fn prev(&self) -> [u8; 32] {
        self.prev
    }

    /// Returns the canonical bytes of its event.
    #[must_use]
    pub fn event(&self) -> &'a [u8] {
        self.event
    }

    /// Returns the id of its event.
    #[must_use]
    pub fn event_id(&self) -> EventId {
        self.event_id
    }

    /// Returns the type of its event, as JSON spells it.
    #[must_use]
    pub fn event_type(&self) -> &'a str {
        self.event_type
    }

    /// Returns the key its MAC was made with.
    #[must_use]
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// Returns its place and hash, as the line states them.
    #[must_use]
    pub fn link(&self) -> Link {
        Link { seq: self.seq, hash: self.hash }
    }

    /// Returns the place of the event that vouches for what this entry holds now, when it was rewritten.
    #[must_use]
    pub fn erased(&self) -> Option<u64> {
        self.rewritten.map(|(_, voucher)| voucher)
    }

    /// Returns what the chain committed to when the entry was made.
    #[must_use]
    pub fn original_commitment(&self) -> [u8; 32] {
        self.rewritten.map_or_else(|| self.commitment(), |(original, _)| original)
    }

    /// Returns the commitment to what the entry holds now.
    #[must_use]
    pub fn commitment(&self) -> [u8; 32] {
        commitment(&self.salt, self.event)
    }

    /// Tells whether the entry's hash is that of its fields.
    ///
    /// Of a rewritten entry this says nothing about its event: another entry vouches for that.
    #[must_use]
    pub fn holds(&self, log: LogId) -> bool {
        link_hash(&self.link_bytes(log), &self.mac) == self.hash
    }

    /// Tells whether this key made the entry's MAC.
    #[must_use]
    pub fn mac_holds(&self, log: LogId, key: &AuditMacKey) -> bool {
        self.key == key.id() && key.verifies(&[&self.link_bytes(log)], &self.mac)
    }

    /// Makes the line, with its line feed, that holds `event` instead; place, hash and MAC stay.
    ///
    /// `voucher` is the place, in the same chain, of the `AuditSubjectErased` that lists this entry's place and
    /// [`commitment`]`(salt, event)`. Without that event a verification refuses the line.
    #[must_use]
    pub fn rewritten(&self, event: &[u8], salt: [u8; 16], voucher: u64) -> Vec<u8> {
        let rewritten = Some((self.original_commitment(), voucher));
        let Self { scope, seq, prev, key, hash, mac, .. } = *self;
        Line { scope, seq, prev, key, rewritten, salt, event, hash, mac }.to_bytes()
    }

    pub(crate) fn mac(&self) -> &[u8; 32] {
        &self.mac
    }

    /// Returns what the MAC and the hash cover.
    pub(crate) fn link_bytes(&self, log: LogId) -> Vec<u8> {
        let Self { scope, seq, prev, key, .. } = *self;
        LinkFields { scope, seq, prev, commitment: self.original_commitment(), key }.bytes(log)
    }
}

fn place(reader: &mut Reader<'_>) -> Result<(AuditScope, u64), LineError> {
    reader.literal(r#"{"v":1"#).ok_or(LineError::Field("v"))?;
    let chain = field(reader, "chain", r#","chain":""#, Reader::quoted)?;
    let scope = parse_chain(chain).ok_or(LineError::Field("chain"))?;
    let seq = field(reader, "seq", r#","seq":"#, Reader::number)?;
    if seq == 0 {
        return Err(LineError::Field("seq"));
    }
    Ok((scope, seq))
}

pub(crate) fn field<'a, T>(
    reader: &mut Reader<'a>,
    name: &'static str,
    literal: &str,
    read: impl FnOnce(&mut Reader<'a>) -> Option<T>,
) -> Result<T, LineError> {
    reader.literal(literal).and_then(|()| read(reader)).ok_or(LineError::Field(name))
}

/// Takes hash and MAC from the end of the line, where they stand at fixed places whatever the event holds.
fn split_tail(reader: &mut Reader<'_>) -> Option<([u8; 32], [u8; 32])> {
    let mut tail = Reader::new(reader.split_end::<TAIL_BYTES>()?);
    tail.literal(r#","hash":""#)?;
    let hash = tail.bytes()?;
    tail.literal(r#","mac":""#)?;
    let mac = tail.bytes()?;
    tail.literal("}")?;
    tail.end()?;
    Some((hash, mac))
}

fn tail_error(line: &[u8]) -> LineError {
    let without_mac = |end: &[u8]| -> Option<()> {
        let mut reader = Reader::new(line.strip_suffix(end)?);
        let mut tail = Reader::new(reader.split_end::<{ 9 + 43 + 1 }>()?);
        tail.literal(r#","hash":""#)?;
        tail.bytes::<32>()?;
        tail.end()
    };
    let ends = [&b"}"[..], br#","mac":""}"#, br#","mac":null}"#];
    if ends.into_iter().any(|end| without_mac(end).is_some()) {
        LineError::NoMac
    } else {
        LineError::Field("hash")
    }
}
