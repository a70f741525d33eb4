//! Lockouts of users, tenants and addresses.

use crate::{
    AuditText,
    archive::{AsBytes, AsMicros},
    json,
};
use axess_identity::EventId;
use chrono::{DateTime, Utc};
use rkyv::{Archive, Deserialize as RkyvDeserialize, Serialize as RkyvSerialize, with::Map};
use serde::{Deserialize, Serialize};

/// A lockout began.
///
/// ```
/// use axess_events::{AuthEvent, lockout::{LockoutScope, LockoutTriggered}};
/// use axess_identity::EventId;
/// let event = LockoutTriggered {
///     scope: LockoutScope::Ip,
///     scope_value: "192.0.2.7".into(),
///     until: None,
///     triggered_by_event: EventId::from_parts(0, [1; 10]),
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "LockoutTriggered");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct LockoutTriggered {
    /// What kind of thing is locked.
    pub scope: LockoutScope,
    /// Which one: the user's id, the tenant's id or the address.
    pub scope_value: AuditText,
    /// When it ends by itself; absent when an operator must end it.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "json::micros_option")]
    #[rkyv(with = Map<AsMicros>)]
    pub until: Option<DateTime<Utc>>,
    /// The id of the `FactorFailed` that was one too many.
    #[rkyv(with = AsBytes)]
    pub triggered_by_event: EventId,
}

/// A lockout ended.
///
/// ```
/// use axess_events::{AuthEvent, lockout::{LockoutCleared, LockoutClearedBy, LockoutScope}};
/// let event = LockoutCleared {
///     scope: LockoutScope::Ip,
///     scope_value: "192.0.2.7".into(),
///     cleared_by: LockoutClearedBy::Admin,
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "LockoutCleared");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct LockoutCleared {
    /// What kind of thing was locked.
    pub scope: LockoutScope,
    /// Which one: the user's id, the tenant's id or the address.
    pub scope_value: AuditText,
    /// What ended it.
    pub cleared_by: LockoutClearedBy,
}

/// What kind of thing a lockout locks.
///
/// ```
/// use axess_events::lockout::LockoutScope;
/// assert_eq!(serde_json::to_value(LockoutScope::Ip).unwrap(), "IP");
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize,
)]
pub enum LockoutScope {
    /// One account.
    User,
    /// A whole tenant.
    Tenant,
    /// A source address.
    #[serde(rename = "IP")]
    Ip,
}

/// What ended a lockout.
///
/// ```
/// use axess_events::lockout::LockoutClearedBy;
/// assert_eq!(serde_json::to_value(LockoutClearedBy::Timeout).unwrap(), "Timeout");
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize,
)]
pub enum LockoutClearedBy {
    /// Its time was up.
    Timeout,
    /// An operator ended it.
    Admin,
}
