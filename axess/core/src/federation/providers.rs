use crate::store::{DynTenantIdpStore, StoreError, TenantIdp};
use axess_cache::ClockTtlCache;
use axess_clock::Clock;
use axess_factors::federated::{
    BoxFuture, FederatedIdentity, FederationError, FederationProtocol, FederationProvider,
};
use axess_identity::{EmailAddress, ProviderName, TenantId, TokenSecret};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, fmt, num::NonZeroUsize, sync::Arc, time::Duration};

/// The most domains a provider's word may count for.
pub const MAX_MAIL_DOMAINS: usize = 64;
/// How often the providers of a tenant are listed when they are deleted: a listing may be cut short.
const MAX_LISTINGS: usize = 100;
/// How many built providers of tenants are kept, and for how long at most.
const CACHED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1023);
const CACHED_FOR: Duration = Duration::from_secs(24 * 3_600);

/// How far the word of a provider counts.
///
/// ```
/// use axess_core::federation::{LinkPolicy, ProviderPolicy};
/// let policy = ProviderPolicy::default();
/// assert_eq!((policy.link, policy.provision), (LinkPolicy::OnlyLinked, false));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProviderPolicy {
    /// Which accounts an identity that is linked to none may be linked to.
    pub link: LinkPolicy,
    /// Whether an identity that belongs to nobody may get an account ([`Provisioner`](super::Provisioner)).
    pub provision: bool,
}

/// Which accounts an identity may be linked to without their users asking for it.
///
/// ```
/// use axess_core::federation::LinkPolicy;
/// let policy = LinkPolicy::VerifiedEmail { domains: vec!["acme.example".into()] };
/// assert_ne!(policy, LinkPolicy::default());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum LinkPolicy {
    /// To none: users link what is theirs when they are logged in.
    #[default]
    OnlyLinked,
    /// To the account with the same verified mail address, if the provider also calls it verified and is the authority for
    /// its domain.
    ///
    /// Only for statements the provider has signed; and only while the account has no other identity of this provider,
    /// because companies give addresses to new people.
    VerifiedEmail {
        /// The domains whose mailboxes this provider gives out, in lower case; at most [`MAX_MAIL_DOMAINS`] of them count.
        domains: Vec<String>,
    },
}

/// A provider of a tenant's own, ready for use.
///
/// ```
/// # fn example(built: axess_core::federation::TenantProvider) {
/// println!("{} speaks {}", built.provider.issuer(), built.provider.protocol().as_str());
/// # }
/// ```
#[derive(Clone)]
pub struct TenantProvider {
    /// The provider.
    pub provider: Arc<dyn FederationProvider>,
    /// How far its word counts.
    pub policy: ProviderPolicy,
}

/// Makes providers out of what tenants have configured.
///
/// ```
/// use axess_core::{federation::{TenantIdpBuilder, TenantProvider}, store::TenantIdp};
/// use axess_factors::federated::{BoxFuture, FederationError};
/// struct None;
/// impl TenantIdpBuilder for None {
///     fn build<'a>(&'a self, idp: &'a TenantIdp) -> BoxFuture<'a, Result<TenantProvider, FederationError>> {
///         Box::pin(async move {
///             Err(FederationError::Configuration { what: format!("{} is not supported", idp.protocol.as_str()) })
///         })
///     }
/// }
/// ```
pub trait TenantIdpBuilder: Send + Sync + 'static {
    /// Makes one provider.
    ///
    /// What comes of it is used until its configuration changes.
    ///
    /// # Errors
    ///
    /// [`FederationError::Configuration`] when the settings make no sense; [`FederationError::Unavailable`] when the provider
    /// must be asked and cannot be.
    fn build<'a>(&'a self, idp: &'a TenantIdp) -> BoxFuture<'a, Result<TenantProvider, FederationError>>;
}

/// A provider that a login page may offer.
///
/// ```
/// use axess_core::federation::ListedProvider;
/// use axess_factors::federated::FederationProtocol;
/// let okta = ListedProvider { name: "okta".parse().unwrap(), protocol: FederationProtocol::Oidc };
/// assert_eq!(okta.name.as_str(), "okta");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedProvider {
    /// Its name.
    pub name: ProviderName,
    /// The protocol it speaks.
    pub protocol: FederationProtocol,
}

