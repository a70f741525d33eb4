//! The ring in a file.
//!
//! 1. A folder of ours, closed to everybody else (0700), holds `keys.json` (0600) and `keys.lock`.
//! 2. A reader opens `keys.json`: it is always whole, because it is only ever renamed into place.
//! 3. A writer takes the lock, compares, writes `keys.new`, syncs it, renames it over `keys.json`, syncs the folder.
//!
//! The kernel drops the lock of a process that dies; what it left in `keys.new` is removed by the next writer.

use super::{KeyRingBytes, LocalIdpKeyStore, MAX_RING_BYTES, is_same};
use axess_core::store::{StoreError, StoreErrorKind, StoreFuture};
use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

const RING: &str = "keys.json";
const NEW: &str = "keys.new";
const LOCK: &str = "keys.lock";

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
    folder: PathBuf,
    /// Who we are to the file system; unknown while opening.
    owner: Option<u32>,
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
    /// Waits while another process writes.
    ///
    /// # Errors
    ///
    /// [`FileKeyStoreError`] when the folder cannot be made, is not ours, or is open to others.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, FileKeyStoreError> {
        let folder = folder.as_ref();
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io_error("making", folder))?;
        let folder = folder.canonicalize().map_err(io_error("finding", folder))?;
        let mut store = Self { folder, owner: None };
        let lock = store.lock()?;
        // Whose process this is shows in what it creates.
        let made = store.make_new()?.metadata().map_err(io_error("reading", &store.folder))?;
        store.remove_new()?;
        drop(lock);
        store.owner = Some(made.uid());
        drop(store.lock()?);
        store.read()?;
        Ok(store)
    }

    fn read(&self) -> Result<Option<KeyRingBytes>, FileKeyStoreError> {
        self.check_folder()?;
        let path = self.folder.join(RING);
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(io_error("reading", &path)(source)),
            Ok(meta) => self.check(&path, &meta, meta.is_file())?,
        }
        let file = File::open(&path).map_err(io_error("opening", &path))?;
        // The file that is open is the one that counts.
        let meta = file.metadata().map_err(io_error("reading", &path))?;
        self.check(&path, &meta, meta.is_file())?;
        let most = MAX_RING_BYTES + 1;
        let mut bytes = Zeroizing::new(Vec::with_capacity(most));
        file.take(most as u64).read_to_end(&mut bytes).map_err(io_error("reading", &path))?;
        if bytes.len() >= most {
            return Err(FileKeyStoreError::TooLong { path });
        }
        Ok(Some(KeyRingBytes::from(std::mem::take(&mut *bytes))))
    }

    fn write(&self, seen: Option<&KeyRingBytes>, next: &KeyRingBytes) -> Result<bool, FileKeyStoreError> {
        let lock = self.lock()?;
        if next.expose().len() > MAX_RING_BYTES {
            return Err(FileKeyStoreError::TooLong { path: self.folder.join(RING) });
        }
        if !is_same(self.read()?.as_ref(), seen) {
            return Ok(false);
        }
        let (new, ring) = (self.folder.join(NEW), self.folder.join(RING));
        let mut file = self.make_new()?;
        file.write_all(next.expose()).map_err(io_error("writing", &new))?;
        file.sync_all().map_err(io_error("syncing", &new))?;
        fs::rename(&new, &ring).map_err(io_error("renaming", &new))?;
        let folder = File::open(&self.folder).map_err(io_error("opening", &self.folder))?;
        folder.sync_all().map_err(io_error("syncing", &self.folder))?;
        drop(lock);
        Ok(true)
    }

    /// Waits until no other process writes; ends with the file that is returned.
    fn lock(&self) -> Result<File, FileKeyStoreError> {
        self.check_folder()?;
        let path = self.folder.join(LOCK);
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = file.map_err(io_error("opening", &path))?;
        let meta = file.metadata().map_err(io_error("reading", &path))?;
        self.check(&path, &meta, meta.is_file())?;
        file.lock().map_err(io_error("locking", &path))?;
        Ok(file)
    }

    /// Makes an empty `keys.new`, in place of one that a dead writer left. Takes the lock to be held.
    fn make_new(&self) -> Result<File, FileKeyStoreError> {
        self.remove_new()?;
        let path = self.folder.join(NEW);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600).open(&path).map_err(io_error("making", &path))
    }

    fn remove_new(&self) -> Result<(), FileKeyStoreError> {
        let path = self.folder.join(NEW);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("removing", &path)(error)),
            _ => Ok(()),
        }
    }

    fn check_folder(&self) -> Result<(), FileKeyStoreError> {
        let meta = fs::symlink_metadata(&self.folder).map_err(io_error("reading", &self.folder))?;
        self.check(&self.folder, &meta, meta.is_dir())
    }

    fn check(&self, path: &Path, meta: &Metadata, is_kind: bool) -> Result<(), FileKeyStoreError> {
        let path = path.to_owned();
        let mode = meta.permissions().mode() & 0o777;
        if !is_kind {
            return Err(FileKeyStoreError::Kind { path });
        }
        if self.owner.is_some_and(|owner| owner != meta.uid()) {
            return Err(FileKeyStoreError::Foreign { path, owner: meta.uid() });
        }
        if mode & 0o077 != 0 {
            return Err(FileKeyStoreError::Exposed { path, mode });
        }
        Ok(())
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
    done.map_err(|error| {
        let kind = match &error {
            FileKeyStoreError::Io { .. } => StoreErrorKind::Backend,
            FileKeyStoreError::TooLong { .. } => StoreErrorKind::Corrupt,
            FileKeyStoreError::Exposed { .. }
            | FileKeyStoreError::Foreign { .. }
            | FileKeyStoreError::Kind { .. } => StoreErrorKind::Misuse,
        };
        StoreError::new(kind, error)
    })
}

fn io_error<'a>(verb: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> FileKeyStoreError + 'a {
    move |source| FileKeyStoreError::Io { verb, path: path.to_owned(), source }
}
