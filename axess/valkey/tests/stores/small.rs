//! What the contracts leave to each store: precision, limits, and both kinds of values.

use super::ground::{at, servers, token};
use axess_clock::MockClock;
use axess_core::{
    memory::MemoryBuckets,
    ratelimit::{BucketKey, RateQuota},
    refresh::RefreshToken,
    store::{
        Claim, JtiReplayStore, LeaderLock, RateLimitBuckets, RefreshTokenStore, ReplayKey, SaveOutcome,
        SessionRow, SessionStore, Store, StoreErrorKind,
    },
};
use axess_identity::SessionId;
use axess_valkey::{
    MAX_DEVICE_INFO_CHARS, MAX_KEY_BYTES, MAX_LEASE_NAME_BYTES, MAX_PAYLOAD_BYTES, MAX_SEALED_BYTES,
    MAX_VALUE_BYTES, ValkeyBuckets, ValkeyJtiReplayStore, ValkeyLeaderLock, ValkeyRefreshTokenStore,
    ValkeySessionStore, ValkeyStore,
};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta};
use std::{sync::Arc, time::Duration};

fn key(n: u8) -> ReplayKey {
    ReplayKey::new("https://login.example.com", &n.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn claims_last_to_the_nanosecond() {
    for valkey in servers("claims_last_to_the_nanosecond").await {
        let store = ValkeyJtiReplayStore::new(&valkey);
        let end = at(60) + TimeDelta::nanoseconds(1);
        assert_eq!(store.claim(key(2), end, at(0)).await.unwrap(), Claim::Fresh);
        assert_eq!(store.claim(key(2), end, at(60)).await.unwrap(), Claim::Replayed);
        assert_eq!(store.claim(key(2), end, at(61)).await.unwrap(), Claim::Fresh);
        // Time that never comes.
        let never = DateTime::<chrono::Utc>::MAX_UTC;
        assert_eq!(store.claim(key(3), never, at(0)).await.unwrap(), Claim::Fresh);
        assert_eq!(store.claim(key(3), never, at(0)).await.unwrap(), Claim::Replayed);
    }
}

#[tokio::test]
async fn buckets_that_are_full_again_are_cleaned_up() {
    for valkey in servers("buckets_that_are_full_again_are_cleaned_up").await {
        let (buckets, model) = (ValkeyBuckets::new(&valkey), MemoryBuckets::default());
        for n in 0..40u32 {
            let (key, quota) =
                (BucketKey::new("a", &n.to_string()), RateQuota::new(3, Duration::from_secs(7)));
            for _ in 0..=n % 4 {
                let got = buckets.admit(key, quota, at(i64::from(n))).await.unwrap();
                assert_eq!(got, model.admit(key, quota, at(i64::from(n))).await.unwrap());
            }
        }
        for (now, limit) in [(20, 3), (20, 100), (20, 100), (41, 100), (60, 7), (60, 100), (60, 100)] {
            let now = at(now) + TimeDelta::nanoseconds(333_333_333);
            let got = buckets.cleanup_expired(now, limit).await.unwrap();
            assert_eq!(got, model.cleanup_expired(now, limit).await.unwrap());
        }
        assert!(model.is_empty());
    }
}

#[tokio::test]
async fn values_end_when_they_should() {
    for valkey in servers("values_end_when_they_should").await {
        let clock = MockClock::new(at(0));
        let store = Arc::new(ValkeyStore::new(&valkey, Arc::new(clock)));
        let values: Arc<dyn Store<String, Vec<u8>>> = store.clone();
        let bytes: Arc<dyn Store<String, Bytes>> = store;
        let end = at(10) + TimeDelta::nanoseconds(1);
        for name in ["a", "", "{x}", "a b*\0\u{1f47e}"] {
            let (key, value) = (name.to_owned(), format!("value of {name}\0\r\n").into_bytes());
            assert_eq!(values.get(key.clone(), at(0)).await.unwrap(), None);
            values.set(key.clone(), value.clone(), end).await.unwrap();
            assert_eq!(bytes.get(key.clone(), at(10)).await.unwrap(), Some(value.into()));
            assert_eq!(values.get(key.clone(), end).await.unwrap(), None, "the end does not belong to it");
            bytes.set(key.clone(), Bytes::new(), at(20)).await.unwrap();
            assert_eq!(values.get(key.clone(), at(19)).await.unwrap(), Some(vec![]));
            assert!(values.delete(key.clone()).await.unwrap());
            assert!(!values.delete(key).await.unwrap());
        }
        let long = values.get("x".repeat(MAX_KEY_BYTES + 1), at(0)).await.unwrap_err();
        let large = values.set("x".into(), vec![0; MAX_VALUE_BYTES + 1], end).await.unwrap_err();
        assert_eq!((long.kind(), large.kind()), (StoreErrorKind::Misuse, StoreErrorKind::Misuse));
        values.set("x".repeat(MAX_KEY_BYTES), vec![1; MAX_VALUE_BYTES], end).await.unwrap();
    }
}

#[tokio::test]
async fn leases_are_bounded() {
    for valkey in servers("leases_are_bounded").await {
        let lock = ValkeyLeaderLock::new(&valkey);
        let (fits, long) = ("x".repeat(MAX_LEASE_NAME_BYTES), "x".repeat(MAX_LEASE_NAME_BYTES + 1));
        let second = TimeDelta::seconds(1);
        assert!(lock.acquire(fits.clone(), fits.clone(), second, at(0)).await.unwrap().is_some());
        for (name, holder, ttl) in
            [(&long, &fits, second), (&fits, &long, second), (&fits, &fits, TimeDelta::MAX)]
        {
            let error = lock.acquire(name.clone(), holder.clone(), ttl, at(0)).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Misuse);
        }
        assert_eq!(lock.release(long, fits.clone()).await.unwrap_err().kind(), StoreErrorKind::Misuse);
        assert!(lock.release(fits.clone(), fits).await.unwrap());
    }
}

#[tokio::test]
async fn sessions_and_tokens_are_bounded() {
    for valkey in servers("sessions_and_tokens_are_bounded").await {
        let (sessions, tokens) = (ValkeySessionStore::new(&valkey), ValkeyRefreshTokenStore::new(&valkey));
        let id = SessionId::from_bytes([1; 16]);
        let fits = SessionRow {
            id,
            lineage: id,
            version: 1,
            owner: None,
            payload: vec![7; MAX_PAYLOAD_BYTES].into(),
            created_at: at(0),
            expires_at: at(9),
        };
        assert_eq!(sessions.insert(fits.clone()).await.unwrap(), SaveOutcome::Saved);
        assert_eq!(sessions.load(id, at(1)).await.unwrap(), Some(fits.clone()));
        let large = SessionRow { version: 2, payload: vec![7; MAX_PAYLOAD_BYTES + 1].into(), ..fits.clone() };
        let other = SessionRow { id: SessionId::from_bytes([2; 16]), ..large.clone() };
        for refused in [
            sessions.save(large).await,
            sessions.insert(other.clone()).await,
            sessions.cycle(id, 1, other, at(0)).await,
        ] {
            assert_eq!(refused.unwrap_err().kind(), StoreErrorKind::Misuse);
        }
        assert_eq!(sessions.load(id, at(1)).await.unwrap(), Some(fits));

        let fits = Some("\u{1f47e}".repeat(MAX_DEVICE_INFO_CHARS));
        let known = RefreshToken { device_info: fits, ..token(1) };
        let _ = tokens.issue_with_eviction(known.clone(), 9).await.unwrap();
        assert_eq!(tokens.load_token(known.owner, known.id).await.unwrap(), Some(known.clone()));
        let wordy = RefreshToken { device_info: Some("x".repeat(MAX_DEVICE_INFO_CHARS + 1)), ..token(2) };
        let refused = tokens.issue_with_eviction(wordy, 9).await.unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::Misuse);
        let sealed = vec![0; MAX_SEALED_BYTES + 1];
        let refused = tokens.rotate_token(known.id, token(3), sealed.into()).await.unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::Misuse);
    }
}
