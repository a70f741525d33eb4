//! What the layers refuse or decide is on record, with all that is known of the request: one row for each way.

use super::{
    authz_site::{AuthzSite, POLICIES, routes},
    browser::{Browser, Reply},
};
use axess_clock::Clock;
use axess_core::audit::{AuditError, AuditFuture, AuditSink, MemoryAuditSink};
use axess_events::{AuditText, AuthEventEnvelope};
use axess_http::{
    CsrfConfig, CsrfLayer, FingerprintPolicy, RateLimitConfig, RateLimitLayer, RequestIdLayer, ShellAudit,
    TraceContextLayer,
};
use axum::Router;
use http::StatusCode;
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const OTHER_AGENT: &str = "curl/8.5";

/// One way, what it is answered and what is recorded of it. With `actor`, at whose request is known.
struct Row {
    way: &'static str,
    status: u16,
    events: &'static [&'static str],
    tenant: bool,
    actor: &'static [bool],
}

const fn row(way: &'static str, status: u16, events: &'static [&'static str]) -> Row {
    Row { way, status, events, tenant: true, actor: &[true] }
}

const ROWS: &[Row] = &[
    Row { actor: &[false], ..row("SessionLayer: warn", 200, &["SessionFingerprintMismatch"]) },
    Row {
        actor: &[false, true],
        ..row("SessionLayer: reauth", 401, &["SessionFingerprintMismatch", "Logout"])
    },
    Row {
        actor: &[false, true],
        ..row("SessionLayer: revoke", 401, &["SessionFingerprintMismatch", "Logout"])
    },
    row("CsrfLayer: of a user", 403, &["CsrfRejected"]),
    Row { tenant: false, actor: &[false], ..row("CsrfLayer: of nobody", 403, &["CsrfRejected"]) },
    row("RateLimitLayer: of a user", 429, &["RateLimitRejected"]),
    Row { tenant: false, actor: &[false], ..row("RateLimitLayer: of nobody", 429, &["RateLimitRejected"]) },
    row("AuthzLayer: allowed", 200, &["AuthzAllow"]),
    row("AuthzLayer: denied", 403, &["AuthzDeny"]),
    row("AuthzLayer: no such resource", 403, &["AuthzEntityNotFound", "AuthzDeny"]),
    row("AuthzLayer: no facts", 503, &["AuthzProviderFailed"]),
];

/// The site with every layer, and what they record in.
struct Ground {
    site: AuthzSite,
    trail: MemoryAuditSink,
    app: Router,
}

impl Ground {
    async fn new(policy: FingerprintPolicy) -> Self {
        let site = AuthzSite::new(POLICIES).await;
        let trail = MemoryAuditSink::default();
        let app = layered(&site, policy, Arc::new(trail.clone()));
        Self { site, trail, app }
    }

    fn browser(&self) -> Browser {
        Browser::new(self.app.clone())
            .connecting_from("192.0.2.7")
            .with_header("user-agent", AGENT)
            .with_header("sec-fetch-site", "same-origin")
            .with_header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"))
    }

    async fn alice(&self) -> Browser {
        self.site.site.logged_in(self.browser()).await
    }

    /// What `alice`'s cookie gets in another browser.
    async fn elsewhere(&self) -> Reply {
        let alice = self.alice().await;
        let mut other = self.browser().with_cookie(alice.cookie.clone().unwrap());
        other.replace_header("user-agent", OTHER_AGENT);
        other.get("/read").await
    }

    async fn exhaust(&self, mut browser: Browser) -> Reply {
        for _ in 0..3 {
            browser.get("/limited").await;
        }
        browser.get("/limited").await
    }
}

fn layered(site: &AuthzSite, policy: FingerprintPolicy, trail: Arc<dyn AuditSink>) -> Router {
    let shell = ShellAudit::new(Arc::clone(&trail)).with_clock(Arc::new(site.site.clock.clone()));
    let csrf = CsrfConfig::new([9; 32]).unwrap().with_audit(shell.clone());
    let limit = RateLimitConfig::builder()
        .max_requests(3)
        .window(Duration::from_secs(60))
        .clock(Arc::new(site.site.clock.clone()))
        .audit(shell)
        .build();
    let limited = Router::new()
        .route("/limited", axum::routing::get(async || "ok"))
        .route_layer(RateLimitLayer::new(limit));
    let policies = site.layer().with_audit_sink(Arc::clone(&trail));
    let sessions = site.site.layer().with_fingerprint_policy(policy).with_audit_sink(trail);
    routes()
        .into_router()
        .merge(site.site.routes())
        .merge(limited)
        .layer(policies)
        .layer(CsrfLayer::new(csrf))
        .layer(sessions)
        .layer(RequestIdLayer::new())
        .layer(TraceContextLayer::new())
}

fn policy_of(way: &str) -> FingerprintPolicy {
    match way {
        "SessionLayer: reauth" => FingerprintPolicy::Reauth,
        "SessionLayer: revoke" => FingerprintPolicy::Revoke,
        _ => FingerprintPolicy::Warn,
    }
}

async fn go(ground: &Ground, way: &str) -> Reply {
    match way {
        "SessionLayer: warn" | "SessionLayer: reauth" | "SessionLayer: revoke" => ground.elsewhere().await,
        "CsrfLayer: of a user" => {
            let mut alice = ground.alice().await;
            alice.replace_header("sec-fetch-site", "cross-site");
            alice.post("/logout").await
        }
        "CsrfLayer: of nobody" => {
            let mut nobody = ground.browser();
            nobody.replace_header("sec-fetch-site", "cross-site");
            nobody.post("/logout").await
        }
        "RateLimitLayer: of a user" => ground.exhaust(ground.alice().await).await,
        "RateLimitLayer: of nobody" => ground.exhaust(ground.browser()).await,
        "AuthzLayer: allowed" => ground.alice().await.get("/documents/mine").await,
        "AuthzLayer: denied" => ground.alice().await.get("/documents/theirs").await,
        "AuthzLayer: no such resource" => ground.alice().await.get("/documents/nowhere").await,
        "AuthzLayer: no facts" => {
            let mut alice = ground.alice().await;
            ground.site.documents.down.store(true, Ordering::SeqCst);
            alice.get("/documents/mine").await
        }
        other => panic!("{other}"),
    }
}

fn names(events: &[AuthEventEnvelope]) -> Vec<&'static str> {
    events.iter().map(|event| event.payload.wire_name()).collect()
}

