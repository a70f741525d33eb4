use super::*;
use crate::fixtures::password;
use axess_clock::Clock;
use axess_core::{authn::LogoutOutcome, service::Operator, session::SessionError, store::SessionStore};

fn row_exists(world: &World, id: SessionId) -> bool {
    alone(world.suite.store.load(id, world.suite.clock.now())).unwrap().is_some()
}

async fn log_in(world: &World, id: SessionId) -> &'static str {
    let session = world.open(id).await;
    let outcome = world.service.verify_factor(&session, password(PASSWORD)).await;
    session.finish().await.unwrap();
    ending(&outcome)
}

/// A logout may load the session before or after the login has rotated it: it ends it in both cases, and a login that
/// comes later finds nothing.
#[test]
fn a_logout_ends_a_login_it_races_whichever_comes_first() {
    let mut endings = Endings::default();
    for_each_seed(SEEDS, |seed| {
        let world = World::with_password(seed);
        let id = world.begun();
        let logout = task(async {
            let session = world.open(id).await;
            let outcome = world.service.logout(&session).await.unwrap();
            session.finish().await.unwrap();
            assert_eq!(outcome, LogoutOutcome::Ended);
            "logout"
        });
        let seen = world.run(vec![task(log_in(&world, id)), logout]);
        assert!(world.suite.store.is_empty(), "{seen:?}");
        endings.saw(seen[0]);
    });
    endings.must_include(&[r#""right""#, r#""ended""#, r#""not begun""#]);
}

#[test]
fn nothing_brings_a_session_back_that_was_logged_out() {
    for_each_seed(SEEDS, |seed| {
        let world = World::with_password(seed);
        let id = world.password_proved();
        let writer = |key: &'static str| {
            let world = &world;
            task(async move {
                let session = world.open(id).await;
                session.set_custom(key, &true).unwrap();
                session.finish().await.unwrap();
            })
        };
        let rotator = task(async {
            let session = world.open(id).await;
            match session.regenerate().await {
                Ok(()) | Err(SessionError::Ended) => {}
                Err(other) => panic!("{other:?}"),
            }
            session.finish().await.unwrap();
        });
        let logout = task(async {
            let session = world.open(id).await;
            let outcome = world.service.logout(&session).await.unwrap();
            assert_eq!(outcome, LogoutOutcome::Ended);
            session.finish().await.unwrap();
        });
        world.run(vec![writer("a"), rotator, logout, writer("b")]);
        assert_eq!(world.live(), 0, "guests may have begun anew, but nobody is logged in");
        assert!(!row_exists(&world, id));
    });
}

#[test]
fn a_rotation_and_a_write_leave_one_row_under_the_new_id() {
    let mut endings = Endings::default();
    for_each_seed(SEEDS, |seed| {
        let world = World::with_password(seed);
        let id = world.password_proved();
        let writer = task(async {
            let session = world.open(id).await;
            let known = session.is_authenticated();
            session.set_custom("note", "kept").unwrap();
            session.finish().await.unwrap();
            // What a late request writes goes into a session of its own, which nobody is logged in to.
            (known, session.is_authenticated(), None)
        });
        let rotator = task(async {
            let session = world.open(id).await;
            session.regenerate().await.unwrap();
            session.finish().await.unwrap();
            (true, true, Some(session.session_id()))
        });
        let seen = world.run(vec![writer, rotator]);
        let new = seen[1].2.unwrap();
        assert!(!row_exists(&world, id), "the old id is dead");
        assert_eq!(world.live(), 1);
        let note = alone(async {
            let session = world.suite.session_by_id(new).await;
            assert!(session.is_authenticated());
            session.get_custom::<String>("note").unwrap()
        });
        let (knew, won, _) = seen[0];
        assert_eq!(note.is_some(), won, "a write is kept, or its request has lost the session");
        assert!(knew || !won);
        endings.saw((knew, won));
    });
    endings.must_include(&["(true, true)", "(true, false)", "(false, false)"]);
}

#[test]
fn of_two_rotations_one_wins() {
    for_each_seed(SEEDS, |seed| {
        let world = World::with_password(seed);
        let id = world.password_proved();
        let rotators = (0..2).map(|_| {
            task(async {
                let session = world.open(id).await;
                let authenticated = session.is_authenticated();
                authenticated && session.regenerate().await.is_ok() && session.is_authenticated()
            })
        });
        let won = world.run(rotators.collect());
        assert_eq!(won.iter().filter(|won| **won).count(), 1);
        assert_eq!((world.live(), row_exists(&world, id)), (1, false));
    });
}

#[test]
fn writes_of_different_keys_are_all_kept() {
    const KEYS: [&str; 5] = ["a", "b", "c", "d", "e"];
    for_each_seed(SEEDS, |seed| {
        let world = World::with_password(seed);
        let id = world.password_proved();
        let writers = KEYS.map(|key| {
            let world = &world;
            task(async move {
                let session = world.open(id).await;
                session.set_custom(key, key).unwrap();
                session.finish().await.unwrap();
            })
        });
        world.run(writers.into());
        alone(async {
            let session = world.suite.session_by_id(id).await;
            for key in KEYS {
                assert_eq!(session.get_custom::<String>(key).unwrap().as_deref(), Some(key));
            }
        });
    });
}

/// What is written through one clone of a handle while another one's write is on its way must not get lost.
#[test]
fn writes_through_clones_of_one_handle_are_all_kept() {
    for_each_seed(SEEDS, |seed| {
        let world = World::with_password(seed);
        let id = world.begun();
        let session = alone(world.open(id));
        let login = {
            let (world, session) = (&world, session.clone());
            task(async move {
                let outcome = world.service.verify_factor(&session, password(PASSWORD)).await;
                assert_eq!(ending(&outcome), "right");
            })
        };
        let writer = {
            let (world, session) = (&world, session.clone());
            task(async move {
                for key in ["a", "b", "c"] {
                    session.set_custom(key, key).unwrap();
                    // A read of something else in between.
                    world.visitor().await;
                    let _ = world.sessions.is_live(id).await.unwrap();
                }
            })
        };
        world.run(vec![login, writer]);
        alone(async {
            let session = world.suite.reopen(&session).await;
            for key in ["a", "b", "c"] {
                assert_eq!(session.get_custom::<String>(key).unwrap().as_deref(), Some(key), "{key}");
            }
        });
    });
}

/// A login is settled after its session is written: either it finds its account suspended, or the suspension finds the
/// session.
#[test]
fn a_suspension_ends_a_login_it_races() {
    let mut endings = Endings::default();
    for_each_seed(SEEDS, |seed| {
        let world = World::with_password(seed);
        let id = world.begun();
        let owner = alone(world.suite.owner());
        let operator = Operator::new("ops@example.com", "race");
        let suspend = task(async {
            let done =
                world.service.suspend_user(&world.sessions, owner.tenant_id, owner.user_id, &operator).await;
            done.unwrap();
            "suspended"
        });
        let seen = world.run(vec![task(log_in(&world, id)), suspend]);
        assert_eq!(world.live(), 0, "{seen:?}");
        endings.saw(seen[0]);
    });
    endings.must_include(&[r#""right""#, r#""wrong""#]);
}
