mod trail;

use super::*;
use crate::{
    Accepted, AuthenticatorLayer, Guard, GuardedRouter, JtiReplayGuard, KeyExtractor, RateLimitConfig,
    RateLimitLayer, ShellAudit, test_site::TestSite,
};
use axess_clock::MockClock;
use axess_core::{audit::MemoryAuditSink, memory::MemoryJtiReplayStore};
use axess_factors::federated::{FederationError, ReplayGuard};
use axess_identity::{HumanPrincipal, Principal, TenantId, UserId, WorkloadPrincipal};
use axess_jose::{BoxFuture, FetchDocument, FetchError, FetchedDocument};
use axess_local_idp::{MintClaims, SigningAlgorithm, testing::LocalIdpFixture};
use axess_workload::{JwtSvidResolver, JwtSvidResolverConfig, PathConvention};
use axum::{Extension, Router, body::Body};
use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, Request};
use serde_json::Value;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tower::ServiceExt;

const API: &str = "https://api.example.com";
const URL: &str = "https://spire.example.com/keys";
const BILLING: &str = "spiffe://prod.example.com/svc/billing/acme";
const FOREIGN: &str = "spiffe://stage.example.com/svc/billing/acme";
const NOWHERE: &str = "spiffe://prod.example.com/svc/billing/globex";

/// The published keys, or nothing.
struct Keys {
    idp: LocalIdpFixture,
    are_gone: AtomicBool,
}

impl FetchDocument for Keys {
    fn fetch<'a>(&'a self, _: &'a str, _: usize) -> BoxFuture<'a, Result<FetchedDocument, FetchError>> {
        let bytes = serde_json::to_vec(&self.idp.jwks()).unwrap();
        let is_gone = self.are_gone.load(Ordering::SeqCst);
        Box::pin(async move {
            match is_gone {
                true => Err(FetchError::Failed("connection refused".into())),
                false => Ok(FetchedDocument { bytes, max_age: None }),
            }
        })
    }
}

/// A store of used tokens that is down.
struct Down;

impl ReplayGuard for Down {
    fn claim<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: DateTime<Utc>,
        _: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<bool, FederationError>> {
        Box::pin(async { Err(FederationError::unavailable("the replay store", "connection refused")) })
    }
}

/// A trust domain with our own issuer, and a layer that asks it.
struct Site {
    keys: Arc<Keys>,
    clock: MockClock,
    trail: MemoryAuditSink,
    layer: JwtSvidLayer,
}

type Shown<'a> = &'a [(&'a str, &'a str)];

impl Site {
    fn new() -> Self {
        Self::with(|resolver| resolver)
    }

    fn taking_once() -> Self {
        Self::with(|it| it.with_replay_guard(Arc::new(JtiReplayGuard(MemoryJtiReplayStore::new()))))
    }

    fn with(finish: impl FnOnce(JwtSvidResolver) -> JwtSvidResolver) -> Self {
        let clock = MockClock::new(DateTime::from_timestamp(1_767_225_600, 0).unwrap());
        let idp = LocalIdpFixture::with_algorithm("https://id.example.com", SigningAlgorithm::Es256);
        let idp = idp.with_clock(Arc::new(clock.clone()));
        let keys = Arc::new(Keys { idp, are_gone: AtomicBool::default() });
        let config = JwtSvidResolverConfig::new("prod.example.com".parse().unwrap(), URL, API);
        let tenants = PathConvention::new(|slug: String| async move {
            Ok((slug == "acme").then(|| TenantId::from_parts(0, [2; 10])))
        });
        let source: Arc<dyn FetchDocument> = keys.clone();
        let resolver = JwtSvidResolver::new(config, source, Arc::new(tenants), Arc::new(clock.clone()));
        let trail = MemoryAuditSink::default();
        let audit = ShellAudit::new(Arc::new(trail.clone())).with_clock(Arc::new(clock.clone()));
        let layer = JwtSvidLayer::new(finish(resolver.unwrap())).with_audit(audit);
        Self { keys, clock, trail, layer }
    }

    fn told(&self) -> Vec<Value> {
        self.trail.events().iter().map(|it| serde_json::to_value(it).unwrap()).collect()
    }

    fn claims(&self, subject: &str) -> MintClaims {
        MintClaims::jwt_svid(&subject.parse().unwrap(), TimeDelta::minutes(5)).with_audience(API)
    }

    /// A header with a new token of a workload.
    fn bearer(&self, subject: &str) -> String {
        self.shown(&self.claims(subject))
    }

    fn shown(&self, claims: &MintClaims) -> String {
        format!("Bearer {}", self.keys.idp.mint(claims).token.expose())
    }

