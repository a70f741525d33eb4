//! The ring of this process: a copy of what the store holds, read again often enough to be right.
//!
//! A key never begins to sign sooner than `propagation` after it was stored. So whoever read the ring at a time knows the
//! key that signs until `propagation` later, whatever others do meanwhile; only a withdrawal comes as a surprise.

use super::LocalIdpError;
use crate::{
    KeyRingBytes, KeyRingError, LocalIdpConfig, LocalIdpKeyStore, LocalIdpSigningKey, Rotation,
    SigningKeyError, key_ring::KeyRing,
};
use axess_clock::Clock;
use axess_rng::SecureRng;
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::{
    runtime::Handle,
    sync::{Mutex, MutexGuard},
};

/// How often a change is tried again after another process was faster.
const MAX_RACES: usize = 32;
/// How far the clock may seem to go back because another task looked at it later.
const OVERTAKEN: TimeDelta = TimeDelta::seconds(1);

pub(super) struct Keys {
    store: Arc<dyn LocalIdpKeyStore>,
    config: Arc<LocalIdpConfig>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn SecureRng>,
    copy: RwLock<Arc<Copy>>,
    /// One task asks the store at a time; the others go on with the copy.
    asking: Mutex<()>,
}

#[derive(Clone)]
struct Copy {
    ring: Arc<KeyRing>,
    bytes: KeyRingBytes,
    /// Taken before the store was asked.
    read_at: DateTime<Utc>,
    /// When the store was asked last, whether it answered or not.
    asked_at: DateTime<Utc>,
}

impl Keys {
    pub(super) async fn open(
        store: Arc<dyn LocalIdpKeyStore>,
        config: Arc<LocalIdpConfig>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn SecureRng>,
    ) -> Result<Self, LocalIdpError> {
        let read_at = clock.now();
        let bytes = match store.load().await? {
            Some(bytes) => bytes,
            None => {
                let key = generate(&config, &rng).await?;
                let first = KeyRing::new(key, config.max_lifetime, clock.now()).encode()?;
                match store.replace(None, &first).await? {
                    true => first,
                    // Another process was faster; its key is everybody's.
                    false => store.load().await?.ok_or(LocalIdpError::Lost)?,
                }
            }
        };
        let copy = RwLock::new(Arc::new(Copy {
            ring: Arc::new(KeyRing::decode(&bytes)?),
            bytes,
            read_at,
            asked_at: read_at,
        }));
        Ok(Self { store, config, clock, rng, copy, asking: Mutex::new(()) })
    }

