#[cfg(feature = "keyring")]
mod in_keyring;

use super::keys::{AuditKeys, AuditMacKey, AuditPublicKey, AuditSigningKey, ParseKeyError};
use axess_rng::SecureRng;
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, ErrorKind, Read, Write},
    path::{Path, PathBuf},
    str::FromStr,
};
use zeroize::Zeroizing;

const MAC_FILE: &str = "mac.key";
const PREVIOUS_FILE: &str = "mac.previous";
const SIGNING_FILE: &str = "signing.key";
const PUBLIC_FILE: &str = "checkpoint.pub";

/// The most MAC keys that are kept beside the current one.
pub const MAX_PREVIOUS_MACS: usize = 16;
/// No key file is longer, in bytes.
const MAX_FILE_BYTES: u64 = 4_096;

/// Says why keys could not be read or created.
///
/// ```
/// use axess_audit::chain::{AuditMacKey, KeyError};
/// use std::path::Path;
/// let error = AuditMacKey::from_file(Path::new("/nonexistent/mac.key")).unwrap_err();
/// assert!(matches!(error, KeyError::Io { .. }));
/// ```
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file or folder could not be read or written.
    #[error("cannot read or write {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file does not hold a key.
    #[error("{} does not hold a key", path.display())]
    NotAKey {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: ParseKeyError,
    },
    /// Others than the owner may read a secret key.
    #[error("{p} holds a secret, and others than its owner may use it (mode {mode:03o}); run: chmod 600 {p}", p = path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A key is gone while a later one is there: creating another would make a log nobody can verify as one.
    #[error("{} is missing, though this folder once had its keys; restore it, or use an empty folder", path.display())]
    Gone {
        /// The missing file.
        path: PathBuf,
    },
    /// The keyring cannot be used, and the keys of the folder are in it, or were to be put there.
    #[error("the keys of {} are kept in the operating system's keyring, which cannot be used", path.display())]
    Keyring {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Neither the folder nor the keyring has the secret keys, though there once were some.
    #[error("neither {} nor the keyring (`{name}` of `axess-audit`) has the secret keys of this folder; open the keyring that has them, or restore them", path.display())]
    Lost {
        /// The folder.
        path: PathBuf,
        /// The name of the entry.
        name: String,
    },
    /// `checkpoint.pub` is not the public key of `signing.key`.
    #[error("{} is not the public key of the signing key beside it", path.display())]
    Mismatch {
        /// The public key's file.
        path: PathBuf,
    },
    /// `mac.previous` holds more than [`MAX_PREVIOUS_MACS`] keys.
    #[error("{} holds more than {MAX_PREVIOUS_MACS} keys", path.display())]
    TooMany {
        /// The file.
        path: PathBuf,
    },
}

impl AuditKeys {
    /// Reads the keys of a folder, and creates what is not there yet.
    ///
    /// `mac.key` and `signing.key` are secret: files of mode 0600, and a file that others may use is refused. Beside
    /// them stands `checkpoint.pub`, which everybody may have, and, when MAC keys were exchanged, `mac.previous`: the
    /// older ones, one a line. A new folder gets mode 0700. Each file appears whole or not at all, and processes that
    /// race to create one all use the same.
    ///
    /// # Errors
    ///
    /// [`KeyError`] names the file.
    pub fn load_or_create(dir: &Path, rng: &(impl SecureRng + ?Sized)) -> Result<Self, KeyError> {
        create_folder(dir).map_err(|source| KeyError::Io { path: dir.to_owned(), source })?;
        Self::establish(dir, Some(&|bytes: &mut [u8]| rng.fill_bytes(bytes)))
    }

    /// Reads the keys of a folder.
    ///
    /// # Errors
    ///
    /// [`KeyError`] names the file, also when it is not there.
    pub fn load(dir: &Path) -> Result<Self, KeyError> {
        Self::establish(dir, None)
    }

    fn establish(dir: &Path, draw: Option<Draw<'_>>) -> Result<Self, KeyError> {
        let folder = Folder { dir, draw };
        // Also where the secret ones are in a keyring, there is the public one.
        let later = [SIGNING_FILE, PUBLIC_FILE];
        let mac = folder.secret(MAC_FILE, &later, AuditMacKey::from_bytes, AuditMacKey::expose)?;
        let signing = folder.secret(
            SIGNING_FILE,
            &[PUBLIC_FILE],
            AuditSigningKey::from_bytes,
            AuditSigningKey::expose,
        )?;
        let path = dir.join(PUBLIC_FILE);
        let public = signing.public_key();
        if draw.is_some() && !exists(&path)? {
            folder.publish(PUBLIC_FILE, &public.to_string(), 0o644)?;
        }
        if AuditPublicKey::from_file(&path)? != public {
            return Err(KeyError::Mismatch { path });
        }
        let previous_macs = previous(&dir.join(PREVIOUS_FILE))?;
        Ok(Self { previous_macs, ..Self::new(mac, signing) })
    }
}

