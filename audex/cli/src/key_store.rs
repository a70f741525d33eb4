//! Where the keys of the audit log and of the local issuer are kept, and what logins gave.

mod secret;

use crate::{commands::Invocation, compose::of_trail, config::Paths, config::Settings, exit::Failure};
use audex_core::audit::LogTrail;
use audex_providers::local::LocalProvider;
use axess_audit::chain::{AuditKeys, KeyError};
#[cfg(feature = "keyring")]
use axess_keyring::Keyring;
use std::{fmt, path::Path, str::FromStr, sync::Arc};

/// Says where keys are kept (`credentials.store`).
///
/// ```
/// use audex_cli::key_store::KeyStore;
/// assert_eq!("file".parse::<KeyStore>().unwrap(), KeyStore::File);
/// assert!("vault".parse::<KeyStore>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyStore {
    /// In files that only their owner can read.
    #[default]
    File,
    /// In the operating system's keyring.
    #[cfg(feature = "keyring")]
    Keyring,
}

impl KeyStore {
    /// Every place that keys may be kept in, for whoever has no configuration to go by.
    pub(crate) const ALL: &[Self] = &[
        Self::File,
        #[cfg(feature = "keyring")]
        Self::Keyring,
    ];

    /// Returns the name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            #[cfg(feature = "keyring")]
            Self::Keyring => "keyring",
        }
    }

    /// Opens the audit log, and makes what is not there.
    ///
    /// Keys in files are moved into the keyring where that is configured.
    ///
    /// # Errors
    ///
    /// [`Exit::LocalState`](crate::exit::Exit::LocalState) or [`Exit::Tampered`](crate::exit::Exit::Tampered).
    pub fn open_trail(invocation: &Invocation, settings: &Settings) -> Result<LogTrail, Failure> {
        let paths = invocation.paths()?;
        let folder = settings.audit.folder(&paths);
        let (clock, rng) = (Arc::clone(&invocation.clock), Arc::clone(&invocation.rng));
        let opened = match settings.key_store {
            Self::File => LogTrail::open(&folder, &paths.keys(), clock, rng),
            #[cfg(feature = "keyring")]
            Self::Keyring => {
                let keyring = Keyring::secret_service();
                LogTrail::prepare(&folder, &paths.keys(), &*clock, &*rng)
                    .and_then(|()| Ok(AuditKeys::load_or_create_in_keyring(&paths.keys(), &keyring, &*rng)?))
                    .and_then(|(keys, has_moved)| {
                        if has_moved {
                            let from = paths.keys();
                            invocation.output.note(format_args!(
                                "the keys of the audit log were moved from {} into the keyring",
                                from.display()
                            ));
                        }
                        LogTrail::with_keys(&folder, keys, clock, rng)
                    })
            }
        };
        opened.map_err(|error| of_trail(&error))
    }

    /// Tells a provider where its keys are.
    ///
    /// Nobody is asked for them yet.
    pub fn provide(self, invocation: &Invocation, provider: LocalProvider) -> LocalProvider {
        #[cfg(not(feature = "keyring"))]
        let _ = invocation;
        match self {
            Self::File => provider,
            #[cfg(feature = "keyring")]
            Self::Keyring => {
                let folder = &provider.config().folder;
                if folder.join("keys.json").exists() {
                    invocation.output.note(format_args!(
                        "the issuer's keys in {} are moved into the keyring when they are used next",
                        folder.display()
                    ));
                }
                provider.with_keyring(Keyring::secret_service())
            }
        }
    }
}

/// Reads the keys of the audit log, from wherever they are.
///
/// # Errors
///
/// [`KeyError`].
pub fn trail_keys(paths: &Paths) -> Result<AuditKeys, KeyError> {
    #[cfg(feature = "keyring")]
    return AuditKeys::load_from_keyring(&paths.keys(), &Keyring::secret_service());
    #[cfg(not(feature = "keyring"))]
    AuditKeys::load(&paths.keys())
}

/// Says what to do where the keys of the audit log cannot be had.
pub fn help(error: &KeyError) -> Option<String> {
    match error {
        KeyError::Keyring { .. } | KeyError::Lost { .. } => {
            Some("unlock the keyring that has the keys, then try again; new ones are not made".to_owned())
        }
        KeyError::Gone { path } | KeyError::Io { path, .. } if are_elsewhere(path) => Some(format!(
            "where the keys are in the operating system's keyring, set credentials.store = \"keyring\"{NEEDED}"
        )),
        _ => None,
    }
}

/// What a program without the keyring needs besides.
const NEEDED: &str = if cfg!(feature = "keyring") {
    ""
} else {
    " and build with it: cargo build -p audex-cli --features keyring"
};

/// Tells whether a folder has the public key and no secret one.
fn are_elsewhere(secret: &Path) -> bool {
    let Some(folder) = secret.parent() else { return false };
    folder.join("checkpoint.pub").exists() && !folder.join("signing.key").exists()
}

impl fmt::Display for KeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for KeyStore {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "file" => Ok(Self::File),
            #[cfg(feature = "keyring")]
            "keyring" => Ok(Self::Keyring),
            #[cfg(not(feature = "keyring"))]
            "keyring" => {
                Err("this build has no keyring: build with --features keyring (cargo build -p audex-cli \
                     --features keyring), or use file"
                    .to_owned())
            }
            "vault" => Err("keys in a Vault are not built in yet (write file or keyring)".to_owned()),
            _ => Err("file or keyring is needed".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_without_it_says_how_to_get_it() {
        let read = Settings::parse("[credentials]\nstore = \"keyring\"");
        #[cfg(feature = "keyring")]
        assert_eq!(read.unwrap().key_store, KeyStore::Keyring);
        #[cfg(not(feature = "keyring"))]
        {
            let faults = read.unwrap_err();
            assert_eq!((faults[0].key.as_str(), faults[0].line), ("credentials.store", Some(2)));
            assert!(
                faults[0].message.starts_with("this build has no keyring: build with --features keyring")
            );
            assert!(faults[0].message.contains("cargo build -p audex-cli --features keyring"), "{faults:?}");
        }
        assert_eq!(Settings::default().key_store, KeyStore::File);
        assert!(Settings::parse("[credentials]\nstore = \"vault\"").is_err());
        assert!(Settings::parse("[credentials]\nstor = \"file\"").is_err());
    }

    #[test]
    fn a_folder_whose_secrets_are_elsewhere_says_where_they_may_be() {
        let folder = tempfile::tempdir().unwrap();
        let gone = KeyError::Gone { path: folder.path().join("mac.key") };
        assert_eq!(help(&gone), None, "nothing was ever there");
        std::fs::write(folder.path().join("checkpoint.pub"), "").unwrap();
        assert!(help(&gone).unwrap().contains("credentials.store"));
        std::fs::write(folder.path().join("signing.key"), "").unwrap();
        assert_eq!(help(&gone), None, "a file was lost");
    }
}
