use super::{
    AuditEntry, AuditQuery, Copied, Evidence, EvidenceError,
    entry::Names,
    scan::{DISORDER, Found, copy_before, log_before},
    token::Token,
};
use crate::{model::Page, store::Store};
use axess::{
    audit::{AuditRecord, log::AuditLog, pipe::AuditPipe},
    clock::Clock,
};
use std::{sync::Arc, time::Duration};

/// The most events that one page looks at.
const MAX_SCANNED: usize = 20_000;

/// How long a search waits for what was recorded before it.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often it looks whether that is there.
const LOOK: Duration = Duration::from_millis(10);

/// What reading needs.
#[derive(Clone)]
pub(super) struct Reader {
    pub(super) pipe: AuditPipe,
    pub(super) log: AuditLog,
    /// Where events are searched, unless that is the log.
    pub(super) copy: Option<Copied>,
    pub(super) store: Store,
    pub(super) names: Arc<Names>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Evidence {
    /// Finds a page of events, newest first.
    ///
    /// A page looks at 20 000 events at most: it may be short, or empty, and still have a next one.
    ///
    /// # Errors
    ///
    /// [`EvidenceError`]; [`EvidenceError::Page`] when the page begins nowhere.
    pub async fn search(&self, query: &AuditQuery) -> Result<Page<AuditEntry>, EvidenceError> {
        self.reader.settle().await;
        self.reader.page(query).await
    }
}

impl Reader {
    /// Waits until what was recorded before can be read; not for long, since it may be somebody else's to move.
    pub(super) async fn settle(&self) {
        let settled = async {
            if let Ok(Some(newest)) = self.store.newest_event().await {
                while self.store.has_events_until(newest).await.unwrap_or_default() {
                    tokio::time::sleep(LOOK).await;
                }
            }
            if self.copy.is_some() {
                let gone = || {
                    self.pipe
                        .stats()
                        .sinks
                        .first()
                        .map(|sink| (sink.delivered + sink.dead_lettered, sink.depth))
                };
                let Some((taken, waiting)) = gone() else { return };
                while gone().is_some_and(|(now, left)| left > 0 && now < taken + waiting) {
                    tokio::time::sleep(LOOK).await;
                }
            }
        };
        // What is not there yet is found by the next search.
        let _ = tokio::time::timeout(PATIENCE, settled).await;
    }

    async fn page(&self, query: &AuditQuery) -> Result<Page<AuditEntry>, EvidenceError> {
        let size = query.size();
        let mut token = query.after.as_deref().map(Token::read).transpose()?;
        let (mut items, mut end_of_page, mut scanned) = (Vec::new(), None, 0);
        while scanned < MAX_SCANNED {
            let (records, places): (Vec<AuditRecord>, Vec<Token>) =
                self.before(query, token).await?.into_iter().unzip();
            let Some(last) = places.last() else {
                return Ok(Page { items: self.completed(items).await, next: None });
            };
            (token, scanned) = (Some(*last), scanned + records.len());
            let entries = self.names.entries(&self.store, &records).await?;
            let oldest = entries.last().map(|entry| entry.timestamp);
            for (entry, place) in entries.into_iter().zip(places).filter(|(entry, _)| query.matches(entry)) {
                if items.len() == size {
                    let next = end_of_page.map(Token::write);
                    return Ok(Page { items: self.completed(items).await, next });
                }
                items.push(entry);
                end_of_page = Some(place);
            }
            if query.since.zip(oldest).is_some_and(|(since, oldest)| oldest + DISORDER < since) {
                return Ok(Page { items: self.completed(items).await, next: None });
            }
        }
        let next = if items.len() == size { end_of_page } else { token };
        Ok(Page { items: self.completed(items).await, next: next.map(Token::write) })
    }

    async fn before(&self, query: &AuditQuery, token: Option<Token>) -> Result<Vec<Found>, EvidenceError> {
        match &self.copy {
            Some(copy) => copy_before(copy, query, token).await,
            None => log_before(self.log.clone(), token).await,
        }
    }

    /// Adds the lifetime that was asked for to requests that waited for approval.
    pub(super) async fn completed(&self, mut entries: Vec<AuditEntry>) -> Vec<AuditEntry> {
        for entry in &mut entries {
            let waits = entry.status.as_deref() == Some("pending_approval") && entry.ttl.is_none();
            let id = entry.session_id.as_deref().filter(|_| waits).and_then(|id| id.parse().ok());
            let Some(id) = id else { continue };
            if let Ok(Some((pending, _))) = self.store.load_request(id).await {
                entry.ttl = pending.lifetime();
            }
        }
        entries
    }
}
