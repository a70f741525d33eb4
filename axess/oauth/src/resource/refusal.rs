use super::{Challenge, TokenScheme};
use axess_factors::federated::FederationError;
use axess_jose::JoseError;

/// Why an access token does not open anything.
///
/// ```
/// use axess_oauth::{TokenRefusal, TokenScheme};
/// let scheme = TokenScheme::Bearer;
/// let refusal = TokenRefusal::InsufficientScope { required: "orders:write".to_owned(), scheme };
/// assert_eq!(refusal.status(), 403);
/// let challenge = refusal.challenge(TokenScheme::Bearer);
/// assert_eq!(challenge.to_string(), r#"Bearer error="insufficient_scope", scope="orders:write""#);
/// ```
#[derive(Debug, thiserror::Error)]
pub enum TokenRefusal {
    /// There is none.
    #[error("there is no access token")]
    Missing,
    /// The request is not as the specifications demand.
    #[error("the request is malformed: {what}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
    },
    /// The token is refused.
    #[error("the access token is refused")]
    Invalid(#[source] JoseError),
    /// The issuer says that the token is not good, or no longer.
    #[error("the access token is not good: {what}")]
    NotGood {
        /// What is wrong.
        what: &'static str,
    },
    /// The token is good, and for something else: another issuer's, for another resource, or no access token.
    #[error("the access token is not for this resource: {what}")]
    NotForUs {
        /// What is wrong.
        what: &'static str,
    },
    /// The token is bound to something that the caller has not shown.
    #[error("the access token is bound: {what}")]
    NotTheHolder {
        /// What is missing.
        what: &'static str,
    },
    /// The proof of possession is refused.
    #[error("the proof of possession is refused")]
    ProofInvalid(#[source] JoseError),
    /// The proof of possession was used before.
    #[error("the proof of possession was used before")]
    ProofReplayed,
    /// The proof must have the nonce of this server.
    #[error("the proof of possession lacks the nonce")]
    NonceWanted,
    /// The token is good for less.
    #[error("the scope is insufficient")]
    InsufficientScope {
        /// The scopes, separated by spaces.
        required: String,
        /// How the token was presented.
        scheme: TokenScheme,
    },
    /// The user did not authenticate well enough, or too long ago (RFC 9470).
    #[error("the authentication is insufficient")]
    InsufficientAuthentication {
        /// The contexts that would do.
        acr_values: Vec<String>,
        /// How long ago the user may have authenticated, in seconds.
        max_age: Option<u32>,
        /// How the token was presented.
        scheme: TokenScheme,
    },
    /// The issuer cannot be asked, or what was used before is not known.
    #[error("the access token cannot be checked")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl TokenRefusal {
    /// Returns the HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed { .. } => 400,
            Self::InsufficientScope { .. } => 403,
            Self::Unavailable(_) => 503,
            _ => 401,
        }
    }

    /// Returns the error code of RFC 6750, RFC 9449 or RFC 9470, where there is one.
    #[must_use]
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::Missing | Self::Unavailable(_) => None,
            Self::Malformed { .. } => Some("invalid_request"),
            Self::Invalid(_) | Self::NotGood { .. } | Self::NotForUs { .. } | Self::NotTheHolder { .. } => {
                Some("invalid_token")
            }
            Self::ProofInvalid(_) | Self::ProofReplayed => Some("invalid_dpop_proof"),
            Self::NonceWanted => Some("use_dpop_nonce"),
            Self::InsufficientScope { .. } => Some("insufficient_scope"),
            Self::InsufficientAuthentication { .. } => Some("insufficient_user_authentication"),
        }
    }

    /// Returns how the token was presented, if the refusal says so or it can only have been like that.
    #[must_use]
    pub fn scheme(&self) -> Option<TokenScheme> {
        match self {
            Self::InsufficientScope { scheme, .. } | Self::InsufficientAuthentication { scheme, .. } => {
                Some(*scheme)
            }
            Self::ProofInvalid(_) | Self::ProofReplayed | Self::NonceWanted => Some(TokenScheme::Dpop),
            _ => None,
        }
    }

    /// Returns what to answer in `WWW-Authenticate`.
    ///
    /// A request without a token learns no more than the scheme (RFC 6750 §3.1).
    #[must_use]
    pub fn challenge(&self, scheme: TokenScheme) -> Challenge {
        let mut challenge = Challenge::new(scheme);
        if let Some(code) = self.code() {
            challenge = challenge.with_error(code);
        }
        match self {
            Self::InsufficientScope { required, .. } => challenge.with_scope(required),
            Self::InsufficientAuthentication { acr_values, max_age, .. } => {
                if !acr_values.is_empty() {
                    challenge = challenge.with_acr_values(&acr_values.join(" "));
                }
                max_age.map_or(challenge.clone(), |seconds| challenge.with_max_age(seconds))
            }
            _ => challenge,
        }
    }

    pub(super) fn jose(error: JoseError) -> Self {
        match error {
            JoseError::KeysUnavailable(source) => Self::Unavailable(source.into()),
            other => Self::Invalid(other),
        }
    }

    pub(super) fn federation(error: FederationError) -> Self {
        Self::Unavailable(error.into())
    }
}
