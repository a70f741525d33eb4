//! An issuer inside a test. **Never for production**: its keys are in memory and rotate at once.

use crate::{
    IssuanceEvent, IssuanceListener, JwkSet, LocalIdp, LocalIdpConfig, LocalIdpSigningKey, LocalVerifier,
    MemoryLocalIdpKeyStore, MintClaims, MintedToken, SigningAlgorithm,
};
use axess_clock::{Clock, SystemClock};
use axess_identity::WorkloadId;
use axess_rng::SystemRng;
use chrono::TimeDelta;
use std::{
    pin::pin,
    sync::{Arc, Mutex, PoisonError, RwLock},
    task::{Context, Poll, Waker},
};

/// Issues tokens in a test: a value without HTTP, over the very issuer that runs in production.
///
/// Its methods wait for nothing and panic on misuse.
///
/// ```
/// use axess_local_idp::{Expiry, MintClaims, testing::LocalIdpFixture};
/// let idp = LocalIdpFixture::new("https://id.example.com");
/// let minted = idp.mint(&MintClaims::new("alice", Expiry::Default).with_audience("https://api.example.com"));
/// assert_eq!(idp.jwks().keys[0].kid, minted.key_id);
/// ```
#[derive(Debug, Clone)]
pub struct LocalIdpFixture {
    idp: LocalIdp,
    store: MemoryLocalIdpKeyStore,
    jwks: Arc<RwLock<JwkSet>>,
    clock: Arc<dyn Clock>,
}

/// Records what was issued.
///
/// ```
/// use axess_local_idp::{Expiry, MintClaims, testing::{LocalIdpFixture, MockIssuanceListener}};
/// let listener = MockIssuanceListener::default();
/// let idp = LocalIdpFixture::new("https://id.example.com").with_issuance_listener(listener.clone());
/// idp.mint(&MintClaims::new("alice", Expiry::Default).with_audience("https://api.example.com"));
/// assert_eq!(listener.events()[0].subject, "alice");
/// ```
#[derive(Debug, Clone, Default)]
pub struct MockIssuanceListener {
    events: Arc<Mutex<Vec<IssuanceEvent>>>,
}

impl LocalIdpFixture {
    /// Creates an issuer with a new RSA key, as most issuers of others have; tokens last up to an hour.
    ///
    /// # Panics
    ///
    /// When `issuer` is no issuer URL.
    #[must_use]
    pub fn new(issuer: &str) -> Self {
        Self::with_algorithm(issuer, SigningAlgorithm::Rs256)
    }

    /// Creates an issuer with a new key.
    ///
    /// # Panics
    ///
    /// When `issuer` is no issuer URL.
    #[must_use]
    pub fn with_algorithm(issuer: &str, algorithm: SigningAlgorithm) -> Self {
        Self::with_signing_key(issuer, made(LocalIdpSigningKey::generate(algorithm, &SystemRng)))
    }

    /// Creates an issuer with a key of the test's.
    ///
    /// # Panics
    ///
    /// When `issuer` is no issuer URL.
    #[must_use]
    pub fn with_signing_key(issuer: &str, key: LocalIdpSigningKey) -> Self {
        let algorithm = key.algorithm();
        let config = LocalIdpConfig {
            algorithm,
            propagation: TimeDelta::zero(),
            ..LocalIdpConfig::new(made(issuer.parse()))
        };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let ring = crate::key_ring::KeyRing::new(Arc::new(key), config.max_lifetime, clock.now());
        let store = MemoryLocalIdpKeyStore::holding(made(ring.encode()));
        Self::open(config, store, clock)
    }

    /// Takes the time from `clock`.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self::open(self.idp.config().clone(), self.store, clock)
    }

    /// Limits the lifetime of tokens; a claim for more panics.
    ///
    /// # Panics
    ///
    /// When `most` is no whole number of seconds from 1 second to 24 hours.
    #[must_use]
    pub fn with_max_ttl(self, most: TimeDelta) -> Self {
        let config = self.idp.config().clone();
        let default_lifetime = config.default_lifetime.min(most);
        let rotate_every = config.rotate_every.max(most);
        let config = LocalIdpConfig { max_lifetime: most, default_lifetime, rotate_every, ..config };
        Self::open(config, self.store, self.clock)
    }

    /// Tells `listener` of each token.
    #[must_use]
    pub fn with_issuance_listener(self, listener: impl IssuanceListener) -> Self {
        Self { idp: self.idp.with_issuance_listener(Arc::new(listener)), ..self }
    }

    /// Signs with `key` from now on; the key before stays published.
    ///
    /// # Panics
    ///
    /// When the key is in use already, or there are too many.
    pub fn rotate_signing_key(&self, key: LocalIdpSigningKey) {
        made(wait(self.idp.rotate_signing_key(key)));
        self.publish();
    }

    /// Issues a token.
    ///
    /// # Panics
    ///
    /// When the claims break a rule.
    #[must_use]
    pub fn mint(&self, claims: &MintClaims) -> MintedToken {
        made(wait(self.idp.mint(claims)))
    }

    /// Issues a JWT-SVID.
    ///
    /// # Panics
    ///
    /// When the lifetime is longer than allowed.
    #[must_use]
    pub fn mint_jwt_svid(&self, workload: &WorkloadId, audience: &str, lifetime: TimeDelta) -> MintedToken {
        self.mint(&MintClaims::jwt_svid(workload, lifetime).with_audience(audience))
    }

    /// Returns the published keys.
    #[must_use]
    pub fn jwks(&self) -> JwkSet {
        made(wait(self.idp.jwks()))
    }

    /// Returns a handle to the published keys that follows [`rotate_signing_key`](Self::rotate_signing_key).
    #[must_use]
    pub fn jwks_handle(&self) -> Arc<RwLock<JwkSet>> {
        Arc::clone(&self.jwks)
    }

    /// Returns the algorithms of the published keys.
    #[must_use]
    pub fn verifier_algorithms(&self) -> Vec<SigningAlgorithm> {
        let keys = self.jwks().keys;
        SigningAlgorithm::ALL.into_iter().filter(|alg| keys.iter().any(|key| key.alg == *alg)).collect()
    }

    /// Verifies tokens for one audience.
    #[must_use]
    pub fn verifier(&self, audience: &str) -> LocalVerifier {
        self.idp.verifier(audience)
    }

    /// Returns the issuer itself: its router, say.
    #[must_use]
    pub fn idp(&self) -> &LocalIdp {
        &self.idp
    }

    fn open(config: LocalIdpConfig, store: MemoryLocalIdpKeyStore, clock: Arc<dyn Clock>) -> Self {
        let keys = Arc::new(store.clone());
        let opened = LocalIdp::from_key_store(config, keys, Arc::clone(&clock), Arc::new(SystemRng));
        let fixture = Self { idp: made(wait(opened)), store, jwks: Arc::default(), clock };
        fixture.publish();
        fixture
    }

    fn publish(&self) {
        *self.jwks.write().unwrap_or_else(PoisonError::into_inner) = self.jwks();
    }
}

impl MockIssuanceListener {
    /// Returns what was issued so far.
    #[must_use]
    pub fn events(&self) -> Vec<IssuanceEvent> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl IssuanceListener for MockIssuanceListener {
    fn issued(&self, event: &IssuanceEvent) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
    }
}

#[expect(clippy::panic, reason = "a fixture that is misused fails its test")]
fn made<T, E: std::error::Error>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| panic!("{error}: {:?}", error.source()))
}

/// Runs a future to its end. With everything in memory it waits for other threads of the test at most.
fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(tokio::task::unconstrained(future));
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::yield_now(),
        }
    }
}
