//! Logging in at identity providers: which there are, how far their word counts, and who gets an account.
//!
//! The protocols are implementations of [`FederationProvider`](axess_factors::federated::FederationProvider) in other
//! crates. The verbs are those of [`AuthnService`](crate::service::AuthnService), which takes all of this at once with
//! [`with_federation`](crate::service::AuthnService::with_federation).

mod providers;
mod provisioner;

pub use providers::{
    FederationProviders, LinkPolicy, ListedProvider, MAX_MAIL_DOMAINS, ProviderPolicy, TenantIdpBuilder,
    TenantProvider,
};
pub(crate) use providers::{ResolveError, Resolved};
pub use provisioner::{Admission, NewAccount, Provision, ProvisionFuture, ProvisionRequest, Provisioner};

use crate::store::{DynFederatedLinkStore, DynJtiReplayStore, DynSidStore};
use std::{fmt, sync::Arc};

/// Everything the service needs for logins at identity providers.
///
/// ```
/// use axess_core::{
///     federation::{Federation, FederationProviders},
///     memory::{InMemoryBackend, MemoryFederatedLinkStore, MemoryJtiReplayStore, MemorySidStore},
///     service::AuthnService,
/// };
/// use std::sync::Arc;
/// let federation = Federation::new(FederationProviders::new(), Arc::new(MemoryFederatedLinkStore::new()))
///     .with_provider_logout(Arc::new(MemorySidStore::new()), Arc::new(MemoryJtiReplayStore::new()));
/// let backend = InMemoryBackend::new();
/// let service = AuthnService::new(backend.clone(), backend).with_federation(federation);
/// # let _ = service;
/// ```
#[derive(Clone)]
pub struct Federation {
    providers: FederationProviders,
    links: Arc<dyn DynFederatedLinkStore>,
    logout: Option<ProviderLogout>,
    provisioner: Option<Arc<dyn Provisioner>>,
}

/// What ends sessions at a provider's request.
#[derive(Clone)]
pub(crate) struct ProviderLogout {
    pub(crate) sids: Arc<dyn DynSidStore>,
    pub(crate) replay: Arc<dyn DynJtiReplayStore>,
}

impl Federation {
    /// Lets accounts that are linked in `links` log in at `providers`.
    pub fn new(providers: FederationProviders, links: Arc<dyn DynFederatedLinkStore>) -> Self {
        Self { providers, links, logout: None, provisioner: None }
    }

    /// Lets providers end our sessions.
    ///
    /// `sids` remembers which of ours belongs to which of theirs, and `replay` which of their messages were obeyed. What is
    /// remembered of a session is kept until its absolute lifetime is over; set one
    /// ([`Sessions::with_absolute_ttl`](crate::session::Sessions::with_absolute_ttl)), or it is kept for a year.
    #[must_use]
    pub fn with_provider_logout(
        mut self,
        sids: Arc<dyn DynSidStore>,
        replay: Arc<dyn DynJtiReplayStore>,
    ) -> Self {
        self.logout = Some(ProviderLogout { sids, replay });
        self
    }

    /// Creates accounts for identities that have none, as `provisioner` says, and asks it about every login.
    #[must_use]
    pub fn with_provisioner(mut self, provisioner: Arc<dyn Provisioner>) -> Self {
        self.provisioner = Some(provisioner);
        self
    }

    /// Returns the providers.
    #[must_use]
    pub fn providers(&self) -> &FederationProviders {
        &self.providers
    }

    /// Returns where links are kept.
    #[must_use]
    pub fn links(&self) -> &Arc<dyn DynFederatedLinkStore> {
        &self.links
    }

    pub(crate) fn logout(&self) -> Option<&ProviderLogout> {
        self.logout.as_ref()
    }

    pub(crate) fn provisioner(&self) -> Option<&Arc<dyn Provisioner>> {
        self.provisioner.as_ref()
    }
}

impl fmt::Debug for Federation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Federation").field("providers", &self.providers).finish_non_exhaustive()
    }
}
