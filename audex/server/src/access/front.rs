//! What stands between the network and the handlers: ids, addresses, limits, sessions, CSRF, headers.

use super::{
    Access, Caller, Proof, bearer,
    sso::{BACKCHANNEL, Paths},
    wire,
};
use crate::{api, app::App, console, problem::Problem, serve};
use axess::{
    CsrfLayer, Guard, GuardedRouter, RateLimitConfig, RateLimitLayer, RequestIdLayer, TraceContextLayer,
    guard::{AuthenticatorLayer, RouteManifest},
    middleware::{Admission, BucketKey, ClientIpConfig, ClientIpLayer, RateQuota, TrustedProxies},
};
use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use chrono::TimeDelta;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use std::{net::IpAddr, sync::Arc, time::Duration};
use tower::{Layer, ServiceExt};

/// The guard of whatever takes somebody who proved who they are, by a login or by a token.
pub const CALLER: Guard = Guard::Accepted("caller");
/// The guard of what takes a person in a browser with a second factor of the last 15 minutes: no token passes.
pub const PERSON: Guard = Guard::Accepted("person");

/// How old the second factor may be for what [`PERSON`] guards.
pub(super) const FRESH_FOR: TimeDelta = TimeDelta::minutes(15);
/// How many requests an address may make, at once and in this time, that could be used to guess a secret.
const MAX_GUESSES: u32 = 60;
/// How many tokens that do not work an address may send.
const MAX_FAILURES: u32 = 60;
const WINDOW: Duration = Duration::from_secs(60);
/// Where secrets are typed.
const GUESSABLE: [&str; 9] = [
    "/login",
    "/enrol",
    "/device",
    "/console/login",
    "/console/enrol",
    "/console/authenticator",
    "/console/device",
    "/console/program",
    "/console/step-up",
];
/// Where a program asks over and over, with a code of 256 bits that nobody guesses: it is told itself to slow down, and takes
/// nothing from the people behind the same address.
const POLLED: &str = "/login/device/token";
/// How many requests of logins and logouts at the identity provider an address may make: offices share one, and so does the
/// provider.
const MAX_BY_SSO: u32 = 600;
/// How many logouts it may bring itself, from server to server: one for each session when it logs a company out, and what is refused
/// then it need not bring again.
const MAX_TOLD: u32 = 3_000;
/// How long browsers are to come by HTTPS alone.
const HSTS: &str = "max-age=31536000";
/// Nothing inline, nothing from elsewhere, nothing around it.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
     connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What a route's guard demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Demand {
    Caller,
    Person,
}

impl Demand {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let guarded = |guard: Guard| matches!(guard, Guard::Accepted(demand) if demand == text);
        let all = [(CALLER, Self::Caller), (PERSON, Self::Person)];
        all.into_iter().find_map(|(guard, demand)| guarded(guard).then_some(demand))
    }
}

/// Lists every route of the server with its guard, as it is kept in `routes.txt`.
pub fn manifest() -> RouteManifest {
    routes().manifest()
}

fn routes() -> GuardedRouter<Arc<App>> {
    wire::routes().merge(api::routes()).merge(console::routes())
}

/// Tells whether a request could be used to guess a password, a code or a link, or writes something for a stranger.
pub(super) fn is_guessable(method: &Method, path: &str) -> bool {
    let begins =
        |stem: &str| path.strip_prefix(stem).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    !method.is_safe() && GUESSABLE.into_iter().any(begins)
}

/// Those of which the settings say where they are.
fn routes_with(paths: &Paths) -> GuardedRouter<Arc<App>> {
    let mut routes = routes();
    if let Some(path) = &paths.callback {
        routes = routes.get(path, Guard::Public, wire::sso::callback);
    }
    if let Some(path) = &paths.acs {
        routes = routes.post(path, Guard::Public, wire::sso::callback);
    }
    routes
}

/// What refuses by address.
#[derive(Clone)]
struct Limits {
    guesses: RateLimitLayer,
    by_sso: RateLimitLayer,
    told: RateLimitLayer,
    paths: Paths,
}

