use crate::fixtures::{RIGHT, WRONG, code, events, half_way, other_than, password, password_then, with_totp};
use axess_clock::Clock;
use axess_core::{
    authn::{FactorConfig, FactorCredential, FactorOutcome, Method},
    session::RequestContext,
};
use axess_factors::HotpConfig;
use axess_identity::{BackoffPolicy, FactorKind, LockoutPolicy, LockoutScale, OtpCode};
use axess_rng::MockRng;
use axess_testing::{PASSWORD, TENANT, TestSuite, USER};
use chrono::TimeDelta;
use std::time::Duration;

/// No lever locks but the ceiling on consecutive failures.
pub(crate) fn switched_off() -> LockoutPolicy {
    let off = |scale: LockoutScale| LockoutScale { failures_before_lockout: 0, ..scale };
    let LockoutPolicy { per_user, per_tenant, per_ip, max_consecutive_failures } = LockoutPolicy::default();
    LockoutPolicy {
        per_user: off(per_user),
        per_tenant: off(per_tenant),
        per_ip: off(per_ip),
        max_consecutive_failures,
    }
}

async fn attempt(suite: &TestSuite, name: &str, text: &str) -> FactorOutcome {
    let session = suite.session().await;
    suite.service.login_with_password(&session, name, TENANT, text).await.unwrap()
}

fn locked(suite: &TestSuite, minutes: i64) -> FactorOutcome {
    FactorOutcome::Locked { until: Some(suite.clock.now() + TimeDelta::minutes(minutes)) }
}

