//! The life of a login, of its session and of a step-up.

use crate::{
    AuditText,
    archive::{AsBytes, AsText},
    json,
};
use axess_identity::{DeviceId, FactorKind, SessionId, UserId};
use rkyv::{Archive, Deserialize as RkyvDeserialize, Serialize as RkyvSerialize, with::Map};
use serde::{Deserialize, Serialize};

/// A login began.
///
/// ```
/// use axess_events::{AuthEvent, authentication::LoginStarted};
/// let event = LoginStarted { user_id: None, method_name: "password+totp".into(), device_id: None };
/// assert_eq!(AuthEvent::from(event).wire_name(), "LoginStarted");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct LoginStarted {
    /// The account; absent when nobody has the name that was given. That name is not recorded: people type
    /// passwords into the wrong field.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[rkyv(with = Map<AsBytes>)]
    pub user_id: Option<UserId>,
    /// The login method that was chosen.
    pub method_name: AuditText,
    /// The device, when it is a known one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[rkyv(with = Map<AsBytes>)]
    pub device_id: Option<DeviceId>,
}

/// A factor was verified.
///
/// ```
/// use axess_events::{AuthEvent, authentication::FactorVerified};
/// use axess_identity::{FactorKind, UserId};
/// let user_id = UserId::from_parts(0, [1; 10]);
/// let event = FactorVerified { user_id, factor_kind: FactorKind::Totp, attempt_index: 0 };
/// assert_eq!(AuthEvent::from(event).wire_name(), "FactorVerified");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct FactorVerified {
    /// The account.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
    /// The factor.
    #[rkyv(with = AsText)]
    pub factor_kind: FactorKind,
    /// The number of this try at the factor within the login, from 0.
    pub attempt_index: u32,
}

/// A factor was refused.
///
/// ```
/// use axess_events::{AuthEvent, authentication::{FactorFailed, FactorFailureReason}};
/// use axess_identity::FactorKind;
/// let event = FactorFailed {
///     user_id: None,
///     factor_kind: FactorKind::Password,
///     attempt_index: 2,
///     failure_reason: FactorFailureReason::UnknownAccount,
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "FactorFailed");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct FactorFailed {
    /// The account; absent when nobody has the name that was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[rkyv(with = Map<AsBytes>)]
    pub user_id: Option<UserId>,
    /// The factor.
    #[rkyv(with = AsText)]
    pub factor_kind: FactorKind,
    /// The number of this try at the factor within the login, from 0.
    pub attempt_index: u32,
    /// Why it was refused.
    pub failure_reason: FactorFailureReason,
}

/// Why a factor was refused: for the trail only, never for the caller.
///
/// ```
/// use axess_events::authentication::FactorFailureReason;
/// assert_eq!(serde_json::to_value(FactorFailureReason::WrongCode).unwrap(), "wrong-code");
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum FactorFailureReason {
    /// The code, password, signature or assertion is wrong.
    WrongCode,
    /// It was right once and has been used.
    Replayed,
    /// It was right and is too old.
    Expired,
    /// There is no such account.
    UnknownAccount,
    /// The account or its tenant is suspended.
    Suspended,
    /// The account, the tenant or the address is locked out.
    Locked,
    /// The account has no such factor.
    NotEnrolled,
    /// It is right and a rule forbids it (no user verification, a revoked certificate).
    PolicyViolation,
    /// It could not be checked.
    Backend,
}

/// A login was completed.
///
/// ```
/// use axess_events::{AuthEvent, authentication::LoginCompleted};
/// use axess_identity::{FactorKind, SessionId, UserId};
/// let event = LoginCompleted {
///     user_id: UserId::from_parts(0, [1; 10]),
///     method_name: "password+totp".into(),
///     factors_completed: vec![FactorKind::Password, FactorKind::Totp],
///     session_id: SessionId::from_bytes([2; 16]),
///     device_id: None,
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "LoginCompleted");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct LoginCompleted {
    /// The account.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
    /// The login method.
    pub method_name: AuditText,
    /// The factors, in the order they were verified: one for each step of the method.
    #[rkyv(with = Map<AsText>)]
    pub factors_completed: Vec<FactorKind>,
    /// The session, by its new id.
    #[serde(with = "json::session_id")]
    #[rkyv(with = AsBytes)]
    pub session_id: SessionId,
    /// The device, when devices are tracked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[rkyv(with = Map<AsBytes>)]
    pub device_id: Option<DeviceId>,
}

