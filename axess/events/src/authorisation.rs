//! Policy decisions. Principals, actions and resources are written as the policy engine names them.

use crate::{AuditList, AuditText};
use rkyv::{Archive, Deserialize as RkyvDeserialize, Serialize as RkyvSerialize};
use serde::{Deserialize, Serialize};

/// A policy evaluation permitted a request.
///
/// ```
/// use axess_events::{AuthEvent, authorisation::AuthzAllow};
/// let event = AuthzAllow {
///     principal_uid: r#"User::"1""#.into(),
///     action: r#"Action::"read""#.into(),
///     resource_uid: r#"Document::"9""#.into(),
///     matched_policy_ids: ["owners-read"].into_iter().collect(),
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "AuthzAllow");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct AuthzAllow {
    /// Who asked.
    pub principal_uid: AuditText,
    /// For what.
    pub action: AuditText,
    /// On what.
    pub resource_uid: AuditText,
    /// The policies that permitted it.
    pub matched_policy_ids: AuditList,
}

/// A policy evaluation denied a request.
///
/// ```
/// use axess_events::{AuthEvent, AuditList, authorisation::AuthzDeny};
/// let event = AuthzDeny {
///     principal_uid: r#"User::"1""#.into(),
///     action: r#"Action::"transfer""#.into(),
///     resource_uid: r#"Account::"9""#.into(),
///     matched_policy_ids: AuditList::default(),
///     denial_reason: "no policy permits it".into(),
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "AuthzDeny");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct AuthzDeny {
    /// Who asked.
    pub principal_uid: AuditText,
    /// For what.
    pub action: AuditText,
    /// On what.
    pub resource_uid: AuditText,
    /// The policies that forbade it; empty when none permitted it.
    pub matched_policy_ids: AuditList,
    /// Why, for operators.
    pub denial_reason: AuditText,
}

/// A policy evaluation lacked an entity, so the request was denied.
///
/// ```
/// use axess_events::{AuthEvent, authorisation::AuthzEntityNotFound};
/// let event = AuthzEntityNotFound {
///     principal_uid: r#"User::"1""#.into(),
///     missing_entity_uid: r#"Group::"staff""#.into(),
///     policy_id_referencing: Some("staff-read".into()),
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "AuthzEntityNotFound");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct AuthzEntityNotFound {
    /// Who asked.
    pub principal_uid: AuditText,
    /// What was missing.
    pub missing_entity_uid: AuditText,
    /// The policy that refers to it, when one is known to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_id_referencing: Option<AuditText>,
}

/// An entity provider failed, so the request was denied.
///
/// ```
/// use axess_events::{AuthEvent, authorisation::AuthzProviderFailed};
/// let event = AuthzProviderFailed {
///     principal_uid: r#"User::"1""#.into(),
///     action: r#"Action::"read""#.into(),
///     resource_uid: r#"Document::"9""#.into(),
///     provider: "documents".into(),
///     failure_reason: "timeout".into(),
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "AuthzProviderFailed");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct AuthzProviderFailed {
    /// Who asked.
    pub principal_uid: AuditText,
    /// For what.
    pub action: AuditText,
    /// On what.
    pub resource_uid: AuditText,
    /// The provider.
    pub provider: AuditText,
    /// Why, for operators: the kind of failure, without the data that was being read.
    pub failure_reason: AuditText,
}
