//! Devices: changes that race each other, the sweep, and limits.

use super::ground::{at, owner, servers};
use axess_core::{
    device::{
        Device, DeviceRetention, DeviceTrustLevel, FingerprintHash, MAX_DEVICE_NAME_CHARS, RetentionVerdict,
    },
    store::{DeviceStore, Registered, SaveOutcome, StoreErrorKind, TrustChange},
};
use axess_identity::DeviceId;
use axess_valkey::ValkeyDeviceStore;
use chrono::TimeDelta;
use futures_util::future::join_all;

fn device(user: u8, number: u8, fingerprint: u8) -> Device {
    Device {
        device_id: DeviceId::from_parts(0, [number; 10]),
        owner: owner(1, user),
        trust_level: DeviceTrustLevel::Unknown,
        fingerprint_hash: FingerprintHash::from_bytes([fingerprint; 32]),
        display_name: Some("Zoë's 👾".into()),
        first_seen_at: at(0) + TimeDelta::nanoseconds(1),
        last_seen_at: at(0) + TimeDelta::nanoseconds(2),
        trusted_at: None,
        demoted_at: None,
        revoked_at: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_changes_of_one_device_are_all_kept() {
    for valkey in servers("racing_changes_of_one_device_are_all_kept").await {
        let store = ValkeyDeviceStore::new(&valkey);
        assert_eq!(store.register(device(1, 1, 1)).await.unwrap(), Registered::Created);
        let (by, id) = (owner(1, 1), device(1, 1, 1).device_id);
        let racing = (0..30i64).map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                match n % 3 {
                    0 => store.record_sighting(by, id, at(n)).await.unwrap(),
                    1 => assert_eq!(
                        store.rename(by, id, Some("new".into())).await.unwrap(),
                        SaveOutcome::Saved
                    ),
                    _ => {
                        let change = store.set_trust_level(by, id, DeviceTrustLevel::Trusted, at(n)).await;
                        return u32::from(matches!(change.unwrap(), TrustChange::Changed { .. }));
                    }
                }
                0
            })
        });
        let promotions: u32 = join_all(racing).await.into_iter().map(Result::unwrap).sum();
        assert_eq!(promotions, 1);
        let left = store.load(by, id).await.unwrap().unwrap();
        assert_eq!((left.last_seen_at, left.display_name.as_deref()), (at(27), Some("new")));
        assert!(left.trust_level.is_trusted());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sweep_does_not_touch_what_was_just_seen() {
    for valkey in servers("a_sweep_does_not_touch_what_was_just_seen").await {
        let store = ValkeyDeviceStore::new(&valkey);
        let (retention, late) = (DeviceRetention::default(), at(0) + TimeDelta::days(40));
        for number in 0..40 {
            store.register(device(number % 5, number, number)).await.unwrap();
        }
        let seen = (0..40).filter(|number| number % 2 == 0).map(|number| {
            let (store, known) = (store.clone(), device(number % 5, number, number));
            tokio::spawn(
                async move { store.record_sighting(known.owner, known.device_id, late).await.unwrap() },
            )
        });
        let sweeper = store.clone();
        let sweeping = tokio::spawn(async move {
            sweeper.sweep(owner(1, 0).tenant_id, retention, late, 1_000).await.unwrap()
        });
        join_all(seen).await;
        let swept = sweeping.await.unwrap();
        assert!(swept.iter().all(|swept| swept.verdict == RetentionVerdict::Purge && swept.idle_days == 39));
        let mut left = 0;
        for user in 0..5 {
            for device in store.find_for_user(owner(1, user), 100).await.unwrap() {
                let gone = swept.iter().any(|swept| swept.device_id == device.device_id);
                assert!(!gone, "what was reported is gone");
                left += 1;
            }
        }
        assert_eq!(left + swept.len(), 40);
        assert!(swept.len() >= 20);
    }
}

#[tokio::test]
async fn a_sweep_stops_at_its_limit_and_forgets_empty_users_late() {
    for valkey in servers("a_sweep_stops_at_its_limit_and_forgets_empty_users_late").await {
        let store = ValkeyDeviceStore::new(&valkey);
        let (tenant, retention) = (owner(1, 0).tenant_id, DeviceRetention::default());
        for number in 0..7 {
            store.register(device(number, number, number)).await.unwrap();
        }
        let late = at(0) + TimeDelta::days(30) + TimeDelta::seconds(1);
        for (limit, expect) in [(0, 0), (3, 3), (3, 3), (3, 1), (3, 0)] {
            assert_eq!(store.sweep(tenant, retention, late, limit).await.unwrap().len(), expect);
        }
        // A user who was forgotten is found again as soon as there is a device.
        let new = Device { first_seen_at: late, last_seen_at: late, ..device(3, 9, 9) };
        store.register(new).await.unwrap();
        assert_eq!(store.delete_for_tenant(tenant).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn names_are_bounded() {
    for valkey in servers("names_are_bounded").await {
        let store = ValkeyDeviceStore::new(&valkey);
        let fits = Some("👾".repeat(MAX_DEVICE_NAME_CHARS));
        let known = Device { display_name: fits.clone(), ..device(1, 1, 1) };
        assert_eq!(store.register(known.clone()).await.unwrap(), Registered::Created);
        assert_eq!(store.load(known.owner, known.device_id).await.unwrap(), Some(known.clone()));
        let long = Some("x".repeat(MAX_DEVICE_NAME_CHARS + 1));
        let error = store.rename(known.owner, known.device_id, long.clone()).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Misuse);
        let error = store.register(Device { display_name: long, ..device(1, 2, 2) }).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Misuse);
    }
}
