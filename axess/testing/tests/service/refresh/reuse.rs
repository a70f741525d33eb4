use super::*;
use axess_core::{device::DeviceTrustLevel, store::DeviceStore};
use axess_events::AuthEvent;
use std::time::Duration;

const LATER: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_token_that_comes_twice_ends_everything_that_descends_from_it() {
    let ground = Wired::new();
    let (first, device, stolen) = ground.with_device("firefox").await;
    let (_, other_device, unrelated) = ground.with_device("safari").await;
    let (thief, loot) = ground.refreshed(&stolen.token).await;
    ground.suite.clock.advance(LATER);
    ground.refused(&stolen.token).await;

    let owner = ground.suite.owner().await;
    for session in [&first, &thief] {
        assert!(ground.suite.reopen(session).await.is_guest(), "a session of the family");
    }
    let level = async |id| ground.devices.load(owner, id).await.unwrap().unwrap().trust_level;
    assert_eq!(level(device).await, DeviceTrustLevel::Revoked);
    assert_eq!(level(other_device).await, DeviceTrustLevel::Seen);
    let alarms = ground.alarms();
    assert_eq!(alarms.len(), 1);
    assert_eq!((alarms[0].owner, alarms[0].family_id), (owner, stolen.family_id));
    assert_eq!((alarms[0].token_id, &alarms[0].devices), (stolen.id, &vec![(owner.tenant_id, device)]));
    let detected = ground.suite.audit.events().into_iter().find_map(|event| match event.payload {
        AuthEvent::RefreshTokenReuseDetected(event) => Some(event),
        _ => None,
    });
    let detected = detected.unwrap();
    assert_eq!((detected.refresh_token_id, detected.tokens_revoked), (stolen.id, 1));
    assert_eq!(ground.count("DeviceRevoked"), 1);

    ground.refused(&loot.token).await;
    ground.refreshed(&unrelated.token).await;
}

/// Thief first or victim first: whoever comes second ends it for both.
#[tokio::test]
async fn the_second_of_two_holders_shows_the_theft() {
    for rounds in 1..4 {
        let ground = Wired::new();
        let issued = ground.service.issue_refresh_token(&ground.logged_in().await).await.unwrap();
        let copy = issued.token.clone();
        let mut current = issued;
        for _ in 0..rounds {
            ground.suite.clock.advance(LATER);
            current = ground.refreshed(&current.token).await.1;
        }
        ground.suite.clock.advance(LATER);
        ground.refused(&copy).await;
        ground.refused(&current.token).await;
        assert_eq!((ground.alarms().len(), ground.active().await), (1, 0), "after {rounds}");
    }
}

#[tokio::test]
async fn the_loser_of_an_honest_race_gets_the_same_token_once() {
    let ground = Wired::new();
    let issued = ground.service.issue_refresh_token(&ground.logged_in().await).await.unwrap();
    let (winner, first) = ground.refreshed(&issued.token).await;
    ground.suite.clock.advance(Duration::from_secs(9));
    let (loser, second) = ground.refreshed(&issued.token).await;
    assert_eq!((first.token.expose(), first.id), (second.token.expose(), second.id));
    assert_eq!(first.expires_at, second.expires_at);
    assert_ne!(winner.session_id(), loser.session_id());
    assert!(ground.alarms().is_empty());
    ground.refused(&issued.token).await;
    assert_eq!((ground.alarms().len(), ground.active().await), (1, 0), "a third time is nobody's race");
    for session in [winner, loser] {
        assert!(ground.suite.reopen(&session).await.is_guest());
    }
}

#[tokio::test]
async fn the_window_closes() {
    let ground = Wired::new();
    let issued = ground.service.issue_refresh_token(&ground.logged_in().await).await.unwrap();
    ground.refreshed(&issued.token).await;
    ground.suite.clock.advance(Duration::from_secs(10));
    ground.refused(&issued.token).await;
    assert_eq!(ground.alarms().len(), 1);
}

/// The loser comes when the winner has already gone on: the successor is spent, so this was no race.
#[tokio::test]
async fn a_spent_successor_is_not_handed_out() {
    let ground = Wired::new();
    let issued = ground.service.issue_refresh_token(&ground.logged_in().await).await.unwrap();
    let (_, second) = ground.refreshed(&issued.token).await;
    ground.refreshed(&second.token).await;
    ground.refused(&issued.token).await;
    assert_eq!((ground.alarms().len(), ground.active().await), (1, 0));
}

/// Somebody who knows the ids of a token, but not its secret, must not be able to log its holder out.
#[tokio::test]
async fn ids_alone_end_nothing() {
    let ground = Wired::new();
    let (session, _, issued) = ground.with_device("firefox").await;
    let (_, next) = ground.refreshed(&issued.token).await;
    ground.suite.clock.advance(LATER);
    let mut guess = issued.token.expose().to_owned();
    guess.replace_range(70..75, "AAAAA");
    ground.refused(&guess.as_str().into()).await;
    assert!(ground.suite.reopen(&session).await.is_authenticated());
    assert!(ground.alarms().is_empty());
    ground.refreshed(&next.token).await;
}

/// Logging in with the device anew makes a new device: the revoked one stays revoked.
#[tokio::test]
async fn a_revoked_device_comes_back_as_another() {
    let ground = Wired::new();
    let (_, device, issued) = ground.with_device("firefox").await;
    ground.refreshed(&issued.token).await;
    ground.suite.clock.advance(LATER);
    ground.refused(&issued.token).await;
    let (_, again, _) = ground.with_device("firefox").await;
    assert_ne!(device, again);
}
