//! Who may reach what, and the layers around it. `routes.txt` is the same list, kept for review.

use crate::{handlers, provider::Provider};
use axess::{
    AuthnService, CsrfConfig, CsrfLayer, Federation, FederationProviders, Guard, GuardedRouter,
    InMemoryBackend, InMemorySessionStore, Method, ProviderPolicy, RequestIdLayer, SessionLayer,
    TraceContextLayer,
    backends::memory::{FederatedLinkStore, JtiReplayStore, SidStore},
    factors::saml::SamlProvider,
    federation::{NewAccount, Provision, ProvisionFuture, ProvisionRequest, Provisioner},
    identity::Identifier,
    rng::{SystemRng, random_array},
};
use axum::Router;
use std::{error::Error, sync::Arc, time::Duration};

/// What the application calls the provider: in its methods, its links and its trail.
pub(crate) const PROVIDER: &str = "login";
/// The one tenant.
pub(crate) const TENANT: &str = "default";

const HOUR: Duration = Duration::from_secs(3_600);

pub(crate) struct Site {
    pub(crate) service: AuthnService<InMemoryBackend, InMemoryBackend>,
    pub(crate) saml: Arc<SamlProvider>,
}

/// Gives everybody an account whom the provider knows: their name there, which the provider may give to nobody else.
struct Everybody;

impl Provisioner for Everybody {
    fn provision<'a>(&'a self, request: ProvisionRequest<'a>) -> ProvisionFuture<'a, Provision> {
        Box::pin(async move {
            let identity = request.identity;
            Ok(match Identifier::parse_new(&identity.subject) {
                Ok(identifier) => Provision::Create(NewAccount {
                    identifier,
                    display_name: identity.display_name.clone(),
                    email: identity.email.clone(),
                }),
                Err(_) => Provision::Refuse,
            })
        })
    }
}

/// Builds the application.
pub(crate) fn app(provider: &Provider) -> Result<Router, Box<dyn Error + Send + Sync>> {
    let policy = ProviderPolicy { provision: true, ..ProviderPolicy::default() };
    let name = PROVIDER.parse()?;
    let method = Method::federated(&name);
    let providers = FederationProviders::new().with(name, provider.saml.clone(), policy);
    let federation = Federation::new(providers, Arc::new(FederatedLinkStore::new()))
        .with_provider_logout(Arc::new(SidStore::new()), Arc::new(JtiReplayStore::new()))
        .with_provisioner(Arc::new(Everybody));
    let backend = InMemoryBackend::new().with_tenant(TENANT).with_methods(vec![method]);
    let service = AuthnService::new(backend.clone(), backend).with_federation(federation);

    let key: [u8; 32] = random_array(&SystemRng);
    let sessions = SessionLayer::new(InMemorySessionStore::new(), key)
        .with_ttl(HOUR)
        .with_absolute_ttl(24 * HOUR)
        .with_secure(false); // plain HTTP, for this machine only
    sessions.check()?;
    // The identity provider's pages post there; what they post is signed, and belongs to a request of this session.
    // What they post about logouts is signed too, and taken once.
    let csrf = CsrfConfig::new(key)?.secure(false).exempt_path("/saml/acs")?.exempt_path("/saml/slo")?;
    Ok(routes()
        .into_router()
        .with_state(Arc::new(Site { service, saml: provider.saml.clone() }))
        .layer(CsrfLayer::new(csrf))
        .layer(sessions)
        .layer(TraceContextLayer::new())
        .layer(RequestIdLayer::new()))
}

fn routes() -> GuardedRouter<Arc<Site>> {
    GuardedRouter::new()
        .get("/", Guard::Public, handlers::home)
        .get("/login", Guard::Public, handlers::begin)
        .post("/saml/acs", Guard::Public, handlers::consume)
        .get("/saml/metadata", Guard::Public, handlers::metadata)
        .get("/saml/slo", Guard::Public, handlers::single_logout)
        .post("/saml/slo", Guard::Public, handlers::single_logout)
        .get("/account", Guard::Authn, handlers::account)
        .post("/logout", Guard::Public, handlers::logout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guards_are_those_that_were_reviewed() {
        let manifest = routes().manifest();
        assert_eq!(manifest.to_string(), include_str!("../routes.txt"), "review the change, then copy it");
    }
}
