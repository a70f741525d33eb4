//! An issuer: its key, and ID tokens as providers write them.

use crate::Fault;
use axess_jose::{Algorithm, SigningKey};
use serde_json::{Value, json};

pub(crate) const NAME: &str = "https://login.example.com/realms/main";
pub(crate) const CLIENT: &str = "client-1";
/// So far away that the clock of the machine, which the other side asks, does not matter.
pub(crate) const ENDS: i64 = 4_000_000_000;
const TOKENS: usize = 64;

/// An issuer, and what it issued.
pub(crate) struct Issuer {
    pub(crate) algorithm: Algorithm,
    pub(crate) key: SigningKey,
    /// Of different users, so that no cache of the processor knows one by heart.
    pub(crate) tokens: Vec<String>,
}

impl Issuer {
    pub(crate) fn of(algorithm: Algorithm) -> Result<Self, Fault> {
        let key = SigningKey::generate(algorithm)?;
        let tokens = (0..TOKENS).map(|user| key.sign("JWT", &claims(user))).collect::<Result<_, _>>()?;
        Ok(Self { algorithm, key, tokens })
    }
}

fn claims(user: usize) -> Value {
    json!({
        "iss": NAME,
        "aud": CLIENT,
        "azp": CLIENT,
        "sub": format!("7d3b6f0e-1c42-4a5e-9d0f-{user:012}"),
        "iat": 1_700_000_000,
        "auth_time": 1_700_000_000,
        "exp": ENDS,
        "nonce": "n-0S6_WzA2MjTnPq5lZ8bRk1dQw",
        "at_hash": "77QmUPtjPfzWtF2AnpK9RQ",
        "acr": "urn:mace:incommon:iap:silver",
        "amr": ["pwd", "otp"],
        "sid": "5a5f6c1e-8e0b-4c53-8a08-2e7f1f6c9b1d",
        "email": format!("user-{user}@example.com"),
        "email_verified": true,
        "name": format!("User {user}"),
        "preferred_username": format!("user-{user}"),
        "groups": ["staff", "developers", "on-call"],
    })
}
