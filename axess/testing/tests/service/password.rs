use crate::fixtures::{RIGHT, WRONG, events, live_sessions, logged_in, password};
use axess_core::{
    authn::{AuthnError, FactorConfig, PasswordChangeOutcome, PasswordRecord},
    store::FactorStore,
};
use axess_factors::{Argon2idParams, PasswordPolicyError, PepperRing};
use axess_identity::{FactorKind, PasswordHash};
use axess_testing::{PASSWORD, TENANT, TestSuite, USER};

const NEW: &str = "a quite different phrase";

async fn record(suite: &TestSuite) -> PasswordRecord {
    let owner = suite.owner().await;
    let found =
        suite.backend.load_factor(owner.tenant_id, owner.user_id, FactorKind::Password).await.unwrap();
    match found.record.unwrap().value {
        FactorConfig::Password(record) => record,
        other => panic!("{other:?}"),
    }
}

async fn hash(suite: &TestSuite) -> PasswordHash {
    record(suite).await.hash
}

#[tokio::test]
async fn a_change_ends_the_other_sessions_and_renews_this_one() {
    let suite = TestSuite::default();
    let elsewhere = [logged_in(&suite).await, logged_in(&suite).await];
    let session = logged_in(&suite).await;
    let before = session.session_id();
    let outcome = suite.service.change_password(&session, PASSWORD, NEW).await.unwrap();
    assert_eq!(outcome, PasswordChangeOutcome::Changed { sessions_ended: 2 });
    assert_ne!(session.session_id(), before);
    assert!(suite.reopen(&session).await.is_authenticated());
    for other in elsewhere {
        assert!(suite.session_by_id(other.session_id()).await.is_guest());
    }
    assert_eq!(live_sessions(&suite).await, 1);
    assert!(events(&suite).ends_with(&["SessionRotated", "PasswordChanged"]));

    let fresh = suite.session().await;
    assert_eq!(suite.service.login_with_password(&fresh, USER, TENANT, PASSWORD).await.unwrap(), WRONG);
    assert_eq!(suite.service.verify_factor(&fresh, password(NEW)).await.unwrap(), RIGHT);
}

#[tokio::test]
async fn a_change_needs_the_current_password_and_counts_wrong_ones() {
    let suite = TestSuite::default();
    let guest = suite.session().await;
    let error = suite.service.change_password(&guest, PASSWORD, NEW).await.unwrap_err();
    assert!(matches!(error, AuthnError::NotAuthenticated), "{error:?}");
    let (session, before) = (logged_in(&suite).await, hash(&suite).await);
    for _ in 0..2 {
        let outcome = suite.service.change_password(&session, "wrong", NEW).await.unwrap();
        assert_eq!(outcome, PasswordChangeOutcome::InvalidCredential);
    }
    for attempt in ["wrong", PASSWORD] {
        let outcome = suite.service.change_password(&session, attempt, NEW).await.unwrap();
        assert!(matches!(outcome, PasswordChangeOutcome::Locked { until: Some(_) }), "{outcome:?}");
    }
    assert!(hash(&suite).await.ct_eq(before.expose()));
    assert!(session.is_authenticated(), "a thief's guesses do not log the user out");
}

#[tokio::test]
async fn a_new_password_must_be_good_and_new() {
    let suite = TestSuite::default();
    let session = logged_in(&suite).await;
    let change =
        async |from: &str, to: &str| suite.service.change_password(&session, from, to).await.unwrap();
    let weak = PasswordChangeOutcome::WeakPassword(PasswordPolicyError::TooShort { min: 15 });
    assert_eq!(change(PASSWORD, "short").await, weak);
    let weak = PasswordChangeOutcome::WeakPassword(PasswordPolicyError::ContainsIdentifier);
    assert_eq!(change(PASSWORD, "where did alice go").await, weak);
    assert_eq!(change(PASSWORD, PASSWORD).await, PasswordChangeOutcome::Reused);

    let phrases: Vec<String> = (0..7).map(|n| format!("phrase number {n} of seven")).collect();
    let mut current = PASSWORD;
    for next in &phrases[..6] {
        assert_eq!(change(current, next).await, PasswordChangeOutcome::Changed { sessions_ended: 0 });
        current = next;
    }
    assert_eq!(record(&suite).await.history.len(), 5, "five are remembered");
    for used in &phrases[..5] {
        assert_eq!(change(current, used).await, PasswordChangeOutcome::Reused, "{used}");
    }
    let oldest = change(current, PASSWORD).await;
    assert_eq!(oldest, PasswordChangeOutcome::Changed { sessions_ended: 0 }, "the sixth is forgotten");
}

#[tokio::test]
async fn a_login_brings_an_old_hash_up_to_date_and_keeps_the_rest_of_the_record() {
    let suite = TestSuite::default();
    let session = logged_in(&suite).await;
    let _ = suite.service.change_password(&session, PASSWORD, NEW).await.unwrap();
    let before = record(&suite).await;
    let stronger = Argon2idParams::new(2_048, 1, 1).unwrap();
    let peppers = PepperRing::new("2026", [9u8; 32].into()).unwrap();
    let service = suite
        .service_over(suite.backend.clone(), suite.backend.clone())
        .with_argon2id(stronger)
        .with_peppers(peppers);
    let session = suite.session().await;
    assert_eq!(service.login_with_password(&session, USER, TENANT, NEW).await.unwrap(), RIGHT);
    let after = record(&suite).await;
    assert!(!after.hash.ct_eq(before.hash.expose()));
    assert!(after.hash.expose().contains("m=2048"), "new parameters");
    assert_eq!((after.history.len(), after.changed_at), (before.history.len(), before.changed_at));
    let session = suite.session().await;
    assert_eq!(service.login_with_password(&session, USER, TENANT, NEW).await.unwrap(), RIGHT);
    assert!(hash(&suite).await.ct_eq(after.hash.expose()), "once is enough");
}
