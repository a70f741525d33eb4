//! A session that waits for a user at another device, with the real provider between them.

use axess_clock::{Clock, MockClock, SystemClock};
use axess_core::{
    authn::Method,
    federation::{
        Federation, FederationProviders, NewAccount, ProviderPolicy, Provision, ProvisionFuture,
        ProvisionRequest, Provisioner,
    },
    memory::{
        InMemoryBackend, InMemorySessionStore, MemoryFederatedLinkStore, MemoryJtiReplayStore, MemorySidStore,
    },
    service::{AuthnService, DeviceLoginOutcome, FederatedOutcome},
    session::{RequestContext, SessionHandle, Sessions},
};
use axess_factors::federated::{Assurance, FederationError};
use axess_identity::{Identifier, ProviderName};
use axess_oauth::{HttpClient, HttpSettings, OAuthProviderConfig, OidcProvider};
use axess_peers::{Kind, OpenIdProvider, Server, skip};
use axess_rng::SystemRng;
use reqwest::{Certificate, Client};
use std::sync::Arc;

/// Everybody gets an account.
struct Everybody;

impl Provisioner for Everybody {
    fn provision<'a>(&'a self, request: ProvisionRequest<'a>) -> ProvisionFuture<'a, Provision> {
        Box::pin(async move {
            let identifier = Identifier::parse_new(&request.identity.subject).unwrap();
            Ok(Provision::Create(NewAccount { identifier, display_name: None, email: None }))
        })
    }
}

pub(super) struct World {
    pub(super) peer: OpenIdProvider,
    pub(super) service: AuthnService<InMemoryBackend, InMemoryBackend>,
    sessions: Sessions,
    clock: MockClock,
}

impl World {
    pub(super) fn new(peer: OpenIdProvider) -> Self {
        let clock = MockClock::new(SystemClock.now());
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let config = OAuthProviderConfig::discover(
            peer.issuer(),
            "basic",
            peer.secret("basic").as_str(),
            OpenIdProvider::REDIRECT_URI,
        );
        let settings =
            HttpSettings { extra_roots: Some(peer.authority().unwrap()), ..HttpSettings::default() };
        let http = HttpClient::new(&settings).unwrap();
        let provider = OidcProvider::new(config, http, shared.clone(), Arc::new(SystemRng)).unwrap();
        let name: ProviderName = "peer".parse().unwrap();
        let methods = vec![Method::federated(&name)];
        let policy = ProviderPolicy { provision: true, ..ProviderPolicy::default() };
        let providers = FederationProviders::new().with(name, Arc::new(provider), policy);
        let federation = Federation::new(providers, Arc::new(MemoryFederatedLinkStore::new()))
            .with_provider_logout(Arc::new(MemorySidStore::new()), Arc::new(MemoryJtiReplayStore::new()))
            .with_provisioner(Arc::new(Everybody));
        let backend = InMemoryBackend::new().with_tenant("default").with_methods(methods);
        let service = AuthnService::new(backend.clone(), backend)
            .with_clock(shared.clone())
            .with_federation(federation);
        let sessions = Sessions::new(InMemorySessionStore::new()).with_clock(shared);
        Self { peer, service, sessions, clock }
    }

    /// Begins a login; returns its session as its next request has it, and what the user types where.
    async fn begin(&self) -> (SessionHandle, String, String) {
        let session = self.sessions.guest(RequestContext::default());
        let login = self.service.begin_device_login(&session, "default", "peer", Default::default());
        let login = login.await.unwrap();
        (self.again(&session).await, login.verification_uri, login.user_code)
    }

    async fn again(&self, session: &SessionHandle) -> SessionHandle {
        session.finish().await.unwrap();
        self.sessions.open(Some(session.session_id()), RequestContext::default()).await.unwrap()
    }

    async fn ask(&self, session: &SessionHandle) -> DeviceLoginOutcome {
        self.clock.advance(std::time::Duration::from_secs(5));
        self.service.poll_device_login(session, "peer").await.unwrap()
    }

    /// Types the code in, as a user does, and agrees or not.
    async fn decide(&self, uri: &str, code: &str, agrees: bool) {
        let authority = Certificate::from_pem_bundle(self.peer.authority().unwrap().as_bytes()).unwrap();
        let browser =
            Client::builder().cookie_store(true).no_proxy().tls_certs_merge(authority).build().unwrap();
        let page = browser.get(uri).send().await.unwrap().text().await.unwrap();
        let (_, rest) = page.split_once("name=\"xsrf\" value=\"").unwrap();
        let xsrf = rest.split('"').next().unwrap();
        let decision = if agrees { "confirm" } else { "abort" };
        let form = [("xsrf", xsrf), ("user_code", code), (decision, "yes")];
        let answer = browser.post(uri).form(&form).send().await.unwrap();
        assert!(answer.status().as_u16() < 500, "{}", answer.status());
    }
}

pub(super) fn server(test: &str) -> Option<(Option<Server>, OpenIdProvider)> {
    if let Some(shared) = OpenIdProvider::shared() {
        return Some((None, shared));
    }
    if let Some(reason) = Kind::OpenIdProvider.missing() {
        skip(test, &reason);
        return None;
    }
    let server = Server::start(Kind::OpenIdProvider).unwrap();
    let peer = server.openid_provider().unwrap();
    Some((Some(server), peer))
}

#[tokio::test]
async fn a_user_agrees_or_refuses_at_the_real_provider() {
    let Some((_server, peer)) = server("a_user_agrees_or_refuses_at_the_real_provider") else { return };
    let world = World::new(peer);
    let (session, uri, code) = world.begin().await;
    assert!(matches!(world.ask(&session).await, DeviceLoginOutcome::Pending { .. }));
    world.decide(&uri, &code, true).await;
    let session = world.again(&session).await;
    let DeviceLoginOutcome::Completed(done) = world.ask(&session).await else { panic!("still waiting") };
    assert!(done.outcome.is_authenticated(), "{:?}", done.outcome);
    let session = world.again(&session).await;
    let login = session.federated_login().unwrap();
    assert!(session.is_authenticated());
    assert_eq!((login.subject.as_str(), login.assurance), ("alice", Assurance::IdToken));

    let (session, uri, code) = world.begin().await;
    world.decide(&uri, &code, false).await;
    let DeviceLoginOutcome::Completed(done) = world.ask(&session).await else { panic!("still waiting") };
    let FederatedOutcome::Refused(FederationError::Denied { code }) = done.outcome else {
        panic!("{done:?}")
    };
    assert_eq!(code, "access_denied");
    assert!(!world.again(&session).await.is_authenticated());
}
