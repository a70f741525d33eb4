//! The life of a refresh token. Tokens are named by their ids, never by their secrets.

use crate::{
    AuditList,
    archive::{AsBytes, AsMicros},
    json,
};
use axess_identity::{DeviceId, RefreshTokenId, SessionId, TokenFamilyId, UserId};
use chrono::{DateTime, Utc};
use rkyv::{Archive, Deserialize as RkyvDeserialize, Serialize as RkyvSerialize, with::Map};
use serde::{Deserialize, Serialize};

/// A login got the first refresh token of a new family.
///
/// ```
/// use axess_events::{AuthEvent, refresh::RefreshTokenIssued};
/// use axess_identity::{RefreshTokenId, TokenFamilyId, UserId};
/// let event = RefreshTokenIssued {
///     user_id: UserId::from_parts(0, [1; 10]),
///     refresh_token_id: RefreshTokenId::from_parts(0, [2; 10]),
///     family_id: TokenFamilyId::from_parts(0, [3; 10]),
///     device_id: None,
///     expires_at: chrono::DateTime::UNIX_EPOCH,
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "RefreshTokenIssued");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct RefreshTokenIssued {
    /// Its user.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
    /// The token, by its id.
    #[rkyv(with = AsBytes)]
    pub refresh_token_id: RefreshTokenId,
    /// The family it begins.
    #[rkyv(with = AsBytes)]
    pub family_id: TokenFamilyId,
    /// The device it is bound to; absent when it is bound to none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[rkyv(with = Map<AsBytes>)]
    pub device_id: Option<DeviceId>,
    /// When it stops working by itself.
    #[serde(with = "json::micros")]
    #[rkyv(with = AsMicros)]
    pub expires_at: DateTime<Utc>,
}

/// A refresh token was exchanged for a session and, unless rotation is off, for its successor.
///
/// ```
/// use axess_events::{AuthEvent, refresh::RefreshTokenRotated};
/// use axess_identity::{RefreshTokenId, SessionId, TokenFamilyId, UserId};
/// let event = RefreshTokenRotated {
///     user_id: UserId::from_parts(0, [1; 10]),
///     refresh_token_id: RefreshTokenId::from_parts(0, [2; 10]),
///     previous_refresh_token_id: Some(RefreshTokenId::from_parts(0, [1; 10])),
///     family_id: TokenFamilyId::from_parts(0, [3; 10]),
///     session_id: SessionId::from_bytes([4; 16]),
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "RefreshTokenRotated");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct RefreshTokenRotated {
    /// Its user.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
    /// The token that works from now on, by its id.
    #[rkyv(with = AsBytes)]
    pub refresh_token_id: RefreshTokenId,
    /// The token that was presented; absent when rotation is off and that token goes on working.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[rkyv(with = Map<AsBytes>)]
    pub previous_refresh_token_id: Option<RefreshTokenId>,
    /// The family of both.
    #[rkyv(with = AsBytes)]
    pub family_id: TokenFamilyId,
    /// The session that was opened.
    #[serde(with = "json::session_id")]
    #[rkyv(with = AsBytes)]
    pub session_id: SessionId,
}

/// A refresh token was presented that had been exchanged or revoked before: it may be stolen, so its family was revoked.
///
/// ```
/// use axess_events::{AuthEvent, refresh::RefreshTokenReuseDetected};
/// use axess_identity::{RefreshTokenId, TokenFamilyId, UserId};
/// let event = RefreshTokenReuseDetected {
///     user_id: UserId::from_parts(0, [1; 10]),
///     refresh_token_id: RefreshTokenId::from_parts(0, [2; 10]),
///     family_id: TokenFamilyId::from_parts(0, [3; 10]),
///     tokens_revoked: 1,
///     devices_revoked: Default::default(),
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "RefreshTokenReuseDetected");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct RefreshTokenReuseDetected {
    /// Its user.
    #[rkyv(with = AsBytes)]
    pub user_id: UserId,
    /// The token that was presented, by its id.
    #[rkyv(with = AsBytes)]
    pub refresh_token_id: RefreshTokenId,
    /// Its family.
    #[rkyv(with = AsBytes)]
    pub family_id: TokenFamilyId,
    /// How many tokens of the family still worked and were revoked.
    pub tokens_revoked: u32,
    /// The devices that were revoked with it, by their ids.
    pub devices_revoked: AuditList,
}

/// Refresh tokens were revoked.
///
/// ```
/// use axess_events::{AuthEvent, refresh::{RefreshRevocationReason, RefreshTokenRevoked}};
/// let event = RefreshTokenRevoked {
///     user_id: None,
///     family_id: None,
///     tokens_revoked: 12,
///     reason: RefreshRevocationReason::TenantSuspended,
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "RefreshTokenRevoked");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct RefreshTokenRevoked {
    /// Their user; absent when they were those of a whole tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[rkyv(with = Map<AsBytes>)]
    pub user_id: Option<UserId>,
    /// Their family; absent when they were of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[rkyv(with = Map<AsBytes>)]
    pub family_id: Option<TokenFamilyId>,
    /// How many still worked.
    pub tokens_revoked: u32,
    /// Why.
    pub reason: RefreshRevocationReason,
}

/// Why refresh tokens were revoked.
///
/// ```
/// use axess_events::refresh::RefreshRevocationReason;
/// assert_eq!(serde_json::to_value(RefreshRevocationReason::Logout).unwrap(), "logout");
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum RefreshRevocationReason {
    /// The session they belong to was logged out.
    Logout,
    /// The user's password was changed or set anew.
    CredentialChanged,
    /// The account was suspended or erased, or was found unable to log in.
    AccountInactive,
    /// The tenant was suspended.
    TenantSuspended,
    /// The device they are bound to was revoked or purged.
    DeviceRevoked,
    /// The user has more than may be active at once; these were the oldest.
    Limit,
    /// The session they belong to got another one in their place.
    Replaced,
}
