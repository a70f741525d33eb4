//! The other side: the request to the token endpoint, and `jsonwebtoken::decode` of what it answers. No state, no PKCE, no
//! session, nobody remembered.

use super::{
    ALGORITHM,
    provider::{CLIENT, Provider, SECRET},
};
use crate::{Fault, alone::Alone};
use serde_json::Value;
use std::time::{Duration, Instant};

/// A client whose connection stays open.
pub(crate) struct ByHand {
    http: reqwest::Client,
    verifier: Alone,
}

impl ByHand {
    pub(crate) fn new(provider: &Provider) -> Result<Self, Fault> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { http, verifier: Alone::new(&provider.key, ALGORITHM, &provider.issuer)? })
    }

    pub(crate) async fn exchange(&self, provider: &Provider, user: usize) -> Result<Duration, Fault> {
        let code = provider.code(Some("a nonce"), user)?;
        let started = Instant::now();
        let answer = self
            .http
            .post(format!("{}/token", provider.issuer))
            .basic_auth(CLIENT, Some(SECRET))
            .form(&[("grant_type", "authorization_code"), ("code", &code)])
            .send()
            .await?;
        let answer: Value = answer.error_for_status()?.json().await?;
        let taken =
            answer.get("id_token").and_then(Value::as_str).is_some_and(|token| self.verifier.verify(token));
        let spent = started.elapsed();
        if taken { Ok(spent) } else { Err("a good token is refused".into()) }
    }
}
