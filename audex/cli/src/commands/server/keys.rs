//! The keys of the server: those of its audit log, and one from which all others are derived.

use crate::{
    commands::Invocation,
    compose::of_trail,
    config::ServerConfig,
    exit::{Exit, Failure},
    key_store::KeyStore,
};
use audex_core::audit::LogTrail;
use audex_server::app::ServerKeys;
use axess_audit::chain::AuditKeys;
use axess_rng::random_array;
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Returns the folder of the keys.
pub(super) fn folder(data: &Path) -> PathBuf {
    data.join("keys")
}

/// Returns the file of the server's secret.
pub(super) fn secret_file(data: &Path) -> PathBuf {
    folder(data).join("server.key")
}

/// Reads the keys, and makes them where there are none yet.
pub(super) fn open(invocation: &Invocation, config: &ServerConfig) -> Result<ServerKeys, Failure> {
    let (settings, store) = (&config.server, config.broker.key_store);
    let keys = folder(&settings.data);
    // The log is begun before its keys are: where there are keys and no log, it was removed.
    LogTrail::prepare(&settings.audit_folder(), &keys, &*invocation.clock, &*invocation.rng)
        .map_err(|error| of_trail(&error))?;
    let audit = match store {
        KeyStore::File => AuditKeys::load_or_create(&keys, &*invocation.rng),
        #[cfg(feature = "keyring")]
        KeyStore::Keyring => {
            let keyring = axess_keyring::Keyring::secret_service();
            AuditKeys::load_or_create_in_keyring(&keys, &keyring, &*invocation.rng).map(|(keys, _)| keys)
        }
    };
    let audit = audit.map_err(|error| Failure::of(Exit::LocalState, &error))?;
    Ok(ServerKeys { audit, secret: *secret(invocation, store, &secret_file(&settings.data))? })
}

fn secret(invocation: &Invocation, store: KeyStore, path: &Path) -> Result<Zeroizing<[u8; 32]>, Failure> {
    if let Some(text) = store.read_secret(path)? {
        return decoded(&text).ok_or_else(|| {
            Failure::new(Exit::LocalState, format!("{} holds no key", path.display())).with_help(
                "restore it from a copy: what is sealed under it (second factors, sessions) cannot be read without",
            )
        });
    }
    let secret = Zeroizing::new(random_array::<32>(&*invocation.rng));
    store.write_secret(path, &Zeroizing::new(STANDARD_NO_PAD.encode(*secret)))?;
    Ok(secret)
}

fn decoded(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let bytes = Zeroizing::new(STANDARD_NO_PAD.decode(text.trim()).ok()?);
    let mut secret = Zeroizing::new([0; 32]);
    (bytes.len() == secret.len()).then(|| secret.copy_from_slice(&bytes))?;
    Some(secret)
}