    /// Returns the ring: the copy while it is young, a fresh one if it can be had, the copy while it must still be right.
    pub(super) async fn current(&self, now: DateTime<Utc>) -> Result<Arc<KeyRing>, LocalIdpError> {
        let copy = self.copy();
        let since = |time| now.signed_duration_since(time) + OVERTAKEN;
        let went_back = since(copy.asked_at) < TimeDelta::zero();
        let usable = !went_back && since(copy.read_at) <= self.config.propagation + OVERTAKEN;
        if usable && since(copy.asked_at) < self.config.copied_for() + OVERTAKEN {
            return Ok(Arc::clone(&copy.ring));
        }
        let guard = match self.asking.try_lock() {
            Ok(guard) => guard,
            // Somebody is asking. Where keys sign at once, the copy is never good enough.
            Err(_) if usable && self.config.propagation > TimeDelta::zero() => {
                return Ok(Arc::clone(&copy.ring));
            }
            Err(_) => self.asking.lock().await,
        };
        let newest = self.copy();
        if !Arc::ptr_eq(&newest, &copy) && newest.read_at > now {
            // Whoever had the lock asked after we wanted to.
            return Ok(Arc::clone(&newest.ring));
        }
        match self.read(&guard, now).await {
            Ok(copy) => Ok(Arc::clone(&copy.ring)),
            Err(error) if usable => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the key ring could not be read again"
                );
                // Not before it would have been read again anyway: a store that is down is left in peace.
                self.keep(Copy { asked_at: now, ..Copy::clone(&newest) });
                Ok(Arc::clone(&newest.ring))
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn longest(&self) -> TimeDelta {
        self.copy().ring.longest()
    }

    /// Adds the given key, or a new one.
    pub(super) async fn rotate(
        &self,
        given: Option<Arc<LocalIdpSigningKey>>,
    ) -> Result<Rotation, LocalIdpError> {
        let key = match given {
            Some(key) => key,
            None => {
                // Keys take long to make; one that is not needed is not made.
                let (ring, now) = self.fresh().await?;
                if let Some(waiting) = ring.waiting(now) {
                    return Ok(waiting);
                }
                generate(&self.config, &self.rng).await?
            }
        };
        let (propagation, longest) = (self.config.propagation, self.config.max_lifetime);
        self.change(|ring, now| ring.rotate(Arc::clone(&key), propagation, longest, now)).await
    }

    pub(super) async fn maintain(&self) -> Result<Option<Rotation>, LocalIdpError> {
        let (ring, now) = self.fresh().await?;
        let is_due = ring.is_rotation_due(self.config.rotate_every, self.config.max_lifetime, now);
        if is_due && ring.waiting(now).is_none() {
            return self.rotate(None).await.map(Some);
        }
        if ring.has_gone(now) {
            self.change(|ring, now| {
                ring.sweep(now);
                Ok(())
            })
            .await?;
        }
        Ok(None)
    }

    pub(super) async fn withdraw(&self, kid: &str) -> Result<(), LocalIdpError> {
        let substitute = generate(&self.config, &self.rng).await?;
        let longest = self.config.max_lifetime;
        self.change(|ring, now| ring.withdraw(kid, Arc::clone(&substitute), longest, now)).await
    }

    /// Changes the stored ring in one step, on whatever it is by then.
    async fn change<T>(
        &self,
        mut change: impl FnMut(&mut KeyRing, DateTime<Utc>) -> Result<T, KeyRingError>,
    ) -> Result<T, LocalIdpError> {
        for _ in 0..MAX_RACES {
            let guard = self.asking.lock().await;
            let seen = self.read(&guard, self.clock.now()).await?;
            let mut ring = KeyRing::clone(&seen.ring);
            // The time of the change must not lie before others could read what was there until now.
            let now = self.clock.now();
            let changed = change(&mut ring, now)?;
            let bytes = ring.encode()?;
            if bytes.ct_eq(seen.bytes.expose()) {
                return Ok(changed);
            }
            if self.store.replace(Some(&seen.bytes), &bytes).await? {
                self.keep(Copy { ring: Arc::new(ring), bytes, read_at: now, asked_at: now });
                return Ok(changed);
            }
        }
        Err(LocalIdpError::Contended)
    }

    async fn fresh(&self) -> Result<(Arc<KeyRing>, DateTime<Utc>), LocalIdpError> {
        let guard = self.asking.lock().await;
        let now = self.clock.now();
        Ok((Arc::clone(&self.read(&guard, now).await?.ring), now))
    }

    async fn read(&self, _: &MutexGuard<'_, ()>, read_at: DateTime<Utc>) -> Result<Arc<Copy>, LocalIdpError> {
        let bytes = self.store.load().await?.ok_or(LocalIdpError::Lost)?;
        let known = self.copy();
        let ring = match bytes.ct_eq(known.bytes.expose()) {
            true => Arc::clone(&known.ring),
            false => Arc::new(KeyRing::decode(&bytes)?),
        };
        Ok(self.keep(Copy { ring, bytes, read_at, asked_at: read_at }))
    }

    fn copy(&self) -> Arc<Copy> {
        Arc::clone(&self.copy.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn keep(&self, copy: Copy) -> Arc<Copy> {
        let copy = Arc::new(copy);
        *self.copy.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&copy);
        copy
    }
}

/// Generates a key beside the tasks of the runtime: an RSA key takes a good part of a second.
async fn generate(
    config: &LocalIdpConfig,
    rng: &Arc<dyn SecureRng>,
) -> Result<Arc<LocalIdpSigningKey>, LocalIdpError> {
    let (algorithm, rng) = (config.algorithm, Arc::clone(rng));
    let make = move || LocalIdpSigningKey::generate(algorithm, &rng);
    let made = match Handle::try_current() {
        Ok(runtime) => runtime.spawn_blocking(make).await.unwrap_or(Err(SigningKeyError::Library)),
        Err(_) => make(),
    };
    Ok(Arc::new(made.map_err(KeyRingError::Key)?))
}
