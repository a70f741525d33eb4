use super::{
    entry::{LineError, field},
    link::{Link, LogId, push_short},
    wire::{Reader, chain_name, decode, encode, parse_chain, parse_uuid},
};
use axess_core::store::AuditScope;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

const ROOT_LABEL: &[u8] = b"axess-audit-root-v1\0";
const ORDER_LABEL: &[u8] = b"axess-audit-order-v1\0";
const SEGMENT_LABEL: &[u8] = b"axess-audit-segment-v1\0";

/// Where a log stands: the head of each chain, how many entries there ever were, and in which order they stand.
///
/// The order matters between the chains only (inside one it is the chain's): `order` folds in the hash of every entry,
/// and the header of every segment, as they follow each other in the files. A checkpoint of the whole log signs it.
///
/// A writer calls [`begin_segment`](Self::begin_segment) for each segment and [`advance`](Self::advance) for each
/// entry, in the order they are written; a reader that brings an older state up to date calls
/// [`continue_segment`](Self::continue_segment) instead of the first.
///
/// ```
/// use axess_audit::chain::{AuditKeys, Heads, LogId, seal};
/// use axess_core::store::AuditScope;
/// use axess_rng::{MockRng, random_array};
///
/// let rng = MockRng::new(1);
/// let (keys, mut heads) = (AuditKeys::generate(&rng), Heads::new(LogId::generate(&rng)));
/// let header = heads.begin_segment(1);
/// assert!(header.ends_with(b"\n"));
///
/// let event = br#"{"event_id":"00000000-0000-7000-8000-000000000001","event_type":"FundsTransferred"}"#;
/// let scope = AuditScope::System;
/// let (line, link) = seal(heads.log(), scope, heads.head(scope), event, random_array(&rng), &keys);
/// heads.advance(scope, link);
/// assert_eq!((heads.head(scope), heads.entries()), (Some(link), 1));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heads {
    log: LogId,
    entries: u64,
    order: [u8; 32],
    chains: BTreeMap<String, (AuditScope, Link)>,
}

/// The first line of a segment: which one it is, and where the log stood.
///
/// `{"v":1,"log":"<uuid>","segment":1,"entries":0,"order":"<43>","chains":"<43>"}`: how many entries stand before this
/// segment, their order, and the [`root`](Heads::root) of the chains' heads.
///
/// ```
/// use axess_audit::chain::{Heads, LogId, SegmentHeader};
/// use axess_rng::MockRng;
/// let mut heads = Heads::new(LogId::generate(&MockRng::new(1)));
/// let line = heads.begin_segment(1);
/// assert_eq!(SegmentHeader::parse(line.trim_ascii_end()).unwrap().segment, 1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The log.
    pub log: LogId,
    /// Counts the segments of a log, from 1.
    pub segment: u64,
    /// How many entries stand before it.
    pub entries: u64,
    /// Their order.
    pub order: [u8; 32],
    /// The root of the chains' heads before it.
    pub chains: [u8; 32],
}

impl Heads {
    /// Creates the state of an empty log.
    #[must_use]
    pub fn new(log: LogId) -> Self {
        let order = Sha256::new().chain_update(ORDER_LABEL).chain_update(log.as_bytes()).finalize().into();
        Self { log, entries: 0, order, chains: BTreeMap::new() }
    }

    /// Creates the state before a segment whose predecessors were deleted; the heads of the chains are not in it.
    ///
    /// Reading on fills them in: each chain's first entry that is left names the one before it
    /// ([`Entry::prev`](super::Entry::prev)).
    #[must_use]
    pub fn before(header: &SegmentHeader) -> Self {
        Self { log: header.log, entries: header.entries, order: header.order, chains: BTreeMap::new() }
    }

    /// Returns the log's id.
    #[must_use]
    pub fn log(&self) -> LogId {
        self.log
    }

    /// Returns a chain's head; `None` while it has no entry.
    #[must_use]
    pub fn head(&self, scope: AuditScope) -> Option<Link> {
        self.chains.get(&chain_name(scope)).map(|(_, link)| *link)
    }

    /// Returns how many entries there ever were.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Returns the digest of the order of all entries and segments so far.
    #[must_use]
    pub fn order(&self) -> [u8; 32] {
        self.order
    }

