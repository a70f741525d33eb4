//! Our side: the key of the token's name among those that are published, every check of an ID token.

use crate::{
    Fault,
    issuer::{CLIENT, Issuer, NAME},
};
use axess_clock::{MockClock, SystemClock};
use axess_jose::{
    BoxFuture, Expectations, FetchDocument, FetchError, FetchedDocument, JwksCache, JwksPolicy, SigningKey,
    verify_with,
};
use chrono::DateTime;
use serde_json::json;
use std::sync::Arc;

/// A verifier whose cache is warm.
pub(crate) struct Ours {
    keys: JwksCache,
    expected: Expectations,
    clock: MockClock,
}

/// What is published: the key among others, as providers have them while they rotate.
struct Published(Vec<u8>);

impl FetchDocument for Published {
    fn fetch<'a>(
        &'a self,
        _url: &'a str,
        _limit: usize,
    ) -> BoxFuture<'a, Result<FetchedDocument, FetchError>> {
        Box::pin(async { Ok(FetchedDocument { bytes: self.0.clone(), max_age: None }) })
    }
}

impl Ours {
    pub(crate) async fn new(issuer: &Issuer) -> Result<Self, Fault> {
        let other = || Ok::<_, Fault>(SigningKey::generate(issuer.algorithm)?.public_jwk());
        let set = json!({"keys": [other()?, issuer.key.public_jwk(), other()?]});
        let source = Arc::new(Published(set.to_string().into_bytes()));
        let clock = Arc::new(SystemClock);
        let keys = JwksCache::new(source, format!("{NAME}/keys"), JwksPolicy::default(), clock);
        keys.key(Some(issuer.key.kid()), issuer.algorithm).await?;
        let expected = Expectations {
            required: vec!["exp", "iat", "sub", "nonce"],
            ..Expectations::new(NAME, CLIENT, &crate::ALGORITHMS)
        };
        let now = DateTime::from_timestamp(1_700_000_100, 0).ok_or("no time")?;
        Ok(Self { keys, expected, clock: MockClock::new(now) })
    }

    pub(crate) async fn verify(&self, token: &str) -> bool {
        let claims = verify_with(token, &self.keys, &self.expected, &self.clock).await;
        claims.is_ok_and(|claims| claims.subject().is_some())
    }
}
