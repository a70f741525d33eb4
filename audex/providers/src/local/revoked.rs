//! The ids of revoked tokens, in a folder that processes share.
//!
//! 1. One file for each token, named by a digest, holds the second it would have ended anyway.
//! 2. A reader opens that one file: it is always whole, because it is only ever renamed into place.
//! 3. A writer takes the lock, deletes what has ended, and adds its file.

use axess_core::store::{ReplayKey, StoreError, StoreErrorKind, StoreFuture};
use axess_local_idp::RevocationStore;
use chrono::{DateTime, Utc};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// How many tokens can be revoked at a time.
pub(super) const MAX_REVOKED: usize = 10_000;
/// The most bytes of a file: the digits of a second.
const MAX_BYTES: u64 = 32;
const LOCK: &str = "lock";
const NEW: &str = "new";

/// Remembers revoked tokens in a folder, for every process of its owner.
///
/// It holds at most 10 000, and never forgets one early. The folder belongs on a local file system, in a folder that
/// others cannot enter.
///
/// ```
/// use audex_providers::local::FileRevocationStore;
/// use axess_core::store::ReplayKey;
/// use axess_local_idp::RevocationStore;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// # let folder = std::env::temp_dir().join(format!("audex-doc-revoked-{}", std::process::id()));
/// let (token, now) = (ReplayKey::new("https://id.example.com", "jti-1"), chrono::DateTime::UNIX_EPOCH);
/// let store = FileRevocationStore::open(&folder)?;
/// store.revoke(token, now + chrono::TimeDelta::minutes(5), now).await?;
/// assert!(FileRevocationStore::open(&folder)?.is_revoked(token, now).await?);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct FileRevocationStore {
    folder: PathBuf,
    most: usize,
}

/// Says what could not be done with the folder of revoked tokens.
///
/// ```
/// use audex_providers::local::FileRevocationStore;
/// let error = FileRevocationStore::open("/dev/null").unwrap_err();
/// assert!(error.to_string().contains("/dev/null"));
/// ```
#[derive(Debug, thiserror::Error)]
pub enum RevocationFileError {
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
    /// A file holds no time.
    #[error("{path} holds no time", path = path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
    },
    /// As many tokens are revoked as there is room for.
    #[error("there is no room for another revoked token")]
    Full,
}

impl FileRevocationStore {
    /// Opens a folder, and makes it first if it is not there.
    ///
    /// # Errors
    ///
    /// [`RevocationFileError::Io`] when it cannot be made.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, RevocationFileError> {
        let folder = folder.as_ref();
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed("making", folder))?;
        Ok(Self { folder: folder.to_owned(), most: MAX_REVOKED })
    }

    #[cfg(test)]
    pub(super) fn with_room_for(self, most: usize) -> Self {
        Self { most, ..self }
    }

    fn add(
        &self,
        token: ReplayKey,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(), RevocationFileError> {
        let lock = self.lock()?;
        let path = self.path(token);
        let before = read(&path)?;
        if before.is_none() && self.sweep(now)? >= self.most {
            return Err(RevocationFileError::Full);
        }
        // Rounded up, and never shortened by whoever revokes again.
        let second = (until.timestamp() + i64::from(until.timestamp_subsec_nanos() > 0))
            .max(before.unwrap_or(i64::MIN));
        let new = self.folder.join(NEW);
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)
            .map_err(failed("making", &new))?;
        file.write_all(second.to_string().as_bytes()).map_err(failed("writing", &new))?;
        file.sync_all().map_err(failed("syncing", &new))?;
        fs::rename(&new, &path).map_err(failed("renaming", &new))?;
        File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .map_err(failed("syncing", &self.folder))?;
        drop(lock);
        Ok(())
    }

    fn has(&self, token: ReplayKey, now: DateTime<Utc>) -> Result<bool, RevocationFileError> {
        Ok(read(&self.path(token))?.is_some_and(|until| until > now.timestamp()))
    }

    /// Deletes the files of tokens that have ended, and returns how many are left. Takes the lock to be held.
    fn sweep(&self, now: DateTime<Utc>) -> Result<usize, RevocationFileError> {
        let mut left = 0;
        for entry in fs::read_dir(&self.folder).map_err(failed("reading", &self.folder))? {
            let path = entry.map_err(failed("reading", &self.folder))?.path();
            let is_token = path.file_name().is_some_and(|name| name.len() == 64);
            if !is_token {
                continue;
            }
            match read(&path)? {
                Some(until) if until <= now.timestamp() => {
                    fs::remove_file(&path).map_err(failed("removing", &path))?;
                }
                _ => left += 1,
            }
        }
        Ok(left)
    }

    /// Waits until no other process writes; ends with the file that is returned.
    fn lock(&self) -> Result<File, RevocationFileError> {
        let path = self.folder.join(LOCK);
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = file.map_err(failed("opening", &path))?;
        file.lock().map_err(failed("locking", &path))?;
        Ok(file)
    }

    fn path(&self, token: ReplayKey) -> PathBuf {
        let name: String = token.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(name)
    }
}

impl RevocationStore for FileRevocationStore {
    fn revoke(&self, token: ReplayKey, until: DateTime<Utc>, now: DateTime<Utc>) -> StoreFuture<'_, ()> {
        let store = self.clone();
        Box::pin(blocking(move || store.add(token, until, now)))
    }

    fn is_revoked(&self, token: ReplayKey, now: DateTime<Utc>) -> StoreFuture<'_, bool> {
        let store = self.clone();
        Box::pin(blocking(move || store.has(token, now)))
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RevocationFileError> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|error| StoreError::new(StoreErrorKind::Backend, error))?;
    done.map_err(|error| {
        let kind = match &error {
            RevocationFileError::Io { .. } => StoreErrorKind::Backend,
            RevocationFileError::Corrupt { .. } => StoreErrorKind::Corrupt,
            RevocationFileError::Full => StoreErrorKind::Full,
        };
        StoreError::new(kind, error)
    })
}

/// Reads the second in a file, if the file is there.
fn read(path: &Path) -> Result<Option<i64>, RevocationFileError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed("opening", path)(source)),
        Ok(file) => file,
    };
    let mut text = String::new();
    let corrupt = || RevocationFileError::Corrupt { path: path.to_owned() };
    match file.take(MAX_BYTES).read_to_string(&mut text) {
        Ok(_) => text.parse().map(Some).map_err(|_| corrupt()),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(corrupt()),
        Err(source) => Err(failed("reading", path)(source)),
    }
}

fn failed<'a>(verb: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> RevocationFileError + 'a {
    move |source| RevocationFileError::Io { verb, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
