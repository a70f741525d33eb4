//! Policies through a router: who gets what answer, and what the audit trail says about it.

use super::{
    authz_site::{AuthzSite, POLICIES, policies, routes},
    browser::{Browser, Reply},
};
use axess_authz::{Column, Dialect, ResourceUid, RowMapping, Verdict};
use axess_core::audit::{AuditError, AuditFuture, AuditSink};
use axess_events::{Actor, AuthEvent, AuthEventEnvelope};
use axess_http::{Authz, AuthzRejection, Guard, GuardedRouter};
use axess_identity::{HumanPrincipal, Principal, TenantId, UserId, WorkloadPrincipal};
use axum::{Extension, Router, response::IntoResponse, routing::get};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// The status and the text of a page, or the code of a problem.
fn answer(reply: &Reply) -> (u16, String) {
    let text = if reply.status.is_success() { reply.body.clone() } else { reply.code() };
    (reply.status.as_u16(), text)
}

async fn get_at(browser: &mut Browser, path: &str) -> (u16, String) {
    answer(&browser.get(path).await)
}

fn says(status: u16, text: &str) -> (u16, String) {
    (status, text.to_owned())
}

#[tokio::test]
async fn what_is_allowed_goes_on_and_all_else_looks_alike() {
    let site = AuthzSite::new(POLICIES).await;
    let mut alice = site.alice().await;
    assert_eq!(get_at(&mut alice, "/documents/mine").await, says(200, "the text of mine"));
    let hidden = alice.get("/documents/theirs").await;
    let missing = alice.get("/documents/nowhere").await;
    let forbidden = alice.get("/admin").await;
    assert_eq!(answer(&hidden), says(403, "forbidden"));
    for other in [missing, forbidden] {
        assert_eq!((other.status, &other.body), (hidden.status, &hidden.body));
        let names = |reply: &Reply| reply.headers.keys().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(&other), names(&hidden));
    }
    assert_eq!(hidden.header(WWW_AUTHENTICATE.as_str()), None);
}

#[tokio::test]
async fn whoever_is_not_logged_in_is_not_asked_about() {
    let site = AuthzSite::new("permit (principal, action, resource);").await;
    let visitor = Browser::new(site.app());
    let halfway = site.site.bob_halfway().await.at(site.app());
    for mut browser in [visitor, halfway] {
        for path in ["/documents/mine", "/admin", "/policed-only"] {
            let reply = browser.get(path).await;
            assert_eq!(answer(&reply), says(401, "authentication_required"), "{path}");
            assert_eq!(reply.header(WWW_AUTHENTICATE.as_str()), None);
        }
    }
    assert_eq!((site.documents.loads.load(Ordering::SeqCst), site.events().len()), (0, 0));
}

