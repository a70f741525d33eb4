//! Refreshes that race each other, a thief, and everything that ends a login.

use super::*;
use crate::refresh::{operator, signals};
use axess_clock::Clock;
use axess_core::{
    device::Devices,
    memory::{MemoryDeviceStore, MemoryRefreshTokenStore},
    refresh::{IssuedRefreshToken, RefreshOutcome, RefreshTokens},
    store::{Owner, RefreshTokenStore},
};
use axess_identity::{DeviceId, TokenSecret};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

const NEW: &str = "Another 1 over the mountain";

/// A world with refresh tokens and devices, and one login on a device that has a token.
struct Login {
    world: World,
    tokens: MemoryRefreshTokenStore,
    alarms: Arc<AtomicUsize>,
    session: SessionId,
    device: DeviceId,
    token: IssuedRefreshToken,
}

impl Login {
    fn new(seed: u64) -> Self {
        let world = World::with_password(seed);
        let (tokens, devices) = (MemoryRefreshTokenStore::new(), MemoryDeviceStore::new());
        let alarms: Arc<AtomicUsize> = Arc::default();
        let heard = Arc::clone(&alarms);
        let paused: Yielding<MemoryRefreshTokenStore> = Yielding::new(tokens.clone(), YieldPoints);
        let refresh = RefreshTokens::new(Arc::new(paused)).on_token_compromise(move |_| {
            heard.fetch_add(1, Ordering::SeqCst);
        });
        let paused: Yielding<MemoryDeviceStore> = Yielding::new(devices, YieldPoints);
        let devices = Devices::new(Arc::new(paused));
        let world =
            World { service: world.service.with_refresh_tokens(refresh).with_devices(devices), ..world };
        let id = world.password_proved();
        let (session, device, token) = alone(async {
            let session = world.open(id).await;
            let found = world.service.resolve_device(&session, &signals("firefox")).await.unwrap().unwrap();
            let token = world.service.issue_refresh_token(&session).await.unwrap();
            session.finish().await.unwrap();
            (session.session_id(), found.device_id(), token)
        });
        Self { world, tokens, alarms, session, device, token }
    }

    /// Presents a token in a new session.
    async fn refresh(&self, token: TokenSecret) -> Option<TokenSecret> {
        let session = self.world.visitor().await;
        match self.world.service.refresh_session(&session, token).await.unwrap() {
            RefreshOutcome::Refreshed(issued) => Some(issued.token),
            RefreshOutcome::Refused => {
                assert!(session.is_guest());
                None
            }
        }
    }

    fn spent(&self) -> TokenSecret {
        let next = alone(self.refresh(self.token.token.clone())).unwrap();
        self.world.suite.clock.advance(Duration::from_secs(60));
        next
    }

    fn active(&self) -> usize {
        let (suite, tokens) = (&self.world.suite, &self.tokens);
        let found = alone(async {
            let owner = suite.owner().await;
            tokens.find_tokens_for_user(owner, suite.clock.now(), 100).await.unwrap()
        });
        found.len()
    }

    fn alarms(&self) -> usize {
        self.alarms.load(Ordering::SeqCst)
    }

    /// Another login of the same user, apart from this one's token.
    fn elsewhere(&self) -> SessionId {
        self.world.password_proved()
    }

    /// Runs a refresh against `other`, which ends what the user holds; returns whether the refresh was granted.
    fn against<'a>(&'a self, other: impl Future<Output = ()> + Send + 'a) -> bool {
        let refresh = task(async { self.refresh(self.token.token.clone()).await.is_some() });
        let other = task(async {
            other.await;
            false
        });
        self.world.run(vec![refresh, other])[0]
    }
}

fn secret(token: &Option<TokenSecret>) -> Option<&str> {
    token.as_ref().map(TokenSecret::expose)
}

#[test]
fn two_honest_requests_with_one_token_get_the_same_successor() {
    for_each_seed(SEEDS, |seed| {
        let login = Login::new(seed);
        let present = || task(login.refresh(login.token.token.clone()));
        let got = login.world.run(vec![present(), present()]);
        assert!(got[0].is_some());
        assert_eq!(secret(&got[0]), secret(&got[1]));
        assert_eq!((login.active(), login.alarms()), (1, 0));
    });
}