#[tokio::test]
async fn every_refusal_and_decision_is_recorded_with_its_request() {
    for row in ROWS {
        let ground = Ground::new(policy_of(row.way)).await;
        let reply = go(&ground, row.way).await;
        assert_eq!(reply.status.as_u16(), row.status, "{}: {reply:?}", row.way);
        let events = ground.trail.events();
        assert_eq!(names(&events), row.events, "{}", row.way);
        for (n, event) in events.iter().enumerate() {
            let what = format!("{}: {event:?}", row.way);
            let actor = row.actor.get(n).or(row.actor.last()).copied().unwrap();
            assert_eq!(event.actor.is_some(), actor, "{what}");
            assert_eq!(event.tenant_id.is_some(), row.tenant, "{what}");
            assert_eq!(event.occurred_at, ground.site.site.clock.now(), "{what}");
            assert_eq!(event.client_ip, "192.0.2.7".parse().ok(), "{what}");
            let text = |text: &Option<AuditText>| text.as_ref().map(|text| text.as_str().to_owned());
            assert_eq!(text(&event.request_id).as_deref(), reply.header("x-request-id"), "{what}");
            assert_eq!(text(&event.trace_id).as_deref(), Some(TRACE), "{what}");
            let agent = if row.way.starts_with("SessionLayer") { OTHER_AGENT } else { AGENT };
            assert_eq!(text(&event.user_agent).as_deref(), Some(agent), "{what}");
            assert!(events.iter().skip(n + 1).all(|later| later.event_id != event.event_id), "{what}");
        }
    }
}

/// A trail that has no room for one kind of event.
struct FullFor(&'static str);

impl AuditSink for FullFor {
    fn record(&self, event: AuthEventEnvelope) -> AuditFuture<'_> {
        let full = event.payload.wire_name() == self.0;
        Box::pin(async move { if full { Err(AuditError::full(Duration::from_secs(7))) } else { Ok(()) } })
    }
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_answered_or_refused_all_the_same() {
    for row in ROWS {
        for refused in row.events {
            let mut ground = Ground::new(policy_of(row.way)).await;
            ground.app = layered(&ground.site, policy_of(row.way), Arc::new(FullFor(refused)));
            let reply = go(&ground, row.way).await;
            if ["CsrfRejected", "RateLimitRejected"].contains(refused) {
                assert_eq!(reply.status.as_u16(), row.status, "{}: a refusal stands", row.way);
            } else {
                let wait = reply.header("retry-after").map(str::to_owned);
                let said = (reply.status, wait.as_deref());
                assert_eq!(said, (StatusCode::SERVICE_UNAVAILABLE, Some("7")), "{} {refused}", row.way);
            }
        }
    }
}
