use super::{body::Sent, login::Code, see_other};
use crate::{
    access::enrol::{self, EnrolStep, Enrolled, NewAuthenticator},
    api::{FromMembers, Members},
    app::App,
    problem::Problem,
};
use axess::AuthSession;
use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;

const MAX_PASSWORD: usize = 4_096;

pub(super) struct New {
    password: String,
}

impl FromMembers for New {
    fn from_members(members: &mut Members) -> Result<Self, Problem> {
        Ok(Self { password: members.required_text("password", MAX_PASSWORD)? })
    }
}

pub(super) async fn password(
    State(app): State<Arc<App>>,
    session: AuthSession,
    Path(token): Path<String>,
    Sent { value, is_form }: Sent<New>,
) -> Result<Response, Problem> {
    match enrol::password(&app.access, &session, &token, value.password.into()).await? {
        EnrolStep::Totp if is_form => Ok(see_other("/enrol/totp", &[])),
        EnrolStep::Totp => Ok(Json(json!({ "status": "totp_required" })).into_response()),
        // The token is known to be one: it has nothing that a path would not have.
        EnrolStep::Weak(_) if is_form => Ok(see_other(&format!("/enrol/{token}"), &[("weak", "1")])),
        EnrolStep::Weak(why) => Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "weak_password")
            .with("field", "password")
            .with_detail(why)),
    }
}

pub(super) async fn begin_totp(
    State(app): State<Arc<App>>,
    session: AuthSession,
) -> Result<Json<NewAuthenticator>, Problem> {
    enrol::begin_totp(&app.access, &session).await.map(Json)
}

pub(super) async fn confirm_totp(
    State(app): State<Arc<App>>,
    session: AuthSession,
    Sent { value, .. }: Sent<Code>,
) -> Result<Json<Value>, Problem> {
    match enrol::confirm_totp(&app.access, &session, &value.code).await? {
        Enrolled::Done { recovery_codes } => {
            Ok(Json(json!({ "status": "signed_in", "recovery_codes": recovery_codes })))
        }
        Enrolled::WrongCode => Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "wrong_code")
            .with_detail("the code does not fit: is the clock of the phone right?")),
        Enrolled::Expired => Err(Problem::new(StatusCode::CONFLICT, "enrolment_expired")
            .with_detail("it took too long, or too many codes did not fit: begin again")),
    }
}
