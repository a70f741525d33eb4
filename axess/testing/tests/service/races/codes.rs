use super::*;
use crate::fixtures::{code, other_than, password_then, step, with_totp};
use axess_core::authn::{FactorConfig, FactorCredential};
use axess_factors::{HotpConfig, RecoveryCodes};
use axess_identity::{FactorKind, OtpCode};
use axess_rng::MockRng;
use tokio::runtime::Builder;

/// Gives the account a factor and returns a credential for it that works once.
fn single_use(world: &World, kind: &FactorKind) -> FactorCredential {
    alone(async {
        let suite = &world.suite;
        match kind {
            FactorKind::Totp => {
                let totp = with_totp(suite).await;
                FactorCredential::totp(code(suite, &totp))
            }
            FactorKind::Hotp => {
                let token = HotpConfig::generate(&MockRng::new(3));
                suite.enrol(FactorConfig::Hotp(token.clone())).await;
                FactorCredential::hotp(token.code_at(4))
            }
            _ => {
                let (codes, stored) = RecoveryCodes::generate(4, &MockRng::new(3));
                suite.enrol(FactorConfig::RecoveryCodes(stored)).await;
                FactorCredential::RecoveryCode(codes[2].clone())
            }
        }
    })
}

/// Every racer opens its session and presents the credential.
fn race(world: &World, ids: &[SessionId], credential: &FactorCredential) -> Vec<&'static str> {
    let racers = ids.iter().map(|id| {
        task(async move {
            let session = world.open(*id).await;
            let outcome = world.service.verify_factor(&session, credential.clone()).await;
            session.finish().await.unwrap();
            ending(&outcome)
        })
    });
    let mut endings = world.run(racers.collect());
    endings.sort_unstable();
    endings
}

#[test]
fn a_code_that_works_once_lets_one_of_two_logins_in() {
    for kind in [FactorKind::Totp, FactorKind::Hotp, FactorKind::RecoveryCode] {
        for_each_seed(SEEDS, |seed| {
            let world = World::new(seed, vec![password_then(kind.clone())], LockoutPolicy::default());
            let credential = single_use(&world, &kind);
            let ids = [world.password_proved(), world.password_proved()];
            assert_eq!(race(&world, &ids, &credential), ["right", "wrong"], "{kind}");
            assert_eq!(world.live(), 1);
        });
    }
}

#[test]
fn a_code_sent_twice_in_one_session_lets_it_in_once() {
    for kind in [FactorKind::Totp, FactorKind::Hotp, FactorKind::RecoveryCode] {
        let mut endings = Endings::default();
        for_each_seed(SEEDS, |seed| {
            let world = World::new(seed, vec![password_then(kind.clone())], LockoutPolicy::default());
            let credential = single_use(&world, &kind);
            let id = world.password_proved();
            let seen = race(&world, &[id, id], &credential);
            assert_eq!(seen.iter().filter(|ending| **ending == "right").count(), 1, "{kind}: {seen:?}");
            assert_eq!((world.live(), world.suite.store.len()), (1, 1), "no row but the winner's");
            endings.saw(seen);
        });
        endings.must_include(&[r#"["right", "wrong"]"#, r#"["not begun", "right"]"#]);
    }
}

#[test]
fn two_different_recovery_codes_both_count_and_are_both_spent() {
    for_each_seed(SEEDS, |seed| {
        let kind = FactorKind::RecoveryCode;
        let world = World::new(seed, vec![password_then(kind)], LockoutPolicy::default());
        let (codes, stored) = RecoveryCodes::generate(2, &MockRng::new(3));
        alone(world.suite.enrol(FactorConfig::RecoveryCodes(stored)));
        let racers = codes.iter().map(|code| {
            let id = world.password_proved();
            let world = &world;
            task(async move {
                let session = world.open(id).await;
                let credential = FactorCredential::RecoveryCode(code.clone());
                ending(&world.service.verify_factor(&session, credential).await)
            })
        });
        assert_eq!(world.run(racers.collect()), ["right", "right"]);
        for code in &codes {
            let id = world.password_proved();
            assert_eq!(race(&world, &[id], &FactorCredential::RecoveryCode(code.clone())), ["wrong"]);
        }
    });
}

#[test]
fn one_code_steps_one_of_two_sessions_up() {
    for_each_seed(SEEDS, |seed| {
        let world = World::with_password(seed);
        let credential = single_use(&world, &FactorKind::Totp);
        let ids = [(); 2].map(|()| {
            let id = world.password_proved();
            alone(async {
                let session = world.suite.session_by_id(id).await;
                let steps = vec![step(FactorKind::Totp)];
                world.suite.service.require_step_up(&session, steps).await.unwrap();
                session.finish().await.unwrap();
            });
            id
        });
        assert_eq!(race(&world, &ids, &credential), ["right", "wrong"]);
        assert_eq!(world.live(), 2, "the loser stays what it was");
    });
}

/// A session that waits for a mailed code, and the code.
fn mailed(world: &World) -> (SessionId, OtpCode) {
    // The mail is sent by a background task, so this part needs a runtime.
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let session = world.suite.session_by_id(world.password_proved()).await;
        world.suite.service.prepare_factor(&session, FactorKind::EmailOtp).await.unwrap();
        let code = world.suite.mail.next_code().await;
        (world.suite.reopen(&session).await.session_id(), code)
    })
}

fn mail_world(seed: u64) -> World {
    World::new(seed, vec![password_then(FactorKind::EmailOtp)], crate::lockout::switched_off())
}

#[test]
fn racing_requests_share_the_tries_of_a_mailed_code() {
    for_each_seed(SEEDS, |seed| {
        let world = mail_world(seed);
        let (id, code) = mailed(&world);
        let wrong = FactorCredential::email_otp(other_than(&code));
        let before = world.suite.kdf.runs();
        assert_eq!(race(&world, &[id; 8], &wrong), ["wrong"; 8]);
        assert_eq!(world.suite.kdf.runs() - before, 5, "five guesses were looked at, no more");
        assert_eq!(race(&world, &[id], &FactorCredential::email_otp(code)), ["wrong"], "no try is left");
    });
}

#[test]
fn clones_of_one_handle_share_the_tries_too() {
    for_each_seed(SEEDS, |seed| {
        let world = mail_world(seed);
        let (id, code) = mailed(&world);
        let session = alone(world.open(id));
        let before = world.suite.kdf.runs();
        let guesses = (0..8).map(|_| {
            let (world, session) = (&world, session.clone());
            let wrong = FactorCredential::email_otp(other_than(&code));
            task(async move { ending(&world.service.verify_factor(&session, wrong).await) })
        });
        assert_eq!(world.run(guesses.collect()), ["wrong"; 8]);
        assert_eq!(world.suite.kdf.runs() - before, 5);
        alone(session.finish()).unwrap();
        assert_eq!(race(&world, &[id], &FactorCredential::email_otp(code)), ["wrong"]);
    });
}

#[test]
fn a_mailed_code_sent_twice_lets_its_session_in_once() {
    for_each_seed(SEEDS, |seed| {
        let world = mail_world(seed);
        let (id, code) = mailed(&world);
        let seen = race(&world, &[id, id], &FactorCredential::email_otp(code));
        assert_eq!(seen.iter().filter(|ending| **ending == "right").count(), 1, "{seen:?}");
        assert_eq!((world.live(), world.suite.store.len()), (1, 1));
    });
}
