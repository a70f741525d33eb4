//! An issuer in the process of the test: the one that the broker has, without the broker.

use axess_clock::SystemClock;
use axess_local_idp::{LocalIdp, LocalIdpConfig, MemoryLocalIdpKeyStore, MintClaims};
use axess_rng::SystemRng;
use chrono::TimeDelta;
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) const AUDIENCE: &str = "audex";

pub(crate) async fn issuer(url: &str) -> LocalIdp {
    // A new key signs at once.
    let config =
        LocalIdpConfig { propagation: TimeDelta::zero(), ..LocalIdpConfig::new(url.parse().unwrap()) };
    let store = Arc::new(MemoryLocalIdpKeyStore::new());
    LocalIdp::from_key_store(config, store, Arc::new(SystemClock), Arc::new(SystemRng)).await.unwrap()
}

/// The claims of a session with these actions on these resources.
pub(crate) fn granting(actions: &[&str], locations: &[&str]) -> MintClaims {
    with_details(json!([{ "type": "audex", "actions": actions, "locations": locations }]))
}

pub(crate) fn with_details(details: Value) -> MintClaims {
    access().with_authorization_details(details)
}

pub(crate) fn access() -> MintClaims {
    MintClaims::access_token("uid:1000", "tryaudex", TimeDelta::minutes(1)).with_audience(AUDIENCE)
}

pub(crate) async fn token(issuer: &LocalIdp, claims: MintClaims) -> String {
    issuer.mint(&claims).await.unwrap().token.expose().to_owned()
}
