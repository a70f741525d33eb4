use super::{ApprovalSigner, ServerAddress, signing};
use crate::{
    exit::{Exit, Failure},
    key_store::KeyStore,
};
use audex_core::CredentialSecret;
use axess_rng::{SecureRng, random_array};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Keeps what logins gave, one for each server.
///
/// ```
/// use audex_cli::{key_store::KeyStore, remote::Logins};
/// let data = tempfile::tempdir().unwrap();
/// let logins = Logins::new(KeyStore::File, data.path());
/// let server = "https://audex.example.com".parse().unwrap();
/// assert!(logins.find(&server).unwrap().is_none());
/// ```
#[derive(Debug, Clone)]
pub struct Logins {
    store: KeyStore,
    folder: PathBuf,
}

/// What a login gave.
///
/// ```
/// fn is_over(login: &audex_cli::remote::Login, now: chrono::DateTime<chrono::Utc>) -> bool {
///     login.expires_at.is_some_and(|expiry| expiry <= now)
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Login {
    /// Who we are to the server.
    pub email: String,
    /// The token that says so.
    pub token: CredentialSecret,
    /// When it stops working, where that is known.
    pub expires_at: Option<DateTime<Utc>>,
    /// Whether the token was given to us: then others may use it too, and it is not ours to revoke.
    pub is_given: bool,
}

/// What is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    server: String,
    email: String,
    token: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<DateTime<Utc>>,
    #[serde(default)]
    is_given: bool,
}

impl Drop for Kept {
    fn drop(&mut self) {
        drop(Zeroizing::new(std::mem::take(&mut self.token)));
    }
}

impl Logins {
    /// Keeps them below a folder, or in the keyring under the names that files there would have.
    pub fn new(store: KeyStore, data: &Path) -> Self {
        Self { store, folder: data.join("servers") }
    }

    /// Finds the login to a server.
    ///
    /// # Errors
    ///
    /// [`Exit::LocalState`] where it cannot be read.
    pub fn find(&self, server: &ServerAddress) -> Result<Option<Login>, Failure> {
        let path = self.path(server, "login.json");
        let Some(text) = self.store.read_secret(&path)? else { return Ok(None) };
        let mut kept: Kept = serde_json::from_str(&text).map_err(|_| {
            Failure::new(Exit::LocalState, format!("{} cannot be read", path.display()))
                .with_help(format!("tryaudex login --server {server}"))
        })?;
        Ok(Some(Login {
            email: kept.email.clone(),
            token: std::mem::take(&mut kept.token).into(),
            expires_at: kept.expires_at,
            is_given: kept.is_given,
        }))
    }

    /// Keeps a login.
    ///
    /// # Errors
    ///
    /// [`Exit::LocalState`].
    pub fn keep(&self, server: &ServerAddress, login: &Login) -> Result<(), Failure> {
        let kept = Kept {
            server: server.to_string(),
            email: login.email.clone(),
            token: login.token.expose().to_owned(),
            expires_at: login.expires_at,
            is_given: login.is_given,
        };
        let text = serde_json::to_string(&kept).map(Zeroizing::new);
        let text = text.map_err(|error| Failure::of(Exit::Bug, &error))?;
        self.store.write_secret(&self.path(server, "login.json"), &text)
    }

    /// Forgets a login; says whether there was one.
    ///
    /// The approval key stays: it is the same person's next time.
    ///
    /// # Errors
    ///
    /// [`Exit::LocalState`].
    pub fn forget(&self, server: &ServerAddress) -> Result<bool, Failure> {
        self.store.remove_secret(&self.path(server, "login.json"))
    }

    /// Returns the key that decisions are signed with, if there is one.
    ///
    /// # Errors
    ///
    /// [`Exit::LocalState`].
    pub fn signer(&self, server: &ServerAddress) -> Result<Option<ApprovalSigner>, Failure> {
        let path = self.path(server, "approval.key");
        let Some(text) = self.store.read_secret(&path)? else { return Ok(None) };
        let signer = signing::seed(&text).and_then(|seed| ApprovalSigner::new(&seed).ok());
        signer.map(Some).ok_or_else(|| {
            Failure::new(Exit::LocalState, format!("{} holds no key", path.display()))
                .with_help("remove it, and log in again")
        })
    }

    /// Returns that key, and makes it where there is none.
    ///
    /// # Errors
    ///
    /// [`Exit::LocalState`].
    pub fn signer_or_new(
        &self,
        server: &ServerAddress,
        rng: &dyn SecureRng,
    ) -> Result<ApprovalSigner, Failure> {
        if let Some(signer) = self.signer(server)? {
            return Ok(signer);
        }
        let seed = Zeroizing::new(random_array::<32>(rng));
        self.store.write_secret(&self.path(server, "approval.key"), &signing::written(&seed))?;
        ApprovalSigner::new(&seed).map_err(|error| Failure::of(Exit::Bug, &error))
    }

    /// Forgets that key.
    ///
    /// # Errors
    ///
    /// [`Exit::LocalState`].
    pub fn forget_signer(&self, server: &ServerAddress) -> Result<bool, Failure> {
        self.store.remove_secret(&self.path(server, "approval.key"))
    }

    fn path(&self, server: &ServerAddress, file: &str) -> PathBuf {
        self.folder.join(server.folder()).join(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axess_rng::MockRng;

    #[test]
    fn each_server_has_its_own_login_and_key() {
        let data = tempfile::tempdir().unwrap();
        let logins = Logins::new(KeyStore::File, data.path());
        let (one, other): (ServerAddress, ServerAddress) =
            ("https://a.example".parse().unwrap(), "https://b.example".parse().unwrap());
        let login = Login {
            email: "a@example.com".to_owned(),
            token: "audx_1".into(),
            expires_at: None,
            is_given: true,
        };
        logins.keep(&one, &login).unwrap();
        assert_eq!(logins.find(&one).unwrap().unwrap().token.expose(), "audx_1");
        assert!(logins.find(&one).unwrap().unwrap().is_given);
        assert!(logins.find(&other).unwrap().is_none());
        let rng = MockRng::new(1);
        let id = logins.signer_or_new(&one, &rng).unwrap().id();
        assert_eq!(logins.signer_or_new(&one, &rng).unwrap().id(), id);
        assert_ne!(logins.signer_or_new(&other, &rng).unwrap().id(), id);
        assert!(logins.forget(&one).unwrap() && !logins.forget(&one).unwrap());
        assert_eq!(logins.signer(&one).unwrap().unwrap().id(), id);
    }
}
