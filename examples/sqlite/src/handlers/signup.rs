//! Signing up with a mail address, which is also the name to log in with: so nobody learns here whether it has an
//! account. Only its owner does, by mail.

use super::{Answered, CodeForm, Site};
use crate::accounts::TENANT;
use axess::{AuthSession, NewSignup};
use axum::{Json, extract::State};
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Signup {
    email: String,
    password: String,
}

/// Mails a code to the address.
pub(crate) async fn begin(session: AuthSession, State(app): Site, Json(form): Json<Signup>) -> Answered {
    let signup = NewSignup {
        identifier: form.email.clone(),
        tenant: TENANT.to_owned(),
        email: Some(form.email),
        display_name: None,
        password: form.password.into(),
    };
    Ok(app.service.begin_signup(&session, signup).await?.into())
}

/// Takes the mailed code, creates the account and logs it in.
pub(crate) async fn confirm(session: AuthSession, State(app): Site, Json(form): CodeForm) -> Answered {
    Ok(app.service.complete_signup(&session, form.code).await?.into())
}
