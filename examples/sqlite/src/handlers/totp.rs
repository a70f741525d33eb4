use super::{Answered, CodeForm, Site};
use axess::{
    Authenticated, AuthnError, AuthnRejection, AuthnScope, EnrolmentOutcome, Method, store::IdentityAdmin,
};
use axum::{Json, extract::State};
use serde::Serialize;

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

pub(crate) async fn enrol(user: Authenticated, State(app): Site) -> Result<Json<Enrolment>, AuthnRejection> {
    let shown = app.service.begin_totp_enrolment(user.session()).await?.uri;
    Ok(Json(Enrolment {
        uri: shown.expose().to_owned(),
        secret: shown.expose_key().to_owned(),
        qr_svg: shown.qr_svg().map_err(AuthnError::Otpauth)?,
    }))
}

/// Stores the secret if the code was made from it. From then on, this user's logins need a second factor.
pub(crate) async fn confirm(user: Authenticated, State(app): Site, Json(form): CodeForm) -> Answered {
    let outcome = app.service.confirm_totp_enrolment(user.session(), form.code).await?;
    if let EnrolmentOutcome::Enrolled { .. } = outcome {
        let scope = AuthnScope::User { tenant_id: user.tenant_id, user_id: user.user_id };
        let methods = vec![Method::password_then_totp()];
        app.service.identity().save_methods(scope, methods).await.map_err(AuthnError::from)?;
    }
    Ok(outcome.into())
}
