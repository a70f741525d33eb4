use axess::UserId;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// An API token, without its secret.
///
/// The secret is shown once, when it is made; what is kept is its digest.
///
/// ```
/// use audex_server::model::ApiToken;
/// fn works(token: &ApiToken, now: chrono::DateTime<chrono::Utc>) -> bool {
///     token.revoked_at.is_none() && now < token.expires_at
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Which one.
    pub id: Uuid,
    /// SHA-256 of the secret.
    pub digest: [u8; 32],
    /// Whose.
    pub owner: UserId,
    /// Who made it: whoever it is of, or an administrator for a service account. What is done with it is done by them.
    pub made_by: UserId,
    /// What the owner calls it.
    pub name: String,
    /// What it may be used for, of `request`, `approve`, `read` and `administer`: never more than its owner may.
    pub scopes: Vec<String>,
    /// Since when it is there.
    pub created_at: DateTime<Utc>,
    /// When it stops working.
    pub expires_at: DateTime<Utc>,
    /// When it was last used, within five minutes.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// A public key with which an approver signs what they agree to.
///
/// ```
/// fn names(keys: &[audex_server::model::ApprovalKey]) -> Vec<&str> {
///     keys.iter().map(|key| key.name.as_str()).collect()
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalKey {
    /// RFC 7638 thumbprint.
    pub id: String,
    /// Whose.
    pub owner: UserId,
    /// What the owner calls it.
    pub name: String,
    /// The public key as a JWK: Ed25519 (`OKP`) or P-256 (`EC`).
    pub jwk: serde_json::Value,
    /// Since when it counts.
    pub created_at: DateTime<Utc>,
}
