//! Logins at identity providers.

use super::{Row, Who, World, row};
use crate::federation::{
    okta,
    provider::{message, state_of},
};
use axess_core::{
    authn::AuthnError,
    session::SessionHandle,
    store::{Expected, FederatedLink, FederatedLinkStore},
};
use axess_factors::federated::{CallbackResponse, DevicePoll, FederatedIdentity, FederationError};
use axess_testing::TENANT;

/// A login begun in a session, which is then the one the verb is done in, and what its browser comes back with.
async fn begun(world: &World, link: bool) -> (SessionHandle, CallbackResponse) {
    let idp = &world.idp;
    if link {
        linked(world).await;
    }
    let session = world.ground.suite.session().await;
    let there = world.service.begin_federated_login(&session, TENANT, "okta", Default::default()).await;
    let identity = FederatedIdentity { session_id: Some("sid-1".into()), ..idp.word("1") };
    let response = idp.answer(&state_of(&there.unwrap()), identity);
    (world.next(&session).await, response)
}

async fn linked(world: &World) {
    let link = FederatedLink {
        owner: world.owner,
        issuer: world.idp.issuer_name().into(),
        subject: "1".into(),
        provider: okta(),
        linked_at: chrono::DateTime::UNIX_EPOCH,
        last_used_at: None,
    };
    let _ = world.links.save_link(link, Expected::Any).await.unwrap();
}

/// A login that a user has decided about on another device.
async fn decided(world: &World, said: Result<DevicePoll, FederationError>) -> SessionHandle {
    linked(world).await;
    let session = world.ground.suite.session().await;
    world.service.begin_device_login(&session, TENANT, "okta", Default::default()).await.unwrap();
    world.idp.say_of_device(said);
    world.ground.suite.clock.advance(std::time::Duration::from_secs(5));
    world.next(&session).await
}

/// A login at the provider, whose events are not looked at.
async fn logged_in(world: &World) -> SessionHandle {
    let (session, response) = begun(world, true).await;
    let done = world.quiet.complete_federated_login(&session, "okta", response).await.unwrap();
    assert!(done.outcome.is_authenticated());
    world.next(&session).await
}

/// What a link the user asks for is begun with.
async fn linking(world: &World) -> (SessionHandle, CallbackResponse) {
    let session = world.logged_in().await;
    let there = world.service.begin_federated_link(&session, "okta", Default::default()).await.unwrap();
    let response = world.idp.answer(&state_of(&there), world.idp.word("1"));
    (world.next(&session).await, response)
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = logins();
    rows.extend(logouts());
    rows
}

fn logins() -> Vec<Row> {
    let login = &["LoginStarted", "FactorVerified", "LoginCompleted"];
    vec![
        row("service::complete_federated_login", Who::Login, login, |w| {
            Box::pin(async {
                let (session, response) = begun(w, true).await;
                w.service.complete_federated_login(&session, "okta", response).await.map(drop)
            })
        }),
        row("service::complete_federated_login", Who::Nobody, &["FederationRefused"], |w| {
            Box::pin(async {
                let (session, response) = begun(w, false).await;
                w.service.complete_federated_login(&session, "okta", response).await.map(drop)
            })
        }),
        row(
            "service::complete_federated_login",
            Who::User,
            &["FederatedIdentityLinked", "SessionRotated"],
            |w| {
                Box::pin(async {
                    let (session, response) = linking(w).await;
                    w.service.complete_federated_login(&session, "okta", response).await.map(drop)
                })
            },
        ),
        row("service::complete_unsolicited_login", Who::Login, login, |w| {
            Box::pin(async {
                linked(w).await;
                let (session, response) = (w.guest().await, w.idp.unasked(w.idp.word("1"), "/reports"));
                w.service.complete_unsolicited_login(&session, TENANT, "okta", response).await.map(drop)
            })
        }),
        row("service::complete_unsolicited_login", Who::Nobody, &["FederationRefused"], |w| {
            Box::pin(async {
                let (session, response) = (w.guest().await, w.idp.unasked(w.idp.word("1"), "//evil.example"));
                w.service.complete_unsolicited_login(&session, TENANT, "okta", response).await.map(drop)
            })
        }),
        row("service::poll_device_login", Who::Login, login, |w| {
            Box::pin(async {
                let granted = DevicePoll::Granted(Box::new(w.idp.word("1")));
                let session = decided(w, Ok(granted)).await;
                w.service.poll_device_login(&session, "okta").await.map(drop)
            })
        }),
        row("service::poll_device_login", Who::Nobody, &["FederationRefused"], |w| {
            Box::pin(async {
                let session = decided(w, Err(FederationError::denied("access_denied"))).await;
                w.service.poll_device_login(&session, "okta").await.map(drop)
            })
        }),
        row("service::finish_oauth_login", Who::Login, login, |w| {
            Box::pin(async {
                let (session, response) = begun(w, true).await;
                let given = |name| response.get(name).map_err(AuthnError::Federation);
                let (code, state) = (given("code")?.unwrap(), given("state")?.unwrap());
                w.service.finish_oauth_login(&session, "okta", code, state).await.map(drop)
            })
        }),
        row("service::unlink_federated", Who::User, &["FederatedIdentityUnlinked", "SessionRotated"], |w| {
            Box::pin(async {
                let session = logged_in(w).await;
                w.service.unlink_federated(&session, w.idp.issuer_name(), "1").await.map(drop)
            })
        }),
    ]
}

fn logouts() -> Vec<Row> {
    let obeyed = &["Logout", "FederatedLogoutReceived"];
    vec![
        row("service::begin_federated_logout", Who::User, &["Logout"], |w| {
            Box::pin(async {
                let session = logged_in(w).await;
                w.service.begin_federated_logout(&session, Default::default()).await.map(drop)
            })
        }),
        row("service::complete_backchannel_logout", Who::System, obeyed, |w| {
            Box::pin(async {
                logged_in(w).await;
                let request = w.guest().await;
                let message = message(Some("sid-1"), None, Some("jti-1"));
                w.service.complete_backchannel_logout(&request, TENANT, "okta", message).await.map(drop)
            })
        }),
        row("service::complete_frontchannel_logout", Who::System, obeyed, |w| {
            Box::pin(async {
                logged_in(w).await;
                let (request, issuer) = (w.guest().await, w.idp.issuer_name());
                w.service
                    .complete_frontchannel_logout(&request, TENANT, "okta", issuer, "sid-1")
                    .await
                    .map(drop)
            })
        }),
    ]
}
