//! The folder of one session that nobody else can enter: made when the session begins, removed when it ends.
//!
//! Its files are made and replaced through the folder itself, not through its path, so whoever swaps a folder above it
//! gets nothing. What the command leaves in it (folders it may not enter, links, sockets, a thousand levels) goes with it,
//! and no link is followed.
//!
//! Whoever keeps it holds a shared lock on it, which the operating system lets go of when that process ends, however it
//! ends. Sessions of several data folders have theirs in one place, so nothing else can tell what is left over.

mod leftover;
mod place;
mod removal;
#[cfg(test)]
mod tests;

pub use leftover::{Leftover, leftover};
pub use place::FolderPlaces;

use audex_core::session::SessionId;
use nix::{
    errno::Errno,
    fcntl::{AtFlags, OFlag, openat, renameat},
    sys::stat::{Mode, fchmod, fstat, fstatat, mkdirat},
    unistd::{UnlinkatFlags, unlinkat},
};
use std::{
    fs::{File, TryLockError},
    io::{self, Write},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// The longest path of a session's folder, in bytes: a socket in it must fit `sockaddr_un`.
const MAX_PATH_BYTES: usize = 90;

/// How often a new folder is tried to be held, and how long to wait in between: whoever looks for leftovers may have it for
/// a moment.
const HOLDING: (u32, Duration) = (100, Duration::from_millis(2));

/// Is a session's private folder; dropping it removes it.
///
/// ```
/// use audex_cli::private_folder::{FolderPlaces, PrivateFolder};
/// use audex_core::session::SessionId;
///
/// let data = tempfile::tempdir()?;
/// let places = FolderPlaces::new(None, data.path().to_owned());
/// let folder = PrivateFolder::create(&places, SessionId::generate(&axess_rng::MockRng::new(1)))?;
/// let file = folder.write("token", b"eyJ")?;
/// assert_eq!(std::fs::read(&file)?, b"eyJ");
/// folder.remove()?;
/// assert!(!file.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PrivateFolder {
    path: PathBuf,
    name: String,
    root: OwnedFd,
    // Locked; the lock goes with it.
    folder: File,
    is_removed: bool,
}

/// Says why there is no private folder, or what could not be done in it.
///
/// ```
/// use audex_cli::private_folder::PrivateFolderError;
/// let error = PrivateFolderError::Unsafe { path: "/tmp/audex".into(), why: "it belongs to somebody else" };
/// assert_eq!(error.to_string(), "/tmp/audex is no place for secrets: it belongs to somebody else");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum PrivateFolderError {
    /// Somebody else could read it or swap it.
    #[error("{} is no place for secrets: {why}", path.display())]
    Unsafe {
        /// Which folder.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The system refused.
    #[error("{} {what}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What could not be done, as the end of a sentence.
        what: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl PrivateFolder {
    /// Makes the folder of a session, with mode 0700.
    ///
    /// The runtime folder of the login is preferred, as it is in memory and ends with the login; where it is missing, not
    /// ours alone, full or read-only, the folder is made below the data folder.
    ///
    /// # Errors
    ///
    /// No place is safe, the folder is there already, or the system refused.
    pub fn create(places: &FolderPlaces, id: SessionId) -> Result<Self, PrivateFolderError> {
        if let Some(Ok(folder)) =
            places.runtime_root().map(|root| root.and_then(|root| Self::create_in(root, id)))
        {
            return Ok(folder);
        }
        Self::create_in(places.data_root()?, id)
    }

    /// Returns where it is: an absolute path in UTF-8 without control characters, short enough for a socket in it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file of mode 0600, or replaces it at once: a reader sees the old content or the new.
    ///
    /// # Errors
    ///
    /// The system refused, as for a full disk; what was there before is still there.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<PathBuf, PrivateFolderError> {
        let path = self.path.join(name);
        let fails = |source| PrivateFolderError::Io { path: path.clone(), what: "cannot be written", source };
        let fresh = format!(".{name}.new");
        let written = self.write_new(&fresh, content).and_then(|()| {
            renameat(&self.folder, fresh.as_str(), &self.folder, name).map_err(io::Error::from)
        });
        if written.is_err() {
            let _ = unlinkat(&self.folder, fresh.as_str(), UnlinkatFlags::NoRemoveDir);
        }
        written.map_err(fails)?;
        Ok(path)
    }

    /// Makes a folder of mode 0700 in it; one that is there stays.
    ///
    /// # Errors
    ///
    /// The system refused.
    pub fn make_folder(&self, name: &str) -> Result<PathBuf, PrivateFolderError> {
        let path = self.path.join(name);
        match mkdirat(&self.folder, name, Mode::S_IRWXU) {
            Ok(()) | Err(Errno::EEXIST) => Ok(path),
            Err(errno) => Err(PrivateFolderError::Io { path, what: "cannot be made", source: errno.into() }),
        }
    }

    /// Removes it with everything in it.
    ///
    /// One that is gone is fine.
    ///
    /// # Errors
    ///
    /// The system refused; as much as possible is removed.
    pub fn remove(mut self) -> Result<(), PrivateFolderError> {
        self.is_removed = true;
        self.remove_entry()
    }

    fn create_in(root: place::Root, id: SessionId) -> Result<Self, PrivateFolderError> {
        let name = id.to_string();
        let path = root.path.join(&name);
        let is_plain = path.to_str().is_some_and(|text| !text.chars().any(char::is_control));
        if !is_plain || path.as_os_str().len() > MAX_PATH_BYTES {
            let why = "its path is not UTF-8, has control characters or is longer than 90 bytes";
            return Err(PrivateFolderError::Unsafe { path, why });
        }
        match make_held(&root.folder, &name) {
            Ok(folder) => Ok(Self { path, name, root: root.folder, folder, is_removed: false }),
            Err(source) => Err(PrivateFolderError::Io { path, what: "cannot be made", source }),
        }
    }

    fn write_new(&self, name: &str, content: &[u8]) -> io::Result<()> {
        match unlinkat(&self.folder, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        let file = openat(&self.folder, name, flags, mode)?;
        fchmod(&file, mode)?;
        File::from(file).write_all(content)
    }

    fn remove_entry(&self) -> Result<(), PrivateFolderError> {
        removal::remove_entry(&self.root, self.name.as_ref()).map_err(|source| PrivateFolderError::Io {
            path: self.path.clone(),
            what: "cannot be removed",
            source,
        })
    }
}

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        if !self.is_removed {
            // A drop has nobody to tell; `clean` finds what is left.
            let _ = self.remove_entry();
        }
    }
}

