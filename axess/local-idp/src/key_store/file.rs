//! The ring in a file.
//!
//! 1. A folder of ours, closed to everybody else (0700), holds `keys.json` (0600) and `keys.lock`.
//! 2. A reader opens `keys.json`: it is always whole, because it is only ever renamed into place.
//! 3. A writer takes the lock, compares, writes `keys.new`, syncs it, renames it over `keys.json`, syncs the folder.
//!
//! The kernel drops the lock of a process that dies; what it left in `keys.new` is removed by the next writer.

use super::{
    KeyRingBytes, LocalIdpKeyStore, MAX_RING_BYTES,
    folder::{Folder, IN_KEYRING, RING},
    is_same,
};
use axess_core::store::{StoreError, StoreErrorKind, StoreFuture};
use std::{
    io,
    path::{Path, PathBuf},
};

/// Keeps the ring in a file that only its owner can read.
///
/// Processes on one machine can share the folder; they agree through a lock, so it belongs on a local file system. Calls
/// run on tokio's blocking pool. The folder and the files are checked at each call: if somebody else could read them,
/// nothing is read or written.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// # let folder = std::env::temp_dir().join(format!("axess-doc-keys-{}", std::process::id()));
/// use axess_local_idp::{FileLocalIdpKeyStore, KeyRingBytes, LocalIdpKeyStore};
/// let store = FileLocalIdpKeyStore::open(&folder)?;
/// assert!(store.replace(None, &KeyRingBytes::from(vec![1])).await?);
/// assert!(FileLocalIdpKeyStore::open(&folder)?.load().await?.is_some());
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct FileLocalIdpKeyStore {
    folder: Folder,
}

/// Says why keys cannot be kept in a folder.
///
/// ```
/// use axess_local_idp::{FileKeyStoreError, FileLocalIdpKeyStore};
/// let error = FileLocalIdpKeyStore::open("/dev/null").unwrap_err();
/// assert!(matches!(error, FileKeyStoreError::Io { .. }));
/// ```
#[derive(Debug, thiserror::Error)]
pub enum FileKeyStoreError {
    /// Somebody else could read or write it.
    #[error("{path} has mode {mode:03o}, so others may reach the keys: chmod go= {path}", path = path.display())]
    Exposed {
        /// What is exposed.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It belongs to another user.
    #[error("{path} belongs to user {owner}, not to the one of this process", path = path.display())]
    Foreign {
        /// What is another's.
        path: PathBuf,
        /// The other's id.
        owner: u32,
    },
    /// It is no regular file, or no folder.
    #[error("{path} is no regular file or folder", path = path.display())]
    Kind {
        /// What is something else.
        path: PathBuf,
    },
    /// The ring has more than 64 KiB.
    #[error("{path} is too long for a key ring", path = path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// The ring of the folder is in a keyring: one in a file would be another.
    #[error("{path} says that the keys are in the operating system's keyring; use that one", path = path.display())]
    InKeyring {
        /// The file that says so.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("{verb} {path} failed", path = path.display())]
    Io {
        /// What was done.
        verb: &'static str,
        /// To what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl FileLocalIdpKeyStore {
    /// Opens a folder, and makes it first if it is not there.
    ///
    /// Waits while another process writes, two minutes at most.
    ///
    /// # Errors
    ///
    /// [`FileKeyStoreError`] when the folder cannot be made, is not ours, is open to others, or its ring is in a keyring.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, FileKeyStoreError> {
        let store = Self { folder: Folder::open(folder.as_ref())? };
        store.read()?;
        Ok(store)
    }

    fn read(&self) -> Result<Option<KeyRingBytes>, FileKeyStoreError> {
        // Without this look, a ring that was moved would be taken for none, and a new one made.
        if self.folder.read(IN_KEYRING)?.is_some() {
            return Err(FileKeyStoreError::InKeyring { path: self.folder.file(IN_KEYRING) });
        }
        self.folder.read(RING)
    }

    fn write(&self, seen: Option<&KeyRingBytes>, next: &KeyRingBytes) -> Result<bool, FileKeyStoreError> {
        let lock = self.folder.lock()?;
        if next.expose().len() > MAX_RING_BYTES {
            return Err(FileKeyStoreError::TooLong { path: self.folder.file(RING) });
        }
        if !is_same(self.read()?.as_ref(), seen) {
            return Ok(false);
        }
        self.folder.put(RING, next.expose())?;
        drop(lock);
        Ok(true)
    }
}

impl LocalIdpKeyStore for FileLocalIdpKeyStore {
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
    work: impl FnOnce() -> Result<T, FileKeyStoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|error| StoreError::new(StoreErrorKind::Backend, error))?;
    done.map_err(|error| StoreError::new(error.kind(), error))
}

impl FileKeyStoreError {
    pub(super) fn kind(&self) -> StoreErrorKind {
        match self {
            Self::Io { .. } => StoreErrorKind::Backend,
            Self::TooLong { .. } => StoreErrorKind::Corrupt,
            Self::Exposed { .. } | Self::Foreign { .. } | Self::Kind { .. } | Self::InKeyring { .. } => {
                StoreErrorKind::Misuse
            }
        }
    }
}
