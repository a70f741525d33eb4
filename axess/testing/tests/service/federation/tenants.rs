use super::{provider::message, *};
use axess_core::{
    authn::AuthnError,
    federation::{TenantIdpBuilder, TenantProvider},
    memory::MemoryTenantIdpStore,
    service::{Operator, ProviderLogoutOutcome},
    store::{IdpProtocol, SidBinding, SidStore, TenantIdp, TenantIdpStore},
};
use axess_factors::federated::{BoxFuture, FederationError};
use axess_identity::SessionId;
use axess_testing::PASSWORD;
use std::sync::atomic::{AtomicUsize, Ordering};

const OTHER: &str = "other";

/// Builds scripted providers, and counts them.
#[derive(Default)]
struct Workshop {
    built: AtomicUsize,
}

impl TenantIdpBuilder for Workshop {
    fn build<'a>(&'a self, idp: &'a TenantIdp) -> BoxFuture<'a, Result<TenantProvider, FederationError>> {
        Box::pin(async move {
            self.built.fetch_add(1, Ordering::SeqCst);
            let issuer = idp.settings.get("says").and_then(|says| says.as_str()).unwrap_or(&idp.issuer);
            let provider = Arc::new(Scripted::new(issuer));
            Ok(TenantProvider { provider, policy: ProviderPolicy::default() })
        })
    }
}

struct Tenants {
    world: Wired,
    idps: MemoryTenantIdpStore,
    workshop: Arc<Workshop>,
}

impl Tenants {
    fn new() -> Self {
        let suite = TestSuite::builder()
            .methods(vec![Method::password(), federated()])
            .user("carol", OTHER, None, PASSWORD)
            .build();
        let (idp, idps) = (Scripted::new("https://acme.okta.example"), MemoryTenantIdpStore::new());
        let workshop = Arc::new(Workshop::default());
        let clock = Arc::new(suite.clock.clone());
        let for_all = Arc::new(idp.clone());
        let providers = FederationProviders::new()
            .with(okta(), for_all, ProviderPolicy::default())
            .with_tenants(Arc::new(idps.clone()), Arc::<Workshop>::clone(&workshop), clock);
        Self { world: Wired::from(suite, idp, providers, None), idps, workshop }
    }

    async fn own(&self, name: &str, issuer: &str, enabled: bool, settings: serde_json::Value) {
        let tenant_id = self.world.suite.owner().await.tenant_id;
        let name = name.parse().unwrap();
        let protocol = IdpProtocol::Oidc;
        let idp =
            TenantIdp { tenant_id, name, protocol, issuer: issuer.into(), settings, secret: None, enabled };
        assert_eq!(self.idps.save_idp(idp, Expected::Any).await.unwrap(), SaveOutcome::Saved);
    }

    async fn begin(&self, tenant: &str, name: &str) -> Result<String, AuthnError> {
        let session = self.world.suite.session().await;
        let there =
            self.world.service.begin_federated_login(&session, tenant, name, Default::default()).await?;
        Ok(there.url().to_owned())
    }
}

