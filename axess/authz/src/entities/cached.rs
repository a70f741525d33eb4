use super::{AuthzEntityProvider, AuthzProviderError, EntitySet, ToCedarEntity};
use crate::ResourceUid;
use axess_cache::ClockTtlCache;
use axess_clock::Clock;
use axess_identity::{Principal, TenantId};
use std::{collections::BTreeSet, num::NonZeroUsize, sync::Arc, time::Duration};

/// A provider that keeps what another one loaded, for a while and until it is told otherwise.
///
/// It keeps facts, never decisions. What it keeps is known by tenant, principal and the set of resources; the
/// principal's own entity is not part of it, so a changed session is seen at once. An answer is at most `ttl` old: a role
/// withdrawn elsewhere still counts for that long, unless the code that withdraws it calls one of the `invalidate_`
/// methods, which also win over a load in progress. Failures are not kept.
///
/// What a session works out from an answer (checked against the schema, with the hierarchy) stays with the answer, for the
/// policies and the principal that it holds for. That spares most of a decision's time, and takes some three times the
/// memory of the facts alone.
///
/// ```
/// use axess_authz::{CachedEntityProvider, NoEntities, ResourceUid};
/// use axess_clock::MockClock;
/// use axess_identity::{TenantId, UserId};
/// use std::{num::NonZeroUsize, sync::Arc, time::Duration};
///
/// let capacity = NonZeroUsize::new(10_000).unwrap();
/// let cached = CachedEntityProvider::new(NoEntities, capacity, Duration::from_secs(1), Arc::new(MockClock::default()));
/// cached.invalidate_principal(TenantId::from_parts(0, [1; 10]), &ResourceUid::user(UserId::from_parts(0, [2; 10])));
/// ```
#[derive(Debug)]
pub struct CachedEntityProvider<P> {
    inner: P,
    cache: ClockTtlCache<Key, EntitySet>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    tenant: TenantId,
    principal: ResourceUid,
    resources: Arc<BTreeSet<ResourceUid>>,
}

impl<P: AuthzEntityProvider> CachedEntityProvider<P> {
    /// Keeps at most `capacity` answers of `inner`, each for `ttl` on `clock`.
    #[must_use]
    pub fn new(inner: P, capacity: NonZeroUsize, ttl: Duration, clock: Arc<dyn Clock>) -> Self {
        Self { inner, cache: ClockTtlCache::new(capacity, ttl, clock) }
    }

    /// Forgets what is known about a principal, for instance when its roles change.
    pub fn invalidate_principal(&self, tenant: TenantId, principal: &ResourceUid) {
        self.cache.invalidate_where(|key| key.tenant == tenant && key.principal == *principal);
    }

    /// Forgets every answer that contains a resource, for instance when its owner changes.
    pub fn invalidate_resource(&self, tenant: TenantId, resource: &ResourceUid) {
        self.cache.invalidate_where(|key| key.tenant == tenant && key.resources.contains(resource));
    }

    /// Forgets everything about a tenant, for instance when its groups are reorganised.
    pub fn invalidate_tenant(&self, tenant: TenantId) {
        self.cache.invalidate_where(|key| key.tenant == tenant);
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.cache.clear();
    }
}

impl<P: AuthzEntityProvider> AuthzEntityProvider for CachedEntityProvider<P> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn entities(
        &self,
        principal: &Principal,
        resources: &[ResourceUid],
    ) -> Result<EntitySet, AuthzProviderError> {
        let key = Key {
            tenant: principal.tenant_id(),
            principal: principal.cedar_uid(),
            resources: Arc::new(resources.iter().cloned().collect()),
        };
        self.cache.get_or_try_load(key, || self.inner.entities(principal, resources)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Entity;
    use axess_clock::MockClock;
    use axess_identity::{HumanPrincipal, UserId};
    use std::{
        slice::from_ref,
        sync::atomic::{AtomicUsize, Ordering},
    };

    #[derive(Clone, Default)]
    struct Counting(Arc<AtomicUsize>);

    impl AuthzEntityProvider for Counting {
        fn name(&self) -> &str {
            "counting"
        }

        async fn entities(
            &self,
            _: &Principal,
            resources: &[ResourceUid],
        ) -> Result<EntitySet, AuthzProviderError> {
            let count = self.0.fetch_add(1, Ordering::SeqCst);
            if count == 0 {
                return Err(AuthzProviderError::new("down", "the first load fails"));
            }
            Ok(resources.iter().cloned().map(Entity::new).collect())
        }
    }

    fn principal(user: u8, tenant: u8) -> Principal {
        Principal::Human(HumanPrincipal {
            user_id: UserId::from_parts(0, [user; 10]),
            tenant_id: TenantId::from_parts(0, [tenant; 10]),
            session_id: None,
            attributes: [].into(),
        })
    }

    #[tokio::test]
    async fn answers_live_by_the_clock_and_until_invalidated() {
        let clock = MockClock::default();
        let inner = Counting::default();
        let ttl = Duration::from_secs(60);
        let cached = CachedEntityProvider::new(
            inner.clone(),
            NonZeroUsize::new(10).unwrap(),
            ttl,
            Arc::new(clock.clone()),
        );
        let a = ResourceUid::new("Document", "a").unwrap();
        let b = ResourceUid::new("Document", "b").unwrap();
        let alice = principal(1, 1);
        cached.entities(&alice, from_ref(&a)).await.unwrap_err();
        let load = async |principal: &Principal, resources: &[ResourceUid]| {
            let before = inner.0.load(Ordering::SeqCst);
            let set = cached.entities(principal, resources).await.unwrap();
            assert_eq!(set.len(), resources.len());
            inner.0.load(Ordering::SeqCst) > before
        };
        assert!(load(&alice, from_ref(&a)).await, "a failure is not kept");
        assert!(!load(&alice, from_ref(&a)).await);
        assert!(load(&alice, &[a.clone(), b.clone()]).await);
        assert!(!load(&alice, &[b.clone(), a.clone()]).await, "the order does not matter");
        assert!(load(&principal(1, 2), from_ref(&a)).await, "another tenant");
        assert!(load(&principal(2, 1), from_ref(&a)).await, "another principal");

        cached.invalidate_resource(alice.tenant_id(), &b);
        assert!(!load(&alice, from_ref(&a)).await);
        assert!(load(&alice, &[a.clone(), b.clone()]).await);
        cached.invalidate_principal(alice.tenant_id(), &alice.cedar_uid());
        assert!(load(&alice, from_ref(&a)).await);
        assert!(!load(&principal(2, 1), from_ref(&a)).await);
        cached.invalidate_tenant(alice.tenant_id());
        assert!(load(&principal(2, 1), from_ref(&a)).await);
        assert!(!load(&principal(1, 2), from_ref(&a)).await);
        cached.clear();
        assert!(load(&principal(1, 2), from_ref(&a)).await);
        clock.advance(ttl);
        assert!(load(&principal(1, 2), from_ref(&a)).await);
    }
}
