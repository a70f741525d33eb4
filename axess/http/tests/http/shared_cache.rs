//! Facts that instances share: when they are loaded anew, on memory and on Valkey.

use super::authz_site::Documents;
use axess_authz::{AuthzEntityProvider, AuthzProviderError, Entity, EntitySet, ResourceUid, ToCedarEntity};
use axess_clock::{Clock, MockClock};
use axess_core::{
    envelope::Envelope,
    memory::MemoryStore,
    store::{Store, StoreError, StoreErrorKind, StoreFuture},
};
use axess_http::{MAX_SHARED_BYTES, MAX_SHARED_RESOURCES, SharedEntityCache};
use axess_identity::{HumanPrincipal, Principal, TenantId, UserId};
use axess_peers::{Kind, shared, skip};
use axess_valkey::{ValkeyOptions, ValkeyStore};
use chrono::{DateTime, Utc};
use std::{
    slice::from_ref,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

const TTL: Duration = Duration::from_secs(60);

type Values = Arc<dyn Store<String, Vec<u8>>>;

/// A memory store whose keys are known, and which can fail.
#[derive(Clone, Default)]
struct Probe {
    values: MemoryStore<String, Vec<u8>>,
    keys: Arc<Mutex<Vec<String>>>,
    down: Arc<AtomicBool>,
}

impl Probe {
    fn check(&self) -> Result<(), StoreError> {
        if self.down.load(Ordering::SeqCst) {
            return Err(StoreError::bare(StoreErrorKind::Unavailable));
        }
        Ok(())
    }
}

impl Store<String, Vec<u8>> for Probe {
    fn get(&self, key: String, now: DateTime<Utc>) -> StoreFuture<'_, Option<Vec<u8>>> {
        Box::pin(async move {
            self.check()?;
            self.values.get(key, now).await
        })
    }

    fn set(&self, key: String, value: Vec<u8>, expires_at: DateTime<Utc>) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            self.check()?;
            self.keys.lock().unwrap().push(key.clone());
            self.values.set(key, value, expires_at).await
        })
    }

    fn delete(&self, key: String) -> StoreFuture<'_, bool> {
        self.values.delete(key)
    }
}

fn person(tenant: u8, user: u8) -> Principal {
    Principal::Human(HumanPrincipal {
        user_id: UserId::from_parts(0, [user; 10]),
        tenant_id: TenantId::from_parts(0, [tenant; 10]),
        session_id: None,
        attributes: [].into(),
    })
}

fn document(id: &str) -> ResourceUid {
    ResourceUid::new("Document", id).unwrap()
}

/// One instance of the application.
fn instance(store: &Values, clock: &MockClock, documents: &Documents) -> SharedEntityCache<Documents> {
    let envelope = Envelope::new([7; 32]).unwrap();
    SharedEntityCache::new(documents.clone(), Arc::clone(store), envelope, TTL)
        .with_clock(Arc::new(clock.clone()))
}

/// Asks, and tells whether the facts were loaded for it. What is answered is what the provider says.
async fn loads(
    cache: &SharedEntityCache<Documents>,
    documents: &Documents,
    who: &Principal,
    what: &[ResourceUid],
) -> bool {
    let before = documents.loads.load(Ordering::SeqCst);
    let answer = AuthzEntityProvider::entities(cache, who, what).await.unwrap();
    let loaded = documents.loads.load(Ordering::SeqCst) - before;
    let truth = AuthzEntityProvider::entities(documents, who, what).await.unwrap();
    assert_eq!(answer, truth);
    assert!(loaded <= 1);
    loaded == 1
}

