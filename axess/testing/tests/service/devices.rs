//! Devices: recognised, trusted, revoked, swept, and what a trusted one is good for.

mod lockout;

use crate::{
    fixtures::{code, events, half_way, with_totp},
    refresh::{Wired, operator, signals},
};
use axess_core::{
    authn::{AuthnError, FactorCredential, FactorOutcome, Method},
    device::{Device, DeviceMatch, DeviceSignals, DeviceTrustLevel, MAX_DEVICES_PER_USER},
    refresh::RefreshTokenConfig,
    session::{ProvenDevice, RequestContext},
    store::{DeviceStore, Owner},
};
use axess_events::{AuthEvent, device::RevokedBy};
use axess_identity::{DeviceId, TenantId};
use axess_testing::{PASSWORD, TENANT, TestSuite, USER};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

async fn device(ground: &Wired, id: DeviceId) -> Option<Device> {
    ground.devices.load(ground.suite.owner().await, id).await.unwrap()
}

async fn level(ground: &Wired, id: DeviceId) -> DeviceTrustLevel {
    device(ground, id).await.unwrap().trust_level
}

#[tokio::test]
async fn a_device_climbs_the_ladder() {
    let suite = TestSuite::builder().methods(vec![Method::password_then_totp()]).build();
    let ground = Wired::with(suite, RefreshTokenConfig::default());
    let totp = with_totp(&ground.suite).await;
    let session = half_way(&ground.suite).await;
    let found = ground.recognise(&session, "firefox").await;
    let id = found.device_id();
    assert_eq!(found, DeviceMatch::NewDevice(id));
    assert_eq!((level(&ground, id).await, session.device_id()), (DeviceTrustLevel::Unknown, None));

    let right = FactorCredential::totp(code(&ground.suite, &totp));
    assert_eq!(ground.service.verify_factor(&session, right).await.unwrap(), FactorOutcome::Authenticated);
    assert_eq!(ground.recognise(&session, "firefox").await, DeviceMatch::Existing(id));
    assert_eq!((level(&ground, id).await, session.device_id()), (DeviceTrustLevel::Seen, Some(id)));

    assert_eq!(ground.service.trust_device(&session, Some(" My laptop ")).await.unwrap(), Some(id));
    let stored = device(&ground, id).await.unwrap();
    assert_eq!(
        (stored.trust_level, stored.display_name.as_deref()),
        (DeviceTrustLevel::Trusted, Some("My laptop"))
    );
    assert_eq!(ground.service.trust_device(&session, None).await.unwrap(), Some(id), "again");
    assert_eq!((ground.count("DeviceFirstSeen"), ground.count("DeviceTrustGranted")), (1, 1));
    assert!(ground.suite.reopen(&session).await.device_id().is_some());
}

/// Before a factor is proved nobody knows whether the account exists: nothing is stored about it.
#[tokio::test]
async fn strangers_have_no_devices() {
    let ground = Wired::new();
    let guest = ground.suite.session().await;
    assert_eq!(ground.service.resolve_device(&guest, &signals("firefox")).await.unwrap(), None);
    for name in [USER, "nobody"] {
        let session = ground.suite.session().await;
        ground.service.begin_login(&session, name, TENANT).await.unwrap();
        assert_eq!(ground.service.resolve_device(&session, &signals("firefox")).await.unwrap(), None);
    }
    let nothing = ground.service.resolve_device(&ground.logged_in().await, &DeviceSignals::default()).await;
    assert_eq!(nothing.unwrap(), None, "nothing to go by");
    assert_eq!(ground.count("DeviceFirstSeen"), 0);
    let refused = ground.suite.service.resolve_device(&guest, &signals("firefox")).await;
    assert!(matches!(refused, Err(AuthnError::NotConfigured(_))));
}