impl Access {
    /// Puts everything that protects them around the routes of the server.
    ///
    /// The last layer is the outermost: ids and addresses come first, then the limit, which spares the database what it
    /// refuses, then the session, then what needs to know it.
    pub fn front(self: &Arc<Self>, app: Arc<App>) -> Router {
        let limit = |name: &'static str, most| {
            let limit = RateLimitConfig::builder().name(name).max_requests(most).window(WINDOW);
            RateLimitLayer::new(limit.clock(Arc::clone(&self.clock)).audit(self.refusals.clone()).build())
        };
        let limits = Limits {
            guesses: limit("audex login", MAX_GUESSES),
            by_sso: limit("audex single sign-on", MAX_BY_SSO),
            told: limit("audex provider logout", MAX_TOLD),
            paths: self.paths.clone(),
        };
        let client_ip = ClientIpConfig {
            trusted: TrustedProxies::new(self.settings.trusted_proxies.iter().copied()),
            ..ClientIpConfig::default()
        };
        let router = api::with_fallbacks(routes_with(&self.paths).into_router())
            .with_state(app)
            .layer(AuthenticatorLayer::new(Arc::clone(self)))
            .layer(CsrfLayer::new(self.csrf.clone()))
            .layer(self.sessions.clone())
            .layer(middleware::from_fn_with_state(self.paths.clone(), strangers))
            .layer(middleware::from_fn(leave_cookies))
            .layer(middleware::from_fn_with_state(limits, limited))
            .layer(ClientIpLayer::new(client_ip))
            .layer(middleware::from_fn(problems));
        console::with_pages(router)
            .layer(middleware::from_fn_with_state(self.origin.is_secure, protect))
            .layer(TraceContextLayer::new())
            .layer(RequestIdLayer::new())
    }

    /// Lets a caller go on whose login has a recent second factor; a token passes by its scopes.
    ///
    /// The guard [`PERSON`] asks the same of a login before a handler runs.
    ///
    /// # Errors
    ///
    /// 401 `step_up_required`.
    pub fn require_fresh(&self, caller: &Caller) -> Result<(), Problem> {
        match caller.how {
            Proof::Session { proved_at } if (self.clock.now() - proved_at).abs() > FRESH_FOR => {
                Err(step_up("step_up_required", "prove the second factor again: it was too long ago"))
            }
            _ => Ok(()),
        }
    }

    /// Returns the paths that browsers bring whole messages of the identity provider to, where it speaks SAML.
    pub(crate) fn large_posts(&self) -> Vec<String> {
        let is_saml = self.sso.as_ref().is_some_and(|sso| sso.is_saml());
        if is_saml { self.paths.saml().map(str::to_owned).collect() } else { Vec::new() }
    }

    /// Counts a token that did not work against its address.
    pub(super) fn count_failure(&self, ip: Option<IpAddr>) -> Admission {
        let quota = RateQuota::new(MAX_FAILURES, WINDOW);
        let subscriber = ip.map(|ip| serve::subscriber(ip).to_string()).unwrap_or_default();
        let (key, now) = (BucketKey::new("audex failures", &subscriber), self.clock.now());
        self.failures.admit_now(key, quota, now)
    }
}

/// Takes the cookies from a request with a bearer: whoever it is, the session beside it is not asked.
async fn leave_cookies(mut request: Request, next: Next) -> Response {
    if bearer::is_bearers(request.headers()) {
        request.headers_mut().remove(header::COOKIE);
    }
    next.run(request).await
}

/// Tells who shows nothing to say who they are, before any form's token is asked for: without a cookie, no other site can
/// have them act for anybody.
async fn strangers(State(paths): State<Paths>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let shows_nothing = !headers.contains_key(header::COOKIE) && !bearer::is_bearers(headers);
    // Logging out asks for nobody, and what the provider sends comes without our cookies.
    let path = request.uri().path();
    let is_door = is_guessable(request.method(), path) || path == "/logout" || paths.are(path);
    if shows_nothing && !request.method().is_safe() && !is_door {
        return Problem::unauthenticated().into_response();
    }
    next.run(request).await
}

/// Limits how often an address may try what could be guessed.
async fn limited(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let limit = if path == BACKCHANNEL {
        limits.told
    } else if limits.paths.are(path) {
        limits.by_sso
    } else if path == POLLED || !is_guessable(request.method(), path) {
        return next.run(request).await;
    } else {
        limits.guesses
    };
    match limit.layer(next).oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// Makes problems of what the framework and the layers refuse in other words.
async fn problems(request: Request, next: Next) -> Response {
    as_problem(next.run(request).await)
}

/// Says what a browser has to do first.
pub(super) fn step_up(code: &'static str, detail: &str) -> Problem {
    let seconds = FRESH_FOR.num_seconds();
    Problem::new(StatusCode::UNAUTHORIZED, code).with_detail(detail).with("max_age", seconds)
}

/// Adds what tells browsers to be careful.
async fn protect(State(is_secure): State<bool>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if is_secure {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS));
    }
    // A page that leads elsewhere by a form says where itself.
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(CSP));
    // What may be kept says so itself; everything else is somebody's.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn as_problem(response: Response) -> Response {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_ours = kind
        .is_some_and(|kind| kind.starts_with("application/problem+json") || kind.starts_with("text/html"));
    if is_ours || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let wait = response
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let problem = match status {
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
            Problem::invalid("", "the request cannot be read")
        }
        StatusCode::UNAUTHORIZED => Problem::unauthenticated(),
        StatusCode::NOT_FOUND => Problem::not_found(),
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(status, "body_too_large"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Problem::new(status, "unsupported_media_type"),
        StatusCode::TOO_MANY_REQUESTS => {
            let seconds = wait.unwrap_or(1);
            Problem::new(status, "rate_limit_exceeded")
                .with("error", "rate_limit_exceeded")
                .with("retry_after", seconds)
                .with_retry_after(seconds)
        }
        StatusCode::SERVICE_UNAVAILABLE => Problem::unavailable(),
        status if status.is_server_error() => Problem::internal(),
        status => Problem::new(status, "refused"),
    };
    let mut answer = problem.into_response();
    for name in [header::ALLOW, header::SET_COOKIE] {
        for value in response.headers().get_all(&name) {
            answer.headers_mut().append(name.clone(), value.clone());
        }
    }
    answer
}
