use super::statements as sql;
use crate::db::{Db, Row, Tx, Value, args, column::Column, misuse, on_a_database, transaction};
use axess_core::{
    device::{
        Device, DeviceRetention, DeviceTrustLevel, FingerprintHash, MAX_DEVICE_NAME_CHARS, RetentionVerdict,
    },
    store::{DeviceStore, Owner, Registered, SaveOutcome, StoreError, StoreErrorKind, Swept, TrustChange},
};
use axess_identity::{DeviceId, TenantId, UserId};
use chrono::{DateTime, TimeDelta, Utc};

/// How often a registration that found neither room nor the device in its way looks again.
const REGISTER_ATTEMPTS: u32 = 8;
/// How many devices of a tenant are deleted at a time.
const DELETED_AT_ONCE: usize = 1_000;
/// How many devices the sweep names in one statement.
const SWEPT_AT_ONCE: usize = 100;
/// How often in a row the sweep looks for more after everything it had found was changed by somebody else.
const SWEEP_ATTEMPTS: u32 = 16;

/// Keeps devices in a database.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # let folder = std::env::temp_dir().join(format!("axess-doc-devices-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let url = format!("sqlite:{}", folder.join("app.db").display());
/// use axess_core::store::{DeviceStore, Owner};
/// use axess_identity::{TenantId, UserId};
/// use axess_sql::{Db, SqlDeviceStore};
/// let store = SqlDeviceStore::new(Db::connect(&url).await.unwrap());
/// store.init_schema().await.unwrap();
/// let owner = Owner { tenant_id: TenantId::from_parts(0, [1; 10]), user_id: UserId::from_parts(0, [2; 10]) };
/// assert!(store.find_for_user(owner, 10).await.unwrap().is_empty());
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct SqlDeviceStore {
    db: Db,
}

on_a_database!(SqlDeviceStore);

impl SqlDeviceStore {
    /// Names at most `limit` devices that the sweep has to look at.
    async fn due(
        &self,
        tenant_id: TenantId,
        retention: DeviceRetention,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Owned>, StoreError> {
        // What no time is long enough ago for is never due.
        let before = |age: TimeDelta| now.checked_sub_signed(age).unwrap_or(DateTime::<Utc>::MIN_UTC);
        let [trusted, seen, revoked] = [retention.trusted, retention.seen, retention.revoked].map(before);
        let mut args = args![tenant_id, trusted, tenant_id, seen, seen, tenant_id, revoked];
        args.extend(args![tenant_id, revoked, revoked, limit]);
        let owned = |row: &Row| {
            let owner = Owner { tenant_id, user_id: row.get::<UserId>("user_id")? };
            Ok(Owned { owner, device_id: row.get("device_id")? })
        };
        self.db.fetch_all(sql::DUE, args).await?.iter().map(owned).collect()
    }

    /// Demotes and deletes those of `due` that deserve it now that nobody else can change them.
    async fn settle(
        &self,
        due: &[Owned],
        retention: DeviceRetention,
        now: DateTime<Utc>,
    ) -> Result<Vec<Swept>, StoreError> {
        transaction!(self.db, tx => {
            let mut swept = Vec::new();
            for some in due.chunks(SWEPT_AT_ONCE) {
                swept.extend(settle_some(tx, some, retention, now).await?);
            }
            Ok(swept)
        })
    }
}

impl DeviceStore for SqlDeviceStore {
    async fn load(&self, owner: Owner, device_id: DeviceId) -> Result<Option<Device>, StoreError> {
        let args = args![owner.tenant_id, owner.user_id, device_id];
        self.db.fetch_optional(sql::LOAD, args).await?.map(|row| device(&row)).transpose()
    }

    async fn find_by_fingerprint(
        &self,
        owner: Owner,
        fingerprint: FingerprintHash,
    ) -> Result<Option<Device>, StoreError> {
        let args = args![owner.tenant_id, owner.user_id, fingerprint];
        self.db.fetch_optional(sql::FIND_LIVE, args).await?.map(|row| device(&row)).transpose()
    }

    async fn find_for_user(&self, owner: Owner, limit: usize) -> Result<Vec<Device>, StoreError> {
        let args = args![owner.tenant_id, owner.user_id, limit];
        self.db.fetch_all(sql::FIND_FOR_USER, args).await?.iter().map(device).collect()
    }

