//! Our side: a site as an application has it, with sessions and links in memory.

use super::provider::{CLIENT, Provider, SECRET};
use crate::Fault;
use axess::{
    AuthSession, AuthnRejection, AuthnService, FederatedOutcome, Federation, FederationProviders,
    InMemoryBackend, InMemorySessionStore, Method, ProviderPolicy, SessionLayer,
    backends::memory::FederatedLinkStore,
    clock::SystemClock,
    factors::oauth::{HttpClient, HttpSettings, OAuthProviderConfig, OidcProvider},
    federation::{
        FederationCallback, FederationOptions, FederationRedirect, NewAccount, Provision, ProvisionFuture,
        ProvisionRequest, Provisioner,
    },
    identity::Identifier,
    rng::SystemRng,
};
use axum::{
    Router,
    body::Body,
    extract::State,
    http::{Request, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use std::sync::Arc;
use tower::ServiceExt;

const TENANT: &str = "default";
const PROVIDER: &str = "login";

type Service = Arc<AuthnService<InMemoryBackend, InMemoryBackend>>;

/// The site under measurement.
pub(crate) struct Site {
    routes: Router,
}

/// A login that was begun: what the browser keeps, and what the provider was sent.
pub(crate) struct Begun {
    cookie: String,
    pub(crate) state: String,
    pub(crate) nonce: String,
}

/// Everybody whom the provider knows has an account.
struct Everybody;

impl Provisioner for Everybody {
    fn provision<'a>(&'a self, request: ProvisionRequest<'a>) -> ProvisionFuture<'a, Provision> {
        Box::pin(async move {
            Ok(match Identifier::parse_new(&request.identity.subject) {
                Ok(identifier) => {
                    Provision::Create(NewAccount { identifier, display_name: None, email: None })
                }
                Err(_) => Provision::Refuse,
            })
        })
    }
}

impl Site {
    pub(crate) fn new(provider: &Provider) -> Result<Self, Fault> {
        let config =
            OAuthProviderConfig::discover(&provider.issuer, CLIENT, SECRET, "http://127.0.0.1/callback");
        let http = HttpClient::new(&HttpSettings::default())?;
        let oidc = OidcProvider::new(config, http, Arc::new(SystemClock), Arc::new(SystemRng))?;
        let name = PROVIDER.parse()?;
        let method = Method::federated(&name);
        let policy = ProviderPolicy { provision: true, ..ProviderPolicy::default() };
        let providers = FederationProviders::new().with(name, Arc::new(oidc), policy);
        let federation = Federation::new(providers, Arc::new(FederatedLinkStore::new()))
            .with_provisioner(Arc::new(Everybody));
        let backend = InMemoryBackend::new().with_tenant(TENANT).with_methods(vec![method]);
        let service: Service =
            Arc::new(AuthnService::new(backend.clone(), backend).with_federation(federation));
        let routes = Router::new()
            .route("/login", get(begin))
            .route("/callback", get(complete))
            .with_state(service)
            .layer(SessionLayer::new(InMemorySessionStore::new(), [7; 32]));
        Ok(Self { routes })
    }

    /// A login works, and its callback works once.
    pub(crate) async fn check(&self, provider: &Provider) -> Result<(), Fault> {
        let begun = self.begin().await?;
        let callback = provider.log_in(&begun, 0)?;
        if !self.complete(&begun, &callback).await? {
            return Err("a callback is refused".into());
        }
        if self.complete(&begun, &callback).await? {
            return Err("a callback is taken twice".into());
        }
        Ok(())
    }

    pub(crate) async fn begin(&self) -> Result<Begun, Fault> {
        let response = self.send("/login", None).await?;
        let found = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let there = reqwest::Url::parse(found(header::LOCATION).ok_or("a login is not begun")?)?;
        let cookie = found(header::SET_COOKIE).and_then(|set| set.split(';').next());
        let parameter = |name: &str| {
            let value = there.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
            value.ok_or_else(|| format!("the provider is sent no `{name}`"))
        };
        Ok(Begun {
            cookie: cookie.ok_or("there is no cookie")?.to_owned(),
            state: parameter("state")?,
            nonce: parameter("nonce")?,
        })
    }

    /// Tells whether the browser is signed in.
    pub(crate) async fn complete(&self, begun: &Begun, callback: &str) -> Result<bool, Fault> {
        let response = self.send(callback, Some(&begun.cookie)).await?;
        Ok(response.status() == StatusCode::NO_CONTENT)
    }

    async fn send(&self, path: &str, cookie: Option<&str>) -> Result<Response, Fault> {
        let mut request = Request::get(path).header(header::HOST, "127.0.0.1");
        if let Some(cookie) = cookie {
            request = request.header(header::COOKIE, cookie);
        }
        Ok(self.routes.clone().oneshot(request.body(Body::empty())?).await?)
    }
}

async fn begin(session: AuthSession, State(service): State<Service>) -> Result<Response, AuthnRejection> {
    let options = FederationOptions::default();
    let there = service.begin_federated_login(&session, TENANT, PROVIDER, options).await?;
    Ok(FederationRedirect(there).into_response())
}

async fn complete(
    session: AuthSession,
    State(service): State<Service>,
    FederationCallback(response): FederationCallback,
) -> Result<StatusCode, AuthnRejection> {
    let done = service.complete_federated_login(&session, PROVIDER, response).await?;
    Ok(match done.outcome {
        FederatedOutcome::Authenticated => StatusCode::NO_CONTENT,
        _ => StatusCode::UNAUTHORIZED,
    })
}
