//! Workloads and people at one site, told apart by its policies.

use super::{browser::Browser, site::Site};
use axess_authz::{AuthzStore, NoEntities, PolicyBundle, PolicyStore};
use axess_core::audit::MemoryAuditSink;
use axess_events::Actor;
use axess_http::{AuthzLayer, Guard, GuardedRouter, JwtSvidLayer};
use axess_identity::{TenantId, WorkloadId};
use axess_jose::{BoxFuture, FetchDocument, FetchError, FetchedDocument};
use axess_local_idp::{MintClaims, SigningAlgorithm, testing::LocalIdpFixture};
use axess_workload::{JwtSvidResolver, JwtSvidResolverConfig, PathConvention};
use axum::Router;
use chrono::TimeDelta;
use std::sync::Arc;

const SCHEMA: &str = r#"
entity Workload = { iss?: String };
action "bill", "visit" appliesTo { principal: [User, Workload], resource: [Shared], context: RequestContext };
"#;

const POLICIES: &str = r#"
@id("billing-bills")
permit (principal is Workload in TrustDomain::"prod.example.com", action == Action::"bill", resource)
when { principal.workload_id like "spiffe://prod.example.com/svc/billing/*" }
when { principal has iss && principal.iss == "https://id.example.com" };

@id("people-visit")
permit (principal is User, action == Action::"visit", resource);
"#;

const API: &str = "https://api.example.com";

struct Keys(LocalIdpFixture);

impl FetchDocument for Keys {
    fn fetch<'a>(&'a self, _: &'a str, _: usize) -> BoxFuture<'a, Result<FetchedDocument, FetchError>> {
        let bytes = serde_json::to_vec(&self.0.jwks()).unwrap();
        Box::pin(async move { Ok(FetchedDocument { bytes, max_age: None }) })
    }
}

/// People with sessions, a trust domain, and policies about both.
struct Mixed {
    site: Site,
    idp: LocalIdpFixture,
    workloads: JwtSvidLayer,
    trail: MemoryAuditSink,
}

impl Mixed {
    async fn new() -> Self {
        let site = Site::new().await;
        let clock = Arc::new(site.clock.clone());
        let idp = LocalIdpFixture::with_algorithm("https://id.example.com", SigningAlgorithm::Es256)
            .with_clock(clock.clone());
        let url = "https://id.example.com/jwks.json";
        let config = JwtSvidResolverConfig::new("prod.example.com".parse().unwrap(), url, API);
        let tenants = PathConvention::new(|_: String| async { Ok(Some(TenantId::from_parts(0, [2; 10]))) });
        let resolver = JwtSvidResolver::new(config, Arc::new(Keys(idp.clone())), Arc::new(tenants), clock);
        let workloads = JwtSvidLayer::new(resolver.unwrap());
        Self { site, idp, workloads, trail: MemoryAuditSink::default() }
    }

    fn policed(&self) -> Router {
        let app =
            PolicyBundle::new("app").with_file("app.cedarschema", SCHEMA).with_file("app.cedar", POLICIES);
        let policies = PolicyStore::compose(vec![PolicyBundle::base(), app]).unwrap();
        let layer = AuthzLayer::new(Arc::new(AuthzStore::new(policies)), Arc::new(NoEntities))
            .with_audit_sink(Arc::new(self.trail.clone()))
            .with_clock(Arc::new(self.site.clock.clone()));
        GuardedRouter::new()
            .get("/bill", Guard::Policy("bill"), async || "billed")
            .get("/visit", Guard::Policy("visit"), async || "welcome")
            .into_router()
            .merge(self.site.routes())
            .layer(layer)
    }

    fn bearer(&self, service: &str) -> String {
        let workload = workload(service);
        let claims = MintClaims::jwt_svid(&workload, TimeDelta::minutes(5)).with_audience(API);
        format!("Bearer {}", self.idp.mint(&claims).token.expose())
    }
}

fn workload(service: &str) -> WorkloadId {
    format!("spiffe://prod.example.com/svc/{service}/acme").parse().unwrap()
}

/// The answers to billing and to visiting.
async fn answers(mut browser: Browser) -> [u16; 2] {
    [browser.get("/bill").await.status.as_u16(), browser.get("/visit").await.status.as_u16()]
}

#[tokio::test]
async fn policies_decide_on_people_and_workloads_side_by_side() {
    let mixed = Mixed::new().await;
    let (session, workloads) = (mixed.site.layer(), mixed.workloads.clone());
    let inside = mixed.policed().layer(workloads.clone()).layer(session.clone());
    let outside = mixed.policed().layer(session).layer(workloads);
    for app in [inside, outside] {
        let program = |shown: &str| Browser::new(app.clone()).with_header("authorization", shown);
        assert_eq!(answers(program(&mixed.bearer("billing"))).await, [200, 403]);
        assert_eq!(answers(program(&mixed.bearer("ops"))).await, [403, 403]);
        assert_eq!(answers(program("Bearer forged")).await, [401, 401]);
        assert_eq!(answers(Browser::new(app.clone())).await, [401, 401]);
        let alice = mixed.site.logged_in(Browser::new(app.clone())).await;
        assert_eq!(answers(alice.clone()).await, [403, 200]);
        let both = alice.with_header("authorization", mixed.bearer("billing"));
        assert_eq!(answers(both).await, [403, 200], "who is logged in is the caller");
    }
}

#[tokio::test]
async fn a_site_of_workloads_alone_needs_no_sessions() {
    let mixed = Mixed::new().await;
    let app = mixed.policed().layer(mixed.workloads.clone());
    let billing = Browser::new(app.clone()).with_header("authorization", mixed.bearer("billing"));
    assert_eq!(answers(billing).await, [200, 403]);
    let envelope = mixed.trail.events().pop().unwrap();
    assert_eq!(envelope.actor, Some(Actor::Workload(workload("billing"))));
    assert_eq!(envelope.tenant_id, Some(TenantId::from_parts(0, [2; 10])));
    let mut nobody = Browser::new(app);
    let reply = nobody.get("/bill").await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (401, "authentication_required"));
}
