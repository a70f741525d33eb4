//! An application at a real provider.

use axess::{
    AuthSession, AuthnRejection, AuthnService, CsrfConfig, CsrfLayer, FederatedLogoutOptions,
    FederatedOutcome, Federation, FederationProviders, Guard, GuardedRouter, InMemoryBackend,
    InMemorySessionStore, Method, ProviderLogoutOutcome, ProviderPolicy, SessionLayer,
    backends::memory::{FederatedLinkStore, JtiReplayStore, SidStore},
    clock::SystemClock,
    factors::oauth::{HttpClient, OAuthProviderConfig, OidcProvider},
    federation::{
        FederatedTokens, FederationCallback, FederationNotice, FederationOptions, FederationRedirect,
        FrontchannelLogout, NewAccount, Provision, ProvisionFuture, ProvisionRequest, Provisioner,
    },
    identity::Identifier,
    rng::{SystemRng, random_array},
};
use axess_peers::OpenIdProvider;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{AppendHeaders, Html, IntoResponse, Redirect, Response},
};
use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
};

const NAME: &str = "login";
const TENANT: &str = "default";

/// The place of an application, before there is one: a provider has to know it first.
pub(crate) struct Place {
    listener: TcpListener,
    /// What a browser calls it.
    pub(crate) base: String,
    /// What the provider's server calls it.
    pub(crate) inside: String,
}

impl Place {
    /// Takes a free port, which browsers reach at a name of this machine.
    pub(crate) fn at(host: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        Self { listener, base: format!("http://{host}:{port}"), inside: format!("http://127.0.0.1:{port}") }
    }

    pub(crate) fn callback(&self) -> String {
        format!("{}/callback", self.base)
    }

    pub(crate) fn after(&self) -> String {
        format!("{}/", self.base)
    }

    /// Makes a configuration what one of an application here is.
    pub(crate) fn config(
        &self,
        peer: &OpenIdProvider,
        client: &str,
        auth: impl Into<axess::factors::oauth::ClientAuth>,
    ) -> OAuthProviderConfig {
        OAuthProviderConfig::discover(peer.issuer(), client, auth.into(), self.callback())
            .with_post_logout_redirect_uris([self.after()])
    }

    /// Serves an application here, until the runtime ends.
    pub(crate) async fn open(self, config: OAuthProviderConfig, http: HttpClient) -> Arc<Site> {
        let provider = OidcProvider::new(config, http, Arc::new(SystemClock), Arc::new(SystemRng)).unwrap();
        let provider = Arc::new(provider);
        let name = NAME.parse().unwrap();
        let method = Method::federated(&name);
        let policy = ProviderPolicy { provision: true, ..ProviderPolicy::default() };
        let providers = FederationProviders::new().with(name, provider.clone(), policy);
        let federation = Federation::new(providers, Arc::new(FederatedLinkStore::new()))
            .with_provider_logout(Arc::new(SidStore::new()), Arc::new(JtiReplayStore::new()))
            .with_provisioner(Arc::new(Everybody));
        let backend = InMemoryBackend::new().with_tenant(TENANT).with_methods(vec![method]);
        let service = AuthnService::new(backend.clone(), backend).with_federation(federation);
        let site = Arc::new(Site {
            service,
            provider,
            base: self.base,
            tokens: Mutex::default(),
            notes: Mutex::default(),
        });
        let key: [u8; 32] = random_array(&SystemRng);
        let csrf = CsrfConfig::new(key).unwrap().secure(false).exempt_path("/logout/backchannel").unwrap();
        let app = routes()
            .into_router()
            .with_state(site.clone())
            .layer(CsrfLayer::new(csrf))
            .layer(SessionLayer::new(InMemorySessionStore::new(), key).with_secure(false));
        let listener = tokio::net::TcpListener::from_std(self.listener).unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        site
    }
}

pub(crate) struct Site {
    service: AuthnService<InMemoryBackend, InMemoryBackend>,
    provider: Arc<OidcProvider>,
    pub(crate) base: String,
    tokens: Mutex<Option<FederatedTokens>>,
    /// What came, one line each.
    notes: Mutex<Vec<String>>,
}

impl Site {
    /// Returns what came since the last time and begins with `about`.
    pub(crate) fn notes(&self, about: &str) -> Vec<String> {
        let mut notes = self.notes.lock().unwrap();
        let (found, rest) = std::mem::take(&mut *notes).into_iter().partition(|one| one.starts_with(about));
        *notes = rest;
        found
    }

    fn note(&self, text: String) {
        self.notes.lock().unwrap().push(text);
    }
}

/// Gives everybody an account whom the provider knows.
struct Everybody;

impl Provisioner for Everybody {
    fn provision<'a>(&'a self, request: ProvisionRequest<'a>) -> ProvisionFuture<'a, Provision> {
        let identifier = Identifier::parse_new(&request.identity.subject).unwrap();
        let account = NewAccount { identifier, display_name: None, email: request.identity.email.clone() };
        Box::pin(async move { Ok(Provision::Create(account)) })
    }
}

