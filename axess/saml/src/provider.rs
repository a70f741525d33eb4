use crate::{
    SamlConfig, SamlConfigError,
    binding::{Direction, receive},
    config::{Compiled, is_within},
    logout,
    metadata::{self, Idp},
    request::{self, Begun},
    response::{self, Expected, Login},
};
use axess_factors::federated::{
    BegunFederation, BoxFuture, CallbackMethod, CallbackResponse, FederatedIdentity, FederationContext,
    FederationError, FederationOptions, FederationProtocol, FederationProvider, LogoutHint, LogoutNotice,
    PendingFederation, Redirection, UnsolicitedFederation,
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
    /// It is an `EntityDescriptor`, signed if there is a signing key. It does not run out; who fetches it is told to do so weekly.
    ///
    /// # Errors
    ///
    /// [`FederationError::Configuration`] when the key does not sign.
    pub fn metadata(&self, rng: &dyn SecureRng) -> Result<Vec<u8>, FederationError> {
        metadata::describe(&self.own, rng)
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
        if !is_within(self.own.config.network, &idp) {
            let what = "the new metadata name an address that is not of the public internet".to_owned();
            return Err(FederationError::Configuration { what });
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

    /// Returns where an unsolicited response leads: to a path on the list, or to none.
    fn allowed_path(&self, message: &CallbackResponse) -> Result<Option<String>, FederationError> {
        match relay_state(message)? {
            None => Ok(None),
            Some(path) if self.own.config.relay_states.iter().any(|allowed| allowed == path) => {
                Ok(Some(path.to_owned()))
            }
            Some(_) => Err(FederationError::StateMismatch),
        }
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
        match request {
            Some(request) if relay_state(message)? == Some(request.relay_state.as_str()) => {}
            Some(_) => return Err(FederationError::StateMismatch),
            None => drop(self.allowed_path(message)?),
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

    fn unsolicited(
        &self,
        response: &CallbackResponse,
        context: FederationContext<'_>,
    ) -> Result<UnsolicitedFederation, FederationError> {
        if !self.own.config.allow_unsolicited || response.method != CallbackMethod::Post {
            return Err(FederationError::StateMismatch);
        }
        let return_to = self.allowed_path(response)?;
        let pending = Begun::Unsolicited.keep(&self.own, &self.issuer, context)?;
        Ok(UnsolicitedFederation { pending, return_to })
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

fn relay_state(message: &CallbackResponse) -> Result<Option<&str>, FederationError> {
    Ok(message.get("RelayState")?.filter(|state| !state.is_empty()))
}
