//! Tokens that no honest issuer writes, for tests.

use crate::{Algorithm, SigningKey, VerificationKey, base64url};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use std::sync::LazyLock;

pub(crate) const ISSUER: &str = "https://login.example.com";
pub(crate) const AUDIENCE: &str = "client-1";

/// RSA keys take long to make: one for all.
pub(crate) static RSA: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(Algorithm::Rs256).unwrap());
pub(crate) static EC: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(Algorithm::Es256).unwrap());

pub(crate) fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

/// Signs any header over any payload.
pub(crate) fn token(key: &SigningKey, header: &str, payload: &str) -> String {
    let signed =
        format!("{}.{}", base64url::encode(header.as_bytes()), base64url::encode(payload.as_bytes()));
    let signature = key.sign_bytes(signed.as_bytes()).unwrap();
    format!("{signed}.{}", base64url::encode(&signature))
}

/// Signs claims under an honest header.
pub(crate) fn honest(key: &SigningKey, claims: &Value) -> String {
    key.sign("JWT", claims).unwrap()
}

pub(crate) fn claims() -> Value {
    let now = now().timestamp();
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "iat": now, "exp": now + 300})
}

pub(crate) fn verifying(key: &SigningKey) -> VerificationKey {
    key.verification_key().unwrap()
}

/// Writes PEM.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}
