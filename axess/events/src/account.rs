//! What users do with their own accounts: sign-up, e-mail, passwords, factors.

use crate::{
    AuditText,
    archive::{AsBytes, AsText},
};
use axess_identity::{FactorKind, UserId};
use rkyv::{Archive, Deserialize as RkyvDeserialize, Serialize as RkyvSerialize, with::Map};
use serde::{Deserialize, Serialize};

/// A user who knew their password changed it.
///
/// ```
/// use axess_events::{AuthEvent, account::PasswordChanged};
/// use axess_identity::UserId;
/// let event = PasswordChanged { user_id: UserId::from_parts(0, [1; 10]) };
/// assert_eq!(AuthEvent::from(event).wire_name(), "PasswordChanged");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct PasswordChanged {
    /// The account.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
}

/// Somebody asked for a password reset.
///
/// ```
/// use axess_events::{AuthEvent, account::PasswordResetRequested};
/// let event = PasswordResetRequested { user_id: None };
/// assert_eq!(AuthEvent::from(event).wire_name(), "PasswordResetRequested");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct PasswordResetRequested {
    /// The account; absent when nobody has the name that was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[rkyv(with = Map<AsBytes>)]
    pub user_id: Option<UserId>,
}

/// A user set a new password through a reset.
///
/// ```
/// use axess_events::{AuthEvent, account::PasswordResetCompleted};
/// use axess_identity::UserId;
/// let event = PasswordResetCompleted { user_id: UserId::from_parts(0, [1; 10]) };
/// assert_eq!(AuthEvent::from(event).wire_name(), "PasswordResetCompleted");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct PasswordResetCompleted {
    /// The account.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
}

/// A user added a factor.
///
/// ```
/// use axess_events::{AuthEvent, account::FactorEnrolled};
/// use axess_identity::{FactorKind, UserId};
/// let event = FactorEnrolled {
///     user_id: UserId::from_parts(0, [1; 10]),
///     factor_kind: FactorKind::Fido2,
///     credential_ref: Some("laptop key".into()),
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "FactorEnrolled");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct FactorEnrolled {
    /// The account.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
    /// The factor.
    #[rkyv(with = AsText)]
    pub factor_kind: FactorKind,
    /// Which one, where a user can have several: a public id or a label, never a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential_ref: Option<AuditText>,
}

/// A user removed a factor.
///
/// ```
/// use axess_events::{AuthEvent, account::FactorRemoved};
/// use axess_identity::{FactorKind, UserId};
/// let event = FactorRemoved {
///     user_id: UserId::from_parts(0, [1; 10]),
///     factor_kind: FactorKind::Totp,
///     credential_ref: None,
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "FactorRemoved");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct FactorRemoved {
    /// The account.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
    /// The factor.
    #[rkyv(with = AsText)]
    pub factor_kind: FactorKind,
    /// Which one, where a user can have several: a public id or a label, never a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential_ref: Option<AuditText>,
}

/// A recovery code was spent.
///
/// ```
/// use axess_events::{AuthEvent, account::RecoveryCodeUsed};
/// use axess_identity::UserId;
/// let event = RecoveryCodeUsed { user_id: UserId::from_parts(0, [1; 10]), codes_left: 9 };
/// assert_eq!(AuthEvent::from(event).wire_name(), "RecoveryCodeUsed");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct RecoveryCodeUsed {
    /// The account.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
    /// How many codes of the set are left.
    pub codes_left: u32,
}

/// A sign-up began.
///
/// ```
/// use axess_events::{AuthEvent, account::SignupStarted};
/// let event = SignupStarted { user_id: None };
/// assert_eq!(AuthEvent::from(event).wire_name(), "SignupStarted");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct SignupStarted {
    /// The account that will be; absent while none is reserved.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[rkyv(with = Map<AsBytes>)]
    pub user_id: Option<UserId>,
}

/// A sign-up was completed and the account is in use.
///
/// ```
/// use axess_events::{AuthEvent, account::SignupCompleted};
/// use axess_identity::UserId;
/// let event = SignupCompleted { user_id: UserId::from_parts(0, [1; 10]) };
/// assert_eq!(AuthEvent::from(event).wire_name(), "SignupCompleted");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct SignupCompleted {
    /// The account.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
}

/// A code was sent by e-mail.
///
/// The address is not recorded: the account names it.
///
/// ```
/// use axess_events::{AuthEvent, account::{EmailCodePurpose, EmailCodeSent}};
/// let event = EmailCodeSent { user_id: None, purpose: EmailCodePurpose::Signup };
/// assert_eq!(AuthEvent::from(event).wire_name(), "EmailCodeSent");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct EmailCodeSent {
    /// The account; absent when there is none yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[rkyv(with = Map<AsBytes>)]
    pub user_id: Option<UserId>,
    /// What the code is good for.
    pub purpose: EmailCodePurpose,
}

/// What a code sent by e-mail is good for.
///
/// ```
/// use axess_events::account::EmailCodePurpose;
/// assert_eq!(serde_json::to_value(EmailCodePurpose::PasswordReset).unwrap(), "password-reset");
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum EmailCodePurpose {
    /// A factor of a login.
    Login,
    /// A factor of a step-up.
    StepUp,
    /// Proof of the address at sign-up.
    Signup,
    /// Proof of a new address.
    EmailChange,
    /// A password reset.
    PasswordReset,
}

/// A user proved to read mail at their address.
///
/// ```
/// use axess_events::{AuthEvent, account::EmailVerified};
/// use axess_identity::UserId;
/// let event = EmailVerified { user_id: UserId::from_parts(0, [1; 10]) };
/// assert_eq!(AuthEvent::from(event).wire_name(), "EmailVerified");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct EmailVerified {
    /// The account.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
}
