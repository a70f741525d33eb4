use crate::{
    database::on_every_database,
    play::{Draws, RACERS, at, owner, race},
};
use axess_core::{
    device::{Device, DeviceRetention, DeviceTrustLevel, FingerprintHash, RetentionVerdict},
    memory::MemoryDeviceStore,
    store::{DeviceStore, Owner, Registered, SaveOutcome, StoreErrorKind, TrustChange},
};
use axess_identity::{DeviceId, UserId};
use axess_sql::SqlDeviceStore;
use axess_testing::conformance::{self, Setting};
use chrono::{DateTime, TimeDelta, Utc};

const DAY: i64 = 24 * 60 * 60;

fn id(number: u64) -> DeviceId {
    DeviceId::from_parts(number, [7; 10])
}

fn device(owner: Owner, number: u64, fingerprint: u8, now: DateTime<Utc>) -> Device {
    Device {
        device_id: id(number),
        owner,
        trust_level: DeviceTrustLevel::Unknown,
        fingerprint_hash: FingerprintHash::from_bytes([fingerprint; 32]),
        display_name: None,
        first_seen_at: now,
        last_seen_at: now,
        trusted_at: None,
        demoted_at: None,
        revoked_at: None,
    }
}

/// Does the same things to any store and writes down what it answers.
async fn script(store: &impl DeviceStore, seed: u64) -> Vec<String> {
    let (mut draws, mut log) = (Draws::new(seed), Vec::new());
    for step in 0..300_u64 {
        let (owner, known) = (draws.owner(), id(draws.below(step.max(1))));
        let now = at(i64::try_from(step).unwrap() * DAY);
        let fingerprint = u8::try_from(draws.below(6)).unwrap();
        let level = [
            DeviceTrustLevel::Unknown,
            DeviceTrustLevel::Seen,
            DeviceTrustLevel::Trusted,
            DeviceTrustLevel::Revoked,
        ][usize::try_from(draws.below(4)).unwrap()];
        // One that exists, when there is one.
        let found = store.find_for_user(owner, 50).await.unwrap();
        let known = match found.len() as u64 {
            0 => known,
            many => found[usize::try_from(draws.below(many)).unwrap()].device_id,
        };
        let answer = match draws.below(12) {
            0..=3 => {
                let mut new = device(owner, step, fingerprint, now);
                if draws.below(8) == 0 {
                    new.trust_level = level;
                }
                format!("{:?}", store.register(new).await)
            }
            4 | 5 => format!("{:?}", store.set_trust_level(owner, known, level, now).await),
            6 => format!("{:?}", store.record_sighting(owner, known, now - TimeDelta::days(2)).await),
            7 => format!("{:?}", store.rename(owner, known, Some(format!("n {step} "))).await),
            8 => format!("{:?}", store.load(owner, known).await),
            9 if draws.below(8) == 0 => format!("{:?}", store.delete_for_user(owner).await),
            10 if draws.below(12) == 0 => format!("{:?}", store.delete_for_tenant(owner.tenant_id).await),
            11 => {
                let mut swept =
                    store.sweep(owner.tenant_id, DeviceRetention::for_tenant(20), now, 100).await.unwrap();
                swept.sort_by_key(|swept| (swept.owner, swept.device_id));
                format!("{swept:?}")
            }
            _ => format!(
                "{:?}",
                store.find_by_fingerprint(owner, FingerprintHash::from_bytes([fingerprint; 32])).await
            ),
        };
        log.push(format!("{step}: {answer}"));
        log.push(format!("{:?}", store.find_for_user(owner, 7).await));
    }
    log
}

on_every_database!(device_store, |database: TestDatabase| async move {
    conformance::device_store(SqlDeviceStore::new(database.db), Setting::default()).check().await;
});

on_every_database!(answers_like_the_one_in_memory, |database: TestDatabase| async move {
    let (seed, store) = (5, SqlDeviceStore::new(database.db));
    assert_eq!(script(&store, seed).await, script(&MemoryDeviceStore::new(), seed).await);
});

