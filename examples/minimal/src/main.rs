//! The first program: a password login, a protected page, a logout.

use axess::{
    AuthSession, Authenticated, AuthnRejection, AuthnService, Guard, GuardedRouter, InMemoryBackend,
    InMemorySessionStore, SessionLayer,
};
use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use std::{net::SocketAddr, sync::Arc, time::Duration};

type Service = Arc<AuthnService<InMemoryBackend, InMemoryBackend>>;

#[derive(Deserialize)]
struct Login {
    username: String,
    password: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Who can log in. Another backend implements the same traits on your database.
    let backend = InMemoryBackend::new().with_user_password("alice", "default", "Gnomes2+");
    let service = Arc::new(AuthnService::new(backend.clone(), backend));

    // Where sessions live, and the key that signs their cookies: zeros mean "a random one for this run".
    let sessions = SessionLayer::new(InMemorySessionStore::new(), [0; 32])
        .with_ttl(Duration::from_secs(86_400))
        .with_secure(false); // plain HTTP, for this machine only

    // Every route says who may reach it.
    let app = GuardedRouter::new()
        .get("/", Guard::Public, async || "everyone can see this\n")
        .post("/login", Guard::Public, login)
        .post("/logout", Guard::Public, logout)
        .get("/dashboard", Guard::Authn, dashboard)
        .into_router()
        .with_state(service)
        .layer(sessions);

    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}

async fn login(
    session: AuthSession,
    State(service): State<Service>,
    Json(form): Json<Login>,
) -> Result<(StatusCode, &'static str), AuthnRejection> {
    if session.is_authenticated() {
        service.logout(&session).await?; // logging in again starts over
    }
    let outcome = service.login_with_password(&session, &form.username, "default", form.password).await?;
    Ok(match outcome.is_authenticated() {
        true => (StatusCode::OK, "logged in\n"),
        false => (StatusCode::UNAUTHORIZED, "wrong username or password\n"),
    })
}

async fn logout(
    session: AuthSession,
    State(service): State<Service>,
) -> Result<&'static str, AuthnRejection> {
    service.logout(&session).await?;
    Ok("logged out\n")
}

async fn dashboard(_user: Authenticated) -> &'static str {
    "welcome\n"
}
