//! The contract between the service and an identity provider: what a login there begins with, and what comes of it.
//!
//! Pure: the protocols live in other crates and implement [`FederationProvider`]. A login at a provider, step by step:
//!
//! 1. [`FederationProvider::begin`] says where the browser goes, and what the session keeps meanwhile
//!    ([`PendingFederation`]).
//! 2. The browser comes back with a [`CallbackResponse`], decoded but untrusted.
//! 3. [`FederatedProof::complete`] has the provider verify it, and keeps the identity together with the right to call it
//!    proved. Whose account that is, is the service's to find.

mod callback;
mod device;
mod error;
mod identity;
mod logout;
mod network;
mod pending;
mod proof;
mod redirection;
mod replay;

pub use callback::{CallbackMethod, CallbackResponse, MAX_CALLBACK_BYTES, MAX_CALLBACK_PARAMETERS};
pub use device::{BegunDevice, DevicePoll};
pub use error::{FederationCause, FederationError, FederationFault};
pub use identity::{
    Assurance, FederatedIdentity, FederatedTokens, MAX_FEDERATED_ISSUER_BYTES, MAX_FEDERATED_SID_BYTES,
    MAX_FEDERATED_SUBJECT_BYTES, issuer_of_link,
};
pub use logout::{LogoutHint, LogoutNotice};
pub use network::ProviderNetwork;
pub use pending::{
    BegunFederation, FederationContext, FederationOptions, MAX_FEDERATION_OPTIONS, MAX_PENDING_BYTES,
    PendingFederation, UnsolicitedFederation,
};
pub use proof::{DeviceProof, FederatedProof};
pub use redirection::Redirection;
pub use replay::ReplayGuard;

use axess_identity::{FactorKind, FederatedProvider, ProviderName};
use std::{future::Future, pin::Pin, time::Duration};

/// A boxed future, as the verbs of [`FederationProvider`] return it.
///
/// ```
/// use axess_factors::federated::BoxFuture;
/// let answer: BoxFuture<'static, u8> = Box::pin(async { 42 });
/// # let _ = answer;
/// ```
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The protocol a provider speaks.
///
/// ```
/// use axess_factors::federated::FederationProtocol;
/// assert_eq!(FederationProtocol::Saml.as_str(), "saml");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FederationProtocol {
    /// OpenID Connect.
    Oidc,
    /// OAuth 2.0 without an ID token: weaker.
    OAuth2,
    /// SAML 2.0.
    Saml,
}

impl FederationProtocol {
    /// Returns the protocol's stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Oidc => "oidc",
            Self::OAuth2 => "oauth2",
            Self::Saml => "saml",
        }
    }
}

/// An identity provider, as far as the service is concerned.
///
/// An implementation verifies everything its protocol lets it verify before it answers `Ok`: signatures, issuer, audience,
/// times, and that the answer belongs to the login in `pending`. It keeps no session and finds no account. Cancelling a
/// future is safe: nothing is half done that could not be begun again.
///
/// ```
/// use axess_factors::federated::{
///     BegunFederation, BoxFuture, CallbackResponse, FederatedIdentity, FederationContext, FederationError,
///     FederationOptions, FederationProtocol, FederationProvider, LogoutHint, LogoutNotice, PendingFederation,
///     Redirection,
/// };
///
/// /// A provider that is always away.
/// struct Away;
///
/// fn away<'a, T: 'a>() -> BoxFuture<'a, Result<T, FederationError>> {
///     Box::pin(async { Err(FederationError::unavailable("the provider", "closed for the season")) })
/// }
///
/// impl FederationProvider for Away {
///     fn protocol(&self) -> FederationProtocol {
///         FederationProtocol::Oidc
///     }
///     fn issuer(&self) -> &str {
///         "https://login.example.com"
///     }
///     fn begin<'a>(
///         &'a self,
///         _: &'a FederationOptions,
///         _: FederationContext<'a>,
///     ) -> BoxFuture<'a, Result<BegunFederation, FederationError>> {
///         away()
///     }
///     fn complete<'a>(
///         &'a self,
///         _: &'a PendingFederation,
///         _: &'a CallbackResponse,
///         _: FederationContext<'a>,
///     ) -> BoxFuture<'a, Result<FederatedIdentity, FederationError>> {
///         away()
///     }
///     fn verify_logout<'a>(
///         &'a self,
///         _: &'a CallbackResponse,
///         _: FederationContext<'a>,
///     ) -> BoxFuture<'a, Result<LogoutNotice, FederationError>> {
///         away()
///     }
///     fn begin_logout<'a>(
///         &'a self,
///         _: &'a LogoutHint,
///         _: FederationContext<'a>,
///     ) -> BoxFuture<'a, Result<Option<Redirection>, FederationError>> {
///         away()
///     }
/// }
/// let provider: std::sync::Arc<dyn FederationProvider> = std::sync::Arc::new(Away);
/// assert_eq!(provider.issuer(), "https://login.example.com");
/// ```
pub trait FederationProvider: Send + Sync {
    /// Returns the protocol it speaks.
    fn protocol(&self) -> FederationProtocol;

