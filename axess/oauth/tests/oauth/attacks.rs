//! What RFC 9700 §4 and others describe, attempted at a login; each is refused for its own reason.

mod encrypted;
mod entra;
mod fapi;
mod front;
mod id_token;
mod logout_token;
mod refresh;
mod refusals;
mod tokens;

use axess_factors::federated::FederationError;

use crate::hostile::{Hostile, Login};

/// Tells whether a refusal is the one that is expected.
pub(crate) type Expected = fn(&FederationError) -> bool;

pub(crate) fn is_malformed(error: &FederationError) -> bool {
    matches!(error, FederationError::Malformed { .. })
}

pub(crate) fn is_weaker(error: &FederationError) -> bool {
    matches!(error, FederationError::WeakerThanConfigured { .. })
}

#[tokio::test]
async fn the_provider_is_accepted_while_it_is_honest() {
    let hostile = Hostile::start().await;
    let login = Login::begin(&hostile).await;
    let alice = login.complete().await.unwrap();
    assert_eq!((alice.subject.as_str(), alice.issuer.as_str()), ("alice", hostile.base.as_str()));
    assert_eq!(alice.email.unwrap().as_str(), "alice@example.test");
}
