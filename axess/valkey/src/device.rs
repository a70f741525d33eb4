mod stored;
mod sweep;

use crate::{
    Valkey,
    error::{at_most, corrupt},
    index::Entry,
    moment::{micros, to_text},
    script::Script,
};
use axess_core::{
    device::{Device, DeviceRetention, DeviceTrustLevel, FingerprintHash, MAX_DEVICE_NAME_CHARS},
    store::{DeviceStore, Owner, Registered, SaveOutcome, StoreError, StoreErrorKind, Swept, TrustChange},
};
use axess_identity::{DeviceId, TenantId};
use chrono::{DateTime, TimeDelta, Utc};
use redis::{FromRedisValue, Value};
use std::{cmp::Reverse, collections::HashMap};
use stored::Stored;

static REGISTER: Script = Script::new(include_str!("device/register.lua"));
static FIND: Script = Script::new(include_str!("device/find.lua"));
static SIGHT: Script = Script::new(include_str!("device/sight.lua"));
static CHANGE: Script = Script::new(include_str!("device/change.lua"));
static DELETE: Script = Script::new(include_str!("device/delete.lua"));

/// The most devices kept for one user, revoked ones included.
pub const MAX_DEVICES_PER_USER: usize = 4_096;

/// How often a change is tried on a device that others change at the same time.
const MAX_TRIES: usize = 256;

/// How long the index of a tenant's users is kept after the last device was registered: longer than any retention.
const KEEP_INDEX: TimeDelta = TimeDelta::days(10 * 365);

/// Keeps devices in Valkey or Redis.
///
/// Clones share them.
///
/// Devices have no end of their own: the server never deletes one, [`DeviceStore::sweep`] does. More than
/// [`MAX_DEVICES_PER_USER`] devices are refused as [`StoreErrorKind::Full`], a name beyond [`MAX_DEVICE_NAME_CHARS`] as
/// [`StoreErrorKind::Misuse`]. Registering an id again replaces that device.
///
/// ```no_run
/// # use axess_core::store::StoreError;
/// use axess_core::store::{DeviceStore, Owner};
/// use axess_valkey::{Valkey, ValkeyDeviceStore};
/// # async fn example(owner: Owner) -> Result<(), StoreError> {
/// let store = ValkeyDeviceStore::new(&Valkey::connect("redis://127.0.0.1").await?);
/// assert!(store.find_for_user(owner, 10).await?.is_empty());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct ValkeyDeviceStore {
    valkey: Valkey,
}

impl ValkeyDeviceStore {
    /// Creates a store on this connection.
    #[must_use]
    pub fn new(valkey: &Valkey) -> Self {
        Self { valkey: valkey.clone() }
    }

    /// Names the devices, and the ids of those that are not revoked by their fingerprints.
    fn keys(&self, owner: Owner) -> (String, String) {
        (self.valkey.owner_key("device:of", owner), self.valkey.owner_key("device:live", owner))
    }

    fn users_key(&self, tenant_id: TenantId) -> String {
        self.valkey.tenant_key("device:users", tenant_id)
    }

    async fn read(&self, owner: Owner, device_id: DeviceId) -> Result<Option<Stored>, StoreError> {
        let ((devices, _), id) = (self.keys(owner), stored::hex(device_id));
        let mut cmd = redis::cmd("HMGET");
        cmd.arg(devices).arg(&id).arg(format!("{id}t"));
        let (device, seen): (Option<Vec<u8>>, Option<String>) = self.valkey.query(&cmd).await?;
        device.map(|device| Stored::decode(owner, &id, device, seen)).transpose()
    }

    async fn read_all(&self, owner: Owner) -> Result<Vec<Stored>, StoreError> {
        let (devices, _) = self.keys(owner);
        let mut fields: HashMap<String, Vec<u8>> =
            self.valkey.query(redis::cmd("HGETALL").arg(devices)).await?;
        let ids: Vec<_> = fields.keys().filter(|field| field.len() == stored::HEX).cloned().collect();
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            let seen = fields.remove(&format!("{id}t")).and_then(|seen| String::from_utf8(seen).ok());
            let device = fields.remove(&id).unwrap_or_default();
            found.push(Stored::decode(owner, &id, device, seen)?);
        }
        Ok(found)
    }

    /// Writes or deletes a device that is as it was read; false when it is not.
    async fn replace(
        &self,
        was: &Stored,
        sighting_counts: bool,
        becomes: Option<&Device>,
    ) -> Result<bool, StoreError> {
        let (devices, live) = self.keys(was.device.owner);
        let frees = becomes.is_none_or(|device| device.trust_level == DeviceTrustLevel::Revoked);
        let becomes = becomes.map(stored::encode).transpose()?.unwrap_or_default();
        let call = CHANGE.on(&self.valkey, &devices).key(&live).arg(stored::hex(was.device.device_id));
        let call = call.arg(was.bytes.as_slice()).arg(if sighting_counts { was.seen.as_str() } else { "" });
        call.arg(becomes).arg(u8::from(frees)).run().await
    }

    /// Changes a device in one atomic step: what `change` decided is written only if the device is still the one it saw.
    async fn update<T>(
        &self,
        owner: Owner,
        device_id: DeviceId,
        change: impl Fn(&mut Device) -> Result<T, T>,
    ) -> Result<Option<T>, StoreError> {
        for _ in 0..MAX_TRIES {
            let Some(was) = self.read(owner, device_id).await? else { return Ok(None) };
            let mut device = was.device.clone();
            match change(&mut device) {
                Err(refused) => return Ok(Some(refused)),
                Ok(done) if self.replace(&was, false, Some(&device)).await? => return Ok(Some(done)),
                Ok(_) => {}
            }
        }
        Err(StoreError::bare(StoreErrorKind::Unavailable))
    }
}

