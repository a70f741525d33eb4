use super::{AuthnService, mail::Outbox};
use crate::{
    audit::{AuditSink, Emitter},
    delegated::DelegatedCredentials,
    delivery::CodeDelivery,
    device::Devices,
    federation::Federation,
    metrics::{AuthnMetrics, NoMetrics},
    refresh::RefreshTokens,
};
use axess_clock::Clock;
use axess_factors::{Argon2idParams, EmailOtpConfig, KdfPool, PasswordConfig, PasswordHasher, PepperRing};
use axess_identity::{LockoutPolicy, SigningKey};
use axess_rng::{SecureRng, random_array};
use chrono::TimeDelta;
use std::{sync::Arc, time::Duration};

/// How many password hashes may wait for a worker before logins are refused with 503.
const KDF_QUEUE: usize = 64;
/// How recent a login must be for changing credentials, when nothing else is said.
const FRESH_FOR: TimeDelta = TimeDelta::minutes(15);

#[derive(Clone)]
pub(super) struct KdfParts {
    params: Argon2idParams,
    peppers: PepperRing,
    pool: Arc<KdfPool>,
}

impl KdfParts {
    fn hasher(&self, rng: &Arc<dyn SecureRng>) -> PasswordHasher {
        PasswordHasher::new(self.params, self.peppers.clone(), Arc::clone(&self.pool), Arc::clone(rng))
    }
}

impl<I, F> AuthnService<I, F> {
    /// Creates a service with safe defaults.
    ///
    /// They are the system's clock and randomness, Argon2id at its default cost in a pool of one worker per core, the
    /// default policies, events kept in memory, and no mail.
    pub fn new(identity: I, factors: F) -> Self {
        let emitter = Emitter::default();
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let kdf = KdfParts {
            params: Argon2idParams::default(),
            peppers: PepperRing::none(),
            pool: Arc::new(KdfPool::new(workers, KDF_QUEUE)),
        };
        Self {
            identity,
            factors,
            hasher: kdf.hasher(emitter.rng()),
            kdf,
            password_config: PasswordConfig::default(),
            email_config: EmailOtpConfig::default(),
            lockout_policy: LockoutPolicy::default(),
            metrics: Arc::new(NoMetrics),
            outbox: Outbox::closed(),
            stand_in_key: SigningKey::from(random_array::<32>(&**emitter.rng())),
            emitter,
            issuer: "axess".to_owned(),
            fresh_for: FRESH_FOR,
            refresh: None,
            devices: None,
            delegated: None,
            federation: None,
        }
    }

    /// Injects the clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.emitter = self.emitter.with_clock(clock);
        self
    }

    /// Injects the randomness.
    #[must_use]
    pub fn with_rng(mut self, rng: Arc<dyn SecureRng>) -> Self {
        self.stand_in_key = SigningKey::from(random_array::<32>(&*rng));
        self.emitter = self.emitter.with_rng(rng);
        self.rebuild()
    }

    /// Sets the cost of new password hashes.
    #[must_use]
    pub fn with_argon2id(mut self, params: Argon2idParams) -> Self {
        self.kdf.params = params;
        self.rebuild()
    }

    /// Sets the peppers of password hashes.
    #[must_use]
    pub fn with_peppers(mut self, peppers: PepperRing) -> Self {
        self.kdf.peppers = peppers;
        self.rebuild()
    }

    /// Sets the pool that password work runs in.
    ///
    /// Share one pool between services of one process.
    #[must_use]
    pub fn with_kdf_pool(mut self, pool: Arc<KdfPool>) -> Self {
        self.kdf.pool = pool;
        self.rebuild()
    }

    /// Sets what new passwords must satisfy where no scope says otherwise.
    #[must_use]
    pub fn with_password_config(mut self, config: PasswordConfig) -> Self {
        self.password_config = config;
        self
    }

    /// Sets length and life of e-mail codes.
    #[must_use]
    pub fn with_email_otp_config(mut self, config: EmailOtpConfig) -> Self {
        self.email_config = config;
        self
    }

    /// Sets the lockout policy where no scope says otherwise.
    #[must_use]
    pub fn with_lockout_policy(mut self, policy: LockoutPolicy) -> Self {
        self.lockout_policy = policy;
        self
    }

    /// Sets where events go.
    #[must_use]
    pub fn with_audit_sink(mut self, audit: Arc<dyn AuditSink>) -> Self {
        self.emitter = self.emitter.with_sink(audit);
        self
    }

    /// Sets where counts go.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Arc<dyn AuthnMetrics>) -> Self {
        self.metrics = metrics;
        self
    }

    /// Sets who sends mail.
    ///
    /// Without it, verbs that need mail fail with a configuration error.
    #[must_use]
    pub fn with_delivery(mut self, delivery: Arc<dyn CodeDelivery>) -> Self {
        self.outbox = Outbox::new(delivery);
        self
    }

    /// Names the application in authenticator apps.
    #[must_use]
    pub fn with_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = issuer.into();
        self
    }

    /// Sets the key that stand-in ids of unknown accounts are derived with (at least 32 random bytes).
    ///
    /// Give all instances of one deployment the same key, so that they count attempts on an unknown name together, as
    /// they do for a known one. The default is random per process.
    #[must_use]
    pub fn with_stand_in_key(mut self, key: impl Into<SigningKey>) -> Self {
        self.stand_in_key = key.into();
        self
    }

    /// Sets how recent a login must be for changing credentials; the default is 15 minutes.
    #[must_use]
    pub fn with_fresh_for(mut self, age: Duration) -> Self {
        self.fresh_for = TimeDelta::from_std(age).unwrap_or(FRESH_FOR);
        self
    }

    /// Lets logins be continued with refresh tokens.
    ///
    /// From then on, whatever ends the sessions of an account also revokes its refresh tokens.
    #[must_use]
    pub fn with_refresh_tokens(mut self, tokens: RefreshTokens) -> Self {
        self.refresh = Some(tokens);
        self
    }

    /// Lets devices be recognised, trusted and revoked.
    #[must_use]
    pub fn with_devices(mut self, devices: Devices) -> Self {
        self.devices = Some(devices);
        self
    }

    /// Deletes what users let the application do elsewhere together with their accounts.
    #[must_use]
    pub fn with_delegated_credentials(mut self, credentials: DelegatedCredentials) -> Self {
        self.delegated = Some(credentials);
        self
    }

    /// Lets users log in at identity providers.
    #[must_use]
    pub fn with_federation(mut self, federation: Federation) -> Self {
        self.federation = Some(federation);
        self
    }

    fn rebuild(mut self) -> Self {
        self.hasher = self.kdf.hasher(self.emitter.rng());
        self
    }
}
