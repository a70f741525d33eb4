//! The file of checkpoints: which were signed, and the next ones.

use super::{
    LogError, disk,
    entry::{ChainKey, key_of},
    folder::Folder,
    lines::{Lines, Piece},
};
use crate::chain::{
    AuditPublicKey, AuditSigningKey, CHECKPOINTS_FILE, Checkpoint, CheckpointReason, Heads, Link, LogId,
    MAX_CHECKPOINT_BYTES, SignedCheckpoint, chain_name,
};
use axess_core::store::AuditScope;
use chrono::{DateTime, Utc};
use std::{
    collections::BTreeMap,
    fs::File,
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
};

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
    log: LogId,
    key: AuditPublicKey,
    /// Up to where the file was read.
    pub(super) bytes: u64,
    /// The last checkpoint of each chain.
    pub(super) chains: BTreeMap<ChainKey, Signed>,
    /// The last checkpoint of the whole log, and when it was signed.
    pub(super) whole: Option<(Signed, DateTime<Utc>)>,
    /// The last line is of our key, and verified. Those before the first such line are of keys that were exchanged:
    /// their numbers are gone on from, and nothing is built on what they promise.
    pub(super) own: bool,
}

impl Book {
    /// Opens the file, knowing nothing of its content yet.
    pub(super) fn open(folder: &Folder, log: LogId, key: AuditPublicKey) -> Result<Self, LogError> {
        let path = folder.join(CHECKPOINTS_FILE);
        let file = disk::open_or_create(&path).map_err(LogError::io("open", &path))?;
        Ok(Self { path, file, log, key, bytes: 0, chains: BTreeMap::new(), whole: None, own: false })
    }

    /// Reads what was added since; a torn last line stays out and is overwritten by the next checkpoint.
    pub(super) fn catch_up(&mut self) -> Result<(), LogError> {
        let meta = self.file.metadata().map_err(LogError::io("look at", &self.path))?;
        if meta.nlink() == 0 || meta.len() < self.bytes {
            let what = format!("it was deleted or cut while it was open and held {} bytes", self.bytes);
            return Err(LogError::damaged(&self.path, what));
        }
        let mut lines = Lines::new(&self.file, self.bytes, meta.len());
        while let Some(piece) = lines.next().map_err(LogError::io("read", &self.path))? {
            let parsed = match piece {
                Piece::Broken { at } => Err(at),
                Piece::Line { at, bytes } => SignedCheckpoint::parse(bytes).map_err(|_| at),
            };
            let signed = match parsed {
                Ok(signed) => signed,
                Err(at) if any_checkpoint(&mut lines, &self.path)? => {
                    let what =
                        format!("what stands at byte {at} is not a checkpoint, and checkpoints follow it");
                    return Err(LogError::damaged(&self.path, what));
                }
                Err(_) => break,
            };
            let checkpoint = signed.checkpoint;
            let last = match checkpoint.scope {
                Some(scope) => self.chains.get(&key_of(scope)).copied(),
                None => self.whole.map(|(signed, _)| signed),
            };
            let own = signed.key == self.key.id();
            let fault = if checkpoint.log != self.log {
                Some("is of another log")
            } else if own && !signed.verify(&[self.key]) {
                Some("was not signed with the key that it names")
            } else if self.own && !own {
                Some("is signed with another key and stands behind those of this log's key")
            } else if last.is_some_and(|last| checkpoint.number <= last.number) {
                Some("stands behind a later one")
            } else {
                None
            };
            if let Some(fault) = fault {
                let (at, number) = (self.bytes, checkpoint.number);
                return Err(LogError::damaged(
                    &self.path,
                    format!("checkpoint {number} at byte {at} {fault}"),
                ));
            }
            let signed = Signed {
                number: checkpoint.number,
                link: Link { seq: checkpoint.seq, hash: checkpoint.hash },
            };
            self.bytes = lines.offset();
            self.own = own;
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
            let scope = AuditScope::of(*key);
            let head = heads.head(scope);
            let kept = head.is_some_and(|head| head.seq > signed.link.seq || head == signed.link);
            if !kept {
                let chain = chain_name(scope);
                let (seq, number) = (signed.link.seq, signed.number);
                let what = format!(
                    "checkpoint {number} promises entry {seq} of the chain {chain}, the log ends that chain at {}",
                    head.map_or_else(|| "nothing".to_owned(), |head| format!("entry {}", head.seq))
                );
                return Err(LogError::damaged(&self.path, what));
            }
        }
        match self.whole {
            Some((Signed { number, link }, _)) if link.seq > heads.entries() => {
                let (promised, there) = (link.seq, heads.entries());
                let what =
                    format!("checkpoint {number} of the log promises {promised} entries, there are {there}");
                Err(LogError::damaged(&self.path, what))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn damaged(&self, what: impl Into<String>) -> LogError {
        LogError::damaged(&self.path, what)
    }

    /// Returns how many entries our last checkpoint of the whole log attests, and when it was signed.
    pub(super) fn attested(&self) -> Option<(u64, DateTime<Utc>)> {
        self.whole.filter(|_| self.own).map(|(signed, at)| (signed.link.seq, at))
    }

    /// Signs the chains that changed, and the whole log; returns how many checkpoints that were.
    ///
    /// What they promise must be on the disk already.
    pub(super) fn sign(
        &mut self,
        heads: &Heads,
        keys: &AuditSigningKey,
        now: DateTime<Utc>,
        reason: CheckpointReason,
    ) -> Result<usize, LogError> {
        let entries = heads.entries();
        if entries == self.attested().map_or(0, |(attested, _)| attested) {
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
            if last.is_none_or(|last| !self.own || last.link != head) {
                fresh.push(make(Some(scope), last, head, None));
            }
        }
        let whole = Link { seq: entries, hash: heads.root() };
        fresh.push(make(None, self.whole.map(|(signed, _)| signed), whole, Some(heads.order())));
        let lines: Vec<u8> = fresh.iter().flat_map(|checkpoint| checkpoint.sign(keys).to_line()).collect();
        self.write(&lines)?;
        self.own = true;
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

    /// Says whether the checkpoint that ends at `bytes` is of our key; none when there is none, or it is not genuine.
    pub(super) fn own_at(&self, bytes: u64) -> Option<bool> {
        if bytes == 0 {
            return Some(false);
        }
        let length = bytes.min(MAX_CHECKPOINT_BYTES as u64 + 2);
        let mut tail = vec![0; usize::try_from(length).ok()?];
        self.file.read_exact_at(&mut tail, bytes - length).ok()?;
        let tail = tail.strip_suffix(b"\n")?;
        let start = memchr::memrchr(b'\n', tail).map_or(0, |feed| feed + 1);
        let signed = SignedCheckpoint::parse(tail.get(start..)?).ok()?;
        let own = signed.key == self.key.id();
        (!own || signed.verify(&[self.key])).then_some(own)
    }
}

fn any_checkpoint(lines: &mut Lines<'_>, path: &Path) -> Result<bool, LogError> {
    while let Some(piece) = lines.next().map_err(LogError::io("read", path))? {
        if matches!(piece, Piece::Line { bytes, .. } if SignedCheckpoint::parse(bytes).is_ok()) {
            return Ok(true);
        }
    }
    Ok(false)
}
