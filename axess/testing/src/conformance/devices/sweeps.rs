use super::{super::verdict::holds, *};
use axess_core::{
    device::{DeviceRetention, RetentionVerdict},
    store::Swept,
};
use chrono::TimeDelta;
use std::sync::Arc;

/// Ten, five and two days.
pub(super) fn retention() -> DeviceRetention {
    let days = |days| TimeDelta::days(days);
    DeviceRetention { trusted: days(10), seen: days(5), revoked: days(2) }
}

/// Devices of every level, each just before and at the end of its time on day 20, and ones that were demoted.
fn of_every_age(ground: &Ground, owner: Owner) -> Vec<Device> {
    let (day, nearly) = (24 * 60 * 60, TimeDelta::microseconds(1));
    let now = ground.at(20 * day);
    let mut all = Vec::new();
    for (trust_level, age) in [
        (DeviceTrustLevel::Unknown, retention().seen),
        (DeviceTrustLevel::Seen, retention().seen),
        (DeviceTrustLevel::Trusted, retention().trusted),
        (DeviceTrustLevel::Revoked, retention().revoked),
    ] {
        for since in [now - age, now - age + nearly, now - age - TimeDelta::days(3), now] {
            let revoked_at = (trust_level == DeviceTrustLevel::Revoked).then_some(since);
            let trusted_at = (trust_level == DeviceTrustLevel::Trusted).then(|| ground.at(0));
            let seen =
                Device { trust_level, last_seen_at: since, revoked_at, trusted_at, ..fresh(ground, owner) };
            let demoted = Device {
                device_id: ground.device(),
                fingerprint_hash: fingerprint(ground),
                last_seen_at: ground.at(0),
                demoted_at: Some(since),
                ..seen.clone()
            };
            all.push(seen);
            all.extend((trust_level == DeviceTrustLevel::Seen).then_some(demoted));
        }
    }
    all
}

fn due(devices: &[Device], now: chrono::DateTime<chrono::Utc>) -> Vec<Swept> {
    let swept = devices.iter().map(|device| Swept {
        owner: device.owner,
        device_id: device.device_id,
        verdict: retention().verdict(device, now),
        idle_days: u32::try_from((now - device.last_seen_at).num_days()).unwrap_or(0),
    });
    let mut due: Vec<_> = swept.filter(|swept| swept.verdict != RetentionVerdict::Keep).collect();
    due.sort_by_key(|swept| swept.device_id);
    due
}

pub(super) async fn a_sweep_does_what_the_retention_says<S: DeviceStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let (owner, now) = (ground.owner(), ground.at(20 * 24 * 60 * 60));
    let devices = of_every_age(&ground, owner);
    for device in &devices {
        registered(&*store, device.clone()).await?;
    }
    let want = due(&devices, now);
    let mut got = store.sweep(owner.tenant_id, retention(), now, MANY).await?;
    got.sort_by_key(|swept| swept.device_id);
    same("what was done", got, want.clone())?;
    for device in devices {
        let done = want.iter().find(|swept| swept.device_id == device.device_id).map(|swept| swept.verdict);
        match done {
            None | Some(RetentionVerdict::Keep) => reads(&*store, "a device that is kept", &device).await?,
            Some(RetentionVerdict::Purge) => {
                same("a purged device", store.load(owner, device.device_id).await?, None)?;
                let left = store.find_by_fingerprint(owner, device.fingerprint_hash).await?;
                same("a purged device, by fingerprint", left, None)?;
            }
            Some(RetentionVerdict::Demote) => {
                let level = DeviceTrustLevel::Seen;
                let want = Device { trust_level: level, trusted_at: None, demoted_at: Some(now), ..device };
                reads(&*store, "a demoted device", &want).await?;
            }
        }
    }
    same("done the second time", store.sweep(owner.tenant_id, retention(), now, MANY).await?, vec![])
}

pub(super) async fn a_sweep_has_a_limit_and_comes_to_an_end<S: DeviceStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let (owner, now) = (ground.owner(), ground.at(20 * 24 * 60 * 60));
    let devices = of_every_age(&ground, owner);
    for device in &devices {
        registered(&*store, device.clone()).await?;
    }
    same("done with limit 0", store.sweep(owner.tenant_id, retention(), now, 0).await?, vec![])?;
    let want = due(&devices, now);
    let mut got = Vec::new();
    for _ in 0..=want.len() {
        let page = store.sweep(owner.tenant_id, retention(), now, 3).await?;
        holds(&format!("at most 3, not {}", page.len()), page.len() <= 3)?;
        let last = page.len() < 3;
        got.extend(page);
        if last {
            break;
        }
    }
    got.sort_by_key(|swept| swept.device_id);
    same("what was done in all", got, want)?;
    same("done after that", store.sweep(owner.tenant_id, retention(), now, usize::MAX).await?, vec![])
}

pub(super) async fn a_sweep_keeps_to_its_tenant<S: DeviceStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let (owners @ [me, namesake, neighbour], now) = (ground.owners(), ground.at(20 * 24 * 60 * 60));
    let mut devices = Vec::new();
    for owner in owners {
        devices.push(registered(&*store, fresh(&ground, owner)).await?);
    }
    let swept = store.sweep(me.tenant_id, retention(), now, MANY).await?;
    let mut whose: Vec<_> = swept.iter().map(|swept| swept.owner).collect();
    whose.sort_unstable();
    let mut want = vec![me, neighbour];
    want.sort_unstable();
    same("whose devices", whose, want)?;
    lists(
        &*store,
        "another tenant's",
        namesake,
        &devices.iter().filter(|d| d.owner == namesake).map(|d| d.device_id).collect::<Vec<_>>(),
    )
    .await
}