/// A login ended without a session.
///
/// ```
/// use axess_events::{AuthEvent, authentication::{LoginFailed, LoginFailureReason}};
/// let event = LoginFailed {
///     user_id: None,
///     method_name: None,
///     failure_reason: LoginFailureReason::Misconfigured,
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "LoginFailed");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct LoginFailed {
    /// The account; absent when nobody has the name that was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[rkyv(with = Map<AsBytes>)]
    pub user_id: Option<UserId>,
    /// The login method, once one was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method_name: Option<AuditText>,
    /// Why it failed.
    pub failure_reason: LoginFailureReason,
}

/// Why a login failed: for the trail only, never for the caller.
///
/// ```
/// use axess_events::authentication::LoginFailureReason;
/// let reason = serde_json::to_value(LoginFailureReason::FactorsExhausted).unwrap();
/// assert_eq!(reason, "factors-exhausted");
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum LoginFailureReason {
    /// A factor failed and may not be tried again.
    FactorsExhausted,
    /// The login was not finished in time.
    Expired,
    /// There is no such account.
    UnknownAccount,
    /// The account or its tenant is suspended.
    Suspended,
    /// The account, the tenant or the address is locked out.
    Locked,
    /// A rule forbids the login although its factors are right.
    PolicyViolation,
    /// The tenant has no usable method, or the method cannot be completed.
    Misconfigured,
    /// A store or a peer failed.
    Backend,
}

/// A session ended.
///
/// ```
/// use axess_events::{AuthEvent, authentication::{Logout, LogoutReason}};
/// use axess_identity::{SessionId, UserId};
/// let event = Logout {
///     user_id: UserId::from_parts(0, [1; 10]),
///     session_id: SessionId::from_bytes([2; 16]),
///     reason: LogoutReason::UserInitiated,
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "Logout");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct Logout {
    /// The account.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
    /// The session.
    #[serde(with = "json::session_id")]
    #[rkyv(with = AsBytes)]
    pub session_id: SessionId,
    /// Why it ended.
    pub reason: LogoutReason,
}

/// Why a session ended.
///
/// ```
/// use axess_events::authentication::LogoutReason;
/// assert_eq!(serde_json::to_value(LogoutReason::AdminRevoked).unwrap(), "admin-revoked");
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum LogoutReason {
    /// The user logged out.
    UserInitiated,
    /// An operator ended it.
    AdminRevoked,
    /// Its time was up.
    SessionExpired,
    /// Its cookie came from another browser or network.
    CookieFingerprintMismatch,
    /// The identity provider ended it (OpenID Connect Back-Channel Logout, SAML single logout).
    IdpInitiated,
    /// The password or a factor changed, so the user's other sessions ended.
    CredentialChanged,
    /// Its device was revoked.
    DeviceRevoked,
    /// The user had too many sessions and this was the oldest.
    SessionLimit,
}

/// A logged-in user asked for something that needs another factor or a fresher login.
///
/// ```
/// use axess_events::{AuthEvent, authentication::StepUpRequired};
/// use axess_identity::{FactorKind, SessionId, UserId};
/// let event = StepUpRequired {
///     user_id: UserId::from_parts(0, [1; 10]),
///     session_id: SessionId::from_bytes([2; 16]),
///     route: "/transfer".into(),
///     required_factors: vec![FactorKind::Fido2],
///     max_age_seconds: Some(300),
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "StepUpRequired");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct StepUpRequired {
    /// The account.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
    /// The session.
    #[serde(with = "json::session_id")]
    #[rkyv(with = AsBytes)]
    pub session_id: SessionId,
    /// The pattern of the route that asked for it.
    pub route: AuditText,
    /// The factors that would do; empty when only a fresh login is asked for.
    #[rkyv(with = Map<AsText>)]
    pub required_factors: Vec<FactorKind>,
    /// How recent the login must be, in seconds (RFC 9470 §4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age_seconds: Option<u32>,
}

/// A logged-in user proved another factor or logged in afresh.
///
/// ```
/// use axess_events::{AuthEvent, authentication::StepUpCompleted};
/// use axess_identity::{FactorKind, SessionId, UserId};
/// let event = StepUpCompleted {
///     user_id: UserId::from_parts(0, [1; 10]),
///     session_id: SessionId::from_bytes([3; 16]),
///     factors_completed: vec![FactorKind::Password, FactorKind::Fido2],
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "StepUpCompleted");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct StepUpCompleted {
    /// The account.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
    /// The session, by its new id.
    #[serde(with = "json::session_id")]
    #[rkyv(with = AsBytes)]
    pub session_id: SessionId,
    /// All factors the session now rests on.
    #[rkyv(with = Map<AsText>)]
    pub factors_completed: Vec<FactorKind>,
}