    /// Routes of every kind, with nothing around them.
    fn routes() -> Router {
        let who = async |caller: Option<Extension<Principal>>| match caller {
            Some(Extension(caller)) => caller.uid(),
            None => "nobody".to_owned(),
        };
        let name = async |caller: Accepted<WorkloadPrincipal>| caller.workload_id.path().to_owned();
        GuardedRouter::new()
            .get("/who", Guard::Public, who)
            .get("/any", Guard::Accepted(""), name)
            .get("/all", Guard::Accepted("/*"), name)
            .get("/one", Guard::Accepted("/svc/billing/acme"), name)
            .get("/some", Guard::Accepted("/svc/billing/*"), name)
            .get("/other", Guard::Accepted("/svc/bill/*"), name)
            .get("/shorter", Guard::Accepted("/svc/billing"), name)
            .get("/star", Guard::Accepted("/svc/billing*"), name)
            .get("/word", Guard::Accepted("billing"), name)
            .get("/middle", Guard::Accepted("/svc/*/acme"), name)
            .get("/slash", Guard::Accepted("/svc/"), name)
            .into_router()
    }

    fn app(&self) -> Router {
        Self::routes().layer(AuthenticatorLayer::new(self.layer.clone())).layer(self.layer.clone())
    }

    async fn get(&self, path: &str, headers: Shown<'_>) -> (u16, HeaderMap, String) {
        get(self.app(), path, headers).await
    }
}

