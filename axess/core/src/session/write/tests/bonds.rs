//! What a session is bound to: a device, and a family of refresh tokens.

use super::*;
use crate::{
    refresh::{Continued, RefreshGrant},
    session::Bond,
};
use axess_identity::{DeviceId, TokenFamilyId};

const FAMILY: TokenFamilyId = TokenFamilyId::from_parts(0, [5; 10]);
const OTHER_FAMILY: TokenFamilyId = TokenFamilyId::from_parts(0, [6; 10]);
const DEVICE: DeviceId = DeviceId::from_parts(0, [7; 10]);

fn bind(owner: Owner, replaces: Option<TokenFamilyId>) -> Change {
    Change::BindFamily { owner, family: OTHER_FAMILY, replaces }
}

fn sessions() -> Sessions {
    Sessions::new(InMemorySessionStore::new()).with_clock(Arc::new(MockClock::default()))
}

async fn continued(sessions: &Sessions, family: TokenFamilyId) -> SessionHandle {
    let session = sessions.open(None, RequestContext::default()).await.unwrap();
    let grant = RefreshGrant::new(MockClock::default().now(), vec![FactorKind::Password]);
    let proof = Continued::for_test(OWNER, grant, family);
    assert!(matches!(session.advance(Input::Continue(proof)).await.unwrap(), Advance::Done(_)));
    session
}

async fn reopened(sessions: &Sessions, session: &SessionHandle) -> SessionHandle {
    sessions.open(Some(session.session_id()), RequestContext::default()).await.unwrap()
}

#[tokio::test]
async fn a_session_remembers_its_family_and_its_device() {
    let sessions = sessions();
    let session = continued(&sessions, FAMILY).await;
    assert!(session.commit(Change::BindDevice(OWNER, DEVICE)).await.unwrap());
    let again = reopened(&sessions, &session).await;
    assert_eq!((again.refresh_family(), again.device_id()), (Some(FAMILY), Some(DEVICE)));
    assert!(again.commit(bind(OWNER, Some(FAMILY))).await.unwrap());
    assert_eq!(reopened(&sessions, &session).await.refresh_family(), Some(OTHER_FAMILY));
}

#[tokio::test]
async fn nothing_is_bound_to_anybody_but_the_authenticated_user() {
    let sessions = sessions();
    let stranger = Owner { user_id: UserId::from_parts(0, [9; 10]), ..OWNER };
    let guest = sessions.open(None, RequestContext::default()).await.unwrap();
    let alice = continued(&sessions, FAMILY).await;
    for (session, owner) in [(&guest, OWNER), (&alice, stranger)] {
        assert!(!session.commit(Change::BindDevice(owner, DEVICE)).await.unwrap());
        assert!(!session.commit(bind(owner, session.refresh_family())).await.unwrap());
        assert_eq!(session.device_id(), None);
    }
    assert_eq!(alice.refresh_family(), Some(FAMILY));
}

/// Two requests of one session begin a family each: the one that comes second must not hide the other's.
#[tokio::test]
async fn a_family_takes_the_place_of_the_one_its_request_knew() {
    let sessions = sessions();
    let session = continued(&sessions, FAMILY).await;
    let late = reopened(&sessions, &session).await;
    assert!(session.commit(bind(OWNER, Some(FAMILY))).await.unwrap());
    for replaces in [Some(FAMILY), None] {
        assert!(!late.commit(bind(OWNER, replaces)).await.unwrap());
    }
    assert_eq!(reopened(&sessions, &session).await.refresh_family(), Some(OTHER_FAMILY));
}

#[tokio::test]
async fn a_retired_session_says_what_it_was_bound_to_and_takes_nothing_more() {
    let registry: Arc<MemorySessionRegistry> = Arc::default();
    let sessions = sessions().with_registry(Arc::<MemorySessionRegistry>::clone(&registry));
    let session = continued(&sessions, FAMILY).await;
    let (late, known) = (reopened(&sessions, &session).await, reopened(&sessions, &session).await);
    assert!(session.commit(bind(OWNER, Some(FAMILY))).await.unwrap());
    assert_eq!(late.retire().await.unwrap(), Some(OTHER_FAMILY), "not the one it was opened with");
    let now = MockClock::default().now();
    assert!(!registry.is_valid(OWNER, session.session_id(), now).await.unwrap());
    assert!(!known.commit(bind(OWNER, Some(OTHER_FAMILY))).await.unwrap());
    assert!(reopened(&sessions, &session).await.is_guest());
    let guest = sessions.open(None, RequestContext::default()).await.unwrap();
    assert_eq!(guest.retire().await.unwrap(), None);
    assert!(!guest.is_stored());
}

/// The next user of the browser must not find the device or the family of the one before.
#[tokio::test]
async fn what_was_bound_goes_with_the_login() {
    let sessions = sessions();
    for leave in [0, 1] {
        let session = continued(&sessions, FAMILY).await;
        assert!(session.commit(Change::BindDevice(OWNER, DEVICE)).await.unwrap());
        if leave == 0 {
            session.drop_authentication().await.unwrap();
        } else {
            // A ceremony may be resumed, a login begun instead of it may not.
            session.set_pending_workflow(OWNER.tenant_id, OWNER.user_id, WorkflowKind::Signup, 1).unwrap();
            assert_eq!((session.refresh_family(), session.device_id()), (Some(FAMILY), Some(DEVICE)));
            let (tenant_id, user_id) = (OWNER.tenant_id, UserId::from_parts(0, [9; 10]));
            assert!(session.record(Change::BeginLogin { tenant_id, user_id, method: Method::password() }));
            session.finish().await.unwrap();
        }
        assert_eq!((session.refresh_family(), session.device_id()), (None, None));
        let again = reopened(&sessions, &session).await;
        assert_eq!((again.refresh_family(), again.device_id()), (None, None));
    }
}

#[tokio::test]
async fn only_what_is_bound_is_ended() {
    let registry: Arc<MemorySessionRegistry> = Arc::default();
    let sessions = sessions().with_registry(registry);
    let (one, two) = (continued(&sessions, FAMILY).await, continued(&sessions, FAMILY).await);
    let other = continued(&sessions, OTHER_FAMILY).await;
    assert!(other.commit(Change::BindDevice(OWNER, DEVICE)).await.unwrap());
    assert_eq!(sessions.end_bound(OWNER, Bond::Family(FAMILY), None).await.unwrap(), 2);
    for (session, lives) in [(&one, false), (&two, false), (&other, true)] {
        assert_eq!(reopened(&sessions, session).await.is_authenticated(), lives);
    }
    let keep = Some(other.session_id());
    assert_eq!(sessions.end_bound(OWNER, Bond::Device(DEVICE), keep).await.unwrap(), 0);
    assert_eq!(sessions.end_bound(OWNER, Bond::Device(DEVICE), None).await.unwrap(), 1);
    assert!(!reopened(&sessions, &other).await.is_authenticated());
    assert_eq!(sessions.end_bound(OWNER, Bond::Device(DEVICE), None).await.unwrap(), 0);
}
