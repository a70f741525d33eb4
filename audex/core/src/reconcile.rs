//! What became of sessions whose process is gone.

use crate::{
    audit::{BrokerEvent, Trail, TrailError},
    session::{
        Ending, SessionFolder, SessionGuard, SessionId, SessionRecord, SessionStatus, SessionStoreError,
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

/// What was put right, and what was not.
///
/// ```
/// assert!(audex_core::Reconciled::default().ended.is_empty());
/// ```
#[derive(Debug, Default)]
pub struct Reconciled {
    /// The records of the sessions that are over now.
    pub ended: Vec<SessionRecord>,
    /// What could not be put right; it is tried again next time.
    pub errors: Vec<(SessionId, ReconcileError)>,
}

/// Ends, in records and trail, each session that is active and whose process is gone.
///
/// Looks only at sessions that are not known to be over. A session of `export` has no process: it lasts until its deadline.
/// One that cannot be put right does not keep the others from it.
///
/// # Errors
///
/// [`ReconcileError`] when the sessions cannot be listed.
pub fn reconcile(
    sessions: &SessionFolder,
    trail: &dyn Trail,
    now: DateTime<Utc>,
) -> Result<Reconciled, ReconcileError> {
    let mut reconciled = Reconciled::default();
    for id in sessions.live()? {
        match reconcile_one(sessions, trail, id, now) {
            Ok(ended) => reconciled.ended.extend(ended),
            Err(error) => reconciled.errors.push((id, error)),
        }
    }
    Ok(reconciled)
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
    reconcile_held(sessions, trail, guard, None, now)
}

/// Does so for a session that is held already, of which it may be known how its command ended.
///
/// A session that somebody asked to end was revoked, unless its command had completed.
///
/// # Errors
///
/// As [`reconcile()`].
pub fn reconcile_held(
    sessions: &SessionFolder,
    trail: &dyn Trail,
    guard: SessionGuard,
    known: Option<(SessionStatus, Ending)>,
    now: DateTime<Utc>,
) -> Result<Option<SessionRecord>, ReconcileError> {
    let id = guard.id();
    let mut record = match sessions.load(id) {
        Ok(record) if !record.status.is_over() => record,
        // Over already, or gone: nothing to put right but the mark.
        Ok(_) | Err(SessionStoreError::Unknown(_)) => {
            sessions.release(guard)?;
            return Ok(None);
        }
        // A newer program's, or damaged: its mark stays for whoever can read it.
        Err(error) => return Err(error.into()),
    };
    let asked_to_end = sessions.asked_to_end(id);
    let known = match (known, asked_to_end) {
        (Some((status, ending)), Some(reason)) if status != SessionStatus::Completed => {
            Some((SessionStatus::Revoked, Ending { reason: Some(reason), ..ending }))
        }
        (Some(known), _) => Some(known),
        (None, asked_to_end) => verdict(&record, asked_to_end, now),
    };
    let Some((status, ending)) = known else { return Ok(None) };
    record.status = status;
    record.ended_at = Some(now);
    record.ending = Some(ending.clone());
    let took = (now - record.created_at).num_milliseconds();
    let ended = BrokerEvent::SessionEnded {
        session_id: id,
        status,
        duration_ms: u64::try_from(took).unwrap_or(0),
        exit_code: ending.exit_code,
        signal: ending.signal,
        reason: ending.reason,
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
) -> Option<(SessionStatus, Ending)> {
    let because =
        |status, reason: String| Some((status, Ending { reason: Some(reason), ..Ending::default() }));
    if let Some(reason) = asked_to_end {
        return because(SessionStatus::Revoked, reason);
    }
    if now >= record.deadline {
        return because(SessionStatus::Expired, "the deadline passed".to_owned());
    }
    if record.entry_point.is_detached() && !record.credentials.is_empty() {
        return None;
    }
    let reason = if record.credentials.is_empty() {
        "its process was gone before a credential was recorded; one may have been minted"
    } else {
        "its process was gone"
    };
    because(SessionStatus::Failed, reason.to_owned())
}
