use crate::KeyringError;
use keyring_core::{CredentialStore, Entry, Error};
use std::{
    fmt,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};
use zeroize::Zeroizing;

/// How long an answer is waited for, unless somebody says otherwise: as long as a person takes to type a password.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A keyring, asked anew each time: one that was restarted between two calls is no matter.
///
/// Calls block, at most for the patience. Clones are one keyring. What is read is wiped when it is dropped; the copies that
/// the store and the bus make on the way are not ours to wipe.
///
/// ```
/// use axess_keyring::Keyring;
/// let keyring = Keyring::new(keyring_core::mock::Store::new()?);
/// keyring.write("example", "alice", b"secret", ())?;
/// assert_eq!(**keyring.read("example", "alice")?.unwrap(), *b"secret");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Keyring {
    connect: Arc<Connect>,
    patience: Duration,
}

type Connect = dyn Fn() -> Result<Arc<CredentialStore>, Error> + Send + Sync;

impl Keyring {
    /// Uses a store of `keyring-core`.
    #[must_use]
    pub fn new(store: Arc<CredentialStore>) -> Self {
        Self { connect: Arc::new(move || Ok(Arc::clone(&store))), patience: PATIENCE }
    }

    /// Uses the Secret Service on the session bus: GNOME Keyring, KWallet, KeePassXC and others.
    ///
    /// Nothing is asked yet. Entries are made in the default collection. A locked one asks its owner for the password.
    #[cfg(all(feature = "secret-service", target_os = "linux"))]
    #[must_use]
    pub fn secret_service() -> Self {
        let connect = || Ok(zbus_secret_service_keyring_store::Store::new()? as Arc<CredentialStore>);
        Self { connect: Arc::new(connect), patience: PATIENCE }
    }

