//! The ring in the operating system's keyring.
//!
//! A keyring has no compare-and-replace, so a folder is needed beside it: its lock lets one writer at a time compare and
//! write, and `keys.keyring` in it says that there is a ring, and under which name. An entry without that file counts for
//! nothing: its writer died before it told anybody.

use super::{
    KeyRingBytes, LocalIdpKeyStore, MAX_RING_BYTES,
    file::FileKeyStoreError,
    folder::{Folder, IN_KEYRING, RING},
    is_same,
};
use axess_core::store::{StoreError, StoreErrorKind, StoreFuture};
use axess_keyring::{Keyring, KeyringError};
use std::path::{Path, PathBuf};

const SERVICE: &str = "axess-local-idp";

/// Keeps the ring as one entry of the operating system's keyring.
///
/// Processes of one user can share the keyring and the folder, which belongs on a local file system. The entry is one of
/// the service `axess-local-idp`, named after the folder. It is replaced as a whole: the keyring has to take 64 KiB for the
/// largest ring (16 keys of 4096 bits); Secret Services do, and one that does not refuses. When the folder says that there
/// is a ring and the keyring has none, nothing is made anew. Calls run on tokio's blocking pool.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// # let folder = std::env::temp_dir().join(format!("axess-doc-keyring-{}", std::process::id()));
/// use axess_keyring::Keyring;
/// use axess_local_idp::{KeyRingBytes, KeyringLocalIdpKeyStore, LocalIdpKeyStore};
/// // On a desktop: Keyring::secret_service().
/// let keyring = Keyring::new(keyring_core::mock::Store::new()?);
/// let store = KeyringLocalIdpKeyStore::open(&folder, keyring)?;
/// assert!(store.replace(None, &KeyRingBytes::from(vec![1])).await?);
/// assert!(store.load().await?.is_some());
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct KeyringLocalIdpKeyStore {
    folder: Folder,
    keyring: Keyring,
    has_moved: bool,
}

/// Says why keys cannot be kept in a keyring.
///
/// ```
/// use axess_local_idp::KeyringKeyStoreError;
/// let error = KeyringKeyStoreError::Gone { name: "/srv/issuer".into() };
/// assert!(error.to_string().starts_with("the keyring has no entry `/srv/issuer` of `axess-local-idp`"));
/// ```
#[derive(Debug, thiserror::Error)]
pub enum KeyringKeyStoreError {
    /// The folder beside the keyring cannot be used.
    #[error(transparent)]
    Folder(#[from] FileKeyStoreError),
    /// The keyring cannot be used.
    #[error("the keys are in the operating system's keyring, which cannot be used")]
    Keyring(#[from] KeyringError),
    /// The ring is gone: another keyring may be open than the one it is in.
    #[error(
        "the keyring has no entry `{name}` of `{SERVICE}`, in which the keys are; open the keyring that has it, or restore it"
    )]
    Gone {
        /// The name of the entry.
        name: String,
    },
    /// The file and the keyring hold different rings.
    #[error("{file} holds another ring than the keyring, where the keys are; remove the file once you know that it is not needed", file = file.display())]
    Both {
        /// The file with the other ring.
        file: PathBuf,
    },
    /// The name of the entry is no text.
    #[error("{path} does not name an entry", path = path.display())]
    Name {
        /// What should name it.
        path: PathBuf,
    },
    /// The ring has more than 64 KiB.
    #[error("the ring is too long for a key ring")]
    TooLong,
}

impl KeyringLocalIdpKeyStore {
    /// Opens a keyring, with a folder that is made first if it is not there.
    ///
    /// A ring that is in a file of that folder is moved into the keyring: written there, read again, and only then removed
    /// from the folder. The keyring is not asked for anything else. Blocks, and waits while another process writes,
    /// two minutes at most.
    ///
    /// # Errors
    ///
    /// [`KeyringKeyStoreError`] when the folder cannot be made, is not ours or is open to others, or a ring cannot be moved:
    /// then it is where it was.
    pub fn open(folder: impl AsRef<Path>, keyring: Keyring) -> Result<Self, KeyringKeyStoreError> {
        let folder = Folder::open(folder.as_ref())?;
        let mut store = Self { folder, keyring, has_moved: false };
        store.has_moved = store.move_in()?;
        Ok(store)
    }

    /// Tells whether opening it moved the ring from a file into the keyring.
    #[must_use]
    pub fn has_moved(&self) -> bool {
        self.has_moved
    }