impl DeviceStore for ValkeyDeviceStore {
    async fn load(&self, owner: Owner, device_id: DeviceId) -> Result<Option<Device>, StoreError> {
        Ok(self.read(owner, device_id).await?.map(|found| found.device))
    }

    async fn find_by_fingerprint(
        &self,
        owner: Owner,
        fingerprint: FingerprintHash,
    ) -> Result<Option<Device>, StoreError> {
        let (devices, live) = self.keys(owner);
        let call = FIND.on(&self.valkey, &devices).key(&live).arg(&fingerprint.as_bytes()[..]);
        let found: Option<(String, Vec<u8>, Option<String>)> = call.run().await?;
        let found = found.map(|(id, device, seen)| Stored::decode(owner, &id, device, seen));
        Ok(found.transpose()?.map(|found| found.device))
    }

    async fn find_for_user(&self, owner: Owner, limit: usize) -> Result<Vec<Device>, StoreError> {
        let mut found: Vec<_> = self.read_all(owner).await?.into_iter().map(|found| found.device).collect();
        found.sort_by_key(|device| (Reverse(device.last_seen_at), device.device_id));
        found.truncate(limit);
        Ok(found)
    }

    async fn register(&self, device: Device) -> Result<Registered, StoreError> {
        check_name(device.display_name.as_deref())?;
        let (owner, id) = (device.owner, stored::hex(device.device_id));
        let (users, (devices, live)) = (self.users_key(owner.tenant_id), self.keys(owner));
        let (user, seen) = (owner.user_id.as_uuid(), device.first_seen_at);
        let keep = KEEP_INDEX.num_milliseconds();
        // An entry says when the user last got a device. It is pruned by the sweep, which sees whether there is any left.
        let entry = Entry { member: user.as_bytes(), until: seen, past: DateTime::<Utc>::MIN_UTC, keep };
        self.valkey.add_entry(&users, &entry).await?;
        let is_live = device.trust_level != DeviceTrustLevel::Revoked;
        let call = REGISTER.on(&self.valkey, &devices).key(&live).arg(id);
        let call = call.arg(&device.fingerprint_hash.as_bytes()[..]).arg(stored::encode(&device)?);
        let call = call.arg(micros(device.last_seen_at)).arg(to_text(device.last_seen_at));
        let answer: Vec<Value> = call.arg(u8::from(is_live)).arg(MAX_DEVICES_PER_USER).run().await?;
        let mut answer = answer.into_iter();
        match answer.next().and_then(|outcome| i64::from_redis_value(outcome).ok()) {
            Some(1) => return Ok(Registered::Created),
            Some(-1) => return Err(StoreError::bare(StoreErrorKind::Full)),
            _ => {}
        }
        let mut bytes = || Vec::<u8>::from_redis_value(answer.next()?).ok();
        let (id, known, seen) = (bytes().ok_or_else(corrupt)?, bytes().ok_or_else(corrupt)?, bytes());
        let seen = seen.and_then(|seen| String::from_utf8(seen).ok());
        let id = String::from_utf8(id).map_err(|_| corrupt())?;
        Ok(Registered::Existing(Box::new(Stored::decode(owner, &id, known, seen)?.device)))
    }

    async fn record_sighting(
        &self,
        owner: Owner,
        device_id: DeviceId,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let (devices, _) = self.keys(owner);
        let call = SIGHT.on(&self.valkey, &devices).arg(stored::hex(device_id));
        call.arg(micros(now)).arg(to_text(now)).run::<i64>().await.map(drop)
    }

    async fn rename(
        &self,
        owner: Owner,
        device_id: DeviceId,
        name: Option<String>,
    ) -> Result<SaveOutcome, StoreError> {
        check_name(name.as_deref())?;
        let renamed = self.update(owner, device_id, |device| {
            device.display_name.clone_from(&name);
            Ok(SaveOutcome::Saved)
        });
        Ok(renamed.await?.unwrap_or(SaveOutcome::Conflict))
    }

    async fn set_trust_level(
        &self,
        owner: Owner,
        device_id: DeviceId,
        level: DeviceTrustLevel,
        now: DateTime<Utc>,
    ) -> Result<TrustChange, StoreError> {
        let changed = self.update(owner, device_id, |device| match device.move_to(level, now) {
            changed @ TrustChange::Changed { .. } => Ok(changed),
            other => Err(other),
        });
        Ok(changed.await?.unwrap_or(TrustChange::Refused))
    }

    async fn delete_for_user(&self, owner: Owner) -> Result<u64, StoreError> {
        let (devices, live) = self.keys(owner);
        DELETE.on(&self.valkey, &devices).key(&live).run().await
    }

    async fn delete_for_tenant(&self, tenant_id: TenantId) -> Result<u64, StoreError> {
        let (key, mut count) = (self.users_key(tenant_id), 0);
        let mut pages = self.valkey.users(&key);
        while let Some(owners) = pages.next_owners(tenant_id).await? {
            for owner in owners {
                count += self.delete_for_user(owner).await?;
            }
        }
        Ok(count)
    }

    async fn sweep(
        &self,
        tenant_id: TenantId,
        retention: DeviceRetention,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Swept>, StoreError> {
        self.sweep_tenant(tenant_id, retention, now, limit).await
    }
}

fn check_name(name: Option<&str>) -> Result<(), StoreError> {
    at_most(name.map_or(0, |name| name.chars().count()), MAX_DEVICE_NAME_CHARS)
}