    /// Waits that long for each answer.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Reads a value; `None` when there is no such entry.
    ///
    /// # Errors
    ///
    /// [`KeyringError`].
    pub fn read(&self, service: &str, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, KeyringError> {
        self.ask(service, name, 0, |entry| match entry.get_secret() {
            Ok(value) => Ok(Some(Zeroizing::new(value))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(error),
        })
    }

    /// Writes a value in place of the one that may be there, and reads it again: some keyrings cut or recode it.
    ///
    /// Text in UTF-8 suits every keyring. `held` is given back; when the answer takes too long, it is let go only once the
    /// keyring is done, so that a lock in it covers also a write that nobody waits for any more.
    ///
    /// # Errors
    ///
    /// [`KeyringError`]. After [`KeyringError::Slow`] and [`KeyringError::Failed`] the old value or the new one is there.
    pub fn write<H: Send + 'static>(
        &self,
        service: &str,
        name: &str,
        value: &[u8],
        held: H,
    ) -> Result<H, KeyringError> {
        let (bytes, value) = (value.len(), Zeroizing::new(value.to_vec()));
        let (is_same, held) = self.ask(service, name, bytes, move |entry| {
            entry.set_secret(&value)?;
            let again = Zeroizing::new(entry.get_secret()?);
            Ok((*again == *value, held))
        })?;
        if is_same { Ok(held) } else { Err(KeyringError::Altered) }
    }

    /// Removes an entry, if there is one.
    ///
    /// # Errors
    ///
    /// [`KeyringError`].
    pub fn remove(&self, service: &str, name: &str) -> Result<(), KeyringError> {
        self.ask(service, name, 0, |entry| match entry.delete_credential() {
            Err(Error::NoEntry) => Ok(()),
            other => other,
        })
    }

    /// Asks on a thread of its own: stores block for as long as they like, and some may not be called in a runtime.
    fn ask<T: Send + 'static>(
        &self,
        service: &str,
        name: &str,
        bytes: usize,
        work: impl FnOnce(&Entry) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, KeyringError> {
        let (answer, waiting) = mpsc::sync_channel(1);
        let connect = Arc::clone(&self.connect);
        let (service, name) = (service.to_owned(), name.to_owned());
        let asked = move || {
            let store = connect().map_err(|error| match error {
                Error::PlatformFailure(cause) | Error::NoStorageAccess(cause) => {
                    KeyringError::Unavailable(cause)
                }
                other => KeyringError::Unavailable(other.to_string().into()),
            })?;
            let entry = store.build(&service, &name, None);
            entry
                .and_then(|entry| work(&entry))
                .map_err(|error| KeyringError::of(error, &service, &name, bytes))
        };
        let spawned = thread::Builder::new().name("keyring".to_owned()).spawn(move || {
            // Nobody may be waiting any more.
            let _ = answer.send(asked());
        });
        spawned.map_err(|error| KeyringError::Failed(Box::new(error)))?;
        match waiting.recv_timeout(self.patience) {
            Ok(outcome) => outcome,
            Err(mpsc::RecvTimeoutError::Timeout) => Err(KeyringError::Slow(self.patience)),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                Err(KeyringError::Failed("its store panicked".into()))
            }
        }
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("patience", &self.patience).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyring_core::mock;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn keyring() -> Keyring {
        Keyring::new(mock::Store::new().unwrap())
    }

    /// Makes the next call of an entry fail.
    fn failing(error: Error) -> Keyring {
        let store: Arc<CredentialStore> = mock::Store::new().unwrap();
        let entry = store.build("service", "name", None).unwrap();
        entry.as_any().downcast_ref::<mock::Cred>().unwrap().set_error(error);
        Keyring::new(store)
    }

    #[test]
    fn values_are_read_as_they_were_written_and_can_be_removed() {
        let keyring = keyring();
        assert!(keyring.read("service", "name").unwrap().is_none());
        keyring.remove("service", "name").unwrap();
        for value in [b"one".as_slice(), b"", &[0xff; 70_000]] {
            assert_eq!(keyring.write("service", "name", value, 7).unwrap(), 7);
            assert_eq!(**keyring.read("service", "name").unwrap().unwrap(), *value);
            assert!(keyring.read("service", "other").unwrap().is_none());
        }
        keyring.remove("service", "name").unwrap();
        assert!(keyring.read("service", "name").unwrap().is_none());
    }

    #[test]
    fn errors_say_what_they_are_and_hold_no_value() {
        let named = |error| failing(error).write("service", "name", b"value", ()).unwrap_err();
        assert!(matches!(named(Error::NoStorageAccess("locked".into())), KeyringError::Locked(_)));
        assert!(matches!(named(Error::PlatformFailure("gone".into())), KeyringError::Failed(_)));
        assert!(matches!(named(Error::TooLong("secret".into(), 3)), KeyringError::TooLong { bytes: 5 }));
        assert!(matches!(named(Error::Ambiguous(Vec::new())), KeyringError::Ambiguous { .. }));
        let error =
            failing(Error::BadEncoding(b"secret words".to_vec())).read("service", "name").unwrap_err();
        // The bytes of "secret", as a list would show them.
        assert!(!format!("{error:?}").contains("115, 101"), "{error:?}");
        let nowhere = Keyring {
            connect: Arc::new(|| Err(Error::PlatformFailure("no bus".into()))),
            patience: PATIENCE,
        };
        assert!(matches!(nowhere.read("service", "name"), Err(KeyringError::Unavailable(_))));
    }

    #[test]
    fn a_keyring_that_hangs_is_not_waited_for_and_what_is_held_is_held_until_it_is_done() {
        let (release, blocked) = mpsc::channel::<()>();
        let blocked = std::sync::Mutex::new(blocked);
        let store: Arc<CredentialStore> = mock::Store::new().unwrap();
        let hanging = Keyring {
            connect: Arc::new(move || {
                let _ = blocked.lock().unwrap().recv();
                Ok(Arc::clone(&store))
            }),
            patience: Duration::from_millis(50),
        };
        let (gone, held) = mpsc::channel::<()>();
        let error = hanging.write("service", "name", b"value", gone).unwrap_err();
        assert!(matches!(error, KeyringError::Slow(_)), "{error:?}");
        assert!(matches!(held.try_recv(), Err(mpsc::TryRecvError::Empty)), "it was let go too soon");
        release.send(()).unwrap();
        assert!(matches!(held.recv_timeout(PATIENCE), Err(mpsc::RecvTimeoutError::Disconnected)));
    }

    #[test]
    fn a_store_that_panics_is_an_error() {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let keyring = Keyring {
            connect: Arc::new(move || {
                counted.fetch_add(1, Ordering::Relaxed);
                panic!("a bug of somebody else")
            }),
            patience: PATIENCE,
        };
        assert!(matches!(keyring.read("service", "name"), Err(KeyringError::Failed(_))));
        assert_eq!(calls.load(Ordering::Relaxed), 1);
    }
}
