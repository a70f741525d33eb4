use super::{
    super::ground::{NAMES, far_future, long_ago},
    *,
};
use axess_core::{
    device::MAX_DEVICE_NAME_CHARS,
    store::{SaveOutcome, TrustChange},
};
use std::sync::Arc;

pub(super) async fn every_field_comes_back<S: DeviceStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let longest = ["é", "👾"].map(|letter| letter.repeat(MAX_DEVICE_NAME_CHARS));
    let names = NAMES.iter().map(|name| Some((*name).to_owned()));
    for display_name in names.chain(longest.map(Some)).chain([None]) {
        let device = Device { display_name, ..fresh(&ground, ground.owner()) };
        reads(&*store, "a device read back", &registered(&*store, device).await?).await?;
    }
    let levels = [
        DeviceTrustLevel::Unknown,
        DeviceTrustLevel::Seen,
        DeviceTrustLevel::Trusted,
        DeviceTrustLevel::Revoked,
    ];
    for trust_level in levels {
        let device = Device {
            trust_level,
            first_seen_at: long_ago(),
            last_seen_at: far_future(),
            trusted_at: Some(ground.just_before(1)),
            demoted_at: Some(ground.just_before(2)),
            revoked_at: (trust_level == DeviceTrustLevel::Revoked).then(|| ground.just_before(3)),
            ..fresh(&ground, ground.owner())
        };
        reads(&*store, "a device of each level", &registered(&*store, device).await?).await?;
    }
    let (owner, nobody) = (ground.owner(), ground.device());
    same("one that never was", store.load(owner, nobody).await?, None)?;
    let got = store.find_by_fingerprint(owner, fingerprint(&ground)).await?;
    same("a fingerprint that never was", got, None)
}

pub(super) async fn a_fingerprint_is_registered_once_per_owner<S: DeviceStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let [me, namesake, neighbour] = ground.owners();
    let first = registered(&*store, fresh(&ground, me)).await?;
    let again = Device { fingerprint_hash: first.fingerprint_hash, ..fresh(&ground, me) };
    for _ in 0..2 {
        let known = Registered::Existing(Box::new(first.clone()));
        same("the same fingerprint", store.register(again.clone()).await?, known)?;
    }
    reads(&*store, "the device after it", &first).await?;
    lists(&*store, "the devices after it", me, &[first.device_id]).await?;
    for other in [namesake, neighbour] {
        let theirs = Device { fingerprint_hash: first.fingerprint_hash, ..fresh(&ground, other) };
        reads(&*store, "theirs", &registered(&*store, theirs).await?).await?;
    }
    reads(&*store, "mine", &first).await
}

pub(super) async fn a_revoked_device_comes_back_as_a_new_one<S: DeviceStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let owner = ground.owner();
    let first = registered(&*store, fresh(&ground, owner)).await?;
    let revoke = |id| store.set_trust_level(owner, id, DeviceTrustLevel::Revoked, ground.at(1));
    let from = DeviceTrustLevel::Unknown;
    same("revocation", revoke(first.device_id).await?, TrustChange::Changed { from })?;
    let got = store.find_by_fingerprint(owner, first.fingerprint_hash).await?;
    same("a revoked device, by fingerprint", got, None)?;
    let want =
        Device { trust_level: DeviceTrustLevel::Revoked, revoked_at: Some(ground.at(1)), ..first.clone() };
    reads(&*store, "a revoked device, by id", &want).await?;
    let second = Device { fingerprint_hash: first.fingerprint_hash, ..fresh(&ground, owner) };
    let second = registered(&*store, second).await?;
    reads(&*store, "its successor", &second).await?;
    lists(&*store, "both", owner, &[first.device_id, second.device_id]).await?;
    same("revocation of that one", revoke(second.device_id).await?, TrustChange::Changed { from })?;
    let third = Device { fingerprint_hash: first.fingerprint_hash, ..fresh(&ground, owner) };
    reads(&*store, "the third", &registered(&*store, third).await?).await
}

pub(super) async fn no_verb_reaches_another_account<S: DeviceStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let [me, namesake, neighbour] = ground.owners();
    let device = registered(&*store, fresh(&ground, me)).await?;
    let id = device.device_id;
    for other in [namesake, neighbour] {
        same("read", store.load(other, id).await?, None)?;
        same("found", store.find_by_fingerprint(other, device.fingerprint_hash).await?, None)?;
        same("listed", store.find_for_user(other, MANY).await?, vec![])?;
        store.record_sighting(other, id, ground.at(100)).await?;
        same("renamed", store.rename(other, id, Some("theirs".into())).await?, SaveOutcome::Conflict)?;
        let changed = store.set_trust_level(other, id, DeviceTrustLevel::Revoked, ground.at(1)).await?;
        same("revoked", changed, TrustChange::Refused)?;
        same("deleted", store.delete_for_user(other).await?, 0)?;
    }
    same("deleted by tenant", store.delete_for_tenant(namesake.tenant_id).await?, 0)?;
    reads(&*store, "the device after all of them", &device).await
}

pub(super) async fn a_sighting_moves_forward_only<S: DeviceStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let mut device = registered(&*store, fresh(&ground, ground.owner())).await?;
    for (second, kept) in [(10, 10), (5, 10), (-1, 10), (10, 10), (11, 11)] {
        store.record_sighting(device.owner, device.device_id, ground.at(second)).await?;
        device.last_seen_at = ground.at(kept);
        reads(&*store, &format!("after a sighting at second {second}"), &device).await?;
    }
    store.record_sighting(device.owner, ground.device(), ground.at(12)).await?;
    lists(&*store, "after a sighting of an unknown one", device.owner, &[device.device_id]).await
}

