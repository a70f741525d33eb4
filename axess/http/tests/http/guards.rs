//! Every guard against every state of a session.

use super::{browser::Browser, site::Site};
use axess_http::{AuthnInfo, Guard, GuardLayer, GuardRejection, GuardedRouter};
use axess_identity::{FactorKind, FederatedProvider, SessionId, TenantId, UserId};
use axum::{Extension, Router, routing::get};
use http::StatusCode;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// How old a login is at most where a fresh one is asked for.
pub(super) const FRESH: Duration = Duration::from_secs(300);

/// The states a session can be in when a guarded route is asked for.
pub(super) const STATES: [&str; 8] =
    ["nobody", "visitor", "partial", "one factor", "two factors", "stale", "ceremony", "logged out"];

/// Brings a browser into one of [`STATES`].
pub(super) async fn in_state(site: &Site, state: &str) -> Browser {
    match state {
        "nobody" => site.browser(),
        "visitor" => {
            let mut browser = site.browser();
            browser.get("/write").await;
            browser
        }
        "partial" => site.bob_halfway().await,
        "one factor" => site.alice().await,
        "two factors" => site.bob().await,
        "stale" => {
            let browser = site.bob().await;
            site.clock.advance(FRESH + Duration::from_secs(1));
            browser
        }
        "ceremony" => {
            let mut browser = site.alice().await;
            assert_eq!(browser.post("/ceremony").await.status, StatusCode::NO_CONTENT);
            browser
        }
        "logged out" => {
            let mut browser = site.alice().await;
            let cookie = browser.cookie.clone();
            browser.post("/logout").await;
            browser.cookie = cookie;
            browser
        }
        other => panic!("no such state: {other}"),
    }
}

/// Counts who gets through.
type Reached = Arc<AtomicUsize>;

async fn page(Extension(reached): Extension<Reached>) -> &'static str {
    reached.fetch_add(1, Ordering::SeqCst);
    "welcome"
}

/// The outcome of one request: `ok`, or `<status> <code>`. Checks that a refusal kept the handler from running.
async fn outcome(browser: &mut Browser, path: &str, reached: &Reached) -> String {
    let before = reached.load(Ordering::SeqCst);
    let reply = browser.get(path).await;
    let ran = reached.load(Ordering::SeqCst) - before;
    if reply.status == StatusCode::OK {
        assert_eq!((ran, reply.body.as_str()), (1, "welcome"), "{path}");
        return "ok".to_owned();
    }
    assert_eq!(ran, 0, "{path}: refused, and reached all the same");
    format!("{} {}", reply.status.as_u16(), reply.code())
}

const GUARDS: [(&str, Guard); 6] = [
    ("/public", Guard::Public),
    ("/guest", Guard::Guest),
    ("/partial", Guard::Partial),
    ("/authn", Guard::Authn),
    ("/mfa", Guard::Mfa),
    ("/fresh", Guard::Fresh(FRESH)),
];

const LOG_IN: &str = "401 authentication_required";
const NO_LOGIN: &str = "401 no_login_in_progress";
const KNOWN: &str = "409 already_authenticated";
const SECOND: &str = "401 second_factor_required";
const STEP_UP: &str = "401 step_up_required";

/// What each state gets at each of [`GUARDS`], in order.
fn expected(state: &str) -> [&'static str; 6] {
    match state {
        "partial" => ["ok", "ok", "ok", LOG_IN, LOG_IN, LOG_IN],
        "one factor" => ["ok", KNOWN, NO_LOGIN, "ok", SECOND, "ok"],
        "two factors" => ["ok", KNOWN, NO_LOGIN, "ok", "ok", "ok"],
        "stale" => ["ok", KNOWN, NO_LOGIN, "ok", "ok", STEP_UP],
        // A session interrupted by a ceremony is nobody's until the ceremony is over.
        _ => ["ok", "ok", NO_LOGIN, LOG_IN, LOG_IN, LOG_IN],
    }
}