/// The identity providers there are: for all tenants by name, and those of tenants' own.
///
/// A tenant's own provider goes before one for all of the same name; a disabled one refuses, and does not fall back to it.
/// No tenant may speak in the name of an issuer that is for all.
///
/// ```
/// use axess_core::federation::FederationProviders;
/// assert!(format!("{:?}", FederationProviders::new()).contains("FederationProviders"));
/// ```
#[derive(Clone, Default)]
pub struct FederationProviders {
    for_all: BTreeMap<ProviderName, Resolved>,
    of_tenants: Option<Arc<OfTenants>>,
}

struct OfTenants {
    store: Arc<dyn DynTenantIdpStore>,
    builder: Arc<dyn TenantIdpBuilder>,
    /// Beside each, the digest of what it was built from: a version may begin anew after a deletion.
    built: ClockTtlCache<(TenantId, ProviderName), ([u8; 32], Resolved)>,
}

/// A provider that may be used.
#[derive(Clone)]
pub(crate) struct Resolved {
    pub(crate) provider: Arc<dyn FederationProvider>,
    pub(crate) policy: Arc<ProviderPolicy>,
    /// The tenant whose own it is; `None` for one that serves all.
    pub(crate) of: Option<TenantId>,
}

/// Why there is no provider to use.
#[derive(Debug)]
pub(crate) enum ResolveError {
    Unknown,
    Store(StoreError),
    Provider(FederationError),
}

impl FederationProviders {
    /// Begins with none.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a provider for all tenants, or replaces the one of this name.
    #[must_use]
    pub fn with(
        mut self,
        name: ProviderName,
        provider: Arc<dyn FederationProvider>,
        policy: ProviderPolicy,
    ) -> Self {
        self.for_all.insert(name, Resolved { provider, policy: Arc::new(policy), of: None });
        self
    }

    /// Adds the providers that tenants have in `store`.
    ///
    /// A built one is kept until its configuration changes, at most a day.
    #[must_use]
    pub fn with_tenants(
        mut self,
        store: Arc<dyn DynTenantIdpStore>,
        builder: Arc<dyn TenantIdpBuilder>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let built = ClockTtlCache::new(CACHED, CACHED_FOR, clock);
        self.of_tenants = Some(Arc::new(OfTenants { store, builder, built }));
        self
    }

    /// Lists the providers one tenant may use, in name order.
    ///
    /// # Errors
    ///
    /// As the store fails.
    pub async fn list(&self, tenant_id: TenantId) -> Result<Vec<ListedProvider>, StoreError> {
        let for_all = self.for_all.iter().map(|(name, own)| (name.clone(), Some(own.provider.protocol())));
        let mut listed: BTreeMap<_, _> = for_all.collect();
        if let Some(of_tenants) = &self.of_tenants {
            for idp in of_tenants.store.find_idps(tenant_id).await? {
                let protocol = protocol_of(&idp.value);
                listed.insert(idp.value.name, idp.value.enabled.then_some(protocol));
            }
        }
        let offered = listed
            .into_iter()
            .filter_map(|(name, protocol)| protocol.map(|protocol| ListedProvider { name, protocol }));
        Ok(offered.collect())
    }

    /// Finds the provider that one tenant calls `name`.
    pub(crate) async fn resolve(
        &self,
        tenant_id: TenantId,
        name: &ProviderName,
    ) -> Result<Resolved, ResolveError> {
        if let Some(of_tenants) = &self.of_tenants {
            let own = of_tenants.store.get_idp(tenant_id, name.clone()).await.map_err(ResolveError::Store)?;
            if let Some(own) = own {
                if !own.value.enabled {
                    return Err(ResolveError::Unknown);
                }
                return self.built(of_tenants, own.value).await;
            }
        }
        self.for_all.get(name).cloned().ok_or(ResolveError::Unknown)
    }

    /// Forgets what tenants had, and removes it from the store: for the end of a tenant.
    pub(crate) async fn delete_of_tenant(&self, tenant_id: TenantId) -> Result<(), StoreError> {
        let Some(of_tenants) = &self.of_tenants else { return Ok(()) };
        for _ in 0..MAX_LISTINGS {
            let some = of_tenants.store.find_idps(tenant_id).await?;
            if some.is_empty() {
                return Ok(());
            }
            for idp in some {
                of_tenants.built.invalidate(&(tenant_id, idp.value.name.clone()));
                of_tenants.store.delete_idp(tenant_id, idp.value.name).await?;
            }
        }
        Ok(())
    }

