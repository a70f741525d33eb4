//! What operators do to users' accounts.

use crate::{
    AuditText,
    archive::{AsBytes, AsText},
    json,
};
use axess_identity::{FactorKind, SessionId, UserId};
use rkyv::{Archive, Deserialize as RkyvDeserialize, Serialize as RkyvSerialize, with::Map};
use serde::{Deserialize, Serialize};

/// An operator suspended a user.
///
/// ```
/// use axess_events::{AuthEvent, administrative::UserSuspended};
/// use axess_identity::UserId;
/// let event = UserSuspended {
///     user_id: UserId::from_parts(0, [1; 10]),
///     operator_principal: "alice@ops".into(),
///     reason: "ticket 42".into(),
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "UserSuspended");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct UserSuspended {
    /// The user it was done to.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
    /// Who did it.
    pub operator_principal: AuditText,
    /// Why.
    pub reason: AuditText,
}

/// An operator lifted a user's suspension.
///
/// ```
/// use axess_events::{AuthEvent, administrative::UserUnsuspended};
/// use axess_identity::UserId;
/// let event = UserUnsuspended {
///     user_id: UserId::from_parts(0, [1; 10]),
///     operator_principal: "alice@ops".into(),
///     reason: "ticket 42".into(),
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "UserUnsuspended");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct UserUnsuspended {
    /// The user it was done to.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
    /// Who did it.
    pub operator_principal: AuditText,
    /// Why.
    pub reason: AuditText,
}

/// An operator deleted a user.
///
/// ```
/// use axess_events::{AuthEvent, administrative::UserDeleted};
/// use axess_identity::UserId;
/// let event = UserDeleted {
///     user_id: UserId::from_parts(0, [1; 10]),
///     operator_principal: "alice@ops".into(),
///     reason: "ticket 42".into(),
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "UserDeleted");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct UserDeleted {
    /// The user it was done to.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
    /// Who did it.
    pub operator_principal: AuditText,
    /// Why.
    pub reason: AuditText,
}

/// An operator reset a user's password.
///
/// ```
/// use axess_events::{AuthEvent, administrative::PasswordReset};
/// use axess_identity::UserId;
/// let event = PasswordReset {
///     user_id: UserId::from_parts(0, [1; 10]),
///     operator_principal: "alice@ops".into(),
///     reason: "ticket 42".into(),
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "PasswordReset");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct PasswordReset {
    /// The user it was done to.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
    /// Who did it.
    pub operator_principal: AuditText,
    /// Why.
    pub reason: AuditText,
}

/// An operator removed a user's factor so that it can be enrolled again.
///
/// ```
/// use axess_events::{AuthEvent, administrative::FactorReset};
/// use axess_identity::{FactorKind, UserId};
/// let event = FactorReset {
///     user_id: UserId::from_parts(0, [1; 10]),
///     factor_kind: FactorKind::Totp,
///     operator_principal: "alice@ops".into(),
///     reason: "ticket 42".into(),
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "FactorReset");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct FactorReset {
    /// The user it was done to.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
    /// The factor.
    #[rkyv(with = AsText)]
    pub factor_kind: FactorKind,
    /// Who did it.
    pub operator_principal: AuditText,
    /// Why.
    pub reason: AuditText,
}

/// An operator ended a user's session.
///
/// ```
/// use axess_events::{AuthEvent, administrative::SessionInvalidated};
/// use axess_identity::UserId;
/// let event = SessionInvalidated {
///     user_id: UserId::from_parts(0, [1; 10]),
///     session_id: None,
///     operator_principal: "alice@ops".into(),
///     reason: "ticket 42".into(),
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "SessionInvalidated");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct SessionInvalidated {
    /// The user it was done to.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
    /// The session; absent when all of the user's sessions were ended.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "json::session_id_option")]
    #[rkyv(with = Map<AsBytes>)]
    pub session_id: Option<SessionId>,
    /// Who did it.
    pub operator_principal: AuditText,
    /// Why.
    pub reason: AuditText,
}