#[test]
fn of_three_requests_with_one_token_none_is_left() {
    for_each_seed(SEEDS, |seed| {
        let login = Login::new(seed);
        let present = || task(login.refresh(login.token.token.clone()));
        let got = login.world.run(vec![present(), present(), present()]);
        assert!(got.iter().any(Option::is_none), "the third is one too many");
        assert_eq!((login.active(), login.world.live()), (0, 0));
        assert!(login.alarms() >= 1);
    });
}

/// The thief's copy and the victim's token come at once, in every order: neither holder has anything afterwards.
#[test]
fn a_stolen_token_and_its_successor_end_each_other() {
    let mut endings = Endings::default();
    for_each_seed(SEEDS, |seed| {
        let login = Login::new(seed);
        let current = login.spent();
        let (copy, honest) = (task(login.refresh(login.token.token.clone())), task(login.refresh(current)));
        let got = login.world.run(vec![copy, honest]);
        assert!(got[0].is_none(), "the copy is worth nothing");
        assert_eq!((login.active(), login.world.live(), login.alarms()), (0, 0, 1));
        endings.saw(got[1].is_some());
    });
    endings.must_include(&["true", "false"]);
}

#[test]
fn a_refresh_leaves_nothing_behind_a_logout() {
    let mut endings = Endings::default();
    for_each_seed(SEEDS, |seed| {
        let login = Login::new(seed);
        let granted = login.against(async {
            let session = login.world.open(login.session).await;
            login.world.service.logout(&session).await.unwrap();
        });
        assert_eq!((login.active(), login.world.live(), login.alarms()), (0, 0, 0));
        endings.saw(granted);
    });
    endings.must_include(&["true", "false"]);
}

#[test]
fn a_refresh_leaves_nothing_behind_a_new_password() {
    let mut endings = Endings::default();
    for_each_seed(SEEDS, |seed| {
        let login = Login::new(seed);
        let elsewhere = login.elsewhere();
        let granted = login.against(async {
            let session = login.world.open(elsewhere).await;
            let changed = login.world.service.change_password(&session, PASSWORD, NEW).await;
            assert!(changed.is_ok(), "{changed:?}");
        });
        assert_eq!((login.active(), login.world.live()), (0, 1), "the session that changed it stays");
        endings.saw(granted);
    });
    endings.must_include(&["true", "false"]);
}

#[test]
fn a_refresh_leaves_nothing_behind_a_suspension() {
    let mut endings = Endings::default();
    for_each_seed(SEEDS, |seed| {
        let login = Login::new(seed);
        let owner = alone(login.world.suite.owner());
        let granted = login.against(async {
            let (sessions, by) = (&login.world.sessions, operator());
            login.world.service.suspend_user(sessions, owner.tenant_id, owner.user_id, &by).await.unwrap();
        });
        assert_eq!((login.active(), login.world.live()), (0, 0));
        endings.saw(granted);
    });
    endings.must_include(&["true", "false"]);
}

#[test]
fn a_refresh_leaves_nothing_behind_a_revoked_device() {
    let mut endings = Endings::default();
    for_each_seed(SEEDS, |seed| {
        let login = Login::new(seed);
        let elsewhere = login.elsewhere();
        let granted = login.against(async {
            let session = login.world.open(elsewhere).await;
            assert!(login.world.service.revoke_device(&session, login.device).await.unwrap());
        });
        assert_eq!((login.active(), login.world.live()), (0, 1), "the session that revoked it stays");
        endings.saw(granted);
    });
    endings.must_include(&["true", "false"]);
}

