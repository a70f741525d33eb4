//! The service: the verbs an application calls, and the one place that runs the effects of transitions.
//!
//! A login, step by step:
//!
//! 1. [`begin_login`](AuthnService::begin_login) finds account, tenant and method in one round trip. What cannot log in
//!    gets a stand-in id derived from what was typed, and takes exactly the same way from here on.
//! 2. [`verify_factor`](AuthnService::verify_factor) reserves the attempt on all lockout levers, reads the user's
//!    factor, verifies the credential, and spends it by a conditional write if it works once.
//! 3. The verifier's proof goes into the state machine; the session is written under a new id; the event is recorded; the
//!    attempt is settled, which also tells whether the account was suspended meanwhile; only then does the caller learn
//!    the outcome.

mod admin;
mod begin;
mod builder;
mod check;
mod cut_off;
mod device;
mod email;
mod emit;
mod enrol;
mod federated;
mod invalidate;
mod logout;
mod mail;
mod operator;
mod password;
mod prepare;
mod refresh;
mod reset;
mod signup;
mod stand_in;
mod step_up;
mod tenants;
mod verify;

pub use enrol::TotpEnrolment;
pub use federated::{
    DeviceLogin, DeviceLoginOutcome, FederatedCompletion, FederatedLogoutOptions, FederatedOutcome,
    MAX_LINKS_PER_USER, OAuthLoginOptions, ProviderLogoutOutcome,
};
pub use operator::Operator;
pub use prepare::PreparedFactor;
pub use signup::NewSignup;
pub use tenants::{MAX_PURGE_STEP, PurgeProgress};

use crate::{
    audit::{AuditSink, Emitter},
    delegated::DelegatedCredentials,
    device::Devices,
    federation::Federation,
    metrics::AuthnMetrics,
    refresh::RefreshTokens,
};
use axess_factors::{EmailOtpConfig, PasswordConfig, PasswordHasher};
use axess_identity::{LockoutPolicy, SigningKey};
use axess_rng::SecureRng;
use builder::KdfParts;
use chrono::{DateTime, TimeDelta, Utc};
use mail::Outbox;
use std::sync::Arc;

/// Drives sessions through logins, step-ups and ceremonies.
///
/// Generic over the identity store `I` and the factor store `F` (often one type); each verb asks for the narrowest tier
/// it needs. Share it in an `Arc`.
///
/// ```
/// use axess_core::{
///     authn::{FactorCredential, FactorOutcome},
///     memory::{InMemoryBackend, InMemorySessionStore},
///     service::AuthnService,
///     session::{RequestContext, Sessions},
/// };
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let backend = InMemoryBackend::new().with_user_password("alice", "default", "Gnomes2+");
/// let service = AuthnService::new(backend.clone(), backend);
/// let sessions = Sessions::new(InMemorySessionStore::new());
///
/// let session = sessions.open(None, RequestContext::default()).await?;
/// service.begin_login(&session, "alice", "default").await?;
/// let outcome = service.verify_factor(&session, FactorCredential::Password("Gnomes2+".into())).await?;
/// assert_eq!(outcome, FactorOutcome::Authenticated);
/// # Ok(()) }
/// ```
pub struct AuthnService<I, F> {
    identity: I,
    factors: F,
    emitter: Emitter,
    kdf: KdfParts,
    hasher: PasswordHasher,
    password_config: PasswordConfig,
    email_config: EmailOtpConfig,
    lockout_policy: LockoutPolicy,
    metrics: Arc<dyn AuthnMetrics>,
    outbox: Outbox,
    stand_in_key: SigningKey,
    issuer: String,
    fresh_for: TimeDelta,
    refresh: Option<RefreshTokens>,
    devices: Option<Devices>,
    delegated: Option<DelegatedCredentials>,
    federation: Option<Federation>,
}

impl<I, F> AuthnService<I, F> {
    /// Returns the identity store.
    #[must_use]
    pub fn identity(&self) -> &I {
        &self.identity
    }

    /// Returns the factor store.
    #[must_use]
    pub fn factors(&self) -> &F {
        &self.factors
    }

    /// Returns where events go.
    #[must_use]
    pub fn audit(&self) -> &Arc<dyn AuditSink> {
        self.emitter.sink()
    }

    /// Returns where counts go.
    #[must_use]
    pub fn metrics(&self) -> &Arc<dyn AuthnMetrics> {
        &self.metrics
    }

    /// Returns what puts events into envelopes: for an application's own.
    #[must_use]
    pub fn emitter(&self) -> &Emitter {
        &self.emitter
    }

    fn now(&self) -> DateTime<Utc> {
        self.emitter.now()
    }

    fn rng(&self) -> &dyn SecureRng {
        &**self.emitter.rng()
    }
}

impl<I, F> std::fmt::Debug for AuthnService<I, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthnService").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}
