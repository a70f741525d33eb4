//! Who may reach what, and the layers around it. `routes.txt` is the same list, kept for review.

use crate::handlers;
use axess::{
    AuthnService, CsrfConfig, CsrfLayer, Guard, GuardedRouter, InMemoryBackend, InMemorySessionStore,
    RateLimitConfig, RateLimitLayer, RequestIdLayer, SessionLayer, TraceContextLayer,
    clock::Clock,
    rng::{SystemRng, random_array},
};
use axum::Router;
use std::{error::Error, sync::Arc, time::Duration};

pub(crate) type Service = Arc<AuthnService<InMemoryBackend, InMemoryBackend>>;

const MINUTE: Duration = Duration::from_secs(60);

/// Builds the application. Tests pass a clock they can move.
pub(crate) fn app(clock: Arc<dyn Clock>) -> Result<Router, Box<dyn Error + Send + Sync>> {
    let backend = InMemoryBackend::new().with_user_password("alice", "default", "Gnomes2+");
    let service = AuthnService::new(backend.clone(), backend)
        .with_issuer("axess two-factor example") // what the authenticator app shows
        .with_clock(Arc::clone(&clock));

    // A real application reads its key from a secret store, the same on every instance. The session cookie and the CSRF
    // token may share it: each derives its own.
    let key: [u8; 32] = random_array(&SystemRng);
    let sessions = SessionLayer::new(InMemorySessionStore::new(), key)
        .with_ttl(60 * MINUTE)
        .with_absolute_ttl(24 * 60 * MINUTE)
        .with_secure(false) // plain HTTP, for this machine only
        .with_clock(clock);
    sessions.check()?;
    let csrf = CsrfLayer::new(CsrfConfig::new(key)?.secure(false));
    let limit = RateLimitLayer::new(
        RateLimitConfig::builder().name("credentials").max_requests(60).window(MINUTE).build(),
    );

    // The last layer is the outermost: ids first, then the session, then what needs to know it.
    let limited = credentials().into_router().route_layer(limit);
    Ok(pages()
        .into_router()
        .merge(limited)
        .with_state(Arc::new(service))
        .layer(csrf)
        .layer(sessions)
        .layer(TraceContextLayer::new())
        .layer(RequestIdLayer::new()))
}

/// Whatever takes a password or a code, and could be used to guess one.
fn credentials() -> GuardedRouter<Service> {
    GuardedRouter::new()
        .post("/login", Guard::Public, handlers::login)
        .post("/login/totp", Guard::Partial, handlers::totp)
        .post("/login/recovery", Guard::Partial, handlers::recovery_code)
        .post("/step-up/totp", Guard::Authn, handlers::totp)
        .post("/step-up/recovery", Guard::Authn, handlers::recovery_code)
        .post("/enrol/totp/confirm", Guard::Authn, handlers::confirm_totp)
}

fn pages() -> GuardedRouter<Service> {
    GuardedRouter::new()
        .get("/", Guard::Public, async || "everyone can see this\n")
        .get("/dashboard", Guard::Authn, async || "welcome\n")
        .get("/account", Guard::Mfa, handlers::account)
        .post("/transfer", Guard::Fresh(MINUTE), async || "transferred\n")
        .post("/enrol/totp", Guard::Authn, handlers::enrol_totp)
        .post("/step-up", Guard::Authn, handlers::step_up)
        .post("/logout", Guard::Public, handlers::logout)
}

#[cfg(test)]
mod tests;