on_every_database!(keeps_every_field, |database: TestDatabase| async move {
    let (store, me) = (SqlDeviceStore::new(database.db), owner(1, 1));
    let full = Device {
        trust_level: DeviceTrustLevel::Seen,
        display_name: Some("💻".repeat(128)),
        trusted_at: Some(at(1)),
        demoted_at: Some(at(2)),
        revoked_at: Some(at(3)),
        ..device(me, 1, 1, at(0))
    };
    assert_eq!(store.register(full.clone()).await.unwrap(), Registered::Created);
    assert_eq!(store.load(me, id(1)).await.unwrap(), Some(full.clone()));
    assert_eq!(store.register(device(me, 2, 1, at(0))).await.unwrap(), Registered::Existing(Box::new(full)));
    let taken = store.register(device(me, 1, 2, at(0))).await;
    assert_eq!(taken.unwrap_err().kind(), StoreErrorKind::Misuse, "ids are not given twice");
    let long = store.rename(me, id(1), Some("é".repeat(129))).await;
    assert_eq!(long.unwrap_err().kind(), StoreErrorKind::Misuse);
    assert_eq!(store.rename(me, id(1), None).await.unwrap(), SaveOutcome::Saved);
    assert_eq!(store.rename(me, id(1), None).await.unwrap(), SaveOutcome::Saved, "no change is no conflict");
    assert_eq!(store.load(me, id(1)).await.unwrap().unwrap().display_name, None);
});

on_every_database!(one_live_device_per_fingerprint, |database: TestDatabase| async move {
    let (store, me) = (SqlDeviceStore::new(database.db), owner(1, 1));
    for round in 0..8_u64 {
        let outcomes = race(RACERS, |racer| {
            let (store, new) = (store.clone(), device(me, round * 100 + racer as u64, 1, at(0)));
            async move { store.register(new).await.unwrap() }
        })
        .await;
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Registered::Created).count(), 1);
        let live =
            store.find_by_fingerprint(me, FingerprintHash::from_bytes([1; 32])).await.unwrap().unwrap();
        for outcome in outcomes {
            assert!(
                matches!(outcome, Registered::Created)
                    || outcome == Registered::Existing(Box::new(live.clone()))
            );
        }
        // Whoever revokes and whoever registers it anew never leaves two.
        race(RACERS, |racer| {
            let (store, live) = (store.clone(), live.device_id);
            async move {
                match racer % 2 {
                    0 => drop(
                        store.register(device(me, round * 100 + 50 + racer as u64, 1, at(0))).await.unwrap(),
                    ),
                    _ => assert_ne!(
                        store.set_trust_level(me, live, DeviceTrustLevel::Revoked, at(1)).await.unwrap(),
                        TrustChange::Refused
                    ),
                }
            }
        })
        .await;
        let all = store.find_for_user(me, 1_000).await.unwrap();
        let live: Vec<_> =
            all.iter().filter(|device| device.trust_level != DeviceTrustLevel::Revoked).collect();
        assert!(live.len() <= 1, "{live:?}");
        for device in live {
            let _ =
                store.set_trust_level(me, device.device_id, DeviceTrustLevel::Revoked, at(1)).await.unwrap();
        }
    }
});

on_every_database!(a_level_changes_once, |database: TestDatabase| async move {
    let (store, me) = (SqlDeviceStore::new(database.db), owner(1, 1));
    let _ = store.register(device(me, 1, 1, at(0))).await.unwrap();
    let changes = race(RACERS, |_| {
        let store = store.clone();
        async move { store.set_trust_level(me, id(1), DeviceTrustLevel::Trusted, at(1)).await.unwrap() }
    })
    .await;
    let changed = |change: &&TrustChange| matches!(change, TrustChange::Changed { .. });
    assert_eq!(changes.iter().filter(changed).count(), 1);
});

