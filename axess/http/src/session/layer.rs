use super::{FingerprintConfig, FingerprintPolicy, SessionService, fingerprint::Fingerprinter};
use crate::{
    ClientIpConfig, CookieKeyRing, DeviceCookie, ForwardedHeader, SameSite, SessionCookie,
    SessionCookieConfig, TrustedProxies,
};
use axess_clock::Clock;
use axess_core::{
    audit::{AuditSink, Emitter},
    metrics::{AuthnMetrics, NoMetrics},
    session::{SessionCrypto, Sessions},
    store::{self, DynSessionRegistry},
};
use axess_identity::SigningKey;
use axess_rng::{SecureRng, SystemRng, random_array};
use std::{sync::Arc, time::Duration};
use tower::Layer;

/// Gives every request a session: a tower layer for axum routers.
///
/// Put it outside whatever uses the session (guards, CSRF, rate limits by user) and inside what does not need it.
///
/// ```
/// use axess_core::memory::InMemorySessionStore;
/// use axess_http::SessionLayer;
/// use std::time::Duration;
/// let key = [7u8; 32]; // in production: 32 random bytes from a secret store, the same on every instance
/// let layer = SessionLayer::new(InMemorySessionStore::new(), key)
///     .with_ttl(Duration::from_secs(86_400))
///     .with_absolute_ttl(Duration::from_secs(7 * 86_400));
/// let app: axum::Router = axum::Router::new().layer(layer);
/// ```
#[derive(Clone)]
pub struct SessionLayer {
    sessions: Sessions,
    signing_key: SigningKey,
    previous_keys: Vec<SigningKey>,
    ring: Option<CookieKeyRing>,
    cookie: SessionCookieConfig,
    device_cookie: Option<DeviceCookie>,
    client_ip: ClientIpConfig,
    fingerprint: FingerprintConfig,
    policy: FingerprintPolicy,
    audit: Option<Arc<dyn AuditSink>>,
    metrics: Arc<dyn AuthnMetrics>,
}

/// What every request needs, made once.
pub(super) struct Shell {
    pub(super) sessions: Sessions,
    pub(super) cookie: SessionCookie,
    pub(super) device_cookie: Option<DeviceCookie>,
    pub(super) client_ip: ClientIpConfig,
    pub(super) fingerprinter: Fingerprinter,
    pub(super) policy: FingerprintPolicy,
    pub(super) audit: Option<Emitter>,
    pub(super) metrics: Arc<dyn AuthnMetrics>,
}

impl SessionLayer {
    /// Keeps sessions in `store` and signs their cookies with `signing_key`.
    ///
    /// The key is 32 random bytes, the same on every instance and over restarts.
    ///
    /// A key of zeros is a placeholder that everybody knows. It is replaced by a random one, with a warning: the
    /// sessions of such a process end with it.
    pub fn new(store: impl store::SessionStore, signing_key: [u8; 32]) -> Self {
        let signing_key = if signing_key == [0; 32] {
            tracing::warn!(
                "the signing key is a placeholder; sessions will not survive a restart of this process"
            );
            random_array(&SystemRng)
        } else {
            signing_key
        };
        Self {
            sessions: Sessions::new(store),
            signing_key: signing_key.into(),
            previous_keys: Vec::new(),
            ring: None,
            cookie: SessionCookieConfig::default(),
            device_cookie: None,
            client_ip: ClientIpConfig::default(),
            fingerprint: FingerprintConfig::default(),
            policy: FingerprintPolicy::default(),
            audit: None,
            metrics: Arc::new(NoMetrics),
        }
    }

    /// Adds a key that still verifies cookies but signs none: the key of before a rotation.
    #[must_use]
    pub fn with_previous_key(mut self, key: [u8; 32]) -> Self {
        self.previous_keys.push(key.into());
        self
    }

    /// Signs and verifies with a ring that can be rotated while the application runs.
    ///
    /// Fingerprints stay under the key given to [`SessionLayer::new`]: when that key changes as well, name the old one with
    /// [`SessionLayer::with_previous_key`], or the sessions bound under it look like other browsers'.
    #[must_use]
    pub fn with_key_ring(mut self, ring: CookieKeyRing) -> Self {
        self.ring = Some(ring);
        self
    }

    /// Sets the lifetime since the last write.
    ///
    /// Default: 24 hours.
    #[must_use]
    pub fn with_ttl(self, ttl: Duration) -> Self {
        self.with_sessions(|sessions| sessions.with_ttl(ttl))
    }

    /// Sets a lifetime since the session began that no activity extends.
    ///
    /// Default: none.
    #[must_use]
    pub fn with_absolute_ttl(self, ttl: Duration) -> Self {
        self.with_sessions(|sessions| sessions.with_absolute_ttl(ttl))
    }

    /// Seals sessions at rest.
    #[must_use]
    pub fn with_crypto(self, crypto: SessionCrypto) -> Self {
        self.with_sessions(|sessions| sessions.with_crypto(crypto))
    }

