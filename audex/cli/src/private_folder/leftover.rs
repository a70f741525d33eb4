//! Folders of sessions that nobody keeps any more.

use super::{FolderPlaces, PrivateFolderError, place, removal};
use audex_core::session::SessionId;
use nix::errno::Errno;
use std::{
    fs::{self, File},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

/// How many folders are looked at for one answer.
const MAX_FOLDERS: usize = 10_000;

/// Is a private folder whose session is over.
///
/// ```
/// use audex_cli::private_folder::{FolderPlaces, leftover};
/// let data = tempfile::tempdir()?;
/// let places = FolderPlaces::new(None, data.path().to_owned());
/// for folder in leftover(&places)? {
///     folder.remove()?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    session_id: SessionId,
    path: PathBuf,
}

impl Leftover {
    /// Returns whose it was.
    pub const fn session_id(&self) -> SessionId {
        self.session_id
    }

    /// Returns where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it with everything in it, unless somebody keeps it by now.
    ///
    /// # Errors
    ///
    /// The system refused; as much as possible is removed.
    pub fn remove(self) -> Result<(), PrivateFolderError> {
        let Some(above) = self.path.parent() else { return Ok(()) };
        let Some(root) = place::open_root(above)? else { return Ok(()) };
        let name = self.session_id.to_string();
        match lock(&root.folder, &name) {
            Held::ByUs(_lock) => removal::remove_entry(&root.folder, name.as_ref())
                .map_err(|source| place::io_error(&self.path, "cannot be removed", source)),
            Held::ByAnother => Ok(()),
        }
    }
}

/// Lists the private folders that no process keeps, of whatever data folder's sessions, ordered by id, at most 10,000.
///
/// # Errors
///
/// A place of folders is not ours alone, or cannot be read.
pub fn leftover(places: &FolderPlaces) -> Result<Vec<Leftover>, PrivateFolderError> {
    let mut found = Vec::new();
    for path in places.roots() {
        let Some(root) = place::open_root(&path)? else { continue };
        let entries =
            fs::read_dir(&path).map_err(|source| place::io_error(&path, "cannot be read", source))?;
        for entry in entries.flatten().take(MAX_FOLDERS) {
            let name = entry.file_name();
            let Some((name, Ok(session_id))) = name.to_str().map(|name| (name, name.parse())) else {
                continue;
            };
            if matches!(lock(&root.folder, name), Held::ByUs(_)) {
                found.push(Leftover { session_id, path: entry.path() });
            }
        }
    }
    found.sort_by_key(|folder| folder.session_id);
    Ok(found)
}

/// Who has a folder.
enum Held {
    /// Nobody has it while this lives; what is no folder has nothing to lock.
    ByUs(Option<File>),
    /// A process that keeps it, or whoever removes it. What cannot be told is held.
    ByAnother,
}

fn lock(root: &OwnedFd, name: &str) -> Held {
    match removal::open_folder(root, name.as_ref()).map(File::from) {
        Ok(folder) => match folder.try_lock() {
            Ok(()) => Held::ByUs(Some(folder)),
            Err(_) => Held::ByAnother,
        },
        Err(error) => match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ENOTDIR | Errno::ELOOP) => Held::ByUs(None),
            _ => Held::ByAnother,
        },
    }
}
