//! The life of a device.

use crate::{AuditList, AuditText, archive::AsBytes, json};
use axess_identity::{DeviceId, RefreshTokenId, SessionId, UserId};
use rkyv::{Archive, Deserialize as RkyvDeserialize, Serialize as RkyvSerialize};
use serde::{Deserialize, Serialize};

/// An unknown device appeared.
///
/// ```
/// use axess_events::{AuthEvent, device::DeviceFirstSeen};
/// use axess_identity::{DeviceId, UserId};
/// let event = DeviceFirstSeen {
///     device_id: DeviceId::from_parts(0, [1; 10]),
///     user_id: UserId::from_parts(0, [2; 10]),
///     fingerprint_features: ["ua_family=firefox", "language=de"].into_iter().collect(),
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "DeviceFirstSeen");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct DeviceFirstSeen {
    /// The id it was given.
    #[rkyv(with = AsBytes)]
    pub device_id: DeviceId,
    /// Its user.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
    /// What it was recognised by, as `name=value`, coarse enough not to name a person.
    pub fingerprint_features: AuditList,
}

/// A device became trusted.
///
/// ```
/// use axess_events::{AuthEvent, device::{DeviceTrustGranted, GrantedBy}};
/// use axess_identity::{DeviceId, UserId};
/// let event = DeviceTrustGranted {
///     device_id: DeviceId::from_parts(0, [1; 10]),
///     user_id: UserId::from_parts(0, [2; 10]),
///     granted_by: GrantedBy::User,
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "DeviceTrustGranted");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct DeviceTrustGranted {
    /// The device.
    #[rkyv(with = AsBytes)]
    pub device_id: DeviceId,
    /// Its user.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
    /// Who trusted it.
    pub granted_by: GrantedBy,
}

/// A device was revoked.
///
/// ```
/// use axess_events::{AuthEvent, device::{DeviceRevoked, RevokedBy}};
/// use axess_identity::{DeviceId, UserId};
/// let event = DeviceRevoked {
///     device_id: DeviceId::from_parts(0, [1; 10]),
///     user_id: UserId::from_parts(0, [2; 10]),
///     revoked_by: RevokedBy::System,
///     reason: "refresh token reuse".into(),
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "DeviceRevoked");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct DeviceRevoked {
    /// The device.
    #[rkyv(with = AsBytes)]
    pub device_id: DeviceId,
    /// Its user.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
    /// Who revoked it.
    pub revoked_by: RevokedBy,
    /// Why.
    pub reason: AuditText,
}

/// A device record was deleted because it was old.
///
/// ```
/// use axess_events::{AuthEvent, device::DevicePurged};
/// use axess_identity::{DeviceId, UserId};
/// let event = DevicePurged {
///     device_id: DeviceId::from_parts(0, [1; 10]),
///     user_id: UserId::from_parts(0, [2; 10]),
///     purged_at_age_days: 91,
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "DevicePurged");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct DevicePurged {
    /// The device.
    #[rkyv(with = AsBytes)]
    pub device_id: DeviceId,
    /// Its user.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
    /// How many days it had not been used.
    pub purged_at_age_days: u32,
}

/// A refresh token was bound to a device.
///
/// ```
/// use axess_events::{AuthEvent, device::DeviceBindingAdded};
/// use axess_identity::{DeviceId, RefreshTokenId, UserId};
/// let event = DeviceBindingAdded {
///     device_id: DeviceId::from_parts(0, [1; 10]),
///     user_id: UserId::from_parts(0, [2; 10]),
///     refresh_token_id: RefreshTokenId::from_parts(0, [3; 10]),
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "DeviceBindingAdded");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct DeviceBindingAdded {
    /// The device.
    #[rkyv(with = AsBytes)]
    pub device_id: DeviceId,
    /// Its user.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
    /// The token, by its id.
    #[rkyv(with = AsBytes)]
    pub refresh_token_id: RefreshTokenId,
}

