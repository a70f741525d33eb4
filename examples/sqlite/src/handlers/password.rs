use super::{Answered, CodeForm, Site};
use crate::{accounts::TENANT, answer::Answer};
use axess::{AuthSession, Authenticated};
use axum::{Json, extract::State};
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Change {
    current: String,
    new: String,
}

#[derive(Deserialize)]
pub(crate) struct Forgotten {
    username: String,
}

#[derive(Deserialize)]
pub(crate) struct New {
    new: String,
}

/// Changes the password of somebody who knows the current one, and ends their other sessions.
pub(crate) async fn change(user: Authenticated, State(app): Site, Json(form): Json<Change>) -> Answered {
    Ok(app.service.change_password(user.session(), form.current, form.new).await?.into())
}

/// Mails a code, if there is such an account; the answer is the same if not.
pub(crate) async fn forgotten(
    session: AuthSession,
    State(app): Site,
    Json(form): Json<Forgotten>,
) -> Answered {
    app.service.begin_password_reset(&session, &form.username, TENANT).await?;
    Ok(Answer::CodeSent)
}

/// Takes the mailed code.
pub(crate) async fn reset_code(session: AuthSession, State(app): Site, Json(form): CodeForm) -> Answered {
    Ok(app.service.verify_password_reset(&session, form.code).await?.into())
}

/// Sets the new password and ends every session of the account. It logs nobody in: a second factor is asked for as ever.
pub(crate) async fn reset(session: AuthSession, State(app): Site, Json(form): Json<New>) -> Answered {
    Ok(app.service.complete_password_reset(&session, form.new).await?.into())
}
