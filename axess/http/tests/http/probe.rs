//! A session store that counts its calls and fails on demand.

use axess_core::{
    memory::InMemorySessionStore,
    store::{
        Owner, SaveOutcome, ScanCursor, ScanPage, SessionRow, SessionStore, SessionSummary, StoreError,
        StoreErrorKind,
    },
};
use axess_identity::{SessionId, TenantId};
use chrono::{DateTime, Utc};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// What was asked of the store. A write that lost its race is followed by `Lost`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Load,
    Insert,
    Save,
    Cycle,
    End,
    Lost,
}

/// The in-memory store, watched. Clones are the same store.
#[derive(Clone)]
pub(super) struct ProbeStore {
    inner: InMemorySessionStore,
    calls: Arc<Mutex<Vec<Call>>>,
    written: Arc<Mutex<Option<SessionRow>>>,
    failing_loads: Arc<AtomicUsize>,
    failing_writes: Arc<AtomicUsize>,
    write_millis: Arc<AtomicU64>,
}

impl ProbeStore {
    pub(super) fn new() -> Self {
        Self::around(InMemorySessionStore::new())
    }

    pub(super) fn around(inner: InMemorySessionStore) -> Self {
        Self {
            inner,
            calls: Arc::default(),
            written: Arc::default(),
            failing_loads: Arc::default(),
            failing_writes: Arc::default(),
            write_millis: Arc::default(),
        }
    }

    /// Returns the calls since the last look.
    pub(super) fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }

    /// Returns how many rows are stored.
    pub(super) fn len(&self) -> usize {
        self.inner.len()
    }

    /// Returns the row that was written last.
    pub(super) fn written(&self) -> SessionRow {
        self.written.lock().unwrap().clone().expect("nothing was written")
    }

    /// Puts `row` in the place of the one with its id, as somebody with access to the database could.
    pub(super) async fn tamper(&self, row: SessionRow) {
        assert_eq!(self.inner.end(row.id, row.created_at).await.unwrap(), 1);
        assert_eq!(self.inner.insert(row).await.unwrap(), SaveOutcome::Saved);
    }

    /// Lets the next `count` loads fail.
    pub(super) fn fail_loads(&self, count: usize) {
        self.failing_loads.store(count, Ordering::SeqCst);
    }

    /// Lets the next `count` writes fail, ends of sessions included.
    pub(super) fn fail_writes(&self, count: usize) {
        self.failing_writes.store(count, Ordering::SeqCst);
    }

    /// Lets every write take this long before it happens.
    pub(super) fn slow_writes(&self, by: Duration) {
        self.write_millis.store(by.as_millis().try_into().unwrap(), Ordering::SeqCst);
    }

    /// Returns how many loads are still to fail.
    pub(super) fn loads_to_fail(&self) -> usize {
        self.failing_loads.load(Ordering::SeqCst)
    }

    async fn note(&self, call: Call) -> Result<(), StoreError> {
        self.calls.lock().unwrap().push(call);
        let wait = self.write_millis.load(Ordering::SeqCst);
        if call != Call::Load && wait > 0 {
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
        let failing = if call == Call::Load { &self.failing_loads } else { &self.failing_writes };
        let left = failing.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        match left {
            Ok(_) => Err(StoreError::new(StoreErrorKind::Unavailable, "secret-host:5432 refused")),
            Err(_) => Ok(()),
        }
    }

    fn tell(&self, outcome: SaveOutcome, row: SessionRow) -> SaveOutcome {
        match outcome {
            SaveOutcome::Saved => *self.written.lock().unwrap() = Some(row),
            SaveOutcome::Conflict => self.calls.lock().unwrap().push(Call::Lost),
        }
        outcome
    }
}

impl SessionStore for ProbeStore {
    async fn load(&self, id: SessionId, now: DateTime<Utc>) -> Result<Option<SessionRow>, StoreError> {
        self.note(Call::Load).await?;
        self.inner.load(id, now).await
    }

    async fn insert(&self, row: SessionRow) -> Result<SaveOutcome, StoreError> {
        self.note(Call::Insert).await?;
        Ok(self.tell(self.inner.insert(row.clone()).await?, row))
    }

    async fn save(&self, row: SessionRow) -> Result<SaveOutcome, StoreError> {
        self.note(Call::Save).await?;
        Ok(self.tell(self.inner.save(row.clone()).await?, row))
    }

    async fn cycle(
        &self,
        old: SessionId,
        expected: u64,
        row: SessionRow,
        now: DateTime<Utc>,
    ) -> Result<SaveOutcome, StoreError> {
        self.note(Call::Cycle).await?;
        Ok(self.tell(self.inner.cycle(old, expected, row.clone(), now).await?, row))
    }

    async fn end(&self, id: SessionId, now: DateTime<Utc>) -> Result<u64, StoreError> {
        self.note(Call::End).await?;
        self.inner.end(id, now).await
    }

    async fn find_sessions_for_user(
        &self,
        owner: Owner,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<SessionSummary>, StoreError> {
        self.inner.find_sessions_for_user(owner, now, limit).await
    }

    async fn end_for_user(&self, owner: Owner, keep: Option<SessionId>) -> Result<u64, StoreError> {
        self.inner.end_for_user(owner, keep).await
    }

    async fn end_for_tenant(&self, tenant_id: TenantId) -> Result<u64, StoreError> {
        self.inner.end_for_tenant(tenant_id).await
    }

    async fn scan(
        &self,
        after: Option<ScanCursor>,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<ScanPage, StoreError> {
        self.inner.scan(after, now, limit).await
    }

    async fn cleanup_expired(&self, now: DateTime<Utc>, limit: usize) -> Result<u64, StoreError> {
        self.inner.cleanup_expired(now, limit).await
    }
}