impl AuditMacKey {
    /// Reads the key of a file.
    ///
    /// # Errors
    ///
    /// [`KeyError`] names the file; one that others than its owner may use is refused.
    pub fn from_file(path: &Path) -> Result<Self, KeyError> {
        parse(path, &read(path, true)?)
    }
}

impl AuditPublicKey {
    /// Reads the key of a file.
    ///
    /// # Errors
    ///
    /// [`KeyError`] names the file.
    pub fn from_file(path: &Path) -> Result<Self, KeyError> {
        parse(path, &read(path, false)?)
    }
}

type Draw<'a> = &'a dyn Fn(&mut [u8]);

struct Folder<'a> {
    dir: &'a Path,
    /// Absent when nothing may be created.
    draw: Option<Draw<'a>>,
}

impl Folder<'_> {
    /// Reads a secret key, or makes it unless one of the files that are made after it is there already.
    fn secret<K: FromStr<Err = ParseKeyError>>(
        &self,
        name: &str,
        later: &[&str],
        make: impl FnOnce([u8; 32]) -> K,
        expose: impl FnOnce(&K) -> Zeroizing<String>,
    ) -> Result<K, KeyError> {
        let path = self.dir.join(name);
        if !exists(&path)?
            && let Some(draw) = self.draw
        {
            for later in later {
                // Another process may have made both between the two looks.
                if exists(&self.dir.join(later))? && !exists(&path)? {
                    return Err(KeyError::Gone { path });
                }
            }
            let mut bytes = Zeroizing::new([0; 32]);
            draw(bytes.as_mut_slice());
            self.publish(name, &expose(&make(*bytes)), 0o600)?;
        }
        parse(&path, &read(&path, true)?)
    }

    /// Brings a file into being with its whole content, unless another process was quicker.
    fn publish(&self, name: &str, text: &str, mode: u32) -> Result<(), KeyError> {
        let path = self.dir.join(name);
        self.try_publish(name, &path, text, mode).map_err(|source| KeyError::Io { path, source })
    }

    fn try_publish(&self, name: &str, path: &Path, text: &str, mode: u32) -> io::Result<()> {
        let (mut file, draft) = self.draft(name, mode)?;
        let written = file.write_all(text.as_bytes()).and_then(|()| file.write_all(b"\n"));
        // A link, unlike a rename, never replaces what another process has put there.
        let linked = written.and_then(|()| file.sync_all()).and_then(|()| fs::hard_link(&draft, path));
        fs::remove_file(&draft)?;
        match linked {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            other => other.and_then(|()| File::open(self.dir)?.sync_all()),
        }
    }

    fn draft(&self, name: &str, mode: u32) -> io::Result<(File, PathBuf)> {
        loop {
            let mut random = [0; 8];
            if let Some(draw) = self.draw {
                draw(&mut random);
            }
            let unique = u64::from_be_bytes(random);
            let draft = self.dir.join(format!(".{name}.{}.{unique:016x}", std::process::id()));
            match create(&draft, mode) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                created => return created.map(|file| (file, draft)),
            }
        }
    }
}

fn exists(path: &Path) -> Result<bool, KeyError> {
    path.try_exists().map_err(|source| KeyError::Io { path: path.to_owned(), source })
}

fn parse<K: FromStr<Err = ParseKeyError>>(path: &Path, text: &str) -> Result<K, KeyError> {
    text.parse().map_err(|source| KeyError::NotAKey { path: path.to_owned(), source })
}

fn previous(path: &Path) -> Result<Vec<AuditMacKey>, KeyError> {
    if !exists(path)? {
        return Ok(Vec::new());
    }
    let text = read(path, true)?;
    let keys: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    if keys.len() > MAX_PREVIOUS_MACS {
        return Err(KeyError::TooMany { path: path.to_owned() });
    }
    keys.into_iter().map(|key| parse(path, key)).collect()
}

fn read(path: &Path, secret: bool) -> Result<Zeroizing<String>, KeyError> {
    let io_error = |source| KeyError::Io { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(io_error)?.is_file() {
        return Err(io_error(io::Error::new(ErrorKind::InvalidInput, "not a file")));
    }
    let file = File::open(path).map_err(io_error)?;
    if secret && let Some(mode) = shared_mode(&file).map_err(io_error)? {
        return Err(KeyError::Exposed { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::with_capacity(64));
    file.take(MAX_FILE_BYTES).read_to_string(&mut text).map_err(io_error)?;
    Ok(text)
}

#[cfg(unix)]
fn shared_mode(file: &File) -> io::Result<Option<u32>> {
    use std::os::unix::fs::MetadataExt;
    let mode = file.metadata()?.mode() & 0o777;
    Ok((mode & 0o077 != 0).then_some(mode))
}

#[cfg(not(unix))]
fn shared_mode(_: &File) -> io::Result<Option<u32>> {
    Ok(None)
}

#[cfg(unix)]
fn create(path: &Path, mode: u32) -> io::Result<File> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    // The umask may have taken bits away, and a public key is for everybody.
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    Ok(file)
}

#[cfg(not(unix))]
fn create(path: &Path, _: u32) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

fn create_folder(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(dir)
}

#[cfg(test)]
mod tests;
