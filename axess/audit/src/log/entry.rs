use super::LogError;
use crate::{
    AuditRecord, JsonPayload,
    chain::{CanonicalError, check_canonical},
};
use axess_core::store::AuditScope;
use axess_events::{AuditPayload, AuthEventEnvelope};
use axess_identity::{EventId, TenantId};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// An event that is to be appended.
///
/// ```
/// use axess_audit::log::NewEntry;
/// use axess_core::store::AuditScope;
/// use axess_events::{AuthEvent, AuthEventEnvelope, account::PasswordChanged};
/// use axess_identity::{EventId, UserId};
/// let event = AuthEvent::from(PasswordChanged { user_id: UserId::from_parts(0, [1; 10]) });
/// let envelope = AuthEventEnvelope::new(EventId::from_parts(0, [2; 10]), chrono::DateTime::UNIX_EPOCH, event);
/// assert_eq!(NewEntry::of(&envelope).unwrap().scope, AuditScope::System);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// The event's id.
    pub event_id: EventId,
    /// The chain it goes into: that of the event's tenant.
    pub scope: AuditScope,
    /// The event's canonical bytes.
    pub event: Bytes,
}

/// A place between two entries of a log: after the first `offset` entries of a segment.
///
/// It counts entries, not bytes, so that it stays true when an erasure rewrites a segment. The default is the
/// beginning of the log, wherever that is by now.
///
/// ```
/// use axess_audit::log::LogPosition;
/// assert!(LogPosition { segment: 1, offset: 900 } < LogPosition { segment: 2, offset: 0 });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct LogPosition {
    /// The segment.
    pub segment: u64,
    /// How many of the segment's entries come before this place.
    pub offset: u64,
}

/// An entry that was read.
///
/// ```
/// use axess_audit::log::{LogEntry, LogPosition};
/// fn next(batch: &[LogEntry]) -> Option<LogPosition> {
///     batch.last().map(|entry| entry.position)
/// }
/// assert_eq!(next(&[]), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// The place after it: where reading goes on.
    pub position: LogPosition,
    /// Its event, and its line.
    pub record: AuditRecord,
}

/// How much of a log lies after a position.
///
/// ```
/// use axess_audit::log::LogDepth;
/// assert_eq!(LogDepth::default().entries, 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogDepth {
    /// The entries.
    pub entries: u64,
    /// Their bytes, with the first lines of the segments.
    pub bytes: u64,
}

/// What is known of one segment.
///
/// ```
/// use axess_audit::log::SegmentInfo;
/// fn may_go(segment: &SegmentInfo, before: chrono::DateTime<chrono::Utc>) -> bool {
///     !segment.active && segment.until.is_some_and(|until| until < before)
/// }
/// let segment = SegmentInfo { segment: 1, entries: 0, bytes: 0, until: None, active: true };
/// assert!(!may_go(&segment, chrono::DateTime::UNIX_EPOCH));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Its number.
    pub segment: u64,
    /// Its entries.
    pub entries: u64,
    /// The bytes of its file.
    pub bytes: u64,
    /// When the event of its last entry happened; absent without entries.
    pub until: Option<chrono::DateTime<chrono::Utc>>,
    /// Whether it is the one that is appended to.
    pub active: bool,
}

/// The key of a chain in a map.
pub(super) type ChainKey = Option<TenantId>;

pub(super) fn key_of(scope: AuditScope) -> ChainKey {
    match scope {
        AuditScope::Tenant(id) => Some(id),
        AuditScope::System => None,
    }
}

impl NewEntry {
    /// Makes an entry of an event; its chain is that of its tenant.
    ///
    /// # Errors
    ///
    /// [`CanonicalError`] when the event is too long or too deep, or its payload is not an object.
    pub fn of<P: AuditPayload>(envelope: &AuthEventEnvelope<P>) -> Result<Self, CanonicalError> {
        let event = crate::chain::canonical(envelope)?;
        Ok(Self { event_id: envelope.event_id, scope: AuditScope::of(envelope.tenant_id), event })
    }

    /// Refuses what would not be the entry it says it is.
    pub(super) fn check(&self) -> Result<(), LogError> {
        let refused = |reason: String| LogError::Refused { event_id: self.event_id.to_string(), reason };
        check_canonical(&self.event).map_err(|error| refused(error.to_string()))?;
        let named: AuthEventEnvelope<JsonPayload> =
            serde_json::from_slice(&self.event).map_err(|error| refused(error.to_string()))?;
        if named.event_id != self.event_id {
            return Err(refused(format!("its bytes name the event {}", named.event_id)));
        }
        if named.tenant_id != key_of(self.scope) {
            return Err(refused("its bytes name another tenant than that of the chain".to_owned()));
        }
        Ok(())
    }
}

/// Returns a duration as chrono has it, at most what chrono can hold.
pub(super) fn delta(duration: Duration) -> chrono::TimeDelta {
    chrono::TimeDelta::from_std(duration).unwrap_or(chrono::TimeDelta::MAX)
}
