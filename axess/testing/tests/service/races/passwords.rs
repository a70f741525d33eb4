use super::*;
use axess_core::{
    authn::{PasswordChangeOutcome, PasswordResetOutcome, SignupOutcome},
    service::NewSignup,
};
use tokio::runtime::Builder;

const CHOICES: [&str; 2] = ["a quite different phrase", "an altogether other one"];

async fn change(world: &World, id: SessionId, new: &'static str) -> &'static str {
    let session = world.open(id).await;
    let outcome = world.service.change_password(&session, PASSWORD, new).await;
    session.finish().await.unwrap();
    match outcome {
        Ok(PasswordChangeOutcome::Changed { .. }) => "changed",
        Ok(PasswordChangeOutcome::InvalidCredential) => "wrong",
        Err(AuthnError::SessionEnded) => "ended",
        Err(AuthnError::NotAuthenticated) => "guest",
        other => panic!("{other:?}"),
    }
}

/// Exactly one change is told that it won, its password is the one that works, and its session the one that is left.
fn one_change_wins(ids: impl Fn(&World) -> [SessionId; 2], expected: &[&str]) {
    let mut endings = Endings::default();
    for_each_seed(SEEDS, |seed| {
        let world = World::with_password(seed);
        let [one, two] = ids(&world);
        let tasks = vec![task(change(&world, one, CHOICES[0])), task(change(&world, two, CHOICES[1]))];
        let seen = world.run(tasks);
        let winners: Vec<_> = (0..2).filter(|n| seen[*n] == "changed").collect();
        assert_eq!(winners.len(), 1, "{seen:?}");
        assert_eq!(world.live(), 1, "{seen:?}");
        for (n, choice) in CHOICES.iter().enumerate() {
            assert_eq!(world.accepts(choice), winners == [n], "{seen:?}");
        }
        assert!(!world.accepts(PASSWORD));
        let mut seen = seen;
        seen.sort_unstable();
        endings.saw(seen);
    });
    endings.must_include(expected);
}

#[test]
fn of_two_password_changes_in_two_sessions_one_wins() {
    let two = |world: &World| [world.password_proved(), world.password_proved()];
    one_change_wins(two, &[r#"["changed", "ended"]"#, r#"["changed", "wrong"]"#]);
}

#[test]
fn of_two_password_changes_in_one_session_one_wins() {
    let one = |world: &World| [world.password_proved(); 2];
    one_change_wins(one, &[r#"["changed", "ended"]"#, r#"["changed", "guest"]"#]);
}

#[test]
fn a_reset_code_sets_one_password() {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    for_each_seed(SEEDS, |seed| {
        let world = World::with_password(seed);
        let suite = &world.suite;
        let (id, code) = runtime.block_on(async {
            let session = suite.session().await;
            suite.service.begin_password_reset(&session, USER, TENANT).await.unwrap();
            (suite.reopen(&session).await.session_id(), suite.mail.next_code().await)
        });
        // Both steps race: the code is presented twice, and whoever gets on sets a password.
        let racers = CHOICES.map(|new| {
            let (world, code) = (&world, code.clone());
            task(async move {
                let session = world.open(id).await;
                match world.service.verify_password_reset(&session, code).await {
                    Ok(PasswordResetOutcome::CodeAccepted) => {}
                    Ok(PasswordResetOutcome::InvalidCode) => return false,
                    Err(AuthnError::SessionEnded | AuthnError::NotAuthenticating) => return false,
                    other => panic!("{other:?}"),
                }
                match world.service.complete_password_reset(&session, new).await {
                    Ok(PasswordResetOutcome::Completed) => true,
                    other => panic!("{other:?}"),
                }
            })
        });
        let done = world.run(racers.into());
        assert_eq!(done.iter().filter(|done| **done).count(), 1);
        for (choice, done) in CHOICES.iter().zip(done) {
            assert_eq!(world.accepts(choice), done);
        }
    });
}

#[test]
fn one_accepted_reset_sets_one_password() {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    for_each_seed(SEEDS, |seed| {
        let world = World::with_password(seed);
        let suite = &world.suite;
        let id = runtime.block_on(async {
            let session = suite.session().await;
            suite.service.begin_password_reset(&session, USER, TENANT).await.unwrap();
            let code = suite.mail.next_code().await;
            let _ = suite.service.verify_password_reset(&session, code).await.unwrap();
            suite.reopen(&session).await.session_id()
        });
        let racers = CHOICES.map(|new| {
            let world = &world;
            task(async move {
                let session = world.open(id).await;
                match world.service.complete_password_reset(&session, new).await {
                    Ok(PasswordResetOutcome::Completed) => true,
                    Err(AuthnError::SessionEnded | AuthnError::NotAuthenticating) => false,
                    other => panic!("{other:?}"),
                }
            })
        });
        let done = world.run(racers.into());
        assert_eq!(done.iter().filter(|done| **done).count(), 1, "{done:?}");
        for (choice, done) in CHOICES.iter().zip(done) {
            assert_eq!(world.accepts(choice), done);
        }
        assert!(world.suite.store.len() <= 1, "the ceremony is over; only the last check's session is left");
    });
}

#[test]
fn one_name_becomes_one_account() {
    for_each_seed(SEEDS, |seed| {
        let world = World::with_password(seed);
        let racers = CHOICES.map(|password| {
            let world = &world;
            task(async move {
                let session = world.visitor().await;
                let wish = NewSignup {
                    identifier: "bob".into(),
                    tenant: TENANT.into(),
                    email: None,
                    display_name: None,
                    password: password.into(),
                };
                match world.service.begin_signup(&session, wish).await.unwrap() {
                    SignupOutcome::Completed { .. } => true,
                    SignupOutcome::IdentifierTaken => false,
                    other => panic!("{other:?}"),
                }
            })
        });
        let done = world.run(racers.into());
        assert_eq!(done.iter().filter(|done| **done).count(), 1, "{done:?}");
        for (password, done) in CHOICES.iter().zip(done) {
            let accepted = alone(async {
                let session = world.suite.session().await;
                world.suite.service.login_with_password(&session, "bob", TENANT, *password).await.unwrap()
            });
            assert_eq!(accepted == RIGHT, done, "the account has its owner's password");
        }
    });
}

/// Whoever logs in with the old password at the moment it is reset is not logged in afterwards.
#[test]
fn a_login_with_the_old_password_does_not_survive_its_reset() {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let mut endings = Endings::default();
    for_each_seed(SEEDS, |seed| {
        let world = World::with_password(seed);
        let suite = &world.suite;
        let id = runtime.block_on(async {
            let session = suite.session().await;
            suite.service.begin_password_reset(&session, USER, TENANT).await.unwrap();
            let code = suite.mail.next_code().await;
            let _ = suite.service.verify_password_reset(&session, code).await.unwrap();
            suite.reopen(&session).await.session_id()
        });
        let login = task(async {
            let session = world.visitor().await;
            world.service.login_with_password(&session, USER, TENANT, PASSWORD).await.unwrap() == RIGHT
        });
        let reset = task(async {
            let session = world.open(id).await;
            let done = world.service.complete_password_reset(&session, CHOICES[0]).await;
            assert!(matches!(done, Ok(PasswordResetOutcome::Completed)), "{done:?}");
            false
        });
        let seen = world.run(vec![login, reset]);
        assert_eq!(world.live(), 0, "{seen:?}");
        endings.saw(seen[0]);
    });
    endings.must_include(&["true", "false"]);
}
