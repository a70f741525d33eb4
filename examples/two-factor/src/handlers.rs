//! What the routes do: each is one verb of the service, and its outcome as JSON.

use crate::routes::Service;
use axess::{
    AuthSession, Authenticated, AuthnError, AuthnRejection, AuthnScope, EnrolmentOutcome, FactorCredential,
    FactorKind, FactorOutcome, FactorStep, Fresh, Method, store::IdentityAdmin,
};
use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
pub(crate) struct Login {
    username: String,
    password: String,
}

#[derive(Deserialize)]
pub(crate) struct Code {
    code: String,
}

/// What the client is told about a credential.
#[derive(Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub(crate) enum Answer {
    Authenticated,
    SecondFactorRequired { choices: Vec<FactorKind> },
    Refused,
    Enrolled { recovery_codes: Vec<String> },
    EnrolmentExpired,
}

/// A new authenticator. It is a secret: shown once, to its owner.
#[derive(Serialize)]
pub(crate) struct Enrolment {
    /// What an app scans ...
    uri: String,
    /// ... or its user types in ...
    secret: String,
    /// ... and the picture of it, to put into a page as it is.
    qr_svg: String,
}

pub(crate) async fn login(
    session: AuthSession,
    State(service): State<Service>,
    Json(form): Json<Login>,
) -> Result<Answer, AuthnRejection> {
    if session.is_authenticated() {
        service.logout(&session).await?; // logging in again starts over
    }
    Ok(service.login_with_password(&session, &form.username, "default", form.password).await?.into())
}

/// Takes a code of the authenticator app: for a login, or for a step-up.
pub(crate) async fn totp(
    session: AuthSession,
    State(service): State<Service>,
    Json(form): Json<Code>,
) -> Result<Answer, AuthnRejection> {
    Ok(service.verify_factor(&session, FactorCredential::totp(form.code)).await?.into())
}

/// Takes a recovery code, where the authenticator is lost.
pub(crate) async fn recovery_code(
    session: AuthSession,
    State(service): State<Service>,
    Json(form): Json<Code>,
) -> Result<Answer, AuthnRejection> {
    Ok(service.verify_factor(&session, FactorCredential::RecoveryCode(form.code.into())).await?.into())
}

/// Asks for another proof. Until it is given, the session keeps the level it has.
pub(crate) async fn step_up(
    user: Authenticated,
    State(service): State<Service>,
) -> Result<Answer, AuthnRejection> {
    let either = FactorStep::AnyOf(vec![FactorKind::Totp, FactorKind::RecoveryCode]);
    let step = service.require_step_up(user.session(), vec![either]).await?;
    Ok(FactorOutcome::FactorRequired(step).into())
}

/// Shows a new secret to somebody who has logged in within the last five minutes.
pub(crate) async fn enrol_totp(
    user: Fresh<300>,
    State(service): State<Service>,
) -> Result<Json<Enrolment>, AuthnRejection> {
    let shown = service.begin_totp_enrolment(user.session()).await?.uri;
    Ok(Json(Enrolment {
        uri: shown.expose().to_owned(),
        secret: shown.expose_key().to_owned(),
        qr_svg: shown.qr_svg().map_err(AuthnError::Otpauth)?,
    }))
}

/// Stores the secret if the code was made from it. From then on, this user's logins need a second factor.
pub(crate) async fn confirm_totp(
    user: Fresh<300>,
    State(service): State<Service>,
    Json(form): Json<Code>,
) -> Result<Answer, AuthnRejection> {
    let recovery_codes = match service.confirm_totp_enrolment(user.session(), form.code).await? {
        EnrolmentOutcome::Enrolled { recovery_codes } => recovery_codes,
        EnrolmentOutcome::InvalidCode => return Ok(Answer::Refused),
        EnrolmentOutcome::Expired => return Ok(Answer::EnrolmentExpired),
    };
    let scope = AuthnScope::User { tenant_id: user.tenant_id, user_id: user.user_id };
    let methods = vec![Method::password_then_totp()];
    service.identity().save_methods(scope, methods).await.map_err(AuthnError::from)?;
    Ok(Answer::Enrolled {
        recovery_codes: recovery_codes.iter().map(|code| code.expose().to_owned()).collect(),
    })
}

pub(crate) async fn account(user: Authenticated) -> String {
    let proved: Vec<String> = user.factors_completed.iter().map(ToString::to_string).collect();
    format!("proved with {}\n", proved.join(" and "))
}

pub(crate) async fn logout(
    session: AuthSession,
    State(service): State<Service>,
) -> Result<&'static str, AuthnRejection> {
    service.logout(&session).await?;
    Ok("logged out\n")
}

impl From<FactorOutcome> for Answer {
    fn from(outcome: FactorOutcome) -> Self {
        match outcome {
            FactorOutcome::Authenticated => Self::Authenticated,
            FactorOutcome::FactorRequired(step) => {
                Self::SecondFactorRequired { choices: step.kinds().to_vec() }
            }
            // A locked account looks like a wrong credential: the answer does not tell who has an account.
            FactorOutcome::InvalidCredential | FactorOutcome::Locked { .. } => Self::Refused,
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Refused => StatusCode::UNAUTHORIZED,
            Self::EnrolmentExpired => StatusCode::CONFLICT,
            Self::Authenticated | Self::SecondFactorRequired { .. } | Self::Enrolled { .. } => StatusCode::OK,
        };
        (status, Json(self)).into_response()
    }
}