    /// Refuses authenticated sessions that are not in `registry`.
    #[must_use]
    pub fn with_registry(self, registry: Arc<dyn DynSessionRegistry>) -> Self {
        self.with_sessions(|sessions| sessions.with_registry(registry))
    }

    /// Injects the clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        self.with_sessions(|sessions| sessions.with_clock(clock))
    }

    /// Injects the randomness.
    #[must_use]
    pub fn with_rng(self, rng: Arc<dyn SecureRng>) -> Self {
        self.with_sessions(|sessions| sessions.with_rng(rng))
    }

    /// Sets whether the browser sends the cookie over HTTPS only.
    ///
    /// Default: yes; switch it off for development only.
    #[must_use]
    pub fn with_secure(mut self, secure: bool) -> Self {
        self.cookie.secure = secure;
        self
    }

    /// Sets when the browser sends the cookie with requests caused by other sites.
    ///
    /// Default: [`SameSite::Lax`].
    #[must_use]
    pub fn with_same_site(mut self, same_site: SameSite) -> Self {
        self.cookie.same_site = same_site;
        self
    }

    /// Replaces all settings of the cookie.
    #[must_use]
    pub fn with_cookie(mut self, cookie: SessionCookieConfig) -> Self {
        self.cookie = cookie;
        self
    }

    /// Reads the cookie of trusted devices, whose login attempts are counted apart from strangers'.
    ///
    /// Default: none.
    #[must_use]
    pub fn with_device_cookie(mut self, cookie: DeviceCookie) -> Self {
        self.device_cookie = Some(cookie);
        self
    }

    /// Names the proxies whose forwarded header is believed.
    ///
    /// Default: none, the connection's peer is the client.
    #[must_use]
    pub fn with_trusted_proxies(mut self, proxies: impl IntoIterator<Item = ipnet::IpNet>) -> Self {
        self.client_ip.trusted = TrustedProxies::new(proxies);
        self
    }

    /// Names the header those proxies write.
    ///
    /// Default: `X-Forwarded-For`.
    #[must_use]
    pub fn with_forwarded_header(mut self, header: ForwardedHeader) -> Self {
        self.client_ip.header = header;
        self
    }

    /// Sets which features of a browser sessions are bound to.
    #[must_use]
    pub fn with_fingerprint(mut self, config: FingerprintConfig) -> Self {
        self.fingerprint = config;
        self
    }

    /// Sets what happens when the browser is another one.
    ///
    /// Default: [`FingerprintPolicy::Warn`].
    #[must_use]
    pub fn with_fingerprint_policy(mut self, policy: FingerprintPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Records mismatched fingerprints, and the sessions that end by them or by their age, in the audit trail.
    #[must_use]
    pub fn with_audit_sink(mut self, audit: Arc<dyn AuditSink>) -> Self {
        self.audit = Some(Arc::clone(&audit));
        self.with_sessions(|sessions| sessions.with_audit_sink(audit))
    }

    /// Counts mismatched fingerprints and failing stores.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Arc<dyn AuthnMetrics>) -> Self {
        self.metrics = metrics;
        self
    }

    /// Returns what opens the sessions: for operators' verbs and for long-lived connections.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Checks keys and cookie settings, which otherwise happens when the layer is applied.
    ///
    /// # Errors
    ///
    /// The first fault, saying what to change.
    pub fn check(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.shell().map(|_| ())
    }

    fn shell(&self) -> Result<Shell, Box<dyn std::error::Error + Send + Sync>> {
        let ring = match &self.ring {
            Some(ring) => ring.clone(),
            None => {
                let mut ring = CookieKeyRing::new(self.signing_key.clone())?;
                for key in &self.previous_keys {
                    ring = ring.with_previous_key(key.clone())?;
                }
                ring
            }
        };
        Ok(Shell {
            sessions: self.sessions.clone(),
            cookie: SessionCookie::new(&self.cookie, ring)?,
            device_cookie: self.device_cookie.clone(),
            client_ip: self.client_ip.clone(),
            fingerprinter: Fingerprinter::new(self.fingerprint, &self.signing_key, &self.previous_keys)?,
            policy: self.policy,
            audit: self.audit.clone().map(|sink| {
                Emitter::new(sink)
                    .with_clock(Arc::clone(self.sessions.clock()))
                    .with_rng(Arc::clone(self.sessions.rng()))
            }),
            metrics: Arc::clone(&self.metrics),
        })
    }

    fn with_sessions(mut self, change: impl FnOnce(Sessions) -> Sessions) -> Self {
        self.sessions = change(self.sessions);
        self
    }
}

impl<S> Layer<S> for SessionLayer {
    type Service = SessionService<S>;

    /// Applies the layer. With settings that cannot work (see [`SessionLayer::check`]) the fault is logged and every
    /// request is answered with 500: nothing is served without its session.
    fn layer(&self, inner: S) -> SessionService<S> {
        let shell = self.shell().map(Arc::new).map_err(|error| {
            tracing::error!(%error, "the session layer is misconfigured");
        });
        SessionService::new(inner, shell.ok())
    }
}

impl std::fmt::Debug for SessionLayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionLayer")
            .field("cookie", &self.cookie)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
