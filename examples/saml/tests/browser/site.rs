//! An application, and what it tells an identity provider about itself.

use axess::{
    AuthSession, AuthnRejection, AuthnService, CsrfConfig, CsrfLayer, FederatedOutcome, Federation,
    FederationProviders, Guard, GuardedRouter, InMemoryBackend, InMemorySessionStore, Method,
    ProviderLogoutOutcome, ProviderPolicy, SessionLayer,
    backends::memory::{FederatedLinkStore, JtiReplayStore, SidStore},
    factors::saml::{IdpSource, SamlConfig, SamlKey, SamlProvider},
    federation::{
        FederationCallback, FederationOptions, FederationRedirect, NewAccount, Provision, ProvisionFuture,
        ProvisionRequest, Provisioner,
    },
    identity::Identifier,
    rng::{SystemRng, random_array},
};
use axum::{
    extract::State,
    http::StatusCode,
    response::{Html, IntoResponse, Redirect, Response},
};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use reqwest::Client;
use std::sync::{Arc, Mutex};

const NAME: &str = "login";
const TENANT: &str = "default";

pub(crate) struct Site {
    service: AuthnService<InMemoryBackend, InMemoryBackend>,
    saml: Arc<SamlProvider>,
    idp: String,
    client: Client,
    pub(crate) base: String,
    /// What came, one line each.
    notes: Mutex<Vec<String>>,
}

fn key() -> SamlKey {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let certificate = CertificateParams::new(vec!["sp".to_owned()]).unwrap().self_signed(&key).unwrap();
    SamlKey::new(key.serialize_pem(), certificate.pem())
}

async fn metadata(client: &Client, idp: &str) -> Vec<u8> {
    let found = client.get(format!("{idp}/saml2/idp/metadata.php")).send().await.unwrap();
    found.error_for_status().unwrap().bytes().await.unwrap().to_vec()
}

impl Site {
    /// Serves an application until the runtime ends, and tells the identity provider about it and how to treat it.
    pub(crate) async fn open(idp: &str, options: &str) -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let client = Client::builder().no_proxy().build().unwrap();
        let source = IdpSource::metadata(metadata(&client, idp).await);
        let config = SamlConfig {
            slo_url: Some(format!("{base}/saml/slo")),
            signing_key: Some(key()),
            decryption_keys: vec![key()],
            // It knows AES-CBC alone, which counts below a signature.
            want_signed_response: true,
            allow_cbc: true,
            ..SamlConfig::new(format!("{base}/saml/metadata"), format!("{base}/saml/acs"), source)
        };
        let saml = Arc::new(SamlProvider::new(config).unwrap());
        let own = saml.metadata(&SystemRng).unwrap();
        let known = client.post(format!("{idp}/sp?{options}")).body(own).send().await.unwrap();
        known.error_for_status().unwrap();

        let name = NAME.parse().unwrap();
        let method = Method::federated(&name);
        let policy = ProviderPolicy { provision: true, ..ProviderPolicy::default() };
        let providers = FederationProviders::new().with(name, saml.clone(), policy);
        let federation = Federation::new(providers, Arc::new(FederatedLinkStore::new()))
            .with_provider_logout(Arc::new(SidStore::new()), Arc::new(JtiReplayStore::new()))
            .with_provisioner(Arc::new(Everybody));
        let backend = InMemoryBackend::new().with_tenant(TENANT).with_methods(vec![method]);
        let service = AuthnService::new(backend.clone(), backend).with_federation(federation);
        let idp = idp.to_owned();
        let site = Arc::new(Self { service, saml, idp, client, base, notes: Mutex::default() });
        let app = site.clone().app();
        tokio::spawn(async move { axum::serve(listener, app).await });
        site
    }

    fn app(self: Arc<Self>) -> axum::Router {
        let key: [u8; 32] = random_array(&SystemRng);
        let csrf = CsrfConfig::new(key).unwrap().secure(false);
        let csrf = csrf.exempt_path("/saml/acs").unwrap().exempt_path("/saml/slo").unwrap();
        let routes = GuardedRouter::new()
            .get("/", Guard::Public, async || Html("<a href=\"/login\">Sign in</a>"))
            .get("/login", Guard::Public, begin)
            .post("/saml/acs", Guard::Public, consume)
            .get("/saml/slo", Guard::Public, single_logout)
            .get("/account", Guard::Authn, account);
        routes
            .into_router()
            .with_state(self)
            .layer(CsrfLayer::new(csrf))
            .layer(SessionLayer::new(InMemorySessionStore::new(), key).with_secure(false))
    }

    /// Has the identity provider change its key, and may read its metadata again.
    pub(crate) async fn change_key(&self, step: u8, is_told: bool) {
        let changed = self.client.post(format!("{}/key?step={step}", self.idp)).send().await.unwrap();
        changed.error_for_status().unwrap();
        if is_told {
            self.saml.update_metadata(&metadata(&self.client, &self.idp).await).unwrap();
        }
    }

    /// Returns what came since the last time.
    pub(crate) fn notes(&self) -> Vec<String> {
        std::mem::take(&mut *self.notes.lock().unwrap())
    }

    fn note(&self, text: impl Into<String>) {
        self.notes.lock().unwrap().push(text.into());
    }
}

/// Gives everybody an account whom the identity provider knows.
struct Everybody;

impl Provisioner for Everybody {
    fn provision<'a>(&'a self, request: ProvisionRequest<'a>) -> ProvisionFuture<'a, Provision> {
        let identifier = Identifier::parse_new(&request.identity.subject).unwrap();
        let account = NewAccount { identifier, display_name: None, email: None };
        Box::pin(async move { Ok(Provision::Create(account)) })
    }
}

async fn begin(session: AuthSession, State(site): State<Arc<Site>>) -> Result<Response, AuthnRejection> {
    let options =
        FederationOptions { return_to: Some("/account".to_owned()), ..FederationOptions::default() };
    let there = site.service.begin_federated_login(&session, TENANT, NAME, options).await?;
    Ok(FederationRedirect(there).into_response())
}

async fn consume(
    session: AuthSession,
    State(site): State<Arc<Site>>,
    FederationCallback(response): FederationCallback,
) -> Result<Response, AuthnRejection> {
    site.note(response.get("SAMLResponse").unwrap().unwrap_or_default().replace(['\r', '\n'], ""));
    let done = site.service.complete_federated_login(&session, NAME, response).await?;
    Ok(match done.outcome {
        FederatedOutcome::Authenticated => Redirect::to("/account").into_response(),
        FederatedOutcome::Refused(error) => {
            site.note(format!("refused {error:?}"));
            Redirect::to("/").into_response()
        }
        _ => StatusCode::UNAUTHORIZED.into_response(),
    })
}

async fn account(session: AuthSession) -> String {
    session.federated_login().map_or_else(String::new, |login| format!("account of {}", login.subject))
}

async fn single_logout(
    session: AuthSession,
    State(site): State<Arc<Site>>,
    FederationCallback(message): FederationCallback,
) -> Result<Response, AuthnRejection> {
    let done = site.service.complete_backchannel_logout(&session, TENANT, NAME, message).await?;
    Ok(match done {
        ProviderLogoutOutcome::Ended { sessions, answer } => {
            site.note(format!("ended {sessions}"));
            answer.map_or_else(
                || Redirect::to("/").into_response(),
                |it| FederationRedirect(it).into_response(),
            )
        }
        ProviderLogoutOutcome::Refused(error) => {
            site.note(format!("refused {error:?}"));
            StatusCode::BAD_REQUEST.into_response()
        }
    })
}
