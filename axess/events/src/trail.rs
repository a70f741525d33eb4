//! The life of the trail itself: what was repaired, dropped, archived, deleted and erased.

use crate::{
    AuditText,
    archive::{AsBytes, AsMicros, AtMost},
    json::{self, at_most},
};
use axess_identity::{EventId, UserId};
use chrono::{DateTime, Utc};
use rkyv::{Archive, Deserialize as RkyvDeserialize, Serialize as RkyvSerialize};
use serde::{Deserialize, Serialize};

/// The most entries named in one [`AuditSubjectErased`].
pub const MAX_ERASED_ENTRIES: usize = 1_000;

/// A torn end was cut off the log: what a crash left of an entry nobody was told is recorded.
///
/// ```
/// use axess_events::{AuthEvent, trail::AuditLogRepaired};
/// let event = AuditLogRepaired { segment: 3, torn_bytes: 117, torn_digest: "47DEQp".into() };
/// assert_eq!(AuthEvent::from(event).wire_name(), "AuditLogRepaired");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct AuditLogRepaired {
    /// The segment it was cut off.
    pub segment: u64,
    /// How many bytes were cut off.
    pub torn_bytes: u64,
    /// Their SHA-256, as unpadded base64url.
    pub torn_digest: AuditText,
}

/// Events were not delivered to a sink, because too many waited.
///
/// ```
/// use axess_events::{AuthEvent, trail::AuditEventsDropped};
/// let event = AuditEventsDropped { sink: "siem".into(), dropped: 12 };
/// assert_eq!(AuthEvent::from(event).wire_name(), "AuditEventsDropped");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct AuditEventsDropped {
    /// The sink; `*` when they were dropped before any sink had them.
    pub sink: AuditText,
    /// How many.
    pub dropped: u64,
}

/// A sink refused an event for good; it was set aside.
///
/// ```
/// use axess_events::{AuthEvent, trail::AuditEventDeadLettered};
/// use axess_identity::EventId;
/// let event = AuditEventDeadLettered {
///     sink: "siem".into(),
///     refused_event_id: EventId::from_parts(0, [1; 10]),
///     failure_reason: "413".into(),
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "AuditEventDeadLettered");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct AuditEventDeadLettered {
    /// The sink.
    pub sink: AuditText,
    /// The event it refused.
    #[rkyv(with = AsBytes)]
    pub refused_event_id: EventId,
    /// Why, for operators.
    pub failure_reason: AuditText,
}

/// Events were copied to the archive.
///
/// ```
/// use axess_events::{AuthEvent, trail::AuditEventsArchived};
/// let event = AuditEventsArchived {
///     from: chrono::DateTime::UNIX_EPOCH,
///     until: chrono::DateTime::UNIX_EPOCH,
///     events: 0,
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "AuditEventsArchived");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct AuditEventsArchived {
    /// When the oldest of them happened.
    #[serde(with = "json::micros")]
    #[rkyv(with = AsMicros)]
    pub from: DateTime<Utc>,
    /// When the newest of them happened.
    #[serde(with = "json::micros")]
    #[rkyv(with = AsMicros)]
    pub until: DateTime<Utc>,
    /// How many.
    pub events: u64,
}

/// Where events were deleted from.
///
/// ```
/// use axess_events::trail::AuditTier;
/// assert_eq!(serde_json::to_value(AuditTier::Archive).unwrap(), "archive");
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum AuditTier {
    /// The log's own files.
    Log,
    /// The store that is searched.
    Hot,
    /// The archive.
    Archive,
}

/// Events were deleted because they were kept long enough.
///
/// ```
/// use axess_events::{AuthEvent, trail::{AuditEventsDeleted, AuditTier}};
/// let event = AuditEventsDeleted {
///     tier: AuditTier::Hot,
///     from: chrono::DateTime::UNIX_EPOCH,
///     until: chrono::DateTime::UNIX_EPOCH,
///     events: 20,
///     last_sequence: None,
///     chain_head: None,
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "AuditEventsDeleted");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct AuditEventsDeleted {
    /// Where from.
    pub tier: AuditTier,
    /// When the oldest of them happened.
    #[serde(with = "json::micros")]
    #[rkyv(with = AsMicros)]
    pub from: DateTime<Utc>,
    /// When the newest of them happened.
    #[serde(with = "json::micros")]
    #[rkyv(with = AsMicros)]
    pub until: DateTime<Utc>,
    /// How many.
    pub events: u64,
    /// For the log: the place of the last deleted entry in the chain that this event is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sequence: Option<u64>,
    /// For the log: the hash of that entry, as unpadded base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain_head: Option<AuditText>,
}

/// One entry that was rewritten.
///
/// ```
/// use axess_events::trail::ErasedEntry;
/// assert_eq!(ErasedEntry { sequence: 4, commitment: "47DEQp".into() }.sequence, 4);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct ErasedEntry {
    /// Its place in the chain that the event is in.
    pub sequence: u64,
    /// What the log commits to in its stead, as unpadded base64url.
    pub commitment: AuditText,
}

/// A user's personal data was taken out of the entries of one chain.
///
/// The chain stays verifiable: this event vouches for what the entries hold instead. An erasure of more than
/// [`MAX_ERASED_ENTRIES`] entries is several events.
///
/// ```
/// use axess_events::{AuthEvent, trail::AuditSubjectErased};
/// use axess_identity::UserId;
/// let event = AuditSubjectErased {
///     pseudonym: UserId::from_parts(0, [1; 10]),
///     operator_principal: "alice@ops".into(),
///     reason: "request 12".into(),
///     entries: vec![],
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "AuditSubjectErased");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct AuditSubjectErased {
    /// What stands in the user's place.
    #[rkyv(with = AsBytes)]
    pub pseudonym: UserId,
    /// Who did it.
    pub operator_principal: AuditText,
    /// Why.
    pub reason: AuditText,
    /// The entries that were rewritten; more than [`MAX_ERASED_ENTRIES`] are not read.
    #[serde(deserialize_with = "at_most::deserialize")]
    #[rkyv(with = AtMost<MAX_ERASED_ENTRIES>)]
    pub entries: Vec<ErasedEntry>,
}
