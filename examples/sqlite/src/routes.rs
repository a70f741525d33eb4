//! Who may reach what, and the layers around it. `routes.txt` is the same list, kept for review.

use crate::{
    Fault,
    config::Config,
    counters::Counters,
    database::Database,
    handlers::{login, operations, password, signup, totp},
    logs,
};
use axess::{
    AuthnService, CsrfConfig, CsrfLayer, Guard, GuardedRouter, RateLimitConfig, RateLimitLayer,
    RequestIdLayer, SessionLayer, Sessions, TraceContextLayer,
    audit::AuditSink,
    backends::sqlite::Backend,
    metrics::AuthnMetrics,
    middleware::{ClientIpConfig, ClientIpLayer, ShellAudit},
};
use axum::{Router, extract::DefaultBodyLimit, middleware};
use std::{sync::Arc, time::Duration};

pub(crate) type Service = AuthnService<Backend, Backend>;

const MINUTE: Duration = Duration::from_secs(60);
/// How long a session lives at most, whatever happens in it.
const LONGEST_SESSION: Duration = Duration::from_secs(30 * 86_400);
/// How recent a login must be to enrol an authenticator.
const RECENT: Duration = Duration::from_secs(15 * 60);
/// The most bytes of a request's body.
const MAX_BODY: usize = 16 * 1024;

/// What handlers work with.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) service: Arc<Service>,
    pub(crate) sessions: Sessions,
    pub(crate) counters: Arc<Counters>,
}

/// What stands between a request and its handler.
pub(crate) struct Layers {
    pub(crate) sessions: SessionLayer,
    csrf: CsrfLayer,
    limit: RateLimitLayer,
    client_ip: ClientIpLayer,
}

impl Layers {
    pub(crate) fn new(
        config: &Config,
        database: &Database,
        trail: &Arc<dyn AuditSink>,
        counters: &Arc<Counters>,
    ) -> Result<Self, Fault> {
        let (keys, secure) = (&config.keys, config.is_secure());
        let refusals = ShellAudit::new(Arc::clone(trail)).with_metrics(counters.clone());
        let mut sessions = SessionLayer::new(database.sessions.clone(), keys.signing.bytes())
            .with_crypto(database.session_crypto.clone())
            .with_ttl(config.session_ttl)
            .with_absolute_ttl(LONGEST_SESSION)
            .with_secure(secure)
            .with_audit_sink(Arc::clone(trail))
            .with_metrics(counters.clone());
        // The session cookie and the CSRF token may share a key: each derives its own.
        let mut csrf = CsrfConfig::new(keys.signing.bytes())?.secure(secure).with_audit(refusals.clone());
        for key in &keys.previous_signing {
            sessions = sessions.with_previous_key(key.bytes());
            csrf = csrf.with_previous_key(key.bytes())?;
        }
        if let Some(origin) = &config.origin {
            csrf = csrf.allow_origin(origin)?;
        }
        sessions.check()?;
        let evaluated = Arc::clone(counters);
        let limit = RateLimitConfig::builder()
            .name("credentials")
            .max_requests(config.tries_per_minute)
            .window(MINUTE)
            .on_evaluate(Arc::new(move || evaluated.rate_limit_evaluated()))
            .audit(refusals)
            .build();
        let client_ip = ClientIpConfig { trusted: config.proxies.clone(), ..ClientIpConfig::default() };
        Ok(Self {
            sessions,
            csrf: CsrfLayer::new(csrf),
            limit: RateLimitLayer::new(limit),
            client_ip: ClientIpLayer::new(client_ip),
        })
    }
}

/// Builds the application. The last layer is the outermost: ids and addresses first, then the limit, which spares the
/// database what it refuses, then the session, then what needs to know it.
pub(crate) fn router(app: App, layers: Layers) -> Router {
    let with_session =
        |router: Router<App>| router.route_layer(layers.csrf.clone()).route_layer(layers.sessions.clone());
    let limited = with_session(credentials().into_router()).route_layer(layers.limit);
    with_session(pages().into_router())
        .merge(limited)
        .merge(operations().into_router())
        .with_state(app)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn(logs::request))
        .layer(layers.client_ip)
        .layer(TraceContextLayer::new())
        .layer(RequestIdLayer::new())
}

/// Whatever takes a password or a code, which could be guessed, or sends a mail, which could be a nuisance.
fn credentials() -> GuardedRouter<App> {
    GuardedRouter::new()
        .post("/signup", Guard::Guest, signup::begin)
        .post("/signup/code", Guard::Guest, signup::confirm)
        .post("/login", Guard::Public, login::login)
        .post("/login/totp", Guard::Partial, login::totp)
        .post("/login/recovery", Guard::Partial, login::recovery_code)
        .post("/password", Guard::Authn, password::change)
        .post("/password/forgotten", Guard::Guest, password::forgotten)
        .post("/password/forgotten/code", Guard::Guest, password::reset_code)
        .post("/password/forgotten/new", Guard::Guest, password::reset)
        .post("/totp", Guard::Fresh(RECENT), totp::enrol)
        .post("/totp/code", Guard::Fresh(RECENT), totp::confirm)
}

fn pages() -> GuardedRouter<App> {
    GuardedRouter::new()
        .get("/", Guard::Public, async || "everyone can see this\n")
        .get("/account", Guard::Authn, login::account)
        .post("/logout", Guard::Public, login::logout)
}

/// Asked by machines, which have no sessions. What stands in front of the application keeps these to itself.
fn operations() -> GuardedRouter<App> {
    GuardedRouter::new().get("/health", Guard::Public, operations::health).get(
        "/metrics",
        Guard::Public,
        operations::metrics,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guards_are_those_that_were_reviewed() {
        let manifest = credentials().merge(pages()).merge(operations()).manifest();
        assert_eq!(manifest.to_string(), include_str!("../routes.txt"), "review the change, then copy it");
    }
}
