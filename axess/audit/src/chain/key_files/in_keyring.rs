//! The secret keys in the operating system's keyring; the public one stays in the folder, for those who verify.
//!
//! `checkpoint.pub` without `signing.key` beside it says that the secret keys are in the keyring: in the entry that is named
//! after the public key, so that no entry can be taken for another's. Its text has the signing key, the MAC key and the
//! older MAC keys, one a line.

use super::{
    KeyError, MAC_FILE, MAX_PREVIOUS_MACS, PREVIOUS_FILE, PUBLIC_FILE, SIGNING_FILE, create_folder, exists,
    parse,
};
use crate::chain::{AuditKeys, AuditMacKey, AuditPublicKey, AuditSigningKey};
use axess_keyring::Keyring;
use axess_rng::SecureRng;
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, ErrorKind},
    path::Path,
    thread,
    time::Duration,
};
use zeroize::Zeroizing;

const SERVICE: &str = "axess-audit";
const LOCK_FILE: &str = "keyring.lock";
/// How often, [`BETWEEN_LOOKS`] apart, the lock is looked at before it is given up: two minutes in all.
const LOOKS: u32 = 12_000;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);
/// No line has more bytes.
const LINE_BYTES: usize = 64;

impl AuditKeys {
    /// Reads the keys of a folder whose secrets are in a keyring, and creates them when there are none yet.
    ///
    /// Secret keys in files of the folder are moved: into one entry of the keyring, read again, and only then the files are
    /// removed. Returns whether that was done. The folder keeps `checkpoint.pub`; where it is there and the keyring has not
    /// the secret keys to it, none are made anew. Blocks, and waits for processes that do the same.
    ///
    /// # Errors
    ///
    /// [`KeyError`]. Files that were to be moved are there until the keyring has what they hold.
    pub fn load_or_create_in_keyring(
        dir: &Path,
        keyring: &Keyring,
        rng: &(impl SecureRng + ?Sized),
    ) -> Result<(Self, bool), KeyError> {
        let at_dir = |source| KeyError::Io { path: dir.to_owned(), source };
        create_folder(dir).map_err(at_dir)?;
        let lock = lock(dir)?;
        let held = Held { dir, keyring };
        let (has_files, has_public) = (has_files(dir)?, exists(&dir.join(PUBLIC_FILE))?);
        if has_public && !exists(&dir.join(SIGNING_FILE))? {
            let keys = held.read()?;
            // What a move left that was cut short; a MAC key that is not in the keyring is none of its.
            let is_left = has_files && held.has(&keys)?;
            if is_left {
                held.remove_files().map_err(at_dir)?;
            }
            return Ok((keys, is_left));
        }
        let keys = if has_files { Self::load_or_create(dir, rng)? } else { Self::generate(rng) };
        let lock = held.write(&keys, lock)?;
        if has_files {
            held.remove_files().map_err(at_dir)?;
        } else {
            let draw = |bytes: &mut [u8]| rng.fill_bytes(bytes);
            let folder = super::Folder { dir, draw: Some(&draw) };
            folder.publish(PUBLIC_FILE, &keys.signing.public_key().to_string(), 0o644)?;
            held.public_of(&keys)?;
        }
        drop(lock);
        Ok((keys, has_files))
    }

    /// Reads the keys of a folder whose secrets are in a keyring, or still in files.
    ///
    /// # Errors
    ///
    /// [`KeyError`], also when there are none.
    pub fn load_from_keyring(dir: &Path, keyring: &Keyring) -> Result<Self, KeyError> {
        if exists(&dir.join(SIGNING_FILE))? { Self::load(dir) } else { Held { dir, keyring }.read() }
    }
}

/// A folder and the keyring that its secret keys are in.
struct Held<'a> {
    dir: &'a Path,
    keyring: &'a Keyring,
}

impl Held<'_> {
    fn read(&self) -> Result<AuditKeys, KeyError> {
        let path = self.dir.join(PUBLIC_FILE);
        let name = AuditPublicKey::from_file(&path)?.to_string();
        let found = self.keyring.read(SERVICE, &name).map_err(|error| self.failed(error))?;
        let Some(bytes) = found else { return Err(KeyError::Lost { path: self.dir.to_owned(), name }) };
        let mut lines = std::str::from_utf8(&bytes).unwrap_or_default().lines();
        let signing: AuditSigningKey = parse(&path, lines.next().unwrap_or_default())?;
        let mac = parse(&path, lines.next().unwrap_or_default())?;
        let previous = lines.map(|line| parse(&path, line)).collect::<Result<Vec<AuditMacKey>, _>>()?;
        if previous.len() > MAX_PREVIOUS_MACS {
            return Err(KeyError::TooMany { path });
        }
        let keys = AuditKeys { previous_macs: previous, ..AuditKeys::new(mac, signing) };
        self.public_of(&keys)?;
        Ok(keys)
    }

    /// Tells whether these keys hold all that is in files beside the signing key.
    fn has(&self, keys: &AuditKeys) -> Result<bool, KeyError> {
        let path = self.dir.join(MAC_FILE);
        let mut left = super::previous(&self.dir.join(PREVIOUS_FILE))?;
        if exists(&path)? {
            left.push(AuditMacKey::from_file(&path)?);
        }
        Ok(left.iter().all(|left| keys.macs().any(|mac| mac.id() == left.id())))
    }

    fn write(&self, keys: &AuditKeys, lock: File) -> Result<File, KeyError> {
        let name = keys.signing.public_key().to_string();
        // With enough room from the start nothing is moved, and so nothing is left behind.
        let mut text = Zeroizing::new(String::with_capacity((MAX_PREVIOUS_MACS + 2) * LINE_BYTES));
        text.push_str(&keys.signing.expose());
        for mac in keys.macs() {
            text.push('\n');
            text.push_str(&mac.expose());
        }
        self.keyring.write(SERVICE, &name, text.as_bytes(), lock).map_err(|error| self.failed(error))
    }

    /// Removes the files of secret keys, and first the one whose absence says that they are in the keyring.
    fn remove_files(&self) -> io::Result<()> {
        for name in [SIGNING_FILE, MAC_FILE, PREVIOUS_FILE] {
            match fs::remove_file(self.dir.join(name)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => File::open(self.dir)?.sync_all()?,
            }
        }
        Ok(())
    }

    fn public_of(&self, keys: &AuditKeys) -> Result<(), KeyError> {
        let path = self.dir.join(PUBLIC_FILE);
        match AuditPublicKey::from_file(&path)? == keys.signing.public_key() {
            true => Ok(()),
            false => Err(KeyError::Mismatch { path }),
        }
    }

    fn failed(&self, error: axess_keyring::KeyringError) -> KeyError {
        KeyError::Keyring { path: self.dir.to_owned(), source: Box::new(error) }
    }
}

fn has_files(dir: &Path) -> Result<bool, KeyError> {
    for name in [SIGNING_FILE, MAC_FILE, PREVIOUS_FILE] {
        if exists(&dir.join(name))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Waits until no other process writes; ends with the file that is returned.
fn lock(dir: &Path) -> Result<File, KeyError> {
    let path = dir.join(LOCK_FILE);
    let failed = |source| KeyError::Io { path: path.clone(), source };
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(failed)?;
    for _ in 0..LOOKS {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => thread::sleep(BETWEEN_LOOKS),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
    }
    Err(failed(ErrorKind::TimedOut.into()))
}

#[cfg(test)]
mod tests;
