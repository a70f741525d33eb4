use super::*;
use crate::{
    authn::{FactorStep, Method},
    memory::{InMemorySessionStore, MemorySessionRegistry},
    session::{
        AuthState, MAX_CUSTOM_BYTES, MAX_CUSTOM_KEYS, RequestContext, SessionCrypto, Sessions, WorkflowKind,
    },
    store::{Owner, ScanCursor, ScanPage, SessionRegistry, SessionStore, SessionSummary, StoreError},
};
use axess_clock::{Clock, MockClock};
use axess_factors::{Subject, Verified};
use axess_identity::{AttemptId, FactorKind, TenantId, UserId};
use axess_rng::MockRng;
use chrono::TimeDelta;
use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

mod bonds;
mod lifetime;
mod merge;

const OWNER: Owner =
    Owner { tenant_id: TenantId::from_parts(0, [1; 10]), user_id: UserId::from_parts(0, [2; 10]) };
const HOUR: Duration = Duration::from_secs(3_600);

/// A store that notes its calls and, when told to, loses every conditional write.
#[derive(Clone, Default)]
struct Watched {
    inner: InMemorySessionStore,
    calls: Arc<Mutex<Vec<&'static str>>>,
    loses: Arc<AtomicBool>,
}

impl Watched {
    fn note(&self, call: &'static str) {
        self.calls.lock().unwrap().push(call);
    }

    fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }
}

impl SessionStore for Watched {
    async fn load(&self, id: SessionId, now: DateTime<Utc>) -> Result<Option<SessionRow>, StoreError> {
        self.note("load");
        self.inner.load(id, now).await
    }

    async fn insert(&self, row: SessionRow) -> Result<SaveOutcome, StoreError> {
        self.note("insert");
        self.inner.insert(row).await
    }

    async fn save(&self, row: SessionRow) -> Result<SaveOutcome, StoreError> {
        self.note("save");
        if self.loses.load(Ordering::SeqCst) {
            return Ok(SaveOutcome::Conflict);
        }
        self.inner.save(row).await
    }

    async fn cycle(
        &self,
        old: SessionId,
        expected: u64,
        row: SessionRow,
        now: DateTime<Utc>,
    ) -> Result<SaveOutcome, StoreError> {
        self.note("cycle");
        self.inner.cycle(old, expected, row, now).await
    }

    async fn end(&self, id: SessionId, now: DateTime<Utc>) -> Result<u64, StoreError> {
        self.note("end");
        self.inner.end(id, now).await
    }

