//! Issuing one token: pure but for the signature.

use crate::{
    ClaimsFault, Expiry, LocalIdpConfig, LocalIdpError, MintClaims, SigningKeyError,
    jwk::text,
    key_ring::{RingKey, later, whole_second},
};
use axess_identity::TokenSecret;
use axess_rng::{SecureRng, random_array};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use uuid::Builder;

/// The most bytes of a token: what the strictest of the clouds take, and what fits a request header.
pub const MAX_TOKEN_BYTES: usize = 12_288;

/// A token, and what its issuer has to remember of it.
///
/// ```
/// use axess_local_idp::MintedToken;
/// fn header(minted: &MintedToken) -> String {
///     format!("Bearer {}", minted.token.expose())
/// }
/// ```
#[derive(Debug, Clone)]
pub struct MintedToken {
    /// The token, in compact form (RFC 7515 §7.1).
    pub token: TokenSecret,
    /// Its id, by which it is revoked.
    pub jwt_id: String,
    /// When it was issued.
    pub issued_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// The id of the key that signed it.
    pub key_id: String,
}

/// Says why no token was minted.
///
/// ```
/// use axess_local_idp::{ClaimsFault, MintError};
/// assert_eq!(MintError::from(ClaimsFault::Scope).to_string(), "the claims were refused");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// The claims break a rule.
    #[error("the claims were refused")]
    Claims(#[from] ClaimsFault),
    /// The token would end too late, or never be valid, or was issued in the future.
    #[error("the token would not be valid for 1 to {most} seconds from now and from its `iat`", most = most.num_seconds())]
    Lifetime {
        /// The longest lifetime.
        most: TimeDelta,
    },
    /// The token would be longer than [`MAX_TOKEN_BYTES`].
    #[error("the token would have {0} bytes, more than 12288")]
    TooLong(usize),
    /// The key could not sign.
    #[error("the key could not sign")]
    Key(#[from] SigningKeyError),
    /// There is no usable ring of keys.
    #[error("there is no usable ring of keys")]
    Keys(#[source] Box<LocalIdpError>),
}

/// Issues a token for `claims`, signed by `ring_key`.
pub(crate) fn issue(
    config: &LocalIdpConfig,
    ring_key: &RingKey,
    claims: &MintClaims,
    now: DateTime<Utc>,
    rng: &(impl SecureRng + ?Sized),
) -> Result<MintedToken, MintError> {
    let mut payload = claims.to_payload()?;
    let times = Times::of(config, ring_key, claims, now)?;
    let jwt_id = claims.jwt_id.clone().unwrap_or_else(|| {
        let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
        Builder::from_unix_timestamp_millis(millis, &random_array(rng)).into_uuid().to_string()
    });
    payload.insert("iss".into(), config.issuer.as_str().into());
    payload.insert("iat".into(), times.issued_at.timestamp().into());
    payload.insert("exp".into(), times.expires_at.timestamp().into());
    if let Some(not_before) = times.not_before {
        payload.insert("nbf".into(), not_before.timestamp().into());
    }
    payload.insert("jti".into(), jwt_id.clone().into());
    let token = compact(ring_key, claims.token_type.as_str(), &Value::Object(payload).to_string())?;
    if token.len() > MAX_TOKEN_BYTES {
        return Err(MintError::TooLong(token.len()));
    }
    Ok(MintedToken {
        token: TokenSecret::from(token),
        jwt_id,
        issued_at: times.issued_at,
        expires_at: times.expires_at,
        key_id: ring_key.key.key_id().to_owned(),
    })
}

/// Signs a payload in compact form.
pub(crate) fn compact(ring_key: &RingKey, typ: &str, payload: &str) -> Result<String, SigningKeyError> {
    let key = &ring_key.key;
    // None of the three needs escaping.
    let header = format!(r#"{{"alg":"{}","kid":"{}","typ":"{typ}"}}"#, key.algorithm(), key.key_id());
    let mut token = format!("{}.{}", text(header.as_bytes()), text(payload.as_bytes()));
    let signature = key.sign(token.as_bytes())?;
    token.push('.');
    token.push_str(&text(&signature));
    Ok(token)
}

struct Times {
    issued_at: DateTime<Utc>,
    not_before: Option<DateTime<Utc>>,
    expires_at: DateTime<Utc>,
}

impl Times {
    fn of(
        config: &LocalIdpConfig,
        ring_key: &RingKey,
        claims: &MintClaims,
        now: DateTime<Utc>,
    ) -> Result<Self, MintError> {
        let most = config.max_lifetime.min(ring_key.longest);
        let now = whole_second(now);
        let issued_at = whole_second(claims.issued_at.unwrap_or(now));
        let expires_at = whole_second(match claims.expiry {
            Expiry::Default => later(now, config.default_lifetime.min(most)),
            Expiry::After(lifetime) => later(now, lifetime),
            Expiry::At(end) => end,
        });
        let not_before = claims.not_before.map(whole_second);
        let good = issued_at <= now
            && now < expires_at
            && expires_at.signed_duration_since(issued_at) <= most
            && not_before.is_none_or(|not_before| not_before < expires_at);
        match good {
            true => Ok(Self { issued_at, not_before, expires_at }),
            false => Err(MintError::Lifetime { most }),
        }
    }
}
