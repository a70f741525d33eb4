//! A session that turns up in another browser.

use super::{
    browser::Browser,
    probe::Call::{Cycle, End, Load},
    site::Site,
};
use axess_clock::Clock;
use axess_core::{
    audit::{AuditError, AuditFuture, AuditSink},
    store::SessionStore,
};
use axess_events::{
    AuditText, AuthEvent, AuthEventEnvelope, device::PolicyAction, shell::SessionFingerprintMismatch,
};
use axess_http::{FingerprintConfig, FingerprintPolicy, RequestIdLayer, SessionLayer, TraceContextLayer};
use http::StatusCode;
use std::sync::Arc;

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const FIREFOX_PATCHED: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.3";
const FIREFOX_NEXT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0";
const CHROME: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

/// Two browsers with the same cookie: `bob`'s, where he put something into his session, and somebody's.
async fn stolen(site: &Site, layer: &SessionLayer) -> (Browser, Browser) {
    let app = site.app_with(layer).layer(RequestIdLayer::new()).layer(TraceContextLayer::new());
    let firefox =
        Browser::new(app.clone()).with_header("user-agent", FIREFOX).with_header("accept-language", "de");
    let mut own = site.bob_in(firefox).await;
    own.get("/write").await;
    let other = Browser::new(app).with_header("user-agent", CHROME).with_header("accept-language", "de");
    let other = other.connecting_from("203.0.113.9").with_cookie(own.cookie.clone().unwrap());
    site.store.calls();
    (own, other)
}

fn mismatches(site: &Site) -> Vec<(AuthEventEnvelope, SessionFingerprintMismatch)> {
    let of = |envelope: AuthEventEnvelope| match &envelope.payload {
        AuthEvent::SessionFingerprintMismatch(event) => Some((envelope.clone(), event.clone())),
        _ => None,
    };
    site.audit.events().into_iter().filter_map(of).collect()
}

#[tokio::test]
async fn warn_records_and_goes_on() {
    let site = Site::new().await;
    let (mut own, other) = stolen(&site, &site.layer()).await;
    own.get("/read").await;
    assert_eq!((mismatches(&site).len(), site.counts.mismatches()), (0, 0));

    let mut other =
        other.with_header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let reply = other.get("/read").await;
    assert_eq!((reply.status, reply.body.as_str()), (StatusCode::OK, "green"));
    assert_eq!(reply.session_cookie(), None);
    assert_eq!(site.counts.mismatches(), 1);
    let [(envelope, event)] = mismatches(&site).try_into().unwrap();
    assert_eq!(event.user_id, Some(site.bob_as_owner().user_id));
    assert_eq!(event.session_id, site.store.written().id);
    assert_eq!(event.policy_action, PolicyAction::Warn);
    assert_eq!(envelope.tenant_id, Some(site.bob_as_owner().tenant_id));
    assert_eq!(envelope.client_ip, "203.0.113.9".parse().ok());
    assert_eq!(envelope.user_agent.as_ref().map(AuditText::as_str), Some(CHROME));
    assert_eq!(envelope.occurred_at, site.clock.now());
    assert_eq!(envelope.request_id.as_ref().map(AuditText::as_str), reply.header("x-request-id"));
    assert_eq!(envelope.trace_id.as_ref().map(AuditText::as_str), Some("0af7651916cd43dd8448eb211c80319c"));

    // It is known now: what would follow with every request is no news. A third browser is.
    assert_eq!(other.get("/read").await.body, "green");
    assert_eq!((mismatches(&site).len(), site.counts.mismatches()), (1, 1));
    other.replace_header("accept-language", "fr");
    other.get("/read").await;
    assert_eq!((mismatches(&site).len(), site.counts.mismatches()), (2, 2));
    own.get("/read").await;
    assert_eq!(site.counts.mismatches(), 2);
}

#[tokio::test]
async fn reauth_takes_the_login_and_leaves_the_data() {
    let site = Site::new().await;
    let layer = site.layer().with_fingerprint_policy(FingerprintPolicy::Reauth);
    let (mut own, mut other) = stolen(&site, &layer).await;
    let reply = other.get("/read").await;
    assert_eq!((reply.status, reply.code().as_str()), (StatusCode::UNAUTHORIZED, "session_mismatch"));
    assert!(reply.session_cookie().unwrap().starts_with("__Host-session=; Max-Age=0; "), "{reply:?}");
    assert_eq!((other.cookie.as_deref(), site.counts.mismatches()), (None, 1));
    assert_eq!(mismatches(&site)[0].1.policy_action, PolicyAction::Reauth);
    assert_eq!(site.store.calls(), [Load, Cycle]);

    // Nobody is logged in by that cookie any more, in whichever browser.
    assert_eq!(own.get("/whoami").await.body, "guest");
    let owner = site.bob_as_owner();
    assert_eq!(site.store.find_sessions_for_user(owner, site.clock.now(), 10).await.unwrap(), []);
    let row = site.store.written();
    let left = layer.sessions().open(Some(row.id), Default::default()).await.unwrap();
    assert!(left.is_guest() && left.is_stored());
    assert_eq!(left.get_custom("color").unwrap(), Some("green".to_owned()));
}

