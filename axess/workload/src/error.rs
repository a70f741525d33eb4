use axess_factors::federated::FederationError;
use axess_identity::SpiffeIdError;
use axess_jose::{FetchError, JoseError};
use std::sync::Arc;

/// Says why nobody is known by a token: for the log, never for whoever presented it.
///
/// No variant holds anything of the token.
///
/// ```
/// use axess_workload::{JwtSvidError, JwtSvidFault};
/// assert_eq!(JwtSvidError::AudienceMismatch.to_string(), "the token is for another audience");
/// assert_eq!(JwtSvidError::AudienceMismatch.fault(), JwtSvidFault::Caller);
/// ```
#[derive(Debug, thiserror::Error)]
pub enum JwtSvidError {
    /// It is no JWT, too large a one, or its header or a claim is not of its kind.
    #[error("the token is malformed: {0}")]
    Malformed(&'static str),
    /// It is signed with an algorithm that is not taken, or not one of its key.
    #[error("the token's algorithm is refused")]
    AlgorithmRefused,
    /// The trust domain publishes no key of the token's `kid`: it is another's, forged, or newer than the keys that are known.
    #[error("the trust domain publishes no such key")]
    KeyNotFound,
    /// The keys cannot be fetched, and what was known of them is too old.
    #[error("the keys of the trust domain are not to be had")]
    KeysUnavailable(#[source] Arc<FetchError>),
    /// The signature does not fit, also after the keys were asked for anew.
    #[error("the token's signature does not fit")]
    SignatureInvalid,
    /// It says that it is another type of token (JWT-SVID §2.3).
    #[error("the token is of another type")]
    TypeRefused,
    /// A claim that must be there is not.
    #[error("the claim `{0}` is missing")]
    MissingClaim(&'static str),
    /// It is for somebody else: the workload asked for a token for another audience, or a token was stolen elsewhere.
    #[error("the token is for another audience")]
    AudienceMismatch,
    /// Its subject is no id of a workload.
    #[error("the token's subject is no SPIFFE id")]
    NotASpiffeId(#[source] SpiffeIdError),
    /// Its subject is a workload of another trust domain.
    #[error("the workload is of another trust domain")]
    TrustDomainMismatch,
    /// It has ended.
    #[error("the token has ended")]
    Expired,
    /// It has not begun, or was issued in the future: look at the clocks.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// It was issued too long ago, whenever it ends.
    #[error("the token is too old")]
    TooOld,
    /// It was presented before.
    #[error("the token was presented before")]
    Replayed,
    /// The workload is real, and the mapping knows no place for it here.
    #[error("the workload has no place here")]
    UnknownWorkload,
    /// What must be asked cannot be.
    #[error("{what} cannot be asked")]
    Unavailable {
        /// What it is.
        what: &'static str,
        /// What lies below.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Whose fault it is that nobody is known by a token.
///
/// ```
/// use axess_workload::{JwtSvidError, JwtSvidFault};
/// let down = JwtSvidError::Unavailable { what: "the replay store", source: "timed out".into() };
/// assert_eq!(down.fault(), JwtSvidFault::Backend);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JwtSvidFault {
    /// What was presented is not good: 401.
    Caller,
    /// Something of ours, or of the trust domain's, cannot be asked; later may be better: 503.
    Backend,
}

impl JwtSvidError {
    /// Says whose fault it is.
    #[must_use]
    pub fn fault(&self) -> JwtSvidFault {
        match self {
            Self::KeysUnavailable(_) | Self::Unavailable { .. } => JwtSvidFault::Backend,
            Self::Malformed(_)
            | Self::AlgorithmRefused
            | Self::KeyNotFound
            | Self::SignatureInvalid
            | Self::TypeRefused
            | Self::MissingClaim(_)
            | Self::AudienceMismatch
            | Self::NotASpiffeId(_)
            | Self::TrustDomainMismatch
            | Self::Expired
            | Self::NotYetValid
            | Self::TooOld
            | Self::Replayed
            | Self::UnknownWorkload => JwtSvidFault::Caller,
        }
    }

    /// Returns a stable name of the check that failed, for the trail.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::AlgorithmRefused => "algorithm-refused",
            Self::KeyNotFound => "key-not-found",
            Self::KeysUnavailable(_) => "keys-unavailable",
            Self::SignatureInvalid => "signature-invalid",
            Self::TypeRefused => "type-refused",
            Self::MissingClaim(_) => "missing-claim",
            Self::AudienceMismatch => "audience-mismatch",
            Self::NotASpiffeId(_) => "not-a-spiffe-id",
            Self::TrustDomainMismatch => "trust-domain-mismatch",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::TooOld => "too-old",
            Self::Replayed => "replayed",
            Self::UnknownWorkload => "unknown-workload",
            Self::Unavailable { .. } => "unavailable",
        }
    }

    pub(crate) fn replay(error: FederationError) -> Self {
        Self::Unavailable { what: "the replay store", source: error.into() }
    }
}

impl From<JoseError> for JwtSvidError {
    fn from(error: JoseError) -> Self {
        match error {
            JoseError::Malformed(what) => Self::Malformed(what),
            JoseError::TooLarge => Self::Malformed("larger than is taken"),
            JoseError::AlgorithmRefused => Self::AlgorithmRefused,
            JoseError::KeyUnknown => Self::KeyNotFound,
            JoseError::KeysUnavailable(source) => Self::KeysUnavailable(source),
            JoseError::SignatureInvalid => Self::SignatureInvalid,
            JoseError::TypeMismatch => Self::TypeRefused,
            JoseError::AudienceMismatch => Self::AudienceMismatch,
            JoseError::Expired => Self::Expired,
            JoseError::NotYetValid => Self::NotYetValid,
            JoseError::TooOld => Self::TooOld,
            JoseError::MissingClaim(name) => Self::MissingClaim(name),
            JoseError::Replayed => Self::Replayed,
            JoseError::KeyRefused(_)
            | JoseError::DecryptionFailed
            | JoseError::IssuerMismatch
            | JoseError::NonceMismatch
            | JoseError::LifetimeTooLong
            | JoseError::ClaimMismatch(_) => Self::Malformed("in a way that is not looked for"),
            JoseError::Crypto => {
                Self::Unavailable { what: "the cryptographic library", source: error.into() }
            }
        }
    }
}
