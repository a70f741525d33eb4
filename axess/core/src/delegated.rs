//! Acting on behalf of a user elsewhere: the credentials they left with us, sealed.
//!
//! Where the sealed bytes live is [`DelegatedCredentialStore`](crate::store::DelegatedCredentialStore).

mod credential;

pub use credential::StoredCredential;

use crate::{
    audit::{Emitter, EventContext},
    authn::AuthnError,
    envelope::Envelope,
    store::{
        DelegatedRow, DynDelegatedCredentialStore, Expected, MAX_DOWNSTREAM_BYTES, Owner, SaveOutcome,
        StoreError, StoreErrorKind, Stored,
    },
};
use axess_events::{
    AuthEvent,
    delegated::{DelegatedConsentGranted, DelegatedConsentRevoked, DelegatedCredentialUsed},
    device::RevokedBy,
};
use std::{fmt, sync::Arc};

/// The credentials users left with the application, sealed before any store sees them.
///
/// Each is bound to its owner and downstream: a row that is moved to another user does not open. A credential under an
/// old key is sealed again when it is loaded. What is granted, refreshed and withdrawn is recorded in the audit trail.
///
/// ```
/// use axess_core::{
///     audit::{Emitter, EventContext},
///     authn::AuthnError,
///     delegated::{DelegatedCredentials, StoredCredential},
///     envelope::Envelope,
///     memory::MemoryDelegatedCredentialStore,
///     session::SessionHandle,
///     store::{Expected, Owner},
/// };
/// use std::sync::Arc;
/// # async fn example(session: &SessionHandle, owner: Owner, emitter: Emitter) -> Result<(), AuthnError> {
/// let store = Arc::new(MemoryDelegatedCredentialStore::new());
/// let envelope = Envelope::new([7u8; 32]).expect("32 bytes");
/// let credentials = DelegatedCredentials::new(store, envelope, emitter);
/// let mail = StoredCredential {
///     downstream: "mail.example".into(),
///     access_token: "at".into(),
///     refresh_token: Some("rt".into()),
///     expires_at: chrono::DateTime::UNIX_EPOCH,
///     scopes: vec!["read".into()],
/// };
/// let outcome = credentials.grant(&EventContext::of_session(session), owner, &mail, Expected::Absent).await?;
/// let loaded = credentials.load(owner, "mail.example").await?.expect("just granted");
/// assert!(loaded.value.access_token.ct_eq("at"));
/// # let _ = outcome;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct DelegatedCredentials {
    store: Arc<dyn DynDelegatedCredentialStore>,
    envelope: Envelope,
    emitter: Emitter,
}

impl DelegatedCredentials {
    /// Keeps credentials in `store`, sealed by `envelope`, on the clock and randomness of `emitter`.
    pub fn new(store: Arc<dyn DynDelegatedCredentialStore>, envelope: Envelope, emitter: Emitter) -> Self {
        Self { store, envelope, emitter }
    }

