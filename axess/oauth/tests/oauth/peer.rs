//! The real provider, and clients of it.

use axess_clock::{Clock, SystemClock};
use axess_factors::federated::{
    CallbackResponse, FederatedIdentity, FederatedProof, FederationContext, FederationError,
    FederationOptions, FederationProvider, PendingFederation, Redirection,
};
use axess_identity::ProviderName;
use axess_jose::{Algorithm, SigningKey};
use axess_oauth::{
    ClientAuth, ClientCertificate, HttpClient, HttpSettings, OAuthProviderConfig, OidcProvider,
};
use axess_peers::{Kind, OpenIdProvider, Server, skip};
use axess_rng::SystemRng;
use std::sync::{Arc, OnceLock};

use crate::browser::Browser;

/// Returns the provider that all tests use; nothing, and a note, where there is none.
pub(crate) fn provider(test: &str) -> Option<OpenIdProvider> {
    static OURS: OnceLock<Option<Server>> = OnceLock::new();
    if let Some(shared) = OpenIdProvider::shared() {
        return Some(shared);
    }
    let server = OURS.get_or_init(|| start(&[]));
    let found = server.as_ref().and_then(Server::openid_provider);
    if found.is_none() {
        skip(test, "no OpenID Provider");
    }
    found
}

/// Starts a provider for one test.
pub(crate) fn private(test: &str, variables: &[(&str, &str)]) -> Option<(Server, OpenIdProvider)> {
    let Some(server) = start(variables) else {
        skip(test, "no OpenID Provider");
        return None;
    };
    let provider = server.openid_provider().unwrap();
    Some((server, provider))
}

fn start(variables: &[(&str, &str)]) -> Option<Server> {
    if Kind::OpenIdProvider.missing().is_some() {
        return None;
    }
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Some(Server::start_with_variables(Kind::OpenIdProvider, variables).unwrap())
}

/// One application, a client of the provider.
pub(crate) struct App {
    pub(crate) provider: Arc<OidcProvider>,
    http: HttpClient,
    name: ProviderName,
    browser: Browser,
    callback: String,
}

pub(crate) fn config(peer: &OpenIdProvider, client: &str) -> OAuthProviderConfig {
    with_auth(peer, client, ClientAuth::from(peer.secret(client).as_str()))
}

pub(crate) fn with_auth(peer: &OpenIdProvider, client: &str, auth: ClientAuth) -> OAuthProviderConfig {
    OAuthProviderConfig::discover(peer.issuer(), client, auth, OpenIdProvider::REDIRECT_URI)
        .with_post_logout_redirect_uris([OpenIdProvider::POST_LOGOUT_REDIRECT_URI])
}

/// The key of the clients that authenticate with one.
pub(crate) fn client_key(peer: &OpenIdProvider) -> ClientAuth {
    let (_, key) = peer.client_certificate("client").unwrap();
    ClientAuth::PrivateKeyJwt(Arc::new(
        SigningKey::from_pkcs8_pem(Algorithm::Es256, &key).unwrap().with_kid("client"),
    ))
}

pub(crate) fn http(peer: &OpenIdProvider, certificate: Option<&str>) -> HttpClient {
    let client_certificate = certificate.map(|name| {
        let (chain, key) = peer.client_certificate(name).unwrap();
        ClientCertificate::new(chain, key)
    });
    let extra_roots = Some(peer.authority().unwrap());
    HttpClient::new(&HttpSettings { extra_roots, client_certificate, ..HttpSettings::default() }).unwrap()
}

impl App {
    pub(crate) fn new(peer: &OpenIdProvider, config: OAuthProviderConfig) -> Self {
        Self::with_certificate(peer, config, None)
    }

    pub(crate) fn with_certificate(
        peer: &OpenIdProvider,
        config: OAuthProviderConfig,
        certificate: Option<&str>,
    ) -> Self {
        let http = http(peer, certificate);
        let provider =
            OidcProvider::new(config, http.clone(), Arc::new(SystemClock), Arc::new(SystemRng)).unwrap();
        Self {
            provider: Arc::new(provider),
            http,
            name: "peer".parse().unwrap(),
            browser: Browser::new(&peer.authority().unwrap()),
            callback: OpenIdProvider::REDIRECT_URI.to_owned(),
        }
    }

    pub(crate) fn context(&self) -> FederationContext<'_> {
        FederationContext { provider: &self.name, now: SystemClock.now(), rng: &SystemRng }
    }

    pub(crate) fn certificate_thumbprint(&self) -> &str {
        self.http.certificate_thumbprint().unwrap()
    }

    pub(crate) fn browser(&self) -> &Browser {
        &self.browser
    }

    /// Begins a login and lets the browser go through it.
    pub(crate) async fn go(
        &self,
        options: &FederationOptions,
    ) -> Result<(PendingFederation, CallbackResponse), FederationError> {
        let begun = self.provider.begin(options, self.context()).await?;
        let Redirection::Get(url) = &begun.redirection else { panic!("no redirect") };
        let back = self.browser.go(url, &self.callback).await;
        Ok((begun.pending, back))
    }

    /// Logs somebody in.
    pub(crate) async fn log_in_with(
        &self,
        options: &FederationOptions,
    ) -> Result<FederatedIdentity, FederationError> {
        let (pending, back) = self.go(options).await?;
        let proof = FederatedProof::complete(&*self.provider, &pending, &back, self.context()).await?;
        Ok(proof.identity().clone())
    }

    pub(crate) async fn log_in(&self, who: &str) -> Result<FederatedIdentity, FederationError> {
        self.log_in_with(&as_user(who)).await
    }
}

pub(crate) fn as_user(who: &str) -> FederationOptions {
    FederationOptions { login_hint: Some(who.to_owned()), ..FederationOptions::default() }
}
