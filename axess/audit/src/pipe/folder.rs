//! Files that are whole after a crash at any moment.

use super::PipeError;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Creates a folder that only its owner can enter.
pub(super) fn create(path: &Path) -> Result<(), PipeError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(PipeError::file(path))
}

/// Opens a file that only its owner can read, creating it if needed.
pub(super) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Replaces the contents of a file in one step: a reader and a crash see the old ones or the new ones.
pub(super) fn replace(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), PipeError> {
    let beside = beside(path);
    let attempt = || {
        let file = options().write(true).truncate(true).open(&beside)?;
        let mut writer = io::BufWriter::new(file);
        write(&mut writer)?;
        writer.into_inner().map_err(io::IntoInnerError::into_error)?.sync_data()?;
        fs::rename(&beside, path)
    };
    attempt().map_err(PipeError::file(path))
}

/// Makes the names in a folder as durable as the files.
pub(super) fn sync(folder: &Path) -> Result<(), PipeError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(PipeError::file(folder))
}

/// Removes a file; one that is not there is fine.
pub(super) fn remove(path: &Path) -> Result<(), PipeError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(PipeError::file(path)(error)),
        _ => Ok(()),
    }
}

/// Reads a file; one that is not there is `None`.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, PipeError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(PipeError::file(path)(error)),
    }
}

/// Runs blocking work on the threads for it.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PipeError> + Send + 'static,
) -> Result<T, PipeError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(lost) => Err(PipeError::File { path: PathBuf::new(), source: io::Error::other(lost) }),
    }
}

/// Holds a folder for one process; the operating system lets go when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the lock, or returns `None` while somebody else has it.
    pub(super) fn try_take(path: &Path) -> Result<Option<Self>, PipeError> {
        let file =
            options().read(true).write(true).truncate(false).open(path).map_err(PipeError::file(path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(source)) => Err(PipeError::file(path)(source)),
        }
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replacement_that_fails_leaves_the_file_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        replace(&path, |file| file.write_all(b"old")).unwrap();
        let failed = replace(&path, |file| {
            file.write_all(b"ne")?;
            Err(io::Error::other("no space"))
        });
        assert!(matches!(failed, Err(PipeError::File { .. })));
        assert_eq!(read(&path).unwrap().unwrap(), b"old");
        replace(&path, |file| file.write_all(b"new")).unwrap();
        assert_eq!(read(&path).unwrap().unwrap(), b"new");
    }

    #[cfg(unix)]
    #[test]
    fn files_and_folders_are_their_owners() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("dead");
        create(&inner).unwrap();
        create(&inner).unwrap();
        let path = inner.join("a.jsonl");
        replace(&path, |file| file.write_all(b"x")).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&inner), mode(&path)), (0o700, 0o600));
    }

    #[test]
    fn a_lock_is_held_once_and_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dispatch.lock");
        let held = FolderLock::try_take(&path).unwrap();
        assert!(held.is_some());
        assert!(FolderLock::try_take(&path).unwrap().is_none());
        drop(held);
        assert!(FolderLock::try_take(&path).unwrap().is_some());
    }

    #[test]
    fn what_is_not_there_is_not_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(&folder.path().join("x")).unwrap(), None);
        remove(&folder.path().join("x")).unwrap();
        assert!(read(folder.path()).is_err(), "a folder is not a file");
        sync(folder.path()).unwrap();
    }
}