#[tokio::test]
async fn a_tenants_own_provider_is_its_own() {
    let all = Tenants::new();
    all.own("idp", "https://idp.default.example", true, serde_json::json!({})).await;
    assert!(all.begin(TENANT, "idp").await.unwrap().starts_with("https://idp.default.example/"));
    assert!(matches!(all.begin(OTHER, "idp").await, Err(AuthnError::UnknownProvider)));
    let names = async |tenant: &str| {
        let listed = all.world.service.federation_providers(tenant).await.unwrap();
        listed.into_iter().map(|provider| provider.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(
        (names(TENANT).await, names(OTHER).await),
        (vec!["idp".into(), "okta".into()], vec!["okta".into()])
    );

    all.own("okta", "https://okta.default.example", true, serde_json::json!({})).await;
    assert!(all.begin(TENANT, "okta").await.unwrap().starts_with("https://okta.default.example/"));
    assert!(all.begin(OTHER, "okta").await.unwrap().starts_with("https://acme.okta.example/"));
    all.own("okta", "https://okta.default.example", false, serde_json::json!({})).await;
    assert!(matches!(all.begin(TENANT, "okta").await, Err(AuthnError::UnknownProvider)), "no falling back");
    assert_eq!(names(TENANT).await, ["idp"]);
}

#[tokio::test]
async fn a_provider_is_built_once_for_each_configuration() {
    let all = Tenants::new();
    let built = || all.workshop.built.load(Ordering::SeqCst);
    all.own("idp", "https://idp.default.example", true, serde_json::json!({})).await;
    for _ in 0..3 {
        all.begin(TENANT, "idp").await.unwrap();
    }
    assert_eq!(built(), 1);
    all.own("idp", "https://idp.default.example", true, serde_json::json!({ "client_id": "2" })).await;
    all.begin(TENANT, "idp").await.unwrap();
    assert_eq!(built(), 2);
    // Deleted and made anew: the version begins at 1 again.
    let tenant_id = all.world.suite.owner().await.tenant_id;
    assert!(all.idps.delete_idp(tenant_id, "idp".parse().unwrap()).await.unwrap());
    all.own("idp", "https://new.default.example", true, serde_json::json!({})).await;
    assert!(all.begin(TENANT, "idp").await.unwrap().starts_with("https://new.default.example/"));
}

#[tokio::test]
async fn no_tenant_speaks_in_the_name_of_another_issuer() {
    let all = Tenants::new();
    all.own("idp", "https://acme.okta.example", true, serde_json::json!({})).await;
    let refused = all.begin(TENANT, "idp").await;
    assert!(matches!(refused, Err(AuthnError::Federation(FederationError::Configuration { .. }))));
    let says = serde_json::json!({ "says": "https://acme.okta.example" });
    all.own("idp2", "https://idp.default.example", true, says).await;
    let refused = all.begin(TENANT, "idp2").await;
    assert!(matches!(refused, Err(AuthnError::Federation(FederationError::Configuration { .. }))));
}

#[tokio::test]
async fn one_identity_may_have_an_account_in_each_tenant() {
    let all = Tenants::new();
    let world = &all.world;
    world.link("1").await;
    let carol = world.suite.user("carol", OTHER).await;
    let session = world.suite.session().await;
    let there =
        world.service.begin_federated_login(&session, OTHER, "okta", Default::default()).await.unwrap();
    let session = world.suite.reopen(&session).await;
    let done = world.come_back(&session, &provider::state_of(&there), world.word("1")).await;
    assert_eq!(called(&done.outcome), "not linked", "the link is of the other tenant");

    world.link_of(Owner { tenant_id: carol.tenant_id, user_id: carol.user_id }, "1").await;
    let session = world.suite.session().await;
    let there =
        world.service.begin_federated_login(&session, OTHER, "okta", Default::default()).await.unwrap();
    let session = world.suite.reopen(&session).await;
    let done = world.come_back(&session, &provider::state_of(&there), world.word("1")).await;
    assert!(done.outcome.is_authenticated());
    let carols = world.suite.reopen(&session).await;
    assert_eq!(carols.owner().map(|owner| owner.user_id), Some(carol.user_id));
    let alices = world.logged_in(world.word("1")).await;

    assert_eq!(alices.owner(), Some(world.suite.owner().await));
}

#[tokio::test]
async fn the_end_of_a_tenant_takes_its_providers() {
    let all = Tenants::new();
    all.own("idp", "https://idp.default.example", true, serde_json::json!({})).await;
    let (world, by) = (&all.world, Operator::new("ops", "contract ended"));
    let tenant_id = world.suite.owner().await.tenant_id;
    world.service.delete_tenant(&world.suite.sessions, tenant_id, &by).await.unwrap();
    let mut after = None;
    for _ in 0..10 {
        let done =
            world.service.purge_tenant(&world.suite.sessions, tenant_id, after, 10, &by).await.unwrap();
        after = done.next;
        if after.is_none() {
            break;
        }
    }
    assert!(all.idps.find_idps(tenant_id).await.unwrap().is_empty());
}

async fn in_tenant(world: &Wired, tenant: &str, name: &str, identity: FederatedIdentity) -> SessionHandle {
    let session = world.suite.session().await;
    let there =
        world.service.begin_federated_login(&session, tenant, name, Default::default()).await.unwrap();
    let session = world.suite.reopen(&session).await;
    let response = world.idp.answer(&super::provider::state_of(&there), identity);
    let done = world.service.complete_federated_login(&session, name, response).await.unwrap();
    assert!(done.outcome.is_authenticated(), "{:?}", done.outcome);
    world.suite.reopen(&session).await
}

#[tokio::test]
async fn a_provider_of_all_tenants_ends_sessions_in_all_of_them() {
    for (row, sid, subject) in [("a session", Some("sid-1"), None), ("a user", None, Some("alice"))] {
        let all = Tenants::new();
        let world = &all.world;
        world.link("alice").await;
        let carol = world.suite.user("carol", OTHER).await;
        world.link_of(Owner { tenant_id: carol.tenant_id, user_id: carol.user_id }, "alice").await;
        let word = || FederatedIdentity { session_id: Some("sid-1".into()), ..world.word("alice") };
        let here = in_tenant(world, TENANT, "okta", word()).await;
        let there = in_tenant(world, OTHER, "okta", word()).await;
        let request = world.suite.session().await;
        let told = message(sid, subject, Some("jti-1"));
        let done = world.service.complete_backchannel_logout(&request, TENANT, "okta", told.clone()).await;
        assert!(matches!(done, Ok(ProviderLogoutOutcome::Ended { sessions: 2, .. })), "{row}: {done:?}");
        for session in [&here, &there] {
            assert!(!world.suite.sessions.is_live(session.session_id()).await.unwrap(), "{row}");
        }
        let events = world.suite.audit.events();
        for (tenant, wanted) in [(world.suite.owner().await.tenant_id, 1), (carol.tenant_id, 1)] {
            let told =
                events.iter().filter(|event| event.tenant_id == Some(tenant)).filter_map(
                    |event| match &event.payload {
                        AuthEvent::FederatedLogoutReceived(received) => Some(received.sessions_ended),
                        _ => None,
                    },
                );
            assert_eq!(told.collect::<Vec<_>>(), [wanted], "{row}");
        }
        let again = world.service.complete_backchannel_logout(&request, OTHER, "okta", told).await.unwrap();
        assert!(matches!(again, ProviderLogoutOutcome::Refused(FederationError::Replayed)), "{row}");
    }
}

#[tokio::test]
async fn a_tenants_own_provider_ends_nothing_in_another_tenant() {
    // Both have written the same issuer down: whoever answers for it in one does not in the other.
    let all = Tenants::new();
    let world = &all.world;
    let issuer = "https://shared.example";
    let carol = world.suite.user("carol", OTHER).await;
    for tenant_id in [world.suite.owner().await.tenant_id, carol.tenant_id] {
        let idp = TenantIdp {
            tenant_id,
            name: "own".parse().unwrap(),
            protocol: IdpProtocol::Oidc,
            issuer: issuer.into(),
            settings: serde_json::json!({}),
            secret: None,
            enabled: true,
        };
        assert_eq!(all.idps.save_idp(idp, Expected::Any).await.unwrap(), SaveOutcome::Saved);
    }
    let bind = async |owner: Owner, lineage: u8| {
        let binding = SidBinding {
            owner,
            issuer: issuer.into(),
            sid: Some("sid-1".into()),
            subject: "alice".into(),
            lineage: SessionId::from_bytes([lineage; 16]),
            expires_at: chrono::DateTime::<chrono::Utc>::MAX_UTC,
        };
        world.sids.bind(binding).await.unwrap();
    };
    bind(world.suite.owner().await, 1).await;
    bind(Owner { tenant_id: carol.tenant_id, user_id: carol.user_id }, 2).await;
    let request = world.suite.session().await;
    let told = message(Some("sid-1"), None, Some("jti-1"));
    let _ = world.service.complete_backchannel_logout(&request, TENANT, "own", told.clone()).await.unwrap();
    let now = chrono::DateTime::UNIX_EPOCH;
    let left = world.sids.find_by_sid(None, issuer.into(), "sid-1".into(), now).await.unwrap();
    assert_eq!(left.iter().map(|one| one.owner.tenant_id).collect::<Vec<_>>(), [carol.tenant_id]);
    let other = world.service.complete_backchannel_logout(&request, OTHER, "own", told).await.unwrap();
    assert!(matches!(other, ProviderLogoutOutcome::Ended { .. }), "each takes it once: {other:?}");
}