    fn move_in(&self) -> Result<bool, KeyringKeyStoreError> {
        let mut lock = self.folder.lock()?;
        let Some(ring) = self.folder.read(RING)? else { return Ok(false) };
        match self.name()? {
            // Whoever moved it died before the file was gone.
            Some(name) if is_same(self.stored(&name)?.as_ref(), Some(&ring)) => {}
            Some(_) => return Err(KeyringKeyStoreError::Both { file: self.folder.file(RING) }),
            None => {
                let name = self.new_name()?;
                lock = self.keyring.write(SERVICE, name, ring.expose(), lock)?;
                self.folder.put(IN_KEYRING, name.as_bytes())?;
            }
        }
        self.folder.remove(RING)?;
        self.folder.sync()?;
        drop(lock);
        Ok(true)
    }

    fn read(&self) -> Result<Option<KeyRingBytes>, KeyringKeyStoreError> {
        let Some(name) = self.name()? else { return Ok(None) };
        match self.stored(&name)? {
            Some(ring) => Ok(Some(ring)),
            None => Err(KeyringKeyStoreError::Gone { name }),
        }
    }

    fn write(&self, seen: Option<&KeyRingBytes>, next: &KeyRingBytes) -> Result<bool, KeyringKeyStoreError> {
        if next.expose().len() > MAX_RING_BYTES {
            return Err(KeyringKeyStoreError::TooLong);
        }
        let lock = self.folder.lock()?;
        if !is_same(self.read()?.as_ref(), seen) {
            return Ok(false);
        }
        match self.name()? {
            Some(name) => drop(self.keyring.write(SERVICE, &name, next.expose(), lock)?),
            None => {
                let name = self.new_name()?;
                let lock = self.keyring.write(SERVICE, name, next.expose(), lock)?;
                self.folder.put(IN_KEYRING, name.as_bytes())?;
                drop(lock);
            }
        }
        Ok(true)
    }

    /// Returns the name of the entry, if there is one.
    fn name(&self) -> Result<Option<String>, KeyringKeyStoreError> {
        let Some(name) = self.folder.read(IN_KEYRING)? else { return Ok(None) };
        let name = std::str::from_utf8(name.expose()).ok().filter(|name| !name.is_empty());
        match name {
            Some(name) => Ok(Some(name.to_owned())),
            None => Err(KeyringKeyStoreError::Name { path: self.folder.file(IN_KEYRING) }),
        }
    }

    /// Returns the name of an entry that is made now. It stays when the folder is moved.
    fn new_name(&self) -> Result<&str, KeyringKeyStoreError> {
        let path = self.folder.path();
        path.to_str().ok_or_else(|| KeyringKeyStoreError::Name { path: path.to_owned() })
    }

    fn stored(&self, name: &str) -> Result<Option<KeyRingBytes>, KeyringKeyStoreError> {
        let Some(mut ring) = self.keyring.read(SERVICE, name)? else { return Ok(None) };
        if ring.len() > MAX_RING_BYTES {
            return Err(KeyringKeyStoreError::TooLong);
        }
        Ok(Some(KeyRingBytes::from(std::mem::take(&mut *ring))))
    }
}

impl LocalIdpKeyStore for KeyringLocalIdpKeyStore {
    fn load(&self) -> StoreFuture<'_, Option<KeyRingBytes>> {
        let store = self.clone();
        Box::pin(blocking(move || store.read()))
    }

    fn replace<'a>(
        &'a self,
        seen: Option<&'a KeyRingBytes>,
        next: &'a KeyRingBytes,
    ) -> StoreFuture<'a, bool> {
        let (store, seen, next) = (self.clone(), seen.cloned(), next.clone());
        Box::pin(blocking(move || store.write(seen.as_ref(), &next)))
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, KeyringKeyStoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|error| StoreError::new(StoreErrorKind::Backend, error))?;
    done.map_err(|error| {
        let kind = match &error {
            KeyringKeyStoreError::Folder(error) => error.kind(),
            KeyringKeyStoreError::Keyring(KeyringError::Slow(_)) => StoreErrorKind::Timeout,
            KeyringKeyStoreError::Keyring(KeyringError::Unavailable(_) | KeyringError::Locked(_)) => {
                StoreErrorKind::Unavailable
            }
            KeyringKeyStoreError::Keyring(_) | KeyringKeyStoreError::Gone { .. } => StoreErrorKind::Backend,
            KeyringKeyStoreError::TooLong => StoreErrorKind::Corrupt,
            KeyringKeyStoreError::Both { .. } | KeyringKeyStoreError::Name { .. } => StoreErrorKind::Misuse,
        };
        StoreError::new(kind, error)
    })
}
