use axess_authz::{AuthzEntityProvider, AuthzProviderError, EntitySet, ResourceUid, ToCedarEntity};
use axess_clock::{Clock, SystemClock};
use axess_core::{
    envelope::Envelope,
    store::{Store, StoreError},
};
use axess_identity::{Principal, TenantId};
use axess_rng::{SecureRng, SystemRng, random_array};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::{try_join, try_join_all};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

/// The most resources of a question whose facts are shared: each costs a reading of its mark.
pub const MAX_SHARED_RESOURCES: usize = 16;
/// The largest answer that is shared, in bytes.
pub const MAX_SHARED_BYTES: usize = 256 * 1024;
/// The longest life of an entry.
const MAX_TTL: TimeDelta = TimeDelta::hours(1);
/// How much longer than any entry a mark lives, for instances whose clocks differ.
const SKEW: TimeDelta = TimeDelta::hours(1);
/// The length of a mark, in bytes.
const MARK_BYTES: usize = 16;

/// A provider that keeps what another one loaded where all instances see it, for a while and until one is told otherwise.
///
/// It keeps facts, never decisions. An entry is known by tenant, principal and the set of resources, is sealed for exactly
/// that place, and is used for `ttl` by the injected clock: not before it was written and not after. One that cannot be
/// read, opened or understood is loaded anew, and so is everything while the store fails; failures are not kept.
///
/// There are marks on the tenant, the principal and each resource, and an entry opens only under those it was loaded
/// under. An `invalidate_` method changes one mark, which ends the entries of every instance at once, those of loads in
/// progress included. Call it after the change is committed. When it fails, or the store loses the mark, the entries end
/// with their `ttl`. Instances must agree on `ttl`, and their clocks within an hour.
///
/// A [`CachedEntityProvider`](axess_authz::CachedEntityProvider) around this one adds its own time, and does not hear of
/// what is invalidated elsewhere.
///
/// ```
/// use axess_authz::{NoEntities, ResourceUid};
/// use axess_core::{envelope::Envelope, memory::MemoryStore};
/// use axess_http::SharedEntityCache;
/// use axess_identity::{TenantId, UserId};
/// use std::{sync::Arc, time::Duration};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let key = [1u8; 32]; // in production: 32 random bytes from a secret store, the same on every instance
/// let store = Arc::new(MemoryStore::new()); // or one that other instances see
/// let provider = SharedEntityCache::new(NoEntities, store, Envelope::new(key).unwrap(), Duration::from_secs(30));
/// let (tenant, alice) = (TenantId::from_parts(0, [1; 10]), UserId::from_parts(0, [2; 10]));
/// provider.invalidate_principal(tenant, &ResourceUid::user(alice)).await.unwrap();
/// # });
/// ```
pub struct SharedEntityCache<P> {
    inner: P,
    store: Arc<dyn Store<String, Vec<u8>>>,
    envelope: Envelope,
    ttl: TimeDelta,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn SecureRng>,
}

/// An entry as it is sealed.
#[derive(Serialize, Deserialize)]
struct Entry {
    /// When loading began.
    loaded_at: DateTime<Utc>,
    entities: EntitySet,
}

/// Where an entry is, and under which marks it opens.
struct Place {
    key: String,
    marks: Vec<String>,
}

impl<P: AuthzEntityProvider> SharedEntityCache<P> {
    /// Keeps answers of `inner` in `store` for `ttl`, at most one hour, on the system's clock.
    #[must_use]
    pub fn new(inner: P, store: Arc<dyn Store<String, Vec<u8>>>, envelope: Envelope, ttl: Duration) -> Self {
        let ttl = TimeDelta::from_std(ttl).unwrap_or(MAX_TTL).min(MAX_TTL);
        Self { inner, store, envelope, ttl, clock: Arc::new(SystemClock), rng: Arc::new(SystemRng) }
    }

    /// Injects the clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Injects the randomness of marks and nonces.
    #[must_use]
    pub fn with_rng(mut self, rng: Arc<dyn SecureRng>) -> Self {
        self.rng = rng;
        self
    }

    /// Forgets, on every instance, what is known about a principal, for instance when its roles change.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when it may still be remembered until its `ttl` is over.
    pub async fn invalidate_principal(
        &self,
        tenant: TenantId,
        principal: &ResourceUid,
    ) -> Result<(), StoreError> {
        self.mark(of_principal(tenant, principal)).await
    }

    /// Forgets, on every instance, every answer that contains a resource, for instance when its owner changes.
    ///
    /// # Errors
    ///
    /// As [`invalidate_principal`](Self::invalidate_principal).
    pub async fn invalidate_resource(
        &self,
        tenant: TenantId,
        resource: &ResourceUid,
    ) -> Result<(), StoreError> {
        self.mark(of_resource(tenant, resource)).await
    }

    /// Forgets, on every instance, everything about a tenant, for instance when its groups are reorganised.
    ///
    /// # Errors
    ///
    /// As [`invalidate_principal`](Self::invalidate_principal).
    pub async fn invalidate_tenant(&self, tenant: TenantId) -> Result<(), StoreError> {
        self.mark(of_tenant(tenant)).await
    }

