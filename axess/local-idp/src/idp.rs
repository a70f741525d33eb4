//! The issuer: what a program holds.

mod keys;
#[cfg(test)]
mod tests;

use crate::{
    ConfigError, IntrospectionCaller, IntrospectionResponse, IssuanceEvent, IssuanceListener, JwkSet,
    KeyInfo, KeyRingError, LocalIdpConfig, LocalIdpKeyStore, LocalIdpSigningKey, LocalVerifier,
    MemoryRevocationStore, MintClaims, MintError, MintedToken, RevocationStore, Rotation, TokenType,
    VerifiedClaims, VerifyError,
    key_ring::later,
    mint,
    verify::{self, Expected},
};
use axess_clock::Clock;
use axess_core::store::{ReplayKey, StoreError};
use axess_rng::SecureRng;
use keys::Keys;
use std::{fmt, sync::Arc};

/// Issues tokens under keys of its own.
///
/// Clones are one issuer. Several processes that share a key store are one issuer too: they agree on the keys without talking to each other.
/// A process goes on for [`propagation`](LocalIdpConfig::propagation) while the store cannot be read, because no key can
/// begin to sign sooner than that; then it stops.
///
/// ```
/// use axess_clock::SystemClock;
/// use axess_local_idp::{Expiry, LocalIdp, LocalIdpConfig, MemoryLocalIdpKeyStore, MintClaims};
/// use axess_rng::SystemRng;
/// use std::sync::Arc;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let config = LocalIdpConfig::new("https://id.example.com".parse()?);
/// let store = Arc::new(MemoryLocalIdpKeyStore::new());
/// let idp = LocalIdp::from_key_store(config, store, Arc::new(SystemClock), Arc::new(SystemRng)).await?;
/// let claims = MintClaims::new("worker-1", Expiry::Default).with_audience("https://api.example.com");
/// let minted = idp.mint(&claims).await?;
/// let verified = idp.verifier("https://api.example.com").verify(minted.token.expose()).await?;
/// assert_eq!(verified.subject(), "worker-1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct LocalIdp {
    config: Arc<LocalIdpConfig>,
    keys: Arc<Keys>,
    revocations: Arc<dyn RevocationStore>,
    listener: Option<Arc<dyn IssuanceListener>>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn SecureRng>,
}