async fn get(app: Router, path: &str, headers: Shown<'_>) -> (u16, HeaderMap, String) {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 100_000).await.unwrap();
    (parts.status.as_u16(), parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

fn challenge(headers: &HeaderMap) -> &str {
    headers.get("www-authenticate").map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_good_token_says_who_calls_and_none_goes_on() {
    let site = Site::new();
    let token = site.bearer(BILLING);
    let billing = format!("Workload::\"{BILLING}\"");
    assert_eq!(site.get("/who", &[("authorization", &token)]).await.2, billing);
    let lower = token.replacen("Bearer", "bearer", 1);
    assert_eq!(site.get("/who", &[("authorization", &lower)]).await.2, billing);
    let dpop = token.replacen("Bearer", "DPoP", 1);
    for headers in
        [&[][..], &[("authorization", "Basic YTpi")], &[("authorization", &dpop)], &[("x-token", &token)]]
    {
        let (status, _, body) = site.get("/who", headers).await;
        assert_eq!((status, body.as_str()), (200, "nobody"), "{headers:?}");
    }
    let query = format!("/who?access_token={}", &token[7..]);
    assert_eq!(site.get(&query, &[]).await.2, "nobody", "a token in the address is none");
}

#[tokio::test]
async fn a_bad_token_goes_no_further_and_is_not_repeated() {
    let site = Site::new();
    let late = site.bearer(BILLING);
    site.clock.advance(Duration::from_secs(330));
    let good = site.bearer(BILLING);
    let forged = format!("{}AAAA", &good[..good.len() - 4]);
    let nowhere = site.bearer(NOWHERE);
    let foreign = site.bearer(FOREIGN);
    let invalid = (401, r#"Bearer error="invalid_token""#, "invalid_token");
    let malformed = (400, r#"Bearer error="invalid_request""#, "invalid_request");
    let rows: &[(&str, Shown<'_>, (u16, &str, &str))] = &[
        ("forged", &[("authorization", &forged)], invalid),
        ("over", &[("authorization", &late)], invalid),
        ("without a place", &[("authorization", &nowhere)], invalid),
        ("of another domain", &[("authorization", &foreign)], invalid),
        ("no token", &[("authorization", "Bearer opaque")], invalid),
        ("two", &[("authorization", &good), ("authorization", &good)], malformed),
        ("two of two kinds", &[("authorization", "Basic YTpi"), ("authorization", &good)], malformed),
        ("two parts", &[("authorization", "Bearer a b")], malformed),
        ("quoted", &[("authorization", "Bearer \"a\"")], malformed),
    ];
    for (row, headers, (status, told, code)) in rows {
        for path in ["/who", "/any"] {
            let (answered, answer, body) = site.get(path, headers).await;
            assert_eq!((answered, challenge(&answer)), (*status, *told), "{row} at {path}");
            assert!(body.contains(&format!("\"code\":\"{code}\"")), "{row}: {body}");
            assert_eq!(answer["cache-control"], "no-store", "{row}");
            assert!(!format!("{answer:?}{body}").contains("eyJ"), "{row}: {answer:?} {body}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_checked_is_answered_with_later() {
    for (row, site, is_gone) in
        [("keys", Site::new(), true), ("uses", Site::with(|it| it.with_replay_guard(Arc::new(Down))), false)]
    {
        site.keys.are_gone.store(is_gone, Ordering::SeqCst);
        let token = site.bearer(BILLING);
        let (status, headers, body) = site.get("/who", &[("authorization", &token)]).await;
        assert_eq!((status, challenge(&headers)), (503, ""), "{row}");
        assert_eq!(headers["retry-after"], "5", "{row}");
        assert!(body.contains("\"code\":\"unavailable\""), "{row}: {body}");
        assert!(site.trail.events().is_empty(), "{row}");
        assert_eq!(site.get("/who", &[]).await.0, 200, "{row}: who shows nothing needs none of it");
    }
}

#[tokio::test]
async fn whoever_is_known_already_stays_the_caller() {
    let site = Site::new();
    let token = site.bearer(BILLING);
    let alice = Principal::Human(HumanPrincipal {
        user_id: UserId::from_parts(0, [1; 10]),
        tenant_id: TenantId::from_parts(0, [2; 10]),
        session_id: None,
        attributes: Default::default(),
    });
    let app = site.app().layer(Extension(alice.clone()));
    for shown in [&token, "Bearer forged", "Bearer a b"] {
        let (status, _, body) = get(app.clone(), "/who", &[("authorization", shown)]).await;
        assert_eq!((status, body), (200, alice.uid()), "{shown}");
    }
    // A route for workloads alone asks for the token itself.
    assert_eq!(get(app.clone(), "/any", &[("authorization", &token)]).await.2, "/svc/billing/acme");
    assert_eq!(get(app.clone(), "/any", &[("authorization", "Bearer forged")]).await.0, 401);
    assert_eq!(get(app, "/any", &[]).await.0, 401);

    let people = TestSite::new();
    let (guest, member) = (people.guest().await, people.logged_in().await);
    for (session, who) in [(guest, format!("Workload::\"{BILLING}\"")), (member, "nobody".to_owned())] {
        let app = site.app().layer(Extension(session));
        assert_eq!(get(app, "/who", &[("authorization", &token)]).await.2, who);
    }
}

#[tokio::test]
async fn a_route_is_for_any_workload_for_one_or_for_some() {
    let site = Site::new();
    let alone = Site::routes().layer(AuthenticatorLayer::new(site.layer.clone()));
    let (billing, ops) = (site.bearer(BILLING), site.bearer("spiffe://prod.example.com/svc/ops/acme"));
    for (path, for_billing, for_ops) in [
        ("/any", 200, 200),
        ("/all", 200, 200),
        ("/one", 200, 403),
        ("/some", 200, 403),
        ("/other", 403, 403),
        ("/shorter", 403, 403),
        ("/star", 500, 500),
        ("/word", 500, 500),
        ("/middle", 500, 500),
        ("/slash", 500, 500),
    ] {
        for app in [site.app(), alone.clone()] {
            for (token, expected, name) in
                [(&billing, for_billing, "/svc/billing/acme"), (&ops, for_ops, "/svc/ops/acme")]
            {
                let (status, headers, body) = get(app.clone(), path, &[("authorization", token)]).await;
                assert_eq!(status, expected, "{path} {name}");
                match status {
                    200 => assert_eq!(body, name, "{path}"),
                    403 => assert_eq!(challenge(&headers), r#"Bearer error="insufficient_scope""#, "{path}"),
                    _ => assert!(body.contains("internal_error"), "{path}: {body}"),
                }
            }
            let (status, headers, body) = get(app.clone(), path, &[]).await;
            assert_eq!((status, challenge(&headers)), (401, "Bearer"), "{path}");
            assert!(body.contains("authentication_required"), "{body}");
        }
    }
}

#[tokio::test]
async fn a_token_that_is_taken_once_opens_one_request() {
    let site = Site::taking_once();
    for path in ["/who", "/any"] {
        let token = site.bearer(BILLING);
        assert_eq!(site.get(path, &[("authorization", &token)]).await.0, 200, "{path}: looked at once");
        assert_eq!(site.get(path, &[("authorization", &token)]).await.0, 401, "{path}");
    }
    // Another layer's finding is another's: a guard that asks elsewhere looks for itself.
    let elsewhere = Site::new();
    let app =
        Site::routes().layer(AuthenticatorLayer::new(elsewhere.layer.clone())).layer(site.layer.clone());
    let token = site.bearer(BILLING);
    assert_eq!(get(app, "/any", &[("authorization", &token)]).await.0, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_with_one_token_one_gets_in() {
    let site = Site::taking_once();
    let app = site.app();
    for round in 0..20 {
        let token = site.bearer(BILLING);
        let asking: Vec<_> = (0..8)
            .map(|_| {
                let (app, token) = (app.clone(), token.clone());
                tokio::spawn(async move { get(app, "/who", &[("authorization", &token)]).await.0 })
            })
            .collect();
        let mut statuses = Vec::new();
        for one in asking {
            statuses.push(one.await.unwrap());
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 401, 401, 401, 401, 401, 401, 401], "round {round}");
    }
}

#[tokio::test]
async fn rates_are_limited_by_workload() {
    let site = Site::new();
    let config = RateLimitConfig::builder().key(KeyExtractor::WorkloadId).max_requests(2);
    let limits = RateLimitLayer::new(config.clock(Arc::new(site.clock.clone())).build());
    let app = Site::routes().layer(limits).layer(site.layer.clone());
    let ask =
        async |subject: &str| get(app.clone(), "/who", &[("authorization", &site.bearer(subject))]).await.0;
    assert_eq!([ask(BILLING).await, ask(BILLING).await, ask(BILLING).await], [200, 200, 429]);
    assert_eq!(ask("spiffe://prod.example.com/svc/ops/acme").await, 200);
}
