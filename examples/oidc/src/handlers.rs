//! What the routes do: each is one verb of the service, and its outcome as a page.

use crate::routes::{PROVIDER, Site, TENANT};
use axess::{
    AuthSession, AuthnRejection, FederatedLogoutOptions, FederatedOutcome, ProviderLogoutOutcome,
    federation::{
        BackchannelLogoutAnswer, FederationCallback, FederationNotice, FederationOptions, FederationRedirect,
    },
};
use axum::{
    extract::State,
    http::StatusCode,
    response::{Html, IntoResponse, Redirect, Response},
};
use std::sync::Arc;

pub(crate) async fn home(session: AuthSession) -> Html<String> {
    Html(match session.federated_login() {
        None => "<p>You are a guest. <a href=\"/login\">Sign in</a></p>".to_owned(),
        Some(_) => "<p>You are signed in. <a href=\"/account\">Your account</a></p>\
            <form method=\"post\" action=\"/logout\"><button>Sign out</button></form>"
            .to_owned(),
    })
}

/// Sends the browser to the provider; it comes back to `/callback`.
pub(crate) async fn begin(
    session: AuthSession,
    State(site): State<Arc<Site>>,
) -> Result<Response, AuthnRejection> {
    if session.is_authenticated() {
        return Ok(Redirect::to("/account").into_response());
    }
    let options =
        FederationOptions { return_to: Some("/account".to_owned()), ..FederationOptions::default() };
    let there = site.service.begin_federated_login(&session, TENANT, PROVIDER, options).await?;
    Ok(FederationRedirect(there).into_response())
}

pub(crate) async fn callback(
    session: AuthSession,
    State(site): State<Arc<Site>>,
    FederationCallback(response): FederationCallback,
) -> Result<Response, AuthnRejection> {
    let done = site.service.complete_federated_login(&session, PROVIDER, response).await?;
    Ok(match done.outcome {
        FederatedOutcome::Authenticated => {
            Redirect::to(done.return_to.as_deref().unwrap_or("/")).into_response()
        }
        // What exactly was wrong is for the log, not for the page.
        refused => {
            tracing::info!(?refused, "a login did not work");
            let page = "<p>The login did not work. <a href=\"/login\">Try again</a></p>";
            (StatusCode::UNAUTHORIZED, Html(page)).into_response()
        }
    })
}

pub(crate) async fn account(session: AuthSession) -> String {
    match session.federated_login() {
        Some(login) => format!(
            "{} at {}, session {}, authenticated by {:?}\n",
            login.subject,
            login.issuer,
            login.session_id.as_deref().unwrap_or("unknown"),
            login.amr
        ),
        None => "signed in without a provider\n".to_owned(),
    }
}

/// Signs out here, then at the provider, which sends the browser back to the first page.
pub(crate) async fn logout(
    session: AuthSession,
    State(site): State<Arc<Site>>,
) -> Result<Response, AuthnRejection> {
    let back = format!("{}/", site.base);
    let options =
        FederatedLogoutOptions { post_logout_redirect_uri: Some(back), ..FederatedLogoutOptions::default() };
    Ok(match site.service.begin_federated_logout(&session, options).await? {
        Some(there) => FederationRedirect(there).into_response(),
        None => Redirect::to("/").into_response(),
    })
}

/// Ends the sessions that the provider says are over (OpenID Connect Back-Channel Logout 1.0).
pub(crate) async fn backchannel(
    session: AuthSession,
    State(site): State<Arc<Site>>,
    FederationNotice(message): FederationNotice,
) -> Result<BackchannelLogoutAnswer, AuthnRejection> {
    let done = site.service.complete_backchannel_logout(&session, TENANT, PROVIDER, message).await?;
    if let ProviderLogoutOutcome::Refused(error) = &done {
        tracing::info!(%error, "a logout was refused");
    }
    Ok(BackchannelLogoutAnswer(done))
}