#[tokio::test]
async fn the_third_failure_locks_and_each_lock_lasts_twice_as_long() {
    let suite = TestSuite::default();
    for minutes in [15, 30, 60, 120, 240, 480, 960, 1_440, 1_440] {
        assert_eq!(attempt(&suite, USER, "wrong").await, WRONG);
        assert_eq!(attempt(&suite, USER, "wrong").await, WRONG);
        assert_eq!(attempt(&suite, USER, "wrong").await, locked(&suite, minutes));
        assert_eq!(attempt(&suite, USER, PASSWORD).await, locked(&suite, minutes), "the right one too");
        suite.clock.advance(Duration::from_secs(60 * u64::try_from(minutes).unwrap() - 1));
        assert!(matches!(attempt(&suite, USER, PASSWORD).await, FactorOutcome::Locked { .. }));
        suite.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(attempt(&suite, USER, PASSWORD).await, RIGHT);
    assert_eq!(attempt(&suite, USER, "wrong").await, WRONG);
    assert_eq!(attempt(&suite, USER, "wrong").await, WRONG);
    assert_eq!(attempt(&suite, USER, "wrong").await, locked(&suite, 15), "a success forgives");
    assert_eq!(events(&suite).iter().filter(|name| **name == "LockoutTriggered").count(), 10);
}

#[tokio::test]
async fn a_hundred_failures_in_a_row_lock_for_good() {
    let suite = TestSuite::builder().lockout(switched_off()).build();
    for n in 1..100 {
        assert_eq!(attempt(&suite, USER, "wrong").await, WRONG, "failure {n}");
    }
    let for_good = FactorOutcome::Locked { until: None };
    assert_eq!(attempt(&suite, USER, "wrong").await, for_good);
    suite.clock.advance(Duration::from_secs(10 * 365 * 24 * 3_600));
    assert_eq!(attempt(&suite, USER, PASSWORD).await, for_good);
}

#[tokio::test]
async fn the_hundredth_try_may_still_be_right() {
    let suite = TestSuite::builder().lockout(switched_off()).build();
    for _ in 1..100 {
        assert_eq!(attempt(&suite, USER, "wrong").await, WRONG);
    }
    assert_eq!(attempt(&suite, USER, PASSWORD).await, RIGHT);
    assert_eq!(attempt(&suite, USER, "wrong").await, WRONG, "the row is broken");
}

/// Whoever knows the password must not be able to wipe out wrong codes with it.
#[tokio::test]
async fn a_right_password_does_not_forgive_wrong_codes() {
    let suite = TestSuite::builder().methods(vec![Method::password_then_totp()]).build();
    let totp = with_totp(&suite).await;
    let wrong = other_than(&code(&suite, &totp));
    let mut outcomes = Vec::new();
    for _ in 0..3 {
        let session = half_way(&suite).await;
        outcomes.push(
            suite.service.verify_factor(&session, FactorCredential::totp(wrong.clone())).await.unwrap(),
        );
    }
    assert_eq!(outcomes, [WRONG, WRONG, locked(&suite, 15)]);
    let session = half_way(&suite).await;
    let right = FactorCredential::totp(code(&suite, &totp));
    assert_eq!(suite.service.verify_factor(&session, right).await.unwrap(), locked(&suite, 15));

    suite.clock.advance(Duration::from_secs(15 * 60));
    let session = half_way(&suite).await;
    let right = FactorCredential::totp(code(&suite, &totp));
    assert_eq!(suite.service.verify_factor(&session, right).await.unwrap(), RIGHT);
}

/// Nor may a stranger's guesses at the password lock the code step of the user who is past it.
#[tokio::test]
async fn guesses_at_the_password_do_not_lock_the_second_factor() {
    let suite = TestSuite::builder().methods(vec![Method::password_then_totp()]).build();
    let totp = with_totp(&suite).await;
    let session = half_way(&suite).await;
    for _ in 0..3 {
        let _ = attempt(&suite, USER, "wrong").await;
    }
    let right = FactorCredential::totp(code(&suite, &totp));
    assert_eq!(suite.service.verify_factor(&session, right).await.unwrap(), RIGHT);
}

#[tokio::test]
async fn a_locked_attempt_spends_nothing() {
    let suite = TestSuite::builder().methods(vec![password_then(FactorKind::Hotp)]).build();
    let token = HotpConfig::generate(&MockRng::new(9));
    suite.enrol(FactorConfig::Hotp(token.clone())).await;
    let present = async |code: OtpCode| {
        let session = half_way(&suite).await;
        suite.service.verify_factor(&session, FactorCredential::hotp(code)).await.unwrap()
    };
    let right = token.code_at(0);
    for _ in 0..3 {
        let _ = present(other_than(&right).as_str().into()).await;
    }
    assert_eq!(present(right.clone()).await, locked(&suite, 15));
    suite.clock.advance(Duration::from_secs(15 * 60));
    assert_eq!(present(right).await, RIGHT);
}

#[tokio::test]
async fn one_address_is_throttled_over_all_names_and_a_success_gives_back_only_itself() {
    let context =
        RequestContext { client_ip: Some("192.0.2.7".parse().unwrap()), ..RequestContext::default() };
    let suite = TestSuite::builder().context(context).build();
    for n in 0..9 {
        assert_eq!(attempt(&suite, &format!("user{n}"), "wrong").await, WRONG);
        assert_eq!(attempt(&suite, USER, PASSWORD).await, RIGHT, "after {n}");
    }
    assert_eq!(attempt(&suite, "user9", "wrong").await, locked(&suite, 1));
    assert_eq!(attempt(&suite, USER, PASSWORD).await, locked(&suite, 1));
    suite.clock.advance(Duration::from_secs(60));
    assert_eq!(attempt(&suite, USER, PASSWORD).await, RIGHT);
}

#[tokio::test]
async fn one_tenant_is_throttled_over_all_addresses_and_others_are_not() {
    let policy = LockoutPolicy {
        per_tenant: LockoutScale {
            failures_before_lockout: 4,
            window: Duration::from_secs(60),
            base_lockout: Duration::from_secs(60),
            backoff: BackoffPolicy::Fixed,
            max_lockout: Duration::from_secs(60),
        },
        ..LockoutPolicy::default()
    };
    let suite = TestSuite::builder().lockout(policy).user(USER, "acme", None, PASSWORD).build();
    for n in 0..3 {
        assert_eq!(attempt(&suite, &format!("user{n}"), "wrong").await, WRONG);
    }
    assert_eq!(attempt(&suite, "user3", "wrong").await, locked(&suite, 1));
    assert_eq!(attempt(&suite, USER, PASSWORD).await, locked(&suite, 1));
    let session = suite.session().await;
    assert_eq!(suite.service.login_with_password(&session, USER, "acme", PASSWORD).await.unwrap(), RIGHT);
}

#[tokio::test]
async fn a_step_up_counts_like_a_login() {
    let suite = TestSuite::default();
    let session = crate::fixtures::logged_in(&suite).await;
    let steps = vec![crate::fixtures::step(axess_identity::FactorKind::Password)];
    suite.service.require_step_up(&session, steps).await.unwrap();
    for expected in [WRONG, WRONG, locked(&suite, 15)] {
        assert_eq!(suite.service.verify_factor(&session, password("wrong")).await.unwrap(), expected);
    }
    assert_eq!(attempt(&suite, USER, PASSWORD).await, locked(&suite, 15));
    assert!(session.is_authenticated(), "at its old level");
}
