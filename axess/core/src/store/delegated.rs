use super::{Expected, Owner, SaveOutcome, StoreError, Stored, twin::storage_trait};
use bytes::Bytes;
use chrono::{DateTime, Utc};

/// The most bytes of a downstream's name.
pub const MAX_DOWNSTREAM_BYTES: usize = 128;

/// What a user has allowed the application to do somewhere else, as a store sees it.
///
/// The payload is opaque: it is sealed before it gets here, bound to its owner and downstream.
///
/// ```
/// use axess_core::store::DelegatedRow;
/// let row = DelegatedRow { downstream: "github".into(), payload: vec![1, 2, 3].into(), updated_at: chrono::DateTime::UNIX_EPOCH };
/// assert_eq!(row.downstream, "github");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelegatedRow {
    /// The other service; at most [`MAX_DOWNSTREAM_BYTES`].
    pub downstream: String,
    /// The sealed credential.
    pub payload: Bytes,
    /// When it was last written.
    pub updated_at: DateTime<Utc>,
}

storage_trait! {
    /// Keeps credentials for acting on behalf of users elsewhere.
    ///
    /// ```
    /// use axess_core::{memory::MemoryDelegatedCredentialStore, store::{DelegatedCredentialStore, Owner, StoreError}};
    /// # async fn example(owner: Owner) -> Result<(), StoreError> {
    /// assert!(MemoryDelegatedCredentialStore::new().load_credential(owner, "github".into()).await?.is_none());
    /// # Ok(()) }
    /// ```
    pub trait DelegatedCredentialStore / DynDelegatedCredentialStore for [DynDelegatedCredentialStore] {
        /// Reads one credential.
        async fn load_credential(owner: Owner, downstream: String) -> Result<Option<Stored<DelegatedRow>>, StoreError>;
        /// Writes one credential in one conditional step: of two racing token refreshes one wins.
        async fn save_credential(owner: Owner, row: DelegatedRow, expected: Expected) -> Result<SaveOutcome, StoreError>;
        /// Removes one credential; tells whether there was one.
        async fn revoke_credential(owner: Owner, downstream: String) -> Result<bool, StoreError>;
        /// Lists the downstreams of one user in name order.
        async fn find_downstreams(owner: Owner) -> Result<Vec<String>, StoreError>;
        /// Removes every credential of one user, and returns how many.
        async fn delete_for_user(owner: Owner) -> Result<u64, StoreError>;
    }
}
