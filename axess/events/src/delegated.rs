//! Acting for a user elsewhere.

use crate::{
    AuditList, AuditText,
    archive::{AsBytes, AsMicros},
    device::RevokedBy,
    json,
};
use axess_identity::UserId;
use chrono::{DateTime, Utc};
use rkyv::{Archive, Deserialize as RkyvDeserialize, Serialize as RkyvSerialize, with::Map};
use serde::{Deserialize, Serialize};

/// A user let the application act for them at another service.
///
/// ```
/// use axess_events::{AuthEvent, delegated::DelegatedConsentGranted};
/// use axess_identity::UserId;
/// let event = DelegatedConsentGranted {
///     user_id: UserId::from_parts(0, [1; 10]),
///     downstream: "calendar".into(),
///     scopes: ["events.read"].into_iter().collect(),
///     expires_at: None,
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "DelegatedConsentGranted");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct DelegatedConsentGranted {
    /// The user.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
    /// The other service.
    pub downstream: AuditText,
    /// What it was granted for.
    pub scopes: AuditList,
    /// When the grant ends; absent when it has no end.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "json::micros_option")]
    #[rkyv(with = Map<AsMicros>)]
    pub expires_at: Option<DateTime<Utc>>,
}

/// A stored delegated credential was refreshed.
///
/// ```
/// use axess_events::{AuthEvent, delegated::DelegatedCredentialUsed};
/// use axess_identity::UserId;
/// let event = DelegatedCredentialUsed {
///     user_id: UserId::from_parts(0, [1; 10]),
///     downstream: "calendar".into(),
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "DelegatedCredentialUsed");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct DelegatedCredentialUsed {
    /// The user.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
    /// The other service.
    pub downstream: AuditText,
}

/// A consent was withdrawn.
///
/// ```
/// use axess_events::{AuthEvent, delegated::DelegatedConsentRevoked, device::RevokedBy};
/// use axess_identity::UserId;
/// let event = DelegatedConsentRevoked {
///     user_id: UserId::from_parts(0, [1; 10]),
///     downstream: "calendar".into(),
///     revoked_by: RevokedBy::User,
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "DelegatedConsentRevoked");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct DelegatedConsentRevoked {
    /// The user.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
    /// The other service.
    pub downstream: AuditText,
    /// Who withdrew it.
    pub revoked_by: RevokedBy,
}

/// A token was exchanged for one for another audience (RFC 8693).
///
/// ```
/// use axess_events::{AuthEvent, delegated::DelegatedTokenExchanged};
/// let event = DelegatedTokenExchanged {
///     subject_principal_uid: r#"User::"1""#.into(),
///     audience: "https://reports.example".into(),
///     scopes: ["read"].into_iter().collect(),
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "DelegatedTokenExchanged");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct DelegatedTokenExchanged {
    /// For whom.
    pub subject_principal_uid: AuditText,
    /// The service the new token is for.
    pub audience: AuditText,
    /// What the new token is good for.
    pub scopes: AuditList,
}
