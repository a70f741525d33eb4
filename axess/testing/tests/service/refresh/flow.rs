use super::*;
use crate::fixtures::{code, half_way, with_totp};
use axess_core::{
    authn::{FactorCredential, Method},
    store::SessionStore,
};
use axess_events::AuthEvent;
use axess_identity::FactorKind;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn a_login_goes_on_where_it_was() {
    let ground = Wired::new();
    let first = ground.logged_in().await;
    let (authn_time, owner) = (first.authn_time(), first.owner());
    let issued = ground.service.issue_refresh_token(&first).await.unwrap();
    assert_eq!(issued.expires_at, ground.suite.clock.now() + chrono::TimeDelta::days(30));
    let mut token = issued;
    for _ in 0..5 {
        ground.suite.clock.advance(DAY);
        let (session, next) = ground.refreshed(&token.token).await;
        assert_eq!((session.authn_time(), session.owner()), (authn_time, owner), "as old as the login");
        assert_eq!(session.factors_completed(), [FactorKind::Password]);
        assert_ne!(next.token.expose(), token.token.expose());
        assert_eq!((next.family_id, ground.active().await), (token.family_id, 1));
        assert!(ground.suite.reopen(&session).await.is_authenticated());
        token = next;
    }
    assert_eq!((ground.count("RefreshTokenIssued"), ground.count("RefreshTokenRotated")), (1, 5));
    assert!(ground.alarms().is_empty());
}

/// What asks for a fresh login must not be had with an old one.
#[tokio::test]
async fn a_refreshed_session_is_not_fresh() {
    let ground = Wired::new();
    let (_, _, issued) = ground.with_device("firefox").await;
    ground.suite.clock.advance(Duration::from_secs(16 * 60));
    let (session, _) = ground.refreshed(&issued.token).await;
    let trusted = ground.service.trust_device(&session, None).await;
    assert!(matches!(trusted, Err(AuthnError::StepUpRequired)), "{trusted:?}");
}

#[tokio::test]
async fn the_session_gets_an_id_nobody_knew() {
    let ground = Wired::new();
    let issued = ground.service.issue_refresh_token(&ground.logged_in().await).await.unwrap();
    let session = ground.suite.session().await;
    session.set_custom("theme", "dark").unwrap();
    let session = ground.suite.reopen(&session).await;
    let before = session.session_id();
    assert!(ground.service.refresh_session(&session, issued.token).await.unwrap().is_refreshed());
    assert_ne!(session.session_id(), before);
    assert!(ground.suite.store.load(before, ground.suite.clock.now()).await.unwrap().is_none());
    assert_eq!(session.get_custom::<String>("theme").unwrap().as_deref(), Some("dark"));
}

#[tokio::test]
async fn both_factors_and_the_device_come_along() {
    let suite = TestSuite::builder().methods(vec![Method::password_then_totp()]).build();
    let ground = Wired::with(suite, RefreshTokenConfig::default());
    let totp = with_totp(&ground.suite).await;
    let session = half_way(&ground.suite).await;
    let right = FactorCredential::totp(code(&ground.suite, &totp));
    assert_eq!(ground.service.verify_factor(&session, right).await.unwrap(), RIGHT);
    let device = ground.recognise(&session, "firefox").await.device_id();
    let issued = ground.service.issue_refresh_token(&session).await.unwrap();
    let (session, _) = ground.refreshed(&issued.token).await;
    assert_eq!(session.factors_completed(), [FactorKind::Password, FactorKind::Totp]);
    assert_eq!(session.device_id(), Some(device));
    assert_eq!(ground.count("DeviceBindingAdded"), 1);
}

#[tokio::test]
async fn only_a_guest_may_refresh_and_only_an_authenticated_user_gets_a_token() {
    let ground = Wired::new();
    let session = ground.logged_in().await;
    let issued = ground.service.issue_refresh_token(&session).await.unwrap();
    let refused = ground.service.refresh_session(&session, issued.token.clone()).await;
    assert!(matches!(refused, Err(AuthnError::AlreadyAuthenticated)), "{refused:?}");
    assert!(ground.row(&issued).await.unwrap().rotated_at.is_none(), "the token was not spent");

    let half = ground.suite.session().await;
    ground.service.begin_login(&half, USER, TENANT).await.unwrap();
    for session in [half, ground.suite.session().await] {
        let refused = ground.service.issue_refresh_token(&session).await;
        assert!(matches!(refused, Err(AuthnError::NotAuthenticated)), "{refused:?}");
    }
    let bare = &ground.suite.service;
    assert!(matches!(bare.issue_refresh_token(&session).await, Err(AuthnError::NotConfigured(_))));
    let guest = ground.suite.session().await;
    assert!(matches!(bare.refresh_session(&guest, issued.token).await, Err(AuthnError::NotConfigured(_))));
}

