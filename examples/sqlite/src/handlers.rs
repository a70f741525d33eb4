//! What the routes do: each is one verb of the service, and its outcome as JSON.

pub(crate) mod login;
pub(crate) mod operations;
pub(crate) mod password;
pub(crate) mod signup;
pub(crate) mod totp;

use crate::{answer::Answer, routes::App};
use axess::AuthnRejection;
use axum::{Json, extract::State};
use serde::Deserialize;

/// What every handler is given of the application.
type Site = State<App>;
/// What most handlers return.
type Answered = Result<Answer, AuthnRejection>;

/// A code: of an authenticator app, of a mail, of the list for emergencies.
#[derive(Deserialize)]
pub(crate) struct Code {
    code: String,
}

type CodeForm = Json<Code>;