    async fn find_sessions_for_user(
        &self,
        owner: Owner,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<SessionSummary>, StoreError> {
        self.inner.find_sessions_for_user(owner, now, limit).await
    }

    async fn end_for_user(&self, owner: Owner, keep: Option<SessionId>) -> Result<u64, StoreError> {
        self.inner.end_for_user(owner, keep).await
    }

    async fn end_for_tenant(&self, tenant_id: TenantId) -> Result<u64, StoreError> {
        self.inner.end_for_tenant(tenant_id).await
    }

    async fn scan(
        &self,
        after: Option<ScanCursor>,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<ScanPage, StoreError> {
        self.inner.scan(after, now, limit).await
    }

    async fn cleanup_expired(&self, now: DateTime<Utc>, limit: usize) -> Result<u64, StoreError> {
        self.inner.cleanup_expired(now, limit).await
    }
}

struct World {
    clock: MockClock,
    store: Watched,
    sessions: Sessions,
}

impl World {
    fn new() -> Self {
        Self::with(|sessions| sessions)
    }

    fn with(set_up: impl FnOnce(Sessions) -> Sessions) -> Self {
        let (clock, store) = (MockClock::default(), Watched::default());
        let sessions = Sessions::new(store.clone())
            .with_clock(Arc::new(clock.clone()))
            .with_rng(Arc::new(MockRng::new(1)));
        Self { clock, store, sessions: set_up(sessions) }
    }

    async fn visitor(&self) -> SessionHandle {
        self.sessions.open(None, RequestContext::default()).await.unwrap()
    }

    async fn open(&self, id: SessionId) -> SessionHandle {
        self.sessions.open(Some(id), RequestContext::default()).await.unwrap()
    }

    /// A stored session with one custom value; the calls it took are forgotten.
    async fn stored(&self) -> SessionId {
        let session = self.visitor().await;
        session.set_custom("first", &1).unwrap();
        session.finish().await.unwrap();
        self.store.calls();
        session.session_id()
    }

    async fn row(&self, id: SessionId) -> Option<SessionRow> {
        self.store.inner.load(id, self.sessions.clock().now()).await.unwrap()
    }

    /// A stored session of `OWNER`.
    async fn authenticated(&self) -> SessionId {
        let session = self.visitor().await;
        log_in(&session).await;
        session.finish().await.unwrap();
        self.store.calls();
        session.session_id()
    }
}

async fn log_in(session: &SessionHandle) {
    let Owner { tenant_id, user_id } = OWNER;
    let method = Method::password();
    assert!(session.record(Change::BeginLogin { tenant_id, user_id, method }));
    let subject = Subject { user_id, attempt: AttemptId::from_parts(0, [0; 10]) };
    let proof = Verified::for_tests(subject, FactorKind::Password);
    let advance = session.advance(Input::FactorVerified(proof)).await.unwrap();
    assert!(matches!(advance, Advance::Done(_)));
    assert!(session.is_authenticated());
}

fn custom(session: &SessionHandle, key: &str) -> Option<i32> {
    session.get_custom(key).unwrap()
}

fn issued(action: CookieAction) -> bool {
    matches!(action, CookieAction::Issue { .. })
}

#[tokio::test]
async fn a_request_writes_once_and_only_when_it_changed_something() {
    let world = World::new();
    let session = world.visitor().await;
    assert_eq!(session.finish().await.unwrap(), CookieAction::Keep);
    assert!(world.store.calls().is_empty(), "a guest costs nothing");
    for n in 0..10 {
        session.set_custom(&format!("key {n}"), &n).unwrap();
    }
    assert!(session.is_touched());
    let id = session.session_id();
    let expires_at = world.clock.now() + TimeDelta::hours(24);
    assert_eq!(session.finish().await.unwrap(), CookieAction::Issue { id, expires_at });
    assert_eq!(world.store.calls(), ["insert"]);
    session.finish().await.unwrap();
    assert!(world.store.calls().is_empty());

    let session = world.open(id).await;
    assert_eq!((custom(&session, "key 7"), session.is_touched()), (Some(7), false));
    session.remove_custom("no such key");
    assert_eq!(session.finish().await.unwrap(), CookieAction::Keep);
    assert_eq!(world.store.calls(), ["load"]);
    session.remove_custom("key 7");
    session.finish().await.unwrap();
    assert_eq!(world.store.calls(), ["save"]);
    assert_eq!(world.row(id).await.unwrap().version, 2);
    assert_eq!(custom(&world.open(id).await, "key 7"), None);
}

#[tokio::test]
async fn an_ended_session_stays_ended_whatever_is_written_later() {
    let world = World::new();
    for rotated in [false, true] {
        let id = world.authenticated().await;
        let (late, other) = (world.open(id).await, world.open(id).await);
        late.set_custom("late", &1).unwrap();
        if rotated {
            other.regenerate().await.unwrap();
        }
        assert_eq!(other.clear().await.unwrap(), LogoutOutcome::Ended);
        assert_eq!(other.finish().await.unwrap(), CookieAction::Remove);
        world.store.calls();
        assert_eq!(late.finish().await.unwrap(), CookieAction::Keep, "no cookie for what is over");
        assert_eq!(world.store.calls(), ["save", "load"]);
        assert!(late.is_guest() && !late.is_stored());
        assert!(world.store.inner.is_empty());
    }
}

#[tokio::test]
async fn verbs_that_must_write_say_that_the_session_ended() {
    let world = World::new();
    let id = world.authenticated().await;
    let late = [world.open(id).await, world.open(id).await, world.open(id).await];
    world.open(id).await.clear().await.unwrap();
    assert!(matches!(late[0].regenerate().await, Err(SessionError::Ended)));
    assert!(matches!(late[1].drop_authentication().await, Err(SessionError::Ended)));
    assert!(matches!(late[2].advance(Input::PrivilegeChanged).await, Err(SessionError::Ended)));
    assert!(world.store.inner.is_empty());
    assert!(late.iter().all(SessionHandle::is_guest));
}

#[tokio::test]
async fn clearing_ends_the_row_the_request_came_for_and_nothing_else() {
    let world = World::new();
    let (mine, other) = (world.authenticated().await, world.authenticated().await);
    let session = world.open(mine).await;
    assert_eq!(session.clear().await.unwrap(), LogoutOutcome::Ended);
    assert_eq!(session.clear().await.unwrap(), LogoutOutcome::NothingToEnd);
    assert_eq!(session.finish().await.unwrap(), CookieAction::Remove);
    assert!(world.row(mine).await.is_none() && world.row(other).await.is_some());

    let unknown = world.open(SessionId::from_bytes([9; 16])).await;
    assert_eq!(unknown.clear().await.unwrap(), LogoutOutcome::NothingToEnd);
    assert_eq!(unknown.finish().await.unwrap(), CookieAction::Keep);
}

#[tokio::test]
async fn a_rotation_moves_everything_to_a_new_id() {
    let world = World::new();
    let old = world.authenticated().await;
    let before = world.row(old).await.unwrap();
    world.clock.advance(HOUR);
    let session = world.open(old).await;
    session.set_custom("kept", &1).unwrap();
    session.regenerate().await.unwrap();
    let new = session.session_id();
    assert_ne!(new, old);
    let action = session.finish().await.unwrap();
    let expires_at = world.clock.now() + TimeDelta::hours(24);
    assert_eq!(action, CookieAction::Issue { id: new, expires_at });
    assert!(world.row(old).await.is_none());
    let after = world.row(new).await.unwrap();
    assert_eq!((after.version, after.owner), (1, Some(OWNER)));
    assert_eq!((after.lineage, after.created_at), (before.lineage, before.created_at));
    assert_eq!(custom(&world.open(new).await, "kept"), Some(1));
    assert!(world.open(old).await.is_guest());
}

#[tokio::test]
async fn dropping_authentication_keeps_the_rest() {
    let world = World::new();
    let old = world.authenticated().await;
    let session = world.open(old).await;
    session.set_custom("basket", &3).unwrap();
    session.drop_authentication().await.unwrap();
    assert!(session.is_guest());
    assert_eq!(custom(&session, "basket"), Some(3));
    let row = world.row(session.session_id()).await.unwrap();
    assert_eq!(row.owner, None);
    assert!(world.row(old).await.is_none());
}

#[tokio::test]
async fn a_row_under_an_old_key_is_sealed_anew_by_the_next_request() {
    let old = SessionCrypto::new([1; 32]).unwrap();
    let rotated = SessionCrypto::new([2; 32]).unwrap().with_previous_key([1; 32]).unwrap();
    let world = World::with(|sessions| sessions.with_crypto(old));
    let id = world.authenticated().await;
    let newer = world.sessions.clone().with_crypto(rotated);
    let session = newer.open(Some(id), RequestContext::default()).await.unwrap();
    assert!(session.is_authenticated() && !session.is_touched());
    assert_eq!(session.finish().await.unwrap(), CookieAction::Keep);
    assert_eq!(world.store.calls(), ["load", "save"]);
    let newest = world.sessions.clone().with_crypto(SessionCrypto::new([2; 32]).unwrap());
    assert!(newest.is_live(id).await.unwrap(), "the old key is not needed any more");
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_ended() {
    let world = World::new();
    let id = world.authenticated().await;
    let sealed = world.sessions.clone().with_crypto(SessionCrypto::new([1; 32]).unwrap());
    assert!(sealed.open(Some(id), RequestContext::default()).await.unwrap().is_guest());
    assert!(world.store.inner.is_empty());
}

#[tokio::test]
async fn the_fingerprint_is_that_of_the_creation_or_the_last_rotation() {
    let world = World::new();
    let with = |byte| RequestContext { fingerprint: Some([byte; 32]), ..RequestContext::default() };
    let session = world.sessions.open(None, with(1)).await.unwrap();
    session.set_custom("a", &1).unwrap();
    session.finish().await.unwrap();
    let session = world.sessions.open(Some(session.session_id()), with(2)).await.unwrap();
    session.set_custom("a", &2).unwrap();
    session.finish().await.unwrap();
    assert_eq!(session.fingerprint(), Some([1; 32]), "a write does not bind a session to a thief's browser");
    session.regenerate().await.unwrap();
    assert_eq!(session.fingerprint(), Some([2; 32]));
}

#[tokio::test]
async fn a_session_the_registry_does_not_know_is_refused() {
    let registry = MemorySessionRegistry::new();
    let world = World::with(|sessions| sessions.with_registry(Arc::new(registry.clone())));
    let id = world.authenticated().await;
    assert!(world.open(id).await.is_authenticated());
    let session = world.open(id).await;
    session.regenerate().await.unwrap();
    let id = session.session_id();
    assert!(world.open(id).await.is_authenticated(), "a rotation takes the entry along");

    let parked = world.open(id).await;
    let kind = WorkflowKind::Custom("tour".into());
    parked.set_pending_workflow(OWNER.tenant_id, OWNER.user_id, kind, 1).unwrap();
    parked.finish().await.unwrap();
    assert!(matches!(world.open(id).await.state(), AuthState::PendingWorkflow { .. }));
    assert_eq!(registry.invalidate_user(OWNER, None).await.unwrap(), 1);
    assert!(world.open(id).await.is_guest(), "nor may it be resumed out of a ceremony");
    assert!(world.store.inner.is_empty());
}

#[tokio::test]
async fn a_session_in_a_ceremony_counts_among_its_users_only_if_it_was_theirs() {
    let world = World::new();
    let Owner { tenant_id, user_id } = OWNER;
    let kind = || WorkflowKind::Custom("tour".into());
    let visitor = world.visitor().await;
    visitor.set_pending_workflow(tenant_id, user_id, kind(), 1).unwrap();
    visitor.finish().await.unwrap();
    assert_eq!(world.row(visitor.session_id()).await.unwrap().owner, None, "named is not proved");
    let session = world.open(world.authenticated().await).await;
    session.set_pending_workflow(tenant_id, user_id, kind(), 1).unwrap();
    session.finish().await.unwrap();
    assert_eq!(world.row(session.session_id()).await.unwrap().owner, Some(OWNER));
    assert_eq!(session.owner(), None);
}

#[tokio::test]
async fn a_login_in_progress_is_not_the_users_session_yet() {
    let world = World::new();
    let Owner { tenant_id, user_id } = OWNER;
    let session = world.visitor().await;
    let method = Method {
        name: "two steps".into(),
        steps: vec![FactorStep::Required(FactorKind::Password), FactorStep::Required(FactorKind::Totp)],
    };
    assert!(session.record(Change::BeginLogin { tenant_id, user_id, method }));
    let subject = Subject { user_id, attempt: AttemptId::from_parts(0, [0; 10]) };
    let proof = Verified::for_tests(subject, FactorKind::Password);
    assert!(matches!(session.advance(Input::FactorVerified(proof)).await.unwrap(), Advance::Done(_)));
    assert_eq!(world.row(session.session_id()).await.unwrap().owner, None);
    assert!(!world.sessions.is_live(session.session_id()).await.unwrap());
}
