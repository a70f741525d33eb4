//! The signed papers of an archive: a manifest for each day, an index for each scope, and a list of the scopes.

use crate::{
    archive::ArchivedDay,
    chain::{AuditPublicKey, AuditSigningKey, Link},
};
use axess_identity::EventId;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of `,"key":"` 11 `","sig":"` 86 `"}`.
const TAIL: usize = 8 + 11 + 9 + 86 + 2;

/// A paper with a name, under which it is signed.
pub(super) trait Paper: Serialize + DeserializeOwned {
    const NAME: &'static str;
}

/// What one day's file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) v: u8,
    pub(super) scope: String,
    pub(super) day: NaiveDate,
    /// Counts the manifests of the day.
    pub(super) number: u64,
    pub(super) events: u64,
    pub(super) bytes: u64,
    pub(super) sha256: String,
    pub(super) first: DateTime<Utc>,
    pub(super) last: DateTime<Utc>,
    pub(super) last_event: EventId,
    pub(super) archived_at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) head_before: Option<Head>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) head_after: Option<Head>,
    /// While the file is being rewritten: what it may still be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) replaces: Option<String>,
}

/// A chain's head, as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) seq: u64,
    pub(super) hash: String,
}

/// Which days a scope has: at least this number of manifest for each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Index {
    pub(super) v: u8,
    pub(super) scope: String,
    pub(super) number: u64,
    /// Days before this one were deleted on purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) purged: Option<NaiveDate>,
    pub(super) days: BTreeMap<NaiveDate, u64>,
}

/// Which scopes there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Scopes {
    pub(super) v: u8,
    pub(super) number: u64,
    pub(super) scopes: BTreeSet<String>,
}

impl Paper for Manifest {
    const NAME: &'static str = "manifest";
}

impl Paper for Index {
    const NAME: &'static str = "index";
}

impl Paper for Scopes {
    const NAME: &'static str = "scopes";
}

impl Head {
    pub(super) fn of(link: Link) -> Self {
        Self { seq: link.seq, hash: URL_SAFE_NO_PAD.encode(link.hash) }
    }

    pub(super) fn link(&self) -> Option<Link> {
        let hash = URL_SAFE_NO_PAD.decode(&self.hash).ok()?;
        Some(Link { seq: self.seq, hash: hash.try_into().ok()? })
    }
}

impl Manifest {
    pub(super) fn describe(&self) -> ArchivedDay {
        ArchivedDay {
            day: self.day,
            events: self.events,
            first: self.first,
            last: (self.last, self.last_event),
            archived_at: self.archived_at,
            head_before: self.head_before.as_ref().and_then(Head::link),
            head_after: self.head_after.as_ref().and_then(Head::link),
        }
    }
}

/// Writes a paper: `{"<name>":{…},"key":"<id>","sig":"<signature>"}` and a line feed.
pub(super) fn sign<P: Paper>(paper: &P, key: &AuditSigningKey) -> Result<Vec<u8>, serde_json::Error> {
    let body = serde_json::to_string(paper)?;
    let signature = URL_SAFE_NO_PAD.encode(key.sign(&message::<P>(body.as_bytes())));
    let id = key.public_key().id();
    Ok(format!("{{\"{}\":{body},\"key\":\"{id}\",\"sig\":\"{signature}\"}}\n", P::NAME).into_bytes())
}

/// Reads a paper that one of the keys signed.
pub(super) fn open<P: Paper>(bytes: &[u8], keys: &[AuditPublicKey]) -> Result<P, &'static str> {
    const SHAPE: &str = "it is not a signed file of an archive";
    let start = format!("{{\"{}\":", P::NAME);
    let rest = bytes.strip_suffix(b"\n").and_then(|line| line.strip_prefix(start.as_bytes())).ok_or(SHAPE)?;
    let (body, tail) = rest.split_at_checked(rest.len().saturating_sub(TAIL)).ok_or(SHAPE)?;
    let tail = std::str::from_utf8(tail).map_err(|_| SHAPE)?;
    let tail = tail.strip_prefix(",\"key\":\"").and_then(|tail| tail.strip_suffix("\"}")).ok_or(SHAPE)?;
    let (id, signature) = tail.split_once("\",\"sig\":\"").ok_or(SHAPE)?;
    let signature =
        URL_SAFE_NO_PAD.decode(signature).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(SHAPE)?;
    let mut known = keys.iter().filter(|key| key.id().to_string() == id).peekable();
    if known.peek().is_none() {
        return Err("it is signed with a key that is not one of those given");
    }
    let message = message::<P>(body);
    if !known.any(|key| key.verify(&message, &signature)) {
        return Err("its signature is wrong");
    }
    serde_json::from_slice(body).map_err(|_| SHAPE)
}

/// Returns what is signed: the kind of paper first, so that none passes for another.
fn message<P: Paper>(body: &[u8]) -> Vec<u8> {
    [b"axess-audit-archive-v1\0", P::NAME.as_bytes(), b"\0", body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paper_is_read_with_its_key_only() {
        let (key, other) = (AuditSigningKey::from_bytes([1; 32]), AuditSigningKey::from_bytes([2; 32]));
        let paper = Scopes { v: 1, number: 4, scopes: ["system".to_owned()].into() };
        let bytes = sign(&paper, &key).unwrap();
        assert_eq!(open::<Scopes>(&bytes, &[other.public_key(), key.public_key()]), Ok(paper));
        assert!(open::<Scopes>(&bytes, &[other.public_key()]).is_err());
        assert!(open::<Scopes>(&[], &[key.public_key()]).is_err());
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            assert!(open::<Scopes>(&changed, &[key.public_key()]).is_err(), "byte {index}");
        }
    }
}
