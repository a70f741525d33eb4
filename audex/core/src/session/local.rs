use super::{
    Beginning, Change, Renewal, SessionFolder, SessionGuard, SessionId, SessionRecord, SessionStore,
};
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

    async fn save(&self, hold: &SessionGuard, change: Change<'_>) -> Result<SessionRecord, IssueError> {
        let mut record = self.folder.load(hold.id())?;
        for (who, event) in record.take(&change.step, change.now)? {
            self.trail.record(&who, event)?;
        }
        self.folder.save(hold, &record)?;
        Ok(record)
    }

    async fn renew(&self, hold: &SessionGuard, renewal: Renewal<'_>) -> Result<(), IssueError> {
        // Whoever keeps the session asks when it is time: that is no request of somebody's, and is not counted.
        self.folder.load(hold.id())?.check_room(renewal.now)?;
        Ok(self.trail.record(renewal.who, renewal.event)?)
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
