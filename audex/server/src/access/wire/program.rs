use super::body::Sent;
use crate::{
    access::{
        device::DeviceToken,
        program::{self, MAX_ADDRESS},
    },
    api::{FromMembers, Members},
    app::App,
    problem::Problem,
};
use axum::{Json, extract::State};
use std::sync::Arc;

/// The longest code and verifier that are read, in bytes.
const MAX_CODE: usize = 128;

pub(super) struct Redeem {
    code: String,
    code_verifier: String,
    redirect_uri: String,
}

impl FromMembers for Redeem {
    fn from_members(members: &mut Members) -> Result<Self, Problem> {
        // What RFC 6749 has beside it tells nothing here.
        let _ = (members.text("grant_type", MAX_CODE)?, members.text("client_id", MAX_CODE)?);
        Ok(Self {
            code: members.required_text("code", MAX_CODE)?,
            code_verifier: members.required_text("code_verifier", MAX_CODE)?,
            redirect_uri: members.required_text("redirect_uri", MAX_ADDRESS)?,
        })
    }
}

pub(super) async fn token(
    State(app): State<Arc<App>>,
    Sent { value, .. }: Sent<Redeem>,
) -> Result<Json<DeviceToken>, Problem> {
    let Redeem { code, code_verifier, redirect_uri } = value;
    program::token(&app.access, &code, &code_verifier, &redirect_uri).await.map(Json)
}