#[tokio::test]
async fn revoke_ends_the_session_and_no_other() {
    let site = Site::new().await;
    let layer = site.layer().with_fingerprint_policy(FingerprintPolicy::Revoke);
    let (mut own, mut other) = stolen(&site, &layer).await;
    site.clock.advance(std::time::Duration::from_secs(60));
    let mut elsewhere = site.bob().await;
    assert_eq!(site.store.len(), 2);
    site.store.calls();
    let reply = other.get("/read").await;
    assert_eq!((reply.status, reply.code().as_str()), (StatusCode::UNAUTHORIZED, "session_mismatch"));
    assert!(reply.session_cookie().unwrap().starts_with("__Host-session=; Max-Age=0; "), "{reply:?}");
    assert_eq!((site.store.calls(), site.store.len()), (vec![Load, End], 1));
    assert_eq!(mismatches(&site)[0].1.policy_action, PolicyAction::Revoke);
    assert_eq!(own.get("/whoami").await.body, "guest");
    assert_eq!(elsewhere.get("/whoami").await.body, "authenticated");
}

#[tokio::test]
async fn a_store_that_fails_while_acting_is_an_outage() {
    for policy in [FingerprintPolicy::Reauth, FingerprintPolicy::Revoke] {
        let site = Site::new().await;
        let (mut own, mut other) = stolen(&site, &site.layer().with_fingerprint_policy(policy)).await;
        site.store.fail_writes(1);
        let reply = other.get("/read").await;
        assert_eq!(
            (reply.status, reply.header("set-cookie")),
            (StatusCode::SERVICE_UNAVAILABLE, None),
            "{policy:?}"
        );
        assert_eq!(own.get("/whoami").await.body, "authenticated", "nothing happened to the session");
    }
}

#[tokio::test]
async fn what_cannot_be_recorded_does_not_go_on() {
    struct Full;
    impl AuditSink for Full {
        fn record(&self, _: AuthEventEnvelope) -> AuditFuture<'_> {
            Box::pin(async { Err(AuditError::new("disk full")) })
        }
    }
    let site = Site::new().await;
    let (mut own, mut other) = stolen(&site, &site.layer().with_audit_sink(Arc::new(Full))).await;
    assert_eq!(other.get("/read").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(own.get("/read").await.body, "green");
}

/// Tells whether a session that began with the first browser is taken by the second under a strict policy.
async fn tolerated(config: FingerprintConfig, first: [&str; 3], second: [&str; 3]) -> bool {
    let site = Site::new().await;
    let layer = site.layer().with_fingerprint(config).with_fingerprint_policy(FingerprintPolicy::Revoke);
    let app = site.app_with(&layer);
    let dressed = |[agent, language, peer]: [&str; 3]| {
        let browser = Browser::new(app.clone()).with_header("user-agent", agent);
        browser.with_header("accept-language", language).connecting_from(peer)
    };
    let mut first = dressed(first);
    first.get("/write").await;
    let reply = dressed(second).with_cookie(first.cookie.unwrap()).get("/read").await;
    assert_eq!(reply.status == StatusCode::OK, reply.body == "green");
    reply.status == StatusCode::OK
}

#[tokio::test]
async fn ordinary_changes_are_tolerated_and_another_browser_is_not() {
    let home = [FIREFOX, "de,de-CH;q=0.9,en;q=0.8", "192.0.2.7"];
    let default = FingerprintConfig::default();
    let network = FingerprintConfig { ip_prefix: true, ..default };
    let nothing = FingerprintConfig { user_agent: false, language: false, ip_prefix: false };
    for (config, second, expected) in [
        (default, home, true),
        (default, [FIREFOX_PATCHED, home[1], home[2]], true),
        (default, [FIREFOX, "de-AT", home[2]], true),
        (default, [FIREFOX, "DE", "198.51.100.1"], true),
        (default, [FIREFOX_NEXT, home[1], home[2]], false),
        (default, [CHROME, home[1], home[2]], false),
        (default, ["curl/8.5", home[1], home[2]], false),
        (default, [FIREFOX, "fr,de", home[2]], false),
        (default, ["", "", home[2]], false),
        (network, [FIREFOX_PATCHED, "de-AT", "192.0.2.200"], true),
        (network, [FIREFOX, home[1], "192.0.3.7"], false),
        (network, [FIREFOX, home[1], "2001:db8::1"], false),
        (nothing, ["curl/8.5", "fr", "2001:db8::1"], true),
    ] {
        assert_eq!(tolerated(config, home, second).await, expected, "{config:?} {second:?}");
    }
}

#[tokio::test]
async fn a_login_binds_the_session_to_the_browser_it_happens_in() {
    let site = Site::new().await;
    let (mut own, _) = stolen(&site, &site.layer()).await;
    // The browser was updated: noticed until the id changes, then it is the session's browser.
    let mut updated = own.clone();
    updated.replace_header("user-agent", FIREFOX_NEXT);
    updated.get("/read").await;
    assert_eq!(site.counts.mismatches(), 1);
    updated.post("/rotate").await;
    updated.get("/read").await;
    assert_eq!(site.counts.mismatches(), 1);
    own.cookie = updated.cookie;
    own.get("/read").await;
    assert_eq!(site.counts.mismatches(), 2, "it is the other one now");
}
