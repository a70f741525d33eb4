use super::see_other;
use crate::{
    access::{
        login::safe_next,
        sso::{self, Begun, Told},
    },
    app::App,
    problem::Problem,
};
use axess::{
    AuthSession,
    federation::{FederationCallback, FederationCallbackRejection, FederationNotice, FederationRedirect},
};
use axum::{
    extract::{Query, State},
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use serde::Deserialize;
use std::sync::Arc;

/// Where a login leads.
#[derive(Debug, Deserialize)]
pub(super) struct Way {
    #[serde(default)]
    next: String,
}

pub(super) async fn begin(
    State(app): State<Arc<App>>,
    session: AuthSession,
    Query(way): Query<Way>,
) -> Result<Response, Problem> {
    Ok(match sso::begin(&app.access, &session, &way.next).await? {
        Begun::There(redirection) => FederationRedirect(redirection).into_response(),
        Begun::Already => super::login::see_other_path(safe_next(&way.next)),
    })
}

/// The browser is back from the provider, by a link or by a form.
pub(in crate::access) async fn callback(
    State(app): State<Arc<App>>,
    session: AuthSession,
    came: Result<FederationCallback, FederationCallbackRejection>,
) -> Result<Response, Problem> {
    let FederationCallback(response) = match came {
        Ok(came) => came,
        Err(rejection) => return not_read(rejection),
    };
    let next = sso::complete(&app.access, &session, response).await?;
    Ok(super::login::see_other_path(&next))
}

pub(super) async fn metadata(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let metadata = sso::metadata(&app.access)?;
    Ok(([(header::CONTENT_TYPE, "application/samlmetadata+xml")], metadata).into_response())
}

pub(super) async fn backchannel(
    State(app): State<Arc<App>>,
    session: AuthSession,
    came: Result<FederationNotice, FederationCallbackRejection>,
) -> Result<Response, Problem> {
    let FederationNotice(message) = match came {
        Ok(came) => came,
        Err(rejection) => return not_read(rejection),
    };
    sso::obey(&app.access, &session, message).await?;
    Ok((StatusCode::OK, [(header::CACHE_CONTROL, "no-store")]).into_response())
}

pub(super) async fn single_logout(
    State(app): State<Arc<App>>,
    session: AuthSession,
    came: Result<FederationCallback, FederationCallbackRejection>,
) -> Result<Response, Problem> {
    let FederationCallback(message) = match came {
        Ok(came) => came,
        Err(rejection) => return not_read(rejection),
    };
    Ok(match sso::single_logout(&app.access, &session, message).await? {
        Told::Answer(redirection) => FederationRedirect(redirection).into_response(),
        Told::Done => see_other("/login", &[]),
    })
}

/// A form of another site is posted once more from here; anything else is a problem.
fn not_read(rejection: FederationCallbackRejection) -> Result<Response, Problem> {
    match rejection {
        again @ FederationCallbackRejection::PostAgain { .. } => Ok(again.into_response()),
        FederationCallbackRejection::Malformed => Err(Problem::invalid("", "a query or a form is needed")),
        FederationCallbackRejection::TooLarge => {
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"))
        }
    }
}
