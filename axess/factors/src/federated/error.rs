/// What lies below a fault of a provider.
///
/// ```
/// use axess_factors::federated::FederationCause;
/// let cause: FederationCause = "connection refused".into();
/// assert_eq!(cause.to_string(), "connection refused");
/// ```
pub type FederationCause = Box<dyn std::error::Error + Send + Sync>;

/// Why a login at a provider, or a logout from one, was refused.
///
/// No variant holds a token, a code or an assertion.
///
/// ```
/// use axess_factors::federated::{FederationError, FederationFault};
/// assert_eq!(FederationError::NonceMismatch.fault(), FederationFault::Caller);
/// let down = FederationError::unavailable("the token endpoint", "timed out");
/// assert_eq!(down.fault(), FederationFault::Provider);
/// assert_eq!(down.to_string(), "the provider is unavailable: the token endpoint");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum FederationError {
    /// The provider refused: the user said no, or may not.
    #[error("the provider refused: {code}")]
    Denied {
        /// The error code of the protocol, such as `access_denied`; at most 64 characters of it.
        code: String,
    },
    /// The provider does not take the code that the browser brought, or a token to be refreshed: it is another login's, was used
    /// before, does not go with the PKCE verifier, was revoked, or is over (`invalid_grant`, RFC 6749 §5.2).
    #[error("the provider does not take the code or the token: {code}")]
    GrantRefused {
        /// The error code of the protocol; at most 64 characters of it.
        code: String,
    },
    /// What came back belongs to another login, or to none.
    #[error("the answer belongs to no login of this session")]
    StateMismatch,
    /// The browser came back too late.
    #[error("the login has expired")]
    Expired,
    /// The answer is another issuer's.
    #[error("the answer is of another issuer")]
    IssuerMismatch,
    /// The answer is for somebody else.
    #[error("the answer is for another audience")]
    AudienceMismatch,
    /// The answer is to another request.
    #[error("the answer is to another request")]
    NonceMismatch,
    /// A signature is missing or wrong.
    #[error("the signature is missing or wrong")]
    SignatureInvalid,
    /// The algorithm is not one that is allowed.
    #[error("the algorithm is not allowed")]
    AlgorithmRefused,
    /// The provider has published no such key.
    #[error("the key is unknown")]
    KeyUnknown,
    /// The answer was used before.
    #[error("the answer was used before")]
    Replayed,
    /// The answer, or what was asked for, is not what the protocol demands.
    #[error("malformed: {what}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
    },
    /// The answer, or the request, is weaker than the provider is set to demand.
    #[error("weaker than configured: {what}")]
    WeakerThanConfigured {
        /// What is missing.
        what: &'static str,
    },
    /// The answer was issued too long ago, or has ended: somebody kept it, or the clocks disagree.
    #[error("the answer is too old")]
    TooOld,
    /// The answer is from the future.
    #[error("the answer is not valid yet")]
    NotYetValid,
    /// The user authenticated at the provider too long ago.
    #[error("the user authenticated too long ago")]
    AuthenticationTooOld,
    /// The user did not authenticate in the way that was asked for.
    #[error("the authentication context is not the one asked for")]
    AcrNotMet,
    /// The answer came from a provider other than the one that was asked (RFC 9207).
    #[error("the answer came from another provider")]
    MixUp,
    /// The provider is down or slow, or answers nonsense.
    #[error("the provider is unavailable: {what}")]
    Unavailable {
        /// Which part of it.
        what: &'static str,
        /// What lies below.
        #[source]
        source: FederationCause,
    },
    /// The provider does not accept us as its client.
    #[error("the provider does not accept this client: {code}")]
    ClientRejected {
        /// The error code of the protocol, such as `invalid_client`; at most 64 characters of it.
        code: String,
    },
    /// The provider is set up wrongly.
    #[error("the provider is set up wrongly: {what}")]
    Configuration {
        /// What is wrong; no secret.
        what: String,
    },
}

/// Whose fault a refusal is.
///
/// ```
/// use axess_factors::federated::{FederationError, FederationFault};
/// assert_eq!(FederationError::KeyUnknown.fault(), FederationFault::Caller);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FederationFault {
    /// What was presented is wrong.
    Caller,
    /// The provider cannot be asked; later may be better.
    Provider,
    /// An operator must do something.
    Configuration,
}

/// The most characters of a provider's error code that are kept.
const MAX_CODE_CHARS: usize = 64;

impl FederationError {
    /// Says that a part of the provider cannot be asked.
    pub fn unavailable(what: &'static str, source: impl Into<FederationCause>) -> Self {
        Self::Unavailable { what, source: source.into() }
    }

    /// Says that the provider refused; keeps what an error code may hold (RFC 6749 §4.1.2.1) and drops the rest.
    #[must_use]
    pub fn denied(code: &str) -> Self {
        Self::Denied { code: kept(code) }
    }

    /// Says that the provider does not take a code or a token; keeps what an error code may hold and drops the rest.
    #[must_use]
    pub fn grant_refused(code: &str) -> Self {
        Self::GrantRefused { code: kept(code) }
    }

    /// Says that a part of the provider does not take a request of ours.
    ///
    /// Such a request is written as the provider is set up here. Of the code it keeps what one may hold.
    ///
    /// ```
    /// use axess_factors::federated::FederationError;
    /// let refused = FederationError::request_refused("its token endpoint", "invalid_scope");
    /// assert!(refused.to_string().ends_with("its token endpoint refuses the request: invalid_scope"));
    /// ```
    #[must_use]
    pub fn request_refused(part: &str, code: &str) -> Self {
        Self::Configuration { what: format!("{part} refuses the request: {}", kept(code)) }
    }

    /// Says that the provider does not accept us; keeps what an error code may hold and drops the rest.
    #[must_use]
    pub fn client_rejected(code: &str) -> Self {
        Self::ClientRejected { code: kept(code) }
    }

    /// Tells whose fault it is.
    #[must_use]
    pub fn fault(&self) -> FederationFault {
        match self {
            Self::Unavailable { .. } => FederationFault::Provider,
            Self::ClientRejected { .. } | Self::Configuration { .. } => FederationFault::Configuration,
            Self::Denied { .. }
            | Self::GrantRefused { .. }
            | Self::StateMismatch
            | Self::Expired
            | Self::IssuerMismatch
            | Self::AudienceMismatch
            | Self::NonceMismatch
            | Self::SignatureInvalid
            | Self::AlgorithmRefused
            | Self::KeyUnknown
            | Self::Replayed
            | Self::Malformed { .. }
            | Self::WeakerThanConfigured { .. }
            | Self::TooOld
            | Self::NotYetValid
            | Self::AuthenticationTooOld
            | Self::AcrNotMet
            | Self::MixUp => FederationFault::Caller,
        }
    }
}

/// A code ends up in logs and events: it stays a word.
fn kept(code: &str) -> String {
    code.chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/'))
        .take(MAX_CODE_CHARS)
        .collect()
}
