//! Logging in at an identity provider.
//!
//! 1. [`begin_federated_login`](AuthnService::begin_federated_login) sends the browser there, and keeps in the session what
//!    the answer must fit.
//! 2. The browser comes back. [`complete_federated_login`](AuthnService::complete_federated_login) first takes what was
//!    kept out of the stored session, by a conditional write: of two racing callbacks one goes on, and nothing is sent to
//!    the provider twice.
//! 3. The provider's answer is verified. Whose account it is, a link says; else the account's mail address, where the
//!    provider is the authority for it; else one is created, if the application wants that.
//! 4. The attempt is reserved on the lockout levers, as for every factor. Then the session is bound to the one at the provider,
//!    the proof goes into the state machine, and the session is written under a new id.
//! 5. Only then is it asked whether the account may still log in, whether the link still stands and whether the provider
//!    has logged its user out meanwhile. Whoever takes one of these away either finds the session, or is found here.
//!
//! What cannot be judged because the provider is down costs nobody an attempt.

mod account;
mod begin;
mod complete;
mod device;
mod grant;
mod link;
mod logout;
mod oauth;
mod record;
mod unsolicited;

pub use device::{DeviceLogin, DeviceLoginOutcome};
pub use link::MAX_LINKS_PER_USER;
pub(super) use logout::binding_of;
pub use logout::{FederatedLogoutOptions, ProviderLogoutOutcome};
pub use oauth::OAuthLoginOptions;

use super::AuthnService;
use crate::{
    authn::{AuthnError, FactorStep},
    federation::{Federation, ProviderLogout, ResolveError, Resolved},
    session::SessionHandle,
    store::IdentityLookup,
};
use axess_events::federation::FederationRefusalReason;
use axess_factors::federated::{FederatedIdentity, FederationContext, FederationError, federated_kind};
use axess_identity::{FactorKind, ProviderName, Tenant, TenantId, TenantSlug};
use chrono::{DateTime, Utc};

/// What came of a callback of an identity provider.
///
/// `Ok` with this is no login: a refused one is `Ok` too, with [`FederatedOutcome::Refused`]. Look at the outcome before anything else;
/// the identity is there also when nobody was logged in.
///
/// ```
/// # use axess_core::service::{FederatedCompletion, FederatedOutcome};
/// # fn example(done: FederatedCompletion) -> String {
/// match done.outcome {
///     FederatedOutcome::Authenticated => done.return_to.unwrap_or_else(|| "/".into()),
///     FederatedOutcome::FactorRequired(_) => "/login/second".into(),
///     _ => "/login?refused".into(),
/// }
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a login that was refused is `Ok` too: look at `outcome`"]
pub struct FederatedCompletion {
    /// What became of the login.
    pub outcome: FederatedOutcome,
    /// Whom the provider vouched for, once its answer was verified: also when nobody was logged in.
    pub identity: Option<FederatedIdentity>,
    /// The local path the login was begun to go to.
    pub return_to: Option<String>,
}

/// What became of a login at an identity provider.
///
/// ```
/// use axess_core::service::FederatedOutcome;
/// assert!(FederatedOutcome::Authenticated.is_authenticated());
/// assert!(!FederatedOutcome::NotLinked.is_authenticated());
/// ```
#[derive(Debug)]
#[must_use]
pub enum FederatedOutcome {
    /// Every step is done: the session is authenticated and has a new id.
    Authenticated,
    /// The provider's word was good; this step is next.
    FactorRequired(FactorStep),
    /// The identity is linked to the logged-in user.
    Linked,
    /// The identity is linked to somebody else's account.
    LinkedElsewhere,
    /// The identity belongs to no account, and gets none.
    NotLinked,
    /// The account, or its tenant, may not log in, or not in this way. Why is in the trail.
    NotAllowed,
    /// Too many failures; nothing is accepted before `until` (`None`: before somebody clears the lock).
    Locked {
        /// When the lock ends by itself.
        until: Option<DateTime<Utc>>,
    },
    /// The provider's answer was refused: for logs, and for a page that says no more than that it did not work.
    Refused(FederationError),
}

impl FederatedOutcome {
    /// Tells whether the login is complete.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        matches!(self, Self::Authenticated)
    }
}

/// Where and with whom somebody logs in.
struct Call<'a> {
    session: &'a SessionHandle,
    tenant_id: TenantId,
    name: ProviderName,
    kind: FactorKind,
    resolved: Resolved,
}

impl<'a> Call<'a> {
    fn new(session: &'a SessionHandle, tenant_id: TenantId, name: ProviderName, resolved: Resolved) -> Self {
        let kind = federated_kind(&name);
        Self { session, tenant_id, name, kind, resolved }
    }
}

impl<I, F> AuthnService<I, F> {
    fn federation(&self) -> Result<&Federation, AuthnError> {
        self.federation.as_ref().ok_or(AuthnError::NotConfigured("federation"))
    }

    fn provider_logout(&self) -> Option<&ProviderLogout> {
        self.federation.as_ref()?.logout()
    }

    fn federation_context<'a>(&'a self, provider: &'a ProviderName) -> FederationContext<'a> {
        FederationContext { provider, now: self.now(), rng: self.rng() }
    }

    /// Finds a provider, and records when there is none to use.
    async fn resolve<'a>(
        &self,
        session: &'a SessionHandle,
        tenant_id: TenantId,
        name: ProviderName,
    ) -> Result<Call<'a>, AuthnError> {
        match self.federation()?.providers().resolve(tenant_id, &name).await {
            Ok(resolved) => Ok(Call::new(session, tenant_id, name, resolved)),
            Err(ResolveError::Unknown) => {
                let why = FederationRefusalReason::UnknownProvider;
                self.federation_refused(session, Some(tenant_id), &name, None, why).await?;
                Err(AuthnError::UnknownProvider)
            }
            Err(ResolveError::Store(error)) => Err(error.into()),
            Err(ResolveError::Provider(error)) => {
                self.provider_refused(session, Some(tenant_id), &name, &error).await?;
                Err(AuthnError::Federation(error))
            }
        }
    }
}

impl<I: IdentityLookup, F> AuthnService<I, F> {
    async fn federated_tenant(&self, tenant: &str) -> Result<Tenant, AuthnError> {
        let slug = tenant.parse::<TenantSlug>().map_err(|_| AuthnError::UnknownProvider)?;
        self.identity.find_tenant(slug).await?.ok_or(AuthnError::UnknownProvider)
    }
}

fn parse_provider(provider: &str) -> Result<ProviderName, AuthnError> {
    provider.parse().map_err(|_| AuthnError::UnknownProvider)
}
