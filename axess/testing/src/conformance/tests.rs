//! The reference stores hold every contract, and every suite reports a store that breaks one.

/// `suite: store with a fault => [cases that report it], ...`.
macro_rules! found {
    ($suite:ident: $($store:expr => [$($case:literal),+ $(,)?]),+ $(,)?) => {
        $(finds(|setting| $suite($store, setting), &[$($case),+]).await;)+
    };
}

mod broken;
mod identities;
mod sessions;
mod small;
mod tokens;

use super::*;
use axess_core::memory::*;
use broken::Broken;

/// How many runs a race may take to show a fault on a busy machine.
const PATIENCE: u64 = 20;

/// Demands that each of these cases reports a store with one fault.
async fn finds(suite: impl Fn(Setting) -> Suite, cases: &[&str]) {
    for case in cases {
        let mut reported = false;
        for seed in 0..PATIENCE {
            let suite = suite(Setting::new(seed, Setting::default().base)).only(case);
            assert_eq!(suite.cases().collect::<Vec<_>>(), [*case], "there is no such case");
            reported = !suite.failures().await.is_empty();
            if reported {
                break;
            }
        }
        assert!(reported, "{case} did not report the fault");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_reference_stores_hold_every_contract() {
    for seed in 0..4 {
        let setting = Setting::new(seed, Setting::default().base);
        session_store(InMemorySessionStore::new(), setting).check().await;
        session_registry(MemorySessionRegistry::new(), setting).check().await;
        refresh_token_store(MemoryRefreshTokenStore::new(), setting).check().await;
        device_store(MemoryDeviceStore::new(), setting).check().await;
        delegated_credential_store(MemoryDelegatedCredentialStore::new(), setting).check().await;
        sid_store(MemorySidStore::new(), setting).check().await;
        federated_link_store(MemoryFederatedLinkStore::new(), setting).check().await;
        jti_replay_store(MemoryJtiReplayStore::new(), setting).check().await;
        rate_limit_buckets(MemoryBuckets::default(), setting).check().await;
        audit_outbox(MemoryAuditOutbox::new(), setting).check().await;
        audit_store(MemoryAuditStore::new(), setting).check().await;
        tenant_idp_store(MemoryTenantIdpStore::new(), setting).check().await;
        leader_lock(MemoryLeaderLock::new(), setting).check().await;
        key_value_store(MemoryStore::new(), setting).check().await;
        factor_store(InMemoryBackend::new(), setting).check().await;
        identity_store(InMemoryBackend::new(), setting).check().await;
    }
}

/// One store is enough for many runs, whatever is in it, as long as the seeds differ.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_need_not_be_empty() {
    let (sessions, tokens, identities) =
        (InMemorySessionStore::new(), MemoryRefreshTokenStore::new(), InMemoryBackend::new());
    for seed in 0..3 {
        let setting = Setting::new(seed, Setting::default().base);
        session_store(sessions.clone(), setting).check().await;
        refresh_token_store(tokens.clone(), setting).check().await;
        identity_store(identities.clone(), setting).check().await;
    }
}

#[tokio::test]
#[should_panic(expected = "races need threads")]
async fn one_thread_is_not_enough() {
    leader_lock(MemoryLeaderLock::new(), Setting::default()).check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_case_can_be_run_alone() {
    let suite = leader_lock(MemoryLeaderLock::new(), Setting::default()).only("a_race_has_one_holder");
    assert_eq!(suite.cases().collect::<Vec<_>>(), ["a_race_has_one_holder"]);
    suite.check().await;
}
