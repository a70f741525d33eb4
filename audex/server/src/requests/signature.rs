//! What an approver signs: a JWS (RFC 7515) in compact form, with a key of theirs.

use super::Ballot;
use crate::model::ApprovalKey;
use audex_core::session::SessionId;
use axess::jose::{Algorithm, Jws, Limits, VerificationKey};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// The longest signature that is read, in bytes: a comment of 2,000 bytes fits.
const MAX_JWS: usize = 8 * 1_024;

/// What keys of approvers sign with.
const ALGORITHMS: [Algorithm; 2] = [Algorithm::EdDsa, Algorithm::Es256];

/// How old a signature may be, and how far ahead its clock.
const FRESH: TimeDelta = TimeDelta::minutes(10);

/// What an approver signs.
///
/// The header names the key (`kid`, the RFC 7638 thumbprint) and has `alg` `EdDSA` or `ES256`, as the key says.
///
/// ```
/// use audex_server::requests::VoteClaims;
/// let json = r#"{"session":"01900000-0000-7000-8000-000000000001","digest":"00ff","decision":"approve","comment":"agreed","approver":"bob@example.com","iat":1767225600}"#;
/// let claims: VoteClaims = serde_json::from_str(json).unwrap();
/// assert_eq!(claims.decision, "approve");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoteClaims {
    /// The session it would be: what is signed is about one request, not about another that asks for the same.
    pub session: String,
    /// The digest of the request, in lower-case hexadecimal digits.
    pub digest: String,
    /// `approve` or `deny`.
    pub decision: String,
    /// The comment.
    pub comment: String,
    /// Who signs.
    pub approver: String,
    /// When, in seconds since 1970.
    pub iat: i64,
}

/// Says why a signature does not count.
///
/// ```
/// use audex_server::requests::SignatureFault;
/// assert_eq!(SignatureFault::Key.to_string(), "it is signed with none of your keys");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFault {
    /// It is no compact JWS of a kind that is known.
    #[error("it is no compact JWS with EdDSA or ES256")]
    Form,
    /// The key is not one of the approver's.
    #[error("it is signed with none of your keys")]
    Key,
    /// The signature is not of that key.
    #[error("the signature is not right")]
    Signature,
    /// What was signed is not what is said.
    #[error("what was signed is about something else")]
    Claims,
    /// It was signed long ago, or in the future.
    #[error("it was not signed just now: compare the clocks")]
    Time,
}

/// Checks that one of the keys signed exactly this vote, now.
///
/// # Errors
///
/// [`SignatureFault`].
pub fn verify_signature(
    jws: &str,
    keys: &[ApprovalKey],
    (session, digest): (SessionId, &str),
    ballot: &Ballot<'_>,
    approver: &str,
    now: DateTime<Utc>,
) -> Result<(), SignatureFault> {
    let limits = Limits { max_bytes: MAX_JWS, ..Limits::default() };
    let jws = Jws::parse(jws, limits).map_err(|_| SignatureFault::Form)?;
    if !ALGORITHMS.contains(&jws.algorithm()) {
        return Err(SignatureFault::Form);
    }
    let key = keys.iter().find(|key| jws.kid() == Some(&key.id)).ok_or(SignatureFault::Key)?;
    let key = VerificationKey::from_jwk(&key.jwk).map_err(|_| SignatureFault::Key)?;
    let signed = jws.verify(&key).map_err(|_| SignatureFault::Signature)?;
    let claims: VoteClaims = serde_json::from_slice(&signed).map_err(|_| SignatureFault::Signature)?;
    let decision = if ballot.approve { "approve" } else { "deny" };
    let is_this = claims.session == session.to_string()
        && claims.digest == digest
        && claims.decision == decision
        && claims.comment == ballot.comment
        && claims.approver == approver;
    if !is_this {
        return Err(SignatureFault::Claims);
    }
    let signed_at = DateTime::from_timestamp(claims.iat, 0).ok_or(SignatureFault::Time)?;
    if (now - signed_at).abs() > FRESH {
        return Err(SignatureFault::Time);
    }
    Ok(())
}