/// A session came with another fingerprint than that of its device.
///
/// ```
/// use axess_events::{AuthEvent, device::{DeviceFingerprintMismatch, PolicyAction}};
/// use axess_identity::{DeviceId, SessionId, UserId};
/// let event = DeviceFingerprintMismatch {
///     device_id: DeviceId::from_parts(0, [1; 10]),
///     user_id: UserId::from_parts(0, [2; 10]),
///     session_id: SessionId::from_bytes([3; 16]),
///     policy_action: PolicyAction::Warn,
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "DeviceFingerprintMismatch");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct DeviceFingerprintMismatch {
    /// The device.
    #[rkyv(with = AsBytes)]
    pub device_id: DeviceId,
    /// Its user.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
    /// The session.
    #[serde(with = "json::session_id")]
    #[rkyv(with = AsBytes)]
    pub session_id: SessionId,
    /// What was done about it.
    pub policy_action: PolicyAction,
}

/// Who granted something.
///
/// ```
/// use axess_events::device::GrantedBy;
/// assert_eq!(serde_json::to_value(GrantedBy::Admin).unwrap(), "Admin");
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize,
)]
pub enum GrantedBy {
    /// The user it belongs to.
    User,
    /// An operator.
    Admin,
}

/// Who revoked something.
///
/// ```
/// use axess_events::device::RevokedBy;
/// assert_eq!(serde_json::to_value(RevokedBy::System).unwrap(), "System");
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize,
)]
pub enum RevokedBy {
    /// The user it belongs to.
    User,
    /// An operator.
    Admin,
    /// A rule, such as the detection of a stolen token.
    System,
}

/// What is done about a fingerprint that does not match.
///
/// ```
/// use axess_events::device::PolicyAction;
/// assert_eq!(serde_json::to_value(PolicyAction::Reauth).unwrap(), "Reauth");
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize,
)]
pub enum PolicyAction {
    /// The request goes on.
    Warn,
    /// The user must log in again.
    Reauth,
    /// The session ends.
    Revoke,
}

/// A user renamed a device, or took its name away.
///
/// ```
/// use axess_events::{AuthEvent, device::DeviceRenamed};
/// use axess_identity::{DeviceId, UserId};
/// let event = DeviceRenamed {
///     device_id: DeviceId::from_parts(0, [1; 10]),
///     user_id: UserId::from_parts(0, [2; 10]),
///     display_name: Some("laptop".into()),
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "DeviceRenamed");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct DeviceRenamed {
    /// The device.
    #[rkyv(with = AsBytes)]
    pub device_id: DeviceId,
    /// Its user.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
    /// The name it has now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<AuditText>,
}

/// A device lost its trust, because it was not seen for long.
///
/// ```
/// use axess_events::{AuthEvent, device::DeviceDemoted};
/// use axess_identity::{DeviceId, UserId};
/// let event = DeviceDemoted {
///     device_id: DeviceId::from_parts(0, [1; 10]),
///     user_id: UserId::from_parts(0, [2; 10]),
///     demoted_at_age_days: 46,
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "DeviceDemoted");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct DeviceDemoted {
    /// The device.
    #[rkyv(with = AsBytes)]
    pub device_id: DeviceId,
    /// Its user.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
    /// For how many days it had not been seen.
    pub demoted_at_age_days: u32,
}

/// A session was bound to a device that was known before.
///
/// ```
/// use axess_events::{AuthEvent, device::DeviceRecognised};
/// use axess_identity::{DeviceId, SessionId, UserId};
/// let event = DeviceRecognised {
///     device_id: DeviceId::from_parts(0, [1; 10]),
///     user_id: UserId::from_parts(0, [2; 10]),
///     session_id: SessionId::from_bytes([3; 16]),
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "DeviceRecognised");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct DeviceRecognised {
    /// The device.
    #[rkyv(with = AsBytes)]
    pub device_id: DeviceId,
    /// Its user.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
    /// The session.
    #[serde(with = "json::session_id")]
    #[rkyv(with = AsBytes)]
    pub session_id: SessionId,
}
