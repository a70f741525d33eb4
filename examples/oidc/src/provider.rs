//! Which provider there is, and who we are there.

use axess::{
    clock::SystemClock,
    factors::oauth::{HttpClient, HttpSettings, OAuthProviderConfig, OidcProvider},
    rng::SystemRng,
};
use axess_peers::{Kind, Server};
use std::{env, error::Error, sync::Arc};

/// A provider, and the server that is it where we started one.
pub(crate) struct Provider {
    issuer: String,
    client_id: String,
    client_secret: String,
    /// The authority that signed its certificate, unless the machine knows it.
    authority: Option<String>,
    _server: Option<Server>,
}

impl Provider {
    /// Takes the one that the environment names, or starts one for an application at `base`.
    pub(crate) fn from_environment(base: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
        match env::var("OIDC_ISSUER") {
            Ok(issuer) => Ok(Self {
                issuer,
                client_id: env::var("OIDC_CLIENT_ID").map_err(|_| "OIDC_CLIENT_ID is missing")?,
                client_secret: env::var("OIDC_CLIENT_SECRET").map_err(|_| "OIDC_CLIENT_SECRET is missing")?,
                authority: None,
                _server: None,
            }),
            Err(_) => Self::start(base),
        }
    }

    /// Starts one on this machine.
    pub(crate) fn start(base: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
        if let Some(reason) = Kind::OpenIdProvider.missing() {
            return Err(format!("{reason}: run `cargo xtask peers install`, or set OIDC_ISSUER").into());
        }
        let (redirect, after, backchannel) =
            (format!("{base}/callback"), format!("{base}/"), format!("{base}/logout/backchannel"));
        let variables = [
            ("REDIRECT_URIS", redirect),
            ("POST_LOGOUT_REDIRECT_URIS", after),
            ("BACKCHANNEL_LOGOUT_URI", backchannel),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value)).to_vec();
        let server = Server::start_with_variables(Kind::OpenIdProvider, variables)?;
        let peer = server.openid_provider().ok_or("the server is no provider")?;
        Ok(Self {
            issuer: peer.issuer().to_owned(),
            client_id: "basic".to_owned(),
            client_secret: peer.secret("basic"),
            authority: Some(peer.authority()?),
            _server: Some(server),
        })
    }

    /// Makes what the application logs in at. Nothing is asked of the provider yet.
    pub(crate) fn open(&self, base: &str) -> Result<OidcProvider, Box<dyn Error + Send + Sync>> {
        let config = OAuthProviderConfig::discover(
            &self.issuer,
            self.client_id.as_str(),
            self.client_secret.as_str(),
            format!("{base}/callback"),
        )
        .with_post_logout_redirect_uris([format!("{base}/")]);
        let settings = HttpSettings { extra_roots: self.authority.clone(), ..HttpSettings::default() };
        let (clock, rng) = (Arc::new(SystemClock), Arc::new(SystemRng));
        Ok(OidcProvider::new(config, HttpClient::new(&settings)?, clock, rng)?)
    }
}
