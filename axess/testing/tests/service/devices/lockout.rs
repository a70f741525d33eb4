//! Strangers' guesses and the owner's trusted device.

use super::*;
use axess_core::session::{ProvenDevice, RequestContext, SessionHandle};
use axess_testing::PASSWORD;

const RIGHT: FactorOutcome = FactorOutcome::Authenticated;

/// An account whose laptop is trusted.
async fn trusted() -> (Wired, ProvenDevice) {
    let ground = Wired::new();
    let (session, device_id, _) = ground.with_device("firefox").await;
    assert_eq!(ground.service.trust_device(&session, None).await.unwrap(), Some(device_id));
    let proven = ProvenDevice { owner: ground.suite.owner().await, device_id };
    (ground, proven)
}

async fn from(ground: &Wired, device: Option<ProvenDevice>) -> SessionHandle {
    let client_ip = "192.0.2.7".parse().ok();
    ground
        .suite
        .sessions
        .open(None, RequestContext { device, client_ip, ..RequestContext::default() })
        .await
        .unwrap()
}

async fn login(ground: &Wired, device: Option<ProvenDevice>, user: &str, password: &str) -> FactorOutcome {
    let session = from(ground, device).await;
    ground.service.login_with_password(&session, user, TENANT, password).await.unwrap()
}

async fn locked_out_by_strangers(ground: &Wired) {
    for _ in 0..5 {
        let _ = login(ground, None, USER, "wrong").await;
    }
    assert!(matches!(login(ground, None, USER, PASSWORD).await, FactorOutcome::Locked { .. }));
}

#[tokio::test]
async fn strangers_do_not_lock_the_owner_out_of_a_trusted_device() {
    let (ground, device) = trusted().await;
    locked_out_by_strangers(&ground).await;
    assert_eq!(login(&ground, Some(device), USER, PASSWORD).await, RIGHT);
    let session = from(&ground, Some(device)).await;
    ground.service.begin_login(&session, USER, TENANT).await.unwrap();
    let credential = FactorCredential::Password(PASSWORD.into());
    assert_eq!(
        ground.service.verify_factor(&session, credential).await.unwrap(),
        RIGHT,
        "in two steps as well"
    );
    let changed = ground.service.change_password(&session, PASSWORD, "Another 1 over the mountain").await;
    assert!(matches!(changed, Ok(axess_core::authn::PasswordChangeOutcome::Changed { .. })), "{changed:?}");
    assert!(
        matches!(login(&ground, None, USER, PASSWORD).await, FactorOutcome::Locked { .. }),
        "nobody else"
    );
}

#[tokio::test]
async fn a_stolen_device_has_as_few_tries_as_anybody() {
    let (ground, device) = trusted().await;
    for _ in 0..5 {
        let _ = login(&ground, Some(device), USER, "wrong").await;
    }
    assert!(matches!(login(&ground, Some(device), USER, PASSWORD).await, FactorOutcome::Locked { .. }));
    assert_eq!(login(&ground, None, USER, PASSWORD).await, RIGHT, "and locks nobody else out");
}

/// Whoever has a trusted device of their own must not get tries at other accounts with it.
#[tokio::test]
async fn a_device_counts_for_its_own_user_alone() {
    let (ground, device) = trusted().await;
    for _ in 0..5 {
        let _ = login(&ground, Some(device), "bob", "wrong").await;
    }
    assert!(
        matches!(login(&ground, None, "bob", "wrong").await, FactorOutcome::Locked { .. }),
        "counted as ever"
    );
    locked_out_by_strangers(&ground).await;
    let other = ProvenDevice { device_id: DeviceId::from_parts(0, [9; 10]), ..device };
    assert!(matches!(login(&ground, Some(other), USER, PASSWORD).await, FactorOutcome::Locked { .. }));
}

#[tokio::test]
async fn only_a_device_that_is_trusted_now_counts() {
    let (ground, device) = trusted().await;
    locked_out_by_strangers(&ground).await;
    let by = operator();
    let sessions = &ground.suite.sessions;
    ground.service.revoke_device_of(sessions, device.owner, device.device_id, &by).await.unwrap();
    assert!(matches!(login(&ground, Some(device), USER, PASSWORD).await, FactorOutcome::Locked { .. }));

    let ground = Wired::new();
    let (_, device_id, _) = ground.with_device("firefox").await;
    locked_out_by_strangers(&ground).await;
    let seen = ProvenDevice { owner: ground.suite.owner().await, device_id };
    assert!(matches!(login(&ground, Some(seen), USER, PASSWORD).await, FactorOutcome::Locked { .. }));
}
