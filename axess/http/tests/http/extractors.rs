//! What a handler's own signature lets through.

use super::{
    browser::Browser,
    guards::{FRESH, STATES, in_state},
    site::Site,
};
use axess_http::{AuthSession, Authenticated, Fresh, GuardRejection, Partial};
use axess_macros::{require_authn, require_partial_authn};
use axum::{
    Router,
    response::{IntoResponse, Response},
    routing::get,
};

const PATHS: [&str; 6] =
    ["/session", "/authenticated", "/partial", "/fresh", "/require-authn", "/require-partial"];

fn app() -> Router {
    async fn session(session: AuthSession) -> String {
        session.state().name().to_owned()
    }
    async fn authenticated(user: Authenticated) -> String {
        assert_eq!(user.session().user_id(), Some(user.user_id));
        assert_eq!(user.session().session_id(), user.session_id);
        user.factors_completed.len().to_string()
    }
    async fn partial(login: Partial) -> String {
        assert_eq!(login.session().user_id(), None, "claimed, not proved");
        format!("{} {}", login.method_name, login.completed.len())
    }
    async fn fresh(user: Fresh<{ FRESH.as_secs() }>) -> String {
        assert_eq!(user.session().user_id(), Some(user.user_id));
        user.factors_completed.len().to_string()
    }
    async fn with_macro(session: AuthSession) -> Response {
        let user = require_authn!(session);
        user.factors_completed.len().to_string().into_response()
    }
    async fn with_partial_macro(session: AuthSession) -> Response {
        let login = require_partial_authn!(session);
        format!("{} {}", login.method_name, login.completed.len()).into_response()
    }
    Router::new()
        .route("/session", get(session))
        .route("/authenticated", get(authenticated))
        .route("/partial", get(partial))
        .route("/fresh", get(fresh))
        .route("/require-authn", get(with_macro))
        .route("/require-partial", get(with_partial_macro))
}

/// What each state gets at each of [`PATHS`]: the body, or the code of the refusal.
fn expected(state: &str) -> [&'static str; 6] {
    const LOG_IN: &str = "authentication_required";
    const NO_LOGIN: &str = "no_login_in_progress";
    const HALF: &str = "password-then-totp 1";
    match state {
        "partial" => ["authenticating", LOG_IN, HALF, LOG_IN, LOG_IN, HALF],
        "one factor" => ["authenticated", "1", NO_LOGIN, "1", "1", NO_LOGIN],
        "two factors" => ["authenticated", "2", NO_LOGIN, "2", "2", NO_LOGIN],
        "stale" => ["authenticated", "2", NO_LOGIN, "step_up_required", "2", NO_LOGIN],
        "ceremony" => ["pending_workflow", LOG_IN, NO_LOGIN, LOG_IN, LOG_IN, NO_LOGIN],
        _ => ["guest", LOG_IN, NO_LOGIN, LOG_IN, LOG_IN, NO_LOGIN],
    }
}

#[tokio::test]
async fn every_extractor_admits_whom_it_says() {
    for state in STATES {
        let site = Site::new().await;
        let mut browser = in_state(&site, state).await.at(app().layer(site.layer()));
        for (path, expected) in PATHS.into_iter().zip(expected(state)) {
            let reply = browser.get(path).await;
            let refused = reply.status.as_u16() == 401;
            assert!(refused || reply.status.is_success(), "{state} at {path}: {reply:?}");
            let got = if refused { reply.code() } else { reply.body.clone() };
            assert_eq!(got, expected, "{state} at {path}");
            let age = (expected == "step_up_required").then_some("max_age=\"300\"");
            assert_eq!(reply.header("www-authenticate").map(|text| text.rsplit(", ").next().unwrap()), age);
        }
    }
}

#[tokio::test]
async fn without_a_session_layer_no_extractor_lets_anybody_through() {
    let mut browser = Browser::new(app());
    for path in PATHS {
        let reply = browser.get(path).await;
        assert_eq!(reply.status.as_u16(), 500, "{path}");
        assert!(!reply.body.contains("SessionLayer"), "for the log, not for the caller: {}", reply.body);
    }
}

#[tokio::test]
async fn a_proof_taken_before_a_logout_is_no_session_after_it() {
    let site = Site::new().await;
    async fn leave(user: Authenticated) -> String {
        user.session().clear().await.unwrap();
        let again = user.session().require_authn();
        format!("{} {}", again == Err(GuardRejection::Unauthenticated), user.session().is_guest())
    }
    let app = Router::new().route("/leave", get(leave)).layer(site.layer());
    let mut browser = site.alice().await.at(app);
    assert_eq!(browser.get("/leave").await.body, "true true");
    assert_eq!(browser.cookie, None);
}
