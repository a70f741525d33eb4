use super::body::Sent;
use crate::{
    access::{
        Caller,
        device::{self, DeviceLogin, DeviceToken, MAX_CLIENT, WaitingLogin},
    },
    api::{FromMembers, Members},
    app::App,
    problem::Problem,
};
use axess::ClientIp;
use axum::{Extension, Json, extract::State};
use http::StatusCode;
use serde_json::Value;
use std::sync::Arc;

/// The longest code that is read, in bytes.
const MAX_CODE: usize = 64;
/// The longest list of scopes that is read, in bytes.
const MAX_SCOPE: usize = 200;

pub(super) struct Begin {
    client: Option<String>,
    scope: Option<String>,
    jwk: Option<Value>,
}

pub(super) struct Ask {
    device_code: String,
}

pub(super) struct Look {
    user_code: String,
}

pub(super) struct Confirm {
    user_code: String,
    allow: bool,
}

impl FromMembers for Begin {
    fn from_members(members: &mut Members) -> Result<Self, Problem> {
        Ok(Self {
            client: members.text("client", MAX_CLIENT)?,
            scope: members.text("scope", MAX_SCOPE)?,
            jwk: members.take("jwk"),
        })
    }
}

impl FromMembers for Ask {
    fn from_members(members: &mut Members) -> Result<Self, Problem> {
        // What RFC 8628 has beside it tells nothing here.
        let _ = (members.text("grant_type", MAX_CLIENT)?, members.text("client_id", MAX_CLIENT)?);
        Ok(Self { device_code: members.required_text("device_code", MAX_CODE)? })
    }
}

impl FromMembers for Look {
    fn from_members(members: &mut Members) -> Result<Self, Problem> {
        Ok(Self { user_code: members.required_text("user_code", MAX_CODE)? })
    }
}

impl FromMembers for Confirm {
    fn from_members(members: &mut Members) -> Result<Self, Problem> {
        let user_code = members.required_text("user_code", MAX_CODE)?;
        let allow = members.flag("allow")?;
        let allow = allow.ok_or_else(|| Problem::invalid("allow", "`allow` is true or false"))?;
        Ok(Self { user_code, allow })
    }
}

pub(super) async fn begin(
    State(app): State<Arc<App>>,
    client: Option<Extension<ClientIp>>,
    Sent { value, .. }: Sent<Begin>,
) -> Result<Json<DeviceLogin>, Problem> {
    let ip = client.and_then(|Extension(client)| client.ip);
    let Begin { client, scope, jwk } = value;
    device::begin(&app.access, client.as_deref(), scope.as_deref(), jwk.as_ref(), ip).await.map(Json)
}

pub(super) async fn token(
    State(app): State<Arc<App>>,
    Sent { value, .. }: Sent<Ask>,
) -> Result<Json<DeviceToken>, Problem> {
    device::token(&app.access, &value.device_code).await.map(Json)
}

pub(super) async fn look(
    State(app): State<Arc<App>>,
    caller: Caller,
    Sent { value, .. }: Sent<Look>,
) -> Result<Json<WaitingLogin>, Problem> {
    let found = device::look(&app.access, &caller, &value.user_code).await?;
    found.map(|(waiting, _)| Json(waiting)).ok_or_else(Problem::not_found)
}

pub(super) async fn confirm(
    State(app): State<Arc<App>>,
    caller: Caller,
    Sent { value, .. }: Sent<Confirm>,
) -> Result<StatusCode, Problem> {
    device::confirm(&app.access, &caller, &value.user_code, value.allow).await?;
    Ok(StatusCode::NO_CONTENT)
}
