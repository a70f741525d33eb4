//! An OpenID Connect provider, as its relying party sees it.

mod begin;
mod callback;
mod client_credentials;
mod complete;
mod device;
mod end_session;
mod federation;
mod id_token;
mod identity;
mod introspect;
mod logout_token;
mod refresh;
mod revoke;
mod tenants;
mod tokens;
mod userinfo;

pub(crate) use begin::with_query;
pub(crate) use callback::parameters as callback_parameters;
pub use introspect::Introspection;
pub use logout_token::{MAX_LOGOUT_TOKEN_AGE, MAX_LOGOUT_TOKEN_BYTES};
pub use revoke::TokenTypeHint;

use crate::{
    caller::Caller,
    client_auth::ClientAssertionAudience,
    config::{OAuthConfigError, OAuthProviderConfig},
    dpop::{DpopKey, Nonces},
    fapi::{DpopKeyScope, SenderConstraint},
    http::HttpClient,
    metadata::{Endpoint, Known, MetadataSource},
};
use axess_clock::Clock;
use axess_factors::federated::FederationError;
use axess_identity::TokenSecret;
use axess_rng::SecureRng;
use chrono::{DateTime, Utc};
use std::{borrow::Cow, sync::Arc};

/// An OpenID Connect provider, by FAPI 2.0 where the configuration says so.
///
/// It is asked for its metadata when it is first used. Logins go through
/// [`FederationProvider`](axess_factors::federated::FederationProvider), which it implements; the rest of its verbs are methods.
///
/// ```
/// use axess_clock::SystemClock;
/// use axess_oauth::{HttpClient, HttpSettings, OAuthProviderConfig, OidcProvider};
/// use axess_rng::SystemRng;
/// use std::sync::Arc;
///
/// let config = OAuthProviderConfig::discover(
///     "https://login.example.com",
///     "our-client-id",
///     "our-client-secret",
///     "https://app.example.com/auth/callback/example",
/// );
/// let http = HttpClient::new(&HttpSettings::default())?;
/// let provider = OidcProvider::new(config, http, Arc::new(SystemClock), Arc::new(SystemRng))?;
/// assert_eq!(provider.config().issuer(), "https://login.example.com");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct OidcProvider {
    config: OAuthProviderConfig,
    http: HttpClient,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn SecureRng>,
    metadata: MetadataSource,
    nonces: Nonces,
    /// The key of all logins, where it is not one for each.
    instance_key: Option<DpopKey>,
}

/// A proof that we hold the key of an access token, to send along with a request (RFC 9449 §7).
///
/// ```
/// let proof = axess_oauth::DpopProof { proof_jwt: "eyJ...".to_owned() };
/// assert!(proof.proof_jwt.starts_with("eyJ"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DpopProof {
    /// The value of the header `DPoP`.
    pub proof_jwt: String,
}

impl OidcProvider {
    /// Makes a provider of a configuration.
    ///
    /// Nothing is asked of it yet.
    ///
    /// # Errors
    ///
    /// [`OAuthConfigError`] with every fault of the configuration.
    pub fn new(
        config: OAuthProviderConfig,
        http: HttpClient,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn SecureRng>,
    ) -> Result<Self, OAuthConfigError> {
        config.check_with(&http)?;
        let names_itself = config.issuer_template().unwrap_or_else(|| config.issuer.clone());
        let metadata =
            MetadataSource::new(http.clone(), config.issuer.clone(), clock.clone()).of(names_itself);
        let is_shared = config.sender_constraint == Some(SenderConstraint::DPoP)
            && config.dpop_key_scope == DpopKeyScope::Instance;
        let instance_key = match (&config.dpop_key, is_shared) {
            (Some(key), true) => Some(DpopKey::from_signing_key(key.clone())),
            (None, true) => {
                Some(DpopKey::generate().map_err(|error| OAuthConfigError::one(error.to_string()))?)
            }
            (_, false) => None,
        };
        Ok(Self { config, http, clock, rng, metadata, nonces: Nonces::default(), instance_key })
    }

    /// Returns its configuration.
    #[must_use]
    pub fn config(&self) -> &OAuthProviderConfig {
        &self.config
    }

    /// Asks for the provider's metadata now rather than at the first login.
    ///
    /// # Errors
    ///
    /// [`FederationError::Unavailable`]; what is wrong with the metadata; under FAPI
    /// [`FederationError::WeakerThanConfigured`] when it does not offer what the profile demands.
    pub async fn check_metadata(&self) -> Result<(), FederationError> {
        self.known().await.map(drop)
    }

    /// Makes a proof for a request to a resource, with the nonce that server gave last.
    ///
    /// # Errors
    ///
    /// [`FederationError::Configuration`] when the key cannot sign.
    pub fn generate_dpop_proof(
        &self,
        method: &str,
        url: &str,
        access_token: Option<&TokenSecret>,
        key: &DpopKey,
    ) -> Result<DpopProof, FederationError> {
        let token = access_token.map(TokenSecret::expose);
        let proof_jwt = self.prover(self.clock.now(), self.rng.as_ref()).proof(key, method, url, token)?;
        Ok(DpopProof { proof_jwt })
    }

    /// Remembers the nonce that a resource server wants in the next proof (the header `DPoP-Nonce`, RFC 9449 §9).
    pub fn remember_dpop_nonce(&self, url: &str, nonce: &str) {
        self.nonces.set(url, nonce);
    }

    /// Returns the DPoP key of all logins, where the configuration says there is one.
    #[must_use]
    pub fn instance_key(&self) -> Option<&DpopKey> {
        self.instance_key.as_ref()
    }

    /// Returns what is known of the provider, if it offers what is demanded.
    async fn known(&self) -> Result<Arc<Known>, FederationError> {
        let known = self.metadata.known().await?;
        if let Some(fapi) = &self.config.fapi {
            fapi.check_metadata(&known.metadata, self.config.uses_jarm)?;
        }
        Ok(known)
    }

    fn caller<'a>(&'a self, known: &'a Known, now: DateTime<Utc>, rng: &'a dyn SecureRng) -> Caller<'a> {
        let methods = known.metadata.token_endpoint_auth_methods_supported.as_deref();
        let audience = match self.config.assertion_audience {
            ClientAssertionAudience::Issuer => &self.config.issuer,
            ClientAssertionAudience::TokenEndpoint => &known.metadata.token_endpoint,
        };
        Caller { auth: self.config.auth.among(methods), audience, ..self.prover(now, rng) }
    }

    /// Makes what needs to know nothing of the provider: proofs, and requests with a token.
    fn prover<'a>(&'a self, now: DateTime<Utc>, rng: &'a dyn SecureRng) -> Caller<'a> {
        Caller {
            http: &self.http,
            nonces: &self.nonces,
            auth: Cow::Borrowed(&self.config.auth),
            client_id: &self.config.client_id,
            audience: &self.config.issuer,
            now,
            rng,
        }
    }

    /// Returns an endpoint that the provider may not have.
    fn endpoint<'a>(
        &self,
        known: &'a Known,
        endpoint: Endpoint,
        what: &'static str,
    ) -> Result<&'a str, FederationError> {
        known
            .metadata
            .endpoint(endpoint, self.config.shows_certificate())
            .ok_or_else(|| FederationError::Configuration { what: format!("the provider has no {what}") })
    }
}

impl std::fmt::Debug for OidcProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OidcProvider").field("config", &self.config).finish_non_exhaustive()
    }
}
