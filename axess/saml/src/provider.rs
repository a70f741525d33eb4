use crate::{
    SamlConfig, SamlConfigError,
    binding::{Direction, receive},
    config::Compiled,
    logout,
    metadata::{self, Idp},
    request::{self, Begun},
    response::{self, Expected, Login},
};
use axess_factors::federated::{
    BegunFederation, BoxFuture, CallbackMethod, CallbackResponse, FederatedIdentity, FederationContext,
    FederationError, FederationOptions, FederationProtocol, FederationProvider, LogoutHint, LogoutNotice,
    PendingFederation, Redirection,
};
use axess_rng::SecureRng;
use chrono::{DateTime, Utc};
use std::sync::{Arc, PoisonError, RwLock};

/// An identity provider that speaks SAML 2.0, and this application as its service provider.
///
/// Only the Web Browser SSO and Single Logout profiles: requests by redirect or form, responses by form. Sharing one
/// between requests is cheap; it holds no login.
///
/// ```no_run
/// use axess_saml::{IdpSource, SamlConfig, SamlKey, SamlProvider};
/// # let file = |name: &str| std::fs::read_to_string(name);
/// let config = SamlConfig {
///     signing_key: Some(SamlKey::new(file("saml.key")?, file("saml.pem")?)),
///     slo_url: Some("https://app.example.com/saml/slo".into()),
///     ..SamlConfig::new(
///         "https://app.example.com/saml/metadata",
///         "https://app.example.com/saml/acs",
///         IdpSource::metadata(file("idp.xml")?),
///     )
/// };
/// let provider = SamlProvider::new(config)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SamlProvider {
    own: Compiled,
    issuer: String,
    idp: RwLock<Arc<Idp>>,
}

impl SamlProvider {
    /// Reads keys, certificates and metadata.
    ///
    /// # Errors
    ///
    /// [`SamlConfigError`] names everything that is wrong, not only the first.
    pub fn new(config: SamlConfig) -> Result<Self, SamlConfigError> {
        let (own, idp) = Compiled::new(config)?;
        Ok(Self { own, issuer: idp.entity_id.clone(), idp: RwLock::new(Arc::new(idp)) })
    }

    /// Describes this service provider for the identity provider.
    ///
    /// It is an `EntityDescriptor`, signed if there is a signing key, and good for a week.
    ///
    /// # Errors
    ///
    /// [`FederationError::Configuration`] when the key does not sign.
    pub fn metadata(&self, now: DateTime<Utc>, rng: &dyn SecureRng) -> Result<Vec<u8>, FederationError> {
        metadata::describe(&self.own, now, rng)
    }

    /// Takes new metadata of the identity provider, with the certificates it signs with from now on.
    ///
    /// They must be signed as the first ones had to be, and be of the same entity. Logins that were begun go on.
    ///
    /// # Errors
    ///
    /// [`FederationError`] when they are refused; then the ones before stay.
    pub fn update_metadata(&self, xml: &[u8]) -> Result<(), FederationError> {
        let idp = Idp::read(xml, &self.own.metadata_keys)?;
        if idp.entity_id != self.issuer {
            return Err(FederationError::IssuerMismatch);
        }
        *self.idp.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(idp);
        Ok(())
    }

    /// Returns until when the identity provider's metadata are good, if they say so.
    ///
    /// Then logins fail until there are new ones.
    #[must_use]
    pub fn metadata_valid_until(&self) -> Option<DateTime<Utc>> {
        self.idp().valid_until
    }

    /// Makes what stands in for a pending login when a response comes that nobody asked for.
    ///
    /// # Errors
    ///
    /// [`FederationError::StateMismatch`] unless [`SamlConfig::allow_unsolicited`] is set.
    pub fn unsolicited(&self, context: FederationContext<'_>) -> Result<PendingFederation, FederationError> {
        if !self.own.config.allow_unsolicited {
            return Err(FederationError::StateMismatch);
        }
        Begun::Unsolicited.keep(&self.own, &self.issuer, context)
    }

    fn idp(&self) -> Arc<Idp> {
        Arc::clone(&self.idp.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the identity provider, as long as what is known about it holds.
    fn current_idp(&self, now: DateTime<Utc>) -> Result<Arc<Idp>, FederationError> {
        let idp = self.idp();
        if idp.valid_until.is_some_and(|until| now >= until) {
            return Err(FederationError::Configuration {
                what: "the identity provider's metadata have expired".to_owned(),
            });
        }
        Ok(idp)
    }

    fn verify(
        &self,
        pending: &PendingFederation,
        message: &CallbackResponse,
        now: DateTime<Utc>,
    ) -> Result<Login, FederationError> {
        if pending.issuer != self.issuer {
            return Err(FederationError::MixUp);
        }
        if now >= pending.expires_at {
            return Err(FederationError::Expired);
        }
        if message.method != CallbackMethod::Post {
            return Err(FederationError::Malformed { what: "a response comes by POST" });
        }
        let begun = Begun::read(pending)?;
        let request = match &begun {
            Begun::Request(request) => Some(request),
            Begun::Unsolicited if self.own.config.allow_unsolicited => None,
            Begun::Unsolicited => return Err(FederationError::StateMismatch),
        };
        let relay_state = message.get("RelayState")?.filter(|state| !state.is_empty());
        let is_ours = match (request, relay_state) {
            (Some(request), state) => state == Some(request.relay_state.as_str()),
            (None, Some(path)) => self.own.config.relay_states.iter().any(|allowed| allowed == path),
            (None, None) => true,
        };
        if !is_ours {
            return Err(FederationError::StateMismatch);
        }
        let idp = self.current_idp(now)?;
        let response = receive(message, Direction::Response)?;
        response::verify(&response, &Expected { own: &self.own, idp: &idp, request, now })
    }
}

impl FederationProvider for SamlProvider {
    fn protocol(&self) -> FederationProtocol {
        FederationProtocol::Saml
    }

    fn issuer(&self) -> &str {
        &self.issuer
    }

    fn begin<'a>(
        &'a self,
        options: &'a FederationOptions,
        context: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<BegunFederation, FederationError>> {
        Box::pin(async move { request::begin(&self.own, &*self.current_idp(context.now)?, options, context) })
    }

    fn complete<'a>(
        &'a self,
        pending: &'a PendingFederation,
        response: &'a CallbackResponse,
        context: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<FederatedIdentity, FederationError>> {
        Box::pin(async move {
            let Login { identity, id, until } = self.verify(pending, response, context.now)?;
            identity.check()?;
            if let Some(guard) = &self.own.config.replay
                && !guard.claim(&self.issuer, &id, until, context.now).await?
            {
                return Err(FederationError::Replayed);
            }
            Ok(identity)
        })
    }

    fn verify_logout<'a>(
        &'a self,
        message: &'a CallbackResponse,
        context: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<LogoutNotice, FederationError>> {
        Box::pin(async move { logout::verify(&self.own, &*self.current_idp(context.now)?, message, context) })
    }

    fn begin_logout<'a>(
        &'a self,
        hint: &'a LogoutHint,
        context: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<Option<Redirection>, FederationError>> {
        Box::pin(async move { logout::begin(&self.own, &*self.current_idp(context.now)?, hint, context) })
    }
}