#[tokio::test]
async fn a_route_is_guarded_by_a_policy_about_the_deployment() {
    let site = AuthzSite::new(POLICIES).await;
    let mut alice = site.alice().await;
    assert_eq!(get_at(&mut alice, "/admin").await, says(403, "forbidden"));
    site.documents.administrators.store(true, Ordering::SeqCst);
    for path in ["/admin", "/written-out"] {
        assert_eq!(get_at(&mut alice, path).await, says(200, "welcome"), "{path}");
    }
    assert_eq!(get_at(&mut alice, "/unknown-action").await, says(403, "forbidden"));
    let events = site.events();
    let [AuthEvent::AuthzDeny(_), AuthEvent::AuthzAllow(allow), ..] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(allow.resource_uid.as_str(), r#"Shared::"deployment""#);
    assert_eq!(allow.action.as_str(), r#"Action::"administer""#);
}

#[test]
fn the_manifest_names_the_action() {
    let golden = "\
GET     /admin           policy(administer)
GET     /documents/{id}  authn
GET     /policed-only    public
GET     /unknown-action  policy(no-such-action)
GET     /written-out     policy(Action::\"administer\")
";
    assert_eq!(routes().manifest().to_string(), golden);
}

#[tokio::test]
async fn a_denial_that_a_step_up_turns_is_a_challenge() {
    let site = AuthzSite::new(POLICIES).await;
    let mut alice = site.alice().await;
    assert_eq!(get_at(&mut alice, "/documents/secret").await, says(200, "the text of secret"));
    site.site.clock.advance(Duration::from_secs(3_600));
    let reply = alice.get("/documents/secret").await;
    assert_eq!(answer(&reply), says(401, "step_up_required"));
    let challenge = "Bearer error=\"insufficient_user_authentication\", max_age=\"900\"";
    assert_eq!(reply.header(WWW_AUTHENTICATE.as_str()), Some(challenge));

    assert_eq!(alice.post("/step-up").await.body, "password");
    assert_eq!(alice.post("/password").await.body, "in");
    assert_eq!(get_at(&mut alice, "/documents/secret").await, says(200, "the text of secret"));
}

#[tokio::test]
async fn a_guard_challenges_too_and_asks_only_for_what_can_be_proved() {
    let needs_mfa = r#"permit (principal, action, resource) when { context.mfa };"#;
    let site = AuthzSite::new(needs_mfa).await;
    let mut alice = site.alice().await;
    let reply = alice.get("/admin").await;
    assert_eq!(answer(&reply), says(401, "step_up_required"));
    let challenge = reply.header(WWW_AUTHENTICATE.as_str()).unwrap();
    assert!(challenge.contains("acr_values="), "{challenge}");

    let no_factor = axess_authz::StepUpOptions::new([]);
    let mut alice = alice.at(site.app_with(site.layer().with_step_up(no_factor)));
    assert_eq!(get_at(&mut alice, "/admin").await, says(403, "forbidden"));
    let mut bob = site.site.bob().await.at(site.app());
    assert_eq!(get_at(&mut bob, "/admin").await, says(200, "welcome"));
}

#[tokio::test]
async fn facts_that_cannot_be_had_are_no_denial() {
    let site = AuthzSite::new(POLICIES).await;
    let mut alice = site.alice().await;
    site.documents.down.store(true, Ordering::SeqCst);
    for path in ["/documents/mine", "/admin"] {
        let reply = alice.get(path).await;
        assert_eq!(answer(&reply), says(503, "unavailable"), "{path}");
        assert_eq!(reply.header(RETRY_AFTER.as_str()), Some("5"));
        assert!(!reply.body.contains("secret-host"), "{}", reply.body);
    }
    let events = site.events();
    let [AuthEvent::AuthzProviderFailed(first), AuthEvent::AuthzProviderFailed(_)] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!((first.provider.as_str(), first.failure_reason.as_str()), ("documents", "timeout"));
    site.documents.down.store(false, Ordering::SeqCst);
    assert_eq!(get_at(&mut alice, "/documents/mine").await, says(200, "the text of mine"));
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_allowed() {
    struct Full;
    impl AuditSink for Full {
        fn record(&self, _: AuthEventEnvelope) -> AuditFuture<'_> {
            Box::pin(async { Err(AuditError::new("the disk of secret-host is full")) })
        }
    }
    let site = AuthzSite::new("permit (principal, action, resource);").await;
    let app = site.app_with(site.layer().with_audit_sink(Arc::new(Full)));
    let mut alice = site.alice().await.at(app);
    for path in ["/documents/mine", "/admin"] {
        let reply = alice.get(path).await;
        assert_eq!(answer(&reply), says(503, "unavailable"), "{path}");
        assert_eq!(reply.header(RETRY_AFTER.as_str()), Some("5"));
        assert!(!reply.body.contains("secret-host"), "{}", reply.body);
    }
}

#[tokio::test]
async fn every_decision_is_recorded_with_the_ids_of_its_request() {
    let site = AuthzSite::new(POLICIES).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let mut alice = site
        .alice()
        .await
        .with_header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"))
        .with_header("user-agent", "curl/8.5");
    let mut ids = Vec::new();
    for path in ["/documents/mine", "/documents/nowhere", "/admin"] {
        ids.push(alice.get(path).await.header("x-request-id").unwrap().to_owned());
    }
    let envelopes = site.trail.events();
    let names: Vec<_> = envelopes.iter().map(|envelope| envelope.payload.wire_name()).collect();
    assert_eq!(names, ["AuthzAllow", "AuthzEntityNotFound", "AuthzDeny", "AuthzDeny"]);
    let AuthEvent::AuthzAllow(allow) = &envelopes[0].payload else { panic!("{envelopes:?}") };
    for (envelope, id) in envelopes.iter().zip([0, 1, 1, 2].map(|request: usize| &ids[request])) {
        let Some(Actor::User(user)) = envelope.actor else { panic!("{envelope:?}") };
        assert_eq!(allow.principal_uid.as_str(), ResourceUid::user(user).to_string());
        assert!(envelope.tenant_id.is_some());
        assert_eq!(envelope.request_id.as_ref().unwrap().as_str(), id);
        assert_eq!(envelope.trace_id.as_ref().unwrap().as_str(), trace);
        assert_eq!(envelope.client_ip, "192.0.2.7".parse().ok());
        assert!(envelope.user_agent.as_ref().unwrap().as_str().contains("curl"));
        assert_eq!(envelope.occurred_at, axess_clock::Clock::now(&site.site.clock));
    }
    let mut events: Vec<_> = envelopes.iter().map(|envelope| envelope.event_id).collect();
    events.dedup();
    assert_eq!(events.len(), envelopes.len());
}

#[tokio::test]
async fn new_policies_answer_the_next_request() {
    let site = AuthzSite::new(POLICIES).await;
    let mut alice = site.alice().await;
    assert_eq!(get_at(&mut alice, "/documents/mine").await.0, 200);
    assert_eq!(get_at(&mut alice, "/admin").await.0, 403);
    site.store.replace(policies(r#"permit (principal, action == Action::"administer", resource);"#));
    assert_eq!(get_at(&mut alice, "/documents/mine").await.0, 403);
    assert_eq!(get_at(&mut alice, "/admin").await.0, 200);
}

#[tokio::test]
async fn one_forbid_that_fails_denies_whatever_is_permitted() {
    let all = "@id(\"all\") permit (principal, action, resource);";
    let fails = "forbid (principal, action == Action::\"read\", resource) \
                 when { resource.size + 9223372036854775807 < 0 };";
    let site = AuthzSite::new(all).await;
    let mut alice = site.alice().await;
    assert_eq!(get_at(&mut alice, "/documents/theirs").await.0, 200);
    site.store.replace(policies(&format!("{all}\n@id(\"bad\") {fails}")));
    assert_eq!(get_at(&mut alice, "/documents/theirs").await, says(403, "forbidden"));
    let Some(AuthEvent::AuthzDeny(deny)) = site.events().pop() else { panic!("denied") };
    assert_eq!(deny.matched_policy_ids[0].as_str(), "bad");
}

#[tokio::test]
async fn what_the_application_knows_reaches_the_policies() {
    let region = r#"permit (principal, action, resource)
        when { context has custom && context.custom has region && context.custom.region == "eu" };"#;
    let site = AuthzSite::new(region).await;
    let mut alice = site.alice().await;
    assert_eq!(get_at(&mut alice, "/policed-only").await, says(200, "welcome"));
    assert_eq!(get_at(&mut alice, "/documents/theirs").await, says(403, "forbidden"));
}

#[tokio::test]
async fn address_and_proofs_of_the_session_reach_the_policies() {
    let policy = r#"permit (principal, action, resource) when {
        context has ip && context.ip.isInRange(ip("192.0.2.0/24")) &&
        context.factors_completed == ["password", "totp"] && context.mfa };"#;
    let site = AuthzSite::new(policy).await;
    let bob = site.site.bob_in(Browser::new(site.app()).connecting_from("192.0.2.7")).await;
    assert_eq!(get_at(&mut bob.clone(), "/admin").await, says(200, "welcome"));
    assert_eq!(get_at(&mut bob.connecting_from("198.51.100.7"), "/admin").await, says(403, "forbidden"));
}

#[tokio::test]
async fn the_handle_decides_explains_and_filters() {
    async fn page(authz: Authz) -> Result<String, AuthzRejection> {
        let theirs = ResourceUid::new("Document", "theirs").unwrap();
        let decision = authz.decide("read", &theirs).await?;
        assert_eq!(decision.verdict(), Verdict::Deny);
        let explanation = authz.explain("read", &theirs).await?;
        let questions =
            [("read".into(), ResourceUid::new("Document", "mine").unwrap()), ("read".into(), theirs)];
        let batch = authz.session().batch(&questions).await?;
        assert_eq!([batch[0].is_allow(), batch[1].is_allow()], [true, false]);
        let rows = RowMapping::new("Document", "id")
            .with_attr("tenant_id", Column::text("tenant_id"))
            .with_attr("owner", Column::entity("owner", "User"))
            .with_attr("secret", Column::bool("secret"))
            .never_in("Shared");
        let filter = authz.list_filter("read", &rows).await?.to_sql(Dialect::Postgres, 1);
        let broken = RowMapping::new("Document", "id").never_in("Shared");
        let refused = authz.list_filter("read", &broken).await.unwrap_err();
        assert!(matches!(refused, AuthzRejection::Filter(_)), "{refused:?}");
        assert_eq!(refused.into_response().status(), 500);
        Ok(format!("{} {}", explanation.policies.len(), filter.text))
    }
    let site = AuthzSite::new(POLICIES).await;
    let app = Router::new().route("/page", get(page)).layer(site.layer()).layer(site.site.layer());
    let mut alice = site.alice().await.at(app);
    let (status, text) = get_at(&mut alice, "/page").await;
    assert_eq!(status, 200, "{text}");
    assert!(text.contains("owner"), "{text}");
}

#[tokio::test]
async fn a_program_without_a_session_is_a_caller_too() {
    let site = AuthzSite::new(POLICIES).await;
    site.documents.administrators.store(true, Ordering::SeqCst);
    let id: axess_identity::WorkloadId = "spiffe://prod.example.com/svc/billing".parse().unwrap();
    let workload = Principal::Workload(WorkloadPrincipal {
        trust_domain: id.trust_domain().clone(),
        workload_id: id.clone(),
        issuer: axess_identity::Issuer::from("https://issuer.example"),
        tenant_id: TenantId::from_parts(0, [2; 10]),
        tenant_slug: "acme".into(),
        service_name: "billing".into(),
        attributes: [].into(),
    });
    let app = routes().into_router().layer(site.layer());
    let mut program = Browser::new(app.clone().layer(Extension(workload)));
    assert_eq!(get_at(&mut program, "/admin").await, says(200, "welcome"));
    let envelope = site.trail.events().pop().unwrap();
    assert_eq!(envelope.actor, Some(Actor::Workload(id)));
    assert_eq!(get_at(&mut Browser::new(app), "/admin").await, says(500, "internal_error"));
}

#[tokio::test]
async fn a_session_wins_over_a_principal_of_another_layer() {
    let site = AuthzSite::new(POLICIES).await;
    let somebody = Principal::Human(HumanPrincipal {
        user_id: UserId::from_parts(0, [1; 10]),
        tenant_id: TenantId::from_parts(0, [2; 10]),
        session_id: None,
        attributes: [].into(),
    });
    let app = routes()
        .into_router()
        .layer(site.layer())
        .layer(site.site.layer())
        .layer(Extension(somebody.clone()));
    let mut alice = site.alice().await.at(app.clone());
    assert_eq!(get_at(&mut alice, "/documents/mine").await.0, 200);
    let envelope = site.trail.events().pop().unwrap();
    assert_ne!(envelope.tenant_id, Some(somebody.tenant_id()));
    let mut bearer = Browser::new(app);
    assert_eq!(get_at(&mut bearer, "/admin").await, says(403, "forbidden"));
    assert_eq!(site.trail.events().pop().unwrap().tenant_id, Some(somebody.tenant_id()));
}

#[tokio::test]
async fn without_its_layer_the_extractor_is_closed() {
    let site = AuthzSite::new("permit (principal, action, resource);").await;
    let app = GuardedRouter::new()
        .get("/page", Guard::Authn, async |_: Authz| "welcome")
        .get("/admin", Guard::Policy("administer"), async || "welcome")
        .into_router()
        .layer(site.site.layer());
    let mut alice = site.alice().await.at(app);
    let log = super::faults::Log::default();
    let quiet = tracing::subscriber::set_default(log.clone());
    for path in ["/page", "/admin"] {
        assert_eq!(get_at(&mut alice, path).await, says(500, "internal_error"), "{path}");
    }
    drop(quiet);
    let told = log.lines().iter().filter(|line| line.contains("add an AuthzLayer to the router")).count();
    assert_eq!(told, 2);
}
