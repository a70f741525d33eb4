use super::{body::Sent, see_other};
use crate::{
    access::{
        login::{self, LoginStep, safe_next},
        sso,
    },
    api::{FromMembers, Members},
    app::App,
    console,
    problem::Problem,
};
use axess::{
    AuthSession,
    federation::{FederationRedirect, Redirection},
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde_json::json;
use std::sync::Arc;

/// The longest address, password and code that are read, in bytes. Passwords have a limit of their own below.
const MAX_EMAIL: usize = 1_024;
const MAX_PASSWORD: usize = 4_096;
const MAX_CODE: usize = 64;
const MAX_NEXT: usize = 1_024;

pub(super) struct Password {
    email: String,
    password: String,
    next: String,
}

pub(super) struct Code {
    pub(super) code: String,
    next: String,
}

impl FromMembers for Password {
    fn from_members(members: &mut Members) -> Result<Self, Problem> {
        Ok(Self {
            email: members.required_text("email", MAX_EMAIL)?,
            password: members.required_text("password", MAX_PASSWORD)?,
            next: members.text("next", MAX_NEXT)?.unwrap_or_default(),
        })
    }
}

impl FromMembers for Code {
    fn from_members(members: &mut Members) -> Result<Self, Problem> {
        Ok(Self {
            code: members.required_text("code", MAX_CODE)?,
            next: members.text("next", MAX_NEXT)?.unwrap_or_default(),
        })
    }
}

pub(super) async fn begin(
    State(app): State<Arc<App>>,
    session: AuthSession,
    Sent { value, is_form }: Sent<Password>,
) -> Result<Response, Problem> {
    let outcome = login::begin(&app.access, &session, &value.email, value.password.into()).await;
    answer(outcome, is_form, "/login", &value.next)
}

pub(super) async fn totp(
    State(app): State<Arc<App>>,
    session: AuthSession,
    Sent { value, is_form }: Sent<Code>,
) -> Result<Response, Problem> {
    let outcome = login::totp(&app.access, &session, &value.code).await;
    answer(outcome, is_form, "/login/totp", &value.next)
}

pub(super) async fn recovery(
    State(app): State<Arc<App>>,
    session: AuthSession,
    Sent { value, is_form }: Sent<Code>,
) -> Result<Response, Problem> {
    let outcome = login::recovery(&app.access, &session, &value.code).await;
    answer(outcome, is_form, "/login/recovery", &value.next)
}

pub(super) async fn logout(
    State(app): State<Arc<App>>,
    session: AuthSession,
    headers: http::HeaderMap,
) -> Result<Response, Problem> {
    let accepts = headers.get(http::header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !accepts.contains("text/html") {
        login::logout(&app.access, &session).await?;
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(match sso::out(&app.access, &session).await? {
        // Not a redirect: `form-action` of the page that asked would count for it.
        Some(Redirection::Get(url)) => console::signed_out(url),
        Some(posted) => FederationRedirect(posted).into_response(),
        None => see_other("/login", &[]),
    })
}

/// Answers a program with JSON, and a form with the page that is next.
fn answer(
    outcome: Result<LoginStep, Problem>,
    is_form: bool,
    page: &str,
    next: &str,
) -> Result<Response, Problem> {
    let next = safe_next(next);
    match outcome {
        Ok(step) if !is_form => Ok(Json(json!({ "status": step.name() })).into_response()),
        Ok(LoginStep::SignedIn) => Ok(see_other_path(next)),
        Ok(LoginStep::SecondFactor) => Ok(see_other("/login/totp", &[("next", next)])),
        Ok(LoginStep::Enrolment) => Ok(see_other("/enrol/totp", &[])),
        Err(problem) if is_form && problem.code() == "login_failed" => {
            Ok(see_other(page, &[("failed", "1"), ("next", next)]))
        }
        Err(problem) if is_form && problem.status() == StatusCode::UNAUTHORIZED => {
            Ok(see_other("/login", &[("next", next)]))
        }
        Err(problem) => Err(problem),
    }
}

/// Leads to a path that may have a query of its own.
pub(super) fn see_other_path(path: &str) -> Response {
    match http::HeaderValue::from_str(path) {
        Ok(place) => (StatusCode::SEE_OTHER, [(http::header::LOCATION, place)]).into_response(),
        Err(_) => see_other("/", &[]),
    }
}
