use super::{
    keys::{AuditKeys, KeyId},
    wire::{chain_name, encode, parse_uuid},
};
use axess_core::store::AuditScope;
use axess_rng::{SecureRng, random_array};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr};
use uuid::Uuid;

const EVENT_LABEL: &[u8] = b"axess-audit-event-v1\0";
const LINK_LABEL: &[u8] = b"axess-audit-link-v1\0";
const GENESIS_LABEL: &[u8] = b"axess-audit-genesis-v1\0";

/// Names one log: what is written for one cannot be moved into another.
///
/// ```
/// use axess_audit::chain::LogId;
/// use axess_rng::MockRng;
/// let id = LogId::generate(&MockRng::new(1));
/// assert_eq!(id.to_string().parse::<LogId>().unwrap(), id);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId(Uuid);

/// Says that a text is not the id of a log.
///
/// ```
/// use axess_audit::chain::{LogId, ParseLogIdError};
/// assert_eq!("x".parse::<LogId>(), Err(ParseLogIdError));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a log: a UUID in lower case is expected")]
pub struct ParseLogIdError;

/// An entry's place in its chain and its hash; that of the last entry is the chain's head.
///
/// ```
/// use axess_audit::chain::Link;
/// assert_eq!(Link { seq: 1, hash: [0; 32] }.seq, 1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Counts the entries of a chain, from 1.
    pub seq: u64,
    /// Commits to the entry and, through `prev`, to all before it.
    pub hash: [u8; 32],
}

/// What the hash of an entry covers, beside its MAC.
pub(crate) struct LinkFields {
    pub(crate) scope: AuditScope,
    pub(crate) seq: u64,
    pub(crate) prev: [u8; 32],
    pub(crate) commitment: [u8; 32],
    pub(crate) key: KeyId,
}

impl LogId {
    /// Wraps an existing id.
    #[must_use]
    pub const fn from_uuid(id: Uuid) -> Self {
        Self(id)
    }

    /// Draws an id (UUIDv4).
    #[must_use]
    pub fn generate(rng: &(impl SecureRng + ?Sized)) -> Self {
        Self(uuid::Builder::from_random_bytes(random_array(rng)).into_uuid())
    }

    /// Returns the id.
    #[must_use]
    pub const fn as_uuid(&self) -> Uuid {
        self.0
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl LinkFields {
    /// Returns the bytes that are authenticated and hashed.
    pub(crate) fn bytes(&self, log: LogId) -> Vec<u8> {
        let (chain, key) = (chain_name(self.scope), self.key.to_string());
        let mut bytes = Vec::with_capacity(192);
        bytes.extend_from_slice(LINK_LABEL);
        bytes.extend_from_slice(log.as_bytes());
        push_short(&mut bytes, &chain);
        bytes.extend_from_slice(&self.seq.to_be_bytes());
        bytes.extend_from_slice(&self.prev);
        bytes.extend_from_slice(&self.commitment);
        push_short(&mut bytes, &key);
        bytes
    }
}

/// Writes a text of at most 255 bytes behind its length.
pub(crate) fn push_short(bytes: &mut Vec<u8>, text: &str) {
    bytes.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
    bytes.extend_from_slice(text.as_bytes());
}

/// Returns what the chain commits to for an event.
///
/// The salt makes it impossible to guess an erased event from it.
#[must_use]
pub fn commitment(salt: &[u8; 16], event: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(EVENT_LABEL).chain_update(salt).chain_update(event).finalize().into()
}

/// Returns what the first entry of a chain has as `prev`.
#[must_use]
pub fn genesis(log: LogId, scope: AuditScope) -> [u8; 32] {
    let digest = Sha256::new().chain_update(GENESIS_LABEL).chain_update(log.as_bytes());
    digest.chain_update(chain_name(scope)).finalize().into()
}

/// Returns an entry's hash.
pub(crate) fn link_hash(link: &[u8], mac: &[u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update(link).chain_update(mac).finalize().into()
}

/// Makes the next entry of a chain: its line, with the line feed, and the new head.
///
/// `head` is the chain's head so far; `None` begins the chain. The event is in canonical form, as
/// [`canonical`](super::canonical) returns it; the salt is fresh from a generator.
#[must_use]
pub fn seal(
    log: LogId,
    scope: AuditScope,
    head: Option<Link>,
    event: &[u8],
    salt: [u8; 16],
    keys: &AuditKeys,
) -> (Vec<u8>, Link) {
    let seq = head.map_or(1, |head| head.seq.saturating_add(1));
    let prev = head.map_or_else(|| genesis(log, scope), |head| head.hash);
    let key = keys.mac.id();
    let link = LinkFields { scope, seq, prev, commitment: commitment(&salt, event), key }.bytes(log);
    let mac = keys.mac.tag(&[&link]);
    let hash = link_hash(&link, &mac);
    let line = Line { scope, seq, prev, key, rewritten: None, salt, event, hash, mac };
    (line.to_bytes(), Link { seq, hash })
}

/// The fields of a line, to be written.
pub(crate) struct Line<'a> {
    pub(crate) scope: AuditScope,
    pub(crate) seq: u64,
    pub(crate) prev: [u8; 32],
    pub(crate) key: KeyId,
    /// The original commitment, and the place of the event that vouches for the new one.
    pub(crate) rewritten: Option<([u8; 32], u64)>,
    pub(crate) salt: [u8; 16],
    pub(crate) event: &'a [u8],
    pub(crate) hash: [u8; 32],
    pub(crate) mac: [u8; 32],
}

impl Line<'_> {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let Self { seq, key, .. } = self;
        let (chain, prev) = (chain_name(self.scope), encode(self.prev));
        let mut line = Vec::with_capacity(self.event.len() + 400);
        let head = format!(r#"{{"v":1,"chain":"{chain}","seq":{seq},"prev":"{prev}","key":"{key}","#);
        line.extend_from_slice(head.as_bytes());
        if let Some((commitment, voucher)) = self.rewritten {
            let erased = format!(r#""commitment":"{}","erased":{voucher},"#, encode(commitment));
            line.extend_from_slice(erased.as_bytes());
        }
        line.extend_from_slice(format!(r#""salt":"{}","event":"#, encode(self.salt)).as_bytes());
        line.extend_from_slice(self.event);
        let tail = format!(r#","hash":"{}","mac":"{}"}}"#, encode(self.hash), encode(self.mac));
        line.extend_from_slice(tail.as_bytes());
        line.push(b'\n');
        line
    }
}

impl FromStr for LogId {
    type Err = ParseLogIdError;

    fn from_str(text: &str) -> Result<Self, ParseLogIdError> {
        parse_uuid(text.as_bytes()).map(Self).ok_or(ParseLogIdError)
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogId({})", self.0)
    }
}

impl Serialize for LogId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for LogId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
