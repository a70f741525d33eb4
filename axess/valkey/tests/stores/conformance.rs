//! The contract of every trait.

use super::ground::servers;
use axess_clock::SystemClock;
use axess_testing::conformance::{self, Setting, Suite};
use axess_valkey::{
    Valkey, ValkeyBuckets, ValkeyDeviceStore, ValkeyJtiReplayStore, ValkeyLeaderLock,
    ValkeyRefreshTokenStore, ValkeySessionRegistry, ValkeySessionStore, ValkeyStore,
};
use std::sync::Arc;

async fn holds(test: &str, suite: impl Fn(&Valkey, Setting) -> Suite) {
    for valkey in servers(test).await {
        suite(&valkey, Setting::default()).check().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sessions() {
    holds("sessions", |valkey, setting| conformance::session_store(ValkeySessionStore::new(valkey), setting))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn registry() {
    holds("registry", |valkey, setting| {
        conformance::session_registry(ValkeySessionRegistry::new(valkey), setting)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn refresh_tokens() {
    holds("refresh_tokens", |valkey, setting| {
        conformance::refresh_token_store(ValkeyRefreshTokenStore::new(valkey), setting)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn devices() {
    holds("devices", |valkey, setting| conformance::device_store(ValkeyDeviceStore::new(valkey), setting))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn replay() {
    holds("replay", |valkey, setting| {
        conformance::jti_replay_store(ValkeyJtiReplayStore::new(valkey), setting)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn buckets() {
    holds("buckets", |valkey, setting| conformance::rate_limit_buckets(ValkeyBuckets::new(valkey), setting))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn leases() {
    holds("leases", |valkey, setting| conformance::leader_lock(ValkeyLeaderLock::new(valkey), setting)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn values() {
    holds("values", |valkey, setting| {
        conformance::key_value_store(ValkeyStore::new(valkey, Arc::new(SystemClock)), setting)
    })
    .await;
}