    /// Returns its issuer identifier or entity id: every identity it answers with has this issuer.
    fn issuer(&self) -> &str;

    /// Tells whether the provider may call itself like that.
    ///
    /// That is [`issuer`](FederationProvider::issuer), or one of the names that it stands for.
    fn is_issuer(&self, issuer: &str) -> bool {
        issuer == self.issuer()
    }

    /// Begins a login: where the browser goes, and what to keep until it comes back.
    ///
    /// # Errors
    ///
    /// [`FederationError::Unavailable`] when the provider must be asked first and cannot be;
    /// [`FederationError::Configuration`]; [`FederationError::WeakerThanConfigured`] when `options` ask for less than the
    /// provider is set to demand, or for what it cannot prove: a fresh authentication (`force`, `max_age`) or an `acr`. A step-up
    /// rests on that.
    fn begin<'a>(
        &'a self,
        options: &'a FederationOptions,
        context: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<BegunFederation, FederationError>>;

    /// Verifies what came back and returns whom the provider says it is.
    ///
    /// Call it through [`FederatedProof::complete`], which checks that `pending` is this provider's and still good.
    ///
    /// # Errors
    ///
    /// Any [`FederationError`].
    fn complete<'a>(
        &'a self,
        pending: &'a PendingFederation,
        response: &'a CallbackResponse,
        context: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<FederatedIdentity, FederationError>>;

    /// Verifies a logout that the provider asks for.
    ///
    /// The message is a logout token (OpenID Connect Back-Channel Logout 1.0) or a SAML `LogoutRequest`. It does not remember messages: the caller claims [`LogoutNotice::replay`] before it ends anything.
    ///
    /// # Errors
    ///
    /// Any [`FederationError`].
    fn verify_logout<'a>(
        &'a self,
        message: &'a CallbackResponse,
        context: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<LogoutNotice, FederationError>>;

    /// Says where the browser goes to be logged out at the provider too; `None` when the provider has no such thing.
    ///
    /// # Errors
    ///
    /// [`FederationError::Configuration`] when `hint` asks to come back to an address that is not allowed;
    /// [`FederationError::Unavailable`].
    fn begin_logout<'a>(
        &'a self,
        hint: &'a LogoutHint,
        context: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<Option<Redirection>, FederationError>>;

    /// Stands in for the begin of a login when an answer comes that nobody here asked for (SAML Profiles §4.1.5).
    ///
    /// What it makes is given to [`complete`](FederationProvider::complete), which verifies the answer. By default such answers are
    /// refused, and a provider takes them only where its configuration says so: anybody can send one into somebody else's browser.
    ///
    /// # Errors
    ///
    /// [`FederationError::StateMismatch`] unless they are taken, and this one leads where the configuration allows.
    fn unsolicited(
        &self,
        response: &CallbackResponse,
        context: FederationContext<'_>,
    ) -> Result<UnsolicitedFederation, FederationError> {
        let _ = (response, context);
        Err(FederationError::StateMismatch)
    }

    /// Begins a login of which the user does the browser's part on another device (RFC 8628).
    ///
    /// Nothing binds it to a browser: anybody could have begun what a user is shown. By default there is no such thing.
    ///
    /// # Errors
    ///
    /// As [`begin`](FederationProvider::begin); [`FederationError::Configuration`] when the provider has no such logins.
    fn begin_device<'a>(
        &'a self,
        options: &'a FederationOptions,
        context: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<BegunDevice, FederationError>> {
        let _ = (options, context);
        Box::pin(async { Err(no_devices()) })
    }

    /// Asks once whether the user has decided, and verifies whom the provider says it is.
    ///
    /// It verifies what [`complete`](FederationProvider::complete) does, as far as there is a request to compare with. `interval` is how long was waited. Call it through [`FederatedProof::poll`].
    ///
    /// # Errors
    ///
    /// [`FederationError::Unavailable`] when it may be asked again; any other [`FederationError`] ends the login:
    /// [`FederationError::Denied`], [`FederationError::Expired`] and what is wrong with the answer.
    fn poll_device<'a>(
        &'a self,
        pending: &'a PendingFederation,
        interval: Duration,
        context: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<DevicePoll, FederationError>> {
        let _ = (pending, interval, context);
        Box::pin(async { Err(no_devices()) })
    }
}

fn no_devices() -> FederationError {
    FederationError::Configuration { what: "the provider has no logins on another device".to_owned() }
}

/// Returns the factor that a login at the provider of this name proves.
///
/// `github`, `google` and `microsoft` have kinds of their own.
///
/// ```
/// use axess_factors::federated::federated_kind;
/// assert_eq!(federated_kind(&"google".parse().unwrap()).to_string(), "federated:google");
/// assert_eq!(federated_kind(&"okta".parse().unwrap()).to_string(), "federated:custom:okta");
/// ```
#[must_use]
pub fn federated_kind(provider: &ProviderName) -> FactorKind {
    FactorKind::Federated(match provider.as_str() {
        "github" => FederatedProvider::Github,
        "google" => FederatedProvider::Google,
        "microsoft" => FederatedProvider::Microsoft,
        _ => FederatedProvider::Custom(provider.clone()),
    })
}

#[cfg(test)]
mod tests;
