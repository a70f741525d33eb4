use super::add;
use crate::{
    access::{
        Action, Caller, Proof,
        tokens::{self, NewToken},
    },
    api::{
        FromMembers, Members,
        extract::{JsonBody, Params},
    },
    app::App,
    model::{ApiToken, PageQuery, Person},
    problem::Problem,
};
use axess::UserId;
use axum::{
    Json,
    extract::{Path, State},
};
use http::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;
use uuid::Uuid;

/// The longest name, id or page token that is read, in bytes.
const MAX_TEXT: usize = 256;
/// How many scopes there are.
const SCOPES: usize = 4;

impl FromMembers for NewToken {
    fn from_members(members: &mut Members) -> Result<Self, Problem> {
        let mut new = Self::new(members.required_text("name", MAX_TEXT)?);
        if let Some(names) = members.texts("scopes", SCOPES, MAX_TEXT)? {
            let scopes = names.iter().map(|name| {
                let refuse = || Problem::invalid("scopes", "one of request, approve, read, administer");
                Action::parse(name).ok_or_else(refuse)
            });
            new.scopes = scopes.collect::<Result<_, _>>()?;
        }
        if let Some(days) = members.number_in("expires_in_days", 1..=u64::from(tokens::MAX_DAYS))? {
            new.days = u32::try_from(days).unwrap_or(tokens::MAX_DAYS);
        }
        new.owner = members.text("owner", MAX_TEXT)?.map(|owner| user_id("owner", &owner)).transpose()?;
        Ok(new)
    }
}

/// Which tokens are listed.
pub(super) struct Listed {
    owner: Option<UserId>,
    page: PageQuery,
}

impl FromMembers for Listed {
    fn from_members(members: &mut Members) -> Result<Self, Problem> {
        let owner = members.text("owner", MAX_TEXT)?.map(|owner| user_id("owner", &owner)).transpose()?;
        Ok(Self { owner, page: PageQuery::from_members(members)? })
    }
}

pub(super) async fn make(
    State(app): State<Arc<App>>,
    caller: Caller,
    JsonBody(new): JsonBody<NewToken>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let made = tokens::make(&app.access, &caller, new).await?;
    let makers = tokens::makers(&app.access, std::slice::from_ref(&made.token)).await?;
    let mut shown = shape(&made.token, makers.get(&made.token.id));
    add(&mut shown, "token", json!(made.secret));
    Ok((StatusCode::CREATED, Json(shown)))
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(listed): Params<Listed>,
) -> Result<Json<Value>, Problem> {
    let page = tokens::list(&app.access, &caller, listed.owner, &listed.page).await?;
    let makers = tokens::makers(&app.access, &page.items).await?;
    let items: Vec<Value> = page.items.iter().map(|token| shape(token, makers.get(&token.id))).collect();
    let mut list = json!({ "items": items });
    if let Some(next) = page.next {
        add(&mut list, "next", json!(next));
    }
    Ok(Json(list))
}

/// Revokes by id; `current` is the token that the request is made with.
pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = match (&caller.how, id.as_str()) {
        (Proof::ApiToken { id, .. }, "current") => *id,
        _ => id.parse::<Uuid>().map_err(|_| Problem::not_found())?,
    };
    tokens::revoke(&app.access, &caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reads the id of an account.
pub(super) fn user_id(field: &str, text: &str) -> Result<UserId, Problem> {
    text.parse().map_err(|_| Problem::invalid(field, "this is no id of an account"))
}

/// Shows a token, and who made it where that is somebody else than whose it is.
fn shape(token: &ApiToken, maker: Option<&Person>) -> Value {
    let maker = maker.map(|maker| json!({ "email": maker.email, "disabled": maker.is_disabled }));
    json!({
        "id": token.id,
        "owner": token.owner,
        "made_by": token.made_by,
        "maker": maker,
        "name": token.name,
        "scopes": token.scopes,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "last_used_at": token.last_used_at,
        "revoked_at": token.revoked_at,
    })
}
