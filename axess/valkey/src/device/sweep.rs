//! The retention sweep.

use super::{MAX_TRIES, ValkeyDeviceStore};
use crate::{moment, script::Script};
use axess_core::{
    device::{DeviceRetention, RetentionVerdict},
    store::{Owner, StoreError, StoreErrorKind, Swept},
};
use axess_identity::{DeviceId, TenantId};
use chrono::{DateTime, TimeDelta, Utc};

/// Forgets a user who got no device lately.
static FORGET: Script = Script::new(
    "local last = redis.call('ZSCORE', KEYS[1], ARGV[1]) \
     if not last or tonumber(last) > tonumber(ARGV[2]) then return 0 end \
     return redis.call('ZREM', KEYS[1], ARGV[1])",
);

/// For how long a user without devices stays in the index: a device that is being registered may be on its way.
const FORGET_AFTER: TimeDelta = TimeDelta::hours(1);

impl ValkeyDeviceStore {
    pub(super) async fn sweep_tenant(
        &self,
        tenant_id: TenantId,
        retention: DeviceRetention,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Swept>, StoreError> {
        let (key, mut swept) = (self.users_key(tenant_id), Vec::new());
        let mut pages = self.valkey.users(&key);
        while let Some(owners) = pages.next_owners(tenant_id).await? {
            for owner in owners {
                let found = self.read_all(owner).await?;
                if found.is_empty() {
                    let (user, before) = (owner.user_id.as_uuid(), now - FORGET_AFTER);
                    let call = FORGET.on(&self.valkey, &key).arg(&user.as_bytes()[..]);
                    call.arg(moment::micros(before)).run::<i64>().await?;
                }
                for device in found {
                    if swept.len() >= limit {
                        return Ok(swept);
                    }
                    // What was just read is a guess that saves a call for the many devices there is nothing to do about.
                    if retention.verdict(&device.device, now) != RetentionVerdict::Keep {
                        swept
                            .extend(self.sweep_device(owner, device.device.device_id, retention, now).await?);
                    }
                }
            }
        }
        Ok(swept)
    }

    /// Does what the retention says about one device, unless the device changes before it is done; then it is asked again.
    async fn sweep_device(
        &self,
        owner: Owner,
        device_id: DeviceId,
        retention: DeviceRetention,
        now: DateTime<Utc>,
    ) -> Result<Option<Swept>, StoreError> {
        for _ in 0..MAX_TRIES {
            let Some(was) = self.read(owner, device_id).await? else { return Ok(None) };
            let (verdict, mut device) = (retention.verdict(&was.device, now), was.device.clone());
            let becomes = match verdict {
                RetentionVerdict::Keep => return Ok(None),
                RetentionVerdict::Purge => None,
                RetentionVerdict::Demote => {
                    device.demote(now);
                    Some(&device)
                }
            };
            if self.replace(&was, true, becomes).await? {
                let idle_days = u32::try_from((now - was.device.last_seen_at).num_days()).unwrap_or(0);
                return Ok(Some(Swept { owner, device_id, verdict, idle_days }));
            }
        }
        Err(StoreError::bare(StoreErrorKind::Unavailable))
    }
}
