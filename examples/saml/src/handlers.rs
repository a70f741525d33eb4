//! What the routes do: each is one verb of the service, and its outcome as a page.

use crate::routes::{PROVIDER, Site, TENANT};
use axess::{
    AuthSession, AuthnRejection, FederatedLogoutOptions, FederatedOutcome, ProviderLogoutOutcome,
    federation::{FederationCallback, FederationOptions, FederationRedirect},
    rng::SystemRng,
};
use axum::{
    extract::State,
    http::{StatusCode, header},
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

/// Sends the browser to the identity provider; that has it post its answer to `/saml/acs`.
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

/// The assertion consumer service.
pub(crate) async fn consume(
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

/// What an identity provider has to know of this application.
pub(crate) async fn metadata(State(site): State<Arc<Site>>) -> Response {
    match site.saml.metadata(&SystemRng) {
        Ok(xml) => ([(header::CONTENT_TYPE, "application/samlmetadata+xml")], xml).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

pub(crate) async fn account(session: AuthSession) -> String {
    match session.federated_login() {
        Some(login) => format!(
            "{} at {}, session {}\n",
            login.subject,
            login.issuer,
            login.session_id.as_deref().unwrap_or("unknown")
        ),
        None => "signed in without an identity provider\n".to_owned(),
    }
}

/// Signs out here, then at the identity provider, which sends the browser back to `/saml/slo`.
pub(crate) async fn logout(
    session: AuthSession,
    State(site): State<Arc<Site>>,
) -> Result<Response, AuthnRejection> {
    Ok(match site.service.begin_federated_logout(&session, FederatedLogoutOptions::default()).await? {
        Some(there) => FederationRedirect(there).into_response(),
        None => Redirect::to("/").into_response(),
    })
}

/// Single logout: ends what the identity provider says is over, or takes its answer to a logout that began here.
pub(crate) async fn single_logout(
    session: AuthSession,
    State(site): State<Arc<Site>>,
    FederationCallback(message): FederationCallback,
) -> Result<Response, AuthnRejection> {
    let done = site.service.complete_backchannel_logout(&session, TENANT, PROVIDER, message).await?;
    Ok(match done {
        ProviderLogoutOutcome::Ended { answer: Some(answer), .. } => {
            FederationRedirect(answer).into_response()
        }
        ProviderLogoutOutcome::Ended { answer: None, .. } => Redirect::to("/").into_response(),
        ProviderLogoutOutcome::Refused(error) => {
            tracing::info!(%error, "a logout was refused");
            StatusCode::BAD_REQUEST.into_response()
        }
    })
}
