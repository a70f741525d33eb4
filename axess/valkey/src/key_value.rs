use crate::{
    Valkey,
    error::{at_most, corrupt},
    moment::keep_for,
};
use axess_clock::Clock;
use axess_core::store::{Store, StoreError, StoreFuture};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use std::{fmt, sync::Arc};

/// The most bytes of a key.
pub const MAX_KEY_BYTES: usize = 512;
/// The most bytes of a value.
pub const MAX_VALUE_BYTES: usize = 1024 * 1024;

/// Keeps values by key in Valkey or Redis.
///
/// Clones share them.
///
/// The clock tells the server how long to keep a value; whether it has ended is for the caller of `get` to say.
///
/// ```no_run
/// # use axess_core::store::StoreError;
/// use axess_clock::SystemClock;
/// use axess_core::store::Store;
/// use axess_valkey::{Valkey, ValkeyStore};
/// use std::sync::Arc;
/// # async fn example(now: chrono::DateTime<chrono::Utc>) -> Result<(), StoreError> {
/// let valkey = Valkey::connect("redis://127.0.0.1").await?;
/// let store: Arc<dyn Store<String, Vec<u8>>> = Arc::new(ValkeyStore::new(&valkey, Arc::new(SystemClock)));
/// store.set("greeting".into(), b"hello".to_vec(), now + chrono::TimeDelta::minutes(1)).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct ValkeyStore {
    valkey: Valkey,
    clock: Arc<dyn Clock>,
}

impl ValkeyStore {
    /// Creates a store on this connection.
    #[must_use]
    pub fn new(valkey: &Valkey, clock: Arc<dyn Clock>) -> Self {
        Self { valkey: valkey.clone(), clock }
    }

    fn key(&self, key: &str) -> Result<String, StoreError> {
        at_most(key.len(), MAX_KEY_BYTES)?;
        Ok(self.valkey.key(format_args!("value:{key}")))
    }

    async fn read(&self, key: &str, now: DateTime<Utc>) -> Result<Option<Bytes>, StoreError> {
        let stored: Option<Bytes> = self.valkey.query(redis::cmd("GET").arg(self.key(key)?)).await?;
        let Some(mut stored) = stored else { return Ok(None) };
        let (secs, rest) = stored.split_first_chunk().ok_or_else(corrupt)?;
        let nanos = rest.first_chunk().ok_or_else(corrupt)?;
        let end = DateTime::from_timestamp(i64::from_be_bytes(*secs), u32::from_be_bytes(*nanos));
        let value = stored.split_off(size_of::<i64>() + size_of::<u32>());
        Ok((end.ok_or_else(corrupt)? > now).then_some(value))
    }

    async fn write(&self, key: &str, value: &[u8], expires_at: DateTime<Utc>) -> Result<(), StoreError> {
        at_most(value.len(), MAX_VALUE_BYTES)?;
        let (secs, nanos) = (expires_at.timestamp(), expires_at.timestamp_subsec_nanos());
        let stored = [&secs.to_be_bytes(), &nanos.to_be_bytes()[..], value].concat();
        let mut cmd = redis::cmd("SET");
        cmd.arg(self.key(key)?).arg(stored).arg("PX").arg(keep_for(expires_at - self.clock.now()));
        self.valkey.query(&cmd).await
    }

    async fn remove(&self, key: &str) -> Result<bool, StoreError> {
        self.valkey.query(redis::cmd("DEL").arg(self.key(key)?)).await
    }
}

impl Store<String, Bytes> for ValkeyStore {
    fn get(&self, key: String, now: DateTime<Utc>) -> StoreFuture<'_, Option<Bytes>> {
        Box::pin(async move { self.read(&key, now).await })
    }

    fn set(&self, key: String, value: Bytes, expires_at: DateTime<Utc>) -> StoreFuture<'_, ()> {
        Box::pin(async move { self.write(&key, &value, expires_at).await })
    }

    fn delete(&self, key: String) -> StoreFuture<'_, bool> {
        Box::pin(async move { self.remove(&key).await })
    }
}

impl Store<String, Vec<u8>> for ValkeyStore {
    fn get(&self, key: String, now: DateTime<Utc>) -> StoreFuture<'_, Option<Vec<u8>>> {
        Box::pin(async move { Ok(self.read(&key, now).await?.map(Vec::from)) })
    }

    fn set(&self, key: String, value: Vec<u8>, expires_at: DateTime<Utc>) -> StoreFuture<'_, ()> {
        Box::pin(async move { self.write(&key, &value, expires_at).await })
    }

    fn delete(&self, key: String) -> StoreFuture<'_, bool> {
        Box::pin(async move { self.remove(&key).await })
    }
}

impl fmt::Debug for ValkeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValkeyStore").field("valkey", &self.valkey).finish_non_exhaustive()
    }
}
