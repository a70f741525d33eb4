//! What others' errors mean to somebody who logs in.

use crate::http::HttpError;
use axess_factors::federated::FederationError;
use axess_jose::JoseError;

/// Says that a part of the provider could not be asked.
pub(crate) fn http(what: &'static str, error: HttpError) -> FederationError {
    FederationError::unavailable(what, error)
}

/// Says why a token of the provider was refused.
pub(crate) fn jose(error: JoseError) -> FederationError {
    match error {
        JoseError::Malformed(what) => FederationError::Malformed { what },
        JoseError::TooLarge => FederationError::Malformed { what: "a token is too large" },
        JoseError::AlgorithmRefused => FederationError::AlgorithmRefused,
        JoseError::KeyRefused(_) | JoseError::KeyUnknown => FederationError::KeyUnknown,
        JoseError::KeysUnavailable(source) => FederationError::unavailable("its keys", source),
        JoseError::SignatureInvalid | JoseError::Crypto => FederationError::SignatureInvalid,
        JoseError::DecryptionFailed => FederationError::Malformed { what: "a token cannot be decrypted" },
        JoseError::TypeMismatch => FederationError::Malformed { what: "a token is of another type" },
        JoseError::IssuerMismatch => FederationError::IssuerMismatch,
        JoseError::AudienceMismatch => FederationError::AudienceMismatch,
        JoseError::NonceMismatch => FederationError::NonceMismatch,
        JoseError::Expired => FederationError::Expired,
        JoseError::NotYetValid => FederationError::NotYetValid,
        JoseError::TooOld => FederationError::TooOld,
        JoseError::LifetimeTooLong => {
            FederationError::WeakerThanConfigured { what: "a token lives too long" }
        }
        JoseError::MissingClaim(_) => FederationError::Malformed { what: "a token lacks a claim" },
        JoseError::ClaimMismatch(_) => FederationError::Malformed { what: "a claim says something else" },
        JoseError::Replayed => FederationError::Replayed,
    }
}