/// A token that is issued while its user's password is changed or the user is suspended must not outlive that.
#[test]
fn an_issue_leaves_nothing_behind_what_ends_its_session() {
    for suspends in [false, true] {
        let mut endings = Endings::default();
        for_each_seed(SEEDS, |seed| {
            let login = Login::new(seed);
            let (elsewhere, owner) = (login.elsewhere(), alone(login.world.suite.owner()));
            let (world, by) = (&login.world, operator());
            let issue = task(async {
                let session = world.open(login.session).await;
                match world.service.issue_refresh_token(&session).await {
                    Ok(_) => "issued",
                    Err(AuthnError::SessionEnded) => "ended",
                    Err(AuthnError::NotAuthenticated) => "late",
                    Err(other) => panic!("{other:?}"),
                }
            });
            let end = task(async {
                if suspends {
                    let Owner { tenant_id, user_id } = owner;
                    world.service.suspend_user(&world.sessions, tenant_id, user_id, &by).await.unwrap();
                } else {
                    let session = world.open(elsewhere).await;
                    let changed = world.service.change_password(&session, PASSWORD, NEW).await;
                    assert!(changed.is_ok(), "{changed:?}");
                }
                ""
            });
            let seen = login.world.run(vec![issue, end]);
            assert_eq!((login.active(), login.world.live()), (0, usize::from(!suspends)), "{seen:?}");
            endings.saw(seen[0]);
        });
        endings.must_include(&[r#""issued""#, r#""ended""#, r#""late""#]);
    }
}

impl Login {
    /// Asks for a token in this login's session.
    async fn issue(&self) -> Option<TokenSecret> {
        let session = self.world.open(self.session).await;
        match self.world.service.issue_refresh_token(&session).await {
            Ok(issued) => Some(issued.token),
            Err(AuthnError::SessionEnded | AuthnError::NotAuthenticated) => None,
            Err(other) => panic!("{other:?}"),
        }
    }
}

/// Whoever shares a session cannot keep a token past its logout, however often they ask for one.
#[test]
fn an_issue_leaves_nothing_behind_a_logout_of_the_same_session() {
    let mut endings = Endings::default();
    for_each_seed(SEEDS, |seed| {
        let login = Login::new(seed);
        let issue = task(async { login.issue().await.is_some() });
        let logout = task(async {
            let session = login.world.open(login.session).await;
            login.world.service.logout(&session).await.unwrap();
            false
        });
        let seen = login.world.run(vec![issue, logout]);
        assert_eq!((login.active(), login.world.live()), (0, 0), "{seen:?}");
        endings.saw(seen[0]);
    });
    endings.must_include(&["true", "false"]);
}

#[test]
fn an_issue_leaves_nothing_behind_a_new_password_in_the_same_session() {
    let mut endings = Endings::default();
    for_each_seed(SEEDS, |seed| {
        let login = Login::new(seed);
        let issue = task(async { login.issue().await.is_some() });
        let change = task(async {
            let session = login.world.open(login.session).await;
            let changed = login.world.service.change_password(&session, PASSWORD, NEW).await;
            assert!(changed.is_ok(), "{changed:?}");
            false
        });
        let seen = login.world.run(vec![issue, change]);
        assert_eq!((login.active(), login.world.live()), (0, 1), "{seen:?}");
        endings.saw(seen[0]);
    });
    endings.must_include(&["true", "false"]);
}

/// Of two families that one session begins at once, the session knows the one that is left.
#[test]
fn two_issues_in_one_session_leave_one_family() {
    let mut endings = Endings::default();
    for_each_seed(SEEDS, |seed| {
        let login = Login::new(seed);
        let issue = || task(async { login.issue().await.is_some() });
        let seen = login.world.run(vec![issue(), issue()]);
        assert!(seen.contains(&true) && login.active() == 1, "{seen:?}");
        alone(async {
            let session = login.world.open(login.session).await;
            login.world.service.logout(&session).await.unwrap();
        });
        assert_eq!(login.active(), 0, "{seen:?}");
        endings.saw(seen[0] && seen[1]);
    });
    endings.must_include(&["true", "false"]);
}

/// A session that moves to a new id while the device it is on is revoked does not slip through.
#[test]
fn a_rotation_does_not_save_a_session_from_the_end_of_its_device() {
    for_each_seed(SEEDS, |seed| {
        let login = Login::new(seed);
        let elsewhere = login.elsewhere();
        let rotate = task(async {
            let session = login.world.open(login.session).await;
            let _ = session.regenerate().await;
        });
        let revoke = task(async {
            let session = login.world.open(elsewhere).await;
            assert!(login.world.service.revoke_device(&session, login.device).await.unwrap());
        });
        login.world.run(vec![rotate, revoke]);
        assert_eq!((login.active(), login.world.live()), (0, 1), "the session that revoked it stays");
    });
}
