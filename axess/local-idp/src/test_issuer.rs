//! An issuer on a clock, a generator and a store that a test holds.

use crate::{
    LocalIdp, LocalIdpConfig, LocalIdpKeyStore, MemoryLocalIdpKeyStore, MintClaims, SigningAlgorithm,
};
use axess_clock::MockClock;
use axess_rng::{MockRng, SystemRng};
use chrono::TimeDelta;
use std::sync::Arc;

pub(crate) const ISSUER: &str = "https://id.example.com";
pub(crate) const API: &str = "https://api.example.com";

pub(crate) fn config(algorithm: SigningAlgorithm) -> LocalIdpConfig {
    LocalIdpConfig { algorithm, ..LocalIdpConfig::new(ISSUER.parse().unwrap()) }
}

pub(crate) async fn open(
    config: LocalIdpConfig,
    store: impl LocalIdpKeyStore,
    clock: &MockClock,
) -> LocalIdp {
    LocalIdp::from_key_store(config, Arc::new(store), Arc::new(clock.clone()), Arc::new(SystemRng))
        .await
        .unwrap()
}

/// Opens an issuer of ES256 tokens that draws its key from `seed`.
pub(crate) async fn seeded(seed: u64, clock: &MockClock) -> LocalIdp {
    let (store, rng) = (Arc::new(MemoryLocalIdpKeyStore::new()), Arc::new(MockRng::new(seed)));
    let config = config(SigningAlgorithm::Es256);
    LocalIdp::from_key_store(config, store, Arc::new(clock.clone()), rng).await.unwrap()
}

pub(crate) fn claims() -> MintClaims {
    MintClaims::new("worker-1", TimeDelta::minutes(5)).with_audience(API)
}
