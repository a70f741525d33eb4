use super::{posted::Posted, visit::Passer};
use crate::{
    access::enrol::{self, Enrolled},
    app::App,
    console::view::{
        enrol::{EnrolPage, EnrolStep},
        frame::answer,
    },
    problem::Problem,
};
use axess::{AuthSession, Guard, GuardedRouter};
use axum::{
    extract::{Path, Query},
    response::{IntoResponse, Redirect, Response},
};
use http::StatusCode;
use serde::Deserialize;
use std::sync::Arc;

/// Where the authenticator is set up, once there is a password.
const AUTHENTICATOR: &str = "/enrol/totp";

pub(super) fn routes() -> GuardedRouter<Arc<App>> {
    GuardedRouter::new()
        .get("/enrol/{token}", Guard::Public, password)
        .get(AUTHENTICATOR, Guard::Authn, authenticator)
        .post("/console/enrol/totp", Guard::Authn, confirm)
}

#[derive(Debug, Deserialize)]
struct Before {
    /// Whether the password before would not do.
    #[serde(default)]
    weak: Option<String>,
}

async fn password(
    passer: Passer,
    session: AuthSession,
    Path(token): Path<String>,
    Query(before): Query<Before>,
) -> Result<Response, Problem> {
    let email = enrol::look(&passer.app.access, &session, &token).await?.ok_or_else(|| {
        Problem::new(StatusCode::GONE, "link_used")
            .with_detail("the link was used already, or is too old: ask an administrator for another one")
    })?;
    let fault = before.weak.map(|_| {
        "That password is too short, too easy to guess, or was used before. Choose another one.".to_owned()
    });
    // Only a link that is one gets here: it has nothing that would have to be encoded.
    let action = format!("/enrol/{token}");
    Ok(page(&passer, StatusCode::OK, fault, EnrolStep::Password { action, email }))
}

async fn authenticator(passer: Passer, session: AuthSession) -> Result<Response, Problem> {
    let new = enrol::begin_totp(&passer.app.access, &session).await?;
    let step = EnrolStep::Authenticator { qr: new.qr_svg, key: new.secret };
    Ok(page(&passer, StatusCode::OK, None, step))
}

async fn confirm(passer: Passer, session: AuthSession, posted: Posted) -> Result<Response, Problem> {
    // People copy it as `123 456`.
    let code: String = posted.text("code").chars().filter(|c| !c.is_whitespace()).collect();
    Ok(match enrol::confirm_totp(&passer.app.access, &session, &code).await? {
        Enrolled::Done { recovery_codes } => {
            page(&passer, StatusCode::OK, None, EnrolStep::Recovery { codes: recovery_codes })
        }
        Enrolled::WrongCode => {
            let fault = "That code does not fit. Wait for the next one and try again.".to_owned();
            page(&passer, StatusCode::UNPROCESSABLE_ENTITY, Some(fault), EnrolStep::Again)
        }
        Enrolled::Expired => Redirect::to(AUTHENTICATOR).into_response(),
    })
}

fn page(passer: &Passer, status: StatusCode, fault: Option<String>, step: EnrolStep) -> Response {
    let title = match step {
        EnrolStep::Password { .. } => "Welcome",
        EnrolStep::Authenticator { .. } | EnrolStep::Again => "Set up your authenticator",
        EnrolStep::Recovery { .. } => "Save your recovery codes",
    };
    answer(status, &EnrolPage { frame: passer.frame(title), fault, step })
}