    async fn mark(&self, key: String) -> Result<(), StoreError> {
        let mark: [u8; MARK_BYTES] = random_array(&*self.rng);
        self.store.set(key, mark.to_vec(), after(self.clock.now(), self.ttl + SKEW)).await
    }

    /// Reads the marks in force and what is kept, and returns the context to seal under and the entry that opens in it.
    async fn look(
        &self,
        place: &Place,
        now: DateTime<Utc>,
    ) -> Result<(Vec<u8>, Option<EntitySet>), StoreError> {
        let marks = place.marks.iter().map(|mark| self.store.get(mark.clone(), now));
        let (marks, kept) = try_join(try_join_all(marks), self.store.get(place.key.clone(), now)).await?;
        let absent = Vec::new;
        let parts = marks.into_iter().map(|mark| mark.unwrap_or_else(absent));
        let seal = digest(std::iter::once(place.key.clone().into_bytes()).chain(parts)).to_vec();
        let entry = kept.and_then(|kept| self.open(&seal, &kept, now));
        Ok((seal, entry))
    }

    fn open(&self, seal: &[u8], kept: &[u8], now: DateTime<Utc>) -> Option<EntitySet> {
        let entry: Entry = serde_json::from_slice(&self.envelope.open(seal, kept)?.plain).ok()?;
        let age = now - entry.loaded_at;
        (TimeDelta::zero() <= age && age < self.ttl).then_some(entry.entities)
    }

    async fn keep(&self, key: String, seal: &[u8], entry: &Entry) {
        let Ok(plain) = serde_json::to_vec(entry) else { return };
        if plain.len() > MAX_SHARED_BYTES {
            return;
        }
        let Some(sealed) = self.envelope.seal(seal, &plain, &*self.rng) else { return };
        if let Err(error) = self.store.set(key, sealed, after(entry.loaded_at, self.ttl)).await {
            failed(&error);
        }
    }
}

impl<P: AuthzEntityProvider> AuthzEntityProvider for SharedEntityCache<P> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn entities(
        &self,
        principal: &Principal,
        resources: &[ResourceUid],
    ) -> Result<EntitySet, AuthzProviderError> {
        let Some(place) = Place::of(principal, resources) else {
            return self.inner.entities(principal, resources).await;
        };
        // The time and the marks are taken before the facts are loaded: what changes meanwhile must not be kept.
        let loaded_at = self.clock.now();
        let seal = match self.look(&place, loaded_at).await {
            Ok((_, Some(entities))) => return Ok(entities),
            Ok((seal, None)) => Some(seal),
            Err(error) => {
                failed(&error);
                None
            }
        };
        let entities = self.inner.entities(principal, resources).await?;
        let Some(seal) = seal else { return Ok(entities) };
        let entry = Entry { loaded_at, entities };
        self.keep(place.key, &seal, &entry).await;
        Ok(entry.entities)
    }
}

impl<P> fmt::Debug for SharedEntityCache<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedEntityCache").field("ttl", &self.ttl).finish_non_exhaustive()
    }
}

impl Place {
    /// Returns nothing for a question that is too large to be shared.
    fn of(principal: &Principal, resources: &[ResourceUid]) -> Option<Self> {
        let resources: BTreeSet<&ResourceUid> = resources.iter().collect();
        if resources.len() > MAX_SHARED_RESOURCES {
            return None;
        }
        let (tenant, principal) = (principal.tenant_id(), principal.cedar_uid());
        let names = resources.iter().map(ToString::to_string);
        let parts = ["entry".to_owned(), tenant.to_string(), principal.to_string()].into_iter().chain(names);
        let mut marks = vec![of_tenant(tenant), of_principal(tenant, &principal)];
        marks.extend(resources.iter().map(|resource| of_resource(tenant, resource)));
        Some(Self { key: key(parts), marks })
    }
}

fn of_tenant(tenant: TenantId) -> String {
    key(["tenant".to_owned(), tenant.to_string()])
}

fn of_principal(tenant: TenantId, principal: &ResourceUid) -> String {
    key(["principal".to_owned(), tenant.to_string(), principal.to_string()])
}

fn of_resource(tenant: TenantId, resource: &ResourceUid) -> String {
    key(["resource".to_owned(), tenant.to_string(), resource.to_string()])
}

/// Names are as long as applications make them, keys are not.
fn key(parts: impl IntoIterator<Item = String>) -> String {
    format!("axess:entities:{}", URL_SAFE_NO_PAD.encode(digest(parts)))
}

/// Returns the SHA-256 of a list; no two lists are the same bytes.
fn digest<T: AsRef<[u8]>>(parts: impl IntoIterator<Item = T>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        let part = part.as_ref();
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

fn after(time: DateTime<Utc>, span: TimeDelta) -> DateTime<Utc> {
    time.checked_add_signed(span).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

fn failed(error: &StoreError) {
    tracing::warn!(error = error as &dyn std::error::Error, "the shared cache of entities failed");
}
