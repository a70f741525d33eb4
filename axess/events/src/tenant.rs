//! The life of a tenant. The tenant is that of the envelope.

use crate::AuditText;
use rkyv::{Archive, Deserialize as RkyvDeserialize, Serialize as RkyvSerialize};
use serde::{Deserialize, Serialize};

/// A tenant was created.
///
/// ```
/// use axess_events::{AuthEvent, tenant::TenantCreated};
/// let event = TenantCreated { operator_principal: "alice@ops".into(), reason: "contract 17".into() };
/// assert_eq!(AuthEvent::from(event).wire_name(), "TenantCreated");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct TenantCreated {
    /// Who did it.
    pub operator_principal: AuditText,
    /// Why.
    pub reason: AuditText,
}

/// A tenant was suspended: nobody in it can log in.
///
/// ```
/// use axess_events::{AuthEvent, tenant::TenantSuspended};
/// let event = TenantSuspended { operator_principal: "alice@ops".into(), reason: "unpaid".into() };
/// assert_eq!(AuthEvent::from(event).wire_name(), "TenantSuspended");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct TenantSuspended {
    /// Who did it.
    pub operator_principal: AuditText,
    /// Why.
    pub reason: AuditText,
}

/// A tenant's suspension was lifted.
///
/// ```
/// use axess_events::{AuthEvent, tenant::TenantUnsuspended};
/// let event = TenantUnsuspended { operator_principal: "alice@ops".into(), reason: "paid".into() };
/// assert_eq!(AuthEvent::from(event).wire_name(), "TenantUnsuspended");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct TenantUnsuspended {
    /// Who did it.
    pub operator_principal: AuditText,
    /// Why.
    pub reason: AuditText,
}

/// A tenant was deleted.
///
/// ```
/// use axess_events::{AuthEvent, tenant::TenantDeleted};
/// let event = TenantDeleted { operator_principal: "alice@ops".into(), reason: "contract ended".into() };
/// assert_eq!(AuthEvent::from(event).wire_name(), "TenantDeleted");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct TenantDeleted {
    /// Who did it.
    pub operator_principal: AuditText,
    /// Why.
    pub reason: AuditText,
}

/// A tenant's deletion was taken back before anything was deleted: it is suspended from now on.
///
/// ```
/// use axess_events::{AuthEvent, tenant::TenantRestored};
/// let event = TenantRestored { operator_principal: "alice@ops".into(), reason: "by mistake".into() };
/// assert_eq!(AuthEvent::from(event).wire_name(), "TenantRestored");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct TenantRestored {
    /// Who did it.
    pub operator_principal: AuditText,
    /// Why.
    pub reason: AuditText,
}

/// What belonged to a deleted tenant was deleted.
///
/// Its audit trail stays. A purge that was interrupted and gone on with is several events; each counts what its own part deleted.
///
/// ```
/// use axess_events::{AuthEvent, tenant::TenantPurged};
/// let event = TenantPurged {
///     operator_principal: "alice@ops".into(),
///     reason: "contract ended".into(),
///     users: 12,
///     sessions: 3,
///     refresh_tokens: 3,
///     devices: 20,
///     factors: 24,
///     delegated_credentials: 0,
///     complete: true,
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "TenantPurged");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct TenantPurged {
    /// Who did it.
    pub operator_principal: AuditText,
    /// Why.
    pub reason: AuditText,
    /// How many accounts were erased.
    pub users: u64,
    /// How many sessions were ended.
    pub sessions: u64,
    /// How many refresh tokens were deleted.
    pub refresh_tokens: u64,
    /// How many devices were deleted.
    pub devices: u64,
    /// How many factors were deleted.
    pub factors: u64,
    /// How many delegated credentials were deleted.
    pub delegated_credentials: u64,
    /// Whether nothing is left.
    pub complete: bool,
}
