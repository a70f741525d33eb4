use crate::{session::FederatedLogin, store::Owner};
use axess_identity::{DeviceId, FactorKind, RefreshTokenId, TokenFamilyId};
use bytes::Bytes;
use chrono::{DateTime, Utc};

/// One stored refresh token: everything but the token.
///
/// It is *active* until it is rotated, revoked or expired. What is no longer active is kept until it expires: presenting it
/// again is how a theft shows.
///
/// ```
/// use axess_core::{refresh::{RefreshGrant, RefreshToken, TokenHash}, store::Owner};
/// use axess_identity::{FactorKind, RefreshTokenId, TenantId, TokenFamilyId, UserId};
/// use chrono::{DateTime, TimeDelta};
/// let token = RefreshToken {
///     id: RefreshTokenId::from_parts(0, [1; 10]),
///     owner: Owner { tenant_id: TenantId::from_parts(0, [2; 10]), user_id: UserId::from_parts(0, [3; 10]) },
///     family_id: TokenFamilyId::from_parts(0, [4; 10]),
///     token_hash: TokenHash::new("sha256::00").unwrap(),
///     grant: RefreshGrant::new(DateTime::UNIX_EPOCH, vec![FactorKind::Password]),
///     device_id: None,
///     device_info: None,
///     issued_at: DateTime::UNIX_EPOCH,
///     expires_at: DateTime::UNIX_EPOCH + TimeDelta::days(30),
///     rotated_at: None,
///     revoked_at: None,
///     successor: None,
/// };
/// assert!(token.is_active(DateTime::UNIX_EPOCH));
/// assert!(!token.is_active(DateTime::UNIX_EPOCH + TimeDelta::days(30)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// Names the token; says nothing of its secret.
    pub id: RefreshTokenId,
    /// Whose it is.
    pub owner: Owner,
    /// The login it descends from.
    pub family_id: TokenFamilyId,
    /// The hash of its secret.
    pub token_hash: TokenHash,
    /// What its holder proved when the family began.
    pub grant: RefreshGrant,
    /// The device it is bound to.
    pub device_id: Option<DeviceId>,
    /// What a person recognises the device by; at most 256 characters.
    pub device_info: Option<String>,
    /// When it was issued.
    pub issued_at: DateTime<Utc>,
    /// When it stops working by itself.
    pub expires_at: DateTime<Utc>,
    /// When it was exchanged for its successor.
    pub rotated_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// What the loser of an honest race may still be given, once.
    pub successor: Option<Successor>,
}

/// The token a rotated one was exchanged for.
///
/// ```
/// use axess_core::refresh::Successor;
/// use axess_identity::RefreshTokenId;
/// let successor = Successor { id: RefreshTokenId::from_parts(0, [1; 10]), sealed: vec![1, 2, 3].into() };
/// assert_eq!(successor.sealed.len(), 3);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Successor {
    /// Names the successor.
    pub id: RefreshTokenId,
    /// The successor itself, sealed under a key that only the holder of the rotated token can derive.
    pub sealed: Bytes,
}

/// What the holder of a family of refresh tokens proved at its login.
///
/// A refreshed session is as fresh and as strong as this, and no more.
///
/// ```
/// use axess_core::refresh::RefreshGrant;
/// use axess_identity::FactorKind;
/// let grant = RefreshGrant::new(chrono::DateTime::UNIX_EPOCH, vec![FactorKind::Password]);
/// assert_eq!(grant.factors_completed.len(), 1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RefreshGrant {
    /// When the latest proof was given.
    #[serde(rename = "a")]
    pub authn_time: DateTime<Utc>,
    /// Every factor that was proved.
    #[serde(rename = "f")]
    pub factors_completed: Vec<FactorKind>,
    /// The login at an identity provider that it rests on, without its ID token.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub login: Option<Box<FederatedLogin>>,
}

impl RefreshGrant {
    /// Makes a grant of what was proved, and when, without a provider.
    #[must_use]
    pub fn new(authn_time: DateTime<Utc>, factors_completed: Vec<FactorKind>) -> Self {
        Self { authn_time, factors_completed, login: None }
    }

    /// Tells whether an identity provider vouched for any of it.
    pub(crate) fn is_federated(&self) -> bool {
        self.factors_completed.iter().any(|kind| matches!(kind, FactorKind::Federated(_)))
    }
}

/// The hash of a refresh token with what it was made with: `sha256::<hex>` or `hmac-sha256:<pepper id>:<hex>`.
///
/// ```
/// use axess_core::refresh::TokenHash;
/// assert_eq!(TokenHash::new("hmac-sha256:2026a:00ff").unwrap().as_str(), "hmac-sha256:2026a:00ff");
/// assert!(TokenHash::new("md5::00").is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenHash(String);

impl TokenHash {
    /// The most bytes its text has.
    pub const MAX_BYTES: usize = 96;

    /// Reads the stored form; `None` when it is not one.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        let known = text.starts_with("sha256::") || text.starts_with("hmac-sha256:");
        (known && text.len() <= Self::MAX_BYTES).then_some(Self(text))
    }

    /// Returns the stored form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the id of the pepper it was made with; `None` when there was none.
    pub(super) fn pepper_id(&self) -> Option<&str> {
        let (id, _) = self.0.strip_prefix("hmac-sha256:")?.split_once(':')?;
        Some(id)
    }
}

impl RefreshToken {
    /// Tells whether it can still be exchanged at `now`.
    #[must_use]
    pub fn is_active(&self, now: DateTime<Utc>) -> bool {
        self.rotated_at.is_none() && self.revoked_at.is_none() && now < self.expires_at
    }
}