/// Says what the issuer could not do with its keys.
///
/// ```
/// use axess_local_idp::LocalIdpError;
/// assert_eq!(LocalIdpError::Contended.to_string(), "other processes kept changing the key ring");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum LocalIdpError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The key store failed.
    #[error("the key store failed")]
    Store(#[from] StoreError),
    /// The ring of keys is unusable.
    #[error("the key ring is unusable")]
    Ring(#[from] KeyRingError),
    /// The key store is empty, although it held a ring before.
    #[error("the key ring is gone from its store")]
    Lost,
    /// Other processes kept changing the ring.
    #[error("other processes kept changing the key ring")]
    Contended,
}

impl LocalIdp {
    /// Opens an issuer whose keys are in `store`; makes the first key if there is none.
    ///
    /// # Errors
    ///
    /// [`LocalIdpError`] when the configuration is wrong, or the keys cannot be read or made.
    pub async fn from_key_store(
        config: LocalIdpConfig,
        store: Arc<dyn LocalIdpKeyStore>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn SecureRng>,
    ) -> Result<Self, LocalIdpError> {
        config.check()?;
        let config = Arc::new(config);
        let keys = Keys::open(store, Arc::clone(&config), Arc::clone(&clock), Arc::clone(&rng)).await?;
        Ok(Self {
            config,
            keys: Arc::new(keys),
            revocations: Arc::new(MemoryRevocationStore::new()),
            listener: None,
            clock,
            rng,
        })
    }

    /// Keeps revoked tokens in `revocations`; without it, in the memory of this process.
    #[must_use]
    pub fn with_revocations(self, revocations: Arc<dyn RevocationStore>) -> Self {
        Self { revocations, ..self }
    }

    /// Tells `listener` of each token.
    #[must_use]
    pub fn with_issuance_listener(self, listener: Arc<dyn IssuanceListener>) -> Self {
        Self { listener: Some(listener), ..self }
    }

    /// Returns the configuration.
    #[must_use]
    pub fn config(&self) -> &LocalIdpConfig {
        &self.config
    }

    /// Issues a token.
    ///
    /// # Errors
    ///
    /// [`MintError`] when the claims break a rule, or no key can sign.
    pub async fn mint(&self, claims: &MintClaims) -> Result<MintedToken, MintError> {
        let now = self.clock.now();
        let ring = self.keys.current(now).await.map_err(|error| MintError::Keys(Box::new(error)))?;
        let active = ring.active(now).ok_or_else(|| MintError::Keys(Box::new(LocalIdpError::Lost)))?;
        let minted = mint::issue(&self.config, active, claims, now, &self.rng)?;
        if let Some(listener) = &self.listener {
            listener.issued(&IssuanceEvent::new(claims, &minted));
        }
        Ok(minted)
    }

    /// Verifies tokens for one audience.
    #[must_use]
    pub fn verifier(&self, audience: impl Into<String>) -> LocalVerifier {
        LocalVerifier::new(self.clone(), audience.into())
    }

    /// Answers about a token (RFC 7662).
    ///
    /// Anything doubtful is inactive, and nothing says why.
    pub async fn introspect(&self, token: &str, caller: &IntrospectionCaller) -> IntrospectionResponse {
        match self.check(token, caller.audience.as_deref(), None).await {
            Ok(claims) => IntrospectionResponse::active(&claims),
            Err(error) => {
                if matches!(error, VerifyError::Keys(_) | VerifyError::RevocationUnknown(_)) {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "a token could not be introspected"
                    );
                }
                IntrospectionResponse::inactive()
            }
        }
    }

    /// Ends a token before its time, by its id.
    ///
    /// What verifies with the JWKS alone does not hear of it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when it could not be recorded.
    pub async fn revoke(&self, jwt_id: &str) -> Result<(), StoreError> {
        let now = self.clock.now();
        // No token that is valid now can outlive this.
        let until = later(now, self.keys.longest());
        self.revocations.revoke(self.name(jwt_id), until, now).await
    }

    /// Returns the public keys as they are published now.
    ///
    /// # Errors
    ///
    /// [`LocalIdpError`] when the keys cannot be read.
    pub async fn jwks(&self) -> Result<JwkSet, LocalIdpError> {
        let now = self.clock.now();
        Ok(self.keys.current(now).await?.jwks(now))
    }

    /// Lists the keys and their states, oldest first.
    ///
    /// # Errors
    ///
    /// [`LocalIdpError`] when the keys cannot be read.
    pub async fn keys(&self) -> Result<Vec<KeyInfo>, LocalIdpError> {
        let now = self.clock.now();
        Ok(self.keys.current(now).await?.infos(now))
    }

    /// Publishes a new key, which signs after [`propagation`](LocalIdpConfig::propagation).
    ///
    /// It can be repeated, after a crash too: while a new key waits, there is no second one.
    ///
    /// # Errors
    ///
    /// [`LocalIdpError`] when the key cannot be made or stored; nothing has changed then.
    pub async fn rotate(&self) -> Result<Rotation, LocalIdpError> {
        self.keys.rotate(None).await
    }

    /// Publishes a key of the caller's, as [`rotate`](Self::rotate) does with a new one.
    ///
    /// # Errors
    ///
    /// As [`rotate`](Self::rotate); [`KeyRingError::Known`] for a key that is in the ring.
    pub async fn rotate_signing_key(&self, key: LocalIdpSigningKey) -> Result<Rotation, LocalIdpError> {
        self.keys.rotate(Some(Arc::new(key))).await
    }

    /// Does what is due: rotates when the newest key is old enough, and deletes the keys that are gone.
    ///
    /// Call it once when the program starts and then every hour or so, in every process. Returns the rotation, if one was due.
    ///
    /// # Errors
    ///
    /// As [`rotate`](Self::rotate).
    pub async fn maintain(&self) -> Result<Option<Rotation>, LocalIdpError> {
        self.keys.maintain().await
    }

    /// Takes a key out of use at once, because others may have it: what it signed verifies no more.
    ///
    /// If it was the one that signs, the waiting key or else a new one takes over without being announced. Other processes
    /// hear of it within a minute, and whoever caches the JWKS when it asks again.
    ///
    /// # Errors
    ///
    /// [`KeyRingError::Unknown`] for a key that is not in the ring; otherwise as [`rotate`](Self::rotate).
    pub async fn withdraw(&self, kid: &str) -> Result<(), LocalIdpError> {
        self.keys.withdraw(kid).await
    }

    /// Verifies a token but for what it is bound to.
    pub(crate) async fn check(
        &self,
        token: &str,
        audience: Option<&str>,
        token_type: Option<TokenType>,
    ) -> Result<VerifiedClaims, VerifyError> {
        let now = self.clock.now();
        let ring = self.keys.current(now).await.map_err(|error| VerifyError::Keys(Box::new(error)))?;
        let (issuer, leeway) = (self.config.issuer.as_str(), self.config.leeway);
        let claims = verify::check(token, &ring, &Expected { issuer, audience, token_type, leeway }, now)?;
        let revoked = self.revocations.is_revoked(self.name(claims.jwt_id()), now).await;
        match revoked.map_err(VerifyError::RevocationUnknown)? {
            true => Err(VerifyError::Revoked),
            false => Ok(claims),
        }
    }

    fn name(&self, jwt_id: &str) -> ReplayKey {
        ReplayKey::new(self.config.issuer.as_str(), jwt_id)
    }
}

impl fmt::Debug for LocalIdp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalIdp").field("config", &self.config).finish_non_exhaustive()
    }
}