#[tokio::test]
async fn every_guard_admits_whom_it_says() {
    for state in STATES {
        let site = Site::new().await;
        let reached = Reached::default();
        let per_route = GUARDS.into_iter().fold(GuardedRouter::new(), |router, (path, guard)| {
            router.get(path, guard, page).route(&format!("/any{path}"), guard, axum::routing::any(page))
        });
        let whole = GUARDS.into_iter().fold(Router::new(), |router, (path, guard)| {
            let group = Router::new().route(&format!("/group{path}"), get(page));
            router.merge(group.route_layer(GuardLayer::new(guard)))
        });
        let app = per_route.into_router().merge(whole);
        let app = app.layer(Extension(Arc::clone(&reached))).layer(site.layer());
        let mut browser = in_state(&site, state).await.at(app);
        for ((path, guard), expected) in GUARDS.into_iter().zip(expected(state)) {
            for prefix in ["", "/any", "/group"] {
                let got = outcome(&mut browser, &format!("{prefix}{path}"), &reached).await;
                assert_eq!(got, expected, "{state}, {guard} at {prefix}{path}");
            }
        }
    }
}

#[test]
fn two_factors_are_something_known_and_something_held() {
    use FactorKind::{EmailOtp, Federated, Fido2, Hotp, LdapBind, Mtls, Password, RecoveryCode, Totp};
    let google = || Federated(FederatedProvider::Google);
    for (proved, enough) in [
        (vec![], false),
        (vec![Password], false),
        (vec![Totp], false),
        (vec![Fido2], false),
        (vec![google()], false),
        (vec![Totp, EmailOtp], false),
        (vec![Password, LdapBind], false),
        (vec![Password, google()], false),
        (vec![google(), Federated(FederatedProvider::Github)], false),
        (vec![google(), Totp], true),
        (vec![google(), Fido2], true),
        (vec![Password, Totp], true),
        (vec![Password, Hotp], true),
        (vec![Password, EmailOtp], true),
        (vec![Password, RecoveryCode], true),
        (vec![Fido2, Password], true),
        (vec![LdapBind, Mtls], true),
        (vec![Password, google(), Totp], true),
    ] {
        let info = AuthnInfo {
            user_id: UserId::from_parts(0, [1; 10]),
            tenant_id: TenantId::from_parts(0, [2; 10]),
            session_id: SessionId::from_bytes([3; 16]),
            authn_time: chrono::DateTime::UNIX_EPOCH,
            factors_completed: proved,
        };
        let expected = if enough { Ok(()) } else { Err(GuardRejection::SecondFactorRequired) };
        assert_eq!(info.require_mfa(), expected, "{:?}", info.factors_completed);
    }
}

#[tokio::test]
async fn a_policy_without_policies_is_closed_to_everybody() {
    for state in STATES {
        let site = Site::new().await;
        let reached = Reached::default();
        let app = GuardedRouter::new().get("/", Guard::Policy("administer"), page).into_router();
        let app = app.route("/group", get(page).layer(GuardLayer::new(Guard::Policy("administer"))));
        let app = app.layer(Extension(Arc::clone(&reached))).layer(site.layer());
        let mut browser = in_state(&site, state).await.at(app);
        let log = super::faults::Log::default();
        let quiet = tracing::subscriber::set_default(log.clone());
        for path in ["/", "/group"] {
            assert_eq!(outcome(&mut browser, path, &reached).await, "500 internal_error", "{state}");
        }
        drop(quiet);
        let told = log.lines().iter().filter(|line| line.contains("add an AuthzLayer to the router")).count();
        assert_eq!(told, 2, "{state}");
    }
    assert_eq!(Guard::Policy("administer").check(None), Err(GuardRejection::NoAuthzLayer));
}