    /// Reads what a user granted for one downstream; `None` when there is nothing, or it was revoked.
    ///
    /// # Errors
    ///
    /// [`AuthnError::Store`]: of the kind [`StoreErrorKind::Corrupt`] when the stored bytes were not sealed for this owner
    /// and downstream with a known key.
    pub async fn load(
        &self,
        owner: Owner,
        downstream: &str,
    ) -> Result<Option<Stored<StoredCredential>>, AuthnError> {
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
            let resealed = self.save(owner, &credential, Expected::Version(version)).await?;
            let version = version + u64::from(resealed == SaveOutcome::Saved);
            return Ok(Some(Stored { value: credential, version }));
        }
        Ok(Some(Stored { value: credential, version }))
    }

    /// Keeps what a user has just consented to, in one conditional step.
    ///
    /// # Errors
    ///
    /// [`AuthnError::Store`]: of the kind [`StoreErrorKind::Misuse`] when the downstream's name is empty or longer than
    /// [`MAX_DOWNSTREAM_BYTES`]. [`AuthnError::Audit`]: nothing is kept then.
    pub async fn grant(
        &self,
        by: &EventContext,
        owner: Owner,
        credential: &StoredCredential,
        expected: Expected,
    ) -> Result<SaveOutcome, AuthnError> {
        if self.save(owner, credential, expected).await? == SaveOutcome::Conflict {
            return Ok(SaveOutcome::Conflict);
        }
        let event = DelegatedConsentGranted {
            user_id: owner.user_id,
            downstream: credential.downstream.as_str().into(),
            scopes: credential.scopes.iter().map(String::as_str).collect(),
            expires_at: Some(credential.expires_at),
        };
        if let Err(error) = self.emit(by, owner, event.into()).await {
            self.store.revoke_credential(owner, credential.downstream.clone()).await?;
            return Err(error);
        }
        Ok(SaveOutcome::Saved)
    }

    /// Replaces a credential by what the downstream gave for it.
    ///
    /// It is one conditional step: of two racing refreshes one wins.
    ///
    /// # Errors
    ///
    /// As [`DelegatedCredentials::grant`]; but what the downstream gave is kept even when it cannot be recorded, because
    /// the old one works no more.
    pub async fn refresh(
        &self,
        by: &EventContext,
        owner: Owner,
        credential: &StoredCredential,
        version: u64,
    ) -> Result<SaveOutcome, AuthnError> {
        if self.save(owner, credential, Expected::Version(version)).await? == SaveOutcome::Conflict {
            return Ok(SaveOutcome::Conflict);
        }
        let downstream = credential.downstream.as_str().into();
        let event = DelegatedCredentialUsed { user_id: owner.user_id, downstream };
        self.emit(by, owner, event.into()).await?;
        Ok(SaveOutcome::Saved)
    }

    /// Removes what a user granted for one downstream; tells whether there was something.
    ///
    /// # Errors
    ///
    /// [`AuthnError::Store`]; [`AuthnError::Audit`] when it is removed but that could not be recorded.
    pub async fn revoke(
        &self,
        by: &EventContext,
        owner: Owner,
        downstream: &str,
        revoked_by: RevokedBy,
    ) -> Result<bool, AuthnError> {
        if !self.store.revoke_credential(owner, downstream.to_owned()).await? {
            return Ok(false);
        }
        let event =
            DelegatedConsentRevoked { user_id: owner.user_id, downstream: downstream.into(), revoked_by };
        self.emit(by, owner, event.into()).await?;
        Ok(true)
    }

    /// Removes everything a user granted, and returns how much it was.
    ///
    /// # Errors
    ///
    /// As [`DelegatedCredentials::revoke`]. It may be called again.
    pub async fn revoke_all(
        &self,
        by: &EventContext,
        owner: Owner,
        revoked_by: RevokedBy,
    ) -> Result<u64, AuthnError> {
        let mut revoked = 0;
        for downstream in self.store.find_downstreams(owner).await? {
            revoked += u64::from(self.revoke(by, owner, &downstream, revoked_by).await?);
        }
        Ok(revoked + self.store.delete_for_user(owner).await?)
    }

    /// Lists the downstreams a user granted something for.
    ///
    /// # Errors
    ///
    /// [`AuthnError::Store`].
    pub async fn downstreams(&self, owner: Owner) -> Result<Vec<String>, AuthnError> {
        Ok(self.store.find_downstreams(owner).await?)
    }

    async fn save(
        &self,
        owner: Owner,
        credential: &StoredCredential,
        expected: Expected,
    ) -> Result<SaveOutcome, StoreError> {
        let downstream = credential.downstream.as_str();
        if !(1..=MAX_DOWNSTREAM_BYTES).contains(&downstream.len()) {
            return Err(StoreError::new(StoreErrorKind::Misuse, "a downstream's name has 1 to 128 bytes"));
        }
        let sealed = credential
            .to_bytes()
            .and_then(|plain| self.envelope.seal(&place(owner, downstream), &plain, &**self.emitter.rng()))
            .ok_or_else(|| StoreError::bare(StoreErrorKind::Misuse))?;
        let updated_at = self.emitter.now();
        let row = DelegatedRow { downstream: downstream.to_owned(), payload: sealed.into(), updated_at };
        self.store.save_credential(owner, row, expected).await
    }

    async fn emit(&self, by: &EventContext, owner: Owner, event: AuthEvent) -> Result<(), AuthnError> {
        let context = by.clone().in_tenant(owner.tenant_id);
        self.emitter.emit(&context, event).await?;
        Ok(())
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

impl fmt::Debug for DelegatedCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DelegatedCredentials").field("envelope", &self.envelope).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
