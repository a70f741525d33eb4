//! The broker's own tokens: signed JWTs that say what is granted, from an issuer whose keys are in a folder.

mod documents;
mod mint;
mod revoke;
mod revoked;
mod serve;
mod shape;

pub use documents::token_document;
pub use revoked::{FileRevocationStore, RevocationFileError};

use audex_core::{
    CredentialProvider, Health, MintOrder, Minted, ProviderError, ProviderFault, ProviderFuture, Revocation,
    RevokeOrder, Shape,
};
use audex_policy::{Grant, Provider, Refusal};
use axess_clock::Clock;
use axess_local_idp::{
    FileLocalIdpKeyStore, IssuerUrl, JwkSet, LocalIdp, LocalIdpConfig, LocalIdpKeyStore, LocalVerifier,
    TokenType,
};
use axess_rng::SecureRng;
use chrono::TimeDelta;
use ipnet::IpNet;
use std::{fmt, path::PathBuf, sync::Arc};
use tokio::sync::OnceCell;

/// The name of the part that holds the token.
pub const TOKEN_VARIABLE: &str = "AUDEX_TOKEN";
/// The client that tokens are issued to (RFC 9068 §2.2).
pub const CLIENT_ID: &str = "tryaudex";
/// Where the issuer is unless somebody says otherwise.
pub const DEFAULT_ISSUER: &str = "http://127.0.0.1:7425";
/// The longest lifetime of a token.
const MAX_LIFETIME: TimeDelta = TimeDelta::hours(12);

/// How the broker's own tokens are issued.
///
/// ```
/// use audex_providers::local::LocalProviderConfig;
/// let config = LocalProviderConfig::new("/home/alice/.local/share/audex/issuer");
/// assert_eq!(config.issuer.as_str(), "http://127.0.0.1:7425");
/// assert_eq!(config.audience, "audex");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalProviderConfig {
    /// Who issues: the URL that verifiers find the keys under. Default: [`DEFAULT_ISSUER`].
    pub issuer: IssuerUrl,
    /// The service that tokens are for when a request names none. Default: `audex`.
    pub audience: String,
    /// Where the keys and the revoked ids are kept; made with mode 0700.
    pub folder: PathBuf,
    /// Says that every service asks the introspection endpoint, so that a revoked token is dead. Default: no.
    pub verifiers_introspect: bool,
}

/// Mints the broker's own tokens.
///
/// Nothing is read or made before the first verb that needs the keys. Clones are one issuer, and so are processes with
/// the same folder.
///
/// ```
/// use audex_providers::local::{LocalProvider, LocalProviderConfig};
/// use axess_clock::SystemClock;
/// use axess_rng::SystemRng;
/// use std::sync::Arc;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// # let folder = std::env::temp_dir().join(format!("audex-doc-issuer-{}", std::process::id()));
/// let config = LocalProviderConfig::new(&folder);
/// let provider = LocalProvider::new(config, Arc::new(SystemClock), Arc::new(SystemRng));
/// assert_eq!(provider.jwks().await.unwrap().keys.len(), 1);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # });
/// ```
#[derive(Clone)]
pub struct LocalProvider {
    config: Arc<LocalProviderConfig>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn SecureRng>,
    idp: Arc<OnceCell<LocalIdp>>,
    #[cfg(feature = "keyring")]
    keyring: Option<axess_keyring::Keyring>,
}

impl LocalProviderConfig {
    /// Makes the default configuration, with the keys in `folder`.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        #[expect(clippy::expect_used, reason = "a constant, which a test parses")]
        let issuer = DEFAULT_ISSUER.parse().expect("an issuer");
        Self { issuer, audience: "audex".to_owned(), folder: folder.into(), verifiers_introspect: false }
    }
}

impl LocalProvider {
    /// Makes a provider.
    pub fn new(config: LocalProviderConfig, clock: Arc<dyn Clock>, rng: Arc<dyn SecureRng>) -> Self {
        Self {
            config: Arc::new(config),
            clock,
            rng,
            idp: Arc::new(OnceCell::new()),
            #[cfg(feature = "keyring")]
            keyring: None,
        }
    }

    /// Keeps the keys in a keyring instead of the folder; those that are in the folder are moved when they are used next.
    #[cfg(feature = "keyring")]
    #[must_use]
    pub fn with_keyring(self, keyring: axess_keyring::Keyring) -> Self {
        Self { keyring: Some(keyring), idp: Arc::new(OnceCell::new()), ..self }
    }

    /// Returns the configuration.
    pub fn config(&self) -> &LocalProviderConfig {
        &self.config
    }

    /// Returns the public keys as they are published now.
    ///
    /// # Errors
    ///
    /// [`ProviderError`] when the keys cannot be read or made.
    pub async fn jwks(&self) -> Result<JwkSet, ProviderError> {
        self.idp().await?.jwks().await.map_err(|error| self.unusable(error))
    }

