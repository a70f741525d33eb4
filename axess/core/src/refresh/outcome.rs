use crate::store::{Owner, RevokedTokens};
use axess_identity::{DeviceId, RefreshTokenId, TenantId, TokenFamilyId, TokenSecret};
use chrono::{DateTime, Utc};

/// A refresh token as it is handed to its holder, once.
///
/// ```
/// use axess_core::refresh::IssuedRefreshToken;
/// use axess_identity::{RefreshTokenId, TokenFamilyId};
/// let issued = IssuedRefreshToken {
///     token: "axr1_...".into(),
///     id: RefreshTokenId::from_parts(0, [1; 10]),
///     family_id: TokenFamilyId::from_parts(0, [2; 10]),
///     expires_at: chrono::DateTime::UNIX_EPOCH,
/// };
/// assert!(!format!("{issued:?}").contains("axr1_"));
/// ```
#[derive(Debug, Clone)]
pub struct IssuedRefreshToken {
    /// What the client presents. It is stored nowhere.
    pub token: TokenSecret,
    /// Names the token in logs and in the audit trail.
    pub id: RefreshTokenId,
    /// The family it belongs to.
    pub family_id: TokenFamilyId,
    /// When it stops working unless it is used before.
    pub expires_at: DateTime<Utc>,
}

/// What came of presenting a refresh token.
///
/// ```
/// use axess_core::refresh::RefreshOutcome;
/// assert!(!RefreshOutcome::Refused.is_refreshed());
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub enum RefreshOutcome {
    /// The session is authenticated as the token's user, as of the login the token descends from. Hand this token to the
    /// client; unless rotation is off, the one it presented is spent.
    Refreshed(IssuedRefreshToken),
    /// The token does not work: unknown, wrong, expired, revoked, reused, or of somebody who may not log in. The user logs
    /// in anew.
    Refused,
}

impl RefreshOutcome {
    /// Tells whether the session is authenticated.
    #[must_use]
    pub fn is_refreshed(&self) -> bool {
        matches!(self, Self::Refreshed(_))
    }
}

/// A refresh token that was presented after it had been spent: somebody has a copy.
///
/// When an application hears of it, the family, the devices bound to it and the sessions opened with it are revoked.
///
/// ```
/// use axess_core::{refresh::TokenCompromise, store::Owner};
/// use axess_identity::{RefreshTokenId, TenantId, TokenFamilyId, UserId};
/// let alarm = TokenCompromise {
///     owner: Owner { tenant_id: TenantId::from_parts(0, [1; 10]), user_id: UserId::from_parts(0, [2; 10]) },
///     family_id: TokenFamilyId::from_parts(0, [3; 10]),
///     token_id: RefreshTokenId::from_parts(0, [4; 10]),
///     devices: vec![],
///     client_ip: None,
///     at: chrono::DateTime::UNIX_EPOCH,
/// };
/// assert!(alarm.devices.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenCompromise {
    /// Whose token it was.
    pub owner: Owner,
    /// The family that was revoked.
    pub family_id: TokenFamilyId,
    /// The token that was presented.
    pub token_id: RefreshTokenId,
    /// The devices that were bound to the family, and are revoked.
    pub devices: Vec<(TenantId, DeviceId)>,
    /// Where it was presented from: the thief or the victim, nobody knows.
    pub client_ip: Option<std::net::IpAddr>,
    /// When.
    pub at: DateTime<Utc>,
}

/// Returns the devices that the revocation of a family reaches, each with its tenant, in id order.
///
/// ```
/// use axess_core::{refresh::collect_family_device_targets, store::{Owner, RevokedTokens}};
/// use axess_identity::{DeviceId, TenantId, UserId};
/// let owner = Owner { tenant_id: TenantId::from_parts(0, [1; 10]), user_id: UserId::from_parts(0, [2; 10]) };
/// let device = DeviceId::from_parts(0, [3; 10]);
/// let revoked = RevokedTokens { tokens: 1, devices: vec![device] };
/// assert_eq!(collect_family_device_targets(owner, &revoked), [(owner.tenant_id, device)]);
/// ```
#[must_use]
pub fn collect_family_device_targets(owner: Owner, revoked: &RevokedTokens) -> Vec<(TenantId, DeviceId)> {
    revoked.devices.iter().map(|device| (owner.tenant_id, *device)).collect()
}
