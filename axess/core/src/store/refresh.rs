use super::{Owner, SaveOutcome, StoreError, twin::storage_trait};
use crate::refresh::{RefreshToken, Successor, TokenHash};
use axess_identity::{DeviceId, RefreshTokenId, TenantId, TokenFamilyId};
use bytes::Bytes;
use chrono::{DateTime, Utc};

/// Whether a rotation happened.
///
/// ```
/// use axess_core::store::RotateOutcome;
/// assert_ne!(RotateOutcome::Rotated, RotateOutcome::NotActive);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum RotateOutcome {
    /// The current token is rotated and its successor exists.
    Rotated,
    /// The current token was not active (any more); nothing was written.
    NotActive,
}

/// What an issue did.
///
/// ```
/// use axess_core::store::IssueOutcome;
/// assert_ne!(IssueOutcome::Conflict, IssueOutcome::Issued { evicted: vec![] });
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum IssueOutcome {
    /// The token exists.
    Issued {
        /// The tokens that were revoked to keep to the cap, oldest first.
        evicted: Vec<RefreshTokenId>,
    },
    /// A token with this id exists already; nothing was written.
    Conflict,
}

/// What a revocation hit.
///
/// ```
/// use axess_core::store::RevokedTokens;
/// assert_eq!(RevokedTokens::default().tokens, 0);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RevokedTokens {
    /// How many active tokens were revoked.
    pub tokens: u64,
    /// The devices that any token of the revoked set is bound to (also tokens that were inactive already), in id order.
    pub devices: Vec<DeviceId>,
}

storage_trait! {
    /// Keeps refresh tokens.
    ///
    /// The verbs on the tokens of one owner are atomic against each other: of two racing rotations of one token one
    /// happens; a token that a revocation hit has no successor that survives it; the cap is never exceeded.
    ///
    /// ```
    /// use axess_core::{memory::MemoryRefreshTokenStore, store::{Owner, RefreshTokenStore, StoreError}};
    /// use axess_identity::RefreshTokenId;
    /// # async fn example(owner: Owner, id: RefreshTokenId) -> Result<(), StoreError> {
    /// assert!(MemoryRefreshTokenStore::new().load_token(owner, id).await?.is_none());
    /// # Ok(()) }
    /// ```
    pub trait RefreshTokenStore / DynRefreshTokenStore for [DynRefreshTokenStore] {
        /// Reads one token, active or not; an expired one may be gone.
        async fn load_token(owner: Owner, id: RefreshTokenId) -> Result<Option<RefreshToken>, StoreError>;
        /// Inserts a token and revokes the owner's oldest active ones so that at most `max_per_user` are active after it,
        /// in one atomic step. `max_per_user` is at least 1; `token.issued_at` is the time of the step.
        async fn issue_with_eviction(token: RefreshToken, max_per_user: usize) -> Result<IssueOutcome, StoreError>;
        /// Marks `current` as rotated at `successor.issued_at` and inserts its successor in the same family, in one atomic
        /// step and only if `current` is active then. `sealed` is kept with `current` for [`take_successor`](RefreshTokenStore::take_successor).
        async fn rotate_token(current: RefreshTokenId, successor: RefreshToken, sealed: Bytes) -> Result<RotateOutcome, StoreError>;
        /// Hands out what a rotated token was exchanged for, at most once, and only if the successor is still active at `now`.
        async fn take_successor(owner: Owner, id: RefreshTokenId, now: DateTime<Utc>) -> Result<Option<Successor>, StoreError>;
        /// Replaces hash and expiry of a token, only if it is active at `now`: how a token is used without rotation.
        async fn extend_token(owner: Owner, id: RefreshTokenId, hash: TokenHash, expires_at: DateTime<Utc>, now: DateTime<Utc>) -> Result<SaveOutcome, StoreError>;
        /// Revokes one token.
        async fn revoke_token(owner: Owner, id: RefreshTokenId, now: DateTime<Utc>) -> Result<RevokedTokens, StoreError>;
        /// Revokes every token of one family, in one atomic step.
        async fn revoke_family(owner: Owner, family_id: TokenFamilyId, now: DateTime<Utc>) -> Result<RevokedTokens, StoreError>;
        /// Revokes every token bound to one device, in one atomic step.
        async fn revoke_for_device(owner: Owner, device_id: DeviceId, now: DateTime<Utc>) -> Result<RevokedTokens, StoreError>;
        /// Revokes every token of one user, in one atomic step.
        async fn revoke_for_user(owner: Owner, now: DateTime<Utc>) -> Result<RevokedTokens, StoreError>;
        /// Revokes every token of one tenant, user by user, and returns how many.
        ///
        /// It may be called again after a failure.
        async fn revoke_for_tenant(tenant_id: TenantId, now: DateTime<Utc>) -> Result<u64, StoreError>;
        /// Lists the active tokens of one user, newest first, at most `limit`.
        async fn find_tokens_for_user(owner: Owner, now: DateTime<Utc>, limit: usize) -> Result<Vec<RefreshToken>, StoreError>;
        /// Deletes everything kept about the tokens of one user.
        async fn delete_for_user(owner: Owner) -> Result<u64, StoreError>;
        /// Deletes at most `limit` tokens that expired before `now`, and returns how many.
        async fn cleanup_expired(now: DateTime<Utc>, limit: usize) -> Result<u64, StoreError>;
    }
}
