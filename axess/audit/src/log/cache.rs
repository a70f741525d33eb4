//! What spares an open the reading of the whole log: where the log stood when a segment began or a checkpoint was signed.
//!
//! The file carries a MAC of the log's key and names the last entry it knows of. One that is missing, damaged, made with
//! another key, or that names an entry which does not stand there is ignored: then everything is read.

use super::{
    LogError,
    book::{Book, Signed},
    disk,
    entry::ChainKey,
    folder::Folder,
    segment::Segment,
};
use crate::chain::{AuditKeys, AuditMacKey, Entry, Heads, Link, LogId, MAX_LINE_BYTES};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::{fs, os::unix::fs::FileExt};
use subtle::ConstantTimeEq;

const HEADS_FILE: &str = "heads";
const LABEL: &[u8] = b"axess-audit-heads-v1\0";
const VERSION: u32 = 1;

/// Where the log stood.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Saved {
    v: u32,
    /// The active segment.
    pub(super) segment: u64,
    /// Up to where it was filled.
    pub(super) bytes: u64,
    /// How many entries that were.
    pub(super) entries: u64,
    /// Where the last of them begins.
    pub(super) last: u64,
    pub(super) heads: Heads,
    book_bytes: u64,
    chains: Vec<(ChainKey, SavedSigned)>,
    whole: Option<(SavedSigned, DateTime<Utc>)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedSigned {
    number: u64,
    seq: u64,
    hash: String,
}

impl Saved {
    /// Collects what is to be kept.
    pub(super) fn new(place: (u64, u64, u64, u64), heads: &Heads, book: &Book) -> Self {
        let (segment, bytes, entries, last) = place;
        let chains = book.chains.iter().map(|(key, signed)| (*key, SavedSigned::of(signed))).collect();
        let whole = book.whole.as_ref().map(|(signed, at)| (SavedSigned::of(signed), *at));
        let heads = heads.clone();
        Self { v: VERSION, segment, bytes, entries, last, heads, book_bytes: book.bytes, chains, whole }
    }

    /// Reads what was kept; none when it cannot be trusted.
    pub(super) fn read(folder: &Folder, log: LogId, keys: &AuditKeys) -> Option<Self> {
        let file = fs::read(folder.join(HEADS_FILE)).ok()?;
        let file = file.strip_suffix(b"\n")?;
        let (body, mac) = file.split_at_checked(memchr::memrchr(b'\n', file)?)?;
        let mac = URL_SAFE_NO_PAD.decode(mac.strip_prefix(b"\n")?).ok()?;
        let known = keys.macs().any(|key| bool::from(tag(key, body).as_slice().ct_eq(&mac)));
        let saved: Self = known.then(|| serde_json::from_slice(body).ok())??;
        (saved.v == VERSION && saved.heads.log() == log).then_some(saved)
    }

    /// Replaces what was kept before.
    pub(super) fn write(&self, folder: &Folder, keys: &AuditKeys) -> Result<(), LogError> {
        let path = folder.join(HEADS_FILE);
        let mut file =
            serde_json::to_vec(self).map_err(|error| LogError::damaged(&path, error.to_string()))?;
        let mac = URL_SAFE_NO_PAD.encode(tag(&keys.mac, &file));
        file.extend_from_slice(format!("\n{mac}\n").as_bytes());
        disk::replace_lazily(&path, &file).map_err(LogError::io("write", &path))
    }

    /// Says whether the segment holds what is claimed of it.
    pub(super) fn fits(&self, segment: &Segment) -> bool {
        if self.entries == 0 {
            return self.bytes == segment.first && self.heads.entries() == segment.header.entries;
        }
        let length = self.bytes.checked_sub(self.last).and_then(|length| usize::try_from(length).ok());
        let Some(length) = length.filter(|length| (1..=MAX_LINE_BYTES + 1).contains(length)) else {
            return false;
        };
        let mut line = vec![0; length];
        if segment.file.read_exact_at(&mut line, self.last).is_err() {
            return false;
        }
        let entry = line.strip_suffix(b"\n").and_then(|line| Entry::parse(line).ok());
        entry.is_some_and(|entry| self.heads.head(entry.scope()) == Some(entry.link()))
    }

    /// Fails when checkpoints are gone that the book had. They were on the disk before this was kept.
    pub(super) fn check_kept(&self, book: &Book) -> Result<(), LogError> {
        let number = |signed: Option<&Signed>| signed.map_or(0, |signed| signed.number);
        let lost = self.chains.iter().any(|(key, saved)| number(book.chains.get(key)) < saved.number);
        let last = self.whole.as_ref().map_or(0, |(saved, _)| saved.number);
        let there = number(book.whole.as_ref().map(|(signed, _)| signed));
        if lost || there < last {
            return Err(book.damaged(format!(
                "checkpoint {last} of the log was in it, and it ends at {there}: checkpoints were removed"
            )));
        }
        Ok(())
    }

    /// Tells whether there were checkpoints.
    pub(super) fn has_checkpoints(&self) -> bool {
        self.whole.is_some()
    }

    /// Tells a book what it need not read.
    pub(super) fn restore(&self, book: &mut Book) {
        let Some(own) = book.own_at(self.book_bytes) else { return };
        let whole = self.whole.as_ref().map(|(saved, at)| saved.signed().map(|signed| (signed, *at)));
        let chains: Option<_> =
            self.chains.iter().map(|(key, saved)| Some((*key, saved.signed()?))).collect();
        if let (Some(chains), false) = (chains, whole == Some(None)) {
            book.bytes = self.book_bytes;
            book.own = own;
            book.chains = chains;
            book.whole = whole.flatten();
        }
    }
}

impl SavedSigned {
    fn of(signed: &Signed) -> Self {
        let Signed { number, link: Link { seq, hash } } = *signed;
        Self { number, seq, hash: URL_SAFE_NO_PAD.encode(hash) }
    }

    fn signed(&self) -> Option<Signed> {
        let hash = URL_SAFE_NO_PAD.decode(&self.hash).ok()?.try_into().ok()?;
        Some(Signed { number: self.number, link: Link { seq: self.seq, hash } })
    }
}

fn tag(key: &AuditMacKey, body: &[u8]) -> [u8; 32] {
    key.tag(&[LABEL, body])
}
