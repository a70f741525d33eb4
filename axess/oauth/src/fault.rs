//! What others' errors mean to somebody who logs in.

use crate::http::HttpError;
use axess_factors::federated::FederationError;
use axess_jose::JoseError;

/// Says that a part of the provider could not be asked.
pub(crate) fn http(what: &'static str, error: HttpError) -> FederationError {
    FederationError::unavailable(what, error)
}

/// Says what the error code of an endpoint means (RFC 6749 §5.2 and what builds on it; GitHub has names of its own).
pub(crate) fn code(what: &'static str, code: &str) -> FederationError {
    match code {
        "server_error" | "temporarily_unavailable" => FederationError::unavailable(what, code),
        "invalid_client" | "unauthorized_client" | "invalid_dpop_proof" | "incorrect_client_credentials" => {
            FederationError::client_rejected(code)
        }
        "invalid_grant" | "bad_verification_code" => FederationError::grant_refused(code),
        // What is left for the user to do at the provider, or what they said there.
        "access_denied"
        | "login_required"
        | "interaction_required"
        | "consent_required"
        | "unverified_user_email" => FederationError::denied(code),
        _ => FederationError::request_refused(what, code),
    }
}

/// Says what the error code means that a browser brought back (RFC 6749 §4.1.2.1): the user said no, unless the provider is down.
pub(crate) fn brought(code: &str) -> FederationError {
    match code {
        "server_error" | "temporarily_unavailable" => {
            FederationError::unavailable("its authorization endpoint", code)
        }
        _ => FederationError::denied(code),
    }
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
        JoseError::Expired | JoseError::TooOld => FederationError::TooOld,
        JoseError::NotYetValid => FederationError::NotYetValid,
        JoseError::LifetimeTooLong => {
            FederationError::WeakerThanConfigured { what: "a token lives too long" }
        }
        JoseError::MissingClaim(_) => FederationError::Malformed { what: "a token lacks a claim" },
        JoseError::ClaimMismatch(_) => FederationError::Malformed { what: "a claim says something else" },
        JoseError::Replayed => FederationError::Replayed,
    }
}
