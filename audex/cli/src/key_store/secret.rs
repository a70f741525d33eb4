//! A secret of a few lines: in a file of its owner's alone, or in the keyring under the file's name.

use super::KeyStore;
use crate::exit::{Exit, Failure};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::Path,
};
use zeroize::Zeroizing;

/// The longest secret, in bytes.
const MAX_SECRET: u64 = 16 * 1_024;

/// The service that entries of the keyring are under.
#[cfg(feature = "keyring")]
const SERVICE: &str = "tryaudex";

impl KeyStore {
    /// Reads a secret; nothing where there is none.
    ///
    /// # Errors
    ///
    /// [`Exit::LocalState`], also for a file that others may read.
    pub fn read_secret(self, path: &Path) -> Result<Option<Zeroizing<String>>, Failure> {
        match self {
            Self::File => read(path).map_err(|error| unusable("read", path, &error)),
            #[cfg(feature = "keyring")]
            Self::Keyring => {
                let found =
                    axess_keyring::Keyring::secret_service().read(SERVICE, &path.display().to_string());
                let found = found.map_err(|error| Failure::of(Exit::LocalState, &error))?;
                Ok(found.and_then(|bytes| Some(Zeroizing::new(std::str::from_utf8(&bytes).ok()?.to_owned()))))
            }
        }
    }

    /// Keeps a secret in place of the one that may be there.
    ///
    /// # Errors
    ///
    /// [`Exit::LocalState`].
    pub fn write_secret(self, path: &Path, text: &str) -> Result<(), Failure> {
        match self {
            Self::File => write(path, text).map_err(|error| unusable("write", path, &error)),
            #[cfg(feature = "keyring")]
            Self::Keyring => axess_keyring::Keyring::secret_service()
                .write(SERVICE, &path.display().to_string(), text.as_bytes(), ())
                .map_err(|error| Failure::of(Exit::LocalState, &error)),
        }
    }

    /// Forgets a secret; says whether there was one.
    ///
    /// # Errors
    ///
    /// [`Exit::LocalState`].
    pub fn remove_secret(self, path: &Path) -> Result<bool, Failure> {
        match self {
            Self::File => match fs::remove_file(path) {
                Ok(()) => Ok(true),
                Err(error) if is_absent(&error) => Ok(false),
                Err(error) => Err(unusable("remove", path, &error)),
            },
            #[cfg(feature = "keyring")]
            Self::Keyring => {
                let was_there = self.read_secret(path)?.is_some();
                axess_keyring::Keyring::secret_service()
                    .remove(SERVICE, &path.display().to_string())
                    .map_err(|error| Failure::of(Exit::LocalState, &error))?;
                Ok(was_there)
            }
        }
    }
}

fn unusable(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::LocalState, format!("cannot {what} {}: {error}", path.display()))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn read(path: &Path) -> io::Result<Option<Zeroizing<String>>> {
    let mut file = match OpenOptions::new().read(true).custom_flags(nix::libc::O_NOFOLLOW).open(path) {
        Ok(file) => file,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let found = file.metadata()?;
    if !found.is_file() || found.mode() & 0o077 != 0 || found.uid() != nix::unistd::getuid().as_raw() {
        return Err(io::Error::other("it is no file that only you can read"));
    }
    let mut text = Zeroizing::new(String::new());
    Read::take(&mut file, MAX_SECRET).read_to_string(&mut text)?;
    Ok(Some(text))
}

/// Writes a file that is there whole or not at all, in a folder of its owner's alone.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().ok_or(ErrorKind::InvalidInput)?;
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)
    })();
    if written.is_err() {
        // A part of a secret is no use to anybody.
        let _ = fs::remove_file(&draft);
    }
    written.and_then(|()| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_secret_is_kept_for_its_owner_alone_and_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("servers/a/login.json");
        let store = KeyStore::File;
        assert!(store.read_secret(&path).unwrap().is_none());
        for text in ["one", "two"] {
            store.write_secret(&path, text).unwrap();
            assert_eq!(store.read_secret(&path).unwrap().unwrap().as_str(), text);
        }
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(store.read_secret(&path).unwrap_err().exit, Exit::LocalState);
        assert!(store.remove_secret(&path).unwrap());
        assert!(!store.remove_secret(&path).unwrap());
    }
}
