use super::{Beginning, Change, SessionFolder, SessionGuard, SessionId, SessionRecord, SessionStore};
use crate::{
    IssueError, RateLedger, Requester,
    audit::{BrokerEvent, Trail},
};
use std::sync::Arc;

/// Keeps sessions on one's own machine: records in a folder, counts in files, evidence in a trail.
///
/// An event comes before the record it is about: what is over in the records but not in the trail would never be put right.
///
/// ```
/// fn describe(sessions: &audex_core::session::LocalSessions) -> String {
///     format!("sessions are kept in {}", sessions.folder.path().display())
/// }
/// ```
#[derive(Debug)]
pub struct LocalSessions {
    /// Where records are kept.
    pub folder: SessionFolder,
    /// Where requests are counted.
    pub ledger: RateLedger,
    /// Where evidence goes.
    pub trail: Arc<dyn Trail>,
}

impl SessionStore for LocalSessions {
    type Hold = SessionGuard;

    async fn begin(&self, beginning: Beginning<'_>) -> Result<SessionGuard, IssueError> {
        let Beginning { record, events, rates, now, .. } = beginning;
        let begin = || {
            let guard = self.folder.take_new(record.session_id)?;
            self.folder.save(&guard, record)?;
            Ok(guard)
        };
        let guard = self.ledger.admit(rates, &record.requester, &self.folder, now, begin)?;
        for event in events {
            self.trail.record(&record.requester, event)?;
        }
        Ok(guard)
    }

    async fn save(&self, hold: &SessionGuard, change: Change<'_>) -> Result<(), IssueError> {
        let Change { record, event, .. } = change;
        if let Some(event) = event {
            self.trail.record(&record.requester, event)?;
        }
        Ok(self.folder.save(hold, record)?)
    }

    async fn release(&self, hold: SessionGuard) -> Result<(), IssueError> {
        Ok(self.folder.release(hold)?)
    }

    async fn note(&self, who: &Requester, event: BrokerEvent) -> Result<(), IssueError> {
        Ok(self.trail.record(who, event)?)
    }

    async fn load(&self, id: SessionId) -> Result<SessionRecord, IssueError> {
        Ok(self.folder.load(id)?)
    }
}
