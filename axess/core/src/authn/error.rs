use super::MethodError;
use crate::{audit::AuditError, delivery::DeliveryError, session::SessionError, store::StoreError};
use axess_factors::{
    KdfError, OtpauthError, PasswordError,
    federated::{FederationError, FederationFault},
};
use axess_identity::FactorKind;
use std::time::Duration;

/// Says why an authentication verb could not do its work.
///
/// A refused credential is an outcome, never an error.
///
/// ```
/// use axess_core::authn::{AuthnError, Fault};
/// let error = AuthnError::NotAuthenticating;
/// assert_eq!(error.fault(), Fault::Misuse);
/// ```
#[derive(Debug, thiserror::Error)]
pub enum AuthnError {
    /// No login, step-up or ceremony is in progress that takes a credential.
    #[error("no login is in progress in this session; call begin_login first")]
    NotAuthenticating,
    /// The session is authenticated already.
    #[error("the session is authenticated already; log out before another login")]
    AlreadyAuthenticated,
    /// The verb needs an authenticated session.
    #[error("the session is not authenticated")]
    NotAuthenticated,
    /// The verb needs a more recent login.
    #[error("the login is too old for this; ask for a step-up first")]
    StepUpRequired,
    /// The session ended, or moved on, while the verb was running. Nothing was granted.
    #[error("the session ended meanwhile")]
    SessionEnded,
    /// The step offers several code factors and the code does not say which it answers.
    #[error("the code could answer several factors; name one with OtpCode::answering or prepare one first")]
    AmbiguousFactor,
    /// The current step does not offer this factor.
    #[error("the current step does not offer {0}")]
    FactorNotOffered(FactorKind),
    /// No verifier for this factor is configured.
    #[error("no verifier is configured for {0}")]
    UnsupportedFactor(FactorKind),
    /// No method is configured at any scope.
    #[error("no login method is configured for this tenant; save one with IdentityAdmin::save_methods")]
    NoMethod,
    /// The named method is not among the enabled ones.
    #[error("the named login method is not enabled")]
    UnknownMethod,
    /// The service was built without something the verb needs.
    #[error("the service has no {0}; give it some when it is built")]
    NotConfigured(&'static str),
    /// The tenant has no identity provider of this name, or it is disabled.
    #[error("there is no such identity provider")]
    UnknownProvider,
    /// An identity provider cannot be asked, or is set up wrongly.
    #[error("the identity provider cannot be used")]
    Federation(#[source] FederationError),
    /// A stored method is malformed.
    #[error("a configured login method is malformed")]
    Method(#[source] MethodError),
    /// A sign-up cannot be accepted as it is; the cause says what to change.
    #[error("the sign-up cannot be accepted")]
    Signup(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The account or tenant does not exist. Only operators' verbs say so.
    #[error("there is no such account or tenant")]
    NoSuchRecord,
    /// The name belongs to something else. Only operators' verbs say so.
    #[error("the name is taken")]
    Taken,
    /// Too much password work is queued.
    #[error("too many logins at once; try again in {} s", retry_after.as_secs())]
    Overloaded {
        /// When trying again makes sense.
        retry_after: Duration,
    },
    /// A stored credential cannot be read, or its pepper is not configured.
    #[error("a stored credential cannot be used")]
    Credential(#[source] PasswordError),
    /// An authenticator cannot be described to the user's app.
    #[error("the issuer or account name does not fit an otpauth URI")]
    Otpauth(#[source] OtpauthError),
    /// A code could not be handed over for delivery.
    #[error("a code could not be delivered")]
    Delivery(#[source] DeliveryError),
    /// The session could not be read or written.
    #[error("the session could not be stored")]
    Session(#[source] SessionError),
    /// A store failed.
    #[error("a store failed")]
    Store(#[source] StoreError),
    /// The event could not be recorded, so nothing was granted.
    #[error("the audit trail is unavailable")]
    Audit(#[source] AuditError),
}

/// Whose fault an [`AuthnError`] is.
///
/// ```
/// use axess_core::authn::Fault;
/// assert_ne!(Fault::Caller, Fault::Backend);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The caller asked for something its session does not allow.
    Caller,
    /// The application called a verb in the wrong state.
    Misuse,
    /// The configuration is incomplete or inconsistent.
    Configuration,
    /// There is too much work right now.
    Overload,
    /// A backend failed.
    Backend,
}

impl AuthnError {
    pub(crate) fn signup(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Signup(cause.into())
    }

    /// Returns whose fault it is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::NotAuthenticated
            | Self::StepUpRequired
            | Self::SessionEnded
            | Self::NoSuchRecord
            | Self::Taken
            | Self::UnknownProvider
            | Self::Signup(_) => Fault::Caller,
            Self::Federation(error) => match error.fault() {
                FederationFault::Caller => Fault::Caller,
                FederationFault::Provider => Fault::Backend,
                FederationFault::Configuration => Fault::Configuration,
            },
            Self::NotAuthenticating
            | Self::AlreadyAuthenticated
            | Self::AmbiguousFactor
            | Self::FactorNotOffered(_) => Fault::Misuse,
            Self::UnsupportedFactor(_)
            | Self::NoMethod
            | Self::UnknownMethod
            | Self::NotConfigured(_)
            | Self::Method(_)
            | Self::Otpauth(_) => Fault::Configuration,
            Self::Overloaded { .. } => Fault::Overload,
            Self::Audit(error) if error.retry_after().is_some() => Fault::Overload,
            Self::Credential(_) | Self::Delivery(_) | Self::Session(_) | Self::Store(_) | Self::Audit(_) => {
                Fault::Backend
            }
        }
    }
}

impl From<StoreError> for AuthnError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<AuditError> for AuthnError {
    fn from(error: AuditError) -> Self {
        Self::Audit(error)
    }
}

impl From<SessionError> for AuthnError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Ended => Self::SessionEnded,
            other => Self::Session(other),
        }
    }
}

impl From<PasswordError> for AuthnError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Kdf(KdfError::Overloaded { retry_after }) => Self::Overloaded { retry_after },
            other => Self::Credential(other),
        }
    }
}
