//! Where the ring of keys is kept.

#[cfg(unix)]
mod file;
#[cfg(unix)]
mod folder;
#[cfg(all(unix, feature = "keyring"))]
mod keyring;

#[cfg(unix)]
pub use file::{FileKeyStoreError, FileLocalIdpKeyStore};
#[cfg(all(unix, feature = "keyring"))]
pub use keyring::{KeyringKeyStoreError, KeyringLocalIdpKeyStore};

use axess_core::store::StoreFuture;
use axess_macros::secret_bytes;
use std::sync::{Arc, Mutex, PoisonError};

/// The most bytes of a stored ring: 16 of the largest keys.
pub(crate) const MAX_RING_BYTES: usize = 65_536;

secret_bytes! {
    /// A ring of private keys as a store keeps it: opaque, at most 64 KiB.
    ///
    /// ```
    /// use axess_local_idp::KeyRingBytes;
    /// assert_eq!(format!("{:?}", KeyRingBytes::from(vec![1])), "KeyRingBytes([redacted])");
    /// ```
    pub struct KeyRingBytes;
}

/// Keeps the ring of keys: one secret value, replaced as a whole.
///
/// Two verbs are enough for files, keyrings of operating systems, vaults and databases alike; what is in the value, and
/// when it changes, is decided by the issuer. Implementations must keep others from reading it.
///
/// ```
/// use axess_local_idp::{KeyRingBytes, LocalIdpKeyStore, MemoryLocalIdpKeyStore};
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let store: Box<dyn LocalIdpKeyStore> = Box::new(MemoryLocalIdpKeyStore::new());
/// let (first, late) = (KeyRingBytes::from(vec![1]), KeyRingBytes::from(vec![2]));
/// assert!(store.replace(None, &first).await.unwrap());
/// assert!(!store.replace(None, &late).await.unwrap(), "somebody was faster");
/// assert!(store.load().await.unwrap().unwrap().ct_eq(&[1]));
/// # });
/// ```
pub trait LocalIdpKeyStore: Send + Sync + 'static {
    /// Reads the ring; `None` when there has never been one.
    fn load(&self) -> StoreFuture<'_, Option<KeyRingBytes>>;
    /// Writes `next` if what is stored is still `seen`, in one atomic and durable step, and tells whether it did.
    fn replace<'a>(&'a self, seen: Option<&'a KeyRingBytes>, next: &'a KeyRingBytes)
    -> StoreFuture<'a, bool>;
}

/// Keeps the ring in memory: for tests, and for tokens that need not outlive the process.
///
/// Clones share it. After a restart nothing verifies that was issued before.
///
/// ```
/// use axess_local_idp::MemoryLocalIdpKeyStore;
/// let store = MemoryLocalIdpKeyStore::new();
/// # let _ = store;
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryLocalIdpKeyStore {
    ring: Arc<Mutex<Option<KeyRingBytes>>>,
}

impl MemoryLocalIdpKeyStore {
    /// Creates an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    #[cfg(feature = "testing")]
    pub(crate) fn holding(ring: KeyRingBytes) -> Self {
        Self { ring: Arc::new(Mutex::new(Some(ring))) }
    }
}

impl LocalIdpKeyStore for MemoryLocalIdpKeyStore {
    fn load(&self) -> StoreFuture<'_, Option<KeyRingBytes>> {
        Box::pin(async { Ok(self.ring.lock().unwrap_or_else(PoisonError::into_inner).clone()) })
    }

    fn replace<'a>(
        &'a self,
        seen: Option<&'a KeyRingBytes>,
        next: &'a KeyRingBytes,
    ) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
            let unchanged = is_same(ring.as_ref(), seen);
            if unchanged {
                *ring = Some(next.clone());
            }
            Ok(unchanged)
        })
    }
}

impl<S: LocalIdpKeyStore + ?Sized> LocalIdpKeyStore for Arc<S> {
    fn load(&self) -> StoreFuture<'_, Option<KeyRingBytes>> {
        (**self).load()
    }

    fn replace<'a>(
        &'a self,
        seen: Option<&'a KeyRingBytes>,
        next: &'a KeyRingBytes,
    ) -> StoreFuture<'a, bool> {
        (**self).replace(seen, next)
    }
}

fn is_same(stored: Option<&KeyRingBytes>, seen: Option<&KeyRingBytes>) -> bool {
    match (stored, seen) {
        (None, None) => true,
        (Some(stored), Some(seen)) => stored.ct_eq(seen.expose()),
        (None, Some(_)) | (Some(_), None) => false,
    }
}