#[tokio::test]
async fn the_cookie_wins_over_the_fingerprint_and_a_mismatch_is_recorded() {
    let ground = Wired::new();
    let id = ground.recognise(&ground.logged_in().await, "firefox 140").await.device_id();
    let with_cookie = DeviceSignals { device_cookie: Some(id), ..signals("firefox 141") };
    let session = ground.logged_in().await;
    let found = ground.service.resolve_device(&session, &with_cookie).await.unwrap();
    assert_eq!(found, Some(DeviceMatch::Existing(id)));
    assert_eq!(ground.count("DeviceFingerprintMismatch"), 1);

    assert_eq!(ground.recognise(&session, "firefox 140").await, DeviceMatch::Existing(id));
    assert_eq!(ground.count("DeviceFingerprintMismatch"), 1);
    assert_eq!(
        ground.recognise(&session, "curl").await,
        DeviceMatch::Existing(id),
        "the session stays with it"
    );
    assert_eq!((ground.count("DeviceFingerprintMismatch"), ground.count("DeviceFirstSeen")), (2, 1));

    let foreign = DeviceSignals { device_cookie: Some(DeviceId::from_parts(0, [9; 10])), ..signals("opera") };
    let found = ground.service.resolve_device(&ground.logged_in().await, &foreign).await.unwrap();
    assert!(matches!(found, Some(DeviceMatch::NewDevice(_))), "a cookie of a device that is not there");
}

#[tokio::test]
async fn trust_needs_a_fresh_session_and_a_device() {
    let ground = Wired::new();
    let session = ground.logged_in().await;
    assert_eq!(ground.service.trust_device(&session, None).await.unwrap(), None, "no device");
    let id = ground.recognise(&session, "firefox").await.device_id();
    ground.suite.clock.advance(Duration::from_secs(15 * 60 + 1));
    let stale = ground.service.trust_device(&session, None).await;
    assert!(matches!(stale, Err(AuthnError::StepUpRequired)), "{stale:?}");
    assert_eq!(level(&ground, id).await, DeviceTrustLevel::Seen);
    let guest = ground.service.trust_device(&ground.suite.session().await, None).await;
    assert!(matches!(guest, Err(AuthnError::NotAuthenticated)));
}

#[tokio::test]
async fn a_revoked_device_ends_its_own_session_and_cannot_be_trusted() {
    let ground = Wired::new();
    let (session, id, _) = ground.with_device("firefox").await;
    assert!(ground.service.revoke_device(&session, id).await.unwrap());
    assert!(session.is_guest() && ground.suite.reopen(&session).await.is_guest());
    assert_eq!(level(&ground, id).await, DeviceTrustLevel::Revoked);
    let session = ground.logged_in().await;
    let again = ground.recognise(&session, "firefox").await;
    assert!(matches!(again, DeviceMatch::NewDevice(new) if new != id));
    assert!(!ground.service.revoke_device(&session, DeviceId::from_parts(0, [9; 10])).await.unwrap());
    assert!(ground.service.revoke_device(&session, id).await.unwrap(), "once more changes nothing");
    assert_eq!(ground.count("DeviceRevoked"), 1);
}

#[tokio::test]
async fn operators_revoke_devices_too() {
    let ground = Wired::new();
    let (session, id, issued) = ground.with_device("firefox").await;
    let (owner, sessions, by) = (ground.suite.owner().await, &ground.suite.sessions, operator());
    ground.service.revoke_device_of(sessions, owner, id, &by).await.unwrap();
    assert!(ground.suite.reopen(&session).await.is_guest());
    ground.refused(&issued.token).await;
    let missing = DeviceId::from_parts(0, [9; 10]);
    let missing = ground.service.revoke_device_of(sessions, owner, missing, &by).await;
    assert!(matches!(missing, Err(AuthnError::NoSuchRecord)));
    let revoked = ground.suite.audit.events().into_iter().find_map(|event| match event.payload {
        AuthEvent::DeviceRevoked(revoked) => Some((revoked.revoked_by, event.actor.is_some())),
        _ => None,
    });
    assert_eq!(revoked, Some((RevokedBy::Admin, true)));
}

