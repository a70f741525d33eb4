//! Acting on behalf of a user elsewhere: the credentials they left with us, sealed.
//!
//! Where the sealed bytes live is [`DelegatedCredentialStore`].

mod credential;

pub use credential::StoredCredential;

use crate::{
    envelope::Envelope,
    store::{
        DelegatedCredentialStore, DelegatedRow, Expected, MAX_DOWNSTREAM_BYTES, Owner, SaveOutcome,
        StoreError, StoreErrorKind, Stored,
    },
};
use axess_rng::SecureRng;
use chrono::{DateTime, Utc};
use std::{fmt, sync::Arc};

/// The credentials users left with the application, sealed before any store sees them.
///
/// Each is bound to its owner and downstream: a row that is moved to another user does not open. A credential under an
/// old key is sealed again when it is loaded.
///
/// ```
/// use axess_core::{
///     delegated::{DelegatedCredentials, StoredCredential},
///     envelope::Envelope,
///     memory::MemoryDelegatedCredentialStore,
///     store::{Expected, Owner, StoreError},
/// };
/// use axess_rng::SystemRng;
/// use std::sync::Arc;
/// # async fn example(owner: Owner, now: chrono::DateTime<chrono::Utc>) -> Result<(), StoreError> {
/// let envelope = Envelope::new([7u8; 32]).expect("32 bytes");
/// let credentials = DelegatedCredentials::new(MemoryDelegatedCredentialStore::new(), envelope, Arc::new(SystemRng));
/// let mail = StoredCredential {
///     downstream: "mail.example".into(),
///     access_token: "at".into(),
///     refresh_token: Some("rt".into()),
///     expires_at: now,
///     scopes: vec!["read".into()],
/// };
/// let outcome = credentials.save(owner, &mail, Expected::Absent, now).await?;
/// let loaded = credentials.load(owner, "mail.example", now).await?.expect("just saved");
/// assert!(loaded.value.access_token.ct_eq("at"));
/// # let _ = outcome;
/// # Ok(()) }
/// ```
pub struct DelegatedCredentials<S> {
    store: S,
    envelope: Envelope,
    rng: Arc<dyn SecureRng>,
}

impl<S: DelegatedCredentialStore> DelegatedCredentials<S> {
    /// Keeps credentials in `store`, sealed by `envelope`.
    pub fn new(store: S, envelope: Envelope, rng: Arc<dyn SecureRng>) -> Self {
        Self { store, envelope, rng }
    }

    /// Reads what a user granted for one downstream; `None` when there is nothing, or it was revoked.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Corrupt`] when the stored bytes were not sealed for this owner and downstream with a known key;
    /// else the store's.
    pub async fn load(
        &self,
        owner: Owner,
        downstream: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Stored<StoredCredential>>, StoreError> {
        let Some(Stored { value: row, version }) =
            self.store.load_credential(owner, downstream.to_owned()).await?
        else {
            return Ok(None);
        };
        let corrupt = || StoreError::bare(StoreErrorKind::Corrupt);
        let opened = self.envelope.open(&place(owner, downstream), &row.payload).ok_or_else(corrupt)?;
        let credential = StoredCredential::from_bytes(&opened.plain).ok_or_else(corrupt)?;
        if opened.stale {
            // Somebody else's newer write is just as good.
            let resealed = self.save(owner, &credential, Expected::Version(version), now).await?;
            let version = version + u64::from(resealed == SaveOutcome::Saved);
            return Ok(Some(Stored { value: credential, version }));
        }
        Ok(Some(Stored { value: credential, version }))
    }

    /// Writes a credential in one conditional step: of two racing token refreshes one wins.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Misuse`] when the downstream's name is empty or longer than [`MAX_DOWNSTREAM_BYTES`]; else the
    /// store's.
    pub async fn save(
        &self,
        owner: Owner,
        credential: &StoredCredential,
        expected: Expected,
        now: DateTime<Utc>,
    ) -> Result<SaveOutcome, StoreError> {
        let downstream = credential.downstream.as_str();
        if !(1..=MAX_DOWNSTREAM_BYTES).contains(&downstream.len()) {
            return Err(StoreError::new(StoreErrorKind::Misuse, "a downstream's name has 1 to 128 bytes"));
        }
        let sealed = credential
            .to_bytes()
            .and_then(|plain| self.envelope.seal(&place(owner, downstream), &plain, &*self.rng))
            .ok_or_else(|| StoreError::bare(StoreErrorKind::Misuse))?;
        let row = DelegatedRow { downstream: downstream.to_owned(), payload: sealed.into(), updated_at: now };
        self.store.save_credential(owner, row, expected).await
    }

    /// Removes what a user granted for one downstream; tells whether there was something.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn revoke(&self, owner: Owner, downstream: &str) -> Result<bool, StoreError> {
        self.store.revoke_credential(owner, downstream.to_owned()).await
    }

    /// Lists the downstreams a user granted something for.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn downstreams(&self, owner: Owner) -> Result<Vec<String>, StoreError> {
        self.store.find_downstreams(owner).await
    }
}

/// Says where a credential is stored: what its seal is bound to.
fn place(owner: Owner, downstream: &str) -> Vec<u8> {
    let mut place = b"axess delegated credential\0".to_vec();
    place.extend_from_slice(owner.tenant_id.as_uuid().as_bytes());
    place.extend_from_slice(owner.user_id.as_uuid().as_bytes());
    place.extend_from_slice(downstream.as_bytes());
    place
}

impl<S> fmt::Debug for DelegatedCredentials<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DelegatedCredentials").field("envelope", &self.envelope).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
