//! What other services ask the issuer: discovery, keys, and what is left of a token.

use super::{BoxError, LocalProvider};
use audex_core::{CredentialSecret, ProviderError};
use axess_local_idp::IntrospectionCaller;
use axess_rng::{SecureRng, random_array};
use std::{
    fs::{self, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};
use subtle::ConstantTimeEq;

/// The file with the secret of those who may ask about tokens.
pub(super) const SECRET_FILE: &str = "introspection-token";
/// How many bytes of it are read.
const MAX_SECRET: u64 = 256;

impl LocalProvider {
    /// Returns the routes of the issuer: discovery, keys, and introspection.
    ///
    /// Introspection is for those who present the secret of [`introspection_secret`](Self::introspection_secret) as a
    /// bearer token; the others are for everybody.
    ///
    /// # Errors
    ///
    /// [`ProviderError`] when keys or secret cannot be read or made.
    pub async fn router(&self) -> Result<axum::Router, ProviderError> {
        let secret = self.introspection_secret().await?;
        let guard = move |request: &http::request::Parts| {
            let header = request.headers.get(http::header::AUTHORIZATION)?.as_bytes();
            let (scheme, given) = header.split_at_checked("bearer ".len())?;
            let is_known = scheme.eq_ignore_ascii_case(b"bearer ")
                && bool::from(given.ct_eq(secret.expose().as_bytes()));
            is_known.then(IntrospectionCaller::for_any_audience)
        };
        Ok(self.idp().await?.router_with_introspection(guard))
    }

    /// Returns the secret of those who may ask about tokens.
    ///
    /// The first call makes it, in a file with mode 0600 beside the keys.
    ///
    /// # Errors
    ///
    /// [`ProviderError`] when it cannot be read or made, or others can read it.
    pub async fn introspection_secret(&self) -> Result<CredentialSecret, ProviderError> {
        // The folder is made and checked with the keys.
        self.idp().await?;
        let path = self.config.folder.join(SECRET_FILE);
        let rng = std::sync::Arc::clone(&self.rng);
        let found = tokio::task::spawn_blocking(move || {
            find(&path, &*rng).map_err(|error| -> BoxError { error.into() })
        });
        found.await.map_err(|error| self.unusable(error))?.map_err(|error| self.unusable(error))
    }
}

fn find(path: &Path, rng: &dyn SecureRng) -> io::Result<CredentialSecret> {
    match read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(path, rng),
        read => read,
    }
}

fn read(path: &Path) -> io::Result<CredentialSecret> {
    let meta = fs::symlink_metadata(path)?;
    let mode = meta.permissions().mode() & 0o777;
    if !meta.is_file() || mode & 0o077 != 0 {
        return Err(io::Error::other(format!("{} is no file that only you can read", path.display())));
    }
    let mut text = String::new();
    fs::File::open(path)?.take(MAX_SECRET).read_to_string(&mut text)?;
    let secret = CredentialSecret::from(text);
    let is_good = secret.expose().len() >= 32 && secret.expose().bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_good { Ok(secret) } else { Err(io::Error::other(format!("{} holds no secret", path.display()))) }
}

/// Makes the secret; of processes that race, one wins and all read what it wrote.
fn make(path: &Path, rng: &dyn SecureRng) -> io::Result<CredentialSecret> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let secret = CredentialSecret::from(hex(&random_array::<32>(rng)));
    let new = path.with_extension(hex(&random_array::<8>(rng)));
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(secret.expose().as_bytes())?;
        file.sync_all()?;
        fs::hard_link(&new, path)
    })();
    fs::remove_file(&new)
        .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })?;
    match written {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => read(path),
    }
}