/// Two instances on one store, whatever it is.
async fn two_instances(store: Values, clock: MockClock) {
    let documents = Documents::default();
    let (one, two) = (instance(&store, &clock, &documents), instance(&store, &clock, &documents));
    let (alice, bob, eve) = (person(1, 1), person(1, 2), person(2, 1));
    let (mine, theirs) = (document("mine"), document("theirs"));
    let both = [mine.clone(), theirs.clone()];
    let again = async |who: &Principal, what: &[ResourceUid]| loads(&two, &documents, who, what).await;

    assert!(loads(&one, &documents, &alice, from_ref(&mine)).await);
    assert!(!again(&alice, from_ref(&mine)).await, "another instance has it");
    assert!(again(&bob, from_ref(&mine)).await, "another principal");
    assert!(again(&eve, from_ref(&mine)).await, "the same id in another tenant");
    assert!(again(&alice, &both).await && !again(&alice, &[theirs.clone(), mine.clone()]).await);
    assert!(again(&alice, &[]).await && !again(&alice, &[]).await);

    one.invalidate_resource(alice.tenant_id(), &theirs).await.unwrap();
    assert!(!again(&alice, from_ref(&mine)).await);
    assert!(again(&alice, &both).await && !again(&alice, &both).await);
    one.invalidate_principal(alice.tenant_id(), &alice.cedar_uid()).await.unwrap();
    assert!(again(&alice, from_ref(&mine)).await && again(&alice, &both).await);
    assert!(!again(&bob, from_ref(&mine)).await && !again(&eve, from_ref(&mine)).await);
    one.invalidate_tenant(alice.tenant_id()).await.unwrap();
    assert!(again(&alice, from_ref(&mine)).await && again(&bob, from_ref(&mine)).await);
    assert!(!again(&eve, from_ref(&mine)).await);

    clock.advance(TTL - Duration::from_millis(1));
    assert!(!again(&alice, from_ref(&mine)).await);
    clock.advance(Duration::from_millis(1));
    assert!(again(&alice, from_ref(&mine)).await, "its time is over");
    // The marks of the invalidations end in turn, long after what they ended.
    clock.advance(Duration::from_secs(10_000));
    assert!(again(&alice, &both).await && !again(&alice, &both).await);
}

#[tokio::test]
async fn instances_share_facts_and_hear_of_changes() {
    two_instances(Arc::new(MemoryStore::new()), MockClock::default()).await;
}

#[tokio::test]
async fn instances_share_facts_on_valkey() {
    let Some(urls) = shared(Kind::Valkey) else {
        return skip("instances_share_facts_on_valkey", "no Valkey");
    };
    let prefix = format!("test-entities-{}:", std::process::id());
    let valkey = ValkeyOptions { prefix, ..ValkeyOptions::default() }.connect(&urls[0]).await.unwrap();
    let clock = MockClock::default();
    let store = ValkeyStore::new(&valkey, Arc::new(clock.clone()));
    two_instances(Arc::new(store), clock).await;
}

#[tokio::test]
async fn a_cache_that_fails_is_a_cache_that_knows_nothing() {
    let (probe, clock, documents) = (Probe::default(), MockClock::default(), Documents::default());
    let store: Values = Arc::new(probe.clone());
    let cache = instance(&store, &clock, &documents);
    let (alice, mine) = (person(1, 1), document("mine"));
    probe.down.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        assert!(loads(&cache, &documents, &alice, from_ref(&mine)).await);
    }
    cache.invalidate_tenant(alice.tenant_id()).await.unwrap_err();
    probe.down.store(false, Ordering::SeqCst);
    assert!(loads(&cache, &documents, &alice, from_ref(&mine)).await, "nothing was kept meanwhile");
    assert!(!loads(&cache, &documents, &alice, from_ref(&mine)).await);

    documents.down.store(true, Ordering::SeqCst);
    let theirs = document("theirs");
    AuthzEntityProvider::entities(&cache, &alice, from_ref(&theirs)).await.unwrap_err();
    documents.down.store(false, Ordering::SeqCst);
    assert!(loads(&cache, &documents, &alice, from_ref(&theirs)).await, "a failure is not kept");
}

