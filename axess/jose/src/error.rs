use crate::FetchError;
use std::sync::Arc;

/// Says why a token, a key or a document was refused: for the log, never for whoever presented it.
///
/// No variant holds anything of a token or a key.
///
/// ```
/// use axess_jose::{Jws, JoseError, Limits};
/// let refused = Jws::parse("eyJhbGciOiJub25lIn0.e30.", Limits::default()).unwrap_err();
/// assert!(matches!(refused, JoseError::AlgorithmRefused), "`none` is no algorithm");
/// ```
#[derive(Debug, Clone, thiserror::Error)]
pub enum JoseError {
    /// It is not what it should be: no compact form, no strict JSON, a member of the wrong kind.
    #[error("malformed: {0}")]
    Malformed(&'static str),
    /// It is longer, deeper or has more parts than is taken.
    #[error("larger than is taken")]
    TooLarge,
    /// Its algorithm is none that is taken here, or not one of its key.
    #[error("the algorithm is refused")]
    AlgorithmRefused,
    /// A key cannot be used: too short, for something else, or not a key.
    #[error("the key cannot be used: {0}")]
    KeyRefused(&'static str),
    /// There is no such key.
    #[error("no key of that name")]
    KeyUnknown,
    /// The keys are not to be had, and what was known of them is too old.
    #[error("the keys are not to be had")]
    KeysUnavailable(#[source] Arc<FetchError>),
    /// The signature does not fit.
    #[error("the signature does not fit")]
    SignatureInvalid,
    /// It cannot be decrypted: another key's, or changed.
    #[error("it cannot be decrypted")]
    DecryptionFailed,
    /// It is another type of token.
    #[error("the token is of another type")]
    TypeMismatch,
    /// It is another issuer's.
    #[error("the token is another issuer's")]
    IssuerMismatch,
    /// It is for somebody else.
    #[error("the token is for another audience")]
    AudienceMismatch,
    /// It lacks the nonce that was asked for, or has another.
    #[error("the token has another nonce")]
    NonceMismatch,
    /// It has ended.
    #[error("the token has ended")]
    Expired,
    /// It has not begun, or was issued in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// It was issued too long ago.
    #[error("the token is too old")]
    TooOld,
    /// It lasts longer than is taken.
    #[error("the token lasts too long")]
    LifetimeTooLong,
    /// A claim that must be there is not.
    #[error("the claim `{0}` is missing")]
    MissingClaim(&'static str),
    /// A claim says something else than it must.
    #[error("the claim `{0}` does not fit")]
    ClaimMismatch(&'static str),
    /// It was used before.
    #[error("the token was used before")]
    Replayed,
    /// The cryptographic library failed at something that cannot fail for a caller's reason.
    #[error("the cryptographic library failed")]
    Crypto,
}