#[tokio::test]
async fn freshness_counts_to_the_second_and_survives_a_clock_that_is_set_back() {
    for (seconds, expected) in
        [(0, "ok"), (300, "ok"), (301, STEP_UP), (-300, "ok"), (-301, STEP_UP), (80_000, STEP_UP)]
    {
        let site = Site::new().await;
        let reached = Reached::default();
        let app = GuardedRouter::new().get("/", Guard::Fresh(FRESH), page).into_router();
        let app = app.layer(Extension(Arc::clone(&reached))).layer(site.layer());
        let mut browser = site.alice().await.at(app);
        site.clock.jump(chrono::TimeDelta::seconds(seconds));
        assert_eq!(outcome(&mut browser, "/", &reached).await, expected, "{seconds} s");
    }
}

#[tokio::test]
async fn a_step_up_is_asked_for_in_the_words_of_rfc_9470() {
    let site = Site::new().await;
    let app = GuardedRouter::new()
        .get("/fresh", Guard::Fresh(FRESH), async || "")
        .get("/mfa", Guard::Mfa, async || "")
        .get("/authn", Guard::Authn, async || "")
        .into_router()
        .layer(site.layer());
    let mut browser = site.alice().await.at(app.clone());
    site.clock.advance(FRESH * 2);
    let challenge = "Bearer error=\"insufficient_user_authentication\"";
    let reply = browser.get("/fresh").await;
    let wanted = format!("{challenge}, max_age=\"300\"");
    assert_eq!(reply.header("www-authenticate"), Some(wanted.as_str()));
    assert_eq!(browser.get("/mfa").await.header("www-authenticate"), Some(challenge));
    // Nobody is logged in: a step-up would not help.
    for path in ["/fresh", "/mfa", "/authn"] {
        let reply = Browser::new(app.clone()).get(path).await;
        assert_eq!((reply.status.as_u16(), reply.header("www-authenticate")), (401, None), "{path}");
        assert_eq!(reply.header("cache-control"), Some("no-store"));
    }
}

#[tokio::test]
async fn a_step_up_opens_the_door_again() {
    let site = Site::new().await;
    let reached = Reached::default();
    let app = GuardedRouter::new().get("/fresh", Guard::Fresh(FRESH), page).get("/mfa", Guard::Mfa, page);
    let app = app.into_router().merge(site.routes());
    let app = app.layer(Extension(Arc::clone(&reached))).layer(site.layer());
    let mut browser = in_state(&site, "stale").await.at(app);
    assert_eq!(outcome(&mut browser, "/fresh", &reached).await, STEP_UP);
    assert_eq!(browser.post("/step-up").await.body, "password");
    // Asking changes nothing about what is proved.
    assert_eq!(outcome(&mut browser, "/fresh", &reached).await, STEP_UP);
    assert_eq!(outcome(&mut browser, "/mfa", &reached).await, "ok");
    assert_eq!(browser.post("/password?password=wrong").await.body, "refused");
    assert_eq!(outcome(&mut browser, "/fresh", &reached).await, STEP_UP);

    let mut copied = browser.clone();
    assert_eq!(browser.post("/password").await.body, "in");
    assert_eq!(outcome(&mut browser, "/fresh", &reached).await, "ok");
    assert_eq!(outcome(&mut copied, "/fresh", &reached).await, LOG_IN, "the id changed");
}

#[tokio::test]
async fn without_a_session_layer_a_guard_is_closed() {
    let reached = Reached::default();
    let app =
        GUARDS.into_iter().fold(GuardedRouter::new(), |router, (path, guard)| router.get(path, guard, page));
    let mut browser = Browser::new(app.into_router().layer(Extension(Arc::clone(&reached))));
    for (path, guard) in GUARDS {
        let expected = if guard == Guard::Public { "ok" } else { "500 internal_error" };
        assert_eq!(outcome(&mut browser, path, &reached).await, expected, "{guard}");
        let closed = if guard == Guard::Public { Ok(()) } else { Err(GuardRejection::NoSessionLayer) };
        assert_eq!(guard.check(None), closed);
    }
}
