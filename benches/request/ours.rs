//! axess: `SessionLayer` as it comes, with an in-memory store. Each request checks the cookie's MAC and the browser's
//! fingerprint; the user is in the session.

use crate::{
    Fault,
    browser::{Template, cookie_of, forged},
    case::{Case, send},
    report,
};
use axess::{
    AuthSession, Authenticated, AuthnService, InMemoryBackend, InMemorySessionStore, SessionLayer, UserId,
    identity::Identifier, store::IdentityLookup,
};
use axum::{
    Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use std::sync::{Arc, OnceLock};

const PASSWORD: &str = "correct horse battery staple";

type Service = Arc<AuthnService<InMemoryBackend, InMemoryBackend>>;

/// Who must be seen on `/me`.
static ALICE: OnceLock<UserId> = OnceLock::new();

/// Builds the site, logs in, and returns what to time.
pub(crate) async fn cases() -> Result<Vec<Case>, Fault> {
    let backend = InMemoryBackend::new().with_user_password("alice", "default", PASSWORD);
    let tenant = backend.find_tenant("default".parse()?).await?.ok_or("there is no tenant")?;
    let alice =
        backend.find_user(tenant.tenant_id, Identifier::parse("alice")?).await?.ok_or("there is no alice")?;
    ALICE.set(alice.user_id).map_err(|_| "there is one alice")?;
    let service: Service = Arc::new(AuthnService::new(backend.clone(), backend));
    let mut site = Router::new()
        .route("/hello", get(hello))
        .route("/theme", get(theme).post(set_theme))
        .route("/me", get(me))
        .route("/login", post(log_in))
        .with_state(service)
        .layer(SessionLayer::new(InMemorySessionStore::new(), [7; 32]));

    let anonymous = cookie_of(&send(&mut site, Template::post("/theme").request()).await?)?;
    let alice = cookie_of(&send(&mut site, Template::post("/login").request()).await?)?;
    let me = || Template::get("/me");
    Case::refused("axess: no cookie on /me", &site, me()).check().await?;
    Case::refused("axess: anonymous on /me", &site, me().with_cookie(&anonymous)?).check().await?;
    Case::refused("axess: forged on /me", &site, me().with_cookie(&forged(&alice))?).check().await?;
    Ok(vec![
        Case::ok("axess: no cookie", &site, Template::get("/hello"), "hello nobody"),
        Case::ok("axess: anonymous", &site, Template::get("/theme").with_cookie(&anonymous)?, "dark"),
        Case::ok(report::OURS, &site, me().with_cookie(&alice)?, "hello alice"),
    ])
}

async fn hello(session: AuthSession) -> &'static str {
    if session.is_authenticated() { "hello somebody" } else { "hello nobody" }
}

async fn theme(session: AuthSession) -> Result<String, StatusCode> {
    let theme = session.get_custom("theme").map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    theme.ok_or(StatusCode::NOT_FOUND)
}

async fn set_theme(session: AuthSession) -> Result<&'static str, StatusCode> {
    session.set_custom("theme", "dark").map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok("kept")
}

async fn me(user: Authenticated) -> &'static str {
    if ALICE.get() == Some(&user.user_id) { "hello alice" } else { "hello somebody" }
}

async fn log_in(session: AuthSession, State(service): State<Service>) -> Result<&'static str, StatusCode> {
    let outcome = service.login_with_password(&session, "alice", "default", PASSWORD).await;
    match outcome {
        Ok(outcome) if outcome.is_authenticated() => Ok("logged in"),
        _ => Err(StatusCode::INTERNAL_SERVER_ERROR),
    }
}
