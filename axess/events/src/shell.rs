//! What the HTTP shell does around a session and before a handler.

use crate::{AuditText, archive::AsBytes, device::PolicyAction, json};
use axess_identity::{SessionId, UserId};
use rkyv::{Archive, Deserialize as RkyvDeserialize, Serialize as RkyvSerialize, with::Map};
use serde::{Deserialize, Serialize};

/// A session got a new id and the old one stopped working.
///
/// ```
/// use axess_events::{AuthEvent, shell::{RotationCause, SessionRotated}};
/// use axess_identity::SessionId;
/// let event = SessionRotated {
///     user_id: None,
///     previous_session_id: SessionId::from_bytes([1; 16]),
///     session_id: SessionId::from_bytes([2; 16]),
///     cause: RotationCause::Login,
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "SessionRotated");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct SessionRotated {
    /// The account, while somebody is logged in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[rkyv(with = Map<AsBytes>)]
    pub user_id: Option<UserId>,
    /// The id it had.
    #[serde(with = "json::session_id")]
    #[rkyv(with = AsBytes)]
    pub previous_session_id: SessionId,
    /// The id it has.
    #[serde(with = "json::session_id")]
    #[rkyv(with = AsBytes)]
    pub session_id: SessionId,
    /// Why.
    pub cause: RotationCause,
}

/// Why a session got a new id.
///
/// ```
/// use axess_events::shell::RotationCause;
/// assert_eq!(serde_json::to_value(RotationCause::StepUp).unwrap(), "step-up");
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum RotationCause {
    /// A login was completed.
    Login,
    /// A step-up was completed.
    StepUp,
    /// The user logged out.
    Logout,
    /// The application asked for it, at a change of privilege of its own.
    Requested,
}

/// A session came from another browser or network than the one it was bound to.
///
/// ```
/// use axess_events::{AuthEvent, device::PolicyAction, shell::SessionFingerprintMismatch};
/// use axess_identity::SessionId;
/// let event = SessionFingerprintMismatch {
///     user_id: None,
///     session_id: SessionId::from_bytes([1; 16]),
///     policy_action: PolicyAction::Revoke,
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "SessionFingerprintMismatch");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct SessionFingerprintMismatch {
    /// The account, while somebody is logged in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[rkyv(with = Map<AsBytes>)]
    pub user_id: Option<UserId>,
    /// The session.
    #[serde(with = "json::session_id")]
    #[rkyv(with = AsBytes)]
    pub session_id: SessionId,
    /// What was done about it.
    pub policy_action: PolicyAction,
}

/// A request was refused because another site may have forged it.
///
/// ```
/// use axess_events::{AuthEvent, shell::{CsrfFailureReason, CsrfRejected}};
/// let event = CsrfRejected {
///     route: "/transfer".into(),
///     failure_reason: CsrfFailureReason::CrossSite,
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "CsrfRejected");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct CsrfRejected {
    /// The pattern of the route.
    pub route: AuditText,
    /// What gave it away.
    pub failure_reason: CsrfFailureReason,
}

/// What gave a forged request away.
///
/// ```
/// use axess_events::shell::CsrfFailureReason;
/// assert_eq!(serde_json::to_value(CsrfFailureReason::MissingToken).unwrap(), "missing-token");
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum CsrfFailureReason {
    /// The browser says that another site sent it (`Sec-Fetch-Site`).
    CrossSite,
    /// Its `Origin` is not an allowed one.
    WrongOrigin,
    /// It has no token.
    MissingToken,
    /// Its token is not that of the session.
    WrongToken,
}

/// A request was refused because there were too many.
///
/// The address it came from is that of the envelope.
///
/// ```
/// use axess_events::{AuthEvent, shell::RateLimitRejected};
/// let event = RateLimitRejected { route: "/login".into(), key_kind: "peer-ip+user-id".into() };
/// assert_eq!(AuthEvent::from(event).wire_name(), "RateLimitRejected");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct RateLimitRejected {
    /// The pattern of the route.
    pub route: AuditText,
    /// What requests were counted by: the name of a key, or of several joined by `+`; never a key's value.
    pub key_kind: AuditText,
}

/// A request was refused because the access token it presented is somebody else's, forged, or was presented before.
///
/// Tokens that ran out or are good for less are no such events: they come all day.
///
/// ```
/// use axess_events::{AuthEvent, shell::{AccessTokenFailureReason, AccessTokenRefused}};
/// let event = AccessTokenRefused {
///     route: "/orders".into(),
///     failure_reason: AccessTokenFailureReason::ProofReplayed,
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "AccessTokenRefused");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct AccessTokenRefused {
    /// The pattern of the route.
    pub route: AuditText,
    /// What gave it away; never the token.
    pub failure_reason: AccessTokenFailureReason,
}

/// What gave an access token away.
///
/// ```
/// use axess_events::shell::AccessTokenFailureReason;
/// assert_eq!(serde_json::to_value(AccessTokenFailureReason::NotTheHolder).unwrap(), "not-the-holder");
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum AccessTokenFailureReason {
    /// Its proof of possession was used before (RFC 9449 §11.1).
    ProofReplayed,
    /// Its proof of possession is wrong: for another request or token, or not signed by the key it names.
    ProofInvalid,
    /// It is bound to another key or certificate, or to one that was not shown.
    NotTheHolder,
    /// Its signature, issuer, audience or form is wrong.
    TokenInvalid,
}
