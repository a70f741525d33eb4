//! Folders of sessions that nobody keeps any more.

use super::{FolderPlaces, PrivateFolderError, place, remove};
use audex_core::session::SessionId;
use std::{
    fs,
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
/// for folder in leftover(&places, |_id| false)? {
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

    /// Removes it with everything in it.
    ///
    /// # Errors
    ///
    /// The system refused; as much as possible is removed.
    pub fn remove(self) -> Result<(), PrivateFolderError> {
        remove(&self.path)
    }
}

/// Lists the private folders of sessions that `is_kept` says nobody keeps, ordered by id, at most 10,000.
///
/// `is_kept` answers from the session's lock: a process that is gone holds none.
///
/// # Errors
///
/// A place of folders is not ours alone, or cannot be read.
pub fn leftover(
    places: &FolderPlaces,
    is_kept: impl Fn(SessionId) -> bool,
) -> Result<Vec<Leftover>, PrivateFolderError> {
    let mut found = Vec::new();
    for root in places.roots() {
        if place::open_root(&root)?.is_none() {
            continue;
        }
        let entries =
            fs::read_dir(&root).map_err(|source| place::io_error(&root, "cannot be read", source))?;
        for entry in entries.flatten().take(MAX_FOLDERS) {
            let Some(session_id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            if !is_kept(session_id) {
                found.push(Leftover { session_id, path: entry.path() });
            }
        }
    }
    found.sort_by_key(|folder| folder.session_id);
    Ok(found)
}
