use super::{Answered, CodeForm, Site};
use crate::accounts::TENANT;
use axess::{
    AuthSession, Authenticated, AuthnError, AuthnRejection, FactorCredential, store::IdentityLookup,
};
use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
pub(crate) struct Login {
    username: String,
    password: String,
}

/// What people are told about themselves.
#[derive(Serialize)]
pub(crate) struct Account {
    username: String,
    email: Option<String>,
    proved_with: Vec<String>,
}

pub(crate) async fn login(session: AuthSession, State(app): Site, Json(form): Json<Login>) -> Answered {
    if session.is_authenticated() {
        app.service.logout(&session).await?; // logging in again starts over
    }
    Ok(app.service.login_with_password(&session, &form.username, TENANT, form.password).await?.into())
}

/// Takes a code of the authenticator app.
pub(crate) async fn totp(session: AuthSession, State(app): Site, Json(form): CodeForm) -> Answered {
    Ok(app.service.verify_factor(&session, FactorCredential::totp(form.code)).await?.into())
}

/// Takes a recovery code, where the authenticator is lost.
pub(crate) async fn recovery_code(session: AuthSession, State(app): Site, Json(form): CodeForm) -> Answered {
    let code = FactorCredential::RecoveryCode(form.code.into());
    Ok(app.service.verify_factor(&session, code).await?.into())
}

pub(crate) async fn account(user: Authenticated, State(app): Site) -> Result<Json<Account>, AuthnRejection> {
    let found =
        app.service.identity().get_user(user.tenant_id, user.user_id).await.map_err(AuthnError::from)?;
    let found = found.ok_or(AuthnError::NotAuthenticated)?;
    Ok(Json(Account {
        username: found.identifier.as_str().to_owned(),
        email: found.email.map(|address| address.as_str().to_owned()),
        proved_with: user.factors_completed.iter().map(ToString::to_string).collect(),
    }))
}

pub(crate) async fn logout(session: AuthSession, State(app): Site) -> Result<&'static str, AuthnRejection> {
    app.service.logout(&session).await?;
    Ok("logged out\n")
}
