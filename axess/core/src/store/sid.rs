use super::{Owner, StoreError, twin::storage_trait};
use axess_identity::{SessionId, TenantId};
use chrono::{DateTime, Utc};

/// Connects a session at an identity provider with one of ours.
///
/// The provider names its session (`sid`) or its user (`sub`) when it logs somebody out (OpenID Connect Back-Channel
/// Logout 1.0 §2.4); ours is named by its lineage, which rotations do not change.
///
/// ```
/// use axess_core::store::{Owner, SidBinding};
/// use axess_identity::{SessionId, TenantId, UserId};
/// let binding = SidBinding {
///     owner: Owner { tenant_id: TenantId::from_parts(0, [0; 10]), user_id: UserId::from_parts(0, [0; 10]) },
///     issuer: "https://login.example.com".into(),
///     sid: Some("08a5019c".into()),
///     subject: "248289761001".into(),
///     lineage: SessionId::from_bytes([1; 16]),
///     expires_at: chrono::DateTime::UNIX_EPOCH,
/// };
/// assert_eq!(binding.sid.as_deref(), Some("08a5019c"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SidBinding {
    /// Whose session it is.
    pub owner: Owner,
    /// The provider's issuer identifier; at most 512 bytes.
    pub issuer: String,
    /// The provider's session, if it names one; at most 255 bytes.
    pub sid: Option<String>,
    /// The provider's user; at most 255 bytes (OpenID Connect Core 1.0 §2).
    pub subject: String,
    /// Our session's lineage.
    pub lineage: SessionId,
    /// When our session, and what its refresh tokens opened, ends at the latest.
    pub expires_at: DateTime<Utc>,
}

storage_trait! {
    /// Finds our sessions by what an identity provider calls them.
    ///
    /// ```
    /// use axess_core::{memory::MemorySidStore, store::{SidStore, StoreError}};
    /// # async fn example(tenant: axess_identity::TenantId, now: chrono::DateTime<chrono::Utc>) -> Result<(), StoreError> {
    /// let found = MemorySidStore::new().find_by_sid(Some(tenant), "https://login.example.com".into(), "08a5019c".into(), now).await?;
    /// assert!(found.is_empty());
    /// # Ok(()) }
    /// ```
    pub trait SidStore / DynSidStore for [DynSidStore] {
        /// Adds a binding, or replaces the one of the same issuer and lineage.
        async fn bind(binding: SidBinding) -> Result<(), StoreError>;
        /// Finds the bindings of one session of the provider, in the order of tenants and lineages.
        ///
        /// Without a tenant it searches all of them: for a provider that serves them all.
        async fn find_by_sid(tenant_id: Option<TenantId>, issuer: String, sid: String, now: DateTime<Utc>) -> Result<Vec<SidBinding>, StoreError>;
        /// Finds the bindings of one user of the provider, in the order of tenants and lineages; without a tenant, in all of them.
        async fn find_by_subject(tenant_id: Option<TenantId>, issuer: String, subject: String, now: DateTime<Utc>) -> Result<Vec<SidBinding>, StoreError>;
        /// Removes the binding of one lineage; an unknown one is fine.
        async fn unbind(tenant_id: TenantId, issuer: String, lineage: SessionId) -> Result<(), StoreError>;
        /// Deletes at most `limit` bindings that expired before `now`, and returns how many.
        async fn cleanup_expired(now: DateTime<Utc>, limit: usize) -> Result<u64, StoreError>;
    }
}