    async fn built(&self, of_tenants: &OfTenants, idp: TenantIdp) -> Result<Resolved, ResolveError> {
        let (key, digest) = ((idp.tenant_id, idp.name.clone()), digest(&idp));
        if let Some((of, built)) = of_tenants.built.get(&key)
            && of == digest
        {
            return Ok(built);
        }
        let wrong = |what: &str| ResolveError::Provider(FederationError::Configuration { what: what.into() });
        if self.for_all.values().any(|other| other.provider.issuer() == idp.issuer) {
            return Err(wrong("the issuer of a tenant's provider is that of one for all tenants"));
        }
        let TenantProvider { provider, policy } =
            of_tenants.builder.build(&idp).await.map_err(ResolveError::Provider)?;
        if provider.issuer() != idp.issuer {
            return Err(wrong("a tenant's provider was built with another issuer than it is stored with"));
        }
        let built = Resolved { provider, policy: Arc::new(policy), of: Some(idp.tenant_id) };
        of_tenants.built.insert(key, (digest, built.clone()));
        Ok(built)
    }
}

impl ProviderPolicy {
    /// Returns the address of an identity, if this provider's word for it counts.
    pub(crate) fn vouched_email<'a>(&self, identity: &'a FederatedIdentity) -> Option<&'a EmailAddress> {
        let LinkPolicy::VerifiedEmail { domains } = &self.link else { return None };
        let counts = identity.email_verified && identity.assurance.is_signed();
        let email = identity.email.as_ref().filter(|_| counts)?;
        let (_, domain) = email.as_str().rsplit_once('@')?;
        domains.iter().take(MAX_MAIL_DOMAINS).any(|of| of == domain).then_some(email)
    }
}

fn digest(idp: &TenantIdp) -> [u8; 32] {
    let (settings, secret) = (idp.settings.to_string(), idp.secret.as_ref().map(TokenSecret::expose));
    let mut digest = Sha256::new();
    for part in [idp.protocol.as_str(), &idp.issuer, &settings, secret.unwrap_or_default()] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    digest.finalize().into()
}

fn protocol_of(idp: &TenantIdp) -> FederationProtocol {
    use crate::store::IdpProtocol;
    match idp.protocol {
        IdpProtocol::Oidc => FederationProtocol::Oidc,
        IdpProtocol::OAuth2 => FederationProtocol::OAuth2,
        IdpProtocol::Saml => FederationProtocol::Saml,
    }
}

impl fmt::Debug for FederationProviders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FederationProviders")
            .field("for_all", &self.for_all.keys().collect::<Vec<_>>())
            .field("of_tenants", &self.of_tenants.is_some())
            .finish()
    }
}

impl fmt::Debug for TenantProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantProvider")
            .field("issuer", &self.provider.issuer())
            .field("policy", &self.policy)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axess_factors::federated::Assurance;

    #[test]
    fn an_address_counts_only_signed_verified_and_of_the_providers_own_domain() {
        let own = LinkPolicy::VerifiedEmail { domains: vec!["acme.example".into()] };
        let identity = |email: &str, email_verified, assurance| FederatedIdentity {
            email: email.parse().ok(),
            email_verified,
            ..FederatedIdentity::new("https://idp.example", "1", assurance)
        };
        for (row, link, identity, counts) in [
            ("right", &own, identity("a@acme.example", true, Assurance::IdToken), true),
            ("in capitals", &own, identity("a@ACME.example", true, Assurance::SamlAssertion), true),
            ("unverified", &own, identity("a@acme.example", false, Assurance::IdToken), false),
            ("unsigned", &own, identity("a@acme.example", true, Assurance::OAuth2Only), false),
            ("elsewhere", &own, identity("a@other.example", true, Assurance::IdToken), false),
            ("below", &own, identity("a@x.acme.example", true, Assurance::IdToken), false),
            ("beside", &own, identity("a@evilacme.example", true, Assurance::IdToken), false),
            (
                "no policy",
                &LinkPolicy::OnlyLinked,
                identity("a@acme.example", true, Assurance::IdToken),
                false,
            ),
        ] {
            let policy = ProviderPolicy { link: link.clone(), provision: true };
            assert_eq!(policy.vouched_email(&identity).is_some(), counts, "{row}");
        }
    }
}
