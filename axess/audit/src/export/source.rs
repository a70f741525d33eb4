use super::{
    AuditSearch, ExportError,
    page::{MAX_PAGE, PageToken},
};
use crate::{
    AuditRecord,
    log::{AuditLog, LogPosition},
};
use axess_core::store::AuditStore;
use axess_identity::EventId;
use std::collections::VecDeque;

/// The most bytes of the log one page reads.
const LOG_BYTES: usize = 4 * 1024 * 1024;

/// Where an export takes its events from, a page at a time.
///
/// ```
/// use axess_audit::export::{AuditSearch, EventSource};
/// use axess_core::{memory::MemoryAuditStore, store::AuditScope};
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let mut source = AuditSearch::new(AuditScope::System).over_store(MemoryAuditStore::new());
/// assert!(source.page().await.unwrap().is_some_and(|page| page.is_empty()));
/// assert!(source.page().await.unwrap().is_none());
/// # });
/// ```
pub trait EventSource: Send + 'static {
    /// Reads the next events; a page may be empty. `None` is the end.
    ///
    /// # Errors
    ///
    /// [`ExportError::Unreadable`] leaves that event out: the next call goes on after it. After any other [`ExportError`] the
    /// same page may be asked for again.
    fn page(&mut self) -> impl Future<Output = Result<Option<Vec<AuditRecord>>, ExportError>> + Send;
}

/// Takes events from a store: made by [`AuditSearch::over_store`].
///
/// ```
/// use axess_audit::export::{AuditSearch, StoreSource};
/// use axess_core::{memory::MemoryAuditStore, store::AuditScope};
/// let source: StoreSource<MemoryAuditStore> = AuditSearch::new(AuditScope::System).over_store(MemoryAuditStore::new());
/// # drop(source);
/// ```
#[derive(Debug)]
pub struct StoreSource<S> {
    store: S,
    search: AuditSearch,
    next: Option<PageToken>,
    ended: bool,
    /// Events of the last page that are to be reported.
    unreadable: VecDeque<EventId>,
}

impl<S: AuditStore> StoreSource<S> {
    pub(super) fn new(store: S, search: AuditSearch) -> Self {
        Self { store, search, next: None, ended: false, unreadable: VecDeque::new() }
    }
}

impl<S: AuditStore> EventSource for StoreSource<S> {
    async fn page(&mut self) -> Result<Option<Vec<AuditRecord>>, ExportError> {
        if let Some(event_id) = self.unreadable.pop_front() {
            let source = "what is kept of it is no event".into();
            return Err(ExportError::Unreadable { event_id, source });
        }
        if self.ended {
            return Ok(None);
        }
        let page = self.search.page(&self.store, MAX_PAGE, self.next).await?;
        (self.next, self.ended) = (page.next, page.next.is_none());
        self.unreadable = page.unreadable.into();
        Ok(Some(page.records))
    }
}

/// Takes events from the log: made by [`AuditSearch::over_log`].
///
/// ```
/// # fn example(log: axess_audit::log::AuditLog) {
/// use axess_audit::export::{AuditSearch, export_ndjson};
/// use axess_core::store::AuditScope;
/// let lines = export_ndjson(AuditSearch::new(AuditScope::System).over_log(log));
/// # drop(lines);
/// # }
/// ```
#[derive(Debug)]
pub struct LogSource {
    log: AuditLog,
    search: AuditSearch,
    after: LogPosition,
    /// Where the log was when the reading began: what is recorded meanwhile is not waited for.
    end: Option<LogPosition>,
}

impl LogSource {
    pub(super) fn new(log: AuditLog, search: AuditSearch) -> Self {
        Self { log, search, after: LogPosition::default(), end: None }
    }
}

impl EventSource for LogSource {
    async fn page(&mut self) -> Result<Option<Vec<AuditRecord>>, ExportError> {
        let (log, after, end) = (self.log.clone(), self.after, self.end);
        let read = tokio::task::spawn_blocking(move || {
            let end = match end {
                Some(end) => end,
                None => log.end()?,
            };
            Ok((end, log.read(after, MAX_PAGE, LOG_BYTES)?))
        });
        let (end, mut entries) = read.await.map_err(|_| ExportError::Stopped)?.map_err(ExportError::Log)?;
        self.end = Some(end);
        entries.retain(|entry| entry.position <= end);
        let Some(last) = entries.last() else { return Ok(None) };
        self.after = last.position;
        let records = entries.into_iter().map(|entry| entry.record);
        Ok(Some(records.filter(|record| self.search.matches(record)).collect()))
    }
}
