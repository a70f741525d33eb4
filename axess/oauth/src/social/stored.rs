//! The configuration as it is stored for a tenant: JSON without secrets, and a secret beside it.

use super::{OAuth2Config, OAuth2User, github::github_user};
use crate::{
    ClientAssertionAudience,
    config::{OAuthConfigError, auth, is_text},
};
use axess_factors::federated::ProviderNetwork;
use axess_identity::TokenSecret;
use reqwest::Url;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    client_id: String,
    redirect_uri: String,
    authorization_endpoint: String,
    token_endpoint: String,
    user_endpoints: Vec<String>,
    user: Stored,
    #[serde(default)]
    token_endpoint_auth_method: Option<String>,
    #[serde(default)]
    token_endpoint_auth_signing_alg: Option<String>,
    #[serde(default)]
    client_assertion_audience: ClientAssertionAudience,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    ceremony_timeout_secs: Option<u32>,
}

/// Where the user is in what the provider answers.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Service(Service),
    Members(Members),
}

/// A service whose answers are known.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Service {
    GitHub,
}

/// JSON pointers (RFC 6901) into the list of the answers.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    subject: String,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    email_verified: Option<String>,
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    username: Option<String>,
}

impl OAuth2Config {
    /// Reads what is stored for a provider of a tenant's own.
    ///
    /// That is the address that stands for it, the settings in JSON, and the secret beside them. The settings are `client_id`, `redirect_uri`, `authorization_endpoint`, `token_endpoint`, `user_endpoints` and `user`, and where
    /// they differ from the defaults `token_endpoint_auth_method` (RFC 7591 §2), `token_endpoint_auth_signing_alg`,
    /// `client_assertion_audience` (`issuer` or `token_endpoint`), `scopes` and `ceremony_timeout_secs`. Any other is refused by name.
    /// The secret is the client's, or for `private_key_jwt` its key in PEM (PKCS#8).
    ///
    /// `user` is `"github"`, or says where in the list of answers the user is, as JSON pointers (RFC 6901; `/0/id` is the member `id` of
    /// the first answer): `subject`, and maybe `email`, `email_verified`, `display_name` and `username`. The subject is a text or a whole
    /// number, and must be an id: never a name that can be given to somebody else.
    ///
    /// Nobody signs what plain OAuth 2.0 says, so it is what the endpoints say: they are at the host of the issuer or below it, and no
    /// tenant gives out another's identities. For the network see [`OAuthProviderConfig::from_settings`](
    /// crate::OAuthProviderConfig::from_settings); a provider that knows `openid` is for that.
    ///
    /// ```
    /// use axess_factors::federated::ProviderNetwork;
    /// use axess_oauth::OAuth2Config;
    /// let settings = serde_json::json!({
    ///     "client_id": "shop",
    ///     "redirect_uri": "https://shop.example.com/callback/git",
    ///     "authorization_endpoint": "https://git.example.com/authorize",
    ///     "token_endpoint": "https://git.example.com/token",
    ///     "user_endpoints": ["https://api.git.example.com/user"],
    ///     "user": { "subject": "/0/id", "display_name": "/0/name" },
    /// });
    /// let (issuer, secret) = ("https://git.example.com", Some("a secret".into()));
    /// assert!(OAuth2Config::from_settings(issuer, &settings, secret, ProviderNetwork::Public).is_ok());
    /// ```
    ///
    /// # Errors
    ///
    /// [`OAuthConfigError`] with every fault, what cannot be read and what cannot work.
    pub fn from_settings(
        issuer: &str,
        settings: &Value,
        secret: Option<TokenSecret>,
        network: ProviderNetwork,
    ) -> Result<Self, OAuthConfigError> {
        let one = OAuthConfigError::one;
        let settings = Settings::deserialize(settings).map_err(|error| one(format!("settings: {error}")))?;
        let (method, algorithm) =
            (&settings.token_endpoint_auth_method, &settings.token_endpoint_auth_signing_alg);
        let auth = auth(method.as_deref(), algorithm.as_deref(), secret).map_err(one)?;
        let mut config = Self::new(issuer, settings.client_id, auth, settings.redirect_uri)
            .with_endpoints(settings.authorization_endpoint, settings.token_endpoint, settings.user_endpoints)
            .with_client_assertion_audience(settings.client_assertion_audience)
            .with_scopes(settings.scopes);
        config.network = network;
        if let Some(seconds) = settings.ceremony_timeout_secs {
            config = config.with_ceremony_timeout(Duration::from_secs(seconds.into()));
        }
        let mut faults = config.tenant_faults();
        config = match settings.user {
            Stored::Service(Service::GitHub) => config.with_mapping(github_user),
            Stored::Members(members) => {
                faults.extend(members.fault());
                config.with_mapping(move |documents| members.user(documents))
            }
        };
        if let Err(error) = config.check() {
            faults.extend(error.faults().iter().cloned());
        }
        OAuthConfigError::unless_empty(faults)?;
        Ok(config)
    }

    /// What is wrong with the addresses that a tenant has written.
    fn tenant_faults(&self) -> Vec<String> {
        let host = |url: &str| Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
        let issuer = host(&self.issuer).unwrap_or_default();
        let endpoints = [&self.authorization_endpoint, &self.token_endpoint];
        let mut faults = Vec::new();
        for (setting, url) in ["authorization_endpoint", "token_endpoint"]
            .into_iter()
            .zip(endpoints)
            .chain(self.user_endpoints.iter().map(|url| ("user_endpoints", url)))
        {
            let host = host(url).unwrap_or_default();
            let is_its_own =
                host == issuer || host.strip_suffix(&issuer).is_some_and(|before| before.ends_with('.'));
            if !is_its_own {
                faults.push(format!("{setting}: it is at the issuer's host, or below it"));
            }
        }
        if !self.network.admits_host(&issuer) {
            let fault =
                "issuer: a provider of a tenant's own is on the public internet (see ProviderNetwork)";
            faults.push(fault.to_owned());
        }
        faults
    }
}

impl Members {
    fn fault(&self) -> Option<String> {
        let others = [&self.email, &self.email_verified, &self.display_name, &self.username];
        let mut pointers = std::iter::once(&self.subject).chain(others.into_iter().flatten());
        let are_pointers = pointers.all(|pointer| pointer.starts_with('/') && is_text(pointer));
        (!are_pointers).then(|| "user: write JSON pointers into the answers, such as /0/id".to_owned())
    }

    fn user(&self, documents: &[Value]) -> Option<OAuth2User> {
        let answers = Value::from(documents.to_vec());
        let at = |pointer: &Option<String>| answers.pointer(pointer.as_deref()?);
        let text = |pointer: &Option<String>| at(pointer)?.as_str().map(str::to_owned);
        let subject = match answers.pointer(&self.subject)? {
            Value::String(text) => text.clone(),
            number => number.as_u64()?.to_string(),
        };
        Some(OAuth2User {
            subject,
            email: text(&self.email),
            email_verified: at(&self.email_verified).and_then(Value::as_bool) == Some(true),
            display_name: text(&self.display_name),
            username: text(&self.username),
        })
    }
}

#[cfg(test)]
mod tests;
