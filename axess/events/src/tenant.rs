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