    /// Returns the chains and their heads, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (AuditScope, Link)> {
        self.chains.values().copied()
    }

    /// Returns what commits to the heads of all chains.
    #[must_use]
    pub fn root(&self) -> [u8; 32] {
        root(self.chains.iter().map(|(name, (_, link))| (name.as_str(), *link)))
    }

    /// Takes the next entry of the log.
    pub fn advance(&mut self, scope: AuditScope, link: Link) {
        self.step(link.hash);
        self.chains.insert(chain_name(scope), (scope, link));
    }

    /// Takes the next entry's hash without its chain.
    pub(crate) fn step(&mut self, hash: [u8; 32]) {
        self.entries = self.entries.saturating_add(1);
        self.order = Sha256::new().chain_update(self.order).chain_update(hash).finalize().into();
    }

    /// Begins a segment and returns its header's line, with the line feed.
    #[must_use]
    pub fn begin_segment(&mut self, segment: u64) -> Vec<u8> {
        let Self { log, entries, order, .. } = *self;
        let line = SegmentHeader { log, segment, entries, order, chains: self.root() }.to_line();
        self.continue_segment(line.strip_suffix(b"\n").unwrap_or(&line));
        line
    }

    /// Goes on behind the header of a segment, given as its line without the line feed.
    pub fn continue_segment(&mut self, header: &[u8]) {
        let digest = Sha256::new().chain_update(SEGMENT_LABEL).chain_update(header).finalize();
        self.order = Sha256::new().chain_update(self.order).chain_update(digest).finalize().into();
    }
}

/// Returns what commits to the heads of chains that are sorted by name.
pub(crate) fn root<'a>(chains: impl Iterator<Item = (&'a str, Link)>) -> [u8; 32] {
    let mut digest = Sha256::new_with_prefix(ROOT_LABEL);
    let mut part = Vec::with_capacity(80);
    for (name, link) in chains {
        part.clear();
        push_short(&mut part, name);
        part.extend_from_slice(&link.seq.to_be_bytes());
        part.extend_from_slice(&link.hash);
        digest.update(&part);
    }
    digest.finalize().into()
}

impl SegmentHeader {
    /// Reads a header, without its line feed.
    ///
    /// # Errors
    ///
    /// [`LineError`] names the first field that is not as it must be.
    pub fn parse(line: &[u8]) -> Result<Self, LineError> {
        let mut reader = Reader::new(line);
        let log = field(&mut reader, "log", r#"{"v":1,"log":""#, Reader::quoted)?;
        let log = parse_uuid(log).map(LogId::from_uuid).ok_or(LineError::Field("log"))?;
        let segment = field(&mut reader, "segment", r#","segment":"#, Reader::number)?;
        let entries = field(&mut reader, "entries", r#","entries":"#, Reader::number)?;
        let order = field(&mut reader, "order", r#","order":""#, Reader::bytes)?;
        let chains = field(&mut reader, "chains", r#","chains":""#, Reader::bytes)?;
        reader.literal("}").and_then(|()| reader.end()).ok_or(LineError::Field("chains"))?;
        Ok(Self { log, segment, entries, order, chains })
    }

    /// Writes the header's line, with the line feed.
    #[must_use]
    pub fn to_line(&self) -> Vec<u8> {
        let Self { log, segment, entries, .. } = self;
        let (order, chains) = (encode(self.order), encode(self.chains));
        let line = format!(
            r#"{{"v":1,"log":"{log}","segment":{segment},"entries":{entries},"order":"{order}","chains":"{chains}"}}"#
        );
        (line + "\n").into_bytes()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedHeads {
    log: LogId,
    entries: u64,
    order: String,
    chains: BTreeMap<String, SavedLink>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedLink {
    seq: u64,
    hash: String,
}

impl Serialize for Heads {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let saved = |link: &Link| SavedLink { seq: link.seq, hash: encode(link.hash) };
        let chains = self.chains.iter().map(|(name, (_, link))| (name.clone(), saved(link))).collect();
        SavedHeads { log: self.log, entries: self.entries, order: encode(self.order), chains }
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Heads {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let saved = SavedHeads::deserialize(deserializer)?;
        let wrong = || D::Error::custom("not the heads of a log");
        let mut chains = BTreeMap::new();
        for (name, SavedLink { seq, hash }) in saved.chains {
            let scope = parse_chain(name.as_bytes()).ok_or_else(wrong)?;
            let hash = decode(hash.as_bytes()).ok_or_else(wrong)?;
            chains.insert(name, (scope, Link { seq, hash }));
        }
        let order = decode(saved.order.as_bytes()).ok_or_else(wrong)?;
        Ok(Self { log: saved.log, entries: saved.entries, order, chains })
    }
}
