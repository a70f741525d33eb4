use crate::{
    access::{Caller, keys},
    api::{FromMembers, Members, extract::JsonBody},
    app::App,
    model::ApprovalKey,
    problem::Problem,
};
use axum::{
    Json,
    extract::{Path, State},
};
use http::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;

/// The longest name and id that are read, in bytes.
const MAX_NAME: usize = 256;

pub(super) struct NewKey {
    name: String,
    jwk: Value,
}

impl FromMembers for NewKey {
    fn from_members(members: &mut Members) -> Result<Self, Problem> {
        let name = members.required_text("name", MAX_NAME)?;
        let jwk = members.take("jwk").ok_or_else(|| Problem::invalid("jwk", "`jwk` is missing"))?;
        Ok(Self { name, jwk })
    }
}

pub(super) async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    let keys = keys::list(&app.access, &caller).await?;
    Ok(Json(json!({ "items": keys })))
}

pub(super) async fn add(
    State(app): State<Arc<App>>,
    caller: Caller,
    JsonBody(new): JsonBody<NewKey>,
) -> Result<(StatusCode, Json<ApprovalKey>), Problem> {
    let key = keys::add(&app.access, &caller, &new.name, &new.jwk).await?;
    Ok((StatusCode::CREATED, Json(key)))
}

pub(super) async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    keys::remove(&app.access, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
