//! The file of checkpoints: which were signed, and the next ones.

use super::{
    LogError, disk,
    entry::{ChainKey, key_of, name_of},
    folder::Folder,
    lines::{Lines, Piece},
};
use crate::chain::{Checkpoint, CheckpointReason, Heads, Link, SignedCheckpoint};
use axess_core::store::AuditScope;
use chrono::{DateTime, Utc};
use std::{
    collections::BTreeMap,
    fs::File,
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

pub(super) const CHECKPOINTS_FILE: &str = "checkpoints.jsonl";

/// The last checkpoint of one chain, or of the whole log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Signed {
    pub(super) number: u64,
    pub(super) link: Link,
}

/// What the file of checkpoints holds.
#[derive(Debug)]
pub(super) struct Book {
    path: PathBuf,
    file: File,
    /// Up to where the file was read.
    pub(super) bytes: u64,
    /// The last checkpoint of each chain.
    pub(super) chains: BTreeMap<ChainKey, Signed>,
    /// The last checkpoint of the whole log, and when it was signed.
    pub(super) whole: Option<(Signed, DateTime<Utc>)>,
}

impl Book {
    /// Opens the file, knowing nothing of its content yet.
    pub(super) fn open(folder: &Folder) -> Result<Self, LogError> {
        let path = folder.join(CHECKPOINTS_FILE);
        let file = disk::open_or_create(&path).map_err(LogError::io("open", &path))?;
        Ok(Self { path, file, bytes: 0, chains: BTreeMap::new(), whole: None })
    }

    /// Reads what was added since; a torn last line stays out and is overwritten by the next checkpoint.
    pub(super) fn catch_up(&mut self, folder: &Folder) -> Result<(), LogError> {
        let meta = self.file.metadata().map_err(LogError::io("look at", &self.path))?;
        if meta.nlink() == 0 || meta.len() < self.bytes {
            *self = Self::open(folder)?;
        }
        let end = self.file.metadata().map_err(LogError::io("look at", &self.path))?.len();
        let mut lines = Lines::new(&self.file, self.bytes, end);
        while let Some(piece) = lines.next().map_err(LogError::io("read", &self.path))? {
            let parsed = match piece {
                Piece::Broken { at } => Err(at),
                Piece::Line { at, bytes } => SignedCheckpoint::parse(bytes).map_err(|_| at),
            };
            let checkpoint = match parsed {
                Ok(signed) => signed.checkpoint,
                Err(at) if any_checkpoint(&mut lines, &self.path)? => {
                    let what =
                        format!("what stands at byte {at} is not a checkpoint, and checkpoints follow it");
                    return Err(LogError::damaged(&self.path, what));
                }
                Err(_) => break,
            };
            let signed = Signed {
                number: checkpoint.number,
                link: Link { seq: checkpoint.seq, hash: checkpoint.hash },
            };
            self.bytes = lines.offset();
            match checkpoint.scope {
                Some(scope) => drop(self.chains.insert(key_of(scope), signed)),
                None => self.whole = Some((signed, checkpoint.at)),
            }
        }
        Ok(())
    }

    /// Fails when the log does not hold what was promised of it.
    pub(super) fn check(&self, heads: &Heads) -> Result<(), LogError> {
        for (key, signed) in &self.chains {
            let scope = scope_of(*key);
            let head = heads.head(scope);
            let kept = head.is_some_and(|head| head.seq > signed.link.seq || head == signed.link);
            if !kept {
                let chain = name_of(*key);
                let (seq, number) = (signed.link.seq, signed.number);
                let what = format!(
                    "checkpoint {number} promises entry {seq} of the chain {chain}, the log ends that chain at {}",
                    head.map_or_else(|| "nothing".to_owned(), |head| format!("entry {}", head.seq))
                );
                return Err(LogError::damaged(&self.path, what));
            }
        }
        Ok(())
    }

    /// Signs the chains that changed, and the whole log; returns how many checkpoints that were.
    ///
    /// What they promise must be on the disk already.
    pub(super) fn sign(
        &mut self,
        heads: &Heads,
        keys: &crate::chain::AuditSigningKey,
        now: DateTime<Utc>,
        reason: CheckpointReason,
    ) -> Result<usize, LogError> {
        let entries = heads.entries();
        if entries == self.whole.map_or(0, |(signed, _)| signed.link.seq) {
            return Ok(0);
        }
        let make = |scope: Option<AuditScope>, last: Option<Signed>, link: Link, order| Checkpoint {
            log: heads.log(),
            scope,
            number: last.map_or(1, |last| last.number.saturating_add(1)),
            at: now,
            seq: link.seq,
            hash: link.hash,
            order,
            reason,
        };
        let mut fresh = Vec::new();
        for (scope, head) in heads.iter() {
            let last = self.chains.get(&key_of(scope)).copied();
            if last.is_none_or(|last| last.link != head) {
                fresh.push(make(Some(scope), last, head, None));
            }
        }
        let whole = Link { seq: entries, hash: heads.root() };
        fresh.push(make(None, self.whole.map(|(signed, _)| signed), whole, Some(heads.order())));
        let lines: Vec<u8> = fresh.iter().flat_map(|checkpoint| checkpoint.sign(keys).to_line()).collect();
        self.write(&lines)?;
        for Checkpoint { scope, number, seq, hash, .. } in &fresh {
            let signed = Signed { number: *number, link: Link { seq: *seq, hash: *hash } };
            match scope {
                Some(scope) => drop(self.chains.insert(key_of(*scope), signed)),
                None => self.whole = Some((signed, now)),
            }
        }
        Ok(fresh.len())
    }

    fn write(&mut self, lines: &[u8]) -> Result<(), LogError> {
        let end = self.bytes + lines.len() as u64;
        let written = disk::write_at(&self.file, lines, self.bytes)
            .and_then(|()| disk::cut(&self.file, end))
            .and_then(|()| disk::sync(&self.file))
            .and_then(|()| if self.bytes == 0 { self.sync_name() } else { Ok(()) });
        if let Err(error) = written {
            // A line that stays half written is overwritten by the next checkpoint.
            let _ = disk::cut(&self.file, self.bytes);
            return Err(LogError::io("write", &self.path)(error));
        }
        self.bytes = end;
        Ok(())
    }

    fn sync_name(&self) -> io::Result<()> {
        self.path.parent().map_or(Ok(()), disk::sync_folder)
    }

    /// Says whether the file still has a whole line that ends at `bytes`.
    pub(super) fn reaches(&self, bytes: u64) -> bool {
        let mut last = [0];
        bytes == 0
            || (std::os::unix::fs::FileExt::read_exact_at(&self.file, &mut last, bytes - 1).is_ok()
                && last == *b"\n")
    }
}

pub(super) fn scope_of(key: ChainKey) -> AuditScope {
    AuditScope::of(key)
}

fn any_checkpoint(lines: &mut Lines<'_>, path: &Path) -> Result<bool, LogError> {
    while let Some(piece) = lines.next().map_err(LogError::io("read", path))? {
        if matches!(piece, Piece::Line { bytes, .. } if SignedCheckpoint::parse(bytes).is_ok()) {
            return Ok(true);
        }
    }
    Ok(false)
}