    async fn register(&self, device: Device) -> Result<Registered, StoreError> {
        check_name(device.display_name.as_deref())?;
        let (owner, device_id, fingerprint) = (device.owner, device.device_id, device.fingerprint_hash);
        // A revoked device takes no fingerprint, but it must not join a live one either.
        if device.trust_level == DeviceTrustLevel::Revoked
            && let Some(known) = self.find_by_fingerprint(owner, fingerprint).await?
        {
            return Ok(Registered::Existing(Box::new(known)));
        }
        for _ in 0..REGISTER_ATTEMPTS {
            let columns = columns(&device);
            let written: u64 =
                transaction!(self.db, tx => { tx.execute(sql::INSERT, columns.clone()).await })?;
            if written > 0 {
                return Ok(Registered::Created);
            }
            if let Some(known) = self.find_by_fingerprint(owner, fingerprint).await? {
                return Ok(Registered::Existing(Box::new(known)));
            }
            if self.load(owner, device_id).await?.is_some() {
                return Err(misuse("another device of the user has this id"));
            }
            // What was in the way was revoked or deleted in between.
        }
        Err(StoreError::bare(StoreErrorKind::Unavailable))
    }

    async fn record_sighting(
        &self,
        owner: Owner,
        device_id: DeviceId,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let args = args![now, owner.tenant_id, owner.user_id, device_id, now];
        self.db.execute(sql::SIGHT, args).await.map(drop)
    }

    async fn rename(
        &self,
        owner: Owner,
        device_id: DeviceId,
        name: Option<String>,
    ) -> Result<SaveOutcome, StoreError> {
        check_name(name.as_deref())?;
        let args = args![name, owner.tenant_id, owner.user_id, device_id];
        match self.db.execute(sql::RENAME, args).await? {
            0 => Ok(SaveOutcome::Conflict),
            _ => Ok(SaveOutcome::Saved),
        }
    }

    async fn set_trust_level(
        &self,
        owner: Owner,
        device_id: DeviceId,
        level: DeviceTrustLevel,
        now: DateTime<Utc>,
    ) -> Result<TrustChange, StoreError> {
        let Owner { tenant_id, user_id } = owner;
        transaction!(self.db, tx => {
            let row = tx.fetch_optional(sql::LOCK_LEVEL, args![tenant_id, user_id, device_id]).await?;
            let Some(row) = row else { return Ok(TrustChange::Refused) };
            let from: DeviceTrustLevel = row.get("trust_level")?;
            if from == level {
                return Ok(TrustChange::Unchanged);
            }
            if !from.may_become(level) {
                return Ok(TrustChange::Refused);
            }
            let (sql, set) = match level {
                DeviceTrustLevel::Trusted => (sql::TRUST, args![now]),
                DeviceTrustLevel::Revoked => (sql::REVOKE, args![now]),
                DeviceTrustLevel::Unknown | DeviceTrustLevel::Seen => (sql::SET_LEVEL, args![level]),
            };
            tx.execute(sql, [set, args![tenant_id, user_id, device_id]].concat()).await?;
            Ok(TrustChange::Changed { from })
        })
    }

    async fn delete_for_user(&self, owner: Owner) -> Result<u64, StoreError> {
        let args = args![owner.tenant_id, owner.user_id];
        transaction!(self.db, tx => { tx.execute(sql::DELETE_FOR_USER, args.clone()).await })
    }

    async fn delete_for_tenant(&self, tenant_id: TenantId) -> Result<u64, StoreError> {
        let mut deleted = 0;
        // A large tenant in one statement would run into the time limit, and again at the next try.
        loop {
            let end = self.db.fetch_optional(sql::BATCH_END, args![tenant_id, DELETED_AT_ONCE]).await?;
            let end: Option<UserId> = end.map(|row| row.get("user_id")).transpose()?;
            let (sql, args) = match end {
                Some(user_id) => (sql::DELETE_BATCH, args![tenant_id, user_id]),
                None => (sql::DELETE_FOR_TENANT, args![tenant_id]),
            };
            let batch: u64 = transaction!(self.db, tx => { tx.execute(sql, args.clone()).await })?;
            deleted += batch;
            if end.is_none() {
                return Ok(deleted);
            }
        }
    }

