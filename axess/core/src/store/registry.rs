use super::{Owner, StoreError, twin::storage_trait};
use axess_identity::{SessionId, TenantId};
use chrono::{DateTime, Utc};

/// One live, authenticated session as the registry knows it.
///
/// ```
/// use axess_core::store::{SessionEntry, Owner};
/// use axess_identity::{SessionId, TenantId, UserId};
/// let entry = SessionEntry {
///     id: SessionId::from_bytes([1; 16]),
///     owner: Owner { tenant_id: TenantId::from_parts(0, [0; 10]), user_id: UserId::from_parts(0, [1; 10]) },
///     created_at: chrono::DateTime::UNIX_EPOCH,
///     expires_at: chrono::DateTime::UNIX_EPOCH,
/// };
/// assert_eq!(entry.id, SessionId::from_bytes([1; 16]));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionEntry {
    /// The session.
    pub id: SessionId,
    /// Whose it is.
    pub owner: Owner,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: DateTime<Utc>,
}

storage_trait! {
    /// Tracks which authenticated sessions are still valid, apart from where their data lives.
    ///
    /// It is optional: every session store can already end the sessions of a user. A registry pays when session
    /// data is spread over several stores, or when validity must be checked where the data is not.
    /// With a registry configured, an authenticated session that is not in it is refused (fail closed).
    ///
    /// ```
    /// use axess_core::{memory::MemorySessionRegistry, store::{Owner, SessionRegistry, StoreError}};
    /// use axess_identity::SessionId;
    /// # async fn example(owner: Owner) -> Result<(), StoreError> {
    /// let registry = MemorySessionRegistry::new();
    /// assert!(!registry.is_valid(owner, SessionId::from_bytes([0; 16]), chrono::DateTime::UNIX_EPOCH).await?);
    /// # Ok(()) }
    /// ```
    pub trait SessionRegistry / DynSessionRegistry for [DynSessionRegistry] {
        /// Adds a session; with `replaces`, atomically takes the place of that session of the same owner.
        async fn register(entry: SessionEntry, replaces: Option<SessionId>) -> Result<(), StoreError>;
        /// Removes a session; an unknown one is fine.
        async fn deregister(owner: Owner, id: SessionId) -> Result<(), StoreError>;
        /// Tells whether the session is registered for this owner and has not expired at `now`.
        async fn is_valid(owner: Owner, id: SessionId, now: DateTime<Utc>) -> Result<bool, StoreError>;
        /// Lists the valid sessions of one user, newest first, at most `limit`.
        async fn find_for_user(owner: Owner, now: DateTime<Utc>, limit: usize) -> Result<Vec<SessionEntry>, StoreError>;
        /// Invalidates every session of one user except `keep`, and returns how many.
        async fn invalidate_user(owner: Owner, keep: Option<SessionId>) -> Result<u64, StoreError>;
        /// Invalidates every session of one tenant, and returns how many.
        async fn invalidate_tenant(tenant_id: TenantId) -> Result<u64, StoreError>;
        /// Deletes at most `limit` entries that expired before `now`, and returns how many.
        async fn cleanup_expired(now: DateTime<Utc>, limit: usize) -> Result<u64, StoreError>;
    }
}