    /// Verifies tokens for one audience, and knows those that were revoked.
    ///
    /// # Errors
    ///
    /// As [`jwks`](Self::jwks).
    pub async fn verifier(&self, audience: &str) -> Result<LocalVerifier, ProviderError> {
        Ok(self.idp().await?.verifier(audience).of_type(TokenType::AccessToken))
    }

    /// Rotates the keys when that is due, and deletes those that are gone.
    ///
    /// Whoever serves the issuer calls it every hour or so.
    ///
    /// # Errors
    ///
    /// [`ProviderError`] when the keys cannot be read or changed.
    pub async fn maintain(&self) -> Result<(), ProviderError> {
        self.idp().await?.maintain().await.map(drop).map_err(|error| self.unusable(error))
    }

    /// Opens the issuer at the first call.
    async fn idp(&self) -> Result<&LocalIdp, ProviderError> {
        self.idp.get_or_try_init(|| self.open()).await
    }

    async fn open(&self) -> Result<LocalIdp, ProviderError> {
        let (folder, place) = (self.config.folder.clone(), self.clone());
        let opened = tokio::task::spawn_blocking(move || {
            let keys = place.open_keys()?;
            let revoked = FileRevocationStore::open(folder.join("revoked"))
                .map_err(|error| Box::new(error) as BoxError)?;
            Ok::<_, BoxError>((keys, revoked))
        });
        let (keys, revoked) =
            opened.await.map_err(|error| self.unusable(error))?.map_err(|error| self.unusable(error))?;
        let config =
            LocalIdpConfig { max_lifetime: MAX_LIFETIME, ..LocalIdpConfig::new(self.config.issuer.clone()) };
        let (clock, rng) = (Arc::clone(&self.clock), Arc::clone(&self.rng));
        let idp = LocalIdp::from_key_store(config, keys, clock, rng)
            .await
            .map_err(|error| self.unusable(error))?
            .with_revocations(Arc::new(revoked));
        // The keys that are there are good for a while yet: a rotation that fails is for the next time.
        if let Err(error) = idp.maintain().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the issuer's keys could not be maintained"
            );
        }
        Ok(idp)
    }

    fn open_keys(&self) -> Result<Arc<dyn LocalIdpKeyStore>, BoxError> {
        let folder = &self.config.folder;
        #[cfg(feature = "keyring")]
        if let Some(keyring) = &self.keyring {
            return Ok(Arc::new(axess_local_idp::KeyringLocalIdpKeyStore::open(folder, keyring.clone())?));
        }
        Ok(Arc::new(FileLocalIdpKeyStore::open(folder)?))
    }

    fn unusable(&self, source: impl Into<BoxError>) -> ProviderError {
        let folder = self.config.folder.display();
        let hint = format!("see that {folder} is a folder of your own with mode 0700, on a disk with room");
        #[cfg(feature = "keyring")]
        let hint = match self.keyring {
            Some(_) => format!("{hint}, and that the keyring is unlocked"),
            None => hint,
        };
        ProviderError::new(ProviderFault::Unreachable, format!("the issuer in {folder} cannot be used"))
            .with_nothing_issued()
            .with_hint(hint)
            .with_source(source)
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl CredentialProvider for LocalProvider {
    fn provider(&self) -> Provider {
        Provider::Local
    }

    fn default_target(&self) -> Option<&str> {
        Some(&self.config.audience)
    }

    fn shape(&self, grant: &Grant, target: Option<&str>, sources: &[IpNet]) -> Result<Shape, Refusal> {
        shape::shape(&self.config, grant, target, sources)
    }

    /// It signs with a key of its own.
    fn mints_offline(&self) -> bool {
        true
    }

    fn mint<'a>(&'a self, order: &'a MintOrder) -> ProviderFuture<'a, Minted> {
        Box::pin(mint::mint(self, order))
    }

    fn revoke<'a>(&'a self, order: &'a RevokeOrder) -> ProviderFuture<'a, Revocation> {
        Box::pin(revoke::revoke(self, order))
    }

    /// Revokes the tokens of a session that is over: only a file is written.
    fn retire<'a>(&'a self, order: &'a RevokeOrder) -> ProviderFuture<'a, Revocation> {
        self.revoke(order)
    }

    fn check(&self) -> ProviderFuture<'_, Health> {
        Box::pin(async {
            self.idp().await?.keys().await.map_err(|error| self.unusable(error))?;
            Ok(Health { identity: Some(self.config.issuer.to_string()), notes: Vec::new() })
        })
    }
}

impl fmt::Debug for LocalProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalProvider").field("config", &self.config).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