#[tokio::test]
async fn an_entry_is_worth_nothing_elsewhere_later_or_changed() {
    let (probe, clock, documents) = (Probe::default(), MockClock::default(), Documents::default());
    let store: Values = Arc::new(probe.clone());
    let cache = instance(&store, &clock, &documents);
    let (alice, bob, mine) = (person(1, 1), person(1, 2), document("mine"));
    let end = clock.now() + TTL * 100;
    for who in [&alice, &bob] {
        assert!(loads(&cache, &documents, who, from_ref(&mine)).await);
    }
    let [a, b]: [String; 2] = probe.keys.lock().unwrap().clone().try_into().unwrap();
    assert!(a.len() <= 255 && !a.contains("Document"));
    let sealed = probe.values.get(a.clone(), clock.now()).await.unwrap().unwrap();
    assert!(!String::from_utf8_lossy(&sealed).contains("Document"));

    probe.values.set(b, sealed.clone(), end).await.unwrap();
    assert!(loads(&cache, &documents, &bob, from_ref(&mine)).await, "moved to another key");
    let mut changed = sealed.clone();
    changed[40] ^= 1;
    for bad in [changed, vec![], b"junk".to_vec()] {
        probe.values.set(a.clone(), bad, end).await.unwrap();
        assert!(loads(&cache, &documents, &alice, from_ref(&mine)).await);
    }
    // Kept by somebody for longer than it was meant to be, also past an invalidation.
    clock.advance(TTL);
    probe.values.set(a.clone(), sealed.clone(), end).await.unwrap();
    assert!(loads(&cache, &documents, &alice, from_ref(&mine)).await, "too old");
    clock.jump(chrono::TimeDelta::minutes(-5));
    assert!(loads(&cache, &documents, &alice, from_ref(&mine)).await, "from the future");
    cache.invalidate_principal(alice.tenant_id(), &alice.cedar_uid()).await.unwrap();
    clock.jump(chrono::TimeDelta::minutes(4));
    probe.values.set(a, sealed, end).await.unwrap();
    assert!(loads(&cache, &documents, &alice, from_ref(&mine)).await, "invalidated");
}

#[tokio::test]
async fn what_changes_while_it_is_loaded_is_not_kept() {
    /// Invalidates, as another instance would, in the middle of the load.
    struct Racing(SharedEntityCache<Documents>, Documents);
    impl AuthzEntityProvider for Racing {
        fn name(&self) -> &str {
            "racing"
        }

        async fn entities(
            &self,
            principal: &Principal,
            resources: &[ResourceUid],
        ) -> Result<EntitySet, AuthzProviderError> {
            let set = AuthzEntityProvider::entities(&self.1, principal, resources).await?;
            self.0.invalidate_principal(principal.tenant_id(), &principal.cedar_uid()).await.unwrap();
            Ok(set)
        }
    }
    let store: Values = Arc::new(MemoryStore::new());
    let (clock, documents) = (MockClock::default(), Documents::default());
    let (alice, mine) = (person(1, 1), document("mine"));
    let racing = Racing(instance(&store, &clock, &documents), documents.clone());
    let slow = SharedEntityCache::new(racing, Arc::clone(&store), Envelope::new([7; 32]).unwrap(), TTL)
        .with_clock(Arc::new(clock.clone()));
    AuthzEntityProvider::entities(&slow, &alice, from_ref(&mine)).await.unwrap();
    assert!(loads(&instance(&store, &clock, &documents), &documents, &alice, from_ref(&mine)).await);
}

#[tokio::test]
async fn large_questions_are_not_shared() {
    let (clock, documents) = (MockClock::default(), Documents::default());
    let store: Values = Arc::new(MemoryStore::new());
    let cache = instance(&store, &clock, &documents);
    let alice = person(1, 1);
    for (count, kept) in [(MAX_SHARED_RESOURCES, true), (MAX_SHARED_RESOURCES + 1, false)] {
        let resources: Vec<_> = (0..count).map(|number| document(&number.to_string())).collect();
        assert!(loads(&cache, &documents, &alice, &resources).await);
        assert_eq!(loads(&cache, &documents, &alice, &resources).await, !kept, "{count}");
    }
}

#[tokio::test]
async fn large_answers_are_not_shared() {
    /// Answers with so many bytes of text.
    struct Text(usize);
    impl AuthzEntityProvider for Text {
        fn name(&self) -> &str {
            "text"
        }

        async fn entities(&self, _: &Principal, _: &[ResourceUid]) -> Result<EntitySet, AuthzProviderError> {
            Ok([Entity::new(document("a")).with_attr("text", "x".repeat(self.0))].into_iter().collect())
        }
    }
    for (bytes, kept) in [(MAX_SHARED_BYTES / 2, 1), (MAX_SHARED_BYTES, 0)] {
        let probe = Probe::default();
        let envelope = Envelope::new([7; 32]).unwrap();
        let cache = SharedEntityCache::new(Text(bytes), Arc::new(probe.clone()), envelope, TTL);
        let answer = AuthzEntityProvider::entities(&cache, &person(1, 1), &[document("a")]).await.unwrap();
        assert_eq!((answer.len(), probe.keys.lock().unwrap().len()), (1, kept), "{bytes}");
    }
}
