//! A folder of ours, closed to everybody else, with a lock and files that are put in place whole.

use super::{KeyRingBytes, MAX_RING_BYTES, file::FileKeyStoreError};
use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};
use zeroize::Zeroizing;

/// The ring, where it is in a file.
pub(super) const RING: &str = "keys.json";
/// Says that the ring is in a keyring, and under which name.
pub(super) const IN_KEYRING: &str = "keys.keyring";
const NEW: &str = "keys.new";
const LOCK: &str = "keys.lock";
/// How often, [`BETWEEN_LOOKS`] apart, the lock is looked at before it is given up: two minutes in all.
const LOOKS: u32 = 24_000;
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

#[derive(Debug, Clone)]
pub(super) struct Folder {
    path: PathBuf,
    /// Who we are to the file system; unknown while opening.
    owner: Option<u32>,
}

impl Folder {
    /// Opens the folder, and makes it first if it is not there. Waits as [`Folder::lock`] does.
    pub(super) fn open(path: &Path) -> Result<Self, FileKeyStoreError> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io_error("making", path))?;
        let path = path.canonicalize().map_err(io_error("finding", path))?;
        let mut folder = Self { path, owner: None };
        let lock = folder.lock()?;
        // Whose process this is shows in what it creates.
        let made = folder.make_new()?.metadata().map_err(io_error("reading", &folder.path))?;
        folder.remove(NEW)?;
        drop(lock);
        folder.owner = Some(made.uid());
        drop(folder.lock()?);
        Ok(folder)
    }

    #[cfg(feature = "keyring")]
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Reads a file as long as a ring may be; `None` when there is none.
    pub(super) fn read(&self, name: &str) -> Result<Option<KeyRingBytes>, FileKeyStoreError> {
        self.check_folder()?;
        let path = self.path.join(name);
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

    /// Puts a file in place, whole and for good. Takes the lock to be held.
    pub(super) fn put(&self, name: &str, bytes: &[u8]) -> Result<(), FileKeyStoreError> {
        let (new, path) = (self.path.join(NEW), self.path.join(name));
        let mut file = self.make_new()?;
        file.write_all(bytes).map_err(io_error("writing", &new))?;
        file.sync_all().map_err(io_error("syncing", &new))?;
        fs::rename(&new, &path).map_err(io_error("renaming", &new))?;
        self.sync()
    }

    /// Removes a file, if it is there. Takes the lock to be held.
    pub(super) fn remove(&self, name: &str) -> Result<(), FileKeyStoreError> {
        let path = self.path.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("removing", &path)(error)),
            _ => Ok(()),
        }
    }

    /// Makes what was put and removed outlive a power cut.
    pub(super) fn sync(&self) -> Result<(), FileKeyStoreError> {
        let folder = File::open(&self.path).map_err(io_error("opening", &self.path))?;
        folder.sync_all().map_err(io_error("syncing", &self.path))
    }

    /// Waits until no other process writes, at most two minutes; ends with the file that is returned.
    pub(super) fn lock(&self) -> Result<File, FileKeyStoreError> {
        self.check_folder()?;
        let path = self.path.join(LOCK);
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = file.map_err(io_error("opening", &path))?;
        let meta = file.metadata().map_err(io_error("reading", &path))?;
        self.check(&path, &meta, meta.is_file())?;
        for _ in 0..LOOKS {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => thread::sleep(BETWEEN_LOOKS),
                Err(TryLockError::Error(source)) => return Err(io_error("locking", &path)(source)),
            }
        }
        // Whoever has it waits for a keyring that does not answer, or was stopped.
        Err(io_error("locking", &path)(io::ErrorKind::TimedOut.into()))
    }

    /// Makes an empty `keys.new`, in place of one that a dead writer left. Takes the lock to be held.
    fn make_new(&self) -> Result<File, FileKeyStoreError> {
        self.remove(NEW)?;
        let path = self.path.join(NEW);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600).open(&path).map_err(io_error("making", &path))
    }

    fn check_folder(&self) -> Result<(), FileKeyStoreError> {
        let meta = fs::symlink_metadata(&self.path).map_err(io_error("reading", &self.path))?;
        self.check(&self.path, &meta, meta.is_dir())
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

fn io_error<'a>(verb: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> FileKeyStoreError + 'a {
    move |source| FileKeyStoreError::Io { verb, path: path.to_owned(), source }
}