#[tokio::test]
async fn names_are_bounded_and_ones_own() {
    let ground = Wired::new();
    let (session, id, _) = ground.with_device("firefox").await;
    for (name, fits) in [
        (Some("ä".repeat(128)), true),
        (Some("ä".repeat(129)), false),
        (Some("a\u{7}b".to_owned()), false),
        (Some("  ".to_owned()), true),
        (None, true),
    ] {
        let renamed = ground.service.rename_device(&session, id, name.as_deref()).await.unwrap();
        assert_eq!(renamed, fits, "{name:?}");
    }
    assert_eq!(device(&ground, id).await.unwrap().display_name, None);
    let missing = DeviceId::from_parts(0, [9; 10]);
    assert!(!ground.service.rename_device(&session, missing, Some("x")).await.unwrap());
    let listed = ground.service.find_devices(&session).await.unwrap();
    assert_eq!(listed.iter().map(|device| device.device_id).collect::<Vec<_>>(), [id]);
    let guest = ground.suite.session().await;
    assert!(matches!(ground.service.find_devices(&guest).await, Err(AuthnError::NotAuthenticated)));
}

#[tokio::test]
async fn a_user_has_so_many_devices_and_no_more() {
    let ground = Wired::new();
    for n in 0..MAX_DEVICES_PER_USER {
        ground.recognise(&ground.logged_in().await, &format!("browser {n}")).await;
    }
    let session = ground.logged_in().await;
    assert_eq!(ground.service.resolve_device(&session, &signals("one more")).await.unwrap(), None);
    let known = ground.recognise(&session, "browser 7").await;
    assert!(matches!(known, DeviceMatch::Existing(_)));
}

#[tokio::test]
async fn the_sweep_demotes_then_deletes_and_takes_the_tokens_along() {
    let config = RefreshTokenConfig { ttl: 365 * DAY, ..RefreshTokenConfig::default() };
    let ground = Wired::with(TestSuite::default(), config);
    let tenant_id = ground.suite.owner().await.tenant_id;
    let (session, trusted, issued) = ground.with_device("firefox").await;
    assert_eq!(ground.service.trust_device(&session, None).await.unwrap(), Some(trusted));
    let (_, seen, _) = ground.with_device("safari").await;

    ground.suite.clock.advance(30 * DAY);
    assert_eq!(ground.service.sweep_devices(tenant_id).await.unwrap(), 1);
    assert!(device(&ground, seen).await.is_none());
    assert_eq!((level(&ground, trusted).await, ground.active().await), (DeviceTrustLevel::Trusted, 1));
    ground.suite.clock.advance(60 * DAY);
    assert_eq!(ground.service.sweep_devices(tenant_id).await.unwrap(), 0);
    assert_eq!(level(&ground, trusted).await, DeviceTrustLevel::Seen, "demoted");
    ground.suite.clock.advance(30 * DAY);
    assert_eq!(ground.service.sweep_devices(tenant_id).await.unwrap(), 1);
    assert!(device(&ground, trusted).await.is_none());
    ground.refused(&issued.token).await;
    let ages = ground.suite.audit.events().into_iter().filter_map(|event| match event.payload {
        AuthEvent::DevicePurged(purged) => Some(purged.purged_at_age_days),
        _ => None,
    });
    assert_eq!(ages.collect::<Vec<_>>(), [30, 120]);
    let missing = ground.service.sweep_devices(TenantId::from_parts(0, [9; 10])).await;
    assert!(matches!(missing, Err(AuthnError::NoSuchRecord)));
    assert!(events(&ground.suite).contains(&"DevicePurged"));
}

#[tokio::test]
async fn a_login_names_the_device_that_proved_itself() {
    let ground = Wired::new();
    let id = ground.recognise(&ground.logged_in().await, "firefox").await.device_id();
    let owner = ground.suite.owner().await;
    for (of, named) in
        [(owner, Some(id)), (Owner { tenant_id: TenantId::from_parts(0, [9; 10]), ..owner }, None)]
    {
        let device = Some(ProvenDevice { owner: of, device_id: id });
        let context = RequestContext { device, ..RequestContext::default() };
        let session = ground.suite.sessions.open(None, context).await.unwrap();
        let outcome = ground.service.login_with_password(&session, USER, TENANT, PASSWORD).await.unwrap();
        assert_eq!(outcome, FactorOutcome::Authenticated);
        let devices: Vec<_> = ground
            .suite
            .audit
            .events()
            .into_iter()
            .rev()
            .filter_map(|event| match event.payload {
                AuthEvent::LoginStarted(event) => Some(event.device_id),
                AuthEvent::LoginCompleted(event) => Some(event.device_id),
                _ => None,
            })
            .take(2)
            .collect();
        assert_eq!(devices, [named, named]);
    }
}
