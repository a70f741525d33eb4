//! Logins begun at pysaml2, through the service and into a session.

use crate::{
    browser::Form,
    genuine::InMemory,
    live::{Site, peer},
    parties::run,
};
use axess_core::{
    audit::MemoryAuditSink,
    authn::Method,
    federation::{
        Federation, FederationProviders, NewAccount, ProviderPolicy, Provision, ProvisionFuture,
        ProvisionRequest, Provisioner,
    },
    memory::{
        InMemoryBackend, InMemorySessionStore, MemoryFederatedLinkStore, MemoryJtiReplayStore, MemorySidStore,
    },
    service::{AuthnService, FederatedCompletion, FederatedOutcome, ProviderLogoutOutcome},
    session::{RequestContext, SessionHandle, Sessions},
};
use axess_factors::federated::{
    CallbackMethod, CallbackResponse, FederationError, FederationProvider, ReplayGuard,
};
use axess_identity::Identifier;
use axess_peers::{Kind, skip};
use axess_saml::SamlConfig;
use std::sync::Arc;

const TENANT: &str = "default";
const NAME: &str = "company";

/// Gives everybody an account.
struct Everybody;

impl Provisioner for Everybody {
    fn provision<'a>(&'a self, request: ProvisionRequest<'a>) -> ProvisionFuture<'a, Provision> {
        let identifier = Identifier::parse_new(&request.identity.subject).unwrap();
        let new = NewAccount { identifier, display_name: None, email: None };
        Box::pin(async move { Ok(Provision::Create(new)) })
    }
}

/// An application that pysaml2 knows.
struct World {
    service: AuthnService<InMemoryBackend, InMemoryBackend>,
    sessions: Sessions,
    trail: MemoryAuditSink,
    site: Site,
    idp: String,
}

impl World {
    async fn at(idp: &str, allow_unsolicited: bool) -> Self {
        let change = |config| SamlConfig {
            allow_unsolicited,
            replay: Some(Arc::new(InMemory::default()) as Arc<dyn ReplayGuard>),
            relay_states: vec!["/reports".into()],
            ..config
        };
        let site = Site::at(idp, "/metadata", "", change).await;
        let name = NAME.parse().unwrap();
        let backend = InMemoryBackend::new().with_tenant(TENANT).with_methods(vec![Method::federated(&name)]);
        let policy = ProviderPolicy { provision: true, ..ProviderPolicy::default() };
        let provider: Arc<dyn FederationProvider> = site.provider.clone();
        let providers = FederationProviders::new().with(name, provider, policy);
        let federation = Federation::new(providers, Arc::new(MemoryFederatedLinkStore::new()))
            .with_provider_logout(Arc::new(MemorySidStore::new()), Arc::new(MemoryJtiReplayStore::new()))
            .with_provisioner(Arc::new(Everybody));
        let trail = MemoryAuditSink::default();
        let service = AuthnService::new(backend.clone(), backend)
            .with_audit_sink(Arc::new(trail.clone()))
            .with_federation(federation);
        let sessions = Sessions::new(InMemorySessionStore::new());
        Self { service, sessions, trail, site, idp: idp.to_owned() }
    }

    fn guest(&self) -> SessionHandle {
        self.sessions.guest(RequestContext::default())
    }

    /// What pysaml2 has a browser post that somebody sent there.
    async fn started(&self, relay_state: &str) -> CallbackResponse {
        let url = format!("{}/start?sp={}&relay={relay_state}", self.idp, self.site.entity_id);
        Form::of(&self.site.browser.get(&url).await.0).into_callback()
    }

    async fn take(&self, session: &SessionHandle, response: CallbackResponse) -> FederatedCompletion {
        self.service.complete_unsolicited_login(session, TENANT, NAME, response).await.unwrap()
    }