    async fn sweep(
        &self,
        tenant_id: TenantId,
        retention: DeviceRetention,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Swept>, StoreError> {
        let (mut swept, mut fruitless) = (Vec::new(), 0);
        while swept.len() < limit && fruitless < SWEEP_ATTEMPTS {
            let room = limit - swept.len();
            let due = self.due(tenant_id, retention, now, room).await?;
            let done = self.settle(&due, retention, now).await;
            let done = match done {
                // What was done before is worth more to the caller than the error, which the next sweep meets again.
                Err(_) if !swept.is_empty() => break,
                done => done?,
            };
            fruitless = if done.is_empty() { fruitless + 1 } else { 0 };
            swept.extend(done);
            if due.len() < room {
                break;
            }
        }
        Ok(swept)
    }
}

/// The whole name of a device.
#[derive(Debug, Clone, Copy)]
struct Owned {
    owner: Owner,
    device_id: DeviceId,
}

impl Column for DeviceTrustLevel {
    type Raw = String;

    fn into_raw(self) -> String {
        self.as_str().to_owned()
    }

    fn from_raw(raw: String) -> Option<Self> {
        Self::from_name(&raw)
    }
}

impl Column for FingerprintHash {
    type Raw = Vec<u8>;

    fn into_raw(self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn from_raw(raw: Vec<u8>) -> Option<Self> {
        Some(Self::from_bytes(raw.try_into().ok()?))
    }
}

async fn settle_some(
    tx: &mut Tx,
    due: &[Owned],
    retention: DeviceRetention,
    now: DateTime<Utc>,
) -> Result<Vec<Swept>, StoreError> {
    let rows = tx.fetch_all(sql::lock_these(due.len()), names(due.iter().copied())).await?;
    let mut swept = Vec::new();
    for row in &rows {
        let device = device(row)?;
        let verdict = retention.verdict(&device, now);
        if verdict != RetentionVerdict::Keep {
            let idle_days = u32::try_from((now - device.last_seen_at).num_days()).unwrap_or(0);
            swept.push(Swept { owner: device.owner, device_id: device.device_id, verdict, idle_days });
        }
    }
    let these = |verdict| {
        let these = swept.iter().filter(move |swept| swept.verdict == verdict);
        these.map(|swept| Owned { owner: swept.owner, device_id: swept.device_id })
    };
    let demoted = these(RetentionVerdict::Demote).count();
    if demoted > 0 {
        let args = [args![now], names(these(RetentionVerdict::Demote))].concat();
        tx.execute(sql::demote_these(demoted), args).await?;
    }
    let purged = these(RetentionVerdict::Purge).count();
    if purged > 0 {
        tx.execute(sql::delete_these(purged), names(these(RetentionVerdict::Purge))).await?;
    }
    Ok(swept)
}

fn names(devices: impl Iterator<Item = Owned>) -> Vec<Value> {
    let name = |it: Owned| args![it.owner.tenant_id, it.owner.user_id, it.device_id];
    devices.flat_map(name).collect()
}

fn check_name(name: Option<&str>) -> Result<(), StoreError> {
    match name.is_some_and(|name| name.chars().count() > MAX_DEVICE_NAME_CHARS) {
        true => Err(misuse("a device's name has at most 128 characters")),
        false => Ok(()),
    }
}

fn columns(device: &Device) -> Vec<Value> {
    let live = (device.trust_level != DeviceTrustLevel::Revoked).then_some(device.fingerprint_hash);
    args![
        device.owner.tenant_id,
        device.owner.user_id,
        device.device_id,
        device.trust_level,
        device.fingerprint_hash,
        live,
        device.display_name.clone(),
        device.first_seen_at,
        device.last_seen_at,
        device.trusted_at,
        device.demoted_at,
        device.revoked_at,
    ]
}

fn device(row: &Row) -> Result<Device, StoreError> {
    Ok(Device {
        device_id: row.get("device_id")?,
        owner: row.owner()?,
        trust_level: row.get("trust_level")?,
        fingerprint_hash: row.get("fingerprint")?,
        display_name: row.find("display_name")?,
        first_seen_at: row.get("first_seen_at")?,
        last_seen_at: row.get("last_seen_at")?,
        trusted_at: row.find("trusted_at")?,
        demoted_at: row.find("demoted_at")?,
        revoked_at: row.find("revoked_at")?,
    })
}