on_every_database!(sweeps_share_the_work, |database: TestDatabase| async move {
    let (store, tenant, devices) = (SqlDeviceStore::new(database.db), owner(1, 1).tenant_id, 260_u64);
    for number in 0..devices {
        let owner = Owner { tenant_id: tenant, user_id: UserId::from_parts(number % 7, [3; 10]) };
        let mut new = device(owner, number, u8::try_from(number / 7).unwrap(), at(0));
        if number % 2 == 0 {
            new.trust_level = DeviceTrustLevel::Trusted;
        }
        let _ = store.register(new).await.unwrap();
    }
    let _ = store.register(device(owner(2, 1), 1, 1, at(0))).await.unwrap();
    let retention = DeviceRetention::default();
    assert_eq!(store.sweep(tenant, retention, at(30 * DAY - 1), 500).await.unwrap(), vec![], "nobody is due");
    let partial = store.sweep(tenant, retention, at(200 * DAY), 3).await.unwrap();
    assert_eq!(partial.len(), 3);
    let swept = race(16, |_| {
        let store = store.clone();
        async move { store.sweep(tenant, retention, at(200 * DAY), 40).await.unwrap() }
    })
    .await;
    let all: Vec<_> = partial.into_iter().chain(swept.into_iter().flatten()).collect();
    let mut once: Vec<_> = all.iter().map(|swept| (swept.owner, swept.device_id)).collect();
    once.sort();
    once.dedup();
    assert_eq!(
        (once.len() as u64, all.len() as u64),
        (devices, devices),
        "each is swept, and by one sweep only"
    );
    assert_eq!(
        all.iter().filter(|swept| swept.verdict == RetentionVerdict::Demote).count() as u64,
        devices / 2
    );
    assert!(all.iter().all(|swept| swept.idle_days == 200));
    assert_eq!(store.sweep(tenant, retention, at(230 * DAY), 500).await.unwrap().len() as u64, devices / 2);
    assert_eq!(store.delete_for_tenant(owner(2, 1).tenant_id).await.unwrap(), 1);
});

on_every_database!(a_device_that_is_seen_is_not_swept, |database: TestDatabase| async move {
    let store = SqlDeviceStore::new(database.db);
    for round in 0..24_u64 {
        let me = Owner { user_id: UserId::from_parts(round, [1; 10]), ..owner(1, 1) };
        let _ = store.register(device(me, round, 1, at(0))).await.unwrap();
        let now = at(100 * DAY);
        race(16, |racer| {
            let store = store.clone();
            async move {
                match racer {
                    3 => store.record_sighting(me, id(round), now).await.unwrap(),
                    _ => drop(store.sweep(me.tenant_id, DeviceRetention::default(), now, 1).await.unwrap()),
                }
            }
        })
        .await;
        // Either the sweep came first and deleted it, or it is here and was seen now.
        let left = store.load(me, id(round)).await.unwrap();
        assert!(left.is_none_or(|device| device.last_seen_at == now));
    }
});

on_every_database!(a_large_tenant_is_deleted_in_parts, |database: TestDatabase| async move {
    let (store, devices) = (SqlDeviceStore::new(database.db), 1_205_u64);
    let inserted = race(8, |part| {
        let store = store.clone();
        async move {
            for number in (part as u64..devices).step_by(8) {
                let me = Owner { user_id: UserId::from_parts(number / 2, [1; 10]), ..owner(1, 1) };
                let _ = store
                    .register(device(me, number, u8::try_from(number % 2).unwrap(), at(0)))
                    .await
                    .unwrap();
            }
        }
    });
    inserted.await;
    let _ = store.register(device(owner(2, 1), 1, 1, at(0))).await.unwrap();
    assert_eq!(store.delete_for_tenant(owner(1, 1).tenant_id).await.unwrap(), devices);
    assert_eq!(store.find_for_user(owner(2, 1), 9).await.unwrap().len(), 1);
});