#[tokio::test]
async fn what_is_no_token_is_refused_and_leaves_no_trace() {
    let ground = Wired::new();
    let issued = ground.service.issue_refresh_token(&ground.logged_in().await).await.unwrap();
    let text = issued.token.expose().to_owned();
    let recorded = events(&ground.suite).len();
    let mut wrong_secret = text.clone();
    wrong_secret.replace_range(80..90, "AAAAAAAAAA");
    let mut other_id = text.clone();
    other_id.replace_range(50..60, "AAAAAAAAAA");
    for bad in ["", "axr1_", "nonsense", &wrong_secret, &other_id, &text[..text.len() - 1]] {
        ground.refused(&bad.into()).await;
    }
    assert_eq!((events(&ground.suite).len(), ground.active().await), (recorded, 1));
    ground.suite.clock.advance(30 * DAY);
    ground.refused(&issued.token).await;
    assert_eq!(events(&ground.suite).len(), recorded, "expired");
    assert!(ground.alarms().is_empty());
}

#[tokio::test]
async fn another_token_for_a_session_takes_the_place_of_the_first() {
    let ground = Wired::new();
    let session = ground.logged_in().await;
    let first = ground.service.issue_refresh_token(&session).await.unwrap();
    let second = ground.service.issue_refresh_token(&session).await.unwrap();
    assert_ne!(first.family_id, second.family_id);
    ground.refused(&first.token).await;
    ground.refreshed(&second.token).await;
}

#[tokio::test]
async fn the_oldest_makes_room_and_is_not_taken_for_stolen() {
    let config = RefreshTokenConfig { max_per_user: 2, ..RefreshTokenConfig::default() };
    let ground = Wired::with(TestSuite::default(), config);
    let mut issued = Vec::new();
    for browser in ["a", "b", "c"] {
        issued.push(ground.with_device(browser).await.2);
        ground.suite.clock.advance(Duration::from_secs(1));
    }
    assert_eq!((ground.active().await, ground.count("RefreshTokenRevoked")), (2, 1));
    ground.refused(&issued[0].token).await;
    assert_eq!((ground.alarms().len(), ground.count("DeviceRevoked")), (0, 0));
    assert_eq!(ground.count("RefreshTokenReuseDetected"), 1, "on record all the same");
    ground.refreshed(&issued[1].token).await;
    ground.refreshed(&issued[2].token).await;
}

#[tokio::test]
async fn without_rotation_a_token_lives_on() {
    let config = RefreshTokenConfig { rotation: false, ..RefreshTokenConfig::default() };
    let ground = Wired::with(TestSuite::default(), config);
    let issued = ground.service.issue_refresh_token(&ground.logged_in().await).await.unwrap();
    for _ in 0..4 {
        ground.suite.clock.advance(20 * DAY);
        let (_, same) = ground.refreshed(&issued.token).await;
        assert_eq!((same.token.expose(), same.id), (issued.token.expose(), issued.id));
    }
    let rotated = ground.suite.audit.events().into_iter().filter_map(|event| match event.payload {
        AuthEvent::RefreshTokenRotated(event) => Some(event.previous_refresh_token_id),
        _ => None,
    });
    assert_eq!(rotated.collect::<Vec<_>>(), [None; 4]);
}

#[tokio::test]
async fn no_event_has_a_secret() {
    let ground = Wired::new();
    let issued = ground.service.issue_refresh_token(&ground.logged_in().await).await.unwrap();
    let (_, next) = ground.refreshed(&issued.token).await;
    ground.suite.clock.advance(DAY);
    ground.refused(&issued.token).await;
    let shown = format!("{:?} {:?} {:?}", ground.suite.audit.events(), ground.tokens, ground.alarms());
    for token in [&issued, &next] {
        let text = token.token.expose();
        assert!(!shown.contains("axr1_") && !shown.contains(&text[text.len() - 42..]));
    }
}
