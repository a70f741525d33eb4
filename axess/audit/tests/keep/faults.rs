//! Stores, archives and trails that fail, or whose process ends, between any two calls.

use axess_audit::archive::{
    ArchiveBatch, ArchiveError, ArchiveFuture, ArchiveRange, ArchivedDay, ArchivedEvent, AuditArchiver,
    Rewrite,
};
use axess_core::{
    audit::{AuditError, AuditFuture, AuditSink},
    store::{AuditQuery, AuditRow, AuditScope, AuditStore, StoreError, StoreErrorKind},
};
use axess_events::AuthEventEnvelope;
use axess_identity::{EventId, TenantId};
use bytes::Bytes;
use chrono::{DateTime, NaiveDate, Utc};
use std::sync::{Arc, Mutex};

/// Decides which call fails. After the fuse is blown, every call fails: the process is gone.
#[derive(Clone)]
pub(crate) struct Fuse(Arc<Mutex<State>>);

struct State {
    left: u64,
    trail: bool,
    archive_of: Option<TenantId>,
}

/// Something whose calls pass a fuse, before and after.
#[derive(Clone)]
pub(crate) struct Fused<T>(pub(crate) T, pub(crate) Fuse);

impl Fuse {
    pub(crate) fn new() -> Self {
        Self::after(u64::MAX)
    }

    /// Blows after so many steps; each call is two.
    pub(crate) fn after(steps: u64) -> Self {
        Self(Arc::new(Mutex::new(State { left: steps, trail: true, archive_of: None })))
    }

    pub(crate) fn break_trail(&self) {
        self.0.lock().unwrap().trail = false;
    }

    pub(crate) fn break_archive_of(&self, tenant_id: TenantId) {
        self.0.lock().unwrap().archive_of = Some(tenant_id);
    }

    pub(crate) fn is_blown(&self) -> bool {
        self.0.lock().unwrap().left == 0
    }

    fn step(&self) -> bool {
        let mut state = self.0.lock().unwrap();
        state.left = state.left.saturating_sub(1);
        state.left > 0
    }

    fn store(&self) -> Result<(), StoreError> {
        if self.step() { Ok(()) } else { Err(StoreError::bare(StoreErrorKind::Unavailable)) }
    }

    fn archive(&self, scope: Option<AuditScope>) -> Result<(), ArchiveError> {
        let broken = self.0.lock().unwrap().archive_of.map(AuditScope::Tenant);
        if self.step() && (broken.is_none() || broken != scope) {
            return Ok(());
        }
        Err(ArchiveError::Other("the fuse is blown".into()))
    }
}

impl<S: AuditStore> AuditStore for Fused<S> {
    async fn append(&self, rows: Vec<AuditRow>) -> Result<u64, StoreError> {
        self.0.append(rows).await
    }

    async fn query(&self, query: AuditQuery) -> Result<Vec<AuditRow>, StoreError> {
        self.1.store()?;
        self.0.query(query).await
    }

    async fn scopes(&self, after: Option<AuditScope>, limit: usize) -> Result<Vec<AuditScope>, StoreError> {
        self.1.store()?;
        self.0.scopes(after, limit).await
    }

    async fn replace(&self, row: AuditRow, expected: Bytes) -> Result<bool, StoreError> {
        self.1.store()?;
        let replaced = self.0.replace(row, expected).await?;
        self.1.store()?;
        Ok(replaced)
    }

    async fn delete(&self, scope: AuditScope, events: Vec<EventId>) -> Result<u64, StoreError> {
        self.1.store()?;
        let deleted = self.0.delete(scope, events).await?;
        self.1.store()?;
        Ok(deleted)
    }

    async fn delete_before(
        &self,
        scope: AuditScope,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<u64, StoreError> {
        self.0.delete_before(scope, before, limit).await
    }
}

impl<A: AuditArchiver> AuditArchiver for Fused<A> {
    fn archive_batch(&self, batch: ArchiveBatch) -> ArchiveFuture<'_, u64> {
        Box::pin(async {
            self.1.archive(Some(batch.scope))?;
            let added = self.0.archive_batch(batch).await?;
            self.1.archive(None)?;
            Ok(added)
        })
    }

    fn find(
        &self,
        scope: AuditScope,
        events: Vec<(DateTime<Utc>, EventId)>,
    ) -> ArchiveFuture<'_, Vec<ArchivedEvent>> {
        Box::pin(async move {
            self.1.archive(Some(scope))?;
            self.0.find(scope, events).await
        })
    }

    fn scopes(&self) -> ArchiveFuture<'_, Vec<AuditScope>> {
        self.0.scopes()
    }

    fn days(&self, scope: AuditScope) -> ArchiveFuture<'_, Vec<NaiveDate>> {
        self.0.days(scope)
    }

    fn day(&self, scope: AuditScope, day: NaiveDate) -> ArchiveFuture<'_, Option<ArchivedDay>> {
        self.0.day(scope, day)
    }

    fn rewrite(&self, scope: AuditScope, day: NaiveDate, rewrite: Rewrite) -> ArchiveFuture<'_, u64> {
        Box::pin(async move {
            self.1.archive(Some(scope))?;
            let changed = self.0.rewrite(scope, day, rewrite).await?;
            self.1.archive(None)?;
            Ok(changed)
        })
    }

    fn purge(&self, scope: AuditScope, range: ArchiveRange) -> ArchiveFuture<'_, u64> {
        Box::pin(async move {
            self.1.archive(Some(scope))?;
            let purged = self.0.purge(scope, range).await?;
            self.1.archive(None)?;
            Ok(purged)
        })
    }
}

impl<T: AuditSink> AuditSink for Fused<T> {
    fn record(&self, event: AuthEventEnvelope) -> AuditFuture<'_> {
        Box::pin(async {
            let is_whole = self.1.0.lock().unwrap().trail;
            if !is_whole || !self.1.step() {
                return Err(AuditError::new("the fuse is blown"));
            }
            self.0.record(event).await?;
            if self.1.step() { Ok(()) } else { Err(AuditError::new("the fuse is blown")) }
        })
    }
}