/// Opens the private folder of a session for another process that keeps it, for as long as it has the file.
///
/// # Errors
///
/// It is gone, or being removed.
pub fn hold(path: &Path) -> io::Result<File> {
    let folder = File::open(path)?;
    folder.try_lock_shared()?;
    Ok(folder)
}

/// Removes the private folder at a path that [`PrivateFolder::path`] returned, in whatever state it is.
///
/// This is for another process than the one that made it. One that is gone is fine.
///
/// # Errors
///
/// The folder above it is not ours alone, the path names no session, or the system refused.
pub fn remove(path: &Path) -> Result<(), PrivateFolderError> {
    let name =
        path.file_name().and_then(|name| name.to_str()).filter(|name| name.parse::<SessionId>().is_ok());
    let (Some(name), Some(above)) = (name, path.parent()) else {
        return Err(PrivateFolderError::Unsafe { path: path.to_owned(), why: "it is not a session's" });
    };
    let Some(root) = place::open_root(above)? else { return Ok(()) };
    let fails = |source| PrivateFolderError::Io { path: path.to_owned(), what: "cannot be removed", source };
    removal::remove_entry(&root.folder, name.as_ref()).map_err(fails)
}

/// Makes a folder that is not there, and holds it.
fn make_held(root: &OwnedFd, name: &str) -> io::Result<File> {
    let mut is_made = false;
    for _ in 0..HOLDING.0 {
        match mkdirat(root, name, Mode::S_IRWXU) {
            Ok(()) => is_made = true,
            Err(Errno::EEXIST) if is_made => {}
            Err(errno) => return Err(errno.into()),
        }
        if let Some(folder) = hold_new(root, name)? {
            return Ok(folder);
        }
        thread::sleep(HOLDING.1);
    }
    Err(io::Error::from(io::ErrorKind::ResourceBusy))
}

/// Holds the folder that was just made, unless somebody takes it for a leftover.
fn hold_new(root: &OwnedFd, name: &str) -> io::Result<Option<File>> {
    let folder = match openat(root, name, place::FOLDER, Mode::empty()) {
        Ok(folder) => folder,
        Err(Errno::ENOENT) => return Ok(None),
        Err(errno) => return Err(errno.into()),
    };
    // The umask took what it wanted.
    fchmod(&folder, Mode::S_IRWXU)?;
    let folder = File::from(folder);
    match folder.try_lock_shared() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // It may have been removed between our opening and our locking it.
    let ours = fstat(&folder)?;
    let is_there = fstatat(root, name, AtFlags::AT_SYMLINK_NOFOLLOW)
        .is_ok_and(|there| (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino));
    Ok(is_there.then_some(folder))
}
