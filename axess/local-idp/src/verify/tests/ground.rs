use super::super::{Expected, VerifiedClaims, VerifyError, check};
use crate::{
    LocalIdpSigningKey, SigningAlgorithm, TokenType,
    jwk::text,
    key_ring::{KeyRing, RingKey},
    mint::compact,
    test_issuer::{API, ISSUER},
};
use axess_clock::{Clock, MockClock};
use axess_rng::SystemRng;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use std::sync::Arc;

/// An issuer whose private key the test holds as well.
pub(super) struct Ground {
    pub(super) ring: KeyRing,
    pub(super) now: DateTime<Utc>,
}

impl Ground {
    pub(super) fn new(algorithm: SigningAlgorithm) -> Self {
        let key = LocalIdpSigningKey::generate(algorithm, &SystemRng).unwrap();
        let now = MockClock::default().now();
        Self { ring: KeyRing::new(Arc::new(key), TimeDelta::hours(1), now), now }
    }

    pub(super) fn key(&self) -> &RingKey {
        self.ring.active(self.now).unwrap()
    }

    pub(super) fn payload(&self) -> Value {
        let now = self.now.timestamp();
        json!({ "iss": ISSUER, "sub": "a", "aud": API, "jti": "1", "iat": now, "exp": now + 300 })
    }

    pub(super) fn good(&self) -> String {
        compact(self.key(), "JWT", &self.payload().to_string()).unwrap()
    }

    /// Signs any header and payload with the real key.
    pub(super) fn signed(&self, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", text(header.as_bytes()), text(payload.as_bytes()));
        format!("{signed}.{}", text(&self.key().key.sign(signed.as_bytes()).unwrap()))
    }

    pub(super) fn with_header(&self, change: impl FnOnce(&mut Value)) -> String {
        let key = &self.key().key;
        let mut header = json!({ "alg": key.algorithm().as_str(), "kid": key.key_id(), "typ": "JWT" });
        change(&mut header);
        self.signed(&header.to_string(), &self.payload().to_string())
    }

    pub(super) fn with_payload(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut payload = self.payload();
        change(&mut payload);
        compact(self.key(), "JWT", &payload.to_string()).unwrap()
    }

    pub(super) fn check(&self, token: &str) -> Result<VerifiedClaims, VerifyError> {
        let leeway = TimeDelta::seconds(10);
        let expected =
            Expected { issuer: ISSUER, audience: Some(API), token_type: Some(TokenType::Jwt), leeway };
        check(token, &self.ring, &expected, self.now)
    }

    #[track_caller]
    pub(super) fn refuses(&self, name: &str, token: &str, expected: &str) {
        let found = self.check(token).map(|_| "accepted").map_err(|error| format!("{error:?}"));
        assert_eq!(found, Err(expected.to_owned()), "{name}");
    }
}