pub(super) async fn a_device_is_renamed<S: DeviceStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let mut device = registered(&*store, fresh(&ground, ground.owner())).await?;
    let other = registered(&*store, fresh(&ground, device.owner)).await?;
    for name in NAMES.iter().map(|name| Some((*name).to_owned())).chain([None]) {
        let done = store.rename(device.owner, device.device_id, name.clone()).await?;
        same("renaming", done, SaveOutcome::Saved)?;
        device.display_name = name;
        reads(&*store, "the renamed device", &device).await?;
        let same_name = store.rename(device.owner, device.device_id, device.display_name.clone()).await?;
        same("renaming to the name it has", same_name, SaveOutcome::Saved)?;
    }
    reads(&*store, "another device", &other).await?;
    let unknown = store.rename(device.owner, ground.device(), None).await?;
    same("renaming an unknown one", unknown, SaveOutcome::Conflict)
}

/// Every move of the ladder, whether it leads there or not.
pub(super) async fn the_ladder_is_climbed_and_left_for_good<S: DeviceStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let levels = [
        DeviceTrustLevel::Unknown,
        DeviceTrustLevel::Seen,
        DeviceTrustLevel::Trusted,
        DeviceTrustLevel::Revoked,
    ];
    for from in levels {
        for to in levels {
            let mut device = Device { trust_level: from, ..fresh(&ground, ground.owner()) };
            device.trusted_at = (from == DeviceTrustLevel::Trusted).then(|| ground.at(1));
            device.revoked_at = (from == DeviceTrustLevel::Revoked).then(|| ground.at(1));
            device.demoted_at = (from == DeviceTrustLevel::Seen).then(|| ground.at(1));
            let mut device = registered(&*store, device).await?;
            let done = store.set_trust_level(device.owner, device.device_id, to, ground.at(5)).await?;
            let want = match (from == to, from.may_become(to)) {
                (true, _) => TrustChange::Unchanged,
                (false, true) => TrustChange::Changed { from },
                (false, false) => TrustChange::Refused,
            };
            same(&format!("from {from:?} to {to:?}"), done, want)?;
            if let TrustChange::Changed { .. } = want {
                device.trust_level = to;
                match to {
                    DeviceTrustLevel::Trusted => {
                        (device.trusted_at, device.demoted_at) = (Some(ground.at(5)), None);
                    }
                    DeviceTrustLevel::Revoked => {
                        (device.trusted_at, device.revoked_at) = (None, Some(ground.at(5)));
                    }
                    DeviceTrustLevel::Unknown | DeviceTrustLevel::Seen => {}
                }
            }
            reads(&*store, &format!("after {from:?} to {to:?}"), &device).await?;
        }
    }
    let nobody = store.set_trust_level(ground.owner(), ground.device(), DeviceTrustLevel::Seen, ground.at(5));
    same("an unknown device", nobody.await?, TrustChange::Refused)
}

pub(super) async fn devices_are_listed_last_seen_first<S: DeviceStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let owner = ground.owner();
    let mut all = Vec::new();
    for age in [3, 0, 4, 1, 2] {
        let device = Device { last_seen_at: ground.at(-age), ..fresh(&ground, owner) };
        all.push(registered(&*store, device).await?);
    }
    all.sort_by_key(|device| std::cmp::Reverse(device.last_seen_at));
    for limit in [0, 1, 3, 5, 6, usize::MAX] {
        let got = store.find_for_user(owner, limit).await?;
        same(&format!("the first {limit}"), got, all.iter().take(limit).cloned().collect())?;
    }
    Ok(())
}

/// Two devices of each owner, the second one revoked.
async fn two_each(
    store: &impl DeviceStore,
    ground: &Ground,
    owners: [Owner; 3],
) -> Result<[Vec<DeviceId>; 3], Breach> {
    let mut all = [const { Vec::new() }; 3];
    for (own, owner) in all.iter_mut().zip(owners) {
        for trust_level in [DeviceTrustLevel::Trusted, DeviceTrustLevel::Revoked] {
            own.push(registered(store, Device { trust_level, ..fresh(ground, owner) }).await?.device_id);
        }
    }
    Ok(all)
}

pub(super) async fn the_devices_of_a_user_are_deleted_together<S: DeviceStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let owners @ [me, namesake, neighbour] = ground.owners();
    let [_, namesakes, neighbours] = two_each(&*store, &ground, owners).await?;
    same("how many", store.delete_for_user(me).await?, 2)?;
    same("the second time", store.delete_for_user(me).await?, 0)?;
    lists(&*store, "what is left", me, &[]).await?;
    lists(&*store, "the same user id in another tenant", namesake, &namesakes).await?;
    lists(&*store, "another user of the tenant", neighbour, &neighbours).await
}

pub(super) async fn the_devices_of_a_tenant_are_deleted_together<S: DeviceStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let owners @ [me, namesake, neighbour] = ground.owners();
    let [_, namesakes, _] = two_each(&*store, &ground, owners).await?;
    same("how many", store.delete_for_tenant(me.tenant_id).await?, 4)?;
    same("the second time", store.delete_for_tenant(me.tenant_id).await?, 0)?;
    lists(&*store, "one user", me, &[]).await?;
    lists(&*store, "another user", neighbour, &[]).await?;
    lists(&*store, "another tenant", namesake, &namesakes).await
}