    /// Takes it, and sees that it is refused for the one reason and leaves a guest and an event.
    async fn refuses(&self, session: &SessionHandle, response: CallbackResponse, reason: &str) {
        let before = self.trail.events().len();
        let done = self.take(session, response).await;
        assert!(matches!(done.outcome, FederatedOutcome::Refused(_)), "{reason}: {done:?}");
        assert!(!session.is_authenticated(), "{reason}");
        let events = self.trail.events().split_off(before);
        let told: Vec<_> = events.iter().map(|event| serde_json::to_value(event).unwrap()).collect();
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(
            (&told[0]["event_type"], &told[0]["reason"]),
            (&"FederationRefused".into(), &reason.into())
        );
    }
}

fn url(test: &str) -> Option<String> {
    peer(Kind::SamlIdp).map_err(|reason| skip(test, &reason)).ok()
}

#[test]
fn logins_begun_elsewhere_are_taken_where_that_is_wanted() {
    let Some(url) = url("saml: a login begun at pysaml2") else { return };
    run(async {
        let world = World::at(&url, true).await;
        let session = world.guest();
        let response = world.started("/reports").await;
        let done = world.take(&session, response.clone()).await;
        assert!(done.outcome.is_authenticated(), "{done:?}");
        assert_eq!(done.return_to.as_deref(), Some("/reports"));
        let login = session.federated_login().unwrap();
        assert_eq!((login.subject.as_str(), login.provider.as_str()), ("alice-id", NAME));

        // Good once, in whatever browser, and of a path that is on the list or of none.
        world.refuses(&world.guest(), response, "replayed").await;
        for elsewhere in ["/admin", "//evil.example", "https://evil.example/"] {
            world.refuses(&world.guest(), world.started(elsewhere).await, "state-mismatch").await;
        }
        let mut by_get = world.started("/reports").await;
        by_get.method = CallbackMethod::Get;
        world.refuses(&world.guest(), by_get, "state-mismatch").await;
        let other = world.guest();
        let done = world.take(&other, world.started("").await).await;
        assert!(done.outcome.is_authenticated() && done.return_to.is_none(), "{done:?}");

        // It is bound to the provider's session like any other: a logout there ends it.
        let start = format!(
            "{url}/logout?sp={}&binding=post&name=alice-id&session={}",
            world.site.entity_id,
            other.federated_login().unwrap().session_id.unwrap()
        );
        let message = Form::of(&world.site.browser.get(&start).await.0).into_callback();
        let ended =
            world.service.complete_backchannel_logout(&world.guest(), TENANT, NAME, message).await.unwrap();
        assert!(matches!(ended, ProviderLogoutOutcome::Ended { sessions: 1, .. }), "{ended:?}");
        assert!(!world.sessions.is_live(other.session_id()).await.unwrap());
    });
}

#[test]
fn an_unsolicited_response_is_refused_by_default_and_where_something_else_is_waited_for() {
    let Some(url) = url("saml: a login begun at pysaml2 that nobody wants") else { return };
    run(async {
        let world = World::at(&url, false).await;
        world.refuses(&world.guest(), world.started("/reports").await, "state-mismatch").await;

        let world = World::at(&url, true).await;
        // The verb for answers alone takes none.
        let session = world.guest();
        let response = world.started("/reports").await;
        let done = world.service.complete_federated_login(&session, NAME, response).await.unwrap();
        assert!(matches!(done.outcome, FederatedOutcome::Refused(FederationError::StateMismatch)));

        // A session that waits for an answer takes that, and nothing else.
        let session = world.guest();
        world.service.begin_federated_login(&session, TENANT, NAME, Default::default()).await.unwrap();
        let waiting = world.take(&session, world.started("/reports").await).await;
        assert!(matches!(waiting.outcome, FederatedOutcome::Refused(_)) && !session.is_authenticated());
        let there = world.service.begin_federated_login(&session, TENANT, NAME, Default::default()).await;
        let (page, _) = world.site.browser.follow(&there.unwrap()).await;
        let done = world.take(&session, Form::of(&page).into_callback()).await;
        assert!(done.outcome.is_authenticated(), "{done:?}");

        // Nobody who is logged in becomes somebody else.
        let again = world.take(&session, world.started("/reports").await).await;
        assert!(matches!(again.outcome, FederatedOutcome::Refused(FederationError::StateMismatch)));
        assert!(session.is_authenticated());
    });
}
