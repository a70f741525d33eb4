//! An archive in a folder.

mod check;
mod day;
mod disk;
mod lines;
mod papers;
mod restore;
mod rewrite;
mod signed;
#[cfg(test)]
mod tests;

pub use check::{ArchiveFinding, ArchiveFindingKind, ArchiveReport, verify_archive};
pub use restore::{RestoreReport, restore_chain};

use super::{
    ArchiveBatch, ArchiveError, ArchiveFuture, ArchiveRange, ArchivedDay, ArchivedEvent, AuditArchiver,
    Rewrite,
};
use crate::chain::{AuditPublicKey, AuditSigningKey};
use axess_core::store::AuditScope;
use axess_identity::EventId;
use chrono::{DateTime, NaiveDate, Utc};
use day::OpenDay;
use disk::{Root, at, create_folder, open_for_writing};
use papers::Papers;
use std::{
    collections::BTreeMap,
    fmt,
    fs::{File, TryLockError},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// Keeps events in a folder, as compressed files by tenant and day.
///
/// There is a folder for each tenant and one for `system`:
///
/// ```text
/// scopes.json                          which folders there are
/// <tenant>/index.json                  which days there are
/// <tenant>/2026-01-31.jsonl.gz         the lines: `zcat 2026-01-31.jsonl.gz | jq .event`
/// <tenant>/2026-01-31.json             the day's manifest: count, SHA-256, heads of the chain before and after
/// ```
///
/// Every `.json` is signed with Ed25519 and put in place in one step. A line is the log's line where the event came from a
/// log, else the event. Each batch is a gzip member of its own, forced to the disk before the manifest that covers it: after a
/// crash, at whatever byte, the manifest covers the whole batches, and what is behind them is cut off. One process at a time
/// has the archive open.
///
/// [`verify_archive`] checks an archive with the public key alone; [`restore_chain`] turns a tenant's days back into a log
/// that its verifier accepts. Clones share the archive.
///
/// ```
/// use axess_audit::{archive::{AuditArchiver, FilesystemAuditArchiver}, chain::AuditSigningKey};
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let folder = std::env::temp_dir().join(format!("axess-doc-archive-{}", std::process::id()));
/// let archive = FilesystemAuditArchiver::open(&folder, AuditSigningKey::from_bytes([1; 32]), &[]).unwrap();
/// assert!(archive.scopes().await.unwrap().is_empty());
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # });
/// ```
#[derive(Clone)]
pub struct FilesystemAuditArchiver {
    inner: Arc<Inner>,
}

struct Inner {
    papers: Papers,
    open: Mutex<Option<OpenDay>>,
    /// Held as long as the archive is open.
    _lock: File,
}

impl FilesystemAuditArchiver {
    /// Opens an archive, makes it when it is not there, and cuts off what a crash left of a batch.
    ///
    /// Blocks. Manifests are signed with `key`. Those of `previous` keys are accepted, and no others: what somebody else changed
    /// is not signed again.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::InUse`] while another process, or another value of this type, has it open.
    pub fn open(
        folder: impl Into<PathBuf>,
        key: AuditSigningKey,
        previous: &[AuditPublicKey],
    ) -> Result<Self, ArchiveError> {
        let root = Root(folder.into());
        create_folder(&root.0)?;
        let lock = open_for_writing(&root.lock())?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ArchiveError::InUse),
            Err(TryLockError::Error(error)) => return Err(at(&root.lock(), error)),
        }
        let trusted = [&[key.public_key()], previous].concat();
        let papers = Papers { root, key, trusted };
        papers.recover_pending()?;
        Ok(Self { inner: Arc::new(Inner { papers, open: Mutex::default(), _lock: lock }) })
    }

    /// Does blocking work on a thread for it. A call that is given up is finished all the same.
    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Papers, &mut Option<OpenDay>) -> Result<T, ArchiveError> + Send + 'static,
    ) -> ArchiveFuture<'static, T> {
        let inner = Arc::clone(&self.inner);
        let task = tokio::task::spawn_blocking(move || {
            let mut open = inner.open.lock().unwrap_or_else(PoisonError::into_inner);
            let outcome = work(&inner.papers, &mut open);
            if outcome.is_err() {
                // What is known of the day may no longer be so: the next call reads it again.
                *open = None;
            }
            outcome
        });
        Box::pin(async { task.await.map_err(|error| ArchiveError::Other(Box::new(error)))? })
    }
}

impl AuditArchiver for FilesystemAuditArchiver {
    fn archive_batch(&self, batch: ArchiveBatch) -> ArchiveFuture<'_, u64> {
        self.run(move |papers, open| {
            let mut added = 0;
            for (day, lines) in day::by_day(&batch)? {
                added += day::opened(open, papers, batch.scope, day)?.append(papers, lines, batch.at)?;
            }
            Ok(added)
        })
    }

    fn find(
        &self,
        scope: AuditScope,
        events: Vec<(DateTime<Utc>, EventId)>,
    ) -> ArchiveFuture<'_, Vec<ArchivedEvent>> {
        self.run(move |papers, open| {
            let mut days: BTreeMap<NaiveDate, Vec<EventId>> = BTreeMap::new();
            for (at, event_id) in events {
                days.entry(at.date_naive()).or_default().push(event_id);
            }
            let mut found = Vec::new();
            for (day, ids) in days {
                let known = day::read_back(open, papers, scope, day)?;
                found.extend(ids.into_iter().filter_map(|event_id| known.find(event_id)));
            }
            Ok(found)
        })
    }

    fn scopes(&self) -> ArchiveFuture<'_, Vec<AuditScope>> {
        self.run(|papers, _| papers.scopes())
    }

    fn days(&self, scope: AuditScope) -> ArchiveFuture<'_, Vec<NaiveDate>> {
        self.run(move |papers, _| papers.days(scope))
    }

    fn day(&self, scope: AuditScope, day: NaiveDate) -> ArchiveFuture<'_, Option<ArchivedDay>> {
        self.run(move |papers, _| Ok(papers.manifest(scope, day)?.map(|manifest| manifest.describe())))
    }

    fn rewrite(&self, scope: AuditScope, day: NaiveDate, rewrite: Rewrite) -> ArchiveFuture<'_, u64> {
        self.run(move |papers, open| {
            *open = None;
            rewrite::rewrite(papers, scope, day, rewrite)
        })
    }

    fn purge(&self, scope: AuditScope, range: ArchiveRange) -> ArchiveFuture<'_, u64> {
        self.run(move |papers, open| {
            *open = None;
            papers.purge(scope, range)
        })
    }
}

impl fmt::Debug for FilesystemAuditArchiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilesystemAuditArchiver")
            .field("folder", &self.inner.papers.root.0)
            .finish_non_exhaustive()
    }
}
