//! What became of sessions whose process is gone.

use crate::{
    audit::{BrokerEvent, Trail, TrailError},
    session::{
        Ending, EntryPoint, SessionFolder, SessionId, SessionRecord, SessionStatus, SessionStoreError,
    },
};
use chrono::{DateTime, Utc};

/// Says what could not be put right.
///
/// ```
/// use audex_core::{ReconcileError, session::SessionStoreError};
/// let error = ReconcileError::from(SessionStoreError::Unknown("a1b2".into()));
/// assert_eq!(error.to_string(), "there is no session a1b2");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The records cannot be used.
    #[error(transparent)]
    Sessions(#[from] SessionStoreError),
    /// The outcome cannot be recorded.
    #[error(transparent)]
    Trail(#[from] TrailError),
}

/// Ends, in records and trail, each session that is active and whose process is gone.
///
/// Returns their records.
///
/// Looks only at sessions that are not known to be over. A session of `export` has no process: it lasts until its deadline.
///
/// # Errors
///
/// The first that cannot be put right; those before it are.
pub fn reconcile(
    sessions: &SessionFolder,
    trail: &dyn Trail,
    now: DateTime<Utc>,
) -> Result<Vec<SessionRecord>, ReconcileError> {
    let mut ended = Vec::new();
    for id in sessions.live()? {
        ended.extend(reconcile_one(sessions, trail, id, now)?);
    }
    Ok(ended)
}

/// Does so for one session.
///
/// # Errors
///
/// As [`reconcile()`].
pub fn reconcile_one(
    sessions: &SessionFolder,
    trail: &dyn Trail,
    id: SessionId,
    now: DateTime<Utc>,
) -> Result<Option<SessionRecord>, ReconcileError> {
    let Some(guard) = sessions.take(id)? else { return Ok(None) };
    let mut record = match sessions.load(id) {
        Ok(record) if !record.status.is_over() => record,
        // Over already, gone, or not to be read by us: nothing to put right but the mark.
        _ => {
            sessions.release(guard)?;
            return Ok(None);
        }
    };
    let asked_to_end = sessions.asked_to_end(id);
    let Some((status, reason)) = verdict(&record, asked_to_end, now) else { return Ok(None) };
    record.status = status;
    record.ended_at = Some(now);
    record.ending = Some(Ending { reason: Some(reason.clone()), ..Ending::default() });
    let took = (now - record.created_at).num_milliseconds();
    let ended = BrokerEvent::SessionEnded {
        session_id: id,
        status,
        duration_ms: u64::try_from(took).unwrap_or(0),
        exit_code: None,
        signal: None,
        reason: Some(reason),
    };
    trail.record(&record.requester, ended)?;
    sessions.save(&guard, &record)?;
    sessions.release(guard)?;
    Ok(Some(record))
}

fn verdict(
    record: &SessionRecord,
    asked_to_end: Option<String>,
    now: DateTime<Utc>,
) -> Option<(SessionStatus, String)> {
    if let Some(reason) = asked_to_end {
        return Some((SessionStatus::Revoked, reason));
    }
    if now >= record.deadline {
        return Some((SessionStatus::Expired, "the deadline passed".to_owned()));
    }
    let has_process = record.entry_point != EntryPoint::Export || record.credentials.is_empty();
    has_process.then(|| {
        let reason = if record.credentials.is_empty() {
            "its process was gone before a credential was recorded; one may have been minted"
        } else {
            "its process was gone"
        };
        (SessionStatus::Failed, reason.to_owned())
    })
}