fn routes() -> GuardedRouter<Arc<Site>> {
    GuardedRouter::new()
        .get("/", Guard::Public, home)
        .get("/login", Guard::Public, begin)
        .get("/callback", Guard::Public, callback)
        .get("/account", Guard::Authn, account)
        .post("/refresh", Guard::Authn, refresh)
        .post("/logout", Guard::Public, logout)
        .post("/logout/backchannel", Guard::Public, backchannel)
        .get("/logout/frontchannel", Guard::Public, frontchannel)
}

/// The page has cookies of every kind: which of them a browser sends where is what some tests ask.
async fn home(session: AuthSession) -> impl IntoResponse {
    let cookies = ["strict=1; SameSite=Strict", "lax=1; SameSite=Lax", "none=1; SameSite=None; Secure"];
    let page = match session.is_authenticated() {
        false => "<p>You are a guest. <a href=\"/login\">Sign in</a></p>",
        true => {
            "<form method=\"post\" action=\"/refresh\"><button id=\"refresh\">Refresh</button></form>
            <form method=\"post\" action=\"/logout\"><button id=\"logout\">Sign out</button></form>"
        }
    };
    (AppendHeaders(cookies.map(|cookie| (header::SET_COOKIE, cookie))), Html(page))
}

async fn begin(session: AuthSession, State(site): State<Arc<Site>>) -> Result<Response, AuthnRejection> {
    let options =
        FederationOptions { return_to: Some("/account".to_owned()), ..FederationOptions::default() };
    let there = site.service.begin_federated_login(&session, TENANT, NAME, options).await?;
    site.note(format!("begin {}", there.url()));
    Ok(FederationRedirect(there).into_response())
}

async fn callback(
    session: AuthSession,
    State(site): State<Arc<Site>>,
    FederationCallback(response): FederationCallback,
) -> Result<Response, AuthnRejection> {
    let names: Vec<&str> = response.parameters.iter().map(|(name, _)| name.as_str()).collect();
    site.note(format!("callback {}", names.join(" ")));
    let done = site.service.complete_federated_login(&session, NAME, response).await?;
    if !matches!(done.outcome, FederatedOutcome::Authenticated) {
        return Ok((StatusCode::UNAUTHORIZED, format!("{:?}", done.outcome)).into_response());
    }
    *site.tokens.lock().unwrap() = done.identity.and_then(|identity| identity.tokens);
    Ok(Redirect::to(done.return_to.as_deref().unwrap_or("/")).into_response())
}

async fn account(session: AuthSession) -> String {
    session.federated_login().map_or_else(String::new, |login| format!("account of {}", login.subject))
}

async fn refresh(session: AuthSession, State(site): State<Arc<Site>>) -> Result<String, StatusCode> {
    let before = site.tokens.lock().unwrap().take().ok_or(StatusCode::CONFLICT)?;
    let subject = session.federated_login().map(|login| login.subject).unwrap_or_default();
    let after = site.provider.refresh(&before, &subject).await.map_err(|error| {
        site.note(format!("refused {error:?}"));
        StatusCode::BAD_GATEWAY
    })?;
    let is_new = !after.access_token.ct_eq(before.access_token.expose());
    let text = format!("refreshed {} new={is_new}", after.token_type);
    *site.tokens.lock().unwrap() = Some(after);
    Ok(text)
}

async fn logout(session: AuthSession, State(site): State<Arc<Site>>) -> Result<Response, AuthnRejection> {
    let back = Some(format!("{}/", site.base));
    let options =
        FederatedLogoutOptions { post_logout_redirect_uri: back, ..FederatedLogoutOptions::default() };
    let there = site.service.begin_federated_logout(&session, options).await?;
    Ok(there.map_or_else(|| Redirect::to("/").into_response(), |it| FederationRedirect(it).into_response()))
}

async fn backchannel(
    session: AuthSession,
    State(site): State<Arc<Site>>,
    FederationNotice(message): FederationNotice,
) -> Result<StatusCode, AuthnRejection> {
    let mut answers = Vec::new();
    // Whoever saw the message sends it once more.
    for message in [message.clone(), message] {
        answers.push(site.service.complete_backchannel_logout(&session, TENANT, NAME, message).await?);
    }
    site.note(format!("backchannel {answers:?}"));
    Ok(match &answers[0] {
        ProviderLogoutOutcome::Ended { .. } => StatusCode::OK,
        ProviderLogoutOutcome::Refused(_) => StatusCode::BAD_REQUEST,
    })
}

async fn frontchannel(
    session: AuthSession,
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    request: FrontchannelLogout,
) -> Result<Response, AuthnRejection> {
    let said = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("-");
    let mut cookies: Vec<&str> =
        said("cookie").split("; ").filter_map(|cookie| cookie.split('=').next()).collect();
    cookies.sort_unstable();
    let (to, from) = (said("sec-fetch-dest"), said("sec-fetch-site"));
    let outcome = site
        .service
        .complete_frontchannel_logout(&session, TENANT, NAME, &request.issuer, &request.session_id)
        .await?;
    site.note(format!("frame {to} {from} cookies={} {outcome:?}", cookies.join(",")));
    Ok(request.answer(&outcome))
}
