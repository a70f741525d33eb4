use super::{
    super::{
        race::{CUTS, RACERS, ROUNDS, cut_off, race, race_two, settles},
        verdict::{holds, some},
    },
    sweeps::retention,
    *,
};
use axess_core::store::TrustChange;
use std::{collections::BTreeSet, sync::Arc};

pub(super) async fn of_racing_registrations_one_creates<S: DeviceStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    for _ in 0..4 {
        let (owner, fingerprint_hash) = (ground.owner(), fingerprint(&ground));
        let devices: Vec<_> =
            (0..RACERS).map(|_| Device { fingerprint_hash, ..fresh(&ground, owner) }).collect();
        let spare = fresh(&ground, owner);
        let answers = race(RACERS, |n| {
            let (store, device) = (Arc::clone(&store), devices.get(n).unwrap_or(&spare).clone());
            async move { store.register(device).await }
        })
        .await?;
        let created = answers.iter().zip(&devices).filter(|(answer, _)| **answer == Registered::Created);
        let created: Vec<_> = created.map(|(_, device)| device).collect();
        same("how many were created", created.len(), 1)?;
        let created = some("the created device", created.first().copied())?;
        for answer in &answers {
            if let Registered::Existing(known) = answer {
                same("what the others are told", known.device_id, created.device_id)?;
            }
        }
        reads(&*store, "what is stored", created).await?;
        lists(&*store, "how many there are", owner, &[created.device_id]).await?;
    }
    Ok(())
}

pub(super) async fn of_racing_changes_of_trust_one_changes<S: DeviceStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let device = registered(&*store, fresh(&ground, ground.owner())).await?;
    let (owner, id) = (device.owner, device.device_id);
    let levels =
        [(DeviceTrustLevel::Seen, 1), (DeviceTrustLevel::Trusted, 2), (DeviceTrustLevel::Revoked, 3)];
    for (level, second) in levels {
        let from = some("the device", store.load(owner, id).await?)?.trust_level;
        let answers = race(RACERS, |_| {
            let (store, now) = (Arc::clone(&store), ground.at(second));
            async move { store.set_trust_level(owner, id, level, now).await }
        })
        .await?;
        let changed = answers.iter().filter(|answer| **answer == TrustChange::Changed { from }).count();
        same(&format!("how many changed it to {level:?}"), changed, 1)?;
        let unchanged = answers.iter().filter(|answer| **answer == TrustChange::Unchanged).count();
        same("how many found it changed", unchanged, RACERS - 1)?;
    }
    Ok(())
}

pub(super) async fn a_revocation_beats_racing_trust<S: DeviceStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    for round in 0..ROUNDS {
        let device = registered(&*store, fresh(&ground, ground.owner())).await?;
        let (owner, id, now) = (device.owner, device.device_id, ground.at(1));
        let (one, other) = (Arc::clone(&store), Arc::clone(&store));
        let (_, revoked) = race_two(
            round,
            async move { one.set_trust_level(owner, id, DeviceTrustLevel::Trusted, now).await },
            async move { other.set_trust_level(owner, id, DeviceTrustLevel::Revoked, now).await },
        )
        .await?;
        holds(&format!("it was revoked, not {revoked:?}"), matches!(revoked, TrustChange::Changed { .. }))?;
        let left = some("the device", store.load(owner, id).await?)?;
        same("its level", left.trust_level, DeviceTrustLevel::Revoked)?;
        let found = store.find_by_fingerprint(owner, device.fingerprint_hash).await?;
        same("by fingerprint", found, None)?;
    }
    Ok(())
}

pub(super) async fn racing_sightings_leave_the_latest<S: DeviceStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let device = registered(&*store, fresh(&ground, ground.owner())).await?;
    let (owner, id) = (device.owner, device.device_id);
    race(RACERS, |n| {
        let second = i64::try_from(n * 7 % RACERS).unwrap_or(0);
        let (store, now) = (Arc::clone(&store), ground.at(second));
        async move { store.record_sighting(owner, id, now).await }
    })
    .await?;
    let latest = ground.at(i64::try_from(RACERS).unwrap_or(0) - 1);
    reads(&*store, "the device", &Device { last_seen_at: latest, ..device }).await
}

pub(super) async fn racing_sweeps_do_each_thing_once<S: DeviceStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let (owner, now) = (ground.owner(), ground.at(20 * 24 * 60 * 60));
    let mut ids = BTreeSet::new();
    for trust_level in [DeviceTrustLevel::Seen, DeviceTrustLevel::Trusted].into_iter().cycle().take(20) {
        ids.insert(registered(&*store, Device { trust_level, ..fresh(&ground, owner) }).await?.device_id);
    }
    let answers = race(8, |_| {
        let store = Arc::clone(&store);
        async move { store.sweep(owner.tenant_id, retention(), now, 20).await }
    });
    let swept: Vec<_> = answers.await?.into_iter().flatten().map(|swept| swept.device_id).collect();
    same("how often something was done", swept.len(), ids.len())?;
    same("to what", swept.into_iter().collect::<BTreeSet<_>>(), ids)
}

/// A device that was seen meanwhile is not purged: either it is gone, or it was seen and stays.
pub(super) async fn a_sighting_or_a_sweep_wins<S: DeviceStore>(store: Arc<S>, ground: Ground) -> Verdict {
    for round in 0..ROUNDS {
        let device = registered(&*store, fresh(&ground, ground.owner())).await?;
        let (owner, id, now) = (device.owner, device.device_id, ground.at(20 * 24 * 60 * 60));
        let (one, other) = (Arc::clone(&store), Arc::clone(&store));
        let ((), swept) =
            race_two(round, async move { one.record_sighting(owner, id, now).await }, async move {
                other.sweep(owner.tenant_id, retention(), now, 10).await
            })
            .await?;
        let left = store.load(owner, id).await?.map(|device| device.last_seen_at);
        let want = swept.is_empty().then_some(now);
        same(&format!("when it was last seen, with {} swept", swept.len()), left, want)?;
    }
    Ok(())
}

pub(super) async fn a_call_cut_off_leaves_nothing_half_done<S: DeviceStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    for cut in CUTS {
        let device = fresh(&ground, ground.owner());
        let (owner, id) = (device.owner, device.device_id);
        let _ = cut_off(store.register(device.clone()), cut).await.transpose()?;
        let _ = store.register(device.clone()).await?;
        settles(async || reads(&*store, "after it was repeated", &device).await).await?;
        let level = DeviceTrustLevel::Trusted;
        let _ = cut_off(store.set_trust_level(owner, id, level, ground.at(1)), cut).await.transpose()?;
        let trusted = Device { trust_level: level, trusted_at: Some(ground.at(1)), ..device.clone() };
        settles(async || {
            let got = some("the device", store.load(owner, id).await?)?;
            holds(&format!("trusted or not, not {got:?}"), got == device || got == trusted)
        })
        .await?;
        let _ = store.set_trust_level(owner, id, level, ground.at(1)).await?;
        settles(async || reads(&*store, "after it was repeated", &trusted).await).await?;
        let _ = cut_off(store.delete_for_user(owner), cut).await.transpose()?;
        store.delete_for_user(owner).await?;
        lists(&*store, "after the end", owner, &[]).await?;
    }
    Ok(())
}
